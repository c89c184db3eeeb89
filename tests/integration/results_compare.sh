#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# GT_TEST: labels=quick presets=release timeout=180
# The statistics against values worked out by hand; compare and gate: verdicts, exit statuses, bad inputs, baselines; then the
# program itself, from a measurement to the gate.
set -euo pipefail
# shellcheck source=tests/integration/lib_results.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib_results.sh"
results_python 'numpy, scipy, statsmodels, sqlite3'
results_tests stats changepoints comparison verbs noise report

store=--store=$place/store.sqlite
"$gauntlet" bench yield --scheduler=worksteal --repetitions=9 --duration=100ms --json >"$place/a.json" 2>"$place/err" </dev/null ||
  not_ok 'bench --json'
gauntlet_is 0 compare "$place/a.json" "$place/a.json" "$store" --all
says out '/runtime:gmp/sched:worksteal/procs:1/bind:pu'
if awk 'length($0) > 100' "$place/out" | grep -q .; then not_ok 'wider than 100 columns'; fi
head -c 700 "$place/a.json" >"$place/half.json"
gauntlet_is 5 gate "$place/a.json" "$place/half.json" "$store"
says err 'half.json: not JSON'
gauntlet_is 2 noise nosuch --rounds=2 "$store"
says err 'nosuch'
exit $failed
