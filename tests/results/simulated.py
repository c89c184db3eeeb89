# SPDX-License-Identifier: Apache-2.0
"""Machines that do not exist, with noise such as virtual ones have: lognormal, two modes, drift, and levels that move
from run to run. What they are drawn from is stated here because the rates that tests demand hold for it."""

import numpy as np

from gauntlet_results.model import ResultSet, Series
from gauntlet_results.noise_floor import Floor, NoiseFloors

CELLS = 12
SAMPLES = 9
ENVIRONMENT = {"cpu": "simulated", "num_cpus": 2, "build": {"preset": "release"}}


class Machine:
    """Draws, for each cell, how noisy it is; then runs."""

    def __init__(self, seed: int, cells: int = CELLS):
        self.rng = np.random.default_rng(seed)
        self.level = self.rng.lognormal(4, 1.5, cells)  # ns: most between 10 and 1000
        self.between = self.rng.uniform(0.001, 0.015, cells)  # of a run's level, logarithmic
        self.within = self.rng.uniform(0.003, 0.04, cells)
        self.slow_share = self.rng.choice([0, 0, 0.1, 0.25], cells)  # samples in the slow mode
        self.slow = self.rng.uniform(0.05, 0.4, cells)
        self.drift = self.rng.choice([0, 0, 0, 0.01, 0.02], cells)  # over a run, either way

    def samples(self, cell: int, factor: float, n: int) -> tuple[float, ...]:
        r = self.rng
        logs = r.normal(0, self.within[cell], n) + r.normal(0, self.between[cell])
        logs += self.drift[cell] * r.choice([-1, 1]) * np.linspace(0, 1, n)
        logs += np.where(r.random(n) < self.slow_share[cell], np.log1p(self.slow[cell]), 0)
        return tuple(float(v) for v in self.level[cell] * factor * np.exp(logs))

    def run(self, factors: dict[int, float] | None = None, n: int = SAMPLES) -> ResultSet:
        return a_set({name(i): self.samples(i, (factors or {}).get(i, 1.0), n) for i in range(len(self.level))})

    def floors(self, runs: int = 20, n: int = SAMPLES) -> NoiseFloors:
        """As `gauntlet noise` measures them."""
        return NoiseFloors(
            Floor(name(i), "time", [[float(np.median(self.samples(i, 1.0, n))) for _ in range(runs)]])
            for i in range(len(self.level))
        )


def name(i: int) -> str:
    return f"load{i}/runtime:gmp/sched:worksteal/procs:1/bind:pu"


def a_set(samples: dict, metric="time", unit="ns", better="lower", verdicts=None, **more) -> ResultSet:
    """A set of cells with samples; verdicts: of those that are not ok, as (verdict, why)."""
    verdicts = verdicts or {}
    cells, series = [], []
    for cell, values in samples.items():
        verdict, why = verdicts.get(cell, ("ok", None))
        cells.append({"name": cell, "kind": "bench", "verdict": verdict, "why": why, "attrs": {}})
        if values:
            series.append(Series(cell, metric, unit, better, tuple(values), verdict, why, {}))
    fields = {
        "id": "", "label": "simulated", "date": "2026-01-01T00:00:00Z", "revision": "0123456789ab", "dirty": None,
        "seed": 1, "environment": ENVIRONMENT, "problems": [], "path": None, "complete": True, "key": "",
    }  # fmt: skip
    return ResultSet(series=series, cells=cells, **{**fields, **more})
