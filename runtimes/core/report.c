/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the runtime says about itself: violations, fatal errors, dumps, overflows.
 *
 * Everything here writes with one call per line to a file descriptor, without locks or
 * allocation, so it also works from a signal handler and from a runtime that is broken.
 *
 * Ordering: O1 every struct that a dump reaches is whole: Ps and their number, Ms of Gs and
 *   Ps come by acquire, the lists of all Gs and Ms by the word of the lock they grow under.
 * Limits: what it shows of a G, M or P that goes on is of different moments; one that is
 *   just being listed may not be there yet.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/core.h"
#include "core/symbols.h"

static void vline(int fd, const char *prefix, const char *fmt, va_list ap)
{
    char buf[512];
    int n = snprintf(buf, sizeof buf, "%s", prefix);
    int k = vsnprintf(buf + n, sizeof buf - (size_t)n - 1, fmt, ap);
    size_t len = (size_t)n + (size_t)(k < 0 ? 0 : k);
    if (len > sizeof buf - 2)
        len = sizeof buf - 2;
    buf[len++] = '\n';
    gt_os_print(fd, buf, len);
}

static void line(int fd, const char *fmt, ...) GT_PRINTF(2, 3);
static void line(int fd, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vline(fd, "", fmt, ap);
    va_end(ap);
}

void gt_warn(struct gt_runtime *rt, const char *fmt, ...)
{
    (void)rt;
    va_list ap;
    va_start(ap, fmt);
    vline(2, "gauntlet: ", fmt, ap);
    va_end(ap);
}

/* ---- dump --------------------------------------------------------------------------- */
static const char *gstatus_name(enum gt_gstatus s)
{
    switch (s) {
    case GT_G_DEAD:
        return "dead";
    case GT_G_RUNNABLE:
        return "runnable";
    case GT_G_RUNNING:
        return "running";
    case GT_G_SYSCALL:
        return "syscall";
    case GT_G_WAITING:
        return "waiting";
    }
    return "?";
}

static const char *pstatus_name(enum gt_pstatus s)
{
    switch (s) {
    case GT_P_IDLE:
        return "idle";
    case GT_P_RUNNING:
        return "running";
    case GT_P_SYSCALL:
        return "syscall";
    case GT_P_STOPPED:
        return "stopped";
    case GT_P_DEAD:
        return "dead";
    }
    return "?";
}

static void dump_p(struct gt_p *p, int fd)
{
    uint64_t w = gt_load_relaxed(&p->t.status);
    struct gt_m *m = gt_load_acquire(&p->m); /* pair: p-owner */
    line(fd, "  P %d node %d: %s v%llu, M %lld, sched tick %u, syscall tick %u%s%s, next timer %lld",
         p->t.id, p->t.node, pstatus_name((enum gt_pstatus)gt_status_of(w)),
         (unsigned long long)gt_status_version(w), m ? (long long)m->t.serial : -1,
         gt_load_relaxed(&p->sched_tick), gt_load_relaxed(&p->syscall_tick),
         gt_load_relaxed(&p->preempt) ? ", asked to give way" : "",
         gt_load_relaxed(&p->safe_fn) ? ", safe-point function waits" : "",
         (long long)gt_timers_next(p));
}

static void dump_m(struct gt_m *m, int fd)
{
    struct gt_proc *p = m->t.p;
    struct gt_task *g = m->t.g;
    if (m->gone)
        return;
    line(fd, "  M %llu thread %d: P %d, G %lld, pins %u%s%s%s%s", (unsigned long long)m->t.serial,
         m->t.tid, p ? p->id : -1, g ? (long long)g->id : -1, m->locks,
         m->spinning ? ", spinning" : "", m->idle ? ", parked" : "",
         m->lockedg ? ", locked to its G" : "", m->extra ? ", foreign thread" : "");
#if GT_CHECKS
    for (uint32_t i = 0; i < m->nheld && i < GT_HELD_MAX; i++)
        line(fd, "    holds lock of rank %u", m->held[i]->rank);
#endif
}

/* A place in the program by its name, if that is known without reading anything. */
static const char *place(struct gt_runtime *rt, uintptr_t pc, bool entry, char *buf, size_t size)
{
    struct gt_symbol s;
    if (!gt_symbols_known(rt, pc, entry, &s))
        snprintf(buf, size, "%p", (void *)pc);
    else if (s.line > 0)
        snprintf(buf, size, "%.64s (%.96s:%u)", s.func, s.file, s.line);
    else
        snprintf(buf, size, "%.64s", s.func);
    return buf;
}

static void dump_g(struct gt_g *g, int fd)
{
    char fn[192], made[192];
    uint64_t w = gt_load_relaxed(&g->t.status);
    enum gt_gstatus s = (enum gt_gstatus)gt_status_of(w);
    struct gt_m *m = gt_load_acquire(&g->m); /* pair: g-m */
    enum gt_wait_reason r = (enum gt_wait_reason)gt_load_relaxed(&g->t.wait_reason);
    line(fd, "  G %llu: %s%s%s%s%s v%llu, M %lld, fn %s, made by G %llu at %s%s",
         (unsigned long long)g->t.id, gstatus_name(s), (w & GT_STATUS_SCAN) ? "+scan" : "",
         (w & GT_STATUS_LOST) ? "+lost P" : "", s == GT_G_WAITING ? ": " : "",
         s == GT_G_WAITING ? gt_wait_reason_name(r) : "",
         (unsigned long long)gt_status_version(w), m ? (long long)m->t.serial : -1,
         place(g->rt, (uintptr_t)g->fn, true, fn, sizeof fn), (unsigned long long)g->created_by,
         place(g->rt, g->created_at, false, made, sizeof made),
         g->lockedm ? ", locked to its thread" : "");
}

#define DUMP_GS_MAX 200

/* O1. */
static struct gt_g *newest_g(struct gt_runtime *rt)
{
    (void)gt_load_acquire(&rt->allg_lock.word); /* pair: lock */
    return rt->all_gs;
}

static struct gt_m *newest_m(struct gt_runtime *rt)
{
    (void)gt_load_acquire(&rt->sched_lock.word); /* pair: lock */
    return rt->all_ms;
}

static void dump_gs(struct gt_runtime *rt, int fd)
{
    uint64_t shown = 0, more = 0, dead = 0;
    for (struct gt_g *g = newest_g(rt); g; g = g->all_next) {
        if (gt_g_status(g) == GT_G_DEAD)
            dead++;
        else if (shown++ < DUMP_GS_MAX)
            dump_g(g, fd);
        else
            more++;
    }
    line(fd, "  %llu more alive, %llu dead", (unsigned long long)more, (unsigned long long)dead);
}

/* No locks: this also runs when something is broken. Structs are never freed (I7). */
void gt_dump(struct gt_runtime *rt, int fd)
{
    line(fd, "gauntlet: scheduler %s, tracer %s, syscalls %s; %d procs, %d idle, %d spinning, "
             "%d Ms (%d parked, %d locked), %d callbacks, stopping %u (%d to go), %d timers, "
             "%d wait for files",
         gt_sched(rt)->head.name, gt_tracer(rt)->head.name,
         rt->syscalls == GT_SYSCALLS_STATUS ? "status" : "scanbit", gt_load_relaxed(&rt->procs),
         gt_load_relaxed(&rt->idle_ps), gt_load_relaxed(&rt->spinning), rt->n_ms, rt->n_idle_ms,
         rt->n_locked_idle, rt->in_callback, gt_load_relaxed(&rt->stopping), rt->stop_wait,
         gt_load_relaxed(&rt->n_timers), gt_load_relaxed(&rt->poll_waiters));
    for (int32_t i = 0; i < gt_load_acquire(&rt->allp_len); i++) /* pair: allp */
        dump_p(gt_load_relaxed(&rt->allp[i]), fd);
    for (struct gt_m *m = newest_m(rt); m; m = m->all_next)
        dump_m(m, fd);
    dump_gs(rt, fd);
}

void gt_dump_named(struct gt_runtime *rt, int fd)
{
    struct gt_symbol s;
    uint32_t n = 0;
    for (struct gt_g *g = newest_g(rt); g && n < DUMP_GS_MAX; g = g->all_next) {
        if (gt_g_status(g) == GT_G_DEAD)
            continue;
        (void)gt_symbolise_entry(rt, (uintptr_t)g->fn, &s);
        (void)gt_symbolise(rt, g->created_at, &s, 1);
        n++;
    }
    gt_dump(rt, fd);
}

/* ---- fatal, violations ------------------------------------------------------------------ */
void gt_throw(struct gt_runtime *rt, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vline(2, "gauntlet: fatal: ", fmt, ap);
    va_end(ap);
    gt_dump(rt, 2);
    gt_os_abort();
}

#define VIOLATION_LINES 20

_Static_assert((int)GT_V_COUNT == (int)GT_VIOLATIONS && (int)GT_V_LOCK == (int)GT_VIOLATION_LOCK &&
                   (int)GT_V_STACK == (int)GT_VIOLATION_STACK &&
                   (int)GT_V_HEAP == (int)GT_VIOLATION_HEAP,
               "the public list is the same");

const char *gt_violation_name(uint32_t kind)
{
    static const char *const names[GT_V_COUNT] = {
        [GT_V_LOCK] = "lock",       [GT_V_STACK] = "unowned-stack", [GT_V_STATUS] = "status",
        [GT_V_SECTION] = "section", [GT_V_JOURNAL] = "journal",     [GT_V_TRACE] = "tracing",
        [GT_V_HEAP] = "heap",
    };
    return kind < GT_V_COUNT ? names[kind] : "?";
}

static bool count_and_say(struct gt_runtime *rt, enum gt_violation_class c, const char *fmt,
                          va_list ap)
{
    char prefix[64];
    uint64_t n = gt_add_relaxed(&rt->violations, 1u);
    gt_add_relaxed(&rt->violations_by[c], 1u);
    if (c == GT_V_STACK)
        gt_add_relaxed(&rt->unowned_stacks, 1u);
    snprintf(prefix, sizeof prefix, "gauntlet: violation (%s): ", gt_violation_name(c));
    if (n < VIOLATION_LINES)
        vline(2, prefix, fmt, ap);
    return n < VIOLATION_LINES;
}

bool gt_violation_begin(struct gt_runtime *rt, enum gt_violation_class c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    bool said = count_and_say(rt, c, fmt, ap);
    va_end(ap);
    return said;
}

void gt_violation_end(struct gt_runtime *rt)
{
    const char *mode = getenv("GT_VIOLATION");
    if (mode && strcmp(mode, "abort") == 0) {
        gt_dump(rt, 2);
        gt_os_abort();
    }
}

void gt_violation(struct gt_runtime *rt, enum gt_violation_class c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)count_and_say(rt, c, fmt, ap);
    va_end(ap);
    gt_violation_end(rt);
}

void gt_report_overflow(struct gt_runtime *rt, struct gt_g *g, struct gt_sigctx *ctx)
{
    line(2, "gauntlet: fatal: goroutine %llu: stack overflow (%zu bytes usable, at %p, pc %p)",
         (unsigned long long)g->t.id, (size_t)(g->stack.hi - g->stack.lo), ctx->fault_addr,
         (void *)ctx->pc);
    line(2, "  it runs %p, made by goroutine %llu at %p; give the runtime larger stacks "
            "(stack_size) or use less",
         (void *)(uintptr_t)g->fn, (unsigned long long)g->created_by, (void *)g->created_at);
    (void)rt;
}

/* ---- names --------------------------------------------------------------------------------- */
const char *gt_wait_reason_name(enum gt_wait_reason r)
{
    static const char *const names[] = {
#define GT_WAIT_DEF(sym, name, wire, runs, shrinks) name,
#include "gauntlet/waits.def"
#undef GT_WAIT_DEF
    };
    _Static_assert(GT_WAIT_COUNT <= 64, "gt_wait_is_running has a bit for each");
    return (unsigned)r < GT_WAIT_COUNT ? names[r] : "?";
}

const char *gt_world_kind_name(enum gt_world_kind k)
{
    static const char *const names[GT_WORLD_COUNT] = {
        [GT_WORLD_TEST] = "test",
        [GT_WORLD_PROCS] = "GOMAXPROCS",
        [GT_WORLD_TRACE_START] = "start trace",
        [GT_WORLD_TRACE_STOP] = "stop trace",
        [GT_WORLD_GC_SWEEP_TERM] = "GC sweep termination",
        [GT_WORLD_GC_MARK_TERM] = "GC mark termination",
        [GT_WORLD_DUMP] = "dump",
        [GT_WORLD_EXIT] = "exit",
    };
    return (unsigned)k < GT_WORLD_COUNT ? names[k] : "?";
}
