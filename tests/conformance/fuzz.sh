#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: tests/conformance/fuzz.sh BUILD [--seed=N] [--count=N | --seconds=N] [--only=N]
# Mutants of all seeds, read by our reader and Go's; BUILD is a preset's build folder (build/release). What differs is
# cut down and kept in BUILD/conformance/differences. Exit 77: no Go.
set -euo pipefail

source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=$(cd "${1:?usage: fuzz.sh BUILD [OPTION]...}" && pwd)
shift
source "$source_dir/tests/conformance/lib.sh"
missing=$(go_missing)
if [ -n "$missing" ]; then
  echo "1..0 # SKIP $missing"
  exit 77
fi
build_verdict
fuzz "$@"
