/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is said when a stack is taken, or touched, by who does not own it (seed 003).
 *
 * Where ownership comes from (the places that the checks watch over):
 *   S1 The event that stops or blocks a G is written before its status changes, while the M
 *      that writes it still has the G as its own: gt_stop_to_wait (run.h), stop_running and
 *      stop_for_suspender and exit_on_system (park.c), stop_here (preempt.c), both ways of
 *      switch_on_system and gt_coro_finish (coro.c), gt_syscall_enter and its blocking twin
 *      (syscall.c), close_on_system (runtime.c). In all of them g->m is cleared between the
 *      event and the change, so that an event moved behind the change is caught.
 *   S2 Events about another G (GoUnblock, GoCreate, GoSwitch) take the stack of the M's own G
 *      or none: the tracers have no other way to a stack than the M's own G (w_stack in
 *      tracers/common/events.inc), and gt_wait_not, gt_inject, timers and the poller, which
 *      wake from a system stack, have no own G then.
 *   S3 A stack of another is taken under its scan bit only: the status pass of an advance
 *      (w_stack_of), the collector's scan (gc_roots.c).
 *   S4 A wait for form's sake (waits.def) leaves the stack with its G: the scan bit gives its
 *      status, not its stack, and gc_stack.c does not shrink it.
 * Limits: the walk over the other's stack is for the reader's eyes. It reads through the
 * kernel, so it may find anything but never faults.
 */
#include "core/owner.h"

#include <stdio.h>

#define FRAMES_SHOWN 12u

struct text {
    char buf[400];
    size_t n;
};

extern const char __executable_start[], etext[]; /* the linker's */

/* In the program itself: as `addr2line -e` wants it. */
static void put(struct text *t, uintptr_t pc)
{
    bool ours = pc >= (uintptr_t)__executable_start && pc < (uintptr_t)etext;
    if (t->n + 24 < sizeof t->buf)
        t->n += (size_t)snprintf(t->buf + t->n, sizeof t->buf - t->n, ours ? " +0x%lx" : " 0x%lx",
                                 (unsigned long)(ours ? pc - (uintptr_t)__executable_start : pc));
}

/* Rising frames from fp on, read through the kernel. */
static void walk(struct text *t, uintptr_t pc, uintptr_t fp)
{
    *t = (struct text){.n = 0};
    t->buf[0] = '\0';
    for (uint32_t i = 0; pc != 0 && i < FRAMES_SHOWN; i++) {
        uintptr_t frame[2];
        put(t, pc);
        if (fp == 0 || fp % sizeof(void *) != 0 || !gt_mem_read(frame, (const void *)fp, sizeof frame))
            break;
        pc = frame[1];
        fp = frame[0] > fp ? frame[0] : 0;
    }
}

/* Read while others may write: torn at worst, and gt_mem_read bears anything. */
static void where_g_stands(const struct gt_g *g, uintptr_t *pc, uintptr_t *fp)
{
    struct gt_ctx ctx = {.sp = NULL};
    uintptr_t call[2] = {0, 0}; /* syscall_fp, syscall_pc */
    (void)gt_mem_read(&ctx, &g->ctx, sizeof ctx);
    if (gt_g_status(g) == GT_G_SYSCALL)
        (void)gt_mem_read(call, &g->syscall_fp, sizeof call);
    *pc = call[1] != 0 ? call[1] : (uintptr_t)ctx.pc;
    *fp = call[1] != 0 ? call[0] : (uintptr_t)ctx.fp;
}

static const char *stands(enum gt_gstatus s)
{
    return s == GT_G_RUNNING ? "it runs; it last left its stack at" : "it stands at";
}

void gt_unowned_stack(struct gt_runtime *rt, struct gt_m *m, struct gt_g *g, const char *does,
                      uintptr_t pc, uintptr_t fp)
{
    struct text taker, its;
    enum gt_gstatus s = gt_g_status(g);
    uint64_t holder = gt_load_relaxed(&g->t.scan_holder);
    struct gt_m *gm = gt_load_acquire(&g->m); /* pair: g-m */
    long long own = m && m->t.g ? (long long)m->t.g->id : -1;
    if (pc == 0) {
        pc = (uintptr_t)__builtin_return_address(0);
        fp = ((const uintptr_t *)__builtin_frame_address(0))[0];
    }
    if (gt_violation_begin(rt, GT_V_STACK,
                           "M %lld (its own G: %lld) %s the stack of G %llu: status %d, %s, on M "
                           "%lld, scan bit held by M %lld",
                           m ? (long long)m->t.serial : -1, own, does, (unsigned long long)g->t.id,
                           (int)s,
                           s == GT_G_WAITING
                               ? gt_wait_reason_name(
                                     (enum gt_wait_reason)gt_load_relaxed(&g->t.wait_reason))
                               : "no wait",
                           gm ? (long long)gm->t.serial : -1, holder ? (long long)holder : -1)) {
        walk(&taker, pc, fp);
        where_g_stands(g, &pc, &fp);
        walk(&its, pc, fp);
        gt_warn(rt, "  taken from (+: in the program, for addr2line):%s", taker.buf);
        gt_warn(rt, "  of G %llu, %s:%s", (unsigned long long)g->t.id, stands(s), its.buf);
    }
    gt_violation_end(rt);
}
