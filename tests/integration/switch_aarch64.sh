#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# GT_TEST: labels=quick timeout=120
# The assembler of aarch64, cross-compiled and run under an emulator, once with landing pads: the stack switches, and
# what keeps registers for the collector.
set -euo pipefail

root=${GT_SOURCE_DIR:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
cc=${GT_AARCH64_CC:-aarch64-linux-gnu-gcc}
emulator=${GT_AARCH64_EMULATOR:-qemu-aarch64}

skip_all() {
  echo "1..0 # SKIP $*"
  exit 77
}
command -v "$cc" >/dev/null || skip_all "$cc is missing (Debian: gcc-aarch64-linux-gnu)"
if ! command -v "$emulator" >/dev/null; then
  emulator=$emulator-static
  command -v "$emulator" >/dev/null || skip_all "${emulator%-static} is missing (Debian: qemu-user)"
fi

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$root"

flags=(-std=gnu17 -D_GNU_SOURCE= -g -fno-omit-frame-pointer -Wall -Wextra -Wshadow -Wconversion -Werror
  -DGT_ORACLE=0 -DGT_DEBUG=0 -DGT_FAULTS=0 -DGT_ASAN=0 -DGT_TSAN=0 -Iruntimes/include -Iruntimes -Itests)
switches=(tests/unit/switch_test.c tests/tap.c runtimes/core/ctx.c runtimes/core/switch_aarch64.S runtimes/port/*.c)
keeps=(tests/integration/keep_aarch64.c tests/tap.c runtimes/core/keep_aarch64.S)

variants=(-O2 -O0 "-O2 -mbranch-protection=bti")
echo "1..$((2 * ${#variants[@]}))"
point=0 status=0
try() { # NAME OPTIONS SOURCE...
  local name=$1 options verdict=ok
  read -ra options <<<"$2"
  point=$((point + 1))
  if ! "$cc" "${flags[@]}" "${options[@]}" -static "${@:3}" -o "$dir/program" >"$dir/log" 2>&1; then
    verdict='not ok'
  elif ! timeout 60 "$emulator" "$dir/program" >"$dir/log" 2>&1; then
    verdict='not ok'
  fi
  if [ "$verdict" != ok ]; then
    status=1
    sed 's/^/# /' "$dir/log" | grep -v '^# ok' | head -n 40
  fi
  echo "$verdict $point - $name on aarch64, $2"
}
for variant in "${variants[@]}"; do
  try switch_test "$variant" "${switches[@]}"
  try keep_aarch64 "$variant" "${keeps[@]}"
done
exit $status
