/* SPDX-License-Identifier: Apache-2.0 */
/* A scene on the real runtime that enters a window, and what the counters made of it. */
#pragma once
#include "harness/windows.h"
#include "in_runtime.h"
#include "journal_windows.h"

extern const struct gt_tracer_ops gt_tracer_gen, gt_tracer_locked;

struct scene {
    struct gt_runtime *rt;
    const struct gt_tracer_ops *tracer;
    enum gt_syscall_model model;
    int32_t procs;
    uint32_t perturb;
    struct gt_windows w;
    gt_a32 go, inside, out;
    gt_a32 stop, k_held, release;
    struct gt_wg *wg;
    uint64_t k; /* how often */
    struct journal_copy journal;
};

static inline void count_round(struct scene *s)
{
    journal_take(s->rt, &s->journal);
    if (gt_windows_count(&s->w, s->journal.e, s->journal.n, NULL) != 0)
        bail_out("out of memory");
}

static inline void scene_open(struct scene *s)
{
    struct gt_config c;
    char err[160] = "";
    gt_config_init(&c);
    c.scheduler = &gt_scheduler_worksteal;
    c.tracer = s->tracer ? s->tracer : &gt_tracer_gen;
    c.procs = s->procs ? s->procs : 2;
    c.syscalls = s->model;
    c.perturb = s->perturb;
    c.seed = 5;
    if (R->create(&c, &s->rt, err, sizeof err) != 0)
        bail_out("create: %s", err);
    gt_journal_enable(s->rt, 1u << 20);
}

static inline void scene_close(struct scene *s)
{
    R->destroy(s->rt);
    journal_free(&s->journal);
}

static inline void play(struct scene *s, gt_fn fn)
{
    scene_open(s);
    expect(R->run(s->rt, fn, s) == 0);
    count_round(s);
    scene_close(s);
}

static inline uint64_t hits(const struct scene *s, enum gt_window w)
{
    return s->w.n[w];
}
#define COUNT(s, sym) hits(s, GT_WINDOW_##sym)
#define IS(s, sym, want)                                                                           \
    is_int((long long)COUNT(s, sym), (long long)(want), "%s, %s: %s", __func__,                    \
           (s)->model == GT_SYSCALLS_STATUS ? "status" : "scanbit",                                \
           gt_window_name(GT_WINDOW_##sym))
#define SOME(s, sym)                                                                               \
    ok(COUNT(s, sym) > 0, "%s, %s: %s (%llu)", __func__,                                           \
       (s)->model == GT_SYSCALLS_STATUS ? "status" : "scanbit", gt_window_name(GT_WINDOW_##sym),   \
       (unsigned long long)COUNT(s, sym))

static inline void tell(gt_a32 *flag)
{
    gt_store_release(flag, 1u); /* pair: scene-flag */
}

static inline bool told(gt_a32 *flag)
{
    return gt_load_acquire(flag) != 0; /* pair: scene-flag */
}

/* On a G, which gives way meanwhile. */
static inline void wait_for(gt_a32 *flag)
{
    while (!told(flag)) {
        R->checkpoint();
        gt_thread_yield();
    }
}

/* On a thread, whatever it is in. */
static inline void block_for(gt_a32 *flag)
{
    while (!told(flag))
        gt_sleep_ns(20 * GT_NS_PER_US);
}

static inline void trace_on(void)
{
    struct gt_trace_options o = {.period_ns = 3600 * GT_NS_PER_S, .raw_stacks = true};
    expect(R->trace_start(&o) == 0);
}

static inline void trace_off(void)
{
    expect(R->trace_stop() == 0);
}

static inline void advance(struct gt_runtime *rt)
{
    expect(rt->tracer->advance(rt->tracer_state) == 0);
}

/* ---- a scene whose advance waits, every P looked at, until the other side is inside ----------- */
static struct scene *staged;

static inline void at_point(const struct gt_tracer_host *h, uint32_t point)
{
    (void)h;
    if (point != GT_PERTURB_dead_cleaned || told(&staged->go))
        return;
    tell(&staged->go);
    block_for(&staged->inside);
}

static inline void stage(struct scene *s)
{
    staged = s;
    scene_open(s);
    s->rt->tracer_host.perturb = at_point;
}
