/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tier 2 and tier 3 on events: what executes where (V8, L1, L2, L7 to L9), what a status event
 * may say (V7, L3, L4, L13), ranges (V9, L12), annotations (V5, V10).
 *
 * `vm` of a G or P and `vg`, `vp` of an M are the bindings as Go's validator keeps them: it
 * learns of them from the events that the reader delivers and not from the reader's state.
 */
#include "trace/strict_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Which events gt_strict_event is to see in this generation. */
static void set_interest(struct gt_order *o)
{
    bool frames = o->strict->bad_stacks.n != 0;
    for (unsigned type = 0; type < 256; type++) {
        const struct gt_event_spec *spec = gt_ev_spec(type);
        o->strict_events[type] =
            spec->name != NULL && (spec->since > o->header || (frames && spec->stack_args != 0));
    }
    o->strict_events[GT_EV_PROCS_CHANGE] = o->strict_events[GT_EV_GO_LABEL] = 1;
    o->strict_events[GT_EV_USER_TASK_BEGIN] = 1;
}

int gt_strict_init(struct gt_order *o)
{
    o->strict = calloc(1, sizeof *o->strict);
    if (o->strict == NULL) {
        return -ENOMEM;
    }
    gt_held_add(&o->held, sizeof *o->strict);
    return 0;
}

void gt_strict_free(struct gt_order *o)
{
    if (o->strict != NULL) {
        gt_id_map_free(&o->held, &o->strict->bad_stacks);
        gt_id_map_free(&o->held, &o->strict->dead);
        free(o->strict);
        o->strict = NULL;
    }
}

/* ---- generations ---- */

void gt_strict_generation(struct gt_order *o, const struct gt_generation *g)
{
    o->strict->syncs++;
    gt_strict_tables(o, g);
    set_interest(o);
}

void gt_strict_empty(struct gt_order *o)
{
    struct gt_where at = {.m = GT_NO_M};
    if (o->header >= 125) {
        gt_report_at(o, GT_RULE_V3_NO_SNAPSHOT, &at, "", "the trace holds no generation at all");
    }
}

/* L12: the reason of a stop is a string of the generation in which it began. */
static void check_open_stop(struct gt_order *o, struct gt_res *g, const struct gt_where *at)
{
    for (size_t i = 0; i < g->open->ranges.n; i++) {
        struct gt_range *range = (struct gt_range *)g->open->ranges.data + i;
        if (range->type == GT_EV_STW_BEGIN && !range->reported) {
            char text[96];
            range->reported = true;
            snprintf(text, sizeof text, "G %" PRIu64 " has the world stopped", g->id);
            gt_report_at(o, GT_RULE_L12_STW_OPEN, at, "", text);
        }
    }
}

/*
 * L4: each generation states every G that lives, at the latest when it is closed. A G that runs
 * is exempt: the tracer does not stop it, and it need not have written anything.
 */
static void check_silent(struct gt_order *o, struct gt_res *g, const struct gt_where *at)
{
    if (g->seen == o->serial || g->status == GT_WIRE_G_RUNNING || g->loose != 0 ||
        (g->marks & GT_MARK_SILENT) != 0) {
        return;
    }
    char text[GT_TEXT_MAX];
    g->marks |= GT_MARK_SILENT;
    gt_text_res(o, GT_KEY_G, g->id, text, sizeof text);
    gt_report_at(o, GT_RULE_L4_G_SILENT, at, "", text);
}

void gt_strict_generation_end(struct gt_order *o)
{
    struct gt_where at = {
        .gen = o->gen->gen, .m = GT_NO_M, .offset = o->gen->end_offset, .time_ns = o->last};
    for (size_t i = 0; i <= o->gs.mask && !o->stop; i++) {
        struct gt_res *g = &o->gs.slots[i];
        if (!g->used) {
            continue;
        }
        if (g->open != NULL && g->open->ranges.n != 0) {
            check_open_stop(o, g, &at);
        }
        if (o->serial > 1) {
            check_silent(o, g, &at);
        }
    }
    gt_strict_world_generation_end(o);
    gt_id_map_clear(&o->held, &o->strict->dead);
}

/* ---- events ---- */

static void check_stacks(struct gt_order *o, const struct gt_cursor *c)
{
    for (unsigned bits = gt_ev_spec(c->ev.type)->stack_args; bits != 0; bits &= bits - 1) {
        uint64_t id = c->ev.args[__builtin_ctz(bits)];
        if (gt_id_map_get(&o->strict->bad_stacks, id) != GT_ID_NONE) {
            gt_report(o, c, GT_RULE_V6_FRAME);
            return;
        }
    }
}

static void check_label(struct gt_order *o, const struct gt_cursor *c)
{
    size_t len = 0;
    if (gt_generation_string(o->gen, c->ev.args[0], &len) != NULL && len == 0) {
        gt_report(o, c, GT_RULE_V5_LABEL);
    }
}

void gt_strict_event(struct gt_order *o, const struct gt_cursor *c)
{
    struct gt_strict *s = o->strict;
    unsigned type = c->ev.type;
    if (gt_unlikely(s->bad_stacks.n != 0)) {
        check_stacks(o, c);
    }
    if (gt_unlikely(gt_ev_spec(type)->since > o->header) && !s->newer_seen[type]) {
        s->newer_seen[type] = true;
        gt_report(o, c, GT_RULE_L10_NEWER_EVENT);
    }
    switch (type) {
    case GT_EV_PROCS_CHANGE:
        gt_strict_procs_change(o, c);
        break;
    case GT_EV_GO_LABEL:
        check_label(o, c);
        break;
    case GT_EV_USER_TASK_BEGIN:
        if (c->ev.args[0] == 0 || c->ev.args[0] == UINT64_MAX) {
            gt_report(o, c, GT_RULE_V10_TASK_ID);
        }
        break;
    default:
        break;
    }
}

/* ---- what executes where ---- */

static uint32_t index_of(const struct gt_order *o, const struct gt_om *m)
{
    return (uint32_t)(m - gt_om_at(o, 0));
}

void gt_strict_p_runs(struct gt_order *o, const struct gt_cursor *c, struct gt_res *r,
                      struct gt_om *m)
{
    uint32_t i = index_of(o, m);
    struct gt_om *old = r->vm == GT_NO_INDEX || r->vm == i ? NULL : gt_om_at(o, r->vm);
    int by = r->vm == GT_NO_INDEX;
    if (!gt_is_thread(m)) {
        gt_report(o, c, GT_RULE_V8_NO_M);
    } else if (old != NULL && old->vp == r->id) {
        gt_report(o, c, GT_RULE_L1_TWO_MS);
        old->vp = GT_NONE;
    } else if (m->vp != GT_NONE && m->vp != r->id) {
        gt_report(o, c, GT_RULE_V8_TWO);
    }
    m->vp = gt_is_thread(m) ? r->id : GT_NONE;
    r->vm = i;
    r->ran_at = by ? c->time : r->ran_at;
    gt_strict_count_running(o, c, by);
}

void gt_strict_p_stops(struct gt_order *o, const struct gt_cursor *c, struct gt_res *r)
{
    gt_strict_p_pauses(o, c, r);
    if (r->vm == GT_NO_INDEX) {
        return; /* after recovery only */
    }
    struct gt_om *m = gt_om_at(o, r->vm);
    if (r->vm != 0) {
        if (m->vp != r->id) {
            gt_report(o, c, GT_RULE_V8_STOP);
        }
        m->vp = GT_NONE;
    }
    r->vm = GT_NO_INDEX;
    gt_strict_count_running(o, c, -1);
}

void gt_strict_g_runs(struct gt_order *o, const struct gt_cursor *c, struct gt_res *r,
                      struct gt_om *m)
{
    uint32_t i = index_of(o, m);
    struct gt_om *old = r->vm == GT_NO_INDEX || r->vm == i ? NULL : gt_om_at(o, r->vm);
    if (gt_unlikely(!gt_is_thread(m))) {
        gt_report(o, c, GT_RULE_V8_NO_M);
    } else if (gt_unlikely(old != NULL) && old->vg == r->id) {
        gt_report(o, c, r->status == GT_WIRE_G_SYSCALL ? GT_RULE_L8_SYSCALL_M : GT_RULE_L2_TWO_MS);
        old->vg = GT_NONE;
    } else if (gt_unlikely(m->vg != GT_NONE && m->vg != r->id)) {
        gt_report(o, c, GT_RULE_V8_TWO);
    }
    m->vg = gt_is_thread(m) ? r->id : GT_NONE;
    r->vm = i;
}

void gt_strict_g_stops(struct gt_order *o, const struct gt_cursor *c, struct gt_res *r)
{
    if (gt_unlikely(r->vm == GT_NO_INDEX)) {
        return; /* after recovery only */
    }
    struct gt_om *m = gt_om_at(o, r->vm);
    if (gt_likely(r->vm != 0)) {
        if (gt_unlikely(m->vg != r->id)) {
            gt_report(o, c, GT_RULE_V8_STOP);
        }
        m->vg = GT_NONE;
    }
    r->vm = GT_NO_INDEX;
}

void gt_strict_proc_stop(struct gt_order *o, const struct gt_cursor *c, const struct gt_om *m)
{
    const struct gt_res *g = m->g == GT_NONE ? NULL : gt_res_get(&o->gs, m->g);
    if (g != NULL && g->status == GT_WIRE_G_RUNNING && g->loose == 0) {
        gt_report(o, c, GT_RULE_L7_STOP);
    }
}

/*
 * Only the thread that left the P behind can be named: it is still noted in the P. A P first
 * seen as abandoned has no history here, and nothing is said of it.
 */
void gt_strict_steal_abandoned(struct gt_order *o, const struct gt_cursor *c,
                               const struct gt_res *r, uint64_t m)
{
    if (r->last_m != GT_NO_INDEX && gt_om_at(o, r->last_m)->id != m && r->loose == 0) {
        gt_report(o, c, GT_RULE_L9_STEAL_M);
    }
}

/* ---- what a status event may say ---- */

static void check_status(struct gt_order *o, const struct gt_cursor *c, const struct gt_res *r,
                         bool fresh, uint64_t status, int twice)
{
    if (!fresh && r->seen == o->serial) {
        gt_report(o, c, twice);
    }
    if (status > UINT8_MAX) {
        gt_report(o, c, GT_RULE_L13_STATUS_WIDE);
    }
    if ((uint8_t)status == 0) {
        gt_report(o, c, GT_RULE_L13_STATUS_0);
        gt_report(o, c, GT_RULE_V7_TO_UNDETERMINED);
    }
    if (fresh && o->gen->gen == o->initial_gen && o->strict->syncs > 1) {
        gt_report(o, c, GT_RULE_V7_UNDETERMINED);
    }
}

void gt_strict_p_status(struct gt_order *o, const struct gt_cursor *c, const struct gt_res *r,
                        bool fresh, uint64_t status)
{
    check_status(o, c, r, fresh, status, GT_RULE_L3_P_STATUS);
}

void gt_strict_g_status(struct gt_order *o, const struct gt_cursor *c, const struct gt_res *r,
                        bool fresh, uint64_t status)
{
    check_status(o, c, r, fresh, status, GT_RULE_L3_G_STATUS);
    if (fresh && gt_id_map_get(&o->strict->dead, r->id) != GT_ID_NONE) {
        gt_report(o, c, GT_RULE_V7_OLD_STATE);
    }
}

void gt_strict_g_dies(struct gt_order *o, const struct gt_cursor *c, const struct gt_res *r)
{
    struct gt_id_map *dead = &o->strict->dead;
    if (r->open != NULL && r->open->ranges.n != 0) {
        gt_report(o, c, GT_RULE_V7_DEATH);
    }
    /* Only in the first generation can a status bring a dead G back. */
    if (o->gen->gen == o->initial_gen && gt_id_map_get(dead, r->id) == GT_ID_NONE &&
        !gt_id_map_add(&o->held, dead, r->id, 0)) {
        o->oom = true;
    }
}

/* ---- ranges ---- */

void gt_strict_range_begin(struct gt_order *o, const struct gt_cursor *c, struct gt_res *r,
                           struct gt_range *range)
{
    if (range->type != GT_EV_STW_BEGIN) {
        return;
    }
    range->name = gt_order_name(o, range->desc);
    const struct gt_range *ranges = r->open->ranges.data;
    for (size_t i = 0; i < r->open->ranges.n; i++) {
        if (&ranges[i] != range && ranges[i].type == range->type && range->name != NULL &&
            ranges[i].name == range->name) {
            gt_report(o, c, GT_RULE_V9_BEGIN);
        }
    }
    gt_strict_world_begin(o, c, r->id);
}

void gt_strict_range_end(struct gt_order *o, const struct gt_cursor *c, struct gt_res *r,
                         const struct gt_range *range)
{
    if (range->type != GT_EV_STW_BEGIN) {
        return;
    }
    const struct gt_name *now = gt_order_name(o, range->desc);
    if (now != NULL && range->name != NULL && now != range->name) {
        gt_report(o, c, GT_RULE_V9_END);
    }
    gt_strict_world_end(o, c, r->id);
}
