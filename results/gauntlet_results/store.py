# SPDX-License-Identifier: Apache-2.0
"""The store: every run that was collected, in one SQLite file.

I1 A run is in it once, by its key; its cells and series came with it in one transaction, or not at all.
I2 What is read back is what was read from the folder: the same id.
Only the collector writes runs, only `gauntlet noise` writes floors.
"""

import datetime
import json
import sqlite3
import struct
from contextlib import contextmanager

from .cliargs import STORE
from .entries import keepable
from .errors import broken
from .model import OPEN, ResultSet, Series, content_id, machine_facts
from .quantiles import describe
from .store_file import explain, open_store
from .store_schema import VERSION

NEW, KNOWN, COMPLETED = "new", "known", "completed"

_RUN_COLUMNS = (
    "hash", "key", "label", "date", "revision", "dirty", "seed", "host", "machine", "environment", "source", "complete",
    "problems", "imported",
)  # fmt: skip


def pack(samples) -> bytes:
    return struct.pack(f"<{len(samples)}d", *samples)


def unpack(blob: bytes) -> tuple[float, ...]:
    return struct.unpack(f"<{len(blob) // 8}d", blob)


def _json(value) -> str:
    return json.dumps(value, separators=(",", ":"))


def now() -> str:
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class Store:
    """`with Store(path) as s`. write=True makes the file, or brings an older one up to date."""

    def __init__(self, path: str = STORE, write: bool = False):
        self.path = path
        self.db = open_store(path, write)
        self.version = self.db.execute("PRAGMA user_version").fetchone()[0]

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_) -> None:
        self.db.close()

    @contextmanager
    def _guard(self):
        """SQLite's errors as ours."""
        try:
            yield
        except sqlite3.Error as e:
            raise explain(self.path, e) from None

    @contextmanager
    def _transaction(self):
        with self._guard():
            self.db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.db.execute("COMMIT")
            except BaseException:
                if self.db.in_transaction:
                    self.db.execute("ROLLBACK")
                raise

    @contextmanager
    def snapshot(self):
        """All that is read within is of one state of the store; a writer waits. Within another it is part of that one."""
        if self.db.in_transaction:
            yield
            return
        with self._guard():
            self.db.execute("BEGIN")
        try:
            yield
        finally:
            self.db.execute("ROLLBACK")  # nothing was written

    def all(self, sql: str, *args) -> list[sqlite3.Row]:
        with self._guard():
            return self.db.execute(sql, args).fetchall()

    # ---- writing ----------------------------------------------------------------------------------------------------
    def add(self, rs: ResultSet) -> str:
        """NEW, KNOWN (nothing was changed), or COMPLETED (the run was here with fewer cells that came to something)."""
        with self._transaction():
            there = self.db.execute(
                "SELECT * FROM runs WHERE key IN (?, ?) OR hash = ?", (rs.key, rs.former_key or rs.key, rs.id)
            ).fetchone()
            if there and (there["hash"] == rs.id or self._progress_of(there) >= _progress(rs)):
                return KNOWN
            if there:
                self.db.execute("DELETE FROM runs WHERE id = ?", (there["id"],))
            self._insert(rs)
            return COMPLETED if there else NEW

    def _progress_of(self, run: sqlite3.Row) -> tuple:
        cells, whole = self.db.execute(
            f"SELECT count(*), coalesce(sum(verdict NOT IN {OPEN}), 0) FROM cells WHERE run = ?", (run["id"],)
        ).fetchone()
        return bool(run["complete"]), whole, cells

    def _machine(self, rs: ResultSet) -> int:
        self.db.execute(
            "INSERT INTO machines(key, facts) VALUES (?, ?) ON CONFLICT(key) DO NOTHING",
            (rs.machine, _json(machine_facts(rs.environment))),
        )
        return self.db.execute("SELECT id FROM machines WHERE key = ?", (rs.machine,)).fetchone()[0]

    def _insert(self, rs: ResultSet) -> None:
        host = rs.environment.get("host")
        values = (
            rs.id, rs.key, keepable(rs.label), rs.date, rs.revision, rs.dirty, None if rs.seed is None else str(rs.seed),
            host if isinstance(host, str) else None, self._machine(rs), _json(rs.environment),
            keepable(rs.path) if rs.path else None, int(rs.complete), _json(rs.problems), now(),
        )  # fmt: skip
        columns, marks = ", ".join(_RUN_COLUMNS), ", ".join("?" * len(_RUN_COLUMNS))
        run = self.db.execute(f"INSERT INTO runs({columns}) VALUES ({marks})", values).lastrowid
        first = self.db.execute("SELECT coalesce(max(id), 0) + 1 FROM cells").fetchone()[0]
        ids = {c["name"]: first + i for i, c in enumerate(rs.cells)}
        self.db.executemany(
            "INSERT INTO cells(id, run, name, kind, verdict, why, attrs) VALUES (?, ?, ?, ?, ?, ?, ?)",
            ((ids[c["name"]], run, c["name"], c["kind"], c["verdict"], c["why"], _json(c["attrs"])) for c in rs.cells),
        )
        self.db.executemany(
            "INSERT INTO series(cell, metric, unit, better, n, median, low, high, q1, q3, samples)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (_series_row(ids[s.cell], s) for s in rs.series),
        )

    def check_writable(self) -> None:
        """Raises what a writer would meet: a lock, a file or folder that may not be written. Changes nothing."""
        with self._guard():
            self.db.execute("BEGIN IMMEDIATE")
            try:
                self.db.execute(f"PRAGMA user_version = {self.version}")  # as it is: but the journal is begun
            finally:
                self.db.execute("ROLLBACK")

    def keep_noise(self, document: dict) -> None:
        """What one `gauntlet noise` measured; the same document again changes nothing."""
        d = document
        with self._transaction():
            self.db.execute(
                "INSERT OR IGNORE INTO noise(id, machine, date, revision, document) VALUES (?, ?, ?, ?, ?)",
                (content_id(d), d["machine"], d["date"], d["revision"], _json(d)),
            )

    # ---- reading ----------------------------------------------------------------------------------------------------
    def noise(self, machine: str) -> list[dict]:
        """Every document of the machine, oldest first."""
        if self.version < 2:
            return []
        rows = self.all("SELECT document FROM noise WHERE machine = ? ORDER BY date, id", machine)
        return [json.loads(r["document"]) for r in rows]

    def runs(self) -> list[dict]:
        """Newest first: every column of runs, machine as its key, how many cells, how many of them unusable."""
        return [
            dict(r)
            for r in self.all(
                "SELECT r.*, m.key AS machine_key, count(c.id) AS cells,"
                " coalesce(sum(c.verdict NOT IN ('ok', 'found', 'inconclusive', 'skipped')), 0) AS void"
                " FROM runs r JOIN machines m ON m.id = r.machine LEFT JOIN cells c ON c.run = r.id"
                " GROUP BY r.id ORDER BY r.date DESC, r.id DESC"
            )
        ]

    def heads(self) -> list[dict]:
        """Newest first: hash, date, revision, dirty, label, complete, machine, preset of each run, without a look at its
        cells."""
        return [
            dict(r)
            for r in self.all(
                "SELECT hash, date, revision, dirty, label, complete, machine,"
                " json_extract(environment, '$.build.preset') AS preset FROM runs ORDER BY date DESC, id DESC"
            )
        ]

    def load(self, run_hash: str) -> ResultSet:
        """The run as it was imported."""
        with self.snapshot():
            return self._load(run_hash)

    def _load(self, run_hash: str) -> ResultSet:
        found = self.all("SELECT * FROM runs WHERE hash = ?", run_hash)
        if not found:
            raise broken(f"{self.path}: no run {run_hash} in it")
        run = found[0]
        by_id, cells = {}, []
        for c in self.all("SELECT * FROM cells WHERE run = ? ORDER BY id", run["id"]):
            cell = {k: c[k] for k in ("name", "kind", "verdict", "why")} | {"attrs": json.loads(c["attrs"])}
            by_id[c["id"]] = cell
            cells.append(cell)
        rows = self.all(
            "SELECT s.* FROM cells c JOIN series s ON s.cell = c.id WHERE c.run = ?"
            " ORDER BY c.id, s.metric <> 'time', s.metric",
            run["id"],
        )
        return ResultSet(
            id=run["hash"], label=run["label"], date=run["date"], revision=run["revision"], dirty=run["dirty"],
            seed=None if run["seed"] is None else int(run["seed"]), environment=json.loads(run["environment"]),
            series=[_series_of(r, by_id[r["cell"]]) for r in rows], cells=cells, problems=json.loads(run["problems"]),
            path=run["source"], complete=bool(run["complete"]), key=run["key"],
        )  # fmt: skip

    def history(self, cell: str, metric: str) -> list[dict]:
        """Of one series, oldest first, every run that has it: date, revision, hash, machine, verdict, n, median, low..q3."""
        return [
            dict(r)
            for r in self.all(
                "SELECT r.date, r.revision, r.dirty, r.hash, m.key AS machine, c.verdict, c.why, s.unit, s.better, s.n,"
                " s.median, s.low, s.high, s.q1, s.q3 FROM cells c JOIN series s ON s.cell = c.id AND s.metric = ?"
                " JOIN runs r ON r.id = c.run JOIN machines m ON m.id = r.machine WHERE c.name = ? ORDER BY r.date, r.id",
                metric,
                cell,
            )
        ]

    def verify(self) -> list[str]:
        """What is wrong with it; empty: nothing. Reads everything."""
        problems = [r[0] for r in self.all("PRAGMA integrity_check") if r[0] != "ok"]
        problems += [f"{r[0]}: row {r[1]} refers to nothing" for r in self.all("PRAGMA foreign_key_check")]
        for head in [] if problems else self.heads():
            if self.load(head["hash"]).seal().id != head["hash"]:
                problems.append(f"run {head['hash'][:12]}: its content is not what was imported")
        return problems


def _progress(rs: ResultSet) -> tuple:
    """What a later import must exceed to replace it: what `run --resume` would run again is not done."""
    return rs.complete, sum(c["verdict"] not in OPEN for c in rs.cells), len(rs.cells)


def _series_row(cell: int, s: Series) -> tuple:
    d = describe(s.samples)
    return (cell, s.metric, s.unit, s.better, d["n"], d["median"], d["low"], d["high"], d["q1"], d["q3"], pack(s.samples))


def _series_of(row: sqlite3.Row, cell: dict) -> Series:
    return Series(
        cell["name"], row["metric"], row["unit"], row["better"], unpack(row["samples"]), cell["verdict"], cell["why"],
        cell["attrs"],
    )  # fmt: skip


__all__ = ["COMPLETED", "KNOWN", "NEW", "VERSION", "Store"]
