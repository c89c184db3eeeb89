#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# GT_TEST: timeout=120
# The command line: what is refused and how, exit statuses, JSON, being interrupted.
set -euo pipefail

gauntlet=${GT_BUILD_DIR:?}/gauntlet
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
failed=0

not_ok() {
  echo "not ok - $*"
  sed 's/^/  out: /' "$place/out" | head -n 8
  sed 's/^/  err: /' "$place/err" | head -n 8
  failed=1
}

# run STATUS ARGUMENT...: leaves its output in $place/out and err.
run() {
  local want=$1 got=0
  shift
  "$gauntlet" "$@" >"$place/out" 2>"$place/err" </dev/null || got=$?
  if [ "$got" != "$want" ]; then
    not_ok "exit $got, not $want: gauntlet $*"
    return 1
  fi
}

# refused WORDS ARGUMENT...: exit 2, nothing on standard output, one line on standard error with every one of WORDS.
refused() {
  local word words=$1
  shift
  run 2 "$@" || return 0
  if [ -s "$place/out" ]; then not_ok "a refusal writes to standard output: $*"; fi
  if [ "$(wc -l <"$place/err")" != 1 ]; then not_ok "not one line: $*"; fi
  for word in $words; do
    if ! grep -qF -- "$word" "$place/err"; then not_ok "no '$word' for: $*"; fi
  done
}

# shows STATUS FILE PATTERN ARGUMENT...: runs, and finds the pattern in out or err.
shows() {
  local status=$1 file=$2 pattern=$3
  shift 3
  run "$status" "$@" || return 0
  if ! grep -q -- "$pattern" "$place/$file"; then not_ok "no '$pattern' in $file: gauntlet $*"; fi
}

schedulers=$("$gauntlet" list schedulers | awk '{print $1}' | tr '\n' ' ')
workloads=$("$gauntlet" list workloads | awk '{print $1}' | tr '\n' ' ')

# Unknown names list the known ones.
refused 'frobnicate list stress bench' frobnicate
refused "nope $schedulers" stress --scheduler=nope
refused "nope $schedulers" bench --scheduler=worksteal,nope
refused 'nope none' bench --tracer=nope
refused 'nope gmp' stress --runtime=nope
refused "nope $workloads" stress nope
refused "nope $workloads yield" bench nope
refused 'nope schedulers workloads' list nope
refused '--nope --seed' stress --nope
refused 'nope list' help nope

# Bad values.
for verb in stress bench; do
  refused '--procs=0 1024' $verb --procs=0
  refused '2000 1024' $verb --procs=2000
  refused 'abc 1024' $verb --procs=abc
  refused '--duration=10 unit 10s' $verb --duration=10
  refused 'socket none pu core node' $verb --bind=socket
  refused '--seed' $verb --seed
  refused '--seed=x' $verb --seed=x
done
refused 'both status scanbit' stress --syscalls=both

# Plugins by path.
printf 'not an object' >"$place/text.so"
printf x >"$place/locked.so"
chmod 000 "$place/locked.so"
refused 'absent.so' stress --scheduler="$place/absent.so"
refused 'text.so' stress --scheduler="$place/text.so"
refused "$place" stress --scheduler="$place/"
if [ "$(id -u)" != 0 ]; then refused 'locked.so readable' stress --scheduler="$place/locked.so"; fi

# Help, version, what there is.
shows 2 err stress
shows 0 out bench help
shows 0 out --syscalls help stress
shows 0 out --repetitions bench --help
shows 0 out gauntlet --version
for kind in '' runtimes schedulers tracers workloads stress faults bench; do
  # shellcheck disable=SC2086 # no kind is no argument
  run 0 list $kind --json || continue
  if ! python3 -c '
import json, sys
for item in json.load(sys.stdin):
    assert item["name"] and item["summary"], item' <"$place/out" 2>>"$place/err"; then
    not_ok "list $kind --json"
  fi
  # shellcheck disable=SC2086
  run 0 list $kind
done
# A binding that the machine cannot give is void, not wrong.
run 4 stress yield --scheduler=worksteal --procs=1024 --bind=pu --ops=10 || true

# stress: TAP, a seed that is said and accepted back, a file.
run 0 stress yield mutex --scheduler=worksteal --procs=1,2 --syscalls=status,scanbit --ops=500 --seed=7 \
  --out="$place/stress" || true
if [ "$(grep -c '^ok ' "$place/out")" != 8 ] || ! grep -qx '1\.\.8' "$place/out" || [ -s "$place/err" ]; then
  not_ok 'stress: eight points'
fi
cmp -s "$place/out" "$place/stress/stress.tap" || not_ok 'stress --out keeps the same'
if ! grep -q 'seed: 7' "$place/out"; then not_ok 'the seed is not said'; fi
if command -v prove >/dev/null; then
  prove -Q --exec cat "$place/stress/stress.tap" >"$place/err" 2>&1 || not_ok 'prove refuses the TAP'
fi
sed -n 's/^  replay: "gauntlet \(.*\)"$/\1/p' "$place/out" | head -n 1 >"$place/replay"
read -ra replay <"$place/replay"
shows 0 out 'seed: 7' "${replay[@]}"

# bench: a table no wider than 100, JSON with every sample, a file that is whole.
run 0 bench yield pingpong --duration=200ms --repetitions=3 --out="$place/bench" || true
if [ "$(awk '{ if (length($0) > n) n = length($0) } END { print n + 0 }' "$place/out")" -gt 100 ]; then
  not_ok 'the table is wider than 100 columns'
fi
if grep -q "$(printf '\033')" "$place/out"; then not_ok 'colour in a file'; fi
if [ "$(find "$place/bench" -type f | wc -l)" != 1 ]; then not_ok 'bench --out leaves one file'; fi
run 0 bench yield mutex on-yield --duration=100ms --repetitions=3 --scheduler=worksteal --json || true
for file in "$place/out" "$place/bench/bench.json"; do
  python3 -c '
import json, sys
report = json.load(open(sys.argv[1]))
assert report["context"]["complete"], report["context"]
for b in report["benchmarks"]:
    assert len(b["samples"]) == 3 and b["verified"] and b["q1"] <= b["median"] <= b["q3"], b' "$file" \
    2>>"$place/err" || not_ok "the JSON of bench: $file"
done
shows 5 err nowhere bench cas --duration=10ms --repetitions=1 --out=/dev/null/nowhere
if [ -e /dev/full ]; then
  got=0
  "$gauntlet" list >/dev/full 2>"$place/err" || got=$?
  if [ "$got" != 5 ]; then not_ok "a full disk: exit $got, not 5"; fi
fi

# INT ends bench with what there is, and stress with a bail-out.
interrupted() { # WAIT ARGUMENT...
  local pause=$1 got=0
  shift
  "$gauntlet" "$@" >"$place/out" 2>"$place/err" </dev/null &
  local pid=$!
  sleep "$pause"
  kill -INT $pid 2>/dev/null || true
  wait $pid || got=$?
  if [ $got != 5 ]; then not_ok "interrupted: exit $got, not 5: $*"; fi
}
interrupted 2 bench --duration=300s --repetitions=999 cas yield --out="$place/partial"
grep -q partial "$place/out" || not_ok 'a partial table says so'
grep -Eq '^\(CAS\)|^yield' "$place/out" || not_ok 'no partial table'
python3 -c '
import json, sys
report = json.load(open(sys.argv[1]))
assert not report["context"]["complete"]
assert any(b["samples"] for b in report["benchmarks"])' "$place/partial/bench.json" 2>>"$place/err" ||
  not_ok 'the partial JSON'
interrupted 1 stress yield --duration=300s
grep -q '^Bail out!' "$place/out" || not_ok 'no bail-out'

if [ $failed = 0 ]; then echo 'ok: cli'; fi
exit $failed
