/* SPDX-License-Identifier: Apache-2.0 */
/* What a finding says in words: the event, and the state of all that it concerns. */
#include "trace/order.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

struct out {
    char *text;
    size_t n, at;
};

static __attribute__((format(printf, 2, 3))) void put(struct out *out, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(out->text + out->at, out->n - out->at, fmt, ap);
    va_end(ap);
    if (n > 0) {
        out->at += (size_t)n < out->n - out->at ? (size_t)n : out->n - out->at - 1;
    }
}

void gt_text_event(char *text, size_t n, const struct gt_event *e)
{
    struct out out = {text, n, 0};
    const struct gt_event_spec *spec = gt_ev_spec(e->type);
    put(&out, "%s dt=%" PRIu64, spec->name ? spec->name : "?", e->dt);
    for (unsigned i = 0; i < spec->nargs && i < 4; i++) {
        put(&out, " %s=%" PRIu64, spec->arg[i], e->args[i]);
    }
}

/* "17", or "none" */
static void put_id(struct out *out, const char *what, uint64_t id)
{
    if (id == GT_NONE) {
        put(out, "no %s", what);
    } else {
        put(out, "%s %" PRIu64, what, id);
    }
}

static void put_res(struct out *out, const struct gt_order *o, enum gt_key kind, uint64_t id)
{
    bool g = kind == GT_KEY_G;
    const struct gt_res *r = gt_res_get(g ? &o->gs : &o->ps, id);
    put(out, "%s %" PRIu64 " ", g ? "G" : "P", id);
    if (r == NULL) {
        put(out, "is not known");
        return;
    }
    put(out, "is %s, seq %" PRIu64,
        g ? gt_wire_gstatus_name(r->status) : gt_wire_pstatus_name(r->status), r->seq);
    if (r->seq_gen != o->gen->gen) {
        put(out, " of generation %" PRIu64, r->seq_gen);
    }
}

static void put_gc(struct out *out, const struct gt_order *o)
{
    static const char *const names[] = {"in an unknown state", "off", "on"};
    put(out, "the collector is %s, seq %" PRIu64, names[o->gc], o->gc_seq);
}

void gt_text_res(const struct gt_order *o, enum gt_key kind, uint64_t id, char *text, size_t n)
{
    struct out out = {text, n, 0};
    if (kind == GT_KEY_GC) {
        put_gc(&out, o);
    } else {
        put_res(&out, o, kind, id);
    }
}

static void put_context(struct out *out, const struct gt_order *o, const struct gt_om *m)
{
    if (m->id == GT_NONE) {
        put(out, "batch of no thread");
        return;
    }
    put(out, "M %" PRIu64 " holds ", m->id);
    put_id(out, "P", m->p);
    put(out, " and runs ");
    put_id(out, "G", m->g);
    if (m->p != GT_NONE) {
        put(out, "; ");
        put_res(out, o, GT_KEY_P, m->p);
    }
    if (m->g != GT_NONE) {
        put(out, "; ");
        put_res(out, o, GT_KEY_G, m->g);
    }
}

static void put_thread(struct out *out, const struct gt_order *o, uint64_t id)
{
    uint32_t i = gt_id_map_get(&o->m_index, id);
    if (id == GT_NONE || i == GT_ID_NONE) {
        return;
    }
    const struct gt_om *m = gt_om_at(o, i);
    put(out, "; M %" PRIu64 " holds ", id);
    put_id(out, "P", m->p);
    put(out, " and runs ");
    put_id(out, "G", m->g);
}

/* "M 5 holds P 3 and runs no G; P 3 is Running, seq 4; G 7 is Waiting, seq 2" */
void gt_text_states(const struct gt_order *o, const struct gt_cursor *c, char *text, size_t n)
{
    struct out out = {text, n, 0};
    const struct gt_om *m = gt_om_at(o, c->m);
    const struct gt_event_spec *spec = gt_ev_spec(c->ev.type);
    put_context(&out, o, m);
    for (unsigned i = 0; i < spec->nargs && i < 4; i++) {
        uint64_t id = c->ev.args[i];
        switch (spec->kind[i]) {
        case GT_ARG_G:
        case GT_ARG_NEW_G:
            if (id != m->g) {
                put(&out, "; ");
                put_res(&out, o, GT_KEY_G, id);
            }
            break;
        case GT_ARG_P:
            if (id != m->p) {
                put(&out, "; ");
                put_res(&out, o, GT_KEY_P, id);
            }
            break;
        case GT_ARG_M:
            if (id != m->id) {
                put_thread(&out, o, id);
            }
            break;
        case GT_ARG_GCSEQ:
            put(&out, "; ");
            put_gc(&out, o);
            break;
        default:
            break;
        }
    }
}
