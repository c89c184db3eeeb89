/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Growing arrays and id maps of libgttrace, with a count of the bytes they hold. GT_C_ONLY
 *
 * I1 what is held grows with what the input delivered, never with what it claims
 * Thread-safety: one owner, one thread.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gt_held { /* bytes */
    uint64_t now, peak;
};
void gt_held_add(struct gt_held *h, uint64_t bytes);
void gt_held_sub(struct gt_held *h, uint64_t bytes);

struct gt_array {
    void *data;
    size_t n, cap; /* elements */
};
/* Room for one more element of `size` bytes, zeroed; NULL: out of memory, the array as it was. */
void *gt_array_push(struct gt_held *h, struct gt_array *a, size_t size);
void gt_array_free(struct gt_held *h, struct gt_array *a, size_t size);
/* Empties; gives memory back where a sixteenth would have done. */
void gt_array_clear(struct gt_held *h, struct gt_array *a, size_t size);

/* 64-bit key to 32-bit index: open addressing, linear probing, at most half full. */
struct gt_id_slot {
    uint64_t key;
    uint32_t index; /* + 1; 0: empty */
};
struct gt_id_map {
    struct gt_id_slot *slots;
    size_t n;
    unsigned bits; /* log2 of the slots; slots NULL: none */
};
#define GT_ID_NONE UINT32_MAX
/* The index of key, GT_ID_NONE: not there. */
uint32_t gt_id_map_get(const struct gt_id_map *m, uint64_t key);
/* Adds a key that is not there. false: out of memory (or 2^32 - 2 keys), the map as it was. */
bool gt_id_map_add(struct gt_held *h, struct gt_id_map *m, uint64_t key, uint32_t index);
void gt_id_map_free(struct gt_held *h, struct gt_id_map *m);
void gt_id_map_clear(struct gt_held *h, struct gt_id_map *m);
