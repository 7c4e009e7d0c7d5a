// Monitors: what is watched, what it says now, how it went, and how inputs and answers lie beside the reference.
import { query as address } from './api.js';
import { Chart } from './chart.js';
import { html, useMemo } from './html.js';
import { useLoad } from './load.js';
import { Badge, Choice, Empty, Facts, Loaded, Page, Sheet, Table, Time } from './parts.js';
import { number, percent } from './format.js';
import { go, to } from './route.js';
import { inUnit, sights, titled, where } from './units.js';

const State = ({ of }) => html`<${Badge} kind=${sights[of]?.[0]}>${sights[of]?.[1] ?? of}<//>`;
const link = (r) => to(['monitors', r.endpoint], { monitor: r.monitor, part: r.part });

const columns = [
  { head: 'Monitor', width: '17rem', cell: (r) => html`${r.endpoint ? html`<a href=${link(r)}>${titled(r.monitor)}</a>` : titled(r.monitor)}${r.part ? html` <span class="quiet">${r.part}</span>` : ''}` },
  { head: 'State', width: '9rem', cell: (r) => html`<${State} of=${r.state} />` },
  { head: 'Now', right: true, width: '8rem', cell: (r) => inUnit(r.value, r.unit) },
  { head: 'Expected', right: true, width: '7rem', cell: (r) => inUnit(r.expected, r.unit) },
  { head: 'Limit', right: true, width: '6rem', cell: (r) => inUnit(r.limit, r.unit) },
  { head: 'Samples', right: true, width: '6rem', cell: (r) => number(r.samples) },
  { head: 'What it says', cell: (r) => r.detail && html`<span class="small">${r.detail}</span>` },
];

const order = { breached: 0, void: 1, good: 2, no_data: 3 };

function List({ query }) {
  const from = useLoad(address('/v1/admin/monitors', { endpoint: query.endpoint }), { every: 15_000 });
  const all = query.show === 'all';
  return html`<${Page} title="Monitors" lead="What is watched, held against the reference profile of the version that serves and against the week before."
      actions=${html`<${Choice} label="Which monitors" value=${all ? 'all' : ''} options=${[['', 'In short'], ['all', 'With every part']]} onChange=${(show) => go(['monitors'], { ...query, show })} />`}>
    <${Loaded} from=${from} what="monitors">${({ data }) => {
      const shown = data.filter(({ state, part, endpoint }) => all || state === 'breached' || state === 'void' || (state === 'good' && (!part || !endpoint))).sort((a, b) => order[a.state] - order[b.state]);
      const places = [...new Set(shown.map(({ endpoint }) => endpoint))];
      const breached = data.filter(({ state }) => state === 'breached').length;
      return html`<p aria-live="polite">${breached ? html`<${Badge} kind="bad">${breached} breached<//>` : html`<${Badge} kind="good">none breached<//>`}
          <span class="quiet"> of ${data.length}; ${data.filter(({ state }) => state === 'no_data').length} have too few samples to tell</span></p>
        ${places.map((place) => html`<${Sheet} key=${place} title=${place || 'The whole server'}><${Table} caption=${`Monitors of ${place || 'the server'}`} columns=${columns} rows=${shown.filter(({ endpoint }) => endpoint === place)} keyOf=${(r) => `${r.monitor} ${r.part}`} /><//>`)}
        ${!shown.length && html`<${Empty} title="Nothing is measured yet"><p>Monitors speak at the end of each minute, once there are enough requests. What each one is and when it alarms stands in <code>docs/runbooks/</code>.</p><//>`}`;
    }}<//>
  <//>`;
}

function Course({ of: course, reading, from }) {
  const unit = reading?.unit;
  const [times, series] = useMemo(() => {
    const points = course.series;
    const line = (name, key, kind) => ({ name, kind, values: points.map((point) => point[key]) });
    return [points.map(({ at }) => Date.parse(at) / 1000), [line('value', 'value', 'bar'), line('expected', 'expected', 'quiet'), line('limit', 'limit', 'bad')].filter(({ values }) => values.some((value) => value !== null))];
  }, [course]);
  const measured = course.series.filter(({ value }) => value !== null);
  if (!measured.length) return html`<${Empty} title="Nothing was measured in this time"><p>Choose a longer one, or wait for requests: each minute with enough of them becomes a point.</p><//>`;
  const last = measured.at(-1);
  return html`<${Chart} times=${times} series=${series} from=${Date.parse(from) / 1000} format=${(value) => inUnit(value, unit)}
    label=${`${titled(course.monitor)} over time: last ${inUnit(last.value, unit)}, expected ${inUnit(last.expected, unit)}, limit ${inUnit(last.limit, unit)}`} />
    ${course.has_more && html`<p class="small quiet">Not all of it fits: choose a shorter time.</p>`}`;
}

const rounded = (value) => (Math.abs(value) >= 100 ? value.toFixed(0) : Number(value.toPrecision(3)).toString());

function binNames({ edges, categories }, count) {
  if (categories) return categories;
  return Array.from({ length: count }, (_, i) => (i === 0 ? `< ${rounded(edges[0])}` : i >= edges.length ? `≥ ${rounded(edges.at(-1))}` : `${rounded(edges[i - 1])} – ${rounded(edges[i])}`));
}

const of = (row) => `${row.name}: now ${percent(row.now, 1)}${row.before === undefined ? '' : `, reference ${percent(row.before, 1)}`}`;

// Of a number: columns, from the first that holds anything to the last.
function Columns({ rows, most }) {
  const held = rows.map((row) => row.now > 0 || row.before > 0);
  const shown = rows.slice(Math.max(0, held.indexOf(true) - 1), held.lastIndexOf(true) + 2);
  return html`<div class="columns" role="img" aria-label=${rows.filter((_, i) => held[i]).map(of).join('; ')}>
      ${shown.map((row) => html`<span title=${of(row)}>${row.before !== undefined && html`<i class="before" style=${{ height: `${(row.before / most) * 100}%` }}></i>`}<i style=${{ height: `${(row.now / most) * 100}%` }}></i></span>`)}
    </div><div class="row between small quiet number"><span>${shown[0]?.name}</span><span>${shown.at(-1)?.name}</span></div>`;
}

// Of categories: a row each.
const Rows = ({ rows, most }) => html`<div class="pairs">${rows.slice(0, 30).map((row) => html`<span class="small name" title=${row.name}>${row.name}</span>
  <span class="pair" title=${of(row)}>${row.before !== undefined && html`<i class="before" style=${{ width: `${(row.before / most) * 100}%` }}></i>`}<i style=${{ width: `${(row.now / most) * 100}%` }}></i></span>
  <span class="small number">${percent(row.now, 1)}${row.before === undefined ? '' : html` <span class="quiet">${percent(row.before, 1)}</span>`}</span>`)}</div>`;

// Shares beside each other, the reference's and those of now.
function Lie({ of: feature }) {
  const now = feature.now.shares, before = feature.reference?.shares;
  const most = Math.max(0.0001, ...now, ...(before ?? []));
  const rows = binNames(feature, now.length).map((name, i) => ({ name, now: now[i] ?? 0, before: before?.[i] }));
  return html`<figure class="lie">
    <figcaption><strong>${titled(feature.name)}</strong> <span class="small quiet">${feature.role}, ${number(feature.samples)} samples${feature.now.unseen ? `, ${percent(feature.now.unseen, 1)} never seen` : ''}${feature.now.missing ? `, ${percent(feature.now.missing, 1)} missing` : ''}</span></figcaption>
    <${feature.edges ? Columns : Rows} rows=${rows} most=${most} />
  </figure>`;
}

const spans = [['3600', 'Hour'], ['86400', 'Day'], ['604800', 'Week'], ['5184000', '60 days']];

function One({ endpoint, query }) {
  const monitor = query.monitor ?? 'latency_p95', span = query.span ?? '86400';
  const readings = useLoad(address('/v1/admin/monitors', { endpoint }), { every: 30_000 });
  const from = useMemo(() => new Date(Math.floor(Date.now() / 60_000) * 60_000 - span * 1000).toISOString(), [span, monitor, query.part]);
  const course = useLoad(address(`/v1/admin/monitors/${encodeURIComponent(endpoint)}`, { monitor, part: query.part, from }), { every: 60_000 });
  const own = readings.data?.data.filter((r) => r.endpoint === endpoint) ?? [];
  const reading = own.find((r) => r.monitor === monitor && r.part === (query.part ?? ''));
  const choose = (event) => {
    const [name, part] = JSON.parse(event.target.value);
    go(['monitors', endpoint], { ...query, monitor: name, part });
  };
  return html`<${Page} title=${`${titled(monitor)}${query.part ? `, ${query.part.replaceAll('_', ' ')}` : ''}`} lead=${html`<a href=${to(['endpoints', endpoint])}>${endpoint}</a> · <a href="#/monitors">all monitors</a>`}
      actions=${html`<${Choice} label="How long back" value=${span} options=${spans} onChange=${(next) => go(['monitors', endpoint], { ...query, span: next })} />`}>
    <label class="row small">Monitor <select value=${JSON.stringify([monitor, query.part ?? ''])} onChange=${choose}>
      ${own.map((r) => html`<option value=${JSON.stringify([r.monitor, r.part])}>${titled(r.monitor)}${r.part ? `, ${r.part}` : ''}</option>`)}</select></label>
    <${Sheet} title="How it went"><${Loaded} from=${course} what="course">${(found) => html`<${Course} of=${found} reading=${reading} from=${from} />`}<//><//>
    ${reading && html`<${Sheet} title="What it says" aside=${html`<${State} of=${reading.state} />`}>
      <${Facts} of=${[['Now', inUnit(reading.value, reading.unit)], ['Expected', inUnit(reading.expected, reading.unit)], ['Limit', reading.limit === null ? 'none: it is only shown' : inUnit(reading.limit, reading.unit)],
        ['Samples', number(reading.samples)], ['Window', html`<${Time} at=${reading.from} /> to <${Time} at=${reading.to} />`], ['In words', reading.detail], ['Runbook', html`<a href=${`/v1/runbooks/${reading.monitor}`} target="_blank" rel="noreferrer">${titled(reading.monitor)}: what to do</a>`]]} /><//>`}
    ${course.data?.profile.length > 0 && html`<${Sheet} title="Reference against now" aside=${html`<span class="key before">reference ${course.data.version}</span> <span class="key">now</span>`}>
      <div class="lies">${course.data.profile.map((feature) => html`<${Lie} key=${feature.name} of=${feature} />`)}</div><//>`}
  <//>`;
}

export const Monitors = ({ path, query }) => (path[0] ? html`<${One} key=${path[0]} endpoint=${path[0]} query=${query} />` : html`<${List} query=${query} />`);
