/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A host for one scheduler without a core: Ps, Gs, nodes, memory. Threads of the test
 * stand for Ms: each uses a P of its own. Nothing here judges; sched_checks.h does.
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gauntlet/scheduler.h"

#define MOCK_PS    16
#define MOCK_NODES 4

enum { MOCK_HELD = 0, MOCK_QUEUED = 1 };

/* A G: the scheduler's face of it first, then what the test knows. */
struct mock_g {
    struct gt_task t;
    gt_a32 state;
    uint64_t payload; /* plain on purpose: whoever holds the G owns it (S4) */
    uint64_t stamp;   /* a check's own */
    int32_t origin;
    uint32_t runs_left;
};

struct mock {
    struct gt_scheduler_host h;
    const struct gt_scheduler_ops *ops;
    void *state;
    void *node_state[MOCK_NODES];
    struct gt_proc p[MOCK_PS];
    bool made[MOCK_PS];
    gt_ai32 procs;
    gt_a64 random[MOCK_PS + 1];
    gt_a32 no_fault;
    struct mock_g *g;
    uint32_t n_gs;
    void (*on_wake)(struct mock *m, int32_t id);
    void *arg;
};

static inline struct mock *mock_of(const struct gt_scheduler_host *h)
{
    return (struct mock *)(void *)(uintptr_t)h; /* h is the first member */
}

static inline uint64_t mock_random(gt_a64 *s)
{
    uint64_t x = gt_load_relaxed(s);
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    gt_store_relaxed(s, x);
    return x >> 11;
}

/* ---- the host's calls ------------------------------------------------------------ */
static void *mock_alloc(const struct gt_scheduler_host *h, size_t size, int32_t node)
{
    (void)h;
    (void)node;
    size_t n = (size + 63) & ~(size_t)63;
    void *p = n ? aligned_alloc(64, n) : NULL;
    if (p)
        memset(p, 0, n);
    return p;
}

static void mock_free(const struct gt_scheduler_host *h, void *p, size_t size)
{
    (void)h;
    (void)size;
    free(p);
}

static struct gt_proc *mock_p(const struct gt_scheduler_host *h, int32_t id)
{
    struct mock *m = mock_of(h);
    return id >= 0 && id < MOCK_PS && m->made[id] ? &m->p[id] : NULL;
}

static int32_t mock_procs(const struct gt_scheduler_host *h)
{
    return gt_load_relaxed(&mock_of(h)->procs);
}

static void *mock_node_state(const struct gt_scheduler_host *h, int32_t node)
{
    return mock_of(h)->node_state[node];
}

/* Node 1 is the farthest from node 0, node 3 the nearest: not the order of numbers. */
static int32_t mock_distance(const struct gt_scheduler_host *h, int32_t a, int32_t b)
{
    static const int32_t table[MOCK_NODES][MOCK_NODES] = {
        {10, 31, 21, 12}, {31, 10, 12, 21}, {21, 12, 10, 31}, {12, 21, 31, 10}};
    (void)h;
    return table[a][b];
}

static uint32_t mock_host_random(const struct gt_scheduler_host *h, struct gt_proc *p)
{
    return (uint32_t)mock_random(&mock_of(h)->random[p ? p->id : MOCK_PS]);
}

static void mock_wake(const struct gt_scheduler_host *h, int32_t id)
{
    struct mock *m = mock_of(h);
    if (m->on_wake)
        m->on_wake(m, id);
}

static int32_t mock_poll(const struct gt_scheduler_host *h)
{
    (void)h;
    return 0;
}

static int64_t mock_nanotime(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int32_t mock_thread_id(void)
{
    return 1;
}

static void mock_thread_yield(void)
{
    sched_yield();
}

static void mock_await_pause(uint32_t *n)
{
    gt_await_pause(n);
}

/* What an op of a scheduler must not call (S2) is not there. */
static const struct gt_os mock_os = {
    .nanotime = mock_nanotime,
    .walltime = mock_nanotime,
    .thread_id = mock_thread_id,
    .thread_yield = mock_thread_yield,
    .await_pause = mock_await_pause,
};

/* ---- making and unmaking --------------------------------------------------------------- */
static void mock_set_status(struct gt_proc *p, enum gt_pstatus s)
{
    uint64_t old = gt_load_relaxed(&p->status);
    gt_store_relaxed(&p->status, ((gt_status_version(old) + 1) << GT_STATUS_VERSION_SHIFT) | s);
}

/* Ps are dealt out to nodes in blocks of two: 0 0 1 1 2 2 3 3 0 0 ... */
static int32_t mock_node_of_p(const struct mock *m, int32_t id)
{
    return (id / 2) % m->h.nodes;
}

static bool mock_make_p(struct mock *m, int32_t id)
{
    struct gt_proc *p = &m->p[id];
    if (m->made[id])
        return true;
    p->id = id;
    p->node = mock_node_of_p(m, id);
    if (m->ops->p_state && !(p->sched = mock_alloc(&m->h, m->ops->p_state, p->node)))
        return false;
    mock_set_status(p, GT_P_IDLE);
    if (m->ops->p_init && m->ops->p_init(m->state, p) != 0)
        return false;
    m->made[id] = true;
    return true;
}

/* Alive are the Ps 0..n-1; no thread of the test runs. What dying Ps held comes back
 * without a P before procs_changed, as the core does it, or on P 0 after it. */
static bool mock_set_procs(struct mock *m, int32_t n)
{
    int32_t before = gt_load_relaxed(&m->procs);
    struct gt_tasks moved = {NULL, NULL, 0};
    for (int32_t i = 0; i < n; i++)
        if (!mock_make_p(m, i))
            return false;
    for (int32_t i = n; i < before; i++) {
        m->ops->drain(m->state, &m->p[i], &moved);
        mock_set_status(&m->p[i], GT_P_DEAD);
    }
    gt_store_relaxed(&m->procs, n);
    for (int32_t i = 0; i < n; i++)
        mock_set_status(&m->p[i], GT_P_RUNNING);
    if (moved.head && n % 2)
        m->ops->enqueue_batch(m->state, NULL, &moved);
    if (m->ops->procs_changed)
        m->ops->procs_changed(m->state, before, n);
    if (moved.head)
        m->ops->enqueue_batch(m->state, &m->p[0], &moved);
    return true;
}

static bool mock_make_gs(struct mock *m, uint32_t n)
{
    m->n_gs = n;
    m->g = calloc(n ? n : 1, sizeof *m->g);
    for (uint32_t i = 0; m->g && i < n; i++) {
        m->g[i].t.id = i + 1;
        m->g[i].t.node = (int32_t)(i % 5) - 1; /* -1 is "unknown" */
        if (m->g[i].t.node >= m->h.nodes)
            m->g[i].t.node = 0;
        if (m->ops->g_state && !(m->g[i].t.sched = calloc(1, m->ops->g_state)))
            return false;
    }
    return m->g != NULL;
}

static void mock_close(struct mock *m)
{
    m->ops->fini(m->state);
    for (int i = 0; i < MOCK_PS; i++)
        free(m->p[i].sched);
    for (int i = 0; i < MOCK_NODES; i++)
        free(m->node_state[i]);
    for (uint32_t i = 0; m->g && i < m->n_gs; i++)
        free(m->g[i].t.sched);
    free(m->g);
    free(m->state);
    free(m);
}

/* NULL: no memory, or the scheduler refused. */
static struct mock *mock_open(const struct gt_scheduler_ops *ops, int32_t procs, int32_t nodes,
                              uint32_t gs)
{
    struct mock *m = calloc(1, sizeof *m);
    if (!m)
        return NULL;
    m->ops = ops;
    m->h = (struct gt_scheduler_host){
        .head = {GT_MAGIC_HOST, GT_ABI_MAJOR, GT_ABI_MINOR, sizeof m->h, GT_PLUGIN_PORT, "mock",
                 "a host without a core", 0},
        .os = &mock_os, .cpus = 2, .nodes = nodes, .alloc = mock_alloc, .free = mock_free,
        .p = mock_p, .procs = mock_procs, .node_state = mock_node_state,
        .distance = mock_distance, .random = mock_host_random, .wake = mock_wake,
        .poll = mock_poll, .fault = &m->no_fault};
    for (uint32_t i = 0; i <= MOCK_PS; i++)
        gt_init(&m->random[i], 0x9e3779b97f4a7c15ull * (i + 1u));
    m->state = mock_alloc(&m->h, ops->runtime_state ? ops->runtime_state : 1, -1);
    for (int32_t i = 0; i < nodes; i++)
        m->node_state[i] = mock_alloc(&m->h, ops->node_state ? ops->node_state : 1, i);
    if (!m->state || ops->init(m->state, &m->h) != 0) {
        free(m->state);
        free(m);
        return NULL;
    }
    if (!mock_set_procs(m, procs) || !mock_make_gs(m, gs)) {
        mock_close(m);
        return NULL;
    }
    return m;
}

/* ---- handing over and getting back -------------------------------------------------------- */
static struct mock_g *mock_g_of(struct gt_task *t)
{
    return (struct mock_g *)(void *)t; /* t is the first member */
}

/* p < 0: without a P. */
static void mock_put(struct mock *m, int32_t p, struct mock_g *g, enum gt_enqueue_kind kind)
{
    gt_store_relaxed(&g->state, MOCK_QUEUED);
    g->origin = p;
    m->ops->enqueue(m->state, p >= 0 ? &m->p[p] : NULL, &g->t, kind);
}

static void mock_put_batch(struct mock *m, int32_t p, struct gt_tasks *batch)
{
    for (struct gt_task *t = batch->head; t; t = t->link) {
        gt_store_relaxed(&mock_g_of(t)->state, MOCK_QUEUED);
        mock_g_of(t)->origin = p;
    }
    m->ops->enqueue_batch(m->state, p >= 0 ? &m->p[p] : NULL, batch);
}

/* false: it had been returned already. */
static bool mock_take(struct mock_g *g)
{
    uint32_t queued = MOCK_QUEUED;
    if (!gt_cas_relaxed(&g->state, &queued, MOCK_HELD))
        return false;
    g->payload++;
    return true;
}

static struct mock_g *mock_pick(struct mock *m, int32_t p, enum gt_pick_from from, uint32_t *flags)
{
    *flags = 0;
    struct gt_task *t = m->ops->pick(m->state, &m->p[p], from, flags);
    return t ? mock_g_of(t) : NULL;
}

/* Queues, then others'; a next slot of a running P may need a second look. */
static struct mock_g *mock_pick_any(struct mock *m, int32_t p)
{
    uint32_t flags;
    struct mock_g *g = mock_pick(m, p, GT_PICK_QUEUES, &flags);
    return g ? g : mock_pick(m, p, GT_PICK_STEAL, &flags);
}

/* With every P idle, as for the last M that is about to park. No other thread runs. */
static bool mock_has_work(struct mock *m)
{
    for (int32_t i = 0; i < gt_load_relaxed(&m->procs); i++)
        mock_set_status(&m->p[i], GT_P_IDLE);
    bool yes = m->ops->has_work(m->state, NULL);
    for (int32_t i = 0; i < gt_load_relaxed(&m->procs); i++)
        mock_set_status(&m->p[i], GT_P_RUNNING);
    return yes;
}

static void mock_drain(struct mock *m, struct gt_tasks *out)
{
    for (int32_t i = 0; i < MOCK_PS; i++)
        if (m->made[i])
            m->ops->drain(m->state, &m->p[i], out);
    m->ops->drain_shared(m->state, out);
}
