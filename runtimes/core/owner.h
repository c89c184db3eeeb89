/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who owns a stack, asked at the point where one is taken. Private to core/.
 *
 * A stack belongs to the M that runs its G (status Running or Syscall, or a wait for form's
 * sake), else to the holder of its scan bit, else to nobody. g->m is the first half of that in
 * one word: it is set before a G's status says that it runs and cleared before the status says
 * that it has stopped, so one load and one compare answer for the G's own M:
 *
 *      M1 parks g                          who holds the scan bit
 *      GoBlock, its stack taken      ok
 *      g->m := NULL
 *      Running -> Waiting
 *      GoBlock, its stack taken      NO    gives the stack's pages back, or readies g, and M2
 *                                          runs on it
 *
 * The second half is the holder's serial beside the status word. The oracle build looks at
 * the status as well (the M of a G that returns from a system call without a P has it a
 * little longer than the status says) and always asks; the lean build asks when told to
 * (gt_config.check_owner).
 */
#pragma once
#include "core/core.h"

static inline bool gt_g_runs_for_form(const struct gt_g *g)
{
    return gt_g_status(g) == GT_G_WAITING &&
           gt_wait_is_running((enum gt_wait_reason)gt_load_relaxed(&g->t.wait_reason));
}

static inline bool gt_g_status_owns(const struct gt_g *g)
{
    enum gt_gstatus s = gt_g_status(g);
    return s == GT_G_RUNNING || s == GT_G_SYSCALL || gt_g_runs_for_form(g);
}

/* A G that waits for form's sake runs on its stack: its scan bit gives the status only. */
static inline bool gt_owns_stack(const struct gt_m *m, const struct gt_g *g)
{
    if (gt_likely(gt_load_relaxed(&g->m) == m))
        return !GT_ORACLE || gt_g_status_owns(g);
    return gt_load_relaxed(&g->t.scan_holder) == m->t.serial && !gt_g_runs_for_form(g);
}

static inline bool gt_checks_owner(const struct gt_runtime *rt)
{
    return GT_ORACLE || gt_unlikely(rt->config.check_owner);
}

/* Counts a violation of class unowned-stack and reports both sides: m takes g's stack, from
 * where pc and fp say (0: the caller). Any stack; async-signal-safe. */
void gt_unowned_stack(struct gt_runtime *rt, struct gt_m *m, struct gt_g *g, const char *does,
                      uintptr_t pc, uintptr_t fp);

/* SIGSEGV on pages that poison made inaccessible: true when it was that; counted, reported,
 * and the pages are accessible again. */
bool gt_sealed_touched(struct gt_sigctx *ctx);
