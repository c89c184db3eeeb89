/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: labels=quick,reduced timeout=120 */
/* Mutexes and wait groups. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/sync.h"
#include "in_runtime.h"

/* ---- exclusion --------------------------------------------------------------------------- */
struct shared {
    struct gt_mutex *mu;
    struct gt_wg *done;
    uint64_t count, rounds;
    uint32_t inside;
    bool yield_inside;
    gt_a32 stop;
    gt_ai64 longest;
};

static void counter(void *arg)
{
    struct shared *s = arg;
    for (uint64_t i = 0; i < s->rounds; i++) {
        R->mutex_lock(s->mu);
        expect(++s->inside == 1);
        s->count++;
        if (s->yield_inside && i % 16 == 0)
            R->yield(); /* others find it held and park */
        s->inside--;
        R->mutex_unlock(s->mu);
    }
    R->wg_done(s->done);
}

static void exclusion_test(void *arg)
{
    enum { GS = 8 };
    struct shared s = {.mu = R->mutex_new(),
                       .done = R->wg_new(),
                       .rounds = (uint64_t)scale(5000),
                       .yield_inside = *(bool *)arg};
    R->wg_add(s.done, GS);
    for (int i = 0; i < GS; i++)
        expect(R->go(counter, &s) == 0);
    R->wg_wait(s.done);
    expect(s.count == GS * s.rounds);
    expect(gt_mutex_try(s.mu) && !gt_mutex_try(s.mu));
    R->mutex_unlock(s.mu);
    R->mutex_free(s.mu);
    R->wg_free(s.done);
}

/* ---- no starvation ----------------------------------------------------------------------- */
/* A hog that takes the mutex again at once, at most a few us after giving it back: without
 * a hand-over the other waits until the hog ends. */
static void hog(void *arg)
{
    struct shared *s = arg;
    int64_t end = gt_nanotime() + 20 * GT_NS_PER_S;
    while (!gt_load_relaxed(&s->stop) && gt_nanotime() < end) {
        R->mutex_lock(s->mu);
        int64_t till = gt_nanotime() + 100 * GT_NS_PER_US;
        while (gt_nanotime() < till)
            ;
        R->yield();
        R->mutex_unlock(s->mu);
    }
    expect(gt_load_relaxed(&s->stop) != 0);
    R->wg_done(s->done);
}

static void starvation_test(void *arg)
{
    (void)arg;
    struct shared s = {.mu = R->mutex_new(), .done = R->wg_new()};
    R->wg_add(s.done, 1);
    expect(R->go(hog, &s) == 0);
    R->sleep(GT_NS_PER_MS);
    for (int i = 0; i < 20; i++) {
        R->mutex_lock(s.mu);
        R->mutex_unlock(s.mu);
        R->yield();
    }
    gt_store_relaxed(&s.stop, 1u);
    R->wg_wait(s.done);
    R->mutex_free(s.mu);
    R->wg_free(s.done);
}

/* ---- waiters in order -------------------------------------------------------------------- */
struct turn {
    struct gt_mutex *mu;
    struct gt_wg *ready, *done;
    struct gt_g *g;
    uint32_t me, *next;
};

static void take_turn(void *arg)
{
    struct turn *t = arg;
    t->g = R->self();
    R->wg_done(t->ready);
    R->mutex_lock(t->mu);
    expect((*t->next)++ == t->me);
    R->mutex_unlock(t->mu);
    R->wg_done(t->done);
}

/* A G that waits for the mutex stands in its queue. */
static void until_queued(struct gt_g *g)
{
    while (gt_g_status(g) != GT_G_WAITING ||
           gt_load_relaxed(&g->t.wait_reason) != GT_WAIT_SYNC)
        R->yield();
}

/* Everybody waits for longer than a millisecond, so each unlock hands over, in order. */
static void order_test(void *arg)
{
    (void)arg;
    enum { GS = 6 };
    uint32_t next = 0;
    struct turn t[GS];
    struct gt_mutex *mu = R->mutex_new();
    struct gt_wg *ready = R->wg_new(), *done = R->wg_new();
    R->mutex_lock(mu);
    R->wg_add(done, GS);
    for (uint32_t i = 0; i < GS; i++) {
        t[i] = (struct turn){.mu = mu, .ready = ready, .done = done, .me = i, .next = &next};
        R->wg_add(ready, 1);
        expect(R->go(take_turn, &t[i]) == 0);
        R->wg_wait(ready);
        until_queued(t[i].g);
    }
    R->sleep(2 * GT_NS_PER_MS);
    R->mutex_unlock(mu);
    R->wg_wait(done);
    expect(next == GS);
    R->mutex_free(mu);
    R->wg_free(ready);
    R->wg_free(done);
}

/* ---- a free mutex with a waiter on its way ------------------------------------------------ */
/* The waiter was woken and does not run yet: 1 P. Whoever takes the mutex before it needs no lock
 * of the queue, which is held here: the lock would not return. */
static void taken_at_once(void *arg)
{
    (void)arg;
    uint32_t next = 0;
    struct gt_mutex *mu = R->mutex_new();
    struct gt_wg *ready = R->wg_new(), *done = R->wg_new();
    struct turn t = {.mu = mu, .ready = ready, .done = done, .next = &next};
    bool free = false;
    for (int i = 0; i < 100 && !free; i++) {
        R->mutex_lock(mu);
        t.me = next;
        R->wg_add(ready, 1);
        R->wg_add(done, 1);
        expect(R->go(take_turn, &t) == 0);
        R->wg_wait(ready);
        until_queued(t.g);
        struct gt_m *m = gt_pin(); /* no checkpoint lets the waiter run */
        R->mutex_unlock(mu);
        free = gt_mutex_try(mu); /* not handed over: it has waited for less than a millisecond */
        if (free) {
            R->mutex_unlock(mu);
            gt_spin_lock(&mu->lock.spin);
            R->mutex_lock(mu);
            gt_spin_unlock(&mu->lock.spin);
            R->mutex_unlock(mu);
        }
        gt_unpin(m);
        R->wg_wait(done);
    }
    expect(free);
    R->mutex_free(mu);
    R->wg_free(ready);
    R->wg_free(done);
}

/* ---- wait group -------------------------------------------------------------------------- */
struct crowd {
    struct gt_wg *work, *waiters;
    gt_a32 finished;
    uint32_t n;
};

static void work(void *arg)
{
    struct crowd *c = arg;
    if (c->n % 3 == 0)
        R->yield();
    gt_add_relaxed(&c->finished, 1u);
    R->wg_done(c->work);
}

static void wait_for_work(void *arg)
{
    struct crowd *c = arg;
    R->wg_wait(c->work);
    expect(gt_load_relaxed(&c->finished) == c->n);
    R->wg_done(c->waiters);
}

static void wg_test(void *arg)
{
    (void)arg;
    struct crowd c = {.work = R->wg_new(), .waiters = R->wg_new()};
    R->wg_wait(c.work); /* nothing to wait for */
    for (uint32_t round = 0; round < (uint32_t)scale(300); round++) {
        c.n = 1 + round % 7;
        gt_store_relaxed(&c.finished, 0u);
        R->wg_add(c.work, (int32_t)c.n);
        R->wg_add(c.waiters, 3);
        for (int i = 0; i < 3; i++)
            expect(R->go(wait_for_work, &c) == 0);
        for (uint32_t i = 0; i < c.n; i++)
            expect(R->go(work, &c) == 0);
        R->wg_wait(c.waiters);
    }
    R->wg_free(c.work);
    R->wg_free(c.waiters);
}

/* ---- misuse ends the program ------------------------------------------------------------- */
static void unlock_twice(void *arg)
{
    (void)arg;
    struct gt_mutex *mu = R->mutex_new();
    R->mutex_lock(mu);
    R->mutex_unlock(mu);
    R->mutex_unlock(mu);
}

static void below_zero(void *arg)
{
    (void)arg;
    struct gt_wg *w = R->wg_new();
    R->wg_add(w, 1);
    R->wg_done(w);
    R->wg_done(w);
}

/* In a child: true when fn ended it by a signal. */
static bool dies(gt_fn fn)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        if (!freopen("/dev/null", "w", stderr) || !freopen("/dev/null", "w", stdout))
            _exit(2);
        struct gt_runtime *rt = runtime_new(1);
        R->run(rt, fn, NULL);
        _exit(0);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) &&
           WTERMSIG(status) == SIGABRT;
}

int main(void)
{
    bool no = false, yes = true;
    plan(5 * N_PROC_COUNTS + 3);
    ok(dies(unlock_twice), "unlock of a free mutex");
    ok(dies(below_zero), "a wait group below zero");
    in_runtime(1, taken_at_once, NULL, "a free mutex is taken while a waiter is on its way");
    for (int i = 0; i < N_PROC_COUNTS; i++) {
        int32_t p = proc_counts[i];
        in_runtime(p, exclusion_test, &no, "exclusion, short sections");
        in_runtime(p, exclusion_test, &yes, "exclusion, holders that yield");
        in_runtime(p, starvation_test, NULL, "no starvation");
        in_runtime(p, order_test, NULL, "waiters in order");
        in_runtime(p, wg_test, NULL, "wait groups");
    }
    return done_testing();
}
