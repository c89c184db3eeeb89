/* SPDX-License-Identifier: Apache-2.0 */
/* Loads that make system calls. */
#include "common/calls.h"

#include "common/loads.h"

enum { ROW_MOST = 4, BLOCKING_EVERY = 4, US = 1000 };

/* ---- short ones ------------------------------------------------------------------------- */
struct callers {
    int pid;
};

static int open_short(struct gt_load *l)
{
    struct callers *c = l->own;
    c->pid = gt_call_getpid();
    return 0;
}

static void call_short(struct gt_load *l)
{
    const struct callers *c = l->own;
    for (uint32_t n = gt_rng_between(&l->rng, 1, ROW_MOST); n > 0; n--) {
        l->ops->syscall_enter();
        int pid = gt_call_getpid();
        l->ops->syscall_exit();
        gt_load_check(l, pid == c->pid, "getpid gave %d, not %d", pid, c->pid);
    }
}

const struct gt_load_kind gt_load_short_calls = {
    .name = "short calls",
    .needs = GT_RT_SYSCALL,
    .own = sizeof(struct callers),
    .busy = true,
    .open = open_short,
    .step = call_short,
};

/* ---- longer ones -------------------------------------------------------------------------- */
static void nap(struct gt_load *l, uint32_t least_us, uint32_t most_us)
{
    int64_t ns = US * (int64_t)gt_rng_between(&l->rng, least_us, most_us);
    if (gt_rng_below(&l->rng, BLOCKING_EVERY) == 0)
        l->ops->syscall_enter_blocking();
    else
        l->ops->syscall_enter();
    int rc = gt_call_nap(ns);
    l->ops->syscall_exit();
    gt_load_check(l, rc == 0, "a nap gave %d", rc);
}

static void nap_briefly(struct gt_load *l)
{
    nap(l, 20, gt_load_param(l, 200));
}

static void nap_long(struct gt_load *l)
{
    nap(l, 1000, gt_load_param(l, 20000));
}

const struct gt_load_kind gt_load_naps = {
    .name = "naps", .needs = GT_RT_SYSCALL, .step = nap_briefly};
const struct gt_load_kind gt_load_long_calls = {
    .name = "long calls", .needs = GT_RT_SYSCALL, .step = nap_long};

/* ---- blocking ones: the P is given up at once ----------------------------------------------- */
static void call_blocking(struct gt_load *l)
{
    l->ops->syscall_enter_blocking();
    (void)gt_call_getpid();
    l->ops->syscall_exit();
}

const struct gt_load_kind gt_load_blocking_calls = {
    .name = "blocking calls", .needs = GT_RT_SYSCALL, .step = call_blocking};

/* ---- blocked in a pipe ----------------------------------------------------------------------- */
struct pipe {
    int fds[2]; /* -1: closed */
    uint64_t seed, written;
    uint64_t read; /* Written by: the partner */
};

static int open_pipe(struct gt_load *l)
{
    struct pipe *p = l->own;
    p->seed = gt_rng_next(&l->rng);
    p->fds[0] = p->fds[1] = -1;
    return gt_call_pipe(p->fds);
}

static uint8_t byte_at(const struct pipe *p, uint64_t i)
{
    return (uint8_t)gt_rng_mix(p->seed + i);
}

static void write_byte(struct gt_load *l)
{
    struct pipe *p = l->own;
    uint8_t byte = byte_at(p, p->written);
    gt_load_pause(l, gt_load_param(l, 500));
    l->ops->syscall_enter();
    int64_t rc = gt_call_write(p->fds[1], &byte, 1);
    l->ops->syscall_exit();
    gt_load_check(l, rc == 1, "a write to a pipe gave %lld", (long long)rc);
    p->written += rc == 1;
}

static void read_bytes(struct gt_load *l, uint32_t i)
{
    struct pipe *p = l->own;
    int64_t rc;
    (void)i;
    do {
        uint8_t byte = 0;
        l->ops->syscall_enter();
        rc = gt_call_read(p->fds[0], &byte, 1);
        l->ops->syscall_exit();
        gt_load_check(l, rc >= 0, "a read of a pipe gave %lld", (long long)rc);
        gt_load_check(l, rc != 1 || byte == byte_at(p, p->read), "byte %llu came out wrong",
                      (unsigned long long)p->read);
        p->read += rc == 1;
    } while (rc == 1);
}

static void end_pipe(struct gt_load *l)
{
    struct pipe *p = l->own;
    (void)gt_call_close(p->fds[1]);
    p->fds[1] = -1;
}

static void close_pipe(struct gt_load *l)
{
    const struct pipe *p = l->own;
    for (int i = 0; i < 2; i++)
        if (p->fds[i] >= 0)
            (void)gt_call_close(p->fds[i]);
    gt_load_check(l, p->read == p->written, "%llu bytes read, %llu written",
                  (unsigned long long)p->read, (unsigned long long)p->written);
}

const struct gt_load_kind gt_load_pipes = {
    .name = "pipes",
    .needs = GT_RT_SYSCALL | GT_RT_TIMERS,
    .own = sizeof(struct pipe),
    .partners = 1,
    .open = open_pipe,
    .step = write_byte,
    .last = end_pipe,
    .partner = read_bytes,
    .close = close_pipe,
};
