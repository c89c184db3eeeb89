/* SPDX-License-Identifier: Apache-2.0 */
/* Both readers on the same files in one run, one after the other in turn. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/*
 * Prints one row a file: events, medians of both in ns an event with the middle half of the samples, the ratio, and
 * the ratio in processor time. json: an array of objects with the raw samples instead. at_least: exit status 1 when a
 * ratio of medians is smaller.
 * Returns the status to exit with; 5 when a file or Go's reader fails.
 */
int cf_speed_run(const char *oracle, const char *const *files, size_t n, unsigned repeat, bool json,
                 double at_least);
