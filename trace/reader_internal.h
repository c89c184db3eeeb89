/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the reader share. GT_C_ONLY
 *
 *   reader_header.c  the first bytes: version, or what the input is instead
 *   reader_batch.c   one batch off the input
 *   reader_tables.c  strings, stacks, CPU samples, frequency and clock of a generation
 *   reader.c         which batch belongs to which generation, and when one is whole
 */
#pragma once
#include "trace/input.h"
#include "trace/rules.h"
#include "trace/wire_decode.h"

/* How a step ended. */
enum gt_step {
    GT_STEP_OK,
    GT_STEP_END,    /* the input ended where Go's reader accepts it */
    GT_STEP_FAILED, /* r->error says why */
    GT_STEP_ERRNO,  /* r->input.error, or -ENOMEM: r->error says so too */
};

struct gt_raw_batch {
    uint64_t gen, m, ts;
    uint64_t offset, data_offset; /* of the batch, of its content */
    const uint8_t *data;
    size_t size;
    unsigned experiment; /* 0: none */
    bool is_end;         /* the bare byte, or what Go's reader takes for it */
};

struct gt_string_entry {
    uint64_t id;
    const char *s;
    size_t len;
};

struct gt_tables {                           /* of the generation being read or delivered */
    struct gt_array strings;                 /* gt_string_entry */
    struct gt_array stacks;                  /* gt_stack_entry */
    struct gt_array stack_first;             /* uint64_t: index of a stack's first frame */
    struct gt_array frames;                  /* gt_frame */
    struct gt_array samples;                 /* gt_cpu_sample */
    struct gt_array string_bits, stack_bits; /* uint64_t */
    struct gt_id_map string_of_id, stack_of_id;
    struct gt_id_map frame_of_pc; /* the first frame with that PC: it wins */
    bool has_freq;
};

struct gt_reader {
    struct gt_input input;
    struct gt_held held;
    uint32_t header;
    int fd;

    struct gt_generation gen; /* what gt_reader_next hands out */
    struct gt_tables tables;
    struct gt_array batches;     /* gt_batch */
    struct gt_array threads;     /* gt_thread_batches */
    struct gt_array thread_last; /* uint64_t: index of a thread's last batch */
    struct gt_id_map thread_of_m;

    /* Headers before 1.26 end a generation by the next one's first batch. */
    bool has_spill;
    struct gt_raw_batch spill;
    bool has_deferred; /* an error that comes after the generation before it */
    struct gt_read_error deferred;

    bool delivered; /* a generation was */
    bool done;      /* nothing more comes: status is what next returns from now on */
    int status;
    struct gt_read_error error, unnoticed;
};

/* Fill r->error. Return GT_STEP_FAILED, GT_STEP_ERRNO. */
enum gt_step gt_reader_fail(struct gt_reader *r, enum gt_rule rule, uint64_t m, uint64_t offset,
                            const char *fmt, ...) __attribute__((format(printf, 5, 6)));
enum gt_step gt_reader_no_memory(struct gt_reader *r);
/* Notes what Go's reader takes for the end of the trace. Return GT_STEP_END. */
enum gt_step gt_reader_end_unnoticed(struct gt_reader *r, enum gt_rule rule, uint64_t m,
                                     uint64_t offset, const char *what);

/* 0 and r->header, or negative errno and *err. */
int gt_reader_read_header(struct gt_reader *r, struct gt_read_error *err);
/* Where the content is too short (GT_RULE_F3_BATCH_SHORT), *b is filled and the input still stands at the batch. */
enum gt_step gt_reader_read_batch(struct gt_reader *r, struct gt_raw_batch *b);

/* Adds the content of a table batch to r->tables and r->gen. */
enum gt_step gt_tables_add_strings(struct gt_reader *r, const struct gt_raw_batch *b);
enum gt_step gt_tables_add_stacks(struct gt_reader *r, const struct gt_raw_batch *b);
enum gt_step gt_tables_add_samples(struct gt_reader *r, const struct gt_raw_batch *b);
enum gt_step gt_tables_add_sync(struct gt_reader *r, const struct gt_raw_batch *b);
/* The generation is whole: checks the frames' strings, makes look-ups ready. */
enum gt_step gt_tables_finish(struct gt_reader *r);
void gt_tables_clear(struct gt_reader *r);
void gt_tables_free(struct gt_reader *r);
