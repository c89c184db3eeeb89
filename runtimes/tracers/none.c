/* SPDX-License-Identifier: Apache-2.0 */
/*
 * none: the null tracer, and the baseline of every price. It is never on: start is
 * refused, so no section ever begins and no event op is ever called.
 */
#include <errno.h>

#include "gauntlet/tracer.h"

static int none_init(void *t, const struct gt_tracer_host *host)
{
    (void)t;
    (void)host;
    return 0;
}

static void none_fini(void *t)
{
    (void)t;
}

static int none_start(void *t, const struct gt_trace_options *o)
{
    (void)t;
    (void)o;
    return -ENOTSUP;
}

static int none_stop(void *t)
{
    (void)t;
    return -ENOTSUP;
}

static uint64_t none_count(void *t)
{
    (void)t;
    return 0;
}

const struct gt_tracer_ops gt_tracer_none = {
    .head = GT_PLUGIN_HEAD(GT_MAGIC_TRACER, struct gt_tracer_ops, "none",
                           "the null tracer: never on", GT_TRACER_NULL),
    .init = none_init,
    .fini = none_fini,
    .start = none_start,
    .stop = none_stop,
    .count = none_count,
};
