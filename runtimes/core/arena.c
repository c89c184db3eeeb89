/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Allocation, whatever the back-end: counting, poisoning, failing on request.
 *
 * I1  live bytes and blocks are the sums of the stripes; a block is counted in the
 *     stripe of its address when it is made and when it goes, so one stripe never
 *     sees one half of it.
 */
#include "core/arena_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/topology.h"

#ifndef GT_DEBUG
#define GT_DEBUG 0
#endif
#define FREED 0xdd /* what freed memory is filled with in debug builds */

static const struct gt_arena_ops *back_end(enum gt_alloc_kind kind)
{
    switch (kind) {
    case GT_ALLOC_JEMALLOC:
#if GT_NO_JEMALLOC
        return &gt_arena_libc;
#else
        return &gt_arena_jemalloc;
#endif
    case GT_ALLOC_BUMP:
        return &gt_arena_bump;
    }
    return NULL;
}

int gt_arena_create(enum gt_alloc_kind kind, const struct gt_topo *topo, struct gt_arena **out,
                    char *err, size_t err_size)
{
    *out = NULL;
    const struct gt_arena_ops *ops = back_end(kind);
    if (!ops) {
        snprintf(err, err_size, "alloc: kind %d: no such thing", (int)kind);
        return -EINVAL;
    }
    struct gt_arena *a = aligned_alloc(GT_CACHE_LINE, sizeof *a);
    int rc = -ENOMEM;
    if (a) {
        memset(a, 0, sizeof *a);
        a->ops = ops;
        a->topo = topo;
        a->nodes = topo ? gt_topo_nodes(topo) : 1;
        rc = ops->init(a);
    }
    if (rc < 0) {
        snprintf(err, err_size, "alloc: %s arena: %s", ops->name, strerror(-rc));
        free(a);
        return rc;
    }
    *out = a;
    return 0;
}

void gt_arena_destroy(struct gt_arena *a)
{
    if (!a)
        return;
    a->ops->fini(a);
    free(a);
}

static struct gt_arena_stripe *stripe_of(struct gt_arena *a, const void *p)
{
    return &a->live[((uintptr_t)p / GT_ALLOC_ALIGN) % GT_ARENA_STRIPES];
}

#if GT_ORACLE
static bool must_fail(struct gt_arena *a)
{
    uint64_t left = gt_load_relaxed(&a->fail);
    while (left != 0)
        if (gt_cas_relaxed(&a->fail, &left, left - 1))
            return left == 1;
    return false;
}

void gt_arena_fail_after(struct gt_arena *a, uint64_t n)
{
    gt_store_relaxed(&a->fail, n);
}

bool gt_arena_fail_pending(const struct gt_arena *a)
{
    return gt_load_relaxed(&a->fail) != 0;
}
#else
static bool must_fail(struct gt_arena *a)
{
    (void)a;
    return false;
}
#endif

void *gt_alloc(struct gt_arena *a, size_t size, int32_t node)
{
    if (size == 0 || size > PTRDIFF_MAX || must_fail(a))
        return NULL;
    void *p = a->ops->alloc(a, size, node < a->nodes ? node : -1);
    if (!p)
        return NULL;
    struct gt_arena_stripe *s = stripe_of(a, p);
    gt_add_relaxed(&s->bytes, size);
    gt_add_relaxed(&s->blocks, 1u);
    return p;
}

void gt_free(struct gt_arena *a, void *p, size_t size)
{
    if (!p)
        return;
    struct gt_arena_stripe *s = stripe_of(a, p);
    gt_sub_relaxed(&s->bytes, size);
    gt_sub_relaxed(&s->blocks, 1u);
    if (GT_DEBUG)
        memset(p, FREED, size);
    a->ops->free(a, p, size);
}

void gt_arena_live(const struct gt_arena *a, struct gt_arena_live *out)
{
    *out = (struct gt_arena_live){.unbound = gt_load_relaxed(&a->unbound)};
    for (int i = 0; i < GT_ARENA_STRIPES; i++) {
        out->bytes += gt_load_relaxed(&a->live[i].bytes);
        out->blocks += gt_load_relaxed(&a->live[i].blocks);
    }
}

void gt_arena_set_live(struct gt_arena *a, uint64_t bytes, uint64_t blocks)
{
    for (int i = 0; i < GT_ARENA_STRIPES; i++) {
        gt_store_relaxed(&a->live[i].bytes, i == 0 ? bytes : 0);
        gt_store_relaxed(&a->live[i].blocks, i == 0 ? blocks : 0);
    }
}

const char *gt_arena_name(const struct gt_arena *a)
{
    return a->ops->name;
}
