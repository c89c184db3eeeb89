/* SPDX-License-Identifier: Apache-2.0 */
#include "common/crew.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { YIELD_EVERY = 8, SANITIZED_SHARE = 4, SAY_MAX = 96, PIECE_NS = 5000000 };

/* What one G does: the lead, or a partner. */
struct gt_crew_seat {
    struct gt_load *l;
    uint32_t partner; /* 0: the lead; else the number of the partner + 1 */
};

/* ---- for loads ------------------------------------------------------------------------- */
bool gt_load_over(struct gt_load *l)
{
    return gt_load_relaxed(&l->crew->failed) != 0 || gt_stress_over(l->s);
}

void gt_crew_fail(struct gt_crew *c, int rc)
{
    uint32_t none = 0;
    (void)gt_cas_relaxed(&c->failed, &none, (uint32_t)-rc);
}

void gt_load_fail(struct gt_load *l, int rc)
{
    gt_crew_fail(l->crew, rc);
}

bool gt_load_trace_begin(struct gt_load *l)
{
    int rc = gt_stress_trace_start(l->s);
    if (rc != 0 && rc != -EBUSY && rc != -ENOTSUP)
        gt_load_fail(l, rc);
    return rc == 0;
}

void gt_load_trace_end(struct gt_load *l, bool begun)
{
    int rc = begun ? gt_stress_trace_stop(l->s) : 0;
    if (rc != 0)
        gt_load_fail(l, rc);
}

/* In pieces, so that the end of the round is not slept through. */
void gt_load_pause(struct gt_load *l, uint32_t most_us)
{
    int64_t left = 1000 * (int64_t)gt_rng_below(&l->rng, most_us + 1);
    if (left == 0)
        l->ops->yield();
    for (; left > 0 && !gt_load_over(l); left -= PIECE_NS)
        l->ops->sleep(left < PIECE_NS ? left : PIECE_NS);
}

/* ---- a G of the crew ------------------------------------------------------------------- */
static void lead(struct gt_load *l)
{
    while (!gt_load_over(l)) {
        l->kind->step(l);
        gt_bump(&l->steps, 1ull);
        if (l->kind->busy && gt_rng_below(&l->rng, YIELD_EVERY) == 0)
            l->ops->yield();
    }
    if (l->kind->last)
        l->kind->last(l);
}

static void sit(void *arg)
{
    const struct gt_crew_seat *seat = arg;
    const struct gt_runtime_ops *ops = seat->l->ops;
    struct gt_wg *wg = seat->l->crew->wg;
    if (seat->partner)
        seat->l->kind->partner(seat->l, seat->partner - 1);
    else
        lead(seat->l);
    ops->wg_done(wg);
}

static int seat_one(struct gt_crew *c, struct gt_crew_seat *seat)
{
    c->p->ops->wg_add(c->wg, 1);
    int rc = c->p->ops->go(sit, seat);
    if (rc != 0)
        c->p->ops->wg_done(c->wg);
    return rc;
}

/* The lead comes last: where it cannot be started, last() is left to us. */
static int seat_load(struct gt_load *l, struct gt_crew_seat *seats)
{
    int rc = 0;
    for (uint32_t i = 0; i <= l->partners && rc == 0; i++) {
        seats[i] = (struct gt_crew_seat){l, i < l->partners ? i + 1 : 0};
        rc = seat_one(l->crew, &seats[i]);
    }
    if (rc != 0) {
        gt_load_fail(l, rc);
        if (l->kind->last)
            l->kind->last(l);
    }
    return rc;
}

/* ---- the whole crew --------------------------------------------------------------------- */
static uint32_t scale(const struct gt_crew *c, uint32_t n)
{
    return c->p->sanitized ? (n + SANITIZED_SHARE - 1) / SANITIZED_SHARE : n;
}

static bool is_possible(const struct gt_crew *c, const struct gt_load_kind *k)
{
    return (k->needs & ~c->p->ops->head.flags) == 0 && (k->flags & ~c->flags) == 0;
}

static uint32_t count_of(const struct gt_crew *c, const struct gt_crew_item *item)
{
    return is_possible(c, item->kind) ? scale(c, item->n) : 0;
}

/* "4 naps(300)" */
static void describe(const struct gt_crew *c, const struct gt_crew_item *it, char *out, size_t size)
{
    char param[16] = "";
    if (it->param)
        snprintf(param, sizeof param, "(%u)", it->param);
    snprintf(out, size, "%u %s%s%s%s", count_of(c, it), it->kind->name, it->what ? " " : "",
             it->what ? it->what : "", param);
}

/* In lines as long as gt_stress_say takes them. */
static void say(struct gt_crew *c, const struct gt_crew_item *items, size_t n)
{
    char line[SAY_MAX] = "", word[SAY_MAX / 2];
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        if (count_of(c, &items[i]) == 0)
            continue;
        describe(c, &items[i], word, sizeof word);
        if (at > 0 && at + strlen(word) + 3 > sizeof line) {
            gt_stress_say(c->s, "%s", line);
            at = 0;
        }
        at += (size_t)snprintf(line + at, sizeof line - at, "%s%s", at > 0 ? ", " : "", word);
    }
    if (at > 0)
        gt_stress_say(c->s, "%s", line);
}

static int open_load(struct gt_crew *c, const struct gt_crew_item *item)
{
    struct gt_load *l = &c->loads[c->n];
    *l = (struct gt_load){.kind = item->kind,
                          .crew = c,
                          .s = c->s,
                          .p = c->p,
                          .ops = c->p->ops,
                          .rng = gt_rng_make(c->p->seed, c->n),
                          .index = c->n,
                          .param = item->param,
                          .what = item->what,
                          .partners = scale(c, item->kind->partners)};
    gt_init(&l->steps, 0ull);
    if (item->kind->own) {
        l->own = calloc(1, item->kind->own);
        if (!l->own)
            return -ENOMEM;
    }
    c->n++; /* close() from here on */
    return item->kind->open ? item->kind->open(l) : 0;
}

static int open_all(struct gt_crew *c, const struct gt_crew_item *items, size_t n)
{
    uint32_t loads = 0, seats = 0;
    for (size_t i = 0; i < n; i++) {
        loads += count_of(c, &items[i]);
        seats += count_of(c, &items[i]) * (1 + scale(c, items[i].kind->partners));
    }
    c->loads = aligned_alloc(64, (loads + 1) * sizeof *c->loads);
    c->seats = calloc(seats + 1, sizeof *c->seats);
    c->wg = c->p->ops->wg_new();
    int rc = c->loads && c->seats && c->wg ? 0 : -ENOMEM;
    for (size_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < count_of(c, &items[i]) && rc == 0; k++)
            rc = open_load(c, &items[i]);
    return rc;
}

int gt_crew_start(struct gt_crew *c, struct gt_stress *s, const struct gt_stress_params *p,
                  uint32_t flags, const struct gt_crew_item *items, size_t n)
{
    *c = (struct gt_crew){.s = s, .p = p, .flags = flags};
    gt_init(&c->failed, 0u);
    say(c, items, n);
    int rc = open_all(c, items, n);
    for (uint32_t i = 0, seat = 0; i < c->n && rc == 0; i++) {
        rc = seat_load(&c->loads[i], &c->seats[seat]);
        seat += 1 + c->loads[i].partners;
    }
    gt_crew_fail(c, rc);
    return rc;
}

void gt_crew_wait(struct gt_crew *c)
{
    if (c->wg)
        c->p->ops->wg_wait(c->wg);
}

int gt_crew_end(struct gt_crew *c)
{
    gt_crew_wait(c);
    if (c->wg)
        c->p->ops->wg_free(c->wg);
    for (uint32_t i = 0; i < c->n; i++) {
        if (c->loads[i].kind->close)
            c->loads[i].kind->close(&c->loads[i]);
        free(c->loads[i].own);
    }
    free(c->loads);
    free(c->seats);
    return -(int)gt_load_relaxed(&c->failed);
}

int gt_crew_run(struct gt_stress *s, const struct gt_stress_params *p, uint32_t flags,
                const struct gt_crew_item *items, size_t n)
{
    struct gt_crew c;
    (void)gt_crew_start(&c, s, p, flags, items, n);
    return gt_crew_end(&c);
}
