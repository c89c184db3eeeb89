/* SPDX-License-Identifier: Apache-2.0 */
#include "common/calls.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Used in the function that made the call: errno is then this thread's and this call's. */
static int64_t result(int64_t r)
{
    return r < 0 ? -(int64_t)errno : r;
}

int gt_call_getpid(void)
{
    return (int)result(syscall(SYS_getpid));
}

int gt_call_nap(int64_t ns)
{
    struct timespec ts = {ns / 1000000000, ns % 1000000000};
    while (nanosleep(&ts, &ts) != 0)
        if (errno != EINTR)
            return -errno;
    return 0;
}

int gt_call_pipe(int fds[2])
{
    return (int)result(pipe(fds));
}

int gt_call_socketpair(int fds[2])
{
    return (int)result(socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
}

int64_t gt_call_read(int fd, void *buf, size_t n)
{
    int64_t r;
    do {
        r = result(read(fd, buf, n));
    } while (r == -EINTR);
    return r;
}

int64_t gt_call_write(int fd, const void *buf, size_t n)
{
    int64_t r;
    do {
        r = result(write(fd, buf, n));
    } while (r == -EINTR);
    return r;
}

int gt_call_close(int fd)
{
    return (int)result(close(fd));
}

int64_t gt_call_thread_cpu(void)
{
    struct timespec ts = {0};
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return ts.tv_sec * 1000000000ll + ts.tv_nsec;
}

int32_t gt_call_cpus(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        return CPU_COUNT(&set);
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (int32_t)n : 1;
}

static int64_t rss_bytes(void)
{
    long long size, resident;
    FILE *f = fopen("/proc/self/statm", "re");
    if (!f)
        return -1;
    int got = fscanf(f, "%lld %lld", &size, &resident);
    fclose(f);
    return got == 2 ? resident * sysconf(_SC_PAGESIZE) : -1;
}

static int64_t page_table_bytes(void)
{
    char line[256];
    long long kib = -1;
    FILE *f = fopen("/proc/self/status", "re");
    if (!f)
        return -1;
    while (kib < 0 && fgets(line, sizeof line, f))
        if (sscanf(line, "VmPTE: %lld", &kib) != 1)
            kib = -1;
    fclose(f);
    return kib < 0 ? -1 : kib * 1024;
}

struct gt_memory gt_call_memory(void)
{
    return (struct gt_memory){rss_bytes(), page_table_bytes()};
}
