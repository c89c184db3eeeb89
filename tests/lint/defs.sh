#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# No .def list has a line twice or a name twice: a merge that keeps both sides still builds.
source "$(dirname "$0")/lib.sh"

# Names of a line: its first argument; the shown name too, where the second is one. An event's is the third, its number
# the second. A row of truth has no name: only the whole line counts.
read -r -d '' twice <<'AWK' || true
function seen(what, key) {
  if (key in line) {
    printf "%s:%d: %s is there twice: line %d\n", file, NR, what, line[key]
    bad = 1
  } else {
    line[key] = NR
  }
}
match($0, /^[ \t]*[A-Z][A-Z0-9_]*\(/) {
  macro = substr($0, RSTART, RLENGTH - 1)
  gsub(/[ \t]/, "", macro)
  n = split(substr($0, RLENGTH + 1), arg, /[ \t]*[,)][ \t]*/)
  if (macro == "GT_ROW") {
    seen("this row", $0)
  } else if (macro ~ /^GT_EV[0-9]$/) {
    seen("event " arg[2], "number " arg[2])
    seen("event " arg[3], "name " arg[3])
  } else {
    seen(macro "(" arg[1] ")", macro " " arg[1])
    if (macro ~ /^GT_(PEER|WORKLOAD|STRESS|WINDOW|TRUTH)$/) seen(macro " " arg[2], macro " shown " arg[2])
  }
}
END { exit bad }
AWK

check() {
  local root=$1 bad=0 file
  while IFS= read -r file; do
    awk -v file="$file" "$twice" "$root/$file" || bad=1
  done < <(list_files "$root" | grep '\.def$')
  return $bad
}

plant a/x.def < <(printf 'GT_PEER(go, "go", "Go")\nGT_PEER(pth, "pth", "Pth")\nGT_PEER(go, "go", "Go")\n')
expect_caught 'a line that a merge has doubled' 'a/x\.def:3: GT_PEER\(go\) is there twice: line 1'
plant x.def < <(printf 'GT_TRACER(gen, "one")\n  GT_TRACER(gen, "two")\n')
expect_caught 'a name twice' 'x\.def:2: GT_TRACER\(gen\)'
plant x.def < <(printf 'GT_STRESS(a_b, "a-b")\nGT_STRESS(a_c, "a-b")\n')
expect_caught 'a shown name twice' 'x\.def:2: GT_STRESS "a-b"'
plant x.def < <(printf 'GT_EV0(PLAIN, 2, STACKS, stacks)\nGT_EV1(PLAIN, 2, STACK, stack)\n')
expect_caught 'a number twice' 'event 2 is there twice'
plant x.def < <(printf 'GT_ROW(G, DEAD, A)\nGT_ROW(G, DEAD, B)\nGT_ROW(G, DEAD, A)\n')
expect_caught 'a row twice' 'x\.def:3: this row'
plant x.def <<'DEF'
#define GT_TRACER(symbol, summary)
GT_SCHEDULER(same, "of two kinds")
GT_TRACER(same, "of two kinds")
GT_ROW(G, DEAD, A)
GT_ROW(G, DEAD, B)
GT_EV0(PLAIN, 2, STACKS, stacks)
GT_EV0(PLAIN, 3, STACK, stack)
DEF
expect_clean 'names once each'
finish
