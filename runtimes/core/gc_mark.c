/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Marking: the barrier, objects, the drain.
 *
 * The barrier (GC3) is deletion and insertion in one, and on for every stack, black or not:
 * gc_store(slot, v) shades what the slot held and v, then stores. What either half prevents:
 *
 *      insertion: v                        deletion: what the slot held
 *
 *      mutator (grey stack)  marker        mutator (black stack)  marker
 *      q in a register                     black: stack scanned
 *      black->f := q                       q := white->f
 *      q dropped                           white->f := NULL
 *                            scans the                            scans white: no q
 *                            stack: no q
 *      black->f->x           q was freed   q->x                   q was freed
 *
 * Order. Shades come before the store, but nobody relies on when they are seen: marking ends
 * with the world stopped only, after each P has shown what it holds (GC8), and who stores does
 * not lose its P between the first shade and the store (no checkpoint in between, U4). So
 * all that must hold is that both are shaded in the same stretch without a checkpoint.
 *
 *   O1 The store is a release and the marker's load of a slot an acquire: who finds a pointer
 *      finds the layout and the span of what it points to, written by the allocating M.
 *   O2 Objects that are born while marking are black (GC2) and are not looked into: what is
 *      put into them comes through the barrier.
 *
 * Pieces. An object larger than PIECE is looked at in pieces, each an address inside it in the
 * buffers: a drain can stop between them, others help. A piece that finds no buffer is looked
 * at at once; an object that finds none is left to its span (gc_work.c).
 *
 * Progress: a drain stops within one object, piece, stack or 16 stacks of being told to.
 */
#include <string.h>

#include "core/gc_mark.h"

#define PIECE (128u * 1024u)
#define BALANCE_EVERY 32u /* objects */

/* One word of an object or a root area, as others may be writing it. */
typedef GT_APTR(void) __attribute__((may_alias)) slot_t;

static inline uintptr_t load_slot(uintptr_t at)
{
    return (uintptr_t)gt_load_acquire((slot_t *)at); /* pair: gc-slot */
}

/* ---- shading --------------------------------------------------------------------------- */
static inline void shade(struct gt_gc_marker *k, struct gt_gc_p *gp, uintptr_t word)
{
    struct gt_obj o;
    if (word == 0 || !gt_heap_find(k->heap, word, &o) || !gt_heap_mark(o))
        return;
    gp->marked += gt_heap_slot_bytes(o);
    if (o.span->pointers && gt_unlikely(!gt_work_put(k->work, gp->work, o.base)))
        gt_work_lose(k->work, o.span);
}

void gt_gc_shade(struct gt_m *m, uintptr_t word)
{
    shade(m->rt->gc_marker, gt_m_p(m)->gc, word);
}

void gt_gc_shade_words(struct gt_m *m, const void *p, size_t bytes)
{
    const char *at = p;
    for (; bytes >= sizeof(uintptr_t); bytes -= sizeof(uintptr_t)) {
        uintptr_t word;
        memcpy(&word, at, sizeof word);
        at += sizeof word;
        gt_gc_shade(m, word);
    }
}

/* Aligned words that mutators may store to. */
void gt_gc_shade_slots(struct gt_m *m, uintptr_t at, size_t bytes)
{
    for (uintptr_t end = at + bytes; at < end; at += sizeof(uintptr_t))
        gt_gc_shade(m, load_slot(at));
}

static GT_NOINLINE void store_slow(struct gt_m *m, slot_t *slot, void *v)
{
    m->locks++;
    gt_signal_fence();
    gt_assert(m->rt, m->t.p != NULL);
    if (gt_load_relaxed(&m->rt->gc_marking) != 0) {
        gt_gc_shade(m, (uintptr_t)gt_load_acquire(slot)); /* pair: gc-slot */
        gt_gc_shade(m, (uintptr_t)v);
    }
    gt_store_release(slot, v); /* pair: gc-slot */
    gt_unpin(m);
}

void gt_gc_store(void *slot, void *v)
{
    struct gt_m *m = gt_tls_m();
    if (gt_gc_marking(m->rt))
        store_slow(m, slot, v);
    else
        gt_store_release((slot_t *)slot, v); /* pair: gc-slot */
}

/* ---- objects ------------------------------------------------------------------------------ */
/* The words that l names, from `at`, which begins an element. */
static void scan_elems(struct gt_gc_marker *k, struct gt_gc_p *gp, const struct gt_gc_layout *l,
                       uintptr_t at, size_t bytes)
{
    uintptr_t end = at + bytes / l->elem_size * l->elem_size;
    if (l->n_ptrs * sizeof(uintptr_t) == l->elem_size) {
        for (; at < end; at += sizeof(uintptr_t))
            shade(k, gp, load_slot(at));
        return;
    }
    for (; at < end; at += l->elem_size)
        for (uint32_t i = 0; i < l->n_ptrs; i++)
            shade(k, gp, load_slot(at + l->offsets[i]));
}

static size_t piece_bytes(const struct gt_gc_layout *l)
{
    return l->elem_size >= PIECE ? l->elem_size : PIECE / l->elem_size * l->elem_size;
}

/* All pieces but the first go to the buffers. */
static size_t share_pieces(struct gt_gc_marker *k, struct gt_gc_p *gp, const struct gt_gc_layout *l,
                           uintptr_t base, size_t size)
{
    size_t piece = piece_bytes(l), done = 0;
    for (size_t at = piece; at < size; at += piece) {
        size_t n = size - at < piece ? size - at : piece;
        if (gt_work_put(k->work, gp->work, base + at))
            continue;
        scan_elems(k, gp, l, base + at, n);
        done += n;
    }
    return done;
}

/* item: an object, or a piece of one. Bytes looked at. */
static size_t scan_item(struct gt_gc_marker *k, struct gt_gc_p *gp, uintptr_t item)
{
    struct gt_obj o;
    if (gt_unlikely(!gt_heap_find(k->heap, item, &o)))
        gt_throw(k->rt, "grey object %p is no object", (void *)item);
    const struct gt_gc_layout *l = gt_heap_layout(o);
    size_t size = gt_heap_object_bytes(o), from = item - o.base, done = 0;
    if (gt_unlikely(size > PIECE)) {
        size_t piece = piece_bytes(l);
        if (from == 0)
            done = share_pieces(k, gp, l, o.base, size);
        if (size - from > piece)
            size = from + piece;
    }
    scan_elems(k, gp, l, item, size - from);
    return done + size - from;
}

/* I2 of gc_work.c. One in it may be just being born: black, and its layout not yet there. Free
 * slots may be marked too. */
static size_t scan_lost(struct gt_gc_marker *k, struct gt_gc_p *gp, struct gt_span *s)
{
    size_t done = 0;
    for (uint32_t i = 0; i < s->n_slots; i++) {
        struct gt_obj o = {s, i, s->start + (uintptr_t)i * s->slot_size + sizeof(uintptr_t)};
        if (!gt_heap_marked(o) || !gt_heap_find(k->heap, o.base, &o))
            continue;
        const struct gt_gc_layout *l = gt_heap_layout(o);
        if (!l)
            continue;
        size_t n = gt_heap_object_bytes(o);
        scan_elems(k, gp, l, o.base, n);
        done += n;
    }
    return done;
}

/* ---- drain ---------------------------------------------------------------------------------- */
/* One job, object or span; its bytes, at least 1. 0: nothing to do. */
static size_t step(struct gt_m *m, struct gt_gc_marker *k, struct gt_gc_p *gp)
{
    size_t n = gt_gc_root_job(m);
    if (n != 0)
        return n;
    uintptr_t item = gt_work_get(k->work, gp->work);
    if (gt_likely(item != 0))
        return scan_item(k, gp, item);
    struct gt_span *s = gt_work_lost(k->work);
    return s ? scan_lost(k, gp, s) + 1 : 0;
}

static int64_t drain(struct gt_m *m, bool (*until)(struct gt_m *), int64_t budget)
{
    struct gt_gc_marker *k = m->rt->gc_marker;
    struct gt_gc_p *gp = gt_m_p(m)->gc;
    int64_t done = 0;
    for (uint32_t i = 1;; i++) {
        if ((until && until(m)) || (budget >= 0 && done >= budget))
            break;
        size_t n = step(m, k, gp);
        if (n == 0)
            break;
        done += (int64_t)n;
        if (i % BALANCE_EVERY == 0)
            gt_work_balance(k->work, gp->work);
    }
    gp->scan_work += done;
    return done;
}

int64_t gt_gc_drain(struct gt_m *m, bool (*until)(struct gt_m *), int64_t budget)
{
    gt_assert(m->rt, m->t.g && m->t.p && gt_load_relaxed(&m->rt->gc_marking) != 0);
    bool runs = gt_g_status(gt_m_g(m)) == GT_G_RUNNING;
    if (runs)
        gt_g_pretend_wait(m, GT_WAIT_GC_MARK);
    int64_t done = drain(m, until, budget);
    if (runs)
        gt_g_pretend_end(m);
    return done;
}
