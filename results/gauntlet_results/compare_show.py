# SPDX-License-Identifier: Apache-2.0
"""A Comparison as text of at most 100 columns, and as JSON."""

import math

from . import stats
from .comparison import Apart, Comparison, Row
from .figures import amount, bounds, p_value, painted, percent, shortened
from .model import ResultSet

WIDTH = 100
STATES = (
    ("broken", "wrong in NEW"),
    ("missing", "missing from NEW"),
    ("void", "without numbers in NEW"),
    ("unclear", "inconclusive in NEW"),
    ("still broken", "wrong in both"),
    ("void before", "without numbers in BASE"),
    ("mended", "no longer wrong"),
    ("added", "only in NEW"),
)
HEADS = {
    "worse": "worse",
    "inconclusive": "inconclusive: neither a change nor its absence was shown",
    "better": "better",
    "changed": "changed (neither direction is better)",
    "same": "same",
}


def _set_line(name: str, rs: ResultSet) -> str:
    dirty = f" + changes {rs.dirty[:8]}" if rs.dirty else ""
    return shortened(f"{name}  {rs.label}  revision {rs.revision}{dirty}  {rs.date}", WIDTH)


def heading(c: Comparison) -> list[str]:
    lines = [_set_line("BASE", c.base), _set_line("NEW ", c.new)]
    if c.environment:
        lines.append("NOT THE SAME ENVIRONMENT: a change may be the machine's, not the program's")
        lines += [shortened(f"  {d}", WIDTH) for d in c.environment]
    return lines


def _figure(i: stats.Interval, unit: str) -> str:
    return f"{amount(i.value, unit)} ({bounds(i.low, i.high, unit)})"


def _change(row: Row) -> str:
    if row.change is None:
        return ""
    c = row.change
    return f"{percent(c.value)} ({100 * c.low:+.1f}..{100 * c.high:+.1f})"


def row_lines(row: Row, colour: bool) -> list[str]:
    """Two lines: the cell; what was measured. A third where there is something to explain."""
    figures = f"{_figure(row.base, row.unit)} -> {_figure(row.new, row.unit)}"
    tail = f"{_change(row)}  p {p_value(row.p)}" if row.change else ""
    first = f"    {row.metric:<8} {figures:<50} "
    lines = [shortened(f"  {row.cell}", WIDTH), first + painted(tail, row.verdict, colour)]
    if len(first) + len(tail) > WIDTH:
        lines = [lines[0], first.rstrip(), "             " + painted(tail, row.verdict, colour)]
    if row.why:
        lines.append(shortened(f"             {row.why}", WIDTH))
    return lines


def _section(title: str, rows: list[Row], colour: bool, word: str) -> list[str]:
    lines = ["", painted(f"{title} ({len(rows)})", word, colour)]
    for row in rows:
        lines += row_lines(row, colour)
    return lines


def _apart_lines(title: str, found: list[Apart], colour: bool, word: str) -> list[str]:
    lines = ["", painted(f"{title} ({len(found)})", word, colour)]
    for a in found:
        lines += [shortened(f"  {a.cell}", WIDTH), shortened(f"    {a.why}", WIDTH)]
    return lines


def sections(c: Comparison, everything: bool, colour: bool) -> list[str]:
    lines = []
    broken = c.apart_as("broken")
    if broken:
        lines += _apart_lines(dict(STATES)["broken"], broken, colour, "broken")
    for verdict in ("worse", "inconclusive", "better", "changed", "same"):
        rows = c.of(verdict)
        if rows and (verdict != "same" or everything):
            lines += _section(HEADS[verdict], rows, colour, verdict)
    for state, title in STATES[1:]:
        found = c.apart_as(state)
        if found:
            lines += _apart_lines(title, found, colour, state)
    return lines


def summary(c: Comparison) -> str:
    counts = [f"{len(c.of(v))} {v}" for v in ("worse", "better", "changed", "same", "inconclusive") if c.of(v)]
    counts += [f"{len(c.apart_as(s))} {title}" for s, title in STATES if c.apart_as(s)]
    return f"{len(c.rows)} row{'s' if len(c.rows) != 1 else ''}: " + (", ".join(counts) or "nothing")


def method(c: Comparison) -> str:
    how = "chance of any false alarm" if c.correction == "holm" else "share of false alarms"
    return f"(median, 95 % interval; p: Mann-Whitney; {how} kept below {100 * c.alpha:g} % over {c.family} tests)"


# ---- JSON -----------------------------------------------------------------------------------------------------------
def _finite(value):
    return value if value is None or math.isfinite(value) else None


def _interval(i: stats.Interval | None) -> dict | None:
    return i and {"value": _finite(i.value), "low": _finite(i.low), "high": _finite(i.high), "level": i.level}


def row_object(row: Row) -> dict:
    t = row.threshold
    return {
        "cell": row.cell,
        "metric": row.metric,
        "unit": row.unit,
        "better": row.better,
        "verdict": row.verdict,
        "why": row.why or None,
        "doubt": row.doubt or None,
        "samples": list(row.n),
        "pooled": row.pooled,
        "base": _interval(row.base),
        "new": _interval(row.new),
        "change": _interval(row.change),
        "p": row.p,
        "p_worse": row.p_worse,
        "p_better": row.p_better,
        "cliffs_delta": row.effect,
        "threshold": t and {"value": t.value, "source": t.source, "asked": t.asked},
    }


def _set_object(rs: ResultSet) -> dict:
    keys = ("id", "label", "date", "revision", "dirty", "seed", "complete", "problems", "path", "machine")
    return {k: getattr(rs, k) for k in keys}


def comparison_object(c: Comparison) -> dict:
    return {
        "schema": 1,
        "base": _set_object(c.base),
        "new": _set_object(c.new),
        "environment": c.environment,
        "alpha": c.alpha,
        "correction": c.correction,
        "tests": c.family,
        "rows": [row_object(r) for r in c.rows],
        "apart": [{"cell": a.cell, "state": a.state, "why": a.why} for a in c.apart],
    }
