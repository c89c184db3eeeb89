# SPDX-License-Identifier: Apache-2.0
"""gauntlet gate BASE NEW: the comparison as an exit status for CI.

  0  no regression beyond the thresholds, and every row could have shown one
  1  a regression, an inconsistency where there was none, a check that failed and did not before
  3  cannot tell: too few or too noisy samples, or a stress test that saw nothing
  4  not the same environment
  5  incomplete: nothing measured, cells of BASE missing from NEW, files that cannot be read
"""

import json
import sys

from . import compare_show as show
from . import sets
from .cliargs import SELECTORS, Parser, add_store
from .compare import say_problems
from .comparison import Comparison, Row, compare_sets
from .errors import BAD, BROKEN, INCONCLUSIVE, OK, usage, worse
from .figures import wants_colour
from .model import ResultSet
from .noise_floor import USELESS, NoiseFloors, from_documents

ALPHA = 0.01  # chance that one of all rows is called a regression when nothing changed
METRICS = ("time", "inconsistencies")  # a tracer's price is in the time of the cells that trace
WORDS = {OK: "ok", BAD: "REGRESSION", INCONCLUSIVE: "INCONCLUSIVE", BROKEN: "INCOMPLETE"}


def parser() -> Parser:
    p = Parser("gate", "compares two result sets and says by its exit status whether NEW may pass", SELECTORS)
    p.add_argument("base", metavar="BASE", help="a selector, or baseline:NAME; left out with --save-baseline")
    p.add_argument("new", metavar="NEW", nargs="?")
    sets.add_choice(p)
    p.add_argument(
        "--alpha", metavar="N%", default="1%", help="chance of any false alarm when nothing changed (default 1%%)"
    )
    p.add_argument("--save-baseline", metavar="NAME", help="keep NEW as a baseline: when it passes, or without a BASE")
    p.add_argument("--replace", action="store_true", help="an existing baseline may be overwritten")
    p.add_argument("--all", action="store_true", help="show what stayed the same too")
    p.add_argument("--json", action="store_true", help="print JSON")
    add_store(p)
    return p


# ---- the decision ---------------------------------------------------------------------------------------------------
def unsettled(row: Row) -> bool:
    """Does an inconclusive row keep the gate from saying ok? Where no threshold was asked for, one that is merely noisy,
    or touches its threshold, does not while its estimate lies within: nothing is confirmed, and what the gate could have
    seen is printed. Where one was asked for, noise that is wider is no answer."""
    if row.verdict != "inconclusive":
        return False
    if row.doubt not in ("near", "noisy"):
        return True
    harm = -row.change.value if row.better == "higher" else row.change.value
    asked = row.threshold.asked is not None and row.doubt == "noisy"
    return asked or harm > row.threshold.value or row.half_width > max(USELESS, row.threshold.value)


def _measured(rs: ResultSet) -> bool:
    return any(s.usable for s in rs.series)


def reasons(c: Comparison) -> list[tuple[int, str]]:
    """Every reason not to pass, with its status."""
    found = []
    for rs, name in ((c.base, "BASE"), (c.new, "NEW")):
        if not rs.complete:
            found.append((BROKEN, f"{name} is incomplete"))
    if not c.rows and not c.apart_as("broken"):
        nothing = "no cell has numbers of the same metric in both" if _measured(c.new) else "NEW measured nothing"
        found.append((BROKEN, nothing))
    if c.apart_as("missing", "void"):
        found.append((BROKEN, f"{len(c.apart_as('missing', 'void'))} of BASE's cells have no numbers in NEW"))
    wrong = len(c.of("worse")) + len(c.apart_as("broken"))
    if wrong:
        found.append((BAD, f"{wrong} worse"))
    doubtful = sum(map(unsettled, c.rows)) + len(c.apart_as("unclear"))
    if doubtful:
        found.append((INCONCLUSIVE, f"{doubtful} cannot be told"))
    return found


def status_of(c: Comparison) -> int:
    status = OK
    for one, _ in reasons(c):
        status = worse(status, one)
    return status


def bluntest(c: Comparison) -> Row | None:
    """The row that shows least: changes up to its threshold and half its interval may pass unseen."""
    rows = [r for r in c.rows if r.threshold and r.change]
    return max(rows, key=sight, default=None)


def sight(row: Row) -> float:
    return row.threshold.value + row.half_width


# ---- output ---------------------------------------------------------------------------------------------------------
def print_text(c: Comparison, status: int, everything: bool) -> None:
    print("\n".join(show.heading(c) + show.sections(c, everything, wants_colour())))
    print(f"\n{show.summary(c)}\n{show.method(c)}")
    row = bluntest(c)
    if row:
        t = f"threshold {100 * row.threshold.value:.3g} %, {row.threshold.source}"
        print(f"changes up to {100 * sight(row):.3g} % may pass unseen ({t}): {show.shortened(row.cell, 44)}")
    why = "; ".join(text for _, text in reasons(c))
    print(f"gate: {WORDS[status]}{': ' + why if why else ''}")


def print_json(c: Comparison, status: int) -> None:
    out = show.comparison_object(c)
    out["gate"] = {"status": status, "word": WORDS[status].lower(), "reasons": [t for _, t in reasons(c)]}
    print(json.dumps(out, indent=1))


# ---- the verb -------------------------------------------------------------------------------------------------------
def check_arguments(args) -> float:
    """Usage errors before any work; returns alpha."""
    if args.new is None and not args.save_baseline:
        raise usage("BASE and NEW, or NEW alone with --save-baseline=NAME; gauntlet help gate")
    if args.replace and not args.save_baseline:
        raise usage("--replace is for --save-baseline")
    sets.thresholds_asked(args.threshold)
    alpha = sets.share_of(args.alpha, "--alpha")
    if alpha >= 0.5:
        raise usage(f"--alpha: '{args.alpha}' is no chance to take: 1% is usual")
    return alpha


def keep(args, rs: ResultSet, brought: list[dict]) -> None:
    """Saves the baseline with the noise that is known of its machine."""
    if not rs.complete or not _measured(rs):
        raise sets.broken(f"{rs.label}: incomplete, or nothing measured: no baseline")
    path = sets.baseline_path(args.save_baseline, args.baselines)
    sets.save_baseline(rs, sets.noise_documents(rs, args.store, brought), path, args.replace)
    print(f"gauntlet gate: {path} written", file=sys.stderr)


def compare_both(args, alpha: float) -> tuple[Comparison, list[dict], NoiseFloors]:
    base, brought = sets.resolve(args.base, args.store, args.baselines)
    new, _ = sets.resolve(args.new, args.store, args.baselines)
    say_problems("gate", base, new)
    sets.check_environments(base, new, args.across_machines)
    floors = from_documents(sets.noise_documents(new, args.store, brought))
    options = sets.options_for(args, floors, sets.metrics_of(args.metric, METRICS), alpha, "holm")
    return compare_sets(base, new, options), brought, floors


def main(argv: list[str]) -> int:
    args = parser().parse_args(argv)
    alpha = check_arguments(args)
    if args.save_baseline:  # refused before anything is compared
        sets.refuse_existing(sets.baseline_path(args.save_baseline, args.baselines), args.replace)
    if args.new is None:
        rs, brought = sets.resolve(args.base, args.store, args.baselines)
        say_problems("gate", rs)
        keep(args, rs, brought)
        return OK
    c, brought, floors = compare_both(args, alpha)
    status = status_of(c)
    if args.json:
        print_json(c, status)
    else:
        print_text(c, status, args.all)
    if not floors:
        print("gauntlet gate: no noise was measured on this machine, 10 % is assumed: `gauntlet noise`", file=sys.stderr)
    if args.save_baseline and status == OK:
        keep(args, c.new, brought)
    return status
