/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Native port: epoll, eventfd and the system calls that may block or fail.
 *
 * SIGPIPE: a runtime may not change what the signal does in the process (an
 * ignored signal stays ignored in every program that the process starts), so each
 * write sees to it that none arises. Linux 6.18 can be asked to (RWF_NOSIGNAL),
 * sockets always could (MSG_NOSIGNAL); what remains, a pipe on an older kernel,
 * is written with the signal blocked for this thread and a pending one eaten.
 */
#include "port/port.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "port/native_result.h"

/* ---- epoll ---------------------------------------------------------------------- */

enum { POLL_BATCH = 128 };

int gt_poll_create(void)
{
    return gt_result_int(epoll_create1(EPOLL_CLOEXEC));
}

static int poll_add(int pollfd, int fd, uint64_t data, uint32_t events)
{
    struct epoll_event ev = {.events = events, .data.u64 = data};
    return gt_result_int(epoll_ctl(pollfd, EPOLL_CTL_ADD, fd, &ev));
}

int gt_poll_add(int pollfd, int fd, uint64_t data)
{
    return poll_add(pollfd, fd, data, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
}

int gt_poll_add_level(int pollfd, int fd, uint64_t data)
{
    return poll_add(pollfd, fd, data, EPOLLIN);
}

int gt_poll_del(int pollfd, int fd)
{
    struct epoll_event unused = {0};
    return gt_result_int(epoll_ctl(pollfd, EPOLL_CTL_DEL, fd, &unused));
}

static int poll_ms(int pollfd, struct epoll_event *ev, int n, int64_t timeout_ns)
{
    int64_t ms = timeout_ns < 0 ? -1 : timeout_ns / GT_NS_PER_MS + (timeout_ns % GT_NS_PER_MS != 0);
    if (ms > INT32_MAX)
        ms = INT32_MAX;
    return gt_result_int(epoll_wait(pollfd, ev, n, (int)ms));
}

/* Where ThreadSanitizer watches it must see epoll_wait, or it knows nothing of the
 * order between gt_poll_add and an event. */
static int poll_ns(int pollfd, struct epoll_event *ev, int n, int64_t timeout_ns)
{
#if defined(SYS_epoll_pwait2) && !GT_TSAN
    if (timeout_ns > 0) {
        struct timespec ts = {.tv_sec = (time_t)(timeout_ns / GT_NS_PER_S),
                              .tv_nsec = (long)(timeout_ns % GT_NS_PER_S)};
        int got = gt_result_int(syscall(SYS_epoll_pwait2, pollfd, ev, n, &ts, NULL, 0));
        if (got != -ENOSYS)
            return got;
    }
#endif
    return poll_ms(pollfd, ev, n, timeout_ns);
}

int gt_poll_wait(int pollfd, struct gt_poll_event *ev, int n, int64_t timeout_ns)
{
    struct epoll_event raw[POLL_BATCH];
    int got = poll_ns(pollfd, raw, n < POLL_BATCH ? n : POLL_BATCH, timeout_ns);
    for (int i = 0; i < got; i++) {
        uint32_t e = raw[i].events;
        bool both = e & (EPOLLERR | EPOLLHUP);
        ev[i].data = raw[i].data.u64;
        ev[i].readable = both || (e & (EPOLLIN | EPOLLRDHUP));
        ev[i].writable = both || (e & EPOLLOUT);
    }
    return got;
}

/* ---- eventfd -------------------------------------------------------------------- */

int gt_eventfd(void)
{
    return gt_result_int(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
}

/* EAGAIN is success: the counter is full, so the waiter is signalled already. */
void gt_eventfd_signal(int fd)
{
    uint64_t one = 1;
    while (gt_result(write(fd, &one, sizeof one)) == -EINTR)
        ;
}

void gt_eventfd_drain(int fd)
{
    uint64_t count;
    while (gt_result(read(fd, &count, sizeof count)) == -EINTR)
        ;
}

/* ---- files ------------------------------------------------------------------------ */

/* Linux has closed the descriptor even when it says EINTR. */
int gt_os_close(int fd)
{
    int err = gt_result_int(close(fd));
    return err == -EINTR ? 0 : err;
}

int64_t gt_os_read(int fd, void *buf, size_t n)
{
    return gt_result(read(fd, buf, n));
}

/* When the caller had SIGPIPE blocked it stays pending: that is the caller's wish. */
static int64_t write_masked(int fd, const void *buf, size_t n)
{
    sigset_t pipe_signal, old;
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    sigemptyset(&old);
    pthread_sigmask(SIG_BLOCK, &pipe_signal, &old);
    int64_t done = gt_result(write(fd, buf, n));
    if (sigismember(&old, SIGPIPE))
        return done;
    if (done == -EPIPE) {
        const struct timespec at_once = {0};
        while (gt_result(sigtimedwait(&pipe_signal, NULL, &at_once)) == -EINTR)
            ;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return done;
}

#ifndef RWF_NOSIGNAL
#define RWF_NOSIGNAL 0x00000100 /* the kernel's ABI, Linux 6.18 */
#endif

int64_t gt_os_write(int fd, const void *buf, size_t n)
{
    int64_t done;
#if !GT_TSAN /* whose interceptors know write and send */
    const struct iovec v = {.iov_base = (void *)(uintptr_t)buf, .iov_len = n};
    done = gt_result(pwritev2(fd, &v, 1, -1, RWF_NOSIGNAL));
    if (done != -EOPNOTSUPP && done != -ENOSYS && done != -EINVAL)
        return done;
#endif
    done = gt_result(send(fd, buf, n, MSG_NOSIGNAL));
    return done == -ENOTSOCK ? write_masked(fd, buf, n) : done;
}

int gt_os_pipe(int fds[2], bool nonblock)
{
    return gt_result_int(pipe2(fds, O_CLOEXEC | (nonblock ? O_NONBLOCK : 0)));
}

int gt_os_socketpair(int fds[2], bool nonblock)
{
    int type = SOCK_STREAM | SOCK_CLOEXEC | (nonblock ? SOCK_NONBLOCK : 0);
    return gt_result_int(socketpair(AF_UNIX, type, 0, fds));
}

int gt_os_set_nonblock(int fd, bool on)
{
    int flags = gt_result_int(fcntl(fd, F_GETFL));
    if (flags < 0)
        return flags;
    flags = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
    return gt_result_int(fcntl(fd, F_SETFL, flags));
}

/* ---- the rest ----------------------------------------------------------------------- */

int gt_os_getpid(void)
{
    return (int)syscall(SYS_getpid);
}

int gt_os_getrandom(void *buf, size_t n)
{
    char *at = buf;
    while (n > 0) {
        int64_t got = gt_result(getrandom(at, n, 0));
        if (got == -EINTR)
            continue;
        if (got < 0)
            return (int)got;
        at += got;
        n -= (size_t)got;
    }
    return 0;
}

int gt_os_cpu(void)
{
    return gt_result_int(sched_getcpu());
}

/* The system call, since libc's set ends at 1,024 CPUs. */
uint64_t gt_os_memory(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    return pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : UINT64_MAX;
}

int gt_os_cpu_count(void)
{
    unsigned long mask[256] = {0};
    int count = 0;
    int64_t bytes = gt_result(syscall(SYS_sched_getaffinity, 0, sizeof mask, mask));
    if (bytes < 0)
        return (int)bytes;
    for (size_t i = 0; i < sizeof mask / sizeof *mask; i++)
        count += __builtin_popcountl(mask[i]);
    return count;
}

/* Registration is per process and idempotent; the kernel remembers it. */
int gt_os_membarrier(void)
{
    int err = gt_result_int(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0));
    if (err != -EPERM)
        return err;
    err = gt_result_int(syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0));
    if (err)
        return err;
    return gt_result_int(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0));
}

void gt_os_print(int fd, const char *s, size_t n)
{
    int saved = errno;
    while (n > 0) {
        int64_t done = gt_result(write(fd, s, n));
        if (done == -EINTR)
            continue;
        if (done <= 0)
            break;
        s += done;
        n -= (size_t)done;
    }
    errno = saved;
}

bool gt_self_path(char *path, size_t size)
{
    ssize_t n = size > 0 ? readlink("/proc/self/exe", path, size) : -1;
    if (n <= 0 || (size_t)n == size)
        return false;
    path[n] = '\0';
    return true;
}

bool gt_beside_program(const char *const *folders, size_t n, const char *file, bool executable,
                       char *path, size_t size)
{
    char self[PATH_MAX];
    if (!gt_self_path(self, sizeof self))
        return false;
    int dir = (int)(strrchr(self, '/') - self);
    for (size_t i = 0; i < n; i++) {
        int length = snprintf(path, size, "%.*s/%s/%s", dir, self, folders[i], file);
        if (length > 0 && (size_t)length < size && access(path, executable ? X_OK : R_OK) == 0)
            return true;
    }
    return false;
}

void gt_os_abort(void)
{
    abort();
}
