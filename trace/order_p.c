/* SPDX-License-Identifier: Apache-2.0 */
/* What each event of a P demands and does: rules 1.1 to 1.4. */
#include "trace/strict.h"

static bool some_m_holds(const struct gt_order *o, uint64_t p)
{
    for (uint32_t i = 1; i < o->ms.n; i++) {
        if (gt_om_at(o, i)->p == p) {
            return true;
        }
    }
    return false;
}

/* Does the status contradict what is known of r? *promoted: it says less than is known. */
static int status_fits(const struct gt_order *o, const struct gt_res *r, unsigned status,
                       bool *promoted)
{
    if (status == GT_WIRE_P_SYSCALL_ABANDONED && r->status == GT_WIRE_P_SYSCALL) {
        *promoted = true;
        return some_m_holds(o, r->id) ? 0 : GT_RULE_P_STATUS_HOLDER;
    }
    return r->status == status ? 0 : GT_RULE_P_STATUS;
}

/* The trace says more of r than its P's thread knows: bind it to the emitting thread. */
static void status_binds(struct gt_order *o, struct gt_cursor *c, struct gt_om *m, struct gt_res *r)
{
    if (o->strict) {
        gt_strict_p_runs(o, c, r, m);
    }
    r->last_m = c->m;
    gt_om_set_p(m, r->id);
}

int gt_on_proc_status(struct gt_order *o, struct gt_cursor *c, struct gt_om *m)
{
    uint64_t id = c->ev.args[0];
    uint8_t status = (uint8_t)c->ev.args[1]; /* Go's reader keeps eight bits */
    bool promoted = false;
    if (status >= GT_WIRE_P_COUNT) {
        return GT_RULE_P_STATUS_VALUE;
    }
    struct gt_res *r = gt_res_get(&o->ps, id);
    bool fresh = r == NULL;
    if (fresh) {
        r = gt_res_add(o, &o->ps, id);
        if (r == NULL) {
            return 0;
        }
        r->status = status;
        o->res->stats.ps++;
    } else {
        int bad = status_fits(o, r, status, &promoted);
        if (bad) {
            return bad;
        }
    }
    if (o->strict) {
        gt_strict_p_status(o, c, r, fresh, c->ev.args[1]);
    }
    r->seen = o->serial;
    gt_res_seq(o, r, 0);
    if (status == GT_WIRE_P_RUNNING || status == GT_WIRE_P_SYSCALL) {
        status_binds(o, c, m, r);
    }
    gt_order_wake(o, GT_KEY_P, id);
    return 0;
}

int gt_on_proc_start(struct gt_order *o, struct gt_cursor *c, struct gt_om *m)
{
    struct gt_res *r = gt_res_get(&o->ps, c->ev.args[0]);
    if (r == NULL || r->status != GT_WIRE_P_IDLE || !gt_res_next(o, r, c->ev.args[1]) ||
        m->p != GT_NONE) {
        return GT_ADV_BLOCK;
    }
    int bad = gt_need_m(m);
    if (bad) {
        return bad;
    }
    gt_res_status(o, &o->ps, r, GT_WIRE_P_RUNNING);
    gt_res_seq(o, r, c->ev.args[1]);
    if (o->strict) {
        gt_strict_p_runs(o, c, r, m);
    }
    r->last_m = c->m;
    gt_om_set_p(m, r->id);
    gt_order_wake(o, GT_KEY_P, r->id);
    return 0;
}

int gt_on_proc_stop(struct gt_order *o, struct gt_cursor *c, struct gt_om *m)
{
    struct gt_res *r = gt_res_get(&o->ps, m->p);
    if (r == NULL) {
        return GT_RULE_P_STOP_UNKNOWN;
    }
    if (r->status != GT_WIRE_P_RUNNING && r->status != GT_WIRE_P_SYSCALL) {
        return GT_RULE_P_STOP_STATE;
    }
    int bad = gt_need_mp(m);
    if (bad) {
        return bad;
    }
    if (o->strict) {
        gt_strict_proc_stop(o, c, m);
        gt_strict_p_stops(o, c, r);
    }
    gt_res_status(o, &o->ps, r, GT_WIRE_P_IDLE);
    gt_om_set_p(m, GT_NONE);
    gt_order_wake(o, GT_KEY_P, r->id);
    return 0;
}

/* The thread that a P in a syscall is stolen from: it must hold the P. */
static int steal_from(struct gt_order *o, struct gt_om *m, uint64_t p, uint64_t victim)
{
    if (victim == m->id) {
        if (m->p != p) {
            return GT_RULE_P_STEAL_SELF;
        }
        gt_om_set_p(m, GT_NONE);
        return 0;
    }
    struct gt_om *v = gt_om_known(o, victim);
    if (v == NULL) {
        return GT_RULE_P_STEAL_NO_M;
    }
    if (v->p != p) {
        return GT_RULE_P_STEAL_OTHER;
    }
    gt_om_set_p(v, GT_NONE);
    return 0;
}

int gt_on_proc_steal(struct gt_order *o, struct gt_cursor *c, struct gt_om *m)
{
    struct gt_res *r = gt_res_get(&o->ps, c->ev.args[0]);
    if (r == NULL || (r->status != GT_WIRE_P_SYSCALL && r->status != GT_WIRE_P_SYSCALL_ABANDONED) ||
        !gt_res_next(o, r, c->ev.args[1])) {
        return GT_ADV_BLOCK;
    }
    int bad = gt_need_m(m);
    if (bad) {
        return bad;
    }
    if (r->status == GT_WIRE_P_SYSCALL) {
        bad = steal_from(o, m, r->id, c->ev.args[2]);
        if (bad) {
            return bad;
        }
        if (o->strict) {
            gt_strict_p_stops(o, c, r);
        }
    } else if (o->strict) {
        gt_strict_steal_abandoned(o, c, r, c->ev.args[2]);
    }
    gt_res_status(o, &o->ps, r, GT_WIRE_P_IDLE);
    gt_res_seq(o, r, c->ev.args[1]);
    gt_order_wake(o, GT_KEY_P, r->id);
    return 0;
}
