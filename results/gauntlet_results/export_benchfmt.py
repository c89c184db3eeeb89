# SPDX-License-Identifier: Apache-2.0
"""Go's benchmark format, for benchstat: a line per repetition, every metric of the cell in it.

The parts of a name are key=value, so that benchstat can filter and project by them; procs is the -N that Go appends.
Configuration is what must be equal for a comparison, since benchstat makes a table for each; which run it was stands in
a comment. A format of lines without a way to mark a void cell: they are left out.
"""

import re

from .export_common import Cell, cells_of, counted, name_parts
from .model import ResultSet, Series, machine_facts

_PLAIN = {"time": "ns/op"}  # what benchstat knows by itself


def _word(text) -> str:
    return re.sub(r"[\s\x00-\x1f]+", "_", str(text)) or "_"


def bench_name(name: str) -> str:
    head, param, keys = name_parts(name)
    procs = next((v for k, v in keys if k == "procs" and v.isdigit()), None)
    parts = [head[:1].upper() + head[1:]]
    if param:
        parts.append(f"param={param}")
    parts += [f"{k}={v}" for k, v in keys if not (k == "procs" and v == procs)]
    return "Benchmark" + _word("/".join(parts)) + (f"-{procs}" if procs else "")


def unit_of(s: Series) -> str:
    """A unit names the metric here: no two of a line are alike."""
    if s.metric in _PLAIN:
        return _PLAIN[s.metric]
    per_op = "ns" if s.metric.endswith("_ns") else "ns/op"
    suffix = {"ns": per_op, "s": "sec", "bytes": "B", "%": "percent"}.get(s.unit, "")
    stem = re.sub(r"_(ns|s|percent|bytes)$", "", s.metric) if suffix else s.metric
    return _word("-".join(p for p in (stem.replace("_", "-"), suffix) if p))


_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def _config(rs: ResultSet) -> list[str]:
    facts = machine_facts(rs.environment)
    pairs = {
        "goos": "linux",
        "goarch": _ARCHITECTURES.get(facts["architecture"], facts["architecture"] or "unknown"),
        "pkg": "gauntlet",
        "cpu": facts["cpu"] or "unknown",
    }
    changes = " and changes" if rs.dirty else ""
    about = f"# gauntlet run {rs.id[:12]}, {rs.date}, revision {rs.revision}{changes}; {rs.machine}"
    return [" ".join(about.split()), *(f"{key}: {' '.join(str(value).split())}" for key, value in pairs.items())]


def _units(cells: list[Cell]) -> list[str]:
    better = {}
    for cell in cells:
        for s in cell.series.values():
            if s.better != "none" and s.metric not in _PLAIN:
                better[unit_of(s)] = s.better
    return [f"Unit {unit} better={what}" for unit, what in sorted(better.items())]


def _lines(cell: Cell) -> list[str]:
    iterations = max(1, int(cell.attrs.get("iterations") or 1))
    name = bench_name(cell.name)
    lines = []
    for i in range(max(len(s.samples) for s in cell.series.values())):
        values = (f"{s.samples[i]!r} {unit_of(s)}" for s in cell.series.values() if i < len(s.samples))
        lines.append(f"{name} {iterations} {' '.join(values)}")
    return lines


def benchfmt(rs: ResultSet) -> tuple[str, str]:
    cells = cells_of(rs)
    usable = [c for c in cells if c.usable]
    lines = [*_config(rs), "", *_units(usable), ""]
    for cell in usable:
        lines += _lines(cell)
    return "\n".join(lines) + "\n", counted(len(cells) - len(usable))
