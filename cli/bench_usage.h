/* SPDX-License-Identifier: Apache-2.0 */
/* Who else was on the machine. */
#pragma once

struct gt_usage {
    double busy, all; /* ticks of all CPUs; all == 0: unknown */
    double ours;      /* seconds of our children that have ended, and of ourselves */
};
struct gt_usage gt_usage_now(void);
/* Share of the machine's CPU time that went to others; < 0: unknown. */
double gt_usage_foreign(const struct gt_usage *before, const struct gt_usage *after);
