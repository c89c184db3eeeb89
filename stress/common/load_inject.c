/* SPDX-License-Identifier: Apache-2.0 */
/* Loads whose Gs become ready many at a time, by the poller and by timers. */
#include <errno.h>

#include "common/calls.h"
#include "common/loads.h"

enum { LISTENERS = 32, PERIOD_US = 500, US = 1000 };

/* ---- sockets: all are fed in one go ------------------------------------------------------- */
struct sockets {
    int feed[LISTENERS];           /* the lead's ends; -1 closed */
    struct gt_fd *ends[LISTENERS]; /* the partners' */
    uint8_t byte;                  /* of this turn */
    struct gt_muster read;
};

static int open_socket(struct gt_load *l, uint32_t i)
{
    struct sockets *k = l->own;
    int fds[2];
    int rc = gt_call_socketpair(fds);
    if (rc != 0)
        return rc;
    k->feed[i] = fds[0];
    k->ends[i] = l->ops->fd_open(fds[1], &rc);
    if (k->ends[i])
        return 0;
    (void)gt_call_close(fds[1]);
    return rc ? rc : -ENOMEM;
}

static int open_sockets(struct gt_load *l)
{
    struct sockets *k = l->own;
    int rc = 0;
    for (uint32_t i = 0; i < LISTENERS; i++)
        k->feed[i] = -1;
    for (uint32_t i = 0; i < l->partners && rc == 0; i++)
        rc = open_socket(l, i);
    return rc;
}

static void feed_all(struct gt_load *l)
{
    struct sockets *k = l->own;
    uint32_t fed = 0;
    k->byte = (uint8_t)gt_rng_next(&l->rng);
    gt_muster_init(l->ops, &k->read, l->partners);
    uint8_t byte = k->byte;
    l->ops->syscall_enter();
    for (uint32_t i = 0; i < l->partners; i++)
        fed += gt_call_write(k->feed[i], &byte, 1) == 1;
    l->ops->syscall_exit();
    if (fed != l->partners) {
        gt_load_fail(l, -EIO); /* who was not fed never comes */
        return;
    }
    gt_muster_wait(l->ops, &k->read);
    if (l->param)
        gt_load_pause(l, l->param);
}

static void listen(struct gt_load *l, uint32_t i)
{
    struct sockets *k = l->own;
    uint8_t byte = 0;
    int64_t rc;
    while ((rc = l->ops->fd_read(k->ends[i], &byte, 1)) == 1) {
        gt_load_check(l, byte == k->byte, "a socket gave another byte than was sent");
        gt_muster_come(l->ops, &k->read);
    }
    gt_load_check(l, rc == 0, "a socket gave %lld, not its end", (long long)rc);
}

static void end_sockets(struct gt_load *l)
{
    struct sockets *k = l->own;
    for (uint32_t i = 0; i < l->partners; i++) {
        if (k->feed[i] >= 0)
            (void)gt_call_close(k->feed[i]);
        k->feed[i] = -1;
    }
}

static void close_sockets(struct gt_load *l)
{
    struct sockets *k = l->own;
    end_sockets(l);
    for (uint32_t i = 0; i < l->partners; i++)
        if (k->ends[i])
            l->ops->fd_close(k->ends[i]);
}

const struct gt_load_kind gt_load_sockets = {
    .name = "sockets",
    .needs = GT_RT_NETPOLL | GT_RT_SYSCALL | GT_RT_PARK | GT_RT_TIMERS,
    .own = sizeof(struct sockets),
    .partners = LISTENERS,
    .open = open_sockets,
    .step = feed_all,
    .last = end_sockets,
    .partner = listen,
    .close = close_sockets,
};

/* ---- timers: all are due at once ------------------------------------------------------------- */
static void sleep_to_next(struct gt_load *l)
{
    int64_t now = l->ops->now(), period = US * (int64_t)gt_load_param(l, PERIOD_US);
    int64_t due = (now / period + 1) * period;
    l->ops->sleep(due - now);
    gt_load_check(l, l->ops->now() >= due, "a sleep ended early");
}

static void sleep_often(struct gt_load *l, uint32_t i)
{
    (void)i;
    while (!gt_load_over(l))
        sleep_to_next(l);
}

const struct gt_load_kind gt_load_volleys = {
    .name = "volleys",
    .needs = GT_RT_TIMERS,
    .partners = LISTENERS,
    .step = sleep_to_next,
    .partner = sleep_often,
};
