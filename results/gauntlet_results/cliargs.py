# SPDX-License-Identifier: Apache-2.0
"""The arguments that verbs share. A usage error is one line and exit status 2."""

import argparse
import os
import sys

from .errors import USAGE, usage

STORE = "results/local/store.sqlite"

EXITS = (
    "exit status: 0 fine, 1 something is wrong, 2 usage, 3 inconclusive, 4 the machine cannot give\n"
    "what was asked for, 5 incomplete or broken"
)

SELECTORS = """\
a SELECTOR names a result set:
  FOLDER      a run's folder, as `run` and `bench --out` leave it
  FILE        a record, what `bench --json` printed, or what `export --format=set` wrote
  rev:GITREV  the newest run of that revision in the store (any name git knows, or the start of a hash)
  rev:GITREV+all  all such runs that are built and placed as the newest of them, the samples of each cell together
  run:ID      a run in the store, by the start of its id
  latest      the newest run in the store
"""


class Parser(argparse.ArgumentParser):
    """argparse with this program's way to refuse."""

    def __init__(self, verb: str, description: str, epilog: str = "", **more):
        super().__init__(
            prog=f"gauntlet {verb}",
            description=description,
            epilog=(epilog + "\n" if epilog else "") + EXITS,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
            **more,
        )
        self.verb = verb

    def error(self, message: str):
        print(f"gauntlet {self.verb}: {message}; gauntlet help {self.verb}", file=sys.stderr)
        sys.exit(USAGE)


def add_store(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--store", metavar="FILE", default=STORE, help=f"the store (default {STORE})")


def one_of(what: str, name: str, names) -> str:
    """NAME when it is one of NAMES; else a usage error that lists them."""
    if name not in names:
        raise usage(f"'{name}' is no {what}: use one of {', '.join(names)}")
    return name


def program() -> str:
    """The program `gauntlet` that called us, else the one on PATH."""
    return os.environ.get("GAUNTLET_PROGRAM") or "gauntlet"
