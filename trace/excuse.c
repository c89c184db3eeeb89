/* SPDX-License-Identifier: Apache-2.0 */
/*
 * After a finding, events that trip only over what it left unknown are excused:
 *   M lost G or P   which G or P the thread holds; until an event binds it anew
 *   G or P loose    its status; or one sequence number was used up by an event that is missing
 * They happen, by force, and nothing is reported.
 */
#include "trace/order.h"

static bool lost(const struct gt_order *o, const struct gt_cursor *c, unsigned what)
{
    return (gt_om_at(o, c->m)->lost & what) != 0;
}

static bool loose(const struct gt_res_table *t, uint64_t id, unsigned what)
{
    const struct gt_res *r = gt_res_get(t, id);
    return r != NULL && (r->loose & what) != 0;
}

/* Is q a number that loose r may take? */
static bool may_follow(const struct gt_order *o, const struct gt_res *r, uint64_t q)
{
    return r->seq_gen == o->gen->gen &&
           (q == r->seq + 1 || ((r->loose & GT_LOOSE_SEQ) != 0 && q == r->seq + 2));
}

static bool blocked_excused(const struct gt_order *o, const struct gt_cursor *c)
{
    const struct gt_om *m = gt_om_at(o, c->m);
    const uint64_t *a = c->ev.args;
    const struct gt_res_table *t = &o->gs;
    switch (c->ev.type) {
    case GT_EV_GC_ACTIVE:
    case GT_EV_GC_BEGIN:
    case GT_EV_GC_END:
        return o->gc_loose;
    case GT_EV_GO_SYSCALL_END_BLOCKED:
        return loose(&o->ps, m->p, GT_LOOSE_STATE);
    case GT_EV_PROC_START:
        if (m->p != GT_NONE && !loose(&o->ps, m->p, GT_LOOSE_STATE)) {
            return false;
        }
        t = &o->ps;
        break;
    case GT_EV_PROC_STEAL:
        t = &o->ps;
        break;
    default:
        break;
    }
    const struct gt_res *r = gt_res_get(t, a[0]);
    if (r == NULL || !may_follow(o, r, a[1])) {
        return false;
    }
    /* Without a loose target it is the thread that was in the way (a loose P of its own). */
    return r->loose != 0 || (c->ev.type == GT_EV_PROC_START && r->status == GT_WIRE_P_IDLE);
}

bool gt_recover_excused(const struct gt_order *o, const struct gt_cursor *c, int why)
{
    const struct gt_om *m = gt_om_at(o, c->m);
    if (!o->recovering) {
        return false;
    }
    switch (why) {
    case GT_ADV_BLOCK:
        return blocked_excused(o, c);
    case GT_RULE_CTX_NO_M:
        return m->lost != 0;
    case GT_RULE_CTX_NO_P:
    case GT_RULE_P_STOP_UNKNOWN:
        return lost(o, c, GT_LOST_P);
    case GT_RULE_CTX_NO_G:
        return lost(o, c, GT_LOST_G);
    case GT_RULE_CTX_HAS_G:
    case GT_RULE_G_STATE:
        return loose(&o->gs, m->g, GT_LOOSE_STATE);
    case GT_RULE_P_STOP_STATE:
    case GT_RULE_SYSCALL_END_P:
    case GT_RULE_P_DESTROY_STATE:
        return loose(&o->ps, m->p, GT_LOOSE_STATE);
    case GT_RULE_SYSCALL_SEQ:
        return loose(&o->ps, m->p, GT_LOOSE_SEQ);
    case GT_RULE_P_STATUS:
        return loose(&o->ps, c->ev.args[0], GT_LOOSE_STATE);
    case GT_RULE_G_STATUS:
    case GT_RULE_G_STATUS_M:
        return loose(&o->gs, c->ev.args[0], GT_LOOSE_STATE);
    default:
        return false;
    }
}
