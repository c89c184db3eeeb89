#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The page docs/collector-figures.md from the JSON that scripts/gc-figures keeps: gc_figures.py DIR"""
import glob
import json
import math
import os
import statistics
import sys

BAR = 40
HEAD = """# What the collector costs

Written by `scripts/gc-figures`, never by hand. {machine}

Each row is a process: 2 Ps, 2 Gs at work that pass a checkpoint every 300 ns, so many Gs parked, so many MiB alive, and
cycles forced one after the other. Ours and Go's take turns. Times in microseconds. Ours are exact; Go keeps its
pauses as histograms, so a figure of Go's is the range of its bucket.
"""


def load(folder):
    runs = {}
    for path in sorted(glob.glob(os.path.join(folder, "*-*-*.json"))):
        side, gs, mib = os.path.basename(path)[:-5].split("-")
        with open(path, encoding="utf-8") as f:
            runs[side, int(gs), int(mib)] = json.load(f)
    return runs


def us(ns):
    return f"{ns / 1000:.1f}" if ns < 100_000 else f"{ns / 1000:.0f}"


def span(pair):
    return f"{us(pair[0])}..{us(pair[1])}"


def three(figure, show=us):
    return " | ".join(show(figure[q]) for q in ("p50", "p99", "max"))


def table(heading, rows):
    cells = [line.strip("|").split("|") for line in [heading, "|".join("---" for _ in heading.split("|"))] + rows]
    return "\n".join("| " + " | ".join(c.strip() for c in line) + " |" for line in cells) + "\n"


def bars(points):
    """A line for each (name, ns), on a scale of powers of ten from 1 us."""
    if not points:
        return ""
    most = max(math.log10(max(ns, 1000) / 1000) for _, ns in points) or 1
    lines = []
    for name, ns in points:
        n = round(BAR * math.log10(max(ns, 1000) / 1000) / most)
        lines.append(f"{name:>16} {'#' * max(n, 1):<{BAR}} {us(ns)}")
    return "```\n" + "\n".join(lines) + "\n```\n"


def stops(runs, keys, name):
    head = f"{name} | cycles | stop p50 | p99 | max | pause p50 | p99 | max"
    rows = []
    for gs, mib in keys:
        r = runs["ours", gs, mib]
        rows.append(f"{gs if name == 'Gs' else mib} | {len(r['cycles'])} | {three(r['stopping'])} | {three(r['stopped'])}")
    return table(head, rows)


def by_phase(runs, keys, name):
    head = f"{name} | sweep term. stop p50 | p99 | max | pause p50 | p99 | max | mark term. stop p50 | p99 | max | pause p50 | p99 | max"
    rows = []
    for gs, mib in keys:
        r = runs["ours", gs, mib]
        parts = [three(r[k]) for k in ("sweep_term", "sweep_term_whole", "mark_term", "mark_term_whole")]
        rows.append(f"{gs if name == 'Gs' else mib} | " + " | ".join(parts))
    return table(head, rows)


def marking(runs, keys, name):
    head = f"{name} | live MiB | cycle ms | marking, CPU ms | marked MiB a CPU second | stacks a cycle"
    rows = []
    for gs, mib in keys:
        r = runs["ours", gs, mib]
        cpu = statistics.median(c["mark_cpu"] for c in r["cycles"])
        marked = statistics.median(c["marked"] for c in r["cycles"])
        whole = statistics.median(c["whole"] for c in r["cycles"])
        stacks = statistics.median(c["stacks"] for c in r["cycles"])
        rate = f"{marked / 1048576 / (cpu / 1e9):.0f}" if cpu > 0 else "-"
        rows.append(f"{gs if name == 'Gs' else mib} | {r['heap_live'] / 1048576:.0f} | {whole / 1e6:.1f} | {cpu / 1e6:.1f} | "
                    f"{rate} | {stacks:.0f}")
    return table(head, rows)


def beside_go(runs, keys):
    head = "Gs | MiB | ours, stop p50 | p99 | max | Go's, stop p50 | p99 | max | p99 at most Go's"
    rows = []
    for gs, mib in keys:
        go = runs.get(("go", gs, mib))
        if go:
            ours = runs["ours", gs, mib]["stopping"]
            verdict = "yes" if ours["p99"] <= go["stopping"]["p99"][1] else "no"
            rows.append(f"{gs} | {mib} | {three(ours)} | {three(go['stopping'], span)} | {verdict}")
    return table(head, rows) if rows else "Not measured: see above.\n"


def ratio(runs, few, many, what, q="p50"):
    if ("ours", *few) not in runs or ("ours", *many) not in runs:
        return f"- {what}: not measured.\n"
    a, b = (runs["ours", *k]["stopping"][q] for k in (few, many))
    return f"- {what}: {b / max(a, 1):.2f} times ({us(a)} and {us(b)} us, {q}); wanted: at most 2.\n"


def main():
    folder = sys.argv[1]
    runs = load(folder)
    with open(os.path.join(folder, "machine.txt"), encoding="utf-8") as f:
        machine = f.read().strip()
    ours = [(gs, mib) for side, gs, mib in runs if side == "ours"]
    by_gs = sorted(k for k in ours if k[1] == 16)
    by_heap = sorted((k for k in ours if k[0] == 1000), key=lambda k: k[1])
    out = [HEAD.format(machine=machine)]
    out.append("A *stop* is from the request until all Ps have stopped, a *pause* until the world goes on again; both stops of a\n"
               "cycle together, then by phase.\n")
    out.append("## Against the number of parked Gs, 16 MiB alive\n")
    out += [stops(runs, by_gs, "Gs"), by_phase(runs, by_gs, "Gs"), marking(runs, by_gs, "Gs")]
    out.append("A stop, p99:\n")
    out.append(bars([(f"{gs} Gs", runs["ours", gs, mib]["stopping"]["p99"]) for gs, mib in by_gs]))
    out.append("## Against the heap, 1000 Gs parked\n")
    out += [stops(runs, by_heap, "MiB"), by_phase(runs, by_heap, "MiB"), marking(runs, by_heap, "MiB")]
    out.append("A stop, p99:\n")
    out.append(bars([(f"{mib} MiB", runs["ours", gs, mib]["stopping"]["p99"]) for gs, mib in by_heap]))
    out.append("## Beside Go\n")
    out.append(beside_go(runs, sorted(set(by_gs + by_heap))))
    out.append("## What is wanted of it\n")
    for q in ("p50", "p99"):
        out.append(ratio(runs, (1000, 16), (1000000, 16), "a stop with 1,000,000 Gs over one with 1,000", q).rstrip())
        out.append(ratio(runs, (1000, 16), (1000, 1024), "a stop at 1 GiB over one at 16 MiB", q).rstrip())
    sys.stdout.write("\n".join(out) + "\n")


main()
