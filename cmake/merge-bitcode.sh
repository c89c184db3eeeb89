#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# merge-bitcode.sh LLVM-LINK CLANG LD OUT OBJECT...: one object of bitcode and ordinary ones, optimised as one program.
set -eu
llvm_link=$1 clang=$2 ld=$3 out=$4
shift 4
plain=''
bitcode=''
for object in "$@"; do # folders of a build have no blanks that we make
    case $(od -An -tx1 -N4 "$object" | tr -d ' ') in
        4243c0de) bitcode="$bitcode $object" ;;
        *) plain="$plain $object" ;;
    esac
done
# shellcheck disable=SC2086 # lists of paths
"$llvm_link" -o all.bc $bitcode
"$clang" -O2 -g -fno-omit-frame-pointer -fPIE -Wno-override-module -c -o bitcode.o all.bc
# shellcheck disable=SC2086
"$ld" -r -o "$out" bitcode.o $plain
