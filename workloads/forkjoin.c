/* SPDX-License-Identifier: Apache-2.0 */
/*
 * forkjoin: fib(k) with a G per call of the first branch; trees until n Gs are done.
 * param: k, 0 for 18 or what p->gs allows (every G of a tree may be alive at once).
 */
#include <stdio.h>

#include "common/gate.h"
#include "gauntlet/workload.h"

enum { K_DEFAULT = 18, K_MAX = 40, CUTOFF = 2 };

struct node {
    const struct gt_runtime_ops *ops;
    struct gt_gate done;
    uint32_t k;
    int rc;
    uint64_t value, tasks;
};

static void branch(struct node *n);

static void first_branch(void *arg)
{
    struct node *n = arg;
    branch(n);
    gt_gate_open(n->ops, &n->done);
}

/* value = fib(k), tasks = Gs spawned below. */
static void branch(struct node *n)
{
    if (n->k < CUTOFF) {
        n->value = n->k;
        return;
    }
    struct node a = {.ops = n->ops, .k = n->k - 1}, b = {.ops = n->ops, .k = n->k - 2};
    gt_gate_init(&a.done, n->ops->self());
    int rc = n->ops->go(first_branch, &a);
    branch(&b);
    if (rc == 0)
        gt_gate_wait(n->ops, &a.done); /* until then `a` is the child's */
    n->value = a.value + b.value;
    n->tasks = a.tasks + b.tasks + (rc == 0 ? 1 : 0);
    n->rc = rc ? rc : a.rc ? a.rc : b.rc;
}

static uint64_t fib(uint32_t k)
{
    uint64_t a = 0, b = 1;
    for (; k > 0; k--) {
        uint64_t c = a + b;
        a = b;
        b = c;
    }
    return a;
}

/* Gs of one tree: as many as there are calls with k >= CUTOFF, fib(k + 1) - 1. */
static uint32_t choose_k(const struct gt_workload_params *p)
{
    uint32_t k = p->param ? p->param : K_DEFAULT;
    if (k > K_MAX)
        k = K_MAX;
    while (k > CUTOFF && ((p->gs && fib(k + 1) > p->gs) || (!p->param && fib(k) > p->n)))
        k--;
    return k;
}

static int run(const struct gt_workload_params *p, struct gt_workload_result *r)
{
    int rc = 0;
    uint32_t k = choose_k(p);
    int64_t start = p->ops->now();
    while (r->ops < p->n && rc == 0) {
        struct node root = {.ops = p->ops, .k = k};
        branch(&root);
        rc = root.rc;
        r->ops += root.tasks;
        if (rc != 0)
            break;
        gt_workload_check(r, root.value == fib(k), "fib(%u) came out as %llu, not %llu", k,
                          (unsigned long long)root.value, (unsigned long long)fib(k));
        gt_workload_check(r, root.tasks == fib(k + 1) - 1, "a tree of %llu Gs, not %llu",
                          (unsigned long long)root.tasks, (unsigned long long)fib(k + 1) - 1);
    }
    r->ns = p->ops->now() - start;
    return rc;
}

const struct gt_workload_ops gt_workload_forkjoin = {
    .head = GT_PLUGIN_HEAD(GT_MAGIC_WORKLOAD, struct gt_workload_ops, "forkjoin",
                           "a tree of Gs, as in naive Fibonacci", 0),
    .unit = "task",
    .checks = "the Fibonacci number and the number of Gs of each tree",
    .needs = GT_RT_PARK,
    .quick_n = 20000,
    .run = run,
};
