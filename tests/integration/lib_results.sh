# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034 # used by those that source this
# What the tests of results/gauntlet_results share. Sourced after `set -euo pipefail`.
# shellcheck source=tests/integration/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

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

# gauntlet_is STATUS ARGUMENT...: the program ends with it, or the test goes on after saying so.
gauntlet_is() { gauntlet_ends "$@" || true; }
