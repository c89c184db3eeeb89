# SPDX-License-Identifier: Apache-2.0
"""changepoints.py against values worked out by hand, and against the definition as sums over pairs."""

import unittest

import numpy as np

from gauntlet_results.changepoints import FEWEST, change_points, cut_scores


def q_of(values, t):
    """The definition, pair by pair."""
    x, y = values[:t], values[t:]
    n, m = len(x), len(y)
    across = sum(abs(a - b) for a in x for b in y) / (n * m)
    left = sum(abs(x[i] - x[j]) for i in range(n) for j in range(i)) / (n * (n - 1) / 2)
    right = sum(abs(y[i] - y[j]) for i in range(m) for j in range(i)) / (m * (m - 1) / 2)
    return n * m / (n + m) * (2 * across - left - right)


class ScoreTest(unittest.TestCase):
    def test_by_hand(self):
        # 0 0 0 1 1 1, cut in the middle: 3 * 3 / 6 * (2 * 1 - 0 - 0) = 3.
        # Cut before the third: left 0 0; right 0 1 1 1: pairs 3 of 6 differ: 1/2; across 6 of 8: 2 * 4 / 6 * (1.5 - 0.5) = 4/3.
        s = cut_scores(np.array([0.0, 0, 0, 1, 1, 1]))
        self.assertAlmostEqual(s[3], 3)
        self.assertAlmostEqual(s[2], 4 / 3)
        self.assertAlmostEqual(s[4], 4 / 3)
        self.assertTrue(all(np.isneginf(s[t]) for t in (0, 1, 5, 6)))

    def test_against_the_definition(self):
        rng = np.random.default_rng(1)
        for n in (4, 5, 9, 24):
            values = rng.lognormal(0, 1, n)
            s = cut_scores(values)
            for t in range(FEWEST, n - FEWEST + 1):
                self.assertAlmostEqual(s[t], q_of(list(values), t), places=9)

    def test_scale_and_place(self):
        values = np.random.default_rng(2).normal(0, 1, 12)
        np.testing.assert_allclose(cut_scores(5 * values + 100)[2:-2], 5 * cut_scores(values)[2:-2], rtol=1e-9)


class PointsTest(unittest.TestCase):
    def places(self, values, **more):
        return [c.index for c in change_points(values, **more)]

    def test_golden(self):
        """Levels so far apart that only one answer is right."""
        self.assertEqual(self.places([10.0] * 8 + [20.0] * 8), [8])
        self.assertEqual(self.places([10.0] * 10 + [20.0] * 10 + [15.0] * 10), [10, 20])
        self.assertEqual(self.places([5.0] * 20), [])
        self.assertEqual(self.places([]), [])
        self.assertEqual(self.places([1.0, 2.0, 3.0]), [])

    def test_before_and_after(self):
        (c,) = change_points([1.0, 1.1, 0.9, 1.0, 1.1, 0.9, 1.0, 1.05, 2.0, 2.1, 1.9, 2.0, 2.1, 1.9])
        self.assertEqual((c.index, c.before, c.after), (8, 1.0, 2.0))
        self.assertLessEqual(c.p, 0.01)

    def test_an_outlier_is_none(self):
        values = list(np.random.default_rng(3).normal(100, 1, 30))
        values[15] = 200
        self.assertEqual(self.places(values), [])

    def test_noisy_step(self):
        rng = np.random.default_rng(4)
        hits = 0
        for seed in range(40):
            values = np.concatenate([rng.lognormal(0, 0.03, 15), rng.lognormal(np.log(1.1), 0.03, 15)])
            found = self.places(values, seed=seed)
            hits += len(found) == 1 and abs(found[0] - 15) <= 2
        self.assertGreaterEqual(hits, 36)

    def test_false_alarms(self):
        rng = np.random.default_rng(5)
        false = sum(bool(self.places(rng.lognormal(0, 0.05, 30), seed=i)) for i in range(200))
        self.assertLessEqual(false, 7)  # 1 % of 200 are 2; more than 7 has probability 0.001

    def test_same_seed_same_points(self):
        values = np.random.default_rng(6).normal(0, 1, 40)
        values[25:] += 1.2
        self.assertEqual(change_points(values, seed=3), change_points(values, seed=3))

    def test_not_finite(self):
        with self.assertRaises(ValueError):
            change_points([1.0, float("nan"), 2.0, 3.0])


if __name__ == "__main__":
    unittest.main()
