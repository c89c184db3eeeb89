#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# GT_TEST: presets=release timeout=120
# The registry of runtimes: which are built, how one that is not is listed and refused, several in one run.
set -euo pipefail

# shellcheck source=tests/integration/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
build=$GT_BUILD_DIR

# run STATUS PROGRAM ARGUMENT...: the test goes on after saying what was wrong.
run() { ends "$@" || true; }
told() { # PATTERN: on standard output or standard error
  grep -qE -- "$1" "$place/out" "$place/err" || not_ok "does not say '$1'"
}

# ---- a list of its own: found, not found, left out, not there at all
tree=$place/tree
mkdir -p "$tree/runtimes/peers"
cat >"$tree/CMakeLists.txt" <<LIST
cmake_minimum_required(VERSION 3.25)
project(Peers NONE)
list(APPEND CMAKE_MODULE_PATH $source_dir/cmake)
include(GauntletDef)
set(GT_PEER_TARGET_made "")
set(GT_PEER_WHY_made "release only")
set(GT_PEER_TARGET_unmade there)
include(GauntletPeers)
message(STATUS "sources \${peer_sources}")
LIST
cat >"$tree/runtimes/runtimes.def" <<'LIST'
GT_PEER(plain, "plain", "needs nothing")
GT_PEER(lacking, "lacking", "needs much; has little")
GT_PEER(out, "out", "left out")
GT_PEER(made, "made", "a target")
GT_PEER(unmade, "unmade", "a target that is left out")
LIST
echo '/* C */' >"$tree/runtimes/peers/plain.c"
echo '/* GT_PEER: header=no/such.h library=nosuch package=libnosuch-dev */' >"$tree/runtimes/peers/lacking.cc"
echo '/* C */' >"$tree/runtimes/peers/out.c"
run 0 cmake -S "$tree" -B "$tree/build" "-DGT_WITHOUT_PEERS=out;unmade"
told 'sources [^;]*/plain\.c$'
cp "$tree/build/generated/gt_peers.h" "$place/out"
told 'GT_PEER_HEAD_plain &gt_peer_plain.head'
told 'GT_PEER_WHY_lacking "not built: libnosuch-dev is missing: scripts/setup installs it, then build again"'
told 'GT_PEER_WHY_out "not built: GT_WITHOUT_PEERS names it"'
told 'GT_PEER_WHY_unmade "not built: GT_WITHOUT_PEERS names it"'
told 'GT_PEER_WHY_made "not built: release only"'
echo 'GT_PEER(gone, "gone", "no file")' >>"$tree/runtimes/runtimes.def"
run 1 cmake -S "$tree" -B "$tree/build"
told 'runtimes/peers/gone.c'
echo '/* GT_PEER: librry=x */' >"$tree/runtimes/peers/gone.c"
run 1 cmake -S "$tree" -B "$tree/build"
told "'librry=x' is not"

# ---- a program that was built without pth and lttng
commands() { ninja -C "$build" -t commands gauntlet; }
if command -v ninja >/dev/null; then
  sed -e 's/\(HEAD_pth\) .*/\1 NULL/' -e 's/\(WHY_pth\) .*/\1 "not built: libpth-dev is missing"/' \
    "$build/generated/gt_peers.h" >"$place/gt_peers.h"
  sed 's/\(WHY_lttng\) .*/\1 "not built: liblttng-ust-dev is missing"/' \
    "$build/generated/gt_tracer_plugins.h" >"$place/gt_tracer_plugins.h"
  compile=$(commands | grep 'gt_rt_lean\.dir/.* -c [^ ]*/core/plugin\.c$')
  link=$(commands | tail -n 1)
  link=${link#*&& }
  link=${link%% && :*}
  (
    cd "$build"
    eval "$(sed -e "s#-I[^ ]*/generated#-I$place#" -e "s#-o [^ ]*plugin.c.o#-o $place/plugin.o#" -e 's#-MF [^ ]*#-MF /dev/null#' <<<"$compile")"
    eval "${link/-o gauntlet/-o $place/gauntlet $place/plugin.o}"
  ) >"$place/out" 2>"$place/err" || not_ok 'a program without pth and lttng cannot be made'
  run 0 "$place/gauntlet" list runtimes
  told '^pth .*\(not built: libpth-dev is missing\)$'
  run 0 "$place/gauntlet" list runtimes --json
  told '"name": "pth".*"built": false, "why": "not built: libpth-dev is missing"'
  gauntlet=$place/gauntlet
  for verb in stress bench; do
    refused 4 "^gauntlet $verb: --runtime=pth: runtime 'pth' is not built: libpth-dev is missing$" \
      $verb yield --runtime=pth
    refused 4 "^gauntlet $verb: --tracer=gen,lttng: tracer 'lttng' is not built: liblttng-ust-dev is missing$" \
      $verb yield --tracer=gen,lttng
  done
  run 0 "$place/gauntlet" stress yield --runtime=all --procs=1 --ops=100 --scheduler=fifo
  if grep -q ' pth ' "$place/out"; then not_ok 'all holds what was not built'; fi
  gauntlet=$build/gauntlet
fi

# ---- this program
run 0 "$gauntlet" list runtimes
for name in gmp pthread boost-fiber pth; do told "^$name "; done
run 2 "$gauntlet" stress yield --runtime=nope
told "'nope' is unknown: use gmp, .*pthread"
run 2 "$gauntlet" stress yield --runtime=gmp,gmp
told 'there twice'
run 2 "$gauntlet" stress yield --runtime=pthread --scheduler=fifo
told 'brings its own'
run 0 "$gauntlet" stress yield spawn-join --runtime=gmp,pthread --scheduler=fifo,global --procs=1,2 --ops=200
told '^1\.\.12$'
told '^ok [0-9]+ - spawn-join pthread procs=2$'
told 'replay: .*stress spawn-join --runtime=pthread --procs=2 --bind=none'
# A name that is a stress test and a workload means the workload on a peer; one P is a limit of pth, not a failure.
run 0 "$gauntlet" stress syscall-storm --runtime=pthread --procs=1 --bind=pu --ops=500
run 4 "$gauntlet" stress yield --runtime=pthread --procs=1024 --bind=pu --ops=10
for r in boost-fiber pth; do
  if ! "$gauntlet" list runtimes | grep -q "^$r .*not built"; then
    run 0 "$gauntlet" stress yield million --runtime=$r --procs=1 --bind=pu --ops=600
    run 0 "$gauntlet" stress syscall-storm --runtime=$r --procs=1 --ops=10
    told 'SKIP .* lacks what syscall-storm needs'
  fi
done
if ! "$gauntlet" list runtimes | grep -q '^pth .*not built'; then
  run 4 "$gauntlet" stress yield --runtime=pth --procs=2 --ops=10
  told 'procs=1 only'
fi
exit $failed
