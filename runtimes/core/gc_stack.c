/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stacks that the collector makes smaller, and the poison of their pages.
 *
 * A stack does not move: shrinking is giving its unused whole pages, below the saved sp and
 * its red zone, back to the kernel. They come back as zeroes when the G grows again.
 *
 * Invariants (with GC10 of gc.h):
 *   I1 Pages go only while the caller holds the scan bit of a Runnable or Waiting G: its saved
 *      sp then is where it stands, and it does not move.
 *
 *          collector                           M2
 *          reads g's sp                        g: Waiting -> Runnable -> Running
 *                                              calls deeper, below that sp
 *          gives the pages below sp back  -->  M2's frames are zeroes
 *
 *      With the scan bit M2's first change waits until the pages are gone.
 *   I2 Never for a wait for form's sake (waits.def). Such a G is at work on this very stack,
 *      below the sp that it saved when it last switched; its scan bit lets others see its
 *      status. Seed 003 forbids it while a trace runs, since there the tracer walks the
 *      stack that the collector copies. Here it would hit the G itself, so it is forbidden at
 *      all times; no question about a trace is asked.
 *   I3 Never for a G stopped by signal: where its thread has no alternate stack the handler
 *      sleeps below the G's sp.
 *   I4 Poison (oracle build): the pages given back are sealed, without access, and the G is
 *      marked. Whoever makes it Running unseals them, in the one place where a G becomes
 *      Running from a status in which it can have been sealed (gt_g_change). The mark is set
 *      after the seal and taken by swap before the seal is broken:
 *
 *          runs g                              touches g's stack, wildly
 *          takes the mark                      faults
 *          breaks the seal                     no mark: waits for the page to be accessible
 *
 *   I5 A Dead G in the hands of gt_gc_trim_stacks is on no list, so nobody makes it live.
 * Policy: a look costs a system call, a page given back for nothing costs a fault. A G that has
 * not run since the last cycle gives back all, once, and is not looked at again until it
 * runs. One that has run is looked at in the 2nd, 4th, 8th .. 64th cycle after the last look and
 * gives back only if what it once touched is more than three quarters of the whole: such a
 * stack grew once, one that is busy near its depth will grow again.
 * Dead Gs keep their stacks for ever (I7 of core.h), so the pool has none to trim: lists of
 * dead Gs age by cycles instead, and those that nobody wanted for a whole cycle go cold.
 */
#include "core/gc.h"
#include "core/owner.h"

#define WORTH_PAGES 2u    /* fewer are not worth the call */
#define BACKOFF_MAX 6u
#define TRIM_MAX 1024u    /* dead stacks a cycle and node, .. */
#define TRIM_BATCH 32u    /* .. taken at a time */
#define HANDLER_TRIES 1000u

/* ---- poison --------------------------------------------------------------------------- */
#if GT_ORACLE
static bool poisoned(const struct gt_runtime *rt)
{
    return rt->config.gc.poison;
}

/* I4. false: the kernel has no more of them (page protection, map count). */
static bool seal(struct gt_g *g, size_t n)
{
    bool light = false;
    if (gt_guard_install(g->stack.lo, n, &light) != 0)
        return false;
    gt_store_release(&g->sealed, (uint64_t)n | light); /* pair: sealed */
    return true;
}

static bool is_sealed(const struct gt_g *g)
{
    return gt_load_relaxed(&g->sealed) != 0;
}

/* True when this call took the mark. */
static bool unseal(struct gt_g *g)
{
    uint64_t w = gt_swap_acq_rel(&g->sealed, 0ull); /* pair: sealed */
    if (w == 0)
        return false;
    if (gt_guard_remove(g->stack.lo, w & ~1ull, (w & 1ull) != 0) != 0)
        gt_throw(g->rt, "goroutine %llu: its stack cannot be made accessible again",
                 (unsigned long long)g->t.id);
    return true;
}

void gt_stack_unseal(struct gt_g *g)
{
    (void)unseal(g);
}

/* Somebody else has taken the mark and breaks the seal. */
static bool becomes_readable(const void *p)
{
    char c;
    for (uint32_t i = 0; i < HANDLER_TRIES; i++) {
        if (gt_mem_read(&c, p, 1))
            return true;
        gt_thread_yield();
    }
    return false;
}

bool gt_sealed_touched(struct gt_sigctx *ctx)
{
    struct gt_m *m = gt_tls_m();
    struct gt_stack st;
    if (!m || !poisoned(m->rt) || !gt_stacks_find_usable(m->rt->stacks, ctx->fault_addr, &st))
        return false;
    struct gt_g *g = (struct gt_g *)(void *)(st.hi - gt_g_size(m->rt));
    uint64_t w = gt_load_acquire(&g->sealed); /* pair: sealed */
    if (w == 0)
        return becomes_readable(ctx->fault_addr);
    if ((char *)ctx->fault_addr >= st.lo + (w & ~1ull))
        return false; /* not in the sealed part: a fault of its own kind */
    gt_unowned_stack(m->rt, m, g, "touches unused pages of", ctx->pc, ctx->fp);
    return unseal(g) || becomes_readable(ctx->fault_addr);
}
#else
static bool poisoned(const struct gt_runtime *rt)
{
    (void)rt;
    return false;
}
static bool seal(struct gt_g *g, size_t n)
{
    (void)g, (void)n;
    return false;
}
static bool is_sealed(const struct gt_g *g)
{
    (void)g;
    return false;
}
bool gt_sealed_touched(struct gt_sigctx *ctx)
{
    (void)ctx;
    return false;
}
#endif

/* ---- one stack -------------------------------------------------------------------------- */
static void account(struct gt_runtime *rt, size_t bytes)
{
    gt_add_relaxed(&rt->count.stacks_shrunk, 1u);
    gt_add_relaxed(&rt->count.stack_bytes_freed, (uint64_t)bytes);
}

static void give_back(struct gt_g *g, size_t unused)
{
    gt_fiber_clear(g->stack.lo, unused);
    gt_map_discard(g->stack.lo, unused);
}

static bool may_shrink(struct gt_g *g)
{
    enum gt_gstatus s = gt_g_status(g);
    if (g->flags & GT_GF_IN_HANDLER) /* I3 */
        return false;
    return s == GT_G_RUNNABLE ||
           (s == GT_G_WAITING &&
            gt_wait_may_shrink((enum gt_wait_reason)gt_load_relaxed(&g->t.wait_reason))); /* I2 */
}

static void shrink_and_seal(struct gt_g *g, size_t unused)
{
    if (is_sealed(g))
        return; /* it has not run since */
    size_t touched = gt_map_resident(g->stack.lo, unused);
    give_back(g, unused);
    if (touched > 0)
        account(g->rt, touched);
    (void)seal(g, unused);
}

/* Has g not run since the last look? Notes this one. */
static bool idle_since(struct gt_g *g)
{
    uint64_t now = gt_status_version(gt_load_relaxed(&g->t.status)) + 1;
    bool idle = now == g->shrink_seen;
    g->shrink_seen = now;
    return idle;
}

/* To be looked at now? g has run since the last cycle. */
static bool is_due(struct gt_g *g, bool first)
{
    g->shrink_done = false;
    if (first)
        return false;
    if (g->shrink_wait > 0) {
        g->shrink_wait--;
        return false;
    }
    if (g->shrink_backoff < BACKOFF_MAX)
        g->shrink_backoff++;
    g->shrink_wait = (uint8_t)((1u << g->shrink_backoff) - 1);
    return true;
}

void gt_gc_shrink_stack(struct gt_m *m, struct gt_g *g)
{
    struct gt_runtime *rt = m->rt;
    gt_assert(rt, gt_load_relaxed(&g->t.scan_holder) == m->t.serial); /* I1 */
    size_t unused = may_shrink(g) ? gt_stack_unused(&g->stack, g->ctx.sp) : 0;
    if (unused == 0)
        return;
    if (poisoned(rt)) {
        shrink_and_seal(g, unused);
        return;
    }
    bool first = g->shrink_seen == 0, idle = idle_since(g);
    if (idle ? g->shrink_done : !is_due(g, first))
        return;
    size_t touched = gt_map_resident(g->stack.lo, unused);
    size_t used = (size_t)(g->stack.hi - g->stack.lo) - unused;
    if (touched >= WORTH_PAGES * gt_page_size() && (idle || touched > 3 * used)) {
        give_back(g, unused);
        account(rt, touched);
    }
    if (idle) {
        g->shrink_done = true;
        g->shrink_wait = g->shrink_backoff = 0;
    }
}

/* ---- dead Gs ----------------------------------------------------------------------------- */
/* All but the page that its struct and its first frame stand in. */
static void chill(struct gt_g *g)
{
    size_t unused = gt_stack_unused(&g->stack, gt_g_top(g));
    size_t touched = unused > 0 ? gt_map_resident(g->stack.lo, unused) : 0;
    if (touched == 0)
        return;
    give_back(g, unused);
    account(g->rt, touched);
}

/* I5. Pinned: who stops the world for good waits until they are back on a list. */
static uint32_t chill_some(struct gt_runtime *rt, int32_t node)
{
    struct gt_g *batch[TRIM_BATCH];
    struct gt_m *m = gt_pin();
    uint32_t n = gt_gfree_take_idle(rt, node, batch, TRIM_BATCH);
    for (uint32_t i = 0; i < n; i++)
        chill(batch[i]);
    if (n > 0)
        gt_gfree_put_cold(rt, node, batch, n);
    gt_unpin(m);
    return n;
}

void gt_gc_trim_stacks(struct gt_runtime *rt)
{
    for (int32_t node = 0; node < gt_topo_nodes(rt->topo); node++) {
        uint32_t n = 0, k;
        do {
            k = chill_some(rt, node);
            n += k;
            gt_checkpoint();
        } while (k == TRIM_BATCH && n < TRIM_MAX);
        gt_gfree_age(rt, node);
    }
}
