#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# GT_TEST: labels=quick,full timeout=120 presets=release
# Every way in which a plugin can be wrong is refused in one line that names the file, the fault and what to do.
set -euo pipefail

build=${GT_BUILD_DIR:?}
source=${GT_SOURCE_DIR:?}
opens=$build/tests/sched_conformance_test # opens a scheduler by path, as every verb does
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
points=0
failed=0

report() { # VERDICT WHAT
  points=$((points + 1))
  echo "$1 $points - $2"
  if [ "$1" != ok ]; then
    sed 's/^/# /' "$place/out"
    failed=1
  fi
}

# refused WHAT PATH PATTERN...: the one line holds the path and every pattern.
refused() {
  local what=$1 path=$2 pattern status=0 line
  shift 2
  "$opens" "$path" >"$place/out" 2>&1 || status=$?
  line=$(grep -F 'Bail out!' "$place/out" || true)
  if [ "$status" = 0 ] || [ "$(grep -c . <<<"$line")" != 1 ] || [ "$status" -ge 128 ]; then
    report 'not ok' "$what (exit $status)"
    return
  fi
  for pattern in "$path" "$@"; do
    if ! grep -qF -- "$pattern" <<<"$line"; then
      report 'not ok' "$what: does not say '$pattern'"
      return
    fi
  done
  report ok "$what: ${line#Bail out! "$place"/}"
}

compile() { # NAME FLAGS...
  local name=$1
  shift
  "${CC:-gcc}" -std=gnu17 -O1 -fPIC -shared -I"$source/runtimes/include" -I"$source/runtimes" "$@" \
    -o "$place/$name.so" "$source/tests/plugins/bad.c"
}

wrong() { # NAME FLAG PATTERN...
  local name=$1 flag=$2
  shift 2
  compile "$name" "$flag"
  refused "$name" "$place/$name.so" "$@"
}

echo 'TAP version 13'
refused missing "$place/none.so" 'no such file' 'check the path'
: >"$place/empty.so"
refused empty "$place/empty.so" 'not a shared object' '-shared'
echo 'int x;' >"$place/text.so"
refused text "$place/text.so" 'not a shared object' '-shared'
refused directory "$place/" 'cannot be read'
if [ "$(id -u)" != 0 ]; then
  cp "$place/text.so" "$place/secret.so"
  chmod 0 "$place/secret.so"
  refused secret "$place/secret.so" 'not readable' 'permissions'
fi
head -c 100 "$opens" >"$place/cut.so"
refused cut "$place/cut.so" 'the loader refuses it'
wrong symbol '-DBAD_SYMBOL' 'the loader refuses it' 'a_symbol_that_nobody_has'
wrong getter '-DBAD_NO_GETTER' "exports no 'gt_plugin_scheduler'" 'GT_PLUGIN_EXPORT'
wrong null '-DBAD_NULL' 'refuses plugin ABI' 'rebuild'
wrong magic '-DBAD_FIELD=.head.magic = 7' 'magic 0x00000007' 'GT_PLUGIN_HEAD'
wrong kind '-DBAD_FIELD=.head.magic = GT_MAGIC_TRACER' 'it is a tracer, not a scheduler' 'pass it'
wrong major '-DBAD_FIELD=.head.abi_major = 9' 'ABI 9' 'rebuild'
wrong minor '-DBAD_FIELD=.head.abi_minor = 9' 'ABI 2.9' 'update this program'
wrong size '-DBAD_FIELD=.head.struct_size = 64' '64 bytes' 'struct_size'
wrong port '-DBAD_FIELD=.head.port = 3' 'port 3' 'GT_PLUGIN_PORT'
wrong noname '-DBAD_FIELD=.head.name = NULL' 'no name' 'head.name'
wrong name '-DBAD_NAME="Not a name"' "'Not a name'" 'rename'
wrong nosummary '-DBAD_FIELD=.head.summary = NULL' 'no summary' 'head.summary'
for op in init fini enqueue enqueue_batch pick has_work drain drain_shared fairness; do
  wrong "op-$op" "-DBAD_FIELD=.$op = NULL" "op '$op' is missing" 'every scheduler needs it'
done
wrong numa '-DBAD_FLAGS=GT_SCHED_NUMA' 'node_state > 0' 'clear the flag'

# The base of them all is right: what was refused above was refused for its one fault.
compile right
status=0
"$opens" "$place/right.so" >"$place/out" 2>&1 || status=$?
if grep -q '^ok 1 - bad: the table' "$place/out"; then report ok right; else report 'not ok' "right (exit $status)"; fi
"$opens" no-such-scheduler >"$place/out" 2>&1 || true
verdict=ok
for name in $(sed -n 's/^GT_SCHEDULER(\([a-z_0-9]*\),.*/\1/p' "$source/runtimes/runtimes.def"); do
  grep -F "'no-such-scheduler' is unknown" "$place/out" | grep -qF "$name" || verdict='not ok'
done
report "$verdict" 'an unknown name lists the known ones'
echo "1..$points"
exit $failed
