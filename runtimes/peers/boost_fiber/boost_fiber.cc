/* SPDX-License-Identifier: Apache-2.0 */
/* GT_PEER: header=boost/fiber/all.hpp library=boost_fiber library=boost_context package=libboost-fiber-dev */
/*
 * boost-fiber: a Boost.Fiber fiber for each G, a worker thread for each P.
 *
 * With one P the library's own round_robin schedules. With more a work-stealing algorithm of
 * the same make as the library's (a queue of its type for each worker, thieves take the
 * oldest), because the library's own keeps its workers in static variables for good: a second
 * runtime in a process would find those of the first. A worker without work looks on for a
 * while, then gives its CPU away, then naps (suspend_until).
 *
 * What the library does: fibers, switches, yield, mutex, sleep. park and ready, channels and
 * wait groups stand on suspend and schedule of its contexts, as its own primitives do.
 *
 * I1 A block (stack and struct gt_g at its top) is mapped until destroy: a late ready() meets a
 *    struct gt_g.
 * I2 `asleep` is the context that sleeps, from the moment that its switch away is complete (the
 *    library drops `lock` then), so nobody resumes a context that is still being left.
 * I3 wakes <= sleeps <= wakes + 1: as in peers/pthread/pthread.c.
 * I4 Gs that a run leaves behind go in two steps, as in peers/pthread/pthread.c; they leave by
 *    an exception, and give back what mutexes they hold.
 * I5 A stack is there, as its G left it, until no G of the run executes its own code: as I6 of
 *    peers/pthread/pthread.c. Who waits for that (`ends`) holds no lock but its own mutexes.
 * O1 Sequentially consistent, so that one of two that cross is seen: alive := true in spawn and
 *    `ending`, against ending := true in drop_all and the looks at who is alive; timed := false
 *    and `dropped`, against dropped := true and the looks at who runs. So nobody is born, or goes
 *    on, unseen by drop_all and not dropped.
 *
 * Limits: a system call blocks the worker and all that it would run: no GT_RT_SYSCALL. No
 * files: the library has none. A G that waits for a mutex is never taken for deadlocked. A
 * stack has no guard page, as the library's own pooled stacks have none.
 */
#include "peers/boost_fiber/peer.hpp"

constexpr std::chrono::milliseconds sleep_slice{50}; /* a G that is dropped is gone by then */

static thread_local gt_g *current_g;
static thread_local worker *current_worker;

__attribute__((noinline)) gt_g *gt_boost::current()
{
    __asm__ volatile("" ::: "memory");
    return current_g;
}
__attribute__((noinline)) void gt_boost::set_current(gt_g *g)
{
    __asm__ volatile("" ::: "memory");
    current_g = g;
}
__attribute__((noinline)) worker *gt_boost::here()
{
    __asm__ volatile("" ::: "memory");
    return current_worker;
}
void gt_boost::enter_worker(worker *w)
{
    current_worker = w;
}

static int op_go(gt_fn fn, void *arg)
{
    return spawn(peer_entered()->rt, fn, arg, false);
}

static void op_yield()
{
    gt_g *g = peer_entered();
    boost::this_fiber::yield();
    set_current(g);
}

static void op_exit()
{
    (void)peer_entered();
    throw exited{};
}

static uint64_t op_goid()
{
    return current()->id;
}

static void op_park()
{
    peer_park(peer_entered());
}

static void op_checkpoint()
{
    (void)peer_entered();
}

static gt_runtime *op_runtime()
{
    return current()->rt;
}

static gt_mutex *op_mutex_new()
{
    return new (std::nothrow) gt_mutex{};
}

static void op_mutex_free(gt_mutex *m)
{
    delete m;
}

static void op_mutex_lock(gt_mutex *m)
{
    gt_g *g = peer_entered();
    g->timed.store(true, std::memory_order_relaxed);
    m->m.lock();
    set_current(g);
    g->timed.store(false); /* O1 */
    m->next = g->held;
    g->held = m;
    (void)peer_entered();
}

static void op_mutex_unlock(gt_mutex *m)
{
    gt_g *g = current();
    gt_mutex **at = &g->held;
    while (*at && *at != m)
        at = &(*at)->next;
    if (*at)
        *at = m->next;
    m->m.unlock();
}

/* In slices, so that one that is dropped leaves soon. */
static void op_sleep(int64_t ns)
{
    gt_g *g = peer_entered();
    steady::time_point until = steady::now() + std::chrono::nanoseconds{ns > 0 ? ns : 0};
    g->timed.store(true, std::memory_order_relaxed);
    do {
        boost::this_fiber::sleep_until(std::min(until, steady::now() + sleep_slice));
        set_current(g);
    } while (!g->dropped.load(std::memory_order_relaxed) && steady::now() < until);
    g->timed.store(false); /* O1 */
    (void)peer_entered();
}

static gt_timer *op_timer_new(gt_fn fn, void *arg)
{
    gt_runtime *rt = peer_entered()->rt;
    return start_timers(rt) ? peer_timer_new(&rt->timers, fn, arg) : nullptr;
}

static int32_t op_procs()
{
    return (int32_t)current()->rt->procs;
}

static constexpr gt_runtime_ops table()
{
    gt_runtime_ops o{};
    o.head.magic = GT_MAGIC_RUNTIME;
    o.head.abi_major = GT_ABI_MAJOR;
    o.head.abi_minor = GT_ABI_MINOR;
    o.head.struct_size = (uint32_t)sizeof(gt_runtime_ops);
    o.head.port = GT_PLUGIN_PORT;
    o.head.name = "boost-fiber";
    o.head.summary = "Boost.Fiber: fibers on a worker thread for each P, with work stealing";
    o.head.flags = GT_RT_CHAN | GT_RT_TIMERS | GT_RT_PARK;
    o.create = op_create;
    o.run = op_run;
    o.interrupt = op_interrupt;
    o.destroy = op_destroy;
    o.stats = op_stats;
    o.dump = op_dump;
    o.go = op_go;
    o.yield = op_yield;
    o.exit = op_exit;
    o.goid = op_goid;
    o.self = current;
    o.park = op_park;
    o.ready = peer_ready;
    o.checkpoint = op_checkpoint;
    o.runtime = op_runtime;
    o.chan_new = peer_chan_new;
    o.chan_free = peer_chan_free;
    o.chan_send = peer_chan_send;
    o.chan_recv = peer_chan_recv;
    o.chan_try_send = peer_chan_try_send;
    o.chan_try_recv = peer_chan_try_recv;
    o.chan_close = peer_chan_close;
    o.mutex_new = op_mutex_new;
    o.mutex_free = op_mutex_free;
    o.mutex_lock = op_mutex_lock;
    o.mutex_unlock = op_mutex_unlock;
    o.wg_new = peer_wg_new;
    o.wg_free = peer_wg_free;
    o.wg_add = peer_wg_add;
    o.wg_done = peer_wg_done;
    o.wg_wait = peer_wg_wait;
    o.now = peer_now;
    o.sleep = op_sleep;
    o.timer_new = op_timer_new;
    o.timer_start = peer_timer_start;
    o.timer_stop = peer_timer_stop;
    o.timer_free = peer_timer_free;
    o.procs = op_procs;
    return o;
}

extern "C" {
extern const gt_runtime_ops gt_peer_boost_fiber;
const gt_runtime_ops gt_peer_boost_fiber = table();
}
