/* SPDX-License-Identifier: Apache-2.0 */
/* The tables in docs/format.md are those of the code. GT_TEST: lean */
/* `trace_format_test --write` puts them there. */
#include "tap.h"
#include "trace/wire.h"

#include <stdio.h>
#include <stdlib.h>

#define BEGIN "<!-- made from trace/events.def by `trace_format_test --write`: begin -->\n"
#define END "<!-- end -->\n"

static const char *meaning(const struct gt_event_spec *s)
{
    switch ((enum gt_ev_nature)s->nature) {
    case GT_NATURE_TIMED:
        return "timed";
    case GT_NATURE_EXPERIMENTAL:
        return "AllocFree";
    case GT_NATURE_DATA:
        return "data follows";
    case GT_NATURE_STRUCTURAL:
        return "structure";
    case GT_NATURE_UNKNOWN:
    default:
        return "?";
    }
}

static const char *kind_name(unsigned kind)
{
    static const char *const names[] = {
        [GT_ARG_GEN] = "generation",
        [GT_ARG_M] = "M",
        [GT_ARG_P] = "P",
        [GT_ARG_PSEQ] = "sequence of the P",
        [GT_ARG_G] = "G",
        [GT_ARG_GSEQ] = "sequence of the G",
        [GT_ARG_NEW_G] = "new G",
        [GT_ARG_STACK] = "stack",
        [GT_ARG_NEW_STACK] = "its stack",
        [GT_ARG_STRING] = "string",
        [GT_ARG_PSTATUS] = "status",
        [GT_ARG_GSTATUS] = "status",
        [GT_ARG_GCSEQ] = "GC sequence",
        [GT_ARG_TASK] = "task",
        [GT_ARG_PARENT_TASK] = "its task",
        [GT_ARG_VALUE] = "number",
        [GT_ARG_TIME] = "absolute time",
        [GT_ARG_ID] = "id",
        [GT_ARG_SIZE] = "bytes",
        [GT_ARG_COUNT] = "count",
    };
    return names[kind];
}

static void print_events(FILE *out)
{
    fputs("| no | name | since | what | arguments |\n| --- | --- | --- | --- | --- |\n", out);
    for (unsigned i = 0; i < 256; i++) {
        const struct gt_event_spec *s = gt_ev_spec(i);
        if (s->name == NULL) {
            continue;
        }
        fprintf(out, "| %u | %s | 1.%u | %s |", i, s->name, s->since - 100u, meaning(s));
        for (unsigned k = 0; k < s->nargs; k++) {
            fprintf(out, "%s `%s` (%s)", k ? "," : "", s->arg[k], kind_name(s->kind[k]));
        }
        fputs(" |\n", out);
    }
}

static void print_names(FILE *out)
{
    fputs("\nStatus of a G:", out);
    for (unsigned i = 0; i < GT_WIRE_G_COUNT; i++) {
        fprintf(out, "%s %u %s", i ? "," : "", i, gt_wire_gstatus_name(i));
    }
    fputs(".\nStatus of a P:", out);
    for (unsigned i = 0; i < GT_WIRE_P_COUNT; i++) {
        fprintf(out, "%s %u %s", i ? "," : "", i, gt_wire_pstatus_name(i));
    }
    fprintf(
        out,
        ".\nLimits: %u bytes a batch, %u bytes a string, %u frames a stack, %u bytes a number.\n",
        GT_WIRE_MAX_BATCH, GT_WIRE_MAX_STRING, GT_WIRE_MAX_FRAMES, GT_WIRE_MAX_VARINT);
}

static char *tables(void)
{
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    if (out == NULL) {
        bail_out("out of memory");
    }
    print_events(out);
    print_names(out);
    fclose(out);
    return text;
}

static char *read_page(const char *path)
{
    FILE *f = fopen(path, "rb");
    char *text = calloc(1, 1 << 18);
    if (f == NULL || text == NULL) {
        bail_out("cannot read %s", path);
    }
    text[fread(text, 1, (1 << 18) - 1, f)] = '\0';
    fclose(f);
    return text;
}

static void write_page(const char *path, const char *page, const char *begin, const char *end,
                       const char *want)
{
    FILE *f = fopen(path, "wb");
    if (f == NULL || fprintf(f, "%.*s%s%s", (int)(begin - page), page, want, end) < 0 ||
        fclose(f) != 0) {
        bail_out("cannot write %s", path);
    }
}

int main(int argc, char **argv)
{
    const char *root = getenv("GT_SOURCE_DIR");
    char path[1024];
    snprintf(path, sizeof path, "%s/docs/format.md", root ? root : ".");
    char *page = read_page(path), *want = tables();
    char *begin = strstr(page, BEGIN);
    char *end = begin ? strstr(begin, END) : NULL;
    plan(2);
    if (!ok(end != NULL, "docs/format.md has a place for the tables")) {
        return done_testing();
    }
    begin += strlen(BEGIN);
    if (argc > 1 && strcmp(argv[1], "--write") == 0) {
        write_page(path, page, begin, end, want);
        pass("written");
    } else if (!ok((size_t)(end - begin) == strlen(want) && strncmp(begin, want, strlen(want)) == 0,
                   "the tables are those of the code")) {
        diag("run `build/release/tests/trace_format_test --write` in the source folder");
    }
    free(page);
    free(want);
    return done_testing();
}
