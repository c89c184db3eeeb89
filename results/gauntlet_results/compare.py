# SPDX-License-Identifier: Apache-2.0
"""gauntlet compare BASE NEW: effect sizes with intervals and verdicts. It reports; `gate` decides."""

import json
import sys

from . import compare_show as show
from . import sets
from .cliargs import SELECTORS, Parser, add_store
from .comparison import DEFAULT_METRICS, Comparison, compare_sets
from .errors import OK, broken
from .figures import wants_colour
from .model import ResultSet
from .noise_floor import from_documents

ALPHA = 0.05
SORTS = {
    "effect": None,
    "name": lambda r: (r.cell, r.metric),
    "p": lambda r: (2.0 if r.p is None else r.p, r.cell, r.metric),
}


def parser() -> Parser:
    p = Parser("compare", "two result sets, cell by cell: effect size, interval, significance; reports only", SELECTORS)
    p.add_argument("base", metavar="BASE", help="a selector, or baseline:NAME")
    p.add_argument("new", metavar="NEW")
    sets.add_choice(p)
    p.add_argument("--all", action="store_true", help="show what stayed the same too")
    p.add_argument("--sort", choices=tuple(SORTS), default="effect", help="within a verdict (default effect)")
    p.add_argument("--json", action="store_true", help="print JSON")
    add_store(p)
    return p


def say_problems(verb: str, *both: ResultSet) -> None:
    for rs in both:
        for problem in rs.problems:
            print(f"gauntlet {verb}: {problem}", file=sys.stderr)


def require_rows(c: Comparison) -> None:
    if not c.rows and not c.apart_as("broken", "mended"):
        raise broken(f"nothing to compare: no cell has numbers of the same metric in both ({c.base.label}, {c.new.label})")


def main(argv: list[str]) -> int:
    args = parser().parse_args(argv)
    metrics = sets.metrics_of(args.metric, DEFAULT_METRICS)
    sets.thresholds_asked(args.threshold)  # a usage error comes before any work
    base, brought = sets.resolve(args.base, args.store, args.baselines)
    new, _ = sets.resolve(args.new, args.store, args.baselines)
    say_problems("compare", base, new)
    sets.check_environments(base, new, args.across_machines)
    floors = from_documents(sets.noise_documents(new, args.store, brought))
    c = compare_sets(base, new, sets.options_for(args, floors, metrics, ALPHA, "fdr_bh"))
    require_rows(c)
    if SORTS[args.sort]:
        c.rows.sort(key=SORTS[args.sort])
    if args.json:
        print(json.dumps(show.comparison_object(c), indent=1))
        return OK
    lines = show.heading(c) + show.sections(c, args.all, wants_colour())
    print("\n".join([*lines, "", show.summary(c), show.method(c)]))
    if not floors:
        print("gauntlet compare: no noise was measured on this machine, 10 % is assumed: `gauntlet noise`", file=sys.stderr)
    return OK
