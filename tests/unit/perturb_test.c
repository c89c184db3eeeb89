/* SPDX-License-Identifier: Apache-2.0 */
/* Disturbance (core/perturb.c): what is drawn, who is delayed, and that every point is passed by
 * something that a runtime does.
 * GT_TEST: timeout=180 */
#include <errno.h>

#include "storm.h"

extern const struct gt_tracer_ops gt_tracer_gen, gt_tracer_locked;

#define SEED 77u
#define DRAWS 200000
#define PATIENCE (100 * GT_NS_PER_S)

static struct gt_runtime *perturbed(uint32_t level, const struct gt_tracer_ops *tracer,
                                    enum gt_syscall_model model, int32_t procs)
{
    struct gt_config c;
    struct gt_runtime *rt = NULL;
    char err[160] = "";
    gt_config_init(&c);
    c.scheduler = &gt_scheduler_worksteal;
    c.tracer = tracer;
    c.procs = procs;
    c.seed = SEED;
    c.syscalls = model;
    c.perturb = level;
    if (R->create(&c, &rt, err, sizeof err) != 0)
        bail_out("create: %s", err);
    return rt;
}

/* ---- names ---------------------------------------------------------------------------- */
static void check_names(void)
{
    static const char *const names[] = {"off", "low", "medium", "high"};
    for (int i = 0; i < GT_PERTURB_LEVELS; i++) {
        char digit[2] = {(char)('0' + i), '\0'};
        expect(gt_perturb_parse(names[i]) == i && gt_perturb_parse(digit) == i);
        expect(strcmp(gt_perturb_level_name((uint32_t)i), names[i]) == 0);
    }
    expect(gt_perturb_parse("none") == GT_PERTURB_OFF);
    static const char *const bad_ones[] = {"", "4", "-1", "Low", "11", "lo", "high "};
    for (size_t i = 0; i < sizeof bad_ones / sizeof *bad_ones; i++)
        expect(gt_perturb_parse(bad_ones[i]) == -EINVAL);
    ok(gt_load_relaxed(&bad) == 0, "levels by name and number, nothing else");
}

static void check_refused(void)
{
    struct gt_config c;
    struct gt_runtime *rt = NULL;
    char err[160] = "";
    gt_config_init(&c);
    c.scheduler = &gt_scheduler_worksteal;
    c.tracer = &gt_tracer_none;
    c.perturb = GT_PERTURB_LEVELS;
    int rc = R->create(&c, &rt, err, sizeof err);
    ok(rc == -EINVAL && rt == NULL && strstr(err, "perturb") != NULL, "no such level: %s", err);
}

/* ---- draws ------------------------------------------------------------------------------ */
struct tally {
    uint64_t n[GT_PERTURB_STARVE + 1];
    int64_t least[GT_PERTURB_STARVE + 1], most[GT_PERTURB_STARVE + 1];
};

static struct tally tally_of(uint32_t level, bool hot)
{
    struct tally t = {0};
    uint64_t s = gt_perturb_stream(SEED, 3);
    for (int i = 0; i < DRAWS; i++) {
        struct gt_perturb_draw d = gt_perturb_take(&s, level, hot);
        if (t.n[d.what]++ == 0 || d.ns < t.least[d.what])
            t.least[d.what] = d.ns;
        if (d.ns > t.most[d.what])
            t.most[d.what] = d.ns;
    }
    return t;
}

static bool about(uint64_t delayed, uint32_t one_in)
{
    uint64_t want = DRAWS / one_in;
    return delayed > want - want / 4 && delayed < want + want / 4;
}

/* What perturb.h says of each level. */
static void check_shares(void)
{
    static const struct {
        uint32_t cold, hot;
        int64_t starve;
    } says[] = {{0, 0, 0},
                {1024, 32, 0},
                {256, 8, 200 * GT_NS_PER_MS},
                {64, 3, 2 * GT_NS_PER_S}};
    for (uint32_t l = GT_PERTURB_LOW; l < GT_PERTURB_LEVELS; l++) {
        struct tally cold = tally_of(l, false), hot = tally_of(l, true);
        expect(about(DRAWS - cold.n[GT_PERTURB_NOTHING], says[l].cold));
        expect(about(DRAWS - hot.n[GT_PERTURB_NOTHING], says[l].hot));
        expect(hot.n[GT_PERTURB_YIELD] > 0 && hot.n[GT_PERTURB_SPIN] > 0 && hot.n[GT_PERTURB_SLEEP] > 0);
        expect(hot.least[GT_PERTURB_SPIN] >= 100 && hot.most[GT_PERTURB_SPIN] <= 50 * GT_NS_PER_US);
        expect(hot.least[GT_PERTURB_SLEEP] >= 20 * GT_NS_PER_US);
        expect(hot.most[GT_PERTURB_SLEEP] <= 2 * GT_NS_PER_MS);
        expect((hot.n[GT_PERTURB_STARVE] > 0) == (says[l].starve > 0));
        expect(hot.most[GT_PERTURB_STARVE] <= says[l].starve);
    }
    ok(gt_load_relaxed(&bad) == 0, "each level delays as often, and as long, as it says");
}

static void check_streams(void)
{
    uint64_t a = gt_perturb_stream(SEED, 4), b = gt_perturb_stream(SEED, 4),
             c = gt_perturb_stream(SEED, 5), d = gt_perturb_stream(SEED + 1, 4);
    bool same = true;
    int like_c = 0, like_d = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t x = gt_rand(&a);
        same = same && x == gt_rand(&b);
        like_c += x == gt_rand(&c);
        like_d += x == gt_rand(&d);
    }
    ok(same && like_c == 0 && like_d == 0, "a stream is its seed's and its M's");
}

/* ---- in a runtime -------------------------------------------------------------------------- */
static void parks_and_calls(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2000; i++) {
        R->syscall_enter();
        R->syscall_exit();
        R->yield();
    }
}

static void some_work(void *arg)
{
    (void)arg;
    for (int i = 0; i < 4; i++)
        expect(R->go(parks_and_calls, NULL) == 0);
    parks_and_calls(NULL);
}

static void check_off(void)
{
    struct gt_perturb_stats s;
    struct gt_runtime *rt = perturbed(GT_PERTURB_OFF, &gt_tracer_none, GT_SYSCALLS_SCANBIT, 2);
    expect(R->run(rt, some_work, NULL) == 0);
    gt_perturb_stats(rt, &s);
    uint64_t passed = 0;
    for (int p = 0; p < GT_PERTURB_POINTS; p++)
        passed += gt_perturb_passed(rt, (enum gt_perturb_point)p);
    ok(s.draws == 0 && passed == 0 && s.yields + s.spins + s.sleeps + s.starved == 0,
       "off: nothing is drawn");
    ok(rt->tracer_host.perturb == NULL, "off: tracers have nothing to call");
    R->destroy(rt);
}

/* Every M stands where its seed, its serial and the number of its draws put it. */
static bool streams_repeat(struct gt_runtime *rt, uint64_t *draws)
{
    *draws = 0;
    for (struct gt_m *m = rt->all_ms; m; m = m->all_next) {
        uint64_t n = gt_load_relaxed(&m->perturb.draws);
        *draws += n;
        if (n == 0)
            continue;
        uint64_t s = gt_perturb_stream(SEED, m->perturb.serial);
        for (uint64_t i = 0; i < n; i++)
            (void)gt_rand(&s);
        if (s != m->perturb.stream)
            return false;
    }
    return true;
}

/* Of the Ms whose serial never changed: the first few of a runtime without foreign threads. */
static void check_repeats(void)
{
    uint64_t draws[2];
    bool hot[2][GT_PERTURB_POINTS], repeat = true;
    for (int k = 0; k < 2; k++) {
        struct gt_runtime *rt = perturbed(GT_PERTURB_LOW, &gt_tracer_none, GT_SYSCALLS_STATUS, 2);
        expect(R->run(rt, some_work, NULL) == 0);
        repeat = streams_repeat(rt, &draws[k]) && repeat;
        for (int p = 0; p < GT_PERTURB_POINTS; p++)
            hot[k][p] = gt_perturb_is_hot(rt, (enum gt_perturb_point)p);
        R->destroy(rt);
    }
    ok(repeat && draws[0] > 1000 && draws[1] > 1000,
       "the draws of an M repeat for a seed (%llu and %llu of them)", (unsigned long long)draws[0],
       (unsigned long long)draws[1]);
    ok(memcmp(hot[0], hot[1], sizeof hot[0]) == 0, "so do the hot points");
}

static void check_rounds(void)
{
    struct gt_runtime *rt = perturbed(GT_PERTURB_HIGH, &gt_tracer_none, GT_SYSCALLS_SCANBIT, 1);
    bool seen[GT_PERTURB_POINTS] = {false}, counted = true;
    int different = 0;
    for (uint64_t round = 0; round < 1000; round++) {
        int n = 0;
        for (int p = 0; p < GT_PERTURB_POINTS; p++) {
            bool hot = gt_perturb_is_hot(rt, (enum gt_perturb_point)p);
            n += hot;
            different += hot && !seen[p];
            seen[p] |= hot;
        }
        counted = counted && n == 4;
        gt_journal_next_round(rt);
    }
    ok(counted && different == GT_PERTURB_POINTS, "4 points are hot in each round, each one some day");
    R->destroy(rt);
}

/* Under a core lock an M spins at most: nobody sleeps on a lock for a millisecond because of it. */
static void check_under_lock(void)
{
    struct gt_runtime *rt = perturbed(GT_PERTURB_HIGH, &gt_tracer_none, GT_SYSCALLS_SCANBIT, 1);
    struct gt_m *m = rt->boot_m;
    gt_tls_set_m(m);
    gt_lock(&rt->sched_lock);
    for (int i = 0; i < 20000; i++)
        GT_PERTURB(m, stop_stopping);
    gt_unlock(&rt->sched_lock);
    uint64_t spins = gt_load_relaxed(&m->perturb.spins);
    bool none = gt_load_relaxed(&m->perturb.sleeps) + gt_load_relaxed(&m->perturb.yields) == 0;
    gt_lock(&rt->sysmon_lock);
    for (int i = 0; i < 2000; i++)
        GT_PERTURB(m, retake_seen);
    gt_unlock(&rt->sysmon_lock);
    uint64_t sleeps = gt_load_relaxed(&m->perturb.sleeps);
    GT_PERTURB_PAUSE(m);
    uint64_t before = gt_load_relaxed(&m->perturb.draws);
    GT_PERTURB(m, park_event);
    bool paused = gt_load_relaxed(&m->perturb.draws) == before;
    GT_PERTURB_RESUME(m);
    gt_tls_set_m(NULL);
    ok(none && spins > 0 && sleeps > 0 && m->locks == 0,
       "under a core lock an M only spins, under sysmon's own it may sleep");
    ok(paused, "in a handler nothing is drawn");
    R->destroy(rt);
}

/* ---- starvation ------------------------------------------------------------------------------- */
static void check_starvation(void)
{
    struct gt_runtime *rt = perturbed(GT_PERTURB_HIGH, &gt_tracer_none, GT_SYSCALLS_SCANBIT, 1);
    struct gt_m *m = rt->boot_m;
    struct gt_perturb_stats s = {0};
    gt_store_relaxed(&rt->run_status, 1);
    gt_tls_set_m(m);
    bool within = true;
    int64_t end = gt_nanotime() + PATIENCE;
    while (s.starved < 5 && gt_nanotime() < end) {
        GT_PERTURB(m, idle_recheck);
        gt_perturb_stats(rt, &s);
        within = within && s.starved_ns * 5 <= (uint64_t)(gt_nanotime() - rt->perturb.began);
    }
    ok(s.starved >= 5 && within && s.starved_most <= 2u * (uint64_t)GT_NS_PER_S,
       "a victim starves for at most a fifth of the time (%llu times, %llu us, longest %llu us)",
       (unsigned long long)s.starved, (unsigned long long)s.starved_ns / 1000,
       (unsigned long long)s.starved_most / 1000);
    gt_store_relaxed(&rt->perturb.victim, 1u << 20); /* somebody else */
    uint64_t had = s.starved;
    for (int i = 0; i < 1000; i++)
        GT_PERTURB(m, idle_recheck);
    gt_perturb_stats(rt, &s);
    ok(s.starved == had, "one at a time");
    gt_tls_set_m(NULL);
    R->destroy(rt);
}

/* ---- every point -------------------------------------------------------------------------------- */
static uint64_t passed_in_all[GT_PERTURB_POINTS];

struct reach {
    struct gt_runtime *rt;
    int64_t until;
    int missing;
};

static bool reached_enough(void *arg)
{
    struct reach *r = arg;
    r->missing = 0;
    for (int p = 0; p < GT_PERTURB_POINTS; p++)
        r->missing += passed_in_all[p] + gt_perturb_passed(r->rt, (enum gt_perturb_point)p) == 0;
    return r->missing == 0 || gt_nanotime() > r->until;
}

static void storm_on(const struct gt_tracer_ops *tracer, enum gt_syscall_model model, int64_t ns)
{
    struct gt_runtime *rt = perturbed(GT_PERTURB_MEDIUM, tracer, model, 4);
    struct reach r = {.rt = rt, .until = gt_nanotime() + ns};
    struct storm s = {.rt = rt, .procs = 4, .enough = reached_enough, .arg = &r};
    expect(R->run(rt, storm_main, &s) == 0);
    struct gt_perturb_stats d;
    struct gt_runtime_stats all;
    gt_perturb_stats(rt, &d);
    R->stats(rt, &all);
    expect(all.violations == 0);
    expect(d.draws > 0 && d.yields > 0 && d.spins > 0 && d.sleeps > 0);
    for (int p = 0; p < GT_PERTURB_POINTS; p++)
        passed_in_all[p] += gt_perturb_passed(rt, (enum gt_perturb_point)p);
    R->destroy(rt);
}

static void check_reached(void)
{
    storm_on(&gt_tracer_locked, GT_SYSCALLS_STATUS, 100 * GT_NS_PER_MS);
    storm_on(&gt_tracer_gen, GT_SYSCALLS_STATUS, 500 * GT_NS_PER_MS);
    storm_on(&gt_tracer_gen, GT_SYSCALLS_SCANBIT, PATIENCE);
    for (int p = 0; p < GT_PERTURB_POINTS; p++)
        if (passed_in_all[p] == 0)
            diag("never passed: %s (%s)", gt_perturb_name((enum gt_perturb_point)p),
                 gt_perturb_text((enum gt_perturb_point)p));
        else
            expect(gt_perturb_text((enum gt_perturb_point)p)[0] != '\0');
    int missing = 0;
    for (int p = 0; p < GT_PERTURB_POINTS; p++)
        missing += passed_in_all[p] == 0;
    ok(missing == 0, "each of %d points is passed", (int)GT_PERTURB_POINTS);
    ok(gt_load_relaxed(&bad) == 0, "and a disturbed runtime breaks no rule");
}

int main(void)
{
    check_names();
    check_refused();
    check_shares();
    check_streams();
    check_off();
    check_repeats();
    check_rounds();
    check_under_lock();
    check_starvation();
    check_reached();
    return done_testing();
}
