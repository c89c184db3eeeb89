# SPDX-License-Identifier: Apache-2.0
"""`gauntlet noise` and a store that cannot be written: found before the work where it can be; found after it, what was
measured is printed; no harm is done. The measurements themselves are made up: integration/gate_real makes real ones."""

import contextlib
import hashlib
import io
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import unittest
import warnings
from unittest import mock

import made
from gauntlet_results import noise, records
from gauntlet_results.errors import ResultsError
from gauntlet_results.store import Store

NOBODY = 65534
LOCK = "import sqlite3,sys\ndb = sqlite3.connect(sys.argv[1])\ndb.execute('BEGIN IMMEDIATE')\nprint('held', flush=True)\nsys.stdin.read()"


def setUpModule():
    mock.patch.dict(os.environ, {"GAUNTLET_STORE_WAIT": "0.2"}).start()
    mock.patch.object(noise.signal, "signal").start()


def digest(path: str) -> str:
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


class NoiseTest(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(tempfile.TemporaryDirectory())
        self.store = os.path.join(self.folder, "kept", "s.sqlite")
        self.runs = 0
        self.then = {}  # what happens once so many runs are made
        self.enterContext(mock.patch.object(noise, "bench", self.bench))

    def bench(self, arguments: list[str], seed: int):
        self.runs += 1
        path = made.write(os.path.join(self.folder, "b.json"), made.printed(made.yields(1 + self.runs / 1000)))
        rs = records.load(path)
        self.then.get(self.runs, bool)()
        return rs

    def noise(self, *argv: str) -> tuple[int, str, str]:
        """Status, standard output, error."""
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            try:
                return noise.main(["yield", "--rounds=2", f"--store={self.store}", *argv]), out.getvalue(), ""
            except ResultsError as e:
                return e.status, out.getvalue(), e.message

    def make_store(self) -> str:
        with Store(self.store, write=True):
            pass
        return digest(self.store)

    def lock(self) -> subprocess.Popen:
        holder = subprocess.Popen([sys.executable, "-c", LOCK, self.store], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(holder.wait)
        self.addCleanup(holder.stdout.close)
        self.addCleanup(holder.stdin.close)
        self.assertEqual(holder.stdout.readline().strip(), "held")
        return holder

    def kept(self) -> list:
        with Store(self.store) as s:
            return [json.loads(r[0]) for r in s.all("SELECT document FROM noise")]

    def test_kept(self):
        before = self.make_store()
        with Store(self.store, write=True) as s:
            s.check_writable()
        self.assertEqual(digest(self.store), before)
        status, out, _ = self.noise("--json")
        self.assertEqual((status, self.runs, self.kept()), (0, 4, [json.loads(out)]))

    def test_locked_before(self):
        before = self.make_store()
        self.lock()
        status, out, err = self.noise()
        self.assertEqual((status, self.runs, out), (5, 0, ""))
        self.assertIn("locked for 0.2 s", err)
        self.assertEqual(digest(self.store), before)

    def printed(self, words: str) -> None:
        """It fails at the end: the document is printed, the store as it was."""
        before = self.make_store()
        status, out, err = self.noise()
        self.assertEqual((status, self.runs), (5, 4))
        self.assertIn(words, err)
        self.assertIn("stands on standard output", err)
        self.assertEqual((json.loads(out)["runs"], len(json.loads(out)["floors"][0]["medians"])), (4, 4))
        self.assertEqual(digest(self.store), before)

    def test_locked_after(self):
        self.then[4] = self.lock
        self.printed("locked for 0.2 s")

    def test_full_after(self):
        """A limit on the size of files, at the size that the store has, stands for a disk that others filled meanwhile."""
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        old = resource.getrlimit(resource.RLIMIT_FSIZE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_FSIZE, old)
        self.then[4] = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4000, old[1]))
        self.printed("nothing was changed")

    def noise_unprivileged(self, *argv: str) -> tuple:
        if os.geteuid() == 0:
            try:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            except OSError as e:
                return None, 0, str(e)
        status, _, err = self.noise(*argv)
        return status, self.runs, err

    def as_nobody(self, *argv: str) -> tuple[int, str]:
        """Its status and error, from a process that permissions bind: root's own they do not."""
        read, write = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # threads that a library keeps
            child = os.fork()
        if child == 0:
            try:
                told = self.noise_unprivileged(*argv)
                os.write(write, json.dumps(told).encode())
            finally:
                os._exit(0)
        os.close(write)
        with os.fdopen(read) as told:
            status, runs, err = json.load(told)
        os.waitpid(child, 0)
        if status is None:
            self.skipTest(f"root cannot become another user here: {err}")
        self.assertEqual(runs, 0, "it measured before it looked")
        return status, err

    def test_not_to_be_written(self):
        """The store, then its folder alone, in which a journal has to stand."""
        before = self.make_store()
        os.chmod(self.folder, 0o755)
        for file, folder in ((0o444, 0o777), (0o666, 0o555)):
            os.chmod(self.store, file)
            os.chmod(os.path.dirname(self.store), folder)
            status, err = self.as_nobody()
            self.assertEqual(status, 5, (file, folder))
            self.assertIn(f"{self.store}: cannot be written", err)
            self.assertIn("--store=FILE names another place", err)
            self.assertEqual(os.listdir(os.path.dirname(self.store)), ["s.sqlite"])
        os.chmod(os.path.dirname(self.store), 0o755)
        self.assertEqual(digest(self.store), before)


if __name__ == "__main__":
    unittest.main()
