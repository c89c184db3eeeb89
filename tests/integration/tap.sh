#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# GT_TEST: labels=quick,full presets=release
# Does the TAP emitter say so when something fails, and do ctest's skip status and the CI skip rule hold?
set -euo pipefail

source_dir=${GT_SOURCE_DIR:?}
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
failed=0

# program BODY: a test program whose main is BODY.
program() {
  printf '#include "tap.h"\n#include <pthread.h>\n#include <stdlib.h>\n%s\nint main(void) { %s }\n' "${2:-}" "$1" >"$place/a.c"
  "${CC:-gcc}" -std=gnu17 -Wall -Wextra -Werror -D_GNU_SOURCE= -I"$source_dir/tests" \
    "$place/a.c" "$source_dir/tests/tap.c" -pthread -o "$place/a"
}

# wants WHAT STATUS PATTERN: runs the program.
wants() {
  local got=0
  "$place/a" >"$place/out" 2>"$place/err" || got=$?
  if [ "$got" != "$2" ] || ! grep -Eqx -- "$3" "$place/out"; then
    echo "not ok - $1: exit $got, not $2, or no line /$3/ in:"
    sed 's/^/  /' "$place/out" "$place/err"
    failed=1
  fi
}

export GT_CTEST=1
program 'plan(3); ok(1, "a"); is_int(2, 2, "b"); is_str("x", "x", "c %d", 1); return done_testing();'
wants 'all pass' 0 'ok 3 - c 1'
if command -v prove >/dev/null && ! prove -Q --exec '' "$place/a"; then failed=1; fi
program 'plan(1); ok(1 == 2, "sum"); return done_testing();'
wants 'a failing point' 1 'not ok 1 - sum'
wants 'a failing point says where' 1 '# failed at .*a\.c:5'
if ! grep -q 'a\.c:5' "$place/err"; then
  echo 'not ok - nothing on standard error'
  failed=1
fi
program 'is_int(3, 4, "n"); return done_testing();'
wants 'both values' 1 '# got 3, want 4'
wants 'plan last' 1 '1\.\.1'
program 'plan(2); ok(1, "a"); return done_testing();'
wants 'a point is missing' 1 '# planned 2 points, ran 1'
program 'return done_testing();'
wants 'no point at all' 1 '1\.\.0'
program 'plan(1); skip(1, "no %s", "node"); return done_testing();'
wants 'a skipped point' 0 'ok 1 # SKIP no node'
program 'bail_out("lost %d", 7);'
wants 'bail out' 1 'Bail out! lost 7'
program 'pthread_t t[8]; for (int i = 0; i < 8; i++) pthread_create(&t[i], 0, f, 0);
  for (int i = 0; i < 8; i++) pthread_join(t[i], 0);
  return done_testing();' \
  'static void *f(void *x) { for (int i = 0; i < 500; i++) ok(1, "a\nb"); return x; }'
wants 'points of many threads' 0 '1\.\.4000'
if [ "$(grep -Exc 'ok [0-9]+ - a b' "$place/out")" != 4000 ] ||
  [ "$(sed -n 's/^ok \([0-9]*\) .*/\1/p' "$place/out" | sort -nu | wc -l)" != 4000 ]; then
  echo 'not ok - lines of threads are mixed'
  failed=1
fi
program 'skip_all("no machine");'
wants 'skip under ctest' 77 '1\.\.0 # SKIP no machine'
unset GT_CTEST
wants 'skip under prove' 0 '1\.\.0 # SKIP no machine'

# The CI rule.
mkdir "$place/release"
cat >"$place/release/report.xml" <<'XML'
<testsuite>
<testcase name="unit/a"><skipped message="SKIP_RETURN_CODE=77"/><system-out>1..0 # SKIP no machine
</system-out></testcase>
<testcase name="unit/b"><system-out>ok 1 - far node # SKIP one node
ok 2 - near
</system-out></testcase>
</testsuite>
XML
rule() { # CI STATUS ALLOWED...
  local got=0
  printf '%s  because\n' "${@:3}" >"$place/allow"
  CI=$1 python3 "$source_dir/scripts/skipped.py" "$place/release/report.xml" "$place/allow" >"$place/out" 2>&1 || got=$?
  if [ "$got" != "$2" ] || ! grep -q 'far node' "$place/out"; then
    echo "not ok - skips with CI=$1 and '${*:3}' allowed: exit $got, not $2"
    cat "$place/out"
    failed=1
  fi
}
rule '' 0 nothing
rule true 1 nothing
rule true 1 release/unit/a
rule true 1 'release/unit/b: far*'
rule true 0 release/unit/a 'release/unit/b: far*'
rule true 0 '*/unit/*'
rule true 1 'tsan/unit/*'
if [ $failed = 0 ]; then echo 'ok: tap and skips'; fi
exit $failed
