/* SPDX-License-Identifier: Apache-2.0 */
/* See gauntlet/bench.h. */
#include <errno.h>

#include "core/core.h"
#include "gauntlet/bench.h"

#define STACK_SIZE (64u * 1024u)

struct pair {
    struct gt_ctx here, there;
};

static void partner(void *arg)
{
    struct pair *p = arg;
    for (;;)
        gt_ctx_switch_inline(&p->there, &p->here);
}

int64_t gt_bench_switch(uint64_t n)
{
    if (GT_ASAN || GT_TSAN)
        return -ENOTSUP; /* they would have to be told of each switch */
    struct pair p;
    char *stack = gt_map(STACK_SIZE, false);
    if (!stack)
        return -ENOMEM;
    gt_ctx_make(&p.there, stack + STACK_SIZE, partner, &p);
    int64_t start = gt_nanotime();
    for (uint64_t i = 0; i < n; i += 2) /* there and back */
        gt_ctx_switch_inline(&p.here, &p.there);
    int64_t ns = gt_nanotime() - start;
    gt_unmap(stack, STACK_SIZE);
    return ns;
}
