/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: labels=quick,reduced timeout=120 */
/* Marking against models: what is marked in a graph is what can be reached, also when there is
 * no memory for grey objects. (Stacks: gc_scan_test.c; barrier, channels: gc_barrier_test.c.) */
#include <errno.h>

#include "gc_hand.h"

static const uint32_t at_0[] = {0}, at_8_24[] = {8, 24}, both[] = {0, 8};
static const struct gt_gc_layout list_layout = {"list", 16, 1, at_0};    /* next, number */
static const struct gt_gc_layout pair_layout = {"pair", 32, 2, at_8_24}; /* -, a, -, b */
static const struct gt_gc_layout cell_layout = {"cell", 16, 2, both};
static const struct gt_gc_layout array_layout = {"array", 8, 1, at_0};
static const struct gt_gc_layout odd_layout = {"odd", 24, 2, both}; /* pieces end inside */

/* ---- the model: every object by number, what it points to by number -------------------- */
#define EDGES 3
struct node {
    hidden_t at;
    int32_t to[EDGES]; /* -1: nothing */
    bool reached;
};
struct model {
    struct node *node;
    uint32_t n, roots;
    uintptr_t *root; /* registered: the first `roots` objects */
    uint64_t seed;
};

static void reach(struct model *m)
{
    int32_t *todo = malloc(m->n * sizeof *todo);
    uint32_t k = 0;
    for (uint32_t i = 0; i < m->n; i++)
        m->node[i].reached = i < m->roots;
    for (uint32_t i = 0; i < m->roots; i++)
        todo[k++] = (int32_t)i;
    while (k != 0) {
        const struct node *n = &m->node[todo[--k]];
        for (int e = 0; e < EDGES; e++) {
            if (n->to[e] < 0 || m->node[n->to[e]].reached)
                continue;
            m->node[n->to[e]].reached = true;
            todo[k++] = n->to[e];
        }
    }
    free(todo);
}

/*
 * A word of a stack may look like the address of a dead object: frames have slots that nobody
 * wrote, over what lay there before. So what is kept in vain gets another cycle, on stacks
 * that were wiped; who is kept by something else stays. Looking at the objects is left to a G
 * of its own, that does not leave their addresses where the next cycle looks.
 */
static uint32_t in_vain;

static void check(struct model *m, const char *what)
{
    uint32_t lost = 0, kept = 0;
    reach(m);
    for (uint32_t i = 0; i < m->n; i++) {
        bool marked = hand_marked(m->node[i].at);
        lost += m->node[i].reached && !marked;
        kept += !m->node[i].reached && marked;
    }
    if (lost != 0 || kept != 0)
        fprintf(stderr, "# %s: of %u objects %u lost, %u kept in vain\n", what, m->n, lost, kept);
    expect(lost == 0);
    in_vain = kept;
}

static void model_new(struct model *m, uint32_t n, uint32_t roots)
{
    *m = (struct model){.n = n, .roots = roots, .seed = 88172645463325252ull};
    m->node = calloc(n, sizeof *m->node);
    m->root = calloc(roots, sizeof *m->root);
    if (!m->node || !m->root)
        bail_out("no memory");
    for (uint32_t i = 0; i < n; i++)
        for (int e = 0; e < EDGES; e++)
            m->node[i].to[e] = -1;
    expect(gt_gc_root_add(R->runtime(), m->root, roots * sizeof *m->root) == 0);
}

static void model_free(struct model *m)
{
    gt_gc_root_remove(R->runtime(), m->root);
    free(m->node);
    free(m->root);
}

static uintptr_t *made(struct model *m, uint32_t i, size_t size, const struct gt_gc_layout *l)
{
    uintptr_t *p = hand_alloc(size, l);
    m->node[i].at = hide(p);
    if (i < m->roots)
        gt_gc_store(&m->root[i], p);
    return p;
}

static void set(struct model *m, uintptr_t *slot, uint32_t from, int e, int32_t to)
{
    m->node[from].to[e] = to;
    gt_gc_store(slot, unhide(m->node[to].at));
}

/* ---- shapes ------------------------------------------------------------------------------- */
/* Two lists, one cut off from its root in the middle; numbers that look like addresses. */
static void lists(void *arg)
{
    struct model *m = arg;
    for (uint32_t i = 0; i < m->n; i++) {
        uintptr_t *p = made(m, i, 16, &list_layout);
        p[1] = i >= 2 ? ~m->node[i - 2].at : 0; /* no pointer by its layout */
        if (i >= 2 && i != m->n / 2)
            set(m, (uintptr_t *)unhide(m->node[i - 2].at), i - 2, 0, (int32_t)i);
    }
}

/* 0: a large array of pointers to all others but every third. */
static void wide(void *arg)
{
    struct model *m = arg;
    uintptr_t *a = made(m, 0, m->n * sizeof *a, &array_layout);
    for (uint32_t i = 1; i < m->n; i++) {
        made(m, i, 16 + i % 64, i % 2 ? &cell_layout : NULL);
        if (i % 3 != 0)
            gt_gc_store(&a[i], unhide(m->node[i].at));
    }
}

static void check_wide(struct model *m, const char *what)
{
    uint32_t lost = !hand_marked(m->node[0].at), kept = 0;
    for (uint32_t i = 1; i < m->n; i++) {
        bool marked = hand_marked(m->node[i].at);
        lost += !marked && i % 3 != 0;
        kept += marked && i % 3 == 0;
    }
    if (lost != 0 || kept != 0)
        fprintf(stderr, "# %s: of %u objects %u lost, %u kept in vain\n", what, m->n, lost, kept);
    expect(lost == 0);
    in_vain = kept;
}

/* Elements of three words of which two are pointers: a piece ends at an element's end. */
static void odd(void *arg)
{
    struct model *m = arg;
    uintptr_t *a = made(m, 0, m->n * 24, &odd_layout);
    for (uint32_t i = 1; i < m->n; i++) {
        made(m, i, 16, NULL);
        a[3 * i + 2] = i % 3 == 0 ? ~m->node[i].at : 0;
        if (i % 3 != 0)
            gt_gc_store(&a[3 * i + i % 3 - 1], unhide(m->node[i].at));
    }
}

/* Cycles, islands, shared parts; pointers to first bytes and into the middle. */
static void random_graph(void *arg)
{
    struct model *m = arg;
    for (uint32_t i = 0; i < m->n; i++) {
        uint64_t r = gt_rand(&m->seed);
        made(m, i, 32 + (r & 255), &pair_layout);
    }
    for (uint32_t i = 0; i < m->n; i++) {
        uintptr_t *p = unhide(m->node[i].at);
        for (int e = 0; e < 2; e++) {
            uint64_t r = gt_rand(&m->seed);
            if (r % 5 < 2)
                continue;
            uint32_t to = (uint32_t)((r >> 32) % m->n);
            m->node[i].to[e] = (int32_t)to;
            gt_gc_store(&p[1 + 2 * e], (char *)unhide(m->node[to].at) + (r >> 8) % 32);
        }
    }
}

/* ---- one cycle over one shape --------------------------------------------------------------- */
struct shape {
    const char *name;
    gt_fn build;
    void (*check)(struct model *, const char *);
    uint32_t n, roots;
};
static const struct shape shapes[] = {
    {"lists", lists, check, 200000, 2},
    {"a wide array", wide, check_wide, 200000, 1},
    {"odd elements", odd, check_wide, 60000, 1},
    {"a random graph", random_graph, check, 60000, 40},
};
#define N_SHAPES (sizeof shapes / sizeof *shapes)

struct look {
    void (*check)(struct model *m, const char *what);
    struct model *m;
    const char *what;
};
static void look_main(void *arg)
{
    struct look *l = arg;
    l->check(l->m, l->what);
}
static void look(void (*fn)(struct model *, const char *), struct model *m, const char *what)
{
    struct look l = {fn, m, what};
    hand_elsewhere(look_main, &l);
}

static GT_NOINLINE void wipe(void)
{
    volatile char below[24 * 1024];
    for (size_t i = 0; i < sizeof below; i++)
        below[i] = 0;
}

static void cycle(struct model *m, const struct shape *s, bool (*until)(struct gt_m *))
{
    in_vain = UINT32_MAX;
    for (int i = 0; i < 5 && in_vain != 0; i++) {
        wipe();
        hand_begin(true);
        hand_drain_by(until);
#if GT_ORACLE
        gt_arena_fail_after(R->runtime()->arena, 0);
#endif
        look(s->check, m, s->name);
        hand_end();
    }
    expect(in_vain == 0);
}

static void all_shapes(void *arg)
{
    (void)arg;
    hand_shares();
    for (uint32_t i = 0; i < N_SHAPES; i++) {
        struct model m;
        model_new(&m, scale(shapes[i].n), shapes[i].roots);
        hand_elsewhere(shapes[i].build, &m);
        cycle(&m, &shapes[i], NULL);
        model_free(&m);
    }
    hand_begin(true);
    hand_drain();
    hand_end();
}

/* A drain that is told to stop, or has used its budget, has done its share and no more. */
static uint32_t asked;
static bool at_once(struct gt_m *m)
{
    (void)m;
    return ++asked % 64 == 0;
}

static void stops_in_time(void *arg)
{
    struct model m;
    (void)arg;
    hand_shares();
    model_new(&m, 100000, 1);
    hand_elsewhere(wide, &m);
    hand_begin(true);
    while (!gt_gc_roots_done(R->runtime()))
        hand_drain_some(NULL, 1);
    int64_t n = hand_drain_some(NULL, 1);
    expect(n > 0 && n <= 128 * 1024);
    n = hand_drain_some(NULL, 300000);
    expect(n >= 300000);
    expect(n <= 300000 + 128 * 1024);
    asked = 0;
    (void)hand_drain_some(at_once, -1);
    expect(asked == 64);
    hand_drain_by(NULL);
    look(check_wide, &m, "in pieces");
    hand_end();
    model_free(&m);
}

#if GT_ORACLE
/* No buffer to be had: each object's or piece's first allocation fails. */
static bool starve(struct gt_m *m)
{
    gt_arena_fail_after(m->rt->arena, 1);
    return false;
}

static void without_memory(void *arg)
{
    (void)arg;
    hand_shares();
    for (uint32_t i = 0; i < N_SHAPES; i++) {
        struct gt_work_stats before, after;
        struct model m;
        model_new(&m, scale(40000), shapes[i].roots);
        hand_elsewhere(shapes[i].build, &m);
        gt_work_stats(hand_marker()->work, &before);
        cycle(&m, &shapes[i], starve);
        gt_work_stats(hand_marker()->work, &after);
        expect(shapes[i].build != wide || after.lost > before.lost); /* the window was entered */
        model_free(&m);
    }
}
#endif

/* ---- many at once ------------------------------------------------------------------------------- */
struct crowd {
    struct gt_wg *wg;
    gt_a32 stop;
};

static void drainer(void *arg)
{
    struct crowd *c = arg;
    while (gt_load_relaxed(&c->stop) == 0) {
        (void)hand_drain_some(NULL, 100000);
        R->yield();
    }
    R->wg_done(c->wg);
}

/* Several Gs drain, each scanned by another while it does. */
static void together(void *arg)
{
    struct model m;
    (void)arg;
    hand_shares();
    model_new(&m, scale(60000), 40);
    hand_elsewhere(random_graph, &m);
    uint32_t least = UINT32_MAX;
    for (int round = 0; round < 6; round++) {
        struct crowd c = {.wg = R->wg_new()};
        R->wg_add(c.wg, 4);
        hand_begin(true);
        for (int i = 0; i < 4; i++)
            expect(R->go(drainer, &c) == 0);
        hand_drain();
        gt_store_relaxed(&c.stop, 1u);
        R->wg_wait(c.wg);
        look(check, &m, "together");
        least = in_vain < least ? in_vain : least;
        hand_end();
        R->wg_free(c.wg);
    }
    expect(least == 0);
    model_free(&m);
}

/* ---- bounds -------------------------------------------------------------------------------------- */
static void areas(void *arg)
{
    static uintptr_t area[40000];
    struct gt_runtime *rt = R->runtime();
    (void)arg;
    hand_shares();
    expect(gt_gc_root_add(rt, NULL, 8) == -EINVAL);
    expect(gt_gc_root_add(rt, area, 0) == -EINVAL);
    expect(gt_gc_root_add(rt, area, 7) == -EINVAL);
    expect(gt_gc_root_add(rt, (char *)area + 4, 8) == -EINVAL);
    gt_gc_root_remove(rt, area); /* is none: nothing */
    expect(gt_gc_root_add(rt, area, sizeof area) == 0);
    hidden_t last = hide(hand_alloc(64, &cell_layout)), first = hide(hand_alloc(64, NULL));
    gt_gc_store(&area[39999], unhide(last));
    gt_gc_store(&area[0], (char *)unhide(first) + 63);
    hand_begin(true);
    hand_drain();
    expect(hand_marked(last) && hand_marked(first));
    hand_end();
    gt_gc_root_remove(rt, area);
}

int main(void)
{
    for (int i = 0; i < N_PROC_COUNTS; i++) {
        in_runtime(proc_counts[i], all_shapes, NULL, "what can be reached is marked, no more");
        in_runtime(proc_counts[i], together, NULL, "several Gs drain");
    }
    in_runtime(1, stops_in_time, NULL, "a drain stops when told, and at its budget");
    in_runtime(2, areas, NULL, "registered areas");
#if GT_ORACLE
    in_runtime(1, without_memory, NULL, "no memory for grey objects: nothing is lost");
    in_runtime(2, without_memory, NULL, "no memory for grey objects: nothing is lost");
#endif
    return done_testing();
}
