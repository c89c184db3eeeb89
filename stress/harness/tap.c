/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/tap.h"

#include <inttypes.h>

#include "gauntlet/scheduler.h"
#include "gauntlet/tracer.h"

static const char *syscalls_name(enum gt_syscall_model m)
{
    return m == GT_SYSCALLS_STATUS ? "status" : "scanbit";
}

const char *gt_generation_text(int64_t ns, char *buf, size_t size)
{
    if (ns == GT_GENERATION_MIXED)
        snprintf(buf, size, "mixed");
    else if (ns == GT_GENERATION_CONTINUOUS)
        snprintf(buf, size, "continuous");
    else if (ns % 1000000000 == 0)
        snprintf(buf, size, "%" PRId64 "s", ns / 1000000000);
    else if (ns % 1000000 == 0)
        snprintf(buf, size, "%" PRId64 "ms", ns / 1000000);
    else
        snprintf(buf, size, "%" PRId64 "ns", ns);
    return buf;
}

const char *gt_point_title(const struct gt_stress_point *p, char *buf, size_t size)
{
    const struct gt_config *c = &p->cell.config;
    snprintf(buf, size, "%s %s %s %s procs=%d%s%s%s%s", p->cell.test->head.name,
             c->scheduler->head.name, c->tracer->head.name, syscalls_name(c->syscalls), c->procs,
             c->bind ? " bind=" : "", c->bind ? gt_bind_name(c->bind) : "",
             c->fault ? " fault=" : "", c->fault ? c->fault : "");
    return buf;
}

void gt_tap_quoted(FILE *tap, const char *key, const char *s)
{
    fprintf(tap, "  %s: \"", key);
    for (; *s; s++)
        if (*s == '"' || *s == '\\')
            fprintf(tap, "\\%c", *s);
        else
            fputc(*s >= 0 && *s < ' ' ? ' ' : *s, tap);
    fprintf(tap, "\"\n");
}

void gt_tap_plan(FILE *f, uint32_t n, uint64_t seed)
{
    fprintf(f, "TAP version 13\n1..%u\n# seed %" PRIu64 "\n", n, seed);
}

/* ---- a point ----------------------------------------------------------- */
static bool passed(const struct gt_stress_result *r)
{
    return r->verdict == GT_STRESS_OK || r->verdict == GT_STRESS_SKIPPED;
}

static void print_cell(FILE *f, const struct gt_stress_point *p)
{
    const struct gt_config *c = &p->cell.config;
    char text[32];
    fprintf(f,
            "  runtime: %s\n  scheduler: %s\n  tracer: %s\n  syscalls: %s\n  procs: %d\n"
            "  bind: %s\n  generation: %s\n",
            p->cell.ops->head.name, c->scheduler->head.name, c->tracer->head.name,
            syscalls_name(c->syscalls), c->procs, gt_bind_name(c->bind),
            gt_generation_text(p->cell.generation_ns, text, sizeof text));
    if (c->fault)
        fprintf(f, "  fault: %s\n", c->fault);
    if (c->perturb)
        fprintf(f, "  perturb: %u\n", c->perturb);
}

static void print_classes(FILE *f, const struct gt_stress_result *r)
{
    fprintf(f, "  inconsistencies: %" PRIu64 "\n  by_class: [", r->inconsistencies);
    for (uint32_t i = 0; i < r->n_classes; i++)
        fprintf(f, "%s%s=%" PRIu64, i ? ", " : "", r->classes[i].name, r->classes[i].n);
    fprintf(f, "]\n  windows: [");
    const char *between = "";
    for (int i = 0; i < GT_WINDOWS; i++)
        if (r->windows[i]) {
            fprintf(f, "%s%s=%" PRIu64, between, gt_window_name((enum gt_window)i), r->windows[i]);
            between = ", ";
        }
    fprintf(f, "]\n");
}

static void print_counts(FILE *f, const struct gt_stress_point *p)
{
    const struct gt_stress_result *r = &p->result;
    if (p->cell.config.tracer->head.flags & GT_TRACER_CHECKABLE)
        fprintf(f,
                "  events: %" PRIu64 "\n  generations: %" PRIu64 "\n  traces: %" PRIu64
                "\n  trace_bytes: %" PRIu64 "\n",
                r->events, r->generations, r->traces, r->trace_bytes);
    else
        fprintf(f, "  events: not checkable\n");
    fprintf(f,
            "  transitions: %" PRIu64 "\n  rounds: %" PRIu64 "\n  void_rounds: %" PRIu64
            "\n  violations: %" PRIu64 "\n  duration: %.3fs\n  judging: %.3fs\n"
            "  world_stop_max: %.3fms\n",
            r->transitions, r->rounds, r->void_rounds, r->violations, (double)r->ns / 1e9,
            (double)r->judging_ns / 1e9, (double)r->stop_ns_max / 1e6);
    fprintf(f,
            "  counts: [switches=%" PRIu64 ", retaken=%" PRIu64 ", preempted=%" PRIu64
            ", injected=%" PRIu64 ", world_stops=%" PRIu64 ", procs_changes=%" PRIu64
            ", callbacks=%" PRIu64 "]\n",
            r->switches, r->retaken, r->preempted, r->injected, r->world_stops, r->procs_changes,
            r->callbacks);
}

static void print_blind(FILE *f, const struct gt_stress_result *r)
{
    const char *between = "  not_checkable: [";
    for (uint32_t i = 0; i < GT_ORACLES; i++)
        if (r->blind >> i & 1u) {
            fprintf(f, "%s%s", between, gt_oracle_name((enum gt_oracle)i));
            between = ", ";
        }
    if (r->blind)
        fprintf(f, "]\n");
}

static void print_texts(FILE *f, const struct gt_stress_result *r)
{
    char key[32];
    for (uint32_t i = 0; i < r->n_says; i++) {
        snprintf(key, sizeof key, "parameters_%u", i + 1);
        gt_tap_quoted(f, key, r->says[i]);
    }
    for (uint32_t i = 0; i < r->n_findings; i++) {
        snprintf(key, sizeof key, "finding_%u", i + 1);
        gt_tap_quoted(f, key, r->findings[i]);
    }
    for (uint32_t i = 0; i < r->n_files; i++) {
        snprintf(key, sizeof key, "file_%u", i + 1);
        gt_tap_quoted(f, key, r->files[i]);
    }
}

void gt_tap_point(FILE *f, uint32_t number, const struct gt_stress_point *p)
{
    const struct gt_stress_result *r = &p->result;
    char title[200];
    fprintf(f, "%s %u - %s", passed(r) ? "ok" : "not ok", number,
            gt_point_title(p, title, sizeof title));
    if (r->verdict == GT_STRESS_SKIPPED) {
        fprintf(f, " # SKIP %s\n", r->why);
        return;
    }
    fprintf(f, "\n  ---\n  verdict: %s\n", gt_stress_verdict_name(r->verdict));
    if (r->why[0])
        gt_tap_quoted(f, "why", r->why);
    fprintf(f, "  seed: %" PRIu64 "\n", r->seed);
    gt_tap_quoted(f, "replay", p->replay);
    print_cell(f, p);
    print_counts(f, p);
    print_classes(f, r);
    print_blind(f, r);
    print_texts(f, r);
    fprintf(f, "  ...\n");
}
