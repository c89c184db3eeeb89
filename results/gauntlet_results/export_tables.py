# SPDX-License-Identifier: Apache-2.0
"""CSV, and the whole set as one JSON file."""

import csv
import io
import json

from .export_common import cells_of, marked
from .model import ResultSet
from .quantiles import describe

COLUMNS = (
    "run", "date", "revision", "dirty", "machine", "cell", "kind", "workload", "param", "runtime", "scheduler", "tracer",
    "syscalls", "procs", "bind", "verdict", "why", "metric", "unit", "better", "n", "median", "low", "high", "q1", "q3",
    "samples",
)  # fmt: skip
_ATTRS = ("param", "runtime", "scheduler", "tracer", "syscalls", "procs", "bind")
_STATS = ("n", "median", "low", "high", "q1", "q3")


def _row(rs: ResultSet, cell) -> dict:
    a = cell.attrs
    work = a.get("workload") or a.get("row") or a.get("test")
    own = {"cell": cell.name, "kind": cell.kind, "workload": work, "verdict": cell.verdict, "why": cell.why}
    run = {"run": rs.id, "date": rs.date, "revision": rs.revision, "dirty": rs.dirty, "machine": rs.machine}
    return {**run, **own, **{k: a.get(k) for k in _ATTRS}}


def csv_table(rs: ResultSet) -> tuple[str, str]:
    """A row per series; of a cell that must not be used one row without metric. `samples`: parted by blanks."""
    out, void = io.StringIO(), 0
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for cell in cells_of(rs):
        row = _row(rs, cell)
        if not cell.usable:
            writer.writerow(row)
            void += 1
        for s in cell.series.values():
            stats = {k: repr(v) for k, v in describe(s.samples).items() if k in _STATS}
            samples = " ".join(repr(v) for v in s.samples)
            writer.writerow({**row, "metric": s.metric, "unit": s.unit, "better": s.better, **stats, "samples": samples})
    return out.getvalue(), marked(void)


def _lines(values) -> str:
    """One value a line: git shows which cell differs."""
    return "[\n" + ",\n".join("  " + json.dumps(v, sort_keys=True) for v in values) + "\n ]"


def whole_set(rs: ResultSet) -> tuple[str, str]:
    head = {
        "gauntlet": "set", "schema": 1, "id": rs.id, "key": rs.key, "label": rs.label, "date": rs.date,
        "revision": rs.revision, "dirty": rs.dirty, "seed": rs.seed, "complete": rs.complete, "problems": rs.problems,
        "environment": rs.environment,
    }  # fmt: skip
    cells = [{k: c[k] for k in ("name", "kind", "verdict", "why", "attrs")} for c in rs.cells]
    series = [
        {"cell": s.cell, "metric": s.metric, "unit": s.unit, "better": s.better, "samples": list(s.samples)}
        for s in rs.series
    ]
    text = json.dumps(head, indent=1)[:-2] + f',\n "cells": {_lines(cells)},\n "series": {_lines(series)}\n}}\n'
    return text, ""
