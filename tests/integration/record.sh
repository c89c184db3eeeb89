#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# GT_TEST: timeout=120
# stress with the tracer on: traces kept and checked, every header, a full disk, a pipe whose reader leaves, an old file
# that stays whole, tracers that write no trace.
set -euo pipefail

# shellcheck source=tests/integration/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$place"
export TMPDIR=$place/tmp
mkdir tmp

leaves() { # FILE...: nothing else is in the folder but what the test itself made
  local found
  found=$(find . -type f ! -name out ! -name err | sort | tr '\n' ' ')
  if [ "$found" != "${*/#/./}${1:+ }" ]; then not_ok "files: $found"; fi
}

one=(stress pingpong --scheduler=worksteal --ops=500)
tracers=$("$gauntlet" list tracers --json | python3 -c '
import json, sys
print(*(t["name"] for t in json.load(sys.stdin) if "checkable" in t["capabilities"]))')
if [ -z "$tracers" ]; then
  echo 'not ok - no tracer is checkable'
  exit 1
fi
gauntlet_ends 0 list tracers
shows out '^none .*not checkable' '^gen .*generations.*[ (]checkable'

# A trace with each tracer that writes one, checked there and then, and again.
for tracer in $tracers; do
  gauntlet_ends 0 "${one[@]}" --tracer="$tracer" --trace="$tracer.trace" || true
  shows out '^ok 1 ' '  events: [1-9][0-9]{3}' '  inconsistencies: \[\]' "  trace: \"$tracer\.trace\""
  gauntlet_ends 0 check "$tracer.trace" || true
  rm -f "$tracer.trace"
done
leaves

# Each header. Without --trace nothing stays.
for header in 1.22 1.23 1.25 1.26; do
  gauntlet_ends 0 "${one[@]}" --header=$header --generation=1ms --trace=h.trace || true
  shows out "--header=$header" 'tracer: gen'
  gauntlet_ends 0 check h.trace || true
  shows out "^header $header,"
  rm -f h.trace
done
gauntlet_ends 0 "${one[@]}" --generation=continuous || true
shows out 'generations: [1-9]' 'inconsistencies: \[\]'
leaves

# Several cells: a file each.
gauntlet_ends 0 stress pingpong yield --scheduler=worksteal --ops=200 --tracer=gen --trace=many.trace || true
leaves many-1.trace many-2.trace
rm -f many-?.trace

# Tracers that write none.
gauntlet_ends 0 "${one[@]}" --tracer=count || true
shows out 'inconsistencies: not checkable'
gauntlet_ends 2 "${one[@]}" --tracer=none --trace=x || true
shows err 'none writes no trace' 'checkable'
gauntlet_ends 2 "${one[@]}" --tracer=count --generation=1ms || true
gauntlet_ends 2 "${one[@]}" --header=1.24 || true
shows err '1\.24.*1\.26'
gauntlet_ends 5 "${one[@]}" --trace=nowhere/x || true
shows out 'not ok 1' 'nowhere/x cannot be written'
leaves

# A loss: tracing stops, the program goes on to its end, the loss has a size, no file is half-written.
lost() {
  shows err 'tracing stopped by itself: .* [1-9][0-9]* bytes'
  shows out '^not ok 1 ' 'why: "the trace is not whole: ' 'trace_bytes_refused: [1-9]' 'operations: 20000$'
}
big=(stress pingpong --scheduler=worksteal --ops=20000 --tracer=gen)
if [ -e /dev/full ]; then
  gauntlet_ends 5 "${big[@]}" --trace=/dev/full || true
  lost
  shows out 'No space left'
  leaves
fi
mkfifo pipe
head -c 100000 pipe >/dev/null &
gauntlet_ends 5 "${big[@]}" --trace=pipe || true
wait
lost
shows out 'Broken pipe'
leaves

# The same on a file: what was complete before stays a valid trace. The limit is on the size of files, not on this script.
(
  ulimit -f 300
  trap '' XFSZ
  got=0
  "$gauntlet" "${big[@]}" --generation=continuous --trace=short.trace >out 2>err || got=$?
  exit $got
) || got=$?
if [ "${got:-0}" != 5 ]; then not_ok "a file that may not grow: exit ${got:-0}, not 5"; fi
shows out 'File too large' 'trace_bytes_refused: [1-9]'
if [ -e short.trace ]; then
  gauntlet_ends 0 check short.trace || true
  rm -f short.trace
fi
leaves

# A pipe whose reader stays gets it all.
"$gauntlet" check pipe >checked 2>err &
reader=$!
gauntlet_ends 0 "${one[@]}" --tracer=gen --trace=pipe || true
got=0
wait $reader || got=$?
if [ $got != 0 ] || ! grep -q '^pipe: consistent' checked; then not_ok "through a pipe: exit $got"; fi
rm -f checked
leaves

# Interrupted: the old file is as it was, nothing is left beside it.
echo old >kept.trace
"$gauntlet" stress yield --scheduler=worksteal --duration=60s --tracer=gen --trace=kept.trace >out 2>err &
pid=$!
until grep -q '^1\.\.1$' out 2>/dev/null || ! kill -0 $pid 2>/dev/null; do sleep 0.05; done
sleep 0.3
kill -INT $pid || true
got=0
wait $pid || got=$?
if [ $got != 5 ]; then not_ok "interrupted: exit $got, not 5"; fi
leaves kept.trace

if [ $failed = 0 ]; then echo 'ok: record'; fi
exit $failed
