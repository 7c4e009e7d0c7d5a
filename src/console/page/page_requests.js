// Requests: those that fit a question, the newest first, or one of them by its ID.
import { get, query as address } from './api.js';
import { html, useEffect, useState } from './html.js';
import { useLoad } from './load.js';
import { Badge, Decision, Empty, Loaded, Model, Page, Problem, RequestLink, Sheet, Status, Table, Time } from './parts.js';
import { decisions, ms, percent, usd } from './format.js';
import { go } from './route.js';
import { Story } from './request_story.js';

const columns = [
  { head: 'When', cell: (r) => html`<${Time} at=${r.time} />` },
  { head: 'Request', cell: (r) => html`<${RequestLink} id=${r.request_id} />` },
  { head: 'Endpoint', cell: (r) => r.endpoint },
  { head: 'Status', cell: (r) => html`<${Status} of=${r.status} />` },
  { head: 'Answer', cell: (r) => html`<span class="clip" title=${r.prediction ?? r.error?.message}>${r.prediction ?? html`<span class="quiet">${r.error?.code ?? '–'}</span>`}</span>` },
  { head: 'Confidence', right: true, cell: (r) => percent(r.confidence, 1) },
  { head: 'Decision', cell: (r) => r.decision !== 'none' && html`<${Decision} of=${r.decision} />` },
  { head: 'Model', cell: (r) => html`<${Model} of=${r.model} />` },
  { head: 'Client', cell: (r) => r.client },
  { head: 'Took', right: true, cell: (r) => ms(r.latency_ms) },
  { head: 'Cost', right: true, cell: (r) => (r.cost_usd === null ? html`<span class="quiet">unknown</span>` : usd(r.cost_usd)) },
];

// A day of the viewer's becomes the moment that it begins at.
const moment = (local) => (local ? new Date(local).toISOString() : '');

function Filter({ query, endpoints }) {
  const change = (part) => go(['requests'], { ...query, ...part });
  const select = (name, title, options) => html`<label class="field">${title}<select value=${query[name] ?? ''} onChange=${(event) => change({ [name]: event.target.value })}>
    <option value="">any</option>${options.map((value) => html`<option value=${value}>${value}</option>`)}</select></label>`;
  const text = (name, title, type = 'search') => html`<label class="field ${type === 'search' ? '' : 'moment'}">${title}<input type=${type} value=${query[name] ?? ''} onChange=${(event) => change({ [name]: event.target.value.trim() })} spellcheck="false" /></label>`;
  return html`<form class="filter" onSubmit=${(event) => event.preventDefault()} aria-label="Which requests">
    ${select('endpoint', 'Endpoint', endpoints)}
    ${select('decision', 'Decision', Object.keys(decisions))}
    ${select('status', 'Status', ['2xx', '4xx', '5xx', '429', '499'].filter((code) => code !== '2xx'))}
    ${text('model', 'Model')}
    ${text('client', 'Client')}
    ${text('from', 'From', 'datetime-local')}
    ${text('to', 'Until', 'datetime-local')}
  </form>`;
}

// Pages after the first are added below, as far as somebody asks.
function Found({ query }) {
  const { from, to, ...rest } = query;
  const base = { ...rest, from: moment(from), to: moment(to), limit: 50 };
  const first = useLoad(address('/v1/admin/requests', base));
  const [more, set] = useState({ rows: [] });
  useEffect(() => set({ rows: [] }), [JSON.stringify(query), first.data]);
  const last = more.last ?? first.data;
  const next = async () => {
    set({ ...more, busy: true });
    try {
      const page = await get(address('/v1/admin/requests', { ...base, after: last.next }));
      set({ rows: [...more.rows, ...page.data], last: page });
    } catch (error) {
      set({ ...more, error });
    }
  };
  return html`<${Loaded} from=${first} what="requests">${({ data }) => {
    const rows = [...data, ...more.rows];
    return html`<${Sheet} title="The newest first" aside=${html`<button class="plain" onClick=${first.reload}>Refresh</button>`}>
      ${rows.length ? html`<${Table} caption="Requests" columns=${columns} rows=${rows} keyOf=${(r) => r.request_id} />`
        : html`<${Empty} title=${last.has_more ? 'None among those looked through so far' : 'No request fits'}><p>${last.has_more ? 'There are older ones: look further.' : html`Ask for less, or <a href="#/try">send one</a>. What is older than <code>store.retention</code> is gone.`}</p><//>`}
      ${more.error && html`<${Problem} error=${more.error} doing="The older ones could not be loaded" />`}
      ${last.has_more && html`<p><button disabled=${more.busy} onClick=${next}>Older ones</button></p>`}
    <//>`;
  }}<//>`;
}

function Find({ id }) {
  const [text, set] = useState(id ?? '');
  const find = (event) => {
    event.preventDefault();
    go(['requests', text.trim()]);
  };
  return html`<form class="row" onSubmit=${find} role="search">
    <label class="find-id"><span class="hidden-text">Request ID</span><input name="id" required value=${text} onInput=${(event) => set(event.target.value)} placeholder="Request ID" spellcheck="false" /></label>
    <button>Show</button>
  </form>`;
}

function One({ id }) {
  const record = useLoad(`/v1/requests/${encodeURIComponent(id)}`);
  return html`<${Loaded} from=${record} what="request">${(r) => html`<${Story} of=${r} />`}<//>`;
}

export function Requests({ path, query }) {
  const [id] = path;
  const endpoints = useLoad('/v1/endpoints');
  return html`<${Page} title=${id ? 'Request' : 'Requests'} actions=${html`<${Find} key=${id} id=${id} />`}>
    ${id ? html`<${One} key=${id} id=${id} />` : html`<${Filter} query=${query} endpoints=${(endpoints.data?.data ?? []).map(({ name }) => name)} /><${Found} query=${query} />`}
  <//>`;
}
