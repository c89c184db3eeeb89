/* SPDX-License-Identifier: Apache-2.0 */
/* The lean build disturbs nobody: it refuses a level, and has no point.
 * GT_TEST: lean */
#include <errno.h>

#include "in_runtime.h"

/* A point that is code would evaluate this. */
static int touched;
static struct gt_m *touch(void)
{
    touched++;
    return NULL;
}

int main(void)
{
    struct gt_config c;
    struct gt_runtime *rt = NULL;
    char err[160] = "";
    (void)touch;
    plan(3);
    gt_config_init(&c);
    c.scheduler = &gt_scheduler_worksteal;
    c.tracer = &gt_tracer_none;
    c.perturb = GT_PERTURB_LOW;
    int rc = R->create(&c, &rt, err, sizeof err);
    ok(rc == -ENOTSUP && rt == NULL && strstr(err, "low") != NULL, "a level is refused: %s", err);
    c.perturb = GT_PERTURB_OFF;
    rc = R->create(&c, &rt, err, sizeof err);
    ok(rc == 0 && rt->tracer_host.perturb == NULL, "off is not");
    if (rc == 0)
        R->destroy(rt);
    GT_PERTURB(touch(), park_event);
    GT_PERTURB_HOST(&rt->tracer_host, refill);
    is_int(touched, 0, "a point is no code");
    return done_testing();
}
