/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ordering engine of the checker: puts the events of all Ms in one order, as Go's reader
 * does, and keeps the state of every G, P and M that the order implies. GT_C_ONLY
 *
 * I1 one cursor an M and generation; its head is the M's next event, decoded
 * I2 a step consumes exactly one head: it happens (0), or it is reported and forced
 * I3 a head that blocks changes nothing but "this M was seen" (Go's reader has that effect too)
 * I4 G, P, M, collector and task state outlives generations; tables and cursors do not
 * O1 of the heads that can happen, the one with the least time happens first. With at most
 *    GT_EXACT_MS cursors ties too fall as in Go's reader: the same heap, the same stable
 *    insertion sort. With more, Go's sort is not stable and ties are anyone's; then blocked
 *    heads are parked on what they wait for instead of being tried again at each step.
 *
 * Thread-safety: one engine, one thread. Memory: live Gs, Ps, tasks, every M ever seen.
 */
#pragma once
#include "trace/check.h"
#include "trace/memory.h"
#include "trace/wire_decode.h"

#define GT_NONE UINT64_MAX /* no M, G, P: the value that the format itself uses */
#define GT_EXACT_MS 12u    /* up to this many, Go's sort is an insertion sort */
#define GT_NO_INDEX UINT32_MAX
#define GT_ADV_BLOCK (-1) /* of a handler: not yet possible. 0: done; > 0: enum gt_rule */

#define gt_likely(x) __builtin_expect(!!(x), 1)
#define gt_unlikely(x) __builtin_expect(!!(x), 0)

/* A string that outlives its generation; equal texts are one object. */
struct gt_name {
    struct gt_name *next; /* same bucket */
    uint64_t hash;
    uint32_t len;
    bool live; /* mark of the sweep */
    char text[];
};

struct gt_region {
    uint64_t task;
    const struct gt_name *name;
};
struct gt_range {
    uint64_t desc;              /* string id of a stop's kind, else 0 */
    const struct gt_name *name; /* its text; strict rules only */
    unsigned type;              /* enum gt_ev of the beginning */
    bool reported;              /* L12 */
};
/* What is open on a G or P. */
struct gt_open {
    struct gt_array regions, ranges;
};

/* A G, P or open task. One cache line. */
struct gt_res {
    uint64_t id;
    uint64_t seq_gen, seq; /* the last sequence number, and the generation that it counts in */
    int64_t since;         /* ns; in this status */
    int64_t ran_at;        /* of a P: time of the event that made it run, ns */
    union {
        struct gt_open *open;       /* of a G, P; NULL: nothing */
        const struct gt_name *name; /* of a task */
    };
    uint32_t seen;   /* serial of the generation that last stated its status or made it */
    uint32_t vm;     /* index of the M it executes on, as Go's validator counts; GT_NO_INDEX */
    uint32_t last_m; /* index of the M that last held it */
    uint8_t used;
    uint8_t status; /* enum gt_wire_gstatus or gt_wire_pstatus */
    uint8_t loose;  /* bits GT_LOOSE_*: what recovery no longer knows of it */
    uint8_t marks;  /* bits GT_MARK_*: of the strict rules */
};
_Static_assert(sizeof(struct gt_res) == 64, "one cache line");
#define GT_LOOSE_STATE 1u
#define GT_LOOSE_SEQ 2u   /* one number may be missing */
#define GT_MARK_SILENT 1u /* L4 was reported */
#define GT_MARK_STW 2u    /* P ran when the world was told to stop and has not paused since */

struct gt_res_table {
    struct gt_res *slots;
    size_t n, mask;
    unsigned shift;
    int64_t *state_ns; /* sums of time by status; NULL: not counted */
};

/* A kernel thread. */
struct gt_om {
    uint64_t id, g, p; /* g, p: GT_NONE */
    uint64_t vg, vp;   /* what Go's validator thinks it executes */
    uint32_t cursor;   /* of this generation; GT_NO_INDEX */
    bool known;        /* an event of it was tried, or a GoStatus named it */
    uint8_t lost;      /* bits GT_LOST_*: recovery does not know what it holds */
};
#define GT_LOST_G 1u
#define GT_LOST_P 2u

struct gt_cursor {
    struct gt_event ev;  /* the head */
    int64_t time;        /* of the head, ns */
    const uint8_t *head; /* its first byte */
    const uint8_t *at;   /* one past its last */
    const uint8_t *end;  /* of the batch */
    uint64_t batch;
    int64_t last; /* time that the next dt counts from; 0 is "take the batch's", as in Go */
    uint32_t m;   /* index */
    struct gt_cursor *parked; /* next in its bucket */
    bool is_parked, done;
};

struct gt_front { /* an entry of the heap; one past the last has the time INT64_MAX */
    int64_t time;
    struct gt_cursor *cursor;
};

enum gt_gc_state { GT_GC_UNDETERMINED, GT_GC_OFF, GT_GC_ON };

struct gt_tally { /* of one type of event */
    uint64_t n, bytes;
};

#define GT_BUCKETS 256u
struct gt_strict;
struct gt_order {
    const struct gt_check_options *opt;
    struct gt_check_result *res;
    struct gt_held held;
    const struct gt_generation *gen;
    struct gt_strict *strict; /* NULL: rules of Go only */
    uint32_t header;
    uint32_t serial;      /* generations so far */
    uint64_t initial_gen; /* 0: no event yet */
    double ns_per_unit;
    int64_t now, last; /* delivered time of the head, of the event before, ns */

    struct gt_res_table gs, ps, tasks;
    struct gt_array ms; /* struct gt_om; index 0: no thread */
    struct gt_id_map m_index;
    struct gt_cursor *cursors;
    struct gt_front *heap;
    size_t n_cursors, cap_cursors, n_heap, n_parked;
    struct gt_cursor *bucket[GT_BUCKETS]; /* parked cursors */
    bool exact;

    struct gt_tally tally[256];
    uint8_t refers[256];        /* the event refers to stacks or strings */
    uint8_t strict_events[256]; /* the strict rules look at it; all 0 without them */

    enum gt_gc_state gc;
    uint64_t gc_seq;
    bool gc_loose;

    struct gt_name **names; /* hash buckets */
    size_t n_names, names_mask, names_swept;

    bool recovering; /* something was reported */
    uint32_t stuck;  /* serial of the last generation in which nothing could advance */
    bool forced;     /* since the strict rules last counted the Ps that run */
    bool oom, stop;
    uint64_t look_ahead; /* events that stuck.c may still look at, in all */
};

/* ---- order.c: one generation at a time ---- */
/* Return: 0, -ENOMEM. */
int gt_order_init(struct gt_order *o);
void gt_order_free(struct gt_order *o);
/* Orders all events of a generation. Return: 0, -ENOMEM; o->stop: at the first error. */
int gt_order_generation(struct gt_order *o, const struct gt_generation *g);
void gt_order_count(struct gt_order *o); /* figures of the result by what was counted so far */
/* Puts all parked heads back to be tried. */
void gt_order_unpark(struct gt_order *o);

/* ---- order_state.c: tables ---- */
struct gt_res *gt_res_add(struct gt_order *o, struct gt_res_table *t, uint64_t id); /* not there */
void gt_res_del(struct gt_order *o, struct gt_res_table *t, struct gt_res *r);
void gt_res_free(struct gt_order *o, struct gt_res_table *t, bool with_open);
/* Index of the M, made if need be (and then not `known`). GT_NO_INDEX: out of memory. */
uint32_t gt_om_index(struct gt_order *o, uint64_t id);
struct gt_om *gt_om_known(struct gt_order *o, uint64_t id); /* NULL: no event tried, not named */
/* The text of a string of this generation as a lasting name; NULL: not there (or memory). */
const struct gt_name *gt_order_name(struct gt_order *o, uint64_t string);
void gt_order_sweep_names(struct gt_order *o);
struct gt_open *gt_res_open(struct gt_order *o, struct gt_res *r); /* NULL: out of memory */

static inline struct gt_om *gt_om_at(const struct gt_order *o, uint32_t i)
{
    return &((struct gt_om *)o->ms.data)[i];
}

static inline size_t gt_res_slot(const struct gt_res_table *t, uint64_t id)
{
    return (size_t)((id * UINT64_C(0x9e3779b97f4a7c15)) >> t->shift);
}

/* NULL: not there. */
static inline struct gt_res *gt_res_get(const struct gt_res_table *t, uint64_t id)
{
    for (size_t i = gt_res_slot(t, id);; i = (i + 1) & t->mask) {
        struct gt_res *r = &t->slots[i];
        if (r->used && gt_likely(r->id == id)) {
            return r;
        }
        if (!r->used) {
            return NULL;
        }
    }
}

static inline void gt_res_status(struct gt_order *o, struct gt_res_table *t, struct gt_res *r,
                                 unsigned status)
{
    t->state_ns[r->status] = gt_ns_sum(t->state_ns[r->status], gt_ns_diff(o->now, r->since));
    r->since = o->now;
    r->status = (uint8_t)status;
}

/* Is q the next sequence number of r in this generation? */
static inline bool gt_res_next(const struct gt_order *o, const struct gt_res *r, uint64_t q)
{
    return r->seq_gen == o->gen->gen && q == r->seq + 1;
}
static inline void gt_res_seq(const struct gt_order *o, struct gt_res *r, uint64_t q)
{
    r->seq_gen = o->gen->gen;
    r->seq = q;
    r->loose = 0;
}

/* ---- what blocked heads wait for ---- */
enum gt_key { GT_KEY_G, GT_KEY_P, GT_KEY_GC };
void gt_order_wake_bucket(struct gt_order *o, uint32_t b);
static inline uint32_t gt_key_bucket(enum gt_key kind, uint64_t id)
{
    return (uint32_t)(id * 2 + (uint64_t)kind) & (GT_BUCKETS - 1);
}
/* The state of `id` changed: heads that wait for it are tried again. */
static inline void gt_order_wake(struct gt_order *o, enum gt_key kind, uint64_t id)
{
    if (gt_unlikely(o->n_parked != 0)) {
        uint32_t b = gt_key_bucket(kind, id);
        if (o->bucket[b] != NULL) {
            gt_order_wake_bucket(o, b);
        }
    }
}

/* ---- handlers, one an event: order_p.c, order_g.c, order_range.c ---- */
typedef int gt_handler(struct gt_order *o, struct gt_cursor *c, struct gt_om *m);
#define GT_HANDLERS(X)                                                                             \
    X(proc_status)                                                                                 \
    X(proc_start)                                                                                  \
    X(proc_stop)                                                                                   \
    X(proc_steal) X(go_status) X(go_create) X(go_start) X(go_stop_exec) X(go_unblock) X(go_switch) \
        X(syscall_begin) X(syscall_end) X(syscall_end_blocked) X(create_syscall)                   \
            X(destroy_syscall) X(gc_active) X(gc_begin) X(gc_end) X(g_range_begin) X(g_range_end)  \
                X(g_range_active) X(sweep_begin) X(sweep_end) X(sweep_active) X(user)              \
                    X(heap_metric) X(alloc_free) X(task_begin) X(task_end) X(region_begin)         \
                        X(region_end)
#define GT_DECLARE_HANDLER(name) gt_handler gt_on_##name;
GT_HANDLERS(GT_DECLARE_HANDLER)
#undef GT_DECLARE_HANDLER

static inline bool gt_is_thread(const struct gt_om *m)
{
    return m->id != GT_NONE;
}
static inline void gt_om_set_g(struct gt_om *m, uint64_t g)
{
    if (gt_is_thread(m)) {
        m->g = g;
        m->lost &= (uint8_t)~GT_LOST_G;
    }
}
static inline void gt_om_set_p(struct gt_om *m, uint64_t p)
{
    if (gt_is_thread(m)) {
        m->p = p;
        m->lost &= (uint8_t)~GT_LOST_P;
    }
}

/* What an event demands of its thread, checked in this order: M, P, G. */
static inline int gt_need_mp(const struct gt_om *m)
{
    if (gt_unlikely(!gt_is_thread(m))) {
        return GT_RULE_CTX_NO_M;
    }
    return gt_unlikely(m->p == GT_NONE) ? GT_RULE_CTX_NO_P : 0;
}
static inline int gt_need_mpg(const struct gt_om *m)
{
    int bad = gt_need_mp(m);
    return bad ? bad : gt_unlikely(m->g == GT_NONE) ? GT_RULE_CTX_NO_G : 0;
}
static inline int gt_need_m(const struct gt_om *m)
{
    return gt_unlikely(!gt_is_thread(m)) ? GT_RULE_CTX_NO_M : 0;
}

/* ---- excuse.c, recover.c ---- */
/* A head that Go would refuse (why: enum gt_rule, or GT_ADV_BLOCK): is it explained by what was
 * reported before? */
bool gt_recover_excused(const struct gt_order *o, const struct gt_cursor *c, int why);
/* Makes true what the head implies. */
void gt_recover_force(struct gt_order *o, struct gt_cursor *c, int why);

/* ---- stuck.c ---- */
/* Nothing can advance: reports, and picks the cursor to force. */
struct gt_cursor *gt_stuck_choose(struct gt_order *o);
/* The resource whose change a blocked head waits for. */
enum gt_key gt_blocked_on(const struct gt_order *o, const struct gt_cursor *c, uint64_t *id);

/* ---- check.c ---- */
/* Reports at the head of c (NULL: at none). why: enum gt_rule. */
void gt_report(struct gt_order *o, const struct gt_cursor *c, int why);
void gt_report_at(struct gt_order *o, int rule, const struct gt_where *at, const char *text,
                  const char *states);
struct gt_where gt_cursor_where(const struct gt_order *o, const struct gt_cursor *c);

/* ---- check_text.c ---- */
#define GT_TEXT_MAX 512u
void gt_text_event(char *out, size_t n, const struct gt_event *e);
void gt_text_states(const struct gt_order *o, const struct gt_cursor *c, char *out, size_t n);
void gt_text_res(const struct gt_order *o, enum gt_key kind, uint64_t id, char *out, size_t n);
