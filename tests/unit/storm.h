/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Everything that a runtime does, all at once, until storm_over: parks, system calls short, long
 * and blocking, files, coroutines, stops of the world, Ps that come and go, collector cycles,
 * foreign threads, traces that start, advance and stop.
 */
#include <pthread.h>

#include "in_runtime.h"

struct storm {
    struct gt_runtime *rt;
    gt_a32 over;
    struct gt_wg *all;
    struct gt_chan *ball;
    int fds[2];
    struct gt_fd *in;
    int32_t procs;
    bool (*enough)(void *arg); /* asked by the first G, from time to time */
    void *arg;
};

static inline bool storm_over(struct storm *s)
{
    return gt_load_relaxed(&s->over) != 0;
}

static void storm_nothing(void *arg)
{
    (void)arg;
}

static void storm_syscalls(void *arg)
{
    struct storm *s = arg;
    for (uint32_t i = 0; !storm_over(s); i++) {
        R->syscall_enter();
        if (i % 4 == 0)
            (void)gt_os_nanosleep(200 * GT_NS_PER_US);
        else
            (void)gt_os_getpid();
        R->syscall_exit();
        if (i % 64 == 0) {
            R->syscall_enter_blocking();
            (void)gt_os_nanosleep(50 * GT_NS_PER_US);
            R->syscall_exit();
        }
        R->yield();
    }
    R->wg_done(s->all);
}

static void storm_players(void *arg)
{
    struct storm *s = arg;
    uint32_t ball = 0;
    while (!storm_over(s)) {
        (void)R->chan_try_send(s->ball, &ball);
        (void)R->chan_try_recv(s->ball, &ball);
        (void)R->go(storm_nothing, NULL);
        R->sleep(20 * GT_NS_PER_US);
        R->yield();
    }
    R->wg_done(s->all);
}

static void storm_coro_body(void *arg)
{
    struct gt_coro **c = arg;
    for (int i = 0; i < 8; i++)
        (void)R->coro_switch(*c);
}

static void storm_coros(void *arg)
{
    struct storm *s = arg;
    while (!storm_over(s)) {
        struct gt_coro *c = NULL;
        c = R->coro_new(storm_coro_body, &c);
        while (c && R->coro_switch(c))
            ;
        if (c)
            R->coro_free(c);
        R->yield();
    }
    R->wg_done(s->all);
}

static void storm_reader(void *arg)
{
    struct storm *s = arg;
    char c[64];
    while (R->fd_read(s->in, c, sizeof c) > 0)
        ;
    R->fd_close(s->in);
    R->wg_done(s->all);
}

static void storm_writer(void *arg)
{
    struct storm *s = arg;
    while (!storm_over(s)) {
        (void)gt_os_write(s->fds[1], "x", 1);
        R->sleep(100 * GT_NS_PER_US);
    }
    (void)gt_os_close(s->fds[1]);
    R->wg_done(s->all);
}

static void storm_world(void *arg)
{
    struct storm *s = arg;
    for (int32_t i = 0; !storm_over(s); i++) {
        if (i % 3 == 0) {
            R->stop_world(GT_WORLD_TEST);
            R->start_world();
        } else if (i % 3 == 1) {
            expect(R->set_procs(1 + i % s->procs) == 0);
        } else {
            expect(R->gc() == 0);
        }
        R->sleep(500 * GT_NS_PER_US);
    }
    R->wg_done(s->all);
}

/* Makes no call: only a checkpoint that was asked for stops it. */
static void storm_runner(void *arg)
{
    struct storm *s = arg;
    while (!storm_over(s)) {
        for (volatile int i = 0; i < 20000; i++)
            ;
        R->checkpoint();
    }
    R->wg_done(s->all);
}

static void storm_called(void *arg)
{
    (void)arg;
    R->yield();
}

/* A few calls, then its thread id is free for the next thread. */
static void *storm_foreign(void *arg)
{
    struct storm *s = arg;
    for (int i = 0; i < 10 && !storm_over(s); i++)
        (void)R->callback(s->rt, storm_called, NULL);
    return NULL;
}

static void storm_caller(void *arg)
{
    struct storm *s = arg;
    while (!storm_over(s)) {
        pthread_t t;
        R->syscall_enter();
        if (pthread_create(&t, NULL, storm_foreign, s) != 0)
            bail_out("pthread_create");
        pthread_join(t, NULL);
        R->syscall_exit();
        R->yield();
    }
    R->wg_done(s->all);
}

static inline void storm_go(struct storm *s, gt_fn fn, int n)
{
    R->wg_add(s->all, n);
    for (int i = 0; i < n; i++)
        if (R->go(fn, s) != 0)
            bail_out("go");
}

static inline void storm_begin(struct storm *s)
{
    int err = 0;
    s->all = R->wg_new();
    s->ball = R->chan_new(sizeof(uint32_t), 1);
    if (gt_os_pipe(s->fds, true) != 0 || !(s->in = R->fd_open(s->fds[0], &err)))
        bail_out("pipe");
    storm_go(s, storm_syscalls, 2 * s->procs);
    storm_go(s, storm_players, 4);
    storm_go(s, storm_coros, 2);
    storm_go(s, storm_reader, 1);
    storm_go(s, storm_writer, 1);
    storm_go(s, storm_world, 1);
    storm_go(s, storm_runner, 1);
    storm_go(s, storm_caller, 2);
}

static inline void storm_end(struct storm *s)
{
    gt_store_relaxed(&s->over, 1u);
    R->wg_wait(s->all);
    R->wg_free(s->all);
    R->chan_free(s->ball);
}

/* The first G of a run. */
static inline void storm_main(void *arg)
{
    struct storm *s = arg;
    struct gt_trace_options o = {.period_ns = 0, .raw_stacks = true};
    storm_begin(s);
    do {
        int rc = R->trace_start(&o);
        R->sleep(20 * GT_NS_PER_MS);
        if (rc == 0)
            expect(R->trace_stop() == 0);
    } while (!s->enough(s->arg));
    storm_end(s);
}
