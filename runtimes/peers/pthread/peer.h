/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the peer pthread share. Rules and numbers: pthread.c. */
#pragma once
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <time.h>

#include "gauntlet/runtime.h"
#include "peers/common/place.h"
#include "port/port.h"

#define GT_PTHREAD_NAP_NS (200 * GT_NS_PER_US)
#define GT_PTHREAD_INTR (SIGRTMIN + 5) /* ends a blocking read or write: nothing else */

struct peer_lock {
    pthread_mutex_t m;
};

/* What a G does that is not its own code: for dumps, and for who drops it. */
enum state { IN_CODE, IN_SLEEP, IN_TIME, IN_MUTEX, IN_SYSTEM, IN_FILE, IN_END };

struct gt_g {
    struct gt_runtime *rt;
    struct gt_g *prev, *next; /* Guarded by: rt->lock. The living ones; the free ones by next */
    gt_fn fn;
    void *arg;
    uint64_t id;
    gt_a64 sleeps; /* begun. Written by: the G */
    gt_a64 wakes;  /* given. Written by: who wakes it, one for each sleep */
    gt_a32 state;  /* enum state. Written by: the G */
    gt_a32 dropped;
    pthread_t thread; /* Written by: the G, before state := IN_FILE */
    uint64_t seen; /* sleeps at the last look. Guarded by: rt->lock */
    uint64_t run; /* which of the runtime's runs it belongs to */
    uint8_t permit;
    bool first;
    sem_t wake;
    jmp_buf home;
};

enum { LEFT = 1, EXITED = 2 }; /* with what the start of the thread is jumped to */

/* The G of the calling thread, or NULL. */
struct gt_g *gt_pthread_self(void);
static inline struct gt_g *peer_self(void)
{
    return gt_pthread_self();
}
/* The calling G, where an op begins, with no lock held; NULL: a timer's function. Does not
 * return when the G is to leave (I4). */
struct gt_g *gt_pthread_entered(void);
static inline struct gt_g *peer_entered(void)
{
    return gt_pthread_entered();
}
/* Until gt_pthread_wake(g). Does not return when the G is to leave (I4). */
void gt_pthread_sleep(struct gt_g *g);
void gt_pthread_wake(struct gt_g *g);
static inline void peer_sleep(struct gt_g *g)
{
    gt_pthread_sleep(g);
}
static inline void peer_wake(struct gt_g *g)
{
    gt_pthread_wake(g);
}

/* ---- locks --------------------------------------------------------------------------------- */
static inline void peer_lock_init(struct peer_lock *l)
{
    pthread_mutex_init(&l->m, NULL);
}
static inline void peer_lock_fini(struct peer_lock *l)
{
    pthread_mutex_destroy(&l->m);
}
static inline void peer_lock_take(struct peer_lock *l)
{
    pthread_mutex_lock(&l->m);
}
static inline void peer_lock_drop(struct peer_lock *l)
{
    pthread_mutex_unlock(&l->m);
}
static inline int64_t peer_now(void)
{
    return gt_nanotime();
}

static inline void peer_timers_pause(void)
{
    gt_thread_yield();
}

struct peer_timers;
static inline void peer_timers_kick(struct peer_timers *t);
#include "peers/common/sync.inc"
#include "peers/common/timers.inc"

struct gt_runtime {
    struct peer_places places;
    pthread_attr_t attr;
    sem_t event; /* the first G has returned, or interrupt() */
    gt_a32 interrupted, first_done;
    gt_a64 ids, spawned, exited, callbacks;
    int bound; /* the first G could be bound: 0. Written by: it, before it is done */
    pthread_mutex_t lock;
    /* Guarded by: lock. */
    struct gt_g *living, *free;
    uint64_t alive, runs;
    uint64_t refs;    /* I2: Gs, and the owner */
    int64_t expected; /* foreign calls */
    bool running, ending;
    bool quiet;              /* I6: of the last run no G runs its own code any more */
    pthread_cond_t quietens; /* quiet := true */
    /* Timers have a thread of their own, from the first on. */
    struct peer_timers timers;
    pthread_cond_t due; /* with timers.lock */
    pthread_t timer_thread;
    bool has_timer_thread, timers_end; /* Guarded by: timers.lock */
};

static inline void peer_timers_kick(struct peer_timers *t)
{
    pthread_cond_signal(&gt_container(t, struct gt_runtime, timers)->due);
}

/* Sleeps, and nobody has woken it (I3). */
/* The G leaves its own code, for an op that may take long. O2 */
static inline void gt_pthread_away(struct gt_g *g, enum state state)
{
    gt_store_release(&g->state, (uint32_t)state); /* pair: own code */
}

static inline bool gt_pthread_sleeps(struct gt_g *g)
{
    return gt_load_acquire(&g->sleeps) == gt_load_relaxed(&g->wakes) + 1; /* pair: own code */
}

static inline struct timespec gt_pthread_at(int64_t when)
{
    return (struct timespec){when / GT_NS_PER_S, when % GT_NS_PER_S};
}

/* ---- pthread.c ------------------------------------------------------------------------------- */
/* The calling G g runs its own code again. Does not return when it is to leave (I5). */
void gt_pthread_back(struct gt_g *g);
/* Drops rt->lock, which is held, and a reference: the last one frees. */
void gt_pthread_release(struct gt_runtime *rt);
/* A living G, not yet started. NULL: no memory. */
struct gt_g *gt_pthread_g_new(struct gt_runtime *rt, gt_fn fn, void *arg);
/* Calls its function on this thread. false: it was dropped. */
bool gt_pthread_g_run(struct gt_g *g);
/* The last that a G does, when the others have no more use for its stack (I6): the runtime may be
 * gone when it returns. */
void gt_pthread_g_end(struct gt_g *g, bool whole);
/* 0, -ENOMEM, -EAGAIN. */
int gt_pthread_g_start(struct gt_runtime *rt, gt_fn fn, void *arg, bool first);

/* ---- run.c, files.c: ops --------------------------------------------------------------------- */
int gt_pthread_create(const struct gt_config *c, struct gt_runtime **out, char *err, size_t size);
int gt_pthread_run(struct gt_runtime *rt, gt_fn fn, void *arg);
void gt_pthread_interrupt(struct gt_runtime *rt);
void gt_pthread_destroy(struct gt_runtime *rt);
void gt_pthread_stats(struct gt_runtime *rt, struct gt_runtime_stats *out);
void gt_pthread_dump(struct gt_runtime *rt, int fd);
struct gt_fd *gt_pthread_fd_open(int fd, int *err);
int64_t gt_pthread_fd_read(struct gt_fd *f, void *buf, size_t n);
int64_t gt_pthread_fd_write(struct gt_fd *f, const void *buf, size_t n);
void gt_pthread_fd_close(struct gt_fd *f);
