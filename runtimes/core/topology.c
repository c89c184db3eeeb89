/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the machine through hwloc.
 *
 * I1  Node indexes ascend with the operating system's numbers and have no gaps.
 * I2  Each CPU has one home node: of the nodes that hwloc calls local to it the one
 *     with fewest CPUs, among equals the first. Slower memory (CXL, HBM) near a node
 *     with CPUs is local to them too and numbered after it, so it is nobody's home.
 * I3  native implies: the topology was read from this kernel, hwloc can bind a
 *     thread, and every CPU in it was allowed to the thread that called create.
 *     hwloc binds "successfully" on a described machine, so its answer alone proves
 *     nothing.
 * Limits: GT_TOPO_CPUS_MAX CPU numbers.
 */
#include "core/topology_impl.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int gt_topo_fail(int error, char *err, size_t err_size, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    if (err && err_size)
        vsnprintf(err, err_size, fmt, args);
    va_end(args);
    return error;
}

/* ---- loading ---------------------------------------------------------------- */

static int set_source(struct gt_topo *t, const char *desc, char *err, size_t n)
{
    if (!desc)
        return 0;
    if (access(desc, F_OK) == 0) {
        if (hwloc_topology_set_xml(t->hw, desc) != 0)
            return gt_topo_fail(-EINVAL, err, n, "topology: %s is no hwloc XML file", desc);
        return 0;
    }
    if (strchr(desc, ':') == NULL)
        return gt_topo_fail(-ENOENT, err, n,
                            "topology: '%s' is neither a file nor a synthetic description such as "
                            "'pack:2 [numa] core:4 pu:1'",
                            desc);
    if (hwloc_topology_set_synthetic(t->hw, desc) != 0)
        return gt_topo_fail(-EINVAL, err, n,
                            "topology: '%s' is no synthetic description that hwloc understands",
                            desc);
    return 0;
}

/* Leaves the CPUs that the calling thread may run on. Nodes stay: their memory may be
 * used from elsewhere. */
static int restrict_to_affinity(struct gt_topo *t, char *err, size_t n)
{
    uint64_t mask[GT_TOPO_CPUS_MAX / 64];
    int rc = gt_os_affinity(mask, GT_TOPO_CPUS_MAX / 64);
    if (rc < 0)
        return gt_topo_fail(rc, err, n, "topology: cannot read this thread's CPU affinity: %s",
                            strerror(-rc));
    hwloc_bitmap_t set = hwloc_bitmap_alloc();
    if (!set)
        return gt_topo_fail(-ENOMEM, err, n, "topology: out of memory");
    for (unsigned i = 0; i < GT_TOPO_CPUS_MAX / 64; i++)
        if (hwloc_bitmap_set_ith_ulong(set, i, mask[i]) != 0)
            rc = -ENOMEM;
    if (rc == 0 && hwloc_topology_restrict(t->hw, set, 0) != 0)
        rc = -errno;
    hwloc_bitmap_free(set);
    if (rc < 0)
        gt_topo_fail(rc, err, n, "topology: hwloc knows none of the CPUs that this thread may use");
    return rc;
}

/* Leaves the nodes that a memory policy of the caller (numactl --membind) names. */
static int restrict_to_memory_policy(struct gt_topo *t, char *err, size_t n)
{
    hwloc_bitmap_t set = hwloc_bitmap_alloc();
    if (!set)
        return gt_topo_fail(-ENOMEM, err, n, "topology: out of memory");
    hwloc_membind_policy_t policy = HWLOC_MEMBIND_DEFAULT;
    int rc = 0;
    if (hwloc_get_membind(t->hw, set, &policy, HWLOC_MEMBIND_BYNODESET) == 0 &&
        (policy == HWLOC_MEMBIND_BIND || policy == HWLOC_MEMBIND_INTERLEAVE) &&
        hwloc_bitmap_intersects(set, hwloc_topology_get_topology_nodeset(t->hw)) &&
        hwloc_topology_restrict(t->hw, set, HWLOC_RESTRICT_FLAG_BYNODESET) != 0)
        rc = gt_topo_fail(-ENOMEM, err, n,
                          "topology: cannot leave out the nodes without memory policy");
    hwloc_bitmap_free(set);
    return rc;
}

/* hwloc's own RESTRICT_TO_CPUBINDING looks at the binding of all threads of the process;
 * what counts is the calling thread's, which the runtime's threads inherit. So it is
 * done here, once it is known that the source is this machine: HWLOC_SYNTHETIC and
 * HWLOC_XMLFILE in the environment can make it another (HWLOC_THISSYSTEM=1 says that
 * the file describes this one; then we believe it). */
static int load(struct gt_topo *t, const char *desc, char *err, size_t n)
{
    if (hwloc_topology_init(&t->hw) != 0) {
        t->hw = NULL;
        return gt_topo_fail(-ENOMEM, err, n, "topology: hwloc cannot start");
    }
    int rc = set_source(t, desc, err, n);
    if (rc < 0)
        return rc;
    if (hwloc_topology_set_flags(t->hw, HWLOC_TOPOLOGY_FLAG_DONT_CHANGE_BINDING) != 0 ||
        hwloc_topology_load(t->hw) != 0)
        return gt_topo_fail(-EINVAL, err, n, "topology: hwloc cannot read %s",
                            desc ? desc : "this machine");
    const struct hwloc_topology_support *can = hwloc_topology_get_support(t->hw);
    t->native =
        !desc && hwloc_topology_is_thissystem(t->hw) == 1 && can->cpubind->set_thisthread_cpubind;
    if (!t->native)
        return 0;
    rc = restrict_to_affinity(t, err, n);
    return rc < 0 ? rc : restrict_to_memory_policy(t, err, n);
}

/* ---- nodes ------------------------------------------------------------------ */

static int read_nodes(struct gt_topo *t)
{
    hwloc_const_nodeset_t set = hwloc_topology_get_topology_nodeset(t->hw);
    int count = hwloc_bitmap_weight(set);
    if (count < 1)
        return -EINVAL;
    t->node = calloc((size_t)count, sizeof *t->node);
    if (!t->node)
        return -ENOMEM;
    for (int os = hwloc_bitmap_first(set); os >= 0; os = hwloc_bitmap_next(set, os)) {
        struct gt_topo_node *node = &t->node[t->nnodes];
        node->obj = hwloc_get_numanode_obj_by_os_index(t->hw, (unsigned)os);
        if (!node->obj)
            return -EINVAL;
        node->memory = node->obj->attr->numanode.local_memory;
        node->home = hwloc_bitmap_alloc();
        node->usable = hwloc_bitmap_alloc();
        t->nnodes++;
        if (!node->home || !node->usable)
            return -ENOMEM;
    }
    return 0;
}

/* A machine described without memory sizes has memory everywhere. */
static void count_memory(struct gt_topo *t)
{
    uint64_t sum = 0;
    for (int32_t i = 0; i < t->nnodes; i++)
        sum += t->node[i].memory;
    for (int32_t i = 0; i < t->nnodes; i++) {
        if (sum == 0)
            t->node[i].memory = 1;
        t->nmemory += t->node[i].memory > 0;
    }
}

/* The node that pu calls home (I2); -1 when no node is local to it. */
static int32_t local_node(const struct gt_topo *t, hwloc_obj_t pu)
{
    int32_t best = -1;
    int best_cpus = 0;
    for (int32_t i = 0; i < t->nnodes; i++) {
        hwloc_obj_t obj = t->node[i].obj;
        if (!hwloc_bitmap_isset(obj->cpuset, pu->os_index))
            continue;
        int cpus = hwloc_bitmap_weight(obj->cpuset);
        if (best < 0 || cpus < best_cpus) {
            best = i;
            best_cpus = cpus;
        }
    }
    return best;
}

/* A CPU whose own node was left out: the first node of the nearest ancestor with any. */
static int32_t inherited_node(const struct gt_topo *t, hwloc_obj_t pu)
{
    for (hwloc_obj_t up = pu->parent; up; up = up->parent)
        for (int32_t i = 0; i < t->nnodes; i++)
            if (hwloc_bitmap_isset(up->nodeset, t->node[i].obj->os_index))
                return i;
    return 0;
}

static int find_homes(struct gt_topo *t)
{
    hwloc_obj_t pu = NULL;
    while ((pu = hwloc_get_next_obj_by_type(t->hw, HWLOC_OBJ_PU, pu)) != NULL) {
        int32_t node = local_node(t, pu);
        if (node < 0)
            node = inherited_node(t, pu);
        if (hwloc_bitmap_set(t->node[node].home, pu->os_index) != 0)
            return -ENOMEM;
    }
    return 0;
}

/* ---- distances ---------------------------------------------------------------- */

static int ancestor_depth(const struct gt_topo *t, int32_t a, int32_t b)
{
    hwloc_obj_t pa = t->node[a].obj->parent, pb = t->node[b].obj->parent;
    return hwloc_get_common_ancestor_obj(t->hw, pa, pb)->depth;
}

/* 20 for pairs with the deepest common ancestor of all pairs, 30 for the next depth.. */
static void guess_distances(struct gt_topo *t)
{
    int32_t n = t->nnodes;
    int32_t value = 20;
    for (int depth = hwloc_topology_get_depth(t->hw); depth >= 0; depth--) {
        bool met = false;
        for (int32_t i = 0; i < n * n; i++) {
            if (i / n == i % n) {
                t->distance[i] = 10;
            } else if (ancestor_depth(t, i / n, i % n) == depth) {
                t->distance[i] = value;
                met = true;
            }
        }
        value += met ? 10 : 0;
    }
}

static int32_t index_of(const struct gt_topo *t, hwloc_obj_t obj)
{
    for (int32_t i = 0; i < t->nnodes; i++)
        if (t->node[i].obj == obj)
            return i;
    return -1;
}

static void take_distances(struct gt_topo *t, const struct hwloc_distances_s *d)
{
    for (unsigned i = 0; i < d->nbobjs; i++) {
        for (unsigned j = 0; j < d->nbobjs; j++) {
            int32_t a = index_of(t, d->objs[i]), b = index_of(t, d->objs[j]);
            uint64_t v = d->values[i * d->nbobjs + j];
            if (a >= 0 && b >= 0 && v > 0 && v <= INT32_MAX)
                t->distance[a * t->nnodes + b] = (int32_t)v;
        }
    }
}

static int read_distances(struct gt_topo *t)
{
    t->distance = calloc((size_t)t->nnodes * (size_t)t->nnodes, sizeof *t->distance);
    if (!t->distance)
        return -ENOMEM;
    guess_distances(t);
    struct hwloc_distances_s *d = NULL;
    unsigned n = 1;
    if (hwloc_distances_get_by_type(t->hw, HWLOC_OBJ_NUMANODE, &n, &d,
                                    HWLOC_DISTANCES_KIND_MEANS_LATENCY, 0) == 0 &&
        n > 0 && d) {
        take_distances(t, d);
        hwloc_distances_release(t->hw, d);
    }
    return 0;
}

static void lend_memory(struct gt_topo *t)
{
    for (int32_t i = 0; i < t->nnodes; i++) {
        int32_t best = i;
        for (int32_t j = 0; j < t->nnodes && t->node[i].memory == 0; j++)
            if (t->node[j].memory > 0 &&
                (best == i || gt_topo_distance(t, i, j) < gt_topo_distance(t, i, best)))
                best = j;
        t->node[i].memory_node = best;
    }
}

/* ---- kinds -------------------------------------------------------------------- */

static const char *kind_name(const struct hwloc_info_s *infos, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (strcmp(infos[i].name, "CoreType") == 0)
            return infos[i].value;
    return "";
}

/* Adds a kind of the CPUs in set that are ours; none: nothing. */
static int add_kind(struct gt_topo *t, hwloc_const_bitmap_t set, int efficiency, const char *name)
{
    struct gt_topo_cpukind *k = &t->kinds[t->nkinds];
    k->cpus = hwloc_bitmap_dup(set);
    if (!k->cpus)
        return -ENOMEM;
    hwloc_bitmap_and(k->cpus, k->cpus, hwloc_topology_get_topology_cpuset(t->hw));
    k->face.cpus = hwloc_bitmap_weight(k->cpus);
    k->face.efficiency = efficiency;
    snprintf(k->face.name, sizeof k->face.name, "%s", name);
    if (k->face.cpus > 0) {
        t->nkinds++;
    } else {
        hwloc_bitmap_free(k->cpus);
        k->cpus = NULL;
    }
    return 0;
}

/* Every CPU is of one kind; those that hwloc says nothing about are the last. */
static int add_kinds(struct gt_topo *t, int known, hwloc_bitmap_t set, hwloc_bitmap_t rest)
{
    hwloc_bitmap_copy(rest, hwloc_topology_get_topology_cpuset(t->hw));
    for (int i = 0; i < known; i++) {
        int efficiency = -1;
        unsigned ninfos = 0;
        struct hwloc_info_s *infos = NULL;
        if (hwloc_cpukinds_get_info(t->hw, (unsigned)i, set, &efficiency, &ninfos, &infos, 0) != 0)
            continue;
        int rc = add_kind(t, set, efficiency, kind_name(infos, ninfos));
        if (rc < 0)
            return rc;
        hwloc_bitmap_andnot(rest, rest, set);
    }
    int rc = add_kind(t, rest, known > 0 ? -1 : 0, "");
    return rc < 0 ? rc : t->nkinds > 0 ? 0 : -EINVAL;
}

static int read_kinds(struct gt_topo *t)
{
    int known = hwloc_cpukinds_get_nr(t->hw, 0);
    if (known < 0)
        known = 0;
    t->kinds = calloc((size_t)known + 1, sizeof *t->kinds);
    hwloc_bitmap_t set = hwloc_bitmap_alloc(), rest = hwloc_bitmap_alloc();
    int rc = t->kinds && set && rest ? add_kinds(t, known, set, rest) : -ENOMEM;
    hwloc_bitmap_free(set);
    hwloc_bitmap_free(rest);
    return rc;
}

static int32_t usual_kind(const struct gt_topo *t)
{
    int32_t best = 0;
    for (int32_t i = 1; i < t->nkinds; i++) {
        const struct gt_topo_kind *k = &t->kinds[i].face, *b = &t->kinds[best].face;
        if (k->cpus > b->cpus || (k->cpus == b->cpus && k->efficiency > b->efficiency))
            best = i;
    }
    return best;
}

/* ---- interface ------------------------------------------------------------------ */

static int read_machine(struct gt_topo *t)
{
    int rc = read_nodes(t);
    if (rc < 0)
        return rc;
    count_memory(t);
    if ((rc = find_homes(t)) < 0 || (rc = read_distances(t)) < 0 || (rc = read_kinds(t)) < 0)
        return rc;
    lend_memory(t);
    return gt_topo_choose_kind(t, usual_kind(t));
}

int gt_topo_create(const char *desc, struct gt_topo **out, char *err, size_t err_size)
{
    *out = NULL;
    struct gt_topo *t = calloc(1, sizeof *t);
    if (!t)
        return gt_topo_fail(-ENOMEM, err, err_size, "topology: out of memory");
    int rc = load(t, desc, err, err_size);
    if (rc == 0 && (rc = read_machine(t)) < 0)
        gt_topo_fail(rc, err, err_size, "topology: %s: %s", desc ? desc : "this machine",
                     rc == -ENOMEM ? "out of memory" : "no usable CPU or node in it");
    if (rc < 0)
        gt_topo_destroy(t);
    else
        *out = t;
    return rc;
}

void gt_topo_destroy(struct gt_topo *t)
{
    if (!t)
        return;
    for (int32_t i = 0; i < t->nnodes; i++) {
        hwloc_bitmap_free(t->node[i].home);
        hwloc_bitmap_free(t->node[i].usable);
    }
    for (int32_t i = 0; i < t->nkinds; i++)
        hwloc_bitmap_free(t->kinds[i].cpus);
    gt_topo_units_free(&t->cores);
    gt_topo_units_free(&t->cpus);
    free(t->node);
    free(t->kinds);
    free(t->distance);
    if (t->hw)
        hwloc_topology_destroy(t->hw);
    free(t);
}

bool gt_topo_native(const struct gt_topo *t)
{
    return t->native;
}

int32_t gt_topo_cpus(const struct gt_topo *t)
{
    return t->cpus.n;
}

int32_t gt_topo_nodes(const struct gt_topo *t)
{
    return t->nnodes;
}

int32_t gt_topo_node_os(const struct gt_topo *t, int32_t node)
{
    return (int32_t)t->node[node].obj->os_index;
}

int32_t gt_topo_node_cpus(const struct gt_topo *t, int32_t node)
{
    return hwloc_bitmap_weight(t->node[node].usable);
}

uint64_t gt_topo_node_memory(const struct gt_topo *t, int32_t node)
{
    return t->node[node].memory;
}

int32_t gt_topo_memory_node(const struct gt_topo *t, int32_t node)
{
    return t->node[node].memory_node;
}

int32_t gt_topo_memory_nodes(const struct gt_topo *t)
{
    return t->nmemory;
}

int32_t gt_topo_node_of_os(const struct gt_topo *t, int32_t os_node)
{
    for (int32_t i = 0; i < t->nnodes; i++)
        if (gt_topo_node_os(t, i) == os_node)
            return i;
    return -1;
}

int32_t gt_topo_distance(const struct gt_topo *t, int32_t a, int32_t b)
{
    return t->distance[a * t->nnodes + b];
}

int32_t gt_topo_kinds(const struct gt_topo *t)
{
    return t->nkinds;
}

void gt_topo_kind(const struct gt_topo *t, int32_t i, struct gt_topo_kind *out)
{
    *out = t->kinds[i].face;
    out->chosen = i == t->kind;
}

int gt_topo_choose_kind(struct gt_topo *t, int32_t i)
{
    if (i < 0 || i >= t->nkinds)
        return -EINVAL;
    int rc = gt_topo_units_make(t, i);
    if (rc == 0)
        t->kind = i;
    return rc;
}
