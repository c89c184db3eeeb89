/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts batches together into generations, in Go's order of checks.
 *
 * I1 a generation is handed out whole or not at all
 * I2 before header 1.26 a generation ends at the first batch of the next (the spill) or at the end of the
 *    input; from 1.26 on only at the end-of-generation byte
 * I3 before 1.26 an error while looking for the next generation's first batch does not spoil the one just
 *    read: it is deferred
 */
#include "trace/reader_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum gt_step gt_reader_fail(struct gt_reader *r, enum gt_rule rule, uint64_t m, uint64_t offset,
                            const char *fmt, ...)
{
    va_list args;
    r->error.rule = (int)rule;
    r->error.at = (struct gt_where){.gen = r->gen.gen, .m = m, .offset = offset};
    va_start(args, fmt);
    vsnprintf(r->error.text, sizeof r->error.text, fmt, args);
    va_end(args);
    return GT_STEP_FAILED;
}

enum gt_step gt_reader_no_memory(struct gt_reader *r)
{
    gt_reader_fail(r, GT_RULE_NONE, GT_NO_M, r->input.offset,
                   "out of memory after %" PRIu64 " bytes of a generation: %" PRIu64
                   " bytes are held",
                   r->input.offset - r->gen.start_offset, r->held.now);
    r->input.error = -ENOMEM;
    return GT_STEP_ERRNO;
}

enum gt_step gt_reader_end_unnoticed(struct gt_reader *r, enum gt_rule rule, uint64_t m,
                                     uint64_t offset, const char *what)
{
    r->unnoticed.rule = (int)rule;
    r->unnoticed.at = (struct gt_where){.gen = r->gen.gen, .m = m, .offset = offset};
    snprintf(r->unnoticed.text, sizeof r->unnoticed.text,
             rule == GT_RULE_L10_TORN_TABLE
                 ? "the %s is missing: its batch ends here, which Go's reader takes for "
                   "the end of the trace"
                 : "%s: the trace was cut off, but Go's reader does not notice",
             what);
    return GT_STEP_END;
}

/* ---- one generation ---- */

static void begin_generation(struct gt_reader *r)
{
    gt_tables_clear(r);
    gt_array_clear(&r->held, &r->batches, sizeof(struct gt_batch));
    gt_array_clear(&r->held, &r->threads, sizeof(struct gt_thread_batches));
    gt_array_clear(&r->held, &r->thread_last, sizeof(uint64_t));
    gt_id_map_clear(&r->held, &r->thread_of_m);
    gt_input_forget(&r->input);
    r->gen = (struct gt_generation){
        .reader = r,
        .start_offset = r->has_spill ? r->spill.offset : r->input.offset,
    };
}

/* The thread's entry gets the batch of that index as its last. */
static bool link_batch(struct gt_reader *r, uint64_t m, uint64_t index)
{
    uint32_t known = gt_id_map_get(&r->thread_of_m, m);
    if (known != GT_ID_NONE) {
        uint64_t *last = (uint64_t *)r->thread_last.data + known;
        ((struct gt_batch *)r->batches.data)[*last].next = index;
        *last = index;
        return true;
    }
    uint32_t next = (uint32_t)r->threads.n;
    uint64_t *last = gt_array_push(&r->held, &r->thread_last, sizeof *last);
    struct gt_thread_batches *t = last ? gt_array_push(&r->held, &r->threads, sizeof *t) : NULL;
    if (t == NULL || !gt_id_map_add(&r->held, &r->thread_of_m, m, next)) {
        return false;
    }
    *last = index;
    *t = (struct gt_thread_batches){.m = m, .first = index};
    return true;
}

static enum gt_step add_events(struct gt_reader *r, const struct gt_raw_batch *b)
{
    struct gt_batch *e = gt_array_push(&r->held, &r->batches, sizeof *e);
    if (e == NULL) {
        return gt_reader_no_memory(r);
    }
    *e = (struct gt_batch){.m = b->m,
                           .ts = b->ts,
                           .data = b->data,
                           .size = b->size,
                           .offset = b->data_offset,
                           .next = UINT64_MAX};
    r->gen.event_bytes += b->size;
    return link_batch(r, b->m, r->batches.n - 1) ? GT_STEP_OK : gt_reader_no_memory(r);
}

/* What a batch holds is told by its first byte. */
static enum gt_step add_batch(struct gt_reader *r, const struct gt_raw_batch *b)
{
    unsigned first = b->experiment == 0 && b->size != 0 ? b->data[0] : 0;
    if (r->gen.min_ts == 0 || b->ts < r->gen.min_ts) {
        r->gen.min_ts = b->ts;
    }
    r->gen.n_all_batches++;
    if (b->experiment != 0) {
        r->gen.n_experimental++;
        return GT_STEP_OK;
    }
    switch (first) {
    case GT_EV_STRINGS:
        return gt_tables_add_strings(r, b);
    case GT_EV_STACKS:
        return gt_tables_add_stacks(r, b);
    case GT_EV_CPU_SAMPLES:
        return gt_tables_add_samples(r, b);
    case GT_EV_FREQUENCY:
        return r->header < 125 ? gt_tables_add_sync(r, b) : add_events(r, b);
    case GT_EV_SYNC:
        return r->header >= 125 ? gt_tables_add_sync(r, b) : add_events(r, b);
    case GT_EV_END_OF_GENERATION:
        return gt_reader_fail(
            r, GT_RULE_F5_END_IN_BATCH, b->m, b->data_offset,
            "an end of generation stands inside a batch, which headers before 1.26 do not know");
    default:
        return add_events(r, b);
    }
}

static enum gt_step finish_generation(struct gt_reader *r, uint64_t end_offset)
{
    struct gt_generation *g = &r->gen;
    if (!r->tables.has_freq) {
        return gt_reader_fail(r, GT_RULE_G4_NO_FREQUENCY, GT_NO_M, end_offset,
                              "generation %" PRIu64
                              " ends here and has no clock frequency: the trace was cut off, or "
                              "its tracer did not finish",
                              g->gen);
    }
    if (r->header >= 125 && !g->has_snapshot) {
        return gt_reader_fail(r, GT_RULE_G5_NO_SNAPSHOT, GT_NO_M, end_offset,
                              "generation %" PRIu64 " ends here and has no clock snapshot", g->gen);
    }
    enum gt_step step = gt_tables_finish(r);
    g->batches = r->batches.data;
    g->n_batches = r->batches.n;
    g->threads = r->threads.data;
    g->n_threads = r->threads.n;
    g->end_offset = end_offset;
    g->bytes = end_offset - g->start_offset;
    return step;
}

/* ---- headers before 1.26 ---- */

static enum gt_step generation_zero(struct gt_reader *r, const struct gt_raw_batch *b)
{
    return gt_reader_fail(r, GT_RULE_G1_ZERO, b->m, b->offset,
                          "a batch belongs to generation 0, which is never written");
}

/* Batches until the next generation's first one, the end, or an error to defer. */
static enum gt_step read_until_spill(struct gt_reader *r)
{
    for (;;) {
        struct gt_raw_batch b;
        enum gt_step step = gt_reader_read_batch(r, &b);
        if (step == GT_STEP_FAILED && r->gen.gen != 0) {
            r->has_deferred = true;
            r->deferred = r->error;
            return GT_STEP_OK;
        }
        if (step != GT_STEP_OK) {
            return step == GT_STEP_END ? GT_STEP_OK : step;
        }
        if (b.gen == 0) {
            return generation_zero(r, &b);
        }
        if (r->gen.gen == 0) {
            r->gen.gen = b.gen;
        }
        if (b.gen == r->gen.gen + 1) {
            r->has_spill = true;
            r->spill = b;
            return GT_STEP_OK;
        }
        if (b.gen != r->gen.gen) {
            return gt_reader_fail(r, GT_RULE_G2_ORDER, b.m, b.offset,
                                  "a batch of generation %" PRIu64 " stands in generation %" PRIu64,
                                  b.gen, r->gen.gen);
        }
        step = add_batch(r, &b);
        if (step != GT_STEP_OK) {
            return step;
        }
    }
}

static enum gt_step next_with_spill(struct gt_reader *r)
{
    if (r->has_deferred) {
        r->error = r->deferred;
        return GT_STEP_FAILED;
    }
    if (r->delivered && !r->has_spill) {
        return GT_STEP_END;
    }
    begin_generation(r);
    if (r->has_spill) {
        r->has_spill = false;
        r->gen.gen = r->spill.gen;
        enum gt_step step = add_batch(r, &r->spill);
        if (step != GT_STEP_OK) {
            return step;
        }
    }
    enum gt_step step = read_until_spill(r);
    if (step != GT_STEP_OK) {
        return step;
    }
    return finish_generation(r, r->has_spill ? r->spill.offset : r->input.offset);
}

/* ---- header 1.26 ---- */

static enum gt_step end_without_byte(struct gt_reader *r)
{
    if (r->batches.n != 0) {
        return gt_reader_fail(
            r, GT_RULE_E2_INCOMPLETE, GT_NO_M, r->input.offset,
            "the input ends inside generation %" PRIu64 ": the trace was cut off here", r->gen.gen);
    }
    if (r->gen.n_all_batches != 0) {
        return gt_reader_end_unnoticed(
            r, GT_RULE_L10_TRUNCATED, GT_NO_M, r->input.offset,
            "the input ends inside a generation of which only tables were read");
    }
    return GT_STEP_END;
}

static enum gt_step next_with_end(struct gt_reader *r)
{
    begin_generation(r);
    for (;;) {
        struct gt_raw_batch b;
        enum gt_step step = gt_reader_read_batch(r, &b);
        if (step == GT_STEP_END) {
            return end_without_byte(r);
        }
        if (step != GT_STEP_OK) {
            return step;
        }
        if (r->gen.gen == 0) {
            r->gen.gen = b.gen;
        }
        if (b.is_end) {
            return finish_generation(r, r->input.offset);
        }
        if (b.gen == 0) {
            return generation_zero(r, &b);
        }
        if (b.gen != r->gen.gen) {
            return gt_reader_fail(r, GT_RULE_E4_INTERLEAVED, b.m, b.offset,
                                  "a batch of generation %" PRIu64
                                  " comes before the end of generation %" PRIu64,
                                  b.gen, r->gen.gen);
        }
        step = add_batch(r, &b);
        if (step != GT_STEP_OK) {
            return step;
        }
    }
}

/* ---- interface ---- */

static int status_of(const struct gt_reader *r, enum gt_step step)
{
    switch (step) {
    case GT_STEP_OK:
        return 1;
    case GT_STEP_END:
        return 0;
    case GT_STEP_ERRNO:
        return r->input.error;
    case GT_STEP_FAILED:
    default:
        return -EBADMSG;
    }
}

int gt_reader_next(struct gt_reader *r, const struct gt_generation **out)
{
    *out = NULL;
    if (!r->done) {
        r->status = status_of(r, r->header >= 126 ? next_with_end(r) : next_with_spill(r));
        r->done = r->status <= 0;
    }
    if (r->done) {
        return r->status;
    }
    r->delivered = true;
    *out = &r->gen;
    return 1;
}

int gt_reader_open(const struct gt_source *src, struct gt_reader **out, struct gt_read_error *err)
{
    *out = NULL;
    *err = (struct gt_read_error){.at.m = GT_NO_M};
    struct gt_reader *r = calloc(1, sizeof *r);
    if (r == NULL) {
        snprintf(err->text, sizeof err->text, "out of memory for a reader");
        return -ENOMEM;
    }
    r->input.source = *src;
    r->input.held = &r->held;
    int status = gt_reader_read_header(r, err);
    if (status != 0) {
        gt_reader_close(r);
        return status;
    }
    *out = r;
    return 0;
}

static int64_t read_own_fd(void *arg, void *buf, size_t n)
{
    struct gt_reader *r = arg;
    return gt_read_fd(&r->fd, buf, n);
}

int gt_reader_open_fd(int fd, struct gt_reader **out, struct gt_read_error *err)
{
    struct gt_source src = {.read = gt_read_fd, .arg = &fd}; /* for the header only */
    int status = gt_reader_open(&src, out, err);
    if (status == 0) {
        (*out)->fd = fd;
        (*out)->input.source = (struct gt_source){.read = read_own_fd, .arg = *out};
    }
    return status;
}

void gt_reader_close(struct gt_reader *r)
{
    if (r == NULL) {
        return;
    }
    gt_tables_free(r);
    gt_array_free(&r->held, &r->batches, sizeof(struct gt_batch));
    gt_array_free(&r->held, &r->threads, sizeof(struct gt_thread_batches));
    gt_array_free(&r->held, &r->thread_last, sizeof(uint64_t));
    gt_id_map_free(&r->held, &r->thread_of_m);
    gt_input_free(&r->input);
    free(r);
}

uint32_t gt_reader_header(const struct gt_reader *r)
{
    return r->header;
}

uint64_t gt_reader_bytes(const struct gt_reader *r)
{
    return r->input.offset;
}

const struct gt_read_error *gt_reader_error(const struct gt_reader *r)
{
    return &r->error;
}

const struct gt_read_error *gt_reader_unnoticed(const struct gt_reader *r)
{
    return r->unnoticed.rule != GT_RULE_NONE ? &r->unnoticed : NULL;
}

bool gt_reader_truncated(const struct gt_reader *r)
{
    return r->unnoticed.rule != GT_RULE_NONE;
}

uint64_t gt_reader_peak_memory(const struct gt_reader *r)
{
    return r->held.peak;
}

/* ---- look-ups ---- */

const char *gt_generation_string(const struct gt_generation *g, uint64_t id, size_t *len)
{
    const struct gt_tables *t = &g->reader->tables;
    *len = 0;
    if (id == 0) {
        return "";
    }
    uint32_t i = gt_id_map_get(&t->string_of_id, id);
    if (i == GT_ID_NONE) {
        return NULL;
    }
    const struct gt_string_entry *e = (const struct gt_string_entry *)t->strings.data + i;
    *len = e->len;
    return e->s;
}

const struct gt_stack_entry *gt_generation_stack(const struct gt_generation *g, uint64_t id)
{
    static const struct gt_stack_entry none = {0};
    const struct gt_tables *t = &g->reader->tables;
    if (id == 0) {
        return &none;
    }
    uint32_t i = gt_id_map_get(&t->stack_of_id, id);
    return i == GT_ID_NONE ? NULL : (const struct gt_stack_entry *)t->stacks.data + i;
}

bool gt_generation_has_stack_far(const struct gt_generation *g, uint64_t id)
{
    return gt_id_map_get(&g->reader->tables.stack_of_id, id) != GT_ID_NONE;
}

bool gt_generation_has_string_far(const struct gt_generation *g, uint64_t id)
{
    return gt_id_map_get(&g->reader->tables.string_of_id, id) != GT_ID_NONE;
}

bool gt_generation_string_at(const struct gt_generation *g, size_t i, uint64_t *id, const char **s,
                             size_t *len)
{
    if (i >= g->reader->tables.strings.n) {
        return false;
    }
    const struct gt_string_entry *e =
        (const struct gt_string_entry *)g->reader->tables.strings.data + i;
    *id = e->id;
    *s = e->s;
    *len = e->len;
    return true;
}

bool gt_generation_stack_at(const struct gt_generation *g, size_t i,
                            const struct gt_stack_entry **e)
{
    if (i >= g->reader->tables.stacks.n) {
        return false;
    }
    *e = (const struct gt_stack_entry *)g->reader->tables.stacks.data + i;
    return true;
}
