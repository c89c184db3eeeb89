#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# All mutable state of a runtime hangs off one root: no symbol of the two runtime libraries may lie in .data, .bss,
# common or thread-local storage, unless globals.allow gives the reason.
source "$(dirname "$0")/lib.sh"

allow=$lint_dir/globals.allow
command -v nm >/dev/null || skip_test 'nm is not installed (Debian: binutils)'

# Object, section class, symbol; relocated constants (.data.rel.ro) are read-only at run time.
mutable_symbols() {
  local library=$1
  nm -A --defined-only --format=sysv "$library" 2>/dev/null | awk -F'|' '
    NF < 7 { next }
    {
      n = split($1, path, ":"); symbol = path[n]; object = path[n - 1]
      gsub(/^ +| +$/, "", symbol); type = $4; section = $7; class = $3
      gsub(/ /, "", section); gsub(/ /, "", class); gsub(/ /, "", type)
      if (section ~ /^\.data\.rel\.ro/ || type == "SECTION") next
      if (section ~ /^\.(data|bss|tdata|tbss|ldata|lbss|sdata|sbss)/ || section == "*COM*" || class ~ /^[CcbBdDgGsS]$/)
        print object, section, symbol
    }'
}

check() {
  local tree=$1 bad=0 library object section symbol
  local dir=$GT_BUILD_DIR
  if [ "$tree" != "$GT_SOURCE_DIR" ]; then dir=$tree; fi
  for library in "$dir"/libgt_rt_lean.a "$dir"/libgt_rt_oracle.a; do
    if [ ! -f "$library" ]; then
      echo "$library is not built"
      return 1
    fi
    while read -r object section symbol; do
      symbol=${symbol%%.[0-9]*} # a function's static carries a number
      if awk -v s="$symbol" '$1 == s && NF > 1 { found = 1 } END { exit !found }' "$allow"; then continue; fi
      case $symbol in __asan_* | __tsan_* | __odr_asan* | .L*) continue ;; esac
      # What C++ brings into a peer: addresses for unwinding, the streams' initialiser, statics of the library's headers.
      case $symbol in DW.ref.* | _ZStL8__ioinit | _ZZN5boost* | _ZGVZN5boost* | _ZGVN5boost* | _ZN5boost*) continue ;; esac
      echo "${library##*/}($object): $symbol in $section: move it under the runtime's root, or say why in tests/lint/globals.allow"
      bad=1
    done < <(mutable_symbols "$library")
  done
  return $bad
}

compile_planted() {
  mkdir -p "$scratch/tree"
  printf '%s\n' "$1" | "${CC:-gcc}" -x c -c -O1 -o "$scratch/tree/a.c.o" -
  for kind in lean oracle; do ar rcs "$scratch/tree/libgt_rt_$kind.a" "$scratch/tree/a.c.o"; done
}

if command -v "${CC:-gcc}" >/dev/null; then
  for planted in 'int planted = 1;' 'int planted;' 'static int planted; int f(void) { return planted++; }' \
    '__thread int planted;' 'int f(void) { static int planted; return ++planted; }' \
    'int planted __attribute__((common));'; do
    compile_planted "$planted"
    expect_caught "$planted" ': planted in '
  done
  compile_planted 'int g(void); int (*const table[])(void) = { g }; const int k = 3; const char *const s = "x";'
  expect_clean 'constants'
fi
finish
