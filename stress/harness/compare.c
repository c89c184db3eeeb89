/* SPDX-License-Identifier: Apache-2.0 */
/* The oracles over a round that ended. Each adds what it counts; none knows of the others. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cell.h"
#include "harness/judge.h"
#include "harness/truth.h"

struct comparing {
    struct gt_cell_life *l;
    struct gt_round_trace *traces[GT_ROUND_TRACES];
    size_t n;
    bool whole; /* every trace came to its file, to its end */
};

static bool wanted(const struct comparing *c, enum gt_oracle o)
{
    return (c->l->cell->oracles & ~c->l->mute) >> o & 1u;
}

/* It had something to look at. */
static void looked(struct comparing *c, enum gt_oracle o)
{
    c->l->looked |= 1u << o;
}

/* ---- the run itself ----------------------------------------------------- */
static void look_at_run(struct comparing *c)
{
    struct gt_cell_life *l = c->l;
    struct gt_stress_result *r = l->r;
    int rc = l->ran ? l->ran : l->rc ? l->rc : l->round->start_rc;
    bool start = l->no_trace || (rc != 0 && rc == l->round->start_rc);
    if (l->ran == -EDEADLK) {
        if (wanted(c, GT_ORACLE_LIVENESS))
            gt_result_count(r, GT_ORACLE_LIVENESS, "deadlock", 1);
        gt_result_say(r, GT_STRESS_INCONSISTENT, "every G is parked for ever");
    } else if (start && l->round->profile_hz != 0 &&
               (rc == -EAGAIN || rc == -ENOTSUP || rc == -EBUSY)) {
        gt_result_say(r, GT_STRESS_VOID, "no CPU samples are to be had here: %s", strerror(-rc));
    } else if (rc == -ENOMEM || rc == -EAGAIN || rc == -EMFILE || rc == -EINTR) {
        gt_result_say(r, GT_STRESS_INCOMPLETE, "the round broke off: %s", strerror(-rc));
    } else if (rc != 0) {
        gt_result_say(r, GT_STRESS_FAILED, "%s returned %d: %s",
                      l->ran  ? "run()"
                      : start ? "the start of the trace"
                              : "the test",
                      rc, strerror(-rc));
    }
    if (rc == 0 && l->procs_rc != 0)
        gt_result_say(r, l->procs_rc == -ENOMEM ? GT_STRESS_INCOMPLETE : GT_STRESS_FAILED,
                      "the number of Ps cannot be set back to %d: %s", l->cell->config.procs,
                      strerror(-l->procs_rc));
    if (rc == 0 && !l->settled) {
        gt_result_count(r, GT_ORACLE_TEST, "left-gs", 1);
        gt_result_finding(r, "Gs that the round made have not ended");
    }
    if (l->round->failed) {
        gt_result_count(r, GT_ORACLE_TEST, "check", 1);
        gt_result_finding(r, "%s", l->round->why);
    }
}

/* ---- traces: are they there, and in order? ------------------------------ */
static void look_at_files(struct comparing *c)
{
    c->whole = c->l->ran == 0; /* else the trace ended with the run, in the middle */
    for (size_t i = 0; i < c->n; i++) {
        const struct gt_round_trace *t = c->traces[i];
        c->l->r->trace_bytes += t->taken;
        c->l->r->traces++;
        if (t->error == 0)
            continue;
        c->whole = false;
        gt_result_say(c->l->r, GT_STRESS_INCOMPLETE,
                      "a trace is not whole: %s after %" PRIu64 " bytes", strerror(-t->error),
                      t->taken);
    }
    if (c->whole && c->l->trace_rc != 0) {
        c->whole = false;
        gt_result_say(c->l->r, GT_STRESS_INCOMPLETE, "the trace ended early: %s",
                      strerror(-c->l->trace_rc));
    }
}

static void order_of_one(struct comparing *c, int fd)
{
    struct gt_stress_result *r = c->l->r;
    struct gt_judgement *j = calloc(1, sizeof *j);
    char err[200] = "no memory";
    int rc = j ? gt_judge(fd, j, err, sizeof err) : -ENOMEM;
    if (rc == -EINVAL) {
        gt_result_count(r, GT_ORACLE_ORDER, "no-trace", 1);
        gt_result_finding(r, "%s", err);
    } else if (rc != 0) {
        gt_result_say(r, GT_STRESS_INCOMPLETE, "a trace cannot be read: %s", err);
    }
    for (int i = 0; rc == 0 && i < GT_RULE_COUNT; i++)
        gt_result_count(r, GT_ORACLE_ORDER, gt_rule_info((enum gt_rule)i)->class_name,
                        j->result.by_rule[i]);
    for (uint32_t i = 0; rc == 0 && i < j->n_findings; i++)
        gt_result_finding(r, "order: %s", j->findings[i]);
    if (rc == 0) {
        r->events += j->result.stats.events;
        r->generations += j->result.stats.generations;
    }
    free(j);
}

/* One that began and ended, and of which not a byte came. */
static void order_of_none(struct comparing *c)
{
    gt_result_count(c->l->r, GT_ORACLE_ORDER, "no-trace", 1);
    gt_result_finding(c->l->r, "order: a trace was started and stopped, and its tracer wrote nothing");
}

static void order(struct comparing *c)
{
    if (!(c->l->cell->config.tracer->head.flags & GT_TRACER_CHECKABLE))
        return;
    for (uint32_t i = gt_round_silent(c->l->round); c->whole && i > 0; i--)
        order_of_none(c);
    if (c->whole && (c->n > 0 || gt_round_silent(c->l->round) > 0))
        looked(c, GT_ORACLE_ORDER);
    for (size_t i = 0; c->whole && i < c->n; i++)
        order_of_one(c, c->traces[i]->fd);
}

/* ---- journal: truth, windows -------------------------------------------- */
static void keep_lie(void *arg, const struct gt_lie *lie)
{
    char was[80] = "nothing";
    if (lie->was)
        snprintf(was, sizeof was, "%s %" PRIu64 " version %" PRIu64 " from %u to %u on M %u",
                 lie->was->kind == GT_J_G ? "G" : "P", lie->was->id, lie->was->version,
                 lie->was->from, lie->was->to, lie->was->m);
    gt_result_finding(arg, "truth: %s at generation %" PRIu64 ", M %" PRId64 ", byte %" PRIu64
                      ": %s; happened: %s; said: %.80s", gt_truth_name(lie->cls), lie->generation,
                      (int64_t)lie->m, lie->offset, lie->explain, was, lie->said);
}

static void truth(struct comparing *c)
{
    struct gt_cell_life *l = c->l;
    struct gt_truth_result t = {0};
    int fds[GT_ROUND_TRACES];
    const struct gt_truth_options o = {.syscalls = l->cell->config.syscalls,
                                       .space = l->space,
                                       .lie = keep_lie,
                                       .arg = l->r,
                                       .max_report = GT_STRESS_FINDINGS};
    for (size_t i = 0; i < c->n; i++)
        fds[i] = c->traces[i]->fd;
    looked(c, GT_ORACLE_TRUTH);
    int rc = gt_truth_compare(l->journal, l->n_journal, l->lost, fds, c->n, &o, &t);
    if (rc == -EBADMSG) { /* of the trace, at whose end the comparison broke off */
        gt_result_count(l->r, GT_ORACLE_TRUTH, "no-trace", 1);
        gt_result_finding(l->r, "truth: a trace cannot be read");
    } else if (rc != 0)
        gt_result_say(l->r, GT_STRESS_INCOMPLETE, "journal and traces cannot be compared: %s",
                      strerror(-rc));
    if (rc == 0 && t.void_round) { /* nothing was lost, and yet versions are missing or double */
        gt_result_count(l->r, GT_ORACLE_TRUTH, "broken-journal", 1);
        gt_result_finding(l->r, "truth: the journal's versions of a G or P are not consecutive: two "
                                "changed it at once");
    }
    for (int i = 0; rc == 0 && i < GT_TRUTH_CLASSES; i++)
        gt_result_count(l->r, GT_ORACLE_TRUTH, gt_truth_name((enum gt_truth_class)i),
                        t.by_class[i]);
}

static void look_at_journal(struct comparing *c)
{
    struct gt_cell_life *l = c->l;
    struct gt_windows w = {0};
    bool checkable = (l->cell->config.tracer->head.flags & GT_TRACER_CHECKABLE) != 0;
    int rc = gt_cell_journal(l);
    if (rc == 0 && l->lost > 0) {
        l->r->void_rounds++; /* I2 of cell.h */
        return;
    }
    if (rc == 0 && c->whole && checkable && wanted(c, GT_ORACLE_TRUTH))
        truth(c);
    if (rc == 0)
        rc = gt_windows_count(&w, l->journal, l->n_journal, &l->windows);
    if (rc != 0)
        gt_result_say(l->r, GT_STRESS_INCOMPLETE, "the journal: %s", strerror(-rc));
    for (int i = 0; i < GT_WINDOWS; i++)
        l->r->windows[i] += w.n[i];
}

/* ---- what the runtime says about itself --------------------------------- */
static enum gt_oracle oracle_of(uint32_t violation)
{
    return violation == GT_VIOLATION_LOCK ? GT_ORACLE_LOCKS : GT_ORACLE_OWNERSHIP;
}

void gt_cell_violations(struct gt_cell_life *l, const uint64_t now[GT_VIOLATIONS])
{
    for (uint32_t i = 0; i < GT_VIOLATIONS; i++) {
        if (l->cell->oracles >> oracle_of(i) & 1u)
            gt_result_count(l->r, oracle_of(i), gt_violation_name(i), now[i] - l->judged[i]);
        l->judged[i] = now[i];
    }
}

/* ---- conservation ------------------------------------------------------- */
static void same(struct comparing *c, const char *cls, uint64_t a, uint64_t b, const char *what)
{
    if (a == b)
        return;
    gt_result_count(c->l->r, GT_ORACLE_CONSERVATION, cls, 1);
    gt_result_finding(c->l->r, "conservation: %s: %" PRIu64 " and %" PRIu64, what, a, b);
}

static void conservation(struct comparing *c)
{
    const struct gt_trace_books *was = &c->l->before.books, *is = &c->l->after.books;
    uint64_t taken = 0;
    if (is->traces == was->traces || is->traces - was->traces != c->n)
        return; /* it keeps no books, or a trace broke off with its run */
    looked(c, GT_ORACLE_CONSERVATION);
    for (size_t i = 0; i < c->n; i++)
        taken += c->traces[i]->taken;
    same(c, "queue", is->queued - was->queued, is->read - was->read, "bytes queued and bytes read");
    same(c, "loss", is->made - was->made, is->written - was->written + is->lost - was->lost,
         "bytes made, and written or reported lost");
    same(c, "sink", is->written - was->written, taken, "bytes written and bytes in the files");
    same(c, "buffers", is->buffers_out - was->buffers_out, 0,
         "buffers that are out when a trace has ended, and none");
}

void gt_cell_compare(struct gt_cell_life *l)
{
    struct comparing c = {.l = l};
    c.n = gt_round_traces(l->round, c.traces);
    look_at_run(&c);
    look_at_files(&c);
    gt_cell_violations(l, l->after.violations_by);
    looked(&c, GT_ORACLE_OWNERSHIP);
    looked(&c, GT_ORACLE_LOCKS);
    looked(&c, GT_ORACLE_LIVENESS);
    if (wanted(&c, GT_ORACLE_CONSERVATION))
        conservation(&c);
    if (wanted(&c, GT_ORACLE_ORDER))
        order(&c);
    else
        l->r->events += l->after.events - l->before.events;
    look_at_journal(&c);
    if (l->r->inconsistencies > 0)
        gt_result_say(l->r, GT_STRESS_INCONSISTENT, "%" PRIu64 " inconsistencies, the first: %s",
                      l->r->inconsistencies, l->r->first.name);
}
