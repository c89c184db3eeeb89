/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A runtime from create to destroy, and one run of it.
 *
 * Invariants:
 *   I1 All mutable state hangs off struct gt_runtime; its memory comes from its arena.
 *      Several runtimes live in one process without knowing of each other.
 *   I2 A run ends through a G that stops the world and never starts it again: the main G,
 *      or a closer that the thread in run() spawns (interrupt, deadlock). The world
 *      semaphore lets one of them through.
 *   I3 After that no G runs; Ms leave as they wake: parked ones are woken, those in a
 *      system call or callback leave when it ends. Only then are Gs dropped and the state
 *      reset, so that run may be called again.
 * Progress: I3 waits for Ms in system calls; after LEAVE_NS it gives up, says who, and the
 * runtime may not be used again.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/core.h"
#include "core/gc.h"
#include "core/host.h"
#include "core/symbols.h"
#include "core/sync.h"
#include "gauntlet/fault.h"

#define LEAVE_NS (10 * GT_NS_PER_S)
#define STACK_LEAST 8192u /* room to run: frames, a signal, the colour of the stack */
#define WATCHDOG_NS (10 * GT_NS_PER_S)

void gt_config_init(struct gt_config *c)
{
    memset(c, 0, sizeof *c);
    c->procs = 1;
    c->max_ms = GT_MS_DEFAULT;
    c->stack_size = GT_STACK_DEFAULT;
    c->seed = 1;
    c->watchdog_ns = WATCHDOG_NS;
}

/* ---- planted faults ------------------------------------------------------------------ */
/* -EINVAL: no such fault (the line lists them); -ENOTSUP: this build has none. */
static int set_fault(struct gt_runtime *rt, const char *name, char *err, size_t n)
{
    const struct gt_fault_info *f;
    for (uint32_t i = 0; name && (f = gt_fault_info(i)) != NULL; i++)
        if (strcmp(f->name, name) == 0) {
            gt_store_relaxed(&rt->fault, i + 1u);
            if (GT_FAULTS && GT_ORACLE)
                return 0;
            snprintf(err, n, "fault '%s' is not in this build: use the oracle program of the preset "
                             "'faults'", name);
            return -ENOTSUP;
        }
    if (!name)
        return 0;
    size_t k = (size_t)snprintf(err, n, "no fault is called '%s'; there are:", name);
    for (uint32_t i = 0; (f = gt_fault_info(i)) != NULL && k < n; i++)
        k += (size_t)snprintf(err + k, n - k, " %s", f->name);
    return -EINVAL;
}

/* -EINVAL: no such level; -ENOTSUP: this build disturbs nobody. */
static int set_perturb(struct gt_runtime *rt, char *err, size_t n)
{
    uint32_t level = rt->config.perturb;
    if (level >= GT_PERTURB_LEVELS) {
        snprintf(err, n, "perturb is %u; it must be 0 (off) to %d (%s)", level, GT_PERTURB_LEVELS - 1,
                 gt_perturb_level_name(GT_PERTURB_LEVELS - 1));
        return -EINVAL;
    }
#if GT_ORACLE
    gt_perturb_begin(rt);
#else
    if (level != GT_PERTURB_OFF) {
        snprintf(err, n, "perturb is %s, but this build has no points: use the oracle program",
                 gt_perturb_level_name(level));
        return -ENOTSUP;
    }
#endif
    return 0;
}

/* ---- create ------------------------------------------------------------------------- */
static int fail(char *err, size_t n, int rc, const char *what)
{
    if (err[0] == '\0')
        snprintf(err, n, "%s: %s", what, strerror(-rc));
    return rc;
}

#if GT_FUSED
/* Is `head` this program's own plugin of that name? Another table of the name is another plugin. */
static bool is_builtin(const struct gt_plugin_head *head, uint32_t magic, const char *name)
{
    const struct gt_plugin_head *h;
    for (size_t i = 0; (h = gt_plugin_builtin(magic, i)) != NULL; i++)
        if (h == head)
            return strcmp(h->name, name) == 0;
    return false;
}

/* core/bound.h: the tables of c are those of the other core in this program, or the null tracer. */
static int check_bound(const struct gt_config *c, char *err, size_t n)
{
    const char *scheduler = GT_BOUND_SCHEDULER.head.name, *tracer = GT_BOUND_TRACER.head.name;
    if (is_builtin(&c->scheduler->head, GT_MAGIC_SCHEDULER, scheduler) &&
        ((c->tracer->head.flags & GT_TRACER_NULL) ||
         is_builtin(&c->tracer->head, GT_MAGIC_TRACER, tracer)))
        return 0;
    snprintf(err, n, "%s has the scheduler %s and the tracer %s bound into it and runs no other: "
                     "use these, the tracer none, or the runtime gmp",
             gt_gmp.head.name, scheduler, tracer);
    return -ENOTSUP;
}
#else
static int check_bound(const struct gt_config *c, char *err, size_t n)
{
    (void)c, (void)err, (void)n;
    return 0;
}
#endif

static int check_config(const struct gt_config *c, char *err, size_t n)
{
    if (!c->scheduler || !c->tracer) {
        snprintf(err, n, "a runtime needs a scheduler and a tracer");
        return -EINVAL;
    }
    if (c->procs < 1 || c->procs > GT_PROCS_MAX) {
        snprintf(err, n, "procs is %d; it must be 1 to %d", c->procs, GT_PROCS_MAX);
        return -EINVAL;
    }
    int rc = gt_plugin_check(&c->scheduler->head, GT_MAGIC_SCHEDULER, err, n);
    if (rc == 0)
        rc = gt_plugin_check(&c->tracer->head, GT_MAGIC_TRACER, err, n);
    return rc ? rc : check_bound(c, err, n);
}

/* Places for as many Ps as the binding can give; at least those asked for. */
static int make_places(struct gt_runtime *rt, char *err, size_t n)
{
    const struct gt_config *c = &rt->config;
    bool counted = c->bind == GT_BIND_PU || c->bind == GT_BIND_CORE;
    int32_t want = counted ? gt_topo_cpus(rt->topo) : GT_PROCS_MAX;
    if (want < c->procs)
        want = c->procs;
    rt->places = gt_alloc(rt->arena, GT_PROCS_MAX * sizeof *rt->places, -1);
    if (!rt->places)
        return -ENOMEM;
    int rc = gt_topo_place(rt->topo, want, c->bind, rt->places, err, n);
    if (rc == -ENOSPC && want > c->procs) {
        want = c->procs;
        err[0] = '\0';
        rc = gt_topo_place(rt->topo, want, c->bind, rt->places, err, n);
    }
    rt->n_places = want;
    return rc;
}

static int make_states(struct gt_runtime *rt)
{
    int32_t nodes = gt_topo_nodes(rt->topo);
    rt->sched_state = gt_alloc(rt->arena, gt_sched(rt)->runtime_state + 1u, -1);
    rt->tracer_state = gt_alloc(rt->arena, gt_tracer(rt)->runtime_state + 1u, -1);
    rt->node_state = gt_alloc(rt->arena, (size_t)nodes * sizeof(void *), -1);
    rt->gfree = gt_alloc(rt->arena, (size_t)nodes * sizeof *rt->gfree, -1);
    if (!rt->sched_state || !rt->tracer_state || !rt->node_state || !rt->gfree)
        return -ENOMEM;
    for (int32_t i = 0; i < nodes; i++) {
        rt->node_state[i] = gt_alloc(rt->arena, gt_sched(rt)->node_state + 1u, i);
        if (!rt->node_state[i])
            return -ENOMEM;
    }
    return 0;
}

static void init_locks(struct gt_runtime *rt)
{
    gt_lock_init(&rt->sched_lock, GT_RANK_SCHED);
    gt_lock_init(&rt->sysmon_lock, GT_RANK_SYSMON);
    gt_lock_init(&rt->allg_lock, GT_RANK_ALLG);
    gt_lock_init(&rt->gfree_lock, GT_RANK_GFREE);
    gt_lock_init(&rt->extra_lock, GT_RANK_EXTRA);
}

static int init_plugins(struct gt_runtime *rt, char *err, size_t n)
{
    gt_host_init(rt);
    int rc = gt_sched(rt)->init(rt->sched_state, &rt->sched_host);
    if (rc != 0)
        return fail(err, n, rc, gt_sched(rt)->head.name);
    rt->sched_ready = true;
    rc = gt_tracer(rt)->init ? gt_tracer(rt)->init(rt->tracer_state, &rt->tracer_host) : 0;
    if (rc != 0)
        return fail(err, n, rc, gt_tracer(rt)->head.name);
    rt->tracer_ready = true;
    return 0;
}

static int init_rest(struct gt_runtime *rt, char *err, size_t n)
{
    struct gt_stacks_options so = {.size = rt->config.stack_size};
    size_t least = sizeof(struct gt_g) + gt_sched(rt)->g_state + gt_tracer(rt)->g_state + STACK_LEAST;
    if (so.size != 0 && so.size < least) {
        snprintf(err, n, "stack_size is %zu; it must be at least %zu (the struct of the G and its "
                         "plugins' state stand on it)", so.size, least);
        return -EINVAL;
    }
    int rc = make_places(rt, err, n);
    if (rc != 0)
        return fail(err, n, rc, "placing Ps");
    rc = make_states(rt);
    if (rc != 0)
        return fail(err, n, rc, "plugin states");
    rc = gt_stacks_create(rt->arena, rt->topo, &so, &rt->stacks, err, n);
    if (rc != 0)
        return fail(err, n, rc, "stacks");
    rt->world_sema = gt_mutex_new(rt);
    rt->boot_m = gt_m_alloc(rt);
    rt->sysmon_m = gt_m_alloc(rt);
    if (!rt->world_sema || !rt->boot_m || !rt->sysmon_m)
        return fail(err, n, -ENOMEM, "runtime");
    rt->boot_m->gone = true;
    rc = gt_preempt_init();
    if (rc != 0)
        return fail(err, n, rc, "signals");
    rt->signals_ready = true;
    rc = gt_gc_create(rt, &rt->config.gc);
    if (rc != 0)
        return fail(err, n, rc, "collector");
    rc = init_plugins(rt, err, n);
    if (rc != 0)
        return rc;
    gt_store_relaxed(&rt->last_poll, gt_nanotime());
    rc = gt_procs_first(rt);
    return rc == 0 ? 0 : fail(err, n, rc, "Ps");
}

int gt_runtime_create(const struct gt_config *c, struct gt_runtime **out, char *err, size_t n)
{
    struct gt_topo *topo = NULL;
    struct gt_arena *arena = NULL;
    err[0] = '\0';
    *out = NULL;
    int rc = check_config(c, err, n);
    if (rc != 0)
        return rc;
    rc = gt_topo_create(c->topology, &topo, err, n);
    if (rc != 0)
        return rc;
    rc = gt_arena_create(c->alloc, topo, &arena, err, n);
    if (rc != 0) {
        gt_topo_destroy(topo);
        return rc;
    }
    struct gt_runtime *rt = gt_alloc(arena, sizeof *rt, -1);
    if (!rt) {
        gt_arena_destroy(arena);
        gt_topo_destroy(topo);
        return fail(err, n, -ENOMEM, "runtime");
    }
    rt->config = *c;
    if (rt->config.max_ms <= 0)
        rt->config.max_ms = GT_MS_DEFAULT;
    if (rt->config.watchdog_ns <= 0)
        rt->config.watchdog_ns = WATCHDOG_NS;
    rt->sched = GT_FUSED ? gt_sched(rt) : c->scheduler;
    rt->tracer = GT_FUSED ? gt_tracer(rt) : c->tracer;
    rt->syscalls = c->syscalls;
    rt->topo = topo;
    rt->arena = arena;
    rt->asym = !GT_TSAN && gt_os_membarrier() == 0;
    rt->core_sections =
        (gt_tracer(rt)->head.flags & GT_TRACER_CORE_SECTIONS) && gt_os_membarrier() == 0;
    init_locks(rt);
    rc = set_fault(rt, c->fault, err, n);
    if (rc == 0)
        rc = set_perturb(rt, err, n);
    if (rc == 0)
        rc = init_rest(rt, err, n);
    if (rc != 0)
        gt_runtime_destroy(rt);
    else
        *out = rt;
    return rc;
}

/* ---- destroy -------------------------------------------------------------------------- */
/* Stacks that Gs hold are theirs to sign off with the sanitizers. */
static void destroy_gs(struct gt_runtime *rt)
{
    for (struct gt_g *g = rt->all_gs, *next; g; g = next) {
        next = g->all_next;
        gt_fiber_destroy(&g->stack.fiber);
    }
}

static void destroy_ps(struct gt_runtime *rt)
{
    for (int32_t i = 0; i < gt_load_relaxed(&rt->allp_len); i++) {
        struct gt_p *p = gt_load_relaxed(&rt->allp[i]);
        gt_timers_fini(p);
        if (gt_sched(rt)->p_fini)
            gt_sched(rt)->p_fini(rt->sched_state, &p->t);
    }
}

/* rt's memory goes next. */
static void tell_violations(const struct gt_runtime *rt)
{
    for (int i = 0; rt->config.broken && i < GT_VIOLATIONS; i++)
        rt->config.broken[i] += gt_load_relaxed(&rt->violations_by[i]);
}

void gt_runtime_destroy(struct gt_runtime *rt)
{
    struct gt_arena *arena = rt->arena;
    struct gt_topo *topo = rt->topo;
    if (rt->unusable) {
        tell_violations(rt);
        return; /* threads are still inside: leaked, and said so */
    }
    gt_netpoll_fini(rt);
    gt_gc_destroy(rt);
    if (rt->sched_ready) {
        destroy_ps(rt);
        gt_sched(rt)->fini(rt->sched_state);
    }
    if (rt->tracer_ready && gt_tracer(rt)->fini)
        gt_tracer(rt)->fini(rt->tracer_state);
    if (rt->signals_ready)
        gt_preempt_fini();
#if GT_ORACLE
    gt_journal_free(rt);
#endif
    destroy_gs(rt);
    gt_profile_fini(rt);
    gt_symbols_fini(rt);
    tell_violations(rt);
    gt_stacks_destroy(rt->stacks);
    gt_arena_destroy(arena);
    gt_topo_destroy(topo);
}

/* ---- the end of a run: I2 ----------------------------------------------------------------- */
/* System stack of the M whose G stopped the world for good. */
static void close_on_system(void *arg)
{
    struct gt_m *m = arg;
    gt_fiber_switch_end(&m->sys_fiber);
    struct gt_g *g = gt_m_g(m);
    struct gt_p *p = gt_m_p(m);
    gt_tok tok = gt_trace_acquire(m);
    GT_EMIT(m, tok, go_destroy);
    gt_store_relaxed(&g->m, NULL);
    gt_g_from_running(m, g, tok, GT_G_DEAD);
    m->t.g = NULL;
    gt_trace_release(m, tok);
    gt_g_bury(m, g);
    m->lockedg = NULL;
    m->t.p = NULL;
    gt_store_release(&p->m, NULL); /* pair: p-owner */
    gt_unpin(m); /* of the world stop */
    gt_store_release(&m->rt->closed, 1u); /* pair: closed */
    gt_note_wake(&m->rt->done);
    gt_m_exit(m);
}

GT_NORETURN static void close_run(struct gt_runtime *rt, int status)
{
    gt_world_stop(rt, GT_WORLD_EXIT);
    int32_t going = 1;
    (void)gt_cas_acq_rel(&rt->run_status, &going, status); /* pair: run-status */
    gt_mcall_last(close_on_system);
}

static void main_entry(void *arg)
{
    struct gt_runtime *rt = arg;
    gt_lock(&rt->sched_lock);
    rt->begun = true;
    gt_unlock(&rt->sched_lock);
    rt->main_fn(rt->main_arg);
    close_run(rt, 0);
}

static void closer_entry(void *arg)
{
    close_run(arg, -EINTR);
}

/* ---- one run -------------------------------------------------------------------------------- */
static int start_sysmon(struct gt_runtime *rt)
{
    int rc = gt_thread_start(&rt->sysmon_thread, gt_sysmon_main, rt->sysmon_m, 128u * 1024u);
    rt->sysmon_started = rc == 0;
    return rc;
}

static void reset_for_run(struct gt_runtime *rt)
{
    gt_store_relaxed(&rt->run_status, 1);
    gt_store_relaxed(&rt->closed, 0u);
    gt_store_relaxed(&rt->exiting, 0u);
    rt->deadlocked = false;
    rt->begun = false;
    gt_note_clear(&rt->done);
}

/* The thread in run() waits for the end, and helps it along where no G would. */
static void wait_closed(struct gt_runtime *rt)
{
    bool helped = false;
    bool ended = gt_load_relaxed(&rt->interrupted) != 0;
    while (gt_load_acquire(&rt->closed) == 0) { /* pair: closed */
        /* With no memory for the closer it is tried again. */
        gt_note_sleep(&rt->done, ended && !helped ? GT_NS_PER_MS : -1);
        gt_note_clear(&rt->done);
        ended = gt_load_acquire(&rt->run_status) != 1 || /* pair: run-status */
                     gt_load_relaxed(&rt->interrupted) != 0;
        if (gt_load_acquire(&rt->closed) == 0 && ended && !helped) /* pair: closed */
            helped = gt_spawn(rt, closer_entry, rt, GT_GF_SYSTEM, 0, NULL) == 0;
    }
}

static void wake_everyone(struct gt_runtime *rt)
{
    gt_lock(&rt->sched_lock);
    gt_store_release(&rt->exiting, 1u); /* pair: exiting */
    rt->sysmon_waits = false;
    gt_note_wake(&rt->sysmon_note);
    for (struct gt_m *m = rt->all_ms; m; m = m->all_next)
        if (!m->gone)
            gt_note_wake(&m->park);
    gt_unlock(&rt->sched_lock);
    gt_netpoll_break(rt);
}

static bool all_left(struct gt_runtime *rt)
{
    gt_lock(&rt->sched_lock);
    bool left = rt->n_ms == 0 && rt->in_callback == 0;
    gt_unlock(&rt->sched_lock);
    return left;
}

/* I3. false: some M does not come back. */
static bool wait_all_left(struct gt_runtime *rt)
{
    int64_t give_up = gt_nanotime() + LEAVE_NS;
    wake_everyone(rt); /* sysmon too, when no M is left to wait for */
    while (!all_left(rt)) {
        wake_everyone(rt);
        gt_note_sleep(&rt->done, GT_NS_PER_MS);
        gt_note_clear(&rt->done);
        if (gt_nanotime() > give_up)
            return false;
    }
    return true;
}

static void join_threads(struct gt_runtime *rt)
{
    /* Sysmon first: it may still be starting an M. */
    if (rt->sysmon_started)
        gt_thread_join(&rt->sysmon_thread);
    rt->sysmon_started = false;
    gt_lock(&rt->sched_lock);
    struct gt_m *m = rt->all_ms;
    gt_unlock(&rt->sched_lock);
    for (; m; m = m->all_next) {
        if (!m->has_thread)
            continue;
        gt_thread_join(&m->thread);
        m->has_thread = false;
    }
}

/* No M runs: Gs that were left where they stood end here. */
static void drop_gs(struct gt_runtime *rt)
{
    struct gt_tasks left = {0};
    for (int32_t i = 0; i < gt_load_relaxed(&rt->allp_len); i++)
        gt_sched(rt)->drain(rt->sched_state, &gt_load_relaxed(&rt->allp[i])->t, &left);
    gt_sched(rt)->drain_shared(rt->sched_state, &left);
    for (struct gt_g *g = rt->all_gs; g; g = g->all_next) {
        uint64_t w = gt_load_relaxed(&g->t.status);
        if (gt_status_of(w) == GT_G_DEAD)
            continue;
        w = ((w & ~(GT_STATUS_VERSION_ONE - 1)) | GT_G_DEAD) + GT_STATUS_VERSION_ONE;
        gt_store_relaxed(&g->t.status, w);
        gt_store_relaxed(&g->m, NULL);
        g->lockedm = NULL;
        g->lock_depth = 0;
        g->callback_depth = 0;
        g->gc_assisting = false;
        g->gc_credit = 0;
        gt_fiber_reset(&g->stack.fiber);
        rt->dropped++;
        if (gt_tracer(rt)->g_dies)
            gt_tracer(rt)->g_dies(rt->tracer_state, &g->t);
        if (!(g->flags & GT_GF_EXTRA))
            gt_g_free(rt->boot_m, g);
    }
}

static void reset_ps(struct gt_runtime *rt)
{
    gt_lock(&rt->sched_lock);
    memset(rt->idle_mask, 0, sizeof rt->idle_mask);
    gt_store_relaxed(&rt->idle_ps, 0);
    for (int32_t i = 0; i < gt_load_relaxed(&rt->allp_len); i++) {
        struct gt_p *p = gt_load_relaxed(&rt->allp[i]);
        gt_timers_reset(p);
        gt_store_relaxed(&p->m, NULL);
        gt_store_relaxed(&p->sysg, NULL);
        gt_store_relaxed(&p->preempt, 0u);
        gt_store_relaxed(&p->safe_fn, 0u);
        if (gt_p_status(p) == GT_P_DEAD)
            continue;
        gt_p_set(rt->boot_m, p, gt_tok_none(), GT_P_IDLE);
        gt_p_idle_put(rt, p);
    }
    gt_unlock(&rt->sched_lock);
}

static void reset_after_run(struct gt_runtime *rt)
{
    drop_gs(rt);
    gt_gc_run_ended(rt);
    reset_ps(rt);
    gt_netpoll_reset(rt);
    gt_store_relaxed(&rt->stopping, 0u);
    gt_store_relaxed(&rt->spinning, 0);
    gt_store_relaxed(&rt->n_timers, 0);
    gt_store_relaxed(&rt->poll_waiters, 0);
    gt_store_relaxed(&rt->last_poll, gt_nanotime());
    gt_store_relaxed(&rt->reader, NULL);
    gt_store_relaxed(&rt->loop_hint, 0u);
    for (size_t i = 0; i < sizeof rt->alarm / sizeof *rt->alarm; i++)
        gt_store_relaxed(&rt->alarm[i].at, 0);
    gt_profile_stop(rt);
    gt_journal_epoch(rt, false);
    gt_store_relaxed(&rt->trace_on, 0u);
    if (gt_tracer(rt)->run_ended) /* also when the trace is off: a G may have been in start or stop */
        gt_tracer(rt)->run_ended(rt->tracer_state);
    rt->idle_ms = NULL;
    rt->n_idle_ms = rt->n_locked_idle = rt->stop_wait = 0;
    gt_mutex_init(rt->world_sema);
}

static int leave_unusable(struct gt_runtime *rt)
{
    rt->unusable = true;
    gt_lock(&rt->sched_lock); /* they may come back even now */
    int32_t ms = rt->n_ms, callbacks = rt->in_callback;
    gt_unlock(&rt->sched_lock);
    gt_warn(rt, "%d threads and %d callbacks did not come back from system calls within %lld s; "
                "the runtime is left behind", ms, callbacks, (long long)(LEAVE_NS / GT_NS_PER_S));
    gt_dump(rt, 2);
    return -ETIMEDOUT;
}

/*
 * Lets callbacks in, then makes the first G: it may call for them at once. Until it is
 * there the bias keeps a callback that comes and goes from being taken for a deadlock.
 */
static void open_run(struct gt_runtime *rt)
{
    gt_lock(&rt->sched_lock);
    rt->open = true;
    rt->in_callback++;
    gt_unlock(&rt->sched_lock);
}

/* false: no memory for the first G or no thread to run it. It may have run already, and the
 * last thread have ended after it with none to be had. */
static bool begin(struct gt_runtime *rt, uintptr_t caller)
{
    open_run(rt);
    uint64_t failures = gt_load_relaxed(&rt->count.thread_failures);
    int rc = gt_spawn(rt, main_entry, rt, GT_GF_MAIN, caller, &rt->main_g);
    bool no_thread = gt_load_relaxed(&rt->count.thread_failures) != failures;
    gt_lock(&rt->sched_lock);
    rt->in_callback--;
    bool begun = rc == 0 && (rt->begun || rt->n_ms > 0 || !no_thread);
    if (!begun) {
        gt_store_relaxed(&rt->exiting, 1u); /* sysmon starts no M for it either */
        gt_store_relaxed(&rt->run_status, rc != 0 ? rc : -EAGAIN);
    } else {
        gt_check_deadlock(rt); /* all may have parked already */
    }
    gt_unlock(&rt->sched_lock);
    return begun;
}

static int run_once(struct gt_runtime *rt, uintptr_t caller)
{
    int rc = start_sysmon(rt);
    if (rc != 0)
        return rc;
    if (begin(rt, caller))
        wait_closed(rt);
    gt_lock(&rt->sched_lock);
    rt->open = false;
    gt_unlock(&rt->sched_lock);
    if (!wait_all_left(rt))
        return leave_unusable(rt);
    join_threads(rt);
    reset_after_run(rt);
    return gt_load_relaxed(&rt->run_status);
}

int gt_runtime_run(struct gt_runtime *rt, gt_fn fn, void *arg)
{
    if (rt->unusable)
        return -EINVAL;
    struct gt_m *outer = gt_tls_m(); /* a run inside a run of another runtime */
    reset_for_run(rt);
    rt->main_fn = fn;
    rt->main_arg = arg;
    gt_m_renew(rt->boot_m); /* run may be called on another thread, sysmon's is a new one */
    gt_m_renew(rt->sysmon_m);
    gt_m_init_thread(rt->boot_m);
    int rc = run_once(rt, (uintptr_t)__builtin_return_address(0));
    gt_m_fini_thread(rt->boot_m);
    gt_tls_set_m(outer);
    gt_store_relaxed(&rt->interrupted, 0u);
    return rc;
}

void gt_runtime_interrupt(struct gt_runtime *rt)
{
    gt_store_relaxed(&rt->interrupted, 1u);
    gt_note_wake(&rt->done);
}

/* ---- stats -------------------------------------------------------------------------------------- */
static void add_p(const struct gt_p *p, struct gt_runtime_stats *s)
{
    const struct gt_pcounts *c = &p->count;
    s->switches += gt_load_relaxed(&c->switches);
    s->spawned += gt_load_relaxed(&c->spawned);
    s->exited += gt_load_relaxed(&c->exited);
    s->parks += gt_load_relaxed(&c->parks);
    s->readies += gt_load_relaxed(&c->readies);
    s->syscalls += gt_load_relaxed(&c->syscalls);
    s->preempted += gt_load_relaxed(&c->preempted);
    s->preempted_async += gt_load_relaxed(&c->preempted_async);
    s->timers_run += gt_load_relaxed(&c->timers_run);
    s->netpolls += gt_load_relaxed(&c->netpolls);
}

static uint64_t transitions_of(struct gt_runtime *rt)
{
    uint64_t n = gt_load_relaxed(&rt->count.transitions);
#if GT_ORACLE
    gt_lock(&rt->sched_lock);
    for (struct gt_m *m = rt->all_ms; m; m = m->all_next)
        n += gt_load_relaxed(&m->transitions);
    gt_unlock(&rt->sched_lock);
#endif
    return n;
}

void gt_runtime_stats(struct gt_runtime *rt, struct gt_runtime_stats *s)
{
    memset(s, 0, sizeof *s);
    for (int32_t i = 0; i < gt_load_acquire(&rt->allp_len); i++) /* pair: allp */
        add_p(gt_load_relaxed(&rt->allp[i]), s);
    s->spawned += gt_load_relaxed(&rt->count.spawned);
    s->exited += gt_load_relaxed(&rt->count.exited);
    s->ms_started = gt_load_relaxed(&rt->count.ms_started);
    s->retaken = gt_load_relaxed(&rt->count.retaken);
    s->world_stops = gt_load_relaxed(&rt->count.world_stops);
    s->procs_changes = gt_load_relaxed(&rt->count.procs_changes);
    s->handoffs = gt_load_relaxed(&rt->count.handoffs);
    s->wakeups = gt_load_relaxed(&rt->count.wakeups);
    s->netpolls += gt_load_relaxed(&rt->count.netpolls);
    s->injected = gt_load_relaxed(&rt->count.injected);
    s->callbacks = gt_load_relaxed(&rt->count.callbacks);
    s->violations = gt_load_relaxed(&rt->violations);
    s->unowned_stacks = gt_load_relaxed(&rt->unowned_stacks);
    for (int i = 0; i < GT_VIOLATIONS; i++)
        s->violations_by[i] = gt_load_relaxed(&rt->violations_by[i]);
    if (gt_tracer(rt)->count)
        s->events = gt_tracer(rt)->count(rt->tracer_state);
    if (gt_tracer(rt)->books)
        gt_tracer(rt)->books(rt->tracer_state, &s->books);
    s->stop_ns_last = gt_load_relaxed(&rt->stop_ns_last);
    s->stop_ns_max = gt_load_relaxed(&rt->stop_ns_max);
    s->transitions = transitions_of(rt);
    gt_lock(&rt->sched_lock);
    s->ms_now = (uint64_t)rt->n_ms;
    gt_unlock(&rt->sched_lock);
}
