/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pthread: one POSIX thread for each G, and nothing between it and the kernel's scheduler.
 *
 * A P has no counterpart: `procs` limits all threads together to so many CPUs, by affinity,
 * which a thread inherits from the one that made it. Channels hand elements over directly
 * under a mutex; who waits sleeps on a semaphore of its own. A file blocks its thread.
 *
 * I1 A struct gt_g stays one until destroy: a late ready() or wake meets a living semaphore.
 * I2 The runtime's memory is freed by the last of: its owner, the Gs that are still in a
 *    system call or wait for a mutex when a run has ended (`refs`).
 * I3 wakes <= sleeps <= wakes + 1, but for a wake that comes before its sleep; a G sleeps and
 *    nobody has woken it exactly when sleeps == wakes + 1.
 * I4 Gs that a run leaves behind go in two steps: those that run leave at their next call of an
 *    op (longjmp to the start of the thread, no lock held); only when none runs are those that
 *    sleep woken to leave. So nobody meets a queue with a waiter whose stack is gone.
 * I5 run() does not wait for a G that waits for a mutex or is in a system call of its own: it may
 *    never come back. One that does touches the mutex, its struct gt_g and the runtime (I2), and
 *    leaves: its own code, and what that points to, is of a run that is over. So a mutex at which
 *    a run left a G waiting may not be freed. Who is inside a file is sent signals until it has
 *    come out: its buffer is the caller's when run() returns.
 * I6 A stack is there, as its G left it, until no G of the run executes its own code, is inside a
 *    file, and no timer's fn runs: the first G, and each that leaves or ends while the run ends,
 *    waits for that (`quiet`) on its own stack, one that leaves without giving up a frame. Who
 *    waits so is not waited for (IN_END); it holds no lock but mutexes of its own code.
 * O1 Between state := IN_CODE and a look at `dropped` on a G's thread, and dropped := 1 and a
 *    look at the states in drop_all, at least one look sees the other's store: drop_all makes
 *    every thread pass a fence in between, so a G needs none.
 * O2 What a G's own code did happens before run() returns: it leaves it by a release, and drop_all
 *    looks by an acquire.
 *
 * Limits: a G that computes without calling an op cannot be dropped; run() waits for it. That
 * every G sleeps for ever is seen by looking twice, LOOK_NS apart, while none has a timer, an
 * expected foreign call, a file, a mutex or a system call to wait for. A mutex is to be
 * unlocked by the G that locked it.
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>

#include "peers/pthread/peer.h"

static _Thread_local struct gt_g *self_g;

struct gt_g *gt_pthread_self(void)
{
    return self_g;
}

/* With rt->lock. One that an earlier run left behind has nobody to wait for. */
static void await_quiet(struct gt_g *g)
{
    struct gt_runtime *rt = g->rt;
    gt_pthread_away(g, IN_END);
    while (!rt->quiet && (g->first || rt->ending) && g->run == rt->runs)
        pthread_cond_wait(&rt->quietens, &rt->lock);
}

static GT_NORETURN void leave(struct gt_g *g)
{
    pthread_mutex_lock(&g->rt->lock);
    await_quiet(g);
    pthread_mutex_unlock(&g->rt->lock);
    longjmp(g->home, LEFT);
}

struct gt_g *gt_pthread_entered(void)
{
    struct gt_g *g = self_g;
    if (g && gt_unlikely(gt_load_relaxed(&g->dropped)))
        leave(g);
    return g;
}

/*
 *  a G                              drop_all
 *                                   dropped := 1
 *  state := IN_CODE                 a fence for every thread
 *  dropped? then leave              state == IN_CODE? then wait for it
 */
static bool may_stay(struct gt_g *g)
{
    gt_store_relaxed(&g->state, (uint32_t)IN_CODE);
    gt_signal_fence(); /* O1 */
    return !gt_load_relaxed(&g->dropped);
}

void gt_pthread_back(struct gt_g *g)
{
    if (gt_unlikely(!may_stay(g)))
        leave(g);
}

/* ---- sleep and wake --------------------------------------------------------------------------- */
void gt_pthread_sleep(struct gt_g *g)
{
    gt_pthread_away(g, IN_SLEEP);
    gt_store_release(&g->sleeps, gt_load_relaxed(&g->sleeps) + 1); /* pair: own code */
    while (sem_wait(&g->wake) != 0)
        ; /* EINTR */
    gt_pthread_back(g);
}

void gt_pthread_wake(struct gt_g *g)
{
    gt_store_relaxed(&g->wakes, gt_load_relaxed(&g->wakes) + 1);
    sem_post(&g->wake);
}

/* ---- Gs: born, ended --------------------------------------------------------------------------- */
static void free_runtime(struct gt_runtime *rt)
{
    while (rt->free) {
        struct gt_g *g = rt->free;
        rt->free = g->next;
        sem_destroy(&g->wake);
        free(g);
    }
    peer_timers_fini(&rt->timers);
    pthread_cond_destroy(&rt->due);
    pthread_cond_destroy(&rt->quietens);
    pthread_mutex_destroy(&rt->lock);
    pthread_attr_destroy(&rt->attr);
    sem_destroy(&rt->event);
    peer_places_fini(&rt->places);
    free(rt);
}

void gt_pthread_release(struct gt_runtime *rt)
{
    bool last = --rt->refs == 0;
    pthread_mutex_unlock(&rt->lock);
    if (last)
        free_runtime(rt);
}

struct gt_g *gt_pthread_g_new(struct gt_runtime *rt, gt_fn fn, void *arg)
{
    pthread_mutex_lock(&rt->lock);
    struct gt_g *g = rt->free;
    if (g) {
        rt->free = g->next;
        while (sem_trywait(&g->wake) == 0)
            ; /* it was dropped asleep */
    } else if ((g = calloc(1, sizeof *g)) != NULL) {
        sem_init(&g->wake, 0, 0);
    }
    if (g) {
        g->rt = rt;
        g->fn = fn;
        g->arg = arg;
        g->id = gt_add_relaxed(&rt->ids, 1u) + 1;
        gt_store_relaxed(&g->sleeps, 0u);
        gt_store_relaxed(&g->wakes, 0u);
        gt_store_relaxed(&g->state, (uint32_t)IN_CODE);
        gt_store_relaxed(&g->dropped, rt->ending);
        __atomic_store_n(&g->permit, (uint8_t)PEER_NONE, __ATOMIC_RELAXED);
        g->first = false;
        g->run = rt->runs;
        g->seen = 0;
        g->prev = NULL;
        g->next = rt->living;
        if (rt->living)
            rt->living->prev = g;
        rt->living = g;
        rt->alive++;
        rt->refs++;
    }
    pthread_mutex_unlock(&rt->lock);
    return g;
}

/* With rt->lock, which it drops. */
static void free_g(struct gt_g *g)
{
    struct gt_runtime *rt = g->rt;
    if (g->prev)
        g->prev->next = g->next;
    else
        rt->living = g->next;
    if (g->next)
        g->next->prev = g->prev;
    g->next = rt->free;
    rt->free = g;
    rt->alive--;
    gt_pthread_release(rt);
}

void gt_pthread_g_end(struct gt_g *g, bool whole)
{
    struct gt_runtime *rt = g->rt;
    if (whole)
        gt_add_acq_rel(&rt->exited, 1u); /* pair: Gs that ended */
    pthread_mutex_lock(&rt->lock);
    if (g->first && g->run == rt->runs) {
        gt_store_release(&rt->first_done, 1u); /* pair: first G */
        sem_post(&rt->event);
    }
    await_quiet(g);
    free_g(g);
}

/* exit() comes back here, too. */
bool gt_pthread_g_run(struct gt_g *g)
{
    struct gt_g *outer = self_g; /* of a thread that calls in from a system call */
    self_g = g;
    int how = setjmp(g->home);
    if (how == 0 && gt_load_relaxed(&g->dropped))
        how = LEFT;
    if (how == 0)
        g->fn(g->arg);
    self_g = outer;
    return how != LEFT;
}

static void *g_main(void *arg)
{
    struct gt_g *g = arg;
    gt_pthread_g_end(g, gt_pthread_g_run(g));
    return NULL;
}

/* The first binds itself, and so all that it makes. */
static void *first_main(void *arg)
{
    struct gt_g *g = arg;
    struct gt_runtime *rt = g->rt;
    rt->bound = peer_places_bind_all(&rt->places, NULL, 0);
    if (rt->bound != 0)
        gt_store_relaxed(&g->dropped, 1u);
    return g_main(g);
}

int gt_pthread_g_start(struct gt_runtime *rt, gt_fn fn, void *arg, bool first)
{
    pthread_t thread;
    struct gt_g *g = gt_pthread_g_new(rt, fn, arg);
    if (!g)
        return -ENOMEM;
    g->first = first;
    gt_add_relaxed(&rt->spawned, 1u);
    int rc = pthread_create(&thread, &rt->attr, first ? first_main : g_main, g);
    if (rc == 0)
        return 0;
    gt_sub_relaxed(&rt->spawned, 1u);
    pthread_mutex_lock(&rt->lock);
    free_g(g);
    return rc == ENOMEM ? -ENOMEM : -EAGAIN;
}

/* ---- goroutines ------------------------------------------------------------------------------------- */
static int op_go(gt_fn fn, void *arg)
{
    return gt_pthread_g_start(gt_pthread_entered()->rt, fn, arg, false);
}

static void op_yield(void)
{
    (void)gt_pthread_entered();
    sched_yield();
}

static void op_exit(void)
{
    longjmp(gt_pthread_entered()->home, EXITED);
}

static uint64_t op_goid(void)
{
    return self_g->id;
}

static void op_park(void)
{
    peer_park(gt_pthread_entered());
}

static void op_nothing(void)
{
}

static void op_checkpoint(void)
{
    (void)gt_pthread_entered();
}

static void op_async_preempt(bool on)
{
    (void)on; /* the kernel preempts it all the time */
}

static struct gt_runtime *op_runtime(void)
{
    return self_g->rt;
}

/* ---- locks ------------------------------------------------------------------------------------------------ */
struct gt_mutex {
    pthread_mutex_t m;
};

static struct gt_mutex *op_mutex_new(void)
{
    struct gt_mutex *m = malloc(sizeof *m);
    if (m)
        pthread_mutex_init(&m->m, NULL);
    return m;
}

static void op_mutex_free(struct gt_mutex *m)
{
    if (m)
        pthread_mutex_destroy(&m->m);
    free(m);
}

static void op_mutex_lock(struct gt_mutex *m)
{
    struct gt_g *g = gt_pthread_entered();
    gt_pthread_away(g, IN_MUTEX);
    pthread_mutex_lock(&m->m);
    if (!may_stay(g)) { /* I5: the next that waits is let go, too */
        pthread_mutex_unlock(&m->m);
        leave(g);
    }
}

static void op_mutex_unlock(struct gt_mutex *m)
{
    pthread_mutex_unlock(&m->m);
    (void)gt_pthread_entered();
}

/* ---- time --------------------------------------------------------------------------------------------------- */
static void op_sleep(int64_t ns)
{
    struct gt_g *g = gt_pthread_entered();
    struct timespec until = gt_pthread_at(gt_nanotime() + (ns > 0 ? ns : 0));
    gt_pthread_away(g, IN_TIME);
    while (!gt_load_relaxed(&g->dropped) && sem_clockwait(&g->wake, CLOCK_MONOTONIC, &until) != 0 &&
           errno != ETIMEDOUT)
        ; /* EINTR */
    gt_pthread_back(g);
}

static void *timers_main(void *arg)
{
    struct gt_runtime *rt = arg;
    struct timespec until;
    peer_lock_take(&rt->timers.lock);
    while (!rt->timers_end) {
        int64_t next = peer_timers_run(&rt->timers);
        if (rt->timers_end)
            break;
        until = gt_pthread_at(next);
        if (next == PEER_NEVER)
            pthread_cond_wait(&rt->due, &rt->timers.lock.m);
        else
            pthread_cond_timedwait(&rt->due, &rt->timers.lock.m, &until);
    }
    peer_lock_drop(&rt->timers.lock);
    return NULL;
}

static bool has_timer_thread(struct gt_runtime *rt)
{
    peer_lock_take(&rt->timers.lock);
    if (!rt->has_timer_thread)
        rt->has_timer_thread = pthread_create(&rt->timer_thread, NULL, timers_main, rt) == 0;
    bool there = rt->has_timer_thread;
    peer_lock_drop(&rt->timers.lock);
    return there;
}

static struct gt_timer *op_timer_new(gt_fn fn, void *arg)
{
    struct gt_runtime *rt = gt_pthread_entered()->rt;
    return has_timer_thread(rt) ? peer_timer_new(&rt->timers, fn, arg) : NULL;
}

/* ---- system calls ----------------------------------------------------------------------------------------- */
static void op_syscall_enter(void)
{
    gt_pthread_away(gt_pthread_entered(), IN_SYSTEM);
}

static void op_syscall_exit(void)
{
    gt_pthread_back(self_g);
}

/* ---- foreign threads: a thread is a G ---------------------------------------------------------------- */
static int op_callback(struct gt_runtime *rt, gt_fn fn, void *arg)
{
    pthread_mutex_lock(&rt->lock);
    bool open = !rt->ending;
    pthread_mutex_unlock(&rt->lock);
    if (!open)
        return -ESHUTDOWN;
    struct gt_g *g = gt_pthread_g_new(rt, fn, arg);
    if (!g)
        return -ENOMEM;
    gt_add_relaxed(&rt->spawned, 1u);
    gt_add_relaxed(&rt->callbacks, 1u);
    bool whole = gt_pthread_g_run(g);
    gt_pthread_g_end(g, whole);
    return whole ? 0 : -ESHUTDOWN;
}

static void op_expect_callbacks(struct gt_runtime *rt, int32_t delta)
{
    pthread_mutex_lock(&rt->lock);
    rt->expected += delta;
    pthread_mutex_unlock(&rt->lock);
}

static int32_t op_procs(void)
{
    return gt_pthread_entered()->rt->places.procs;
}

const struct gt_runtime_ops gt_peer_pthread = {
    .head = GT_PLUGIN_HEAD(GT_MAGIC_RUNTIME, struct gt_runtime_ops, "pthread",
                           "one POSIX thread for each G: the kernel schedules",
                           GT_RT_CHAN | GT_RT_SYSCALL | GT_RT_NETPOLL | GT_RT_TIMERS |
                               GT_RT_CALLBACK | GT_RT_PREEMPT | GT_RT_PARK),
    .create = gt_pthread_create,
    .run = gt_pthread_run,
    .interrupt = gt_pthread_interrupt,
    .destroy = gt_pthread_destroy,
    .stats = gt_pthread_stats,
    .dump = gt_pthread_dump,
    .go = op_go,
    .yield = op_yield,
    .exit = op_exit,
    .goid = op_goid,
    .self = gt_pthread_self,
    .park = op_park,
    .lock_thread = op_nothing, /* it has no other */
    .unlock_thread = op_nothing,
    .checkpoint = op_checkpoint,
    .async_preempt = op_async_preempt,
    .runtime = op_runtime,
    PEER_SYNC_OPS,
    .mutex_new = op_mutex_new,
    .mutex_free = op_mutex_free,
    .mutex_lock = op_mutex_lock,
    .mutex_unlock = op_mutex_unlock,
    .now = peer_now,
    .sleep = op_sleep,
    .timer_new = op_timer_new,
    PEER_TIMER_OPS,
    .syscall_enter = op_syscall_enter,
    .syscall_enter_blocking = op_syscall_enter,
    .syscall_exit = op_syscall_exit,
    .fd_open = gt_pthread_fd_open,
    .fd_read = gt_pthread_fd_read,
    .fd_write = gt_pthread_fd_write,
    .fd_close = gt_pthread_fd_close,
    .procs = op_procs,
    .callback = op_callback,
    .expect_callbacks = op_expect_callbacks,
    .gs_max = 10000, /* each has two mappings, of 65,530 that a process may have */
};
