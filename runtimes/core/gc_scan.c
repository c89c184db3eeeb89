/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stack of one G, whatever its status, by the holder of its scan bit (GC4).
 *
 * Every word between where the G stands and its struct at the stack's top may be a pointer;
 * so may every register that was not yet put on the stack. Where that is:
 *
 *   status              stands at                registers
 *   Runnable, Waiting   ctx.sp                   ctx.fp; the others that a callee keeps lie on
 *                                                the stack (I1 of switch_<arch>.S)
 *     stopped by        ctx.sp, as interrupted   all of them in the signal's frame, on the
 *     signal                                     thread's other stack: sig_lo .. sig_hi
 *     for form's sake   gc_sp: it runs below     gc_regs
 *   Syscall             gc_sp: it runs below     gc_regs
 *   Running             its M is asked to stop first (gt_suspend_g); then as above
 *   Dead                nothing
 *
 * Where the G runs on below gc_sp:
 *
 *   S1 gc_sp and gc_regs are taken at the entry of gt_syscall_enter, _enter_blocking and
 *      gt_g_pretend_wait, before a register changes (keep_<arch>.S), and before the status.
 *   S2 What is above gc_sp stands still until the G is Running again: those are the frames of
 *      functions that wait for their callee to return, and the frame of the function that
 *      called, which must not return, and so not give back what it saved for its own callers,
 *      before the G is Running.
 *
 *        user: p in r15         the core: f                    g: what f calls
 *        calls f                saves r15, uses it
 *                               calls g                        takes gc_sp, gc_regs (r15 is f's),
 *                                                              Waiting
 *                               .. returns into f
 *                               restores r15: p                scan: f's frame is gone,
 *                               returns; the next call         gc_regs hold f's r15: p is lost
 *                               overwrites where p was
 *
 *      So is it with gt_world_stop's function, gt_each_p_safe, gt_gc_drain and every other
 *      that calls gt_g_pretend_wait and gt_g_pretend_end itself. gt_suspend_g does return: its
 *      caller waits for form's sake with gc_sp NULL, which is not scanned, but waited for.
 *      That wait is short (until gt_resume_g) and who is in it waits for no scanner: scanners
 *      stand with gc_sp taken, so it gets their bits.
 *   S3 What the G does below gc_sp meanwhile uses no object that is not held above or in
 *      gc_regs, or that is not marked: for a system call that is U3; the drain holds what comes
 *      out of buffers.
 *   S4 A callback from inside a system call ends with the call's own gc_sp and gc_regs
 *      (extra.c): those of the inner entry are gone with the frame of gt_callback.
 *   S5 A G that arrives Dead -> Syscall has its argument only: gt_g_at_top.
 *
 * The words are read without the sanitizers' knowledge: other Gs' frames have red zones, and
 * one that runs below gc_sp, or is handed a channel's element, writes meanwhile. What is
 * handed over is shaded by who hands it (GC5).
 *
 * Locks: under a scan bit those of rank LEAF alone, and the arena's: whoever holds another may
 * be waiting for the bit.
 */
#include "core/gc_mark.h"

#define RED_ZONE 128u
#define CHUNK_WORDS 64u

/* Not even memcpy: the sanitizers watch that. */
static GT_NOINLINE __attribute__((no_sanitize("address", "thread", "undefined"))) void
copy_words(uintptr_t *to, uintptr_t from, size_t n)
{
    const volatile uintptr_t *at = (const volatile uintptr_t *)from;
    for (size_t i = 0; i < n; i++)
        to[i] = at[i];
}

/* Aligned bounds. */
static void scan_words(struct gt_m *m, uintptr_t lo, uintptr_t hi)
{
    uintptr_t word[CHUNK_WORDS];
    while (lo < hi) {
        size_t n = (hi - lo) / sizeof(uintptr_t);
        if (n > CHUNK_WORDS)
            n = CHUNK_WORDS;
        copy_words(word, lo, n);
        for (size_t i = 0; i < n; i++)
            gt_gc_shade(m, word[i]);
        lo += n * sizeof(uintptr_t);
    }
}

static void scan_registers(struct gt_m *m, const struct gt_g *g)
{
    for (size_t i = 0; i < GT_GC_REGS; i++)
        gt_gc_shade(m, (uintptr_t)g->gc_regs[i]);
}

/* From sp up to the struct, the argument's word included. Bytes. */
static size_t scan_from(struct gt_m *m, struct gt_g *g, uintptr_t sp)
{
    uintptr_t lo = sp & ~(uintptr_t)(sizeof(uintptr_t) - 1), hi = (uintptr_t)g;
    if (lo < (uintptr_t)g->stack.lo || lo > hi)
        gt_throw(m->rt, "stack of G %llu: sp %p is not on it", (unsigned long long)g->t.id,
                 (void *)sp);
    scan_words(m, lo, hi);
    return hi - lo;
}

/*
 * What a parked send or receive was given is known to its waiter alone: the frames below may
 * have forgotten it, and whoever wakes the G reads or writes it there. A select's stands in its
 * caller's table of cases.
 */
static void scan_elem(struct gt_m *m, const struct gt_g *g)
{
    uint32_t why = gt_load_relaxed(&g->t.wait_reason);
    if (gt_g_status(g) == GT_G_WAITING && (why == GT_WAIT_CHAN_SEND || why == GT_WAIT_CHAN_RECV))
        gt_gc_shade(m, (uintptr_t)g->waiter.elem);
}

static size_t scan_suspended(struct gt_m *m, struct gt_g *g)
{
    uintptr_t sp = (uintptr_t)g->ctx.sp - RED_ZONE;
    if (sp < (uintptr_t)g->stack.lo)
        sp = (uintptr_t)g->stack.lo;
    gt_gc_shade(m, (uintptr_t)g->ctx.fp);
    scan_elem(m, g);
    if (g->flags & GT_GF_IN_HANDLER)
        scan_words(m, g->sig_lo, g->sig_hi);
    return scan_from(m, g, sp);
}

static bool waits_for_form(struct gt_g *g)
{
    return gt_g_status(g) == GT_G_WAITING &&
           gt_wait_is_running((enum gt_wait_reason)gt_load_relaxed(&g->t.wait_reason));
}

/* The scan bit is m's. false: g cannot be scanned now (S2). */
static bool scan_held(struct gt_m *m, struct gt_g *g, uint64_t cycle, size_t *bytes)
{
    bool form = waits_for_form(g);
    if (form && !g->gc_sp)
        return false;
    if (form || gt_g_status(g) == GT_G_SYSCALL) {
        scan_registers(m, g);
        *bytes = scan_from(m, g, (uintptr_t)g->gc_sp);
    } else {
        *bytes = scan_suspended(m, g);
        gt_gc_shrink_stack(m, g);
    }
    g->gc_cycle = cycle;
    gt_jnote(m, GT_J_STACK, g->t.id, gt_status_version(gt_load_relaxed(&g->t.status)), 0, 0);
    return true;
}

static bool scan_running(struct gt_m *m, struct gt_g *g, uint64_t cycle, size_t *bytes, bool *dead)
{
    struct gt_trace_g_view v;
    *dead = !gt_suspend_g(m->rt, g, &v);
    if (*dead)
        return false;
    bool done = scan_held(m, g, cycle, bytes);
    gt_resume_g(m->rt, g);
    return done;
}

static void pause_after(uint32_t tries)
{
    if (tries < 64)
        gt_thread_yield();
    else
        gt_sleep_ns(20 * GT_NS_PER_US);
}

bool gt_gc_scan_g(struct gt_m *m, struct gt_g *g, uint64_t cycle, size_t *bytes)
{
    for (uint32_t tries = 0;; tries++) {
        bool done = false, dead = false;
        if (gt_likely(gt_g_scan_try(m, g))) {
            GT_PERTURB(m, gc_scan);
            done = scan_held(m, g, cycle, bytes);
            gt_g_scan_end(m, g);
        } else if (gt_g_status(g) == GT_G_RUNNING) {
            done = scan_running(m, g, cycle, bytes, &dead);
        } else {
            dead = gt_g_status(g) == GT_G_DEAD;
        }
        if (done || dead)
            return done;
        pause_after(tries);
    }
}
