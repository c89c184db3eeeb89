/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheduler vtable: the policy that says which runnable G runs next, on which
 * P. The run queues belong to the scheduler; the core knows none. GT_C_ONLY
 *
 * What the core promises (C) and what a scheduler promises (S):
 *   C1 A G is handed over (enqueue, enqueue_batch) once for each time it becomes
 *      runnable, and its status is Runnable before the call.
 *   C2 Calls with a P `p` come from the M that owns p, one at a time; calls with
 *      p == NULL may come from any M at any time, concurrently.
 *   C3 procs_changed and p_fini come with the world stopped.
 *   S1 A G handed over is returned by exactly one later pick or drain.
 *   S2 No op blocks the M, allocates, or makes a system call (init and p_init may).
 *   S3 has_work sees every G whose enqueue finished before the call began: the core
 *      parks an M only after has_work said no.
 *   S4 enqueue publishes the G with release; pick takes it with acquire: what its
 *      last M did is visible to its next.
 *   S5 Fairness: with k Gs runnable and constant, none waits for more than
 *      `fairness(k)` picks on one P. A chain of picks with GT_PICK_INHERIT is one: the
 *      core ends it after so many. A policy does not break it, or it gets a new slice.
 */
#pragma once
#include "gauntlet/objects.h"
#include "gauntlet/os.h"
#include "gauntlet/plugin.h"

/* Flags: what is required with them. */
#define GT_SCHED_STEALS 1u     /* pick(GT_PICK_STEAL) may return a G of another P */
#define GT_SCHED_NUMA 2u       /* uses node states: needs node_state > 0 */
#define GT_SCHED_FIFO 4u       /* keeps strict arrival order over all Ps of a node */

enum gt_enqueue_kind {
    GT_ENQ_NEXT,      /* made runnable by the G that runs on p: may run next, in its slice */
    GT_ENQ_LOCAL,     /* behind what p has */
    GT_ENQ_YIELD,     /* gave up p by itself: everything else runnable on p goes first */
    GT_ENQ_PREEMPTED, /* was made to give up p: as unfriendly as the policy likes */
    GT_ENQ_GLOBAL,    /* no P at hand (p may be NULL): syscall exit without a P */
};

enum gt_pick_from {
    GT_PICK_QUEUES, /* p's own queue, and by the policy's rule the shared ones */
    GT_PICK_STEAL,  /* other Ps, other nodes, and once more the shared ones */
};
/* *flags of pick */
#define GT_PICK_INHERIT 1u /* runs in the time slice of the G before it */

/* What the idle policy decides on. A snapshot, possibly stale. */
struct gt_idle_view {
    int32_t procs;    /* number of Ps */
    int32_t idle;     /* of them without an M */
    int32_t spinning; /* Ms that look for work */
    int32_t cpus;     /* CPUs the runtime may use */
    int32_t p;        /* the P whose M asks, -1 none */
    int32_t node;     /* its node */
};

struct gt_scheduler_stats {
    /* Gs handed over; Gs returned by pick, each counted once: from p's own queue (also one
     * that an earlier steal left there), from a shared one, by a steal. */
    uint64_t enqueued, picked_local, picked_global, stolen, steal_attempts;
    uint64_t stolen_by_distance[8]; /* of stolen. 0: same node; then by rank of distance */
    uint64_t overflowed;            /* Gs moved from a full local queue to a shared one */
};

struct gt_scheduler_host {
    struct gt_plugin_head head; /* GT_MAGIC_HOST */
    const struct gt_os *os;
    struct gt_runtime *rt;
    int32_t cpus;
    int32_t nodes;
    /* Zeroed memory on a node (-1: any), cache-line aligned, or NULL. Context: init,
     * p_init, procs_changed. */
    void *(*alloc)(const struct gt_scheduler_host *h, size_t size, int32_t node);
    void (*free)(const struct gt_scheduler_host *h, void *p, size_t size);
    /* P by id, NULL when it was never alive. Any context. A P once seen stays valid. */
    struct gt_proc *(*p)(const struct gt_scheduler_host *h, int32_t id);
    int32_t (*procs)(const struct gt_scheduler_host *h); /* number of Ps alive */
    void *(*node_state)(const struct gt_scheduler_host *h, int32_t node);
    /* Distance between nodes as the firmware tells it (10 = local). */
    int32_t (*distance)(const struct gt_scheduler_host *h, int32_t a, int32_t b);
    /* Random bits; p: the caller's P. */
    uint32_t (*random)(const struct gt_scheduler_host *h, struct gt_proc *p);
    /* Wakes an M for idle P `id` (-1: any) if there is one. Not under a plugin lock. */
    void (*wake)(const struct gt_scheduler_host *h, int32_t id);
    /* Polls the network once without blocking; found Gs come by enqueue_batch.
     * Returns how many. Context: pick, without plugin locks. */
    int32_t (*poll)(const struct gt_scheduler_host *h);
    const gt_a32 *fault; /* for GT_FAULT_IN (fault.h) */
};

struct gt_scheduler_ops {
    struct gt_plugin_head head; /* GT_MAGIC_SCHEDULER */

    /* Sizes of private state, bytes; zeroed memory of that size hangs off the
     * runtime, each node, each P (gt_proc.sched) and each G (gt_task.sched). */
    uint32_t runtime_state, node_state, p_state, g_state;

    /* Required. When: once, before any P exists. Context: a thread's stack, may
     * block. Owns: s until fini. Trace: none. Return: 0 or negative errno. */
    int (*init)(void *s, const struct gt_scheduler_host *host);
    /* Required. When: once, after all Ps are gone. */
    void (*fini)(void *s);

    /* Optional. When: a P is made, before its first use. Context: world stopped or
     * not started; may allocate through the host. Return: 0 or negative errno: the
     * P is then not made. */
    int (*p_init)(void *s, struct gt_proc *p);
    /* Optional. When: the runtime ends. World stopped; its queue was drained. */
    void (*p_fini)(void *s, struct gt_proc *p);

    /* Required. When: a G became runnable. Not when it goes on running. Context: the
     * M that owns p (system stack or a G's), core locks may be held when p is NULL.
     * Owns: the G passes to the scheduler. Trace: none, its event was written. */
    void (*enqueue)(void *s, struct gt_proc *p, struct gt_task *g, enum gt_enqueue_kind kind);
    /* Required. When: netpoll, timers, a drained P hand over a list, in order.
     * p may be NULL. Owns: all Gs pass; `batch` is empty afterwards. The order inside
     * the batch is kept up to the scheduler's own interleaving with others. */
    void (*enqueue_batch)(void *s, struct gt_proc *p, struct gt_tasks *batch);
    /* Required. When: an M with a P looks for work. Context: system stack, no locks.
     * Never blocks. Owns: the returned G passes to the core. Trace: none.
     * Return: a G or NULL. *flags is 0 on entry. */
    struct gt_task *(*pick)(void *s, struct gt_proc *p, enum gt_pick_from from, uint32_t *flags);
    /* Required. When: an M is about to park (its P is Idle already), sysmon, deadlock
     * check. p: whose own queue to look at first, NULL: everything. Return: true when any
     * G is queued. A policy that ties Gs to certain Ps leaves out those whose Ps all run:
     * they look again before they go idle, and any other P would look in vain. */
    bool (*has_work)(void *s, struct gt_proc *p);
    /* Optional. Are there Gs on p's own queue alone? For a hand-off: NULL = has_work(p). */
    bool (*p_has_work)(void *s, struct gt_proc *p);

    /* Optional. When: an M found nothing. Return: ns for which it may spin looking
     * (0: park at once). NULL: as Go, one round if fewer than half of the busy Ps
     * spin. */
    int64_t (*spin)(void *s, const struct gt_idle_view *v);
    /* Optional. When: work was made and Ps are idle. Return: wake one more? NULL: as
     * Go, when nobody spins. */
    bool (*want_wake)(void *s, const struct gt_idle_view *v);
    /* Optional. When: a P is to be taken from the idle ones. Context: scheduler lock
     * held. mask: bit per idle P; near: P that asks, -1 none. Return: an id in the
     * mask, or -1 for the core's choice (lowest). */
    int32_t (*choose_idle)(void *s, int32_t near, const uint64_t *mask, uint32_t words);

    /* Optional. When: the number of Ps changed. World stopped. */
    void (*procs_changed)(void *s, int32_t before, int32_t now);
    /* Required. When: p dies (world stopped) or the runtime ends. Owns: every G on
     * p's own queue passes to the core, appended to *out in the order they would have
     * run. */
    void (*drain)(void *s, struct gt_proc *p, struct gt_tasks *out);
    /* Required. When: the runtime ends: the Gs on shared queues. */
    void (*drain_shared)(void *s, struct gt_tasks *out);

    /* Optional. Adds to *out; may be stale while running. */
    void (*stats)(void *s, struct gt_scheduler_stats *out);
    /* Required. Most picks on one P before a G queued among k runnable ones runs,
     * one P. For the conformance test and the docs. */
    uint64_t (*fairness)(uint64_t k);
};
