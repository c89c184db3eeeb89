#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# GT_TEST: labels=fault timeout=900
# GT_TEST: presets=faults
# The faults of the five seeds: each is found in three tries of three, of at most a minute each (a CI machine may be slow), by
# `stress --fault=NAME` as one types it; what it says of itself in JSON is what was asked.
set -euo pipefail

gauntlet=${GT_BUILD_DIR:?}/gauntlet-oracle
tries=3
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
export TMPDIR=$place
cd "$place"
failed=0

# The seeds' switches, and that all five seeds have some.
"$gauntlet" list faults --json >faults.json
names=$(python3 -c '
import json, sys
faults = [f for f in json.load(sys.stdin) if f["seed"]]
assert {f["seed"] for f in faults} == {"000", "001", "002", "003", "004"}, faults
print(*(f["name"] for f in faults))
' <faults.json)

# One line about the run; fails where it is not told as it should be.
cat >told.py <<'PYTHON'
import json
import sys

(cell,) = json.load(open("out.json"))["cells"]
if len(sys.argv) == 2:  # not found
    print(f"  {cell['verdict']}: {cell['why']}\n  {cell['replay']}")
    sys.exit()
name = sys.argv[2]
assert cell["fault"] == name and f"--fault={name}" in cell["replay"], cell["replay"]
assert cell["verdict"] in ("inconsistent", "failed"), cell["verdict"]
found = cell["found"]
assert 0 < found["seconds"] < 90 and found["events"] >= 0, found
assert f"{found['oracle']}/{found['class']}" in cell["by_class"], cell["by_class"]
(fault,) = [f for f in json.load(open("faults.json")) if f["name"] == name]
assert found["as_expected"] and found["oracle"] == fault["oracle"], (found, fault["oracle"])
assert found["class"] in fault["class"].split(","), (found, fault["class"])
# Nothing is found in a round that did not enter the window which the fault needs. In a void round that is not known.
needs = not fault["windows"].startswith("none: ")
assert (needs and found["window"] > 0) if found["window"] is not None else not needs or cell["void_rounds"], (found, fault["windows"])
first = f", first {found['first']['oracle']}/{found['first']['class']}" if "first" in found else ""
print(f"{found['seconds']:.1f} s, {found['events']} events, window {found['window']}, {', '.join(cell['by_class'])}{first}")
PYTHON

for name in $names; do
  for ((i = 1; i <= tries; i++)); do
    status=0
    "$gauntlet" stress --fault="$name" --duration=60s --json >out.json 2>err || status=$?
    if [ $status != 1 ]; then
      echo "not ok - $name, try $i: exit $status, not 1"
      python3 told.py missed || true
      head -n 5 err
      failed=1
    elif said=$(python3 told.py found "$name" 2>&1); then
      echo "# $name, try $i: $said"
    else
      echo "not ok - $name, try $i: found, and not told as it should be"
      sed 's/^/  /' <<<"$said"
      failed=1
    fi
  done
done

if [ $failed = 0 ]; then echo "ok - the faults of the five seeds are found, $tries times of $tries"; fi
exit $failed
