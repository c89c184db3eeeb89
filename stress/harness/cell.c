/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/cell.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/calls.h"
#include "common/cell.h"
#include "common/child.h"
#include "common/rng.h"
#include "harness/seer.h"
#include "harness/watch.h"

#define MS 1000000ll
#define S 1000000000ll
/* In a round, by all Ms together; of an M more entries than they can leave. */
#define TRANSITIONS_MOST 600000u
#define JOURNAL_ENTRIES (4u * TRANSITIONS_MOST)
#define SETTLE_NS (GT_TSAN || GT_ASAN ? 20 * S : 2 * S)
#define PROFILE_HZ 1000 /* of a test that wants samples */
#define SLOWER (GT_TSAN || GT_ASAN ? 10 : 1)

const char *gt_stress_lacks(const struct gt_stress_cell *c, char *buf, size_t size)
{
    uint64_t missing = c->test->needs & ~c->ops->head.flags;
    buf[0] = '\0';
    if (missing)
        snprintf(buf, size, "%s lacks what %s needs (flags 0x%" PRIx64 ")", c->ops->head.name,
                 c->test->head.name, missing);
    else if (c->config.procs < c->test->min_procs)
        snprintf(buf, size, "%s needs %d Ps", c->test->head.name, c->test->min_procs);
    else if ((c->test->flags & GT_STRESS_TRACES) &&
             (c->config.tracer->head.flags & GT_TRACER_NULL))
        snprintf(buf, size, "%s starts traces, and the tracer %s is never on", c->test->head.name,
                 c->config.tracer->head.name);
    return buf[0] ? buf : NULL;
}

/* ---- one round, on its first G ------------------------------------------ */
static uint64_t alive(const struct gt_cell_life *l)
{
    struct gt_runtime_stats s;
    l->cell->ops->stats(l->rt, &s);
    return s.spawned - s.exited;
}

/* A G that has told its joiner still has to end. */
static bool settle(const struct gt_cell_life *l, uint64_t before)
{
    const struct gt_runtime_ops *ops = l->cell->ops;
    int64_t deadline = ops->now() + (l->cell->stuck_ns ? l->cell->stuck_ns / 2 : SETTLE_NS);
    while ((int64_t)(alive(l) - before) > 0) {
        if (ops->now() > deadline)
            return false;
        ops->yield();
    }
    return true;
}

static bool traced(const struct gt_stress_cell *c)
{
    return !(c->config.tracer->head.flags & GT_TRACER_NULL);
}

static void first_g(void *arg)
{
    struct gt_cell_life *l = arg;
    const struct gt_stress_cell *c = l->cell;
    bool by_us = traced(c) && !(c->test->flags & GT_STRESS_TRACES);
    uint64_t before = alive(l);
    if (by_us)
        l->rc = gt_stress_trace_start(l->round);
    l->no_trace = l->rc != 0;
    if (l->no_trace)
        return;
    l->rc = c->test->run(l->round, &l->round->params);
    if (traced(c))
        l->trace_rc = gt_stress_trace_stop(l->round); /* also one that the test forgot */
    if (c->test->flags & GT_STRESS_PROCS)
        l->procs_rc = c->ops->set_procs(c->config.procs);
    l->settled = settle(l, before);
}

static int64_t generation_of(const struct gt_stress_cell *c, uint64_t seed)
{
    static const int64_t mix[] = {0, 0, 0, MS, MS, MS, 20 * MS, S};
    struct gt_rng rng = gt_rng_make(seed, 77);
    if (c->generation_ns != GT_GENERATION_MIXED)
        return c->generation_ns;
    return mix[gt_rng_below(&rng, sizeof mix / sizeof mix[0])];
}

static int64_t round_length(const struct gt_stress_cell *c, int64_t left)
{
    int64_t ns = c->duration_ns / 4;
    if (c->round_ns)
        return c->round_ns;
    if (ns < 250 * MS * SLOWER)
        ns = 250 * MS * SLOWER;
    if (ns > S * SLOWER)
        ns = S * SLOWER;
    return left > 10 * MS && left < ns ? left : ns;
}

static void run_round(struct gt_cell_life *l, struct gt_watch *w, int64_t left)
{
    const struct gt_stress_cell *c = l->cell;
    struct gt_stress *s = l->round;
    s->params.seed = l->r->seed;
    s->params.round_ns = round_length(c, left);
    s->generation_ns = generation_of(c, l->r->seed);
    gt_round_begin(s);
    l->rc = l->trace_rc = l->procs_rc = 0;
    l->settled = l->no_trace = false;
    c->ops->stats(l->rt, &l->before);
    gt_watch_round(w, s->params.round_ns, TRANSITIONS_MOST);
    l->ran = c->ops->run(l->rt, first_g, l);
    gt_watch_rest(w);
    c->ops->stats(l->rt, &l->after);
}

/* ---- the result --------------------------------------------------------- */
static void add_up(struct gt_cell_life *l)
{
    struct gt_stress_result *r = l->r;
    const struct gt_runtime_stats *s = &l->after;
    r->rounds++;
    r->transitions += s->transitions - l->before.transitions;
    r->violations = s->violations;
    r->switches = s->switches;
    r->retaken = s->retaken;
    r->preempted = s->preempted;
    r->world_stops = s->world_stops;
    r->procs_changes = s->procs_changes;
    r->callbacks = s->callbacks;
    r->injected = s->injected;
    r->stop_ns_max = s->stop_ns_max;
    r->n_says = l->round->n_says;
    memcpy(r->says, l->round->says, sizeof r->says);
}

/* What has been seen of the planted fault so far; own: the windows of the round, NULL: not known. */
static void note_fault(struct gt_cell_life *l, int64_t ns, const uint64_t own[GT_WINDOWS])
{
    bool due = l->r->due.name[0] != '\0';
    gt_fault_note(l->hunted, l->r, ns, own);
    if (due || !l->r->due.name[0] || !l->saved)
        return;
    gt_cell_forget_files(l->cell, l->r, true); /* of a round that only others saw */
    l->saved = false;
}

/* The round that was compared, with its own windows. I2. */
static void note_round(struct gt_cell_life *l, int64_t ns, const uint64_t before[GT_WINDOWS])
{
    uint64_t own[GT_WINDOWS];
    for (int i = 0; i < GT_WINDOWS; i++)
        own[i] = l->r->windows[i] - before[i];
    note_fault(l, ns, l->lost > 0 ? NULL : own);
}

/* Once others have seen something of a fault, order and truth, which take time, are left to the one
 * that must. */
static uint32_t muted(const struct gt_cell_life *l)
{
    uint32_t mute = 0;
    for (uint32_t o = GT_ORACLE_ORDER; o <= GT_ORACLE_TRUTH && l->r->inconsistencies > 0; o++)
        if (strcmp(l->hunted->oracle, gt_oracle_name((enum gt_oracle)o)) != 0)
            mute |= 1u << o;
    return mute;
}

static uint32_t asked(const struct gt_cell_life *l)
{
    return l->cell->oracles & ~(1u << GT_ORACLE_TEST);
}

/* After each round. */
static void judge_round(struct gt_cell_life *l)
{
    struct gt_stress_result *r = l->r;
    int64_t begin = gt_child_clock();
    uint64_t inconsistencies = r->inconsistencies, windows[GT_WINDOWS];
    memcpy(windows, r->windows, sizeof windows);
    if (l->hunted) {
        r->n_findings = 0; /* of a round that only others saw */
        l->mute = muted(l);
    }
    add_up(l);
    gt_cell_compare(l);
    if (inconsistencies == 0 && r->inconsistencies > 0) {
        r->first.ns = begin - l->start;
        r->first.events = r->events;
    }
    note_round(l, begin - l->start, windows);
    r->blind = asked(l) & ~l->looked;
    if (r->verdict == GT_STRESS_INCONSISTENT || r->verdict == GT_STRESS_FAILED)
        gt_cell_save_round(l); /* I3 */
    r->judging_ns += gt_child_clock() - begin;
}

/* I3: of a planted fault, that its own oracle has seen. */
static bool goes_on(const struct gt_cell_life *l)
{
    bool others = l->hunted && l->r->verdict == GT_STRESS_INCONSISTENT && !l->r->due.name[0] &&
                  l->ran == 0;
    return l->r->verdict == GT_STRESS_OK || others;
}

/* An oracle that had nothing to look at says nothing, not "ok". */
static void judge_looks(struct gt_cell_life *l)
{
    if (asked(l) != 0 && l->r->blind == asked(l))
        gt_result_say(l->r, GT_STRESS_INCONCLUSIVE,
                      "not checkable: the oracles asked for had nothing to look at (the tracer %s %s)",
                      l->cell->config.tracer->head.name,
                      (l->cell->config.tracer->head.flags & GT_TRACER_CHECKABLE)
                          ? "keeps no books, or no trace was whole"
                          : "writes no trace that can be read, and keeps no books");
}

static void judge_cell(struct gt_cell_life *l)
{
    struct gt_stress_result *r = l->r;
    if (r->rounds > 0 && r->void_rounds == r->rounds)
        gt_result_say(r, GT_STRESS_INCONCLUSIVE, "the journal was too small in every round");
    else if (r->verdict == GT_STRESS_OK)
        judge_looks(l);
    if (r->verdict == GT_STRESS_OK)
        gt_cell_judge_windows(l);
    if (l->cell->config.fault && r->verdict == GT_STRESS_OK)
        gt_result_say(r, GT_STRESS_INCONCLUSIVE, "the planted fault %s was not found",
                      l->cell->config.fault);
    if (r->verdict == GT_STRESS_OK || r->verdict == GT_STRESS_INCONCLUSIVE)
        r->seed = l->cell->config.seed; /* all of its rounds again */
}

/* ---- a cell ------------------------------------------------------------- */
static int prepare(struct gt_cell_life *l)
{
    const struct gt_stress_cell *c = l->cell;
    struct gt_stress *s = l->round;
    char stem[256];
    s->tracer = c->config.tracer;
    s->header = c->header;
    s->profile_hz = c->profile_hz;
    if (s->profile_hz == 0 && (c->test->flags & GT_STRESS_PROFILE))
        s->profile_hz = PROFILE_HZ;
    s->whole_stacks = c->trace != NULL;
    gt_cell_stem(c, stem, sizeof stem);
    snprintf(s->folder, sizeof s->folder, "%.*s", (int)(strrchr(stem, '/') - stem), stem);
    s->params = (struct gt_stress_params){
        .ops = c->ops,
        .rt = l->rt,
        .procs = c->config.procs,
        .cpus = gt_call_cpus(),
        .sanitized = GT_TSAN || GT_ASAN,
    };
    return gt_round_init(s);
}

static void rounds(struct gt_cell_life *l, struct gt_watch *w,
                   void (*tell)(void *arg, const struct gt_stress_result *r), void *arg)
{
    struct gt_stress_result *r = l->r;
    uint64_t seed = r->seed;
    int64_t end = l->start + l->cell->duration_ns;
    gt_cell_journal_on(l, JOURNAL_ENTRIES);
    l->space = gt_truth_space_new();
    do {
        r->seed = seed;
        run_round(l, w, end - gt_child_clock());
        judge_round(l);
        gt_cell_journal_next(l);
        r->ns = gt_child_clock() - l->start;
        if (tell)
            tell(arg, r);
        seed = gt_rng_mix(seed + 1) >> 16;
    } while (goes_on(l) && gt_child_clock() < end);
}

static void run_on(struct gt_cell_life *l, struct gt_watch *w,
                   void (*tell)(void *arg, const struct gt_stress_result *r), void *arg)
{
    int rc = prepare(l);
    if (rc == 0) {
        rounds(l, w, tell, arg);
        judge_cell(l);
        if (l->cell->trace)
            gt_cell_keep_trace(l);
    } else {
        gt_result_say(l->r, GT_STRESS_INCOMPLETE, "no round: %s", strerror(-rc));
    }
    gt_watch_stop(w);
    gt_round_fini(l->round);
}

static enum gt_stress_verdict no_runtime(int rc)
{
    if (gt_cell_is_environment(rc))
        return GT_STRESS_VOID;
    return rc == -ENOMEM || rc == -EAGAIN ? GT_STRESS_INCOMPLETE : GT_STRESS_FAILED;
}

/* Rules that are broken as it is made are of the first round; as it goes, of none. */
static void end_runtime(struct gt_cell_life *l)
{
    struct gt_stress_result *r = l->r;
    uint64_t before = r->inconsistencies;
    int64_t now = gt_child_clock() - l->start;
    l->cell->ops->destroy(l->rt);
    if (r->rounds == 0)
        return;
    gt_cell_violations(l, l->broken);
    if (r->inconsistencies == before)
        return;
    if (before == 0) {
        r->first.ns = now;
        r->first.events = r->events;
    }
    note_fault(l, now, NULL);
    gt_result_finding(r, "as the runtime was destroyed");
    gt_result_say(r, GT_STRESS_INCONSISTENT, "%" PRIu64 " inconsistencies, the first: %s",
                  r->inconsistencies, r->first.name);
}

void gt_stress_cell_run(const struct gt_stress_cell *c, struct gt_stress_result *r,
                        void (*tell)(void *arg, const struct gt_stress_result *r), void *arg)
{
    char err[200];
    struct gt_cell_life l = {.cell = c, .r = r, .start = gt_child_clock()};
    l.hunted = gt_fault_hunted(c);
    memset(r, 0, sizeof *r);
    r->seed = c->config.seed;
    if (gt_stress_lacks(c, err, sizeof err)) {
        gt_result_say(r, GT_STRESS_SKIPPED, "%s", err);
        return;
    }
    l.round = calloc(1, sizeof *l.round);
    struct gt_watch *w = l.round ? gt_watch_start(&l) : NULL;
    struct gt_config config = c->config;
    config.broken = l.broken;
    int rc = w ? c->ops->create(&config, &l.rt, err, sizeof err) : 0;
    if (!w)
        gt_result_say(r, GT_STRESS_INCOMPLETE, "no memory for a cell");
    else if (rc != 0)
        gt_result_say(r, no_runtime(rc), "%s", err);
    if (w && rc == 0)
        run_on(&l, w, tell, arg);
    else if (w)
        gt_watch_stop(w);
    if (l.rt)
        end_runtime(&l);
    free(l.journal);
    gt_truth_space_free(l.space);
    gt_windows_space_free(&l.windows);
    free(l.round);
}
