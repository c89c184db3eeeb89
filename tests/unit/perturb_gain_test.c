/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: workloads labels=campaign timeout=900 */
/* GT_TEST: presets=faults serial */
/*
 * What disturbance is for: planted faults are found at least 3 times as often with it. Small
 * programs that enter the windows; with and without in turns, in child processes. For each fault
 * the finds per minute of either, and the quotient. GT_GAIN_SECONDS: for each side of each
 * fault (30). Arguments: faults, all of the table when there are none.
 */
#include <math.h>

#include "fault_loads.h"

#define GAIN 3.0
#define CONTROLS 3
#define TRACES 4
#define TRACE_NS (20 * GT_NS_PER_MS)

/* ---- programs: load while a few traces come and go ------------------------------------------ */
static void traced(int traces, int64_t ns)
{
    for (int i = 0; i < traces; i++) {
        hunt_start();
        R->sleep(ns);
        if (hunt_stop())
            break;
    }
}

static void calls(void *rt)
{
    (void)rt;
    load_begins();
    several(tiny_calls, NULL, 6);
    traced(TRACES, TRACE_NS);
    load_ends();
}

static void calls_and_stops(void *rt)
{
    (void)rt;
    load_begins();
    several(short_calls, NULL, 4);
    several(stops, NULL, 1);
    traced(TRACES, TRACE_NS);
    load_ends();
}

static void calls_and_traces(void *rt)
{
    (void)rt;
    load_begins();
    several(blocking_calls, NULL, 4);
    traced(10 * TRACES, GT_NS_PER_MS);
    load_ends();
}

/* Those whose windows are narrow and whose oracle is the order. */
static const struct hunt table[] = {
    {.fault = "self_stop", .program = calls_and_stops, .procs = 2, .model = GT_SYSCALLS_STATUS,
     .perturb = GT_PERTURB_MEDIUM, .classes = SELF_STOP_CLASSES, .windows = "syscall-gives-other"},
    {.fault = "retake_unguarded", .program = calls_and_stops, .procs = 4, .model = GT_SYSCALLS_STATUS,
     .perturb = GT_PERTURB_MEDIUM, .classes = "failed-to-advance"},
    {.fault = "reacquire_unguarded", .program = calls_and_stops, .procs = 4, .model = GT_SYSCALLS_STATUS,
     .perturb = GT_PERTURB_MEDIUM, .classes = "failed-to-advance"},
    {.fault = "status_in_window", .program = calls, .procs = 6, .model = GT_SYSCALLS_STATUS,
     .perturb = GT_PERTURB_MEDIUM},
    {.fault = "start_awaits_nobody", .program = calls_and_traces, .procs = 2, .model = GT_SYSCALLS_SCANBIT,
     .perturb = GT_PERTURB_MEDIUM},
    {.fault = "mark_after_generation", .program = calls, .procs = 8, .model = GT_SYSCALLS_SCANBIT,
     .perturb = GT_PERTURB_MEDIUM},
};
#define N_TABLE (sizeof table / sizeof *table)

struct side {
    double seconds;
    uint32_t finds, odd;
};

/* One child: up to a find, or HUNT_SECONDS. */
static void hunt_once(const struct hunt *h, int level, struct side *s)
{
    struct hunt_job j = {.h = h, .on = true};
    struct found f;
    hunt_level = level;
    int64_t began = gt_nanotime();
    const char *how = hunt_in_child(&j, &f);
    s->seconds += how ? (double)(gt_nanotime() - began) / 1e9 : f.seconds;
    s->finds += !how && f.hits > 0;
    s->odd += how != NULL; /* it crashed or hung: no find of that oracle's */
}

static double per_minute(const struct side *s)
{
    return s->seconds > 0 ? 60.0 * s->finds / s->seconds : 0;
}

/* None found: as if half a one had been, so that no quotient is endless. */
static double gain_of(const struct side *off, const struct side *on)
{
    double a = per_minute(off), b = per_minute(on);
    if (off->finds == 0)
        a = 60.0 * 0.5 / off->seconds;
    if (on->finds == 0)
        b = 60.0 * 0.5 / on->seconds;
    return b / a;
}

static double measure(const struct hunt *h, double seconds)
{
    struct side off = {0}, on = {0};
    while (off.seconds < seconds || on.seconds < seconds) {
        if (off.seconds <= on.seconds)
            hunt_once(h, GT_PERTURB_OFF, &off);
        else
            hunt_once(h, (int)h->perturb, &on);
    }
    double gain = gain_of(&off, &on);
    diag("%-24s %-8s %8.1f %8.1f %8.1f   (%u and %u finds in %.0f and %.0f s; %u and %u ended oddly)", h->fault,
         h->model == GT_SYSCALLS_STATUS ? "status" : "scanbit", per_minute(&off), per_minute(&on),
         gain, off.finds, on.finds, off.seconds, on.seconds, off.odd, on.odd);
    return gain;
}

/* Without the fault, as much disturbed, the same program finds nothing. */
static bool finds_nothing(const struct hunt *h)
{
    struct hunt_job j = {.h = h, .on = false, .tries = CONTROLS};
    struct found f;
    hunt_level = (int)h->perturb;
    const char *how = hunt_in_child(&j, &f);
    if (how || f.hits != 0 || f.violations != 0 || f.cls[0])
        diag("%s off: %s, %u finds, %llu rules broken", h->fault, how ? how : f.cls, f.hits,
             (unsigned long long)f.violations);
    return !how && f.hits == 0 && f.violations == 0 && !f.cls[0];
}

static bool asked_for(int argc, char **argv, const char *fault)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], fault) == 0)
            return true;
    return argc < 2;
}

int main(int argc, char **argv)
{
    const char *s = getenv("GT_GAIN_SECONDS");
    double seconds = s ? atof(s) : 30, logs = 0;
    int n = 0;
    bool clean = true;
    unsetenv("GT_VIOLATION");
    diag("%-24s %-8s %8s %8s %8s   finds a minute, without and with disturbance", "fault", "syscalls",
         "off", "medium", "gain");
    for (size_t i = 0; i < N_TABLE; i++)
        if (asked_for(argc, argv, table[i].fault)) {
            logs += log(measure(&table[i], seconds));
            clean = finds_nothing(&table[i]) && clean;
            n++;
        }
    double mean = n ? exp(logs / n) : 0;
    ok(mean >= GAIN, "disturbance finds faults %.1f times as often (geometric mean of %d)", mean, n);
    ok(clean, "and finds nothing where there is no fault");
    return done_testing();
}
