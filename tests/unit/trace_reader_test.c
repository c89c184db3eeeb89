/* SPDX-License-Identifier: Apache-2.0 */
/* The reader: what it accepts, what it refuses by which rule and where, what it holds. GT_TEST: lean */
#include "tap.h"
#include "trace/reader.h"
#include "trace/rules.h"
#include "trace/wire_decode.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* A source that hands out few bytes at a time, may fail at a place, and counts what it was asked for. */
struct dribble {
    struct gt_bytes bytes;
    size_t step;
    size_t fail_at; /* 0: nowhere */
    size_t asked;   /* reads */
};

static int64_t read_dribble(void *arg, void *buf, size_t n)
{
    struct dribble *d = arg;
    d->asked++;
    if (d->fail_at && d->bytes.at >= d->fail_at) {
        return -EIO;
    }
    return gt_read_bytes(&d->bytes, buf, n < d->step ? n : d->step);
}

struct outcome {
    int open, status;
    unsigned generations;
    uint32_t header;
    struct gt_read_error error; /* of open or of next; of what went unnoticed where status is 0 */
    uint64_t batches, threads, strings, stacks, samples, last_gen;
};

static struct outcome read_all(const struct gt_source *src)
{
    struct outcome o = {0};
    struct gt_reader *r;
    const struct gt_generation *g;
    o.open = gt_reader_open(src, &r, &o.error);
    if (o.open != 0) {
        return o;
    }
    o.header = gt_reader_header(r);
    while ((o.status = gt_reader_next(r, &g)) == 1) {
        o.generations++;
        o.batches += g->n_batches;
        o.threads += g->n_threads;
        o.strings += g->n_strings;
        o.stacks += g->n_stacks;
        o.samples += g->n_samples;
        o.last_gen = g->gen;
    }
    if (gt_reader_next(r, &g) != o.status || g != NULL) {
        o.status = 99; /* the end has to stay the end */
    }
    if (o.status != 0) {
        o.error = *gt_reader_error(r);
    } else if (gt_reader_unnoticed(r)) {
        o.error = *gt_reader_unnoticed(r);
    }
    gt_reader_close(r);
    return o;
}

static struct outcome read_bytes(const void *data, size_t n, size_t step)
{
    struct dribble d = {.bytes = {.data = data, .size = n}, .step = step};
    return read_all(&(struct gt_source){.read = read_dribble, .arg = &d});
}

/* ---- malformed and odd inputs ---- */

#define TEN "\xff\xff\xff\xff\xff\xff\xff\xff\xff"
#define FREQ1 "\x01\x01\x00\x00\x02\x08\x01" /* generation 1: 7 bytes */
#define FREQ2 "\x01\x02\x00\x00\x02\x08\x01"
#define SYNC1 "\x01\x01\x00\x00\x08\x32\x08\x01\x33\x01\x01\x01\x01" /* 13 bytes */
#define SYNC2 "\x01\x02\x00\x00\x08\x32\x08\x01\x33\x01\x01\x01\x01"
#define SYNC5 "\x01\x05\x00\x00\x08\x32\x08\x01\x33\x01\x01\x01\x01"
#define BATCH(gen, size) "\x01" gen "\x03\x00" size /* of M 3: 5 bytes */
#define CLEAN GT_RULE_NONE
#define CASE(header, bytes, ...)                                                                   \
    {                                                                                              \
        header, bytes, sizeof(bytes) - 1, __VA_ARGS__                                              \
    }

/* Offsets count from after the header. */
static const struct {
    uint32_t header;
    const char *bytes;
    size_t n;
    const char *what;
    enum gt_rule rule;
    uint64_t offset;
    int status;
    unsigned generations;
} cases[] = {
    /* framing */
    CASE(123, "\x07", "first byte is no batch", GT_RULE_F2_NOT_A_BATCH, 0, -EBADMSG, 0),
    CASE(123, FREQ1 "\x07", "a later byte is no batch: deferred", GT_RULE_F2_NOT_A_BATCH, 7,
         -EBADMSG, 1),
    CASE(126, FREQ1 "\x07", "a later byte is no batch: 1.26 defers nothing", GT_RULE_F2_NOT_A_BATCH,
         7, -EBADMSG, 0),
    CASE(123, "\x01\x01", "torn batch header", GT_RULE_F3_BATCH_HEADER, 2, -EBADMSG, 0),
    CASE(123, "\x01\x01\x80", "torn number", GT_RULE_F3_BATCH_HEADER, 2, -EBADMSG, 0),
    CASE(123, "\x01" TEN "\xff\x01", "generation of 11 bytes", GT_RULE_F3_BATCH_HEADER, 1, -EBADMSG,
         0),
    CASE(123, "\x01\x01\x00\x00\x84\x80\x04", "65540 bytes", GT_RULE_F3_BATCH_SIZE, 0, -EBADMSG, 0),
    CASE(123, "\x01\x01\x00\x00\xff\xff\xff\xff\x0f", "4 GiB", GT_RULE_F3_BATCH_SIZE, 0, -EBADMSG,
         0),
    CASE(123, "\x01\x01\x00\x00" TEN "\x01", "2^64 - 1 bytes", GT_RULE_F3_BATCH_SIZE, 0, -EBADMSG,
         0),
    CASE(123, "\x01\x01\x00\x00\x05\x08", "batch cut short", GT_RULE_F3_BATCH_SHORT, 6, -EBADMSG,
         0),
    CASE(123, FREQ1 "\x01\x01\x00\x00\x05\x08", "second batch cut short", GT_RULE_F3_BATCH_SHORT,
         13, -EBADMSG, 1),
    CASE(123, FREQ1 "\x01\x01\x00\x00\x00", "an empty batch", CLEAN, 0, 0, 1),
    CASE(123, FREQ1 "\x31", "an experimental batch of one byte", GT_RULE_L10_TRUNCATED, 7, 0, 1),
    CASE(123, FREQ1 "\x31\x01\x01\x00\x00\x01\x04",
         "an experimental batch that begins like strings", CLEAN, 0, 0, 1),
    CASE(123, "\x31\x00\x01\x00\x00\x02\x08\x01", "experiment 0 is an ordinary batch", CLEAN, 0, 0,
         1),
    CASE(123, BATCH("\x01", "\x01") "\x34", "an end of generation in a batch",
         GT_RULE_F5_END_IN_BATCH, 5, -EBADMSG, 0),
    /* generations before 1.26 */
    CASE(123, "", "header only", GT_RULE_G4_NO_FREQUENCY, 0, -EBADMSG, 0),
    CASE(123, "\x01\x00\x00\x00\x00", "generation 0", GT_RULE_G1_ZERO, 0, -EBADMSG, 0),
    CASE(123, FREQ1 "\x01\x00\x00\x00\x00", "generation 0 later is not deferred", GT_RULE_G1_ZERO,
         7, -EBADMSG, 0),
    CASE(125, SYNC1 "\x34", "the end byte of 1.26 in 1.25", GT_RULE_G1_ZERO, 13, -EBADMSG, 0),
    CASE(123, FREQ1 FREQ2, "two generations", CLEAN, 0, 0, 2),
    CASE(123, FREQ1 BATCH("\x03", "\x00"), "generation 3 after 1", GT_RULE_G2_ORDER, 7, -EBADMSG,
         0),
    CASE(123, FREQ2 BATCH("\x01", "\x00"), "generation 1 after 2", GT_RULE_G2_ORDER, 7, -EBADMSG,
         0),
    CASE(123, BATCH("\x01", "\x00"), "no frequency", GT_RULE_G4_NO_FREQUENCY, 5, -EBADMSG, 0),
    CASE(123, FREQ1 BATCH("\x02", "\x00"), "no frequency in the second", GT_RULE_G4_NO_FREQUENCY,
         12, -EBADMSG, 1),
    CASE(123, FREQ1 FREQ1, "two frequencies", GT_RULE_G4_TWO_FREQUENCIES, 12, -EBADMSG, 0),
    CASE(123, "\x01\x01\x00\x00\x04\x08\x01\x08\x01", "two in a batch", GT_RULE_G4_TWO_FREQUENCIES,
         7, -EBADMSG, 0),
    CASE(123, "\x01\x01\x00\x00\x02\x08\x00", "frequency 0", CLEAN, 0, 0, 1),
    CASE(123, "\x01\x01\x00\x00\x0b\x08" TEN "\x01", "frequency 2^64 - 1", CLEAN, 0, 0, 1),
    CASE(123, "\x01\x01\x00\x00\x03\x08\x01\x07", "something behind a frequency", GT_RULE_T5_SYNC,
         7, -EBADMSG, 0),
    CASE(123, SYNC1, "a sync batch in 1.23 is no sync batch", GT_RULE_G4_NO_FREQUENCY, 13, -EBADMSG,
         0),
    CASE(125, FREQ1, "a lone frequency in 1.25 is no sync batch", GT_RULE_G4_NO_FREQUENCY, 7,
         -EBADMSG, 0),
    CASE(125, SYNC1, "frequency and clock", CLEAN, 0, 0, 1),
    CASE(125, "\x01\x01\x00\x00\x03\x32\x08\x01", "no clock", GT_RULE_G5_NO_SNAPSHOT, 8, -EBADMSG,
         0),
    CASE(125, "\x01\x01\x00\x00\x0b\x32\x33\x01\x01\x01\x01\x33\x01\x01\x01\x01", "two clocks",
         GT_RULE_G5_TWO_SNAPSHOTS, 11, -EBADMSG, 0),
    /* generations of 1.26 */
    CASE(126, "", "header only in 1.26", CLEAN, 0, 0, 0),
    CASE(126, SYNC1 "\x34", "one generation", CLEAN, 0, 0, 1),
    CASE(126, SYNC1 BATCH("\x01", "\x01") "\x34", "an end byte in a batch ends it too", CLEAN, 0, 0,
         1),
    CASE(126, SYNC1, "the end byte is missing, no events", GT_RULE_L10_TRUNCATED, 13, 0, 0),
    CASE(126, SYNC1 BATCH("\x01", "\x00"), "the end byte is missing", GT_RULE_E2_INCOMPLETE, 18,
         -EBADMSG, 0),
    CASE(126, SYNC1 BATCH("\x02", "\x00"), "another generation too early", GT_RULE_E4_INTERLEAVED,
         13, -EBADMSG, 0),
    CASE(126, SYNC1 BATCH("\x00", "\x00"), "generation 0 in 1.26", GT_RULE_G1_ZERO, 13, -EBADMSG,
         0),
    CASE(126, "\x34", "an end byte alone", GT_RULE_G4_NO_FREQUENCY, 1, -EBADMSG, 0),
    CASE(126, "\x01\x01\x00\x00\x03\x32\x08\x01\x34", "no clock in 1.26", GT_RULE_G5_NO_SNAPSHOT, 9,
         -EBADMSG, 0),
    CASE(126, SYNC1 "\x34" SYNC5 "\x34", "generation 5 after 1", CLEAN, 0, 0, 2),
    CASE(126, SYNC2 "\x34" SYNC2 "\x34", "generation 2 twice", CLEAN, 0, 0, 2),
    CASE(126, SYNC1 "\x34" BATCH("\x02", "\x03") "\x16", "an error after a generation",
         GT_RULE_F3_BATCH_SHORT, 20, -EBADMSG, 1),
    /* strings */
    CASE(123, FREQ1 BATCH("\x01", "\x09") "\x04\x05\x01\x00\x05\x02\x02hi", "two strings", CLEAN, 0,
         0, 1),
    CASE(123, FREQ1 BATCH("\x01", "\x02") "\x04\x03", "a stack among strings",
         GT_RULE_T1_NOT_A_STRING, 13, -EBADMSG, 0),
    CASE(123, FREQ1 BATCH("\x01", "\x05") "\x04\x05\x01\x81\x08", "1025 bytes",
         GT_RULE_T1_STRING_SIZE, 17, -EBADMSG, 0),
    CASE(123, FREQ1 BATCH("\x01", "\x05") "\x04\x05\x01\x02h", "a torn string",
         GT_RULE_T1_STRING_SHORT, 16, -EBADMSG, 0),
    CASE(123, FREQ1 BATCH("\x01", "\x04") "\x04\x05\x00\x00", "string 0", GT_RULE_T1_TWICE, 16,
         -EBADMSG, 0),
    CASE(123, FREQ1 BATCH("\x01", "\x07") "\x04\x05\x01\x00\x05\x01\x00", "string 1 twice",
         GT_RULE_T1_TWICE, 19, -EBADMSG, 0),
    CASE(123, FREQ1 BATCH("\x01", "\x02") "\x04\x05", "no string id", GT_RULE_L10_TORN_TABLE, 14, 0,
         0),
    CASE(123, FREQ1 BATCH("\x01", "\x03") "\x04\x05\x81", "half a string id", GT_RULE_T_SHORT, 14,
         -EBADMSG, 0),
    CASE(123, FREQ1 BATCH("\x01", "\x0c") "\x04\x05" TEN "\x02", "a long string id",
         GT_RULE_T_OVERFLOW, 14, -EBADMSG, 0),
    /* stacks */
    CASE(123, FREQ1 BATCH("\x01", "\x08") "\x02\x03\x01\x01\x0a\x00\x00\x05", "a stack", CLEAN, 0,
         0, 1),
    CASE(123, FREQ1 BATCH("\x01", "\x02") "\x02\x05", "a string among stacks",
         GT_RULE_T2_NOT_A_STACK, 13, -EBADMSG, 0),
    CASE(123, FREQ1 BATCH("\x01", "\x05") "\x02\x03\x01\x81\x01", "129 frames",
         GT_RULE_T2_STACK_SIZE, 17, -EBADMSG, 0),
    CASE(123, FREQ1 BATCH("\x01", "\x0c") "\x02\x03\x01\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
         "2^63 frames", GT_RULE_T2_STACK_SIZE, 24, -EBADMSG, 0),
    CASE(123, FREQ1 BATCH("\x01", "\x06") "\x02\x03\x01\x01\x0a\x00", "a torn frame",
         GT_RULE_T2_FRAME, 18, -EBADMSG, 0),
    CASE(123, FREQ1 BATCH("\x01", "\x07") "\x02\x03\x01\x00\x03\x01\x00", "stack 1 twice",
         GT_RULE_T2_TWICE, 19, -EBADMSG, 0),
    CASE(123, FREQ1 BATCH("\x01", "\x04") "\x02\x03\x00\x00", "stack 0", GT_RULE_T2_TWICE, 16,
         -EBADMSG, 0),
    CASE(123, FREQ1 BATCH("\x01", "\x08") "\x02\x03\x01\x01\x0a\x07\x00\x05", "no such function",
         GT_RULE_T4_FUNC, 0, -EBADMSG, 0),
    CASE(123, FREQ1 BATCH("\x01", "\x08") "\x02\x03\x01\x01\x0a\x00\x07\x05", "no such file",
         GT_RULE_T4_FILE, 0, -EBADMSG, 0),
    CASE(123,
         FREQ1 BATCH("\x01", "\x0f") "\x02\x03\x01\x01\x0a\x00\x00\x05\x03\x02\x01\x0a\x07\x07\x05",
         "a PC's first meaning wins", CLEAN, 0, 0, 1),
    CASE(123, FREQ1 BATCH("\x01", "\x03") "\x02\x03\x01", "no frame count", GT_RULE_L10_TORN_TABLE,
         15, 0, 0),
    /* CPU samples */
    CASE(123, FREQ1 BATCH("\x01", "\x07") "\x06\x07\x01\x02\x03\x00\x63",
         "a sample of an unknown stack", CLEAN, 0, 0, 1),
    CASE(123, FREQ1 BATCH("\x01", "\x02") "\x06\x05", "a string among samples",
         GT_RULE_T5_NOT_A_SAMPLE, 13, -EBADMSG, 0),
    CASE(123, FREQ1 BATCH("\x01", "\x04") "\x06\x07\x01\x82", "a torn sample", GT_RULE_T_SHORT, 15,
         -EBADMSG, 0),
    CASE(126, SYNC1 BATCH("\x01", "\x02") "\x06\x07", "a sample without time",
         GT_RULE_L10_TORN_TABLE, 20, 0, 0),
};

static void check_case(size_t i, size_t step)
{
    uint8_t *bytes = malloc(16 + cases[i].n);
    if (bytes == NULL) {
        bail_out("out of memory");
    }
    gt_put_header(bytes, cases[i].header);
    memcpy(bytes + 16, cases[i].bytes, cases[i].n);
    struct outcome o = read_bytes(bytes, 16 + cases[i].n, step);
    free(bytes);
    bool right = o.open == 0 && o.status == cases[i].status && o.error.rule == (int)cases[i].rule &&
                 o.generations == cases[i].generations && o.header == cases[i].header;
    if (cases[i].rule != CLEAN && cases[i].rule != GT_RULE_T4_FUNC &&
        cases[i].rule != GT_RULE_T4_FILE) {
        right = right && o.error.at.offset == 16 + cases[i].offset && o.error.text[0] != '\0';
    }
    if (!ok(right, "1.%u, %zu bytes a read: %s", cases[i].header - 100, step, cases[i].what)) {
        diag("status %d rule %s at %d generations %u: %s", o.status,
             gt_rule_info((enum gt_rule)o.error.rule)->class_name, (int)o.error.at.offset - 16,
             o.generations, o.error.text);
    }
}

static void test_cases(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check_case(i, 1);
        check_case(i, SIZE_MAX);
    }
}

/* ---- headers ---- */

static void test_headers(void)
{
    static const struct {
        const char *bytes, *says;
        size_t n;
        enum gt_rule rule;
    } bad[] = {
        {"", "empty", 0, GT_RULE_F1_HEADER},
        {"go 1.2", "cut off", 6, GT_RULE_F1_HEADER},
        {"go 1.22 trace\0\0", "cut off", 15, GT_RULE_F1_HEADER},
        {"\x7f"
         "ELF\x02\x01\x01 and so on",
         "no Go execution trace", 18, GT_RULE_F1_HEADER},
        {"\x1f\x8b\x08 and so on and so on", "gzip", 22, GT_RULE_F1_HEADER},
        {"Trace Go1.22\nEventBatch", "text form", 23, GT_RULE_F1_HEADER},
        {"go 1.11 trace\0\0\0", "v1", 16, GT_RULE_F1_V1},
        {"go 1.19 trace\0\0\0", "v1", 16, GT_RULE_F1_V1},
        {"go 1.21 trace\0\0\0", "v1", 16, GT_RULE_F1_V1},
        {"go 1.24 trace\0\0\0", "1.23", 16, GT_RULE_F1_VERSION},
        {"go 1.27 trace\0\0\0", "1.26", 16, GT_RULE_F1_VERSION},
        {"go 1.4294967296 trace\0\0\0", "no Go execution trace", 24, GT_RULE_F1_HEADER},
        {"go 1.22 trace\0\0x", "no Go execution trace", 16, GT_RULE_F1_HEADER},
        {"go\n1.22 trace\0\0\0", "no Go execution trace", 16, GT_RULE_F1_HEADER},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct outcome o = read_bytes(bad[i].bytes, bad[i].n, SIZE_MAX);
        if (!ok(o.open == -EINVAL && o.error.rule == (int)bad[i].rule &&
                    strstr(o.error.text, bad[i].says),
                "a bad header says \"%s\"", bad[i].says)) {
            diag("%d %s", o.open, o.error.text);
        }
    }
    /* Go's own reader scans the header with a format, so blanks may differ. */
    struct outcome o = read_bytes("go  1.\t022 \rtrace\0\0\0", 20, 1);
    is_int(o.open, 0, "blanks and leading zeros as Go takes them");
    is_int(o.header, 122, "and the version is understood");
}

/* ---- content ---- */

static uint8_t *put_tables(uint8_t *p, uint64_t gen)
{
    uint8_t *at;
    p = gt_put_batch_open(p, gen, GT_WIRE_NO_M, 1, &at);
    p = gt_put_strings(p);
    p = gt_put_string(p, 1, "main", 4);
    p = gt_put_string(p, 1000000000, "far", 3);
    gt_batch_close(at, p);
    p = gt_put_batch_open(p, gen, GT_WIRE_NO_M, 1, &at);
    p = gt_put_stacks(p);
    p = gt_put_frame(gt_put_stack(p, 7, 1), 0x10, 1, 1000000000, 12);
    p = gt_put_stack(p, UINT64_MAX, 0);
    gt_batch_close(at, p);
    p = gt_put_batch_open(p, gen, GT_WIRE_NO_M, 1, &at);
    p = gt_put_cpu_samples(p);
    p = gt_put_cpu_sample(p, 99, 1, GT_WIRE_NO_P, 0, 7);
    gt_batch_close(at, p);
    p = gt_put_batch_open(p, gen, GT_WIRE_NO_M, 40, &at);
    p = gt_put_sync(p);
    p = gt_put_frequency(p, 15625000);
    p = gt_put_clock_snapshot(p, 2, 3, 4, 5);
    gt_batch_close(at, p);
    return p;
}

static uint8_t *put_events(uint8_t *p, uint64_t gen, uint64_t m, unsigned n)
{
    uint8_t *at;
    p = gt_put_batch_open(p, gen, m, 100, &at);
    for (unsigned i = 0; i < n; i++) {
        p = gt_put_heap_alloc(p, 1, i % 100);
    }
    gt_batch_close(at, p);
    return p;
}

static void check_lookups(const struct gt_generation *g)
{
    size_t len;
    const char *s = gt_generation_string(g, 1000000000, &len);
    ok(s && len == 3 && memcmp(s, "far", 3) == 0, "a string by an id far away");
    ok(gt_generation_string(g, 0, &len) && len == 0, "string 0 is empty");
    ok(gt_generation_string(g, 2, &len) == NULL, "a string that is not there");
    ok(gt_generation_has_string(g, 0) && gt_generation_has_string(g, 1) &&
           gt_generation_has_string(g, 1000000000) && !gt_generation_has_string(g, 2) &&
           !gt_generation_has_string(g, UINT64_MAX),
       "the same as a question");
    const struct gt_stack_entry *e = gt_generation_stack(g, 7);
    ok(e && e->n == 1 && e->frames[0].pc == 0x10 && e->frames[0].func == 1 &&
           e->frames[0].line == 12,
       "a stack");
    e = gt_generation_stack(g, UINT64_MAX);
    ok(e && e->n == 0, "a stack without frames, by the greatest id");
    ok(gt_generation_stack(g, 0) && gt_generation_stack(g, 0)->n == 0, "stack 0");
    ok(gt_generation_has_stack(g, 0) && gt_generation_has_stack(g, 7) &&
           gt_generation_has_stack(g, UINT64_MAX) && !gt_generation_has_stack(g, 1) &&
           !gt_generation_has_stack(g, UINT64_MAX - 1),
       "the same as a question");
    uint64_t id;
    ok(gt_generation_string_at(g, 0, &id, &s, &len) && id == 1 &&
           !gt_generation_string_at(g, 2, &id, &s, &len),
       "strings in file order");
    ok(gt_generation_stack_at(g, 1, &e) && e->id == UINT64_MAX && !gt_generation_stack_at(g, 2, &e),
       "stacks in file order");
    ok(g->n_samples == 1 && g->samples[0].ts == 99 && g->samples[0].p == GT_WIRE_NO_P &&
           g->samples[0].stack == 7,
       "a CPU sample");
    ok(g->freq == 15625000 && g->has_snapshot && g->snapshot.ts == 42 && g->snapshot.mono == 3 &&
           g->snapshot.sec == 4 && g->snapshot.nsec == 5,
       "frequency and clock");
}

/* Follows a thread's chain; the batches of this test hold one event each, HeapAlloc of 0. */
static unsigned chain_length(const struct gt_generation *g, size_t thread)
{
    unsigned n = 0;
    for (uint64_t i = g->threads[thread].first; i != UINT64_MAX; i = g->batches[i].next) {
        n += g->batches[i].m == g->threads[thread].m && g->batches[i].size == 3;
    }
    return n;
}

static void test_content(void)
{
    static uint8_t bytes[4096];
    uint8_t *p = gt_put_header(bytes, 126);
    p = put_events(p, 9, 5, 1);
    p = put_tables(p, 9);
    p = put_events(p, 9, 4, 1);
    p = put_events(p, 9, 5, 1);
    p = put_events(p, 9, 5, 1);
    p = gt_put_end_of_generation(p);
    size_t whole = (size_t)(p - bytes);
    p = put_events(p, 10, 5, 1);
    struct dribble d = {.bytes = {.data = bytes, .size = whole}, .step = 10};
    struct gt_source src = {.read = read_dribble, .arg = &d};
    struct gt_reader *r;
    struct gt_read_error err;
    const struct gt_generation *g = NULL;
    is_int(gt_reader_open(&src, &r, &err), 0, "opens");
    is_int(gt_reader_next(r, &g), 1, "a generation");
    if (g == NULL) {
        bail_out("no generation to look into");
    }
    is_int(d.asked, (whole + 9) / 10, "it comes without asking for a byte more");
    check_lookups(g);
    ok(g->n_batches == 4 && g->n_threads == 2 && g->threads[0].m == 5 && g->threads[1].m == 4,
       "threads in file order");
    ok(chain_length(g, 0) == 3 && chain_length(g, 1) == 1, "each thread's batches in file order");
    is_int(bytes[g->batches[1].offset], GT_EV_HEAP_ALLOC,
           "a batch says where it stands in the input");
    ok(g->start_offset == 16 && g->end_offset == whole && g->bytes == whole - 16,
       "and the generation where it lies");
    is_int(g->min_ts, 1, "the least time stamp");
    d.bytes.size = (size_t)(p - bytes); /* the file grows while it is read */
    is_int(gt_reader_next(r, &g), -EBADMSG, "what has been added is read, and is torn");
    is_int(gt_reader_error(r)->rule, GT_RULE_E2_INCOMPLETE, "which is said");
    gt_reader_close(r);
}

/* ---- sources that fail ---- */

static void test_failing_source(void)
{
    static uint8_t bytes[4096];
    uint8_t *p = put_tables(gt_put_header(bytes, 126), 1);
    p = gt_put_end_of_generation(put_events(p, 1, 1, 50));
    unsigned wrong = 0;
    for (size_t at = 1; at < (size_t)(p - bytes); at++) {
        struct dribble d = {
            .bytes = {.data = bytes, .size = (size_t)(p - bytes)}, .step = 1, .fail_at = at};
        struct outcome o = read_all(&(struct gt_source){.read = read_dribble, .arg = &d});
        wrong +=
            (at < 16 ? o.open : o.status) != -EIO || o.generations != 0 || o.error.text[0] == '\0';
    }
    is_int(wrong, 0, "a source that fails anywhere is reported, nothing is handed out");

    struct gt_reader *r;
    struct gt_read_error err;
    int fd = open("/", O_RDONLY | O_CLOEXEC);
    is_int(gt_reader_open_fd(fd, &r, &err), -EISDIR, "a directory");
    ok(r == NULL && strstr(err.text, "directory") != NULL, "is called one");
    close(fd);
}

static void test_pipe(void)
{
    static uint8_t bytes[4096];
    uint8_t *p = put_tables(gt_put_header(bytes, 126), 1);
    p = gt_put_end_of_generation(put_events(p, 1, 1, 50));
    size_t whole = (size_t)(p - bytes);
    p = put_events(p, 2, 1, 50);
    int fds[2];
    if (pipe(fds) != 0) {
        bail_out("no pipe");
    }
    is_int(write(fds[1], bytes, (size_t)(p - bytes) - 20), (p - bytes) - 20,
           "a pipe gets most of a trace");
    struct gt_reader *r;
    struct gt_read_error err;
    const struct gt_generation *g;
    is_int(gt_reader_open_fd(fds[0], &r, &err), 0, "opens while the pipe is open");
    is_int(gt_reader_next(r, &g), 1, "the first generation comes while the pipe is open");
    is_int(gt_reader_bytes(r), whole, "and what was used up is known");
    close(fds[1]);
    is_int(gt_reader_next(r, &g), -EBADMSG, "the pipe closes in the second");
    ok(gt_reader_error(r)->rule == GT_RULE_F3_BATCH_SHORT &&
           strstr(gt_reader_error(r)->text, "cut off"),
       "which is called cut off");
    is_int(gt_reader_error(r)->at.offset, (p - bytes) - 20, "at the right place");
    gt_reader_close(r);
    close(fds[0]);
}

/* ---- memory ---- */

/* Hands out a header and n generations of `batches` full batches each, without ever having them. */
struct endless {
    uint8_t generation[64 * 1024 + 128];
    size_t size, at, sent, batches, batch, n;
    uint64_t gen;
    bool header_sent;
};

static void make_part(struct endless *e)
{
    uint8_t *p = e->generation;
    if (!e->header_sent) {
        e->header_sent = true;
        p = gt_put_header(p, 123);
    } else if (e->batch == 0) {
        uint8_t *at;
        p = gt_put_batch_open(p, e->gen, GT_WIRE_NO_M, 1, &at);
        p = gt_put_frequency(p, 1000);
        gt_batch_close(at, p);
        e->batch++;
    } else {
        p = put_events(p, e->gen, e->batch % 7, 21000);
        e->batch = (e->batch + 1) % e->batches;
        e->gen += e->batch == 0;
    }
    e->size = (size_t)(p - e->generation);
    e->at = 0;
}

static int64_t read_endless(void *arg, void *buf, size_t n)
{
    struct endless *e = arg;
    if (e->at == e->size) {
        if (e->gen > e->n) {
            return 0;
        }
        make_part(e);
    }
    n = n < e->size - e->at ? n : e->size - e->at;
    memcpy(buf, e->generation + e->at, n);
    e->at += n;
    e->sent += n;
    return (int64_t)n;
}

static uint64_t peak_of(size_t batches, size_t generations, uint64_t *bytes, unsigned *read)
{
    static struct endless e;
    memset(&e, 0, sizeof e);
    e.batches = batches;
    e.n = generations;
    e.gen = 1;
    struct gt_source src = {.read = read_endless, .arg = &e};
    struct gt_reader *r;
    struct gt_read_error err;
    const struct gt_generation *g;
    if (gt_reader_open(&src, &r, &err) != 0) {
        bail_out("%s", err.text);
    }
    for (*read = 0; gt_reader_next(r, &g) == 1; ++*read) {
    }
    uint64_t peak = gt_reader_peak_memory(r);
    gt_reader_close(r);
    *bytes = e.sent;
    return peak;
}

static void test_memory(void)
{
    uint64_t few_bytes, many_bytes;
    unsigned few, many;
    uint64_t short_peak = peak_of(64, 3, &few_bytes, &few);
    uint64_t long_peak = peak_of(64, 40, &many_bytes, &many);
    ok(few == 3 && many == 40 && many_bytes > 12 * few_bytes,
       "two traces of equal generations, one 13 times as long");
    is_int(long_peak, short_peak, "take the same memory");
    ok(short_peak < few_bytes / 2, "about that of a generation (%d KiB)", (int)(short_peak / 1024));

    static const uint8_t claims[] = "go 1.23 trace\0\0\0\x01\x01\x00\x00\xff\xff\x03";
    struct gt_bytes b = {.data = claims, .size = sizeof claims - 1};
    struct gt_reader *r;
    struct gt_read_error err;
    const struct gt_generation *g;
    gt_reader_open(&(struct gt_source){.read = gt_read_bytes, .arg = &b}, &r, &err);
    is_int(gt_reader_next(r, &g), -EBADMSG, "a batch that claims what is not there");
    ok(gt_reader_peak_memory(r) < 1 << 20, "costs no more than the least");
    gt_reader_close(r);
}

static void test_largest_batch(void)
{
    static uint8_t bytes[66000];
    uint8_t *p = gt_put_header(bytes, 123);
    memcpy(p, FREQ1, 7);
    p = gt_put_event_batch(p + 7, 1, 1, 1, GT_WIRE_MAX_BATCH);
    memset(p, GT_EV_GO_DESTROY, GT_WIRE_MAX_BATCH);
    p += GT_WIRE_MAX_BATCH;
    struct outcome o = read_bytes(bytes, (size_t)(p - bytes), 1000);
    ok(o.status == 0 && o.generations == 1 && o.batches == 1, "a batch of exactly 65536 bytes");
}

/* Many ids, dense and not, so that the maps grow. */
static void test_many_ids(void)
{
    enum { N = 6000 };
    uint8_t *bytes = malloc(N * 64), *p = gt_put_header(bytes, 123), *at;
    if (bytes == NULL) {
        bail_out("out of memory");
    }
    memcpy(p, FREQ1, 7);
    p += 7;
    for (uint64_t i = 0; i < N; i++) {
        p = gt_put_batch_open(p, 1, i * UINT64_C(0x9e3779b97f4a7c15), 1, &at);
        p = i % 2 ? gt_put_string(gt_put_strings(p), i * i * i + 1, "s", 1)
                  : gt_put_go_destroy(p, 1);
        gt_batch_close(at, p);
    }
    struct outcome o = read_bytes(bytes, (size_t)(p - bytes), SIZE_MAX);
    ok(o.status == 0 && o.generations == 1 && o.strings == N / 2 && o.threads == N / 2,
       "thousands of threads and strings");
    free(bytes);
}

int main(void)
{
    test_cases();
    test_headers();
    test_content();
    test_failing_source();
    test_pipe();
    test_memory();
    test_largest_batch();
    test_many_ids();
    return done_testing();
}
