// Audit: who did what, the newest first, and whether anybody altered it since.
import { get, query as address } from './api.js';
import { html, useEffect, useState } from './html.js';
import { useLoad } from './load.js';
import { Badge, Empty, Loaded, Page, Problem, Sheet, Table, Time } from './parts.js';
import { number } from './format.js';
import { go, to } from './route.js';

const plain = (value) => (value === null || value === undefined ? '' : typeof value === 'object' ? JSON.stringify(value, null, 1) : String(value));

const Change = ({ of: row }) => (row.before === null && row.after === null ? '' : html`<details><summary>what changed</summary>
  ${row.before !== null && html`<div class="small quiet">before</div><pre class="value">${plain(row.before)}</pre>`}
  ${row.after !== null && html`<div class="small quiet">since</div><pre class="value">${plain(row.after)}</pre>`}</details>`);

const columns = [
  { head: 'Row', right: true, cell: (r) => html`<span title=${r.hash}>${r.number}</span>` },
  { head: 'When', cell: (r) => html`<${Time} at=${r.at} />` },
  { head: 'Who', cell: (r) => html`<strong>${r.who}</strong>` },
  { head: 'What', cell: (r) => html`<code>${r.what}</code>` },
  { head: 'Endpoint', cell: (r) => r.endpoint && html`<a href=${to(['endpoints', r.endpoint])}>${r.endpoint}</a>` },
  { head: 'Why', cell: (r) => html`${r.why}<${Change} of=${r} />` },
];

function Verification() {
  const from = useLoad('/v1/admin/audit/verification', { every: 60_000 });
  return html`<${Loaded} from=${from} what="verification">${(v) => html`<div class="row">
    ${v.intact === null ? html`<${Badge}>not verified yet<//>` : v.intact ? html`<${Badge} kind="good">intact<//>` : html`<${Badge} kind="bad">altered<//>`}
    <span class="small">${v.intact === false ? html`${v.message}${v.first_bad ? ` The first bad row is ${v.first_bad}.` : ''}` : html`Each row holds the hash of the one before it. ${number(v.verified)} rows verified${v.finished_at ? html`, <${Time} at=${v.finished_at} />` : ''}.`}</span>
  </div>`}<//>`;
}

function Rows({ query }) {
  const base = { ...query, limit: 100 };
  const [more, set] = useState({ rows: [] });
  const first = useLoad(address('/v1/admin/audit', base), { every: more.rows.length ? 0 : 15_000 }); // no gap above what was added below
  useEffect(() => set({ rows: [] }), [JSON.stringify(query)]);
  const last = more.last ?? first.data;
  const next = async () => {
    try {
      const shown = more.rows.length ? more.rows : first.data.data;
      const page = await get(address('/v1/admin/audit', { ...base, before: shown.at(-1).number }));
      set({ rows: [...more.rows, ...page.data], last: page });
    } catch (error) {
      set({ ...more, error });
    }
  };
  return html`<${Loaded} from=${first} what="audit log">${({ data }) => html`<${Sheet}>
    ${data.length ? html`<${Table} caption="The audit log" columns=${columns} rows=${[...data, ...more.rows]} keyOf=${(r) => r.number} />`
      : html`<${Empty} title="Nothing is written here yet"><p>Rollouts, labels, keys, sign-ins and changes of the configuration are, each with who and why.</p><//>`}
    ${more.error && html`<${Problem} error=${more.error} doing="The older rows could not be loaded" />`}
    ${last.has_more && html`<p><button onClick=${next}>Older rows</button></p>`}
  <//>`}<//>`;
}

export function Audit({ query }) {
  const change = (part) => go(['audit'], { ...query, ...part });
  return html`<${Page} title="Audit" lead="Every administrative act, label and sign-in.">
    <${Verification} />
    <form class="filter" aria-label="Which rows" onSubmit=${(event) => event.preventDefault()}>
      <label class="field">Class<select value=${query.class ?? ''} onChange=${(event) => change({ class: event.target.value })}>
        <option value="">any</option>${['configuration', 'decision', 'access'].map((name) => html`<option>${name}</option>`)}</select></label>
      ${[['who', 'Who'], ['what', 'What'], ['endpoint', 'Endpoint']].map(([name, title]) => html`<label class="field">${title}
        <input type="search" value=${query[name] ?? ''} onChange=${(event) => change({ [name]: event.target.value.trim() })} /></label>`)}
    </form>
    <${Rows} query=${query} />
  <//>`;
}
