/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of a source in blocks that stay where they are, so that batches need not be copied. GT_C_ONLY
 *
 * I1 the unread bytes lie in the newest block, [at, end), back to back
 * I2 a block is followed by GT_DECODE_SLACK readable bytes
 * I3 never asks the source for more once what is needed is there: a pipe's writer is not waited for
 * Thread-safety: one owner, one thread.
 */
#pragma once
#include "trace/memory.h"
#include "trace/reader.h"

struct gt_block;
struct gt_input {
    struct gt_source source;
    struct gt_held *held;
    struct gt_block *newest, *spare; /* lists: those in use, and those for later */
    uint8_t *at, *end, *limit;       /* limit: where the newest block ends */
    uint64_t offset;                 /* of at, in the input */
    int error;                       /* negative errno of the source, -ENOMEM; 0: none */
    bool ended;
};

/* Lets at least n <= 1 MiB unread bytes lie at `at`. Return: how many do; fewer: the end, or in->error. */
size_t gt_input_need(struct gt_input *in, size_t n);
static inline void gt_input_take(struct gt_input *in, size_t n)
{
    in->at += n;
    in->offset += n;
}
/* What was taken is no longer looked at: every block but the newest can be used again. */
void gt_input_forget(struct gt_input *in);
void gt_input_free(struct gt_input *in);
