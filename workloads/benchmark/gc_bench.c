/* SPDX-License-Identifier: Apache-2.0 */
#include "gc_bench.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/things.h"
#include "gauntlet/atomic.h"

enum { TREE_DEPTH = 8, BLOB_WORDS = 125, CYCLES_LEAST = 10, YIELD_EVERY = 128 };
/* About what a tree and its blobs take: nodes of 56 bytes, as many bytes in blobs. */
#define UNIT_BYTES (2ull * 64 * 255)

struct job {
    const struct gt_gc_bench *b;
    struct gt_gc_bench_result *r;
    const struct gt_runtime_ops *ops;
    struct gt_runtime *rt;
    struct gt_chan *quit;
    struct gt_wg *arrived, *gone;
    gt_a32 over;
    gt_a64 sum;
    int rc;
};

/* ---- Gs ------------------------------------------------------------------------------------ */
static void wait_parked(void *arg)
{
    struct job *j = arg;
    uint64_t v;
    j->ops->wg_done(j->arrived);
    (void)j->ops->chan_recv(j->quit, &v);
    j->ops->wg_done(j->gone);
}

static void be_busy(void *arg)
{
    struct job *j = arg;
    uint64_t x = 1;
    j->ops->wg_done(j->arrived);
    for (uint32_t n = 1; gt_load_relaxed(&j->over) == 0; n++) {
        for (int i = 0; i < 256; i++)
            x = x * 6364136223846793005ull + 1442695040888963407ull;
        if (n % YIELD_EVERY == 0)
            j->ops->yield(); /* else who collects waits for its turn most of the time */
        else
            j->ops->checkpoint();
    }
    gt_add_relaxed(&j->sum, x); /* so that it is really worked out */
    j->ops->wg_done(j->gone);
}

static int start_gs(struct job *j, gt_fn fn, uint32_t n)
{
    j->ops->wg_add(j->arrived, (int32_t)n);
    j->ops->wg_add(j->gone, (int32_t)n);
    for (uint32_t i = 0; i < n; i++) {
        int rc = j->ops->go(fn, j);
        if (rc != 0) {
            j->ops->wg_add(j->arrived, (int32_t)i - (int32_t)n);
            j->ops->wg_add(j->gone, (int32_t)i - (int32_t)n);
            snprintf(j->r->why, sizeof j->r->why, "G %u of %u: %s", i, n, strerror(-rc));
            return rc;
        }
    }
    j->ops->wg_wait(j->arrived);
    return 0;
}

/* ---- the heap ------------------------------------------------------------------------------ */
/* A tree and, in an array, blobs of as many bytes. */
static struct gt_link make_unit(struct gt_maker *m)
{
    uint32_t blobs = (uint32_t)(gt_tree_size(TREE_DEPTH) * 64 / 1024);
    struct gt_link unit = gt_node_new(m, 2);
    struct gt_link array = gt_array_new(m, blobs);
    for (uint32_t i = 0; array.p && i < blobs; i++)
        gt_link_put(m, gt_link_at(array.p, i), gt_blob_new(m, BLOB_WORDS));
    if (!unit.p)
        return unit;
    gt_link_put(m, &unit.p->links[0], array);
    gt_link_put(m, &unit.p->links[1], gt_tree_new(m, TREE_DEPTH, false));
    return unit;
}

static struct gt_link build(struct job *j, struct gt_maker *m)
{
    int64_t start = j->ops->now();
    uint32_t n = (uint32_t)(j->b->heap / UNIT_BYTES) + 1;
    struct gt_link all = gt_array_new(m, n);
    for (uint32_t i = 0; all.p && i < n && m->rc == 0; i++)
        gt_link_put(m, gt_link_at(all.p, i), make_unit(m));
    j->r->build_ns = j->ops->now() - start;
    j->r->objects = m->objects;
    if (m->rc != 0)
        snprintf(j->r->why, sizeof j->r->why, "no memory after %llu objects",
                 (unsigned long long)m->objects);
    return all;
}

/* ---- cycles -------------------------------------------------------------------------------- */
static int64_t only_one(const struct gt_gc_times *before, const struct gt_gc_times *after)
{
    uint64_t n = after->n - before->n;
    return n ? (after->total - before->total) / (int64_t)n : 0;
}

static int one_cycle(struct job *j, struct gt_gc_cycle *c)
{
    struct gt_gc_stats before, after;
    j->ops->gc_stats(j->rt, &before);
    int64_t start = j->ops->now();
    int rc = j->ops->gc();
    c->whole = j->ops->now() - start;
    j->ops->gc_stats(j->rt, &after);
    for (int i = 0; i < GT_GC_STOPS; i++) {
        c->asked[i] = only_one(&before.asked[i], &after.asked[i]);
        c->stopped[i] = only_one(&before.stopped[i], &after.stopped[i]);
    }
    c->mark_cpu = after.mark_ns - before.mark_ns;
    c->marked = after.marked_bytes - before.marked_bytes;
    c->stacks = after.stacks_scanned - before.stacks_scanned;
    return rc;
}

static int run_cycles(struct job *j)
{
    const struct gt_gc_bench *b = j->b;
    struct gt_gc_cycle warm;
    int rc = one_cycle(j, &warm);
    int64_t end = b->most_ns ? j->ops->now() + b->most_ns : INT64_MAX;
    while (rc == 0 && j->r->n < b->cycles &&
           (j->r->n < CYCLES_LEAST || j->ops->now() < end)) {
        rc = one_cycle(j, &j->r->cycle[j->r->n]);
        j->r->n += rc == 0;
    }
    return rc;
}

static void first_g(void *arg)
{
    struct job *j = arg;
    struct gt_maker m;
    gt_maker_init(&m, j->ops, 0);
    j->quit = j->ops->chan_new(sizeof(uint64_t), 0);
    j->arrived = j->ops->wg_new();
    j->gone = j->ops->wg_new();
    if (!j->quit || !j->arrived || !j->gone) {
        j->rc = -ENOMEM;
        return;
    }
    struct gt_link heap = build(j, &m);
    j->rc = m.rc;
    if (j->rc == 0)
        j->rc = start_gs(j, wait_parked, j->b->parked);
    if (j->rc == 0)
        j->rc = start_gs(j, be_busy, j->b->busy);
    if (j->rc == 0)
        j->rc = run_cycles(j);
    gt_store_relaxed(&j->over, 1u);
    (void)j->ops->chan_close(j->quit);
    j->ops->wg_wait(j->gone);
    if (j->rc == 0 && !gt_thing_look(&m, heap))
        snprintf(j->r->why, sizeof j->r->why, "%s", m.why);
    j->ops->gc_stats(j->rt, &j->r->stats);
    j->ops->wg_free(j->arrived);
    j->ops->wg_free(j->gone);
    j->ops->chan_free(j->quit);
}

int gt_gc_bench_run(const struct gt_gc_bench *b, struct gt_gc_bench_result *r)
{
    struct job j = {.b = b, .r = r, .ops = b->ops};
    *r = (struct gt_gc_bench_result){0};
    if (!(b->ops->head.flags & GT_RT_GC)) {
        snprintf(r->why, sizeof r->why, "%s has no collector", b->ops->head.name);
        return -ENOTSUP;
    }
    gt_init(&j.over, 0u);
    gt_init(&j.sum, 0ull);
    r->cycle = calloc(b->cycles, sizeof *r->cycle);
    if (!r->cycle)
        return -ENOMEM;
    int rc = b->ops->create(&b->config, &j.rt, r->why, sizeof r->why);
    if (rc != 0)
        return rc;
    rc = b->ops->run(j.rt, first_g, &j);
    b->ops->destroy(j.rt);
    rc = rc ? rc : j.rc;
    if (rc == 0 && r->why[0])
        rc = -EIO;
    return rc;
}

/* ---- figures ------------------------------------------------------------------------------- */
static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double gt_gc_quantile(double *v, size_t n, double q)
{
    if (n == 0)
        return 0;
    qsort(v, n, sizeof *v, by_value);
    size_t i = (size_t)ceil(q * (double)n);
    return v[i ? i - 1 : 0];
}

double *gt_gc_stops(const struct gt_gc_bench_result *r, int phase, bool whole, size_t *n)
{
    double *v = calloc((size_t)r->n * GT_GC_STOPS + 1, sizeof *v);
    *n = 0;
    for (uint32_t i = 0; v && i < r->n; i++)
        for (int k = 0; k < GT_GC_STOPS; k++)
            if (phase == GT_GC_STOPS || phase == k)
                v[(*n)++] =
                    (double)(whole ? r->cycle[i].stopped[k] : r->cycle[i].asked[k]);
    return v;
}
