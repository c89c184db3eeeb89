/* SPDX-License-Identifier: Apache-2.0 */
#include "hardware.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#if GT_HAS_PFM
#include <perfmon/pfmlib_perf_event.h>
#endif

static const struct {
    const char *name; /* shown */
    const char *pfm;  /* libpfm4's */
    uint32_t type;    /* where libpfm4 is not there */
    uint64_t config;
} wanted[] = {
    {"cycles", "PERF_COUNT_HW_CPU_CYCLES", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES},
    {"instructions", "PERF_COUNT_HW_INSTRUCTIONS", PERF_TYPE_HARDWARE,
     PERF_COUNT_HW_INSTRUCTIONS},
    {"branch_misses", "PERF_COUNT_HW_BRANCH_MISSES", PERF_TYPE_HARDWARE,
     PERF_COUNT_HW_BRANCH_MISSES},
    {"cache_misses", "PERF_COUNT_HW_CACHE_MISSES", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES},
    {"context_switches", "PERF_COUNT_SW_CONTEXT_SWITCHES", PERF_TYPE_SOFTWARE,
     PERF_COUNT_SW_CONTEXT_SWITCHES},
    {"page_faults", "PERF_COUNT_SW_PAGE_FAULTS", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS},
};
enum { WANTED = sizeof wanted / sizeof wanted[0] };

static void encode(size_t i, struct perf_event_attr *a)
{
    memset(a, 0, sizeof *a);
    a->size = sizeof *a;
#if GT_HAS_PFM
    pfm_perf_encode_arg_t arg = {.attr = a, .size = sizeof arg};
    if (pfm_initialize() == PFM_SUCCESS &&
        pfm_get_os_event_encoding(wanted[i].pfm, PFM_PLM0 | PFM_PLM3, PFM_OS_PERF_EVENT, &arg) ==
            PFM_SUCCESS)
        goto found;
#endif
    a->type = wanted[i].type;
    a->config = wanted[i].config;
#if GT_HAS_PFM
found:
#endif
    a->size = sizeof *a;
    a->inherit = 1;
    a->disabled = 0;
    a->read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
}

/* A descriptor or negative errno. */
static int open_event(size_t i)
{
    struct perf_event_attr a;
    encode(i, &a);
    for (int user_only = 0; user_only < 2; user_only++) {
        a.exclude_kernel = a.exclude_hv = user_only != 0;
        long fd = syscall(SYS_perf_event_open, &a, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
        if (fd >= 0)
            return (int)fd;
        if (errno != EACCES && errno != EPERM)
            break;
    }
    return -errno;
}

static void say_why(struct gt_hardware *h, const char *name, int rc)
{
    char paranoid[16] = "";
    FILE *f = fopen("/proc/sys/kernel/perf_event_paranoid", "re");
    bool refused = rc == -EACCES || rc == -EPERM;
    if (f && fgets(paranoid, sizeof paranoid, f))
        paranoid[strcspn(paranoid, "\n")] = '\0';
    if (f)
        fclose(f);
    snprintf(h->why, sizeof h->why, "perf_event_open(%s): %s%s%s%s", name,
             rc == -ENOENT ? "this machine has no such counter" : strerror(-rc),
             refused ? " (perf_event_paranoid is " : "", refused ? paranoid : "",
             refused ? ")" : "");
}

void gt_hardware_open(struct gt_hardware *h)
{
    *h = (struct gt_hardware){.n = 0};
    for (size_t i = 0; i < WANTED && h->n < GT_HARDWARE_MAX; i++) {
        int fd = open_event(i);
        if (fd >= 0) {
            h->event[h->n].name = wanted[i].name;
            h->event[h->n++].fd = fd;
        } else if (!h->why[0] && wanted[i].type == PERF_TYPE_HARDWARE) {
            say_why(h, wanted[i].name, fd);
        }
    }
}

void gt_hardware_close(struct gt_hardware *h)
{
    for (uint32_t i = 0; i < h->n; i++)
        close(h->event[i].fd);
    h->n = 0;
}

void gt_hardware_read(const struct gt_hardware *h, double v[GT_HARDWARE_MAX])
{
    for (uint32_t i = 0; i < h->n; i++) {
        uint64_t got[3] = {0}; /* count, time enabled, time running */
        v[i] = 0;
        if (read(h->event[i].fd, got, sizeof got) == (ssize_t)sizeof got)
            v[i] = got[2] > 0 ? (double)got[0] * ((double)got[1] / (double)got[2])
                              : (double)got[0];
    }
}
