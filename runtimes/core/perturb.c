/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disturbance: a thread that passes a labelled point may be delayed there.
 *
 * Invariants:
 *   I1 One draw at each point that an M passes, from a stream that only this M uses and that
 *      begins anew with its serial and with the round; nothing else draws from it.
 *   I2 Under a core lock an M only spins, shortly: others spin or sleep for the lock. Sysmon's
 *      own lock is none of these: only who starts a trace waits for it, and sysmon's steals
 *      are what is to be disturbed.
 *   I3 A point is never passed under a spin lock or in a signal handler.
 *   I4 One M starves at a time; what is planned for all, this one included, is at most a fifth
 *      of the time since the runtime was made. A run that ends frees it.
 *   I5 A delay changes nothing but time: the M is pinned meanwhile, errno is kept.
 * Progress: every delay is bounded by its draw.
 */
#include <errno.h>
#include <string.h>

#include "core/core.h"

#define SPIN_LEAST 100
#define SPIN_MOST (50 * GT_NS_PER_US)
#define SPIN_LOCKED (5 * GT_NS_PER_US)
#define SLEEP_LEAST (20 * GT_NS_PER_US)
#define SLEEP_MOST (2 * GT_NS_PER_MS)
#define STARVE_LEAST GT_NS_PER_MS
#define STARVE_SLICE GT_NS_PER_MS
#define STARVE_SHARE 5 /* one part of so many */

/* Of 65536. */
static const struct level {
    uint32_t cold, hot, starve; /* starve: of sleeps */
    uint32_t hot_points;
    int64_t starve_most;
    const char *name;
} levels[GT_PERTURB_LEVELS] = {
    [GT_PERTURB_OFF] = {.name = "off"},
    [GT_PERTURB_LOW] = {64, 2048, 0, 2, 0, "low"},
    [GT_PERTURB_MEDIUM] = {256, 8192, 1024, 3, 200 * GT_NS_PER_MS, "medium"},
    [GT_PERTURB_HIGH] = {1024, 21845, 2048, 4, 2 * GT_NS_PER_S, "high"},
};

/* ---- names ------------------------------------------------------------------------------ */
int gt_perturb_parse(const char *s)
{
    for (int i = 0; i < GT_PERTURB_LEVELS; i++)
        if (strcmp(s, levels[i].name) == 0 || (s[0] == '0' + i && s[1] == '\0'))
            return i;
    return strcmp(s, "none") == 0 ? GT_PERTURB_OFF : -EINVAL;
}

const char *gt_perturb_level_name(uint32_t level)
{
    return level < GT_PERTURB_LEVELS ? levels[level].name : "?";
}

static const struct {
    const char *name, *text;
} points[GT_PERTURB_POINTS] = {
#define GT_PERTURB_POINT(sym, text_) {#sym, text_},
#include "gauntlet/perturb.def"
#undef GT_PERTURB_POINT
};

const char *gt_perturb_name(enum gt_perturb_point p)
{
    return p < GT_PERTURB_POINTS ? points[p].name : "?";
}

const char *gt_perturb_text(enum gt_perturb_point p)
{
    return p < GT_PERTURB_POINTS ? points[p].text : "?";
}

#if GT_ORACLE
/* ---- draws -------------------------------------------------------------------------------- */
/* Neighbouring seeds and serials give streams that have nothing in common. Never 0. */
uint64_t gt_perturb_stream(uint64_t seed, uint64_t serial)
{
    uint64_t x = seed + serial * 0x9e3779b97f4a7c15ull;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
    return (x ^ (x >> 31)) | 1u;
}

/* From least to most: each doubling is as likely as the next, so short ones and long ones are. */
static int64_t between(int64_t least, int64_t most, uint32_t r)
{
    int doublings = 0;
    while ((least << (doublings + 1)) <= most)
        doublings++;
    int64_t low = least << (r % ((unsigned)doublings + 1u));
    int64_t ns = low + (int64_t)((uint64_t)low * (r >> 16) >> 16);
    return ns < most ? ns : most;
}

struct gt_perturb_draw gt_perturb_take(uint64_t *stream, uint32_t level, bool hot)
{
    const struct level *l = &levels[level];
    uint64_t r = gt_rand(stream);
    if ((r & 0xffffu) >= (hot ? l->hot : l->cold))
        return (struct gt_perturb_draw){GT_PERTURB_NOTHING, 0};
    unsigned which = (unsigned)(r >> 16) & 0xffu;
    uint32_t how_long = (uint32_t)(r >> 32);
    if (which < 96)
        return (struct gt_perturb_draw){GT_PERTURB_YIELD, 0};
    if (which < 192)
        return (struct gt_perturb_draw){GT_PERTURB_SPIN, between(SPIN_LEAST, SPIN_MOST, how_long)};
    /* 64 of 256 values are left for sleeps: `which` has 6 bits of chance, the next byte 8. */
    unsigned starve = ((which & 0x3fu) << 8 | ((unsigned)(r >> 24) & 0xffu)) << 2;
    if (starve < l->starve)
        return (struct gt_perturb_draw){GT_PERTURB_STARVE,
                                        between(STARVE_LEAST, l->starve_most, how_long)};
    return (struct gt_perturb_draw){GT_PERTURB_SLEEP, between(SLEEP_LEAST, SLEEP_MOST, how_long)};
}

/* ---- rounds --------------------------------------------------------------------------------- */
static void draw_hot(struct gt_perturb *d)
{
    uint64_t s = gt_perturb_stream(d->seed, 0);
    memset(d->hot, 0, sizeof d->hot);
    for (uint32_t n = 0; n < levels[d->level].hot_points;) {
        uint64_t at = (gt_rand(&s) >> 16) % GT_PERTURB_POINTS;
        n += !d->hot[at];
        d->hot[at] = true;
    }
}

void gt_perturb_round(struct gt_runtime *rt, uint64_t seed)
{
    rt->perturb.seed = seed;
    rt->perturb.round++;
    draw_hot(&rt->perturb);
}

void gt_perturb_next_round(struct gt_runtime *rt)
{
    if (rt->perturb.level != GT_PERTURB_OFF)
        gt_perturb_round(rt, gt_perturb_stream(rt->perturb.seed, rt->perturb.round));
}

void gt_perturb_begin(struct gt_runtime *rt)
{
    rt->perturb.level = rt->config.perturb;
    rt->perturb.began = gt_nanotime();
    gt_perturb_round(rt, rt->config.seed);
}

/* ---- delays ----------------------------------------------------------------------------------- */
static void spin_for(int64_t ns)
{
    int64_t end = gt_nanotime() + ns;
    while (gt_nanotime() < end)
        for (int i = 0; i < 8; i++)
            gt_cpu_relax();
}

/* I4. The slices let the end of a run free the victim. */
static bool starve(struct gt_m *m, int64_t ns)
{
    struct gt_runtime *rt = m->rt;
    struct gt_perturb *d = &rt->perturb;
    uint64_t none = 0;
    if (!gt_cas_acquire(&d->victim, &none, m->t.serial)) /* pair: victim */
        return false;
    int64_t now = gt_nanotime();
    uint64_t total = gt_load_relaxed(&d->starved_ns) + (uint64_t)ns;
    bool may = total * STARVE_SHARE <= (uint64_t)(now - d->began);
    if (may) {
        gt_store_relaxed(&d->starved_ns, total);
        gt_bump(&d->starved, 1u);
        if ((uint64_t)ns > gt_load_relaxed(&d->starved_most))
            gt_store_relaxed(&d->starved_most, (uint64_t)ns);
        for (int64_t end = now + ns; now < end; now = gt_nanotime()) {
            if (gt_load_relaxed(&rt->exiting) != 0 || gt_load_relaxed(&rt->run_status) != 1)
                break;
            gt_sleep_ns(end - now < STARVE_SLICE ? end - now : STARVE_SLICE);
        }
    }
    gt_store_release(&d->victim, 0u); /* pair: victim */
    return may;
}

static void sleep_for(struct gt_m *m, int64_t ns)
{
    gt_bump(&m->perturb.sleeps, 1u);
    gt_sleep_ns(ns < SLEEP_MOST ? ns : SLEEP_MOST);
}

static void delay(struct gt_m *m, struct gt_perturb_draw d)
{
    if (d.what == GT_PERTURB_YIELD) {
        gt_bump(&m->perturb.yields, 1u);
        gt_thread_yield();
    } else if (d.what == GT_PERTURB_SPIN) {
        gt_bump(&m->perturb.spins, 1u);
        spin_for(d.ns);
    } else if (d.what == GT_PERTURB_SLEEP || !starve(m, d.ns)) {
        sleep_for(m, d.ns);
    }
}

/* I2. */
static bool must_be_quick(const struct gt_m *m)
{
    return m->nheld > 1 || (m->nheld == 1 && m->held[0]->rank != GT_RANK_SYSMON);
}

static void delay_quickly(struct gt_m *m, struct gt_perturb_draw d)
{
    gt_bump(&m->perturb.spins, 1u);
    spin_for(d.ns > 0 && d.ns < SPIN_LOCKED ? d.ns : SPIN_LOCKED);
}

GT_NOINLINE void gt_perturb_pass(struct gt_m *m, enum gt_perturb_point p)
{
    struct gt_perturb *d = &m->rt->perturb;
    struct gt_perturb_m *pm = &m->perturb;
    if (pm->off != 0)
        return; /* I3 */
    m->locks++;
    gt_signal_fence();
    if (pm->serial != m->t.serial || pm->round != d->round) {
        pm->serial = m->t.serial;
        pm->round = d->round;
        pm->stream = gt_perturb_stream(d->seed, m->t.serial);
    }
    gt_bump(&pm->draws, 1u);
    gt_bump(&pm->passed[p], 1u);
    if (gt_unlikely(d->scene != NULL)) {
        d->scene(m, p);
        m->locks--;
        return;
    }
    struct gt_perturb_draw draw = gt_perturb_take(&pm->stream, d->level, d->hot[p]);
    if (gt_unlikely(draw.what != GT_PERTURB_NOTHING)) {
        int saved = errno;
        if (must_be_quick(m))
            delay_quickly(m, draw);
        else
            delay(m, draw);
        errno = saved;
    }
    gt_signal_fence();
    m->locks--;
}

/* By the M that is in a section's entry, whoever's section it is (section.h). */
void gt_perturb_section(void)
{
    GT_PERTURB_SELF(section_marked);
}

/* ---- what was done -------------------------------------------------------------------------------- */
void gt_perturb_stats(struct gt_runtime *rt, struct gt_perturb_stats *out)
{
    *out = (struct gt_perturb_stats){
        .starved = gt_load_relaxed(&rt->perturb.starved),
        .starved_ns = gt_load_relaxed(&rt->perturb.starved_ns),
        .starved_most = gt_load_relaxed(&rt->perturb.starved_most),
    };
    gt_lock(&rt->sched_lock);
    for (struct gt_m *m = rt->all_ms; m; m = m->all_next) {
        out->draws += gt_load_relaxed(&m->perturb.draws);
        out->yields += gt_load_relaxed(&m->perturb.yields);
        out->spins += gt_load_relaxed(&m->perturb.spins);
        out->sleeps += gt_load_relaxed(&m->perturb.sleeps);
    }
    gt_unlock(&rt->sched_lock);
}

uint64_t gt_perturb_passed(struct gt_runtime *rt, enum gt_perturb_point p)
{
    uint64_t n = 0;
    gt_lock(&rt->sched_lock);
    for (struct gt_m *m = rt->all_ms; m; m = m->all_next)
        n += gt_load_relaxed(&m->perturb.passed[p]);
    gt_unlock(&rt->sched_lock);
    return n;
}

bool gt_perturb_is_hot(struct gt_runtime *rt, enum gt_perturb_point p)
{
    return rt->perturb.hot[p];
}
#endif
