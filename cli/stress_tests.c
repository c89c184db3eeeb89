/* SPDX-License-Identifier: Apache-2.0 */
/* stress of tests: the cells, one after the other, and the report in every form. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/child.h"
#include "common/rng.h"
#include "gauntlet/fault.h"
#include "gauntlet/perturb.h"
#include "gauntlet/scheduler.h"
#include "gauntlet/tracer.h"
#include "harness/seer.h"
#include "stress_trace.h"
#include "stress_verb.h"

#define S 1000000000ll
#define CELL_NS (GT_TSAN || GT_ASAN ? 5 * S : S)
/* Of a planted fault: one of the five seeds, another. */
#define SEED_NS (30 * S)
#define FAULT_NS (60 * S)
#define FAULT_ROUND_NS (S / 2) /* the shorter, the more is drawn */
/* Of a fault that ends in a hang: far above what disturbance holds anybody. */
#define FAULT_STUCK_NS (GT_TSAN || GT_ASAN ? 0 : 5 * S)
#define PROCS 4

/* ---- the plan ------------------------------------------------------------ */
static void fill_schedulers(struct gt_options *o, bool all)
{
    const struct gt_plugin_head *h;
    for (uint32_t i = 0; o->n_schedulers == i && i < GT_LIST_MAX; i++) {
        h = gt_plugin_builtin(GT_MAGIC_SCHEDULER, i);
        if (!h || (!all && i > 0))
            return;
        o->schedulers[o->n_schedulers++] = (const void *)h;
    }
}

static enum gt_syscall_model model_of(const char *fault)
{
    const struct gt_fault_info *f = gt_fault_named(fault);
    return f && strcmp(f->syscalls, "status") == 0 ? GT_SYSCALLS_STATUS : GT_SYSCALLS_SCANBIT;
}

static int64_t cell_time(const char *fault)
{
    const struct gt_fault_info *f = gt_fault_named(fault);
    return !f ? CELL_NS : f->seed ? SEED_NS : FAULT_NS;
}

static const struct gt_tracer_ops *checkable(void)
{
    const struct gt_plugin_head *h;
    for (size_t i = 0; (h = gt_plugin_builtin(GT_MAGIC_TRACER, i)) != NULL; i++)
        if ((h->flags & GT_TRACER_CHECKABLE) && (h->flags & GT_TRACER_GENERATIONS))
            return (const void *)h;
    return NULL;
}

void gt_stress_fill_in(struct gt_stress_plan *p)
{
    struct gt_options *o = &p->o;
    if (o->n_schedulers == 0)
        fill_schedulers(o, !o->fault);
    if (o->n_tracers == 0)
        o->tracers[o->n_tracers++] = checkable();
    if (o->n_syscalls == 0)
        o->syscalls[o->n_syscalls++] = model_of(o->fault);
    if (o->n_procs == 0)
        o->procs[o->n_procs++] = PROCS;
    if (o->oracles == 0)
        o->oracles = GT_ORACLES_ALL;
    if (o->generation_ns < 0)
        o->generation_ns = GT_GENERATION_MIXED;
    p->n_cells = p->n_tests * o->n_schedulers * o->n_tracers * o->n_syscalls * o->n_procs;
    if (o->duration_ns == 0)
        o->duration_ns = cell_time(o->fault) * p->n_cells;
}

static void place_config(const struct gt_options *o, uint32_t *i, struct gt_config *c)
{
    gt_config_init(c);
    c->procs = o->procs[*i % o->n_procs];
    *i /= o->n_procs;
    c->syscalls = o->syscalls[*i % o->n_syscalls];
    *i /= o->n_syscalls;
    c->tracer = o->tracers[*i % o->n_tracers];
    *i /= o->n_tracers;
    c->scheduler = o->schedulers[*i % o->n_schedulers];
    *i /= o->n_schedulers;
    c->bind = o->bind;
    c->seed = o->seed;
    c->gc = o->gc;
    c->perturb = o->perturb;
    c->fault = o->fault;
}

uint64_t gt_stress_seed(uint64_t seed, uint32_t run)
{
    return run == 0 ? seed : gt_rng_mix(seed + run) >> 16;
}

void gt_stress_place(const struct gt_stress_plan *p, uint32_t i, struct gt_stress_point *point)
{
    const struct gt_options *o = &p->o;
    struct gt_stress_cell *c = &point->cell;
    uint32_t run = i / p->n_cells;
    memset(point, 0, sizeof *point);
    c->number = i + 1;
    i %= p->n_cells;
    place_config(o, &i, &c->config);
    c->config.seed = gt_stress_seed(o->seed, run);
    c->test = p->tests[i];
    c->ops = o->runtime;
    c->duration_ns = o->duration_ns / p->n_cells;
    c->generation_ns = o->generation_ns;
    c->header = o->header;
    c->profile_hz = o->profile_hz;
    c->oracles = o->oracles;
    c->out = o->out;
    c->bail_fd = o->json || o->fault ? -1 : STDOUT_FILENO;
    c->quiet = o->fault != NULL;
    c->stuck_ns = o->fault ? FAULT_STUCK_NS : 0;
    c->round_ns = o->fault && !GT_TSAN && !GT_ASAN ? FAULT_ROUND_NS : 0;
    gt_stress_replay(p, point, c->config.seed);
}

void gt_stress_replay(const struct gt_stress_plan *p, struct gt_stress_point *point, uint64_t seed)
{
    const struct gt_stress_cell *c = &point->cell;
    char generation[32];
    FILE *f = fmemopen(point->replay, sizeof point->replay, "w");
    if (!f)
        return;
    fprintf(f, "%s", p->program);
    if (!p->one)
        fprintf(f, " %s", c->test->head.name);
    fprintf(f, " --scheduler=%s --tracer=%s --syscalls=%s --procs=%d",
            gt_plugin_typed(&c->config.scheduler->head), gt_plugin_typed(&c->config.tracer->head),
            gt_syscalls_name(c->config.syscalls), c->config.procs);
    if (c->config.bind)
        fprintf(f, " --bind=%s", gt_bind_name(c->config.bind));
    if (c->config.fault)
        fprintf(f, " --fault=%s", c->config.fault);
    if (c->config.perturb || c->config.fault)
        fprintf(f, " --perturb=%s", gt_perturb_level_name(c->config.perturb));
    gt_options_print_gc(f, &c->config.gc);
    if (c->generation_ns != GT_GENERATION_MIXED)
        fprintf(f, " --generation=%s",
                gt_generation_text(c->generation_ns, generation, sizeof generation));
    if (c->header)
        fprintf(f, " --header=1.%u", c->header % 100);
    if (c->profile_hz)
        fprintf(f, " --profile=%u", c->profile_hz);
    fprintf(f, " --duration=%" PRId64 "ms --seed=%" PRIu64, c->duration_ns / 1000000 + 1, seed);
    fclose(f);
}

enum gt_exit gt_stress_exit(const struct gt_stress_result *r)
{
    static const enum gt_exit of[] = {
        [GT_STRESS_OK] = GT_EXIT_OK,
        [GT_STRESS_INCONSISTENT] = GT_EXIT_BAD,
        [GT_STRESS_INCONCLUSIVE] = GT_EXIT_INCONCLUSIVE,
        [GT_STRESS_SKIPPED] = GT_EXIT_OK,
        [GT_STRESS_FAILED] = GT_EXIT_BAD,
        [GT_STRESS_VOID] = GT_EXIT_VOID,
        [GT_STRESS_INCOMPLETE] = GT_EXIT_BROKEN,
    };
    return of[r->verdict];
}

/* ---- running ------------------------------------------------------------- */
struct running {
    struct gt_stress_plan *plan;
    struct gt_stress_point *points;
    struct gt_progress progress;
    FILE *tap; /* into text; what is new goes to standard output point by point */
    char *text;
    size_t size, shown;
    enum gt_exit status;
    uint32_t skipped;
    uint32_t n; /* points: the cells, as often as asked for */
};

static void show(struct running *r)
{
    fflush(r->tap);
    if (!r->plan->o.json)
        fwrite(r->text + r->shown, 1, r->size - r->shown, stdout);
    r->shown = r->size;
    fflush(stdout);
}

static void beat(void *arg, const struct gt_stress_cell *c, const struct gt_stress_result *r)
{
    struct running *run = arg;
    char text[100];
    snprintf(text, sizeof text, "%.40s: round %" PRIu64 ", %" PRIu64 " events", c->test->head.name,
             r->rounds, r->events);
    gt_progress_beat(&run->progress, text);
}

/* false: the rest is not to be run. */
static bool run_point(struct running *r, uint32_t i)
{
    struct gt_stress_point *point = &r->points[i];
    const struct gt_drive drive = {.stop = &gt_stop_asked, .beat = beat, .arg = r};
    char path[PATH_MAX];
    bool bailed = false;
    if (r->plan->o.trace) {
        gt_traced_path(path, sizeof path, r->plan->o.trace, r->n == 1, i + 1);
        point->cell.trace = path;
    }
    gt_progress_step(&r->progress, point->cell.test->head.name);
    int rc = gt_stress_drive(&point->cell, &drive, &point->result, &bailed);
    point->cell.trace = NULL;
    if (rc == -EINTR) {
        fprintf(r->tap, "Bail out! interrupted by signal %d\n", (int)gt_stop_asked);
        r->status = GT_EXIT_BROKEN;
        return false;
    }
    point->done = true;
    gt_stress_replay(r->plan, point, point->result.seed);
    r->status = gt_exit_worse(r->status, gt_stress_exit(&point->result));
    r->skipped += point->result.verdict == GT_STRESS_SKIPPED;
    if (!bailed)
        gt_tap_point(r->tap, i + 1, point);
    else /* said already, by who died of it */
        gt_say("stress", "repeat it by: %s", point->replay);
    return !bailed;
}

static void run_all(struct running *r)
{
    gt_tap_plan(r->tap, r->n, r->plan->o.seed);
    gt_progress_start(&r->progress, (int)r->n);
    for (uint32_t i = 0; i < r->n; i++)
        gt_stress_place(r->plan, i, &r->points[i]);
    bool go_on = true;
    for (uint32_t i = 0; i < r->n && go_on; i++) {
        show(r);
        go_on = run_point(r, i);
    }
    gt_progress_end(&r->progress);
    show(r);
}

/* ---- the report ---------------------------------------------------------- */
static void save_as(struct running *r, const char *name,
                    void (*print)(FILE *f, const struct running *r))
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f) {
        r->status = GT_EXIT_BROKEN;
        return;
    }
    print(f, r);
    fclose(f);
    if (gt_save("stress", r->plan->o.out, name, text, size) != 0)
        r->status = GT_EXIT_BROKEN;
    free(text);
}

static void print_tap(FILE *f, const struct running *r)
{
    fwrite(r->text, 1, r->size, f);
}
static void print_junit(FILE *f, const struct running *r)
{
    gt_junit(f, r->points, r->n);
}
static void print_json(FILE *f, const struct running *r)
{
    gt_stress_json(f, r->plan->o.seed, r->points, r->n);
}

static void report(struct running *r)
{
    if (r->plan->o.json)
        print_json(stdout, r);
    if (r->plan->o.out) {
        save_as(r, "stress.tap", print_tap);
        save_as(r, "stress.xml", print_junit);
        save_as(r, "stress.json", print_json);
    }
    if (r->skipped == r->n && r->status == GT_EXIT_OK && !getenv("HARNESS_ACTIVE"))
        r->status = GT_EXIT_VOID; /* nothing could be run here */
}

int gt_stress_tests(struct gt_stress_plan *p)
{
    struct running r = {.plan = p, .status = p->n_cells ? GT_EXIT_OK : GT_EXIT_BROKEN};
    r.n = p->n_cells * (p->o.runs ? p->o.runs : 1);
    r.points = calloc(r.n, sizeof *r.points);
    r.tap = open_memstream(&r.text, &r.size);
    if (r.points && r.tap) {
        run_all(&r);
        report(&r);
    } else {
        r.status = GT_EXIT_BROKEN;
    }
    if (r.tap)
        fclose(r.tap);
    free(r.text);
    free(r.points);
    return gt_stdout_ok("stress") ? (int)r.status : GT_EXIT_BROKEN;
}
