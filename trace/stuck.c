/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "Failed to advance": what every stuck M waits for, which event would free it and where that
 * stands, and which of them to let through.
 *
 * The one let through is the earliest whose freeing event the rest of the generation does not
 * hold: forcing any other would make a second fault out of the first.
 * Limits: heads beyond MAX_WAITS are not looked at; once o->look_ahead events were, nothing is
 * searched for any more and the earliest head goes.
 */
#include "trace/order.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_WAITS = 64 };

enum want {
    WANT_STATUS, /* the resource to appear in this generation */
    WANT_SEQ,    /* the event that uses the number `seq` of the resource */
    WANT_HOLDER, /* the M that holds the resource to let go of it */
    WANT_NEVER,  /* nothing can free it any more */
};

struct wait {
    const struct gt_cursor *cursor;
    enum gt_key kind;
    uint64_t id;
    enum want want;
    uint64_t seq;    /* WANT_SEQ */
    uint32_t holder; /* WANT_HOLDER: index of the M, GT_NO_INDEX */
    const char *needs;
    bool found;
    struct gt_event by;
    struct gt_where by_at;
};

enum gt_key gt_blocked_on(const struct gt_order *o, const struct gt_cursor *c, uint64_t *id)
{
    const struct gt_om *m = gt_om_at(o, c->m);
    *id = c->ev.args[0];
    switch (c->ev.type) {
    case GT_EV_PROC_START: {
        const struct gt_res *p = gt_res_get(&o->ps, *id);
        bool ready = p && p->status == GT_WIRE_P_IDLE && gt_res_next(o, p, c->ev.args[1]);
        *id = ready ? m->p : *id;
        return GT_KEY_P;
    }
    case GT_EV_PROC_STEAL:
        return GT_KEY_P;
    case GT_EV_GO_SYSCALL_END_BLOCKED:
        *id = m->p;
        return GT_KEY_P;
    case GT_EV_GC_ACTIVE:
    case GT_EV_GC_BEGIN:
    case GT_EV_GC_END:
        *id = 0;
        return GT_KEY_GC;
    default:
        return GT_KEY_G;
    }
}

static uint32_t holder_of(const struct gt_order *o, enum gt_key kind, uint64_t id)
{
    for (uint32_t i = 1; i < o->ms.n; i++) {
        const struct gt_om *m = gt_om_at(o, i);
        if ((kind == GT_KEY_P ? m->p : m->g) == id) {
            return i;
        }
    }
    return GT_NO_INDEX;
}

/* The right number, the wrong status: can the holder bring it about without using a number? */
static bool holder_can(unsigned type, unsigned status)
{
    switch (type) {
    case GT_EV_PROC_START:
        return status == GT_WIRE_P_RUNNING || status == GT_WIRE_P_SYSCALL;
    case GT_EV_PROC_STEAL:
        return false;
    default:
        return status == GT_WIRE_G_RUNNING || status == GT_WIRE_G_SYSCALL;
    }
}

static void want_of_number(const struct gt_order *o, struct wait *w, const struct gt_event *e)
{
    const struct gt_res *r = gt_res_get(w->kind == GT_KEY_P ? &o->ps : &o->gs, w->id);
    uint64_t q = e->args[1];
    if (r == NULL || r->seq_gen != o->gen->gen) {
        w->want = WANT_STATUS;
    } else if (q <= r->seq) {
        w->want = WANT_NEVER;
    } else if (q > r->seq + 1) {
        w->want = WANT_SEQ;
        w->seq = r->seq + 1;
    } else if (holder_can(e->type, r->status)) {
        w->want = WANT_HOLDER;
        w->holder = holder_of(o, w->kind, w->id);
    } else {
        w->want = WANT_NEVER;
    }
}

/* The thread's own P is in the way: it must lose it in its syscall. */
static void want_own_p(const struct gt_order *o, struct wait *w)
{
    const struct gt_res *p = gt_res_get(&o->ps, w->id);
    bool stealable = p && p->status == GT_WIRE_P_SYSCALL;
    w->want = stealable ? WANT_SEQ : WANT_NEVER;
    w->seq = p ? p->seq + 1 : 0;
    w->needs = "to be taken from its thread";
}

static void want_gc(const struct gt_order *o, struct wait *w, uint64_t q)
{
    w->want = q > o->gc_seq + 1 ? WANT_SEQ : WANT_NEVER;
    w->seq = o->gc_seq + 1;
}

static void wait_of(const struct gt_order *o, const struct gt_cursor *c, struct wait *w)
{
    *w = (struct wait){.cursor = c, .holder = GT_NO_INDEX};
    w->kind = gt_blocked_on(o, c, &w->id);
    switch (c->ev.type) {
    case GT_EV_PROC_START:
        w->needs = "to be Idle";
        if (w->id == gt_om_at(o, c->m)->p) {
            want_own_p(o, w);
            return;
        }
        break;
    case GT_EV_PROC_STEAL:
        w->needs = "to be in a syscall";
        break;
    case GT_EV_GO_SYSCALL_END_BLOCKED:
        want_own_p(o, w);
        return;
    case GT_EV_GO_START:
        w->needs = "to be Runnable";
        break;
    case GT_EV_GC_ACTIVE:
    case GT_EV_GC_BEGIN:
    case GT_EV_GC_END:
        w->needs = "to come to its number";
        want_gc(o, w, c->ev.args[0]);
        return;
    default:
        w->needs = "to be Waiting";
        break;
    }
    want_of_number(o, w, &c->ev);
}

/* ---- look-ahead ---- */

static bool is_status(const struct gt_event *e, const struct wait *w)
{
    switch (e->type) {
    case GT_EV_PROC_STATUS:
        return w->kind == GT_KEY_P && e->args[0] == w->id;
    case GT_EV_GO_STATUS:
    case GT_EV_GO_STATUS_STACK:
    case GT_EV_GO_CREATE:
    case GT_EV_GO_CREATE_BLOCKED:
    case GT_EV_GO_CREATE_SYSCALL:
        return w->kind == GT_KEY_G && e->args[0] == w->id;
    default:
        return false;
    }
}

static bool is_number(const struct gt_order *o, const struct gt_event *e, uint32_t m,
                      const struct wait *w)
{
    switch (e->type) {
    case GT_EV_PROC_START:
    case GT_EV_PROC_STEAL:
        return w->kind == GT_KEY_P && e->args[0] == w->id && e->args[1] == w->seq;
    case GT_EV_GO_SYSCALL_BEGIN:
        return w->kind == GT_KEY_P && e->args[0] == w->seq && gt_om_at(o, m)->p == w->id;
    case GT_EV_GO_START:
    case GT_EV_GO_UNBLOCK:
    case GT_EV_GO_SWITCH:
    case GT_EV_GO_SWITCH_DESTROY:
        return w->kind == GT_KEY_G && e->args[0] == w->id && e->args[1] == w->seq;
    case GT_EV_GC_ACTIVE:
    case GT_EV_GC_BEGIN:
    case GT_EV_GC_END:
        return w->kind == GT_KEY_GC && e->args[0] == w->seq;
    default:
        return false;
    }
}

static bool lets_go(const struct gt_event *e, const struct wait *w)
{
    switch (e->type) {
    case GT_EV_PROC_STOP:
        return w->kind == GT_KEY_P;
    case GT_EV_GO_STOP:
    case GT_EV_GO_BLOCK:
    case GT_EV_GO_SWITCH:
    case GT_EV_GO_SYSCALL_END_BLOCKED:
        return w->kind == GT_KEY_G;
    default:
        return false;
    }
}

static bool frees(const struct gt_order *o, const struct gt_event *e, uint32_t m,
                  const struct wait *w)
{
    switch (w->want) {
    case WANT_STATUS:
        return is_status(e, w);
    case WANT_SEQ:
        return is_number(o, e, m, w);
    case WANT_HOLDER:
        return m == w->holder && lets_go(e, w);
    default:
        return false;
    }
}

static void match(const struct gt_order *o, struct wait *w, size_t n, const struct gt_event *e,
                  const struct gt_cursor *c)
{
    for (size_t i = 0; i < n; i++) {
        /* An M cannot be freed by what stands behind its own head. */
        if (!w[i].found && w[i].cursor->m != c->m && frees(o, e, c->m, &w[i])) {
            w[i].found = true;
            w[i].by = *e;
            w[i].by_at = gt_cursor_where(o, c);
        }
    }
}

/* The next event of a copied cursor; false: no more, or broken bytes. */
static bool peek_next(const struct gt_order *o, struct gt_cursor *c)
{
    while (c->at == c->end) {
        c->batch = o->gen->batches[c->batch].next;
        if (c->batch == UINT64_MAX) {
            return false;
        }
        c->at = o->gen->batches[c->batch].data;
        c->end = c->at + o->gen->batches[c->batch].size;
    }
    c->head = c->at;
    c->at = gt_decode_event(c->at, c->end, &c->ev);
    return c->at != NULL;
}

static void look_ahead(struct gt_order *o, struct wait *w, size_t n)
{
    for (size_t i = 0; i < o->n_cursors; i++) {
        struct gt_cursor c = o->cursors[i];
        if (c.done) {
            continue;
        }
        do {
            if (o->look_ahead == 0) {
                return;
            }
            o->look_ahead--;
            match(o, w, n, &c.ev, &c);
        } while (peek_next(o, &c));
    }
}

/* ---- words ---- */

static const char *const kind_names[] = {"G", "P", "collector"};

static void say_waits(const struct gt_order *o, const struct wait *w, char *out, size_t n)
{
    char state[GT_TEXT_MAX];
    const struct gt_cursor *c = w->cursor;
    gt_text_res(o, w->kind, w->id, state, sizeof state);
    bool numbered = w->kind != GT_KEY_GC && c->ev.type != GT_EV_GO_SYSCALL_END_BLOCKED;
    char number[48] = "";
    if (numbered) {
        snprintf(number, sizeof number, " with seq %" PRIu64, c->ev.args[1] - 1);
    }
    snprintf(out, n, "%s %" PRIu64 " %s%s; %s", kind_names[w->kind], w->id, w->needs, number,
             state);
}

static void say_where(const struct wait *w, char *out, size_t n)
{
    char event[GT_TEXT_MAX];
    gt_text_event(event, sizeof event, &w->by);
    snprintf(out, n, "%s, which M %" PRIu64 " has at offset %" PRIu64 ", behind its own head",
             event, w->by_at.m, w->by_at.offset);
}

static void say_missing(const struct gt_order *o, const struct wait *w, char *out, size_t n)
{
    const char *rest = o->look_ahead ? "the rest of the generation does not hold it"
                                     : "not searched for: too many findings";
    switch (w->want) {
    case WANT_STATUS:
        snprintf(out, n, "a status or the creation of %s %" PRIu64 " in this generation: %s",
                 kind_names[w->kind], w->id, rest);
        break;
    case WANT_SEQ:
        snprintf(out, n, "the event of %s %" PRIu64 " with seq %" PRIu64 ": %s",
                 kind_names[w->kind], w->id, w->seq, rest);
        break;
    case WANT_HOLDER:
        snprintf(out, n, "the thread that holds %s %" PRIu64 " letting go of it: %s",
                 kind_names[w->kind], w->id, rest);
        break;
    default:
        snprintf(out, n, "nothing: this number is used up, or the event before it is missing");
        break;
    }
}

static void hand_out(struct gt_order *o, const struct wait *w)
{
    char event[GT_TEXT_MAX], waits[2 * GT_TEXT_MAX], freed[2 * GT_TEXT_MAX];
    const struct gt_cursor *c = w->cursor;
    gt_text_event(event, sizeof event, &c->ev);
    say_waits(o, w, waits, sizeof waits);
    if (w->found) {
        say_where(w, freed, sizeof freed);
    } else {
        say_missing(o, w, freed, sizeof freed);
    }
    struct gt_stuck s = {
        .at = gt_cursor_where(o, c), .event_text = event, .waits_for = waits, .freed_by = freed};
    o->opt->stuck(o->opt->arg, &s);
}

/* ---- choice ---- */

static int by_time(const void *a, const void *b)
{
    const struct gt_front *x = a, *y = b;
    if (x->time != y->time) {
        return x->time < y->time ? -1 : 1;
    }
    return x->cursor < y->cursor ? -1 : 1;
}

struct gt_cursor *gt_stuck_choose(struct gt_order *o)
{
    struct wait waits[MAX_WAITS];
    o->stuck = o->serial;
    gt_order_unpark(o);
    qsort(o->heap, o->n_heap, sizeof *o->heap, by_time); /* sorted, it still is a heap */
    size_t n = o->n_heap < MAX_WAITS ? o->n_heap : MAX_WAITS;
    for (size_t i = 0; i < n; i++) {
        wait_of(o, o->heap[i].cursor, &waits[i]);
    }
    look_ahead(o, waits, n);
    size_t pick = 0;
    while (o->look_ahead != 0 && pick < n && waits[pick].found) {
        pick++;
    }
    struct gt_cursor *chosen = o->heap[pick < n ? pick : 0].cursor;
    gt_report(o, chosen, GT_RULE_O5_STUCK);
    bool limit = o->opt->max_report != 0 && o->res->inconsistencies > o->opt->max_report;
    for (size_t i = 0; o->opt->stuck && !limit && i < n; i++) {
        hand_out(o, &waits[i]);
    }
    return chosen;
}
