/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of the ordering engine: Gs, Ps, tasks, Ms, names. */
#include "trace/order.h"

#include <stdlib.h>

enum { FIRST_BITS = 6, NAMES_FIRST = 64, LOOK_AHEAD = 16000000 };

static int table_size(struct gt_order *o, struct gt_res_table *t, unsigned bits)
{
    struct gt_res *slots = calloc((size_t)1 << bits, sizeof *slots);
    if (slots == NULL) {
        o->oom = true;
        return -1;
    }
    gt_held_add(&o->held, sizeof *slots << bits);
    struct gt_res *old = t->slots;
    size_t n_old = old ? t->mask + 1 : 0;
    t->slots = slots;
    t->mask = ((size_t)1 << bits) - 1;
    t->shift = 64 - bits;
    for (size_t i = 0; i < n_old; i++) {
        if (old[i].used) {
            size_t at = gt_res_slot(t, old[i].id);
            while (slots[at].used) {
                at = (at + 1) & t->mask;
            }
            slots[at] = old[i];
        }
    }
    free(old);
    gt_held_sub(&o->held, n_old * sizeof *slots);
    return 0;
}

static int table_room(struct gt_order *o, struct gt_res_table *t)
{
    if (t->slots == NULL) {
        return table_size(o, t, FIRST_BITS);
    }
    if (t->n * 4 < (t->mask + 1) * 3) {
        return 0;
    }
    return table_size(o, t, 64 - t->shift + 1);
}

struct gt_res *gt_res_add(struct gt_order *o, struct gt_res_table *t, uint64_t id)
{
    if (table_room(o, t) != 0) {
        return NULL;
    }
    size_t i = gt_res_slot(t, id);
    while (t->slots[i].used) {
        i = (i + 1) & t->mask;
    }
    t->n++;
    t->slots[i] = (struct gt_res){
        .id = id,
        .used = 1,
        .since = o->now,
        .vm = GT_NO_INDEX,
        .last_m = GT_NO_INDEX,
        .seen = o->serial,
    };
    return &t->slots[i];
}

static void open_free(struct gt_order *o, struct gt_open *open)
{
    if (open != NULL) {
        gt_array_free(&o->held, &open->regions, sizeof(struct gt_region));
        gt_array_free(&o->held, &open->ranges, sizeof(struct gt_range));
        gt_held_sub(&o->held, sizeof *open);
        free(open);
    }
}

/* Closes the gap at i, so that no entry stands behind an empty slot of its own run. */
static void close_gap(struct gt_res_table *t, size_t i)
{
    for (size_t j = (i + 1) & t->mask; t->slots[j].used; j = (j + 1) & t->mask) {
        size_t home = gt_res_slot(t, t->slots[j].id);
        if (((j - home) & t->mask) >= ((j - i) & t->mask)) {
            t->slots[i] = t->slots[j];
            i = j;
        }
    }
    t->slots[i].used = 0;
}

void gt_res_del(struct gt_order *o, struct gt_res_table *t, struct gt_res *r)
{
    if (t != &o->tasks) {
        open_free(o, r->open);
        t->state_ns[r->status] = gt_ns_sum(t->state_ns[r->status], gt_ns_diff(o->now, r->since));
    }
    t->n--;
    close_gap(t, (size_t)(r - t->slots));
}

void gt_res_free(struct gt_order *o, struct gt_res_table *t, bool with_open)
{
    if (t->slots == NULL) {
        return;
    }
    for (size_t i = 0; with_open && i <= t->mask; i++) {
        if (t->slots[i].used) {
            open_free(o, t->slots[i].open);
        }
    }
    gt_held_sub(&o->held, (t->mask + 1) * sizeof *t->slots);
    free(t->slots);
    *t = (struct gt_res_table){0};
}

struct gt_open *gt_res_open(struct gt_order *o, struct gt_res *r)
{
    if (r->open == NULL) {
        r->open = calloc(1, sizeof *r->open);
        if (r->open == NULL) {
            o->oom = true;
            return NULL;
        }
        gt_held_add(&o->held, sizeof *r->open);
    }
    return r->open;
}

uint32_t gt_om_index(struct gt_order *o, uint64_t id)
{
    uint32_t i = gt_id_map_get(&o->m_index, id);
    if (i != GT_ID_NONE) {
        return i;
    }
    i = (uint32_t)o->ms.n;
    struct gt_om *m = gt_array_push(&o->held, &o->ms, sizeof *m);
    if (m == NULL || !gt_id_map_add(&o->held, &o->m_index, id, i)) {
        o->oom = true;
        return GT_NO_INDEX;
    }
    *m = (struct gt_om){
        .id = id, .g = GT_NONE, .p = GT_NONE, .vg = GT_NONE, .vp = GT_NONE, .cursor = GT_NO_INDEX};
    return i;
}

struct gt_om *gt_om_known(struct gt_order *o, uint64_t id)
{
    uint32_t i = gt_id_map_get(&o->m_index, id);
    if (i == GT_ID_NONE || i == 0 || !gt_om_at(o, i)->known) {
        return NULL;
    }
    return gt_om_at(o, i);
}

/* ---- names ---- */

static uint64_t hash_text(const char *s, size_t n)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325) ^ n;
    for (size_t i = 0; i < n; i++) {
        h = (h ^ (unsigned char)s[i]) * UINT64_C(0x100000001b3);
    }
    return h ^ h >> 29;
}

static bool names_grow(struct gt_order *o)
{
    size_t size = o->names ? (o->names_mask + 1) * 2 : NAMES_FIRST;
    struct gt_name **names = calloc(size, sizeof *names);
    if (names == NULL) {
        return false;
    }
    gt_held_add(&o->held, size * sizeof *names);
    for (size_t i = 0; o->names && i <= o->names_mask; i++) {
        for (struct gt_name *n = o->names[i], *next; n; n = next) {
            next = n->next;
            n->next = names[n->hash & (size - 1)];
            names[n->hash & (size - 1)] = n;
        }
    }
    if (o->names) {
        gt_held_sub(&o->held, (o->names_mask + 1) * sizeof *names);
    }
    free(o->names);
    o->names = names;
    o->names_mask = size - 1;
    return true;
}

static struct gt_name *name_add(struct gt_order *o, uint64_t hash, const char *s, size_t len)
{
    struct gt_name *n;
    if ((o->names == NULL || o->n_names > o->names_mask) && !names_grow(o)) {
        o->oom = true;
        return NULL;
    }
    n = malloc(sizeof *n + len + 1);
    if (n == NULL) {
        o->oom = true;
        return NULL;
    }
    gt_held_add(&o->held, sizeof *n + len + 1);
    n->hash = hash;
    n->len = (uint32_t)len;
    n->live = false;
    memcpy(n->text, s, len);
    n->text[len] = 0;
    n->next = o->names[hash & o->names_mask];
    o->names[hash & o->names_mask] = n;
    o->n_names++;
    return n;
}

const struct gt_name *gt_order_name(struct gt_order *o, uint64_t string)
{
    size_t len;
    const char *s = gt_generation_string(o->gen, string, &len);
    if (s == NULL) {
        return NULL;
    }
    uint64_t h = hash_text(s, len);
    for (struct gt_name *n = o->names ? o->names[h & o->names_mask] : NULL; n; n = n->next) {
        if (n->hash == h && n->len == len && memcmp(n->text, s, len) == 0) {
            return n;
        }
    }
    return name_add(o, h, s, len);
}

static void mark_name(const struct gt_name *n)
{
    if (n != NULL) {
        ((struct gt_name *)(uintptr_t)n)->live = true;
    }
}

static void mark_open(const struct gt_open *open)
{
    const struct gt_region *region = open->regions.data;
    for (size_t i = 0; i < open->regions.n; i++) {
        mark_name(region[i].name);
    }
    const struct gt_range *range = open->ranges.data;
    for (size_t i = 0; i < open->ranges.n; i++) {
        mark_name(range[i].name);
    }
}

static void mark_table(const struct gt_res_table *t, bool tasks)
{
    for (size_t i = 0; t->slots && i <= t->mask; i++) {
        const struct gt_res *r = &t->slots[i];
        if (r->used && tasks) {
            mark_name(r->name);
        } else if (r->used && r->open != NULL) {
            mark_open(r->open);
        }
    }
}

static void sweep_bucket(struct gt_order *o, struct gt_name **at, bool all)
{
    while (*at != NULL) {
        struct gt_name *n = *at;
        if (n->live && !all) {
            n->live = false;
            at = &n->next;
            continue;
        }
        *at = n->next;
        gt_held_sub(&o->held, sizeof *n + n->len + 1);
        free(n);
        o->n_names--;
    }
}

/* Drops the names that nothing holds, once there are twice as many as after the last time. */
void gt_order_sweep_names(struct gt_order *o)
{
    if (o->n_names < 1024 || o->n_names < 2 * o->names_swept) {
        return;
    }
    mark_table(&o->gs, false);
    mark_table(&o->ps, false);
    mark_table(&o->tasks, true);
    for (size_t i = 0; i <= o->names_mask; i++) {
        sweep_bucket(o, &o->names[i], false);
    }
    o->names_swept = o->n_names;
}

int gt_order_init(struct gt_order *o)
{
    o->gs.state_ns = o->res->stats.g_state_ns;
    o->ps.state_ns = o->res->stats.p_state_ns;
    o->look_ahead = LOOK_AHEAD;
    for (unsigned type = 0; type < 256; type++) {
        o->refers[type] = (gt_ev_spec(type)->stack_args | gt_ev_spec(type)->string_args) != 0;
    }
    if (table_size(o, &o->gs, FIRST_BITS) != 0 || table_size(o, &o->ps, FIRST_BITS) != 0 ||
        table_size(o, &o->tasks, FIRST_BITS) != 0 || gt_om_index(o, GT_NONE) != 0) {
        return -1;
    }
    gt_om_at(o, 0)->known = true;
    return 0;
}

void gt_order_free(struct gt_order *o)
{
    gt_res_free(o, &o->gs, true);
    gt_res_free(o, &o->ps, true);
    gt_res_free(o, &o->tasks, false);
    for (size_t i = 0; o->names && i <= o->names_mask; i++) {
        sweep_bucket(o, &o->names[i], true);
    }
    free(o->names);
    gt_array_free(&o->held, &o->ms, sizeof(struct gt_om));
    gt_id_map_free(&o->held, &o->m_index);
    free(o->cursors);
    free(o->heap);
}
