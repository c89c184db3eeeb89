/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: lean workloads */
/* The shared option parser, exit status precedence, the JSON writer's strings. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gauntlet/scheduler.h"
#include "gauntlet/tracer.h"
#include "tap.h"

#define GT_PROGRAM "gauntlet"
#include "harness/json.h"
#include "harness/outfile.h"
#include "cli/options.c"
#include "cli/options_stress.c"
#include "cli/shared.c"

enum { ALL = 0xffffffff };

static struct gt_options o;
static char err[1024];

/* Parses the words of `line`. */
static int parse(uint32_t allowed, const char *line)
{
    static char copy[512];
    static char *argv[32];
    char *at = copy, *word;
    int argc = 0;
    snprintf(copy, sizeof copy, "%s", line);
    while (argc < 32 && (word = strsep(&at, " ")) != NULL)
        if (*word)
            argv[argc++] = word;
    err[0] = '\0';
    return gt_options_parse(&o, "verb", allowed, argc, argv, err, sizeof err);
}

static void accepts(const char *line)
{
    ok(parse(ALL, line) == 0, "accepts: %s", line);
    if (err[0])
        diag("%s", err);
}

/* Refused with one line that holds each of the words of `says`. */
static void refuses(const char *line, const char *says)
{
    char words[256], *at = words, *word;
    bool all = parse(ALL, line) == -EINVAL && err[0] != '\0' && !strchr(err, '\n');
    snprintf(words, sizeof words, "%s", says);
    while ((word = strsep(&at, "|")) != NULL)
        all = all && strstr(err, word) != NULL;
    if (!ok(all, "refuses: %s", line))
        diag("said '%s', wanted '%s'", err, says);
}

static void test_values(void)
{
    accepts("--procs=1,2,8 --scheduler=worksteal,global --seed=0x10 a --duration=2m b");
    is_int(o.n_procs, 3, "three numbers of Ps");
    is_int(o.procs[2], 8, "the third is 8");
    is_str(o.schedulers[1]->head.name, "global", "the second scheduler");
    is_int(o.seed, 16, "a hexadecimal seed");
    is_int(o.duration_ns, 120000000000ll, "minutes");
    is_int(o.n_args, 2, "two arguments in between");
    is_str(o.args[1], "b", "in order");
    accepts("--procs 4 --bind core --syscalls=status --json -- --procs=9");
    is_int(o.procs[0], 4, "a value as the next word");
    is_int(o.bind, GT_BIND_CORE, "a binding");
    is_int(o.syscalls[0], GT_SYSCALLS_STATUS, "a syscall model");
    ok(o.json && o.n_args == 1, "nothing after -- is an option");
    accepts("--procs=1024 --seed=18446744073709551615 --out=x --tracer=none --runtime=gmp");
    ok(o.seed == UINT64_MAX, "the largest seed");
    accepts("--trace=a.trace --generation=continuous --header=1.26 --rules=go --max-report=0");
    is_str(o.trace, "a.trace", "a trace's file");
    ok(o.generation_ns == 0 && o.header == 126, "generations without a pause, a header");
    ok(o.rules_go && o.max_report == 0, "rules, findings shown");
    accepts("--generation=1ms --rules=strict -o x");
    ok(o.generation_ns == 1000000 && !o.rules_go, "generations of 1 ms");
    is_str(o.out, "x", "a short option, its value the next word");
    accepts("");
    ok(o.generation_ns < 0 && o.header == 0 && !o.trace && o.max_report == UINT64_MAX,
       "without options nothing is asked of a tracer");
    ok(o.seed != 0 && o.n_procs == 0 && !o.bind_given, "without options a seed is drawn");
}

static void test_refusals(void)
{
    refuses("--procs=0", "--procs=0|1 to 1024");
    refuses("--procs=2000", "2000|1 to 1024");
    refuses("--procs=abc", "abc|1 to 1024");
    refuses("--procs=-1", "-1|1 to 1024");
    refuses("--procs=1,,2", "empty");
    refuses("--procs=", "--procs=|empty");
    refuses("--procs", "missing|--procs=N");
    refuses("--json=yes", "--json|no value");
    refuses("--frobnicate=1", "--frobnicate|verb|--procs");
    refuses("-x", "-x|--procs");
    refuses("--scheduler=nope", "nope|worksteal|global");
    refuses("--scheduler=worksteal,nope", "nope|worksteal");
    refuses("--tracer=nope", "nope|none");
    refuses("--runtime=nope", "nope|gmp");
    refuses("--scheduler=./nope.so", "nope.so|no such file");
    refuses("--bind=socket", "socket|none, pu, core or node");
    refuses("--syscalls=both", "both|status or scanbit");
    refuses("--duration=10", "--duration=10|unit|10s");
    refuses("--duration=10parsecs", "parsecs|ms");
    refuses("--duration=soon", "soon|10s");
    refuses("--duration=0s", "0s|range");
    refuses("--duration=99999999999999999999s", "range");
    refuses("--seed=x", "--seed=x|64 bits");
    refuses("--seed=18446744073709551616", "64 bits");
    refuses("--header=1.24", "1.24|1.22, 1.23, 1.25 or 1.26");
    refuses("--generation=sometimes", "sometimes|continuous");
    refuses("--generation=5", "unit|continuous");
    refuses("--rules=lax", "lax|go or strict");
    refuses("--max-report=-1", "-1|0 or more");
    refuses("--trace=", "file");
    refuses("--ops=0", "--ops=0|1 to");
    refuses("--out=", "--out=|folder");
    ok(parse(GT_OPT_JSON, "--procs=1") == -EINVAL && !strstr(err, "--bind"),
       "a verb's refusal lists its own options only");
}

static void test_exits(void)
{
    is_int(gt_exit_worse(GT_EXIT_OK, GT_EXIT_INCONCLUSIVE), 3, "3 over 0");
    is_int(gt_exit_worse(GT_EXIT_BAD, GT_EXIT_INCONCLUSIVE), 1, "1 over 3");
    is_int(gt_exit_worse(GT_EXIT_BAD, GT_EXIT_VOID), 4, "4 over 1");
    is_int(gt_exit_worse(GT_EXIT_BROKEN, GT_EXIT_VOID), 5, "5 over 4");
}

static void test_json(void)
{
    struct gt_json j;
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    gt_json_start(&j, f);
    gt_json_open_line(&j, '{');
    gt_json_key(&j, "a\"\\\n");
    gt_json_num(&j, NAN);
    gt_json_key(&j, "b");
    gt_json_open(&j, '[');
    gt_json_int(&j, -1);
    gt_json_bool(&j, true);
    gt_json_str(&j, NULL);
    gt_json_close(&j, ']');
    gt_json_close(&j, '}');
    fclose(f);
    is_str(text, "{\"a\\\"\\\\\\u000a\": null, \"b\": [-1, true, null]}", "escapes and commas");
    free(text);
}

static void test_json_bytes(void)
{
    struct gt_json j;
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    gt_json_start(&j, f);
    gt_json_str(&j, "\xc3\xa9 \xf0\x9f\x90\xbf \xff \xc0\xaf \xed\xa0\x80 \xe2\x82");
    fclose(f);
#define BAD "\xef\xbf\xbd"
    is_str(text,
           "\"\xc3\xa9 \xf0\x9f\x90\xbf " BAD " " BAD BAD " " BAD BAD BAD " " BAD BAD "\"",
           "UTF-8 stays, other bytes are replaced");
    free(text);
}

int main(void)
{
    test_values();
    test_refusals();
    test_exits();
    test_json();
    test_json_bytes();
    return done_testing();
}
