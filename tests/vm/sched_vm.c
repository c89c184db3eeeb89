/* SPDX-License-Identifier: Apache-2.0 */
/* GT_VM: offline=2 */
/*
 * Schedulers on a machine with five nodes: does numa steal near before far, and wake near before
 * far? Does each of them, with each binding and model of system calls, lose nothing there?
 */
#include "vm/in_vm.h"

/* ---- what the order should be ------------------------------------------------------------ */

static int far_from(const struct gt_p *a, const struct gt_p *b)
{
    return distances[os_node_of(a)][os_node_of(b)];
}

/* How many of our nodes' distances from `from` are less than the one to `to`. */
static int rank_of(const struct gt_runtime *rt, int from, int to)
{
    bool less[256] = {false};
    int rank = 0;
    for (int32_t i = 0; i < gt_topo_nodes(rt->topo); i++)
        if (distances[from][os_node(rt, i)] < distances[from][to])
            less[distances[from][os_node(rt, i)]] = true;
    for (int d = 0; d < 256; d++)
        rank += less[d];
    return rank;
}

static struct gt_p *p_of(struct gt_runtime *rt, int32_t id)
{
    return gt_load_acquire(&rt->allp[id]); /* pair: allp */
}

static struct gt_scheduler_stats stats_of(struct gt_runtime *rt)
{
    struct gt_scheduler_stats s = {0};
    rt->sched->stats(rt->sched_state, &s);
    return s;
}

/* ---- the order of steals, world stopped -------------------------------------------------- */

/* Stands for a G of P `from`; it is never run. */
struct dummy {
    struct gt_task t;
    struct gt_p *from;
};
static struct dummy dummies[CPUS];

static struct dummy *steal(struct gt_runtime *rt, struct gt_p *thief)
{
    uint32_t flags = 0;
    struct gt_task *t = rt->sched->pick(rt->sched_state, &thief->t, GT_PICK_STEAL, &flags);
    return (struct dummy *)(void *)t;
}

static void rob_all(struct gt_runtime *rt, struct gt_p *thief, enum gt_enqueue_kind kind)
{
    struct gt_scheduler_stats before = stats_of(rt), now;
    uint64_t want[8] = {0};
    int32_t procs = gt_load_relaxed(&rt->procs);
    int last = 0;
    for (int32_t i = 0; i < procs; i++) {
        struct dummy *d = &dummies[i];
        if (p_of(rt, i) == thief)
            continue;
        d->from = p_of(rt, i);
        d->t.node = d->from->t.node;
        rt->sched->enqueue(rt->sched_state, &d->from->t, &d->t, kind);
        want[rank_of(rt, os_node_of(thief), os_node_of(d->from))]++;
    }
    for (int32_t i = 1; i < procs; i++) {
        struct dummy *d = steal(rt, thief);
        expect(d != NULL);
        if (!d)
            return;
        expect(far_from(thief, d->from) >= last);
        last = far_from(thief, d->from);
    }
    expect(steal(rt, thief) == NULL);
    now = stats_of(rt);
    for (int i = 0; i < 8; i++)
        expect(now.stolen_by_distance[i] - before.stolen_by_distance[i] == want[i]);
}

/* Node queues: each node's, the memory-only one's included, whose Gs its nearest node keeps. */
static void rob_nodes(struct gt_runtime *rt, struct gt_p *thief)
{
    int32_t nodes = gt_topo_nodes(rt->topo);
    int last = 0;
    for (int32_t i = 0; i < nodes; i++) {
        dummies[i].t.node = i;
        rt->sched->enqueue(rt->sched_state, NULL, &dummies[i].t, GT_ENQ_GLOBAL);
    }
    for (int32_t i = 0; i < nodes; i++) {
        struct dummy *d = steal(rt, thief);
        expect(d != NULL);
        if (!d)
            return;
        int at = os_node(rt, d->t.node);
        int far = distances[os_node_of(thief)][at == MEMORY_ONLY ? 0 : at];
        expect(far >= last);
        last = far;
    }
}

/* Whatever Ps are idle, the nearest to the one that asks is chosen. */
static void choose_nearest(struct gt_runtime *rt, struct gt_p *near)
{
    int32_t procs = gt_load_relaxed(&rt->procs);
    for (uint64_t mask = 1; mask < 1ull << procs; mask++) {
        int32_t id = rt->sched->choose_idle(rt->sched_state, near->t.id, &mask, 1);
        int best = 255;
        for (int32_t i = 0; i < procs; i++)
            if (((mask >> i) & 1u) && far_from(near, p_of(rt, i)) < best)
                best = far_from(near, p_of(rt, i));
        expect(id >= 0 && id < procs && ((mask >> id) & 1u));
        expect(id >= 0 && id < procs && far_from(near, p_of(rt, id)) == best);
    }
}

static void order(void *arg)
{
    struct gt_runtime *rt = R->runtime();
    (void)arg;
    R->stop_world(GT_WORLD_TEST);
    for (int32_t i = 0; i < gt_load_relaxed(&rt->procs); i++) {
        rob_all(rt, p_of(rt, i), GT_ENQ_LOCAL);
        rob_all(rt, p_of(rt, i), GT_ENQ_NEXT);
        rob_nodes(rt, p_of(rt, i));
        gt_lock(&rt->sched_lock);
        choose_nearest(rt, p_of(rt, i));
        gt_unlock(&rt->sched_lock);
    }
    R->start_world();
}

/* ---- who takes the work ------------------------------------------------------------------ */

/*
 * One P is given work and does none of it, some Ps are idle, the others are held. Per round the
 * worker makes `gs` Gs and waits until all have run.
 */
struct scene {
    int32_t worker;
    uint32_t idle; /* Ps, a bit each */
    int rounds, gs;
    int64_t each_ns; /* a G holds its P so long */
    gt_a32 done, over;
    gt_a32 ran_on[OS_NODES], first_on[OS_NODES]; /* all; the first of each round */
    gt_a32 begun;
    struct gt_scheduler_stats stolen; /* meanwhile */
};

static void taken(void *arg)
{
    struct scene *s = arg;
    int node = os_node_of(my_p());
    gt_add_relaxed(&s->ran_on[node], 1u);
    if (gt_add_relaxed(&s->begun, 1u) % (uint32_t)s->gs == 0)
        gt_add_relaxed(&s->first_on[node], 1u);
    gt_sleep_ns(s->each_ns);
    gt_add_acq_rel(&s->done, 1u); /* pair: scene */
}

/* The idle Ps' Ms are parked: one that is about to would look for work once more. */
static bool settled(struct gt_runtime *rt, int32_t idle)
{
    gt_lock(&rt->sched_lock);
    bool parked = rt->n_ms - rt->n_idle_ms == gt_load_relaxed(&rt->procs) - idle;
    gt_unlock(&rt->sched_lock);
    return parked && gt_load_relaxed(&rt->idle_ps) == idle && gt_load_relaxed(&rt->spinning) == 0;
}

static void work(struct gt_runtime *rt, struct scene *s)
{
    for (int r = 1; r <= s->rounds; r++) {
        int64_t give_up = gt_nanotime() + 5 * GT_NS_PER_S;
        while (!settled(rt, __builtin_popcount(s->idle)) && gt_nanotime() < give_up)
            gt_sleep_ns(100 * GT_NS_PER_US);
        expect(settled(rt, __builtin_popcount(s->idle)));
        for (int i = 0; i < s->gs; i++)
            expect(R->go(taken, s) == 0);
        give_up = gt_nanotime() + 20 * GT_NS_PER_S;
        while (gt_load_acquire(&s->done) < (uint32_t)(r * s->gs) && /* pair: scene */
               gt_nanotime() < give_up)
            gt_sleep_ns(50 * GT_NS_PER_US);
        expect(gt_load_relaxed(&s->done) == (uint32_t)(r * s->gs));
    }
}

static struct gt_scheduler_stats minus(struct gt_scheduler_stats a, struct gt_scheduler_stats b)
{
    a.stolen -= b.stolen;
    for (int i = 0; i < 8; i++)
        a.stolen_by_distance[i] -= b.stolen_by_distance[i];
    return a;
}

static struct party stage;
static struct scene *on_stage;

static void actor(void *arg)
{
    struct scene *s = on_stage;
    struct gt_m *m = gt_pin();
    struct gt_p *p = gt_m_p(m);
    (void)arg;
    wait_for_all(&stage, &stage.arrived);
    if (p->t.id == s->worker) {
        struct gt_scheduler_stats before = stats_of(p->rt);
        work(p->rt, s);
        s->stolen = minus(stats_of(p->rt), before);
        gt_store_release(&s->over, 1u); /* pair: over */
    } else if (!((s->idle >> p->t.id) & 1u)) {
        while (gt_load_acquire(&s->over) == 0) /* pair: over */
            gt_sleep_ns(GT_NS_PER_MS);
    }
    gt_unpin(m);
    R->wg_done(wg);
}

static void play(struct scene *s)
{
    on_stage = s;
    stage = (struct party){.n = R->procs()};
    wg = R->wg_new();
    R->wg_add(wg, stage.n);
    for (int32_t i = 0; i < stage.n; i++)
        expect(R->go(actor, NULL) == 0);
    R->wg_wait(wg);
    R->wg_free(wg);
}

/* Ps at distance d from P `id`, itself left out. */
static uint32_t ps_at(struct gt_runtime *rt, int32_t id, int d)
{
    uint32_t mask = 0;
    for (int32_t i = 0; i < gt_load_relaxed(&rt->procs); i++)
        if (i != id && far_from(p_of(rt, id), p_of(rt, i)) == d)
            mask |= 1u << i;
    return mask;
}

/* Distances at which there are Ps, nearest first; how many. */
static int distances_from(struct gt_runtime *rt, int32_t id, int *out)
{
    int n = 0;
    for (int d = 1; d < 256; d++)
        if (ps_at(rt, id, d))
            out[n++] = d;
    return n;
}

static void only_rank(const struct scene *s, int rank, bool and_home)
{
    for (int i = 0; i < 8; i++) {
        uint64_t n = s->stolen.stolen_by_distance[i];
        expect(i == rank ? n > 0 : n == 0 || (and_home && i == 0));
    }
}

/* One idle P, then all those at one distance: every steal from the worker is of that rank. */
static void steals_from_one(struct gt_runtime *rt, int32_t worker)
{
    int at[CPUS], n = distances_from(rt, worker, at);
    for (int i = 0; i < n; i++) {
        uint32_t all = ps_at(rt, worker, at[i]), one = all & -all;
        struct gt_p *thief = p_of(rt, __builtin_ctz(one));
        int rank = rank_of(rt, os_node_of(thief), os_node_of(p_of(rt, worker)));
        struct scene s = {.worker = worker, .idle = one, .rounds = 1, .gs = 16};
        play(&s);
        only_rank(&s, rank, false);
        expect(gt_load_relaxed(&s.ran_on[os_node_of(thief)]) == 16);
        struct scene both = {
            .worker = worker, .idle = all, .rounds = 1, .gs = 40, .each_ns = 200 * GT_NS_PER_US};
        play(&both);
        only_rank(&both, rank, true);
        expect(gt_load_relaxed(&both.ran_on[os_node_of(thief)]) == 40);
    }
}

static void everybody_steals(struct gt_runtime *rt, int32_t worker)
{
    struct scene s = {.worker = worker, .rounds = 3, .gs = 80, .each_ns = 300 * GT_NS_PER_US};
    uint64_t sum = 0;
    s.idle = ((1u << gt_load_relaxed(&rt->procs)) - 1) & ~(1u << worker);
    play(&s);
    for (int i = 0; i < 8; i++)
        sum += s.stolen.stolen_by_distance[i];
    expect(sum == s.stolen.stolen && s.stolen.stolen_by_distance[0] > 0);
    diag("work on P %d of node %d: stolen from rank 0..4: %llu %llu %llu %llu %llu", worker,
         os_node_of(p_of(rt, worker)), (unsigned long long)s.stolen.stolen_by_distance[0],
         (unsigned long long)s.stolen.stolen_by_distance[1],
         (unsigned long long)s.stolen.stolen_by_distance[2],
         (unsigned long long)s.stolen.stolen_by_distance[3],
         (unsigned long long)s.stolen.stolen_by_distance[4]);
}

static void steals(void *arg)
{
    struct gt_runtime *rt = R->runtime();
    (void)arg;
    steals_from_one(rt, 0);
    steals_from_one(rt, R->procs() - 1);
    everybody_steals(rt, 0);
    everybody_steals(rt, R->procs() - 1);
}

/* New work while `idle` Ps sleep: who takes the first G is at distance d. (Of two, since a lone one
 * stands where thieves wait for the P to run it itself.) */
enum { WAKES = 12 };
static void wakes_at(struct gt_runtime *rt, int32_t worker, uint32_t idle, int d)
{
    struct scene s = {.worker = worker, .idle = idle, .rounds = WAKES, .gs = 2};
    uint32_t near = 0;
    play(&s);
    for (int node = 0; node < OS_NODES; node++)
        if (distances[os_node_of(p_of(rt, worker))][node] == d)
            near += gt_load_relaxed(&s.first_on[node]);
    diag("P %d: %u of %d wake-ups at distance %d", worker, near, WAKES, d);
    expect(near >= WAKES - 3); /* sysmon may see the G first and wakes any P */
}

static void wakes(void *arg)
{
    struct gt_runtime *rt = R->runtime();
    int32_t procs = R->procs();
    (void)arg;
    for (int32_t worker = 0; worker < procs; worker += 3) {
        int at[CPUS], n = distances_from(rt, worker, at);
        uint32_t idle = ((1u << procs) - 1) & ~(1u << worker);
        for (int i = 0; i < n && i < 2; i++) {
            wakes_at(rt, worker, idle, at[i]);
            idle &= ~ps_at(rt, worker, at[i]);
        }
    }
}

/* ---- each scheduler, binding and model ---------------------------------------------------- */

enum { SENDERS = 12, RECEIVERS = 6, VALUES = 8 };

static struct gt_chan *pipe_of_values;
static gt_a64 received;
static gt_a32 leaves;

static void on_good_node(void)
{
    struct gt_m *m = gt_pin();
    expect(node_is_ours(os_node_of(gt_m_p(m))));
    gt_unpin(m);
}

static void leaf(void *arg)
{
    (void)arg;
    on_good_node();
    gt_add_relaxed(&leaves, 1u);
    R->wg_done(wg);
}

static void call(uint64_t i)
{
    if (i % 4 == 3)
        R->syscall_enter_blocking();
    else
        R->syscall_enter();
    if (i % 2)
        gt_sleep_ns(50 * GT_NS_PER_US);
    else
        (void)gt_os_getpid();
    R->syscall_exit();
    on_good_node();
}

static void sender(void *arg)
{
    uint64_t base = (uint64_t)(uintptr_t)arg;
    for (uint64_t i = 0; i < VALUES; i++) {
        uint64_t v = base * VALUES + i;
        expect(R->chan_send(pipe_of_values, &v) == 0);
        R->wg_add(wg, 1);
        expect(R->go(leaf, NULL) == 0);
        call(v);
        if (i % 3 == 0)
            R->yield();
    }
    R->wg_done(wg);
}

static void receiver(void *arg)
{
    uint64_t v;
    (void)arg;
    while (R->chan_recv(pipe_of_values, &v)) {
        gt_add_relaxed(&received, v);
        on_good_node();
    }
    R->wg_done(wg);
}

static void start_all(void)
{
    R->wg_add(wg, SENDERS + RECEIVERS);
    for (uintptr_t i = 0; i < SENDERS; i++)
        expect(R->go(sender, (void *)i) == 0);
    for (int i = 0; i < RECEIVERS; i++)
        expect(R->go(receiver, NULL) == 0);
}

static void mixed(void *arg)
{
    static const int32_t counts[] = {1, 2, 5, CPUS, 3, 6};
    uint64_t n = SENDERS * VALUES;
    int32_t most = R->procs();
    (void)arg;
    gt_store_relaxed(&received, 0u);
    gt_store_relaxed(&leaves, 0u);
    pipe_of_values = R->chan_new(sizeof(uint64_t), 4);
    wg = R->wg_new();
    start_all();
    for (int i = 0; i < 6; i++) {
        int32_t procs = counts[i] < most ? counts[i] : most;
        expect(R->set_procs(procs) == 0 && R->procs() == procs);
        R->sleep(GT_NS_PER_MS);
    }
    while (gt_load_relaxed(&leaves) < n || gt_load_relaxed(&received) < n * (n - 1) / 2)
        R->sleep(GT_NS_PER_MS);
    R->chan_close(pipe_of_values);
    R->wg_wait(wg);
    expect(gt_load_relaxed(&leaves) == n && gt_load_relaxed(&received) == n * (n - 1) / 2);
    R->wg_free(wg);
    R->chan_free(pipe_of_values);
}

static void check_mixed(const struct gt_scheduler_ops *scheduler)
{
    for (int bind = GT_BIND_NONE; bind <= GT_BIND_NODE; bind++)
        for (int model = 0; model < 2; model++) {
            struct kind k = {scheduler, (enum gt_bind)bind, (enum gt_syscall_model)model, 0, 0};
            struct gt_runtime_stats s;
            char what[100];
            if (offline >= 0 && bind % 2 == model)
                continue; /* half of them */
            struct gt_runtime *rt = vm_runtime(k);
            snprintf(what, sizeof what, "%s, bind=%s, model %d: nothing is lost",
                     scheduler->head.name, gt_bind_name(k.bind), model);
            vm_run(rt, mixed, NULL, what);
            R->stats(rt, &s);
            is_int((long long)(s.spawned - s.exited) + (long long)rt->dropped, 0, "no G left");
            R->destroy(rt);
        }
}

int main(void)
{
    struct kind numa = {.scheduler = &gt_scheduler_numa, .bind = GT_BIND_NODE};
    read_machine();
    vm_in_runtime(numa, order, NULL, "numa: steals and wake-ups near before far, by rank");
    vm_in_runtime(numa, steals, NULL, "numa: who may steal decides from how far");
    vm_in_runtime(numa, wakes, NULL, "numa: work wakes the nearest idle P");
    check_mixed(&gt_scheduler_worksteal);
    check_mixed(&gt_scheduler_global);
    check_mixed(&gt_scheduler_numa);
    check_mixed(&gt_scheduler_fifo);
    return done_testing();
}
