/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text form of a trace, that of Go's `.test` files: `Trace Go1.NN`, then one event a
 * line, `Name arg=value ...`; strings as `data="..."`, stack frames on lines indented by a
 * tab. Binary to text and back loses nothing but the sizes and paddings of varints.
 *
 * A batch's `size` is counted anew (and may be left out), so that lines can be taken out by
 * hand; only the last batch may claim more than it holds: a trace cut off stays one.
 *
 * Thread-safety: none shared. Memory: one batch (to text), one batch (to binary).
 */
#pragma once
#include "trace/reader.h"

struct gt_text_out { /* like write(2): count taken (all of it) or negative errno */
    int (*write)(void *arg, const void *data, size_t n);
    void *arg;
};
struct gt_text_error {
    uint64_t line;   /* of the text; 0: not from text */
    uint64_t offset; /* of the binary */
    char text[200];
};

/* Binary to text. Works on broken traces too as far as their framing can be read: what is
 * unreadable ends in an error after everything before it was written.
 * Return: 0, -EBADMSG (err says where), other negative errno. */
int gt_text_from_binary(const struct gt_source *in, const struct gt_text_out *out, struct gt_text_error *err);
/* Text to binary. Sections `-- expect --` and `-- trace --` of a .test file are understood:
 * only the trace is read. Return: 0, -EINVAL (err: line, what is wrong), other negative errno. */
int gt_text_to_binary(const struct gt_source *in, const struct gt_text_out *out, struct gt_text_error *err);
