#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# GT_TEST: labels=quick,reduced,smoke timeout=60
# Both programs start, list what there is, and refuse what they do not know.
set -euo pipefail

failed=0
expect() { # STATUS COMMAND...
  local want=$1 got=0
  shift
  "$@" >"$log" 2>&1 || got=$?
  if [ "$got" != "$want" ]; then
    echo "exit $got, not $want: $*"
    sed 's/^/  /' "$log" | head -n 20
    failed=1
  fi
}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for program in gauntlet gauntlet-oracle; do
  expect 0 "${GT_BUILD_DIR:?}/$program" list
  for name in $(sed -n 's/^GT_\(SCHEDULER\|TRACER\)(\([a-z_0-9]*\),.*/\2/p' "${GT_SOURCE_DIR:?}/runtimes/runtimes.def") \
    $(sed -n 's/^GT_WORKLOAD([a-z_0-9]*, *"\([^"]*\)".*/\1/p' "$GT_SOURCE_DIR/workloads/workloads.def"); do
    if ! grep -Eq "(^|[^a-z-])$name([^a-z-]|$)" "$log"; then
      echo "$program list does not name $name"
      failed=1
    fi
  done
  expect 2 "$GT_BUILD_DIR/$program" no-such-verb
done
exit $failed
