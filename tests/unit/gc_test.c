/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: labels=quick,reduced timeout=120 */
/*
 * The collector's cycle: what is dropped is found, what is held is kept, gc() keeps its word,
 * and runs may end, Ps come and go, memory run out, in the middle of a cycle. Freed memory
 * is filled (poison) wherever objects are looked at.
 */
#include <errno.h>

#include "core/gc.h"
#include "in_runtime.h"

static struct gt_runtime *gc_runtime(int32_t procs, enum gt_syscall_model model,
                                     const struct gt_gc_options *o)
{
    struct gt_config c;
    struct gt_runtime *rt = NULL;
    char err[160] = "";
    gt_config_init(&c);
    c.scheduler = &gt_scheduler_worksteal;
    c.tracer = &gt_tracer_none;
    c.procs = procs;
    c.syscalls = model;
    c.gc = *o;
    gt_store_relaxed(&bad, 0u);
    if (R->create(&c, &rt, err, sizeof err) != 0)
        bail_out("create: %s", err);
    return rt;
}

static struct gt_gc_stats stats_of(struct gt_runtime *rt)
{
    struct gt_gc_stats s;
    R->gc_stats(rt, &s);
    return s;
}

static void one_run(int32_t procs, enum gt_syscall_model model, const struct gt_gc_options *o,
                    gt_fn fn, void *arg, const char *what)
{
    struct gt_runtime *rt = gc_runtime(procs, model, o);
    runtime_end(rt, procs, what, R->run(rt, fn, arg));
}

static const struct gt_gc_options poisoned = {.poison = true};

/* ---- objects that know whether they are whole ---------------------------------------------- */
struct node {
    uint64_t value, check;
    struct node *next;
    uint64_t pad[3];
};
static const uint32_t node_offsets[] = {offsetof(struct node, next)};
static const struct gt_gc_layout node_layout = {"node", sizeof(struct node), 1, node_offsets};
#define CHECK(v) ((v) * 0x9e3779b97f4a7c15ull ^ 0x5bd1e995u)

static struct node *node_new(uint64_t value, struct node *next)
{
    struct node *n = R->gc_alloc(sizeof *n, &node_layout);
    if (!n)
        return NULL;
    expect(n->value == 0 && n->check == 0 && n->next == NULL && n->pad[2] == 0);
    n->value = value;
    n->check = CHECK(value);
    R->gc_store(&n->next, next);
    return n;
}

static bool node_whole(const struct node *n)
{
    return n->check == CHECK(n->value);
}

/* The nodes of a list, or -1: one is not whole. */
static int64_t list_length(const struct node *n)
{
    int64_t k = 0;
    for (; n; n = n->next, k++)
        if (!node_whole(n))
            return -1;
    return k;
}

static struct node *list_of(uint32_t n, uint64_t from)
{
    struct node *l = NULL;
    for (uint32_t i = 0; i < n; i++)
        l = node_new(from + i, l);
    return l;
}

/* ---- mutators ------------------------------------------------------------------------------- */
struct team {
    struct gt_wg *done;
    uint32_t rounds;
    gt_a32 stop;
    gt_a64 made;
};

#define LISTS 16u

/* Lists on the stack, cut, moved to each other's tails, and read through. */
static void mutate(struct team *t, uint64_t seed)
{
    struct node *list[LISTS] = {0};
    uint32_t length[LISTS] = {0};
    uint64_t rng = seed | 1, made = 0;
    for (uint32_t i = 0; i < t->rounds && !gt_load_relaxed(&t->stop); i++) {
        uint64_t r = gt_rand(&rng);
        uint32_t k = (uint32_t)(r >> 8) % LISTS, j = (uint32_t)(r >> 16) % LISTS;
        if (length[k] > 60 || r % 16 == 0) {
            expect(list_length(list[k]) == length[k]);
            list[k] = NULL;
            length[k] = 0;
        } else if (r % 16 == 1 && j != k && list[k]) { /* list j behind the first of k */
            R->gc_store(&list[k]->next, list[j]);
            length[k] = length[j] + 1;
            list[j] = NULL;
            length[j] = 0;
        } else {
            list[k] = node_new(r, list[k]);
            length[k]++;
            made++;
        }
        if (r % 64 == 2)
            (void)R->gc_alloc((r >> 24) % 3000, NULL);
        if (r % 256 == 3)
            R->yield();
    }
    for (uint32_t k = 0; k < LISTS; k++)
        expect(list_length(list[k]) == length[k]);
    gt_add_relaxed(&t->made, made);
}

static void mutator(void *arg)
{
    struct team *t = arg;
    mutate(t, R->goid() * 77777);
    R->wg_done(t->done);
}

static void team_start(struct team *t, int n)
{
    t->done = R->wg_new();
    R->wg_add(t->done, n);
    for (int i = 0; i < n; i++)
        expect(R->go(mutator, t) == 0);
}

static void team_wait(struct team *t)
{
    R->wg_wait(t->done);
    R->wg_free(t->done);
}

static void many_mutators(void *arg)
{
    (void)arg;
    struct team t = {.rounds = (uint32_t)scale(30000)};
    team_start(&t, 8);
    for (int i = 0; i < scale(20); i++) {
        expect(R->gc() == 0);
        R->yield();
    }
    team_wait(&t);
    struct gt_gc_stats s = stats_of(R->runtime());
    expect(s.cycles >= (uint64_t)scale(20) && s.frees > 0);
}

/* ---- reclaim -------------------------------------------------------------------------------- */
#define LIVE_NODES 80000u /* 64 bytes a slot: 5 MiB, more than the floor of the goal */

static void steady(void *arg)
{
    struct gt_runtime *rt = R->runtime();
    uint64_t cycles = *(uint64_t *)arg, worst = 0;
    struct node *live = list_of(LIVE_NODES, 1);
    expect(R->gc() == 0);
    uint64_t live_bytes = stats_of(rt).heap_live;
    expect(live_bytes >= LIVE_NODES * sizeof(struct node));
    uint64_t first = stats_of(rt).cycles;
    for (uint64_t i = 0; stats_of(rt).cycles < first + cycles; i++) {
        for (int k = 0; k < 1000; k++)
            (void)R->gc_alloc(200, NULL);
        uint64_t now = stats_of(rt).heap_now;
        worst = now > worst ? now : worst;
        if (i > 100000000)
            break;
    }
    struct gt_gc_stats s = stats_of(rt);
    diag("%llu cycles, live %llu KiB, at most %llu KiB, memory %llu KiB",
         (unsigned long long)(s.cycles - first), (unsigned long long)live_bytes / 1024,
         (unsigned long long)worst / 1024, (unsigned long long)s.memory / 1024);
    expect(worst <= 2 * live_bytes + 256 * 1024); /* a span or two for each P beyond the goal */
    expect(list_length(live) == LIVE_NODES);
}

/* ---- gc() ----------------------------------------------------------------------------------- */
static void gc_in_callback(void *arg)
{
    struct node *l = list_of(100, 5);
    expect(R->gc() == 0);
    expect(list_length(l) == 100);
    gt_store_relaxed((gt_a32 *)arg, 1u);
}

struct foreign {
    struct gt_runtime *rt;
    gt_a32 called, done;
};

static void foreign_main(void *arg)
{
    struct foreign *f = arg;
    expect(R->gc() == -EPERM);
    expect(R->callback(f->rt, gc_in_callback, &f->called) == 0);
    gt_store_release(&f->done, 1u); /* pair: test-done */
}

static void from_foreign_thread(struct gt_runtime *rt)
{
    struct foreign f = {.rt = rt};
    struct gt_thread th;
    R->expect_callbacks(rt, 1);
    expect(gt_thread_start(&th, foreign_main, &f, 256 * 1024) == 0);
    while (gt_load_acquire(&f.done) == 0) /* pair: test-done */
        R->sleep(GT_NS_PER_MS / 10);
    gt_thread_join(&th);
    R->expect_callbacks(rt, -1);
    expect(gt_load_relaxed(&f.called) == 1);
}

static void asks(void *arg)
{
    struct team *t = arg;
    struct gt_runtime *rt = R->runtime();
    struct node *keep = list_of(50, R->goid());
    for (uint32_t i = 0; i < t->rounds; i++) {
        uint64_t before = stats_of(rt).cycles;
        expect(R->gc() == 0);
        expect(stats_of(rt).cycles > before);
        expect(list_length(keep) == 50);
    }
    R->wg_done(t->done);
}

static void semantics(void *arg)
{
    struct gt_runtime *rt = R->runtime();
    (void)arg;
    R->stop_world(GT_WORLD_TEST);
    expect(R->gc() == -EBUSY);
    struct node *n = node_new(7, NULL); /* who stopped the world may allocate */
    expect(n && R->gc() == -EBUSY);
    R->start_world();
    R->syscall_enter();
    expect(R->gc() == -EPERM);
    R->syscall_exit();
    expect(node_whole(n));

    uint64_t frees = stats_of(rt).frees;
    for (int i = 0; i < 5000; i++)
        (void)R->gc_alloc(64, NULL);
    expect(R->gc() == 0);
    expect(stats_of(rt).frees >= frees + 4900); /* conservative: a few may seem held */
    expect(node_whole(n));
    from_foreign_thread(rt);

    struct team t = {.done = R->wg_new(), .rounds = (uint32_t)scale(8)};
    R->wg_add(t.done, 12);
    for (int i = 0; i < 12; i++)
        expect(R->go(asks, &t) == 0);
    team_wait(&t);
}

/* ---- a world stopped for long in the middle of marking; allocation in it ---------------------- */
static void stopper_allocates(void *arg)
{
    (void)arg;
    struct team t = {.rounds = UINT32_MAX};
    struct node *mine = NULL;
    uint32_t length = 0;
    team_start(&t, 3);
    for (int i = 0; i < scale(60); i++) {
        R->stop_world(GT_WORLD_TEST);
        for (int k = 0; k < 100; k++, length++)
            mine = node_new((uint64_t)k, mine);
        R->start_world();
        R->yield();
    }
    gt_store_relaxed(&t.stop, 1u);
    team_wait(&t);
    expect(list_length(mine) == length);
}

/* ---- runs that end in the middle ------------------------------------------------------------------ */
static struct node *kept; /* a registered root, through all runs */

static void ends_soon(void *arg)
{
    static struct team t;
    uint32_t k = *(uint32_t *)arg;
    if (k == 0) {
        expect(R->gc_root_add(&kept, sizeof kept) == 0);
        R->gc_store(&kept, list_of(30000, 3));
    }
    expect(list_length(kept) == 30000);
    t = (struct team){.rounds = UINT32_MAX};
    team_start(&t, 4);
    struct gt_runtime *rt = R->runtime();
    uint64_t cycles = stats_of(rt).cycles;
    for (uint32_t i = 0; i < 2000 && stats_of(rt).cycles == cycles; i++) {
        (void)R->gc_alloc(4000, NULL);
        if (k % 3 == 0 && gt_gc_marking(rt))
            return;
        if (k % 3 == 1 && gt_gc_marking(rt)) {
            R->interrupt(rt);
            R->park();
        }
        if (i % 8 == 0)
            R->yield();
    }
}

static void test_ends(int32_t procs, enum gt_syscall_model model)
{
    struct gt_runtime *rt = gc_runtime(procs, model, &poisoned);
    uint32_t cut = 0, n = (uint32_t)scale(24);
    bool good = true;
    kept = NULL;
    for (uint32_t k = 0; k < n; k++) {
        int rc = R->run(rt, ends_soon, &k);
        good = good && (rc == 0 || rc == -EINTR);
        cut += rc == -EINTR;
    }
    if (!good)
        diag("a run returned what it should not");
    runtime_end(rt, procs, "runs end in the middle of cycles", good ? 0 : -1);
    diag("%u of %u runs were interrupted while marking", cut, n);
}

/* ---- Ps come and go -------------------------------------------------------------------------------- */
static void churn(void *arg)
{
    (void)arg;
    struct team t = {.rounds = UINT32_MAX};
    team_start(&t, 6);
    static const int32_t counts[] = {1, 8, 3, 2, 16, 4};
    for (int i = 0; i < scale(60); i++) {
        expect(R->set_procs(counts[i % 6]) == 0);
        if (i % 7 == 0)
            expect(R->gc() == 0);
        R->sleep(GT_NS_PER_MS / 4);
    }
    gt_store_relaxed(&t.stop, 1u);
    team_wait(&t);
}

/* ---- 1024 Ps ---------------------------------------------------------------------------------------- */
static void gc_twice(void *arg)
{
    (void)arg;
    struct node *l = list_of(1000, 9);
    expect(R->gc() == 0 && R->gc() == 0);
    expect(list_length(l) == 1000);
}

/* ---- memory runs out ----------------------------------------------------------------------------------- */
/* On a G of its own: when it has ended nothing that looks like a pointer is left. */
static void fill(void *arg)
{
    struct gt_runtime *rt = R->runtime();
    struct node *l = NULL, *n;
    int64_t length = 0;
    while ((n = node_new((uint64_t)length, l)) != NULL && length < 10000000) {
        l = n;
        length++;
    }
    struct gt_gc_stats s = stats_of(rt);
    expect(n == NULL && s.failed >= 1 && s.limited >= 1);
    expect(list_length(l) == length); /* nothing was lost */
    uint64_t cycles = s.cycles;
    for (int i = 0; i < 1000; i++)
        expect(R->gc_alloc(2u << 20, NULL) == NULL);
    expect(stats_of(rt).cycles <= cycles + 12); /* not one for each */
    expect(list_length(l) == length);
    R->wg_done(arg);
}

static void limited(void *arg)
{
    (void)arg;
    struct gt_wg *done = R->wg_new();
    R->wg_add(done, 1);
    expect(R->go(fill, done) == 0);
    R->wg_wait(done);
    R->wg_free(done);
    expect(R->gc() == 0);
    for (int i = 0; i < 200000; i++)
        expect(node_new(1, NULL) != NULL); /* and it goes on */
    expect(stats_of(R->runtime()).heap_now <= 8u << 20);
}

static void too_large(void *arg)
{
    (void)arg;
    struct gt_runtime *rt = R->runtime();
    uint64_t cycles = stats_of(rt).cycles;
    expect(R->gc_alloc(SIZE_MAX, NULL) == NULL);
    expect(R->gc_alloc(SIZE_MAX - 7, &node_layout) == NULL);
    expect(R->gc_alloc(1ull << 46, NULL) == NULL);
    expect(stats_of(rt).cycles == cycles && stats_of(rt).failed == 3);
    char *p = R->gc_alloc(3u << 20, NULL); /* large, but not too large */
    expect(p && p[0] == 0 && p[(3u << 20) - 1] == 0);
    expect(R->gc_alloc(0, NULL) != NULL);
}

/* ---- off, by the clock ------------------------------------------------------------------------------------ */
static void no_cycles(void *arg)
{
    (void)arg;
    struct gt_runtime *rt = R->runtime();
    for (int i = 0; i < 4000; i++)
        (void)R->gc_alloc(4096, NULL);
    expect(stats_of(rt).cycles == 0 && stats_of(rt).heap_now >= 4000 * 4096);
    expect(R->gc() == 0 && stats_of(rt).cycles == 1 && stats_of(rt).forced == 1);
}

static void by_clock(void *arg)
{
    (void)arg;
    struct gt_runtime *rt = R->runtime();
    struct node *l = list_of(10, 1);
    for (int i = 0; i < 5000 && stats_of(rt).periodic < 3; i++)
        R->sleep(GT_NS_PER_MS);
    expect(stats_of(rt).periodic >= 3);
    expect(list_length(l) == 10);
}

/* ---- nothing for nothing; deadlocks ------------------------------------------------------------------------ */
static void uses_nothing(void *arg)
{
    (void)arg;
    for (int i = 0; i < 10; i++)
        R->yield();
}

static void waits_for_ever(void *arg)
{
    struct node *l = list_of(1000, 1);
    expect(R->gc() == 0);
    expect(list_length(l) == 1000);
    if (arg) {
        for (int i = 0; i < 100000 && !gt_gc_marking(R->runtime()); i++)
            (void)R->gc_alloc(4000, NULL);
    }
    R->park();
}

static void test_nothing(void)
{
    struct gt_runtime *rt = gc_runtime(4, GT_SYSCALLS_SCANBIT, &poisoned);
    struct gt_runtime_stats s;
    int rc = R->run(rt, uses_nothing, NULL);
    R->stats(rt, &s);
    struct gt_gc_stats g = stats_of(rt);
    ok(rc == 0 && s.spawned == 1 && g.memory == 0 && g.cycles == 0,
       "who allocates nothing pays nothing");
    R->destroy(rt);
}

static void test_deadlock(bool marking)
{
    struct gt_runtime *rt = gc_runtime(2, GT_SYSCALLS_SCANBIT, &poisoned);
    int rc = R->run(rt, waits_for_ever, marking ? rt : NULL);
    runtime_end(rt, 2, marking ? "a deadlock is found that began while marking"
                               : "a deadlock is found beside the collector's own Gs",
                rc == -EDEADLK ? 0 : -1);
}

/* ---- pauses ----------------------------------------------------------------------------------------------- */
static void test_times(void)
{
    struct gt_runtime *rt = gc_runtime(2, GT_SYSCALLS_SCANBIT, &poisoned);
    int rc = R->run(rt, gc_twice, NULL);
    struct gt_gc_stats s = stats_of(rt);
    bool good = rc == 0;
    for (int i = 0; i < GT_GC_STOPS; i++) {
        const struct gt_gc_times *a = &s.asked[i], *b = &s.stopped[i];
        good = good && a->n >= 2 && b->n == a->n && a->p50 > 0 && a->p50 <= a->p99 &&
               a->p99 <= a->max && b->max >= a->max && b->total >= a->total && a->total >= a->max;
    }
    ok(good, "each stop is in the distributions of pauses");
    R->destroy(rt);
}

int main(void)
{
    static const struct gt_gc_options off = {.percent = GT_GC_PERCENT_OFF, .poison = true};
    static const struct gt_gc_options small = {.limit = 8u << 20, .poison = true};
    static const struct gt_gc_options often = {.period_ns = 5 * GT_NS_PER_MS, .poison = true};
    static const struct gt_gc_options plain = {0};
    uint64_t cycles = (uint64_t)scale(200);
    test_nothing();
    for (int model = 0; model < 2; model++) {
        enum gt_syscall_model s = model ? GT_SYSCALLS_STATUS : GT_SYSCALLS_SCANBIT;
        one_run(1, s, &poisoned, semantics, NULL, "gc() keeps its word");
        one_run(4, s, &poisoned, semantics, NULL, "gc() keeps its word");
        one_run(1, s, &poisoned, many_mutators, NULL, "many mutators lose nothing");
        one_run(8, s, &poisoned, many_mutators, NULL, "many mutators lose nothing");
        test_ends(2, s);
        one_run(4, s, &poisoned, churn, NULL, "Ps come and go while marking");
    }
    one_run(2, GT_SYSCALLS_SCANBIT, &plain, steady, &cycles, "the heap stays within twice what lives");
    one_run(3, GT_SYSCALLS_SCANBIT, &poisoned, stopper_allocates, NULL, "a stopped world");
    one_run(1024, GT_SYSCALLS_SCANBIT, &poisoned, gc_twice, NULL, "a cycle");
    one_run(2, GT_SYSCALLS_SCANBIT, &small, limited, NULL, "the limit is hit and survived");
    one_run(2, GT_SYSCALLS_SCANBIT, &plain, too_large, NULL, "more than there is");
    one_run(2, GT_SYSCALLS_SCANBIT, &off, no_cycles, NULL, "off: only when asked");
    one_run(2, GT_SYSCALLS_SCANBIT, &often, by_clock, NULL, "by the clock");
    test_deadlock(false);
    test_deadlock(true);
    test_times();
    return done_testing();
}
