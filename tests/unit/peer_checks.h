/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every runtime promises in runtime.h, op by op, as checks that take any table of ops: the
 * peers', gmp's own, and tables with one op broken on purpose. A check says what does not
 * hold, or NULL.
 */
#pragma once
#include "peer_ends.h"
#include "peer_scene.h"

/* ---- channels ------------------------------------------------------------------------------------ */
static void send_many(void *arg)
{
    struct hand *h = arg;
    for (uint64_t i = 1; i <= h->n; i++)
        must(h->s, h->s->ops->chan_send(h->c, &i) == 0);
    hand_done(h);
}

static void send_one(void *arg)
{
    struct hand *h = arg;
    h->result = h->s->ops->chan_send(h->c, &h->n);
    hand_done(h);
}

static void recv_one(void *arg)
{
    struct hand *h = arg;
    uint64_t v = 77;
    h->result = h->s->ops->chan_recv(h->c, &v) ? 1 : 0;
    h->n = v;
    hand_done(h);
}

static void channel_order(struct scene *s, size_t capacity)
{
    const struct gt_runtime_ops *o = s->ops;
    struct hand h = {.s = s, .c = o->chan_new(sizeof(uint64_t), capacity), .wg = o->wg_new()};
    uint64_t v = 0;
    h.n = MANY;
    o->wg_add(h.wg, 1);
    must(s, o->go(send_many, &h) == 0);
    for (uint64_t i = 1; i <= MANY; i++)
        must(s, o->chan_recv(h.c, &v) && v == i);
    o->wg_wait(h.wg);
    must(s, o->chan_close(h.c) == 0);
    o->chan_free(h.c);
    o->wg_free(h.wg);
}

static void check_channels(void *arg)
{
    channel_order(arg, 0);
    channel_order(arg, 1);
    channel_order(arg, 3);
}

static void check_try(void *arg)
{
    struct scene *s = arg;
    const struct gt_runtime_ops *o = s->ops;
    struct gt_chan *c = o->chan_new(sizeof(uint64_t), 2), *un = o->chan_new(sizeof(uint64_t), 0);
    uint64_t v = 5, w = 0;
    must(s, o->chan_try_recv(c, &w) == -EAGAIN);
    must(s, o->chan_try_send(c, &v) == 0 && o->chan_try_send(c, &v) == 0);
    must(s, o->chan_try_send(c, &v) == -EAGAIN);
    must(s, o->chan_try_recv(c, &w) == 0 && w == 5);
    must(s, o->chan_try_recv(c, NULL) == 0);
    must(s, o->chan_try_recv(c, &w) == -EAGAIN);
    must(s, o->chan_try_send(un, &v) == -EAGAIN && o->chan_try_recv(un, &w) == -EAGAIN);
    must(s, o->chan_close(c) == 0 && o->chan_try_recv(c, &w) == -EPIPE);
    must(s, o->chan_try_send(c, &v) == -EPIPE);
    o->chan_free(c);
    o->chan_free(un);
}

/* Two Gs wait, one channel is closed on each. */
static void close_on_waiters(struct scene *s)
{
    const struct gt_runtime_ops *o = s->ops;
    struct gt_wg *wg = o->wg_new();
    struct hand in = {.s = s, .c = o->chan_new(sizeof(uint64_t), 0), .wg = wg};
    struct hand out = {.s = s, .c = o->chan_new(sizeof(uint64_t), 0), .wg = wg};
    o->wg_add(wg, 2);
    must(s, o->go(recv_one, &in) == 0 && o->go(send_one, &out) == 0);
    settle(s);
    must(s, o->chan_close(in.c) == 0 && o->chan_close(out.c) == 0);
    o->wg_wait(wg);
    must(s, in.result == 0);
    must(s, in.n == 0); /* zeroed */
    must(s, out.result == -EPIPE);
    o->chan_free(in.c);
    o->chan_free(out.c);
    o->wg_free(wg);
}

static void check_close(void *arg)
{
    struct scene *s = arg;
    const struct gt_runtime_ops *o = s->ops;
    struct gt_chan *c = o->chan_new(sizeof(uint64_t), 4);
    uint64_t v = 9, w = 1;
    must(s, o->chan_send(c, &v) == 0);
    must(s, o->chan_close(c) == 0);
    must(s, o->chan_close(c) == -EPIPE);
    must(s, o->chan_send(c, &v) == -EPIPE);
    must(s, o->chan_recv(c, &w) && w == 9); /* what was in it is still there */
    must(s, !o->chan_recv(c, &w) && w == 0);
    o->chan_free(c);
    close_on_waiters(s);
}

/* ---- permits --------------------------------------------------------------------------------------- */
static void set_and_ready(void *arg)
{
    struct hand *h = arg;
    h->s->ops->yield();
    gt_store_release(&h->flag, 1u);
    h->s->ops->ready(h->g);
    hand_done(h);
}

static void check_permits(void *arg)
{
    struct scene *s = arg;
    const struct gt_runtime_ops *o = s->ops;
    struct hand h = {.s = s, .g = o->self(), .wg = o->wg_new()};
    o->ready(h.g);
    o->park(); /* given before: does not wait */
    for (int i = 0; i < 10; i++) {
        o->ready(h.g);
        o->ready(h.g); /* several count once */
        o->park();
        gt_store_relaxed(&h.flag, 0u);
        o->wg_add(h.wg, 1);
        must(s, o->go(set_and_ready, &h) == 0);
        o->park();
        must(s, gt_load_acquire(&h.flag) == 1);
        o->wg_wait(h.wg);
    }
    o->wg_free(h.wg);
}

/* ---- goroutines ------------------------------------------------------------------------------------- */
static void tell_id(void *arg)
{
    struct hand *h = arg;
    const struct gt_runtime_ops *o = h->s->ops;
    uint64_t id = o->goid();
    struct gt_g *self = o->self();
    o->yield();
    must(h->s, o->goid() == id && o->self() == self && id != 0);
    must(h->s, !o->runtime || o->runtime() == h->s->rt);
    h->n = id;
    hand_done(h);
}

static void leave_early(void *arg)
{
    struct hand *h = arg;
    struct scene *s = h->s; /* h is gone once it is done */
    hand_done(h);
    s->ops->exit();
    note(s, "exit() returned", __LINE__);
}

static void check_goroutines(void *arg)
{
    struct scene *s = arg;
    const struct gt_runtime_ops *o = s->ops;
    static struct hand h[MANY];
    struct gt_wg *wg = o->wg_new();
    o->wg_add(wg, MANY + 1);
    for (int i = 0; i < MANY; i++) {
        h[i] = (struct hand){.s = s, .wg = wg};
        must(s, o->go(tell_id, &h[i]) == 0);
    }
    struct hand early = {.s = s, .wg = wg};
    must(s, o->go(leave_early, &early) == 0);
    o->wg_wait(wg);
    for (int i = 0; i < MANY; i++)
        for (int j = 0; j < i; j++)
            must(s, h[i].n != h[j].n);
    must(s, o->procs() == s->procs);
    o->wg_free(wg);
}

/* ---- locks ----------------------------------------------------------------------------------------------- */
static void add_slowly(void *arg)
{
    struct hand *h = arg;
    for (uint64_t i = 0; i < h->n; i++) {
        h->s->ops->mutex_lock(h->mu);
        uint64_t was = *h->sum;
        h->s->ops->yield();
        *h->sum = was + 1;
        h->s->ops->mutex_unlock(h->mu);
    }
    hand_done(h);
}

static void check_locks(void *arg)
{
    struct scene *s = arg;
    const struct gt_runtime_ops *o = s->ops;
    struct hand h[8];
    struct gt_mutex *mu = o->mutex_new();
    struct gt_wg *wg = o->wg_new();
    uint64_t sum = 0;
    o->wg_wait(wg); /* nobody is missing */
    o->wg_add(wg, 8);
    for (int i = 0; i < 8; i++) {
        h[i] = (struct hand){.s = s, .mu = mu, .wg = wg, .n = MANY, .sum = &sum};
        must(s, o->go(add_slowly, &h[i]) == 0);
    }
    o->wg_wait(wg);
    must(s, sum == 8 * MANY);
    o->mutex_free(mu);
    o->wg_free(wg);
}

static void wait_too(void *arg)
{
    struct hand *h = arg;
    h->s->ops->wg_wait(h->wg);
    gt_add_acq_rel(&h->flag, 1u);
}

static void check_groups(void *arg)
{
    struct scene *s = arg;
    const struct gt_runtime_ops *o = s->ops;
    struct hand h = {.s = s, .wg = o->wg_new()};
    o->wg_add(h.wg, 2);
    for (int i = 0; i < 5; i++)
        must(s, o->go(wait_too, &h) == 0);
    settle(s);
    must(s, gt_load_acquire(&h.flag) == 0);
    o->wg_done(h.wg);
    settle(s);
    must(s, gt_load_acquire(&h.flag) == 0);
    o->wg_done(h.wg);
    for (int i = 0; i < 1000 && gt_load_acquire(&h.flag) < 5; i++)
        o->sleep(MS);
    must(s, gt_load_acquire(&h.flag) == 5);
    o->wg_free(h.wg);
}

/* ---- time ------------------------------------------------------------------------------------------------- */
static void check_sleep(void *arg)
{
    struct scene *s = arg;
    const struct gt_runtime_ops *o = s->ops;
    for (int64_t ns = 1000; ns <= 20 * MS; ns *= 7) {
        int64_t before = o->now();
        o->sleep(ns);
        int64_t took = o->now() - before;
        must(s, took >= ns);
        must(s, took < 5000 * MS);
    }
    o->sleep(0);
    o->sleep(-5);
}

static void check_timers(void *arg)
{
    struct scene *s = arg;
    const struct gt_runtime_ops *o = s->ops;
    gt_a32 shots, never;
    gt_init(&shots, 0u);
    gt_init(&never, 0u);
    struct gt_timer *t = o->timer_new(count_shot, &shots), *no = o->timer_new(count_shot, &never);
    must(s, !o->timer_stop(t)); /* never started */
    int64_t due = o->now() + 5 * MS;
    o->timer_start(no, o->now() + 3600000 * MS, 0);
    o->timer_start(t, due, 0);
    await_shots(s, &shots, 1);
    must(s, o->now() >= due);
    must(s, o->timer_stop(no));
    must(s, gt_load_acquire(&shots) == 1 && !o->timer_stop(t));
    o->timer_start(no, o->now() + 3600000 * MS, 0);
    o->timer_start(no, o->now() + 3600000 * MS, 0); /* moves it */
    must(s, o->timer_stop(no) && !o->timer_stop(no));
    o->timer_start(t, o->now(), 2 * MS);
    await_shots(s, &shots, 4);
    (void)o->timer_stop(t);
    uint32_t ticks = gt_load_acquire(&shots);
    must(s, ticks >= 4);
    o->sleep(10 * MS);
    must(s, gt_load_acquire(&shots) == ticks);
    o->timer_start(no, o->now() + 3600000 * MS, 0);
    o->timer_free(no);
    must(s, gt_load_acquire(&never) == 0);
    o->timer_free(t);
}

/* ---- system calls, files, foreign threads ------------------------------------------------------------ */
static void write_byte(void *arg)
{
    struct hand *h = arg;
    h->s->ops->syscall_enter();
    h->result = gt_call_write((int)h->n, "x", 1);
    h->s->ops->syscall_exit();
    hand_done(h);
}

/* A G that is blocked in the kernel keeps nobody from running. */
static void check_syscalls(void *arg)
{
    struct scene *s = arg;
    const struct gt_runtime_ops *o = s->ops;
    struct hand h = {.s = s, .wg = o->wg_new()};
    int fds[2];
    char byte = 0;
    must(s, gt_call_pipe(fds) == 0);
    h.n = (uint64_t)fds[1];
    o->wg_add(h.wg, 1);
    must(s, o->go(write_byte, &h) == 0);
    o->syscall_enter_blocking();
    int64_t got = gt_call_read(fds[0], &byte, 1);
    o->syscall_exit();
    o->wg_wait(h.wg);
    must(s, got == 1 && byte == 'x' && h.result == 1);
    o->wg_free(h.wg);
    gt_call_close(fds[0]);
    gt_call_close(fds[1]);
}

static void read_file(void *arg)
{
    struct hand *h = arg;
    char buf[8];
    gt_store_release(&h->flag, 1u);
    h->result = h->s->ops->fd_read(h->f, buf, sizeof buf);
    hand_done(h);
}

static void check_files(void *arg)
{
    struct scene *s = arg;
    const struct gt_runtime_ops *o = s->ops;
    struct hand h = {.s = s, .wg = o->wg_new()};
    int fds[2], err = 0;
    char buf[8];
    must(s, gt_call_socketpair(fds) == 0);
    struct gt_fd *a = o->fd_open(fds[0], &err), *b = o->fd_open(fds[1], &err);
    must(s, a && b && err == 0);
    h.f = b;
    o->wg_add(h.wg, 1);
    must(s, o->go(read_file, &h) == 0); /* blocks: nothing is there */
    settle(s);
    must(s, o->fd_write(a, "hello", 5) == 5);
    o->wg_wait(h.wg);
    must(s, h.result == 5);
    gt_store_relaxed(&h.flag, 0u);
    o->wg_add(h.wg, 1);
    must(s, o->go(read_file, &h) == 0);
    while (gt_load_acquire(&h.flag) == 0)
        o->yield();
    o->sleep(200 * MS); /* by then it waits: a file that is closed may not be read any more */
    o->fd_close(b);
    o->wg_wait(h.wg);
    must(s, h.result == -EBADF);
    must(s, o->fd_read(a, buf, sizeof buf) <= 0);
    o->fd_close(a);
    o->wg_free(h.wg);
}

static void call_in(void *arg)
{
    struct hand *h = arg;
    h->result = h->s->ops->callback(h->s->rt, called, h);
}

static void check_callbacks(void *arg)
{
    struct scene *s = arg;
    const struct gt_runtime_ops *o = s->ops;
    struct hand h = {.s = s, .result = 1};
    struct gt_foreign thread;
    o->expect_callbacks(s->rt, 1);
    must(s, gt_foreign_start(&thread, call_in, &h) == 0);
    o->syscall_enter_blocking();
    gt_foreign_join(&thread);
    o->syscall_exit();
    o->expect_callbacks(s->rt, -1);
    must(s, h.result == 0 && gt_load_acquire(&h.flag) == 1);
}

static const struct peer_check {
    const char *name;
    uint64_t needs;
    gt_fn fn;
    bool outside; /* fn runs on a plain thread, else on the first G */
    bool unwinds; /* a G ends in the middle */
} peer_checks[] = {
    {"channels", GT_RT_CHAN, check_channels, false, false},
    {"try", GT_RT_CHAN, check_try, false, false},
    {"close", GT_RT_CHAN, check_close, false, false},
    {"permits", GT_RT_PARK, check_permits, false, false},
    {"goroutines", 0, check_goroutines, false, true},
    {"locks", 0, check_locks, false, false},
    {"groups", 0, check_groups, false, false},
    {"sleep", GT_RT_TIMERS, check_sleep, false, false},
    {"timers", GT_RT_TIMERS, check_timers, false, false},
    {"syscalls", GT_RT_SYSCALL, check_syscalls, false, false},
    {"files", GT_RT_NETPOLL, check_files, false, false},
    {"callbacks", GT_RT_CALLBACK | GT_RT_SYSCALL, check_callbacks, false, false},
    {"dropped", GT_RT_PARK | GT_RT_CHAN, check_dropped, true, true},
    {"deadlock", GT_RT_PARK, check_deadlock, true, true},
    {"interrupt", GT_RT_PARK, check_interrupt, true, true},
    {"timers end", GT_RT_TIMERS | GT_RT_PARK, check_timers_end, true, true},
    {"timers made", GT_RT_TIMERS, check_timers_made, true, true},
    {"locks end", GT_RT_PARK, check_locks_end, true, true},
    {"spawners end", 0, check_spawners_end, true, true},
    {"stacks end", 0, check_stacks_end, true, true},
    {"reads end", GT_RT_NETPOLL, check_reads_end, true, true},
    {"shutdown", GT_RT_CALLBACK, check_shutdown, true, false},
};
#define PEER_CHECKS (sizeof peer_checks / sizeof peer_checks[0])
