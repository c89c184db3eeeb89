# SPDX-License-Identifier: Apache-2.0
"""gauntlet report [--store=FILE] [--page=FILE] [--chart=FILE.svg] [SELECTOR...]: the dashboard, one self-contained page."""

from __future__ import annotations

import contextlib
import gc
import os
import shlex
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import lru_cache
from urllib.parse import quote

from . import cliargs
from .errors import BROKEN, OK, ResultsError, worse
from .model import ResultSet
from .page import page_parts, write_file
from .page_model import BLOCK_ROWS, GOOD, KINDS, Cell, Figure, Model, Row, Run, details_of, index_of, run_data
from .quantiles import describe

CHANGE_RUNS = 8  # a history with fewer figures has no change points
CHANGE_METRICS = ("time", "tracing", "event", "world_stop_max_ns")
CHANGE_SECONDS = 20.0  # looking for them takes no longer; newest and longest histories first
CHANGES_SHOWN = 400


# ---- what a result set says, for the page ----------------------------------------------------------------------
def machine_label(environment: dict) -> str:
    kernel = environment.get("kernel")
    release = kernel.get("release") if isinstance(kernel, dict) else kernel
    topology = environment.get("topology") or {}
    pus = topology.get("pus") or environment.get("num_cpus")
    parts = [environment.get("cpu"), f"{pus} CPUs" if pus else None, release]
    return ", ".join(str(p) for p in parts if p) or "unknown machine"


class Links:
    """Paths as the page links to them: relative to its folder, so that page and runs can move together."""

    def __init__(self, page: str) -> None:
        self.folder = os.path.dirname(os.path.abspath(page))

    def relative(self, path: str) -> str:
        return os.path.relpath(os.path.abspath(path), self.folder)

    def of_file(self, path, source: str | None) -> dict:
        """{name, href}; href is None when the file is not there any more."""
        path = str(path)
        for place in self._places(path, source):
            if os.path.exists(place):
                return {"name": os.path.basename(path), "href": "./" + quote(self.relative(place))}
        return {"name": path, "href": None}

    @staticmethod
    def _places(path: str, source: str | None) -> Iterator[str]:
        if os.path.isabs(path):
            yield path
        if source:  # the run's folder may have been moved as a whole
            folder = source if os.path.isdir(source) else os.path.dirname(source)
            yield os.path.join(folder, path.lstrip("/"))
            if "/files/" in path:
                yield os.path.join(folder, "files", path.rpartition("/files/")[2])


def repeat_of(attrs: dict) -> str | None:
    """The command that repeats the cell."""
    if attrs.get("replay"):
        return str(attrs["replay"])
    command = attrs.get("command")
    if isinstance(command, list):
        return _joined(tuple(str(word) for word in command))
    return str(command) if command else None


@lru_cache(maxsize=4096)  # all cells of a record have one command
def _joined(command: tuple[str, ...]) -> str:
    return shlex.join(command)


def cells_of(rs: ResultSet, links: Links) -> Iterator[Cell]:
    figures: dict[str, dict[str, Figure]] = {}
    for s in rs.series:
        if s.samples:
            d = describe(s.samples)
            alone = d["n"] < 2  # one sample has no interval
            figures.setdefault(s.cell, {})[s.metric] = Figure(
                s.unit, "" if s.better == "none" else s.better, s.samples, d["median"],
                None if alone else d["low"], None if alone else d["high"],
            )  # fmt: skip
    for cell in rs.cells:
        attrs = dict(cell.get("attrs") or {})
        attrs["repeat"] = repeat_of(attrs)
        if isinstance(attrs.get("files"), list):
            attrs["files"] = [links.of_file(f, rs.path) for f in attrs["files"][:20]]
        kind = KINDS.get(cell["kind"], cell["kind"])
        yield Cell(cell["name"], kind, cell["verdict"], cell.get("why"), attrs, row_figures(attrs, figures.get(cell["name"], {})))


def row_figures(attrs: dict, figures: dict[str, Figure]) -> dict[str, Figure]:
    """Those of a benchmark row under the names that the cells of `bench` have: its floor with tracing off, one event."""
    if attrs.get("row") == "event" and attrs.get("tracer") not in (None, "none") and "time" in figures:
        figures = {**figures, "event": figures["time"]}
    if attrs.get("paired") is True and "tracing" in figures and "floor" in figures:
        added, off = figures["tracing"], figures["floor"]
        figures = {**figures, "off": off}
        del figures["floor"]
        if off.median and off.median > 0:
            scaled = (100 * v / off.median if v is not None else None for v in (added.median, added.low, added.high))
            figures["tracing_percent"] = Figure("%", "lower", (), *scaled)
    return figures


def run_of(rs: ResultSet, links: Links) -> Run:
    path = links.relative(rs.path) if rs.path else None
    return Run(
        id=rs.id, label=rs.label, date=rs.date or "", revision="" if rs.revision == "unknown" else rs.revision[:12],
        dirty=rs.dirty, seed=rs.seed, machine=rs.machine, machine_label=machine_label(rs.environment),
        environment=rs.environment, complete=rs.complete, problems=rs.problems, path=path,
    )  # fmt: skip


# ---- change points -------------------------------------------------------------------------------------------------
def _history(row: Row, metric: str) -> tuple[list[int], list[float]]:
    points = [(at, c.figures[metric].median) for at, c in row.points if c.verdict in GOOD and metric in c.figures]
    return [p[0] for p in points], [p[1] for p in points]


@dataclass
class Changes:
    """Of each row, by metric: {run, before, after, worse}."""

    of: list[dict[str, list]]
    whole: bool = True  # there was time for all histories
    looked: int = 0  # histories
    by_chance: float = 0.0  # of those, so many have a change point by chance if none changed


def find_changes(rows: list[Row]) -> Changes:
    """Each history is tested by itself: a correction for how many they are needs so small a p that shuffling for it would
    take hours, so the page says how many of them chance alone would mark."""
    found = Changes([{} for _ in rows])
    wanted = [(i, m) for i, row in enumerate(rows) if len(row.points) >= CHANGE_RUNS for m in CHANGE_METRICS]
    if not wanted:
        return found
    from .changepoints import SIGNIFICANCE, change_points  # numpy: only where there is something to look for

    end = time.monotonic() + CHANGE_SECONDS
    wanted.sort(key=lambda w: (rows[w[0]].points[-1][0], len(rows[w[0]].points)), reverse=True)
    for i, metric in wanted:
        runs, values = _history(rows[i], metric)
        if len(values) < CHANGE_RUNS:
            continue
        if time.monotonic() > end:
            found.whole = False
            break
        points = change_points(values)
        found.looked += 1
        if points:
            found.of[i][metric] = [
                {"run": runs[p.index], "before": p.before, "after": p.after, "worse": p.after > p.before} for p in points
            ]
    found.by_chance = found.looked * SIGNIFICANCE
    return found


def change_list(rows: list[Row], found: list[dict[str, list]]) -> list[dict]:
    """All of them, newest and largest first, for the overview."""
    out = [
        {"row": i, "metric": metric, "unit": unit_of(rows[i], metric), **change}
        for i, by in enumerate(found)
        for metric, changes in by.items()
        for change in changes
    ]
    out.sort(key=lambda c: (-c["run"], -abs(c["after"] / c["before"] - 1) if c["before"] else 0))
    return out[:CHANGES_SHOWN]


def unit_of(row: Row, metric: str) -> str:
    return next((c.figures[metric].unit for _, c in reversed(row.points) if metric in c.figures), "")


# ---- the page ----------------------------------------------------------------------------------------------------
def page_of(model: Model, path: str, made: str) -> int:
    rows = model.sorted_rows()
    found = find_changes(rows)
    index, verdicts = index_of(model, rows, [sum(map(len, f.values())) for f in found.of])
    runs, environments = run_data(model)
    index.update(
        runs=runs, environments=environments, machines=model.machine_labels, verdicts=verdicts.words,
        machine=runs[-1]["m"] if runs else 0, changes=change_list(rows, found.of), changeRuns=CHANGE_RUNS,
        changesCut=not found.whole, changeLooked=found.looked, changeByChance=found.by_chance,
    )  # fmt: skip

    def blocks() -> Iterator[list]:
        for start in range(0, len(rows), BLOCK_ROWS):
            yield [details_of(rows[i], verdicts, found.of[i]) for i in range(start, min(start + BLOCK_ROWS, len(rows)))]

    words = f"{counted(len(model.runs), 'run')}, {counted(model.cells, 'cell')}; made {made}"
    footer = (
        f"Made {made} by gauntlet report. Intervals are of the median, 95 %. Figures of cells that are void, failed or "
        "incomplete are not shown. Charts: uPlot, MIT licence, whose notice is in this file. Nothing is fetched."
    )
    return write_file(path, page_parts(index, blocks(), words, footer))


def counted(n: int, word: str) -> str:
    return f"{n:,} {word}" + ("" if n == 1 else "s")


def sets_of(args) -> Iterator[ResultSet]:
    """The result sets, oldest first; those of a store one by one."""
    if args.selectors:
        from .select import resolve

        yield from sorted((resolve(s, args.store) for s in args.selectors), key=lambda rs: rs.date or "")
        return
    if not os.path.exists(args.store):
        raise ResultsError(
            BROKEN, f"{args.store}: no store yet: scripts/run makes one, `gauntlet collect FOLDER` imports runs, or name a run's folder"
        )
    from .store import Store

    with Store(args.store) as store, store.snapshot():
        for head in reversed(store.heads()[: args.newest]):
            yield store.load(head["hash"])


def import_runs(paths: list[str], store: str) -> int:
    """The collector's status. Standard output is the page's path alone: what it says of each run goes elsewhere."""
    from .collect import main as collect

    with contextlib.redirect_stdout(sys.stderr):
        return collect([f"--store={store}", *paths])


def model_of(sets, page: str) -> Model:
    model, links = Model(), Links(page)
    for rs in sets:
        model.add(run_of(rs, links), cells_of(rs, links))
    return model


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError
    return value


def parser() -> cliargs.Parser:
    p = cliargs.Parser(
        "report",
        "Writes the dashboard: one HTML page with everything in it, which needs no network.\nWithout a SELECTOR: "
        "all runs of the store.",
        cliargs.SELECTORS,
    )
    cliargs.add_store(p)
    p.add_argument("--page", metavar="FILE", help="where to write it (default results/local/report.html)")
    p.add_argument("--chart", metavar="FILE.svg", help="write this chart of the newest run instead of the page")
    p.add_argument("--chart-of", metavar="WHAT", default="tracing", help="tracing (default), or cost: against the peers")
    p.add_argument("--collect", metavar="PATH", action="append", default=[], help="import it into the store first")
    p.add_argument("--newest", metavar="N", type=_positive, help="of the store's runs only the N newest")
    p.add_argument("selectors", nargs="*", metavar="SELECTOR")
    return p


def main(argv: list[str]) -> int:
    args = parser().parse_args(argv)
    if args.chart:
        from .chart import CHARTS

        cliargs.one_of("chart", args.chart_of, CHARTS)  # before anything is read
    status = import_runs(args.collect, args.store) if args.collect else OK
    return worse(status, draw_chart(args) if args.chart else make_page(args))


def draw_chart(args) -> int:
    from .chart import write_chart

    return write_chart(sets_of(args), args.chart, args.chart_of)


def make_page(args) -> int:
    path = args.page or os.path.join("results", "local", "report.html")
    gc.disable()  # millions of small objects, all of which live to the end: looking through them again and again takes longer
    model = model_of(sets_of(args), path)
    made = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    size = page_of(model, path, made)
    print(path)
    print(f"gauntlet report: {counted(len(model.runs), 'run')}, {counted(model.cells, 'cell')}, {size / 1e6:.1f} MB", file=sys.stderr)
    return OK
