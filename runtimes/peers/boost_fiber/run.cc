/* SPDX-License-Identifier: Apache-2.0 */
/* The peer boost-fiber as a whole: stacks, Gs, workers, runs, timers. Its rules: boost_fiber.cc. */
#include <cstdio>
#include <cstring>
#include <future>
#include <new>
#include <system_error>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

#include "peers/boost_fiber/stealing.hpp"

constexpr std::chrono::milliseconds look_every{20};
constexpr size_t chunk_blocks = 64, local_blocks = 128, page = 4096, colour = 320;
constexpr size_t sanitizer_room = GT_ASAN || GT_TSAN ? 192u * 1024u : 0u;

/* ---- blocks: a stack with its struct gt_g on top ------------------------------------------ */
/* A block has a page more than the stack asked for, and its top is shifted within that page by
 * its number: tops that are a power of two apart would share a few sets of every cache. */
static gt_g *g_of_block(const gt_runtime *rt, char *chunk, size_t i)
{
    size_t shift = i % (page / colour) * colour;
    return reinterpret_cast<gt_g *>(chunk + (i + 1) * rt->block_size - shift) - 1;
}

/* With the lock. Without memory it changes nothing. */
static void map_chunk(gt_runtime *rt)
{
    size_t size = chunk_blocks * rt->block_size;
    chunk *c = new (std::nothrow) chunk{nullptr, rt->chunks};
    void *p = c ? mmap(nullptr, size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
                : MAP_FAILED;
    if (p == MAP_FAILED) {
        delete c;
        return;
    }
    (void)madvise(p, size, MADV_NOHUGEPAGE);
    c->base = static_cast<char *>(p);
    rt->chunks = c;
    for (size_t i = chunk_blocks; i-- > 0;) {
        gt_g *g = new (g_of_block(rt, c->base, i)) gt_g{};
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
        sc.size = g->rt->block_size - page; /* at least */
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
    const chunk *c = rt->chunks;
    peer_lock_drop(&rt->blocks);
    for (; c; c = c->next)
        for (size_t i = 0; i < chunk_blocks; i++) {
            gt_g *g = g_of_block(rt, c->base, i);
            if (g->alive.load() && !fn(g)) /* O1 */
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

void gt_boost::await_quiet(gt_g *g)
{
    gt_runtime *rt = g->rt;
    g->ends.store(true, std::memory_order_release);
    std::unique_lock<bf::mutex> lk{rt->m};
    rt->changed.wait(lk, [rt] { return rt->quiet; });
    lk.unlock();
    set_current(g);
}

void gt_boost::leave(gt_g *g)
{
    await_quiet(g);
    throw left{};
}

/* It has ended with a mutex held, which nobody else may unlock: until the run ends it sleeps, so
 * that those who wait go on waiting, and then lets them leave. */
static void sleep_until_dropped(gt_g *g)
{
    try {
        for (;;)
            peer_sleep(g);
    } catch (const left &) {
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
        if (whole)
            count_up(here()->ended);
        if (first)
            end_of_first(g->rt);
        if (whole && g->held)
            sleep_until_dropped(g);
        if (first || g->rt->ending.load(std::memory_order_relaxed))
            await_quiet(g);
        unlock_held(g);
        g->alive.store(false, std::memory_order_release);
    }
};

int gt_boost::spawn(gt_runtime *rt, gt_fn fn, void *arg, bool first)
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
    g->ends.store(false, std::memory_order_relaxed);
    g->seen = 0;
    g->permit = PEER_NONE;
    g->alive.store(true); /* O1 */
    if (rt->ending.load())
        g->dropped.store(true, std::memory_order_relaxed);
    count_up(w->spawned);
    bf::fiber{bf::launch::post, std::allocator_arg, block_allocator{g}, body{g, first}}.detach();
    return 0;
}

/* ---- timers ------------------------------------------------------------------------------- */
void gt_boost_kick(peer_timers *t)
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

/* Once the timers have ended nothing starts (I3 of timers.inc), so no fiber is wanted. With the
 * lock all through: `post` does not switch, and end_timers must find either no fiber and nobody
 * who will make one, or one that it can join. */
bool gt_boost::start_timers(gt_runtime *rt)
{
    bool there = true;
    peer_lock_take(&rt->timers.lock);
    try {
        if (!rt->timers_end && !rt->timer_fiber.joinable())
            rt->timer_fiber = bf::fiber{bf::launch::post, [rt] { timers_main(rt); }};
    } catch (const std::bad_alloc &) {
        there = false;
    }
    peer_lock_drop(&rt->timers.lock);
    return there;
}

static void end_timers(gt_runtime *rt)
{
    peer_timers_close(&rt->timers);
    peer_lock_take(&rt->timers.lock);
    rt->timers_end = true;
    bool there = rt->timer_fiber.joinable();
    peer_lock_drop(&rt->timers.lock);
    if (!there)
        return;
    peer_timers_kick(&rt->timers);
    rt->timer_fiber.join();
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

/* Every living G has slept since the last look, unless one woke another that had been looked at,
 * and then ended: that is activity. */
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
        if (woken == bf::cv_status::timeout && now == last && !peer_timers_pending(&rt->timers) &&
            all_asleep(rt) && activity(rt) == now)
            return -EDEADLK;
        last = now;
    }
    return 0;
}

static bool runs(const gt_g *g)
{
    return !g->ends.load(std::memory_order_acquire) && !g->timed.load() && !sleeps(g);
}

static void await_rest(gt_runtime *rt)
{
    for (bool running = true; running;) {
        running = false;
        each_g(rt, [&](gt_g *g) {
            running = runs(g);
            return !running;
        });
        if (running)
            boost::this_fiber::sleep_for(std::chrono::microseconds{200});
    }
}

/* I4, I5. A G that is dropped while it waits for a mutex or for time leaves when it has waited. */
static void drop_all(gt_runtime *rt)
{
    bool any = true;
    rt->ending.store(true); /* O1 */
    each_g(rt, [](gt_g *g) {
        g->dropped.store(true);
        return true;
    });
    await_rest(rt);
    std::unique_lock<bf::mutex> lk{rt->m};
    rt->quiet = true;
    rt->changed.notify_all();
    lk.unlock();
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
    peer_timers_open(&rt->timers);
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
    enter_worker(&rt->workers[i]);
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

/* The threads of a run: none works unless all could be made; joined when it goes. */
class crew {
    std::promise<bool> complete_;
    std::shared_future<bool> is_complete_{complete_.get_future()};
    std::vector<std::thread> threads_;
    bool told_{false};

    void tell(bool complete)
    {
        told_ = true;
        complete_.set_value(complete);
    }

public:
    template <typename Fn> void add(Fn &&work)
    {
        threads_.emplace_back([go = is_complete_, work] {
            if (go.get())
                work();
        });
    }
    void start()
    {
        tell(true);
    }
    ~crew()
    {
        if (!told_)
            tell(false);
        for (std::thread &t : threads_)
            t.join();
    }
};

/* Throws what making a thread throws; then nothing has run. */
static int run_crew(gt_runtime *rt, gt_fn fn, void *arg)
{
    int rc = 0;
    {
        crew all;
        for (uint32_t i = 0; i < rt->procs; i++)
            all.add([=, &rc] {
                int mine = work(rt, i, fn, arg);
                if (i == 0)
                    rc = mine;
            });
        all.start();
    }
    return rc;
}

int gt_boost::op_run(gt_runtime *rt, gt_fn fn, void *arg)
{
    int rc;
    if (rt->running.exchange(true))
        return -EBUSY;
    rt->first_done = rt->ended = rt->quiet = rt->timers_end = rt->kicked = false;
    rt->closing.store(false);
    rt->ending.store(false);
    rt->refused.store(0);
    for (uint32_t i = 0; i < rt->procs; i++)
        rt->workers[i].algorithm.store(nullptr);
    pthread_barrier_init(&rt->together, nullptr, rt->procs);
    try {
        rc = run_crew(rt, fn, arg);
    } catch (const std::system_error &e) {
        rc = -e.code().value();
    } catch (const std::bad_alloc &) {
        rc = -ENOMEM;
    }
    pthread_barrier_destroy(&rt->together);
    rt->running.store(false);
    return rc;
}

/* ---- made, looked at, ended --------------------------------------------------------------- */
static int no_memory(char *err, size_t size)
{
    snprintf(err, size, "boost-fiber: out of memory");
    return -ENOMEM;
}

int gt_boost::op_create(const gt_config *c, gt_runtime **out, char *err, size_t size)
{
    if (GT_TSAN) {
        snprintf(err, size, "boost-fiber: ThreadSanitizer cannot follow the library's switches of "
                            "stacks: use another build");
        return -ENOTSUP;
    }
    gt_runtime *rt = new (std::nothrow) gt_runtime{};
    if (!rt)
        return no_memory(err, size);
    int rc = peer_places_init(&rt->places, c, err, size);
    if (rc != 0) {
        delete rt;
        return rc;
    }
    size_t stack = (c->stack_size ? c->stack_size : GT_STACK_DEFAULT) + sanitizer_room;
    rt->block_size = ((stack + page - 1) & ~(page - 1)) + page;
    rt->procs = (uint32_t)c->procs;
    rt->workers.reset(new (std::nothrow) worker[rt->procs]());
    if (!rt->workers) {
        peer_places_fini(&rt->places);
        delete rt;
        return no_memory(err, size);
    }
    for (uint32_t i = 0; i < rt->procs; i++) {
        rt->workers[i].rt = rt;
        rt->workers[i].index = i;
    }
    peer_lock_init(&rt->blocks);
    peer_timers_init(&rt->timers);
    *out = rt;
    return 0;
}

void gt_boost::op_destroy(gt_runtime *rt)
{
    if (!rt)
        return;
    while (chunk *c = rt->chunks) {
        rt->chunks = c->next;
        (void)munmap(c->base, chunk_blocks * rt->block_size);
        delete c;
    }
    peer_timers_fini(&rt->timers);
    peer_places_fini(&rt->places);
    delete rt;
}

void gt_boost::op_interrupt(gt_runtime *rt)
{
    rt->interrupted.store(true);
}

void gt_boost::op_stats(gt_runtime *rt, gt_runtime_stats *out)
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

void gt_boost::op_dump(gt_runtime *rt, int fd)
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

