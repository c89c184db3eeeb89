/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A trace taken apart into batches and events, so that it can be changed and put together again.
 *
 * It knows the framing and how many arguments an event has, nothing of what they mean to the checker: a trace that
 * makes no sense is as good as one that does. What cannot be taken apart stays raw bytes of its batch. The tables here
 * are the tests' own, on purpose: an error in trace/wire.def cannot hide itself.
 *
 * Memory: everything of one trace lives in its arena and goes with it. Thread-safety: one arena, one thread.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CF_NO_M UINT64_MAX
#define CF_MAX_ARGS 5

/* A bump allocator; allocation failure ends the program: a test has nothing better to do. */
struct cf_arena {
    struct cf_chunk *chunks;
};
void *cf_alloc(struct cf_arena *a, size_t size);
void cf_arena_reset(struct cf_arena *a); /* gives everything back */

/* Bytes that grow. Zeroed is empty. */
struct cf_bytes {
    uint8_t *data;
    size_t size, capacity;
};
void cf_bytes_add(struct cf_bytes *b, const void *data, size_t size);
void cf_bytes_free(struct cf_bytes *b);

enum cf_kind { CF_EVENTS, CF_STRINGS, CF_STACKS, CF_SAMPLES, CF_SYNC, CF_RAW, CF_END };

/* An event, or an entry of a table: type, then arguments, then what follows them. */
struct cf_item {
    uint8_t type;
    uint8_t n; /* of args */
    uint64_t args[CF_MAX_ARGS];
    const uint8_t *data; /* of a string */
    size_t length;
    const uint64_t *frames; /* of a stack: 4 words each */
    size_t n_frames;
};

struct cf_batch {
    enum cf_kind kind;
    bool experimental;
    uint8_t experiment;
    uint8_t
        lead; /* the byte that says what a batch is; 0: events and Go 1.23's frequency have none */
    uint64_t gen, m, ts;
    int64_t size_error; /* added to the size that is written */
    struct cf_item *items;
    size_t n, capacity;
    const uint8_t *raw; /* CF_RAW; of others: bytes behind the last item that could be read */
    size_t raw_size;
};

struct cf_trace {
    struct cf_arena *arena;
    uint8_t header[16];
    struct cf_batch *batches;
    size_t n, capacity;
    const uint8_t *rest; /* behind the last batch that could be read */
    size_t rest_size;
    unsigned padding; /* 1 varint in so many is written over-long; 0: none */
    uint64_t padding_seed;
};

/* What an argument of a timed event is: letters of `kinds`, one an argument, the time difference left out.
 * p proc, g goroutine, m thread, q sequence, c sequence of the collector, s status, S stack, $ string, t task,
 * x anything. NULL: not a timed event. */
const char *cf_event_kinds(uint8_t type);

/* Takes a trace apart; false: shorter than a header. Data is borrowed. */
bool cf_parse(struct cf_trace *t, struct cf_arena *a, const uint8_t *data, size_t size);
/* Puts it together, at the end of *out. */
void cf_serialise(const struct cf_trace *t, struct cf_bytes *out);
/* A copy to change; items are copied, strings and frames shared. */
void cf_copy(struct cf_trace *to, struct cf_arena *a, const struct cf_trace *from);

/* Room at `at` (at most n) for one more; the new one is zeroed. */
struct cf_item *cf_insert_item(struct cf_trace *t, size_t batch, size_t at);
void cf_remove_item(struct cf_trace *t, size_t batch, size_t at);
struct cf_batch *cf_insert_batch(struct cf_trace *t, size_t at);
void cf_remove_batch(struct cf_trace *t, size_t at);

/* Different Ms that have event batches. */
size_t cf_count_threads(const struct cf_trace *t);
/* Leaves out whole generations from the end until the trace fits; false: not even the first does. */
bool cf_cut(struct cf_trace *t, size_t limit);
