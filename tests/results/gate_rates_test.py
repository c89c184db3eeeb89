# SPDX-License-Identifier: Apache-2.0
"""The gate's rates, over 200 simulated comparisons each: equal runs pass, a 10 % slowdown does not, and a gate without
its thresholds, or without its correction, would be noticed."""

import unittest
from unittest import mock

from gauntlet_results import gate, stats
from gauntlet_results.comparison import Options, compare_sets
from gauntlet_results.noise_floor import NoiseFloors, Thresholds
from gauntlet_results.select import merge

from simulated import CELLS, Machine

COMPARISONS, PER_MACHINE = 200, 10


def options(floors: NoiseFloors, asked=None) -> Options:
    return Options(Thresholds(floors, asked, gate.ALPHA), metrics=gate.METRICS, alpha=gate.ALPHA, correction="holm")


def statuses(make_options, factors=lambda i: None, samples=9, comparisons=COMPARISONS, pooled=1) -> list[int]:
    """The gate's exit status of each comparison of fresh runs; pooled: so many taken together on either side."""
    found = []
    for m in range(comparisons // PER_MACHINE):
        machine = Machine(1000 + m)
        chosen = make_options(machine.floors(n=samples))
        for i in range(PER_MACHINE):
            sides = ([machine.run(f, n=samples) for _ in range(pooled)] for f in (None, factors(i)))
            base, new = (merge(runs) if pooled > 1 else runs[0] for runs in sides)
            found.append(gate.status_of(compare_sets(base, new, chosen)))
    return found


def setUpModule():
    mock.patch("gc.collect").start()  # statsmodels calls it at each correction, 0.1 s


class RatesTest(unittest.TestCase):
    def report(self, what: str, found: list[int]) -> None:
        print(f"# {what}: {found.count(0)} ok, {found.count(1)} red, {found.count(3)} inconclusive of {len(found)}")

    def test_equal_runs_pass(self):
        """At most 1 % red is promised: 2 of 200 are expected at the worst, more than 6 have probability 0.005."""
        found = statuses(options)
        self.report("equal runs", found)
        self.assertLessEqual(found.count(1), 6)
        self.assertGreaterEqual(found.count(0), 190)
        self.assertEqual(set(found) - {0, 1, 3}, set())

    def test_equal_runs_taken_together_pass(self):
        """Three on either side, as plans/ci.ini has them: the same promise."""
        found = statuses(options, samples=15, pooled=3)
        self.report("equal runs, three together", found)
        self.assertLessEqual(found.count(1), 6)
        self.assertGreaterEqual(found.count(0), 190)

    def test_ten_percent_is_seen(self):
        """One cell of twelve, each in turn, 10 % slower. Not every cell of these machines is quiet enough to show it; a
        gate that passes one anyway must have said that its threshold there is wider."""
        found = statuses(options, lambda i: {i % CELLS: 1.10}, samples=25)
        self.report("one cell of twelve 10 % slower", found)
        self.assertGreaterEqual(found.count(1), 100)

    def test_ten_percent_everywhere_is_seen(self):
        found = statuses(options, lambda i: dict.fromkeys(range(CELLS), 1.10), comparisons=60)
        self.report("all cells 10 % slower", found)
        self.assertGreaterEqual(found.count(1), 57)
        self.assertEqual(found.count(0), 0)

    def test_where_it_is_quiet_nothing_is_missed(self):
        """Cells whose threshold is at most 6 %: there 10 % is always seen."""
        missed = seen = 0
        for m in range(10):
            machine = Machine(2000 + m)
            chosen = options(machine.floors(n=25))
            base, new = machine.run(n=25), machine.run(dict.fromkeys(range(CELLS), 1.10), n=25)
            for row in compare_sets(base, new, chosen).rows:
                if row.threshold.value <= 0.06:
                    seen += row.verdict == "worse"
                    missed += row.verdict == "same"
        print(f"# cells with a threshold up to 6 %: {seen} seen, {missed} missed")
        self.assertGreater(seen, 20)
        self.assertEqual(missed, 0)

    def test_the_same_seeds_give_the_same(self):
        one, two = Machine(7), Machine(7)
        results = [compare_sets(m.run(), m.run(), options(m.floors())).rows for m in (one, two)]
        self.assertEqual(*results)


class TwinsTest(unittest.TestCase):
    """What the test of equal runs would say of a gate that lacks a part."""

    def test_without_thresholds(self):
        found = statuses(lambda floors: options(NoiseFloors(), {"all": 1e-9}), comparisons=30)
        self.assertGreater(found.count(1), 5)

    def test_without_correction(self):
        """Of the same comparisons: what the correction alone keeps from being red."""
        strict = statuses(lambda floors: options(NoiseFloors(), {"all": 1e-9}), comparisons=30)
        with mock.patch.object(stats, "corrected", lambda p, method: list(p)):
            found = statuses(lambda floors: options(NoiseFloors(), {"all": 1e-9}), comparisons=30)
        self.assertGreater(found.count(1), strict.count(1) + 5)


if __name__ == "__main__":
    unittest.main()
