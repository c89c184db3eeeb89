# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the lint scripts share. Each script defines check() taking a source root, proves with expect_clean and
# expect_caught that it sees a planted violation, then checks the real tree.
set -euo pipefail

GT_SOURCE_DIR=${GT_SOURCE_DIR:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
GT_BUILD_DIR=${GT_BUILD_DIR:-$GT_SOURCE_DIR/build/release}
lint_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export GT_SOURCE_DIR GT_BUILD_DIR lint_dir
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

skip_test() {
  echo "1..0 # SKIP $*"
  if [ -n "${GT_CTEST:-}" ]; then exit 77; fi
  exit 0
}

# plant FILE: writes standard input to FILE under $scratch/tree.
plant() {
  mkdir -p "$scratch/tree/$(dirname "$1")"
  cat >"$scratch/tree/$1"
}

expect_clean() {
  if ! check "$scratch/tree" >"$scratch/out" 2>&1; then
    echo "self-test: a clean tree was refused ($1):"
    cat "$scratch/out"
    exit 1
  fi
  rm -rf "$scratch/tree"
}

# expect_caught WHAT PATTERN: check must fail on the planted tree, and say PATTERN.
expect_caught() {
  if check "$scratch/tree" >"$scratch/out" 2>&1; then
    echo "self-test: not caught: $1"
    exit 1
  fi
  if ! grep -Eq -- "$2" "$scratch/out"; then
    echo "self-test: caught, but not named /$2/: $1"
    cat "$scratch/out"
    exit 1
  fi
  rm -rf "$scratch/tree"
}

# The project's own files: what git would track (new files included), or all but build products without git.
list_files() {
  local root=$1
  if [ -e "$root/.git" ] && command -v git >/dev/null; then
    git -c safe.directory="$root" -C "$root" ls-files --cached --others --exclude-standard -z |
      while IFS= read -r -d '' file; do
        if [ -f "$root/$file" ]; then printf '%s\n' "$file"; fi
      done
  else
    (cd "$root" && find . \( -name .git -o -path ./build \) -prune -o -type f -print | sed 's|^\./||')
  fi
}

finish() {
  if check "$GT_SOURCE_DIR"; then
    echo "ok: ${0##*/}"
  else
    exit 1
  fi
}
