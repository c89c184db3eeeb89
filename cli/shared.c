/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "common/child.h"
#include "harness/outfile.h"

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

bool gt_self(char *path, size_t size)
{
    ssize_t n = readlink("/proc/self/exe", path, size);
    bool known = n > 0 && (size_t)n < size; /* else cut, perhaps */
    path[known ? n : 0] = '\0';
    return known;
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
static int save(const char *dir, const char *path, const void *data, size_t n)
{
    struct gt_outfile f;
    if (mkdir(dir, 0777) != 0 && errno != EEXIST)
        return -errno;
    int rc = gt_outfile_open(&f, path);
    if (rc != 0)
        return rc;
    rc = gt_outfile_write(&f, data, n);
    if (rc == 0)
        return gt_outfile_commit(&f);
    gt_outfile_abandon(&f);
    return rc;
}

int gt_save(const char *verb, const char *dir, const char *name, const void *data, size_t n)
{
    char *path = NULL;
    if (asprintf(&path, "%s/%s", dir, name) < 0)
        path = NULL;
    int rc = path ? save(dir, path, data, n) : -ENOMEM;
    if (rc != 0)
        gt_say(verb, "%s/%s cannot be written: %s", dir, name, strerror(-rc));
    free(path);
    return rc;
}

int gt_save_possible(const char *verb, const char *dir)
{
    struct gt_outfile f;
    char *path = NULL;
    int rc = mkdir(dir, 0777) == 0 || errno == EEXIST ? 0 : -errno;
    if (rc == 0 && asprintf(&path, "%s/.writable", dir) < 0) {
        path = NULL;
        rc = -ENOMEM;
    }
    if (rc == 0)
        rc = gt_outfile_open(&f, path);
    if (rc == 0) {
        rc = gt_outfile_write(&f, "?", 1);
        gt_outfile_abandon(&f);
    }
    if (rc != 0)
        gt_say(verb, "--out=%s cannot be written: %s", dir, strerror(-rc));
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
    p->next = p->start + 500000000; /* what is done sooner needs no progress */
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

void gt_progress_beat(struct gt_progress *p, const char *what)
{
    if (!p->shown)
        return;
    fprintf(stderr, "\r\033[K%d of %d, %.0f s: %.60s", p->done, p->total,
            (double)(gt_child_clock() - p->start) / 1e9, what);
    fflush(stderr);
}

void gt_progress_bytes(struct gt_progress *p, uint64_t done, uint64_t total, const char *what)
{
    int64_t now = p->shown ? gt_child_clock() : 0;
    if (!p->shown || now < p->next)
        return;
    double spent = (double)(now - p->start) / 1e9;
    p->next = now + 100000000; /* ten times a second */
    fprintf(stderr, "\r\033[K%" PRIu64 " MB", done / 1000000);
    if (total && done <= total)
        fprintf(stderr, " of %" PRIu64 ", %.0f s", total / 1000000, spent);
    else
        fprintf(stderr, ", %.0f s", spent);
    if (total && done > 0 && done <= total)
        fprintf(stderr, " of about %.0f s", spent / (double)done * (double)total);
    fprintf(stderr, ": %.40s", what);
    fflush(stderr);
}

void gt_progress_end(struct gt_progress *p)
{
    if (p->shown)
        fprintf(stderr, "\r\033[K");
}
