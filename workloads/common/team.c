/* SPDX-License-Identifier: Apache-2.0 */
#include "common/team.h"

#include <errno.h>
#include <stdlib.h>

struct gt_team_seat {
    const struct gt_runtime_ops *ops;
    struct gt_wg *wg;
    gt_fn fn;
    void *member;
};

static void sit(void *arg)
{
    const struct gt_team_seat *s = arg;
    s->fn(s->member);
    s->ops->wg_done(s->wg);
}

static int seat_all(struct gt_team *t, char *members, size_t size, gt_fn fn)
{
    for (uint32_t i = 0; i < t->n; i++) {
        t->seats[i] = (struct gt_team_seat){t->ops, t->wg, fn, members + i * size};
        int rc = t->ops->go(sit, &t->seats[i]);
        if (rc != 0) {
            t->ops->wg_add(t->wg, -(int32_t)(t->n - i));
            t->n = i;
            return rc;
        }
    }
    return 0;
}

int gt_team_start(struct gt_team *t, const struct gt_workload_params *p, uint32_t n, void *members,
                  size_t size, gt_fn fn)
{
    *t = (struct gt_team){.ops = p->ops, .n = n};
    t->seats = calloc(n, sizeof *t->seats);
    t->wg = p->ops->wg_new();
    if (!t->seats || !t->wg) {
        t->n = 0;
        return -ENOMEM;
    }
    p->ops->wg_add(t->wg, (int32_t)n);
    return seat_all(t, members, size, fn);
}

void gt_team_wait(struct gt_team *t)
{
    if (t->wg) {
        t->ops->wg_wait(t->wg);
        t->ops->wg_free(t->wg);
    }
    free(t->seats);
    t->wg = NULL;
    t->seats = NULL;
}

int gt_team_run(const struct gt_workload_params *p, uint32_t n, void *members, size_t size,
                gt_fn fn)
{
    struct gt_team t;
    int rc = gt_team_start(&t, p, n, members, size, fn);
    gt_team_wait(&t);
    return rc;
}

uint32_t gt_team_size(const struct gt_workload_params *p, uint32_t want, uint32_t least,
                      uint32_t others)
{
    if (p->gs && want + others > p->gs)
        want = p->gs > others ? p->gs - others : 1;
    return want < least ? least : want;
}
