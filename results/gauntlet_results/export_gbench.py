# SPDX-License-Identifier: Apache-2.0
"""Google Benchmark's JSON, as its own tools (compare.py) read it: an entry per repetition, then the aggregates.

The metric `time` is the benchmark; other times (tracing, event) are benchmarks of their own, `NAME/metric:tracing`. All
else stands as counters in each entry. cpu_time is 0 where it was not measured: compare.py must have a number.
"""

import json
import statistics

from .export_common import Cell, cells_of, counted, marked
from .model import ResultSet


def _context(rs: ResultSet) -> dict:
    environment = rs.environment
    topology = environment.get("topology") or {}
    return {
        "date": rs.date,
        "host_name": environment.get("host") or "",
        "executable": "gauntlet",
        "num_cpus": environment.get("num_cpus") or topology.get("pus") or 1,
        "mhz_per_cpu": 0,
        "cpu_scaling_enabled": (environment.get("settings") or {}).get("governor") not in (None, "performance"),
        "caches": [],
        "load_avg": [],
        "library_build_type": "release",
        "gauntlet_run": rs.id,
        "revision": rs.revision,
        "dirty_diff": rs.dirty or "",
        "machine": rs.machine,
    }


def _common(name: str, index: int, n: int) -> dict:
    return {
        "name": name,
        "family_index": index,
        "per_family_instance_index": 0,
        "run_name": name,
        "repetitions": n,
        "threads": 1,
    }


def _counters(cell: Cell) -> dict:
    others = (s for s in cell.series.values() if s.unit != "ns")
    return {s.metric: statistics.median(s.samples) for s in others}


def _aggregates(common: dict, samples) -> list[dict]:
    mean = statistics.fmean(samples)
    deviation = statistics.stdev(samples) if len(samples) > 1 else 0.0
    values = [("mean", "time", mean), ("median", "time", statistics.median(samples)), ("stddev", "time", deviation)]
    if mean:
        values.append(("cv", "percentage", deviation / mean))
    return [
        {
            **common, "name": f"{common['name']}_{what}", "run_type": "aggregate", "aggregate_name": what,
            "aggregate_unit": unit, "iterations": len(samples), "real_time": value, "cpu_time": 0.0, "time_unit": "ns",
        }
        for what, unit, value in values
    ]  # fmt: skip


def _benchmark(name: str, index: int, samples, cell: Cell) -> list[dict]:
    common = _common(name, index, len(samples))
    cpu, iterations, counters = cell.attrs.get("cpu_time"), cell.attrs.get("iterations"), _counters(cell)
    entries = [
        {
            **common, "run_type": "iteration", "repetition_index": i, "iterations": int(iterations or 1),
            "real_time": s, "cpu_time": cpu if isinstance(cpu, (int, float)) else 0.0, "time_unit": "ns", **counters,
        }
        for i, s in enumerate(samples)
    ]  # fmt: skip
    return entries + (_aggregates(common, samples) if len(samples) > 1 else [])


def _error(cell: Cell, index: int) -> dict:
    return {
        **_common(cell.name, index, 1), "run_type": "iteration", "repetition_index": 0, "error_occurred": True,
        "error_message": f"{cell.verdict}: {cell.why or 'no reason given'}", "iterations": 0, "real_time": 0.0,
        "cpu_time": 0.0, "time_unit": "ns",
    }  # fmt: skip


def gbench(rs: ResultSet) -> tuple[str, str]:
    entries, index, void, timeless = [], 0, 0, 0
    for cell in cells_of(rs):
        if not cell.usable:
            entries.append(_error(cell, index))
            index, void = index + 1, void + 1
            continue
        times = [s for s in cell.series.values() if s.unit == "ns"]
        timeless += not times
        for s in times:
            name = cell.name if s.metric == "time" else f"{cell.name}/metric:{s.metric}"
            entries += _benchmark(name, index, s.samples, cell)
            index += 1
    text = json.dumps({"context": _context(rs), "benchmarks": entries}, indent=2) + "\n"
    return text, "; ".join(line for line in (marked(void), counted(0, timeless)) if line)
