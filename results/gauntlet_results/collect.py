# SPDX-License-Identifier: Apache-2.0
"""gauntlet collect: runs into the store. The only writer of runs."""

import os
import sys

from . import records
from .cliargs import Parser, add_store
from .errors import BROKEN, OK, ResultsError, broken
from .model import USABLE, ResultSet
from .select import describe_run
from .store import COMPLETED, KNOWN, Store

TEXT = """\
PATH is a run's folder, a results file, or a folder that holds such (results/local). A run that is there already, or a
copy of it, adds nothing; one that was imported half-finished is completed. A run goes in whole or not at all.
One line for each: new, known, completed, or refused and why.
"""


# ---- what there is to import ----------------------------------------------------------------------------------------
def _is_results_file(path: str) -> bool:
    return path.endswith(".json") and not os.path.basename(path).startswith(".")


def find_runs(path: str) -> list[str]:
    """Folders of runs and results files at PATH or below it; a run's folder is not searched further."""
    if not os.path.isdir(path):
        return [path]
    if records.is_run(path):
        return [path]
    found = []
    for folder, below, files in os.walk(path):
        below.sort()
        if folder != path and records.is_run(folder):
            found.append(folder)
            below.clear()
            continue
        found += [os.path.join(folder, f) for f in sorted(files) if _is_results_file(f)]
    if not found:
        raise broken(f"{path}: neither a run's folder (run.json) nor a results file in it")
    return found


# ---- importing ------------------------------------------------------------------------------------------------------
def _tell(word: str, path: str, rs: ResultSet) -> None:
    unusable = sum(c["verdict"] not in (*USABLE, "skipped") for c in rs.cells)
    parts = [f"{len(rs.cells)} cells"]
    if unusable:
        parts.append(f"{unusable} unusable")
    if not rs.complete:
        parts.append("incomplete")
    dirty = " and changes" if rs.dirty else ""
    print(f"{word:<9} {rs.id[:12]}  {path}  {rs.revision}{dirty}  {', '.join(parts)}")


def _warn(message: str) -> None:
    print(f"gauntlet collect: {message}", file=sys.stderr)


def _import(store: Store, path: str) -> int:
    try:
        rs = records.load(path)
    except ResultsError as e:
        print(f"{'refused':<9} {'':12}  {path}")
        _warn(e.message)
        return e.status
    if not rs.cells:
        print(f"{'refused':<9} {rs.id[:12]}  {path}")
        _warn(f"{path}: {rs.problems[0] if rs.problems else 'no cell in it: it measured nothing'}")
        return BROKEN
    word = store.add(rs)
    _tell(word, path, rs)
    for problem in [] if word == KNOWN and rs.complete else rs.problems:
        _warn(problem)
    return OK if not _unread(rs) else BROKEN


def _unread(rs: ResultSet) -> bool:
    """A file of it could not be read. A run that is only unfinished is no error: it may be at work."""
    return any(records.RESUME not in p and records.CUT_SHORT not in p for p in rs.problems)


def _import_all(paths: list[str], store_path: str) -> int:
    status, found = OK, []
    for path in paths:
        try:
            found += find_runs(path) if os.path.lexists(path) else _missing(path)
        except ResultsError as e:
            _warn(e.message)
            status = e.status
    if not found:
        return status
    with Store(store_path, write=True) as store:
        done = [_import(store, path) for path in found]
    return max([status, *done])


def _missing(path: str):
    raise broken(f"{path}: no such file or folder")


# ---- looking --------------------------------------------------------------------------------------------------------
def _list(store_path: str) -> int:
    with Store(store_path) as store:
        for run in store.runs():
            unusable = f", {run['void']} unusable" if run["void"] else ""
            open_ = "" if run["complete"] else ", incomplete"
            print(f"{describe_run(run)}  {run['cells']} cells{unusable}{open_}")
    return OK


def _verify(store_path: str) -> int:
    with Store(store_path) as store:
        problems = store.verify()
        if not problems:
            print(f"{store_path}: {len(store.heads())} runs, each what was imported; version {store.version} of the store")
            return OK
    for problem in problems:
        _warn(f"{store_path}: {problem}")
    raise broken(f"{store_path}: damaged, and left as it is: move it away and collect the runs' folders again")


def main(argv: list[str]) -> int:
    parser = Parser("collect", "import runs into the store", TEXT)
    parser.add_argument("paths", metavar="PATH", nargs="*", help="a run's folder, a results file, or a folder of such")
    parser.add_argument("--list", action="store_true", help="the runs in the store, newest first")
    parser.add_argument("--verify", action="store_true", help="check the store: its structure, and each run's content")
    add_store(parser)
    args = parser.parse_args(argv)
    if bool(args.paths) + args.list + args.verify != 1:
        parser.error("one of PATH, --list, --verify")
    if args.list:
        return _list(args.store)
    if args.verify:
        return _verify(args.store)
    return _import_all(args.paths, args.store)


__all__ = ["COMPLETED", "find_runs", "main"]
