/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the threads of a peer run: the same places, by the same rules, as the Ps of gmp have.
 *
 * Use: peer_places_init before any thread; then each thread binds itself to a place of its own
 * (peer_places_bind), or all of them to as many CPUs as there are Ps (peer_places_bind_all).
 */
#pragma once
#include <errno.h>
#include <hwloc.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef __cplusplus
extern "C" {
#include "core/topology.h"
}
#else
#include "core/topology.h"
#endif

struct peer_places {
    struct gt_topo *topo;
    struct gt_place *place; /* of each P */
    hwloc_bitmap_t all;     /* one CPU of each place; NULL: no limit */
    int32_t procs;
    enum gt_bind bind;
};

static inline void peer_places_fini(struct peer_places *p)
{
    hwloc_bitmap_free(p->all);
    free(p->place);
    gt_topo_destroy(p->topo);
    p->all = NULL;
    p->place = NULL;
    p->topo = NULL;
}

static inline int peer_places_no_memory(char *err, size_t size)
{
    snprintf(err, size, "out of memory for the places of the Ps");
    return -ENOMEM;
}

/* 0, or negative errno with one line in err and nothing left. */
static inline int peer_places_init(struct peer_places *p, const struct gt_config *c, char *err,
                                   size_t size)
{
    p->topo = NULL;
    p->all = NULL;
    p->place = NULL;
    p->procs = c->procs;
    p->bind = c->bind;
    if (c->procs < 1 || c->procs > GT_PROCS_MAX) {
        snprintf(err, size, "procs is %d; it must be 1 to %d", c->procs, GT_PROCS_MAX);
        return -EINVAL;
    }
    p->place = (struct gt_place *)calloc((size_t)c->procs, sizeof *p->place);
    int rc = p->place ? gt_topo_create(c->topology, &p->topo, err, size)
                      : peer_places_no_memory(err, size);
    if (rc == 0 && c->bind != GT_BIND_NONE && !gt_topo_native(p->topo)) {
        snprintf(err, size, "bind=%s: the topology is a description, not this machine",
                 gt_bind_name(c->bind));
        rc = -ENOTSUP;
    }
    if (rc == 0)
        rc = gt_topo_place(p->topo, c->procs, c->bind, p->place, err, size);
    if (rc != 0)
        peer_places_fini(p);
    return rc;
}

/* The calling thread, to the i-th place. As gt_topo_bind_thread: read back from the kernel. */
static inline int peer_places_bind(const struct peer_places *p, int32_t i, char *err, size_t size)
{
    return gt_topo_bind_thread(p->topo, &p->place[i], err, size);
}

/* The place that is one CPU of each: p->all, or NULL: unbound, with as many Ps as CPUs. 0, or
 * negative errno with one line in err. */
static inline int peer_places_limit(struct peer_places *p, char *err, size_t size)
{
    if (!gt_topo_native(p->topo) ||
        (p->bind == GT_BIND_NONE && p->procs >= gt_topo_cpus(p->topo)))
        return 0;
    /* NONE and NODE name no CPU: those that binding by PU would take. */
    bool named = p->bind == GT_BIND_PU || p->bind == GT_BIND_CORE;
    enum gt_bind how = named ? p->bind : GT_BIND_PU;
    int32_t n = p->procs < gt_topo_cpus(p->topo) ? p->procs : gt_topo_cpus(p->topo);
    int rc = named ? 0 : gt_topo_place(p->topo, n, how, p->place, err, size);
    p->all = hwloc_bitmap_alloc();
    for (int32_t i = 0; i < n && rc == 0 && p->all; i++)
        hwloc_bitmap_set(p->all, (unsigned)p->place[i].cpu);
    return p->all ? rc : peer_places_no_memory(err, size);
}

/* The calling thread, and so each that it makes from now on, to as many CPUs as there are Ps. */
static inline int peer_places_bind_all(const struct peer_places *p, char *err, size_t size)
{
    struct gt_place all = {0, GT_BIND_PU, -1, p->all};
    if (!p->all)
        return 0;
    all.cpu = hwloc_bitmap_first(p->all);
    return gt_topo_bind_thread(p->topo, &all, err, size);
}
