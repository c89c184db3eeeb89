/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Native port: tickers, by the kernel's timers on the CPU clock of one thread.
 *
 * Invariants:
 *   I1 The claim of the signal is never released: a tick that was sent before its timer was
 *      deleted may arrive later, and the default action of that signal ends the process.
 *   I2 A timer names the thread that it signals and the clock of that same thread, so it
 *      cannot signal another, whoever starts it. When the thread ends the timer is silent.
 *   I3 A tick is known by the tagged mark in its siginfo; one without (somebody else's timer) is
 *      passed on.
 * Limits: none under ThreadSanitizer, which delays a signal to a point of its own, where
 * the registers no longer fit the stack.
 */
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "port/native_result.h"
#include "port/native_ticker.h"
#include "port/port.h"

/* As the kernel numbers clocks: the thread in the upper bits, inverted; a clock of one thread (4)
 * that counts what its scheduler has accounted (2). */
static clockid_t cpu_clock_of(int32_t tid)
{
    return (clockid_t)(~(uint32_t)tid << 3 | 4u | 2u);
}

/* By the kernel's own call: its timer id is an int, and the library keeps no list of it. */
static int create(int32_t tid, const void *mark, int32_t *id)
{
    struct sigevent ev = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = gt_signal_tick()};
    ev.sigev_value.sival_ptr = gt_ticker_value(mark);
    ev._sigev_un._tid = tid;
    return gt_result_int(syscall(SYS_timer_create, cpu_clock_of(tid), &ev, id));
}

static int arm(int32_t id, int64_t period_ns)
{
    struct timespec period = {.tv_sec = (time_t)(period_ns / GT_NS_PER_S),
                              .tv_nsec = (long)(period_ns % GT_NS_PER_S)};
    struct itimerspec every = {.it_interval = period, .it_value = period};
    return gt_result_int(syscall(SYS_timer_settime, id, 0, &every, NULL));
}

int gt_ticker_start(struct gt_ticker *t, int32_t tid, int64_t period_ns,
                    bool (*handler)(struct gt_sigctx *ctx), const void *mark)
{
    t->on = false;
    if (GT_TSAN)
        return -ENOTSUP;
    if (period_ns <= 0 || !mark)
        return -EINVAL;
    int rc = gt_signal_claim(gt_signal_tick(), handler); /* I1 */
    if (rc == 0)
        rc = create(tid, mark, &t->id);
    if (rc != 0)
        return rc;
    rc = arm(t->id, period_ns);
    if (rc != 0)
        (void)syscall(SYS_timer_delete, t->id);
    t->on = rc == 0;
    return rc;
}

void gt_ticker_stop(struct gt_ticker *t)
{
    if (t->on)
        (void)syscall(SYS_timer_delete, t->id);
    t->on = false;
}
