/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: workloads labels=quick,reduced timeout=120 */
/*
 * The truth oracle: no lie in the traces of real runs; a verdict that is the same from saved
 * files; what it refuses.
 *
 *   GT_TRUTH_PRICE    pairs of runs that tell what journal and comparison cost
 *   GT_TRUTH_SECONDS  go on for so long with cells drawn from GT_SEED (default: none of these)
 */
#include <time.h>

#include "common/rng.h"
#include "truth_run.h"

#include "trace_matrix_extra.h"

#if GT_TSAN || GT_ASAN
enum { TIMES = 1 };
#else
enum { TIMES = 10 };
#endif

static uint64_t transitions, events;

static void judge_true(const struct truth_cell *c)
{
    struct truth_run r;
    struct gt_truth_result res;
    truth_run_cell(c, &r);
    struct gt_truth_options o = {.syscalls = c->model, .lie = truth_say, .max_report = 6};
    int rc = gt_truth_compare(r.e, r.n, r.lost, &r.fd, 1, &o, &res);
    bool good = r.outcome.verdict == GT_CELL_OK && rc == 0 && !res.void_round && res.lies == 0 &&
                res.transitions > 0 && res.events > 0;
    transitions += res.transitions;
    events += res.events;
    ok(good,
       "%s/%s/%s/%s/%d/%" PRId64 ": %s, rc %d, %" PRIu64 " transitions, %" PRIu64
       " events, %" PRIu64 " lies%s",
       c->own ? "own" : c->workload, c->scheduler, c->tracer,
       c->model == GT_SYSCALLS_STATUS ? "status" : "scanbit", c->procs, c->period_ns / 1000,
       r.outcome.verdict == GT_CELL_OK ? "ok" : r.outcome.why, rc, res.transitions, res.events,
       res.lies, res.void_round ? ", void" : "");
    truth_run_free(&r);
}

static const struct truth_cell cells[] = {
    {"pingpong", NULL, "worksteal", "gen", GT_SYSCALLS_STATUS, 2, 3000, 0, 1000000, 1},
    {"pingpong", NULL, "worksteal", "locked", GT_SYSCALLS_SCANBIT, 1, 1000, 0, -1, 1},
    {"spawn-join", NULL, "fifo", "gen", GT_SYSCALLS_SCANBIT, 2, 2000, 0, 0, 2},
    {"syscall-storm", NULL, "worksteal", "gen", GT_SYSCALLS_STATUS, 2, 2000, 0, 0, 3},
    {"syscall-storm", NULL, "worksteal", "gen", GT_SYSCALLS_SCANBIT, 8, 2000, 0, 1000000, 4},
    {"syscall-storm", NULL, "numa", "locked", GT_SYSCALLS_STATUS, 8, 2000, 0, -1, 5},
    {"netpoll-echo", NULL, "worksteal", "gen", GT_SYSCALLS_STATUS, 2, 300, 0, 0, 6},
    {"timers", NULL, "global", "gen", GT_SYSCALLS_SCANBIT, 2, 500, 0, 1000000, 7},
    {"procs-churn", NULL, "worksteal", "gen", GT_SYSCALLS_STATUS, 4, 100, 0, 0, 8},
    {"procs-churn", NULL, "worksteal", "locked", GT_SYSCALLS_SCANBIT, 4, 100, 0, -1, 9},
    {"callback", NULL, "worksteal", "gen", GT_SYSCALLS_STATUS, 2, 200, 0, 0, 10},
    {"callback", NULL, "fifo", "gen", GT_SYSCALLS_SCANBIT, 2, 200, 0, 1000000, 11},
    {"gc-trees", NULL, "worksteal", "gen", GT_SYSCALLS_STATUS, 2, 100, 0, 1000000, 12},
    {"gc-stop", NULL, "worksteal", "gen", GT_SYSCALLS_SCANBIT, 2, 20, 0, 0, 13},
    {NULL, &annotated_coroutines, "worksteal", "gen", GT_SYSCALLS_STATUS, 2, 500, 0, 0, 14},
    {NULL, &annotated_coroutines, "fifo", "locked", GT_SYSCALLS_SCANBIT, 2, 500, 0, -1, 15},
};

/* An M may see that tracing is on before its section is: what it then did off belongs before
 * the trace all the same, if what its G did next is in it. */
static void judge_early_epochs(void)
{
    struct truth_cell c = {"syscall-storm", NULL, "worksteal", "gen", GT_SYSCALLS_STATUS, 4, 2000, 0, 0, 16};
    struct truth_run r;
    struct gt_truth_result res;
    uint64_t early = 0;
    truth_run_cell(&c, &r);
    for (size_t i = 0; i < r.n; i++)
        if (r.e[i].kind == GT_J_G && r.e[i].tok == GT_JTOK_OFF && r.e[i].epoch == 0) {
            r.e[i].epoch = 1;
            early++;
        }
    struct gt_truth_options o = {.syscalls = c.model, .lie = truth_say, .max_report = 6};
    int rc = gt_truth_compare(r.e, r.n, r.lost, &r.fd, 1, &o, &res);
    ok(early > 0 && rc == 0 && !res.void_round && res.lies == 0,
       "epochs seen early: %" PRIu64 " entries, rc %d, %" PRIu64 " lies", early, rc, res.lies);
    truth_run_free(&r);
}

/* ---- drawn cells ---------------------------------------------------------------------- */
static uint64_t rng;
static uint64_t below(uint64_t n)
{
    return gt_rng_mix(rng++) % n;
}

static const char *plugin_name(uint32_t magic)
{
    size_t n = 0;
    while (gt_plugin_builtin(magic, n))
        n++;
    const struct gt_plugin_head *h = gt_plugin_builtin(magic, below(n));
    return magic != GT_MAGIC_TRACER || h->flags & GT_TRACER_CHECKABLE ? h->name : "gen";
}

static void drawn_cells(int64_t seconds)
{
    static const int32_t procs[] = {1, 2, 4, 8};
    static const int64_t periods[] = {0, 1000000, 20000000};
    time_t end = time(NULL) + seconds;
    size_t n = 0;
    while (gt_workload_at(n))
        n++;
    while (time(NULL) < end) {
        size_t w = below(n + 1);
        const struct gt_workload_ops *ops = w < n ? gt_workload_at(w) : &annotated_coroutines;
        struct truth_cell c = {.own = ops,
                               .scheduler = plugin_name(GT_MAGIC_SCHEDULER),
                               .tracer = plugin_name(GT_MAGIC_TRACER),
                               .model = (enum gt_syscall_model)below(2),
                               .procs = procs[below(4)],
                               .n = 200 + below(3000),
                               .gs = 2000,
                               .period_ns = periods[below(3)],
                               .seed = rng};
        if (c.procs < ops->min_procs)
            continue;
        diag("seed %" PRIu64 " %s n %" PRIu64, rng, ops->head.name, c.n);
        judge_true(&c);
    }
}

/* ---- saved files ---------------------------------------------------------------------- */
static bool same_result(const struct gt_truth_result *a, const struct gt_truth_result *b)
{
    return a->transitions == b->transitions && a->events == b->events && a->lies == b->lies &&
           memcmp(a->by_class, b->by_class, sizeof a->by_class) == 0;
}

static int load_cut(FILE *f, long size)
{
    struct gt_jentry *e = NULL;
    size_t n;
    uint64_t lost;
    rewind(f);
    if (ftruncate(fileno(f), size) != 0)
        bail_out("ftruncate");
    int rc = gt_journal_load(f, &e, &n, &lost);
    free(e);
    return rc;
}

/* The verdict on a journal that lies (an entry's G is another) comes from its file as well. */
static void saved_files(void)
{
    static const struct truth_cell cell = {"spawn-join", NULL, "fifo", "gen", GT_SYSCALLS_SCANBIT,
                                           2,            300,  0,      0,     1};
    struct truth_run r;
    struct gt_truth_result a, b;
    struct gt_truth_options o = {.syscalls = cell.model};
    struct gt_jentry *e = NULL;
    size_t n = 0;
    uint64_t lost = 1;
    FILE *f = tmpfile();
    truth_run_cell(&cell, &r);
    for (size_t i = 0; i < r.n; i++) /* it was made runnable for another reason than it says */
        if (r.e[i].kind == GT_J_G && r.e[i].from == GT_G_RUNNING && r.e[i].to == GT_G_WAITING &&
            gt_jtok_on(r.e[i].tok))
            r.e[i].reason = GT_WAIT_NETWORK;
    int rc = f ? gt_journal_save(f, r.e, r.n, r.lost) : -1;
    rc = rc ? rc : gt_truth_compare(r.e, r.n, r.lost, &r.fd, 1, &o, &a);
    ok(rc == 0 && a.lies > 0, "a journal that tells other reasons than the trace: %" PRIu64 " lies", a.lies);
    if (!f)
        bail_out("tmpfile");
    long size = ftell(f);
    rewind(f);
    rc = gt_journal_load(f, &e, &n, &lost);
    ok(rc == 0 && n == r.n && lost == r.lost && memcmp(e, r.e, n * sizeof *e) == 0,
       "a journal comes back from its file");
    ok(rc == 0 && gt_truth_compare(e, n, lost, &r.fd, 1, &o, &b) == 0 && same_result(&a, &b),
       "and so does the verdict");
    ok(gt_truth_compare(e, n, 1, &r.fd, 1, &o, &b) == 0 && b.void_round && b.transitions == 0,
       "a journal that lost entries proves nothing");
    ok(n > 2 && gt_truth_compare(e + 1, n - 2, 0, &r.fd, 1, &o, &b) == 0 &&
           (b.void_round || b.lies > 0),
       "nor does one with entries taken out");
    is_int(load_cut(f, size - 1), -EBADMSG, "a journal's file that is cut");
    is_int(load_cut(f, 20), -EBADMSG, "and one that ends in its head");
    is_int(load_cut(f, 0), -EBADMSG, "and an empty one");
    free(e);
    fclose(f);
    truth_run_free(&r);
}

/* ---- the price ------------------------------------------------------------------------ */
static int64_t cpu_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

struct price {
    int64_t cpu, wall; /* of an operation, ns */
    int64_t compare;   /* of the CPU time: of the comparison */
};

struct rig {
    struct gt_runtime *rt;
    struct truth_run run;
    struct gt_truth *space;
};

/* A round, traced; with its journal and the comparison, or without. */
static struct price priced(const struct truth_cell *c, struct rig *g)
{
    struct gt_truth_result res = {0};
    struct gt_truth_options o = {.syscalls = c->model, .space = g->space};
    int64_t cpu = cpu_ns(CLOCK_PROCESS_CPUTIME_ID), wall = cpu_ns(CLOCK_MONOTONIC), mid;
    truth_round(c, g->rt, &g->run);
    mid = cpu_ns(CLOCK_PROCESS_CPUTIME_ID);
    if (g->space && (gt_truth_compare(g->run.e, g->run.n, g->run.lost, &g->run.fd, 1, &o, &res) != 0 ||
                     res.lies || res.void_round || res.transitions == 0))
        bail_out("the run tells lies");
    return (struct price){.cpu = (cpu_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu) / (int64_t)c->n,
                          .compare = (cpu_ns(CLOCK_PROCESS_CPUTIME_ID) - mid) / (int64_t)c->n,
                          .wall = (cpu_ns(CLOCK_MONOTONIC) - wall) / (int64_t)c->n};
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static int64_t median(int64_t *v, size_t n)
{
    qsort(v, n, sizeof *v, by_value);
    return v[n / 2];
}

/* Interleaved pairs, medians. CPU time is the figure: the machine may be shared. */
static void price_of(const struct truth_cell *c, unsigned pairs)
{
    enum { MAX = 64 };
    int64_t cpu[2][MAX], wall[2][MAX], compare[MAX];
    pairs = pairs < MAX ? pairs : MAX;
    struct rig rigs[2] = {{.rt = truth_create(c, false)},
                          {.rt = truth_create(c, true), .space = gt_truth_space_new()}};
    (void)priced(c, &rigs[0]);
    (void)priced(c, &rigs[1]);
    for (unsigned i = 0; i < 2 * pairs; i++) {
        bool with = (i ^ (i >> 1)) & 1u;
        struct price p = priced(c, &rigs[with]);
        cpu[with][i / 2] = p.cpu;
        wall[with][i / 2] = p.wall;
        if (with)
            compare[i / 2] = p.compare;
    }
    int64_t off = median(cpu[0], pairs), on = median(cpu[1], pairs);
    diag("%s/%s: CPU ns an operation %" PRId64 " without, %" PRId64 " with (%" PRId64
         " of it compares): throughput -%.0f %%; wall %" PRId64 ", %" PRId64,
         c->workload, c->tracer, off, on, median(compare, pairs),
         100.0 * (1 - (double)off / (double)on), median(wall[0], pairs), median(wall[1], pairs));
    for (int i = 0; i < 2; i++) {
        gt_gmp.destroy(rigs[i].rt);
        truth_run_free(&rigs[i].run);
    }
    gt_truth_space_free(rigs[1].space);
}

static void prices(unsigned pairs)
{
    static const struct truth_cell all[] = {
        {"pingpong", NULL, "worksteal", "gen", GT_SYSCALLS_STATUS, 2, 200000, 0, 1000000, 1},
        {"syscall-storm", NULL, "worksteal", "gen", GT_SYSCALLS_STATUS, 2, 100000, 0, 1000000, 1},
        {"syscall-storm", NULL, "worksteal", "gen", GT_SYSCALLS_SCANBIT, 2, 100000, 0, 1000000, 1},
        {"spawn-join", NULL, "worksteal", "gen", GT_SYSCALLS_SCANBIT, 2, 200000, 0, 1000000, 1},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        price_of(&all[i], pairs);
}

/* A transition that was made in no section while the trace was on; an event that comes on the
 * wrong side of its change. */
static void broken_runtimes(void)
{
    static const struct truth_cell cell = {"pingpong", NULL, "worksteal", "gen", GT_SYSCALLS_STATUS,
                                           2,          500,  0,           0,     1};
    struct truth_run r;
    struct gt_truth_result a, b;
    struct gt_truth_options o = {.syscalls = cell.model};
    size_t i, woken = 0;
    truth_run_cell(&cell, &r);
    for (i = 0; i < r.n && woken < 100; i++)
        woken += r.e[i].kind == GT_J_G && r.e[i].from == GT_G_WAITING &&
                 r.e[i].to == GT_G_RUNNABLE && gt_jtok_on(r.e[i].tok);
    struct gt_jentry *e = &r.e[i - 1];
    uint64_t tok = e->tok;
    e->tok = GT_JTOK_NONE;
    int rc = gt_truth_compare(r.e, r.n, 0, &r.fd, 1, &o, &a);
    e->tok = tok;
    e->ordinal++;
    rc = rc ? rc : gt_truth_compare(r.e, r.n, 0, &r.fd, 1, &o, &b);
    ok(rc == 0 && a.by_class[GT_TRUTH_unsectioned] == 1, "a change outside of any section");
    ok(rc == 0 && b.by_class[GT_TRUTH_order] == 1 && b.lies == 1, "an event before its change");
    truth_run_free(&r);
}

int main(void)
{
    const char *price = getenv("GT_TRUTH_PRICE");
    const char *seed = getenv("GT_SEED"), *seconds = getenv("GT_TRUTH_SECONDS");
    rng = seed ? strtoull(seed, NULL, 10) : (uint64_t)getpid() << 20;
    if (price)
        prices((unsigned)strtoul(price, NULL, 10));
    saved_files();
    broken_runtimes();
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
        struct truth_cell c = cells[i];
        c.n *= TIMES;
        judge_true(&c);
    }
    judge_early_epochs();
    if (seconds)
        drawn_cells(strtoll(seconds, NULL, 10));
    diag("%" PRIu64 " transitions, %" PRIu64 " events", transitions, events);
    return done_testing();
}
