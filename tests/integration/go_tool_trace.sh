#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# GT_TEST: labels=full timeout=240 presets=release
# A trace made by the README's own command opens in `go tool trace`: its pages of goroutines and procs are fetched from
# loopback and must name our functions.
set -euo pipefail

build=${GT_BUILD_DIR:?}
source_dir=${GT_SOURCE_DIR:?}

skip() {
  echo "skip: $*"
  exit 77
}
command -v go >/dev/null || skip 'no Go toolchain in PATH (the command go)'
viewer=$(go tool -n trace 2>/dev/null) || skip 'this Go has no trace tool (go tool trace)'
viewer=${viewer%% *}
if [ ! -x "$viewer" ]; then skip "go tool -n trace names no program: $viewer"; fi

place=$(mktemp -d)
viewer_pid=
cleanup() {
  if [ -n "$viewer_pid" ]; then kill "$viewer_pid" 2>/dev/null || true; fi
  rm -rf "$place"
}
trap cleanup EXIT

record=$(sed -n '/^```sh$/,/^```$/p' "$source_dir/README.md" | grep -E 'stress .*--trace=' | head -n 1 | sed 's/ *#.*//')
if [ -z "$record" ]; then
  echo 'not ok - README.md has no command that records a trace'
  exit 1
fi
trace=$place/readme.trace
record=$(sed -E "s|--trace=[^ ]+|--trace=$trace|; s|build/release|$build|g" <<<"$record")
echo "# $record"
read -ra words <<<"$record"
"${words[@]}" >"$place/record.log" 2>&1 || {
  echo 'not ok - the README records a trace'
  cat "$place/record.log"
  exit 1
}

# An old tool does not know a new header: that is no defect of the trace.
BROWSER=true "$viewer" -http=127.0.0.1:0 "$trace" >"$place/viewer.log" 2>&1 &
viewer_pid=$!
workload=$(sed -E 's/.* stress ([a-z-]+).*/\1/; s/-/_/g' <<<"$record")
python3 - "$place/viewer.log" "$viewer_pid" "$source_dir/workloads/$workload.c" "$source_dir/workloads/common/team.c" <<'PY'
import json, os, re, sys, time, urllib.request
from urllib.parse import quote

log, pid = sys.argv[1], int(sys.argv[2])
failed = False


def point(good, what, why=""):
    global failed
    print(("ok" if good else "not ok"), "-", what)
    if not good:
        failed = True
        print(re.sub("(?m)^", "# ", str(why)[:2000]))
    return good


def alive():
    try:
        return open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def address():
    end = time.time() + 120
    while time.time() < end and alive():
        found = re.search(r"http://[0-9.:]+", open(log).read())
        if found:
            return found.group()
        time.sleep(0.1)
    return None


base = address()
if not point(base, "go tool trace opens it", open(log).read()):
    sys.exit(1)


def page(path):
    with urllib.request.urlopen(base + path, timeout=100) as answer:
        return answer.read().decode("utf-8", "replace")


def functions(path):
    found = re.findall(r"^(?:static )?[a-z_0-9 *]+?[ *]([a-z_0-9]+)\(", open(path).read(), re.M)
    return re.compile(r"\b(" + "|".join(found) + r")\b")


# The functions of the workload, and those its Gs start in.
workload, starts = map(functions, sys.argv[3:5])
goroutines = page("/goroutines")
point(starts.search(goroutines), "the page of goroutines names our functions", goroutines)
links = re.findall(r'href="(/goroutine\?[^"]+)"', goroutines)
point(links, "and links to each", goroutines)
if links:
    path = links[0].replace("&amp;", "&")
    point("xecution" in page(quote(path, safe="/?=&%;")), "the page of one kind of goroutine", path)
view = json.loads(page("/jsontrace?view=proc"))
events = view["traceEvents"]
frames = {f["name"] for f in view.get("stackFrames", {}).values()}
names = {e.get("name", "") for e in events}
threads = {e["args"]["name"] for e in events if e.get("name") == "thread_name"}
point(len(events) > 1000, "the page of procs has events", len(events))
point(any(t.startswith("Proc ") for t in threads), "and procs", threads)
point(any(starts.search(n) for n in names), "and names our goroutines", sorted(names)[:50])
point(any(workload.search(f) for f in frames), "its stacks name the workload's functions", sorted(frames)[:50])
sys.exit(failed)
PY
