/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: workloads labels=quick,fault timeout=240 presets=faults */
/*
 * The five seeds: each of their faults is seen, on a real trace of the tracer gen with one
 * generation after the other, by the oracle and under the class that faults.def names, in runs
 * that entered the windows which the fault needs; and in as many runs without it nothing is.
 *
 * Where the historic window is a few instructions wide, the scene's tracer is gen with an
 * acquire or release that is slow in that window and nowhere else (`held`). With
 * arguments, SECONDS [FAULT ...]: these faults only; SECONDS > 0: measures how often the same
 * load finds them with the tracer gen as it is.
 */
#include "fault_seeds.h"
#include "harness/seer.h"
#include "journal_windows.h"

#define PROMISE_NS (20 * GT_NS_PER_S)

/* ---- scenes: an M held in the window ------------------------------------------------------------------- */
#define HELD_US 1500

static struct gt_m *m_of(struct gt_mach *m)
{
    return (struct gt_m *)(void *)m;
}

/* Between what sysmon does and its section. */
static gt_tok acquire_held_in_sysmon(void *t, struct gt_mach *m)
{
    if (m_of(m) == m_of(m)->rt->sysmon_m)
        usleep(HELD_US);
    return gt_tracer_gen.acquire(t, m);
}

/* Of a G that returns and has taken its old P from the call of another, before the section. */
static gt_tok acquire_held_in_return(void *t, struct gt_mach *mach)
{
    struct gt_m *m = m_of(mach);
    struct gt_p *p = m->oldp;
    if (m->t.g && !m->t.p && p && gt_g_status(gt_m_g(m)) == GT_G_SYSCALL &&
        gt_p_status(p) == GT_P_RUNNING && gt_load_relaxed(&p->m) == NULL &&
        gt_load_relaxed(&p->syscall_tick) != m->syscall_tick)
        usleep(HELD_US);
    return gt_tracer_gen.acquire(t, mach);
}

/* Behind a section of sysmon's. */
static void release_held_in_sysmon(void *t, struct gt_mach *m, gt_tok tok)
{
    gt_tracer_gen.release(t, m, tok);
    if (m_of(m) == m_of(m)->rt->sysmon_m)
        usleep(HELD_US);
}

static struct gt_tracer_ops held(gt_tok (*acquire)(void *, struct gt_mach *),
                                 void (*release)(void *, struct gt_mach *, gt_tok))
{
    struct gt_tracer_ops ops = gt_tracer_gen;
    ops.head.flags &= ~(uint64_t)GT_TRACER_CORE_SECTIONS; /* so that they are called */
    ops.acquire = acquire ? acquire : ops.acquire;
    ops.release = release ? release : ops.release;
    return ops;
}

/* ---- runs ------------------------------------------------------------------------------------------------ */
struct program {
    const char *fault;
    gt_fn fn;
    int32_t procs;
    enum gt_syscall_model model;
    gt_tok (*acquire)(void *t, struct gt_mach *m); /* NULL: gen's */
    void (*release)(void *t, struct gt_mach *m, gt_tok tok);
    const char *order; /* classes of that oracle that must see it here, where faults.def asks for another */
    const char *windows; /* that it needs for that; NULL: those of faults.def */
};
static const struct program programs[] = {
    {.fault = "inject_event_first", .fn = injects, .procs = 2, .model = GT_SYSCALLS_SCANBIT,
     .release = release_held_in_sysmon, .order = "inconsistent-goroutine-status",
     .windows = "inject-advance"},
    {.fault = "retake_unguarded", .fn = calls, .procs = 4, .model = GT_SYSCALLS_STATUS,
     .acquire = acquire_held_in_sysmon, .order = "failed-to-advance"},
    {.fault = "retake_unguarded", .fn = calls, .procs = 4, .model = GT_SYSCALLS_SCANBIT,
     .acquire = acquire_held_in_sysmon, .order = "failed-to-advance"},
    {.fault = "self_steal_unguarded", .fn = stops_under_calls, .procs = 4, .model = GT_SYSCALLS_STATUS},
    {.fault = "reacquire_unguarded", .fn = calls, .procs = 4, .model = GT_SYSCALLS_STATUS,
     .acquire = acquire_held_in_return, .order = "failed-to-advance"},
    {.fault = "dead_ps_kept_on_stop", .fn = comes_back_in_the_next_trace, .procs = 4,
     .model = GT_SYSCALLS_SCANBIT},
    {.fault = "dead_ps_kept_on_advance", .fn = comes_back_later, .procs = 4, .model = GT_SYSCALLS_SCANBIT},
    {.fault = "stack_after_block", .fn = parks_and_wakes, .procs = 2, .model = GT_SYSCALLS_SCANBIT},
    {.fault = "stack_of_unblocked", .fn = parks_and_wakes, .procs = 2, .model = GT_SYSCALLS_SCANBIT},
    {.fault = "stack_of_form_waiter", .fn = waits_for_form, .procs = 4, .model = GT_SYSCALLS_SCANBIT},
    {.fault = "destroy_unlocked", .fn = foreign_threads, .procs = 2, .model = GT_SYSCALLS_SCANBIT},
    {.fault = "foreign_keeps_p", .fn = foreign_threads, .procs = 2, .model = GT_SYSCALLS_STATUS},
};
#define N_PROGRAMS (sizeof programs / sizeof *programs)

static const char *windows_of(const struct program *p)
{
    return p->windows ? p->windows : gt_fault_named(p->fault)->windows;
}

static void count_outside(const struct gt_jentry *e, void *arg)
{
    (void)arg;
    saw.outside += e->kind == GT_J_P && e->from == GT_P_SYSCALL && e->tok == gt_tok_none().v;
}

static void run_once(const struct program *p, const char *fault, const struct gt_tracer_ops *tracer)
{
    struct gt_runtime *rt = NULL;
    struct gt_config c;
    char err[256] = "";
    uint64_t lost = 0;
    gt_config_init(&c);
    c.scheduler = &gt_scheduler_worksteal;
    c.tracer = tracer;
    c.procs = p->procs;
    c.syscalls = p->model;
    c.fault = fault;
    if (R->create(&c, &rt, err, sizeof err) != 0)
        bail_out("create: %s", err);
    memset(&saw, 0, sizeof saw);
    gt_store_relaxed(&bad, 0u);
    gt_journal_enable(rt, 1u << 20);
    expect(R->run(rt, p->fn, rt) == 0);
    gt_journal_each(rt, count_outside, NULL, &lost);
    saw.window = journal_windows(rt, windows_of(p));
    R->stats(rt, &saw.stats);
    R->destroy(rt);
    if (gt_load_relaxed(&bad) != 0)
        bail_out("%s: the program itself went wrong", p->fault);
}

/* ---- verdicts ---------------------------------------------------------------------------------------------- */
static uint64_t seen_by_order(const char *classes)
{
    uint64_t n = 0;
    for (int i = 0; i < GT_RULE_COUNT; i++)
        if (saw.by_rule[i] && gt_fault_lists(classes, gt_rule_info((enum gt_rule)i)->class_name))
            n += saw.by_rule[i];
    return n;
}

/* By the oracle that is meant to see it, under its class. */
static uint64_t seen(const struct program *p, const struct gt_fault_info *f)
{
    if (p->order)
        return seen_by_order(p->order);
    if (strcmp(f->oracle, "ownership") == 0)
        return saw.stats.unowned_stacks;
    if (strcmp(f->oracle, "locks") == 0)
        return saw.stats.violations - saw.stats.unowned_stacks;
    if (strcmp(f->oracle, "truth") == 0)
        return saw.outside;
    return seen_by_order(f->cls);
}

static void say_rules(const char *fault)
{
    for (int i = 0; i < GT_RULE_COUNT; i++)
        if (saw.by_rule[i])
            diag("%s: %s %" PRIu64, fault, gt_rule_info((enum gt_rule)i)->class_name, saw.by_rule[i]);
    if (saw.stats.violations || saw.outside || saw.no_trace)
        diag("%s: violations %" PRIu64 ", of stacks %" PRIu64 ", outside of sections %" PRIu64
             ", no trace %" PRIu64, fault, saw.stats.violations, saw.stats.unowned_stacks, saw.outside,
             saw.no_trace);
}

static bool nothing(void)
{
    return saw.inconsistencies == 0 && saw.no_trace == 0 && saw.stats.violations == 0 &&
           saw.outside == 0;
}

struct hunt {
    uint32_t tries, found;
    uint64_t events, window; /* window: the least of the runs that found it */
    double seconds;
};

static struct hunt hunt(const struct program *p, const struct gt_tracer_ops *tracer, int64_t ns,
                        bool to_first)
{
    const struct gt_fault_info *f = gt_fault_named(p->fault);
    struct hunt h = {.window = UINT64_MAX};
    int64_t began = gt_nanotime();
    bool said = false;
    while (gt_nanotime() - began < ns && !(to_first && h.found)) {
        run_once(p, p->fault, tracer);
        h.tries++;
        h.events += saw.events;
        h.found += seen(p, f) > 0;
        if (seen(p, f) > 0 && saw.window < h.window)
            h.window = saw.window;
        if (!said || (seen(p, f) > 0 && h.found == 1))
            say_rules(p->fault);
        said |= !nothing();
    }
    h.seconds = (double)(gt_nanotime() - began) / 1e9;
    return h;
}

static uint32_t runs_that_see(const struct program *p, const struct gt_tracer_ops *tracer, uint32_t n)
{
    uint32_t wrong = 0;
    for (uint32_t i = 0; i < n; i++) {
        run_once(p, NULL, tracer);
        if (!nothing() && wrong++ == 0)
            say_rules("without it");
    }
    return wrong;
}

static const char *model_of(const struct program *p)
{
    return p->model == GT_SYSCALLS_STATUS ? "status" : "scanbit";
}

static void prove(const struct program *p)
{
    const struct gt_fault_info *f = gt_fault_named(p->fault);
    struct gt_tracer_ops scene = held(p->acquire, p->release);
    const struct gt_tracer_ops *tracer = p->acquire || p->release ? &scene : &gt_tracer_gen;
    struct hunt h = hunt(p, tracer, PROMISE_NS, true);
    ok_windows(f->name, model_of(p), windows_of(p), h.window);
    ok(h.found > 0, "%s (seed %s, %s): %s by %s in try %u, %.2f s, %" PRIu64 " events", f->name, f->seed,
       model_of(p), p->order ? p->order : f->cls, p->order ? "order" : f->oracle, h.tries, h.seconds, h.events);
    uint32_t n = h.tries > 2 ? h.tries : 2, wrong = runs_that_see(p, tracer, n);
    ok(wrong == 0, "%s off, %s: %u of %u runs see anything", f->name, model_of(p), wrong, n);
}

static void measure(const struct program *p, int64_t ns)
{
    struct hunt h = hunt(p, &gt_tracer_gen, ns, false);
    diag("%s, %s, by load alone: %u of %u runs, %.1f s, %" PRIu64 " events, window %" PRIu64, p->fault,
         model_of(p), h.found, h.tries, h.seconds, h.events, h.window);
}

static bool wanted(const char *fault, int argc, char **argv)
{
    for (int i = 2; i < argc; i++)
        if (strcmp(argv[i], fault) == 0)
            return true;
    return argc < 3;
}

int main(int argc, char **argv)
{
    int64_t ns = argc > 1 ? (int64_t)(atof(argv[1]) * 1e9) : 0;
    unsetenv("GT_VIOLATION");
    int n = 0;
    for (size_t i = 0; i < N_PROGRAMS; i++)
        n += wanted(programs[i].fault, argc, argv);
    if (ns == 0)
        plan(3 * n);
    for (size_t i = 0; i < N_PROGRAMS; i++) {
        if (!wanted(programs[i].fault, argc, argv))
            continue;
        if (ns > 0)
            measure(&programs[i], ns);
        else
            prove(&programs[i]);
    }
    memory_trace_free(&trace);
    return ns > 0 ? 0 : done_testing();
}
