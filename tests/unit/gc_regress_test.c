/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: labels=quick,reduced timeout=60 */
/* Scenes in which the collector once lost a live object, kept a dead one for ever or passed for
 * a deadlock. */
#include <pthread.h>

#include "gc_hand.h"

static const uint32_t at_0[] = {0};
static const struct gt_gc_layout cell_layout = {"cell", 8, 1, at_0};

static GT_NOINLINE void trash(void)
{
    volatile char junk[6000];
    for (size_t i = 0; i < sizeof junk; i++)
        junk[i] = (char)i;
}

/* ---- a channel's element that only the parked operation knows ---------------------------- */
/*
 *      G                                       collector
 *      cell := object, with a pointer
 *      send(c, cell): parks; cell is needed no more, and stands in its waiter only
 *                                              scans the stack: no cell
 *                                              cell is freed, filled, made into another
 *      is popped: the receiver is given what lies in cell
 * So with a receive to an object: its waker writes into freed memory. Whether the compiler keeps
 * the address in a frame is its own affair: here it is taken out of the frames by hand.
 */
struct elem_scene {
    struct gt_chan *chan;
    hidden_t cell, value;
    bool send;
    gt_a32 ready, done;
    struct gt_g *g;
};

static GT_NOINLINE void make_cell(struct elem_scene *s)
{
    void *cell = R->gc_alloc(8, &cell_layout), *value = R->gc_alloc(8, &cell_layout);
    expect(cell && value);
    R->gc_store(cell, value);
    s->cell = hide(cell);
    s->value = hide(value);
}

static void passes_cell(void *arg)
{
    struct elem_scene *s = arg;
    make_cell(s);
    trash();
    s->g = R->self();
    gt_store_release(&s->ready, 1u); /* pair: test-ready */
    if (s->send)
        expect(R->chan_send(s->chan, unhide(s->cell)) == 0);
    else
        expect(R->chan_recv(s->chan, unhide(s->cell)));
    gt_store_release(&s->done, 1u); /* pair: test-done */
}

/* g is parked: words of its stack that are the cell's address. */
/* Another thread wrote them; it is parked, and the sanitizers may not know. */
static GT_NOINLINE __attribute__((no_sanitize("address", "thread"))) void
forget(const struct elem_scene *s)
{
    char *sp = s->g->ctx.sp, *lo = sp - 128 > s->g->stack.lo ? sp - 128 : s->g->stack.lo;
    for (uintptr_t *w = (uintptr_t *)(void *)lo; (char *)w < (char *)s->g; w++)
        if (*w == ~s->cell)
            *w = 0;
}

static GT_NOINLINE bool is_there(hidden_t h)
{
    struct gt_obj o;
    return gt_heap_find(hand_marker()->heap, (uintptr_t)unhide(h), &o);
}

static void elem_main(void *arg)
{
    struct elem_scene s = {.send = *(bool *)arg, .chan = R->chan_new(sizeof(void *), 0)};
    expect(s.chan && R->go(passes_cell, &s) == 0);
    while (gt_load_acquire(&s.ready) == 0 || gt_g_status(s.g) != GT_G_WAITING) /* pair: test-ready */
        R->yield();
    forget(&s);
    expect(R->gc() == 0);
    expect(is_there(s.cell));
    if (s.send) {
        void *got = NULL;
        expect(R->chan_recv(s.chan, &got) && hide(got) == s.value);
    } else {
        void *sent = NULL;
        expect(R->chan_send(s.chan, &sent) == 0);
    }
    while (gt_load_acquire(&s.done) == 0) /* pair: test-done */
        R->yield();
    R->chan_free(s.chan);
}

/* ---- what a coroutine was given, in the next life of its G ---------------------------------- */
enum { COROS = 200 }; /* more dead Gs than a P keeps to itself */

static void ends(void *arg)
{
    (void)arg;
}

static void look_at_arg2(void *arg)
{
    (void)arg;
    expect(*gt_g_arg2(R->self()) == NULL);
}

static void *foreign(void *rt)
{
    expect(R->callback(rt, look_at_arg2, NULL) == 0);
    return NULL;
}

static void arg2_main(void *arg)
{
    static struct gt_coro *c[COROS];
    (void)arg;
    for (int i = 0; i < COROS; i++) {
        c[i] = R->coro_new(ends, c); /* any address will do */
        expect(c[i] != NULL);
    }
    for (int i = 0; i < COROS; i++) {
        (void)R->coro_switch(c[i]);
        R->coro_free(c[i]);
    }
    pthread_t t;
    if (pthread_create(&t, NULL, foreign, R->runtime()) != 0)
        bail_out("no thread");
    R->syscall_enter_blocking();
    pthread_join(t, NULL);
    R->syscall_exit();
}

/* ---- a deadlock that is none --------------------------------------------------------------- */
/*
 *      sysmon                                  the last M
 *      a cycle is due: takes the collector's G
 *                                              marks the last object of another cycle: pokes,
 *                                              nobody sleeps; idle. All others wait for the
 *                                              end of the cycle: run() ends with -EDEADLK
 *      readies the collector's G
 */
#define CYCLES scale(2000)

static void cycles_main(void *arg)
{
    (void)arg;
    for (int i = 0; i < CYCLES; i++)
        expect(R->gc() == 0);
}

static void test_deadlock(int32_t procs)
{
    struct gt_config c;
    struct gt_runtime *rt = NULL;
    char err[160] = "";
    gt_config_init(&c);
    c.scheduler = &gt_scheduler_worksteal;
    c.tracer = &gt_tracer_none;
    c.procs = procs;
    c.gc.period_ns = 50 * GT_NS_PER_US;
    if (R->create(&c, &rt, err, sizeof err) != 0)
        bail_out("create: %s", err);
    gt_store_relaxed(&bad, 0u);
    runtime_end(rt, procs, "the clock's cycles are no deadlock of those who wait for theirs",
                R->run(rt, cycles_main, NULL));
}

int main(void)
{
    for (int i = 0; i < 2; i++) {
        bool send = i == 0;
        in_runtime(2, elem_main, &send,
                   send ? "the element of a parked send lives" : "that of a parked receive lives");
    }
    in_runtime(2, arg2_main, NULL, "a callback's G holds nothing of an earlier life");
    in_runtime_status(1, arg2_main, NULL, "nor with one P");
    test_deadlock(1);
    test_deadlock(2);
    return done_testing();
}
