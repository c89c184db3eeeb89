/* SPDX-License-Identifier: Apache-2.0 */
/* The peer pthread as a whole: made, run, looked at, ended. Its rules: pthread.c. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "peers/pthread/peer.h"

#define LOOK_NS (100 * GT_NS_PER_MS)
#define TLS_ROOM (16u * 1024u) /* thread-locals and the C library's own lie on the stack, too */
#define SANITIZER_ROOM (GT_ASAN || GT_TSAN ? 256u * 1024u : 0u)

static const char *const state_names[] = {"runs", "sleeps", "sleeps for a time",
                                          "waits for a mutex", "is in a system call",
                                          "is inside a file", "ends"};

/* ---- create, destroy ------------------------------------------------------------------------------ */
struct probe {
    const struct peer_places *places;
    char *err;
    size_t size;
    int rc;
};

static void *probe_main(void *arg)
{
    struct probe *p = arg;
    p->rc = peer_places_bind_all(p->places, p->err, p->size);
    return NULL;
}

/* Can a thread be bound as was asked? On one that is none of the caller's. */
static int probe_binding(const struct peer_places *places, char *err, size_t size)
{
    struct probe p = {places, err, size, 0};
    pthread_t thread;
    if (!places->all)
        return 0;
    int rc = pthread_create(&thread, NULL, probe_main, &p);
    if (rc != 0) {
        snprintf(err, size, "pthread: no thread to try the binding on: %s", strerror(rc));
        return -rc;
    }
    pthread_join(thread, NULL);
    return p.rc;
}

static void init_attr(struct gt_runtime *rt, const struct gt_config *c)
{
    size_t size = (c->stack_size ? c->stack_size : GT_STACK_DEFAULT) + TLS_ROOM + SANITIZER_ROOM;
    size = (size + gt_page_size() - 1) & ~(gt_page_size() - 1);
    pthread_attr_init(&rt->attr);
    pthread_attr_setdetachstate(&rt->attr, PTHREAD_CREATE_DETACHED);
    if (pthread_attr_setstacksize(&rt->attr, size) != 0)
        (void)pthread_attr_setstacksize(&rt->attr, (size_t)sysconf(_SC_THREAD_STACK_MIN));
}

static void init_due(struct gt_runtime *rt)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&rt->due, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

static void on_intr(int signo)
{
    (void)signo;
}

/* Handlers are the process's: it stays. */
static int catch_intr(char *err, size_t size)
{
    struct sigaction interrupts = {.sa_handler = on_intr}; /* no SA_RESTART */
    if (sigaction(GT_PTHREAD_INTR, &interrupts, NULL) == 0)
        return 0;
    int rc = -errno;
    snprintf(err, size, "pthread: no handler for signal %d: %s", GT_PTHREAD_INTR, strerror(-rc));
    return rc;
}

int gt_pthread_create(const struct gt_config *c, struct gt_runtime **out, char *err, size_t size)
{
    struct gt_runtime *rt = calloc(1, sizeof *rt);
    if (!rt) {
        snprintf(err, size, "pthread: out of memory");
        return -ENOMEM;
    }
    int rc = peer_places_init(&rt->places, c, err, size);
    if (rc == 0)
        rc = peer_places_limit(&rt->places, err, size);
    if (rc == 0)
        rc = probe_binding(&rt->places, err, size);
    if (rc == 0)
        rc = catch_intr(err, size);
    if (rc != 0) {
        peer_places_fini(&rt->places);
        free(rt);
        return rc;
    }
    init_attr(rt, c);
    init_due(rt);
    sem_init(&rt->event, 0, 0);
    pthread_mutex_init(&rt->lock, NULL);
    pthread_cond_init(&rt->quietens, NULL);
    peer_timers_init(&rt->timers);
    rt->refs = 1;
    rt->ending = true; /* no run: who calls in is turned away */
    *out = rt;
    return 0;
}

static void stop_timer_thread(struct gt_runtime *rt)
{
    peer_lock_take(&rt->timers.lock);
    bool there = rt->has_timer_thread;
    rt->timers_end = true;
    pthread_cond_broadcast(&rt->due);
    peer_lock_drop(&rt->timers.lock);
    if (there)
        pthread_join(rt->timer_thread, NULL);
}

void gt_pthread_destroy(struct gt_runtime *rt)
{
    if (!rt)
        return;
    stop_timer_thread(rt);
    pthread_mutex_lock(&rt->lock);
    gt_pthread_release(rt);
}

/* ---- run ------------------------------------------------------------------------------------------- */
enum count { COUNT_RUNNING, COUNT_DROPPABLE };

/* Neither runs nor will by itself before the run is quiet. */
static bool rests(struct gt_g *g)
{
    uint32_t state = gt_load_acquire(&g->state); /* pair: own code */
    return gt_pthread_sleeps(g) || state == IN_TIME || state == IN_END;
}

/* With the lock. Running: may meet a queue, or a buffer. Droppable: will leave. */
static uint64_t count(struct gt_runtime *rt, enum count what)
{
    uint64_t n = 0;
    for (struct gt_g *g = rt->living; g; g = g->next) {
        uint32_t state = gt_load_acquire(&g->state); /* pair: own code */
        bool away = state == IN_MUTEX || state == IN_SYSTEM;
        n += !away && (what == COUNT_DROPPABLE || !rests(g));
    }
    return n;
}

/* With the lock, so that none of their threads ends. Once is not enough: gt_pthread_fd_close. */
static void interrupt_files(struct gt_runtime *rt)
{
    for (struct gt_g *g = rt->living; g; g = g->next)
        if (gt_load_acquire(&g->state) == IN_FILE) /* pair: own code */
            pthread_kill(g->thread, GT_PTHREAD_INTR);
}

static void await_none(struct gt_runtime *rt, enum count what)
{
    while (count(rt, what) > 0) {
        interrupt_files(rt);
        pthread_mutex_unlock(&rt->lock);
        gt_sleep_ns(GT_PTHREAD_NAP_NS);
        pthread_mutex_lock(&rt->lock);
    }
}

/* O1. Where the kernel cannot: longer than a store stays unseen. */
static void fence_all(void)
{
    if (gt_os_membarrier() != 0)
        gt_sleep_ns(GT_PTHREAD_NAP_NS);
}

/* I4 to I6. With the lock. */
static void drop_all(struct gt_runtime *rt)
{
    rt->ending = true;
    for (struct gt_g *g = rt->living; g; g = g->next)
        gt_store_relaxed(&g->dropped, 1u);
    fence_all();
    await_none(rt, COUNT_RUNNING);
    rt->quiet = true;
    pthread_cond_broadcast(&rt->quietens);
    for (struct gt_g *g = rt->living; g; g = g->next)
        sem_post(&g->wake);
    await_none(rt, COUNT_DROPPABLE);
}

/* A second look: every G has slept since the first, and nothing can wake one. One that an
 * earlier run left behind wakes nobody (I5). */
static bool is_dead(struct gt_runtime *rt)
{
    pthread_mutex_lock(&rt->lock);
    /* with the lock: a G that starts one now is still there to be seen below */
    bool dead = !peer_timers_pending(&rt->timers);
    dead = dead && rt->expected <= 0 && rt->living;
    for (struct gt_g *g = rt->living; g; g = g->next) {
        uint64_t begun = gt_load_relaxed(&g->sleeps);
        bool left_behind = gt_load_relaxed(&g->dropped);
        dead = dead && (left_behind || (gt_pthread_sleeps(g) && g->seen == begun));
        g->seen = begun;
    }
    pthread_mutex_unlock(&rt->lock);
    return dead;
}

static int wait_for_first(struct gt_runtime *rt)
{
    for (;;) {
        struct timespec look = gt_pthread_at(gt_nanotime() + LOOK_NS);
        int timed_out = sem_clockwait(&rt->event, CLOCK_MONOTONIC, &look) != 0 && errno == ETIMEDOUT;
        if (gt_load_acquire(&rt->first_done)) /* pair: first G */
            return rt->bound;
        if (gt_load_relaxed(&rt->interrupted))
            return -EINTR;
        if (timed_out && is_dead(rt))
            return -EDEADLK;
    }
}

int gt_pthread_run(struct gt_runtime *rt, gt_fn fn, void *arg)
{
    pthread_mutex_lock(&rt->lock);
    bool busy = rt->running;
    if (!busy) {
        rt->running = true;
        rt->runs++;
        rt->ending = rt->quiet = false;
        gt_store_relaxed(&rt->first_done, 0u);
    }
    pthread_mutex_unlock(&rt->lock);
    if (busy)
        return -EBUSY;
    peer_timers_open(&rt->timers);
    int rc = gt_pthread_g_start(rt, fn, arg, true);
    if (rc == 0)
        rc = wait_for_first(rt);
    peer_timers_close(&rt->timers);
    pthread_mutex_lock(&rt->lock);
    drop_all(rt);
    rt->running = false;
    pthread_mutex_unlock(&rt->lock);
    if (rc == -EINTR)
        gt_store_relaxed(&rt->interrupted, 0u);
    while (sem_trywait(&rt->event) == 0)
        ;
    if (gt_load_relaxed(&rt->interrupted))
        sem_post(&rt->event); /* it came too late for this run */
    return rc;
}

void gt_pthread_interrupt(struct gt_runtime *rt)
{
    gt_store_relaxed(&rt->interrupted, 1u);
    sem_post(&rt->event);
}

void gt_pthread_stats(struct gt_runtime *rt, struct gt_runtime_stats *out)
{
    memset(out, 0, sizeof *out);
    out->exited = gt_load_acquire(&rt->exited); /* pair: Gs that ended */
    out->spawned = gt_load_relaxed(&rt->spawned);
    out->ms_started = out->spawned;
    pthread_mutex_lock(&rt->lock);
    out->ms_now = rt->alive;
    pthread_mutex_unlock(&rt->lock);
    out->callbacks = gt_load_relaxed(&rt->callbacks);
    peer_lock_take(&rt->timers.lock);
    out->timers_run = rt->timers.fired;
    peer_lock_drop(&rt->timers.lock);
}

void gt_pthread_dump(struct gt_runtime *rt, int fd)
{
    char line[160];
    bool locked = pthread_mutex_trylock(&rt->lock) == 0;
    int n = snprintf(line, sizeof line, "pthread: %d Ps, %llu Gs spawned, %llu ended%s\n",
                     rt->places.procs, (unsigned long long)gt_load_relaxed(&rt->spawned),
                     (unsigned long long)gt_load_relaxed(&rt->exited),
                     locked ? "" : "; its lock is held, so no G is shown");
    gt_os_print(fd, line, (size_t)n);
    for (struct gt_g *g = locked ? rt->living : NULL; g; g = g->next) {
        n = snprintf(line, sizeof line, "  G %llu %s%s, %llu sleeps begun, %llu wakes\n",
                     (unsigned long long)g->id, state_names[gt_load_relaxed(&g->state)],
                     gt_load_relaxed(&g->dropped) ? ", dropped" : "",
                     (unsigned long long)gt_load_relaxed(&g->sleeps),
                     (unsigned long long)gt_load_relaxed(&g->wakes));
        gt_os_print(fd, line, (size_t)n);
    }
    if (locked)
        pthread_mutex_unlock(&rt->lock);
}

