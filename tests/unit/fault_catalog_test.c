/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: workloads labels=fault timeout=300 */
/* GT_TEST: presets=faults */
/*
 * The planted faults that are none of the five seeds: each is seen by the oracle that is meant
 * to see it, in short runs of a small program which entered the windows that it needs, and not
 * when it is off.
 *   fault_catalog_test [FAULT]   that one only; PERTURB=0..3 in the environment: the disturbance
 *                                for all, else what the table says
 */
#include "fault_loads.h"

/* ---- load: each G works until `enough` --------------------------------------------------------- */
static void long_calls(void *arg)
{
    (void)arg;
    while (go_on()) {
        R->syscall_enter();
        gt_sleep_ns(3 * GT_NS_PER_MS);
        R->syscall_exit();
    }
    R->wg_done(wg);
}

static void churns(void *arg)
{
    int32_t most = (int32_t)(intptr_t)arg;
    uint64_t rng = 1;
    while (go_on()) {
        expect(R->set_procs(1 + (int32_t)(gt_rand(&rng) >> 33) % most) == 0);
        R->yield();
    }
    R->wg_done(wg);
}

static void yields(void *arg)
{
    (void)arg;
    while (go_on())
        R->yield();
    R->wg_done(wg);
}

static void ends_its_thread(void *arg)
{
    (void)arg;
    R->lock_thread();
    R->wg_done(wg);
}

static void makes_threads_end(void *arg)
{
    (void)arg;
    while (go_on()) {
        one_more(ends_its_thread, NULL);
        R->sleep(100 * GT_NS_PER_US);
    }
    R->wg_done(wg);
}

/* Two Gs and two channels. */
struct pair {
    struct gt_chan *c[2];
};

static void answers(void *arg)
{
    struct pair *p = arg;
    int v;
    while (R->chan_recv(p->c[0], &v) && R->chan_send(p->c[1], &v) == 0)
        ;
    R->wg_done(wg);
}

/* It outlives the one that asks. */
static struct pair *pair_begins(void)
{
    struct pair *p = malloc(sizeof *p);
    if (!p)
        bail_out("out of memory");
    p->c[0] = R->chan_new(sizeof(int), 0);
    p->c[1] = R->chan_new(sizeof(int), 0);
    one_more(answers, p);
    return p;
}

static void ask(struct pair *p)
{
    int v = 0;
    expect(R->chan_send(p->c[0], &v) == 0);
    expect(R->chan_recv(p->c[1], &v));
}

static void asks(void *arg)
{
    struct pair *p = pair_begins();
    (void)arg;
    while (go_on())
        ask(p);
    expect(R->chan_close(p->c[0]) == 0);
    R->wg_done(wg);
}

/* ---- programs ----------------------------------------------------------------------------------- */
#define RUN_NS (60 * GT_NS_PER_MS)

static void traced(int64_t ns)
{
    hunt_start();
    R->sleep(ns);
    load_ends();
    (void)hunt_stop();
}

static void calls_and_stops(void *arg)
{
    (void)arg;
    load_begins();
    several(tiny_calls, NULL, 2);
    several(short_calls, NULL, 10);
    several(stops, NULL, 1);
    traced(RUN_NS);
}

static void calls_alone(void *arg)
{
    (void)arg;
    load_begins();
    several(short_calls, NULL, 6);
    traced(RUN_NS);
}

static void tiny_calls_alone(void *arg)
{
    (void)arg;
    load_begins();
    several(tiny_calls, NULL, 8);
    traced(RUN_NS);
}

static void calls_that_last(void *arg)
{
    (void)arg;
    load_begins();
    several(long_calls, NULL, 3);
    several(short_calls, NULL, 1);
    traced(RUN_NS);
}

static void pairs(void *arg)
{
    (void)arg;
    load_begins();
    several(asks, NULL, 4);
    traced(RUN_NS);
}

static void pairs_and_calls(void *arg)
{
    (void)arg;
    load_begins();
    several(asks, NULL, 2);
    several(short_calls, NULL, 2);
    several(blocking_calls, NULL, 2);
    traced(RUN_NS);
}

static void procs_up_and_down(void *arg)
{
    (void)arg;
    load_begins();
    several(churns, (void *)(intptr_t)8, 1);
    several(short_calls, NULL, 3);
    traced(RUN_NS);
}

static void threads_that_end(void *arg)
{
    (void)arg;
    load_begins();
    several(makes_threads_end, NULL, 2);
    several(asks, NULL, 1);
    traced(RUN_NS);
}

static void starts_and_stops(void *arg)
{
    (void)arg;
    load_begins();
    several(blocking_calls, NULL, 8);
    for (int i = 0; i < 20; i++) {
        hunt_start();
        R->sleep(2 * GT_NS_PER_MS);
        if (hunt_stop())
            break;
    }
    load_ends();
}

/* Traces of one generation: what their ends see takes no advance. */
static void short_traces(int n)
{
    for (int i = 0; i < n; i++) {
        hunt_start_with(-1);
        R->sleep(GT_NS_PER_MS);
        if (hunt_stop())
            break;
    }
    load_ends();
}

static void pairs_in_short_traces(void *arg)
{
    (void)arg;
    load_begins();
    several(asks, NULL, 2);
    short_traces(3);
}

static void churn_in_short_traces(void *arg)
{
    (void)arg;
    load_begins();
    several(churns, (void *)(intptr_t)8, 1);
    several(short_calls, NULL, 3);
    short_traces(40);
}

static void threads_end_in_short_traces(void *arg)
{
    (void)arg;
    load_begins();
    several(makes_threads_end, NULL, 2);
    several(asks, NULL, 1);
    short_traces(6);
}

/* ---- programs for the watchdog ---------------------------------------------------------------------- */
static const struct gt_trace_options fast = {.period_ns = 0, .raw_stacks = true};

static void calls_in_generations(void *arg)
{
    (void)arg;
    load_begins();
    several(asks, NULL, 1);
    several(long_calls, NULL, 8);
    expect(R->trace_start(&fast) == 0);
    R->sleep(5 * RUN_NS);
    load_ends();
    expect(R->trace_stop() == 0);
}

/* Symbols are looked up: while that G is in system calls others stop the world. */
static void stops_while_a_trace_stops(void *arg)
{
    (void)arg;
    load_begins();
    several(stops, NULL, 2);
    for (int i = 0; i < 3; i++) {
        expect(R->trace_start(NULL) == 0);
        R->yield();
        expect(R->trace_stop() == 0);
    }
    load_ends();
}

static void stops_and_cycles(void *arg)
{
    (void)arg;
    load_begins();
    several(stops, NULL, 2);
    several(yields, NULL, 1);
    for (int i = 0; i < 50; i++)
        expect(R->gc() == 0);
    load_ends();
}

static gt_a32 calls_left;
static void counted_blocking_calls(void *arg)
{
    (void)arg;
    while ((int32_t)gt_sub_relaxed(&calls_left, 1u) > 0) {
        R->syscall_enter_blocking();
        R->syscall_exit();
    }
    R->wg_done(wg);
}

/* No timer, no trace, no other G: nothing else would wake an M. */
static void nothing_but_calls(void *arg)
{
    (void)arg;
    load_begins();
    gt_store_relaxed(&calls_left, 5000u);
    several(counted_blocking_calls, NULL, 1);
    load_ends();
}

static gt_a32 asks_left;
/* What it makes ready stands in `next` for about as long as thieves leave it there. */
static void counted_readies(void *arg)
{
    struct pair *p = pair_begins();
    uint64_t rng = (uint64_t)(uintptr_t)p;
    int v = 0;
    (void)arg;
    while ((int32_t)gt_sub_relaxed(&asks_left, 1u) > 0) {
        expect(R->chan_send(p->c[0], &v) == 0);
        for (int64_t end = gt_nanotime() + 2500 + (int64_t)(gt_rand(&rng) % 2048); gt_nanotime() < end;)
            ;
        expect(R->chan_recv(p->c[1], &v));
    }
    expect(R->chan_close(p->c[0]) == 0);
    R->wg_done(wg);
}

static void readies_and_works_on(void *arg)
{
    (void)arg;
    load_begins();
    gt_store_relaxed(&asks_left, 40000u);
    several(counted_readies, NULL, 2);
    load_ends();
}

/* ---- the table --------------------------------------------------------------------------------------- */
#define STATUS GT_SYSCALLS_STATUS
#define SCANBIT GT_SYSCALLS_SCANBIT

static const struct hunt ordered[] = {
    {.fault = "self_stop", .program = calls_and_stops, .procs = 2, .model = STATUS, .perturb = GT_PERTURB_MEDIUM,
     .classes = SELF_STOP_CLASSES,
     .windows = "syscall-gives-other"},
    {.fault = "status_in_window", .program = tiny_calls_alone, .procs = 6, .model = STATUS,
     .perturb = GT_PERTURB_MEDIUM},
    {.fault = "syscall_unnumbered", .program = calls_alone, .procs = 2, .model = SCANBIT},
    {.fault = "status_names_m", .program = calls_that_last, .procs = 2, .model = SCANBIT},
    {.fault = "buffer_lost_inside", .program = pairs, .procs = 2, .model = SCANBIT},
    {.fault = "inner_rereads", .program = pairs_and_calls, .procs = 4, .model = SCANBIT,
     .perturb = GT_PERTURB_MEDIUM},
    {.fault = "procs_between", .program = procs_up_and_down, .procs = 4, .model = SCANBIT,
     .perturb = GT_PERTURB_MEDIUM},
    {.fault = "procs_between", .program = churn_in_short_traces, .procs = 4, .model = SCANBIT,
     .perturb = GT_PERTURB_MEDIUM},
    {.fault = "start_awaits_nobody", .program = starts_and_stops, .procs = 2, .model = SCANBIT,
     .perturb = GT_PERTURB_MEDIUM},
    {.fault = "mark_after_generation", .program = pairs, .procs = 8, .model = SCANBIT,
     .perturb = GT_PERTURB_MEDIUM},
    {.fault = "strings_kept", .program = pairs, .procs = 2, .model = SCANBIT},
    {.fault = "strings_kept", .program = pairs_in_short_traces, .procs = 2, .model = SCANBIT},
    {.fault = "leaver_loses_buffer", .program = threads_that_end, .procs = 2, .model = SCANBIT},
    {.fault = "leaver_loses_buffer", .program = threads_end_in_short_traces, .procs = 2, .model = SCANBIT},
    {.fault = "unblock_unnumbered", .program = pairs, .procs = 2, .model = SCANBIT},
};

static const struct hunt watched[] = {
    {.fault = "done_under_lock", .program = calls_in_generations, .procs = 4, .model = SCANBIT,
     .perturb = GT_PERTURB_HIGH},
    {.fault = "reader_wanted_stopping", .program = stops_while_a_trace_stops, .procs = 3, .model = SCANBIT},
    {.fault = "stop_unsuspendable", .program = stops_and_cycles, .procs = 3, .model = SCANBIT,
     .perturb = GT_PERTURB_MEDIUM, .tracer = &gt_tracer_none},
    {.fault = "wakeup_lost", .program = nothing_but_calls, .procs = 1, .model = SCANBIT, .tracer = &gt_tracer_none},
    {.fault = "next_taken_twice", .program = readies_and_works_on, .procs = 4, .model = SCANBIT, .tracer = &gt_tracer_none},
};
#define N(a) ((int)(sizeof(a) / sizeof *(a)))

static void hunt_ordered(const struct hunt *h)
{
    struct hunt_job j = {.h = h, .on = true};
    struct found f;
    const char *how = hunt_in_child(&j, &f);
    ok(!how && f.hits > 0, "%s: %s after %u tries, %.2f s, %llu events, %llu generations; %llu rules broken", h->fault,
       how ? how : f.cls, f.tries, f.seconds, (unsigned long long)f.events,
       (unsigned long long)f.generations,
       (unsigned long long)f.violations);
    ok_windows(h->fault, h->model == STATUS ? "status" : "scanbit", h->windows ? h->windows : gt_fault_named(h->fault)->windows,
               f.window);
    j = (struct hunt_job){.h = h, .tries = f.tries < 2 ? 2 : f.tries < 20 ? f.tries : 20};
    how = hunt_in_child(&j, &f);
    ok(!how && f.hits == 0 && f.violations == 0 && !f.cls[0], "%s off: %s %u of %u tries, %llu events",
       h->fault, how ? how : f.cls, f.hits, f.tries, (unsigned long long)f.events);
}

static void hunt_watched(const struct hunt *h)
{
    struct hunt_job j = {.h = h, .on = true};
    struct found f = {0}, off = {0};
    const char *cls = NULL;
    while (!cls && f.seconds < HUNT_SECONDS)
        cls = cell_try(&j, &f);
    ok(cls && gt_fault_lists(gt_fault_named(h->fault)->cls, cls), "%s: %s after %u tries, %.2f s", h->fault,
       cls ? cls : "not found", f.tries, f.seconds);
    j.on = false;
    for (uint32_t i = 0, n = f.tries < 3 ? 3 : f.tries < 10 ? f.tries : 10; i < n; i++)
        (void)cell_try(&j, &off);
    ok(off.hits == 0, "%s off: %s %u of %u tries", h->fault, off.cls, off.hits, off.tries);
}

int main(int argc, char **argv)
{
    if (getenv("PERTURB"))
        hunt_level = atoi(getenv("PERTURB"));
    unsetenv("GT_VIOLATION");
    for (int i = 0; i < N(ordered); i++)
        if (argc < 2 || strcmp(argv[1], ordered[i].fault) == 0)
            hunt_ordered(&ordered[i]);
    for (int i = 0; i < N(watched); i++)
        if (argc < 2 || strcmp(argv[1], watched[i].fault) == 0)
            hunt_watched(&watched[i]);
    return done_testing();
}
