/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "common/child.h"

enum gt_exit gt_exit_worse(enum gt_exit a, enum gt_exit b)
{
    static const int rank[] = {0, 2, 5, 1, 3, 4};
    return rank[a] >= rank[b] ? a : b;
}

void gt_say(const char *verb, const char *fmt, ...)
{
    va_list ap;
    fprintf(stderr, "%s %s: ", GT_PROGRAM, verb);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
}

bool gt_stdout_ok(const char *verb)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return true;
    gt_say(verb, "standard output cannot be written: %s", strerror(errno));
    return false;
}

/* ---- asked to stop ----------------------------------------------------- */
volatile sig_atomic_t gt_stop_asked;

static void on_stop(int signo)
{
    gt_stop_asked = signo;
}

void gt_stop_install(void)
{
    struct sigaction sa = {.sa_handler = on_stop, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&sa.sa_mask);
    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
}

/* ---- files ------------------------------------------------------------- */
static int write_file(int fd, const char *at, size_t n)
{
    while (n > 0) {
        ssize_t w = write(fd, at, n);
        if (w < 0 && errno == EINTR)
            continue;
        if (w < 0)
            return -errno;
        at += w;
        n -= (size_t)w;
    }
    return fsync(fd) == 0 ? 0 : -errno;
}

static int sync_dir(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int rc = fsync(fd) == 0 ? 0 : -errno;
    close(fd);
    return rc;
}

static int save(const char *dir, const char *temp, const char *path, const void *data, size_t n)
{
    if (mkdir(dir, 0777) != 0 && errno != EEXIST)
        return -errno;
    int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return -errno;
    int rc = write_file(fd, data, n);
    if (close(fd) != 0 && rc == 0)
        rc = -errno;
    if (rc == 0 && rename(temp, path) != 0)
        rc = -errno;
    if (rc != 0)
        (void)unlink(temp);
    return rc ? rc : sync_dir(dir);
}

int gt_save(const char *verb, const char *dir, const char *name, const void *data, size_t n)
{
    char *temp = NULL, *path = NULL;
    int rc = -ENOMEM;
    if (asprintf(&path, "%s/%s", dir, name) < 0)
        path = NULL;
    if (asprintf(&temp, "%s/.%s.%d", dir, name, (int)getpid()) < 0)
        temp = NULL;
    if (path && temp)
        rc = save(dir, temp, path, data, n);
    if (rc != 0)
        gt_say(verb, "%s/%s cannot be written: %s", dir, name, strerror(-rc));
    free(temp);
    free(path);
    return rc;
}

/* ---- progress ---------------------------------------------------------- */
void gt_progress_start(struct gt_progress *p, int total)
{
    const char *term = getenv("TERM");
    *p = (struct gt_progress){
        .shown = isatty(STDERR_FILENO) && !(term && strcmp(term, "dumb") == 0),
        .total = total,
        .start = gt_child_clock(),
    };
}

void gt_progress_step(struct gt_progress *p, const char *what)
{
    if (p->shown) {
        double spent = (double)(gt_child_clock() - p->start) / 1e9;
        fprintf(stderr, "\r\033[K%d of %d, %.0f s", p->done + 1, p->total, spent);
        if (p->done > 0)
            fprintf(stderr, " of about %.0f s", spent / p->done * p->total);
        fprintf(stderr, ": %.40s", what);
        fflush(stderr);
    }
    p->done++;
}

void gt_progress_end(struct gt_progress *p)
{
    if (p->shown)
        fprintf(stderr, "\r\033[K");
}
