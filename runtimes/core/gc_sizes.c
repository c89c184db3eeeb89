/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Size classes.
 *
 * I1  Slots are multiples of 16, rising with the class: every 16 bytes up to 128, then eight
 *     per doubling. So a slot is less than 16 bytes, or less than an eighth of itself, larger
 *     than what is asked for.
 * I2  A span's pages are chosen so that, rounding and the span's tail together, at most an
 *     eighth of the pages is lost to objects of any size above 128.
 * I3  The slot of an offset needs no division: o * magic >> 32, exact for every offset in the
 *     span, since magic * slot exceeds 2^32 by less than slot, and offset * slot <= 2^32.
 * I4  A span has at most GT_SPAN_SLOTS_MAX slots: its bits lie in its struct.
 */
#include "core/gc_heap.h"

#define SLOTS_WANTED 16u /* so that a refill pays for itself, .. */
#define PAGES_WANTED 8u  /* .. as long as that takes no more pages than this, .. */
#define SLOTS_LEAST 4u   /* .. but these in any case */

static uint32_t slot_of(uint32_t cls)
{
    uint32_t even = GT_CLASS_EVEN / GT_CLASS_STEP;
    if (cls <= even)
        return cls * GT_CLASS_STEP;
    uint32_t k = cls - even - 1;
    return (9 + k % 8) << (4 + k / 8);
}

/* Does a span of npages lose too much, when every object is just too large for the class
 * below? */
static bool wasteful(uint32_t npages, uint32_t slot, uint32_t smallest)
{
    uint64_t bytes = (uint64_t)npages * GT_GC_PAGE;
    uint64_t payload = bytes / slot * (slot <= GT_CLASS_EVEN ? slot : smallest);
    return (bytes - payload) * 8 > bytes;
}

static uint32_t pages_for(uint32_t slot, uint32_t smallest)
{
    uint32_t n = (SLOTS_WANTED * slot + GT_GC_PAGE - 1) / GT_GC_PAGE;
    n = n > PAGES_WANTED ? PAGES_WANTED : n;
    while (n < GT_HEAP_SPAN_PAGES && (n * GT_GC_PAGE < SLOTS_LEAST * slot || wasteful(n, slot, smallest)))
        n++;
    return n;
}

uint32_t gt_classes_init(struct gt_class *table)
{
    table[0] = (struct gt_class){.n_slots = 1};
    uint32_t cls = 1;
    for (;; cls++) {
        uint32_t slot = slot_of(cls), npages = pages_for(slot, slot_of(cls - 1) + 1);
        table[cls] = (struct gt_class){.slot = slot,
                                       .n_slots = npages * GT_GC_PAGE / slot,
                                       .npages = npages,
                                       .magic = (uint32_t)(((1ull << 32) + slot - 1) / slot)};
        if (slot == GT_GC_SMALL_MAX)
            return cls + 1;
    }
}
