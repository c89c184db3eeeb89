/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table: at most 100 columns wide, four schedulers at a time; below it the rows by tracer.
 *   19 row | 8 floor | 4 n CAS | 8 bound | 7 target | 6 stretch | 4 x 12
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>

#include "figures.h"
#include "gauntlet/scheduler.h"
#include "gauntlet/tracer.h"

enum { BLOCK = 4 };

struct pen {
    FILE *f;
    bool colour;
};

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

static void shown(const struct gt_figures *f, char *buf, size_t size, double value)
{
    char text[24];
    number(text, sizeof text, gt_figure_shown(f, value));
    if (f->row->about == GT_BENCH_OVER && text[0] != '-' && text[0] != '\0')
        snprintf(buf, size, "+%s", text);
    else
        snprintf(buf, size, "%s%s", text,
                 f->row->about == GT_BENCH_RATIO && text[0] != '\0' ? "x" : "");
}

static void target(char *buf, size_t size, double v, const struct gt_bench_row *row)
{
    const char *sign = row->about == GT_BENCH_OVER ? "+" : "";
    const char *unit = row->about == GT_BENCH_RATIO ? "x" : "";
    if (v <= 0)
        snprintf(buf, size, "%s", "");
    else
        snprintf(buf, size, "%s%g%s", sign, v, unit);
}

static void print_mark(const struct pen *p, const struct gt_figures *f, uint32_t column)
{
    static const struct {
        char mark;
        const char *colour;
    } marks[] = {{' ', ""}, {'-', "\033[31m"}, {'+', "\033[32m"}, {'*', "\033[32m"}};
    enum gt_met met = gt_figure_met(f, column);
    bool over = gt_series_median(&f->columns[column]) > gt_figure_bound(f);
    bool coloured = p->colour && met != GT_MET_NO_TARGET;
    fprintf(p->f, " %s%c%s%c", coloured ? marks[met].colour : "", marks[met].mark,
            coloured ? "\033[0m" : "", over ? '!' : ' ');
}

/* The figure, or what is the matter with it. */
static void print_cell(const struct pen *p, const struct gt_figures *f, uint32_t column)
{
    char text[32];
    const struct gt_series *s = &f->columns[column];
    if (s->wrong)
        snprintf(text, sizeof text, "%s", "void");
    else if (s->n > 0)
        shown(f, text, sizeof text, gt_series_median(s));
    else
        snprintf(text, sizeof text, "%s", f->row->once && column > 0 ? "" : "n/a");
    fprintf(p->f, " %8s", text);
    if (gt_figure_has(f, column))
        print_mark(p, f, column);
    else
        fprintf(p->f, "   ");
}

static void print_figures(const struct pen *p, const struct gt_figures *f, uint32_t from,
                          uint32_t to)
{
    char floor[32], bound[32], want[32], stretch[32], cas[16] = "";
    if (f->row->bounded)
        snprintf(cas, sizeof cas, "%u", f->row->cas);
    target(want, sizeof want, f->row->target, f->row);
    target(stretch, sizeof stretch, f->row->stretch, f->row);
    fprintf(p->f, "%-18.18s%c%8s%4s%8s%7s%6s", f->row->title, f->incomplete ? '~' : ' ',
            number(floor, sizeof floor, gt_series_median(&f->floor)), cas,
            number(bound, sizeof bound, gt_figure_bound(f)), want, stretch);
    for (uint32_t i = from; i < to; i++)
        print_cell(p, f, i);
    fputc('\n', p->f);
}

/* In at most 5 characters. */
static const char *brief(char *buf, size_t size, double v)
{
    double a = fabs(v);
    if (a >= 9999.5)
        snprintf(buf, size, "%.0fk", v / 1000);
    else if (a >= 999.5)
        snprintf(buf, size, "%.1fk", v / 1000);
    else if (a >= 99.5)
        snprintf(buf, size, "%.0f", v);
    else if (a >= 0.0995)
        snprintf(buf, size, "%.*f", a >= 9.95 ? 1 : 2, v);
    else if (a >= 0.0005)
        snprintf(buf, size, "%.3f", v);
    else
        snprintf(buf, size, "0");
    return buf;
}

static void print_interval(const struct pen *p, const struct gt_figures *f, uint32_t column)
{
    char lo[32], hi[32], both[80] = "";
    const struct gt_series *s = &f->columns[column];
    if (gt_figure_has(f, column) && s->n > 1) {
        brief(lo, sizeof lo, gt_figure_shown(f, gt_series_quantile(s, 0.25)));
        brief(hi, sizeof hi, gt_figure_shown(f, gt_series_quantile(s, 0.75)));
        snprintf(both, sizeof both, "%s..%s", lo, hi);
    }
    fprintf(p->f, "%12s", both);
}

static bool has_intervals(const struct gt_figures *f, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++)
        if (f->columns[i].n > 1)
            return true;
    return false;
}

static void print_intervals(const struct pen *p, const struct gt_figures *f, uint32_t from,
                            uint32_t to)
{
    if (!has_intervals(f, from, to))
        return;
    fprintf(p->f, "%52s", "");
    for (uint32_t i = from; i < to; i++)
        print_interval(p, f, i);
    fputc('\n', p->f);
}

static void print_crossed(const struct pen *p, const struct gt_figures *f, uint32_t from,
                          uint32_t to)
{
    bool any = false;
    for (uint32_t i = from; i < to; i++)
        any |= f->columns[i].n_crossed > 0;
    if (!any)
        return;
    fprintf(p->f, "%52s", "really crossed Ps");
    for (uint32_t i = from; i < to; i++) {
        const struct gt_series *s = &f->columns[i];
        if (s->n_crossed)
            fprintf(p->f, " %7.0f %%  ", 100 * s->crossed / s->n_crossed);
        else
            fprintf(p->f, " %11s", "");
    }
    fputc('\n', p->f);
}

static void print_trouble(const struct pen *p, const struct gt_bench_report *r,
                          const struct gt_figures *f)
{
    if (f->why[0])
        fprintf(p->f, "  ^ %.95s\n", f->why);
    for (uint32_t i = 0; i < gt_bench_columns(r->env, f->row); i++)
        if (f->columns[i].why[0] && !(f->row->by_tracer && f->columns[i].rc == -ENOTSUP))
            fprintf(p->f, "  ^ %.20s: %.70s\n", gt_bench_column(r->env, f->row, i)->name,
                    f->columns[i].why);
}

static void print_head(const struct pen *p, const struct gt_bench_report *r,
                       const struct gt_bench_row *row, uint32_t from, uint32_t to)
{
    fprintf(p->f, "%-19s%8s%4s%8s%7s%6s", row->by_tracer ? "tracer" : "", "floor", "n", "bound",
            "target", "best");
    for (uint32_t i = from; i < to; i++)
        fprintf(p->f, " %9.9s  ", gt_bench_column(r->env, row, i)->name);
    fputc('\n', p->f);
}

static void print_legend(const struct pen *p, const struct gt_bench_report *r)
{
    fprintf(p->f,
            "\nMedians, in ns unless said, and below them the middle half of the samples.\n"
            "* best met  + target met  - not met  ! above the bound, 1.25 x (floor + n x CAS)  "
            "~ incomplete\n+N: over the floor  Nx: times the floor  floors are measured in between,"
            " by hand\n");
    fprintf(p->f, "tracer %s, bind %s, %u repetitions, %u parked Gs, seed %" PRIu64 ", %.0f s",
            r->env->tracer->head.name,
            r->env->bind_free ? "pu where it can" : gt_bind_name(r->env->bind), r->env->repetitions,
            r->env->parked, r->env->seed, r->seconds);
    if (r->foreign >= 0)
        fprintf(p->f, "\nother programs took %.0f %% of the machine", 100 * r->foreign);
    fprintf(p->f, "%s%s%s\n", GT_ORACLE ? ", oracle build: no figure counts" : "",
            GT_ASAN || GT_TSAN || GT_DEBUG ? ", instrumented: no figure counts" : "",
            r->stopped ? ", stopped early: partial" : "");
}

static void print_row(const struct pen *p, const struct gt_bench_report *r,
                      const struct gt_figures *row, uint32_t from, uint32_t to)
{
    print_figures(p, row, from, to);
    print_intervals(p, row, from, to);
    print_crossed(p, row, from, to);
    if (from == 0)
        print_trouble(p, r, row);
}

/* The rows by scheduler or those by tracer, four columns at a time. */
static bool print_rows(const struct pen *p, const struct gt_bench_report *r, bool by_tracer,
                       bool gap)
{
    uint32_t n = by_tracer ? r->env->n_tracers : r->env->n_schedulers;
    for (uint32_t from = 0; from < n; from += BLOCK) {
        uint32_t to = from + BLOCK < n ? from + BLOCK : n;
        bool head = false;
        for (uint32_t i = 0; i < r->n_rows; i++) {
            const struct gt_figures *row = &r->rows[i];
            if (!row->row || row->row->by_tracer != by_tracer || (from > 0 && row->row->once))
                continue;
            if (!head && gap)
                fputc('\n', p->f);
            if (!head)
                print_head(p, r, row->row, from, to);
            head = gap = true;
            print_row(p, r, row, from, to);
        }
    }
    return gap;
}

void gt_bench_print_table(FILE *f, const struct gt_bench_report *r, bool colour)
{
    struct pen p = {f, colour};
    bool some = print_rows(&p, r, false, false);
    (void)print_rows(&p, r, true, some);
    print_legend(&p, r);
}
