/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal in two orders: by M, as it was written, and by G or P, by version.
 *
 * Invariants:
 *   I1 The entries of one M's serial have numbers without a gap, those of one G or P versions
 *      without a gap: so each has its place by its number, and nothing is compared to sort.
 *      A journal with a gap is not whole, and proves nothing.
 */
#include <errno.h>

#include "harness/truth_internal.h"

#define OF_P 0x80000000u /* in chain_of, while it is made */

bool gt_vec32_push(struct gt_truth *t, struct gt_vec32 *v, uint32_t x)
{
    uint32_t *w = gt_more(t, v->v, v->n, &v->cap, sizeof *v->v);
    if (!w)
        return false;
    v->v = w;
    v->v[v->n++] = x;
    return true;
}

void *gt_truth_need(struct gt_truth *t, enum gt_space_use use, size_t bytes)
{
    struct gt_space *s = &t->space[use];
    if (s->size < bytes || !s->p) {
        free(s->p);
        s->size = bytes + bytes / 4 + 64;
        s->p = malloc(s->size);
        if (!s->p) {
            s->size = 0;
            t->rc = -ENOMEM;
        }
    }
    return s->p;
}

static uint32_t slot_of(const struct gt_chains *c, uint64_t id)
{
    uint32_t i = (uint32_t)(id * 0x9e3779b97f4a7c15ull >> 32) & c->mask;
    while (c->slots[i] != 0 && c->c[c->slots[i] - 1].id != id)
        i = (i + 1) & c->mask;
    return i;
}

static bool grow(struct gt_truth *t, struct gt_chains *c)
{
    uint32_t cap = c->cap ? c->cap * 2 : 1024;
    struct gt_chain *k = realloc(c->c, cap * sizeof *k);
    if (k)
        c->c = k;
    uint32_t *slots = k ? calloc((size_t)cap * 2, sizeof *slots) : NULL;
    if (!slots) {
        t->rc = -ENOMEM;
        return false;
    }
    free(c->slots);
    c->slots = slots;
    c->cap = cap;
    c->mask = cap * 2 - 1;
    for (uint32_t i = 0; i < c->n; i++)
        c->slots[slot_of(c, c->c[i].id)] = i + 1;
    return true;
}

/* An entry of `id`, numbered `version`: which chain. */
static uint32_t chain_for(struct gt_truth *t, struct gt_chains *c, uint64_t id, uint64_t version)
{
    struct gt_chain *k = c->n && c->c[c->last].id == id ? &c->c[c->last] : NULL;
    if (!k) {
        if (c->n == c->cap && !grow(t, c))
            return GT_NO_INDEX;
        uint32_t s = slot_of(c, id);
        if (c->slots[s] == 0) {
            c->c[c->n] = (struct gt_chain){.id = id, .version = version, .last = version};
            c->slots[s] = ++c->n;
        }
        c->last = c->slots[s] - 1;
        k = &c->c[c->last];
    }
    k->n++;
    if (version < k->version)
        k->version = version;
    if (version > k->last)
        k->last = version;
    return c->last;
}

struct gt_chain *gt_chain_find(struct gt_chains *c, uint64_t id)
{
    if (c->n == 0)
        return NULL;
    uint32_t i = c->slots[slot_of(c, id)];
    return i ? &c->c[i - 1] : NULL;
}

/* I1: places for all; false: a gap. */
static bool lay_out(struct gt_chains *c)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < c->n; i++) {
        c->c[i].first = at;
        at += c->c[i].n;
        if (c->c[i].last - c->c[i].version + 1 != c->c[i].n)
            return false;
    }
    return true;
}

/* number: its low half. */
static bool put(struct gt_chains *c, uint32_t chain, uint32_t number, uint32_t entry)
{
    struct gt_chain *k = &c->c[chain];
    uint32_t *place = &c->order[k->first + (uint32_t)(number - (uint32_t)k->version)];
    bool fresh = *place == GT_NO_INDEX;
    *place = entry;
    return fresh;
}

static uint32_t *all_ones(struct gt_truth *t, enum gt_space_use use, size_t n)
{
    uint32_t *v = gt_truth_need(t, use, (n + 1) * sizeof *v);
    if (v)
        memset(v, 0xff, n * sizeof *v);
    return v;
}

/* As it was, but empty. */
static void forget(struct gt_chains *c)
{
    if (c->slots)
        memset(c->slots, 0, (size_t)c->cap * 2 * sizeof *c->slots);
    c->n = c->last = 0;
}

static struct gt_chains *chains_of(struct gt_truth *t, const struct gt_jentry *e)
{
    return e->kind == GT_J_G ? &t->gs : e->kind == GT_J_P ? &t->ps : NULL;
}

static bool is_known(const struct gt_jentry *e)
{
    return e->kind == GT_J_G || e->kind == GT_J_P || e->kind == GT_J_TOLD;
}

/* M by M already, in each M's order, and all of known kinds. */
static bool is_by_m(struct gt_truth *t, size_t i)
{
    const struct gt_jentry *e = &t->e[i], *b = e - 1;
    if (!is_known(e))
        return false;
    if (i > 0 && e->m == b->m)
        return e->seq == b->seq + 1;
    uint32_t ms = t->ms.n; /* an M that has not been before */
    return chain_for(t, &t->ms, e->m, e->seq) != GT_NO_INDEX && t->ms.n == ms + 1;
}

/* numbers: of an entry, the low half of its version. */
static bool count_all(struct gt_truth *t, uint32_t *numbers, bool *by_m)
{
    size_t n_g = 0, n_p = 0;
    *by_m = true;
    for (size_t i = 0; i < t->n; i++) {
        const struct gt_jentry *e = &t->e[i];
        struct gt_chains *c = chains_of(t, e);
        n_g += e->kind == GT_J_G;
        n_p += e->kind == GT_J_P;
        *by_m = *by_m && is_by_m(t, i);
        numbers[i] = (uint32_t)e->version;
        t->chain_of[i] = !c ? GT_NO_INDEX : chain_for(t, c, e->id, e->version);
        if (c == &t->ps)
            t->chain_of[i] |= OF_P;
        if (t->rc != 0)
            return false;
    }
    t->n_transitions = n_g + n_p;
    t->gs.order = all_ones(t, GT_SPACE_G_ORDER, n_g);
    t->ps.order = all_ones(t, GT_SPACE_P_ORDER, n_p);
    return t->rc == 0;
}

static bool place_all(struct gt_truth *t, const uint32_t *numbers)
{
    if (!lay_out(&t->gs) || !lay_out(&t->ps))
        return false;
    for (size_t i = 0; i < t->n; i++) {
        uint32_t c = t->chain_of[i];
        if (c == GT_NO_INDEX)
            continue;
        t->chain_of[i] = c & ~OF_P;
        if (!put(c & OF_P ? &t->ps : &t->gs, c & ~OF_P, numbers[i], (uint32_t)i))
            return false;
    }
    return true;
}

/* In any order as it came: sorted by M, by the entries' numbers. */
static bool sort_by_m(struct gt_truth *t)
{
    uint32_t *m_of = gt_truth_need(t, GT_SPACE_M_OF, (t->n + 1) * sizeof *m_of);
    forget(&t->ms);
    for (size_t i = 0; i < t->n && t->rc == 0; i++)
        m_of[i] = chain_for(t, &t->ms, t->e[i].m, t->e[i].seq);
    t->ms.order = all_ones(t, GT_SPACE_M_ORDER, t->n);
    t->by_m = gt_truth_need(t, GT_SPACE_BY_M, (t->n + 1) * sizeof *t->by_m);
    if (t->rc != 0 || !lay_out(&t->ms))
        return false;
    for (size_t i = 0; i < t->n; i++)
        if (!put(&t->ms, m_of[i], t->e[i].seq, (uint32_t)i))
            return false;
    for (size_t i = 0; i < t->n; i++)
        if (is_known(&t->e[t->ms.order[i]]))
            t->by_m[t->n_by_m++] = t->ms.order[i];
    return true;
}

int gt_truth_order(struct gt_truth *t)
{
    if (t->n >= GT_NO_INDEX / 4)
        return -EFBIG;
    forget(&t->gs);
    forget(&t->ps);
    forget(&t->ms);
    bool by_m = true;
    uint32_t *numbers = gt_truth_need(t, GT_SPACE_NUMBERS, (t->n + 1) * sizeof *numbers);
    t->by_m = NULL;
    t->n_by_m = 0;
    t->chain_of = gt_truth_need(t, GT_SPACE_CHAIN_OF, (t->n + 1) * sizeof *t->chain_of);
    t->must_of = all_ones(t, GT_SPACE_MUST_OF, t->n);
    bool whole = t->rc == 0 && count_all(t, numbers, &by_m) && place_all(t, numbers);
    if (whole && by_m)
        t->n_by_m = t->n;
    else if (whole)
        whole = sort_by_m(t);
    return t->rc != 0 ? t->rc : whole ? 0 : 1;
}
