# SPDX-License-Identifier: Apache-2.0
"""100,000 cells: importing and asking stay fast. Bounds are wide: they catch what grows with the square."""

import os
import tempfile
import time
import unittest
from dataclasses import replace

import made
from gauntlet_results import records
from gauntlet_results.select import resolve
from gauntlet_results.store import KNOWN, NEW, Store

RUNS, CELLS = 100, 1000


def cells() -> list[dict]:
    return [
        made.bench(
            f"w{i % 50}:{i}/runtime:gmp/sched:worksteal/procs:2/bind:pu",
            [100.0 + (i * 7 + j * 5) % 23 for j in range(9)],
            counters={"p99": 300.0, "crossed": 0.5},
        )
        for i in range(CELLS)
    ]


def later(rs, run: int):
    """The same figures as another run's."""
    date = f"2026-{1 + run // 28:02}-{1 + run % 28:02}T00:00:00Z"
    return replace(rs, date=date, revision=f"{run:012x}", key=f"run {run}").seal()


class Speed(unittest.TestCase):
    def timed(self, what: str, most: float, call):
        began = time.monotonic()
        result = call()
        seconds = time.monotonic() - began
        print(f"# {what}: {seconds:.3f} s")
        self.assertLess(seconds, most, what)
        return result

    def test_a_hundred_thousand_cells(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "s.sqlite")
            name = made.run_folder(os.path.join(folder, "r"), [made.record(cells())])
            first = self.timed("read a run of 1,000 cells", 15, lambda: records.load(name))
            sets = [later(first, run) for run in range(RUNS)]
            with Store(path, write=True) as s:
                words = self.timed("import 100 of them", 150, lambda: [s.add(rs) for rs in sets])
                self.assertEqual(set(words), {NEW})
                words = self.timed("import them again", 10, lambda: [s.add(rs) for rs in sets])
                self.assertEqual(set(words), {KNOWN})
            print(f"# the file: {os.path.getsize(path) / 1e6:.0f} MB")
            cell = first.cells[500]["name"]
            with Store(path) as s:
                self.assertEqual(len(self.timed("history of one series", 2, lambda: s.history(cell, "time"))), RUNS)
                self.assertEqual(len(self.timed("list the runs", 10, s.runs)), RUNS)
            newest = self.timed("the newest run", 5, lambda: resolve("latest", path))
            self.assertEqual(newest.id, sets[-1].id)


if __name__ == "__main__":
    unittest.main()
