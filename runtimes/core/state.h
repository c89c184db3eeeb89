/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the core keeps of a G, an M, a P and the runtime: data, and the ways from the one to the
 * other. Who may write what, and when, is in the invariants of core.h (I1..) and beside the fields.
 */
#pragma once
#include "core/alloc.h"
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
