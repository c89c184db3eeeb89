/* SPDX-License-Identifier: Apache-2.0 */
/* Plain threads, which no runtime made. Thread-safe. */
#pragma once
#include <stdint.h>

struct gt_foreign {
    uint64_t handle;
};

/* 0 or negative errno. */
int gt_foreign_start(struct gt_foreign *t, void (*fn)(void *), void *arg);
/* Blocks the thread: a G calls it inside syscall_enter_blocking. */
void gt_foreign_join(struct gt_foreign *t);
/* Tells the calling threads of the moment apart. Handles come back after a join. Never
 * cached by the compiler: a G may wake on another thread. */
uint64_t gt_foreign_self(void);

/*
 * Calls fn(arg) on a thread of its own unless stopped within ns. fn does not return to
 * work: it reports and ends the process.
 */
struct gt_alarm;
struct gt_alarm *gt_alarm_start(int64_t ns, void (*fn)(void *), void *arg); /* NULL: no memory */
void gt_alarm_stop(struct gt_alarm *a);                                     /* NULL: nothing */
