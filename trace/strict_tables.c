/* SPDX-License-Identifier: Apache-2.0 */
/* Strict rules on a generation as a whole: clocks (V3, L10), frames (V6), samples (L11). */
#include "trace/strict_internal.h"

#include <inttypes.h>
#include <stdio.h>

static struct gt_where start_of(const struct gt_generation *g)
{
    return (struct gt_where){.gen = g->gen, .m = GT_NO_M, .offset = g->start_offset};
}

static void say(struct gt_order *o, int rule, const struct gt_generation *g, const char *what)
{
    struct gt_where at = start_of(g);
    gt_report_at(o, rule, &at, "", what);
}

/* ---- L10 ---- */

static void check_numbers(struct gt_order *o, const struct gt_generation *g)
{
    struct gt_strict *s = o->strict;
    char text[96];
    /* A tracer that runs out of numbers begins again at 4. */
    bool wraps = s->last_gen == UINT64_MAX && g->gen == 4;
    if (s->last_gen != 0 && g->gen != s->last_gen + 1 && !wraps) {
        snprintf(text, sizeof text, "generation %" PRIu64 " follows generation %" PRIu64, g->gen,
                 s->last_gen);
        say(o, GT_RULE_L10_GENERATION, g, text);
    }
    s->last_gen = g->gen;
    if (g->freq == 0) {
        say(o, GT_RULE_L10_FREQUENCY, g, "Frequency freq=0");
    }
}

/* ---- V3 ---- */

static int64_t trace_ns(const struct gt_generation *g)
{
    double ns = (double)g->snapshot.ts * (1.0 / ((double)g->freq / 1e9));
    return ns < 9223372036854775808.0 ? (int64_t)ns : INT64_MIN;
}

static bool wall_after(const struct gt_clock_snapshot *a, const struct gt_clock_snapshot *b)
{
    const uint64_t giga = 1000000000;
    int64_t as = (int64_t)(a->sec + a->nsec / giga), bs = (int64_t)(b->sec + b->nsec / giga);
    return as > bs || (as == bs && a->nsec % giga > b->nsec % giga);
}

static void check_snapshot(struct gt_order *o, const struct gt_generation *g)
{
    struct gt_strict *s = o->strict;
    if (o->header < 125 || !g->has_snapshot) {
        return;
    }
    const struct gt_clock_snapshot *now = &g->snapshot, *last = &s->last_snapshot;
    int64_t trace = trace_ns(g);
    if (now->mono == 0 || trace == 0) {
        say(o, GT_RULE_V3_ZERO_CLOCK, g,
            now->mono == 0 ? "the monotonic time is 0" : "the trace time is 0");
    }
    if (s->has_last) {
        const char *back = !wall_after(now, last)      ? "the wall clock"
                           : now->mono <= last->mono   ? "the monotonic clock"
                           : trace <= s->last_trace_ns ? "the trace clock"
                                                       : NULL;
        if (back != NULL) {
            say(o, GT_RULE_V3_CLOCK_BACK, g, back);
        }
    }
    s->has_last = true;
    s->last_snapshot = *now;
    s->last_trace_ns = trace;
}

/* ---- V6, L11 ---- */

static bool empty_string(const struct gt_generation *g, uint64_t id)
{
    size_t len = 0;
    return id == 0 || gt_generation_string(g, id, &len) == NULL || len == 0;
}

static bool bad_frame(const struct gt_generation *g, const struct gt_frame *f)
{
    return f->pc == 0 || f->line == 0 || empty_string(g, f->func) || empty_string(g, f->file);
}

static void check_frames(struct gt_order *o, const struct gt_generation *g)
{
    const struct gt_stack_entry *e;
    gt_id_map_clear(&o->held, &o->strict->bad_stacks);
    for (size_t i = 0; gt_generation_stack_at(g, i, &e); i++) {
        uint32_t f = 1;
        while (f < e->n && !bad_frame(g, &e->frames[f])) {
            f++;
        }
        if (f < e->n && !gt_id_map_add(&o->held, &o->strict->bad_stacks, e->id, f)) {
            o->oom = true;
        }
    }
}

static void check_samples(struct gt_order *o, const struct gt_generation *g)
{
    for (size_t i = 0; i < g->n_samples && !o->stop; i++) {
        const struct gt_cpu_sample *sample = &g->samples[i];
        if (gt_generation_has_stack(g, sample->stack)) {
            continue;
        }
        char text[96];
        struct gt_where at = {.gen = g->gen, .m = sample->m, .offset = sample->offset};
        snprintf(text, sizeof text, "CPUSample stack=%" PRIu64, sample->stack);
        gt_report_at(o, GT_RULE_L11_SAMPLE, &at, text, "");
    }
}

void gt_strict_tables(struct gt_order *o, const struct gt_generation *g)
{
    check_numbers(o, g);
    check_snapshot(o, g);
    check_frames(o, g);
    check_samples(o, g);
}
