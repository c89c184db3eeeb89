/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks a trace: replays its state machine and counts every inconsistency. GT_C_ONLY
 *
 * Tier 1 is what Go's reader demands, in its order of checks, so that the first error is
 * the one Go would name. Tier 2 is what Go's own trace tests add, tier 3 what Go lets pass
 * (L1 to L13). The rules are the table in rules.def; docs/checker.md is made from it.
 *
 * Thread-safety: one checker, one thread. Memory: bounded by one generation plus the live
 * Gs, Ps, Ms, tasks and ranges of the trace.
 */
#pragma once
#include "trace/reader.h"
#include "trace/rules.h" /* enum gt_rule, gt_rule_info() */
#include "trace/wire.h"

#ifdef __cplusplus
extern "C" {
#endif

enum gt_rules { GT_RULES_GO, GT_RULES_STRICT };

/* One inconsistency. Text lives during the callback only. */
struct gt_finding {
    enum gt_rule rule;
    struct gt_where at;
    int event;        /* enum gt_ev, -1: none */
    bool first_error; /* Go's reader stops here */
    const char *event_text; /* the event in text form, "" none */
    const char *states;     /* "G 7 is Waiting, the event needs Runnable", ... */
    const char *explain;    /* one sentence for someone who did not write the checker */
};

/* Of a "failed to advance": what each stuck M waits for. Passed as further findings'
 * detail lines, one call each, after the finding itself. */
struct gt_stuck {
    struct gt_where at;
    const char *event_text;
    const char *waits_for; /* "P 3 to be Idle with sequence 4; it is Running (M 12, seq 3)" */
    const char *freed_by;  /* the event that would free it, and where it was expected */
};

struct gt_check_options {
    enum gt_rules rules;
    bool first_only; /* stop at the first error, as Go does */
    void (*finding)(void *arg, const struct gt_finding *f); /* NULL: count only */
    void (*stuck)(void *arg, const struct gt_stuck *s);     /* NULL: not wanted */
    void *arg;
    uint64_t max_report; /* findings handed out; counting goes on. 0: no limit */
    void (*progress)(void *arg, uint64_t bytes, uint64_t events); /* once a generation; may be NULL */
};

/* Sum and difference of times, which a broken trace can make any number at all: they wrap. */
static inline int64_t gt_ns_sum(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}
static inline int64_t gt_ns_diff(int64_t later, int64_t earlier)
{
    return (int64_t)((uint64_t)later - (uint64_t)earlier);
}

#define GT_STATES_MAX 8
struct gt_check_stats {
    uint64_t events, bytes, generations, batches;
    uint64_t gs, ps, ms;        /* seen */
    uint64_t peak_bytes;        /* of the checker's and reader's own memory */
    int64_t first_ns, last_ns;  /* trace time */
    uint64_t by_event[256];     /* events by type */
    uint64_t bytes_by_event[256];
    uint64_t string_bytes, stack_bytes, sample_bytes, framing_bytes;
    uint64_t stacks, strings, samples;
    int64_t g_state_ns[GT_STATES_MAX]; /* by enum gt_wire_gstatus, summed over Gs */
    int64_t p_state_ns[GT_STATES_MAX];
};

struct gt_check_result {
    bool accepted;           /* by the tier 1 rules: Go's reader would deliver it whole */
    uint64_t inconsistencies; /* all findings */
    uint64_t by_rule[GT_RULE_COUNT];
    enum gt_rule first_error; /* GT_RULE_NONE: none */
    struct gt_where first_at;
    char first_text[240];
    uint32_t header;
    bool truncated;
    struct gt_check_stats stats;
};

/*
 * Checks all that the reader gives. Return: 0: the trace was read to its end or to its
 * first unreadable byte (result says which); negative errno: of the source or -ENOMEM.
 */
int gt_check(struct gt_reader *r, const struct gt_check_options *o, struct gt_check_result *res);

#ifdef __cplusplus
}
#endif
