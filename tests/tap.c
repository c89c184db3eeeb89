/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One mutex orders the output. Each line is made whole in a buffer and leaves with one write, so lines never interleave,
 * and a fork or a crash neither loses nor repeats one.
 */
#include "tap.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE = 2048, EXIT_SKIP = 77 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* Guarded by: lock. */
static int planned = -1;
static int points;
static int failures;
static bool versioned;

static void write_all(int fd, const char *text, size_t length)
{
    while (length > 0) {
        ssize_t n = write(fd, text, length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        text += n;
        length -= (size_t)n;
    }
}

/* Prints `prefix`, the formatted text without line breaks, and a line break. */
static void put_line(int fd, const char *prefix, const char *fmt, va_list args)
{
    char line[LINE];
    int head = snprintf(line, sizeof line, "%s", prefix);
    size_t used = (size_t)head;
    int body = vsnprintf(line + used, sizeof line - used - 1, fmt, args);
    size_t room = sizeof line - used - 2;
    if (body > 0)
        used += (size_t)body < room ? (size_t)body : room;
    for (size_t i = 0; i < used; i++)
        if (line[i] == '\n')
            line[i] = ' ';
    line[used++] = '\n';
    write_all(fd, line, used);
}

static void put(int fd, const char *prefix, const char *fmt, ...) TAP_FORMAT(3, 4);
static void put(int fd, const char *prefix, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    put_line(fd, prefix, fmt, args);
    va_end(args);
}

static void put_version(void)
{
    if (!versioned)
        put(STDOUT_FILENO, "", "TAP version 13");
    versioned = true;
}

void plan(int count)
{
    pthread_mutex_lock(&lock);
    put_version();
    planned = count;
    put(STDOUT_FILENO, "", "1..%d", count);
    pthread_mutex_unlock(&lock);
}

int done_testing(void)
{
    pthread_mutex_lock(&lock);
    put_version();
    if (planned < 0) {
        planned = points;
        put(STDOUT_FILENO, "", "1..%d", points);
    }
    bool complete = planned == points && points > 0;
    if (!complete)
        put(STDOUT_FILENO, "# ", "planned %d points, ran %d", planned, points);
    if (failures > 0)
        put(STDOUT_FILENO, "# ", "%d of %d points failed", failures, points);
    int status = complete && failures == 0 ? 0 : 1;
    pthread_mutex_unlock(&lock);
    return status;
}

void skip_all(const char *fmt, ...)
{
    va_list args;
    pthread_mutex_lock(&lock);
    put_version();
    va_start(args, fmt);
    put_line(STDOUT_FILENO, "1..0 # SKIP ", fmt, args);
    va_end(args);
    exit(getenv("GT_CTEST") ? EXIT_SKIP : 0);
}

void skip(int count, const char *fmt, ...)
{
    char prefix[64];
    pthread_mutex_lock(&lock);
    put_version();
    for (int i = 0; i < count; i++) {
        va_list args;
        snprintf(prefix, sizeof prefix, "ok %d # SKIP ", ++points);
        va_start(args, fmt);
        put_line(STDOUT_FILENO, prefix, fmt, args);
        va_end(args);
    }
    pthread_mutex_unlock(&lock);
}

void diag(const char *fmt, ...)
{
    va_list args;
    pthread_mutex_lock(&lock);
    va_start(args, fmt);
    put_line(STDOUT_FILENO, "# ", fmt, args);
    va_end(args);
    pthread_mutex_unlock(&lock);
}

/* Takes no lock and allocates nothing: a watchdog or a signal handler may hold or have interrupted anything. */
void bail_out(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    put_line(STDOUT_FILENO, "Bail out! ", fmt, args);
    va_end(args);
    _exit(1);
}

/* A point. Needs the lock. */
static void point(bool passed, const char *file, int line, const char *fmt, va_list args)
{
    char prefix[64];
    put_version();
    points++;
    failures += !passed;
    snprintf(prefix, sizeof prefix, "%s %d - ", passed ? "ok" : "not ok", points);
    put_line(STDOUT_FILENO, prefix, fmt, args);
    if (!passed) {
        put(STDOUT_FILENO, "# ", "failed at %s:%d", file, line);
        put(STDERR_FILENO, "", "%s:%d: point %d failed", file, line, points);
    }
}

bool tap_ok_at(bool passed, const char *condition, const char *file, int line, const char *fmt, ...)
{
    va_list args;
    pthread_mutex_lock(&lock);
    va_start(args, fmt);
    point(passed, file, line, fmt, args);
    va_end(args);
    if (!passed)
        put(STDOUT_FILENO, "# ", "condition: %s", condition);
    pthread_mutex_unlock(&lock);
    return passed;
}

bool tap_is_int_at(long long got, long long want, const char *file, int line, const char *fmt, ...)
{
    va_list args;
    pthread_mutex_lock(&lock);
    va_start(args, fmt);
    point(got == want, file, line, fmt, args);
    va_end(args);
    if (got != want)
        put(STDOUT_FILENO, "# ", "got %lld, want %lld", got, want);
    pthread_mutex_unlock(&lock);
    return got == want;
}

bool tap_is_str_at(const char *got, const char *want, const char *file, int line, const char *fmt, ...)
{
    bool same = got == want || (got && want && strcmp(got, want) == 0);
    va_list args;
    pthread_mutex_lock(&lock);
    va_start(args, fmt);
    point(same, file, line, fmt, args);
    va_end(args);
    if (!same)
        put(STDOUT_FILENO, "# ", "got \"%s\", want \"%s\"", got ? got : "(null)", want ? want : "(null)");
    pthread_mutex_unlock(&lock);
    return same;
}
