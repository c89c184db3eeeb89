#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# GT_TEST: presets=release labels=full timeout=600 serial
# `gauntlet report`: a page from a store, in Debian's Chromium; what it says when it cannot; the end of `gauntlet run`.
set -euo pipefail
# shellcheck source=tests/integration/lib_run.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib_run.sh"
page_dir=$source_dir/results/page
cd "$place"

for program in node chromium; do
  if ! command -v $program >/dev/null; then
    echo "SKIP: no $program: scripts/setup installs it"
    exit 77
  fi
done
page_modules playwright-core uplot
results_python 'numpy, scipy, statsmodels, sqlite3'
export PYTHONDONTWRITEBYTECODE=1

# report STATUS WORDS ARGUMENT...: gauntlet report exits with STATUS, and WORDS are in what it says.
report() {
  local want=$1 words=$2
  shift 2
  gauntlet_ends "$want" report "$@" || true
  grep -qF -- "$words" "$place/out" "$place/err" || not_ok "gauntlet report $*: does not say '$words'"
}

# ---- a page, and that it is one file without a way out
"$python" "$source_dir/tests/results/make_runs.py" "$place/runs"
"$gauntlet" collect --store="$place/store.sqlite" "$place/runs" >/dev/null
report 0 "$place/page.html" --store="$place/store.sqlite" --page="$place/page.html"
if [ "$(cat "$place/out")" != "$place/page.html" ]; then not_ok 'standard output is the path alone'; fi
if grep -Eqi '(src|href) *= *"?(https?:)?//|@import|url\( *"?http' "$place/page.html"; then not_ok 'the page fetches something'; fi
grep -q 'Copyright (c) 2022 Leon Sorokin' "$place/page.html" || not_ok "uPlot's notice is in the page"
report 0 one.html --page="$place/one.html" --store=none.sqlite "$place/runs/other-machine"
report 0 newest.html --page="$place/newest.html" --store="$place/store.sqlite" --newest=2
grep -q '2 runs' "$place/err" || not_ok '--newest=2 takes two runs'

# ---- what the collector cannot read is said by the status; the page, or the chart, is of the rest
mkdir "$place/runs2"
cp -r "$place/runs/other-machine" "$place/runs2/cut"
cells=("$place"/runs2/cut/cells/*)
truncate -s 100 "${cells[0]}"
report 5 cut.html --store="$place/cut.sqlite" --page="$place/cut.html" --collect="$place/runs2/cut"
if [ ! -s "$place/cut.html" ]; then not_ok 'a page of what could be read'; fi
report 0 cost.svg --store="$place/charted.sqlite" --chart="$place/cost.svg" --chart-of=cost --collect="$place/runs/other-machine"

# ---- what cannot be
report 5 'no store yet' --store="$place/none.sqlite" --page="$place/none.html"
report 2 'unrecognized' --colour
report 2 'gauntlet help report' --newest=0 --store="$place/store.sqlite"
report 2 'no such file' --page="$place/none.html" "$place/nowhere"
echo 'no store' >"$place/broken.sqlite"
report 5 broken.sqlite --store="$place/broken.sqlite" --page="$place/none.html"
if [ -e "$place/none.html" ]; then not_ok 'a page of nothing'; fi
cp "$place/page.html" "$place/kept.html"
report 5 '/dev/null' --store="$place/store.sqlite" --page=/dev/null/page.html
mkdir -p "$place/share/page"
cp -r "$source_dir/results/gauntlet_results" "$place/share/"
cp -r "$page_dir"/*.html "$page_dir"/*.css "$page_dir/js" "$place/share/page/"
GAUNTLET_SHARE=$place/share report 4 'scripts/setup' --store="$place/store.sqlite" --page="$place/kept.html"
cmp -s "$place/page.html" "$place/kept.html" || not_ok 'a page is replaced whole or not at all'

# ---- charts for the README
for what in tracing cost; do
  report 0 "$what.svg" --store="$place/store.sqlite" --chart="$place/$what.svg" --chart-of=$what
  "$python" -c 'import sys, xml.dom.minidom as m; assert m.parse(sys.argv[1]).getElementsByTagName("rect")' "$place/$what.svg" ||
    not_ok "$what.svg is no chart"
  if [ "$(grep -c '>spawn-join<' "$place/$what.svg")" != 1 ]; then not_ok "$what.svg: a workload with a parameter"; fi
done
report 2 "'colours' is no chart" --store="$place/store.sqlite" --chart="$place/x.svg" --chart-of=colours

# ---- the end of a run: the page, and the exit status that the run has by itself
printf '[stress]\ntests = gc-stop, inject\nduration = 200ms\n[overhead]\nworkloads = on-yield\nduration = 50ms\nrepetitions = 9\n' >tiny.ini
make_stand_in
run_says() { # STATUS WORDS FOLDER ARGUMENT...: gauntlet run with the page
  local want=$1 words=$2 out=$3
  shift 3
  gauntlet_ends "$want" run --plan=tiny.ini --out="$out" "${stand_ins[@]}" "$@" || true
  says err "$words"
}
run_says 0 'page in real/report.html' real
if [ ! -s real/report.html ] || [ ! -s results/local/store.sqlite ]; then not_ok 'the run ends with the page, and is in the store'; fi
printf 'inject inconsistent\n' >"$place/act"
run_says 1 'page in p.html' bad --page=p.html --store=s.sqlite
if [ ! -s p.html ] || [ ! -s s.sqlite ]; then not_ok '--page and --store'; fi
rm "$place/act"
# It cannot be put into the store, but the page was written: both are said.
cat >"$place/python" <<'TEXT'
#!/bin/sh
case "$*" in *"-m gauntlet_results report"*)
  echo written.html
  echo 'gauntlet report: half.json: not JSON' >&2
  exit 5 ;;
esac
TEXT
chmod +x "$place/python"
GAUNTLET_PYTHON=$place/python run_says 0 'page in written.html' but
grep -q 'not all of this run is in the store: `gauntlet collect ' "$place/err" || not_ok 'what was not collected is said'
GAUNTLET_PYTHON=/bin/false run_says 0 'no page: ' without
grep -q 'scripts/setup' "$place/err" || not_ok 'without Python: says what to install'
GAUNTLET_SHARE=$place/share run_says 0 'scripts/setup fetches it' without-uplot
run_says 0 '3 cells' quiet --no-report
if [ -e quiet/report.html ] || grep -q page "$place/err"; then not_ok '--no-report'; fi

# ---- in the browser
PYTHONPATH=$source_dir/results "$python" -c 'import sys; from gauntlet_results.store import Store; Store(sys.argv[1], write=True)' "$place/empty.sqlite"
report 0 '0 runs' --store="$place/empty.sqlite" --page="$place/empty.html"
PYTHONPATH=$source_dir/results "$python" "$source_dir/tests/results/make_runs.py" --store="$place/big.sqlite" --cells=100000 --runs=5
report 0 '100,000 cells' --store="$place/big.sqlite" --page="$place/big.html"
cat "$place/err"
node "$source_dir/tests/results/page_test.mjs" "$place/page.html" "$place/big.html" real/report.html \
  "$place/empty.html" "$GT_BUILD_DIR/test-artefacts/report" || failed=1

if [ $failed = 0 ]; then echo 'ok: report'; fi
exit $failed
