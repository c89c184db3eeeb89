# SPDX-License-Identifier: Apache-2.0
"""gauntlet noise [WORKLOAD...]: runs A against A, in turns, each a process of its own, and keeps by how much they differ.

Every run is `gauntlet bench` of the program that called us, with the arguments that are not ours. What is kept is the
median of each run, per cell and metric; noise_floor.py makes thresholds of them. INT and TERM keep the rounds that are
finished.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field

from . import stats
from .cliargs import Parser, add_store, program
from .errors import BROKEN, INCONCLUSIVE, OK, VOID, ResultsError, broken, usage
from .figures import percent, shortened
from .model import ResultSet
from .noise_floor import FEWEST_RUNS, FLOOR_SCHEMA, QUANTILE, Floor, NoiseFloors
from .records import load
from .store import Store

ROUNDS = 10
METRICS = ("time", "tracing", "event")
ALPHA, FAMILY = 0.01, 20  # of the threshold that the table shows


def parser() -> Parser:
    p = Parser(
        "noise",
        "A against A on this machine: how far equal runs lie apart, kept as the noise floor per cell and metric",
        "Every other argument goes to `gauntlet bench`: names, --scheduler, --duration, --repetitions, ..\n",
    )
    p.add_argument("--rounds", metavar="N", default=str(ROUNDS), help=f"of one run as A and one as B (default {ROUNDS})")
    p.add_argument("--json", action="store_true", help="print JSON")
    add_store(p)
    return p


@dataclass
class Measured:
    """What the runs so far have said."""

    last: ResultSet | None = None
    medians: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    runs: int = 0

    def add(self, rs: ResultSet) -> None:
        for s in rs.series:
            if s.metric in METRICS and s.usable:
                self.medians.setdefault((s.cell, s.metric), []).append(stats.median(s.samples))
        self.last = rs
        self.runs += 1

    def floors(self) -> NoiseFloors:
        """Of what was there in every run."""
        whole = ((key, m) for key, m in sorted(self.medians.items()) if len(m) == self.runs)
        return NoiseFloors(Floor(cell, metric, [m]) for (cell, metric), m in whole)


# ---- one run --------------------------------------------------------------------------------------------------------
def _last_line(text: bytes) -> str:
    lines = text.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"


def bench(arguments: list[str], seed: int) -> ResultSet:
    """Runs it as a group of its own, so that an INT at the terminal reaches us first."""
    given = any(a == "--seed" or a.startswith("--seed=") for a in arguments)
    command = [program(), "bench", *arguments, "--json", *([] if given else [f"--seed={seed}"])]
    with tempfile.TemporaryDirectory() as place:
        path = os.path.join(place, "bench.json")
        with open(path, "wb") as out:
            child = subprocess.Popen(command, stdout=out, stderr=subprocess.PIPE, process_group=0)
            try:
                said = child.communicate()[1]
            except KeyboardInterrupt:
                child.terminate()
                child.communicate()
                raise
        if child.returncode not in (OK, INCONCLUSIVE, VOID):
            status = child.returncode if child.returncode > 0 else BROKEN
            raise ResultsError(status, f"`{' '.join(command)}` ended with {child.returncode}: {_last_line(said)}")
        if child.returncode == VOID and os.path.getsize(path) == 0:
            raise ResultsError(VOID, _last_line(said))
        return load(path)


# ---- all runs -------------------------------------------------------------------------------------------------------
class Progress:
    """A line on standard error, on a terminal only: run, time gone, time left."""

    def __init__(self, total: int):
        self.total, self.start = total, time.monotonic()
        self.shown = sys.stderr.isatty()

    def step(self, done: int) -> None:
        if not self.shown:
            return
        gone = time.monotonic() - self.start
        left = f", {gone / done * (self.total - done):.0f} s left" if done else ""
        print(f"\r\x1b[K[{done}/{self.total}] run {'AB'[done % 2]}, {gone:.0f} s{left}", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        if self.shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def measure(arguments: list[str], rounds: int, seed: int) -> tuple[Measured, bool]:
    """What was measured, and whether all of it was."""
    measured, progress = Measured(), Progress(2 * rounds)
    try:
        for i in range(2 * rounds):
            progress.step(i)
            measured.add(bench(arguments, seed + i))
    except KeyboardInterrupt:
        return measured, False
    finally:
        progress.end()
    return measured, True


def document_of(measured: Measured, arguments: list[str]) -> dict:
    last, floors = measured.last, measured.floors()
    return {
        "floor_schema": FLOOR_SCHEMA,
        "machine": last.machine,
        "date": last.date,
        "revision": last.revision,
        "preset": last.build.get("preset"),
        "arguments": arguments,
        "runs": measured.runs,
        "floors": floors.entries(),
    }


def print_table(floors: NoiseFloors, runs: int) -> None:
    print(f"{'cell':<66} {'metric':<8} {'noise':>9} {'threshold':>10}")
    for f in floors.by_key.values():
        noise, limit = percent(f.at_quantile(), signed=False), percent(f.floor(ALPHA, FAMILY), signed=False)
        print(f"{shortened(f.cell, 66):<66} {f.metric:<8} {noise:>9} {limit:>10}")
    print(f"\n{runs} runs. noise: {100 * QUANTILE:g} % of all pairs of equal runs differ by less, in their medians.")
    print(f"threshold: what one of {FAMILY} rows of a gate exceeds by chance in {100 * ALPHA:g} % of its runs.")


def split_arguments(argv: list[str]):
    args, rest = parser().parse_known_args(argv)
    if not args.rounds.isdigit() or not 1 <= int(args.rounds) <= 1000:
        raise usage(f"--rounds: '{args.rounds}' is not a number from 1 to 1000")
    for word in rest:
        if word == "--out" or word.startswith("--out="):
            raise usage("--out is for bench: noise keeps medians alone, in the store")
    return args, rest


def keep(document: dict, args) -> None:
    """Into the store. Where that fails now, the measurements are printed at least."""
    try:
        with Store(args.store, write=True) as store:
            store.keep_noise(document)
    except ResultsError as e:
        print(json.dumps(document, indent=1))
        raise ResultsError(e.status, f"{e.message}; what was measured stands on standard output") from None


def main(argv: list[str]) -> int:
    args, rest = split_arguments(argv)
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell's background job starts with INT ignored
        signal.signal(number, signal.default_int_handler)
    with Store(args.store, write=True) as store:  # one that cannot be written is found before the work
        store.check_writable()
    measured, whole = measure(rest, int(args.rounds), int.from_bytes(os.urandom(6)))
    if measured.runs < FEWEST_RUNS:
        raise broken(f"{measured.runs} runs: {FEWEST_RUNS} are the fewest that say something: nothing kept")
    floors = measured.floors()
    if not floors:
        raise broken("no cell had numbers above zero in every run: nothing kept")
    document = document_of(measured, rest)
    keep(document, args)
    if args.json:
        print(json.dumps(document, indent=1))
    else:
        print_table(floors, measured.runs)
    if not whole:
        print(f"gauntlet noise: interrupted: {measured.runs} runs are kept in {args.store}", file=sys.stderr)
    return OK if whole else BROKEN
