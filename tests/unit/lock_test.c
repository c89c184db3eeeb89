/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: labels=quick,reduced timeout=60 */
/* Core locks and notes: exclusion, sleeping, and that broken rules are counted. */
#include "in_runtime.h"

/* ---- exclusion on plain threads ---------------------------------------------------------- */
static struct gt_lock lock;
static uint64_t guarded;
static uint32_t inside;
#define ROUNDS ((uint64_t)scale(200000))

static void adder(void *arg)
{
    gt_a64 *overlaps = arg;
    for (uint64_t i = 0; i < ROUNDS; i++) {
        gt_lock(&lock);
        if (++inside != 1)
            gt_add_relaxed(overlaps, 1u);
        guarded++;
        if (i % 4096 == 0)
            gt_sleep_ns(1000); /* so that others sleep on the futex */
        inside--;
        gt_unlock(&lock);
    }
}

static void test_exclusion(void)
{
    struct gt_thread t[4];
    gt_a64 overlaps = {0};
    gt_lock_init(&lock, GT_RANK_LEAF);
    for (int i = 0; i < 4; i++) {
        if (gt_thread_start(&t[i], adder, &overlaps, 0) != 0)
            bail_out("no thread");
    }
    for (int i = 0; i < 4; i++)
        gt_thread_join(&t[i]);
    is_int(guarded, 4 * ROUNDS, "no update lost by four threads");
    is_int(gt_load_relaxed(&overlaps), 0, "never two inside");
    ok(gt_lock_try(&lock), "try takes a free lock");
    ok(!gt_lock_try(&lock), "try does not take a held one");
    gt_unlock(&lock);
}

/* ---- notes ------------------------------------------------------------------------------- */
struct pair {
    struct gt_note ping, pong;
    uint64_t seen, value;
};

static void ponger(void *arg)
{
    struct pair *p = arg;
    for (int i = 0; i < scale(2000); i++) {
        gt_note_sleep(&p->ping, -1);
        gt_note_clear(&p->ping);
        p->seen += p->value;
        gt_note_wake(&p->pong);
    }
}

static void test_notes(void)
{
    struct gt_note n = {{0}};
    int64_t t0 = gt_nanotime();
    ok(!gt_note_sleep(&n, 3 * GT_NS_PER_MS), "a sleep without a wake times out");
    ok(gt_nanotime() - t0 >= 3 * GT_NS_PER_MS, "not early");
    gt_note_wake(&n);
    gt_note_wake(&n);
    ok(gt_note_sleep(&n, -1) && gt_note_sleep(&n, 0), "a wake before the sleep is kept");
    gt_note_clear(&n);
    ok(!gt_note_sleep(&n, 0), "a clear note does not wake");
    struct gt_thread t;
    struct pair p = {0};
    uint64_t want = 0;
    if (gt_thread_start(&t, ponger, &p, 0) != 0)
        bail_out("no thread");
    for (int i = 0; i < scale(2000); i++) {
        p.value = (uint64_t)i;
        want += p.value;
        gt_note_wake(&p.ping);
        gt_note_sleep(&p.pong, -1);
        gt_note_clear(&p.pong);
    }
    gt_thread_join(&t);
    is_int(p.seen, want, "a wake shows what was written before it");
}

/* ---- checks ------------------------------------------------------------------------------ */
static struct gt_lock low, high, same;

static uint64_t violations(struct gt_m *m)
{
    return gt_load_relaxed(&m->rt->violations);
}

/* Each step says how many violations it must have added: m is pinned throughout. */
static void rule_breaker(void *arg)
{
    uint64_t *added = arg;
    struct gt_m *m = gt_pin();
    uint64_t before = violations(m);
    gt_lock(&low);
    gt_lock(&high);
    gt_assert_held(&low);
    gt_unlock(&low); /* any order of unlocking */
    gt_unlock(&high);
    added[0] = violations(m) - before;

    before = violations(m);
    gt_lock(&high);
    gt_lock(&low);
    gt_unlock(&low);
    gt_unlock(&high);
    added[1] = violations(m) - before;

    before = violations(m);
    gt_lock(&high);
    gt_lock(&same);
    gt_unlock(&same);
    gt_unlock(&high);
    added[2] = violations(m) - before;

    before = violations(m);
    gt_assert_held(&low);
    added[3] = violations(m) - before;

    before = violations(m);
    gt_lock(&low);
    uint32_t pinned = m->locks;
    gt_unlock(&low);
    added[4] = violations(m) - before;
    added[5] = pinned - m->locks;
    gt_unpin(m);
}

static void test_checks(void)
{
    static uint64_t added[6];
    gt_lock_init(&low, GT_RANK_SCHED);
    gt_lock_init(&high, GT_RANK_TIMERS);
    gt_lock_init(&same, GT_RANK_TIMERS);
    unsetenv("GT_VIOLATION");
    struct gt_runtime *rt = runtime_new(1);
    ok(R->run(rt, rule_breaker, added) == 0, "ran");
    is_int(added[0], 0, "rising ranks are no violation");
    if (GT_CHECKS) {
        is_int(added[1], 1, "a falling rank is counted");
        is_int(added[2], 1, "an equal rank is counted");
        is_int(added[3], 1, "a lock that must be held and is not is counted");
    } else {
        skip(3, "this build has no checks");
    }
    is_int(added[4], 0, "a lock that is held is no violation");
    is_int(added[5], 1, "a lock pins its M");
    R->destroy(rt);
}

int main(void)
{
    plan(16);
    test_exclusion();
    test_notes();
    test_checks();
    return done_testing();
}
