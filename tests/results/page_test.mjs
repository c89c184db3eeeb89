// SPDX-License-Identifier: Apache-2.0
// The page of `gauntlet report` in Debian's Chromium: node page_test.mjs PAGE BIG-PAGE ONE-RUN-PAGE EMPTY-PAGE
// SCREENSHOT-FOLDER. TAP; exit 1 when a point failed.
import { createRequire } from 'node:module';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cpus, loadavg } from 'node:os';
import { inflateSync } from 'node:zlib';

const here = dirname(fileURLToPath(import.meta.url));
const { chromium } = createRequire(join(here, '../../results/page/package.json'))('playwright-core');
const [page, big, one, none, shots] = process.argv.slice(2).map((p) => resolve(p));
mkdirSync(shots, { recursive: true });

let points = 0, failed = 0;
function ok(good, text, more) {
  points++;
  if (!good) failed++;
  console.log(`${good ? 'ok' : 'not ok'} ${points} - ${text}`);
  if (!good && more !== undefined) console.log(`  ---\n  got: ${JSON.stringify(more)}\n  ...`);
}

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM || '/usr/bin/chromium', args: ['--no-sandbox', '--headless', '--disable-gpu',
  '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'] });
const heard = []; // what a console, an error handler or the network saw, of every page that is opened
async function open(file, hash = '', options = {}) {
  const context = await browser.newContext({ viewport: { width: 1400, height: 1000 }, ...options });
  const p = await context.newPage();
  p.on('console', (m) => { if (['error', 'warning'].includes(m.type())) heard.push(`console: ${m.text()}`); });
  p.on('pageerror', (e) => heard.push(`error: ${e.message}`));
  p.on('request', (r) => { if (!r.url().startsWith(`file://${file}`) && !r.url().startsWith('data:')) heard.push(`request: ${r.url()}`); });
  await p.goto(`file://${file}${hash}`);
  await ready(p);
  return p;
}
const ready = (p) => p.waitForFunction(() => document.documentElement.dataset.ready, null, { timeout: 60000 });
const text = (p, selector = 'main') => p.locator(selector).innerText();
const quiet = (p) => p.waitForFunction(() => !/Reading the|…$/.test(document.querySelector('main').innerText.trim()), null, { timeout: 20000 });
const canvases = (p) => p.evaluate(() => [...document.querySelectorAll('canvas')].map((c) => {
  const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
  const seen = new Set();
  for (let i = 0; i < d.length; i += 4) if (d[i + 3] > 200) seen.add((d[i] << 16) | (d[i + 1] << 8) | d[i + 2]);
  return seen.size;
}));
// What the file itself holds: the index and every block, decoded; in the page they are base64 of a compressed text.
function decoded(file) {
  const parts = [...readFileSync(file, 'utf8').matchAll(/<script type="application\/x-gauntlet" id="([^"]+)">([^<]*)</g)];
  return parts.map(([, id, data]) => ({ id, text: inflateSync(Buffer.from(data, 'base64')).toString() }));
}
// What a yield costs an implementation, as the overview's table has it.
const priceOf = (name) => p.locator('#prices table').evaluate((t, wanted) => {
  const at = [...t.tHead.rows[0].cells].findIndex((c) => c.innerText.startsWith('yield'));
  return [...t.tBodies[0].rows].find((row) => row.cells[0].innerText === wanted)?.cells[at].innerText;
}, name);
const EVIL = '</script><script>window.evil=1</script><img src=x onerror=window.evil=2>';
const VOID = /424[,.]?242/;
const YIELD = 'yield/runtime:gmp/sched:worksteal/procs:1/bind:pu';

// ---- overview: what is wrong comes first, with its trace and its command
let p = await open(page);
let t = await text(p);
for (const words of ['Not as it should be: 4', '974 inconsistencies', 'Planted faults: 3 of 4 found', 'Implementations', 'Cost against the peers', 'What tracing adds', 'What changed']) {
  ok(t.includes(words), `the overview says '${words}'`);
}
ok(/Switch ns\s+Spawn ns\s+System call ns/.test((await text(p, '#implementations')).replace(/\s+/g, ' ')), 'switch, spawn and system call stand with each implementation');
const cost = await priceOf('worksteal');
ok(/^16\.\d 0\.\d\d×$/.test(cost) && /^5\d\.\d$/.test(await priceOf('go')), 'cost stands beside a ratio to a peer', cost);
const link = p.locator('#troubles a', { hasText: 'syscall-storm-1.trace' });
await link.waitFor();
const href = await link.getAttribute('href');
ok(href.startsWith('./') && existsSync(join(dirname(page), decodeURIComponent(href))), 'the inconsistency links to its trace by a relative path', href);
ok(readFileSync(join(dirname(page), decodeURIComponent(href))).toString('latin1').startsWith('go 1.2'), 'and that is the trace');
ok((await text(p, '#troubles .command code >> nth=0')).includes('stress syscall-storm --scheduler=numa --tracer=gen --seed=7'), 'and stands beside the command that repeats it');
const copied = p.waitForFunction(() => ['Copied', 'Select it'].includes(document.querySelector('#troubles .copy').innerText), null, { polling: 50, timeout: 20000 });
await p.locator('#troubles .copy').first().click(); // the word stands for a second and a half: it was waited for before
ok(await copied.then(() => true, () => false), 'which a button copies');
ok(t.includes('∅ void') && t.includes('binding not effective') && !VOID.test(t), 'a void cell is shown as void, with the reason, without its figure');
ok(t.includes(EVIL) && await p.evaluate(() => window.evil === undefined), 'HTML in a reason is text');
await p.screenshot({ path: join(shots, 'overview-light.png'), fullPage: true });

// ---- filters, kept in the address
const shown = () => p.locator('#count').innerText();
const before = await shown();
await p.selectOption('#f-r', 'go');
ok(await shown() !== before && (await text(p, '#implementations')).includes('go') && !(await text(p, '#implementations')).includes('boost-fiber'), 'the runtime filter leaves go alone', await shown());
ok((await p.evaluate(() => location.hash)).includes('r=go'), 'and stands in the address');
await p.reload();
await ready(p);
ok(await p.locator('#f-r').inputValue() === 'go' && !(await text(p, '#implementations')).includes('boost-fiber'), 'so that a reload keeps it');
await p.click('#reset');
ok(await shown() === before, 'reset shows all');
await p.selectOption('#f-v', 'void');
ok((await shown()).startsWith('2 of'), 'the verdict filter finds the two void cells', await shown());
await p.click('#reset');
await p.fill('#q', 'pingpong sched:numa procs:2');
await p.waitForFunction(() => /^1 of/.test(document.getElementById('count').textContent), null, { timeout: 20000 }).catch(() => {});
ok((await shown()).startsWith('1 of'), 'words of the text filter must all be in the name', await shown());
await p.fill('#q', 'no such cell');
await p.waitForFunction(() => /^0 of/.test(document.getElementById('count').textContent), null, { timeout: 20000 }).catch(() => {});
ok((await text(p)).includes('No cell passes the filters'), 'and nothing left explains itself');
await p.click('#reset');
for (const [key, value] of [['w', 'yield'], ['s', 'fifo'], ['t', 'lttng'], ['b', 'pu'], ['m', '1']]) {
  await p.selectOption(`#f-${key}`, value);
  ok(await shown() !== before, `filter ${key}=${value} changes what is shown`, await shown());
  await p.click('#reset');
}
await p.context().close();

// ---- a machine on which one implementation was measured with several bindings and models: none hides another
p = await open(page, '#m=1');
const figures = await Promise.all(['worksteal, pu', 'worksteal, unbound', 'worksteal, pu, status'].map(priceOf));
ok(/^1[3-5]\./.test(figures[0]) && /^4\d\./.test(figures[1]) && /^(9\d|10\d)\b/.test(figures[2]), 'each binding and model has a row of its own', figures);
ok((await text(p, '#implementations')).includes('worksteal, unbound'), 'among the implementations too');
await p.selectOption('#f-y', 'status');
ok((await shown()).startsWith('1 of'), 'the filter of models leaves one', await shown());
await p.selectOption('#f-y', '');
await p.selectOption('#f-b', '(none)');
ok(!(await text(p, '#prices')).includes('worksteal, pu') && (await text(p, '#prices')).includes('worksteal, unbound'), 'the filter of bindings leaves what is not bound');
await p.goto(`file://${page}#m=1&view=workloads&w=yield`);
await p.waitForFunction(() => document.querySelectorAll('.strips tbody tr').length > 2, null, { timeout: 20000 });
ok((await text(p)).includes('worksteal, unbound') && (await text(p)).includes('worksteal, pu, status'), 'and in the distributions');
await p.context().close();

// ---- workloads: distributions, scaling, pairs
p = await open(page, '#view=workloads', { viewport: { width: 1400, height: 3000 } });
await p.evaluate(() => { for (const n of document.querySelectorAll('.workload')) n.scrollIntoView(); });
await p.waitForTimeout(300);
await p.evaluate(() => scrollTo(0, 0));
await p.waitForFunction(() => document.querySelectorAll('canvas').length >= 2 && document.querySelectorAll('.sample').length > 100, null, { timeout: 20000 });
await quiet(p);
const drawn = await canvases(p);
ok(drawn.length >= 2 && drawn.every((n) => n > 8), 'scaling charts are drawn', drawn);
t = await text(p);
ok(/lttng/.test(t) && /go\+go/.test(t) && t.includes('per operation'), 'pairs of go, lttng and ours stand together');
ok(await p.locator('#workload-0 .strip .sample').count() > 200, 'every sample is in the distribution');
ok(!VOID.test(t) && t.includes('binding not effective'), 'void stays void there');
const data = decoded(page);
ok(data.length > 2 && data[0].id === 'index' && data.some((d) => d.text.includes('binding not effective')), 'index and blocks of the file are read', data.map((d) => d.id));
ok(data.every((d) => !VOID.test(d.text)), 'and the figure of a void cell is nowhere in them', data.filter((d) => VOID.test(d.text)).map((d) => d.id));
await p.screenshot({ path: join(shots, 'workloads-light.png') });
await p.context().close();

// ---- a cell: history, intervals, change point, keys
p = await open(page, `#view=cells&cell=${encodeURIComponent(YIELD)}`, { colorScheme: 'dark' });
await p.locator('#detail canvas').waitFor();
const figure = p.locator('#detail figure');
ok((await canvases(p)).every((n) => n > 8), 'the history is drawn');
ok(await figure.getAttribute('data-changes') === '1', 'with its one change point');
await figure.focus();
await p.keyboard.press('End');
const last = await text(p, '.readout');
for (let i = 0; i < 5; i++) await p.keyboard.press('ArrowLeft');
const told = await text(p, '.readout');
ok(told !== last && /change point: 1\d\.\d ns to 1\d\.\d ns/.test(told) && /95 % interval/.test(told), 'arrow keys walk over it and tell interval and change', told);
ok(await p.locator('#detail .strip .sample').count() >= 9 * 10, 'with the samples of its newest runs');
await p.screenshot({ path: join(shots, 'cell-dark.png') });
await p.goto(`file://${page}#view=cells&cell=${encodeURIComponent('forkjoin/runtime:gmp/sched:fifo/procs:8/bind:pu')}`);
await p.waitForFunction(() => document.querySelector('.cell-name')?.innerText.includes('procs:8'));
await p.locator('#detail canvas').waitFor();
t = await text(p, '#detail');
ok(t.includes('void') && t.includes('asked 0-7, got 0-1') && !VOID.test(t), 'void runs keep their place in the history, with the reason');
await p.locator('#cell-list').focus();
const name = () => p.locator('.cell-name span').first().innerText();
const first = await name();
await p.keyboard.press('ArrowDown');
await p.waitForFunction((old) => document.querySelector('.cell-name span').innerText !== old, first);
ok(await p.locator('[role=option][aria-selected=true]').count() === 1 && (await p.evaluate(() => location.hash)).includes('cell='), 'arrow keys choose a cell and the address follows');
await p.keyboard.press('End');
await p.waitForFunction(() => document.querySelector('[role=option][aria-selected=true]')?.getAttribute('aria-posinset') === document.querySelector('[role=option]')?.getAttribute('aria-setsize'));
ok(await p.locator('[role=option]').count() < 120, 'the list draws only what is in sight');
ok(await p.evaluate(() => window.evil === undefined), 'HTML in a name is text');
await p.context().close();

// ---- keyboard from the top; focus is seen
p = await open(page);
await p.keyboard.press('Tab');
ok(await p.evaluate(() => document.activeElement.id) === 'skip', 'the first stop is the skip link');
await p.keyboard.press('Enter');
ok(await p.evaluate(() => document.activeElement.id) === 'main' && (await p.evaluate(() => location.hash)) === '', 'which leads to the figures');
await p.locator('#view-overview').focus();
await p.keyboard.press('ArrowRight');
ok(await p.locator('#view-workloads').getAttribute('aria-selected') === 'true' && await p.evaluate(() => document.activeElement.id) === 'view-workloads', 'arrow keys change the view');
ok(await p.evaluate(() => getComputedStyle(document.activeElement).outlineStyle) !== 'none', 'focus is seen');
await p.goBack();
ok(await p.locator('#view-overview').getAttribute('aria-selected') === 'true', 'Back leads back');
await p.locator('#main').focus();
await p.keyboard.press('/');
ok(await p.evaluate(() => document.activeElement.id) === 'q', '/ goes to the filter');
const sort = p.locator('#prices thead button').nth(1);
await sort.press('Enter');
ok(await p.locator('#prices th[aria-sort=ascending]').count() === 1, 'a column sorts by keyboard');
await p.context().close();

// ---- contrast of text, light and dark
const contrast = () => {
  const lum = (c) => { const v = c.map((x) => x / 255).map((x) => x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4); return 0.2126 * v[0] + 0.7152 * v[1] + 0.0722 * v[2]; };
  const rgb = (s) => s.match(/[\d.]+/g).map(Number);
  const ground = (n) => { for (; n; n = n.parentElement) { const c = rgb(getComputedStyle(n).backgroundColor); if (c[3] === undefined || c[3] > 0.9) return c; } return [255, 255, 255]; };
  let worst = [99, ''];
  for (const n of document.querySelectorAll('h1, h2, p, th, td, td *, a, .badge, .why, .unit, .note, button:not(:disabled), label, code')) {
    if (!n.innerText?.trim() || n.classList.contains('away')) continue;
    const a = lum(rgb(getComputedStyle(n).color)), b = lum(ground(n));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < worst[0]) worst = [ratio, `${n.tagName}.${n.className} ${n.innerText.slice(0, 30)}`];
  }
  return worst;
};
for (const scheme of ['light', 'dark']) {
  p = await open(page, '', { colorScheme: scheme });
  const worst = await p.evaluate(contrast);
  ok(worst[0] >= 4.5, `${scheme}: text has a contrast of 4.5 or more`, worst);
  if (scheme === 'dark') {
    const ground = () => p.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const dark = await ground();
    await p.click('#theme'); // auto -> light
    ok(await ground() !== dark, 'the button overrules the system');
    await p.click('#theme');
    ok(await ground() === dark, 'and back');
    await p.screenshot({ path: join(shots, 'overview-dark.png') });
  }
  await p.context().close();
}

// ---- a phone; paper
for (const view of ['overview', 'workloads', 'stress', 'cells', 'runs']) {
  p = await open(page, `#view=${view}`, { viewport: { width: 360, height: 740 }, colorScheme: view === 'cells' ? 'dark' : 'light', hasTouch: true, isMobile: true });
  await p.waitForTimeout(150);
  const width = await p.evaluate(() => document.documentElement.scrollWidth);
  ok(width <= 360, `${view}: no sideways scrolling at 360 px`, width);
  await p.screenshot({ path: join(shots, `phone-${view}.png`) });
  await p.context().close();
}
p = await open(page);
await p.emulateMedia({ media: 'print' });
ok(!await p.locator('#filter-box').isVisible() && await p.locator('#prices table').isVisible(), 'print leaves the controls out');
await p.context().close();

// ---- one real run: what is not there says how to get it
p = await open(one);
t = await text(p);
ok(/gauntlet bench --runtime=all/.test(t), 'no peer measured: says which command does', t.slice(0, 200));
ok(/from 8 on/.test(t), 'one run: says when change points begin');
ok(/gc-stop/.test(await text(p, '#main')) || (await p.locator('#f-w option').allInnerTexts()).includes('gc-stop'), 'the run is in it');
await p.screenshot({ path: join(shots, 'one-run.png'), fullPage: true });
await p.context().close();

p = await open(none);
ok((await text(p)).includes('The store holds no cells yet') && (await text(p)).includes('scripts/run'), 'an empty store says how to fill it');
await p.context().close();

// ---- 100,000 cells: ready within two seconds. The best of five openings, for what else the machine does is not the
// page's; where the wall clock says more, the CPU time of the page's main thread must keep the limit: the load that the
// kernel tells is a minute's, and says nothing of these seconds.
const times = [];
for (let i = 0; i < 5 && !(times.length >= 2 && Math.min(...times.map((x) => x.wall)) < 1500); i++) {
  const context = await browser.newContext({ viewport: { width: 1400, height: 1000 } });
  p = await context.newPage();
  p.on('pageerror', (e) => heard.push(`error: ${e.message}`));
  const devtools = await context.newCDPSession(p);
  await devtools.send('Performance.enable');
  await p.goto(`file://${big}`);
  await ready(p);
  const metric = Object.fromEntries((await devtools.send('Performance.getMetrics')).metrics.map((m) => [m.name, m.value]));
  times.push({ wall: Number(await p.evaluate(() => document.documentElement.dataset.ready)), cpu: Math.round(metric.ThreadTime * 1000) });
  if (i === 0) {
    ok(/100,000 cells/.test(await text(p, 'header')), 'the big page holds 100,000 cells', await text(p, 'header'));
    await p.screenshot({ path: join(shots, 'big.png') });
    await p.click('#view-cells');
    await p.locator('#detail .strip').first().waitFor();
    ok(await p.locator('[role=option]').count() < 120, 'and draws some of them');
    await p.locator('#cell-list').evaluate((n) => { n.scrollTop = n.scrollHeight; });
    await p.waitForFunction(() => [...document.querySelectorAll('[role=option]')].some((n) => n.getAttribute('aria-posinset') === n.getAttribute('aria-setsize')));
    ok(true, 'down to the last one');
  }
  await context.close();
}
const wall = Math.min(...times.map((x) => x.wall)), cpu = Math.min(...times.map((x) => x.cpu));
console.log(`# 100,000 cells: ready after ${wall} ms, ${cpu} ms of its thread's CPU time; load ${loadavg()[0]} on ${cpus().length} CPUs`);
ok(wall < 2000 || cpu < 2000, `100,000 cells: ready within 2 s (${wall < 2000 ? 'wall time' : 'CPU time: the machine does other things'})`, times);

ok(heard.length === 0, 'no console error, no request, in all of this', heard.slice(0, 5));
await browser.close();
console.log(`1..${points}`);
process.exit(failed ? 1 : 0);
