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
 * I3 wakes <= sleeps <= wakes + 1: as in peers/pthread.
 * I4 Gs that a run leaves behind go in two steps, as in peers/pthread; they leave by an
 *    exception, and give back what mutexes they hold.
 *
 * Limits: a system call blocks the worker and all that it would run: no GT_RT_SYSCALL. No
 * files: the library has none. A G that waits for a mutex is never taken for deadlocked. A
 * stack has no guard page, as the library's own pooled stacks have none.
 */
#include <sys/mman.h>

#include <atomic>
#include <boost/fiber/all.hpp>
#include <boost/fiber/detail/context_spinlock_queue.hpp>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <pthread.h>
#include <memory>
#include <new>
#include <thread>
#include <unistd.h>
#include <vector>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow" /* in C a function may be called like a struct */
#include "gauntlet/runtime.h"
#include "peers/common/place.h"
#pragma GCC diagnostic pop

namespace bf = boost::fibers;

using steady = std::chrono::steady_clock;
constexpr std::chrono::milliseconds look_every{20};
constexpr std::chrono::milliseconds sleep_slice{50}; /* a G that is dropped is gone by then */
constexpr int looks_spinning = 200, looks_yielding = 2000;
constexpr size_t chunk_blocks = 64, local_blocks = 128;
constexpr size_t sanitizer_room = GT_ASAN || GT_TSAN ? 192u * 1024u : 0u;

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

struct gt_g {
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
    uint64_t seen; /* sleeps at the last look */
    uint8_t permit;
};

/* ---- the calling G ------------------------------------------------------------------------ */
/* Whoever resumes says who it is: every switch happens in a function of this file. */
static thread_local gt_g *current_g;
static thread_local worker *current_worker;

/* Not inlined: a fiber may go on on another thread, and an address of a thread-local that
 * was worked out before must not be used after. */
__attribute__((noinline)) static gt_g *current()
{
    __asm__ volatile("" ::: "memory");
    return current_g;
}
__attribute__((noinline)) static void set_current(gt_g *g)
{
    __asm__ volatile("" ::: "memory");
    current_g = g;
}
__attribute__((noinline)) static worker *here()
{
    __asm__ volatile("" ::: "memory");
    return current_worker;
}

static inline gt_g *peer_self()
{
    return current();
}

/* Where an op begins. NULL: a timer's function. */
static inline gt_g *entered()
{
    gt_g *g = current();
    if (g && __builtin_expect(g->dropped.load(std::memory_order_relaxed), 0))
        throw left{};
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

static void note_sleep(); /* in the worker's counters */

static void peer_sleep(gt_g *g)
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
    (void)entered();
}

static void peer_wake(gt_g *g)
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

static bool sleeps(const gt_g *g)
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

static void peer_timers_pause()
{
    gt_g *g = current();
    boost::this_fiber::yield();
    set_current(g);
}
struct peer_timers;
static void peer_timers_kick(peer_timers *t);
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

struct gt_runtime {
    peer_places places;
    size_t block_size;
    uint32_t procs;
    std::unique_ptr<worker[]> workers;
    std::atomic<bool> interrupted, closing;
    std::atomic<int> refused; /* what a worker's binding returned */
    pthread_barrier_t together;

    bf::mutex m;
    bf::condition_variable changed;
    /* Guarded by: m. */
    bool first_done, ended, running;

    peer_lock blocks;
    /* Guarded by: blocks. */
    std::vector<char *> chunks;
    gt_g *free;

    peer_timers timers;
    bf::fiber timer_fiber; /* of a run, from its first timer on. Guarded by: timers.lock */
    bool has_timer_fiber, timers_end;
    bf::mutex kick_m;
    bf::condition_variable kick;
    bool kicked; /* Guarded by: kick_m */

};

static void note_sleep()
{
    count_up(here()->slept);
}

/* ---- blocks: a stack with its struct gt_g on top ------------------------------------------ */
static gt_g *g_of_block(const gt_runtime *rt, char *base)
{
    return reinterpret_cast<gt_g *>(base + rt->block_size) - 1;
}

/* With the lock. */
static void map_chunk(gt_runtime *rt)
{
    size_t size = chunk_blocks * rt->block_size;
    void *p = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return;
    (void)madvise(p, size, MADV_NOHUGEPAGE);
    char *base = static_cast<char *>(p);
    rt->chunks.push_back(base);
    for (size_t i = chunk_blocks; i-- > 0;) {
        gt_g *g = new (g_of_block(rt, base + i * rt->block_size)) gt_g{};
        g->rt = rt;
        g->next = rt->free;
        rt->free = g;
    }
}

static void refill(worker *w)
{
    gt_runtime *rt = w->rt;
    peer_lock_take(&rt->blocks);
    if (!rt->free)
        map_chunk(rt);
    for (; rt->free && w->n_free < local_blocks / 2; w->n_free++) {
        gt_g *g = rt->free;
        rt->free = g->next;
        g->next = w->free;
        w->free = g;
    }
    peer_lock_drop(&rt->blocks);
}

static gt_g *block_get(worker *w)
{
    if (!w->free)
        refill(w);
    gt_g *g = w->free;
    if (g) {
        w->free = g->next;
        w->n_free--;
    }
    return g;
}

static void spill(worker *w)
{
    peer_lock_take(&w->rt->blocks);
    for (; w->n_free > local_blocks / 2; w->n_free--) {
        gt_g *g = w->free;
        w->free = g->next;
        g->next = w->rt->free;
        w->rt->free = g;
    }
    peer_lock_drop(&w->rt->blocks);
}

static void block_put(gt_g *g)
{
    worker *w = here();
    g->next = w->free;
    w->free = g;
    if (++w->n_free > local_blocks)
        spill(w);
}

/* What the library calls a stack allocator, for one stack. */
struct block_allocator {
    gt_g *g;
    boost::context::stack_context allocate()
    {
        boost::context::stack_context sc;
        sc.size = g->rt->block_size - sizeof *g;
        sc.sp = g;
        return sc;
    }
    void deallocate(boost::context::stack_context &sc)
    {
        block_put(static_cast<gt_g *>(sc.sp));
    }
};

/* Each living G; blocks that are free have alive == false. */
template <typename Fn> static void each_g(gt_runtime *rt, Fn &&fn)
{
    peer_lock_take(&rt->blocks);
    std::vector<char *> chunks = rt->chunks;
    peer_lock_drop(&rt->blocks);
    for (char *base : chunks)
        for (size_t i = 0; i < chunk_blocks; i++) {
            gt_g *g = g_of_block(rt, base + i * rt->block_size);
            if (g->alive.load(std::memory_order_acquire) && !fn(g))
                return;
        }
}

/* ---- Gs ----------------------------------------------------------------------------------- */
static void end_of_first(gt_runtime *rt)
{
    std::unique_lock<bf::mutex> lk{rt->m};
    rt->first_done = true;
    rt->changed.notify_all();
}

static void unlock_held(gt_g *g)
{
    while (g->held) {
        gt_mutex *m = g->held;
        g->held = m->next;
        m->m.unlock();
    }
}

struct body {
    gt_g *g;
    bool first;
    void operator()() const
    {
        bool whole = false;
        set_current(g);
        try {
            if (!g->dropped.load(std::memory_order_relaxed))
                g->fn(g->arg);
            whole = !g->dropped.load(std::memory_order_relaxed);
        } catch (const left &) {
        } catch (const exited &) {
            whole = true;
        }
        if (!whole)
            unlock_held(g);
        if (whole)
            count_up(here()->ended);
        if (first)
            end_of_first(g->rt);
        g->alive.store(false, std::memory_order_release);
    }
};

static int spawn(gt_runtime *rt, gt_fn fn, void *arg, bool first)
{
    worker *w = here();
    gt_g *g = block_get(w);
    if (!g)
        return -ENOMEM;
    g->rt = rt;
    g->fn = fn;
    g->arg = arg;
    g->id = ++w->ids * GT_PROCS_MAX + w->index;
    g->held = nullptr;
    g->asleep = nullptr;
    g->woken = false;
    g->sleeps.store(0, std::memory_order_relaxed);
    g->wakes.store(0, std::memory_order_relaxed);
    g->dropped.store(false, std::memory_order_relaxed);
    g->timed.store(false, std::memory_order_relaxed);
    g->seen = 0;
    g->permit = PEER_NONE;
    g->alive.store(true, std::memory_order_release);
    count_up(w->spawned);
    bf::fiber{bf::launch::post, std::allocator_arg, block_allocator{g}, body{g, first}}.detach();
    return 0;
}

/* ---- work stealing ------------------------------------------------------------------------ */
class stealing final : public bf::algo::algorithm {
    worker *w_;
    bf::detail::context_spinlock_queue ready_{};
    std::mutex m_{};
    std::condition_variable wake_{};
    bool notified_{false};
    int idle_{0};
    uint32_t turn_;

    bf::context *steal() noexcept
    {
        gt_runtime *rt = w_->rt;
        if (rt->closing.load(std::memory_order_relaxed))
            return nullptr;
        for (uint32_t i = 0, victim = turn_++; i < rt->procs; i++, victim++) {
            worker *v = &rt->workers[victim % rt->procs];
            stealing *from = v == w_ ? nullptr : v->algorithm.load(std::memory_order_acquire);
            bf::context *ctx = from ? from->ready_.steal() : nullptr;
            if (ctx)
                return ctx;
        }
        return nullptr;
    }

public:
    explicit stealing(worker *w) : w_{w}, turn_{w->index}
    {
        w->algorithm.store(this, std::memory_order_release);
    }

    void awakened(bf::context *ctx) noexcept override
    {
        if (!ctx->is_context(bf::type::pinned_context))
            ctx->detach();
        ready_.push(ctx);
    }

    bf::context *pick_next() noexcept override
    {
        bf::context *ctx = ready_.pop();
        if (!ctx)
            ctx = steal();
        if (ctx) {
            if (!ctx->is_context(bf::type::pinned_context)) {
                idle_ = 0;
                bf::context::active()->attach(ctx);
            }
        }
        return ctx;
    }

    bool has_ready_fibers() const noexcept override
    {
        return !ready_.empty();
    }

    void suspend_until(const steady::time_point &when) noexcept override
    {
        if (++idle_ < looks_spinning)
            return;
        if (idle_ < looks_yielding) {
            std::this_thread::yield();
            return;
        }
        std::unique_lock<std::mutex> lk{m_};
        if (!notified_)
            wake_.wait_until(lk, std::min(when, steady::now() + std::chrono::microseconds{200}));
        notified_ = false;
    }

    void notify() noexcept override
    {
        std::unique_lock<std::mutex> lk{m_};
        notified_ = true;
        idle_ = 0;
        lk.unlock();
        wake_.notify_one();
    }
};

/* ---- timers ------------------------------------------------------------------------------- */
static void peer_timers_kick(peer_timers *t)
{
    gt_runtime *rt = here()->rt; /* has one `timers` */
    (void)t;
    gt_g *g = current();
    std::unique_lock<bf::mutex> lk{rt->kick_m};
    rt->kicked = true;
    rt->kick.notify_one();
    lk.unlock();
    set_current(g);
}

static void timers_main(gt_runtime *rt)
{
    for (bool end = false; !end;) {
        set_current(nullptr);
        peer_lock_take(&rt->timers.lock);
        int64_t next = peer_timers_run(&rt->timers);
        end = rt->timers_end;
        peer_lock_drop(&rt->timers.lock);
        std::unique_lock<bf::mutex> lk{rt->kick_m};
        if (!rt->kicked && !end) {
            if (next == PEER_NEVER)
                rt->kick.wait(lk);
            else
                rt->kick.wait_until(lk, at_time(next));
        }
        rt->kicked = false;
    }
}

static void start_timers(gt_runtime *rt)
{
    peer_lock_take(&rt->timers.lock);
    bool start = !rt->has_timer_fiber;
    rt->has_timer_fiber = true;
    peer_lock_drop(&rt->timers.lock);
    if (start)
        rt->timer_fiber = bf::fiber{bf::launch::post, [rt] { timers_main(rt); }};
}

static void end_timers(gt_runtime *rt)
{
    peer_timers_clear(&rt->timers);
    peer_lock_take(&rt->timers.lock);
    bool there = rt->has_timer_fiber;
    rt->timers_end = true;
    peer_lock_drop(&rt->timers.lock);
    if (!there)
        return;
    peer_timers_kick(&rt->timers);
    rt->timer_fiber.join();
    rt->has_timer_fiber = false;
}

/* ---- a run -------------------------------------------------------------------------------- */
static uint64_t activity(const gt_runtime *rt)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < rt->procs; i++)
        sum += rt->workers[i].slept.load(std::memory_order_relaxed) +
               rt->workers[i].spawned.load(std::memory_order_relaxed) +
               rt->workers[i].ended.load(std::memory_order_relaxed);
    return sum;
}

static bool timers_pending(gt_runtime *rt)
{
    peer_lock_take(&rt->timers.lock);
    bool pending = rt->timers.n > 0 || rt->timers.running;
    peer_lock_drop(&rt->timers.lock);
    return pending;
}

/* Every living G has slept since the last look. */
static bool all_asleep(gt_runtime *rt)
{
    bool asleep = true;
    each_g(rt, [&](gt_g *g) {
        uint64_t begun = g->sleeps.load(std::memory_order_relaxed);
        asleep = asleep && sleeps(g) && g->seen == begun;
        g->seen = begun;
        return sleeps(g);
    });
    return asleep;
}

static int wait_for_first(gt_runtime *rt)
{
    uint64_t last = UINT64_MAX;
    std::unique_lock<bf::mutex> lk{rt->m};
    while (!rt->first_done) {
        bf::cv_status woken = rt->changed.wait_for(lk, look_every);
        set_current(nullptr);
        if (rt->first_done)
            break;
        if (rt->interrupted.exchange(false))
            return -EINTR;
        uint64_t now = activity(rt);
        if (woken == bf::cv_status::timeout && now == last && !timers_pending(rt) &&
            all_asleep(rt))
            return -EDEADLK;
        last = now;
    }
    return 0;
}

/* I4. A G that is dropped while it waits for a mutex or for time leaves when it has waited. */
static void drop_all(gt_runtime *rt)
{
    bool any = true, running = true;
    each_g(rt, [](gt_g *g) {
        g->dropped.store(true, std::memory_order_relaxed);
        return true;
    });
    while (running) {
        running = false;
        each_g(rt, [&](gt_g *g) {
            running = !sleeps(g) && !g->timed.load(std::memory_order_relaxed);
            return !running;
        });
        if (running)
            boost::this_fiber::sleep_for(std::chrono::microseconds{200});
    }
    while (any) {
        any = false;
        each_g(rt, [&](gt_g *g) {
            any = true;
            if (sleeps(g))
                peer_wake(g);
            return true;
        });
        if (any)
            boost::this_fiber::sleep_for(std::chrono::microseconds{200});
    }
}

static int host(gt_runtime *rt, gt_fn fn, void *arg)
{
    int rc = rt->refused.load() ? rt->refused.load() : spawn(rt, fn, arg, true);
    if (rc == 0)
        rc = wait_for_first(rt);
    end_timers(rt);
    drop_all(rt);
    std::unique_lock<bf::mutex> lk{rt->m};
    rt->closing.store(true);
    rt->ended = true;
    rt->changed.notify_all();
    return rc;
}

static int work(gt_runtime *rt, uint32_t i, gt_fn fn, void *arg)
{
    char why[128];
    int rc = 0, refused = peer_places_bind(&rt->places, (int32_t)i, why, sizeof why);
    current_worker = &rt->workers[i];
    if (refused != 0)
        rt->refused.store(refused);
    if (rt->procs > 1)
        bf::use_scheduling_algorithm<stealing>(&rt->workers[i]);
    pthread_barrier_wait(&rt->together); /* nobody steals from one that is not there yet */
    if (i == 0) {
        rc = host(rt, fn, arg);
    } else {
        std::unique_lock<bf::mutex> lk{rt->m};
        rt->changed.wait(lk, [rt] { return rt->ended; });
    }
    pthread_barrier_wait(&rt->together); /* nor from one that is gone */
    return rc;
}

static int op_run(gt_runtime *rt, gt_fn fn, void *arg)
{
    int rc = 0;
    std::vector<std::thread> threads;
    if (rt->running)
        return -EBUSY;
    rt->running = true;
    rt->first_done = rt->ended = rt->timers_end = rt->kicked = false;
    rt->closing.store(false);
    rt->refused.store(0);
    pthread_barrier_init(&rt->together, nullptr, rt->procs);
    for (uint32_t i = 0; i < rt->procs; i++) {
        rt->workers[i].algorithm.store(nullptr);
        threads.emplace_back([=, &rc] {
            int mine = work(rt, i, fn, arg);
            if (i == 0)
                rc = mine;
        });
    }
    for (std::thread &t : threads)
        t.join();
    pthread_barrier_destroy(&rt->together);
    rt->running = false;
    return rc;
}

/* ---- ops ---------------------------------------------------------------------------------- */
static int op_create(const gt_config *c, gt_runtime **out, char *err, size_t size)
{
    if (GT_TSAN) {
        snprintf(err, size, "boost-fiber: ThreadSanitizer cannot follow the library's switches of "
                            "stacks: use another build");
        return -ENOTSUP;
    }
    gt_runtime *rt = new (std::nothrow) gt_runtime{};
    if (!rt) {
        snprintf(err, size, "boost-fiber: out of memory");
        return -ENOMEM;
    }
    int rc = peer_places_init(&rt->places, c, err, size);
    if (rc != 0) {
        delete rt;
        return rc;
    }
    size_t stack = (c->stack_size ? c->stack_size : GT_STACK_DEFAULT) + sanitizer_room;
    rt->block_size = (stack + 4095) & ~size_t{4095};
    rt->procs = (uint32_t)c->procs;
    rt->workers.reset(new worker[rt->procs]());
    for (uint32_t i = 0; i < rt->procs; i++) {
        rt->workers[i].rt = rt;
        rt->workers[i].index = i;
    }
    peer_lock_init(&rt->blocks);
    peer_timers_init(&rt->timers);
    *out = rt;
    return 0;
}

static void op_destroy(gt_runtime *rt)
{
    if (!rt)
        return;
    for (char *base : rt->chunks)
        (void)munmap(base, chunk_blocks * rt->block_size);
    peer_timers_fini(&rt->timers);
    peer_places_fini(&rt->places);
    delete rt;
}

static void op_interrupt(gt_runtime *rt)
{
    rt->interrupted.store(true);
}

static void op_stats(gt_runtime *rt, gt_runtime_stats *out)
{
    memset(out, 0, sizeof *out);
    for (uint32_t i = 0; i < rt->procs; i++)
        out->exited += rt->workers[i].ended.load(std::memory_order_acquire);
    for (uint32_t i = 0; i < rt->procs; i++) {
        out->spawned += rt->workers[i].spawned.load(std::memory_order_relaxed);
        out->parks += rt->workers[i].slept.load(std::memory_order_relaxed);
    }
    out->ms_started = out->ms_now = rt->procs;
    peer_lock_take(&rt->timers.lock);
    out->timers_run = rt->timers.fired;
    peer_lock_drop(&rt->timers.lock);
}

static void print(int fd, const char *line, int n)
{
    if (n > 0 && ::write(fd, line, (size_t)n) < 0)
        return; /* there is nobody to tell */
}

static void op_dump(gt_runtime *rt, int fd)
{
    char line[160];
    gt_runtime_stats s;
    op_stats(rt, &s);
    print(fd, line,
          snprintf(line, sizeof line, "boost-fiber: %u Ps, %llu Gs spawned, %llu ended\n", rt->procs,
                   (unsigned long long)s.spawned, (unsigned long long)s.exited));
    each_g(rt, [&](gt_g *g) {
        const char *what = sleeps(g)        ? "sleeps"
                           : g->timed.load() ? "sleeps for a time or waits for a mutex"
                                             : "runs or is ready";
        print(fd, line,
              snprintf(line, sizeof line, "  G %llu %s, %llu sleeps begun, %llu wakes\n",
                       (unsigned long long)g->id, what, (unsigned long long)g->sleeps.load(),
                       (unsigned long long)g->wakes.load()));
        return true;
    });
}

static int op_go(gt_fn fn, void *arg)
{
    return spawn(entered()->rt, fn, arg, false);
}

static void op_yield()
{
    gt_g *g = entered();
    boost::this_fiber::yield();
    set_current(g);
}

static void op_exit()
{
    (void)entered();
    throw exited{};
}

static uint64_t op_goid()
{
    return current()->id;
}

static void op_park()
{
    peer_park(entered());
}

static void op_checkpoint()
{
    (void)entered();
}

static gt_runtime *op_runtime()
{
    return current()->rt;
}

static int op_chan_send(gt_chan *c, const void *elem)
{
    (void)entered();
    return peer_chan_send(c, elem);
}
static bool op_chan_recv(gt_chan *c, void *elem)
{
    (void)entered();
    return peer_chan_recv(c, elem);
}
static int op_chan_try_send(gt_chan *c, const void *elem)
{
    (void)entered();
    return peer_chan_try_send(c, elem);
}
static int op_chan_try_recv(gt_chan *c, void *elem)
{
    (void)entered();
    return peer_chan_try_recv(c, elem);
}
static int op_chan_close(gt_chan *c)
{
    (void)entered();
    return peer_chan_close(c);
}
static void op_wg_add(gt_wg *w, int32_t n)
{
    (void)entered();
    peer_wg_add(w, n);
}
static void op_wg_done(gt_wg *w)
{
    (void)entered();
    peer_wg_done(w);
}
static void op_wg_wait(gt_wg *w)
{
    (void)entered();
    peer_wg_wait(w);
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
    gt_g *g = entered();
    if (!m->m.try_lock()) {
        g->timed.store(true, std::memory_order_relaxed);
        m->m.lock();
        set_current(g);
        g->timed.store(false, std::memory_order_relaxed);
    }
    m->next = g->held;
    g->held = m;
    (void)entered();
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
    gt_g *g = entered();
    steady::time_point until = steady::now() + std::chrono::nanoseconds{ns > 0 ? ns : 0};
    g->timed.store(true, std::memory_order_relaxed);
    do {
        boost::this_fiber::sleep_until(std::min(until, steady::now() + sleep_slice));
        set_current(g);
    } while (!g->dropped.load(std::memory_order_relaxed) && steady::now() < until);
    g->timed.store(false, std::memory_order_relaxed);
    (void)entered();
}

static gt_timer *op_timer_new(gt_fn fn, void *arg)
{
    gt_runtime *rt = entered()->rt;
    start_timers(rt);
    return peer_timer_new(&rt->timers, fn, arg);
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
    o.chan_send = op_chan_send;
    o.chan_recv = op_chan_recv;
    o.chan_try_send = op_chan_try_send;
    o.chan_try_recv = op_chan_try_recv;
    o.chan_close = op_chan_close;
    o.mutex_new = op_mutex_new;
    o.mutex_free = op_mutex_free;
    o.mutex_lock = op_mutex_lock;
    o.mutex_unlock = op_mutex_unlock;
    o.wg_new = peer_wg_new;
    o.wg_free = peer_wg_free;
    o.wg_add = op_wg_add;
    o.wg_done = op_wg_done;
    o.wg_wait = op_wg_wait;
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
