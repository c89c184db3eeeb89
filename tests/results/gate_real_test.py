# SPDX-License-Identifier: Apache-2.0
"""The gate on real measurements: runs of one program pass, and the same program with a spin in the scheduler's `pick`
that makes a yield 10 % slower does not. Called by integration/gate_real, which says where the plugin stands.

What may depend on the machine's noise is only how far a slowdown must go before the gate is red: it says 3, "cannot
tell", until then. It must never say 0 to one, and a machine on which it takes more than MOST skips.
"""

import fnmatch
import os
import subprocess
import sys
import tempfile
import unittest

from gauntlet_results import gate, noise, select, sets, stats
from gauntlet_results.comparison import Options, compare_sets
from gauntlet_results.model import ResultSet
from gauntlet_results.noise_floor import NoiseFloors, Thresholds
from gauntlet_results.store import Store
from gauntlet_results.whole_file import write_whole

PLUGIN = os.environ["GT_SPIN_PLUGIN"]  # worksteal with GT_SPIN rounds of a spin in pick
BENCH = ["yield", f"--scheduler={PLUGIN}", "--repetitions=15", "--duration=250ms"]
CELLS = ("yield*/runtime:gmp/sched:worksteal/*",)
SLOWDOWN, NOISE_RUNS, EQUAL, POOLED, TRIES = 0.10, 12, 20, 16, 4
MOST = 0.15  # of a slowdown that still counts as one of about a tenth


def run(rounds: int = 0) -> ResultSet:
    """One process of `gauntlet bench`."""
    os.environ["GT_SPIN"] = str(rounds)
    return noise.bench(BENCH, int.from_bytes(os.urandom(4)))


def times(rs: ResultSet) -> tuple[float, ...]:
    (found,) = (s.samples for s in rs.series if s.metric == "time" and fnmatch.fnmatchcase(s.cell, CELLS[0]))
    return found


def calibrated() -> int:
    """Rounds that add a tenth to a yield: the quickest samples tell what it costs, undisturbed."""
    turns = [(times(run()), times(run(200))) for _ in range(3)]
    plain, spun = (min(min(side) for side in sides) for sides in zip(*turns))
    return max(1, round(SLOWDOWN * plain / ((spun - plain) / 200)))


def measured_noise() -> noise.Measured:
    measured = noise.Measured()
    for _ in range(NOISE_RUNS):
        measured.add(run())
    return measured


def options(floors: NoiseFloors) -> Options:
    return Options(Thresholds(floors, alpha=gate.ALPHA), gate.METRICS, CELLS, gate.ALPHA, "holm")


def say(text: str) -> None:
    print(f"# {text}", flush=True)


class RealTest(unittest.TestCase):
    def test_real_runs(self):
        with tempfile.TemporaryDirectory() as place:
            for _ in range(TRIES):
                measured = measured_noise()
                if self.is_quiet(measured):
                    break
            else:
                raise self.too_noisy()
            try:
                self.equal_runs_pass(measured.floors())
                self.a_slower_one_does_not(measured, place)
            except AssertionError:
                if self.is_quiet(measured_noise()):
                    raise
                raise self.too_noisy() from None  # since then others have come to the machine

    def is_quiet(self, measured) -> bool:
        return self.threshold_of(measured) < SLOWDOWN * 0.5

    def too_noisy(self) -> unittest.SkipTest:
        say("equal runs lie too far apart here: no such machine shows 10 %")
        return unittest.SkipTest("the machine is too noisy: other programs run on it")

    def threshold_of(self, measured) -> float:
        """Of the comparison of POOLED runs with as many."""
        (row,) = compare_sets(measured.last, measured.last, options(measured.floors())).rows
        pooled = measured.floors().of(row.cell, "time", gate.ALPHA, 1, POOLED)[0]
        say(f"from {measured.runs} runs: threshold {100 * row.threshold.value:.1f} %, of {POOLED} runs {100 * pooled:.1f} %")
        return pooled

    def equal_runs_pass(self, floors: NoiseFloors) -> None:
        """One disturbance makes two changes of a row of runs, so what was red is asked again: a gate that is red too
        often is so both times."""
        for _ in range(2):
            runs = [run() for _ in range(EQUAL + 1)]
            found = [gate.status_of(compare_sets(a, b, options(floors))) for a, b in zip(runs, runs[1:])]
            say(f"equal runs: {found.count(0)} ok, {found.count(1)} red, {found.count(3)} inconclusive of {EQUAL}")
            if found.count(1) <= 1:  # of 20 at 1 % each, two have probability 0.02
                break
        self.assertLessEqual(found.count(1), 1)
        if found.count(0) < 16:
            raise self.too_noisy()

    def a_slower_one_does_not(self, measured, place: str) -> None:
        """By the program itself, as CI calls it: files in, exit status out."""
        store = os.path.join(place, "store.sqlite")
        with Store(store, write=True) as s:
            s.keep_noise(noise.document_of(measured, BENCH))
        got, rounds = [], calibrated()
        for _ in range(TRIES):
            slower, status = self.slowed(rounds, place, store)
            got.append((slower, status))
            if status == 1:
                break
            if slower >= SLOWDOWN:
                self.assertNotEqual(status, 0, f"a real slowdown passes the gate: {got}")
            # A figure of few rounds is rough.
            rounds = max(1, round(rounds * min(2.0, max(1.1, SLOWDOWN * 1.1 / max(slower, SLOWDOWN / 3)))))
        else:
            slower, status = self.slowed(rounds * 20, place, store)  # no noise hides a yield that takes thrice as long
            self.assertEqual(status, 1, f"{100 * slower:.0f} % slower is not red: {got}")
        if slower > MOST:
            raise self.too_noisy()

    def slowed(self, rounds: int, place: str, store: str) -> tuple[float, int]:
        """How much slower that many rounds of the spin make a yield, and what the gate says of it."""
        base, slow = [], []
        for _ in range(POOLED):  # in turns
            base.append(run())
            slow.append(run(rounds))
        slower = self.slower(base, slow)
        status = self.gate_files(select.merge(base), select.merge(slow), place, store)
        say(f"{rounds} rounds of the spin: {100 * slower:.1f} % slower, the gate says {status}")
        return slower, status

    def slower(self, base, slow) -> float:
        medians = (stats.median(sum(map(times, runs), ())) for runs in (slow, base))
        return next(medians) / next(medians) - 1

    def gate_files(self, base: ResultSet, slow: ResultSet, place: str, store: str) -> int:
        names = []
        for rs, name in ((base, "base"), (slow, "slow")):
            names.append(os.path.join(place, f"{name}.json"))
            write_whole(names[-1], [sets.baseline_text(rs, [])])
        command = [os.environ["GAUNTLET_PROGRAM"], "gate", *names, f"--store={store}", f"--cells={CELLS[0]}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode not in (0, 1, 3):
            sys.stderr.write(done.stdout + done.stderr)
        return done.returncode


if __name__ == "__main__":
    unittest.main()
