// SPDX-License-Identifier: Apache-2.0
// uPlot's charts (history, scaling) and strips of samples, which are SVG inside table cells.

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const colour = (i) => css(`--c${i % 10}`);
const drawn = new Set(); // charts on the page: {plot, remake}

function forgetCharts() {
  for (const chart of drawn) chart.plot?.destroy();
  drawn.clear();
}
function redrawCharts() { // the theme changed
  for (const chart of [...drawn]) chart.remake();
}

// A figure that can be walked with the arrow keys; `make(width)` gives uPlot's options, `tell(i)` the words of point i.
function chartFigure({label, height, make, data, tell, n}) {
  const box = h('div', {class: 'plot'});
  const readout = h('p', {class: 'readout', 'aria-live': 'polite', text: tell ? tell(n - 1) : ''});
  const figure = h('figure', {class: 'chart', tabindex: 0, role: 'group', 'aria-label': `${label}. Left and right arrow keys walk over its points.`},
    box, readout);
  let at = n - 1;
  const chart = {plot: null, remake};
  function remake() {
    chart.plot?.destroy();
    if (!box.isConnected) { drawn.delete(chart); return; }
    const options = make(Math.max(220, box.clientWidth), height);
    options.hooks = options.hooks || {};
    options.hooks.setCursor = [(u) => {
      const i = u.cursor.idx;
      if (tell && i !== null && i !== undefined) { at = i; readout.textContent = tell(i); }
    }];
    chart.plot = new uPlot(options, data, box);
    chart.plot.root.setAttribute('aria-hidden', 'true');
  }
  figure.addEventListener('keydown', (event) => {
    const step = {ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity}[event.key];
    if (step === undefined || !chart.plot) return;
    event.preventDefault();
    at = Math.min(n - 1, Math.max(0, at + step));
    const u = chart.plot;
    u.setCursor({left: u.valToPos(u.data[0][at], 'x'), top: u.bbox.height / 2 / devicePixelRatio});
    readout.textContent = tell(at);
  });
  // Drawn when it comes near the window.
  const near = new IntersectionObserver((entries) => {
    if (!entries.some((e) => e.isIntersecting)) return;
    near.disconnect();
    drawn.add(chart);
    remake();
    let width = box.clientWidth;
    new ResizeObserver(() => {
      if (box.isConnected && chart.plot && box.clientWidth && box.clientWidth !== width) {
        width = box.clientWidth;
        chart.plot.setSize({width: Math.max(220, width), height});
      }
    }).observe(box);
  }, {rootMargin: '300px'});
  near.observe(figure);
  return figure;
}

const axisFont = '12px system-ui, sans-serif';
const axis = (more) => ({stroke: css('--muted'), font: axisFont, labelFont: axisFont, labelSize: 20, grid: {stroke: css('--grid'), width: 1},
  ticks: {stroke: css('--grid'), width: 1}, ...more});
const axisUnit = (u) => (_, values) => values.map((v) => v === null ? '' : show(v, /^(ns|s|%|bytes)\b/.test(u) || u === '%' ? u : ''));

// ---- history: a line for the medians, a band for the intervals, a mark for what is void, a line for a change point
function historyChart(metric, name, rowName) {
  const points = metric.h;
  const figures = points.map((p) => typeof p[2] === 'string' ? null : p);
  const value = (k) => figures.map((p) => p ? p[k] : null);
  const xs = points.map((_, i) => i);
  const med = value(1);
  const lo = figures.map((p) => p ? p[2] ?? p[1] : null), hi = figures.map((p) => p ? p[3] ?? p[1] : null);
  const changes = (metric.c || []).map((c) => ({...c, at: points.findIndex((p) => p[0] === c.run)})).filter((c) => c.at >= 0);
  const run = (i) => X.runs[points[i][0]];
  const tell = (i) => {
    if (i < 0 || !points[i]) return '';
    const p = points[i];
    const where = `${day(run(i).date)}, ${run(i).rev || 'no revision'}${run(i).dirty ? '+' : ''}`;
    if (!figures[i]) return `${where}: ${X.verdicts[p[1]]}${p[2] ? `: ${p[2]}` : ''}`;
    const change = changes.find((c) => c.at === i);
    return `${where}: ${show(p[1], metric.u)}${p[2] !== null ? `, 95 % interval ${show(p[2], metric.u)} to ${show(p[3], metric.u)}` : ''}`
      + (change ? ` — change point: ${show(change.before, metric.u)} to ${show(change.after, metric.u)}` : '');
  };
  const marks = (u) => {
    const ctx = u.ctx, px = devicePixelRatio;
    ctx.save();
    ctx.lineWidth = 1.5 * px;
    ctx.font = `${12 * px}px system-ui, sans-serif`;
    for (const c of changes) {
      const x = u.valToPos(c.at - 0.5, 'x', true);
      ctx.strokeStyle = ctx.fillStyle = css(c.worse ? '--bad' : '--good');
      ctx.setLineDash([4 * px, 3 * px]);
      ctx.beginPath();
      ctx.moveTo(x, u.bbox.top);
      ctx.lineTo(x, u.bbox.top + u.bbox.height);
      ctx.stroke();
      const text = c.before ? `${signed((c.after / c.before - 1) * 100, 2)} %` : 'change';
      const right = x + ctx.measureText(text).width + 6 * px < u.bbox.left + u.bbox.width;
      ctx.textAlign = right ? 'left' : 'right';
      ctx.fillText(text, x + (right ? 4 : -4) * px, u.bbox.top + 12 * px);
    }
    ctx.setLineDash([]);
    ctx.strokeStyle = css('--muted');
    points.forEach((p, i) => {
      if (figures[i]) return;
      const x = u.valToPos(i, 'x', true), y = u.bbox.top + u.bbox.height - 7 * px, r = 3.5 * px;
      ctx.beginPath();
      ctx.moveTo(x - r, y - r); ctx.lineTo(x + r, y + r);
      ctx.moveTo(x + r, y - r); ctx.lineTo(x - r, y + r);
      ctx.stroke();
    });
    ctx.restore();
  };
  const label = `${name} of ${rowName} over ${plural(points.length, 'run')}`
    + (changes.length ? `, ${plural(changes.length, 'change point')}` : '');
  const figure = chartFigure({
    label, height: 230, data: [xs, hi, lo, med], tell, n: points.length,
    make: (width, height) => ({
      width, height, legend: {show: false}, padding: [8, 12, 0, 0],
      cursor: {y: false, drag: {x: false, y: false}, points: {size: 7}},
      scales: {x: {time: false, range: [-0.6, points.length - 0.4]}, y: {range: (u, min, max) => span(min, max)}},
      axes: [
        axis({size: 30, splits: () => every(xs, Math.max(1, Math.ceil(points.length / Math.max(2, width / 90)))),
          values: (_, v) => v.map((i) => Number.isInteger(i) && points[i] ? (run(i).rev || day(run(i).date)).slice(0, 8) : '')}),
        axis({values: axisUnit(metric.u), size: 68}),
      ],
      series: [{}, {stroke: 'transparent', points: {show: false}}, {stroke: 'transparent', points: {show: false}},
        {stroke: colour(0), width: 2, points: {show: true, size: 6, fill: css('--panel'), width: 2}, spanGaps: true}],
      bands: [{series: [1, 2], fill: css('--band')}],
      hooks: {draw: [marks]},
    }),
  });
  figure.dataset.changes = changes.length;
  return figure;
}
const every = (list, step) => list.filter((_, i) => (list.length - 1 - i) % step === 0);
function span(min, max) { // from zero where that wastes less than half of the height
  if (min === null || max === null) return [0, 1];
  if (min >= 0 && min < max / 2) return [0, max * 1.08 || 1];
  const pad = (max - min || Math.abs(max) || 1) * 0.12;
  return [min - pad, max + pad];
}

// ---- scaling: a line for each implementation over procs
function scalingChart(title, lines, unitName) {
  const ps = [...new Set(lines.flatMap((l) => [...l.at.keys()]))].sort((a, b) => a - b);
  const data = [ps.map((_, i) => i), ...lines.map((l) => ps.map((p) => l.at.has(p) ? median(l.at.get(p)) : null))];
  const all = data.slice(1).flat().filter((v) => v !== null && v > 0);
  const log = Math.max(...all) / Math.min(...all) > 20;
  const tell = (i) => ps[i] === undefined ? '' : `${ps[i]} P: ` + lines.map((l, k) => data[k + 1][i] === null ? null
    : `${l.name} ${show(data[k + 1][i], unitName)}`).filter(Boolean).join(', ');
  const bars = (u) => { // intervals
    const ctx = u.ctx, px = devicePixelRatio;
    ctx.save();
    ctx.lineWidth = 1.5 * px;
    lines.forEach((l, k) => {
      if (!u.series[k + 1].show) return;
      ctx.strokeStyle = colour(l.colour);
      ps.forEach((p, i) => {
        const row = l.at.get(p);
        if (row === undefined || X.col.lo[row] === null || (log && X.col.lo[row] <= 0)) return;
        const x = u.valToPos(i, 'x', true);
        ctx.beginPath();
        ctx.moveTo(x, u.valToPos(X.col.lo[row], 'y', true));
        ctx.lineTo(x, u.valToPos(X.col.hi[row], 'y', true));
        ctx.stroke();
      });
    });
    ctx.restore();
  };
  const figure = chartFigure({
    label: `${title}: median over the number of Ps`, height: 250, data, tell, n: ps.length,
    make: (width, height) => ({
      width, height, legend: {show: false}, padding: [8, 12, 0, 0],
      cursor: {y: false, drag: {x: false, y: false}},
      scales: {x: {time: false, range: [-0.3, ps.length - 0.7]},
        y: log ? {distr: 3, range: (u, min, max) => [min / 1.5, max * 1.5]} : {range: (u, min, max) => span(min, max)}},
      axes: [axis({splits: () => data[0], values: (_, v) => v.map((i) => ps[i] === undefined ? '' : `${ps[i]} P`), size: 30}),
        axis({values: axisUnit(unitName), size: 68, splits: log ? (u, i, min, max) => logTicks(min, max) : undefined, filter: (u, v) => v})],
      series: [{}, ...lines.map((l) => ({label: l.name, stroke: colour(l.colour), width: 2, spanGaps: true,
        points: {show: true, size: 6, fill: css('--panel'), width: 2}}))],
      hooks: {draw: [bars]},
    }),
  });
  figure.append(h('ul', {class: 'legend'}, lines.map((l) => h('li', {},
    h('span', {class: `key k${l.colour % 10}`, 'aria-hidden': 'true'}), l.name))));
  return figure;
}

function logTicks(min, max) {
  const from = Math.log10(min), to = Math.log10(max), ticks = [];
  for (let e = Math.floor(from); e <= Math.ceil(to); e++) for (const m of to - from < 2.2 ? [1, 2, 5] : [1]) ticks.push(m * 10 ** e);
  return ticks.filter((x) => x >= min && x <= max);
}

// ---- strips: every sample a dot, the interval a box, the median a line
function scaleOf(values) {
  const v = values.filter((x) => x !== null && isFinite(x));
  if (!v.length) return null;
  let min = Math.min(...v), max = Math.max(...v);
  const log = min > 0 && max / min > 12;
  if (log) { min = Math.log10(min); max = Math.log10(max); }
  const pad = (max - min || Math.abs(max) || 1) * 0.04;
  min -= pad; max += pad;
  const at = (x) => ((log ? Math.log10(x) : x) - min) / (max - min) * 100;
  let ticks = [];
  if (log) {
    ticks = logTicks(10 ** min, 10 ** max);
  } else {
    const raw = (max - min) / 4, e = 10 ** Math.floor(Math.log10(raw)), f = [1, 2, 5, 10].find((k) => k * e >= raw) * e;
    for (let x = Math.ceil(min / f) * f; x <= max; x += f) ticks.push(Math.abs(x) < f / 1e6 ? 0 : x);
  }
  return {at, log, ticks: ticks.filter((x) => at(x) >= 3 && at(x) <= 97)};
}
const pc = (v) => `${v.toFixed(2)}%`;
function strip(scale, figure, samples, k, label) {
  const svg = s('svg', {class: `strip k${k % 10}`, role: 'img', 'aria-label': label, height: 22});
  for (const t of scale.ticks) svg.append(s('line', {class: 'tick', x1: pc(scale.at(t)), x2: pc(scale.at(t)), y1: 0, y2: 22}));
  if (figure.lo !== null && figure.hi !== null) {
    const a = scale.at(figure.lo), b = scale.at(figure.hi);
    svg.append(s('rect', {class: 'interval', x: pc(a), width: pc(Math.max(b - a, 0.2)), y: 3, height: 16}));
  }
  (samples || []).forEach((x, i) => svg.append(s('circle', {class: 'sample', cx: pc(scale.at(x)), cy: 11 + ((i * 7) % 11 - 5) * 0.9, r: 2})));
  if (figure.med !== null) svg.append(s('line', {class: 'median', x1: pc(scale.at(figure.med)), x2: pc(scale.at(figure.med)), y1: 2, y2: 20}));
  return svg;
}
function stripAxis(scale, unitName) {
  return s('svg', {class: 'strip axis', height: 18, 'aria-hidden': 'true'}, scale.ticks.map((t) =>
    s('text', {x: pc(scale.at(t)), y: 13, 'text-anchor': 'middle'}, show(t, unitName))));
}
