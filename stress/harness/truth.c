/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The truth oracle, as a whole. What it compares, and what it cannot:
 *
 *   Compared: every transition of a G or P, and everything that told.def lists, with its event:
 *   that it is there and is not told twice, its kind, the G, P, thread, reason, value, task and
 *   text that it names, its number in the order of its G or P, its place among the events of
 *   its thread, its generation. Statuses at the begin of a generation. That nothing else stands
 *   in the trace.
 *   Not in the journal, so not compared: stacks; times (the order oracle looks at them); CPU
 *   samples; the collector's numbers and ranges that go on into a generation (GCActive,
 *   GCSweepActive, GCMarkAssistActive: the order oracle has rules for them); two events on
 *   one thread that say the very same, exchanged: that is no other story.
 *   Headers before 1.23 tell some transitions by other events and are refused (-ENOTSUP).
 *
 * Invariants:
 *   I1 The verdict is made of the journal and the traces alone.
 *   I2 A journal that is not whole gives no verdict (void_round).
 *   I3 A transition that needs an event and stood in no section is a lie where a trace was on:
 *      what its M did before and after, or what the G or P did, stands in one trace.
 */
#include <errno.h>
#include <unistd.h>

#include "harness/truth_internal.h"

#define MERGE_MAX 2000u /* differences that are looked at for what was moved */

void gt_truth_lie(struct gt_truth *t, const struct gt_lie *l)
{
    t->out->lies++;
    t->out->by_class[l->cls]++;
    if (!t->o->lie || (t->o->max_report && t->reported >= t->o->max_report))
        return;
    t->reported++;
    t->o->lie(t->o->arg, l);
}

/* ---- what was moved -------------------------------------------------------------------------- */
static bool says(const struct gt_must *m, const struct gt_told_event *ev)
{
    const struct gt_said *a = &m->s, *b = &ev->s;
    return a->type == b->type && a->id == b->id && a->aux == b->aux && a->h == b->h &&
           (a->seq == b->seq || m->any_seq);
}

static struct gt_finding_pair *moved_to(struct gt_truth *t, const struct gt_finding_pair *from)
{
    const struct gt_must *m = &t->must[from->must];
    struct gt_finding_pair *best = NULL;
    for (size_t i = 0; i < t->n_bad && t->n_bad <= MERGE_MAX; i++) {
        struct gt_finding_pair *b = &t->bad[i];
        if (!b->has_event || b->merged || !says(m, &b->ev))
            continue;
        if (!best || (b->generation == from->generation && b->tid == from->tid))
            best = b;
    }
    return best;
}

static void say(struct gt_truth *t, enum gt_truth_class c, const struct gt_finding_pair *b,
                const struct gt_finding_pair *at, const char *explain)
{
    char said[128] = "";
    if (at->has_event)
        gt_said_text(&at->ev.s, said, sizeof said);
    gt_truth_lie(t, &(struct gt_lie){.cls = c,
                                     .was = b->must == GT_NO_INDEX ? NULL : &t->e[t->must[b->must].entry],
                                     .said = said,
                                     .generation = at->generation,
                                     .m = at->tid,
                                     .offset = at->has_event ? at->ev.offset : 0,
                                     .explain = explain});
}

static void say_missing(struct gt_truth *t, const struct gt_finding_pair *b)
{
    char want[96], explain[160];
    gt_said_text(&t->must[b->must].s, want, sizeof want);
    snprintf(explain, sizeof explain, "there is no %s", want);
    say(t, GT_TRUTH_missing, b, b, explain);
}

static void say_wrong(struct gt_truth *t, const struct gt_finding_pair *b)
{
    char want[96], explain[160];
    gt_said_text(&t->must[b->must].s, want, sizeof want);
    snprintf(explain, sizeof explain, "in its place belongs %s", want);
    say(t, GT_TRUTH_wrong, b, b, explain);
}

static void say_moved(struct gt_truth *t, const struct gt_finding_pair *b,
                      const struct gt_finding_pair *to)
{
    if (to->generation != b->generation)
        say(t, GT_TRUTH_generation, b, to, "the event stands in another generation than its section");
    else if (to->tid != b->tid)
        say(t, GT_TRUTH_thread, b, to, "the event stands on another thread");
    else
        say(t, GT_TRUTH_order, b, to, "the event stands at another place of its thread's events");
}

static void judge_differences(struct gt_truth *t)
{
    for (size_t i = 0; i < t->n_bad; i++) {
        struct gt_finding_pair *b = &t->bad[i];
        struct gt_finding_pair *to = b->must == GT_NO_INDEX ? NULL : moved_to(t, b);
        if (to) {
            to->merged = true;
            say_moved(t, b, to);
            b->told = true;
        }
    }
    for (size_t i = 0; i < t->n_bad; i++) {
        struct gt_finding_pair *b = &t->bad[i];
        bool must = b->must != GT_NO_INDEX && !b->told, ev = b->has_event && !b->merged;
        if (must && ev)
            say_wrong(t, b);
        else if (must)
            say_missing(t, b);
        else if (ev)
            say(t, GT_TRUTH_extra, b, b, "nothing that happened belongs to it");
    }
}

/* ---- I3 ------------------------------------------------------------------------------------------ */
/* Of the entry: which trace its section stands in, -1 none. */
static int64_t trace_of(const struct gt_truth *t, const struct gt_jentry *e)
{
    uint64_t g = gt_jtok_on(e->tok) ? gt_jtok_generation(e->tok) : 0;
    for (size_t i = 0; g && i < t->n_traces; i++)
        if (g >= t->traces[i].first && g <= t->traces[i].last)
            return (int64_t)i;
    return -1;
}

/* The nearest section on this M in one direction. */
static int64_t trace_on_m(const struct gt_truth *t, size_t pos, int step)
{
    uint32_t m = t->e[t->by_m[pos]].m;
    for (pos += (size_t)step; pos < t->n_by_m && t->e[t->by_m[pos]].m == m; pos += (size_t)step)
        if (gt_jtok_on(t->e[t->by_m[pos]].tok))
            return trace_of(t, &t->e[t->by_m[pos]]);
    return -1;
}

static int64_t trace_on_chain(const struct gt_truth *t, const struct gt_chains *c,
                              const struct gt_chain *k, uint64_t at, int step)
{
    const struct gt_jentry *e;
    for (at += (uint64_t)step; (e = gt_chain_at(t, c, k, at)) != NULL; at += (uint64_t)step)
        if (gt_jtok_on(e->tok))
            return trace_of(t, e);
    return -1;
}

static bool in_a_trace(const struct gt_truth *t, size_t pos)
{
    const struct gt_jentry *e = &t->e[t->by_m[pos]];
    const struct gt_chains *c = e->kind == GT_J_G ? &t->gs : &t->ps;
    const struct gt_chain *k = &c->c[t->chain_of[t->by_m[pos]]];
    uint64_t at = e->version - k->version;
    int64_t a = trace_on_m(t, pos, -1);
    if (a >= 0 && a == trace_on_m(t, pos, 1))
        return true;
    a = trace_on_chain(t, c, k, at, -1);
    return a >= 0 && a == trace_on_chain(t, c, k, at, 1);
}

static void judge_outside(struct gt_truth *t)
{
    for (size_t i = 0; i < t->outside.n; i++) {
        size_t pos = t->outside.v[i];
        const struct gt_jentry *e = &t->e[t->by_m[pos]];
        if (gt_jtok_on(e->tok))
            gt_truth_lie(t, &(struct gt_lie){.cls = GT_TRUTH_wrong,
                                             .was = e,
                                             .said = "",
                                             .generation = gt_jtok_generation(e->tok),
                                             .m = (uint64_t)e->tid,
                                             .explain = "there is no such transition"});
        else if (in_a_trace(t, pos))
            gt_truth_lie(t, &(struct gt_lie){.cls = GT_TRUTH_unsectioned,
                                             .was = e,
                                             .said = "",
                                             .m = (uint64_t)e->tid,
                                             .explain = "the trace was on, and its event can stand "
                                                        "in any generation or in none"});
    }
}

/* ---- the traces -------------------------------------------------------------------------------------- */
/* The key of the generation at hand, by any entry in it. */
static uint64_t key_of_generation(const struct gt_truth *t)
{
    size_t lo = t->run_at, hi = t->n_runs;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (t->runs[mid].generation < t->g->gen)
            lo = mid + 1;
        else
            hi = mid;
    }
    uint64_t before = t->key >> 40 << 40;
    if (lo < t->n_runs && (t->runs[lo].generation == t->g->gen || t->first_of_trace))
        before = gt_truth_key(&t->e[t->must[t->runs[lo].first].entry]) >> 40 << 40;
    return before | t->g->gen;
}

static int generation(struct gt_truth *t, struct gt_seen_trace *seen)
{
    if (t->first_of_trace)
        seen->first = t->g->gen;
    seen->last = t->g->gen;
    t->key = key_of_generation(t);
    gt_truth_status_generation(t);
    int rc = gt_truth_match(t);
    if (rc == 0)
        gt_truth_status_end(t);
    t->first_of_trace = false;
    return rc;
}

static int read_trace(struct gt_truth *t, int fd)
{
    struct gt_reader *r;
    struct gt_read_error err;
    if (lseek(fd, 0, SEEK_SET) < 0)
        return -errno;
    int rc = gt_reader_open_fd(fd, &r, &err);
    if (rc != 0)
        return rc;
    if (gt_reader_header(r) < 123)
        rc = -ENOTSUP;
    t->first_of_trace = true;
    struct gt_seen_trace *seen = &t->traces[t->n_traces];
    while (rc == 0 && (rc = gt_reader_next(r, &t->g)) == 1)
        rc = generation(t, seen);
    t->n_traces++;
    gt_reader_close(r);
    return rc;
}

static int compare(struct gt_truth *t, const int *traces, size_t n_traces)
{
    int rc = gt_truth_story(t);
    t->traces = calloc(n_traces + 1, sizeof *t->traces);
    if (rc == 0)
        rc = t->traces ? gt_truth_status_begin(t) : -ENOMEM;
    for (size_t i = 0; i < n_traces && rc == 0; i++)
        rc = read_trace(t, traces[i]);
    if (rc != 0 || t->rc != 0)
        return rc ? rc : t->rc;
    gt_truth_rest(t);
    judge_differences(t);
    judge_outside(t);
    return t->rc;
}

static void chains_free(struct gt_chains *c)
{
    free(c->c);
    free(c->slots);
    free(c->order);
}

static void truth_free(struct gt_truth *t)
{
    chains_free(&t->gs);
    chains_free(&t->ps);
    void *all[] = {t->by_m,      t->chain_of,  t->must_of,   t->must,     t->runs,    t->outside.v,
                   t->moved.v,   t->p_own.v,   t->p_call.v,  t->p_first,  t->p_musts, t->ev,
                   t->deviants,  t->bad,       t->traces,    t->lives,    t->alive.v};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
    free(t);
}

int gt_truth_compare(struct gt_jentry *e, size_t n, uint64_t lost, const int *traces,
                     size_t n_traces, const struct gt_truth_options *o,
                     struct gt_truth_result *out)
{
    memset(out, 0, sizeof *out);
    out->void_round = lost != 0;
    if (lost)
        return 0;
    struct gt_truth *t = calloc(1, sizeof *t);
    if (!t)
        return -ENOMEM;
    *t = (struct gt_truth){.o = o, .out = out, .e = e, .n = n};
    int rc = gt_truth_order(t);
    out->void_round = rc == 1;
    if (rc == 0) {
        rc = compare(t, traces, n_traces);
        for (size_t i = 0; i < t->n_by_m; i++)
            out->transitions += e[t->by_m[i]].kind != GT_J_TOLD;
    }
    truth_free(t);
    return rc < 0 ? rc : 0;
}
