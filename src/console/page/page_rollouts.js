// Rollouts: what takes over from what, how far it is, the evidence of both sides, and the way on or back.
import { post, query as address, segment } from './api.js';
import { html, useState } from './html.js';
import { useLoad } from './load.js';
import { Badge, Choice, Confirm, Empty, Facts, isSimulated, Loaded, Model, Page, Sheet, Table, Time } from './parts.js';
import { ms, number, percent, usd } from './format.js';
import { go, to } from './route.js';
import { toast } from './toasts.js';
import { DeployForm } from './rollout_deploy.js';

const kinds = { running: 'accent', promoted: 'good', 'rolled back': 'bad', better: 'good', 'as good': 'good', worse: 'bad' };
const State = ({ of }) => html`<${Badge} kind=${kinds[of] ?? 'warn'}>${of}<//>`;

const columns = [
  { head: 'Endpoint', cell: (r) => html`<a class="name" href=${to(['rollouts', r.id])}>${r.endpoint}</a>` },
  { head: 'From', cell: (r) => html`<${Model} of=${r.stable} />` },
  { head: 'To', cell: (r) => html`<strong><${Model} of=${r.candidate} /></strong>` },
  { head: 'Kind', cell: (r) => r.kind },
  { head: 'State', cell: (r) => html`<${State} of=${r.state} />${r.state === 'running' && r.kind !== 'shadow' ? html` <span class="number">${percent(r.weight)}</span>` : ''}` },
  { head: 'Began', cell: (r) => html`<${Time} at=${r.created} relative />` },
  { head: 'By', cell: (r) => r.by },
  { head: 'What came of it', cell: (r) => html`<span class="small">${r.outcome || r.why}</span>` },
];

// What is compared: its name, its value on a side, and how it is read.
const criteria = [
  ['Requests', 'requests', number], ['Errors', 'errors', percent], ['Fallbacks', 'fallbacks', percent], ['To review', 'reviews', percent],
  ['Latency p50', 'latency_p50_ms', ms], ['Latency p95', 'latency_p95_ms', ms], ['Mean confidence', 'confidence', percent], ['Mean cost', 'cost_usd', usd],
  ['Score of feedback', 'score', percent], ['Labels', 'labels', number], ['Accuracy by labels', 'accuracy', percent], ['Agreement', 'agreement', percent],
  ['In the same words', 'same_words', percent], ['As the schema says', 'as_schema', percent],
];

function Evidence({ of: r }) {
  const { stable, candidate } = r.evidence;
  const rows = criteria.filter(([, key]) => ![stable[key], candidate[key]].every((value) => value === null || value === undefined));
  const shown = (form, value) => (value === null || value === undefined ? '–' : form === percent ? percent(value, 2) : form(value));
  return html`<${Sheet} title="Evidence" aside="every request of the endpoint counts, but for mistakes of clients and answers from a cache">
    <${Table} caption="Evidence of both sides" rows=${rows} columns=${[{ head: 'What', cell: ([name]) => name },
      { head: r.stable, right: true, cell: ([, key, form]) => shown(form, stable[key]) }, { head: r.candidate, right: true, cell: ([, key, form]) => html`<strong>${shown(form, candidate[key])}</strong>` }]} />
  <//>`;
}

// "0.05,0.25,0.5" as boxes, the present one marked.
function Steps({ of: r }) {
  const steps = r.steps.split(',').map(Number).filter((part) => part >= 0 && part <= 1);
  if (!steps.length || r.kind === 'shadow') return '';
  const running = r.state === 'running', all = [...steps, ...(steps.at(-1) === 1 ? [] : [1])];
  return html`<ol class="steps" aria-label="Steps">${all.map((part, i) => {
    const done = r.state === 'promoted' || i + 1 < r.step, now = running && i + 1 === r.step;
    return html`<li class=${now ? 'now' : done ? 'done' : ''} aria-current=${now ? 'step' : undefined}>${percent(part)}</li>`;
  })}</ol>`;
}

const answers = [
  { head: 'When', cell: (a) => html`<${Time} at=${a.at} />` }, { head: 'Request', cell: (a) => html`<a class="mono" href=${to(['requests', a.request_id])}>${a.request_id.slice(0, 12)}…</a>` },
  { head: 'It would have said', cell: (a) => a.label ?? a.error }, { head: 'The same', cell: (a) => (a.same === null ? '–' : a.same ? 'yes' : html`<span class="bad-text">no</span>`) },
  { head: 'Confidence', right: true, cell: (a) => percent(a.confidence, 1) }, { head: 'Took', right: true, cell: (a) => ms(a.latency_ms) },
];

const ways = {
  promote: ['Promote', (r) => html`<p><strong>${r.candidate}</strong> answers everything of ${r.endpoint} at once, whatever the evidence says so far.</p>`],
  rollback: ['Roll back', (r) => html`<p><strong>${r.stable}</strong> answers everything of ${r.endpoint} again, for requests that begin within a second.</p>`],
  stop_shadow: ['Stop the shadow', (r) => html`<p>${r.candidate} is asked no more. Who serves does not change.</p>`],
};

function End({ of: r, how, onClose, onDone }) {
  const [title, words] = ways[how];
  const end = async (form) => {
    await post(`/v1/admin/endpoints/${segment(r.endpoint)}/${how}`, { why: form.get('why') });
    toast(`${r.endpoint}: ${title.toLowerCase()} is under way`);
    onDone();
  };
  return html`<${Confirm} title=${`${title}: ${r.endpoint}?`} confirm=${title} danger=${how === 'rollback'} onConfirm=${end} onClose=${onClose}>
    ${words(r)}<label class="field">Why<input name="why" required maxlength="240" autocomplete="off" /><small>Stands in the history and the audit log.</small></label><//>`;
}

const possible = (r) => (r.state === 'running' ? (r.kind === 'shadow' ? ['stop_shadow'] : ['promote', 'rollback']) : r.state === 'promoted' ? ['rollback'] : []);

function One({ id, who }) {
  const from = useLoad(`/v1/admin/rollouts/${segment(id)}`, { every: 3000 });
  const newest = useLoad(from.data ? address('/v1/admin/rollouts', { endpoint: from.data.endpoint, limit: 1 }) : '', { every: 10_000 });
  const [ending, end] = useState();
  const r = from.data;
  const latest = !newest.data || newest.data.data[0]?.id === id; // an older one has nothing to go back from
  const ways_on = r && who.role === 'admin' && latest ? possible(r) : [];
  return html`<${Page} title=${r ? `${r.stable} → ${r.candidate}` : 'Rollout'} lead=${r && html`<span class="row"><${State} of=${r.state} /> ${r.kind} at <a href=${to(['endpoints', r.endpoint])}>${r.endpoint}</a>${[r.stable, r.candidate].filter(isSimulated).map((model) => html`<span>· <${Model} of=${model} /></span>`)}</span>`}
      actions=${ways_on.map((how) => html`<button class=${how === 'rollback' ? 'danger' : 'first'} onClick=${() => end(how)}>${ways[how][0]}</button>`)}>
    <${Loaded} from=${from} what="rollout">${(found) => html`
      <${Steps} of=${found} />
      ${found.outcome && html`<p class="outcome">${found.outcome}</p>`}
      <${Evidence} of=${found} />
      <${Sheet} title="How it came about"><${Facts} of=${[['Began', html`<${Time} at=${found.created} /> by ${found.by}`], ['Why', found.why], ['Ended', found.ended && html`<${Time} at=${found.ended} />`],
        ['Share now', found.kind === 'shadow' ? 'none: it answers nobody' : percent(found.weight)], ['For', found.segment], ['Mirrored', found.mirror === undefined ? null : `${percent(found.mirror)}, ${found.at_once} at once${found.usd_per_day ? `, ${usd(found.usd_per_day)} a day at most` : ''}`]]} /><//>
      ${found.answers?.length > 0 && html`<${Sheet} title="Its last answers"><${Table} caption="Answers of the shadow" columns=${answers} rows=${found.answers} /><//>`}`}<//>
    ${ending && html`<${End} of=${r} how=${ending} onClose=${() => end()} onDone=${from.reload} />`}
  <//>`;
}

function List({ query, who }) {
  const from = useLoad(address('/v1/admin/rollouts', { endpoint: query.endpoint, limit: 50 }), { every: 5000 });
  const [deploying, deploy] = useState(false);
  return html`<${Page} title="Rollouts" lead="A candidate takes over in steps, is held against what served before, and is promoted or rolled back by what is seen."
      actions=${who.role === 'admin' && html`<button class="first" onClick=${() => deploy(true)}>Begin a rollout</button>`}>
    <${Loaded} from=${from} what="rollouts">${({ data }) => (data.length ? html`<${Sheet}><${Table} caption="Rollouts" columns=${columns} rows=${data} keyOf=${({ id }) => id} /><//>`
      : html`<${Empty} title="No rollout so far"><p>Begin one here, or with <code>penstock deploy ENDPOINT NAME@VERSION --why "…"</code>.</p><//>`)}<//>
    ${deploying && html`<${DeployForm} onClose=${() => deploy(false)} onDone=${(r) => go(['rollouts', r.id])} />`}
  <//>`;
}

export const Rollouts = ({ path, query, who }) => (path[0] ? html`<${One} key=${path[0]} id=${path[0]} who=${who} />` : html`<${List} query=${query} who=${who} />`);
