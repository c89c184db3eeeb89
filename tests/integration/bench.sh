#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# GT_TEST: timeout=240 presets=release,debug
# `gauntlet bench`: names of cells, entries, pairs, peers side by side, records, cells that fail, crash or cannot be,
# being interrupted.
set -euo pipefail

# shellcheck source=tests/integration/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# bench STATUS ARGUMENT...: leaves its output in $place/out and err.
bench() {
  local want=$1
  shift
  gauntlet_ends "$want" bench "$@"
}

# holds FILE PYTHON: statements about d, the JSON in FILE, and e, its entries by name.
holds() {
  python3 -c '
import json, math, sys
d = json.load(open(sys.argv[1]))
e = {b["name"]: b for b in d.get("benchmarks", [])}
assert len(e) == len(d.get("benchmarks", [])), "a name twice"
exec(sys.argv[2])' "$1" "$2" 2>>"$place/err" || not_ok "$2"
}

quick=(--duration=20ms --repetitions=3 --scheduler=worksteal --seed=7)

# ---- names, and the library's own options
bench 0 yield pingpong-2p cas --scheduler=worksteal --tracer=none,gen --bind=none,pu --benchmark_list_tests || true
cat >"$place/names" <<'TEXT'
yield:2/runtime:gmp/sched:worksteal/procs:1
yield:2/runtime:gmp/sched:worksteal/tracer:gen/procs:1
yield:2/runtime:floor/procs:1
yield:2/runtime:gmp/sched:worksteal/procs:1/bind:pu
yield:2/runtime:gmp/sched:worksteal/tracer:gen/procs:1/bind:pu
yield:2/runtime:floor/procs:1/bind:pu
pingpong/runtime:gmp/sched:worksteal/procs:2
pingpong/runtime:gmp/sched:worksteal/tracer:gen/procs:2
pingpong/runtime:floor/procs:2
pingpong/runtime:gmp/sched:worksteal/procs:2/bind:pu
pingpong/runtime:gmp/sched:worksteal/tracer:gen/procs:2/bind:pu
pingpong/runtime:floor/procs:2/bind:pu
cas/runtime:floor/procs:1
TEXT
diff "$place/names" "$place/out" >>"$place/err" || not_ok 'the names of cells'
bench 0 mutex:1 --procs=1,2 --syscalls=status --bind=none --scheduler=fifo --benchmark_list_tests \
  '--benchmark_filter=procs:2$' || true
echo 'mutex:1/runtime:gmp/sched:fifo/syscalls:status/procs:2' | diff - "$place/out" >>"$place/err" ||
  not_ok 'param, number of Ps, model, filter'
bench 5 yield --benchmark_filter=no-such-cell || true
grep -q 'filter' "$place/err" || not_ok 'a filter without a match says so'
bench 2 yield '--benchmark_filter=(' || true
bench 2 yield --benchmark_nonsense=1 || true
grep -q 'benchmark_nonsense' "$place/err" || not_ok 'an unknown flag is named'
for flag in out=x time_unit=foo time_unit=ms color=auto report_aggregates_only=true display_aggregates_only repetitions=25s \
  repetitions=1.5 min_time=0 context context=a context==b; do
  refused 2 "benchmark_$flag" bench yield "--benchmark_$flag"
done
refused 2 'seed: at most' bench cas --seed=0xffffffffffffffff # no record could hold it
bench 2 yield:x || true
bench 2 stop-idle --procs=1 || true
bench 0 cas clock --benchmark_repetitions=2 --benchmark_min_time=0.001s --benchmark_enable_random_interleaving=false \
  --json || true
holds "$place/out" '
assert all(len(b["samples"]) == 2 for b in e.values()) and not d["context"]["random_interleaving"]
assert d["context"]["min_time_s"] == 0.001'
bench 0 cas clock "${quick[@]}" --benchmark_filter=clock --benchmark_filter=cas --benchmark_context=a=b,c=d=e --json \
  --benchmark_context=seed=8 || true
holds "$place/out" '
assert list(e) == ["cas/runtime:floor/procs:1"], "the last filter"
c = d["context"]
assert c["a"] == "b" and c["c"] == "d=e" and c["seed"] == 7, c'

# Two models are two parts, and no two cells of one name.
bench 0 yield "${quick[@]}" --syscalls=status,scanbit --bind=none --out="$place/models" --json || true
holds "$place/out" '
assert "yield:2/runtime:floor/procs:1" in e and "yield:2/runtime:floor/syscalls:status/procs:1" in e, list(e)'
holds "$place/models/run.json" '
names = [c["name"] for c in d["cells"]]
assert names == ["bench/yield/procs=1/bind=none/syscalls=status", "bench/yield/procs=1/bind=none"], names'

# ---- entries: figures, floors, pairs
bench 0 yield syscall-scanbit on-yield mutex event --tracer=none,gen --duration=50ms --repetitions=9 \
  --scheduler=worksteal --json --seed=7 || true
holds "$place/out" '
assert d["schema"] == 1 and d["verdict"] == "ok" and d["context"]["complete"] and d["context"]["seed"] == 7
assert d["context"]["environment"]["cpu"] and d["command"][:2] == ["gauntlet", "bench"]
for name, b in e.items():
    if b["verdict"] == "skipped":
        assert b["why"] and not b["samples"], b
        continue
    assert b["verdict"] == "ok" and b["run_type"] == "iteration" and b["kind"] == "bench" and b["unit"], b
    s = sorted(b["samples"])
    assert len(s) == b["repetitions"] == 9 and b["median"] == s[4] == b["real_time"], b
    assert (b["low"], b["high"]) == (s[1], s[7]), b
    assert b["tracing"] == ("/tracer:" in name), name
    if b["runtime"] == "gmp" and not b["workload"].startswith("switch"):
        assert b["bind_effective"], b
    if "pair" in b:
        p = b["pair"]
        assert b["tracing"] and p["on"] == b["samples"] and len(p["off"]) == 9 and p["events_per_op"] > 0, b
        more = sorted(x - y for x, y in zip(p["on"], p["off"]))
        assert math.isclose(p["ns"]["median"], more[4], abs_tol=1e-3) and p["ns"]["low"] <= p["ns"]["median"], b
        assert p["with"] == name.replace("/tracer:gen", "") and p["percent"]["median"] is not None, b
off = e["yield:2/runtime:gmp/sched:worksteal/procs:1/bind:pu"]
assert "pair" not in off and off["floor"]["median"] > 0 and off["target"] == 14 and off["bound"] > 0, off
assert "yield:2/runtime:gmp/sched:worksteal/tracer:gen/procs:1/bind:pu" in e
assert off["hardware"] or off["counters"]["cycles"] > 0
assert sum("pair" in b for b in e.values()) == 3'
bench 3 yield --tracer=gen "${quick[@]}" --json || true
holds "$place/out" '
b, = [b for b in e.values() if b["tracing"]]
assert d["verdict"] == b["verdict"] == "inconclusive" and "3 repetitions" in b["why"], b'

# ---- peers side by side
"$gauntlet" list runtimes --json >"$place/runtimes"
bench 0 spawn-join yield --runtime=all --duration=20ms --repetitions=1 --scheduler=worksteal --json || true
holds "$place/out" '
there = [r["name"] for r in json.load(open("'"$place"'/runtimes")) if r["built"]]
for runtime in there + ["floor"]:
    cells = [b for b in e.values() if b["runtime"] == runtime and b["row"] == "yield"]
    assert len(cells) == 1 and cells[0]["samples"] and cells[0]["verdict"] == "ok", (runtime, cells)
assert "gmp" in there and "pthread" in there, there'

# ---- the table
bench 0 yield spawn-join on-yield event --runtime=gmp,pthread --duration=50ms --repetitions=9 --scheduler=worksteal,fifo ||
  true
if [ "$(awk '{ if (length($0) > n) n = length($0) } END { print n + 0 }' "$place/out")" -gt 100 ]; then
  not_ok 'the table is wider than 100 columns'
fi
for words in '^yield  .* 14 ' '^beside peers  *gmp  *pthread' '^  .*  pthread$' '^on: yield  *gen  *worksteal .*%' \
  '^event  .*x' 'seed [0-9]'; do
  grep -q -- "$words" "$place/out" || not_ok "no '$words' in the table"
done

# ---- --out
bench 0 yield cas "${quick[@]}" --out="$place/kept" || true
(cd "$place/kept" && find . -type f | sort) >"$place/files"
printf '%s\n' ./cells/0000.json ./cells/0001.json ./run.json | diff - "$place/files" >>"$place/err" ||
  not_ok 'a file for each part and the head'
holds "$place/kept/run.json" '
assert d["seed"] == 7 and d["complete"] and len(d["cells"]) == 2 and "yield" in d["arguments"] and d["environment"]["cpu"]'
holds "$place/kept/cells/0000.json" '
assert d["cell"]["kind"] == "bench" and d["cell"]["name"].startswith("bench/yield/") and d["verdict"] == "ok"
assert all(len(b["samples"]) == 3 for b in e.values())'
cp -r "$place/kept" "$place/before"
bench 2 yield "${quick[@]}" --out="$place/kept" || true
diff -r "$place/kept" "$place/before" >>"$place/err" || not_ok 'what is kept is not written over'
bench 5 cas "${quick[@]}" --out=/dev/null/nowhere || true

# ---- cells that fail, crash, cannot be: workloads of our own
workload() { # NAME STATEMENT
  cat >"$place/$1.c" <<TEXT
#include <stdio.h>
#include <stdlib.h>
#include "gauntlet/workload.h"
static int run(const struct gt_workload_params *p, struct gt_workload_result *r)
{
    r->ops = p->n;
    r->ns = 1000 * (int64_t)p->n;
    $2
    return 0;
}
static const struct gt_workload_ops ops = {
    .head = GT_PLUGIN_HEAD(GT_MAGIC_WORKLOAD, struct gt_workload_ops, "$1", "a test's", 0),
    .unit = "op", .checks = "what a test says", .quick_n = 10, .run = run};
GT_PLUGIN_EXPORT(workload, ops)
TEXT
  "${CC:-gcc}" -std=gnu17 -O1 -fPIC -shared -I"$source_dir/runtimes/include" -I"$source_dir/runtimes" -o "$place/$1.so" \
    "$place/$1.c" >>"$place/err" 2>&1 || not_ok "cannot build $1"
}
: >"$place/out"
: >"$place/err"
workload fine ''
# shellcheck disable=SC2016 # C
workload lies 'gt_workload_check(r, p->n == 0, "the sum is wrong");'
workload crashes 'abort();'
bench 0 "$place/fine.so" "${quick[@]}" --json || true
holds "$place/out" 'b, = e.values(); assert b["median"] == 1000, b'
bench 1 "$place/lies.so" "$place/fine.so" "${quick[@]}" --json || true
holds "$place/out" '
lies, fine = sorted(e.values(), key=lambda b: b["workload"], reverse=True)
assert d["verdict"] == lies["verdict"] == "failed" and lies["why"] == "the sum is wrong", lies
assert lies["median"] is None and not lies["samples"] and fine["verdict"] == "ok" and fine["median"] == 1000'
# A cell that should trace and fails is not taken for one with tracing off.
bench 1 "$place/lies.so" "${quick[@]}" --tracer=gen --runtime=gmp,pthread || true
if grep -q '^beside peers' "$place/out"; then not_ok 'a cell with tracing stands beside peers'; fi
# A peer's process that dies is incomplete: nothing is known of the peer.
# shellcheck disable=SC2016 # the script expands it
printf '#!/bin/sh\nkill -KILL $$\n' >"$place/dies"
chmod +x "$place/dies"
if ! "$gauntlet" list runtimes | grep -q '^go .*not built'; then
  GAUNTLET_GO_PEER=$place/dies bench 5 yield --runtime=go "${quick[@]}" --json || true
  holds "$place/out" '
b, = [b for b in e.values() if b["runtime"] == "go"]
assert d["verdict"] == b["verdict"] == "incomplete" and b["why"], b'
fi
bench 5 "$place/crashes.so" "$place/fine.so" "${quick[@]}" --out="$place/crashed" || true
grep -q '^crashes.*partial' "$place/out" || not_ok 'the table marks what crashed'
holds "$place/crashed/cells/0000.json" '
b, = e.values()
assert d["verdict"] == b["verdict"] == "incomplete" and "signal 6" in b["why"], b'
holds "$place/crashed/cells/0001.json" 'b, = e.values(); assert d["verdict"] == "ok" and b["median"] == 1000'
bench 4 gc-trees --runtime=pthread --procs=1 "${quick[@]}" --json || true
holds "$place/out" 'b, = e.values(); assert d["verdict"] == b["verdict"] == "skipped" and "lacks" in b["why"], b'
bench 4 yield:2 --procs=1024 --bind=pu "${quick[@]}" --json || true
holds "$place/out" 'b, = e.values(); assert d["verdict"] == b["verdict"] == "void" and b["why"], b'

# ---- interrupted: what is finished is kept
"$gauntlet" bench cas yield --duration=300s --repetitions=999 --scheduler=worksteal,fifo --out="$place/partial" --json \
  --benchmark_min_time=0.001 >"$place/out" 2>"$place/err" </dev/null &
pid=$!
until [ -e "$place/partial/cells/0000.json" ] || ! kill -0 $pid 2>/dev/null; do sleep 0.05; done
until [ -n "$(cat "/proc/$pid/task/$pid/children")" ] || ! kill -0 $pid 2>/dev/null; do sleep 0.05; done # the next part's
kill -INT $pid
got=0
wait $pid || got=$?
if [ $got != 5 ]; then not_ok "interrupted: exit $got, not 5"; fi
holds "$place/partial/cells/0000.json" 'assert d["verdict"] == "ok" and len(d["benchmarks"][0]["samples"]) == 999'
holds "$place/partial/run.json" 'assert not d["complete"]'
holds "$place/out" '
assert d["verdict"] == "incomplete" and not d["context"]["complete"]
b = e["yield:2/runtime:gmp/sched:worksteal/procs:1/bind:pu"]
assert b["verdict"] == "incomplete" and "stopped after" in b["why"], b'
if find "$place/partial" -name '.*.new' | grep -q .; then not_ok 'a half-written file'; fi

if [ $failed = 0 ]; then echo 'ok: bench'; fi
exit $failed
