/* SPDX-License-Identifier: Apache-2.0 */
/* Collector, ranges and user annotations: rules 1.16 to 1.26. */
#include "trace/strict.h"

/* ---- collector ---- */

int gt_on_gc_active(struct gt_order *o, struct gt_cursor *c, struct gt_om *m)
{
    uint64_t q = c->ev.args[0];
    if (o->gen->gen == o->initial_gen) {
        if (o->gc != GT_GC_UNDETERMINED) {
            return GT_RULE_GC_ACTIVE_FIRST;
        }
        o->gc = GT_GC_ON;
    } else {
        if (q != o->gc_seq + 1) {
            return GT_ADV_BLOCK;
        }
        if (o->gc != GT_GC_ON) {
            return GT_RULE_GC_ACTIVE;
        }
        int bad = gt_need_mpg(m);
        if (bad) {
            return bad;
        }
    }
    o->gc_seq = q;
    gt_order_wake(o, GT_KEY_GC, 0);
    return 0;
}

int gt_on_gc_begin(struct gt_order *o, struct gt_cursor *c, struct gt_om *m)
{
    uint64_t q = c->ev.args[0];
    if (o->gc != GT_GC_UNDETERMINED) {
        if (q != o->gc_seq + 1) {
            return GT_ADV_BLOCK;
        }
        if (o->gc == GT_GC_ON) {
            return GT_RULE_GC_BEGIN;
        }
        int bad = gt_need_mpg(m);
        if (bad) {
            return bad;
        }
    }
    o->gc = GT_GC_ON;
    o->gc_seq = q;
    gt_order_wake(o, GT_KEY_GC, 0);
    return 0;
}

int gt_on_gc_end(struct gt_order *o, struct gt_cursor *c, struct gt_om *m)
{
    uint64_t q = c->ev.args[0];
    if (q != o->gc_seq + 1) {
        return GT_ADV_BLOCK;
    }
    if (o->gc != GT_GC_ON) {
        return o->gc == GT_GC_OFF ? GT_RULE_GC_END : GT_RULE_GC_END_UNKNOWN;
    }
    int bad = gt_need_mpg(m);
    if (bad) {
        return bad;
    }
    o->gc = GT_GC_OFF;
    o->gc_seq = q;
    gt_order_wake(o, GT_KEY_GC, 0);
    return 0;
}

/* ---- ranges ---- */

static struct gt_range *range_find(const struct gt_res *r, unsigned type)
{
    for (size_t i = 0; r->open && i < r->open->ranges.n; i++) {
        struct gt_range *range = (struct gt_range *)r->open->ranges.data + i;
        if (range->type == type) {
            return range;
        }
    }
    return NULL;
}

static bool range_has(const struct gt_res *r, unsigned type, uint64_t desc)
{
    for (size_t i = 0; r->open && i < r->open->ranges.n; i++) {
        const struct gt_range *range = (struct gt_range *)r->open->ranges.data + i;
        if (range->type == type && range->desc == desc) {
            return true;
        }
    }
    return false;
}

static struct gt_range *range_add(struct gt_order *o, struct gt_res *r, unsigned type,
                                  uint64_t desc)
{
    struct gt_open *open = gt_res_open(o, r);
    struct gt_range *range =
        open ? gt_array_push(&o->held, &open->ranges, sizeof(struct gt_range)) : NULL;
    if (range == NULL) {
        o->oom = true;
        return NULL;
    }
    *range = (struct gt_range){.type = type, .desc = desc};
    return range;
}

/* The last takes its place, as in Go's reader: the order decides which of two stops ends. */
static void range_remove(struct gt_res *r, struct gt_range *range)
{
    const struct gt_range *ranges = r->open->ranges.data;
    *range = ranges[--r->open->ranges.n];
}

static unsigned range_begin_of(unsigned type)
{
    switch (type) {
    case GT_EV_STW_END:
        return GT_EV_STW_BEGIN;
    case GT_EV_GC_MARK_ASSIST_ACTIVE:
    case GT_EV_GC_MARK_ASSIST_END:
        return GT_EV_GC_MARK_ASSIST_BEGIN;
    case GT_EV_GC_SWEEP_ACTIVE:
    case GT_EV_GC_SWEEP_END:
        return GT_EV_GC_SWEEP_BEGIN;
    default:
        return type;
    }
}

static int range_begin(struct gt_order *o, struct gt_cursor *c, struct gt_res *r)
{
    unsigned type = range_begin_of(c->ev.type);
    uint64_t desc = type == GT_EV_STW_BEGIN ? c->ev.args[0] : 0;
    if (range_has(r, type, desc)) {
        return GT_RULE_RANGE_OPEN;
    }
    struct gt_range *range = range_add(o, r, type, desc);
    if (o->strict && range) {
        gt_strict_range_begin(o, c, r, range);
    }
    return 0;
}

static int range_end(struct gt_order *o, struct gt_cursor *c, struct gt_res *r)
{
    struct gt_range *range = range_find(r, range_begin_of(c->ev.type));
    if (range == NULL) {
        return GT_RULE_RANGE_NOT_OPEN;
    }
    if (o->strict) {
        gt_strict_range_end(o, c, r, range);
    }
    range_remove(r, range);
    return 0;
}

static int range_active(struct gt_order *o, struct gt_cursor *c, struct gt_res *r)
{
    unsigned type = range_begin_of(c->ev.type);
    bool open = range_has(r, type, 0);
    if (o->gen->gen != o->initial_gen) {
        return open ? 0 : GT_RULE_RANGE_ACTIVE_MISSING;
    }
    if (open) {
        return GT_RULE_RANGE_ACTIVE_OPEN;
    }
    range_add(o, r, type, 0);
    return 0;
}

int gt_on_g_range_begin(struct gt_order *o, struct gt_cursor *c, struct gt_om *m)
{
    int bad = gt_need_mpg(m);
    if (bad) {
        return bad;
    }
    struct gt_res *g = gt_res_get(&o->gs, m->g);
    return g ? range_begin(o, c, g) : GT_RULE_RANGE_NO_G;
}

int gt_on_g_range_end(struct gt_order *o, struct gt_cursor *c, struct gt_om *m)
{
    int bad = gt_need_mpg(m);
    if (bad) {
        return bad;
    }
    struct gt_res *g = gt_res_get(&o->gs, m->g);
    return g ? range_end(o, c, g) : GT_RULE_RANGE_NO_G;
}

int gt_on_g_range_active(struct gt_order *o, struct gt_cursor *c, struct gt_om *m)
{
    (void)m;
    struct gt_res *g = gt_res_get(&o->gs, c->ev.args[0]);
    return g ? range_active(o, c, g) : GT_RULE_RANGE_ACTIVE_NO_G;
}

int gt_on_sweep_begin(struct gt_order *o, struct gt_cursor *c, struct gt_om *m)
{
    int bad = gt_need_mp(m);
    if (bad) {
        return bad;
    }
    struct gt_res *p = gt_res_get(&o->ps, m->p);
    return p ? range_begin(o, c, p) : GT_RULE_CTX_NO_P;
}

int gt_on_sweep_end(struct gt_order *o, struct gt_cursor *c, struct gt_om *m)
{
    int bad = gt_need_mp(m);
    if (bad) {
        return bad;
    }
    struct gt_res *p = gt_res_get(&o->ps, m->p);
    return p ? range_end(o, c, p) : GT_RULE_CTX_NO_P;
}

int gt_on_sweep_active(struct gt_order *o, struct gt_cursor *c, struct gt_om *m)
{
    (void)m;
    struct gt_res *p = gt_res_get(&o->ps, c->ev.args[0]);
    return p ? range_active(o, c, p) : GT_RULE_RANGE_ACTIVE_NO_P;
}

/* ---- what the program says about itself, and figures ---- */

int gt_on_user(struct gt_order *o, struct gt_cursor *c, struct gt_om *m)
{
    (void)o;
    (void)c;
    return gt_need_mpg(m);
}

int gt_on_heap_metric(struct gt_order *o, struct gt_cursor *c, struct gt_om *m)
{
    (void)o;
    (void)c;
    return gt_need_mp(m);
}

int gt_on_alloc_free(struct gt_order *o, struct gt_cursor *c, struct gt_om *m)
{
    (void)o;
    (void)c;
    return gt_need_m(m);
}

int gt_on_task_begin(struct gt_order *o, struct gt_cursor *c, struct gt_om *m)
{
    if (gt_res_get(&o->tasks, c->ev.args[0]) != NULL) {
        return GT_RULE_TASK_TWICE;
    }
    const struct gt_name *name = gt_order_name(o, c->ev.args[2]);
    if (name == NULL) {
        return GT_RULE_NAME_STRING;
    }
    int bad = gt_need_mpg(m);
    if (bad) {
        return bad;
    }
    struct gt_res *task = gt_res_add(o, &o->tasks, c->ev.args[0]);
    if (task) {
        task->name = name;
    }
    return 0;
}

int gt_on_task_end(struct gt_order *o, struct gt_cursor *c, struct gt_om *m)
{
    struct gt_res *task = gt_res_get(&o->tasks, c->ev.args[0]);
    if (task) {
        gt_res_del(o, &o->tasks, task);
    }
    return gt_need_mpg(m);
}

static int region_of(struct gt_order *o, struct gt_cursor *c, struct gt_om *m, struct gt_res **g,
                     struct gt_region *region)
{
    int bad = gt_need_mpg(m);
    if (bad) {
        return bad;
    }
    *region = (struct gt_region){.task = c->ev.args[0], .name = gt_order_name(o, c->ev.args[1])};
    if (region->name == NULL) {
        return GT_RULE_NAME_STRING;
    }
    *g = gt_res_get(&o->gs, m->g);
    return *g ? 0 : GT_RULE_REGION_NO_G;
}

int gt_on_region_begin(struct gt_order *o, struct gt_cursor *c, struct gt_om *m)
{
    struct gt_res *g;
    struct gt_region region;
    int bad = region_of(o, c, m, &g, &region);
    if (bad) {
        return bad;
    }
    struct gt_open *open = gt_res_open(o, g);
    struct gt_region *top = open ? gt_array_push(&o->held, &open->regions, sizeof region) : NULL;
    if (top == NULL) {
        o->oom = true;
        return 0;
    }
    *top = region;
    return 0;
}

int gt_on_region_end(struct gt_order *o, struct gt_cursor *c, struct gt_om *m)
{
    struct gt_res *g;
    struct gt_region region;
    int bad = region_of(o, c, m, &g, &region);
    if (bad) {
        return bad;
    }
    if (g->open == NULL || g->open->regions.n == 0) {
        return 0; /* it began before the trace */
    }
    const struct gt_region *top = (struct gt_region *)g->open->regions.data;
    top += g->open->regions.n - 1;
    if (top->task != region.task || top->name != region.name) {
        return GT_RULE_REGION_NESTING;
    }
    g->open->regions.n--;
    return 0;
}
