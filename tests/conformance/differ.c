/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gt-differ: our reader and Go's on the same traces. The verbs are listed by usage(); scripts in tests/integration and
 * scripts/ call it. TAP on standard output.
 */
#include "conformance/fuzz.h"
#include "conformance/minimise.h"
#include "conformance/mutate.h"
#include "conformance/speed.h"
#include "conformance/synthetic.h"
#include "tap.h"
#include "trace/check.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int usage(FILE *to)
{
    fputs("usage: gt-differ VERB [OPTION]... FILE...\n"
          "  same    each FILE: ours and Go's verdict are equal, and as a .test file expects\n"
          "  fuzz    mutants of the FILEs: both readers say the same\n"
          "  speed   both readers on each FILE, in turn; medians\n"
          "  cut     LIMIT IN OUT: whole generations of IN, at most LIMIT bytes\n"
          "  make    HEADER THREADS EVENTS GENERATIONS OUT: a synthetic trace; HEADER 122, 123, "
          "125, 126\n"
          "options\n"
          "  --go=PROGRAM   Go's reader (tests/conformance/go/verdict); `same` does without it\n"
          "  --accepted     same: a trace without expectation must be accepted\n"
          "  --strict       same: and without any inconsistency by all our rules\n"
          "  --seed=N --count=N --seconds=N --only=N --keep=DIR   fuzz\n"
          "  --threads=N    fuzz: traces of so many threads (12); with more, what hangs on ties "
          "may differ\n"
          "  --blind=CLASS  fuzz: pretend that our reader does not know this class of errors\n"
          "  --repeat=N --json --at-least=RATIO                   speed\n",
          to);
    return 2;
}

struct options {
    const char *go, *keep;
    bool accepted, strict, json;
    uint64_t seed, count, seconds, only, repeat, threads;
    double at_least;
    enum gt_rule blind;
};

/* ---- same ---- */

/* The class that a FAILURE pattern of Go's tests means. */
static enum gt_rule rule_of_pattern(const char *pattern)
{
    char text[700];
    size_t n = 0;
    if (!strncmp(pattern, ".*", 2))
        pattern += 2;
    for (; *pattern && n + 1 < sizeof text; pattern++) {
        if (*pattern == '\\' && pattern[1])
            pattern++;
        text[n++] = *pattern;
    }
    text[n] = 0;
    return gt_rule_of_go_text(text);
}

static bool expected(const struct cf_verdict *v, const char *expect, const char *who)
{
    bool success = !strcmp(expect, "SUCCESS");
    if (!*expect || (success ? v->accepted : !v->accepted && v->rule == rule_of_pattern(expect)))
        return true;
    diag("%s: %s; expected: %s", who, cf_verdict_line(v), expect);
    return false;
}

static void show_finding(void *arg, const struct gt_finding *f)
{
    (void)arg;
    diag("generation %llu, M %llu, byte %llu: %s: %s; %s", (unsigned long long)f->at.gen,
         (unsigned long long)f->at.m, (unsigned long long)f->at.offset,
         gt_rule_info(f->rule)->class_name, f->event_text, f->states);
}

static bool without_inconsistency(const char *path)
{
    static struct gt_check_result result;
    const struct gt_check_options options = {
        .rules = GT_RULES_STRICT, .finding = show_finding, .max_report = 5};
    struct gt_reader *reader;
    struct gt_read_error error;
    FILE *file = fopen(path, "r");
    memset(&result, 0, sizeof result);
    int status = file ? gt_reader_open_fd(fileno(file), &reader, &error) : -1;
    if (!status) {
        status = gt_check(reader, &options, &result);
        gt_reader_close(reader);
    }
    if (file)
        fclose(file);
    if (!status && result.inconsistencies)
        for (int i = 1; i < GT_RULE_COUNT; i++)
            if (result.by_rule[i])
                diag("%8llu %s", (unsigned long long)result.by_rule[i],
                     gt_rule_info((enum gt_rule)i)->class_name);
    return !status && !result.inconsistencies;
}

static void same(const struct options *o, struct cf_oracle *oracle, const char *path)
{
    struct cf_bytes bytes = {0};
    struct cf_verdict ours, go = {0};
    char expect[700];
    const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    if (cf_load(path, &bytes, expect, sizeof expect)) {
        fail("%s can be read", path);
        return;
    }
    if (!*expect && o->accepted)
        snprintf(expect, sizeof expect, "SUCCESS");
    cf_our_verdict(bytes.data, bytes.size, &ours);
    bool good = expected(&ours, expect, "ours");
    if (oracle && !cf_oracle_verdict(oracle, bytes.data, bytes.size, &go))
        bail_out("Go's reader has gone");
    if (oracle && !cf_same(&ours, &go)) {
        diag("ours %s", cf_verdict_line(&ours));
        diag("Go %s", cf_verdict_line(&go));
        good = false;
    }
    ok(good && (!oracle || expected(&go, expect, "Go")), "%s: %s (%llu events)", name,
       ours.accepted ? "accepted" : gt_rule_info(ours.rule)->class_name,
       (unsigned long long)ours.events);
    if (o->strict)
        ok(without_inconsistency(path), "%s: no inconsistency by the strict rules", name);
    cf_bytes_free(&bytes);
}

static int run_same(const struct options *o, char **files)
{
    struct cf_oracle *oracle = o->go ? cf_oracle_start(o->go) : NULL;
    if (o->go && !oracle)
        return 5;
    for (; *files; files++)
        same(o, oracle, *files);
    if (oracle)
        cf_oracle_stop(oracle);
    return done_testing();
}

/* ---- cut, make ---- */

static int run_cut(char **arguments)
{
    struct cf_arena arena = {0};
    struct cf_trace trace;
    struct cf_bytes in = {0}, out = {0};
    if (!arguments[0] || !arguments[1] || !arguments[2])
        return usage(stderr);
    if (cf_load(arguments[1], &in, NULL, 0))
        return 5;
    if (!cf_parse(&trace, &arena, in.data, in.size) ||
        !cf_cut(&trace, strtoul(arguments[0], NULL, 10))) {
        fprintf(stderr, "gt-differ: the first generation of %s is larger\n", arguments[1]);
        return 1;
    }
    cf_serialise(&trace, &out);
    fprintf(stderr, "%s: %zu bytes, %zu threads\n", arguments[2], out.size,
            cf_count_threads(&trace));
    return cf_save(arguments[2], out.data, out.size) ? 5 : 0;
}

static int run_make(char **arguments)
{
    unsigned numbers[4];
    struct cf_bytes out = {0};
    for (size_t i = 0; i < 4; i++) {
        numbers[i] = arguments[i] ? (unsigned)strtoul(arguments[i], NULL, 10) : 0;
        if (!numbers[i])
            return usage(stderr);
    }
    if (!arguments[4])
        return usage(stderr);
    cf_synthetic(numbers[0], numbers[1], numbers[2], numbers[3], &out);
    return cf_save(arguments[4], out.data, out.size) ? 5 : 0;
}

/* ---- command line ---- */

static int run_verb(const char *verb, const struct options *o, char **files)
{
    size_t n = 0;
    while (files[n])
        n++;
    if (!strcmp(verb, "cut"))
        return run_cut(files);
    if (!strcmp(verb, "make"))
        return run_make(files);
    if (!n)
        return usage(stderr);
    if (!strcmp(verb, "same"))
        return run_same(o, files);
    if (!strcmp(verb, "fuzz") && o->go) {
        const struct cf_fuzz f = {.oracle = o->go,
                                  .keep = o->keep,
                                  .seeds = (const char *const *)files,
                                  .n_seeds = n,
                                  .seed = o->seed,
                                  .count = o->count,
                                  .seconds = o->seconds,
                                  .only = o->only,
                                  .blind = o->blind,
                                  .max_threads = (size_t)o->threads};
        return cf_fuzz_run(&f);
    }
    if (!strcmp(verb, "speed") && o->go)
        return cf_speed_run(o->go, (const char *const *)files, n, (unsigned)o->repeat, o->json,
                            o->at_least);
    return usage(stderr);
}

int main(int argc, char **argv)
{
    static const struct option known[] = {
        {"go", 1, NULL, 'g'},      {"accepted", 0, NULL, 'a'}, {"strict", 0, NULL, 's'},
        {"seed", 1, NULL, 'e'},    {"count", 1, NULL, 'c'},    {"seconds", 1, NULL, 't'},
        {"only", 1, NULL, 'o'},    {"keep", 1, NULL, 'k'},     {"repeat", 1, NULL, 'r'},
        {"json", 0, NULL, 'j'},    {"at-least", 1, NULL, 'l'}, {"help", 0, NULL, 'h'},
        {"threads", 1, NULL, 'm'}, {"blind", 1, NULL, 'b'},    {0}};
    struct options o = {.keep = ".",
                        .seed = 1,
                        .count = 20000,
                        .only = UINT64_MAX,
                        .repeat = 9,
                        .threads = CF_MAX_THREADS};
    for (int c; (c = getopt_long(argc, argv, "h", known, NULL)) != -1;) {
        switch (c) {
        case 'g':
            o.go = optarg;
            break;
        case 'a':
            o.accepted = true;
            break;
        case 's':
            o.strict = true;
            break;
        case 'e':
            o.seed = strtoull(optarg, NULL, 10);
            break;
        case 'c':
            o.count = strtoull(optarg, NULL, 10);
            break;
        case 't':
            o.seconds = strtoull(optarg, NULL, 10);
            break;
        case 'o':
            o.only = strtoull(optarg, NULL, 10);
            break;
        case 'k':
            o.keep = optarg;
            break;
        case 'r':
            o.repeat = strtoull(optarg, NULL, 10);
            break;
        case 'j':
            o.json = true;
            break;
        case 'l':
            o.at_least = strtod(optarg, NULL);
            break;
        case 'b':
            o.blind = gt_rule_of_class(optarg);
            break;
        case 'm':
            o.threads = strtoull(optarg, NULL, 10);
            break;
        case 'h':
            usage(stdout);
            return 0;
        default:
            return usage(stderr);
        }
    }
    return optind < argc ? run_verb(argv[optind], &o, argv + optind + 1) : usage(stderr);
}
