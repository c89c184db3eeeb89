/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPU samples: a ticker on the CPU time of each M's thread, whose signal handler notes what the
 * thread was doing into a ring of that M. A tracer reads the rings.
 *
 * Invariants:
 *   I1 A ring has one producer, its M's handler, which does not interrupt itself (its signal is
 *      blocked meanwhile), and one reader at a time. The M struct goes from thread to thread
 *      under the scheduler lock; the ring stays with it, and what is in it names its thread.
 *   I2 The handler may interrupt its M anywhere: in a section, in the tracer, with core locks
 *      held, halfway through a switch. It is harmless because
 *        - it writes the ring of its own M and nothing else: not the M's section, whose mark and
 *          entry are changed by several steps; no buffer, no table, no errno;
 *        - it takes no lock, allocates nothing, waits for nobody;
 *        - of G, P and M it reads words that are whole at any instruction. What they say may be of
 *          the moment before or after: a G that has just been picked, a P just given up. A
 *          thief may take the P of an M in a system call meanwhile; structs stay mapped (I7
 *          of core.h);
 *        - it walks a stack only between the sp of the interrupted code and the top of the
 *          stack that this sp lies on: memory that is in use. On any other (the signal stack,
 *          halfway through a switch) it notes the pc alone.
 *   I3 A sample bears the generation that it was taken in. It is in the ring before a reader
 *      who has ended that generation has read all:
 *
 *      handler                             advance
 *      busy := 1                           generation := n+1
 *      fence (light)                       fence (heavy)
 *      read generation               |     busy? wait; then read the ring
 *      write the sample, head
 *      busy := 0
 *
 *      At least one sees the other's store: a sample of n is waited for, or it is of n+1.
 *   I4 Ms get their tickers and lose them under the scheduler lock: when profiling starts and
 *      stops, when a thread becomes an M and when it leaves (seed 004: before it is gone from the
 *      tracer's view; its thread id may come back at once). A signal that is still under way then
 *      finds no M, or another one than its mark says, and is dropped.
 * Progress: a full ring drops what comes and counts it.
 * Limits: off under ThreadSanitizer. System libraries have no frame pointers: their callers may
 * be missing, or one word of theirs be taken for a frame.
 */
#include <errno.h>

#include "core/core.h"

#define RING_WORDS 8192u /* of 8 bytes; a power of two */
#define SYSTEM_STACK_MOST (1024u * 1024u)

/* A sample in the ring: a header, then n addresses. */
enum { AT_SIZE, AT_TIME, AT_GENERATION, AT_G, AT_THREAD, AT_PC };

struct gt_cpu_ring {
    gt_a64 head; /* words written. Written by: the handler */
    gt_a32 busy; /* the handler is at work */
    gt_a64 lost; /* samples there was no room for. Written by: the handler */
    GT_ALIGNED gt_a64 tail; /* words read. Written by: the reader */
    uint64_t stale;         /* samples of a generation that nobody read. The reader's */
    GT_ALIGNED uint64_t w[RING_WORDS];
};

static inline uint64_t *word(struct gt_cpu_ring *r, uint64_t i)
{
    return &r->w[i & (RING_WORDS - 1u)];
}

/* ---- the handler: I2 -------------------------------------------------------------------------- */
struct range {
    uintptr_t lo, hi;
};

static inline bool lies_in(uintptr_t a, uintptr_t lo, uintptr_t hi)
{
    return a >= lo && a < hi;
}

/* From sp to the top of its stack; empty where that is none of ours. */
static struct range stack_in_use(const struct gt_m *m, const struct gt_g *g, uintptr_t sp)
{
    uintptr_t sys_top = (uintptr_t)m->sys_top, alt = (uintptr_t)m->altstack.base;
    struct range r = {(sp + 7) & ~(uintptr_t)7, 0};
    if (g && lies_in(sp, (uintptr_t)g->stack.lo, (uintptr_t)g->stack.hi))
        r.hi = (uintptr_t)g->stack.hi;
    else if (alt == 0 || !lies_in(sp, alt, alt + m->altstack.size))
        r.hi = sp < sys_top && sys_top - sp <= SYSTEM_STACK_MOST ? sys_top : 0;
    return r;
}

/* Frame pointers, as stackiter.h, in a place where any word may be the frame pointer: without the
 * sanitizers, which would see a read of what is none. Frames written from at on. */
GT_NO_SANITIZE static uint32_t walk(struct gt_cpu_ring *r, uint64_t at, const struct gt_sigctx *ctx,
                                    struct range s)
{
    uint32_t n = 0;
    uintptr_t pc = ctx->pc + 1, fp = ctx->fp; /* as if called: the instruction itself is meant */
    while (pc != 0 && n < GT_CPU_SAMPLE_FRAMES) {
        *word(r, at + n++) = pc;
        if (fp < s.lo || fp % sizeof fp != 0 || s.hi < 2 * sizeof fp || fp > s.hi - 2 * sizeof fp)
            break;
        pc = ((const uintptr_t *)fp)[1];
        s.lo = fp + sizeof fp; /* they rise strictly */
        fp = ((const uintptr_t *)fp)[0];
    }
    return n;
}

/* The thief of steal_scanbit may write it at this moment: I2. */
static inline const struct gt_proc *p_of(const struct gt_m *m)
{
    return *(struct gt_proc *const volatile *)&m->t.p;
}

static void note(struct gt_m *m, struct gt_cpu_ring *r, const struct gt_sigctx *ctx, uint64_t w)
{
    const struct gt_g *g = gt_m_g(m);
    const struct gt_proc *p = p_of(m);
    uint64_t at = gt_load_relaxed(&r->head);
    uint64_t used = at - gt_load_acquire(&r->tail); /* pair: cpu-tail */
    if (used + AT_PC + GT_CPU_SAMPLE_FRAMES > RING_WORDS) {
        gt_store_relaxed(&r->lost, gt_load_relaxed(&r->lost) + 1);
        return;
    }
    uint64_t size = AT_PC + walk(r, at + AT_PC, ctx, stack_in_use(m, g, ctx->sp));
    *word(r, at + AT_SIZE) = size;
    *word(r, at + AT_TIME) = m->rt->cpu_ticks ? gt_ticks() : (uint64_t)gt_nanotime();
    *word(r, at + AT_GENERATION) = w;
    *word(r, at + AT_G) = g ? g->t.id : 0;
    *word(r, at + AT_THREAD) = (uint64_t)(uint32_t)m->t.tid << 32 | (uint32_t)(p ? p->id : -1);
    gt_store_release(&r->head, at + size); /* pair: cpu-head */
}

static bool on_tick(struct gt_sigctx *ctx)
{
    struct gt_m *m = gt_tls_m();
    if (!ctx->mark)
        return false;
    struct gt_cpu_ring *r = ctx->mark == m ? gt_load_acquire(&m->cpu_ring) : NULL; /* pair: cpu-ring */
    if (!r)
        return true; /* I4 */
    gt_store_relaxed(&r->busy, 1u);
    gt_fence_light(m->rt); /* pair: asym */ /* I3 */
    const gt_a64 *generation = gt_load_acquire(&m->rt->cpu_generation); /* pair: cpu-generation */
    uint64_t w = generation ? gt_load_acquire(generation) : 0; /* pair: generation */
    if (w != 0)
        note(m, r, ctx, w);
    gt_store_release(&r->busy, 0u); /* pair: cpu-busy */
    return true;
}

/* ---- tickers: scheduler lock held ------------------------------------------------------------- */
int gt_profile_join(struct gt_m *m)
{
    struct gt_runtime *rt = m->rt;
    gt_assert_held(&rt->sched_lock);
    if (rt->cpu_hz == 0)
        return 0;
    if (!gt_load_relaxed(&m->cpu_ring)) {
        struct gt_cpu_ring *r = gt_map(sizeof *r, false);
        if (!r)
            return -ENOMEM;
        gt_store_release(&m->cpu_ring, r); /* pair: cpu-ring */
    }
    return gt_ticker_start(&m->ticker, m->t.tid, GT_NS_PER_S / rt->cpu_hz, on_tick, m);
}

void gt_profile_leave(struct gt_m *m)
{
    gt_assert_held(&m->rt->sched_lock);
    gt_ticker_stop(&m->ticker);
}

static int join_all(struct gt_runtime *rt)
{
    int rc = 0;
    for (struct gt_m *m = rt->all_ms; m && rc == 0; m = m->all_next)
        if (!m->gone)
            rc = gt_profile_join(m);
    return rc;
}

static void leave_all(struct gt_runtime *rt)
{
    rt->cpu_hz = 0;
    for (struct gt_m *m = rt->all_ms; m; m = m->all_next)
        gt_profile_leave(m);
}

int gt_profile_start(struct gt_runtime *rt, uint32_t hz, const gt_a64 *generation)
{
    if (hz == 0 || hz > GT_PROFILE_HZ_MAX)
        return -EINVAL;
    rt->cpu_ticks = gt_ticks_hz() != 0;
    gt_store_release(&rt->cpu_generation, generation); /* pair: cpu-generation */
    struct gt_m *self = gt_pin();
    gt_lock(&rt->sched_lock);
    rt->cpu_hz = hz;
    int rc = join_all(rt);
    if (rc != 0)
        leave_all(rt);
    gt_unlock(&rt->sched_lock);
    gt_unpin(self);
    return rc;
}

void gt_profile_stop(struct gt_runtime *rt)
{
    gt_lock(&rt->sched_lock);
    if (rt->cpu_hz != 0)
        leave_all(rt);
    gt_unlock(&rt->sched_lock);
}

/* ---- the reader ------------------------------------------------------------------------------- */
/* All Ms that ever were: who left may have left samples. Links are constant once published. */
static struct gt_m *first_m(struct gt_runtime *rt)
{
    gt_lock(&rt->sched_lock);
    struct gt_m *m = rt->all_ms;
    gt_unlock(&rt->sched_lock);
    return m;
}

static void hand_out(struct gt_cpu_ring *r, uint64_t at, uint64_t size,
                     void (*fn)(const struct gt_profile_sample *, void *), void *arg)
{
    uint64_t thread = *word(r, at + AT_THREAD);
    struct gt_profile_sample s = {.time = *word(r, at + AT_TIME),
                              .g = *word(r, at + AT_G),
                              .tid = (int32_t)(uint32_t)(thread >> 32),
                              .p = (int32_t)(uint32_t)thread,
                              .n = (uint32_t)(size - AT_PC)};
    for (uint32_t i = 0; i < s.n; i++)
        s.pc[i] = *word(r, at + AT_PC + i);
    fn(&s, arg);
}

static void read_ring(struct gt_cpu_ring *r, uint64_t w,
                      void (*fn)(const struct gt_profile_sample *, void *), void *arg)
{
    uint64_t at = gt_load_relaxed(&r->tail), head = gt_load_acquire(&r->head); /* pair: cpu-head */
    while (at != head) {
        uint64_t size = *word(r, at + AT_SIZE), taken_in = *word(r, at + AT_GENERATION);
        if (taken_in > w)
            break; /* of the generation that goes on */
        if (taken_in == w)
            hand_out(r, at, size, fn, arg);
        else
            r->stale++;
        at += size;
        gt_store_release(&r->tail, at); /* pair: cpu-tail */
    }
}

void gt_profile_read(struct gt_runtime *rt, uint64_t w, bool ended,
                     void (*fn)(const struct gt_profile_sample *, void *), void *arg)
{
    for (struct gt_m *m = first_m(rt); m; m = m->all_next) {
        struct gt_cpu_ring *r = gt_load_acquire(&m->cpu_ring); /* pair: cpu-ring */
        if (!r)
            continue;
        if (ended)
            gt_await(&r->busy, gt_load_acquire(&r->busy) == 0); /* pair: cpu-busy */ /* I3 */
        read_ring(r, w, fn, arg);
    }
}

uint64_t gt_profile_lost(struct gt_runtime *rt)
{
    uint64_t n = 0;
    for (struct gt_m *m = first_m(rt); m; m = m->all_next) {
        struct gt_cpu_ring *r = gt_load_acquire(&m->cpu_ring); /* pair: cpu-ring */
        n += r ? gt_load_relaxed(&r->lost) + r->stale : 0;
    }
    return n;
}

/* No thread is an M any more. */
void gt_profile_fini(struct gt_runtime *rt)
{
    for (struct gt_m *m = rt->all_ms; m; m = m->all_next) {
        struct gt_cpu_ring *r = gt_load_relaxed(&m->cpu_ring);
        gt_store_relaxed(&m->cpu_ring, NULL);
        if (r)
            gt_unmap(r, sizeof *r);
    }
}
