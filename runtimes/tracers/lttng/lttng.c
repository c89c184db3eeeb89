/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lttng: the events of the protocol as LTTng-UST tracepoints, so that what our tracers cost stands
 * beside what the field's standard costs. A plugin, opened when it is asked for by name.
 *
 * It holds the tracepoints; their probes, and with them liblttng-ust and its threads, are another
 * object, which session.c loads when a runtime is made: in the process that will run it. The verbs
 * of the command line open this object to look at its table and fork their cells afterwards;
 * LTTng's threads would not be in those.
 *
 * Invariants:
 *   I1 As in `count`: an M counts in its own state, which its death, under the scheduler lock,
 *      adds to the runtime's.
 *   I2 (T3) The session is stopped after every M was seen outside of a section. So what was
 *      counted is what the session got, and what it discarded is all that is missing.
 *   I3 A tracepoint is called inside a section, where its M is pinned: LTTng's thread-local state
 *      (nesting, the reader lock) is that of one thread from begin to end.
 *   I4 A stack's number is a hash of its frames. Their list is written before the first event on
 *      an M that names it, per trace: the M remembers by the trace's number.
 * Progress: T1 but for the first event of a thread, at which LTTng registers the thread and takes
 * a lock of its own to do so.
 * Limits: no status of the Gs and Ps that are there when the trace starts, no CPU samples, no
 * clock of ours: LTTng takes CLOCK_MONOTONIC. One trace at a time in a process. A tracepoint needs
 * less than 2 KiB of the stack of the G that it stands on.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gauntlet/section.h"
#include "gauntlet/tracer.h"
#include "gauntlet/tracing.h"
#include "session.h"

#define LTTNG_UST_TRACEPOINT_DEFINE
#define LTTNG_UST_TRACEPOINT_PROBE_DYNAMIC_LINKAGE
#include "events.h"

enum { FRAMES = 64, KNOWN = 256, WAYS = 4, LINE = 512 };

struct lttng_m { /* Written by: its M. */
    gt_a64 events;
    struct known { /* I4: in one of WAYS places */
        uint64_t stack, trace;
    } known[KNOWN];
    uint32_t turn;
};

struct lttng {
    const struct gt_tracer_host *host; /* constant after init */
    bool asym;
    gt_a32 tracing; /* 0 no, 1 starting or stopping, 2 yes: who swaps it to 1 goes on */
    uint64_t trace; /* its number, the token of sections: above those that mean no section. Written
                       by: who has swapped `tracing` */
    bool open;      /* LTTng has a session of ours. Written by: likewise, and run_ended */
    gt_a64 events;  /* of Ms that have left. Guarded by: the scheduler lock */
    gt_a64 discarded;
};

/* ---- control ------------------------------------------------------------------------------- */
static int lttng_init(void *state, const struct gt_tracer_host *host)
{
    struct lttng *t = state;
    char err[LINE];
    t->host = host;
    t->asym = gt_section_asym(host->os);
    t->trace = GT_TOK_NONE_V;
    int rc = gt_lttng_open(err, sizeof err);
    if (rc != 0)
        host->warn(host, err);
    return rc;
}

static void lttng_fini(void *state)
{
    (void)state;
}

static void see_section(struct gt_mach *m, void *arg)
{
    *(bool *)arg |= !gt_section_clear(&m->section);
}

static void switch_off(struct lttng *t)
{
    const struct gt_tracer_host *h = t->host;
    gt_store_release(h->generation, 0u); /* pair: generation */
    gt_trace_stored(h, 0);
    h->set_enabled(h, false);
    gt_section_fence(h->os, t->asym);
    gt_tracer_await_clear(h, see_section); /* I2 */
}

static int lttng_start(void *state, const struct gt_trace_options *o)
{
    struct lttng *t = state;
    char err[LINE];
    uint32_t no = 0;
    (void)o;
    if (!gt_cas_acq_rel(&t->tracing, &no, 1u)) /* pair: lttng-tracing */
        return -EBUSY;
    t->host->syscall_enter();
    int rc = gt_lttng_start(err, sizeof err);
    t->open = rc == 0;
    t->host->syscall_exit();
    if (rc == 0)
        gt_tracer_switch_on(t->host, t->asym, t->host->generation, ++t->trace);
    else
        t->host->warn(t->host, err);
    gt_store_release(&t->tracing, rc == 0 ? 2u : 0u); /* pair: lttng-tracing */
    return rc;
}

/* Ends the session, once: what fails is not tried again. -ENOBUFS: events are missing, so what the trace cost is no figure. */
static int end_session(struct lttng *t)
{
    char err[LINE];
    uint64_t lost = 0;
    t->open = false;
    int rc = gt_lttng_stop(&lost, err, sizeof err);
    gt_store_relaxed(&t->discarded, gt_load_relaxed(&t->discarded) + lost);
    if (rc == 0 && lost > 0) {
        rc = -ENOBUFS;
        snprintf(err, sizeof err, "lttng: %llu events found no room in its buffers and are lost: fewer "
                                  "operations, or a CPU for its consumer",
                 (unsigned long long)lost);
    }
    if (rc != 0)
        t->host->warn(t->host, err);
    return rc;
}

static int lttng_stop(void *state)
{
    struct lttng *t = state;
    uint32_t on = 2;
    if (!gt_cas_acq_rel(&t->tracing, &on, 1u)) /* pair: lttng-tracing */
        return -EINVAL;
    switch_off(t);
    t->host->syscall_enter();
    int rc = end_session(t);
    t->host->syscall_exit();
    gt_store_release(&t->tracing, 0u); /* pair: lttng-tracing */
    return rc;
}

static void lttng_run_ended(void *state)
{
    struct lttng *t = state;
    gt_store_relaxed(t->host->generation, 0u);
    if (t->open) /* not `tracing`: a stop that the end cut off may have ended it already */
        (void)end_session(t);
    gt_store_relaxed(&t->tracing, 0u);
}

static gt_tok lttng_acquire(void *state, struct gt_mach *m)
{
    struct lttng *t = state;
    return (gt_tok){gt_section_enter(&m->section, t->host->generation, t->asym)};
}

static void lttng_release(void *state, struct gt_mach *m, gt_tok tok)
{
    (void)state, (void)tok;
    gt_section_leave(&m->section);
}

/* I1 */
static void lttng_m_dies(void *state, struct gt_mach *m)
{
    struct lttng *t = state;
    struct lttng_m *s = m->trace;
    t->host->assert_sched_locked(t->host);
    gt_bump(&t->events, gt_load_relaxed(&s->events));
    gt_store_relaxed(&s->events, 0u);
}

/* ---- stacks -------------------------------------------------------------------------------- */
/* Does its M know the stack h of this trace? From now on it does: in place of one of another trace,
 * else of each in turn, so that two that meet in one place do not have to be written for ever. */
static bool knew(struct lttng_m *s, uint64_t h, uint64_t trace)
{
    uint32_t home = (uint32_t)(h >> 56), way = 0; /* the high bits are the mixed ones */
    for (uint32_t i = WAYS; i-- > 0;) {
        const struct known *k = &s->known[home ^ i];
        if (k->stack == h && k->trace == trace)
            return true;
        if (k->trace != trace)
            way = i + 1;
    }
    way = way > 0 ? way - 1 : s->turn++ % WAYS;
    s->known[home ^ way] = (struct known){h, trace};
    return false;
}
_Static_assert(KNOWN == 256 && WAYS <= KNOWN && (WAYS & (WAYS - 1)) == 0, "a byte is a place");

/* I4 */
static __attribute__((noinline)) uint64_t stack_number(struct lttng *t, struct gt_mach *m,
                                                       const struct gt_stack_iter *it)
{
    uintptr_t pc[FRAMES];
    uint32_t n = gt_stack_iter_take(*it, pc, FRAMES);
    uint64_t h = n;
    for (uint32_t i = 0; i < n; i++)
        h = ((h ^ (h >> 29)) ^ pc[i]) * 0x9e3779b97f4a7c15ull;
    if (!knew(m->trace, h, t->trace))
        lttng_ust_tracepoint(gauntlet, Stack, m->tid, h, (const uint64_t *)pc, n);
    return h;
}
_Static_assert(sizeof(uintptr_t) == sizeof(uint64_t), "frames are written as they are");

/* Of the op that calls: its frame is left out (stack_begin). */
static inline __attribute__((always_inline)) uint64_t stack_here(struct lttng *t, struct gt_mach *m)
{
    struct gt_stack_iter it;
    if (!m->g || !t->host->stack_begin(t->host, m->g, &it))
        return 0;
    return stack_number(t, m, &it);
}

/* ---- events -------------------------------------------------------------------------------- */
#define EMIT(m, name, ...)                                                                         \
    do {                                                                                           \
        gt_bump(&((struct lttng_m *)(m)->trace)->events, 1u);                                      \
        lttng_ust_tracepoint(gauntlet, name, (m)->tid, ##__VA_ARGS__);                             \
    } while (0)

#define OP(op, ...) static void lttng_##op(void *tv, struct gt_mach *m, gt_tok tok, ##__VA_ARGS__)
#define OP_PLAIN(op, name)                                                                         \
    OP(op)                                                                                         \
    {                                                                                              \
        (void)tv, (void)tok;                                                                       \
        EMIT(m, name);                                                                             \
    }
#define T ((void)tok, (struct lttng *)tv)

static uint64_t version(const gt_a64 *status)
{
    return gt_status_version(gt_load_relaxed(status));
}

OP_PLAIN(go_destroy, GoDestroy)
OP_PLAIN(go_destroy_syscall, GoDestroySyscall)
OP_PLAIN(stw_end, STWEnd)
OP_PLAIN(gc_active, GCActive)
OP_PLAIN(gc_end, GCEnd)

OP(procs_change, int32_t procs)
{
    EMIT(m, ProcsChange, (uint64_t)procs, stack_here(T, m));
}
OP(proc_start)
{
    (void)T;
    EMIT(m, ProcStart, (uint64_t)m->p->id, version(&m->p->status));
}
OP(proc_stop, struct gt_proc *p)
{
    (void)T, (void)p;
    EMIT(m, ProcStop);
}
OP(proc_steal, struct gt_proc *p, enum gt_steal_kind kind)
{
    (void)T, (void)kind;
    EMIT(m, ProcSteal, (uint64_t)p->id, version(&p->status));
}
OP(go_create, struct gt_task *g, uintptr_t pc, bool blocked)
{
    uint64_t stack = stack_here(T, m);
    if (blocked)
        EMIT(m, GoCreateBlocked, g->id, pc, stack);
    else
        EMIT(m, GoCreate, g->id, pc, stack);
}
OP(go_start)
{
    (void)T;
    EMIT(m, GoStart, m->g->id, version(&m->g->status));
}
OP(go_stop, enum gt_stop_reason why)
{
    EMIT(m, GoStop, (uint8_t)why, stack_here(T, m));
}
OP(go_block, enum gt_wait_reason why)
{
    EMIT(m, GoBlock, (uint8_t)why, stack_here(T, m));
}
OP(go_unblock, struct gt_task *g)
{
    EMIT(m, GoUnblock, g->id, version(&g->status), stack_here(T, m));
}
OP(go_switch, struct gt_task *to, bool destroy)
{
    (void)T;
    if (destroy)
        EMIT(m, GoSwitchDestroy, to->id, version(&to->status));
    else
        EMIT(m, GoSwitch, to->id, version(&to->status));
}
OP(go_syscall_begin)
{
    EMIT(m, GoSyscallBegin, m->p ? version(&m->p->status) : 0, stack_here(T, m));
}
OP(go_syscall_end, bool blocked)
{
    (void)T;
    if (blocked)
        EMIT(m, GoSyscallEndBlocked);
    else
        EMIT(m, GoSyscallEnd);
}
OP(go_create_syscall, struct gt_task *g)
{
    (void)T;
    EMIT(m, GoCreateSyscall, g->id, version(&g->status));
}
OP(stw_begin, enum gt_world_kind kind)
{
    EMIT(m, STWBegin, (uint8_t)kind, stack_here(T, m));
}
OP(user_task_begin, uint64_t id, uint64_t parent, const char *name)
{
    EMIT(m, UserTaskBegin, id, parent, name, stack_here(T, m));
}
OP(user_task_end, uint64_t id)
{
    EMIT(m, UserTaskEnd, id, stack_here(T, m));
}
OP(user_region, uint64_t task, const char *name, bool begin)
{
    uint64_t stack = stack_here(T, m);
    if (begin)
        EMIT(m, UserRegionBegin, task, name, stack);
    else
        EMIT(m, UserRegionEnd, task, name, stack);
}
OP(user_log, uint64_t task, const char *key, const char *value)
{
    EMIT(m, UserLog, task, key, value, stack_here(T, m));
}
OP(go_label, const char *label)
{
    (void)T;
    EMIT(m, GoLabel, label);
}
OP(gc_begin)
{
    EMIT(m, GCBegin, stack_here(T, m));
}
OP(gc_sweep, bool begin, uint64_t swept, uint64_t reclaimed)
{
    if (begin)
        EMIT(m, GCSweepBegin, stack_here(T, m));
    else
        EMIT(m, GCSweepEnd, swept, reclaimed);
}
OP(gc_assist, bool begin)
{
    if (begin)
        EMIT(m, GCMarkAssistBegin, stack_here(T, m));
    else
        EMIT(m, GCMarkAssistEnd);
}
OP(heap_alloc, uint64_t bytes)
{
    (void)T;
    EMIT(m, HeapAlloc, bytes);
}
OP(heap_goal, uint64_t bytes)
{
    (void)T;
    EMIT(m, HeapGoal, bytes);
}

/* ---- what was recorded ----------------------------------------------------------------------- */
static void add_events(struct gt_mach *m, void *arg)
{
    *(uint64_t *)arg += gt_load_relaxed(&((struct lttng_m *)m->trace)->events);
}

/* Less what LTTng had no room for. Lists of frames are no events, and few. */
static uint64_t lttng_count(void *state)
{
    struct lttng *t = state;
    uint64_t n = gt_tracer_sum(t->host, &t->events, add_events), lost = gt_load_relaxed(&t->discarded);
    return n > lost ? n - lost : 0;
}

static const struct gt_tracer_ops gt_tracer_lttng = {
    .head = GT_PLUGIN_HEAD(GT_MAGIC_TRACER, struct gt_tracer_ops, "lttng",
                           "LTTng-UST: the same events as tracepoints, with a session daemon of its own",
                           GT_TRACER_STACKS | GT_TRACER_STOPS_WORLD | GT_TRACER_CORE_SECTIONS),
    .runtime_state = sizeof(struct lttng),
    .m_state = sizeof(struct lttng_m),
    .init = lttng_init,
    .fini = lttng_fini,
    .start = lttng_start,
    .stop = lttng_stop,
    .run_ended = lttng_run_ended,
    .acquire = lttng_acquire,
    .release = lttng_release,
    .m_dies = lttng_m_dies,
    .procs_change = lttng_procs_change,
    .proc_start = lttng_proc_start,
    .proc_stop = lttng_proc_stop,
    .proc_steal = lttng_proc_steal,
    .go_create = lttng_go_create,
    .go_start = lttng_go_start,
    .go_destroy = lttng_go_destroy,
    .go_stop = lttng_go_stop,
    .go_block = lttng_go_block,
    .go_unblock = lttng_go_unblock,
    .go_switch = lttng_go_switch,
    .go_syscall_begin = lttng_go_syscall_begin,
    .go_syscall_end = lttng_go_syscall_end,
    .go_create_syscall = lttng_go_create_syscall,
    .go_destroy_syscall = lttng_go_destroy_syscall,
    .stw_begin = lttng_stw_begin,
    .stw_end = lttng_stw_end,
    .user_task_begin = lttng_user_task_begin,
    .user_task_end = lttng_user_task_end,
    .user_region = lttng_user_region,
    .user_log = lttng_user_log,
    .go_label = lttng_go_label,
    .gc_active = lttng_gc_active,
    .gc_begin = lttng_gc_begin,
    .gc_end = lttng_gc_end,
    .gc_sweep = lttng_gc_sweep,
    .gc_assist = lttng_gc_assist,
    .heap_alloc = lttng_heap_alloc,
    .heap_goal = lttng_heap_goal,
    .count = lttng_count,
};
GT_PLUGIN_EXPORT(tracer, gt_tracer_lttng)
