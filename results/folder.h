/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run's folder:
 *   run.json         what was asked for, the plan, the machine, the programs; written first
 *   cells/NNNN.json  one finished cell each
 *   files/NNNN/      what a failing cell left: trace, journal, dump
 *   result.json, report.txt   the whole, written last
 *
 * I1. Every file under its name is whole: temp + fsync + rename, so kill -9 at any moment
 *     leaves each finished cell readable.
 * I2. One run at a time has the folder (flock on it).
 *
 * Thread-safety: none.
 */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct gt_folder {
    char *path;
    int lock; /* descriptor of the folder; -1: closed */
};

/* Makes the folder (with those above it) and sees that a file can be written in it. 0; -EBUSY:
 * another run has it; -EEXIST: it holds a run and `resume` is false; -ENOENT: it holds none and
 * `resume` is true; another negative errno: it cannot be made or written. */
int gt_folder_open(struct gt_folder *f, const char *path, bool resume);
void gt_folder_close(struct gt_folder *f);

/* Under its name as a whole or not at all. 0 or negative errno. */
int gt_folder_save_json(const struct gt_folder *f, const char *name, const json_t *value);
int gt_folder_save_text(const struct gt_folder *f, const char *name, const char *text, size_t n);
/* NULL: not there, or no JSON; then what is wrong is in err ("" when it is not there). */
json_t *gt_folder_load(const struct gt_folder *f, const char *name, char *err, size_t size);

/* A number; null where JSON has none: NAN, infinite. */
json_t *gt_json_number(double v);

#define GT_FOLDER_NAME 32
/* "cells/0007.json"; "files/0007" */
const char *gt_folder_cell_name(uint32_t index, char buf[GT_FOLDER_NAME]);
const char *gt_folder_files_name(uint32_t index, char buf[GT_FOLDER_NAME]);
/* PATH/name, to be freed; NULL: no memory. */
char *gt_folder_path(const struct gt_folder *f, const char *name);

/* "results/local/20260131T093000Z-REVISION" beneath the current folder. To be freed. */
char *gt_folder_new_name(void);
/* The newest folder of that kind that holds a run, or NULL. To be freed. */
char *gt_folder_newest(void);
