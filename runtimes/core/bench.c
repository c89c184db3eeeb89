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

/* ---- events ------------------------------------------------------------------------ */
#define BETWEEN_YIELDS 4096u
#define HEAP 1000000u /* three bytes as a varint */

static int64_t emit(enum gt_bench_event e, uint64_t n)
{
    struct gt_m *m = gt_pin();
    int64_t start = gt_nanotime();
    for (uint64_t i = 0; i < n; i++) {
        gt_tok tok = gt_trace_acquire(m);
        if (e == GT_BENCH_STACK)
            GT_EMIT(m, tok, stw_begin, GT_WORLD_TEST);
        else
            GT_EMIT(m, tok, heap_alloc, HEAP + i % 1024);
        gt_trace_release(m, tok);
    }
    int64_t ns = gt_nanotime() - start;
    gt_unpin(m);
    return ns;
}

static int64_t emit_all(enum gt_bench_event e, uint64_t n)
{
    int64_t ns = 0;
    for (uint64_t k; n > 0; n -= k) {
        k = n < BETWEEN_YIELDS ? n : BETWEEN_YIELDS;
        ns += emit(e, k);
        gt_yield();
    }
    return ns;
}

static uint32_t depth(void)
{
    uintptr_t pc[128];
    struct gt_m *m = gt_pin();
    uint32_t n = m->rt->tracer_host.stack(&m->rt->tracer_host, m->t.g, 0, pc, 128);
    gt_unpin(m);
    return n;
}

static GT_NOINLINE int64_t emit_at(enum gt_bench_event e, uint64_t n, uint32_t frames)
{
    int64_t ns = depth() >= frames ? emit_all(e, n) : emit_at(e, n, frames);
    gt_signal_fence(); /* no jump: each call is a frame */
    return ns;
}

int64_t gt_bench_events(enum gt_bench_event e, uint64_t n, uint32_t frames)
{
    if (gt_load_relaxed(&gt_tls_m()->rt->trace_on) == 0)
        return -ENOTSUP;
    return emit_at(e, n, frames);
}

int64_t gt_bench_traced(struct gt_runtime *rt)
{
    return gt_tracer(rt)->count ? (int64_t)gt_tracer(rt)->count(rt->tracer_state) : -1;
}
