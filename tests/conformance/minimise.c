/* SPDX-License-Identifier: Apache-2.0 */
#include "conformance/minimise.h"

#include "trace/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct hunt {
    struct cf_oracle *oracle;
    struct cf_verdict ours, go; /* to be kept */
    struct cf_arena arena;
    struct cf_trace trace;
    unsigned tries; /* left */
    bool lost;      /* Go's reader has gone */
};

static bool alike(const struct cf_verdict *a, const struct cf_verdict *b)
{
    return a->accepted == b->accepted && a->rule == b->rule && a->beside == b->beside;
}

static bool persists(struct hunt *h, const struct cf_bytes *b)
{
    struct cf_verdict ours, go;
    if (h->lost || !h->tries)
        return false;
    h->tries--;
    cf_our_verdict(b->data, b->size, &ours);
    if (!alike(&ours, &h->ours))
        return false;
    if (!cf_oracle_verdict(h->oracle, b->data, b->size, &go)) {
        h->lost = true;
        return false;
    }
    return alike(&go, &h->go);
}

static bool trace_persists(struct hunt *h)
{
    struct cf_bytes b = {0};
    cf_serialise(&h->trace, &b);
    bool yes = persists(h, &b);
    cf_bytes_free(&b);
    return yes;
}

/* Leaves out runs of elements, halves first. The array is n elements of `size` bytes at `base`. */
static bool thin(struct hunt *h, void *base, size_t *n, size_t size)
{
    bool any = false;
    char *kept = malloc(*n * size + 1);
    for (size_t run = *n ? (*n + 1) / 2 : 0; run && kept; run = run == 1 ? 0 : (run + 1) / 2) {
        for (size_t at = 0; at < *n;) {
            size_t count = run < *n - at ? run : *n - at, before = *n;
            memcpy(kept, base, before * size);
            memmove((char *)base + at * size, (char *)base + (at + count) * size,
                    (before - at - count) * size);
            *n = before - count;
            if (trace_persists(h)) {
                any = true;
                continue;
            }
            memcpy(base, kept, before * size);
            *n = before;
            at += count;
        }
    }
    free(kept);
    return any;
}

static bool simplify_word(struct hunt *h, uint64_t *word, uint64_t to)
{
    uint64_t old = *word;
    if (old == to)
        return false;
    *word = to;
    if (trace_persists(h))
        return true;
    *word = old;
    return false;
}

static void simplify(struct hunt *h)
{
    for (size_t i = 0; i < h->trace.n; i++) {
        struct cf_batch *b = &h->trace.batches[i];
        for (size_t j = 0; b->kind == CF_EVENTS && j < b->n; j++) {
            const char *kinds = cf_event_kinds(b->items[j].type);
            for (size_t k = 0; kinds && kinds[k]; k++)
                if (strchr("S$x", kinds[k]))
                    simplify_word(h, &b->items[j].args[k + 1], 0);
        }
    }
}

static void minimise_trace(struct hunt *h)
{
    for (bool again = true; again;) {
        again = thin(h, h->trace.batches, &h->trace.n, sizeof h->trace.batches[0]);
        for (size_t i = 0; i < h->trace.n; i++) {
            struct cf_batch *b = &h->trace.batches[i];
            again |= thin(h, b->items, &b->n, sizeof b->items[0]);
        }
    }
    simplify(h);
}

static void minimise_bytes(struct hunt *h, struct cf_bytes *bytes)
{
    struct cf_bytes less = {0};
    for (size_t run = bytes->size / 2; run; run /= 2) {
        for (size_t at = 16; at < bytes->size;) {
            size_t count = run < bytes->size - at ? run : bytes->size - at;
            less.size = 0;
            cf_bytes_add(&less, bytes->data, at);
            cf_bytes_add(&less, bytes->data + at + count, bytes->size - at - count);
            if (!persists(h, &less)) {
                at += count;
                continue;
            }
            bytes->size = 0;
            cf_bytes_add(bytes, less.data, less.size);
        }
    }
    cf_bytes_free(&less);
}

bool cf_minimise(struct cf_oracle *o, struct cf_bytes *bytes, const struct cf_verdict *ours,
                 const struct cf_verdict *go)
{
    struct hunt h = {.oracle = o, .ours = *ours, .go = *go, .tries = 8000};
    struct cf_bytes original = {0};
    cf_bytes_add(&original, bytes->data, bytes->size); /* strings of the trace point into it */
    if (cf_parse(&h.trace, &h.arena, original.data, original.size) && trace_persists(&h)) {
        minimise_trace(&h);
        bytes->size = 0;
        cf_serialise(&h.trace, bytes);
    } else {
        minimise_bytes(&h, bytes);
    }
    cf_arena_reset(&h.arena);
    cf_bytes_free(&original);
    return !h.lost;
}

/* ---- files ---- */

static int write_bytes(void *arg, const void *data, size_t n)
{
    cf_bytes_add(arg, data, n);
    return (int)n;
}

struct reading {
    const struct cf_bytes *bytes;
    size_t at;
};

static int64_t read_bytes(void *arg, void *buffer, size_t n)
{
    struct reading *r = arg;
    size_t left = r->bytes->size - r->at;
    if (n > left)
        n = left;
    if (n)
        memcpy(buffer, r->bytes->data + r->at, n);
    r->at += n;
    return (int64_t)n;
}

static int convert(int (*way)(const struct gt_source *, const struct gt_text_out *,
                              struct gt_text_error *),
                   const struct cf_bytes *from, struct cf_bytes *to, struct gt_text_error *error)
{
    struct reading r = {.bytes = from};
    const struct gt_source source = {.read = read_bytes, .arg = &r};
    const struct gt_text_out out = {.write = write_bytes, .arg = to};
    return way(&source, &out, error);
}

int cf_save(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "w");
    if (!file)
        return -errno;
    size_t written = fwrite(data, 1, size, file);
    return fclose(file) || written != size ? -EIO : 0;
}

static void go_string(char *to, size_t size,
                      const char *text) /* a pattern that matches just this, in quotes' reach */
{
    size_t n = 0;
    for (; *text && n + 3 < size; text++) {
        if (strchr("\\.+*?()|[]{}^$\"", *text))
            to[n++] = *text == '"' ? '.' : '\\';
        if (*text != '"')
            to[n++] = *text;
    }
    to[n] = 0;
}

#define SPDX "# SPDX-License-Identifier: Apache-2.0\n"

static int keep_text(const char *path, const struct cf_bytes *text, const struct cf_verdict *go)
{
    struct cf_bytes whole = {0};
    char pattern[700], head[800];
    go_string(pattern, sizeof pattern, go->text);
    int n = go->accepted ? snprintf(head, sizeof head, SPDX "-- expect --\nSUCCESS\n-- trace --\n")
                         : snprintf(head, sizeof head,
                                    SPDX "-- expect --\nFAILURE \"%s\"\n-- trace --\n", pattern);
    cf_bytes_add(&whole, head, (size_t)n);
    cf_bytes_add(&whole, text->data, text->size);
    int status = cf_save(path, whole.data, whole.size);
    cf_bytes_free(&whole);
    return status;
}

/* Does the text form bring the trace back with both verdicts? */
static bool text_serves(struct hunt *h, const struct cf_bytes *bytes, struct cf_bytes *text)
{
    struct gt_text_error error;
    struct cf_bytes back = {0};
    bool yes = !convert(gt_text_from_binary, bytes, text, &error) &&
               !convert(gt_text_to_binary, text, &back, &error) && persists(h, &back);
    cf_bytes_free(&back);
    return yes;
}

int cf_keep(struct cf_oracle *o, const char *dir, const char *name, const struct cf_bytes *bytes,
            const struct cf_verdict *ours, const struct cf_verdict *go, char *path,
            size_t path_size)
{
    struct hunt h = {.oracle = o, .ours = *ours, .go = *go, .tries = 1};
    struct cf_bytes text = {0};
    bool serves = text_serves(&h, bytes, &text);
    snprintf(path, path_size, "%s/%s.%s", dir, name, serves ? "test" : "bin");
    int status = serves ? keep_text(path, &text, go) : cf_save(path, bytes->data, bytes->size);
    cf_bytes_free(&text);
    return status;
}

static int load_file(const char *path, struct cf_bytes *bytes)
{
    char buffer[65536];
    FILE *file = fopen(path, "r");
    if (!file)
        return -errno;
    for (size_t n; (n = fread(buffer, 1, sizeof buffer, file)) > 0;)
        cf_bytes_add(bytes, buffer, n);
    int status = ferror(file) ? -EIO : 0;
    fclose(file);
    return status;
}

/* What stands behind the line `-- expect --`. */
static void read_expectation(const struct cf_bytes *text, char *expect, size_t size)
{
    static const char mark[] = "-- expect --\n";
    const char *at = memmem(text->data, text->size, mark, sizeof mark - 1),
               *end = (char *)text->data + text->size;
    size_t n = 0;
    expect[0] = 0;
    if (!at)
        return;
    at += sizeof mark - 1;
    if (end - at > 9 && !strncmp(at, "FAILURE \"", 9))
        at += 9;
    for (; at < end && *at != '\n' && n + 1 < size; at++)
        expect[n++] = *at;
    if (n && expect[n - 1] == '"')
        n--;
    expect[n] = 0;
}

int cf_load(const char *path, struct cf_bytes *bytes, char *expect, size_t expect_size)
{
    size_t length = strlen(path);
    bytes->size = 0;
    if (expect)
        expect[0] = 0;
    int status = load_file(path, bytes);
    if (!status && length > 5 && !strcmp(path + length - 5, ".test")) {
        struct cf_bytes binary = {0};
        struct gt_text_error error = {0};
        if (expect)
            read_expectation(bytes, expect, expect_size);
        status = convert(gt_text_to_binary, bytes, &binary, &error);
        if (status)
            fprintf(stderr, "%s:%llu: %s\n", path, (unsigned long long)error.line, error.text);
        cf_bytes_free(bytes);
        *bytes = binary;
    } else if (status) {
        fprintf(stderr, "%s: %s\n", path, strerror(-status));
    }
    return status;
}
