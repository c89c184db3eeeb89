# SPDX-License-Identifier: Apache-2.0
"""What the page shows, as plain data: runs, rows, blocks.

A *row* is one cell's name on one machine, through all its runs. The index has a column per property
of the rows and is read when the page opens; the *details* of rows (history, samples, findings) lie in
blocks that the page decodes when something asks for them.

I1. A figure of a cell whose verdict is not in GOOD reaches neither a column nor a history point nor an entry: its place
    says why instead.
I2. A row's figures are of one machine.
I3. Samples are kept of the SAMPLED newest runs of a row; of older ones median and interval.
"""

from __future__ import annotations

from dataclasses import dataclass, field

SAMPLED = 12  # runs of a row whose samples are kept
DERIVED = frozenset({"tracing_percent", "event"})  # their samples are those of `tracing`, scaled
MANY_SAMPLES = 200  # of one cell; more are thinned to as many quantiles
BLOCK_ROWS = 64  # rows whose details make one block

# Verdicts whose figures are of something: an inconsistent stress test really had so many inconsistencies.
GOOD = frozenset({"ok", "found", "inconclusive", "inconsistent", "missed"})
VERDICTS = ("ok", "found", "skipped", "inconclusive", "inconsistent", "failed", "missed", "void", "incomplete")


@dataclass
class Figure:
    """One metric of one cell of one run."""

    unit: str = ""
    better: str = ""
    samples: tuple = ()
    median: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass
class Cell:
    """One cell of one run, as the page needs it."""

    name: str
    kind: str  # bench, stress, fault
    verdict: str
    why: str | None
    attrs: dict
    figures: dict[str, Figure]


@dataclass
class Run:
    """What is known of one run besides its cells."""

    id: str
    label: str
    date: str
    revision: str
    dirty: str | None
    seed: int | None
    machine: str
    machine_label: str
    environment: dict
    complete: bool
    problems: list[str]
    path: str | None  # as the page links to it
    verdicts: dict[str, int] = field(default_factory=dict)


@dataclass
class Row:
    name: str
    machine: int
    kind: str
    dims: tuple
    points: list  # (run, Cell), oldest first


class Names:
    """Numbers for words, in the order they were met."""

    def __init__(self, *words: str) -> None:
        self.words: list[str] = []
        self.index: dict[str, int] = {}
        for word in words:
            self.number(word)

    def number(self, word) -> int:
        word = "" if word is None else str(word)
        at = self.index.get(word)
        if at is None:
            at = self.index[word] = len(self.words)
            self.words.append(word)
        return at


def short(value):
    """A number with five significant digits, whole where it is; None for what is no number."""
    if value is None:
        return None
    try:
        whole = int(value)
        return whole if whole == value else float(f"{value:.5g}")
    except (TypeError, ValueError, OverflowError):  # no number, or not finite
        return None


def thinned(samples) -> list:
    if len(samples) <= MANY_SAMPLES:
        return [float(f"{x:.4g}") for x in samples]
    ordered = sorted(samples)
    step = (len(ordered) - 1) / (MANY_SAMPLES - 1)
    return [float(f"{ordered[round(i * step)]:.4g}") for i in range(MANY_SAMPLES)]


def name_parts(name: str) -> dict[str, str]:
    """`pingpong:64/runtime:gmp/procs:2` as {"": "pingpong:64", "runtime": "gmp", "procs": "2"}."""
    first, *rest = name.split("/")
    parts = {"": first}
    for piece in rest:
        key, colon, value = piece.partition(":")
        if colon:
            parts.setdefault(key, value)
    return parts


def dims_of(cell: Cell) -> tuple:
    """(workload, runtime, scheduler, tracer, procs, bind, model of system calls) by the entry, else by the name. What goes
    without saying in a name is empty: not bound, scanbit."""
    a, p = cell.attrs, name_parts(cell.name)
    if cell.kind == "bench":
        workload = p[""] or a.get("workload") or a.get("row")
    elif cell.kind == "fault":
        workload = a.get("fault") or a.get("plan_cell") or cell.name
    else:
        workload = a.get("test") or a.get("workload") or p[""]
    runtime = a.get("runtime") or p.get("runtime") or "gmp"
    tracer = a.get("tracer") or p.get("tracer") or ""
    procs = a.get("procs") if a.get("procs") is not None else p.get("procs")
    try:
        procs = int(procs)
    except (TypeError, ValueError):
        procs = 0
    return (workload, runtime, a.get("scheduler") or p.get("sched") or "",
            "" if tracer == "none" else tracer, procs, _unless("none", a.get("bind") or p.get("bind")),
            _unless("scanbit", p.get("syscalls") or a.get("syscalls")))


def _unless(usual: str, word) -> str:
    return "" if word in (None, usual) else str(word)


KINDS = {"row": "bench", "foreign": "bench", "faults": "fault"}  # the rest is called what it is
PRIMARY = {"bench": "time", "stress": "inconsistencies", "fault": "found_s"}
def primary_of(cell: Cell) -> str:
    """The metric that stands for the cell in lists."""
    wanted = PRIMARY.get(cell.kind, "time")
    if wanted in cell.figures or not cell.figures:
        return wanted
    return "tracing" if "tracing" in cell.figures else next(iter(cell.figures))


COLUMNS = ("event", "tracing", "tracing_percent", "inconsistencies", "windows", "events", "world_stop_max_ns")


class Model:
    """Filled run by run, oldest first; then `finish`."""

    def __init__(self) -> None:
        self.runs: list[Run] = []
        self.machines = Names()
        self.machine_labels: list[str] = []
        self.rows: dict[tuple, Row] = {}
        self.cells = 0

    def add(self, run: Run, cells) -> None:
        at = len(self.runs)
        self.runs.append(run)
        machine = self.machines.number(run.machine)
        if machine == len(self.machine_labels):
            self.machine_labels.append(run.machine_label)
        for cell in cells:
            self.cells += 1
            run.verdicts[cell.verdict] = run.verdicts.get(cell.verdict, 0) + 1
            key = (cell.name, machine)
            row = self.rows.get(key)
            if row is None:
                row = self.rows[key] = Row(cell.name, machine, cell.kind, dims_of(cell), [])
            row.points.append((at, cell))

    def sorted_rows(self) -> list[Row]:
        order = {"bench": 0, "stress": 1, "fault": 2}

        def key(row):
            workload, runtime, sched, tracer, procs, bind, model = row.dims
            return (order.get(row.kind, 3), str(workload), row.machine, procs, runtime, sched, tracer, bind, model, row.name)

        return sorted(self.rows.values(), key=key)


def point_of(at: int, cell: Cell, figure: Figure | None, sampled: bool, verdicts: Names) -> list:
    """[run, median, low, high, samples], or [run, verdict, why] where there is no figure to show (I1)."""
    if cell.verdict not in GOOD or figure is None or figure.median is None:
        return [at, verdicts.number(cell.verdict), cell.why or ""]
    point = [at, short(figure.median), short(figure.low), short(figure.high)]
    if sampled and len(figure.samples) > 1:
        point.append(thinned(figure.samples))
    return point


def details_of(row: Row, verdicts: Names, changes) -> dict:
    """History of each metric, and what the newest run said of the cell."""
    metrics: dict[str, dict] = {}
    newest = len(row.points) - SAMPLED
    for i, (at, cell) in enumerate(row.points):
        good = cell.verdict in GOOD
        if not good and not metrics:
            metrics[primary_of(cell)] = {"u": "", "b": "", "h": []}
        for name, figure in cell.figures.items() if good else ():
            m = metrics.setdefault(name, {"u": figure.unit, "b": figure.better, "h": []})
            m["u"], m["b"] = figure.unit or m["u"], figure.better or m["b"]
            m["h"].append(point_of(at, cell, figure, i >= newest and name not in DERIVED, verdicts))
        if not good:
            for m in metrics.values():
                m["h"].append(point_of(at, cell, None, False, verdicts))
    for name, found in changes.items():
        if name in metrics and found:
            metrics[name]["c"] = found
    return {"m": metrics, "e": last_entry(row)}


FIGURES = ("pair", "floor")  # of an entry: by I1
KEPT = ("repetitions", "iterations", "bind_effective", "hardware", "seed", "repeat", "files", "by_class", "windows",
        "findings", "found", "syscalls", "generation", "perturb", "target", "version", *FIGURES)  # fmt: skip


def last_entry(row: Row) -> dict:
    """What the newest run said of the cell, besides its figures."""
    _, cell = row.points[-1]
    kept = (k for k in KEPT if k not in FIGURES or cell.verdict in GOOD)
    entry = {k: cell.attrs[k] for k in kept if cell.attrs.get(k) not in (None, "", [], {})}
    if isinstance(entry.get("findings"), list):
        entry["findings"] = [str(x)[:400] for x in entry["findings"][:8]]
    if "seed" in entry:
        entry["seed"] = str(entry["seed"])  # of 64 bits: too long for a JavaScript number
    return entry


def index_of(model: Model, rows: list[Row], change_counts: list[int]) -> tuple[dict, Names]:
    """The columns. Everything that is a word is a number of a list of words."""
    words = {k: Names("") for k in ("w", "r", "s", "t", "b", "y", "u", "x")}
    words["k"] = Names("bench", "stress", "fault")
    verdicts = Names(*VERDICTS)
    col: dict[str, list] = {k: [] for k in ("w", "r", "s", "t", "p", "b", "y", "k", "m", "v", "u", "x", "run", "n", "med", "lo",
                                            "hi", "c", *COLUMNS)}
    names, whys = [], {}
    for i, row in enumerate(rows):
        at, cell = row.points[-1]
        good = cell.verdict in GOOD
        metric = primary_of(cell)
        figure = cell.figures.get(metric) if good else None
        for key, value in zip("wrstpby", row.dims):
            col[key].append(value if key == "p" else words[key].number(value))
        col["k"].append(words["k"].number(row.kind))
        col["m"].append(row.machine)
        col["v"].append(verdicts.number(cell.verdict))
        col["u"].append(words["u"].number(figure.unit if figure else ""))
        col["x"].append(words["x"].number(metric))
        col["run"].append(at)
        col["n"].append(len(row.points))
        col["med"].append(short(figure.median) if figure else None)
        col["lo"].append(short(figure.low) if figure else None)
        col["hi"].append(short(figure.high) if figure else None)
        col["c"].append(change_counts[i])
        for name in COLUMNS:
            f = cell.figures.get(name) if good else None
            col[name].append(short(f.median) if f else None)
        if cell.verdict != "ok" and cell.why:
            whys[i] = str(cell.why)[:300]
        names.append(row.name)
    index = {"names": "\n".join(n.replace("\n", " ") for n in names), "why": whys,
             "words": {k: v.words for k, v in words.items()}, "col": col, "block": BLOCK_ROWS}
    return index, verdicts


def run_data(model: Model) -> tuple[list[dict], list[dict]]:
    """The runs for the page; an environment that several runs share stands once."""
    seen, environments, out = {}, [], []
    for run in model.runs:
        text = repr(sorted(flat(run.environment).items()))
        if text not in seen:
            seen[text] = len(environments)
            environments.append(flat(run.environment))
        out.append({"id": run.id, "label": run.label, "date": run.date, "rev": run.revision, "dirty": run.dirty,
                    "seed": str(run.seed) if run.seed is not None else None, "m": model.machines.number(run.machine),
                    "env": seen[text], "complete": run.complete, "problems": [str(p)[:300] for p in run.problems[:20]],
                    "path": run.path, "v": run.verdicts})
    return out, environments


def flat(value, prefix: str = "") -> dict:
    """{"kernel": {"release": ..}} as {"kernel.release": ..}."""
    if not isinstance(value, dict):
        return {prefix: value} if prefix else {}
    out: dict = {}
    for key, inner in value.items():
        out.update(flat(inner, f"{prefix}.{key}" if prefix else str(key)))
    return out
