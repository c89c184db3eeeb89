/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text to binary, one batch at a time.
 *
 * A batch's size is counted, not believed, so that lines can be taken out of a trace by hand. Only the last
 * batch may claim more than it holds: a trace that was cut off stays one.
 */
#include "trace/input.h"
#include "trace/text.h"
#include "trace/text_quote.h"
#include "trace/wire_decode.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define LINE_MAX_BYTES ((size_t)1 << 20)
/* Of an event line: the longest is a batch's or an event's five numbers. */
#define EVENT_MAX_BYTES (1u + 6u * GT_WIRE_MAX_VARINT)

struct token {
    const char *s;
    size_t n;
};

struct parser {
    struct gt_held held;
    struct gt_input in;
    const struct gt_text_out *out;
    struct gt_text_error *err;
    char *line; /* the current one, without its end; may be written to */
    size_t line_size;
    const char *at; /* the unread rest of it */
    uint64_t line_no;
    bool in_sections; /* of a .test file: a line `-- name --` ends the trace */
    bool ended;       /* the section of the trace is over */

    bool open; /* a batch is */
    uint64_t gen, m, time, claimed;
    bool has_claimed;
    uint64_t batch_line;
    uint8_t *content;
    size_t size;
};

static int __attribute__((format(printf, 2, 3))) wrong(struct parser *p, const char *fmt, ...)
{
    va_list args;
    p->err->line = p->line_no;
    va_start(args, fmt);
    vsnprintf(p->err->text, sizeof p->err->text, fmt, args);
    va_end(args);
    return -EINVAL;
}

static int no_memory(struct parser *p)
{
    wrong(p, "out of memory");
    return -ENOMEM;
}

/* ---- lines and tokens ---- */

/* 1: a line; 0: the end; negative errno. */
static int read_line(struct parser *p)
{
    struct gt_input *in = &p->in;
    size_t seen = 0, have = (size_t)(in->end - in->at);
    const uint8_t *newline;
    gt_input_forget(in);
    while ((newline = have > seen ? memchr(in->at + seen, '\n', have - seen) : NULL) == NULL) {
        seen = have;
        if (have >= LINE_MAX_BYTES) {
            p->line_no++;
            return wrong(p, "a line of more than %zu bytes: this is no trace in text form",
                         LINE_MAX_BYTES);
        }
        have = gt_input_need(in, have + 1);
        if (in->error != 0) {
            wrong(p, "reading failed: %s", strerror(-in->error));
            return in->error;
        }
        if (have == seen) {
            break;
        }
    }
    if (have == 0) {
        return 0;
    }
    p->line_no++;
    p->line = (char *)in->at;
    p->line_size = newline ? (size_t)(newline - in->at) : have;
    p->at = p->line;
    gt_input_take(in, newline ? p->line_size + 1 : have);
    return 1;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The next token; empty: the rest of the line is blank or a comment. */
static struct token next_token(struct parser *p)
{
    const char *end = p->line + p->line_size;
    while (p->at < end && is_space(*p->at)) {
        p->at++;
    }
    const char *start = p->at;
    while (p->at < end && !is_space(*p->at) && *p->at != '#') {
        p->at++;
    }
    if (start < end && *start == '#') {
        p->at = start;
    }
    return (struct token){start, (size_t)(p->at - start)};
}

static int shown(struct token t)
{
    return t.n < 40 ? (int)t.n : 40;
}

static bool is(struct token t, const char *s)
{
    return t.n == strlen(s) && memcmp(t.s, s, t.n) == 0;
}

static bool is_section(const struct parser *p)
{
    return p->line_size >= 7 && memcmp(p->line, "-- ", 3) == 0;
}

/* The next line that holds a token; *first is that token. 1, 0 at the end of the trace, negative errno. */
static int next_line(struct parser *p, struct token *first)
{
    int status = 1;
    if (p->ended) {
        return 0;
    }
    while ((status = read_line(p)) == 1) {
        if (p->in_sections && is_section(p)) {
            p->ended = true;
            return 0;
        }
        *first = next_token(p);
        if (first->n != 0) {
            return 1;
        }
    }
    return status;
}

static bool parse_number(const char *s, size_t n, uint64_t *v)
{
    *v = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t digit = (uint64_t)(s[i] - '0');
        if (s[i] < '0' || s[i] > '9' || *v > (UINT64_MAX - digit) / 10) {
            return false;
        }
        *v = *v * 10 + digit;
    }
    return n != 0;
}

static int parse_arg(struct parser *p, struct token t, const char *what, const char *name,
                     uint64_t *v)
{
    size_t len = strlen(name);
    if (t.n <= len || memcmp(t.s, name, len) != 0 || t.s[len] != '=') {
        return wrong(p, "%s: expected %s=NUMBER, found \"%.*s\"", what, name, shown(t), t.s);
    }
    if (!parse_number(t.s + len + 1, t.n - len - 1, v)) {
        return wrong(p, "%s: %s needs a number from 0 to 18446744073709551615, found \"%.*s\"",
                     what, name, shown((struct token){t.s + len + 1, t.n - len - 1}),
                     t.s + len + 1);
    }
    return 0;
}

static int expect_end(struct parser *p, const char *what)
{
    struct token t = next_token(p);
    return t.n == 0
               ? 0
               : wrong(p, "%s: expected the end of the line, found \"%.*s\"", what, shown(t), t.s);
}

/* ---- output ---- */

static int emit(struct parser *p, const void *data, size_t n)
{
    int got = n != 0 ? p->out->write(p->out->arg, data, n) : 0;
    if (got < 0) {
        wrong(p, "cannot write the trace: %s", strerror(-got));
        return got;
    }
    return 0;
}

static int append(struct parser *p, const uint8_t *data, size_t n)
{
    if (!p->open) {
        return wrong(p, "an event outside of a batch: expected an EventBatch line first");
    }
    if (n > GT_WIRE_MAX_BATCH - p->size) {
        return wrong(p, "the batch of line %" PRIu64 " holds more than %u bytes: split it",
                     p->batch_line, GT_WIRE_MAX_BATCH);
    }
    memcpy(p->content + p->size, data, n);
    p->size += n;
    return 0;
}

static int close_batch(struct parser *p, bool last)
{
    uint8_t head[GT_BATCH_HEADER_BYTES];
    if (!p->open) {
        return 0;
    }
    p->open = false;
    bool torn = last && p->has_claimed && p->claimed > p->size;
    uint8_t *end = gt_put_event_batch(head, p->gen, p->m, p->time, torn ? p->claimed : p->size);
    int status = emit(p, head, (size_t)(end - head));
    return status != 0 ? status : emit(p, p->content, p->size);
}

/* ---- lines of a trace ---- */

/* The line after a String or ExperimentalBatch. */
static int read_data(struct parser *p, const char *what, const uint8_t **data, size_t *n)
{
    struct token t;
    int status = next_line(p, &t);
    if (status < 0) {
        return status;
    }
    if (status == 0 || t.n < 5 || memcmp(t.s, "data=", 5) != 0) {
        return wrong(p, "%s: expected a line data=\"...\" after it", what);
    }
    char *start = p->line + (t.s - p->line) + 5, *end = p->line + p->line_size;
    while (end > start && is_space(end[-1])) {
        end--;
    }
    const char *problem = gt_unquote((uint8_t *)start, n, start, (size_t)(end - start));
    *data = (const uint8_t *)start;
    return problem ? wrong(p, "%s: expected a string in double quotes with Go's escapes: %s", what,
                           problem)
                   : 0;
}

static int parse_numbers(struct parser *p, const struct gt_event_spec *spec, unsigned n,
                         uint64_t *v)
{
    unsigned timed = spec->nature >= GT_NATURE_TIMED;
    for (unsigned i = 0; i < n; i++) {
        const char *name = timed && i == 0 ? "dt" : spec->arg[i - timed];
        int status = parse_arg(p, next_token(p), spec->name, name, &v[i]);
        if (status != 0) {
            return status;
        }
    }
    return expect_end(p, spec->name);
}

static int parse_frames(struct parser *p, uint64_t id, uint64_t n)
{
    static const char *const names[] = {"pc", "func", "file", "line"};
    for (uint64_t i = 0; i < n; i++) {
        struct token t;
        uint64_t v[4];
        uint8_t bytes[GT_FRAME_MAX_BYTES];
        int status = next_line(p, &t);
        if (status == 0) {
            return wrong(
                p, "stack %" PRIu64 " says nframes=%" PRIu64 ", but the trace ends after %" PRIu64,
                id, n, i);
        }
        for (unsigned k = 0; status >= 0 && k < 4; k++) {
            status = parse_arg(p, k == 0 ? t : next_token(p), "frame of a stack", names[k], &v[k]);
        }
        status = status < 0 ? status : expect_end(p, "frame of a stack");
        if (status < 0) {
            return status;
        }
        status = append(p, bytes, (size_t)(gt_put_frame(bytes, v[0], v[1], v[2], v[3]) - bytes));
        if (status != 0) {
            return status;
        }
    }
    return 0;
}

static int parse_event(struct parser *p, unsigned type)
{
    const struct gt_event_spec *spec = gt_ev_spec(type);
    unsigned n = spec->nargs + (spec->nature >= GT_NATURE_TIMED ? 1u : 0u);
    uint64_t v[1 + GT_WIRE_MAX_ARGS] = {0};
    uint8_t bytes[EVENT_MAX_BYTES], *end = bytes;
    int status = parse_numbers(p, spec, n, v);
    *end++ = (uint8_t)type;
    for (unsigned i = 0; i < n; i++) {
        end = gt_put_uvarint(end, v[i]);
    }
    status = status != 0 ? status : append(p, bytes, (size_t)(end - bytes));
    if (status != 0) {
        return status;
    }
    if (type == GT_EV_STACK) {
        return parse_frames(p, v[0], v[1]);
    }
    if (type != GT_EV_STRING) {
        return 0;
    }
    const uint8_t *data;
    size_t size;
    status = read_data(p, spec->name, &data, &size);
    if (status == 0) {
        status = append(p, bytes, (size_t)(gt_put_uvarint(bytes, size) - bytes));
    }
    return status != 0 ? status : append(p, data, size);
}

static int parse_event_batch(struct parser *p)
{
    static const char *const names[] = {"gen", "m", "time"};
    int status = close_batch(p, false);
    uint64_t *const fields[] = {&p->gen, &p->m, &p->time};
    for (unsigned i = 0; status == 0 && i < 3; i++) {
        status = parse_arg(p, next_token(p), "EventBatch", names[i], fields[i]);
    }
    if (status != 0) {
        return status;
    }
    struct token t = next_token(p);
    p->has_claimed = t.n != 0;
    p->open = true;
    p->size = 0;
    p->batch_line = p->line_no;
    if (!p->has_claimed) {
        return 0;
    }
    status = parse_arg(p, t, "EventBatch", "size", &p->claimed);
    return status != 0 ? status : expect_end(p, "EventBatch");
}

static int parse_experimental_batch(struct parser *p)
{
    const struct gt_event_spec *spec = gt_ev_spec(GT_EV_EXPERIMENTAL_BATCH);
    uint64_t v[4];
    uint8_t head[GT_BATCH_HEADER_BYTES + 1], *end = head;
    const uint8_t *data;
    size_t size;
    int status = close_batch(p, false);
    status = status != 0 ? status : parse_numbers(p, spec, 4, v);
    if (status == 0 && v[0] > 255) {
        return wrong(p, "%s: exp is one byte: expected 0 to 255", spec->name);
    }
    status = status != 0 ? status : read_data(p, spec->name, &data, &size);
    if (status != 0) {
        return status;
    }
    *end++ = GT_EV_EXPERIMENTAL_BATCH;
    *end++ = (uint8_t)v[0];
    end = gt_put_uvarint(end, v[1]);
    end = gt_put_uvarint(end, v[2]);
    end = gt_put_uvarint(end, v[3]);
    end = gt_put_uvarint(end, size);
    status = emit(p, head, (size_t)(end - head));
    return status != 0 ? status : emit(p, data, size);
}

static int parse_end_of_generation(struct parser *p)
{
    const uint8_t byte = GT_EV_END_OF_GENERATION;
    int status = expect_end(p, "EndOfGeneration");
    if (status == 0 && p->open && p->size == 0 && p->has_claimed && p->claimed == 1) {
        return append(p, &byte, 1); /* a batch that holds nothing else counts as one, too */
    }
    status = status != 0 ? status : close_batch(p, false);
    return status != 0 ? status : emit(p, &byte, 1);
}

static int parse_line(struct parser *p, struct token name)
{
    unsigned type = gt_ev_by_name(name.s, name.n);
    switch (type) {
    case 0:
        return wrong(p, "expected the name of an event, found \"%.*s\"", shown(name), name.s);
    case GT_EV_EVENT_BATCH:
        return parse_event_batch(p);
    case GT_EV_EXPERIMENTAL_BATCH:
        return parse_experimental_batch(p);
    case GT_EV_END_OF_GENERATION:
        return parse_end_of_generation(p);
    default:
        return parse_event(p, type);
    }
}

/* ---- the whole ---- */

/* Of a .test file: everything up to and with the line `-- trace --` is skipped. */
static int skip_to_trace(struct parser *p, struct token *first)
{
    while (!(is(*first, "--") && is(next_token(p), "trace"))) {
        int status = next_line(p, first);
        if (status <= 0) {
            return status < 0 ? status : wrong(p, "expected a section `-- trace --`, found none");
        }
    }
    int status = next_line(p, first);
    p->in_sections = true;
    return status;
}

static int parse_header(struct parser *p)
{
    struct token t;
    uint64_t minor;
    uint8_t header[GT_WIRE_HEADER_BYTES];
    int status = next_line(p, &t);
    if (status == 1 && is(t, "--")) {
        p->at = p->line;
        t = next_token(p);
        status = skip_to_trace(p, &t);
    }
    if (status < 0) {
        return status;
    }
    if (status == 0) {
        return wrong(p, "expected a line `Trace Go1.NN`, found the end");
    }
    if (!is(t, "Trace")) {
        return wrong(p, "expected a line `Trace Go1.NN`, found \"%.*s\"%s", shown(t), t.s,
                     t.n == 2 && memcmp(t.s, "go", 2) == 0 ? ": this is a binary trace" : "");
    }
    t = next_token(p);
    if (t.n < 5 || memcmp(t.s, "Go1.", 4) != 0 || !parse_number(t.s + 4, t.n - 4, &minor) ||
        minor > 99 || !gt_wire_header_known(100 + (uint32_t)minor)) {
        return wrong(p, "expected Go1.22, Go1.23, Go1.25 or Go1.26, found \"%.*s\"", shown(t), t.s);
    }
    gt_put_header(header, 100 + (uint32_t)minor);
    status = expect_end(p, "Trace");
    return status != 0 ? status : emit(p, header, sizeof header);
}

static int parse_all(struct parser *p)
{
    int status = parse_header(p);
    while (status == 0) {
        struct token t;
        status = next_line(p, &t);
        if (status == 0) {
            return close_batch(p, true);
        }
        status = status < 0 ? status : parse_line(p, t);
    }
    return status;
}

int gt_text_to_binary(const struct gt_source *in, const struct gt_text_out *out,
                      struct gt_text_error *err)
{
    struct parser p = {.in.source = *in, .out = out, .err = err};
    *err = (struct gt_text_error){0};
    p.in.held = &p.held;
    p.content = malloc(GT_WIRE_MAX_BATCH);
    int status = p.content ? parse_all(&p) : no_memory(&p);
    free(p.content);
    gt_input_free(&p.in);
    return status;
}
