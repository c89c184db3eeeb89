/* SPDX-License-Identifier: Apache-2.0 */
/* Many Gs that run one function over an array, and are joined. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "gauntlet/workload.h"

struct gt_team_seat;

struct gt_team {
    const struct gt_runtime_ops *ops;
    struct gt_wg *wg;
    struct gt_team_seat *seats;
    uint32_t n;
};

/* Starts fn(member i) on a G each, for n members of `size` bytes. 0 or negative errno:
 * then t->n Gs did start, and are to be waited for all the same. Context: a G. */
int gt_team_start(struct gt_team *t, const struct gt_workload_params *p, uint32_t n, void *members,
                  size_t size, gt_fn fn);
/* Returns when all have returned. Switches. */
void gt_team_wait(struct gt_team *t);
/* Both, also after an error. */
int gt_team_run(const struct gt_workload_params *p, uint32_t n, void *members, size_t size,
                gt_fn fn);

/* `want` Gs, at least `least`, at most what p->gs leaves when `others` run beside them. */
uint32_t gt_team_size(const struct gt_workload_params *p, uint32_t want, uint32_t least,
                      uint32_t others);

/* n split over `parts`, rounded up: at least n in all. */
static inline uint64_t gt_team_share(uint64_t n, uint32_t parts)
{
    return (n + parts - 1) / parts;
}
