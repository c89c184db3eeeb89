/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stacks. Gs go down to a depth drawn from the seed, do one thing there that lets go of the
 * stack (yield, a park, a system call, a direct switch, or nothing), and come back up. Each
 * frame holds words made of its place, its G and its step, and looks at them on the way up.
 * Every G has a coroutine that does the same on a stack of its own. Meanwhile the collector
 * runs cycle after cycle and gives back what lies below.
 *
 * extra: cycles, stacks that shrank and bytes that went back since the runtime was made.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/calls.h"
#include "common/gate.h"
#include "common/rng.h"
#include "common/team.h"
#include "gauntlet/workload.h"

enum { GS = 24, WORDS = 24, SHALLOW = 512, DEEP = 40 * 1024, US = 1000 };
enum what { NOTHING, YIELD, PARK, REST, CALL, BLOCKING_CALL, SWITCH, WHATS };

struct diver {
    const struct gt_runtime_ops *ops;
    struct gt_rng rng;
    uint64_t tag; /* of this G and step */
    char *top;    /* where its frames begin */
    uint64_t frames, wrong;
};

struct member {
    struct diver own, its; /* the G's and its coroutine's */
    struct gt_coro *coro;
    struct gt_timer *timer;
    struct gt_gate gate;
    uint64_t n, done, switches;
    uint64_t turns; /* of the coroutine */
    bool last;
    int rc;
    int pid;
};

/* ---- going down ------------------------------------------------------------------------- */
static uint64_t word_of(uint64_t tag, const volatile uint64_t *at)
{
    return gt_rng_mix(tag ^ (uint64_t)(uintptr_t)at);
}

/* Until `depth` bytes lie above; there it does `act`, once. */
static __attribute__((noinline)) void dive(struct diver *d, size_t depth, void (*act)(void *),
                                           void *arg)
{
    volatile uint64_t w[WORDS];
    uint64_t tag = d->tag;
    for (int i = 0; i < WORDS; i++)
        w[i] = word_of(tag, &w[i]);
    if ((size_t)(d->top - (char *)__builtin_frame_address(0)) < depth)
        dive(d, depth, act, arg);
    else if (act)
        act(arg);
    uint64_t wrong = 0;
    for (int i = 0; i < WORDS; i++)
        wrong += w[i] != word_of(tag, &w[i]);
    d->wrong += wrong;
    d->frames++;
}

static void diver_init(struct diver *d, const struct gt_workload_params *p, uint64_t stream)
{
    *d = (struct diver){.ops = p->ops, .rng = gt_rng_make(p->seed, stream)};
}

/* Mostly shallow, at times half-way, rarely deep. */
static size_t draw_depth(struct diver *d)
{
    uint32_t r = gt_rng_below(&d->rng, 8);
    return r < 4 ? SHALLOW : r < 7 ? gt_rng_between(&d->rng, SHALLOW, DEEP) : DEEP;
}

/* ---- at the bottom ------------------------------------------------------------------------ */
static void act_yield(void *arg)
{
    struct member *m = arg;
    m->own.ops->yield();
}

static void open_gate(void *arg)
{
    struct member *m = arg;
    gt_gate_open(m->own.ops, &m->gate);
}

static void park_for(struct member *m, int64_t ns)
{
    const struct gt_runtime_ops *ops = m->own.ops;
    gt_gate_init(&m->gate, ops->self());
    ops->timer_start(m->timer, ops->now() + ns, 0);
    gt_gate_wait(ops, &m->gate);
}

static void act_park(void *arg)
{
    park_for(arg, 20 * US);
}

/* Long enough for cycles of the collector to find it where it was. */
static void act_rest(void *arg)
{
    struct member *m = arg;
    park_for(m, (int64_t)gt_rng_between(&m->own.rng, 500, 3000) * US);
}

static void act_call(void *arg)
{
    struct member *m = arg;
    m->own.ops->syscall_enter();
    int pid = gt_call_getpid();
    m->own.ops->syscall_exit();
    m->own.wrong += pid != m->pid;
}

static void act_blocking_call(void *arg)
{
    struct member *m = arg;
    int64_t ns = (int64_t)gt_rng_between(&m->own.rng, 20, 200) * US;
    m->own.ops->syscall_enter_blocking();
    int rc = gt_call_nap(ns);
    m->own.ops->syscall_exit();
    m->own.wrong += rc != 0;
}

static void act_switch(void *arg)
{
    struct member *m = arg;
    m->own.wrong += !m->own.ops->coro_switch(m->coro);
    m->switches++;
}

static void (*const acts[WHATS])(void *) = {
    [NOTHING] = NULL,      [YIELD] = act_yield,
    [PARK] = act_park,     [REST] = act_rest,
    [CALL] = act_call,     [BLOCKING_CALL] = act_blocking_call,
    [SWITCH] = act_switch,
};

static enum what draw_act(struct diver *d)
{
    static const enum what weighted[] = {NOTHING, NOTHING, NOTHING, YIELD,  YIELD, YIELD,
                                         PARK,    CALL,    CALL,    SWITCH, SWITCH};
    uint32_t r = gt_rng_below(&d->rng, 64);
    if (r < 2)
        return r == 0 ? REST : BLOCKING_CALL;
    return weighted[r % (sizeof weighted / sizeof weighted[0])];
}

/* ---- the two sides --------------------------------------------------------------------------- */
static void switch_back(void *arg)
{
    struct member *m = arg;
    (void)m->its.ops->coro_switch(m->coro);
}

/* One turn for each switch, at a depth of its own. */
static void other_side(void *arg)
{
    struct member *m = arg;
    m->its.top = __builtin_frame_address(0);
    while (!m->last) {
        m->turns++;
        m->its.tag = gt_rng_next(&m->its.rng);
        dive(&m->its, draw_depth(&m->its), switch_back, m);
    }
}

static void dives(void *arg)
{
    struct member *m = arg;
    const struct gt_runtime_ops *ops = m->own.ops;
    m->own.top = __builtin_frame_address(0);
    m->coro = ops->coro_new(other_side, m);
    if (!m->coro) {
        m->rc = -ENOMEM;
        return;
    }
    for (; m->done < m->n; m->done++) {
        m->own.tag = gt_rng_next(&m->own.rng);
        enum what what = draw_act(&m->own);
        dive(&m->own, draw_depth(&m->own), acts[what], m);
    }
    m->last = true;
    if (m->switches > 0) /* it is in the middle of a turn */
        m->own.wrong += ops->coro_switch(m->coro);
    ops->coro_free(m->coro);
}

/* ---- the collector ------------------------------------------------------------------------------ */
struct collector {
    const struct gt_runtime_ops *ops;
    gt_a32 stop;
    uint64_t cycles;
    int rc;
};

static void collects(void *arg)
{
    struct collector *c = arg;
    while (c->rc == 0 && gt_load_acquire(&c->stop) == 0) { /* pair: stacks-stop */
        c->rc = c->ops->gc();
        c->cycles++;
        c->ops->sleep(200 * US);
    }
}

static int dive_all(const struct gt_workload_params *p, struct member *m, uint32_t k,
                    struct collector *c)
{
    struct gt_team team, gc;
    int rc = gt_team_start(&gc, p, 1, c, sizeof *c, collects);
    if (rc == 0) {
        rc = gt_team_start(&team, p, k, m, sizeof *m, dives);
        gt_team_wait(&team);
    }
    gt_store_release(&c->stop, 1u); /* pair: stacks-stop */
    gt_team_wait(&gc);
    return rc ? rc : c->rc;
}

static int prepare(const struct gt_workload_params *p, struct member *m, uint32_t k)
{
    for (uint32_t i = 0; i < k; i++) {
        m[i] = (struct member){.n = gt_team_share(p->n, k), .pid = gt_call_getpid()};
        diver_init(&m[i].own, p, 2ull * i);
        diver_init(&m[i].its, p, 2ull * i + 1);
        m[i].timer = p->ops->timer_new(open_gate, &m[i]);
        if (!m[i].timer)
            return -ENOMEM;
    }
    return 0;
}

static void judge(const struct gt_workload_params *p, const struct member *m, uint32_t k,
                  struct gt_workload_result *r)
{
    uint64_t wrong = 0, frames = 0;
    for (uint32_t i = 0; i < k; i++) {
        r->ops += m[i].done;
        wrong += m[i].own.wrong + m[i].its.wrong;
        frames += m[i].own.frames + m[i].its.frames;
        gt_workload_check(r, m[i].turns == m[i].switches, "G %u: %llu turns of its coroutine for "
                          "%llu switches", i, (unsigned long long)m[i].turns,
                          (unsigned long long)m[i].switches);
    }
    gt_workload_check(r, wrong == 0, "%llu words of %llu frames are not what was put there",
                      (unsigned long long)wrong, (unsigned long long)frames);
    struct gt_gc_stats s;
    p->ops->gc_stats(p->rt, &s);
    r->extra_name[0] = "cycles";
    r->extra[0] = (double)s.cycles;
    r->extra_name[1] = "stacks_shrunk";
    r->extra[1] = (double)s.stacks_shrunk;
    r->extra_name[2] = "stack_bytes_freed";
    r->extra[2] = (double)s.stack_bytes_freed;
}

static int run(const struct gt_workload_params *p, struct gt_workload_result *r)
{
    uint32_t k = gt_team_size(p, GS, 1, 2);
    struct member *m = calloc(k, sizeof *m);
    struct collector c = {.ops = p->ops};
    if (!m)
        return -ENOMEM;
    int64_t start = p->ops->now();
    int rc = prepare(p, m, k);
    if (rc == 0)
        rc = dive_all(p, m, k, &c);
    r->ns = p->ops->now() - start;
    for (uint32_t i = 0; i < k && rc == 0; i++)
        rc = m[i].rc;
    if (rc == 0)
        judge(p, m, k, r);
    for (uint32_t i = 0; i < k; i++)
        if (m[i].timer)
            p->ops->timer_free(m[i].timer);
    free(m);
    return rc;
}

const struct gt_workload_ops gt_workload_stacks = {
    .head = GT_PLUGIN_HEAD(GT_MAGIC_WORKLOAD, struct gt_workload_ops, "stacks",
                           "deep and shallow stacks, parked, switched and shrunk under it", 0),
    .unit = "dive",
    .checks = "each word of each frame on the way back, the turns of each coroutine",
    .needs = GT_RT_GC | GT_RT_CORO | GT_RT_SYSCALL | GT_RT_TIMERS | GT_RT_PARK,
    .quick_n = 20000,
    .run = run,
};
