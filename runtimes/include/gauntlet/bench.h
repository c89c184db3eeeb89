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

/* Events as the core emits them: a section each, and the op. */
enum gt_bench_event {
    GT_BENCH_NO_STACK, /* HeapAlloc with a value of three bytes: 6 bytes on the wire */
    GT_BENCH_STACK,    /* STWBegin with the caller's stack, the same each time */
};
/*
 * Emits n events. Context: on a G, a trace on; yields now and then, so that the tracer's
 * own Gs get on. `frames`: how deep the stack is where they are emitted, at least.
 * Return: ns for all n; -ENOTSUP when no trace is on.
 */
int64_t gt_bench_events(enum gt_bench_event e, uint64_t n, uint32_t frames);
struct gt_runtime;
/* Events that the runtime's tracer has written; -1: it does not say. Any thread. */
int64_t gt_bench_traced(struct gt_runtime *rt);

#ifdef __cplusplus
}
#endif
