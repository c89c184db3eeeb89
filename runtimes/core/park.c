/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verbs that move one G: park, ready, inject, yield, spawn, exit.
 *
 * Invariants:
 *   I1 (I5 of core.h) A G stops on the M's system stack, after its registers are saved;
 *      only then its status changes and others may run it.
 *   I2 Each change of a G stands in one section with its event. Out of Running the event
 *      comes first, while the M still owns the stack (seed 003); all others change first.
 *   I3 A list of found Gs is changed and reported G by G inside one section:
 *
 *      M1 injects [a b]                    M2 advances the generation
 *      acquire (gen 7)
 *      a: Waiting -> Runnable
 *      a: GoUnblock (gen 7)                gen := 8
 *      b: Waiting -> Runnable              waits until M1 has released
 *      b: GoUnblock (gen 7)          <--   ...
 *      release                             status of a, b in gen 8: Runnable
 *
 *   With the events written before the section of the changes, M2's status pass can find
 *   b Waiting in gen 8 after its GoUnblock in gen 7 (seed 000).
 */
#include <errno.h>
#include <string.h>

#include "core/core.h"
#include "core/gc.h"
#include "core/run.h"

#define GFREE_LOCAL_MAX 64u
#define GOID_BLOCK 64u

void gt_mcall(void (*fn)(void *m))
{
    struct gt_m *m = gt_tls_m();
    gt_mcall_inline(m, gt_m_g(m), fn);
}

void gt_mcall_last(void (*fn)(void *m))
{
    struct gt_m *m = gt_tls_m();
    struct gt_g *g = gt_m_g(m);
    gt_fiber_switch_begin(&g->stack.fiber, &m->sys_fiber, true);
    gt_ctx_call_inline(&g->ctx, m->sys_top, fn, m); /* saved for who takes its last stack */
    __builtin_unreachable();
}

/* ---- park ---------------------------------------------------------------------- */
#if GT_FAULTS && GT_ORACLE
/*
 * Seed 003 put back: the event comes when the stack is nobody's.
 *
 *      M1 parks g                          collector
 *      Running -> Waiting
 *                                          takes g's scan bit, gives pages of its stack back
 *      GoBlock walks g's stack       <--
 */
struct gt_g *gt_stop_to_wait_late(struct gt_m *m)
{
    struct gt_g *g = gt_m_g(m);
    enum gt_wait_reason why = (enum gt_wait_reason)gt_load_relaxed(&g->t.wait_reason);
    gt_bump(&gt_m_p(m)->count.parks, 1u);
    gt_tok tok = gt_section_begin(m);
    gt_store_relaxed(&g->m, NULL);
    gt_g_from_running(m, g, tok, GT_G_WAITING);
    GT_PERTURB(m, park_changed);
    GT_EMIT(m, tok, go_block, why);
    m->t.g = NULL;
    gt_section_end(m, tok);
    return g;
}
#endif

GT_OFTEN static void park_on_system(void *arg)
{
    struct gt_m *m = gt_on_system(arg);
    gt_park_fn fn = m->park_fn;
    struct gt_g *g = gt_stop_to_wait(m);
    if (fn && !fn(g, m->park_fn_arg))
        gt_wait_not(m, g);
    gt_next(m);
}

void gt_park(gt_park_fn fn, void *arg, enum gt_wait_reason reason)
{
    struct gt_m *m = gt_tls_m();
    gt_set_wait_reason(gt_m_g(m), reason);
    m->park_fn = fn;
    m->park_fn_arg = arg;
    gt_mcall(park_on_system);
}

static bool unlock_fn(struct gt_g *g, void *arg)
{
    (void)g;
    gt_unlock(arg);
    return true;
}

void gt_park_unlock(struct gt_lock *l, enum gt_wait_reason reason)
{
    gt_park(unlock_fn, l, reason);
}

/* ---- ready, inject ---------------------------------------------------------------- */
void gt_ready(struct gt_g *g, bool next)
{
    struct gt_m *m = gt_pin();
    gt_ready_inline(m, g, next);
    gt_unpin(m);
}

static void inject_event_first(struct gt_m *m, struct gt_tasks *list)
{
    gt_tok tok = gt_trace_acquire(m);
    for (struct gt_task *t = list->head; t; t = t->link)
        GT_EMIT(m, tok, go_unblock, t);
    gt_trace_release(m, tok);
    for (struct gt_task *t = list->head; t; t = t->link) {
        GT_PERTURB(m, inject_next);
        gt_g_change(m, gt_g_of(t), gt_tok_none(), GT_G_WAITING, GT_G_RUNNABLE);
    }
}

/* I3, seed 000: each change and its event in one section, the change first. The link of a
 * Waiting G on the list belongs to the list; after the change it does so until the scheduler
 * has it. */
static void inject_mark(struct gt_m *m, struct gt_tasks *list)
{
    bool no_p = m->t.p == NULL;
    gt_tok tok = no_p ? gt_trace_acquire_no_p(m) : gt_trace_acquire(m);
    for (struct gt_task *t = list->head; t; t = t->link) {
        GT_PERTURB(m, inject_next);
        gt_g_change(m, gt_g_of(t), tok, GT_G_WAITING, GT_G_RUNNABLE);
        GT_PERTURB(m, inject_changed);
        GT_EMIT(m, tok, go_unblock, t);
    }
    if (no_p)
        gt_no_p_changed(m);
    gt_trace_release(m, tok);
}

void gt_inject(struct gt_m *m, struct gt_tasks *list)
{
    struct gt_runtime *rt = m->rt;
    uint32_t n = list->n;
    if (n == 0)
        return;
    m->locks++;
    gt_jnote(m, GT_J_INJECT, 0, n, 0, 0);
    if (GT_FAULT(inject_event_first))
        inject_event_first(m, list);
    else
        inject_mark(m, list);
    gt_add_relaxed(&rt->count.injected, n);
    gt_sched(rt)->enqueue_batch(rt->sched_state, m->t.p, list);
    GT_PERTURB(m, inject_queued);
    for (uint32_t i = m->t.p ? 1 : 0; i < n && gt_load_relaxed(&rt->idle_ps) != 0; i++)
        gt_wake_maybe(rt);
    gt_wake_maybe(rt);
    m->locks--;
}

/* ---- yield, preemption at a checkpoint ------------------------------------------------ */
GT_HOT void stop_running(struct gt_m *m, enum gt_stop_reason why, enum gt_enqueue_kind kind)
{
    struct gt_g *g = gt_m_g(m);
    gt_tok tok = gt_section_begin(m);
    GT_EMIT(m, tok, go_stop, why);
    GT_PERTURB(m, stop_event);
    gt_store_relaxed(&g->m, NULL);
    gt_g_stop_running(m, g, tok, why);
    m->t.g = NULL;
    GT_PERTURB(m, stop_changed);
    gt_section_end(m, tok);
    gt_enqueue_own(m, g, kind);
}

GT_OFTEN static void yield_on_system(void *arg)
{
    struct gt_m *m = gt_on_system(arg);
    stop_running(m, GT_STOP_YIELD, GT_ENQ_YIELD);
    gt_next(m);
}

/* As a park, but the suspender that asked makes the G ready again. */
static void stop_for_suspender(struct gt_m *m)
{
    struct gt_g *g = gt_m_g(m);
    gt_set_wait_reason(g, GT_WAIT_PREEMPTED);
    gt_tok tok = gt_trace_acquire(m);
    GT_EMIT(m, tok, go_block, GT_WAIT_PREEMPTED);
    GT_PERTURB(m, suspend_event);
    gt_store_relaxed(&g->m, NULL);
    gt_g_from_running(m, g, tok, GT_G_WAITING);
    m->t.g = NULL;
    gt_trace_release(m, tok);
}

/*
 * Decided here, on the system stack, where no signal stops the G: while it is Running its
 * scan bit cannot be had (I3 of core.h), so the suspender that asked is still waiting.
 *
 *      G on its own stack                  suspender
 *      preempt_stop is set
 *      signal: Running -> Runnable         takes the scan bit, preempt_stop := 0
 *                                          resumes: not Preempted, nothing to ready
 *      parks as Preempted                  nobody will ready it
 */
static void checkpoint_on_system(void *arg)
{
    struct gt_m *m = gt_on_system(arg);
    gt_bump(&gt_m_p(m)->count.preempted, 1u);
    struct gt_g *g = gt_m_g(m);
    uint32_t tag = gt_stop_tag(gt_load_relaxed(&g->t.status));
    if (gt_load_acquire(&g->preempt_stop) == tag) /* pair: preempt-stop */
        stop_for_suspender(m);
    else
        stop_running(m, GT_STOP_PREEMPTED, GT_ENQ_PREEMPTED);
    gt_schedule(m);
}

void gt_yield(void)
{
    struct gt_m *m = gt_tls_m();
    if (gt_unlikely(gt_load_relaxed(&gt_m_g(m)->preempt_stop) != 0)) {
        gt_checkpoint_slow();
        m = gt_tls_m();
    }
    gt_mcall_inline(m, gt_m_g(m), yield_on_system);
}

void gt_checkpoint_slow(void)
{
    if (gt_tls_m()->locks == 0) /* pinned: asked again at the next one */
        gt_mcall(checkpoint_on_system);
}

/* ---- birth -------------------------------------------------------------------------------- */
/*
 * Dead Gs: a list per P, and one per node behind a lock. A G goes back to the node of its
 * stack, wherever it died, so that who spawns gets memory of its own node.
 */
static void push(struct gt_g **list, struct gt_g *g)
{
    g->t.link = *list ? &(*list)->t : NULL;
    *list = g;
}

static struct gt_g *pop(struct gt_g **list)
{
    struct gt_g *g = *list;
    if (g)
        *list = gt_g_of(g->t.link);
    return g;
}

/* gfree_lock held. */
static void put_node(struct gt_runtime *rt, struct gt_g *g)
{
    struct gt_gfree *f = &rt->gfree[g->t.node];
    push(&f->head, g);
    gt_store_relaxed(&f->any, 1u);
}

/* The warmest. gfree_lock held. */
static struct gt_g *pop_node(struct gt_gfree *f)
{
    struct gt_g *g = pop(&f->head);
    if (!g)
        g = pop(&f->idle);
    return g ? g : pop(&f->cold);
}

/* One for the caller and a handful for its P. */
static struct gt_g *gfree_get_global(struct gt_runtime *rt, struct gt_gfree *f, struct gt_p *p)
{
    gt_lock(&rt->gfree_lock);
    struct gt_g *g = pop_node(f);
    for (struct gt_g *d; p && p->ngfree < GFREE_LOCAL_MAX / 2 && (d = pop_node(f)) != NULL;) {
        push(&p->gfree, d);
        p->ngfree++;
    }
    gt_store_relaxed(&f->any, f->head != NULL || f->idle != NULL || f->cold != NULL);
    gt_unlock(&rt->gfree_lock);
    return g;
}

/* p has none. */
static GT_NOINLINE struct gt_g *gfree_get_shared(struct gt_runtime *rt, struct gt_p *p)
{
    struct gt_gfree *f = &rt->gfree[p ? p->t.node : 0];
    if (gt_load_relaxed(&f->any) == 0) /* stale at worst: we make a new one */
        return NULL;
    return gfree_get_global(rt, f, p);
}

/* Half of a full local list goes with it, so that the lock is taken rarely. */
static GT_NOINLINE void gfree_put_global(struct gt_runtime *rt, struct gt_p *p, struct gt_g *g)
{
    gt_lock(&rt->gfree_lock);
    put_node(rt, g);
    while (p && p->ngfree > GFREE_LOCAL_MAX / 2) {
        put_node(rt, pop(&p->gfree));
        p->ngfree--;
    }
    gt_unlock(&rt->gfree_lock);
}

uint32_t gt_gfree_take_idle(struct gt_runtime *rt, int32_t node, struct gt_g **out, uint32_t n)
{
    struct gt_gfree *f = &rt->gfree[node];
    uint32_t k = 0;
    gt_lock(&rt->gfree_lock);
    while (k < n && (out[k] = pop(&f->idle)) != NULL)
        k++;
    gt_unlock(&rt->gfree_lock);
    return k;
}

void gt_gfree_put_cold(struct gt_runtime *rt, int32_t node, struct gt_g **gs, uint32_t n)
{
    struct gt_gfree *f = &rt->gfree[node];
    gt_lock(&rt->gfree_lock);
    for (uint32_t i = 0; i < n; i++)
        push(&f->cold, gs[i]);
    gt_store_relaxed(&f->any, 1u);
    gt_unlock(&rt->gfree_lock);
}

void gt_gfree_age(struct gt_runtime *rt, int32_t node)
{
    struct gt_gfree *f = &rt->gfree[node];
    gt_lock(&rt->gfree_lock);
    if (!f->idle) {
        f->idle = f->head;
        f->head = NULL;
    }
    gt_unlock(&rt->gfree_lock);
}

/* A P dies: what it kept serves the others of its node. */
void gt_gfree_flush(struct gt_runtime *rt, struct gt_p *p)
{
    gt_lock(&rt->gfree_lock);
    while (p->gfree)
        put_node(rt, pop(&p->gfree));
    p->ngfree = 0;
    gt_unlock(&rt->gfree_lock);
}

GT_HOT void g_free(struct gt_m *m, struct gt_g *g)
{
    struct gt_p *p = gt_m_p(m);
    if (gt_unlikely(!p || p->ngfree >= GFREE_LOCAL_MAX || g->t.node != p->t.node)) {
        gfree_put_global(m->rt, p, g);
        return;
    }
    push(&p->gfree, g);
    p->ngfree++;
}

void gt_g_free(struct gt_m *m, struct gt_g *g)
{
    g_free(m, g);
}

/* Once per runtime: what the caller of go() cannot tell from -ENOMEM. */
static void say_no_stack(struct gt_runtime *rt, int rc)
{
    uint32_t no = 0;
    if (gt_cas_relaxed(&rt->said_no_stack, &no, 1u))
        gt_warn(rt, "no goroutine beyond %llu: %s", (unsigned long long)gt_load_relaxed(&rt->n_gs),
                gt_stacks_error(rc));
}

size_t gt_g_size(const struct gt_runtime *rt)
{
    size_t state = gt_sched(rt)->g_state + gt_tracer(rt)->g_state;
    return (sizeof(struct gt_g) + state + GT_CACHE_LINE - 1) & ~(size_t)(GT_CACHE_LINE - 1);
}

/*
 * A new G on the list of all Gs for ever; its struct stands at the top of its own stack, in
 * the page that its first frame touches anyway, on its node. NULL: *err is -ENOMEM.
 */
static GT_NOINLINE struct gt_g *g_make(struct gt_runtime *rt, int32_t node, int *err)
{
    size_t size = gt_g_size(rt);
    struct gt_stack st;
    int rc = gt_stack_get(rt->stacks, node, &st);
    *err = -ENOMEM;
    if (rc != 0) {
        say_no_stack(rt, rc);
        return NULL;
    }
    st.hi -= size;
    struct gt_g *g = (struct gt_g *)(void *)st.hi;
    memset(g, 0, size);
    g->stack = st;
    char *extra = (char *)(g + 1);
    g->t.sched = gt_sched(rt)->g_state ? extra : NULL;
    g->t.trace = gt_tracer(rt)->g_state ? extra + gt_sched(rt)->g_state : NULL;
    g->t.node = node;
    g->rt = rt;
    g->rng = (uint32_t)(uintptr_t)g | 1u;
    gt_lock(&rt->allg_lock);
    g->all_next = rt->all_gs;
    rt->all_gs = g;
    gt_unlock(&rt->allg_lock);
    gt_add_relaxed(&rt->n_gs, 1u);
    return g;
}

static GT_NOINLINE uint64_t new_goid_block(struct gt_runtime *rt, struct gt_p *p)
{
    if (!p)
        return gt_add_relaxed(&rt->goid_block, 1u) + 1;
    uint64_t id = gt_add_relaxed(&rt->goid_block, (uint64_t)GOID_BLOCK) + 1;
    p->goid_next = id + 1;
    p->goid_end = id + GOID_BLOCK;
    return id;
}

/* None on p's own list, or no P. */
static GT_NOINLINE struct gt_g *g_new_shared(struct gt_runtime *rt, struct gt_p *p, int *err)
{
    struct gt_g *g = gfree_get_shared(rt, p);
    return g ? g : g_make(rt, p ? p->t.node : 0, err);
}

/* m is NULL before the runtime runs. */
GT_HOT struct gt_g *g_new(struct gt_m *m, struct gt_runtime *rt, int *err)
{
    struct gt_p *p = m && m->t.p ? gt_m_p(m) : NULL;
    struct gt_g *g;
    if (gt_likely(p && p->gfree)) {
        p->ngfree--;
        g = pop(&p->gfree);
        gt_task_prefetch((const struct gt_task *)p->gfree); /* t stands first; may be NULL */
    } else if (!(g = g_new_shared(rt, p, err))) {
        return NULL;
    }
    if (gt_likely(p && p->goid_next != p->goid_end))
        g->t.id = p->goid_next++;
    else
        g->t.id = new_goid_block(rt, p);
    g->t.link = NULL;
    return g;
}

/* A Dead G with a stack and a fresh id. */
struct gt_g *gt_g_new(struct gt_m *m, struct gt_runtime *rt, int *err)
{
    return g_new(m, rt, err);
}

GT_HOT void g_prepare(struct gt_g *g, gt_fn fn, void *arg, uint32_t flags, uintptr_t caller,
                      struct gt_task *creator)
{
    *gt_g_arg(g) = arg;
    *gt_g_arg2(g) = NULL;
    gt_ctx_make(&g->ctx, gt_g_top(g), gt_g_start_entry, g);
    g->fn = fn;
    g->created_at = caller;
    g->created_by = creator ? creator->id : 0;
    gt_store_relaxed(&g->preempt_stop, 0u);
    gt_store_relaxed(&g->permit, 0u);
    g->flags = (uint8_t)flags;
    g->async_ok = false;
}

/* By the thread in run(), for the first G and the last. In a trace only an M with a P makes
 * a G: this one arrives as a foreign thread's does, and its system call ends at once. */
static GT_NOINLINE void be_born_without_p(struct gt_m *m, struct gt_g *g)
{
    gt_tok tok = gt_trace_acquire_no_p(m);
    if (!gt_tok_on(tok)) {
        gt_g_from_dead(m, g, tok, GT_G_RUNNABLE);
        gt_no_p_changed(m);
        gt_trace_release(m, tok);
        return;
    }
    g->syscall_fp = g->syscall_pc = 0;
    gt_g_at_top(g);
    gt_store_release(&g->m, m); /* pair: g-m */
    gt_g_to_syscall_lost(m, g, tok, GT_G_DEAD);
    GT_EMIT(m, tok, go_create_syscall, &g->t);
    m->t.g = &g->t;
    gt_g_change(m, g, tok, GT_G_SYSCALL, GT_G_RUNNABLE);
    gt_no_p_changed(m);
    GT_EMIT(m, tok, go_syscall_end, true);
    gt_store_relaxed(&g->m, NULL);
    m->t.g = NULL;
    gt_trace_release(m, tok);
}

GT_HOT int spawn(struct gt_m *m, struct gt_runtime *rt, gt_fn fn, void *arg, uint32_t flags,
                 uintptr_t caller, struct gt_g **out)
{
    int err = 0;
    struct gt_g *g = g_new(m, rt, &err);
    if (gt_unlikely(!g))
        return err;
    g_prepare(g, fn, arg, flags, caller, m->t.g);
    if (out)
        *out = g;
    if (gt_unlikely(gt_tracer(rt)->g_born != NULL))
        gt_tracer(rt)->g_born(rt->tracer_state, &g->t);
    if (gt_likely(m->t.p != NULL)) {
        if (gt_gc_marking(rt))
            gt_gc_shade(m, (uintptr_t)arg); /* GC4: its stack is black */
        gt_tok tok = gt_section_begin(m);
        gt_g_from_dead(m, g, tok, GT_G_RUNNABLE);
        GT_PERTURB(m, spawn_changed);
        GT_EMIT(m, tok, go_create, &g->t, (uintptr_t)g->fn, false);
        gt_section_end(m, tok);
        gt_bump(&gt_m_p(m)->count.spawned, 1u);
        gt_enqueue_own(m, g, GT_ENQ_NEXT);
    } else {
        be_born_without_p(m, g);
        gt_add_relaxed(&rt->count.spawned, 1u);
        gt_enqueue(m, g, GT_ENQ_NEXT);
    }
    gt_wake_maybe(rt);
    return 0;
}

/* Context: on a G, or on the thread that starts the runtime (no M). */
int gt_spawn(struct gt_runtime *rt, gt_fn fn, void *arg, uint32_t flags, uintptr_t caller,
             struct gt_g **out)
{
    struct gt_m *m = gt_pin();
    int rc = spawn(m, rt, fn, arg, flags, caller, out);
    gt_unpin(m);
    return rc;
}

int gt_go(gt_fn fn, void *arg)
{
    struct gt_m *m = gt_pin_after_checkpoint();
    int rc = spawn(m, m->rt, fn, arg, 0, (uintptr_t)__builtin_return_address(0), NULL);
    gt_unpin(m);
    return rc;
}

/* A Waiting G, for a coroutine: never queued, started by a direct switch. */
struct gt_g *gt_spawn_blocked(struct gt_m *m, gt_fn fn, void *arg, uintptr_t caller, int *err)
{
    struct gt_runtime *rt = m->rt;
    struct gt_g *g = gt_g_new(m, rt, err);
    if (!g)
        return NULL;
    g_prepare(g, fn, arg, 0, caller, m->t.g);
    if (gt_tracer(rt)->g_born)
        gt_tracer(rt)->g_born(rt->tracer_state, &g->t);
    gt_set_wait_reason(g, GT_WAIT_CORO);
    gt_tok tok = gt_trace_acquire(m);
    gt_g_from_dead(m, g, tok, GT_G_WAITING);
    GT_EMIT(m, tok, go_create, &g->t, (uintptr_t)g->fn, true);
    gt_trace_release(m, tok);
    gt_bump(&gt_m_p(m)->count.spawned, 1u);
    return g;
}

/* Born Runnable as by go(), but nobody has it in a queue. */
struct gt_g *gt_spawn_unqueued(struct gt_m *m, gt_fn fn, void *arg, int *err)
{
    struct gt_runtime *rt = m->rt;
    struct gt_g *g = gt_g_new(m, rt, err);
    if (!g)
        return NULL;
    g_prepare(g, fn, arg, GT_GF_SYSTEM, (uintptr_t)__builtin_return_address(0), m->t.g);
    if (gt_tracer(rt)->g_born)
        gt_tracer(rt)->g_born(rt->tracer_state, &g->t);
    gt_tok tok = gt_trace_acquire(m);
    gt_g_from_dead(m, g, tok, GT_G_RUNNABLE);
    GT_EMIT(m, tok, go_create, &g->t, (uintptr_t)g->fn, false);
    gt_trace_release(m, tok);
    return g; /* not counted as spawned: it ends with the run, never by itself */
}

/* ---- death ------------------------------------------------------------------------------------ */
/* Everything of a G's end but the event and the change. */
GT_HOT void bury(struct gt_m *m, struct gt_g *g)
{
    gt_bump(&gt_m_p(m)->count.exited, 1u);
    if (gt_unlikely(gt_tracer(m->rt)->g_dies != NULL))
        gt_tracer(m->rt)->g_dies(m->rt->tracer_state, &g->t);
    if (gt_unlikely(g->lockedm != NULL)) {
        g->lockedm = NULL;
        g->lock_depth = 0;
    }
    g_free(m, g);
}

void gt_g_bury(struct gt_m *m, struct gt_g *g)
{
    bury(m, g);
}

GT_OFTEN static void exit_on_system(void *arg)
{
    struct gt_m *m = gt_on_system(arg);
    struct gt_g *g = gt_m_g(m);
    bool locked = m->lockedg == g;
    gt_tok tok = gt_section_begin(m);
    GT_EMIT(m, tok, go_destroy);
    GT_PERTURB(m, exit_event);
    gt_store_relaxed(&g->m, NULL);
    gt_g_from_running(m, g, tok, GT_G_DEAD);
    m->t.g = NULL;
    gt_section_end(m, tok);
    bury(m, g);
    if (gt_unlikely(locked))
        gt_m_end_locked(m);
    gt_next(m);
}

void gt_exit(void)
{
    struct gt_m *m = gt_tls_m();
    gt_mcall_last_inline(m, gt_m_g(m), exit_on_system);
}

GT_OFTEN GT_NOINLINE void gt_g_start_entry(void *arg)
{
    struct gt_g *g = arg;
    gt_fiber_switch_end(&g->stack.fiber);
    g->fn(*gt_g_arg(g));
    struct gt_m *m = gt_tls_m();
    gt_mcall_last_inline(m, gt_m_g(m), exit_on_system);
}
