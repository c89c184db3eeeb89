# SPDX-License-Identifier: Apache-2.0
"""One entry of a record's `benchmarks`, whatever wrote it, as a cell and its series.

Kinds: bench (a cell of `gauntlet bench`), row (one of its rows against a floor), stress, fault; foreign (Google
Benchmark's own JSON, without our fields). A wrong type is a FormatError that names the path within the file.
"""

import math
import re

from .model import VERDICTS, Series

TIME = {"ns": 1.0, "us": 1e3, "ms": 1e6, "s": 1e9}  # in ns
COUNTER_UNITS = (  # of a counter, by its name
    (re.compile(r"^p\d+(_\d+)?$|_ns$|stop"), "ns"),
    (re.compile(r"bytes"), "bytes"),
    (re.compile(r"^(crossed|share)|_share$"), "share"),
    (re.compile(r"percent$"), "%"),
)
LOWER = re.compile(r"^p\d+(_\d+)?$|stop|bytes")
BULKY = ("samples", "off", "on", "histogram", "values")  # kept as series, or not at all


class FormatError(Exception):
    """A field is not what it must be. str(): `benchmarks[3].samples[1]: "x" is not a number`."""


def number(value, where: str) -> float | None:
    """A finite number; None for null, infinity and not-a-number, which mean that there is none."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise FormatError(f"{where}: {value!r} is not a number")
    return float(value) if math.isfinite(value) else None


def numbers(value, where: str) -> tuple[float, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise FormatError(f"{where}: {value!r:.40} is not a list of numbers")
    found = (number(v, f"{where}[{i}]") for i, v in enumerate(value))
    return tuple(v for v in found if v is not None)


def text(value, where: str) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise FormatError(f"{where}: {value!r:.40} is not a text")
    return keepable(value) or None


def keepable(value: str) -> str:
    """Without half a surrogate pair, which JSON and names of files can hold and UTF-8 cannot."""
    return value.encode("utf-8", "replace").decode()


def object_at(value, where: str) -> dict:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise FormatError(f"{where}: {value!r:.40} is not an object")
    return value


def _slim(value):
    """Without sample arrays, which are series, at any depth."""
    if isinstance(value, dict):
        return {k: _slim(v) for k, v in value.items() if k not in BULKY}
    return value


def verdict_of(entry: dict, where: str) -> tuple[str, str | None]:
    verdict, why = text(entry.get("verdict"), f"{where}.verdict"), text(entry.get("why"), f"{where}.why")
    if verdict is None:
        why = why or text(entry.get("invalid_reason"), f"{where}.invalid_reason")
        if entry.get("error_occurred"):
            return "failed", text(entry.get("error_message"), f"{where}.error_message")
        verdict = "void" if entry.get("verified") is False else "ok"
        if verdict == "ok" and entry.get("complete") is False:
            verdict = "incomplete"
    if verdict not in VERDICTS:
        raise FormatError(f"{where}.verdict: '{verdict}' is none of {', '.join(VERDICTS)}")
    return verdict, why


# ---- names ----------------------------------------------------------------------------------------------------------
def _parts(entry: dict, keys) -> str:
    found = ((label, entry.get(key)) for label, key in keys)
    return "".join(f"/{label}:{value}" for label, value in found if value not in (None, ""))


_BENCH = (("runtime", "runtime"), ("sched", "scheduler"), ("tracer", "tracer"), ("procs", "procs"), ("bind", "bind"))
_STRESS = (
    ("runtime", "runtime"), ("sched", "scheduler"), ("tracer", "tracer"), ("syscalls", "syscalls"), ("procs", "procs"),
    ("bind", "bind"), ("generation", "generation"), ("perturb", "perturb"),
)  # fmt: skip


def kind_of(entry: dict, where: str) -> str:
    kind = text(entry.get("kind"), f"{where}.kind")
    if kind:
        return {"overhead": "row", "faults": "fault"}.get(kind, kind)
    if entry.get("fault"):
        return "fault"
    if entry.get("test") or (entry.get("workload") and "windows" in entry):
        return "stress"
    return "row" if entry.get("row") else "foreign"


def name_of(entry: dict, kind: str, where: str) -> str:
    """The name of history: the same measurement has the same in every run."""
    name = text(entry.get("name"), f"{where}.name")
    if kind == "fault":
        return f"fault/{entry.get('fault')}{_parts(entry, _STRESS)}"
    if kind == "stress":
        return f"stress/{entry.get('test') or entry.get('workload')}{_parts({'runtime': 'gmp', **entry}, _STRESS)}"
    if kind == "row" and name and "/runtime:" not in name:
        own = {"runtime": "gmp", **entry, "tracer": None if entry.get("tracer") == "none" else entry.get("tracer")}
        return f"{entry.get('row')}{_parts(own, _BENCH)}"
    if not name:
        raise FormatError(f"{where}.name: missing")
    return name


# ---- series ---------------------------------------------------------------------------------------------------------
def _counter_unit(name: str) -> str:
    return next((unit for pattern, unit in COUNTER_UNITS if pattern.search(name)), "per op")


def _counters(entry: dict, where: str):
    for name, value in object_at(entry.get("counters"), f"{where}.counters").items():
        at = f"{where}.counters.{name}"
        if isinstance(value, dict):
            samples = numbers(value.get("samples"), f"{at}.samples")
        elif isinstance(value, list):
            samples = numbers(value, at)
        else:
            one = number(value, at)
            samples = () if one is None else (one,)
        yield name, _counter_unit(name), "lower" if LOWER.search(name) else "none", samples


def _timed(entry: dict, where: str):
    unit = text(entry.get("time_unit"), f"{where}.time_unit") or "ns"
    samples = numbers(entry.get("samples"), f"{where}.samples")
    if not samples:
        one = number(entry.get("real_time"), f"{where}.real_time")
        samples = () if one is None else (one,)
    if unit in TIME:
        return "time", "ns", "lower", tuple(s * TIME[unit] for s in samples)
    return unit.replace(" ", "_"), unit, "lower", samples


def _event(pair: dict, differences, where: str):
    """ns per event, by repetition, from the pair's differences and the events of one operation."""
    per_op = number(pair.get("events_per_op"), f"{where}.events_per_op")
    samples = tuple(d / per_op for d in differences) if per_op else ()
    return "event", "ns", "lower", samples


def _pair(entry: dict, where: str):
    pair, at = object_at(entry.get("pair"), f"{where}.pair"), f"{where}.pair"
    off, on = numbers(pair.get("off"), f"{at}.off"), numbers(pair.get("on"), f"{at}.on")
    if not off or len(off) != len(on):
        if len(off) != len(on):
            raise FormatError(f"{at}: {len(off)} samples off, {len(on)} on: they are pairs")
        return
    differences = tuple(b - a for a, b in zip(off, on))
    yield "tracing", "ns", "lower", differences
    yield "tracing_percent", "%", "lower", tuple(100 * (b - a) / a for a, b in zip(off, on) if a > 0)
    yield _event(pair, differences, at)
    yield "off", "ns", "none", off


def _floor(entry: dict, where: str):
    floor = object_at(entry.get("floor"), f"{where}.floor")
    unit = entry.get("time_unit") if entry.get("time_unit") not in TIME else "ns"
    scale = TIME.get(entry.get("time_unit"), 1.0)
    yield "floor", unit or "ns", "none", tuple(s * scale for s in numbers(floor.get("samples"), f"{where}.floor.samples"))


def _one(entry: dict, key: str, where: str) -> tuple[float, ...]:
    value = number(entry.get(key), f"{where}.{key}")
    return () if value is None else (value,)


def _stress(entry: dict, where: str):
    windows = object_at(entry.get("windows"), f"{where}.windows")
    total = sum(number(v, f"{where}.windows.{k}") or 0 for k, v in windows.items())
    yield "inconsistencies", "inconsistencies", "lower", _one(entry, "inconsistencies", where)
    yield "world_stop_max_ns", "ns", "lower", _one(entry, "world_stop_max_ns", where)
    yield "windows", "windows", "none", (float(total),) if windows else ()
    yield "events", "events", "none", _one(entry, "events", where)


def _fault(entry: dict, where: str):
    found = object_at(entry.get("found"), f"{where}.found")
    yield "found_s", "s", "lower", _one(found, "seconds", f"{where}.found")
    yield "found_events", "events", "none", _one(found, "events", f"{where}.found")


def _bench(entry: dict, where: str):
    metric, unit, better, samples = _timed(entry, where)
    if entry.get("paired") is True and "row" in entry:  # its samples are differences, tracing on less off
        metric = "tracing"
    yield metric, unit, better, samples
    yield from _pair(entry, where)
    yield from _floor(entry, where)
    yield from _counters(entry, where)


_SERIES = {"stress": _stress, "fault": _fault}


def read(entry, where: str) -> tuple[dict, list[Series]] | None:
    """The cell and its series; None for what is derived from others (Google Benchmark's aggregates)."""
    entry = object_at(entry, where)
    if entry.get("run_type") == "aggregate":
        return None
    kind = kind_of(entry, where)
    name = name_of(entry, kind, where)
    verdict, why = verdict_of(entry, where)
    attrs = {k: _slim(v) for k, v in entry.items() if k not in (*BULKY, "name", "verdict", "why", "kind", "run_type")}
    cell = {"name": name, "kind": kind, "verdict": verdict, "why": why, "attrs": attrs}
    found = _SERIES.get(kind, _bench)(entry, where)
    series = [Series(name, m, u, b, s, verdict, why, attrs) for m, u, b, s in found if s]
    return cell, series
