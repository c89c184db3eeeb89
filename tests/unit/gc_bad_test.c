/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: workloads labels=quick,reduced timeout=120 */
/*
 * The collector asked where it may not be, and out of memory where nothing can be done about
 * it: a timer function, a plain thread, a stopped world, a callback out of a system call.
 * Each time an error comes back at once, and what was held before is whole.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/foreign.h"
#include "common/things.h"
#include "in_runtime.h"

enum { DEPTH = 8 };

static struct gt_runtime *limited_runtime(uint64_t limit)
{
    struct gt_config c;
    struct gt_runtime *rt = NULL;
    char err[160] = "";
    gt_config_init(&c);
    c.scheduler = &gt_scheduler_worksteal;
    c.tracer = &gt_tracer_none;
    c.procs = 2;
    c.gc.limit = limit;
    c.gc.poison = true;
    gt_store_relaxed(&bad, 0u);
    if (R->create(&c, &rt, err, sizeof err) != 0)
        bail_out("create: %s", err);
    return rt;
}

static void run_on(struct gt_runtime *rt, gt_fn fn, const char *what)
{
    runtime_end(rt, 2, what, R->run(rt, fn, rt));
}

/* ---- not on a G ------------------------------------------------------------------------------ */
struct answer {
    gt_a32 there;
    int rc;
};

static void ask(void *arg)
{
    struct answer *a = arg;
    a->rc = R->gc();
    gt_store_release(&a->there, 1u);
}

static void in_timer(void *arg)
{
    (void)arg;
    struct answer a = {.rc = 1};
    gt_init(&a.there, 0u);
    struct gt_timer *t = R->timer_new(ask, &a);
    R->timer_start(t, R->now() + 1000000, 0);
    while (gt_load_acquire(&a.there) == 0)
        R->yield();
    expect(a.rc == -EPERM);
    R->timer_free(t);
    expect(R->gc() == 0);
}

static void in_thread(void *arg)
{
    (void)arg;
    struct answer a = {.rc = 1};
    struct gt_foreign thread;
    gt_init(&a.there, 0u);
    R->syscall_enter_blocking();
    int rc = gt_foreign_start(&thread, ask, &a);
    if (rc == 0)
        gt_foreign_join(&thread);
    R->syscall_exit();
    expect(rc == 0 && a.rc == -EPERM);
}

/* ---- a callback out of a system call: it may, and what its caller holds stays --------------------- */
static void collect_twice(void *arg)
{
    int *rc = arg;
    struct gt_maker m;
    gt_maker_init(&m, R, 1);
    struct gt_link l = gt_tree_new(&m, DEPTH, true);
    *rc = R->gc();
    *rc = *rc ? *rc : R->gc();
    expect(gt_tree_count(&m, l) == gt_tree_size(DEPTH));
}

static void in_callback(void *arg)
{
    struct gt_maker m;
    int rc = 1;
    gt_maker_init(&m, R, 0);
    struct gt_link l = gt_tree_new(&m, DEPTH, true);
    R->syscall_enter();
    expect(R->gc() == -EPERM);
    expect(R->callback(arg, collect_twice, &rc) == 0 && rc == 0);
    expect(R->gc() == -EPERM);
    R->syscall_exit();
    expect(gt_tree_count(&m, l) == gt_tree_size(DEPTH) && R->gc() == 0);
    expect(gt_tree_count(&m, l) == gt_tree_size(DEPTH) && m.wrong == 0);
}

/* ---- a stopped world ------------------------------------------------------------------------------ */
static void in_stop(void *arg)
{
    struct gt_maker m;
    struct gt_gc_stats before, after;
    gt_maker_init(&m, R, 0);
    struct gt_link l = gt_tree_new(&m, DEPTH, true);
    R->gc_stats(arg, &before);
    R->stop_world(GT_WORLD_TEST);
    expect(R->gc() == -EBUSY);
    struct gt_link in = gt_tree_new(&m, DEPTH, true); /* allowed, and no cycle can begin */
    while (R->gc_alloc(1 << 20, NULL) != NULL) {
    } /* to the limit, which nobody can do anything about now */
    R->start_world();
    R->gc_stats(arg, &after);
    expect(after.cycles == before.cycles && after.failed > before.failed);
    expect(gt_tree_count(&m, l) == gt_tree_size(DEPTH));
    expect(gt_tree_count(&m, in) == gt_tree_size(DEPTH));
    expect(R->gc() == 0 && R->gc_alloc(1 << 20, NULL) != NULL);
}

/* ---- too large, at the limit -------------------------------------------------------------------------- */
static void too_large(void *arg)
{
    struct gt_maker m;
    struct gt_gc_stats s;
    gt_maker_init(&m, R, 0);
    struct gt_link l = gt_tree_new(&m, DEPTH, true);
    for (uint32_t shift = 40; shift < 64; shift++)
        expect(R->gc_alloc((size_t)1 << shift, NULL) == NULL);
    expect(R->gc_alloc(SIZE_MAX, NULL) == NULL);
    R->gc_stats(arg, &s);
    expect(s.failed == 25 && s.cycles == 0); /* no cycle is wasted on it */
    expect(gt_tree_count(&m, l) == gt_tree_size(DEPTH));
}

static void at_limit(void *arg)
{
    struct gt_maker m;
    struct gt_gc_stats s;
    gt_maker_init(&m, R, 0);
    struct gt_link first = gt_tree_new(&m, DEPTH, true), list = {0};
    for (struct gt_link l = {0}; m.rc == 0; list = l.p ? l : list) {
        l = gt_node_new(&m, 8);
        if (l.p)
            gt_link_put(&m, &l.p->links[0], list);
    }
    R->gc_stats(arg, &s);
    expect(m.rc == -ENOMEM && s.limited > 0 && s.failed > 0);
    expect(s.heap_now <= 16u << 20 && s.memory <= 24u << 20); /* and the rest of a chunk */
    uint64_t length = 0;
    for (struct gt_link l = list; l.p && gt_thing_look(&m, l); l = l.p->links[0])
        length++;
    expect(length + gt_tree_size(DEPTH) == m.objects); /* nothing is lost */
    expect(gt_tree_count(&m, first) == gt_tree_size(DEPTH) && m.wrong == 0);
}

/* ---- the words that are said --------------------------------------------------------------------------- */
/* What fn(arg) on a runtime writes to standard error. */
static void run_and_read(struct gt_runtime *rt, gt_fn fn, const char *what, char *buf, size_t size)
{
    int fds[2];
    int saved = dup(STDERR_FILENO);
    if (saved < 0 || pipe(fds) != 0 || dup2(fds[1], STDERR_FILENO) < 0)
        bail_out("no pipe");
    int rc = R->run(rt, fn, rt);
    (void)dup2(saved, STDERR_FILENO);
    close(fds[1]);
    close(saved);
    ssize_t n = read(fds[0], buf, size - 1); /* it is short: a pipe holds it */
    buf[n > 0 ? n : 0] = '\0';
    close(fds[0]);
    runtime_end(rt, 2, what, rc);
}

static uint32_t lines(const char *s)
{
    uint32_t n = 0;
    for (; *s; s++)
        n += *s == '\n';
    return n;
}

static void is_one_line(char *said, const char *word)
{
    bool one = lines(said) == 1;
    if (!one)
        diag("all of it: %s", said);
    said[strcspn(said, "\n")] = '\0';
    ok(one && strstr(said, word), "one line says so: %s", said);
}

static void test_words(void)
{
    char said[4096];
    run_and_read(limited_runtime(0), too_large, "an object larger than memory", said, sizeof said);
    is_one_line(said, "gc_alloc");
    run_and_read(limited_runtime(16u << 20), at_limit, "the limit is hit", said, sizeof said);
    is_one_line(said, "limit");
    run_and_read(limited_runtime(16u << 20), in_stop, "the limit is hit in a stopped world", said,
                 sizeof said);
    is_one_line(said, "limit");
}

int main(void)
{
    run_on(limited_runtime(0), in_timer, "gc() in a timer function is refused");
    run_on(limited_runtime(0), in_thread, "gc() on a plain thread is refused");
    run_on(limited_runtime(0), in_callback, "gc() in a callback out of a system call");
    test_words();
    return done_testing();
}
