# SPDX-License-Identifier: Apache-2.0
"""What docs/performance.md says of its targets: from a folder of bench, made up so that each answer is known."""

import json
import os
import tempfile
import unittest

from gauntlet_results import targets


def cell(runtime, median, row="yield", about="value", verdict="ok", spread=0.1, **more):
    return {"row": row, "procs": 1, "runtime": runtime, "scheduler": "worksteal" if runtime == "gmp" else None,
            "tracer": "none", "tracing": False, "about": about, "verdict": verdict,
            "median": median, "low": median * (1 - spread), "high": median * (1 + spread), **more}  # fmt: skip


def traced(runtime, tracer, added, per_event, reach=1.0, **more):
    figures = {n: {"median": v, "low": v - reach, "high": v + reach} for n, v in (("ns", added), ("ns_per_event", per_event))}
    return cell(runtime, 1.0, tracer=tracer, tracing=True, pair=figures, **more)


def said(*entries) -> dict[str, dict[str, str]]:
    """target's title -> place -> rows"""
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(os.path.join(folder, "cells"))
        for i, e in enumerate(entries):  # a file each: rows lie in several
            with open(os.path.join(folder, "cells", f"{i:04}.json"), "w", encoding="utf-8") as f:
                json.dump({"benchmarks": [e]}, f)
        text = targets.text_of(targets.Run(folder))
    found = {}
    for line in text.split("\n"):
        if line.startswith("- "):
            found[title := line[2:].split("**")[1].split(",")[0]] = {}
        else:
            place, _, rows = line[4:].partition(": ")
            found[title][place] = rows
    return found


class TargetsTest(unittest.TestCase):
    def test_ahead_of_go(self):
        for go, place in ((500, "surely met"), (310, "met"), (290, "not met")):
            got = said(cell("gmp", 100.0), cell("go", float(go)))["Go over gmp"]
            self.assertEqual(list(got), [place], go)
            self.assertIn(f"yield, 1 P {go / 100:.2f} (", got[place])

    def test_tracing(self):
        got = said(
            traced("gmp", "gen", 30.0, 15.0), traced("go", "go", 120.0, 60.0), traced("gmp", "lttng", 300.0, 150.0),
            traced("gmp", "gen", 50.0, 15.0, row="mutex"), traced("go", "go", 120.0, 60.0, row="mutex"),
            traced("gmp", "gen", 30.0, 15.0, row="fanout"), traced("go", "go", 4.0, 2.0, reach=5, row="fanout"),
        )  # fmt: skip
        adds = got["what gen adds over what Go's tracer adds"]
        self.assertEqual(adds["surely met"], "yield, 1 P 0.25 (0.24..0.26)")
        self.assertIn("mutex, 1 P 0.42", adds["not met"])
        self.assertEqual(adds["within the noise"], "fanout, 1 P")
        self.assertIn("yield, 1 P 10.00", got["an event of lttng over one of gen"]["surely met"])

    def test_parameters(self):
        """A row of one parameter goes by its name; one of several says which."""
        storms = [cell(r, v, row="syscall-storm", param=p) for p in (0, 1) for r, v in (("gmp", 100.0), ("go", 400.0 + 100 * p))]
        got = said(*storms, cell("gmp", 100.0, row="yield", param=2), cell("go", 600.0, row="yield", param=2))
        rows = got["Go over gmp"]["surely met"]
        for what in ("syscall-storm, 1 P 4.00", "syscall-storm:1, 1 P 5.00", "yield, 1 P 6.00"):
            self.assertIn(what, rows)

    def test_what_does_not_count(self):
        """Another scheduler, a cell that is not ok, a row over its floor, a run that did not measure it."""
        other = cell("gmp", 1.0)
        other["scheduler"] = "fifo"
        for entries in (
            (other, cell("go", 500.0)),
            (cell("gmp", 100.0, verdict="void"), cell("go", 500.0)),
            (cell("gmp", 100.0, about="over"), cell("go", 500.0, about="over")),
            (cell("go", 500.0), traced("gmp", "gen", 30.0, 15.0)),
        ):
            self.assertEqual(list(said(*entries)["Go over gmp"]), ["not measured in this run"])


if __name__ == "__main__":
    unittest.main()
