# SPDX-License-Identifier: Apache-2.0
"""What the page and the charts are made of, without a browser: integration/report draws them."""

import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
import threading
import unittest
from unittest import mock

import made
from gauntlet_results import records, report, store_file
from gauntlet_results.chart import bars_of
from gauntlet_results.page_model import Model, details_of, index_of
from gauntlet_results.store import COMPLETED, Store

PTH, GO = "yield/runtime:pth/procs:1/bind:pu", "yield/runtime:go/procs:1/bind:pu"


class InFolder(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(tempfile.TemporaryDirectory())
        self.store = self.at("s.sqlite")

    def at(self, *names: str) -> str:
        return os.path.join(self.folder, *names)

    def run_of(self, name: str, *entries, **more):
        return records.load(made.run_folder(self.at(name), [made.record(list(entries))], **more))

    def model(self, *sets) -> Model:
        return report.model_of(sets, self.at("page.html"))


class ChartTest(InFolder):
    def test_one_run_alone(self):
        """The newest that has figures of it: what an older one measured does not stand beside them."""
        old = self.run_of("old", made.bench(PTH, [5.0] * 9), made.bench(GO, [9.0] * 9))
        new = self.run_of("new", made.bench(GO, [7.0] * 9))
        traced = self.run_of("traced", made.yields()[2])
        bars, newest = bars_of([old, new, traced], "time")
        self.assertEqual([(b.who, b.median) for b in bars], [("go", 7.0)])
        self.assertIs(newest, new)
        self.assertEqual([b.who for b in bars_of([old, new, traced], "tracing")[0]], ["gmp, gen"])
        self.assertEqual(bars_of([old], "tracing"), ([], None))


class VerbTest(InFolder):
    def report(self, *argv: str) -> int:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            return report.main([f"--store={self.store}", *argv])

    def test_the_collectors_status(self):
        """A run that could not be read is no success; a page, or a chart, is made of the rest."""
        good = made.run_folder(self.at("good"), [made.record([made.bench(GO, [7.0] * 9)])])
        cut = made.run_folder(self.at("cut"), [made.record(made.yields())] * 2, seed=8)
        os.truncate(self.at("cut", "cells", "0001.json"), 100)
        with mock.patch.object(report, "make_page", lambda args: 0):
            self.assertEqual(self.report(f"--collect={good}"), 0)
            self.assertEqual(self.report(f"--collect={cut}"), 5)
        self.store = self.at("another.sqlite")
        chart = f"--chart={self.at('c.svg')}", "--chart-of=cost"
        self.assertEqual(self.report(*chart, f"--collect={good}"), 0)
        os.unlink(self.at("c.svg"))
        self.assertEqual(self.report(*chart, f"--collect={cut}"), 5)
        self.assertTrue(os.path.getsize(self.at("c.svg")))

    def test_what_was_printed_before_an_error_is_seen(self):
        made.write(self.at("a.json"), made.printed(made.yields()))
        argv = ["gate", "a.json", "a.json", "--store=s.sqlite", "--save-baseline=x", "--baselines=/dev/null/x"]
        done = subprocess.run(
            [sys.executable, "-P", "-m", "gauntlet_results", *argv], cwd=self.folder, capture_output=True, text=True, check=False
        )
        self.assertEqual(done.returncode, 5, done.stderr)
        self.assertIn("gate: ok", done.stdout)
        self.assertIn("/dev/null/x: Not a directory", done.stderr)


class SnapshotTest(InFolder):
    def test_a_run_is_replaced_while_it_is_read(self):
        """The collector waits: what is read is of one state."""
        first, second = made.record(made.yields()[:2]), made.record(made.yields()[2:])
        half = records.load(made.run_folder(self.at("half"), [first], planned=2))
        whole = records.load(made.run_folder(self.at("whole"), [first, second]))
        other = records.load(made.run_folder(self.at("other"), [first], seed=9))
        with Store(self.store, write=True) as s:
            s.add(other), s.add(half)
        done = []

        def complete():
            with mock.patch.object(store_file, "wait_seconds", lambda: 60.0), Store(self.store, write=True) as s:
                done.append(s.add(whole))

        args = mock.Mock(selectors=[], store=self.store, newest=None)
        sets = report.sets_of(args)
        loaded = [next(sets)]
        writer = threading.Thread(target=complete)
        writer.start()
        writer.join(0.3)  # as long as it waits, or is done: both must be right
        loaded += sets
        writer.join()
        self.assertEqual(({rs.id for rs in loaded}, done), ({half.id, other.id}, [COMPLETED]))


class PageModelTest(InFolder):
    def test_figures_of_a_void_cell(self):
        """Neither in the index nor in the history, nor in what the entry says beside them."""
        base = [424242.0] * 9
        entry = made.bench(
            "yield/runtime:gmp/tracer:gen/procs:1", base, pair=(base, base, 424242.0), floor={"median": 424242.0, "what": "off"}
        )
        for verdict, seen in (("void", False), ("failed", False), ("ok", True)):
            entry["verdict"] = verdict
            model = self.model(self.run_of(verdict, entry))
            rows = model.sorted_rows()
            index, verdicts = index_of(model, rows, [0])
            details = details_of(rows[0], verdicts, {})
            self.assertEqual("424242" in json.dumps([index, details]), seen, verdict)
            self.assertEqual({"pair", "floor"} & set(details["e"]), {"pair", "floor"} if seen else set())

    def test_binding_and_model_are_dimensions(self):
        names = [f"yield/runtime:gmp/sched:worksteal/procs:1{more}" for more in ("", "/bind:pu")]
        names.append("yield/runtime:gmp/sched:worksteal/syscalls:status/procs:1")
        model = self.model(self.run_of("a", *(made.bench(n, [1.0] * 9) for n in names)))
        rows = model.sorted_rows()
        index, _ = index_of(model, rows, [0] * 3)
        words = {r.name: tuple(index["words"][k][index["col"][k][i]] for k in "by") for i, r in enumerate(rows)}
        self.assertEqual([words[n] for n in names], [("", ""), ("pu", ""), ("", "status")])


if __name__ == "__main__":
    unittest.main()
