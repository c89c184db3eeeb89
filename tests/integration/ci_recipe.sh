#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# GT_TEST: presets=release labels=full timeout=480
# docs/examples/ci: the shell job as it is, with a tiny plan and the build that is there: without a baseline, saving one,
# gated green and red, and without a build that measures; the workflow is YAML and calls it; plans/ci.ini is a plan.
set -euo pipefail
# shellcheck source=tests/integration/lib_results.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib_results.sh"
results_python 'numpy, scipy, statsmodels, sqlite3'
page_modules uplot
example=$source_dir/docs/examples/ci
recipe=$example/gauntlet-ci.sh

cat >"$place/tiny.ini" <<'TEXT'
[overhead]
workloads = on-yield
schedulers = worksteal
tracers = gen
duration = 100ms
repetitions = 9
TEXT

# The threshold is the widest there is, ten times: this is about the recipe, not about a quiet machine.
job() { # STATUS [VARIABLE=VALUE...]
  local want=$1 got=0
  shift
  env GAUNTLET_BUILD="$GT_BUILD_DIR" GAUNTLET_PLAN="$place/tiny.ini" GAUNTLET_OUT="$place/ci" \
    GAUNTLET_STORE="$place/kept/store.sqlite" GAUNTLET_BASELINES="$place/kept/baselines" \
    GAUNTLET_GATE='--threshold=999% --metric=time' "$@" \
    bash "$recipe" >"$place/out" 2>"$place/err" </dev/null || got=$?
  if [ "$got" != "$want" ]; then not_ok "exit $got, not $want: $recipe with $*"; fi
}
baseline_sum() { sha256sum <"$place/kept/baselines/main.json"; }
nothing_gated() { # WHY
  for file in gate.txt gate.json; do
    if [ -e "$place/ci/$file" ]; then not_ok "$1: $file of the job before is left"; fi
  done
}

job 0
says err 'nothing to gate against'
if [ -e "$place/kept/baselines" ]; then not_ok 'a baseline nobody asked for'; fi
for file in page.html run/run.json; do
  if [ ! -s "$place/ci/$file" ]; then not_ok "$file is left"; fi
done
job 0 GAUNTLET_SAVE=1
sum=$(baseline_sum)
job 0
says out 'gate: ok'
if [ "$(baseline_sum)" != "$sum" ]; then not_ok 'a green run became the baseline, unasked'; fi
if [ ! -s "$place/ci/gate.txt" ] || [ ! -s "$place/ci/gate.json" ]; then not_ok 'what the gate said is left'; fi
gauntlet_is 0 collect --list --store="$place/kept/store.sqlite"
if [ "$(grep -cE '^[0-9a-f]{12} ' "$place/out")" != 3 ]; then not_ok 'three runs of history'; fi

# A baseline ten thousand times as quick, far beyond any load of this machine: the job is red, and the baseline stays.
PYTHONPATH=$source_dir/results "$python" - "$place/kept/baselines/main.json" <<'PY'
import dataclasses, sys
from gauntlet_results import records, sets
path = sys.argv[1]
rs = records.load(path)
rs.series = [dataclasses.replace(s, samples=tuple(v / 10000 for v in s.samples)) for s in rs.series]
sets.write_whole(path, sets.baseline_text(rs.seal(), []))
PY
sum=$(baseline_sum)
job 1 GAUNTLET_SAVE=1
says out 'gate: REGRESSION'
if [ "$(baseline_sum)" != "$sum" ]; then not_ok 'a red run became the baseline'; fi

# ---- a program that does not do its part: VERB ACT; the other verbs are the real program's. `run` is given it as the
# program that measures, too.
stand_in() {
  mkdir -p "$place/build"
  ln -sfn "$GT_BUILD_DIR/gauntlet-oracle" "$place/build/gauntlet-oracle"
  ln -sfn "$GT_BUILD_DIR/share" "$place/build/share"
  printf '#!/bin/bash\nif [ "$1" = %s ]; then %s; fi\n[ "$1" != run ] || set -- "$@" --lean-program="$0"\nexec "%s" "$@"\n' \
    "$1" "$2" "$gauntlet" >"$place/build/gauntlet"
  chmod +x "$place/build/gauntlet"
}
stand_in bench 'exit 5'
job 5 GAUNTLET_BUILD="$place/build"
# shellcheck disable=SC2016 # the stand-in expands it
stand_in gate 'kill -SEGV $$'
job 5 GAUNTLET_BUILD="$place/build" GAUNTLET_SAVE=1
if [ "$(baseline_sum)" != "$sum" ]; then not_ok 'a run that nothing gated became the baseline'; fi
# A status 4 is of another machine only where the gate says so.
stand_in gate 'echo "gauntlet gate: not the same environment: cpu" >&2; exit 4'
job 0 GAUNTLET_BUILD="$place/build"
says err 'the baseline is of another machine'
nothing_gated 'another machine'
stand_in gate 'echo "gauntlet gate: no Python here" >&2; exit 4'
job 4 GAUNTLET_BUILD="$place/build"
if grep -q 'another machine' "$place/err"; then not_ok 'no Python is told as another machine'; fi
# Neither is a status 1 of what comes before a regression.
mkdir -p "$place/tree/docs/examples/ci" "$place/tree/scripts"
git -C "$place/tree" init -q
recipe=$place/tree/docs/examples/ci/gauntlet-ci.sh
cp "$example/gauntlet-ci.sh" "$recipe"
printf '#!/bin/sh\nexit 1\n' >"$place/tree/scripts/setup"
chmod +x "$place/tree/scripts/setup"
touch "$place/ci/gate.txt" "$place/ci/gate.json"
job 5 GAUNTLET_BUILD=
nothing_gated 'not built'

"$gauntlet" plan "$source_dir/plans/ci.ini" >"$place/out" 2>"$place/err" || not_ok 'plans/ci.ini is a plan'
says out 'cells, about '
"$python" - "$example/gauntlet.yml" <<'PY' || not_ok 'the workflow'
import sys
try:
    import yaml
except ImportError:
    sys.exit("python3-yaml is missing: scripts/setup installs it")
jobs = yaml.safe_load(open(sys.argv[1]))["jobs"]
steps = jobs["gauntlet"]["steps"]
assert any(s.get("run") == "docs/examples/ci/gauntlet-ci.sh" for s in steps), steps
assert all(set(s) & {"uses", "run"} for s in steps) and jobs["publish"]["needs"] == "gauntlet", jobs
PY
exit $failed
