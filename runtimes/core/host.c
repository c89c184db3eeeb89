/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables through which schedulers and tracers reach the core, and the slow half of a
 * tracer section.
 */
#include "core/host.h"

#include "core/owner.h"
#include "core/gc.h"
#include "core/symbols.h"
#include "core/sync.h"

/* ---- both ------------------------------------------------------------------------ */
static int os_futex_wait(void *word, uint32_t expect, int64_t timeout_ns)
{
    return gt_futex_wait(word, expect, timeout_ns);
}

static void os_futex_wake(void *word, int count)
{
    gt_futex_wake(word, count);
}

static int64_t os_nanotime(void)
{
    return gt_nanotime();
}

static void *os_map_pages(size_t size)
{
    return gt_map(size, false);
}

/* ---- scheduler -------------------------------------------------------------------- */
static void *sched_alloc(const struct gt_scheduler_host *h, size_t size, int32_t node)
{
    return gt_alloc(h->rt->arena, size, node);
}

static void sched_free(const struct gt_scheduler_host *h, void *p, size_t size)
{
    gt_free(h->rt->arena, p, size);
}

static struct gt_proc *sched_p(const struct gt_scheduler_host *h, int32_t id)
{
    struct gt_p *p =
        id >= 0 && id < GT_PROCS_MAX ? gt_load_acquire(&h->rt->allp[id]) : NULL; /* pair: allp */
    return p ? &p->t : NULL;
}

static int32_t sched_procs(const struct gt_scheduler_host *h)
{
    return gt_load_acquire(&h->rt->procs); /* pair: procs */
}

static void *sched_node_state(const struct gt_scheduler_host *h, int32_t node)
{
    return h->rt->node_state[node];
}

static int32_t sched_distance(const struct gt_scheduler_host *h, int32_t a, int32_t b)
{
    return gt_topo_distance(h->rt->topo, a, b);
}

static uint32_t sched_random(const struct gt_scheduler_host *h, struct gt_proc *p)
{
    (void)h;
    return (uint32_t)(gt_rand(&gt_p_of(p)->rng) >> 32);
}

static void sched_wake(const struct gt_scheduler_host *h, int32_t id)
{
    struct gt_runtime *rt = h->rt;
    if (id < 0) {
        gt_wake(rt);
        return;
    }
    struct gt_m *m = gt_tls_m();
    m->locks++;
    gt_lock(&rt->sched_lock);
    struct gt_p *p = gt_p_idle_take(rt, id);
    gt_unlock(&rt->sched_lock);
    if (p)
        gt_m_start(rt, p, false);
    m->locks--;
}

static int32_t sched_poll(const struct gt_scheduler_host *h)
{
    struct gt_tasks list = {0};
    struct gt_runtime *rt = h->rt;
    if (gt_load_relaxed(&rt->poll_waiters) == 0)
        return 0;
    gt_netpoll(rt, 0, &list);
    int32_t n = (int32_t)list.n;
    gt_inject(gt_tls_m(), &list);
    return n;
}

/* ---- tracer --------------------------------------------------------------------------- */
static void *trace_alloc(const struct gt_tracer_host *h, size_t size)
{
    return gt_alloc(h->rt->arena, size, -1);
}

static void trace_free(const struct gt_tracer_host *h, void *p, size_t size)
{
    gt_free(h->rt->arena, p, size);
}

static void set_enabled(const struct gt_tracer_host *h, bool on)
{
    if (on && gt_load_relaxed(&h->rt->stopping) == 0)
        gt_violation(h->rt, GT_V_SECTION, "tracing enabled while the world runs");
    gt_journal_epoch(h->rt, on);
    uint32_t hint = h->rt->core_sections ? GT_TRACE_INLINE : GT_TRACE_ASK;
    gt_store_release(&h->rt->trace_on, on ? hint : (uint32_t)GT_TRACE_OFF); /* pair: trace-on */
}

static struct gt_mach *trace_self(const struct gt_tracer_host *h)
{
    (void)h;
    return &gt_tls_m()->t;
}

static gt_tok trace_acquire(const struct gt_tracer_host *h)
{
    (void)h;
    return gt_trace_acquire(gt_tls_m());
}

static void trace_release(const struct gt_tracer_host *h, gt_tok t)
{
    (void)h;
    gt_trace_release(gt_tls_m(), t);
}

static void each_m(const struct gt_tracer_host *h, void (*fn)(struct gt_mach *, void *), void *arg)
{
    struct gt_runtime *rt = h->rt;
    gt_assert_held(&rt->sched_lock);
    for (struct gt_m *m = rt->all_ms; m; m = m->all_next)
        if (!m->gone)
            fn(&m->t, arg);
}

static void each_g(const struct gt_tracer_host *h, void (*fn)(struct gt_task *, void *), void *arg)
{
    struct gt_runtime *rt = h->rt;
    gt_lock(&rt->allg_lock);
    struct gt_g *g = rt->all_gs;
    gt_unlock(&rt->allg_lock);
    for (; g; g = g->all_next) /* links are constant once published */
        fn(&g->t, arg);
}

static void each_p(const struct gt_tracer_host *h, void (*fn)(struct gt_proc *, bool, void *),
                   void *arg)
{
    struct gt_runtime *rt = h->rt;
    int32_t procs = gt_load_acquire(&rt->procs); /* pair: procs */
    for (int32_t i = 0; i < gt_load_relaxed(&rt->allp_len); i++)
        fn(&gt_load_acquire(&rt->allp[i])->t, i < procs, arg); /* pair: allp */
}

static bool suspend_g(const struct gt_tracer_host *h, struct gt_task *g, struct gt_trace_g_view *v)
{
    return gt_suspend_g(h->rt, gt_g_of(g), v);
}

static void resume_g(const struct gt_tracer_host *h, struct gt_task *g)
{
    gt_resume_g(h->rt, gt_g_of(g));
}

#if GT_ORACLE
static void stored(const struct gt_tracer_host *h, uint64_t w)
{
    gt_jnote_stored(h->rt, w);
}

static void perturb(const struct gt_tracer_host *h, uint32_t point)
{
    (void)h;
    struct gt_m *m = gt_tls_m();
    if (m && point < GT_PERTURB_POINTS)
        gt_perturb_pass(m, (enum gt_perturb_point)point);
}
#endif

struct safe_call {
    void (*fn)(struct gt_proc *, void *);
    void *arg;
};

static void safe_trampoline(struct gt_p *p, void *arg)
{
    struct safe_call *c = arg;
    c->fn(&p->t, c->arg);
}

static void each_p_safe(const struct gt_tracer_host *h, void (*fn)(struct gt_proc *, void *),
                        void *arg)
{
    struct safe_call c = {fn, arg};
    gt_each_p_safe(h->rt, GT_WAIT_TRACE_STATUS, safe_trampoline, &c);
}

static void stop_world(const struct gt_tracer_host *h, enum gt_world_kind kind)
{
    gt_world_stop(h->rt, kind);
}

static void start_world(const struct gt_tracer_host *h)
{
    gt_world_start(h->rt);
}

static void world_lock(const struct gt_tracer_host *h)
{
    gt_world_lock(h->rt);
}

static void world_unlock(const struct gt_tracer_host *h)
{
    gt_world_unlock(h->rt);
}

static void sched_lock(const struct gt_tracer_host *h)
{
    gt_lock(&h->rt->sched_lock);
}

static void sched_unlock(const struct gt_tracer_host *h)
{
    gt_unlock(&h->rt->sched_lock);
}

static void assert_sched_locked(const struct gt_tracer_host *h)
{
    (void)h;
    gt_assert_held(&h->rt->sched_lock);
}

static void sysmon_lock(const struct gt_tracer_host *h)
{
    gt_lock(&h->rt->sysmon_lock);
}

static void sysmon_unlock(const struct gt_tracer_host *h)
{
    gt_unlock(&h->rt->sysmon_lock);
}

static const gt_a32 *exiting_syscall(const struct gt_tracer_host *h)
{
    return &h->rt->exiting_syscall;
}

static GT_NOINLINE bool not_owned(struct gt_runtime *rt, struct gt_m *m, struct gt_g *g)
{
    gt_unowned_stack(rt, m, g, "takes", 0, 0);
    return false;
}

/* A tracer's op on the G's own stack calls this: its frame is left out. Elsewhere the G
 * stands where it left its stack. */
static bool stack_begin(const struct gt_tracer_host *h, struct gt_task *t, struct gt_stack_iter *it)
{
    struct gt_m *m = gt_tls_m();
    struct gt_g *g = gt_g_of(t);
    if (gt_checks_owner(h->rt) && gt_unlikely(!gt_owns_stack(m, g)))
        return not_owned(h->rt, m, g);
    uintptr_t fp = (uintptr_t)__builtin_frame_address(0);
    uintptr_t lo = (uintptr_t)g->stack.lo & ~(uintptr_t)7, size = (uintptr_t)g->stack.hi - lo;
    it->lo = lo;
    it->span = size / sizeof(uintptr_t) - 2;
    if (fp - lo < size) {
        fp = ((const uintptr_t *)fp)[0];
        it->fp = ((const uintptr_t *)fp)[0];
        it->pc = ((const uintptr_t *)fp)[1];
    } else if (gt_unlikely(gt_g_status(g) == GT_G_SYSCALL) && g->syscall_pc != 0) {
        it->fp = g->syscall_fp;
        it->pc = g->syscall_pc;
    } else {
        it->fp = gt_ctx_fp(&g->ctx);
        it->pc = gt_ctx_pc(&g->ctx);
    }
    return true;
}

static GT_NOINLINE uint32_t stack(const struct gt_tracer_host *h, struct gt_task *t, uint32_t skip,
                                  uintptr_t *pc, uint32_t n)
{
    struct gt_stack_iter it;
    if (!stack_begin(h, t, &it))
        return 0;
    for (; skip > 0 && it.pc != 0; skip--)
        (void)gt_stack_iter_next(&it);
    return gt_stack_iter_take(it, pc, n);
}

static uint32_t symbolise(const struct gt_tracer_host *h, uintptr_t pc, struct gt_symbol *out,
                          uint32_t n)
{
    return gt_symbolise(h->rt, pc, out, n);
}

static uint32_t symbolise_entry(const struct gt_tracer_host *h, uintptr_t pc, struct gt_symbol *out)
{
    return gt_symbolise_entry(h->rt, pc, out);
}

static void wake_reader(const struct gt_tracer_host *h)
{
    /* Busy Ps look at the hint on each search; an M in the poller is called back. */
    gt_or_acq_rel(&h->rt->loop_hint, GT_HINT_READER); /* pair: loop-hint */
    if (gt_load_relaxed(&h->rt->idle_ps) != 0) {
        gt_netpoll_break(h->rt);
        gt_note_wake(&h->rt->sysmon_note);
    }
}

static void ready_reader(const struct gt_tracer_host *h)
{
    struct gt_g *g = gt_swap_acquire(&h->rt->reader, NULL); /* pair: reader */
    if (g)
        gt_ready(g, false);
}

static int go_system(const struct gt_tracer_host *h, void (*fn)(void *), void *arg)
{
    return gt_spawn(h->rt, fn, arg, GT_GF_SYSTEM, (uintptr_t)__builtin_return_address(0), NULL);
}

static bool publish_reader(struct gt_g *g, void *arg)
{
    struct gt_runtime *rt = arg;
    gt_store_release(&rt->reader, g); /* pair: reader */
    if (gt_tracer(rt)->reader_wanted(rt->tracer_state)) /* woken since it last looked */
        gt_or_acq_rel(&rt->loop_hint, GT_HINT_READER); /* pair: loop-hint */
    return true;
}

static void park_reader(const struct gt_tracer_host *h)
{
    gt_park(publish_reader, h->rt, GT_WAIT_SYSTEM);
}

static struct gt_sema *sema_new(const struct gt_tracer_host *h, uint32_t count)
{
    return gt_sema_new(h->rt, count);
}

static void sema_free(const struct gt_tracer_host *h, struct gt_sema *s)
{
    (void)h;
    gt_sema_free(s);
}

static bool sema_acquire(const struct gt_tracer_host *h, struct gt_sema *s, int64_t timeout_ns)
{
    (void)h;
    return gt_sema_acquire(s, timeout_ns);
}

static void sema_release(const struct gt_tracer_host *h, struct gt_sema *s)
{
    (void)h;
    gt_sema_release(s);
}

static void sema_reset(const struct gt_tracer_host *h, struct gt_sema *s, uint32_t count)
{
    (void)h;
    gt_sema_reset(s, count);
}

static void alarm(const struct gt_tracer_host *h, struct gt_sema *s, int64_t when)
{
    gt_alarm(h->rt, s, when);
}

static void trace_warn(const struct gt_tracer_host *h, const char *line)
{
    gt_warn(h->rt, "%s", line);
}

static void trace_violation(const struct gt_tracer_host *h, uint32_t rule, const char *what)
{
    gt_violation(h->rt, GT_V_TRACE, "tracing rule %u: %s", rule, what);
}

/* ---- the collector, for tracers ------------------------------------------------------------- */
static bool sweeping(const struct gt_tracer_host *h, struct gt_proc *p)
{
    const struct gt_gc_p *gc = gt_p_of(p)->gc;
    (void)h;
    return gc && gc->in_sweep;
}

static bool assisting(const struct gt_tracer_host *h, struct gt_task *g)
{
    (void)h;
    return gt_g_of(g)->gc_assisting;
}

static bool gc_marking(const struct gt_tracer_host *h)
{
    return gt_load_relaxed(&h->rt->gc_marking) != 0;
}

static uint64_t heap_goal(const struct gt_tracer_host *h)
{
    return gt_load_relaxed(&h->rt->heap_goal);
}

static uintptr_t stack_bytes(const struct gt_runtime *rt)
{
    uintptr_t size = rt->config.stack_size ? rt->config.stack_size : GT_STACK_DEFAULT;
    return (size + gt_page_size() - 1) & ~(uintptr_t)(gt_page_size() - 1);
}

/* ---- CPU samples -------------------------------------------------------------------------- */
static int profile_start(const struct gt_tracer_host *h, uint32_t hz, const gt_a64 *generation)
{
    return gt_profile_start(h->rt, hz, generation);
}

static void profile_stop(const struct gt_tracer_host *h)
{
    gt_profile_stop(h->rt);
}

static void profile_read(const struct gt_tracer_host *h, uint64_t w, bool ended,
                         void (*fn)(const struct gt_profile_sample *, void *), void *arg)
{
    gt_profile_read(h->rt, w, ended, fn, arg);
}

static uint64_t profile_lost(const struct gt_tracer_host *h)
{
    return gt_profile_lost(h->rt);
}

/* ---- fill ----------------------------------------------------------------------------------- */
static void init_os(struct gt_os *os)
{
    *os = (struct gt_os){
        .nanotime = os_nanotime,
        .walltime = gt_walltime,
        .thread_id = gt_thread_id,
        .thread_yield = gt_thread_yield,
        .await_pause = gt_await_pause,
        .futex_wait = os_futex_wait,
        .futex_wake = os_futex_wake,
        .write = gt_os_write,
        .membarrier = gt_os_membarrier,
        .ticks_hz = gt_ticks_hz,
        .map_pages = os_map_pages,
        .unmap_pages = gt_unmap,
    };
}

static void init_sched_host(struct gt_runtime *rt)
{
    rt->sched_host = (struct gt_scheduler_host){
        .head = GT_PLUGIN_HEAD(GT_MAGIC_HOST, struct gt_scheduler_host, "gmp", "the core", 0),
        .os = &rt->os,
        .rt = rt,
        .cpus = gt_topo_native(rt->topo) ? gt_topo_cpus(rt->topo) : gt_os_cpu_count(),
        .nodes = gt_topo_nodes(rt->topo),
        .alloc = sched_alloc,
        .free = sched_free,
        .p = sched_p,
        .procs = sched_procs,
        .node_state = sched_node_state,
        .distance = sched_distance,
        .random = sched_random,
        .wake = sched_wake,
        .poll = sched_poll,
        .fault = &rt->fault,
    };
}

/* One line for each of what tracer.h lists. */
static void init_tracer_host(struct gt_runtime *rt)
{
    rt->tracer_host = (struct gt_tracer_host){
        .head = GT_PLUGIN_HEAD(GT_MAGIC_HOST, struct gt_tracer_host, "gmp", "the core", 0),
        .os = &rt->os,
        .rt = rt,
        .alloc = trace_alloc,
        .free = trace_free,
        .set_enabled = set_enabled,
        .self = trace_self,
        .acquire = trace_acquire,
        .release = trace_release,
        .each_m = each_m,
        .each_g = each_g,
        .each_p = each_p,
        .suspend_g = suspend_g,
        .resume_g = resume_g,
        .each_p_safe = each_p_safe,
        .stop_world = stop_world,
        .start_world = start_world,
        .world_lock = world_lock,
        .world_unlock = world_unlock,
        .sched_lock = sched_lock,
        .sched_unlock = sched_unlock,
        .assert_sched_locked = assert_sched_locked,
        .sysmon_lock = sysmon_lock,
        .sysmon_unlock = sysmon_unlock,
        .exiting_syscall = exiting_syscall,
        .stack = stack,
        .stack_begin = stack_begin,
        .symbolise = symbolise,
        .symbolise_entry = symbolise_entry,
        .wake_reader = wake_reader,
        .ready_reader = ready_reader,
        .go_system = go_system,
        .park_reader = park_reader,
        .sema_new = sema_new,
        .sema_free = sema_free,
        .sema_acquire = sema_acquire,
        .sema_release = sema_release,
        .sema_reset = sema_reset,
        .syscall_enter = gt_syscall_enter,
        .syscall_exit = gt_syscall_exit,
        .alarm = alarm,
        .warn = trace_warn,
        .violation = trace_violation,
        .sweeping = sweeping,
        .assisting = assisting,
        .gc_marking = gc_marking,
        .heap_goal = heap_goal,
        .profile_start = profile_start,
        .profile_stop = profile_stop,
        .profile_read = profile_read,
        .profile_lost = profile_lost,
        .stack_bytes = stack_bytes(rt),
        .task_left = offsetof(struct gt_g, ctx.fp),
        .checks_owner = gt_checks_owner(rt),
        .generation = &rt->generation,
        .fault = &rt->fault,
    };
#if GT_ORACLE
    rt->tracer_host.stored = stored;
    if (rt->perturb.level != GT_PERTURB_OFF)
        rt->tracer_host.perturb = perturb;
#endif
}

void gt_host_init(struct gt_runtime *rt)
{
    init_os(&rt->os);
    init_sched_host(rt);
    init_tracer_host(rt);
}
