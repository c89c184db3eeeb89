# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Go's side of the conformance tests. Sourced with `source_dir` and `build` (a preset's build folder) set; leaves the
# programs verdict and progs in $build/conformance.
tools=${build:?}/conformance
differ=$build/tests/conformance/gt-differ
mkdir -p "$tools"

# Why Go's reader cannot be used here; nothing when it can.
go_missing() {
  local version
  if ! command -v go >/dev/null; then
    echo 'no Go toolchain in PATH (the command go)'
    return
  fi
  version=$(go env GOVERSION | sed -n 's/^go1\.\([0-9]*\).*/\1/p')
  if [ "${version:-0}" -lt 23 ]; then
    echo "Go 1.23 or later is needed, this is $(go env GOVERSION)"
  elif ! (cd "${source_dir:?}/tests/conformance/go" && go mod download) >"$tools/download.log" 2>&1; then
    echo "the Go module golang.org/x/exp cannot be fetched: $(tail -n 1 "$tools/download.log")"
  fi
}

build_verdict() { (cd "$source_dir/tests/conformance/go" && go build -trimpath -buildvcs=false -o "$tools/verdict" ./verdict); }
# A Go with a C compiler: without one the cgo program is left out, and callers that want it fail.
build_progs() { (cd "$source_dir/tests/conformance/progs" && CGO_ENABLED=1 go build -trimpath -buildvcs=false -o "$tools/progs" .); }

# Seeds of the fuzzer, in a fixed order.
fuzz_seeds() {
  local tests
  tests=$(go env GOROOT)/src/internal/trace/testdata/tests
  LC_ALL=C find "$tests" "$source_dir/tests/conformance/cases" "$source_dir/tests/conformance/seeds" -type f \
    '(' -name '*.test' -o -name '*.trace' ')' 2>/dev/null | LC_ALL=C sort
}

# fuzz OPTION...: mutants of all seeds.
fuzz() {
  local seeds
  mapfile -t seeds < <(fuzz_seeds)
  "$differ" fuzz --go="$tools/verdict" --keep="$tools/differences" "$@" "${seeds[@]}"
}
