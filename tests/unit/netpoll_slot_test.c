/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: labels=quick,reduced timeout=30 */
/* The steps of a slot in every order that a race can bring, and who breaks the poller:
 * netpoll.c from inside, without a running runtime. */
#include "core/netpoll.c"

#include "tap.h"

static struct gt_runtime runtime;
static struct gt_g waiter;
static struct direction dir;

static uintptr_t slot(void)
{
    return (uintptr_t)gt_load_relaxed(&dir.slot);
}

static int waiters(void)
{
    return gt_load_relaxed(&runtime.poll_waiters);
}

static void test_slot(void)
{
    waiter.rt = &runtime;
    gt_store_relaxed(&dir.slot, NIL);
    ok(!slot_ready(&runtime, &dir) && slot() == READY, "an edge that nobody waits for stays");
    ok(!slot_ready(&runtime, &dir) && slot() == READY, "a second one changes nothing");

    gt_store_relaxed(&dir.slot, WAIT);
    ok(slot_parked(&waiter, &dir) && slot() == (uintptr_t)&waiter, "a G parks in its slot");
    is_int(waiters(), 1, "and is counted");
    ok(slot_ready(&runtime, &dir) == &waiter && slot() == READY, "an edge takes it out");
    ok(!slot_ready(&runtime, &dir), "once");
    is_int(waiters(), 0, "and it is counted no more");

    gt_store_relaxed(&dir.slot, WAIT);
    ok(!slot_ready(&runtime, &dir), "an edge before the park has nobody to wake");
    ok(!slot_parked(&waiter, &dir) && slot() == READY, "and cancels the park");
    is_int(waiters(), 0, "which is not counted");
}

static int broken(void)
{
    return (int)gt_load_relaxed(&gt_load_relaxed(&runtime.netpoll)->broken);
}

static int poll_now(int64_t timeout)
{
    struct gt_tasks none = {0};
    return gt_netpoll(&runtime, timeout, &none);
}

static void test_break(void)
{
    char err[160];
    if (gt_arena_create(GT_ALLOC_BUMP, NULL, &runtime.arena, err, sizeof err) != 0)
        bail_out("arena: %s", err);
    ok(gt_netpoll_init(&runtime) == 0 && gt_netpoll_init(&runtime) == 0, "made once");
    gt_store_relaxed(&runtime.last_poll, 0);
    gt_store_relaxed(&runtime.poll_until, 100);
    gt_wake_poller(&runtime, 100);
    is_int(broken(), 0, "a timer that is not earlier leaves the poller alone");
    gt_wake_poller(&runtime, 99);
    is_int(broken(), 1, "an earlier one breaks it");
    is_int(poll_now(0), 1, "a poll that cannot block sees the break");
    is_int(broken(), 1, "and leaves it");
    is_int(poll_now(-1), 1, "a poll for ever ends by it");
    is_int(broken(), 0, "and takes it");
    is_int(poll_now(0), 0, "then nothing is left");
    gt_store_relaxed(&runtime.poll_until, 0);
    gt_wake_poller(&runtime, 1000);
    is_int(broken(), 1, "a poller that has not said until when is broken too");
    is_int(poll_now(-1), 1, "and ends");
}

/* An event of the file that used the struct before. */
static void test_generation(void)
{
    int fds[2], error = 0;
    struct gt_tasks list = {0};
    if (gt_os_pipe(fds, true) != 0)
        bail_out("no pipe");
    struct gt_fd *f = gt_fd_open(&runtime, fds[0], &error);
    struct gt_poll_event ev = {.data = data_of(f), .readable = true};
    gt_fd_close(f);
    struct gt_fd *g = gt_fd_open(&runtime, fds[1], &error);
    ok(g == f, "the struct comes back");
    waiter.rt = &runtime;
    gt_store_relaxed(&g->in.slot, WAIT);
    slot_parked(&waiter, &g->in);
    take_edge(gt_load_relaxed(&runtime.netpoll), &ev, &list);
    is_int(list.n, 0, "an event of the file before wakes nobody");
    ev.data = data_of(g);
    take_edge(gt_load_relaxed(&runtime.netpoll), &ev, &list);
    ok(list.n == 1 && list.head == &waiter.t, "one of this file does");
    gt_fd_close(g);
    gt_netpoll_fini(&runtime);
    gt_arena_destroy(runtime.arena);
}

int main(void)
{
    plan(23);
    test_slot();
    test_break();
    test_generation();
    return done_testing();
}
