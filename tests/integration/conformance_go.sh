#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# GT_TEST: labels=full timeout=600 presets=release
# Our reader of traces and Go's say the same: of Go's own test traces, of real programs, of 20,000 mutants.
# GT_SEED=N: other mutants; GT_MUTANTS=N: more or fewer.
set -uo pipefail

source_dir=${GT_SOURCE_DIR:?}
build=${GT_BUILD_DIR:?}
source "$source_dir/tests/conformance/lib.sh"
missing=$(go_missing)
if [ -n "$missing" ]; then
  echo "1..0 # SKIP $missing"
  exit 77
fi
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
points=0
failed=0
point() { # WHAT COMMAND...
  local what=$1 verdict=ok start=$SECONDS
  shift
  points=$((points + 1))
  "$@" >"$place/log" 2>&1 || verdict='not ok'
  echo "$verdict $points - $what ($((SECONDS - start)) s)"
  if [ "$verdict" != ok ]; then
    sed 's/^/# /' "$place/log" | tail -n 60
    failed=1
  fi
}
same() { "$differ" same --go="$tools/verdict" "$@"; }

echo 'TAP version 13'
vet() { (cd "$source_dir/tests/conformance/$1" && go vet ./...); }
for module in go progs; do point "go vet: tests/conformance/$module" vet $module; done
point "Go's reader builds" build_verdict
point 'the programs build, with cgo' build_progs

mapfile -t tests < <(find "$(go env GOROOT)/src/internal/trace/testdata/tests" -name '*.test' | sort)
enough() { [ ${#tests[@]} -ge 20 ] || ! echo "only ${#tests[@]} .test files in $(go env GOROOT)"; }
point "the .test traces of $(go env GOVERSION) are there" enough
point "its ${#tests[@]} .test traces: both readers give the verdict that each expects" same "${tests[@]}"
shopt -s nullglob
cases=("$source_dir"/tests/conformance/cases/*.{test,bin})
if [ ${#cases[@]} -gt 0 ]; then point "${#cases[@]} kept cases" same "${cases[@]}"; fi
seeds=("$source_dir"/tests/conformance/seeds/*.trace)
if [ ${#seeds[@]} -gt 0 ]; then point "${#seeds[@]} seeds of the fuzzer are good traces" same --accepted "${seeds[@]}"; fi

# Real programs, as they are and with generations as short as they can be.
real() { # NAME PERIOD
  local traces
  rm -f "$place/$1".*
  GODEBUG=${2:+traceadvanceperiod=$2} GOMAXPROCS=4 timeout 60 "$tools/progs" "$1" "$place/$1.trace" 150 || return 1
  traces=("$place/$1".*)
  same --accepted --strict "${traces[@]}"
}
for program in syscalls procs gc startstop annotate cgo; do
  point "$program, a generation a second" real "$program" ''
  point "$program, continuous generations" real "$program" 0
done

# Its busted twin: a reader that misses one class of errors is found out.
blind() {
  local class
  for class in context-goroutine-missing failed-to-advance; do
    if fuzz --seed=1 --count=1000 --blind=$class >"$place/blind" 2>&1; then
      echo "not found out: a reader without $class"
      return 1
    fi
    grep -q "^not ok 1 - 1000 mutants" "$place/blind" || return 1
  done
}
point 'a reader that misses a class of errors is found out' blind
# More threads: Go's sort then leaves equal times in no particular order.
point '2,000 mutants of traces of up to 100 threads' fuzz --seed="${GT_SEED:-1}" --count=2000 --threads=100
point "${GT_MUTANTS:-20000} mutants" fuzz --seed="${GT_SEED:-1}" --count="${GT_MUTANTS:-20000}"
if [ $failed = 0 ]; then sed 's/^/# /' "$place/log"; fi
echo "1..$points"
exit $failed
