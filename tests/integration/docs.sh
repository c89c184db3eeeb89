#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# GT_TEST: labels=full timeout=120 presets=release serial
# Every command in a ```sh block of README.md and docs/ runs and exits 0; every file that they link to exists.
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

commands() { # FILE
  awk '/^```/ { on = ($0 == "```sh"); next } on' "$1" | sed 's/ *#.*//' | grep -v '^ *$'
}

echo "TAP version 13"
for doc in README.md docs/*.md; do
  while IFS= read -r line; do
    read -ra words <<<"${line//build\/release/$build}"
    "${words[@]}" >"$build/docs.log" 2>&1 </dev/null
    status=$?
    if [ $status != 0 ]; then sed 's/^/# /' "$build/docs.log" | tail -5; fi
    point $status "$doc: $line"
  done < <(commands "$doc")
  while IFS= read -r link; do
    test -e "$(dirname "$doc")/$link"
    point $? "$doc links to $link"
  done < <(grep -oE '\]\([^)#:]+\)' "$doc" | sed 's/^](//; s/)$//' | sort -u)
done
echo "1..$n"
[ "$bad" = 0 ] && [ "$n" -gt 5 ]
