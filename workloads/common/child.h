/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Part of a run in a child process, so that a crash or a hang costs that part only. The
 * child writes records of fixed size to a pipe. For programs whose one thread this is.
 */
#pragma once
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct gt_child {
    pid_t pid;
    int fd; /* read end */
};

enum gt_child_how { GT_CHILD_EXITED, GT_CHILD_KILLED, GT_CHILD_TIMED_OUT };
struct gt_child_end {
    enum gt_child_how how;
    int code; /* exit status or signal */
};

/* Forks; the child runs fn(write end, arg) and exits 0. It dies with its parent. 0 or
 * negative errno. */
int gt_child_start(struct gt_child *c, void (*fn)(int fd, void *arg), void *arg);
/* In the child. false: nobody reads any more. */
bool gt_child_send(int fd, const void *record, size_t n);
/* One record. 1: got it; 0: the child has closed its end; -ETIMEDOUT past `deadline` (ns of
 * the monotonic clock); -EINTR: *stop became true. stop may be NULL. */
int gt_child_read(struct gt_child *c, void *record, size_t n, int64_t deadline,
                  volatile sig_atomic_t *stop);
/* Waits for the child until `deadline`, then kills it. */
struct gt_child_end gt_child_finish(struct gt_child *c, int64_t deadline);
/* "exit status 3", "signal 11 (Segmentation fault)", "no end within its time" */
const char *gt_child_describe(struct gt_child_end e, char *buf, size_t size);
int64_t gt_child_clock(void); /* of the deadlines */
