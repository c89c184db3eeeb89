/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a trace one generation at a time, from a file or a pipe. GT_C_ONLY
 *
 * Memory is bounded by the largest generation (bytes read ahead: one batch). Every
 * malformed input ends in a located error; nothing is allocated for a length that the
 * input has not delivered.
 *
 * Thread-safety: one reader, one thread at a time. Pointers in a generation live until
 * the next gt_reader_next or gt_reader_close.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GT_NO_M UINT64_MAX /* batch of no thread */

/* Where something stands in a trace. */
struct gt_where {
    uint64_t gen;    /* 0: before the first generation */
    uint64_t m;      /* GT_NO_M: none */
    uint64_t offset; /* bytes from the start of the input */
    int64_t time_ns; /* 0: unknown */
};

/* One run of timed events of one M. */
struct gt_batch {
    uint64_t m, ts;      /* ts: raw clock units */
    const uint8_t *data; /* timed events, back to back; GT_DECODE_SLACK readable bytes follow */
    size_t size;
    uint64_t offset; /* of data in the input */
    uint64_t next;   /* index of this M's next batch in file order, UINT64_MAX: last */
};

struct gt_thread_batches {
    uint64_t m;
    uint64_t first; /* index into batches */
};

struct gt_frame {
    uint64_t pc, func, file, line; /* func, file: string ids */
};

struct gt_stack_entry { /* one stack of a generation */
    uint64_t id;
    const struct gt_frame *frames;
    uint32_t n;
};

struct gt_cpu_sample {
    uint64_t ts, m, p, g, stack; /* ts: raw units, absolute; m, p: UINT64_MAX none; g: 0 none */
    uint64_t offset;
};

struct gt_clock_snapshot {
    uint64_t ts, mono, sec, nsec; /* ts: raw units */
};

struct gt_reader;

/* Which small ids exist: bit i of bits for i < n; ids from n on need a look-up. n >= 1. */
struct gt_id_set {
    const uint64_t *bits;
    uint64_t n;
};

/* A whole generation. Arrays belong to the reader. */
struct gt_generation {
    uint64_t gen;
    uint64_t freq; /* raw units per second; 0 is possible */
    bool has_snapshot;
    struct gt_clock_snapshot snapshot;
    uint64_t min_ts; /* the least batch time stamp as Go finds it, raw units: its Sync event */

    const struct gt_batch *batches;
    size_t n_batches;
    const struct gt_thread_batches *threads; /* in order of first batch */
    size_t n_threads;
    const struct gt_cpu_sample *samples; /* in file order */
    size_t n_samples;
    size_t n_experimental; /* batches left opaque */

    uint64_t start_offset, end_offset;
    uint64_t bytes; /* of the whole generation, framing included */
    size_t n_strings, n_stacks;
    uint64_t n_all_batches;                                        /* of every kind */
    uint64_t event_bytes, string_bytes, stack_bytes, sample_bytes; /* batches' contents */

    struct gt_id_set string_ids, stack_ids;
    const struct gt_reader *reader; /* for the look-ups below */
};

/* String of this generation; NULL when not there. Not NUL-terminated. id 0: "" */
const char *gt_generation_string(const struct gt_generation *g, uint64_t id, size_t *len);
/* Stack of this generation; NULL when not there. id 0: a stack without frames. */
const struct gt_stack_entry *gt_generation_stack(const struct gt_generation *g, uint64_t id);
/* The same as a question; fast for ids as tracers give them. */
bool gt_generation_has_stack_far(const struct gt_generation *g, uint64_t id);
bool gt_generation_has_string_far(const struct gt_generation *g, uint64_t id);
static inline bool gt_id_set_has(const struct gt_id_set *s, uint64_t id)
{
    return (s->bits[id >> 6] >> (id & 63) & 1) != 0;
}
static inline bool gt_generation_has_stack(const struct gt_generation *g, uint64_t id)
{
    return id < g->stack_ids.n ? gt_id_set_has(&g->stack_ids, id)
                               : gt_generation_has_stack_far(g, id);
}
static inline bool gt_generation_has_string(const struct gt_generation *g, uint64_t id)
{
    return id < g->string_ids.n ? gt_id_set_has(&g->string_ids, id)
                                : gt_generation_has_string_far(g, id);
}
/* All of a generation's tables, in file order; false at the end. */
bool gt_generation_string_at(const struct gt_generation *g, size_t i, uint64_t *id, const char **s,
                             size_t *len);
bool gt_generation_stack_at(const struct gt_generation *g, size_t i,
                            const struct gt_stack_entry **e);

/* What an error is, in the reader's terms. Each corresponds to a rule of rules.def. */
struct gt_read_error {
    int rule; /* enum gt_rule of trace/rules.h */
    struct gt_where at;
    char text[200]; /* one line: what is wrong, and what to do where that helps */
};

/* Bytes of input: like read(2): > 0 count, 0 end, < 0 negative errno. */
struct gt_source {
    int64_t (*read)(void *arg, void *buf, size_t n);
    void *arg;
};
/* A source's read for a descriptor (arg: int *), and for bytes in memory (arg: struct gt_bytes *). */
int64_t gt_read_fd(void *arg, void *buf, size_t n);
struct gt_bytes {
    const void *data;
    size_t size, at; /* at: 0 at first */
};
int64_t gt_read_bytes(void *arg, void *buf, size_t n);

/*
 * Opens: reads and checks the header. *r is NULL on error.
 * Return: 0; -EINVAL no valid v2 header (*err says what was found: empty, a directory, v1
 * by name, 1.24, no trace at all); other negative errno of the source; -ENOMEM.
 */
int gt_reader_open(const struct gt_source *src, struct gt_reader **r, struct gt_read_error *err);
/* The same from a descriptor, which stays the caller's. */
int gt_reader_open_fd(int fd, struct gt_reader **r, struct gt_read_error *err);
void gt_reader_close(struct gt_reader *r);
uint32_t gt_reader_header(const struct gt_reader *r); /* 122, 123, 125, 126 */
uint64_t gt_reader_bytes(const struct gt_reader *r);  /* consumed so far */

/*
 * The next generation, as Go's reader would deliver it. Return: 1 and *out; 0 at a clean
 * end; -EBADMSG malformed (gt_reader_error says what and where; a deferred error comes
 * after the generation before it was delivered, as in Go); other negative errno of the
 * source (gt_reader_error says so); -ENOMEM.
 */
int gt_reader_next(struct gt_reader *r, const struct gt_generation **out);
const struct gt_read_error *gt_reader_error(const struct gt_reader *r);
/*
 * After gt_reader_next returned 0: what is broken all the same, though Go's reader takes it for
 * the end of the trace (rules L10_TRUNCATED, L10_TORN_TABLE). NULL: nothing.
 */
const struct gt_read_error *gt_reader_unnoticed(const struct gt_reader *r);
bool gt_reader_truncated(const struct gt_reader *r);       /* whether there is such a thing */
uint64_t gt_reader_peak_memory(const struct gt_reader *r); /* bytes held at most so far */

#ifdef __cplusplus
}
#endif
