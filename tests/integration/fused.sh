#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# GT_TEST: labels=quick timeout=60 presets=release,clang
# gmp-fused is what it says: in the hot paths no call goes through a table any more. The same look at the ordinary core
# finds them, so it can fail.
set -eu
dir=${GT_BUILD_DIR:?}
object=$dir/fused/all.o
if [ ! -f "$object" ]; then
    echo "gmp-fused is not built here"
    exit 77
fi
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

hot='gt_yield yield_on_system park_on_system gt_rspin_park_on_system exit_on_system gt_go op_ready gt_chan_send gt_chan_recv'

# calls OBJECT: how often each hot function calls through a pointer; a function that is not there is a failure of its own.
# A G's own function (fn) is called in gt_g_start_entry alone; switches of stacks are jumps.
calls() {
    objdump -d --no-show-raw-insn "$1" >"$tmp/code"
    awk -v hot="$hot" '
        BEGIN { n = split(hot, names); for (i = 1; i <= n; i++) want[names[i]] = 1 }
        /^[0-9a-f]+ <.*>:$/ {
            name = $2
            gsub(/[<>:]/, "", name)
            sub(/\.(lto_priv|constprop|isra|part).*$/, "", name)
            if (name in want) found[name] = 1
        }
        name in want && /[ \t](callq?|blr)[ \t]+(\*|x[0-9])/ { print name ": " $0 }
        END { for (f in want) if (!(f in found)) print f ": not found" }
    ' "$tmp/code"
}

failed=0
calls "$object" >"$tmp/fused"
# park_on_system of park.c calls the function that the parking caller gave; that of gmp.c none.
grep -v '^park_on_system: .*call' "$tmp/fused" >"$tmp/left" || true
if [ -s "$tmp/left" ]; then
    echo "not direct in $object:"
    cat "$tmp/left"
    failed=1
fi
if [ "$(grep -c '^park_on_system: .*call' "$tmp/fused")" -gt 1 ]; then
    echo "more than its caller's function is called through a pointer:"
    grep '^park_on_system' "$tmp/fused"
    failed=1
fi

mkdir "$tmp/lean"
(cd "$tmp/lean" && ar x "$dir/libgt_rt_lean.a" park.c.o)
calls "$tmp/lean/park.c.o" >"$tmp/vtable"
if [ "$(grep -c '^yield_on_system: .*call' "$tmp/vtable")" -lt 2 ]; then
    echo "the ordinary core's yield shows no calls through its tables: this test sees nothing"
    failed=1
fi
exit $failed
