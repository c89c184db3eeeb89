#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# GT_TEST: presets=release labels=full timeout=400
# The store: imported once, whole or not at all, refused when damaged, newer, locked; interrupted by signals; with 100,000
# cells in it; from the installed tree.
set -euo pipefail
# shellcheck source=tests/integration/lib_results.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib_results.sh"
results_python 'sqlite3'
results_tests store store_speed
"$gauntlet" bench yield --repetitions=3 --duration=50ms --json >"$place/bench.json" 2>"$place/err" </dev/null ||
  not_ok 'gauntlet bench --json'

# ---- interrupted: the status and the words are the script's, nothing is kept
many_cells() { # N
  "$python" -c '
import json, sys
d = json.load(open(sys.argv[1]))
e = d["benchmarks"][0]
d["benchmarks"] = [{**e, "name": f"w{i}/runtime:gmp"} for i in range(int(sys.argv[3]))]
json.dump(d, open(sys.argv[2], "w"))' "$place/bench.json" "$place/big.json" "$1"
}
interrupted() { # SIGNAL: while it writes into the store; its status is in $signalled
  signalled=0
  rm -f "$place"/big.sqlite*
  env --default-signal=INT "$gauntlet" collect "$place/big.json" --store="$place/big.sqlite" >"$place/out" 2>"$place/err" &
  local child=$!
  until [ "$(cat "/proc/$child/comm" 2>/dev/null)" != gauntlet ] && [ -e "$place/big.sqlite-journal" ]; do
    if ! kill -0 $child 2>/dev/null; then break; fi
    sleep 0.02
  done
  kill "-$1" $child 2>/dev/null || true
  wait $child || signalled=$?
}
for signal in TERM INT; do
  for cells in 12000 40000; do # more, where it ended before the signal came
    many_cells $cells
    interrupted $signal
    if [ $signalled != 0 ]; then break; fi
  done
  if [ $signalled != 5 ]; then not_ok "$signal: exit $signalled, not 5"; fi
  says err 'interrupted'
  if "$gauntlet" collect --list --store="$place/big.sqlite" >"$place/out" 2>&1; then
    if [ -s "$place/out" ]; then not_ok "$signal: a run that was not wholly imported"; fi
  fi
done

# ---- installed elsewhere, and the build tree's package out of reach
cmake --install "$GT_BUILD_DIR" --prefix "$place/prefix" >"$place/out" 2>"$place/err" || not_ok 'cmake --install'
gauntlet=$place/prefix/bin/gauntlet
gauntlet_is 0 collect "$place/bench.json" --store="$place/store.sqlite"
says out 'new '
gauntlet_is 0 export latest --format=benchfmt --store="$place/store.sqlite"
says out 'BenchmarkYield'
if [ -L "$place/prefix/share/gauntlet/gauntlet_results" ] || [ ! -f "$place/prefix/share/gauntlet/schema.json" ]; then
  not_ok 'the package and the schema are installed, not linked'
fi
mv "$place/prefix/share/gauntlet/gauntlet_results" "$place/prefix/away"
gauntlet_is 5 collect "$place/bench.json" --store="$place/store.sqlite"
says err '../share/gauntlet'

exit $failed
