/* SPDX-License-Identifier: Apache-2.0 */
/* Cells of stress tests that fail on purpose, and what they came to: for the tests of the harness. */
#pragma once
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gauntlet/scheduler.h"
#include "gauntlet/tracer.h"
#include "harness/cell.h"
#include "harness/drive.h"
#include "tap.h"

#define MS 1000000ll
#define SLOW (GT_TSAN || GT_ASAN ? 5 : 1)

static char place[200];

/* Until the round is over, but so often at least: on a loaded machine it is over at once. */
#define LEAST 1000

/* ---- tests that fail on purpose ------------------------------------------ */
static inline int run_yields(struct gt_stress *s, const struct gt_stress_params *p)
{
    for (int i = 0; i < LEAST || !gt_stress_over(s); i++)
        p->ops->yield();
    return 0;
}

static inline int run_check(struct gt_stress *s, const struct gt_stress_params *p)
{
    p->ops->yield();
    gt_stress_say(s, "seven is %d", 7);
    (void)gt_stress_check(s, false, "five is %d", 6);
    (void)gt_stress_check(s, false, "the second is not kept");
    return 0;
}

static inline int run_error(struct gt_stress *s, const struct gt_stress_params *p)
{
    (void)s;
    (void)p;
    return -EPROTO;
}

static inline int run_deadlock(struct gt_stress *s, const struct gt_stress_params *p)
{
    (void)s;
    p->ops->park();
    return 0;
}

static inline int run_hang(struct gt_stress *s, const struct gt_stress_params *p)
{
    (void)s;
    (void)p;
    for (volatile bool on = true; on;)
        ;
    return 0;
}

static inline int run_endless(struct gt_stress *s, const struct gt_stress_params *p)
{
    (void)s;
    for (volatile bool on = true; on;)
        p->ops->yield();
    return 0;
}

static inline int run_crash(struct gt_stress *s, const struct gt_stress_params *p)
{
    (void)s;
    p->ops->yield();
    abort();
}

static inline int run_killed(struct gt_stress *s, const struct gt_stress_params *p)
{
    (void)s;
    p->ops->yield();
    raise(SIGKILL);
    return 0;
}

static inline void sleeper(void *arg)
{
    const struct gt_runtime_ops *ops = arg;
    ops->sleep(3600ll * 1000 * MS);
}

static inline int run_leaves(struct gt_stress *s, const struct gt_stress_params *p)
{
    (void)s;
    return p->ops->go(sleeper, (void *)(uintptr_t)p->ops);
}

/* Two whole traces, and one that is not stopped. A start while one is on is refused. */
static inline int run_traces(struct gt_stress *s, const struct gt_stress_params *p)
{
    for (int i = 0; i < 3; i++) {
        gt_stress_check(s, gt_stress_trace_start(s) == 0, "start %d", i);
        gt_stress_check(s, gt_stress_trace_start(s) == -EBUSY, "second start %d", i);
        p->ops->yield();
        gt_stress_check(s, i == 2 || gt_stress_trace_stop(s) == 0, "stop %d", i);
    }
    return 0;
}

static inline struct gt_stress_ops test_of(const char *name,
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

static inline void leaf(void *arg)
{
    const struct gt_runtime_ops *ops = arg;
    ops->yield();
}

static inline int run_makes(struct gt_stress *s, const struct gt_stress_params *p)
{
    for (int i = 0; i < LEAST || !gt_stress_over(s); i++) {
        if (p->ops->go(leaf, (void *)(uintptr_t)p->ops) != 0)
            return -ENOMEM;
        p->ops->yield();
    }
    return 0;
}

/* ---- cells ---------------------------------------------------------------- */
static inline const void *plugin(uint32_t magic, const char *name)
{
    char err[500];
    const void *p = gt_plugin_find(magic, name, err, sizeof err);
    if (!p)
        bail_out("%s", err);
    return p;
}

static inline struct gt_stress_cell cell_of(const struct gt_stress_ops *test)
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

static inline enum gt_stress_verdict drive(struct gt_stress_cell *c)
{
    const struct gt_drive d = {0};
    if (gt_stress_drive(c, &d, &r, &bailed) != 0)
        bail_out("drive");
    if (r.why[0])
        diag("%s: %s: %s", c->test->head.name, gt_stress_verdict_name(r.verdict), r.why);
    return r.verdict;
}

/* Drives c, whose process is to die: does it bail out, in one line? */
static inline bool bails_out(struct gt_stress_cell *c, enum gt_stress_verdict v)
{
    char text[400] = "";
    FILE *f = tmpfile();
    if (!f)
        bail_out("no file");
    c->bail_fd = fileno(f);
    bool as_told = drive(c) == v;
    rewind(f);
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    c->bail_fd = -1;
    return as_told && bailed && strncmp(text, "Bail out! ", 10) == 0 && strchr(text, '\n') == text + n - 1;
}

static inline bool counted(const char *name)
{
    for (uint32_t i = 0; i < r.n_classes; i++)
        if (strcmp(r.classes[i].name, name) == 0)
            return r.classes[i].n > 0;
    return false;
}

static inline bool counted_by(const char *oracle)
{
    for (uint32_t i = 0; i < r.n_classes; i++)
        if (strncmp(r.classes[i].name, oracle, strlen(oracle)) == 0)
            return true;
    return false;
}

/* The path of a file of the cell. */
static inline const char *own_file(const struct gt_stress_cell *c, const char *suffix)
{
    static char path[300];
    char stem[256];
    gt_cell_stem(c, stem, sizeof stem);
    snprintf(path, sizeof path, "%s%s", stem, suffix);
    return path;
}

/* Is there such a file of the cell? Named in the result or not. */
static inline bool there(const struct gt_stress_cell *c, const char *suffix)
{
    return access(own_file(c, suffix), F_OK) == 0;
}

static inline bool left(const char *suffix)
{
    for (uint32_t i = 0; i < r.n_files; i++) {
        size_t n = strlen(r.files[i]), k = strlen(suffix);
        if (n > k && strcmp(r.files[i] + n - k, suffix) == 0)
            return access(r.files[i], R_OK) == 0 && strncmp(r.files[i], place, strlen(place)) == 0;
    }
    return false;
}

/* So long without progress where that is not the point: a loaded machine makes none in less. */
#define STUCK_NS (4000 * MS * SLOW)

static inline enum gt_stress_verdict drive_one(const char *name,
                                               int (*run)(struct gt_stress *, const struct gt_stress_params *),
                                               int64_t stuck_ns)
{
    struct gt_stress_ops t = test_of(name, run);
    struct gt_stress_cell c = cell_of(&t);
    c.stuck_ns = stuck_ns;
    return drive(&c);
}
/* ---- the folder ------------------------------------------------------------- */
static inline void make_place(void)
{
    const char *temp = getenv("TMPDIR");
    snprintf(place, sizeof place, "%s/harness-XXXXXX", temp && *temp ? temp : "/tmp");
    if (!mkdtemp(place))
        bail_out("no folder");
}

static inline void remove_place(void)
{
    char command[300];
    snprintf(command, sizeof command, "rm -rf '%s'", place);
    if (system(command) != 0)
        diag("%s is left", place);
}
