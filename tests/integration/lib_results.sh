# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034 # used by those that source this
# What the tests of results/gauntlet_results share. Sourced after `set -euo pipefail`.
gauntlet=${GT_BUILD_DIR:?}/gauntlet
source_dir=${GT_SOURCE_DIR:?}
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
failed=0

not_ok() {
  echo "not ok - $*"
  sed 's/^/  out: /' "$place/out" 2>/dev/null | head -n 20
  sed 's/^/  err: /' "$place/err" 2>/dev/null | head -n 20
  failed=1
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

# results_tests NAME...: tests/results/NAME_test.py, each with its count.
results_tests() {
  local name
  for name in "$@"; do
    if PYTHONPATH=$source_dir/results:$source_dir/tests/results PYTHONDONTWRITEBYTECODE=1 \
      "$python" -P -W error "$source_dir/tests/results/${name}_test.py" -v >"$place/out" 2>"$place/err"; then
      grep '^#' "$place/out" || true
      grep -i 'skipped' "$place/err" | sed 's/^/# /' || true
      echo "ok - $name: $(grep '^Ran ' "$place/err")"
    else
      sed 's/^/  /' "$place/err" | tail -n 60
      echo "not ok - $name"
      failed=1
    fi
  done
}

# gauntlet_is STATUS ARGUMENT...: the program ends with it; its output stays in $place/out and err.
gauntlet_is() {
  local want=$1 got=0
  shift
  "$gauntlet" "$@" >"$place/out" 2>"$place/err" </dev/null || got=$?
  if [ "$got" != "$want" ]; then not_ok "exit $got, not $want: gauntlet $*"; fi
}

says() { # FILE WORDS
  grep -qF -- "$2" "$place/$1" || not_ok "no '$2' in $1"
}
