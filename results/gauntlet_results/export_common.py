# SPDX-License-Identifier: Apache-2.0
"""What the formats of other tools share: the cells of a set with their series, and the parts of a cell's name."""

from dataclasses import dataclass

from .model import ResultSet, Series


@dataclass
class Cell:
    name: str
    kind: str
    verdict: str
    why: str | None
    attrs: dict
    series: dict[str, Series]  # by metric; empty when its numbers must not be used

    @property
    def usable(self) -> bool:
        return bool(self.series)


def cells_of(rs: ResultSet) -> list[Cell]:
    """Every cell in the set's order, with the series that may be used."""
    found = {c["name"]: Cell(c["name"], c["kind"], c["verdict"], c["why"], c["attrs"], {}) for c in rs.cells}
    for s in rs.series:
        if s.usable:
            found[s.cell].series[s.metric] = s
    return list(found.values())


def name_parts(name: str) -> tuple[str, str | None, list[tuple[str, str]]]:
    """pingpong:8/runtime:gmp/procs:2 as (pingpong, 8, [(runtime, gmp), (procs, 2)]); what has no key joins the first."""
    heads, keys = [], []
    for part in name.split("/"):
        key, colon, value = part.partition(":")
        if colon and (keys or heads):
            keys.append((key, value))
        else:
            heads.append(part)
    head, _, param = "/".join(heads).partition(":")
    return head, param or None, keys


def _cells(n: int, what: str) -> str:
    return f"{n} {what}cell" + ("" if n == 1 else "s")


def counted(void: int, timeless: int = 0) -> str:
    """What was left out, as one line; empty: nothing."""
    parts = []
    if void:
        parts.append(_cells(void, "void or unfinished "))
    if timeless:
        parts.append(_cells(timeless, "") + " without a time, which this format must have")
    return "left out: " + ", ".join(parts) if parts else ""


def marked(void: int) -> str:
    return f"marked as such: {_cells(void, 'void or unfinished ')}" if void else ""
