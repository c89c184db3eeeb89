#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Patterns that must not appear: generation parity outside its one type, conflict markers, files that grew too long.
source "$(dirname "$0")/lib.sh"

# The files that may index by generation: the generation type itself.
parity_allowed='^runtimes/(include/gauntlet|tracers/[a-z_]+|core)/generation\.[ch]$'

too_long() {
  local root=$1 file=$2 lines
  lines=$(wc -l <"$root/$file")
  if [ "$lines" -gt 900 ]; then
    echo "$file: $lines lines: split it (900 at most, 600 is the aim)"
    return 1
  elif [ "$lines" -gt 700 ]; then
    echo "warning: $file: $lines lines: consider splitting it"
  fi
}

check() {
  local root=$1 bad=0 file
  while IFS= read -r file; do
    if grep -InE -H --label="$file" '^(<<<<<<<|>>>>>>>|\|\|\|\|\|\|\|)( |$)' <"$root/$file"; then bad=1; fi
    case $file in *.c | *.h | *.cc | *.S | *.def | *.py | *.sh | scripts/*) too_long "$root" "$file" || bad=1 ;; esac
  done < <(list_files "$root")
  list_files "$root" | grep -E '^runtimes/.*\.[ch]$' | grep -Ev "$parity_allowed" |
    python3 "$lint_dir/parity.py" "$root" || bad=1
  return $bad
}

plant runtimes/core/a.c <<<'int f(int gen) { return gen%2; }'
expect_caught 'parity of a generation' 'runtimes/core/a\.c:1'
plant runtimes/core/a.c <<<'int f(unsigned generation) { return buf[generation & 1]; }'
expect_caught 'parity by mask' 'runtimes/core/a\.c:1'
plant runtimes/core/a.c < <(printf '/* gen %% 2 */\nint f(int n) { return n %% 20; }\n')
expect_clean 'other arithmetic'
plant a.txt < <(printf '%s HEAD\n' '<<<<<<<')
expect_caught 'a conflict marker' 'a\.txt:1'
plant a.c < <(yes 'int x;' | head -n 901)
expect_caught 'a file too long' '901 lines'
finish
