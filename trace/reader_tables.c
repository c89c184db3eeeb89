/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strings, stacks, CPU samples, frequency and clock of a generation.
 *
 * T1 to T5 of the checker's rules. Where a number is missing altogether at the end of a batch, Go's reader
 * mistakes that for the end of the input and stops without an error: GT_STEP_END, noted as unnoticed.
 */
#include "trace/reader_internal.h"

#include <inttypes.h>

struct cursor {
    struct gt_reader *r;
    const struct gt_raw_batch *b;
    const uint8_t *p, *end;
};

static struct cursor cursor_of(struct gt_reader *r, const struct gt_raw_batch *b, size_t skip)
{
    return (struct cursor){.r = r, .b = b, .p = b->data + skip, .end = b->data + b->size};
}

static uint64_t here(const struct cursor *c)
{
    return c->b->data_offset + (uint64_t)(c->p - c->b->data);
}

#define FAIL(c, rule, ...) gt_reader_fail((c)->r, rule, (c)->b->m, here(c), __VA_ARGS__)

static enum gt_step number(struct cursor *c, const char *what, uint64_t *v)
{
    switch (gt_get_uvarint(&c->p, c->end, v)) {
    case GT_VARINT_OK:
        return GT_STEP_OK;
    case GT_VARINT_NONE:
        return gt_reader_end_unnoticed(c->r, GT_RULE_L10_TORN_TABLE, c->b->m, here(c), what);
    case GT_VARINT_SHORT:
        return FAIL(c, GT_RULE_T_SHORT, "the %s is cut short by the end of its batch", what);
    case GT_VARINT_OVERFLOW:
    default:
        return FAIL(c, GT_RULE_T_OVERFLOW, "the %s does not fit 64 bits", what);
    }
}

/* Several in a row. */
static enum gt_step numbers(struct cursor *c, unsigned n, const char *const *what, uint64_t *v)
{
    enum gt_step step = GT_STEP_OK;
    for (unsigned i = 0; i < n && step == GT_STEP_OK; i++) {
        step = number(c, what[i], &v[i]);
    }
    return step;
}

/* ---- strings ---- */

static enum gt_step add_string(struct cursor *c)
{
    static const char *const what[] = {"string id", "string length"};
    struct gt_tables *t = &c->r->tables;
    uint64_t v[2];
    if (*c->p != GT_EV_STRING) {
        return FAIL(c, GT_RULE_T1_NOT_A_STRING,
                    "a string entry should begin here, but the byte is %u (%s)", *c->p,
                    gt_ev_name(*c->p));
    }
    c->p++;
    enum gt_step step = numbers(c, 2, what, v);
    if (step != GT_STEP_OK) {
        return step;
    }
    if (v[1] > GT_WIRE_MAX_STRING) {
        return FAIL(c, GT_RULE_T1_STRING_SIZE,
                    "string %" PRIu64 " claims %" PRIu64 " bytes, the format allows %u", v[0], v[1],
                    GT_WIRE_MAX_STRING);
    }
    if (v[1] > (uint64_t)(c->end - c->p)) {
        return FAIL(c, GT_RULE_T1_STRING_SHORT,
                    "string %" PRIu64 " claims %" PRIu64 " bytes, its batch has %zu", v[0], v[1],
                    (size_t)(c->end - c->p));
    }
    if (v[0] == 0 || gt_id_map_get(&t->string_of_id, v[0]) != GT_ID_NONE) {
        return FAIL(c, GT_RULE_T1_TWICE, "string id %" PRIu64 " %s", v[0],
                    v[0] == 0 ? "is always the empty string and cannot be defined"
                              : "is defined twice");
    }
    if (!gt_id_map_add(&c->r->held, &t->string_of_id, v[0], (uint32_t)t->strings.n)) {
        return gt_reader_no_memory(c->r);
    }
    struct gt_string_entry *e = gt_array_push(&c->r->held, &t->strings, sizeof *e);
    if (e == NULL) {
        return gt_reader_no_memory(c->r);
    }
    *e = (struct gt_string_entry){.id = v[0], .s = (const char *)c->p, .len = (size_t)v[1]};
    c->p += v[1];
    return GT_STEP_OK;
}

enum gt_step gt_tables_add_strings(struct gt_reader *r, const struct gt_raw_batch *b)
{
    struct cursor c = cursor_of(r, b, 1);
    enum gt_step step = GT_STEP_OK;
    r->gen.string_bytes += b->size;
    while (step == GT_STEP_OK && c.p < c.end) {
        step = add_string(&c);
    }
    return step;
}

/* ---- stacks ---- */

static enum gt_step frame_number(struct cursor *c, uint64_t stack, uint64_t frame, const char *what,
                                 uint64_t *v)
{
    if (gt_get_uvarint(&c->p, c->end, v) == GT_VARINT_OK) {
        return GT_STEP_OK;
    }
    return FAIL(c, GT_RULE_T2_FRAME,
                "the %s of frame %" PRIu64 " of stack %" PRIu64 " is cut short or too long", what,
                frame + 1, stack);
}

static enum gt_step add_frame(struct cursor *c, uint64_t stack, uint64_t i)
{
    static const char *const what[] = {"pc", "function", "file", "line"};
    struct gt_tables *t = &c->r->tables;
    uint64_t v[4];
    for (unsigned k = 0; k < 4; k++) {
        enum gt_step step = frame_number(c, stack, i, what[k], &v[k]);
        if (step != GT_STEP_OK) {
            return step;
        }
    }
    uint32_t first = gt_id_map_get(&t->frame_of_pc, v[0]);
    if (first == GT_ID_NONE &&
        !gt_id_map_add(&c->r->held, &t->frame_of_pc, v[0], (uint32_t)t->frames.n)) {
        return gt_reader_no_memory(c->r);
    }
    struct gt_frame *f = gt_array_push(&c->r->held, &t->frames, sizeof *f);
    if (f == NULL) {
        return gt_reader_no_memory(c->r);
    }
    *f = first != GT_ID_NONE
             ? ((const struct gt_frame *)t->frames.data)[first]
             : (struct gt_frame){.pc = v[0], .func = v[1], .file = v[2], .line = v[3]};
    return GT_STEP_OK;
}

static enum gt_step add_stack_entry(struct cursor *c, uint64_t id, uint64_t n, uint64_t first)
{
    struct gt_tables *t = &c->r->tables;
    if (id == 0 || gt_id_map_get(&t->stack_of_id, id) != GT_ID_NONE) {
        return FAIL(c, GT_RULE_T2_TWICE, "stack id %" PRIu64 " %s", id,
                    id == 0 ? "is always the empty stack and cannot be defined"
                            : "is defined twice");
    }
    uint64_t *at = gt_array_push(&c->r->held, &t->stack_first, sizeof *at);
    struct gt_stack_entry *e = at ? gt_array_push(&c->r->held, &t->stacks, sizeof *e) : NULL;
    if (e == NULL ||
        !gt_id_map_add(&c->r->held, &t->stack_of_id, id, (uint32_t)(t->stacks.n - 1))) {
        return gt_reader_no_memory(c->r);
    }
    *at = first;
    *e = (struct gt_stack_entry){.id = id, .n = (uint32_t)n};
    return GT_STEP_OK;
}

static enum gt_step add_stack(struct cursor *c)
{
    static const char *const what[] = {"stack id", "number of frames"};
    uint64_t v[2];
    if (*c->p != GT_EV_STACK) {
        return FAIL(c, GT_RULE_T2_NOT_A_STACK,
                    "a stack entry should begin here, but the byte is %u (%s)", *c->p,
                    gt_ev_name(*c->p));
    }
    c->p++;
    enum gt_step step = numbers(c, 2, what, v);
    if (step != GT_STEP_OK) {
        return step;
    }
    if (v[1] > GT_WIRE_MAX_FRAMES) {
        return FAIL(c, GT_RULE_T2_STACK_SIZE,
                    "stack %" PRIu64 " claims %" PRIu64 " frames, the format allows %u", v[0], v[1],
                    GT_WIRE_MAX_FRAMES);
    }
    uint64_t first = c->r->tables.frames.n;
    for (uint64_t i = 0; i < v[1] && step == GT_STEP_OK; i++) {
        step = add_frame(c, v[0], i);
    }
    return step == GT_STEP_OK ? add_stack_entry(c, v[0], v[1], first) : step;
}

enum gt_step gt_tables_add_stacks(struct gt_reader *r, const struct gt_raw_batch *b)
{
    struct cursor c = cursor_of(r, b, 1);
    enum gt_step step = GT_STEP_OK;
    r->gen.stack_bytes += b->size;
    while (step == GT_STEP_OK && c.p < c.end) {
        step = add_stack(&c);
    }
    return step;
}

/* ---- CPU samples ---- */

static enum gt_step add_sample(struct cursor *c)
{
    static const char *const what[] = {"time of a CPU sample", "thread of a CPU sample",
                                       "P of a CPU sample", "goroutine of a CPU sample",
                                       "stack of a CPU sample"};
    uint64_t v[5], offset = here(c);
    if (*c->p != GT_EV_CPU_SAMPLE) {
        return FAIL(c, GT_RULE_T5_NOT_A_SAMPLE,
                    "a CPU sample should begin here, but the byte is %u (%s)", *c->p,
                    gt_ev_name(*c->p));
    }
    c->p++;
    enum gt_step step = numbers(c, 5, what, v);
    if (step != GT_STEP_OK) {
        return step;
    }
    struct gt_cpu_sample *s = gt_array_push(&c->r->held, &c->r->tables.samples, sizeof *s);
    if (s == NULL) {
        return gt_reader_no_memory(c->r);
    }
    *s = (struct gt_cpu_sample){
        .ts = v[0], .m = v[1], .p = v[2], .g = v[3], .stack = v[4], .offset = offset};
    return GT_STEP_OK;
}

enum gt_step gt_tables_add_samples(struct gt_reader *r, const struct gt_raw_batch *b)
{
    struct cursor c = cursor_of(r, b, 1);
    enum gt_step step = GT_STEP_OK;
    r->gen.sample_bytes += b->size;
    while (step == GT_STEP_OK && c.p < c.end) {
        step = add_sample(&c);
    }
    return step;
}

/* ---- frequency and clock ---- */

static enum gt_step add_frequency(struct cursor *c)
{
    if (c->r->tables.has_freq) {
        return FAIL(c, GT_RULE_G4_TWO_FREQUENCIES,
                    "the generation states its clock frequency twice");
    }
    c->p++;
    enum gt_step step = number(c, "clock frequency", &c->r->gen.freq);
    c->r->tables.has_freq = step == GT_STEP_OK;
    return step;
}

static enum gt_step add_snapshot(struct cursor *c, uint64_t *ts)
{
    static const char *const what[] = {
        "time of a clock snapshot", "monotonic time of a clock snapshot",
        "seconds of a clock snapshot", "nanoseconds of a clock snapshot"};
    struct gt_generation *g = &c->r->gen;
    uint64_t v[4];
    if (g->has_snapshot) {
        return FAIL(c, GT_RULE_G5_TWO_SNAPSHOTS, "the generation has two clock snapshots");
    }
    c->p++;
    enum gt_step step = numbers(c, 4, what, v);
    if (step != GT_STEP_OK) {
        return step;
    }
    *ts += v[0];
    g->has_snapshot = true;
    g->snapshot = (struct gt_clock_snapshot){.ts = *ts, .mono = v[1], .sec = v[2], .nsec = v[3]};
    return GT_STEP_OK;
}

enum gt_step gt_tables_add_sync(struct gt_reader *r, const struct gt_raw_batch *b)
{
    bool with_clock = r->header >= 125; /* it then begins with a byte of its own */
    struct cursor c = cursor_of(r, b, with_clock ? 1 : 0);
    uint64_t ts = b->ts;
    enum gt_step step = GT_STEP_OK;
    while (step == GT_STEP_OK && c.p < c.end) {
        if (*c.p == GT_EV_FREQUENCY) {
            step = add_frequency(&c);
        } else if (*c.p == GT_EV_CLOCK_SNAPSHOT && with_clock) {
            step = add_snapshot(&c, &ts);
        } else {
            step = FAIL(&c, GT_RULE_T5_SYNC,
                        "a frequency%s should stand here, but the byte is %u (%s)",
                        with_clock ? " or clock snapshot" : "", *c.p, gt_ev_name(*c.p));
        }
    }
    return step;
}

/* ---- the whole generation ---- */

/* Bits for ids below about four times their number, so that memory follows what is there. */
static bool make_id_set(struct gt_reader *r, struct gt_array *bits, const struct gt_array *entries,
                        size_t size, struct gt_id_set *set)
{
    uint64_t limit = 4 * (uint64_t)entries->n + 64, max = 0;
    for (size_t i = 0; i < entries->n; i++) {
        uint64_t id = *(const uint64_t *)((const char *)entries->data + i * size);
        max = id > max && id < limit ? id : max;
    }
    do {
        if (gt_array_push(&r->held, bits, sizeof(uint64_t)) == NULL) {
            return false;
        }
    } while (bits->n <= max / 64);
    uint64_t *words = bits->data;
    *set = (struct gt_id_set){.bits = words, .n = bits->n * 64};
    words[0] = 1; /* id 0 is always there */
    for (size_t i = 0; i < entries->n; i++) {
        uint64_t id = *(const uint64_t *)((const char *)entries->data + i * size);
        if (id < set->n) {
            words[id / 64] |= UINT64_C(1) << id % 64;
        }
    }
    return true;
}

/* The first frame that names a missing string; e->n: none does. */
static uint32_t bad_frame(const struct gt_reader *r, const struct gt_stack_entry *e)
{
    uint32_t i = 0;
    while (i < e->n && gt_generation_has_string(&r->gen, e->frames[i].func) &&
           gt_generation_has_string(&r->gen, e->frames[i].file)) {
        i++;
    }
    return i;
}

static enum gt_step fail_frame(struct gt_reader *r, const struct gt_stack_entry *e, uint32_t i)
{
    const struct gt_frame *f = &e->frames[i];
    bool func = gt_generation_has_string(&r->gen, f->func);
    return gt_reader_fail(r, func ? GT_RULE_T4_FILE : GT_RULE_T4_FUNC, GT_NO_M,
                          r->gen.start_offset,
                          "frame %" PRIu32 " of stack %" PRIu64 " names its %s by string %" PRIu64
                          ", which the generation does not define",
                          i + 1, e->id, func ? "file" : "function", func ? f->file : f->func);
}

enum gt_step gt_tables_finish(struct gt_reader *r)
{
    struct gt_tables *t = &r->tables;
    struct gt_generation *g = &r->gen;
    g->samples = t->samples.data;
    g->n_samples = t->samples.n;
    g->n_strings = t->strings.n;
    g->n_stacks = t->stacks.n;
    if (!make_id_set(r, &t->string_bits, &t->strings, sizeof(struct gt_string_entry),
                     &g->string_ids) ||
        !make_id_set(r, &t->stack_bits, &t->stacks, sizeof(struct gt_stack_entry), &g->stack_ids)) {
        return gt_reader_no_memory(r);
    }
    struct gt_stack_entry *stacks = t->stacks.data, *bad = NULL;
    const uint64_t *first = t->stack_first.data;
    for (size_t i = 0; i < t->stacks.n; i++) {
        struct gt_stack_entry *e = &stacks[i];
        e->frames = e->n ? (const struct gt_frame *)t->frames.data + first[i] : NULL;
        if (bad_frame(r, e) < e->n && (bad == NULL || e->id < bad->id)) {
            bad = e; /* of several, Go's reader names the one with the lowest id */
        }
    }
    return bad == NULL ? GT_STEP_OK : fail_frame(r, bad, bad_frame(r, bad));
}

void gt_tables_clear(struct gt_reader *r)
{
    struct gt_tables *t = &r->tables;
    gt_array_clear(&r->held, &t->strings, sizeof(struct gt_string_entry));
    gt_array_clear(&r->held, &t->stacks, sizeof(struct gt_stack_entry));
    gt_array_clear(&r->held, &t->stack_first, sizeof(uint64_t));
    gt_array_clear(&r->held, &t->frames, sizeof(struct gt_frame));
    gt_array_clear(&r->held, &t->samples, sizeof(struct gt_cpu_sample));
    gt_array_clear(&r->held, &t->string_bits, sizeof(uint64_t));
    gt_array_clear(&r->held, &t->stack_bits, sizeof(uint64_t));
    gt_id_map_clear(&r->held, &t->string_of_id);
    gt_id_map_clear(&r->held, &t->stack_of_id);
    gt_id_map_clear(&r->held, &t->frame_of_pc);
    t->has_freq = false;
}

void gt_tables_free(struct gt_reader *r)
{
    struct gt_tables *t = &r->tables;
    gt_array_free(&r->held, &t->strings, sizeof(struct gt_string_entry));
    gt_array_free(&r->held, &t->stacks, sizeof(struct gt_stack_entry));
    gt_array_free(&r->held, &t->stack_first, sizeof(uint64_t));
    gt_array_free(&r->held, &t->frames, sizeof(struct gt_frame));
    gt_array_free(&r->held, &t->samples, sizeof(struct gt_cpu_sample));
    gt_array_free(&r->held, &t->string_bits, sizeof(uint64_t));
    gt_array_free(&r->held, &t->stack_bits, sizeof(uint64_t));
    gt_id_map_free(&r->held, &t->string_of_id);
    gt_id_map_free(&r->held, &t->stack_of_id);
    gt_id_map_free(&r->held, &t->frame_of_pc);
}
