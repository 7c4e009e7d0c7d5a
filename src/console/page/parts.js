// What pages are made of: small pieces without state of their own, or with little.
import { session } from './api.js';
import { html, useEffect, useRef, useState } from './html.js';
import { ago, bytes, decisions, ms, number, percent, time } from './format.js';
import { to } from './route.js';
import { meanings } from './stages.js';

// A page: its heading takes the focus when it is entered, so that a screen reader says where one is.
export function Page({ title, lead, actions, children }) {
  const heading = useRef();
  useEffect(() => {
    document.title = `${title} · Penstock`;
    heading.current?.focus({ preventScroll: true });
  }, [title]);
  return html`<div class="page">
    <header>
      <h1 tabindex="-1" ref=${heading}>${title}</h1>
      ${actions && html`<div class="row">${actions}</div>`}
      ${lead && html`<p>${lead}</p>`}
    </header>
    ${children}
  </div>`;
}

export const Sheet = ({ title, aside, children, ...rest }) => html`<section class="sheet" ...${rest}>
  ${title && html`<header><h2>${title}</h2>${aside && html`<div class="small quiet">${aside}</div>`}</header>`}
  ${children}
</section>`;

export const Badge = ({ kind = '', title, children }) => html`<span class="badge ${kind}" title=${title}>${children}</span>`;

export const Decision = ({ of }) => html`<${Badge} kind=${decisions[of]?.[0]} title=${decisions[of]?.[1]}>${of}<//>`;

export const Status = ({ of }) => (of < 400 ? html`<span class="number quiet">${of}</span>` : html`<${Badge} kind=${of < 500 ? 'warn' : 'bad'}>${of}<//>`);

const healths = { ok: ['good', 'well'], unknown: ['', 'too few requests to tell'], degraded: ['warn', 'degraded'], down: ['bad', 'down'] };
// How an endpoint is, and why.
export const Health = ({ of, short }) => html`<${Badge} kind=${healths[of.health][0]}>${healths[of.health][1]}<//>
  ${!short && of.health !== 'unknown' && of.reasons.map((reason) => html`<div class="small">${reason}</div>`)}`;

export const isSimulated = (model) => session.simulators.some((upstream) => model === upstream || model?.startsWith(`${upstream}/`));

// A simulator is called one wherever it is met.
export const Simulator = () => html`<${Badge} kind="warn" title="No model answers here: Penstock's own simulator does.">simulator<//>`;
export const Model = ({ of }) => html`${of}${isSimulated(of) ? html` <${Simulator} />` : ''}`;

// Who answers, with shares where there are several.
export const Serving = ({ of }) => of.map(({ model, weight }) => html`<div><${Model} of=${model} />${of.length > 1 ? html` <span class="quiet number">${percent(weight, weight * 100 % 1 ? 1 : 0)}</span>` : ''}</div>`);

export const Loading = ({ what = 'Loading' }) => html`<p class="loading" role="status">${what} …</p>`;

// What happened, and what to do: the API's own words have both.
export const Problem = ({ error, doing, again }) => html`<div class="problem column" role="alert">
  <p><strong>${doing ?? 'This did not work'}</strong>${error.code ? html` <code>${error.code}</code>` : ''}</p>
  <p>${error.message}</p>
  ${error.retryAfter ? html`<p class="small">It may be tried again in ${error.retryAfter} s.</p>` : ''}
  ${error.requestId && html`<p class="small quiet">Request <code>${error.requestId}</code></p>`}
  ${again && html`<div><button onClick=${again}>Try again</button></div>`}
</div>`;

export const Empty = ({ title, children }) => html`<div class="empty"><strong>${title}</strong>${children}</div>`;

// One of three: what is loaded, that it is being loaded, or why not.
export function Loaded({ from, what, children }) {
  if (from.loading) return html`<${Loading} what=${`Loading ${what}`} />`;
  const said = from.error?.status === 0 && from.data; // that the server is away is said above the page
  return html`${from.error && !said && html`<${Problem} error=${from.error} doing=${from.data ? `The ${what} shown may be old` : `The ${what} could not be loaded`} again=${from.reload} />`}
    ${from.data !== undefined && children(from.data)}`;
}

// In the viewer's zone or as how long ago, with both and UTC for who hovers, and machines.
export function Time({ at, relative = false }) {
  if (!at) return html`<span class="quiet">–</span>`;
  const date = new Date(at);
  return html`<time datetime=${at} title=${`${relative ? time(date) : `${ago(date)} ago`} · ${date.toISOString().replace('T', ' ').replace('Z', '')} UTC`} class="nowrap">${relative ? `${ago(date)} ago` : time(date)}</time>`;
}

export const RequestLink = ({ id }) => html`<a class="mono" href=${to(['requests', id])} title=${id}>${id.length > 14 ? `${id.slice(0, 12)}…` : id}</a>`;

export const Meter = ({ value, label, quiet }) => html`<div class="meter ${quiet ? 'quiet-meter' : ''}" role="img" aria-label=${`${label}: ${percent(value, 1)}`}>
  <i style=${{ width: `${Math.max(0, Math.min(1, value)) * 100}%` }}></i>
</div>`;

// Labels with their confidence, the best first.
export const Candidates = ({ labels, keys = false }) => html`<div class="candidates">
  ${labels.map(({ label, confidence }, i) => html`
    <span class="name">${keys && i < 9 && html`<kbd>${i + 1}</kbd> `}${label}</span>
    <${Meter} value=${confidence} label=${label} quiet=${i > 0} />
    <span class="number">${percent(confidence, 1)}</span>`)}
</div>`;

// Stages one after the other on one scale; `passing`: they appear in their order.
export function Waterfall({ stages, total, passing = false }) {
  const entries = Object.entries(stages);
  const whole = Math.max(total ?? 0, entries.reduce((sum, [, took]) => sum + took, 0)) || 1;
  const longest = Math.max(...entries.map(([, took]) => took));
  let begun = 0;
  return html`<ol class="fall ${passing ? 'passing' : ''}">
    ${entries.map(([name, took], i) => {
      const left = begun / whole;
      begun += took;
      return html`<li key=${name} class=${took === longest ? 'slowest' : ''} style=${{ '--turn': i }}>
        <span title=${meanings[name]}>${name}</span>
        <span class="track" aria-hidden="true"><i style=${{ left: `${Math.min(left, 0.99) * 100}%`, width: `${(took / whole) * 100}%` }}></i></span>
        <span class="took number">${ms(took)}</span>
      </li>`;
    })}
  </ol>`;
}

// Rows of what there is; columns: { head, cell, right, width }. On a phone each row is a block of its own, so the roles are said,
// and what is not known is left out.
export const Table = ({ columns, rows, caption, keyOf }) => html`<div class="table-frame"><table role="table">
  ${caption && html`<caption class="hidden-text">${caption}</caption>`}
  <thead role="rowgroup"><tr role="row">${columns.map(({ head, right, width }) => html`<th role="columnheader" scope="col" class=${right ? 'right' : ''} style=${{ width }}>${head}</th>`)}</tr></thead>
  <tbody role="rowgroup">${rows.map((row, i) => html`<tr role="row" key=${keyOf ? keyOf(row) : i}>
    ${columns.map(({ head, cell, right }) => {
      const shown = cell(row);
      return html`<td role="cell" data-head=${head} class="${right ? 'right' : ''} ${shown === '–' || shown === '' ? 'unknown' : ''}"><div>${shown}</div></td>`;
    })}
  </tr>`)}</tbody>
</table></div>`;

// Term and description, in pairs; pairs without a description are left out.
export const Facts = ({ of }) => html`<dl class="facts">
  ${of.filter(([, value]) => value !== undefined && value !== null && value !== '').map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}
</dl>`;

// One of a few, as buttons.
export const Choice = ({ label, options, value, onChange }) => html`<div class="choice" role="group" aria-label=${label}>
  ${options.map(([key, text]) => html`<button type="button" aria-pressed=${key === value} onClick=${() => onChange(key)}>${text}</button>`)}
</div>`;

// Asks before something is done. onConfirm may fail: the reason is shown, and the dialog stays.
export function Confirm({ title, danger, confirm, children, onConfirm, onClose }) {
  const dialog = useRef();
  const [state, set] = useState({});
  useEffect(() => dialog.current.showModal(), []);
  const submit = async (event) => {
    event.preventDefault();
    set({ busy: true });
    try {
      await onConfirm(new FormData(event.target));
      dialog.current?.close();
    } catch (error) {
      set({ error });
    }
  };
  return html`<dialog ref=${dialog} onClose=${onClose} aria-labelledby="confirm-title">
    <form onSubmit=${submit}>
      <h2 id="confirm-title">${title}</h2>
      ${children}
      ${state.error && html`<${Problem} error=${state.error} />`}
      <div class="row">
        <button type="button" onClick=${() => dialog.current.close()}>Cancel</button>
        <button class=${danger ? 'danger' : 'first'} disabled=${state.busy}>${confirm}</button>
      </div>
    </form>
  </dialog>`;
}

export { bytes, ms, number };
