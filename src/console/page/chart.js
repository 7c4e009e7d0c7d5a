// Lines over time, by uPlot; its colours are the page's. What it shows is said in words beside it, for who does not see it.
import { html, useEffect, useRef } from './html.js';

// A colour of the style sheet as the canvas takes it: light-dark() resolved.
function colour(element, name) {
  element.style.color = `var(${name})`;
  return getComputedStyle(element).color;
}

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
    width: Math.max(200, box.clientWidth), height, series: [{}, ...drawn], axes: [axis, { ...axis, size: 68, values: (_, ticks) => ticks.map((tick) => format(tick)) }],
    scales: { x: { range: () => [from, Math.max(Date.now() / 1000, times.at(-1) ?? 0)] }, y: { range: () => heights(series) } }, cursor: { y: false },
  };
}

// from: where the picture begins, in seconds. series: [{ name, values, kind }] with kind a colour of the style sheet (bar: the line itself; quiet, bad: what it is held against).
export function Chart({ times, series, format, label, from, height = 260 }) {
  const box = useRef();
  useEffect(() => {
    let plot, gone = false;
    const data = [times, ...series.map(({ values }) => values)];
    const draw = async () => {
      const { default: Plot } = await import('./uplot.js');
      if (gone) return;
      plot?.destroy();
      plot = new Plot(options(box.current, { times, series, format, height, from }), data, box.current);
    };
    const resized = new ResizeObserver(() => plot && plot.width !== box.current.clientWidth && plot.setSize({ width: box.current.clientWidth, height }));
    resized.observe(box.current);
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
