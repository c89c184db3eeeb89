# SPDX-License-Identifier: Apache-2.0
"""Opening the store's file: what is no store of ours, is damaged, newer, locked or read-only is refused and not touched.

The journal is SQLite's rollback journal, not WAL: WAL needs memory shared by all readers, so it fails on network file
systems, cannot be read on a read-only medium, and leaves two more files that a copy must not forget. There is one writer
and it is short; a reader waits for it.
"""

import os
import sqlite3
import struct
import urllib.parse

from .errors import ResultsError, broken
from .store_schema import APPLICATION, STEPS, VERSION

WAIT_S = 10.0  # for who holds the lock
_MAGIC = b"SQLite format 3\0"


def wait_seconds() -> float:
    """How long a locked store is waited for. GAUNTLET_STORE_WAIT shortens it."""
    try:
        return max(0.0, float(os.environ.get("GAUNTLET_STORE_WAIT", WAIT_S)))
    except ValueError:
        return WAIT_S


def _has_open(number: str, wanted: os.stat_result) -> bool:
    folder = f"/proc/{number}/fd"
    for fd in os.listdir(folder):
        seen = os.stat(f"{folder}/{fd}")
        if (seen.st_dev, seen.st_ino) == (wanted.st_dev, wanted.st_ino):
            return True
    return False


def _holders(path: str) -> str:
    """Processes that have the file open, as far as we may see."""
    found = []
    for number in (n for n in os.listdir("/proc") if n.isdigit() and int(n) != os.getpid()):
        try:
            if _has_open(number, os.stat(path)):
                with open(f"/proc/{number}/comm", encoding="utf-8", errors="replace") as comm:
                    found.append(f"{comm.read().strip()} (pid {number})")
        except OSError:  # it ended, or is another user's
            continue
    return ", ".join(sorted(found)[:4])


def explain(path: str, e: sqlite3.Error) -> ResultsError:
    """SQLite's error as what to do."""
    text = str(e)
    code = getattr(e, "sqlite_errorname", "") or ""
    if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")) or "locked" in text:
        who = _holders(path)
        held = f"held by {who}" if who else f"nobody seen that holds it: try `fuser {path}`"
        return broken(f"{path}: locked for {wait_seconds():g} s, {held}; nothing was changed: try again when it is done")
    if code.startswith("SQLITE_FULL"):
        return broken(f"{path}: the disk is full; nothing was changed: make room and try again")
    if code.startswith(("SQLITE_READONLY", "SQLITE_PERM", "SQLITE_CANTOPEN")):
        return broken(f"{path}: cannot be written ({text}); nothing was changed: --store=FILE names another place")
    if code.startswith("SQLITE_IOERR"):
        return broken(f"{path}: {text}; nothing was changed: is the disk full, or a limit on file sizes set?")
    if code.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return broken(_damaged(path, text))
    return broken(f"{path}: {text}; nothing was changed")


def _damaged(path: str, what: str) -> str:
    return (
        f"{path}: {what}: damaged, and left as it is. Move it away and `gauntlet collect` the runs' folders again, "
        "or take a copy of it from before"
    )


def _check_header(path: str) -> None:
    """Refuses what is no SQLite file or was cut off. An empty file is what a first import leaves that was killed."""
    try:
        size = os.path.getsize(path)
        with open(path, "rb") as f:
            head = f.read(100)
    except OSError as e:
        raise broken(f"{path}: {e.strerror}") from None
    if size == 0:
        return
    if head[:16] != _MAGIC or len(head) < 100:
        raise broken(f"{path}: no SQLite file, so not a store; it is left as it is: --store=FILE names another")
    page = struct.unpack(">H", head[16:18])[0]
    page = 65536 if page == 1 else page
    pages, = struct.unpack(">I", head[28:32])
    counts = head[24:28] == head[92:96]  # the page count is valid
    if counts and size < page * pages and not os.path.exists(path + "-journal"):
        raise broken(_damaged(path, f"{size} bytes of {page * pages}"))


def _pragma(db: sqlite3.Connection, name: str):
    return db.execute(f"PRAGMA {name}").fetchone()[0]


def _check_ours(path: str, db: sqlite3.Connection) -> int:
    """The steps it has taken; 0: nothing in it yet."""
    version, application = _pragma(db, "user_version"), _pragma(db, "application_id")
    empty = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0
    if empty and version == 0:
        return 0
    if application != APPLICATION:
        raise broken(f"{path}: an SQLite file of another program; it is left as it is: --store=FILE names another")
    if version > VERSION:
        raise broken(
            f"{path}: written by a newer gauntlet (version {version} of the store, this one knows {VERSION}); it is left "
            "as it is: use that gauntlet, or --store=FILE for another store"
        )
    return version


def _take_steps(db: sqlite3.Connection, version: int) -> None:
    """Brings the tables up to date, all or nothing."""
    db.execute("BEGIN IMMEDIATE")
    try:
        version = _pragma(db, "user_version")  # somebody else may have done it while we waited
        for step in STEPS[version:]:
            for statement in step.split(";"):
                if statement.strip():
                    db.execute(statement)
        db.execute(f"PRAGMA application_id = {APPLICATION}")
        db.execute(f"PRAGMA user_version = {VERSION}")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _connect(path: str, mode: str) -> sqlite3.Connection:
    uri = "file:" + urllib.parse.quote(os.path.abspath(path)) + f"?mode={mode}"
    db = sqlite3.connect(uri, uri=True, timeout=wait_seconds(), isolation_level=None)
    db.row_factory = sqlite3.Row
    return db


def _make_folder(path: str) -> None:
    folder = os.path.dirname(os.path.abspath(path))
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as e:
        raise broken(f"{folder}: {e.strerror}: the store would stand there") from None


def open_store(path: str, write: bool) -> sqlite3.Connection:
    """To write: makes it, or brings it up to date. To read: it must be there; an older one is read as it is."""
    if os.path.exists(path):
        _check_header(path)
    elif not write:
        raise broken(f"{path}: no store there: `gauntlet collect FOLDER` makes one, --store=FILE names another")
    else:
        _make_folder(path)
    db = None
    try:
        db = _connect(path, "rwc" if write else "rw")
        if not write:  # rw: an import that was killed left a journal, and whoever comes next has to undo it
            db.execute("PRAGMA query_only = ON")
        version = _check_ours(path, db)
        if write:
            db.execute("PRAGMA foreign_keys = ON")
            db.execute("PRAGMA synchronous = FULL")
            db.execute("PRAGMA cache_size = -65536")  # 64 MiB: the index by name takes pages from all over
            if version < VERSION:
                _take_steps(db, version)
        elif version == 0:
            raise broken(f"{path}: nothing in it yet: `gauntlet collect FOLDER` fills it")
        return db
    except sqlite3.Error as e:
        if db:
            db.close()
        raise explain(path, e) from None
    except BaseException:
        if db:
            db.close()
        raise
