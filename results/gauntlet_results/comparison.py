# SPDX-License-Identifier: Apache-2.0
"""Compares two result sets: the part that `compare`, `gate` and tests share. It prints nothing and decides no exit status.

For each cell and metric there is a threshold: changes up to it are none (noise_floor.py). Three questions are asked of
the samples, all with Mann-Whitney's test: does NEW lie beyond the threshold on the worse side, beyond it on the better
side, and is all of the change's 95 % interval within the threshold? So `same` is something that was shown, not a test that
failed to see a difference; what none of the three shows is `inconclusive`, with the reason.

The p-values of all rows are corrected together: `holm` keeps the chance of a single false alarm among all rows below
alpha, `fdr_bh` the share of false ones among those reported. Rows that could not reach it even with samples that do not
overlap are not asked (Tarone 1990: that depends on the numbers of samples alone), and do not make it harder for the rest.

Counts of inconsistencies have a rule of their own: none before and any now is worse, without statistics.
"""

import fnmatch
import math
from dataclasses import dataclass, field

from . import stats
from .model import WRONG, ResultSet, Series, machine_differences
from .noise_floor import Threshold, Thresholds

COUNTS = ("inconsistencies",)
DEFAULT_METRICS = ("time", "tracing", "event", "inconsistencies")
FINE = ("ok", "found", "skipped")
FLOOR = "/runtime:floor/"
LEVEL = 0.95  # of intervals
DRIFT_ALPHA = 0.01

VERDICTS = ("worse", "inconclusive", "better", "changed", "same")


@dataclass(frozen=True)
class Options:
    thresholds: Thresholds
    metrics: tuple[str, ...] | None = DEFAULT_METRICS  # None: all
    cells: tuple[str, ...] = ()  # patterns; none: all
    alpha: float = 0.05
    correction: str = "fdr_bh"


@dataclass
class Row:
    """One metric of one cell in both sets. Changes are shares of BASE: 0.1 is 10 % more."""

    cell: str
    metric: str
    unit: str
    better: str
    base: stats.Interval
    new: stats.Interval
    n: tuple[int, int]
    verdict: str = ""
    why: str = ""
    doubt: str = ""  # of an inconclusive one: few, drift, coarse, noisy, near, zero
    change: stats.Interval | None = None
    p: float | None = None  # that there is a difference, corrected
    p_worse: float | None = None  # that NEW is worse by more than the threshold, corrected
    p_better: float | None = None
    pooled: int = 1  # runs whose samples were taken together, of the side with fewer
    effect: float | None = None  # Cliff's delta of NEW against BASE
    threshold: Threshold | None = None

    @property
    def half_width(self) -> float:
        return (self.change.high - self.change.low) / 2 if self.change else math.inf

    @property
    def weight(self) -> float:
        """How much it matters within its verdict."""
        if self.change is None:
            return abs(self.new.value - self.base.value)
        return abs(math.log(max(1e-9, 1 + self.change.value))) if math.isfinite(self.change.value) else 0.0


@dataclass(frozen=True)
class Apart:
    """What is to be said of a cell beside its numbers. `state`: missing, added; void (in NEW), void before (in BASE);
    broken, mended, still broken; unclear (NEW says inconclusive)."""

    cell: str
    state: str
    why: str


@dataclass
class Comparison:
    base: ResultSet
    new: ResultSet
    rows: list[Row]
    apart: list[Apart]
    environment: list[str]  # in what the environments differ
    family: int  # tests that were corrected together
    alpha: float
    correction: str
    notes: list[str] = field(default_factory=list)

    def of(self, verdict: str) -> list[Row]:
        return [r for r in self.rows if r.verdict == verdict]

    def apart_as(self, *states: str) -> list[Apart]:
        return [a for a in self.apart if a.state in states]


# ---- which rows there are -------------------------------------------------------------------------------------------
def _chosen(name: str, options: Options) -> bool:
    """Hand-written floors are part of the machine: they are compared only where a pattern asks for them."""
    if options.cells:
        return any(fnmatch.fnmatchcase(name, p) for p in options.cells)
    return FLOOR not in name


def _wanted(options: Options, s: Series) -> bool:
    return (options.metrics is None or s.metric in options.metrics) and _chosen(s.cell, options)


def _cells(rs: ResultSet, options: Options) -> dict[str, dict]:
    return {c["name"]: c for c in rs.cells if _chosen(c["name"], options)}


def _counted(s: Series) -> bool:
    return s.metric in COUNTS and bool(s.samples) and s.verdict in (*FINE, "inconsistent", "inconclusive")


def _series(rs: ResultSet, options: Options) -> dict[tuple[str, str], Series]:
    return {(s.cell, s.metric): s for s in rs.series if _wanted(options, s) and (s.usable or _counted(s))}


def _reason(cell: dict) -> str:
    return f"{cell['verdict']}: {cell['why']}" if cell.get("why") else cell["verdict"]


def _apart(name: str, base: dict | None, new: dict | None) -> Apart | None:
    """What is to be said of a cell beside its numbers; None: nothing. What is wrong in NEW comes first: that BASE could
    not tell, or had no such cell, is no excuse."""
    if new and new["verdict"] in WRONG and (base is None or base["verdict"] not in WRONG):
        before = f"was {base['verdict']}" if base else "not there"
        return Apart(name, "broken", f"{before}, now {_reason(new)}")
    if base is None:
        return Apart(name, "added", _reason(new))
    if new is None:
        return None if base["verdict"] == "skipped" else Apart(name, "missing", "BASE has it, NEW does not")
    was, now = base["verdict"], new["verdict"]
    if was in WRONG and now in FINE:
        return Apart(name, "mended", f"was {_reason(base)}, now {now}")
    if now in WRONG and was in WRONG:
        return Apart(name, "still broken", _reason(new))
    if now in ("void", "incomplete") or (now == "skipped" and was != "skipped"):
        return Apart(name, "void", _reason(new))
    if now == "inconclusive" and was in FINE:
        return Apart(name, "unclear", _reason(new))
    if was in ("void", "incomplete") or was in WRONG:
        return Apart(name, "void before", _reason(base))
    return None


def _unmatched(base: dict, new: dict, apart: dict[str, Apart]) -> list[Apart]:
    """Metrics that one side has and the other does not, of cells that both have."""
    out = []
    for cell, metric in sorted(set(base) ^ set(new)):
        if cell not in apart:
            state = "missing" if (cell, metric) in base else "added"
            out.append(Apart(cell, state, f"{metric}: only {'BASE' if state == 'missing' else 'NEW'} has samples of it"))
    return out


# ---- one row --------------------------------------------------------------------------------------------------------
@dataclass
class _Test:
    """A row with its samples on the scale on which they are compared."""

    row: Row
    base: tuple[float, ...]
    new: tuple[float, ...]
    ratio: bool  # logarithms
    scale: float  # of differences: |median of BASE|
    ordered: tuple[tuple[str, Series], ...] = ()  # both sides, where drift is looked for
    raw: tuple[float, float, float] = (1.0, 1.0, 1.0)  # p, p_worse, p_better

    @property
    def smallest(self) -> float:
        return stats.smallest_p(len(self.new), len(self.base))

    def share(self, shift: float) -> float:
        return math.expm1(min(shift, 700.0)) if self.ratio else shift / self.scale

    def shift(self, share: float) -> float:
        return math.log1p(share) if self.ratio else share * self.scale


def _test_of(row: Row, base: Series, new: Series) -> _Test | None:
    """None: there is no scale (BASE's median is zero)."""
    a, b = stats.independent(base.samples), stats.independent(new.samples)
    ratio = min(*a, *b) > 0
    scale = abs(stats.median(base.samples))
    if not ratio and scale == 0:
        return None
    t = _Test(row, a, b, ratio, scale)
    if ratio:
        t.base, t.new = tuple(map(math.log, a)), tuple(map(math.log, b))
        t.ordered = (("BASE", base), ("NEW", new))
    shift = stats.shift_interval(t.new, t.base, LEVEL)
    row.change = stats.Interval(t.share(shift.value), t.share(shift.low), t.share(shift.high), shift.level)
    row.effect = stats.cliffs_delta(b, a)
    row.n = (len(a), len(b))
    return t


def _ask(t: _Test) -> None:
    """The raw p-values, once the threshold is known."""
    far = t.shift(t.row.threshold.value)
    more = stats.p_greater([x - far for x in t.new], t.base)
    less = stats.p_greater(t.base, [x + far for x in t.new])
    worse, better = (less, more) if t.row.better == "higher" else (more, less)
    t.raw = (stats.p_differs(t.new, t.base), worse, better)


def _count_row(row: Row) -> None:
    was, now = row.base.value, row.new.value
    row.verdict = "worse" if now and not was else "better" if was and not now else "same"
    if now and not was:
        row.why = f"{now:g} {row.unit} where there was none"
    elif now and was:
        row.why = "both have them: how many says little"


def _percent(share: float) -> str:
    return f"{100 * share:+.1f} %" if math.isfinite(share) else "?"


def _between(row: Row) -> str:
    return f"the change lies between {_percent(row.change.low)} and {_percent(row.change.high)}"


def _drifting(t: _Test, family: int) -> str:
    """Within each run: from one run to the next the level moves, which the threshold allows for."""
    for side, series in t.ordered:
        runs = series.by_run
        limit = DRIFT_ALPHA / (2 * max(1, family) * len(runs))
        for samples in runs:
            rise = stats.drift_size(samples)
            if abs(rise) > t.row.threshold.value and stats.trend_p(samples) <= limit:
                return f"{side} drifts by {_percent(rise)} over its own samples"
    return ""


def _within(t: _Test) -> bool:
    far = t.row.threshold.value
    return t.row.change.low > t.share(-t.shift(far)) and t.row.change.high < far


def _few(row: Row, alpha: float) -> str:
    need = stats.samples_needed(alpha)
    return f"too few samples: {row.n[0]} and {row.n[1]}, {need} each can tell"


def _doubt(row: Row, drifting: str) -> tuple[str, str]:
    """Why neither a difference nor its absence was shown."""
    t = row.threshold
    limit = f"the threshold is {100 * t.value:.3g} % ({t.source})"
    if drifting:
        return "drift", drifting
    if t.too_coarse:
        hides = "any change worth the name" if t.asked is None else f"the {100 * t.asked:.3g} % asked for"
        return "coarse", f"its noise, {100 * t.value:.3g} %, hides {hides}"
    if row.half_width > t.value:
        return "noisy", f"too noisy: {_between(row)}; {limit}"
    return "near", f"near the threshold: {_between(row)}; {limit}"


def _judge(t: _Test, limit: float, family: int, alpha: float) -> None:
    """limit: the p that a row must be able to reach to be asked."""
    row = t.row
    drifting = _drifting(t, family)
    if t.smallest > limit:
        row.verdict, row.doubt, row.why = "inconclusive", "few", _few(row, limit)
    elif not drifting and min(row.p_worse, row.p_better) <= alpha:
        row.verdict = "changed" if row.better == "none" else "worse" if row.p_worse <= alpha else "better"
    elif not drifting and not row.threshold.too_coarse and _within(t):
        row.verdict = "same"
    else:
        row.verdict = "inconclusive"
        row.doubt, row.why = _doubt(row, drifting)


# ---- all rows -------------------------------------------------------------------------------------------------------
def askable(smallest: list[float], alpha: float) -> int:
    """Tarone: the least k such that at most k tests can reach alpha / k at all."""
    k = 1
    while sum(p <= alpha / k for p in smallest) > k:
        k += 1
    return k


def _decide(tests: list[_Test], options: Options) -> int:
    """Sets the verdict of each; returns the number of tests that were corrected together."""
    limit = options.alpha / askable([t.smallest for t in tests], options.alpha)
    asked = [t for t in tests if t.smallest <= limit]
    family = len(asked)
    for t in tests:
        t.row.threshold = options.thresholds.of(t.row.cell, t.row.metric, max(1, family), t.row.pooled)
        _ask(t)
    columns = [stats.corrected([t.raw[i] for t in asked], options.correction) for i in range(3)]
    for t, p, worse, better in zip(asked, *columns):
        t.row.p, t.row.p_worse, t.row.p_better = p, worse, better
    for t in tests:
        _judge(t, limit, family, options.alpha)
    return family


def _row(base: Series, new: Series) -> Row:
    return Row(
        new.cell, new.metric, new.unit, new.better,
        stats.median_interval(base.samples, LEVEL), stats.median_interval(new.samples, LEVEL),
        (len(base.samples), len(new.samples)), pooled=min(len(s.by_run) for s in (base, new)),
    )  # fmt: skip


def _rows(base: dict, new: dict, options: Options) -> tuple[list[Row], int]:
    rows, tests = [], []
    for key in sorted(set(base) & set(new)):
        row = _row(base[key], new[key])
        rows.append(row)
        if row.metric in COUNTS:
            _count_row(row)
            continue
        test = _test_of(row, base[key], new[key])
        if test:
            tests.append(test)
        else:
            equal = set(base[key].samples) == set(new[key].samples) == {0.0}
            row.verdict = "same" if equal else "inconclusive"
            row.doubt, row.why = ("", "") if equal else ("zero", "BASE's median is zero: there is no share of it")
    return rows, _decide(tests, options)


def environment_differences(base: ResultSet, new: ResultSet) -> list[str]:
    """Machine and kind of build; which compiler and flags is what one may want to compare."""
    found = machine_differences(base, new)
    was, now = base.build.get("preset"), new.build.get("preset")
    if was and now and was != now:
        found.append(f"preset: {was} against {now}")
    return found


def compare_sets(base: ResultSet, new: ResultSet, options: Options) -> Comparison:
    cells = _cells(base, options), _cells(new, options)
    apart = {}
    for name in sorted(set(cells[0]) | set(cells[1])):
        found = _apart(name, cells[0].get(name), cells[1].get(name))
        if found:
            apart[name] = found
    series = _series(base, options), _series(new, options)
    rows, family = _rows(*series, options)
    rows.sort(key=lambda r: (VERDICTS.index(r.verdict), -r.weight, r.cell, r.metric))
    others = _unmatched(*series, apart)
    return Comparison(
        base, new, rows, list(apart.values()) + others, environment_differences(base, new), family, options.alpha,
        options.correction,
    )  # fmt: skip
