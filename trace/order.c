/* SPDX-License-Identifier: Apache-2.0 */
/* The loop of the ordering engine: cursors, the heap of heads, one step. order.h has the rules. */
#include "trace/order.h"

#include "trace/strict.h"

#include <stdlib.h>

/* ---- cursors ---- */

/*
 * raw units to ns, as Go's reader computes it: in double, cut towards zero. What does not fit
 * (a frequency of 0 makes infinities) becomes the least int64, as on its amd64.
 */
static inline int64_t to_ns(const struct gt_order *o, uint64_t raw)
{
    double ns = (double)raw * o->ns_per_unit;
    return gt_likely(ns < 9223372036854775808.0) ? (int64_t)ns : INT64_MIN;
}

static __attribute__((noinline, cold)) int rule_of_decode(const uint8_t *p, const uint8_t *end)
{
    switch (gt_decode_why(p, end)) {
    case GT_DECODE_BAD_TYPE:
        return GT_RULE_O2_TYPE;
    case GT_DECODE_NOT_TIMED:
        return GT_RULE_O2_UNTIMED;
    case GT_DECODE_BAD_TIME:
        return GT_RULE_O3_DELTA;
    default:
        return GT_RULE_O3_ARG;
    }
}

/* Moves to the next batch that holds something. false: there is none. */
static __attribute__((noinline)) bool next_batch(struct gt_order *o, struct gt_cursor *c)
{
    do {
        c->batch = o->gen->batches[c->batch].next;
        if (c->batch == UINT64_MAX) {
            c->done = true;
            return false;
        }
        c->at = o->gen->batches[c->batch].data;
        c->end = c->at + o->gen->batches[c->batch].size;
        c->last = 0;
    } while (c->at == c->end);
    return true;
}

/* Decodes the next head. 0: there (or c->done); else the rule that its bytes break. */
GT_WIRE_INLINE int next_event(struct gt_order *o, struct gt_cursor *c)
{
    if (gt_unlikely(c->at == c->end) && !next_batch(o, c)) {
        return 0;
    }
    if (gt_unlikely(c->last == 0)) {
        c->last = to_ns(o, o->gen->batches[c->batch].ts);
    }
    c->head = c->at;
    const uint8_t *next = gt_decode_event(c->at, c->end, &c->ev);
    if (gt_unlikely(next == NULL)) {
        return rule_of_decode(c->at, c->end);
    }
    c->time = gt_ns_sum(c->last, to_ns(o, c->ev.dt));
    c->last = c->time;
    c->at = next;
    return 0;
}

/* The head's bytes are broken, and with them all that follows in the batch. */
static __attribute__((noinline, cold)) void skip_broken(struct gt_order *o, struct gt_cursor *c,
                                                        int rule)
{
    while (rule != 0 && !o->stop) {
        c->time = c->last;
        gt_report(o, c, rule);
        gt_om_at(o, c->m)->lost = GT_LOST_G | GT_LOST_P;
        c->at = c->end;
        rule = next_event(o, c);
    }
}

/* ---- the heap, with the moves of Go's so that ties fall alike ---- */

static inline void swap_front(struct gt_front *a, struct gt_front *b)
{
    struct gt_front t = *a;
    *a = *b;
    *b = t;
}

static inline size_t sift_up(struct gt_front *h, size_t i)
{
    while (i > 0 && h[(i - 1) / 2].time > h[i].time) {
        swap_front(&h[(i - 1) / 2], &h[i]);
        i = (i - 1) / 2;
    }
    return i;
}

static inline void sift_down(struct gt_front *h, size_t n, size_t i)
{
    struct gt_front moved = h[i];
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        child += h[child + 1].time < h[child].time;
        if (h[child].time >= moved.time) {
            break;
        }
        h[i] = h[child];
    }
    h[i] = moved;
}

static void heap_insert(struct gt_order *o, struct gt_cursor *c)
{
    o->heap[o->n_heap] = (struct gt_front){.time = c->time, .cursor = c};
    sift_up(o->heap, o->n_heap++);
    o->heap[o->n_heap].time = INT64_MAX;
}

static void heap_remove(struct gt_order *o, size_t i)
{
    for (; i > 0; i = (i - 1) / 2) {
        swap_front(&o->heap[(i - 1) / 2], &o->heap[i]);
    }
    o->heap[0] = o->heap[--o->n_heap];
    o->heap[o->n_heap].time = INT64_MAX;
    if (o->n_heap > 0) {
        sift_down(o->heap, o->n_heap, 0);
    }
}

/* Stable; the heap is nearly in order most of the time. A sorted heap is a heap. */
static void heap_sort(struct gt_order *o)
{
    struct gt_front *h = o->heap;
    for (size_t i = 1; i < o->n_heap; i++) {
        struct gt_front moved = h[i];
        size_t j = i;
        for (; j > 0 && moved.time < h[j - 1].time; j--) {
            h[j] = h[j - 1];
        }
        h[j] = moved;
    }
}

/* ---- parked heads (more than GT_EXACT_MS cursors) ---- */

static void park(struct gt_order *o, size_t i)
{
    struct gt_cursor *c = o->heap[i].cursor;
    uint64_t id = 0;
    enum gt_key kind = gt_blocked_on(o, c, &id);
    uint32_t b = gt_key_bucket(kind, id);
    heap_remove(o, i);
    c->is_parked = true;
    c->parked = o->bucket[b];
    o->bucket[b] = c;
    o->n_parked++;
}

void gt_order_wake_bucket(struct gt_order *o, uint32_t b)
{
    struct gt_cursor *c = o->bucket[b];
    o->bucket[b] = NULL;
    for (; c != NULL; c = c->parked) {
        c->is_parked = false;
        heap_insert(o, c);
        o->n_parked--;
    }
}

void gt_order_unpark(struct gt_order *o)
{
    for (uint32_t b = 0; b < GT_BUCKETS && o->n_parked != 0; b++) {
        if (o->bucket[b] != NULL) {
            gt_order_wake_bucket(o, b);
        }
    }
}

/* ---- one step ---- */

#define ON(type, name) [GT_EV_##type] = gt_on_##name
static gt_handler *const handlers[256] = {
    ON(PROCS_CHANGE, user),
    ON(PROC_START, proc_start),
    ON(PROC_STOP, proc_stop),
    ON(PROC_STEAL, proc_steal),
    ON(PROC_STATUS, proc_status),
    ON(GO_CREATE, go_create),
    ON(GO_CREATE_SYSCALL, create_syscall),
    ON(GO_START, go_start),
    ON(GO_DESTROY, go_stop_exec),
    ON(GO_DESTROY_SYSCALL, destroy_syscall),
    ON(GO_STOP, go_stop_exec),
    ON(GO_BLOCK, go_stop_exec),
    ON(GO_UNBLOCK, go_unblock),
    ON(GO_SYSCALL_BEGIN, syscall_begin),
    ON(GO_SYSCALL_END, syscall_end),
    ON(GO_SYSCALL_END_BLOCKED, syscall_end_blocked),
    ON(GO_STATUS, go_status),
    ON(STW_BEGIN, g_range_begin),
    ON(STW_END, g_range_end),
    ON(GC_ACTIVE, gc_active),
    ON(GC_BEGIN, gc_begin),
    ON(GC_END, gc_end),
    ON(GC_SWEEP_ACTIVE, sweep_active),
    ON(GC_SWEEP_BEGIN, sweep_begin),
    ON(GC_SWEEP_END, sweep_end),
    ON(GC_MARK_ASSIST_ACTIVE, g_range_active),
    ON(GC_MARK_ASSIST_BEGIN, g_range_begin),
    ON(GC_MARK_ASSIST_END, g_range_end),
    ON(HEAP_ALLOC, heap_metric),
    ON(HEAP_GOAL, heap_metric),
    ON(GO_LABEL, user),
    ON(USER_TASK_BEGIN, task_begin),
    ON(USER_TASK_END, task_end),
    ON(USER_REGION_BEGIN, region_begin),
    ON(USER_REGION_END, region_end),
    ON(USER_LOG, user),
    ON(GO_SWITCH, go_switch),
    ON(GO_SWITCH_DESTROY, go_switch),
    ON(GO_CREATE_BLOCKED, go_create),
    ON(GO_STATUS_STACK, go_status),
    ON(SPAN, alloc_free),
    ON(SPAN_ALLOC, alloc_free),
    ON(SPAN_FREE, alloc_free),
    ON(HEAP_OBJECT, alloc_free),
    ON(HEAP_OBJECT_ALLOC, alloc_free),
    ON(HEAP_OBJECT_FREE, alloc_free),
    ON(GOROUTINE_STACK, alloc_free),
    ON(GOROUTINE_STACK_ALLOC, alloc_free),
    ON(GOROUTINE_STACK_FREE, alloc_free),
};
#undef ON

static inline int try_head(struct gt_order *o, struct gt_cursor *c)
{
    struct gt_om *m = gt_om_at(o, c->m);
    m->known = true;
    o->now = c->time > o->last ? c->time : gt_ns_sum(o->last, 1);
    if (gt_unlikely(o->initial_gen == 0)) {
        o->initial_gen = o->gen->gen;
        o->res->stats.first_ns = o->now;
    }
    gt_handler *h = handlers[c->ev.type];
    return gt_likely(h != NULL) ? h(o, c, m) : GT_RULE_O2_UNORDERED;
}

/* The rule that the head's references to tables break, 0: none. Stacks first, as in Go. */
static inline int check_tables(const struct gt_order *o, const struct gt_event *e)
{
    const struct gt_event_spec *spec = gt_ev_spec(e->type);
    for (unsigned bits = spec->stack_args; bits != 0; bits &= bits - 1) {
        if (gt_unlikely(!gt_generation_has_stack(o->gen, e->args[__builtin_ctz(bits)]))) {
            return GT_RULE_T6_STACK;
        }
    }
    for (unsigned bits = spec->string_args; bits != 0; bits &= bits - 1) {
        if (gt_unlikely(!gt_generation_has_string(o->gen, e->args[__builtin_ctz(bits)]))) {
            return GT_RULE_T6_STRING;
        }
    }
    return 0;
}

/*
 * The slow way of a head that happened: strict rules, broken tables, a broken successor. In Go's
 * reader the successor is decoded first and the tables that the head refers to are looked at
 * after: a broken successor hides a broken reference.
 */
static __attribute__((noinline)) void consume_slow(struct gt_order *o, struct gt_cursor *c,
                                                   int bad_table)
{
    if (o->strict != NULL) {
        gt_strict_event(o, c);
    }
    struct gt_cursor head = *c;
    int bad = next_event(o, c);
    if (bad != 0) {
        skip_broken(o, c, bad);
    }
    if (bad_table != 0 && !o->stop) {
        gt_report(o, &head, bad_table);
    }
}

/* Counts the head and decodes its successor; what is not plain goes the slow way. */
GT_WIRE_INLINE void advance(struct gt_order *o, struct gt_cursor *c)
{
    unsigned type = c->ev.type;
    struct gt_tally *tally = &o->tally[type];
    tally->n++;
    tally->bytes += (uint64_t)(c->at - c->head);
    o->last = o->now;
    int bad_table = o->refers[type] ? check_tables(o, &c->ev) : 0;
    if (gt_unlikely((o->strict_events[type] | bad_table) != 0)) {
        consume_slow(o, c, bad_table);
        return;
    }
    int bad = next_event(o, c);
    if (gt_unlikely(bad != 0)) {
        skip_broken(o, c, bad);
    }
}

/* The head at heap[i] happened. */
static inline void consume(struct gt_order *o, size_t i)
{
    struct gt_front *heap = o->heap;
    struct gt_cursor *c = heap[i].cursor;
    advance(o, c);
    if (gt_unlikely(c->done)) {
        heap_remove(o, i);
        return;
    }
    heap[i].time = c->time;
    if (i == 0 || sift_up(heap, i) == i) {
        sift_down(heap, o->n_heap, i);
    }
}

static size_t heap_find(const struct gt_order *o, const struct gt_cursor *c)
{
    size_t i = 0;
    while (o->heap[i].cursor != c) {
        i++;
    }
    return i;
}

/* A head that cannot happen by the rules happens all the same. */
static __attribute__((noinline, cold)) void settle(struct gt_order *o, struct gt_cursor *c, int why)
{
    if (why != GT_RULE_O5_STUCK && !gt_recover_excused(o, c, why)) {
        gt_report(o, c, why);
        if (o->stop) {
            return;
        }
    }
    gt_recover_force(o, c, why);
    gt_order_unpark(o);
    consume(o, heap_find(o, c));
}

static __attribute__((noinline, cold)) void settle_stuck(struct gt_order *o)
{
    struct gt_cursor *c = gt_stuck_choose(o);
    if (!o->stop) {
        settle(o, c, GT_RULE_O5_STUCK);
    }
}

/* 0, an error, or "blocked but explained by what was reported": the head is dealt with. */
static inline bool dealt_with(const struct gt_order *o, const struct gt_cursor *c, int r)
{
    return r != GT_ADV_BLOCK ||
           (gt_unlikely(o->recovering) && gt_recover_excused(o, c, GT_ADV_BLOCK));
}

/* The first of the heads from i on, in order of time, that can happen. false: none. */
static __attribute__((noinline)) bool step_rest(struct gt_order *o)
{
    heap_sort(o);
    for (size_t i = 1; i < o->n_heap; i++) {
        struct gt_cursor *c = o->heap[i].cursor;
        int r = try_head(o, c);
        if (r == 0) {
            consume(o, i);
            return true;
        }
        if (dealt_with(o, c, r)) {
            settle(o, c, r);
            return true;
        }
    }
    return false;
}

static inline void step(struct gt_order *o)
{
    struct gt_cursor *c = o->heap[0].cursor;
    int r = try_head(o, c);
    if (gt_likely(r == 0)) {
        /* A wake may have put an earlier head in front of this one. */
        consume(o, gt_likely(o->heap[0].cursor == c) ? 0 : heap_find(o, c));
        return;
    }
    if (dealt_with(o, c, r)) {
        settle(o, c, r);
    } else if (!o->exact) {
        park(o, 0);
    } else if (!step_rest(o)) {
        settle_stuck(o);
    }
}

/* ---- a generation ---- */

static bool make_room(struct gt_order *o, size_t n)
{
    if (n <= o->cap_cursors && o->heap != NULL) {
        return true;
    }
    size_t cap = n + n / 2 + 16;
    struct gt_cursor *cursors = realloc(o->cursors, cap * sizeof *cursors);
    if (cursors) {
        o->cursors = cursors;
    }
    struct gt_front *heap = realloc(o->heap, (cap + 1) * sizeof *heap);
    if (heap) {
        o->heap = heap;
    }
    if (!cursors || !heap) {
        o->oom = true;
        return false;
    }
    gt_held_add(&o->held, (cap - o->cap_cursors) * (sizeof *cursors + sizeof *heap));
    o->cap_cursors = cap;
    return true;
}

static void add_cursor(struct gt_order *o, const struct gt_thread_batches *t)
{
    uint32_t m = gt_om_index(o, t->m), cursor = (uint32_t)o->n_cursors++;
    if (m == GT_NO_INDEX) {
        return;
    }
    struct gt_cursor *c = &o->cursors[cursor];
    const struct gt_batch *b = &o->gen->batches[t->first];
    *c = (struct gt_cursor){.m = m, .batch = t->first, .at = b->data, .end = b->data + b->size};
    gt_om_at(o, m)->cursor = cursor;
    int bad = next_event(o, c);
    if (bad != 0) {
        skip_broken(o, c, bad);
    }
    if (!c->done && !o->stop) {
        heap_insert(o, c);
    }
}

/* Go's reader delivers a Sync before the events; it takes a time like any of them. */
static void sync_time(struct gt_order *o)
{
    int64_t t = to_ns(o, o->gen->min_ts);
    o->last = t > o->last ? t : gt_ns_sum(o->last, 1);
}

/* Sums what was counted by event into the figures of the result. */
void gt_order_count(struct gt_order *o)
{
    struct gt_check_stats *s = &o->res->stats;
    s->events = 0;
    s->ms = o->ms.n - 1;
    for (unsigned type = 0; type < 256; type++) {
        s->by_event[type] = o->tally[type].n;
        s->bytes_by_event[type] = o->tally[type].bytes;
        s->events += o->tally[type].n;
    }
}

int gt_order_generation(struct gt_order *o, const struct gt_generation *g)
{
    o->gen = g;
    o->serial++;
    o->ns_per_unit = 1.0 / ((double)g->freq / 1e9);
    o->n_cursors = o->n_heap = o->n_parked = 0;
    o->exact = g->n_threads <= GT_EXACT_MS;
    memset(o->bucket, 0, sizeof o->bucket);
    sync_time(o);
    if (!make_room(o, g->n_threads)) {
        return -1;
    }
    for (uint32_t i = 0; i < o->ms.n; i++) {
        gt_om_at(o, i)->cursor = GT_NO_INDEX;
    }
    gt_om_at(o, 0)->lost = 0;
    for (size_t i = 0; i < g->n_threads && !o->oom && !o->stop; i++) {
        add_cursor(o, &g->threads[i]);
    }
    while (!o->stop && !o->oom) {
        if (gt_likely(o->n_heap != 0)) {
            step(o);
        } else if (o->n_parked != 0) {
            settle_stuck(o);
        } else {
            break;
        }
    }
    gt_order_count(o);
    gt_order_sweep_names(o);
    return o->oom ? -1 : 0;
}
