/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The faces of G, M and P that plugins see. GT_C_ONLY
 *
 * Each is the first member of the core's own struct. Unless a field says
 * otherwise it belongs to the core and plugins only read it.
 */
#pragma once
#include "gauntlet/atomic.h"
#include "gauntlet/section.h"
#include "gauntlet/types.h"

/*
 * Status word of a G (and, without a scan bit, of a P):
 *   bits 0..3 status   bit 4 scan: somebody holds the G still   bit 5 its P was taken
 *   bits 8..63 version
 * The version grows by one with each transition and not with the scan bit, so per
 * G and P the true order of transitions is known without further synchronisation.
 */
#define GT_STATUS_MASK 0xfu
#define GT_STATUS_SCAN 0x10u
#define GT_STATUS_LOST 0x20u /* Syscall: its M's P was taken (scanbit model) */
#define GT_STATUS_VERSION_SHIFT 8
#define GT_STATUS_VERSION_ONE (1ull << GT_STATUS_VERSION_SHIFT)
static inline unsigned gt_status_of(uint64_t word)
{
    return (unsigned)(word & GT_STATUS_MASK);
}
static inline uint64_t gt_status_version(uint64_t word)
{
    return word >> GT_STATUS_VERSION_SHIFT;
}

/* A G as plugins see it. */
struct gt_task {
    /* Owner: while the G is runnable and in a queue, the scheduler; else the core. */
    struct gt_task *link;
    uint64_t id;  /* never reused within a runtime */
    void *sched;  /* the scheduler's state for it, zeroed when the struct is new */
    void *trace;  /* the tracer's, likewise; kept when the struct is reused */
    gt_a64 status;
    gt_a64 scan_holder; /* serial of the M that holds the scan bit, 0 none */
    int32_t node;       /* NUMA node of its stack, -1 unknown */
    gt_a32 wait_reason; /* enum gt_wait_reason while Waiting */
};

/*
 * Fetches what the start of a G touches: its struct stands at the top of its stack. For a
 * queue that knows which comes next. t may be stale, or NULL: structs of Gs stay mapped,
 * and a prefetch does not fault.
 */
static inline void gt_task_prefetch(const struct gt_task *t)
{
    uintptr_t line = (uintptr_t)t; /* a number: NULL less a line is no pointer */
    __builtin_prefetch((const void *)(line - 64), 1);
    __builtin_prefetch((const void *)line, 1);
    __builtin_prefetch((const void *)(line + 64), 1);
}

/* A P as plugins see it. */
struct gt_proc {
    int32_t id;
    int32_t node; /* NUMA node index, 0.. */
    void *sched;
    void *trace;
    gt_a64 status;
};

/* An M as plugins see it. */
struct gt_mach {
    uint64_t serial;   /* never reused, from 1 */
    int32_t tid;       /* the kernel's thread id: comes back */
    struct gt_proc *p; /* NULL: none. Written by: this M. Read by: this M; others under the scan bit */
    struct gt_task *g; /* the current user G, NULL: none. Likewise */
    void *trace;
    gt_a64 events; /* oracle build: ordinal of the next event on this M. Written by: this M */
    /* Of a tracer with GT_TRACER_CORE_SECTIONS. Written by: this M, and its m_dies */
    struct gt_section section;
};

/* A list of Gs through gt_task.link. */
struct gt_tasks {
    struct gt_task *head, *tail;
    uint32_t n;
};
static inline void gt_tasks_push(struct gt_tasks *l, struct gt_task *t)
{
    t->link = NULL;
    if (l->tail)
        l->tail->link = t;
    else
        l->head = t;
    l->tail = t;
    l->n++;
}
static inline struct gt_task *gt_tasks_pop(struct gt_tasks *l)
{
    struct gt_task *t = l->head;
    if (t) {
        l->head = t->link;
        if (!l->head)
            l->tail = NULL;
        l->n--;
        t->link = NULL;
    }
    return t;
}
static inline void gt_tasks_append(struct gt_tasks *l, struct gt_tasks *more)
{
    if (!more->head)
        return;
    if (l->tail)
        l->tail->link = more->head;
    else
        l->head = more->head;
    l->tail = more->tail;
    l->n += more->n;
    more->head = more->tail = NULL;
    more->n = 0;
}

/* A short spin lock for plugins: holders do not block and do not call the host. */
struct gt_spin {
    gt_a32 w;
};
static inline bool gt_spin_try(struct gt_spin *s)
{
    uint32_t e = 0;
    return gt_load_relaxed(&s->w) == 0 && gt_cas_acquire(&s->w, &e, 1u); /* pair: spin */
}
static inline void gt_spin_lock(struct gt_spin *s)
{
    if (!gt_spin_try(s))
        gt_await(&s->w, gt_spin_try(s));
}
static inline void gt_spin_unlock(struct gt_spin *s)
{
    gt_store_release(&s->w, 0u); /* pair: spin */
}
