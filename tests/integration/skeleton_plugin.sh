#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# GT_TEST: labels=quick,full timeout=120 presets=release
# A scheduler plugin built against the installed SDK alone, by make and by CMake, passes the conformance test, is opened
# by its path in the programs, and runs a workload.
set -euo pipefail

build=${GT_BUILD_DIR:?}
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
points=0
failed=0
point() { # WHAT COMMAND...
  local what=$1 verdict=ok
  shift
  points=$((points + 1))
  "$@" >"$place/log" 2>&1 || verdict='not ok'
  echo "$verdict $points - $what"
  if [ "$verdict" != ok ]; then
    sed 's/^/# /' "$place/log" | tail -n 20
    failed=1
  fi
}

echo 'TAP version 13'
point 'the SDK is installed' cmake --install "$build" --prefix "$place/prefix"
export PKG_CONFIG_PATH=$place/prefix/lib/pkgconfig
skeleton=$place/prefix/share/gauntlet/skeleton
if [ -d "$(pkg-config --variable=skeletondir gauntlet-sdk)" ]; then
  skeleton=$(pkg-config --variable=skeletondir gauntlet-sdk)
fi
cp -r "$skeleton" "$place/mine"
point 'make builds it' make -C "$place/mine" CC="${CC:-gcc}" CFLAGS='-O2 -Wall -Wextra -Wshadow -Wconversion -Werror'
point 'CMake configures it' cmake -S "$place/mine" -B "$place/cmake" -DCMAKE_C_COMPILER="${CC:-gcc}"
point 'CMake builds it' cmake --build "$place/cmake"

cd "$place/mine"
for plugin in ./scheduler.so "$place/cmake/scheduler.so"; do
  point "conformance of ${plugin##*/mine/}" "$build/tests/sched_conformance_test" "$plugin"
done

runs_on() { # PROGRAM
  "$place/prefix/bin/$1" stress "$workload" --scheduler=./scheduler.so --procs=1,4 >"$place/out" 2>&1 || {
    cat "$place/out"
    return 1
  }
}
workload=$(sed -n 's/^GT_WORKLOAD([a-z_0-9]*, *"\([^"]*\)".*/\1/p' "${GT_SOURCE_DIR:?}/workloads/workloads.def" | head -n 1)
for program in gauntlet gauntlet-oracle; do
  if [ -x "$place/prefix/bin/$program" ] && [ -n "$workload" ]; then
    point "$program runs $workload on it" runs_on "$program"
  fi
done
echo "1..$points"
exit $failed
