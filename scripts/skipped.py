# SPDX-License-Identifier: Apache-2.0
"""skipped.py CTEST.xml ALLOW: prints what was skipped and why; on CI (CI=true) fails on what ALLOW does not list.

A line of ALLOW is a glob for PRESET/TEST or `PRESET/TEST: POINT`, two blanks, the reason."""

import fnmatch
import os
import re
import sys
import xml.etree.ElementTree as ElementTree

WHOLE = re.compile(r"^1\.\.0\s*#\s*SKIP\s*(.*)$", re.MULTILINE | re.IGNORECASE)
POINT = re.compile(r"^ok\s+\d+\s*(?:-\s*)?(.*?)\s*#\s*SKIP\s*(.*)$", re.MULTILINE | re.IGNORECASE)


def read_allow(path):
    with open(path, encoding="utf-8") as lines:
        return [line.split("  ")[0].strip() for line in lines if line.strip() and not line.startswith("#")]


def skips(report):
    """(name, reason) of each skipped test and each skipped point, the latter as `test: point`."""
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        name = case.get("name", "?")
        output = case.findtext("system-out") or ""
        if case.find("skipped") is not None:
            found = WHOLE.search(output)
            yield name, found.group(1) if found else "no reason given"
            continue
        for point, reason in POINT.findall(output):
            yield f"{name}: {point or reason}", reason


def main():
    report, allow_file = sys.argv[1:3]
    if not os.path.exists(report):
        print("skipped.py: ctest left no report", file=sys.stderr)
        return 1
    allow = read_allow(allow_file)
    preset = os.path.basename(os.path.dirname(os.path.abspath(report)))
    strict = os.environ.get("CI", "").lower() in ("true", "1", "yes")
    refused = 0
    for name, reason in skips(report):
        where = f"{preset}/{name}"
        allowed = any(fnmatch.fnmatchcase(where, glob) or fnmatch.fnmatchcase(where.split(":")[0], glob) for glob in allow)
        verdict = "skipped" if allowed or not strict else "SKIPPED, and not in tests/skip-allow.txt"
        refused += verdict != "skipped"
        print(f"{verdict}: {name}: {reason}")
    return 1 if refused else 0


sys.exit(main())
