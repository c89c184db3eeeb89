/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The results of cells as TAP 13, JUnit XML and JSON: the same facts three times.
 *
 * TAP: the plan first; the YAML of a point is flat, scalars and inline lists, which the
 * parsers of Perl's harness take. Thread-safety: none.
 */
#pragma once
#include <stdio.h>

#include "harness/json.h"
#include "harness/result.h"

/* One cell and what became of it. */
struct gt_stress_point {
    struct gt_stress_cell cell;
    struct gt_stress_result result;
    char replay[1200]; /* the command that repeats it, complete */
    bool done;         /* else it was never run */
};

const char *gt_generation_text(int64_t ns, char *buf, size_t size); /* "mixed", "1ms" */
/* "syscall-storm worksteal gen scanbit procs=2" */
const char *gt_point_title(const struct gt_stress_point *p, char *buf, size_t size);

void gt_tap_plan(FILE *f, uint32_t n, uint64_t seed);
void gt_tap_point(FILE *f, uint32_t number, const struct gt_stress_point *p);
/* A line of YAML: the string in double quotes. */
void gt_tap_quoted(FILE *tap, const char *key, const char *s);

void gt_junit(FILE *f, const struct gt_stress_point *p, uint32_t n);
/* One object: {"schema": 1, "seed": ..., "cells": [...]}. gt_json_cells: the list alone. */
void gt_stress_json(FILE *f, uint64_t seed, const struct gt_stress_point *p, uint32_t n);
void gt_json_cells(struct gt_json *j, const struct gt_stress_point *p, uint32_t n);
