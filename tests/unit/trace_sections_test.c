/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: timeout=120 */
/*
 * Scenes in which a section, or what happens beside the end of a generation, was wrong once. Each fails
 * without its fix. Where a race needs an M to stand still at one place, the scene's tracer is gen
 * with an acquire that is slow there.
 */
#include <pthread.h>

#include "trace/wire_decode.h"
#include "trace_scenes.h"

/* ---- a stop without an event ------------------------------------------------------------------ */
/* The generation is stored; it has begun, and nobody ends it before the scene does. */
static gt_a32 gen_stored, gen_begun, gen_ends;
static void waits_when_begun(const struct gt_tracer_host *h, uint32_t point)
{
    (void)h;
    if (point == GT_PERTURB_advance_stored)
        gt_store_relaxed(&gen_stored, 1u);
    if (point == GT_PERTURB_advance_done && gt_load_relaxed(&gen_stored) != 0) {
        gt_store_relaxed(&gen_begun, 1u);
        while (gt_load_relaxed(&gen_ends) == 0)
            usleep(50);
        usleep(2000); /* the scene is on its way into the stop */
    }
}

/* Who stops the trace did nothing in its last generation. */
static void stops_without_an_event(void *arg)
{
    struct gt_runtime *rt = arg;
    rt->tracer_host.perturb = waits_when_begun;
    for (int i = 0; i < scale(20); i++) {
        gt_store_relaxed(&gen_stored, 0u);
        gt_store_relaxed(&gen_begun, 0u);
        gt_store_relaxed(&gen_ends, 0u);
        start(0, 0);
        while (gt_load_relaxed(&gen_stored) == 0)
            R->checkpoint();
        while (gt_load_relaxed(&gen_begun) == 0)
            gt_cpu_relax();
        gt_store_relaxed(&gen_ends, 1u);
        stop_and_check();
    }
}

/* ---- a thief that is slow -------------------------------------------------------------------- */
static struct gt_tracer_ops slow;

/* Between acquire and the change of a status, by an M without a P: a thief, one that returns
 * from a system call, a thread that calls in. With the trace on, or just not yet on. */
static bool slow_when_on;
static bool without_p(struct gt_mach *mach)
{
    struct gt_m *m = (struct gt_m *)(void *)mach;
    if (m == m->rt->sysmon_m || (m->extra && !m->t.g))
        return true;
    return model == GT_SYSCALLS_STATUS && m->t.g && gt_g_status(gt_m_g(m)) == GT_G_SYSCALL;
}

static gt_tok slow_acquire(void *t, struct gt_mach *m)
{
    gt_tok tok = gt_tracer_gen.acquire(t, m);
    if (gt_tok_on(tok) == slow_when_on && without_p(m))
        usleep(slow_when_on ? 1500 : 4000);
    return tok;
}

/* A section older than the system call that a P is taken from put the steal before it. */
static void old_section_steals(void *arg)
{
    (void)arg;
    slow_when_on = true;
    for (int i = 0; i < scale(14); i++) {
        start(0, 0);
        many_short_calls(6, 25000000);
        stop_and_check();
    }
}

static void called_back(void *arg)
{
    (void)arg;
}

static void *calls_in(void *rt)
{
    while (go_on()) {
        expect(R->callback(rt, called_back, NULL) == 0);
        usleep(300);
    }
    return NULL;
}

/* A trace began, and ended a generation, between a thread's look whether there is one and the
 * change of its G. The hint is on all the time, as it may be, so that acquire is called. */
static void thread_calls_in_as_it_starts(void *arg)
{
    struct gt_runtime *rt = arg;
    pthread_t th[4];
    slow_when_on = false;
    gt_store_relaxed(&enough, 0u);
    R->expect_callbacks(rt, 4);
    for (int i = 0; i < 4; i++)
        expect(pthread_create(&th[i], NULL, calls_in, rt) == 0);
    for (int i = 0; i < scale(8); i++) {
        gt_store_release(&rt->trace_on, 1u); /* pair: trace-on */
        R->sleep(3000000);
        start(0, 0);
        R->sleep(12000000);
        stop_and_check();
    }
    gt_store_relaxed(&enough, 1u);
    R->syscall_enter_blocking();
    for (int i = 0; i < 4; i++)
        pthread_join(th[i], NULL);
    R->syscall_exit();
    R->expect_callbacks(rt, -4);
}

/* ---- sections ----------------------------------------------------------------------------------- */
/* A section inside a section belongs to the generation of the first, though the next has
 * begun; and that one's end waits for the outermost. */
static gt_a32 held, advanced;
static void advances(void *arg)
{
    struct gt_runtime *rt = arg;
    while (gt_load_acquire(&held) == 0) /* pair: test-held */
        R->yield();
    expect(rt->tracer->advance(rt->tracer_state) == 0);
    gt_store_release(&advanced, 1u); /* pair: test-advanced */
}

static void nested_over_a_switch(void *arg)
{
    struct gt_runtime *rt = arg;
    start(-1, 0);
    gt_store_relaxed(&advanced, 0u);
    gt_store_relaxed(&held, 0u);
    expect(R->go(advances, rt) == 0);
    R->syscall_enter(); /* an M with a P would have to let the advance in first */
    struct gt_m *m = gt_tls_m();
    gt_tok outer = gt_trace_acquire(m);
    gt_store_release(&held, 1u); /* pair: test-held */
    while (gt_load_relaxed(&rt->generation) == outer.v)
        usleep(100);
    gt_tok inner = gt_trace_acquire(m);
    expect(inner.v == outer.v && gt_load_relaxed(&rt->generation) != inner.v);
    gt_trace_release(m, inner);
    usleep(2000);
    expect(gt_load_acquire(&advanced) == 0); /* pair: test-advanced */
    gt_trace_release(m, outer);
    expect(gt_load_relaxed(&m->t.section.mark) == 0);
    R->syscall_exit();
    while (gt_load_acquire(&advanced) == 0) /* pair: test-advanced */
        R->yield();
    stop_and_check();
}

/* The hint is on while no trace is: no section begins, and none is left open. */
static void hint_without_a_trace(void *arg)
{
    struct gt_runtime *rt = arg;
    uint32_t hint = rt->core_sections ? GT_TRACE_INLINE : GT_TRACE_ASK;
    for (int i = 0; i < scale(10); i++) {
        gt_store_relaxed(&rt->trace_on, hint);
        struct gt_m *m = gt_pin();
        gt_tok tok = gt_trace_acquire(m);
        expect(!gt_tok_on(tok));
        gt_trace_release(m, tok);
        expect(gt_load_relaxed(&m->t.section.mark) == 0);
        gt_unpin(m);
        many_short_calls(3, 300000);
        start(0, 0);
        many_short_calls(3, 300000);
        stop_and_check();
    }
}

/* Every annotation is in the trace, once: written by Gs that a signal stops anywhere, by Ms
 * that end, by threads that call in, while one generation follows the other. */
static gt_a64 said;
static void says(void)
{
    R->log(1, "key", "said");
    gt_add_relaxed(&said, 1u);
}

static void says_on_and_on(void *arg)
{
    (void)arg;
    R->async_preempt(true);
    while (go_on()) {
        for (int i = 0; i < 200; i++)
            says(); /* no checkpoint in here: who wants the P sends a signal */
        R->yield();
    }
    R->async_preempt(false);
    R->wg_done(wg);
}

static void says_and_ends_its_m(void *arg)
{
    (void)arg;
    R->lock_thread();
    says();
    R->wg_done(wg);
}

static void calls_and_says(void *arg)
{
    (void)arg;
    says();
}

static void *calls_in_once(void *rt)
{
    expect(R->callback(rt, calls_and_says, NULL) == 0);
    return NULL;
}

static void call_in_once(struct gt_runtime *rt)
{
    pthread_t th;
    R->expect_callbacks(rt, 1);
    expect(pthread_create(&th, NULL, calls_in_once, rt) == 0);
    R->syscall_enter_blocking();
    pthread_join(th, NULL);
    R->syscall_exit();
    R->expect_callbacks(rt, -1);
}

static void every_word_once(void *arg)
{
    struct gt_runtime *rt = arg;
    gt_store_relaxed(&enough, 0u);
    gt_store_relaxed(&said, 0u);
    start(0, 0);
    wg = R->wg_new();
    for (int i = 0; i < 3; i++) {
        R->wg_add(wg, 1);
        expect(R->go(says_on_and_on, NULL) == 0);
    }
    for (int i = 0; i < scale(12); i++) {
        R->wg_add(wg, 1);
        expect(R->go(says_and_ends_its_m, NULL) == 0);
        call_in_once(rt);
        R->yield();
    }
    gt_store_relaxed(&enough, 1u);
    R->wg_wait(wg);
    R->wg_free(wg);
    stop_and_check();
    expect(result.stats.by_event[GT_EV_USER_LOG] == gt_load_relaxed(&said));
}

/* ---- changes right after the end ----------------------------------------------------------- */
/* What the trace's statuses say of a G, GT_WIRE_G_COUNT: nothing. */
static uint64_t told_in(const struct gt_batch *b, uint64_t id, uint64_t told)
{
    struct gt_event ev;
    for (const uint8_t *p = b->data, *end = p + b->size; p && p < end;) {
        p = gt_decode_event(p, end, &ev);
        if (p && (ev.type == GT_EV_GO_STATUS || ev.type == GT_EV_GO_STATUS_STACK) &&
            ev.args[0] == id)
            told = ev.args[2];
    }
    return told;
}

static uint64_t status_told(uint64_t id)
{
    struct memory_cursor c = {trace.data, trace.n};
    struct gt_source src = {memory_cursor_read, &c};
    const struct gt_generation *g;
    struct gt_reader *r;
    struct gt_read_error err;
    uint64_t told = GT_WIRE_G_COUNT;
    if (gt_reader_open(&src, &r, &err) != 0)
        return told;
    while (gt_reader_next(r, &g) == 1)
        for (size_t i = 0; i < g->n_batches; i++)
            told = told_in(&g->batches[i], id, told);
    gt_reader_close(r);
    return told;
}

static struct gt_g *in_call;
static gt_a32 call_began, call_ends;
static gt_a64 came; /* id of the G of the thread that calls in */

static void one_call(void *arg)
{
    (void)arg;
    in_call = gt_m_g(gt_tls_m());
    R->syscall_enter();
    gt_store_release(&call_began, 1u); /* pair: test-call */
    while (gt_load_relaxed(&call_ends) == 0)
        usleep(100);
    R->syscall_exit();
    R->wg_done(wg);
}

static void *calls_in_late(void *rt)
{
    while (gt_load_relaxed(&call_ends) == 0)
        usleep(100);
    expect(R->callback(rt, called_back, NULL) == 0);
    return NULL;
}

static void look_who_came(struct gt_task *t, void *arg)
{
    struct gt_g *g = gt_g_of(t);
    (void)arg;
    uint64_t w = gt_load_acquire(&t->status); /* pair: gstatus */
    if (gt_status_of(w) == GT_G_RUNNABLE && (g->flags & GT_GF_EXTRA))
        gt_store_relaxed(&came, t->id);
}

/* The world is stopped and the generation has just ended: what has no P goes on. */
static void (*real_stored)(const struct gt_tracer_host *h, uint64_t w);
static void changes_now(const struct gt_tracer_host *h, uint64_t w)
{
    if (real_stored)
        real_stored(h, w);
    if (w != 0)
        return;
    gt_store_relaxed(&call_ends, 1u);
    while (gt_g_status(in_call) == GT_G_SYSCALL || gt_load_relaxed(&came) == 0) {
        usleep(100);
        h->each_g(h, look_who_came, NULL);
    }
}

/* The call lasted all through the trace, and the thread came after it. */
static void changes_after_the_end(void *arg)
{
    struct gt_runtime *rt = arg;
    pthread_t th;
    gt_store_relaxed(&call_began, 0u);
    gt_store_relaxed(&call_ends, 0u);
    gt_store_relaxed(&came, 0u);
    R->expect_callbacks(rt, 1);
    expect(pthread_create(&th, NULL, calls_in_late, rt) == 0);
    wg = R->wg_new();
    R->wg_add(wg, 1);
    expect(R->go(one_call, NULL) == 0);
    while (gt_load_acquire(&call_began) == 0) /* pair: test-call */
        R->yield();
    real_stored = rt->tracer_host.stored;
    rt->tracer_host.stored = changes_now;
    start(-1, 0);
    stop_and_check();
    R->wg_wait(wg);
    R->wg_free(wg);
    R->syscall_enter_blocking();
    pthread_join(th, NULL);
    R->syscall_exit();
    R->expect_callbacks(rt, -1);
    expect(status_told(in_call->t.id) == GT_WIRE_G_SYSCALL);
    expect(status_told(gt_load_relaxed(&came)) == GT_WIRE_G_COUNT);
}

/* ---- all ---------------------------------------------------------------------------------------- */
int main(void)
{
    plan(1 + 2 + 2 * 2 + 2 * 3);
    model = GT_SYSCALLS_SCANBIT;
    tracer = &gt_tracer_gen;
    scene(stops_without_an_event, 2, "a trace is stopped by who has no event in its last generation");
    tracer = &gt_tracer_locked; /* gen ends with no world stopped */
    for (int m = 0; m < 2; m++) {
        model = m ? GT_SYSCALLS_STATUS : GT_SYSCALLS_SCANBIT;
        scene(changes_after_the_end, 2, m ? "what changes right after the end, status"
                                          : "what changes right after the end, scanbit");
    }
    slow = gt_tracer_gen;
    slow.head.flags &= ~(uint64_t)GT_TRACER_CORE_SECTIONS; /* so that acquire is called */
    slow.acquire = slow_acquire;
    tracer = &slow;
    for (int m = 0; m < 2; m++) {
        model = m ? GT_SYSCALLS_STATUS : GT_SYSCALLS_SCANBIT;
        scene(old_section_steals, 4, m ? "a slow thief, status" : "a slow thief, scanbit");
        scene(thread_calls_in_as_it_starts, 4, m ? "a thread that calls in as a trace starts, status"
                                                 : "a thread that calls in as a trace starts, scanbit");
    }
    static struct gt_tracer_ops asked;
    asked = gt_tracer_gen;
    asked.head.flags &= ~(uint64_t)GT_TRACER_CORE_SECTIONS;
    model = GT_SYSCALLS_SCANBIT;
    for (int i = 0; i < 2; i++) {
        tracer = i ? &asked : &gt_tracer_gen;
        scene(nested_over_a_switch, 2, "a section in a section, a generation later");
        scene(hint_without_a_trace, 2, "sections while only the hint is on");
        scene(every_word_once, 3, "each annotation is in the trace once");
    }
    memory_trace_free(&trace);
    return done_testing();
}
