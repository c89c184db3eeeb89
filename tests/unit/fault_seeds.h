/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The programs of fault_seeds_test.c: each takes traces with one generation after the other
 * under the load that its fault needs, and notes in `saw` what the oracles saw.
 */
#pragma once
#include <pthread.h>
#include <unistd.h>

#include "busy.h"
#include "gauntlet/journal.h"
#include "memory_trace.h"

extern const struct gt_tracer_ops gt_tracer_gen;

static struct memory_trace trace;

/* What the oracles saw in one run. */
static struct {
    uint64_t by_rule[GT_RULE_COUNT], inconsistencies, no_trace, events, generations;
    uint64_t window;  /* how often the windows that the fault needs were entered, the least */
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
static void spin(int64_t ns)
{
    for (int64_t end = gt_nanotime() + ns; gt_nanotime() < end;)
        gt_cpu_relax();
}

/* Their Ps always have something to run, so that nobody polls but sysmon. */
static void yields(void *arg)
{
    (void)arg;
    while (go_on()) {
        spin(5 * GT_NS_PER_US);
        R->yield();
    }
    R->wg_done(wg);
}

static void short_calls(void *arg)
{
    (void)arg;
    while (go_on()) {
        R->syscall_enter();
        usleep(50);
        R->syscall_exit();
        R->yield();
    }
    R->wg_done(wg);
}

static void long_calls(void *arg)
{
    (void)arg;
    while (go_on()) {
        R->syscall_enter();
        usleep(1000);
        R->syscall_exit();
        R->yield();
    }
    R->wg_done(wg);
}

/* Keeps its P from a safe point: an end of a generation waits for it, with others' Ps done. */
static void computes(void *arg)
{
    (void)arg;
    while (go_on()) {
        spin(3 * GT_NS_PER_MS);
        R->sleep(GT_NS_PER_MS);
    }
    R->wg_done(wg);
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
    R->wg_done(wg);
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
    load_begins();
    for (int i = 0; i < PIPES; i++) {
        if (gt_os_pipe(pipes.fd[i], false) != 0)
            abort();
        one_more(reads, pipes.fd[i]);
    }
    several(yields, NULL, 3);
    for (int i = 0; i < 12; i++) {
        R->sleep(5 * GT_NS_PER_MS);
        writes_to_all('x');
    }
    for (int i = 0; i < PIPES; i++)
        gt_os_close(pipes.fd[i][1]);
    load_ends();
    stop_trace();
}

/* ---- 001: Ps taken from system calls -------------------------------------------------------- */
static void calls(void *arg)
{
    (void)arg;
    start_trace(0);
    load_begins();
    several(short_calls, NULL, 5);
    several(long_calls, NULL, 3);
    several(computes, NULL, 2);
    R->sleep(60 * GT_NS_PER_MS);
    load_ends();
    stop_trace();
}

static void stops_under_calls(void *arg)
{
    (void)arg;
    start_trace(0);
    load_begins();
    several(short_calls, NULL, 6);
    for (int i = 0; i < 200; i++) {
        R->stop_world(GT_WORLD_TEST);
        R->start_world();
        R->yield();
    }
    load_ends();
    stop_trace();
}

/* ---- 002: Ps that die and come back ------------------------------------------------------------ */
/* In its first generation: a later one's end would have reset the Ps that are dead still. */
static void comes_back_in_the_next_trace(void *arg)
{
    (void)arg;
    load_begins();
    several(yields, NULL, 4);
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
    load_ends();
}

static void comes_back_later(void *arg)
{
    (void)arg;
    load_begins();
    several(yields, NULL, 4);
    start_trace(0);
    for (uint32_t i = 2; i < 5; i++) {
        generations(3);
        expect(R->set_procs(1) == 0);
        generations(i);
        expect(R->set_procs(4) == 0);
    }
    generations(3);
    stop_trace();
    load_ends();
}

/* ---- 003: whose stack ---------------------------------------------------------------------------- */
static void receives(void *arg)
{
    int v;
    while (R->chan_recv(arg, &v))
        ;
    R->wg_done(wg);
}

static void parks_and_wakes(void *arg)
{
    struct gt_chan *c = R->chan_new(sizeof(int), 0);
    int v = 0;
    (void)arg;
    start_trace(0);
    wg = R->wg_new();
    R->wg_add(wg, 1);
    expect(R->go(receives, c) == 0);
    for (int i = 0; i < 100; i++)
        expect(R->chan_send(c, &v) == 0);
    generations(3);
    expect(R->chan_send(c, &v) == 0);
    expect(R->chan_close(c) == 0);
    R->wg_wait(wg);
    R->wg_free(wg);
    stop_trace();
    R->chan_free(c);
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
    load_begins();
    several(stops, NULL, 1);
    for (int i = 0; i < 10; i++)
        expect(R->gc() == 0);
    load_ends();
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
    while (go_on()) {
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
    load_begins();
    several(yields, NULL, 1);
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
    load_ends();
    stop_trace();
}
