/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runtime's own view of G, M, P and the runtime. Private to core/.
 *
 * Invariants of the whole core (cited as I1.. by asserts and tests):
 *   I1 A G is Running exactly when one M has it as m->t.g and that M has a P; no
 *      transition leaves a G Running on an M without a P.
 *   I2 Only its M changes a Running G's status word, only who took it from a list of dead
 *      Gs a Dead one's (a plain release store suffices); every other status is left by
 *      compare-and-swap, since the scan bit may be taken.
 *   I3 The scan bit is set on Runnable, Waiting and Syscall only. Who holds it owns the
 *      G's stack and, in the scanbit model, the binding of a Syscall G's M to its P.
 *   I4 A P in status Running is written by its owner M only. Idle and Stopped Ps change
 *      under the scheduler lock. A P in Syscall (status model) is taken by one CAS.
 *   I5 A G becomes visible to others (queue, wait list) only after its context is saved
 *      and its status says so: parks and yields finish on the M's system stack.
 *   I6 While m->locks > 0 the M keeps its P (or its lack of one) and its G.
 *   I7 Structs of G, M and P are never given back before the runtime is destroyed, so a
 *      stale pointer read without a lock points to a G, an M or a P.
 *   I8 Work is never left alone: who makes work checks for idle Ps after publishing it;
 *      who goes idle checks for work after publishing that it is idle (a full fence
 *      between on the idle side, see gt_fence_heavy).
 */
#pragma once
#include "core/bound.h"
#include "core/state.h"

/* ---- fences that cost one side only -------------------------------------------------- */
/*
 * O1 Between a store before gt_fence_light() and a load after it on one thread, and a
 *    store before gt_fence_heavy() and a load after it on another, at least one of the
 *    two loads sees the other's store. Light is free where membarrier(2) works.
 */
static inline void gt_fence_light(const struct gt_runtime *rt)
{
    if (gt_likely(rt->asym))
        gt_signal_fence();
    else
        gt_fence_seqcst(); /* pair: asym */
}
void gt_fence_heavy(const struct gt_runtime *rt);

/* ---- pin ----------------------------------------------------------------------------- */
static inline struct gt_m *gt_pin(void)
{
    struct gt_m *m = gt_tls_m();
    m->locks++;
    gt_signal_fence(); /* what is read after the pin stays after it */
    return m;
}
static inline void gt_unpin(struct gt_m *m)
{
    gt_signal_fence();
    m->locks--;
}

/* ---- tracer sections ------------------------------------------------------------------ */
#include "core/emit.h"

/* ---- sched loop (loop.c, park.c) -------------------------------------------------------- */
GT_NORETURN void gt_schedule(struct gt_m *m); /* system stack */
/* Calls fn(m) on the system stack with the caller's context saved in its G. Returns when
 * the G runs again, perhaps on another M. Switches. */
void gt_mcall(void (*fn)(void *m));
GT_NORETURN void gt_mcall_last(void (*fn)(void *m));
/* Parks the calling G. fn runs on the system stack after the G is Waiting: false cancels
 * the park. Switches. The reason is none for form's sake (gt_wait_is_running). */
void gt_park(gt_park_fn fn, void *arg, enum gt_wait_reason reason);
/* Parks, then unlocks l: who holds l sees the G Waiting. */
void gt_park_unlock(struct gt_lock *l, enum gt_wait_reason reason);
/* Waiting -> Runnable, queued on the caller's P (or nowhere's), wakes a P. next: may run
 * next in the caller's slice. Any stack; core locks of rank SCHED or above not held. */
void gt_ready(struct gt_g *g, bool next);
/* Many at once, in order (netpoll, timers). May be called without a P. */
void gt_inject(struct gt_m *m, struct gt_tasks *list);
/* If asked to, gives up the P here. Any G context without locks. */
void gt_checkpoint_slow(void);
static inline void gt_checkpoint(void)
{
    struct gt_m *m = gt_tls_m();
    if (gt_unlikely(gt_load_relaxed(&gt_m_p(m)->preempt) != 0))
        gt_checkpoint_slow();
}
int gt_spawn(struct gt_runtime *rt, gt_fn fn, void *arg, uint32_t flags, uintptr_t caller,
             struct gt_g **out);
int gt_go(gt_fn fn, void *arg); /* from a G: checkpoint, then spawn */
struct gt_g *gt_g_new(struct gt_m *m, struct gt_runtime *rt, int *err);
void gt_g_start_entry(void *g);
size_t gt_g_size(const struct gt_runtime *rt); /* with the plugins' state, above its stack */
struct gt_g *gt_spawn_blocked(struct gt_m *m, gt_fn fn, void *arg, uintptr_t caller, int *err);
/* A Runnable system G that is in no queue: the caller runs it. m has a P. NULL: *err. */
struct gt_g *gt_spawn_unqueued(struct gt_m *m, gt_fn fn, void *arg, int *err);
void gt_g_free(struct gt_m *m, struct gt_g *g);
void gt_gfree_flush(struct gt_runtime *rt, struct gt_p *p);
/* Dead Gs that nobody wanted for a cycle: taken, n at most; given back with cold stacks; those
 * that died since become the next, once none is left. */
uint32_t gt_gfree_take_idle(struct gt_runtime *rt, int32_t node, struct gt_g **out, uint32_t n);
void gt_gfree_put_cold(struct gt_runtime *rt, int32_t node, struct gt_g **gs, uint32_t n);
void gt_gfree_age(struct gt_runtime *rt, int32_t node);
void gt_g_bury(struct gt_m *m, struct gt_g *g);
void gt_yield(void);
GT_NORETURN void gt_exit(void);
GT_NORETURN void gt_execute(struct gt_m *m, struct gt_g *g, bool inherit); /* system stack */

/* Wakes an idle P when work was made and policy agrees. */
void gt_wake(struct gt_runtime *rt);
static inline void gt_wake_maybe(struct gt_runtime *rt)
{
    gt_fence_light(rt); /* pair: asym */ /* I8 */
    if (gt_unlikely(gt_load_relaxed(&rt->idle_ps) != 0))
        gt_wake(rt);
}

/* ---- M and P (m.c, p.c, procs.c) ---------------------------------------------------------- */
void gt_m_start(struct gt_runtime *rt, struct gt_p *p, bool spinning); /* p NULL: an idle one */
void gt_m_stop(struct gt_m *m);                                        /* park until given a P */
void gt_m_stop_locked(struct gt_m *m);
void gt_m_start_locked(struct gt_m *m, struct gt_g *g);
GT_NORETURN void gt_m_exit(struct gt_m *m);
struct gt_m *gt_m_alloc(struct gt_runtime *rt);
/* m's locked G has ended: the thread may carry what the G did to it and ends too. */
GT_NORETURN void gt_m_end_locked(struct gt_m *m);
void gt_m_set_lockedg(struct gt_m *m, struct gt_g *g); /* NULL: unlocked */
/* The next thread on m is another: another serial, so that whatever the one before left behind
 * (journal, trace, thread id) is told apart. m is gone. */
void gt_m_renew(struct gt_m *m);
void gt_m_init_thread(struct gt_m *m);
void gt_m_fini_thread(struct gt_m *m);
void gt_m_enter(struct gt_m *m, void (*fn)(void *)); /* runs fn(m) on this thread's rest */
void gt_p_acquire(struct gt_m *m, struct gt_p *p); /* Idle -> Running, ProcStart */
struct gt_p *gt_p_release(struct gt_m *m, enum gt_pstatus to);
void gt_p_wire(struct gt_m *m, struct gt_p *p);
void gt_p_bind(struct gt_m *m, struct gt_p *p); /* the calling thread goes to p's place */
/* m's thread is there. Context: m's own, or m parked and the scheduler lock held. */
bool gt_m_is_bound_to(const struct gt_m *m, const struct gt_p *p);
/* Where on the list of idle Ms the one for p stands; NULL there: none is idle. sched_lock held */
struct gt_m **gt_m_idle_for(struct gt_runtime *rt, const struct gt_p *p);
/* Scheduler lock held, p Idle in m's hands: a stopper or a safe-point round may want it.
 * true: the stopper took it. */
bool gt_p_stopper_takes(struct gt_m *m, struct gt_p *p);
void gt_p_handoff(struct gt_m *m, struct gt_p *p);
struct gt_p *gt_p_idle_get(struct gt_runtime *rt, int32_t near); /* sched_lock held */
struct gt_p *gt_p_idle_take(struct gt_runtime *rt, int32_t id);  /* this one, if idle */
void gt_p_idle_put(struct gt_runtime *rt, struct gt_p *p);
void gt_check_deadlock(struct gt_runtime *rt); /* sched_lock held */
int gt_procs_resize(struct gt_m *m, int32_t n); /* world stopped by m */

/* ---- world.c ------------------------------------------------------------------------------- */
void gt_world_lock(struct gt_runtime *rt);
void gt_world_unlock(struct gt_runtime *rt);
void gt_world_stop(struct gt_runtime *rt, enum gt_world_kind kind); /* takes the semaphore */
void gt_world_start(struct gt_runtime *rt);
/* The same for who holds the semaphore before and goes on holding it. */
void gt_world_stop_held(struct gt_runtime *rt, enum gt_world_kind kind);
void gt_world_start_held(struct gt_runtime *rt);
void gt_m_stop_for_world(struct gt_m *m); /* system stack: gives the P to the stopper */
/* The calling G goes on running, modelled as Waiting with a running reason, so that a
 * suspender gets its scan bit. Pins the M. The function that calls it calls gt_g_pretend_end
 * too, and does not return in between (S2 of gc_scan.c). */
void gt_g_pretend_wait(struct gt_m *m, enum gt_wait_reason why);
void gt_g_pretend_end(struct gt_m *m);
/* Runs fn for each P at a safe point. World semaphore held; from a G, which waits for form's
 * sake, as `why` says. */
void gt_each_p_safe(struct gt_runtime *rt, enum gt_wait_reason why,
                    void (*fn)(struct gt_p *, void *), void *arg);
int gt_set_procs(int32_t n);
int gt_procs_first(struct gt_runtime *rt);
void gt_preempt_all(struct gt_runtime *rt);
void gt_preempt_p(struct gt_runtime *rt, struct gt_p *p);
void gt_run_safe_fn(struct gt_m *m, struct gt_p *p);
bool gt_suspend_g(struct gt_runtime *rt, struct gt_g *g, struct gt_trace_g_view *v);
void gt_resume_g(struct gt_runtime *rt, struct gt_g *g);

/* ---- syscall.c --------------------------------------------------------------------------------- */
void gt_syscall_enter(void);
void gt_syscall_enter_blocking(void);
void gt_syscall_exit(void);
/* gt_syscall_enter with gc_sp and gc_regs as they are. */
__attribute__((visibility("hidden"))) void gt_syscall_enter_kept(void);
/* Takes p out of the system call its M is in, if it is in one: p then is `to` and the
 * caller's. One section round the change and its ProcSteal. */
bool gt_p_steal_syscall(struct gt_m *m, struct gt_p *p, enum gt_pstatus to);

/* ---- profile.c: CPU samples. As the host's ops of that name ------------------------------- */
int gt_profile_start(struct gt_runtime *rt, uint32_t hz, const gt_a64 *generation);
void gt_profile_stop(struct gt_runtime *rt);
void gt_profile_read(struct gt_runtime *rt, uint64_t w, bool ended,
                     void (*fn)(const struct gt_profile_sample *s, void *arg), void *arg);
uint64_t gt_profile_lost(struct gt_runtime *rt);
/* A thread becomes an M, and leaves. Scheduler lock held. 0, negative errno: no samples of it. */
int gt_profile_join(struct gt_m *m);
void gt_profile_leave(struct gt_m *m);
void gt_profile_fini(struct gt_runtime *rt);

/* ---- report.c ------------------------------------------------------------------------------- */
/* ---- sysmon.c, preempt.c, extra.c, dump.c ------------------------------------------------------- */
void gt_sysmon_main(void *m);
void gt_sysmon_wake(struct gt_runtime *rt); /* sched_lock held */
void gt_alarm(struct gt_runtime *rt, struct gt_sema *s, int64_t when); /* gt_tracer_host.alarm */
int gt_preempt_init(void);
void gt_preempt_fini(void);
int gt_callback(struct gt_runtime *rt, gt_fn fn, void *arg);
void gt_callback_left(struct gt_runtime *rt);
void gt_thread_lock(void); /* the calling G stays on its thread; nests */
void gt_thread_unlock(void);
GT_NORETURN void gt_syscall_exit_slow(struct gt_m *m); /* system stack, G in Syscall, no P */
#if GT_FAULTS && GT_ORACLE
void gt_syscall_exit_with_oldp(struct gt_m *m); /* fault foreign_keeps_p */
#endif
bool gt_stack_overflow(struct gt_sigctx *ctx); /* SIGSEGV: reports and aborts if it is one;
                                                   true: an unowned stack, the access goes on */
void gt_report_overflow(struct gt_runtime *rt, struct gt_g *g, struct gt_sigctx *ctx);
void gt_warn(struct gt_runtime *rt, const char *fmt, ...) GT_PRINTF(2, 3); /* one line, stderr */
void gt_dump(struct gt_runtime *rt, int fd);
void gt_dump_named(struct gt_runtime *rt, int fd); /* looks names up first: a healthy process */

/* ---- coro.c ------------------------------------------------------------------------------------ */
struct gt_coro *gt_coro_new(gt_fn fn, void *arg);
bool gt_coro_switch(struct gt_coro *c);
void gt_coro_free(struct gt_coro *c);
void gt_coro_finish(void *m);
void gt_coro_nothing(void *arg);

/* ---- timer.c ---------------------------------------------------------------------------------------- */
int gt_timers_init(struct gt_p *p);
void gt_timers_fini(struct gt_p *p);
/* Runs what is due on p. *next: when the next is due, 0 none. true: something ran.
 * System stack, owner of p or (for other Ps) any M with a P. */
bool gt_timers_run(struct gt_m *m, struct gt_p *p, int64_t now, int64_t *next);
int64_t gt_timers_next(struct gt_p *p); /* 0 none; no lock; any p of allp */
int64_t gt_timers_next_all(struct gt_runtime *rt);
void gt_timers_move(struct gt_p *from, struct gt_p *to); /* world stopped */
void gt_sleep(int64_t ns);

/* ---- netpoll.c ----------------------------------------------------------------------------------------- */
/* Appends Gs that became ready. timeout_ns: 0 at once, < 0 for ever. Any M. */
int gt_netpoll(struct gt_runtime *rt, int64_t timeout_ns, struct gt_tasks *list);
void gt_netpoll_break(struct gt_runtime *rt); /* wakes who blocks in it */
void gt_netpoll_fini(struct gt_runtime *rt);
int gt_netpoll_init(struct gt_runtime *rt); /* idempotent */
/* A timer was armed for `when`: who blocks in the poller till later must wake. */
void gt_wake_poller(struct gt_runtime *rt, int64_t when);

/* ---- sync.c, chan.c ---------------------------------------------------------------------------------------- */
struct gt_mutex *gt_mutex_new(struct gt_runtime *rt);
void gt_mutex_free(struct gt_runtime *rt, struct gt_mutex *mu);
void gt_mutex_lock(struct gt_mutex *mu);
void gt_mutex_unlock(struct gt_mutex *mu);
bool gt_mutex_try(struct gt_mutex *mu);

/* ---- oracle -------------------------------------------------------------------------------------------------- */
enum gt_violation_class {
    GT_V_LOCK,      /* must-hold or rank */
    GT_V_STACK,     /* a stack taken or touched by who does not own it (owner.c) */
    GT_V_STATUS,    /* a transition from another status than the caller said */
    GT_V_SECTION,   /* event or P acquisition inside/outside a section against C2, C4, C5 */
    GT_V_JOURNAL,
    GT_V_TRACE, /* the tracer's own rules, by number */
    GT_V_HEAP,  /* collected memory was used after it was freed (poison mode) */
    GT_V_COUNT
};
/* Counts, records both sides on standard error, goes on; aborts when the environment says
 * GT_VIOLATION=abort (unit tests). */
void gt_violation(struct gt_runtime *rt, enum gt_violation_class c, const char *fmt, ...)
    GT_PRINTF(3, 4);
/* The same in two steps, for who has more to say in between (gt_warn). begin: true when the
 * line was printed, false when there were too many before. */
bool gt_violation_begin(struct gt_runtime *rt, enum gt_violation_class c, const char *fmt, ...)
    GT_PRINTF(3, 4);
void gt_violation_end(struct gt_runtime *rt);
GT_NORETURN void gt_throw(struct gt_runtime *rt, const char *fmt, ...) GT_PRINTF(2, 3);
#if GT_CHECKS
#define gt_assert(rt_, cond)                                                                       \
    do {                                                                                           \
        if (gt_unlikely(!(cond)))                                                                  \
            gt_throw((rt_), "%s:%d: assertion %s", __FILE__, __LINE__, #cond);                     \
    } while (0)
#else
#define gt_assert(rt_, cond) ((void)sizeof(cond))
#endif

#if GT_ORACLE
void gt_journal_add(struct gt_m *m, enum gt_jkind kind, uint64_t id, uint64_t word, uint64_t tok,
                    unsigned from, unsigned to, unsigned reason);
void gt_journal_told(struct gt_m *m, gt_tok tok, enum gt_jtold what, uint64_t id,
                     uint64_t version);
void gt_journal_leave(struct gt_m *m);
void gt_journal_free(struct gt_runtime *rt); /* the runtime ends */
/* Tracing is switched on (world stopped), or off: the epoch of entries. */
void gt_journal_epoch(struct gt_runtime *rt, bool on);
#else
static inline void gt_journal_add(struct gt_m *m, enum gt_jkind kind, uint64_t id, uint64_t word,
                                  uint64_t tok, unsigned from, unsigned to, unsigned reason)
{
    (void)m, (void)kind, (void)id, (void)word, (void)tok, (void)from, (void)to, (void)reason;
}
static inline void gt_journal_told(struct gt_m *m, gt_tok tok, enum gt_jtold what, uint64_t id,
                                   uint64_t version)
{
    (void)m, (void)tok, (void)what, (void)id, (void)version;
}
static inline void gt_journal_leave(struct gt_m *m)
{
    (void)m;
}
static inline void gt_journal_epoch(struct gt_runtime *rt, bool on)
{
    (void)rt, (void)on;
}
#endif

#include "core/status.h"

/* ---- random ------------------------------------------------------------------------------------------------------ */
static inline uint64_t gt_rand(uint64_t *s)
{
    uint64_t x = *s;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    *s = x;
    return x * 0x2545f4914f6cdd1dull;
}
#if GT_ORACLE
#include "core/told.h"
#endif
