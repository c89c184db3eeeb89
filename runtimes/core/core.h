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
#include "core/alloc.h"
#include "core/bound.h"
#include "core/jnote.h"
#include "core/lock.h"
#include "core/offsets.h"
#include "core/perturb.h"
#include "core/stack.h"
#include "core/topology.h"
#include "gauntlet/fault.h"
#include "gauntlet/journal.h"
#include "gauntlet/runtime.h"
#include "gauntlet/scheduler.h"
#include "gauntlet/tracer.h"
#include "port/port.h"

struct gt_cpu_ring;
struct gt_gc;
struct gt_gc_marker;
struct gt_gc_p;
struct gt_waiter;
struct gt_runtime;

#define GT_FAULT(sym) GT_FAULT_IN(&rt->fault, sym)

/* ---- journal (oracle build) ------------------------------------------------ */
struct gt_jblock {
    struct gt_jblock *next;
    uint32_t n, cap;
    struct gt_jentry e[];
};
struct gt_journal { /* Written by: its M. Handed to the runtime when the M leaves. */
    struct gt_jblock *head, *tail;
    uint64_t total;
    uint64_t lost; /* entries not kept because the round was full: the round is void */
};

/* ---- G ------------------------------------------------------------------------ */
enum {
    GT_GF_SYSTEM = 1u,
    GT_GF_MAIN = 2u,
    GT_GF_EXTRA = 4u,
    GT_GF_IN_HANDLER = 8u, /* stopped by signal: the handler may sleep below its sp */
};

/* One G's place in one wait queue; select uses an array of them. */
struct gt_waiter {
    struct gt_waiter *next, *prev;
    struct gt_g *g;
    struct gt_chan *chan;
    void *elem;
    uint32_t index; /* select: which case */
    bool select;
    bool ok; /* woken by a transfer, not by close */
    bool queued;
};

/*
 * In the order of use: who makes, starts, parks, readies or ends a G touches its first two
 * cache lines and the one below, where its stack begins; the rest is for rarer needs. The
 * struct stands at the top of the stack, aligned to a line. A Dead G has lockedm, lock_depth
 * and callback_depth 0.
 */
struct gt_g {
    struct gt_task t; /* first: the face for plugins */
    GT_APTR(struct gt_m) m; /* its M while Running or Syscall, else NULL */

    /* Owner: its M while Running or Syscall; holder of the scan bit otherwise. */
    struct gt_ctx ctx;

    /* Written by: the G's own M, and before it runs by who makes it. */
    struct gt_m *lockedm; /* locked to this M */
    gt_fn fn;             /* its argument: gt_g_arg */
    uintptr_t created_at; /* return address in the spawner */
    uint64_t created_by;  /* its goid */

    gt_a32 preempt_stop; /* set by others: tag of the running stretch that a suspender waits to
                            end, 0 none */
    gt_a8 permit;        /* set by others: ready() before park() */
    uint8_t flags;       /* GT_GF_* */
    bool async_ok;       /* opted in to preemption by signal */

    struct gt_stack stack;
    uint32_t lock_depth;              /* lock_thread nesting */
    uint32_t callback_depth;          /* called back from inside a system call */
    uintptr_t syscall_fp, syscall_pc; /* where it entered its system call: the walk starts there */
    gt_a32 select_done; /* set by others; select: the first to swap 0 -> 1 wakes it */

    /* Given by the waker before ready(), read after the park. */
    struct gt_waiter *wake_waiter;
    struct gt_waiter waiter; /* the one most waits need */

    /* The collector's. Written by: the G's own M, or holder of the scan bit. */
    int64_t gc_credit;   /* bytes of marking done in advance; < 0: owed */
    uint64_t gc_cycle;   /* the last one in which its stack was scanned */
    bool gc_assisting;   /* between the events of an assist: gt_trace_assist */
    void *gc_sp; /* in a system call, or a wait for form's sake: its frames above this stand
                    still; NULL: they do not (gc_scan.c) */
    void *gc_regs[GT_GC_REGS]; /* registers that a callee keeps, as they were then */
    uint64_t gc_credit_in;     /* the cycle that gc_credit is of (A1 of gc_assist.c) */
    uintptr_t sig_lo, sig_hi;  /* GT_GF_IN_HANDLER: what lies of its registers there */
    uint64_t shrink_seen;   /* gc_stack.c: version of the status at the last look, + 1 */
    uint8_t shrink_wait;    /* looks to pass over */
    uint8_t shrink_backoff; /* how many after the next look, as a power of two */
    bool shrink_done;       /* nothing to give back since shrink_seen */
#if GT_ORACLE
    gt_a64 sealed; /* poison: what of its stack is inaccessible: end of the pages, bit 0: light
                      guard; 0 nothing. Set by: holder of the scan bit. Cleared by: who swaps */
#endif

    struct gt_timer *sleep_timer;
    void *park_arg; /* of the park in progress, for wait queues */
    uint32_t rng;

    struct gt_g *all_next; /* list of all Gs. Guarded by: rt->allg_lock */
    struct gt_runtime *rt;
};

_Static_assert(offsetof(struct gt_g, stack) <= 2 * GT_CACHE_LINE, "two lines");

/* The first word of g's stack: making a G then touches no line more. */
static inline void **gt_g_arg(struct gt_g *g)
{
    return (void **)(void *)g - 1;
}
/* Where its frames begin; 16-byte aligned. */
static inline void *gt_g_top(struct gt_g *g)
{
    return (char *)g - 16;
}
/* A word beside the first, for who made it: kept alive as the argument is. */
static inline void **gt_g_arg2(struct gt_g *g)
{
    return (void **)(void *)g - 2;
}
/* It is about to be in a system call that it did not enter: it holds its argument only. */
static inline void gt_g_at_top(struct gt_g *g)
{
    g->gc_sp = gt_g_top(g);
    for (int i = 0; i < GT_GC_REGS; i++)
        g->gc_regs[i] = NULL;
}

/* ---- M ------------------------------------------------------------------------ */
#define GT_HELD_MAX 16
typedef bool (*gt_park_fn)(struct gt_g *g, void *arg);

struct gt_m {
    struct gt_mach t; /* first */
    struct gt_runtime *rt;

    /* Written by: this M. */
    uint32_t locks; /* > 0: pinned */
    bool spinning;
#if GT_ORACLE
    uint32_t sections; /* of the tracer's, open now */
#endif
    bool suspend_pretends; /* the outermost gt_suspend_g models this G as waiting */
    uint32_t suspends;     /* Gs held by their scan bits through gt_suspend_g */
    bool extra;       /* lent to foreign threads */
    struct gt_m *async_saved; /* lockedm of a G stopped in the handler */
    struct gt_ctx async_ctx;  /* and its context as it was */
    struct gt_p *bound_to; /* whose place the thread is bound to */
    char bind_error[96];
    void *sys_top;    /* top of the system stack while a G runs */
    struct gt_ctx exit_ctx; /* back to where the thread entered the runtime */
    struct gt_fiber sys_fiber;
    struct gt_g *dead_g; /* whose stack is given back once we are off it */
    gt_park_fn park_fn;  /* of the park in progress */
    void *park_fn_arg;
    struct gt_p *oldp;     /* P at syscall entry */
    uint32_t syscall_tick; /* and its tick */
    uint64_t rng;
    struct gt_altstack altstack;
    uint64_t signal_mask; /* of the thread before it became an M */
    struct gt_thread thread; /* known when has_thread */
    GT_APTR(struct gt_cpu_ring) cpu_ring; /* profile.c. NULL until first needed */
    struct gt_ticker ticker;              /* Guarded by: rt->sched_lock */

    /* Written by: who hands a P to this parked M, before waking it. */
    struct gt_note park;
    struct gt_p *nextp;
    bool next_spinning;

    /* Guarded by: rt->sched_lock. */
    struct gt_m *all_next; /* all Ms */
    struct gt_m *idle_next;
    bool idle;
    bool gone;          /* its thread has left */
    bool has_thread;    /* who started the thread has said so: it can be joined */
    bool ended;         /* the thread has done its last */
    struct gt_g *lockedg; /* Written by: this M; read by others under sched_lock */
    struct gt_m *extra_next; /* Guarded by: rt->extra_lock */
    struct gt_g *extra_g;
    int32_t extra_depth;

#if GT_CHECKS
    struct gt_lock *held[GT_HELD_MAX];
    uint32_t nheld;
#endif
#if GT_ORACLE
    struct gt_journal journal; /* Guarded by: journal_lock */
    struct gt_spin journal_lock;
    gt_a64 transitions;
    struct gt_jnote jnote;
    struct gt_perturb_m perturb;
#endif
};

/* ---- P ------------------------------------------------------------------------ */
struct gt_timers; /* timer.c */

_Static_assert(offsetof(struct gt_m, t.g) == GT_OFFSET_M_G &&
                   offsetof(struct gt_g, gc_sp) == GT_OFFSET_G_GC_SP &&
                   offsetof(struct gt_g, gc_regs) == GT_OFFSET_G_GC_SP + 8,
               "as offsets.h has it");

struct gt_pcounts { /* Written by: the P's owner. Read by: anyone, later. */
    gt_a64 switches, spawned, exited, parks, readies, syscalls, preempted, preempted_async;
    gt_a64 timers_run, injected, netpolls;
};

struct GT_ALIGNED gt_p {
    struct gt_proc t; /* first */
    struct gt_runtime *rt;
    GT_APTR(struct gt_m) m;    /* owner, NULL idle */
    gt_a32 preempt;            /* the G on it shall give way at its next checkpoint */
    gt_a32 sched_tick;         /* grows with each G started in a new slice */
    gt_a32 syscall_tick;       /* grows when a syscall ends or is stolen from */
    gt_a32 async;              /* the G on it may be preempted by signal */
    gt_a32 safe_fn;            /* a function waits to run at a safe point */
    GT_APTR(struct gt_g) sysg; /* last G that entered a syscall on it */
    uint32_t inherited;        /* picks in a row that inherited the slice */
    uint32_t steal_tick;
    uint64_t rng;
    struct gt_timers *timers;
    struct gt_gc_p *gc; /* gc.h */
    gt_ai64 timer_next; /* when the earliest of them is due, 0 none. Written under their lock */
    struct gt_pcounts count;

    /* Gs that died here, with their stacks, all of this node. Written by: owner. */
    struct gt_g *gfree;
    uint32_t ngfree;
    uint64_t goid_next, goid_end; /* ids handed out in blocks */

    /* Written by: sysmon. */
    struct {
        uint32_t sched_tick, syscall_tick;
        int64_t sched_when, syscall_when;
        bool warned;
    } seen;
    struct gt_place place;
    struct gt_p *runnable_next; /* procs change: list of Ps with work */
};

/* Dead Gs whose stacks lie on one node. */
struct gt_gfree { /* Guarded by: rt->gfree_lock */
    struct gt_g *head; /* died lately */
    struct gt_g *idle; /* not wanted for a cycle of the collector */
    struct gt_g *cold; /* their stacks' pages were given back */
    gt_a32 any;        /* a hint: is it worth the lock? Written by: its holder */
};

/* ---- runtime -------------------------------------------------------------------- */
/* What every search for the next G has to look at besides the queues. */
enum gt_loop_hint {
    GT_HINT_READER = 1, /* the trace reader has been woken */
    GT_HINT_GC = 2,     /* the collector marks */
};
#define GT_PMASK_WORDS (GT_PROCS_MAX / 64)

struct gt_runtime {
    /* Constant after create. */
    struct gt_config config;
    const struct gt_scheduler_ops *sched;
    const struct gt_tracer_ops *tracer;
    void *sched_state, *tracer_state;
    struct gt_scheduler_host sched_host;
    struct gt_tracer_host tracer_host;
    struct gt_os os;
    struct gt_arena *arena;
    struct gt_gc *gc; /* gc.c */
    struct gt_gc_marker *gc_marker; /* gc.h; NULL: the hooks for it are idle */
    struct gt_topo *topo;
    struct gt_stacks *stacks;
    struct gt_place *places; /* of Ps that may exist */
    int32_t n_places;
    enum gt_syscall_model syscalls;
    bool asym; /* membarrier works: light fences cost nothing */
    void **node_state;

    /* Read often, written rarely. */
    GT_ALIGNED gt_a32 trace_on; /* the hint read by every section's fast path: enum gt_trace_on */
    bool core_sections;         /* the tracer's are opened and closed inline. Constant */
    gt_a64 generation;          /* what they begin by. Written by: the tracer */
    gt_a32 stopping;            /* the world is to stop */
    gt_a64 heap_goal;           /* bytes, 0: none yet; for a trace that begins: gt_trace_heap_goal */
    gt_a32 gc_marking;          /* barriers on, workers wanted. Written with the world stopped */
    gt_a32 exiting;             /* Ms shall leave */
    gt_a32 loop_hint;           /* enum gt_loop_hint; set: no short way to the next G */
    gt_a32 fault;               /* faults build: which one */
    gt_ai32 procs;
    GT_APTR(struct gt_p) allp[GT_PROCS_MAX];
    gt_ai32 allp_len; /* made so far */

    /* Idle accounting. */
    GT_ALIGNED gt_ai32 idle_ps;
    gt_ai32 spinning;

    GT_ALIGNED struct gt_lock sched_lock;
    /* Guarded by: sched_lock */
    uint64_t idle_mask[GT_PMASK_WORDS];
    struct gt_m *idle_ms;
    int32_t n_idle_ms;
    int32_t n_locked_idle; /* locked Ms that wait for their G */
    struct gt_m *all_ms;   /* every M ever made */
    int32_t n_ms;          /* that have a thread, sysmon not counted */
    uint64_t m_serial;
    int32_t stop_wait; /* Ps still to stop */
    struct gt_note stop_note;
    bool deadlocked;
    void (*safe_fn)(struct gt_p *, void *);
    void *safe_fn_arg;
    int32_t safe_wait;
    struct gt_note safe_note;
    bool sysmon_waits;
    bool sysmon_polls; /* it may have Gs in its hands */
    struct gt_note sysmon_note;
    bool open;           /* a run has begun: callbacks may come, a deadlock may be found */
    bool begun;          /* its first G has run */
    int32_t in_callback; /* foreign threads inside */
    int32_t expected_callbacks;

    struct gt_lock sysmon_lock;
    struct gt_thread sysmon_thread;
    bool sysmon_started;
    gt_ai64 last_poll; /* 0: somebody blocks in the poller */
    gt_ai64 poll_until;
    gt_a32 exiting_syscall; /* Ms without a P that change a G: leave a system call, ... */

    /* The world semaphore: parks Gs. See world.c */
    struct gt_mutex *world_sema;
    struct gt_g *world_stopper;
    enum gt_world_kind world_kind;
    int64_t world_asked;
    int64_t world_started; /* when the last stop ended: semaphore held */

    struct gt_lock allg_lock;
    struct gt_g *all_gs; /* Guarded by: allg_lock; nodes never leave */
    gt_a64 n_gs;
    gt_a32 said_no_stack;
    gt_a64 goid_block;

    struct gt_lock gfree_lock;
    struct gt_gfree *gfree; /* one per node */

    struct gt_lock extra_lock;
    struct gt_m *extra_ms; /* Guarded by: extra_lock */
    gt_a64 n_extra;

    GT_APTR(struct gt_netpoll) netpoll; /* netpoll.c, NULL until first needed */
    gt_ai32 poll_waiters;
    gt_ai32 n_timers; /* armed */

    GT_APTR(struct gt_symbols) symbols; /* symbols.c, NULL until first needed */
    GT_APTR(struct gt_g) reader; /* parked trace reader */
    struct {
        gt_ai64 at; /* when sysmon releases it, 0: not at all */
        GT_APTR(struct gt_sema) sema; /* Written by: who first asks, for ever */
    } alarm[2];
    uint32_t cpu_hz; /* CPU samples are taken. Guarded by: sched_lock */
    bool cpu_ticks;  /* by gt_ticks. Constant while cpu_hz > 0 */
    GT_APTR(const gt_a64) cpu_generation; /* what samples bear */
    gt_a64 task_ids;

    bool sched_ready, tracer_ready, signals_ready; /* for destroy */
    bool unusable; /* threads stayed inside at the end of a run */
    struct gt_m *boot_m;   /* stands in for an M on the thread in run() */
    struct gt_m *sysmon_m;
    struct gt_m *free_ms; /* whose thread has left, by idle_next. Guarded by: sched_lock */
    uint64_t dropped;     /* Gs alive when a run ended */

    /* One run. */
    gt_fn main_fn;
    void *main_arg;
    gt_a32 closed;
    struct gt_note done;
    gt_ai32 run_status; /* 1: going on; <= 0: result */
    gt_a32 interrupted;
    struct gt_g *main_g;

    gt_a64 violations;
    gt_a64 violations_by[GT_VIOLATIONS];
    gt_a64 unowned_stacks; /* of them */
    struct {
        gt_a64 stacks_shrunk, stack_bytes_freed;
        gt_a64 ms_started, retaken, world_stops, procs_changes, handoffs, wakeups, netpolls,
            injected, callbacks, spawned, exited, transitions, unbound, thread_failures, syscalls;
    } count;
    gt_ai64 stop_ns_last, stop_ns_max;
    char error[160];

#if GT_ORACLE
    struct gt_journal journal_left; /* of Ms that left. Guarded by: sched_lock */
    gt_a32 journal_on;
    gt_a32 journal_round;
    struct gt_jblock *journal_spare; /* Guarded by: journal_spare_lock */
    struct gt_spin journal_spare_lock;
    gt_a32 journal_epoch; /* odd: a trace is on, or is about to be, or has just been */
    gt_a32 journal_marks; /* written by: who stores a generation, one at a time */
    uint64_t journal_cap; /* entries per M and round */
    struct gt_perturb perturb;
#endif
};

/* ---- faces ------------------------------------------------------------------------ */
static inline struct gt_g *gt_g_of(struct gt_task *t)
{
    return (struct gt_g *)(void *)t;
}
static inline struct gt_p *gt_p_of(struct gt_proc *p)
{
    return (struct gt_p *)(void *)p;
}
static inline struct gt_p *gt_m_p(struct gt_m *m)
{
    return gt_p_of(m->t.p);
}
static inline struct gt_g *gt_m_g(struct gt_m *m)
{
    return gt_g_of(m->t.g);
}
static inline enum gt_gstatus gt_g_status(const struct gt_g *g)
{
    return (enum gt_gstatus)gt_status_of(gt_load_relaxed(&g->t.status));
}
static inline enum gt_pstatus gt_p_status(const struct gt_p *p)
{
    return (enum gt_pstatus)gt_status_of(gt_load_relaxed(&p->t.status));
}

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

/* ---- status.c ---------------------------------------------------------------------------- */
/* The word after a change to `to`: next version; scan bit and lost mark are gone. */
static inline uint64_t gt_status_next(uint64_t w, unsigned to)
{
    return ((w & ~(GT_STATUS_VERSION_ONE - 1)) | to) + GT_STATUS_VERSION_ONE;
}
/* The same for a word that is `from` and nothing else: no scan bit, no lost mark. One add. */
static inline uint64_t gt_status_step(uint64_t w, unsigned from, unsigned to)
{
    return w + (GT_STATUS_VERSION_ONE + to - from);
}
GT_NORETURN void gt_g_wrong_status(struct gt_m *m, struct gt_g *g, unsigned want);
void gt_g_change_slow(struct gt_m *m, struct gt_g *g, gt_tok tok, enum gt_gstatus from,
                      enum gt_gstatus to);

/* What a suspender leaves in preempt_stop: which stretch of running it means. Never 0. */
static inline uint32_t gt_stop_tag(uint64_t word)
{
    return (uint32_t)(gt_status_version(word) << 1) | 1u;
}

/* For the journal: the lean build reads nothing. */
static inline unsigned gt_g_reason(struct gt_g *g)
{
    return GT_ORACLE ? gt_load_relaxed(&g->t.wait_reason) : 0;
}

/* G leaves a status in which it has one owner. No compare-and-swap: nobody else writes its
 * word (I2), since the scan bit is never put on Running or Dead (I3). */
static inline __attribute__((always_inline)) void
gt_g_leave(struct gt_m *m, struct gt_g *g, gt_tok tok, enum gt_gstatus from, enum gt_gstatus to,
           unsigned reason)
{
    uint64_t w = gt_load_relaxed(&g->t.status);
    if (GT_CHECKS && gt_unlikely((w & (GT_STATUS_VERSION_ONE - 1)) != (uint64_t)from))
        gt_g_wrong_status(m, g, from); /* the lost mark too would be added to */
    w = gt_status_step(w, from, to);
    gt_journal_add(m, GT_J_G, g->t.id, w, tok.v, from, to, reason);
    gt_store_release(&g->t.status, w); /* pair: gstatus */
}
/* By its own M. */
static inline __attribute__((always_inline)) void
gt_g_from_running(struct gt_m *m, struct gt_g *g, gt_tok tok, enum gt_gstatus to)
{
    gt_g_leave(m, g, tok, GT_G_RUNNING, to, gt_g_reason(g));
}
/* The same to Runnable. */
static inline __attribute__((always_inline)) void
gt_g_stop_running(struct gt_m *m, struct gt_g *g, gt_tok tok, enum gt_stop_reason why)
{
    gt_g_leave(m, g, tok, GT_G_RUNNING, GT_G_RUNNABLE, (unsigned)why);
}
/* By who took it from a list of dead Gs. */
static inline __attribute__((always_inline)) void
gt_g_from_dead(struct gt_m *m, struct gt_g *g, gt_tok tok, enum gt_gstatus to)
{
    gt_g_leave(m, g, tok, GT_G_DEAD, to, gt_g_reason(g));
}

/* Poison (gc_stack.c): who makes a G Running makes its stack accessible again. Here, where
 * every change to Running from a status in which a stack may have been sealed goes through. */
void gt_stack_unseal(struct gt_g *g);
static inline __attribute__((always_inline)) void gt_g_unseal_for(struct gt_g *g,
                                                                  enum gt_gstatus to)
{
#if GT_ORACLE
    if (to == GT_G_RUNNING && gt_unlikely(gt_load_relaxed(&g->sealed) != 0))
        gt_stack_unseal(g);
#else
    (void)g, (void)to;
#endif
}

/* G changes from `from`, not Running: waits while somebody holds the scan bit. Throws when
 * the status is another. */
static inline __attribute__((always_inline)) void
gt_g_change(struct gt_m *m, struct gt_g *g, gt_tok tok, enum gt_gstatus from, enum gt_gstatus to)
{
    uint64_t w = gt_load_relaxed(&g->t.status), n = gt_status_next(w, to);
    if (gt_likely((w & (GT_STATUS_MASK | GT_STATUS_SCAN)) == (uint64_t)from) &&
        gt_likely(gt_cas_acq_rel(&g->t.status, &w, n))) /* pair: gstatus */
        gt_journal_add(m, GT_J_G, g->t.id, n, tok.v, from, to, gt_g_reason(g));
    else
        gt_g_change_slow(m, g, tok, from, to);
    gt_g_unseal_for(g, to);
}
/* The same with the scan bit held by the caller, which is given back with it. */
void gt_g_change_scanned(struct gt_m *m, struct gt_g *g, gt_tok tok, enum gt_gstatus to);
/* Takes the scan bit of a G in Runnable, Waiting or Syscall: false when it is in none or
 * somebody has it. */
bool gt_g_scan_try(struct gt_m *m, struct gt_g *g);
void gt_g_scan_end(struct gt_m *m, struct gt_g *g);
/* Syscall -> Running by the G's own M, unless its P was taken (the word says so): then
 * false and no change. Scanbit model. */
bool gt_g_syscall_return(struct gt_m *m, struct gt_g *g, gt_tok tok);
/* Gives the scan bit of a Syscall G back and marks that its M's P is gone. */
void gt_g_scan_end_lost(struct gt_m *m, struct gt_g *g);
/* Running or Dead -> Syscall without a P that could be taken. */
void gt_g_to_syscall_lost(struct gt_m *m, struct gt_g *g, gt_tok tok, enum gt_gstatus from);
/* P changes by its owner, or under the lock that guards it (I4). */
void gt_p_set(struct gt_m *m, struct gt_p *p, gt_tok tok, enum gt_pstatus to);
/* P is taken out of the status that the caller saw, word and all, by whoever is first. */
bool gt_p_take(struct gt_m *m, struct gt_p *p, gt_tok tok, uint64_t seen, enum gt_pstatus to);

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
