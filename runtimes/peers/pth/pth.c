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
#include <stdlib.h>

#include "peers/pth/peer.inc"

#define GS_MAX 512 /* each switch looks at every G that waits: with thousands nothing moves */

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

void gt_pth_g_free(struct gt_g *g)
{
    g->next = g->rt->free;
    g->rt->free = g;
}

static void g_end(struct gt_g *g)
{
    struct gt_runtime *rt = g->rt;
    gt_pth_count_up(&rt->exited);
    rt->living--;
    gt_store_relaxed(&g->alive, 0u);
    if (g->first)
        pth_msgport_put(rt->first_done, &rt->first_message);
    gt_pth_g_free(g);
}

static void *g_main(void *arg)
{
    struct gt_g *g = arg;
    gt_pth_back(g);
    g->fn(g->arg);
    g_end(g);
    return NULL;
}

int gt_pth_g_start(struct gt_runtime *rt, gt_fn fn, void *arg, bool first)
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
        gt_pth_count_up(&rt->spawned);
        rt->living++;
        return 0;
    }
    int rc = errno == ENOMEM ? -ENOMEM : -EAGAIN;
    gt_store_relaxed(&g->alive, 0u);
    gt_pth_g_free(g);
    return rc;
}

/* ---- goroutines ------------------------------------------------------------------------------- */
static int op_go(gt_fn fn, void *arg)
{
    return gt_pth_g_start(gt_pth_the, fn, arg, false);
}

void gt_pth_yield(void)
{
    struct gt_g *g = peer_self();
    pth_yield(NULL);
    gt_pth_back(g);
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
    return gt_pth_the;
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
    gt_pth_enter(g, IN_MUTEX);
    pth_mutex_acquire(&m->m, FALSE, NULL);
    gt_pth_back(g);
}

static void op_mutex_unlock(struct gt_mutex *m)
{
    pth_mutex_release(&m->m);
}

/* ---- time ------------------------------------------------------------------------------------------ */
#define US_PER_S 1000000

/* Rounded up: not a microsecond early. */
static int64_t us_up(int64_t ns)
{
    return ns > 0 ? (ns + 999) / 1000 : 0;
}

static void op_sleep(int64_t ns)
{
    struct gt_g *g = peer_self();
    int64_t until = gt_nanotime() + (ns > 0 ? ns : 0), left = ns;
    gt_pth_enter(g, IN_TIME);
    do {
        int64_t us = us_up(left);
        if (us > 0)
            pth_nap(pth_time((long)(us / US_PER_S), (long)(us % US_PER_S)));
        else
            pth_yield(NULL);
        left = until - gt_nanotime(); /* Pth goes by the time of day */
    } while (left > 0);
    gt_pth_back(g);
}

/* Until the next is due, or a kick. */
static void wait_for_next(struct gt_runtime *rt, int64_t next)
{
    pth_event_t due = NULL;
    if (next != PEER_NEVER) {
        int64_t us = us_up(next - gt_nanotime());
        due = pth_event(PTH_EVENT_TIME, pth_timeout((long)(us / US_PER_S), (long)(us % US_PER_S)));
        if (due)
            pth_event_concat(rt->kick_event, due, NULL);
    }
    pth_wait(rt->kick_event);
    gt_pth_back(NULL);
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
        gt_pth_back(NULL);
        wait_for_next(rt, peer_timers_run(&rt->timers));
    }
    return NULL;
}

static struct gt_timer *op_timer_new(gt_fn fn, void *arg)
{
    struct gt_runtime *rt = gt_pth_the;
    if (!rt->has_timers) {
        if (!rt->kick_event)
            rt->kick_event = pth_event(PTH_EVENT_MSG, rt->kick);
        rt->has_timers = rt->kick_event && pth_spawn(rt->attr, timers_main, rt);
    }
    return rt->has_timers ? peer_timer_new(&rt->timers, fn, arg) : NULL;
}

const struct gt_runtime_ops gt_peer_pth = {
    .head = GT_PLUGIN_HEAD(GT_MAGIC_RUNTIME, struct gt_runtime_ops, "pth",
                           "GNU Pth: portable threads on one thread of the kernel; 1 P",
                           GT_RT_CHAN | GT_RT_NETPOLL | GT_RT_TIMERS | GT_RT_PARK),
    .create = gt_pth_create,
    .run = gt_pth_run,
    .interrupt = gt_pth_interrupt,
    .destroy = gt_pth_destroy,
    .stats = gt_pth_stats,
    .dump = gt_pth_dump,
    .go = op_go,
    .yield = gt_pth_yield,
    .exit = op_exit,
    .goid = op_goid,
    .self = peer_self,
    .park = op_park,
    .lock_thread = op_nothing, /* there is no other */
    .unlock_thread = op_nothing,
    .checkpoint = op_nothing,
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
    .fd_open = gt_pth_fd_open,
    .fd_read = gt_pth_fd_read,
    .fd_write = gt_pth_fd_write,
    .fd_close = gt_pth_fd_close,
    .procs = op_procs,
    .gs_max = GS_MAX,
};
