/* SPDX-License-Identifier: Apache-2.0 */
/* Disturbance: what the core has of it. Included by core.h. */
#pragma once
#include "gauntlet/perturb.h"
#include "port/port.h"

struct gt_m;

#ifndef GT_ORACLE
#define GT_ORACLE 0
#endif

#if GT_ORACLE
/* What one draw asks for, by itself: the same for the same stream, level and heat. */
enum gt_perturb_what { GT_PERTURB_NOTHING, GT_PERTURB_YIELD, GT_PERTURB_SPIN, GT_PERTURB_SLEEP,
                       GT_PERTURB_STARVE };
struct gt_perturb_draw {
    enum gt_perturb_what what;
    int64_t ns; /* of a spin, a sleep, a starvation */
};
uint64_t gt_perturb_stream(uint64_t seed, uint64_t serial); /* as it begins */
struct gt_perturb_draw gt_perturb_take(uint64_t *stream, uint32_t level, bool hot);

struct gt_perturb { /* of a runtime. Written with nothing running, but for the atomics. */
    uint32_t level;
    uint32_t round;
    uint64_t seed; /* of the round */
    int64_t began; /* when the runtime was made */
    bool hot[GT_PERTURB_POINTS];
    void (*scene)(struct gt_m *m, enum gt_perturb_point p); /* for tests: done in place of a delay */
    gt_a64 victim;              /* serial of the M that starves, 0 none */
    gt_a64 starved_ns, starved, starved_most; /* written by the victim */
};

struct gt_perturb_m { /* of an M. Written by: this M. Read by: anyone */
    uint64_t stream, serial;
    uint32_t round;
    uint32_t off; /* > 0: in a signal handler */
    gt_a64 draws, yields, spins, sleeps;
    gt_a64 passed[GT_PERTURB_POINTS];
};

void gt_perturb_begin(struct gt_runtime *rt);
void gt_perturb_next_round(struct gt_runtime *rt);
void gt_perturb_pass(struct gt_m *m, enum gt_perturb_point p);

/* m_ passes the point: the calling M, on any of its stacks but a signal's. */
#define GT_PERTURB(m_, sym_)                                                                       \
    do {                                                                                           \
        if (gt_unlikely((m_)->rt->perturb.level != GT_PERTURB_OFF))                                \
            gt_perturb_pass((m_), GT_PERTURB_##sym_);                                              \
    } while (0)
/* Where no M is at hand; the calling thread may have none. */
#define GT_PERTURB_SELF(sym_)                                                                      \
    do {                                                                                           \
        struct gt_m *gt_self_ = gt_tls_m();                                                        \
        if (gt_self_)                                                                              \
            GT_PERTURB(gt_self_, sym_);                                                            \
    } while (0)
/* Round a signal handler. */
#define GT_PERTURB_PAUSE(m_) ((void)(m_)->perturb.off++)
#define GT_PERTURB_RESUME(m_) ((void)(m_)->perturb.off--)
#else
#define GT_PERTURB(m_, sym_) ((void)0)
#define GT_PERTURB_SELF(sym_) ((void)0)
#define GT_PERTURB_PAUSE(m_) ((void)0)
#define GT_PERTURB_RESUME(m_) ((void)0)
#endif
