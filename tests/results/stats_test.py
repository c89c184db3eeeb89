# SPDX-License-Identifier: Apache-2.0
"""stats.py against enumeration: every order of small samples counted one by one, and scipy where it has the same test."""

import itertools
import math
import unittest

import numpy as np
from scipy import stats as scipy_stats

from gauntlet_results import stats


def enumerated_p_greater(x, y):
    """P(U >= u) over all ways to choose which of the n + m ranks are x's: the definition, without recurrences."""
    n, m = len(x), len(y)
    wins = sum(a > b for a in x for b in y)
    total = hits = 0
    for chosen in itertools.combinations(range(n + m), n):
        u = sum(rank - i for i, rank in enumerate(chosen))
        total += 1
        hits += u >= wins
    return hits / total


def not_rejected(x, y, level):
    """The interval by its definition: which shifts neither one-sided test rejects, tried between all differences."""
    edges = sorted({a - b for a in x for b in y})
    tries = [edges[0] - 1] + [(a + b) / 2 for a, b in zip(edges, edges[1:])] + [edges[-1] + 1]
    tail = (1 - level) / 2
    kept = []
    for shift in tries:
        moved = [a - shift for a in x]
        if enumerated_p_greater(moved, y) > tail and enumerated_p_greater(y, moved) > tail:
            kept.append(shift)
    return kept, edges


class MedianTest(unittest.TestCase):
    def test_interval_holds_by_binomials(self):
        # Nine samples: the 2nd and the 8th leave out 2 * (1 + 9) / 512, the 1st and the 9th 2 / 512.
        i = stats.median_interval([9, 1, 8, 2, 7, 3, 6, 4, 5])
        self.assertEqual((i.value, i.low, i.high), (5, 2, 8))
        self.assertAlmostEqual(i.level, 1 - 20 / 512)

    def test_few_samples_say_what_they_reach(self):
        i = stats.median_interval([3.0, 1.0, 2.0])
        self.assertEqual((i.low, i.high), (1.0, 3.0))
        self.assertAlmostEqual(i.level, 1 - 2 / 8)
        self.assertEqual(stats.median_interval([4.0]).level, 0)

    def test_coverage(self):
        rng, inside = np.random.default_rng(5), 0
        for _ in range(2000):
            i = stats.median_interval(rng.lognormal(0, 1, 9))
            inside += i.low <= 1 <= i.high
        self.assertGreaterEqual(inside / 2000, 0.95)


class MannWhitneyTest(unittest.TestCase):
    def test_against_enumeration(self):
        rng = np.random.default_rng(1)
        for n, m in ((1, 1), (2, 3), (3, 3), (5, 4), (6, 6), (7, 2)):
            x, y = rng.normal(0.5, 1, n), rng.normal(0, 1, m)
            self.assertAlmostEqual(stats.p_greater(x, y), enumerated_p_greater(x, y), places=12)

    def test_against_scipy(self):
        rng = np.random.default_rng(2)
        for n, m in ((9, 9), (20, 9), (40, 40), (60, 70)):
            x, y = rng.normal(0.3, 1, n), rng.normal(0, 1, m)
            method = "exact" if n * m <= stats.EXACT_CELLS else "asymptotic"
            want = scipy_stats.mannwhitneyu(x, y, alternative="greater", method=method).pvalue
            self.assertAlmostEqual(stats.p_greater(x, y), want, places=10)
            want = scipy_stats.mannwhitneyu(x, y, alternative="two-sided", method=method).pvalue
            self.assertAlmostEqual(stats.p_differs(x, y), want, places=10)

    def test_by_hand(self):
        # 3 above 3: one order of C(6, 3) = 20. Two of 9 and 9 that do not overlap: 1 / 48620.
        self.assertAlmostEqual(stats.p_greater([4, 5, 6], [1, 2, 3]), 1 / 20)
        self.assertAlmostEqual(stats.smallest_p(9, 9), 1 / 48620)
        self.assertAlmostEqual(stats.p_greater(range(9, 18), range(9)), 1 / 48620)

    def test_ties_never_help(self):
        self.assertEqual(stats.p_greater([1, 1, 1], [1, 1, 1]), 1)
        self.assertEqual(stats.p_differs([1, 1, 1], [1, 1, 1]), 1)
        tied, split = stats.p_greater([2, 3, 3], [1, 1, 3]), stats.p_greater([2, 3.1, 3.2], [1, 1.1, 3])
        self.assertGreaterEqual(tied, split)

    def test_samples_needed(self):
        self.assertEqual(stats.samples_needed(0.05), 3)  # 1/20
        self.assertEqual(stats.samples_needed(0.01), 5)  # 1/70 is too much, 1/252 will do
        self.assertEqual(stats.samples_needed(0.01 / 500), 10)

    def test_nothing_is_no_evidence(self):
        self.assertEqual(stats.p_greater([], [1]), 1)

    def test_cliffs_delta(self):
        self.assertEqual(stats.cliffs_delta([3, 4], [1, 2]), 1)
        self.assertEqual(stats.cliffs_delta([1, 2], [1, 2]), 0)
        self.assertEqual(stats.cliffs_delta([1, 4], [2, 3]), 0)
        self.assertEqual(stats.cliffs_delta([1, 1], [1, 2]), -0.5)


class ShiftTest(unittest.TestCase):
    def test_by_hand(self):
        # All nine differences of {10, 11, 12} and {0, 1, 2}: 8, 9, 9, 10, 10, 10, 11, 11, 12.
        i = stats.shift_interval([10, 11, 12], [0, 1, 2], level=0.8)
        # Tail 0.1: P(U <= 0) = 1/20, P(U <= 1) = 2/20, P(U <= 2) = 4/20: the 2nd from either end.
        self.assertEqual((i.value, i.low, i.high), (10, 9, 11))

    def test_is_the_inversion_of_the_test(self):
        rng = np.random.default_rng(3)
        for n, m, level in ((4, 4, 0.9), (5, 4, 0.9), (6, 6, 0.95), (5, 7, 0.95)):
            x, y = rng.normal(2, 1, n), rng.normal(0, 1, m)
            i = stats.shift_interval(x, y, level)
            kept, edges = not_rejected(x, y, level)
            self.assertEqual(i.low, max(e for e in edges if e < min(kept)))
            self.assertEqual(i.high, min(e for e in edges if e > max(kept)))

    def test_too_few_say_so(self):
        i = stats.shift_interval([2.0, 3.0], [1.0, 1.5])
        self.assertEqual((i.low, i.high), (0.5, 2.0))
        self.assertAlmostEqual(i.level, 1 - 2 / 6)

    def test_coverage(self):
        rng, inside = np.random.default_rng(4), 0
        for _ in range(1500):
            i = stats.shift_interval(rng.gumbel(1, 1, 9), rng.gumbel(0, 1, 9))
            inside += i.low <= 1 <= i.high
        self.assertGreaterEqual(inside / 1500, 0.94)

    def test_large_samples(self):
        rng = np.random.default_rng(6)
        i = stats.shift_interval(rng.normal(1, 1, 100), rng.normal(0, 1, 100))
        self.assertTrue(0.6 < i.low < 1 < i.high < 1.4, i)


class CorrectionTest(unittest.TestCase):
    def test_holm_by_hand(self):
        # 4 * 0.01, max(that, 3 * 0.02), then 0.06 again for 2 * 0.03, then 0.06 for 1 * 0.04.
        got = stats.corrected([0.04, 0.01, 0.03, 0.02], "holm")
        np.testing.assert_allclose(got, [0.06, 0.04, 0.06, 0.06])

    def test_benjamini_hochberg_by_hand(self):
        # 4/1 * 0.01, 4/2 * 0.02, 4/3 * 0.03, 4/4 * 0.04, each at most the next: all 0.04.
        np.testing.assert_allclose(stats.corrected([0.04, 0.01, 0.03, 0.02], "fdr_bh"), [0.04] * 4)
        self.assertEqual(stats.corrected([], "holm"), [])


class OrderTest(unittest.TestCase):
    def test_drift(self):
        rising = [100, 102, 104, 106, 108, 110, 112, 114, 116]
        self.assertAlmostEqual(stats.drift_size(rising), 0.16)
        self.assertAlmostEqual(stats.trend_p(rising), 2 / math.factorial(9))
        self.assertAlmostEqual(stats.drift_size([100, 102, 104, 900, 108, 110, 112, 114, 116]), 0.16, delta=0.01)  # one outlier
        self.assertEqual((stats.trend_p([5.0] * 9), stats.drift_size([5.0] * 9)), (1, 0))
        self.assertGreater(stats.trend_p(np.random.default_rng(1).normal(100, 1, 9)), 0.01)

    def test_dependence(self):
        rng = np.random.default_rng(7)
        self.assertLess(stats.dependence_p([1, 1, 1, 1, 1, 1, 9, 9, 9, 9, 9, 9, 1, 1, 1, 1, 1, 1]), 0.001)
        falsely = sum(stats.dependence_p(rng.lognormal(0, 1, 15)) < 0.01 for _ in range(1000))
        self.assertLess(falsely, 25)

    def test_bursts_become_blocks(self):
        rng = np.random.default_rng(8)
        self.assertEqual(len(stats.independent(rng.normal(0, 1, 9))), 9)
        bursts = np.repeat(rng.normal(0, 1, 20), 8) + rng.normal(0, 0.01, 160)
        self.assertLessEqual(len(stats.independent(bursts)), 40)
        self.assertGreaterEqual(len(stats.independent(list(range(1000)))), 9)


if __name__ == "__main__":
    unittest.main()
