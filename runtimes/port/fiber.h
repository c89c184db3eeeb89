/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What AddressSanitizer, ThreadSanitizer and Valgrind must be told of stacks that
 * the runtime switches by hand. Included by port.h alone; no code at all in other
 * builds.
 *
 *     gt_fiber_switch_begin(&mine, &other, false);
 *     gt_ctx_switch(&my_ctx, &other_ctx);       the register switch, nothing between
 *     gt_fiber_switch_end(&mine);               first thing when running again
 *
 * and the function that a fresh context starts in calls gt_fiber_switch_end first.
 *
 * A fiber belongs to a stack, not to what runs there: it is made with the stack and
 * cached with it, since ThreadSanitizer allows about 8,000 at once.
 *
 * Frames left behind. A stack that is started again from its top (the system stack of
 * an M at each dispatch, the stack of a dead G) still has, in the sanitizers' books,
 * the frames that never returned: poisoned red zones, and entries of a call stack that
 * ThreadSanitizer keeps per fiber and never bounds. So whoever leaves frames behind
 * says so: `abandons` in gt_fiber_switch_begin, or gt_fiber_reset. After RECYCLE times
 * the next switch there takes a new ThreadSanitizer fiber.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef GT_ASAN
#if defined(__SANITIZE_ADDRESS__)
#define GT_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GT_ASAN 1
#endif
#endif
#endif
#ifndef GT_ASAN
#define GT_ASAN 0
#endif
#ifndef GT_VALGRIND
#define GT_VALGRIND 0 /* 1: stacks are registered; needs Valgrind's headers */
#endif

#if GT_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if GT_TSAN
#include <sanitizer/tsan_interface.h>
#endif
#if GT_VALGRIND
#include <valgrind/valgrind.h>
#endif

struct gt_fiber {
    void *tsan; /* ThreadSanitizer's name for it */
    void *home; /* the thread's own fiber, for gt_fiber_create_thread; else NULL */
    void *fake; /* AddressSanitizer's fake stack while suspended */
    const void *lo;
    size_t size;
    uint32_t abandoned; /* times frames were left behind on `tsan` */
    uint32_t valgrind;  /* stack id */
};

/* Frames left behind at once, times this, must fit 65,536 entries. */
#define GT_FIBER_RECYCLE 1000u

/* Inlined without fail: a function of its own would be entered on one fiber and left on
 * another, in ThreadSanitizer's call stacks. */
#define GT_FIBER_INLINE static inline __attribute__((always_inline))

/* For the stack [lo, lo + size). Nobody runs there yet. */
GT_FIBER_INLINE void gt_fiber_create(struct gt_fiber *f, const void *lo, size_t size)
{
    *f = (struct gt_fiber){.lo = lo, .size = size};
#if GT_TSAN
    f->tsan = __tsan_create_fiber(0);
#endif
#if GT_VALGRIND
    f->valgrind = VALGRIND_STACK_REGISTER(lo, (const char *)lo + size);
#endif
}

/* For the calling thread's own stack. Destroy it on that thread, in the frame that made it or one
 * below it. */
GT_FIBER_INLINE void gt_fiber_create_thread(struct gt_fiber *f)
{
    *f = (struct gt_fiber){0};
#if GT_ASAN
    void *lo, *hi;
    gt_thread_stack(&lo, &hi);
    f->lo = lo;
    f->size = (size_t)((char *)hi - (char *)lo);
#endif
#if GT_TSAN
    f->tsan = f->home = __tsan_get_current_fiber();
#endif
}

/* Nobody runs there; a thread's fiber: that thread does. */
GT_FIBER_INLINE void gt_fiber_destroy(struct gt_fiber *f)
{
#if GT_ASAN
    if (!f->home && f->lo)
        __asan_unpoison_memory_region(f->lo, f->size);
#endif
#if GT_TSAN
    if (f->home && f->home != f->tsan)
        __tsan_switch_to_fiber(f->home, 0);
    if (f->tsan && f->home != f->tsan)
        __tsan_destroy_fiber(f->tsan);
#endif
#if GT_VALGRIND
    if (f->lo)
        VALGRIND_STACK_DEREGISTER(f->valgrind);
#endif
    (void)f;
}

/* What was suspended there will never be resumed: the stack starts again from its top. Not for the
 * stack that the caller runs on. */
GT_FIBER_INLINE void gt_fiber_reset(struct gt_fiber *f)
{
#if GT_ASAN
    __asan_unpoison_memory_region(f->lo, f->size);
#endif
#if GT_TSAN
    f->abandoned++;
#endif
    (void)f;
}

/* The n bytes from lo on hold no frame any more. */
GT_FIBER_INLINE void gt_fiber_clear(const void *lo, size_t n)
{
#if GT_ASAN
    __asan_unpoison_memory_region(lo, n);
#endif
    (void)lo;
    (void)n;
}

/* Right before the register switch. `abandons`: nobody will resume `from` where it is. */
GT_FIBER_INLINE void gt_fiber_switch_begin(struct gt_fiber *from, struct gt_fiber *to,
                                           bool abandons)
{
#if GT_ASAN
    from->fake = NULL;
    if (abandons)
        __asan_handle_no_return(); /* cleans the frames from here to the top */
    __sanitizer_start_switch_fiber(abandons ? NULL : &from->fake, to->lo, to->size);
#endif
#if GT_TSAN
    from->abandoned += abandons;
    if (gt_unlikely(to->abandoned >= GT_FIBER_RECYCLE)) {
        if (to->tsan != to->home)
            __tsan_destroy_fiber(to->tsan);
        to->tsan = __tsan_create_fiber(0);
        to->abandoned = 0;
    }
    __tsan_switch_to_fiber(to->tsan, 0);
#endif
    (void)from;
    (void)to;
    (void)abandons;
}

/* First thing on the stack that was switched to; `now` is its fiber. */
GT_FIBER_INLINE void gt_fiber_switch_end(struct gt_fiber *now)
{
#if GT_ASAN
    __sanitizer_finish_switch_fiber(now->fake, NULL, NULL);
    now->fake = NULL;
#endif
    (void)now;
}
