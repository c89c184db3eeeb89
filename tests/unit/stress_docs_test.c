/* SPDX-License-Identifier: Apache-2.0 */
/* docs/stress/ and docs/faults/, a page for each and a list, are what stress.def, faults.def and the
 * tests' own text say; `stress_docs_test --write` makes them anew. GT_TEST: workloads */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "gauntlet/fault.h"
#include "stress/stress.h"
#include "tap.h"

struct page {
    char *text;
    size_t n;
    FILE *f;
};

static void open_page(struct page *p)
{
    *p = (struct page){0};
    p->f = open_memstream(&p->text, &p->n);
    if (!p->f)
        bail_out("out of memory");
    fprintf(p->f, "<!-- SPDX-License-Identifier: Apache-2.0 -->\n"
                  "<!-- Made by tests/unit/stress_docs_test.c --write. Do not edit. -->\n");
}

static void write_page(const char *path, const struct page *p)
{
    FILE *f = fopen(path, "w");
    bool good = f && fwrite(p->text, 1, p->n, f) == p->n;
    good = f && fclose(f) == 0 && good;
    ok(good, "%s written", path);
}

static bool is_current(const char *path, const struct page *p)
{
    FILE *f = fopen(path, "r");
    char *text = malloc(p->n + 2);
    size_t n = f && text ? fread(text, 1, p->n + 1, f) : 0;
    bool same = n == p->n && memcmp(text, p->text, n) == 0;
    free(text);
    if (f)
        (void)fclose(f);
    return same;
}

/* Done with p: on disk, or compared with what is there. */
static void close_page(struct page *p, const char *name, bool write)
{
    const char *root = getenv("GT_SOURCE_DIR");
    char path[4096];
    (void)fclose(p->f);
    snprintf(path, sizeof path, "%s/docs/%s.md", root ? root : ".", name);
    if (write)
        write_page(path, p);
    else
        ok(is_current(path, p), "docs/%s.md is current (else: stress_docs_test --write)", name);
    free(p->text);
}

/* "a", "b\nc": one item of a list for each line. */
static void put_items(FILE *f, const char *lines)
{
    while (*lines) {
        size_t n = strcspn(lines, "\n");
        fprintf(f, "- %.*s\n", (int)n, lines);
        lines += n + (lines[n] == '\n');
    }
}

/* ---- stress tests -------------------------------------------------------------------------- */
static const char *models_of(const struct gt_stress_need *n)
{
    static const char *const names[] = {"both", "status", "scanbit", "both"};
    return names[n->models & 3u];
}

static void put_windows(FILE *f, const struct gt_stress_ops *t)
{
    fprintf(f, "\n## Windows\n\nCounted from the runtime's journal. A run in which one stays below "
               "its least is inconclusive: in any run, and in a minute (of a shorter or longer run its "
               "share, rounded down). [Where these come from](../stress-windows.md).\n\n"
               "| window | least | in a minute | from Ps | syscall model | entered when |\n"
               "| --- | --- | --- | --- | --- | --- |\n");
    for (int i = 0; i < GT_STRESS_NEEDS_MAX && gt_stress_needs(&t->windows[i]); i++)
        fprintf(f, "| `%s` | %llu | %llu | %d | %s | %s |\n", gt_window_name(t->windows[i].window),
                (unsigned long long)t->windows[i].least, (unsigned long long)t->windows[i].per_min,
                t->windows[i].procs ? t->windows[i].procs : 1,
                models_of(&t->windows[i]),
                gt_window_text(t->windows[i].window));
}

static void put_faults_of(FILE *f, const char *test)
{
    bool any = false;
    for (size_t i = 0; gt_fault_info(i); i++) {
        if (strcmp(gt_fault_info(i)->test, test) != 0)
            continue;
        if (!any)
            fprintf(f, "\n## Planted faults that it finds\n\n");
        any = true;
        fprintf(f, "- [%s](../faults/%s.md): %s\n", gt_fault_info(i)->name, gt_fault_info(i)->name,
                gt_fault_info(i)->summary);
    }
}

static void test_page(const struct gt_stress_ops *t, bool write)
{
    struct page p;
    char name[128];
    open_page(&p);
    fprintf(p.f, "# %s\n\n%s.\n\n%s\n", t->head.name, t->head.summary, t->text);
    fprintf(p.f, "\n```sh\nbuild/release/stress/%s --duration=5s\n```\n", t->head.name);
    put_windows(p.f, t);
    fprintf(p.f, "\n## Bugs that it is for\n\n");
    put_items(p.f, t->bugs);
    put_faults_of(p.f, t->head.name);
    snprintf(name, sizeof name, "stress/%s", t->head.name);
    close_page(&p, name, write);
}

static void tests_index(bool write)
{
    struct page p;
    open_page(&p);
    fprintf(p.f, "# Stress tests\n\nEach is a program of its own, `build/<preset>/stress/NAME`, and "
                 "a cell of `gauntlet stress`.\n\n| test | what it does |\n| --- | --- |\n");
    for (size_t i = 0; gt_stress_at(i); i++)
        fprintf(p.f, "| [%s](%s.md) | %s |\n", gt_stress_at(i)->head.name,
                gt_stress_at(i)->head.name, gt_stress_at(i)->head.summary);
    close_page(&p, "stress/README", write);
}

/* ---- faults ----------------------------------------------------------------------------------- */
/* "a,b|c": `a`, and `b` or `c`. A bar would end the cell of a table. */
static void put_needed(FILE *f, const char *windows)
{
    fprintf(f, "| windows that it needs | ");
    if (strncmp(windows, "none: ", 6) == 0) {
        fprintf(f, "%s |\n", windows);
        return;
    }
    for (const char *at = windows; *at;) {
        size_t n = strcspn(at, ",|");
        fprintf(f, "`%.*s`%s", (int)n, at, at[n] == ',' ? ", and " : at[n] ? " or " : "");
        at += n + (at[n] != '\0');
    }
    fprintf(f, " |\n");
}

static void fault_page(const struct gt_fault_info *x, bool write)
{
    struct page p;
    char name[128];
    open_page(&p);
    fprintf(p.f, "# %s\n\nThe historic bug: %s.\n\n", x->name, x->summary);
    fprintf(p.f, "| | |\n| --- | --- |\n| reference | %s |\n| seed | %s |\n", x->reference,
            x->seed ? x->seed : "none");
    fprintf(p.f, "| oracle that must see it | %s |\n| class | `%s` |\n", x->oracle, x->cls);
    put_needed(p.f, x->windows);
    fprintf(p.f, "| stress test | [%s](../stress/%s.md) |\n| syscall model | %s |\n", x->test, x->test,
            x->syscalls);
    if (x->options[0])
        fprintf(p.f, "| options of the run | `%s` |\n", x->options);
    fprintf(p.f, "\n```sh\nbuild/faults/gauntlet stress --fault=%s # exits 1: found\n```\n", x->name);
    snprintf(name, sizeof name, "faults/%s", x->name);
    close_page(&p, name, write);
}

static void faults_index(bool write)
{
    struct page p;
    open_page(&p);
    fprintf(p.f, "# Planted faults\n\nReal bugs, put back on purpose in the `faults` preset, each "
                 "for an oracle to see.\n\n| fault | seed | reference | oracle | class |\n"
                 "| --- | --- | --- | --- | --- |\n");
    for (size_t i = 0; gt_fault_info(i); i++) {
        const struct gt_fault_info *x = gt_fault_info(i);
        fprintf(p.f, "| [%s](%s.md) | %s | %s | %s | `%s` |\n", x->name, x->name,
                x->seed ? x->seed : "", x->reference, x->oracle, x->cls);
    }
    close_page(&p, "faults/README", write);
}

/* Each fault's stress test is there, and each stress test says what it is for. */
static void lists_agree(void)
{
    char err[2048];
    const uint64_t none[GT_WINDOWS] = {0};
    uint64_t n;
    for (size_t i = 0; gt_fault_info(i); i++)
        ok(gt_windows_needed(gt_fault_info(i)->windows, none, &n) == 0, "the windows of %s are there",
           gt_fault_info(i)->name);
    for (size_t i = 0; gt_fault_info(i); i++)
        ok(gt_stress_find(gt_fault_info(i)->test, err, sizeof err) != NULL,
           "the stress test of %s, %s, is there", gt_fault_info(i)->name, gt_fault_info(i)->test);
    for (size_t i = 0; gt_stress_at(i); i++) {
        const struct gt_stress_ops *t = gt_stress_at(i);
        ok(*t->text && *t->bugs && gt_stress_needs(&t->windows[0]), "%s: text, bugs, windows",
           t->head.name);
    }
}

static void make_folders(void)
{
    const char *root = getenv("GT_SOURCE_DIR");
    char path[4096];
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/docs/%s", root ? root : ".", i ? "faults" : "stress");
        if (mkdir(path, 0777) != 0 && errno != EEXIST)
            bail_out("%s: %s", path, strerror(errno));
    }
}

int main(int argc, char **argv)
{
    bool write = argc > 1 && strcmp(argv[1], "--write") == 0;
    if (write)
        make_folders();
    tests_index(write);
    faults_index(write);
    for (size_t i = 0; gt_stress_at(i); i++)
        test_page(gt_stress_at(i), write);
    for (size_t i = 0; gt_fault_info(i); i++)
        fault_page(gt_fault_info(i), write);
    lists_agree();
    return done_testing();
}
