/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine as a runtime may use it: NUMA nodes, CPUs, distances, and a place
 * for each P. Over hwloc, which no other file but arena.c's hooks needs to know.
 *
 * Nodes have dense indexes 0..n-1 here; the numbers of the operating system may
 * have gaps (gt_topo_node_os). A node without CPUs has an index and memory; no P
 * is placed there. A node without memory lends the nearest that has some.
 *
 * Hybrid machines: a placement uses CPUs of one kind only. The kind with most CPUs
 * is taken, among equals the one with the highest efficiency rank (greater
 * performance); gt_topo_choose_kind overrides it. Distances, nodes and memory are
 * those of the whole machine, gt_topo_cpus and places those of the chosen kind.
 *
 * All functions but create, choose_kind and destroy may be called by any thread
 * at any time: a topology does not change once it is in use.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gauntlet/runtime.h"

struct gt_topo;
struct hwloc_bitmap_s;

/* Where one P lives. Valid while its topology lives; nothing to free. */
struct gt_place {
    int32_t node;      /* home node, for memory: an index, has CPUs */
    enum gt_bind bind; /* NONE: not bound, node is a home only */
    int32_t cpu;       /* lowest CPU of the set, the system's number; -1 when not bound */
    const struct hwloc_bitmap_s *cpuset; /* held by the topology */
};

struct gt_topo_kind {
    int32_t cpus;
    int32_t efficiency; /* rank, higher: faster; -1 unknown */
    bool chosen;
    char name[32]; /* of the firmware or driver, may be empty */
};

/*
 * desc NULL: this machine, as far as this thread may use it (cgroup, affinity of
 * the calling thread, memory binding). Else an hwloc XML file if a file of that
 * name exists, or a synthetic description ("pack:2 [numa] core:4 pu:1"): good
 * for placement only, never native.
 * Context: before the runtime's threads start; hwloc reads the machine once, here.
 * Changes no binding. 0; -ENOENT, -EINVAL, -ENOMEM with one line in err.
 */
int gt_topo_create(const char *desc, struct gt_topo **out, char *err, size_t err_size);
void gt_topo_destroy(struct gt_topo *t); /* NULL: nothing */

/* Is this the machine we run on, and can threads be bound here? Where false nothing
 * may be measured: callers that would, exit 4. */
bool gt_topo_native(const struct gt_topo *t);
int32_t gt_topo_cpus(const struct gt_topo *t);  /* CPUs of the chosen kind */
int32_t gt_topo_nodes(const struct gt_topo *t); /* at least 1 */

/* Of node index `node`, 0.. */
int32_t gt_topo_node_os(const struct gt_topo *t, int32_t node);
int32_t gt_topo_node_cpus(const struct gt_topo *t, int32_t node);    /* chosen kind; 0: no P here */
uint64_t gt_topo_node_memory(const struct gt_topo *t, int32_t node); /* bytes, 0: none */
/* The node whose memory to use for `node`: itself, or the nearest with memory. */
int32_t gt_topo_memory_node(const struct gt_topo *t, int32_t node);
int32_t gt_topo_memory_nodes(const struct gt_topo *t); /* nodes with memory */
/* Index of the operating system's node number, -1 unknown or not ours to use. */
int32_t gt_topo_node_of_os(const struct gt_topo *t, int32_t os_node);

/* As the firmware tells it (10: local); where it is silent 10 for the same node, 20
 * for those that share the nearest common ancestor of the machine, 30 the next.. */
int32_t gt_topo_distance(const struct gt_topo *t, int32_t a, int32_t b);

int32_t gt_topo_kinds(const struct gt_topo *t); /* at least 1 */
void gt_topo_kind(const struct gt_topo *t, int32_t i, struct gt_topo_kind *out);
/* When: before any place is taken from t. 0, -EINVAL. */
int gt_topo_choose_kind(struct gt_topo *t, int32_t i);

/*
 * Fills places[0..procs-1]. Spread over the machine: nodes in proportion to their
 * CPUs, then caches, then cores, second hardware threads last. A place does not
 * depend on procs: a change of procs moves no P that stays.
 *   NODE  all CPUs (of the kind) of the home node; wraps round
 *   CORE  all CPUs of one core, no two Ps on one core
 *   PU    one CPU, no two Ps on one
 *   NONE  not bound; homes as for NODE
 * 0; -ENOSPC, with a line that says how many there are, when CORE or PU cannot be
 * given (callers exit 4); -EINVAL.
 */
int gt_topo_place(const struct gt_topo *t, int32_t procs, enum gt_bind bind,
                  struct gt_place *places, char *err, size_t err_size);

/*
 * Binds the calling thread to p and reads the binding back from the kernel. NONE:
 * does nothing. 0; -ENOTSUP not native; -EXDEV bound, but not to what was asked
 * for (a cpuset forbids some of it); other -errno of the kernel. One line in err.
 */
int gt_topo_bind_thread(const struct gt_topo *t, const struct gt_place *p, char *err,
                        size_t err_size);
/* Makes untouched pages of [p, p+size), page-aligned, come from `node` as long as it
 * has free memory. Nothing to do (0) when not native or with one memory node. -errno:
 * the kernel or a container refuses; the memory is usable, from anywhere. */
int gt_topo_bind_memory(const struct gt_topo *t, void *p, size_t size, int32_t node);

/* One line each, always terminated; return buf. The second tells the binding asked
 * for and the calling thread's binding in effect. */
char *gt_topo_describe(const struct gt_topo *t, char *buf, size_t size);
char *gt_topo_describe_place(const struct gt_topo *t, const struct gt_place *p, char *buf,
                             size_t size);
