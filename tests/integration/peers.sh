#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# GT_TEST: presets=release timeout=120
# The registry of runtimes: which are built, how one that is not is listed and refused, several in one run.
set -euo pipefail

build=${GT_BUILD_DIR:?} source=${GT_SOURCE_DIR:?}
gauntlet=$build/gauntlet
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
failed=0

not_ok() {
  echo "not ok - $*"
  tail -n 12 "$place/log" | sed 's/^/  /'
  failed=1
}

# run STATUS PROGRAM ARGUMENT...: standard output and error in $place/log.
run() {
  local want=$1 got=0
  shift
  "$@" >"$place/log" 2>&1 </dev/null || got=$?
  if [ "$got" != "$want" ]; then not_ok "exit $got, not $want: $*"; fi
}
says() {
  if ! grep -qE -- "$1" "$place/log"; then not_ok "does not say '$1'"; fi
}

# ---- a list of its own: found, not found, left out, not there at all
tree=$place/tree
mkdir -p "$tree/runtimes/peers"
cat >"$tree/CMakeLists.txt" <<LIST
cmake_minimum_required(VERSION 3.25)
project(Peers NONE)
list(APPEND CMAKE_MODULE_PATH $source/cmake)
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
says 'sources [^;]*/plain\.c$'
cp "$tree/build/generated/gt_peers.h" "$place/log"
says 'GT_PEER_HEAD_plain &gt_peer_plain.head'
says 'GT_PEER_WHY_lacking "not built: libnosuch-dev is missing: scripts/setup installs it, then build again"'
says 'GT_PEER_WHY_out "not built: GT_WITHOUT_PEERS names it"'
says 'GT_PEER_WHY_unmade "not built: GT_WITHOUT_PEERS names it"'
says 'GT_PEER_WHY_made "not built: release only"'
echo 'GT_PEER(gone, "gone", "no file")' >>"$tree/runtimes/runtimes.def"
run 1 cmake -S "$tree" -B "$tree/build"
says 'runtimes/peers/gone.c'
echo '/* GT_PEER: librry=x */' >"$tree/runtimes/peers/gone.c"
run 1 cmake -S "$tree" -B "$tree/build"
says "'librry=x' is not"

# ---- a program that was built without pth
commands() { ninja -C "$build" -t commands gauntlet; }
if command -v ninja >/dev/null; then
  sed -e 's/\(HEAD_pth\) .*/\1 NULL/' -e 's/\(WHY_pth\) .*/\1 "not built: libpth-dev is missing"/' \
    "$build/generated/gt_peers.h" >"$place/gt_peers.h"
  cp "$build/generated/gt_tracer_plugins.h" "$place/"
  compile=$(commands | grep 'gt_rt_lean\.dir/.* -c [^ ]*/core/plugin\.c$')
  link=$(commands | tail -n 1)
  link=${link#*&& }
  link=${link%% && :*}
  (
    cd "$build"
    eval "$(sed -e "s#-I[^ ]*/generated#-I$place#" -e "s#-o [^ ]*plugin.c.o#-o $place/plugin.o#" -e 's#-MF [^ ]*#-MF /dev/null#' <<<"$compile")"
    eval "${link/-o gauntlet/-o $place/gauntlet $place/plugin.o}"
  ) >"$place/log" 2>&1 || not_ok 'a program without pth cannot be made'
  run 0 "$place/gauntlet" list runtimes
  says '^pth .*\(not built: libpth-dev is missing\)$'
  run 0 "$place/gauntlet" list runtimes --json
  says '"name": "pth".*"built": false, "why": "not built: libpth-dev is missing"'
  for verb in stress bench; do
    run 4 "$place/gauntlet" $verb yield --runtime=pth
    says "^gauntlet $verb: --runtime=pth: runtime 'pth' is not built: libpth-dev is missing$"
    if [ "$(wc -l <"$place/log")" != 1 ]; then not_ok "$verb: not one line"; fi
  done
  run 0 "$place/gauntlet" stress yield --runtime=all --procs=1 --ops=100 --scheduler=fifo
  if grep -q ' pth ' "$place/log"; then not_ok 'all holds what was not built'; fi
fi

# ---- this program
run 0 "$gauntlet" list runtimes
for name in gmp pthread boost-fiber pth; do says "^$name "; done
run 2 "$gauntlet" stress yield --runtime=nope
says "'nope' is unknown: use gmp, .*pthread"
run 2 "$gauntlet" stress yield --runtime=gmp,gmp
says 'there twice'
run 2 "$gauntlet" stress yield --runtime=pthread --scheduler=fifo
says 'brings its own'
run 0 "$gauntlet" stress yield spawn-join --runtime=gmp,pthread --scheduler=fifo,global --procs=1,2 --ops=200
says '^1\.\.12$'
says '^ok [0-9]+ - spawn-join pthread procs=2$'
says 'replay: .*stress spawn-join --runtime=pthread --procs=2 --bind=none'
# A name that is a stress test and a workload means the workload on a peer; one P is a limit of pth, not a failure.
run 0 "$gauntlet" stress syscall-storm --runtime=pthread --procs=1 --bind=pu --ops=500
run 4 "$gauntlet" stress yield --runtime=pthread --procs=1024 --bind=pu --ops=10
for r in boost-fiber pth; do
  if ! "$gauntlet" list runtimes | grep -q "^$r .*not built"; then
    run 0 "$gauntlet" stress yield million --runtime=$r --procs=1 --bind=pu --ops=600
    run 0 "$gauntlet" stress syscall-storm --runtime=$r --procs=1 --ops=10
    says 'SKIP .* lacks what syscall-storm needs'
  fi
done
if ! "$gauntlet" list runtimes | grep -q '^pth .*not built'; then
  run 4 "$gauntlet" stress yield --runtime=pth --procs=2 --ops=10
  says 'procs=1 only'
fi
exit $failed
