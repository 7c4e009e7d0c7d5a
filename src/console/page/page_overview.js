// Overview: is everything well? Each endpoint in one line, those that are not well first.
import { html } from './html.js';
import { useLoad } from './load.js';
import { Badge, Empty, Health, Loaded, Page, Serving, Sheet, Table, Time } from './parts.js';
import { ms, number, percent } from './format.js';
import { to } from './route.js';

const order = { down: 0, degraded: 1, unknown: 2, ok: 3 };

const share = (part, of) => (of ? percent(part / of, part && part / of < 0.01 ? 2 : part ? 1 : 0) : '–');

function span(seconds) {
  return seconds >= 120 ? `${Math.round(seconds / 60)} minutes` : `${Math.round(seconds)} s`;
}

const Figure = ({ name, children, kind = '' }) => html`<div class="figure ${kind}"><span>${name}</span><strong class="number">${children}</strong></div>`;

function Summary({ server, data, incidents }) {
  const count = (state) => data.filter(({ health }) => health === state).length;
  const requests = data.reduce((sum, one) => sum + one.requests, 0), errors = data.reduce((sum, one) => sum + one.errors, 0);
  const ill = count('down') + count('degraded');
  const { recorder } = server;
  return html`<section class="figures" aria-label="The server">
    <${Figure} name="Endpoints" kind=${ill ? 'bad' : ''}>${ill ? `${ill} of ${data.length} ill` : `${data.length}, none ill`}<//>
    <${Figure} name="Requests a second"><span title=${`${requests} requests`}>${number(requests / Math.max(1, data[0]?.window_seconds ?? 1))}</span><//>
    <${Figure} name="Errors (5xx)" kind=${errors ? 'bad' : ''}>${share(errors, requests)}<//>
    <${Figure} name="Incidents open" kind=${incidents?.length ? 'bad' : ''}>${incidents ? html`<a href=${to(['incidents'])}>${number(incidents.length)}</a>` : '–'}<//>
    <${Figure} name="Waiting for people"><a href=${to(['review'])}>${number(server.reviews_open)}</a><//>
    <${Figure} name="Recorder" kind=${recorder.healthy ? '' : 'bad'}>${recorder.healthy ? (recorder.lag_ms < 1000 ? 'up to date' : `${ms(recorder.lag_ms)} behind`) : `failed ${number(recorder.failed_commits)} times`}<//>
    <${Figure} name="Started"><${Time} at=${server.started} relative /> <span class="quiet small">${server.version}</span><//>
  </section>`;
}

const columns = [
  { head: 'Endpoint', cell: (e) => html`<a class="name" href=${to(['endpoints', e.name])}>${e.name}</a>${e.owner ? html`<div class="small quiet">${e.owner}</div>` : ''}` },
  { head: 'Health', cell: (e) => html`<${Health} of=${e} />` },
  { head: 'Answers', cell: (e) => html`<${Serving} of=${e.serving} />${e.rollout ? html`<div><a class="small" href=${to(['rollouts', e.rollout.id])}>rollout, ${e.rollout.state}</a></div>` : ''}` },
  { head: 'Requests', right: true, cell: (e) => number(e.requests) },
  { head: 'Errors', right: true, cell: (e) => html`<span class=${e.errors ? 'bad-text' : ''}>${share(e.errors, e.requests)}</span>` },
  { head: 'Fallbacks', right: true, cell: (e) => share(e.fallbacks, e.requests) },
  { head: 'p50', right: true, cell: (e) => ms(e.p50_ms) },
  { head: 'p95', right: true, cell: (e) => ms(e.p95_ms) },
  { head: 'Confidence', right: true, cell: (e) => percent(e.confidence, 1) },
  { head: 'Review', right: true, cell: (e) => (e.reviews_open ? html`<a href=${to(['review'], { endpoint: e.name })}>${number(e.reviews_open)}</a>` : '0') },
];

const byHealth = (list) => [...list].sort((a, b) => order[a.health] - order[b.health]);

export function Overview() {
  const from = useLoad('/v1/admin/overview', { every: 5000 });
  const incidents = useLoad('/v1/admin/incidents?limit=99', { every: 15_000 });
  return html`<${Page} title="Overview">
    <${Loaded} from=${from} what="overview">${({ server, data }) => html`
      <${Summary} server=${server} data=${data} incidents=${incidents.data?.data} />
      ${data.length ? html`<${Sheet} title="Endpoints" aside=${`the last ${span(data[0].window_seconds)}`}>
          <${Table} caption="Endpoints" columns=${columns} rows=${byHealth(data)} keyOf=${({ name }) => name} />
        <//>`
        : html`<${Empty} title="There is no endpoint yet"><p>Endpoints are written in <code>penstock.yaml</code>; <code>penstock config reference</code> explains how.</p><//>`}`}<//>
  <//>`;
}
