// SPDX-License-Identifier: Apache-2.0
// The runs, and the environment of one of them beside that of the run before it on the same machine.

function runsView() {
  if (!X.runs.length) return [empty('The store holds no runs yet: ', 'scripts/run')];
  const at = Math.max(X.runs.findIndex((r) => r.id === state.run), -1);
  const chosen = at >= 0 ? at : X.runs.length - 1;
  const order = X.runs.map((_, i) => i).reverse();
  return [section('runs', plural(X.runs.length, 'run'), 'Newest first.',
    table('Runs', [
      {name: 'Run', text: true, value: (i) => X.runs[i].label, cell: (i) => h('a', {href: hashOf({run: X.runs[i].id}), 'aria-current': i === chosen ? 'true' : null, text: X.runs[i].label})},
      {name: 'Date', text: true, value: (i) => X.runs[i].date, cell: (i) => day(X.runs[i].date)},
      {name: 'Revision', text: true, value: (i) => X.runs[i].rev, cell: (i) => h('code', {text: `${X.runs[i].rev || '–'}${X.runs[i].dirty ? '+' : ''}`})},
      {name: 'Machine', text: true, value: (i) => X.runs[i].m, cell: (i) => X.machines[X.runs[i].m]},
      {name: 'Cells', value: (i) => total(i), cell: (i) => total(i).toLocaleString('en-US')},
      {name: 'Verdicts', text: true, cell: (i) => verdictCounts(X.runs[i].v)},
    ], order, {limit: 60, rowClass: (i) => i === chosen ? 'chosen' : null})), environment(chosen)];
}
const total = (i) => Object.values(X.runs[i].v).reduce((a, b) => a + b, 0);

function environment(at) {
  const run = X.runs[at];
  const before = X.runs.findLastIndex((r, i) => i < at && r.m === run.m);
  const now = X.environments[run.env] || {}, old = before >= 0 ? X.environments[X.runs[before].env] || {} : null;
  const keys = [...new Set([...Object.keys(now), ...(old ? Object.keys(old) : [])])];
  const text = (v) => v === null || v === undefined ? '–' : String(v);
  const restless = (key) => /loadavg|(^|\.)date$/.test(key); // differ always
  const differs = (key) => old !== null && !restless(key) && text(now[key]) !== text(old[key]);
  const changed = keys.filter(differs);
  return section('environment', `Environment of ${run.label}`, old === null ? 'The first run of its machine.' : changed.length
    ? `${plural(changed.length, 'thing')} differ${changed.length === 1 ? 's' : ''} from the run before it on this machine (${X.runs[before].label}).` : `The same as of the run before it on this machine (${X.runs[before].label}).`,
  h('dl', {class: 'facts'}, [['Run', run.id], ['Date', run.date], ['Revision', run.rev], ['Uncommitted changes', run.dirty], ['Seed', run.seed], ['Complete', run.complete ? 'yes' : 'no'],
    ['Folder', run.path]].filter(([, v]) => v).map(([k, v]) => [h('dt', {text: k}), h('dd', {text: v})])),
  run.problems.length ? h('div', {}, h('h3', {text: 'Problems'}), h('ul', {}, run.problems.map((p) => h('li', {text: p})))) : null,
  keys.length ? table('Environment', [
    {name: 'Setting', text: true, value: (k) => k, cell: (k) => k},
    {name: 'Here', text: true, cell: (k) => h('span', {class: differs(k) ? 'differs' : null, text: text(now[k])})},
    ...(changed.length ? [{name: 'Run before', text: true, value: (k) => differs(k) ? 0 : 1, cell: (k) => differs(k) ? text(old[k]) : '='}] : []),
  ], [...changed, ...keys.filter((k) => !differs(k))], {class: 'environment'}) : empty('No environment was recorded.'));
}
