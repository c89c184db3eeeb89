/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: timeout=90 */
/* The stack pool: guards, reuse, look-up of a fault, what a stack costs. */
#include "core/stack.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/alloc.h"
#include "core/topology.h"
#include "tap.h"

#define NODES_DESC "pack:2 [numa(memory=1073741824)] core:2 pu:1"

static char err[256];
static struct gt_arena *arena;

static struct gt_stacks *open_pool(const struct gt_topo *t, size_t size, bool page_protection)
{
    struct gt_stacks *s = NULL;
    struct gt_stacks_options o = {.size = size, .page_protection = page_protection};
    if (gt_stacks_create(arena, t, &o, &s, err, sizeof err) != 0)
        bail_out("pool: %s", err);
    return s;
}

static void close_pool(struct gt_stacks *s, const char *what)
{
    struct gt_arena_live l;
    gt_stacks_destroy(s);
    gt_arena_live(arena, &l);
    is_int(l.blocks, 0, "%s: the pool gives all its tables back", what);
}

static struct gt_stack get(struct gt_stacks *s, int node)
{
    struct gt_stack st;
    int rc = gt_stack_get(s, node, &st);
    if (rc != 0)
        bail_out("no stack: %s", gt_stacks_error(rc));
    return st;
}

/* ---- faults --------------------------------------------------------------------------- */

static sigjmp_buf back;
static struct gt_stacks *pool_of_fault;
static struct gt_stack found;
static bool was_found;
static const char *fault_at;

static void on_fault(int signo, siginfo_t *info, void *context)
{
    (void)signo;
    (void)context;
    fault_at = info->si_addr;
    was_found = gt_stacks_find(pool_of_fault, info->si_addr, &found);
    siglongjmp(back, 1);
}

static bool faults(char *volatile p)
{
    struct sigaction old_segv, old_bus, sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &sa, &old_segv);
    sigaction(SIGBUS, &sa, &old_bus);
    volatile bool hit = true;
    fault_at = NULL;
    was_found = false;
    if (sigsetjmp(back, 1) == 0) {
        *(volatile char *)p = 1;
        hit = false;
    }
    sigaction(SIGSEGV, &old_segv, NULL);
    sigaction(SIGBUS, &old_bus, NULL);
    return hit;
}

static void guards(bool page_protection)
{
    const char *how = page_protection ? "page protection" : "usual guards";
    struct gt_stacks *s = pool_of_fault = open_pool(NULL, 20000, page_protection);
    size_t page = gt_page_size();
    struct gt_stacks_stats st;
    gt_stacks_stats(s, &st);
    is_int(st.size, (20000 + page - 1) / page * page, "%s: size rounded up to pages", how);
    is_int(st.lightweight, !page_protection && gt_guard_is_lightweight(), "%s: told", how);
    struct gt_stack k[5];
    for (int i = 0; i < 5; i++)
        k[i] = get(s, -1);
    bool usable = true, caught = true, right = true, between = true;
    for (int i = 0; i < 5; i++) {
        usable &= !faults(k[i].lo) && !faults(k[i].hi - 1);
        between &= (uintptr_t)k[i].lo % page == 0 && (uintptr_t)k[i].hi % 64 == 0;
        caught &= faults(k[i].lo - 1) && was_found;
        right &= found.lo == k[i].lo && found.hi == k[i].hi && found.index == k[i].index;
        caught &= faults(k[i].lo - page) && was_found && fault_at == k[i].lo - page;
        right &= found.lo == k[i].lo;
    }
    ok(usable, "%s: from the first byte to the last", how);
    ok(between, "%s: aligned", how);
    ok(caught, "%s: the page below faults, and is looked up", how);
    ok(right, "%s: as the guard of that stack", how);
    struct gt_stack none;
    ok(!gt_stacks_find(s, k[2].lo, &none) && !gt_stacks_find(s, &none, &none) &&
           !gt_stacks_find(s, NULL, &none),
       "%s: what is no guard is not found", how);

    for (int i = 0; i < 5; i++)
        gt_stack_put(s, &k[i]);
    ok(!k[4].chunk && !k[4].lo, "%s: putting clears", how);
    struct gt_stack again = get(s, -1);
    ok(again.index == 4 && faults(again.lo - 1), "%s: the hottest comes back, guarded", how);
    gt_stacks_stats(s, &st);
    ok(st.made == 5 && st.in_use == 1 && st.mapped >= 5, "%s: counted", how);
    gt_stack_put(s, &again);
    close_pool(s, how);
}

/* ---- pages ------------------------------------------------------------------------------- */

static void pages(void)
{
    struct gt_stacks *s = open_pool(NULL, 0, false);
    size_t page = gt_page_size();
    struct gt_stack st = get(s, -1);
    size_t size = (size_t)(st.hi - st.lo);
    ok(size > GT_STACK_DEFAULT - 2048 && size <= GT_STACK_DEFAULT, "default size");
    memset(st.lo, 0x5a, size);
    char *sp = st.hi - 2 * page;
    size_t given = gt_stack_discard_unused(&st, sp);
    char *kept = st.lo + given;
    ok(given > 0 && given % page == 0, "whole pages");
    ok(sp - kept >= 128 && sp - kept < (ptrdiff_t)(page + 128), "but the one of the red zone");
    ok(kept[0] == 0x5a && st.hi[-1] == 0x5a, "what is above stays");
    ok(st.lo[0] == 0 && kept[-1] == 0, "what is below is gone");
    is_int(gt_stack_discard_unused(&st, st.lo + 64), 0, "nothing below: nothing to do");
    gt_stack_put(s, &st);

    struct gt_stack k[10];
    for (int i = 0; i < 10; i++) {
        k[i] = get(s, -1);
        k[i].hi[-1] = 0x77;
    }
    for (int i = 0; i < 10; i++)
        gt_stack_put(s, &k[i]);
    is_int(gt_stacks_trim(s, 3), 7, "trim: all but the three hottest");
    is_int(gt_stacks_trim(s, 3), 0, "trim: once is enough");
    int kept_pages = 0;
    for (int i = 0; i < 10; i++) {
        k[i] = get(s, -1);
        kept_pages += k[i].hi[-1] == 0x77;
        ok((k[i].hi[-1] == 0x77) == (i < 3), "trim: stack %d is %s", i, i < 3 ? "hot" : "cold");
    }
    is_int(kept_pages, 3, "trim: three kept their pages");
    for (int i = 0; i < 10; i++)
        gt_stack_put(s, &k[i]);
    close_pool(s, "pages");
}

static void nodes(void)
{
    struct gt_topo *t = NULL;
    if (gt_topo_create(NODES_DESC, &t, err, sizeof err) != 0)
        bail_out("%s", err);
    struct gt_stacks *s = open_pool(t, 0, false);
    struct gt_stack a = get(s, 0), b = get(s, 1), c = get(s, -1);
    ok(a.node == 0 && b.node == 1 && c.node >= 0, "a stack of the node asked for");
    ok(a.chunk != b.chunk, "from different mappings");
    char *lo = b.lo;
    gt_stack_put(s, &b);
    struct gt_stack d = get(s, 0);
    ok(d.lo != lo, "put on one node, not handed out for the other");
    b = get(s, 1);
    ok(b.lo == lo, "but for its own");
    close_pool(s, "nodes, some handed out");
    gt_topo_destroy(t);
}

static void bad_sizes(void)
{
    struct gt_stacks *s = NULL;
    struct gt_stacks_options o = {.size = 100};
    is_int(gt_stacks_create(arena, NULL, &o, &s, err, sizeof err), -EINVAL, "too small a stack");
    ok(!s && strstr(err, "100 bytes"), "named: %s", err);
    o.size = (size_t)1 << 40;
    is_int(gt_stacks_create(arena, NULL, &o, &s, err, sizeof err), -EINVAL, "too large a stack");
    s = open_pool(NULL, 8u << 20, false);
    struct gt_stack st = get(s, -1);
    st.lo[0] = st.hi[-1] = 1;
    gt_stack_put(s, &st);
    close_pool(s, "stacks of 8 MiB");
}

#if GT_ORACLE
static void out_of_memory(void)
{
    struct gt_stacks *s = NULL;
    struct gt_stack st;
    struct gt_stacks_options o = {.size = 0};
    gt_arena_fail_after(arena, 1);
    is_int(gt_stacks_create(arena, NULL, &o, &s, err, sizeof err), -ENOMEM, "no memory, no pool");
    s = open_pool(NULL, 0, false);
    gt_arena_fail_after(arena, 1);
    is_int(gt_stack_get(s, -1, &st), -ENOMEM, "no memory, no stack");
    ok(!st.chunk, "and none is pretended");
    is_int(gt_stack_get(s, -1, &st), 0, "the next try works");
    gt_stack_put(s, &st);
    close_pool(s, "out of memory");
}
#endif

/* ---- threads -------------------------------------------------------------------------------- */

static struct gt_stacks *shared;

static void *churn(void *arg)
{
    unsigned seed = (unsigned)(uintptr_t)arg;
    struct gt_stack mine[32] = {{0}};
    uintptr_t bad = 0;
    for (int i = 0; i < 20000; i++) {
        seed = seed * 1664525u + 1013904223u;
        struct gt_stack *st = &mine[seed >> 27];
        uintptr_t tag = (uintptr_t)arg * 100 + (seed >> 27);
        if (st->chunk) {
            bad += *(uintptr_t *)(void *)(st->hi - 64) != tag;
            gt_stack_put(shared, st);
        } else if (gt_stack_get(shared, (int)(seed >> 20 & 1), st) == 0) {
            *(uintptr_t *)(void *)(st->hi - 64) = tag;
        } else {
            bad++;
        }
    }
    for (int i = 0; i < 32; i++)
        if (mine[i].chunk)
            gt_stack_put(shared, &mine[i]);
    return (void *)bad;
}

static void threads(void)
{
    struct gt_topo *t = NULL;
    if (gt_topo_create(NODES_DESC, &t, err, sizeof err) != 0)
        bail_out("%s", err);
    shared = open_pool(t, 16384, false);
    pthread_t id[4];
    uintptr_t bad = 0;
    for (uintptr_t i = 0; i < 4; i++)
        if (pthread_create(&id[i], NULL, churn, (void *)(i + 1)) != 0)
            bail_out("no thread");
    for (int i = 0; i < 4; i++) {
        void *b;
        pthread_join(id[i], &b);
        bad += (uintptr_t)b;
    }
    is_int(bad, 0, "four threads: nobody's stack is another's");
    struct gt_stacks_stats st;
    gt_stacks_stats(shared, &st);
    is_int(st.in_use, 0, "four threads: all put back");
    ok(st.made <= 128 && st.made > 0, "four threads: no more made than were out at once: %llu",
       (unsigned long long)st.made);
    close_pool(shared, "four threads");
    gt_topo_destroy(t);
}

/* ---- many ---------------------------------------------------------------------------------- */

static size_t resident(void)
{
    unsigned long total = 0, pages_in = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f || fscanf(f, "%lu %lu", &total, &pages_in) != 2)
        bail_out("/proc/self/statm");
    fclose(f);
    return pages_in * gt_page_size();
}

static uint32_t map_limit(void)
{
    uint32_t n = 0;
    FILE *f = fopen("/proc/sys/vm/max_map_count", "r");
    if (f && fscanf(f, "%u", &n) != 1)
        n = 0;
    if (f)
        fclose(f);
    return n;
}

#define SANITIZED (GT_ASAN || GT_TSAN)
#define MANY (GT_TSAN ? 400u : GT_ASAN ? 2000u : 200000u)
/* What nobody but the caller knows of is not in the pool's price. */
static struct gt_stack stacks[MANY];

static void many(void)
{
    struct gt_stacks *s = open_pool(NULL, 0, false);
    uint32_t n = gt_guard_is_lightweight() || MANY < 20000 ? MANY : 20000;
    memset(stacks, 1, sizeof stacks); /* their own pages do not count */
    size_t before = resident();
    int rc = 0;
    uint32_t got = 0;
    for (; got < n && rc == 0; got++) {
        rc = gt_stack_get(s, -1, &stacks[got]);
        if (rc == 0)
            memset(stacks[got].hi - 200, 1, 200);
    }
    is_int(rc, 0, "%u stacks%s%s", n, rc ? ": " : "", rc ? gt_stacks_error(rc) : "");
    size_t each = (resident() - before) / n;
    diag("%zu bytes of resident memory for each stack with one touched page", each);
    if (SANITIZED)
        skip(1, "sanitizers have shadow memory");
    else
        ok(each >= gt_page_size() && each <= gt_page_size() + 64,
           "a page and at most 64 bytes each");
    for (uint32_t i = 0; i < n; i++)
        gt_stack_put(s, &stacks[i]);
    struct gt_stack again = get(s, -1);
    ok(again.hi[-1] == 1, "put back, they keep their pages");
    gt_stack_put(s, &again);
    is_int(gt_stacks_trim(s, 100), n - 100, "given back to the kernel");
    size_t after = resident();
    ok(SANITIZED || after < before + (size_t)n * 100, "and the kernel took them");
    close_pool(s, "many");
}

/* The map count limit is an error with a name, and no harm is done. */
static void too_many(void)
{
    uint32_t limit = map_limit();
    if (SANITIZED || limit == 0 || limit > MANY) {
        skip(6, "map limit of %u", limit);
        return;
    }
    struct gt_stacks *s = open_pool(NULL, 16384, true);
    int rc = 0;
    uint32_t got = 0;
    while (got < MANY && (rc = gt_stack_get(s, -1, &stacks[got])) == 0)
        got++;
    is_int(rc, -ENOSPC, "page protection: ends at the map count limit, after %u stacks", got);
    ok(strstr(gt_stacks_error(rc), "vm.max_map_count"), "with what to do about it");
    ok(got > limit / 2 - 1000 && got <= limit / 2, "two map entries each");
    struct gt_stack st;
    is_int(gt_stack_get(s, -1, &st), rc, "again the same");
    char *lo = stacks[5].lo;
    gt_stack_put(s, &stacks[5]);
    ok(gt_stack_get(s, -1, &st) == 0 && st.lo == lo, "one put back is handed out");
    close_pool(s, "too many");
}

int main(void)
{
    if (gt_arena_create(GT_ALLOC_JEMALLOC, NULL, &arena, err, sizeof err) != 0)
        bail_out("%s", err);
    guards(false);
    guards(true);
    pages();
    nodes();
    bad_sizes();
#if GT_ORACLE
    out_of_memory();
#endif
    threads();
    many();
    too_many();
    gt_arena_destroy(arena);
    return done_testing();
}
