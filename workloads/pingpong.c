/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pingpong. param: 0 blocking, unbuffered; 1 each side polls a one-element channel, so
 * that with two Ps both sides stay awake and each round really crosses.
 * extra: the share of rounds whose two sides ran on different threads, sampled.
 */
#include <errno.h>
#include <stdio.h>

#include "common/foreign.h"
#include "common/team.h"
#include "gauntlet/atomic.h"
#include "gauntlet/workload.h"

enum { SAMPLE = 16, POLLS = 200 };

struct message {
    uint64_t seq;
    uint64_t thread; /* of the sender, when sampled */
};

struct side {
    const struct gt_runtime_ops *ops;
    struct gt_chan *out, *in;
    uint64_t n;
    int (*send)(const struct side *s, const struct message *m);
    int (*recv)(const struct side *s, struct message *m);
    bool sampled;
    bool first; /* serves */
    uint64_t wrong, lost, samples, crossed;
};

static int send_blocking(const struct side *s, const struct message *m)
{
    return s->ops->chan_send(s->out, m);
}
static int recv_blocking(const struct side *s, struct message *m)
{
    return s->ops->chan_recv(s->in, m) ? 0 : -EPIPE;
}

/* Spins a while, then lets others run: with one P the other side needs it. */
static void pause_polling(const struct side *s, uint32_t *polls)
{
    if (++*polls < POLLS) {
        gt_cpu_relax();
        return;
    }
    *polls = 0;
    s->ops->yield();
}
static int send_polling(const struct side *s, const struct message *m)
{
    uint32_t polls = s->sampled ? 0 : POLLS;
    int rc;
    while ((rc = s->ops->chan_try_send(s->out, m)) == -EAGAIN)
        pause_polling(s, &polls);
    return rc;
}
static int recv_polling(const struct side *s, struct message *m)
{
    uint32_t polls = s->sampled ? 0 : POLLS;
    int rc;
    while ((rc = s->ops->chan_try_recv(s->in, m)) == -EAGAIN)
        pause_polling(s, &polls);
    return rc;
}

static bool is_sample(const struct side *s, uint64_t i)
{
    return s->sampled && i % SAMPLE == 0;
}

static void serve(struct side *s)
{
    for (uint64_t i = 0; i < s->n; i++) {
        struct message m = {.seq = i, .thread = is_sample(s, i) ? gt_foreign_self() : 0};
        s->lost += s->send(s, &m) != 0;
        s->lost += s->recv(s, &m) != 0;
        s->wrong += m.seq != ~i;
    }
}

static void reply(struct side *s)
{
    for (uint64_t i = 0; i < s->n; i++) {
        struct message m = {0};
        s->lost += s->recv(s, &m) != 0;
        s->wrong += m.seq != i;
        if (is_sample(s, i)) {
            s->samples++;
            s->crossed += m.thread != gt_foreign_self();
        }
        m.seq = ~i;
        s->lost += s->send(s, &m) != 0;
    }
}

static void play(void *arg)
{
    struct side *s = arg;
    if (s->first)
        serve(s);
    else
        reply(s);
}

static void judge(const struct side s[2], struct gt_workload_result *r)
{
    uint64_t wrong = s[0].wrong + s[1].wrong, lost = s[0].lost + s[1].lost;
    gt_workload_check(r, lost == 0, "%llu messages found the channel closed",
                      (unsigned long long)lost);
    gt_workload_check(r, wrong == 0, "%llu messages out of sequence", (unsigned long long)wrong);
    r->ops = s[0].n;
    r->extra_name[0] = "crossed";
    r->extra[0] = s[1].samples ? (double)s[1].crossed / (double)s[1].samples : 0.0;
}

static int run(const struct gt_workload_params *p, struct gt_workload_result *r)
{
    const struct gt_runtime_ops *ops = p->ops;
    bool polls = p->param == 1;
    struct gt_chan *there = ops->chan_new(sizeof(struct message), polls ? 1 : 0);
    struct gt_chan *back = ops->chan_new(sizeof(struct message), polls ? 1 : 0);
    int rc = -ENOMEM;
    if (!there || !back)
        goto out;
    struct side s[2];
    s[0] = (struct side){.ops = ops, .out = there, .in = back, .n = p->n, .first = true};
    s[0].sampled = p->procs > 1;
    s[0].send = polls ? send_polling : send_blocking;
    s[0].recv = polls ? recv_polling : recv_blocking;
    s[1] = s[0];
    s[1].out = back;
    s[1].in = there;
    s[1].first = false;
    int64_t start = ops->now();
    rc = gt_team_run(p, 2, s, sizeof *s, play);
    r->ns = ops->now() - start;
    if (rc == 0)
        judge(s, r);
out:
    if (there)
        ops->chan_free(there);
    if (back)
        ops->chan_free(back);
    return rc;
}

const struct gt_workload_ops gt_workload_pingpong = {
    .head = GT_PLUGIN_HEAD(GT_MAGIC_WORKLOAD, struct gt_workload_ops, "pingpong",
                           "two Gs and two unbuffered channels", 0),
    .unit = "round trip",
    .checks = "the sequence number of every message, both ways",
    .needs = GT_RT_CHAN,
    .quick_n = 50000,
    .run = run,
};
