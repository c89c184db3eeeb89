/* SPDX-License-Identifier: Apache-2.0 */
/*
 * netpoll-echo: one G of a socket pair sends messages and reads each back, the other
 * echoes whatever comes. param: pairs, 0 for 64.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/calls.h"
#include "common/rng.h"
#include "common/team.h"
#include "gauntlet/workload.h"

enum { PAIRS = 64, PAIRS_MAX = 512, SMALL_MAX = 256, LARGE_MAX = 8192, LARGE_EVERY = 256 };

struct end {
    const struct gt_runtime_ops *ops;
    struct gt_fd *f;
    uint8_t *buf; /* LARGE_MAX bytes */
    struct gt_rng rng;
    uint64_t n;
    bool echoes;
    uint64_t done, bytes, wrong;
    int64_t error;
};

static void fill(uint8_t *buf, uint32_t n, uint64_t seed)
{
    for (uint32_t i = 0; i < n; i++)
        buf[i] = (uint8_t)(seed + i * 167u);
}

static bool differs(const uint8_t *buf, uint32_t n, uint64_t seed)
{
    uint8_t diff = 0;
    for (uint32_t i = 0; i < n; i++)
        diff |= buf[i] ^ (uint8_t)(seed + i * 167u);
    return diff != 0;
}

/* Reads until n bytes are there. 0, or a negative errno; -EPIPE: the end came early. */
static int64_t read_all(struct end *e, uint32_t n)
{
    for (uint32_t have = 0; have < n;) {
        int64_t rc = e->ops->fd_read(e->f, e->buf + have, n - have);
        if (rc <= 0)
            return rc < 0 ? rc : -EPIPE;
        have += (uint32_t)rc;
    }
    return 0;
}

static int64_t exchange(struct end *e)
{
    bool large = gt_rng_below(&e->rng, LARGE_EVERY) == 0;
    uint32_t n = gt_rng_between(&e->rng, 1, large ? LARGE_MAX : SMALL_MAX);
    uint64_t seed = gt_rng_next(&e->rng);
    fill(e->buf, n, seed);
    int64_t rc = e->ops->fd_write(e->f, e->buf, n);
    if (rc != (int64_t)n)
        return rc < 0 ? rc : -EIO;
    fill(e->buf, n, ~seed);
    rc = read_all(e, n);
    e->wrong += rc == 0 && differs(e->buf, n, seed);
    e->bytes += n;
    return rc;
}

static void client(struct end *e)
{
    for (; e->done < e->n && e->error == 0; e->done++)
        e->error = exchange(e);
    e->ops->fd_close(e->f); /* the other side reads the end */
}

static void echo(struct end *e)
{
    for (;;) {
        int64_t n = e->ops->fd_read(e->f, e->buf, LARGE_MAX);
        if (n > 0) {
            e->bytes += (uint64_t)n;
            int64_t rc = e->ops->fd_write(e->f, e->buf, (size_t)n);
            n = rc < 0 ? rc : n;
        }
        if (n <= 0) {
            e->error = n;
            break;
        }
    }
    e->ops->fd_close(e->f);
}

static void play(void *arg)
{
    struct end *e = arg;
    if (e->echoes)
        echo(e);
    else
        client(e);
}

static int open_end(const struct gt_workload_params *p, struct end *e, int fd)
{
    int rc = 0;
    e->ops = p->ops;
    e->buf = malloc(LARGE_MAX);
    e->f = e->buf ? p->ops->fd_open(fd, &rc) : NULL;
    if (e->f)
        return 0;
    (void)gt_call_close(fd);
    return rc ? rc : -ENOMEM;
}

static int open_pairs(const struct gt_workload_params *p, struct end *e, uint32_t pairs,
                      uint64_t share)
{
    for (uint32_t i = 0; i < pairs; i++) {
        int fds[2];
        int rc = gt_call_socketpair(fds);
        if (rc != 0)
            return rc;
        rc = open_end(p, &e[2 * i], fds[0]);
        int other = open_end(p, &e[2 * i + 1], fds[1]);
        if (rc != 0 || other != 0)
            return rc ? rc : other;
        e[2 * i].rng = gt_rng_make(p->seed, i);
        e[2 * i].n = share;
        e[2 * i + 1].echoes = true;
    }
    return 0;
}

/* A pair of which one half did not start: the other sees the end of the file. */
static void close_rest(struct end *e, uint32_t from, uint32_t n)
{
    for (uint32_t i = from; i < n; i++)
        if (e[i].f)
            e[i].ops->fd_close(e[i].f);
}

static int play_all(const struct gt_workload_params *p, struct end *e, uint32_t n)
{
    struct gt_team team;
    int rc = gt_team_start(&team, p, n, e, sizeof *e, play);
    close_rest(e, team.n, n);
    gt_team_wait(&team);
    return rc;
}

static void judge(const struct end *e, uint32_t pairs, struct gt_workload_result *r)
{
    uint64_t wrong = 0;
    for (uint32_t i = 0; i < pairs; i++) {
        const struct end *c = &e[2 * i], *s = c + 1;
        r->ops += c->done;
        wrong += c->wrong;
        gt_workload_check(r, c->error == 0, "pair %u: the client's file gave %lld", i,
                          (long long)c->error);
        gt_workload_check(r, s->error == 0, "pair %u: the echo's file gave %lld", i,
                          (long long)s->error);
        gt_workload_check(r, c->bytes == s->bytes, "pair %u: %llu bytes sent, %llu echoed", i,
                          (unsigned long long)c->bytes, (unsigned long long)s->bytes);
    }
    gt_workload_check(r, wrong == 0, "%llu messages came back changed", (unsigned long long)wrong);
}

static int run(const struct gt_workload_params *p, struct gt_workload_result *r)
{
    uint32_t want = p->param && p->param < PAIRS_MAX ? p->param : PAIRS;
    uint32_t pairs = gt_team_size(p, 2 * want, 2, 1) / 2;
    struct end *e = calloc(2 * pairs, sizeof *e);
    if (!e)
        return -ENOMEM;
    int rc = open_pairs(p, e, pairs, gt_team_share(p->n, pairs));
    int64_t start = p->ops->now();
    if (rc == 0)
        rc = play_all(p, e, 2 * pairs);
    else
        close_rest(e, 0, 2 * pairs);
    r->ns = p->ops->now() - start;
    if (rc == 0)
        judge(e, pairs, r);
    for (uint32_t i = 0; i < 2 * pairs; i++)
        free(e[i].buf);
    free(e);
    return rc;
}

const struct gt_workload_ops gt_workload_netpoll_echo = {
    .head = GT_PLUGIN_HEAD(GT_MAGIC_WORKLOAD, struct gt_workload_ops, "netpoll-echo",
                           "many socket pairs that echo", 0),
    .unit = "message",
    .checks = "every byte that comes back, the bytes of both sides, a clean end of each file",
    .needs = GT_RT_NETPOLL,
    .quick_n = 20000,
    .run = run,
};
