/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes of status words: the one way from one status to the next (status.c), inline where hot.
 * By I2, I3 and I4 of core.h; the release of a change pairs as gstatus.
 */
#pragma once
#include "core/core.h"

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
