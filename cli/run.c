/* SPDX-License-Identifier: Apache-2.0 */
/* run: the main job. Finds the plan, the programs and the folder; results/ does the rest. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "common/child.h"
#include "options.h"
#include "plan_names.h"
#include "results/summary.h"
#include "run_page.h"

#define HEARTBEAT 10000000000ll
#define REDRAW 200000000ll

struct job {
    struct gt_options o;
    struct gt_plan plan;
    struct gt_run run;
    char lean[PATH_MAX], oracle[PATH_MAX], faults[PATH_MAX];
    char err[4096];
    bool terminal;
    int64_t next; /* not before: the next sign of life */
};

__attribute__((format(printf, 3, 4))) static int refuse(const struct job *j, enum gt_exit status,
                                                        const char *fmt, ...)
{
    char text[4608];
    va_list ap;
    (void)j;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    gt_say("run", "%s", text);
    return (int)status;
}

/* ---- the programs ------------------------------------------------------------ */
static void find_programs(struct job *j)
{
    char self[PATH_MAX - 64];
    char *slash = gt_self(self, sizeof self) ? strrchr(self, '/') : NULL;
    int folder = slash ? (int)(slash - self) : 0;
    const struct gt_options *o = &j->o;
    snprintf(j->lean, sizeof j->lean, "%.*s/gauntlet", folder, self);
    snprintf(j->oracle, sizeof j->oracle, "%.*s/gauntlet-oracle", folder, self);
    snprintf(j->faults, sizeof j->faults, "%.*s/../faults/gauntlet-oracle", folder, self);
    struct gt_programs *p = &j->run.programs;
    p->lean = o->lean_program ? o->lean_program : j->lean;
    p->oracle = o->oracle_program ? o->oracle_program : j->oracle;
    p->faults = o->faults_program              ? o->faults_program
                : access(j->faults, X_OK) == 0 ? j->faults
                                               : NULL;
}

static bool plan_needs(const struct gt_plan *p, enum gt_plan_kind kind)
{
    for (uint32_t i = 0; i < p->n_cells; i++)
        if (p->cells[i].kind == kind)
            return true;
    return false;
}

/* What was named must be there; what was not, and is not, makes its cells void. */
static int check_programs(const struct job *j)
{
    const char *const named[] = {j->o.lean_program, j->o.oracle_program, j->o.faults_program};
    for (size_t i = 0; i < 3; i++)
        if (named[i] && access(named[i], X_OK) != 0)
            return refuse(j, GT_EXIT_USAGE, "%s: %s", named[i], strerror(errno));
    if (!j->run.programs.faults && plan_needs(&j->plan, GT_PLAN_FAULTS))
        gt_say("run",
               "no faults build, so no planted fault can be looked for: cmake --preset faults && "
               "cmake --build build/faults, or --faults-program=PATH; the rest runs");
    return GT_EXIT_OK;
}

/* ---- progress ------------------------------------------------------------------ */
static void on_progress(void *arg, const struct gt_run_progress *p)
{
    struct job *j = arg;
    int64_t now = gt_child_clock();
    if (now < j->next)
        return;
    j->next = now + (j->terminal ? REDRAW : HEARTBEAT);
    fprintf(stderr, "%s%u of %u cells, %.0f s, about %.0f s left: %.50s%s",
            j->terminal ? "\r\033[K" : "gauntlet run: ", p->done, p->total,
            (double)p->elapsed_ns / 1e9, (double)p->left_ns / 1e9, p->cell,
            j->terminal ? "" : "\n");
    fflush(stderr);
}

static void prepare_progress(struct job *j)
{
    const char *term = getenv("TERM");
    j->terminal = isatty(STDERR_FILENO) && !(term && strcmp(term, "dumb") == 0);
    j->next = gt_child_clock() + (j->terminal ? REDRAW : HEARTBEAT);
    j->run.progress = on_progress;
    j->run.arg = j;
    j->run.stop = &gt_stop_asked;
}

/* ---- folder and plan ------------------------------------------------------------- */
static int folder_trouble(const struct job *j, const char *path, int rc)
{
    switch (rc) {
    case -EEXIST:
        return refuse(j, GT_EXIT_USAGE,
                      "%s holds a run already: go on with --resume, or name another folder", path);
    case -ENOENT:
        return refuse(j, GT_EXIT_USAGE, "%s holds no run that could go on", path);
    case -EBUSY:
        return refuse(j, GT_EXIT_BROKEN, "%s: another run is at work there", path);
    default:
        return refuse(j, GT_EXIT_BROKEN, "%s cannot be written: %s", path, strerror(-rc));
    }
}

static int open_folder(struct job *j)
{
    char *path = j->o.out      ? strdup(j->o.out)
                 : j->o.resume ? gt_folder_newest()
                               : gt_folder_new_name();
    if (!path)
        return j->o.resume ? refuse(j, GT_EXIT_USAGE,
                                    "results/local holds no run that could go on: "
                                    "name its folder with --out")
                           : refuse(j, GT_EXIT_BROKEN, "out of memory");
    int rc = gt_folder_open(&j->run.folder, path, j->o.resume);
    int status = rc == 0 ? GT_EXIT_OK : folder_trouble(j, path, rc);
    free(path);
    return status;
}

static int read_plan(struct job *j)
{
    int rc = gt_plan_read(&j->plan, j->o.plan, &gt_cli_plan_names, j->err, sizeof j->err);
    if (rc == 0)
        return GT_EXIT_OK;
    return refuse(j, rc == -ENOMEM ? GT_EXIT_BROKEN : GT_EXIT_USAGE, "%s", j->err);
}

static int begin(struct job *j)
{
    int status = read_plan(j);
    if (status == GT_EXIT_OK)
        status = check_programs(j);
    if (status == GT_EXIT_OK)
        status = open_folder(j);
    if (status != GT_EXIT_OK)
        return status;
    j->run.plan = &j->plan;
    j->run.seed = j->o.seed;
    int rc = gt_run_begin(&j->run);
    return rc == 0 ? GT_EXIT_OK : folder_trouble(j, j->run.folder.path, rc);
}

/* The plan and the seed that the run began with; those given must be the same. */
static int take_saved(struct job *j)
{
    const json_t *plan = json_object_get(j->run.head, "plan");
    const char *path = json_string_value(json_object_get(plan, "path"));
    j->run.seed = (uint64_t)json_integer_value(json_object_get(j->run.head, "seed"));
    if (j->o.seed_given && j->o.seed != j->run.seed)
        return refuse(j, GT_EXIT_USAGE, "--seed=%" PRIu64 ": the run that began has seed %" PRIu64,
                      j->o.seed, j->run.seed);
    if (j->o.plan)
        return read_plan(j);
    if (gt_plan_read_text(&j->plan, path ? path : "run.json",
                          json_string_value(json_object_get(plan, "text")), &gt_cli_plan_names,
                          j->err, sizeof j->err) != 0)
        return refuse(j, GT_EXIT_USAGE, "%s", j->err);
    return GT_EXIT_OK;
}

static int go_on(struct job *j)
{
    int status = open_folder(j);
    if (status != GT_EXIT_OK)
        return status;
    if (gt_run_head(&j->run, j->err, sizeof j->err) != 0)
        return refuse(j, GT_EXIT_BROKEN, "%s", j->err);
    status = take_saved(j);
    if (status == GT_EXIT_OK)
        status = check_programs(j);
    if (status != GT_EXIT_OK)
        return status;
    j->run.plan = &j->plan;
    int rc = gt_run_resume(&j->run, j->err, sizeof j->err);
    if (rc == -EINVAL)
        return refuse(j, GT_EXIT_USAGE, "%s", j->err);
    return rc == 0 ? GT_EXIT_OK : folder_trouble(j, j->run.folder.path, rc);
}

/* ---- the result --------------------------------------------------------------------- */
static int keep_report(const struct job *j, const struct gt_summary *s, const json_t *json)
{
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);
    if (!f)
        return -ENOMEM;
    gt_summary_print(f, s);
    int rc = fclose(f) == 0 ? gt_folder_save_text(&j->run.folder, "report.txt", text, n) : -ENOMEM;
    free(text);
    return rc ? rc : gt_folder_save_json(&j->run.folder, "result.json", json);
}

static int report(struct job *j)
{
    struct gt_summary s;
    json_t *json = NULL;
    if (gt_summary_make(&s, &j->run, gt_cli_tracer_is_checkable) != 0 ||
        (json = gt_summary_json(&s)) == NULL) {
        gt_summary_free(&s);
        return refuse(j, GT_EXIT_BROKEN, "out of memory");
    }
    int status = s.status, rc = keep_report(j, &s, json);
    if (j->o.json)
        status = json_dumpf(json, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) == 0 &&
                         fputc('\n', stdout) != EOF
                     ? status
                     : GT_EXIT_BROKEN;
    else
        gt_summary_print(stdout, &s);
    if (rc != 0)
        status = refuse(j, GT_EXIT_BROKEN, "the report in %s cannot be written: %s",
                        j->run.folder.path, strerror(-rc));
    json_decref(json);
    gt_summary_free(&s);
    return gt_stdout_ok("run") ? status : GT_EXIT_BROKEN;
}

static int run_cells(struct job *j)
{
    gt_stop_install();
    (void)signal(SIGXFSZ, SIG_IGN); /* a limit on files is an error like a full disk */
    prepare_progress(j);
    gt_say("run", "%u cells, about %.0f s, seed %" PRIu64 ", to %s", j->plan.n_cells,
           (double)gt_plan_estimate(&j->plan) / 1e9, j->run.seed, j->run.folder.path);
    gt_run_cells(&j->run);
    if (j->terminal)
        fprintf(stderr, "\r\033[K");
    if (j->run.save_rc != 0)
        gt_say("run", "%s: a record cannot be kept: %s; ended there", j->run.folder.path,
               strerror(-j->run.save_rc));
    if (gt_stop_asked)
        gt_say("run",
               "interrupted by signal %d: what is finished is kept; go on with --resume --out=%s",
               (int)gt_stop_asked, j->run.folder.path);
    int status = report(j);
    if (!j->o.no_report && !gt_stop_asked)
        gt_run_page(&j->o, j->run.folder.path);
    return status;
}

static int run_job(struct job *j, const struct gt_verb *v, int argc, char **argv)
{
    if (gt_options_parse(&j->o, v->name, v->options, argc, argv, j->err, sizeof j->err) != 0)
        return refuse(j, GT_EXIT_USAGE, "%s", j->err);
    if (j->o.n_args)
        return refuse(j, GT_EXIT_USAGE, "%s: no argument is taken; a plan is given by --plan=FILE",
                      j->o.args[0]);
    if (j->o.seed > INT64_MAX)
        return refuse(j, GT_EXIT_USAGE, "--seed: at most %" PRId64 " here", INT64_MAX);
    find_programs(j);
    int status = j->o.resume ? go_on(j) : begin(j);
    return status == GT_EXIT_OK ? run_cells(j) : status;
}

static int run(const struct gt_verb *v, int argc, char **argv)
{
    struct job *j = calloc(1, sizeof *j);
    if (!j)
        return GT_EXIT_BROKEN;
    j->run.folder.lock = -1;
    int status = run_job(j, v, argc, argv);
    gt_run_free(&j->run);
    gt_plan_free(&j->plan);
    free(j);
    return status;
}

const struct gt_verb gt_verb_run = {
    .name = "run",
    .args = "[options]",
    .summary = "the main job: stress, planted faults, what tracing costs; one table",
    .text =
        "Runs a plan's cells (`gauntlet plan` shows the default one), each a process with a\n"
        "time limit: stress tests with gauntlet-oracle, planted faults with that of the preset\n"
        "faults, figures with gauntlet. They are looked for beside this program and in\n"
        "../faults/; nothing is built (scripts/run does that).\n"
        "Each finished cell is a file in --out (results/local/TIME-REVISION beneath the current\n"
        "folder): whatever happens, it stays. --resume goes on with what is missing, killed or\n"
        "void, by the same plan and seed. At the end it goes into the store, and the page is made:\n"
        "report.html in its folder.\n"
        "0: clean, and every planted fault was found; 1: an inconsistency, or a fault missed.\n",
    .options =
        GT_OPT_PLAN | GT_OPT_RESUME | GT_OPT_PROGRAMS | GT_OPT_OUT | GT_OPT_SEED | GT_OPT_JSON,
    .run = run,
};
