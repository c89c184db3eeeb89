// SPDX-License-Identifier: Apache-2.0
// The index, read as the page opens, and blocks of details, decoded when something asks for them. Both lie in inert
// <script> elements as base64 of zlib's deflate of JSON.

let X = null; // the index
const blocks = new Map(); // number -> promise of a list of details
let names = null;

async function decode(id) {
  const element = byId(id);
  const url = atob(element.textContent.trim());
  const bytes = new Uint8Array(url.length);
  for (let i = 0; i < url.length; i++) bytes[i] = url.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate'));
  const text = await new Response(stream).text();
  element.textContent = ''; // it is not needed twice
  return JSON.parse(text);
}

async function readIndex() {
  X = await decode('index');
  names = X.names === '' ? [] : X.names.split('\n');
  X.size = names.length;
  X.many = severalOf();
}

// Where one machine's cells of a kind have several bindings or models of system calls: {b, y} by machine and kind.
function severalOf() {
  const seen = new Map();
  for (let i = 0; i < X.size; i++) {
    if (isFloor(i)) continue;
    const key = placeOf(i);
    if (!seen.has(key)) seen.set(key, {b: new Set(), y: new Set()});
    seen.get(key).b.add(X.col.b[i]);
    seen.get(key).y.add(X.col.y[i]);
  }
  return new Map([...seen].map(([key, {b, y}]) => [key, {b: b.size > 1, y: y.size > 1}]));
}
const placeOf = (row) => X.col.m[row] * X.words.k.length + X.col.k[row];

function details(row) {
  const at = Math.floor(row / X.block);
  if (!blocks.has(at)) blocks.set(at, decode(`block-${at}`));
  return blocks.get(at).then((list) => list[row % X.block]);
}

// ---- rows -------------------------------------------------------------------
const word = (key, row) => X.words[key][X.col[key][row]];
const workload = (row) => word('w', row);
const runtime = (row) => word('r', row);
const scheduler = (row) => word('s', row);
const tracer = (row) => word('t', row);
const bind = (row) => word('b', row);
const syscalls = (row) => word('y', row); // the model of system calls; scanbit goes without saying
const kind = (row) => word('k', row);
const procs = (row) => X.col.p[row];
const unit = (row) => word('u', row);
const verdict = (row) => X.verdicts[X.col.v[row]];
const why = (row) => X.why[row] || '';
const metricOf = (row) => word('x', row);
const median = (row) => X.col.med[row];
const hasFigure = (row) => X.col.med[row] !== null;
// "worksteal", "worksteal+gen", "go", "go+go": who did it. gmp is the runtime of the suite itself and goes without saying.
function who(row, withTracer = true) {
  const sched = scheduler(row);
  const base = runtime(row) === 'gmp' && sched ? sched : sched ? `${runtime(row)}/${sched}` : runtime(row);
  return [withTracer && tracer(row) ? `${base}+${tracer(row)}` : base, ...apart(row)].join(', ');
}
// What else tells it apart from another cell of the same implementation, workload and Ps.
function apart(row) {
  const many = X.many.get(placeOf(row)) ?? {};
  return [many.b ? bind(row) || 'unbound' : '', many.y ? syscalls(row) : ''].filter(Boolean);
}
const FLOOR = 'floor';
const isFloor = (row) => runtime(row) === FLOOR;

// ---- what is shown: state in the address's hash ------------------------------
const DIMS = ['w', 'r', 's', 't', 'b', 'y']; // filters that are columns of words
const WITHOUT = {b: 'unbound', y: 'scanbit'}; // what an empty word of theirs means
const FILTERS = {w: 'Workload or test', r: 'Runtime', s: 'Scheduler', t: 'Tracer', b: 'Binding', y: 'System calls', v: 'Verdict', m: 'Machine'};
const state = {view: 'overview', q: '', w: '', r: '', s: '', t: '', b: '', y: '', v: '', m: '', cell: '', run: '', ref: '', p: ''};
const unset = {...state};
const listeners = [];

function readHash() {
  const given = new URLSearchParams(location.hash.slice(1));
  for (const key of Object.keys(state)) state[key] = given.get(key) ?? unset[key];
}
function writeHash(push) {
  const out = new URLSearchParams();
  for (const [key, value] of Object.entries(state)) if (value !== unset[key]) out.set(key, value);
  const hash = `#${out}`;
  if (hash !== location.hash && !(hash === '#' && location.hash === '')) {
    history[push ? 'pushState' : 'replaceState'](null, '', hash === '#' ? location.pathname + location.search : hash);
  }
}
function go(changes, push = true) {
  Object.assign(state, changes);
  writeHash(push);
  for (const f of listeners) f();
}
const hashOf = (changes) => {
  const out = new URLSearchParams();
  for (const [key, value] of Object.entries({...state, ...changes})) if (value !== unset[key]) out.set(key, value);
  return `#${out}`;
};

// The machine whose figures stand beside each other: figures of two machines never do.
const machine = () => state.m === '' ? X.machine : Number(state.m);

let memo = {key: null, rows: null};
function filtered() { // numbers of the rows that pass
  const key = JSON.stringify([state.q, state.v, machine(), ...DIMS.map((d) => state[d])]);
  if (memo.key === key) return memo.rows;
  const tests = [];
  const c = X.col;
  const m = machine();
  for (const dim of DIMS) {
    if (state[dim] === '') continue;
    const want = X.words[dim].indexOf(state[dim] === '(none)' ? '' : state[dim]);
    tests.push((i) => c[dim][i] === want);
  }
  if (state.v !== '') {
    const bad = state.v === '(not ok)';
    const want = X.verdicts.indexOf(state.v);
    const fine = ['ok', 'found', 'skipped'].map((v) => X.verdicts.indexOf(v));
    tests.push(bad ? (i) => !fine.includes(c.v[i]) : (i) => c.v[i] === want);
  }
  const words = state.q.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length) {
    tests.push((i) => {
      const text = names[i].toLowerCase();
      return words.every((word_) => text.includes(word_));
    });
  }
  const rows = [];
  for (let i = 0; i < X.size; i++) if (c.m[i] === m && tests.every((t) => t(i))) rows.push(i);
  memo = {key, rows};
  return rows;
}

function groupBy(rows, key) {
  const groups = new Map();
  for (const row of rows) {
    const k = key(row);
    const list = groups.get(k);
    if (list) list.push(row);
    else groups.set(k, [row]);
  }
  return groups;
}
const cellLink = (row, text) => h('a', {href: hashOf({view: 'cells', cell: names[row]}), text: text ?? names[row]});
