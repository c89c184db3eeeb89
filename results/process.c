/* SPDX-License-Identifier: Apache-2.0 */
#include "results/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MS 1000000ll
#define GRACE (3000 * MS) /* between TERM and KILL */
enum { LOOK_MS = 100, SOON_MS = 2, BLOCK = GT_PROCESS_ERR_MAX / 2 };

struct pipe_end {
    int fd; /* -1: closed */
    char *data;
    size_t n, capacity, max;
    bool tail; /* of what is too much the end is kept, not the beginning */
    bool cut;
};

struct running {
    const struct gt_process *p;
    struct gt_process_end *end;
    pid_t pid;
    struct pipe_end out, err;
    int64_t start, deadline, kill_at; /* kill_at 0: TERM was not sent */
};

int64_t gt_process_clock(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* ---- in the child ------------------------------------------------------ */
static _Noreturn void become(const struct gt_process *p, pid_t parent, int out, int err, int report)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    (void)setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)signal(SIGXFSZ, SIG_DFL);
    (void)signal(SIGINT, SIG_DFL);
    (void)signal(SIGTERM, SIG_DFL);
    if (getppid() == parent && dup2(null, 0) >= 0 && dup2(out, 1) >= 0 && dup2(err, 2) >= 0)
        execv(p->argv[0], p->argv);
    int rc = errno;
    (void)!write(report, &rc, sizeof rc);
    _exit(127);
}

/* ---- starting ---------------------------------------------------------- */
static void close_pair(int fd[2])
{
    for (int i = 0; i < 2; i++)
        if (fd[i] >= 0)
            close(fd[i]);
}

/* Forks; `report` tells when exec failed. 0 or errno. */
static int start_with(struct running *r, int out[2], int err[2], int report[2])
{
    pid_t parent = getpid();
    int failed = 0;
    fflush(NULL);
    r->pid = fork();
    if (r->pid < 0)
        return errno;
    if (r->pid == 0)
        become(r->p, parent, out[1], err[1], report[1]);
    (void)setpgid(r->pid, r->pid);
    close(report[1]);
    report[1] = -1;
    ssize_t n;
    while ((n = read(report[0], &failed, sizeof failed)) < 0 && errno == EINTR)
        ;
    if (n != (ssize_t)sizeof failed)
        return 0;
    while (waitpid(r->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    return failed ? failed : EIO;
}

static int start(struct running *r)
{
    int out[2] = {-1, -1}, err[2] = {-1, -1}, report[2] = {-1, -1};
    int rc = pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC) || pipe2(report, O_CLOEXEC) ? errno : 0;
    if (rc == 0)
        rc = start_with(r, out, err, report);
    close_pair(report);
    if (rc != 0) {
        close_pair(out);
        close_pair(err);
        return rc;
    }
    close(out[1]);
    close(err[1]);
    r->out.fd = out[0];
    r->err.fd = err[0];
    (void)fcntl(out[0], F_SETFL, O_NONBLOCK);
    (void)fcntl(err[0], F_SETFL, O_NONBLOCK);
    return 0;
}

/* ---- what it prints ---------------------------------------------------- */
static void keep(struct pipe_end *e, const char *data, size_t n)
{
    if (e->tail && e->n + n > e->max && e->n > e->max / 2) {
        size_t half = e->max / 2;
        memmove(e->data, e->data + (e->n - half), half);
        e->n = half;
        e->cut = true;
    }
    if (e->n + n > e->max) {
        n = e->max - e->n;
        e->cut = true;
    }
    if (e->n + n > e->capacity) {
        size_t capacity = 2 * (e->n + n);
        char *more = realloc(e->data, capacity + 1);
        if (!more) {
            e->cut = true;
            return;
        }
        e->data = more;
        e->capacity = capacity;
    }
    memcpy(e->data + e->n, data, n);
    e->n += n;
}

static void drain(struct pipe_end *e)
{
    char block[BLOCK];
    ssize_t n = 0;
    while (e->fd >= 0 && (n = read(e->fd, block, sizeof block)) > 0)
        keep(e, block, (size_t)n);
    if (e->fd >= 0 && (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))) {
        close(e->fd);
        e->fd = -1;
    }
}

static void wait_for_output(struct running *r)
{
    struct pollfd p[2] = {{.fd = r->out.fd, .events = POLLIN}, {.fd = r->err.fd, .events = POLLIN}};
    (void)poll(p, 2, r->out.fd < 0 && r->err.fd < 0 ? SOON_MS : LOOK_MS);
    drain(&r->out);
    drain(&r->err);
}

/* ---- its end ----------------------------------------------------------- */
static void kill_group(const struct running *r, int signo)
{
    if (kill(-r->pid, signo) != 0)
        (void)kill(r->pid, signo);
}

/* TERM when its time is over or we are asked to stop; KILL when that did not help. */
static void press(struct running *r)
{
    int64_t now = gt_process_clock();
    bool asked = r->p->stop && *r->p->stop;
    if (r->kill_at == 0 && (asked || now >= r->deadline)) {
        r->end->how = asked ? GT_PROCESS_STOPPED : GT_PROCESS_TIMED_OUT;
        r->kill_at = now + GRACE;
        kill_group(r, SIGTERM);
    } else if (r->kill_at != 0 && now >= r->kill_at) {
        kill_group(r, SIGKILL);
        r->kill_at = now + GRACE;
    }
}

static void note_end(struct running *r, int status)
{
    struct gt_process_end *end = r->end;
    end->code = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
    if (r->kill_at == 0)
        end->how = WIFEXITED(status) ? GT_PROCESS_EXITED : GT_PROCESS_SIGNALLED;
    kill_group(r, SIGKILL); /* what it left behind, before its number is anyone else's */
}

static void attend(struct running *r)
{
    siginfo_t info = {0};
    int status = 0;
    for (;;) {
        wait_for_output(r);
        if (r->p->tick)
            r->p->tick(r->p->arg);
        /* Not reaped yet: until then its group cannot be another's. */
        if (waitid(P_PID, (id_t)r->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
            info.si_pid == r->pid)
            break;
        press(r);
    }
    int wait_status = info.si_code == CLD_EXITED ? (info.si_status & 0xff) << 8 : info.si_status;
    note_end(r, wait_status);
    drain(&r->out);
    drain(&r->err);
    while (waitpid(r->pid, &status, 0) < 0 && errno == EINTR)
        ;
}

static void hand_over(struct running *r)
{
    struct gt_process_end *end = r->end;
    if (r->out.fd >= 0)
        close(r->out.fd);
    if (r->err.fd >= 0)
        close(r->err.fd);
    r->out.data[r->out.n] = r->err.data[r->err.n] = '\0';
    end->out = r->out.data;
    end->out_n = r->out.n;
    end->out_cut = r->out.cut;
    end->err = r->err.data;
    end->ns = gt_process_clock() - r->start;
}

int gt_process_run(const struct gt_process *p, struct gt_process_end *end)
{
    *end = (struct gt_process_end){0};
    struct running r = {.p = p, .end = end, .start = gt_process_clock()};
    r.out = (struct pipe_end){.fd = -1, .max = GT_PROCESS_OUT_MAX, .data = malloc(1)};
    r.err = (struct pipe_end){.fd = -1, .max = GT_PROCESS_ERR_MAX, .tail = true, .data = malloc(1)};
    if (!r.out.data || !r.err.data) {
        free(r.out.data);
        free(r.err.data);
        return -ENOMEM;
    }
    r.deadline = r.start + p->timeout_ns;
    int rc = start(&r);
    if (rc == 0)
        attend(&r);
    hand_over(&r);
    if (rc != 0) {
        end->how = GT_PROCESS_NOT_STARTED;
        end->code = rc;
    }
    return 0;
}

void gt_process_free(struct gt_process_end *end)
{
    free(end->out);
    free(end->err);
    *end = (struct gt_process_end){0};
}

const char *gt_process_describe(const struct gt_process_end *end, char *buf, size_t size)
{
    switch (end->how) {
    case GT_PROCESS_EXITED:
        snprintf(buf, size, "exit status %d", end->code);
        break;
    case GT_PROCESS_SIGNALLED:
        snprintf(buf, size, "signal %d (%s)", end->code, strsignal(end->code));
        break;
    case GT_PROCESS_TIMED_OUT:
        snprintf(buf, size, "no end within %.0f s", (double)end->ns / 1e9);
        break;
    case GT_PROCESS_STOPPED:
        snprintf(buf, size, "interrupted");
        break;
    case GT_PROCESS_NOT_STARTED:
        snprintf(buf, size, "cannot be started: %s", strerror(end->code));
        break;
    }
    return buf;
}
