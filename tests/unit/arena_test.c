/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: both labels=quick,reduced */
/* Arenas: every back-end gives zeroed aligned blocks, counts them and forgets none. */
#include "core/alloc.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/topology.h"
#include "tap.h"

#define NODES_DESC "pack:2 [numa(memory=1073741824)] core:2 pu:1"

static char err[256];

static struct gt_arena *open_arena(enum gt_alloc_kind kind, const struct gt_topo *t)
{
    struct gt_arena *a = NULL;
    if (gt_arena_create(kind, t, &a, err, sizeof err) != 0)
        bail_out("arena: %s", err);
    return a;
}

static uint64_t live_bytes(const struct gt_arena *a)
{
    struct gt_arena_live l;
    gt_arena_live(a, &l);
    return l.bytes;
}

static uint64_t live_blocks(const struct gt_arena *a)
{
    struct gt_arena_live l;
    gt_arena_live(a, &l);
    return l.blocks;
}

static bool all_zero(const void *p, size_t n)
{
    const unsigned char *c = p;
    for (size_t i = 0; i < n; i++)
        if (c[i])
            return false;
    return true;
}

/* ---- every back-end ----------------------------------------------------------------- */

static const size_t sizes[] = {1,    63,   64,    65,     128,     1000,    1024,
                               1025, 4096, 10000, 100000, 1000000, 9000000, 200};
#define SIZES (sizeof sizes / sizeof sizes[0])

static void basics(enum gt_alloc_kind kind)
{
    struct gt_arena *a = open_arena(kind, NULL);
    const char *name = gt_arena_name(a);
    void *p[SIZES];
    bool zero = true, aligned = true, got = true;
    uint64_t sum = 0;
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < SIZES; i++) {
            p[i] = gt_alloc(a, sizes[i], -1);
            got &= p[i] != NULL;
            if (!p[i])
                continue;
            zero &= all_zero(p[i], sizes[i]);
            aligned &= (uintptr_t)p[i] % GT_ALLOC_ALIGN == 0;
            memset(p[i], 0xa5, sizes[i]);
            sum += round == 0 ? sizes[i] : 0;
        }
        if (round == 0) {
            is_int(live_bytes(a), sum, "%s: bytes in use", name);
            is_int(live_blocks(a), SIZES, "%s: blocks in use", name);
        }
        for (size_t i = 0; i < SIZES; i++)
            gt_free(a, p[round == 1 ? SIZES - 1 - i : i], sizes[round == 1 ? SIZES - 1 - i : i]);
    }
    ok(got, "%s: every size is given", name);
    ok(zero, "%s: zeroed, also where it was used before", name);
    ok(aligned, "%s: aligned to a cache line", name);
    is_int(live_bytes(a) + live_blocks(a), 0, "%s: nothing in use after", name);
    gt_free(a, NULL, 1);
    ok(!gt_alloc(a, 0, -1) && !gt_alloc(a, SIZE_MAX, -1) && !gt_alloc(a, (size_t)1 << 50, -1),
       "%s: nonsense sizes give NULL", name);
    ok(gt_alloc(a, 5000, -1) && live_blocks(a) == 1, "%s: one is left behind and counted", name);
    gt_arena_destroy(a);
}

struct worker {
    struct gt_arena *a;
    unsigned seed;
    bool good;
    void *pass[64]; /* blocks for the next worker to free */
};

enum { ROUNDS = 4000 };

static void *work(void *arg)
{
    struct worker *w = arg;
    unsigned char *mine[64] = {0};
    size_t size[64] = {0};
    w->good = true;
    for (int i = 0; i < ROUNDS; i++) {
        w->seed = w->seed * 1664525u + 1013904223u;
        unsigned k = w->seed >> 26;
        if (mine[k]) {
            w->good &= mine[k][0] == (unsigned char)k && mine[k][size[k] - 1] == (unsigned char)k;
            gt_free(w->a, mine[k], size[k]);
            mine[k] = NULL;
            continue;
        }
        size[k] = 1 + (w->seed >> 8) % 3000;
        mine[k] = gt_alloc(w->a, size[k], (int32_t)(k % 4) - 1);
        if (!mine[k]) {
            w->good = false;
            continue;
        }
        w->good &= all_zero(mine[k], size[k]);
        memset(mine[k], (int)k, size[k]);
    }
    for (unsigned k = 0; k < 64; k++) {
        gt_free(w->a, mine[k], size[k]);
        w->pass[k] = gt_alloc(w->a, 100, -1);
    }
    return NULL;
}

static void threads(enum gt_alloc_kind kind)
{
    struct gt_topo *t = NULL;
    if (gt_topo_create(NODES_DESC, &t, err, sizeof err) != 0)
        bail_out("%s", err);
    struct gt_arena *a = open_arena(kind, t);
    struct worker w[4];
    pthread_t id[4];
    for (unsigned i = 0; i < 4; i++) {
        w[i] = (struct worker){.a = a, .seed = i + 1};
        if (pthread_create(&id[i], NULL, work, &w[i]) != 0)
            bail_out("no thread");
    }
    bool good = true;
    for (int i = 0; i < 4; i++) {
        pthread_join(id[i], NULL);
        good &= w[i].good;
    }
    ok(good, "%s: four threads, nobody's block is another's", gt_arena_name(a));
    is_int(live_blocks(a), 4 * 64, "%s: exact count after threads", gt_arena_name(a));
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < 64; k++)
            gt_free(a, w[i].pass[k], 100);
    is_int(live_bytes(a), 0, "%s: freed by another thread", gt_arena_name(a));
    gt_arena_destroy(a);
    gt_topo_destroy(t);
}

#if GT_ORACLE
static void failing(enum gt_alloc_kind kind)
{
    struct gt_arena *a = open_arena(kind, NULL);
    const char *name = gt_arena_name(a);
    gt_arena_fail_after(a, 3);
    void *p1 = gt_alloc(a, 64, -1), *p2 = gt_alloc(a, 64, -1);
    ok(p1 && p2 && gt_arena_fail_pending(a), "%s: two are given", name);
    ok(!gt_alloc(a, 64, -1) && !gt_arena_fail_pending(a), "%s: the third is not", name);
    void *p4 = gt_alloc(a, 64, -1);
    ok(p4 && live_blocks(a) == 3, "%s: the fourth is; the failed one does not count", name);
    gt_arena_fail_after(a, 1);
    gt_arena_fail_after(a, 0);
    void *p5 = gt_alloc(a, 64, -1);
    ok(p5, "%s: taken back", name);
    gt_arena_destroy(a);
}
#endif

/* ---- jemalloc's nodes ------------------------------------------------------------------ */

/* A thread cache would hand the freed block of node 0 out for node 1. */
static void nodes_apart(void)
{
    struct gt_topo *t = NULL;
    if (gt_topo_create(NODES_DESC, &t, err, sizeof err) != 0)
        bail_out("%s", err);
    struct gt_arena *a = open_arena(GT_ALLOC_JEMALLOC, t);
    if (strcmp(gt_arena_name(a), "jemalloc") != 0) {
        skip(3, "no jemalloc in this build");
    } else {
        enum { N = 1000 };
        static void *first[N];
        for (int i = 0; i < N; i++)
            first[i] = gt_alloc(a, 256, 0);
        for (int i = 0; i < N; i++)
            gt_free(a, first[i], 256);
        bool apart = true, reused = false;
        for (int i = 0; i < N; i++) {
            void *p = gt_alloc(a, 256, 1);
            for (int k = 0; k < N; k++)
                apart &= p != first[k];
        }
        for (int i = 0; i < N; i++) {
            void *p = gt_alloc(a, 256, 0);
            for (int k = 0; k < N; k++)
                reused |= p == first[k];
        }
        ok(apart, "blocks freed on one node are not handed out for another");
        ok(reused, "but again for their own");
        ok(gt_alloc(a, 64, 7) != NULL, "an unknown node means any");
    }
    gt_arena_destroy(a);
    gt_topo_destroy(t);
}

/* Many runtimes in one process: jemalloc's arenas are given back. */
static void many_arenas(void)
{
    struct gt_topo *t = NULL;
    if (gt_topo_create(NODES_DESC, &t, err, sizeof err) != 0)
        bail_out("%s", err);
    bool good = true;
    for (int i = 0; i < 200; i++) {
        struct gt_arena *a = open_arena(GT_ALLOC_JEMALLOC, t);
        char *p = gt_alloc(a, 300000, i % 2);
        good &= p && all_zero(p, 300000);
        if (p)
            memset(p, 1, 300000);
        gt_arena_destroy(a);
    }
    ok(good, "200 arenas one after the other, each left full");
    gt_topo_destroy(t);
}

/* ---- bump -------------------------------------------------------------------------------- */

struct list {
    struct list *next;
    int value;
};

static struct list *push(struct gt_arena *a, struct list *head, int value)
{
    struct list *l = gt_alloc(a, sizeof *l, -1);
    if (!l)
        bail_out("bump arena is full");
    *l = (struct list){head, value};
    return l;
}

static int sum(const struct list *l)
{
    int s = 0;
    for (; l; l = l->next)
        s += l->value;
    return s;
}

static void restoring(void)
{
    struct gt_arena *a = open_arena(GT_ALLOC_BUMP, NULL);
    struct list *head = NULL;
    for (int i = 1; i <= 100; i++)
        head = push(a, head, i);
    struct list *spare = push(a, NULL, 42);
    struct gt_arena_mark m, later;
    is_int(gt_arena_mark(a, &m), 0, "bump: marked");

    for (struct list *l = head; l; l = l->next)
        l->value = -7;
    gt_free(a, spare, sizeof *spare);
    struct list *grown = head;
    for (int i = 0; i < 5000; i++)
        grown = push(a, grown, 1000);
    void *after = gt_alloc(a, 100000, -1);
    if (after)
        memset(after, 0xee, 100000);
    is_int(gt_arena_mark(a, &later), 0, "bump: and again later");

    is_int(gt_arena_restore(a, &m), 0, "bump: back to the first mark");
    is_int(sum(head), 5050, "bump: values and links are what they were");
    is_int(spare->value, 42, "bump: a block freed since is back");
    is_int(live_blocks(a), 101, "bump: so is the count");
    void *x1 = gt_alloc(a, sizeof *head, -1);
    ok(x1 && all_zero(x1, sizeof *head), "bump: what was dirty above the mark comes zeroed");
    void *big1 = gt_alloc(a, 100000, -1);
    ok(big1 && all_zero(big1, 100000), "bump: large ones too");

    is_int(gt_arena_restore(a, &later), 0, "bump: forward to the second mark");
    is_int(sum(grown), 5000 * 1000 - 7 * 100, "bump: 5,000 more");
    is_int(gt_arena_restore(a, &m), 0, "bump: and back again");
    void *x2 = gt_alloc(a, sizeof *head, -1);
    void *big2 = gt_alloc(a, 100000, -1);
    ok(x2 == x1 && big2 == big1, "bump: the same calls give the same addresses");
    gt_arena_mark_free(&m);
    gt_arena_mark_free(&later);
    ok(!m.copy && !m.used, "bump: a mark is freed");

    is_int(gt_arena_reset(a), 0, "bump: emptied");
    is_int(live_bytes(a), 0, "bump: nothing in use");
    struct list *again = push(a, NULL, 3);
    ok((char *)again < (char *)head, "bump: filled from the start");
    gt_arena_destroy(a);
}

static void restoring_others(void)
{
    struct gt_arena *a = open_arena(GT_ALLOC_JEMALLOC, NULL);
    struct gt_arena_mark m;
    is_int(gt_arena_mark(a, &m), -ENOTSUP, "%s: cannot be marked", gt_arena_name(a));
    is_int(gt_arena_restore(a, &m), -ENOTSUP, "%s: nor restored", gt_arena_name(a));
    is_int(gt_arena_reset(a), -ENOTSUP, "%s: nor emptied", gt_arena_name(a));
    gt_arena_destroy(a);
}

int main(void)
{
    static const enum gt_alloc_kind kinds[] = {GT_ALLOC_JEMALLOC, GT_ALLOC_BUMP};
    for (int i = 0; i < 2; i++) {
        basics(kinds[i]);
        threads(kinds[i]);
#if GT_ORACLE
        failing(kinds[i]);
#endif
    }
    nodes_apart();
    many_arenas();
    restoring();
    restoring_others();
    struct gt_arena *a = NULL;
    is_int(gt_arena_create((enum gt_alloc_kind)9, NULL, &a, err, sizeof err), -EINVAL,
           "no such kind");
    gt_arena_destroy(NULL);
    return done_testing();
}
