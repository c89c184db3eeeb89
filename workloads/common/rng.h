/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random choices of workloads: splitmix64, one word of state, seedable, the same on
 * every machine. Not thread-safe: one stream per G, told apart by `stream`.
 */
#pragma once
#include <stdint.h>

struct gt_rng {
    uint64_t s;
};

/* A bijection that spreads every bit: also good as a hash of (seed, index). */
static inline uint64_t gt_rng_mix(uint64_t x)
{
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9ull;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebull;
    return x ^ (x >> 31);
}

static inline struct gt_rng gt_rng_make(uint64_t seed, uint64_t stream)
{
    struct gt_rng r = {gt_rng_mix(seed + 0x9e3779b97f4a7c15ull) ^
                       gt_rng_mix(stream * 0xd1342543de82ef95ull + 1)};
    return r;
}

static inline uint64_t gt_rng_next(struct gt_rng *r)
{
    r->s += 0x9e3779b97f4a7c15ull;
    return gt_rng_mix(r->s);
}

/* 0..n-1, n > 0. The bias is below n / 2^32. */
static inline uint32_t gt_rng_below(struct gt_rng *r, uint32_t n)
{
    return (uint32_t)(((gt_rng_next(r) >> 32) * (uint64_t)n) >> 32);
}

/* lo..hi, both included. */
static inline uint32_t gt_rng_between(struct gt_rng *r, uint32_t lo, uint32_t hi)
{
    return lo + gt_rng_below(r, hi - lo + 1);
}
