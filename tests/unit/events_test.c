/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: labels=quick,reduced timeout=120 */
/* Every event at its place, in both syscall models: a probing tracer checks them while
 * traces start and stop under everything that the core does; and the journal of the same
 * runs is complete and consistent, transition by transition. */
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "in_runtime.h"
#include "probe_tracer.h"

#define WORKERS 12
#define ROUNDS (GT_TSAN ? 1000 : GT_ASAN ? 500 : 1500)

struct mix {
    struct gt_runtime *rt;
    struct gt_wg *wg;
    struct gt_chan *a, *b;
    struct gt_mutex *mu;
    gt_a32 stop, done_ops;
    gt_a64 ops;
};

static void nothing(void *arg)
{
    struct mix *x = arg;
    R->wg_done(x->wg);
}

static void coro_body(void *arg)
{
    struct gt_coro **c = arg;
    for (int i = 0; i < 3; i++)
        R->coro_switch(*c);
}

static void use_coro(void)
{
    struct gt_coro *c = NULL;
    c = R->coro_new(coro_body, &c);
    while (R->coro_switch(c))
        ;
    R->coro_free(c);
}

static void raw_syscall(void)
{
    R->syscall_enter();
    (void)syscall(SYS_getppid);
    R->syscall_exit();
}

static void blocking_syscall(int64_t ns)
{
    R->syscall_enter_blocking();
    (void)gt_os_nanosleep(ns);
    R->syscall_exit();
}

static void long_syscall(int64_t ns)
{
    R->syscall_enter();
    (void)gt_os_nanosleep(ns);
    R->syscall_exit();
}

static void one_step(struct mix *x, uint64_t r)
{
    uint64_t v = r;
    switch (r % 13) {
    case 0:
        R->yield();
        break;
    case 1:
        raw_syscall();
        break;
    case 2:
        blocking_syscall(20000);
        break;
    case 3:
        long_syscall(100000);
        break;
    case 4:
        R->sleep(50000);
        break;
    case 5:
        (void)R->chan_try_send(x->a, &v);
        break;
    case 6:
        (void)R->chan_try_recv(x->a, &v);
        break;
    case 7:
        R->mutex_lock(x->mu);
        R->yield();
        R->mutex_unlock(x->mu);
        break;
    case 8:
        R->wg_add(x->wg, 1);
        if (R->go(nothing, x) != 0)
            R->wg_done(x->wg);
        break;
    case 9:
        use_coro();
        break;
    case 10:
        R->lock_thread();
        R->yield();
        raw_syscall();
        R->unlock_thread();
        break;
    case 11: {
        uint64_t task = R->task_begin(0, "step");
        R->region_begin(task, "region");
        R->log(task, "key", "value");
        R->label("worker");
        R->region_end(task, "region");
        R->task_end(task);
        break;
    }
    default:
        raw_syscall();
        R->checkpoint();
    }
}

static void worker(void *arg)
{
    struct mix *x = arg;
    uint64_t rng = R->goid() * 0x9e3779b97f4a7c15ull + 1;
    for (int i = 0; i < ROUNDS || gt_load_relaxed(&x->stop) == 0; i++) {
        one_step(x, gt_rand(&rng) >> 33);
        gt_add_relaxed(&x->ops, 1u);
    }
    R->wg_done(x->wg);
}

static void called_back(void *arg)
{
    struct mix *x = arg;
    R->yield();
    raw_syscall();
    gt_add_relaxed(&x->ops, 1u);
}

static void *foreign(void *arg)
{
    struct mix *x = arg;
    do {
        (void)R->callback(x->rt, called_back, x);
        gt_sleep_ns(50 * GT_NS_PER_US);
    } while (gt_load_relaxed(&x->stop) == 0);
    return NULL;
}

static void stopper(void *arg)
{
    struct mix *x = arg;
    for (int i = 0; gt_load_relaxed(&x->stop) == 0; i++) {
        R->stop_world(GT_WORLD_TEST);
        R->start_world();
        expect(R->set_procs(1 + i % 9) == 0);
        R->sleep(300000);
    }
    gt_store_relaxed(&x->done_ops, 1u);
    R->wg_done(x->wg);
}

static uint64_t kinds_missing(struct gt_runtime *rt)
{
    struct probe *t = rt->tracer_state;
    uint64_t missing = 0;
    for (int i = 0; i < PE_COUNT; i++)
        missing += gt_load_relaxed(&t->events[i]) == 0;
    return missing;
}

/* At least so many traces, and more while a kind of event has not come by. */
static void tracing(struct mix *x, int traces)
{
    for (int i = 0; i < traces || (i < 20 * traces && kinds_missing(x->rt)); i++) {
        expect(R->trace_start(NULL) == 0);
        for (int k = 0; k < 5; k++)
            R->sleep(400000);
        expect(R->trace_stop() == 0);
        R->sleep(100000);
    }
}

static void mix_main(void *arg)
{
    struct mix *x = arg;
    pthread_t th[2];
    x->wg = R->wg_new();
    x->a = R->chan_new(8, 4);
    x->mu = R->mutex_new();
    R->expect_callbacks(x->rt, 1);
    for (int i = 0; i < 2; i++)
        if (pthread_create(&th[i], NULL, foreign, x) != 0)
            abort();
    R->wg_add(x->wg, WORKERS);
    for (int i = 0; i < WORKERS; i++)
        expect(R->go(worker, x) == 0);
    R->wg_add(x->wg, 1);
    expect(R->go(stopper, x) == 0);
    tracing(x, 6);
    gt_store_relaxed(&x->stop, 1u);
    R->wg_wait(x->wg);
    R->syscall_enter_blocking();
    for (int i = 0; i < 2; i++)
        pthread_join(th[i], NULL);
    R->syscall_exit();
    R->expect_callbacks(x->rt, -1);
    R->mutex_free(x->mu);
    R->chan_free(x->a);
    R->wg_free(x->wg);
}

/* ---- the journal ------------------------------------------------------------------- */
struct entries {
    struct gt_jentry *e;
    size_t n, cap;
};

static void collect(const struct gt_jentry *e, void *arg)
{
    struct entries *all = arg;
    if (e->kind != GT_J_G && e->kind != GT_J_P)
        return; /* no transition */
    if (all->n == all->cap) {
        all->cap = all->cap ? 2 * all->cap : 4096;
        all->e = realloc(all->e, all->cap * sizeof *all->e);
        if (!all->e)
            abort();
    }
    all->e[all->n++] = *e;
}

static int by_id_version(const void *a, const void *b)
{
    const struct gt_jentry *x = a, *y = b;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    if (x->id != y->id)
        return x->id < y->id ? -1 : 1;
    return x->version < y->version ? -1 : x->version > y->version;
}

/* Consecutive versions, and each starts where the one before ended. */
static size_t broken_chains(struct entries *all)
{
    size_t broken = 0;
    qsort(all->e, all->n, sizeof *all->e, by_id_version);
    for (size_t i = 1; i < all->n; i++) {
        const struct gt_jentry *a = &all->e[i - 1], *b = &all->e[i];
        if (a->kind != b->kind || a->id != b->id)
            continue;
        if (b->version == a->version + 1 && b->from == a->to)
            continue;
        if (broken++ < 5)
            diag("%s %llu: v%llu %u->%u (M %u) then v%llu %u->%u (M %u)", a->kind ? "P" : "G",
                 (unsigned long long)a->id, (unsigned long long)a->version, a->from, a->to, a->m,
                 (unsigned long long)b->version, b->from, b->to, b->m);
    }
    return broken;
}

static void check_journal(struct gt_runtime *rt, const char *what)
{
    struct entries all = {0};
    uint64_t lost = 0;
    gt_journal_each(rt, collect, &all, &lost);
    size_t broken = broken_chains(&all);
    ok(lost == 0 && broken == 0 && all.n > 10000, "%s: journal of %zu transitions is a chain per G and P",
       what, all.n);
    /* It is only worth something if a missing entry would show. */
    if (all.n > 100) {
        size_t at = 0;
        for (size_t i = 2; i < all.n; i++)
            if (all.e[i].id == all.e[i - 2].id && all.e[i].kind == all.e[i - 2].kind)
                at = i - 1;
        memmove(&all.e[at], &all.e[at + 1], (all.n - at - 1) * sizeof *all.e);
        all.n--;
        ok(at > 0 && broken_chains(&all) == 1, "%s: one entry taken out breaks one chain", what);
    } else {
        ok(false, "%s: too few entries", what);
    }
    free(all.e);
}

/* ---- one cell ------------------------------------------------------------------------ */
static void check_events(struct gt_runtime *rt, const char *what)
{
    struct probe *t = rt->tracer_state;
    uint64_t missing = 0;
    for (int i = 0; i < PE_COUNT; i++)
        if (gt_load_relaxed(&t->events[i]) == 0 && ++missing)
            diag("%s: no %s", what, probe_names[i]);
    ok(gt_load_relaxed(&t->wrong) == 0, "%s: every event right, in its section", what);
    ok(missing == 0, "%s: every kind of event seen", what);
}

static void cell(int32_t procs, enum gt_syscall_model model)
{
    struct gt_config c;
    struct mix x = {0};
    char err[160] = "", what[64];
    struct gt_runtime_stats s;
    snprintf(what, sizeof what, "%s, %d Ps", model ? "status" : "scanbit", procs);
    gt_config_init(&c);
    c.scheduler = &gt_scheduler_worksteal;
    c.tracer = &probe_tracer;
    c.procs = procs;
    c.syscalls = model;
    if (R->create(&c, &x.rt, err, sizeof err) != 0)
        bail_out("create: %s", err);
    gt_journal_enable(x.rt, 1u << 22);
    gt_store_relaxed(&bad, 0u);
    int rc = R->run(x.rt, mix_main, &x);
    R->stats(x.rt, &s);
    ok(rc == 0 && gt_load_relaxed(&bad) == 0 && s.violations == 0, "%s: runs", what);
    ok(s.spawned == s.exited, "%s: %llu Gs born, %llu gone", what, (unsigned long long)s.spawned,
       (unsigned long long)s.exited);
    check_events(x.rt, what);
    check_journal(x.rt, what);
    R->destroy(x.rt);
}

int main(void)
{
    plan(6 * 6);
    for (int i = 0; i < N_PROC_COUNTS; i++) {
        cell(proc_counts[i], GT_SYSCALLS_SCANBIT);
        cell(proc_counts[i], GT_SYSCALLS_STATUS);
    }
    return done_testing();
}
