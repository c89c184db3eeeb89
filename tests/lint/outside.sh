#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# No file names a path of the machine it was written on.
source "$(dirname "$0")/lib.sh"

pattern='(^|[^[:alnum:]_.}/-])/(work|farm|root)/' # written so that this line does not match itself

check() {
  local root=$1 found
  found=$(list_files "$root" | while IFS= read -r file; do
    if [ -s "$root/$file" ]; then
      grep -InE -H --label="$file" -e "$pattern" <"$root/$file" || true
    fi
  done)
  if [ -n "$found" ]; then
    printf '%s\n' "$found"
    return 1
  fi
}

plant docs/a.md <<<"see $(printf '/%s/' work)x"
expect_caught 'a path of the development machine' '^docs/a\.md:1'
plant docs/a.md <<<'see docs/work/x and http://h.org/work/x, or a home/root/x'
expect_clean 'relative names'
finish
