# SPDX-License-Identifier: Apache-2.0
"""Records for tests, in the form that gauntlet writes them: tests/integration/results_records.sh holds the real ones beside
the same schema."""

import copy
import json
import os

ENVIRONMENT = {
    "host": "here",
    "cpu": "Some CPU",
    "num_cpus": 2,
    "kernel": {"system": "Linux", "release": "6.1.0", "version": "#1", "machine": "x86_64"},
    "topology": {"packages": 1, "numa_nodes": 1, "cores": 2, "pus": 2, "allowed": "0-1", "this_machine": True},
    "settings": {"governor": None, "clocksource": "tsc"},
    "mitigations": {"meltdown": "Not affected"},
    "build": {
        "preset": "release", "compiler": "GNU 12.2.0", "flags": "-O2", "revision": "0123456789ab", "dirty_diff": None,
    },
    "libraries": {"libc": "2.36"},
}  # fmt: skip
DATE = "2026-11-21T10:00:00Z"


def environment(**build) -> dict:
    e = copy.deepcopy(ENVIRONMENT)
    e["build"].update(build)
    return e


def bench(name: str, samples, pair=None, counters=None, **more) -> dict:
    """A bench entry; pair: (off, on, events_per_op)."""
    parts = dict(p.partition(":")[::2] for p in name.split("/")[1:])
    workload, _, param = name.split("/")[0].partition(":")
    entry = {
        "name": name, "run_type": "iteration", "kind": "bench", "workload": workload, "param": int(param or 0),
        "unit": "round trip", "runtime": parts.get("runtime"), "scheduler": parts.get("sched"),
        "tracer": parts.get("tracer"), "tracing": "tracer" in parts, "syscalls": "scanbit",
        "procs": int(parts.get("procs", 1)), "bind": parts.get("bind", "none"), "bind_effective": "0-1",
        "repetitions": len(samples), "iterations": 1000, "real_time": samples[0] if samples else None,
        "time_unit": "ns", "samples": list(samples), "median": None, "low": None, "high": None, "cpu_time": None,
        "counters": counters or {}, "hardware": "no perf_event_open here", "verdict": "ok", "why": None,
    }  # fmt: skip
    if pair:
        off, on, per_op = pair
        entry["pair"] = {"with": name.replace("/tracer:gen", ""), "off": off, "on": on, "events_per_op": per_op}
    return {**entry, **more}


def stress(test: str, scheduler: str = "worksteal", **more) -> dict:
    return {
        "test": test, "runtime": "gmp", "scheduler": scheduler, "tracer": "gen", "syscalls": "scanbit", "procs": 4,
        "bind": "none", "fault": None, "seed": 2**63 + 5, "verdict": "ok", "why": "", "events": 1000,
        "inconsistencies": 0, "world_stop_max_ns": 42000, "windows": {"inject": 5, "advance": 2}, "by_class": {},
        "found": None, "files": [], "name": f"stress/{test}/schedulers={scheduler}/tracers=gen",
        "run_type": "iteration", "real_time": 0.5, "time_unit": "s", **more,
    }  # fmt: skip


def record(entries, kind: str = "bench", name: str = "bench/cell", verdict: str = "ok", why=None, env=None, **cell) -> dict:
    env = env or environment()
    return {
        "schema": 1,
        "cell": {"index": 0, "kind": kind, "name": name, "run": 1, "seed": 2**64 - 1, "duration_s": 0.5, **cell},
        "command": ["gauntlet", "bench", "--json"],
        "date": DATE,
        "seconds": 1.5,
        "verdict": verdict,
        "why": why,
        "context": {"date": DATE, "host_name": "here", "num_cpus": 2, "environment": env},
        "benchmarks": entries,
    }


def printed(entries, env=None) -> dict:
    """What `bench --json` prints."""
    return {k: v for k, v in record(entries, env=env).items() if k in ("context", "benchmarks")}


def write(path: str, value) -> str:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        json.dump(value, f)
    return path


def run_folder(path: str, records, planned: int | None = None, date: str = DATE, seed: int = 7, env=None) -> str:
    """A run's folder with these records; planned: how many its plan has."""
    env = env or environment()
    names = [{"name": f"cell {i}", "duration_s": 1.0} for i in range(len(records) if planned is None else planned)]
    run = {"schema": 1, "date": date, "seed": seed, "plan": {"cells": names}, "environment": env, "resumed": []}
    write(os.path.join(path, "run.json"), run)
    os.makedirs(os.path.join(path, "cells"), exist_ok=True)
    for i, r in enumerate(records):
        write(os.path.join(path, "cells", f"{i:04}.json"), r)
    return path


def yields(scale: float = 1.0, n: int = 9) -> list[dict]:
    """Two schedulers with tracing off, one with it on."""
    base = [10.0 * scale + 0.1 * i for i in range(n)]
    on = [b + 20.0 for b in base]
    return [
        bench("yield/runtime:gmp/sched:worksteal/procs:1/bind:pu", base, counters={"p99": 30.0, "crossed": 0.5}),
        bench("yield/runtime:gmp/sched:global/procs:1/bind:pu", [2 * b for b in base]),
        bench("yield/runtime:gmp/sched:worksteal/tracer:gen/procs:1/bind:pu", on, pair=(base, on, 2.0)),
    ]
