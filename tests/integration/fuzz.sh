#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# GT_TEST: labels=full timeout=300 presets=release
# The reader, checker and text form under libFuzzer: 60 s on CI, 10 s elsewhere, from the kept corpus.
# GT_FUZZ_SECONDS=N sets the time; GT_FUZZ_KEEP=DIR keeps what was found worth keeping (minimise it, then add it).
set -uo pipefail
cd "${GT_SOURCE_DIR:?}" || exit 1
build=${GT_BUILD_DIR:?}

skip_all() {
  echo "1..0 # SKIP $*"
  exit 77
}
clang=$(command -v clang-14 || command -v clang) || skip_all "no clang installed: it brings libFuzzer"
work=$(mktemp -d "$build/fuzz.XXXXXX")
trap 'rm -rf "$work"' EXIT
echo 'int LLVMFuzzerTestOneInput(const char *d, long n) { return d && n < 0; }' >"$work/probe.c"
"$clang" -fsanitize=fuzzer,address,undefined -o "$work/probe" "$work/probe.c" 2>/dev/null ||
  skip_all "$clang has no libFuzzer or sanitizer library (Debian: libclang-rt-14-dev)"

echo "TAP version 13"
echo "1..2"
if ! "$clang" -std=gnu17 -D_GNU_SOURCE= -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer,address,undefined \
  -fno-sanitize-recover=undefined -Wall -Wextra -Werror -I. -o "$work/reader_fuzz" tests/fuzz/reader_fuzz.c trace/*.c \
  >"$work/log" 2>&1; then
  sed 's/^/# /' "$work/log"
  echo "not ok 1 - the fuzz target builds"
  exit 1
fi
echo "ok 1 - the fuzz target builds"

seconds=${GT_FUZZ_SECONDS:-10}
if [ "${CI:-}" = true ] && [ -z "${GT_FUZZ_SECONDS:-}" ]; then seconds=60; fi
mkdir -p "$work/new"
# A slow input and one that takes much memory fail too.
if "$work/reader_fuzz" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -max_len=20000 -print_final_stats=1 \
  -artifact_prefix="$build/fuzz-found-" "$work/new" tests/fuzz/corpus >"$work/log" 2>&1; then
  echo "ok 2 - $seconds s without a finding ($(ls tests/fuzz/corpus | wc -l) seeds)"
else
  tail -n 60 "$work/log" | sed 's/^/# /'
  echo "# the input is kept as $build/fuzz-found-*: run it with tests/fuzz/reader_fuzz.c built as in this script"
  echo "not ok 2 - $seconds s without a finding"
  exit 1
fi
grep -E 'stat::|cov:' "$work/log" | tail -n 7 | sed 's/^/# /'
if [ -n "${GT_FUZZ_KEEP:-}" ]; then cp -r "$work/new/." "$GT_FUZZ_KEEP"; fi
