/* SPDX-License-Identifier: Apache-2.0 */
/* gc-stress: the collector has work all along, and is helped by who allocates. */
#include <errno.h>
#include <stdlib.h>

#include "common/loads.h"
#include "common/things.h"

enum { TREES = 16, DEPTH = 6, KIDS = 4, PAYLOAD_WORDS = 16, SANITIZED_DEPTH = 4, ALLOC_KIB = 4,
       ALLOCATORS_MOST = 16 };

/* Trees of four children a node, each node with a payload: held by a registered root. */
struct forest {
    struct gt_maker maker;
    struct gt_link *root; /* TREES of them, in one registered area */
    uint32_t depth;
    bool rooted;
};

static struct gt_link grow(struct forest *f, uint32_t depth)
{
    struct gt_link top = gt_node_new(&f->maker, 8);
    if (!top.p)
        return top;
    gt_link_put(&f->maker, gt_link_at(top.p, KIDS), gt_blob_new(&f->maker, PAYLOAD_WORDS));
    for (uint32_t i = 0; i < KIDS && depth > 1 && f->maker.rc == 0; i++)
        gt_link_put(&f->maker, gt_link_at(top.p, i), grow(f, depth - 1));
    return top;
}

static uint64_t count(struct forest *f, struct gt_link l)
{
    if (!l.p || !gt_thing_look(&f->maker, l))
        return 0;
    uint64_t n = gt_blob_look(&f->maker, *gt_link_at(l.p, KIDS));
    for (uint32_t i = 0; i < KIDS; i++)
        n += count(f, *gt_link_at(l.p, i));
    return n;
}

static uint64_t nodes_of(uint32_t depth)
{
    return depth == 0 ? 0 : 1 + KIDS * nodes_of(depth - 1);
}

static int open_forest(struct gt_load *l)
{
    struct forest *f = l->own;
    gt_maker_init(&f->maker, l->ops, l->index);
    f->depth = l->p->sanitized ? SANITIZED_DEPTH : DEPTH;
    f->root = calloc(TREES, sizeof *f->root);
    int rc = f->root ? l->ops->gc_root_add(f->root, TREES * sizeof *f->root) : -ENOMEM;
    f->rooted = rc == 0;
    return rc;
}

/* One tree is looked through, and another grown in its place. */
static void replant(struct gt_load *l)
{
    struct forest *f = l->own;
    uint32_t i = gt_rng_below(&l->rng, TREES);
    uint64_t found = count(f, f->root[i]);
    gt_load_check(l, !f->root[i].p || found == nodes_of(f->depth), "%llu nodes of %llu",
                  (unsigned long long)found, (unsigned long long)nodes_of(f->depth));
    struct gt_link top = grow(f, f->depth);
    if (f->maker.rc == 0)
        gt_link_put(&f->maker, &f->root[i], top);
    else
        gt_load_fail(l, f->maker.rc);
    gt_load_check(l, f->maker.wrong == 0, "%s", f->maker.why);
}

static void close_forest(struct gt_load *l)
{
    struct forest *f = l->own;
    if (f->rooted)
        l->ops->gc_root_remove(f->root);
    free(f->root);
}

static const struct gt_load_kind forests = {
    .name = "forest",
    .needs = GT_RT_GC,
    .own = sizeof(struct forest),
    .busy = true,
    .open = open_forest,
    .step = replant,
    .close = close_forest,
};

static int run(struct gt_stress *s, const struct gt_stress_params *p)
{
    struct gt_rng r = gt_crew_rng(p);
    uint32_t allocators = p->procs < ALLOCATORS_MOST ? (uint32_t)p->procs : ALLOCATORS_MOST;
    const struct gt_crew_item items[] = {
        {&forests, 1, 0, NULL},
        {&gt_load_blocks, allocators, ALLOC_KIB, NULL},
        {&gt_load_garbage, gt_rng_below(&r, 3), 0, NULL},
        {&gt_load_traces, 1, gt_rng_between(&r, 1000, 100000), NULL},
    };
    return gt_crew_run(s, p, GT_STRESS_TRACES, items, sizeof items / sizeof *items);
}

const struct gt_stress_ops gt_stress_gc_stress = {
    .head = GT_PLUGIN_HEAD(GT_MAGIC_STRESS, struct gt_stress_ops, "gc-stress",
                           "the collector works all along while traces start and stop", 0),
    .text =
        "A forest of 16 trees, depth 6, four children a node, 128 bytes of payload each, is looked "
        "through and replanted tree by tree; a G per P allocates 4 KiB again and again. So the "
        "collector is at work nearly all the time and asks who allocates for help, and traces of up "
        "to 100 ms begin and end in every phase of a cycle. Each node and payload is checked before "
        "it is dropped.",
    .bugs = "golang/go 25895d1c: workers of the collector did not let a generation end\n"
            "golang/go ff7cf2d4: the collector and the end of a generation waited for each other\n"
            "golang/go #63864: the goal of the heap was garbage in the trace",
    .needs = GT_RT_GC | GT_RT_TRACE | GT_RT_TIMERS,
    .flags = GT_STRESS_TRACES,
    .windows = {{.window = GT_WINDOW_trace_start, .least = 1},
                {.window = GT_WINDOW_world_stop, .least = 1}},
    .run = run,
};
