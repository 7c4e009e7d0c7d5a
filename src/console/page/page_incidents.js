// Incidents: what is wrong for users, who has it, and what was done.
import { get, post, segment } from './api.js';
import { html, useEffect, useState } from './html.js';
import { useLoad } from './load.js';
import { Badge, Choice, Confirm, Empty, Facts, Loaded, Page, Problem, Sheet, Table, Time } from './parts.js';
import { go, to } from './route.js';
import { alertColumns, Class, Messages } from './page_alerts.js';
import { toast } from './toasts.js';
import { eventTitled, headline } from './units.js';

const states = { open: 'bad', acknowledged: 'warn', resolved: 'good' };
const State = ({ of }) => html`<${Badge} kind=${states[of]}>${of}<//>`;
const address = (id, what) => `/v1/admin/incidents/${segment(id)}${what ? `/${what}` : ''}`;

const columns = [
  { head: 'Class', cell: (i) => html`<${Class} of=${i.class} />` },
  { head: 'Incident', cell: (i) => html`<a class="name" href=${to(['incidents', i.id])}>${headline(i.summary)}</a><div class="small quiet">${i.meaning}</div>` },
  { head: 'Endpoint', cell: (i) => i.endpoint || 'the whole server' },
  { head: 'State', cell: (i) => html`<${State} of=${i.state} />` },
  { head: 'Owner', cell: (i) => i.acknowledged_by ?? i.owner },
  { head: 'Opened', cell: (i) => html`<${Time} at=${i.opened} relative />` },
  { head: 'Resolved', cell: (i) => i.resolved && html`<${Time} at=${i.resolved} relative />` },
];

const acts = {
  acknowledge: ['Take it on', 'Who escalation would call next is not called; the alerts go on.', false],
  escalate: ['Escalate', 'It is nobody’s again until somebody takes it on, and the receivers that would be told later are told now.', true],
  comment: ['Write a note', 'It stands in the timeline.', true],
  resolve: ['Resolve', 'It is opened again by the next alert of its kind.', true],
};

function Act({ incident, what, onDone, onClose }) {
  const [title, words, needed] = acts[what];
  const act = async (form) => {
    await post(address(incident.id, what), { why: form.get('why') });
    toast(`${title}: done`);
    onDone();
  };
  return html`<${Confirm} title=${`${title}?`} confirm=${title} onConfirm=${act} onClose=${onClose}><p>${words}</p>
    <label class="field">${needed ? 'What there is to say' : 'What there is to say, if anything'}<input name="why" required=${needed} maxlength="400" autocomplete="off" /></label><//>`;
}

// A post-mortem's draft, to be copied or saved and gone on with.
function Draft({ id }) {
  const [state, set] = useState({});
  const load = () => get(address(id, 'export')).then(({ markdown }) => set({ markdown, file: URL.createObjectURL(new Blob([markdown], { type: 'text/markdown' })) }), (error) => set({ error }));
  useEffect(() => () => state.file && URL.revokeObjectURL(state.file), [state.file]);
  const copy = () => navigator.clipboard.writeText(state.markdown).then(() => toast('Copied'), () => toast('The browser did not let it be copied: mark the text, or save it.'));
  if (state.file)
    return html`<${Sheet} title="Post-mortem, a draft" aside=${html`<span class="row"><button onClick=${copy}>Copy</button><a class="button" href=${state.file} download=${`incident-${id}.md`}>Save</a></span>`}>
      <pre class="value draft" tabindex="0" aria-label="The draft">${state.markdown}</pre><//>`;
  return html`${state.error && html`<${Problem} error=${state.error} />`}<div><button onClick=${load}>Draft a post-mortem</button></div>`;
}

function One({ id, who }) {
  const from = useLoad(address(id), { every: 10_000 });
  const [acting, act] = useState();
  const i = from.data?.incident;
  const possible = !i || i.state === 'resolved' || who.role !== 'admin' ? [] : [...(i.state === 'open' ? ['acknowledge'] : []), 'escalate', 'comment', 'resolve'];
  return html`<${Page} title=${i ? headline(i.summary) : 'Incident'} lead=${i && html`<span class="row"><${Class} of=${i.class} /> <${State} of=${i.state} /> ${i.meaning}</span>`}
      actions=${possible.map((what) => html`<button class=${what === 'acknowledge' ? 'first' : ''} onClick=${() => act(what)}>${acts[what][0]}</button>`)}>
    <${Loaded} from=${from} what="incident">${({ alerts, timeline, incident }) => html`
      <${Sheet} title="Alerts"><${Table} caption="Alerts" columns=${alertColumns} rows=${alerts} keyOf=${(a) => a.id} /><//>
      <div class="halves">
        <${Sheet} title="What happened"><ol class="timeline">${timeline.map((event) => html`<li><${Time} at=${event.at} /> <strong>${eventTitled(event.what)}</strong> <span class="quiet">${event.who}</span><div>${event.text}</div></li>`)}</ol><//>
        <${Sheet} title="Whose it is"><${Facts} of=${[['Endpoint', incident.endpoint ? html`<a href=${to(['endpoints', incident.endpoint])}>${incident.endpoint}</a>` : 'the whole server'], ['Owner', incident.owner ?? 'nobody is named'],
          ['Opened', html`<${Time} at=${incident.opened} /> <span class="quiet">(<${Time} at=${incident.opened} relative />)</span>`], ['Taken on', incident.acknowledged && html`<${Time} at=${incident.acknowledged} /> by ${incident.acknowledged_by}`],
          ['Resolved', incident.resolved && html`<${Time} at=${incident.resolved} /> by ${incident.resolved_by}`], ['Messages', incident.notices]]} /><//>
      </div>
      <${Messages} incident=${id} who=${who} /><${Draft} id=${id} />`}<//>
    ${acting && html`<${Act} incident=${i} what=${acting} onDone=${from.reload} onClose=${() => act()} />`}
  <//>`;
}

function List({ query }) {
  const state = query.state ?? 'open';
  const from = useLoad(`/v1/admin/incidents?state=${segment(state)}`, { every: 10_000 });
  return html`<${Page} title="Incidents" actions=${html`<${Choice} label="Which incidents" value=${state} options=${[['open', 'Open'], ['all', 'All']]} onChange=${(next) => go(['incidents'], { state: next })} />`}
      lead="P1 unavailable, P2 degraded quality, P3 cost, P4 slow degradation.">
    <${Loaded} from=${from} what="incidents">${({ data }) => (data.length ? html`<${Sheet}><${Table} caption="Incidents" columns=${columns} rows=${data} keyOf=${({ id }) => id} /><//>`
      : html`<${Empty} title=${state === 'all' ? 'No incident so far' : 'No incident is open'}><p>One is opened by <a href="#/alerts">alerts</a> that fire, and gathers what belongs together.</p><//>`)}<//>
  <//>`;
}

export const Incidents = ({ path, query, who }) => (path[0] ? html`<${One} key=${path[0]} id=${path[0]} who=${who} />` : html`<${List} query=${query} />`);
