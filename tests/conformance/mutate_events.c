/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of events, their arguments and times. */
#include "conformance/mutators.h"

#include <string.h>

/* ---- arguments ---- */

bool cf_change_id(struct cf_trace *t, struct cf_random *r)
{
    char kind;
    uint64_t *arg = cf_pick_arg(t, r, "pgmtS$", &kind);
    char letters[2] = {kind, 0};
    if (!arg)
        return false;
    uint64_t *other = cf_pick_arg(t, r, letters, NULL);
    if (other && cf_chance(r, 80))
        *arg = *other;
    else
        *arg += cf_chance(r, 50) ? 1 : UINT64_MAX;
    return true;
}

bool cf_change_table_id(struct cf_trace *t, struct cf_random *r) /* mostly harmless */
{
    char kind;
    uint64_t *arg = cf_pick_arg(t, r, "S$", &kind);
    char letters[2] = {kind, 0};
    uint64_t *other = arg ? cf_pick_arg(t, r, letters, NULL) : NULL;
    if (!other)
        return false;
    *arg = cf_chance(r, 20) ? 0 : *other;
    return true;
}

bool cf_change_value(struct cf_trace *t, struct cf_random *r)
{
    uint64_t *arg = cf_pick_arg(t, r, "pgmqcsS$tx", NULL);
    if (!arg)
        return false;
    *arg = cf_interesting(r);
    return true;
}

bool cf_change_sequence(struct cf_trace *t, struct cf_random *r)
{
    uint64_t *arg = cf_pick_arg(t, r, "qc", NULL);
    if (!arg)
        return false;
    *arg += cf_chance(r, 50) ? 1 : UINT64_MAX;
    return true;
}

bool cf_change_status(struct cf_trace *t, struct cf_random *r)
{
    uint64_t *arg = cf_pick_arg(t, r, "s", NULL);
    if (!arg)
        return false;
    *arg = cf_below(r, 6);
    return true;
}

/* ---- events ---- */

bool cf_drop_event(struct cf_trace *t, struct cf_random *r)
{
    struct cf_place p;
    if (!cf_pick_item(t, r, CF_EVENTS, &p))
        return false;
    uint64_t delta = cf_item_at(t, p)->args[0];
    cf_remove_item(t, p.batch, p.item);
    if (p.item < t->batches[p.batch].n && cf_chance(r, 70)) /* later times stay */
        cf_item_at(t, p)->args[0] += delta;
    return true;
}

bool cf_double_event(struct cf_trace *t, struct cf_random *r)
{
    struct cf_place p;
    if (!cf_pick_item(t, r, CF_EVENTS, &p))
        return false;
    struct cf_item copy = *cf_item_at(t, p);
    size_t at = cf_chance(r, 60) ? p.item + 1 : (size_t)cf_below(r, t->batches[p.batch].n + 1);
    *cf_insert_item(t, p.batch, at) = copy;
    return true;
}

bool cf_swap_events(struct cf_trace *t, struct cf_random *r)
{
    struct cf_place a, b;
    if (!cf_pick_item(t, r, CF_EVENTS, &a))
        return false;
    b = a;
    b.item = cf_chance(r, 70) ? a.item + 1 : (size_t)cf_below(r, t->batches[a.batch].n);
    if (b.item >= t->batches[a.batch].n)
        return false;
    struct cf_item *x = cf_item_at(t, a), *y = cf_item_at(t, b), z = *x;
    *x = *y;
    *y = z;
    if (cf_chance(r, 50)) { /* the times stay where they were */
        uint64_t delta = x->args[0];
        x->args[0] = y->args[0];
        y->args[0] = delta;
    }
    return true;
}

bool cf_move_event(struct cf_trace *t, struct cf_random *r)
{
    struct cf_place p;
    size_t to;
    if (!cf_pick_item(t, r, CF_EVENTS, &p) || !cf_pick_batch(t, r, CF_EVENTS, &to))
        return false;
    struct cf_item copy = *cf_item_at(t, p);
    cf_remove_item(t, p.batch, p.item);
    *cf_insert_item(t, to, (size_t)cf_below(r, t->batches[to].n + 1)) = copy;
    return true;
}

static const uint8_t event_types[] = {9,  10, 11,  12,  13,  14,  15,  16,  17,  18,  19, 20, 21,
                                      22, 23, 24,  25,  26,  27,  28,  29,  30,  31,  32, 33, 34,
                                      35, 36, 37,  38,  39,  40,  41,  42,  43,  44,  45, 46, 47,
                                      48, 51, 128, 129, 130, 131, 132, 133, 134, 135, 136};

static uint8_t any_type(struct cf_random *r)
{
    return event_types[cf_below(r, sizeof event_types)];
}

/* An event of this type whose arguments are taken from others of the same kind. */
static void make_event(struct cf_trace *t, struct cf_random *r, uint8_t type, struct cf_item *item)
{
    const char *kinds = cf_event_kinds(type);
    *item = (struct cf_item){.type = type, .n = (uint8_t)(1 + strlen(kinds))};
    item->args[0] = cf_below(r, 3) * cf_below(r, 200);
    for (size_t i = 0; kinds[i]; i++) {
        char letters[2] = {kinds[i], 0};
        uint64_t *other =
            kinds[i] == 'x' || kinds[i] == 's' ? NULL : cf_pick_arg(t, r, letters, NULL);
        uint64_t value = cf_below(r, 5);
        if (other)
            value = *other + (strchr("qc", kinds[i]) || cf_chance(r, 10) ? cf_below(r, 2) : 0);
        item->args[i + 1] = value;
    }
}

bool cf_insert_event(struct cf_trace *t, struct cf_random *r)
{
    size_t batch;
    struct cf_item item;
    if (!cf_pick_batch(t, r, CF_EVENTS, &batch))
        return false;
    make_event(t, r, any_type(r), &item);
    *cf_insert_item(t, batch, (size_t)cf_below(r, t->batches[batch].n + 1)) = item;
    return true;
}

bool cf_insert_harmless(struct cf_trace *t, struct cf_random *r)
{
    static const uint8_t types[] = {9, 37, 38, 39, 44, 40, 41, 42, 128, 131, 136};
    struct cf_place p;
    struct cf_item item;
    if (!cf_pick_item(t, r, CF_EVENTS, &p))
        return false;
    make_event(t, r, types[cf_below(r, sizeof types)], &item);
    *cf_insert_item(t, p.batch, p.item) = item;
    return true;
}

bool cf_change_type(struct cf_trace *t, struct cf_random *r)
{
    struct cf_place p;
    if (!cf_pick_item(t, r, CF_EVENTS, &p))
        return false;
    struct cf_item *item = cf_item_at(t, p);
    uint8_t type = cf_chance(r, 90) ? any_type(r) : (uint8_t)cf_below(r, 256);
    const char *kinds = cf_event_kinds(type);
    if (kinds && cf_chance(r, 80)) { /* keeps the stream in step */
        struct cf_item made;
        make_event(t, r, type, &made);
        made.args[0] = item->args[0];
        *item = made;
    }
    item->type = type;
    return true;
}

/* ---- times ---- */

bool cf_change_delta(struct cf_trace *t, struct cf_random *r)
{
    struct cf_place p;
    if (!cf_pick_item(t, r, CF_EVENTS, &p))
        return false;
    uint64_t *delta = &cf_item_at(t, p)->args[0];
    switch (cf_below(r, 5)) {
    case 0:
        *delta = 0;
        break;
    case 1:
        *delta = cf_interesting(r);
        break;
    default:
        *delta += cf_below(r, *delta + 100);
        break;
    }
    return true;
}

bool cf_change_batch_time(struct cf_trace *t, struct cf_random *r)
{
    size_t batch;
    if (!cf_pick_batch(t, r, CF_EVENTS, &batch))
        return false;
    uint64_t *ts = &t->batches[batch].ts;
    switch (cf_below(r, 6)) {
    case 0:
        *ts = cf_interesting(r);
        break;
    case 1:
        *ts = t->batches[cf_below(r, t->n)].ts;
        break;
    case 2:
        *ts -= cf_below(r, 2000);
        break;
    default:
        *ts += cf_below(r, 2000);
        break;
    }
    return true;
}

/* Many equal times: every order of the Ms is then decided by ties. */
bool cf_make_ties(struct cf_trace *t, struct cf_random *r)
{
    bool everywhere = cf_chance(r, 30);
    size_t one;
    if (!cf_pick_batch(t, r, CF_EVENTS, &one))
        return false;
    for (size_t i = 0; i < t->n; i++) {
        struct cf_batch *b = &t->batches[i];
        if (b->kind != CF_EVENTS || (!everywhere && i != one))
            continue;
        if (everywhere)
            b->ts = t->batches[one].ts;
        for (size_t j = 0; j < b->n; j++)
            b->items[j].args[0] = 0;
    }
    return true;
}

bool cf_shift_time(struct cf_trace *t, struct cf_random *r)
{
    uint64_t by = cf_below(r, (uint64_t)1 << 40);
    for (size_t i = 0; i < t->n; i++)
        t->batches[i].ts += by;
    return t->n != 0;
}

/* ---- everywhere at once ---- */

bool cf_rename_ids(struct cf_trace *t, struct cf_random *r)
{
    static const char kinds[] = "gpmt";
    char kind = kinds[cf_below(r, 4)];
    uint64_t by = cf_below(r, cf_chance(r, 50) ? 10 : (uint64_t)1 << 40);
    for (size_t i = 0; i < t->n; i++) {
        struct cf_batch *b = &t->batches[i];
        if (kind == 'm' && b->kind != CF_END && b->m != CF_NO_M)
            b->m += by;
        for (size_t j = 0; b->kind == CF_EVENTS && j < b->n; j++) {
            struct cf_item *item = &b->items[j];
            const char *letters = cf_event_kinds(item->type);
            for (size_t k = 0; letters && letters[k] && k + 1 < item->n; k++)
                if (letters[k] == kind && item->args[k + 1] != CF_NO_M)
                    item->args[k + 1] += by;
        }
    }
    return true;
}

bool cf_pad_varints(struct cf_trace *t, struct cf_random *r)
{
    t->padding = 1 + (unsigned)cf_below(r, 50);
    t->padding_seed = cf_random(r);
    return true;
}
