# SPDX-License-Identifier: Apache-2.0
"""How figures look on a terminal: three or four digits, a unit that fits, colour where it may be."""

import math
import os
import sys

_NS = ((1e9, "s"), (1e6, "ms"), (1e3, "us"))
_COLOURS = {"worse": "31", "broken": "31", "better": "32", "mended": "32", "inconclusive": "33", "unclear": "33"}


def _digits(value: float) -> str:
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    places = max(0, 3 - math.floor(math.log10(abs(value))) - 1)
    return f"{value:.{min(places, 6)}f}"


def amount(value: float, unit: str) -> str:
    """`12.3 us` of 12300 ns; counts as they are."""
    if unit == "ns":
        for size, name in _NS:
            if abs(value) >= size:
                return f"{_digits(value / size)} {name}"
    if unit in ("%", "ns", "bytes", "s"):
        return f"{_digits(value)} {unit}"
    return f"{value:g}" if value == int(value) else _digits(value)


def bounds(low: float, high: float, unit: str) -> str:
    """`11.9..12.4`, in the unit that `amount` gives the larger one."""
    size = next((s for s, _ in _NS if unit == "ns" and max(abs(low), abs(high)) >= s), 1.0)
    return f"{_digits(low / size)}..{_digits(high / size)}"


def percent(share: float, signed: bool = True) -> str:
    if not math.isfinite(share) or abs(share) >= 100:
        return ("+" if share > 0 else "-") + "over 10000 %"
    return f"{100 * share:{'+' if signed else ''}.1f} %"


def p_value(p: float | None) -> str:
    if p is None:
        return "-"
    return "<0.0001" if p < 1e-4 else f"{p:.4f}" if p < 0.1 else f"{p:.2f}"


def wants_colour(stream=None) -> bool:
    stream = stream or sys.stdout
    return stream.isatty() and not os.environ.get("NO_COLOR")


def painted(text: str, word: str, colour: bool) -> str:
    code = _COLOURS.get(word)
    return f"\x1b[{code}m{text}\x1b[0m" if colour and code else text


def shortened(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(0, width - 2)] + ".."
