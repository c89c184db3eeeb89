// SPDX-License-Identifier: Apache-2.0
// The overview: what is wrong, who is how dear, what tracing adds, what changed, which planted faults were found.

const geomean = (list) => { // of percent overheads: the mean of the factors
  const factors = list.filter((v) => v !== null && v > -100).map((v) => 1 + v / 100);
  if (!factors.length) return null;
  return (Math.exp(factors.reduce((a, f) => a + Math.log(f), 0) / factors.length) - 1) * 100;
};
const sum = (rows, column) => {
  const values = rows.map((r) => X.col[column][r]).filter((v) => v !== null);
  return values.length ? values.reduce((a, v) => a + v, 0) : null;
};
const most = (rows, column) => rows.reduce((a, r) => X.col[column][r] !== null && (a === null || X.col[column][r] > a) ? X.col[column][r] : a, null);
const section = (id, title, note, ...content) => h('section', {id, 'aria-labelledby': `${id}-h`},
  h('h2', {id: `${id}-h`, text: title}), note ? h('p', {class: 'note', text: note}) : null, ...content);

function overview() {
  const rows = filtered();
  if (!rows.length) return [newestRun(), nothing()];
  const of = (k) => rows.filter((r) => kind(r) === k);
  const bench = of('bench'), stress = of('stress'), faults = of('fault');
  return [newestRun(), troubles(rows), implementations(bench, stress), prices(bench), tracing(bench), changes(), kills(faults)];
}

// ---- the newest run ---------------------------------------------------------
function verdictCounts(counts) {
  const found = X.verdicts.filter((v) => counts[v]);
  return found.length ? h('span', {class: 'counts'}, found.map((v) => badge(v, `${counts[v].toLocaleString('en-US')} ${v}`))) : 'no cells';
}
function newestRun() {
  const at = X.runs.findLastIndex((r) => r.m === machine());
  if (at < 0) return null;
  const run = X.runs[at];
  return h('section', {class: 'newest', 'aria-label': 'Newest run'},
    h('p', {}, h('strong', {text: 'Newest run '}), h('a', {href: hashOf({view: 'runs', run: run.id}), text: run.label}), ' · ',
      h('code', {text: `${run.rev || 'no revision'}${run.dirty ? '+changes' : ''}`}), ' · ', day(run.date), ' UTC · ', X.machines[run.m]),
    h('p', {}, verdictCounts(run.v), run.complete ? null : h('span', {class: 'badge v-incomplete', text: '… the run is not complete'})));
}

// ---- what is not as it should be ----------------------------------------------
const BAD = ['inconsistent', 'missed', 'failed', 'incomplete', 'void', 'inconclusive'];
function troubles(rows) {
  const order = (r) => BAD.indexOf(verdict(r));
  const list = rows.filter((r) => order(r) >= 0).sort((a, b) => order(a) - order(b) || X.col.run[b] - X.col.run[a]);
  const shown = list.slice(0, 12);
  return section('troubles', list.length ? `Not as it should be: ${list.length.toLocaleString('en-US')}` : 'Everything as it should be',
    list.length ? null : 'No cell is inconsistent, failed, void or incomplete in its newest run.',
    shown.length ? h('ul', {class: 'troubles'}, shown.map(trouble)) : null,
    list.length > shown.length ? h('p', {}, h('a', {href: hashOf({view: 'cells', v: '(not ok)'}),
      text: `All ${list.length.toLocaleString('en-US')} of them`})) : null);
}
function trouble(row) {
  const more = h('div', {class: 'more-of'});
  details(row).then((d) => more.append(...evidence(d.e)));
  const newest = X.runs.findLastIndex((r) => r.m === machine()), run = X.runs[X.col.run[row]];
  return h('li', {}, h('div', {class: 'line'}, badge(verdict(row)), ' ', cellLink(row),
    X.col.run[row] === newest ? null : h('span', {class: 'unit', text: ` in ${run.label}, the last that had it`})), h('div', {class: 'why', text: why(row)}), more);
}
// From a finding to its trace and to the command that repeats it.
function evidence(e) {
  const out = [];
  const files = (e.files || []).map((f) => h('li', {}, f.href ? h('a', {href: f.href, text: f.name}) : h('span', {}, f.name,
    h('span', {class: 'unit', text: ' (not there any more)'}))));
  if (files.length) out.push(h('ul', {class: 'files', 'aria-label': 'What it left'}, files));
  if (e.repeat) out.push(command(e.repeat, 'the command that repeats it'));
  return out;
}

// ---- implementations ----------------------------------------------------------
function implementations(bench, stress) {
  const groups = groupBy([...bench, ...stress].filter((r) => !isFloor(r)), (r) => who(r));
  const list = [...groups.values()].map((rows) => {
    const tests = rows.filter((r) => kind(r) === 'stress'), times = rows.filter((r) => kind(r) === 'bench');
    const ran = tests.filter((r) => verdict(r) !== 'skipped');
    const at1 = (name) => times.find((r) => workload(r).split(':')[0] === name && procs(r) === 1 && !tracer(r) && hasFigure(r));
    return {row: rows[0], tests: ran.length, ok: ran.filter((r) => verdict(r) === 'ok').length, cells: times.length,
      bad: times.filter((r) => !['ok', 'skipped'].includes(verdict(r))).length,
      inconsistencies: sum(tests, 'inconsistencies'), windows: sum(tests, 'windows'), events: sum(tests, 'events'),
      stop: most(tests, 'world_stop_max_ns'), event: medianOf(times.map((r) => X.col.event[r])),
      overhead: geomean(times.map((r) => X.col.tracing_percent[r])),
      yield: at1('yield'), spawn: at1('spawn-join'), syscall: at1('syscall-storm')};
  });
  const price = (key, name, title) => ({name, unit: 'ns', title, value: (x) => x[key] === undefined ? null : median(x[key]),
    cell: (x) => x[key] === undefined ? '–' : digits(median(x[key]), 3)});
  const columns = [
    {name: 'Implementation', text: true, value: (x) => who(x.row), cell: (x) => h('a', {href: hashOf({view: 'cells',
      r: runtime(x.row), ...filtersOf(x.row)}), text: who(x.row)})},
    {name: 'Stress tests', unit: 'ok/ran', value: (x) => x.tests ? x.ok / x.tests : null,
      cell: (x) => x.tests ? h('span', {class: x.ok < x.tests ? 'warn' : null, text: `${x.ok}/${x.tests}`}) : '–'},
    {name: 'Inconsistencies', value: (x) => x.inconsistencies,
      cell: (x) => x.inconsistencies ? h('span', {class: 'bad', text: count(x.inconsistencies)}) : count(x.inconsistencies)},
    {name: 'Windows', title: 'How often the dangerous windows were entered', value: (x) => x.windows, cell: (x) => count(x.windows)},
    {name: 'Events', title: 'Traced events that were judged', value: (x) => x.events, cell: (x) => count(x.events)},
    {name: 'Event', unit: 'ns', title: 'One traced event: median over the workloads', value: (x) => x.event, cell: (x) => x.event === null ? '–' : digits(x.event, 3)},
    {name: 'Overhead', unit: '%', title: 'Tracing on over off: geometric mean of the workloads', value: (x) => x.overhead,
      cell: (x) => x.overhead === null ? '–' : digits(x.overhead, 3)},
    {name: 'Worst stop', title: 'The longest stop of the world in a stress test, which is there to make it long', value: (x) => x.stop,
      cell: (x) => x.stop === null ? '–' : show(x.stop, 'ns')},
    price('yield', 'Switch', 'yield, 1 P, tracing off'), price('spawn', 'Spawn', 'spawn-join, 1 P, tracing off'),
    price('syscall', 'System call', 'syscall-storm, 1 P, tracing off'),
    {name: 'Cells', unit: 'timed', value: (x) => x.cells, cell: (x) => h('span', {}, count(x.cells),
      x.bad ? h('span', {class: 'warn', text: ` (${x.bad} not ok)`}) : null)},
  ];
  const used = columns.filter((c, i) => i < 1 || list.some((x) => c.value(x) !== null && c.value(x) !== undefined));
  list.sort((a, b) => rank(a.row) - rank(b.row));
  return section('implementations', 'Implementations', 'A runtime’s scheduler, with the tracer that was on (+tracer). Newest figure of each cell, on this machine.',
    list.length ? table('Implementations', used, list) : nothing());
}
function filtersOf(row) { // those that leave the implementation's cells alone
  const many = X.many.get(placeOf(row)) ?? {};
  return {s: scheduler(row) || '(none)', t: tracer(row) || '(none)', b: many.b ? bind(row) || '(none)' : '', y: many.y ? syscalls(row) || '(none)' : ''};
}
const rank = (row) => ['gmp', 'gmp-fused'].includes(runtime(row)) ? runtime(row).length : isFloor(row) ? 99 : 50; // the suite's own first
const nothing = () => X.size ? empty('No cell passes the filters.') : empty('The store holds no cells yet. Make some: ', 'scripts/run');

const WIDE = 14; // workloads side by side
function columnsOf(rows) {
  const all = [...new Set(rows.map((r) => X.col.w[r]))].map((i) => X.words.w[i]);
  return {works: all.slice(0, WIDE), cut: all.length <= WIDE ? null
    : h('p', {class: 'note', text: `${WIDE} of ${all.length.toLocaleString('en-US')} workloads: the filters above choose others.`})};
}

// ---- cost against each peer ------------------------------------------------------
function prices(bench) {
  const usable = bench.filter((r) => !tracer(r) && metricOf(r) === 'time');
  const all = [...new Set(usable.map(procs))].sort((a, b) => a - b);
  if (!usable.length) return section('prices', 'Cost against the peers', null, empty('Nothing was timed with tracing off: ', 'gauntlet bench --runtime=all'));
  const p = all.includes(Number(state.p)) ? Number(state.p) : all[0];
  const rows = usable.filter((r) => procs(r) === p);
  const {works, cut} = columnsOf(rows);
  const groups = [...groupBy(rows, (r) => who(r)).entries()].map(([name, list]) => ({name, runtime: runtime(list[0]),
    by: new Map(list.map((r) => [workload(r), r]))}));
  groups.sort((a, b) => rank([...a.by.values()][0]) - rank([...b.by.values()][0]));
  const peers = groups.filter((g) => g.runtime !== 'gmp');
  const ref = groups.find((g) => g.name === state.ref) || peers.find((g) => g.runtime === 'go') || peers.find((g) => g.runtime !== FLOOR) || groups[0];
  const over = (g, w) => {
    const a = g.by.get(w), b = ref.by.get(w);
    return a === undefined || b === undefined || !hasFigure(a) || !hasFigure(b) || !median(b) ? null : median(a) / median(b);
  };
  const cell = (g, w) => {
    const r = g.by.get(w);
    if (r === undefined) return h('span', {class: 'none', text: '–'});
    if (!hasFigure(r)) return h('span', {title: why(r)}, badge(verdict(r)));
    const q = over(g, w);
    return h('a', {class: 'price', href: hashOf({view: 'cells', cell: names[r]}), title: `${names[r]}: ${show(median(r), 'ns')}${X.col.lo[r] !== null ? `, 95 % interval ${show(X.col.lo[r], 'ns')} to ${show(X.col.hi[r], 'ns')}` : ''}`},
      h('span', {text: digits(median(r), 3)}),
      q === null || g === ref ? null : h('span', {class: `ratio ${q < 0.95 ? 'good' : q > 1.05 ? 'bad' : ''}`, text: ` ${ratio(q)}`}));
  };
  const columns = [{name: 'Implementation', text: true, value: (g) => g.name, cell: (g) => g === ref ? h('strong', {text: g.name}) : g.name},
    ...works.map((w) => ({name: w, unit: 'ns', value: (g) => g.by.has(w) ? median(g.by.get(w)) : null, cell: (g) => cell(g, w)}))];
  const choose = (id, label, options, value, key) => h('label', {for: id}, `${label} `, h('select', {id, on: {change: (e) => go({[key]: e.target.value}, false)}},
    options.map((o) => h('option', {value: o, selected: String(o) === String(value), text: o}))));
  return section('prices', 'Cost against the peers', 'Median time of one operation with tracing off, and how many times that of the implementation it is held against. Below 1× is faster.',
    h('div', {class: 'controls'}, choose('ref', 'Against', groups.map((g) => g.name), ref.name, 'ref'), choose('procs', 'Ps', all, p, 'p')),
    peers.some((g) => g.runtime !== FLOOR) ? null : empty('No peer was measured: ', 'gauntlet bench --runtime=all'),
    table('Cost of one operation', columns, groups, {class: 'matrix'}), cut);
}

// ---- what tracing adds --------------------------------------------------------------
function tracing(bench) {
  const pairs = bench.filter((r) => tracer(r) && (X.col.tracing[r] !== null || !hasFigure(r)));
  if (!pairs.length) return section('tracing', 'What tracing adds', null, empty('No pair of tracing off and on was measured: ', 'gauntlet bench --tracer=gen'));
  const {works, cut} = columnsOf(pairs);
  const all = [...new Set(pairs.map(procs))].sort((a, b) => a - b);
  const p = all.includes(Number(state.p)) ? Number(state.p) : all[0];
  const groups = [...groupBy(pairs.filter((r) => procs(r) === p), (r) => who(r)).entries()].map(([name, list]) => ({name,
    by: new Map(list.map((r) => [workload(r), r])), event: medianOf(list.map((r) => X.col.event[r])), percent: geomean(list.map((r) => X.col.tracing_percent[r]))}));
  const cell = (g, w) => {
    const r = g.by.get(w);
    if (r === undefined) return h('span', {class: 'none', text: '–'});
    if (X.col.tracing[r] === null) return h('span', {title: why(r)}, badge(verdict(r)));
    return h('a', {class: 'price', href: hashOf({view: 'cells', cell: names[r]}), title: names[r]}, h('span', {text: digits(X.col.tracing[r], 3)}),
      X.col.tracing_percent[r] === null ? null : h('span', {class: 'ratio', text: ` ${signed(X.col.tracing_percent[r], 2)} %`}));
  };
  return section('tracing', 'What tracing adds', `To one operation, from off and on in turns within one process; ${plural(p, 'P')}. The intervals are with each workload.`,
    table('What tracing adds', [{name: 'Implementation', text: true, value: (g) => g.name, cell: (g) => g.name},
      {name: 'Event', unit: 'ns', title: 'One event: median over the workloads', value: (g) => g.event, cell: (g) => g.event === null ? '–' : digits(g.event, 3)},
      {name: 'Overhead', unit: '%', title: 'Geometric mean of the workloads', value: (g) => g.percent, cell: (g) => g.percent === null ? '–' : digits(g.percent, 3)},
      ...works.map((w) => ({name: w, unit: 'ns', value: (g) => g.by.has(w) ? X.col.tracing[g.by.get(w)] : null, cell: (g) => cell(g, w)}))], groups, {class: 'matrix'}), cut);
}

// ---- what changed --------------------------------------------------------------------
const LEAST = 0.02; // of hundreds of histories some move a little by chance
function byChance() { // each history is tested by itself
  const n = X.changeByChance;
  return n ? `Of the ${X.changeLooked.toLocaleString('en-US')} histories that were looked at ${n < 1 ? 'fewer than one' : `about ${Math.round(n)}`} would have one by chance alone.` : '';
}
function changes() {
  const passes = new Set(filtered());
  const list = X.changes.filter((c) => passes.has(c.row) && (!c.before || Math.abs(c.after / c.before - 1) >= LEAST));
  const runs = X.runs.filter((r) => r.m === machine()).length;
  return section('changes', 'What changed', `Change points in the history of a cell’s figure, of ${LEAST * 100} % or more, newest first. ${byChance()}`,
    list.length ? table('Change points', [
      {name: 'Cell', text: true, value: (c) => names[c.row], cell: (c) => cellLink(c.row)},
      {name: 'Figure', text: true, value: (c) => c.metric, cell: (c) => c.metric},
      {name: 'Change', unit: '%', value: (c) => c.before ? c.after / c.before - 1 : null, cell: (c) => h('span', {class: c.worse ? 'bad' : 'good',
        text: c.before ? `${signed((c.after / c.before - 1) * 100, 3)} %` : 'new'})},
      {name: 'From', value: (c) => c.before, cell: (c) => show(c.before, c.unit)},
      {name: 'To', value: (c) => c.after, cell: (c) => show(c.after, c.unit)},
      {name: 'In run', text: true, value: (c) => c.run, cell: (c) => h('a', {href: hashOf({view: 'runs', run: X.runs[c.run].id}), text: X.runs[c.run].rev || X.runs[c.run].label})},
      {name: 'Date', text: true, value: (c) => c.run, cell: (c) => day(X.runs[c.run].date)},
    ], list, {limit: 12}) : empty(runs < X.changeRuns ? `${plural(runs, 'run')} of this machine in the store: a change point shows from ${X.changeRuns} on.`
      : 'No change point in any history.'));
}

// ---- planted faults --------------------------------------------------------------------
function kills(faults) {
  if (!faults.length) return section('kills', 'Planted faults', null, empty('No planted fault was looked for: ', 'scripts/run'));
  const found = faults.filter((r) => verdict(r) === 'found').length;
  const cells = new Map();
  const slot = (row, key, text) => { // filled when its block is decoded
    const span = h('span', {text: '…'});
    if (!cells.has(row)) cells.set(row, details(row));
    cells.get(row).then((d) => { span.textContent = text(d.e) ?? '–'; });
    return span;
  };
  return section('kills', `Planted faults: ${found} of ${faults.length} found`, 'Each is a historic bug put back on purpose; an oracle must see it.',
    table('Planted faults', [
      {name: 'Fault', text: true, value: (r) => workload(r), cell: (r) => cellLink(r, workload(r))},
      {name: 'Verdict', text: true, value: (r) => verdict(r), cell: (r) => badge(verdict(r))},
      {name: 'By', text: true, cell: (r) => slot(r, 'by', (e) => e.found ? `${e.found.oracle}/${e.found.class}${e.found.as_expected === false ? ' (not as expected)' : ''}` : null)},
      {name: 'After', unit: 's', value: (r) => median(r), cell: (r) => median(r) === null ? '–' : digits(median(r), 2)},
      {name: 'Events', cell: (r) => slot(r, 'events', (e) => e.found ? count(e.found.events) : null)},
      {name: 'Why', text: true, cell: (r) => why(r) || '–'},
    ], faults, {limit: 40}));
}
