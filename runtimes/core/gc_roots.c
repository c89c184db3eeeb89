/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Roots: registered areas, the elements inside channels' buffers, the stacks of Gs.
 *
 * A cycle's roots are what there is when it begins, with the world stopped: three cursors, one
 * into each list. They are put at the heads, so a cycle begins in the same time however many
 * Gs there are. Whoever drains takes jobs off the cursors. What is added later is added in
 * front, where no cursor comes, and is black by other means:
 *   an area      who adds it shades what is in it
 *   a channel    is empty; what is sent is shaded by the sender (GC5)
 *   a G          begins with a black stack (GC4)
 *
 * Invariants:
 *   R1 A job is counted in `busy` from before it is off its cursor until it is done. So with
 *      all cursors at their ends and busy 0, in this order, every job is done.
 *
 *        M1 takes the last job               M2: all done?
 *        busy++
 *        cursor: at the end
 *                                            cursors: at the end
 *                                            busy: 1, not done
 *        ... busy--
 *
 *   R2 The list of Gs only grows at its front and nothing leaves it (I7 of core.h), so a
 *      stretch of it is taken by one compare-and-swap of the cursor.
 *   R3 An area or a channel that somebody looks at (users > 0) is waited for by who takes it
 *      out. Both are pinned and neither waits for the other's P.
 *   R4 An area that is taken out while marking is shaded first: somebody may have loaded a
 *      pointer from it onto a stack that is black, and it is looked at by nobody again (GC5).
 *
 *        mutator, black stack                marker
 *        q := root[i]
 *        root_remove(root)                   would have come to root[i] now
 *        q->x                                q was freed
 *
 *   R5 A channel's elements are those that it held when its job began. Elements do not move in
 *      the ring: one received meanwhile is shaded by the receiver, one sent by the sender.
 *      They are copied out under the channel's lock, COPY bytes at a time, and shaded outside.
 * Locks: lists under `lock` (rank GC), which is not held when a channel's is taken.
 */
#include <errno.h>

#include "core/gc_mark.h"
#include "core/sync.h"

#define AREA_PIECE (128u * 1024u)
#define COPY 512u
#define GS_AT_ONCE 16u

struct area {
    struct area *next, *prev;
    uintptr_t at;
    size_t bytes;
    gt_a32 users; /* Written by: holder of lock */
};

struct gt_roots {
    struct gt_lock lock;
    /* Guarded by: lock. */
    struct area *areas, *area_next;
    size_t area_done; /* of area_next, bytes taken */
    struct gt_chan_root *chans, *chan_next;
    uint64_t cycle; /* Written with the world stopped */

    gt_a32 listed; /* a cursor of those above is not at its end. Written by: holder of lock */
    gt_a32 busy;   /* R1 */
    GT_APTR(struct gt_g) g_next;
};

int gt_gc_marker_create(struct gt_runtime *rt, struct gt_heap *heap, struct gt_work *work)
{
    struct gt_gc_marker *k = gt_alloc(rt->arena, sizeof *k, -1);
    struct gt_roots *r = gt_alloc(rt->arena, sizeof *r, -1);
    if (!k || !r) {
        gt_free(rt->arena, k, sizeof *k);
        gt_free(rt->arena, r, sizeof *r);
        return -ENOMEM;
    }
    gt_lock_init(&r->lock, GT_RANK_GC);
    *k = (struct gt_gc_marker){.rt = rt, .heap = heap, .work = work, .roots = r};
    rt->gc_marker = k;
    return 0;
}

void gt_gc_marker_destroy(struct gt_runtime *rt)
{
    struct gt_gc_marker *k = rt->gc_marker;
    if (!k)
        return;
    rt->gc_marker = NULL;
    while (k->roots->areas) {
        struct area *a = k->roots->areas;
        k->roots->areas = a->next;
        gt_free(rt->arena, a, sizeof *a);
    }
    gt_free(rt->arena, k->roots, sizeof *k->roots);
    gt_free(rt->arena, k, sizeof *k);
}

/* ---- the cursors --------------------------------------------------------------------- */
static void set_listed(struct gt_roots *r)
{
    bool any = r->area_next != NULL || r->chan_next != NULL;
    gt_store_release(&r->listed, any); /* pair: roots-listed */
}

void gt_gc_roots_begin(struct gt_runtime *rt)
{
    struct gt_roots *r = rt->gc_marker->roots;
    gt_assert(rt, gt_gc_roots_done(rt));
    gt_lock(&rt->allg_lock);
    gt_store_release(&r->g_next, rt->all_gs); /* pair: roots-g */
    gt_unlock(&rt->allg_lock);
    gt_lock(&r->lock);
    r->cycle++;
    r->area_next = r->areas;
    r->area_done = 0;
    r->chan_next = r->chans;
    set_listed(r);
    gt_unlock(&r->lock);
}

bool gt_gc_roots_any(struct gt_runtime *rt)
{
    struct gt_roots *r = rt->gc_marker->roots;
    return gt_load_acquire(&r->listed) != 0 ||  /* pair: roots-listed */
           gt_load_acquire(&r->g_next) != NULL; /* pair: roots-g */
}

bool gt_gc_roots_done(struct gt_runtime *rt)
{
    return !gt_gc_roots_any(rt) && gt_load_acquire(&rt->gc_marker->roots->busy) == 0; /* pair: roots-busy */
}

void gt_gc_roots_discard(struct gt_runtime *rt)
{
    struct gt_roots *r = rt->gc_marker->roots;
    gt_lock(&r->lock);
    r->area_next = NULL;
    r->chan_next = NULL;
    set_listed(r);
    gt_unlock(&r->lock);
    gt_store_release(&r->g_next, NULL); /* pair: roots-g */
    gt_store_release(&r->busy, 0u);     /* pair: roots-busy */
}

/* ---- areas ------------------------------------------------------------------------------- */
/* A piece of the area at the cursor; 0 bytes: none. lock held. */
static struct area *take_piece(struct gt_roots *r, uintptr_t *at, size_t *bytes)
{
    struct area *a = r->area_next;
    if (!a)
        return NULL;
    *at = a->at + r->area_done;
    *bytes = a->bytes - r->area_done;
    if (*bytes > AREA_PIECE)
        *bytes = AREA_PIECE;
    r->area_done += *bytes;
    if (r->area_done == a->bytes) {
        r->area_next = a->next;
        r->area_done = 0;
        set_listed(r);
    }
    gt_bump(&a->users, 1u);
    return a;
}

static size_t area_job(struct gt_m *m, struct gt_roots *r)
{
    uintptr_t at;
    size_t bytes;
    gt_lock(&r->lock);
    struct area *a = take_piece(r, &at, &bytes);
    gt_unlock(&r->lock);
    if (!a)
        return 0;
    gt_gc_shade_slots(m, at, bytes);
    gt_lock(&r->lock);
    gt_store_release(&a->users, gt_load_relaxed(&a->users) - 1); /* pair: root-users */
    gt_unlock(&r->lock);
    return bytes;
}

static void link_area(struct gt_roots *r, struct area *a)
{
    gt_lock(&r->lock);
    a->next = r->areas;
    if (a->next)
        a->next->prev = a;
    r->areas = a;
    gt_unlock(&r->lock);
}

int gt_gc_root_add(struct gt_runtime *rt, void *area, size_t bytes)
{
    if (!area || bytes == 0 || ((uintptr_t)area | bytes) % sizeof(uintptr_t) != 0)
        return -EINVAL;
    struct gt_m *m = gt_pin();
    struct area *a = gt_alloc(rt->arena, sizeof *a, -1);
    if (a) {
        a->at = (uintptr_t)area;
        a->bytes = bytes;
        link_area(rt->gc_marker->roots, a);
        if (gt_gc_marking(rt))
            gt_gc_shade_slots(m, a->at, bytes);
    }
    gt_unpin(m);
    return a ? 0 : -ENOMEM;
}

/* lock held. */
static struct area *unlink_area(struct gt_roots *r, uintptr_t at)
{
    struct area *a = r->areas;
    while (a && a->at != at)
        a = a->next;
    if (!a)
        return NULL;
    if (a->next)
        a->next->prev = a->prev;
    if (a->prev)
        a->prev->next = a->next;
    else
        r->areas = a->next;
    if (r->area_next == a) {
        r->area_next = a->next;
        r->area_done = 0;
        set_listed(r);
    }
    return a;
}

void gt_gc_root_remove(struct gt_runtime *rt, void *area)
{
    struct gt_roots *r = rt->gc_marker->roots;
    struct gt_m *m = gt_pin();
    gt_lock(&r->lock);
    struct area *a = unlink_area(r, (uintptr_t)area);
    gt_unlock(&r->lock);
    if (a) {
        if (gt_gc_marking(rt))
            gt_gc_shade_slots(m, a->at, a->bytes); /* R4 */
        gt_await(&a->users, gt_load_acquire(&a->users) == 0); /* pair: root-users */ /* R3 */
        gt_free(rt->arena, a, sizeof *a);
    }
    gt_unpin(m);
}

/* ---- channels --------------------------------------------------------------------------------- */
void gt_gc_chan_born(struct gt_runtime *rt, struct gt_chan_root *c)
{
    if (!rt->gc_marker)
        return;
    struct gt_roots *r = rt->gc_marker->roots;
    gt_lock(&r->lock);
    c->next = r->chans;
    if (c->next)
        c->next->prev = c;
    r->chans = c;
    c->listed = true;
    gt_unlock(&r->lock);
}

void gt_gc_chan_dies(struct gt_runtime *rt, struct gt_chan_root *c)
{
    if (!c->listed)
        return;
    struct gt_roots *r = rt->gc_marker->roots;
    gt_lock(&r->lock);
    if (c->next)
        c->next->prev = c->prev;
    if (c->prev)
        c->prev->next = c->next;
    else
        r->chans = c->next;
    if (r->chan_next == c) {
        r->chan_next = c->next;
        set_listed(r);
    }
    gt_unlock(&r->lock);
    gt_await(&c->users, gt_load_acquire(&c->users) == 0); /* pair: root-users */ /* R3 */
}

static struct gt_chan_root *take_chan(struct gt_roots *r)
{
    gt_lock(&r->lock);
    struct gt_chan_root *c = r->chan_next;
    if (c) {
        r->chan_next = c->next;
        set_listed(r);
        gt_store_relaxed(&c->users, 1u); /* one job a cycle */
    }
    gt_unlock(&r->lock);
    return c;
}

static size_t chan_job(struct gt_m *m, struct gt_roots *r)
{
    struct gt_chan_root *c = take_chan(r);
    struct gt_chan_scan s = {0};
    uintptr_t copy[COPY / sizeof(uintptr_t)];
    size_t bytes = 1, n; /* an empty one costs something too */
    if (!c)
        return 0;
    while ((n = gt_chan_scan(m, c, &s, copy, sizeof copy)) != 0) {
        gt_gc_shade_words(m, copy, n);
        bytes += n;
    }
    gt_store_release(&c->users, 0u); /* pair: root-users */
    return bytes;
}

/* ---- Gs ------------------------------------------------------------------------------------------- */
/* R2. How many Gs from *first on are the caller's. */
static uint32_t take_gs(struct gt_roots *r, struct gt_g **first)
{
    struct gt_g *g = gt_load_acquire(&r->g_next); /* pair: roots-g */
    for (;;) {
        struct gt_g *end = g;
        uint32_t n = 0;
        for (; end && n < GS_AT_ONCE; n++)
            end = end->all_next;
        *first = g;
        if (n == 0 || gt_cas_acq_rel(&r->g_next, &g, end)) /* pair: roots-g */
            return n;
    }
}

static size_t gs_job(struct gt_m *m, struct gt_roots *r)
{
    struct gt_gc_p *gp = gt_m_p(m)->gc;
    struct gt_g *g;
    uint32_t n = take_gs(r, &g);
    size_t done = n; /* dead ones cost something too */
    for (; n != 0; n--, g = g->all_next) {
        size_t bytes = 0;
        if (gt_g_status(g) == GT_G_DEAD || !gt_gc_scan_g(m, g, r->cycle, &bytes))
            continue;
        gp->stacks++;
        gp->stack_bytes += bytes;
        done += bytes;
    }
    return done;
}

/* ---- jobs ------------------------------------------------------------------------------------------- */
static size_t any_job(struct gt_m *m, struct gt_roots *r)
{
    size_t done = 0;
    if (gt_load_acquire(&r->listed) != 0) { /* pair: roots-listed */
        done = area_job(m, r);
        if (done == 0)
            done = chan_job(m, r);
    }
    return done != 0 ? done : gs_job(m, r);
}

size_t gt_gc_root_job(struct gt_m *m)
{
    struct gt_roots *r = m->rt->gc_marker->roots;
    if (gt_likely(!gt_gc_roots_any(m->rt)))
        return 0;
    gt_add_acq_rel(&r->busy, 1u); /* pair: roots-busy */ /* R1 */
    size_t done = any_job(m, r);
    gt_sub_acq_rel(&r->busy, 1u); /* pair: roots-busy */
    return done;
}
