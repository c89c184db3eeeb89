/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: workloads timeout=120 */
/* What the oracles of the stress tests see, of tracers and runtimes that are wrong on purpose, and what
 * they had to look at. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "harness/judge.h"
#include "harness/truth.h"
#include "harness_cells.h"

/* ---- tracers that fail on purpose -------------------------------------------- */
static const struct gt_tracer_ops *real_tracer;
static gt_a32 creations;

/* Several: one whose G is first told of at the end of its generation is none to order. */
static void lose_creation(void *t, struct gt_mach *m, gt_tok tok, struct gt_task *g, uintptr_t pc,
                          bool blocked)
{
    if (gt_add_relaxed(&creations, 1u) % 16 != 5)
        real_tracer->go_create(t, m, tok, g, pc, blocked);
}

static void wrong_books(void *t, struct gt_trace_books *out)
{
    real_tracer->books(t, out);
    out->written += 7 * out->traces;
}

/* ---- the verdict once more, from the files ----------------------------------- */
static const char *file_of(const char *suffix)
{
    for (uint32_t i = 0; i < r.n_files; i++)
        if (strstr(r.files[i], suffix))
            return r.files[i];
    return "nowhere";
}

static uint64_t counted_as(const char *oracle, const char *cls)
{
    char name[80];
    snprintf(name, sizeof name, "%s/%s", oracle, cls);
    for (uint32_t i = 0; i < r.n_classes; i++)
        if (strcmp(r.classes[i].name, name) == 0)
            return r.classes[i].n;
    return 0;
}

static bool order_again(int fd)
{
    static struct gt_judgement j;
    char err[200];
    if (gt_judge(fd, &j, err, sizeof err) != 0 || j.result.inconsistencies == 0)
        return false;
    for (int i = 0; i < GT_RULE_COUNT; i++)
        if (j.result.by_rule[i] != counted_as("order", gt_rule_info((enum gt_rule)i)->class_name))
            return false;
    return true;
}

static bool truth_again(int fd, enum gt_syscall_model model)
{
    const struct gt_truth_options o = {.syscalls = model};
    struct gt_truth_result t = {0};
    struct gt_jentry *e = NULL;
    size_t n = 0;
    uint64_t lost = 0;
    FILE *f = fopen(file_of(".journal"), "r");
    int rc = f ? gt_journal_load(f, &e, &n, &lost) : -ENOENT;
    if (rc == 0)
        rc = gt_truth_compare(e, n, lost, &fd, 1, &o, &t);
    bool same = rc == 0 && t.lies > 0;
    for (int i = 0; i < GT_TRUTH_CLASSES; i++)
        same = same &&
               t.by_class[i] == counted_as("truth", gt_truth_name((enum gt_truth_class)i));
    if (f)
        fclose(f);
    free(e);
    return same;
}

static void test_again(const struct gt_stress_cell *c)
{
    int fd = open(file_of(".trace"), O_RDONLY | O_CLOEXEC);
    ok(fd >= 0 && order_again(fd), "the saved trace alone gives the verdict of order again");
    ok(fd >= 0 && truth_again(fd, c->config.syscalls), "with the journal, that of truth");
    if (fd >= 0)
        close(fd);
}

static void test_tracers(void)
{
    struct gt_stress_ops t = test_of("makes", run_makes);
    struct gt_stress_cell c = cell_of(&t);
    real_tracer = c.config.tracer;
    struct gt_tracer_ops bad = *real_tracer;
    c.config.tracer = &bad;
    bad.books = wrong_books;
    ok(drive(&c) == GT_STRESS_INCONSISTENT && counted("conservation/sink"),
       "books that do not balance");
    c.oracles &= ~(1u << GT_ORACLE_CONSERVATION);
    ok(drive(&c) == GT_STRESS_OK, "nobody asked for them");
    bad.books = real_tracer->books;
    bad.go_create = lose_creation;
    ok(drive(&c) == GT_STRESS_INCONSISTENT && counted_by("order/") && counted_by("truth/"),
       "an event that is missing: seen by order and by truth");
    ok(left(".trace") && left(".journal"), "its files are left");
    test_again(&c);
    c.oracles = 1u << GT_ORACLE_ORDER;
    ok(drive(&c) == GT_STRESS_INCONSISTENT && !counted_by("truth/"), "order alone");
    c.oracles = 1u << GT_ORACLE_TRUTH;
    ok(drive(&c) == GT_STRESS_INCONSISTENT && !counted_by("order/"), "truth alone");
    ok(r.events > 100, "events are counted though order does not look: %llu", (unsigned long long)r.events);
}

/* ---- what is not looked at ---------------------------------------------------- */
static void test_blind(void)
{
    struct gt_stress_ops t = test_of("blind", run_yields);
    struct gt_stress_cell c = cell_of(&t);
    c.config.tracer = plugin(GT_MAGIC_TRACER, "count");
    c.oracles = 1u << GT_ORACLE_ORDER | 1u << GT_ORACLE_TRUTH | 1u << GT_ORACLE_CONSERVATION |
                1u << GT_ORACLE_TEST;
    ok(drive(&c) == GT_STRESS_INCONCLUSIVE && strstr(r.why, "not checkable") && r.rounds > 0,
       "oracles of traces alone, with a tracer that writes none: not checkable");
    c.oracles |= 1u << GT_ORACLE_LOCKS;
    ok(drive(&c) == GT_STRESS_OK && r.blind == (1u << GT_ORACLE_ORDER | 1u << GT_ORACLE_TRUTH |
                                                1u << GT_ORACLE_CONSERVATION),
       "beside another it is ok, and says which had nothing to look at");
    t.run = run_check;
    ok(drive(&c) == GT_STRESS_INCONSISTENT && (r.blind >> GT_ORACLE_ORDER & 1u),
       "as it does when something else is inconsistent");
    t.run = run_yields;
    struct gt_tracer_ops no_books = *(const struct gt_tracer_ops *)plugin(GT_MAGIC_TRACER, "gen");
    no_books.books = NULL;
    c.config.tracer = &no_books;
    c.oracles = 1u << GT_ORACLE_CONSERVATION;
    ok(drive(&c) == GT_STRESS_INCONCLUSIVE, "conservation without books");
    c.config.tracer = plugin(GT_MAGIC_TRACER, "gen");
    ok(drive(&c) == GT_STRESS_OK && r.blind == 0, "with them");
}

/* A trace that is on, and of which the tracer hands no byte to its reader. */
static int (*real_start)(void *t, const struct gt_trace_options *o);
static int64_t swallow(void *arg, const void *data, size_t n)
{
    (void)arg;
    (void)data;
    return (int64_t)n;
}

static int start_silent(void *t, const struct gt_trace_options *o)
{
    static struct gt_trace_sink nowhere = {.write = swallow};
    struct gt_trace_options to_nowhere = *o;
    to_nowhere.sink = &nowhere;
    return real_start(t, &to_nowhere);
}

static void test_silent(void)
{
    struct gt_stress_ops t = test_of("silent", run_yields);
    struct gt_stress_cell c = cell_of(&t);
    struct gt_tracer_ops silent = *c.config.tracer;
    real_start = silent.start;
    silent.start = start_silent;
    c.config.tracer = &silent;
    c.oracles = 1u << GT_ORACLE_ORDER;
    ok(drive(&c) == GT_STRESS_INCONSISTENT && counted("order/no-trace"),
       "a trace of which not a byte comes: seen by order");
}

/* ---- rules broken outside of rounds --------------------------------------------- */
static const struct gt_tracer_host *told_host;
static const struct gt_tracer_ops *told_tracer;

static int init_breaks(void *t, const struct gt_tracer_host *host)
{
    host->violation(host, 1, "as it is made");
    return told_tracer->init(t, host);
}

static int init_notes(void *t, const struct gt_tracer_host *host)
{
    told_host = host;
    return told_tracer->init(t, host);
}

static void fini_breaks(void *t)
{
    told_host->violation(told_host, 1, "as it goes");
    told_tracer->fini(t);
}

static void test_outside_rounds(void)
{
    struct gt_stress_ops t = test_of("outside", run_yields);
    struct gt_stress_cell c = cell_of(&t);
    struct gt_tracer_ops bad = *c.config.tracer;
    told_tracer = c.config.tracer;
    c.config.tracer = &bad;
    bad.init = init_breaks;
    ok(drive(&c) == GT_STRESS_INCONSISTENT && counted("ownership/tracing") && r.inconsistencies == 1,
       "a rule that is broken as the runtime is made");
    bad.init = init_notes;
    bad.fini = fini_breaks;
    ok(drive(&c) == GT_STRESS_INCONSISTENT && counted("ownership/tracing") && r.inconsistencies == 1,
       "and one as it is destroyed");
    c.oracles &= ~(1u << GT_ORACLE_OWNERSHIP);
    ok(drive(&c) == GT_STRESS_OK, "nobody asked for them");
}

static int set_procs_fails(int32_t n)
{
    (void)n;
    return -EIO;
}

static void test_procs(void)
{
    struct gt_stress_ops t = test_of("procs", run_yields);
    struct gt_stress_cell c = cell_of(&t);
    struct gt_runtime_ops ops = gt_gmp;
    t.flags = GT_STRESS_PROCS;
    ok(drive(&c) == GT_STRESS_OK, "the number of Ps is given back");
    ops.set_procs = set_procs_fails;
    c.ops = &ops;
    ok(drive(&c) == GT_STRESS_FAILED && strstr(r.why, "Ps cannot be set back to 2"),
       "and it is said when that fails");
}

int main(void)
{
    make_place();
    test_tracers();
    test_blind();
    test_silent();
    test_outside_rounds();
    test_procs();
    remove_place();
    return done_testing();
}
