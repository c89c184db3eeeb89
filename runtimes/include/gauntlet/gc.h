/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The collector as a user of a runtime sees it (ops gc_* of gt_runtime_ops).
 *
 * Rules for who uses collected objects:
 *   U1 Every store of a pointer to an object into an object, a registered root or a channel's
 *      element in place goes through gc_store, the first one into a fresh object too; so
 *      does one into a variable on another G's stack. What a channel operation writes is no
 *      such store: the element lies on the caller's stack. Loads are plain, but what is
 *      loaded from a variable on another G's stack is put into the loader's own by gc_store,
 *      before its next call: the owner may forget it before its stack is looked at, and the
 *      loader's has been.
 *      In a root area the collector reads every word: there others are stored by it too.
 *   U2 What keeps an object alive: the stack and registers of a G (looked at conservatively;
 *      a pointer into an object's inside or to its first byte counts), the pointer words of
 *      live objects, registered roots, elements inside channels' buffers, the argument of a G
 *      that was spawned. Nothing else does: not memory of malloc, not a timer's argument, not
 *      a foreign thread's own stack.
 *   U3 Between syscall_enter and syscall_exit a G uses no object but those that it held when
 *      it entered, stores no pointer and allocates nothing. What it held is looked at as it
 *      stood then: an object wanted after the call is best held by a caller of the function
 *      that enters, whose frame the compiler cannot rearrange meanwhile.
 *   U4 A G that opted in to preemption by signal neither allocates nor stores pointers while
 *      it has.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Where an object holds pointers to objects. Constant data that outlives the runtime. The
 * element is repeated to the end of the object (arrays).
 */
struct gt_gc_layout {
    const char *name;        /* for reports */
    uint32_t elem_size;      /* bytes, a multiple of 8 */
    uint32_t n_ptrs;         /* > 0; an object without pointers has no layout: NULL */
    const uint32_t *offsets; /* n_ptrs of them, rising, multiples of 8, < elem_size */
};

enum { GT_GC_PERCENT_DEFAULT = 100, GT_GC_PERCENT_OFF = -1 };
#define GT_GC_PERIOD_DEFAULT_NS (120ll * 1000000000ll)

struct gt_gc_options {
    int32_t percent;   /* heap grows by so much over what was live; 0: default, < 0: no cycle
                          but those asked for and those that the limit asks for */
    uint64_t limit;    /* bytes of memory that objects may take at most; 0: none */
    int64_t period_ns; /* a cycle at least so often; 0: GT_GC_PERIOD_DEFAULT_NS, < 0: never */
    bool poison;       /* freed objects are filled, given-back stack pages (oracle build) made
                          inaccessible: a use is caught. Slow */
};

/* A distribution of times, ns. */
struct gt_gc_times {
    uint64_t n;
    int64_t p50, p99, max, total;
};

enum gt_gc_stop { /* pauses by phase */
    GT_GC_STOP_SWEEP_TERM,
    GT_GC_STOP_MARK_TERM,
    GT_GC_STOPS
};

/* A snapshot; exact when no cycle runs. Bytes are those of whole slots. */
struct gt_gc_stats {
    uint64_t cycles, forced, periodic, limited; /* ended; of them asked for by gc(), ... */
    uint64_t heap_live;    /* marked by the last cycle */
    uint64_t heap_now;     /* allocated since, and live */
    uint64_t heap_goal, heap_trigger;
    uint64_t memory;       /* taken from the arenas for objects, bytes */
    uint64_t allocs, frees; /* objects, since create; frees grows as spans are swept */
    uint64_t alloc_bytes, free_bytes;
    uint64_t marked_bytes;  /* sum over cycles */
    int64_t mark_ns;        /* CPU time of workers and assists, sum */
    uint64_t assists, assist_waits;
    uint64_t stacks_scanned, stack_bytes, stacks_shrunk, stack_bytes_freed;
    uint64_t swept_spans, failed; /* failed: allocations that returned NULL */
    struct gt_gc_times asked[GT_GC_STOPS];   /* request to all stopped */
    struct gt_gc_times stopped[GT_GC_STOPS]; /* request to started again */
};

#ifdef __cplusplus
}
#endif
