// Short messages at the page's edge, read out by screen readers: toast('Done'), toast('Labelled', { action: 'Undo', run }).
import { html, useEffect, useState } from './html.js';

let show = () => {};
let last = 0;

export function toast(text, { action, run, ms = 6000 } = {}) {
  const id = ++last;
  show((list) => [...list, { id, text, action, run }].slice(-4));
  const close = () => show((list) => list.filter((one) => one.id !== id));
  setTimeout(close, ms);
  return close;
}

export function Toasts() {
  const [list, set] = useState([]);
  useEffect(() => {
    show = set;
  }, []);
  return html`<div class="toasts" role="status" aria-live="polite">
    ${list.map(({ id, text, action, run }) => html`<div class="toast" key=${id}><span>${text}</span>
      ${action && html`<button onClick=${run}>${action}</button>`}</div>`)}
  </div>`;
}
