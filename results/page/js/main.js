// SPDX-License-Identifier: Apache-2.0
// Views, filters, theme, keys.

const VIEWS = {overview: ['Overview', overview], workloads: ['Workloads', workloads], stress: ['Stress', stressView], cells: ['Cells', cellsView], runs: ['Runs', runsView]};

// ---- theme: the system's, or the one that was chosen ------------------------------
const THEMES = ['auto', 'light', 'dark'];
function keep(value) { // a page opened from a file may have no storage
  try {
    if (value === undefined) return localStorage.getItem('gauntlet-theme');
    localStorage.setItem('gauntlet-theme', value);
  } catch { /* then it is not kept */ }
  return null;
}
function setTheme(name) {
  const theme = THEMES.includes(name) ? name : 'auto';
  document.documentElement.dataset.theme = theme;
  byId('theme').textContent = `Theme: ${theme}`;
  keep(theme);
  redrawCharts();
}

// ---- filters ------------------------------------------------------------------------
function buildFilters() {
  const box = byId('filters');
  const add = (key, options) => {
    if (options.length < 2) return;
    const select = h('select', {id: `f-${key}`, on: {change: (e) => go({[key]: e.target.value}, false)}},
      key === 'm' ? null : h('option', {value: '', text: 'any'}), options.map(([value, text]) => h('option', {value, text})));
    box.append(h('label', {for: `f-${key}`}, h('span', {text: FILTERS[key]}), select));
  };
  const words_ = (key) => {
    const used = [...new Set(X.col[key])].map((i) => X.words[key][i]);
    return used.sort((a, b) => a.localeCompare(b, 'en', {numeric: true})).map((w) => w === '' ? ['(none)', WITHOUT[key] ?? 'none'] : [w, w]);
  };
  for (const key of DIMS) add(key, words_(key));
  const verdicts = [...new Set(X.col.v)].sort((a, b) => a - b).map((i) => [X.verdicts[i], X.verdicts[i]]);
  add('v', verdicts.length > 1 ? [['(not ok)', 'not as it should be'], ...verdicts] : []);
  add('m', X.machines.map((m, i) => [String(i), m]));
  box.append(h('div', {class: 'outcome'}, h('button', {type: 'button', id: 'reset', text: 'Reset'}), h('span', {id: 'count', role: 'status'})));
  byId('q').addEventListener('input', (e) => {
    clearTimeout(typing);
    typing = setTimeout(() => go({q: e.target.value.trim()}, false), 120);
  });
  byId('reset').addEventListener('click', () => {
    go(Object.fromEntries(['q', ...Object.keys(FILTERS)].map((k) => [k, ''])), false);
    byId('q').focus();
  });
}
let typing = 0;
function showFilters() {
  if (document.activeElement !== byId('q')) byId('q').value = state.q;
  for (const key of Object.keys(FILTERS)) {
    const select = byId(`f-${key}`);
    if (select) select.value = key === 'm' ? String(machine()) : state[key];
  }
  const set = ['q', ...Object.keys(FILTERS)].filter((k) => state[k] !== '').length;
  byId('reset').disabled = !set;
  byId('filter-summary').textContent = set ? `Filters (${set})` : 'Filters';
  const here = X.col.m.reduce((n, m) => n + (m === machine()), 0);
  byId('count').textContent = `${filtered().length.toLocaleString('en-US')} of ${plural(here, 'cell')}`;
}

// ---- views ----------------------------------------------------------------------------
let shownView = null, shownKey = null;
function render() {
  if (!VIEWS[state.view]) state.view = 'overview';
  showFilters();
  const key = JSON.stringify({...state, cell: state.view === 'cells' ? state.cell : ''});
  if (key === shownKey) return;
  const entered = shownView !== state.view;
  shownView = state.view;
  shownKey = key;
  for (const tab of document.querySelectorAll('#views [role=tab]')) {
    const on = tab.dataset.view === state.view;
    tab.setAttribute('aria-selected', on ? 'true' : 'false');
    tab.tabIndex = on ? 0 : -1;
  }
  const held = document.activeElement?.id;
  forgetCharts();
  const main = byId('main');
  main.setAttribute('aria-label', VIEWS[state.view][0]);
  main.replaceChildren(...VIEWS[state.view][1]().flat().filter(Boolean));
  if (held && document.activeElement?.id !== held && held !== 'cell-list') byId(held)?.focus({preventScroll: true});
  if (entered) window.scrollTo(0, 0);
  document.title = `${VIEWS[state.view][0]} · Gauntlet`;
}
function buildViews() {
  const bar = byId('views');
  const keys = Object.keys(VIEWS);
  const tabs = keys.map((key) => h('button', {type: 'button', role: 'tab', id: `view-${key}`, 'data-view': key, 'aria-controls': 'main', text: VIEWS[key][0],
    on: {click: () => go({view: key}), keydown: (event) => arrows(event, tabs, (i) => go({view: keys[i]}))}}));
  bar.append(...tabs);
}

// ---- keys: / to filter, Escape to leave --------------------------------------------------
function keys_(event) {
  const typingNow = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
  if (event.key === '/' && !typingNow && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    byId('filter-box').open = true;
    byId('q').focus();
  } else if (event.key === 'Escape' && event.target.id === 'q') {
    event.target.value = '';
    go({q: ''}, false);
    byId('main').focus();
  }
}

async function start() {
  voice = byId('voice');
  byId('skip').addEventListener('click', (event) => { // the address is the state's
    event.preventDefault();
    byId('main').focus();
  });
  byId('theme').addEventListener('click', () => setTheme(THEMES[(THEMES.indexOf(document.documentElement.dataset.theme) + 1) % 3]));
  setTheme(keep() || 'auto');
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redrawCharts);
  try {
    await readIndex();
  } catch (error) {
    byId('main').replaceChildren(empty(`The page’s data cannot be read (${error.message}): make it again with `, 'gauntlet report'));
    throw error;
  }
  if (matchMedia('(min-width: 700px)').matches) byId('filter-box').open = true;
  readHash();
  buildViews();
  buildFilters();
  listeners.push(render);
  const moved = () => { readHash(); render(); };
  addEventListener('popstate', moved);
  addEventListener('hashchange', moved);
  addEventListener('keydown', keys_);
  render();
  document.documentElement.dataset.ready = Math.round(performance.now());
}
start();
