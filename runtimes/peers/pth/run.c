/* SPDX-License-Identifier: Apache-2.0 */
/* The peer pth as a whole: made, run, looked at, ended. Its rules: pth.c. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peers/pth/peer.inc"

#define LOOK_US 20000 /* so often is looked for interrupt() and deadlock */
#define SANITIZER_ROOM (GT_ASAN || GT_TSAN ? 192u * 1024u : 0u)

static const char *const state_names[] = {"runs or is ready", "sleeps", "sleeps for a time",
                                          "waits for a mutex", "waits for a file"};

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER; /* to use Pth */
struct gt_runtime *gt_pth_the;

/* ---- a run ---------------------------------------------------------------------------------- */
/* What Pth gave for the run goes back before Pth forgets it. */
static void forget_all(struct gt_runtime *rt)
{
    rt->free = NULL;
    for (struct gt_g *g = rt->all; g; g = g->others) {
        gt_store_relaxed(&g->alive, 0u);
        if (g->woken)
            pth_event_free(g->woken, PTH_FREE_THIS);
        if (g->closed)
            pth_event_free(g->closed, PTH_FREE_THIS);
        if (g->port)
            pth_msgport_destroy(g->port);
        g->woken = g->closed = NULL;
        g->port = NULL;
        gt_pth_g_free(g);
    }
}

static bool is_dead(struct gt_runtime *rt)
{
    return rt->asleep == rt->living && !peer_timers_pending(&rt->timers);
}

static int wait_for_first(struct gt_runtime *rt)
{
    pth_event_t done = pth_event(PTH_EVENT_MSG, rt->first_done), look = NULL;
    int rc = done ? 1 : -ENOMEM;
    while (rc > 0) {
        look = pth_event(PTH_EVENT_TIME, pth_timeout(0, LOOK_US));
        if (!look) {
            rc = -ENOMEM;
            break;
        }
        pth_event_concat(done, look, NULL);
        pth_wait(done);
        gt_pth_back(NULL);
        pth_event_isolate(look);
        pth_event_free(look, PTH_FREE_THIS);
        if (pth_msgport_pending(rt->first_done))
            rc = 0;
        else if (gt_load_relaxed(&rt->interrupted))
            rc = -EINTR;
        else if (is_dead(rt))
            rc = -EDEADLK;
    }
    if (done)
        pth_event_free(done, PTH_FREE_THIS);
    return rc;
}

struct turn {
    struct gt_runtime *rt;
    gt_fn fn;
    void *arg;
    int rc;
};

static int set_attr(pth_attr_t attr, size_t stack_size)
{
    bool set = pth_attr_set(attr, PTH_ATTR_JOINABLE, FALSE) &&
               pth_attr_set(attr, PTH_ATTR_STACK_SIZE, (unsigned int)stack_size);
    return set ? 0 : -errno;
}

/* What Pth has to give for a run. 0 or negative errno; end() is due in any case. */
static int begin(struct gt_runtime *rt)
{
    rt->attr = pth_attr_new();
    rt->first_done = pth_msgport_create(NULL);
    rt->kick = pth_msgport_create(NULL);
    rt->living = rt->asleep = 0;
    rt->has_timers = rt->kicked = false;
    peer_timers_open(&rt->timers);
    if (!rt->attr || !rt->first_done || !rt->kick)
        return -ENOMEM;
    return set_attr(rt->attr, rt->stack_size);
}

static void end(struct gt_runtime *rt)
{
    rt->timers.running = NULL; /* the thread that ran it is dropped like all others */
    peer_timers_close(&rt->timers);
    forget_all(rt);
    if (rt->kick_event)
        pth_event_free(rt->kick_event, PTH_FREE_THIS);
    rt->kick_event = NULL;
    if (rt->first_done)
        pth_msgport_destroy(rt->first_done);
    if (rt->kick)
        pth_msgport_destroy(rt->kick);
    if (rt->attr)
        pth_attr_destroy(rt->attr);
    pth_kill();
}

static void *turn_main(void *arg)
{
    struct turn *t = arg;
    struct gt_runtime *rt = t->rt;
    char why[128];
    pthread_mutex_lock(&turn);
    gt_pth_the = rt;
    t->rc = peer_places_bind(&rt->places, 0, why, sizeof why);
    if (t->rc == 0 && !pth_init())
        t->rc = -errno;
    if (t->rc == 0) {
        t->rc = begin(rt);
        if (t->rc == 0)
            t->rc = gt_pth_g_start(rt, t->fn, t->arg, true);
        if (t->rc == 0)
            t->rc = wait_for_first(rt);
        end(rt);
    }
    gt_pth_the = NULL;
    pthread_mutex_unlock(&turn);
    return NULL;
}

int gt_pth_run(struct gt_runtime *rt, gt_fn fn, void *arg)
{
    struct turn t = {rt, fn, arg, 0};
    pthread_t thread;
    uint32_t idle = 0;
    if (!gt_cas_acquire(&rt->running, &idle, 1u)) /* pair: pth run */
        return -EBUSY;
    int rc = pthread_create(&thread, NULL, turn_main, &t);
    if (rc == 0)
        pthread_join(thread, NULL);
    else
        t.rc = -rc;
    if (t.rc == -EINTR)
        gt_store_relaxed(&rt->interrupted, 0u);
    gt_store_release(&rt->running, 0u); /* pair: pth run */
    return t.rc;
}

void gt_pth_interrupt(struct gt_runtime *rt)
{
    gt_store_relaxed(&rt->interrupted, 1u);
}

/* ---- made, looked at, ended ------------------------------------------------------------------ */
static int refuse(int rc, char *err, size_t size, const char *why)
{
    snprintf(err, size, "pth: %s", why);
    return rc;
}

int gt_pth_create(const struct gt_config *c, struct gt_runtime **out, char *err, size_t size)
{
    if (GT_TSAN)
        return refuse(-ENOTSUP, err, size, "ThreadSanitizer cannot follow the library's switches "
                                           "of stacks: use another build");
    if (c->procs != 1)
        return refuse(-ENOTSUP, err, size, "it runs on one thread of the kernel: procs=1 only");
    struct gt_runtime *rt = calloc(1, sizeof *rt);
    if (!rt)
        return refuse(-ENOMEM, err, size, "out of memory");
    int rc = peer_places_init(&rt->places, c, err, size);
    if (rc != 0) {
        free(rt);
        return rc;
    }
    rt->stack_size = (c->stack_size ? c->stack_size : GT_STACK_DEFAULT) + SANITIZER_ROOM;
    peer_timers_init(&rt->timers);
    *out = rt;
    return 0;
}

void gt_pth_destroy(struct gt_runtime *rt)
{
    if (!rt)
        return;
    while (rt->all) {
        struct gt_g *g = rt->all;
        rt->all = g->others;
        free(g);
    }
    peer_timers_fini(&rt->timers);
    peer_places_fini(&rt->places);
    free(rt);
}

void gt_pth_stats(struct gt_runtime *rt, struct gt_runtime_stats *out)
{
    memset(out, 0, sizeof *out);
    out->exited = gt_load_relaxed(&rt->exited);
    out->spawned = gt_load_relaxed(&rt->spawned);
    out->parks = gt_load_relaxed(&rt->parks);
    out->timers_run = rt->timers.fired;
    out->ms_started = out->ms_now = 1;
}

/* A snapshot taken beside a run that goes on: what it shows of a G may be a moment old. */
GT_NO_SANITIZE void gt_pth_dump(struct gt_runtime *rt, int fd)
{
    char line[160];
    int n = snprintf(line, sizeof line, "pth: 1 P, %llu Gs spawned, %llu ended\n",
                     (unsigned long long)gt_load_relaxed(&rt->spawned),
                     (unsigned long long)gt_load_relaxed(&rt->exited));
    gt_os_print(fd, line, (size_t)n);
    for (struct gt_g *g = rt->all; g; g = g->others) {
        if (!gt_load_relaxed(&g->alive))
            continue;
        n = snprintf(line, sizeof line, "  G %llu %s\n", (unsigned long long)g->id,
                     state_names[gt_load_relaxed(&g->state)]);
        gt_os_print(fd, line, (size_t)n);
    }
}
