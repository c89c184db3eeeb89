# SPDX-License-Identifier: Apache-2.0
"""Verdicts of the comparison, one reason at a time."""

import contextlib
import io
import unittest
from unittest import mock

import numpy as np

from gauntlet_results import gate, noise, sets
from gauntlet_results.comparison import DEFAULT_METRICS, Options, askable, compare_sets
from gauntlet_results.noise_floor import Floor, NoiseFloors, Thresholds, class_of, from_documents
from gauntlet_results.select import merge

from simulated import a_set

A, B = "a/runtime:gmp/procs:1", "b/runtime:gmp/procs:1"
QUIET = tuple(100 + x for x in (0.3, -0.2, 0.1, -0.4, 0.0, 0.4, -0.1, 0.2, -0.3))


def setUpModule():
    mock.patch("gc.collect").start()  # statsmodels calls it at each correction, 0.1 s


def times(factor, samples=QUIET):
    return tuple(s * factor for s in samples)


def compared(base, new, floors=None, asked=None, metrics=DEFAULT_METRICS, **more):
    options = Options(Thresholds(floors, asked, 0.01), metrics=metrics, alpha=0.01, correction="holm", **more)
    return compare_sets(base, new, options)


def row_of(base, new, **more):
    (row,) = compared(a_set({A: base}), a_set({A: new}), **more).rows
    return row


def states(c):
    return {a.cell: a.state for a in c.apart}


class VerdictTest(unittest.TestCase):
    def test_worse_better_same(self):
        for factor, want in ((1.2, "worse"), (0.8, "better"), (1.0, "same"), (1.02, "same")):
            self.assertEqual(row_of(QUIET, times(factor)).verdict, want)

    def test_more_is_better(self):
        options = Options(Thresholds(), metrics=None, alpha=0.01, correction="holm")
        for factor, want in ((1.2, "better"), (0.8, "worse")):
            sets = (a_set({A: times(f)}, metric="rate", better="higher") for f in (1, factor))
            self.assertEqual(compare_sets(*sets, options).rows[0].verdict, want)

    def test_what_only_describes_has_changed(self):
        options = Options(Thresholds(), metrics=None, alpha=0.01, correction="holm")
        sets = (a_set({A: times(f)}, metric="events", better="none") for f in (1, 1.5))
        self.assertEqual(compare_sets(*sets, options).rows[0].verdict, "changed")

    def test_a_difference_below_the_threshold_is_none_however_sure(self):
        row = row_of(QUIET, times(1.05), asked={"time": 0.08})
        self.assertEqual(row.verdict, "same")
        self.assertLess(row.p, 0.001)
        self.assertEqual(row_of(QUIET, times(1.05), asked={"time": 0.02}).verdict, "worse")

    def test_few(self):
        row = row_of(QUIET[:3], times(2, QUIET[:3]))
        self.assertEqual((row.verdict, row.doubt), ("inconclusive", "few"))
        self.assertIn("3 and 3, 5 each can tell", row.why)
        self.assertIsNone(row.p)

    def test_few_in_a_large_family(self):
        """Nine samples a side reach 1 / 48620, which is enough for 486 rows at 1 %."""
        base = a_set({f"{i}/procs:1": times(1, QUIET) for i in range(600)})
        c = compared(base, base)
        self.assertEqual({r.doubt for r in c.rows}, {"few"})

    def test_noisy(self):
        rng = np.random.default_rng(1)
        row = row_of(tuple(rng.lognormal(4, 0.5, 9)), tuple(rng.lognormal(4, 0.5, 9)))
        self.assertEqual((row.verdict, row.doubt), ("inconclusive", "noisy"))
        self.assertIn("the change lies between", row.why)

    def test_near(self):
        row = row_of(QUIET, times(1.05), asked={"time": 0.05})
        self.assertEqual((row.verdict, row.doubt), ("inconclusive", "near"))

    def test_drift(self):
        rising = tuple(100 * 1.03**i for i in range(9))
        row = row_of(times(1.2), rising)
        self.assertEqual((row.verdict, row.doubt), ("inconclusive", "drift"))
        self.assertIn("NEW drifts by +2", row.why)

    def test_drift_is_within_a_run(self):
        """Runs taken together lie on levels of their own: a step is none. One that rises is found among them."""
        steps = [a_set({A: times(f)}) for f in (0.97, 1.0, 1.03, 1.06)]
        level, rising = a_set({A: times(1.015)}), a_set({A: tuple(100 * 1.03**i for i in range(9))})
        asked = {"time": 0.05}
        row = compared(merge([level] * 4), merge(steps), asked=asked).rows[0]
        self.assertEqual((row.pooled, row.verdict), (4, "same"))
        row = compared(merge([level] * 4), merge([*steps, rising]), asked=asked).rows[0]
        self.assertEqual((row.verdict, row.doubt), ("inconclusive", "drift"))

    def test_differences_may_be_negative(self):
        base = (-1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0)
        row = row_of(base, tuple(b + 30 for b in base))
        self.assertEqual(row.verdict, "worse")
        self.assertAlmostEqual(row.change.value, 30 / 5)

    def test_zero_has_no_shares(self):
        self.assertEqual(row_of((0.0,) * 9, (0.0,) * 9).verdict, "same")
        row = row_of((0.0,) * 9, (5.0,) * 9)
        self.assertEqual((row.verdict, row.doubt), ("inconclusive", "zero"))

    def test_worst_first(self):
        cells = {f"{i}/procs:1": f for i, f in enumerate((1.0, 1.3, 0.7, 2.0))}
        c = compared(a_set({n: QUIET for n in cells}), a_set({n: times(f) for n, f in cells.items()}))
        self.assertEqual([r.cell[0] for r in c.rows], ["3", "1", "2", "0"])


class CountTest(unittest.TestCase):
    def verdict(self, was, now, **more):
        sets = (a_set({A: (n,)}, metric="inconsistencies", unit="inconsistencies", **more) for n in (was, now))
        return compared(*sets).rows[0].verdict

    def test_none_before(self):
        self.assertEqual(self.verdict(0, 0), "same")
        self.assertEqual(self.verdict(0, 1), "worse")
        self.assertEqual(self.verdict(5, 0), "better")
        self.assertEqual(self.verdict(5, 500), "same")

    def test_the_cell_need_not_be_ok(self):
        base = a_set({A: (0,)}, metric="inconsistencies")
        new = a_set({A: (3,)}, metric="inconsistencies", verdicts={A: ("inconsistent", "3 of them")})
        c = compared(base, new)
        self.assertEqual(c.rows[0].verdict, "worse")
        self.assertEqual(states(c), {A: "broken"})
        self.assertEqual(gate.status_of(c), 1)


class ApartTest(unittest.TestCase):
    def state(self, was, now):
        base = a_set({A: QUIET, B: QUIET}, verdicts={B: (was, "so")})
        new = a_set({A: QUIET, B: QUIET}, verdicts={B: (now, "so")})
        c = compared(base, new)
        return states(c).get(B), gate.status_of(c)

    def test_each(self):
        for was, now, want in (
            ("ok", "ok", (None, 0)),
            ("ok", "void", ("void", 5)),
            ("ok", "skipped", ("void", 5)),
            ("ok", "failed", ("broken", 1)),
            ("found", "missed", ("broken", 1)),
            ("ok", "inconclusive", ("unclear", 3)),
            ("void", "ok", ("void before", 0)),
            ("failed", "ok", ("mended", 0)),
            ("failed", "failed", ("still broken", 0)),
            ("void", "failed", ("broken", 1)),
            ("incomplete", "inconsistent", ("broken", 1)),
            ("void", "missed", ("broken", 1)),
            ("skipped", "failed", ("broken", 1)),
            ("inconclusive", "inconsistent", ("broken", 1)),
            ("void", "void", ("void", 5)),
            ("failed", "void", ("void", 5)),
        ):
            self.assertEqual(self.state(was, now), want, (was, now))

    def test_missing_and_added(self):
        c = compared(a_set({A: QUIET, B: QUIET}), a_set({A: QUIET}))
        self.assertEqual((states(c), gate.status_of(c)), ({B: "missing"}, 5))
        c = compared(a_set({A: QUIET}), a_set({A: QUIET, B: QUIET}))
        self.assertEqual((states(c), gate.status_of(c)), ({B: "added"}, 0))
        c = compared(a_set({A: QUIET}), a_set({A: QUIET, B: QUIET}, verdicts={B: ("failed", "ops 1 of 2")}))
        self.assertEqual((states(c), gate.status_of(c)), ({B: "broken"}, 1))
        self.assertEqual(c.apart[0].why, "not there, now failed: ops 1 of 2")

    def test_a_void_cell_is_not_compared(self):
        c = compared(a_set({A: QUIET, B: QUIET}), a_set({A: QUIET, B: times(9)}, verdicts={B: ("void", "no clock")}))
        self.assertEqual([r.cell for r in c.rows], [A])

    def test_only_some_cells(self):
        c = compared(a_set({A: QUIET, B: QUIET}), a_set({A: QUIET}), cells=("a/*",))
        self.assertEqual((len(c.rows), gate.status_of(c)), (1, 0))

    def test_floors_are_the_machines(self):
        floor = "yield/runtime:floor/procs:1"
        base, new = a_set({A: QUIET, floor: QUIET}), a_set({A: QUIET, floor: times(2)})
        self.assertEqual([r.cell for r in compared(base, new).rows], [A])
        self.assertEqual([r.verdict for r in compared(base, new, cells=("*floor*",)).rows], ["worse"])


class GateTest(unittest.TestCase):
    def status(self, base, new, **more):
        return gate.status_of(compared(base, new, **more))

    def test_precedence(self):
        """5 before 1 before 3 before 0."""
        noisy = tuple(np.random.default_rng(1).lognormal(4.6, 0.5, 9))
        ok, worse, unsure = {A: QUIET}, {A: times(1.5)}, {A: noisy}
        self.assertEqual(self.status(a_set(ok), a_set(ok)), 0)
        asked = {"time": 0.05}
        self.assertEqual(self.status(a_set(ok), a_set(unsure), asked=asked), 3)
        base = a_set({A: QUIET, B: QUIET})
        self.assertEqual(self.status(base, a_set({A: noisy, B: times(1.5)}), asked=asked), 1)
        self.assertEqual(self.status(base, a_set(worse)), 5)
        self.assertEqual(self.status(a_set(ok), a_set(ok, complete=False)), 5)
        self.assertEqual(self.status(a_set(ok, complete=False), a_set(ok)), 5)

    def test_nothing_measured_is_red(self):
        self.assertEqual(self.status(a_set({A: QUIET}), a_set({})), 5)
        self.assertEqual(self.status(a_set({}), a_set({})), 5)
        self.assertEqual(self.status(a_set({A: QUIET}), a_set({B: QUIET})), 5)
        self.assertEqual(self.status(a_set({A: QUIET}), a_set({A: ()})), 5)

    def test_near_is_red_only_when_it_looks_worse(self):
        self.assertEqual(self.status(a_set({A: QUIET}), a_set({A: times(1.0495)}), asked={"time": 0.05}), 0)
        self.assertEqual(self.status(a_set({A: QUIET}), a_set({A: times(1.0505)}), asked={"time": 0.05}), 3)

    def test_noise_alone(self):
        """Noisy rows pass while they look no worse, unless a threshold was asked for."""
        base, noise = a_set({A: QUIET}), np.random.default_rng(3).normal(0, 12, 9)
        equal = a_set({A: tuple(100 + noise - np.median(noise))})
        self.assertEqual(compared(base, equal).rows[0].doubt, "noisy")
        self.assertEqual(self.status(base, equal), 0)
        self.assertEqual(self.status(base, equal, asked={"time": 0.1}), 3)
        self.assertEqual(self.status(base, a_set({A: tuple(118 + noise - np.median(noise))})), 3)

    def test_noise_above_what_was_asked_for(self):
        floors = NoiseFloors([Floor(A, "time", [[100, 101, 99, 108, 95, 100]])])
        for factor, want in ((1.0, 3), (1.1, 3), (3.0, 1)):
            got = self.status(a_set({A: QUIET}), a_set({A: times(factor)}), floors=floors, asked={"time": 0.05})
            self.assertEqual(got, want, factor)
        self.assertEqual(self.status(a_set({A: QUIET}), a_set({A: times(1.1)}), floors=floors), 0)


class FloorTest(unittest.TestCase):
    def test_by_hand(self):
        f = Floor(A, "time", [[100, 110, 105]])
        np.testing.assert_allclose(f.differences(), [110 / 105 - 1, 0.05, 0.1])
        self.assertAlmostEqual(f.spread(), np.std(np.log([100, 110, 105]), ddof=1))
        # Two groups far apart: only what differs within each counts.
        two = Floor(A, "time", [[100, 110, 105], [1000, 1100, 1050]])
        self.assertAlmostEqual(two.spread(), f.spread())
        self.assertEqual(two.degrees, 4)

    def test_more_rows_more_room(self):
        f = Floor(A, "time", [list(np.random.default_rng(1).lognormal(4, 0.01, 20))])
        self.assertLess(f.floor(0.01, 1), f.floor(0.01, 50))
        self.assertGreaterEqual(f.floor(0.5, 1), f.differences()[-1])

    def test_runs_taken_together_have_less_noise(self):
        floors = NoiseFloors([Floor(A, "time", [list(np.random.default_rng(1).lognormal(4, 0.05, 20))])])
        sets = [a_set({A: QUIET}) for _ in range(9)]
        one, nine = sets[0], merge(sets)
        (single,), (pooled,) = compared(one, one, floors=floors).rows, compared(nine, nine, floors=floors).rows
        self.assertEqual((single.pooled, pooled.pooled, pooled.n), (1, 9, (81, 81)))
        self.assertAlmostEqual(np.log1p(single.threshold.value) / 3, np.log1p(pooled.threshold.value))
        self.assertEqual(compared(one, nine, floors=floors).rows[0].threshold, single.threshold)

    def test_the_class_stands_in(self):
        other = "a/runtime:gmp/sched:numa/procs:1"
        self.assertEqual(class_of(other), class_of(A))
        self.assertNotEqual(class_of("a/runtime:gmp/procs:2"), class_of(A))
        floors = NoiseFloors([Floor(other, "time", [[100, 101, 102, 103, 104]])])
        self.assertEqual(floors.of(A, "time", 0.01, 1)[1], "noise of its class")
        self.assertIsNone(floors.of(B, "time", 0.01, 1))
        self.assertIsNone(floors.of(A, "tracing", 0.01, 1))

    def test_documents(self):
        floors = NoiseFloors([Floor(A, "time", [[100.0, 101.0, 102.0, 103.0]])])
        again = from_documents([{"floor_schema": 1, "floors": floors.entries()}])
        self.assertEqual(again.by_key, floors.by_key)
        self.assertFalse(from_documents([{"floor_schema": 2, "floors": floors.entries()}]))

    def test_not_above_zero(self):
        """A price of tracing may be measured as nothing: no share of it."""
        self.assertFalse(NoiseFloors([Floor(A, "tracing", [[1.0, -0.1, 2.0, 3.0, 4.0]])]))
        floors = NoiseFloors([Floor(A, "tracing", [[1.0, 0.0, 2.0], [1.0, 1.1]]), Floor(B, "time", [[0.0, 1.0]])])
        self.assertEqual(floors.by_key, {(A, "tracing"): Floor(A, "tracing", [[1.0, 1.1]])})
        self.assertGreater(floors.by_key[A, "tracing"].at_quantile(), 0)
        with contextlib.redirect_stdout(io.StringIO()):
            noise.print_table(floors, 2)

    def test_of_another_build(self):
        document = {"floor_schema": 1, "machine": a_set({}).machine, "floors": []}
        for preset, want in (("release", 1), ("debug", 0), (None, 1)):
            found = sets.noise_documents(a_set({}), "none.sqlite", [{**document, "preset": preset}])
            self.assertEqual(len(found), want, preset)
        self.assertEqual(sets.noise_documents(a_set({}), "none.sqlite", [{**document, "machine": "another"}]), [])
        measured = noise.Measured()
        measured.add(a_set({A: QUIET}))
        self.assertEqual(noise.document_of(measured, [])["preset"], "release")

    def test_few_runs_say_nothing(self):
        self.assertIsNone(NoiseFloors([Floor(A, "time", [[100, 101, 102]])]).of(A, "time", 0.01, 1))


class TaroneTest(unittest.TestCase):
    def test_by_hand(self):
        # At 0.05: the 0.04 can be asked as one test, not as one of two: only the 0.001 stays, alone.
        self.assertEqual(askable([0.04], 0.05), 1)
        self.assertEqual(askable([0.04, 0.001], 0.05), 2)  # of two, 0.025 each: one can reach it
        self.assertEqual(askable([0.04, 0.04, 0.04], 0.05), 2)  # none can, but one alone would be chosen by looking
        self.assertEqual(askable([], 0.05), 1)


if __name__ == "__main__":
    unittest.main()
