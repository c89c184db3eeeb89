# SPDX-License-Identifier: Apache-2.0
"""pairs.py ROOT: the pairing of atomic operations in runtimes/.

Each operation gt_<verb>_{acquire,release,acq_rel,seqcst} and each gt_fence_* (the macros of port/atomic.h, which
defines them and is exempt) carries `/* pair: label[, label...] */` on its line, the line before or the line after. A
label needs an acquiring and a releasing side; acq_rel and seqcst are both, but a label must be there at least twice.
A statement that spreads over lines is seen where the operation's name stands. In a macro, the comment counts too.
"""

import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import csource  # noqa: E402

EXEMPT = {"runtimes/port/atomic.h"}
VERBS = r"(?:load|store|add|sub|or|and|xor|swap|cas|cas_weak|inc|dec|fetch_\w+|aptr_\w+)"
ORDERS = {"acquire": "a", "release": "r", "acq_rel": "ar", "seqcst": "ar", "seq_cst": "ar"}
OPERATION = re.compile(r"\b(gt_" + VERBS + r"_(acquire|release|acq_rel|seq_?cst)|gt_fence_(\w+))\s*\(")
DECLARED = re.compile(r"\b(?:void|bool|int|u?int\d+_t)\s+\**$")  # the function's own head, not a use
COMMENT = re.compile(r"pair:\s*([\w.-]+(?:\s*,\s*[\w.-]+)*)")


def labels_near(lines, index):
    for near in (index, index - 1, index + 1):
        if 0 <= near < len(lines):
            found = COMMENT.search(lines[near])
            if found:
                return re.split(r"\s*,\s*", found.group(1))
    return []


def sides_of(match):
    order = match.group(2) or match.group(3)
    return ORDERS.get(order, "ar")


def scan(root, name, uses, problems):
    with open(os.path.join(root, name), encoding="utf-8", errors="replace") as source:
        text = source.read()
    lines = text.splitlines()
    for index, code in enumerate(csource.strip(text).splitlines()):
        for match in OPERATION.finditer(code):
            if DECLARED.search(code[: match.start()]):
                continue
            labels = labels_near(lines, index)
            if not labels:
                problems.append(f"{name}:{index + 1}: {match.group(1)} has no /* pair: label */")
            for label in labels:
                uses.setdefault(label, []).append((sides_of(match), f"{name}:{index + 1}"))


def judge(uses, problems):
    for label, found in sorted(uses.items()):
        sides = "".join(side for side, _ in found)
        where = ", ".join(place for _, place in found[:4])
        if len(found) < 2:
            problems.append(f"pair {label}: occurs only once, at {where}: it has no partner"
                            f" ({'releasing' if 'r' not in sides else 'acquiring'} side missing)")
        elif "a" not in sides:
            problems.append(f"pair {label}: no acquiring side ({where})")
        elif "r" not in sides:
            problems.append(f"pair {label}: no releasing side ({where})")


def main():
    root = sys.argv[1]
    uses, problems = {}, []
    for folder, _, files in sorted(os.walk(os.path.join(root, "runtimes"))):
        for file in sorted(files):
            name = os.path.relpath(os.path.join(folder, file), root)
            if name.endswith((".c", ".h")) and name not in EXEMPT:
                scan(root, name, uses, problems)
    judge(uses, problems)
    for problem in problems:
        print(problem)
    return 1 if problems else 0


sys.exit(main())
