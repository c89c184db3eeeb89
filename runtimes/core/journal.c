/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal of transitions (oracle build): what really happened.
 *
 * Each M writes its own, under a spin lock that only the reader of a round contends; the
 * versions in the entries order them per G and P. Memory is bounded by rounds: a round ends
 * with the world quiet, is compared, and the journals start anew.
 *
 * Invariants:
 *   I1 An entry is written by the M that made the transition, after or right before the
 *      atomic write, never dropped silently: an M whose round is full counts `lost`, and
 *      the round is then void, not clean.
 *   I2 Per id the versions of a complete round are consecutive and each `from` is the
 *      `to` before it.
 *   I3 An M that leaves hands its journal over under the scheduler lock, before its struct
 *      or serial could serve again.
 */
#include "core/core.h"

#if GT_ORACLE
#include "gauntlet/journal.h"

#define BLOCK_ENTRIES 1024u
#define LEFT_MAX 16u /* times the cap of one M: what Ms that left may leave */

/* Blocks of rounds that are over serve again: their pages are there. */
static struct gt_jblock *block_new(struct gt_runtime *rt)
{
    gt_spin_lock(&rt->journal_spare_lock);
    struct gt_jblock *b = rt->journal_spare;
    if (b)
        rt->journal_spare = b->next;
    gt_spin_unlock(&rt->journal_spare_lock);
    if (!b)
        b = gt_map(sizeof *b + BLOCK_ENTRIES * sizeof(struct gt_jentry), false);
    if (!b)
        return NULL;
    b->next = NULL;
    b->n = 0;
    b->cap = BLOCK_ENTRIES;
    return b;
}

static GT_NOINLINE struct gt_jblock *block_for(struct gt_m *m)
{
    struct gt_journal *j = &m->journal;
    if (j->tail && j->tail->n < j->tail->cap)
        return j->tail;
    if (j->total >= m->rt->journal_cap)
        return NULL;
    struct gt_jblock *b = block_new(m->rt);
    if (!b)
        return NULL;
    if (j->tail)
        j->tail->next = b;
    else
        j->head = b;
    j->tail = b;
    return b;
}

/* The next entry of m's, with where and when in it, which are the same for every kind. Locked
 * until commit. NULL: the round is full, and nothing is locked. */
static inline struct gt_jentry *new_entry(struct gt_m *m)
{
    struct gt_runtime *rt = m->rt;
    gt_spin_lock(&m->journal_lock);
    struct gt_jblock *b = m->journal.tail;
    if (gt_unlikely(!b || b->n == b->cap) && !(b = block_for(m))) {
        m->journal.lost++;
        gt_spin_unlock(&m->journal_lock);
        return NULL;
    }
    struct gt_jentry *e = &b->e[b->n];
    e->ordinal = gt_load_relaxed(&m->t.events);
    e->m = (uint32_t)m->t.serial;
    e->tid = m->t.tid;
    e->p = m->t.p ? m->t.p->id : -1;
    e->round = gt_load_relaxed(&rt->journal_round);
    e->epoch = gt_load_relaxed(&rt->journal_epoch);
    e->marks = gt_load_relaxed(&rt->journal_marks);
    e->seq = (uint32_t)m->journal.total;
    return e;
}

static inline void commit(struct gt_m *m)
{
    m->journal.total++;
    m->journal.tail->n++;
    gt_spin_unlock(&m->journal_lock);
}

void gt_journal_add(struct gt_m *m, enum gt_jkind kind, uint64_t id, uint64_t word, uint64_t tok,
                    unsigned from, unsigned to, unsigned reason)
{
    if (kind == GT_J_G || kind == GT_J_P)
        gt_bump(&m->transitions, 1u);
    if (gt_load_relaxed(&m->rt->journal_on) == 0)
        return;
    unsigned why = gt_jnote_reason(m, kind, word, tok, from, to, reason);
    struct gt_jentry *e = new_entry(m);
    if (!e)
        return;
    e->id = id;
    e->version = gt_status_version(word);
    e->tok = tok;
    e->kind = (uint8_t)kind;
    e->from = (uint8_t)from;
    e->to = (uint8_t)to;
    e->reason = (uint8_t)why;
    commit(m);
}

void gt_journal_told(struct gt_m *m, gt_tok tok, enum gt_jtold what, uint64_t id, uint64_t version)
{
    struct gt_jentry *e = gt_load_relaxed(&m->rt->journal_on) != 0 ? new_entry(m) : NULL;
    if (!e)
        return;
    e->id = id;
    e->version = version;
    e->tok = tok.v;
    e->kind = GT_J_TOLD;
    e->from = (uint8_t)what;
    e->to = e->reason = 0;
    commit(m);
}

void gt_journal_epoch(struct gt_runtime *rt, bool on)
{
    uint32_t e = gt_load_relaxed(&rt->journal_epoch) + 1;
    gt_store_relaxed(&rt->journal_epoch, on ? e | 1u : e & ~1u);
}

static void drop(struct gt_runtime *rt, struct gt_journal *j)
{
    if (j->head) {
        gt_spin_lock(&rt->journal_spare_lock);
        j->tail->next = rt->journal_spare;
        rt->journal_spare = j->head;
        gt_spin_unlock(&rt->journal_spare_lock);
    }
    *j = (struct gt_journal){0};
}

void gt_journal_free(struct gt_runtime *rt)
{
    gt_journal_next_round(rt);
    for (struct gt_jblock *b = rt->journal_spare, *next; b; b = next) {
        next = b->next;
        gt_unmap(b, sizeof *b + b->cap * sizeof(struct gt_jentry));
    }
    rt->journal_spare = NULL;
}

/* I3. Scheduler lock held. */
void gt_journal_leave(struct gt_m *m)
{
    struct gt_runtime *rt = m->rt;
    gt_assert_held(&rt->sched_lock);
    struct gt_journal *j = &m->journal, *left = &rt->journal_left;
    if (m->extra)
        return; /* its struct stays, and so do its entries */
    if (left->total + j->total > LEFT_MAX * rt->journal_cap) {
        left->lost += j->total;
        drop(rt, j);
        return;
    }
    if (j->head) {
        if (left->tail)
            left->tail->next = j->head;
        else
            left->head = j->head;
        left->tail = j->tail;
    }
    left->total += j->total;
    left->lost += j->lost;
    gt_add_relaxed(&rt->count.transitions, gt_load_relaxed(&m->transitions));
    gt_store_relaxed(&m->transitions, 0u);
    *j = (struct gt_journal){0};
}

void gt_journal_enable(struct gt_runtime *rt, uint64_t entries_per_m)
{
    rt->journal_cap = entries_per_m;
    gt_store_relaxed(&rt->journal_on, entries_per_m > 0 ? 1u : 0u);
}

/* The tracer's token as GT_JTOK_*. */
static uint64_t token_of(struct gt_runtime *rt, uint64_t tok)
{
    if (tok <= GT_TOK_NONE_V || !gt_tracer(rt)->generation)
        return tok;
    return GT_JTOK_NONE + gt_tracer(rt)->generation(rt->tracer_state, (gt_tok){tok});
}

static uint64_t walk(struct gt_runtime *rt, struct gt_jblock *b, gt_journal_fn fn, void *arg)
{
    uint64_t n = 0;
    for (; b; b = b->next)
        for (uint32_t i = 0; i < b->n; i++, n++) {
            struct gt_jentry e = b->e[i];
            e.tok = token_of(rt, e.tok);
            fn(&e, arg);
        }
    return n;
}

uint64_t gt_journal_each(struct gt_runtime *rt, gt_journal_fn fn, void *arg, uint64_t *lost)
{
    gt_lock(&rt->sched_lock);
    uint64_t n = walk(rt, rt->journal_left.head, fn, arg);
    *lost = rt->journal_left.lost;
    for (struct gt_m *m = rt->all_ms; m; m = m->all_next) {
        gt_spin_lock(&m->journal_lock);
        n += walk(rt, m->journal.head, fn, arg);
        *lost += m->journal.lost;
        gt_spin_unlock(&m->journal_lock);
    }
    gt_unlock(&rt->sched_lock);
    return n;
}

void gt_journal_next_round(struct gt_runtime *rt)
{
    gt_lock(&rt->sched_lock);
    drop(rt, &rt->journal_left);
    for (struct gt_m *m = rt->all_ms; m; m = m->all_next) {
        gt_spin_lock(&m->journal_lock);
        drop(rt, &m->journal);
        gt_spin_unlock(&m->journal_lock);
    }
    gt_unlock(&rt->sched_lock);
    gt_add_relaxed(&rt->journal_round, 1u);
    gt_perturb_next_round(rt);
}
#endif
