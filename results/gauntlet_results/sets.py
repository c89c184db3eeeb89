# SPDX-License-Identifier: Apache-2.0
"""What compare and gate have in common: two result sets by their selectors, baselines, noise floors, thresholds."""

import json
import os
import re

from . import comparison
from .errors import VOID, ResultsError, broken, usage
from .export_tables import whole_set
from .model import ResultSet
from .noise_floor import NoiseFloors, Thresholds
from .records import load, read_json
from .whole_file import write_whole

BASELINES = "results/baselines"
PREFIX = "baseline:"


# ---- arguments ------------------------------------------------------------------------------------------------------
def add_choice(parser) -> None:
    """The options that choose what is compared, and how strictly."""
    parser.add_argument(
        "--metric", metavar="LIST", help="metrics, with commas, or all: time, tracing, event, inconsistencies, p99, .."
    )
    parser.add_argument("--cells", metavar="PATTERN", action="append", default=[], help="only cells whose name fits")
    parser.add_argument(
        "--threshold", metavar="[METRIC=]N%", action="append", default=[],
        help="changes up to N percent are none; default: what the noise on this machine allows",
    )  # fmt: skip
    parser.add_argument("--across-machines", action="store_true", help="compare although the environments differ")
    parser.add_argument("--baselines", metavar="DIR", default=BASELINES, help=f"default {BASELINES}")


def metrics_of(text: str | None, default: tuple[str, ...]) -> tuple[str, ...] | None:
    if text is None:
        return default
    found = tuple(m for m in text.split(",") if m)
    if not found:
        raise usage("--metric: no metric named")
    return None if "all" in found else found


def share_of(text: str, option: str) -> float:
    """`5%` as 0.05."""
    number = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)%", text)
    if not number or not 0 < float(number[1]) < 1000:
        raise usage(f"{option}: '{text}' is not a percentage such as 5%")
    return float(number[1]) / 100


def thresholds_asked(words: list[str]) -> dict[str, float]:
    asked = {}
    for word in words:
        metric, equals, value = word.rpartition("=")
        asked[metric if equals else "all"] = share_of(value, "--threshold")
    return asked


# ---- baselines ------------------------------------------------------------------------------------------------------
def baseline_path(name: str, folder: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]*", name):
        raise usage(f"'{name}' is no name of a baseline: letters, digits and . _ + -")
    return os.path.join(folder, f"{name}.json")


def resolve(selector: str, store: str, baselines: str) -> tuple[ResultSet, list[dict]]:
    """The set, and the documents about noise that a baseline brings along."""
    if not selector.startswith(PREFIX):
        return _select(selector, store), []
    path = baseline_path(selector[len(PREFIX) :], baselines)
    if not os.path.exists(path):
        raise broken(f"{path}: no such baseline: `gauntlet gate --save-baseline={selector[len(PREFIX):]} NEW` makes it")
    return load(path), read_json(path).get("noise") or []


def _select(selector: str, store: str) -> ResultSet:
    from . import select

    return select.resolve(selector, store)


def _kept_noise(machine: str, store: str) -> list[dict]:
    """What `noise` has kept of this machine; a store that is not there has none."""
    if not os.path.exists(store):
        return []
    from .store import Store

    with Store(store) as opened:
        return opened.noise(machine)


def _is_noise_of(document: dict, rs: ResultSet) -> bool:
    """Of its machine and kind of build; a preset that was not recorded does not differ."""
    presets = {document.get("preset"), rs.build.get("preset")} - {None}
    return document.get("machine") == rs.machine and len(presets) < 2


def noise_documents(rs: ResultSet, store: str, brought: list[dict]) -> list[dict]:
    """What is known of the noise of the set's machine and kind of build: the store's and the baseline's, each document
    once."""
    found = {json.dumps(d, sort_keys=True): d for d in [*brought, *_kept_noise(rs.machine, store)] if _is_noise_of(d, rs)}
    return list(found.values())


def baseline_text(rs: ResultSet, noise: list[dict]) -> str:
    """An exported set, which `records.load` reads, and beside it what is known of the noise of its machine."""
    text = whole_set(rs)[0].rstrip().removesuffix("}").rstrip()
    return f'{text},\n "noise": {json.dumps(noise)}\n}}\n'


def refuse_existing(path: str, replace: bool) -> None:
    if os.path.exists(path) and not replace:
        raise usage(f"{path} exists: --replace overwrites it")


def save_baseline(rs: ResultSet, noise: list[dict], path: str, replace: bool) -> None:
    refuse_existing(path, replace)
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    write_whole(path, [baseline_text(rs, noise)])


# ---- both sets ------------------------------------------------------------------------------------------------------
def check_environments(base: ResultSet, new: ResultSet, allowed: bool) -> None:
    differences = comparison.environment_differences(base, new)
    if differences and not allowed:
        raise ResultsError(VOID, f"not the same environment: {'; '.join(differences)}: --across-machines compares all the same")


def options_for(args, floors: NoiseFloors, metrics, alpha: float, correction: str) -> comparison.Options:
    return comparison.Options(
        thresholds=Thresholds(floors, thresholds_asked(args.threshold), alpha),
        metrics=metrics,
        cells=tuple(args.cells),
        alpha=alpha,
        correction=correction,
    )
