/* SPDX-License-Identifier: Apache-2.0 */
#include "conformance/speed.h"

#include "conformance/minimise.h"
#include "trace/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_REPEAT 101

struct row {
    const char *file;
    uint64_t events, threads, bytes;
    double ours[MAX_REPEAT], go[MAX_REPEAT]; /* ns an event */
    double ours_cpu[MAX_REPEAT],
        go_cpu[MAX_REPEAT]; /* the same in processor time: what others do counts less */
    unsigned n;
};

static int64_t now_ns(clockid_t clock)
{
    struct timespec ts;
    clock_gettime(clock, &ts);
    return ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* gt_check from memory, as Go reads from memory; false when it is not accepted. */
static bool time_ours(const struct cf_bytes *bytes, struct row *row, struct cf_verdict *v)
{
    int64_t start = now_ns(CLOCK_MONOTONIC), cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID);
    cf_our_verdict(bytes->data, bytes->size, v);
    v->cpu_ns = now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    v->ns = now_ns(CLOCK_MONOTONIC) - start;
    row->events = v->events;
    if (!v->accepted)
        fprintf(stderr, "gt-differ: %s: %s\n", row->file, cf_verdict_line(v));
    return v->accepted && v->events;
}

static bool time_go(struct cf_oracle *o, const struct row *row, struct cf_verdict *v)
{
    if (cf_oracle_ask(o, 's', row->file, strlen(row->file)) && cf_oracle_answer(o, v) &&
        v->accepted)
        return true;
    fprintf(stderr, "gt-differ: %s: Go's reader: %s\n", row->file, v->text);
    return false;
}

/* Both in turn; who begins changes each time. The first pair only warms up. */
static bool measure(struct cf_oracle *o, const struct cf_bytes *bytes, struct row *row,
                    unsigned repeat)
{
    for (unsigned i = 0; i <= repeat; i++) {
        struct cf_verdict ours, go = {0};
        if ((i & 1 && !time_go(o, row, &go)) || !time_ours(bytes, row, &ours) ||
            (!(i & 1) && !time_go(o, row, &go)))
            return false;
        if (!i)
            continue;
        double events = (double)row->events;
        row->ours[row->n] = (double)ours.ns / events;
        row->go[row->n] = (double)go.ns / events;
        row->ours_cpu[row->n] = (double)ours.cpu_ns / events;
        row->go_cpu[row->n++] = (double)go.cpu_ns / events;
    }
    return true;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(const double *samples, unsigned n, double q)
{
    double sorted[MAX_REPEAT];
    memcpy(sorted, samples, n * sizeof *samples);
    qsort(sorted, n, sizeof *sorted, by_value);
    return sorted[(unsigned)(q * (n - 1) + 0.5)];
}

static double median(const double *samples, unsigned n)
{
    return quantile(samples, n, 0.5);
}

static void print_samples(const char *name, const double *samples, unsigned n)
{
    printf("\"%s\": [", name);
    for (unsigned i = 0; i < n; i++)
        printf("%s%.2f", i ? ", " : "", samples[i]);
    printf("]");
}

static void print_row(const struct row *row, bool json, bool first)
{
    const char *name = strrchr(row->file, '/') ? strrchr(row->file, '/') + 1 : row->file;
    double ours = median(row->ours, row->n), go = median(row->go, row->n);
    if (json) {
        printf("%s{\"file\": \"%s\", \"events\": %llu, \"threads\": %llu, \"bytes\": %llu, "
               "\"ratio\": %.2f, ",
               first ? "[" : ",\n ", name, (unsigned long long)row->events,
               (unsigned long long)row->threads, (unsigned long long)row->bytes, go / ours);
        print_samples("ours_ns_per_event", row->ours, row->n);
        printf(", ");
        print_samples("go_ns_per_event", row->go, row->n);
        printf(", ");
        print_samples("ours_cpu_ns_per_event", row->ours_cpu, row->n);
        printf(", ");
        print_samples("go_cpu_ns_per_event", row->go_cpu, row->n);
        printf("}");
        return;
    }
    if (first)
        printf("%-24s %10s %7s  %-22s %-24s %6s %8s  %s\n", "file", "events", "threads",
               "ours ns/event", "Go ns/event", "ratio", "CPU", "ours Mevents/s");
    printf("%-24s %10llu %7llu  %6.1f [%.1f..%.1f] %8.1f [%.1f..%.1f] %8.1fx %7.1fx %8.1f\n", name,
           (unsigned long long)row->events, (unsigned long long)row->threads, ours,
           quantile(row->ours, row->n, 0.25), quantile(row->ours, row->n, 0.75), go,
           quantile(row->go, row->n, 0.25), quantile(row->go, row->n, 0.75), go / ours,
           median(row->go_cpu, row->n) / median(row->ours_cpu, row->n), 1e3 / ours);
}

static uint64_t count_threads(const struct cf_bytes *bytes)
{
    struct cf_arena arena = {0};
    struct cf_trace trace;
    uint64_t n = cf_parse(&trace, &arena, bytes->data, bytes->size) ? cf_count_threads(&trace) : 0;
    cf_arena_reset(&arena);
    return n;
}

int cf_speed_run(const char *oracle, const char *const *files, size_t n, unsigned repeat, bool json,
                 double at_least)
{
    struct cf_oracle *o = cf_oracle_start(oracle);
    int status = o ? 0 : 5;
    for (size_t i = 0; i < n && status != 5; i++) {
        static struct row row;
        struct cf_bytes bytes = {0};
        memset(&row, 0, sizeof row);
        row.file = files[i];
        if (cf_load(files[i], &bytes, NULL, 0) ||
            !measure(o, &bytes, &row, repeat < MAX_REPEAT ? repeat : MAX_REPEAT)) {
            status = 5;
        } else {
            row.threads = count_threads(&bytes);
            row.bytes = bytes.size;
            print_row(&row, json, i == 0);
            if (median(row.go, row.n) < at_least * median(row.ours, row.n))
                status = 1;
        }
        cf_bytes_free(&bytes);
    }
    if (json)
        printf("]\n");
    if (o)
        cf_oracle_stop(o);
    return status;
}
