/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the journal to the events that must stand in the traces: rows of truth_rows.def, then
 * the numbers that sequenced events have.
 *
 * Invariants:
 *   I1 The events of one M, in its order, are the musts of its entries in their order: every
 *      event that the core asks for is a transition's or is journaled itself (told.def).
 *   I2 A G's events are numbered 1, 2, .. in each generation, in the order of its versions.
 *   I3 So are a P's, those of system calls among them: a call stands between the version with
 *      which its M got the P and the next one, in the M's order.
 */
#include <errno.h>

#include "harness/truth_internal.h"

enum when { ALWAYS, PRETENCE, DIRECT, TO_BLOCK, TO_END, KEPT, OWN_STOP, OWNER, OWN_CALL };
enum side { AFTER, BEFORE };

struct row {
    uint8_t kind, from, to, when, side, event[2];
};
static const struct row rows[] = {
#define GT_ROW(kind, from, to, when, side, a, b)                                                   \
    {GT_J_##kind, GT_##kind##_##from, GT_##kind##_##to, when, side, {GT_EV_##a, GT_EV_##b}},
#include "harness/truth_rows.def"
#undef GT_ROW
};
#define STATES GT_TRUTH_STATES
_Static_assert(GT_G_WAITING + 1 == STATES && GT_P_DEAD + 1 == STATES, "states");

/* One M as it goes through its entries. */
struct walk {
    uint32_t m;
    int64_t p; /* P it has, -1 none */
    uint64_t p_version;
    uint32_t last_g; /* its last entry of a G that then ran on it */
    bool got_p;      /* since its call began */
    int64_t call_p;  /* that its own call put into Syscall, -1 none */
    uint64_t call_version;
    bool stops; /* its G pretends to wait, to stop the world */
    uint32_t direct; /* parts of a direct switch still to come */
    bool ends;       /* its first side ended */
    uint64_t generation;
    struct gt_run *run;
    uint64_t events;  /* musts so far */
    uint64_t ordinal; /* of the M's first event */
    bool has_ordinal;
    uint64_t section; /* generation of the last section, 0 none */
    size_t outside;   /* entries outside before which section comes is not known */
};

static void index_rows(struct gt_truth *t)
{
    for (size_t i = sizeof rows / sizeof *rows; i-- > 0;)
        t->first_row[rows[i].kind][rows[i].from][rows[i].to] = (uint8_t)(i + 1);
}

/* ---- which row ------------------------------------------------------------------------- */
static const struct gt_jentry *before(const struct gt_truth *t, uint32_t entry)
{
    const struct gt_jentry *e = &t->e[entry];
    const struct gt_chains *c = e->kind == GT_J_G ? &t->gs : &t->ps;
    const struct gt_chain *k = &c->c[t->chain_of[entry]];
    return e->version > k->version ? gt_chain_at(t, c, k, e->version - k->version - 1) : NULL;
}

static bool fits(const struct gt_truth *t, const struct walk *w, uint32_t entry, uint8_t when)
{
    const struct gt_jentry *e = &t->e[entry], *b;
    switch (when) {
    case PRETENCE:
        return gt_wait_is_running((enum gt_wait_reason)e->reason);
    case DIRECT:
        return w->direct > 1;
    case TO_BLOCK:
        return w->direct == 1 && !w->ends;
    case TO_END:
        return w->direct == 1 && w->ends;
    case KEPT:
        return !w->got_p;
    case OWN_STOP:
        return w->stops && w->p == (int64_t)e->id;
    case OWNER:
        b = before(t, entry);
        return b ? b->m == e->m && b->to == GT_P_RUNNING : w->p == (int64_t)e->id;
    case OWN_CALL:
        return w->call_p == (int64_t)e->id && w->call_version + 1 == e->version;
    default:
        return true;
    }
}

static const struct row *row_for(const struct gt_truth *t, const struct walk *w, uint32_t entry)
{
    const struct gt_jentry *e = &t->e[entry];
    if (e->from >= STATES || e->to >= STATES)
        return NULL;
    size_t i = t->first_row[e->kind][e->from][e->to];
    for (; i != 0 && i <= sizeof rows / sizeof *rows; i++) {
        const struct row *r = &rows[i - 1];
        if (r->kind != e->kind || r->from != e->from || r->to != e->to)
            break;
        if (fits(t, w, entry, r->when))
            return r;
    }
    return NULL;
}

/* Three entries of one moment: a G stops, another is made runnable, and runs. */
static bool is_direct(const struct gt_truth *t, size_t pos)
{
    if (pos + 2 >= t->n_by_m)
        return false;
    const struct gt_jentry *a = &t->e[gt_truth_at(t, pos)], *b = &t->e[gt_truth_at(t, pos + 1)],
                           *c = &t->e[gt_truth_at(t, pos + 2)];
    return a->kind == GT_J_G && b->kind == GT_J_G && c->kind == GT_J_G && b->id == c->id &&
           a->id != b->id && a->m == b->m && b->m == c->m && a->ordinal == b->ordinal &&
           b->ordinal == c->ordinal && a->tok == b->tok && b->tok == c->tok &&
           a->from == GT_G_RUNNING && (a->to == GT_G_WAITING || a->to == GT_G_DEAD) &&
           b->from == GT_G_WAITING && b->to == GT_G_RUNNABLE && c->from == GT_G_RUNNABLE &&
           c->to == GT_G_RUNNING && b->reason == GT_WAIT_CORO;
}

/* ---- musts --------------------------------------------------------------------------------- */
static struct gt_must *push(struct gt_truth *t, struct walk *w, uint32_t entry, uint8_t type)
{
    const struct gt_jentry *e = &t->e[entry];
    struct gt_must *v = gt_more(t, t->must, t->n_must, &t->cap_must, sizeof *v);
    if (!v)
        return NULL;
    t->must = v;
    if (!w->run || w->generation != gt_jtok_generation(e->tok)) {
        struct gt_run *r = gt_more(t, t->runs, t->n_runs, &t->cap_runs, sizeof *r);
        if (!r)
            return NULL;
        t->runs = r;
        w->generation = gt_jtok_generation(e->tok);
        w->run = &r[t->n_runs++];
        *w->run = (struct gt_run){.generation = w->generation,
                                  .m = e->m,
                                  .tid = e->tid,
                                  .first = (uint32_t)t->n_must};
    }
    w->run->n++;
    w->events++;
    if (t->must_of[entry] == GT_NO_INDEX)
        t->must_of[entry] = (uint32_t)t->n_must;
    v += t->n_must++;
    *v = (struct gt_must){
        .entry = entry, .type = type, .p = -1, .generation = (uint32_t)w->generation};
    return v;
}

/* The number comes from a P's order. own: an entry of that P. */
static void of_p(struct gt_truth *t, struct gt_must *m, uint64_t p, uint64_t version, bool own)
{
    struct gt_chain *k = gt_chain_find(&t->ps, p);
    m->p = (int32_t)p;
    if (!k || version < k->version || version - k->version >= k->n) {
        m->any_seq = true;
        return;
    }
    struct gt_vec32 *l = own ? &t->p_own : &t->p_call;
    if (gt_vec32_push(t, l, k->first + (uint32_t)(version - k->version)))
        (void)gt_vec32_push(t, l, (uint32_t)(m - t->must));
}

static int32_t block_of(uint8_t reason)
{
    static const uint8_t wire[] = {
#define GT_WAIT_DEF(sym, name, wire_, runs, shrinks) GT_WIRE_BLOCK_##wire_,
#include "gauntlet/waits.def"
#undef GT_WAIT_DEF
    };
    return reason < sizeof wire ? wire[reason] : -1;
}

static int32_t stop_of(uint8_t why)
{
    return why == GT_STOP_PREEMPTED ? GT_WIRE_STOP_PREEMPTED : GT_WIRE_STOP_GOSCHED;
}

/* What the event of a transition says. */
static void fill(struct gt_truth *t, struct walk *w, uint32_t entry, struct gt_must *m)
{
    const struct gt_jentry *e = &t->e[entry], *b;
    switch (m->type) {
    case GT_EV_GO_CREATE:
    case GT_EV_GO_CREATE_BLOCKED:
    case GT_EV_GO_CREATE_SYSCALL:
    case GT_EV_GO_START:
    case GT_EV_GO_UNBLOCK:
    case GT_EV_GO_SWITCH:
    case GT_EV_GO_SWITCH_DESTROY:
        m->id = e->id;
        break;
    case GT_EV_GO_STOP:
        m->aux = stop_of(e->reason);
        break;
    case GT_EV_GO_BLOCK:
        m->aux = block_of(e->reason);
        break;
    case GT_EV_GO_SYSCALL_BEGIN:
    case GT_EV_GO_SYSCALL_END:
        if (w->p >= 0)
            of_p(t, m, (uint64_t)w->p, w->p_version, false);
        else
            m->any_seq = true;
        break;
    case GT_EV_PROC_STEAL:
        b = before(t, entry);
        m->aux = b ? b->tid : -1;
        m->id = e->id;
        of_p(t, m, e->id, e->version, true);
        break;
    case GT_EV_PROC_START:
        m->id = e->id;
        of_p(t, m, e->id, e->version, true);
        break;
    case GT_EV_PROC_STOP:
        of_p(t, m, e->id, e->version, true);
        break;
    default:
        break;
    }
}

static void must(struct gt_truth *t, struct walk *w, uint32_t entry, uint8_t type)
{
    struct gt_must *m = type ? push(t, w, entry, type) : NULL;
    if (m)
        fill(t, w, entry, m);
}

/* ---- what is no transition -------------------------------------------------------------------- */
static const struct {
    uint8_t event;
    bool has_id, has_h;
} tolds[GT_TOLD_COUNT] = {
    [GT_TOLD_PROCS_CHANGE] = {GT_EV_PROCS_CHANGE, true, false},
    [GT_TOLD_STW_BEGIN] = {GT_EV_STW_BEGIN, false, false},
    [GT_TOLD_STW_END] = {GT_EV_STW_END, false, false},
    [GT_TOLD_GC_BEGIN] = {GT_EV_GC_BEGIN, false, false},
    [GT_TOLD_GC_END] = {GT_EV_GC_END, false, false},
    [GT_TOLD_SWEEP_BEGIN] = {GT_EV_GC_SWEEP_BEGIN, false, false},
    [GT_TOLD_SWEEP_END] = {GT_EV_GC_SWEEP_END, true, true},
    [GT_TOLD_ASSIST_BEGIN] = {GT_EV_GC_MARK_ASSIST_BEGIN, false, false},
    [GT_TOLD_ASSIST_END] = {GT_EV_GC_MARK_ASSIST_END, false, false},
    [GT_TOLD_HEAP_ALLOC] = {GT_EV_HEAP_ALLOC, true, false},
    [GT_TOLD_HEAP_GOAL] = {GT_EV_HEAP_GOAL, true, false},
    [GT_TOLD_LABEL] = {GT_EV_GO_LABEL, false, true},
    [GT_TOLD_TASK_BEGIN] = {GT_EV_USER_TASK_BEGIN, true, true},
    [GT_TOLD_TASK_END] = {GT_EV_USER_TASK_END, true, false},
    [GT_TOLD_REGION_BEGIN] = {GT_EV_USER_REGION_BEGIN, true, true},
    [GT_TOLD_REGION_END] = {GT_EV_USER_REGION_END, true, true},
    [GT_TOLD_LOG] = {GT_EV_USER_LOG, true, true},
};

static int32_t stw_of(uint64_t kind)
{
    switch (kind) {
    case GT_WORLD_PROCS:
        return GT_WIRE_STW_PROCS;
    case GT_WORLD_TRACE_START:
        return GT_WIRE_STW_START_TRACE;
    case GT_WORLD_TRACE_STOP:
        return GT_WIRE_STW_STOP_TRACE;
    case GT_WORLD_GC_SWEEP_TERM:
        return GT_WIRE_STW_GC_SWEEP_TERM;
    case GT_WORLD_GC_MARK_TERM:
        return GT_WIRE_STW_GC_MARK_TERM;
    default:
        return GT_WIRE_STW_UNKNOWN;
    }
}

/* Its G and its P leave and come without a change of status: the world is stopped. */
static void move(struct gt_truth *t, struct walk *w, uint32_t entry)
{
    const struct gt_jentry *e = &t->e[entry];
    struct gt_must *m = push(t, w, entry, GT_EV_GO_STOP);
    if (m)
        m->aux = GT_WIRE_STOP_GOSCHED;
    m = push(t, w, entry, GT_EV_PROC_STOP);
    if (m && w->p >= 0)
        of_p(t, m, (uint64_t)w->p, w->p_version, false);
    m = push(t, w, entry, GT_EV_PROC_START);
    if (m) {
        m->id = e->id;
        of_p(t, m, e->id, e->version, false);
    }
    m = push(t, w, entry, GT_EV_GO_START);
    if (m && w->last_g != GT_NO_INDEX) {
        m->id = t->e[w->last_g].id;
        if (gt_vec32_push(t, &t->moved, w->last_g))
            (void)gt_vec32_push(t, &t->moved, (uint32_t)(m - t->must));
    }
    w->p = (int64_t)e->id;
    w->p_version = e->version;
}

static void told(struct gt_truth *t, struct walk *w, uint32_t entry)
{
    const struct gt_jentry *e = &t->e[entry];
    if (e->from == GT_TOLD_MOVE) {
        move(t, w, entry);
        return;
    }
    struct gt_must *m = e->from < GT_TOLD_COUNT ? push(t, w, entry, tolds[e->from].event) : NULL;
    if (!m)
        return;
    m->id = tolds[e->from].has_id ? e->id : 0;
    m->has_h = tolds[e->from].has_h;
    if (e->from == GT_TOLD_STW_BEGIN) {
        m->aux = stw_of(e->id);
        m->optional = e->id == GT_WORLD_TRACE_STOP; /* it would have no end in the trace */
    }
}

/* ---- one M ----------------------------------------------------------------------------------------- */
static void after_g(struct walk *w, const struct gt_jentry *e, uint32_t entry)
{
    if (e->to == GT_G_SYSCALL) {
        w->got_p = e->from == GT_G_DEAD;
        w->call_p = -1;
    }
    if (e->from == GT_G_RUNNING && e->to == GT_G_WAITING)
        w->stops = e->reason == GT_WAIT_STOP_WORLD;
    if (e->to == GT_G_RUNNING) {
        w->stops = false;
        w->last_g = entry;
    }
}

static void after_p(struct walk *w, const struct gt_jentry *e, bool own_call)
{
    if (e->to == GT_P_RUNNING) {
        w->got_p |= !own_call;
        w->p = (int64_t)e->id;
        w->p_version = e->version;
    } else if (w->p == (int64_t)e->id) {
        w->p_version = e->version;
        if (e->to == GT_P_SYSCALL) {
            w->call_p = w->p;
            w->call_version = e->version;
        }
        if (e->to != GT_P_STOPPED || !w->stops)
            w->p = -1;
    }
}

static void outside(struct gt_truth *t, struct walk *w, uint32_t entry)
{
    struct gt_outside *v = gt_more(t, t->outside, t->n_outside, &t->cap_outside, sizeof *v);
    if (!v)
        return;
    t->outside = v;
    v[t->n_outside++] = (struct gt_outside){.entry = entry, .before = w->section};
}

/* A section, after which those outside are known to lie before it. */
static void section(struct gt_truth *t, struct walk *w, const struct gt_jentry *e)
{
    w->section = gt_jtok_generation(e->tok);
    for (; w->outside < t->n_outside; w->outside++)
        t->outside[w->outside].after = w->section;
}

/* The event stands on its side of the change: what an M gives up is its own when it says so
 * (protocol: out of Running the event comes first, all else changes first). */
static void check_side(struct gt_truth *t, struct walk *w, uint32_t entry, const struct row *r)
{
    const struct gt_jentry *e = &t->e[entry];
    uint64_t want = w->ordinal + w->events + r->side, other = w->ordinal + w->events + !r->side;
    if (w->has_ordinal && e->ordinal != want && e->ordinal == other)
        gt_truth_lie(t, &(struct gt_lie){.cls = GT_TRUTH_order,
                                         .was = e,
                                         .said = "",
                                         .generation = gt_jtok_generation(e->tok),
                                         .m = (uint64_t)e->tid,
                                         .explain = r->side == BEFORE
                                                        ? "its event was written after the change"
                                                        : "its event was written before the change"});
    else
        w->ordinal = e->ordinal - w->events - r->side;
    w->has_ordinal = true;
}

static void transition(struct gt_truth *t, struct walk *w, size_t pos)
{
    uint32_t entry = gt_truth_at(t, pos);
    const struct gt_jentry *e = &t->e[entry];
    bool on = gt_jtok_on(e->tok);
    if (on && w->direct == 0 && e->from == GT_G_RUNNING && e->kind == GT_J_G && is_direct(t, pos)) {
        w->direct = 3;
        w->ends = e->to == GT_G_DEAD;
    }
    const struct row *r = row_for(t, w, entry);
    if (w->direct)
        w->direct--;
    bool own_call = r && r->when == OWN_CALL;
    if (r && on) {
        if (r->event[0])
            check_side(t, w, entry, r);
        must(t, w, entry, r->event[0]);
        /* A P that was taken from another's call is had from here on. */
        must(t, w, entry, r->event[1]);
    } else if (!r || r->event[0]) {
        outside(t, w, entry);
    }
    if (e->kind == GT_J_G)
        after_g(w, e, entry);
    else
        after_p(w, e, own_call);
}

static void walk_all(struct gt_truth *t)
{
    struct walk w = {0};
    for (size_t pos = 0; pos < t->n_by_m && t->rc == 0; pos++) {
        uint32_t entry = gt_truth_at(t, pos);
        const struct gt_jentry *e = &t->e[entry];
        if (pos == 0 || e->m != w.m)
            w = (struct walk){.m = e->m, .p = -1, .call_p = -1, .last_g = GT_NO_INDEX, .got_p = true,
                              .outside = t->n_outside};
        if (gt_jtok_on(e->tok))
            section(t, &w, e);
        if (e->kind == GT_J_TOLD)
            told(t, &w, entry);
        else
            transition(t, &w, pos);
    }
}

/* ---- numbers ------------------------------------------------------------------------------------------ */
static bool counts_g(uint8_t type)
{
    return type == GT_EV_GO_START || type == GT_EV_GO_UNBLOCK || type == GT_EV_GO_SWITCH ||
           type == GT_EV_GO_SWITCH_DESTROY;
}

static bool counts_p(uint8_t type)
{
    return type == GT_EV_PROC_START || type == GT_EV_PROC_STEAL || type == GT_EV_GO_SYSCALL_BEGIN;
}

struct counter {
    uint32_t generation, n;
};

static void number(struct counter *c, struct gt_must *m)
{
    if (c->generation != m->generation)
        *c = (struct counter){m->generation, 0};
    m->seq = ++c->n;
}

static void number_moved(struct gt_truth *t, uint32_t entry, struct counter *c)
{
    for (size_t i = 0; i < t->moved.n; i += 2)
        if (t->moved.v[i] == entry)
            number(c, &t->must[t->moved.v[i + 1]]);
}

/* I2. */
static void number_gs(struct gt_truth *t)
{
    for (uint32_t k = 0; k < t->gs.n; k++) {
        struct counter c = {0};
        for (uint32_t i = 0; i < t->gs.c[k].n; i++) {
            uint32_t entry = t->gs.order[t->gs.c[k].first + i], m = t->must_of[entry];
            for (; m < t->n_must && t->must[m].entry == entry; m++)
                if (counts_g(t->must[m].type))
                    number(&c, &t->must[m]);
            if (t->moved.n)
                number_moved(t, entry, &c);
        }
    }
}

static void place_p(struct gt_truth *t, const struct gt_vec32 *l, uint32_t *fill_at)
{
    for (size_t i = 0; i < l->n; i += 2)
        t->p_musts[fill_at[l->v[i]]++] = l->v[i + 1];
}

/* I3: musts by place of a version in ps.order, those of the version's own change first. */
static bool order_ps(struct gt_truth *t)
{
    size_t places = 0;
    for (uint32_t k = 0; k < t->ps.n; k++)
        places += t->ps.c[k].n;
    size_t n = (t->p_own.n + t->p_call.n) / 2;
    t->p_first = gt_truth_need(t, GT_SPACE_P_FIRST, (places + 2) * sizeof *t->p_first);
    t->p_musts = gt_truth_need(t, GT_SPACE_P_MUSTS, (n + 1) * sizeof *t->p_musts);
    uint32_t *fill_at = gt_truth_need(t, GT_SPACE_P_FILL, (places + 2) * sizeof *fill_at);
    if (t->rc == 0) {
        memset(t->p_first, 0, (places + 2) * sizeof *t->p_first);
        for (size_t i = 0; i < t->p_own.n; i += 2)
            t->p_first[t->p_own.v[i] + 1]++;
        for (size_t i = 0; i < t->p_call.n; i += 2)
            t->p_first[t->p_call.v[i] + 1]++;
        for (size_t i = 1; i <= places + 1; i++)
            t->p_first[i] += t->p_first[i - 1];
        memcpy(fill_at, t->p_first, (places + 2) * sizeof *fill_at);
        place_p(t, &t->p_own, fill_at);
        place_p(t, &t->p_call, fill_at);
    }
    return t->rc == 0;
}

static void number_ps(struct gt_truth *t)
{
    for (uint32_t k = 0; k < t->ps.n; k++) {
        const struct gt_chain *p = &t->ps.c[k];
        struct counter c = {0};
        for (uint32_t i = t->p_first[p->first]; i < t->p_first[p->first + p->n]; i++) {
            struct gt_must *m = &t->must[t->p_musts[i]];
            if (counts_p(m->type))
                number(&c, m);
        }
    }
}

static int by_place(const void *a, const void *b)
{
    const struct gt_run *x = a, *y = b;
    if (x->generation != y->generation)
        return x->generation < y->generation ? -1 : 1;
    if (x->tid != y->tid)
        return x->tid < y->tid ? -1 : 1;
    if (x->m != y->m)
        return x->m < y->m ? -1 : 1;
    return x->first < y->first ? -1 : x->first > y->first;
}

int gt_truth_story(struct gt_truth *t)
{
    index_rows(t);
    walk_all(t);
    if (t->rc != 0 || !order_ps(t))
        return t->rc;
    number_gs(t);
    number_ps(t);
    if (t->n_runs)
        qsort(t->runs, t->n_runs, sizeof *t->runs, by_place);
    return 0;
}
