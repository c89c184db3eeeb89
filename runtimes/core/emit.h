/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sections of the tracer, and events in them. Included by core.h.
 *
 * A section is opened in one of two ways, the runtime's for ever (core_sections): by the
 * tracer's acquire, or inline, on the M's own mark and the generation that the tracer
 * has stored (gauntlet/section.h, with its invariants). Both look at the hint first:
 *
 *   M                               starts, or stops, a trace
 *                                   start: hint := on (world stopped), generation := n
 *                                   stop: generation := 0
 *   hint: on (stale), mark := 1
 *   generation is 0: mark := 0
 *   token off: nothing is written   hint := off, waits for marks
 *
 * So the hint may be wrong either way, the generation decides.
 */
#pragma once
#include "core/core.h"
#if GT_ORACLE
#define GT_EMIT_TOLD(m_, tok_, op, ...) gt_told_##op(m_, tok_, ##__VA_ARGS__)
#else
#define GT_EMIT_TOLD(m_, tok_, op, ...) ((void)0)
#endif

/* 1: no hooks at all, for the benchmark that prices them and nothing else. */
#ifndef GT_NO_HOOKS
#define GT_NO_HOOKS 0
#endif

/* ---- sections ------------------------------------------------------------------------- */
/* The hint. */
enum gt_trace_on {
    GT_TRACE_OFF,
    GT_TRACE_ASK,    /* the tracer's acquire */
    GT_TRACE_INLINE, /* only with core_sections */
};

uint64_t gt_section_open_late(struct gt_m *m); /* fault mark_after_generation */

/* The hint was on. */
static inline __attribute__((always_inline)) gt_tok gt_section_open(struct gt_m *m, uint32_t on)
{
    struct gt_runtime *rt = m->rt;
    gt_tok t;
    GT_PERTURB(m, section_hint);
    if (GT_FAULT(mark_after_generation))
        t.v = gt_section_open_late(m);
    else if (gt_likely(on == GT_TRACE_INLINE))
        t.v = gt_section_enter(&m->t.section, &rt->generation, true);
    else
        t = gt_tracer(rt)->acquire(rt->tracer_state, &m->t);
#if GT_ORACLE
    m->sections += gt_tok_on(t);
#endif
    return t;
}

/* t is on. */
static inline __attribute__((always_inline)) void gt_section_close(struct gt_m *m, gt_tok t)
{
    struct gt_runtime *rt = m->rt;
#if GT_ORACLE
    m->sections--;
#endif
    if (gt_likely(rt->core_sections))
        gt_section_leave(&m->t.section);
    else
        gt_tracer(rt)->release(rt->tracer_state, &m->t, t);
}

/* Context: m is the calling M. Pins it. One load and one predicted branch when off. */
static inline __attribute__((always_inline)) gt_tok gt_trace_acquire(struct gt_m *m)
{
    if (GT_NO_HOOKS)
        return gt_tok_off();
    m->locks++;
    gt_signal_fence();
    uint32_t on = gt_load_acquire(&m->rt->trace_on); /* pair: trace-on */
    return gt_likely(on == GT_TRACE_OFF) ? gt_tok_off() : gt_section_open(m, on);
}

static inline __attribute__((always_inline)) void gt_trace_release(struct gt_m *m, gt_tok t)
{
    if (GT_NO_HOOKS)
        return;
    if (gt_unlikely(gt_tok_on(t)))
        gt_section_close(m, t);
    gt_signal_fence();
    m->locks--;
}

/*
 * A section of a caller that cannot be stopped anyway: on a system stack (the handler of
 * preempt.c stops a G on its own stack only), or pinned. With the tracer off it costs one
 * load and one predicted branch and writes nothing.
 */
static inline __attribute__((always_inline)) gt_tok gt_section_begin(struct gt_m *m)
{
    if (GT_NO_HOOKS)
        return gt_tok_off();
    uint32_t on = gt_load_acquire(&m->rt->trace_on); /* pair: trace-on */
    return gt_likely(on == GT_TRACE_OFF) ? gt_tok_off() : gt_section_open(m, on);
}

static inline __attribute__((always_inline)) void gt_section_end(struct gt_m *m, gt_tok t)
{
    if (gt_unlikely(gt_tok_on(t)))
        gt_section_close(m, t);
}

/*
 * A section round a change of a G by an M that has no P, which no stop of the world waits
 * for: a trace that starts waits until the change is made (exiting_syscall).
 *
 *   M without a P                       starts a trace, world stopped
 *   acquire: off
 *                                       generation 1, on; status of the G: Dead
 *                                       generation 2
 *   Dead -> Syscall, no event           the G is there, and nobody has said how
 *
 * gt_no_p_changed after the change, before gt_trace_release.
 */
static inline gt_tok gt_trace_acquire_no_p(struct gt_m *m)
{
    gt_add_seqcst(&m->rt->exiting_syscall, 1u); /* pair: exiting-syscall */
    gt_fence_light(m->rt);                      /* pair: asym */
    return gt_trace_acquire(m);
}
static inline void gt_no_p_changed(struct gt_m *m)
{
    gt_sub_seqcst(&m->rt->exiting_syscall, 1u); /* pair: exiting-syscall */
}

/* ---- events --------------------------------------------------------------------------- */
/* Emits event `op` inside section `tok`; extra arguments follow. Missing ops are the
 * tracer's choice. The journal's ordinal grows whether or not the tracer writes. */
#define GT_EMIT(m_, tok_, op, ...)                                                                 \
    do {                                                                                           \
        if (!GT_NO_HOOKS && gt_unlikely(gt_tok_on(tok_))) {                                        \
            const struct gt_tracer_ops *gt_ops_ = gt_tracer((m_)->rt);                             \
            if (gt_ops_->op)                                                                       \
                gt_ops_->op((m_)->rt->tracer_state, &(m_)->t, tok_, ##__VA_ARGS__);                \
            GT_EMIT_TOLD(m_, tok_, op, ##__VA_ARGS__);                                             \
            if (GT_ORACLE)                                                                         \
                gt_bump(&(m_)->t.events, 1u);                                                      \
        }                                                                                          \
    } while (0)
