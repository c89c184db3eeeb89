/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the truth oracle share. */
#pragma once
#include <stdlib.h>
#include <string.h>

#include "harness/truth.h"
#include "trace/reader.h"
#include "trace/wire_decode.h"

#define GT_NO_INDEX UINT32_MAX
#define GT_TRUTH_STATES 5u /* of a G, and of a P */

/* An event that something in the journal must leave, or one that stands in a trace. */
struct gt_said {
    uint64_t id; /* G or P or task it names, or its number; 0 none */
    uint64_t h;  /* the rest of what it says, mixed; 0 none */
    uint32_t seq;
    int32_t aux; /* thread stolen from; reason or kind, as an index of wire.h's names */
    uint8_t type;
};
struct gt_must {
    struct gt_said s;
    uint32_t entry;
    bool optional; /* a tracer may leave it out */
    bool any_seq;  /* the journal does not know its number */
    int32_t p;     /* whose event it is by number, -1: the G's */
};
/* In a trace. */
struct gt_told_event {
    struct gt_said s;
    uint64_t offset;
};

/* What is wrong, before what was moved has been put together. */
struct gt_finding_pair {
    uint32_t must; /* GT_NO_INDEX: none */
    bool has_event, merged, told;
    struct gt_told_event ev;
    uint64_t generation, tid;
};

/* The entries of one G or P in the order of their versions: order[first, first + n). */
struct gt_chain {
    uint64_t id, version; /* of the first */
    uint64_t last;
    uint32_t first, n;
    uint32_t cursor;     /* gt_truth_state */
    uint64_t stamp;      /* generation of its last status */
};
struct gt_chains {
    struct gt_chain *c;
    uint32_t n, cap;
    uint32_t *slots, mask;
    uint32_t *order;
    uint32_t last; /* looked up */
};

struct gt_run { /* musts of one M in one generation */
    uint64_t generation;
    uint32_t m, first, n;
    int32_t tid;
    bool seen;
};
struct gt_deviant { /* an event in its place but for its number */
    uint32_t must;
    int64_t by;
    struct gt_told_event ev;
    uint64_t tid;
};

struct gt_vec32 {
    uint32_t *v;
    size_t n, cap;
};

struct gt_truth {
    const struct gt_truth_options *o;
    struct gt_truth_result *out;
    uint64_t reported;
    int rc; /* -ENOMEM */

    struct gt_jentry *e;
    size_t n;
    uint32_t *by_m; /* entries of known kinds, M by M, in each M's order */
    size_t n_by_m;
    uint32_t *chain_of; /* of an entry of a G or P */
    uint32_t *must_of;  /* the first must of an entry */
    struct gt_chains gs, ps;

    uint8_t first_row[2][GT_TRUTH_STATES][GT_TRUTH_STATES]; /* + 1; 0: no such transition */
    struct gt_must *must;
    size_t n_must, cap_must;
    struct gt_run *runs;
    size_t n_runs, cap_runs, run_at;
    struct gt_vec32 outside; /* positions in by_m: needed an event, in no section */
    struct gt_vec32 moved;   /* musts of GT_TOLD_MOVE that belong to a G, after an entry: pairs */
    /* Musts of Ps: first those of P transitions, then those of calls: pairs of (order, must). */
    struct gt_vec32 p_own, p_call;
    uint32_t *p_first; /* by place in ps.order: where its musts begin in p_musts */
    uint32_t *p_musts;

    /* The generation at hand. */
    const struct gt_generation *g;
    uint64_t key; /* of it: gt_truth_key */
    struct gt_told_event *ev;
    size_t n_ev, cap_ev;
    uint32_t heads[GT_EV_END]; /* events of the tracer's own */
    bool first_of_trace;
    struct gt_reason_cache {
        uint64_t id;
        int32_t block, stop, stw;
        bool known;
    } reasons[256];
    struct gt_deviant *deviants;
    size_t n_deviants, cap_deviants;

    struct gt_finding_pair *bad;
    size_t n_bad, cap_bad;
    struct gt_seen_trace {
        uint64_t first, last; /* generations */
    } *traces;
    size_t n_traces;

    /* Gs that need a status in each generation. */
    struct gt_life {
        uint64_t born, dead; /* keys */
        uint32_t chain;
    } *lives;
    size_t n_lives, live_at;
    struct gt_vec32 alive;
};

static inline void *gt_more(struct gt_truth *t, void *v, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return v;
    size_t want = *cap ? *cap * 2 : 1024;
    void *w = realloc(v, want * size);
    if (!w) {
        t->rc = -12; /* ENOMEM */
        return NULL;
    }
    *cap = want;
    return w;
}
bool gt_vec32_push(struct gt_truth *t, struct gt_vec32 *v, uint32_t x);

/* truth_order.c: by M, and by version per G and P. 0; -ENOMEM; 1: entries are missing. */
int gt_truth_order(struct gt_truth *t);
struct gt_chain *gt_chain_find(struct gt_chains *c, uint64_t id);
static inline const struct gt_jentry *gt_chain_at(const struct gt_truth *t, const struct gt_chains *c,
                                                  const struct gt_chain *k, uint64_t i)
{
    return i < k->n ? &t->e[c->order[k->first + i]] : NULL;
}

/* truth_story.c: what must stand in the traces. 0, -ENOMEM. */
int gt_truth_story(struct gt_truth *t);

/* truth_match.c: the events of the generation at hand against it. */
int gt_truth_match(struct gt_truth *t);
/* Musts of generations that no trace has. */
void gt_truth_rest(struct gt_truth *t);
void gt_truth_bad(struct gt_truth *t, uint32_t must, const struct gt_told_event *ev, uint64_t gen,
                  uint64_t tid);

/* truth_status.c */
int gt_truth_status_begin(struct gt_truth *t);
void gt_truth_status_generation(struct gt_truth *t); /* before the events of t->g */
void gt_truth_status(struct gt_truth *t, const struct gt_event *ev, uint64_t tid, uint64_t offset);
void gt_truth_status_end(struct gt_truth *t); /* after them */
/* Orders entries and generations: an entry is before generation g of its trace if less. */
uint64_t gt_truth_key(const struct gt_jentry *e);

/* truth.c */
void gt_truth_lie(struct gt_truth *t, const struct gt_lie *l);
/* truth_text.c. Thread-safety: a buffer of the caller's. */
const char *gt_said_text(const struct gt_said *s, char *buf, size_t size);
