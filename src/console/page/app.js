// The start: who is signed in, and the frame around the page that the address names.
import * as api from './api.js';
import { html, render, useEffect, useState } from './html.js';
import { useLoad } from './load.js';
import { Loading, Problem } from './parts.js';
import { go, to, useRoute } from './route.js';
import { SignIn, SignInAgain } from './sign_in.js';
import { Toasts } from './toasts.js';
import { Alerts } from './page_alerts.js';
import { Audit } from './page_audit.js';
import { Costs } from './page_costs.js';
import { Endpoint } from './page_endpoint.js';
import { Incidents } from './page_incidents.js';
import { Monitors } from './page_monitors.js';
import { Overview } from './page_overview.js';
import { Requests } from './page_requests.js';
import { Review } from './page_review.js';
import { Rollouts } from './page_rollouts.js';
import { Try } from './page_try.js';

const ranks = { client: 1, reviewer: 2, admin: 3 };

// Every page: its address, who may see it, and what draws it.
const pages = [
  { group: 'Serving', path: 'overview', title: 'Overview', role: 'reviewer', view: Overview },
  { group: 'Serving', path: 'endpoints', title: 'Endpoints', role: 'reviewer', view: Endpoint },
  { group: 'Serving', path: 'requests', title: 'Requests', role: 'reviewer', view: Requests },
  { group: 'Serving', path: 'rollouts', title: 'Rollouts', role: 'reviewer', view: Rollouts },
  { group: 'Work', path: 'try', title: 'Try it', role: 'client', view: Try },
  { group: 'Work', path: 'review', title: 'Review', role: 'reviewer', view: Review },
  { group: 'Knowing', path: 'monitors', title: 'Monitors', role: 'reviewer', view: Monitors },
  { group: 'Knowing', path: 'costs', title: 'Costs', role: 'reviewer', view: Costs },
  { group: 'Knowing', path: 'alerts', title: 'Alerts', role: 'reviewer', view: Alerts },
  { group: 'Knowing', path: 'incidents', title: 'Incidents', role: 'reviewer', view: Incidents },
  { group: 'Knowing', path: 'audit', title: 'Audit', role: 'admin', view: Audit },
];

const mark = new URL('./mark.svg', import.meta.url).pathname;

function Scheme() {
  const [scheme, set] = useState(localStorage.getItem('scheme') ?? '');
  useEffect(() => {
    if (scheme) localStorage.setItem('scheme', scheme);
    else localStorage.removeItem('scheme');
    document.documentElement.dataset.scheme = scheme;
  }, [scheme]);
  return html`<div class="choice" role="group" aria-label="Colours">
    ${[['', 'Auto'], ['light', 'Light'], ['dark', 'Dark']].map(([value, name]) => html`
      <button aria-pressed=${scheme === value} onClick=${() => set(value)}>${name}</button>`)}
  </div>`;
}

function Navigation({ mine, current, role }) {
  const queue = useLoad(ranks[role] >= ranks.reviewer ? '/v1/review?limit=1' : '', { every: 10_000 });
  const incidents = useLoad(ranks[role] >= ranks.reviewer ? '/v1/admin/incidents?limit=99' : '', { every: 15_000 });
  const counts = { review: queue.data?.open, incidents: incidents.data?.data.length };
  useEffect(() => {
    window.addEventListener('queue', queue.reload);
    return () => window.removeEventListener('queue', queue.reload);
  }, []);
  return html`<nav aria-label="Pages">
    ${[...new Set(mine.map(({ group }) => group))].map((group) => html`<div>
      <h2 id="group-${group}">${group}</h2>
      <ul aria-labelledby="group-${group}">
        ${mine.filter((page) => page.group === group).map(({ path, title }) => html`<li>
          <a href=${to([path])} aria-current=${path === current ? 'page' : undefined}>${title}
            ${counts[path] ? html`<span class="count">${counts[path]}<span class="hidden-text"> open</span></span>` : ''}</a>
        </li>`)}
      </ul>
    </div>`)}
  </nav>`;
}

function Who({ who, onSignOut }) {
  return html`<div class="who">
    <${Scheme} />
    <div class="row"><span>${who.client} <span class="quiet">(${who.role})</span></span>
      ${who.authentication && html`<button class="plain" onClick=${onSignOut}>Sign out</button>`}</div>
  </div>`;
}

// Said once, above everything, while the server is away; what is shown is loaded again as soon as it is back.
function Away() {
  const [away, set] = useState(api.away);
  useEffect(() => {
    const changed = () => set(api.away);
    window.addEventListener('reach', changed);
    return () => window.removeEventListener('reach', changed);
  }, []);
  useEffect(() => {
    const look = away && setInterval(() => api.get('/console/session').catch(() => {}), 2000);
    return () => clearInterval(look);
  }, [away]);
  return away && html`<div class="note-bar away" role="alert">Penstock at ${location.host} does not answer. What is shown may be old; it is loaded again as soon as there is an answer.</div>`;
}

function Frame({ who, onSignOut }) {
  const { path, query } = useRoute();
  const [open, setOpen] = useState(false);
  const mine = pages.filter(({ role }) => ranks[role] <= ranks[who.role]);
  const page = mine.find((one) => one.path === path[0]);
  useEffect(() => {
    setOpen(false);
    if (!path.length) go([mine[0].path], {}, { replace: true });
  }, [path.join('/')]);
  return html`<a class="skip" href="#main" onClick=${(event) => {
      event.preventDefault();
      document.querySelector('h1')?.focus();
    }}>To the page's content</a>
    <div class="frame">
      <div class="side ${open ? 'open' : ''}">
        <div class="top"><a class="brand" href="#/"><img src=${mark} alt="" />Penstock</a>
          <button class="menu" aria-expanded=${open} onClick=${() => setOpen(!open)}>Menu</button></div>
        <${Navigation} mine=${mine} current=${page?.path} role=${who.role} />
        <${Who} who=${who} onSignOut=${onSignOut} />
      </div>
      <div>
        <${Away} />
        ${!who.authentication && html`<div class="note-bar" role="note">Authentication is off: whoever reaches this address may do everything. Penstock allows that on loopback only.</div>`}
        <main id="main" data-at=${path.join('/')}>${page
          ? html`<${page.view} key=${page.path} path=${path.slice(1)} query=${query} who=${who} />`
          : path.length && html`<div class="page"><h1>Nothing here</h1><p>There is no page “${path[0]}” for the role ${who.role}. <a href="#/">To the start</a></p></div>`}
        </main>
      </div>
    </div>`;
}

function App() {
  const [state, set] = useState({});
  const load = () => api.get('/console/session').then(
    (who) => {
      const returned = api.session.over;
      Object.assign(api.session, { csrf: who.csrf, simulators: who.simulators, over: false });
      set({ who });
      if (returned) api.again();
    },
    (error) => set(error.status === 401 ? { signIn: true } : { error }),
  );
  useEffect(() => {
    api.session.ended = () => set((old) => ({ ...old, signIn: true }));
    load();
  }, []);
  const signOut = async () => {
    await api.remove('/console/session').catch(() => {});
    api.session.csrf = '';
    set({ signIn: true });
  };
  if (state.error) return html`<main><${Problem} error=${state.error} doing="The console could not start" again=${load} /></main>`;
  if (state.signIn && !state.who) return html`<${SignIn} mark=${mark} onSignedIn=${load} />`;
  if (!state.who) return html`<main><${Loading} what="Starting" /></main>`;
  return html`<${Frame} key=${`${state.who.client} ${state.who.role}`} who=${state.who} onSignOut=${signOut} /><${Toasts} />
    ${state.signIn && html`<${SignInAgain} onSignedIn=${load} onLeave=${signOut} />`}`;
}

render(html`<${App} />`, document.getElementById('app'));
