#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: tests/conformance/speed.sh BUILD [--json] [--repeat=N] [--at-least=RATIO] [TRACE...]
# Our reader beside Go's on the same traces in one run, medians; BUILD is a preset's build folder (build/release).
# Without traces: of 4 and of 64 Ps, recorded from a Go program and made up (kept in BUILD/conformance). Exit 77: no Go.
set -euo pipefail

source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=$(cd "${1:?usage: speed.sh BUILD [OPTION]... [TRACE]...}" && pwd)
shift
source "$source_dir/tests/conformance/lib.sh"
missing=$(go_missing)
if [ -n "$missing" ]; then
  echo "$missing" >&2
  exit 77
fi
build_verdict
options=()
traces=()
for argument in "$@"; do
  case $argument in
    --*) options+=("$argument") ;;
    *) traces+=("$argument") ;;
  esac
done
if [ ${#traces[@]} -eq 0 ]; then
  build_progs
  "$tools/progs" narrow "$tools/4-threads.trace" 600
  "$tools/progs" wide "$tools/64-threads.trace" 1200
  "$differ" make 126 4 2000000 8 "$tools/4-made-up.trace"
  "$differ" make 126 64 2000000 8 "$tools/64-made-up.trace"
  traces=("$tools"/{4-threads,64-threads,4-made-up,64-made-up}.trace)
fi
"$differ" speed --go="$tools/verdict" "${options[@]}" "${traces[@]}"
