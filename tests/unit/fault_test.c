/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: labels=quick,fault timeout=60 */
/* Each planted fault is seen by the oracle meant to see it, and not when it is off: in the
 * faults preset. In the others: that they are not there, and said so. */
#include <errno.h>

#include "in_runtime.h"
#include "probe_tracer.h"

struct pipes {
    int fd[2];
    struct gt_wg *wg;
};

static void reads(void *arg)
{
    struct pipes *x = arg;
    int err = 0;
    char c;
    struct gt_fd *f = R->fd_open(x->fd[0], &err);
    expect(f != NULL);
    for (int i = 0; f && i < 50; i++)
        expect(R->fd_read(f, &c, 1) == 1);
    R->fd_close(f);
    R->wg_done(x->wg);
}

/* A reader that waits each time: it is found by the poller and injected. */
static void injects(void *arg)
{
    struct pipes x = {.wg = R->wg_new()};
    (void)arg;
    if (gt_os_pipe(x.fd, false) != 0)
        abort();
    expect(R->trace_start(NULL) == 0);
    R->wg_add(x.wg, 1);
    expect(R->go(reads, &x) == 0);
    for (int i = 0; i < 50; i++) {
        R->sleep(200000);
        expect(gt_os_write(x.fd[1], "x", 1) == 1);
    }
    R->wg_wait(x.wg);
    expect(R->trace_stop() == 0);
    gt_os_close(x.fd[1]);
    R->wg_free(x.wg);
}

static int create_with(const char *fault, struct gt_runtime **rt, char *err)
{
    struct gt_config c;
    gt_config_init(&c);
    c.scheduler = &gt_scheduler_worksteal;
    c.tracer = &probe_tracer;
    c.procs = 2;
    c.fault = fault;
    return R->create(&c, rt, err, 160);
}

/* Injections seen and events found wrong in one run. */
static void run_with(const char *fault, uint64_t *injected, uint64_t *wrong)
{
    struct gt_runtime *rt = NULL;
    struct gt_runtime_stats s;
    char err[160] = "";
    *injected = *wrong = 0;
    if (create_with(fault, &rt, err) != 0) {
        diag("%s", err);
        return;
    }
    gt_store_relaxed(&bad, 0u);
    int rc = R->run(rt, injects, NULL);
    R->stats(rt, &s);
    *injected = s.injected;
    *wrong = gt_load_relaxed(&((struct probe *)rt->tracer_state)->wrong);
    expect(rc == 0);
    R->destroy(rt);
}

/* ---- seed 003: the stack is taken after the change ------------------------------------ */
#define RUNS 100

struct pair {
    struct gt_chan *c;
    struct gt_wg *wg;
};

static void receives(void *arg)
{
    struct pair *p = arg;
    int v;
    while (R->chan_recv(p->c, &v))
        ;
    R->wg_done(p->wg);
}

static void waits_and_wakes(void *arg)
{
    struct pair p = {R->chan_new(sizeof(int), 0), R->wg_new()};
    int v = 0;
    (void)arg;
    expect(R->trace_start(NULL) == 0);
    R->wg_add(p.wg, 1);
    expect(R->go(receives, &p) == 0);
    for (int i = 0; i < 10; i++)
        expect(R->chan_send(p.c, &v) == 0);
    expect(R->chan_close(p.c) == 0);
    R->wg_wait(p.wg);
    expect(R->trace_stop() == 0);
    R->chan_free(p.c);
    R->wg_free(p.wg);
}

/* Runs of RUNS in which unowned stacks were counted. */
static int runs_that_count(const char *fault)
{
    int counted = 0;
    for (int i = 0; i < RUNS; i++) {
        struct gt_runtime *rt = NULL;
        struct gt_runtime_stats s;
        char err[160] = "";
        if (create_with(fault, &rt, err) != 0)
            bail_out("%s", err);
        gt_store_relaxed(&bad, 0u);
        expect(R->run(rt, waits_and_wakes, NULL) == 0);
        R->stats(rt, &s);
        counted += s.unowned_stacks > 0 && s.violations == s.unowned_stacks &&
                   gt_load_relaxed(&bad) == 0;
        R->destroy(rt);
    }
    return counted;
}

/* ---- the list ---------------------------------------------------------------------------- */
static bool is_one_of(const char *word, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(word, list[i]) == 0)
            return true;
    return false;
}
#define IS_ONE_OF(word, ...)                                                                       \
    is_one_of(word, (const char *const[]){__VA_ARGS__},                                            \
              sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

static bool well_said(const struct gt_fault_info *f)
{
    return strlen(f->reference) > 0 && strlen(f->cls) > 0 && strlen(f->windows) > 0 && strlen(f->summary) > 20 &&
           (!f->seed || IS_ONE_OF(f->seed, "000", "001", "002", "003", "004")) &&
           IS_ONE_OF(f->oracle, "order", "truth", "ownership", "locks", "liveness") &&
           IS_ONE_OF(f->test, "syscall-storm", "gc-stop", "procs-churn", "start-stop", "inject",
                     "callback", "stacks", "everything", "quiet") &&
           IS_ONE_OF(f->syscalls, "status", "scanbit", "both");
}

static void the_list(void)
{
    const struct gt_fault_info *f;
    size_t n = 0;
    bool good = true;
    for (; (f = gt_fault_info(n)) != NULL; n++)
        if (!well_said(f)) {
            diag("%s: a column of faults.def is wrong", f->name);
            good = false;
        }
    ok(good && n > 0, "each of %zu faults says where, who and in which model", n);
}

int main(void)
{
    struct gt_runtime *rt = NULL;
    uint64_t injected, wrong;
    char err[160] = "";
    plan(GT_FAULTS ? 6 : 5);
    the_list();
    unsetenv("GT_VIOLATION");
    run_with(NULL, &injected, &wrong);
    ok(injected > 10 && wrong == 0, "without a fault: %llu injected, %llu events wrong",
       (unsigned long long)injected, (unsigned long long)wrong);
    ok(create_with("no_such", &rt, err) == -EINVAL && strstr(err, "inject_event_first"),
       "an unknown fault lists the known ones: %s", err);
    if (GT_FAULTS) {
        run_with("inject_event_first", &injected, &wrong);
        ok(injected > 10 && wrong > 0, "inject_event_first (seed 000): %llu injected, %llu events wrong",
           (unsigned long long)injected, (unsigned long long)wrong);
    } else {
        ok(create_with("inject_event_first", &rt, err) == -ENOTSUP && strstr(err, "faults"),
           "a fault asked of a build without: %s", err);
    }
    int counted = runs_that_count(NULL);
    ok(counted == 0, "without a fault no run counts an unowned stack: %d of %d", counted, RUNS);
#if GT_FAULTS
    counted = runs_that_count("stack_after_block");
    ok(counted == RUNS, "stack_after_block (seed 003): %d of %d runs count it", counted, RUNS);
#endif
    return done_testing();
}
