#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# GT_TEST: presets=release labels=full timeout=400 serial
# The gate proves itself: its rates over simulated comparisons, then real runs: equal ones pass, one with a spin in the
# scheduler's `pick` that makes a yield 10 % slower does not; `gauntlet noise`, interrupted too.
set -euo pipefail
# shellcheck source=tests/integration/lib_results.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib_results.sh"
results_python 'numpy, scipy, statsmodels, sqlite3'
results_tests gate_rates

export GAUNTLET_PROGRAM=$gauntlet GT_SPIN_PLUGIN=./worksteal_spin.so
cd "$GT_BUILD_DIR/plugins"
results_tests gate_real
noisy=$(grep -c 'too noisy' "$place/err" || true)

# ---- noise: what it keeps is a threshold for compare and gate
store=--store=$place/store.sqlite
short=(yield --scheduler=worksteal --repetitions=3 --duration=30ms)
began=$SECONDS
gauntlet_is 0 noise "${short[@]}" --rounds=3 "$store"
took=$((SECONDS - began))
says out '6 runs.'
says out '/runtime:gmp/sched:worksteal/procs:1/bind:pu'
"$gauntlet" bench "${short[@]}" --json >"$place/a.json" 2>"$place/err" || not_ok 'bench --json'
gauntlet_is 0 compare "$place/a.json" "$place/a.json" "$store" --json --metric=time --cells='yield*sched:worksteal*'
says out '"source": "noise"'

# ---- interrupted, it keeps the runs that are finished
"$gauntlet" noise "${short[@]}" --rounds=500 --json "--store=$place/int.sqlite" >"$place/out" 2>"$place/err" </dev/null &
pid=$!
sleep $((took * 3 + 5)) # time for more runs than the four that a threshold needs: six took a third of it
kill -INT $pid
got=0
wait $pid || got=$?
if [ $got != 5 ] || ! grep -q 'interrupted: [0-9]* runs are kept' "$place/err"; then not_ok "INT: exit $got, not 5"; fi
says out '"runs":'
if [ "$failed" = 0 ] && [ "$noisy" != 0 ]; then
  echo '1..0 # SKIP the machine is too noisy for the real comparisons: other programs run on it'
  exit 77
fi
exit $failed
