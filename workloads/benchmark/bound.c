/* SPDX-License-Identifier: Apache-2.0 */
#include "bound.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/child.h"
#include "gauntlet/atomic.h"

enum { LOOKERS = 64 };
/* How long a G waits, running, for the others to run beside it. */
#define TOGETHER_NS 20000000ll

struct look {
    const struct gt_runtime_ops *ops;
    int32_t n;
    gt_a32 arrived, left;
    gt_a32 seen;
    cpu_set_t of[LOOKERS];
};

static void look(void *arg)
{
    struct look *l = arg;
    int64_t deadline = gt_child_clock() + TOGETHER_NS;
    uint32_t i = gt_add_relaxed(&l->arrived, 1u);
    while (gt_load_relaxed(&l->arrived) < (uint32_t)l->n && gt_child_clock() < deadline)
        gt_cpu_relax();
    if (i < LOOKERS && sched_getaffinity(0, sizeof l->of[i], &l->of[i]) == 0)
        (void)gt_add_relaxed(&l->seen, 1u);
    (void)gt_add_acq_rel(&l->left, 1u); /* pair: bench-bound */
}

static void look_around(void *arg)
{
    struct look *l = arg;
    for (int32_t i = 1; i < l->n; i++)
        if (l->ops->go(look, l) != 0)
            l->n = i;
    look(l);
    while (gt_load_acquire(&l->left) < (uint32_t)l->n) /* pair: bench-bound */
        l->ops->yield();
}

static void print(const cpu_set_t *set, char *list, size_t size)
{
    size_t at = 0;
    for (size_t i = 0; i < CPU_SETSIZE; i++) {
        size_t first = i;
        if (!CPU_ISSET(i, set))
            continue;
        while (i + 1 < CPU_SETSIZE && CPU_ISSET(i + 1, set))
            i++;
        int n = snprintf(list + at, size - at, i > first ? "%s%zu-%zu" : "%s%zu", at ? "," : "", first,
                         i);
        if (n < 0 || (size_t)n >= size - at)
            return;
        at += (size_t)n;
    }
}

bool gt_bound_look(const struct gt_runtime_ops *ops, struct gt_runtime *rt, int32_t procs,
                   enum gt_bind bind, bool each, char *list, size_t size)
{
    struct look l = {.ops = ops, .n = procs < LOOKERS ? procs : LOOKERS};
    cpu_set_t all;
    bool narrow = true;
    gt_init(&l.arrived, 0u);
    gt_init(&l.left, 0u);
    gt_init(&l.seen, 0u);
    CPU_ZERO(&all);
    if (ops->run(rt, look_around, &l) != 0 || gt_load_relaxed(&l.seen) == 0)
        return false;
    for (uint32_t i = 0; i < gt_load_relaxed(&l.seen); i++) {
        CPU_OR(&all, &all, &l.of[i]);
        narrow &= CPU_COUNT(&l.of[i]) == 1;
    }
    print(&all, list, size);
    return bind != GT_BIND_PU || narrow || (!each && CPU_COUNT(&all) <= procs);
}
