// One request's whole story: what came of it, where the time went, who asked, what people said of it, and where the model that
// answered comes from.
import { html } from './html.js';
import { Badge, Decision, Facts, Model, Sheet, Status, Time, Waterfall } from './parts.js';
import { bytes, decisions, ms, number, percent, usd } from './format.js';
import { to } from './route.js';

function Outcome({ of: r }) {
  return html`<${Sheet} title="What came of it">
    <div class="column">
      <div class="row verdict"><strong>${r.prediction ?? (r.error ? 'an error' : 'no prediction')}</strong> ${r.decision !== 'none' && html`<${Decision} of=${r.decision} />`} <${Status} of=${r.status} /></div>
      <p class="small quiet">${decisions[r.decision]?.[1] ?? 'nothing was decided'}</p>
      ${r.error && html`<div class="problem"><p><strong>${r.error.code}</strong></p><p>${r.error.message}</p></div>`}
      <${Facts} of=${[['Model', r.model && html`<${Model} of=${r.model} />`], ['Confidence', r.confidence === null ? null : percent(r.confidence, 2)], ['Fallback', r.fallback], ['Cache', r.cache], ['Malware scan', r.scan],
        ['Recognition', r.ocr_confidence === undefined ? null : `confidence ${percent(r.ocr_confidence, 1)} on the worst page`], ['Cost', usd(r.cost_usd)]]} />
    </div>
  <//>`;
}

const kept = (input) => input && html`${input.type}, ${bytes(input.size)}${input.keep_until ? html`, kept until <${Time} at=${input.keep_until} />` : ''}`;

const Asked = ({ of: r }) => html`<${Sheet} title="Who asked">
  <${Facts} of=${[['Arrived', html`<${Time} at=${r.time} />`], ['Endpoint', html`<a href=${to(['endpoints', r.endpoint])}>${r.endpoint}</a>`], ['Client', r.client || 'nobody known'],
    ['Input', r.input ? kept(r.input) : r.input_sha256 ? 'not kept' : null], ['SHA-256', r.input_sha256 && html`<code>${r.input_sha256}</code>`], ['Trace', r.trace_id && html`<code>${r.trace_id}</code>`],
    ['Request', html`<code>${r.request_id}</code>`]]} />
<//>`;

const People = ({ of: r }) => (r.reviews.length || r.feedback.length) ? html`<${Sheet} title="What people said">
  <div class="column">
    ${r.reviews.map((item) => html`<p><a href=${to(['review', item.id])}>Review</a>: ${item.status === 'resolved'
      ? html`<strong>${item.label}</strong>, by ${item.reviewer}, <${Time} at=${item.resolved} />` : html`<${Badge} kind="warn">open<//> ${item.detail || item.reason.replaceAll('_', ' ')}`}</p>`)}
    ${r.feedback.map((one) => html`<p>Feedback by ${one.who || 'nobody known'}, <${Time} at=${one.at} />:
      ${[one.label && `it is “${one.label}”`, one.correct !== null && (one.correct ? 'it was right' : 'it was wrong'), one.score !== null && `score ${number(one.score)}`].filter(Boolean).join(', ')}</p>`)}
  </div>
<//>` : '';

const Language = ({ of: r }) => r.usage && html`<${Sheet} title="The language model">
  <${Facts} of=${[['Tokens', `${number(r.usage.input_tokens)} in, ${number(r.usage.output_tokens)} out`], ['From the provider’s cache', r.usage.cached_input_tokens || null], ['For reasoning', r.usage.reasoning_tokens || null],
    ['Calls', r.attempts], ['At the upstream', ms(r.upstream_ms)], ['First token', r.first_token_ms ? ms(r.first_token_ms) : null]]} />
<//>`;

// { artefact: { sha256 } } as "artefact sha256"; what is empty is left out.
const flat = (value, name = '') => (value !== null && typeof value === 'object' && !Array.isArray(value)
  ? Object.entries(value).flatMap(([key, inner]) => flat(inner, name ? `${name} ${key}` : key))
  : [[name.replaceAll('_', ' '), Array.isArray(value) ? value.map((one) => (typeof one === 'object' ? JSON.stringify(one) : one)).join(', ') : value]]);

const shown = (value) => (/^[0-9a-f]{64}$/.test(value) ? html`<code title=${value}>${value.slice(0, 16)}…</code>` : /^\d{4}-\d\d-\d\dT/.test(value) ? html`<${Time} at=${value} />` : String(value));

const Lineage = ({ of: lineage }) => lineage && html`<${Sheet} title="Where the model comes from">
  <${Facts} of=${flat(lineage).filter(([, value]) => value !== null && value !== '').map(([name, value]) => [name, shown(value)])} />
<//>`;

export const Story = ({ of: r }) => html`<div class="halves">
  <div class="column"><${Outcome} of=${r} /><${People} of=${r} /><${Asked} of=${r} /></div>
  <div class="column"><${Sheet} title="Where the time went" aside=${html`<${Badge}>${ms(r.latency_ms)}<//>`}><${Waterfall} stages=${r.stages} total=${r.latency_ms} /><//>
    <${Language} of=${r} /><${Lineage} of=${r.lineage} /></div>
</div>`;
