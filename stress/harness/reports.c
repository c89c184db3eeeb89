/* SPDX-License-Identifier: Apache-2.0 */
/* The results as JUnit XML and as JSON: see tap.h. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "gauntlet/scheduler.h"
#include "gauntlet/tracer.h"
#include "harness/seer.h"
#include "harness/tap.h"

/* ---- JUnit XML --------------------------------------------------------- */
/* What XML 1.0 has no character for becomes a blank. */
static void xml_text(FILE *f, const char *s)
{
    for (; *s; s++)
        if (*s == '<')
            fputs("&lt;", f);
        else if (*s == '>')
            fputs("&gt;", f);
        else if (*s == '&')
            fputs("&amp;", f);
        else if (*s == '"')
            fputs("&quot;", f);
        else
            fputc((unsigned char)*s < ' ' || (unsigned char)*s > '~' ? ' ' : *s, f);
}

static void xml_outcome(FILE *f, const char *element, const char *type, const char *why)
{
    fprintf(f, "    <%s type=\"%s\" message=\"", element, type);
    xml_text(f, why);
    fprintf(f, "\"/>\n");
}

static void junit_outcome(FILE *f, const struct gt_stress_point *p)
{
    const struct gt_stress_result *r = &p->result;
    const char *type = p->done ? gt_stress_verdict_name(r->verdict) : "not-run";
    if (!p->done)
        xml_outcome(f, "error", type, "the run ended before");
    else if (r->verdict == GT_STRESS_SKIPPED)
        fprintf(f, "    <skipped/>\n");
    else if (r->verdict == GT_STRESS_VOID || r->verdict == GT_STRESS_INCOMPLETE)
        xml_outcome(f, "error", type, r->why);
    else if (r->verdict != GT_STRESS_OK)
        xml_outcome(f, "failure", type, r->why);
}

static void junit_case(FILE *f, const struct gt_stress_point *p, uint32_t number)
{
    char title[200];
    char *yaml = NULL;
    size_t size = 0;
    fprintf(f, "  <testcase classname=\"stress.%s\" name=\"", p->cell.test->head.name);
    xml_text(f, gt_point_title(p, title, sizeof title));
    fprintf(f, "\" time=\"%.3f\">\n", (double)p->result.ns / 1e9);
    junit_outcome(f, p);
    FILE *text = p->done ? open_memstream(&yaml, &size) : NULL;
    if (text) {
        gt_tap_point(text, number, p);
        fclose(text);
        fprintf(f, "    <system-out>");
        for (char *line = strtok(yaml, "\n"); line; line = strtok(NULL, "\n")) {
            xml_text(f, line);
            fputc('\n', f);
        }
        fprintf(f, "</system-out>\n");
        free(yaml);
    }
    fprintf(f, "  </testcase>\n");
}

void gt_junit(FILE *f, const struct gt_stress_point *p, uint32_t n)
{
    uint32_t failures = 0, errors = 0, skipped = 0;
    double time = 0;
    for (uint32_t i = 0; i < n; i++) {
        enum gt_stress_verdict v = p[i].result.verdict;
        bool error = !p[i].done || v == GT_STRESS_VOID || v == GT_STRESS_INCOMPLETE;
        errors += error;
        skipped += !error && v == GT_STRESS_SKIPPED;
        failures += !error && v != GT_STRESS_OK && v != GT_STRESS_SKIPPED;
        time += (double)p[i].result.ns / 1e9;
    }
    fprintf(f,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<testsuite name=\"stress\" tests=\"%u\" failures=\"%u\" errors=\"%u\" skipped=\"%u\""
            " time=\"%.3f\">\n",
            n, failures, errors, skipped, time);
    for (uint32_t i = 0; i < n; i++)
        junit_case(f, &p[i], i + 1);
    fprintf(f, "</testsuite>\n");
}

/* ---- JSON -------------------------------------------------------------- */
static void str(struct gt_json *j, const char *key, const char *s)
{
    gt_json_key(j, key);
    gt_json_str(j, s);
}

static void num(struct gt_json *j, const char *key, uint64_t v)
{
    gt_json_key(j, key);
    gt_json_uint(j, v);
}

static void real(struct gt_json *j, const char *key, double v)
{
    gt_json_key(j, key);
    gt_json_num(j, v);
}

static void json_identity(struct gt_json *j, const struct gt_stress_point *p)
{
    const struct gt_config *c = &p->cell.config;
    char text[32];
    str(j, "test", p->cell.test->head.name);
    str(j, "runtime", p->cell.ops->head.name);
    str(j, "scheduler", c->scheduler->head.name);
    str(j, "tracer", c->tracer->head.name);
    str(j, "syscalls", c->syscalls == GT_SYSCALLS_STATUS ? "status" : "scanbit");
    num(j, "procs", (uint64_t)c->procs);
    str(j, "bind", gt_bind_name(c->bind));
    str(j, "generation", gt_generation_text(p->cell.generation_ns, text, sizeof text));
    str(j, "fault", c->fault);
    num(j, "perturb", c->perturb);
    gt_json_key(j, "checkable");
    gt_json_bool(j, (c->tracer->head.flags & GT_TRACER_CHECKABLE) != 0);
}

static void json_counts(struct gt_json *j, const struct gt_stress_result *r)
{
    num(j, "rounds", r->rounds);
    num(j, "void_rounds", r->void_rounds);
    real(j, "duration_s", (double)r->ns / 1e9);
    real(j, "judging_s", (double)r->judging_ns / 1e9);
    num(j, "events", r->events);
    num(j, "generations", r->generations);
    num(j, "transitions", r->transitions);
    num(j, "traces", r->traces);
    num(j, "trace_bytes", r->trace_bytes);
    num(j, "switches", r->switches);
    num(j, "inconsistencies", r->inconsistencies);
    gt_json_key(j, "world_stop_max_ns");
    gt_json_int(j, r->stop_ns_max);
    num(j, "violations", r->violations);
}

static void json_maps(struct gt_json *j, const struct gt_stress_result *r)
{
    gt_json_key(j, "not_checkable");
    gt_json_open_line(j, '[');
    for (uint32_t i = 0; i < GT_ORACLES; i++)
        if (r->blind >> i & 1u)
            gt_json_str(j, gt_oracle_name((enum gt_oracle)i));
    gt_json_close(j, ']');
    gt_json_key(j, "by_class");
    gt_json_open_line(j, '{');
    for (uint32_t i = 0; i < r->n_classes; i++)
        num(j, r->classes[i].name, r->classes[i].n);
    gt_json_close(j, '}');
    gt_json_key(j, "windows");
    gt_json_open_line(j, '{');
    for (int i = 0; i < GT_WINDOWS; i++)
        if (r->windows[i])
            num(j, gt_window_name((enum gt_window)i), r->windows[i]);
    gt_json_close(j, '}');
}

/* Its members: "order/unknown-stack" in its two halves. */
static void json_sight(struct gt_json *j, const struct gt_stress_sight *s)
{
    char oracle[sizeof s->name];
    snprintf(oracle, sizeof oracle, "%s", s->name);
    char *slash = strchr(oracle, '/');
    if (slash)
        *slash = '\0';
    str(j, "oracle", oracle);
    str(j, "class", slash ? slash + 1 : "");
    real(j, "seconds", (double)s->ns / 1e9);
    num(j, "events", s->events);
}

/* Of a planted fault: as_expected says whether it was the oracle of faults.def, under one of its
 * classes; window how often the round had entered what the fault needs, null where that is
 * nothing; first who saw something before. */
static void json_found(struct gt_json *j, const struct gt_stress_point *p)
{
    const struct gt_stress_result *r = &p->result;
    const struct gt_stress_sight *s = gt_fault_sight(&p->cell, r);
    const struct gt_fault_info *f = gt_fault_named(p->cell.config.fault);
    gt_json_key(j, "found");
    if (r->inconsistencies == 0) {
        gt_json_str(j, NULL);
        return;
    }
    gt_json_open_line(j, '{');
    json_sight(j, s);
    if (f) {
        gt_json_key(j, "as_expected");
        gt_json_bool(j, gt_fault_expects(f, s->name));
    }
    if (s == &r->due) {
        gt_json_key(j, "window");
        if (s->window == UINT64_MAX)
            gt_json_str(j, NULL);
        else
            gt_json_uint(j, s->window);
    }
    if (s != &r->first && r->first.ns < s->ns) { /* in an earlier round */
        gt_json_key(j, "first");
        gt_json_open_line(j, '{');
        json_sight(j, &r->first);
        gt_json_close(j, '}');
    }
    gt_json_close(j, '}');
}

static void json_texts(struct gt_json *j, const struct gt_stress_result *r)
{
    gt_json_key(j, "parameters");
    gt_json_open(j, '[');
    for (uint32_t i = 0; i < r->n_says; i++)
        gt_json_str(j, r->says[i]);
    gt_json_close(j, ']');
    gt_json_key(j, "findings");
    gt_json_open(j, '[');
    for (uint32_t i = 0; i < r->n_findings; i++)
        gt_json_str(j, r->findings[i]);
    gt_json_close(j, ']');
    gt_json_key(j, "files");
    gt_json_open(j, '[');
    for (uint32_t i = 0; i < r->n_files; i++)
        gt_json_str(j, r->files[i]);
    gt_json_close(j, ']');
}

void gt_json_cells(struct gt_json *j, const struct gt_stress_point *p, uint32_t n)
{
    gt_json_open(j, '[');
    for (uint32_t i = 0; i < n; i++) {
        const struct gt_stress_result *r = &p[i].result;
        gt_json_open(j, '{');
        json_identity(j, &p[i]);
        num(j, "seed", r->seed);
        str(j, "verdict", p[i].done ? gt_stress_verdict_name(r->verdict) : "incomplete");
        str(j, "why", p[i].done ? r->why : "not run");
        str(j, "replay", p[i].replay);
        json_counts(j, r);
        json_maps(j, r);
        json_found(j, &p[i]);
        json_texts(j, r);
        gt_json_close(j, '}');
    }
    gt_json_close(j, ']');
}

void gt_stress_json(FILE *f, uint64_t seed, const struct gt_stress_point *p, uint32_t n)
{
    struct gt_json j;
    gt_json_start(&j, f);
    gt_json_open(&j, '{');
    num(&j, "schema", 1);
    num(&j, "seed", seed);
    gt_json_key(&j, "cells");
    gt_json_cells(&j, p, n);
    gt_json_close(&j, '}');
    gt_json_end(&j);
}
