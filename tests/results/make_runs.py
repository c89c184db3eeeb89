#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes runs for the tests of the page: folders as `gauntlet run` and `bench --out` leave them, figures from a seeded
generator. `make_runs.py FOLDER`: a history with everything a page can show. `make_runs.py --store=FILE --cells=N`: a store
of N cells (PYTHONPATH: results/).
"""

import argparse
import json
import os
import random

REVISIONS = [f"{0xA1B2C3D4E5F6 * (i + 3) % 2**48:012x}" for i in range(40)]
WORKLOADS = {  # ns for one operation on gmp, events for one operation
    "yield": (14, 2), "pingpong": (58, 4), "spawn-join": (41, 4), "syscall-storm": (150, 2), "forkjoin": (48, 4),
    "gc-trees": (3100, 3),
}  # fmt: skip
PARAMETERS = {"spawn-join": "spawn-join:1"}  # a parameter is part of the name
SCHEDULERS = ("worksteal", "global", "numa", "fifo")
PEERS = {"boost-fiber": 6.5, "pth": 22.0, "pthread": 300.0, "go": 3.9, "gmp-fused": 0.93, "floor": 0.35}
TRACERS = {"gen": 21.0, "locked": 38.0, "lttng": 88.0}
EVIL = "</script><script>window.evil=1</script><img src=x onerror=window.evil=2>"


def environment(revision: str, machine: int, run: int) -> dict:
    return {
        "host": f"vm{machine}", "cpu": ("AMD EPYC", "Intel Xeon")[machine], "num_cpus": (2, 8)[machine],
        "kernel": {"system": "Linux", "release": "6.18.44", "machine": "x86_64"},
        "topology": {"packages": 1, "numa_nodes": 1, "cores": (2, 8)[machine], "pus": (2, 8)[machine], "allowed": "0-1"},
        "settings": {"governor": None, "clocksource": "tsc", "loadavg": f"0.{run:02d} 0.10 0.05 1/99 {run}"},
        "mitigations": {"spectre_v2": "Mitigation: Retpolines", "meltdown": "Not affected"},
        "build": {"preset": "release", "compiler": "GNU 12.2.0", "flags": "-O2 -g", "revision": revision, "dirty_diff": None},
        "libraries": {"libc": "2.36", "hwloc": "2.9.0" if run < 9 else "2.9.1", "go": "go1.26.8"},
    }  # fmt: skip


def around(rng: random.Random, median: float, n: int = 9, noise: float = 0.03) -> list[float]:
    """Samples as a benchmark's are: close together, with a tail to the right."""
    return [round(median * (1 + abs(rng.gauss(0, noise)) * (3 if rng.random() < 0.1 else 1) - noise / 2), 4) for _ in range(n)]


def bench(rng, workload: str, runtime: str, scheduler: str | None, tracer: str | None, procs: int, factor: float = 1.0, bind: str = "pu", model: str = "scanbit") -> dict:
    base, events = WORKLOADS[workload]
    peer = PEERS.get(runtime, 1.0)
    off = base * factor * (peer if workload == "spawn-join" or peer < 30 else peer / 20) / (1 + 0.35 * (procs - 1) * (runtime != "pth"))
    middle = [runtime and f"runtime:{runtime}", scheduler and f"sched:{scheduler}", tracer and f"tracer:{tracer}"]
    middle.append(model != "scanbit" and f"syscalls:{model}")
    bound = [] if bind == "none" else [f"bind:{bind}"]
    entry = {
        "name": "/".join([PARAMETERS.get(workload, workload), *[m for m in middle if m], f"procs:{procs}", *bound]), "run_type": "iteration",
        "kind": "bench", "workload": workload, "param": 0, "unit": "operation", "runtime": runtime, "scheduler": scheduler,
        "tracer": tracer or "none", "tracing": bool(tracer), "syscalls": model, "procs": procs, "bind": bind,
        "bind_effective": "0" if procs == 1 else f"0-{procs - 1}", "repetitions": 9, "iterations": 120000, "time_unit": "ns",
        "counters": {"p50": round(off * 0.98, 2), "p99": round(off * 1.9, 2), "instructions": 410.2}, "hardware": None,
        "verdict": "ok", "why": None,
    }  # fmt: skip
    samples = around(rng, off)
    if tracer:
        each = TRACERS.get(tracer, 70.0)
        on = [x + events * y for x, y in zip(around(rng, off), around(rng, each))]
        entry["pair"] = {"with": entry["name"].replace(f"/tracer:{tracer}", ""), "off": samples, "on": on, "events_per_op": float(events)}
        samples = on
    entry["samples"] = samples
    entry["median"] = entry["real_time"] = sorted(samples)[4]
    return entry


def stress(rng, test: str, scheduler: str, tracer: str, files: str | None, bad: int = 0) -> dict:
    return {
        "test": test, "runtime": "gmp", "scheduler": scheduler, "tracer": tracer, "syscalls": "scanbit", "procs": 4, "bind": "none",
        "generation": "mixed", "fault": None, "perturb": 0, "checkable": True, "seed": rng.getrandbits(47),
        "verdict": "inconsistent" if bad else "ok", "why": f"{bad} inconsistencies, the first: truth/missing-event" if bad else "",
        "replay": f"build/release/gauntlet-oracle stress {test} --scheduler={scheduler} --tracer={tracer} --seed=7 --duration=300ms",
        "rounds": 1, "events": rng.randint(90_000, 900_000), "inconsistencies": bad, "world_stop_max_ns": rng.randint(10**6, 4 * 10**7),
        "by_class": {"truth/missing-event": bad} if bad else {}, "windows": {"syscall-steal": rng.randint(50, 900), "inject": 61},
        "found": None, "findings": ["truth: missing-event at generation 39, M 9842, byte 0"] if bad else [],
        "files": [files] if files else [], "name": test, "run_type": "iteration", "real_time": 0.6, "time_unit": "s",
    }  # fmt: skip


def fault(rng, name: str, found: bool) -> dict:
    entry = stress(rng, "inject", "worksteal", "gen", None, 12 if found else 0)
    entry |= {"fault": name, "verdict": "inconsistent" if found else "ok"}
    entry["found"] = {"oracle": "truth", "class": "missing-event", "seconds": 0.5, "events": 130_000, "as_expected": True} if found else None
    return entry


class Folder:
    """A run's folder, record by record."""

    def __init__(self, path: str, date: str, env: dict, seed: int) -> None:
        self.path, self.date, self.env, self.n = path, date, env, 0
        os.makedirs(os.path.join(path, "cells"))
        self.head = {"schema": 1, "date": date, "seed": seed, "environment": env, "plan": {"path": "test", "text": "", "cells": []}}

    def add(self, kind: str, entries: list[dict], verdict: str = "ok", why: str | None = None) -> None:
        name = f"{kind}/{self.n}"
        record = {
            "schema": 1, "cell": {"index": self.n, "kind": kind, "name": name, "run": 1, "seed": self.n, "duration_s": 0.3},
            "command": ["build/release/gauntlet", "bench", kind], "date": self.date, "seconds": 0.5, "verdict": verdict, "why": why,
            "context": {"date": self.date, "environment": self.env}, "benchmarks": entries,
        }  # fmt: skip
        with open(os.path.join(self.path, "cells", f"{self.n:04}.json"), "w", encoding="utf-8") as f:
            json.dump(record, f)
        self.head["plan"]["cells"].append({"name": name, "duration_s": 0.3})
        self.n += 1

    def close(self) -> None:
        with open(os.path.join(self.path, "run.json"), "w", encoding="utf-8") as f:
            json.dump(self.head, f)


def everything(place: str, run: int, runs: int, machine: int = 0) -> None:
    """One run of the history. yield on worksteal became 18 % slower in run 8; newest run: a void cell, an inconsistency,
    a fault that was missed, names and reasons that are HTML."""
    rng = random.Random(1000 * machine + run)
    revision, newest = REVISIONS[run], run == runs - 1
    folder = Folder(place, f"2026-10-{run + 1:02}T12:00:00Z", environment(revision, machine, run), 7 + run)
    for w in WORKLOADS:
        for procs in (1, 2, 4):
            slow = 1.18 if w == "yield" and run >= 8 else 1.0
            folder.add("bench", [bench(rng, w, "gmp", s, None, procs, slow if s == "worksteal" else 1.0) for s in SCHEDULERS])
            folder.add("bench", [bench(rng, w, p, None, None, procs) for p in PEERS if p != "floor" or procs == 1])
        folder.add("bench", [bench(rng, w, "gmp", s, t, 1) for s in SCHEDULERS for t in TRACERS] + [bench(rng, w, "go", None, "go", 1)])
    for s in SCHEDULERS:
        for t in ("gen", "locked"):
            trace = None
            bad = 974 if newest and (s, t) == ("numa", "gen") else 0
            if bad:
                trace = os.path.join(place, "files", f"{folder.n:04}", "syscall-storm-1.trace")
                os.makedirs(os.path.dirname(trace))
                with open(trace, "wb") as f:
                    f.write(b"go 1.26 trace\0\0\0")
            folder.add("stress", [stress(rng, "syscall-storm", s, t, trace, bad)], "inconsistent" if bad else "ok")
            folder.add("stress", [stress(rng, "gc-stop", s, t, None)])
    for name in ("inject_event_first", "retake_unguarded", "self_steal_unguarded", "stack_after_block"):
        missed = newest and name == "stack_after_block"
        folder.add("faults", [fault(rng, name, not missed)], "missed" if missed else "found", "no oracle saw it" if missed else None)
    if run in (4, runs - 1):  # void: kept, with the reason, without a figure
        for entry in (bench(rng, "forkjoin", "gmp", "fifo", None, 8), bench(rng, "forkjoin", "gmp", "numa", None, 8)):
            entry |= {"verdict": "void", "why": f"binding not effective: {EVIL if newest else 'asked 0-7, got 0-1'}", "samples": [424242.0] * 9, "real_time": 424242.0,
                      "floor": {"what": "by hand", "median": 424242.0}}  # fmt: skip
            folder.add("bench", [entry], "void", entry["why"])
    else:
        folder.add("bench", [bench(rng, "forkjoin", "gmp", "fifo", None, 8)])
    if machine == 1:  # bindings and models of system calls beside each other
        folder.add("bench", [bench(rng, "yield", "gmp", "worksteal", None, 1, 3.0, bind="none"),
                             bench(rng, "yield", "gmp", "global", None, 1, 3.0, bind="none"),
                             bench(rng, "yield", "gmp", "worksteal", None, 1, 7.0, model="status")])  # fmt: skip
    if newest:
        entry = bench(rng, "yield", "gmp", "worksteal", None, 1)
        entry["name"] = f"yield:{EVIL}/runtime:gmp/procs:1"
        folder.add("bench", [entry])
    folder.close()


def many(path: str, cells: int, runs: int) -> None:
    """A store of `cells` cells over `runs` runs, by the store's own code: half of the names have a history of all runs,
    the others are of one run each."""
    from gauntlet_results.model import ResultSet, Series
    from gauntlet_results.store import Store

    rng = random.Random(1)
    columns = [[round(rng.gauss(1, 0.02), 5) for _ in range(9)] for _ in range(997)]  # drawing each one takes too long

    def cell(run: int, i: int, only: str) -> tuple[dict, list]:
        w, s, t = list(WORKLOADS)[i % 6], SCHEDULERS[i // 6 % 4], (None, "gen")[i // 24 % 2]
        name = f"{w}:{only}{i // 192}/runtime:gmp/sched:{s}{f'/tracer:{t}' if t else ''}/procs:{1 + i // 48 % 4}/bind:pu"
        attrs = {"workload": w, "runtime": "gmp", "scheduler": s, "tracer": t or "none", "procs": 1 + i // 48 % 4, "bind": "pu",
                 "repetitions": 9, "iterations": 120000, "command": ["gauntlet", "bench", w]}  # fmt: skip
        base, noise = WORKLOADS[w][0], columns[(i * 31 + run * 17) % 997]
        verdict, why = ("void", "binding not effective") if i % 1000 == 999 else ("ok", None)
        figures = [("time", "ns", tuple(round(base * x, 4) for x in noise))]
        if t:
            figures.append(("tracing", "ns", tuple(round(40 * x, 4) for x in noise)))
        return ({"name": name, "kind": "bench", "verdict": verdict, "why": why, "attrs": attrs},
                [Series(name, m, u, "lower", v, verdict, why, attrs) for m, u, v in figures])  # fmt: skip

    each = cells // runs
    with Store(path, write=True) as store:
        for run in range(runs):
            made = [cell(run, i, f"{run}x" if i >= each // 2 else "") for i in range(each)]
            store.add(ResultSet(
                id="", label=f"run {run}", date=f"2026-10-{run + 1:02}T12:00:00Z", revision=REVISIONS[run], dirty=None, seed=run,
                environment=environment(REVISIONS[run], 0, 0), series=[s for _, series in made for s in series],
                cells=[c for c, _ in made], problems=[], path=None, complete=True, key=f"run {run}",
            ).seal())  # fmt: skip


def main() -> None:
    p = argparse.ArgumentParser()
    p.add_argument("--cells", type=int, default=0)
    p.add_argument("--runs", type=int, default=14)
    p.add_argument("--store")
    p.add_argument("folder", nargs="?")
    args = p.parse_args()
    if args.store:
        many(args.store, args.cells, args.runs)
        return
    for run in range(args.runs):
        everything(os.path.join(args.folder, f"2026-10-{run + 1:02}-{REVISIONS[run][:7]}"), run, args.runs)
    everything(os.path.join(args.folder, "other-machine"), 3, args.runs, machine=1)


if __name__ == "__main__":
    main()
