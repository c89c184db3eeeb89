#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# GT_TEST: labels=full timeout=600 serial presets=release
#
# Does scripts/numa-vm say so when something inside the machine fails, hangs, dies or panics? A
# runner that loses a failure makes every test that runs in it worthless.
set -euo pipefail

vm=${GT_SOURCE_DIR:?}/scripts/numa-vm
tmp=$(mktemp -d "${TMPDIR:-/tmp}/numa-vm-verdicts.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
points=0
failures=0

# guest_script NAME LINE...: an executable for the guest, whose shell is busybox's.
guest_script() {
    local path=$tmp/$1
    shift
    printf '%s\n' '#!/bin/sh' "$@" >"$path"
    chmod +x "$path"
}

# vm_exits STATUS ARG...: output in $tmp/out and $tmp/err.
vm_exits() {
    local wanted=$1 status=0
    shift
    "$vm" "$@" >"$tmp/out" 2>"$tmp/err" || status=$?
    if ((status == 77 && wanted != 77)) && grep -q '^1\.\.0 # SKIP' "$tmp/out"; then
        cat "$tmp/out"
        exit 77
    fi
    ((status == wanted)) || echo "# exit status $status, wanted $wanted"
    ((status == wanted))
}

point() { # NAME COMMAND...
    local name=$1 verdict=ok
    shift
    if ! "$@"; then
        verdict='not ok'
        failures=$((failures + 1))
        sed 's/^/# /' "$tmp/out" "$tmp/err"
    fi
    points=$((points + 1))
    plan_lines+=("$verdict $points - $name")
}

has_line() { # FILE LINE
    grep -qxF -- "$2" "$tmp/$1"
}

guest_script passes 'echo "  [$*]"' 'printf "no newline at the end"'
guest_script fails 'exit 3'
guest_script skips 'echo "1..0 # SKIP not today"' 'exit 77'
guest_script crashes 'kill -SEGV $$'
guest_script forgets 'sleep 1000 &' 'exit 0'
guest_script hangs 'sleep 1000'
guest_script panics 'echo c >/proc/sysrq-trigger' 'sleep 1000'
# shellcheck disable=SC2016 # for the guest's shell
guest_script reads 'read -r line <"$1" && [ "$line" = hello ]'
echo hello >"$tmp/data"
plan_lines=()

point "a failing test makes it 1" vm_exits 1 --file="$tmp/data" -- \
    "$tmp/passes it's  \$HOME *" "$tmp/fails" "$tmp/skips" "$tmp/crashes" "$tmp/forgets" \
    "$tmp/reads $tmp/data" "$tmp/passes@offline=1 x"
point "arguments arrive unexpanded, a last line without its newline too" \
    grep -qzF "      [it's \$HOME *]
    no newline at the end
ok 1 - passes it's \$HOME *" "$tmp/out"
point "the failure is shown with its status" has_line out "  exit: 3"
point "the failing test is named" has_line out "not ok 2 - fails"
point "a skip is shown with its reason" has_line out "ok 3 - skips # SKIP not today"
point "a signal is shown by its name" has_line out "  signal: SEGV"
point "a forgotten child neither blocks nor fails" has_line out "ok 5 - forgets"
point "--file gives the file at its own path" has_line out "ok 6 - reads $tmp/data"
point "the offline form is named" has_line out "ok 7 - passes x [node 1 offline]"

# What is tested needs a guest that got as far as its tests: a host that held the emulator up (no line on the console
# in 25 s, seen once) gets more time.
hang_is_5() {
    for seconds in 25 75 150; do
        vm_exits 5 --timeout="$seconds" -- "$tmp/passes" "$tmp/hangs" || return 1
        if has_line out "ok 1 - passes"; then return 0; fi
    done
}
point "a hang is 5 when time runs out" hang_is_5
point "the test before the hang is reported" has_line out "ok 1 - passes"
point "the hanging test is named" has_line out "not ok 2 - hangs"
point "and the run is bailed out of" has_line out "Bail out! time ran out after $seconds s"

point "a panic is 5" vm_exits 5 -- "$tmp/panics" "$tmp/passes"
point "and is called one" has_line out "Bail out! the guest's kernel panicked"
point "the console is shown" grep -q "Kernel panic - not syncing: sysrq triggered crash" "$tmp/err"

point "nothing but skips is a skip" vm_exits 77 -- "$tmp/skips"

point "an unknown node is a usage error" vm_exits 2 -- "$tmp/passes@offline=5"
point "a missing test is a usage error" vm_exits 2 -- "$tmp/nothing"

# with_path PATH COMMAND...: and no kernel in the cache.
with_path() {
    local path=$1
    shift
    PATH=$path GT_VM_CACHE=$tmp/cache "$@"
}
mkdir "$tmp/bare" "$tmp/offline"
ln -s "$(type -P uname)" "$tmp/bare/uname"
guest_script offline/apt-cache 'exit 1'
point "without QEMU it is a skip" with_path "$tmp/bare" vm_exits 77 -- "$tmp/passes"
point "that says what is missing" \
    has_line out "1..0 # SKIP qemu-system-x86_64 not installed"
point "without a kernel it is a skip" with_path "$tmp/offline:$PATH" vm_exits 77 -- "$tmp/passes"
point "that says so" grep -q "^1\.\.0 # SKIP no kernel in $tmp/cache" "$tmp/out"

printf 'TAP version 13\n1..%d\n' "$points"
printf '%s\n' "${plan_lines[@]}"
((failures == 0))
