# SPDX-License-Identifier: Apache-2.0
"""Change points of a history: where values over runs or revisions moved and stayed moved.

E-divisive means after Matteson and James (2014), which no package of Debian has. For a cut of a segment into X and Y of
n and m values

    q = n m / (n + m) * (2 mean|x - y| - mean|x - x'| - mean|y - y'|)

with means over all pairs (of two different values within X and Y) is large where the two differ in whatever way. The
best cut of all segments is tested by shuffling values within the segments: p is the share of shuffles whose best cut is
as good. It is kept while p <= significance, and the search goes on in what it made; the first that fails ends it.

The same values and seed give the same points. No clock, no global state.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SIGNIFICANCE = 0.01
SHUFFLES = 499
FEWEST = 2  # values on each side of a cut: one alone is an outlier, not a change


@dataclass(frozen=True)
class ChangePoint:
    """`index`: of the first value after the change. Before and after: medians of the segments that it parts."""

    index: int
    q: float
    p: float
    before: float
    after: float


def cut_scores(values: np.ndarray) -> np.ndarray:
    """q of each cut: element t is that of values[:t] against values[t:]; cuts that leave fewer than FEWEST are -inf."""
    n = len(values)
    scores = np.full(n + 1, -np.inf)
    if n < 2 * FEWEST:
        return scores
    distance = np.abs(values[:, None] - values[None, :])
    corner = np.zeros((n + 1, n + 1))
    corner[1:, 1:] = distance.cumsum(axis=0).cumsum(axis=1)  # [a, b]: sum over i < a, j < b
    t = np.arange(FEWEST, n - FEWEST + 1)
    within_left = corner[t, t]  # each pair twice
    within_right = corner[n, n] - 2 * corner[t, n] + corner[t, t]
    across = corner[t, n] - corner[t, t]
    left, right = t.astype(float), (n - t).astype(float)
    means = 2 * across / (left * right) - within_left / (left * (left - 1)) - within_right / (right * (right - 1))
    scores[t] = left * right / n * means
    return scores


def _best_cut(values: np.ndarray) -> tuple[float, int]:
    scores = cut_scores(values)
    at = int(np.argmax(scores))
    return float(scores[at]), at


def _best_of(values: np.ndarray, bounds: list[int]) -> tuple[float, int]:
    """The best cut of all segments: its q, its place."""
    best = (-np.inf, -1)
    for start, end in zip(bounds, bounds[1:]):
        q, at = _best_cut(values[start:end])
        if q > best[0]:
            best = (q, start + at)
    return best


def _shuffled(values: np.ndarray, bounds: list[int], random: np.random.Generator) -> np.ndarray:
    out = values.copy()
    for start, end in zip(bounds, bounds[1:]):
        random.shuffle(out[start:end])
    return out


def _p_of(q: float, values: np.ndarray, bounds: list[int], limits: tuple[float, int], random: np.random.Generator) -> float:
    """p of the best cut; 1 as soon as it cannot be small enough any more, so that a history without changes is cheap."""
    significance, shuffles = limits
    almost = q - 1e-12 * max(1.0, abs(q))  # the same sums in another order
    as_good = 0
    for _ in range(shuffles):
        as_good += _best_of(_shuffled(values, bounds, random), bounds)[0] >= almost
        if as_good + 1 > significance * (shuffles + 1):
            return 1.0
    return (as_good + 1) / (shuffles + 1)


def change_points(
    values: Sequence[float], *, significance: float = SIGNIFICANCE, shuffles: int = SHUFFLES, seed: int = 0
) -> list[ChangePoint]:
    """The change points of values in the order of time, by index."""
    y = np.asarray(values, dtype=float)
    if not np.all(np.isfinite(y)):
        raise ValueError("change points of values that are not finite")
    random = np.random.default_rng(seed)
    bounds, found = [0, len(y)], {}
    while True:
        q, at = _best_of(y, bounds)
        if at < 0 or not q > 0:
            break
        p = _p_of(q, y, bounds, (significance, shuffles), random)
        if p > significance:
            break
        found[at] = (q, p)
        bounds = sorted([*bounds, at])
    return [
        ChangePoint(at, *found[at], float(np.median(y[start:at])), float(np.median(y[at:end])))
        for start, at, end in zip(bounds, bounds[1:], bounds[2:])
    ]
