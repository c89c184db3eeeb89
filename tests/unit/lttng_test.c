/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: lean labels=full timeout=180 presets=release serial */
/* The tracer lttng: beside it `count` is told of the same events; what babeltrace2 reads from LTTng's trace must be
 * what was counted, kind by kind. Events that find no room are told; nothing of ours is left, also when we are killed. */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "in_runtime.h"

extern const struct gt_tracer_ops gt_tracer_count;
static const struct gt_tracer_ops *const C = &gt_tracer_count;
static const struct gt_tracer_ops *L; /* lttng */
static char place[64];                /* TMPDIR: what the keeper makes lies here */

/* ---- a tracer that is both: count has the beginning of each state, lttng what follows -------------- */
static size_t up(size_t n)
{
    return (n + 63) & ~(size_t)63;
}
static void *lt(void *t)
{
    return (char *)t + up(C->runtime_state);
}
static struct gt_mach seen(struct gt_mach *m)
{
    struct gt_mach v = *m;
    v.trace = (char *)m->trace + up(C->m_state);
    return v;
}

static int both_init(void *t, const struct gt_tracer_host *host)
{
    int rc = C->init(t, host);
    return rc ? rc : L->init(lt(t), host);
}
static void both_fini(void *t)
{
    L->fini(lt(t));
    C->fini(t);
}
static int both_start(void *t, const struct gt_trace_options *o)
{
    return L->start(lt(t), o);
}
static int both_stop(void *t)
{
    return L->stop(lt(t));
}
static void both_run_ended(void *t)
{
    L->run_ended(lt(t));
}
static gt_tok both_acquire(void *t, struct gt_mach *m)
{
    return L->acquire(lt(t), m);
}
static void both_release(void *t, struct gt_mach *m, gt_tok tok)
{
    L->release(lt(t), m, tok);
}
static void both_m_dies(void *t, struct gt_mach *m)
{
    struct gt_mach v = seen(m);
    C->m_dies(t, m);
    L->m_dies(lt(t), &v);
}

#define ARGS(...) , ##__VA_ARGS__
#define BOTH(op, params, args)                                                                     \
    static void both_##op(void *t, struct gt_mach *m, gt_tok tok params)                           \
    {                                                                                              \
        struct gt_mach v = seen(m);                                                                \
        C->op(t, m, tok args);                                                                     \
        L->op(lt(t), &v, tok args);                                                                \
    }
BOTH(procs_change, ARGS(int32_t procs), ARGS(procs))
BOTH(proc_start, , )
BOTH(proc_stop, ARGS(struct gt_proc *p), ARGS(p))
BOTH(proc_steal, ARGS(struct gt_proc *p, enum gt_steal_kind k), ARGS(p, k))
BOTH(go_create, ARGS(struct gt_task *g, uintptr_t pc, bool blocked), ARGS(g, pc, blocked))
BOTH(go_start, , )
BOTH(go_destroy, , )
BOTH(go_stop, ARGS(enum gt_stop_reason why), ARGS(why))
BOTH(go_block, ARGS(enum gt_wait_reason why), ARGS(why))
BOTH(go_unblock, ARGS(struct gt_task *g), ARGS(g))
BOTH(go_switch, ARGS(struct gt_task *to, bool destroy), ARGS(to, destroy))
BOTH(go_syscall_begin, , )
BOTH(go_syscall_end, ARGS(bool blocked), ARGS(blocked))
BOTH(go_create_syscall, ARGS(struct gt_task *g), ARGS(g))
BOTH(go_destroy_syscall, , )
BOTH(stw_begin, ARGS(enum gt_world_kind k), ARGS(k))
BOTH(stw_end, , )
BOTH(user_task_begin, ARGS(uint64_t id, uint64_t parent, const char *name), ARGS(id, parent, name))
BOTH(user_task_end, ARGS(uint64_t id), ARGS(id))
BOTH(user_region, ARGS(uint64_t task, const char *name, bool begin), ARGS(task, name, begin))
BOTH(user_log, ARGS(uint64_t task, const char *key, const char *value), ARGS(task, key, value))
BOTH(go_label, ARGS(const char *label), ARGS(label))
BOTH(gc_active, , )
BOTH(gc_begin, , )
BOTH(gc_end, , )
BOTH(gc_sweep, ARGS(bool begin, uint64_t swept, uint64_t reclaimed), ARGS(begin, swept, reclaimed))
BOTH(gc_assist, ARGS(bool begin), ARGS(begin))
BOTH(heap_alloc, ARGS(uint64_t bytes), ARGS(bytes))
BOTH(heap_goal, ARGS(uint64_t bytes), ARGS(bytes))

static struct gt_tracer_ops both_ops(void)
{
    struct gt_tracer_ops o = *L;
    o.runtime_state = (uint32_t)up(C->runtime_state) + L->runtime_state;
    o.m_state = (uint32_t)up(C->m_state) + L->m_state;
    o.init = both_init;
    o.fini = both_fini;
    o.start = both_start;
    o.stop = both_stop;
    o.run_ended = both_run_ended;
    o.acquire = both_acquire;
    o.release = both_release;
    o.m_dies = both_m_dies;
#define SET(op) o.op = both_##op;
    SET(procs_change) SET(proc_start) SET(proc_stop) SET(proc_steal) SET(go_create) SET(go_start)
    SET(go_destroy) SET(go_stop) SET(go_block) SET(go_unblock) SET(go_switch) SET(go_syscall_begin)
    SET(go_syscall_end) SET(go_create_syscall) SET(go_destroy_syscall) SET(stw_begin) SET(stw_end)
    SET(user_task_begin) SET(user_task_end) SET(user_region) SET(user_log) SET(go_label)
    SET(gc_active) SET(gc_begin) SET(gc_end) SET(gc_sweep) SET(gc_assist) SET(heap_alloc)
    SET(heap_goal)
    o.count = C->count;
    o.count_kind = C->count_kind;
    return o;
}

/* ---- the program ------------------------------------------------------------------------------ */
struct mix {
    struct gt_wg *wg;
    uint32_t rounds;
    int stop_rc; /* of the trace */
    struct gt_chan *c;
};

static void nothing(void *arg)
{
    R->wg_done(((struct mix *)arg)->wg);
}

static void annotate(void)
{
    uint64_t task = R->task_begin(0, "task");
    R->region_begin(task, "region");
    R->log(task, "key", "value");
    R->label("label");
    R->region_end(task, "region");
    R->task_end(task);
}

static void coro_body(void *arg)
{
    R->coro_switch(*(struct gt_coro **)arg);
}

static void use_coro(void)
{
    struct gt_coro *c = NULL;
    c = R->coro_new(coro_body, &c);
    while (R->coro_switch(c))
        ;
    R->coro_free(c);
}

static void worker(void *arg)
{
    struct mix *x = arg;
    uint64_t v = 0;
    for (uint32_t i = 0; i < x->rounds; i++) {
        R->yield();
        R->syscall_enter();
        (void)syscall(SYS_getppid);
        R->syscall_exit();
        R->wg_add(x->wg, 1);
        expect(R->go(nothing, x) == 0);
        if (i % 8 == 0)
            annotate();
        if (i % 16 == 0)
            use_coro();
        if (i % 64 == 0)
            R->sleep(50 * GT_NS_PER_US);
        expect(R->chan_try_send(x->c, &v) == 0 || R->chan_recv(x->c, &v));
    }
    R->wg_done(x->wg);
}

static void traced(void *arg)
{
    struct mix *x = arg;
    x->wg = R->wg_new();
    x->c = R->chan_new(sizeof(uint64_t), 4);
    expect(R->trace_start(NULL) == 0);
    expect(R->trace_start(NULL) == -EBUSY);
    R->wg_add(x->wg, 4);
    for (int i = 0; i < 4; i++)
        expect(R->go(worker, x) == 0);
    expect(R->gc() == 0);
    expect(R->set_procs(R->procs() == 1 ? 2 : 1) == 0);
    R->wg_wait(x->wg);
    x->stop_rc = R->trace_stop();
    expect(R->trace_stop() == -EINVAL);
    R->wg_free(x->wg);
    R->chan_free(x->c);
}

static struct gt_runtime *with(const struct gt_tracer_ops *o, int32_t procs)
{
    struct gt_config c;
    struct gt_runtime *rt = NULL;
    char err[160] = "";
    gt_config_init(&c);
    c.scheduler = &gt_scheduler_worksteal;
    c.tracer = o;
    c.procs = procs;
    if (R->create(&c, &rt, err, sizeof err) != 0)
        bail_out("create: %s", err);
    gt_store_relaxed(&bad, 0u);
    return rt;
}

/* ---- what babeltrace2 reads --------------------------------------------------------------------- */
enum { KINDS_MAX = 64 };
struct kinds {
    struct one {
        char name[32];
        uint64_t n;
    } one[KINDS_MAX];
    uint32_t n;
    uint64_t frames; /* events that hold a stack's frames: not of the protocol */
};

static void add_kind(struct kinds *k, const char *name)
{
    uint32_t i = 0;
    while (i < k->n && strcmp(k->one[i].name, name) != 0)
        i++;
    if (i == KINDS_MAX)
        return;
    if (i == k->n)
        snprintf(k->one[k->n++].name, sizeof k->one[i].name, "%s", name);
    k->one[i].n++;
}

static void read_trace(int number, struct kinds *k)
{
    char command[256], *line = NULL;
    size_t size = 0;
    *k = (struct kinds){0};
    snprintf(command, sizeof command, "babeltrace2 %s/kept/%d", place, number);
    FILE *p = popen(command, "r");
    while (p && getline(&line, &size, p) > 0) {
        char name[32];
        char *at = strstr(line, " gauntlet:");
        if (!at || sscanf(at, " gauntlet:%31[A-Za-z]", name) != 1)
            continue;
        if (strcmp(name, "Stack") == 0)
            k->frames++;
        else
            add_kind(k, name);
    }
    free(line);
    ok(p && pclose(p) == 0, "babeltrace2 reads trace %d", number);
}

static uint64_t kind_of(const struct kinds *k, const char *name)
{
    for (uint32_t i = 0; i < k->n; i++)
        if (strcmp(k->one[i].name, name) == 0)
            return k->one[i].n;
    return 0;
}

static void compare(struct gt_runtime *rt, const struct kinds *k, int32_t procs)
{
    const char *name;
    uint64_t n = 0, sum = 0;
    uint32_t kinds = 0, wrong = 0;
    for (uint32_t i = 0; rt->tracer->count_kind(rt->tracer_state, i, &name, &n); i++) {
        kinds += n > 0;
        sum += n;
        if (kind_of(k, name) != n && wrong++ == 0)
            diag("%s: %llu counted, %llu read", name, (unsigned long long)n,
                 (unsigned long long)kind_of(k, name));
    }
    ok(wrong == 0 && sum > 10000, "%d Ps: %llu events of %u kinds, each as often as counted", procs,
       (unsigned long long)sum, kinds);
    ok(kinds >= 20 && k->frames > 0 && k->frames < 500, "%u kinds came by, %llu stacks", kinds,
       (unsigned long long)k->frames);
}

static void agrees(int32_t procs, int number)
{
    static struct gt_tracer_ops both;
    struct kinds k;
    struct mix x = {.rounds = 500};
    both = both_ops();
    struct gt_runtime *rt = with(&both, procs);
    int rc = R->run(rt, traced, &x);
    is_int(x.stop_rc, 0, "%d Ps: no event is lost", procs);
    read_trace(number, &k);
    compare(rt, &k, procs);
    runtime_end(rt, procs, "a traced mix", rc);
}

/* ---- events that find no room -------------------------------------------------------------------- */
/* Does a file of /proc/PID begin with (comm) or hold (environ) the text? */
static bool proc_has(const char *pid, const char *file, const char *text)
{
    static char buf[65536]; /* too large for the stack of a G */
    char path[300];
    snprintf(path, sizeof path, "/proc/%s/%s", pid, file);
    FILE *f = fopen(path, "r");
    size_t n = f ? fread(buf, 1, sizeof buf, f) : 0;
    if (f)
        fclose(f);
    return n > 0 && memmem(buf, n, text, strlen(text)) != NULL;
}

/* Processes that the keeper of ours started, of this name; signo 0: counts only. */
static int ours(const char *name, int signo)
{
    char home[96];
    int n = 0;
    snprintf(home, sizeof home, "LTTNG_HOME=%s/", place);
    DIR *d = opendir("/proc");
    for (struct dirent *e; d && (e = readdir(d)) != NULL;) {
        if (e->d_name[0] < '1' || e->d_name[0] > '9' || !proc_has(e->d_name, "environ", home) ||
            !proc_has(e->d_name, "comm", name))
            continue;
        n++;
        if (signo)
            kill((pid_t)atoi(e->d_name), signo);
    }
    if (d)
        closedir(d);
    return n;
}

static void flood(void *arg)
{
    struct mix *x = arg;
    expect(R->trace_start(NULL) == 0);
    R->syscall_enter_blocking();
    int stopped = ours("lttng-consumerd", SIGSTOP);
    R->syscall_exit();
    expect(stopped > 0);
    for (uint32_t i = 0; i < x->rounds; i++)
        R->yield();
    R->syscall_enter_blocking();
    (void)ours("lttng-consumerd", SIGCONT);
    R->syscall_exit();
    x->stop_rc = R->trace_stop();
}

/* Events of any kind in a trace; to print each would take long. */
static uint64_t events_in(int number)
{
    char command[256], line[256];
    unsigned long long n = 0;
    snprintf(command, sizeof command, "babeltrace2 --component=sink.utils.counter %s/kept/%d 2>&1", place, number);
    FILE *p = popen(command, "r");
    while (p && fgets(line, sizeof line, p))
        if (strstr(line, "Event message") && !strstr(line, "Discarded"))
            (void)sscanf(line, "%llu", &n);
    if (p)
        pclose(p);
    return n;
}

static void tells_losses(int number)
{
    struct mix x = {.rounds = 600000};
    struct gt_runtime *rt = with(L, 1);
    int rc = R->run(rt, flood, &x);
    is_int(x.stop_rc, -ENOBUFS, "events that found no room make the trace void");
    uint64_t there = events_in(number), count = rt->tracer->count(rt->tracer_state);
    ok(there > 0 && there < 2ull * x.rounds, "%llu of more than %u events were recorded",
       (unsigned long long)there, 2 * x.rounds);
    ok(count <= there && there - count < 100, "the tracer counts those that were recorded: %llu, and stacks",
       (unsigned long long)count);
    runtime_end(rt, 1, "a flood", rc);
}

/* ---- what is left ---------------------------------------------------------------------------------- */
static bool nothing_left(void)
{
    for (int i = 0; i < 150; i++, usleep(100000)) {
        bool empty = true;
        DIR *d = opendir(place);
        for (struct dirent *e; d && (e = readdir(d)) != NULL;)
            empty &= e->d_name[0] == '.' || strcmp(e->d_name, "kept") == 0;
        if (d)
            closedir(d);
        if (empty && ours("lttng", 0) == 0)
            return true;
    }
    return false;
}

static void say_and_hang(void *arg)
{
    expect(R->trace_start(NULL) == 0);
    if (write(*(int *)arg, "x", 1) != 1)
        abort();
    R->syscall_enter_blocking();
    pause();
}

/* In a process of its own, which is killed in the middle of a trace. */
static void killed(void)
{
    int fds[2];
    char byte;
    if (pipe(fds) != 0)
        bail_out("no pipe");
    pid_t pid = fork();
    if (pid == 0) {
        close(fds[0]);
        (void)R->run(with(L, 1), say_and_hang, &fds[1]);
        _exit(1);
    }
    close(fds[1]);
    ok(read(fds[0], &byte, 1) == 1, "another process traces");
    ok(ours("lttng-sessiond", 0) > 0, "a daemon of its own serves it");
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    close(fds[0]);
    ok(nothing_left(), "killed in the middle of its trace: no daemon and no file is left");
}

static bool installed(const char *program)
{
    char command[128];
    snprintf(command, sizeof command, "command -v %s >/dev/null", program);
    return system(command) == 0;
}

static void remove_place(void)
{
    char command[96];
    snprintf(command, sizeof command, "rm -rf %s", place);
    if (system(command) != 0)
        diag("%s is left", place);
}

int main(void)
{
    char err[256], kept[96];
    L = (const struct gt_tracer_ops *)gt_plugin_find(GT_MAGIC_TRACER, "lttng", err, sizeof err);
    if (!L)
        skip_all("%s", err);
    if (!installed("lttng-sessiond") || !installed("babeltrace2"))
        skip_all("lttng-sessiond or babeltrace2 is not installed (Debian: lttng-tools, babeltrace2)");
    if (geteuid() == 0 && system("unshare --user --map-user=1000 --map-group=1000 -- true 2>/dev/null") != 0)
        skip_all("root needs a user namespace for a daemon of its own, and the kernel refuses one");
    snprintf(place, sizeof place, "/tmp/gt-lttng-test.XXXXXX");
    if (!mkdtemp(place))
        bail_out("no temporary directory");
    setenv("TMPDIR", place, 1);
    killed();
    snprintf(kept, sizeof kept, "%s/kept", place);
    setenv("GAUNTLET_LTTNG_OUTPUT", kept, 1);
    agrees(1, 1);
    agrees(2, 2);
    tells_losses(3);
    remove_place();
    return done_testing();
}
