/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "cli.h"
#include "gauntlet/plugin.h"
#include "gauntlet/tracer.h"
#include "options_take.h"

int gt_option_refuse(const struct gt_given *g, const char *fmt, ...)
{
    va_list ap;
    int at = snprintf(g->err, g->err_size, "%s=%s: ", g->option->name, g->value);
    if (at < 0 || (size_t)at >= g->err_size)
        return -EINVAL;
    va_start(ap, fmt);
    vsnprintf(g->err + at, g->err_size - (size_t)at, fmt, ap);
    va_end(ap);
    return -EINVAL;
}

/* ---- values ------------------------------------------------------------ */
int gt_parse_number(const char *text, uint64_t lo, uint64_t hi, uint64_t *out)
{
    char *end;
    bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    if (!isdigit((unsigned char)text[0]))
        return -EINVAL; /* strtoull takes signs and blanks */
    errno = 0;
    unsigned long long v = strtoull(text, &end, hex ? 16 : 10);
    if (errno != 0 || *end != '\0' || v < lo || v > hi)
        return -EINVAL;
    *out = v;
    return 0;
}

int gt_parse_duration(const char *text, int64_t *ns, char *err, size_t err_size)
{
    static const struct {
        const char *unit;
        int64_t ns;
    } units[] = {{"ns", 1},           {"us", 1000},         {"ms", 1000000},
                 {"s", 1000000000ll}, {"m", 60000000000ll}, {"h", 3600000000000ll}};
    size_t digits = strspn(text, "0123456789");
    uint64_t v = 0;
    char number[24];
    if (digits == 0 || digits >= sizeof number) {
        snprintf(err, err_size, "not a duration: write a number and a unit, as in 500ms, 10s, 2m");
        return -EINVAL;
    }
    memcpy(number, text, digits);
    number[digits] = '\0';
    if (text[digits] == '\0') {
        snprintf(err, err_size, "the unit is missing: write %ss for seconds, %sms or %sm", number,
                 number, number);
        return -EINVAL;
    }
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strcmp(text + digits, units[i].unit) == 0) {
            if (gt_parse_number(number, 1, (uint64_t)(INT64_MAX / units[i].ns), &v) != 0) {
                snprintf(err, err_size, "out of range: from 1ns to 292 years");
                return -EINVAL;
            }
            *ns = (int64_t)v * units[i].ns;
            return 0;
        }
    snprintf(err, err_size, "'%.16s' is no unit: use ns, us, ms, s, m or h, as in %ss",
             text + digits, number);
    return -EINVAL;
}

int gt_parse_size(const char *text, uint64_t *bytes, char *err, size_t err_size)
{
    static const struct {
        const char *unit;
        uint64_t bytes;
    } units[] = {{"B", 1}, {"KiB", 1ull << 10}, {"MiB", 1ull << 20}, {"GiB", 1ull << 30}};
    size_t digits = strspn(text, "0123456789");
    char number[24];
    uint64_t v;
    if (digits > 0 && digits < sizeof number) {
        memcpy(number, text, digits);
        number[digits] = '\0';
        for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
            if (strcmp(text + digits, units[i].unit) == 0 &&
                gt_parse_number(number, 1, UINT64_MAX / units[i].bytes, &v) == 0) {
                *bytes = v * units[i].bytes;
                return 0;
            }
    }
    snprintf(err, err_size, "not a size: write a number and B, KiB, MiB or GiB, as in 512MiB");
    return -EINVAL;
}

const char *gt_syscalls_name(enum gt_syscall_model m)
{
    return m == GT_SYSCALLS_STATUS ? "status" : "scanbit";
}

/* ---- lists: NAME[,NAME] ------------------------------------------------ */
typedef int (*take_one)(const struct gt_given *g, const char *item, uint32_t i);

/* Calls `take` for each item; *n counts them. */
static int take_list(const struct gt_given *g, uint32_t max, uint32_t *n, take_one take)
{
    char *copy = strdup(g->value), *at = copy, *item;
    int rc = copy ? 0 : gt_option_refuse(g, "out of memory");
    *n = 0;
    while (rc == 0 && (item = strsep(&at, ",")) != NULL) {
        if (*item == '\0')
            rc = gt_option_refuse(g, "an item of the list is empty: write %s=%s", g->option->name,
                        g->option->value);
        else if (*n == max)
            rc = gt_option_refuse(g, "more than %u items", max);
        else if ((rc = take(g, item, *n)) == 0)
            (*n)++;
    }
    free(copy);
    return rc;
}

/* Plugins that were named by a path: for commands that are to be typed again. */
static struct {
    const struct gt_plugin_head *head;
    char *path;
} by_path[2 * GT_LIST_MAX];

static void note_path(const struct gt_plugin_head *head, const char *path)
{
    size_t i = 0;
    while (i < 2 * GT_LIST_MAX && by_path[i].head && by_path[i].head != head)
        i++;
    if (i == 2 * GT_LIST_MAX || by_path[i].head)
        return;
    by_path[i].path = realpath(path, NULL);
    by_path[i].head = by_path[i].path ? head : NULL;
}

const char *gt_plugin_typed(const struct gt_plugin_head *head)
{
    for (size_t i = 0; i < 2 * GT_LIST_MAX && by_path[i].head; i++)
        if (by_path[i].head == head)
            return by_path[i].path;
    return head->name;
}

/* 0; -EINVAL; -ENOTSUP: known, but not in this build. */
static int find_plugin(const struct gt_given *g, uint32_t magic, const char *name,
                       const struct gt_plugin_head **out)
{
    char err[2048];
    *out = gt_plugin_find(magic, name, err, sizeof err);
    if (!*out) {
        (void)gt_option_refuse(g, "%s", err);
        return gt_plugin_absent_find(magic, name) ? -ENOTSUP : -EINVAL;
    }
    if (strchr(name, '/'))
        note_path(*out, name);
    return 0;
}

static int take_one_scheduler(const struct gt_given *g, const char *item, uint32_t i)
{
    const struct gt_plugin_head *h;
    int rc = find_plugin(g, GT_MAGIC_SCHEDULER, item, &h);
    g->o->schedulers[i] = (const void *)h;
    return rc;
}
static int take_scheduler(const struct gt_given *g)
{
    return take_list(g, GT_LIST_MAX, &g->o->n_schedulers, take_one_scheduler);
}

static int take_one_tracer(const struct gt_given *g, const char *item, uint32_t i)
{
    const struct gt_plugin_head *h;
    int rc = find_plugin(g, GT_MAGIC_TRACER, item, &h);
    g->o->tracers[i] = (const void *)h;
    return rc;
}
static int take_tracer(const struct gt_given *g)
{
    return take_list(g, GT_LIST_MAX, &g->o->n_tracers, take_one_tracer);
}

static int take_one_runtime(const struct gt_given *g, const char *item, uint32_t i)
{
    const struct gt_plugin_head *h;
    int rc = find_plugin(g, GT_MAGIC_RUNTIME, item, &h);
    for (uint32_t at = 0; rc == 0 && at < i; at++)
        if (&g->o->runtimes[at]->head == h)
            return gt_option_refuse(g, "%s is there twice", item);
    g->o->runtimes[i] = (const void *)h;
    return rc;
}
/* all: those that are built. */
static int take_runtime(const struct gt_given *g)
{
    const struct gt_plugin_head *h;
    struct gt_options *o = g->o;
    int rc = 0;
    if (strcmp(g->value, "all") != 0)
        rc = take_list(g, GT_LIST_MAX, &o->n_runtimes, take_one_runtime);
    else
        for (o->n_runtimes = 0; o->n_runtimes < GT_LIST_MAX &&
                                (h = gt_plugin_builtin(GT_MAGIC_RUNTIME, o->n_runtimes)) != NULL;)
            o->runtimes[o->n_runtimes++] = (const void *)h;
    if (rc == 0)
        o->runtime = o->runtimes[0];
    return rc;
}

static int take_one_procs(const struct gt_given *g, const char *item, uint32_t i)
{
    uint64_t v;
    if (gt_parse_number(item, 1, GT_PROCS_MAX, &v) != 0)
        return gt_option_refuse(g, "'%.16s' is not a number of Ps: write 1 to %d", item,
                                GT_PROCS_MAX);
    g->o->procs[i] = (int32_t)v;
    return 0;
}
static int take_procs(const struct gt_given *g)
{
    return take_list(g, GT_LIST_MAX, &g->o->n_procs, take_one_procs);
}

static int take_one_model(const struct gt_given *g, const char *item, uint32_t i)
{
    for (uint32_t m = 0; m < 2; m++)
        if (strcmp(item, gt_syscalls_name((enum gt_syscall_model)m)) == 0) {
            g->o->syscalls[i] = (enum gt_syscall_model)m;
            return 0;
        }
    return gt_option_refuse(g, "'%.16s' is no syscall model: use status or scanbit", item);
}
static int take_syscalls(const struct gt_given *g)
{
    return take_list(g, 2, &g->o->n_syscalls, take_one_model);
}

static int parse_bind(const struct gt_given *g, const char *name, enum gt_bind *out)
{
    for (int b = GT_BIND_NONE; b <= GT_BIND_NODE; b++)
        if (strcmp(name, gt_bind_name((enum gt_bind)b)) == 0) {
            *out = (enum gt_bind)b;
            return 0;
        }
    return gt_option_refuse(g, "'%.16s' is no binding: use none, pu, core or node", name);
}

static int take_bind(const struct gt_given *g)
{
    g->o->bind_given = true;
    return parse_bind(g, g->value, &g->o->bind);
}

static int take_one_bind(const struct gt_given *g, const char *item, uint32_t i)
{
    return parse_bind(g, item, &g->o->binds[i]);
}
static int take_binds(const struct gt_given *g)
{
    return take_list(g, 4, &g->o->n_binds, take_one_bind);
}

static int take_duration(const struct gt_given *g)
{
    char why[160];
    if (gt_parse_duration(g->value, &g->o->duration_ns, why, sizeof why) == 0)
        return 0;
    return gt_option_refuse(g, "%s", why);
}

static int take_seed(const struct gt_given *g)
{
    g->o->seed_given = true;
    if (gt_parse_number(g->value, 0, UINT64_MAX, &g->o->seed) == 0)
        return 0;
    return gt_option_refuse(g, "not a seed: write a number of 64 bits, decimal or 0x hexadecimal");
}

static int take_ops(const struct gt_given *g)
{
    if (gt_parse_number(g->value, 1, 1000000000000ull, &g->o->ops) == 0)
        return 0;
    return gt_option_refuse(g, "not a number of operations: write 1 to 1000000000000");
}

static int take_gs(const struct gt_given *g)
{
    uint64_t v;
    if (gt_parse_number(g->value, 1, 100000000, &v) != 0)
        return gt_option_refuse(g, "not a number of Gs: write 1 to 100000000");
    g->o->gs = (uint32_t)v;
    return 0;
}

static int take_repetitions(const struct gt_given *g)
{
    uint64_t v;
    if (gt_parse_number(g->value, 1, 1000, &v) != 0)
        return gt_option_refuse(
            g, "not a number of repetitions: write 1 to 1000 (9 or more for figures)");
    g->o->repetitions = (uint32_t)v;
    return 0;
}

static int take_out(const struct gt_given *g)
{
    if (*g->value == '\0')
        return gt_option_refuse(g, "write the folder to put files in");
    g->o->out = g->value;
    return 0;
}

static int take_json(const struct gt_given *g)
{
    g->o->json = true;
    return 0;
}
static int take_million(const struct gt_given *g)
{
    g->o->million = true;
    return 0;
}

/* ---- runs of a plan ------------------------------------------------------ */
static int take_resume(const struct gt_given *g)
{
    g->o->resume = true;
    return 0;
}

static int take_path(const struct gt_given *g, const char **path, const char *what)
{
    if (*g->value == '\0')
        return gt_option_refuse(g, "write the path of %s", what);
    *path = g->value;
    return 0;
}
static int take_plan(const struct gt_given *g)
{
    return take_path(g, &g->o->plan, "a plan");
}
static int take_lean_program(const struct gt_given *g)
{
    return take_path(g, &g->o->lean_program, "gauntlet");
}
static int take_oracle_program(const struct gt_given *g)
{
    return take_path(g, &g->o->oracle_program, "gauntlet-oracle");
}
static int take_faults_program(const struct gt_given *g)
{
    return take_path(g, &g->o->faults_program, "gauntlet-oracle of the preset faults");
}

static int take_page(const struct gt_given *g)
{
    return take_path(g, &g->o->page, "the page");
}
static int take_store(const struct gt_given *g)
{
    return take_path(g, &g->o->store, "the store");
}
static int take_no_report(const struct gt_given *g)
{
    g->o->no_report = true;
    return 0;
}

static int take_check_owner(const struct gt_given *g)
{
    g->o->check_owner = true;
    return 0;
}

static int take_rules(const struct gt_given *g)
{
    g->o->rules_go = strcmp(g->value, "go") == 0;
    if (g->o->rules_go || strcmp(g->value, "strict") == 0)
        return 0;
    return gt_option_refuse(g, "no such rules: use go or strict");
}

static int take_max_report(const struct gt_given *g)
{
    if (gt_parse_number(g->value, 0, UINT64_MAX - 1, &g->o->max_report) == 0)
        return 0;
    return gt_option_refuse(g, "not a number of findings: write 0 or more");
}

static int take_out_file(const struct gt_given *g)
{
    if (*g->value == '\0')
        return gt_option_refuse(g, "write the file to put the result in");
    g->o->out = g->value;
    return 0;
}

static const struct gt_option options[] = {
    {GT_OPT_RUNTIME, "--runtime", "NAME[,NAME]", "what to run on (gmp); all: each that is built",
     take_runtime},
    {GT_OPT_SCHEDULER, "--scheduler", "NAME[,NAME]", "schedulers, by name or path of an object",
     take_scheduler},
    {GT_OPT_TRACER, "--tracer", "NAME[,NAME]", "tracers, by name or path of an object",
     take_tracer},
    {GT_OPT_PROCS, "--procs", "N[,N]", "number of Ps, 1 to 1024", take_procs},
    {GT_OPT_SYSCALLS, "--syscalls", "MODEL[,MODEL]", "status or scanbit (scanbit)", take_syscalls},
    {GT_OPT_BIND, "--bind", "HOW", "bind Ps: none, pu, core or node", take_bind},
    {GT_OPT_BENCH, "--bind", "HOW[,HOW]", "bind Ps: none, pu, core or node (pu where it can)",
     take_binds},
    {GT_OPT_DURATION, "--duration", "TIME", "about so long in all, as in 500ms, 10s, 2m",
     take_duration},
    {GT_OPT_OPS, "--ops", "N", "operations of each workload", take_ops},
    {GT_OPT_GS, "--gs", "N", "Gs at most", take_gs},
    {GT_OPT_SEED, "--seed", "N", "of every random choice (drawn, and said)", take_seed},
    {GT_OPT_REPETITIONS, "--repetitions", "N", "samples of each figure (25)", take_repetitions},
    {GT_OPT_MILLION, "--million", NULL, "park a million Gs, not 100,000", take_million},
    {GT_OPT_CHECK_OWNER, "--check-owner", NULL, "count stacks taken by who does not own them",
     take_check_owner},
    {GT_OPT_GC, "--gc-percent", "N", "the heap grows by N % between cycles, or off (100)",
     gt_take_gc_percent},
    {GT_OPT_GC, "--gc-limit", "SIZE", "memory for collected objects, as in 512MiB (none)",
     gt_take_gc_limit},
    {GT_OPT_GC, "--gc-period", "TIME", "a cycle at least so often, or never (2m)",
     gt_take_gc_period},
    {GT_OPT_GC, "--gc-poison", NULL, "freed objects are filled, so that a use is caught",
     gt_take_gc_poison},
    {GT_OPT_FAULT, "--fault", "NAME", "a planted fault (preset faults), or seeds, or all",
     gt_take_fault},
    {GT_OPT_FAULT, "--runs", "N", "so many runs of each fault (1)", gt_take_runs},
    {GT_OPT_PERTURB, "--perturb", "LEVEL",
     "delays at labelled points: off, low, medium, high (off; with --fault medium)",
     gt_take_perturb},
    {GT_OPT_ORACLE, "--oracle", "NAME[,NAME]", "order, truth, ownership, locks, liveness, "
     "conservation (all)", gt_take_oracle},
    {GT_OPT_LEAN, "--lean", NULL, "names are of workloads, which run alone", gt_take_lean},
    {GT_OPT_PLAN, "--plan", "FILE", "the plan, an INI file (the default plan)", take_plan},
    {GT_OPT_RESUME, "--resume", NULL, "go on with the run in --out, or the newest one",
     take_resume},
    {GT_OPT_PROGRAMS, "--store", "FILE", "store that the run is added to (results/local/store.sqlite)",
     take_store},
    {GT_OPT_PROGRAMS, "--page", "FILE", "the page (report.html in the run's folder)", take_page},
    {GT_OPT_PROGRAMS, "--no-report", NULL, "neither store nor page", take_no_report},
    {GT_OPT_PROGRAMS, "--lean-program", "PATH", "gauntlet, for figures (beside this program)",
     take_lean_program},
    {GT_OPT_PROGRAMS, "--oracle-program", "PATH", "gauntlet-oracle (beside this program)",
     take_oracle_program},
    {GT_OPT_PROGRAMS, "--faults-program", "PATH",
     "gauntlet-oracle with planted faults (../faults/)", take_faults_program},
    {GT_OPT_OUT, "--out", "DIR", "keep the result in a file there, too", take_out},
    {GT_OPT_TRACE, "--trace", "FILE", "keep the trace there", gt_take_trace},
    {GT_OPT_GENERATION, "--generation", "TIME", "length of a generation: continuous, 1ms, 1s",
     gt_take_generation},
    {GT_OPT_HEADER, "--header", "VERSION", "of the trace: 1.22, 1.23, 1.25 or 1.26",
     gt_take_header},
    {GT_OPT_PROFILE, "--profile", "HZ", "CPU samples a second of each thread's CPU time, traced",
     gt_take_profile},
    {GT_OPT_RULES, "--rules", "go|strict", "Go's reader's rules, or all of ours (strict)",
     take_rules},
    {GT_OPT_MAX_REPORT, "--max-report", "N", "findings shown at most; all are counted (20)",
     take_max_report},
    {GT_OPT_OUT_FILE, "--out", "FILE", "the result goes there, whole or not at all", take_out_file},
    {GT_OPT_OUT_FILE, "-o", "FILE", "the same", take_out_file},
    {GT_OPT_JSON, "--json", NULL, "the result as JSON", take_json},
};
#define N_OPTIONS (sizeof options / sizeof options[0])

/* ---- parsing ----------------------------------------------------------- */
static void print_option(char *buf, size_t size, const struct gt_option *d)
{
    const char *between = d->name[1] == '-' ? "=" : " ";
    snprintf(buf, size, "%s%s%s", d->name, d->value ? between : "", d->value ? d->value : "");
}

void gt_options_help(FILE *f, uint32_t allowed)
{
    char shown[64];
    for (size_t i = 0; i < N_OPTIONS; i++)
        if (options[i].bit & allowed) {
            print_option(shown, sizeof shown, &options[i]);
            fprintf(f, "  %-26s %s\n", shown, options[i].help);
        }
}

static int say_unknown(const char *arg, uint32_t allowed, const struct gt_given *g)
{
    int at = snprintf(g->err, g->err_size, "%s is no option of %s: use", arg, g->verb);
    for (size_t i = 0; i < N_OPTIONS && at > 0 && (size_t)at < g->err_size; i++)
        if (options[i].bit & allowed)
            at += snprintf(g->err + at, g->err_size - (size_t)at, " %s", options[i].name);
    if (at > 0 && (size_t)at < g->err_size)
        snprintf(g->err + at, g->err_size - (size_t)at, " --help");
    return -EINVAL;
}

static const struct gt_option *find(const char *arg, size_t n, uint32_t allowed)
{
    for (size_t i = 0; i < N_OPTIONS; i++)
        if ((options[i].bit & allowed) && strlen(options[i].name) == n &&
            memcmp(options[i].name, arg, n) == 0)
            return &options[i];
    return NULL;
}

/* Google Benchmark's own, handed on as it stands. */
static int take_flag(struct gt_given *g, const char *arg)
{
    struct gt_options *o = g->o;
    if (o->n_flags == GT_FLAGS_MAX) {
        snprintf(g->err, g->err_size, "%s: more than %d such options", arg, GT_FLAGS_MAX);
        return -EINVAL;
    }
    o->flags[o->n_flags++] = arg;
    return 1;
}

/* Takes argv[0], perhaps argv[1]. How many, or -EINVAL. */
static int take_option(struct gt_given *g, uint32_t allowed, int argc, char **argv)
{
    size_t n = strcspn(argv[0], "=");
    const char *value = argv[0][n] == '=' ? argv[0] + n + 1 : NULL;
    char shown[64];
    int used = 1;
    if ((allowed & GT_OPT_BENCH) && strncmp(argv[0], "--benchmark_", 12) == 0)
        return take_flag(g, argv[0]);
    g->option = find(argv[0], n, allowed);
    if (!g->option)
        return say_unknown(argv[0], allowed, g);
    print_option(shown, sizeof shown, g->option);
    if (g->option->value && !value && argc > 1) {
        value = argv[1];
        used = 2;
    }
    if (!g->option->value != !value) {
        snprintf(g->err, g->err_size, "%s: %s, write %s", argv[0],
                 value ? "takes no value" : "its value is missing", shown);
        return -EINVAL;
    }
    g->value = value;
    int rc = g->option->take(g);
    return rc ? rc : used;
}

static uint64_t draw_seed(void)
{
    uint64_t seed = 0;
    struct timespec ts;
    if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed) {
        clock_gettime(CLOCK_REALTIME, &ts);
        seed = (uint64_t)ts.tv_sec ^ ((uint64_t)ts.tv_nsec << 20);
    }
    return seed >> 16; /* short enough to type */
}

int gt_options_parse(struct gt_options *o, const char *verb, uint32_t allowed, int argc,
                     char **argv, char *err, size_t err_size)
{
    struct gt_given g = {.o = o, .verb = verb, .err = err, .err_size = err_size};
    bool only_args = false;
    memset(o, 0, sizeof *o);
    o->runtime = &gt_gmp;
    o->seed = draw_seed();
    o->generation_ns = -1;
    o->max_report = UINT64_MAX;
    o->args = argv;
    for (int i = 0; i < argc;) {
        if (only_args || argv[i][0] != '-' || argv[i][1] == '\0') {
            o->args[o->n_args++] = argv[i++];
            continue;
        }
        if (strcmp(argv[i], "--") == 0) {
            only_args = true;
            i++;
            continue;
        }
        int used = take_option(&g, allowed, argc - i, argv + i);
        if (used < 0)
            return used;
        i += used;
    }
    return 0;
}

int gt_options_status(int rc)
{
    return rc == -ENOTSUP ? GT_EXIT_VOID : GT_EXIT_USAGE;
}
