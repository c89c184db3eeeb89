/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast gt_ticks() counts, and whether it may serve as a clock.
 *
 * On x86 the kernel tests the counter at boot and while it runs; it is the kernel's own
 * clock source exactly when it is the same on all CPUs and does not stop. On aarch64 the
 * counter is architected that way and tells its rate itself.
 */
#include <string.h>

#include "port/port.h"

#define MEASURE_NS (10 * GT_NS_PER_MS)

#if defined(__x86_64__)
#include <fcntl.h>
#include <unistd.h>

static gt_a64 ticks_rate; /* 0: not measured, 1: not usable */

static bool kernel_trusts_it(void)
{
    char name[16] = "";
    int fd = open("/sys/devices/system/clocksource/clocksource0/current_clocksource",
                  O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, name, sizeof name - 1);
    close(fd);
    return n > 0 && strncmp(name, "tsc\n", 4) == 0;
}

/* One reading of both clocks, the tightest of a few. */
static void read_both(int64_t *ns, uint64_t *ticks)
{
    uint64_t best = UINT64_MAX;
    for (int i = 0; i < 8; i++) {
        uint64_t before = gt_ticks();
        int64_t now = gt_nanotime();
        uint64_t after = gt_ticks();
        if (after - before < best) {
            best = after - before;
            *ns = now;
            *ticks = before + best / 2;
        }
    }
}

static uint64_t measure(void)
{
    int64_t ns0 = 0, ns1 = 0;
    uint64_t t0 = 0, t1 = 0;
    read_both(&ns0, &t0);
    gt_sleep_ns(MEASURE_NS);
    read_both(&ns1, &t1);
    if (t1 <= t0 || ns1 <= ns0)
        return 1;
    return (uint64_t)((double)(t1 - t0) * 1e9 / (double)(ns1 - ns0));
}

/* Two first callers measure both; the first to store wins, so that all say the same. */
uint64_t gt_ticks_hz(void)
{
    uint64_t hz = gt_load_relaxed(&ticks_rate);
    if (hz == 0) {
        uint64_t mine = kernel_trusts_it() ? measure() : 1, none = 0;
        hz = gt_cas_relaxed(&ticks_rate, &none, mine) ? mine : none;
    }
    return hz == 1 ? 0 : hz;
}
#else
uint64_t gt_ticks_hz(void)
{
    uint64_t hz;
    __asm__ volatile("mrs %0, cntfrq_el0" : "=r"(hz));
    return hz;
}
#endif
