/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One batch off the input. Only what is needed to find its end is asked of the source, so that a
 * generation is complete as soon as its last byte arrives.
 */
#include "trace/reader_internal.h"

#include <errno.h>
#include <inttypes.h>

/* The batch's number at in->at + *pos; asks for one byte more as long as it is not whole. */
static enum gt_varint_status header_number(struct gt_input *in, size_t *pos, uint64_t *v)
{
    size_t have = (size_t)(in->end - in->at);
    for (;;) {
        const uint8_t *p = in->at + *pos;
        enum gt_varint_status status = gt_get_uvarint(&p, in->end, v);
        if (status == GT_VARINT_OK) {
            *pos = (size_t)(p - in->at);
        }
        if (status == GT_VARINT_OK || status == GT_VARINT_OVERFLOW) {
            return status;
        }
        size_t more = gt_input_need(in, have + 1);
        if (more == have) {
            return status;
        }
        have = more;
    }
}

static enum gt_step source_failed(struct gt_reader *r)
{
    if (r->input.error == -ENOMEM) {
        return gt_reader_no_memory(r);
    }
    gt_reader_fail(r, GT_RULE_NONE, GT_NO_M,
                   r->input.offset + (uint64_t)(r->input.end - r->input.at), "reading failed: %s",
                   strerror(-r->input.error));
    return GT_STEP_ERRNO;
}

static enum gt_step read_numbers(struct gt_reader *r, size_t *pos, struct gt_raw_batch *b,
                                 uint64_t *size)
{
    static const char *const names[] = {"generation", "thread", "time stamp", "size"};
    uint64_t *const fields[] = {&b->gen, &b->m, &b->ts, size};
    for (unsigned i = 0; i < 4; i++) {
        enum gt_varint_status status = header_number(&r->input, pos, fields[i]);
        if (r->input.error != 0) {
            return source_failed(r);
        }
        if (status != GT_VARINT_OK) {
            return gt_reader_fail(r, GT_RULE_F3_BATCH_HEADER, i > 1 ? b->m : GT_NO_M,
                                  r->input.offset + *pos, "the %s in a batch header %s", names[i],
                                  status == GT_VARINT_OVERFLOW
                                      ? "does not fit 64 bits"
                                      : "is missing: the trace was cut off here");
        }
    }
    if (*size > GT_WIRE_MAX_BATCH) {
        return gt_reader_fail(r, GT_RULE_F3_BATCH_SIZE, b->m, r->input.offset,
                              "a batch claims %" PRIu64 " bytes, the format allows %u", *size,
                              GT_WIRE_MAX_BATCH);
    }
    return GT_STEP_OK;
}

/* The content of size bytes, pos bytes after the batch's start. */
static enum gt_step take_content(struct gt_reader *r, size_t pos, size_t size,
                                 struct gt_raw_batch *b)
{
    size_t have = gt_input_need(&r->input, pos + size);
    if (r->input.error != 0) {
        return source_failed(r);
    }
    b->data = r->input.at + pos;
    b->size = size;
    b->data_offset = b->offset + pos;
    if (have < pos + size) {
        return gt_reader_fail(r, GT_RULE_F3_BATCH_SHORT, b->m, r->input.offset + have,
                              "a batch of %zu bytes has only %zu: the trace was cut off here", size,
                              have - pos);
    }
    gt_input_take(&r->input, pos + size);
    if (b->experiment == 0 && size != 0 && b->data[0] == GT_EV_END_OF_GENERATION) {
        b->is_end = true;
    }
    return GT_STEP_OK;
}

enum gt_step gt_reader_read_batch(struct gt_reader *r, struct gt_raw_batch *b)
{
    struct gt_input *in = &r->input;
    size_t pos = 1;
    uint64_t size;
    *b = (struct gt_raw_batch){.m = GT_NO_M, .offset = in->offset};
    if (gt_input_need(in, 1) == 0) {
        return in->error != 0 ? source_failed(r) : GT_STEP_END;
    }
    unsigned type = in->at[0];
    if (type == GT_EV_END_OF_GENERATION) {
        b->is_end = true;
        gt_input_take(in, 1);
        return GT_STEP_OK;
    }
    if (type != GT_EV_EVENT_BATCH && type != GT_EV_EXPERIMENTAL_BATCH) {
        return gt_reader_fail(r, GT_RULE_F2_NOT_A_BATCH, GT_NO_M, in->offset,
                              "a batch should begin here, but the byte is %u (%s)", type,
                              gt_ev_name(type));
    }
    if (type == GT_EV_EXPERIMENTAL_BATCH) {
        if (gt_input_need(in, 2) < 2) {
            return in->error != 0
                       ? source_failed(r)
                       : gt_reader_end_unnoticed(r, GT_RULE_L10_TRUNCATED, GT_NO_M, in->offset,
                                                 "the input ends after the first byte of a batch");
        }
        b->experiment = in->at[1];
        pos = 2;
    }
    enum gt_step step = read_numbers(r, &pos, b, &size);
    return step == GT_STEP_OK ? take_content(r, pos, (size_t)size, b) : step;
}
