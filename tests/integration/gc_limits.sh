#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# GT_TEST: labels=quick,reduced timeout=120
# Collected memory that is short, and options that make no sense: exit codes, and one line that says what is wrong.
set -uo pipefail

build=${GT_BUILD_DIR:?}
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
n=0
bad=0
point() { # GOOD WHAT
  n=$((n + 1))
  if [ "$1" = 0 ]; then
    echo "ok $n - $2"
  else
    echo "not ok $n - $2"
    sed 's/^/# /' "$place/out" "$place/err" | tail -n 20
    bad=$((bad + 1))
  fi
}
run() { # STATUS PROGRAM ARGUMENT...
  local want=$1 program=$2 got=0
  shift 2
  "$build/$program" "$@" >"$place/out" 2>"$place/err" || got=$?
  point $((got != want)) "$program $*: exit $got"
}
said() { # STREAM TEXT TIMES
  local got
  got=$(grep -c -- "$2" "$place/$1")
  point $((got != $3)) "  says '$2' $3 times on $1"
}

echo "TAP version 13"
small=(gc-trees --scheduler=worksteal --ops=4000 --seed=1)
for program in gauntlet gauntlet-oracle; do
  run 5 "$program" stress "${small[@]}" --gc-limit=64KiB
  said err 'gc_alloc: .* limit' 1
  said out '^not ok' 1
  said out 'why: .*Cannot allocate memory' 1
  run 0 "$program" stress "${small[@]}" --gc-limit=256MiB --gc-poison
  run 0 "$program" stress "${small[@]}" --gc-percent=off --gc-period=never
  for option in --gc-limit=much --gc-limit=0MiB --gc-limit=12 --gc-percent=0 --gc-percent=x --gc-period=soon; do
    run 2 "$program" stress "${small[@]}" "$option"
    said err "${option%%=*}" 1
  done
done
echo "1..$n"
[ $bad = 0 ]
