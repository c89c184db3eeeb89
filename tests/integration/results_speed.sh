#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# GT_TEST: presets=release labels=full timeout=300
# A store of 100,000 cells; the installed tree.
set -euo pipefail
# shellcheck source=tests/integration/lib_results.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib_results.sh"
results_python 'sqlite3'
results_tests store_speed

# ---- installed elsewhere, and the build tree's package out of reach
cmake --install "$GT_BUILD_DIR" --prefix "$place/prefix" >"$place/out" 2>"$place/err" || not_ok 'cmake --install'
gauntlet=$place/prefix/bin/gauntlet
"$gauntlet" bench yield --repetitions=3 --duration=50ms --json >"$place/bench.json" 2>"$place/err" </dev/null || not_ok 'bench'
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
