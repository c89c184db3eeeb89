# SPDX-License-Identifier: Apache-2.0
"""layers.py ROOT: forbidden names above the port, and the arrows between folders.

A line `path: name  reason` in layers.allow lets one file use one name (or include one header), `*` any name.
"""

import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import csource  # noqa: E402

# Only runtimes/port/ may name these, in any product folder.
ATOMICS = r"_Atomic\b|stdatomic\.h|\batomic_\w+|__atomic_\w+|__sync_\w+"
KERNEL = (
    r"\bfutex\b|\bSYS_[a-z]\w*|\bsyscall\s*\(|\bclock_gettime\b|\bclock_nanosleep\b|\bnanosleep\b|\busleep\b|"
    r"\bepoll_\w+|\beventfd\b|\bpipe2?\s*\(|\bmmap\b|\bmunmap\b|\bmprotect\b|\bmadvise\b|\bmembarrier\b|"
    r"\bsigaction\b|\bsigaltstack\b|\btgkill\b|\bgetpid\s*\(|\bsched_\w+affinity\b|\bsched_yield\b|\bread\s*\(|\bwrite\s*\("
)
THREADS = r"\bpthread_\w+|pthread\.h|\bthrd_\w+|threads\.h"
TLS = r"\b__thread\b|\b_Thread_local\b|\bthread_local\b"
STRICT = re.compile("|".join((ATOMICS, KERNEL, THREADS, TLS)))
# The programs and tests run beside a runtime: they may fork, write and start foreign threads.
LOOSE = re.compile(ATOMICS)
NAMES = (
    ("runtimes/port/", None),
    ("runtimes/peers/", None),  # a peer is another runtime, with its own threads
    ("runtimes/", STRICT),
    ("workloads/benchmark/", LOOSE),
    ("workloads/", STRICT),
    ("trace/", STRICT),
    ("cli/", LOOSE),
    ("results/", LOOSE),
    ("stress/", LOOSE),
    ("tests/", LOOSE),
)

# What a folder's "..." includes may start with; None: anything of the project.
OWN_DEF = r"[a-z_]+\.def$"
ARROWS = (
    ("runtimes/include/", r"gauntlet/|port/atomic\.h$|port/clock\.h$|" + OWN_DEF),
    ("runtimes/port/", r"port/|gauntlet/|" + OWN_DEF),
    ("runtimes/core/", r"core/|port/|gauntlet/|trace/wire|[a-z_]+\.h$|" + OWN_DEF),
    ("runtimes/schedulers/", r"gauntlet/|schedulers/SELF/|OWN"),
    ("runtimes/tracers/", r"gauntlet/|trace/wire|tracers/SELF/|tracers/common/|OWN"),
    ("runtimes/skeleton/", r"gauntlet/"),
    ("trace/", r"trace/|OWN"),
    ("results/", r"results/|gt_revision\.h$"),
    ("workloads/", r"gauntlet/|common/|workloads/|OWN|" + OWN_DEF),
)
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"')


def rule_for(table, name):
    return next((rule for prefix, rule in table if name.startswith(prefix)), None)


def read_allow(root):
    allowed = set()
    path = os.path.join(root, "tests/lint/layers.allow")
    if os.path.exists(path):
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                found = re.match(r"([^#\s]\S*):\s+(\S+)\s+\S", line)
                if found:
                    allowed.add(found.groups())
    return allowed


def called_on_object(code, start):
    """o->read( and o.write( are members of a table, not the system call."""
    return code[:start].rstrip().endswith(("->", "."))


def is_declaration(code, match):
    """A member such as `int64_t (*write)(` or `void write(...)` in a table's type is not the call."""
    return code[: match.start()].rstrip().endswith("(*")


def check_names(name, text, allowed, problems):
    pattern = rule_for(NAMES, name)
    if pattern is None:
        return
    for number, code in enumerate(csource.strip(text, keep_strings=False).splitlines(), 1):
        for match in pattern.finditer(code):
            word = re.sub(r"\s", "", match.group(0))
            if called_on_object(code, match.start()) or is_declaration(code, match):
                continue
            if (name, word.rstrip("(")) in allowed or (name, "*") in allowed:
                continue
            problems.append(f"{name}:{number}: names {word}: only runtimes/port may")


def check_includes(name, text, allowed, problems):
    rule = rule_for(ARROWS, name)
    if rule is None:
        return
    folder = os.path.dirname(name)
    own = os.path.basename(folder)
    for number, line in enumerate(csource.strip(text, keep_strings=True).splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        target = match.group(1)
        parts = rule.replace("SELF", re.escape(own)).split("|")
        beside = "OWN" in parts and "/" not in target
        fits = any(re.match(part, target) for part in parts if part != "OWN")
        if not (beside or fits) or ".." in target:
            if (name, target) not in allowed:
                problems.append(f'{name}:{number}: {folder} may not include "{target}"')


def main():
    root = sys.argv[1]
    allowed = read_allow(root)
    problems = []
    for top in ("runtimes", "workloads", "trace", "cli", "results", "stress", "tests"):
        for folder, _, files in sorted(os.walk(os.path.join(root, top))):
            for file in sorted(files):
                if not file.endswith((".c", ".h", ".S", ".def")):
                    continue
                name = os.path.relpath(os.path.join(folder, file), root)
                with open(os.path.join(root, name), encoding="utf-8", errors="replace") as source:
                    text = source.read()
                check_names(name, text, allowed, problems)
                check_includes(name, text, allowed, problems)
    for problem in problems:
        print(problem)
    return 1 if problems else 0


sys.exit(main())
