/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jemalloc: one arena per node and one for memory from anywhere.
 *
 * I1  Every extent of a node's arena was bound to the node before anybody touched it.
 *     The policy stays with the address range: splitting, merging, purging and reuse
 *     by the same arena keep it.
 * I2  A block goes back to the arena it came from (jemalloc knows whose it is), and no
 *     thread cache lies between: a freed block is never handed out for another node.
 * Uses mallocx, sdallocx and mallctl only, so it does not matter who owns malloc.
 */
#include "core/arena_impl.h"

#if !GT_NO_JEMALLOC
#include <errno.h>
#include <jemalloc/jemalloc.h>
#include <stdlib.h>

#include "core/topology.h"

#define FLAGS (MALLOCX_TCACHE_NONE | MALLOCX_ALIGN(GT_ALLOC_ALIGN))

struct node_arena {
    extent_hooks_t hooks;  /* first: jemalloc hands its address back to the hooks */
    extent_hooks_t *under; /* jemalloc's own */
    struct gt_arena *owner;
    int32_t node;
    unsigned index;
};

struct back {
    int32_t n;                 /* arenas made */
    struct node_arena arena[]; /* 0: any node; 1 + i: node i, when there are several */
};

static void *bound_extent(extent_hooks_t *h, void *at, size_t size, size_t align, bool *zero,
                          bool *commit, unsigned index)
{
    struct node_arena *na = gt_container(h, struct node_arena, hooks);
    void *p = na->under->alloc(na->under, at, size, align, zero, commit, index);
    if (p && gt_topo_bind_memory(na->owner->topo, p, size, na->node) < 0)
        gt_add_relaxed(&na->owner->unbound, 1u);
    return p;
}

/* jemalloc's own hooks look at their first argument no further than its address, so all
 * but alloc stand as they are: extents split, merge and go back as usual. */
static int hook(struct node_arena *na)
{
    size_t mib[3], words = 3, size = sizeof na->under;
    int rc = mallctlnametomib("arena.0.extent_hooks", mib, &words);
    mib[1] = na->index;
    if (rc == 0) /* read first: a new arena has none before */
        rc = mallctlbymib(mib, words, &na->under, &size, NULL, 0);
    if (rc != 0)
        return -rc;
    na->hooks = *na->under;
    na->hooks.alloc = bound_extent;
    extent_hooks_t *ours = &na->hooks;
    return -mallctlbymib(mib, words, NULL, NULL, &ours, sizeof ours);
}

static void unmake(struct node_arena *na)
{
    size_t mib[3], words = 3;
    if (mallctlnametomib("arena.0.destroy", mib, &words) != 0)
        return;
    mib[1] = na->index;
    if (mallctlbymib(mib, words, NULL, NULL, NULL, 0) != 0) {
        static const char text[] = "alloc: jemalloc will not destroy an arena of ours\n";
        gt_os_print(2, text, sizeof text - 1);
        gt_os_abort(); /* its hooks are about to go */
    }
}

static int make(struct gt_arena *a, struct node_arena *na, int32_t node)
{
    size_t size = sizeof na->index;
    int rc = mallctl("arenas.create", &na->index, &size, NULL, 0);
    if (rc != 0)
        return -rc;
    na->owner = a;
    na->node = node;
    int hooked = node < 0 ? 0 : hook(na);
    if (hooked < 0)
        unmake(na);
    return hooked;
}

static void je_fini(struct gt_arena *a)
{
    struct back *b = a->back;
    for (int32_t i = 0; i < b->n; i++)
        unmake(&b->arena[i]);
    free(b);
}

static int je_init(struct gt_arena *a)
{
    int32_t n = a->nodes > 1 ? 1 + a->nodes : 1;
    struct back *b = calloc(1, sizeof *b + (size_t)n * sizeof b->arena[0]);
    if (!b)
        return -ENOMEM;
    a->back = b;
    for (; b->n < n; b->n++) {
        int rc = make(a, &b->arena[b->n], b->n - 1);
        if (rc < 0) {
            je_fini(a);
            return rc;
        }
    }
    return 0;
}

static void *je_alloc(struct gt_arena *a, size_t size, int32_t node)
{
    struct back *b = a->back;
    unsigned index = b->arena[b->n > 1 ? 1 + node : 0].index;
    return mallocx(size, FLAGS | MALLOCX_ZERO | MALLOCX_ARENA(index));
}

static void je_free(struct gt_arena *a, void *p, size_t size)
{
    (void)a;
    sdallocx(p, size, FLAGS);
}

const struct gt_arena_ops gt_arena_jemalloc = {
    .name = "jemalloc",
    .init = je_init,
    .fini = je_fini,
    .alloc = je_alloc,
    .free = je_free,
};
#endif
