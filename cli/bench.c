/* SPDX-License-Identifier: Apache-2.0 */
/* bench: figures beside their floors and peers, a child process for each part, one table. */
#include "bench.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench_usage.h"
#include "cli.h"
#include "common/child.h"
#include "results/environment.h"

/* ---- before ------------------------------------------------------------------------------ */
static json_t *command_of(const char *verb, int argc, char **argv)
{
    json_t *c = json_pack("[s, s]", GT_PROGRAM, verb);
    for (int i = 0; i < argc; i++)
        json_array_append_new(c, json_string(argv[i]) ?: json_string("?"));
    return c;
}

static int refuse_folder(const char *path, int rc)
{
    if (rc == -EEXIST)
        gt_say("bench", "--out=%s holds a run already: name another folder", path);
    else if (rc == -EBUSY)
        gt_say("bench", "--out=%s: another run is at work there", path);
    else
        gt_say("bench", "--out=%s cannot be written: %s", path, strerror(-rc));
    return rc == -EEXIST ? GT_EXIT_USAGE : GT_EXIT_BROKEN;
}

static int open_folder(const struct gt_bench_job *j, struct gt_folder *f)
{
    int rc = j->o.out ? gt_folder_open(f, j->o.out, false) : 0;
    if (rc == 0 && j->o.out)
        rc = gt_bench_begin_folder(j, f);
    return rc == 0 ? GT_EXIT_OK : refuse_folder(j->o.out, rc);
}

static int prepare(struct gt_bench_job *j, const struct gt_verb *v, int argc, char **argv)
{
    char err[2048] = "";
    j->command = command_of(v->name, argc, argv);
    int rc = gt_options_parse(&j->o, v->name, v->options, argc, argv, err, sizeof err);
    if (rc == 0)
        rc = gt_bench_flags(j, err, sizeof err);
    if (rc == 0)
        rc = gt_bench_plan(j, err, sizeof err);
    if (rc != 0) {
        gt_say(v->name, "%s", err);
        return gt_options_status(rc);
    }
    if (j->o.seed > INT64_MAX) { /* the records hold no more */
        gt_say(v->name, "--seed: at most %" PRId64 " here", INT64_MAX);
        return GT_EXIT_USAGE;
    }
    if (j->n_parts == 0) {
        gt_say(v->name, j->filtered ? "no cell has a name that the filter matches"
                                    : "these rows exist on the runtime gmp only: nothing to measure");
        return GT_EXIT_BROKEN;
    }
    return GT_EXIT_OK;
}

static int list_cells(const struct gt_bench_job *j)
{
    for (uint32_t i = 0; i < j->n_parts; i++)
        for (uint32_t k = 0; k < j->parts[i].group.n_cells; k++)
            if (j->parts[i].group.cells[k]->role != GT_BENCH_CAS)
                puts(j->parts[i].group.cells[k]->name);
    return gt_stdout_ok("bench") ? GT_EXIT_OK : GT_EXIT_BROKEN;
}

/* ---- meanwhile ---------------------------------------------------------------------------- */
static void say_once(const struct gt_bench_part *p, bool *said)
{
    size_t i;
    json_t *e;
    json_array_foreach(p->entries, i, e)
    {
        const char *why = gt_bench_text(e, "hardware");
        if (*why && !*said)
            gt_say("bench", "no hardware counters: %s", why);
        *said |= *why != '\0';
    }
}

static enum gt_exit run_parts(struct gt_bench_job *j, struct gt_folder *f)
{
    struct gt_progress progress;
    enum gt_exit status = GT_EXIT_OK;
    bool said = false, any = false;
    gt_progress_start(&progress, (int)j->n_parts);
    while (j->n_done < j->n_parts && !gt_stop_asked) {
        struct gt_bench_part *p = &j->parts[j->n_done];
        gt_progress_step(&progress, p->group.row.name);
        gt_bench_run_part(j, p);
        j->n_done++;
        gt_progress_end(&progress);
        say_once(p, &said);
        any |= p->verdict != GT_VERDICT_SKIPPED;
        status = gt_exit_worse(status, (enum gt_exit)gt_verdict_status(p->verdict));
        if (p->verdict != GT_VERDICT_OK)
            gt_say("bench", "%s: %s: %s", p->group.row.name, gt_verdict_name(p->verdict), p->why);
        int rc = j->o.out ? gt_bench_keep_part(j, f, j->n_done - 1) : 0;
        if (rc != 0)
            return (enum gt_exit)refuse_folder(j->o.out, rc);
    }
    if (gt_stop_asked)
        return GT_EXIT_BROKEN;
    return any ? status : gt_exit_worse(status, GT_EXIT_VOID); /* nothing of it can be done here */
}

/* ---- after --------------------------------------------------------------------------------- */
static bool wants_colour(void)
{
    const char *no = getenv("NO_COLOR");
    return isatty(STDOUT_FILENO) && !(no && *no);
}

static enum gt_exit report(const struct gt_bench_job *j, struct gt_folder *f, enum gt_exit status)
{
    int rc = j->o.out ? gt_bench_end_folder(j, f) : 0;
    if (rc != 0)
        status = gt_exit_worse(status, (enum gt_exit)refuse_folder(j->o.out, rc));
    if (j->o.json) {
        json_t *r = gt_bench_record(j, NULL);
        bool written = r && json_dumpf(r, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) == 0;
        putchar('\n');
        json_decref(r);
        if (!written)
            return GT_EXIT_BROKEN;
    } else {
        gt_bench_print_table(stdout, j, wants_colour());
    }
    return gt_stdout_ok("bench") ? status : GT_EXIT_BROKEN;
}

static int measure(struct gt_bench_job *j)
{
    struct gt_folder folder = {.lock = -1};
    gt_stop_install(); /* before run.json is written: its end must be, too */
    j->environment = gt_environment();
    (void)gt_environment_date(j->date);
    int status = open_folder(j, &folder);
    if (status != GT_EXIT_OK)
        return status;
    int64_t start = gt_child_clock();
    struct gt_usage before = gt_usage_now();
    enum gt_exit ran = run_parts(j, &folder);
    struct gt_usage after = gt_usage_now();
    j->seconds = (double)(gt_child_clock() - start) / 1e9;
    j->foreign = gt_usage_foreign(&before, &after);
    status = (int)report(j, &folder, ran);
    gt_folder_close(&folder);
    return status;
}

static int run(const struct gt_verb *v, int argc, char **argv)
{
    struct gt_bench_job *j = calloc(1, sizeof *j);
    if (!j)
        return GT_EXIT_BROKEN;
    j->env.stop = &gt_stop_asked;
    int status = prepare(j, v, argc, argv);
    if (status == GT_EXIT_OK)
        status = j->list_only ? list_cells(j) : measure(j);
    gt_bench_job_free(j);
    free(j);
    return status;
}

const struct gt_verb gt_verb_bench = {
    .name = "bench",
    .args = "[ROW|WORKLOAD[:PARAM]...] [options] [--benchmark_...]",
    .summary = "figures beside their floors and peers, measured in the same run",
    .text =
        "Without names every row (`list bench`). A workload's name stands for its rows, or for\n"
        "ns per operation where it has none (2 Ps, or --procs). --runtime=all puts every peer\n"
        "that is built beside gmp. Each row under each binding is a process, in which Google\n"
        "Benchmark takes the repetitions of runtimes, schedulers and floors in random order.\n"
        "A tracer is measured in pairs: off and on, one right after the other; nine at least,\n"
        "on the first scheduler where none is named.\n"
        "Rows about tracing have a column for each tracer, or for those of --tracer.\n"
        "Medians with the interval that holds the true one 95 times in 100; every sample is in\n"
        "the JSON. --out=DIR keeps a record of each part; INT ends it with what there is.\n"
        "--benchmark_filter=REGEX chooses cells by name (--benchmark_list_tests shows them);\n"
        "--benchmark_repetitions, _min_time, _enable_random_interleaving, _context as usual.\n",
    .options = GT_OPT_RUNTIME | GT_OPT_SCHEDULER | GT_OPT_TRACER | GT_OPT_PROCS | GT_OPT_SYSCALLS |
               GT_OPT_BENCH | GT_OPT_DURATION | GT_OPT_SEED | GT_OPT_REPETITIONS | GT_OPT_GS |
               GT_OPT_MILLION | GT_OPT_OUT | GT_OPT_JSON,
    .run = run,
};
