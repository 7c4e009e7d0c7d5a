// Alerts: what is pending or fires, what is silenced and by whom, and whether the messages came through.
import { post, remove, segment } from './api.js';
import { html, useEffect, useState } from './html.js';
import { useLoad } from './load.js';
import { Badge, Choice, Confirm, Empty, Loaded, Page, Sheet, Table, Time } from './parts.js';
import { number } from './format.js';
import { go, to } from './route.js';
import { toast } from './toasts.js';
import { headline, inUnit, titled, where } from './units.js';

const classes = { P1: 'bad', P2: 'bad', P3: 'warn', P4: 'warn' };
const states = { pending: 'warn', firing: 'bad', resolved: 'good' };
export const Class = ({ of }) => html`<${Badge} kind=${classes[of]}>${of}<//>`;

export const alertColumns = [
  { head: 'Alert', cell: (a) => html`<strong>${headline(a.title)}</strong><div class="small quiet">${where(a)} · <a href=${`/v1/runbooks/${a.monitor}`} target="_blank" rel="noreferrer">what to do</a></div>` },
  { head: 'Class', cell: (a) => html`<${Class} of=${a.class} />` },
  { head: 'State', cell: (a) => html`<${Badge} kind=${states[a.state]}>${a.state}<//>${a.muted ? html` <span class="small quiet">quiet: ${a.muted}</span>` : ''}` },
  { head: 'Seen', right: true, cell: (a) => inUnit(a.value, a.unit) },
  { head: 'Expected', right: true, cell: (a) => inUnit(a.expected, a.unit) },
  { head: 'Limit', right: true, cell: (a) => inUnit(a.limit, a.unit) },
  { head: 'Since', cell: (a) => html`<${Time} at=${a.fired ?? a.began} relative />${a.ended ? html`<div class="small quiet">ended <${Time} at=${a.ended} relative /></div>` : ''}` },
  { head: 'What it says', cell: (a) => html`<span class="small">${a.detail}</span>` },
];
const incident = { head: 'Incident', cell: (a) => a.incident && html`<a href=${to(['incidents', a.incident])}>open it</a>` };

const hours = [['1', 'an hour'], ['4', 'four hours'], ['24', 'a day'], ['168', 'a week']];

function SilenceForm({ of, onClose, onDone }) {
  const silence = async (form) => {
    const until = new Date(Date.now() + Number(form.get('hours')) * 3_600_000).toISOString();
    await post('/v1/admin/alerts/silences', { endpoint: of.endpoint, monitor: of.monitor, part: of.part, until, why: form.get('why') });
    toast(`Silenced: ${of.title}`);
    onDone();
  };
  return html`<${Confirm} title=${`Silence “${of.title}”?`} confirm="Silence" onConfirm=${silence} onClose=${onClose}>
    <p>${where(of)}. It is judged and recorded as before, but nobody is told.</p>
    <label class="field">For<select name="hours">${hours.map(([value, text]) => html`<option value=${value}>${text}</option>`)}</select></label>
    <label class="field">Why<input name="why" required maxlength="400" autocomplete="off" /></label>
  <//>`;
}

function Silences({ who, from }) {
  const end = async (id) => {
    try {
      await remove(`/v1/admin/alerts/silences/${segment(id)}`);
      from.reload();
    } catch (error) {
      toast(`The silence was not ended: ${error.message}`);
    }
  };
  const columns = [
    { head: 'What is silent', cell: (s) => html`${s.monitor ? titled(s.monitor) : 'every alert'} <span class="quiet">${where({ endpoint: s.endpoint, part: s.part })}</span>` },
    { head: 'Until', cell: (s) => html`<${Time} at=${s.until} />` }, { head: 'Who', cell: (s) => s.who }, { head: 'Why', cell: (s) => s.why },
    ...(who.role === 'admin' ? [{ head: '', cell: (s) => html`<button onClick=${() => end(s.id)}>End it</button>` }] : []),
  ];
  return html`<${Loaded} from=${from} what="silences">${({ data }) => data.length > 0 && html`<${Sheet} title="Silences"><${Table} caption="Silences" columns=${columns} rows=${data} keyOf=${({ id }) => id} /><//>`}<//>`;
}

const deliveries = { waiting: 'warn', delivered: 'good', 'given up': 'bad' };
const messages = [
  { head: 'When', cell: (m) => html`<${Time} at=${m.created} />` }, { head: 'To', cell: (m) => html`${m.receiver} <span class="quiet">${m.shape}</span>` }, { head: 'Subject', cell: (m) => m.subject },
  { head: 'State', cell: (m) => html`<${Badge} kind=${deliveries[m.state]}>${m.state}<//>` }, { head: 'Tries', right: true, cell: (m) => number(m.tries) }, { head: 'Answer', cell: (m) => html`<span class="small">${m.status || ''} ${m.answer}</span>` },
];

// To each receiver, for real: what came of it is in the list below.
function Trial({ onSent }) {
  const [busy, set] = useState(false);
  const send = async () => {
    set(true);
    try {
      const { messages: sent } = await post('/v1/admin/alerts/test', {});
      toast(`${number(sent)} test ${sent === 1 ? 'message is' : 'messages are'} on the way`);
      onSent();
    } catch (error) {
      toast(`No test message was sent: ${error.message}`, { ms: 12_000 });
    }
    set(false);
  };
  return html`<button disabled=${busy} onClick=${send}>Send a test message</button>`;
}

export function Messages({ incident: id, who }) {
  const [every, look] = useState(10_000);
  const from = useLoad(`/v1/admin/alerts/messages?limit=30${id ? `&incident=${segment(id)}` : ''}`, { every });
  useEffect(() => look(from.data?.data.some(({ state }) => state === 'waiting') ? 1000 : 10_000), [from.data]);
  const trial = !id && who.role === 'admin' && html`<${Trial} onSent=${from.reload} />`;
  return html`<${Sheet} title="Messages" aside=${trial}><${Loaded} from=${from} what="messages">${({ data }) => (data.length
    ? html`<${Table} caption="Messages" columns=${messages} rows=${data} keyOf=${(m) => m.id} />`
    : html`<p class="quiet">None was sent. Receivers (webhooks, mail) are set under <code>alerts</code> in the configuration; a test message shows whether they arrive.</p>`)}<//><//>`;
}

export function Alerts({ query, who }) {
  const state = query.state ?? 'active';
  const from = useLoad(`/v1/admin/alerts?state=${segment(state)}`, { every: 10_000 });
  const silences = useLoad('/v1/admin/alerts/silences', { every: 30_000 });
  const [silencing, silence] = useState();
  const quiet = { head: '', cell: (a) => a.state !== 'resolved' && html`<button onClick=${() => silence(a)}>Silence</button>` };
  const columns = [...alertColumns, incident, ...(who.role === 'admin' ? [quiet] : [])];
  return html`<${Page} title="Alerts" actions=${html`<${Choice} label="Which alerts" value=${state} options=${[['active', 'Active'], ['all', 'All']]} onChange=${(next) => go(['alerts'], { state: next })} />`}>
    <${Loaded} from=${from} what="alerts">${({ data }) => (data.length
      ? html`<${Sheet}><${Table} caption="Alerts" columns=${columns} rows=${data} keyOf=${({ id }) => id} /><//>`
      : html`<${Empty} title=${state === 'all' ? 'No alert so far' : 'Nothing fires'}><p>Alerts come from the <a href="#/monitors">monitors</a>: one that is breached for its time becomes pending, then fires, and tells the receivers.</p><//>`)}<//>
    <${Silences} who=${who} from=${silences} />
    <${Messages} who=${who} />
    ${silencing && html`<${SilenceForm} of=${silencing} onClose=${() => silence()} onDone=${() => (silences.reload(), from.reload())} />`}
  <//>`;
}
