/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: both */
/* Stacks give unused pages back and keep what is in use; Gs that wait for form's sake keep
 * all; sealed pages catch who walks there. The G is held still as the collector would. */
#include "core/gc.h"
#include "in_runtime.h"

#define KIB 1024u
#define STACK (128 * KIB)
#define DEEP (96 * KIB)
#define HALF (48 * KIB)
#define SHALLOW 0u

/* ---- a G that goes down and up, checking what it left in its frames ------------------------ */
struct dive {
    uint32_t turn; /* marks the pattern */
    gt_a32 go;     /* grows: one more step */
    gt_a32 done;   /* steps taken */
    gt_a32 dead;
    struct gt_g *g;
    size_t park_at; /* bytes down, for the next step */
    size_t depth;
    bool end;
};

static size_t down(const struct gt_g *g)
{
    return (size_t)(g->stack.hi - (char *)__builtin_frame_address(0));
}

static void wait_for_go(struct dive *d)
{
    uint32_t seen = gt_load_relaxed(&d->done);
    gt_store_release(&d->done, seen + 1); /* pair: dive-done */
    while (gt_load_acquire(&d->go) == seen) /* pair: dive-go */
        R->park();
}

/* Down to d->depth and back; parks on the way down where it is told to. */
static GT_NOINLINE void frames(struct dive *d, bool parked)
{
    volatile uint64_t mine[32];
    for (uint64_t i = 0; i < 32; i++)
        mine[i] = ((uint64_t)(uintptr_t)mine + i) * 2654435761u + d->turn;
    if (!parked && d->park_at > 0 && down(d->g) >= d->park_at) {
        uint32_t turn = d->turn;
        wait_for_go(d);
        d->turn = turn;
        parked = true;
    }
    if (down(d->g) < d->depth)
        frames(d, parked);
    for (uint64_t i = 0; i < 32; i++)
        expect(mine[i] == ((uint64_t)(uintptr_t)mine + i) * 2654435761u + d->turn);
}

static void dives(void *arg)
{
    struct dive *d = arg;
    d->g = R->self();
    do {
        d->turn++;
        frames(d, false);
        d->park_at = 0;
        wait_for_go(d);
    } while (!d->end);
    gt_store_release(&d->dead, 1u); /* pair: dive-dead */
}

static void await_parked(struct dive *d, uint32_t steps)
{
    while (gt_load_acquire(&d->done) < steps || gt_g_status(d->g) != GT_G_WAITING) /* pair: dive-done */
        R->yield();
    struct gt_trace_g_view v; /* what it left is ours to see from here on */
    expect(gt_suspend_g(R->runtime(), d->g, &v));
    gt_resume_g(R->runtime(), d->g);
}

static void start(struct dive *d, size_t depth, size_t park_at)
{
    memset(d, 0, sizeof *d);
    d->depth = depth;
    d->park_at = park_at;
    expect(R->go(dives, d) == 0);
    await_parked(d, 1);
}

static void step(struct dive *d)
{
    uint32_t n = gt_load_relaxed(&d->go) + 1;
    gt_store_release(&d->go, n); /* pair: dive-go */
    R->ready(d->g);
    if (!d->end)
        await_parked(d, n + 1);
}

static void finish(struct dive *d)
{
    d->end = true;
    step(d);
    while (gt_load_acquire(&d->dead) == 0) /* pair: dive-dead */
        R->yield();
}

/* ---- looks ------------------------------------------------------------------------------- */
static void look(struct gt_g *g)
{
    struct gt_trace_g_view v;
    expect(gt_suspend_g(R->runtime(), g, &v));
    gt_gc_shrink_stack(gt_tls_m(), g);
    gt_resume_g(R->runtime(), g);
}

static size_t unused(const struct gt_g *g)
{
    return gt_stack_unused(&g->stack, g->ctx.sp);
}

static size_t touched(const struct gt_g *g)
{
    return gt_map_resident(g->stack.lo, unused(g));
}

static uint64_t shrunk(void)
{
    return gt_load_relaxed(&R->runtime()->count.stacks_shrunk);
}

/* ---- cases ---------------------------------------------------------------------------------- */
/* Was deep, parks shallow: two cycles later its pages are gone, and it can go down again. */
static void gives_back(void *arg)
{
    struct dive d;
    (void)arg;
    start(&d, DEEP, SHALLOW);
    size_t before = touched(d.g);
    expect(before >= DEEP / 2);
    look(d.g);
    expect(touched(d.g) == before); /* seen for the first time */
    look(d.g);
    expect(touched(d.g) == 0);
    expect(shrunk() == 1);
    expect(gt_load_relaxed(&R->runtime()->count.stack_bytes_freed) == before);
    for (int i = 0; i < 10; i++)
        look(d.g);
    expect(shrunk() == 1);
    step(&d); /* down once more */
    expect(touched(d.g) >= DEEP / 2);
    finish(&d);
}

/* Parks half-way down with frames in use: those stay as they are. */
static void keeps_frames(void *arg)
{
    struct dive d;
    (void)arg;
    start(&d, DEEP, SHALLOW);
    d.park_at = HALF;
    step(&d); /* parks half-way, on the way down; what is below was used before */
    expect(down(d.g) > 0 && (size_t)(d.g->stack.hi - (char *)d.g->ctx.sp) >= HALF);
    expect(touched(d.g) > 0);
    look(d.g);
    look(d.g);
    look(d.g);
    expect(touched(d.g) == 0 && shrunk() == 1);
    step(&d); /* down to the end, and back up through the frames that were there */
    finish(&d);
}

/* Goes down again and again: is hardly ever looked at, and less and less. */
static void busy(void *arg)
{
    struct dive d;
    (void)arg;
    start(&d, DEEP, SHALLOW);
    for (int i = 0; i < 200; i++) {
        look(d.g);
        step(&d);
    }
    expect(shrunk() >= 1 && shrunk() <= 9);
    uint64_t before = shrunk();
    for (int i = 0; i < 3; i++)
        look(d.g); /* it has come to rest */
    expect(shrunk() == before + 1 && touched(d.g) == 0);
    finish(&d);
}

/* Never worth it: no page below. */
static void shallow(void *arg)
{
    struct dive d;
    (void)arg;
    start(&d, 0, SHALLOW);
    for (int i = 0; i < 10; i++)
        look(d.g);
    expect(shrunk() == 0);
    finish(&d);
}

/* ---- waits for form's sake ---------------------------------------------------------------- */
static gt_a32 pretends, looked;
static GT_APTR(struct gt_g) pretender;

/* Below what its context says it is at work. */
static GT_NOINLINE void works_below(struct gt_m *m, enum gt_wait_reason why)
{
    volatile uint64_t mine[32 * KIB / 8];
    for (size_t i = 0; i < 32 * KIB / 8; i++)
        mine[i] = i * 3 + 1;
    gt_g_pretend_wait(m, why);
    gt_store_release(&pretends, 1u); /* pair: test-pretends */
    gt_await(&looked, gt_load_acquire(&looked) != 0); /* pair: test-looked */
    gt_g_pretend_end(m);
    size_t wrong = 0;
    for (size_t i = 0; i < 32 * KIB / 8; i++)
        wrong += mine[i] != i * 3 + 1;
    expect(wrong == 0);
}

static void pretends_each(void *arg)
{
    (void)arg;
    gt_store_release(&pretender, R->self()); /* pair: test-pretender */
    for (unsigned r = 0; r < GT_WAIT_COUNT; r++) {
        if (!gt_wait_is_running((enum gt_wait_reason)r))
            continue;
        R->yield(); /* a saved context, high up */
        struct gt_m *m = gt_pin();
        works_below(m, (enum gt_wait_reason)r);
        gt_unpin(m);
        gt_store_release(&pretends, 0u); /* pair: test-pretends */
        gt_await(&looked, gt_load_acquire(&looked) == 0); /* pair: test-looked */
    }
    gt_store_release(&pretender, NULL); /* pair: test-pretender */
}

static void formal(void *arg)
{
    uint32_t n = 0;
    (void)arg;
    expect(R->go(pretends_each, NULL) == 0);
    struct gt_g *g;
    while ((g = gt_load_acquire(&pretender)) == NULL) /* pair: test-pretender */
        R->yield();
    while (gt_load_acquire(&pretender) != NULL) { /* pair: test-pretender */
        if (gt_load_acquire(&pretends) == 0 || gt_load_relaxed(&looked) != 0) { /* pair: test-pretends */
            gt_store_release(&looked, 0u); /* pair: test-looked */
            R->yield();
            continue;
        }
        for (int i = 0; i < 3; i++)
            look(g);
        n++;
        gt_store_release(&looked, 1u); /* pair: test-looked */
        gt_await(&pretends, gt_load_acquire(&pretends) == 0); /* pair: test-pretends */
    }
    expect(n >= 5 && shrunk() == 0);
}

/* ---- dead Gs --------------------------------------------------------------------------------- */
#define DEAD 200

struct crowd {
    struct gt_wg *wg;
    struct dive d[DEAD];
};

static void dives_once(void *arg)
{
    struct dive *d = arg;
    d->g = R->self();
    gt_store_release(&d->done, 1u); /* pair: dive-done */
    frames(d, true);
    R->park(); /* all of them at once */
    gt_store_release(&d->dead, 1u); /* pair: dive-dead */
}

static void crowd(struct crowd *c)
{
    memset(c, 0, sizeof *c);
    for (int i = 0; i < DEAD; i++) {
        c->d[i].depth = DEEP;
        expect(R->go(dives_once, &c->d[i]) == 0);
    }
    for (int i = 0; i < DEAD; i++)
        await_parked(&c->d[i], 1);
    for (int i = 0; i < DEAD; i++)
        R->ready(c->d[i].g);
    for (int i = 0; i < DEAD; i++)
        while (gt_load_acquire(&c->d[i].dead) == 0) /* pair: dive-dead */
            R->yield();
}

static void dead(void *arg)
{
    struct gt_runtime *rt = R->runtime();
    struct crowd *c = arg;
    crowd(c);
    gt_gc_trim_stacks(rt);
    expect(shrunk() == 0); /* died in this cycle */
    gt_gc_trim_stacks(rt);
    expect(shrunk() >= DEAD / 4); /* but those that the Ps keep at hand */
    expect(gt_load_relaxed(&rt->count.stack_bytes_freed) >= shrunk() * DEEP / 2);
    uint64_t before = shrunk(), gs = gt_load_relaxed(&rt->n_gs);
    for (int i = 0; i < 3; i++)
        gt_gc_trim_stacks(rt);
    expect(shrunk() == before); /* cold ones are not looked at again */
    crowd(c);                   /* live again, out of those */
    expect(gt_load_relaxed(&rt->n_gs) < gs + DEAD / 2); /* but for those at hand elsewhere */
}

#if GT_ORACLE
/* ---- poison ----------------------------------------------------------------------------------- */
static bool accessible(const char *p)
{
    char c;
    return gt_mem_read(&c, p, 1);
}

static uint64_t unowned(void)
{
    return gt_load_relaxed(&R->runtime()->unowned_stacks);
}

static void sealed(void *arg)
{
    struct dive d;
    (void)arg;
    start(&d, DEEP, SHALLOW);
    char *lo = d.g->stack.lo;
    look(d.g);
    size_t n = unused(d.g);
    expect(shrunk() == 1 && !accessible(lo) && !accessible(lo + n - 1));
    expect(accessible(lo + n) && accessible((char *)d.g->ctx.sp - 128));
    look(d.g);
    expect(shrunk() == 1);
    step(&d); /* whoever runs it has broken the seal */
    expect(accessible(lo) && unowned() == 0);
    finish(&d);
}

/* Reads and writes where nobody should be: counted, told, and it goes on. */
static void wild(void *arg)
{
    struct dive d;
    (void)arg;
    start(&d, DEEP, SHALLOW);
    volatile char *lo = d.g->stack.lo;
    for (int i = 0; i < 10; i++) {
        look(d.g);
        expect(unowned() == (uint64_t)i);
        if (i % 2 == 0)
            lo[i * 100] = 1;
        else
            expect(lo[i * 100] == 0);
        expect(unowned() == (uint64_t)i + 1);
        lo[unused(d.g) - 1] = 1; /* open now */
        expect(unowned() == (uint64_t)i + 1);
        step(&d);
    }
    finish(&d);
}
#endif

/* ---- --------------------------------------------------------------------------------------------- */
static void run(const char *what, int32_t procs, bool poison, uint64_t violations, gt_fn fn, void *arg)
{
    struct gt_config c;
    struct gt_runtime *rt = NULL;
    struct gt_runtime_stats s;
    char err[160] = "";
    gt_config_init(&c);
    c.scheduler = &gt_scheduler_worksteal;
    c.tracer = &gt_tracer_none;
    c.procs = procs;
    c.stack_size = STACK;
    c.gc.poison = poison;
    if (R->create(&c, &rt, err, sizeof err) != 0)
        bail_out("create: %s", err);
    gt_store_relaxed(&bad, 0u);
    int rc = R->run(rt, fn, arg);
    R->stats(rt, &s);
    ok(rc == 0 && gt_load_relaxed(&bad) == 0 && s.violations == violations,
       "%s%s, %d Ps, %llu violations", what, poison ? ", poisoned" : "", procs,
       (unsigned long long)s.violations);
    R->destroy(rt);
}

int main(void)
{
    static struct crowd c;
    plan(9 + 2 * GT_ORACLE);
    unsetenv("GT_VIOLATION");
    for (int32_t procs = 1; procs <= 2; procs++) {
        run("deep once, then parked", procs, false, 0, gives_back, NULL);
        run("parked half-way", procs, false, 0, keeps_frames, NULL);
    }
    run("deep each time", 2, false, 0, busy, NULL);
    run("never deep", 2, false, 0, shallow, NULL);
    run("waits for form's sake", 2, false, 0, formal, NULL);
    run("waits for form's sake", 2, true, 0, formal, NULL);
    run("dead Gs", 2, false, 0, dead, &c);
#if GT_ORACLE
    run("deep once, then parked, pages sealed", 2, true, 0, sealed, NULL);
    run("a wild touch is told", 2, true, 10, wild, NULL);
#endif
    return done_testing();
}
