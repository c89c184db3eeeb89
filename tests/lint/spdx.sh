#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every source file names its licence in its first three lines.
source "$(dirname "$0")/lib.sh"

check() {
  local root=$1 bad=0 file
  while IFS= read -r file; do
    case $file in
      *.c | *.h | *.cc | *.S | *.def | *.sh | *.cmake | *.py | CMakeLists.txt | */CMakeLists.txt | scripts/* | .ci/*) ;;
      *) continue ;;
    esac
    if ! head -n 3 "$root/$file" | grep -aq 'SPDX-License-Identifier: Apache-2\.0'; then
      echo "$file:1: no 'SPDX-License-Identifier: Apache-2.0' in the first three lines"
      bad=1
    fi
  done < <(list_files "$root")
  return $bad
}

plant a/b.c <<<'int x;'
expect_caught 'a C file without a licence' 'a/b\.c:1'
plant a/b.c <<<'/* SPDX-License-Identifier: Apache-2.0 */'
plant notes.md <<<'text'
expect_clean 'licence present'
finish
