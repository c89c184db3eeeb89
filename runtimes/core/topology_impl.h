/* SPDX-License-Identifier: Apache-2.0 */
/* What topology.c and place.c share. Only they include it. */
#pragma once
#include <hwloc.h>

#include "core/topology.h"
#include "port/port.h"

#define GT_TOPO_CPUS_MAX 8192 /* bits that the kernel is asked for */

struct gt_topo_node {
    hwloc_obj_t obj;
    hwloc_bitmap_t home;   /* CPUs whose home it is, of every kind */
    hwloc_bitmap_t usable; /* of them, those of the chosen kind */
    uint64_t memory;
    int32_t memory_node; /* where its memory comes from: itself or the nearest with some */
};

struct gt_topo_cpukind {
    hwloc_bitmap_t cpus; /* not empty */
    struct gt_topo_kind face;
};

/* What one P may be bound to: a core or a CPU. */
struct gt_topo_unit {
    hwloc_bitmap_t cpus;
    int32_t node;
};

struct gt_topo_units {
    struct gt_topo_unit *v; /* in the order in which they are handed out */
    int32_t n;
};

/* Constant after create and choose_kind. */
struct gt_topo {
    hwloc_topology_t hw;
    bool native;
    int32_t nnodes, nmemory;
    struct gt_topo_node *node;
    int32_t *distance; /* [nnodes * nnodes] */
    int32_t nkinds, kind;
    struct gt_topo_cpukind *kinds;
    struct gt_topo_units cores, cpus; /* of the chosen kind */
};

/* Makes usable, cores and cpus for kind i; on failure the topology is as before.
 * 0 or -ENOMEM. */
int gt_topo_units_make(struct gt_topo *t, int32_t i);
void gt_topo_units_free(struct gt_topo_units *u);
/* Writes the line and returns error. */
int gt_topo_fail(int error, char *err, size_t err_size, const char *fmt, ...) GT_PRINTF(4, 5);
