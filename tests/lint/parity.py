# SPDX-License-Identifier: Apache-2.0
"""parity.py ROOT < names: fails where a file takes % 2 or % 3 of anything, or & 1 of a generation."""

import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import csource  # noqa: E402

PARITY = re.compile(r"%\s*[23][uUlL]*\b(?!\.)|\b\w*gen(?:eration)?\)?\s*&\s*1[uUlL]*\b")


def main():
    bad = 0
    for name in sys.stdin.read().split("\n"):
        if not name:
            continue
        with open(os.path.join(sys.argv[1], name), encoding="utf-8", errors="replace") as source:
            lines = csource.strip(source.read()).splitlines()
        for number, line in enumerate(lines, 1):
            if PARITY.search(line):
                print(f"{name}:{number}: index generations through their one type: {line.strip()}")
                bad = 1
    return bad


sys.exit(main())
