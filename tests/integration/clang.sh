#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# GT_TEST: labels=full timeout=300 presets=release
# Every C file of the build is clean under clang 14 with the flags that gcc gets.
set -uo pipefail
clang=$(command -v clang-14 || command -v clang)
if [ -z "$clang" ]; then
  echo "1..0 # SKIP no clang installed"
  exit 77
fi
export clang
python3 - "${GT_BUILD_DIR:?}/compile_commands.json" <<'PY'
import concurrent.futures, json, os, shlex, subprocess, sys

seen = {}
for entry in json.load(open(sys.argv[1])):
    words = shlex.split(entry["command"])
    if not entry["file"].endswith(".c"):
        continue
    cut = [w for i, w in enumerate(words[1:], 1) if not (w in ("-o", "-MF", "-MT", "-MD", "-c") or words[i - 1] in ("-o", "-MF", "-MT"))]
    cut = [w for w in cut if not w.startswith("--param=")]  # gcc's own, which only it gets
    seen[tuple(cut)] = (entry["directory"], entry["file"])


def check(item):
    flags, (where, name) = item
    run = subprocess.run([os.environ["clang"], *flags, "-fsyntax-only"], cwd=where, capture_output=True, text=True)
    return name, run.returncode, run.stderr


bad = 0
with concurrent.futures.ThreadPoolExecutor(2) as pool:
    for name, status, text in pool.map(check, seen.items()):
        if status != 0:
            bad += 1
            print(f"{name}:\n{text}")
print(f"{len(seen)} compilations, {bad} not clean")
sys.exit(1 if bad or len(seen) < 50 else 0)
PY
