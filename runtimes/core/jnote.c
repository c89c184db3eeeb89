/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notes of the journal.
 *
 * Invariants:
 *   I1 A note is written by the M that did what it says, where it did it, so that it stands in
 *      its M's order; no tracer and no oracle has a say in it.
 *   I2 rt->journal_marks grows only with the world stopped or its semaphore held. What is done
 *      with the world stopped (Ps that die, a trace that starts) is ordered by it exactly.
 *   I3 m->jnote speaks of the M's own last changes: a G leaves a system call on the M on which it
 *      entered it.
 */
#include "core/core.h"

#if GT_ORACLE
void gt_jnote(struct gt_m *m, enum gt_jkind kind, uint64_t id, uint64_t version, unsigned from,
              unsigned to)
{
    if (m && gt_load_relaxed(&m->rt->journal_on) != 0)
        gt_journal_add(m, kind, id, version << GT_STATUS_VERSION_SHIFT, GT_TOK_NONE_V, from, to,
                       kind == GT_J_SCAN ? to : 0);
}

unsigned gt_jnote_own(const struct gt_m *m, const struct gt_g *g)
{
    return m->t.g == &g->t ? GT_JR_OWN : 0;
}

void gt_jnote_lost(struct gt_m *m, struct gt_g *g, uint64_t w)
{
    if (gt_load_relaxed(&m->rt->journal_on) != 0)
        gt_journal_add(m, GT_J_LOST, g->t.id, w, m->jnote.last_tok, GT_G_SYSCALL, m->jnote.last_to,
                       gt_jnote_own(m, g));
}

/* I2. */
void gt_jnote_stored(struct gt_runtime *rt, uint64_t w)
{
    struct gt_m *m = gt_tls_m();
    uint32_t marks = gt_load_relaxed(&rt->journal_marks) + 1;
    gt_store_relaxed(&rt->journal_marks, marks);
    if (m && gt_load_relaxed(&rt->journal_on) != 0)
        gt_journal_add(m, GT_J_TRACE, 0, (uint64_t)marks << GT_STATUS_VERSION_SHIFT, w, 0, w != 0, 0);
}

static unsigned of_g(struct gt_m *m, uint64_t word, unsigned from, unsigned to, unsigned reason)
{
    if (to == GT_G_SYSCALL) {
        m->jnote.call = 0;
        return ((word & GT_STATUS_LOST) ? GT_JR_BLOCKING : 0u) |
               (from == GT_G_DEAD && m->extra ? GT_JR_FOREIGN : 0u);
    }
    return from == GT_G_SYSCALL ? m->jnote.call : reason;
}

static unsigned who_takes(struct gt_m *m)
{
    struct gt_g *g = gt_m_g(m);
    return (m == m->rt->sysmon_m ? GT_JR_SYSMON : 0u) |
           (g && gt_g_status(g) == GT_G_SYSCALL ? GT_JR_GIVES : 0u);
}

static unsigned of_p(struct gt_m *m, uint64_t tok, unsigned from, unsigned to)
{
    m->jnote.last_tok = tok;
    m->jnote.last_to = (uint8_t)to;
    if (from == GT_P_IDLE && to == GT_P_RUNNING)
        m->jnote.call = GT_JR_IDLE_P;
    return who_takes(m);
}

unsigned gt_jnote_reason(struct gt_m *m, enum gt_jkind kind, uint64_t word, uint64_t tok,
                         unsigned from, unsigned to, unsigned reason)
{
    switch (kind) {
    case GT_J_G:
        return of_g(m, word, from, to, reason);
    case GT_J_P:
        return of_p(m, tok, from, to);
    case GT_J_LOST:
        return reason | who_takes(m);
    default:
        return reason;
    }
}
#endif
