/* SPDX-License-Identifier: Apache-2.0 */
/* The options of stress tests, of the collector and of traces. */
#include <errno.h>
#include <string.h>

#include "gauntlet/fault.h"
#include "gauntlet/perturb.h"
#include "gauntlet/tracer.h"
#include "harness/result.h"
#include "options_take.h"

/* ---- stress tests -------------------------------------------------------- */
static bool is_fault(const char *name)
{
    const struct gt_fault_info *f;
    for (size_t i = 0; (f = gt_fault_info(i)) != NULL; i++)
        if (strcmp(f->name, name) == 0)
            return true;
    return strcmp(name, "all") == 0 || strcmp(name, "seeds") == 0;
}

int gt_take_fault(const struct gt_given *g)
{
    const struct gt_fault_info *f;
    char names[2048] = "";
    size_t at = 0;
    g->o->fault = g->value;
    if (is_fault(g->value))
        return 0;
    for (size_t i = 0; (f = gt_fault_info(i)) != NULL && at < sizeof names; i++)
        at += (size_t)snprintf(names + at, sizeof names - at, "%s, ", f->name);
    return gt_option_refuse(g, "no such fault: use %sseeds or all", names);
}

int gt_take_runs(const struct gt_given *g)
{
    uint64_t v;
    if (gt_parse_number(g->value, 1, 1000, &v) != 0)
        return gt_option_refuse(g, "not a number of runs: write 1 to 1000");
    g->o->runs = (uint32_t)v;
    return 0;
}

int gt_take_perturb(const struct gt_given *g)
{
    int level = gt_perturb_parse(g->value);
    if (level < 0)
        return gt_option_refuse(g, "no such level: use off, low, medium or high");
    g->o->perturb = (uint32_t)level;
    g->o->perturb_given = true;
    return 0;
}

int gt_take_oracle(const struct gt_given *g)
{
    char why[200];
    if (gt_oracles_parse(g->value, &g->o->oracles, why, sizeof why) == 0)
        return 0;
    return gt_option_refuse(g, "%s", why);
}

int gt_take_lean(const struct gt_given *g)
{
    g->o->lean = true;
    return 0;
}

/* ---- the collector ------------------------------------------------------ */
int gt_take_gc_percent(const struct gt_given *g)
{
    uint64_t v;
    if (strcmp(g->value, "off") == 0) {
        g->o->gc.percent = GT_GC_PERCENT_OFF;
        return 0;
    }
    if (gt_parse_number(g->value, 1, 100000, &v) != 0)
        return gt_option_refuse(g, "not a percentage: write 1 to 100000 (100 is usual), or off");
    g->o->gc.percent = (int32_t)v;
    return 0;
}

int gt_take_gc_limit(const struct gt_given *g)
{
    char why[160];
    if (gt_parse_size(g->value, &g->o->gc.limit, why, sizeof why) == 0)
        return 0;
    return gt_option_refuse(g, "%s", why);
}

int gt_take_gc_period(const struct gt_given *g)
{
    char why[160];
    if (strcmp(g->value, "never") == 0) {
        g->o->gc.period_ns = -1;
        return 0;
    }
    if (gt_parse_duration(g->value, &g->o->gc.period_ns, why, sizeof why) == 0)
        return 0;
    return gt_option_refuse(g, "%s; or never", why);
}

int gt_take_gc_poison(const struct gt_given *g)
{
    g->o->gc.poison = true;
    return 0;
}

void gt_options_print_gc(FILE *f, const struct gt_gc_options *gc)
{
    if (gc->percent < 0)
        fprintf(f, " --gc-percent=off");
    else if (gc->percent > 0)
        fprintf(f, " --gc-percent=%d", gc->percent);
    if (gc->limit)
        fprintf(f, " --gc-limit=%lluB", (unsigned long long)gc->limit);
    if (gc->period_ns < 0)
        fprintf(f, " --gc-period=never");
    else if (gc->period_ns > 0)
        fprintf(f, " --gc-period=%lldns", (long long)gc->period_ns);
    if (gc->poison)
        fprintf(f, " --gc-poison");
}

/* ---- traces ------------------------------------------------------------ */
int gt_take_trace(const struct gt_given *g)
{
    if (*g->value == '\0')
        return gt_option_refuse(g, "write the file to put the trace in");
    g->o->trace = g->value;
    return 0;
}

int gt_take_generation(const struct gt_given *g)
{
    char why[160];
    if (strcmp(g->value, "continuous") == 0) {
        g->o->generation_ns = 0;
        return 0;
    }
    if (gt_parse_duration(g->value, &g->o->generation_ns, why, sizeof why) == 0)
        return 0;
    return gt_option_refuse(g, "%s; or continuous", why);
}

int gt_take_header(const struct gt_given *g)
{
    static const struct {
        const char *name;
        uint32_t header;
    } headers[] = {{"1.22", 122}, {"1.23", 123}, {"1.25", 125}, {"1.26", 126}};
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++)
        if (strcmp(g->value, headers[i].name) == 0) {
            g->o->header = headers[i].header;
            return 0;
        }
    return gt_option_refuse(g, "no header of Go's format: use 1.22, 1.23, 1.25 or 1.26");
}

int gt_take_profile(const struct gt_given *g)
{
    uint64_t v;
    if (gt_parse_number(g->value, 1, GT_PROFILE_HZ_MAX, &v) != 0)
        return gt_option_refuse(g, "not a rate: write samples a second, 1 to %u (100 is usual)",
                      GT_PROFILE_HZ_MAX);
    g->o->profile_hz = (uint32_t)v;
    return 0;
}
