/* SPDX-License-Identifier: Apache-2.0 */
/*
 * profile: a G per P burns CPU time in three functions, in shares of 50, 30 and 20 % by the
 * thread's own CPU clock. Whoever samples CPU time must find these shares again, under these names.
 *
 * The slices are of random length, so that they keep no step with the clock of a profiler; the
 * function that is furthest behind its share is next. No call of the runtime stands
 * between the two readings of the clock, so both are of the same thread.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/calls.h"
#include "common/rng.h"
#include "common/team.h"
#include "gauntlet/workload.h"

#define SLICE_NS 100000 /* what one operation is, on average */
#define CHUNK_NS 50000  /* about so long between two looks at the clock */
#define STUCK_MOST 1000 /* looks at a clock that stands */
#define OFF_MOST 0.02   /* how far the shares may be off by the clock */
enum { HOT = 3 };
static const double shares[HOT] = {0.5, 0.3, 0.2};

/* ---- the hot functions ----------------------------------------------------------------- */
typedef uint64_t (*burn_fn)(uint64_t x, uint64_t rounds);

/* Not inlined, not merged, not computed beforehand. */
#define BURN(name, factor)                                                                         \
    __attribute__((noinline)) static uint64_t name(uint64_t x, uint64_t rounds)                    \
    {                                                                                              \
        for (uint64_t i = 0; i < rounds; i++) {                                                    \
            x = x * (factor) + 1;                                                                  \
            __asm__ volatile("" : "+r"(x));                                                        \
        }                                                                                          \
        return x;                                                                                  \
    }
BURN(profile_burns_50, 0x5851f42d4c957f2dull)
BURN(profile_burns_30, 0xda942042e4dd58b5ull)
BURN(profile_burns_20, 0xaf251af3b0f025b5ull)

static const burn_fn burns[HOT] = {profile_burns_50, profile_burns_30, profile_burns_20};

/* Rounds that take about CHUNK_NS, as far as this time was undisturbed. */
static uint64_t try_rounds(burn_fn burn)
{
    for (uint64_t rounds = 256;; rounds *= 2) {
        int64_t start = gt_call_thread_cpu();
        (void)burn(1, rounds);
        int64_t took = gt_call_thread_cpu() - start;
        if (took >= CHUNK_NS)
            return rounds * CHUNK_NS / (uint64_t)took + 1;
        if (rounds > UINT64_MAX / 4)
            return rounds; /* the clock stands */
    }
}

static uint64_t calibrate(burn_fn burn)
{
    uint64_t most = 0;
    for (int i = 0; i < 3; i++) {
        uint64_t rounds = try_rounds(burn);
        most = rounds > most ? rounds : most;
    }
    return most;
}

/* ---- one G ------------------------------------------------------------------------------ */
struct burner {
    const struct gt_runtime_ops *ops;
    uint64_t want, done;
    struct gt_rng rng;
    uint64_t rounds[HOT];
    int64_t cpu[HOT]; /* ns */
    uint64_t x;
    uint32_t stuck; /* looks in a row that found the clock standing */
    bool clock_fails;
};

static int furthest_behind(const struct burner *b)
{
    int at = 0;
    for (int i = 1; i < HOT; i++)
        if ((double)b->cpu[i] / shares[i] < (double)b->cpu[at] / shares[at])
            at = i;
    return at;
}

static void burn_slice(struct burner *b, int i, int64_t ns)
{
    int64_t start = gt_call_thread_cpu(), now = start;
    do {
        b->x = burns[i](b->x, b->rounds[i]);
        int64_t before = now;
        now = gt_call_thread_cpu();
        b->stuck = now > before ? 0 : b->stuck + 1;
        b->clock_fails = b->stuck > STUCK_MOST;
    } while (now - start < ns && !b->clock_fails);
    b->cpu[i] += now - start;
}

static void burner(void *arg)
{
    struct burner *b = arg;
    uint64_t id = b->ops->goid();
    int64_t spent = 0;
    for (int i = 0; i < HOT; i++)
        b->rounds[i] = calibrate(burns[i]);
    while (spent < (int64_t)b->want * SLICE_NS && !b->clock_fails) {
        burn_slice(b, furthest_behind(b), gt_rng_between(&b->rng, SLICE_NS / 4, SLICE_NS * 7 / 4));
        b->ops->checkpoint();
        spent = b->cpu[0] + b->cpu[1] + b->cpu[2];
    }
    b->done = b->ops->goid() == id ? (uint64_t)(spent / SLICE_NS) : 0;
}

/* ---- all of them -------------------------------------------------------------------------- */
static void judge(const struct burner *b, uint32_t k, struct gt_workload_result *r)
{
    static const char *const names[HOT] = {"share_50", "share_30", "share_20"};
    double cpu[HOT] = {0}, all = 0;
    for (uint32_t g = 0; g < k; g++) {
        gt_workload_check(r, !b[g].clock_fails, "the CPU clock of a thread does not rise");
        gt_workload_check(r, b[g].done >= b[g].want, "G %u did %llu operations, not %llu", g,
                          (unsigned long long)b[g].done, (unsigned long long)b[g].want);
        r->ops += b[g].done;
        for (int i = 0; i < HOT; i++)
            cpu[i] += (double)b[g].cpu[i];
    }
    for (int i = 0; i < HOT; i++)
        all += cpu[i];
    for (int i = 0; i < HOT; i++) {
        double share = all > 0 ? cpu[i] / all : 0, off = share - shares[i];
        r->extra[i] = share;
        r->extra_name[i] = names[i];
        /* One slice more or less is a lot of a few. */
        double most = OFF_MOST + 2.0 * k * SLICE_NS / (all > 0 ? all : 1);
        gt_workload_check(r, off < most && off > -most, "%s is %.3f by the clock", names[i], share);
    }
}

static int run(const struct gt_workload_params *p, struct gt_workload_result *r)
{
    uint32_t k = gt_team_size(p, (uint32_t)p->procs, 1, 1);
    struct burner *b = calloc(k, sizeof *b);
    if (!b)
        return -ENOMEM;
    for (uint32_t i = 0; i < k; i++)
        b[i] = (struct burner){
            .ops = p->ops, .want = gt_team_share(p->n, k), .rng = gt_rng_make(p->seed, i)};
    int64_t start = p->ops->now();
    int rc = gt_team_run(p, k, b, sizeof *b, burner);
    r->ns = p->ops->now() - start;
    if (rc == 0)
        judge(b, k, r);
    free(b);
    return rc;
}

const struct gt_workload_ops gt_workload_profile = {
    .head = GT_PLUGIN_HEAD(GT_MAGIC_WORKLOAD, struct gt_workload_ops, "profile",
                           "CPU time burnt in three functions, in known shares", 0),
    .unit = "100 us of CPU time",
    .checks = "the shares are 50, 30 and 20 % by the threads' CPU clocks",
    .quick_n = 3000,
    .op_ns = SLICE_NS,
    .run = run,
};
