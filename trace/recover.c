/* SPDX-License-Identifier: Apache-2.0 */
/*
 * After a finding: what the event implies is made true, so that one fault in a trace gives few
 * findings and not one at each later event. An event that happened against the rules tells what
 * must have been before it. What it does not tell is remembered as unknown: excuse.c says how.
 */
#include "trace/order.h"

/* r in this status, made if need be. NULL: out of memory. */
static struct gt_res *force_res(struct gt_order *o, struct gt_res_table *t, uint64_t id,
                                unsigned status)
{
    struct gt_res *r = gt_res_get(t, id);
    if (r == NULL) {
        r = gt_res_add(o, t, id);
        if (r != NULL) {
            r->seen = 0;
            r->marks = GT_MARK_SILENT;
        }
        *(t == &o->gs ? &o->res->stats.gs : &o->res->stats.ps) += r != NULL;
    }
    if (r != NULL) {
        gt_res_status(o, t, r, status);
        r->loose = 0;
    }
    return r;
}

static void loosen(struct gt_res_table *t, uint64_t id, unsigned what)
{
    struct gt_res *r = gt_res_get(t, id);
    if (r != NULL) {
        r->loose |= (uint8_t)what;
        r->vm = GT_NO_INDEX;
    }
}

static void unbind_g(struct gt_order *o, struct gt_om *m)
{
    if (m->g != GT_NONE) {
        loosen(&o->gs, m->g, GT_LOOSE_STATE | GT_LOOSE_SEQ);
    }
    m->g = m->vg = GT_NONE;
}

static void unbind_p(struct gt_order *o, struct gt_om *m)
{
    if (m->p != GT_NONE) {
        loosen(&o->ps, m->p, GT_LOOSE_STATE | GT_LOOSE_SEQ);
    }
    m->p = m->vp = GT_NONE;
}

static void loosen_g(struct gt_order *o, const struct gt_om *m)
{
    struct gt_res *r = gt_res_get(&o->gs, m->g);
    if (r != NULL) {
        r->loose |= GT_LOOSE_STATE;
    }
}

/* Whoever else holds it has lost it by an event that the trace lacks. */
static void take_from_others(struct gt_order *o, const struct gt_om *to, uint64_t id, bool g)
{
    for (uint32_t i = 1; i < o->ms.n; i++) {
        struct gt_om *m = gt_om_at(o, i);
        if (m == to) {
            continue;
        }
        if (g && m->g == id) {
            m->g = m->vg = GT_NONE;
            m->lost |= GT_LOST_G;
        } else if (!g && m->p == id) {
            m->p = m->vp = GT_NONE;
            m->lost |= GT_LOST_P;
            loosen_g(o, m); /* it may be in a syscall whose begin is missing */
        }
    }
}

static void bind_g(struct gt_order *o, struct gt_om *m, uint64_t id)
{
    take_from_others(o, m, id, true);
    if (!gt_is_thread(m)) {
        return;
    }
    if (m->g != id) {
        unbind_g(o, m);
    }
    gt_om_set_g(m, id);
    m->vg = id;
    struct gt_res *r = gt_res_get(&o->gs, id);
    if (r != NULL) {
        r->vm = r->last_m = (uint32_t)(m - gt_om_at(o, 0));
    }
}

static void bind_p(struct gt_order *o, struct gt_om *m, uint64_t id)
{
    take_from_others(o, m, id, false);
    if (!gt_is_thread(m)) {
        return;
    }
    if (m->p != id && m->p != GT_NONE) {
        unbind_p(o, m);
        /* A new P with the old one lost: most likely in a syscall whose begin is missing too. */
        loosen_g(o, m);
    }
    gt_om_set_p(m, id);
    m->vp = id;
    struct gt_res *r = gt_res_get(&o->ps, id);
    if (r != NULL) {
        r->vm = r->last_m = (uint32_t)(m - gt_om_at(o, 0));
    }
}

static void leave_g(struct gt_order *o, struct gt_om *m, unsigned status)
{
    struct gt_res *r = gt_res_get(&o->gs, m->g);
    if (r != NULL) {
        gt_res_status(o, &o->gs, r, status);
        r->vm = GT_NO_INDEX;
    }
    gt_om_set_g(m, GT_NONE);
    m->vg = GT_NONE;
}

static void kill_g(struct gt_order *o, struct gt_om *m)
{
    struct gt_res *r = gt_res_get(&o->gs, m->g);
    if (r != NULL) {
        gt_res_del(o, &o->gs, r);
    }
    gt_om_set_g(m, GT_NONE);
    m->vg = GT_NONE;
}

/* Whoever runs user code is out of any syscall: so is the P. */
static void p_out_of_syscall(struct gt_order *o, const struct gt_om *m)
{
    struct gt_res *p = gt_res_get(&o->ps, m->p);
    if (p != NULL && p->status == GT_WIRE_P_SYSCALL) {
        gt_res_status(o, &o->ps, p, GT_WIRE_P_RUNNING);
    }
}

static void force_proc_status(struct gt_order *o, struct gt_cursor *c, struct gt_om *m)
{
    uint64_t id = c->ev.args[0];
    uint8_t status = (uint8_t)c->ev.args[1];
    if (status >= GT_WIRE_P_COUNT) {
        return;
    }
    struct gt_res *p = force_res(o, &o->ps, id, status);
    if (p == NULL) {
        return;
    }
    p->seen = o->serial;
    gt_res_seq(o, p, 0);
    if (status == GT_WIRE_P_RUNNING || status == GT_WIRE_P_SYSCALL) {
        bind_p(o, m, id);
    } else {
        take_from_others(o, NULL, id, false);
    }
}

static void force_proc(struct gt_order *o, struct gt_cursor *c, struct gt_om *m)
{
    uint64_t id = c->ev.args[0];
    bool start = c->ev.type == GT_EV_PROC_START;
    struct gt_res *p = force_res(o, &o->ps, id, start ? GT_WIRE_P_RUNNING : GT_WIRE_P_IDLE);
    if (p == NULL) {
        return;
    }
    gt_res_seq(o, p, c->ev.args[1]);
    p->vm = GT_NO_INDEX;
    if (start) {
        bind_p(o, m, id);
    } else {
        take_from_others(o, NULL, id, false);
    }
}

static void force_proc_stop(struct gt_order *o, struct gt_om *m)
{
    struct gt_res *p = gt_res_get(&o->ps, m->p);
    if (p != NULL) {
        gt_res_status(o, &o->ps, p, GT_WIRE_P_IDLE);
        p->vm = GT_NO_INDEX;
    }
    gt_om_set_p(m, GT_NONE);
    m->vp = GT_NONE;
}

static void force_go_status(struct gt_order *o, struct gt_cursor *c)
{
    uint64_t id = c->ev.args[0], thread = c->ev.args[1];
    uint8_t status = (uint8_t)c->ev.args[2];
    if (status >= GT_WIRE_G_COUNT) {
        return;
    }
    struct gt_res *g = force_res(o, &o->gs, id, status);
    if (g == NULL) {
        return;
    }
    g->seen = o->serial;
    gt_res_seq(o, g, 0);
    g->vm = GT_NO_INDEX;
    uint32_t i = c->m;
    if (status == GT_WIRE_G_SYSCALL) {
        i = thread == GT_NONE ? 0 : gt_om_index(o, thread);
    } else if (status != GT_WIRE_G_RUNNING) {
        take_from_others(o, NULL, id, true);
        return;
    }
    if (i != GT_NO_INDEX) {
        gt_om_at(o, i)->known = true;
        bind_g(o, gt_om_at(o, i), id);
    }
}

static void force_go_create(struct gt_order *o, struct gt_cursor *c)
{
    bool blocked = c->ev.type == GT_EV_GO_CREATE_BLOCKED;
    struct gt_res *g = gt_res_get(&o->gs, c->ev.args[0]);
    if (g != NULL) {
        take_from_others(o, NULL, g->id, true);
        gt_res_del(o, &o->gs, g);
    }
    g = force_res(o, &o->gs, c->ev.args[0], blocked ? GT_WIRE_G_WAITING : GT_WIRE_G_RUNNABLE);
    if (g != NULL) {
        gt_res_seq(o, g, 0);
    }
}

static void force_go_start(struct gt_order *o, struct gt_cursor *c, struct gt_om *m)
{
    struct gt_res *g = force_res(o, &o->gs, c->ev.args[0], GT_WIRE_G_RUNNING);
    if (g != NULL) {
        gt_res_seq(o, g, c->ev.args[1]);
        bind_g(o, m, g->id);
        p_out_of_syscall(o, m);
    }
}

static void force_go_unblock(struct gt_order *o, struct gt_cursor *c)
{
    struct gt_res *g = force_res(o, &o->gs, c->ev.args[0], GT_WIRE_G_RUNNABLE);
    if (g != NULL) {
        g->vm = GT_NO_INDEX;
        gt_res_seq(o, g, c->ev.args[1]);
        take_from_others(o, NULL, g->id, true);
    }
}

static void force_syscall_begin(struct gt_order *o, struct gt_cursor *c, struct gt_om *m)
{
    struct gt_res *g = gt_res_get(&o->gs, m->g), *p = gt_res_get(&o->ps, m->p);
    if (g != NULL) {
        gt_res_status(o, &o->gs, g, GT_WIRE_G_SYSCALL);
        g->loose = 0;
    }
    if (p != NULL) {
        gt_res_status(o, &o->ps, p, GT_WIRE_P_SYSCALL);
        gt_res_seq(o, p, c->ev.args[0]);
    }
}

/* A syscall ends that did not begin: its beginning used up one sequence number of the P. */
static void force_syscall_end(struct gt_order *o, struct gt_om *m)
{
    struct gt_res *g = gt_res_get(&o->gs, m->g), *p = gt_res_get(&o->ps, m->p);
    if (g != NULL) {
        gt_res_status(o, &o->gs, g, GT_WIRE_G_RUNNING);
        g->loose = 0;
    }
    if (p != NULL) {
        p->loose |= p->status != GT_WIRE_P_SYSCALL ? GT_LOOSE_SEQ : 0;
        gt_res_status(o, &o->ps, p, GT_WIRE_P_RUNNING);
    }
}

static void force_syscall_end_blocked(struct gt_order *o, struct gt_om *m)
{
    struct gt_res *p = gt_res_get(&o->ps, m->p), *g = gt_res_get(&o->gs, m->g);
    bool begun = g != NULL && (g->status == GT_WIRE_G_SYSCALL || g->loose != 0);
    if (p != NULL && (p->status == GT_WIRE_P_SYSCALL || !begun)) {
        unbind_p(o, m); /* lost in the syscall */
    }
    leave_g(o, m, GT_WIRE_G_RUNNABLE);
}

static void force_create_syscall(struct gt_order *o, struct gt_cursor *c, struct gt_om *m)
{
    struct gt_res *g = force_res(o, &o->gs, c->ev.args[0], GT_WIRE_G_SYSCALL);
    if (g != NULL) {
        gt_res_seq(o, g, 0);
        bind_g(o, m, c->ev.args[0]);
        if (m->p != GT_NONE) {
            unbind_p(o, m);
        }
    }
}

static void force_destroy_syscall(struct gt_order *o, struct gt_om *m)
{
    struct gt_res *p = gt_res_get(&o->ps, m->p);
    if (p != NULL) {
        gt_res_status(o, &o->ps, p, GT_WIRE_P_SYSCALL_ABANDONED);
        p->loose = GT_LOOSE_STATE | GT_LOOSE_SEQ;
        p->vm = GT_NO_INDEX;
    }
    gt_om_set_p(m, GT_NONE);
    m->vp = GT_NONE;
    kill_g(o, m);
}

static void force_switch(struct gt_order *o, struct gt_cursor *c, struct gt_om *m)
{
    if (c->ev.type == GT_EV_GO_SWITCH) {
        leave_g(o, m, GT_WIRE_G_WAITING);
    } else {
        kill_g(o, m);
    }
    force_go_start(o, c, m);
}

/* A region ends out of turn: what is open inside it has ended without a word. */
static void force_region_end(struct gt_order *o, struct gt_cursor *c, const struct gt_om *m)
{
    struct gt_res *g = gt_res_get(&o->gs, m->g);
    if (g == NULL || g->open == NULL) {
        return;
    }
    const struct gt_name *name = gt_order_name(o, c->ev.args[1]);
    const struct gt_region *regions = g->open->regions.data;
    for (size_t i = g->open->regions.n; i-- > 0;) {
        if (regions[i].task == c->ev.args[0] && regions[i].name == name) {
            g->open->regions.n = i;
            return;
        }
    }
}

static void force_gc(struct gt_order *o, struct gt_cursor *c)
{
    o->gc = c->ev.type == GT_EV_GC_END ? GT_GC_OFF : GT_GC_ON;
    o->gc_seq = c->ev.args[0];
    o->gc_loose = false;
}

/* The thread does not hold what its event needs: until it is bound anew, nothing more of it. */
static void lose(struct gt_om *m, int why)
{
    switch (why) {
    case GT_RULE_CTX_NO_M:
        m->lost = GT_LOST_G | GT_LOST_P;
        break;
    case GT_RULE_CTX_NO_P:
        m->lost |= GT_LOST_P;
        break;
    case GT_RULE_CTX_NO_G:
        m->lost |= GT_LOST_G;
        break;
    case GT_RULE_G_UNKNOWN:
    case GT_RULE_RANGE_NO_G:
    case GT_RULE_REGION_NO_G:
        m->g = m->vg = GT_NONE;
        m->lost |= GT_LOST_G;
        break;
    default:
        break;
    }
}

/* A G whose status was wrong for a user event is running after it. */
static void force_running(struct gt_order *o, const struct gt_om *m, int why)
{
    struct gt_res *g = gt_res_get(&o->gs, m->g);
    if (g != NULL && why == GT_RULE_G_STATE) {
        gt_res_status(o, &o->gs, g, GT_WIRE_G_RUNNING);
        p_out_of_syscall(o, m);
    }
}

static void force(struct gt_order *o, struct gt_cursor *c, struct gt_om *m, int why)
{
    switch (c->ev.type) {
    case GT_EV_PROC_STATUS:
        force_proc_status(o, c, m);
        break;
    case GT_EV_PROC_START:
    case GT_EV_PROC_STEAL:
        force_proc(o, c, m);
        break;
    case GT_EV_PROC_STOP:
        force_proc_stop(o, m);
        break;
    case GT_EV_GO_STATUS:
    case GT_EV_GO_STATUS_STACK:
        force_go_status(o, c);
        break;
    case GT_EV_GO_CREATE:
    case GT_EV_GO_CREATE_BLOCKED:
        force_running(o, m, why);
        force_go_create(o, c);
        break;
    case GT_EV_GO_START:
        force_go_start(o, c, m);
        break;
    case GT_EV_GO_DESTROY:
        force_running(o, m, why);
        kill_g(o, m);
        break;
    case GT_EV_GO_STOP:
        force_running(o, m, why);
        leave_g(o, m, GT_WIRE_G_RUNNABLE);
        break;
    case GT_EV_GO_BLOCK:
        force_running(o, m, why);
        leave_g(o, m, GT_WIRE_G_WAITING);
        break;
    case GT_EV_GO_UNBLOCK:
        force_go_unblock(o, c);
        break;
    case GT_EV_GO_SWITCH:
    case GT_EV_GO_SWITCH_DESTROY:
        force_switch(o, c, m);
        break;
    case GT_EV_GO_SYSCALL_BEGIN:
        force_syscall_begin(o, c, m);
        break;
    case GT_EV_GO_SYSCALL_END:
        force_syscall_end(o, m);
        break;
    case GT_EV_GO_SYSCALL_END_BLOCKED:
        force_syscall_end_blocked(o, m);
        break;
    case GT_EV_GO_CREATE_SYSCALL:
        force_create_syscall(o, c, m);
        break;
    case GT_EV_GO_DESTROY_SYSCALL:
        force_destroy_syscall(o, m);
        break;
    case GT_EV_GC_ACTIVE:
    case GT_EV_GC_BEGIN:
    case GT_EV_GC_END:
        force_gc(o, c);
        break;
    case GT_EV_USER_REGION_END:
        force_region_end(o, c, m);
        break;
    default: /* it changes nothing that later events depend on */
        break;
    }
}

/* A sequence number that was used before: the event is there twice, or strayed here. */
static bool is_stale(const struct gt_order *o, const struct gt_event *e)
{
    const struct gt_res *r;
    switch (e->type) {
    case GT_EV_PROC_START:
    case GT_EV_PROC_STEAL:
        r = gt_res_get(&o->ps, e->args[0]);
        break;
    case GT_EV_GO_START:
    case GT_EV_GO_UNBLOCK:
    case GT_EV_GO_SWITCH:
    case GT_EV_GO_SWITCH_DESTROY:
        r = gt_res_get(&o->gs, e->args[0]);
        break;
    case GT_EV_GC_ACTIVE:
    case GT_EV_GC_BEGIN:
    case GT_EV_GC_END:
        return o->gc != GT_GC_UNDETERMINED && e->args[0] <= o->gc_seq;
    default:
        return false;
    }
    return r != NULL && r->seq_gen == o->gen->gen && e->args[1] <= r->seq;
}

/* What the thread holds after an event that was passed over, or forced without its context. */
static void lose_unbound(struct gt_om *m, const struct gt_event *e)
{
    bool g = e->type == GT_EV_GO_START || e->type == GT_EV_GO_SWITCH ||
             e->type == GT_EV_GO_SWITCH_DESTROY;
    if (g && m->g == GT_NONE) {
        m->lost |= GT_LOST_G;
    }
    if ((g || e->type == GT_EV_PROC_START) && m->p == GT_NONE) {
        m->lost |= GT_LOST_P;
    }
}

void gt_recover_force(struct gt_order *o, struct gt_cursor *c, int why)
{
    struct gt_om *m = gt_om_at(o, c->m);
    lose(m, why);
    o->forced = true;
    if (is_stale(o, &c->ev)) {
        lose_unbound(m, &c->ev);
        return;
    }
    force(o, c, m, why);
    lose_unbound(m, &c->ev);
}
