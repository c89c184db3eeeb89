#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every shell script passes shellcheck.
source "$(dirname "$0")/lib.sh"

command -v shellcheck >/dev/null || skip_test 'shellcheck is not installed (Debian: shellcheck)'

check() {
  local root=$1 file scripts=()
  while IFS= read -r file; do
    case $(head -c 64 "$root/$file" 2>/dev/null | head -n 1 | tr -d '\0') in
      '#!'*bash* | '#!/bin/sh'*) scripts+=("$file") ;;
      *) if [[ $file == *.sh ]]; then scripts+=("$file"); fi ;;
    esac
  done < <(list_files "$root" | grep -E '\.sh$|^scripts/|^\.ci/|^tests/')
  if [ ${#scripts[@]} -eq 0 ]; then return 0; fi
  (cd "$root" && shellcheck --severity=warning --exclude=SC1090,SC1091,SC2154 "${scripts[@]}")
}

# shellcheck disable=SC2016 # the planted script is text
plant scripts/a < <(printf '#!/usr/bin/env bash\ncd "$1"\nrm $x/*\nfor f in $(ls); do echo; done; local y=1\n')
expect_caught 'a script with a mistake' 'SC[0-9]+'
plant scripts/a < <(printf '#!/usr/bin/env bash\necho ok\n')
expect_clean 'a sound script'
finish
