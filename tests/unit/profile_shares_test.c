/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: workloads labels=full timeout=600 serial */
/*
 * CPU samples land where the CPU time went: the workload `profile` burns it in three functions in
 * known shares, and the samples of its trace must show these shares within five points,
 * under the functions' names, on the Gs and Ps that burnt them. At least 2,000 samples: as many rounds
 * as the kernel's tick makes necessary.
 */
#include "common/cell.h"
#include "common/registry.h"
#include "in_runtime.h"
#include "memory_trace.h"
#include "trace/reader.h"

extern const struct gt_tracer_ops gt_tracer_gen, gt_tracer_locked;

enum { HOT = 3, PROCS = 2, ENOUGH = 2000, ROUNDS = 40, OPS = 20000, GS_MAX = 64 };
static const char *const functions[HOT] = {"profile_burns_50", "profile_burns_30",
                                           "profile_burns_20"};

struct tally {
    uint64_t samples, hot, by[HOT];
    uint64_t without_g, without_p, gs[GS_MAX];
    uint32_t n_gs;   /* that burnt, of one round */
    double clock[HOT]; /* shares by the workload's clock, summed over rounds */
    int rounds;
};

static int hot_function(const struct gt_generation *g, const struct gt_frame *f)
{
    size_t len = 0;
    const char *name = gt_generation_string(g, f->func, &len);
    for (int i = 0; name && i < HOT; i++)
        if (len == strlen(functions[i]) && memcmp(name, functions[i], len) == 0)
            return i;
    return -1;
}

static void count_g(struct tally *t, uint64_t g)
{
    for (uint32_t i = 0; i < t->n_gs; i++)
        if (t->gs[i] == g)
            return;
    if (t->n_gs < GS_MAX)
        t->gs[t->n_gs++] = g;
}

static void count_sample(struct tally *t, const struct gt_generation *g, const struct gt_cpu_sample *c)
{
    const struct gt_stack_entry *e = gt_generation_stack(g, c->stack);
    int i = e && e->n > 0 ? hot_function(g, &e->frames[0]) : -1;
    t->samples++;
    if (i < 0)
        return;
    t->hot++;
    t->by[i]++;
    t->without_g += c->g == 0;
    t->without_p += c->p >= PROCS;
    count_g(t, c->g);
}

static bool count_trace(struct tally *t, const struct memory_trace *trace)
{
    struct gt_bytes bytes = {trace->data, trace->n, 0};
    struct gt_source src = {gt_read_bytes, &bytes};
    const struct gt_generation *g;
    struct gt_reader *r;
    struct gt_read_error err;
    int rc = gt_reader_open(&src, &r, &err);
    while (rc == 0 && (rc = gt_reader_next(r, &g)) == 1) {
        for (size_t i = 0; i < g->n_samples; i++)
            count_sample(t, g, &g->samples[i]);
        rc = 0;
    }
    gt_reader_close(r);
    return rc == 0;
}

/* One round: a run of the workload with a trace of its own. */
static bool run_round(struct tally *t, const struct gt_tracer_ops *tracer, uint32_t header)
{
    struct memory_trace trace = {0};
    struct gt_trace_sink sink = memory_trace_sink(&trace);
    struct gt_trace_options o = {
        .sink = &sink, .period_ns = 200000000, .header = header, .profile_hz = 1000};
    struct gt_workload_cell c = {.ops = R, .n = OPS, .seed = (uint64_t)t->rounds + 1, .trace = &o};
    struct gt_cell_outcome out;
    struct gt_check_result res;
    char err[160];
    gt_config_init(&c.config);
    c.workload = gt_workload_find("profile", err, sizeof err);
    c.config.scheduler = &gt_scheduler_worksteal;
    c.config.tracer = tracer;
    c.config.procs = PROCS;
    t->n_gs = 0;
    bool good = c.workload && gt_cell_run(&c, &out) == GT_CELL_OK && out.trace_rc == 0;
    if (!good)
        diag("the workload: %s", c.workload ? out.why : err);
    good = good && memory_trace_check(&trace, trace.n, &res) == 0 && count_trace(t, &trace);
    for (int i = 0; good && i < HOT; i++)
        t->clock[i] += out.result.extra[i];
    t->rounds++;
    memory_trace_free(&trace);
    return good;
}

static bool shares_fit(const struct tally *t)
{
    bool fit = t->hot > 0;
    for (int i = 0; i < HOT && fit; i++) {
        double share = (double)t->by[i] / (double)t->hot, clock = t->clock[i] / t->rounds;
        diag("%s: %.1f %% of the samples, %.1f %% of the CPU time", functions[i], 100 * share,
             100 * clock);
        fit &= share > clock - 0.05 && share < clock + 0.05;
    }
    return fit;
}

static void point(const struct gt_tracer_ops *tracer, uint32_t header)
{
    struct tally t = {0};
    bool good = true;
    while (good && t.hot < ENOUGH && t.rounds < ROUNDS)
        good = run_round(&t, tracer, header);
    const char *name = tracer->head.name;
    ok(good && t.hot >= ENOUGH, "%s, header %u: %d rounds, %" PRIu64 " samples, %" PRIu64
       " of them in the hot functions", name, header, t.rounds, t.samples, t.hot);
    ok(shares_fit(&t), "%s: the shares are within five points", name);
    ok(t.hot * 10 >= t.samples * 6, "%s: most samples are where the time goes", name);
    ok(t.without_g == 0 && t.without_p == 0 && t.n_gs == PROCS,
       "%s: each has its G and P; %u Gs burn on %d Ps", name, t.n_gs, PROCS);
}

int main(void)
{
    if (GT_TSAN)
        skip_all("ThreadSanitizer delays signals to points of its own");
    plan(8);
    point(&gt_tracer_gen, 123);
    point(&gt_tracer_locked, 126);
    return done_testing();
}
