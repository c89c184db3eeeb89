# SPDX-License-Identifier: Apache-2.0
"""Selectors: files, runs and revisions; what is ambiguous or not there lists what is."""

import os
import subprocess
import tempfile
import unittest

import made
from gauntlet_results import records
from gauntlet_results.errors import ResultsError
from gauntlet_results.select import resolve
from gauntlet_results.store import Store

CELL = "yield/runtime:gmp/sched:global/procs:1/bind:pu"


class Select(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder, self.store = folder.name, os.path.join(folder.name, "s.sqlite")
        here = os.getcwd()
        self.addCleanup(os.chdir, here)
        os.chdir(self.folder)
        self.days = 0

    def add(self, revision: str, dirty=None, scale: float = 1.0, planned=None, env=None, entries=None) -> str:
        """A run, a day after the one before; its id."""
        self.days += 1
        env = env or made.environment()
        env["build"].update(revision=revision, dirty_diff=dirty)
        path = made.run_folder(
            os.path.join(self.folder, f"run{self.days}"), [made.record(entries or made.yields(scale))], planned,
            date=f"2026-11-{self.days:02}T00:00:00Z", seed=self.days, env=env,
        )  # fmt: skip
        with Store(self.store, write=True) as s:
            rs = records.load(path)
            s.add(rs)
        return rs.id

    def get(self, selector: str):
        return resolve(selector, self.store)

    def refused(self, selector: str, *words: str) -> None:
        with self.assertRaises(ResultsError) as caught:
            self.get(selector)
        self.assertEqual(caught.exception.status, 2)
        for word in words:
            self.assertIn(word, caught.exception.message)

    def test_paths(self):
        run = self.add("a" * 12)
        self.assertEqual(self.get("run1").id, run)
        self.assertEqual(self.get("run1/cells/0000.json").cells[0]["verdict"], "ok")
        self.refused("nowhere", "no such file", "rev:GITREV")
        self.refused("ref:abc", "no such file")

    def test_runs(self):
        ids = [self.add(str(i) * 12, scale=1 + i) for i in range(12)]
        self.assertEqual(self.get("latest").id, ids[-1])
        self.assertEqual(self.get(f"run:{ids[3][:10]}").id, ids[3])
        first = {i[0] for i in ids if sum(j[0] == i[0] for j in ids) > 1}
        self.refused(f"run:{first.pop()}", "give more of the id")
        self.refused("run:zzzz", "no run of that id", "and 4 more", ids[-1][:12])
        self.refused("run:", "no run of that id")

    def test_nothing_there(self):
        with self.assertRaises(ResultsError) as caught:
            self.get("latest")
        self.assertEqual(caught.exception.status, 5)
        with Store(self.store, write=True):
            pass
        self.refused("latest", "holds no run", "gauntlet collect")

    def test_revision_by_its_start(self):
        old, new = self.add("abcdef012345"), self.add("abcdef012345", scale=2.0)
        self.add("abc999999999")
        self.assertEqual(self.get("rev:abcdef").id, new)
        self.assertEqual(self.get("rev:abcdef0123456789abcdef0123456789abcdef01").id, new)
        self.assertNotEqual(old, new)
        self.refused("rev:abc", "no run of that revision")  # too short to be meant
        self.add("abcd00000000")
        self.refused("rev:abcd", "2 revisions", "abcdef012345", "abcd00000000")
        self.refused("rev:feedfeed", "no run of that revision", "abc999999999")

    def test_whole_and_clean_runs_first(self):
        clean = self.add("abcdef012345")
        self.add("abcdef012345", dirty="1234", scale=2.0)
        self.add("abcdef012345", planned=5)
        self.assertEqual(self.get("rev:abcdef").id, clean)
        dirty = self.add("dddddd012345", dirty="1234")
        self.assertEqual(self.get("rev:dddddd").id, dirty)
        half = self.add("eeeeee012345", planned=2)
        self.assertEqual(self.get("rev:eeeeee").id, half)
        self.assertTrue(self.get("rev:eeeeee").problems)

    def test_all_runs_of_a_revision(self):
        void = [made.bench(CELL, [999.0], verdict="void", why="bound elsewhere")]
        self.add("abcdef012345")
        self.add("abcdef012345", scale=2.0)
        self.add("abcdef012345", entries=void)
        other = made.environment()
        other["cpu"] = "Another CPU"
        rs = self.get("rev:abcdef+all")
        samples = {s.cell: s for s in rs.series if s.metric == "time"}
        self.assertEqual(len(samples[CELL].samples), 18)
        self.assertEqual(samples[CELL].verdict, "ok")
        self.assertNotIn(999.0, samples[CELL].samples)
        self.add("abcdef012345", env=other)  # now the newest: the runs of its machine
        samples = {s.cell: s for s in self.get("rev:abcdef+all").series if s.metric == "time"}
        self.assertEqual(len(samples[CELL].samples), 9)

    def all_of(self, revision: str) -> tuple[int, bool]:
        """Samples of the cell that all runs of the revision have together, and whether they are complete."""
        rs = self.get(f"rev:{revision}+all")
        (found,) = (s for s in rs.series if (s.cell, s.metric) == (CELL, "time"))
        return len(found.samples), rs.complete

    def test_only_what_is_alike_is_taken_together(self):
        for dirty in ("1234", "5678", "5678"):
            self.add("abcdef012345", dirty=dirty)
        self.assertEqual(self.all_of("abcdef"), (18, True))
        for preset in ("release", "debug", "release"):
            self.add("bbbbbb012345", env=made.environment(preset=preset))
        self.assertEqual(self.all_of("bbbbbb"), (18, True))
        for planned in (None, None, 5):
            self.add("cccccc012345", planned=planned)
        self.assertEqual(self.all_of("cccccc"), (18, True))
        for planned in (4, 5):
            self.add("dddddd012345", planned=planned)
        self.assertEqual(self.all_of("dddddd"), (18, False))

    def test_what_was_wrong_once_stays_wrong(self):
        self.add("abcdef012345")
        self.add("abcdef012345", entries=[made.bench(CELL, [], verdict="failed", why="ops 1 of 2")])
        self.add("abcdef012345", scale=1.5)
        (cell,) = (c for c in self.get("rev:abcdef+all").cells if c["name"] == CELL)
        self.assertEqual((cell["verdict"], cell["why"]), ("failed", "ops 1 of 2"))

    def test_names_that_git_knows(self):
        def git(*args: str) -> str:
            who = ["-c", "user.name=t", "-c", "user.email=t@t", "-c", "init.defaultBranch=main"]
            return subprocess.run(["git", *who, *args], check=True, capture_output=True, text=True).stdout.strip()

        git("init", "-q")
        git("commit", "-q", "--allow-empty", "-m", "one")
        one = self.add(git("rev-parse", "--short=12", "HEAD"))
        git("tag", "v1")
        git("commit", "-q", "--allow-empty", "-m", "two")
        two = self.add(git("rev-parse", "--short=12", "HEAD"))
        self.assertEqual(self.get("rev:HEAD").id, two)
        self.assertEqual(self.get("rev:HEAD~1").id, one)
        self.assertEqual(self.get("rev:v1").id, one)
        git("commit", "-q", "--allow-empty", "-m", "three")
        self.refused("rev:HEAD", "git says", "no run of that revision")
        self.refused("rev:--help", "no run of that revision")


if __name__ == "__main__":
    unittest.main()
