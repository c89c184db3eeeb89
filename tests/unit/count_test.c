/* SPDX-License-Identifier: Apache-2.0 */
/* The tracer `count` counts each event once: beside it, told of the same events, runs the
 * probe, and both must agree kind by kind, in both syscall models, over traces that start and
 * stop under load; and nothing is counted after stop. */
#include <errno.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "in_runtime.h"
#include "probe_tracer.h"

extern const struct gt_tracer_ops gt_tracer_count;
static const struct gt_tracer_ops *const C = &gt_tracer_count;

/* ---- a tracer that is both --------------------------------------------------------------- */
/* count has the beginning of each state, the probe what follows. */
static size_t up(size_t n)
{
    return (n + 63) & ~(size_t)63;
}

static struct probe *probe_of(void *t)
{
    return (struct probe *)(void *)((char *)t + up(C->runtime_state));
}

/* The M as the probe shall see it; in an event, with the P and G that are its then. */
static struct gt_mach bare(struct gt_mach *m)
{
    struct gt_mach v = {.serial = m->serial, .tid = m->tid};
    v.trace = (char *)m->trace + up(C->m_state);
    return v;
}

static struct gt_mach seen(struct gt_mach *m)
{
    struct gt_mach v = bare(m);
    v.p = m->p;
    v.g = m->g;
    return v;
}

static gt_tok tok_of(const struct gt_mach *v)
{
    return (gt_tok){((const struct probe_ms *)v->trace)->tok};
}

static int both_init(void *t, const struct gt_tracer_host *host)
{
    (void)probe_init(probe_of(t), host);
    return C->init(t, host);
}

static void both_fini(void *t)
{
    C->fini(t);
}

/* The probe is on when count is: it is asked only inside sections. */
static int both_start(void *t, const struct gt_trace_options *o)
{
    struct probe *p = probe_of(t);
    if (gt_load_relaxed(&p->on) == 0) {
        gt_add_relaxed(&p->trace, 1u);
        gt_store_seqcst(&p->on, 1u); /* pair: probe-on */
    }
    return C->start(t, o);
}

static int both_stop(void *t)
{
    int rc = C->stop(t);
    if (rc == 0)
        gt_store_seqcst(&probe_of(t)->on, 0u); /* pair: probe-on */
    return rc;
}

static void both_run_ended(void *t)
{
    gt_store_relaxed(&probe_of(t)->on, 0u);
    C->run_ended(t);
}

static gt_tok both_acquire(void *t, struct gt_mach *m)
{
    struct gt_mach v = bare(m);
    gt_tok tok = C->acquire(t, m);
    if (gt_tok_on(tok))
        expect(gt_tok_on(probe_acquire(probe_of(t), &v)));
    return tok;
}

static void both_release(void *t, struct gt_mach *m, gt_tok tok)
{
    struct gt_mach v = bare(m);
    probe_release(probe_of(t), &v, tok_of(&v));
    C->release(t, m, tok);
}

static void both_m_dies(void *t, struct gt_mach *m)
{
    struct gt_mach v = bare(m);
    probe_m_dies(probe_of(t), &v);
    C->m_dies(t, m);
}

#define BOTH(op, to_probe, params, args)                                                           \
    static void both_##op(void *t, struct gt_mach *m, gt_tok tok params)                           \
    {                                                                                              \
        struct gt_mach v = seen(m);                                                                \
        to_probe(probe_of(t), &v, tok_of(&v) args);                                                \
        C->op(t, m, tok args);                                                                     \
    }
#define NONE
#define P1(a) , a
#define P2(a, b) , a, b
#define P3(a, b, c) , a, b, c
BOTH(procs_change, probe_procs_change, P1(int32_t n), P1(n))
BOTH(proc_start, probe_proc_start, NONE, NONE)
BOTH(proc_stop, probe_proc_stop, P1(struct gt_proc *p), P1(p))
BOTH(proc_steal, probe_proc_steal, P2(struct gt_proc *p, enum gt_steal_kind k), P2(p, k))
BOTH(go_create, probe_go_create, P3(struct gt_task *g, uintptr_t pc, bool b), P3(g, pc, b))
BOTH(go_start, probe_go_start, NONE, NONE)
BOTH(go_destroy, probe_go_destroy, NONE, NONE)
BOTH(go_stop, probe_go_stop, P1(enum gt_stop_reason why), P1(why))
BOTH(go_unblock, probe_go_unblock, P1(struct gt_task *g), P1(g))
BOTH(go_switch, probe_go_switch, P2(struct gt_task *to, bool d), P2(to, d))
BOTH(go_syscall_begin, probe_syscall_begin, NONE, NONE)
BOTH(go_syscall_end, probe_syscall_end, P1(bool b), P1(b))
BOTH(go_create_syscall, probe_create_syscall, P1(struct gt_task *g), P1(g))
BOTH(go_destroy_syscall, probe_destroy_syscall, NONE, NONE)
BOTH(stw_begin, probe_stw_begin, P1(enum gt_world_kind k), P1(k))
BOTH(stw_end, probe_stw_end, NONE, NONE)
BOTH(user_task_begin, probe_task_begin, P3(uint64_t id, uint64_t up, const char *n), P3(id, up, n))
BOTH(user_task_end, probe_task_end, P1(uint64_t id), P1(id))
BOTH(user_region, probe_region, P3(uint64_t task, const char *n, bool b), P3(task, n, b))
BOTH(go_label, probe_label, P1(const char *l), P1(l))

/* T3: an M that is inside a section when the trace stops. */
static struct {
    gt_a32 wanted, inside, stopping, left;
} slow;

static void stay_inside(void)
{
    gt_store_release(&slow.inside, 1u); /* pair: slow */
    while (gt_load_acquire(&slow.stopping) == 0) /* pair: slow */
        gt_cpu_relax();
    (void)gt_os_nanosleep(5 * GT_NS_PER_MS); /* a stop that does not wait is through by now */
    gt_store_release(&slow.left, 1u); /* pair: slow */
}

static void both_user_log(void *t, struct gt_mach *m, gt_tok tok, uint64_t task, const char *k,
                          const char *x)
{
    struct gt_mach v = seen(m);
    if (gt_load_relaxed(&slow.wanted) != 0)
        stay_inside();
    probe_log(probe_of(t), &v, tok_of(&v), task, k, x);
    C->user_log(t, m, tok, task, k, x);
}

/* The probe takes the G's stack here, which only the M of the core's own struct may. */
static void both_go_block(void *t, struct gt_mach *m, gt_tok tok, enum gt_wait_reason why)
{
    struct gt_mach v = seen(m);
    probe_leave(probe_of(t), &v, tok_of(&v), PE_GO_BLOCK, PG_WAITING);
    C->go_block(t, m, tok, why);
}

static struct gt_tracer_ops both_ops(void)
{
    struct gt_tracer_ops o = probe_tracer; /* head, sizes for P and G */
    o.runtime_state = (uint32_t)(up(C->runtime_state) + sizeof(struct probe));
    o.m_state = (uint32_t)(up(C->m_state) + sizeof(struct probe_ms));
    o.init = both_init;
    o.fini = both_fini;
    o.start = both_start;
    o.stop = both_stop;
    o.run_ended = both_run_ended;
    o.acquire = both_acquire;
    o.release = both_release;
    o.m_dies = both_m_dies;
    o.g_born = NULL; /* it may come before the trace, its GoCreate in it */
    o.procs_change = both_procs_change;
    o.proc_start = both_proc_start;
    o.proc_stop = both_proc_stop;
    o.proc_steal = both_proc_steal;
    o.go_create = both_go_create;
    o.go_start = both_go_start;
    o.go_destroy = both_go_destroy;
    o.go_stop = both_go_stop;
    o.go_block = both_go_block;
    o.go_unblock = both_go_unblock;
    o.go_switch = both_go_switch;
    o.go_syscall_begin = both_go_syscall_begin;
    o.go_syscall_end = both_go_syscall_end;
    o.go_create_syscall = both_go_create_syscall;
    o.go_destroy_syscall = both_go_destroy_syscall;
    o.stw_begin = both_stw_begin;
    o.stw_end = both_stw_end;
    o.user_task_begin = both_user_task_begin;
    o.user_task_end = both_user_task_end;
    o.user_region = both_user_region;
    o.user_log = both_user_log;
    o.go_label = both_go_label;
    o.count = C->count;
    o.count_kind = C->count_kind;
    return o;
}

/* ---- the comparison ------------------------------------------------------------------------ */
static uint64_t counted(struct gt_runtime *rt, const char *want)
{
    const char *name;
    uint64_t n = 0, all = 0;
    for (uint32_t i = 0; rt->tracer->count_kind(rt->tracer_state, i, &name, &n); i++)
        if (strcmp(name, want) == 0)
            all = n;
    return all;
}

/* What the probe keeps as one kind. */
static uint64_t counted_as(struct gt_runtime *rt, enum probe_event e)
{
    switch (e) {
    case PE_TASK:
        return counted(rt, "UserTaskBegin") + counted(rt, "UserTaskEnd");
    case PE_REGION:
        return counted(rt, "UserRegionBegin") + counted(rt, "UserRegionEnd");
    default:
        return counted(rt, probe_names[e]);
    }
}

/* true: both agree, and the sum is the sum. */
static bool agree(struct gt_runtime *rt, uint64_t seen_kinds[PE_COUNT])
{
    const struct probe *p = probe_of(rt->tracer_state);
    uint64_t sum = 0;
    bool same = true;
    for (int i = 0; i < PE_COUNT; i++) {
        uint64_t want = gt_load_relaxed(&p->events[i]), have = counted_as(rt, (enum probe_event)i);
        if (want != have)
            fprintf(stderr, "# %s: %llu counted, %llu happened\n", probe_names[i],
                    (unsigned long long)have, (unsigned long long)want);
        same &= want == have;
        seen_kinds[i] = want;
        sum += have;
    }
    return same && sum == rt->tracer->count(rt->tracer_state);
}

/* ---- the program ------------------------------------------------------------------------------ */
struct mix {
    struct gt_runtime *rt;
    struct gt_wg *wg;
    gt_a32 stop;
    uint64_t kinds[PE_COUNT];
};

static void coro_body(void *arg)
{
    struct gt_coro **c = arg;
    R->coro_switch(*c);
}

static void use_coro(void)
{
    struct gt_coro *c = NULL;
    c = R->coro_new(coro_body, &c);
    while (R->coro_switch(c))
        ;
    R->coro_free(c);
}

static void nothing(void *arg)
{
    R->wg_done(((struct mix *)arg)->wg);
}

static void annotate(void)
{
    uint64_t task = R->task_begin(0, "t");
    R->region_begin(task, "r");
    R->log(task, "k", "v");
    R->label("l");
    R->region_end(task, "r");
    R->task_end(task);
}

static void step(struct mix *x, int i)
{
    switch (i % 8) {
    case 0:
        R->yield();
        break;
    case 1:
        R->syscall_enter();
        (void)syscall(SYS_getppid);
        R->syscall_exit();
        break;
    case 2:
        R->syscall_enter();
        (void)gt_os_nanosleep(100 * GT_NS_PER_US);
        R->syscall_exit();
        break;
    case 3:
        R->wg_add(x->wg, 1);
        expect(R->go(nothing, x) == 0);
        break;
    case 4:
        use_coro();
        break;
    case 5:
        R->sleep(50 * GT_NS_PER_US);
        break;
    case 6:
        annotate();
        break;
    default:
        R->stop_world(GT_WORLD_TEST);
        R->start_world();
    }
}

static void worker(void *arg)
{
    struct mix *x = arg;
    for (int i = (int)(R->goid() % 8); gt_load_relaxed(&x->stop) == 0; i++)
        step(x, i);
    R->wg_done(x->wg);
}

static void back(void *arg)
{
    (void)arg;
    R->yield();
}

static void *foreign(void *arg)
{
    struct mix *x = arg;
    for (; gt_load_relaxed(&x->stop) == 0; gt_sleep_ns(100 * GT_NS_PER_US))
        (void)R->callback(x->rt, back, x);
    return NULL;
}

/* One trace; then the same work untraced must leave the counts alone. */
static void one_trace(struct mix *x)
{
    expect(R->trace_stop() == -EINVAL);
    expect(R->trace_start(NULL) == 0);
    expect(R->trace_start(NULL) == -EBUSY);
    R->sleep(4 * GT_NS_PER_MS);
    expect(R->set_procs(R->procs() == 1 ? 2 : R->procs() - 1) == 0);
    R->sleep(4 * GT_NS_PER_MS);
    expect(R->trace_stop() == 0);
    uint64_t n = x->rt->tracer->count(x->rt->tracer_state);
    expect(agree(x->rt, x->kinds));
    R->sleep(2 * GT_NS_PER_MS);
    expect(agree(x->rt, x->kinds) && x->rt->tracer->count(x->rt->tracer_state) == n && n > 0);
}

/* Have the kinds that the verdict asks for come by? */
static bool all_seen(const struct mix *x)
{
    int missing = 0;
    for (int i = 0; i < PE_COUNT; i++)
        missing += x->kinds[i] == 0;
    return missing < 6 && x->kinds[PE_SYSCALL_BEGIN] && x->kinds[PE_GO_SWITCH] &&
           x->kinds[PE_CREATE_SYSCALL] && x->kinds[PE_PROC_STOP];
}

static void mix_main(void *arg)
{
    struct mix *x = arg;
    pthread_t th;
    x->wg = R->wg_new();
    R->expect_callbacks(x->rt, 1);
    if (pthread_create(&th, NULL, foreign, x) != 0)
        abort();
    R->wg_add(x->wg, 8);
    for (int i = 0; i < 8; i++)
        expect(R->go(worker, x) == 0);
    for (int i = 0; i < 5 || (i < 100 && !all_seen(x)); i++)
        one_trace(x);
    gt_store_relaxed(&x->stop, 1u);
    R->wg_wait(x->wg);
    R->syscall_enter_blocking();
    pthread_join(th, NULL);
    R->syscall_exit();
    R->expect_callbacks(x->rt, -1);
    R->wg_free(x->wg);
}

static struct gt_runtime *with(const struct gt_tracer_ops *o, int32_t procs, int model)
{
    struct gt_config c;
    struct gt_runtime *rt = NULL;
    char err[160] = "";
    gt_config_init(&c);
    c.scheduler = &gt_scheduler_worksteal;
    c.tracer = o;
    c.procs = procs;
    c.syscalls = model ? GT_SYSCALLS_STATUS : GT_SYSCALLS_SCANBIT;
    if (R->create(&c, &rt, err, sizeof err) != 0)
        bail_out("create: %s", err);
    gt_store_relaxed(&bad, 0u);
    return rt;
}

static void mixed(int32_t procs, int model)
{
    struct gt_tracer_ops both = both_ops();
    struct mix x = {.rt = with(&both, procs, model)};
    const char *what = model ? "status" : "scanbit";
    int rc = R->run(x.rt, mix_main, &x);
    const struct probe *p = probe_of(x.rt->tracer_state);
    int missing = 0;
    for (int i = 0; i < PE_COUNT; i++)
        missing += x.kinds[i] == 0;
    if (missing)
        diag("%d kinds of event did not come by", missing);
    ok(all_seen(&x), "%s: events of nearly every kind", what);
    ok(gt_load_relaxed(&p->wrong) == 0, "%s: each at its place, in a section", what);
    runtime_end(x.rt, procs, what, rc);
}

/* ---- stop waits for sections ----------------------------------------------------------------- */
static void logs(void *arg)
{
    R->log(0, "k", "v");
    R->wg_done(arg);
}

static void stop_meets_section(void *arg)
{
    struct gt_runtime *rt = arg;
    struct gt_wg *wg = R->wg_new();
    R->wg_add(wg, 1);
    expect(R->trace_start(NULL) == 0);
    gt_store_relaxed(&slow.wanted, 1u);
    expect(R->go(logs, wg) == 0);
    while (gt_load_acquire(&slow.inside) == 0) /* pair: slow */
        R->sleep(100 * GT_NS_PER_US);
    gt_store_release(&slow.stopping, 1u); /* pair: slow */
    expect(R->trace_stop() == 0);
    expect(gt_load_acquire(&slow.left) == 1); /* pair: slow */
    expect(counted(rt, "UserLog") == 1);
    gt_store_relaxed(&slow.wanted, 0u);
    R->wg_wait(wg);
    R->wg_free(wg);
}

/* ---- count alone ------------------------------------------------------------------------------- */
enum { TIMES = 1000 };

static void exact(void *arg)
{
    struct gt_runtime *rt = arg;
    annotate();
    expect(R->trace_start(NULL) == 0);
    for (int i = 0; i < TIMES; i++)
        annotate();
    expect(R->trace_stop() == 0);
    annotate();
    expect(counted(rt, "UserTaskBegin") == TIMES && counted(rt, "UserTaskEnd") == TIMES);
    expect(counted(rt, "UserRegionBegin") == TIMES && counted(rt, "UserRegionEnd") == TIMES);
    expect(counted(rt, "UserLog") == TIMES && counted(rt, "GoLabel") == TIMES);
    expect(R->trace_start(NULL) == 0); /* and the run ends with the trace on */
}

static void again(void *arg)
{
    struct gt_runtime *rt = arg;
    expect(R->trace_start(NULL) == 0);
    annotate();
    expect(R->trace_stop() == 0);
    expect(counted(rt, "UserLog") == TIMES + 1);
}

int main(void)
{
    plan(3 * 4 + 4);
    for (int model = 0; model < 2; model++) {
        mixed(1, model);
        mixed(4, model);
    }
    struct gt_tracer_ops both = both_ops();
    struct gt_runtime *rt = with(&both, 2, 0);
    runtime_end(rt, 2, "stop waits for a section", R->run(rt, stop_meets_section, rt));
    rt = with(C, 1, 0);
    int rc = R->run(rt, exact, rt);
    ok(rc == 0 && gt_load_relaxed(&bad) == 0, "a known number of annotations");
    rc = R->run(rt, again, rt);
    ok(rc == 0 && gt_load_relaxed(&bad) == 0, "after a run that ended with the trace on");
    runtime_end(rt, 1, "count alone", rc);
    return done_testing();
}
