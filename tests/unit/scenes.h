/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scenes that may hang or abort when what they guard is broken: each runs in a child of its
 * own and becomes one TAP point. A scene holds when it ends in time and no expect() failed.
 * Keep the parent free of threads: ThreadSanitizer lets only such a process fork.
 */
#pragma once
#include <errno.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "in_runtime.h"

#define SCENE_SECONDS (GT_TSAN || GT_ASAN ? 40u : 15u)

struct scene {
    void (*fn)(void);
    const char *holds;
    bool not_tsan; /* needs signals between instructions */
};

static inline void run_scene(const struct scene *s)
{
    int st = 0;
    if (GT_TSAN && s->not_tsan) {
        skip(1, "%s: no asynchronous signals under ThreadSanitizer", s->holds);
        return;
    }
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        alarm(SCENE_SECONDS);
        gt_store_relaxed(&bad, 0u);
        s->fn();
        _exit(gt_load_relaxed(&bad) == 0 ? 0 : 1);
    }
    bool ended = pid > 0 && waitpid(pid, &st, 0) == pid;
    ok(ended && WIFEXITED(st) && WEXITSTATUS(st) == 0, "%s", s->holds);
    if (ended && WIFSIGNALED(st))
        diag(WTERMSIG(st) == SIGALRM ? "it hung" : "it died of signal %d", WTERMSIG(st));
}

static inline pthread_t thread_of(void *(*fn)(void *), void *arg)
{
    pthread_t t;
    if (pthread_create(&t, NULL, fn, arg) != 0)
        bail_out("no thread for the test itself");
    return t;
}

/* A runtime with the plugins given, NULL for the usual ones. */
static inline struct gt_runtime *runtime_with(int32_t procs, const struct gt_tracer_ops *tracer,
                                              const struct gt_scheduler_ops *sched)
{
    struct gt_config c;
    struct gt_runtime *rt = NULL;
    char err[160] = "";
    gt_config_init(&c);
    c.scheduler = sched ? sched : &gt_scheduler_worksteal;
    c.tracer = tracer ? tracer : &gt_tracer_none;
    c.procs = procs;
    c.seed = 1;
    if (R->create(&c, &rt, err, sizeof err) != 0)
        bail_out("create: %s", err);
    return rt;
}

static inline void spin_for(int64_t ns)
{
    for (int64_t end = gt_nanotime() + ns; gt_nanotime() < end;)
        gt_cpu_relax();
}

/* Waits outside the runtime, at most a second, for a word to be at least n. */
static inline bool reaches(const gt_a32 *a, uint32_t n)
{
    for (int i = 0; i < 10000 && gt_load_acquire(a) < n; i++) /* pair: test-flag */
        gt_sleep_ns(100 * GT_NS_PER_US);
    return gt_load_acquire(a) >= n; /* pair: test-flag */
}

static inline void tell(gt_a32 *a)
{
    gt_add_acq_rel(a, 1u); /* pair: test-flag */
}
