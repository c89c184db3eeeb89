/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ends of a run, as checks from a plain thread: what a run leaves behind is dropped, and
 * neither the memory of its Gs nor the next run sees anything of it.
 */
#pragma once
#include <sys/socket.h>
#include <unistd.h>

#include "common/foreign.h"
#include "peer_scene.h"

enum { KEPT = 4096 };

/* What a G that is dropped had made and nobody may free: kept where a leak checker finds it. */
static void *keep(void *p)
{
    static void *kept[KEPT];
    static uint32_t n;
    uint32_t at = n++ % KEPT;
    kept[at] = p;
    return kept[at];
}

static void nothing(void *arg)
{
    (void)arg;
}

static void park_for_ever(void *arg)
{
    const struct scene *s = arg;
    for (;;)
        s->ops->park();
}

static void yield_for_ever(void *arg)
{
    const struct scene *s = arg;
    for (;;)
        s->ops->yield();
}

static void sleep_long(void *arg)
{
    const struct scene *s = arg;
    s->ops->sleep(3600000 * MS);
}

static void recv_for_ever(void *arg)
{
    struct hand *h = arg;
    (void)h->s->ops->chan_recv(h->c, NULL);
    note(h->s, "a G that was dropped went on", __LINE__);
}

/* Others are dropped where they stand: parked, ready, asleep, at a channel, which then can be
 * neither used nor freed any more. */
static void leave_some(void *arg)
{
    struct hand *h = arg;
    const struct gt_runtime_ops *o = h->s->ops;
    h->c = keep(o->chan_new(sizeof(uint64_t), 0));
    must(h->s, h->c);
    must(h->s, o->go(park_for_ever, h->s) == 0 && o->go(yield_for_ever, h->s) == 0);
    must(h->s, o->go(recv_for_ever, h) == 0);
    if (o->head.flags & GT_RT_TIMERS)
        must(h->s, o->go(sleep_long, h->s) == 0);
    settle(h->s);
}

static void check_dropped(void *arg)
{
    struct scene *s = arg;
    const struct gt_runtime_ops *o = s->ops;
    struct hand h = {.s = s};
    must(s, o->run(s->rt, leave_some, &h) == 0);
    must(s, o->run(s->rt, leave_some, &h) == 0);
}

static void check_deadlock(void *arg)
{
    struct scene *s = arg;
    must(s, s->ops->run(s->rt, park_for_ever, s) == -EDEADLK);
    must(s, s->ops->run(s->rt, nothing, s) == 0);
}

static void interrupt_soon(void *arg)
{
    struct scene *s = arg;
    (void)gt_call_nap(20 * MS);
    s->ops->interrupt(s->rt);
}

static void check_interrupt(void *arg)
{
    struct scene *s = arg;
    struct gt_foreign thread;
    must(s, gt_foreign_start(&thread, interrupt_soon, s) == 0);
    must(s, s->ops->run(s->rt, yield_for_ever, s) == -EINTR);
    gt_foreign_join(&thread);
    s->ops->interrupt(s->rt); /* outside: the next one */
    must(s, s->ops->run(s->rt, yield_for_ever, s) == -EINTR);
    must(s, s->ops->run(s->rt, nothing, s) == 0);
}

static void check_shutdown(void *arg)
{
    struct scene *s = arg;
    struct hand h = {.s = s};
    must(s, s->ops->callback(s->rt, called, &h) == -ESHUTDOWN && gt_load_acquire(&h.flag) == 0);
    must(s, s->ops->run(s->rt, nothing, s) == 0);
    must(s, s->ops->callback(s->rt, called, &h) == -ESHUTDOWN && gt_load_acquire(&h.flag) == 0);
}

/* ---- nothing goes on after a run ----------------------------------------------------------------- */
enum { END_ROUNDS = 4, MADE_ROUNDS = 20, AT_ONCE = 100 };

static void spin(const struct scene *s, int64_t ns)
{
    for (int64_t until = s->ops->now() + ns; s->ops->now() < until;)
        ;
}

static int run_interrupted(struct scene *s, gt_fn fn, void *arg)
{
    struct gt_foreign thread;
    must(s, gt_foreign_start(&thread, interrupt_soon, s) == 0);
    int rc = s->ops->run(s->rt, fn, arg);
    gt_foreign_join(&thread);
    return rc;
}

/* Counts what must stand still once run() has returned. A run's own memory is of that run. */
struct pulse {
    struct scene *s;
    struct gt_timer *again, *late;
    struct gt_mutex *mu;
    gt_a32 *beats; /* static: a late beat is to be seen, not to crash */
};

static bool stands_still(struct scene *s, gt_a32 *beats)
{
    uint32_t before = gt_load_acquire(beats);
    (void)gt_call_nap(20 * MS);
    must(s, gt_load_acquire(beats) == before);
    return gt_load_relaxed(&s->wrong) == 0;
}

/* Most of the time it is running: a run ends in the middle of it. */
static void beat_again(void *arg)
{
    struct pulse *p = arg;
    gt_add_acq_rel(p->beats, 1u);
    spin(p->s, MS);
    p->s->ops->timer_start(p->again, p->s->ops->now() + MS / 20, 0);
}

static void beat_late(void *arg)
{
    gt_add_acq_rel(((struct pulse *)arg)->beats, 1u);
}

/* Many starts without another op: dropped in the middle. */
static void start_for_ever(void *arg)
{
    struct pulse *p = arg;
    for (;; p->s->ops->yield())
        for (int i = 0; i < AT_ONCE; i++)
            p->s->ops->timer_start(p->late, p->s->ops->now() + 2 * MS, 0);
}

static void leave_timers(void *arg)
{
    struct pulse *p = arg;
    const struct gt_runtime_ops *o = p->s->ops;
    p->again = keep(o->timer_new(beat_again, p));
    p->late = keep(o->timer_new(beat_late, p));
    must(p->s, p->again && p->late && o->go(start_for_ever, p) == 0);
    o->timer_start(p->again, o->now(), 0);
    yield_for_ever(p->s);
}

/* A timer that starts itself again, and a G that starts one while the run ends. */
static void check_timers_end(void *arg)
{
    struct scene *s = arg;
    static gt_a32 beats;
    for (int i = 0; i < END_ROUNDS; i++) {
        struct pulse p = {.s = s, .beats = &beats};
        must(s, run_interrupted(s, leave_timers, &p) == -EINTR);
        if (!stands_still(s, &beats))
            return; /* the next run would wait for it for ever */
    }
    must(s, s->ops->run(s->rt, park_for_ever, s) == -EDEADLK);
    (void)stands_still(s, &beats);
}

static void make_for_ever(void *arg)
{
    const struct scene *s = arg;
    for (;; s->ops->yield())
        for (int i = 0; i < AT_ONCE; i++)
            s->ops->timer_free(s->ops->timer_new(nothing, NULL));
}

static void make_timers(void *arg)
{
    struct scene *s = arg;
    for (int32_t i = 0; i < s->procs; i++)
        must(s, s->ops->go(make_for_ever, s) == 0);
    s->ops->sleep(2 * MS);
}

static void one_shot(void *arg)
{
    struct scene *s = arg;
    gt_a32 shots;
    gt_init(&shots, 0u);
    struct gt_timer *t = s->ops->timer_new(count_shot, &shots);
    s->ops->timer_start(t, s->ops->now() + MS, 0);
    await_shots(s, &shots, 1);
    must(s, gt_load_acquire(&shots) == 1);
    s->ops->timer_free(t);
}

/* Who makes a timer while the run ends takes none from the next run. */
static void check_timers_made(void *arg)
{
    struct scene *s = arg;
    for (int i = 0; i < MADE_ROUNDS && gt_load_relaxed(&s->wrong) == 0; i++) {
        must(s, s->ops->run(s->rt, make_timers, s) == 0);
        must(s, s->ops->run(s->rt, one_shot, s) == 0);
    }
}

/* Computes while it holds the lock, so that it leaves with the lock free, to the next. */
static void lock_for_ever(void *arg)
{
    struct pulse *p = arg;
    for (;; p->s->ops->yield()) {
        p->s->ops->mutex_lock(p->mu);
        gt_add_acq_rel(p->beats, 1u);
        spin(p->s, MS);
        p->s->ops->mutex_unlock(p->mu);
    }
}

static void leave_lockers(void *arg)
{
    struct pulse *p = arg;
    p->mu = keep(p->s->ops->mutex_new());
    for (int i = 0; i < 8; i++)
        must(p->s, p->s->ops->go(lock_for_ever, p) == 0);
    yield_for_ever(p->s);
}

static void lock_once(void *arg)
{
    struct pulse *p = arg;
    const struct gt_runtime_ops *o = p->s->ops;
    struct gt_mutex *mu = p->mu;
    gt_add_acq_rel(p->beats, 1u); /* from here on it reads nothing of the caller's */
    o->mutex_lock(mu);
    note(p->s, "it got a lock that nobody gave back", __LINE__);
}

static void leave_locked(void *arg)
{
    struct pulse *p = arg;
    p->mu = keep(p->s->ops->mutex_new());
    p->s->ops->mutex_lock(p->mu);
    uint32_t before = gt_load_acquire(p->beats);
    must(p->s, p->s->ops->go(lock_once, p) == 0);
    await_shots(p->s, p->beats, before + 1);
    settle(p->s);
}

/* Who waits for a lock when the run ends never runs its own code again, whether it gets the lock
 * or not, and keeps no later run from being seen dead. */
static void check_locks_end(void *arg)
{
    struct scene *s = arg;
    static gt_a32 beats;
    for (int i = 0; i < END_ROUNDS; i++) {
        struct pulse p = {.s = s, .beats = &beats};
        must(s, run_interrupted(s, leave_lockers, &p) == -EINTR);
        if (!stands_still(s, &beats))
            return;
    }
    struct pulse p = {.s = s, .beats = &beats};
    must(s, s->ops->run(s->rt, leave_locked, &p) == 0);
    must(s, s->ops->run(s->rt, park_for_ever, s) == -EDEADLK);
}

/* ---- who is born, lends, or reads while a run ends ------------------------------------------------ */
enum { LENT = 0x1e47, LENT_WORDS = 6 * 1024, SPAWN_ROUNDS = 30 };

static void spawn_next(void *arg)
{
    const struct scene *s = arg;
    s->ops->yield(); /* pth takes who is new first */
    (void)s->ops->go(spawn_next, arg);
}

static void leave_spawners(void *arg)
{
    struct scene *s = arg;
    for (int i = 0; i < MANY; i++)
        must(s, s->ops->go(spawn_next, s) == 0);
    yield_for_ever(s);
}

/* A G that is born while the run ends is dropped as those that were there: else each has a
 * successor, and the run never ends. */
static void check_spawners_end(void *arg)
{
    struct scene *s = arg;
    for (int i = 0; i < SPAWN_ROUNDS; i++)
        must(s, run_interrupted(s, leave_spawners, s) == -EINTR);
    must(s, s->ops->run(s->rt, nothing, s) == 0);
}

struct loan {
    struct scene *s;
    const gt_a32 *words; /* on the stack of the first G */
};

static void read_loan(void *arg)
{
    const struct loan *l = arg;
    struct scene *s = l->s;
    const gt_a32 *words = l->words;
    for (;; s->ops->yield())
        for (int64_t until = s->ops->now() + 2 * MS; s->ops->now() < until;)
            for (int i = 0; i < LENT_WORDS; i += 64)
                must(s, gt_load_relaxed(&words[i]) == LENT);
}

static void lend(void *arg)
{
    struct loan *l = arg;
    struct scene *s = l->s;
    gt_a32 words[LENT_WORDS]; /* more than the C library keeps of a stack that is given up */
    for (int i = 0; i < LENT_WORDS; i++)
        gt_init(&words[i], LENT);
    l->words = words;
    for (int i = 0; i < 4; i++)
        must(s, s->ops->go(read_loan, l) == 0);
    yield_for_ever(s);
}

/* What a G lends others of its stack is there until none of them runs its own code any more. */
static void check_stacks_end(void *arg)
{
    struct scene *s = arg;
    for (int i = 0; i < END_ROUNDS; i++) {
        struct loan l = {.s = s};
        must(s, run_interrupted(s, lend, &l) == -EINTR);
    }
}

static void read_late(void *arg)
{
    struct hand *h = arg;
    static char late[8]; /* static: a late read is to be seen, not to crash */
    (void)h->s->ops->fd_read(h->f, late, sizeof late);
    note(h->s, "a read went on that nobody answered", __LINE__);
}

static void leave_reader(void *arg)
{
    struct hand *h = arg;
    int err = 0;
    h->f = keep(h->s->ops->fd_open((int)h->n, &err));
    must(h->s, h->f && err == 0 && h->s->ops->go(read_late, h) == 0);
    h->s->ops->sleep(50 * MS); /* by then it waits */
}

/* Who waits in a read when the run ends reads nothing more: what comes stays in the file, and
 * what it was to be read into is the caller's again. */
static void check_reads_end(void *arg)
{
    struct scene *s = arg;
    struct hand h = {.s = s};
    int fds[2];
    char byte = 'x', got = 0;
    must(s, gt_call_socketpair(fds) == 0);
    h.n = (uint64_t)dup(fds[1]); /* the runtime's, which may close it */
    must(s, s->ops->run(s->rt, leave_reader, &h) == 0);
    must(s, send(fds[0], &byte, 1, MSG_NOSIGNAL) == 1);
    (void)gt_call_nap(20 * MS);
    must(s, recv(fds[1], &got, 1, MSG_DONTWAIT) == 1 && got == 'x');
    close(fds[0]);
    close(fds[1]);
}
