# SPDX-License-Identifier: Apache-2.0
"""A run of `gauntlet bench` with peers against what gmp is meant to reach beside them: the section of docs/performance.md
that `scripts/performance` writes.

    python3 -m gauntlet_results.targets FOLDER      FOLDER: of bench --out

A target is met when the ratio of the medians meets it, surely when it does wherever in their intervals the medians lie. A
difference whose interval reaches zero is within the noise: it has no ratio. Only cells of verdict `ok` count; gmp is its first scheduler, as in the table beside peers.
"""

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass

AHEAD = 3.0  # times, of Go, in every scheduling row
TRACING = 1 / 3  # of what Go's tracer adds
OURS, OTHERS = "gen", "lttng"
FIRST = "worksteal"


@dataclass(frozen=True)
class Ratio:
    """Of two medians, with the least and the most that their intervals allow."""

    row: str
    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.row} {self.value:.2f} ({self.low:.2f}..{self.high:.2f})"


def ratio(row: str, over: dict, under: dict) -> Ratio | None:
    """None: an interval reaches zero, so there is nothing to divide by, or nothing divided."""
    if min(over["low"], under["low"]) <= 0:
        return None
    return Ratio(row, over["median"] / under["median"], over["low"] / under["high"], over["high"] / under["low"])


class Run:
    """The entries of a folder."""

    def __init__(self, folder: str):
        cells = os.path.join(folder, "cells")
        self.entries = []
        for name in sorted(os.listdir(cells)):
            with open(os.path.join(cells, name), encoding="utf-8") as f:
                self.entries += [e for e in json.load(f)["benchmarks"] if e.get("verdict") == "ok" and "row" in e]
        kinds = {(e["row"], e.get("param", 0)) for e in self.entries}
        self.several = {row for row, param in kinds if (row, 0) in kinds and param}

    def row_of(self, e: dict) -> str:
        """With its Ps, and with its parameter where the run has the row with others too."""
        which = f":{e['param']}" if e["row"] in self.several and e["param"] else ""
        return f"{e['row']}{which}, {e['procs']} P" + ("s" if e["procs"] > 1 else "")

    def rows(self) -> list[str]:
        """Each once, in the order of the run."""
        return list(dict.fromkeys(map(self.row_of, self.entries)))

    def find(self, row: str, runtime: str, tracer: str | None = None) -> dict | None:
        """Of gmp its first scheduler; tracer None: the cell with tracing off."""
        for e in self.entries:
            off = not e.get("tracing")
            same = self.row_of(e) == row and e.get("runtime") == runtime and e.get("scheduler", FIRST) in (FIRST, None)
            if same and (off if tracer is None else not off and e.get("tracer") == tracer):
                return e
        return None


def compared(run: Run, over: tuple, under: tuple, figure: Callable[[dict], dict | None]) -> dict[str, Ratio | None]:
    """figure(over) / figure(under) of each row that has both."""
    found = {}
    for row in run.rows():
        sides = [run.find(row, *which) for which in (over, under)]
        figures = [figure(e) if e else None for e in sides]
        if all(figures):
            found[row] = ratio(row, *figures)
    return found


def value(e: dict) -> dict | None:
    """A row of another kind than a price for one operation, over a floor say, is not compared."""
    return e if e.get("about") == "value" else None


def added(e: dict) -> dict | None:
    return e.get("pair", {}).get("ns")


def per_event(e: dict) -> dict | None:
    return e.get("pair", {}).get("ns_per_event")


def place_of(r: Ratio | None, meets: Callable[[float], bool]) -> str:
    if r is None:
        return "within the noise"
    if meets(r.low) and meets(r.high):
        return "surely met"
    return "met" if meets(r.value) else "not met"


def lines_of(title: str, ratios: dict[str, Ratio | None], meets: Callable[[float], bool]) -> list[str]:
    said = [f"- {title}"]
    for place in ("surely met", "met", "not met", "within the noise"):
        rows = [str(r or row) for row, r in ratios.items() if place_of(r, meets) == place]
        if rows:
            said.append(f"  - {place}: {'; '.join(rows)}")
    return said if ratios else [*said, "  - not measured in this run"]


def text_of(run: Run) -> str:
    gmp, fused, go, go_traced = ("gmp",), ("gmp-fused",), ("go",), ("go", "go")
    ours, others = ("gmp", OURS), ("gmp", OTHERS)
    parts = (
        ("**Go over gmp, at least 3**, tracing off", compared(run, go, gmp, value), lambda x: x >= AHEAD),
        (f"**what {OURS} adds over what Go's tracer adds, at most 1/3**", compared(run, ours, go_traced, added),
         lambda x: x <= TRACING),
        (f"**an event of {OTHERS} over one of {OURS}, above 1**, on the same operations",
         compared(run, others, ours, per_event), lambda x: x > 1),
        ("**gmp-fused over gmp, below 1**: what the vtables cost", compared(run, fused, gmp, value), lambda x: x < 1),
    )  # fmt: skip
    return "\n".join(line for part in parts for line in lines_of(*part))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python3 -m gauntlet_results.targets FOLDER")
    print(text_of(Run(sys.argv[1])))
