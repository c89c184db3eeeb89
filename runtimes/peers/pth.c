/* SPDX-License-Identifier: Apache-2.0 */
/* GT_PEER: header=pth.h library=pth package=libpth-dev */
/*
 * pth: GNU Pth, a thread of its for each G, all on one thread of the kernel.
 *
 * Pth has one scheduler for a process and no second processor: one P, and one run at a time
 * (runs of several runtimes wait for each other). Its scheduler looks at every thread that
 * waits at each switch, so a cost grows with the number of waiting Gs; that is Pth, not this
 * file. A G sleeps on a message port of its own: the cheapest of Pth's events that does not
 * yield on the waking side.
 *
 * I1 Only the thread of the run calls Pth. It is made for the run, so that its binding is
 *    nobody else's.
 * I2 No switch happens but inside a call of Pth: there are no locks, and whoever comes back
 *    from such a call says who it is (`current`).
 * I3 A struct gt_g stays one until destroy; port and event live as long as the run.
 *
 * When a run ends, Pth drops all its threads where they stand. -EDEADLK is exact: every G sleeps
 * and no timer is started.
 * Limits: a system call blocks every G: no GT_RT_SYSCALL. Files are waited for by select: a
 * descriptor below 1024. Time counts in microseconds.
 */
#include <errno.h>
#include <pth.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>

#include "gauntlet/runtime.h"
#include "peers/common/place.h"
#include "port/port.h"

#define GS_MAX 512 /* each switch looks at every G that waits: with thousands nothing moves */
#define LOOK_US 20000 /* so often is looked for interrupt() and deadlock */
#define SANITIZER_ROOM (GT_ASAN || GT_TSAN ? 192u * 1024u : 0u)

struct peer_lock {
    char none; /* I2 */
};

enum state { IN_CODE, IN_SLEEP, IN_TIME, IN_MUTEX, IN_FILE };
static const char *const state_names[] = {"runs or is ready", "sleeps", "sleeps for a time",
                                          "waits for a mutex", "waits for a file"};

struct gt_g {
    struct gt_runtime *rt;
    struct gt_g *next;   /* free ones */
    struct gt_g *others; /* all that were ever made */
    gt_fn fn;
    void *arg;
    uint64_t id;
    pth_msgport_t port;
    pth_message_t message; /* in its port: woken */
    pth_event_t woken;     /* a message is there */
    pth_event_t closed;    /* of a file it waits for; NULL: never waited */
    gt_a32 state;          /* enum state */
    gt_a32 alive;
    uint8_t permit;
    bool first;
};

static struct gt_g *peer_self(void);
static void peer_sleep(struct gt_g *g);
static void peer_wake(struct gt_g *g);
static inline void peer_lock_init(struct peer_lock *l)
{
    l->none = 0;
}
static inline void peer_lock_fini(struct peer_lock *l)
{
    (void)l;
}
static inline void peer_lock_take(struct peer_lock *l)
{
    (void)l;
}
static inline void peer_lock_drop(struct peer_lock *l)
{
    (void)l;
}
static inline int64_t peer_now(void)
{
    return gt_nanotime();
}
#include "peers/common/sync.inc"

struct peer_timers;
static void peer_timers_kick(struct peer_timers *t);
static void peer_timers_pause(void);
#include "peers/common/timers.inc"

struct gt_runtime {
    struct peer_places places;
    size_t stack_size;
    gt_a32 interrupted, running;
    gt_a64 spawned, exited, parks; /* Written by: the run's thread */
    uint64_t ids;
    struct gt_g *all, *free;
    /* Of the run that goes on. */
    uint64_t living, asleep; /* Gs */
    struct gt_g *current; /* NULL: the host, or the timers' thread */
    pth_attr_t attr;
    pth_msgport_t first_done, kick;
    pth_message_t first_message, kick_message;
    bool kicked;
    pth_event_t kick_event;
    struct peer_timers timers;
    bool has_timers;
};

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER; /* to use Pth */
static struct gt_runtime *the; /* whose turn it is. Guarded by: turn; read by the run's thread */

static struct gt_g *peer_self(void)
{
    return the->current;
}

static void enter(struct gt_g *g, enum state s)
{
    if (g)
        gt_store_relaxed(&g->state, (uint32_t)s);
}

/* I2. */
static void back(struct gt_g *g)
{
    the->current = g;
    enter(g, IN_CODE);
}

static void count_up(gt_a64 *n)
{
    gt_store_relaxed(n, gt_load_relaxed(n) + 1);
}

/* ---- sleep and wake ----------------------------------------------------------------------- */
static void peer_sleep(struct gt_g *g)
{
    enter(g, IN_SLEEP);
    the->asleep++;
    count_up(&the->parks);
    if (!pth_msgport_pending(g->port))
        pth_wait(g->woken);
    (void)pth_msgport_get(g->port);
    back(g);
}

static void peer_wake(struct gt_g *g)
{
    the->asleep--;
    pth_msgport_put(g->port, &g->message);
}

/* ---- Gs ------------------------------------------------------------------------------------- */
static struct gt_g *g_new(struct gt_runtime *rt)
{
    struct gt_g *g = rt->free;
    if (g) {
        rt->free = g->next;
    } else if ((g = calloc(1, sizeof *g)) != NULL) {
        g->rt = rt;
        g->others = rt->all;
        rt->all = g;
    }
    if (g && !g->port) { /* new, or of an earlier run */
        g->port = pth_msgport_create(NULL);
        g->woken = g->port ? pth_event(PTH_EVENT_MSG, g->port) : NULL;
    }
    return g && g->woken ? g : NULL;
}

static void g_free(struct gt_g *g)
{
    g->next = g->rt->free;
    g->rt->free = g;
}

static void g_end(struct gt_g *g)
{
    struct gt_runtime *rt = g->rt;
    count_up(&rt->exited);
    rt->living--;
    gt_store_relaxed(&g->alive, 0u);
    if (g->first)
        pth_msgport_put(rt->first_done, &rt->first_message);
    g_free(g);
}

static void *g_main(void *arg)
{
    struct gt_g *g = arg;
    back(g);
    g->fn(g->arg);
    g_end(g);
    return NULL;
}

static int g_start(struct gt_runtime *rt, gt_fn fn, void *arg, bool first)
{
    struct gt_g *g = g_new(rt);
    if (!g)
        return -ENOMEM;
    g->fn = fn;
    g->arg = arg;
    g->id = ++rt->ids;
    g->permit = PEER_NONE;
    g->first = first;
    gt_store_relaxed(&g->state, (uint32_t)IN_CODE);
    gt_store_relaxed(&g->alive, 1u);
    if (pth_spawn(rt->attr, g_main, g)) {
        count_up(&rt->spawned);
        rt->living++;
        return 0;
    }
    int rc = errno == ENOMEM ? -ENOMEM : -EAGAIN;
    gt_store_relaxed(&g->alive, 0u);
    g_free(g);
    return rc;
}

/* ---- a run ---------------------------------------------------------------------------------- */
/* What Pth gave for the run goes back before Pth forgets it. */
static void forget_all(struct gt_runtime *rt)
{
    rt->free = NULL;
    for (struct gt_g *g = rt->all; g; g = g->others) {
        gt_store_relaxed(&g->alive, 0u);
        if (g->woken)
            pth_event_free(g->woken, PTH_FREE_THIS);
        if (g->closed)
            pth_event_free(g->closed, PTH_FREE_THIS);
        if (g->port)
            pth_msgport_destroy(g->port);
        g->woken = g->closed = NULL;
        g->port = NULL;
        g_free(g);
    }
}

static bool is_dead(const struct gt_runtime *rt)
{
    return rt->asleep == rt->living && rt->timers.n == 0 && !rt->timers.running;
}

static int wait_for_first(struct gt_runtime *rt)
{
    pth_event_t done = pth_event(PTH_EVENT_MSG, rt->first_done), look = NULL;
    int rc = done ? 1 : -ENOMEM;
    while (rc > 0) {
        look = pth_event(PTH_EVENT_TIME, pth_timeout(0, LOOK_US));
        if (!look) {
            rc = -ENOMEM;
            break;
        }
        pth_event_concat(done, look, NULL);
        pth_wait(done);
        back(NULL);
        pth_event_isolate(look);
        pth_event_free(look, PTH_FREE_THIS);
        if (pth_msgport_pending(rt->first_done))
            rc = 0;
        else if (gt_load_relaxed(&rt->interrupted))
            rc = -EINTR;
        else if (is_dead(rt))
            rc = -EDEADLK;
    }
    if (done)
        pth_event_free(done, PTH_FREE_THIS);
    return rc;
}

struct turn {
    struct gt_runtime *rt;
    gt_fn fn;
    void *arg;
    int rc;
};

static void begin(struct gt_runtime *rt)
{
    rt->attr = pth_attr_new();
    pth_attr_set(rt->attr, PTH_ATTR_JOINABLE, FALSE);
    pth_attr_set(rt->attr, PTH_ATTR_STACK_SIZE, (unsigned int)rt->stack_size);
    rt->first_done = pth_msgport_create(NULL);
    rt->kick = pth_msgport_create(NULL);
    rt->living = rt->asleep = 0;
    rt->has_timers = rt->kicked = false;
}

static void end(struct gt_runtime *rt)
{
    for (; rt->timers.n > 0; rt->timers.n--)
        rt->timers.heap[rt->timers.n]->at = 0;
    rt->timers.running = NULL;
    forget_all(rt);
    if (rt->kick_event)
        pth_event_free(rt->kick_event, PTH_FREE_THIS);
    rt->kick_event = NULL;
    pth_msgport_destroy(rt->first_done);
    pth_msgport_destroy(rt->kick);
    pth_attr_destroy(rt->attr);
    pth_kill();
}

static void *turn_main(void *arg)
{
    struct turn *t = arg;
    struct gt_runtime *rt = t->rt;
    char why[128];
    pthread_mutex_lock(&turn);
    the = rt;
    t->rc = peer_places_bind(&rt->places, 0, why, sizeof why);
    if (t->rc == 0 && !pth_init())
        t->rc = -errno;
    if (t->rc == 0) {
        begin(rt);
        t->rc = g_start(rt, t->fn, t->arg, true);
        if (t->rc == 0)
            t->rc = wait_for_first(rt);
        end(rt);
    }
    the = NULL;
    pthread_mutex_unlock(&turn);
    return NULL;
}

static int op_run(struct gt_runtime *rt, gt_fn fn, void *arg)
{
    struct turn t = {rt, fn, arg, 0};
    pthread_t thread;
    uint32_t idle = 0;
    if (!gt_cas_acquire(&rt->running, &idle, 1u)) /* pair: pth run */
        return -EBUSY;
    int rc = pthread_create(&thread, NULL, turn_main, &t);
    if (rc == 0)
        pthread_join(thread, NULL);
    else
        t.rc = -rc;
    if (t.rc == -EINTR)
        gt_store_relaxed(&rt->interrupted, 0u);
    gt_store_release(&rt->running, 0u); /* pair: pth run */
    return t.rc;
}

static void op_interrupt(struct gt_runtime *rt)
{
    gt_store_relaxed(&rt->interrupted, 1u);
}

/* ---- made, looked at, ended ------------------------------------------------------------------ */
static int refuse(int rc, char *err, size_t size, const char *why)
{
    snprintf(err, size, "pth: %s", why);
    return rc;
}

static int op_create(const struct gt_config *c, struct gt_runtime **out, char *err, size_t size)
{
    if (GT_TSAN)
        return refuse(-ENOTSUP, err, size, "ThreadSanitizer cannot follow the library's switches "
                                           "of stacks: use another build");
    if (c->procs != 1)
        return refuse(-ENOTSUP, err, size, "it runs on one thread of the kernel: procs=1 only");
    struct gt_runtime *rt = calloc(1, sizeof *rt);
    if (!rt)
        return refuse(-ENOMEM, err, size, "out of memory");
    int rc = peer_places_init(&rt->places, c, err, size);
    if (rc != 0) {
        free(rt);
        return rc;
    }
    rt->stack_size = (c->stack_size ? c->stack_size : GT_STACK_DEFAULT) + SANITIZER_ROOM;
    peer_timers_init(&rt->timers);
    *out = rt;
    return 0;
}

static void op_destroy(struct gt_runtime *rt)
{
    if (!rt)
        return;
    while (rt->all) {
        struct gt_g *g = rt->all;
        rt->all = g->others;
        free(g);
    }
    peer_timers_fini(&rt->timers);
    peer_places_fini(&rt->places);
    free(rt);
}

static void op_stats(struct gt_runtime *rt, struct gt_runtime_stats *out)
{
    memset(out, 0, sizeof *out);
    out->exited = gt_load_relaxed(&rt->exited);
    out->spawned = gt_load_relaxed(&rt->spawned);
    out->parks = gt_load_relaxed(&rt->parks);
    out->timers_run = rt->timers.fired;
    out->ms_started = out->ms_now = 1;
}

/* A snapshot taken beside a run that goes on: what it shows of a G may be a moment old. */
GT_NO_SANITIZE static void op_dump(struct gt_runtime *rt, int fd)
{
    char line[160];
    int n = snprintf(line, sizeof line, "pth: 1 P, %llu Gs spawned, %llu ended\n",
                     (unsigned long long)gt_load_relaxed(&rt->spawned),
                     (unsigned long long)gt_load_relaxed(&rt->exited));
    gt_os_print(fd, line, (size_t)n);
    for (struct gt_g *g = rt->all; g; g = g->others) {
        if (!gt_load_relaxed(&g->alive))
            continue;
        n = snprintf(line, sizeof line, "  G %llu %s\n", (unsigned long long)g->id,
                     state_names[gt_load_relaxed(&g->state)]);
        gt_os_print(fd, line, (size_t)n);
    }
}

/* ---- goroutines ------------------------------------------------------------------------------- */
static int op_go(gt_fn fn, void *arg)
{
    return g_start(the, fn, arg, false);
}

static void op_yield(void)
{
    struct gt_g *g = peer_self();
    pth_yield(NULL);
    back(g);
}

static void op_exit(void)
{
    g_end(peer_self());
    pth_exit(NULL);
}

static uint64_t op_goid(void)
{
    return peer_self()->id;
}

static void op_park(void)
{
    peer_park(peer_self());
}

static void op_nothing(void)
{
}

static struct gt_runtime *op_runtime(void)
{
    return the;
}

static int32_t op_procs(void)
{
    return 1;
}

/* ---- locks -------------------------------------------------------------------------------------- */
struct gt_mutex {
    pth_mutex_t m;
};

static struct gt_mutex *op_mutex_new(void)
{
    struct gt_mutex *m = malloc(sizeof *m);
    if (m)
        pth_mutex_init(&m->m);
    return m;
}

static void op_mutex_free(struct gt_mutex *m)
{
    free(m);
}

static void op_mutex_lock(struct gt_mutex *m)
{
    struct gt_g *g = peer_self();
    enter(g, IN_MUTEX);
    pth_mutex_acquire(&m->m, FALSE, NULL);
    back(g);
}

static void op_mutex_unlock(struct gt_mutex *m)
{
    pth_mutex_release(&m->m);
}

/* ---- time ------------------------------------------------------------------------------------------ */
/* Rounded up: not a microsecond early. */
static pth_time_t pth_span(int64_t ns)
{
    int64_t us = ns > 0 ? (ns + 999) / 1000 : 0;
    return pth_time((long)(us / 1000000), (long)(us % 1000000));
}

static void op_sleep(int64_t ns)
{
    struct gt_g *g = peer_self();
    int64_t until = gt_nanotime() + (ns > 0 ? ns : 0), left = ns;
    enter(g, IN_TIME);
    do {
        if (left > 0)
            pth_nap(pth_span(left));
        else
            pth_yield(NULL);
        left = until - gt_nanotime(); /* Pth goes by the time of day */
    } while (left > 0);
    back(g);
}

static void peer_timers_pause(void)
{
    op_yield();
}

static void peer_timers_kick(struct peer_timers *t)
{
    struct gt_runtime *rt = gt_container(t, struct gt_runtime, timers);
    if (!rt->kicked) {
        rt->kicked = true;
        pth_msgport_put(rt->kick, &rt->kick_message);
    }
}

/* Until the next is due, or a kick. */
static void wait_for_next(struct gt_runtime *rt, int64_t next)
{
    pth_event_t due = NULL;
    int64_t span = next == PEER_NEVER ? 0 : next - gt_nanotime();
    if (next != PEER_NEVER) {
        int64_t us = span > 0 ? (span + 999) / 1000 : 0;
        due = pth_event(PTH_EVENT_TIME, pth_timeout((long)(us / 1000000), (long)(us % 1000000)));
        if (due)
            pth_event_concat(rt->kick_event, due, NULL);
    }
    pth_wait(rt->kick_event);
    back(NULL);
    if (due) {
        pth_event_isolate(due);
        pth_event_free(due, PTH_FREE_THIS);
    }
    while (pth_msgport_get(rt->kick))
        ;
    rt->kicked = false;
}

static void *timers_main(void *arg)
{
    struct gt_runtime *rt = arg;
    for (;;) {
        back(NULL);
        wait_for_next(rt, peer_timers_run(&rt->timers));
    }
    return NULL;
}

static struct gt_timer *op_timer_new(gt_fn fn, void *arg)
{
    struct gt_runtime *rt = the;
    if (!rt->has_timers) {
        rt->kick_event = pth_event(PTH_EVENT_MSG, rt->kick);
        rt->has_timers = rt->kick_event && pth_spawn(rt->attr, timers_main, rt);
    }
    return rt->has_timers ? peer_timer_new(&rt->timers, fn, arg) : NULL;
}

/* ---- files --------------------------------------------------------------------------------------- */
struct gt_fd {
    int fd;
    uint32_t inside; /* Gs in a call of Pth for it */
    bool closed;
    pth_msgport_t closing; /* has a message once it is closed: ends every wait */
    pth_message_t message;
};

static struct gt_fd *op_fd_open(int fd, int *err)
{
    struct gt_fd *f = fd < FD_SETSIZE ? calloc(1, sizeof *f) : NULL;
    int rc = f ? gt_os_set_nonblock(fd, false) : fd < FD_SETSIZE ? -ENOMEM : -EMFILE;
    if (rc == 0) {
        f->fd = fd;
        f->closing = pth_msgport_create(NULL);
        rc = f->closing ? 0 : -ENOMEM;
    }
    if (rc != 0) {
        free(f);
        f = NULL;
    }
    if (err)
        *err = rc;
    return f;
}

/* The event that f was closed, for this G. */
static pth_event_t closed_event(struct gt_g *g, const struct gt_fd *f)
{
    g->closed = g->closed ? pth_event(PTH_EVENT_MSG | PTH_MODE_REUSE, g->closed, f->closing)
                          : pth_event(PTH_EVENT_MSG, f->closing);
    return g->closed;
}

/* One call of read (to) or send (from). Bytes, or negative errno. */
static int64_t transfer(struct gt_fd *f, void *to, const void *from, size_t n)
{
    struct gt_g *g = peer_self();
    pth_event_t closed = closed_event(g, f);
    if (f->closed)
        return -EBADF;
    f->inside++;
    enter(g, IN_FILE);
    int64_t r = to ? pth_read_ev(f->fd, to, n, closed)
                   : pth_send_ev(f->fd, from, n, MSG_NOSIGNAL, closed);
    if (r < 0 && !to && errno == ENOTSOCK)
        r = pth_write_ev(f->fd, from, n, closed);
    r = r < 0 ? -errno : r;
    back(g);
    f->inside--;
    return f->closed ? -EBADF : r;
}

static int64_t op_fd_read(struct gt_fd *f, void *buf, size_t n)
{
    int64_t r;
    while ((r = transfer(f, buf, NULL, n)) == -EINTR)
        ;
    return r;
}

static int64_t op_fd_write(struct gt_fd *f, const void *buf, size_t n)
{
    for (size_t done = 0; done < n;) {
        int64_t r = transfer(f, NULL, (const char *)buf + done, n - done);
        if (r < 0 && r != -EINTR)
            return r;
        done += r > 0 ? (size_t)r : 0;
    }
    return (int64_t)n;
}

static void op_fd_close(struct gt_fd *f)
{
    f->closed = true;
    pth_msgport_put(f->closing, &f->message);
    while (f->inside > 0)
        op_yield();
    (void)gt_os_close(f->fd);
    pth_msgport_destroy(f->closing);
    free(f);
}

const struct gt_runtime_ops gt_peer_pth = {
    .head = GT_PLUGIN_HEAD(GT_MAGIC_RUNTIME, struct gt_runtime_ops, "pth",
                           "GNU Pth: portable threads on one thread of the kernel; 1 P",
                           GT_RT_CHAN | GT_RT_NETPOLL | GT_RT_TIMERS | GT_RT_PARK),
    .create = op_create,
    .run = op_run,
    .interrupt = op_interrupt,
    .destroy = op_destroy,
    .stats = op_stats,
    .dump = op_dump,
    .go = op_go,
    .yield = op_yield,
    .exit = op_exit,
    .goid = op_goid,
    .self = peer_self,
    .park = op_park,
    .ready = peer_ready,
    .lock_thread = op_nothing, /* there is no other */
    .unlock_thread = op_nothing,
    .checkpoint = op_nothing,
    .runtime = op_runtime,
    .chan_new = peer_chan_new,
    .chan_free = peer_chan_free,
    .chan_send = peer_chan_send,
    .chan_recv = peer_chan_recv,
    .chan_try_send = peer_chan_try_send,
    .chan_try_recv = peer_chan_try_recv,
    .chan_close = peer_chan_close,
    .mutex_new = op_mutex_new,
    .mutex_free = op_mutex_free,
    .mutex_lock = op_mutex_lock,
    .mutex_unlock = op_mutex_unlock,
    .wg_new = peer_wg_new,
    .wg_free = peer_wg_free,
    .wg_add = peer_wg_add,
    .wg_done = peer_wg_done,
    .wg_wait = peer_wg_wait,
    .now = peer_now,
    .sleep = op_sleep,
    .timer_new = op_timer_new,
    .timer_start = peer_timer_start,
    .timer_stop = peer_timer_stop,
    .timer_free = peer_timer_free,
    .fd_open = op_fd_open,
    .fd_read = op_fd_read,
    .fd_write = op_fd_write,
    .fd_close = op_fd_close,
    .procs = op_procs,
    .gs_max = GS_MAX,
};
