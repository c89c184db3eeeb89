/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sorting a journal: digit by digit, of keys that are a third of an entry's size. A comparing sort
 * of whole entries took more time than everything else that is done with a round.
 */
#include "harness/windows_order.h"

#include <stdlib.h>
#include <string.h>

#define DIGIT_BITS 11u
#define DIGITS (1u << DIGIT_BITS)

struct key {
    uint64_t hi, lo;
    size_t at; /* the entry's place */
};

struct sorting {
    struct key *k, *spare;
    size_t n;
    size_t count[DIGITS];
};

static struct key key_of(const struct gt_jentry *e, size_t at, enum gt_journal_order by)
{
    if (by == GT_BY_M)
        return (struct key){e->m, e->seq, at};
    return (struct key){(uint64_t)e->kind << 56 | (e->id & (UINT64_MAX >> 8)), e->version, at};
}

static uint64_t *word(struct key *k, bool hi)
{
    return hi ? &k->hi : &k->lo;
}

/* One digit, stable. */
static void pass(struct sorting *s, bool hi, unsigned shift)
{
    memset(s->count, 0, sizeof s->count);
    for (size_t i = 0; i < s->n; i++)
        s->count[*word(&s->k[i], hi) >> shift & (DIGITS - 1)]++;
    size_t at = 0;
    for (size_t d = 0; d < DIGITS; d++) {
        size_t n = s->count[d];
        s->count[d] = at;
        at += n;
    }
    for (size_t i = 0; i < s->n; i++)
        s->spare[s->count[*word(&s->k[i], hi) >> shift & (DIGITS - 1)]++] = s->k[i];
    struct key *k = s->k;
    s->k = s->spare;
    s->spare = k;
}

/* Digits in which no two differ need no pass. */
static void sort_word(struct sorting *s, bool hi)
{
    uint64_t differ = 0;
    for (size_t i = 1; i < s->n; i++)
        differ |= *word(&s->k[i], hi) ^ *word(&s->k[0], hi);
    for (unsigned shift = 0; shift < 64; shift += DIGIT_BITS)
        if (differ >> shift & (DIGITS - 1))
            pass(s, hi, shift);
}

/* What was in it is lost. */
static void *need(void **p, size_t *size, size_t bytes)
{
    if (*size < bytes || !*p) {
        free(*p);
        *size = bytes + bytes / 4;
        *p = malloc(*size);
        if (!*p)
            *size = 0;
    }
    return *p;
}

void gt_windows_space_free(struct gt_windows_space *s)
{
    free(s->keys);
    free(s->entries);
    *s = (struct gt_windows_space){0};
}

struct gt_jentry *gt_journal_ordered(const struct gt_jentry *e, size_t n, enum gt_journal_order by,
                                     struct gt_windows_space *space, size_t *n_out)
{
    struct sorting s = {0};
    struct gt_windows_space was = *space; /* e may lie in it */
    if (e == was.entries) {
        space->entries = NULL;
        space->entries_size = 0;
    }
    struct key *keys = need(&space->keys, &space->keys_size, (2 * n + 1) * sizeof *keys);
    struct gt_jentry *out = need(&space->entries, &space->entries_size, (n + 1) * sizeof *out);
    if (keys && out) {
        s.k = keys;
        s.spare = keys + n;
        for (size_t i = 0; i < n; i++)
            if (by == GT_BY_M || gt_journal_life(&e[i]))
                s.k[s.n++] = key_of(&e[i], i, by);
        sort_word(&s, false);
        sort_word(&s, true);
        for (size_t i = 0; i < s.n; i++)
            out[i] = e[s.k[i].at];
        *n_out = s.n;
    }
    if (e == was.entries)
        free(was.entries);
    return keys ? out : NULL;
}
