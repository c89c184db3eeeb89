/* SPDX-License-Identifier: Apache-2.0 */
/* The journal of a run, and the windows that it entered. */
#pragma once
#include <stdlib.h>
#include <string.h>

#include "gauntlet/journal.h"
#include "harness/windows.h"
#include "tap.h"

struct journal_copy {
    struct gt_jentry *e;
    size_t n, cap;
};

static inline void journal_keep(const struct gt_jentry *e, void *arg)
{
    struct journal_copy *c = arg;
    if (c->n == c->cap) {
        c->cap = c->cap ? 2 * c->cap : 4096;
        c->e = realloc(c->e, c->cap * sizeof *c->e);
        if (!c->e)
            bail_out("out of memory");
    }
    c->e[c->n++] = *e;
}

/* Of the run that ended, in place of what c had. */
static inline void journal_take(struct gt_runtime *rt, struct journal_copy *c)
{
    uint64_t lost = 0;
    c->n = 0;
    gt_journal_each(rt, journal_keep, c, &lost);
    if (lost != 0)
        bail_out("%llu entries of the journal are lost", (unsigned long long)lost);
}

static inline void journal_free(struct journal_copy *c)
{
    free(c->e);
    *c = (struct journal_copy){0};
}

/* How often the run that ended has entered the windows of `needed` (fault.h), the least of them;
 * UINT64_MAX: none is needed. */
static inline uint64_t journal_windows(struct gt_runtime *rt, const char *needed)
{
    struct journal_copy c = {0};
    struct gt_windows w = {0};
    uint64_t least = 0;
    journal_take(rt, &c);
    if (gt_windows_count(&w, c.e, c.n, NULL) != 0 || gt_windows_needed(needed, w.n, &least) != 0)
        bail_out("the windows '%s' cannot be counted", needed);
    journal_free(&c);
    return least;
}

/* "every run that found F had entered inject-advance, 3 times at least" */
static inline void ok_windows(const char *fault, const char *model, const char *needed, uint64_t least)
{
    if (least == UINT64_MAX)
        ok(true, "%s, %s: windows: %s", fault, model, needed);
    else
        ok(least > 0, "%s, %s: every run that found it had entered %s, %llu times at least", fault, model,
           needed, (unsigned long long)least);
}
