/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Native port: threads, the M of a thread, futex, clocks, spinning.
 *
 * The rest is in native_mem.c, native_signal.c and native_io.c. Nothing here keeps
 * state of its own but the thread-local slot.
 */
#include "port/port.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "port/native_result.h"

/* ---- threads ---------------------------------------------------------- */

struct start {
    void (*fn)(void *);
    void *arg;
};

static void unblock_own(void)
{
    sigset_t own;
    sigemptyset(&own);
    sigaddset(&own, gt_signal_preempt());
    sigaddset(&own, gt_signal_tick());
    pthread_sigmask(SIG_UNBLOCK, &own, NULL);
}

static void *thread_main(void *p)
{
    struct start s = *(struct start *)p;
    free(p);
    unblock_own();
    s.fn(s.arg);
    return NULL;
}

static int attr_set_stack(pthread_attr_t *attr, size_t size)
{
    long least = sysconf(_SC_THREAD_STACK_MIN);
    if (size == 0)
        return 0;
    if (least > 0 && size < (size_t)least)
        size = (size_t)least;
    return pthread_attr_setstacksize(attr, size);
}

int gt_thread_start(struct gt_thread *t, void (*fn)(void *), void *arg, size_t stack_size)
{
    pthread_attr_t attr;
    pthread_t id;
    struct start *s = malloc(sizeof *s);
    if (!s)
        return -ENOMEM;
    *s = (struct start){.fn = fn, .arg = arg};
    int err = pthread_attr_init(&attr);
    if (err)
        goto out;
    err = attr_set_stack(&attr, stack_size);
    if (!err)
        err = pthread_create(&id, &attr, thread_main, s);
    pthread_attr_destroy(&attr);
out:
    if (err) {
        free(s);
        return -err;
    }
    t->handle = (uint64_t)id;
    return 0;
}

int gt_thread_try_join(struct gt_thread *t)
{
    return -pthread_tryjoin_np((pthread_t)t->handle, NULL);
}

void gt_thread_join(struct gt_thread *t)
{
    pthread_join((pthread_t)t->handle, NULL);
}

void gt_thread_detach(struct gt_thread *t)
{
    pthread_detach((pthread_t)t->handle);
}

int32_t gt_thread_id(void)
{
    return (int32_t)syscall(SYS_gettid);
}

uint64_t gt_thread_handle(void)
{
    return (uint64_t)pthread_self();
}

int gt_thread_signal(int32_t tid, int signo)
{
    return gt_result_int(syscall(SYS_tgkill, getpid(), tid, signo));
}

void gt_thread_name(const char *name)
{
    char fits[16];
    size_t n = strnlen(name, sizeof fits - 1);
    memcpy(fits, name, n);
    fits[n] = '\0';
    pthread_setname_np(pthread_self(), fits);
}

void gt_thread_stack(void **lo, void **hi)
{
    pthread_attr_t attr;
    size_t size;
    *lo = *hi = NULL;
    if (pthread_getattr_np(pthread_self(), &attr) != 0)
        return;
    if (pthread_attr_getstack(&attr, lo, &size) == 0)
        *hi = (char *)*lo + size;
    pthread_attr_destroy(&attr);
}

void gt_thread_yield(void)
{
    sched_yield();
}

/* ---- the M of this thread ---------------------------------------------- */

__thread struct gt_m *gt_tls_m_slot __attribute__((tls_model("initial-exec")));

void gt_tls_set_m(struct gt_m *m)
{
    gt_tls_m_slot = m;
}

/* ---- futex --------------------------------------------------------------- */

static struct timespec to_timespec(int64_t ns)
{
    return (struct timespec){.tv_sec = (time_t)(ns / GT_NS_PER_S),
                             .tv_nsec = (long)(ns % GT_NS_PER_S)};
}

int gt_futex_wait(gt_a32 *a, uint32_t expect, int64_t timeout_ns)
{
    struct timespec ts = to_timespec(timeout_ns < 0 ? 0 : timeout_ns);
    return gt_result_int(syscall(SYS_futex, &a->v, FUTEX_WAIT_PRIVATE, expect,
                                 timeout_ns < 0 ? NULL : &ts, NULL, 0));
}

void gt_futex_wake(gt_a32 *a, int count)
{
    syscall(SYS_futex, &a->v, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}

/* ---- clocks -------------------------------------------------------------- */

static int64_t clock_ns(clockid_t clock)
{
    struct timespec ts = {0};
    clock_gettime(clock, &ts);
    return (int64_t)ts.tv_sec * GT_NS_PER_S + ts.tv_nsec;
}

int64_t gt_walltime(void)
{
    return clock_ns(CLOCK_REALTIME);
}

int64_t gt_thread_cpu_time(void)
{
    return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

int64_t gt_process_cpu_time(void)
{
    return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

/* clock_nanosleep returns its error and leaves errno alone. */
void gt_sleep_ns(int64_t ns)
{
    struct timespec end = to_timespec(gt_nanotime() + (ns < 0 ? 0 : ns));
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL) == EINTR)
        ;
}

int gt_os_nanosleep(int64_t ns)
{
    struct timespec ts = to_timespec(ns < 0 ? 0 : ns);
    return -clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL);
}

/* ---- spinning -------------------------------------------------------------- */

enum {
    RELAX_ROUNDS = 6, /* 1 + 2 + .. + 32 relaxes: one to two microseconds */
    YIELD_ROUNDS = 10,
};
#define AWAIT_SLEEP_NS (50 * GT_NS_PER_US)

void gt_await_pause(uint32_t *n)
{
    uint32_t round = *n;
    if (round < RELAX_ROUNDS + YIELD_ROUNDS)
        *n = round + 1;
    if (round < RELAX_ROUNDS) {
        for (uint32_t i = 0; i < 1u << round; i++)
            gt_cpu_relax();
    } else if (round < RELAX_ROUNDS + YIELD_ROUNDS) {
        gt_thread_yield();
    } else {
        gt_sleep_ns(AWAIT_SLEEP_NS);
    }
}
