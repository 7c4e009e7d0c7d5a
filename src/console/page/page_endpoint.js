// One endpoint: its pipeline with what each stage takes, who answers, what it leans on, and how it is set.
import { html, useState } from './html.js';
import { useLoad } from './load.js';
import { Badge, Choice, Decision, Empty, Facts, Health, Loaded, Meter, Model, Page, Serving, Sheet, Table } from './parts.js';
import { ms, number, percent } from './format.js';
import { to } from './route.js';
import { Switch } from './endpoint_switch.js';
import { meanings } from './stages.js';

// The stages that every request passes, in their order: the wider the bar, the more of the time.
// The last two end after the request's times are taken.
const untimed = new Set(['record', 'reply']);
const took = (stage, which) => (stage.count ? ms(stage[which]) : untimed.has(stage.name) ? 'not timed' : 'not entered');

// All stages on one line, each as wide as its share of the time.
function Shares({ stages, which }) {
  const timed = stages.filter((stage) => stage[which] > 0), sum = timed.reduce((total, stage) => total + stage[which], 0);
  const said = timed.map((stage) => `${stage.name} ${ms(stage[which])}, ${percent(stage[which] / sum, 1)}`);
  return sum > 0 && html`<div class="shares" role="img" aria-label=${`Where the time goes: ${said.join('; ')}`}>${timed.map((stage, i) => html`<i key=${stage.name} title=${said[i]} style=${{ flexGrow: stage[which] / sum }}>
    ${stage[which] / sum > 0.12 && html`<span>${stage.name} ${percent(stage[which] / sum)}</span>`}</i>`)}</div>`;
}

function Pipeline({ stages }) {
  const [which, set] = useState('mean_ms');
  const most = Math.max(...stages.map((stage) => stage[which] ?? 0)) || 1;
  const whole = stages.reduce((sum, stage) => sum + (stage.mean_ms ?? 0), 0);
  return html`<${Sheet} title="Pipeline" aside=${html`<span class="row">${which === 'mean_ms' && whole > 0 && html`<span class="number">${ms(whole)} in all</span>`}<${Choice} label="Which milliseconds" value=${which} onChange=${set} options=${[['mean_ms', 'mean'], ['p95_ms', 'p95']]} /></span>`}>
    <${Shares} stages=${stages} which=${which} />
    <ol class="pipeline">
      ${stages.map((stage) => html`<li key=${stage.name} class=${!stage.count && !untimed.has(stage.name) ? 'unused' : stage[which] === most ? 'most' : ''} title=${stage.count ? `${stage.count} requests` : 'not entered in this window'}>
        <strong>${stage.name}</strong>
        <span class="what">${meanings[stage.name] ?? ''}</span>
        <span class="number">${took(stage, which)}</span>
        <i aria-hidden="true" style=${{ width: `${((stage[which] ?? 0) / most) * 100}%` }}></i>
      </li>`)}
    </ol>
  <//>`;
}

const rest = (decisions) => Object.entries(decisions).filter(([, n]) => n > 0);

const Decisions = ({ of }) => {
  const all = rest(of), sum = all.reduce((total, [, n]) => total + n, 0);
  return sum === 0 ? html`<span class="quiet">none yet</span>` : html`<span class="row">${all.map(([name, n]) => html`<span class="nowrap"><${Decision} of=${name} /> <span class="number small">${percent(n / sum, 1)}</span></span>`)}</span>`;
};

const versions = [
  { head: 'Who answers', cell: (v) => html`<strong><${Model} of=${v.model} /></strong>${v.loaded === false ? html` <${Badge} kind="bad">not loaded<//><div class="small bad-text">${v.load_error}</div>` : ''}` },
  { head: 'Share', right: true, cell: (v) => percent(v.weight, v.weight * 100 % 1 ? 1 : 0) },
  { head: 'Straight out from', right: true, cell: (v) => percent(v.accept_threshold, 1) },
  { head: 'To a person below', right: true, cell: (v) => percent(v.review_threshold, 1) },
  { head: 'Decisions', cell: (v) => html`<${Decisions} of=${v.decisions} />` },
];

const breaker = { closed: 'good', 'half-open': 'warn', open: 'bad' };
const upstreams = [
  { head: 'Upstream', cell: (u) => html`<strong><${Model} of=${u.name} /></strong>` },
  { head: 'Breaker', cell: (u) => html`<${Badge} kind=${breaker[u.breaker]}>${u.breaker}<//>` },
  { head: 'Calls', right: true, cell: (u) => number(u.calls) },
  { head: 'Failed', right: true, cell: (u) => number(u.failures) },
  { head: 'First byte', right: true, cell: (u) => ms(u.first_byte_ms) },
  { head: 'Under way', right: true, cell: (u) => (u.places ? `${u.running} of ${u.places}` : u.running) },
  { head: 'Waiting', right: true, cell: (u) => number(u.waiting) },
];

const plain = (value) => (typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value));

function Numbers({ of: e }) {
  const share = (n) => (e.requests ? `${number(n)} (${percent(n / e.requests, 1)})` : number(n));
  return html`<${Sheet} title="Traffic" aside=${`the last ${Math.max(1, Math.round(e.window_seconds / 60))} min`}>
    <${Facts} of=${[['Requests', number(e.requests)], ['Errors (5xx)', share(e.errors)], ['Refused (4xx)', share(e.client_errors)], ['Fallbacks', share(e.fallbacks)],
      ['Latency', `p50 ${ms(e.p50_ms)}, p95 ${ms(e.p95_ms)}`], ['Mean confidence', percent(e.confidence, 1)], ['Decisions', html`<${Decisions} of=${e.decisions} />`],
      ['Waiting for people', e.reviews_open ? html`<a href=${to(['review'], { endpoint: e.name })}>${number(e.reviews_open)}</a>` : '0'],
      ['Errors by code', rest(e.error_codes).map(([code, n]) => html`<div><code>${code}</code> ${number(n)}</div>`)]]} />
  <//>`;
}

const reasonsTitles = { down: 'It does not answer', unknown: 'Not known yet' };

function Reasons({ of: e }) {
  return e.reasons.length > 0 && html`<div class=${e.health === 'unknown' ? 'remark' : 'problem'}>
    <p><strong>${reasonsTitles[e.health] ?? 'What is wrong'}</strong></p>${e.reasons.map((reason) => html`<p>${reason}</p>`)}
  </div>`;
}

function Shown({ of: e, who }) {
  const cache = e.cache, asked = cache.hit + cache.miss + cache.stale + cache.semantic;
  return html`<${Reasons} of=${e} />
    <${Pipeline} stages=${e.stages} />
    <${Sheet} title="Who answers"><${Table} caption="Versions" columns=${versions} rows=${e.versions} />
      ${e.rollout && html`<p class="small">A rollout is ${e.rollout.state}: <a href=${to(['rollouts', e.rollout.id])}>${e.rollout.stable} → ${e.rollout.candidate}</a></p>`}<//>
    <div class="halves">
      <${Numbers} of=${e} />
      <div class="column"><${Sheet} title="When it cannot, and when it need not">
        <${Facts} of=${[['Fallback chain', e.fallback_chain.length ? e.fallback_chain.join(' → ') : 'none: the client gets the error'],
          ['Cache', `${[cache.exact && 'exact', cache.tuning && `semantic (${cache.tuning})`].filter(Boolean).join(', ') || 'off'}`],
          ['Hits', asked ? html`${percent((asked - cache.miss) / asked, 1)} <${Meter} value=${(asked - cache.miss) / asked} label="Cache hits" />` : 'nothing asked yet'], ['Stale answers', cache.stale || null]]} />
      <//><${Switch} endpoint=${e.name} who=${who} /></div>
    </div>
    ${e.upstreams.length > 0 && html`<${Sheet} title="Upstreams"><${Table} caption="Upstreams" columns=${upstreams} rows=${e.upstreams} /><//>`}
    <${Sheet} title="Configuration"><details><summary>${Object.keys(e.configuration).length} options</summary>
      <${Facts} of=${Object.entries(e.configuration).map(([name, value]) => [name, html`<code>${plain(value)}</code>`])} /></details><//>`;
}

function One({ name, who }) {
  const from = useLoad(`/v1/admin/endpoints/${encodeURIComponent(name)}`, { every: 5000 });
  const e = from.data;
  return html`<${Page} title=${name} actions=${html`<a class="button" href=${to(['try', name])}>Try it</a><a class="button" href=${to(['requests'], { endpoint: name })}>Requests</a><a class="button" href=${to(['monitors'], { endpoint: name })}>Monitors</a>`}
      lead=${e && html`<span class="row"><${Health} of=${e} short /> ${e.description} ${e.owner && html`<span>· owner ${e.owner}</span>`}</span>`}>
    <${Loaded} from=${from} what="endpoint">${(found) => html`<${Shown} of=${found} who=${who} />`}<//>
  <//>`;
}

const listed = [
  { head: 'Endpoint', cell: (e) => html`<a class="name" href=${to(['endpoints', e.name])}>${e.name}</a>` },
  { head: 'Kind', cell: (e) => e.kind },
  { head: 'What for', cell: (e) => e.description },
  { head: 'Answers', cell: (e) => html`<${Serving} of=${e.rollout} />` },
  { head: 'Owner', cell: (e) => e.owner },
];

export function Endpoint({ path, who }) {
  const all = useLoad(path[0] ? '' : '/v1/endpoints');
  if (path[0]) return html`<${One} key=${path[0]} name=${path[0]} who=${who} />`;
  return html`<${Page} title="Endpoints"><${Loaded} from=${all} what="endpoints">${({ data }) => (data.length
    ? html`<${Sheet}><${Table} caption="Endpoints" columns=${listed} rows=${data} /><//>`
    : html`<${Empty} title="There is no endpoint yet"><p>Endpoints are written in <code>penstock.yaml</code>.</p><//>`)}<//><//>`;
}
