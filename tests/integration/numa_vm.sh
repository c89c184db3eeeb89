#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# GT_TEST: labels=full timeout=400 serial presets=release
#
# Runs every executable of tests/vm inside the virtual NUMA machine, all in one boot: each as it is,
# and once more for every line "/* GT_VM: offline=N */" in its source, with node N outside its cpuset.
set -euo pipefail

binaries=${GT_BUILD_DIR:?}/tests/vm
sources=${GT_SOURCE_DIR:?}/tests/vm

tests=()
for source in "$sources"/*.c; do
    binary=$binaries/$(basename "$source" .c)
    if [[ ! -x $binary ]]; then
        printf 'TAP version 13\n1..1\nnot ok 1 - %s is built\n' "$binary"
        exit 1
    fi
    tests+=("$binary")
    while read -r node; do
        tests+=("$binary@offline=$node")
    done < <(sed -n 's|^/\* GT_VM: offline=\([0-9]*\) \*/$|\1|p' "$source")
done

exec "$GT_SOURCE_DIR/scripts/numa-vm" --timeout=360 -- "${tests[@]}"
