#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# GT_TEST: timeout=120
# The command line: what is refused and how, exit statuses, JSON, being interrupted.
set -euo pipefail

# shellcheck source=tests/integration/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# refused_with WORDS ARGUMENT...: exit 2 and one line, with every one of WORDS.
refused_with() {
  local word words=$1
  shift
  refused 2 '' "$@"
  for word in $words; do says err "$word"; done
}

schedulers=$("$gauntlet" list schedulers | awk '{print $1}' | tr '\n' ' ')
workloads=$("$gauntlet" list workloads | awk '{print $1}' | tr '\n' ' ')

# Unknown names list the known ones.
refused_with 'frobnicate list stress bench' frobnicate
refused_with "nope $schedulers" stress --scheduler=nope
refused_with "nope $schedulers" bench --scheduler=worksteal,nope
refused_with 'nope none' bench --tracer=nope
refused_with 'nope gmp' stress --runtime=nope
refused_with "nope $workloads" stress nope
refused_with "nope $workloads yield" bench nope
refused_with 'nope schedulers workloads' list nope
refused_with '--nope --seed' stress --nope
refused_with 'nope list' help nope

# Bad values.
for verb in stress bench; do
  refused_with '--procs=0 1024' $verb --procs=0
  refused_with '2000 1024' $verb --procs=2000
  refused_with 'abc 1024' $verb --procs=abc
  refused_with '--duration=10 unit 10s' $verb --duration=10
  refused_with 'socket none pu core node' $verb --bind=socket
  refused_with '--seed' $verb --seed
  refused_with '--seed=x' $verb --seed=x
done
refused_with 'both status scanbit' stress --syscalls=both

# Plugins by path.
printf 'not an object' >"$place/text.so"
printf x >"$place/locked.so"
chmod 000 "$place/locked.so"
refused_with 'absent.so' stress --scheduler="$place/absent.so"
refused_with 'text.so' stress --scheduler="$place/text.so"
refused_with "$place" stress --scheduler="$place/"
if [ "$(id -u)" != 0 ]; then refused_with 'locked.so readable' stress --scheduler="$place/locked.so"; fi

# Help, version, what there is.
gauntlet_ends 2 && shows err stress
gauntlet_ends 0 help && shows out bench
gauntlet_ends 0 help stress && shows out --syscalls
gauntlet_ends 0 bench --help && shows out --repetitions
gauntlet_ends 0 --version && shows out gauntlet
for kind in '' runtimes schedulers tracers workloads stress faults bench; do
  # shellcheck disable=SC2086 # no kind is no argument
  gauntlet_ends 0 list $kind --json || continue
  if ! python3 -c '
import json, sys
for item in json.load(sys.stdin):
    assert item["name"] and item["summary"], item' <"$place/out" 2>>"$place/err"; then
    not_ok "list $kind --json"
  fi
  # shellcheck disable=SC2086
  gauntlet_ends 0 list $kind || true
done
# A binding that the machine cannot give is void, not wrong.
gauntlet_ends 4 stress yield --scheduler=worksteal --procs=1024 --bind=pu --ops=10 || true

# stress: TAP, a seed that is said and accepted back, a file.
gauntlet_ends 0 stress yield mutex --scheduler=worksteal --procs=1,2 --syscalls=status,scanbit --ops=500 --seed=7 \
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
gauntlet_ends 0 "${replay[@]}" && shows out 'seed: 7'

# bench: a table no wider than 100 (more: bench.sh).
gauntlet_ends 0 bench yield pingpong --duration=200ms --repetitions=3 || true
if [ "$(awk '{ if (length($0) > n) n = length($0) } END { print n + 0 }' "$place/out")" -gt 100 ]; then
  not_ok 'the table is wider than 100 columns'
fi
if grep -q "$(printf '\033')" "$place/out"; then not_ok 'colour in a file'; fi
gauntlet_ends 5 bench cas --duration=10ms --repetitions=1 --out=/dev/null/nowhere && shows err nowhere
if [ -e /dev/full ]; then
  got=0
  "$gauntlet" list >/dev/full 2>"$place/err" || got=$?
  if [ "$got" != 5 ]; then not_ok "a full disk: exit $got, not 5"; fi
fi

# INT ends bench with what there is, and stress with a bail-out: a cell is at work when a child is there.
interrupted() { # ARGUMENT...
  local got=0
  "$gauntlet" "$@" >"$place/out" 2>"$place/err" </dev/null &
  local pid=$!
  until [ -n "$(cat "/proc/$pid/task/$pid/children" 2>/dev/null)" ] || ! kill -0 $pid 2>/dev/null; do sleep 0.05; done
  kill -INT $pid 2>/dev/null || true
  wait $pid || got=$?
  if [ $got != 5 ]; then not_ok "interrupted: exit $got, not 5: $*"; fi
}
interrupted bench --duration=300s --repetitions=999 cas yield
shows out partial
interrupted stress yield --duration=300s
shows out '^Bail out!'

if [ $failed = 0 ]; then echo 'ok: cli'; fi
exit $failed
