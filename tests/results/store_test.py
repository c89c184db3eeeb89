# SPDX-License-Identifier: Apache-2.0
"""The store: imported once, whole or not at all; what is damaged, newer, foreign, locked or cannot be written is refused
and left as it is."""

import contextlib
import dataclasses
import hashlib
import io
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest

import made
from gauntlet_results import collect, records, store_file, store_schema
from gauntlet_results.errors import ResultsError
from gauntlet_results.store import COMPLETED, KNOWN, NEW, Store

os.environ["GAUNTLET_STORE_WAIT"] = "0.3"


def digest(path: str) -> str:
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


class InFolder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.store = self.at("store.sqlite")

    def at(self, *names: str) -> str:
        return os.path.join(self.folder, *names)

    def run_at(self, name: str, *args, **more) -> str:
        return made.run_folder(self.at(name), [made.record(made.yields())], *args, **more)

    def add(self, path: str) -> str:
        with Store(self.store, write=True) as s:
            return s.add(records.load(path))

    def collect(self, *argv: str) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                status = collect.main([*argv, f"--store={self.store}"])
            except ResultsError as e:
                status = e.status
                print(e.message, file=err)
        return status, out.getvalue(), err.getvalue()

    def counts(self) -> tuple:
        with Store(self.store) as s:
            return tuple(s.all(f"SELECT count(*) FROM {t}")[0][0] for t in ("runs", "cells", "series"))

    def refused(self, *words: str, path: str | None = None) -> None:
        """To read, to write, and by the collector; the file stays as it is."""
        path = path or self.store
        before = digest(path)
        for write in (False, True):
            with self.assertRaises(ResultsError) as caught:
                with Store(path, write=write) as s:
                    s.verify()
                    s.add(records.load(self.run_at("another", seed=99)))
            self.assertEqual(caught.exception.status, 5)
            for word in words:
                self.assertIn(word, caught.exception.message)
        self.assertEqual(before, digest(path))


class Imports(InFolder):
    def test_once(self):
        a = self.run_at("a")
        self.assertEqual(self.add(a), NEW)
        counts = self.counts()
        self.assertEqual(counts, (1, 3, 9))
        self.assertEqual(self.add(a), KNOWN)
        shutil.copytree(a, self.at("elsewhere", "b"))
        self.assertEqual(self.add(self.at("elsewhere", "b")), KNOWN)
        self.assertEqual(self.counts(), counts)

    def test_read_back(self):
        stressed = made.record([made.stress("inject", why="x\u00e4\u0000y")], "stress")
        path = made.run_folder(self.at("a"), [made.record(made.yields()), stressed], seed=2**64 - 1)
        self.add(path)
        with Store(self.store) as s:
            rs, there = records.load(path), s.load(s.heads()[0]["hash"])
        self.assertEqual(there.content(), rs.content())
        self.assertEqual(there.id, rs.id)
        self.assertEqual(there.seed, 2**64 - 1)
        self.assertEqual(there.path, path)

    def test_half_finished_then_finished(self):
        first, second = made.record(made.yields()[:2]), made.record(made.yields()[2:])
        half = made.run_folder(self.at("half"), [first], planned=2)
        whole = made.run_folder(self.at("whole"), [first, second])
        self.assertEqual(self.add(half), NEW)
        self.assertEqual(self.add(whole), COMPLETED)
        self.assertEqual(self.counts()[:2], (1, 3))
        self.assertEqual(self.add(half), KNOWN)  # an old copy takes nothing away
        self.assertEqual(self.counts()[:2], (1, 3))
        with Store(self.store) as s:
            self.assertTrue(s.load(s.heads()[0]["hash"]).complete)

    def test_void_then_resumed(self):
        """A program that was not there made a cell void; it was built, and `run --resume` measured the cell."""
        void = made.record([], "overhead", "overhead/gen", verdict="void", why="no such program")
        first, second = made.record(made.yields()[:2]), made.record(made.yields()[2:3], "overhead", "overhead/gen")
        path = made.run_folder(self.at("r"), [first, void])
        run = records.read_json(self.at("r", "run.json"))
        made.write(self.at("r", "run.json"), {**run, "program_sums": {"lean": None}})
        self.assertEqual(self.add(path), NEW)
        shutil.copytree(path, self.at("old"))
        made.write(self.at("r", "run.json"), {**run, "program_sums": {"lean": "00ff"}, "resumed": [{"date": made.DATE}]})
        made.write(self.at("r", "cells", "0001.json"), second)
        self.assertEqual(self.add(path), COMPLETED)
        self.assertEqual(self.add(self.at("old")), KNOWN)
        with Store(self.store) as s:
            (head,) = s.heads()
            self.assertEqual({c["verdict"] for c in s.load(head["hash"]).cells}, {"ok"})

    def test_known_by_its_former_key(self):
        """A run that an older gauntlet imported, whose keys held the sums of the programs."""
        path = self.run_at("r")
        run = records.read_json(self.at("r", "run.json"))
        made.write(self.at("r", "run.json"), {**run, "program_sums": {"lean": "00ff"}})
        rs = records.load(path)
        with Store(self.store, write=True) as s:
            self.assertNotEqual(rs.key, rs.former_key)
            self.assertEqual(s.add(dataclasses.replace(rs, key=rs.former_key).seal()), NEW)
        self.assertEqual(self.add(path), KNOWN)

    def test_history_and_runs(self):
        for i in range(3):
            date = f"2026-11-2{i}T00:00:00Z"
            records_ = [made.record(made.yields(1 + i))]
            self.add(made.run_folder(self.at(str(i)), records_, date=date, env=made.environment(revision=f"{i}" * 12)))
        with Store(self.store) as s:
            rows = s.history("yield/runtime:gmp/sched:global/procs:1/bind:pu", "time")
            self.assertEqual([r["revision"][0] for r in rows], ["0", "1", "2"])
            self.assertEqual([round(r["median"], 1) for r in rows], [20.8, 40.8, 60.8])
            self.assertEqual(rows[0]["low"], 20.2)
            self.assertEqual([(r["revision"][0], r["cells"], r["void"]) for r in s.runs()], [("2", 3, 0), ("1", 3, 0), ("0", 3, 0)])

    def test_noise(self):
        document = {"machine": "m", "date": made.DATE, "revision": "r", "rows": [1, 2]}
        with Store(self.store, write=True) as s:
            s.keep_noise(document)
            s.keep_noise(document)
            s.keep_noise({**document, "rows": [3]})
        with Store(self.store) as s:
            self.assertEqual([d["rows"] for d in s.noise("m")], [[1, 2], [3]] if s.noise("m")[0]["rows"] == [1, 2] else [[3], [1, 2]])
            self.assertEqual(s.noise("another"), [])


class Collect(InFolder):
    def test_lines(self):
        self.run_at("runs/a")
        self.run_at("runs/b", 2, seed=8)
        made.write(self.at("runs", "printed.json"), made.printed(made.yields()))
        status, out, err = self.collect(self.at("runs"))
        self.assertEqual([line.split()[0] for line in out.splitlines()], ["new"] * 3)
        self.assertEqual(status, 0)  # an unfinished run is no error
        self.assertIn("1 of 2 cells", err)
        status, out, _ = self.collect(self.at("runs"))
        self.assertEqual(([line.split()[0] for line in out.splitlines()], status), (["known"] * 3, 0))

    def test_the_rest_goes_on(self):
        self.run_at("runs/a")
        for name, text in {"cut.json": '{"context": {"da', "not.json": "hello"}.items():
            with open(self.at("runs", name), "w", encoding="utf-8") as f:
                f.write(text)
        made.write(self.at("runs", "empty", "run.json"), {"schema": 1})
        newer = made.write(self.at("runs", "newer.json"), {**made.record(made.yields()), "schema": 7})
        status, out, err = self.collect(self.at("runs"), self.at("nowhere"))
        self.assertEqual(status, 5)
        self.assertEqual(sorted(line.split()[0] for line in out.splitlines()), ["new"] + ["refused"] * 4)
        for word in ("cut.json: not JSON, line 1", "not.json", f"{newer}: schema 7", "nowhere: no such", "empty/cells"):
            self.assertIn(word, err)
        self.assertEqual(self.counts()[0], 1)

    def test_a_record_cut_in_half(self):
        path = made.run_folder(self.at("a"), [made.record(made.yields()[:1]), made.record(made.yields()[1:])])
        whole = self.at("a", "cells", "0001.json")
        os.truncate(whole, os.path.getsize(whole) // 2)
        status, out, err = self.collect(path)
        self.assertEqual((status, out.split()[0]), (5, "new"))
        self.assertIn(whole, err)
        self.assertEqual(self.counts()[1], 1)

    def test_measured_nothing(self):
        status, out, err = self.collect(made.run_folder(self.at("a"), [], planned=3))
        self.assertEqual((status, out.split()[0]), (5, "refused"))
        self.assertIn("0 of 3 cells", err)
        os.makedirs(self.at("bare"))
        status, out, err = self.collect(self.at("bare"))
        self.assertEqual((status, out), (5, ""))
        self.assertIn("neither a run's folder", err)

    def test_list_and_verify(self):
        void = made.bench("v/runtime:gmp", [1.0], verdict="void", why="bound elsewhere")
        self.collect(made.run_folder(self.at("a"), [made.record([*made.yields(), void])]))
        status, out, _ = self.collect("--list")
        self.assertEqual(status, 0)
        self.assertIn("0123456789ab  a  4 cells, 1 unusable", out)
        self.assertEqual(self.collect("--verify")[0], 0)
        with contextlib.closing(sqlite3.connect(self.store)) as db, db:
            db.execute("UPDATE cells SET verdict = 'ok' WHERE verdict = 'void'")
        status, _, err = self.collect("--verify")
        self.assertEqual(status, 5)
        self.assertIn("not what was imported", err)


class Refused(InFolder):
    def setUp(self):
        super().setUp()
        self.add(self.run_at("a"))

    def test_not_ours(self):
        with open(self.store, "w", encoding="utf-8") as f:
            f.write("hello, world\n" * 100)
        self.refused("no SQLite file")
        os.unlink(self.store)
        with contextlib.closing(sqlite3.connect(self.store)) as db, db:
            db.execute("CREATE TABLE theirs(x)")
        self.refused("another program")

    def test_newer(self):
        with contextlib.closing(sqlite3.connect(self.store)) as db, db:
            db.execute(f"PRAGMA user_version = {store_schema.VERSION + 1}")
        self.refused("newer gauntlet", "use that gauntlet")

    def test_truncated(self):
        size = os.path.getsize(self.store)
        for keep in (50, 100, 4096, size // 2, size - 1):
            whole = self.at("whole")
            shutil.copy(self.store, whole)
            os.truncate(whole, keep)
            self.refused("left as it is", path=whole)

    def test_damaged_inside(self):
        with open(self.store, "r+b") as f:
            f.seek(4096 * 2)
            f.write(b"\xa5" * 4096 * 6)
        before = digest(self.store)
        status, _, err = self.collect("--verify")
        self.assertEqual(status, 5)
        self.assertIn("damaged", err)
        with self.assertRaises(ResultsError):
            with Store(self.store) as s:
                s.load(s.heads()[0]["hash"])
        self.assertEqual(before, digest(self.store))

    def test_a_folder_or_nothing(self):
        os.makedirs(self.at("folder.sqlite"))
        for path in (self.at("folder.sqlite"), self.at("none.sqlite")):
            with self.assertRaises(ResultsError) as caught:
                Store(path)
            self.assertEqual(caught.exception.status, 5)
        self.assertFalse(os.path.exists(self.at("none.sqlite")))
        self.assertIn("gauntlet collect", caught.exception.message)

    def test_locked(self):
        code = "import sqlite3,sys\ndb = sqlite3.connect(sys.argv[1])\ndb.execute('BEGIN EXCLUSIVE')\nprint('held', flush=True)\nsys.stdin.read()"
        holder = subprocess.Popen(
            [sys.executable, "-c", code, self.store], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.addCleanup(holder.stdout.close)
        self.assertEqual(holder.stdout.readline().strip(), "held")
        began = time.monotonic()
        self.refused("locked for 0.3 s", f"(pid {holder.pid})", "try again")
        self.assertLess(time.monotonic() - began, 8)
        holder.communicate("")
        self.assertEqual(self.add(self.run_at("b", seed=8)), NEW)

    def test_waits_for_a_short_lock(self):
        code = "import sqlite3,sys,time\ndb = sqlite3.connect(sys.argv[1])\ndb.execute('BEGIN EXCLUSIVE')\nprint('held', flush=True)\ntime.sleep(0.2)"
        os.environ["GAUNTLET_STORE_WAIT"] = "20"
        self.addCleanup(os.environ.update, {"GAUNTLET_STORE_WAIT": "0.3"})
        with subprocess.Popen([sys.executable, "-c", code, self.store], stdout=subprocess.PIPE, text=True) as holder:
            self.assertEqual(holder.stdout.readline().strip(), "held")
            self.assertEqual(self.add(self.run_at("b", seed=8)), NEW)

    def test_read_only(self):
        before = digest(self.store)
        with Store(self.store) as s, self.assertRaises(ResultsError):
            s.add(records.load(self.run_at("b", seed=8)))
        db = store_file._connect(self.store, "ro")  # as of a read-only medium: root may write any file
        self.addCleanup(db.close)
        with self.assertRaises(sqlite3.OperationalError) as caught:
            db.execute("DELETE FROM runs")
        self.assertIn("cannot be written", store_file.explain(self.store, caught.exception).message)
        self.assertEqual(before, digest(self.store))
        self.assertEqual(self.collect("--list")[0], 0)


class WholeOrNotAtAll(InFolder):
    def big(self, name: str, seed: int, cells: int = 4000) -> str:
        entries = [made.bench(f"w:{i}/runtime:gmp", [float(i + j) for j in range(9)]) for i in range(cells)]
        return made.run_folder(self.at(name), [made.record(entries)], seed=seed)

    def child(self, path: str, prepare: str = "") -> subprocess.Popen:
        code = f"import sys\n{prepare}\nfrom gauntlet_results import collect\nsys.exit(collect.main(sys.argv[1:]))"
        return subprocess.Popen(
            [sys.executable, "-c", code, path, f"--store={self.store}"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def test_killed(self):
        """kill -9 once the import has begun to write: its journal is there."""
        self.add(self.run_at("a"))
        counts, path = self.counts(), self.big("big", 5)
        seen = 0
        for _ in range(20):
            with self.child(path, "from gauntlet_results import store\nimport os, signal\n" + _DIES) as child:
                child.wait()
            self.assertEqual(child.returncode, -signal.SIGKILL)
            seen += os.path.exists(self.store + "-journal")
            self.assertEqual(self.counts(), counts)
            if seen >= 3:
                break
        self.assertGreaterEqual(seen, 1)
        self.assertEqual(self.collect("--verify")[0], 0)
        self.assertEqual(self.add(path), NEW)
        self.assertEqual(self.counts()[1], counts[1] + 4000)

    def test_killed_at_the_first_import(self):
        path = self.big("big", 5)
        with self.child(path, "from gauntlet_results import store\nimport os, signal\n" + _DIES) as child:
            child.wait()
        self.assertEqual(child.returncode, -signal.SIGKILL)
        self.assertEqual(self.add(path), NEW)
        self.assertEqual(self.collect("--verify")[0], 0)

    def test_killed_at_random(self):
        self.add(self.run_at("a"))
        counts, path = self.counts(), self.big("big", 5)
        for i in range(6):
            with self.child(path) as child:
                time.sleep(0.15 + 0.1 * i)
                child.kill()
            now = self.counts()
            self.assertIn(now[:2], (counts[:2], (counts[0] + 1, counts[1] + 4000)))
        self.assertEqual(self.collect("--verify")[0], 0)

    def test_disk_full(self):
        """A limit on the size of a file stands for it: the import needs more."""
        self.add(self.run_at("a"))
        counts, before, path = self.counts(), digest(self.store), records.load(self.big("big", 5))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        old = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, old[1]))
        try:
            with self.assertRaises(ResultsError) as caught:
                with Store(self.store, write=True) as s:
                    s.add(path)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, old)
        self.assertEqual(caught.exception.status, 5)
        self.assertIn("full", caught.exception.message)
        self.assertEqual(self.counts(), counts)
        self.assertEqual(before, digest(self.store))

    def test_database_full(self):
        with Store(self.store, write=True) as s:
            s.db.execute("PRAGMA max_page_count = 40")
            with self.assertRaises(ResultsError) as caught:
                s.add(records.load(self.big("big", 5)))
            self.assertIn("the disk is full", caught.exception.message)
            self.assertEqual(s.heads(), [])


# An import that ends itself halfway through the series, after SQLite has spilt pages into the file.
_DIES = """
real = store._series_row
n = 0
def row(*a):
    global n
    n += 1
    if n == 3000:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*a)
store._series_row = row
opened = store.open_store
def small_cache(*a):
    db = opened(*a)
    db.execute("PRAGMA cache_size = 10")
    return db
store.open_store = small_cache
"""


class Migration(InFolder):
    def older(self, steps: int) -> None:
        """A store as a gauntlet made it that knew only so many steps."""
        kept = store_schema.STEPS, store_schema.VERSION
        for module in (store_schema, store_file):
            module.STEPS, module.VERSION = kept[0][:steps], steps
        try:
            self.add(self.run_at("a"))
        finally:
            for module in (store_schema, store_file):
                module.STEPS, module.VERSION = kept

    def test_in_place(self):
        for steps in range(1, store_schema.VERSION):
            self.older(steps)
            before = digest(self.store)
            with Store(self.store) as s:  # to read, as it is
                self.assertEqual((s.version, len(s.runs()), s.noise("m")), (steps, 1, []))
                content = s.load(s.heads()[0]["hash"]).content()
            self.assertEqual(before, digest(self.store))
            self.assertEqual(self.add(self.at("a")), KNOWN)  # to write, brought up to date
            with Store(self.store) as s:
                self.assertEqual(s.version, store_schema.VERSION)
                self.assertEqual(s.load(s.heads()[0]["hash"]).content(), content)
                self.assertEqual(s.verify(), [])
            os.unlink(self.store)

    def test_a_step_that_fails_changes_nothing(self):
        self.older(1)
        before = digest(self.store)
        kept = store_file.STEPS
        store_file.STEPS = (*kept[:1], "CREATE TABLE one(x) STRICT, WITHOUT; CREATE TABLE noise(x)")
        try:
            with self.assertRaises(ResultsError):
                Store(self.store, write=True)
        finally:
            store_file.STEPS = kept
        self.assertEqual(before, digest(self.store))
        self.assertEqual(self.add(self.at("a")), KNOWN)


if __name__ == "__main__":
    unittest.main()
