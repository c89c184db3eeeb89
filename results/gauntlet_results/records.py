# SPDX-License-Identifier: Apache-2.0
"""Reads result sets from files: a run's folder, a record, what `bench --json` printed, an exported set.

A file that cannot be read as a whole raises ResultsError (5). In a folder the rest goes on: what was left out stands in
`problems`, and the set is not `complete`.
"""

import json
import os
from dataclasses import replace

from . import entries
from .entries import FormatError
from .errors import ResultsError, broken
from .model import BETTER, RUNS, ResultSet, Series, content_id, machine_differences, run_sizes, worst

__all__ = ["ResultSet", "Series", "load", "machine_differences", "read_json"]

SCHEMA = 1
RESUME = "`gauntlet run --resume` goes on with it"
CUT_SHORT = "the program was stopped before its end"


# ---- one file -------------------------------------------------------------------------------------------------------
def read_json(path: str) -> dict:
    """The object in the file; ResultsError says where it stops to be JSON."""
    try:
        with open(path, encoding="utf-8") as f:
            text = f.read()
    except OSError as e:
        raise broken(f"{path}: {e.strerror}") from None
    except UnicodeDecodeError as e:
        raise broken(f"{path}: byte {e.start} is not UTF-8: no results file") from None
    if not text.strip():
        raise broken(f"{path}: empty: its writer was cut short")
    try:
        value = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as e:
        at = f"line {e.lineno} column {e.colno}: {e.msg}" if isinstance(e, json.JSONDecodeError) else "nested too deep"
        cut = " (the file ends there: cut short?)" if getattr(e, "pos", 0) >= len(text.rstrip()) else ""
        raise broken(f"{path}: not JSON, {at}{cut}") from None
    if not isinstance(value, dict):
        raise broken(f"{path}: a JSON {type(value).__name__}, not an object: no results file")
    return value


def _check_schema(value: dict, path: str) -> None:
    schema = value.get("schema", SCHEMA)
    if isinstance(schema, bool) or not isinstance(schema, int) or schema < 1:
        raise broken(f"{path}: schema: {schema!r} is not a version")
    if schema > SCHEMA:
        raise broken(f"{path}: schema {schema} is from a newer gauntlet; this one reads {SCHEMA}: use that one")


# ---- a record -------------------------------------------------------------------------------------------------------
class _Parts:
    """Cells and series, gathered from records; those of the same name become one with more samples. A record is of one
    process: a cell of several is of as many runs."""

    def __init__(self):
        self.runs: dict[str, list[Series]] = {}  # by cell, of each record
        self.cells: dict[str, dict] = {}
        self.series: dict[tuple[str, str], Series] = {}
        self.merged = False
        self.open: list[str] = []  # records of a program that did not come to its end

    def add(self, cell: dict, series: list[Series]) -> None:
        known = self.cells.get(cell["name"])
        if known is None:
            self.cells[cell["name"]] = dict(cell)
        else:
            self.merged = True
            self._merge_cell(known, cell)
        for s in series:
            key = (s.cell, s.metric)
            before = self.series.get(key)
            self.series[key] = replace(before, samples=before.samples + s.samples) if before else s

    @staticmethod
    def _merge_cell(known: dict, cell: dict) -> None:
        verdict = worst((known["verdict"], cell["verdict"]))
        if verdict != known["verdict"]:
            known.update(verdict=verdict, why=cell["why"], attrs=cell["attrs"])

    def take(self, other: "_Parts") -> None:
        """All of another's, once it is known to be whole."""
        by_cell: dict[str, list[Series]] = {}
        for s in other.series.values():
            by_cell.setdefault(s.cell, []).append(s)
        for name, cell in other.cells.items():
            self.add(cell, by_cell.get(name, []))
            self.runs.setdefault(name, []).extend(by_cell.get(name, []))
        self.open += other.open

    def result(self) -> tuple[list[dict], list[Series]]:
        if self.merged:  # every series has its cell's last word
            for name, runs in self.runs.items():
                sizes = run_sizes(runs)
                if sizes:
                    self.cells[name]["attrs"] = {**self.cells[name]["attrs"], RUNS: sizes}
            for key, s in self.series.items():
                cell = self.cells[s.cell]
                self.series[key] = replace(s, verdict=cell["verdict"], why=cell["why"], attrs=cell["attrs"])
        return list(self.cells.values()), list(self.series.values())


def _entries_of(record: dict) -> list:
    found = record.get("benchmarks", record.get("cells"))
    if not isinstance(found, list):
        raise FormatError("benchmarks: missing: neither a record nor what `bench --json` prints")
    return found


def _about(record: dict) -> dict:
    """What the record says of all its entries."""
    about = {k: record[k] for k in ("date", "command", "seconds", "log") if record.get(k) is not None}
    cell = entries.object_at(record.get("cell"), "cell")
    if cell:
        about["plan_cell"] = cell.get("name")
        about.update({k: cell[k] for k in ("seed", "run", "duration_s") if cell.get(k) is not None})
    return about


def _judge(cell: dict, series: list, record: dict, all_fine: bool):
    """The record's verdict rules where its entries do not say it: planted faults, and a program that ended badly."""
    verdict, why = record.get("verdict"), record.get("why")
    if verdict is None or verdict == cell["verdict"]:
        return cell, series
    if cell["kind"] == "fault" or (all_fine and verdict not in ("ok", "incomplete", "skipped")):
        cell = {**cell, "verdict": verdict, "why": why or (None if verdict == "found" else cell["why"])}
        series = [replace(s, verdict=verdict, why=cell["why"]) for s in series]
    return cell, series


def _add_record(parts: _Parts, record: dict) -> None:
    """Raises FormatError."""
    verdict, why = entries.verdict_of({k: record.get(k) for k in ("verdict", "why")}, "record")
    found = [entries.read(e, f"benchmarks[{i}]") for i, e in enumerate(_entries_of(record))]
    found = [f for f in found if f]
    about = _about(record)
    all_fine = all(cell["verdict"] == "ok" for cell, _ in found)
    if verdict == "incomplete" or any(cell["verdict"] == "incomplete" for cell, _ in found):
        parts.open.append(str(about.get("plan_cell") or "the record"))
    for cell, series in found:
        cell, series = _judge(cell, series, record, all_fine)
        cell["attrs"] = {**about, **cell["attrs"]}
        parts.add(cell, [replace(s, attrs=cell["attrs"]) for s in series])
    if not found and record.get("cell"):  # it said nothing: its place and reason are kept
        planned = entries.object_at(record["cell"], "cell")
        kind = {"overhead": "row", "faults": "fault"}.get(planned.get("kind"), planned.get("kind") or "unknown")
        name = entries.text(planned.get("name"), "cell.name") or "unnamed"
        parts.add({"name": name, "kind": kind, "verdict": verdict, "why": why, "attrs": about}, [])


def _environment_of(record: dict) -> dict:
    context = entries.object_at(record.get("context"), "context")
    environment = _checked_environment(context.get("environment"), "context.environment")
    if environment:
        return environment
    flat = {k: context[k] for k in ("cpu", "num_cpus", "kernel") if context.get(k) is not None}
    if context.get("host_name"):
        flat["host"] = context["host_name"]
    if context.get("preset"):
        flat["build"] = {"preset": context["preset"], "compiler": context.get("compiler")}
    return _checked_environment(flat, "context")


def _checked_environment(value, where: str) -> dict:
    """What is looked at later has the type that it must have."""
    environment = entries.object_at(value, where)
    for key in ("topology", "settings", "mitigations", "build", "libraries"):
        entries.object_at(environment.get(key), f"{where}.{key}")
    for key in ("host", "cpu"):
        entries.text(environment.get(key), f"{where}.{key}")
    if isinstance(environment.get("kernel"), str):
        environment = {**environment, "kernel": {"release": environment["kernel"]}}
    kernel = entries.object_at(environment.get("kernel"), f"{where}.kernel")
    entries.number(environment.get("num_cpus"), f"{where}.num_cpus")
    entries.text(kernel.get("machine"), f"{where}.kernel.machine")
    for key in ("revision", "dirty_diff"):
        entries.text((environment.get("build") or {}).get(key), f"{where}.build.{key}")
    return environment


def _date_of(record: dict) -> str:
    context = entries.object_at(record.get("context"), "context")
    return entries.text(record.get("date"), "date") or entries.text(context.get("date"), "context.date") or ""


def _integer(value) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _build_of(environment: dict) -> tuple[str, str | None]:
    build = environment.get("build") or {}
    return build.get("revision") or "unknown", build.get("dirty_diff")


def _record_set(path: str, record: dict) -> ResultSet:
    """Raises FormatError."""
    parts = _Parts()
    _add_record(parts, record)
    cells, series = parts.result()
    environment = _environment_of(record)
    context = entries.object_at(record.get("context"), "context")
    revision, dirty = _build_of(environment)
    complete = context.get("complete") is not False and not parts.open
    seed = _integer((record.get("cell") or {}).get("seed", context.get("seed", record.get("seed"))))
    problems = [] if complete else [f"{path}: {CUT_SHORT}"]
    return ResultSet(
        id="", label=os.path.basename(path), date=_date_of(record), revision=revision, dirty=dirty, seed=seed,
        environment=environment, series=series, cells=cells, problems=problems, path=path, complete=complete,
        key=content_id(record),
    ).seal()  # fmt: skip


def _load_record(path: str, record: dict) -> ResultSet:
    _check_schema(record, path)
    try:
        return _record_set(path, record)
    except FormatError as e:
        raise broken(f"{path}: {e}") from None


# ---- an exported set ------------------------------------------------------------------------------------------------
_HEAD = ("id", "label", "date", "revision", "dirty", "seed", "environment", "problems", "complete", "key")
_TEXTS = ("id", "label", "date", "revision", "key")


def _set_series(value, where: str, cells: dict) -> Series:
    s = entries.object_at(value, where)
    cell = cells.get(s.get("cell")) if isinstance(s.get("cell"), str) else None
    if cell is None or s.get("better") not in BETTER or not all(isinstance(s.get(k), str) for k in ("metric", "unit")):
        raise FormatError(f"{where}: not a series of one of its cells")
    samples = entries.numbers(s.get("samples"), f"{where}.samples")
    if not samples:
        raise FormatError(f"{where}.samples: none")
    return Series(cell["name"], s["metric"], s["unit"], s["better"], samples, cell["verdict"], cell["why"], cell["attrs"])


def _set_cell(value, where: str) -> dict:
    c = entries.object_at(value, where)
    if not isinstance(c.get("name"), str) or not isinstance(c.get("kind"), str):
        raise FormatError(f"{where}: a cell without name or kind")
    verdict, why = entries.verdict_of({"verdict": c.get("verdict") or "?", "why": c.get("why")}, where)
    attrs = entries.object_at(c.get("attrs"), f"{where}.attrs")
    return {"name": c["name"], "kind": c["kind"], "verdict": verdict, "why": why, "attrs": attrs}


def _list_at(value: dict, key: str) -> list:
    if not isinstance(value.get(key), list):
        raise FormatError(f"{key}: {value.get(key)!r:.40} is not a list")
    return value[key]


def _whole_set(path: str, value: dict) -> ResultSet:
    """Raises FormatError."""
    for key in _TEXTS:
        if not isinstance(value.get(key), str):
            raise FormatError(f"{key}: {value.get(key)!r:.40} is not a text")
    entries.text(value.get("dirty"), "dirty")
    _checked_environment(value.get("environment"), "environment")
    cells = {c["name"]: c for c in (_set_cell(c, f"cells[{i}]") for i, c in enumerate(_list_at(value, "cells")))}
    series = [_set_series(s, f"series[{i}]", cells) for i, s in enumerate(_list_at(value, "series"))]
    problems = [str(p) for p in _list_at(value, "problems")]
    head = {k: value.get(k) for k in _HEAD} | {"problems": problems}
    return ResultSet(path=path, series=series, cells=list(cells.values()), **head)


def _load_set(path: str, value: dict) -> ResultSet:
    _check_schema(value, path)
    try:
        rs = _whole_set(path, value)
    except FormatError as e:
        raise broken(f"{path}: {e}") from None
    said = rs.id
    if rs.seal().id != said:
        raise broken(f"{path}: its content is not what its id was made of: changed by hand? export it again")
    return rs


# ---- a run's folder -------------------------------------------------------------------------------------------------
def is_run(path: str) -> bool:
    return os.path.isfile(os.path.join(path, "run.json"))


# Written as the run goes on and when it ends. `run --resume` adds the sums of programs that were not there.
_GROWS = ("resumed", "seconds", "foreign_cpu", "complete")


def run_key(run: dict, grows=(*_GROWS, "program_sums")) -> str:
    """Of the run, whatever has been finished of it: without what grows."""
    return content_id({k: v for k, v in run.items() if k not in grows})


def _planned(run: dict) -> list[str]:
    cells = entries.object_at(run.get("plan"), "plan").get("cells") or run.get("cells") or []
    if not isinstance(cells, list):
        raise FormatError("plan.cells: not a list")
    return [str(c.get("name")) for c in cells if isinstance(c, dict)]


def _cell_files(folder: str) -> list[str]:
    place = os.path.join(folder, "cells")
    try:
        names = os.listdir(place)
    except OSError as e:
        raise broken(f"{place}: {e.strerror}: a run keeps its cells there") from None
    return [os.path.join("cells", n) for n in sorted(names) if n.endswith(".json") and not n.startswith(".")]


def _read_cells(folder: str, parts: _Parts, problems: list[str]) -> tuple[int, str]:
    """How many records could be read, and the date of the newest."""
    whole, newest = 0, ""
    for name in _cell_files(folder):
        path, own = os.path.join(folder, name), _Parts()
        try:
            record = read_json(path)
            _check_schema(record, path)
            newest = max(newest, _date_of(record))
            _add_record(own, record)
        except FormatError as e:
            problems.append(f"{path}: {e}")
            continue
        except ResultsError as e:
            problems.append(e.message)
            continue
        whole += 1
        parts.take(own)
    return whole, newest


def _first_environment(folder: str) -> dict:
    for name in _cell_files(folder):
        try:
            found = _environment_of(read_json(os.path.join(folder, name)))
        except (FormatError, ResultsError):  # named among the problems already
            continue
        if found:
            return found
    return {}


def _load_folder(folder: str) -> ResultSet:
    path = os.path.join(folder, "run.json")
    run = read_json(path)
    _check_schema(run, path)
    parts, problems = _Parts(), []
    try:
        planned = _planned(run)
        environment = _checked_environment(run.get("environment"), "environment") or _first_environment(folder)
        date = entries.text(run.get("date"), "date")
    except FormatError as e:
        raise broken(f"{path}: {e}") from None
    whole, newest = _read_cells(folder, parts, problems)
    cells, series = parts.result()
    if whole < len(planned):
        problems.append(f"{folder}: {whole} of {len(planned)} cells: {RESUME}")
    elif parts.open:
        problems.append(f"{folder}: {len(parts.open)} cells were not carried to their end, {parts.open[0]}: {RESUME}")
    elif run.get("kind") == "bench" and run.get("complete") is not True:
        problems.append(f"{folder}: {CUT_SHORT}")
    revision, dirty = _build_of(environment)
    return ResultSet(
        id="", label=os.path.basename(os.path.abspath(folder)), date=date or newest, revision=revision,
        dirty=dirty, seed=_integer(run.get("seed")), environment=environment, series=series, cells=cells,
        problems=problems, path=folder, complete=not problems and bool(cells), key=run_key(run),
        former_key=run_key(run, _GROWS),
    ).seal()  # fmt: skip


# ---- the way in -----------------------------------------------------------------------------------------------------
def load(path: str) -> ResultSet:
    """A run's folder or a file. Raises ResultsError (5) when there is nothing to be had from it."""
    if os.path.isdir(path):
        if not is_run(path):
            raise broken(f"{path}: no run.json in it: not a run's folder")
        return _load_folder(path)
    if not os.path.exists(path):
        raise broken(f"{path}: no such file or folder")
    if os.path.basename(path) in ("run.json", "result.json"):
        return load(os.path.dirname(path) or ".")
    value = read_json(path)
    if value.get("gauntlet") == "set":
        return _load_set(path, value)
    return _load_record(path, value)
