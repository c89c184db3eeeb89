/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stress test: a program for the runtime that is there to enter certain windows, and what
 * the harness does for it. One file in stress/ and one line in stress.def each.
 *
 * The harness runs a test in rounds of its own length: create a runtime once; then, until the
 * time is used up: start the trace, run(), stop the trace, leave the runtime's run, and with
 * the world quiet compare journal and traces, count windows, forget the round.
 *
 * Thread-safety: the functions below are called from Gs of the test's run, but for
 * gt_stress_over, _check and _fail: from anywhere.
 */
#pragma once
#include "gauntlet/plugin.h"
#include "gauntlet/runtime.h"
#include "harness/windows.h"

struct gt_stress; /* one round of one test */

/* A window that the test is there to enter, and how often at least: below it the verdict is
 * inconclusive. Measured, on two loaded CPUs, and a good deal below what was seen there
 * (docs/stress-windows.md); so a window that short runs do not always enter has no `least`. */
struct gt_stress_need {
    enum gt_window window;
    uint64_t least; /* in a whole run, however short */
    /* Where the window exists: bit i is enum gt_syscall_model i. 0: in both. */
    uint32_t models;
    uint64_t per_min; /* and in each minute: of its share, rounded down */
    int32_t procs;    /* with fewer Ps it is not entered, or hardly */
};
#define GT_STRESS_NEEDS_MAX 16
static inline bool gt_stress_needs(const struct gt_stress_need *n)
{
    return n->least > 0 || n->per_min > 0; /* else it is past the end */
}

enum { /* flags */
    /* run() starts and stops its traces itself, by gt_stress_trace_start and _stop. */
    GT_STRESS_TRACES = 1u << 0,
    /* run() changes the number of Ps: it is given back by the harness. */
    GT_STRESS_PROCS = 1u << 1,
    /* Its traces hold samples of CPU time, where the tracer can. */
    GT_STRESS_PROFILE = 1u << 2,
};

struct gt_stress_params {
    const struct gt_runtime_ops *ops;
    struct gt_runtime *rt;
    int32_t procs;      /* as created with */
    int32_t cpus;       /* of this machine */
    uint64_t seed;      /* of the round */
    int64_t round_ns;   /* about how long run() shall take */
    bool sanitized;     /* asan or tsan: everything takes ten times as long */
};

struct gt_stress_ops {
    struct gt_plugin_head head; /* GT_MAGIC_STRESS; name, one-line summary */
    const char *text;           /* what it does: a paragraph of its page in docs/ */
    const char *bugs;           /* which bugs it is for: references and a few words, one a line */
    uint64_t needs;             /* GT_RT_* */
    int32_t min_procs;
    uint32_t flags;
    struct gt_stress_need windows[GT_STRESS_NEEDS_MAX]; /* gt_stress_needs */
    /* On the first G. Comes back soon after gt_stress_over() became true, having waited for
     * every G, thread and trace of its own. 0, or negative errno. */
    int (*run)(struct gt_stress *s, const struct gt_stress_params *p);
};

/* Shall run() end? */
bool gt_stress_over(struct gt_stress *s);
/* A check of the test's own: false is an inconsistency with this text (the first is kept). */
bool gt_stress_check(struct gt_stress *s, bool ok, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* A line of the parameters drawn from the seed, printed with the result. */
void gt_stress_say(struct gt_stress *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* For GT_STRESS_TRACES: each start is a trace of its own, judged after the round. 0, or what
 * the runtime's op returned (-EBUSY: another starter was first). Concurrent calls may come. */
int gt_stress_trace_start(struct gt_stress *s);
int gt_stress_trace_stop(struct gt_stress *s);

/* The i-th of stress.def, or NULL. */
const struct gt_stress_ops *gt_stress_at(size_t i);
/* NULL with one line in err that lists what there is. */
const struct gt_stress_ops *gt_stress_find(const char *name, char *err, size_t size);
