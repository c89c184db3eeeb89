/* SPDX-License-Identifier: Apache-2.0 */
/* A cell with its journal and its trace, for tests of the truth oracle. */
#pragma once
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/cell.h"
#include "common/registry.h"
#include "gauntlet/journal.h"
#include "gauntlet/scheduler.h"
#include "gauntlet/tracer.h"
#include "harness/truth.h"
#include "tap.h"

struct truth_run {
    struct gt_jentry *e;
    size_t n, cap;
    uint64_t lost;
    int fd; /* the trace */
    enum gt_syscall_model model;
    struct gt_cell_outcome outcome;
};

struct truth_cell {
    const char *workload; /* NULL: `own` */
    const struct gt_workload_ops *own;
    const char *scheduler, *tracer;
    enum gt_syscall_model model;
    int32_t procs;
    uint64_t n;
    uint32_t gs;
    int64_t period_ns;
    uint64_t seed;
};

static inline int64_t truth_write(void *arg, const void *data, size_t n)
{
    int fd = *(const int *)arg;
    for (size_t done = 0; done < n;) {
        ssize_t w = write(fd, (const char *)data + done, n - done);
        if (w < 0 && errno != EINTR)
            return -errno;
        done += w > 0 ? (size_t)w : 0;
    }
    return (int64_t)n;
}

static inline void truth_collect(const struct gt_jentry *e, void *arg)
{
    struct truth_run *r = arg;
    if (r->n == r->cap) {
        r->cap = r->cap ? 2 * r->cap : 65536;
        r->e = realloc(r->e, r->cap * sizeof *r->e);
        if (!r->e)
            bail_out("out of memory");
    }
    r->e[r->n++] = *e;
}

static inline const void *truth_plugin(uint64_t magic, const char *name)
{
    const struct gt_plugin_head *h;
    for (size_t i = 0; (h = gt_plugin_builtin((uint32_t)magic, i)) != NULL; i++)
        if (strcmp(h->name, name) == 0)
            return h;
    bail_out("no plugin %s", name);
}

static inline void truth_run_cell(const struct truth_cell *c, struct truth_run *r)
{
    char err[200] = "";
    struct gt_runtime *rt = NULL;
    struct gt_workload_cell w = {.ops = &gt_gmp, .n = c->n, .gs = c->gs, .seed = c->seed};
    memset(r, 0, sizeof *r);
    r->model = c->model;
    r->fd = memfd_create("trace", MFD_CLOEXEC);
    struct gt_trace_sink sink = {.write = truth_write, .arg = &r->fd};
    struct gt_trace_options o = {.sink = &sink, .period_ns = c->period_ns, .raw_stacks = true};
    w.workload = c->own ? c->own : gt_workload_find(c->workload, err, sizeof err);
    if (!w.workload || r->fd < 0)
        bail_out("%s", err);
    gt_config_init(&w.config);
    w.config.scheduler = truth_plugin(GT_MAGIC_SCHEDULER, c->scheduler);
    w.config.tracer = truth_plugin(GT_MAGIC_TRACER, c->tracer);
    w.config.syscalls = c->model;
    w.config.procs = c->procs;
    w.config.seed = c->seed;
    w.trace = &o;
    if (gt_gmp.create(&w.config, &rt, err, sizeof err) != 0)
        bail_out("create: %s", err);
    gt_journal_enable(rt, 1u << 24);
    (void)gt_cell_run_on(&w, rt, &r->outcome);
    (void)gt_journal_each(rt, truth_collect, r, &r->lost);
    gt_gmp.destroy(rt);
}

static inline void truth_run_free(struct truth_run *r)
{
    free(r->e);
    close(r->fd);
    memset(r, 0, sizeof *r);
}

static inline void truth_say(void *arg, const struct gt_lie *l)
{
    char was[160] = "nothing";
    (void)arg;
    if (l->was)
        snprintf(was, sizeof was,
                 "kind %u id %" PRIu64 " version %" PRIu64 " %u->%u reason %u tok %" PRIu64
                 " m %u p %d ordinal %" PRIu64 " epoch %u",
                 l->was->kind, l->was->id, l->was->version, l->was->from, l->was->to, l->was->reason,
                 l->was->tok, l->was->m, l->was->p, l->was->ordinal, l->was->epoch);
    diag("%s: gen %" PRIu64 " m %" PRId64 " offset %" PRIu64 ": said '%s', was %s: %s",
         gt_truth_name(l->cls), l->generation, (int64_t)l->m, l->offset, l->said, was, l->explain);
}
