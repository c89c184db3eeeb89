/* SPDX-License-Identifier: Apache-2.0 */
/* GT_VM: offline=2 */
/*
 * A runtime on a machine with five nodes: does each P live, compute and keep its memory where its
 * place says? And stacks where a guard page costs map entries (the machine's kernel is old).
 */
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vm/in_vm.h"

/* ---- binding ---------------------------------------------------------------------------- */

static gt_a64 taken; /* CPUs of Ps that have one of their own */
static gt_a32 per_node[OS_NODES];

static uint64_t my_cpus(void)
{
    uint64_t mask = 0;
    expect(gt_os_affinity(&mask, 1) == 0);
    return mask;
}

/* The calling thread is bound as p's place says, and nowhere else. */
static void check_binding(const struct gt_p *p)
{
    int node = os_node_of(p);
    enum gt_bind bind = p->rt->config.bind;
    uint64_t mask = my_cpus(), there = node_cpus[node];
    expect(node_is_ours(node));
    expect((mask >> gt_os_cpu()) & 1u);
    if (bind == GT_BIND_NONE)
        expect(mask == start_cpus);
    else if (bind == GT_BIND_NODE)
        expect(mask == there);
    else
        expect(__builtin_popcountll(mask) == 1 && (mask & there) == mask);
}

static void check_place(struct gt_p *p, void *arg)
{
    enum gt_bind bind = p->rt->config.bind;
    (void)arg;
    check_binding(p);
    gt_add_relaxed(&per_node[os_node_of(p)], 1u);
    if (bind == GT_BIND_PU || bind == GT_BIND_CORE)
        expect((gt_or_acq_rel(&taken, my_cpus()) & my_cpus()) == 0); /* pair: taken */
}

static void check_places(void)
{
    gt_store_relaxed(&taken, 0u);
    for (int node = 0; node < OS_NODES; node++)
        gt_store_relaxed(&per_node[node], 0u);
    everywhere(check_place, NULL);
    for (int node = 0; node < OS_NODES; node++) {
        uint32_t want = node_is_ours(node) ? CPUS / CPU_NODES : 0;
        expect(gt_load_relaxed(&per_node[node]) == want);
    }
}

/* Two Ps are stopped by a G that runs on the last, which dies: the G goes on on P 0. */
static bool died_under_it;
static void one_proc(void *arg)
{
    struct gt_runtime *rt = gt_tls_m()->rt;
    (void)arg;
    gt_world_stop(rt, GT_WORLD_TEST);
    bool last = my_p()->t.id == R->procs() - 1;
    if (last)
        expect(gt_procs_resize(gt_tls_m(), 1) == 0);
    gt_world_start(rt);
    if (last && my_p()->t.id == 0)
        check_binding(my_p());
    died_under_it |= last;
    R->wg_done(wg);
}

static void last_p(struct gt_p *p, void *arg)
{
    (void)arg;
    if (p->t.id == R->procs() - 1) {
        R->wg_add(wg, 1);
        expect(R->go(one_proc, NULL) == 0);
    }
}

static void dying_p(int32_t procs)
{
    died_under_it = false;
    for (int i = 0; i < 30 && !died_under_it; i++)
        everywhere(last_p, NULL);
    expect(died_under_it);
    expect(R->set_procs(procs) == 0);
}

static void bound(void *arg)
{
    int32_t procs = R->procs();
    (void)arg;
    check_places();
    expect(R->set_procs(1) == 0);
    expect(R->set_procs(procs) == 0);
    check_places();
    dying_p(procs);
    check_places();
}

static void again(void *arg)
{
    (void)arg;
    check_places();
}

static void check_bindings(void)
{
    static const enum gt_bind all[] = {GT_BIND_NONE, GT_BIND_PU, GT_BIND_CORE, GT_BIND_NODE};
    char what[100];
    for (int i = 0; i < 4; i++) {
        struct gt_runtime *rt =
            vm_runtime((struct kind){.scheduler = &gt_scheduler_numa, .bind = all[i]});
        snprintf(what, sizeof what, "bind=%s: each P at its place", gt_bind_name(all[i]));
        vm_run(rt, bound, NULL, what);
        snprintf(what, sizeof what, "bind=%s: in a second run too", gt_bind_name(all[i]));
        vm_run(rt, again, NULL, what);
        is_int(gt_load_relaxed(&rt->count.unbound), 0, "no binding was refused");
        R->destroy(rt);
    }
}

static void too_many(void)
{
    struct gt_config c;
    struct gt_runtime *rt = NULL;
    char err[200] = "";
    gt_config_init(&c);
    c.scheduler = &gt_scheduler_numa;
    c.tracer = &gt_tracer_none;
    c.procs = usable_cpus() + 1;
    c.bind = GT_BIND_PU;
    is_int(R->create(&c, &rt, err, sizeof err), -ENOSPC, "one P too many: %s", err);
}

/* ---- a foreign thread keeps its own binding -------------------------------------------- */

struct visit {
    struct gt_runtime *rt;
    uint64_t before, after;
};

static void nothing(void *arg)
{
    (void)arg;
}

static void foreign(void *arg)
{
    struct visit *v = arg;
    cpu_set_t all;
    CPU_ZERO(&all);
    for (size_t c = 0; c < CPUS; c++)
        if ((start_cpus >> c) & 1u)
            CPU_SET(c, &all);
    expect(sched_setaffinity(0, sizeof all, &all) == 0); /* it has its starter's */
    expect(gt_os_affinity(&v->before, 1) == 0);
    for (int i = 0; i < 20; i++)
        expect(R->callback(v->rt, nothing, NULL) == 0);
    expect(gt_os_affinity(&v->after, 1) == 0);
}

static void visited(void *arg)
{
    struct visit v = {.rt = R->runtime()};
    struct gt_thread t;
    (void)arg;
    R->expect_callbacks(v.rt, 1);
    expect(gt_thread_start(&t, foreign, &v, 1 << 16) == 0);
    R->syscall_enter_blocking();
    gt_thread_join(&t);
    R->syscall_exit();
    R->expect_callbacks(v.rt, -1);
    expect(v.before == v.after);
}

/* ---- memory ------------------------------------------------------------------------------ */

#define CHILDREN 5

struct child {
    int32_t node; /* of the P that spawned it: the system's number */
};
static struct child children[CPUS][CHILDREN];
static gt_a32 elsewhere; /* children that ran on another node than they were made on */

static void child_main(void *arg)
{
    const struct child *c = arg;
    struct gt_m *m = gt_pin();
    struct gt_g *g = gt_m_g(m);
    expect(os_node(g->rt, g->stack.node) == c->node);
    expect(g->t.node == g->stack.node);
    expect((char *)&c > g->stack.lo && (char *)&c < g->stack.hi);
    expect(page_node(&c) == c->node);
    expect(lies_on(g, sizeof *g, c->node));
    gt_add_relaxed(&elsewhere, os_node_of(gt_m_p(m)) != c->node);
    gt_unpin(m);
    R->wg_done(wg);
}

/* The heap of timers is timer.c's own: where its one cache line points to, P and runtime apart. */
static uint32_t pointers_on(const struct gt_p *p, int node)
{
    void *const *word = (void *const *)(const void *)p->timers;
    uint32_t n = 0;
    for (size_t i = 0; i < GT_CACHE_LINE / sizeof *word; i++)
        n += word[i] != p && word[i] != p->rt && page_node(word[i]) == node;
    return n;
}

static void tick(void *arg)
{
    (void)arg;
}

static void check_timers(struct gt_p *p, int node)
{
    struct gt_timer *t = R->timer_new(tick, NULL);
    R->timer_start(t, gt_nanotime() + 3600 * GT_NS_PER_S, 0);
    expect(page_node(p->timers) == node && page_node(t) == node);
    expect(pointers_on(p, node) >= 1);
    R->timer_stop(t);
    R->timer_free(t);
}

static void check_p(struct gt_p *p, void *arg)
{
    int node = os_node_of(p);
    size_t state = p->rt->sched->p_state;
    (void)arg;
    expect(node_is_ours(node));
    expect(state > 0 && lies_on(p, sizeof *p, node) && lies_on(p->t.sched, state, node));
    expect(page_node(p->rt->node_state[p->t.node]) == node);
    check_timers(p, node);
    for (int i = 0; i < CHILDREN; i++) {
        struct child *c = &children[p->t.id][i];
        c->node = node;
        R->wg_add(wg, 1);
        expect(R->go(child_main, c) == 0);
    }
}

/* Gs made on one P, which die on all. */
static void stolen_main(void *arg)
{
    (void)arg;
    gt_sleep_ns(200 * GT_NS_PER_US);
    R->wg_done(wg);
}

static void scatter(void)
{
    wg = R->wg_new();
    R->wg_add(wg, 200);
    for (int i = 0; i < 200; i++)
        expect(R->go(stolen_main, NULL) == 0);
    R->wg_wait(wg);
    R->wg_free(wg);
}

static void explicit_memory(struct gt_runtime *rt, int node)
{
    size_t size = 1 << 20;
    char *p = gt_alloc(rt->arena, size, gt_topo_node_of_os(rt->topo, node));
    expect(p != NULL);
    if (!p)
        return;
    memset(p, 1, size);
    expect(lies_on(p, size, node));
    gt_free(rt->arena, p, size);
}

static void memory(void *arg)
{
    struct gt_runtime *rt = R->runtime();
    int32_t procs = R->procs();
    (void)arg;
    everywhere(check_p, NULL);
    scatter();
    everywhere(check_p, NULL);
    expect(R->set_procs(1) == 0);
    expect(R->set_procs(procs) == 0);
    everywhere(check_p, NULL);
    explicit_memory(rt, MEMORY_ONLY);
}

static void check_memory(enum gt_bind bind, enum gt_syscall_model model)
{
    char what[100];
    snprintf(what, sizeof what, "bind=%s: Ps, timers, Gs, stacks on the node of their P",
             gt_bind_name(bind));
    gt_store_relaxed(&elsewhere, 0u);
    struct gt_runtime *rt =
        vm_runtime((struct kind){.scheduler = &gt_scheduler_numa, .bind = bind, .model = model});
    vm_run(rt, memory, NULL, what);
    struct gt_stacks_stats s;
    struct gt_arena_live live;
    gt_stacks_stats(rt->stacks, &s);
    gt_arena_live(rt->arena, &live);
    ok(s.unbound == 0 && live.unbound == 0, "no memory was refused its node");
    diag("%u of %d Gs ran on another node than they were made on", gt_load_relaxed(&elsewhere),
         3 * CHILDREN * usable_cpus());
    vm_run(rt, visited, NULL, "a foreign thread keeps its own binding");
    R->destroy(rt);
}

/* Pages of this process, files apart, on a node. */
static long pages_of_process(int node)
{
    char line[1024], key[16];
    long sum = 0;
    FILE *f = fopen("/proc/self/numa_maps", "r");
    if (!f)
        bail_out("numa_maps");
    snprintf(key, sizeof key, " N%d=", node);
    while (fgets(line, sizeof line, f)) {
        char *at = strstr(line, key);
        if (at && !strstr(line, " file="))
            sum += strtol(at + strlen(key), NULL, 10);
    }
    fclose(f);
    return sum;
}

static void check_avoided(void)
{
    ok(pages_of_process(0) > 0, "node 0 has pages of this process");
    if (offline >= 0)
        is_int(pages_of_process(offline), 0, "node %d has none", offline);
}

/* ---- guards on an old kernel ---------------------------------------------------------------- */

static int report[2]; /* a child's standard error */

__attribute__((noinline)) static int deeper(volatile char *above, int depth)
{
    volatile char frame[512];
    frame[0] = above ? above[0] : 1;
    return depth > 0 ? deeper(frame, depth - 1) + frame[0] : 0;
}

static void overflow_main(void *arg)
{
    char line[64];
    (void)arg;
    int n = snprintf(line, sizeof line, "G is %llu\n", (unsigned long long)R->goid());
    gt_os_print(2, line, (size_t)n);
    deeper(NULL, 1 << 20);
}

static void start_overflow(void *arg)
{
    (void)arg;
    expect(R->go(overflow_main, NULL) == 0);
    R->sleep(60 * GT_NS_PER_S);
}

static void overflow_child(void)
{
    struct gt_runtime *rt = vm_runtime((struct kind){.scheduler = &gt_scheduler_numa, .procs = 2});
    dup2(report[1], 2);
    R->run(rt, start_overflow, NULL);
    _exit(0);
}

static void check_overflow(void)
{
    char text[4096] = "", want[80];
    size_t n = 0;
    int status = 0;
    if (pipe(report) != 0)
        bail_out("pipe");
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0)
        overflow_child();
    close(report[1]);
    for (ssize_t got; n < sizeof text - 1; n += (size_t)got)
        if ((got = read(report[0], text + n, sizeof text - 1 - n)) <= 0)
            break;
    close(report[0]);
    waitpid(pid, &status, 0);
    unsigned long long id = 0;
    sscanf(text, "G is %llu", &id);
    snprintf(want, sizeof want, "goroutine %llu: stack overflow", id);
    ok(id != 0 && strstr(text, want) && WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT,
       "a stack overflow is reported, with the goroutine");
    if (!strstr(text, want))
        diag("status %x, said: %.200s", (unsigned)status, text);
}

/* ---- very many stacks ---------- */

enum { MANY = 20000 };

static gt_a32 begun, ended;
static gt_a32 let_go;
static struct gt_g *parked[1 << 16];

static void parked_main(void *arg)
{
    struct gt_g **slot = arg;
    *slot = R->self();
    gt_add_acq_rel(&begun, 1u);           /* pair: parked */
    while (gt_load_acquire(&let_go) == 0) /* pair: let-go */
        R->park();
    gt_add_acq_rel(&ended, 1u); /* pair: parked */
}

static void wait_count(gt_a32 *count, uint32_t n)
{
    while (gt_load_acquire(count) < n) /* pair: parked */
        R->yield();
}

/* Spawns up to n; how many there are, *rc why no more. */
static uint32_t park_many(uint32_t from, uint32_t n, int *rc)
{
    uint32_t i = from;
    for (; i < n; i++) {
        *rc = R->go(parked_main, &parked[i]);
        if (*rc != 0)
            break;
        if (i % 64 == 0)
            R->yield();
    }
    wait_count(&begun, i);
    return i;
}

static void release(uint32_t n)
{
    gt_store_release(&let_go, 1u); /* pair: let-go */
    for (uint32_t i = 0; i < n; i++)
        R->ready(parked[i]);
    wait_count(&ended, n);
}

static uint32_t most;
static int refusal;

static void many(void *arg)
{
    uint32_t limit = *(uint32_t *)arg;
    int rc = 0;
    uint32_t n = park_many(0, MANY, &rc);
    expect(n == MANY && rc == 0);
    n = park_many(n, limit, &refusal);
    most = n;
    expect(R->go(parked_main, NULL) == -ENOMEM); /* it stays so */
    release(n);
    expect(gt_load_relaxed(&ended) == n);
    /* Those that ended serve again. */
    gt_store_relaxed(&begun, 0u);
    gt_store_relaxed(&ended, 0u);
    gt_store_relaxed(&let_go, 0u);
    n = park_many(0, 1000, &rc);
    expect(n == 1000 && rc == 0);
    release(n);
}

static uint32_t map_limit(void)
{
    unsigned limit = 0;
    FILE *f = fopen("/proc/sys/vm/max_map_count", "r");
    if (!f || fscanf(f, "%u", &limit) != 1)
        bail_out("max_map_count");
    fclose(f);
    return limit;
}

/* Standard error goes into memory meanwhile. */
static void check_many(void)
{
    static char text[8192];
    uint32_t limit = map_limit();
    int err = dup(2), file = memfd_create("stderr", 0);
    struct gt_runtime *rt =
        vm_runtime((struct kind){.scheduler = &gt_scheduler_numa, .stack_size = 16384, .procs = 1});
    if (gt_guard_is_lightweight()) {
        skip(4, "this kernel's guards cost no map entry");
        R->destroy(rt);
        return;
    }
    dup2(file, 2);
    vm_run(rt, many, &limit, "20,000 stacks, and on to the limit; all of them run on");
    dup2(err, 2);
    if (pread(file, text, sizeof text - 1, 0) < 0)
        bail_out("pread");
    diag("%u stacks under a limit of %u maps; said: %.300s", most, limit, text);
    is_int(refusal, -ENOMEM, "one too many: no memory");
    ok(most > limit / 2 - 1000 && most <= limit / 2, "at the map count limit");
    ok(strstr(text, "map count limit") && strstr(text, "max_map_count"), "which is what it says");
    R->destroy(rt);
}

int main(void)
{
    read_machine();
    check_overflow();
    too_many();
    check_bindings();
    check_memory(GT_BIND_NODE, GT_SYSCALLS_SCANBIT);
    check_memory(GT_BIND_NONE, GT_SYSCALLS_STATUS);
    if (offline < 0)
        check_many();
    check_avoided();
    return done_testing();
}
