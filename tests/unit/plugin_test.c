/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: both labels=quick,reduced timeout=20 */
/*
 * gt_plugin_check, gt_plugin_builtin and gt_plugin_find on tables in memory. What needs a
 * shared object on disk: tests/integration/bad_plugins.sh.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "gauntlet/plugin.h"
#include "gauntlet/runtime.h"
#include "gauntlet/scheduler.h"
#include "gauntlet/tracer.h"
#include "gauntlet/workload.h"
#include "port/port.h"
#include "tap.h"

static char err[512];

static bool says_in_one_line(const char *pattern)
{
    return strstr(err, pattern) && !strchr(err, '\n') && strlen(err) > 10;
}

static void refused(const struct gt_plugin_head *head, uint32_t magic, const char *pattern)
{
    err[0] = '\0';
    int rc = gt_plugin_check(head, magic, err, sizeof err);
    ok(rc == -EINVAL && says_in_one_line(pattern), "refused: %s", err);
}

static void accepted(const struct gt_plugin_head *head, uint32_t magic, const char *what)
{
    err[0] = '\0';
    int rc = gt_plugin_check(head, magic, err, sizeof err);
    ok(rc == 0, "accepted: %s %s", what, err);
}

/* ---- built-ins ---------------------------------------------------------------------- */
static void test_builtins(void)
{
    static const uint32_t kinds[] = {GT_MAGIC_SCHEDULER, GT_MAGIC_TRACER, GT_MAGIC_RUNTIME};
    for (size_t k = 0; k < 3; k++) {
        const struct gt_plugin_head *h;
        size_t i = 0;
        for (; (h = gt_plugin_builtin(kinds[k], i)); i++) {
            accepted(h, kinds[k], h->name);
            ok(gt_plugin_find(kinds[k], h->name, err, sizeof err) == h, "found by name: %s",
               h->name);
        }
        ok(i > 0, "kind %zu has built-ins", k);
        ok(!gt_plugin_builtin(kinds[k], i + 1000), "nothing past the end");
    }
    ok(!gt_plugin_builtin(0, 0), "no built-in of no kind");
}

/* runtimes.def: the names in the tables and the summaries are those of the list. */
static void test_names(void)
{
    size_t i = 0;
#define GT_SCHEDULER(symbol, text)                                                                 \
    is_str(gt_plugin_builtin(GT_MAGIC_SCHEDULER, i)->name, #symbol, "name of " #symbol);           \
    is_str(gt_plugin_builtin(GT_MAGIC_SCHEDULER, i++)->summary, text, "summary of " #symbol);
#include "runtimes.def"
    i = 0;
#define GT_TRACER(symbol, text)                                                                    \
    is_str(gt_plugin_builtin(GT_MAGIC_TRACER, i)->name, #symbol, "name of " #symbol);              \
    is_str(gt_plugin_builtin(GT_MAGIC_TRACER, i++)->summary, text, "summary of " #symbol);
#include "runtimes.def"
}

/* Each peer of the list is built, or absent with the reason; never both, never neither. */
static void is_there_or_not(const char *name, const char *summary)
{
    const struct gt_plugin_head *h = gt_plugin_find(GT_MAGIC_RUNTIME, name, err, sizeof err);
    const struct gt_plugin_absent *a = gt_plugin_absent_find(GT_MAGIC_RUNTIME, name);
    ok(!h != !a, "%s is built or absent", name);
    is_str(h ? h->name : a->name, name, "name of %s", name);
    is_str(h ? h->summary : a->summary, summary, "summary of %s", name);
    ok(h || (strncmp(a->why, "not built: ", 11) == 0 && says_in_one_line(a->why)),
       "%s: the reason is said: %s", name, h ? "" : err);
}

static void test_peers(void)
{
    size_t listed = 0, built = 0, absent = 0;
#define GT_PEER(symbol, name, summary)                                                             \
    is_there_or_not(name, summary);                                                                \
    listed++;
#include "runtimes.def"
    while (gt_plugin_builtin(GT_MAGIC_RUNTIME, built))
        built++;
    while (gt_plugin_absent(GT_MAGIC_RUNTIME, absent))
        absent++;
    is_int(built + absent, listed + 1, "the runtimes are gmp and the peers");
    ok(!gt_plugin_absent(GT_MAGIC_SCHEDULER, 0) && !gt_plugin_absent_find(GT_MAGIC_TRACER, "x"),
       "nothing else is ever absent");
}

static void test_unknown(void)
{
    ok(!gt_plugin_find(GT_MAGIC_SCHEDULER, "nosuch", err, sizeof err), "nosuch is not found");
    ok(says_in_one_line("worksteal") && says_in_one_line("fifo") && says_in_one_line("'nosuch'"),
       "the known ones are named: %s", err);
    ok(!gt_plugin_find(GT_MAGIC_TRACER, "", err, sizeof err), "an empty name: %s", err);
    ok(!gt_plugin_find(GT_MAGIC_SCHEDULER, NULL, err, sizeof err), "no name: %s", err);
    ok(!gt_plugin_find(12345, "worksteal", err, sizeof err), "no kind: %s", err);
    ok(!gt_plugin_find(GT_MAGIC_WORKLOAD, "nosuch", err, sizeof err), "workload: %s", err);
    ok(!gt_plugin_find(GT_MAGIC_RUNTIME, "./x.so", err, sizeof err), "no runtimes by path: %s", err);
    char tiny[8] = "zzzzzzz";
    ok(!gt_plugin_find(GT_MAGIC_SCHEDULER, "nosuch", tiny, sizeof tiny) &&
           tiny[sizeof tiny - 1] == '\0',
       "a short err is cut: '%s'", tiny);
    ok(!gt_plugin_find(GT_MAGIC_SCHEDULER, "nosuch", NULL, 0), "err may be NULL");
}

/* ---- one fault each ---------------------------------------------------------------------- */
static struct gt_scheduler_ops scheduler(void)
{
    const void *head = gt_plugin_builtin(GT_MAGIC_SCHEDULER, 0);
    return *(const struct gt_scheduler_ops *)head;
}

#define WITHOUT(type, make, magic, change, pattern)                                                \
    do {                                                                                           \
        struct type t = make;                                                                      \
        change;                                                                                    \
        refused(&t.head, magic, pattern);                                                          \
    } while (0)
#define BAD_SCHEDULER(change, pattern)                                                             \
    WITHOUT(gt_scheduler_ops, scheduler(), GT_MAGIC_SCHEDULER, change, pattern)

static void test_head(void)
{
    refused(NULL, GT_MAGIC_SCHEDULER, "NULL");
    refused(gt_plugin_builtin(GT_MAGIC_SCHEDULER, 0), 1, "no kind of plugin");
    BAD_SCHEDULER(t.head.magic = 0, "magic 0x00000000");
    BAD_SCHEDULER(t.head.magic = GT_MAGIC_WORKLOAD, "it is a workload, not a scheduler");
    BAD_SCHEDULER(t.head.abi_major = GT_ABI_MAJOR + 1, "worksteal: built for plugin ABI 3");
    BAD_SCHEDULER(t.head.abi_major = 0, "ABI 0");
    BAD_SCHEDULER(t.head.abi_minor = GT_ABI_MINOR + 1, "ABI 2.1");
    BAD_SCHEDULER(t.head.struct_size--, "struct_size");
    BAD_SCHEDULER(t.head.struct_size = 0, "struct_size");
    BAD_SCHEDULER(t.head.port = 2, "port 2");
    BAD_SCHEDULER(t.head.name = NULL, "no name");
    BAD_SCHEDULER(t.head.name = "", "rename");
    BAD_SCHEDULER(t.head.name = "Upper", "'Upper'");
    BAD_SCHEDULER(t.head.name = "a/b", "'a/b'");
    BAD_SCHEDULER(t.head.summary = NULL, "no summary");
    BAD_SCHEDULER(t.head.flags |= GT_SCHED_NUMA, "node_state");
    struct gt_scheduler_ops larger = scheduler();
    larger.head.struct_size += 64;
    accepted(&larger.head, GT_MAGIC_SCHEDULER, "a table with more at its end");
}

static void test_scheduler_ops(void)
{
    BAD_SCHEDULER(t.init = NULL, "'init'");
    BAD_SCHEDULER(t.fini = NULL, "'fini'");
    BAD_SCHEDULER(t.enqueue = NULL, "'enqueue'");
    BAD_SCHEDULER(t.enqueue_batch = NULL, "'enqueue_batch'");
    BAD_SCHEDULER(t.pick = NULL, "'pick'");
    BAD_SCHEDULER(t.has_work = NULL, "'has_work'");
    BAD_SCHEDULER(t.drain = NULL, "'drain'");
    BAD_SCHEDULER(t.drain_shared = NULL, "'drain_shared'");
    BAD_SCHEDULER(t.fairness = NULL, "'fairness'");
    struct gt_scheduler_ops bare = scheduler();
    bare.p_has_work = NULL;
    bare.spin = NULL;
    bare.stats = NULL;
    accepted(&bare.head, GT_MAGIC_SCHEDULER, "a scheduler without optional ops");
}

/* A tracer that is more than null: what it then needs. */
static gt_tok some_acquire(void *t, struct gt_mach *m)
{
    (void)t;
    (void)m;
    return gt_tok_off();
}

static void some_release(void *t, struct gt_mach *m, gt_tok tok)
{
    (void)t;
    (void)m;
    (void)tok;
}

static int some_advance(void *t)
{
    (void)t;
    return 0;
}

static struct gt_tracer_ops tracer(void)
{
    struct gt_tracer_ops t = *(const struct gt_tracer_ops *)(const void *)gt_plugin_find(
        GT_MAGIC_TRACER, "none", err, sizeof err);
    t.head.flags = GT_TRACER_GENERATIONS;
    t.acquire = some_acquire;
    t.release = some_release;
    t.advance = some_advance;
    return t;
}
#define BAD_TRACER(change, pattern)                                                                \
    WITHOUT(gt_tracer_ops, tracer(), GT_MAGIC_TRACER, change, pattern)

static void test_tracer(void)
{
    struct gt_tracer_ops good = tracer();
    accepted(&good.head, GT_MAGIC_TRACER, "a tracer with generations");
    good.head.flags = 0;
    good.advance = NULL;
    accepted(&good.head, GT_MAGIC_TRACER, "one without generations needs no advance");
    BAD_TRACER(t.advance = NULL, "'advance' is missing, which its flags");
    BAD_TRACER(t.acquire = NULL, "'acquire'");
    BAD_TRACER(t.release = NULL, "'release'");
    BAD_TRACER(t.start = NULL, "'start'");
    BAD_TRACER(t.stop = NULL, "'stop'");
    const struct gt_tracer_ops *null_tracer =
        (const void *)gt_plugin_find(GT_MAGIC_TRACER, "none", err, sizeof err);
    is_int(null_tracer->start(NULL, NULL), -ENOTSUP, "the null tracer refuses to start");
    good.head.flags = GT_TRACER_NULL;
    good.acquire = NULL;
    good.release = NULL;
    accepted(&good.head, GT_MAGIC_TRACER, "a null tracer needs no sections");
}

static int some_run(const struct gt_workload_params *p, struct gt_workload_result *r)
{
    (void)p;
    (void)r;
    return 0;
}

static void test_workload(void)
{
    struct gt_workload_ops w = {
        .head = GT_PLUGIN_HEAD(GT_MAGIC_WORKLOAD, struct gt_workload_ops, "some", "some", 0),
        .run = some_run,
    };
    accepted(&w.head, GT_MAGIC_WORKLOAD, "a workload");
    w.run = NULL;
    refused(&w.head, GT_MAGIC_WORKLOAD, "some: op 'run' is missing");
}

/* ---- what plugins are compiled with ----------------------------------------------------------- */
/* A size that changes changes GT_ABI_MAJOR or GT_ABI_MINOR (plugin.h says which), and this list. */
static void test_abi(void)
{
#define SIZE(type, bytes) {#type, sizeof(struct type), bytes}
    static const struct {
        const char *name;
        size_t size, abi_2_0;
    } seen[] = {
        SIZE(gt_plugin_head, 40),     SIZE(gt_os, 96),
        SIZE(gt_task, 56),            SIZE(gt_mach, 64),
        SIZE(gt_proc, 32),            SIZE(gt_scheduler_host, 144),
        SIZE(gt_scheduler_ops, 192),  SIZE(gt_scheduler_stats, 112),
        SIZE(gt_tracer_host, 488),    SIZE(gt_tracer_ops, 440),
        SIZE(gt_trace_options, 32),   SIZE(gt_workload_ops, 88),
        SIZE(gt_workload_params, 48), SIZE(gt_workload_result, 248),
        SIZE(gt_runtime_ops, 640),
    };
#undef SIZE
    for (size_t i = 0; i < sizeof seen / sizeof *seen; i++)
        is_int(seen[i].size, seen[i].abi_2_0, "size of %s in plugin ABI %u.%u", seen[i].name,
               GT_ABI_MAJOR, GT_ABI_MINOR);
    ok(GT_ABI_MAJOR == 2 && GT_ABI_MINOR == 0, "these are the sizes of ABI 2.0");
}

static int pauses, pauses_of_the_dead;

static void some_pause(uint32_t *n)
{
    pauses += n != NULL;
}

static void pause_of_the_dead(uint32_t *n)
{
    pauses_of_the_dead += n != NULL;
}

/* A plugin that waits after the runtime that initialised it is gone, for another one. */
static void test_pause_outlives_host(const char *file)
{
    static const char *const folders[] = {"../plugins"};
    struct gt_os os = {.await_pause = some_pause};
    struct gt_scheduler_host host = {.os = &os};
    char path[4096] = "";
    uint32_t n = 0;
    bool there = gt_beside_program(folders, 1, file, false, path, sizeof path);
    const struct gt_scheduler_ops *ops =
        there ? (const void *)gt_plugin_find(GT_MAGIC_SCHEDULER, path, err, sizeof err) : NULL;
    void *so = ops ? dlopen(path, RTLD_NOW | RTLD_NOLOAD) : NULL;
    void *symbol = so ? dlsym(so, "gt_await_pause") : NULL;
    void (*wait)(uint32_t *n);
    ok(symbol != NULL, "%s is a scheduler that can wait %s", file, symbol ? "" : err);
    if (!symbol)
        return;
    memcpy(&wait, &symbol, sizeof wait);
    void *state = calloc(1, ops->runtime_state);
    int before = pauses;
    ok(state && ops->init(state, &host) == 0, "%s: for a runtime", file);
    os.await_pause = pause_of_the_dead;
    wait(&n);
    ok(pauses == before + 1 && pauses_of_the_dead == 0, "%s: waits as before when that is gone", file);
    free(state);
    dlclose(so);
}

int main(void)
{
    test_builtins();
    test_names();
    test_peers();
    test_unknown();
    test_head();
    test_scheduler_ops();
    test_tracer();
    test_workload();
    test_abi();
    test_pause_outlives_host("scheduler.so");
    test_pause_outlives_host("worksteal_spin.so");
    return done_testing();
}
