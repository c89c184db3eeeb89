/* SPDX-License-Identifier: Apache-2.0 */
/* An input file or pipe, read until its end or until we are asked to stop. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

struct gt_infile {
    const char *name; /* for messages */
    int fd;
    bool regular;
    struct stat at_open;
    uint64_t taken; /* bytes read */
};

/* "-" is standard input. 0, or negative errno: -EISDIR a directory. */
int gt_infile_open(struct gt_infile *in, const char *name);
/* Bytes, 0 at the end, negative errno; -EINTR: gt_stop_asked. */
int64_t gt_infile_read(struct gt_infile *in, void *buf, size_t n);
/* A regular file that was written to since it was opened. */
bool gt_infile_changed(const struct gt_infile *in);
void gt_infile_close(struct gt_infile *in);
