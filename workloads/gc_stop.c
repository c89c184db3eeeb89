/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gc-stop: one G stops the world again and again, by a cycle of the collector, for a look
 * around, or by setting the number of Ps to what it is, while others yield, talk over
 * channels, make system calls and garbage. Each bumps a counter at every step; while the
 * world is stopped all counters must stand still. param: stops a second, 0 for 5000.
 * extra: ns from the request to all stopped of the looks around.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/calls.h"
#include "common/rng.h"
#include "common/team.h"
#include "common/things.h"
#include "gauntlet/atomic.h"
#include "gauntlet/workload.h"

enum kind { YIELDS, SENDS, ANSWERS, CALLS, MAKES, KINDS };
enum stop { STOP_CYCLE, STOP_PROCS, STOP_LOOK, STOPS };
enum { LOADS = 20, STEPS_PER_STOP = 1000, STOPS_LEAST = 20, RATE = 5000 };
enum { LOOK_MOST_US = 40, NAP_EVERY = 64, YIELD_EVERY = 8, TREE_MOST = 4 };

struct load {
    const struct gt_runtime_ops *ops;
    gt_a64 steps; /* Written by: its G. Read by: the one that stops the world */
    gt_a32 *over;
    enum kind kind;
    struct gt_chan *there, *back; /* SENDS and the ANSWERS after it share them */
    struct gt_rng rng;
    struct gt_maker maker;
    uint64_t n, wrong;
    int pid;
} __attribute__((aligned(64)));

static void bump(struct load *l)
{
    gt_store_relaxed(&l->steps, gt_load_relaxed(&l->steps) + 1);
}

/* ---- the load ---------------------------------------------------------------------------- */
static void send(struct load *l)
{
    uint64_t out = gt_rng_next(&l->rng), in = 0;
    l->wrong += l->ops->chan_send(l->there, &out) != 0;
    l->wrong += !l->ops->chan_recv(l->back, &in) || in != ~out;
}

static void answer_all(struct load *l)
{
    uint64_t v;
    while (l->ops->chan_recv(l->there, &v)) {
        v = ~v;
        bump(l);
        l->wrong += l->ops->chan_send(l->back, &v) != 0;
    }
}

static void call(struct load *l)
{
    if (gt_rng_below(&l->rng, NAP_EVERY) == 0) {
        l->ops->syscall_enter_blocking();
        (void)gt_call_nap(20000);
        l->ops->syscall_exit();
        return;
    }
    l->ops->syscall_enter();
    int pid = gt_call_getpid();
    l->ops->syscall_exit();
    l->wrong += pid != l->pid;
}

static void make(struct load *l)
{
    uint32_t depth = gt_rng_between(&l->rng, 1, TREE_MOST);
    struct gt_link tree = gt_tree_new(&l->maker, depth, gt_rng_below(&l->rng, 2));
    struct gt_link blob = gt_blob_new(&l->maker, gt_rng_below(&l->rng, 64));
    l->wrong += gt_tree_count(&l->maker, tree) != gt_tree_size(depth) && l->maker.rc == 0;
    (void)gt_blob_look(&l->maker, blob);
    if (gt_rng_below(&l->rng, YIELD_EVERY) == 0)
        l->ops->yield(); /* on few Ps the one that stops must get its turn */
}

static void step(struct load *l)
{
    switch (l->kind) {
    case YIELDS:
        l->ops->yield();
        break;
    case SENDS:
        send(l);
        break;
    case CALLS:
        call(l);
        break;
    case MAKES:
        make(l);
        break;
    case ANSWERS:
    case KINDS:
        break;
    }
}

static void work(void *arg)
{
    struct load *l = arg;
    if (l->kind == ANSWERS) {
        answer_all(l);
        return;
    }
    while (l->maker.rc == 0 &&
           (gt_load_relaxed(&l->steps) < l->n || gt_load_relaxed(l->over) == 0)) {
        step(l);
        bump(l);
    }
    if (l->kind == SENDS)
        (void)l->ops->chan_close(l->there);
}

/* ---- the one that stops ------------------------------------------------------------------ */
struct stopper {
    const struct gt_workload_params *p;
    struct gt_workload_result *r;
    const struct load *loads;
    uint32_t n_loads;
    struct gt_rng rng;
    int64_t *took; /* of each look, ns */
    uint32_t looks, made, moved;
    uint64_t steps; /* at the end of the last stop */
};

static uint64_t count_steps(const struct stopper *s)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < s->n_loads; i++)
        sum += gt_load_relaxed(&s->loads[i].steps);
    return sum;
}

static int look_around(struct stopper *s)
{
    const struct gt_runtime_ops *ops = s->p->ops;
    int64_t stay = 1000 * (int64_t)gt_rng_below(&s->rng, LOOK_MOST_US), start = ops->now();
    ops->stop_world(GT_WORLD_TEST);
    int64_t stopped = ops->now();
    uint64_t before = count_steps(s);
    while (ops->now() < stopped + stay)
        gt_cpu_relax();
    uint64_t after = count_steps(s);
    ops->start_world();
    s->took[s->looks++] = stopped - start;
    s->moved += before != s->steps;
    s->steps = after;
    gt_workload_check(s->r, before == after, "%llu steps were made while the world was stopped",
                      (unsigned long long)(after - before));
    return 0;
}

static int run_cycle(struct stopper *s)
{
    struct gt_gc_stats before, after;
    s->p->ops->gc_stats(s->p->rt, &before);
    int rc = s->p->ops->gc();
    s->p->ops->gc_stats(s->p->rt, &after);
    gt_workload_check(s->r, rc != 0 || after.cycles > before.cycles, "a cycle that never was");
    return rc;
}

static int keep_procs(struct stopper *s)
{
    int32_t n = s->p->ops->procs();
    int rc = s->p->ops->set_procs(n);
    gt_workload_check(s->r, s->p->ops->procs() == n, "set %d Ps, there are %d", n,
                      s->p->ops->procs());
    return rc;
}

static int stop_once(struct stopper *s, uint32_t i)
{
    static int (*const ways[STOPS])(struct stopper *) = {run_cycle, keep_procs, look_around};
    uint32_t dice = i < STOPS ? i : gt_rng_below(&s->rng, 8);
    return ways[dice < STOPS ? dice : STOP_LOOK](s);
}

static int stop_often(struct stopper *s, uint32_t stops)
{
    const struct gt_runtime_ops *ops = s->p->ops;
    int64_t gap = 1000000000 / (s->p->param ? s->p->param : RATE), due = ops->now();
    int rc = 0;
    for (; s->made < stops && rc == 0; s->made++) {
        due += gap;
        int64_t wait = due - ops->now();
        if (wait > 0)
            ops->sleep(wait);
        else
            ops->yield();
        rc = stop_once(s, s->made);
    }
    return rc;
}

/* ---- verdict ------------------------------------------------------------------------------- */
static int by_time(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void say_times(struct stopper *s)
{
    static const char *const names[] = {"stop_p50_ns", "stop_p99_ns", "stop_max_ns", "looks"};
    uint32_t n = s->looks;
    if (n == 0)
        return;
    qsort(s->took, n, sizeof *s->took, by_time);
    uint32_t at[] = {n / 2, (uint32_t)((uint64_t)n * 99 / 100), n - 1};
    for (int i = 0; i < 4; i++) {
        s->r->extra_name[i] = names[i];
        s->r->extra[i] = i < 3 ? (double)s->took[at[i]] : (double)n;
    }
}

static void judge(const struct stopper *s, const struct gt_runtime_stats *before)
{
    struct gt_runtime_stats after;
    uint64_t wrong = 0;
    s->p->ops->stats(s->p->rt, &after);
    for (uint32_t i = 0; i < s->n_loads; i++) {
        wrong += s->loads[i].wrong;
        gt_workload_check(s->r, s->loads[i].maker.wrong == 0, "%s", s->loads[i].maker.why);
    }
    s->r->ops = count_steps(s);
    gt_workload_check(s->r, wrong == 0, "%llu messages, calls or trees came out wrong",
                      (unsigned long long)wrong);
    gt_workload_check(s->r, after.world_stops - before->world_stops >= s->made,
                      "%u stops asked for, %llu made", s->made,
                      (unsigned long long)(after.world_stops - before->world_stops));
    gt_workload_check(s->r, s->moved > 0, "nobody made a step between stops");
}

/* ---- all of it ------------------------------------------------------------------------------- */
static int stop_and_judge(struct stopper *s, struct load *l, gt_a32 *over)
{
    const struct gt_workload_params *p = s->p;
    struct gt_runtime_stats before;
    struct gt_team team;
    uint64_t stops = p->n / STEPS_PER_STOP;
    if (stops > UINT32_MAX)
        stops = UINT32_MAX;
    if (stops < STOPS_LEAST)
        stops = STOPS_LEAST;
    s->took = calloc(stops, sizeof *s->took);
    if (!s->took)
        return -ENOMEM;
    p->ops->stats(p->rt, &before);
    int64_t start = p->ops->now();
    int rc = gt_team_start(&team, p, s->n_loads, l, sizeof *l, work);
    if (rc == 0)
        rc = stop_often(s, (uint32_t)stops);
    gt_store_release(over, 1u);
    if (team.n < s->n_loads && l[team.n].kind == ANSWERS) { /* nobody answers the last one */
        (void)p->ops->chan_close(l[team.n].there);
        (void)p->ops->chan_close(l[team.n].back);
    }
    gt_team_wait(&team);
    s->r->ns = p->ops->now() - start;
    for (uint32_t i = 0; i < s->n_loads && rc == 0; i++)
        rc = l[i].maker.rc;
    if (rc == 0)
        judge(s, &before);
    say_times(s);
    free(s->took);
    return rc;
}

/* Kinds in turn, so that each one that answers comes right after the one that sends. */
static int make_loads(const struct gt_workload_params *p, struct load *l, uint32_t n, gt_a32 *over)
{
    bool whole = true;
    for (uint32_t i = 0; i < n; i++) {
        l[i] = (struct load){.ops = p->ops,
                             .over = over,
                             .kind = (enum kind)(i % KINDS),
                             .rng = gt_rng_make(p->seed, i),
                             .n = gt_team_share(p->n, n - n / KINDS),
                             .pid = gt_call_getpid()};
        gt_init(&l[i].steps, 0ull);
        gt_maker_init(&l[i].maker, p->ops, i);
        if (l[i].kind == SENDS) {
            l[i].there = p->ops->chan_new(sizeof(uint64_t), 0);
            l[i].back = p->ops->chan_new(sizeof(uint64_t), 1);
            whole = whole && l[i].there && l[i].back;
        } else if (l[i].kind == ANSWERS) {
            l[i].there = l[i - 1].there;
            l[i].back = l[i - 1].back;
        }
    }
    return whole ? 0 : -ENOMEM;
}

static int run(const struct gt_workload_params *p, struct gt_workload_result *r)
{
    struct load l[LOADS];
    gt_a32 over;
    gt_init(&over, 0u);
    uint32_t n = gt_team_size(p, LOADS, KINDS, 1) / KINDS * KINDS;
    struct stopper s = {.p = p, .r = r, .loads = l, .n_loads = n};
    s.rng = gt_rng_make(p->seed, LOADS);
    int rc = make_loads(p, l, n, &over);
    if (rc == 0)
        rc = stop_and_judge(&s, l, &over);
    for (uint32_t i = 0; i < n; i++)
        if (l[i].kind == SENDS) {
            if (l[i].there)
                p->ops->chan_free(l[i].there);
            if (l[i].back)
                p->ops->chan_free(l[i].back);
        }
    return rc;
}

const struct gt_workload_ops gt_workload_gc_stop = {
    .head = GT_PLUGIN_HEAD(GT_MAGIC_WORKLOAD, struct gt_workload_ops, "gc-stop",
                           "the world stops at a given rate, for the collector too, under load", 0),
    .unit = "step",
    .checks = "no G makes a step while the world is stopped; every message, call and object of "
              "the load, the number of stops",
    .needs = GT_RT_GC | GT_RT_WORLD | GT_RT_PROCS | GT_RT_CHAN | GT_RT_SYSCALL | GT_RT_TIMERS |
             GT_RT_PARK,
    .quick_n = 50000,
    .run = run,
};
