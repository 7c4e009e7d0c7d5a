// Review: what a person decides, by the keyboard alone if wanted.
import { segment } from './api.js';
import { html, useEffect, useRef, useState } from './html.js';
import { useLoad } from './load.js';
import { Badge, Candidates, Empty, Facts, Loaded, Loading, Page, Problem, RequestLink, Sheet, Time } from './parts.js';
import { bytes, percent } from './format.js';
import { go, to } from './route.js';
import { useQueue } from './review_queue.js';

const reasons = {
  low_confidence: 'The model is less sure than its lower threshold',
  rules: 'The business rules did not pass',
  fallback: 'No model could answer; the fallback chain ends with a person',
  audit: 'Drawn by chance, so that what is accepted is looked at, too',
};

function Source({ item }) {
  const { input } = item;
  const address = `/v1/review/${segment(item.id)}/input`;
  if (input.text !== undefined) return html`<pre class="document" tabindex="0" aria-label="The text that came in">${input.text}</pre>`;
  if (input.unavailable) return html`<${Empty} title="The input cannot be shown"><p>${input.unavailable}</p><//>`;
  if (!input.kept) return html`<${Empty} title="The input was not kept"><p>With <code>keep_inputs: review</code> at the endpoint, and within its <code>retention</code>, it is shown here. Decide by what is known, or skip it.</p><//>`;
  if (/^image\//.test(input.type)) return html`<img class="document" src=${address} alt="The document that came in" />`;
  return html`<iframe class="document" src=${address} title="The document that came in"></iframe>
    <p class="small"><a href=${address} target="_blank" rel="noreferrer">Open it by itself</a> <span class="quiet">${input.type}, ${bytes(input.size)}</span></p>`;
}

function OtherLabel({ item, field, onLabel }) {
  const [text, set] = useState('');
  const long = item.labels.length === 0 && (item.prediction ?? '').length > 60;
  useEffect(() => set(long ? item.prediction : ''), [item.id]);
  const submit = (event) => {
    event.preventDefault();
    if (text.trim()) onLabel(text.trim());
  };
  const input = { ref: field, name: 'label', required: true, value: text, maxlength: 16384, onInput: (event) => set(event.target.value), onKeyDown: (event) => event.key === 'Escape' && event.target.blur() };
  return html`<form class="row other" onSubmit=${submit}>
    <label class="field"><span>${long ? 'The right answer' : 'Another label'} <kbd>/</kbd></span>${long ? html`<textarea ...${input}></textarea>` : html`<input ...${input} autocomplete="off" />`}</label>
    <button>Label</button>
  </form>`;
}

// What stands in the way of acting by the first label of the list: somebody did already.
const Resolved = ({ item }) => html`<div class="column"><p><${Badge} kind="good">resolved<//> as <strong>${item.label}</strong> by ${item.reviewer}, <${Time} at=${item.resolved} /></p>
  <p><a href=${to(['review'])}>To the open items</a></p></div>`;

function Decide({ item, queue, field }) {
  const choices = item.labels.length ? item.labels : item.prediction ? [{ label: item.prediction, confidence: item.confidence ?? 0 }] : [];
  return html`<div class="choices" role="group" aria-label="The right label">
      ${choices.slice(0, 9).map(({ label, confidence }, i) => html`<button class="label-choice" onClick=${() => queue.label(item, label)}>
        <kbd aria-hidden="true">${i + 1}</kbd><span class="name">${label}</span><span class="number quiet">${percent(confidence, 1)}</span>
        <i aria-hidden="true" style=${{ width: `${confidence * 100}%` }}></i>
      </button>`)}
    </div>
    <${OtherLabel} item=${item} field=${field} onLabel=${(label) => queue.label(item, label)} />
    <div class="row"><button onClick=${() => queue.skip(item)}>Skip <kbd aria-hidden="true">s</kbd></button></div>`;
}

function Item({ item, queue, field }) {
  return html`<div class="review-item">
    <${Sheet} title="What came in" aside=${html`<${Time} at=${item.created} relative />`}><${Source} key=${item.id} item=${item} /><//>
    <div class="column">
      <${Sheet} title=${item.status === 'open' ? 'Which is right?' : 'Decided'}>
        <div class="column">${item.status === 'open' ? html`<${Decide} item=${item} queue=${queue} field=${field} />` : html`<${Resolved} item=${item} />`}</div>
      <//>
      <${Sheet} title="Why it is here">
        <div class="column"><p>${reasons[item.reason] ?? item.reason}${item.detail ? html`: <span>${item.detail}</span>` : '.'}</p>
        <${Facts} of=${[['Endpoint', item.endpoint], ['Model', item.model], ['It says', item.prediction && item.prediction.length < 80 ? item.prediction : null],
          ['Confidence', item.confidence === null ? null : percent(item.confidence, 1)], ['Request', html`<${RequestLink} id=${item.request_id} />`]]} /></div>
      <//>
    </div>
  </div>`;
}

const Keys = () => html`<p class="small quiet keys"><kbd>1</kbd>–<kbd>9</kbd> label · <kbd>j</kbd> next · <kbd>k</kbd> back · <kbd>s</kbd> skip · <kbd>u</kbd> undo · <kbd>/</kbd> another label</p>`;

// The keys, wherever the focus is, unless it is where text goes.
function useKeys(queue, item, field) {
  const latest = useRef();
  latest.current = { queue, item };
  useEffect(() => {
    const pressed = (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) return;
      const { queue: q, item: one } = latest.current;
      const acts = { j: () => q.move(1), k: () => q.move(-1), u: q.undo, s: () => one?.status === 'open' && q.skip(one), '/': () => field.current?.focus() };
      const choice = one?.status === 'open' && /^[1-9]$/.test(event.key) && (one.labels[event.key - 1]?.label ?? (event.key === '1' && one.labels.length === 0 && one.prediction));
      if (!acts[event.key] && !choice) return;
      event.preventDefault();
      if (choice) q.label(one, choice);
      else acts[event.key]();
    };
    document.addEventListener('keydown', pressed);
    return () => document.removeEventListener('keydown', pressed);
  }, []);
}

export function Review({ path, query }) {
  const endpoint = query.endpoint ?? '';
  const queue = useQueue(endpoint, path[0]);
  const endpoints = useLoad('/v1/endpoints');
  const field = useRef();
  const listed = queue.items[queue.at];
  const elsewhere = path[0] && listed?.id !== path[0] && queue.loaded;
  const linked = useLoad(elsewhere ? `/v1/review/${segment(path[0])}` : '');
  const item = elsewhere ? linked.data : listed;
  useKeys(queue, item, field);
  const choose = html`<label class="row small">Endpoint <select value=${endpoint} onChange=${(event) => go(['review'], { endpoint: event.target.value })}>
    <option value="">all</option>${(endpoints.data?.data ?? []).map(({ name }) => html`<option value=${name}>${name}</option>`)}</select></label>`;
  return html`<${Page} title="Review" actions=${choose}>
    <div class="row between"><p aria-live="polite">${queue.loaded && !queue.error ? html`<strong class="number">${queue.open}</strong> open${endpoint ? ' in all' : ''}${listed && item === listed ? html`<span class="quiet">, number ${queue.at + 1} of the ${queue.items.length} loaded</span>` : ''}` : ''}</p><${Keys} /></div>
    ${queue.error && html`<${Problem} error=${queue.error} doing="The queue could not be loaded" again=${queue.reload} />`}
    ${!queue.loaded && html`<${Loading} what="Loading the queue" />`}
    ${elsewhere && html`<${Loaded} from=${linked} what="item">${() => ''}<//>`}
    ${item && html`<${Item} item=${item} queue=${queue} field=${field} />`}
    ${queue.loaded && !queue.error && !item && !elsewhere && html`<${Empty} title="Nothing waits for a person"><p>Predictions come here that are less sure than their lower threshold, that the rules did not pass, or that nothing could answer.</p>
      <p>To see one: <a href="#/try">try</a> a text that is about nothing the endpoint knows.</p><//>`}
  <//>`;
}
