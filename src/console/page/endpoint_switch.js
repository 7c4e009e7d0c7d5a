// The switch of an endpoint: everything goes to people, or to the fallback, until it is set back.
import { post } from './api.js';
import { html, useState } from './html.js';
import { useLoad } from './load.js';
import { Badge, Confirm, Loaded, Sheet, Time } from './parts.js';
import { toast } from './toasts.js';

const states = {
  auto: ['Automatic', 'The pipeline decides.'],
  people: ['To people', 'Every answer goes to review first, and no client gets one by itself.'],
  fallback: ['To the fallback', 'No model is asked; the fallback chain answers.'],
};

export function Switch({ endpoint, who }) {
  const address = `/v1/admin/endpoints/${encodeURIComponent(endpoint)}/switch`;
  const from = useLoad(address, { every: 10_000 });
  const [wanted, want] = useState();
  const set = async (form) => {
    await post(address, { to: wanted, reason: form.get('reason') });
    toast(`${endpoint}: ${states[wanted][0].toLowerCase()}`);
    from.reload();
  };
  return html`<${Sheet} title="Switch"><${Loaded} from=${from} what="switch">${(now) => html`<div class="column">
      <p><${Badge} kind=${now.to === 'auto' ? 'good' : 'warn'}>${states[now.to][0]}<//> ${states[now.to][1]}</p>
      ${now.since && html`<p class="small quiet">Since <${Time} at=${now.since} />, by ${now.by}: ${now.reason}</p>`}
      ${who.role === 'admin' ? html`<div class="row">${Object.keys(states).filter((to) => to !== now.to).map((to) => html`<button onClick=${() => want(to)}>${states[to][0]}</button>`)}</div>`
        : html`<p class="small quiet">An administrator can change it.</p>`}
      ${wanted && html`<${Confirm} title=${`${endpoint}: ${states[wanted][0].toLowerCase()}?`} confirm=${states[wanted][0]} danger=${wanted !== 'auto'} onConfirm=${set} onClose=${() => want()}>
        <p>${states[wanted][1]} In force for requests that begin a tenth of a second later, until it is set otherwise.</p>
        <label class="field">Why<input name="reason" required maxlength="500" autocomplete="off" /><small>Stands in the history and the audit log.</small></label>
      <//>`}
    </div>`}<//><//>`;
}
