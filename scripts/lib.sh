# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Shared by the scripts in this folder. Sourced after `set -euo pipefail`; leaves the working directory at the root.
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 2
jobs=${GT_JOBS:-$(nproc 2>/dev/null || echo 2)}
export jobs

say() { printf '%s\n' "$*" >&2; }

die() {
  say "${0##*/}: $*"
  exit 2
}

# stage NAME COMMAND...: runs it, prints its time on standard error, returns its status.
stage() {
  local name=$1 start=$SECONDS status=0
  shift
  "$@" || status=$?
  if [ $status -eq 0 ]; then
    say "[$((SECONDS - start)) s] $name"
  else
    say "[$((SECONDS - start)) s] $name: FAILED ($status)"
  fi
  return $status
}

# quietly LOG COMMAND...: its output goes to LOG and is shown only when it fails.
quietly() {
  local log=$1
  shift
  mkdir -p "$(dirname "$log")"
  if "$@" >"$log" 2>&1; then return 0; fi
  tail -n 60 "$log" >&2
  say "the whole log: $log"
  return 1
}

build_preset() { # PRESET [TARGET...]: all of it, or those
  local preset=$1 targets=()
  shift
  if [ $# -gt 0 ]; then targets=(--target "$@"); fi
  stage "$preset: configure" quietly "build/$preset/configure.log" cmake --preset "$preset" || return 1
  stage "$preset: build" quietly "build/$preset/build.log" cmake --build "build/$preset" -j "$jobs" "${targets[@]}" || return 1
}
