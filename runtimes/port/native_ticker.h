/* SPDX-License-Identifier: Apache-2.0 */
/* What a ticker's signal carries: the mark, with a tag in the bits that no address uses. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GT_TICKER_TAG (0x4754ull << 48) /* "GT" */
#define GT_TICKER_TAG_MASK (0xffffull << 48)

static inline void *gt_ticker_value(const void *mark)
{
    return (void *)(uintptr_t)((uint64_t)(uintptr_t)mark | GT_TICKER_TAG);
}

/* NULL: another timer's. */
static inline const void *gt_ticker_mark(const void *value)
{
    uint64_t v = (uint64_t)(uintptr_t)value;
    bool own = (v & GT_TICKER_TAG_MASK) == GT_TICKER_TAG;
    return own ? (const void *)(uintptr_t)(v & ~GT_TICKER_TAG_MASK) : NULL;
}
