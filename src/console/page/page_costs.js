// Costs: what was spent, on what, and how far the budgets are used. What has no price is counted, never taken for free.
import { query as address } from './api.js';
import { Chart } from './chart.js';
import { html, useMemo } from './html.js';
import { useLoad } from './load.js';
import { Choice, Empty, Loaded, Meter, Model, Page, Sheet, Table, Time } from './parts.js';
import { number, percent, usd } from './format.js';
import { go } from './route.js';

// Rows of name and time to sums by name, the dearest first, and by time.
function summed(data) {
  const names = new Map(), times = new Map();
  for (const row of data) {
    const one = names.get(row.name) ?? { name: row.name, requests: 0, unpriced: 0, cost: null };
    one.requests += row.requests;
    one.unpriced += row.unpriced;
    if (row.cost_usd !== null) one.cost = (one.cost ?? 0) + row.cost_usd;
    names.set(row.name, one);
    times.set(row.start, (times.get(row.start) ?? 0) + (row.cost_usd ?? 0));
  }
  return { rows: [...names.values()].sort((a, b) => (b.cost ?? 0) - (a.cost ?? 0)), course: [...times].sort(([a], [b]) => a.localeCompare(b)) };
}

const columns = (by, whole) => [
  { head: by[0].toUpperCase() + by.slice(1), cell: (r) => html`<strong>${by === 'model' ? html`<${Model} of=${r.name} />` : r.name || 'nobody known'}</strong>` },
  { head: 'Cost', right: true, cell: (r) => usd(r.cost) },
  { head: 'Of all', right: true, cell: (r) => (whole ? percent((r.cost ?? 0) / whole, 1) : '–') },
  { head: 'Requests', right: true, cell: (r) => number(r.requests) },
  { head: 'A thousand requests', right: true, cell: (r) => (r.cost === null || r.requests === r.unpriced ? '–' : usd((r.cost / (r.requests - r.unpriced)) * 1000)) },
  { head: 'Without a price', right: true, cell: (r) => (r.unpriced ? html`<span title="They are in no sum.">${number(r.unpriced)}</span>` : '0') },
];

const amount = (value, unit) => (unit === 'usd' ? usd(value) : `${number(value)}\u00a0${unit}`);

const budgets = [
  { head: 'Budget', cell: (b) => html`<strong>${b.name || b.scope}</strong> <span class="quiet">${b.scope}, a ${b.per}${b.each ? ', each' : ''}</span>` },
  { head: 'Used', cell: (b) => html`<${Meter} value=${b.limit ? b.used / b.limit : 0} label="Used" />` },
  { head: '', right: true, cell: (b) => `${amount(b.used, b.unit)} of ${amount(b.limit, b.unit)}` },
  { head: 'Under way', right: true, cell: (b) => amount(b.reserved, b.unit) },
  { head: 'Since', cell: (b) => html`<${Time} at=${b.since} />` },
];

function Shown({ of: { data, budgets: all }, by, span }) {
  const { rows, course } = useMemo(() => summed(data), [data]);
  const [times, series] = useMemo(() => [course.map(([start]) => Date.parse(start) / 1000), [{ name: 'cost', kind: 'bar', values: course.map(([, cost]) => cost) }]], [course]);
  const whole = rows.reduce((sum, { cost }) => sum + (cost ?? 0), 0);
  if (!rows.length) return html`<${Empty} title="Nothing was spent in this time"><p>Language models have prices in the configuration (<code>prices</code>); models of your own cost processor time at <code>pricing.cpu_hour_usd</code>.</p><//>`;
  return html`${course.length > 1 && html`<${Sheet} title=${`By ${span}`}><${Chart} times=${times} series=${series} from=${times[0]} format=${usd} label=${`Cost by ${span}: ${usd(course.at(-1)[1])} in the last`} height=${200} /><//>`}
    <${Sheet} title=${`By ${by}`} aside=${html`${usd(whole)} in all`}><${Table} caption="Costs" columns=${columns(by, whole)} rows=${rows} keyOf=${({ name }) => name} /><//>
    ${all.length > 0 && html`<${Sheet} title="Budgets"><${Table} caption="Budgets" columns=${budgets} rows=${all} /><//>`}`;
}

export function Costs({ query }) {
  const by = query.by ?? 'endpoint', span = query.span ?? 'day';
  const from = useLoad(address('/v1/admin/costs', { by, span }), { every: 30_000 });
  const change = (part) => go(['costs'], { ...query, ...part });
  return html`<${Page} title="Costs" lead=${span === 'day' ? 'The last 30 days.' : 'The last 12 months.'}
      actions=${html`<${Choice} label="By what" value=${by} options=${['endpoint', 'model', 'client', 'user'].map((name) => [name, name])} onChange=${(next) => change({ by: next })} />
        <${Choice} label="For how long" value=${span} options=${[['day', 'days'], ['month', 'months']]} onChange=${(next) => change({ span: next })} />`}>
    <${Loaded} from=${from} what="costs">${(found) => html`<${Shown} of=${found} by=${by} span=${span} />`}<//>
  <//>`;
}
