/* SPDX-License-Identifier: Apache-2.0 */
/* Reading topologies, places, binding. Described machines: synthetic and tests/data. */
#include "core/topology.h"

#include <errno.h>
#include <hwloc.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

/* Two packages of two nodes, four cores each, two hardware threads a core. */
#define TWO_BY_TWO "pack:2 group:2 [numa(memory=1073741824)] l3:1 core:4 pu:2"

static char err[256];

static const char *data(const char *name)
{
    static char path[1024];
    const char *root = getenv("GT_SOURCE_DIR");
    if (root) {
        snprintf(path, sizeof path, "%s/tests/data/%s", root, name);
    } else {
        const char *slash = strrchr(__FILE__, '/');
        int folder = slash ? (int)(slash + 1 - __FILE__) : 0;
        snprintf(path, sizeof path, "%.*s../data/%s", folder, __FILE__, name);
    }
    return path;
}

static struct gt_topo *load(const char *desc)
{
    struct gt_topo *t = NULL;
    err[0] = '\0';
    int rc = gt_topo_create(desc, &t, err, sizeof err);
    if (rc != 0)
        bail_out("topology %s: %s", desc ? desc : "of this machine", err);
    return t;
}

static bool same_set(const struct gt_place *p, const char *want)
{
    char got[128] = "none";
    if (p->cpuset)
        hwloc_bitmap_list_snprintf(got, sizeof got, p->cpuset);
    if (strcmp(got, want) == 0)
        return true;
    diag("set is %s", got);
    return false;
}

/* ---- described machines ------------------------------------------------------------ */

static void described(void)
{
    struct gt_topo *t = load(TWO_BY_TWO);
    ok(!gt_topo_native(t), "a description is not native");
    is_int(gt_topo_nodes(t), 4, "nodes");
    is_int(gt_topo_cpus(t), 32, "CPUs");
    is_int(gt_topo_memory_nodes(t), 4, "nodes with memory");
    is_int(gt_topo_node_memory(t, 3), 1073741824, "memory of a node");
    is_int(gt_topo_node_cpus(t, 3), 8, "CPUs of a node");
    is_int(gt_topo_distance(t, 2, 2), 10, "no distances given: a node to itself");
    is_int(gt_topo_distance(t, 2, 3), 20, "inside a package");
    is_int(gt_topo_distance(t, 1, 2), 30, "across packages");
    is_int(gt_topo_distance(t, 2, 1), 30, "and back");
    is_int(gt_topo_kinds(t), 1, "one kind of CPU");

    struct gt_place p;
    is_int(gt_topo_place(t, 1, GT_BIND_CORE, &p, err, sizeof err), 0, "places are given");
    is_int(gt_topo_bind_thread(t, &p, err, sizeof err), -ENOTSUP, "but no thread is bound to one");
    ok(strstr(err, "description"), "and the line says why: %s", err);
    char page[64];
    is_int(gt_topo_bind_memory(t, page, sizeof page, 1), 0, "memory is left as it is");
    char text[256];
    diag("%s", gt_topo_describe(t, text, sizeof text));
    ok(strstr(text, "described") && strstr(text, "32 CPUs in 16 cores, 4 nodes"),
       "a line about it");
    char tiny[8];
    is_str(gt_topo_describe(t, tiny, sizeof tiny), "describ", "cut to its buffer");
    gt_topo_destroy(t);
}

static void rejected(void)
{
    struct gt_topo *t = (struct gt_topo *)(void *)&t;
    is_int(gt_topo_create("/nonexistent.xml", &t, err, sizeof err), -ENOENT, "no such file");
    ok(t == NULL && strstr(err, "/nonexistent.xml"), "named: %s", err);
    is_int(gt_topo_create("pack:x core:2", &t, err, sizeof err), -EINVAL, "no description");
    ok(t == NULL && strstr(err, "pack:x"), "named: %s", err);
    gt_topo_destroy(NULL);
}

/* hwloc would take these from the environment and bind "successfully". */
static void environment(void)
{
    setenv("HWLOC_SYNTHETIC", TWO_BY_TWO, 1);
    struct gt_topo *t = load(NULL);
    is_int(gt_topo_cpus(t), 32, "HWLOC_SYNTHETIC stands for this machine");
    ok(!gt_topo_native(t), "but is not native");
    gt_topo_destroy(t);
    unsetenv("HWLOC_SYNTHETIC");
}

/* ---- places --------------------------------------------------------------------------- */

static void spread_over_nodes(void)
{
    struct gt_topo *t = load(TWO_BY_TWO);
    struct gt_place p[40];
    is_int(gt_topo_place(t, 16, GT_BIND_CORE, p, err, sizeof err), 0, "16 cores");
    ok(p[0].node == 0 && p[1].node == 2 && p[2].node == 1 && p[3].node == 3 && p[4].node == 0,
       "one package, then the other; one node, then the other");
    ok(same_set(&p[0], "0-1") && same_set(&p[1], "16-17") && same_set(&p[2], "8-9"),
       "a core is all its CPUs");
    hwloc_bitmap_t all = hwloc_bitmap_alloc();
    bool apart = true;
    for (int i = 0; i < 16; i++) {
        apart &= !hwloc_bitmap_intersects(all, p[i].cpuset);
        hwloc_bitmap_or(all, all, p[i].cpuset);
    }
    ok(apart && hwloc_bitmap_weight(all) == 32, "no two on one core, every core used");
    hwloc_bitmap_free(all);

    is_int(gt_topo_place(t, 32, GT_BIND_PU, p, err, sizeof err), 0, "32 CPUs");
    bool first_threads = true;
    for (int i = 0; i < 16; i++)
        first_threads &= p[i].cpu % 2 == 0;
    ok(first_threads, "second hardware threads come last");
    is_int(p[16].cpu, 1, "the seventeenth is the second thread of the first core");

    is_int(gt_topo_place(t, 17, GT_BIND_CORE, p, err, sizeof err), -ENOSPC, "17 cores: refused");
    ok(strstr(err, "17 procs") && strstr(err, "16 cores"), "with the count: %s", err);
    is_int(gt_topo_place(t, 33, GT_BIND_PU, p, err, sizeof err), -ENOSPC, "33 CPUs: refused");
    ok(strstr(err, "32 CPUs"), "with the count: %s", err);
    gt_topo_destroy(t);
}

static void wraps(void)
{
    struct gt_topo *t = load(TWO_BY_TWO);
    struct gt_place p[40];
    is_int(gt_topo_place(t, 40, GT_BIND_NODE, p, err, sizeof err), 0, "40 on nodes: wraps round");
    int on[4] = {0};
    for (int i = 0; i < 40; i++)
        on[p[i].node]++;
    ok(on[0] == 10 && on[1] == 10 && on[2] == 10 && on[3] == 10, "each node has its share");
    ok(same_set(&p[1], "16-23") && p[1].cpu == 16, "bound to the whole node");
    is_int(gt_topo_place(t, 40, GT_BIND_NONE, p, err, sizeof err), 0, "40 unbound");
    ok(p[3].node == 3 && !p[3].cpuset && p[3].cpu == -1, "a home, no binding");
    is_int(gt_topo_bind_thread(t, &p[3], err, sizeof err), 0, "binding to it does nothing");
    gt_topo_destroy(t);
}

/* place.c I1 */
static void stable(void)
{
    static const enum gt_bind binds[] = {GT_BIND_NONE, GT_BIND_PU, GT_BIND_CORE, GT_BIND_NODE};
    struct gt_topo *t = load("pack:2 [numa] l3:2 core:3 pu:2");
    struct gt_place few[12], many[12];
    bool same = true;
    for (int b = 0; b < 4; b++) {
        int most = 12;
        if (gt_topo_place(t, most, binds[b], many, err, sizeof err) != 0)
            bail_out("%s", err);
        for (int n = 1; n < most; n++) {
            if (gt_topo_place(t, n, binds[b], few, err, sizeof err) != 0)
                bail_out("%s", err);
            same &= few[n - 1].node == many[n - 1].node && few[n - 1].cpu == many[n - 1].cpu;
        }
    }
    ok(same, "a place does not depend on how many are asked for");
    gt_topo_destroy(t);
}

/* ---- unusual machines ---------------------------------------------------------------------- */

static void memory_only(void)
{
    struct gt_topo *t = load(data("numa-memory-only.xml"));
    is_int(gt_topo_nodes(t), 5, "five nodes");
    is_int(gt_topo_node_cpus(t, 0), 2, "the CPUs near both are the ordinary node's");
    is_int(gt_topo_node_cpus(t, 4), 0, "the fifth has no CPU");
    ok(gt_topo_node_memory(t, 4) > 0, "but memory");
    is_int(gt_topo_memory_node(t, 4), 4, "its own");
    is_int(gt_topo_distance(t, 0, 1), 16, "distances as the firmware tells them");
    is_int(gt_topo_distance(t, 3, 4), 44, "to the memory-only node as well");
    struct gt_place p[8];
    is_int(gt_topo_place(t, 8, GT_BIND_CORE, p, err, sizeof err), 0, "a P for each core");
    int on[5] = {0};
    for (int i = 0; i < 8; i++)
        on[p[i].node]++;
    ok(on[0] == 2 && on[1] == 2 && on[2] == 2 && on[3] == 2 && on[4] == 0, "none on node 4");
    gt_topo_destroy(t);
}

static void gaps(void)
{
    struct gt_topo *t = load(data("numa-gaps.xml"));
    is_int(gt_topo_nodes(t), 4, "four nodes, numbered 0, 1, 3, 4");
    is_int(gt_topo_node_os(t, 2), 3, "index 2 is node 3");
    is_int(gt_topo_node_of_os(t, 4), 3, "node 4 is index 3");
    is_int(gt_topo_node_of_os(t, 2), -1, "node 2 is not ours");
    is_int(gt_topo_cpus(t), 6, "nor are its CPUs");
    is_int(gt_topo_distance(t, 0, 2), 32, "distances follow the index");
    is_int(gt_topo_distance(t, 2, 3), 44, "also behind the gap");
    struct gt_place p[7];
    is_int(gt_topo_place(t, 7, GT_BIND_PU, p, err, sizeof err), -ENOSPC, "7 of 6 CPUs: refused");
    is_int(gt_topo_place(t, 6, GT_BIND_PU, p, err, sizeof err), 0, "6 of 6");
    bool inside = true;
    for (int i = 0; i < 6; i++)
        inside &= p[i].cpu != 4 && p[i].cpu != 5 && p[i].node < 3;
    ok(inside, "none on a CPU of node 2");
    is_int(gt_topo_place(t, 6, GT_BIND_CORE, p, err, sizeof err), 0, "six cores");
    ok(p[0].node == 0 && p[1].node == 2 && p[2].node == 1 && p[3].node < 2 && p[4].node == 2,
       "two nodes here, one there: shares go by size");
    gt_topo_destroy(t);
}

static void hybrid(void)
{
    struct gt_topo *t = load(data("hybrid.xml"));
    struct gt_topo_kind k;
    is_int(gt_topo_kinds(t), 2, "two kinds");
    is_int(gt_topo_cpus(t), 8, "the kind with most CPUs is used");
    gt_topo_kind(t, 1, &k);
    ok(k.chosen && k.cpus == 8 && k.efficiency == 1, "the fast one, eight CPUs");
    is_str(k.name, "IntelCore", "by name");
    struct gt_place p[8];
    is_int(gt_topo_place(t, 5, GT_BIND_CORE, p, err, sizeof err), -ENOSPC, "four cores of it");
    is_int(gt_topo_place(t, 8, GT_BIND_PU, p, err, sizeof err), 0, "eight CPUs of it");
    bool fast = true;
    for (int i = 0; i < 8; i++)
        fast &= p[i].cpu < 8;
    ok(fast, "kinds are not mixed");
    is_int(gt_topo_place(t, 1, GT_BIND_NODE, p, err, sizeof err), 0, "on a node");
    ok(same_set(&p[0], "0-7"), "kinds are not mixed there either");

    is_int(gt_topo_choose_kind(t, 2), -EINVAL, "there is no third kind");
    is_int(gt_topo_choose_kind(t, 0), 0, "the other kind by hand");
    is_int(gt_topo_cpus(t), 4, "its CPUs");
    is_int(gt_topo_place(t, 4, GT_BIND_CORE, p, err, sizeof err), 0, "its cores");
    ok(same_set(&p[0], "8") && same_set(&p[3], "14"), "one CPU each");
    gt_topo_destroy(t);
}

/* ---- this machine ---------------------------------------------------------------------------- */

static void bind_here(void)
{
    struct gt_topo *t = load(NULL);
    char text[256];
    diag("%s", gt_topo_describe(t, text, sizeof text));
    cpu_set_t before, now;
    sched_getaffinity(0, sizeof before, &before);
    ok(gt_topo_native(t), "this machine is native");
    is_int(gt_topo_cpus(t), CPU_COUNT(&before), "CPUs are those that the thread may use");
    struct gt_place p;
    is_int(gt_topo_place(t, 1, GT_BIND_PU, &p, err, sizeof err), 0, "a place");
    is_int(gt_topo_bind_thread(t, &p, err, sizeof err), 0, "bound and read back");
    sched_getaffinity(0, sizeof now, &now);
    ok(CPU_COUNT(&now) == 1 && CPU_ISSET((size_t)p.cpu, &now), "the kernel agrees: CPU %d alone",
       p.cpu);
    diag("%s", gt_topo_describe_place(t, &p, text, sizeof text));
    char want[64];
    snprintf(want, sizeof want, "CPUs %d asked for, %d in effect", p.cpu, p.cpu);
    ok(strstr(text, want), "asked for and in effect");
    sched_setaffinity(0, sizeof before, &before);
    gt_topo_describe_place(t, &p, text, sizeof text);
    ok(CPU_COUNT(&before) == 1 || !strstr(text, want), "what is in effect is read, not remembered");
    gt_topo_destroy(t);
}

static void restricted(void)
{
    cpu_set_t before, one;
    sched_getaffinity(0, sizeof before, &before);
    if (CPU_COUNT(&before) < 2) {
        skip(5, "needs two CPUs");
        return;
    }
    size_t last = CPU_SETSIZE - 1;
    while (!CPU_ISSET(last, &before))
        last--;
    CPU_ZERO(&one);
    CPU_SET(last, &one);
    sched_setaffinity(0, sizeof one, &one);
    struct gt_topo *t = load(NULL);
    is_int(gt_topo_cpus(t), 1, "a thread held on one CPU sees one");
    sched_getaffinity(0, sizeof one, &one);
    ok(CPU_COUNT(&one) == 1 && CPU_ISSET(last, &one), "and reading the machine did not move it");
    struct gt_place p[2];
    is_int(gt_topo_place(t, 2, GT_BIND_PU, p, err, sizeof err), -ENOSPC, "two places: refused");
    ok(strstr(err, "1 CPU may"), "one is there: %s", err);
    is_int(gt_topo_place(t, 2, GT_BIND_NODE, p, err, sizeof err) == 0 ? p[1].cpu : -1, last,
           "node places keep inside");
    gt_topo_destroy(t);
    sched_setaffinity(0, sizeof before, &before);
}

int main(void)
{
    described();
    rejected();
    environment();
    spread_over_nodes();
    wraps();
    stable();
    memory_only();
    gaps();
    hybrid();
    bind_here();
    restricted();
    is_str(gt_bind_name(GT_BIND_CORE), "core", "a binding's name");
    return done_testing();
}
