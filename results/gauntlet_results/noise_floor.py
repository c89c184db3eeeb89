# SPDX-License-Identifier: Apache-2.0
"""The noise floor: by how much medians of the same program differ from run to run, per cell and metric; and the
thresholds that follow from it.

A test on the samples of two runs knows the noise within a run only. Runs differ by more: the layout of memory, the
host's other guests. `gauntlet noise` runs A against A and keeps each run's median; the spread of those medians says how
far apart two runs lie when nothing has changed.

With k medians of standard deviation s (of their logarithms) the difference of two new runs has s * sqrt(2). Among m
comparisons one exceeds t(1 - alpha / m; k - 1) * s * sqrt(2) by chance with probability alpha. That, or the largest
difference that was seen if it is larger, is the floor. A cell that was not measured takes the largest floor of its class.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import combinations

import numpy as np
from scipy import stats as scipy_stats

from .quantiles import quantile

FLOOR_SCHEMA = 1
ASSUMED = 0.10  # where no noise was measured
LEAST = 0.03  # a change below it is not worth anybody's time on such machines
USELESS = 1.00  # a floor above it hides a doubled time: no gate
FEWEST_RUNS = 4
QUANTILE = 0.95


def class_of(cell: str) -> str:
    """Cells of one workload with as many Ps: `yield/../procs:1`."""
    parts = cell.split("/")
    procs = next((p for p in parts if p.startswith("procs:")), "")
    return f"{parts[0]}/{procs}"


@lru_cache(maxsize=256)
def _reach(tail: float, degrees: int) -> float:
    """Student's t: how many standard deviations are exceeded with this probability."""
    return float(scipy_stats.t.ppf(1 - tail, degrees))


@dataclass
class Floor:
    """Medians of runs of the same program, one for each run, above zero; a group for each time that noise was measured.
    Groups may be of different revisions: only what differs within a group is noise."""

    cell: str
    metric: str
    groups: list[list[float]] = field(default_factory=list)

    @property
    def degrees(self) -> int:
        return sum(len(g) - 1 for g in self.groups)

    @property
    def enough(self) -> bool:
        return self.degrees >= FEWEST_RUNS - 1

    def spread(self) -> float:
        """Standard deviation of the logarithms within groups."""
        squares = sum(float(np.var(np.log(g)) * len(g)) for g in self.groups)
        return math.sqrt(squares / self.degrees)

    def differences(self) -> list[float]:
        """|ratio - 1| of each pair of runs of a group, the larger over the smaller, sorted."""
        return sorted(max(a, b) / min(a, b) - 1 for g in self.groups for a, b in combinations(g, 2))

    def at_quantile(self, q: float = QUANTILE) -> float:
        return quantile(self.differences(), q)

    def floor(self, alpha: float, family: int, pooled: int = 1) -> float:
        """The relative difference that one of `family` comparisons of equal runs exceeds with probability alpha. Of
        `pooled` runs on either side, whose samples are taken together, the noise from run to run averages out."""
        reach = _reach(alpha / max(1, family), self.degrees)
        seen = math.log1p(self.differences()[-1])
        return math.expm1(max(reach * self.spread() * math.sqrt(2), seen) / math.sqrt(pooled))


class NoiseFloors:
    """All that was measured on a machine."""

    def __init__(self, floors: Iterable[Floor] = ()):
        self.by_key: dict[tuple[str, str], Floor] = {}
        for f in floors:
            self.add(f)

    def __bool__(self) -> bool:
        return bool(self.by_key)

    def add(self, more: Floor) -> None:
        """Groups of which a share can be taken; of a floor that has none, nothing."""
        groups = [g for g in more.groups if len(g) > 1 and min(g) > 0]
        if groups:
            self.by_key.setdefault((more.cell, more.metric), Floor(more.cell, more.metric)).groups.extend(groups)

    def of(self, cell: str, metric: str, alpha: float, family: int, pooled: int = 1) -> tuple[float, str] | None:
        """The floor and where it is from; None: nothing like it was measured."""
        own = self.by_key.get((cell, metric))
        if own and own.enough:
            return own.floor(alpha, family, pooled), "noise"
        alike = [f for f in self.by_key.values() if f.metric == metric and class_of(f.cell) == class_of(cell)]
        alike = [f for f in alike if f.enough]
        if alike:
            return max(f.floor(alpha, family, pooled) for f in alike), "noise of its class"
        return None

    def entries(self) -> list[dict]:
        """What a document keeps of each."""
        return [
            {"cell": f.cell, "metric": f.metric, "medians": g, "quantile": QUANTILE,
             "difference": Floor(f.cell, f.metric, [g]).at_quantile()}
            for f in self.by_key.values()
            for g in f.groups
        ]  # fmt: skip


def from_documents(documents: Iterable[dict]) -> NoiseFloors:
    floors = NoiseFloors()
    for document in documents:
        if document.get("floor_schema") != FLOOR_SCHEMA:
            continue  # of another version: as if it had not been measured
        for entry in document["floors"]:
            floors.add(Floor(entry["cell"], entry["metric"], [[float(m) for m in entry["medians"]]]))
    return floors


@dataclass(frozen=True)
class Threshold:
    """A change up to `value` (a share: 0.05 is 5 %) is none. `asked`: what the user wants to be told of, None: whatever
    the noise allows."""

    value: float
    source: str
    asked: float | None = None

    @property
    def too_coarse(self) -> bool:
        """The noise hides what was asked for, or everything."""
        return self.value > (USELESS if self.asked is None else self.asked * (1 + 1e-9))


class Thresholds:
    def __init__(self, floors: NoiseFloors | None = None, asked: dict[str, float] | None = None, alpha: float = 0.01):
        self.floors = floors or NoiseFloors()
        self.asked = asked or {}
        self.alpha = alpha

    def of(self, cell: str, metric: str, family: int, pooled: int = 1) -> Threshold:
        asked = self.asked.get(metric, self.asked.get("all"))
        measured = self.floors.of(cell, metric, self.alpha, family, pooled)
        if measured is None:
            return Threshold(ASSUMED if asked is None else asked, "assumed" if asked is None else "asked", asked)
        least = LEAST if asked is None else asked
        if measured[0] > least:
            return Threshold(measured[0], measured[1], asked)
        return Threshold(least, "least" if asked is None else "asked", asked)
