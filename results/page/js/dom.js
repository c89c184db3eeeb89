// SPDX-License-Identifier: Apache-2.0
// Elements, numbers, small controls. Text from the data enters the page through textContent alone.

const SVG = 'http://www.w3.org/2000/svg';

function put(node, props, children) {
  for (const [key, value] of Object.entries(props || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key === 'on') for (const [event, f] of Object.entries(value)) node.addEventListener(event, f);
    else if (key === 'text') node.textContent = value;
    else if (key === 'style') Object.assign(node.style, value);
    else node.setAttribute(key, value === true ? '' : value);
  }
  for (const child of children.flat(9)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child);
  }
  return node;
}
const h = (tag, props, ...children) => put(document.createElement(tag), props, children);
const s = (tag, props, ...children) => put(document.createElementNS(SVG, tag), props, children);
const byId = (id) => document.getElementById(id);

// ---- numbers ----------------------------------------------------------------
function digits(v, n) {
  if (v === 0) return '0';
  const a = Math.abs(v);
  const whole = Math.floor(Math.log10(a)) + 1;
  if (whole >= 5) return Math.round(v).toLocaleString('en-US');
  return v.toFixed(Math.max(0, Math.min(n - whole, 6)));
}
const TIMES = [[1e9, 's'], [1e6, 'ms'], [1e3, 'µs'], [1, 'ns']];

// A value of a metric with its unit: 146 ns, 18.4 ms, 106.6 %, 8.99M.
function show(v, unit) {
  if (v === null || v === undefined) return '–';
  const base = (unit || '').split('/')[0].trim();
  if (base === 'ns') {
    const a = Math.abs(v);
    const [scale, name] = a >= 1e9 ? TIMES[0] : a >= 1e6 ? TIMES[1] : a >= 1e4 ? TIMES[2] : TIMES[3];
    return `${digits(v / scale, 3)} ${name}`;
  }
  if (base === 's') return `${digits(v, 3)} s`;
  if (base === '%' || base === 'percent') return `${digits(v, 3)} %`;
  if (base === 'bytes' || base === 'B') return sizeOf(v);
  return count(v) + (base && base !== 'count' && base !== '1' ? ` ${base}` : '');
}
function count(v) {
  if (v === null || v === undefined) return '–';
  const a = Math.abs(v);
  if (a >= 1e9) return `${digits(v / 1e9, 3)}G`;
  if (a >= 1e6) return `${digits(v / 1e6, 3)}M`;
  if (a >= 1e5) return `${digits(v / 1e3, 3)}k`;
  return Number.isInteger(v) ? v.toLocaleString('en-US') : digits(v, 3);
}
function sizeOf(v) {
  const names = ['B', 'KiB', 'MiB', 'GiB'];
  let i = 0;
  while (Math.abs(v) >= 1024 && i < 3) { v /= 1024; i++; }
  return `${digits(v, 3)} ${names[i]}`;
}
const unitTail = (unit) => (unit || '').includes('/') ? ` per ${unit.split('/').slice(1).join('/').trim()}` : '';
const ratio = (v) => v === null || !isFinite(v) ? '–' : `${v < 1 ? v.toFixed(2) : digits(v, 2)}×`;
const signed = (v, n) => `${v < 0 ? '−' : '+'}${digits(Math.abs(v), n)}`;
const plural = (n, word) => `${n.toLocaleString('en-US')} ${word}${n === 1 ? '' : 's'}`;
function medianOf(list) {
  const v = list.filter((x) => x !== null && x !== undefined).sort((a, b) => a - b);
  if (!v.length) return null;
  const i = v.length >> 1;
  return v.length % 2 ? v[i] : (v[i - 1] + v[i]) / 2;
}
const day = (date) => (date || '').replace('T', ' ').replace(/:\d\d(\.\d+)?Z?$/, '');

// ---- small parts ------------------------------------------------------------
const SIGNS = {ok: '✓', found: '✓', skipped: '–', inconclusive: '?', inconsistent: '✗', failed: '✗', missed: '✗', void: '∅',
  incomplete: '…'};
const badge = (verdict, text) => h('span', {class: `badge v-${verdict}`},
  h('span', {'aria-hidden': 'true', text: SIGNS[verdict] || '·'}), ` ${text || verdict}`);

function copyButton(text, label) {
  const button = h('button', {type: 'button', class: 'copy', 'aria-label': `Copy ${label}`, text: 'Copy'});
  button.addEventListener('click', async (event) => {
    event.stopPropagation();
    let done = false;
    try {
      await navigator.clipboard.writeText(text);
      done = true;
    } catch { // a page opened from a file may not have the clipboard
      const area = h('textarea', {class: 'away', readonly: true});
      area.value = text;
      document.body.append(area);
      area.select();
      done = document.execCommand('copy');
      area.remove();
      button.focus();
    }
    button.textContent = done ? 'Copied' : 'Select it';
    say(done ? `${label} copied` : 'The browser refuses to copy: select the text');
    setTimeout(() => { button.textContent = 'Copy'; }, 1500);
  });
  return button;
}
const command = (text, label) => h('div', {class: 'command'},
  h('code', {tabindex: 0, text}), copyButton(text, label || 'the command'));
const empty = (text, ...code) => h('p', {class: 'empty'}, text, ...code.map((c) => h('code', {text: c})));

let voice = null;
function say(text) { // for those who hear the page
  if (voice) voice.textContent = text;
}

// ---- a table whose columns sort ---------------------------------------------
// columns: {name, unit, title, value: row -> sortable, cell: row -> node or text, text: bool, wide: not on a phone}
function table(caption, columns, rows, options = {}) {
  const body = h('tbody');
  const classOf = (c, i) => [c.text || i === 0 ? 'text' : '', c.wide ? 'wide' : ''].join(' ').trim() || null;
  let by = options.sort ?? null, down = options.down || false;
  const heads = columns.map((c, i) => {
    const button = c.value ? h('button', {type: 'button', title: c.title}, c.name,
      c.unit ? h('span', {class: 'unit', text: ` ${c.unit}`}) : null) : h('span', {title: c.title}, c.name);
    const th = h('th', {scope: 'col', class: classOf(c, i)}, button);
    if (c.value) button.addEventListener('click', () => { down = by === i ? !down : false; by = i; fill(); });
    return th;
  });
  let shown = options.limit || Infinity;
  const more = h('button', {type: 'button', class: 'more'});
  more.addEventListener('click', () => { shown = Infinity; fill(); });
  function fill() {
    heads.forEach((th, i) => th.setAttribute('aria-sort', i !== by ? 'none' : down ? 'descending' : 'ascending'));
    let list = rows;
    if (by !== null) {
      const value = columns[by].value;
      list = [...rows].sort((a, b) => compare(value(a), value(b), down));
    }
    body.replaceChildren(...list.slice(0, shown).map((row, at) => {
      const tr = h('tr', {class: options.rowClass ? options.rowClass(row, list[at - 1]) : null});
      columns.forEach((c, i) => {
        const content = c.cell(row);
        tr.append(h(i === 0 ? 'th' : 'td', {scope: i === 0 ? 'row' : null, class: classOf(c, i)},
          content === null || content === undefined || content === '–' ? h('span', {class: 'none', text: '–'}) : content));
      });
      return tr;
    }));
    more.hidden = rows.length <= shown;
    more.textContent = `Show all ${rows.length.toLocaleString('en-US')}`;
  }
  fill();
  return h('div', {class: 'scroll', tabindex: 0, role: 'region', 'aria-label': caption},
    h('table', {class: options.class}, h('caption', {class: options.visible ? null : 'away', text: caption}),
      h('thead', {}, h('tr', {}, heads)), body), more);
}
function compare(a, b, down) {
  const none = (x) => x === null || x === undefined || x === '';
  if (none(a) || none(b)) return none(a) - none(b); // what is missing stays at the end
  const order = typeof a === 'number' && typeof b === 'number' ? a - b : String(a).localeCompare(String(b), 'en', {numeric: true});
  return down ? -order : order;
}
