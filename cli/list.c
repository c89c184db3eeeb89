/* SPDX-License-Identifier: Apache-2.0 */
/* list: what there is. A kind without members prints nothing, or []. */
#include <string.h>

#include "benchmark/rows.h"
#include "cli.h"
#include "common/registry.h"
#include "gauntlet/fault.h"
#include "gauntlet/scheduler.h"
#include "gauntlet/tracer.h"
#include "harness/json.h"
#include "options.h"
#include "stress.h"

struct flag {
    uint64_t bit;
    const char *name;
    const char *without; /* said when the bit is not set, NULL: nothing */
};
static const struct flag runtime_flags[] = {{GT_RT_CHAN, "chan", NULL},
                                            {GT_RT_SYSCALL, "syscall", NULL},
                                            {GT_RT_NETPOLL, "netpoll", NULL},
                                            {GT_RT_TIMERS, "timers", NULL},
                                            {GT_RT_PROCS, "procs", NULL},
                                            {GT_RT_WORLD, "world", NULL},
                                            {GT_RT_CALLBACK, "callback", NULL},
                                            {GT_RT_CORO, "coro", NULL},
                                            {GT_RT_TRACE, "trace", NULL},
                                            {GT_RT_GC, "gc", NULL},
                                            {GT_RT_PREEMPT, "preempt", NULL},
                                            {GT_RT_PARK, "park", NULL},
                                            {GT_RT_SUBPROCESS, "subprocess", NULL},
                                            {GT_RT_PLUGINS, "plugins", NULL},
                                            {0, NULL, NULL}};
static const struct flag scheduler_flags[] = {
    {GT_SCHED_STEALS, "steals", NULL},
    {GT_SCHED_NUMA, "numa", NULL},
    {GT_SCHED_FIFO, "fifo", NULL},
    {0, NULL, NULL}};
static const struct flag tracer_flags[] = {{GT_TRACER_GENERATIONS, "generations", NULL},
                                           {GT_TRACER_STOPS_WORLD, "stops-world", NULL},
                                           {GT_TRACER_STACKS, "stacks", NULL},
                                           {GT_TRACER_FLIGHT, "flight", NULL},
                                           {GT_TRACER_CHECKABLE, "checkable", "not checkable"},
                                           {GT_TRACER_NULL, "null", NULL},
                                           {0, NULL, NULL}};

struct item {
    const char *name, *summary;
    uint64_t bits;
    const struct flag *flags; /* what bits mean, NULL: no capabilities */
    const char *flags_key;    /* "capabilities" or "needs" */
    const struct gt_fault_info *fault;
    const struct gt_stress_ops *stress;
    bool may_lack;      /* of a kind of which some may not be built */
    const char *lacks;  /* why this one is not; NULL: it is */
    const char *note;   /* in place of capabilities; may be NULL */
};

static bool plugin_item(uint32_t magic, const struct flag *flags, size_t i, struct item *it)
{
    const struct gt_plugin_head *h = gt_plugin_builtin(magic, i);
    if (h)
        *it = (struct item){.name = h->name, .summary = h->summary, .bits = h->flags, .flags = flags,
                            .flags_key = "capabilities"};
    return h != NULL;
}
/* Those that are built, then the others. */
static bool runtime_item(size_t i, struct item *it)
{
    size_t built = 0;
    bool found = plugin_item(GT_MAGIC_RUNTIME, runtime_flags, i, it);
    while (!found && gt_plugin_builtin(GT_MAGIC_RUNTIME, built))
        built++;
    const struct gt_plugin_absent *a = found ? NULL : gt_plugin_absent(GT_MAGIC_RUNTIME, i - built);
    if (a)
        *it = (struct item){.name = a->name, .summary = a->summary, .flags = runtime_flags,
                            .flags_key = "capabilities", .lacks = a->why};
    if (found || a)
        it->may_lack = true;
    return found || a;
}
static bool scheduler_item(size_t i, struct item *it)
{
    return plugin_item(GT_MAGIC_SCHEDULER, scheduler_flags, i, it);
}
/* Those that are built in, those that are opened on demand, then the others. */
static bool tracer_item(size_t i, struct item *it)
{
    size_t before = 0;
    if (plugin_item(GT_MAGIC_TRACER, tracer_flags, i, it)) {
        it->may_lack = true;
        return true;
    }
    while (gt_plugin_builtin(GT_MAGIC_TRACER, before))
        before++;
    i -= before;
    const struct gt_plugin_absent *a = gt_plugin_on_demand(GT_MAGIC_TRACER, i);
    for (before = 0; !a && gt_plugin_on_demand(GT_MAGIC_TRACER, before);)
        before++;
    if (!a)
        a = gt_plugin_absent(GT_MAGIC_TRACER, i - before);
    if (a) /* what it can do stands in its object, which is not opened for a list */
        *it = (struct item){.name = a->name, .summary = a->summary, .flags = tracer_flags,
                            .flags_key = "capabilities", .may_lack = true, .lacks = a->why,
                            .note = a->why ? NULL : "opened when asked for"};
    return a != NULL;
}
static bool workload_item(size_t i, struct item *it)
{
    const struct gt_workload_ops *w = gt_workload_at(i);
    if (w)
        *it = (struct item){.name = w->head.name, .summary = w->head.summary, .bits = w->needs,
                            .flags = runtime_flags, .flags_key = "needs"};
    return w != NULL;
}
/* Does a row bear the workload's own name? The others are measured by name, too. */
static bool has_row(const char *workload)
{
    const struct gt_bench_row *row;
    for (size_t k = 0; (row = gt_bench_row_at(k)) != NULL; k++)
        if (strcmp(row->name, workload) == 0)
            return true;
    return false;
}

static bool bench_item(size_t i, struct item *it)
{
    const struct gt_bench_row *row;
    const struct gt_workload_ops *w;
    size_t k = 0;
    for (; (row = gt_bench_row_at(k)) != NULL; k++)
        if (k == i) {
            *it = (struct item){.name = row->name, .summary = row->summary};
            return true;
        }
    for (i -= k, k = 0; (w = gt_workload_at(k)) != NULL; k++)
        if (!has_row(w->head.name) && i-- == 0) {
            *it = (struct item){.name = w->head.name, .summary = w->head.summary};
            return true;
        }
    return false;
}
static bool fault_item(size_t i, struct item *it)
{
    const struct gt_fault_info *f = gt_fault_info(i);
    if (f)
        *it = (struct item){.name = f->name, .summary = f->summary, .fault = f};
    return f != NULL;
}
static bool stress_item(size_t i, struct item *it)
{
    const struct gt_stress_ops *t = gt_stress_at(i);
    if (t)
        *it = (struct item){.name = t->head.name, .summary = t->head.summary, .bits = t->needs,
                            .flags = runtime_flags, .flags_key = "needs", .stress = t};
    return t != NULL;
}

static const struct kind {
    const char *plural;
    bool (*item)(size_t i, struct item *it);
} kinds[] = {
    {"runtimes", runtime_item}, {"schedulers", scheduler_item},
    {"tracers", tracer_item},   {"workloads", workload_item},
    {"stress", stress_item},        {"faults", fault_item},
    {"bench", bench_item},
};
#define N_KINDS (sizeof kinds / sizeof kinds[0])

static void print_flags(const struct item *it)
{
    const char *between = " (";
    for (const struct flag *f = it->flags; f && f->name; f++) {
        const char *word = it->bits & f->bit ? f->name : f->without;
        if (word) {
            printf("%s%s", between, word);
            between = ", ";
        }
    }
    if (strcmp(between, ", ") == 0)
        putchar(')');
}

static void print_fault(const struct gt_fault_info *f)
{
    printf(" (");
    if (f->seed)
        printf("seed %s, ", f->seed);
    printf("%s: %s; test %s", f->oracle, f->cls, f->test);
    if (strcmp(f->syscalls, "both") != 0)
        printf("; syscalls %s", f->syscalls);
    if (f->options[0])
        printf("; %s", f->options);
    putchar(')');
}

static int widest(const struct kind *k)
{
    struct item it;
    size_t width = 16;
    for (size_t i = 0; k->item(i, &it); i++)
        width = strlen(it.name) > width ? strlen(it.name) : width;
    return (int)width;
}

static void print_kind(const struct kind *k, bool heading)
{
    struct item it;
    int width = widest(k);
    size_t i = 0;
    for (; k->item(i, &it); i++) {
        if (heading && i == 0)
            printf("%s:\n", k->plural);
        printf("%s%-*s %s", heading ? "  " : "", width, it.name, it.summary);
        if (it.flags && !it.note && !it.lacks && strcmp(it.flags_key, "capabilities") == 0)
            print_flags(&it);
        if (it.lacks || it.note)
            printf(" (%s)", it.lacks ? it.lacks : it.note);
        if (it.fault)
            print_fault(it.fault);
        putchar('\n');
    }
}

static void json_fault(struct gt_json *j, const struct gt_fault_info *f)
{
    gt_json_key(j, "seed");
    gt_json_str(j, f->seed);
    gt_json_key(j, "reference");
    gt_json_str(j, f->reference);
    gt_json_key(j, "oracle");
    gt_json_str(j, f->oracle);
    gt_json_key(j, "class");
    gt_json_str(j, f->cls);
    gt_json_key(j, "windows");
    gt_json_str(j, f->windows);
    gt_json_key(j, "test");
    gt_json_str(j, f->test);
    gt_json_key(j, "syscalls");
    gt_json_str(j, f->syscalls);
    gt_json_key(j, "options");
    gt_json_str(j, f->options);
}

/* The windows that it must enter, the bugs that it is for, one a line. */
static void json_stress(struct gt_json *j, const struct gt_stress_ops *t)
{
    gt_json_key(j, "windows");
    gt_json_open(j, '{');
    for (int i = 0; i < GT_STRESS_NEEDS_MAX && gt_stress_needs(&t->windows[i]); i++) {
        gt_json_key(j, gt_window_name(t->windows[i].window));
        gt_json_open_line(j, '{');
        gt_json_key(j, "least");
        gt_json_uint(j, t->windows[i].least);
        gt_json_key(j, "per_min");
        gt_json_uint(j, t->windows[i].per_min);
        gt_json_key(j, "procs");
        gt_json_int(j, t->windows[i].procs);
        gt_json_close(j, '}');
    }
    gt_json_close(j, '}');
    gt_json_key(j, "text");
    gt_json_str(j, t->text);
    gt_json_key(j, "bugs");
    gt_json_str(j, t->bugs);
}

static void json_item(struct gt_json *j, const struct kind *k, const struct item *it)
{
    gt_json_open_line(j, '{');
    gt_json_key(j, "name");
    gt_json_str(j, it->name);
    gt_json_key(j, "summary");
    gt_json_str(j, it->summary);
    gt_json_key(j, "kind");
    gt_json_str(j, k->plural);
    if (it->flags) {
        gt_json_key(j, it->flags_key);
        gt_json_open(j, '[');
        for (const struct flag *f = it->flags; f->name; f++)
            if (it->bits & f->bit)
                gt_json_str(j, f->name);
        gt_json_close(j, ']');
    }
    if (it->may_lack) {
        gt_json_key(j, "built");
        gt_json_bool(j, !it->lacks);
        gt_json_key(j, "why");
        gt_json_str(j, it->lacks);
    }
    if (it->fault)
        json_fault(j, it->fault);
    if (it->stress)
        json_stress(j, it->stress);
    gt_json_close(j, '}');
}

static const struct kind *find_kind(const char *name)
{
    for (size_t i = 0; i < N_KINDS; i++)
        if (strcmp(kinds[i].plural, name) == 0)
            return &kinds[i];
    return NULL;
}

static int list(const struct gt_options *o, const struct kind *only)
{
    struct gt_json j;
    struct item it;
    gt_json_start(&j, stdout);
    if (o->json)
        gt_json_open(&j, '[');
    for (size_t k = 0; k < N_KINDS; k++) {
        if (only && only != &kinds[k])
            continue;
        if (!o->json)
            print_kind(&kinds[k], !only);
        for (size_t i = 0; o->json && kinds[k].item(i, &it); i++)
            json_item(&j, &kinds[k], &it);
    }
    if (o->json) {
        gt_json_close(&j, ']');
        gt_json_end(&j);
    }
    return gt_stdout_ok("list") ? GT_EXIT_OK : GT_EXIT_BROKEN;
}

static int run(const struct gt_verb *v, int argc, char **argv)
{
    struct gt_options o;
    char err[2048];
    if (gt_options_parse(&o, v->name, v->options, argc, argv, err, sizeof err) != 0) {
        gt_say(v->name, "%s", err);
        return GT_EXIT_USAGE;
    }
    const struct kind *only = o.n_args > 0 ? find_kind(o.args[0]) : NULL;
    if (o.n_args > 1) {
        gt_say(v->name, "one kind at a time, not '%s' and '%s'", o.args[0], o.args[1]);
        return GT_EXIT_USAGE;
    }
    if (o.n_args == 1 && !only) {
        gt_say(v->name,
               "'%s' is no kind: use runtimes, schedulers, tracers, workloads, stress, "
               "faults or bench",
               o.args[0]);
        return GT_EXIT_USAGE;
    }
    return list(&o, only);
}

const struct gt_verb gt_verb_list = {
    .name = "list",
    .args = "[runtimes|schedulers|tracers|workloads|stress|faults|bench] [--json]",
    .summary = "names, one-line summaries, capabilities",
    .options = GT_OPT_JSON,
    .run = run,
};
