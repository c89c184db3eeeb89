/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a run's trace goes: a file that is renamed when it is whole. A pipe or a device gets
 * the trace as it is written, and a hidden file beside the temporary ones keeps a copy to check.
 *
 * When the disk fills or the pipe's reader leaves, the tracer is told so and stops, the
 * program goes on, and the tracer says what is lost. What was written before it is cut back to
 * the last whole generation, so that it stays a valid trace.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "gauntlet/tracer.h"
#include "harness/outfile.h"

struct gt_trace_file {
    struct gt_trace_sink sink; /* its arg is this struct: it must not move */
    struct gt_outfile copy;    /* a regular file: what is checked */
    struct gt_outfile direct;  /* fd < 0: the target is the copy itself */
    uint64_t taken, refused;   /* bytes; refused: offered and not written */
    uint64_t complete;         /* so many are a valid trace by themselves */
    int error;                 /* the first, negative errno */
};

/*
 * path: the target. spare: where the copy goes if the target is no regular file. 0 or
 * negative errno. SIGPIPE must be ignored for -EPIPE to be seen.
 */
int gt_trace_file_open(struct gt_trace_file *t, const char *path, const char *spare);
/* After the run, before it is read: cuts back what a loss left torn. Bytes that stay. */
int gt_trace_file_mend(struct gt_trace_file *t, uint64_t *left);
/* keep: under its name (or `spare`); else gone. 0 or negative errno. */
int gt_trace_file_close(struct gt_trace_file *t, bool keep);
/* After process `pid` died: what it left of such a file. */
void gt_trace_file_clean(const char *path, const char *spare, pid_t pid);
