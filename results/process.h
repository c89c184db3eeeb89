/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One program run as a child: what it prints is kept in memory, and it ends in time.
 *
 * The child leads a process group of its own, so that a terminal's Ctrl-C reaches the caller
 * alone, and is killed when the caller dies. Past its time, or when the caller is asked to
 * stop, it gets TERM, then KILL, with its group.
 *
 * Thread-safety: for programs whose one thread this is.
 */
#pragma once
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum gt_process_how {
    GT_PROCESS_EXITED,
    GT_PROCESS_SIGNALLED,
    GT_PROCESS_TIMED_OUT,
    GT_PROCESS_STOPPED,     /* because *stop became true */
    GT_PROCESS_NOT_STARTED, /* code: errno */
};

struct gt_process {
    char *const *argv; /* argv[0]: the program's path */
    int64_t timeout_ns;
    volatile sig_atomic_t *stop; /* may be NULL */
    void (*tick)(void *arg);     /* called several times a second; may be NULL */
    void *arg;
};

struct gt_process_end {
    enum gt_process_how how;
    int code;  /* exit status, signal, errno */
    char *out; /* standard output; ends with a zero byte that does not count */
    size_t out_n;
    bool out_cut; /* there was more than GT_PROCESS_OUT_MAX */
    char *err;    /* the end of standard error, a string */
    int64_t ns;   /* from start to end */
};
#define GT_PROCESS_OUT_MAX (64u << 20)
#define GT_PROCESS_ERR_MAX (64u << 10)

/* 0, or -ENOMEM: nothing was kept, nothing runs. The end is to be freed by gt_process_free. */
int gt_process_run(const struct gt_process *p, struct gt_process_end *end);
void gt_process_free(struct gt_process_end *end);
/* "exit status 3", "signal 11 (Segmentation fault)", "no end within 61 s" */
const char *gt_process_describe(const struct gt_process_end *end, char *buf, size_t size);
int64_t gt_process_clock(void); /* ns, monotonic */
