// Review: what a person decides, by the keyboard alone if wanted.
import { segment } from './api.js';
import { html, useEffect, useRef, useState } from './html.js';
import { useLoad } from './load.js';
import { Badge, Empty, Facts, Loading, Model, Page, Problem, RequestLink, Sheet, Time } from './parts.js';
import { bytes, percent } from './format.js';
import { go, to } from './route.js';
import { correction, More, nothing, Own } from './review_more.js';
import { useQueue } from './review_queue.js';

const reasons = {
  low_confidence: 'The model is less sure than its lower threshold',
  rules: 'The business rules did not pass',
  fallback: 'No model could answer; the fallback chain ends with a person',
  audit: 'Drawn by chance, so that what is accepted is looked at, too',
};

const isText = (type) => /^(text\/|application\/json)/.test(type ?? '');

// The file as it came, in a frame that lets nothing of it run, and what was read in it.
function Document({ item }) {
  const { input } = item;
  const address = `/v1/review/items/${segment(item.id)}/input`;
  return html`${/^image\//.test(input.type)
    ? html`<img class="document" src=${address} alt="The document that came in" />`
    : html`<iframe class="document" src=${address} title="The document that came in"></iframe>`}
    <p class="small"><a href=${address} target="_blank" rel="noreferrer">Open it by itself</a> <span class="quiet">${input.type}, ${bytes(input.size)}</span></p>`;
}

function Source({ item }) {
  const { input } = item;
  const text = input.text !== undefined && html`<pre class="document" tabindex="0" aria-label=${isText(input.type) ? 'The text that came in' : 'What was read in it'}>${input.text}</pre>`;
  if (isText(input.type) && text) return text;
  if (input.kept && !isText(input.type)) return html`<${Document} item=${item} />${text && html`<details><summary>What was read in it</summary>${text}</details>`}`;
  if (text) return text;
  if (input.unavailable) return html`<${Empty} title="The input cannot be shown"><p>${input.unavailable}</p><//>`;
  return html`<${Empty} title="The input was not kept"><p>With <code>keep_inputs: review</code> at the endpoint, and within its <code>retention</code>, it is shown here. Decide by what is known, or skip it.</p><//>`;
}

function OtherLabel({ item, field, onLabel }) {
  const [text, set] = useState('');
  const long = item.labels.length === 0 && (item.prediction ?? '').length > 60;
  useEffect(() => set(long ? item.prediction : ''), [item.id]);
  const submit = (event) => {
    event.preventDefault();
    field.current.blur(); // the keys are keys again
    if (text.trim()) onLabel(text.trim());
  };
  const input = { ref: field, name: 'label', required: true, value: text, maxlength: 16384, onInput: (event) => set(event.target.value), onKeyDown: (event) => event.key === 'Escape' && event.target.blur() };
  return html`<form class="row other" onSubmit=${submit}>
    <label class="field"><span>${long ? 'The right answer' : 'Another label'} <kbd>/</kbd></span>${long ? html`<textarea ...${input}></textarea>` : html`<input ...${input} autocomplete="off" />`}</label>
    <button>Label</button>
  </form>`;
}

const Resolved = ({ item }) => html`<div class="column"><p><${Badge} kind="good">resolved<//> as <strong>${item.label}</strong> by ${item.reviewer}, <${Time} at=${item.resolved} /></p>
  <p><a href=${to(['review'])}>To the open items</a></p></div>`;

const Taken = ({ queue }) => html`<div class="column"><p><${Badge} kind="warn">taken<//> ${queue.taken.message}</p>
  <div class="row">${queue.item.claim?.yours && html`<button onClick=${queue.take}>Decide it here</button>`}<a href=${to(['review'])}>To the next open item</a></div></div>`;

// What may be said by a digit: the model's candidates, or, of an action, whether it may be done.
export function choicesOf(item) {
  if (item.kind === 'approval') return [{ label: 'approved' }, { label: 'denied' }];
  if (item.labels.length) return item.labels.slice(0, 9);
  return item.prediction && item.prediction.length <= 200 ? [{ label: item.prediction, confidence: item.confidence ?? undefined }] : [];
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function Decide({ item, queue, field, decide, more }) {
  return html`${item.kind === 'approval' && html`<pre class="value" tabindex="0" aria-label="What would be done">${pretty(item.prediction)}</pre>`}
    <div class="choices" role="group" aria-label="The right label">
      ${choicesOf(item).map(({ label, confidence }, i) => html`<button class="label-choice" onClick=${() => decide(label)}>
        <kbd aria-hidden="true">${i + 1}</kbd><span class="name">${label}</span>${confidence !== undefined && html`<span class="number quiet">${percent(confidence, 1)}</span>
        <i aria-hidden="true" style=${{ width: `${confidence * 100}%` }}></i>`}
      </button>`)}
    </div>
    ${item.kind !== 'approval' && html`<${OtherLabel} item=${item} field=${field} onLabel=${decide} />`}
    <${More} item=${item} ...${more} onReason=${() => decide('denied')} />
    <div class="row"><button onClick=${() => queue.skip(item)}>Skip <kbd aria-hidden="true">s</kbd></button>
      ${item.opinions.wanted > 1 && html`<span class="small quiet">${item.opinions.disputed ? 'Two people differ; yours settles it' : `${item.opinions.wanted} opinions are wanted, ${item.opinions.given} given`}</span>`}</div>`;
}

function Item({ item, queue, ...deciding }) {
  const open = item.status === 'open';
  return html`<div class="review-item">
    <${Sheet} title="What came in" aside=${html`<${Time} at=${item.created} relative />`}><${Source} key=${item.id} item=${item} /><//>
    <div class="column">
      <${Sheet} title=${!open ? 'Decided' : item.kind === 'approval' ? `May “${item.action}” be done?` : 'Which is right?'}>
        <div class="column">${!open ? html`<${Resolved} item=${item} />` : queue.taken ? html`<${Taken} queue=${queue} />` : html`<${Decide} item=${item} queue=${queue} ...${deciding} />`}</div>
      <//>
      <${Sheet} title="Why it is here">
        <div class="column"><p>${reasons[item.reason] ?? item.reason}${item.detail ? html`: <span>${item.detail}</span>` : '.'}</p>
        <${Facts} of=${[['Endpoint', item.endpoint], ['Model', item.model && html`<${Model} of=${item.model} />`], ['It says', item.prediction && item.prediction.length < 80 ? item.prediction : null],
          ['Confidence', item.confidence === null ? null : percent(item.confidence, 1)], ['Due', item.due && html`<${Time} at=${item.due} />`], ['Corrected', item.fields && html`<code>${JSON.stringify(item.fields)}</code>`], ['Note', item.note],
          ['Request', item.request_id && html`<${RequestLink} id=${item.request_id} />`]]} /></div>
      <//>
    </div>
  </div>`;
}

const Keys = () => html`<p class="small quiet keys"><kbd>1</kbd>–<kbd>9</kbd> label · <kbd>j</kbd> next · <kbd>k</kbd> back · <kbd>s</kbd> skip · <kbd>u</kbd> undo · <kbd>/</kbd> another label · <kbd>f</kbd> fields · <kbd>n</kbd> note</p>`;

// The keys, wherever the focus is, unless it is where text goes.
function useKeys(queue, field, deciding) {
  const latest = useRef();
  latest.current = { ...queue, ...deciding };
  useEffect(() => {
    const pressed = (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) return;
      const q = latest.current;
      const decidable = q.item?.status === 'open' && !q.taken && q.item;
      const acts = { j: () => q.move(1), k: () => q.move(-1), u: q.undo, s: () => decidable && q.skip(decidable), '/': () => field.current?.focus(), n: () => q.more.write(), f: () => decidable && q.more.correct() };
      const choice = decidable && /^[1-9]$/.test(event.key) && choicesOf(decidable)[event.key - 1];
      if (!acts[event.key] && !choice) return;
      event.preventDefault();
      if (choice) q.decide(choice.label);
      else acts[event.key]();
    };
    document.addEventListener('keydown', pressed);
    return () => document.removeEventListener('keydown', pressed);
  }, []);
}

// What is being written about each item, and a label with all of it. It stays while the label can be taken back.
function useDeciding(queue, item) {
  const [drafts, set] = useState({});
  const [asked, ask] = useState();
  const place = useRef();
  const draft = drafts[item?.id] ?? nothing;
  const change = (part) => set((old) => ({ ...old, [item.id]: { ...(old[item.id] ?? nothing), ...part } }));
  const write = () => place.current?.querySelector('textarea').focus();
  const correct = () => {
    change({ open: true });
    requestAnimationFrame(() => place.current?.querySelector('.corrections input')?.focus());
  };
  const decide = (label) => {
    const needs = item.kind === 'approval' && label === 'denied' && !draft.note.trim();
    ask(needs ? item.id : undefined);
    if (needs) write();
    else queue.label(item, label, correction(item, draft));
  };
  return { decide, more: { draft, change, place, write, correct, asked: asked === item?.id && Boolean(item) } };
}

const Nothing = () => html`<${Empty} title="Nothing waits for you"><p>Predictions come here that are less sure than their lower threshold, that the rules did not pass, or that nothing could answer. What others have, and what you skipped, is not shown to you.</p>
  <p>To see one: <a href="#/try">try</a> a text that is about nothing the endpoint knows.</p><//>`;

export function Review({ path, query }) {
  const endpoint = query.endpoint ?? '';
  const queue = useQueue(endpoint, path[0]);
  const endpoints = useLoad('/v1/endpoints');
  const field = useRef();
  const { item, loaded, error } = queue;
  const deciding = useDeciding(queue, item);
  useKeys(queue, field, deciding);
  const choose = html`<label class="row small">Endpoint <select value=${endpoint} onChange=${(event) => go(['review'], { endpoint: event.target.value })}>
    <option value="">all</option>${(endpoints.data?.data ?? []).map(({ name }) => html`<option value=${name}>${name}</option>`)}</select></label>`;
  return html`<${Page} title="Review" actions=${choose}>
    <div class="row between"><p aria-live="polite">${loaded && html`<strong class="number">${queue.open}</strong> open${queue.at >= 0 ? html`<span class="quiet">, ${queue.at + 1} of ${queue.list.length} here</span>` : ''}`}</p><${Keys} /></div>
    ${error && html`<${Problem} error=${error} doing="The queue could not be loaded" again=${queue.again} />`}
    ${!loaded && html`<${Loading} what="Loading the queue" />`}
    <${Own} endpoint=${endpoint || item?.endpoint} />
    ${item && html`<${Item} item=${item} queue=${queue} field=${field} ...${deciding} />`}
    ${loaded && !error && !item && html`<${Nothing} />`}
  <//>`;
}
