/* SPDX-License-Identifier: Apache-2.0 */
/*
 * syscall-storm. Gs go in pairs with a pipe each; what a G does next is drawn from the
 * seed: mostly a short call, at times two in a row, rarely a nap of 20 to 200 us, and at
 * steps both halves of a pair know, one half writes a byte and the other reads it,
 * blocked until it is there. The writer never waits, so no mix can deadlock.
 *
 * param: 0: each read is announced as a call that blocks, so the P is handed on at once, also
 * where the byte is there already; 1: none is, as in Go, where a program cannot.
 */
#include <errno.h>
#include <stdio.h>

#include "common/calls.h"
#include "common/rng.h"
#include "common/team.h"
#include "gauntlet/workload.h"

enum { PAIRS_MAX = 16, PIPE_EVERY = 97, NAP_EVERY = 1024, TWICE_EVERY = 8 };

struct half {
    const struct gt_runtime_ops *ops;
    struct gt_rng rng;
    uint64_t n, pair_seed;
    int fd; /* the pipe's end of this half */
    int pid;
    bool writer, announces;
    uint64_t done, bytes, wrong;
};

static void short_call(struct half *h)
{
    h->ops->syscall_enter();
    int pid = gt_call_getpid();
    h->ops->syscall_exit();
    h->wrong += pid != h->pid;
}

static void nap(struct half *h)
{
    int64_t ns = 1000 * (int64_t)gt_rng_between(&h->rng, 20, 200);
    h->ops->syscall_enter();
    int rc = gt_call_nap(ns);
    h->ops->syscall_exit();
    h->wrong += rc != 0;
}

static void pass_byte(struct half *h, uint64_t step)
{
    uint8_t want = (uint8_t)gt_rng_mix(h->pair_seed + step), byte = want;
    int64_t rc;
    if (h->announces)
        h->ops->syscall_enter_blocking();
    else
        h->ops->syscall_enter();
    rc = h->writer ? gt_call_write(h->fd, &byte, 1) : gt_call_read(h->fd, &byte, 1);
    h->ops->syscall_exit();
    h->bytes++;
    h->wrong += rc != 1 || byte != want;
}

static void storm(void *arg)
{
    struct half *h = arg;
    for (uint64_t i = 0; i < h->n; i++) {
        if (gt_rng_mix(h->pair_seed ^ i) % PIPE_EVERY == 0)
            pass_byte(h, i);
        else if (gt_rng_below(&h->rng, NAP_EVERY) == 0)
            nap(h);
        else
            short_call(h);
        if (gt_rng_below(&h->rng, TWICE_EVERY) == 0)
            short_call(h);
        h->done++;
    }
}

static int open_pairs(const struct gt_workload_params *p, struct half *h, uint32_t pairs,
                      uint64_t share)
{
    for (uint32_t i = 0; i < pairs; i++) {
        int fds[2];
        int rc = gt_call_pipe(fds);
        if (rc != 0)
            return rc;
        for (uint32_t side = 0; side < 2; side++)
            h[2 * i + side] = (struct half){
                .ops = p->ops,
                .rng = gt_rng_make(p->seed, 2 * i + side),
                .n = share,
                .pair_seed = gt_rng_mix(p->seed + i),
                .fd = fds[side],
                .pid = gt_call_getpid(),
                .writer = side == 1,
                .announces = side == 0 && p->param == 0,
            };
    }
    return 0;
}

static void judge(const struct half *h, uint32_t n, struct gt_workload_result *r)
{
    uint64_t wrong = 0;
    for (uint32_t i = 0; i < n; i++) {
        r->ops += h[i].done;
        wrong += h[i].wrong;
        gt_workload_check(r, h[i].done == h[i].n, "G %u made %llu steps of %llu", i,
                          (unsigned long long)h[i].done, (unsigned long long)h[i].n);
    }
    for (uint32_t i = 0; i < n; i += 2)
        gt_workload_check(r, h[i].bytes == h[i + 1].bytes, "pair %u: %llu bytes read, %llu written",
                          i / 2, (unsigned long long)h[i].bytes,
                          (unsigned long long)h[i + 1].bytes);
    gt_workload_check(r, wrong == 0, "%llu calls returned what they should not",
                      (unsigned long long)wrong);
}

/* Where not all could start, a reader whose writer is missing reads the end. */
static int storm_all(const struct gt_workload_params *p, struct half *h, uint32_t n)
{
    struct gt_team team;
    int rc = gt_team_start(&team, p, n, h, sizeof *h, storm);
    for (uint32_t i = team.n; i < n; i++)
        if (h[i].writer) {
            (void)gt_call_close(h[i].fd);
            h[i].fd = -1;
        }
    gt_team_wait(&team);
    return rc;
}

static int run(const struct gt_workload_params *p, struct gt_workload_result *r)
{
    struct half h[2 * PAIRS_MAX];
    uint32_t n = gt_team_size(p, 2 * PAIRS_MAX, 2, 1) & ~1u;
    for (uint32_t i = 0; i < n; i++)
        h[i].fd = -1;
    int rc = open_pairs(p, h, n / 2, gt_team_share(p->n, n));
    int64_t start = p->ops->now();
    if (rc == 0)
        rc = storm_all(p, h, n);
    r->ns = p->ops->now() - start;
    if (rc == 0)
        judge(h, n, r);
    for (uint32_t i = 0; i < n; i++)
        if (h[i].fd >= 0)
            (void)gt_call_close(h[i].fd);
    return rc;
}

const struct gt_workload_ops gt_workload_syscall_storm = {
    .head = GT_PLUGIN_HEAD(GT_MAGIC_WORKLOAD, struct gt_workload_ops, "syscall-storm",
                           "short and blocking system calls, mixed", 0),
    .unit = "step",
    .checks = "the result of each call, each byte that goes through a pipe, the number of steps",
    .needs = GT_RT_SYSCALL,
    .quick_n = 20000,
    .run = run,
};
