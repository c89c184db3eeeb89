#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every atomic operation that is not relaxed names its partner: see pairs.py.
source "$(dirname "$0")/lib.sh"

check() { python3 "$lint_dir/pairs.py" "$1"; }

plant runtimes/core/a.c <<<'int f(gt_a32 *a) { return gt_load_acquire(a); }'
expect_caught 'an operation without a label' 'runtimes/core/a\.c:1: gt_load_acquire has no'
plant runtimes/core/a.c <<<'int f(gt_a32 *a) { return gt_load_acquire(a); } /* pair: lonely */'
expect_caught 'a label with one side' 'lonely.*releasing'
plant runtimes/core/a.c <<<'void f(void) { gt_fence_seqcst(); } /* pair: alone */'
expect_caught 'a full fence without its partner' 'alone.*once'
plant runtimes/core/a.c <<'C'
void gt_fence_heavy(const struct gt_runtime *rt);
int f(gt_a32 *a) { return gt_load_acquire(a); } /* pair: both */
/* pair: both */
void g(gt_a32 *a) { gt_store_release(a, 1); }
void h(gt_a32 *a) { gt_store_relaxed(a, 1); gt_tracer_acquire(a); /* gt_load_acquire(a) */ }
C
expect_clean 'both sides'
finish
