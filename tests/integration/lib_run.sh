# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034 # used by those that source this
# What the tests of `gauntlet run` share. Sourced after `set -euo pipefail`.
# shellcheck source=tests/integration/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# run STATUS ARGUMENT...: gauntlet run, without the page (integration/report makes it); leaves its output in $place/out and err.
run() {
  local want=$1
  shift
  gauntlet_ends "$want" run --no-report "$@"
}

# json FILE PYTHON: the statements see the document as d.
json() {
  python3 -c "
import json, sys
d = json.load(open(sys.argv[1]))
$2" "$1" 2>>"$place/err" || not_ok "$1: $2"
}

# A stand-in for the programs that a run calls, to make them crash, hang and lie at will. What a cell is to do stands in
# $place/act, by the name of its test or fault; nothing there: fine.
make_stand_in() {
  cat >"$place/program" <<'TEXT'
#!/usr/bin/env bash
place=${0%/*}
for word in "$@"; do
  case $word in
    --fault=*) name=${word#--fault=} fault="\"$name\"" ;;
    --seed=*) seed=${word#--seed=} ;;
    --scheduler=*) scheduler=${word#--scheduler=} ;;
    --tracer=*) tracer=${word#--tracer=} ;;
    --out=*) out=${word#--out=} ;;
    -*) ;;
    *) name=$word ;;
  esac
done
echo "$name $seed" >>"$place/called"
act=$(sed -n "s/^$name //p" "$place/act" 2>/dev/null)
verdict=ok status=0 bad=0 found=null expected=true extra='' voids=0
case $act in
  crash) echo 'about to crash' >&2; kill -SEGV $$ ;;
  hang) sleep 600 ;;
  garbage) echo '{"schema": 1, "cells": [{' ; exit 0 ;;
  silent) exit 0 ;;
  refused) echo 'stand-in stress: this kernel lacks it' >&2; exit 4 ;;
  usage) echo 'stand-in stress: no such option' >&2; exit 2 ;;
  liar) status=1 ;;
  inconsistent) verdict=inconsistent status=1 bad=3; mkdir -p "$out"; echo kept >"$out/trace" ;;
  inconclusive) verdict=inconclusive status=3 ;;
  void) verdict=void status=4 ;;
  nap) sleep 0.05 ;;
  other) expected=false ;;
  later) extra=', "window": 4, "first": {"oracle": "truth", "class": "outside-section", "seconds": 0.1, "events": 9}' ;;
  windowless) extra=', "window": 0' ;;
  cut) verdict=incomplete status=5 bad=3 ;;
  voids) voids=1 ;;
esac
if [ -n "${fault:-}" ]; then
  if [ "$act" = missed ]; then
    status=3
  elif [ "$verdict" = ok ]; then
    verdict=inconsistent status=1 found='{"oracle": "order", "class": "goroutine-status", "seconds": 0.5, "events": 1200'
    found+=", \"as_expected\": $expected$extra}"
  fi
fi
echo "{\"schema\": 1, \"seed\": $seed, \"cells\": [{\"test\": \"$name\", \"scheduler\": \"${scheduler:-worksteal}\",
 \"tracer\": \"${tracer:-gen}\", \"syscalls\": \"scanbit\", \"procs\": 2, \"bind\": \"none\", \"fault\": ${fault:-null},
 \"seed\": $seed, \"verdict\": \"$verdict\", \"why\": \"said $verdict\", \"rounds\": 2, \"void_rounds\": $voids, \"duration_s\": 0.1, \"events\": 1000,
 \"generations\": 3, \"transitions\": 900, \"inconsistencies\": $bad, \"by_class\": {}, \"windows\": {\"inject\": 5, \"advance\": 2},
 \"world_stop_max_ns\": 42000, \"found\": $found, \"files\": []}]}"
exit $status
TEXT
  chmod +x "$place/program"
}
stand_ins=(--oracle-program="$place/program" --faults-program="$place/program")
