/* SPDX-License-Identifier: Apache-2.0 */
/*
 * L5 (a goroutine runs in a stopped world) and L6 (more Ps run than there are).
 *
 * What can be told from a trace, and what cannot:
 *
 * E1 ProcStart is written after the M has got the P, ProcStop before it gives it up: the time in
 *    which a P runs by its events lies inside the time in which it ran. A P in a syscall is no
 *    longer owned as soon as the thief has it, and the thief writes ProcSteal after that; so
 *    for L5 a P counts as paused from GoSyscallBegin on.
 * E2 STWBegin is written before the world begins to stop, STWEnd after it was started again.
 *    Between STWBegin and the stop others go on running, between the start and STWEnd they run
 *    again. No event marks the stop or the start themselves. So "a goroutine started between
 *    STWBegin and STWEnd" is no fault.
 *
 *      stopper            another M, in order        another M, a fault
 *      STWBegin           ... runs ...               ... runs ...
 *        (stop)           ProcStop                     |
 *        (start)          ProcStart                    |   no pause
 *      STWEnd             ... runs ...               ... runs ...
 *
 * E3 Each P other than the stopper's must therefore have paused at least once in between: a P
 *    that ran at STWBegin and runs on at STWEnd was never stopped. That is L5. Both ends are
 *    compared by the events' own times, so a report is never an effect of the order that the
 *    checker chose; only clocks that disagree could fake it, hence GT_STRICT_SLACK_NS.
 * E4 procresize happens with the world stopped and ProcsChange is written inside: Ps beyond the
 *    new number have paused before it, new ones start after it. By E1 the Ps that run by their
 *    events are at most those that did; more than ProcsChange allows is L6. The order of two
 *    events whose times are equal or nearly so is the checker's choice, so an excess counts only
 *    if it lasts longer than GT_STRICT_SLACK_NS.
 */
#include "trace/strict_internal.h"

#include <inttypes.h>
#include <stdio.h>

/* Once nothing could advance, the order of what follows is a guess: times may run backwards. */
static bool order_is_known(const struct gt_order *o)
{
    return o->stuck != o->serial;
}

static bool later(int64_t t, int64_t than)
{
    return t > than && (uint64_t)t - (uint64_t)than > GT_STRICT_SLACK_NS;
}

/* ---- L5 ---- */

static void mark_running(struct gt_order *o, uint64_t except, int64_t now)
{
    for (size_t i = 0; i <= o->ps.mask; i++) {
        struct gt_res *p = &o->ps.slots[i];
        if (p->used && p->status == GT_WIRE_P_RUNNING && p->id != except && later(now, p->ran_at)) {
            p->marks |= GT_MARK_STW;
        } else {
            p->marks &= (uint8_t)~GT_MARK_STW;
        }
    }
}

void gt_strict_world_begin(struct gt_order *o, const struct gt_cursor *c, uint64_t g)
{
    struct gt_strict *s = o->strict;
    s->stw_open = true;
    s->stw_ended = false;
    s->stw_g = g;
    mark_running(o, gt_om_at(o, c->m)->p, c->time);
}

void gt_strict_world_end(struct gt_order *o, const struct gt_cursor *c, uint64_t g)
{
    struct gt_strict *s = o->strict;
    if (!s->stw_open || s->stw_g != g) {
        return;
    }
    s->stw_open = false;
    s->stw_ended = true;
    s->stw_end = gt_cursor_where(o, c);
}

static void report_l5(struct gt_order *o, const struct gt_res *p)
{
    char text[GT_TEXT_MAX];
    if (!order_is_known(o)) {
        return;
    }
    snprintf(text, sizeof text,
             "P %" PRIu64 " ran at STWBegin and runs on at STWEnd without a pause", p->id);
    gt_report_at(o, GT_RULE_L5_STW, &o->strict->stw_end, "STWEnd", text);
}

void gt_strict_p_pauses(struct gt_order *o, const struct gt_cursor *c, struct gt_res *p)
{
    if ((p->marks & GT_MARK_STW) == 0) {
        return;
    }
    p->marks &= (uint8_t)~GT_MARK_STW;
    if (o->strict->stw_ended && later(c->time, o->strict->stw_end.time_ns)) {
        report_l5(o, p);
    }
}

/* Who has not paused by the end of the generation did not pause in time. */
static void stw_generation_end(struct gt_order *o)
{
    if (!o->strict->stw_ended || !later(o->last, o->strict->stw_end.time_ns)) {
        return;
    }
    o->strict->stw_ended = false;
    for (size_t i = 0; i <= o->ps.mask; i++) {
        struct gt_res *p = &o->ps.slots[i];
        if (p->used && (p->marks & GT_MARK_STW) != 0 && p->status == GT_WIRE_P_RUNNING) {
            report_l5(o, p);
        }
        p->marks &= (uint8_t)~GT_MARK_STW;
    }
}

/* ---- L6 ---- */

static void report_l6(struct gt_order *o)
{
    struct gt_strict *s = o->strict;
    char text[GT_TEXT_MAX];
    if (s->over_reported || !order_is_known(o)) {
        return;
    }
    s->over_reported = true;
    snprintf(text, sizeof text, "more than %" PRIu64 " Ps run, as the last ProcsChange allows",
             s->procs);
    gt_report_at(o, GT_RULE_L6_PROCS, &s->over_at, "", text);
}

static void recount(struct gt_order *o)
{
    o->forced = false;
    o->strict->running = 0;
    for (size_t i = 0; i <= o->ps.mask; i++) {
        const struct gt_res *p = &o->ps.slots[i];
        o->strict->running += p->used && p->vm != GT_NO_INDEX;
    }
}

static void look_at_count(struct gt_order *o, const struct gt_cursor *c)
{
    struct gt_strict *s = o->strict;
    bool over = s->procs != 0 && s->running > s->procs;
    if (over && !s->over) {
        s->over_at = gt_cursor_where(o, c);
    }
    if (s->over && !over) {
        if (later(c->time, s->over_at.time_ns)) {
            report_l6(o);
        }
        s->over_reported = false;
    }
    s->over = over;
}

void gt_strict_count_running(struct gt_order *o, const struct gt_cursor *c, int by)
{
    struct gt_strict *s = o->strict;
    if (o->forced) {
        recount(o); /* the caller has already changed the P's binding */
    } else {
        s->running += (uint64_t)(int64_t)by;
    }
    look_at_count(o, c);
}

void gt_strict_procs_change(struct gt_order *o, const struct gt_cursor *c)
{
    o->strict->procs = c->ev.args[0];
    look_at_count(o, c);
}

void gt_strict_world_generation_end(struct gt_order *o)
{
    stw_generation_end(o);
    if (o->strict->over && later(o->last, o->strict->over_at.time_ns)) {
        report_l6(o);
    }
}
