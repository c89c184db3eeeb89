/* SPDX-License-Identifier: Apache-2.0 */
/*
 * callback: waves of plain threads that call in, are joined, and are followed by new ones,
 * so that thread ids and the runtime's thread structs come back. What a call does is
 * drawn from the seed: nothing, yield, park, send, a system call, or a call in from inside
 * a system call. param: threads of a wave, 0 for 4.
 * extra: threads made, and the share of them whose handle an earlier one had.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/calls.h"
#include "common/foreign.h"
#include "common/gate.h"
#include "common/rng.h"
#include "common/team.h"
#include "gauntlet/workload.h"

enum { THREADS = 4, THREADS_MAX = 32, CALLS_PER_THREAD = 64, RETRIES = 2000, SEEN = 64 };
enum act { ACT_NOTHING, ACT_YIELD, ACT_PARK, ACT_SEND, ACT_SYSCALL, ACT_NESTED, ACT_COUNT };

struct shared {
    const struct gt_runtime_ops *ops;
    struct gt_runtime *rt;
    struct gt_chan *parked; /* gates of Gs that wait to be let go */
    struct gt_chan *sent;   /* numbers */
    uint64_t sum;           /* Written by: the collector */
    uint64_t n_sent;
};

struct caller { /* one thread of a wave */
    struct shared *s;
    struct gt_foreign thread;
    struct gt_rng rng;
    uint32_t calls;
    uint64_t handle;
    uint64_t done, nested, sum, n_sent, wrong;
    int rc;
};

struct call {
    struct caller *c;
    enum act act;
    uint64_t value;
    bool ran;
};

/* ---- on the runtime's side --------------------------------------------- */
static void let_go(void *arg)
{
    struct shared *s = arg;
    struct gt_gate *gate;
    while (s->ops->chan_recv(s->parked, &gate))
        gt_gate_open(s->ops, gate);
}

static void collect(void *arg)
{
    struct shared *s = arg;
    uint64_t v;
    while (s->ops->chan_recv(s->sent, &v)) {
        s->sum += v;
        s->n_sent++;
    }
}

static void wait_at_gate(struct call *k)
{
    const struct gt_runtime_ops *ops = k->c->s->ops;
    struct gt_gate gate, *g = &gate;
    gt_gate_init(&gate, ops->self());
    k->c->wrong += ops->chan_send(k->c->s->parked, &g) != 0;
    gt_gate_wait(ops, &gate);
}

static void send_value(struct call *k)
{
    k->c->wrong += k->c->s->ops->chan_send(k->c->s->sent, &k->value) != 0;
    k->c->sum += k->value;
    k->c->n_sent++;
}

static void short_call(struct call *k)
{
    k->c->s->ops->syscall_enter();
    k->c->wrong += gt_call_getpid() <= 0;
    k->c->s->ops->syscall_exit();
}

static void nested(void *arg)
{
    struct call *k = arg;
    k->c->s->ops->yield();
    k->ran = true;
}

static void call_in_again(struct call *k)
{
    const struct gt_runtime_ops *ops = k->c->s->ops;
    struct call inner = {.c = k->c};
    ops->syscall_enter();
    int rc = ops->callback(k->c->s->rt, nested, &inner);
    ops->syscall_exit();
    k->c->wrong += rc != 0 || !inner.ran;
    k->c->nested++;
}

static void called(void *arg)
{
    struct call *k = arg;
    const struct gt_runtime_ops *ops = k->c->s->ops;
    switch (k->act) {
    case ACT_YIELD:
        ops->yield();
        break;
    case ACT_PARK:
        wait_at_gate(k);
        break;
    case ACT_SEND:
        send_value(k);
        break;
    case ACT_SYSCALL:
        short_call(k);
        break;
    case ACT_NESTED:
        call_in_again(k);
        break;
    case ACT_NOTHING:
    case ACT_COUNT:
        break;
    }
    k->ran = true;
}

/* ---- on the threads' side ---------------------------------------------- */
/* -EAGAIN: no thread struct to be had just now. */
static int call_in(struct caller *c, struct call *k)
{
    int rc = -EAGAIN;
    for (int i = 0; i < RETRIES && rc == -EAGAIN; i++) {
        rc = c->s->ops->callback(c->s->rt, called, k);
        if (rc == -EAGAIN)
            (void)gt_call_nap(50000);
    }
    return rc;
}

static void thread_main(void *arg)
{
    struct caller *c = arg;
    c->handle = gt_foreign_self();
    for (uint32_t i = 0; i < c->calls && c->rc == 0; i++) {
        struct call k = {.c = c, .value = gt_rng_next(&c->rng)};
        k.act = (enum act)gt_rng_below(&c->rng, ACT_COUNT);
        c->rc = call_in(c, &k);
        c->wrong += c->rc == 0 && !k.ran;
        c->done++;
    }
}

/* ---- waves ------------------------------------------------------------- */
struct tally {
    uint64_t done, nested, sum, n_sent, wrong, threads, back;
    uint64_t seen[SEEN]; /* handles of threads, the first SEEN */
    uint32_t n_seen;
};

static void note_thread(struct tally *t, uint64_t handle)
{
    t->threads++;
    for (uint32_t i = 0; i < t->n_seen; i++)
        if (t->seen[i] == handle) {
            t->back++;
            return;
        }
    if (t->n_seen < SEEN)
        t->seen[t->n_seen++] = handle;
}

static void add_up(struct tally *t, const struct caller *c)
{
    t->done += c->done;
    t->nested += c->nested;
    t->sum += c->sum;
    t->n_sent += c->n_sent;
    t->wrong += c->wrong;
    note_thread(t, c->handle);
}

/* Starts k threads and joins those that started. */
static int wave(struct shared *s, struct caller *c, uint32_t k, struct tally *t)
{
    int rc = 0;
    uint32_t started = 0;
    for (; started < k && rc == 0; started += rc == 0)
        rc = gt_foreign_start(&c[started].thread, thread_main, &c[started]);
    for (uint32_t i = 0; i < started; i++) {
        s->ops->syscall_enter_blocking();
        gt_foreign_join(&c[i].thread);
        s->ops->syscall_exit();
        add_up(t, &c[i]);
        rc = rc ? rc : c[i].rc;
    }
    return rc;
}

static int waves(const struct gt_workload_params *p, struct shared *s, struct tally *t)
{
    struct caller c[THREADS_MAX];
    uint32_t k = p->param && p->param <= THREADS_MAX ? p->param : THREADS;
    uint64_t calls = gt_team_share(p->n, k);
    if (calls > CALLS_PER_THREAD)
        calls = CALLS_PER_THREAD;
    int rc = 0;
    for (uint64_t w = 0; t->done < p->n && rc == 0; w++) {
        for (uint32_t i = 0; i < k; i++)
            c[i] = (struct caller){
                .s = s, .rng = gt_rng_make(p->seed, w * k + i), .calls = (uint32_t)calls};
        rc = wave(s, c, k, t);
    }
    return rc;
}

static void judge(const struct shared *s, const struct tally *t, struct gt_workload_result *r)
{
    r->ops = t->done;
    r->extra_name[0] = "threads";
    r->extra[0] = (double)t->threads;
    r->extra_name[1] = "handles_back";
    r->extra[1] = t->threads ? (double)t->back / (double)t->threads : 0.0;
    gt_workload_check(r, t->wrong == 0, "%llu calls went wrong", (unsigned long long)t->wrong);
    gt_workload_check(r, s->n_sent == t->n_sent && s->sum == t->sum,
                      "%llu values arrived, %llu were sent, or their sums differ",
                      (unsigned long long)s->n_sent, (unsigned long long)t->n_sent);
}

struct helper {
    struct shared *s;
    gt_fn fn;
};

static void help(void *arg)
{
    const struct helper *h = arg;
    h->fn(h->s);
}

static int run(const struct gt_workload_params *p, struct gt_workload_result *r)
{
    struct shared s = {.ops = p->ops, .rt = p->rt};
    struct helper helpers[2] = {{&s, let_go}, {&s, collect}};
    struct tally t = {0};
    struct gt_team team;
    s.parked = p->ops->chan_new(sizeof(struct gt_gate *), 8);
    s.sent = p->ops->chan_new(sizeof(uint64_t), 8);
    int rc = -ENOMEM;
    if (!s.parked || !s.sent)
        goto out;
    int64_t start = p->ops->now();
    p->ops->expect_callbacks(p->rt, 1);
    rc = gt_team_start(&team, p, 2, helpers, sizeof *helpers, help);
    if (rc == 0)
        rc = waves(p, &s, &t);
    p->ops->expect_callbacks(p->rt, -1);
    (void)p->ops->chan_close(s.parked);
    (void)p->ops->chan_close(s.sent);
    gt_team_wait(&team);
    r->ns = p->ops->now() - start;
    if (rc == 0)
        judge(&s, &t, r);
out:
    if (s.parked)
        p->ops->chan_free(s.parked);
    if (s.sent)
        p->ops->chan_free(s.sent);
    return rc;
}

const struct gt_workload_ops gt_workload_callback = {
    .head = GT_PLUGIN_HEAD(GT_MAGIC_WORKLOAD, struct gt_workload_ops, "callback",
                           "foreign threads call in and out, thread ids come back", 0),
    .unit = "call in",
    .checks = "each call ran before it returned, each value sent arrived",
    .needs = GT_RT_CALLBACK | GT_RT_CHAN | GT_RT_SYSCALL | GT_RT_PARK,
    .quick_n = 5000,
    .run = run,
};
