// Lines over time, by uPlot; its colours are the page's. What it shows is said in words beside it, for who does not see it.
import { html, useEffect, useRef } from './html.js';

// A colour of the style sheet as the canvas takes it: light-dark() resolved.
function colour(element, name) {
  element.style.color = `var(${name})`;
  return getComputedStyle(element).color;
}

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const day = new Intl.DateTimeFormat(undefined, { month: 'short', day: 'numeric' });
const moments = (_, ticks, axis, space, step) => ticks.map((tick) => (step >= 86_400 ? day : clock).format(tick * 1000));

// What the values are held against is in the picture only where it does not press them flat.
function heights(series) {
  const own = series.filter(({ kind }) => kind !== 'bad').flatMap(({ values }) => values).filter((value) => value !== null);
  const limits = series.filter(({ kind }) => kind === 'bad').flatMap(({ values }) => values).filter((value) => value !== null);
  const high = Math.max(0, ...own), limit = Math.max(0, ...limits);
  return [Math.min(0, ...own), (limit <= 4 * high ? Math.max(high, limit) : high) * 1.1 || 1];
}

function options(box, { times, series, format, height, from }) {
  const probe = box.appendChild(document.createElement('i'));
  const quiet = colour(probe, '--quiet'), line = colour(probe, '--line');
  const drawn = series.map(({ name, kind }) => ({
    label: name, stroke: colour(probe, `--${kind}`), width: kind === 'bar' ? 2 : 1.5, dash: kind === 'bar' ? undefined : [5, 4], spanGaps: false,
    points: { show: kind === 'bar' && times.length < 100 }, value: (_, value) => (value === null || value === undefined ? '–' : format(value)),
  }));
  probe.remove();
  const axis = { stroke: quiet, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, font: '12px system-ui, sans-serif' };
  return {
    width: Math.max(200, box.clientWidth), height, series: [{ label: 'time', value: (_, at) => (at === null ? '–' : `${day.format(at * 1000)}, ${clock.format(at * 1000)}`) }, ...drawn], axes: [{ ...axis, values: moments }, { ...axis, size: 84, values: (_, ticks) => ticks.map((tick) => format(tick)) }],
    scales: { x: { range: () => [from, Math.max(Date.now() / 1000, times.at(-1) ?? 0)] }, y: { range: () => heights(series) } }, cursor: { y: false },
  };
}

// from: where the picture begins, in seconds. series: [{ name, values, kind }] with kind a colour of the style sheet (bar: the line itself; quiet, bad: what it is held against).
export function Chart({ times, series, format, label, from, height = 260 }) {
  const box = useRef();
  useEffect(() => {
    const element = box.current;
    let plot, gone = false;
    const data = [times, ...series.map(({ values }) => values)];
    const draw = async () => {
      const { default: Plot } = await import('./uplot.js');
      if (gone) return;
      plot?.destroy();
      plot = new Plot(options(element, { times, series, format, height, from }), data, element);
    };
    const resized = new ResizeObserver(() => plot && plot.width !== element.clientWidth && plot.setSize({ width: element.clientWidth, height }));
    resized.observe(element);
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    const switched = new MutationObserver(draw);
    switched.observe(document.documentElement, { attributeFilter: ['data-scheme'] });
    scheme.addEventListener('change', draw);
    draw();
    return () => {
      gone = true;
      resized.disconnect();
      switched.disconnect();
      scheme.removeEventListener('change', draw);
      plot?.destroy();
    };
  }, [times, series]);
  return html`<div class="chart" ref=${box} role="img" aria-label=${label} style=${{ minHeight: `${height + 30}px` }}></div>`;
}
