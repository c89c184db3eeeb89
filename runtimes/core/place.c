/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places: which P lives where, and binding a thread there.
 *
 * I1  The k-th place depends on the topology, the kind and the way of binding alone,
 *     never on how many places are asked for.
 * I2  Among the first k cores (or CPUs) each part of the tree has its share, by
 *     size, to the nearest whole one: nodes, caches, cores alike.
 */
#include "core/topology_impl.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *gt_bind_name(enum gt_bind b)
{
    switch (b) {
    case GT_BIND_NONE:
        return "none";
    case GT_BIND_PU:
        return "pu";
    case GT_BIND_CORE:
        return "core";
    case GT_BIND_NODE:
        return "node";
    }
    return "?";
}

/* ---- the order of units ------------------------------------------------------- */

struct spread {
    hwloc_obj_type_t type;      /* of a unit */
    hwloc_const_bitmap_t kind;  /* CPUs to use */
    hwloc_obj_t *out, *scratch; /* as many as there are objects of the type */
};

struct lane {
    int32_t at, end; /* not yet taken: scratch[at..end) */
    int32_t taken, size;
};

/* Whose turn it is: the lane that is furthest below its share (I2); the rule is that of
 * seats in a parliament, (2 taken + 1) / size smallest. */
static struct lane *next_lane(struct lane *lane, unsigned n)
{
    struct lane *best = NULL;
    for (unsigned i = 0; i < n; i++) {
        struct lane *l = &lane[i];
        if (l->at == l->end)
            continue;
        if (!best ||
            (2 * (int64_t)l->taken + 1) * best->size < (2 * (int64_t)best->taken + 1) * l->size)
            best = l;
    }
    return best;
}

static void merge(struct spread *s, struct lane *lane, unsigned n, int32_t from, int32_t to)
{
    size_t bytes = (size_t)(to - from) * sizeof *s->out;
    memcpy(s->scratch + from, s->out + from, bytes);
    for (int32_t i = from; i < to; i++) {
        struct lane *l = next_lane(lane, n);
        s->out[i] = s->scratch[l->at++];
        l->taken++;
    }
}

/* Writes the units below obj to out[from..]; returns where they end, or -ENOMEM. */
static int32_t spread_below(struct spread *s, hwloc_obj_t obj, int32_t from)
{
    if (!hwloc_bitmap_intersects(obj->cpuset, s->kind))
        return from;
    if (obj->type == s->type) {
        s->out[from] = obj;
        return from + 1;
    }
    struct lane *lane = calloc(obj->arity ? obj->arity : 1, sizeof *lane);
    if (!lane)
        return -ENOMEM;
    int32_t to = from;
    for (unsigned i = 0; i < obj->arity && to >= 0; i++) {
        lane[i].at = to;
        to = spread_below(s, obj->children[i], to);
        lane[i].end = to;
        lane[i].size = to - lane[i].at;
    }
    if (to >= 0)
        merge(s, lane, obj->arity, from, to);
    free(lane);
    return to;
}

static int32_t home_of(const struct gt_topo *t, hwloc_const_bitmap_t cpus)
{
    for (int32_t i = 0; i < t->nnodes; i++)
        if (hwloc_bitmap_intersects(t->node[i].home, cpus))
            return i;
    return 0;
}

static int fill_units(const struct gt_topo *t, struct spread *s, struct gt_topo_units *u)
{
    int32_t n = spread_below(s, hwloc_get_root_obj(t->hw), 0);
    if (n < 0)
        return n;
    u->v = calloc((size_t)n + 1, sizeof *u->v);
    if (!u->v)
        return -ENOMEM;
    for (; u->n < n; u->n++) {
        struct gt_topo_unit *unit = &u->v[u->n];
        unit->cpus = hwloc_bitmap_dup(s->out[u->n]->cpuset);
        if (!unit->cpus)
            return -ENOMEM;
        hwloc_bitmap_and(unit->cpus, unit->cpus, s->kind);
        unit->node = home_of(t, unit->cpus);
    }
    return 0;
}

static int order_units(const struct gt_topo *t, hwloc_obj_type_t type, hwloc_const_bitmap_t kind,
                       struct gt_topo_units *u)
{
    int objects = hwloc_get_nbobjs_by_type(t->hw, type);
    if (objects < 1) { /* a description without cores: each CPU is one */
        type = HWLOC_OBJ_PU;
        objects = hwloc_get_nbobjs_by_type(t->hw, type);
    }
    struct spread s = {.type = type, .kind = kind};
    s.out = calloc(2 * (size_t)objects, sizeof *s.out);
    if (!s.out)
        return -ENOMEM;
    s.scratch = s.out + objects;
    int rc = fill_units(t, &s, u);
    free(s.out);
    return rc;
}

void gt_topo_units_free(struct gt_topo_units *u)
{
    for (int32_t i = 0; u->v && i < u->n; i++)
        hwloc_bitmap_free(u->v[i].cpus);
    free(u->v);
    u->v = NULL;
    u->n = 0;
}

int gt_topo_units_make(struct gt_topo *t, int32_t i)
{
    hwloc_const_bitmap_t kind = t->kinds[i].cpus;
    struct gt_topo_units cores = {0}, cpus = {0};
    int rc = order_units(t, HWLOC_OBJ_CORE, kind, &cores);
    if (rc == 0)
        rc = order_units(t, HWLOC_OBJ_PU, kind, &cpus);
    if (rc < 0) {
        gt_topo_units_free(&cores);
        gt_topo_units_free(&cpus);
        return rc;
    }
    gt_topo_units_free(&t->cores);
    gt_topo_units_free(&t->cpus);
    t->cores = cores;
    t->cpus = cpus;
    for (int32_t n = 0; n < t->nnodes; n++)
        hwloc_bitmap_and(t->node[n].usable, t->node[n].home, kind);
    return 0;
}

/* ---- places --------------------------------------------------------------------- */

static void place_one(const struct gt_topo *t, int32_t i, enum gt_bind bind, struct gt_place *p)
{
    const struct gt_topo_units *u = bind == GT_BIND_CORE ? &t->cores : &t->cpus;
    const struct gt_topo_unit *unit = &u->v[i % u->n];
    p->bind = bind;
    p->node = unit->node;
    p->cpuset = bind == GT_BIND_NONE   ? NULL
                : bind == GT_BIND_NODE ? t->node[unit->node].usable
                                       : unit->cpus;
    p->cpu = p->cpuset ? hwloc_bitmap_first(p->cpuset) : -1;
}

int gt_topo_place(const struct gt_topo *t, int32_t procs, enum gt_bind bind,
                  struct gt_place *places, char *err, size_t err_size)
{
    if (procs < 0 || (unsigned)bind > GT_BIND_NODE)
        return gt_topo_fail(-EINVAL, err, err_size, "bind: %d places, binding %d: no such thing",
                            procs, (int)bind);
    if (bind == GT_BIND_CORE && procs > t->cores.n)
        return gt_topo_fail(-ENOSPC, err, err_size,
                            "bind=core: %d procs wanted, %d core%s may be used: lower procs, or "
                            "use bind=node",
                            procs, t->cores.n, t->cores.n == 1 ? "" : "s");
    if (bind == GT_BIND_PU && procs > t->cpus.n)
        return gt_topo_fail(-ENOSPC, err, err_size,
                            "bind=pu: %d procs wanted, %d CPU%s may be used: lower procs, or use "
                            "bind=node",
                            procs, t->cpus.n, t->cpus.n == 1 ? "" : "s");
    for (int32_t i = 0; i < procs; i++)
        place_one(t, i, bind, &places[i]);
    return 0;
}

/* ---- binding ---------------------------------------------------------------------- */

/* The calling thread's CPUs as the kernel tells them, not as hwloc remembers. */
static int effective(hwloc_bitmap_t set)
{
    uint64_t mask[GT_TOPO_CPUS_MAX / 64];
    int rc = gt_os_affinity(mask, GT_TOPO_CPUS_MAX / 64);
    hwloc_bitmap_zero(set);
    for (unsigned i = 0; rc == 0 && i < GT_TOPO_CPUS_MAX / 64; i++)
        if (mask[i] && hwloc_bitmap_set_ith_ulong(set, i, mask[i]) != 0)
            rc = -ENOMEM;
    return rc;
}

static int check_binding(const struct gt_place *p, hwloc_bitmap_t got, char *err, size_t n)
{
    int rc = effective(got);
    if (rc < 0)
        return gt_topo_fail(rc, err, n, "bind=%s: cannot read the binding back: %s",
                            gt_bind_name(p->bind), strerror(-rc));
    if (hwloc_bitmap_isequal(got, p->cpuset))
        return 0;
    char want[96], have[96];
    hwloc_bitmap_list_snprintf(want, sizeof want, p->cpuset);
    hwloc_bitmap_list_snprintf(have, sizeof have, got);
    return gt_topo_fail(-EXDEV, err, n,
                        "bind=%s: CPUs %s asked for, %s in effect: a cpuset or another program "
                        "changed what this process may use",
                        gt_bind_name(p->bind), want, have);
}

int gt_topo_bind_thread(const struct gt_topo *t, const struct gt_place *p, char *err,
                        size_t err_size)
{
    if (p->bind == GT_BIND_NONE)
        return 0;
    if (!t->native)
        return gt_topo_fail(-ENOTSUP, err, err_size,
                            "bind=%s: the topology is a description, not this machine",
                            gt_bind_name(p->bind));
    if (hwloc_set_cpubind(t->hw, p->cpuset, HWLOC_CPUBIND_THREAD | HWLOC_CPUBIND_STRICT) != 0) {
        int error = errno;
        char want[96];
        hwloc_bitmap_list_snprintf(want, sizeof want, p->cpuset);
        return gt_topo_fail(-error, err, err_size, "bind=%s: the kernel refuses CPUs %s: %s",
                            gt_bind_name(p->bind), want, strerror(error));
    }
    hwloc_bitmap_t got = hwloc_bitmap_alloc();
    if (!got)
        return gt_topo_fail(-ENOMEM, err, err_size, "bind: out of memory");
    int rc = check_binding(p, got, err, err_size);
    hwloc_bitmap_free(got);
    return rc;
}

int gt_topo_bind_memory(const struct gt_topo *t, void *p, size_t size, int32_t node)
{
    if (!t->native || t->nmemory < 2)
        return 0;
    hwloc_obj_t obj = t->node[t->node[node].memory_node].obj;
    /* Not STRICT: when the node is full the kernel takes another instead of killing us. */
    if (hwloc_set_area_membind(t->hw, p, size, obj->nodeset, HWLOC_MEMBIND_BIND,
                               HWLOC_MEMBIND_BYNODESET) != 0)
        return -errno;
    return 0;
}

/* ---- text ---------------------------------------------------------------------- */

GT_PRINTF(4, 5)
static size_t append(char *buf, size_t size, size_t at, const char *fmt, ...)
{
    va_list args;
    if (at + 1 >= size)
        return at;
    va_start(args, fmt);
    int n = vsnprintf(buf + at, size - at, fmt, args);
    va_end(args);
    if (n < 0)
        return at;
    return at + (size_t)n < size ? at + (size_t)n : size - 1;
}

char *gt_topo_describe(const struct gt_topo *t, char *buf, size_t size)
{
    size_t at =
        append(buf, size, 0, "%s topology, %d CPU%s in %d core%s, %d node%s (",
               t->native ? "native" : "described", t->cpus.n, t->cpus.n == 1 ? "" : "s", t->cores.n,
               t->cores.n == 1 ? "" : "s", t->nnodes, t->nnodes == 1 ? "" : "s");
    for (int32_t i = 0; i < t->nnodes; i++) {
        char cpus[96];
        hwloc_bitmap_list_snprintf(cpus, sizeof cpus, t->node[i].usable);
        at = append(buf, size, at, "%s%d: %s%s", i ? "; " : "", gt_topo_node_os(t, i),
                    cpus[0] ? "CPUs " : "memory only", cpus);
    }
    at = append(buf, size, at, ")");
    const struct gt_topo_kind *k = &t->kinds[t->kind].face;
    if (t->nkinds > 1)
        append(buf, size, at, ", kind %d of %d%s%s", t->kind, t->nkinds, k->name[0] ? " " : "",
               k->name);
    return buf;
}

char *gt_topo_describe_place(const struct gt_topo *t, const struct gt_place *p, char *buf,
                             size_t size)
{
    char want[96] = "any", have[96] = "unknown";
    if (p->cpuset)
        hwloc_bitmap_list_snprintf(want, sizeof want, p->cpuset);
    hwloc_bitmap_t got = hwloc_bitmap_alloc();
    if (got && effective(got) == 0)
        hwloc_bitmap_list_snprintf(have, sizeof have, got);
    hwloc_bitmap_free(got);
    append(buf, size, 0, "bind=%s node %d: CPUs %s asked for, %s in effect", gt_bind_name(p->bind),
           gt_topo_node_os(t, p->node), want, have);
    return buf;
}
