# SPDX-License-Identifier: Apache-2.0
"""What every consumer works on: a ResultSet, its cells and their series. records.py makes them from files."""

import hashlib
import json
from dataclasses import dataclass, field
from itertools import accumulate

# Worst first. A cell's numbers count only when its verdict is one of the last three.
VERDICTS = (
    "incomplete", "void", "failed", "inconsistent", "missed", "inconclusive", "skipped", "found", "ok",
)  # fmt: skip
USABLE = ("ok", "found", "inconclusive")
WRONG = ("failed", "inconsistent", "missed")  # something is wrong, not merely unmeasured
OPEN = ("incomplete", "void")  # `run --resume` runs them again

RUNS = "of_runs"  # in a cell's attrs, where runs were taken together: how many samples of a metric each gave, in order

# Better is where it would be an improvement: "lower", "higher" or "none" (it only describes).
BETTER = ("lower", "higher", "none")


def worst(verdicts) -> str:
    """The worst of them; ok of none."""
    return min(verdicts, key=VERDICTS.index, default="ok")


def canonical(value) -> bytes:
    """JSON with one spelling, to be hashed."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def content_id(value) -> str:
    return hashlib.sha256(canonical(value)).hexdigest()


@dataclass(frozen=True)
class Series:
    """One metric of one cell: a sample per repetition."""

    cell: str  # its name, the key of history and comparison
    metric: str  # time, tracing, event, p99, inconsistencies, ...
    unit: str  # ns, %, bytes, ...
    better: str
    samples: tuple[float, ...]
    verdict: str = "ok"  # the cell's: nobody uses the numbers of one that is not `usable`
    why: str | None = None
    attrs: dict = field(default_factory=dict)  # the cell's: kind, workload, runtime, scheduler, ...

    @property
    def usable(self) -> bool:
        return self.verdict in USABLE and bool(self.samples)

    @property
    def by_run(self) -> list[tuple[float, ...]]:
        """Its samples, parted into the runs (processes) that gave them."""
        known = self.attrs.get(RUNS)
        sizes = known.get(self.metric) if isinstance(known, dict) else None
        whole = isinstance(sizes, list) and all(isinstance(n, int) and n > 0 for n in sizes)
        if not whole or sum(sizes) != len(self.samples):
            return [self.samples]
        ends = list(accumulate(sizes))
        return [self.samples[end - n : end] for n, end in zip(sizes, ends)]


def run_sizes(series) -> dict[str, list[int]]:
    """Of one cell's series: what `Series.by_run` needs in the cell's attrs, under RUNS; a metric of one run needs nothing."""
    sizes: dict[str, list[int]] = {}
    for s in series:
        sizes.setdefault(s.metric, []).extend(map(len, s.by_run))
    return {metric: n for metric, n in sizes.items() if len(n) > 1}


def machine_facts(environment: dict) -> dict:
    """What makes two machines the same for a comparison. None: not recorded."""
    kernel = environment.get("kernel") or {}
    topology = environment.get("topology") or {}
    settings = environment.get("settings") or {}
    mitigations = environment.get("mitigations")
    return {
        "cpu": environment.get("cpu"),
        "architecture": kernel.get("machine"),
        "packages": topology.get("packages"),
        "numa nodes": topology.get("numa_nodes"),
        "cores": topology.get("cores"),
        "pus": topology.get("pus", environment.get("num_cpus")),
        "allowed pus": topology.get("allowed"),
        "kernel": kernel.get("release"),
        "governor": settings.get("governor") or ("none" if settings else None),
        "clocksource": settings.get("clocksource"),
        "mitigations": content_id(mitigations)[:8] if mitigations else None,
    }


def machine_key(environment: dict) -> str:
    """One line that is the same for every run on the machine, and differs when a fact does. No host name: hosts of a
    pool that are alike are one machine."""
    return "; ".join(f"{name} {'?' if v is None else v}" for name, v in machine_facts(environment).items())


@dataclass
class ResultSet:
    """A run, or what is like one: all cells that were measured together."""

    id: str  # hash of the content
    label: str  # short, for people: the folder's name, the revision
    date: str  # UTC, ISO 8601
    revision: str  # git, "unknown"
    dirty: str | None  # hash of what differs from the revision
    seed: int | None
    environment: dict
    series: list[Series]
    cells: list[dict]  # each: name, kind, verdict, why, attrs
    problems: list[str]  # what could not be read or is missing, one line each
    path: str | None  # where it was read
    complete: bool  # every planned cell is there and was carried to its end
    key: str = ""  # of the run: stays when cells are added to it
    former_key: str = ""  # what an older gauntlet made of it, by which a store may still have it

    @property
    def machine(self) -> str:
        return machine_key(self.environment)

    @property
    def build(self) -> dict:
        """preset, compiler, flags, revision, dirty_diff; empty when not recorded."""
        return self.environment.get("build") or {}

    def content(self) -> dict:
        """What the id is a hash of."""
        series = ([s.cell, s.metric, s.unit, s.better, list(s.samples)] for s in self.series)
        cells = ({k: c.get(k) for k in ("name", "kind", "verdict", "why", "attrs")} for c in self.cells)
        return {
            "key": self.key,
            "date": self.date,
            "revision": self.revision,
            "dirty": self.dirty,
            "seed": self.seed,
            "environment": self.environment,
            "complete": self.complete,
            "cells": sorted(cells, key=lambda c: c["name"]),
            "series": sorted(series, key=lambda s: (s[0], s[1])),
        }

    def seal(self) -> "ResultSet":
        """Sets the id."""
        self.id = content_id(self.content())
        return self


def machine_differences(a: ResultSet, b: ResultSet) -> list[str]:
    """One line per fact that both know and that differs; empty: the same machine as far as is known."""
    left, right = machine_facts(a.environment), machine_facts(b.environment)
    return [
        f"{name}: {left[name]} against {right[name]}"
        for name in left
        if left[name] is not None and right[name] is not None and left[name] != right[name]
    ]
