/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: both */
/* Program counters become functions, files and lines: of this program, inlined ones too, of
 * libraries, of an opened plugin; garbage becomes nothing; from small stacks, many Gs at
 * once, a plain thread, a stopped world. */
#include <dlfcn.h>
#include <pthread.h>
#include <search.h>

#include "core/symbols.h"
#include "in_runtime.h"

#define SMALL_STACK (sizeof(struct gt_g) + 12 * 1024)
#define SEEKERS 12

/* ---- places whose names and lines are known -------------------------------------------- */
static GT_NOINLINE uintptr_t here(void)
{
    return (uintptr_t)__builtin_return_address(0);
}

static gt_a32 line_plain, line_inner, line_outer, line_def;
#define LINE(at) gt_store_relaxed(&(at), (uint32_t)__LINE__)
#define line(at) ((int)gt_load_relaxed(&(at)))

static GT_NOINLINE uintptr_t plain(void)
{
    uintptr_t pc = here(); LINE(line_plain);
    gt_store_relaxed(&line_def, (uint32_t)__LINE__ - 3u);
    return pc;
}

static inline __attribute__((always_inline)) uintptr_t innermost(void)
{
    uintptr_t pc = here(); LINE(line_inner);
    return pc;
}

static inline __attribute__((always_inline)) uintptr_t between(void)
{
    return innermost() + 0;
}

static GT_NOINLINE uintptr_t outermost(void)
{
    uintptr_t pc = between(); LINE(line_outer);
    return pc;
}

static bool is(const struct gt_symbol *s, const char *func, const char *file, int line)
{
    size_t n = strlen(file), have = s->file ? strlen(s->file) : 0;
    bool same = s->func && strcmp(s->func, func) == 0 && have >= n &&
                strcmp(s->file + have - n, file) == 0 && (line == 0 || s->line == (uint32_t)line);
    if (!same)
        fprintf(stderr, "# %s %s:%u, not %s %s:%d\n", s->func, s->file, s->line, func, file, line);
    return same;
}
#define FILE_NAME "/symbols_test.c"

static const struct gt_tracer_host *host(void)
{
    return &gt_tls_m()->rt->tracer_host;
}

static uint32_t symbolise(uintptr_t pc, struct gt_symbol *out, uint32_t n)
{
    return host()->symbolise(host(), pc, out, n);
}

static uint64_t syscalls(void)
{
    struct gt_runtime_stats s;
    R->stats(gt_tls_m()->rt, &s);
    return s.syscalls;
}

/* ---- on a G ------------------------------------------------------------------------------- */
static void own_functions(void *arg)
{
    struct gt_symbol s[8];
    uint64_t before = syscalls();
    uintptr_t pc = plain();
    (void)arg;
    expect(symbolise(pc, s, 8) == 1 && is(&s[0], "plain", FILE_NAME, line(line_plain)) && s[0].pc == pc);
    expect(syscalls() == before + 1); /* the P was there for others */
    expect(symbolise(pc, s, 8) == 1 && is(&s[0], "plain", FILE_NAME, line(line_plain)));
    expect(syscalls() == before + 1); /* known: nothing is read */
    expect(host()->symbolise_entry(host(), (uintptr_t)plain, s) == 1 &&
           is(&s[0], "plain", FILE_NAME, line(line_def)));
}

static void inlined_functions(void *arg)
{
    struct gt_symbol s[8] = {0};
    uintptr_t pc = outermost();
    (void)arg;
    expect(symbolise(pc, s, 8) == 3);
    expect(is(&s[0], "innermost", FILE_NAME, line(line_inner)));
    expect(is(&s[1], "between", FILE_NAME, 0) && s[1].line > gt_load_relaxed(&line_inner));
    expect(is(&s[2], "outermost", FILE_NAME, line(line_outer)) && s[2].pc == pc);
    memset(s, 0, sizeof s);
    expect(symbolise(pc, s, 2) == 2 && is(&s[1], "between", FILE_NAME, 0) && !s[2].func);
    expect(symbolise(pc, s, 0) == 0);
    expect(host()->symbolise_entry(host(), (uintptr_t)outermost, s) == 1 &&
           is(&s[0], "outermost", FILE_NAME, 0));
}

static void libraries(void *arg)
{
    struct gt_symbol s[8] = {0};
    uintptr_t pc = (uintptr_t)insque;
    (void)arg;
    expect(host()->symbolise_entry(host(), pc, s) == 1 && strcmp(s[0].func, "insque") == 0);
    expect(s[0].file[0] != '\0');
    expect(symbolise(pc + 3, s, 8) >= 1 && strncmp(s[0].func, "insque", 6) == 0);
    /* Without debug data the way into the function is told. */
    expect(s[0].line > 0 || strcmp(s[0].func, "insque+0x3") == 0);
}

static void open_plugin(void *arg)
{
    struct gt_symbol s[8] = {0};
    void *lib = dlopen(arg, RTLD_NOW | RTLD_LOCAL);
    void *getter = lib ? dlsym(lib, GT_PLUGIN_SYMBOL_SCHEDULER) : NULL;
    expect(getter != NULL);
    expect(host()->symbolise_entry(host(), (uintptr_t)getter, s) == 1 &&
           is(&s[0], GT_PLUGIN_SYMBOL_SCHEDULER, "/scheduler.c", 0) && s[0].line > 0);
}

/* ---- garbage --------------------------------------------------------------------------------- */
extern char __executable_start, etext;
static int datum;

static void garbage(void *arg)
{
    struct gt_symbol s[8];
    uint64_t rng = 7;
    char *heap = malloc(100);
    uintptr_t none[] = {0,           1,     (uintptr_t)heap, (uintptr_t)&datum, (uintptr_t)s,
                        UINTPTR_MAX, 0x1000, 1ull << 63,      (uintptr_t)-4096};
    (void)arg;
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        expect(symbolise(none[i], s, 8) == 0);
        expect(host()->symbolise_entry(host(), none[i], s) == 0);
    }
    for (int i = 0; i < scale(300); i++) { /* within the program, between instructions */
        uintptr_t size = (uintptr_t)&etext - (uintptr_t)&__executable_start;
        uintptr_t pc = (uintptr_t)&__executable_start + (uintptr_t)(gt_rand(&rng) % size);
        uint32_t n = symbolise(pc, s, 8);
        expect(n <= 8);
        for (uint32_t k = 0; k < n; k++)
            expect(s[k].func && s[k].func[0] && s[k].file && s[k].pc == pc);
        (void)host()->symbolise_entry(host(), pc, s);
    }
    free(heap);
}

/* ---- many at once ------------------------------------------------------------------------------- */
struct seek {
    struct gt_wg *wg;
    const char *names[SEEKERS][3];
    gt_a32 next;
};

static void seek(void *arg)
{
    struct seek *x = arg;
    uintptr_t pc[3] = {plain(), outermost(), (uintptr_t)insque + 5};
    uint32_t me = gt_add_relaxed(&x->next, 1u);
    for (int round = 0; round < 20; round++)
        for (uint32_t i = 0; i < 3; i++) {
            struct gt_symbol s[4];
            uint32_t k = (i + me) % 3;
            expect(symbolise(pc[k], s, 4) >= 1);
            expect(!x->names[me][k] || x->names[me][k] == s[0].func);
            x->names[me][k] = s[0].func;
            R->yield();
        }
    R->wg_done(x->wg);
}

static void many(void *arg)
{
    struct seek x = {.wg = R->wg_new()};
    (void)arg;
    R->wg_add(x.wg, SEEKERS);
    for (int i = 0; i < SEEKERS; i++)
        expect(R->go(seek, &x) == 0);
    R->wg_wait(x.wg);
    for (int i = 1; i < SEEKERS; i++) /* one string for all */
        expect(memcmp(x.names[i], x.names[0], sizeof x.names[0]) == 0);
    R->wg_free(x.wg);
}

static void stopped(void *arg)
{
    struct gt_symbol s[4];
    (void)arg;
    R->stop_world(GT_WORLD_TEST);
    expect(symbolise(plain(), s, 4) == 1 && is(&s[0], "plain", FILE_NAME, line(line_plain)));
    R->start_world();
    R->lock_thread();
    R->syscall_enter();
    expect(symbolise(outermost(), s, 4) == 3);
    R->syscall_exit();
    R->unlock_thread();
}

/* ---- a dump names places ------------------------------------------------------------------ */
static void parked(void *arg)
{
    R->wg_done(arg);
    R->park();
}

static void dumped(void *arg)
{
    char text[16384] = "";
    struct gt_wg *wg = R->wg_new();
    FILE *f = tmpfile();
    (void)arg;
    expect(f != NULL);
    R->wg_add(wg, 1);
    expect(R->go(parked, wg) == 0);
    R->wg_wait(wg);
    R->dump(gt_tls_m()->rt, fileno(f));
    rewind(f);
    expect(fread(text, 1, sizeof text - 1, f) > 0);
    fclose(f);
    expect(strstr(text, "fn parked (") && strstr(text, " at dumped ("));
    R->wg_free(wg);
}

/* ---- cells ---------------------------------------------------------------------------------------- */
static void small(int32_t procs, enum gt_syscall_model model, gt_fn fn, void *arg, const char *what)
{
    struct gt_config c;
    struct gt_runtime *rt = NULL;
    char err[160] = "";
    gt_config_init(&c);
    c.scheduler = &gt_scheduler_worksteal;
    c.tracer = &gt_tracer_none;
    c.procs = procs;
    c.syscalls = model;
    c.stack_size = SMALL_STACK;
    if (R->create(&c, &rt, err, sizeof err) != 0)
        bail_out("create: %s", err);
    gt_store_relaxed(&bad, 0u);
    runtime_end(rt, procs, what, R->run(rt, fn, arg));
}

static void *plain_thread(void *arg)
{
    struct gt_runtime *rt = arg;
    struct gt_symbol s[4];
    expect(gt_symbolise(rt, plain(), s, 4) == 1 && is(&s[0], "plain", FILE_NAME, line(line_plain)));
    expect(gt_symbolise(rt, outermost(), s, 4) == 3);
    return NULL;
}

static void two_threads(void)
{
    struct gt_runtime *rt = runtime_new(1);
    pthread_t th;
    gt_store_relaxed(&bad, 0u);
    if (pthread_create(&th, NULL, plain_thread, rt) != 0)
        bail_out("no thread");
    plain_thread(rt);
    pthread_join(th, NULL);
    ok(gt_load_relaxed(&bad) == 0, "plain threads, outside a run");
    R->destroy(rt);
}

static void plugin(void)
{
    char path[4096];
    const char *dir = getenv("GT_BUILD_DIR");
    snprintf(path, sizeof path, "%s/plugins/scheduler.so", dir ? dir : ".");
    FILE *f = fopen(path, "rb");
    if (!f) {
        skip(1, "%s is not built", path);
        return;
    }
    fclose(f);
    in_runtime(1, open_plugin, path, "a plugin opened at run time");
}

int main(void)
{
    plan(13);
    for (int m = 0; m < 2; m++) {
        enum gt_syscall_model model = m ? GT_SYSCALLS_STATUS : GT_SYSCALLS_SCANBIT;
        small(1, model, own_functions, NULL, "functions of the program, from a small stack");
        small(2, model, stopped, NULL, "in a stopped world, in a system call");
        small(4, model, many, NULL, "many Gs at once, from small stacks");
    }
    in_runtime(1, inlined_functions, NULL, "inlined functions");
    in_runtime(1, libraries, NULL, "a function of the C library");
    in_runtime(2, garbage, NULL, "garbage");
    small(2, GT_SYSCALLS_SCANBIT, garbage, NULL, "garbage, from a small stack");
    if (GT_TSAN)
        skip(1, "a dump takes no locks: it races with what it shows");
    else
        in_runtime(2, dumped, NULL, "a dump names places");
    two_threads();
    plugin();
    return done_testing();
}
