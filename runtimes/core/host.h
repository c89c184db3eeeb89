/* SPDX-License-Identifier: Apache-2.0 */
/* Life of a runtime and the tables it hands to its plugins. Private to core/. */
#pragma once
#include "core/core.h"

int gt_runtime_create(const struct gt_config *c, struct gt_runtime **out, char *err, size_t n);
int gt_runtime_run(struct gt_runtime *rt, gt_fn fn, void *arg);
void gt_runtime_interrupt(struct gt_runtime *rt); /* async-signal-safe */
void gt_runtime_destroy(struct gt_runtime *rt);
void gt_runtime_stats(struct gt_runtime *rt, struct gt_runtime_stats *s);
/* Fills rt->os, rt->sched_host and rt->tracer_host. */
void gt_host_init(struct gt_runtime *rt);
