#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# GT_TEST: labels=quick,reduced,smoke timeout=240
# Stress tests from outside: statuses, what is refused, TAP by prove, JUnit, JSON, a command that repeats a cell, a child
# that is killed, a full disk, one program per test, from the build tree and installed.
set -euo pipefail

build=${GT_BUILD_DIR:?}
gauntlet=$build/gauntlet
oracle=$build/gauntlet-oracle
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
export TMPDIR=$place/tmp
mkdir tmp
failed=0

not_ok() {
  echo "not ok - $*"
  head -n 40 out | sed 's/^/  out: /'
  head -n 8 err | sed 's/^/  err: /'
  failed=1
}

run() { # STATUS PROGRAM ARGUMENT...
  local want=$1 got=0
  shift
  "$@" >out 2>err </dev/null || got=$?
  if [ "$got" != "$want" ]; then
    not_ok "exit $got, not $want: $*"
    return 1
  fi
}

says() { # FILE PATTERN...
  local file=$1 pattern
  shift
  for pattern in "$@"; do
    if ! grep -Eq -- "$pattern" "$file"; then not_ok "no /$pattern/ in $file"; fi
  done
}

refused() { # WORDS ARGUMENT...: status 2, one line on standard error with all of WORDS
  local word words=$1
  shift
  run 2 "$gauntlet" stress "$@" || return 0
  if [ -s out ] || [ "$(wc -l <err)" != 1 ]; then not_ok "not one line: $*"; fi
  for word in $words; do
    if ! grep -qF -- "$word" err; then not_ok "no '$word' for: $*"; fi
  done
}

tests=$("$gauntlet" list stress | awk '{print $1}' | tr '\n' ' ')
faults=$("$gauntlet" list faults | awk '{print $1}' | tr '\n' ' ')
test=stress # many Gs that come and go: no window is hard to enter
one=("$test" --scheduler=worksteal --duration=500ms)

# Names list what there is.
refused "nope $tests" nope
refused "nope $faults all" --fault=nope
refused 'nope order truth ownership locks liveness conservation' --oracle=nope
refused 'order, conservation' --oracle=order,
refused 'nope off low medium high' --perturb=nope
refused '--runs=0 1000' --runs=0
refused 'workloads --fault' --fault=all --lean pingpong
refused "apart $test" "$test" pingpong
refused 'none checkable' "$test" --tracer=none --generation=1ms

# An output folder that cannot be written is found before the run.
run 5 "$gauntlet" stress "${one[@]}" --out=/dev/null/nowhere || true
if [ -s out ]; then not_ok 'it ran all the same'; fi
says err '/dev/null/nowhere cannot be written'

# A build without faults says which has them.
if [ "${GT_PRESET:-}" != faults ]; then
  run 4 "$gauntlet" stress --fault=all || true
  says err 'faults' 'build/faults'
fi

# TAP, JUnit and JSON of the same cells; --json is the same object.
run 0 "$gauntlet" stress "${one[@]}" --tracer=gen,locked --syscalls=status,scanbit --duration=2s --seed=5 --out=res || true
says out '^TAP version 13$' '^1\.\.4$' '^# seed 5$' '^ok 4 - ' '  inconsistencies: 0' '  windows: \[' '  events: [1-9]' \
  '  replay: ".*gauntlet-oracle stress stress --scheduler=worksteal .*--seed=5"'
cmp -s out res/stress.tap || not_ok 'stress.tap is what was printed'
python3 - res >checked 2>err <<'PY' || not_ok 'the files of --out'
import json, sys, xml.etree.ElementTree as xml
suite = xml.parse(sys.argv[1] + "/stress.xml").getroot()
assert suite.tag == "testsuite" and suite.get("tests") == "4" and suite.get("failures") == suite.get("errors") == "0"
assert len(suite.findall("testcase")) == 4
report = json.load(open(sys.argv[1] + "/stress.json"))
assert report["schema"] == 1 and report["seed"] == 5 and len(report["cells"]) == 4
for c in report["cells"]:
    assert c["verdict"] == "ok" and c["inconsistencies"] == 0 and c["by_class"] == {} and c["found"] is None, c
    assert c["events"] > 0 and c["transitions"] > 0 and c["rounds"] > 0 and c["duration_s"] > 0, c
assert {(c["tracer"], c["syscalls"]) for c in report["cells"]} == {(t, s) for t in ("gen", "locked") for s in ("status", "scanbit")}
PY
run 0 "$gauntlet" stress "${one[@]}" --json || true
python3 -c 'import json; c = json.load(open("out"))["cells"]; assert len(c) == 1 and c[0]["verdict"] == "ok", c' 2>err ||
  not_ok '--json'
if [ -s err ]; then not_ok 'something on standard error'; fi

# The command that it prints repeats it.
run 0 "$gauntlet" stress "${one[@]}" --seed=9 || true
sed -n 's/^  replay: "\(.*\)"$/\1/p' out >replay
read -ra replay <replay
run 0 "${replay[@]}" || true
says out '^# seed 9$' '^ok 1 - stress worksteal gen scanbit'

# Each oracle alone.
for name in order truth ownership locks liveness conservation; do
  run 0 "$gauntlet" stress "${one[@]}" --duration=100ms --oracle=$name || true
done

# One program per test, with the same options.
run 0 "$build/stress/$test" --scheduler=worksteal --duration=300ms --procs=2 || true
says out '^1\.\.1$' "  replay: \"$build/stress/$test --scheduler"
run 2 "$build/stress/$test" pingpong || true
run 2 "$build/stress/$test" --ops=3 || true
run 0 "$build/stress/$test" --help || true
for name in $tests; do
  if [ ! -x "$build/stress/$name" ]; then not_ok "no program for $name"; fi
done

# A run that skips everything: 4, but 0 where a harness counts skips.
skipped=(gomaxprocs --scheduler=worksteal --tracer=none --duration=100ms)
if "$oracle" stress "${skipped[@]}" 2>/dev/null | grep -q '# SKIP'; then
  run 4 "$gauntlet" stress "${skipped[@]}" || true
  HARNESS_ACTIVE=1 run 0 "$gauntlet" stress "${skipped[@]}" || true
fi

# prove is the harness.
if command -v prove >/dev/null; then
  mkdir bin
  ln -s "$build/stress/$test" bin/
  if ! prove --ext '' bin/ :: --scheduler=worksteal --duration=300ms >out 2>err; then not_ok 'prove'; fi
  says out '^Result: PASS'
  if run 0 cmake --install "$build" --prefix "$place/inst"; then
    run 0 prove --ext '' "inst/libexec/gauntlet/stress/$test" :: --scheduler=worksteal --duration=300ms || true
    run 0 inst/bin/gauntlet stress "${one[@]}" || true
  fi
fi

# The last trace is kept where it is asked for, and is consistent.
run 0 "$gauntlet" stress "${one[@]}" --trace=kept.trace || true
run 0 "$gauntlet" check kept.trace || true

# A child that is killed costs its cell; the others go on. The run is incomplete.
"$oracle" stress "$test" --scheduler=worksteal --tracer=gen,locked --duration=4s --json >out 2>err &
pid=$!
for _ in $(seq 200); do
  child=$(pgrep -P $pid || true)
  if [ -n "$child" ]; then break; fi
  sleep 0.02
done
sleep 0.3
kill -9 "$child" || true
got=0
wait $pid || got=$?
if [ $got != 5 ]; then not_ok "a killed child: exit $got, not 5"; fi
python3 -c '
import json
c = json.load(open("out"))["cells"]
assert [x["verdict"] for x in c] == ["incomplete", "ok"], c
assert "signal 9" in c[0]["why"] and c[0]["inconsistencies"] == 0, c[0]' 2>err || not_ok 'the cells beside a killed one'

# Interrupted: what is finished stays, the rest is not run.
"$oracle" stress "$test" --duration=100s --out=int >out 2>err &
pid=$!
until grep -q '^1\.\.' out 2>/dev/null || ! kill -0 $pid 2>/dev/null; do sleep 0.05; done
sleep 0.2
kill -TERM $pid || true
got=0
wait $pid || got=$?
if [ $got != 5 ]; then not_ok "interrupted: exit $got, not 5"; fi
says out '^Bail out! interrupted'
python3 -c '
import json, xml.etree.ElementTree as xml
assert all(c["verdict"] == "incomplete" for c in json.load(open("int/stress.json"))["cells"])
assert int(xml.parse("int/stress.xml").getroot().get("errors")) > 0' 2>err || not_ok 'the report of an interrupted run'

# A full disk: the cell is incomplete, not inconsistent. The limit is on the size of files, less than any trace has.
limited='import os, resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (256, 256))
os.execv(sys.argv[1], sys.argv[1:])' # Python ignores SIGXFSZ, and so do its heirs
got=0
python3 -c "$limited" "$oracle" stress "${one[@]}" --json 2>/dev/null | cat >out || got=$?
if [ $got != 5 ]; then not_ok "a full disk: exit $got, not 5"; fi
python3 -c '
import json
c = json.load(open("out"))["cells"][0]
assert c["verdict"] == "incomplete" and c["inconsistencies"] == 0 and "not whole" in c["why"], c' 2>err ||
  not_ok 'the cell on a full disk'
if [ -e /dev/full ]; then
  got=0
  "$gauntlet" stress "${one[@]}" --duration=50ms >/dev/full 2>err || got=$?
  if [ $got != 5 ]; then not_ok "standard output is full: exit $got, not 5"; fi
fi

# Nothing is left in the temporary folder by cells that did not fail.
if [ -n "$(ls -A tmp)" ]; then
  ls -A tmp >out
  not_ok 'files are left'
fi

# Planted faults, where the build has them.
if [ "${GT_PRESET:-}" = faults ]; then
  run 1 "$gauntlet" stress --fault=inject_event_first --oracle=order --duration=60s --out=fault || true
  says out '^not ok 1 - inject ' 'fault=inject_event_first' '  by_class: \[.*order/' '  file_1: '
  sed -n 's/^  replay: "\(.*\)"$/\1/p' out >replay
  says replay '--fault=inject_event_first' '--seed='
  # A table that is interrupted is whole all the same.
  "$oracle" stress --fault=seeds --runs=2 --json >out 2>err &
  pid=$!
  sleep 2
  kill -TERM $pid
  got=0
  wait $pid || got=$?
  if [ $got != 5 ]; then not_ok "an interrupted kill table: exit $got, not 5"; fi
  "$oracle" list faults --json >listed
  python3 -c '
import json
table, listed = json.load(open("out"))["faults"], json.load(open("listed"))
assert [x["name"] for x in table] == [x["name"] for x in listed if x["seed"]], table
assert all(x["window"] is None for x in table if x["found"] == 0), table
# Of many finds one has files.
assert all(sum(bool(c["files"]) for c in x["cells"] if (c["found"] or {}).get("as_expected")) == min(x["found"], 1) for x in table), table
assert sum(len(x["cells"]) for x in table) > 0, table' 2>err || not_ok 'an interrupted kill table'
  run 3 "$gauntlet" stress stacks --fault=inject_event_first --duration=10ms --oracle=liveness || true
  says out 'was not found' 'verdict: inconclusive'
fi

if [ $failed = 0 ]; then echo 'ok: stress'; fi
exit $failed
