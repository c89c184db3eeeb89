#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A CI job: builds, runs a short plan, gates it against the stored baseline, writes the page. From anywhere in a checkout.
#
#   GAUNTLET_PLAN       what is run (plans/ci.ini)
#   GAUNTLET_OUT        where everything goes that is worth keeping (build/ci): run/, gate.txt, gate.json, page.html
#   GAUNTLET_STORE      history over revisions: keep it between jobs (GAUNTLET_OUT/store.sqlite)
#   GAUNTLET_BASELINES  where baselines stand (results/baselines)
#   GAUNTLET_BASELINE   which one decides (main); none there yet: nothing is gated, and that is said
#   GAUNTLET_SAVE       1: a run that passes becomes the baseline; for the main branch
#   GAUNTLET_NOISE      rounds of `gauntlet noise` beforehand (0); once for each kind of machine is enough while the store lasts
#   GAUNTLET_GATE       further options of the gate, such as "--threshold=time=5%"
#   GAUNTLET_BUILD      a build folder that is there already: nothing is set up or built
#
# Exit status: the worst of noise's, run's, gate's and report's: 5 incomplete (or killed, or not built), 4 environment, 2 usage,
# 1 wrong or a regression, 3 cannot tell, 0. A baseline of another machine decides nothing: it is said, and counts as none.
set -euo pipefail
cd "$(git -C "$(dirname "${BASH_SOURCE[0]}")" rev-parse --show-toplevel)"

out=${GAUNTLET_OUT:-build/ci}
store=${GAUNTLET_STORE:-$out/store.sqlite}
baselines=${GAUNTLET_BASELINES:-results/baselines}
baseline=${GAUNTLET_BASELINE:-main}
build=${GAUNTLET_BUILD:-build/release}
gauntlet=$build/gauntlet
status=0

say() { printf 'gauntlet-ci: %s\n' "$*" >&2; }

worse() { # STATUS: 5, 4, 2, 1, 3, 0; any other is of a program that crashed, was killed, or is not there
  local rank
  case $1 in
    [0-5]) ;;
    *) set -- 5 ;;
  esac
  for rank in 5 4 2 1 3 0; do
    if [ "$status" = $rank ] || [ "$1" = $rank ]; then
      status=$rank
      return
    fi
  done
}

built() {
  if [ -n "${GAUNTLET_BUILD:-}" ]; then return; fi
  # Their status 1 would be taken for a regression.
  scripts/setup || exit 5
  cmake --preset release || exit 5
  cmake --build build/release --target gauntlet gauntlet-oracle || exit 5
}

measured() { # the run is kept, whatever it says
  local got=0
  "$gauntlet" run --plan="${GAUNTLET_PLAN:-plans/ci.ini}" --out="$out/run" --store="$store" --page="$out/page.html" || got=$?
  worse $got
}

known_noise() { # runs as long as the plan's: four rows of 4 s
  local rounds=${GAUNTLET_NOISE:-0}
  if [ "$rounds" = 0 ]; then return; fi
  "$gauntlet" noise on-yield on-pingpong on-spawn on-syscall --scheduler=worksteal --tracer=none,gen \
    --duration=16s --repetitions=15 --rounds="$rounds" --store="$store" || worse $?
}

gated() {
  local got=0 options=()
  read -ra options <<<"${GAUNTLET_GATE:-}"
  if [ ! -e "$baselines/$baseline.json" ]; then
    say "no $baselines/$baseline.json: nothing to gate against"
    return
  fi
  local gate=("$gauntlet" gate "baseline:$baseline" "$out/run" --baselines="$baselines" --store="$store" "${options[@]}")
  "${gate[@]}" >"$out/gate.txt" 2>"$said" || got=$?
  cat "$out/gate.txt"
  cat "$said" >&2
  if [ $got = 4 ] && grep -q 'not the same environment' "$said"; then
    say "the baseline is of another machine: nothing is gated"
    rm "$out/gate.txt"
    return
  fi
  "${gate[@]}" --json >"$out/gate.json" 2>/dev/null || true
  worse $got
}

kept() {
  if [ "${GAUNTLET_SAVE:-0}" != 1 ] || [ "$status" != 0 ]; then return; fi
  "$gauntlet" gate "$out/run" --save-baseline="$baseline" --replace --baselines="$baselines" --store="$store" || worse $?
}

mkdir -p "$out"
rm -rf "$out/run" "$out/gate.txt" "$out/gate.json" # of the job before
said=$(mktemp)
trap 'rm -f "$said"' EXIT
built
known_noise
measured
gated
kept
# Once more: a run says that it has no page, a job must fail.
"$gauntlet" report --store="$store" --page="$out/page.html" || worse $?
say "exit status $status; $out holds the run, what the gate said, and the page"
exit $status
