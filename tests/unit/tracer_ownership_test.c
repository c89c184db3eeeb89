/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seven rules of ownership, each broken on purpose: the oracle build must count it, by
 * its number. The traces that come of it are not looked at.
 */
#include "in_runtime.h"
#include "tracers/gen/gen.h"

extern const struct gt_tracer_ops gt_tracer_gen;

static struct gt_runtime *rt;
static const struct gt_tracer_ops *const T = &gt_tracer_gen;
static uint64_t found[8];

static uint64_t count(void)
{
    return gt_load_relaxed(&rt->violations);
}

static struct gen *gen(void)
{
    return rt->tracer_state;
}

/* ---- R1: an M that the walk over all Ms does not know has a buffer ---------------------- */
static void breaks_1(void)
{
    struct gt_m *m = gt_pin();
    gt_tok tok = gt_trace_acquire(m);
    T->go_label(gen(), &m->t, tok, "in the buffer");
    gt_trace_release(m, tok);
    m->gone = true; /* as if it had left without m_dies */
    gt_unpin(m);
    gen_advance(gen(), false);
    m->gone = false;
}

/* ---- R2: an event outside of a section ---------------------------------------------------- */
static void breaks_2(void)
{
    struct gt_m *m = gt_pin();
    gt_tok tok = {gt_load_relaxed(gen()->generation)};
    T->go_label(gen(), &m->t, tok, "outside");
    gt_unpin(m);
}

/* ---- R3: an advance that does not wait for the reader --------------------------------------- */
static gt_a32 held;
static int64_t slow_write(void *arg, const void *data, size_t n)
{
    (void)arg;
    (void)data;
    while (gt_load_relaxed(&held) != 0)
        gt_sleep_ns(100000);
    return (int64_t)n;
}

static void breaks_3(void)
{
    uint64_t w = gt_load_relaxed(gen()->generation);
    gt_store_relaxed(&held, 1u);
    rt->tracer_host.sema_release(&rt->tracer_host, gen()->done[gt_gen_slot2(w)]);
    gen_advance(gen(), false);
    gt_store_relaxed(&held, 0u);
}

/* ---- R4: a P's event by who does not have it --------------------------------------------------- */
static void breaks_4(void)
{
    struct gt_m *m = gt_pin();
    struct gt_p *other = gt_load_relaxed(&rt->allp[gt_m_p(m)->t.id == 0 ? 1 : 0]);
    gt_tok tok = gt_trace_acquire(m);
    T->proc_stop(gen(), &m->t, tok, &other->t);
    gt_trace_release(m, tok);
    gt_unpin(m);
}

/* ---- R5: a P is got inside a section --------------------------------------------------------------- */
static void breaks_5(void)
{
    struct gt_m *m = gt_pin();
    gt_tok tok = gt_trace_acquire(m);
    gt_lock(&rt->sched_lock);
    struct gt_p *p = gt_p_idle_get(rt, -1);
    if (p)
        gt_p_idle_put(rt, p);
    gt_unlock(&rt->sched_lock);
    gt_trace_release(m, tok);
    gt_unpin(m);
}

/* ---- R6: the event of a change that has not happened -------------------------------------------------- */
static GT_APTR(struct gt_g) parked;
static void parks(void *arg)
{
    (void)arg;
    gt_store_release(&parked, R->self()); /* pair: test-parked */
    R->park();
}

static void breaks_6(void)
{
    struct gt_m *m = gt_pin();
    gt_tok tok = gt_trace_acquire(m);
    T->go_unblock(gen(), &m->t, tok, &gt_load_relaxed(&parked)->t); /* still Waiting: seed 000 */
    gt_trace_release(m, tok);
    gt_unpin(m);
}

/* ---- R7: an event of running before the change -------------------------------------------------------------- */
static void breaks_7(void)
{
    struct gt_m *m = gt_pin();
    gt_g_pretend_wait(m, GT_WAIT_TRACE_STATUS);
    gt_tok tok = gt_trace_acquire(m);
    T->go_start(gen(), &m->t, tok);
    gt_trace_release(m, tok);
    gt_g_pretend_end(m);
    gt_unpin(m);
}

static void (*const breaks[])(void) = {breaks_1, breaks_2, breaks_3, breaks_4,
                                       breaks_5, breaks_6, breaks_7};

static void none_broken(void)
{
    uint64_t before = count();
    R->yield();
    gen_advance(gen(), false);
    R->yield();
    found[0] = count() - before;
}

static void body(void *arg)
{
    struct gt_trace_sink sink = {.write = slow_write};
    struct gt_trace_options o = {.sink = &sink, .period_ns = 1000000000};
    (void)arg;
    rt = R->runtime();
    expect(R->go(parks, NULL) == 0);
    while (!gt_load_acquire(&parked)) /* pair: test-parked */
        R->yield();
    R->sleep(1000000);
    expect(R->trace_start(&o) == 0);
    none_broken();
    for (int i = 0; i < 7; i++) {
        uint64_t before = count();
        breaks[i]();
        found[i + 1] = count() - before;
    }
}

int main(void)
{
    struct gt_config c;
    struct gt_runtime *made;
    char err[160] = "";
    plan(8);
    gt_config_init(&c);
    c.scheduler = &gt_scheduler_worksteal;
    c.tracer = T;
    c.procs = 2;
    c.seed = 1;
    if (R->create(&c, &made, err, sizeof err) != 0)
        bail_out("create: %s", err);
    int rc = R->run(made, body, NULL); /* ends with the trace on */
    ok(rc == 0 && found[0] == 0 && gt_load_relaxed(&bad) == 0, "no rule broken, none counted");
    for (int i = 1; i <= 7; i++)
        ok(found[i] >= 1, "rule %d broken and counted", i);
    R->destroy(made);
    return done_testing();
}
