/* SPDX-License-Identifier: Apache-2.0 */
/* Loads that make garbage. */
#include <errno.h>

#include "common/loads.h"
#include "common/things.h"

enum { DEPTH_MOST = 4, WORDS_MOST = 64, KIB = 1024, NODES = 50000, KEPT_SHARE = 10, WALK = 1000, REST_US = 1000 };

/* ---- small objects ------------------------------------------------------------------------ */
static int open_maker(struct gt_load *l)
{
    gt_maker_init(l->own, l->ops, l->index);
    return 0;
}

static void make_garbage(struct gt_load *l)
{
    struct gt_maker *m = l->own;
    uint32_t depth = gt_rng_between(&l->rng, 1, DEPTH_MOST);
    struct gt_link tree = gt_tree_new(m, depth, gt_rng_below(&l->rng, 2));
    struct gt_link blob = gt_blob_new(m, gt_rng_below(&l->rng, WORDS_MOST));
    uint64_t found = gt_tree_count(m, tree);
    (void)gt_blob_look(m, blob);
    if (m->rc != 0)
        gt_load_fail(l, m->rc);
    else
        gt_load_check(l, found == gt_tree_size(depth), "%llu nodes of a tree of depth %u",
                      (unsigned long long)found, depth);
    gt_load_check(l, m->wrong == 0, "%s", m->why);
}

const struct gt_load_kind gt_load_garbage = {
    .name = "garbage",
    .needs = GT_RT_GC,
    .own = sizeof(struct gt_maker),
    .busy = true,
    .open = open_maker,
    .step = make_garbage,
};

/* ---- a long list ----------------------------------------------------------------------------- */
struct node {
    struct node *next;
    uint64_t number, unused[2];
};

static const uint32_t next_at[] = {offsetof(struct node, next)};
static const struct gt_gc_layout node_layout = {"node", sizeof(struct node), 1, next_at};

struct list {
    struct node *head; /* a root */
    bool rooted;
    uint32_t n;
};

static int open_list(struct gt_load *l)
{
    struct list *a = l->own;
    uint32_t n = gt_load_param(l, NODES) / (l->p->sanitized ? KEPT_SHARE : 1);
    int rc = l->ops->gc_root_add(&a->head, sizeof a->head);
    a->rooted = rc == 0;
    for (; rc == 0 && a->n < n; a->n++) {
        struct node *x = l->ops->gc_alloc(sizeof *x, &node_layout);
        if (!x)
            return -ENOMEM;
        x->number = a->n;
        l->ops->gc_store(&x->next, a->head);
        l->ops->gc_store(&a->head, x);
    }
    return rc;
}

static void walk_list(struct gt_load *l)
{
    const struct list *a = l->own;
    uint32_t n = a->n;
    for (const struct node *x = a->head; x && a->n - n < WALK; x = x->next) {
        n--;
        gt_load_check(l, x->number == n, "node %u of a list is node %llu", n,
                      (unsigned long long)x->number);
    }
    gt_load_pause(l, REST_US);
}

static void close_list(struct gt_load *l)
{
    struct list *a = l->own;
    if (a->rooted)
        l->ops->gc_root_remove(&a->head);
}

const struct gt_load_kind gt_load_lists = {
    .name = "lists",
    .needs = GT_RT_GC | GT_RT_TIMERS,
    .own = sizeof(struct list),
    .open = open_list,
    .step = walk_list,
    .close = close_list,
};

/* ---- large blocks --------------------------------------------------------------------------- */
static void make_block(struct gt_load *l)
{
    size_t n = gt_load_param(l, KIB) * (size_t)(KIB / sizeof(uint64_t));
    volatile uint64_t *block = l->ops->gc_alloc(n * sizeof *block, NULL);
    if (!block) {
        gt_load_fail(l, -ENOMEM);
        return;
    }
    gt_load_check(l, block[0] == 0 && block[n - 1] == 0, "a fresh block is not zero");
    block[0] = block[n - 1] = l->index;
    l->ops->yield();
    gt_load_check(l, block[0] == l->index && block[n - 1] == l->index, "a block was overwritten");
}

const struct gt_load_kind gt_load_blocks = {
    .name = "blocks", .needs = GT_RT_GC, .step = make_block};
