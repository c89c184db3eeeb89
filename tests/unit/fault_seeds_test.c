/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: labels=quick,fault timeout=240 presets=faults */
/*
 * The five seeds: each of their faults is seen, on a real trace of the tracer gen with one
 * generation after the other, by the oracle and under the class that faults.def names; and in
 * as many runs without it nothing is.
 *
 * Where the historic window is a few instructions wide, the scene's tracer is gen with an
 * acquire or release that is slow in that window and nowhere else (`held`). With
 * arguments, SECONDS [FAULT ...]: these faults only; SECONDS > 0: measures how often the same
 * load finds them with the tracer gen as it is.
 */
#include <pthread.h>
#include <unistd.h>

#include "gauntlet/fault.h"
#include "gauntlet/journal.h"
#include "in_runtime.h"
#include "memory_trace.h"

extern const struct gt_tracer_ops gt_tracer_gen;

#define PROMISE_NS (20 * GT_NS_PER_S)

static struct memory_trace trace;

/* What the oracles saw in one run. */
static struct {
    uint64_t by_rule[GT_RULE_COUNT], inconsistencies, no_trace, events, generations;
    uint64_t outside; /* changes of Ps out of Syscall that stood in no section */
    struct gt_runtime_stats stats;
} saw;

/* ---- traces ---------------------------------------------------------------------------- */
static void start_trace(int64_t period_ns)
{
    static struct gt_trace_sink sink;
    sink = memory_trace_sink(&trace);
    struct gt_trace_options o = {.sink = &sink, .period_ns = period_ns, .raw_stacks = true};
    memory_trace_reset(&trace);
    expect(R->trace_start(&o) == 0);
}

static void stop_trace(void)
{
    struct gt_check_result r;
    expect(R->trace_stop() == 0);
    struct memory_cursor c = {trace.data, trace.n};
    struct gt_source src = {memory_cursor_read, &c};
    struct gt_check_options o = {.rules = GT_RULES_STRICT};
    struct gt_read_error err;
    struct gt_reader *reader;
    if (gt_reader_open(&src, &reader, &err) != 0) {
        saw.no_trace++;
        return;
    }
    saw.no_trace += gt_check(reader, &o, &r) != 0;
    gt_reader_close(reader);
    for (int i = 0; i < GT_RULE_COUNT; i++)
        saw.by_rule[i] += r.by_rule[i];
    saw.inconsistencies += r.inconsistencies;
    saw.events += r.stats.events;
    saw.generations += r.stats.generations;
}

/* Until n more generations were written out, at most a second. */
static void generations(uint32_t n)
{
    uint32_t until = gt_load_relaxed(&trace.marks) + n;
    for (int i = 0; i < 10000 && (int32_t)(gt_load_relaxed(&trace.marks) - until) < 0; i++)
        R->sleep(100 * GT_NS_PER_US);
}

/* ---- load ------------------------------------------------------------------------------ */
static gt_a32 enough;
static struct gt_wg *workers;

static void begin_load(void)
{
    gt_store_relaxed(&enough, 0u);
    workers = R->wg_new();
}

static void load(gt_fn fn, int n)
{
    for (int i = 0; i < n; i++) {
        R->wg_add(workers, 1);
        expect(R->go(fn, NULL) == 0);
    }
}

static void end_load(void)
{
    gt_store_relaxed(&enough, 1u);
    R->wg_wait(workers);
    R->wg_free(workers);
}

static void spin(int64_t ns)
{
    for (int64_t end = gt_nanotime() + ns; gt_nanotime() < end;)
        gt_cpu_relax();
}

/* Their Ps always have something to run, so that nobody polls but sysmon. */
static void yields(void *arg)
{
    (void)arg;
    while (gt_load_relaxed(&enough) == 0) {
        spin(5 * GT_NS_PER_US);
        R->yield();
    }
    R->wg_done(workers);
}

static void short_calls(void *arg)
{
    (void)arg;
    while (gt_load_relaxed(&enough) == 0) {
        R->syscall_enter();
        usleep(50);
        R->syscall_exit();
        R->yield();
    }
    R->wg_done(workers);
}

static void long_calls(void *arg)
{
    (void)arg;
    while (gt_load_relaxed(&enough) == 0) {
        R->syscall_enter();
        usleep(1000);
        R->syscall_exit();
        R->yield();
    }
    R->wg_done(workers);
}

/* Keeps its P from a safe point: an end of a generation waits for it, with others' Ps done. */
static void computes(void *arg)
{
    (void)arg;
    while (gt_load_relaxed(&enough) == 0) {
        spin(3 * GT_NS_PER_MS);
        R->sleep(GT_NS_PER_MS);
    }
    R->wg_done(workers);
}

/* ---- 000: lists that sysmon finds -------------------------------------------------------- */
#define PIPES 24
static struct {
    int fd[PIPES][2];
    gt_a32 waiting;
} pipes;

static void reads(void *arg)
{
    int *fd = arg, err = 0;
    char c;
    struct gt_fd *f = R->fd_open(fd[0], &err);
    expect(f != NULL);
    while (f && R->fd_read(f, &c, 1) == 1)
        ;
    R->fd_close(f);
    R->wg_done(workers);
}

static void writes_to_all(char what)
{
    for (int i = 0; i < PIPES; i++)
        expect(gt_os_write(pipes.fd[i][1], &what, 1) == 1);
}

static void injects(void *arg)
{
    (void)arg;
    start_trace(0);
    begin_load();
    for (int i = 0; i < PIPES; i++) {
        if (gt_os_pipe(pipes.fd[i], false) != 0)
            abort();
        R->wg_add(workers, 1);
        expect(R->go(reads, pipes.fd[i]) == 0);
    }
    load(yields, 3);
    for (int i = 0; i < 12; i++) {
        R->sleep(5 * GT_NS_PER_MS);
        writes_to_all('x');
    }
    for (int i = 0; i < PIPES; i++)
        gt_os_close(pipes.fd[i][1]);
    end_load();
    stop_trace();
}

/* ---- 001: Ps taken from system calls -------------------------------------------------------- */
static void calls(void *arg)
{
    (void)arg;
    start_trace(0);
    begin_load();
    load(short_calls, 5);
    load(long_calls, 3);
    load(computes, 2);
    R->sleep(60 * GT_NS_PER_MS);
    end_load();
    stop_trace();
}

static void stops_under_calls(void *arg)
{
    (void)arg;
    start_trace(0);
    begin_load();
    load(short_calls, 6);
    for (int i = 0; i < 200; i++) {
        R->stop_world(GT_WORLD_TEST);
        R->start_world();
        R->yield();
    }
    end_load();
    stop_trace();
}

/* ---- 002: Ps that die and come back ------------------------------------------------------------ */
/* In its first generation: a later one's end would have reset the Ps that are dead still. */
static void comes_back_in_the_next_trace(void *arg)
{
    (void)arg;
    begin_load();
    load(yields, 4);
    for (uint32_t i = 0; i < 3; i++) {
        start_trace(0);
        generations(3);
        expect(R->set_procs(1) == 0);
        generations(i);
        stop_trace();
        start_trace(-1);
        expect(R->set_procs(4) == 0);
        R->sleep(2 * GT_NS_PER_MS);
        stop_trace();
    }
    end_load();
}

static void comes_back_later(void *arg)
{
    (void)arg;
    begin_load();
    load(yields, 4);
    start_trace(0);
    for (uint32_t i = 2; i < 5; i++) {
        generations(3);
        expect(R->set_procs(1) == 0);
        generations(i);
        expect(R->set_procs(4) == 0);
    }
    generations(3);
    stop_trace();
    end_load();
}

/* ---- 003: whose stack ---------------------------------------------------------------------------- */
static void receives(void *arg)
{
    int v;
    while (R->chan_recv(arg, &v))
        ;
    R->wg_done(workers);
}

static void parks_and_wakes(void *arg)
{
    struct gt_chan *c = R->chan_new(sizeof(int), 0);
    int v = 0;
    (void)arg;
    start_trace(0);
    workers = R->wg_new();
    R->wg_add(workers, 1);
    expect(R->go(receives, c) == 0);
    for (int i = 0; i < 100; i++)
        expect(R->chan_send(c, &v) == 0);
    generations(3);
    expect(R->chan_send(c, &v) == 0);
    expect(R->chan_close(c) == 0);
    R->wg_wait(workers);
    R->wg_free(workers);
    stop_trace();
    R->chan_free(c);
}

static void stops(void *arg)
{
    (void)arg;
    while (gt_load_relaxed(&enough) == 0) {
        R->stop_world(GT_WORLD_TEST);
        R->start_world();
        R->yield();
    }
    R->wg_done(workers);
}

struct node {
    struct node *next;
    uint64_t what[3];
};
static const uint32_t next_at[] = {offsetof(struct node, next)};
static const struct gt_gc_layout node_layout = {"node", sizeof(struct node), 1, next_at};
static struct node *list;

/* Long to mark, so that a generation begins and ends in which the worker says nothing. */
static void make_list(void)
{
    expect(R->gc_root_add(&list, sizeof list) == 0);
    for (int i = 0; i < 50000; i++) {
        struct node *n = R->gc_alloc(sizeof *n, &node_layout);
        expect(n != NULL);
        if (!n)
            return;
        R->gc_store(&n->next, list);
        R->gc_store(&list, n);
    }
}

static void waits_for_form(void *arg)
{
    (void)arg;
    list = NULL;
    make_list();
    start_trace(0);
    begin_load();
    load(stops, 1);
    for (int i = 0; i < 10; i++)
        expect(R->gc() == 0);
    end_load();
    stop_trace();
    R->gc_root_remove(&list);
}

/* ---- 004: foreign threads ---------------------------------------------------------------------------- */
static void called(void *arg)
{
    (void)arg;
}

static void *calls_in(void *rt)
{
    while (gt_load_relaxed(&enough) == 0) {
        expect(R->callback(rt, called, NULL) == 0);
        usleep(50);
    }
    return NULL;
}

static void foreign_threads(void *arg)
{
    struct gt_runtime *rt = arg;
    pthread_t th[2];
    start_trace(0);
    begin_load();
    load(yields, 1);
    R->expect_callbacks(rt, 2);
    for (int i = 0; i < 2; i++)
        if (pthread_create(&th[i], NULL, calls_in, rt) != 0)
            abort();
    R->sleep(20 * GT_NS_PER_MS);
    gt_store_relaxed(&enough, 1u);
    R->syscall_enter_blocking();
    for (int i = 0; i < 2; i++)
        pthread_join(th[i], NULL);
    R->syscall_exit();
    R->expect_callbacks(rt, -2);
    end_load();
    stop_trace();
}

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
};
static const struct program programs[] = {
    {"inject_event_first", injects, 2, GT_SYSCALLS_SCANBIT, NULL, release_held_in_sysmon},
    {"retake_unguarded", calls, 4, GT_SYSCALLS_STATUS, acquire_held_in_sysmon, NULL},
    {"retake_unguarded", calls, 4, GT_SYSCALLS_SCANBIT, acquire_held_in_sysmon, NULL},
    {"self_steal_unguarded", stops_under_calls, 4, GT_SYSCALLS_STATUS, NULL, NULL},
    {"reacquire_unguarded", calls, 4, GT_SYSCALLS_STATUS, acquire_held_in_return, NULL},
    {"dead_ps_kept_on_stop", comes_back_in_the_next_trace, 4, GT_SYSCALLS_SCANBIT, NULL, NULL},
    {"dead_ps_kept_on_advance", comes_back_later, 4, GT_SYSCALLS_SCANBIT, NULL, NULL},
    {"stack_after_block", parks_and_wakes, 2, GT_SYSCALLS_SCANBIT, NULL, NULL},
    {"stack_of_unblocked", parks_and_wakes, 2, GT_SYSCALLS_SCANBIT, NULL, NULL},
    {"stack_of_form_waiter", waits_for_form, 4, GT_SYSCALLS_SCANBIT, NULL, NULL},
    {"destroy_unlocked", foreign_threads, 2, GT_SYSCALLS_SCANBIT, NULL, NULL},
    {"foreign_keeps_p", foreign_threads, 2, GT_SYSCALLS_STATUS, NULL, NULL},
};
#define N_PROGRAMS (sizeof programs / sizeof *programs)

static const struct gt_fault_info *info_of(const char *fault)
{
    const struct gt_fault_info *f;
    for (size_t i = 0; (f = gt_fault_info(i)) != NULL; i++)
        if (strcmp(f->name, fault) == 0)
            return f;
    bail_out("no fault is called %s", fault);
    return NULL;
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
    gt_journal_enable(rt, 1u << 16);
    expect(R->run(rt, p->fn, rt) == 0);
    gt_journal_each(rt, count_outside, NULL, &lost);
    R->stats(rt, &saw.stats);
    R->destroy(rt);
    if (gt_load_relaxed(&bad) != 0)
        bail_out("%s: the program itself went wrong", p->fault);
}

/* ---- verdicts ---------------------------------------------------------------------------------------------- */
/* Is `word` in the list with commas? */
static bool listed(const char *words, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = words; (at = strstr(at, word)) != NULL; at += n)
        if ((at == words || at[-1] == ',' || at[-1] == ' ') && (at[n] == '\0' || at[n] == ','))
            return true;
    return false;
}

/* By the oracle that is meant to see it, under its class. */
static uint64_t seen(const struct gt_fault_info *f)
{
    uint64_t n = 0;
    if (strcmp(f->oracle, "ownership") == 0)
        return saw.stats.unowned_stacks;
    if (strcmp(f->oracle, "locks") == 0)
        return saw.stats.violations - saw.stats.unowned_stacks;
    if (strcmp(f->oracle, "truth") == 0)
        return saw.outside;
    for (int i = 0; i < GT_RULE_COUNT; i++)
        if (saw.by_rule[i] && listed(f->cls, gt_rule_info((enum gt_rule)i)->class_name))
            n += saw.by_rule[i];
    return n;
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
    uint64_t events;
    double seconds;
};

static struct hunt hunt(const struct program *p, const struct gt_tracer_ops *tracer, int64_t ns,
                        bool to_first)
{
    const struct gt_fault_info *f = info_of(p->fault);
    struct hunt h = {0};
    int64_t began = gt_nanotime();
    bool said = false;
    while (gt_nanotime() - began < ns && !(to_first && h.found)) {
        run_once(p, p->fault, tracer);
        h.tries++;
        h.events += saw.events;
        h.found += seen(f) > 0;
        if (!said || (seen(f) > 0 && h.found == 1))
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
    const struct gt_fault_info *f = info_of(p->fault);
    struct gt_tracer_ops scene = held(p->acquire, p->release);
    const struct gt_tracer_ops *tracer = p->acquire || p->release ? &scene : &gt_tracer_gen;
    struct hunt h = hunt(p, tracer, PROMISE_NS, true);
    ok(h.found > 0, "%s (seed %s, %s): %s by %s in try %u, %.2f s, %" PRIu64 " events", f->name, f->seed,
       model_of(p), f->cls, f->oracle, h.tries, h.seconds, h.events);
    uint32_t n = h.tries > 2 ? h.tries : 2, wrong = runs_that_see(p, tracer, n);
    ok(wrong == 0, "%s off, %s: %u of %u runs see anything", f->name, model_of(p), wrong, n);
}

static void measure(const struct program *p, int64_t ns)
{
    struct hunt h = hunt(p, &gt_tracer_gen, ns, false);
    diag("%s, %s, by load alone: %u of %u runs, %.1f s, %" PRIu64 " events", p->fault, model_of(p),
         h.found, h.tries, h.seconds, h.events);
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
        plan(2 * n);
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
