# SPDX-License-Identifier: Apache-2.0
"""The page as one file: template, style, scripts, uPlot, data.

I1. Nothing of the data is markup: it lies as base64 in inert elements; what stands in the HTML itself is escaped.
I2. The content security policy names our own script and style by hash and allows nothing else: no network, no injected
    script, whatever the data holds.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
import zlib
from collections.abc import Iterable, Iterator

from .errors import VOID, ResultsError
from .whole_file import write_whole

SCRIPTS = ("dom", "data", "charts", "overview", "workloads", "cells", "runs", "main")


def page_folder() -> str:
    """Where page.html is: beside the package, in the source tree and where it is installed."""
    here = os.path.dirname(os.path.abspath(__file__))
    for package in (here, os.path.realpath(here)):
        folder = os.path.join(os.path.dirname(package), "page")
        if os.path.isfile(os.path.join(folder, "page.html")):
            return folder
    raise ResultsError(VOID, "the page's template is not installed (share/gauntlet/page): cmake --install, or scripts/setup")


def uplot_folder(page: str) -> str:
    """uPlot as npm (`npm ci` by scripts/setup) or `cmake --install` left it."""
    for folder in (os.path.join(page, "uplot"), os.path.join(page, "node_modules", "uplot", "dist")):
        if os.path.isfile(os.path.join(folder, "uPlot.iife.min.js")):
            return folder
    raise ResultsError(VOID, f"uPlot, which draws the charts, is not there ({page}/node_modules): scripts/setup fetches it from npm")


def _read(*path: str) -> str:
    with open(os.path.join(*path), encoding="utf-8") as f:
        return f.read()


def _licence(uplot: str) -> str:
    for place in (uplot, os.path.dirname(uplot)):
        if os.path.isfile(os.path.join(place, "LICENSE")):
            return _read(place, "LICENSE").strip()
    return "uPlot: MIT licence, https://github.com/leeoniya/uPlot"


def script_text(page: str) -> str:
    uplot = uplot_folder(page)
    notice = _licence(uplot).replace("*/", "* /")
    own = "\n".join(_read(page, "js", f"{name}.js") for name in SCRIPTS)
    text = f"/*! uPlot\n{notice}\n*/\n{_read(uplot, 'uPlot.iife.min.js')}\n(function () {{\n'use strict';\n{own}\n}})();\n"
    return text.replace("</script", "<\\/script")


def style_text(page: str) -> str:
    text = _read(uplot_folder(page), "uPlot.min.css") + "\n" + _read(page, "style.css")
    return text.replace("</style", "<\\/style")


def _hash_source(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


def packed(value) -> str:
    """As the page's decode() reads it: base64 of zlib's deflate of JSON."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return base64.b64encode(zlib.compress(text.encode("utf-8", "replace"), 6)).decode()


def _inert(name: str, value) -> str:
    return f'<script type="application/x-gauntlet" id="{name}">{packed(value)}</script>\n'


def page_parts(index: dict, blocks: Iterable[list], made: str, footer: str) -> Iterator[str]:
    """The file, piece by piece: blocks need not be in memory together."""
    folder = page_folder()
    script, style = "\n" + script_text(folder), "\n" + style_text(folder)
    csp = f"default-src 'none'; script-src {_hash_source(script)}; style-src {_hash_source(style)}; img-src data:; base-uri 'none'; form-action 'none'"
    words = {"csp": csp, "style": style, "made": html.escape(made), "footer": html.escape(footer), "script": script}
    for i, piece in enumerate(_read(folder, "page.html").split("@")):
        if i % 2 == 0:
            yield piece
        elif piece == "data":
            yield _inert("index", index)
            for n, block in enumerate(blocks):
                yield _inert(f"block-{n}", block)
        else:
            yield words[piece]


def write_file(path: str, parts: Iterable[str]) -> int:
    """Whole or not at all, and its folder with it. How many bytes."""
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    return write_whole(path, parts, errors="replace")
