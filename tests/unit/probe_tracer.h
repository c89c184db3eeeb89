/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tracer for tests: writes nothing, but holds a model of every G and P and checks each
 * event against it, against the real status word, and against the rules of sections.
 */
#pragma once
#include <stdio.h>
#include <string.h>

#include "gauntlet/tracer.h"

enum probe_event {
    PE_PROCS_CHANGE,
    PE_PROC_START,
    PE_PROC_STOP,
    PE_PROC_STEAL,
    PE_GO_CREATE,
    PE_GO_CREATE_BLOCKED,
    PE_GO_START,
    PE_GO_DESTROY,
    PE_GO_STOP,
    PE_GO_BLOCK,
    PE_GO_UNBLOCK,
    PE_GO_SWITCH,
    PE_GO_SWITCH_DESTROY,
    PE_SYSCALL_BEGIN,
    PE_SYSCALL_END,
    PE_SYSCALL_END_BLOCKED,
    PE_CREATE_SYSCALL,
    PE_DESTROY_SYSCALL,
    PE_STW_BEGIN,
    PE_STW_END,
    PE_TASK,
    PE_REGION,
    PE_LOG,
    PE_LABEL,
    PE_COUNT
};
static const char *const probe_names[PE_COUNT] = {
    "ProcsChange", "ProcStart",       "ProcStop",        "ProcSteal",
    "GoCreate",    "GoCreateBlocked", "GoStart",         "GoDestroy",
    "GoStop",      "GoBlock",         "GoUnblock",       "GoSwitch",
    "GoSwitchDestroy", "GoSyscallBegin", "GoSyscallEnd", "GoSyscallEndBlocked",
    "GoCreateSyscall", "GoDestroySyscall", "STWBegin",   "STWEnd",
    "UserTask",    "UserRegion",      "UserLog",         "GoLabel",
};

enum probe_g { PG_UNKNOWN, PG_NONE, PG_RUNNABLE, PG_RUNNING, PG_SYSCALL, PG_WAITING };
enum probe_p { PP_UNKNOWN, PP_RUNNING, PP_IDLE, PP_SYSCALL };

/* State of a G or P in the model. Written by: who emits its event; the handing over of the
 * G or P orders the writers. */
struct probe_gs {
    uint32_t state, trace;
};
struct probe_ps {
    uint32_t state, trace;
};
struct probe_ms {
    uint32_t depth;
    uint64_t tok;
};

struct probe {
    const struct gt_tracer_host *host;
    gt_a32 on;
    gt_a64 wrong, sections, after_stop;
    gt_a32 trace; /* number of the trace that runs */
    gt_a64 events[PE_COUNT];
};

static inline void probe_wrong(struct probe *t, struct gt_mach *m, const char *what, uint64_t id,
                               unsigned have)
{
    if (gt_add_relaxed(&t->wrong, 1u) < 10)
        fprintf(stderr, "# probe: M %llu: %s (id %llu, state %u)\n",
                (unsigned long long)m->serial, what, (unsigned long long)id, have);
}

static inline uint32_t *probe_g_state(struct probe *t, struct gt_task *g)
{
    struct probe_gs *s = g->trace;
    if (s->trace != gt_load_relaxed(&t->trace)) {
        s->trace = gt_load_relaxed(&t->trace);
        s->state = PG_UNKNOWN;
    }
    return &s->state;
}

static inline uint32_t *probe_p_state(struct probe *t, struct gt_proc *p)
{
    struct probe_ps *s = p->trace;
    if (s->trace != gt_load_relaxed(&t->trace)) {
        s->trace = gt_load_relaxed(&t->trace);
        s->state = PP_UNKNOWN;
    }
    return &s->state;
}

/* An event: inside a section of this M, with this token. */
static inline void probe_count(struct probe *t, struct gt_mach *m, gt_tok tok, enum probe_event e)
{
    struct probe_ms *s = m->trace;
    if (s->depth == 0)
        probe_wrong(t, m, "event outside a section", (uint64_t)e, 0);
    if (s->tok != tok.v)
        probe_wrong(t, m, "event with another token", (uint64_t)e, 0);
    gt_add_relaxed(&t->events[e], 1u);
}

static inline void probe_g(struct probe *t, struct gt_mach *m, struct gt_task *g, unsigned from_mask,
                           unsigned to, enum gt_gstatus real, const char *what)
{
    uint32_t *s = probe_g_state(t, g);
    if (*s != PG_UNKNOWN && !((1u << *s) & from_mask))
        probe_wrong(t, m, what, g->id, *s);
    unsigned now = gt_status_of(gt_load_relaxed(&g->status));
    if (now != (unsigned)real)
        probe_wrong(t, m, what, g->id, 100 + now);
    *s = to;
}
#define PGM(x) (1u << (x))

static inline void probe_p(struct probe *t, struct gt_mach *m, struct gt_proc *p, unsigned from_mask,
                           unsigned to, const char *what)
{
    uint32_t *s = probe_p_state(t, p);
    if (*s != PP_UNKNOWN && !((1u << *s) & from_mask))
        probe_wrong(t, m, what, (uint64_t)p->id, *s);
    *s = to;
}

/* ---- control --------------------------------------------------------------------- */
static int probe_init(void *s, const struct gt_tracer_host *host)
{
    ((struct probe *)s)->host = host;
    return 0;
}

static void probe_fini(void *s)
{
    (void)s;
}

static int probe_start(void *s, const struct gt_trace_options *o)
{
    struct probe *t = s;
    (void)o;
    t->host->stop_world(t->host, GT_WORLD_TRACE_START);
    t->host->sysmon_lock(t->host);
    gt_add_relaxed(&t->trace, 1u);
    t->host->set_enabled(t->host, true);
    gt_store_seqcst(&t->on, 1u); /* pair: probe-on */
    const gt_a32 *n = t->host->exiting_syscall(t->host);
    gt_await(n, gt_load_seqcst(n) == 0); /* pair: exiting-syscall */
    t->host->sysmon_unlock(t->host);
    t->host->start_world(t->host);
    return 0;
}

static int probe_stop(void *s)
{
    struct probe *t = s;
    t->host->stop_world(t->host, GT_WORLD_TRACE_STOP);
    t->host->sysmon_lock(t->host);
    gt_store_seqcst(&t->on, 0u); /* pair: probe-on */
    t->host->set_enabled(t->host, false);
    t->host->sysmon_unlock(t->host);
    t->host->start_world(t->host);
    return 0;
}

static gt_tok probe_acquire(void *s, struct gt_mach *m)
{
    struct probe *t = s;
    struct probe_ms *ms = m->trace;
    if (ms->depth++ == 0)
        ms->tok = gt_load_seqcst(&t->on) ? 2u + gt_load_relaxed(&t->trace) : 0; /* pair: probe-on */
    if (ms->tok == 0)
        ms->depth--;
    gt_add_relaxed(&t->sections, 1u);
    return (gt_tok){ms->tok};
}

static void probe_release(void *s, struct gt_mach *m, gt_tok tok)
{
    struct probe_ms *ms = m->trace;
    if (ms->depth == 0 || tok.v != ms->tok)
        probe_wrong(s, m, "release without acquire", ms->depth, 0);
    ms->depth--;
}

static void probe_m_dies(void *s, struct gt_mach *m)
{
    struct probe *t = s;
    t->host->assert_sched_locked(t->host);
    if (((struct probe_ms *)m->trace)->depth != 0)
        probe_wrong(s, m, "M leaves inside a section", 0, 0);
}

/* ---- events ------------------------------------------------------------------------ */
static void probe_procs_change(void *s, struct gt_mach *m, gt_tok tok, int32_t n)
{
    probe_count(s, m, tok, PE_PROCS_CHANGE);
    (void)n;
}

static void probe_proc_start(void *s, struct gt_mach *m, gt_tok tok)
{
    probe_count(s, m, tok, PE_PROC_START);
    if (!m->p)
        probe_wrong(s, m, "ProcStart without a P", 0, 0);
    else
        probe_p(s, m, m->p, PGM(PP_IDLE), PP_RUNNING, "ProcStart of a P that is not idle");
}

static void probe_proc_stop(void *s, struct gt_mach *m, gt_tok tok, struct gt_proc *p)
{
    probe_count(s, m, tok, PE_PROC_STOP);
    probe_p(s, m, p, PGM(PP_RUNNING) | PGM(PP_SYSCALL), PP_IDLE, "ProcStop of an idle P");
    if (m->p != p)
        probe_wrong(s, m, "ProcStop of another M's P", (uint64_t)p->id, 0);
}

static void probe_proc_steal(void *s, struct gt_mach *m, gt_tok tok, struct gt_proc *p,
                             enum gt_steal_kind k)
{
    probe_count(s, m, tok, PE_PROC_STEAL);
    (void)k;
    probe_p(s, m, p, PGM(PP_SYSCALL), PP_IDLE, "ProcSteal of a P that is in no system call");
}

static void probe_go_create(void *s, struct gt_mach *m, gt_tok tok, struct gt_task *g, uintptr_t pc,
                            bool blocked)
{
    probe_count(s, m, tok, blocked ? PE_GO_CREATE_BLOCKED : PE_GO_CREATE);
    probe_g(s, m, g, PGM(PG_NONE), blocked ? PG_WAITING : PG_RUNNABLE,
            blocked ? GT_G_WAITING : GT_G_RUNNABLE, "GoCreate of a living G");
    if (!pc)
        probe_wrong(s, m, "GoCreate without a function", g->id, 0);
}

static void probe_go_start(void *s, struct gt_mach *m, gt_tok tok)
{
    probe_count(s, m, tok, PE_GO_START);
    if (!m->g || !m->p) {
        probe_wrong(s, m, "GoStart without G or P", 0, 0);
        return;
    }
    probe_g(s, m, m->g, PGM(PG_RUNNABLE), PG_RUNNING, GT_G_RUNNING, "GoStart of a G not runnable");
}

static void probe_leave(void *s, struct gt_mach *m, gt_tok tok, enum probe_event e, unsigned to)
{
    probe_count(s, m, tok, e);
    if (!m->g || !m->p)
        probe_wrong(s, m, "a G stops without G or P", 0, 0);
    else
        probe_g(s, m, m->g, PGM(PG_RUNNING), to, GT_G_RUNNING, probe_names[e]);
}

static void probe_go_destroy(void *s, struct gt_mach *m, gt_tok tok)
{
    probe_leave(s, m, tok, PE_GO_DESTROY, PG_NONE);
}

static void probe_go_stop(void *s, struct gt_mach *m, gt_tok tok, enum gt_stop_reason why)
{
    (void)why;
    probe_leave(s, m, tok, PE_GO_STOP, PG_RUNNABLE);
}

static void probe_go_block(void *s, struct gt_mach *m, gt_tok tok, enum gt_wait_reason why)
{
    uintptr_t pc[16];
    struct probe *t = s;
    probe_leave(s, m, tok, PE_GO_BLOCK, PG_WAITING);
    if (gt_wait_is_running(why))
        probe_wrong(s, m, "GoBlock for a G that runs on", 0, why);
    if (t->host->stack(t->host, m->g, 0, pc, 16) == 0)
        probe_wrong(s, m, "no stack of the own G", m->g->id, 0);
}

static void probe_go_unblock(void *s, struct gt_mach *m, gt_tok tok, struct gt_task *g)
{
    probe_count(s, m, tok, PE_GO_UNBLOCK);
    probe_g(s, m, g, PGM(PG_WAITING), PG_RUNNABLE, GT_G_RUNNABLE, "GoUnblock of a G not waiting");
}

static void probe_go_switch(void *s, struct gt_mach *m, gt_tok tok, struct gt_task *to, bool destroy)
{
    struct probe *t = s;
    probe_leave(s, m, tok, destroy ? PE_GO_SWITCH_DESTROY : PE_GO_SWITCH,
                destroy ? PG_NONE : PG_WAITING);
    uint32_t *st = probe_g_state(t, to);
    if (*st != PG_UNKNOWN && *st != PG_WAITING)
        probe_wrong(t, m, "GoSwitch to a G not waiting", to->id, *st);
    *st = PG_RUNNING;
}

static void probe_syscall_begin(void *s, struct gt_mach *m, gt_tok tok)
{
    probe_leave(s, m, tok, PE_SYSCALL_BEGIN, PG_SYSCALL);
    if (m->p)
        probe_p(s, m, m->p, PGM(PP_RUNNING), PP_SYSCALL, "GoSyscallBegin on a P not running");
}

static void probe_syscall_end(void *s, struct gt_mach *m, gt_tok tok, bool blocked)
{
    probe_count(s, m, tok, blocked ? PE_SYSCALL_END_BLOCKED : PE_SYSCALL_END);
    unsigned real = gt_status_of(gt_load_relaxed(&m->g->status));
    probe_g(s, m, m->g, PGM(PG_SYSCALL), blocked ? PG_RUNNABLE : PG_RUNNING,
            blocked && real == GT_G_RUNNABLE ? GT_G_RUNNABLE : GT_G_RUNNING,
            probe_names[blocked ? PE_SYSCALL_END_BLOCKED : PE_SYSCALL_END]);
    if (!blocked)
        probe_p(s, m, m->p, PGM(PP_SYSCALL), PP_RUNNING, "GoSyscallEnd on a P in no system call");
}

static void probe_create_syscall(void *s, struct gt_mach *m, gt_tok tok, struct gt_task *g)
{
    probe_count(s, m, tok, PE_CREATE_SYSCALL);
    if (m->g || m->p)
        probe_wrong(s, m, "GoCreateSyscall on an M with G or P", g->id, 0);
    probe_g(s, m, g, PGM(PG_NONE), PG_SYSCALL, GT_G_SYSCALL, "GoCreateSyscall of a living G");
}

static void probe_destroy_syscall(void *s, struct gt_mach *m, gt_tok tok)
{
    probe_count(s, m, tok, PE_DESTROY_SYSCALL);
    probe_g(s, m, m->g, PGM(PG_SYSCALL), PG_NONE, GT_G_DEAD, "GoDestroySyscall outside a call");
    if (m->p)
        probe_wrong(s, m, "GoDestroySyscall with a P", m->g->id, 0);
}

static void probe_g_born(void *s, struct gt_task *g)
{
    *probe_g_state(s, g) = PG_NONE;
}

static void probe_stw_begin(void *s, struct gt_mach *m, gt_tok tok, enum gt_world_kind k)
{
    (void)k;
    probe_count(s, m, tok, PE_STW_BEGIN);
}

static void probe_stw_end(void *s, struct gt_mach *m, gt_tok tok)
{
    probe_count(s, m, tok, PE_STW_END);
}

static void probe_task_begin(void *s, struct gt_mach *m, gt_tok tok, uint64_t id, uint64_t parent,
                             const char *name)
{
    (void)id, (void)parent, (void)name;
    probe_count(s, m, tok, PE_TASK);
}

static void probe_task_end(void *s, struct gt_mach *m, gt_tok tok, uint64_t id)
{
    (void)id;
    probe_count(s, m, tok, PE_TASK);
}

static void probe_region(void *s, struct gt_mach *m, gt_tok tok, uint64_t task, const char *name,
                         bool begin)
{
    (void)task, (void)name, (void)begin;
    probe_count(s, m, tok, PE_REGION);
}

static void probe_log(void *s, struct gt_mach *m, gt_tok tok, uint64_t task, const char *key,
                      const char *value)
{
    (void)task, (void)key, (void)value;
    probe_count(s, m, tok, PE_LOG);
}

static void probe_label(void *s, struct gt_mach *m, gt_tok tok, const char *label)
{
    (void)label;
    probe_count(s, m, tok, PE_LABEL);
}

static const struct gt_tracer_ops probe_tracer = {
    .head = GT_PLUGIN_HEAD(GT_MAGIC_TRACER, struct gt_tracer_ops, "probe",
                           "checks every event against a model", GT_TRACER_STOPS_WORLD),
    .runtime_state = sizeof(struct probe),
    .m_state = sizeof(struct probe_ms),
    .p_state = sizeof(struct probe_ps),
    .g_state = sizeof(struct probe_gs),
    .init = probe_init,
    .fini = probe_fini,
    .start = probe_start,
    .stop = probe_stop,
    .acquire = probe_acquire,
    .release = probe_release,
    .m_dies = probe_m_dies,
    .g_born = probe_g_born,
    .procs_change = probe_procs_change,
    .proc_start = probe_proc_start,
    .proc_stop = probe_proc_stop,
    .proc_steal = probe_proc_steal,
    .go_create = probe_go_create,
    .go_start = probe_go_start,
    .go_destroy = probe_go_destroy,
    .go_stop = probe_go_stop,
    .go_block = probe_go_block,
    .go_unblock = probe_go_unblock,
    .go_switch = probe_go_switch,
    .go_syscall_begin = probe_syscall_begin,
    .go_syscall_end = probe_syscall_end,
    .go_create_syscall = probe_create_syscall,
    .go_destroy_syscall = probe_destroy_syscall,
    .stw_begin = probe_stw_begin,
    .stw_end = probe_stw_end,
    .user_task_begin = probe_task_begin,
    .user_task_end = probe_task_end,
    .user_region = probe_region,
    .user_log = probe_log,
    .go_label = probe_label,
};
