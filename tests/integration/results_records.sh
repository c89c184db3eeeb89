#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# GT_TEST: presets=release labels=quick timeout=180
# Records, selectors, exports: the Python tests; then real records of a fresh run and of `bench` against results/schema.json,
# and into a store by the program; what the program says when Python or its package is not there.
set -euo pipefail
# shellcheck source=tests/integration/lib_results.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib_results.sh"
results_python 'jsonschema, scipy, sqlite3'
results_tests records schema select export targets

# ---- real records are by the schema
cat >"$place/tiny.ini" <<'TEXT'
[stress]
tests = gc-stop
schedulers = worksteal
tracers = gen
duration = 200ms
[overhead]
workloads = on-yield
schedulers = worksteal
tracers = gen
duration = 50ms
repetitions = 3
[faults]
faults = stack_after_block
duration = 200ms
TEXT
run_status=0
"$gauntlet" run --no-report --plan="$place/tiny.ini" --out="$place/run" >"$place/out" 2>"$place/err" </dev/null || run_status=$?
case $run_status in 0 | 1 | 3 | 4) ;; *) not_ok "gauntlet run: exit $run_status" ;; esac
"$gauntlet" bench yield --repetitions=3 --duration=50ms --json >"$place/bench.json" 2>"$place/err" </dev/null ||
  not_ok 'gauntlet bench --json'
"$gauntlet" bench yield --repetitions=3 --duration=50ms --out="$place/bench" >"$place/out" 2>"$place/err" </dev/null ||
  not_ok 'gauntlet bench --out'
mapfile -t records < <(find "$place/run/cells" "$place/bench" "$place/bench.json" -name '*.json' ! -name run.json)
if [ "${#records[@]}" -lt 5 ]; then not_ok "${#records[@]} records, not 5"; fi
gauntlet_is 0 collect "$place/bench" --store="$place/bench.sqlite"
says out 'new '
"$python" -P "$source_dir/tests/results/schema_check.py" "${records[@]}" >"$place/out" 2>"$place/err" ||
  not_ok 'records are by the schema'
cat "$place/out"

# ---- into a store, and out of it
store=--store=$place/some/store.sqlite
gauntlet_is 0 collect "$place/run" "$place/bench.json" "$store"
if [ "$(grep -c '^new ' "$place/out")" != 2 ]; then not_ok 'two new runs'; fi
cp -r "$place/run" "$place/copy"
gauntlet_is 0 collect "$place/copy" "$store"
says out 'known '
gauntlet_is 0 collect --list "$store"
if [ "$(wc -l <"$place/out")" != 2 ]; then not_ok 'two runs listed'; fi
id=$(awk '/ run  / { print $1 }' "$place/out")
gauntlet_is 0 collect --verify "$store"
for format in gbench benchfmt bmf csv openmetrics set; do
  gauntlet_is 0 export "run:$id" --format=$format "$store"
  if [ ! -s "$place/out" ]; then not_ok "an empty $format"; fi
done
gauntlet_is 2 export nowhere --format=csv "$store"
says err "gauntlet export: 'nowhere'"
gauntlet_is 2 export latest --format=nope "$store"
says err 'benchfmt'
gauntlet_is 2 collect "$store"
gauntlet_is 5 collect "$place/nowhere" "$store"
says err 'no such file'
head -c 300 "$place/bench.json" >"$place/cut.json"
gauntlet_is 5 collect "$place/cut.json" "$place/run" "$store"
says err "cut.json: not JSON, line"
says out 'known '

# ---- help, and what is missing
for verb in collect export; do
  gauntlet_is 0 help $verb
  says out "usage: gauntlet $verb"
  gauntlet_is 0 $verb --help
  says out 'exit status:'
done
GAUNTLET_PYTHON=/bin/false gauntlet_is 4 collect "$place/run" "$store"
says err 'scripts/setup'
GAUNTLET_SHARE=$place gauntlet_is 5 collect "$place/run" "$store"
says err 'GAUNTLET_SHARE'
mkdir "$place/empty"
printf 'raise SystemExit("the wrong one")\n' >"$place/empty/sqlite3.py" # the folder we stand in is not searched
(cd "$place/empty" && gauntlet_is 0 collect --list "$store" && exit $failed) || failed=1
full_status=0
"$gauntlet" export "run:$id" --format=csv "$store" >/dev/full 2>"$place/err" || full_status=$?
if [ $full_status != 5 ]; then not_ok "a full disk: exit $full_status, not 5"; fi
says err 'No space left'
odd=$place/$(printf 'n\377me.json') # no UTF-8
cp "$place/bench.json" "$odd"
gauntlet_is 0 collect "$odd" --store="$place/odd.sqlite"
gauntlet_is 0 collect --list --store="$place/odd.sqlite"

exit $failed
