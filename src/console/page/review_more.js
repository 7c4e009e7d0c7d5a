// What a person adds to a label: corrected fields of the document, and a note. And how that person does.
import { query as address } from './api.js';
import { html, useEffect } from './html.js';
import { useLoad } from './load.js';
import { number, percent } from './format.js';

export const nothing = { note: '', known: {}, added: [], open: false };

function objectOf(text) {
  try {
    const value = JSON.parse(text);
    return value && typeof value === 'object' && !Array.isArray(value) ? value : {};
  } catch {
    return {};
  }
}

// The fields that an item came with: those of a structured answer, else those that were sent.
export function fieldsOf(item) {
  const own = objectOf(item.prediction ?? '');
  return Object.keys(own).length ? own : objectOf(item.input.text ?? '');
}

const shown = (value) => (typeof value === 'string' ? value : JSON.stringify(value));

// A number stays a number where what was typed is one.
function typed(text, before) {
  if (typeof before === 'string') return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

// What is sent with the label: only what was changed.
export function correction(item, draft) {
  const before = fieldsOf(item);
  const changed = Object.entries(draft.known).filter(([name, text]) => text !== shown(before[name])).map(([name, text]) => [name, typed(text, before[name])]);
  const fields = Object.fromEntries([...changed, ...draft.added.filter(([name]) => name.trim()).map(([name, text]) => [name.trim(), text])]);
  return { ...(draft.note.trim() ? { note: draft.note.trim() } : {}), ...(Object.keys(fields).length ? { fields } : {}) };
}

const left = (event) => event.key === 'Escape' && event.target.blur();

function Fields({ item, draft, change }) {
  const added = [...draft.added, ['', '']]; // one more to write into
  const write = (i, at, text) => change({ added: added.map((row, k) => (k === i ? row.map((old, j) => (j === at ? text : old)) : row)).filter(([name, value]) => name || value) });
  return html`<div class="corrections">
    ${Object.entries(fieldsOf(item)).map(([name, value]) => html`<label>
      <span>${name}</span><input value=${draft.known[name] ?? shown(value)} class=${name in draft.known && draft.known[name] !== shown(value) ? 'changed' : ''} maxlength="4000" autocomplete="off" spellcheck="false" onKeyDown=${left}
        onInput=${(event) => change({ known: { ...draft.known, [name]: event.target.value } })} /></label>`)}
    ${added.map(([name, value], i) => html`<div key=${i}>
      <input value=${name} aria-label="Name of a field" placeholder="Field" maxlength="100" autocomplete="off" spellcheck="false" onKeyDown=${left} onInput=${(event) => write(i, 0, event.target.value)} />
      <input value=${value} aria-label=${`What is right${name ? ` for ${name}` : ''}`} placeholder="What is right" maxlength="4000" autocomplete="off" spellcheck="false" onKeyDown=${left} onInput=${(event) => write(i, 1, event.target.value)} /></div>`)}
  </div>`;
}

// `asked`: a reason is needed before it can be denied, which Enter does then.
export function More({ item, draft, change, place, asked, onReason }) {
  const enter = (event) => {
    left(event);
    if (asked && event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault();
      onReason();
    }
  };
  return html`<div class="column" ref=${place}>
    ${item.kind !== 'approval' && html`<details open=${draft.open} onToggle=${(event) => event.target.open !== draft.open && change({ open: event.target.open })}>
      <summary>Correct fields <kbd aria-hidden="true">f</kbd></summary>${draft.open && html`<${Fields} item=${item} draft=${draft} change=${change} />`}</details>`}
    <label class="field"><span>Note <kbd aria-hidden="true">n</kbd></span>
      <textarea class="note" name="note" rows="1" maxlength="1000" value=${draft.note} aria-invalid=${asked ? 'true' : undefined} onKeyDown=${enter} onInput=${(event) => change({ note: event.target.value })}></textarea>
      ${asked && html`<small class="bad-text" role="alert">A denial needs a reason: write it here, then Enter.</small>`}</label>
  </div>`;
}

// What the person did, and how often it was judged otherwise than what is known.
export function Own({ endpoint }) {
  const from = useLoad(endpoint ? address('/v1/review/stats', { endpoint }) : '', { every: 60_000 });
  useEffect(() => {
    window.addEventListener('labelled', from.reload);
    return () => window.removeEventListener('labelled', from.reload);
  }, []);
  const stats = from.data, you = stats?.you;
  if (!you) return '';
  return html`<p class="small quiet own" aria-label="How you do">
    <span>You, at ${stats.endpoint}: <strong class="number">${number(you.last_hour)}</strong> in the last hour, <strong class="number">${number(you.last_day)}</strong> in a day</span>
    <span title="Items whose answer is known are mixed in. Told in tens, over a week.">${you.gold.judged
      ? html`gold: <strong class="number">${percent(you.gold.share, 1)}</strong> wrong of ${number(you.gold.judged)}` : 'gold: fewer than ten judged this week'}</span>
    <span>all: ${number(stats.arrivals_per_hour)} an hour come, ${number(stats.resolved_per_hour)} are decided</span></p>`;
}
