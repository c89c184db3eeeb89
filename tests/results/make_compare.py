# SPDX-License-Identifier: Apache-2.0
"""make_compare.py DIR: the result files that integration/results_compare hands to compare and gate."""

import json
import os
import sys

from made import bench, environment, printed, record, run_folder, stress, write

QUIET = (100.3, 99.8, 100.1, 99.6, 100.0, 100.4, 99.9, 100.2, 99.7)
YIELD = "yield/runtime:gmp/sched:worksteal/procs:1/bind:pu"
PINGPONG = "pingpong/runtime:gmp/sched:worksteal/tracer:gen/procs:2/bind:pu"


def times(factor: float):
    return [s * factor for s in QUIET]


def both(y: float, p: float, **more) -> list[dict]:
    off = times(10 * p - 1)
    pair = (off, [o + 100 * p for o in off], 2.0)
    return [bench(YIELD, times(y), **more), bench(PINGPONG, times(10 * p), pair=pair)]


def one(**more) -> list[dict]:
    return [bench(YIELD, times(1)), bench(PINGPONG, times(10), **more)]


def main(place: str) -> None:
    def put(name: str, entries, env=None, **more):
        write(os.path.join(place, f"{name}.json"), {**printed(entries, env), **more})

    put("base", both(1, 1))
    put("equal", both(1.01, 0.99))
    put("slower", both(1.2, 1))
    put("faster", both(0.8, 1))
    put("few", [bench(YIELD, times(1)[:3]), bench(PINGPONG, times(10)[:3])])
    put("void", one(verdict="void", why="the clock stood still"))
    put("failed", one(verdict="failed", why="ops 99 of 100"))
    put("less", both(1, 1)[:1])
    put("nothing", [])
    put("allvoid", [bench(YIELD, times(1), verdict="void", why="no"), bench(PINGPONG, times(1), verdict="void", why="no")])
    put("other", [bench("elsewhere/runtime:gmp/procs:1", times(1))])
    env = environment()
    env["cpu"], env["topology"]["pus"] = "Another CPU", 64
    put("machine", both(1, 1), env)
    put("debug", both(1, 1), environment(preset="debug"))
    put("future", both(1, 1), schema=9)
    clean, found = stress("inject"), stress("inject", inconsistencies=3, verdict="inconsistent", why="3 inconsistencies")
    blind = stress("inject", verdict="inconclusive", why="windows not entered")
    for name, entry in (("clean", clean), ("found", found), ("blind", blind)):
        verdict = entry["verdict"]
        run_folder(os.path.join(place, name), [record([entry], kind="stress", verdict=verdict, why=entry["why"] or None)])
    run_folder(os.path.join(place, "whole"), [record([e]) for e in both(1, 1)])
    run_folder(os.path.join(place, "half"), [record([e]) for e in both(1, 1)])
    text = json.dumps(record([both(1, 1)[1]]))
    with open(os.path.join(place, "half/cells/0001.json"), "w", encoding="utf-8") as f:
        f.write(text[: len(text) // 2])
    with open(os.path.join(place, "cut.json"), "w", encoding="utf-8") as f:
        f.write(text[: len(text) // 2])
    run_folder(os.path.join(place, "short"), [record([e]) for e in both(1, 1)[:1]], planned=2)


if __name__ == "__main__":
    main(sys.argv[1])
