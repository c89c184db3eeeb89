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

bool gt_vec32_push(struct gt_truth *t, struct gt_vec32 *v, uint32_t x)
{
    uint32_t *w = gt_more(t, v->v, v->n, &v->cap, sizeof *v->v);
    if (!w)
        return false;
    v->v = w;
    v->v[v->n++] = x;
    return true;
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

static bool put(struct gt_chains *c, uint32_t chain, uint64_t number, uint32_t entry)
{
    struct gt_chain *k = &c->c[chain];
    uint32_t *place = &c->order[k->first + (number - k->version)];
    bool fresh = *place == GT_NO_INDEX;
    *place = entry;
    return fresh;
}

static uint32_t *all_ones(struct gt_truth *t, size_t n)
{
    uint32_t *v = malloc((n ? n : 1) * sizeof *v);
    if (!v)
        t->rc = -ENOMEM;
    else
        memset(v, 0xff, n * sizeof *v);
    return v;
}

static struct gt_chains *chains_of(struct gt_truth *t, const struct gt_jentry *e)
{
    return e->kind == GT_J_G ? &t->gs : e->kind == GT_J_P ? &t->ps : NULL;
}

static bool count_all(struct gt_truth *t, struct gt_chains *ms, uint32_t *m_of)
{
    size_t n_g = 0, n_p = 0;
    for (size_t i = 0; i < t->n; i++) {
        const struct gt_jentry *e = &t->e[i];
        struct gt_chains *c = chains_of(t, e);
        n_g += e->kind == GT_J_G;
        n_p += e->kind == GT_J_P;
        m_of[i] = chain_for(t, ms, e->m, e->seq);
        t->chain_of[i] = c ? chain_for(t, c, e->id, e->version) : 0;
        if (t->rc != 0)
            return false;
    }
    t->gs.order = all_ones(t, n_g);
    t->ps.order = all_ones(t, n_p);
    ms->order = all_ones(t, t->n);
    return t->rc == 0;
}

static bool place_all(struct gt_truth *t, struct gt_chains *ms, const uint32_t *m_of)
{
    if (!lay_out(&t->gs) || !lay_out(&t->ps) || !lay_out(ms))
        return false;
    for (size_t i = 0; i < t->n; i++) {
        const struct gt_jentry *e = &t->e[i];
        struct gt_chains *c = chains_of(t, e);
        if (!put(ms, m_of[i], e->seq, (uint32_t)i) ||
            (c && !put(c, t->chain_of[i], e->version, (uint32_t)i)))
            return false;
    }
    for (size_t i = 0; i < t->n; i++) {
        const struct gt_jentry *e = &t->e[ms->order[i]];
        if (chains_of(t, e) || e->kind == GT_J_TOLD)
            t->by_m[t->n_by_m++] = ms->order[i];
    }
    return true;
}

int gt_truth_order(struct gt_truth *t)
{
    if (t->n >= GT_NO_INDEX / 4)
        return -EFBIG;
    struct gt_chains ms = {0};
    uint32_t *m_of = all_ones(t, t->n);
    t->by_m = all_ones(t, t->n);
    t->chain_of = all_ones(t, t->n);
    t->must_of = all_ones(t, t->n);
    bool whole = t->rc == 0 && count_all(t, &ms, m_of) && place_all(t, &ms, m_of);
    free(ms.c);
    free(ms.slots);
    free(ms.order);
    free(m_of);
    return t->rc != 0 ? t->rc : whole ? 0 : 1;
}
