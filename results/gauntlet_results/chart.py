# SPDX-License-Identifier: Apache-2.0
"""One chart of the newest figures as a standalone SVG, light and dark: `gauntlet report --chart=FILE.svg --chart-of=WHAT`.

tracing: what each tracer adds to one operation. cost: one operation with tracing off, beside the peers. At one P, medians
with their 95 % intervals. Figures of cells that are not ok are left out.
"""

from __future__ import annotations

import html
import math
import os
from collections.abc import Iterable
from dataclasses import dataclass

from .cliargs import one_of
from .errors import INCONCLUSIVE, ResultsError
from .model import ResultSet
from .page import write_file
from .quantiles import describe

CHARTS = {
    "tracing": ("What tracing adds to one operation", "tracing", "gauntlet bench --tracer=gen,lttng --runtime=gmp,go"),
    "cost": ("One operation with tracing off", "time", "gauntlet bench --runtime=all"),
}
WORKLOADS = ("yield", "pingpong", "spawn-join", "syscall-storm", "forkjoin", "gc-trees")  # in this order; others are left out
SCHEDULER = "worksteal"  # of gmp: the one that stands for it
ORDER = ("gmp", "gmp-fused", "floor", "boost-fiber", "pth", "go", "pthread")
WIDTH, LEFT, RIGHT, BAR, GAP, TOP = 760, 130, 70, 13, 16, 78
LIGHT = ("#1d5fc4", "#b8420a", "#157a38", "#7e3fb8", "#8a6100", "#0e7490", "#4b5563")
DARK = ("#79a8ff", "#ff9a5c", "#5fd08a", "#c79bff", "#e3b341", "#4fd0e3", "#a9b4c2")


@dataclass(frozen=True)
class Bar:
    workload: str
    who: str
    median: float
    low: float
    high: float


def _base(workload: str) -> str:
    """Without its parameter: `yield` of `yield:2`."""
    return workload.partition(":")[0]


def _place(workload: str) -> tuple:
    parameter = workload.partition(":")[2]
    return (WORKLOADS.index(_base(workload)), int(parameter) if parameter.isdigit() else 0, workload)


def _who(attrs: dict, metric: str) -> str | None:
    runtime, tracer = attrs.get("runtime") or "gmp", attrs.get("tracer") or "none"
    if (tracer != "none") != (metric == "tracing") or attrs.get("procs") != 1:
        return None
    if runtime == "gmp" and attrs.get("scheduler") != SCHEDULER:
        return None
    if metric == "tracing":
        return f"{runtime}, {tracer}" if runtime != tracer else f"{runtime}’s own"
    return runtime


def bars_of(sets: Iterable[ResultSet], metric: str) -> tuple[list[Bar], ResultSet | None]:
    """Of the newest set (the last) that has figures of it, and that set: two runs are not beside each other."""
    bars, newest = [], None
    for rs in sets:
        found = _bars_of_one(rs, metric)
        if found:
            bars, newest = found, rs
    return bars, newest


def _bars_of_one(rs: ResultSet, metric: str) -> list[Bar]:
    found: dict[tuple[str, str], Bar] = {}
    for s in rs.series:
        workload = s.cell.split("/")[0]
        who = _who(s.attrs, metric) if s.metric == metric and s.verdict == "ok" and s.samples else None
        if who and _base(workload) in WORKLOADS:
            d = describe(s.samples)
            found[workload, who] = Bar(workload, who, d["median"], d["low"], d["high"])
    return list(found.values())


def _rank(who: str) -> tuple:
    runtime = who.split(",")[0].split("’")[0]
    return (ORDER.index(runtime) if runtime in ORDER else len(ORDER), who)


class Axis:
    """From nanoseconds to pixels; logarithmic where the largest is thirty times the smallest or more."""

    def __init__(self, bars: list[Bar]) -> None:
        top = max(max(b.high, b.median) for b in bars)
        least = min(b.median for b in bars)
        self.log = least > 0 and top / least >= 30
        self.low, self.high = (10 ** math.floor(math.log10(least)), top * 1.15) if self.log else (0.0, top * 1.05 or 1.0)

    def at(self, v: float) -> float:
        if self.log:
            share = math.log(max(v, self.low) / self.low) / math.log(self.high / self.low)
        else:
            share = max(v, 0.0) / self.high
        return LEFT + min(share, 1.0) * (WIDTH - LEFT - RIGHT)

    def ticks(self) -> list[float]:
        if self.log:
            first, last = round(math.log10(self.low)), math.floor(math.log10(self.high))
            return [10.0**e for e in range(first, last + 1)]
        raw = self.high / 5
        unit = 10 ** math.floor(math.log10(raw))
        step = next(m * unit for m in (1, 2, 5, 10) if m * unit >= raw)
        return [i * step for i in range(int(self.high / step) + 1)]


def nanoseconds(v: float) -> str:
    for scale, name in ((1e6, "ms"), (1e4, "µs")):
        if abs(v) >= scale:
            v /= 1e6 if name == "ms" else 1e3
            return f"{v:.3g} {name}"
    return f"{v:.3g} ns" if abs(v) < 1000 else f"{v:.0f} ns"


def _style(n: int) -> str:
    def colours(palette: tuple[str, ...]) -> str:
        return " ".join(f".c{i} {{ fill: {palette[i % len(palette)]}; }}" for i in range(n))

    return (
        "text { font: 13px system-ui, 'Segoe UI', sans-serif; fill: #1a1e23; } .title { font-size: 16px; font-weight: 600; }"
        " .small { font-size: 11.5px; fill: #57606a; } .ground { fill: #ffffff; } .grid { stroke: #e1e5ea; }"
        f" .whisker {{ stroke: #1a1e23; stroke-width: 1.2; }} {colours(LIGHT)}"
        " @media (prefers-color-scheme: dark) { text { fill: #e6e9ed; } .small { fill: #9da7b3; } .ground { fill: #121519; }"
        f" .grid {{ stroke: #2a3037; }} .whisker {{ stroke: #e6e9ed; }} {colours(DARK)} }}"
    )


def _bar(b: Bar, y: float, axis: Axis, colour: int) -> list[str]:
    start, end = axis.at(axis.low), axis.at(b.median)
    middle = y + BAR / 2
    out = [f'<rect class="c{colour}" x="{start:.1f}" y="{y:.1f}" width="{max(end - start, 1):.1f}" height="{BAR - 2}"/>']
    if axis.log:  # a bar from a floor that is no zero has no length: a dot on a line
        out = [f'<line class="grid" x1="{start:.1f}" x2="{end:.1f}" y1="{middle:.1f}" y2="{middle:.1f}"/>',
               f'<circle class="c{colour}" cx="{end:.1f}" cy="{middle:.1f}" r="5"/>']  # fmt: skip
    low, high = axis.at(b.low), axis.at(b.high)
    if high - low > 1:
        out.append(f'<line class="whisker" x1="{low:.1f}" x2="{high:.1f}" y1="{middle - 1:.1f}" y2="{middle - 1:.1f}"/>')
    words = f"{b.workload}, {b.who}: {nanoseconds(b.median)}, {nanoseconds(b.low)} to {nanoseconds(b.high)}"
    out.append(f'<text class="small" x="{max(end, high) + 8:.1f}" y="{middle + 3.5:.1f}">{html.escape(nanoseconds(b.median))}</text>')
    return [f"<g><title>{html.escape(words)}</title>", *out, "</g>"]


def _legend(names: list[str]) -> tuple[list[str], int]:
    """Its elements, and how many lines they take."""
    legend: list[str] = []
    x, line = LEFT, 0
    for i, name in enumerate(names):
        wide = 16 + 8 * len(name) + 22
        if x + wide > WIDTH and x > LEFT:
            x, line = LEFT, line + 1
        y = 47 + 18 * line
        legend.append(f'<rect class="c{i}" x="{x}" y="{y}" width="11" height="11"/><text x="{x + 16}" y="{y + 10}">{html.escape(name)}</text>')
        x += wide
    return legend, line + 1


def svg(bars: list[Bar], title: str, note: str) -> str:
    names = sorted({b.who for b in bars}, key=_rank)
    works = sorted({b.workload for b in bars}, key=_place)
    bases = [_base(w) for w in works]
    axis = Axis(bars)
    body: list[str] = []
    y = float(TOP)
    for w in works:
        group = sorted((b for b in bars if b.workload == w), key=lambda b: _rank(b.who))
        body.append(f'<text x="{LEFT - 10}" y="{y + len(group) * BAR / 2 + 4:.1f}" text-anchor="end">{html.escape(w if bases.count(_base(w)) > 1 else _base(w))}</text>')
        for b in group:
            body += _bar(b, y, axis, names.index(b.who))
            y += BAR
        y += GAP
    bottom = y - GAP / 2
    grid = [
        f'<line class="grid" x1="{axis.at(t):.1f}" x2="{axis.at(t):.1f}" y1="{TOP - 6}" y2="{bottom:.1f}"/>'
        f'<text class="small" x="{axis.at(t):.1f}" y="{bottom + 15:.1f}" text-anchor="middle">{nanoseconds(t)}</text>'
        for t in axis.ticks()
    ]
    legend, lines = _legend(names)
    down = 18 * (lines - 1)  # all below the legend
    height = bottom + 44 + down
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" height="{height:.0f}" role="img">',
        f"<title>{html.escape(title)}</title>", f"<style>{_style(len(names))}</style>",
        f'<rect class="ground" width="{WIDTH}" height="{height:.0f}"/>', f'<text class="title" x="16" y="27">{html.escape(title)}</text>',
        *legend, f'<g transform="translate(0 {down})">', *grid, *body, "</g>", f'<text class="small" x="16" y="{height - 8:.1f}">{html.escape(note)}</text>', "</svg>", "",
    ])  # fmt: skip


def write_chart(sets: Iterable[ResultSet], path: str, what: str) -> int:
    title, metric, how = CHARTS[one_of("chart", what, CHARTS)]
    bars, newest = bars_of(sets, metric)
    if not bars or newest is None:
        raise ResultsError(INCONCLUSIVE, f"nothing to draw for '{what}': no cell has it; measure with {how}")
    cpu = newest.environment.get("cpu") or "unknown CPU"
    note = f"Median and 95 % interval, 1 P, gmp with {SCHEDULER}; {cpu}, {newest.revision[:12]}, {newest.date[:10]}" + ("; logarithmic" if Axis(bars).log else "")
    write_file(path, [svg(bars, title, note)])
    print(os.path.normpath(path))
    return 0
