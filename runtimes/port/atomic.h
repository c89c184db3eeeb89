/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Atomics of the port, memory order in every name.            GT_C_ONLY
 *
 * A field that another thread touches has one of the wrapper types below, so a
 * plain access to it does not compile by accident. There is no sequentially
 * consistent default: gt_*_seqcst says so where a store-load order is needed.
 *
 * Every operation that is not relaxed carries a comment "pair: <label>"; the
 * label's other side carries the same one (tests/lint/pairs.sh demands both).
 *
 * A later port (simulated kernel) replaces this file: each macro becomes a
 * scheduling point. That is why they are macros over wrapper types and why no
 * file above port/ names a C11 atomic.
 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct gt_a8 {
    _Atomic(uint8_t) v;
};
struct gt_a32 {
    _Atomic(uint32_t) v;
};
struct gt_ai32 {
    _Atomic(int32_t) v;
};
struct gt_a64 {
    _Atomic(uint64_t) v;
};
struct gt_ai64 {
    _Atomic(int64_t) v;
};
typedef struct gt_a8 gt_a8;
typedef struct gt_a32 gt_a32;
typedef struct gt_ai32 gt_ai32;
typedef struct gt_a64 gt_a64;
typedef struct gt_ai64 gt_ai64;

/* An atomic pointer to T: `GT_APTR(struct gt_p) p;` */
#define GT_APTR(T)                                                                                 \
    struct {                                                                                       \
        _Atomic(T *) v;                                                                            \
    }

#define gt_load_relaxed(a) atomic_load_explicit(&(a)->v, memory_order_relaxed)
#define gt_load_acquire(a) atomic_load_explicit(&(a)->v, memory_order_acquire)
#define gt_load_seqcst(a) atomic_load_explicit(&(a)->v, memory_order_seq_cst)

#define gt_store_relaxed(a, x) atomic_store_explicit(&(a)->v, (x), memory_order_relaxed)
#define gt_store_release(a, x) atomic_store_explicit(&(a)->v, (x), memory_order_release)
#define gt_store_seqcst(a, x) atomic_store_explicit(&(a)->v, (x), memory_order_seq_cst)

#define gt_add_relaxed(a, x) atomic_fetch_add_explicit(&(a)->v, (x), memory_order_relaxed)
#define gt_add_acq_rel(a, x) atomic_fetch_add_explicit(&(a)->v, (x), memory_order_acq_rel)
#define gt_add_seqcst(a, x) atomic_fetch_add_explicit(&(a)->v, (x), memory_order_seq_cst)
#define gt_sub_relaxed(a, x) atomic_fetch_sub_explicit(&(a)->v, (x), memory_order_relaxed)
#define gt_sub_acq_rel(a, x) atomic_fetch_sub_explicit(&(a)->v, (x), memory_order_acq_rel)
#define gt_sub_seqcst(a, x) atomic_fetch_sub_explicit(&(a)->v, (x), memory_order_seq_cst)
#define gt_or_acq_rel(a, x) atomic_fetch_or_explicit(&(a)->v, (x), memory_order_acq_rel)
#define gt_or_seqcst(a, x) atomic_fetch_or_explicit(&(a)->v, (x), memory_order_seq_cst)
#define gt_and_acq_rel(a, x) atomic_fetch_and_explicit(&(a)->v, (x), memory_order_acq_rel)
#define gt_and_seqcst(a, x) atomic_fetch_and_explicit(&(a)->v, (x), memory_order_seq_cst)
#define gt_swap_acquire(a, x) atomic_exchange_explicit(&(a)->v, (x), memory_order_acquire)
#define gt_swap_release(a, x) atomic_exchange_explicit(&(a)->v, (x), memory_order_release)
#define gt_swap_acq_rel(a, x) atomic_exchange_explicit(&(a)->v, (x), memory_order_acq_rel)
#define gt_swap_seqcst(a, x) atomic_exchange_explicit(&(a)->v, (x), memory_order_seq_cst)

/* Compare and swap: *expected is updated on failure; true on success. Strong. */
#define gt_cas_relaxed(a, expected, x)                                                             \
    atomic_compare_exchange_strong_explicit(&(a)->v, (expected), (x), memory_order_relaxed,        \
                                            memory_order_relaxed)
#define gt_cas_acquire(a, expected, x)                                                             \
    atomic_compare_exchange_strong_explicit(&(a)->v, (expected), (x), memory_order_acquire,        \
                                            memory_order_acquire)
#define gt_cas_release(a, expected, x)                                                             \
    atomic_compare_exchange_strong_explicit(&(a)->v, (expected), (x), memory_order_release,        \
                                            memory_order_relaxed)
#define gt_cas_acq_rel(a, expected, x)                                                             \
    atomic_compare_exchange_strong_explicit(&(a)->v, (expected), (x), memory_order_acq_rel,        \
                                            memory_order_acquire)
#define gt_cas_seqcst(a, expected, x)                                                              \
    atomic_compare_exchange_strong_explicit(&(a)->v, (expected), (x), memory_order_seq_cst,        \
                                            memory_order_seq_cst)

/*
 * A counter with one writer: a plain add that other threads may read. No compiler makes one
 * instruction of a relaxed load and a relaxed store; on x86 that add is one (no lock: there is
 * one writer), and a handler of the same thread does not come between its halves.
 */
#if defined(__x86_64__) && !defined(__clang__) && !defined(__SANITIZE_THREAD__) &&                        \
    !defined(__SANITIZE_ADDRESS__) /* clang 14 does not know %z */
#define gt_bump(a, x)                                                                              \
    __asm__("add%z0 %1, %0" : "+m"((a)->v) : "er"((__typeof__(gt_load_relaxed(a)))(x)) : "cc")
#else
#define gt_bump(a, x) gt_store_relaxed(a, gt_load_relaxed(a) + (x))
#endif

/* Before the object is shared, or after it no longer is. */
#define gt_init(a, x) atomic_init(&(a)->v, (x))

/* A barrier for the compiler only: against a signal handler of the same thread. */
#define gt_signal_fence() atomic_signal_fence(memory_order_seq_cst)

/*
 * Full store-load fence. ThreadSanitizer does not model fences, so under it a
 * read-modify-write on a private word of the caller's stack frame stands in.
 */
#if defined(__SANITIZE_THREAD__)
#define GT_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define GT_TSAN 1
#endif
#endif
#ifndef GT_TSAN
#define GT_TSAN 0
#endif
static inline void gt_fence_seqcst(void)
{
#if GT_TSAN
    _Atomic(uint32_t) w;
    atomic_init(&w, 0);
    atomic_fetch_add_explicit(&w, 1, memory_order_seq_cst);
#else
    atomic_thread_fence(memory_order_seq_cst);
#endif
}

static inline void gt_cpu_relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb" ::: "memory");
#endif
}

/* One step of a spin that has already failed *n times: relax, then yield the CPU,
 * then sleep 50 us at a time. Not to be called directly: gt_await does. */
void gt_await_pause(uint32_t *n);

/*
 * Spin until `cond` holds. `addr` is the wrapper whose change ends the wait: a
 * simulated kernel blocks the caller until that address is written, so `cond`
 * may depend on nothing else that changes. Never wait so for a thing that needs
 * the caller's own P or a lock the caller holds.
 */
#define gt_await(addr, cond)                                                                       \
    do {                                                                                           \
        uint32_t gt_await_n_ = 0;                                                                  \
        (void)(addr);                                                                              \
        while (!(cond))                                                                            \
            gt_await_pause(&gt_await_n_);                                                          \
    } while (0)
