/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The collector: what its files share. Private to core/.
 *
 *   gc_sizes.c   size classes                 gc_work.c     buffers of grey objects
 *   gc_pages.c   memory in pages              gc_mark.c     objects, barrier, drain
 *   gc_heap.c    the heap as a whole, lookup  gc_roots.c    root jobs: Gs, areas, channels
 *   gc_span.c    spans, caches, allocation    gc_pace.c     goal, trigger, price
 *   gc_sweep.c   sweeping                     gc_scan.c     the stack of one G, whatever it does
 *   gc_stack.c   shrinking stacks, poison     gc_trace.c    events, ranges that are open
 *   gc_worker.c  mark workers                 gc.c          the cycle and its phases
 *   gc_assist.c  assists                      gc_sweeper.c  sweeping with its events, daemons
 *   gc_stats.c   pauses, the snapshot         gc_state.h    what the cycle's files share
 *   gc_api.c     ops, options, statistics
 *
 * Non-moving, concurrent mark and sweep, as Go's: sweep termination (world stopped), mark,
 * mark termination (world stopped), sweep.
 *
 * Invariants (cited as GC1.. by asserts and tests):
 *   GC1 Colours. White: mark bit clear. Grey: marked and in a work buffer. Black: marked and
 *       in none. An object is marked once a cycle, by who sets the bit first; who sets it
 *       puts the object in a buffer if it has pointers.
 *   GC2 While marking, an object is born black.
 *   GC3 Hybrid barrier: while marking, gc_store(slot, v) shades what the slot held and v,
 *       before the slot changes. So an object that was reachable when marking began stays
 *       reachable for the marker (what the slot held), and one that a grey stack puts into a
 *       black object is not lost when the stack forgets it (v).
 *
 *          mutator, its stack not yet scanned        marker
 *          q in a register only
 *          black->f := q      (v unshaded)
 *          q dropped                                 scans the stack: no q
 *                                                    black is never looked at again
 *          black->f->x                               q was freed
 *
 *   GC4 A stack is scanned once a cycle, by the holder of its G's scan bit, and is black from
 *       then on. No stack is looked at again with the world stopped. A G born or reborn while
 *       marking begins with a black stack: who spawns it shades its argument.
 *   GC5 A pointer that leaves a place that is looked at by nobody again, or comes to one
 *       outside a barrier (a channel's element copied to or from a stack) is shaded by who
 *       copies it.
 *   GC6 Only an M with a P, on a G or for one, allocates, stores or marks; it does not lose
 *       its P in the middle (pinned). The caches and buffers of a P are its owner's; with the
 *       world stopped they are the stopper's, at a safe point who runs the function's.
 *   GC7 The phase changes with the world stopped only. The tracer hears GCBegin and GCEnd in
 *       the same hold of the world semaphore as the change, so a generation begins either
 *       before both or after both.
 *   GC8 Marking has ended when, at one moment with the world stopped, no buffer anywhere
 *       holds a grey object and every root job is done.
 *   GC9 A span is swept once a cycle, before anything is allocated in it, and by whom its
 *       sweep generation was taken. No cycle begins before all spans are swept.
 *   GC10 Stacks shrink by the holder of the scan bit only, in Runnable or Waiting, and never
 *       those of Gs that wait for form's sake (gt_wait_is_running): they run on
 *       that very stack.
 *
 * Locks: heap (GT_RANK_HEAP) and gc (GT_RANK_GC) above ALLG and CHAN, below LEAF; see
 * lockrank.def. The collector's own semaphore is taken before the world semaphore.
 */
#pragma once
#include "core/core.h"
#include "gauntlet/gc.h"

/* ---- objects ------------------------------------------------------------------------ */
#define GT_GC_PAGE 8192u
#define GT_GC_SMALL_MAX 32768u /* larger objects have a span of their own */
#define GT_GC_CLASSES_MAX 80u

struct gt_heap;
struct gt_heap_cache; /* one per P */
struct gt_chunk;

#define GT_SPAN_SLOTS_MAX 512u
#define GT_SPAN_WORDS (GT_SPAN_SLOTS_MAX / 64)

/*
 * A run of pages that holds objects of one size. In a span with pointers each slot begins with
 * one word, the object's layout, and the object (aligned to 8) stands behind it; in one
 * without, objects are aligned to 16. A struct stays a gt_span until the heap is destroyed,
 * whatever pages it stands for; the same struct stands for a run of free pages.
 */
struct GT_ALIGNED gt_span {
    /* What a finder reads, in one word (gc_heap.h): first page, class, kind, in use or not.
     * The fields below are for who knows that the span stays (while marking: everybody). */
    gt_a64 key;
    uintptr_t start;
    uint32_t npages;
    gt_a32 sweep_gen;   /* see gc_sweep.c */
    uint16_t slot_size; /* bytes; 0 for large: npages * GT_GC_PAGE */
    uint16_t n_slots;   /* 1 for large */
    /* Owner: who allocates in it, then who sweeps it. */
    uint16_t n_used; /* slots; as of when it was last listed */
    uint16_t fresh;  /* slots from this one on were never given out: zero */
    bool premarked;  /* free slots are marked in advance: what is given out is black (GC2) */
    uint8_t cls;     /* 0 for large */
    bool pointers;
    bool lost;  /* on gt_work_lose's list. Guarded by: that list's lock. Zero at birth */
    bool run;   /* free pages, in a bin. Guarded by: the node's page lock */
    bool dirty; /* free pages that are not zero. The same */
    int16_t node;
    union {
        struct gt_span *prev;      /* run: of its bin */
        struct gt_span *lost_next; /* span: gt_work_lose, while marking only */
    };
    struct gt_chunk *chunk;
    struct gt_span *next; /* of the list it is on. Guarded by: that list's lock */
    /* A bit per slot. used: allocated (as of the last sweep, then those given out). Written by:
     * who allocates in it or sweeps it. marks: GC1, of slots in use; cleared by the sweep. Each
     * is a cache line: markers write the second. */
    gt_a64 used[GT_SPAN_WORDS];
    gt_a64 marks[GT_SPAN_WORDS];
};
_Static_assert(sizeof(struct gt_span) == 3 * GT_CACHE_LINE, "three lines");

/* One object, as lookup finds it. */
struct gt_obj {
    struct gt_span *span;
    uint32_t index;
    uintptr_t base; /* of the object, after its layout word */
};

/* ---- heap: gc_sizes.c, gc_pages.c, gc_heap.c, gc_span.c, gc_sweep.c --------------------- */
/* What freed slots are filled with in poison mode: no address, so a use faults. */
#define GT_GC_POISON 0xdeadf5eedeadf5eeull

struct gt_heap_options {
    int32_t nodes;
    uint64_t limit; /* bytes of pages with objects in them, free slots included; 0: none */
    bool poison;
    /* Told by gt_heap_alloc before it sweeps the first span of a call (begin) and after the
     * last (with sums of bytes), for the events; never for gt_heap_sweep_one. No lock held, m
     * as given to gt_heap_alloc. May be NULL. */
    void (*sweeping)(struct gt_m *m, bool begin, uint64_t swept, uint64_t freed);
};
/* The runtime is for its arena, locks and violations only. 0, -ENOMEM. */
int gt_heap_create(struct gt_runtime *rt, const struct gt_heap_options *o, struct gt_heap **out);
void gt_heap_destroy(struct gt_heap *h);
/* A P's cache, on its node. NULL: no memory. */
struct gt_heap_cache *gt_heap_cache_new(struct gt_heap *h, int32_t node);
void gt_heap_cache_free(struct gt_heap *h, struct gt_heap_cache *c); /* flushed */
/* Gives its spans back; counts its counters in. GC6. */
void gt_heap_cache_flush(struct gt_heap *h, struct gt_heap_cache *c);

/*
 * A zeroed object of `size` bytes (> 0), or NULL: out of memory, or over the limit, though all
 * that could be swept was. black: GC2. *refilled: bytes that the heap's count grew by in this
 * call, counted when a span is taken into the cache and for large objects: 0 on the short way.
 * Sweeps spans of the class when it needs one (m: the caller, pinned, for o->sweeping).
 * Who makes others see the object needs no barrier: who finds it finds it whole.
 */
void *gt_heap_alloc(struct gt_heap *h, struct gt_m *m, struct gt_heap_cache *c, size_t size,
                    const struct gt_gc_layout *layout, bool black, size_t *refilled);
/* Any word. True when it points into an allocated slot of a span in use, at the object or
 * inside it (not one past its end, not at the layout word). Any thread, at any time.
 * Conservative. What was found stays while marking, and else while the caller knows it to be
 * alive; beyond that it is memory that can be read, no more. */
bool gt_heap_find(const struct gt_heap *h, uintptr_t word, struct gt_obj *out);
/* True when this call marked it first. */
bool gt_heap_mark(struct gt_obj o);
bool gt_heap_marked(struct gt_obj o);
/* Bytes of its slot. */
size_t gt_heap_slot_bytes(struct gt_obj o);
/* NULL: no pointers. */
const struct gt_gc_layout *gt_heap_layout(struct gt_obj o);
size_t gt_heap_object_bytes(struct gt_obj o); /* from base to the slot's end */
/* Every object in use, in no order; those made meanwhile perhaps. While marking or with the
 * world stopped. Stops when fn says false. */
void gt_heap_each(const struct gt_heap *h, bool (*fn)(struct gt_obj o, void *arg), void *arg);

/* World stopped, all caches flushed, all spans swept. Begins a new sweep generation: every
 * span in use is to be swept. Called at mark termination. O(1) in the size of the heap. */
void gt_heap_sweep_begin(struct gt_heap *h);
/* Sweeps one span; its pages, SIZE_MAX when none is left. Any M with a P, pinned. Emits no
 * event: who calls does (gc_sweeper.c). Adds to *swept_bytes, *freed_bytes. */
size_t gt_heap_sweep_one(struct gt_heap *h, uint64_t *swept_bytes, uint64_t *freed_bytes);
bool gt_heap_swept(const struct gt_heap *h); /* all of them, none in the middle */
/* Marking was given up (a run ended in the middle of it): all marks are cleared, nothing is
 * freed. All spans are swept, no M runs, all caches are flushed. */
void gt_heap_marks_drop(struct gt_heap *h);
/* Free runs of pages above `keep` bytes go back to the kernel, content only. Bytes given. */
size_t gt_heap_trim(struct gt_heap *h, size_t keep);

/* Exact when all caches are flushed: allocs - frees objects, now = alloc_bytes - free_bytes. */
struct gt_heap_stats {
    uint64_t now;    /* bytes of slots allocated and not yet found dead; all slots of a span in
                        a cache count as allocated */
    uint64_t memory; /* taken from the arenas */
    uint64_t spans;  /* bytes of pages with objects in them: what the limit is about */
    uint64_t allocs, frees, alloc_bytes, free_bytes; /* what caches gave out is missing */
    uint64_t swept_spans;
};
void gt_heap_stats(const struct gt_heap *h, struct gt_heap_stats *out);

/* ---- grey objects: gc_work.c ------------------------------------------------------------- */
struct gt_work;   /* the shared lists */
struct gt_work_p; /* a P's buffers */
int gt_work_create(struct gt_runtime *rt, struct gt_work **out);
void gt_work_destroy(struct gt_work *w);
struct gt_work_p *gt_work_p_new(struct gt_work *w, int32_t node);
void gt_work_p_free(struct gt_work *w, struct gt_work_p *p); /* empty */
/* false: no memory for a buffer, the object was not kept: who marks it remembers its span
 * instead (gt_work_lose). */
bool gt_work_put(struct gt_work *w, struct gt_work_p *p, uintptr_t object);
uintptr_t gt_work_get(struct gt_work *w, struct gt_work_p *p); /* 0: none anywhere */
/* Gives what p has to the others. True: it had something. */
bool gt_work_flush(struct gt_work *w, struct gt_work_p *p);
void gt_work_balance(struct gt_work *w, struct gt_work_p *p); /* others starve: half of it */
bool gt_work_any(const struct gt_work *w); /* shared lists, lost spans; exact when the world stands */
/* Some marked object of s is grey and in no buffer: all of its marked ones are looked at again. */
void gt_work_lose(struct gt_work *w, struct gt_span *s);
struct gt_span *gt_work_lost(struct gt_work *w); /* one of them, no longer on the list; NULL */
/* Forgets what p has; p NULL: what the shared lists have. The cycle is given up, no M runs. */
void gt_work_discard(struct gt_work *w, struct gt_work_p *p);
struct gt_work_stats {
    uint64_t buffers; /* with memory */
    uint64_t lost;    /* spans that were looked at again for want of a buffer, since create */
};
void gt_work_stats(const struct gt_work *w, struct gt_work_stats *out);

/* ---- marking: gc_mark.c, gc_roots.c -------------------------------------------------------- */
/* One P's share in the collector. Owner: GC6. */
struct gt_gc_p {
    struct gt_heap_cache *cache;
    struct gt_work_p *work;
    int64_t scan_work;  /* bytes looked at, not yet counted in */
    uint64_t marked;    /* bytes marked, not yet counted in */
    uint64_t born;      /* of them, born black in this cycle */
    uint64_t stacks, stack_bytes; /* scanned, not yet counted in */
    struct gt_g *worker; /* its mark worker, parked when not at work */
    /* Sweeping between events: see gc_trace.c. The tracer's status of a P says so. */
    bool in_sweep;
    uint64_t swept, reclaimed;
    int64_t fraction_ns; /* fractional worker: time used in this cycle */
    uint32_t mode;       /* of its worker now: enum gt_gc_mode */
};

/*
 * What marking needs, rt->gc_marker. By gt_gc_create, after heap and work; constant then. Until
 * it is there every hook in the core is idle. 0, -ENOMEM.
 */
struct gt_gc_marker {
    struct gt_runtime *rt;
    struct gt_heap *heap;
    struct gt_work *work;
    struct gt_roots *roots; /* gc_roots.c */
};
int gt_gc_marker_create(struct gt_runtime *rt, struct gt_heap *heap, struct gt_work *work);
void gt_gc_marker_destroy(struct gt_runtime *rt); /* before heap and work */

/* *(void **)slot = v with the barrier: op gc_store. On a G or a timer function; not pinned. */
void gt_gc_store(void *slot, void *v);
/* Shades whatever word points to. m pinned with a P, marking. */
void gt_gc_shade(struct gt_m *m, uintptr_t word);
/* n words at p, aligned or not: GC5. Anything may be in them. */
void gt_gc_shade_words(struct gt_m *m, const void *p, size_t bytes);
/* Marks until there is nothing to do, `until` says so (asked between objects and jobs; NULL:
 * never), or `budget` bytes were looked at (< 0: no limit). Bytes looked at. Takes root jobs
 * first. Context: on a G, with a P. A caller that is Running waits for form's sake meanwhile
 * (GT_WAIT_GC_MARK): two Gs that drain can then scan each other's stack. 0 with
 * gt_gc_roots_done false: others still scan. */
int64_t gt_gc_drain(struct gt_m *m, bool (*until)(struct gt_m *), int64_t budget);
/* World stopped: the roots of the cycle that begins. O(1) in the number of Gs. Call it in the
 * same hold of the stop that sets gc_marking. */
void gt_gc_roots_begin(struct gt_runtime *rt);
bool gt_gc_roots_done(struct gt_runtime *rt);
bool gt_gc_roots_any(struct gt_runtime *rt); /* a job that nobody has taken; a hint */
/* The cycle is given up, no M runs: no job is left. Use with gt_work_discard. */
void gt_gc_roots_discard(struct gt_runtime *rt);
/* Gives unused pages of g's stack back: gc_stack.c. By the scan bit's holder, after the scan of
 * a Runnable or Waiting G (GC10). Bytes given back are counted there. */
void gt_gc_shrink_stack(struct gt_m *m, struct gt_g *g);
/* A channel with a buffer is born; it dies. From a G, no lock held. */
struct gt_chan_root; /* sync.h */
void gt_gc_chan_born(struct gt_runtime *rt, struct gt_chan_root *c);
void gt_gc_chan_dies(struct gt_runtime *rt, struct gt_chan_root *c);
/* Root areas: bytes of words, aligned. From a G. 0, -ENOMEM. Looked at as pointers. */
int gt_gc_root_add(struct gt_runtime *rt, void *area, size_t bytes);
void gt_gc_root_remove(struct gt_runtime *rt, void *area);

/* ---- what a tracer hears: gc_trace.c ------------------------------------------------------- */
/*
 * Each is one section, of the calling M, pinned with a P; and keeps what a status event asks for
 * (gt_gc_p.in_sweep, gt_g.gc_assisting, rt->heap_goal) whether or not a trace runs.
 * begin and end: GC7, so the world semaphore is held, and rt->gc_marking changes under that same
 * hold. sweep: between begin and end the M stays pinned. assist: of the M's G, which may
 * park in between; not nested. label: of the M's G, that runs, just after its GoStart.
 */
void gt_trace_gc(struct gt_m *m, bool begin);
void gt_trace_sweep_begin(struct gt_m *m);
void gt_trace_sweep_end(struct gt_m *m); /* with p->gc->swept and reclaimed, which are 0 after */
void gt_trace_assist(struct gt_m *m, bool begin);
void gt_trace_heap_alloc(struct gt_m *m, uint64_t bytes);
void gt_trace_heap_goal(struct gt_m *m, uint64_t bytes);
void gt_trace_label(struct gt_m *m, const char *label);

/* Hooks for the rest of the core; each one load and one predicted branch when not marking. */
static inline bool gt_gc_marking(const struct gt_runtime *rt)
{
    return gt_unlikely(gt_load_relaxed(&rt->gc_marking) != 0);
}

/* ---- stacks: gc_stack.c. Counted in rt->count: stacks_shrunk, stack_bytes_freed ----------------- */
/* Gives the unused pages of g's stack back, when it is worth it. The caller holds g's scan bit;
 * any status and wait: those that may not shrink (GC10) are left alone. O(1), at most two system
 * calls. After the scan of the stack, not before: nothing below g->ctx.sp is left to read. */
void gt_gc_shrink_stack(struct gt_m *m, struct gt_g *g);
/* Pages of dead Gs' stacks that nobody wanted for a cycle. At the end of a cycle, from a G, the
 * world not stopped, nothing pinned, no lock. Bounded. May switch. */
void gt_gc_trim_stacks(struct gt_runtime *rt);

/* ---- the cycle: gc.c, gc_worker.c, gc_pace.c; the state they share: gc_state.h --------------- */
enum gt_gc_phase { GT_GC_OFF, GT_GC_MARK, GT_GC_MARK_TERM };
enum gt_gc_mode { GT_GC_WORKER_NONE, GT_GC_WORKER_DEDICATED, GT_GC_WORKER_FRACTIONAL, GT_GC_WORKER_IDLE };

int gt_gc_create(struct gt_runtime *rt, const struct gt_gc_options *o);
void gt_gc_destroy(struct gt_runtime *rt);
void gt_gc_run_ended(struct gt_runtime *rt); /* no M runs, all Gs are dropped: back to OFF */
int gt_gc_p_born(struct gt_runtime *rt, struct gt_p *p);  /* 0, -ENOMEM */
void gt_gc_p_dies(struct gt_runtime *rt, struct gt_p *p); /* world stopped */
/* A mark worker to run on m's P now, or NULL. System stack, from the loop, while marking. It
 * is Runnable, its event written; the caller runs it. idle: the P has nothing else to do. */
struct gt_g *gt_gc_find_worker(struct gt_m *m, bool idle);
bool gt_gc_idle_work(struct gt_runtime *rt); /* would an idle P find one? For work_after_all */
/* Sysmon's round: is a cycle due by the clock? */
void gt_gc_tick(struct gt_runtime *rt, int64_t now);
int64_t gt_gc_due(const struct gt_runtime *rt); /* when it is, 0 never */
uint64_t gt_gc_goal(const struct gt_runtime *rt); /* bytes, 0: there is none yet */
/* The ops: runtime.h. */
void *gt_gc_alloc(size_t size, const struct gt_gc_layout *layout);
int gt_gc_collect(void);
void gt_gc_stats(struct gt_runtime *rt, struct gt_gc_stats *out);
