/* SPDX-License-Identifier: Apache-2.0 */
/* GT_VM: offline=2 */
/* GT_VM: offline=4 */
/*
 * Places, arenas and stacks on a machine with five nodes: is memory where it was asked for, are
 * threads bound where they should be, is a node outside the cpuset left alone? Runs inside
 * scripts/numa-vm; what that machine is, numa_probe checks.
 */
#include <errno.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/alloc.h"
#include "core/stack.h"
#include "core/topology.h"
#include "port/port.h"
#include "tap.h"

enum { OS_NODES = 5, CPU_NODES = 4, MEMORY_ONLY = 4, CPUS = 8, LARGE = 3 << 20, SMALL = 200 };

static char err[256];
static int offline = -1;

static struct gt_topo *load(void)
{
    struct gt_topo *t = NULL;
    if (gt_topo_create(NULL, &t, err, sizeof err) != 0)
        bail_out("topology: %s", err);
    return t;
}

static bool allowed(int os_node)
{
    return os_node >= 0 && os_node < OS_NODES && os_node != offline;
}

/* The calling thread goes to a node with CPUs that is not `os_node`. */
static void stand_elsewhere(const struct gt_topo *t, int os_node)
{
    struct gt_place p[CPUS];
    int32_t n = gt_topo_cpus(t);
    if (gt_topo_place(t, n, GT_BIND_NODE, p, err, sizeof err) != 0)
        bail_out("%s", err);
    for (int32_t i = 0; i < n; i++)
        if (gt_topo_node_os(t, p[i].node) != os_node) {
            if (gt_topo_bind_thread(t, &p[i], err, sizeof err) != 0)
                bail_out("%s", err);
            return;
        }
}

/* ---- the topology ----------------------------------------------------------------------- */

static void check_nodes(const struct gt_topo *t)
{
    char text[256];
    ok(gt_topo_native(t), "%s", gt_topo_describe(t, text, sizeof text));
    is_int(gt_topo_nodes(t), OS_NODES - (offline >= 0), "nodes");
    for (int os = 0; os < OS_NODES; os++) {
        int32_t i = gt_topo_node_of_os(t, os);
        if (!allowed(os)) {
            is_int(i, -1, "node %d is not ours", os);
            continue;
        }
        is_int(gt_topo_node_os(t, i), os, "node %d has index %d", os, i);
        is_int(gt_topo_node_cpus(t, i), os == MEMORY_ONLY ? 0 : CPUS / CPU_NODES, "its CPUs");
        ok(gt_topo_node_memory(t, i) > 0 && gt_topo_memory_node(t, i) == i, "its memory");
    }
}

static void check_distances(const struct gt_topo *t)
{
    int table[OS_NODES][OS_NODES];
    const char *at = getenv("GT_VM_DISTANCES");
    for (int i = 0; i < OS_NODES * OS_NODES; i++) {
        char *end = NULL;
        table[i / OS_NODES][i % OS_NODES] = at ? (int)strtol(at, &end, 10) : 0;
        at = end && *end ? end + 1 : end;
    }
    bool same = true;
    for (int32_t a = 0; a < gt_topo_nodes(t); a++)
        for (int32_t b = 0; b < gt_topo_nodes(t); b++)
            same &=
                gt_topo_distance(t, a, b) == table[gt_topo_node_os(t, a)][gt_topo_node_os(t, b)];
    ok(same, "distances are those of the firmware");
}

/* ---- places -------------------------------------------------------------------------------- */

static bool runs_at(const struct gt_topo *t, const struct gt_place *p)
{
    unsigned cpu = 0, node = 0;
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0 || getcpu(&cpu, &node) != 0)
        return false;
    int want = p->bind == GT_BIND_NODE ? CPUS / CPU_NODES : 1;
    return CPU_COUNT(&set) == want && CPU_ISSET((size_t)p->cpu, &set) &&
           (int)node == gt_topo_node_os(t, p->node) && allowed((int)node);
}

static void check_places(const struct gt_topo *t, enum gt_bind bind)
{
    struct gt_place p[CPUS + 1];
    int32_t n = gt_topo_cpus(t);
    is_int(n, offline >= 0 && offline < CPU_NODES ? 6 : 8, "CPUs to use");
    is_int(gt_topo_place(t, n, bind, p, err, sizeof err), 0, "%s: %d places", gt_bind_name(bind),
           n);
    int bound = 0;
    for (int32_t i = 0; i < n; i++) {
        int rc = gt_topo_bind_thread(t, &p[i], err, sizeof err);
        if (rc != 0)
            diag("place %d: %s", i, err);
        bound += rc == 0 && runs_at(t, &p[i]);
    }
    is_int(bound, n, "%s: a thread runs at each and nowhere else", gt_bind_name(bind));
    if (bind != GT_BIND_NODE)
        is_int(gt_topo_place(t, n + 1, bind, p, err, sizeof err), -ENOSPC, "one more: refused");
}

/* ---- memory ---------------------------------------------------------------------------------- */

/* How many of the pages of [p, p + size) lie on os_node; every page must have been touched. */
static size_t pages_on(void *p, size_t size, int os_node)
{
    static void *page[4096];
    static int node[4096];
    uintptr_t mask = gt_page_size() - 1;
    uintptr_t from = (uintptr_t)p & ~mask, to = ((uintptr_t)p + size + mask) & ~mask;
    size_t n = 0, on = 0;
    for (; from < to && n < 4096; from += mask + 1)
        page[n++] = (void *)from;
    if (gt_pages_nodes(n, page, node) != 0)
        bail_out("gt_pages_nodes");
    for (size_t i = 0; i < n; i++)
        on += node[i] == os_node;
    return on == n ? n : 0;
}

/* A block of its own pages, and many small ones; twice, the second time from what was freed. */
static void check_arena_node(struct gt_arena *a, int32_t node, int os)
{
    for (int round = 0; round < 2; round++) {
        char *large = gt_alloc(a, LARGE, node);
        if (!large)
            bail_out("no memory on node %d", os);
        memset(large, 1, LARGE);
        ok(pages_on(large, LARGE, os) >= LARGE / 4096, "a large block of node %d lies there", os);
        static char *small[SMALL];
        int there = 0;
        for (int i = 0; i < SMALL; i++) {
            small[i] = gt_alloc(a, 1000, node);
            if (!small[i])
                bail_out("no memory on node %d", os);
            memset(small[i], 1, 1000);
            there += pages_on(small[i], 1000, os) > 0;
        }
        is_int(there, SMALL, "small blocks of node %d lie there", os);
        for (int i = 0; i < SMALL; i++)
            gt_free(a, small[i], 1000);
        gt_free(a, large, LARGE);
    }
}

static void check_arena(const struct gt_topo *t)
{
    struct gt_arena *a = NULL;
    if (gt_arena_create(GT_ALLOC_JEMALLOC, t, &a, err, sizeof err) != 0)
        bail_out("%s", err);
    if (strcmp(gt_arena_name(a), "jemalloc") != 0) {
        skip(1, "the %s arena does not bind", gt_arena_name(a));
    } else {
        for (int32_t node = 0; node < gt_topo_nodes(t); node++) {
            stand_elsewhere(t, gt_topo_node_os(t, node));
            check_arena_node(a, node, gt_topo_node_os(t, node));
        }
        struct gt_arena_live live;
        gt_arena_live(a, &live);
        is_int(live.unbound, 0, "no extent was refused");
    }
    gt_arena_destroy(a);
}

static void check_stack_node(struct gt_stacks *s, int32_t node, int os)
{
    enum { N = 200 };
    static struct gt_stack st[N];
    int there = 0;
    for (int i = 0; i < N; i++) {
        if (gt_stack_get(s, node, &st[i]) != 0)
            bail_out("no stack on node %d", os);
        memset(st[i].hi - 3000, 1, 3000);
        there += pages_on(st[i].hi - 100, 100, os) > 0;
    }
    is_int(there, N, "stacks of node %d lie there", os);
    for (int i = 0; i < N; i++)
        gt_stack_put(s, &st[i]);
    gt_stacks_trim(s, 0);
    if (gt_stack_get(s, node, &st[0]) != 0)
        bail_out("no stack on node %d", os);
    memset(st[0].lo, 1, (size_t)(st[0].hi - st[0].lo));
    ok(pages_on(st[0].lo, (size_t)(st[0].hi - st[0].lo), os) >= 16,
       "a stack of node %d that was given back comes back there", os);
    gt_stack_put(s, &st[0]);
}

static void check_stacks(const struct gt_topo *t, bool page_protection)
{
    struct gt_arena *a = NULL;
    struct gt_stacks *s = NULL;
    struct gt_stacks_options o = {.page_protection = page_protection};
    if (gt_arena_create(GT_ALLOC_JEMALLOC, t, &a, err, sizeof err) != 0 ||
        gt_stacks_create(a, t, &o, &s, err, sizeof err) != 0)
        bail_out("%s", err);
    for (int32_t node = 0; node < gt_topo_nodes(t); node++) {
        stand_elsewhere(t, gt_topo_node_os(t, node));
        check_stack_node(s, node, gt_topo_node_os(t, node));
    }
    struct gt_stacks_stats stats;
    gt_stacks_stats(s, &stats);
    is_int(stats.unbound, 0, "no mapping was refused (%s guards)",
           stats.lightweight ? "light" : "page protection");
    gt_stacks_destroy(s);
    gt_arena_destroy(a);
}

/* ---- less than the machine ------------------------------------------------------------------ */

static void check_affinity(const cpu_set_t *all)
{
    cpu_set_t two;
    CPU_ZERO(&two);
    CPU_SET(2, &two);
    CPU_SET(3, &two);
    sched_setaffinity(0, sizeof two, &two);
    struct gt_topo *t = load();
    struct gt_place p[3];
    is_int(gt_topo_cpus(t), 2, "a thread held on node 1 has its CPUs");
    is_int(gt_topo_nodes(t), OS_NODES - (offline >= 0), "and everybody's memory");
    is_int(gt_topo_place(t, 3, GT_BIND_NODE, p, err, sizeof err), 0, "three places");
    ok(gt_topo_node_os(t, p[0].node) == 1 && gt_topo_node_os(t, p[2].node) == 1, "all there");
    gt_topo_destroy(t);
    sched_setaffinity(0, sizeof *all, all);
}

/* As under numactl --membind=1,3. */
static void check_memory_policy(void)
{
    unsigned long mask = 1ul << 1 | 1ul << 3;
    if (syscall(SYS_set_mempolicy, MPOL_BIND, &mask, 8 * sizeof mask) != 0)
        bail_out("set_mempolicy");
    struct gt_topo *t = load();
    is_int(gt_topo_nodes(t), 2, "memory bound to two nodes: two nodes");
    ok(gt_topo_node_os(t, 0) == 1 && gt_topo_node_os(t, 1) == 3, "those");
    is_int(gt_topo_cpus(t), offline >= 0 && offline < CPU_NODES ? 6 : 8, "all CPUs stay");
    struct gt_place p[CPUS];
    is_int(gt_topo_place(t, gt_topo_cpus(t), GT_BIND_PU, p, err, sizeof err), 0, "all are places");
    int near = 0;
    for (int32_t i = 0; i < gt_topo_cpus(t); i++)
        near += gt_topo_node_os(t, p[i].node) == (p[i].cpu < 4 ? 1 : 3);
    is_int(near, gt_topo_cpus(t), "each at home on the near one of the two");
    gt_topo_destroy(t);
    syscall(SYS_set_mempolicy, MPOL_DEFAULT, NULL, 0);
}

static bool shrink_cpuset(const char *cpus)
{
    char line[256] = "", path[512];
    FILE *f = fopen("/proc/self/cgroup", "r");
    if (f) {
        while (fgets(line, sizeof line, f) && strncmp(line, "0::", 3) != 0)
            ;
        fclose(f);
    }
    line[strcspn(line, "\n")] = '\0';
    snprintf(path, sizeof path, "/sys/fs/cgroup%s/cpuset.cpus", line + 3);
    f = fopen(path, "w");
    bool done = f && fprintf(f, "%s\n", cpus) > 0;
    return f && fclose(f) == 0 && done;
}

/* Somebody takes CPUs away after the places were made: it is seen, not assumed. */
static void check_shrunk(const struct gt_topo *t)
{
    struct gt_place p[CPUS], node1 = {0}, cpu3 = {0};
    int32_t n = gt_topo_cpus(t);
    gt_topo_place(t, n, GT_BIND_NODE, p, err, sizeof err);
    for (int32_t i = 0; i < n; i++)
        if (gt_topo_node_os(t, p[i].node) == 1)
            node1 = p[i];
    gt_topo_place(t, n, GT_BIND_PU, p, err, sizeof err);
    for (int32_t i = 0; i < n; i++)
        if (p[i].cpu == 3)
            cpu3 = p[i];
    if (!shrink_cpuset("0-2"))
        bail_out("cannot change the cpuset");
    is_int(gt_topo_bind_thread(t, &node1, err, sizeof err), -EXDEV, "half of a node left: told");
    ok(strstr(err, "2-3 asked for, 2 in effect"), "with both sets: %s", err);
    is_int(gt_topo_bind_thread(t, &cpu3, err, sizeof err), -EINVAL, "nothing left: refused");
    ok(strstr(err, "CPUs 3"), "named: %s", err);
}

int main(void)
{
    const char *excluded = getenv("GT_VM_OFFLINE_NODE");
    if (!getenv("GT_IN_NUMA_VM")) {
        puts("TAP version 13\n1..0 # SKIP not inside scripts/numa-vm");
        return 77;
    }
    if (excluded && *excluded)
        offline = atoi(excluded);
    cpu_set_t all;
    sched_getaffinity(0, sizeof all, &all);
    struct gt_topo *t = load();
    check_nodes(t);
    check_distances(t);
    check_places(t, GT_BIND_PU);
    check_places(t, GT_BIND_CORE);
    check_places(t, GT_BIND_NODE);
    check_arena(t);
    check_stacks(t, false);
    check_stacks(t, true);
    sched_setaffinity(0, sizeof all, &all);
    check_affinity(&all);
    check_memory_policy();
    check_shrunk(t);
    gt_topo_destroy(t);
    return done_testing();
}
