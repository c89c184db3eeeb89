#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# GT_TEST: timeout=120
# Every header compiles alone; an SDK header also as C++, unless it carries the marker GT_C_ONLY.
source "$(dirname "$0")/lib.sh"

CC=${CC:-gcc}
CXX=${CXX:-g++}
command -v "$CC" >/dev/null || skip_test "$CC is not installed"

compile() {
  local root=$1 compiler=$2 language=$3 standard=$4 header=$5
  local define=(-DGT_DEBUG=1 -DGT_FAULTS=0)
  # An SDK header must stand on its own roots, without the build's macros.
  case $header in runtimes/include/*) define=() ;; runtimes/*) define+=(-DGT_ORACLE=1) ;; esac
  if [ "$language" = c ]; then define+=(-D_GNU_SOURCE=); fi
  printf '#include "%s"\n' "$root/$header" |
    (cd "$root" && "$compiler" -x "$language" -std="$standard" -fsyntax-only -Wall -Wextra -Werror "${define[@]}" \
      -Iruntimes/include -Iruntimes -Iworkloads -I. -) >"$scratch/log" 2>&1 && return 0
  echo "$header: does not compile alone as $standard:"
  sed 's/^/  /' "$scratch/log" | head -n 12
  return 1
}

check() {
  local root=$1 bad=0 header
  while IFS= read -r header; do
    compile "$root" "$CC" c gnu17 "$header" || bad=1
    case $header in
      runtimes/include/gauntlet/*)
        if ! grep -q GT_C_ONLY "$root/$header" && command -v "$CXX" >/dev/null; then
          compile "$root" "$CXX" c++ c++17 "$header" || bad=1
        fi
        ;;
    esac
  done < <(list_files "$root" | grep -E '^(runtimes|workloads|trace|results)/.*\.h$')
  return $bad
}

plant runtimes/core/a.h < <(printf '#pragma once\nsize_t f(void);\n')
expect_caught 'a header that needs another' 'runtimes/core/a\.h'
plant runtimes/include/gauntlet/a.h < <(printf '#pragma once\nvoid f(int class);\n')
expect_caught 'an SDK header that is not C++' 'c\+\+17'
plant runtimes/include/gauntlet/a.h < <(printf '#pragma once\n/* GT_C_ONLY */\nvoid f(int class);\n')
expect_clean 'a header for C only'
finish
