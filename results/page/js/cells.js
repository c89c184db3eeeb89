// SPDX-License-Identifier: Apache-2.0
// Every cell in a list that draws only what is in sight, and beside it one cell with its history.

let list = null; // {rows, at, viewport, canvas}

function cellsView() {
  const rows = filtered();
  if (!rows.length) { list = null; return [nothing()]; }
  const canvas = h('div', {class: 'canvas'});
  const viewport = h('div', {class: 'list', id: 'cell-list', role: 'listbox', tabindex: 0, 'aria-label': `${plural(rows.length, 'cell')}. Arrow keys choose one.`}, canvas);
  const detail = h('div', {class: 'detail', id: 'detail', tabindex: -1});
  const chosen = rows.findIndex((r) => names[r] === state.cell);
  list = {rows, at: Math.max(0, chosen), viewport, canvas, detail, height: 0};
  viewport.addEventListener('scroll', drawList, {passive: true});
  viewport.addEventListener('keydown', walk);
  canvas.addEventListener('click', (event) => {
    const option = event.target.closest('[data-i]');
    if (option) choose(Number(option.dataset.i), true);
  });
  new ResizeObserver(drawList).observe(viewport);
  if (state.cell && chosen < 0) {
    const row = names.indexOf(state.cell);
    if (row >= 0) showDetail(row);
    else detail.append(empty(`The page holds no cell ${state.cell}.`));
  } else {
    showDetail(rows[list.at]);
  }
  requestAnimationFrame(() => { // once it has a height
    list.height = parseFloat(getComputedStyle(viewport).getPropertyValue('--row')) || 28;
    canvas.style.height = `${rows.length * list.height}px`;
    if (chosen > 0) viewport.scrollTop = Math.max(0, (chosen - 3) * list.height);
    drawList();
  });
  return [h('div', {class: 'cells'}, h('div', {class: 'pane'}, h('p', {class: 'note', text: `${plural(rows.length, 'cell')}, newest figure of each`}), viewport), detail)];
}

function drawList() {
  if (!list?.height) return;
  const {viewport, canvas, rows, height} = list;
  const from = Math.max(0, Math.floor(viewport.scrollTop / height) - 6);
  const to = Math.min(rows.length, Math.ceil((viewport.scrollTop + viewport.clientHeight) / height) + 6);
  canvas.replaceChildren(...rows.slice(from, to).map((r, k) => option(r, from + k)));
  viewport.setAttribute('aria-activedescendant', `cell-${list.at}`);
}
function option(row, i) {
  const v = verdict(row);
  const value = hasFigure(row) ? show(median(row), unit(row)) : v;
  return h('div', {role: 'option', id: `cell-${i}`, 'data-i': i, 'aria-selected': i === list.at ? 'true' : 'false', 'aria-posinset': i + 1,
    'aria-setsize': list.rows.length, class: 'cell', style: {top: `${i * list.height}px`}},
  h('span', {class: `dot v-${v}`, title: v, text: SIGNS[v]}), h('span', {class: 'name', text: names[row], title: names[row]}),
  h('span', {class: hasFigure(row) ? 'value' : `value v-${v}`, text: value}), X.col.c[row] ? h('span', {class: 'mark', title: 'has a change point', text: '◆'}) : null);
}
function walk(event) {
  const page = Math.max(1, Math.floor(list.viewport.clientHeight / list.height) - 1);
  const step = {ArrowUp: -1, ArrowDown: 1, PageUp: -page, PageDown: page, Home: -Infinity, End: Infinity}[event.key];
  if (event.key === 'Enter') { list.detail.focus(); event.preventDefault(); return; }
  if (step === undefined) return;
  event.preventDefault();
  choose(Math.min(list.rows.length - 1, Math.max(0, list.at + step)), false);
}
let settle = 0;
function choose(i, focus) {
  list.at = i;
  const top = i * list.height, view = list.viewport;
  if (top < view.scrollTop) view.scrollTop = top;
  else if (top + list.height > view.scrollTop + view.clientHeight) view.scrollTop = top + list.height - view.clientHeight;
  drawList();
  Object.assign(state, {cell: names[list.rows[i]]});
  clearTimeout(settle); // a key that is held down draws the last one only
  settle = setTimeout(() => { writeHash(false); showDetail(list.rows[i]); }, focus ? 0 : 60);
  if (focus) view.focus({preventScroll: true});
}

// ---- one cell --------------------------------------------------------------------
function showDetail(row) {
  const box = list.detail;
  details(row).then((d) => {
    if (!list || box !== list.detail) return;
    forgetCharts();
    const run = X.runs[X.col.run[row]];
    const parts = [
      h('h2', {class: 'cell-name'}, h('span', {text: names[row]}), ' ', copyButton(names[row], 'the cell’s name')),
      h('p', {}, badge(verdict(row)), ' in ', h('a', {href: hashOf({view: 'runs', run: run.id}), text: run.label}), ` · ${run.rev || 'no revision'} · ${day(run.date)} · ${X.machines[X.col.m[row]]}`),
      why(row) ? h('p', {class: 'why', text: why(row)}) : null,
      ...[evidence(d.e), metricTabs(row, d), facts(d), elsewhere(row)].flat()];
    box.replaceChildren(...parts.filter(Boolean));
  });
}

const METRICS = {time: 'time', inconsistencies: 'inconsistencies', tracing: 'added by tracing', tracing_percent: 'added by tracing, %', event: 'one event', found_s: 'time to find',
  world_stop_max_ns: 'worst stop', off: 'tracing off', floor: 'floor'};
function metricTabs(row, d) {
  const first = Object.keys(METRICS);
  const keys = Object.keys(d.m).sort((a, b) => (first.indexOf(a) + 1 || 99) - (first.indexOf(b) + 1 || 99));
  if (!keys.length) return empty('It has no figures.');
  const panel = h('div', {role: 'tabpanel', id: 'metric', tabindex: 0, 'aria-label': 'History'});
  const tabs = keys.map((key, i) => h('button', {type: 'button', role: 'tab', 'aria-controls': 'metric', text: METRICS[key] || key.replaceAll('_', ' '),
    on: {click: () => pick(i), keydown: (event) => arrows(event, tabs, pick)}}));
  pick(0);
  return h('div', {class: 'metrics'}, h('div', {role: 'tablist', 'aria-label': 'Figures of this cell', class: 'tabs small'}, tabs), panel);
  function pick(i) {
    tabs.forEach((t, k) => { t.setAttribute('aria-selected', k === i ? 'true' : 'false'); t.tabIndex = k === i ? 0 : -1; });
    forgetCharts();
    panel.replaceChildren(...history_(d.m[keys[i]], METRICS[keys[i]] || keys[i], row));
  }
}
function arrows(event, tabs, pick) {
  const at = tabs.indexOf(event.currentTarget);
  const to = {ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: tabs.length - 1}[event.key];
  if (to === undefined) return;
  event.preventDefault();
  const i = (to + tabs.length) % tabs.length;
  pick(i);
  tabs[i].focus();
}
function history_(metric, name, row) {
  const figures = metric.h.filter((p) => typeof p[2] !== 'string');
  const notes = [];
  if (metric.h.length === 1) notes.push(empty('One run only: a history needs a second. ', 'gauntlet collect FOLDER'));
  const rows = metric.h.slice(-12).reverse();
  const scale = scaleOf(figures.slice(-12).flatMap((p) => [p[1], p[2], p[3], ...(p[4] || [])]));
  const u = metric.u;
  const isFigure = (p) => typeof p[2] !== 'string';
  const columns = [
    {name: 'Run', text: true, value: (p) => p[0], cell: (p) => h('a', {href: hashOf({view: 'runs', run: X.runs[p[0]].id}), text: `${X.runs[p[0]].rev || X.runs[p[0]].label}`})},
    {name: 'Date', text: true, wide: true, cell: (p) => day(X.runs[p[0]].date)},
    {name: 'Median', value: (p) => isFigure(p) ? p[1] : null, cell: (p) => isFigure(p) ? show(p[1], u) : badge(X.verdicts[p[1]])},
    {name: '95 % interval', wide: true, cell: (p) => isFigure(p) ? (p[2] === null ? '–' : `${show(p[2], u)} – ${show(p[3], u)}`) : h('span', {class: 'why', text: p[2]})},
  ];
  if (scale && figures.some((p) => p[4]?.length > 1)) columns.push({name: 'Samples', text: true, cell: (p) => isFigure(p)
    ? strip(scale, {med: p[1], lo: p[2], hi: p[3]}, p[4], 0, `${plural(p[4]?.length ?? 0, 'sample')}, median ${show(p[1], u)}`) : ''});
  const better = metric.b ? `${metric.b} is better` : '';
  const t = table(`${name}: newest runs`, columns, rows, {class: columns.length === 5 ? 'strips' : null});
  if (columns.length === 5) t.querySelector('thead th:last-child').append(stripAxis(scale, u));
  return [h('p', {class: 'note', text: [name + unitTail(u), better].filter(Boolean).join('; ')}), ...notes,
    figures.length && metric.h.length > 1 ? historyChart(metric, name, names[row]) : figures.length ? null : empty('It never gave a figure that counts.'), t].filter(Boolean);
}

function facts(d) {
  const e = d.e, out = [];
  const pairs = [['Repetitions', e.repetitions && count(e.repetitions)], ['Iterations', e.iterations && count(e.iterations)], ['Bound to', e.bind_effective],
    ['Seed', e.seed], ['System calls', e.syscalls], ['Generation', e.generation], ['Perturbation', e.perturb || null], ['Peer', e.version],
    ['Found by', e.found && `${e.found.oracle}/${e.found.class}`],
    ['Floor', e.floor?.median !== undefined && e.floor.median !== null ? `${show(e.floor.median, 'ns')}${e.floor.what ? `, ${e.floor.what}` : ''}` : null],
    ['Target', e.target !== undefined && e.target !== null ? show(e.target, 'ns') : null], ['Hardware counters', e.hardware]]
    .filter(([, v]) => v !== undefined && v !== null && v !== '' && v !== false);
  if (pairs.length) out.push(h('dl', {class: 'facts'}, pairs.map(([k, v]) => [h('dt', {text: k}), h('dd', {text: v})])));
  const counts = (title, map) => map && Object.keys(map).length ? h('details', {}, h('summary', {text: `${title}: ${Object.keys(map).length}`}),
    h('dl', {class: 'facts'}, Object.entries(map).map(([k, v]) => [h('dt', {text: k}), h('dd', {text: typeof v === 'number' ? count(v) : String(v)})]))) : null;
  out.push(counts('Inconsistencies by class', e.by_class), counts('Windows entered', e.windows));
  if (e.findings?.length) out.push(h('h3', {text: 'First findings'}), h('ul', {class: 'findings'}, e.findings.map((f) => h('li', {text: f}))));
  return out;
}
function elsewhere(row) { // the same cell on other machines
  const others = [];
  for (let i = 0; i < X.size; i++) if (i !== row && names[i] === names[row]) others.push(i);
  if (!others.length) return null;
  return h('div', {}, h('h3', {text: 'On other machines'}), h('ul', {}, others.map((i) => h('li', {},
    h('a', {href: hashOf({m: String(X.col.m[i]), cell: names[i]}), text: X.machines[X.col.m[i]]}), `: ${hasFigure(i) ? show(median(i), unit(i)) : verdict(i)}`))));
}
