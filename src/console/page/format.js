// Figures and times, as people read them.
const space = '\u00a0'; // a number and its unit stay together
const numbers = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
export const number = (value) => (value === null || value === undefined ? '–' : numbers.format(value));

export function ms(value) {
  if (value === null || value === undefined) return '–';
  if (value >= 1000) return `${(value / 1000).toFixed(value >= 10_000 ? 1 : 2)}${space}s`;
  const digits = value >= 100 || value === 0 ? 0 : value >= 1 ? 1 : 3;
  return `${value.toFixed(digits)}${space}ms`;
}

export const percent = (value, digits = 0) => (value === null || value === undefined ? '–' : `${(value * 100).toFixed(digits)}${space}%`);

// Prices of single requests are far below a cent: as many digits as say something. Unknown is unknown, never zero.
export function usd(value) {
  if (value === null || value === undefined) return 'unknown';
  if (value === 0) return '$0';
  if (Math.abs(value) >= 0.01) return `$${value.toFixed(2)}`;
  return `$${value.toPrecision(3).includes('e') ? value.toFixed(9) : value.toPrecision(3)}`;
}

export function bytes(value) {
  if (value === null || value === undefined) return '–';
  if (value < 1000) return `${value} bytes`;
  return value < 1e6 ? `${(value / 1e3).toFixed(1)} kB` : `${(value / 1e6).toFixed(1)} MB`;
}

const today = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const other = new Intl.DateTimeFormat(undefined, { year: 'numeric', month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit' });
export function time(date) {
  return (date.toDateString() === new Date().toDateString() ? today : other).format(date);
}

export function ago(date, now = Date.now()) {
  const seconds = Math.max(0, Math.round((now - date) / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} days`;
}

// What a decision means (docs/architecture.md), and how it is coloured.
export const decisions = {
  accepted: ['good', 'confident enough to go straight out'],
  verified: ['good', 'less confident, and the business rules passed'],
  review: ['warn', 'a person decides'],
  fallback: ['warn', 'a step of the fallback chain answered'],
  cached: ['accent', 'the same input was answered before'],
  rejected: ['bad', 'no prediction was given'],
};
