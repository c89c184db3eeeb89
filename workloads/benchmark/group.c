/* SPDX-License-Identifier: Apache-2.0 */
/* The cells of a group and their names. group_run.c measures them. */
#include "group.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/registry.h"
#include "gauntlet/scheduler.h"
#include "gauntlet/tracer.h"

struct maker {
    struct gt_bench_group *g;
    const struct gt_bench_choice *choice;
    bool (*wanted)(void *arg, const char *name);
    void *arg;
    const struct gt_workload_ops *workload;
    int rc;
};

/* ---- names ------------------------------------------------------------------------ */
__attribute__((format(printf, 2, 3))) static void append(char *name, const char *fmt, ...)
{
    size_t at = strlen(name);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(name + at, GT_BENCH_NAME - at, fmt, ap);
    va_end(ap);
}

static const char *tracer_name(const struct gt_bench_cell *c)
{
    if (!c->tracing)
        return NULL;
    return c->ops->head.flags & GT_RT_SUBPROCESS ? c->ops->head.name : c->config.tracer->head.name;
}

/* The same measurement has the same name in every run, at every revision, on every machine. */
static void name_cell(struct gt_bench_cell *c)
{
    const struct gt_bench_row *row = c->row;
    bool workload = gt_bench_is_workload(row);
    const char *what = c->role == GT_BENCH_CAS ? "cas" : workload ? row->workload : row->name;
    snprintf(c->name, sizeof c->name, "%s", what);
    if (workload && c->role != GT_BENCH_CAS && row->param)
        append(c->name, ":%u", row->param);
    append(c->name, "/runtime:%s", c->ops ? c->ops->head.name : "floor");
    if (c->schedules && !row->once)
        append(c->name, "/sched:%s", c->config.scheduler->head.name);
    if (tracer_name(c))
        append(c->name, "/tracer:%s", tracer_name(c));
    bool by_model = c->ops || (workload && c->role == GT_BENCH_FLOOR);
    if (by_model && row->syscalls != GT_SYSCALLS_SCANBIT)
        append(c->name, "/syscalls:status");
    append(c->name, "/procs:%d", c->role == GT_BENCH_CAS ? 1 : row->procs);
    if (c->config.bind != GT_BIND_NONE && c->role != GT_BENCH_CAS)
        append(c->name, "/bind:%s", gt_bind_name(c->config.bind));
}

/* ---- cells ------------------------------------------------------------------------ */
static void add(struct maker *m, const struct gt_bench_cell *what)
{
    struct gt_bench_group *g = m->g;
    if (m->rc != 0)
        return;
    struct gt_bench_cell *c = malloc(sizeof *c);
    struct gt_bench_results *r = calloc(1, sizeof *r);
    if (!c || !r) {
        free(c);
        free(r);
        m->rc = -ENOMEM;
        return;
    }
    *c = *what;
    c->env = g->env;
    c->row = &g->row;
    c->workload = m->workload;
    c->seed = g->env->seed;
    c->results = r;
    gt_config_init(&c->config);
    c->config.scheduler = what->config.scheduler;
    c->config.tracer = what->config.tracer;
    c->config.procs = g->row.procs;
    c->config.bind = g->bind;
    c->config.syscalls = g->row.syscalls;
    c->config.seed = g->env->seed;
    name_cell(c);
    bool wanted = !m->wanted || m->wanted(m->arg, c->name);
    if (wanted && g->n_cells == GT_BENCH_CELLS)
        m->rc = -E2BIG;
    if (!wanted || m->rc != 0) {
        free(c);
        free(r);
        return;
    }
    g->cells[g->n_cells++] = c;
}

static bool is_null(const struct gt_tracer_ops *t)
{
    return (t->head.flags & GT_TRACER_NULL) != 0;
}

static const struct gt_tracer_ops *null_tracer(void)
{
    const struct gt_plugin_head *h;
    for (size_t i = 0; (h = gt_plugin_builtin(GT_MAGIC_TRACER, i)) != NULL; i++)
        if (is_null((const void *)h))
            return (const void *)h;
    return NULL;
}

static void add_with(struct maker *m, const struct gt_runtime_ops *ops,
                     const struct gt_scheduler_ops *s, const struct gt_tracer_ops *t)
{
    struct gt_bench_cell c = {.ops = ops, .schedules = s != NULL, .tracing = !is_null(t)};
    if (s && ops->scheduler && strcmp(ops->scheduler, s->head.name) != 0)
        return; /* others are not in it */
    if (ops->tracer && !is_null(t) && strcmp(ops->tracer, t->head.name) != 0)
        return;
    c.config.scheduler = s ? s : m->choice->schedulers[0];
    c.config.tracer = t;
    add(m, &c);
}

/* A peer knows nothing of our schedulers, and of tracers its own at most. */
static void add_peer(struct maker *m, const struct gt_runtime_ops *ops)
{
    bool off = false, on = false;
    for (uint32_t i = 0; i < m->choice->n_tracers; i++) {
        bool null = is_null(m->choice->tracers[i]);
        off |= null;
        on |= !null;
    }
    struct gt_bench_cell c = {.ops = ops};
    c.config.scheduler = m->choice->schedulers[0];
    c.config.tracer = null_tracer();
    if (off)
        add(m, &c);
    c.tracing = true;
    if (on && (ops->head.flags & GT_RT_TRACE))
        add(m, &c);
}

static uint32_t schedulers_for(const struct gt_bench_choice *ch, const struct gt_tracer_ops *t)
{
    return ch->n_traced && !is_null(t) ? ch->n_traced : ch->n_schedulers;
}

static void add_workload(struct maker *m)
{
    const struct gt_bench_choice *ch = m->choice;
    for (uint32_t r = 0; r < ch->n_runtimes; r++) {
        if (!(ch->runtimes[r]->head.flags & GT_RT_PLUGINS)) {
            add_peer(m, ch->runtimes[r]);
            continue;
        }
        for (uint32_t t = 0; t < ch->n_tracers; t++)
            for (uint32_t s = 0; s < schedulers_for(ch, ch->tracers[t]); s++)
                add_with(m, ch->runtimes[r], ch->schedulers[s], ch->tracers[t]);
    }
}

/* What only the core has. */
static void add_core(struct maker *m)
{
    const struct gt_bench_choice *ch = m->choice;
    const struct gt_bench_row *row = &m->g->row;
    bool wanted = false;
    for (uint32_t i = 0; i < ch->n_runtimes; i++)
        wanted |= ch->runtimes[i] == &gt_gmp;
    if (!wanted)
        return;
    if (row->by_tracer)
        for (uint32_t t = 0; t < ch->n_row_tracers; t++)
            add_with(m, &gt_gmp, ch->schedulers[0], ch->row_tracers[t]);
    else
        for (uint32_t s = 0; s < (row->once ? 1 : ch->n_schedulers); s++)
            add_with(m, &gt_gmp, ch->schedulers[s], null_tracer());
}

static void add_floor(struct maker *m, enum gt_bench_role role)
{
    struct gt_bench_cell c = {.role = role};
    add(m, &c);
}

int gt_bench_group_make(struct gt_bench_group *g, const struct gt_bench_choice *choice,
                        const struct gt_bench_env *env, bool (*wanted)(void *arg, const char *name),
                        void *arg)
{
    struct maker m = {.g = g, .choice = choice, .wanted = wanted, .arg = arg};
    char err[256];
    g->env = env;
    g->n_cells = 0;
    m.workload = g->row.known;
    if (g->row.workload && !m.workload)
        m.workload = gt_workload_find(g->row.workload, err, sizeof err);
    if (g->row.bare) {
        struct gt_bench_cell c = {.role = GT_BENCH_RUNTIME};
        add(&m, &c);
    } else if (gt_bench_is_workload(&g->row)) {
        add_workload(&m);
    } else {
        add_core(&m);
    }
    if (g->n_cells > 0 && g->row.floor_of)
        add_floor(&m, GT_BENCH_FLOOR);
    if (g->n_cells > 0 && g->row.bounded)
        add_floor(&m, GT_BENCH_CAS);
    return m.rc;
}

void gt_bench_group_free(struct gt_bench_group *g)
{
    for (uint32_t i = 0; i < g->n_cells; i++) {
        struct gt_bench_results *r = g->cells[i]->results;
        gt_samples_free(&r->value);
        gt_samples_free(&r->base);
        gt_samples_free(&r->events);
        gt_samples_free(&r->cpu);
        for (uint32_t k = 0; k < GT_BENCH_COUNTERS; k++) {
            gt_samples_free(&r->counter[k].v);
            free(r->counter[k].name);
        }
        free(r);
        free(g->cells[i]);
    }
    g->n_cells = 0;
}

const struct gt_bench_cell *gt_bench_group_floor(const struct gt_bench_group *g,
                                                 enum gt_bench_role role)
{
    for (uint32_t i = 0; i < g->n_cells; i++)
        if (g->cells[i]->role == role)
            return g->cells[i];
    return NULL;
}
