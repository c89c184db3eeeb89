/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The status words of Gs and Ps: every change goes through here, or through the two hot
 * ones that core.h inlines (gt_g_leave, gt_g_change).
 *
 * Invariants (with I2, I3, I4 of core.h):
 *   I1 A status word changes by one atomic write, and its version grows by one with it.
 *   I2 The scan bit comes and goes without a new version; its holder's serial stands in
 *      scan_holder from before the bit is useful to after it is gone.
 *   I3 Every change is journaled by the M that made it, with the section it stood in.
 * Ordering:
 *   O1 A change out of Running or Dead is a release store: what the G did, and its saved context,
 *      are visible to whoever next changes the status (acquire).
 *   O2 Taking the scan bit acquires the same; giving it back releases.
 * Progress: a change waits only for a scan-bit holder, who never waits for the changer.
 */
#include "core/core.h"

GT_NORETURN static void wrong_status(struct gt_runtime *rt, const char *what, uint64_t id, uint64_t w,
                         unsigned want)
{
    gt_throw(rt, "%s %llu: status is %u%s (version %llu), expected %u", what,
             (unsigned long long)id, gt_status_of(w), (w & GT_STATUS_SCAN) ? "+scan" : "",
             (unsigned long long)gt_status_version(w), want);
}

static void journal_g(struct gt_m *m, struct gt_g *g, uint64_t w, gt_tok tok, unsigned from)
{
    gt_journal_add(m, GT_J_G, g->t.id, w, tok.v, from, gt_status_of(w),
                   gt_load_relaxed(&g->t.wait_reason));
}

void gt_g_wrong_status(struct gt_m *m, struct gt_g *g, unsigned want)
{
    wrong_status(m->rt, "goroutine", g->t.id, gt_load_relaxed(&g->t.status), want);
}

/* Somebody holds the scan bit, or the status is not what the caller says. */
void gt_g_change_slow(struct gt_m *m, struct gt_g *g, gt_tok tok, enum gt_gstatus from,
                      enum gt_gstatus to)
{
    uint64_t w = gt_load_relaxed(&g->t.status);
    for (;;) {
        if (w & GT_STATUS_SCAN) {
            gt_await(&g->t.status,
                     !((w = gt_load_relaxed(&g->t.status)) & GT_STATUS_SCAN));
            continue;
        }
        if (gt_status_of(w) != from)
            gt_g_wrong_status(m, g, from);
        if (gt_cas_acq_rel(&g->t.status, &w, gt_status_next(w, to))) /* pair: gstatus */
            break;
    }
    journal_g(m, g, gt_status_next(w, to), tok, from);
}

void gt_g_change_scanned(struct gt_m *m, struct gt_g *g, gt_tok tok, enum gt_gstatus to)
{
    uint64_t w = gt_load_relaxed(&g->t.status);
    gt_assert(m->rt, (w & GT_STATUS_SCAN) != 0);
    gt_assert(m->rt, gt_load_relaxed(&g->t.scan_holder) == m->t.serial);
    unsigned from = gt_status_of(w);
    w = gt_status_next(w, to);
    journal_g(m, g, w, tok, from);
    gt_store_relaxed(&g->t.scan_holder, 0u);
    gt_store_release(&g->t.status, w); /* pair: gstatus */
}

static bool scannable(uint64_t w)
{
    unsigned s = gt_status_of(w);
    return !(w & GT_STATUS_SCAN) &&
           (s == GT_G_RUNNABLE || s == GT_G_WAITING || s == GT_G_SYSCALL);
}

bool gt_g_scan_try(struct gt_m *m, struct gt_g *g)
{
    uint64_t w = gt_load_relaxed(&g->t.status);
    if (!scannable(w) ||
        !gt_cas_acquire(&g->t.status, &w, w | GT_STATUS_SCAN)) /* pair: gstatus */
        return false;
    gt_store_relaxed(&g->t.scan_holder, m->t.serial);
    gt_jnote(m, GT_J_SCAN, g->t.id, gt_status_version(w), gt_status_of(w), gt_jnote_own(m, g));
    return true;
}

void gt_g_scan_end(struct gt_m *m, struct gt_g *g)
{
    uint64_t w = gt_load_relaxed(&g->t.status);
    gt_assert(m->rt, (w & GT_STATUS_SCAN) != 0);
    gt_assert(m->rt, gt_load_relaxed(&g->t.scan_holder) == m->t.serial);
    (void)m;
    gt_store_relaxed(&g->t.scan_holder, 0u);
    gt_store_release(&g->t.status, w & ~(uint64_t)GT_STATUS_SCAN); /* pair: gstatus */
}

/*
 * The thief's mark makes the whole return one compare-and-swap:
 *
 *      M1 returns                          M2 steals the P
 *      w = Syscall                         Syscall -> Syscall+scan
 *                                          detach the P, ProcSteal
 *                                          Syscall+scan -> Syscall+lost
 *      cas(w -> Running) fails       <--
 *
 * Without it the word would be `w` again and M1 would run without a P.
 */
bool gt_g_syscall_return(struct gt_m *m, struct gt_g *g, gt_tok tok)
{
    uint64_t w = gt_load_relaxed(&g->t.status);
    for (;;) {
        if (gt_unlikely(w & GT_STATUS_SCAN)) {
            gt_await(&g->t.status,
                     !((w = gt_load_relaxed(&g->t.status)) & GT_STATUS_SCAN));
            continue;
        }
        if (gt_unlikely(gt_status_of(w) != GT_G_SYSCALL))
            gt_g_wrong_status(m, g, GT_G_SYSCALL);
        if (gt_unlikely(w & GT_STATUS_LOST)) {
            /* What the thief did to this M comes before what the M does now. */
            (void)gt_load_acquire(&g->t.status); /* pair: gstatus */
            return false;
        }
        uint64_t n = gt_status_next(w, GT_G_RUNNING);
        if (gt_likely(gt_cas_acq_rel(&g->t.status, &w, n))) { /* pair: gstatus */
            journal_g(m, g, n, tok, GT_G_SYSCALL);
            return true;
        }
    }
}

void gt_g_scan_end_lost(struct gt_m *m, struct gt_g *g)
{
    uint64_t w = gt_load_relaxed(&g->t.status);
    gt_assert(m->rt, gt_load_relaxed(&g->t.scan_holder) == m->t.serial);
    (void)m;
    w = (w & ~(uint64_t)GT_STATUS_SCAN) | GT_STATUS_LOST;
    gt_jnote_lost(m, g, w);
    gt_store_relaxed(&g->t.scan_holder, 0u);
    gt_store_release(&g->t.status, w); /* pair: gstatus */
}

void gt_g_to_syscall_lost(struct gt_m *m, struct gt_g *g, gt_tok tok, enum gt_gstatus from)
{
    gt_assert(m->rt, gt_g_status(g) == from);
    uint64_t w = gt_status_next(gt_load_relaxed(&g->t.status), GT_G_SYSCALL) | GT_STATUS_LOST;
    journal_g(m, g, w, tok, from);
    gt_store_release(&g->t.status, w); /* pair: gstatus */
}

void gt_p_set(struct gt_m *m, struct gt_p *p, gt_tok tok, enum gt_pstatus to)
{
    uint64_t w = gt_load_relaxed(&p->t.status);
    unsigned from = gt_status_of(w);
    w = gt_status_next(w, to);
    if (m)
        gt_journal_add(m, GT_J_P, (uint64_t)p->t.id, w, tok.v, from, to, 0);
    gt_store_release(&p->t.status, w); /* pair: pstatus */
}

bool gt_p_take(struct gt_m *m, struct gt_p *p, gt_tok tok, uint64_t seen, enum gt_pstatus to)
{
    uint64_t n = gt_status_next(seen, to);
    unsigned from = gt_status_of(seen);
    if (!gt_cas_acq_rel(&p->t.status, &seen, n)) /* pair: pstatus */
        return false;
    gt_journal_add(m, GT_J_P, (uint64_t)p->t.id, n, tok.v, from, to, 0);
    return true;
}
