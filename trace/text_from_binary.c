/* SPDX-License-Identifier: Apache-2.0 */
/* Binary to text, batch by batch, so that a broken trace is shown up to where it breaks. */
#include "trace/reader_internal.h"
#include "trace/text.h"
#include "trace/text_quote.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define OUT_BYTES 65536u

struct writer {
    const struct gt_text_out *out;
    struct gt_text_error *err;
    int status; /* 0, or negative errno of out */
    size_t n;
    char buf[OUT_BYTES];
};

struct span {
    const uint8_t *p, *end;
    const uint8_t *start; /* of the batch's content */
    uint64_t offset;      /* of start */
};

static void flush(struct writer *w)
{
    if (w->status == 0 && w->n != 0) {
        int got = w->out->write(w->out->arg, w->buf, w->n);
        w->status = got < 0 ? got : 0;
    }
    w->n = 0;
}

static void put(struct writer *w, const char *s, size_t n)
{
    while (n != 0) {
        size_t room = OUT_BYTES - w->n;
        size_t part = n < room ? n : room;
        memcpy(w->buf + w->n, s, part);
        w->n += part;
        s += part;
        n -= part;
        if (w->n == OUT_BYTES) {
            flush(w);
        }
    }
}

static void put_string(struct writer *w, const char *s)
{
    put(w, s, strlen(s));
}

static void put_number(struct writer *w, uint64_t v)
{
    char text[24];
    char *at = text + sizeof text;
    do {
        *--at = (char)('0' + v % 10);
        v /= 10;
    } while (v != 0);
    put(w, at, (size_t)(text + sizeof text - at));
}

static void put_arg(struct writer *w, char before, const char *name, uint64_t v)
{
    put(w, &before, 1);
    put_string(w, name);
    put(w, "=", 1);
    put_number(w, v);
}

static int put_data(struct writer *w, const uint8_t *data, size_t n)
{
    char *text = malloc(2 + GT_QUOTE_MAX * n);
    if (text == NULL) {
        snprintf(w->err->text, sizeof w->err->text, "out of memory for a string of %zu bytes", n);
        return -ENOMEM;
    }
    put(w, "\tdata=", 6);
    put(w, text, gt_quote(text, data, n));
    put(w, "\n", 1);
    free(text);
    return 0;
}

static int broken(struct writer *w, const struct span *s, const char *what)
{
    w->err->offset = s->offset + (uint64_t)(s->p - s->start);
    snprintf(w->err->text, sizeof w->err->text, "%s", what);
    return -EBADMSG;
}

/* ---- one event: measured first, so that a line is written whole or not at all ---- */

struct event_parts {
    unsigned type, n;
    uint64_t numbers[1 + GT_WIRE_MAX_ARGS];
    uint64_t n_frames;
    const uint8_t *tail; /* frames, or data */
    size_t tail_size;
};

static bool skip_numbers(const uint8_t **p, const uint8_t *end, uint64_t n)
{
    uint64_t v;
    for (; n != 0; n--) {
        if (gt_get_uvarint(p, end, &v) != GT_VARINT_OK) {
            return false;
        }
    }
    return true;
}

static bool measure_tail(struct event_parts *e, const uint8_t **p, const uint8_t *end)
{
    uint64_t size;
    e->tail = *p;
    if (e->type == GT_EV_STACK) {
        e->n_frames = e->numbers[1];
        return e->n_frames <= (uint64_t)(end - *p) / 4 && skip_numbers(p, end, 4 * e->n_frames);
    }
    if (gt_ev_spec(e->type)->nature != GT_NATURE_DATA) {
        return true;
    }
    if (gt_get_uvarint(p, end, &size) != GT_VARINT_OK || size > (uint64_t)(end - *p)) {
        return false;
    }
    e->tail = *p;
    e->tail_size = (size_t)size;
    *p += size;
    return true;
}

static bool measure(struct event_parts *e, const uint8_t **at, const uint8_t *end)
{
    const uint8_t *p = *at;
    *e = (struct event_parts){.type = *p++};
    const struct gt_event_spec *spec = gt_ev_spec(e->type);
    e->n = spec->nargs + (spec->nature >= GT_NATURE_TIMED ? 1u : 0u);
    for (unsigned i = 0; i < e->n; i++) {
        if (gt_get_uvarint(&p, end, &e->numbers[i]) != GT_VARINT_OK) {
            return false;
        }
    }
    if (!measure_tail(e, &p, end)) {
        return false;
    }
    *at = p;
    return true;
}

static void put_frames(struct writer *w, const struct event_parts *e, const uint8_t *end)
{
    static const char *const names[] = {"pc", "func", "file", "line"};
    const uint8_t *p = e->tail;
    for (uint64_t i = 0; i < 4 * e->n_frames; i++) {
        uint64_t v = 0;
        gt_get_uvarint(&p, end, &v);
        put_arg(w, i % 4 == 0 ? '\t' : ' ', names[i % 4], v);
        if (i % 4 == 3) {
            put(w, "\n", 1);
        }
    }
}

static int put_event(struct writer *w, struct span *s)
{
    const struct gt_event_spec *spec = gt_ev_spec(*s->p);
    struct event_parts e;
    if (spec->name == NULL) {
        return broken(w, s, "no event has this number: what follows in the batch cannot be read");
    }
    if (*s->p == GT_EV_EVENT_BATCH || *s->p == GT_EV_EXPERIMENTAL_BATCH) {
        return broken(w, s, "a batch begins inside another, which the text form cannot say");
    }
    if (*s->p == GT_EV_END_OF_GENERATION && (s->p != s->start || s->end - s->p != 1)) {
        return broken(w, s, "a generation ends inside a batch, which the text form cannot say");
    }
    if (!measure(&e, &s->p, s->end)) {
        return broken(
            w, s, "the event is cut short by the end of its batch, or a number in it is too long");
    }
    unsigned timed = spec->nature >= GT_NATURE_TIMED;
    put_string(w, spec->name);
    for (unsigned i = 0; i < e.n; i++) {
        put_arg(w, ' ', timed && i == 0 ? "dt" : spec->arg[i - timed], e.numbers[i]);
    }
    put(w, "\n", 1);
    put_frames(w, &e, s->end);
    return spec->nature == GT_NATURE_DATA ? put_data(w, e.tail, e.tail_size) : 0;
}

/* ---- batches ---- */

static size_t length_of(uint64_t v)
{
    size_t n = 1;
    for (; v >= 0x80; v >>= 7) {
        n++;
    }
    return n;
}

static size_t bytes_of_frames(const struct event_parts *e, const uint8_t *end)
{
    const uint8_t *p = e->tail;
    size_t n = 0;
    for (uint64_t i = 0; i < 4 * e->n_frames; i++) {
        uint64_t v = 0;
        gt_get_uvarint(&p, end, &v);
        n += length_of(v);
    }
    return n;
}

/* What a batch will take without padding; as it is where it cannot be read to its end. */
static size_t size_without_padding(const struct gt_raw_batch *b, const uint8_t *end)
{
    size_t n = 0;
    const uint8_t *p = b->data;
    if ((size_t)(end - p) != b->size) {
        return b->size;
    }
    while (p < end) {
        struct event_parts e;
        if (!measure(&e, &p, end)) {
            return b->size;
        }
        n += 1 + bytes_of_frames(&e, end) + e.tail_size;
        n += gt_ev_spec(e.type)->nature == GT_NATURE_DATA ? length_of(e.tail_size) : 0;
        for (unsigned i = 0; i < e.n; i++) {
            n += length_of(e.numbers[i]);
        }
    }
    return n;
}

static void put_batch_line(struct writer *w, const struct gt_raw_batch *b, const uint8_t *end)
{
    put_string(w, gt_ev_name(b->experiment ? GT_EV_EXPERIMENTAL_BATCH : GT_EV_EVENT_BATCH));
    if (b->experiment) {
        put_arg(w, ' ', "exp", b->experiment);
    }
    put_arg(w, ' ', "gen", b->gen);
    put_arg(w, ' ', "m", b->m);
    put_arg(w, ' ', "time", b->ts);
    if (!b->experiment) {
        put_arg(w, ' ', "size", size_without_padding(b, end));
    }
    put(w, "\n", 1);
}

static int put_batch(struct writer *w, const struct gt_raw_batch *b, const uint8_t *end)
{
    if (b->is_end && b->size == 0) {
        put_string(w, "EndOfGeneration\n");
        return 0;
    }
    put_batch_line(w, b, end);
    if (b->experiment) {
        return put_data(w, b->data, b->size);
    }
    struct span s = {.p = b->data, .end = end, .start = b->data, .offset = b->data_offset};
    int status = 0;
    while (status == 0 && s.p < s.end) {
        status = put_event(w, &s);
    }
    return status;
}

/* A batch that could not be read whole: shows the events that are there. */
static int put_torn(struct writer *w, struct gt_reader *r, const struct gt_raw_batch *b)
{
    if (r->error.rule == GT_RULE_F3_BATCH_SHORT && b->experiment == 0) {
        put_batch(w, b, r->input.end);
    }
    w->err->offset = r->error.at.offset;
    snprintf(w->err->text, sizeof w->err->text, "%s", r->error.text);
    return -EBADMSG;
}

static int put_all(struct writer *w, struct gt_reader *r)
{
    char line[32];
    snprintf(line, sizeof line, "Trace Go1.%" PRIu32 "\n", r->header - 100);
    put_string(w, line);
    int status = 0;
    while (status == 0 && w->status == 0) {
        struct gt_raw_batch b;
        gt_input_forget(&r->input);
        enum gt_step step = gt_reader_read_batch(r, &b);
        if (step == GT_STEP_ERRNO) {
            w->err->offset = r->error.at.offset;
            snprintf(w->err->text, sizeof w->err->text, "%s", r->error.text);
            return r->input.error;
        }
        if (step == GT_STEP_FAILED) {
            return put_torn(w, r, &b);
        }
        if (step == GT_STEP_END && !gt_reader_truncated(r)) {
            return 0;
        }
        if (step == GT_STEP_END) {
            w->err->offset = r->unnoticed.at.offset;
            snprintf(w->err->text, sizeof w->err->text, "%s", r->unnoticed.text);
            return -EBADMSG;
        }
        status = put_batch(w, &b, b.size != 0 ? b.data + b.size : b.data);
    }
    return status;
}

int gt_text_from_binary(const struct gt_source *in, const struct gt_text_out *out,
                        struct gt_text_error *err)
{
    struct gt_reader *r;
    struct gt_read_error read_error;
    *err = (struct gt_text_error){0};
    int status = gt_reader_open(in, &r, &read_error);
    if (status != 0) {
        err->offset = read_error.at.offset;
        snprintf(err->text, sizeof err->text, "%s", read_error.text);
        return status == -EINVAL ? -EBADMSG : status;
    }
    struct writer *w = malloc(sizeof *w);
    if (w == NULL) {
        gt_reader_close(r);
        snprintf(err->text, sizeof err->text, "out of memory for a buffer");
        return -ENOMEM;
    }
    w->out = out;
    w->err = err;
    w->status = 0;
    w->n = 0;
    status = put_all(w, r);
    flush(w);
    if (w->status != 0) {
        status = w->status;
        snprintf(err->text, sizeof err->text, "cannot write the text: %s", strerror(-status));
    }
    free(w);
    gt_reader_close(r);
    return status;
}
