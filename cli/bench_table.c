/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables, at most 100 columns wide, from the entries:
 *   rows by scheduler   19 row | 8 floor | 4 n CAS | 8 bound | 7 target | 6 stretch | 4 x 12
 *   beside peers        19 row | 6 x 11 | the best peer's ratio, below it its name
 *   rows by tracer      as by scheduler
 *   pairs               19 row | 9 tracer | 13 where | off, added, interval, %, events, ns/event
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "cli.h"
#include "gauntlet/scheduler.h"
#include "gauntlet/tracer.h"

enum { BLOCK = 4, PEERS_BLOCK = 6, COLUMNS_MAX = 32 };

struct pen {
    FILE *f;
    const struct gt_bench_job *j;
    bool colour;
    bool gap; /* a table stands above already */
};

/* ---- entries ---------------------------------------------------------------------------- */
double gt_bench_number(const json_t *entry, const char *path)
{
    char key[64];
    while (*path) {
        size_t n = strcspn(path, ".");
        snprintf(key, sizeof key, "%.*s", (int)n, path);
        entry = json_object_get(entry, key);
        path += n + (path[n] == '.');
    }
    return json_is_number(entry) ? json_number_value(entry) : NAN;
}

const char *gt_bench_text(const json_t *entry, const char *key)
{
    const char *s = json_string_value(json_object_get(entry, key));
    return s ? s : "";
}

static bool is(const json_t *e, const char *key, const char *value)
{
    return strcmp(gt_bench_text(e, key), value) == 0;
}

static bool is_pair(const json_t *e)
{
    return json_object_get(e, "pair") != NULL;
}

static bool counts(const json_t *e)
{
    return is(e, "verdict", "ok");
}

/* ---- numbers ---------------------------------------------------------------------------- */
/* Three significant figures or so, in at most 8 characters. */
static const char *number(char *buf, size_t size, double v)
{
    double a = fabs(v);
    if (isnan(v))
        snprintf(buf, size, "%s", "");
    else if (a < 0.0005)
        snprintf(buf, size, "0");
    else if (a < 0.0995)
        snprintf(buf, size, "%.3f", v);
    else if (a < 9.95)
        snprintf(buf, size, "%.2f", v);
    else if (a < 999.5)
        snprintf(buf, size, "%.1f", v);
    else if (a < 9999999)
        snprintf(buf, size, "%.0f", v);
    else
        snprintf(buf, size, "%.2e", v);
    return buf;
}

/* In at most 5 characters. */
static const char *brief(char *buf, size_t size, double v)
{
    static const struct {
        double over, per;
        const char *unit;
    } scales[] = {{999500, 1e6, "M"}, {999.5, 1e3, "k"}};
    double a = fabs(v);
    for (size_t i = 0; i < sizeof scales / sizeof scales[0]; i++)
        if (a >= scales[i].over) {
            double s = v / scales[i].per;
            snprintf(buf, size, fabs(s) < 9.95 ? "%.1f%s" : "%.0f%s", s, scales[i].unit);
            return buf;
        }
    if (a < 0.0005)
        snprintf(buf, size, "0");
    else
        snprintf(buf, size, a < 9.95 ? "%.2f" : a < 99.95 ? "%.1f" : "%.0f", v);
    return buf;
}

static const char *interval(char *buf, size_t size, double low, double high)
{
    char a[16], b[16];
    if (!isfinite(low) || !isfinite(high))
        snprintf(buf, size, "%s", "");
    else
        snprintf(buf, size, "%s..%s", brief(a, sizeof a, low), brief(b, sizeof b, high));
    return buf;
}

/* What stands where a figure would: a word for each verdict that is not ok. */
static const char *instead(const json_t *e)
{
    static const struct {
        const char *verdict, *word;
    } words[] = {{"ok", ""},           {"skipped", "n/a"},         {"failed", "void"},
                 {"void", "void"},     {"inconclusive", "unsure"}, {"incomplete", "partial"}};
    for (size_t i = 0; e && i < sizeof words / sizeof words[0]; i++)
        if (is(e, "verdict", words[i].verdict))
            return words[i].word;
    return "n/a";
}

/* ---- a table by scheduler or tracer ------------------------------------------------------- */
typedef const json_t *(*find_fn)(const struct pen *p, const struct gt_bench_part *part, uint32_t i);

/* With tracing: a workload's cell says so itself, though it came to nothing; of other rows those
 * that were measured in pairs count. */
static bool traces(const struct gt_bench_part *part, const json_t *e)
{
    return gt_bench_is_workload(&part->group.row) ? json_is_true(json_object_get(e, "tracing"))
                                                  : is_pair(e);
}

static const json_t *find_if(const struct gt_bench_part *part, const char *runtime,
                             const char *key, const char *value, bool tracing)
{
    size_t i;
    json_t *e;
    json_array_foreach(part->entries, i, e)
        if (part->group.cells[i]->role == GT_BENCH_RUNTIME && traces(part, e) == tracing &&
            (!runtime || is(e, "runtime", runtime)) && (!key || is(e, key, value)))
            return e;
    return NULL;
}

static const json_t *by_scheduler(const struct pen *p, const struct gt_bench_part *part, uint32_t i)
{
    if (part->group.row.once)
        return i == 0 ? find_if(part, NULL, NULL, NULL, false) : NULL;
    return find_if(part, "gmp", "scheduler", p->j->choice.schedulers[i]->head.name, false);
}
static const json_t *by_tracer(const struct pen *p, const struct gt_bench_part *part, uint32_t i)
{
    return find_if(part, "gmp", "tracer", p->j->choice.row_tracers[i]->head.name, false);
}

static void figure(const struct gt_bench_row *row, char *buf, size_t size, double value)
{
    char text[24];
    number(text, sizeof text, value);
    if (row->about == GT_BENCH_OVER && text[0] != '-' && text[0] != '\0')
        snprintf(buf, size, "+%s", text);
    else
        snprintf(buf, size, "%s%s", text, row->about == GT_BENCH_RATIO && text[0] ? "x" : "");
}

static void target(char *buf, size_t size, double v, const struct gt_bench_row *row)
{
    if (v <= 0)
        snprintf(buf, size, "%s", "");
    else
        snprintf(buf, size, "%s%g%s", row->about == GT_BENCH_OVER ? "+" : "", v,
                 row->about == GT_BENCH_RATIO ? "x" : "");
}

static void print_mark(const struct pen *p, const json_t *e)
{
    static const struct {
        const char *met;
        char mark;
        const char *colour;
    } marks[] = {{"no", '-', "\033[31m"}, {"target", '+', "\033[32m"}, {"stretch", '*', "\033[32m"}};
    bool over = gt_bench_number(e, "median") > gt_bench_number(e, "bound");
    for (size_t i = 0; i < 3; i++)
        if (is(e, "met", marks[i].met)) {
            fprintf(p->f, " %s%c%s%c", p->colour ? marks[i].colour : "", marks[i].mark,
                    p->colour ? "\033[0m" : "", over ? '!' : ' ');
            return;
        }
    fprintf(p->f, "  %c", over ? '!' : ' ');
}

/* The figure, or what is the matter with it. */
static void print_cell(const struct pen *p, const struct gt_bench_part *part, const json_t *e,
                       bool blank)
{
    char text[32];
    if (e && counts(e))
        figure(&part->group.row, text, sizeof text, gt_bench_number(e, "figure.median"));
    else
        snprintf(text, sizeof text, "%.8s", blank ? "" : instead(e));
    fprintf(p->f, " %8s", text);
    if (e && counts(e))
        print_mark(p, e);
    else
        fprintf(p->f, "   ");
}

static double any_number(const struct gt_bench_part *part, const char *path)
{
    size_t i;
    json_t *e;
    json_array_foreach(part->entries, i, e)
        if (part->group.cells[i]->role == GT_BENCH_RUNTIME && isfinite(gt_bench_number(e, path)))
            return gt_bench_number(e, path);
    return NAN;
}

static const char *title_of(const struct gt_bench_part *part, char *buf, size_t size)
{
    const struct gt_bench_row *row = &part->group.row;
    if (row->title)
        snprintf(buf, size, "%.18s", row->title);
    else if (row->param)
        snprintf(buf, size, "%.11s:%u, %d P", row->workload, row->param, row->procs);
    else
        snprintf(buf, size, "%.13s, %d P", row->workload, row->procs);
    return buf;
}

static bool is_incomplete(const struct gt_bench_part *part)
{
    return part->verdict == GT_VERDICT_INCOMPLETE;
}

static void print_figures(const struct pen *p, const struct gt_bench_part *part, find_fn find,
                          uint32_t from, uint32_t to)
{
    char name[40], floor[32], bound[32], want[32], stretch[32], cas[16] = "";
    const struct gt_bench_row *row = &part->group.row;
    if (row->bounded)
        snprintf(cas, sizeof cas, "%u", row->cas);
    target(want, sizeof want, row->target, row);
    target(stretch, sizeof stretch, row->stretch, row);
    fprintf(p->f, "%-18.18s%c%8s%4s%8s%7s%6s", title_of(part, name, sizeof name),
            is_incomplete(part) ? '~' : ' ',
            number(floor, sizeof floor, any_number(part, "floor.median")), cas,
            number(bound, sizeof bound, any_number(part, "bound")), want, stretch);
    for (uint32_t i = from; i < to; i++)
        print_cell(p, part, find(p, part, i), row->once && i > 0);
    fputc('\n', p->f);
}

static void print_intervals(const struct pen *p, const struct gt_bench_part *part, find_fn find,
                            uint32_t from, uint32_t to)
{
    char text[COLUMNS_MAX][32];
    bool any = false;
    for (uint32_t i = from; i < to; i++) {
        const json_t *e = find(p, part, i);
        interval(text[i - from], sizeof text[0], NAN, NAN);
        if (e && counts(e))
            interval(text[i - from], sizeof text[0], gt_bench_number(e, "figure.low"),
                     gt_bench_number(e, "figure.high"));
        any |= text[i - from][0] != '\0';
    }
    if (!any)
        return;
    fprintf(p->f, "%52s", "");
    for (uint32_t i = from; i < to; i++)
        fprintf(p->f, "%12s", text[i - from]);
    fputc('\n', p->f);
}

static void print_crossed(const struct pen *p, const struct gt_bench_part *part, find_fn find,
                          uint32_t from, uint32_t to)
{
    bool any = false;
    for (uint32_t i = from; i < to; i++)
        any |= isfinite(gt_bench_number(find(p, part, i), "counters.crossed"));
    if (!any || part->group.row.procs < 2)
        return;
    fprintf(p->f, "%52s", "really crossed Ps");
    for (uint32_t i = from; i < to; i++) {
        double share = gt_bench_number(find(p, part, i), "counters.crossed");
        if (isfinite(share))
            fprintf(p->f, " %7.0f %%  ", 100 * share);
        else
            fprintf(p->f, " %11s", "");
    }
    fputc('\n', p->f);
}

static void print_head(const struct pen *p, bool tracers, uint32_t from, uint32_t to)
{
    const struct gt_bench_choice *c = &p->j->choice;
    fprintf(p->f, "%-19s%8s%4s%8s%7s%6s", tracers ? "tracer" : "", "floor", "n", "bound", "target",
            "best");
    for (uint32_t i = from; i < to; i++)
        fprintf(p->f, " %9.9s  ",
                tracers ? c->row_tracers[i]->head.name : c->schedulers[i]->head.name);
    fputc('\n', p->f);
}

/* Has the table something to say of this part? */
static bool belongs(const struct pen *p, const struct gt_bench_part *part, bool tracers,
                    find_fn find, uint32_t n)
{
    if (part->group.row.by_tracer != tracers)
        return false;
    for (uint32_t i = 0; i < n; i++)
        if (find(p, part, i) && !(tracers && part->group.row.paired))
            return true;
    return false;
}

/* The rows by scheduler or those by tracer, four columns at a time. */
static void print_rows(struct pen *p, bool tracers)
{
    const struct gt_bench_choice *c = &p->j->choice;
    find_fn find = tracers ? by_tracer : by_scheduler;
    uint32_t n = tracers ? c->n_row_tracers : c->n_schedulers;
    for (uint32_t from = 0; from < n; from += BLOCK) {
        uint32_t to = from + BLOCK < n ? from + BLOCK : n;
        bool head = false;
        for (uint32_t i = 0; i < p->j->n_done; i++) {
            const struct gt_bench_part *part = &p->j->parts[i];
            if (!belongs(p, part, tracers, find, n) || (from > 0 && part->group.row.once))
                continue;
            if (!head) {
                fputs(p->gap ? "\n" : "", p->f);
                print_head(p, tracers, from, to);
            }
            head = p->gap = true;
            print_figures(p, part, find, from, to);
            print_intervals(p, part, find, from, to);
            print_crossed(p, part, find, from, to);
        }
    }
}

/* ---- beside the peers ------------------------------------------------------------------------ */
/* gmp with the first of the schedulers asked for: the best of four would be no fair match. */
static const json_t *of_gmp(const struct pen *p, const struct gt_bench_part *part)
{
    return find_if(part, "gmp", "scheduler", p->j->choice.schedulers[0]->head.name, false);
}

static const json_t *of_runtime(const struct pen *p, const struct gt_bench_part *part,
                                const char *runtime)
{
    return strcmp(runtime, "gmp") == 0 ? of_gmp(p, part)
                                       : find_if(part, runtime, NULL, NULL, false);
}

static bool ours(const char *runtime)
{
    return strncmp(runtime, "gmp", 3) == 0;
}

/* The best of the peers, and how many times our figure it is; NULL: there is none. */
static const char *best_peer(const struct pen *p, const struct gt_bench_part *part, double *ratio)
{
    const struct gt_bench_choice *c = &p->j->choice;
    const json_t *us = of_gmp(p, part);
    double best = NAN;
    const char *who = NULL;
    for (uint32_t i = 0; i < c->n_runtimes; i++) {
        const char *name = c->runtimes[i]->head.name;
        const json_t *e = ours(name) ? NULL : of_runtime(p, part, name);
        double v = e && counts(e) ? gt_bench_number(e, "median") : NAN;
        if (isfinite(v) && !(v >= best)) {
            best = v;
            who = name;
        }
    }
    *ratio = us && counts(us) ? best / gt_bench_number(us, "median") : NAN;
    return isfinite(*ratio) ? who : NULL;
}

/* Of a column, so that a blank stands before its name. */
static int width_of(const struct pen *p, uint32_t i)
{
    int n = (int)strlen(p->j->choice.runtimes[i]->head.name) + 1;
    return n < 11 ? 11 : n > 13 ? 13 : n;
}

static void print_beside(const struct pen *p, const struct gt_bench_part *part, uint32_t from,
                         uint32_t to, bool last)
{
    const struct gt_bench_choice *c = &p->j->choice;
    char name[40], text[32];
    double ratio;
    const char *who = last ? best_peer(p, part, &ratio) : NULL;
    fprintf(p->f, "%-18.18s%c", title_of(part, name, sizeof name), is_incomplete(part) ? '~' : ' ');
    for (uint32_t i = from; i < to; i++) {
        const json_t *e = of_runtime(p, part, c->runtimes[i]->head.name);
        if (e && counts(e))
            number(text, sizeof text, gt_bench_number(e, "median"));
        else
            snprintf(text, sizeof text, "%.10s", instead(e));
        fprintf(p->f, "%*s", width_of(p, i), text);
    }
    if (who)
        fprintf(p->f, "  %sx", number(text, sizeof text, ratio));
    fprintf(p->f, "\n%19s", "");
    for (uint32_t i = from; i < to; i++) {
        const json_t *e = of_runtime(p, part, c->runtimes[i]->head.name);
        bool good = e && counts(e);
        fprintf(p->f, "%*s", width_of(p, i),
                interval(text, sizeof text, good ? gt_bench_number(e, "low") : NAN,
                         good ? gt_bench_number(e, "high") : NAN));
    }
    fprintf(p->f, "%s%.12s\n", who ? "  " : "", who ? who : "");
}

/* Measured with tracing off: with tracers alone there is nothing to set side by side. */
static bool has_off_cells(const struct pen *p, const struct gt_bench_part *part)
{
    const struct gt_bench_choice *c = &p->j->choice;
    for (uint32_t i = 0; i < c->n_runtimes; i++)
        if (of_runtime(p, part, c->runtimes[i]->head.name))
            return true;
    return false;
}

static void print_peers(struct pen *p)
{
    const struct gt_bench_choice *c = &p->j->choice;
    for (uint32_t from = 0; c->n_runtimes > 1 && from < c->n_runtimes; from += PEERS_BLOCK) {
        uint32_t to = from + PEERS_BLOCK < c->n_runtimes ? from + PEERS_BLOCK : c->n_runtimes;
        bool head = false;
        for (uint32_t i = 0; i < p->j->n_done; i++) {
            const struct gt_bench_part *part = &p->j->parts[i];
            if (!gt_bench_is_workload(&part->group.row) || !has_off_cells(p, part))
                continue;
            if (!head) {
                fprintf(p->f, "%s%-19s", p->gap ? "\n" : "", "beside peers");
                for (uint32_t k = from; k < to; k++)
                    fprintf(p->f, "%*.12s", width_of(p, k), c->runtimes[k]->head.name);
                fprintf(p->f, "%s\n", to == c->n_runtimes ? "  best/gmp" : "");
            }
            head = p->gap = true;
            print_beside(p, part, from, to, to == c->n_runtimes);
        }
    }
}

/* ---- pairs -------------------------------------------------------------------------------------- */
static void print_pair(const struct pen *p, const struct gt_bench_part *part, const json_t *e)
{
    char name[40], off[24], more[24], span[32], percent[24], events[24], each[24];
    const char *scheduler = gt_bench_text(e, "scheduler");
    const char *where = *scheduler && is(e, "runtime", "gmp") ? scheduler
                                                              : gt_bench_text(e, "runtime");
    bool pair = is_pair(e);
    double ns = gt_bench_number(e, pair ? "pair.ns.median" : "figure.median");
    fprintf(p->f, "%-18.18s %-9.9s %-12.12s", title_of(part, name, sizeof name),
            gt_bench_text(e, "tracer"), where);
    if (!counts(e)) {
        fprintf(p->f, " %.50s\n", instead(e));
        return;
    }
    number(off, sizeof off, gt_bench_number(e, pair ? "pair.off_median" : "floor.median"));
    number(more, sizeof more, ns);
    interval(span, sizeof span, gt_bench_number(e, pair ? "pair.ns.low" : "figure.low"),
             gt_bench_number(e, pair ? "pair.ns.high" : "figure.high"));
    double share = gt_bench_number(e, "pair.percent.median");
    percent[0] = '\0';
    if (isfinite(share))
        snprintf(percent, sizeof percent, "%+.0f%%", share);
    fprintf(p->f, "%8s %s%s", off, more[0] == '-' ? "" : "+", more);
    fprintf(p->f, "%*s", (int)(9 - strlen(more) - (more[0] != '-')), "");
    print_mark(p, e);
    fprintf(p->f, "%12s %8s %6s %8s\n", span, percent,
            number(events, sizeof events, gt_bench_number(e, "pair.events_per_op")),
            number(each, sizeof each, gt_bench_number(e, "pair.ns_per_event.median")));
}

static void print_pairs(struct pen *p)
{
    bool head = false;
    for (uint32_t i = 0; i < p->j->n_done; i++) {
        const struct gt_bench_part *part = &p->j->parts[i];
        bool row = part->group.row.by_tracer && part->group.row.paired;
        size_t k;
        json_t *e;
        json_array_foreach(part->entries, k, e)
        {
            if (!json_is_true(json_object_get(e, "tracing")) && !row)
                continue;
            if (part->group.row.by_tracer && !row)
                continue;
            if (!head)
                fprintf(p->f, "%s%-18s %-9s %-12s%8s %-9s   %12s %8s %6s %8s\n",
                        p->gap ? "\n" : "", "tracing", "tracer", "where", "off", "added", "",
                        "percent", "events", "ns/event");
            head = p->gap = true;
            print_pair(p, part, e);
        }
    }
}

/* ---- below ------------------------------------------------------------------------------------- */
/* Words of `text` in lines of 98 characters, after two blanks. */
static void print_wrapped(FILE *f, const char *text)
{
    while (*text) {
        size_t n = strlen(text);
        if (n > 98)
            for (n = 98; n > 40 && text[n] != ' ';)
                n--;
        fprintf(f, "  %.*s\n", (int)n, text);
        text += n + (text[n] == ' ');
    }
}

/* What is not as it should be: each reason once, with the first cell that it stands for. */
static void note(json_t *reasons, const json_t *e)
{
    json_t *key = json_sprintf("%s: %s", gt_bench_text(e, "verdict"), gt_bench_text(e, "why"));
    const char *text = json_string_value(key);
    json_t *names = text ? json_object_get(reasons, text) : NULL;
    if (text && !names) {
        names = json_array();
        json_object_set_new(reasons, text, names);
    }
    json_array_append(names, json_object_get(e, "name"));
    json_decref(key);
}

static void print_trouble(const struct pen *p)
{
    json_t *reasons = json_object(), *e, *names;
    const char *key;
    size_t k;
    for (uint32_t i = 0; i < p->j->n_done; i++)
        json_array_foreach(p->j->parts[i].entries, k, e)
            if (!counts(e) && *gt_bench_text(e, "why") &&
                !(p->j->parts[i].group.row.by_tracer && is(e, "verdict", "skipped")))
                note(reasons, e);
    fputs(json_object_size(reasons) && p->gap ? "\n" : "", p->f);
    json_object_foreach(reasons, key, names)
    {
        size_t n = json_array_size(names);
        const char *first = json_string_value(json_array_get(names, 0));
        print_wrapped(p->f, key);
        fprintf(p->f, "    %.78s", first ? first : "?");
        if (n > 1)
            fprintf(p->f, " and %zu more", n - 1);
        fputc('\n', p->f);
    }
    json_decref(reasons);
}

static void print_legend(const struct pen *p)
{
    const struct gt_bench_job *j = p->j;
    fprintf(p->f,
            "\nMedians, in ns unless said, and the interval that holds the true median 95 times in 100.\n"
            "* best met  + target met  - not met  ! above the bound, 1.25 x (floor + n x CAS)  "
            "~ incomplete\n+N: over the floor  Nx: times the floor  floors are measured in between,"
            " by hand\nvoid: its check failed, or not bound as asked  n/a: not on this runtime  unsure: too few\n");
    if (j->choice.n_runtimes > 1)
        fprintf(p->f, "gmp beside peers: its scheduler %s; best/gmp: the best peer, above 1x gmp is ahead\n",
                j->choice.schedulers[0]->head.name);
    fprintf(p->f, "%u repetitions in random order, %.3g ms each, %u parked Gs, seed %" PRIu64 ", %.0f s",
            j->env.repetitions, j->min_time_s * 1e3, j->env.parked, j->o.seed, j->seconds);
    if (j->foreign >= 0)
        fprintf(p->f, "\nother programs took %.0f %% of the machine", 100 * j->foreign);
    fprintf(p->f, "%s%s%s\n", GT_ORACLE ? ", oracle build: no figure counts" : "",
            GT_ASAN || GT_TSAN || GT_DEBUG ? ", instrumented: no figure counts" : "",
            gt_stop_asked ? ", stopped early: partial" : "");
}

void gt_bench_print_table(FILE *f, const struct gt_bench_job *j, bool colour)
{
    struct pen p = {.f = f, .j = j, .colour = colour};
    print_rows(&p, false);
    print_peers(&p);
    print_rows(&p, true);
    print_pairs(&p);
    print_trouble(&p);
    print_legend(&p);
}
