# SPDX-License-Identifier: Apache-2.0
"""Median, quartiles and the interval of the median of a few samples, without anything but Python."""

import functools
import math


def quantile(ordered, q: float) -> float:
    """Of sorted samples, interpolated between neighbours (type 7, as numpy and R do by default)."""
    at = q * (len(ordered) - 1)
    low = math.floor(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (at - low)


@functools.lru_cache(maxsize=1024)
def interval_ranks(n: int, level: float = 0.95) -> tuple[int, int]:
    """Ranks (from 0) whose order statistics enclose the median with at least `level`, whatever the distribution.

    Six samples are the fewest that can give 95 %; with fewer it is all that was seen.
    """
    tail, below = (1 - level) / 2, 0.0
    for k in range(n // 2):
        below += math.comb(n, k) / 2**n
        if below > tail:
            return max(k - 1, 0), min(n - k, n - 1)
    middle = max(n // 2 - 1, 0)
    return middle, n - 1 - middle


def describe(samples) -> dict:
    """n, median, its interval low..high (95 %), q1, q3, of one sample or more."""
    s = sorted(samples)
    low, high = interval_ranks(len(s))
    return {
        "n": len(s),
        "median": quantile(s, 0.5),
        "low": s[low],
        "high": s[high],
        "q1": quantile(s, 0.25),
        "q3": quantile(s, 0.75),
    }
