# SPDX-License-Identifier: Apache-2.0
"""gauntlet export: a result set in the format of another tool.

A format is a function of a result set: it gives the text and how many cells it had to leave out. Void cells are marked
where the format has a way to, and left out where it has none.
"""

import os
import sys

from .cliargs import SELECTORS, Parser, add_store, one_of
from .errors import BROKEN, OK, ResultsError
from .export_benchfmt import benchfmt
from .export_gbench import gbench
from .export_metrics import bmf, openmetrics
from .export_tables import csv_table, whole_set
from .select import resolve
from .whole_file import write_whole

FORMATS = {
    "gbench": (gbench, "Google Benchmark's JSON, for its compare.py; void cells as errors"),
    "benchfmt": (benchfmt, "Go's benchmark format, for benchstat; void cells left out"),
    "bmf": (bmf, "Bencher Metric Format (JSON); void cells left out"),
    "csv": (csv_table, "a row for each metric of each cell, raw samples included; void cells marked"),
    "openmetrics": (openmetrics, "OpenMetrics text, for Prometheus; void cells marked"),
    "set": (whole_set, "all of it as one file that every verb reads back: a baseline to commit"),
}


def _write(args, text: str) -> None:
    if not args.output:
        sys.stdout.write(text)
        return
    if os.path.exists(args.output) and not args.replace and args.format == "set":
        raise ResultsError(2, f"{args.output} is there: a baseline is replaced only with --replace")
    try:
        write_whole(args.output, [text])
    except OSError as e:
        raise ResultsError(BROKEN, f"{args.output}: {e.strerror}; nothing was written") from None


def main(argv: list[str]) -> int:
    formats = "formats:\n" + "".join(f"  {name:<12}{about}\n" for name, (_, about) in FORMATS.items())
    parser = Parser("export", "a result set in the format of another tool", formats + "\n" + SELECTORS)
    parser.add_argument("selector", metavar="SELECTOR", help="which result set")
    parser.add_argument("--format", metavar="NAME", required=True, help="one of " + ", ".join(FORMATS))
    parser.add_argument("-o", "--output", metavar="FILE", help="into a file, whole or not at all (default: standard output)")
    parser.add_argument("--replace", action="store_true", help="replace the FILE of an exported set")
    add_store(parser)
    args = parser.parse_args(argv)
    write = FORMATS[one_of("format", args.format, FORMATS)][0]
    rs = resolve(args.selector, args.store)
    text, left_out = write(rs)
    _write(args, text)
    for problem in rs.problems:
        print(f"gauntlet export: {problem}", file=sys.stderr)
    if left_out:
        print(f"gauntlet export: {left_out}", file=sys.stderr)
    return OK
