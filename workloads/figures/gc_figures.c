/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One measurement of the collector, as JSON with every cycle: scripts/gc-figures runs it over
 * heaps and numbers of Gs.
 *
 *   gc_figures PARKED HEAP_MIB [CYCLES] [SECONDS] [SCHEDULER]
 *
 * 2 Ps, 2 Gs at work. Exit status: 0; 1 an object was wrong; 2 usage; 4 no collector, or the
 * machine cannot; 5 anything else.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cell.h"
#include "gauntlet/scheduler.h"
#include "gauntlet/tracer.h"
#include "workloads/benchmark/gc_bench.h"

enum { PROCS = 2, BUSY = 2, CYCLES = 100 };

static void print_quantiles(const char *name, const struct gt_gc_bench_result *r, int phase,
                            bool whole)
{
    size_t n;
    double *v = gt_gc_stops(r, phase, whole, &n);
    if (!v)
        return;
    printf("  \"%s\": {\"n\": %zu, \"p50\": %.0f, \"p99\": %.0f, \"max\": %.0f},\n", name, n,
           gt_gc_quantile(v, n, 0.5), gt_gc_quantile(v, n, 0.99), gt_gc_quantile(v, n, 1));
    free(v);
}

static void print_cycle(const struct gt_gc_cycle *c, bool last)
{
    printf("    {\"sweep_term\": [%lld, %lld], \"mark_term\": [%lld, %lld], \"whole\": %lld, "
           "\"mark_cpu\": %lld, \"marked\": %llu, \"stacks\": %llu}%s\n",
           (long long)c->asked[0], (long long)c->stopped[0], (long long)c->asked[1],
           (long long)c->stopped[1], (long long)c->whole, (long long)c->mark_cpu,
           (unsigned long long)c->marked, (unsigned long long)c->stacks, last ? "" : ",");
}

static void print(const struct gt_gc_bench *b, const struct gt_gc_bench_result *r)
{
    printf("{\n  \"runtime\": \"%s\", \"scheduler\": \"%s\", \"procs\": %d, \"busy\": %u,\n",
           b->ops->head.name, b->config.scheduler->head.name, b->config.procs, b->busy);
    printf("  \"parked\": %u, \"heap\": %llu, \"objects\": %llu, \"heap_live\": %llu,\n", b->parked,
           (unsigned long long)b->heap, (unsigned long long)r->objects,
           (unsigned long long)r->stats.heap_live);
    printf("  \"memory\": %llu, \"build_ns\": %lld,\n", (unsigned long long)r->stats.memory,
           (long long)r->build_ns);
    print_quantiles("sweep_term", r, GT_GC_STOP_SWEEP_TERM, false);
    print_quantiles("mark_term", r, GT_GC_STOP_MARK_TERM, false);
    print_quantiles("stopping", r, GT_GC_STOPS, false);
    print_quantiles("sweep_term_whole", r, GT_GC_STOP_SWEEP_TERM, true);
    print_quantiles("mark_term_whole", r, GT_GC_STOP_MARK_TERM, true);
    print_quantiles("stopped", r, GT_GC_STOPS, true);
    printf("  \"cycles\": [\n");
    for (uint32_t i = 0; i < r->n; i++)
        print_cycle(&r->cycle[i], i + 1 == r->n);
    printf("  ]\n}\n");
}

static bool number(const char *text, uint64_t most, uint64_t *v)
{
    char *end;
    errno = 0;
    *v = strtoull(text, &end, 10);
    return errno == 0 && *text >= '0' && *text <= '9' && *end == '\0' && *v <= most;
}

static const void *scheduler(const char *name)
{
    const struct gt_plugin_head *h;
    for (size_t i = 0; (h = gt_plugin_builtin(GT_MAGIC_SCHEDULER, i)) != NULL; i++)
        if (!name || strcmp(h->name, name) == 0)
            return h;
    return NULL;
}

static int status_of(int rc)
{
    if (rc == -EIO)
        return 1;
    return rc == -ENOTSUP || rc == -ENOMEM || gt_cell_is_environment(rc) ? 4 : 5;
}

int main(int argc, char **argv)
{
    uint64_t parked, heap, cycles = CYCLES, seconds = 0;
    struct gt_gc_bench b = {.ops = &gt_gmp, .busy = BUSY};
    struct gt_gc_bench_result r;
    gt_config_init(&b.config);
    b.config.scheduler = scheduler(argc > 5 ? argv[5] : NULL);
    b.config.tracer = (const void *)gt_plugin_builtin(GT_MAGIC_TRACER, 0);
    b.config.procs = PROCS;
    b.config.seed = 1;
    if (argc < 3 || argc > 6 || !number(argv[1], 100000000, &parked) ||
        !number(argv[2], 1u << 20, &heap) || (argc > 3 && !number(argv[3], 1000000, &cycles)) ||
        (argc > 4 && !number(argv[4], 86400, &seconds)) || !b.config.scheduler) {
        fprintf(stderr, "usage: gc_figures PARKED HEAP_MIB [CYCLES] [SECONDS] [SCHEDULER]\n");
        return 2;
    }
    b.parked = (uint32_t)parked;
    b.heap = heap << 20;
    b.cycles = (uint32_t)cycles;
    b.most_ns = (int64_t)seconds * 1000000000;
    int rc = gt_gc_bench_run(&b, &r);
    if (rc != 0)
        fprintf(stderr, "gc_figures: %s\n", r.why[0] ? r.why : strerror(-rc));
    else
        print(&b, &r);
    free(r.cycle);
    if (rc == 0 && (fflush(stdout) != 0 || ferror(stdout)))
        rc = -EPIPE;
    return rc == 0 ? 0 : status_of(rc);
}
