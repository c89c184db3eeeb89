/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: workloads timeout=120 */
/*
 * The harness of the stress tests: what each way to fail comes to, with tests and tracers
 * that fail on purpose, and what is left behind.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "gauntlet/scheduler.h"
#include "gauntlet/tracer.h"
#include "harness/cell.h"
#include "harness/drive.h"
#include "harness/judge.h"
#include "harness/seer.h"
#include "harness/tap.h"
#include "harness/truth.h"
#include "tap.h"

#define MS 1000000ll
#define SLOW (GT_TSAN || GT_ASAN ? 5 : 1)

static char place[200];

/* Until the round is over, but so often at least: on a loaded machine it is over at once. */
#define LEAST 1000

/* ---- tests that fail on purpose ------------------------------------------ */
static int run_yields(struct gt_stress *s, const struct gt_stress_params *p)
{
    for (int i = 0; i < LEAST || !gt_stress_over(s); i++)
        p->ops->yield();
    return 0;
}

static int run_check(struct gt_stress *s, const struct gt_stress_params *p)
{
    p->ops->yield();
    gt_stress_say(s, "seven is %d", 7);
    (void)gt_stress_check(s, false, "five is %d", 6);
    (void)gt_stress_check(s, false, "the second is not kept");
    return 0;
}

static int run_error(struct gt_stress *s, const struct gt_stress_params *p)
{
    (void)s;
    (void)p;
    return -EPROTO;
}

static int run_deadlock(struct gt_stress *s, const struct gt_stress_params *p)
{
    (void)s;
    p->ops->park();
    return 0;
}

static int run_hang(struct gt_stress *s, const struct gt_stress_params *p)
{
    (void)s;
    (void)p;
    for (volatile bool on = true; on;)
        ;
    return 0;
}

static int run_endless(struct gt_stress *s, const struct gt_stress_params *p)
{
    (void)s;
    for (volatile bool on = true; on;)
        p->ops->yield();
    return 0;
}

static int run_crash(struct gt_stress *s, const struct gt_stress_params *p)
{
    (void)s;
    p->ops->yield();
    abort();
}

static int run_killed(struct gt_stress *s, const struct gt_stress_params *p)
{
    (void)s;
    p->ops->yield();
    raise(SIGKILL);
    return 0;
}

static void sleeper(void *arg)
{
    const struct gt_runtime_ops *ops = arg;
    ops->sleep(3600ll * 1000 * MS);
}

static int run_leaves(struct gt_stress *s, const struct gt_stress_params *p)
{
    (void)s;
    return p->ops->go(sleeper, (void *)(uintptr_t)p->ops);
}

/* Two whole traces, and one that is not stopped. A start while one is on is refused. */
static int run_traces(struct gt_stress *s, const struct gt_stress_params *p)
{
    for (int i = 0; i < 3; i++) {
        gt_stress_check(s, gt_stress_trace_start(s) == 0, "start %d", i);
        gt_stress_check(s, gt_stress_trace_start(s) == -EBUSY, "second start %d", i);
        p->ops->yield();
        gt_stress_check(s, i == 2 || gt_stress_trace_stop(s) == 0, "stop %d", i);
    }
    return 0;
}

static struct gt_stress_ops test_of(const char *name,
                                    int (*run)(struct gt_stress *, const struct gt_stress_params *))
{
    struct gt_stress_ops t = {
        .head = GT_PLUGIN_HEAD(GT_MAGIC_STRESS, struct gt_stress_ops, name, "of the harness", 0),
        .text = "",
        .bugs = "",
        .run = run,
    };
    return t;
}

/* ---- cells ---------------------------------------------------------------- */
static const void *plugin(uint32_t magic, const char *name)
{
    char err[500];
    const void *p = gt_plugin_find(magic, name, err, sizeof err);
    if (!p)
        bail_out("%s", err);
    return p;
}

static struct gt_stress_cell cell_of(const struct gt_stress_ops *test)
{
    struct gt_stress_cell c = {
        .test = test,
        .ops = &gt_gmp,
        .duration_ns = 30 * MS * SLOW,
        .round_ns = 30 * MS * SLOW,
        .generation_ns = MS,
        .oracles = GT_ORACLES_ALL,
        .out = place,
        .number = 1,
        .quiet = true,
        .bail_fd = -1,
    };
    gt_config_init(&c.config);
    c.config.procs = 2;
    c.config.seed = 11;
    c.config.scheduler = plugin(GT_MAGIC_SCHEDULER, "worksteal");
    c.config.tracer = plugin(GT_MAGIC_TRACER, "gen");
    return c;
}

static struct gt_stress_result r; /* of the last drive */
static bool bailed;

static enum gt_stress_verdict drive(struct gt_stress_cell *c)
{
    const struct gt_drive d = {0};
    if (gt_stress_drive(c, &d, &r, &bailed) != 0)
        bail_out("drive");
    if (r.why[0])
        diag("%s: %s: %s", c->test->head.name, gt_stress_verdict_name(r.verdict), r.why);
    return r.verdict;
}

static bool counted(const char *name)
{
    for (uint32_t i = 0; i < r.n_classes; i++)
        if (strcmp(r.classes[i].name, name) == 0)
            return r.classes[i].n > 0;
    return false;
}

static bool counted_by(const char *oracle)
{
    for (uint32_t i = 0; i < r.n_classes; i++)
        if (strncmp(r.classes[i].name, oracle, strlen(oracle)) == 0)
            return true;
    return false;
}

static bool left(const char *suffix)
{
    for (uint32_t i = 0; i < r.n_files; i++) {
        size_t n = strlen(r.files[i]), k = strlen(suffix);
        if (n > k && strcmp(r.files[i] + n - k, suffix) == 0)
            return access(r.files[i], R_OK) == 0 && strncmp(r.files[i], place, strlen(place)) == 0;
    }
    return false;
}

static enum gt_stress_verdict drive_one(const char *name, int (*run)(struct gt_stress *,
                                                                     const struct gt_stress_params *))
{
    struct gt_stress_ops t = test_of(name, run);
    struct gt_stress_cell c = cell_of(&t);
    c.stuck_ns = 300 * MS * SLOW;
    return drive(&c);
}

/* ---- verdicts --------------------------------------------------------------- */
static void test_ok(void)
{
    struct gt_stress_ops t = test_of("yields", run_yields);
    struct gt_stress_cell c = cell_of(&t);
    c.duration_ns = 3 * c.round_ns;
    ok(drive(&c) == GT_STRESS_OK, "yields: ok");
    ok(r.rounds >= 1 && r.traces == r.rounds, "rounds, a trace each");
    ok(r.events > 100 && r.transitions > 100 && r.generations >= r.rounds, "with something in them");
    ok(r.inconsistencies == 0 && r.n_files == 0 && r.seed == 11, "and nothing left behind");
}

static void test_windows(void)
{
    struct gt_stress_ops t = test_of("windows", run_yields);
    t.windows[0] = (struct gt_stress_need){.window = GT_WINDOW_foreign_born, .least = 1};
    struct gt_stress_cell c = cell_of(&t);
    ok(drive(&c) == GT_STRESS_INCONCLUSIVE && strstr(r.why, "foreign-born"),
       "a window that was not entered is named");
    t.windows[0].procs = 3;
    ok(drive(&c) == GT_STRESS_OK, "nor is one that takes more Ps");
    t.windows[0] = (struct gt_stress_need){.window = GT_WINDOW_foreign_born, .per_min = 1};
    ok(drive(&c) == GT_STRESS_OK, "one that is entered at times only is not missed in a short run");
    t.windows[0].per_min = 60000;
    ok(drive(&c) == GT_STRESS_INCONCLUSIVE && strstr(r.why, "0 times, "), "its share of a short run is: %s", r.why);
    t.windows[0] = (struct gt_stress_need){.window = GT_WINDOW_foreign_born, .least = 1};
    t.windows[0].models = 1u << GT_SYSCALLS_STATUS;
    ok(drive(&c) == GT_STRESS_OK, "one of the other syscall model is not missed");
    t.windows[0] = (struct gt_stress_need){.window = GT_WINDOW_foreign_advance, .least = 1};
    c.generation_ns = 1000 * MS;
    ok(drive(&c) == GT_STRESS_OK, "nor one of generations that are longer than a round");
    c.generation_ns = MS;
    c.config.tracer = plugin(GT_MAGIC_TRACER, "locked");
    ok(drive(&c) == GT_STRESS_OK, "nor one of generations where there are none");
}

static void test_skips(void)
{
    struct gt_stress_ops t = test_of("large", run_yields);
    t.min_procs = 3;
    struct gt_stress_cell c = cell_of(&t);
    ok(drive(&c) == GT_STRESS_SKIPPED, "too few Ps");
    t.min_procs = 0;
    t.flags = GT_STRESS_TRACES;
    c.config.tracer = plugin(GT_MAGIC_TRACER, "none");
    ok(drive(&c) == GT_STRESS_SKIPPED, "a tracer that is never on");
    t.flags = 0;
    ok(drive(&c) == GT_STRESS_OK && r.events == 0 && r.transitions > 0, "without traces the rest");
    c.config.procs = GT_PROCS_MAX;
    c.config.bind = GT_BIND_PU;
    ok(drive(&c) == GT_STRESS_VOID, "more Ps than CPUs to bind to");
    c = cell_of(&t);
    c.config.fault = GT_FAULTS ? NULL : "stack_after_block";
    ok(GT_FAULTS || drive(&c) == GT_STRESS_VOID, "a fault that is not built in");
}

static void test_failures(void)
{
    ok(drive_one("check", run_check) == GT_STRESS_INCONSISTENT && counted("test/check"),
       "a check of the test");
    ok(strstr(r.findings[0], "five is 6") && strcmp(r.says[0], "seven is 7") == 0, "with its words");
    ok(left(".trace") && left(".journal") && left(".dump"), "trace, journal and dump are left");
    ok(strcmp(r.first.name, "test/check") == 0 && r.first.ns > 0, "found by it");
    ok(drive_one("error", run_error) == GT_STRESS_FAILED, "an error of the test");
    ok(drive_one("leaves", run_leaves) == GT_STRESS_INCONSISTENT && counted("test/left-gs"),
       "a G that is left");
    ok(drive_one("deadlock", run_deadlock) == GT_STRESS_INCONSISTENT &&
           counted("liveness/deadlock") && r.n_classes == 1, "a deadlock, and no more than that");
    ok(drive_one("endless", run_endless) == GT_STRESS_INCONSISTENT &&
           counted("liveness/no-progress"), "a round that does not end though it is over");
}

static void test_hang(void)
{
    ok(drive_one("hang", run_hang) == GT_STRESS_INCONSISTENT && counted("liveness/no-progress"),
       "a hang");
    ok(left(".dump"), "its dump is left");
    ok(drive_one("killed", run_killed) == GT_STRESS_INCOMPLETE && r.inconsistencies == 0,
       "a child that was killed says nothing about the runtime");
    ok(drive_one("after", run_yields) == GT_STRESS_OK, "and the next runs");
}

static void test_crash(void)
{
    struct gt_stress_ops t = test_of("crash", run_crash);
    struct gt_stress_cell c = cell_of(&t);
    char text[400] = "";
    FILE *f = tmpfile();
    c.bail_fd = fileno(f);
    ok(drive(&c) == GT_STRESS_FAILED && counted("liveness/crash"), "a crash");
    rewind(f);
    size_t n = fread(text, 1, sizeof text - 1, f);
    text[n] = '\0';
    ok(bailed && strncmp(text, "Bail out! ", 10) == 0 && text[n - 1] == '\n' &&
           strchr(text, '\n') == text + n - 1, "bails out in one line");
    ok(GT_ASAN || GT_TSAN || (left(".dump") && left(".1.trace")), "dump and trace are left");
    fclose(f);
}

static void test_traces(void)
{
    struct gt_stress_ops t = test_of("traces", run_traces);
    t.flags = GT_STRESS_TRACES;
    struct gt_stress_cell c = cell_of(&t);
    c.duration_ns = 1;
    ok(drive(&c) == GT_STRESS_OK && r.rounds == 1 && r.traces == 3, "traces that the test starts");
    c.config.tracer = plugin(GT_MAGIC_TRACER, "locked");
    ok(drive(&c) == GT_STRESS_OK && r.traces == 3, "with the other tracer too");
}

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

static void leaf(void *arg)
{
    const struct gt_runtime_ops *ops = arg;
    ops->yield();
}

static int run_makes(struct gt_stress *s, const struct gt_stress_params *p)
{
    for (int i = 0; i < LEAST || !gt_stress_over(s); i++) {
        if (p->ops->go(leaf, (void *)(uintptr_t)p->ops) != 0)
            return -ENOMEM;
        p->ops->yield();
    }
    return 0;
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

/* ---- planted faults: who must see them -------------------------------------------- */
static void sees(const char *oracle_class, const struct gt_fault_info *f, uint64_t window)
{
    uint64_t windows[GT_WINDOWS] = {0};
    char oracle[20];
    const char *slash = strchr(oracle_class, '/');
    snprintf(oracle, sizeof oracle, "%.*s", (int)(slash - oracle_class), oracle_class);
    for (int i = 0; i < GT_ORACLES; i++)
        if (strcmp(gt_oracle_name((enum gt_oracle)i), oracle) == 0)
            gt_result_count(&r, (enum gt_oracle)i, slash + 1, 1);
    windows[GT_WINDOW_proc_reborn_trace] = window;
    gt_fault_note(f, &r, 5, windows);
    gt_result_say(&r, GT_STRESS_INCONSISTENT, "seen");
}

static void test_seers(void)
{
    struct gt_stress_ops t = test_of("seers", run_yields);
    struct gt_stress_cell c = cell_of(&t);
    const struct gt_fault_info *f = gt_fault_named("dead_ps_kept_on_stop");
    uint64_t n;
    c.config.fault = "dead_ps_kept_on_stop";
    ok(f && gt_fault_hunted(&c) == f && strcmp(f->oracle, "order") == 0, "order must see it");
    memset(&r, 0, sizeof r);
    sees("truth/outside-section", f, 3);
    gt_fault_judge(&c, &r);
    ok(!gt_fault_found(&c, &r) && r.verdict == GT_STRESS_INCONCLUSIVE &&
           strstr(r.why, "seen by truth/outside-section, but not by order"),
       "what truth alone saw is not found: %s", r.why);
    memset(&r, 0, sizeof r);
    sees("truth/outside-section", f, 3);
    sees("order/failed-to-advance", f, 2);
    gt_fault_judge(&c, &r);
    ok(gt_fault_found(&c, &r) && r.verdict == GT_STRESS_INCONSISTENT && gt_fault_sight(&c, &r)->window == 2 &&
           strcmp(gt_fault_sight(&c, &r)->name, "order/failed-to-advance") == 0 &&
           strcmp(r.first.name, "truth/outside-section") == 0,
       "when order has too it is, with its window, and truth was the first");
    memset(&r, 0, sizeof r);
    sees("order/inconsistent-goroutine-status", f, 2);
    ok(!gt_fault_found(&c, &r), "under another class it is not");
    c.oracles = 1u << GT_ORACLE_TRUTH;
    ok(!gt_fault_hunted(&c) && gt_fault_found(&c, &r), "where order was not asked for, any will do");
    const uint64_t some[GT_WINDOWS] = {[GT_WINDOW_advance] = 4, [GT_WINDOW_trace_stop] = 1};
    ok(gt_windows_needed("advance,trace-stop", some, &n) == 0 && n == 1, "windows: each");
    ok(gt_windows_needed("inject|advance,advance", some, &n) == 0 && n == 4, "one of them, and each");
    ok(gt_windows_needed("inject,advance", some, &n) == 0 && n == 0, "one is missing");
    ok(gt_windows_needed("none: so", some, &n) == 0 && n == UINT64_MAX, "none is needed");
    ok(gt_windows_needed("advance,inje", some, &n) == -EINVAL &&
           gt_windows_needed("", some, &n) == -EINVAL && gt_windows_needed("none: ", some, &n) == -EINVAL,
       "names that are none");
}

/* ---- a full disk ---------------------------------------------------------------- */
static void test_full(void)
{
    struct gt_stress_ops t = test_of("full", run_makes);
    struct gt_stress_cell c = cell_of(&t);
    struct rlimit was, small;
    getrlimit(RLIMIT_FSIZE, &was);
    small = was;
    small.rlim_cur = 8192;
    (void)signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    enum gt_stress_verdict v = drive(&c);
    setrlimit(RLIMIT_FSIZE, &was);
    ok(v == GT_STRESS_INCOMPLETE && strstr(r.why, "not whole"), "a disk that is full: incomplete");
    ok(r.inconsistencies == 0, "and not inconsistent");
}

/* ---- no kernel timers --------------------------------------------------------- */
/* Each start fails when its trace has begun, and Gs run meanwhile. */
static int run_starts(struct gt_stress *s, const struct gt_stress_params *p)
{
    for (int i = 0; i < 20; i++) {
        for (int k = 0; k < 8 && p->ops->go(leaf, (void *)(uintptr_t)p->ops) == 0; k++)
            ;
        (void)gt_stress_trace_start(s);
        p->ops->yield();
    }
    return 0;
}

static void no_samples(struct gt_stress_cell *c, const char *tracer)
{
    struct rlimit was, none;
    getrlimit(RLIMIT_SIGPENDING, &was);
    none = was;
    none.rlim_cur = 0;
    c->config.tracer = plugin(GT_MAGIC_TRACER, tracer);
    c->profile_hz = 100;
    setrlimit(RLIMIT_SIGPENDING, &none);
    enum gt_stress_verdict v = drive(c);
    setrlimit(RLIMIT_SIGPENDING, &was);
    ok(v == GT_STRESS_VOID && strstr(r.why, "CPU samples"), "%s, %s: no CPU samples: void",
       c->test->head.name, tracer);
    ok(r.inconsistencies == 0 && r.traces > 0, "and what was traced is true");
}

static void test_profile(void)
{
    struct gt_stress_ops by_us = test_of("yields", run_yields), own = test_of("starts", run_starts);
    struct gt_stress_cell c = cell_of(&by_us), d = cell_of(&own);
    own.flags = GT_STRESS_TRACES;
    no_samples(&c, "gen");
    no_samples(&d, "gen");
    no_samples(&d, "locked");
}

/* ---- words ------------------------------------------------------------------------ */
static void test_names(void)
{
    uint32_t bits;
    char err[300];
    ok(gt_oracles_parse("truth,locks", &bits, err, sizeof err) == 0 &&
           bits == (1u << GT_ORACLE_TRUTH | 1u << GT_ORACLE_LOCKS | 1u << GT_ORACLE_TEST),
       "oracles by name");
    ok(gt_oracles_parse("order,", &bits, err, sizeof err) == -EINVAL, "an empty name");
    ok(gt_oracles_parse("ordr", &bits, err, sizeof err) == -EINVAL && strstr(err, "conservation"),
       "an unknown one lists them");
    ok(gt_stress_find("no-such", err, sizeof err) == NULL && strstr(err, "syscall-storm"),
       "an unknown test lists them");
    bool all = true;
    for (size_t i = 0; gt_stress_at(i); i++)
        all = all && gt_stress_find(gt_stress_at(i)->head.name, err, sizeof err) == gt_stress_at(i);
    ok(all, "each test is found by its name");
}

static void test_reports(void)
{
    struct gt_stress_ops t = test_of("words", run_yields);
    struct gt_stress_point p = {.cell = cell_of(&t), .done = true};
    char *text = NULL;
    size_t size = 0;
    gt_result_count(&p.result, GT_ORACLE_ORDER, "a<b", 2);
    gt_result_count(&p.result, GT_ORACLE_ORDER, "a<b", 1);
    gt_result_finding(&p.result, "\"x\" & \\ \x01 <y>");
    gt_result_say(&p.result, GT_STRESS_INCONCLUSIVE, "first");
    gt_result_say(&p.result, GT_STRESS_INCONCLUSIVE, "second");
    gt_result_say(&p.result, GT_STRESS_INCONSISTENT, "worse & \"worst\"");
    gt_result_say(&p.result, GT_STRESS_INCONCLUSIVE, "better");
    FILE *f = open_memstream(&text, &size);
    gt_tap_point(f, 3, &p);
    fclose(f);
    ok(strncmp(text, "not ok 3 - words worksteal gen scanbit procs=2\n  ---\n", 52) == 0,
       "TAP: the point");
    ok(strstr(text, "  why: \"worse & \\\"worst\\\"\"\n") && strstr(text, "by_class: [order/a<b=3]") &&
           strstr(text, "\\\"x\\\" & \\\\   <y>\""), "TAP: the worst reason, sums, quotes");
    free(text);
    f = open_memstream(&text, &size);
    gt_junit(f, &p, 1);
    fclose(f);
    ok(strstr(text, "failures=\"1\"") && strstr(text, "worse &amp; &quot;worst&quot;") &&
           strstr(text, "order/a&lt;b=3"), "JUnit: counts and escapes");
    free(text);
}

static void remove_place(void)
{
    char command[300];
    snprintf(command, sizeof command, "rm -rf '%s'", place);
    if (system(command) != 0)
        diag("%s is left", place);
}

int main(void)
{
    const char *temp = getenv("TMPDIR");
    snprintf(place, sizeof place, "%s/harness-XXXXXX", temp && *temp ? temp : "/tmp");
    if (!mkdtemp(place))
        bail_out("no folder");
    test_ok();
    test_windows();
    test_skips();
    test_failures();
    test_hang();
    test_crash();
    test_traces();
    test_tracers();
    test_blind();
    test_silent();
    test_outside_rounds();
    test_procs();
    test_seers();
    test_full();
    test_profile();
    test_names();
    test_reports();
    remove_place();
    return done_testing();
}
