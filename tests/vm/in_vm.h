/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * For tests of a runtime inside scripts/numa-vm: what the machine is, told by the kernel and by the
 * machine's maker, never by the code under test; runtimes; one G held on every P.
 */
#include <sched.h>

#include "unit/in_runtime.h"

enum { OS_NODES = 5, CPU_NODES = 4, MEMORY_ONLY = 4, CPUS = 8 };

extern const struct gt_scheduler_ops gt_scheduler_numa, gt_scheduler_global, gt_scheduler_fifo;

static int offline = -1;                  /* the node outside the cpuset */
static int distances[OS_NODES][OS_NODES]; /* by the system's numbers */
static uint64_t node_cpus[OS_NODES];      /* bit per CPU */
static uint64_t start_cpus;               /* of the main thread, at the start */
static struct gt_wg *wg;

/* ---- the machine -------------------------------------------------------------------- */

static inline void read_cpus(int node)
{
    char path[80], text[80] = "";
    snprintf(path, sizeof path, "/sys/devices/system/node/node%d/cpulist", node);
    FILE *f = fopen(path, "r");
    if (!f || (!fgets(text, sizeof text, f) && ferror(f)))
        bail_out("%s", path);
    fclose(f);
    for (char *at = text; *at >= '0' && *at <= '9'; at += *at == ',') {
        long from = strtol(at, &at, 10), to = from;
        if (*at == '-')
            to = strtol(at + 1, &at, 10);
        for (long c = from; c <= to; c++)
            node_cpus[node] |= 1ull << c;
    }
}

/* Exits where there is no such machine. */
static inline void read_machine(void)
{
    const char *at = getenv("GT_VM_DISTANCES"), *excluded = getenv("GT_VM_OFFLINE_NODE");
    if (!getenv("GT_IN_NUMA_VM")) {
        puts("TAP version 13\n1..0 # SKIP not inside scripts/numa-vm");
        exit(77);
    }
    if (excluded && *excluded)
        offline = atoi(excluded);
    for (int i = 0; i < OS_NODES * OS_NODES; i++) {
        char *end = NULL;
        distances[i / OS_NODES][i % OS_NODES] = at ? (int)strtol(at, &end, 10) : 0;
        at = end && *end ? end + 1 : end;
    }
    for (int node = 0; node < OS_NODES; node++)
        read_cpus(node);
    if (gt_os_affinity(&start_cpus, 1) != 0)
        bail_out("affinity");
}

static inline bool node_is_ours(int node)
{
    return node >= 0 && node < CPU_NODES && node != offline; /* with CPUs */
}

static inline int usable_cpus(void)
{
    return offline >= 0 && offline < CPU_NODES ? CPUS - CPUS / CPU_NODES : CPUS;
}

/* The node that a touched byte lies on, or a negative errno. */
static inline int page_node(const void *at)
{
    void *page = (void *)((uintptr_t)at & ~(uintptr_t)(gt_page_size() - 1));
    int node = -1;
    return gt_pages_nodes(1, &page, &node) == 0 ? node : -1;
}

/* Every page of [at, at + size), all touched. */
static inline bool lies_on(const void *at, size_t size, int node)
{
    for (size_t i = 0; i < size; i += gt_page_size())
        if (page_node((const char *)at + i) != node)
            return false;
    return page_node((const char *)at + size - 1) == node;
}

static inline int os_node(const struct gt_runtime *rt, int32_t index)
{
    return gt_topo_node_os(rt->topo, index);
}

static inline int os_node_of(const struct gt_p *p)
{
    return os_node(p->rt, p->t.node);
}

/* ---- runtimes ----------------------------------------------------------------------- */

struct kind {
    const struct gt_scheduler_ops *scheduler;
    enum gt_bind bind;
    enum gt_syscall_model model;
    size_t stack_size;
    int32_t procs; /* 0: one per CPU */
};

static inline struct gt_runtime *vm_runtime(struct kind k)
{
    struct gt_config c;
    struct gt_runtime *rt = NULL;
    char err[200] = "";
    gt_config_init(&c);
    c.scheduler = k.scheduler;
    c.tracer = &gt_tracer_none;
    c.procs = k.procs ? k.procs : usable_cpus();
    c.bind = k.bind;
    c.syscalls = k.model;
    c.stack_size = k.stack_size;
    c.watchdog_ns = 120 * GT_NS_PER_S; /* the emulator is slow */
    if (R->create(&c, &rt, err, sizeof err) != 0)
        bail_out("create: %s", err);
    return rt;
}

/* Runs fn(arg) there; one TAP point. */
static inline void vm_run(struct gt_runtime *rt, gt_fn fn, void *arg, const char *what)
{
    struct gt_runtime_stats s;
    int64_t start = gt_nanotime();
    gt_store_relaxed(&bad, 0u);
    int rc = R->run(rt, fn, arg);
    R->stats(rt, &s);
    if (rc != 0 || s.violations != 0)
        diag("run returned %d, %llu violations", rc, (unsigned long long)s.violations);
    ok(rc == 0 && gt_load_relaxed(&bad) == 0 && s.violations == 0, "%s (%lld ms)", what,
       (long long)((gt_nanotime() - start) / GT_NS_PER_MS));
}

static inline void vm_in_runtime(struct kind k, gt_fn fn, void *arg, const char *what)
{
    struct gt_runtime *rt = vm_runtime(k);
    vm_run(rt, fn, arg, what);
    R->destroy(rt);
}

/* Of the calling G, which is pinned or makes no call while it uses it. */
static inline struct gt_p *my_p(void)
{
    return gt_m_p(gt_tls_m());
}

/* ---- one G on every P --------------------------------------------------------------- */

/* Gs that hold their Ps: they sleep as threads, and are pinned. */
struct party {
    void (*fn)(struct gt_p *p, void *arg);
    void *arg;
    int32_t n;
    gt_ai32 arrived, left;
};

static inline void wait_for_all(struct party *y, gt_ai32 *count)
{
    gt_add_acq_rel(count, 1);             /* pair: party */
    while (gt_load_acquire(count) < y->n) /* pair: party */
        gt_sleep_ns(100 * GT_NS_PER_US);
}

static inline void guest(void *arg)
{
    struct party *y = arg;
    struct gt_m *m = gt_pin();
    wait_for_all(y, &y->arrived);
    y->fn(gt_m_p(m), y->arg);
    wait_for_all(y, &y->left);
    gt_unpin(m);
    R->wg_done(wg);
}

/* On the first G: fn(p, arg) on each P, at the same time; all Ps are held until all returned. */
static inline void everywhere(void (*fn)(struct gt_p *p, void *arg), void *arg)
{
    struct party y = {.fn = fn, .arg = arg, .n = R->procs()};
    wg = R->wg_new();
    R->wg_add(wg, y.n);
    for (int32_t i = 0; i < y.n; i++)
        expect(R->go(guest, &y) == 0);
    R->wg_wait(wg);
    R->wg_free(wg);
}
