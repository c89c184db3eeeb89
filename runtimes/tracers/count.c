/* SPDX-License-Identifier: Apache-2.0 */
/*
 * count: takes part in everything, counts the events of each kind, writes nothing. What a
 * program costs more under it than under `none` is the price of the vtable and of sections
 * alone; what it counts is what another tracer should have written.
 *
 * Invariants:
 *   I1 An M counts in its own state; when it leaves, under the scheduler lock, what it has
 *      counted goes into the runtime's. So each event is counted once, by one writer.
 *   I2 (T3) stop returns when every M was seen outside a section after `on` went to 0:
 *      nothing is counted afterwards. Starting stops the world, as set_enabled demands;
 *      stopping does not.
 * Limits: M state follows the core's own struct of the M, so an M shares no line of its
 * counters with another M.
 */
#include <errno.h>

#include "gauntlet/section.h"
#include "gauntlet/tracer.h"
#include "gauntlet/tracing.h"

#define KINDS(X)                                                                                   \
    X(ProcsChange)                                                                                 \
    X(ProcStart) X(ProcStop) X(ProcSteal)                                                          \
    X(GoCreate) X(GoCreateBlocked) X(GoStart) X(GoDestroy) X(GoStop) X(GoBlock) X(GoUnblock)       \
    X(GoSwitch) X(GoSwitchDestroy)                                                                 \
    X(GoSyscallBegin) X(GoSyscallEnd) X(GoSyscallEndBlocked)                                       \
    X(GoCreateSyscall) X(GoDestroySyscall)                                                         \
    X(STWBegin) X(STWEnd)                                                                          \
    X(UserTaskBegin) X(UserTaskEnd) X(UserRegionBegin) X(UserRegionEnd) X(UserLog) X(GoLabel)      \
    X(GCActive) X(GCBegin) X(GCEnd) X(GCSweepBegin) X(GCSweepEnd)                                  \
    X(GCMarkAssistBegin) X(GCMarkAssistEnd) X(HeapAlloc) X(HeapGoal)

enum kind {
#define X(name) K_##name,
    KINDS(X)
#undef X
    K_COUNT
};
static const char *const names[K_COUNT] = {
#define X(name) #name,
    KINDS(X)
#undef X
};

struct count_m { /* Written by: its M. */
    struct gt_section section;
    gt_a64 n[K_COUNT];
};

struct count {
    const struct gt_tracer_host *host; /* constant after init */
    bool asym;
    gt_a64 on;       /* token of every section, 0: off */
    gt_a32 tracing;  /* 0 no, 1 starting or stopping, 2 yes: who swaps it to 1 goes on */
    gt_a64 n[K_COUNT]; /* of Ms that have left. Guarded by: the scheduler lock. */
};

#define TOKEN 2u

/* ---- control ------------------------------------------------------------------------ */
static int count_init(void *state, const struct gt_tracer_host *host)
{
    struct count *t = state;
    t->host = host;
    t->asym = gt_section_asym(host->os);
    return 0;
}

static void count_fini(void *state)
{
    (void)state;
}

static int count_start(void *state, const struct gt_trace_options *o)
{
    struct count *t = state;
    uint32_t no = 0;
    (void)o;
    if (!gt_cas_acq_rel(&t->tracing, &no, 1u)) /* pair: count-tracing */
        return -EBUSY;
    gt_tracer_switch_on(t->host, t->asym, &t->on, TOKEN); /* as a tracer that writes would */
    gt_store_release(&t->tracing, 2u); /* pair: count-tracing */
    return 0;
}

static void see_section(struct gt_mach *m, void *arg)
{
    const struct count_m *s = m->trace;
    *(bool *)arg |= !gt_section_clear(&s->section);
}

static int count_stop(void *state)
{
    struct count *t = state;
    uint32_t on = 2;
    if (!gt_cas_acq_rel(&t->tracing, &on, 1u)) /* pair: count-tracing */
        return -EINVAL;
    gt_store_release(&t->on, 0u); /* pair: generation */
    t->host->set_enabled(t->host, false);
    gt_section_fence(t->host->os, t->asym);
    gt_tracer_await_clear(t->host, see_section);
    gt_store_release(&t->tracing, 0u); /* pair: count-tracing */
    return 0;
}

static void count_run_ended(void *state)
{
    struct count *t = state;
    gt_store_relaxed(&t->on, 0u);
    gt_store_relaxed(&t->tracing, 0u);
}

static gt_tok count_acquire(void *state, struct gt_mach *m)
{
    struct count *t = state;
    struct count_m *s = m->trace;
    return (gt_tok){gt_section_enter(&s->section, &t->on, t->asym)};
}

static void count_release(void *state, struct gt_mach *m, gt_tok tok)
{
    struct count_m *s = m->trace;
    (void)state, (void)tok;
    gt_section_leave(&s->section);
}

/* I1 */
static void count_m_dies(void *state, struct gt_mach *m)
{
    struct count *t = state;
    struct count_m *s = m->trace;
    t->host->assert_sched_locked(t->host);
    for (int i = 0; i < K_COUNT; i++) {
        gt_bump(&t->n[i], gt_load_relaxed(&s->n[i]));
        gt_store_relaxed(&s->n[i], 0u);
    }
}

/* ---- events -------------------------------------------------------------------------- */
static inline __attribute__((always_inline)) void add(struct gt_mach *m, enum kind k)
{
    struct count_m *s = m->trace;
    gt_bump(&s->n[k], 1u);
}

/* An op that is one kind whatever its arguments; the macro's rest are those. */
#define COUNT_OP(op, k, ...)                                                                       \
    static void count_##op(void *t, struct gt_mach *m, gt_tok tok, ##__VA_ARGS__)                  \
    {                                                                                              \
        (void)t, (void)tok;                                                                        \
        add(m, K_##k);                                                                             \
    }
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
COUNT_OP(procs_change, ProcsChange, int32_t procs)
COUNT_OP(proc_start, ProcStart)
COUNT_OP(proc_stop, ProcStop, struct gt_proc *p)
COUNT_OP(proc_steal, ProcSteal, struct gt_proc *p, enum gt_steal_kind kind)
COUNT_OP(go_start, GoStart)
COUNT_OP(go_destroy, GoDestroy)
COUNT_OP(go_stop, GoStop, enum gt_stop_reason why)
COUNT_OP(go_block, GoBlock, enum gt_wait_reason why)
COUNT_OP(go_unblock, GoUnblock, struct gt_task *g)
COUNT_OP(go_syscall_begin, GoSyscallBegin)
COUNT_OP(go_create_syscall, GoCreateSyscall, struct gt_task *g)
COUNT_OP(go_destroy_syscall, GoDestroySyscall)
COUNT_OP(stw_begin, STWBegin, enum gt_world_kind kind)
COUNT_OP(stw_end, STWEnd)
COUNT_OP(user_task_begin, UserTaskBegin, uint64_t id, uint64_t parent, const char *name)
COUNT_OP(user_task_end, UserTaskEnd, uint64_t id)
COUNT_OP(user_log, UserLog, uint64_t task, const char *key, const char *value)
COUNT_OP(go_label, GoLabel, const char *label)
COUNT_OP(gc_active, GCActive)
COUNT_OP(gc_begin, GCBegin)
COUNT_OP(gc_end, GCEnd)
COUNT_OP(heap_alloc, HeapAlloc, uint64_t bytes)
COUNT_OP(heap_goal, HeapGoal, uint64_t bytes)

/* An op whose flag tells two kinds apart. */
#define COUNT_OP2(op, flag, yes, no, ...)                                                          \
    static void count_##op(void *t, struct gt_mach *m, gt_tok tok, __VA_ARGS__)                    \
    {                                                                                              \
        (void)t, (void)tok;                                                                        \
        add(m, flag ? K_##yes : K_##no);                                                           \
    }
COUNT_OP2(go_create, blocked, GoCreateBlocked, GoCreate, struct gt_task *g, uintptr_t pc, bool blocked)
COUNT_OP2(go_switch, destroy, GoSwitchDestroy, GoSwitch, struct gt_task *to, bool destroy)
COUNT_OP2(go_syscall_end, blocked, GoSyscallEndBlocked, GoSyscallEnd, bool blocked)
COUNT_OP2(user_region, begin, UserRegionBegin, UserRegionEnd, uint64_t task, const char *name,
          bool begin)
COUNT_OP2(gc_sweep, begin, GCSweepBegin, GCSweepEnd, bool begin, uint64_t swept, uint64_t reclaimed)
COUNT_OP2(gc_assist, begin, GCMarkAssistBegin, GCMarkAssistEnd, bool begin)
#pragma GCC diagnostic pop

/* ---- what was counted ------------------------------------------------------------------ */
struct sum {
    uint32_t from, to; /* kinds */
    uint64_t n;
};

static void sum_m(struct gt_mach *m, void *arg)
{
    const struct count_m *s = m->trace;
    struct sum *sum = arg;
    for (uint32_t i = sum->from; i < sum->to; i++)
        sum->n += gt_load_relaxed(&s->n[i]);
}

/* Exact when nothing is being traced. */
static uint64_t sum_of(struct count *t, uint32_t from, uint32_t to)
{
    struct sum sum = {from, to, 0};
    t->host->sched_lock(t->host);
    t->host->each_m(t->host, sum_m, &sum);
    for (uint32_t i = from; i < to; i++)
        sum.n += gt_load_relaxed(&t->n[i]);
    t->host->sched_unlock(t->host);
    return sum.n;
}

static uint64_t count_count(void *state)
{
    return sum_of(state, 0, K_COUNT);
}

static bool count_kind(void *state, uint32_t i, const char **name, uint64_t *n)
{
    if (i >= K_COUNT)
        return false;
    *name = names[i];
    *n = sum_of(state, i, i + 1);
    return true;
}

const struct gt_tracer_ops gt_tracer_count = {
    .head = GT_PLUGIN_HEAD(GT_MAGIC_TRACER, struct gt_tracer_ops, "count",
                           "calls the vtable, counts, writes nothing: the price of the hooks", 0),
    .runtime_state = sizeof(struct count),
    .m_state = sizeof(struct count_m),
    .init = count_init,
    .fini = count_fini,
    .start = count_start,
    .stop = count_stop,
    .run_ended = count_run_ended,
    .acquire = count_acquire,
    .release = count_release,
    .m_dies = count_m_dies,
    .procs_change = count_procs_change,
    .proc_start = count_proc_start,
    .proc_stop = count_proc_stop,
    .proc_steal = count_proc_steal,
    .go_create = count_go_create,
    .go_start = count_go_start,
    .go_destroy = count_go_destroy,
    .go_stop = count_go_stop,
    .go_block = count_go_block,
    .go_unblock = count_go_unblock,
    .go_switch = count_go_switch,
    .go_syscall_begin = count_go_syscall_begin,
    .go_syscall_end = count_go_syscall_end,
    .go_create_syscall = count_go_create_syscall,
    .go_destroy_syscall = count_go_destroy_syscall,
    .stw_begin = count_stw_begin,
    .stw_end = count_stw_end,
    .user_task_begin = count_user_task_begin,
    .user_task_end = count_user_task_end,
    .user_region = count_user_region,
    .user_log = count_user_log,
    .go_label = count_go_label,
    .gc_active = count_gc_active,
    .gc_begin = count_gc_begin,
    .gc_end = count_gc_end,
    .gc_sweep = count_gc_sweep,
    .gc_assist = count_gc_assist,
    .heap_alloc = count_heap_alloc,
    .heap_goal = count_heap_goal,
    .count = count_count,
    .count_kind = count_kind,
};
