// SPDX-License-Identifier: Apache-2.0
// A section per workload: distributions, scaling over Ps, tracing in pairs. And the stress tests.

const ROWS = 24; // of a distribution, before "show all"

function workloads() {
  const rows = filtered().filter((r) => kind(r) === 'bench');
  if (!rows.length) return [X.words.k.length && X.col.k.includes(0) ? nothing() : empty('Nothing was timed yet: ', 'gauntlet bench --runtime=all')];
  const groups = [...groupBy(rows, workload).entries()];
  const toc = h('nav', {class: 'toc', 'aria-label': 'Workloads'}, groups.map(([name], i) => {
    const link = h('a', {href: location.hash || '#', text: name});
    link.addEventListener('click', (event) => {
      event.preventDefault();
      const target = byId(`workload-${i}`);
      target.scrollIntoView();
      target.focus();
    });
    return link;
  }));
  return [toc, ...groups.map(([name, list], i) => later(h('section', {id: `workload-${i}`, class: 'workload', tabindex: -1, 'aria-label': name}),
    () => workloadSection(name, list)))];
}
// Filled when it comes near the window: a page of fifty workloads opens as fast as one.
function later(node, fill) {
  const watch = new IntersectionObserver((entries) => {
    if (!entries.some((e) => e.isIntersecting)) return;
    watch.disconnect();
    node.classList.remove('waiting');
    node.append(...fill());
  }, {rootMargin: '600px'});
  node.classList.add('waiting');
  watch.observe(node);
  return node;
}

function workloadSection(name, rows) {
  const timed = rows.filter((r) => metricOf(r) === 'time'), on = rows.filter((r) => tracer(r));
  const colours = new Map([...new Set([...rows].sort((a, b) => rank(a) - rank(b)).map((r) => who(r, false)))].map((w, i) => [w, i]));
  const ps = [...new Set(rows.map(procs))].sort((a, b) => a - b);
  return [h('h2', {text: name}), h('p', {class: 'note', text: `${plural(rows.length, 'cell')}, ${plural(colours.size, 'implementation')}, ${ps.join(', ')} P${ps.length > 1 ? 's' : ''}`}),
    timed.length ? [h('h3', {text: 'Distribution'}), distributions(timed.some((r) => !tracer(r)) ? timed.filter((r) => !tracer(r)) : timed, colours),
      h('h3', {text: 'Scaling over Ps'}), scaling(name, timed.filter((r) => !tracer(r)), colours)] : null,
    h('h3', {text: 'What tracing adds'}), pairTable(name, on, colours)].flat().filter(Boolean);
}

// ---- distributions: all samples of the newest run of each cell ------------------------
function distributions(rows, colours) {
  const ps = [...new Set(rows.map(procs))];
  const order = [...rows].sort((a, b) => procs(a) - procs(b) || compare(median(a), median(b)));
  const box = h('div');
  fill(order.length > ROWS * 1.5 ? ROWS : order.length);
  return box;
  function fill(n) {
    const shown = order.slice(0, n);
    box.replaceChildren(h('p', {class: 'empty', text: 'Reading the samples …'}));
    Promise.all(shown.map(details)).then((list) => {
      const samples = list.map((d) => lastSamples(d.m.time));
      const scale = scaleOf([...shown.flatMap((r, i) => hasFigure(r) ? [median(r), X.col.lo[r], X.col.hi[r], ...(samples[i] || [])] : [])]);
      box.replaceChildren(distributionTable(shown, samples, scale, ps, colours));
      if (order.length > n) {
        box.append(h('button', {type: 'button', class: 'more', text: `Show all ${order.length.toLocaleString('en-US')}`, on: {click: () => fill(Math.min(order.length, 1000))}}));
      }
    });
  }
}
function lastSamples(metric) {
  const last = metric?.h[metric.h.length - 1];
  return last && typeof last[2] !== 'string' ? last[4] || null : null;
}
function distributionTable(shown, samples, scale, ps, colours) {
  const rowOf = new Map(shown.map((r, i) => [r, samples[i]]));
  const u = unit(shown.find(hasFigure) ?? shown[0]);
  const columns = [
    {name: 'Implementation', text: true, value: (r) => who(r), cell: (r) => cellLink(r, who(r))},
    ...(ps.length > 1 ? [{name: 'Ps', value: procs, cell: procs}] : []),
    {name: 'Median', value: median, cell: (r) => hasFigure(r) ? show(median(r), u) : h('span', {}, badge(verdict(r)))},
    {name: '95 % interval', wide: true, cell: (r) => hasFigure(r) && X.col.lo[r] !== null ? `${show(X.col.lo[r], u)} – ${show(X.col.hi[r], u)}` : '–'},
    {name: 'Samples', wide: true, value: (r) => rowOf.get(r)?.length ?? 0, cell: (r) => rowOf.get(r)?.length ?? '–'},
  ];
  if (scale) columns.push({name: 'Each sample, interval and median', text: true, cell: (r) => hasFigure(r)
    ? strip(scale, {med: median(r), lo: X.col.lo[r], hi: X.col.hi[r]}, rowOf.get(r), colours.get(who(r, false)),
      `${who(r)}: median ${show(median(r), u)}, ${plural(rowOf.get(r)?.length ?? 0, 'sample')}`)
    : h('span', {class: 'why', text: why(r) || verdict(r)})});
  const t = table(`Distribution of ${workload(shown[0])}`, columns, shown, {class: scale ? 'strips' : null, rowClass: (r, before) => before !== undefined && procs(r) !== procs(before) ? 'parted' : null});
  if (scale) t.querySelector('thead th:last-child').append(stripAxis(scale, u));
  return t;
}

// ---- scaling -----------------------------------------------------------------------------
function scaling(name, rows, colours) {
  const lines = [...groupBy(rows.filter(hasFigure), (r) => who(r)).entries()].map(([line, list]) => ({name: line,
    colour: colours.get(who(list[0], false)), at: new Map(list.map((r) => [procs(r), r]))}));
  const ps = new Set(lines.flatMap((l) => [...l.at.keys()]));
  if (ps.size < 2) return empty(ps.size ? `Measured with ${[...ps][0]} P only. More: ` : 'Nothing was measured with tracing off: ', `gauntlet bench ${name.split(':')[0]} --procs=1,2,4`);
  const most_ = lines.sort((a, b) => b.at.size - a.at.size).slice(0, 10);
  const out = [scalingChart(name, most_, unit([...lines[0].at.values()][0]))];
  if (lines.length > 10) out.push(h('p', {class: 'note', text: `10 of ${lines.length} implementations are drawn: filter for others.`}));
  return out.length > 1 ? h('div', {}, out) : out[0];
}

// ---- pairs ------------------------------------------------------------------------------
function pairTable(name, rows, colours) {
  if (!rows.length) return empty('No pair of tracing off and on: ', `gauntlet bench ${name.split(':')[0]} --tracer=gen,lttng --runtime=gmp,go`);
  const box = h('div', {}, h('p', {class: 'empty', text: 'Reading the pairs …'}));
  const shown = rows.slice(0, 200);
  Promise.all(shown.map(details)).then((list) => {
    const last = (d, metric) => { // [run, median, low, high, samples]
      const p = d.m[metric]?.h.at(-1);
      return p && typeof p[2] !== 'string' ? p : null;
    };
    const data = shown.map((r, i) => ({r, pair: list[i].e.pair || {}, off: last(list[i], 'off'), on: last(list[i], 'time'), ns: last(list[i], 'tracing'), percent: last(list[i], 'tracing_percent'), event: last(list[i], 'event')}));
    const scale = scaleOf(data.flatMap((x) => x.ns && verdict(x.r) === 'ok' ? [x.ns[1], x.ns[2], x.ns[3], ...(x.ns[4] || [])] : []));
    const interval = (p, u) => p ? h('span', {}, h('strong', {text: show(p[1], u)}), p[2] === null || p[2] === undefined ? null
      : h('span', {class: 'unit', text: ` ${digits(p[2], 3)} – ${digits(p[3], 3)}`})) : '–';
    box.replaceChildren(table(`What tracing adds to ${name}`, [
      {name: 'Implementation', text: true, value: (x) => who(x.r), cell: (x) => cellLink(x.r, who(x.r))},
      {name: 'Ps', value: (x) => procs(x.r), cell: (x) => procs(x.r)},
      {name: 'Off', value: (x) => x.off?.[1], cell: (x) => x.off ? show(x.off[1], 'ns') : verdict(x.r) === 'ok' ? '–' : badge(verdict(x.r))},
      {name: 'On', value: (x) => x.on?.[1], cell: (x) => show(x.on?.[1], 'ns')},
      {name: 'Added', unit: '95 % interval', value: (x) => x.ns?.[1], cell: (x) => interval(x.ns, 'ns')},
      {name: 'Added', unit: '%', value: (x) => x.percent?.[1], cell: (x) => interval(x.percent, '%')},
      {name: 'Events', unit: 'per operation', value: (x) => x.pair.events_per_op, cell: (x) => x.pair.events_per_op === undefined || x.pair.events_per_op === null ? '–' : digits(x.pair.events_per_op, 2)},
      {name: 'One event', unit: '95 % interval', value: (x) => x.event?.[1], cell: (x) => interval(x.event, 'ns')},
      {name: 'Added by each pair', text: true, cell: (x) => x.ns && scale ? strip(scale, {med: x.ns[1], lo: x.ns[2], hi: x.ns[3]}, x.ns[4],
        colours.get(who(x.r, false)), `${who(x.r)}: tracing adds ${show(x.ns[1], 'ns')}`) : h('span', {class: 'why', text: why(x.r) || '–'})},
    ], data, {class: scale ? 'strips' : null}));
    if (scale) box.querySelector('thead th:last-child').append(stripAxis(scale, 'ns'));
  });
  return box;
}

// ---- stress tests ----------------------------------------------------------------------
function stressView() {
  const rows = filtered().filter((r) => kind(r) === 'stress');
  const faults = filtered().filter((r) => kind(r) === 'fault');
  return [section('stress', 'Stress tests', 'Newest run of each. Zero inconsistencies count only where windows were entered.',
    rows.length ? table('Stress tests', [
      {name: 'Test', text: true, value: workload, cell: (r) => cellLink(r, workload(r))},
      {name: 'Implementation', text: true, value: (r) => who(r), cell: (r) => who(r)},
      {name: 'Verdict', text: true, value: verdict, cell: (r) => badge(verdict(r))},
      {name: 'Inconsistencies', value: (r) => X.col.inconsistencies[r], cell: (r) => h('span', {class: X.col.inconsistencies[r] ? 'bad' : null, text: count(X.col.inconsistencies[r])})},
      {name: 'Windows', value: (r) => X.col.windows[r], cell: (r) => count(X.col.windows[r])},
      {name: 'Events', value: (r) => X.col.events[r], cell: (r) => count(X.col.events[r])},
      {name: 'Worst stop', value: (r) => X.col.world_stop_max_ns[r], cell: (r) => show(X.col.world_stop_max_ns[r], 'ns')},
      {name: 'Runs', value: (r) => X.col.n[r], cell: (r) => X.col.n[r]},
      {name: 'Why', text: true, value: why, cell: (r) => why(r) || '–'},
    ], rows, {limit: 200}) : X.col.k.includes(1) ? nothing() : empty('No stress test has run: ', 'scripts/run')), kills(faults)];
}
