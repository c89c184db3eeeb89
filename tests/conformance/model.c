/* SPDX-License-Identifier: Apache-2.0 */
#include "conformance/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cf_chunk {
    struct cf_chunk *next;
    size_t used, size;
    _Alignas(16) uint8_t data[];
};

#define CHUNK_SIZE ((size_t)1 << 20)

static void *must(void *p)
{
    if (!p) {
        fputs("conformance: out of memory\n", stderr);
        abort();
    }
    return p;
}

void *cf_alloc(struct cf_arena *a, size_t size)
{
    size = (size + 15) & ~(size_t)15;
    struct cf_chunk *c = a->chunks;
    if (!c || c->size - c->used < size) {
        size_t room = size > CHUNK_SIZE ? size : CHUNK_SIZE;
        c = must(malloc(sizeof *c + room));
        *c = (struct cf_chunk){.next = a->chunks, .size = room};
        a->chunks = c;
    }
    void *p = c->data + c->used;
    c->used += size;
    return memset(p, 0, size);
}

void cf_arena_reset(struct cf_arena *a)
{
    while (a->chunks) {
        struct cf_chunk *next = a->chunks->next;
        if (!next && a->chunks->size == CHUNK_SIZE) { /* the first one is kept */
            a->chunks->used = 0;
            return;
        }
        free(a->chunks);
        a->chunks = next;
    }
}

void cf_bytes_add(struct cf_bytes *b, const void *data, size_t size)
{
    if (b->capacity - b->size < size) {
        size_t capacity = b->capacity ? b->capacity : 4096;
        while (capacity - b->size < size)
            capacity *= 2;
        b->data = must(realloc(b->data, capacity));
        b->capacity = capacity;
    }
    if (size)
        memcpy(b->data + b->size, data, size);
    b->size += size;
}

void cf_bytes_free(struct cf_bytes *b)
{
    free(b->data);
    *b = (struct cf_bytes){0};
}

/* Arguments behind the time difference, as the wire has them. */
const char *cf_event_kinds(uint8_t type)
{
    static const char *const kinds[256] = {
        [9] = "xS",    [10] = "pq",   [11] = "",    [12] = "pqm",  [13] = "ps",  [14] = "gSS",
        [15] = "g",    [16] = "gq",   [17] = "",    [18] = "",     [19] = "$S",  [20] = "$S",
        [21] = "gqS",  [22] = "qS",   [23] = "",    [24] = "",     [25] = "gms", [26] = "$S",
        [27] = "",     [28] = "c",    [29] = "cS",  [30] = "c",    [31] = "p",   [32] = "S",
        [33] = "xx",   [34] = "g",    [35] = "S",   [36] = "",     [37] = "x",   [38] = "x",
        [39] = "$",    [40] = "tt$S", [41] = "tS",  [42] = "t$S",  [43] = "t$S", [44] = "t$$S",
        [45] = "gq",   [46] = "gq",   [47] = "gSS", [48] = "gmsS", [51] = "xxx", [128] = "xxx",
        [129] = "xxx", [130] = "x",   [131] = "xx", [132] = "xx",  [133] = "x",  [134] = "xx",
        [135] = "xx",  [136] = "x",
    };
    return kinds[type];
}

/* ---- reading ---- */

struct input {
    const uint8_t *at, *end;
    bool bad;
};

static uint64_t take_varint(struct input *in)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        if (in->at == in->end)
            break;
        uint8_t byte = *in->at++;
        if (shift == 63 && byte > 1)
            break;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return value;
    }
    in->bad = true;
    return 0;
}

static uint8_t take_byte(struct input *in)
{
    if (in->at == in->end) {
        in->bad = true;
        return 0;
    }
    return *in->at++;
}

static void take_args(struct input *in, struct cf_item *item, size_t n)
{
    item->n = (uint8_t)n;
    for (size_t i = 0; i < n; i++)
        item->args[i] = take_varint(in);
}

static void take_string(struct input *in, struct cf_item *item)
{
    take_args(in, item, 2);
    if (in->bad || item->args[1] > (size_t)(in->end - in->at)) {
        in->bad = true;
        return;
    }
    item->data = in->at;
    item->length = item->args[1];
    in->at += item->length;
}

static void take_stack(struct cf_arena *a, struct input *in, struct cf_item *item)
{
    take_args(in, item, 2);
    if (in->bad || item->args[1] > (size_t)(in->end - in->at)) {
        in->bad = true;
        return;
    }
    uint64_t *frames = cf_alloc(a, item->args[1] * 4 * sizeof *frames);
    for (size_t i = 0; i < item->args[1] * 4; i++)
        frames[i] = take_varint(in);
    item->frames = frames;
    item->n_frames = item->args[1];
}

/* One event or entry; in->bad when it is not one of this kind of batch. */
static void take_item(struct cf_arena *a, struct input *in, enum cf_kind kind, struct cf_item *item)
{
    item->type = take_byte(in);
    const char *kinds = cf_event_kinds(item->type);
    if (kind == CF_EVENTS && kinds)
        take_args(in, item, 1 + strlen(kinds));
    else if (kind == CF_STRINGS && item->type == 5)
        take_string(in, item);
    else if (kind == CF_STACKS && item->type == 3)
        take_stack(a, in, item);
    else if (kind == CF_SAMPLES && item->type == 7)
        take_args(in, item, 5);
    else if (kind == CF_SYNC && item->type == 8)
        take_args(in, item, 1);
    else if (kind == CF_SYNC && item->type == 51)
        take_args(in, item, 4);
    else
        in->bad = true;
}

static enum cf_kind kind_of(uint8_t lead)
{
    switch (lead) {
    case 4:
        return CF_STRINGS;
    case 2:
        return CF_STACKS;
    case 6:
        return CF_SAMPLES;
    case 8:
    case 50:
        return CF_SYNC;
    default:
        return CF_EVENTS;
    }
}

static void grow_items(struct cf_arena *a, struct cf_batch *b)
{
    size_t capacity = b->capacity ? b->capacity * 2 : 16;
    struct cf_item *items = cf_alloc(a, capacity * sizeof *items);
    if (b->n)
        memcpy(items, b->items, b->n * sizeof *items);
    b->items = items;
    b->capacity = capacity;
}

static void take_payload(struct cf_trace *t, struct cf_batch *b, struct input in)
{
    b->raw = in.at;
    b->raw_size = (size_t)(in.end - in.at);
    if (b->experimental || !b->raw_size) {
        b->kind = CF_RAW;
        return;
    }
    b->kind = kind_of(*in.at);
    if (*in.at != 8 && b->kind != CF_EVENTS)
        b->lead = *in.at++;
    while (in.at != in.end) {
        struct cf_item item = {0};
        const uint8_t *start = in.at;
        take_item(t->arena, &in, b->kind, &item);
        if (in.bad) {
            in.at = start;
            break;
        }
        if (b->n == b->capacity)
            grow_items(t->arena, b);
        b->items[b->n++] = item;
    }
    b->raw = in.at;
    b->raw_size = (size_t)(in.end - in.at);
}

static bool take_batch(struct cf_trace *t, struct input *in, struct cf_batch *b)
{
    uint8_t lead = take_byte(in);
    if (lead == 52) {
        b->kind = CF_END;
        return !in->bad;
    }
    if (lead != 1 && lead != 49)
        return false;
    b->experimental = lead == 49;
    if (b->experimental)
        b->experiment = take_byte(in);
    b->gen = take_varint(in);
    b->m = take_varint(in);
    b->ts = take_varint(in);
    uint64_t size = take_varint(in);
    if (in->bad || size > (size_t)(in->end - in->at))
        return false;
    take_payload(t, b, (struct input){.at = in->at, .end = in->at + size});
    in->at += size;
    return true;
}

bool cf_parse(struct cf_trace *t, struct cf_arena *a, const uint8_t *data, size_t size)
{
    *t = (struct cf_trace){.arena = a};
    if (size < sizeof t->header)
        return false;
    memcpy(t->header, data, sizeof t->header);
    struct input in = {.at = data + sizeof t->header, .end = data + size};
    while (in.at != in.end) {
        struct cf_batch b = {0};
        const uint8_t *start = in.at;
        if (!take_batch(t, &in, &b)) {
            in.at = start;
            break;
        }
        *cf_insert_batch(t, t->n) = b;
    }
    t->rest = in.at;
    t->rest_size = (size_t)(in.end - in.at);
    return true;
}

/* ---- writing ---- */

struct output {
    struct cf_bytes *bytes;
    unsigned padding;
    uint64_t random;
};

static void put_varint(struct output *o, uint64_t value)
{
    uint8_t buffer[10];
    size_t n = 0;
    do {
        buffer[n++] = (uint8_t)(value & 0x7f) | 0x80;
        value >>= 7;
    } while (value);
    if (o->padding) {
        o->random = o->random * 6364136223846793005u + 1442695040888963407u;
        if ((o->random >> 33) % o->padding == 0)
            while (n < 9)
                buffer[n++] = 0x80;
    }
    buffer[n - 1] &= 0x7f;
    cf_bytes_add(o->bytes, buffer, n);
}

static void put_byte(struct output *o, uint8_t byte)
{
    cf_bytes_add(o->bytes, &byte, 1);
}

static void put_item(struct output *o, const struct cf_item *item)
{
    put_byte(o, item->type);
    for (size_t i = 0; i < item->n; i++)
        put_varint(o, item->args[i]);
    cf_bytes_add(o->bytes, item->data, item->length);
    for (size_t i = 0; i < item->n_frames * 4; i++)
        put_varint(o, item->frames[i]);
}

static void put_batch(struct output *o, const struct cf_batch *b)
{
    if (b->kind == CF_END) {
        put_byte(o, 52);
        return;
    }
    struct cf_bytes payload = {0};
    struct output inner = {.bytes = &payload, .padding = o->padding, .random = o->random};
    if (b->lead)
        put_byte(&inner, b->lead);
    for (size_t i = 0; i < b->n; i++)
        put_item(&inner, &b->items[i]);
    cf_bytes_add(&payload, b->raw, b->raw_size);
    o->random = inner.random;
    put_byte(o, b->experimental ? 49 : 1);
    if (b->experimental)
        put_byte(o, b->experiment);
    put_varint(o, b->gen);
    put_varint(o, b->m);
    put_varint(o, b->ts);
    put_varint(o, payload.size + (uint64_t)b->size_error);
    cf_bytes_add(o->bytes, payload.data, payload.size);
    cf_bytes_free(&payload);
}

void cf_serialise(const struct cf_trace *t, struct cf_bytes *out)
{
    struct output o = {.bytes = out, .padding = t->padding, .random = t->padding_seed};
    cf_bytes_add(out, t->header, sizeof t->header);
    for (size_t i = 0; i < t->n; i++)
        put_batch(&o, &t->batches[i]);
    cf_bytes_add(out, t->rest, t->rest_size);
}

/* ---- changing ---- */

void cf_copy(struct cf_trace *to, struct cf_arena *a, const struct cf_trace *from)
{
    *to = *from;
    to->arena = a;
    to->capacity = from->n + 4;
    to->batches = cf_alloc(a, to->capacity * sizeof *to->batches);
    for (size_t i = 0; i < from->n; i++) {
        struct cf_batch *b = &to->batches[i];
        *b = from->batches[i];
        b->capacity = b->n + 1;
        b->items = cf_alloc(a, b->capacity * sizeof *b->items);
        if (b->n)
            memcpy(b->items, from->batches[i].items, b->n * sizeof *b->items);
    }
}

struct cf_item *cf_insert_item(struct cf_trace *t, size_t batch, size_t at)
{
    struct cf_batch *b = &t->batches[batch];
    if (b->n == b->capacity)
        grow_items(t->arena, b);
    memmove(&b->items[at + 1], &b->items[at], (b->n - at) * sizeof *b->items);
    b->n++;
    b->items[at] = (struct cf_item){0};
    return &b->items[at];
}

void cf_remove_item(struct cf_trace *t, size_t batch, size_t at)
{
    struct cf_batch *b = &t->batches[batch];
    b->n--;
    memmove(&b->items[at], &b->items[at + 1], (b->n - at) * sizeof *b->items);
}

struct cf_batch *cf_insert_batch(struct cf_trace *t, size_t at)
{
    if (t->n == t->capacity) {
        t->capacity = t->capacity ? t->capacity * 2 : 16;
        struct cf_batch *batches = cf_alloc(t->arena, t->capacity * sizeof *batches);
        if (t->n)
            memcpy(batches, t->batches, t->n * sizeof *batches);
        t->batches = batches;
    }
    memmove(&t->batches[at + 1], &t->batches[at], (t->n - at) * sizeof *t->batches);
    t->n++;
    t->batches[at] = (struct cf_batch){0};
    return &t->batches[at];
}

void cf_remove_batch(struct cf_trace *t, size_t at)
{
    t->n--;
    memmove(&t->batches[at], &t->batches[at + 1], (t->n - at) * sizeof *t->batches);
}

static bool seen_before(const struct cf_trace *t, size_t batch)
{
    for (size_t i = 0; i < batch; i++)
        if (t->batches[i].kind == CF_EVENTS && t->batches[i].m == t->batches[batch].m)
            return true;
    return false;
}

size_t cf_count_threads(const struct cf_trace *t)
{
    size_t threads = 0;
    for (size_t i = 0; i < t->n; i++)
        threads += t->batches[i].kind == CF_EVENTS && !seen_before(t, i);
    return threads;
}

static bool ends_generation(const struct cf_trace *t, size_t batch, bool marked)
{
    if (marked)
        return t->batches[batch].kind == CF_END;
    return batch + 1 == t->n || t->batches[batch + 1].gen != t->batches[batch].gen;
}

bool cf_cut(struct cf_trace *t, size_t limit)
{
    struct cf_bytes bytes = {0};
    struct output o = {.bytes = &bytes};
    size_t size = sizeof t->header, keep = 0;
    bool marked = false;
    for (size_t i = 0; i < t->n; i++)
        marked |= t->batches[i].kind == CF_END;
    for (size_t i = 0; i < t->n && size <= limit; i++) {
        bytes.size = 0;
        put_batch(&o, &t->batches[i]);
        size += bytes.size;
        if (size <= limit && ends_generation(t, i, marked))
            keep = i + 1;
    }
    cf_bytes_free(&bytes);
    if (keep < t->n)
        t->rest_size = 0;
    t->n = keep;
    return keep > 0;
}
