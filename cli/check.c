/* SPDX-License-Identifier: Apache-2.0 */
/* check: reads traces, counts and locates every inconsistency. */
#include "check.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/child.h"
#include "infile.h"
#include "options.h"

#define FINDINGS_SHOWN 20
#define STUCK_KEPT 64

/* ---- the input --------------------------------------------------------- */
struct input {
    struct gt_infile file;
    struct gt_progress progress;
};

static int64_t read_input(void *arg, void *buf, size_t n)
{
    struct input *in = arg;
    int64_t r = gt_infile_read(&in->file, buf, n);
    uint64_t total = in->file.regular ? (uint64_t)in->file.at_open.st_size : 0;
    gt_progress_bytes(&in->progress, in->file.taken, total, in->file.name);
    return r;
}

/* ---- keeping findings -------------------------------------------------- */
static char *copy(const char *s)
{
    return strdup(s ? s : "");
}

static void keep_finding(void *arg, const struct gt_finding *f)
{
    struct gt_checked *c = arg;
    size_t n = c->n_findings;
    if ((n & (n - 1)) == 0) { /* a power of two: full */
        struct gt_kept_finding *more = realloc(c->findings, (n ? 2 * n : 1) * sizeof *more);
        if (!more)
            return; /* counted all the same */
        c->findings = more;
    }
    c->findings[c->n_findings++] = (struct gt_kept_finding){
        .rule = f->rule,
        .at = f->at,
        .first_error = f->first_error,
        .event = copy(f->event_text),
        .states = copy(f->states),
        .explain = copy(f->explain),
    };
}

static void keep_stuck(void *arg, const struct gt_stuck *s)
{
    struct gt_checked *c = arg;
    struct gt_kept_finding *f = c->n_findings ? &c->findings[c->n_findings - 1] : NULL;
    if (!f)
        return;
    if (!f->stuck)
        f->stuck = calloc(STUCK_KEPT, sizeof *f->stuck);
    if (!f->stuck || f->n_stuck == STUCK_KEPT) {
        f->more_stuck++;
        return;
    }
    f->stuck[f->n_stuck++] = (struct gt_kept_stuck){
        .at = s->at,
        .event = copy(s->event_text),
        .waits_for = copy(s->waits_for),
        .freed_by = copy(s->freed_by),
    };
}

static void forget(struct gt_checked *c)
{
    for (size_t i = 0; i < c->n_findings; i++) {
        struct gt_kept_finding *f = &c->findings[i];
        for (size_t k = 0; k < f->n_stuck; k++) {
            free(f->stuck[k].event);
            free(f->stuck[k].waits_for);
            free(f->stuck[k].freed_by);
        }
        free(f->stuck);
        free(f->event);
        free(f->states);
        free(f->explain);
    }
    free(c->findings);
}

/* ---- checking ---------------------------------------------------------- */
const char *gt_check_verdict_name(enum gt_check_verdict v)
{
    static const char *const names[] = {"consistent", "inconsistent", "unreadable", "changed",
                                        "interrupted"};
    return names[v];
}

static void judge(struct gt_checked *c, const struct input *in, int rc)
{
    bool bad = c->rules == GT_RULES_GO ? !c->result.accepted : c->result.inconsistencies != 0;
    c->verdict = bad || !c->result.accepted ? GT_CHECK_INCONSISTENT : GT_CHECK_CONSISTENT;
    if (rc == -EINTR && gt_stop_asked) {
        c->verdict = GT_CHECK_INTERRUPTED;
        snprintf(c->error, sizeof c->error, "interrupted after %llu bytes; the report is of those",
                 (unsigned long long)in->file.taken);
    } else if (rc != 0) {
        c->verdict = GT_CHECK_UNREADABLE;
        snprintf(c->error, sizeof c->error, "reading failed after %llu bytes: %s",
                 (unsigned long long)in->file.taken, strerror(-rc));
    } else if (gt_infile_changed(&in->file)) {
        c->verdict = GT_CHECK_CHANGED;
        snprintf(c->error, sizeof c->error,
                 "was written to while it was read (%llu bytes then, %llu read): check it again "
                 "when it is complete",
                 (unsigned long long)in->file.at_open.st_size, (unsigned long long)in->file.taken);
    }
}

static void check_input(struct gt_checked *c, struct input *in, uint64_t max_report)
{
    struct gt_reader *r;
    struct gt_read_error e = {0};
    const struct gt_source source = {.read = read_input, .arg = in};
    const struct gt_check_options o = {
        .rules = c->rules,
        .finding = max_report ? keep_finding : NULL,
        .stuck = max_report ? keep_stuck : NULL,
        .arg = c,
        .max_report = max_report,
    };
    int64_t start = gt_child_clock();
    int rc = gt_reader_open(&source, &r, &e);
    if (rc != 0) {
        c->verdict = gt_stop_asked ? GT_CHECK_INTERRUPTED : GT_CHECK_UNREADABLE;
        snprintf(c->error, sizeof c->error, "%s", e.text[0] ? e.text : strerror(-rc));
        return;
    }
    rc = gt_check(r, &o, &c->result);
    gt_reader_close(r);
    c->has_result = true;
    c->seconds = (double)(gt_child_clock() - start) / 1e9;
    judge(c, in, rc);
}

static void check_file(struct gt_checked *c, const char *name, const struct gt_options *o)
{
    struct input in;
    uint64_t max = o->max_report == UINT64_MAX ? FINDINGS_SHOWN : o->max_report;
    memset(c, 0, sizeof *c);
    c->rules = o->rules_go ? GT_RULES_GO : GT_RULES_STRICT;
    c->verdict = GT_CHECK_UNREADABLE;
    int rc = gt_infile_open(&in.file, name);
    c->name = in.file.name;
    if (rc == -EISDIR)
        snprintf(c->error, sizeof c->error, "is a directory: name the trace file itself");
    else if (rc != 0)
        snprintf(c->error, sizeof c->error, "cannot be opened: %s", strerror(-rc));
    if (rc == 0) {
        gt_progress_start(&in.progress, 0);
        check_input(c, &in, max);
        gt_progress_end(&in.progress);
    }
    gt_infile_close(&in.file);
}

static enum gt_exit status_of(const struct gt_checked *c)
{
    if (c->verdict == GT_CHECK_CONSISTENT)
        return GT_EXIT_OK;
    return c->verdict == GT_CHECK_INCONSISTENT ? GT_EXIT_BAD : GT_EXIT_BROKEN;
}

/* Of several files, one line at the end. */
static void print_summary(const uint64_t verdicts[])
{
    const char *between = "\n";
    for (int v = GT_CHECK_CONSISTENT; v <= GT_CHECK_INTERRUPTED; v++)
        if (verdicts[v]) {
            printf("%s%" PRIu64 " %s", between, verdicts[v],
                   gt_check_verdict_name((enum gt_check_verdict)v));
            between = ", ";
        }
    putchar('\n');
}

static enum gt_exit check_files(const struct gt_options *o, struct gt_json *j)
{
    enum gt_exit status = GT_EXIT_OK;
    uint64_t verdicts[GT_CHECK_INTERRUPTED + 1] = {0}, printed = 0;
    for (int i = 0; i < o->n_args && !gt_stop_asked; i++) {
        struct gt_checked c;
        check_file(&c, o->args[i], o);
        if (c.error[0])
            gt_say("check", "%s: %s", c.name, c.error);
        if (!j && c.has_result && printed++ > 0)
            putchar('\n');
        if (j)
            gt_check_json(j, &c);
        else if (c.has_result)
            gt_check_print(stdout, &c);
        fflush(stdout);
        verdicts[c.verdict]++;
        status = gt_exit_worse(status, status_of(&c));
        forget(&c);
    }
    if (!j && o->n_args > 1)
        print_summary(verdicts);
    return gt_stop_asked ? GT_EXIT_BROKEN : status;
}

static enum gt_exit check_as_json(const struct gt_options *o)
{
    struct gt_json j;
    gt_json_start(&j, stdout);
    if (o->n_args > 1)
        gt_json_open(&j, '[');
    enum gt_exit status = check_files(o, &j);
    if (o->n_args > 1)
        gt_json_close(&j, ']');
    gt_json_end(&j);
    return status;
}

static int run(const struct gt_verb *v, int argc, char **argv)
{
    struct gt_options o;
    char err[512];
    if (gt_options_parse(&o, v->name, v->options, argc, argv, err, sizeof err) != 0) {
        gt_say(v->name, "%s", err);
        return GT_EXIT_USAGE;
    }
    if (o.n_args == 0) {
        gt_say(v->name, "no trace is named: write a FILE, or - for standard input");
        return GT_EXIT_USAGE;
    }
    gt_stop_install();
    enum gt_exit status = o.json ? check_as_json(&o) : check_files(&o, NULL);
    return gt_stdout_ok(v->name) ? (int)status : GT_EXIT_BROKEN;
}

const struct gt_verb gt_verb_check = {
    .name = "check",
    .args = "FILE... [options]",
    .summary = "reads traces, Go's or ours, and reports every inconsistency",
    .text =
        "Replays each trace and says where it contradicts itself: what rule, at which byte, on\n"
        "which thread, what the states were, and why that cannot be. FILE may be a pipe; - is\n"
        "standard input. --rules=go judges as Go's own reader does, to the first error and\n"
        "beyond; strict adds what it lets pass. docs/broken-trace.md reads a report and lists\n"
        "the fields of the JSON.\n"
        "Status 1: the trace is inconsistent, or Go's reader rejects it after a valid header.\n"
        "Status 5: no trace at all (empty, a directory, another version), the input failed, the\n"
        "file was written to meanwhile, or the check was interrupted. Of several files the\n"
        "gravest counts.\n",
    .options = GT_OPT_RULES | GT_OPT_MAX_REPORT | GT_OPT_JSON,
    .run = run,
};
