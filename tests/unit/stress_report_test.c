/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: workloads timeout=120 */
/* Who must see a planted fault, and what reports say of a cell. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/seer.h"
#include "harness/tap.h"
#include "harness_cells.h"

/* ---- planted faults: who must see them -------------------------------------------- */
static void sees(const char *oracle_class, const struct gt_fault_info *f, uint64_t window)
{
    uint64_t windows[GT_WINDOWS] = {0};
    char oracle[20];
    const char *slash = strchr(oracle_class, '/');
    snprintf(oracle, sizeof oracle, "%.*s", (int)(slash - oracle_class), oracle_class);
    for (int i = 0; i < GT_ORACLES; i++)
        if (strcmp(gt_oracle_name((enum gt_oracle)i), oracle) == 0)
            gt_result_count(&r, (enum gt_oracle)i, slash + 1, 1);
    windows[GT_WINDOW_proc_reborn_trace] = window;
    gt_fault_note(f, &r, 5, windows);
    gt_result_say(&r, GT_STRESS_INCONSISTENT, "seen");
}

static void test_seers(void)
{
    struct gt_stress_ops t = test_of("seers", run_yields);
    struct gt_stress_cell c = cell_of(&t);
    const struct gt_fault_info *f = gt_fault_named("dead_ps_kept_on_stop");
    uint64_t n;
    c.config.fault = "dead_ps_kept_on_stop";
    ok(f && gt_fault_hunted(&c) == f && strcmp(f->oracle, "order") == 0, "order must see it");
    memset(&r, 0, sizeof r);
    sees("truth/outside-section", f, 3);
    gt_fault_judge(&c, &r);
    ok(!gt_fault_found(&c, &r) && r.verdict == GT_STRESS_INCONCLUSIVE &&
           strstr(r.why, "seen by truth/outside-section, but not by order"),
       "what truth alone saw is not found: %s", r.why);
    memset(&r, 0, sizeof r);
    sees("truth/outside-section", f, 3);
    sees("order/failed-to-advance", f, 2);
    gt_fault_judge(&c, &r);
    ok(gt_fault_found(&c, &r) && r.verdict == GT_STRESS_INCONSISTENT && gt_fault_sight(&c, &r)->window == 2 &&
           strcmp(gt_fault_sight(&c, &r)->name, "order/failed-to-advance") == 0 &&
           strcmp(r.first.name, "truth/outside-section") == 0,
       "when order has too it is, with its window, and truth was the first");
    ok(strstr(r.why, "order/failed-to-advance saw") && strstr(r.why, "2 times"), "and why says so: %s", r.why);
    memset(&r, 0, sizeof r);
    sees("order/failed-to-advance", f, 0);
    gt_fault_judge(&c, &r);
    ok(r.verdict == GT_STRESS_INCONCLUSIVE && strstr(r.why, "never entered proc-reborn-trace"),
       "in a round without its window it is not: %s", r.why);
    memset(&r, 0, sizeof r);
    gt_result_count(&r, GT_ORACLE_ORDER, "failed-to-advance", 1);
    gt_result_say(&r, GT_STRESS_INCONSISTENT, "seen");
    gt_fault_note(f, &r, 5, NULL);
    gt_fault_judge(&c, &r);
    ok(r.verdict == GT_STRESS_INCONSISTENT && r.due.window == UINT64_MAX, "in one whose windows are not known it is");
    ok(gt_fault_lists("ab,c, de", "de") && gt_fault_lists("ab,c", "ab") && !gt_fault_lists("ab,c", "a") &&
           !gt_fault_lists("ab,c", "b") && !gt_fault_lists("", "a"), "words of a list");
    memset(&r, 0, sizeof r);
    sees("order/inconsistent-goroutine-status", f, 2);
    ok(!gt_fault_found(&c, &r), "under another class it is not");
    c.oracles = 1u << GT_ORACLE_TRUTH;
    ok(!gt_fault_hunted(&c) && gt_fault_found(&c, &r), "where order was not asked for, any will do");
    const uint64_t some[GT_WINDOWS] = {[GT_WINDOW_advance] = 4, [GT_WINDOW_trace_stop] = 1};
    ok(gt_windows_needed("advance,trace-stop", some, &n) == 0 && n == 1, "windows: each");
    ok(gt_windows_needed("inject|advance,advance", some, &n) == 0 && n == 4, "one of them, and each");
    ok(gt_windows_needed("inject,advance", some, &n) == 0 && n == 0, "one is missing");
    ok(gt_windows_needed("none: so", some, &n) == 0 && n == UINT64_MAX, "none is needed");
    ok(gt_windows_needed("advance,inje", some, &n) == -EINVAL &&
           gt_windows_needed("", some, &n) == -EINVAL && gt_windows_needed("none: ", some, &n) == -EINVAL,
       "names that are none");
}

/* ---- words ------------------------------------------------------------------------ */
static void test_names(void)
{
    uint32_t bits;
    char err[300];
    ok(gt_oracles_parse("truth,locks", &bits, err, sizeof err) == 0 &&
           bits == (1u << GT_ORACLE_TRUTH | 1u << GT_ORACLE_LOCKS | 1u << GT_ORACLE_TEST),
       "oracles by name");
    ok(gt_oracles_parse("order,", &bits, err, sizeof err) == -EINVAL, "an empty name");
    ok(gt_oracles_parse("ordr", &bits, err, sizeof err) == -EINVAL && strstr(err, "conservation"),
       "an unknown one lists them");
    ok(gt_stress_find("no-such", err, sizeof err) == NULL && strstr(err, "syscall-storm"),
       "an unknown test lists them");
    bool all = true;
    for (size_t i = 0; gt_stress_at(i); i++)
        all = all && gt_stress_find(gt_stress_at(i)->head.name, err, sizeof err) == gt_stress_at(i);
    ok(all, "each test is found by its name");
}

static void test_reports(void)
{
    struct gt_stress_ops t = test_of("words", run_yields);
    struct gt_stress_point p = {.cell = cell_of(&t), .done = true};
    char *text = NULL;
    size_t size = 0;
    gt_result_count(&p.result, GT_ORACLE_ORDER, "a<b", 2);
    gt_result_count(&p.result, GT_ORACLE_ORDER, "a<b", 1);
    gt_result_finding(&p.result, "\"x\" & \\ \x01 <y>");
    gt_result_say(&p.result, GT_STRESS_INCONCLUSIVE, "first");
    gt_result_say(&p.result, GT_STRESS_INCONCLUSIVE, "second");
    gt_result_say(&p.result, GT_STRESS_INCONSISTENT, "worse & \"worst\"");
    gt_result_say(&p.result, GT_STRESS_INCONCLUSIVE, "better");
    FILE *f = open_memstream(&text, &size);
    gt_tap_point(f, 3, &p);
    fclose(f);
    ok(strncmp(text, "not ok 3 - words worksteal gen scanbit procs=2\n  ---\n", 52) == 0,
       "TAP: the point");
    ok(strstr(text, "  why: \"worse & \\\"worst\\\"\"\n") && strstr(text, "by_class: [order/a<b=3]") &&
           strstr(text, "\\\"x\\\" & \\\\   <y>\""), "TAP: the worst reason, sums, quotes");
    free(text);
    f = open_memstream(&text, &size);
    gt_junit(f, &p, 1);
    fclose(f);
    ok(strstr(text, "failures=\"1\"") && strstr(text, "worse &amp; &quot;worst&quot;") &&
           strstr(text, "order/a&lt;b=3"), "JUnit: counts and escapes");
    free(text);
}

int main(void)
{
    make_place();
    test_seers();
    test_names();
    test_reports();
    remove_place();
    return done_testing();
}
