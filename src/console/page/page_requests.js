// Requests: one request's whole story by its ID.
import { html, useState } from './html.js';
import { useLoad } from './load.js';
import { Decision, Facts, Loaded, Page, Sheet, Time, Waterfall, Badge } from './parts.js';
import { decisions, ms, number, percent, usd } from './format.js';
import { go, to } from './route.js';

const status = (code) => html`<${Badge} kind=${code < 400 ? 'good' : code < 500 ? 'warn' : 'bad'}>${code}<//>`;

const tokens = (usage) => usage && [['Tokens in', number(usage.input_tokens)], ['Tokens out', number(usage.output_tokens)], ['From the provider’s cache', usage.cached_input_tokens || null]];

function Outcome({ of: r }) {
  return html`<${Sheet} title="What came of it">
    <div class="column">
      <div class="row verdict"><strong>${r.prediction ?? (r.error ? 'an error' : 'no prediction')}</strong> <${Decision} of=${r.decision} /> ${status(r.status)}</div>
      <p class="small quiet">${decisions[r.decision]?.[1] ?? 'nothing was decided'}</p>
      ${r.error && html`<div class="problem"><p><strong>${r.error.code}</strong></p><p>${r.error.message}</p></div>`}
      <${Facts} of=${[['Model', r.model], ['Confidence', r.confidence === null ? null : percent(r.confidence, 2)], ['Fallback', r.fallback], ['Cache', r.cache], ['Malware scan', r.scan],
        ['Recognition', r.ocr_confidence === undefined ? null : `confidence ${percent(r.ocr_confidence, 1)} on the worst page`],
        ['Review', r.review_id ? html`<a href=${to(['review', r.review_id])}>${r.review_reason ?? r.review_id}</a>` : null], ['Cost', usd(r.cost_usd)]]} />
    </div>
  <//>`;
}

function Story({ of: r }) {
  return html`<div class="halves">
    <div class="column"><${Outcome} of=${r} />
      <${Sheet} title="Who asked">
        <${Facts} of=${[['Arrived', html`<${Time} at=${r.time} />`], ['Endpoint', html`<a href=${to(['try', r.endpoint])}>${r.endpoint}</a>`], ['Client', r.client || 'nobody known'],
          ['Input', r.input_sha256 ? html`<span>SHA-256 <code>${r.input_sha256}</code></span>` : null], ['Trace', r.trace_id ? html`<code>${r.trace_id}</code>` : null],
          ['Request', html`<code>${r.request_id}</code>`]]} />
      <//></div>
    <div class="column"><${Sheet} title="Where the time went" aside=${html`<${Badge}>${ms(r.latency_ms)}<//>`}>
        <${Waterfall} stages=${r.stages} total=${r.latency_ms} />
      <//>
      ${r.usage && html`<${Sheet} title="The language model">
        <${Facts} of=${[...tokens(r.usage), ['Calls', r.attempts], ['At the upstream', ms(r.upstream_ms)], ['First token', r.first_token_ms ? ms(r.first_token_ms) : null]]} />
      <//>`}</div>
  </div>`;
}

function Find({ id }) {
  const [text, set] = useState(id ?? '');
  const find = (event) => {
    event.preventDefault();
    go(['requests', text.trim()]);
  };
  return html`<form class="row" onSubmit=${find} role="search">
    <label class="field find-id"><span class="hidden-text">Request ID</span><input name="id" required value=${text} onInput=${(event) => set(event.target.value)} placeholder="Request ID" spellcheck="false" /></label>
    <button>Show</button>
  </form>`;
}

function One({ id }) {
  const record = useLoad(`/v1/requests/${encodeURIComponent(id)}`);
  return html`<${Loaded} from=${record} what="request">${(r) => html`<${Story} of=${r} />`}<//>`;
}

export function Requests({ path }) {
  const [id] = path;
  return html`<${Page} title=${id ? 'Request' : 'Requests'} lead=${id ? undefined : 'Every reply names its request in the header x-request-id and, of predictions, in request_id. Its whole story is here.'}
      actions=${html`<${Find} key=${id} id=${id} />`}>
    ${id && html`<${One} key=${id} id=${id} />`}
  <//>`;
}
