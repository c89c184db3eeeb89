/* SPDX-License-Identifier: Apache-2.0 */
/* What each event of a G demands and does: rules 1.5 to 1.15. */
#include "trace/strict.h"

static void g_runs(struct gt_order *o, const struct gt_cursor *c, struct gt_res *r, struct gt_om *m)
{
    if (o->strict) {
        gt_strict_g_runs(o, c, r, m);
    }
    r->last_m = (uint32_t)(m - gt_om_at(o, 0));
    gt_om_set_g(m, r->id);
}

/* A G stated to sit in a syscall on thread `id`, other than the emitting one. */
static int syscall_elsewhere(struct gt_order *o, struct gt_cursor *c, struct gt_res *r, uint64_t id)
{
    struct gt_om *m = gt_om_known(o, id);
    if (m != NULL && m->g != r->id) {
        return GT_RULE_G_STATUS_M;
    }
    if (m == NULL) {
        uint32_t i = gt_om_index(o, id);
        if (i == GT_NO_INDEX) {
            return 0;
        }
        m = gt_om_at(o, i);
        m->known = true;
    }
    g_runs(o, c, r, m);
    return 0;
}

/* Binds a G that is stated to run or to be in a syscall. */
static int status_binds(struct gt_order *o, struct gt_cursor *c, struct gt_om *m, struct gt_res *r)
{
    uint64_t thread = c->ev.args[1];
    if (r->status == GT_WIRE_G_RUNNING) {
        g_runs(o, c, r, m);
        return 0;
    }
    if (thread == GT_NONE) {
        return GT_RULE_G_STATUS_NO_M;
    }
    if (thread != m->id) {
        return syscall_elsewhere(o, c, r, thread);
    }
    if (o->gen->gen != o->initial_gen && m->g != r->id) {
        return GT_RULE_G_STATUS_M;
    }
    g_runs(o, c, r, m);
    return 0;
}

int gt_on_go_status(struct gt_order *o, struct gt_cursor *c, struct gt_om *m)
{
    uint64_t id = c->ev.args[0];
    uint8_t status = (uint8_t)c->ev.args[2]; /* Go's reader keeps eight bits */
    if (status >= GT_WIRE_G_COUNT) {
        return GT_RULE_G_STATUS_VALUE;
    }
    struct gt_res *r = gt_res_get(&o->gs, id);
    bool fresh = r == NULL;
    if (!fresh && r->status != status) {
        return GT_RULE_G_STATUS;
    }
    if (fresh) {
        if (o->gen->gen != o->initial_gen) {
            return GT_RULE_G_STATUS_NEW;
        }
        r = gt_res_add(o, &o->gs, id);
        if (r == NULL) {
            return 0;
        }
        r->status = status;
        o->res->stats.gs++;
    }
    if (o->strict) {
        gt_strict_g_status(o, c, r, fresh, c->ev.args[2]);
    }
    r->seen = o->serial;
    gt_res_seq(o, r, 0);
    gt_order_wake(o, GT_KEY_G, id);
    if (status == GT_WIRE_G_RUNNING || status == GT_WIRE_G_SYSCALL) {
        return status_binds(o, c, m, r);
    }
    return 0;
}

/* A new G that no event has to order: its sequence starts here. */
static struct gt_res *g_new(struct gt_order *o, uint64_t id, unsigned status)
{
    struct gt_res *r = gt_res_add(o, &o->gs, id);
    if (r != NULL) {
        r->status = (uint8_t)status;
        gt_res_seq(o, r, 0);
        o->res->stats.gs++;
        gt_order_wake(o, GT_KEY_G, id);
    }
    return r;
}

int gt_on_go_create(struct gt_order *o, struct gt_cursor *c, struct gt_om *m)
{
    int bad = gt_need_mp(m);
    if (bad) {
        return bad;
    }
    const struct gt_res *cur = gt_res_get(&o->gs, m->g);
    if (cur != NULL && cur->status != GT_WIRE_G_RUNNING) {
        return GT_RULE_G_STATE;
    }
    if (gt_res_get(&o->gs, c->ev.args[0]) != NULL) {
        return GT_RULE_G_CREATE_TWICE;
    }
    g_new(o, c->ev.args[0],
          c->ev.type == GT_EV_GO_CREATE_BLOCKED ? GT_WIRE_G_WAITING : GT_WIRE_G_RUNNABLE);
    return 0;
}

int gt_on_go_start(struct gt_order *o, struct gt_cursor *c, struct gt_om *m)
{
    struct gt_res *r = gt_res_get(&o->gs, c->ev.args[0]);
    if (r == NULL || r->status != GT_WIRE_G_RUNNABLE || !gt_res_next(o, r, c->ev.args[1])) {
        return GT_ADV_BLOCK;
    }
    int bad = gt_need_mp(m);
    if (bad) {
        return bad;
    }
    if (m->g != GT_NONE) {
        return GT_RULE_CTX_HAS_G;
    }
    gt_res_status(o, &o->gs, r, GT_WIRE_G_RUNNING);
    gt_res_seq(o, r, c->ev.args[1]);
    g_runs(o, c, r, m);
    gt_order_wake(o, GT_KEY_G, r->id);
    return 0;
}

/* The thread's G, which must be in `status`. */
static int current_g(struct gt_order *o, const struct gt_om *m, unsigned status, struct gt_res **r)
{
    *r = gt_res_get(&o->gs, m->g);
    if (*r == NULL) {
        return GT_RULE_G_UNKNOWN;
    }
    return (*r)->status == status ? 0 : GT_RULE_G_STATE;
}

static void g_dies(struct gt_order *o, const struct gt_cursor *c, struct gt_res *r)
{
    if (o->strict) {
        gt_strict_g_stops(o, c, r);
        gt_strict_g_dies(o, c, r);
    }
    gt_res_del(o, &o->gs, r);
}

static void g_leaves(struct gt_order *o, const struct gt_cursor *c, struct gt_res *r,
                     unsigned status)
{
    if (o->strict) {
        gt_strict_g_stops(o, c, r);
    }
    gt_res_status(o, &o->gs, r, status);
    gt_order_wake(o, GT_KEY_G, r->id);
}

int gt_on_go_stop_exec(struct gt_order *o, struct gt_cursor *c, struct gt_om *m)
{
    struct gt_res *r;
    int bad = gt_need_mpg(m);
    if (!bad) {
        bad = current_g(o, m, GT_WIRE_G_RUNNING, &r);
    }
    if (bad) {
        return bad;
    }
    switch (c->ev.type) {
    case GT_EV_GO_DESTROY:
        g_dies(o, c, r);
        break;
    case GT_EV_GO_STOP:
        g_leaves(o, c, r, GT_WIRE_G_RUNNABLE);
        break;
    default:
        g_leaves(o, c, r, GT_WIRE_G_WAITING);
        break;
    }
    gt_om_set_g(m, GT_NONE);
    return 0;
}

int gt_on_go_unblock(struct gt_order *o, struct gt_cursor *c, struct gt_om *m)
{
    (void)m;
    struct gt_res *r = gt_res_get(&o->gs, c->ev.args[0]);
    if (r == NULL || r->status != GT_WIRE_G_WAITING || !gt_res_next(o, r, c->ev.args[1])) {
        return GT_ADV_BLOCK;
    }
    gt_res_status(o, &o->gs, r, GT_WIRE_G_RUNNABLE);
    gt_res_seq(o, r, c->ev.args[1]);
    gt_order_wake(o, GT_KEY_G, r->id);
    return 0;
}

/* Three events in one: the next G is unblocked, the current one blocks or ends, the next runs. */
int gt_on_go_switch(struct gt_order *o, struct gt_cursor *c, struct gt_om *m)
{
    struct gt_res *cur;
    int bad = gt_need_mpg(m);
    if (!bad) {
        bad = current_g(o, m, GT_WIRE_G_RUNNING, &cur);
    }
    if (bad) {
        return bad;
    }
    struct gt_res *next = gt_res_get(&o->gs, c->ev.args[0]);
    if (next == NULL || next->status != GT_WIRE_G_WAITING || !gt_res_next(o, next, c->ev.args[1])) {
        return GT_ADV_BLOCK;
    }
    gt_res_status(o, &o->gs, next, GT_WIRE_G_RUNNING);
    gt_res_seq(o, next, c->ev.args[1]);
    if (c->ev.type == GT_EV_GO_SWITCH) {
        g_leaves(o, c, cur, GT_WIRE_G_WAITING);
    } else {
        g_dies(o, c, cur);
        next = gt_res_get(&o->gs, c->ev.args[0]); /* it may have moved */
    }
    g_runs(o, c, next, m);
    gt_order_wake(o, GT_KEY_G, next->id);
    o->now += 2;
    return 0;
}

int gt_on_syscall_begin(struct gt_order *o, struct gt_cursor *c, struct gt_om *m)
{
    struct gt_res *g;
    int bad = gt_need_mpg(m);
    if (!bad) {
        bad = current_g(o, m, GT_WIRE_G_RUNNING, &g);
    }
    if (bad) {
        return bad;
    }
    struct gt_res *p = gt_res_get(&o->ps, m->p);
    if (p == NULL) {
        return GT_RULE_CTX_NO_P;
    }
    /* An error and not a wait: this thread holds the P, nobody else can move it on. */
    if (!gt_res_next(o, p, c->ev.args[0])) {
        return GT_RULE_SYSCALL_SEQ;
    }
    gt_res_status(o, &o->gs, g, GT_WIRE_G_SYSCALL);
    gt_res_status(o, &o->ps, p, GT_WIRE_P_SYSCALL);
    gt_res_seq(o, p, c->ev.args[0]);
    p->marks &= (uint8_t)~GT_MARK_STW;
    gt_order_wake(o, GT_KEY_P, p->id);
    return 0;
}

int gt_on_syscall_end(struct gt_order *o, struct gt_cursor *c, struct gt_om *m)
{
    struct gt_res *g;
    int bad = gt_need_mpg(m);
    if (!bad) {
        bad = current_g(o, m, GT_WIRE_G_SYSCALL, &g);
    }
    if (bad) {
        return bad;
    }
    struct gt_res *p = gt_res_get(&o->ps, m->p);
    if (p == NULL || p->status != GT_WIRE_P_SYSCALL) {
        return GT_RULE_SYSCALL_END_P;
    }
    gt_res_status(o, &o->gs, g, GT_WIRE_G_RUNNING);
    gt_res_status(o, &o->ps, p, GT_WIRE_P_RUNNING);
    p->ran_at = c->time;
    return 0;
}

/*
 * The event says that the thread lost its P in the syscall, so it waits for that loss:
 *
 *   this M                      another M
 *   GoSyscallBegin (P 3)
 *                               ProcSteal (P 3)     <- may stand later by the clock
 *   GoSyscallEndBlocked
 */
int gt_on_syscall_end_blocked(struct gt_order *o, struct gt_cursor *c, struct gt_om *m)
{
    if (m->p != GT_NONE) {
        const struct gt_res *p = gt_res_get(&o->ps, m->p);
        if (p != NULL && p->status == GT_WIRE_P_SYSCALL) {
            return GT_ADV_BLOCK;
        }
    }
    int bad = gt_need_m(m);
    if (bad) {
        return bad;
    }
    if (m->g == GT_NONE) {
        return GT_RULE_CTX_NO_G;
    }
    struct gt_res *g;
    bad = current_g(o, m, GT_WIRE_G_SYSCALL, &g);
    if (bad) {
        return bad;
    }
    g_leaves(o, c, g, GT_WIRE_G_RUNNABLE);
    gt_om_set_g(m, GT_NONE);
    return 0;
}

int gt_on_create_syscall(struct gt_order *o, struct gt_cursor *c, struct gt_om *m)
{
    int bad = gt_need_m(m);
    if (bad) {
        return bad;
    }
    if (m->g != GT_NONE) {
        return GT_RULE_CTX_HAS_G;
    }
    if (gt_res_get(&o->gs, c->ev.args[0]) != NULL) {
        return GT_RULE_G_CREATE_SYSCALL_TWICE;
    }
    struct gt_res *r = g_new(o, c->ev.args[0], GT_WIRE_G_SYSCALL);
    if (r != NULL) {
        g_runs(o, c, r, m);
    }
    return 0;
}

/* A foreign thread leaves with the P that it may still hold: its id can come back as another
 * thread's, so the P is kept as abandoned, for whoever steals it. */
static int abandon_p(struct gt_order *o, const struct gt_cursor *c, struct gt_om *m)
{
    struct gt_res *p = gt_res_get(&o->ps, m->p);
    if (p == NULL || p->status != GT_WIRE_P_SYSCALL) {
        return GT_RULE_P_DESTROY_STATE;
    }
    if (o->strict) {
        gt_strict_p_stops(o, c, p);
    }
    gt_res_status(o, &o->ps, p, GT_WIRE_P_SYSCALL_ABANDONED);
    gt_om_set_p(m, GT_NONE);
    gt_order_wake(o, GT_KEY_P, p->id);
    o->now++;
    return 0;
}

int gt_on_destroy_syscall(struct gt_order *o, struct gt_cursor *c, struct gt_om *m)
{
    int bad = gt_need_m(m);
    if (bad) {
        return bad;
    }
    if (m->g == GT_NONE) {
        return GT_RULE_CTX_NO_G;
    }
    struct gt_res *g;
    bad = current_g(o, m, GT_WIRE_G_SYSCALL, &g);
    if (!bad && m->p != GT_NONE) {
        bad = abandon_p(o, c, m);
    }
    if (bad) {
        return bad;
    }
    g_dies(o, c, g);
    gt_om_set_g(m, GT_NONE);
    return 0;
}
