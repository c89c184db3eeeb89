/* SPDX-License-Identifier: Apache-2.0 */
#include "common/things.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "common/rng.h"

/* ---- layouts ---------------------------------------------------------------------------- */
#define AT(i) (uint32_t)(GT_THING_HEAD + (i) * sizeof(struct gt_link))
static const uint32_t offsets[GT_THING_LINKS_MAX] = {AT(0), AT(1), AT(2), AT(3),
                                                     AT(4), AT(5), AT(6), AT(7)};
static const uint32_t first[1] = {0};

#define NODE(k) {"node of " #k, AT(k), k, offsets}
static const struct gt_gc_layout node_1 = NODE(1), node_2 = NODE(2), node_4 = NODE(4),
                                 node_8 = NODE(8);
static const struct gt_gc_layout table = {"table of links", sizeof(struct gt_link), 1, first};

static const struct gt_gc_layout *layout_of(uint32_t links)
{
    return links == 1 ? &node_1 : links == 2 ? &node_2 : links == 4 ? &node_4 : &node_8;
}

/* ---- making ----------------------------------------------------------------------------- */
void gt_maker_init(struct gt_maker *m, const struct gt_runtime_ops *ops, uint32_t number)
{
    *m = (struct gt_maker){.ops = ops, .base = (uint64_t)(number + 1) << 40};
}

static uint64_t canary_of(const struct gt_thing *t)
{
    uint64_t shape = (uint64_t)t->kind << 32 | t->n;
    return gt_rng_mix(t->id ^ gt_rng_mix((uint64_t)(uintptr_t)t)) ^ shape;
}

static void note_wrong(struct gt_maker *m, const char *what, const void *at, uint64_t want,
                       uint64_t got)
{
    if (m->wrong++ == 0)
        snprintf(m->why, sizeof m->why, "%s at %p: %#" PRIx64 ", not %#" PRIx64, what, at, got,
                 want);
}

static void look_zero(struct gt_maker *m, const void *p, size_t bytes)
{
    const uint64_t *w = p;
    uint64_t seen = 0;
    for (size_t i = 0; i < bytes / sizeof *w; i++)
        seen |= w[i];
    if (seen != 0)
        note_wrong(m, "a fresh object is not zero", p, 0, seen);
}

static void *make(struct gt_maker *m, size_t bytes, const struct gt_gc_layout *layout)
{
    void *p = m->ops->gc_alloc(bytes, layout);
    if (!p) {
        m->rc = -ENOMEM;
        return NULL;
    }
    m->objects++;
    m->bytes += bytes;
    look_zero(m, p, bytes);
    return p;
}

static struct gt_link make_thing(struct gt_maker *m, size_t bytes,
                                 const struct gt_gc_layout *layout, enum gt_thing_kind kind,
                                 uint32_t n)
{
    struct gt_thing *t = make(m, bytes, layout);
    if (!t)
        return (struct gt_link){0};
    t->id = m->base + m->serial++;
    t->kind = kind;
    t->n = n;
    t->canary = canary_of(t);
    return (struct gt_link){t, t->id};
}

struct gt_link gt_node_new(struct gt_maker *m, uint32_t links)
{
    return make_thing(m, AT(links), layout_of(links), GT_THING_NODE, links);
}

struct gt_link gt_blob_new(struct gt_maker *m, uint32_t words)
{
    struct gt_link l = make_thing(m, GT_THING_HEAD + words * sizeof(uint64_t), NULL, GT_THING_BLOB,
                                  words);
    for (uint32_t i = 0; l.p && i < words; i++)
        gt_thing_words(l.p)[i] = gt_rng_mix(l.id + i);
    return l;
}

struct gt_link gt_array_new(struct gt_maker *m, uint32_t links)
{
    struct gt_link l = make_thing(m, AT(1), &node_1, GT_THING_ARRAY, links);
    void *bare = l.p ? make(m, links * sizeof(struct gt_link), &table) : NULL;
    if (!bare)
        return (struct gt_link){0};
    m->ops->gc_store(&l.p->links[0].p, bare);
    if (l.p->links[0].p == bare)
        return l;
    note_wrong(m, "a pointer that was stored", &l.p->links[0].p, (uint64_t)(uintptr_t)bare,
               (uint64_t)(uintptr_t)l.p->links[0].p);
    return (struct gt_link){0};
}

/* ---- looking ---------------------------------------------------------------------------- */
bool gt_thing_look(struct gt_maker *m, struct gt_link l)
{
    if (!l.p)
        return true;
    if (l.p->id != l.id) {
        note_wrong(m, "another object than was stored", l.p, l.id, l.p->id);
        return false;
    }
    if (l.p->canary != canary_of(l.p)) {
        note_wrong(m, "an object's canary", l.p, canary_of(l.p), l.p->canary);
        return false;
    }
    m->looks++;
    return true;
}

bool gt_blob_look(struct gt_maker *m, struct gt_link l)
{
    if (!gt_thing_look(m, l))
        return false;
    for (uint32_t i = 0; l.p && i < l.p->n; i++)
        if (gt_thing_words(l.p)[i] != gt_rng_mix(l.id + i)) {
            note_wrong(m, "a word of an object", gt_thing_words(l.p) + i, gt_rng_mix(l.id + i),
                       gt_thing_words(l.p)[i]);
            return false;
        }
    return true;
}

/* ---- trees ------------------------------------------------------------------------------ */
static void grow(struct gt_maker *m, struct gt_thing *t, uint32_t depth)
{
    for (uint32_t i = 0; depth > 1 && i < 2 && m->rc == 0; i++) {
        struct gt_link kid = gt_node_new(m, 2);
        gt_link_put(m, &t->links[i], kid);
        if (kid.p)
            grow(m, kid.p, depth - 1);
    }
}

static struct gt_link gather(struct gt_maker *m, uint32_t depth)
{
    struct gt_link left = {0}, right = {0};
    if (depth > 1) {
        left = gather(m, depth - 1);
        right = gather(m, depth - 1);
    }
    struct gt_link top = m->rc == 0 ? gt_node_new(m, 2) : (struct gt_link){0};
    if (top.p) {
        gt_link_put(m, &top.p->links[0], left);
        gt_link_put(m, &top.p->links[1], right);
    }
    return top;
}

struct gt_link gt_tree_new(struct gt_maker *m, uint32_t depth, bool bottom_up)
{
    if (bottom_up)
        return gather(m, depth);
    struct gt_link top = gt_node_new(m, 2);
    if (top.p)
        grow(m, top.p, depth);
    return top;
}

uint64_t gt_tree_count(struct gt_maker *m, struct gt_link l)
{
    if (!l.p || !gt_thing_look(m, l))
        return 0;
    return 1 + gt_tree_count(m, l.p->links[0]) + gt_tree_count(m, l.p->links[1]);
}
