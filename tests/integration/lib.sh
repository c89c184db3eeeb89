# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034 # used by those that source this
# What the tests of the program share. Sourced after `set -euo pipefail`; a test ends with `exit $failed`.
gauntlet=${GT_BUILD_DIR:?}/gauntlet
source_dir=${GT_SOURCE_DIR:?}
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
failed=0

not_ok() {
  echo "not ok - $*"
  sed 's/^/  out: /' "$place/out" 2>/dev/null | head -n 30
  sed 's/^/  err: /' "$place/err" 2>/dev/null | head -n 20
  failed=1
}

# ends STATUS COMMAND...: it ends with it; its output stays in $place/out and err.
ends() {
  local want=$1 got=0
  shift
  "$@" >"$place/out" 2>"$place/err" </dev/null || got=$?
  if [ "$got" != "$want" ]; then
    not_ok "exit $got, not $want: $*"
    return 1
  fi
}

gauntlet_ends() { # STATUS ARGUMENT...
  local want=$1
  shift
  ends "$want" "$gauntlet" "$@"
}

# says FILE WORDS: out or err holds them as they stand.
says() {
  grep -qF -- "$2" "$place/$1" || not_ok "no '$2' in $1"
}

# shows FILE PATTERN...: each is found in out or err.
shows() {
  local file=$1 pattern
  shift
  for pattern in "$@"; do
    grep -Eq -- "$pattern" "$place/$file" || not_ok "no /$pattern/ in $file"
  done
}

# refused STATUS PATTERN ARGUMENT...: nothing on standard output, one line on standard error, with the pattern.
refused() {
  local status=$1 pattern=$2
  shift 2
  gauntlet_ends "$status" "$@" || return 0
  if [ -s "$place/out" ]; then not_ok "writes to standard output: $*"; fi
  if [ "$(wc -l <"$place/err")" != 1 ]; then not_ok "not one line: $*"; fi
  shows err "$pattern"
}

# results_python MODULES: sets python to the first interpreter that imports them; none: the test is skipped.
results_python() {
  local candidate
  for candidate in ${GAUNTLET_PYTHON:+"$GAUNTLET_PYTHON"} python3 /usr/bin/python3; do
    if "$candidate" -P -c "import $1" 2>/dev/null; then
      python=$candidate
      return 0
    fi
  done
  echo "SKIP: no python3 imports $1: scripts/setup installs Debian's packages"
  exit 77
}

# page_modules NAME...: what a page is made of; not there: the test is skipped.
page_modules() {
  local name
  for name in "$@"; do
    if [ ! -d "$source_dir/results/page/node_modules/$name" ]; then
      echo "SKIP: $name is not there: scripts/setup fetches it from npm"
      exit 77
    fi
  done
}
