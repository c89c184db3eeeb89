/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file that is never seen half-written: everything goes to a hidden file beside it, which
 * takes its name at the end. What is no regular file (a pipe, a device) is written directly.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct gt_outfile {
    int fd;
    bool direct;       /* a pipe, a device: nothing to rename or to remove */
    char *path, *temp; /* temp: NULL when direct */
};

/* 0 or negative errno, nothing left behind. */
int gt_outfile_open(struct gt_outfile *f, const char *path);
/* All of it, or negative errno. */
int gt_outfile_write(struct gt_outfile *f, const void *data, size_t n);
/* To disk, under its name; closes. 0, or negative errno: the old file, if any, is as it was. */
int gt_outfile_commit(struct gt_outfile *f);
/* Removes what was written; closes. */
void gt_outfile_abandon(struct gt_outfile *f);

/* What process `pid`, dead by now, left of a file of that path. */
void gt_outfile_clean(const char *path, pid_t pid);

/* All of it to a descriptor, or negative errno. */
int gt_write_all(int fd, const void *data, size_t n);
