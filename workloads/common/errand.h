/* SPDX-License-Identifier: Apache-2.0 */
/* A G that is spawned for one answer, and waited for.          GT_C_ONLY */
#pragma once
#include "common/gate.h"

struct gt_errand {
    const struct gt_runtime_ops *ops;
    struct gt_gate done;
    uint64_t in, out;
};

static inline void gt_errand_run(void *arg)
{
    struct gt_errand *e = arg;
    e->ops->yield();
    e->out = ~e->in;
    gt_gate_open(e->ops, &e->done);
}

/* From a G. Switches. 0 with *right: the answer came back as it should; else what go() said. */
static inline int gt_errand_send(const struct gt_runtime_ops *ops, uint64_t in, bool *right)
{
    struct gt_errand e = {.ops = ops, .in = in};
    gt_gate_init(&e.done, ops->self());
    int rc = ops->go(gt_errand_run, &e);
    if (rc != 0)
        return rc;
    gt_gate_wait(ops, &e.done);
    *right = e.out == ~in;
    return 0;
}
