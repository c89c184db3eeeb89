# SPDX-License-Identifier: Apache-2.0
"""Bencher Metric Format and OpenMetrics: the median of each series with its interval."""

import datetime
import json
import re

from .export_common import Cell, cells_of, counted, marked
from .model import ResultSet, Series
from .quantiles import describe

# ---- Bencher Metric Format --------------------------------------------------------------------------------------------
_MEASURES = {"time": "latency"}  # Bencher's own name for nanoseconds


def bmf(rs: ResultSet) -> tuple[str, str]:
    """benchmark -> measure -> value, lower_value, upper_value, in the metric's own unit."""
    out, cells = {}, cells_of(rs)
    for cell in cells:
        measures = {}
        for s in cell.series.values():
            d = describe(s.samples)
            name = _MEASURES.get(s.metric, s.metric.replace("_", "-"))
            measures[name] = {"value": d["median"], "lower_value": d["low"], "upper_value": d["high"]}
        if measures:
            out[cell.name] = measures
    return json.dumps(out, indent=2) + "\n", counted(len(cells) - len(out))


# ---- OpenMetrics ------------------------------------------------------------------------------------------------------
# Base units, as the standard wants them: the suffix, and what a value is multiplied by.
_UNITS = {"ns": ("seconds", 1e-9), "s": ("seconds", 1.0), "bytes": ("bytes", 1.0), "%": ("ratio", 0.01)}
_LABELS = ("workload", "test", "fault", "param", "runtime", "scheduler", "tracer", "syscalls", "procs", "bind")


def _escape(value) -> str:
    return str(value).replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _labels(pairs: dict) -> str:
    shown = (f'{k}="{_escape(v)}"' for k, v in pairs.items() if v not in (None, ""))
    return "{" + ",".join(shown) + "}"


def _cell_labels(cell: Cell) -> dict:
    return {"cell": cell.name, "kind": cell.kind, **{k: cell.attrs.get(k) for k in _LABELS}}


def _family(s: Series) -> tuple[str, str, float]:
    """Its name, its unit ("" none), the factor to that unit."""
    unit, factor = _UNITS.get(s.unit, ("", 1.0))
    stem = re.sub(r"_(ns|s|bytes|percent)$", "", s.metric) if unit else s.metric
    name = re.sub(r"[^a-zA-Z0-9_]", "_", f"gauntlet_{stem}")
    return (f"{name}_{unit}" if unit else name), unit, factor


def _head(name: str, kind: str, unit: str, about: str) -> list[str]:
    lines = [f"# TYPE {name} {kind}"]
    if unit:
        lines.append(f"# UNIT {name} {unit}")
    return [*lines, f"# HELP {name} {_escape(about)}"]


def _gauges(cells: list[Cell]) -> list[str]:
    families: dict[str, list[str]] = {}
    for cell in cells:
        labels = _cell_labels(cell)
        for s in cell.series.values():
            name, unit, factor = _family(s)
            about = f"{s.metric} of a cell, {s.unit} as measured: median and its 95 % interval"
            lines = families.setdefault(name, _head(name, "gauge", unit, about))
            d = describe(s.samples)
            lines += [f"{name}{_labels({**labels, 'stat': k})} {d[k] * factor!r}" for k in ("median", "low", "high")]
    return [line for name in sorted(families) for line in families[name]]


def _timestamp(date: str) -> float | None:
    try:
        return datetime.datetime.fromisoformat(date).timestamp()
    except ValueError:
        return None


def _about_run(rs: ResultSet) -> list[str]:
    lines = _head("gauntlet_run", "info", "", "the run that was exported")
    lines.append("gauntlet_run_info" + _labels({
        "run": rs.id[:12], "revision": rs.revision, "dirty": rs.dirty, "machine": rs.machine, "label": rs.label,
    }) + " 1")  # fmt: skip
    when = _timestamp(rs.date)
    if when is not None:
        lines += _head("gauntlet_run_date_seconds", "gauge", "seconds", "when the run began, since 1970")
        lines.append(f"gauntlet_run_date_seconds {when!r}")
    return lines


def openmetrics(rs: ResultSet) -> tuple[str, str]:
    cells = cells_of(rs)
    lines = _about_run(rs)
    lines += _head("gauntlet_cell_usable", "gauge", "", "1: the cell's numbers count; 0: its verdict forbids it")
    for c in cells:
        labels = {**_cell_labels(c), "verdict": c.verdict, "why": None if c.usable else c.why}
        lines.append(f"gauntlet_cell_usable{_labels(labels)} {int(c.usable)}")
    lines += _gauges(cells)
    return "\n".join([*lines, "# EOF"]) + "\n", marked(sum(not c.usable for c in cells))
