/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of batches, tables and generations. */
#include "conformance/mutators.h"

#include <string.h>

/* ---- batches ---- */

bool cf_split_batch(struct cf_trace *t,
                    struct cf_random *r) /* harmless: the second half gets its own base time */
{
    struct cf_place p;
    if (!cf_pick_item(t, r, CF_EVENTS, &p) || !p.item)
        return false;
    struct cf_batch half = t->batches[p.batch];
    struct cf_batch *b = &t->batches[p.batch];
    for (size_t i = 0; i < p.item; i++)
        half.ts += b->items[i].args[0];
    half.items = b->items + p.item;
    half.n = half.capacity = b->n - p.item;
    b->n = b->capacity = p.item;
    b->raw_size = 0;
    *cf_insert_batch(t, p.batch + 1) = half;
    return true;
}

bool cf_join_batches(struct cf_trace *t, struct cf_random *r)
{
    size_t first;
    if (!cf_pick_batch(t, r, CF_EVENTS, &first))
        return false;
    for (size_t i = first + 1; i < t->n; i++) {
        struct cf_batch *a = &t->batches[first], *b = &t->batches[i];
        if (b->kind != CF_EVENTS || b->m != a->m || b->gen != a->gen || a->raw_size)
            continue;
        for (size_t j = 0; j < b->n; j++)
            *cf_insert_item(t, first, t->batches[first].n) = b->items[j];
        cf_remove_batch(t, i);
        return true;
    }
    return false;
}

bool cf_insert_empty(struct cf_trace *t, struct cf_random *r)
{
    size_t at = (size_t)cf_below(r, t->n + 1);
    size_t like = at < t->n ? at : t->n - 1;
    if (!t->n)
        return false;
    struct cf_batch b = {.kind = CF_RAW,
                         .gen = t->batches[like].gen,
                         .m = t->batches[like].m,
                         .ts = t->batches[like].ts};
    *cf_insert_batch(t, at) = b;
    return true;
}

bool cf_drop_batch(struct cf_trace *t, struct cf_random *r)
{
    if (!t->n)
        return false;
    cf_remove_batch(t, (size_t)cf_below(r, t->n));
    return true;
}

bool cf_double_batch(struct cf_trace *t, struct cf_random *r)
{
    if (!t->n)
        return false;
    size_t from = (size_t)cf_below(r, t->n);
    struct cf_batch copy = t->batches[from];
    copy.capacity = copy.n; /* shared items: the next insertion moves them */
    *cf_insert_batch(t, (size_t)cf_below(r, t->n + 1)) = copy;
    return true;
}

bool cf_swap_batches(struct cf_trace *t, struct cf_random *r)
{
    if (t->n < 2)
        return false;
    size_t a = (size_t)cf_below(r, t->n), b = cf_chance(r, 60) ? a + 1 : (size_t)cf_below(r, t->n);
    if (b >= t->n || a == b)
        return false;
    struct cf_batch z = t->batches[a];
    t->batches[a] = t->batches[b];
    t->batches[b] = z;
    return true;
}

bool cf_change_batch_m(struct cf_trace *t, struct cf_random *r)
{
    size_t batch;
    if (!cf_pick_batch(t, r, CF_EVENTS, &batch))
        return false;
    uint64_t *m = &t->batches[batch].m;
    switch (cf_below(r, 6)) {
    case 0:
        *m = CF_NO_M;
        break;
    case 1:
        *m = cf_interesting(r);
        break;
    case 2:
        *m += 1;
        break;
    default:
        *m = t->batches[cf_below(r, t->n)].m;
        break;
    }
    return true;
}

bool cf_change_size(struct cf_trace *t, struct cf_random *r)
{
    size_t batch = (size_t)cf_below(r, t->n);
    if (!t->n)
        return false;
    t->batches[batch].size_error =
        cf_chance(r, 50) ? (int64_t)cf_below(r, 7) - 3 : (int64_t)cf_interesting(r);
    return true;
}

bool cf_add_tail(struct cf_trace *t, struct cf_random *r)
{
    size_t batch = (size_t)cf_below(r, t->n), n = 1 + (size_t)cf_below(r, 6);
    if (!t->n)
        return false;
    uint8_t *bytes = cf_alloc(t->arena, n);
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)(cf_chance(r, 50) ? cf_below(r, 60) : cf_below(r, 256));
    t->batches[batch].raw = bytes;
    t->batches[batch].raw_size = n;
    return true;
}

/* ---- generations ---- */

bool cf_change_generation(struct cf_trace *t, struct cf_random *r)
{
    if (!t->n)
        return false;
    uint64_t *gen = &t->batches[cf_below(r, t->n)].gen;
    switch (cf_below(r, 4)) {
    case 0:
        *gen = cf_interesting(r);
        break;
    case 1:
        *gen -= 1;
        break;
    default:
        *gen += 1;
        break;
    }
    return true;
}

bool cf_renumber_generations(struct cf_trace *t, struct cf_random *r)
{
    uint64_t from = t->n ? t->batches[cf_below(r, t->n)].gen : 0;
    uint64_t by = cf_chance(r, 80) ? cf_below(r, 5) : cf_interesting(r);
    bool all = cf_chance(r, 60);
    for (size_t i = 0; i < t->n; i++)
        if (t->batches[i].kind != CF_END && (all || t->batches[i].gen >= from))
            t->batches[i].gen += by;
    return true;
}

/* Where the generation of batch `at` ends: behind its last batch, its end mark included. */
static size_t generation_end(const struct cf_trace *t, size_t at)
{
    uint64_t gen = t->batches[at].gen;
    while (at < t->n && t->batches[at].kind != CF_END && t->batches[at].gen == gen)
        at++;
    return at < t->n && t->batches[at].kind == CF_END ? at + 1 : at;
}

/* One generation twice in a row: what it says about the state before it must fit the state after it. */
bool cf_double_generation(struct cf_trace *t, struct cf_random *r)
{
    size_t from, end;
    if (!cf_pick_batch(t, r, CF_EVENTS, &from) || t->n > 400)
        return false;
    uint64_t gen = t->batches[from].gen;
    while (from && t->batches[from - 1].kind != CF_END && t->batches[from - 1].gen == gen)
        from--;
    end = generation_end(t, from);
    for (size_t i = end; i < t->n; i++)
        t->batches[i].gen += t->batches[i].kind != CF_END;
    for (size_t i = from; i < end; i++) {
        struct cf_batch copy = t->batches[i];
        size_t at = i + (end - from);
        copy.gen += copy.kind != CF_END;
        copy.capacity = copy.n;
        copy.items = cf_alloc(t->arena, copy.n * sizeof *copy.items);
        if (copy.n)
            memcpy(copy.items, t->batches[i].items, copy.n * sizeof *copy.items);
        *cf_insert_batch(t, at) = copy;
    }
    return true;
}

/* ---- versions ---- */

bool cf_change_header(struct cf_trace *t, struct cf_random *r)
{
    static const char versions[][3] = {"22", "23", "25", "26", "24", "11", "19", "21", "27"};
    if (cf_chance(r, 30))
        t->header[cf_below(r, sizeof t->header)] = (uint8_t)cf_below(r, 256);
    else
        memcpy(t->header + 5, versions[cf_below(r, sizeof versions / sizeof versions[0])], 2);
    return true;
}

/* Go 1.22 and 1.23 have a lone frequency where later ones have a batch of frequency and clock. */
static void convert_sync(struct cf_trace *t, size_t batch, bool late)
{
    struct cf_batch *b = &t->batches[batch];
    b->lead = late ? 50 : 0;
    for (size_t i = b->n; !late && i-- > 0;)
        if (b->items[i].type != 8)
            cf_remove_item(t, batch, i);
    if (late && b->n && b->items[b->n - 1].type != 51) {
        const struct cf_item snapshot = {
            .type = 51, .n = 4, .args = {1, 1000 + b->ts, 1700000000, 1}};
        *cf_insert_item(t, batch, t->batches[batch].n) = snapshot;
    }
}

bool cf_convert_header(struct cf_trace *t, struct cf_random *r)
{
    static const char versions[][3] = {"22", "23", "25", "26"};
    uint64_t version = cf_below(r, 4);
    memcpy(t->header + 5, versions[version], 2);
    for (size_t i = t->n; i-- > 0;) {
        if (t->batches[i].kind == CF_END)
            cf_remove_batch(t, i);
        else if (t->batches[i].kind == CF_SYNC)
            convert_sync(t, i, version >= 2);
    }
    for (size_t i = t->n; version == 3 && i-- > 0;)
        if (i + 1 == t->n ||
            (t->batches[i + 1].kind != CF_END && t->batches[i + 1].gen != t->batches[i].gen))
            cf_insert_batch(t, i + 1)->kind = CF_END;
    return t->n != 0;
}

bool cf_change_end(struct cf_trace *t, struct cf_random *r)
{
    size_t batch;
    if (cf_pick_batch(t, r, CF_END, &batch) && cf_chance(r, 60))
        cf_remove_batch(t, batch);
    else
        cf_insert_batch(t, (size_t)cf_below(r, t->n + 1))->kind = CF_END;
    return true;
}

bool cf_change_sync(struct cf_trace *t, struct cf_random *r)
{
    struct cf_place p;
    if (!cf_pick_item(t, r, CF_SYNC, &p))
        return false;
    struct cf_item *item = cf_item_at(t, p), copy = *item;
    uint64_t *arg = &item->args[cf_below(r, item->n)];
    switch (cf_below(r, 8)) {
    case 0:
        *arg = cf_interesting(r);
        break;
    case 1:
        *arg = 0;
        break;
    case 2:
        cf_remove_item(t, p.batch, p.item);
        break;
    case 3:
        *cf_insert_item(t, p.batch, p.item) = copy;
        break;
    case 4:
        item->type = (uint8_t)cf_below(r, 60);
        break;
    default:
        *arg = *arg / 2 + cf_below(r, *arg);
        break;
    }
    return true;
}

/* ---- tables ---- */

bool cf_change_entry(struct cf_trace *t, struct cf_random *r)
{
    static const enum cf_kind kinds[] = {CF_STRINGS, CF_STACKS, CF_SAMPLES};
    struct cf_place p;
    if (!cf_pick_item(t, r, kinds[cf_below(r, 3)], &p))
        return false;
    struct cf_item *item = cf_item_at(t, p), copy = *item;
    switch (cf_below(r, 7)) {
    case 0:
        cf_remove_item(t, p.batch, p.item);
        break;
    case 1:
        *cf_insert_item(t, p.batch, p.item) = copy;
        break;
    case 2:
        item->args[0] = cf_interesting(r);
        break;
    case 3:
        item->args[0] += 100000;
        break;
    case 4:
        item->args[1] += cf_chance(r, 50) ? 1 : UINT64_MAX;
        break; /* more or fewer than there are */
    case 5:
        item->args[1] = cf_interesting(r);
        break;
    default:
        item->type = (uint8_t)(cf_below(r, 9));
        break;
    }
    return true;
}

bool cf_change_frame(struct cf_trace *t, struct cf_random *r)
{
    struct cf_place p;
    if (!cf_pick_item(t, r, CF_STACKS, &p))
        return false;
    struct cf_item *item = cf_item_at(t, p);
    if (!item->n_frames)
        return false;
    uint64_t *frames = cf_alloc(t->arena, item->n_frames * 4 * sizeof *frames);
    memcpy(frames, item->frames, item->n_frames * 4 * sizeof *frames);
    size_t at = (size_t)cf_below(r, item->n_frames * 4);
    frames[at] = cf_chance(r, 50) ? frames[cf_below(r, item->n_frames * 4)] : cf_interesting(r);
    item->frames = frames;
    return true;
}

/* ---- batches that are beside the events ---- */

bool cf_insert_samples(struct cf_trace *t, struct cf_random *r)
{
    size_t like;
    if (!cf_pick_batch(t, r, CF_EVENTS, &like))
        return false;
    size_t at = cf_chance(r, 80) ? like + 1 : (size_t)cf_below(r, t->n + 1);
    struct cf_batch b = {.kind = CF_SAMPLES,
                         .lead = 6,
                         .gen = t->batches[like].gen,
                         .m = CF_NO_M,
                         .ts = t->batches[like].ts};
    uint64_t m = t->batches[like].m;
    *cf_insert_batch(t, at) = b;
    for (uint64_t n = 1 + cf_below(r, 6); n; n--) {
        uint64_t *stack = cf_pick_arg(t, r, "S", NULL);
        struct cf_item item = {.type = 7,
                               .n = 5,
                               .args = {b.ts + cf_below(r, 5000), m, cf_below(r, 4),
                                        cf_below(r, 20), stack ? *stack : 0}};
        *cf_insert_item(t, at, 0) = item;
    }
    return true;
}

bool cf_insert_experimental(struct cf_trace *t, struct cf_random *r)
{
    if (!t->n)
        return false;
    size_t at = (size_t)cf_below(r, t->n), n = (size_t)cf_below(r, 20);
    uint8_t *bytes = cf_alloc(t->arena, n);
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)cf_random(r);
    struct cf_batch b = {.kind = CF_RAW,
                         .experimental = true,
                         .experiment = (uint8_t)cf_below(r, 3),
                         .gen = t->batches[at].gen,
                         .m = cf_below(r, 10),
                         .ts = t->batches[at].ts,
                         .raw = bytes,
                         .raw_size = n};
    *cf_insert_batch(t, at) = b;
    return true;
}
