/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of operations that workloads see, filled with the core's.
 *
 * What is not one call of the core stands here: park and ready with a permit, locking to
 * a thread, annotations.
 */
#include <errno.h>

#include "core/core.h"
#include "core/gc.h"
#include "core/host.h"
#include "core/run.h"
#include "core/sync.h"

static struct gt_runtime *self_rt(void)
{
    return gt_tls_m()->rt;
}

/* ---- goroutines ------------------------------------------------------------------- */
static void op_exit(void)
{
    struct gt_g *g = gt_m_g(gt_tls_m());
    if ((g->flags & GT_GF_EXTRA) || g->callback_depth > 0)
        gt_throw(self_rt(), "exit inside a callback: return from it instead");
    gt_exit();
}

static uint64_t op_goid(void)
{
    return gt_tls_m()->t.g->id;
}

static struct gt_g *op_self(void)
{
    return gt_m_g(gt_tls_m());
}

/*
 * permit: none, given, or the G is parked for it. The swaps decide who came first:
 *
 *      G parks                             M2: ready(G)
 *      Running -> Waiting
 *      cas(none -> parked)           |     cas(none -> given)
 *        failed: take it, go on              failed, parked: cas(parked -> none), ready
 */
enum { PERMIT_NONE, PERMIT_GIVEN, PERMIT_PARKED };

GT_OFTEN static void park_on_system(void *arg)
{
    struct gt_m *m = gt_on_system(arg);
    struct gt_g *g = gt_stop_to_wait(m);
    uint8_t none = PERMIT_NONE;
    if (gt_unlikely(!gt_cas_acq_rel(&g->permit, &none, PERMIT_PARKED))) { /* pair: permit */
        (void)gt_swap_acquire(&g->permit, PERMIT_NONE);                   /* pair: permit */
        gt_wait_not(m, g);
    }
    gt_next(m);
}

static void op_park(void)
{
    struct gt_m *m = gt_enter_op();
    struct gt_g *g = gt_m_g(m);
    if (gt_load_relaxed(&g->permit) == PERMIT_GIVEN &&
        gt_swap_acquire(&g->permit, PERMIT_NONE) == PERMIT_GIVEN) /* pair: permit */
        return;
    gt_set_wait_reason(g, GT_WAIT_PARK);
    gt_mcall_inline(gt_tls_m(), g, park_on_system);
}

static void op_ready(struct gt_g *g)
{
    uint8_t was = PERMIT_PARKED;
    for (;;) {
        uint8_t to = was == PERMIT_PARKED ? PERMIT_NONE : PERMIT_GIVEN;
        if (gt_cas_acq_rel(&g->permit, &was, to)) /* pair: permit */
            break;
    }
    if (was == PERMIT_PARKED) {
        struct gt_m *m = gt_pin();
        gt_ready_inline(m, g, true);
        gt_unpin(m);
    }
}

void gt_thread_lock(void)
{
    struct gt_m *m = gt_pin();
    struct gt_g *g = gt_m_g(m);
    if (g->lock_depth++ == 0 && !g->lockedm) {
        g->lockedm = m;
        gt_m_set_lockedg(m, g);
    }
    gt_unpin(m);
}

void gt_thread_unlock(void)
{
    struct gt_m *m = gt_pin();
    struct gt_g *g = gt_m_g(m);
    if (g->lock_depth > 0 && --g->lock_depth == 0 && !(g->flags & GT_GF_EXTRA)) {
        g->lockedm = NULL;
        gt_m_set_lockedg(m, NULL);
    }
    gt_unpin(m);
}

static void op_checkpoint(void)
{
    gt_checkpoint();
}

static void op_async_preempt(bool on)
{
    struct gt_m *m = gt_pin();
    gt_m_g(m)->async_ok = on;
    gt_store_relaxed(&gt_m_p(m)->async, on);
    gt_unpin(m);
}

/* ---- things that belong to the runtime of the calling G -------------------------------- */
static struct gt_chan *op_chan_new(size_t elem_size, size_t capacity)
{
    struct gt_m *m = gt_pin();
    struct gt_chan *c = gt_chan_new(m->rt, elem_size, capacity);
    gt_unpin(m);
    return c;
}

static void op_chan_free(struct gt_chan *c)
{
    struct gt_m *m = gt_pin();
    gt_chan_free(m->rt, c);
    gt_unpin(m);
}

static struct gt_mutex *op_mutex_new(void)
{
    struct gt_m *m = gt_pin();
    struct gt_mutex *mu = gt_mutex_new(m->rt);
    gt_unpin(m);
    return mu;
}

static void op_mutex_free(struct gt_mutex *mu)
{
    struct gt_m *m = gt_pin();
    gt_mutex_free(m->rt, mu);
    gt_unpin(m);
}

static struct gt_wg *op_wg_new(void)
{
    struct gt_m *m = gt_pin();
    struct gt_wg *w = gt_wg_new(m->rt);
    gt_unpin(m);
    return w;
}

static void op_wg_free(struct gt_wg *w)
{
    struct gt_m *m = gt_pin();
    gt_wg_free(m->rt, w);
    gt_unpin(m);
}

static int64_t op_now(void)
{
    return gt_nanotime();
}

static struct gt_timer *op_timer_new(gt_fn fn, void *arg)
{
    struct gt_m *m = gt_pin();
    struct gt_timer *t = gt_timer_new(m->rt, fn, arg);
    gt_unpin(m);
    return t;
}

static struct gt_fd *op_fd_open(int fd, int *err)
{
    struct gt_m *m = gt_pin();
    struct gt_fd *f = gt_fd_open(m->rt, fd, err);
    gt_unpin(m);
    return f;
}

/* ---- the world ----------------------------------------------------------------------------- */
static void op_stop_world(enum gt_world_kind kind)
{
    gt_checkpoint();
    gt_world_stop(self_rt(), kind);
}

static void op_start_world(void)
{
    gt_world_start(self_rt());
    gt_checkpoint();
}

static int32_t op_procs(void)
{
    return gt_load_relaxed(&self_rt()->procs);
}

static void op_expect_callbacks(struct gt_runtime *rt, int32_t delta)
{
    gt_lock(&rt->sched_lock);
    rt->expected_callbacks += delta;
    gt_check_deadlock(rt);
    gt_unlock(&rt->sched_lock);
}

/* ---- collected memory -------------------------------------------------------------------------- */
static int op_root_add(void *area, size_t bytes)
{
    struct gt_m *m = gt_enter_op();
    return gt_gc_root_add(m->rt, area, bytes);
}

static void op_root_remove(void *area)
{
    struct gt_m *m = gt_enter_op();
    gt_gc_root_remove(m->rt, area);
}

/* ---- annotations ------------------------------------------------------------------------------ */
/* Of a G that runs: inside a system call, or in a timer function, there is nothing that the
 * event could stand in. */
static bool annotates(const struct gt_m *m)
{
    return m->t.g && gt_status_of(gt_load_relaxed(&m->t.g->status)) == GT_G_RUNNING;
}

#define ANNOTATE(op, ...)                                                                          \
    do {                                                                                           \
        struct gt_m *m = gt_tls_m();                                                               \
        gt_tok tok = gt_trace_acquire(m);                                                          \
        if (gt_tok_on(tok) && annotates(m))                                                        \
            GT_EMIT(m, tok, op, __VA_ARGS__);                                                      \
        gt_trace_release(m, tok);                                                                  \
    } while (0)

static uint64_t op_task_begin(uint64_t parent, const char *name)
{
    uint64_t id = gt_add_relaxed(&self_rt()->task_ids, 1u) + 1;
    ANNOTATE(user_task_begin, id, parent, name);
    return id;
}

static void op_task_end(uint64_t id)
{
    ANNOTATE(user_task_end, id);
}

static void op_region_begin(uint64_t task, const char *name)
{
    ANNOTATE(user_region, task, name, true);
}

static void op_region_end(uint64_t task, const char *name)
{
    ANNOTATE(user_region, task, name, false);
}

static void op_log(uint64_t task, const char *key, const char *value)
{
    ANNOTATE(user_log, task, key, value);
}

static void op_label(const char *label)
{
    ANNOTATE(go_label, label);
}

/* ---- tracing ------------------------------------------------------------------------------------- */
/* The calling G is not stopped by signal from here on. What it was. */
static bool no_signals(void)
{
    bool was = gt_m_g(gt_tls_m())->async_ok;
    op_async_preempt(false);
    return was;
}

/* A bound tracer that the runtime was not created with stays off (core/bound.h). */
static bool has_tracer(const struct gt_runtime *rt)
{
    return !(rt->config.tracer->head.flags & GT_TRACER_NULL);
}

static int op_trace_start(const struct gt_trace_options *o)
{
    struct gt_runtime *rt = self_rt();
    if (!gt_tracer(rt)->start || !has_tracer(rt))
        return -ENOTSUP;
    bool async = no_signals(); /* it may hold the tracer's locks */
    int rc = gt_tracer(rt)->start(rt->tracer_state, o);
    op_async_preempt(async);
    return rc;
}

static int op_trace_stop(void)
{
    struct gt_runtime *rt = self_rt();
    if (!gt_tracer(rt)->stop || !has_tracer(rt))
        return -ENOTSUP;
    bool async = no_signals();
    int rc = gt_tracer(rt)->stop(rt->tracer_state);
    op_async_preempt(async);
    return rc;
}

#define GMP_FLAGS                                                                                  \
    (GT_RT_CHAN | GT_RT_SYSCALL | GT_RT_NETPOLL | GT_RT_TIMERS | GT_RT_PROCS | GT_RT_WORLD |       \
     GT_RT_CALLBACK | GT_RT_CORO | GT_RT_TRACE | GT_RT_GC | GT_RT_PREEMPT | GT_RT_PARK |      \
     GT_RT_PLUGINS)

#if GT_FUSED
#define GMP_NAME "gmp-fused"
#define GMP_TEXT_(x) #x
#define GMP_TEXT(x) GMP_TEXT_(x)
#define GMP_SCHEDULER GMP_TEXT(GT_FUSED_SCHEDULER)
#define GMP_TRACER GMP_TEXT(GT_FUSED_TRACER)
#define GMP_SUMMARY "gmp with one scheduler and one tracer compiled in: the price of the vtables"
#else
#define GMP_NAME "gmp"
#define GMP_SCHEDULER NULL
#define GMP_TRACER NULL
#define GMP_SUMMARY "the core: Go's G-M-P with a scheduler and a tracer plugged in"
#endif

const struct gt_runtime_ops gt_gmp = {
    .head = GT_PLUGIN_HEAD(GT_MAGIC_RUNTIME, struct gt_runtime_ops, GMP_NAME, GMP_SUMMARY,
                           GMP_FLAGS),
    .create = gt_runtime_create,
    .run = gt_runtime_run,
    .interrupt = gt_runtime_interrupt,
    .destroy = gt_runtime_destroy,
    .stats = gt_runtime_stats,
    .dump = gt_dump_named,
    .go = gt_go,
    .yield = gt_yield,
    .exit = op_exit,
    .goid = op_goid,
    .self = op_self,
    .park = op_park,
    .ready = op_ready,
    .lock_thread = gt_thread_lock,
    .unlock_thread = gt_thread_unlock,
    .checkpoint = op_checkpoint,
    .async_preempt = op_async_preempt,
    .runtime = self_rt,
    .chan_new = op_chan_new,
    .chan_free = op_chan_free,
    .chan_send = gt_chan_send,
    .chan_recv = gt_chan_recv,
    .chan_try_send = gt_chan_try_send,
    .chan_try_recv = gt_chan_try_recv,
    .chan_close = gt_chan_close,
    .select = gt_select,
    .mutex_new = op_mutex_new,
    .mutex_free = op_mutex_free,
    .mutex_lock = gt_mutex_lock,
    .mutex_unlock = gt_mutex_unlock,
    .wg_new = op_wg_new,
    .wg_free = op_wg_free,
    .wg_add = gt_wg_add,
    .wg_done = gt_wg_done,
    .wg_wait = gt_wg_wait,
    .now = op_now,
    .sleep = gt_sleep,
    .timer_new = op_timer_new,
    .timer_start = gt_timer_start,
    .timer_stop = gt_timer_stop,
    .timer_free = gt_timer_free,
    .syscall_enter = gt_syscall_enter,
    .syscall_enter_blocking = gt_syscall_enter_blocking,
    .syscall_exit = gt_syscall_exit,
    .fd_open = op_fd_open,
    .fd_read = gt_fd_read,
    .fd_write = gt_fd_write,
    .fd_close = gt_fd_close,
    .stop_world = op_stop_world,
    .start_world = op_start_world,
    .set_procs = gt_set_procs,
    .procs = op_procs,
    .gc_alloc = gt_gc_alloc,
    .gc_store = gt_gc_store,
    .gc_root_add = op_root_add,
    .gc_root_remove = op_root_remove,
    .gc = gt_gc_collect,
    .gc_stats = gt_gc_stats,
    .callback = gt_callback,
    .expect_callbacks = op_expect_callbacks,
    .coro_new = gt_coro_new,
    .coro_switch = gt_coro_switch,
    .coro_free = gt_coro_free,
    .task_begin = op_task_begin,
    .task_end = op_task_end,
    .region_begin = op_region_begin,
    .region_end = op_region_end,
    .log = op_log,
    .label = op_label,
    .trace_start = op_trace_start,
    .trace_stop = op_trace_stop,
    .scheduler = GMP_SCHEDULER,
    .tracer = GMP_TRACER,
};
