/* SPDX-License-Identifier: Apache-2.0 */
#include "common/child.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/cell.h"

/* A signal may come between the look at *stop and poll(): so long is not noticed. */
#define LOOK_MS 200

int64_t gt_child_clock(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int gt_child_start(struct gt_child *c, void (*fn)(int fd, void *arg), void *arg)
{
    int fds[2];
    pid_t parent = getpid();
    if (pipe(fds) != 0)
        return -errno;
    fflush(NULL);
    c->pid = fork();
    if (c->pid < 0) {
        int rc = -errno;
        close(fds[0]);
        close(fds[1]);
        return rc;
    }
    if (c->pid == 0) {
        close(fds[0]);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(1);
        fn(fds[1], arg);
        exit(0);
    }
    close(fds[1]);
    c->fd = fds[0];
    return 0;
}

bool gt_child_send(int fd, const void *record, size_t n)
{
    const char *at = record;
    while (n > 0) {
        ssize_t w = write(fd, at, n);
        if (w < 0 && errno == EINTR)
            continue;
        if (w <= 0)
            return false;
        at += w;
        n -= (size_t)w;
    }
    return true;
}

/* Waits until something can be read. 1, or what gt_child_read says. */
static int wait_readable(struct gt_child *c, int64_t deadline, volatile sig_atomic_t *stop)
{
    struct pollfd p = {.fd = c->fd, .events = POLLIN};
    for (;;) {
        int64_t left = (deadline - gt_child_clock()) / 1000000;
        if (stop && *stop)
            return -EINTR;
        if (left <= 0)
            return -ETIMEDOUT;
        int rc = poll(&p, 1, left < LOOK_MS ? (int)left + 1 : LOOK_MS);
        if (rc > 0)
            return 1;
    }
}

int gt_child_read(struct gt_child *c, void *record, size_t n, int64_t deadline,
                  volatile sig_atomic_t *stop)
{
    for (size_t have = 0; have < n;) {
        int rc = wait_readable(c, deadline, stop);
        if (rc != 1)
            return rc;
        ssize_t r = read(c->fd, (char *)record + have, n - have);
        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0)
            return 0;
        have += (size_t)r;
    }
    return 1;
}

/* -1: still running. */
static int try_wait(struct gt_child *c, int64_t deadline)
{
    int status;
    for (long pause = 100000; waitpid(c->pid, &status, WNOHANG) == 0;
         pause = pause < 14000000 ? pause + pause / 2 : 20000000) {
        if (gt_child_clock() >= deadline)
            return -1;
        struct timespec ts = {0, pause};
        nanosleep(&ts, NULL);
    }
    return status;
}

struct gt_child_end gt_child_finish(struct gt_child *c, int64_t deadline)
{
    struct gt_child_end end = {GT_CHILD_TIMED_OUT, 0};
    int status = try_wait(c, deadline);
    if (status == -1) {
        kill(c->pid, SIGKILL);
        while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
            ;
    } else if (WIFEXITED(status)) {
        end.code = WEXITSTATUS(status);
        end.how = end.code == GT_CELL_LATE ? GT_CHILD_TIMED_OUT : GT_CHILD_EXITED;
    } else {
        end.how = GT_CHILD_KILLED;
        end.code = WTERMSIG(status);
    }
    close(c->fd);
    c->fd = -1;
    return end;
}

const char *gt_child_describe(struct gt_child_end e, char *buf, size_t size)
{
    if (e.how == GT_CHILD_TIMED_OUT)
        snprintf(buf, size, "no end within its time");
    else if (e.how == GT_CHILD_KILLED)
        snprintf(buf, size, "signal %d (%s)", e.code, strsignal(e.code));
    else
        snprintf(buf, size, "exit status %d", e.code);
    return buf;
}
