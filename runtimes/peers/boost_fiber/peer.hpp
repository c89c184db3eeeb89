/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the peer boost-fiber share. Rules and numbers: boost_fiber.cc. */
#pragma once
#include <atomic>
#include <boost/fiber/all.hpp>
#include <chrono>
#include <memory>
#include <pthread.h>
#include <thread>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow" /* in C a function may be called like a struct */
#include "gauntlet/runtime.h"
#include "peers/common/place.h"
#pragma GCC diagnostic pop

namespace bf = boost::fibers;
using steady = std::chrono::steady_clock;

struct worker;
struct left {};   /* thrown: the G is to leave */
struct exited {}; /* thrown: the G ends here */

struct peer_lock {
    std::atomic<int> taken;
};

struct gt_mutex {
    bf::mutex m;
    gt_mutex *next; /* held by the same G. Guarded by: m */
};

struct alignas(64) gt_g {
    gt_runtime *rt;
    gt_fn fn;
    void *arg;
    uint64_t id;
    gt_g *next;      /* free blocks */
    gt_mutex *held;
    bf::detail::spinlock lock;
    /* Guarded by: lock. */
    bf::context *asleep;
    bool woken; /* before it slept */
    std::atomic<uint64_t> sleeps, wakes; /* I3 */
    std::atomic<bool> alive, dropped;
    std::atomic<bool> timed; /* sleeps for a time, or waits for a mutex */
    std::atomic<bool> ends;  /* I5: waits for the others, and runs its own code no more */
    uint64_t seen; /* sleeps at the last look */
    uint8_t permit;
};

/* ---- boost_fiber.cc: the calling G -------------------------------------------------------- */
namespace gt_boost {
/* Whoever resumes says who it is: every switch happens in a function of this peer. Not inlined:
 * a fiber may go on on another thread, and an address of a thread-local that was worked out
 * before must not be used after. */
gt_g *current();
void set_current(gt_g *g);
worker *here();
void enter_worker(worker *w);
/* The calling G leaves, when nobody has a use for its stack any more (I5). No lock is held. */
[[noreturn]] void leave(gt_g *g);
/* The wait of it, also for a G that ends. */
void await_quiet(gt_g *g);

/* ---- run.cc --------------------------------------------------------------------------------- */
int spawn(gt_runtime *rt, gt_fn fn, void *arg, bool first); /* 0, -ENOMEM */
bool start_timers(gt_runtime *rt); /* false: no memory */
int op_create(const gt_config *c, gt_runtime **out, char *err, size_t size);
int op_run(gt_runtime *rt, gt_fn fn, void *arg);
void op_interrupt(gt_runtime *rt);
void op_destroy(gt_runtime *rt);
void op_stats(gt_runtime *rt, gt_runtime_stats *out);
void op_dump(gt_runtime *rt, int fd);
} // namespace gt_boost
using namespace gt_boost;

static inline gt_g *peer_self()
{
    return current();
}

/* Where an op begins. NULL: a timer's function. */
static inline gt_g *peer_entered()
{
    gt_g *g = current();
    if (g && __builtin_expect(g->dropped.load(std::memory_order_relaxed), 0))
        leave(g);
    return g;
}

/* ---- locks, sleep and wake ---------------------------------------------------------------- */
static inline void peer_lock_init(peer_lock *l)
{
    l->taken.store(0, std::memory_order_relaxed);
}
static inline void peer_lock_fini(peer_lock *)
{
}
static inline void peer_lock_take(peer_lock *l)
{
    for (unsigned n = 1; l->taken.exchange(1, std::memory_order_acquire); n++)
        while (l->taken.load(std::memory_order_relaxed))
            if (n++ % 256 == 0)
                std::this_thread::yield(); /* its holder may have lost its CPU */
}
static inline void peer_lock_drop(peer_lock *l)
{
    l->taken.store(0, std::memory_order_release);
}

static inline void count_up(std::atomic<uint64_t> &n)
{
    n.store(n.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

static inline void note_sleep(); /* in the worker's counters */

static inline void peer_sleep(gt_g *g)
{
    bf::detail::spinlock_lock lk{g->lock};
    count_up(g->sleeps);
    note_sleep();
    if (g->woken) {
        g->woken = false;
        return;
    }
    g->asleep = bf::context::active();
    g->asleep->suspend(lk);
    set_current(g);
    (void)peer_entered();
}

static inline void peer_wake(gt_g *g)
{
    bf::detail::spinlock_lock lk{g->lock};
    bf::context *ctx = g->asleep;
    count_up(g->wakes);
    g->asleep = nullptr;
    g->woken = !ctx;
    lk.unlock();
    if (ctx)
        bf::context::active()->schedule(ctx);
}

static inline bool sleeps(const gt_g *g)
{
    return g->sleeps.load(std::memory_order_relaxed) ==
           g->wakes.load(std::memory_order_relaxed) + 1;
}

static inline int64_t peer_now()
{
    return std::chrono::duration_cast<std::chrono::nanoseconds>(steady::now().time_since_epoch())
        .count();
}
static inline steady::time_point at_time(int64_t when)
{
    return steady::time_point{std::chrono::nanoseconds{when}};
}

#include "peers/common/sync.inc"

static inline void peer_timers_pause()
{
    gt_g *g = current();
    boost::this_fiber::yield();
    set_current(g);
}
struct peer_timers;
void gt_boost_kick(peer_timers *t);
static inline void peer_timers_kick(peer_timers *t)
{
    gt_boost_kick(t);
}
#include "peers/common/timers.inc"

/* ---- the runtime -------------------------------------------------------------------------- */
class stealing;

struct alignas(64) worker {
    gt_runtime *rt;
    uint32_t index;
    uint64_t ids;
    /* Written by: its thread. */
    std::atomic<uint64_t> spawned, ended, slept;
    gt_g *free;
    size_t n_free;
    std::atomic<stealing *> algorithm;
};

struct chunk { /* of blocks; does not change once it is there */
    char *base;
    chunk *next;
};

struct gt_runtime {
    peer_places places;
    size_t block_size;
    uint32_t procs;
    std::unique_ptr<worker[]> workers;
    std::atomic<bool> running, interrupted, closing;
    std::atomic<bool> ending; /* O1: Gs are dropped */
    std::atomic<int> refused; /* what a worker's binding returned */
    pthread_barrier_t together;

    bf::mutex m;
    bf::condition_variable changed;
    /* Guarded by: m. */
    bool first_done, ended;
    bool quiet; /* I5: no G runs its own code any more */

    peer_lock blocks;
    /* Guarded by: blocks. */
    chunk *chunks;
    gt_g *free;

    peer_timers timers;
    /* Guarded by: timers.lock. */
    bf::fiber timer_fiber; /* of a run, from its first timer on, until it is joined */
    bool timers_end;       /* of a run: no fiber is started any more */
    bf::mutex kick_m;
    bf::condition_variable kick;
    bool kicked; /* Guarded by: kick_m */
};

static inline void note_sleep()
{
    count_up(here()->slept);
}
