// Values of monitors and alerts, in their unit, and what their states are called.
import { ms, number, percent, usd } from './format.js';

const forms = {
  ms, share: (value) => percent(value, Math.abs(value) < 0.1 ? 2 : 1), usd, count: number,
  s: (value) => (value >= 7200 ? `${number(value / 3600)}\u00a0h` : value >= 120 ? `${number(value / 60)}\u00a0min` : `${number(value)}\u00a0s`),
  divergence: (value) => value.toFixed(3),
};

export const inUnit = (value, unit) => (value === null || value === undefined ? '–' : forms[unit] ? forms[unit](value) : `${number(value)}\u00a0${unit}`);

export const sights = {
  good: ['good', 'good'], breached: ['bad', 'breached'], no_data: ['', 'too few samples'], 'no data': ['', 'too few samples'],
  void: ['warn', 'void'], 'not measured': ['', 'not measured'],
};

// What happened to an incident, in words.
const events = {
  'alert.firing': 'An alert fires', 'alert.resolved': 'An alert is over', 'alert.unseen': 'Nobody sees it any more', 'alert.seen_again': 'It is seen again', acknowledged: 'Taken on', escalated: 'Escalated',
  resolved: 'Resolved', comment: 'Note', 'notice.opened': 'Told', 'notice.changed': 'Told of the change', 'notice.repeated': 'Told again', 'notice.escalated': 'Told those who are next', 'notice.resolved': 'Told the end',
};
export const eventTitled = (what) => events[what] ?? what;

// latency_p95 is "Latency p95"
export const titled = (name) => name.replaceAll('_', ' ').replace(/^./, (letter) => letter.toUpperCase());

// The first words of a long sentence, for headings: up to its figures.
export const headline = (text) => text.split(/ ?[(:]/)[0].replace(/^./, (letter) => letter.toUpperCase());

export const where = ({ endpoint, part }) => `${endpoint || 'the whole server'}${part ? `, ${part}` : ''}`;
