/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tier 2 and tier 3: what Go's own trace tests demand beyond its reader, and what Go lets pass.
 * The handlers of the ordering engine call these when an event happened by the rules of tier 1.
 * They report and never refuse. GT_C_ONLY
 *
 * Thread-safety: as the engine.
 */
#pragma once
#include "trace/order.h"

int gt_strict_init(struct gt_order *o); /* 0, -ENOMEM */
void gt_strict_free(struct gt_order *o);

/* A generation begins (tables, samples, clocks) and ends. */
void gt_strict_generation(struct gt_order *o, const struct gt_generation *g);
void gt_strict_generation_end(struct gt_order *o);
/* A trace without any generation: its only sync has no snapshot. */
void gt_strict_empty(struct gt_order *o);

/* Each delivered event. */
void gt_strict_event(struct gt_order *o, const struct gt_cursor *c);

/* r executes on m from now on; r stops executing. */
void gt_strict_p_runs(struct gt_order *o, const struct gt_cursor *c, struct gt_res *r,
                      struct gt_om *m);
void gt_strict_p_stops(struct gt_order *o, const struct gt_cursor *c, struct gt_res *r);
void gt_strict_g_runs(struct gt_order *o, const struct gt_cursor *c, struct gt_res *r,
                      struct gt_om *m);
void gt_strict_g_stops(struct gt_order *o, const struct gt_cursor *c, struct gt_res *r);

/* Before r (fresh: new) takes a status event's word. */
void gt_strict_p_status(struct gt_order *o, const struct gt_cursor *c, const struct gt_res *r,
                        bool fresh, uint64_t status);
void gt_strict_g_status(struct gt_order *o, const struct gt_cursor *c, const struct gt_res *r,
                        bool fresh, uint64_t status);
/* L7: before ProcStop. L9: a steal of an abandoned P names thread m. */
void gt_strict_proc_stop(struct gt_order *o, const struct gt_cursor *c, const struct gt_om *m);
void gt_strict_steal_abandoned(struct gt_order *o, const struct gt_cursor *c,
                               const struct gt_res *r, uint64_t m);
/* Before a G goes for good. */
void gt_strict_g_dies(struct gt_order *o, const struct gt_cursor *c, const struct gt_res *r);
/* A range begins or ends on a G; range: its entry. */
void gt_strict_range_begin(struct gt_order *o, const struct gt_cursor *c, struct gt_res *r,
                           struct gt_range *range);
void gt_strict_range_end(struct gt_order *o, const struct gt_cursor *c, struct gt_res *r,
                         const struct gt_range *range);
