/* SPDX-License-Identifier: Apache-2.0 */
#include "conformance/mutate.h"

#include "conformance/mutators.h"

#include <stdio.h>
#include <string.h>

uint64_t cf_random(struct cf_random *r) /* splitmix64 */
{
    uint64_t z = r->state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint64_t cf_below(struct cf_random *r, uint64_t limit)
{
    return limit ? cf_random(r) % limit : 0;
}

bool cf_chance(struct cf_random *r, unsigned of_hundred)
{
    return cf_below(r, 100) < of_hundred;
}

/* ---- picking ---- */

static size_t count_items(const struct cf_trace *t, enum cf_kind kind)
{
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++)
        n += t->batches[i].kind == kind ? t->batches[i].n : 0;
    return n;
}

bool cf_pick_item(const struct cf_trace *t, struct cf_random *r, enum cf_kind kind,
                  struct cf_place *p)
{
    size_t left = (size_t)cf_below(r, count_items(t, kind));
    for (p->batch = 0; p->batch < t->n; p->batch++) {
        const struct cf_batch *b = &t->batches[p->batch];
        if (b->kind != kind)
            continue;
        if (left < b->n) {
            p->item = left;
            return true;
        }
        left -= b->n;
    }
    return false;
}

bool cf_pick_batch(const struct cf_trace *t, struct cf_random *r, enum cf_kind kind, size_t *batch)
{
    for (unsigned i = 0; i < 60 && t->n; i++) {
        *batch = (size_t)cf_below(r, t->n);
        if (t->batches[*batch].kind == kind)
            return true;
    }
    return false;
}

struct cf_item *cf_item_at(struct cf_trace *t, struct cf_place p)
{
    return &t->batches[p.batch].items[p.item];
}

/* An argument whose kind is one of `letters`; NULL when a few tries found none. */
uint64_t *cf_pick_arg(struct cf_trace *t, struct cf_random *r, const char *letters, char *found)
{
    struct cf_place p;
    for (unsigned i = 0; i < 40 && cf_pick_item(t, r, CF_EVENTS, &p); i++) {
        struct cf_item *item = cf_item_at(t, p);
        const char *kinds = cf_event_kinds(item->type);
        size_t n = kinds ? strlen(kinds) : 0;
        size_t arg = (size_t)cf_below(r, n);
        if (!n || arg + 1 >= item->n || !strchr(letters, kinds[arg]))
            continue;
        if (found)
            *found = kinds[arg];
        return &item->args[arg + 1];
    }
    return NULL;
}

uint64_t cf_interesting(struct cf_random *r)
{
    static const uint64_t values[] = {0,
                                      1,
                                      2,
                                      3,
                                      4,
                                      5,
                                      127,
                                      128,
                                      255,
                                      65536,
                                      UINT32_MAX,
                                      (uint64_t)1 << 32,
                                      INT64_MAX,
                                      (uint64_t)1 << 63,
                                      UINT64_MAX - 1,
                                      UINT64_MAX};
    return values[cf_below(r, sizeof values / sizeof values[0])];
}

/* ---- bytes ---- */

static void change_bytes(struct cf_bytes *b, struct cf_random *r)
{
    size_t at = (size_t)cf_below(r, b->size);
    uint8_t byte = (uint8_t)cf_below(r, 256);
    switch (cf_below(r, 6)) {
    case 0: /* a byte goes */
        memmove(b->data + at, b->data + at + 1, b->size - at - 1);
        b->size--;
        break;
    case 1: /* a byte comes */
        cf_bytes_add(b, &byte, 1);
        memmove(b->data + at + 1, b->data + at, b->size - at - 1);
        b->data[at] = byte;
        break;
    case 2: /* the rest goes */
        b->size = at;
        break;
    case 3:
        b->data[at] ^= (uint8_t)(1u << cf_below(r, 8));
        break;
    default:
        b->data[at] = byte;
        break;
    }
}

/* ---- all of them ---- */

static const struct mutator {
    const char *name;
    unsigned weight;
    bool (*change)(struct cf_trace *t, struct cf_random *r); /* NULL: bytes */
} mutators[] = {
#define CF_ROW(name, weight, function) {name, weight, function},
    CF_MUTATORS(CF_ROW)
#undef CF_ROW
        {"bytes", 4, NULL},
};

static const struct mutator *pick_mutator(struct cf_random *r)
{
    unsigned total = 0;
    for (size_t i = 0; i < sizeof mutators / sizeof mutators[0]; i++)
        total += mutators[i].weight;
    unsigned left = (unsigned)cf_below(r, total);
    for (size_t i = 0;; i++) {
        if (left < mutators[i].weight)
            return &mutators[i];
        left -= mutators[i].weight;
    }
}

static unsigned pick_changes(struct cf_random *r)
{
    uint64_t dice = cf_below(r, 10);
    return dice < 7 ? 1 : dice < 9 ? 2 : 3;
}

void cf_mutate(struct cf_trace *t, struct cf_random *r, size_t max_threads, struct cf_bytes *out,
               char *names, size_t names_size)
{
    struct cf_trace seed;
    unsigned byte_changes = 0, left = pick_changes(r);
    size_t used = 0;
    cf_copy(&seed, t->arena, t);
    names[0] = 0;
    for (unsigned tries = 0; left && tries < 20; tries++) {
        const struct mutator *m = pick_mutator(r);
        if (m->change && !m->change(t, r))
            continue;
        byte_changes += !m->change;
        left--;
        int n = snprintf(names + used, names_size - used, "%s%s", used ? " " : "", m->name);
        used += (size_t)n < names_size - used ? (size_t)n : 0;
    }
    bool wide = cf_count_threads(t) > max_threads;
    cf_serialise(wide ? &seed : t, out);
    for (; byte_changes && out->size; byte_changes--)
        change_bytes(out, r);
}
