/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The statuses that a generation states, against what the journal says a G or P was in.
 *
 * Invariants:
 *   I1 A status in generation n tells the state before the first event of the G or P in n, and
 *      where there is none, the state all through n. Both are the state in which the first of
 *      its entries that is not before n finds it.
 *   I2 A G that lives when n begins has exactly one; one that is born in n, or dead, has none.
 *   I3 A P that has an event in n has exactly one.
 * Limits: a P without any event in a trace may be Idle or Running there, and is not missed. An
 *   entry off any section may lie before or after a trace that begins or ends at that
 *   very moment (jentry.epoch): both are then taken for true.
 */
#include <errno.h>

#include "harness/truth_internal.h"

/* trace << 40 | generation; between traces: trace to come << 40. 0: with the one before. */
#define TRACE_SHIFT 40
#define FOREVER UINT64_MAX
#define BIT(s) (1u << (s))

uint64_t gt_truth_key(const struct gt_jentry *e)
{
    uint64_t trace = (e->epoch + 1) / 2; /* on: an epoch that is even is late */
    if (gt_jtok_on(e->tok))
        return trace << TRACE_SHIFT | gt_jtok_generation(e->tok);
    return e->tok == GT_JTOK_NONE ? 0 : (trace + 1) << TRACE_SHIFT;
}

/* Off, while a trace was about to begin or had just ended. */
static bool is_vague(const struct gt_jentry *e)
{
    return e->tok == GT_JTOK_OFF && (e->epoch & 1u) != 0;
}

static void lie(struct gt_truth *t, const struct gt_jentry *was, const char *said, uint64_t tid,
                uint64_t offset, const char *explain)
{
    gt_truth_lie(t, &(struct gt_lie){.cls = GT_TRUTH_status,
                                     .was = was,
                                     .said = said,
                                     .generation = t->g->gen,
                                     .m = tid,
                                     .offset = offset,
                                     .explain = explain});
}

/* ---- Gs ------------------------------------------------------------------------------------ */
static unsigned wire_of(unsigned status, unsigned reason)
{
    static const uint8_t wire[] = {[GT_G_DEAD] = GT_WIRE_G_BAD,
                                   [GT_G_RUNNABLE] = GT_WIRE_G_RUNNABLE,
                                   [GT_G_RUNNING] = GT_WIRE_G_RUNNING,
                                   [GT_G_SYSCALL] = GT_WIRE_G_SYSCALL,
                                   [GT_G_WAITING] = GT_WIRE_G_WAITING};
    if (status == GT_G_WAITING && gt_wait_is_running((enum gt_wait_reason)reason))
        return GT_WIRE_G_RUNNING;
    return status < sizeof wire ? wire[status] : GT_WIRE_G_BAD;
}

struct state {
    unsigned may;                 /* BIT of each status that would be true */
    const struct gt_jentry *prev; /* what brought it there; NULL: before the journal */
};

/* Of the i-th. A vague one is no later than what came next, of which more is known:
 *
 *      G                                   who starts a trace
 *      comes in, off: vague
 *                                          generation 1
 *      blocks in 1
 *                                          generation 2: it waits, as it has since 1
 */
static uint64_t key_at(const struct gt_truth *t, const struct gt_chain *k, uint64_t i)
{
    const struct gt_jentry *e = gt_chain_at(t, &t->gs, k, i), *next = e;
    uint64_t key = gt_truth_key(e);
    while (next && (is_vague(next) || next->tok == GT_JTOK_NONE))
        next = gt_chain_at(t, &t->gs, k, ++i);
    return is_vague(e) && next && gt_truth_key(next) < key ? gt_truth_key(next) : key;
}

/* I1. Generations come in order. */
static struct state state_of(struct gt_truth *t, struct gt_chain *k)
{
    const struct gt_chains *c = &t->gs;
    const struct gt_jentry *e = gt_chain_at(t, c, k, 0);
    while (gt_chain_at(t, c, k, k->cursor) != NULL && key_at(t, k, k->cursor) < t->key)
        k->cursor++;
    struct state s = {.prev = k->cursor ? gt_chain_at(t, c, k, k->cursor - 1) : NULL};
    s.may = BIT(s.prev ? wire_of(s.prev->to, s.prev->reason) : wire_of(e->from, e->reason));
    for (uint64_t i = k->cursor; (e = gt_chain_at(t, c, k, i)) != NULL && is_vague(e); i++)
        s.may |= BIT(wire_of(e->to, e->reason));
    return s;
}

static bool thread_is_true(const struct state *s, uint64_t status, uint64_t thread)
{
    if (status != GT_WIRE_G_RUNNING && status != GT_WIRE_G_SYSCALL)
        return true;
    return !s->prev || (s->may & (s->may - 1)) != 0 || (uint64_t)s->prev->tid == thread;
}

static void g_status(struct gt_truth *t, const struct gt_event *ev, uint64_t tid, uint64_t offset)
{
    struct gt_chain *k = gt_chain_find(&t->gs, ev->args[0]);
    char said[96];
    snprintf(said, sizeof said, "GoStatus g=%llu m=%lld %s", (unsigned long long)ev->args[0],
             (long long)ev->args[1], gt_wire_gstatus_name(ev->args[2]));
    if (!k) {
        lie(t, NULL, said, tid, offset, "nobody knows this G");
        return;
    }
    struct state s = state_of(t, k);
    if (k->stamp == t->key)
        lie(t, s.prev, said, tid, offset, "the G has a status already");
    else if ((s.may & ~BIT(GT_WIRE_G_BAD)) == 0)
        lie(t, s.prev, said, tid, offset, "the G did not live then");
    else if (ev->args[2] >= GT_WIRE_G_COUNT || !(s.may & BIT(ev->args[2])))
        lie(t, s.prev, said, tid, offset, "the G was in another status");
    else if (!thread_is_true(&s, ev->args[2], ev->args[1]))
        lie(t, s.prev, said, tid, offset, "the G was on another thread");
    k->stamp = t->key;
}

/* ---- I2: who must have one -------------------------------------------------------------------- */
static int by_birth(const void *a, const void *b)
{
    const struct gt_life *x = a, *y = b;
    return x->born < y->born ? -1 : x->born > y->born;
}

/* false: it never lives when a generation begins, or when is not known. */
static bool life_of(struct gt_truth *t, uint32_t chain, struct gt_life *l)
{
    const struct gt_chain *k = &t->gs.c[chain];
    const struct gt_jentry *b = gt_chain_at(t, &t->gs, k, 0),
                           *d = gt_chain_at(t, &t->gs, k, k->n - 1);
    bool born = b->from == GT_G_DEAD, dead = d->to == GT_G_DEAD;
    if ((born && is_vague(b)) || (dead && is_vague(d)) || d->tok == GT_JTOK_NONE)
        return false;
    *l = (struct gt_life){
        .born = born ? gt_truth_key(b) : 0, .dead = dead ? gt_truth_key(d) : FOREVER, .chain = chain};
    return l->born < l->dead;
}

int gt_truth_status_begin(struct gt_truth *t)
{
    t->lives = gt_truth_need(t, GT_SPACE_LIVES, (t->gs.n + 1u) * sizeof *t->lives);
    if (!t->lives)
        return t->rc;
    for (uint32_t i = 0; i < t->gs.n; i++)
        t->n_lives += life_of(t, i, &t->lives[t->n_lives]);
    qsort(t->lives, t->n_lives, sizeof *t->lives, by_birth);
    return 0;
}

void gt_truth_status_generation(struct gt_truth *t)
{
    size_t n = 0;
    for (; t->live_at < t->n_lives && t->lives[t->live_at].born < t->key; t->live_at++)
        (void)gt_vec32_push(t, &t->alive, (uint32_t)t->live_at);
    for (size_t i = 0; i < t->alive.n; i++)
        if (t->lives[t->alive.v[i]].dead >= t->key)
            t->alive.v[n++] = t->alive.v[i];
    t->alive.n = n;
}

static void gs_without(struct gt_truth *t)
{
    for (size_t i = 0; i < t->alive.n; i++) {
        struct gt_chain *k = &t->gs.c[t->lives[t->alive.v[i]].chain];
        if (k->stamp != t->key)
            lie(t, state_of(t, k).prev ? state_of(t, k).prev : gt_chain_at(t, &t->gs, k, 0), "",
                GT_NO_M, 0, "the G lives, and has no status in the generation");
    }
}

/* ---- Ps ------------------------------------------------------------------------------------------ */
static const struct gt_must *p_must(const struct gt_truth *t, const struct gt_chain *k, uint64_t i)
{
    uint64_t at = t->p_first[k->first] + i;
    return at < t->p_first[k->first + k->n] ? &t->must[t->p_musts[at]] : NULL;
}

static uint64_t generation_of(const struct gt_truth *t, const struct gt_must *m)
{
    return gt_jtok_generation(t->e[m->entry].tok);
}

/* What a P is when its event comes. */
static unsigned p_before(const struct gt_must *m, const struct gt_must *prev)
{
    switch (m->type) {
    case GT_EV_PROC_START:
        return BIT(GT_WIRE_P_IDLE);
    case GT_EV_PROC_STEAL:
        return BIT(GT_WIRE_P_SYSCALL_ABANDONED);
    case GT_EV_GO_SYSCALL_END:
        return BIT(GT_WIRE_P_SYSCALL);
    case GT_EV_PROC_STOP: /* in a call that gives its P up, it is in it */
        return prev && prev->type == GT_EV_GO_SYSCALL_BEGIN ? BIT(GT_WIRE_P_SYSCALL)
                                                              : BIT(GT_WIRE_P_RUNNING);
    default:
        return BIT(GT_WIRE_P_RUNNING);
    }
}

static unsigned p_after(const struct gt_must *m)
{
    switch (m->type) {
    case GT_EV_PROC_START:
    case GT_EV_GO_SYSCALL_END:
        return BIT(GT_WIRE_P_RUNNING);
    case GT_EV_GO_SYSCALL_BEGIN:
        return BIT(GT_WIRE_P_SYSCALL);
    default:
        return BIT(GT_WIRE_P_IDLE);
    }
}

/* A must of the trace at hand, or NULL: what a P does between two traces leaves no event. */
static const struct gt_must *in_trace(const struct gt_truth *t, const struct gt_must *m)
{
    return m && gt_truth_key(&t->e[m->entry]) >> TRACE_SHIFT == t->key >> TRACE_SHIFT ? m : NULL;
}

static unsigned wire_of_p(unsigned status)
{
    return status == GT_P_RUNNING ? BIT(GT_WIRE_P_RUNNING)
           : status == GT_P_SYSCALL ? BIT(GT_WIRE_P_SYSCALL)
                                    : BIT(GT_WIRE_P_IDLE);
}

/* Of a P that did nothing in the trace that has an event: what it was when the trace began.
 * Between traces a P changes without an event, and the changes of a stopped world, which stand
 * in no section, may lie before or after the beginning. */
static unsigned p_unmoved(struct gt_truth *t, const struct gt_chain *k)
{
    const struct gt_jentry *e = gt_chain_at(t, &t->ps, k, 0);
    unsigned may = wire_of_p(e->from);
    for (uint64_t i = 0; (e = gt_chain_at(t, &t->ps, k, i)) != NULL; i++) {
        uint64_t key = gt_truth_key(e);
        if (key >= t->key && !is_vague(e))
            break;
        may = key && !is_vague(e) ? wire_of_p(e->to) : may | wire_of_p(e->to);
    }
    return may;
}

static unsigned p_may(struct gt_truth *t, struct gt_chain *k)
{
    const struct gt_must *m;
    while ((m = p_must(t, k, k->cursor)) != NULL && generation_of(t, m) < t->g->gen)
        k->cursor++;
    const struct gt_must *prev = in_trace(t, k->cursor ? p_must(t, k, k->cursor - 1) : NULL);
    m = in_trace(t, m);
    if (m)
        return p_before(m, prev);
    return prev ? p_after(prev) : p_unmoved(t, k);
}

static void p_status(struct gt_truth *t, const struct gt_event *ev, uint64_t tid, uint64_t offset)
{
    struct gt_chain *k = gt_chain_find(&t->ps, ev->args[0]);
    char said[64];
    snprintf(said, sizeof said, "ProcStatus p=%llu %s", (unsigned long long)ev->args[0],
             gt_wire_pstatus_name(ev->args[1]));
    if (!k) {
        lie(t, NULL, said, tid, offset, "nobody knows this P");
        return;
    }
    unsigned may = p_may(t, k);
    const struct gt_must *m = p_must(t, k, k->cursor);
    const struct gt_jentry *was = m ? &t->e[m->entry] : gt_chain_at(t, &t->ps, k, k->n - 1);
    if (k->stamp == t->key)
        lie(t, was, said, tid, offset, "the P has a status already");
    else if (ev->args[1] >= GT_WIRE_P_COUNT || !(may & BIT(ev->args[1])))
        lie(t, was, said, tid, offset, "the P was in another status");
    k->stamp = t->key;
}

/* I3. */
static void ps_without(struct gt_truth *t)
{
    for (uint32_t i = 0; i < t->ps.n; i++) {
        struct gt_chain *k = &t->ps.c[i];
        (void)p_may(t, k);
        const struct gt_must *m = p_must(t, k, k->cursor);
        if (k->stamp != t->key && m && generation_of(t, m) == t->g->gen)
            lie(t, &t->e[m->entry], "", GT_NO_M, 0,
                "the P has events, and no status in the generation");
    }
}

void gt_truth_status(struct gt_truth *t, const struct gt_event *ev, uint64_t tid, uint64_t offset)
{
    if (ev->type == GT_EV_PROC_STATUS)
        p_status(t, ev, tid, offset);
    else if (ev->type == GT_EV_GO_STATUS || ev->type == GT_EV_GO_STATUS_STACK)
        g_status(t, ev, tid, offset);
}

void gt_truth_status_end(struct gt_truth *t)
{
    gs_without(t);
    ps_without(t);
}
