# SPDX-License-Identifier: Apache-2.0
"""compare and gate as a user meets them: what is printed, each exit status, every bad input, baselines. In this process:
integration/results_compare calls the program itself."""

import contextlib
import hashlib
import io
import json
import os
import sqlite3
import tempfile
import unittest
from unittest import mock

import make_compare
from gauntlet_results import __main__ as program


def setUpModule():
    mock.patch("gc.collect").start()  # statsmodels calls it at each correction, 0.1 s
    mock.patch.object(program.signal, "signal").start()


def digest(path: str) -> str:
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


class VerbsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = cls.enterClassContext(tempfile.TemporaryDirectory())
        cls.enterClassContext(contextlib.chdir(cls.place))
        make_compare.main(cls.place)

    def ends(self, status: int, *argv: str, store: str = "store.sqlite") -> tuple[str, str]:
        """Its standard output and error."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                got = program.main([*argv, f"--store={store}"])
            except SystemExit as e:
                got = e.code
        self.assertEqual(got, status, f"{' '.join(argv)}\n{out.getvalue()}{err.getvalue()}")
        return out.getvalue(), err.getvalue()

    def says(self, status: int, words: str, *argv: str) -> None:
        self.assertIn(words, self.ends(status, *argv)[0])

    # ---- compare reports, and ends with 0
    def test_report(self):
        out, err = self.ends(0, "compare", "base.json", "slower.json")
        for words in ("worse (1)\n  " + make_compare.YIELD, "+20.0 % (", "4 rows: 1 worse, 3 same", "BASE  base.json"):
            self.assertIn(words, out)
        self.assertIn("no noise was measured on this machine", err)
        self.assertNotIn("same (", out)
        out, _ = self.ends(0, "compare", "base.json", "slower.json", "--all")
        self.assertIn("same (3)", out)
        self.assertLessEqual(max(map(len, out.splitlines())), 100)

    def test_reports(self):
        self.says(0, "better (1)", "compare", "base.json", "faster.json")
        self.says(0, "too few samples: 3 and 3, 4 each can tell", "compare", "few.json", "few.json", "--metric=time")
        self.says(0, "3 inconsistencies where there was none", "compare", "clean", "found")
        self.says(0, "without numbers in NEW (1)", "compare", "base.json", "void.json")
        self.says(0, "void: the clock stood still", "compare", "base.json", "void.json")
        self.says(0, "missing from NEW (1)", "compare", "base.json", "less.json")
        self.says(0, "only in NEW (1)", "compare", "less.json", "base.json")

    def test_json(self):
        out, _ = self.ends(0, "compare", "base.json", "slower.json", "--metric=time", "--cells=ping*", "--json")
        (row,) = json.loads(out)["rows"]
        self.assertEqual((row["verdict"], row["metric"], row["samples"]), ("same", "time", [9, 9]))
        self.assertLessEqual(row["change"]["low"], 0)
        self.assertEqual(row["threshold"], {"value": 0.1, "source": "assumed", "asked": None})

    def test_order(self):
        out, _ = self.ends(0, "compare", "base.json", "slower.json", "--all", "--sort=name", "--json")
        names = [(r["cell"], r["metric"]) for r in json.loads(out)["rows"]]
        self.assertEqual(names, sorted(names))

    # ---- gate: each exit status, and why
    def test_gate(self):
        for status, base, new, words, *more in (
            (0, "base.json", "equal.json", "gate: ok"),
            (0, "base.json", "faster.json", "gate: ok"),
            (1, "base.json", "slower.json", "gate: REGRESSION: 1 worse"),
            (0, "base.json", "slower.json", "gate: ok", "--threshold=30%"),
            (0, "base.json", "slower.json", "gate: ok", "--cells=ping*"),
            (3, "few.json", "few.json", "gate: INCONCLUSIVE: 2 cannot be told"),
            (1, "base.json", "failed.json", "was ok, now failed: ops 99 of 100"),
            (5, "base.json", "void.json", "1 of BASE's cells have no numbers in NEW"),
            (5, "base.json", "less.json", "1 of BASE's cells have no numbers in NEW"),
            (5, "base.json", "allvoid.json", "NEW measured nothing"),
            (5, "base.json", "nothing.json", "NEW measured nothing"),
            (5, "base.json", "other.json", "no cell has numbers of the same metric in both"),
            (0, "clean", "clean", "gate: ok"),
            (1, "clean", "found", "gate: REGRESSION"),
            (3, "clean", "blind", "inconclusive: windows not entered"),
            (5, "whole", "half", "NEW is incomplete"),
            (5, "half", "whole", "BASE is incomplete"),
            (5, "whole", "short", "NEW is incomplete"),
        ):
            with self.subTest(base=base, new=new, more=more):
                self.says(status, words, "gate", base, new, *more)

    def test_what_is_incomplete_is_named(self):
        self.assertIn("half/cells/0001.json: not JSON", self.ends(5, "gate", "whole", "half")[1])
        self.assertIn("1 of 2 cells", self.ends(5, "gate", "whole", "short")[1])

    # ---- what cannot be compared: nothing on standard output, one line that says what
    def test_refused(self):
        both = [
            (5, "schema 9 is from a newer gauntlet", "base.json", "future.json"),
            (5, "schema 9 is from a newer gauntlet", "future.json", "base.json"),
            (4, "cpu: Some CPU against Another CPU", "base.json", "machine.json"),
            (4, "preset: release against debug", "base.json", "debug.json"),
            (5, "cut.json: not JSON", "base.json", "cut.json"),
            (2, "no such file or folder", "base.json", "absent.json"),
            (5, "no store there", "base.json", "rev:HEAD"),
            (2, "is not a percentage", "base.json", "base.json", "--threshold=time=fast"),
            (2, "no metric named", "base.json", "base.json", "--metric=,"),
            (2, "is no name of a baseline", "baseline:../x", "base.json"),
            (5, "no such baseline", "baseline:x", "base.json"),
            (2, "unrecognized arguments", "base.json", "base.json", "--colour"),
        ]
        cases = [(status, words, verb, *argv) for verb in ("compare", "gate") for status, words, *argv in both]
        cases += [
            (5, "nothing to compare", "compare", "base.json", "other.json"),
            (2, "BASE and NEW", "gate", "base.json"),
            (2, "unrecognized arguments", "gate", "base.json", "base.json", "base.json"),
            (2, "--replace is for --save-baseline", "gate", "base.json", "base.json", "--replace"),
            (2, "no chance to take", "gate", "base.json", "base.json", "--alpha=90%"),
            (2, "is not a number from 1", "noise", "yield", "--rounds=many"),
            (2, "--out is for bench", "noise", "yield", "--out=x"),
        ]
        for status, words, *argv in cases:
            with self.subTest(argv=argv):
                out, err = self.ends(status, *argv, store="none.sqlite")
                self.assertEqual((out, err.count("\n")), ("", 1), err)
                self.assertIn(words, err)

    def test_across_machines(self):
        for verb in ("compare", "gate"):
            self.says(0, "NOT THE SAME ENVIRONMENT", verb, "base.json", "machine.json", "--across-machines")

    def test_harmed_stores(self):
        """From a newer version, cut in half: said, and left as they are."""
        self.ends(0, "collect", "base.json", store="newer.sqlite")
        self.ends(0, "collect", "base.json", store="half.sqlite")
        with contextlib.closing(sqlite3.connect("newer.sqlite")) as db:
            db.execute("PRAGMA user_version = 99")
        os.truncate("half.sqlite", os.path.getsize("half.sqlite") // 2)
        for store in ("newer.sqlite", "half.sqlite"):
            before = digest(store)
            self.assertIn(store, self.ends(5, "gate", "base.json", "equal.json", store=store)[1])
            self.assertIn(store, self.ends(5, "compare", "latest", "equal.json", store=store)[1])
            self.assertEqual(digest(store), before)

    # ---- baselines: never overwritten without being asked, and only by what passes
    def test_baselines(self):
        kept, path = "--baselines=kept", "kept/main.json"
        self.ends(0, "gate", "base.json", kept, "--save-baseline=main")
        before = digest(path)
        self.says(0, "gate: ok", "gate", "baseline:main", "equal.json", kept)
        self.says(0, "4 same", "compare", "baseline:main", "equal.json", kept)
        refused = self.ends(2, "gate", "baseline:main", "equal.json", kept, "--save-baseline=main")[1]
        self.assertIn("--replace overwrites it", refused)
        self.ends(1, "gate", "baseline:main", "slower.json", kept, "--save-baseline=main", "--replace")
        self.ends(5, "gate", "half", kept, "--save-baseline=halved")
        self.ends(5, "gate", "nothing.json", kept, "--save-baseline=empty")
        self.assertEqual((digest(path), os.listdir("kept")), (before, ["main.json"]))
        self.ends(0, "gate", "baseline:main", "equal.json", kept, "--save-baseline=main", "--replace")
        self.assertNotEqual(digest(path), before)
        out, _ = self.ends(0, "gate", "baseline:main", "equal.json", kept, "--json")
        self.assertEqual(json.loads(out)["gate"], {"status": 0, "word": "ok", "reasons": []})


if __name__ == "__main__":
    unittest.main()
