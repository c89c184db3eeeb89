#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# GT_TEST: labels=full timeout=600 presets=release
# `gauntlet run`, killed with KILL, group and all, fifty times at random moments: every finished cell stays readable and
# as it was, nothing is left running, and --resume ends the run with every cell done once.
set -euo pipefail
# shellcheck source=tests/integration/lib_run.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib_run.sh"
make_stand_in

kills=${GT_KILLS:-50}
RANDOM=${GT_SEED:-$((SRANDOM % 30000))}
echo "# GT_SEED=$RANDOM"
RANDOM=${GT_SEED:-$RANDOM}
sed -i 's|^act=|echo $$ >"$place/last"; act=|' "$place/program"
printf 'gc-stop nap\ninject nap\n' >"$place/act"
cat >"$place/many.ini" <<'TEXT'
[stress]
tests = gc-stop, inject, stacks
schedulers = all
runs = 5
duration = 50ms
TEXT
cells=60

start() { # FOLDER: begins or goes on, in a process group of its own; its id is in $pid
  local how=(--plan="$place/many.ini")
  if [ -e "$1/run.json" ]; then how=(--resume); elif [ -e "$1" ]; then rm -rf "$1"; fi
  setsid "$gauntlet" run --no-report "${how[@]}" --out="$1" "${stand_ins[@]}" >"$place/out" 2>"$place/err" </dev/null &
  pid=$!
}

# Every cell under its name is whole, and those that were there before are as they were.
look() { # FOLDER
  python3 - "$1" "$place/seen" <<'TEXT' || not_ok "after kill $n"
import glob, hashlib, json, os, sys
folder, seen_file = sys.argv[1:]
seen = json.load(open(seen_file)) if os.path.exists(seen_file) else {}
for path in sorted(glob.glob(folder + "/cells/[0-9]*.json")):
    text = open(path, "rb").read()
    cell = json.loads(text)
    assert cell["verdict"] == "ok" and cell["benchmarks"] and cell["cell"]["name"], path
    digest = hashlib.sha256(text).hexdigest()
    assert seen.setdefault(path, digest) == digest, path + " changed"
lost = [path for path in seen if not os.path.exists(path)]
assert not lost, lost
json.dump(seen, open(seen_file, "w"))
TEXT
}

n=0 folders=1 killed_at_work=0
folder=$place/run1
while [ $n -lt "$kills" ]; do
  start "$folder"
  if [ $((RANDOM % 8)) != 0 ]; then # else perhaps before it began
    until [ -e "$folder/run.json" ] || ! kill -0 $pid 2>/dev/null; do sleep 0.01; done
  fi
  sleep "0.$(printf '%03d' $((RANDOM % 400 + 5)))"
  if ! kill -KILL -- -$pid 2>/dev/null; then
    wait $pid 2>/dev/null || not_ok "a run that nobody killed"
    folders=$((folders + 1))
    folder=$place/run$folders
    rm -f "$place/seen"
    continue
  fi
  wait $pid 2>/dev/null || true
  n=$((n + 1))
  if [ ! -e "$folder/run.json" ]; then continue; fi # killed before it began
  killed_at_work=$((killed_at_work + 1))
  for _ in $(seq 100); do
    if [ ! -e "$place/last" ] || ! kill -0 "$(cat "$place/last")" 2>/dev/null; then break; fi
    sleep 0.05
  done
  if [ -e "$place/last" ] && kill -0 "$(cat "$place/last")" 2>/dev/null; then not_ok "kill $n left a cell running"; fi
  look "$folder"
done
if [ -e "$folder/run.json" ]; then
  run 0 --resume --out="$folder" "${stand_ins[@]}" || true
  json "$folder/result.json" "assert d['complete'] and d['verdicts'] == {'ok': $cells}, d['verdicts']"
  look "$folder"
  if find "$folder" -name '*.new' | grep -q .; then not_ok 'what a killed run left unfinished is still there'; fi
fi
echo "# $n kills, $killed_at_work of a run at work, $folders folders"
if [ $((killed_at_work * 2)) -lt "$kills" ]; then not_ok 'too few kills met a run at work'; fi
if [ $failed = 0 ]; then echo 'ok: run_kill'; fi
exit $failed
