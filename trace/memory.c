/* SPDX-License-Identifier: Apache-2.0 */
#include "trace/memory.h"

#include <stdlib.h>
#include <string.h>

void gt_held_add(struct gt_held *h, uint64_t bytes)
{
    h->now += bytes;
    if (h->now > h->peak) {
        h->peak = h->now;
    }
}

void gt_held_sub(struct gt_held *h, uint64_t bytes)
{
    h->now -= bytes;
}

static bool array_grow(struct gt_held *h, struct gt_array *a, size_t size)
{
    size_t cap = a->cap ? a->cap * 2 : 16;
    if (cap > SIZE_MAX / 4 / size) {
        return false;
    }
    void *data = realloc(a->data, cap * size);
    if (data == NULL) {
        return false;
    }
    gt_held_add(h, (cap - a->cap) * size);
    a->data = data;
    a->cap = cap;
    return true;
}

void *gt_array_push(struct gt_held *h, struct gt_array *a, size_t size)
{
    if (a->n == a->cap && !array_grow(h, a, size)) {
        return NULL;
    }
    return memset((char *)a->data + a->n++ * size, 0, size);
}

void gt_array_free(struct gt_held *h, struct gt_array *a, size_t size)
{
    gt_held_sub(h, a->cap * size);
    free(a->data);
    *a = (struct gt_array){0};
}

void gt_array_clear(struct gt_held *h, struct gt_array *a, size_t size)
{
    if (a->cap > 1024 && a->n < a->cap / 16) {
        gt_array_free(h, a, size);
    }
    a->n = 0;
}

static size_t slots_of(const struct gt_id_map *m)
{
    return m->slots ? (size_t)1 << m->bits : 0;
}

static size_t slot_of(const struct gt_id_map *m, uint64_t key)
{
    return (size_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> (64 - m->bits));
}

uint32_t gt_id_map_get(const struct gt_id_map *m, uint64_t key)
{
    if (m->slots == NULL) {
        return GT_ID_NONE;
    }
    size_t mask = slots_of(m) - 1;
    for (size_t i = slot_of(m, key);; i = (i + 1) & mask) {
        const struct gt_id_slot *slot = &m->slots[i];
        if (slot->index == 0) {
            return GT_ID_NONE;
        }
        if (slot->key == key) {
            return slot->index - 1;
        }
    }
}

static void put(struct gt_id_map *m, uint64_t key, uint32_t index_plus_1)
{
    size_t mask = slots_of(m) - 1;
    size_t i = slot_of(m, key);
    while (m->slots[i].index != 0) {
        i = (i + 1) & mask;
    }
    m->slots[i] = (struct gt_id_slot){.key = key, .index = index_plus_1};
}

static bool map_grow(struct gt_held *h, struct gt_id_map *m)
{
    struct gt_id_map bigger = {.n = m->n, .bits = m->slots ? m->bits + 1 : 6};
    bigger.slots = calloc((size_t)1 << bigger.bits, sizeof *bigger.slots);
    if (bigger.slots == NULL) {
        return false;
    }
    gt_held_add(h, slots_of(&bigger) * sizeof *bigger.slots);
    for (size_t i = 0; i < slots_of(m); i++) {
        if (m->slots[i].index != 0) {
            put(&bigger, m->slots[i].key, m->slots[i].index);
        }
    }
    gt_id_map_free(h, m);
    *m = bigger;
    return true;
}

bool gt_id_map_add(struct gt_held *h, struct gt_id_map *m, uint64_t key, uint32_t index)
{
    if (index >= UINT32_MAX - 1) {
        return false;
    }
    if (2 * (m->n + 1) > slots_of(m) && !map_grow(h, m)) {
        return false;
    }
    put(m, key, index + 1);
    m->n++;
    return true;
}

void gt_id_map_free(struct gt_held *h, struct gt_id_map *m)
{
    gt_held_sub(h, slots_of(m) * sizeof *m->slots);
    free(m->slots);
    *m = (struct gt_id_map){0};
}

void gt_id_map_clear(struct gt_held *h, struct gt_id_map *m)
{
    if (slots_of(m) > 1024 && m->n < slots_of(m) / 32) {
        gt_id_map_free(h, m);
    } else if (m->slots) {
        memset(m->slots, 0, slots_of(m) * sizeof *m->slots);
    }
    m->n = 0;
}
