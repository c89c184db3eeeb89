# SPDX-License-Identifier: Apache-2.0
"""A selector, as people type it, to a result set. What it can be: cliargs.SELECTORS."""

import os
import re
import subprocess
from dataclasses import replace

from .cliargs import STORE
from .errors import usage
from .model import RUNS, WRONG, ResultSet, Series, content_id, run_sizes
from .records import load
from .store import Store

SHOWN = 8  # runs that an error lists
_HEX = re.compile(r"[0-9a-f]{4,40}$")


def describe_run(run: dict) -> str:
    dirty = " and changes" if run.get("dirty") else ""
    return f"{run['hash'][:12]}  {run['date'] or 'no date'}  {run['revision']}{dirty}  {run['label']}"


def _listed(runs) -> str:
    lines = "".join(f"\n  {describe_run(r)}" for r in runs[:SHOWN])
    more = f"\n  and {len(runs) - SHOWN} more" if len(runs) > SHOWN else ""
    return lines + more + "\n`gauntlet collect --list` shows them all"


def _heads(store: Store, selector: str) -> list[dict]:
    heads = store.heads()
    if not heads:
        raise usage(f"'{selector}': the store {store.path} holds no run: `gauntlet collect FOLDER` fills it")
    return heads


# ---- run:ID ---------------------------------------------------------------------------------------------------------
def _by_id(heads: list[dict], selector: str, prefix: str) -> dict:
    found = [h for h in heads if h["hash"].startswith(prefix.lower())] if prefix else []
    if len(found) == 1:
        return found[0]
    if found:
        raise usage(f"'{selector}' is the start of {len(found)} runs: give more of the id{_listed(found)}")
    raise usage(f"'{selector}': no run of that id in the store; there are{_listed(heads)}")


# ---- rev:GITREV -----------------------------------------------------------------------------------------------------
def _git_commit(name: str) -> str | None:
    """The commit's hash, when we stand in a repository that knows the name."""
    if name.startswith("-"):
        return None
    try:
        done = subprocess.run(
            ["git", "-c", "safe.directory=*", "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}"],
            capture_output=True, text=True, check=False, timeout=10,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None


def _of_revision(heads: list[dict], selector: str, name: str) -> list[dict]:
    """Runs of that commit; those of a clean tree when there is one, else those with changes."""
    commit = _git_commit(name)
    wanted = commit or (name.lower() if _HEX.match(name.lower()) else name)
    found = [
        h for h in heads
        if h["revision"] == wanted or (commit or _HEX.match(wanted))
        and len(h["revision"]) >= 4 and (wanted.startswith(h["revision"]) or h["revision"].startswith(wanted))
    ]  # fmt: skip
    revisions = {h["revision"][: min(len(h["revision"]), 12)] for h in found}
    if len(revisions) > 1:
        raise usage(f"'{selector}' is the start of {len(revisions)} revisions: give more of it{_listed(found)}")
    if not found:
        known = f" (git says {commit[:12]})" if commit else " (and git knows no such name here)"
        raise usage(f"'{selector}': no run of that revision in the store{known}; there are{_listed(heads)}")
    return [h for h in found if not h["dirty"]] or found


def _merged_cells(sets: list[ResultSet]) -> dict[str, dict]:
    """Of each cell the newest that came to something; but one in which something was wrong is not made good by others."""

    def rank(cell: dict) -> int:
        return 2 if cell["verdict"] in WRONG else cell["verdict"] in ("ok", "found")

    cells: dict[str, dict] = {}
    for c in (c for rs in sets for c in rs.cells):
        if c["name"] not in cells or rank(c) > rank(cells[c["name"]]):
            cells[c["name"]] = c
    return cells


def merge(sets: list[ResultSet]) -> ResultSet:
    """The samples of each cell together, newest set first; a set in which the cell has another verdict than the cell of
    all of them (is void, say) adds nothing to it."""
    cells = _merged_cells(sets)
    series: dict[tuple[str, str], Series] = {}
    taken: dict[str, list[Series]] = {}
    for s in (s for rs in sets for s in rs.series if s.verdict == cells[s.cell]["verdict"]):
        before = series.get((s.cell, s.metric))
        if before is None or before.unit == s.unit:
            series[s.cell, s.metric] = replace(before, samples=before.samples + s.samples) if before else s
            taken.setdefault(s.cell, []).append(s)
    for name, those in taken.items():
        sizes = run_sizes(those)
        if sizes:
            cells[name] = {**cells[name], "attrs": {**cells[name]["attrs"], RUNS: sizes}}
    whole = [replace(s, why=cells[s.cell]["why"], attrs=cells[s.cell]["attrs"]) for s in series.values()]
    return replace(
        sets[0], label=f"{sets[0].revision} ({len(sets)} runs)", series=whole, cells=list(cells.values()),
        problems=[p for rs in sets for p in rs.problems], complete=all(rs.complete for rs in sets),
        key=content_id([rs.key for rs in sets]),
    ).seal()  # fmt: skip


def _alike(a: dict, b: dict) -> bool:
    """May the samples of two runs of a revision be taken together? On one machine, of one program."""
    return all(a[k] == b[k] for k in ("machine", "dirty", "preset"))


def _revision(store: Store, heads: list[dict], selector: str, name: str) -> ResultSet:
    found = _of_revision(heads, selector, name.removesuffix("+all"))
    whole = [h for h in found if h["complete"]] or found
    if name.endswith("+all"):
        return merge([store.load(h["hash"]) for h in whole if _alike(h, whole[0])])
    return store.load(whole[0]["hash"])


def resolve(selector: str, store_path: str = STORE) -> ResultSet:
    """Raises ResultsError: 2 for a name that is not there (and lists what is), 5 for what cannot be read."""
    kind, colon, name = selector.partition(":")
    if selector != "latest" and not (colon and kind in ("rev", "run")):
        if not os.path.exists(selector):
            raise usage(f"'{selector}': no such file or folder, and not rev:GITREV, run:ID or latest")
        return load(selector)
    with Store(store_path) as store, store.snapshot():
        heads = _heads(store, selector)
        if selector == "latest":
            return store.load(heads[0]["hash"])
        if kind == "run":
            return store.load(_by_id(heads, selector, name)["hash"])
        return _revision(store, heads, selector, name)
