/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a failing round leaves behind: its traces, its journal, a dump. With them alone the
 * verdicts of order and truth can be had again.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/cell.h"
#include "harness/outfile.h"
#include "harness/truth.h"

void gt_cell_stem(const struct gt_stress_cell *c, char *buf, size_t size)
{
    const char *temp = getenv("TMPDIR"), *fault = c->config.fault ? c->config.fault : "";
    const char *dash = *fault ? "-" : "";
    if (c->out)
        snprintf(buf, size, "%.160s/%.40s%s%.30s-%u", c->out, c->test->head.name, dash, fault, c->number);
    else
        snprintf(buf, size, "%.150s/gauntlet-%d-%.40s%s%.30s-%u", temp && *temp ? temp : "/tmp",
                 c->owner, c->test->head.name, dash, fault, c->number);
}

static int copy(int from, struct gt_outfile *to)
{
    char buf[65536];
    ssize_t n;
    int rc = 0;
    for (off_t at = 0; rc == 0 && (n = pread(from, buf, sizeof buf, at)) != 0; at += n)
        rc = n < 0 ? -errno : gt_outfile_write(to, buf, (size_t)n);
    return rc;
}

static int copy_to(int from, const char *path)
{
    struct gt_outfile f;
    int rc = gt_outfile_open(&f, path);
    if (rc != 0)
        return rc;
    rc = copy(from, &f);
    if (rc == 0)
        return gt_outfile_commit(&f);
    gt_outfile_abandon(&f);
    return rc;
}

static int save_journal(struct gt_cell_life *l, const char *path)
{
    struct gt_outfile f;
    int rc = gt_outfile_open(&f, path);
    if (rc != 0)
        return rc;
    FILE *out = fdopen(dup(f.fd), "w");
    rc = out ? gt_journal_save(out, l->journal, l->n_journal, l->lost) : -errno;
    if (out && fclose(out) != 0 && rc == 0)
        rc = -errno;
    if (rc == 0)
        return gt_outfile_commit(&f);
    gt_outfile_abandon(&f);
    return rc;
}

static int save_dump(const struct gt_cell_life *l, const char *path)
{
    struct gt_outfile f;
    int rc = gt_outfile_open(&f, path);
    if (rc != 0)
        return rc;
    l->cell->ops->dump(l->rt, f.fd);
    return gt_outfile_commit(&f);
}

static void note(struct gt_cell_life *l, int rc, const char *path)
{
    if (rc == 0)
        gt_result_file(l->r, path);
    else
        gt_result_say(l->r, GT_STRESS_INCOMPLETE, "%.120s cannot be written: %s", path,
                      strerror(-rc));
}

/* The i-th of n, from 0. */
static void trace_path(const char *stem, size_t i, size_t n, char *path, size_t size)
{
    if (n == 1)
        snprintf(path, size, "%s.trace", stem);
    else
        snprintf(path, size, "%s.%03zu.trace", stem, i + 1);
}

void gt_cell_save_round(struct gt_cell_life *l)
{
    char stem[256], path[300];
    struct gt_round_trace *t[GT_ROUND_TRACES];
    size_t n = gt_round_traces(l->round, t);
    if (l->saved)
        return;
    l->saved = true;
    gt_cell_stem(l->cell, stem, sizeof stem);
    if (l->n_journal > 0) {
        snprintf(path, sizeof path, "%s.journal", stem);
        note(l, save_journal(l, path), path);
    }
    snprintf(path, sizeof path, "%s.dump", stem);
    note(l, save_dump(l, path), path);
    for (size_t i = 0; i < n; i++) {
        trace_path(stem, i, n, path, sizeof path);
        note(l, copy_to(t[i]->fd, path), path);
    }
}

void gt_cell_last_path(const struct gt_stress_cell *c, int i, char *buf, size_t size)
{
    char stem[256];
    gt_cell_stem(c, stem, sizeof stem);
    if (i == 0)
        snprintf(buf, size, "%s.dump", stem);
    else
        snprintf(buf, size, "%s.%d.trace", stem, i);
}

/* Whatever their number was: r names a few of them only, and none where the cell died over them. */
static void remove_traces(const char *stem)
{
    char path[300];
    trace_path(stem, 0, 1, path, sizeof path);
    (void)unlink(path);
    for (size_t i = 0; i < GT_ROUND_TRACES; i++) {
        trace_path(stem, i, GT_ROUND_TRACES, path, sizeof path);
        (void)unlink(path);
    }
}

void gt_cell_forget_files(const struct gt_stress_cell *c, struct gt_stress_result *r, bool last)
{
    char stem[256], path[300];
    gt_cell_stem(c, stem, sizeof stem);
    snprintf(path, sizeof path, "%s.journal", stem);
    (void)unlink(path);
    remove_traces(stem);
    for (int i = 0; last && i <= GT_LAST_TRACES; i++) {
        gt_cell_last_path(c, i, path, sizeof path);
        (void)unlink(path);
    }
    r->n_files = 0;
}

void gt_cell_keep_trace(struct gt_cell_life *l)
{
    struct gt_round_trace *t[GT_ROUND_TRACES];
    size_t n = gt_round_traces(l->round, t);
    if (l->cell->trace && n > 0)
        note(l, copy_to(t[n - 1]->fd, l->cell->trace), l->cell->trace);
}
