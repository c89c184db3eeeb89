/* SPDX-License-Identifier: Apache-2.0 */
/* Costs inside the core that no runtime call shows alone. For benchmarks. */
#pragma once
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Switches stacks n times between two contexts, as the core does where a G stops, with no
 * scheduler between. Context: any thread, blocks it for the time. Thread-safe.
 * Return: ns for all n; -ENOMEM; -ENOTSUP under a sanitizer.
 */
int64_t gt_bench_switch(uint64_t n);

#ifdef __cplusplus
}
#endif
