/* SPDX-License-Identifier: Apache-2.0 */
#include "trace/input.h"
#include "trace/wire_decode.h"

#include <errno.h>
#include <stdlib.h>

#define BLOCK_BYTES ((size_t)512 << 10)
#define FIRST_BLOCK_BYTES                                                                          \
    ((size_t)32 << 10) /* most inputs of tests, and what a pipe holds, are small */

struct gt_block {
    struct gt_block *older;
    size_t size;
    uint8_t data[];
};

static struct gt_block *block_new(struct gt_input *in, size_t size)
{
    struct gt_block *b = in->spare;
    if (b && b->size >= size) {
        in->spare = b->older;
        b->older = NULL;
        return b;
    }
    /* Twice as much, so that asking for one byte more, again and again, stays cheap. */
    size_t least = in->newest ? BLOCK_BYTES : FIRST_BLOCK_BYTES;
    size = size > least / 2 ? 2 * size : least;
    b = malloc(sizeof *b + size + GT_DECODE_SLACK);
    if (b) {
        b->older = NULL;
        b->size = size;
        memset(b->data + size, 0, GT_DECODE_SLACK);
        gt_held_add(in->held, size);
    }
    return b;
}

/* A new newest block, to which the unread bytes move. */
static bool next_block(struct gt_input *in, size_t n)
{
    struct gt_block *b = block_new(in, n);
    if (b == NULL) {
        in->error = -ENOMEM;
        return false;
    }
    size_t unread = (size_t)(in->end - in->at);
    if (unread != 0) {
        memcpy(b->data, in->at, unread);
    }
    b->older = in->newest;
    in->newest = b;
    in->at = b->data;
    in->end = b->data + unread;
    in->limit = b->data + b->size;
    memset(in->end, 0, GT_DECODE_SLACK < b->size - unread ? GT_DECODE_SLACK : b->size - unread);
    return true;
}

static bool read_more(struct gt_input *in)
{
    int64_t got = in->source.read(in->source.arg, in->end, (size_t)(in->limit - in->end));
    if (got < 0) {
        in->error = (int)got;
    } else if (got == 0) {
        in->ended = true;
    } else {
        in->end += got;
        size_t rest =
            (size_t)(in->limit - in->end); /* I2, and nothing undefined is ever looked at */
        memset(in->end, 0, rest < GT_DECODE_SLACK ? rest : GT_DECODE_SLACK);
    }
    return got > 0;
}

size_t gt_input_need(struct gt_input *in, size_t n)
{
    while ((size_t)(in->end - in->at) < n && !in->ended && in->error == 0) {
        if ((size_t)(in->limit - in->at) < n && !next_block(in, n)) {
            break;
        }
        if (!read_more(in)) {
            break;
        }
    }
    return (size_t)(in->end - in->at);
}

static void block_free(struct gt_input *in, struct gt_block *b)
{
    gt_held_sub(in->held, b->size);
    free(b);
}

void gt_input_forget(struct gt_input *in)
{
    struct gt_block *b = in->newest ? in->newest->older : NULL;
    while (b) {
        struct gt_block *older = b->older;
        if (b->size == BLOCK_BYTES) {
            b->older = in->spare;
            in->spare = b;
        } else {
            block_free(in, b); /* spares are all alike, so that the first will do */
        }
        b = older;
    }
    if (in->newest) {
        in->newest->older = NULL;
    }
}

static void blocks_free(struct gt_input *in, struct gt_block *b)
{
    while (b) {
        struct gt_block *older = b->older;
        block_free(in, b);
        b = older;
    }
}

void gt_input_free(struct gt_input *in)
{
    blocks_free(in, in->newest);
    blocks_free(in, in->spare);
    in->newest = NULL;
    in->spare = NULL;
}

int64_t gt_read_bytes(void *arg, void *buf, size_t n)
{
    struct gt_bytes *b = arg;
    size_t left = b->size - b->at;
    n = n < left ? n : left;
    if (n != 0) {
        memcpy(buf, (const char *)b->data + b->at, n);
    }
    b->at += n;
    return (int64_t)n;
}
