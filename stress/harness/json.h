/* SPDX-License-Identifier: Apache-2.0 */
/* A small JSON writer: commas, quotes and indentation are its business. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define GT_JSON_DEPTH 16
struct gt_json {
    FILE *f;
    int depth;
    bool filled[GT_JSON_DEPTH]; /* something stands at this depth already */
    bool inside[GT_JSON_DEPTH]; /* written on one line */
    bool keyed;                 /* a key was written, its value follows */
};

void gt_json_start(struct gt_json *j, FILE *f);
void gt_json_key(struct gt_json *j, const char *key);
void gt_json_open(struct gt_json *j, char bracket);      /* '{' or '[' */
void gt_json_open_line(struct gt_json *j, char bracket); /* all of it on one line */
void gt_json_close(struct gt_json *j, char bracket);     /* '}' or ']' */
void gt_json_str(struct gt_json *j, const char *s);      /* NULL: null */
void gt_json_uint(struct gt_json *j, uint64_t v);
void gt_json_int(struct gt_json *j, int64_t v);
void gt_json_num(struct gt_json *j, double v); /* not finite: null */
void gt_json_bool(struct gt_json *j, bool v);
void gt_json_end(struct gt_json *j); /* the last line's end */
