/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer target: any bytes go through reader, checker and text form. tests/integration/fuzz.sh builds it.
 * What must hold: no sanitizer report; a generation handed out is one whose batches can be walked; both rule
 * sets end alike where the reader fails; text made from a whole binary gives a binary that gives the same text.
 */
#include "trace/check.h"
#include "trace/text.h"
#include "trace/wire_decode.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct sink {
    char *data;
    size_t n, cap;
};

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static int write_sink(void *arg, const void *data, size_t n)
{
    struct sink *s = arg;
    if (s->n + n > s->cap) {
        s->cap = 2 * (s->n + n);
        s->data = realloc(s->data, s->cap);
        must(s->data != NULL);
    }
    if (n != 0) {
        memcpy(s->data + s->n, data, n);
    }
    s->n += n;
    return (int)n;
}

/* Small reads, so that every place where a read may end is tried. */
static int64_t read_some(void *arg, void *buf, size_t n)
{
    struct gt_bytes *b = arg;
    size_t some = b->at % 7 + 1;
    return gt_read_bytes(arg, buf, n < some ? n : some);
}

static uint64_t walk_batch(const struct gt_generation *g, const struct gt_batch *b)
{
    const uint8_t *p = b->data, *end = p + b->size;
    uint64_t events = 0;
    while (p < end) {
        struct gt_event e;
        const uint8_t *next = gt_decode_event(p, end, &e);
        must((next != NULL) == (gt_decode_why(p, end) == GT_DECODE_FINE));
        if (next == NULL) {
            break;
        }
        for (unsigned i = 0; i < gt_ev_spec(e.type)->nargs; i++) {
            must(gt_generation_has_stack(g, e.args[i]) ==
                 (gt_generation_stack(g, e.args[i]) != NULL));
        }
        must(next > p && next <= end);
        p = next;
        events++;
    }
    return events;
}

static void walk(const struct gt_source *src)
{
    struct gt_reader *r;
    struct gt_read_error err;
    const struct gt_generation *g;
    int status = gt_reader_open(src, &r, &err);
    if (status != 0) {
        must(r == NULL && err.text[0] != '\0');
        return;
    }
    while ((status = gt_reader_next(r, &g)) == 1) {
        uint64_t linked = 0;
        for (size_t i = 0; i < g->n_threads; i++) {
            for (uint64_t at = g->threads[i].first; at != UINT64_MAX; at = g->batches[at].next) {
                must(at < g->n_batches && g->batches[at].m == g->threads[i].m);
                walk_batch(g, &g->batches[at]);
                linked++;
            }
        }
        must(linked == g->n_batches && g->start_offset <= g->end_offset);
    }
    must(status == 0 || (status < 0 && gt_reader_error(r)->text[0] != '\0'));
    gt_reader_close(r);
}

static void check(const uint8_t *data, size_t size, enum gt_rules rules,
                  struct gt_check_result *res)
{
    struct gt_bytes bytes = {.data = data, .size = size};
    struct gt_reader *r;
    struct gt_read_error err;
    const struct gt_check_options o = {.rules = rules};
    if (gt_reader_open(&(struct gt_source){.read = gt_read_bytes, .arg = &bytes}, &r, &err) == 0) {
        must(gt_check(r, &o, res) == 0);
        gt_reader_close(r);
    }
}

static void check_both(const uint8_t *data, size_t size)
{
    static struct gt_check_result go, strict;
    memset(&go, 0, sizeof go);
    memset(&strict, 0, sizeof strict);
    check(data, size, GT_RULES_GO, &go);
    check(data, size, GT_RULES_STRICT, &strict);
    must(go.accepted == strict.accepted && go.inconsistencies <= strict.inconsistencies);
}

/* To text; where all of it could be shown, back and to text again. */
static void there_and_back(const uint8_t *data, size_t size)
{
    struct sink text = {0}, binary = {0}, again = {0};
    struct gt_text_error err;
    struct gt_bytes bytes = {.data = data, .size = size};
    struct gt_source src = {.read = read_some, .arg = &bytes};
    if (gt_text_from_binary(&src, &(struct gt_text_out){.write = write_sink, .arg = &text}, &err) ==
        0) {
        bytes = (struct gt_bytes){.data = text.data, .size = text.n};
        must(gt_text_to_binary(&src, &(struct gt_text_out){.write = write_sink, .arg = &binary},
                               &err) == 0);
        bytes = (struct gt_bytes){.data = binary.data, .size = binary.n};
        must(gt_text_from_binary(&src, &(struct gt_text_out){.write = write_sink, .arg = &again},
                                 &err) == 0);
        must(again.n == text.n && memcmp(again.data, text.data, text.n) == 0);
    }
    free(text.data);
    free(binary.data);
    free(again.data);
}

static void run(const uint8_t *data, size_t size)
{
    struct gt_bytes bytes = {.data = data, .size = size};
    walk(&(struct gt_source){.read = read_some, .arg = &bytes});
    check_both(data, size);
    there_and_back(data, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gt_bytes bytes = {.data = data, .size = size};
    struct sink binary = {0};
    struct gt_text_error err;
    run(data, size);
    if (size > 0 && data[0] != 'g' &&
        gt_text_to_binary(&(struct gt_source){.read = read_some, .arg = &bytes},
                          &(struct gt_text_out){.write = write_sink, .arg = &binary}, &err) == 0) {
        run((const uint8_t *)binary.data, binary.n);
    }
    free(binary.data);
    return 0;
}
