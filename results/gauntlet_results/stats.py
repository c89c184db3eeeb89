# SPDX-License-Identifier: Apache-2.0
"""Statistics of a few noisy samples: intervals, tests, corrections. Nothing here assumes a distribution.

Two samples are compared on one scale: the logarithm where every sample is above zero (a difference is then a ratio),
else as they are. The test is Mann-Whitney's, exact for small samples; the interval of the shift is the Hodges-Lehmann
interval that comes from inverting that same test, so the p-value and the interval can never contradict each other
(which an interval from a bootstrap beside a rank test can; of nine samples a bootstrapped median is poor besides).

Where samples tie, a p-value counts each tie against what is to be shown: it may be too large, never too small.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import stats as scipy_stats

from .quantiles import interval_ranks

EXACT_CELLS = 2500  # n * m up to which the null distribution of U is counted out


@dataclass(frozen=True)
class Interval:
    """An estimate with the bounds of its interval. `level` is what the bounds really reach: less than was asked for
    when there are too few samples."""

    value: float
    low: float
    high: float
    level: float


# ---- one sample -----------------------------------------------------------------------------------------------------
def median(samples: Sequence[float]) -> float:
    return float(np.median(np.asarray(samples, dtype=float)))


def median_interval(samples: Sequence[float], level: float = 0.95) -> Interval:
    """The median between two order statistics: P(low <= median <= high) >= level for every continuous distribution."""
    ordered = sorted(float(x) for x in samples)
    n = len(ordered)
    low, high = interval_ranks(n, level)
    outside = sum(math.comb(n, k) for k in range(low + 1)) / 2**n
    return Interval(median(ordered), ordered[low], ordered[high], max(0.0, 1 - 2 * outside))


def drift_size(samples: Sequence[float]) -> float:
    """By how much Theil and Sen's line through the samples, in their order, rises from the first to the last, as a share."""
    y = np.asarray(samples, dtype=float)
    n = len(y)
    if n < 4:
        return 0.0
    i, j = np.triu_indices(n, 1)
    slope = float(np.median((y[j] - y[i]) / (j - i)))
    start = median(y) - slope * (n - 1) / 2
    return slope * (n - 1) / abs(start) if start else 0.0


def trend_p(samples: Sequence[float]) -> float:
    """Kendall's test of a trend over the order of the samples."""
    if len(samples) < 4 or len(set(samples)) == 1:
        return 1.0
    p = float(scipy_stats.kendalltau(np.arange(len(samples)), samples).pvalue)
    return p if math.isfinite(p) else 1.0


def dependence_p(samples: Sequence[float]) -> float:
    """Is each sample like the one before it? One-sided p of the first autocorrelation of the ranks (normal approximation
    for a random order: mean -1/n)."""
    n = len(samples)
    if n < 8:
        return 1.0
    ranks = scipy_stats.rankdata(samples)
    centred = ranks - ranks.mean()
    total = float(centred @ centred)
    if total == 0:
        return 1.0
    r1 = float(centred[1:] @ centred[:-1]) / total
    sd = math.sqrt((n - 2) ** 2 / (n * n * (n - 1)))
    return float(scipy_stats.norm.sf((r1 + 1 / n) / sd))


def independent(samples: Sequence[float], alpha: float = 0.01, fewest: int = 9) -> tuple[float, ...]:
    """The samples, or means of neighbours (of 2, 4, 8, ..) until they no longer depend on each other, or would be too few.
    A rank test takes samples for independent; noise that comes in bursts would make it see differences everywhere."""
    y = np.asarray(samples, dtype=float)
    while len(y) // 2 >= fewest and dependence_p(y) < alpha:
        even = len(y) // 2 * 2
        y = y[:even].reshape(-1, 2).mean(axis=1)
    return tuple(float(v) for v in y)


# ---- Mann-Whitney ---------------------------------------------------------------------------------------------------
@lru_cache(maxsize=256)
def _u_counts(n: int, m: int) -> np.ndarray:
    """How many of the orders of n and m samples give U = 0..n*m. Exact to 53 bits: sums of positive numbers alone."""
    if n > m:
        return _u_counts(m, n)
    row = [np.ones(1)] * (m + 1)  # n = 0
    for i in range(1, n + 1):
        new = [np.ones(1)]
        for j in range(1, m + 1):
            counts = np.zeros(i * j + 1)
            counts[j:] += row[j]  # the largest is of the first sample: it exceeds all j
            counts[: i * (j - 1) + 1] += new[j - 1]  # of the second
            new.append(counts)
        row = new
    return row[m]


@lru_cache(maxsize=256)
def _u_tail(n: int, m: int) -> np.ndarray:
    """P(U >= u) under the null hypothesis, u = 0..n*m."""
    counts = _u_counts(n, m)
    return np.cumsum(counts[::-1])[::-1] / counts.sum()


def u_statistic(x: Sequence[float], y: Sequence[float]) -> tuple[float, float]:
    """Pairs with x > y, and pairs that tie."""
    a, b = np.asarray(x, dtype=float)[:, None], np.asarray(y, dtype=float)[None, :]
    return float(np.count_nonzero(a > b)), float(np.count_nonzero(a == b))


def p_greater(x: Sequence[float], y: Sequence[float]) -> float:
    """One-sided p of Mann-Whitney's test: x tends to be larger than y. Ties count as y's."""
    if not len(x) or not len(y):
        return 1.0
    wins, _ = u_statistic(x, y)
    n, m = len(x), len(y)
    if n * m <= EXACT_CELLS:
        return float(_u_tail(n, m)[int(wins)])
    sd = math.sqrt(n * m * (n + m + 1) / 12)
    return float(scipy_stats.norm.sf((wins - n * m / 2 - 0.5) / sd))


def p_differs(x: Sequence[float], y: Sequence[float]) -> float:
    """Two-sided p of Mann-Whitney's test."""
    return min(1.0, 2 * min(p_greater(x, y), p_greater(y, x)))


def smallest_p(n: int, m: int) -> float:
    """The smallest p that n and m samples can reach, one-sided: that of samples that do not overlap."""
    return 1.0 / math.comb(n + m, n)


def samples_needed(alpha: float) -> int:
    """The fewest samples a side with which one-sided p <= alpha can be reached at all."""
    return next(n for n in range(1, 100) if smallest_p(n, n) <= alpha)


def cliffs_delta(x: Sequence[float], y: Sequence[float]) -> float:
    """P(x > y) - P(x < y): 1 where every x exceeds every y, 0 where neither does more often."""
    wins, ties = u_statistic(x, y)
    pairs = len(x) * len(y)
    return (2 * wins + ties) / pairs - 1 if pairs else 0.0


# ---- the shift between two samples ----------------------------------------------------------------------------------
def _critical_u(n: int, m: int, tail: float) -> int:
    """The largest k with P(U <= k - 1) <= tail, so that the k-th smallest difference bounds the interval; 0: none."""
    if n * m <= EXACT_CELLS:
        cumulative = _u_tail(n, m)[::-1]  # P(U <= v), by symmetry that of U >= n*m - v
        return int(np.searchsorted(cumulative, tail * (1 + 1e-9), side="right"))
    sd = math.sqrt(n * m * (n + m + 1) / 12)
    return max(0, math.floor(n * m / 2 + scipy_stats.norm.ppf(tail) * sd))


def shift_interval(x: Sequence[float], y: Sequence[float], level: float = 0.95) -> Interval:
    """By how much x lies above y: the median of all differences (Hodges and Lehmann), between the differences at which
    the two one-sided tests at (1 - level) / 2 begin to reject. Too few samples: all that is possible, level as reached."""
    differences = np.sort((np.asarray(x, dtype=float)[:, None] - np.asarray(y, dtype=float)[None, :]).ravel())
    n, m = len(x), len(y)
    k = _critical_u(n, m, (1 - level) / 2)
    if k == 0:
        return Interval(float(np.median(differences)), float(differences[0]), float(differences[-1]), 1 - 2 * smallest_p(n, m))
    return Interval(float(np.median(differences)), float(differences[k - 1]), float(differences[-k]), level)


# ---- many tests -----------------------------------------------------------------------------------------------------
def corrected(p_values: Sequence[float], method: str) -> list[float]:
    """Adjusted p-values. `holm`: the chance of one false alarm among all of them; for a gate, where one is one too many.
    `fdr_bh`: the share of false ones among those reported; for a report, which is read and must not hide what is there."""
    if not len(p_values):
        return []
    from statsmodels.stats.multitest import multipletests  # slow to import, and not every verb needs it

    return [float(p) for p in multipletests(list(p_values), method=method)[1]]
