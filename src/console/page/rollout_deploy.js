// Beginning a rollout. What is left empty is as `penstock deploy` has it.
import { post } from './api.js';
import { html, useState } from './html.js';
import { useLoad } from './load.js';
import { Confirm } from './parts.js';

const kinds = [['canary', 'canary: 5, 25, 50 %, then all'], ['ab', 'ab: half and half for a day'], ['blue-green', 'blue-green: all at once'], ['shadow', 'shadow: asked, answers nobody']];

export function DeployForm({ onClose, onDone }) {
  const endpoints = useLoad('/v1/endpoints');
  const models = useLoad('/v1/admin/models?limit=200');
  const [kind, setKind] = useState('canary');
  const begin = async (form) => {
    const set = Object.fromEntries([...form].filter(([, value]) => value !== ''));
    onDone(await post('/v1/admin/rollouts', { ...set, ...(set.least ? { least: Number(set.least) } : {}) }));
  };
  const text = (name, title, words, more = {}) => html`<label class="field">${title}<input name=${name} autocomplete="off" ...${more} />${words && html`<small>${words}</small>`}</label>`;
  const known = (models.data?.data ?? []).map(({ name, version }) => `${name}@${version}`);
  return html`<${Confirm} title="Begin a rollout" confirm="Begin" onConfirm=${begin} onClose=${onClose}>
    <label class="field">Endpoint<select name="endpoint">${(endpoints.data?.data ?? []).map(({ name }) => html`<option>${name}</option>`)}</select></label>
    ${text('candidate', 'Candidate', 'A version (tickets@4), a language model (main/gpt-4o-mini), or one with another prompt (…#support@3)', { required: true, list: 'known-models' })}
    <datalist id="known-models">${known.map((reference) => html`<option value=${reference}></option>`)}</datalist>
    <label class="field">Kind<select name="kind" value=${kind} onChange=${(event) => setKind(event.target.value)}>${kinds.map(([value, words]) => html`<option value=${value}>${words}</option>`)}</select></label>
    ${text('why', 'Why', '', { required: true, maxlength: 240 })}
    <details><summary>More</summary><div class="column">
      ${kind === 'canary' && text('steps', 'Steps', 'Such as 10,50')}
      ${text('pause', 'A step lasts at least', 'Such as 10m')}
      ${text('limit', 'And at most', 'Such as 24h')}
      ${text('least', 'Requests before anything is decided', '', { type: 'number', min: 1 })}
      ${text('segment', 'For some only', 'client=shop,intranet or header=x-tier:gold')}
      ${text('override', 'Without a passed evaluation, because', 'Stands in the audit log.')}
    </div></details>
  <//>`;
}
