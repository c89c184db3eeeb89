/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A crew: the Gs of one round of a stress test. Each load is a G that does one small thing
 * again and again until the round is over, and the partners it needs for that, Gs too. A
 * stress test is then a list of loads, their numbers drawn from the seed.
 *
 *   open   on the first G, for all loads, before any G of the crew runs
 *   step   on the load's own G, the lead, again and again
 *   last   on the lead when the round is over: makes the partners end (or, where a G could not
 *          be started, on the first G)
 *   partner  once on each partner: returns soon after last(), or after gt_load_over()
 *   close  on the first G when all Gs of the crew have ended; also where open() failed
 */
#pragma once
#include "common/gate.h"
#include "common/rng.h"
#include "gauntlet/atomic.h"
#include "stress.h"

struct gt_crew;
struct gt_load;

struct gt_load_kind {
    const char *name;
    uint64_t needs;    /* GT_RT_*: a runtime that lacks them gets none of these loads */
    uint32_t flags;    /* GT_STRESS_*: a test that lacks them gets none */
    size_t own;        /* bytes of the load's own state, zeroed */
    uint32_t partners; /* Gs */
    bool busy;         /* step() gives way to nobody: every few steps it is made to */
    int (*open)(struct gt_load *l); /* 0 or negative errno */
    void (*step)(struct gt_load *l);
    void (*last)(struct gt_load *l);
    void (*partner)(struct gt_load *l, uint32_t i);
    void (*close)(struct gt_load *l);
};

struct gt_load {
    const struct gt_load_kind *kind;
    struct gt_crew *crew;
    struct gt_stress *s;
    const struct gt_stress_params *p;
    const struct gt_runtime_ops *ops;
    struct gt_rng rng; /* of the lead */
    uint32_t index;    /* in the crew */
    uint32_t param;    /* of its kind; 0: the kind's default */
    const char *what;  /* of its kind */
    uint32_t partners; /* may be fewer than the kind's under a sanitizer */
    gt_a64 steps;      /* Written by: the lead. Read by: anyone */
    void *own;
} __attribute__((aligned(64)));

struct gt_crew_item {
    const struct gt_load_kind *kind;
    uint32_t n;
    uint32_t param;
    const char *what;
};

struct gt_crew {
    struct gt_stress *s;
    const struct gt_stress_params *p;
    struct gt_load *loads;
    uint32_t n;
    struct gt_wg *wg;
    struct gt_crew_seat *seats;
    gt_a32 failed; /* errno of the first failure */
    uint32_t flags;
};

/* Starts the loads of all items and says which, for the report. `flags`: those of the test.
 * 0 or negative errno; gt_crew_end is to be called after either. Context: the first G. */
int gt_crew_start(struct gt_crew *c, struct gt_stress *s, const struct gt_stress_params *p,
                  uint32_t flags, const struct gt_crew_item *items, size_t n);
/* The round ends for this crew, and gt_crew_end will return rc (negative errno; 0: nothing). */
void gt_crew_fail(struct gt_crew *c, int rc);
/* Returns when all Gs have ended. Switches. */
void gt_crew_wait(struct gt_crew *c);
/* Waits for all, frees all. 0 or the first failure of a load. Switches. */
int gt_crew_end(struct gt_crew *c);
/* Both: what most tests' run() is. */
int gt_crew_run(struct gt_stress *s, const struct gt_stress_params *p, uint32_t flags,
                const struct gt_crew_item *items, size_t n);

/* A stream of random choices for run() itself, apart from those of the loads. */
static inline struct gt_rng gt_crew_rng(const struct gt_stress_params *p)
{
    return gt_rng_make(p->seed, 1ull << 32);
}

/* 1 in one of n rounds, else 0. */
static inline uint32_t gt_crew_one_in(struct gt_rng *r, uint32_t n)
{
    return gt_rng_below(r, n) == 0;
}

/* ---- for loads; from any G of the crew -------------------------------------------------- */
bool gt_load_over(struct gt_load *l);
/* Memory or threads were refused: the round ends, run() returns rc (negative errno). */
void gt_load_fail(struct gt_load *l, int rc);
/* A trace of the load's own. begin: false where another's is on, or the tracer has none; any other
 * refusal fails the load. end: of one that was begun, else nothing. */
bool gt_load_trace_begin(struct gt_load *l);
void gt_load_trace_end(struct gt_load *l, bool begun);
/* A check of the load's own. */
#define gt_load_check(l, cond, ...)                                                                \
    do {                                                                                           \
        if (!(cond))                                                                               \
            (void)gt_stress_check((l)->s, false, __VA_ARGS__);                                     \
    } while (0)
/* Lets 0..most_us go by, drawn by the lead; 0 us is a yield. Switches. */
void gt_load_pause(struct gt_load *l, uint32_t most_us);
static inline uint32_t gt_load_param(const struct gt_load *l, uint32_t dflt)
{
    return l->param ? l->param : dflt;
}

/* The lead waits until n others have come, again and again. */
struct gt_muster {
    gt_a32 left;
    struct gt_gate all;
};
/* Context: who will wait, before the others can come. */
static inline void gt_muster_init(const struct gt_runtime_ops *ops, struct gt_muster *m, uint32_t n)
{
    gt_init(&m->left, n);
    gt_gate_init(&m->all, ops->self());
}
/* What was done before is visible after the wait. m may be gone after the last one came. */
static inline void gt_muster_come(const struct gt_runtime_ops *ops, struct gt_muster *m)
{
    if (gt_sub_acq_rel(&m->left, 1u) == 1)
        gt_gate_open(ops, &m->all);
}
static inline void gt_muster_wait(const struct gt_runtime_ops *ops, struct gt_muster *m)
{
    gt_gate_wait(ops, &m->all);
}
