/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This process's connection to a session daemon of its own, through the keeper (keeper.sh), which
 * starts, asks and ends it. All calls block; one thread at a time. Errors: negative errno and one
 * line in err.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* Starts the keeper and loads the probes, once a process. When: from a plain thread. -ENOTSUP in
 * a process that was forked from one that has done so: its threads of LTTng's are missing. */
int gt_lttng_open(char *err, size_t n);
/* A new session with its one channel and all events, started. */
int gt_lttng_start(char *err, size_t n);
/* Stops it, says how many events found no room, and destroys it. */
int gt_lttng_stop(uint64_t *discarded, char *err, size_t n);
