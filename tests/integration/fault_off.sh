#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# GT_TEST: labels=fault timeout=600
# GT_TEST: presets=faults
# The other half of every find: the very run that looks for a planted fault, its test, syscall model, disturbance and
# options, without the fault, sees nothing. Runs that several faults share are made once.
#   GT_FAULT_OFF   the duration of each (1s; with 2s its rounds are as long as those of a run with a fault)
#   GT_SEED        the first seed (drawn)
set -euo pipefail

gauntlet=${GT_BUILD_DIR:?}/gauntlet-oracle
duration=${GT_FAULT_OFF:-1s}
seed=${GT_SEED:-$RANDOM}
kept=${TMPDIR:-/tmp}
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
export TMPDIR=$place
failed=0

# "FAULT[,FAULT] TEST OPTION..." by line.
"$gauntlet" list faults --json | python3 -c '
import json, sys
runs = {}
for f in json.load(sys.stdin):
    syscalls = "status" if f["syscalls"] == "status" else "scanbit"
    options = f["options"].split()
    if not any(o.startswith("--perturb=") for o in options):
        options.append("--perturb=medium")
    run = (f["test"], "--syscalls=" + syscalls, *options)
    runs.setdefault(run, []).append(f["name"])
for run, names in runs.items():
    print(",".join(names), *run)
' >"$place/runs"
[ -s "$place/runs" ] || {
  echo 'not ok - no planted fault is listed'
  exit 1
}

cat >"$place/told.py" <<'PYTHON'
import json
import sys

(cell,) = json.load(open(sys.argv[1]))["cells"]
status = int(sys.argv[2])
# A short run on a busy machine may miss a window (3): that is no find.
assert status in (0, 3) and cell["verdict"] in ("ok", "inconclusive"), (status, cell["verdict"], cell["why"], cell["replay"])
assert cell["inconsistencies"] == 0 and cell["violations"] == 0 and cell["fault"] is None, cell["by_class"]
print(f"{cell['rounds']} rounds, {cell['events']} events, {cell['transitions']} transitions: nothing")
PYTHON

while read -r names test options; do
  got=0
  # shellcheck disable=SC2086 # options are words
  "$gauntlet" stress "$test" --scheduler=worksteal $options --duration="$duration" --seed="$seed" --json \
    --out="$place/out" >"$place/cell.json" 2>"$place/err" </dev/null || got=$?
  if said=$(python3 "$place/told.py" "$place/cell.json" "$got" 2>&1); then
    echo "# $test $options (${names//,/, }): $said"
  else
    echo "not ok - $test $options, without ${names//,/, }: seed $seed"
    sed 's/^/  /' <<<"$said"
    head -n 5 "$place/err"
    keep=$kept/gauntlet-fault-off-$$-$failed
    cp -r "$place/out" "$keep" 2>/dev/null && echo "  its files: $keep"
    failed=$((failed + 1))
  fi
  rm -rf "$place/out"
done <"$place/runs"

if [ $failed = 0 ]; then echo "ok - $(wc -l <"$place/runs") runs without their faults find nothing"; fi
[ $failed = 0 ]
