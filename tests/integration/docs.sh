#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# GT_TEST: labels=full timeout=120 presets=release serial
# Every command in a ```sh block of README.md and docs/ runs, in the order of each page, and exits 0, or as its comment says
# (`# exits 1`). What a ```text printed block shows is printed by the command before it, line for line, but for times and memory.
# Every file that they link to exists.
set -uo pipefail
cd "${GT_SOURCE_DIR:?}" || exit 1
build=${GT_BUILD_DIR:?}

n=0
bad=0
point() { # STATUS WHAT
  n=$((n + 1))
  if [ "$1" = 0 ]; then
    echo "ok $n - $2"
  else
    echo "not ok $n - $2"
    bad=$((bad + 1))
  fi
}

# Commands of sh blocks as "$ command"; lines of printed blocks as "= line", then "." at the end of a block.
commands() { # FILE
  awk '/^```/ { if (on == "=") print "."; on = $0 == "```sh" ? "$" : $0 == "```text printed" ? "=" : ""; next }
       on == "$" && /^ *(#|$)/ { next }
       on { print on " " $0 }' "$1"
}

run() { # DOC LINE
  local line=$2 want=0 got=0
  if [[ $line =~ \#\ *exits\ ([0-9]+) ]]; then want=${BASH_REMATCH[1]}; fi
  bash -c "${line//build\/release/$build}" >"$build/docs.log" 2>&1 </dev/null || got=$?
  if [ "$got" != "$want" ]; then sed 's/^/# /' "$build/docs.log" | tail -5; fi
  point $((got != want)) "$1: $line"
}

# Figures of one machine and one run are not compared.
without_figures() { sed -E 's/[0-9.,]+ (us|ms|s|KiB|MiB|events a second)\b/N \1/g; s/ +$//'; }

shown() { # DOC LINES: each line, in this order, in what the last command printed
  python3 -c '
import sys
printed = sys.stdin.read().replace(sys.argv[2], "build/release").splitlines()
at = 0
for line in sys.argv[1].splitlines():
    if line == "..." or not line:
        continue
    if line not in printed[at:]:
        sys.exit(f"# not printed: {line}")
    at += printed[at:].index(line) + 1' "$(without_figures <<<"$2")" "$build" < <(without_figures <"$build/docs.log")
  point $? "$1: what the text shows"
}

echo "TAP version 13"
for doc in README.md docs/*.md; do
  text=
  while IFS= read -r line; do
    case $line in
      '$ '*) run "$doc" "${line#* }" ;;
      '= '*) text+=${line#* }$'\n' ;;
      *)
        shown "$doc" "$text"
        text=
        ;;
    esac
  done < <(commands "$doc")
  while IFS= read -r link; do
    test -e "$(dirname "$doc")/$link"
    point $? "$doc links to $link"
  done < <(awk '/^ *```/ { code = !code; next } !code' "$doc" | grep -oE '\]\([^)#:]+\)' | sed 's/^](//; s/)$//' | sort -u)
done
echo "1..$n"
[ "$bad" = 0 ] && [ "$n" -gt 5 ]
