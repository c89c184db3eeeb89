/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: labels=quick,reduced timeout=180 */
/* A runtime's life: bad configurations, runs one after the other, deadlock, interrupt,
 * Gs left behind, several runtimes at once; direct switch, locked Gs, preemption. */
#include <errno.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "in_runtime.h"

static int create_with(struct gt_config *c, char *err)
{
    struct gt_runtime *rt = NULL;
    int rc = R->create(c, &rt, err, 160);
    if (rc == 0)
        R->destroy(rt);
    return rc;
}

static struct gt_config good(void)
{
    struct gt_config c;
    gt_config_init(&c);
    c.scheduler = &gt_scheduler_worksteal;
    c.tracer = &gt_tracer_none;
    return c;
}

static void configurations(void)
{
    char err[160] = "";
    struct gt_config c = good();
    ok(create_with(&c, err) == 0, "a good configuration");
    c.procs = 0;
    ok(create_with(&c, err) == -EINVAL && strstr(err, "procs"), "procs 0: %s", err);
    c.procs = GT_PROCS_MAX + 1;
    ok(create_with(&c, err) == -EINVAL && strstr(err, "1024"), "procs 1025: %s", err);
    c = good();
    c.scheduler = NULL;
    ok(create_with(&c, err) == -EINVAL, "no scheduler: %s", err);
    c = good();
    c.topology = "no such thing:";
    ok(create_with(&c, err) < 0 && err[0], "bad topology: %s", err);
    c = good();
    c.bind = GT_BIND_PU;
    c.procs = 1000;
    ok(create_with(&c, err) == -ENOSPC && err[0], "more bound Ps than CPUs: %s", err);
    c = good();
    c.stack_size = 4096;
    ok(create_with(&c, err) == -EINVAL && strstr(err, "stack_size"), "a stack too small: %s", err);
}

/* Out of memory: an error and one line, nothing half-made; the process goes on. */
static void no_memory(void)
{
    struct rlimit was, tight = {256u << 20, RLIM_INFINITY};
    struct gt_config c = good();
    struct gt_scheduler_ops fat = gt_scheduler_worksteal;
    char err[160] = "";
    if (GT_ASAN || GT_TSAN) {
        skip(2, "address space cannot be limited under this sanitizer");
        return;
    }
    fat.runtime_state = 1u << 30;
    c.scheduler = &fat;
    getrlimit(RLIMIT_AS, &was);
    tight.rlim_max = was.rlim_max;
    setrlimit(RLIMIT_AS, &tight);
    ok(create_with(&c, err) == -ENOMEM && err[0], "no memory for a scheduler's state: %s", err);
    setrlimit(RLIMIT_AS, &was);
    c.scheduler = &gt_scheduler_worksteal;
    ok(create_with(&c, err) == 0, "and with memory again");
}

/* ---- ends ------------------------------------------------------------------------------ */
static void nothing(void *arg)
{
    gt_a32 *n = arg;
    gt_add_relaxed(n, 1u);
}

static void parks(void *arg)
{
    (void)arg;
    R->park();
}

static void leaves_gs(void *arg)
{
    for (int i = 0; i < 50; i++)
        expect(R->go(parks, NULL) == 0);
    for (int i = 0; i < 10; i++)
        expect(R->go(nothing, arg) == 0);
    R->yield();
}

static void runs_again(int32_t procs)
{
    gt_a32 n = {0};
    bool good_runs = true;
    struct gt_runtime *rt = runtime_new(procs);
    for (int i = 0; i < 30; i++) {
        good_runs &= R->run(rt, leaves_gs, &n) == 0;
        if (i % 10 == 9)
            good_runs &= R->run(rt, parks, NULL) == -EDEADLK;
    }
    ok(good_runs, "33 runs of one runtime, each leaving Gs, %d Ps", procs);
    R->destroy(rt);
}

static void spins_politely(void *arg)
{
    gt_a32 *n = arg;
    for (;;) {
        gt_add_relaxed(n, 1u);
        R->yield();
    }
}

struct interruption {
    struct gt_runtime *rt;
    gt_a32 n;
};

static void *interrupter(void *arg)
{
    struct interruption *in = arg;
    do
        gt_sleep_ns(20 * GT_NS_PER_MS);
    while (gt_load_relaxed(&in->n) <= 100);
    R->interrupt(in->rt);
    return NULL;
}

static void interrupted(int32_t procs)
{
    struct interruption in = {.rt = runtime_new(procs)};
    pthread_t th;
    if (pthread_create(&th, NULL, interrupter, &in) != 0)
        bail_out("no thread");
    int rc = R->run(in.rt, spins_politely, &in.n);
    pthread_join(th, NULL);
    ok(rc == -EINTR, "interrupted after %u steps, %d Ps",
       gt_load_relaxed(&in.n), procs);
    ok(R->run(in.rt, leaves_gs, &in.n) == 0, "and runs again");
    R->destroy(in.rt);
}

/* ---- several runtimes ------------------------------------------------------------------------ */
struct lives {
    int32_t procs;
    uint64_t sum;
};

struct sum {
    gt_a64 sum, n;
};

static void adds(void *arg)
{
    struct sum *s = arg;
    R->yield();
    gt_add_relaxed(&s->sum, R->goid());
    gt_add_relaxed(&s->n, 1u);
}

static void lives_main(void *arg)
{
    struct lives *l = arg;
    struct sum sum = {0};
    for (int i = 0; i < 1000; i++) {
        expect(R->go(adds, &sum) == 0);
        if (i % 10 == 0)
            R->yield();
    }
    while (gt_load_relaxed(&sum.n) < 1000)
        R->yield();
    R->sleep(GT_NS_PER_MS);
    l->sum = gt_load_relaxed(&sum.sum);
}

static void *one_life(void *arg)
{
    struct lives *l = arg;
    for (int i = 0; i < 5; i++) {
        struct gt_runtime *rt = runtime_new(l->procs);
        expect(R->run(rt, lives_main, l) == 0);
        R->destroy(rt);
    }
    return NULL;
}

static void side_by_side(void)
{
    pthread_t th[4];
    struct lives l[4];
    gt_store_relaxed(&bad, 0u);
    for (int i = 0; i < 4; i++) {
        l[i] = (struct lives){.procs = 1 + i};
        if (pthread_create(&th[i], NULL, one_life, &l[i]) != 0)
            bail_out("no thread");
    }
    for (int i = 0; i < 4; i++)
        pthread_join(th[i], NULL);
    ok(gt_load_relaxed(&bad) == 0 && l[0].sum && l[3].sum, "four runtimes in one process");
}

/* ---- coroutines --------------------------------------------------------------------------------- */
struct gen {
    struct gt_coro *c;
    uint64_t value;
    uint64_t thread;
};

static void generate(void *arg)
{
    struct gen *x = arg;
    for (uint64_t i = 1; i <= 100; i++) {
        x->value = i;
        R->coro_switch(x->c);
    }
    x->value = 0;
}

static void pull(bool locked)
{
    struct gen x = {0};
    uint64_t sum = 0;
    x.c = R->coro_new(generate, &x);
    if (locked)
        R->lock_thread();
    while (R->coro_switch(x.c)) {
        sum += x.value;
        if (x.value % 10 == 0)
            R->yield();
    }
    if (locked)
        R->unlock_thread();
    expect(sum == 5050);
    R->coro_free(x.c);
    x.c = R->coro_new(generate, &x);
    R->coro_free(x.c); /* never switched to */
}

static void puller(void *arg)
{
    struct gt_wg *wg = arg;
    for (int i = 0; i < 20; i++)
        pull(i % 3 == 2);
    R->wg_done(wg);
}

static void coroutines(void *arg)
{
    struct gt_wg *wg = R->wg_new();
    (void)arg;
    R->wg_add(wg, 8);
    for (int i = 0; i < 8; i++)
        expect(R->go(puller, wg) == 0);
    R->wg_wait(wg);
    R->wg_free(wg);
}

/* ---- locked to a thread ------------------------------------------------------------------------- */
static void stays(void *arg)
{
    struct gt_wg *wg = arg;
    R->lock_thread();
    R->lock_thread();
    int32_t tid = gt_thread_id();
    for (int i = 0; i < 30; i++) {
        R->yield();
        expect(gt_thread_id() == tid);
        R->syscall_enter_blocking();
        (void)gt_os_nanosleep(1000);
        R->syscall_exit();
        expect(gt_thread_id() == tid);
        R->sleep(10000);
        expect(gt_thread_id() == tid);
    }
    R->unlock_thread();
    R->yield();
    expect(gt_thread_id() == tid); /* still locked once */
    R->unlock_thread();
    R->wg_done(wg);
}

static void exits_locked(void *arg)
{
    struct gt_wg *wg = arg;
    R->lock_thread();
    R->yield();
    R->wg_done(wg); /* its thread ends with it */
}

static void locked_gs(void *arg)
{
    struct gt_wg *wg = R->wg_new();
    (void)arg;
    R->wg_add(wg, 20);
    for (int i = 0; i < 10; i++) {
        expect(R->go(stays, wg) == 0);
        expect(R->go(exits_locked, wg) == 0);
    }
    R->wg_wait(wg);
    R->wg_free(wg);
}

/* ---- preemption ---------------------------------------------------------------------------------- */
struct hog {
    gt_a32 stop, others;
    struct gt_wg *wg;
    uint64_t loops;
};

static void counts_on(void *arg)
{
    struct hog *h = arg;
    while (gt_load_relaxed(&h->stop) == 0) {
        gt_add_relaxed(&h->others, 1u);
        R->sleep(GT_NS_PER_MS);
    }
    R->wg_done(h->wg);
}

/* No runtime call in the loop; the vector sum must survive. */
static void hogs(void *arg)
{
    struct hog *h = arg;
    double x[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    int32_t tid = gt_thread_id();
    R->async_preempt(true);
    while (gt_load_relaxed(&h->others) < 20) {
        for (int i = 0; i < 8; i++)
            x[i] += 1.0;
        h->loops++;
    }
    R->async_preempt(false);
    expect(gt_thread_id() == tid);
    for (int i = 0; i < 8; i++)
        expect(x[i] == (double)(i + 1) + (double)h->loops);
    gt_store_relaxed(&h->stop, 1u);
    R->wg_done(h->wg);
}

static void preempted_by_signal(void *arg)
{
    struct hog h = {0};
    h.wg = R->wg_new();
    R->wg_add(h.wg, 2);
    expect(R->go(hogs, &h) == 0);
    expect(R->go(counts_on, &h) == 0);
    R->wg_wait(h.wg);
    R->wg_free(h.wg);
    (void)arg;
}

static void async_preemption(void)
{
    struct gt_runtime_stats s;
    if (GT_TSAN) {
        skip(1, "ThreadSanitizer delays signals to its own points");
        return;
    }
    struct gt_runtime *rt = runtime_new(1);
    gt_store_relaxed(&bad, 0u);
    int rc = R->run(rt, preempted_by_signal, NULL);
    R->stats(rt, &s);
    ok(rc == 0 && gt_load_relaxed(&bad) == 0 && s.preempted_async > 5,
       "a loop without calls is preempted by signal (%llu times), on one P",
       (unsigned long long)s.preempted_async);
    R->destroy(rt);
}

struct polite {
    gt_a32 n;
    struct gt_wg *wg;
};

static void long_loop(void *arg)
{
    struct polite *x = arg;
    while (gt_load_relaxed(&x->n) < 30)
        R->checkpoint();
    R->wg_done(x->wg);
}

static void cooperative(void *arg)
{
    struct polite x = {.wg = R->wg_new()};
    R->wg_add(x.wg, 1);
    expect(R->go(long_loop, &x) == 0);
    for (int i = 0; i < 30; i++) {
        R->sleep(GT_NS_PER_MS);
        gt_add_relaxed(&x.n, 1u);
    }
    R->wg_wait(x.wg);
    R->wg_free(x.wg);
    (void)arg;
}

/* ---- what ends the process, in a child ---------------------------------------------------------------- */
static int deep(int n)
{
    volatile char room[512];
    room[0] = (char)n;
    return n <= 0 ? room[0] : deep(n - 1) + room[0];
}

static void overflows(void *arg)
{
    (void)arg;
    (void)deep(1 << 20);
}

static void silent_hog(void *arg)
{
    int64_t end = gt_nanotime() + 400 * GT_NS_PER_MS;
    while (gt_nanotime() < end)
        ;
    (void)arg;
}

/* Runs fn in a child; what it wrote to standard error is in out. Its wait status. */
static int in_child(void (*fn)(void), char *out, size_t n)
{
    int fds[2], status = 0;
    if (pipe(fds) != 0)
        bail_out("pipe");
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(fds[1], 2);
        close(fds[0]);
        fn();
        _exit(0);
    }
    close(fds[1]);
    size_t got = 0;
    for (ssize_t k; got + 1 < n && (k = read(fds[0], out + got, n - 1 - got)) > 0;)
        got += (size_t)k;
    out[got] = '\0';
    close(fds[0]);
    waitpid(pid, &status, 0);
    return status;
}

static void child_overflow(void)
{
    struct gt_runtime *rt = runtime_new(1);
    R->run(rt, overflows, NULL);
}

static void child_hog(void)
{
    struct gt_config c = good();
    struct gt_runtime *rt;
    char err[160];
    c.watchdog_ns = 50 * GT_NS_PER_MS;
    if (R->create(&c, &rt, err, sizeof err) == 0)
        R->run(rt, silent_hog, NULL);
}

static void reports(void)
{
    static char out[65536];
    if (GT_TSAN) {
        skip(2, "ThreadSanitizer starts no threads in a forked child");
        return;
    }
    int st = in_child(child_overflow, out, sizeof out);
    ok(WIFSIGNALED(st) && strstr(out, "stack overflow") && strstr(out, "goroutine "),
       "an overflow names its goroutine and ends the process");
    st = in_child(child_hog, out, sizeof out);
    ok(st == 0 && strstr(out, "without a runtime call"), "the watchdog names a silent loop");
}

/* I5 of m.c, on a list made by hand: b, a and others that are nowhere yet, or too far behind. */
static void who_gets_a_p(void)
{
    enum { MS = 40 };
    static struct gt_runtime rt;
    static struct gt_p p[3];
    static struct gt_m m[MS];
    for (int i = 0; i < 3; i++)
        p[i].place.cpuset = (const void *)&p[i];
    for (int i = 0; i < MS - 1; i++)
        m[i].idle_next = &m[i + 1];
    rt.idle_ms = &m[0];
    m[1].bound_to = &p[1];
    m[2].bound_to = m[3].bound_to = &p[0];
    m[MS - 1].bound_to = &p[2];
    rt.config.bind = GT_BIND_NONE;
    ok(*gt_m_idle_for(&rt, &p[0]) == &m[0], "not bound: the M that parked last");
    rt.config.bind = GT_BIND_PU;
    ok(*gt_m_idle_for(&rt, &p[0]) == &m[2] && *gt_m_idle_for(&rt, &p[1]) == &m[1],
       "bound: the last one at the P's place");
    ok(*gt_m_idle_for(&rt, &p[2]) == &m[0], "none of the first is there: the last");
    p[2].place.cpuset = p[0].place.cpuset;
    ok(*gt_m_idle_for(&rt, &p[2]) == &m[2], "another P at the same place");
    rt.idle_ms = NULL;
    ok(*gt_m_idle_for(&rt, &p[0]) == NULL, "none is idle");
}

int main(void)
{
    plan(7 + 5 + 2 + 2 + 4 + 1 + 9 + 1 + 2);
    who_gets_a_p();
    configurations();
    no_memory();
    runs_again(1);
    runs_again(4);
    interrupted(1);
    interrupted(4);
    side_by_side();
    for (int i = 0; i < N_PROC_COUNTS; i++) {
        in_runtime(proc_counts[i], coroutines, NULL, "coroutines");
        in_runtime(proc_counts[i], locked_gs, NULL, "locked to a thread");
        in_runtime(proc_counts[i], cooperative, NULL, "preempted at checkpoints");
    }
    async_preemption();
    reports();
    return done_testing();
}
