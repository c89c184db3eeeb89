/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collected objects that know who they are. A thing has an identity that no other has; who
 * holds it holds the identity beside the pointer. So one that was freed while somebody held
 * it, or was given out twice, is noticed at the next look, whatever it holds by then.
 *
 * A link lives on the stack of a G, in a thing, in a registered root or in a channel;
 * nowhere else does it keep its thing alive. A maker belongs to one G and may live anywhere.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gauntlet/runtime.h"

struct gt_thing;
struct gt_link {
    struct gt_thing *p;
    uint64_t id; /* p->id as it must be */
};

enum gt_thing_kind {
    GT_THING_NODE = 1, /* n links follow */
    GT_THING_BLOB,     /* n words follow, no pointers: made of the identity */
    GT_THING_ARRAY,    /* one link follows: its p is a bare table of n links */
};

struct gt_thing {
    uint64_t id;
    uint64_t canary; /* of identity, address, kind and n */
    uint32_t kind, n;
    struct gt_link links[]; /* or words: gt_thing_words */
};
static inline uint64_t *gt_thing_words(struct gt_thing *t)
{
    return (uint64_t *)(void *)t->links;
}

#define GT_THING_HEAD offsetof(struct gt_thing, links)
enum { GT_THING_LINKS_MAX = 8 }; /* of a node: 1, 2, 4 or 8 */

struct gt_maker {
    const struct gt_runtime_ops *ops;
    uint64_t base, serial; /* identities */
    uint64_t objects, bytes; /* made */
    uint64_t looks;          /* things looked at and found right */
    uint64_t wrong;
    int rc; /* -ENOMEM: an allocation failed; links that could not be made are empty */
    char why[120]; /* the first thing that was wrong */
};

/* `number` tells makers apart, below 2^20. */
void gt_maker_init(struct gt_maker *m, const struct gt_runtime_ops *ops, uint32_t number);

/* Fresh ones, checked to be zero before. Empty (p NULL): no memory, in m->rc. May switch. */
struct gt_link gt_node_new(struct gt_maker *m, uint32_t links); /* 1, 2, 4, 8 */
struct gt_link gt_blob_new(struct gt_maker *m, uint32_t words);
struct gt_link gt_array_new(struct gt_maker *m, uint32_t links);

/* The i-th link of a node or an array. */
static inline struct gt_link *gt_link_at(struct gt_thing *t, uint32_t i)
{
    return t->kind == GT_THING_ARRAY ? (struct gt_link *)t->links[0].p + i : &t->links[i];
}
/* Stores a link where the collector looks: in a thing or a registered root. */
static inline void gt_link_put(const struct gt_maker *m, struct gt_link *slot, struct gt_link l)
{
    m->ops->gc_store(&slot->p, l.p);
    m->ops->gc_store(&slot->id, (void *)(uintptr_t)l.id); /* in a root area all words are read */
}

/* Is it who it must be? An empty link is. False, counted: nothing in it may be used. */
bool gt_thing_look(struct gt_maker *m, struct gt_link l);
/* The same, and every word of a blob. */
bool gt_blob_look(struct gt_maker *m, struct gt_link l);

/* ---- trees ------------------------------------------------------------------------------ */
/* A full binary tree of nodes with two links: 2^depth - 1 of them. Bottom up: what is made
 * is held by stacks only; top down: by links of nodes that are held. May switch. */
struct gt_link gt_tree_new(struct gt_maker *m, uint32_t depth, bool bottom_up);
/* Nodes found right, from l down. Looks at each. */
uint64_t gt_tree_count(struct gt_maker *m, struct gt_link l);
static inline uint64_t gt_tree_size(uint32_t depth)
{
    return (1ull << depth) - 1;
}
