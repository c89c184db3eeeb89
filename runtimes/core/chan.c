/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Channels: buffered and unbuffered queues between Gs, and select over several.
 *
 * Invariants (with I1..I3 of sync.h):
 *   I1 Under the lock, at most one of the two queues has a waiter that can still be
 *      served; senders wait only while the buffer is full, receivers only while it is
 *      empty. A G in a select on one channel both ways may stand in both.
 *   I2 An element goes from the sender's memory to the receiver's at once when one of
 *      them waits: a parked G's `elem` is written or read by the one that pops its waiter.
 *   I3 closed goes from 0 to 1 once, before the waiters are released, under the lock.
 *   I4 A select is woken once: who pops one of its waiters must swap select_done from
 *      0 to 1; who loses drops the waiter and looks on. select_done goes back to 0 only
 *      when none of its waiters is queued.
 *   I5 Several channels are locked in order of address.
 * Ordering:
 *   O1 A send happens before the receive that gets its element; a close before a receive
 *      that reports it: both by the lock, and through gt_ready for a parked G.
 *   O2 A try that finds the channel full (or empty) first and not closed afterwards was
 *      right at the moment of the first look, since closed never goes back.
 * The collector (GC5 of gc.h). It looks at what lies in a buffer, once a cycle, and at a stack
 * once a cycle. While it marks, an element that moves is shaded by who moves it:
 *
 *      send to a buffer                    receive from a buffer or a sender
 *      buffer: looked at                   stack: looked at
 *      q: stack, not looked at             q: buffer or sender's stack, not looked at
 *      buffer := q (unshaded)              stack := q (unshaded), its slot forgotten
 *      q forgotten, stack looked at        buffer, sender's stack looked at: no q
 *      q was freed                         q was freed
 *
 *   G1 A sender shades its element before it takes the locks. A receiver shades what it got
 *      after it has given them back, and before the sender that it freed can run the element
 *      of that sender, which went into the buffer. What a sender hands to a parked receiver is
 *      the sender's to shade.
 *   G2 Marking begins and ends with the world stopped: who was told under its pin that nobody
 *      marks, or shades under the pin under which it copied, is in time.
 *   G3 Nothing is shaded under a channel's lock: shading may want memory. A sender that finds
 *      out under the locks gives them back first, before it has done anything.
 *   G4 What close throws away, and an element received to nowhere, needs no shade: nobody else
 *      has it.
 * Progress: a lock is held for one copy; an operation on a channel with a waiter or with
 *   room finishes in a bounded number of steps of the lock holders.
 * Limits: elem_size * capacity fits a size_t; a select has at most UINT32_MAX / 2 cases.
 */
#include "core/gc.h"
#include "core/sync.h"

#include <errno.h>
#include <string.h>

struct gt_chan {
    struct gt_rspin lock;
    gt_a32 closed; /* Written under lock; read by: anyone */

    /* Constant. */
    size_t elem_size;
    size_t capacity;

    /* Guarded by: lock. count and the heads of the queues may be peeked at. */
    gt_a64 count;
    size_t send_at, recv_at; /* slots of the ring */
    struct gt_waitq recvq, sendq;

    struct gt_chan_root root;
    unsigned char ring[] __attribute__((aligned(16)));
};

struct gt_chan *gt_chan_new(struct gt_runtime *rt, size_t elem_size, size_t capacity)
{
    size_t ring, size;
    if (__builtin_mul_overflow(elem_size, capacity, &ring) ||
        __builtin_add_overflow(ring, sizeof(struct gt_chan), &size))
        return NULL;
    struct gt_m *m = gt_pin();
    struct gt_chan *c = gt_alloc(rt->arena, size, m->t.p ? m->t.p->node : -1);
    gt_unpin(m);
    if (!c)
        return NULL;
    gt_rspin_init(&c->lock, GT_RANK_CHAN);
    c->elem_size = elem_size;
    c->capacity = capacity;
    if (ring != 0 && elem_size >= sizeof(void *))
        gt_gc_chan_born(rt, &c->root);
    return c;
}

void gt_chan_free(struct gt_runtime *rt, struct gt_chan *c)
{
    if (!c)
        return;
    gt_assert(rt, !gt_waitq_first(&c->recvq) && !gt_waitq_first(&c->sendq));
    struct gt_m *m = gt_pin();
    gt_gc_chan_dies(rt, &c->root);
    gt_free(rt->arena, c, sizeof *c + c->elem_size * c->capacity);
    gt_unpin(m);
}

/* Elements of so few words are copied by the word: most were written so a moment ago, and a
 * wider load would wait until both stores are in the cache. */
#define COPY_WORDS 4u

/* ---- elements ----------------------------------------------------------------------- */
static inline void copy_elem(const struct gt_chan *c, void *dst, const void *src)
{
    size_t n = c->elem_size;
    char *to = dst;
    const char *from = src;
    if (n % sizeof(uint64_t) != 0 || n > COPY_WORDS * sizeof(uint64_t)) {
        memcpy(to, from, n);
        return;
    }
    for (; n != 0; n -= sizeof(uint64_t)) {
        uint64_t v;
        memcpy(&v, from, sizeof v);
        memcpy(to, &v, sizeof v);
        to += sizeof v;
        from += sizeof v;
    }
}

static inline void give(const struct gt_chan *c, void *dst, const void *src)
{
    if (dst)
        copy_elem(c, dst, src);
}

static void give_zero(const struct gt_chan *c, void *dst)
{
    if (dst && c->elem_size != 0)
        memset(dst, 0, c->elem_size);
}

static inline void *slot(struct gt_chan *c, size_t i)
{
    return c->ring + i * c->elem_size;
}

static inline size_t after(const struct gt_chan *c, size_t i)
{
    return i + 1 == c->capacity ? 0 : i + 1;
}

/* ---- the collector ---------------------------------------------------------------------- */
size_t gt_chan_scan(struct gt_m *m, struct gt_chan_root *r, struct gt_chan_scan *s, void *buf,
                    size_t size)
{
    struct gt_chan *c = gt_container(r, struct gt_chan, root);
    size_t words = c->elem_size & ~(sizeof(void *) - 1), done = 0;
    gt_rspin_lock(m, &c->lock);
    if (!s->begun) {
        s->begun = true;
        s->at = c->recv_at;
        s->left = gt_load_relaxed(&c->count);
    }
    while (s->left != 0 && done < size) {
        size_t n = words - s->within < size - done ? words - s->within : size - done;
        memcpy((char *)buf + done, (char *)slot(c, s->at) + s->within, n);
        done += n;
        s->within += n;
        if (s->within == words) {
            s->within = 0;
            s->at = after(c, s->at);
            s->left--;
        }
    }
    gt_rspin_unlock(m, &c->lock);
    return done;
}

static void shade(struct gt_m *m, const struct gt_chan *c, const void *elem)
{
    if (elem)
        gt_gc_shade_words(m, elem, c->elem_size);
}

/* G1, G3: the lock, given back and taken again. */
static GT_NOINLINE void shade_to_send(struct gt_m *m, struct gt_chan *c, const void *elem)
{
    gt_rspin_unlock_pinned(m, &c->lock);
    shade(m, c, elem);
    gt_rspin_lock(m, &c->lock);
    m->locks--;
}

/* G1: pinned, no lock. The element received, and that of the sender that was freed by it. */
static GT_NOINLINE void shade_received(struct gt_m *m, const struct gt_chan *c, const void *elem,
                                       const struct gt_g *wake)
{
    shade(m, c, elem);
    if (wake)
        shade(m, c, wake->wake_waiter->elem);
}

GT_HOT void lock_to_send(struct gt_m *m, struct gt_chan *c, const void *elem)
{
    gt_rspin_lock(m, &c->lock);
    if (gt_gc_marking(m->rt))
        shade_to_send(m, c, elem);
}

/* ---- peeks without the lock (O2) -------------------------------------------------------- */
static inline bool looks_full(struct gt_chan *c)
{
    if (c->capacity == 0)
        return gt_load_acquire(&c->recvq.head) == NULL; /* pair: chanpeek */
    return gt_load_acquire(&c->count) == c->capacity;   /* pair: chancount */
}

static inline bool looks_empty(struct gt_chan *c)
{
    if (c->capacity == 0)
        return gt_load_acquire(&c->sendq.head) == NULL; /* pair: chanpeek */
    return gt_load_acquire(&c->count) == 0;             /* pair: chancount */
}

/*
 *   try_recv on M1                     M2
 *   peek: empty
 *                                      send, close
 *   peek: closed -> takes the lock and receives the element
 * With the looks the other way round, M1 could find "not closed", then "empty" after a
 * receiver drained the closed channel, and answer "try again" on a channel that is dead.
 */
static inline bool blocked(struct gt_chan *c, bool looks_blocked)
{
    return looks_blocked && gt_load_relaxed(&c->closed) == 0;
}

/* ---- the operations under the lock --------------------------------------------------------- */
/* The first waiter that can still be served, popped; with it who is to be woken (I4). */
static inline struct gt_waiter *pop_waiter(struct gt_waitq *q)
{
    for (;;) {
        struct gt_waiter *w = gt_waitq_pop(q);
        if (!w || !w->select)
            return w;
        uint32_t open = 0;
        if (gt_cas_relaxed(&w->g->select_done, &open, 1u))
            return w;
    }
}

static inline struct gt_g *served(struct gt_waiter *w, bool ok)
{
    w->ok = ok;
    w->g->wake_waiter = w;
    return w->g;
}

static inline void set_count(struct gt_chan *c, uint64_t n)
{
    gt_store_release(&c->count, n); /* pair: chancount */
}

/* 0, -EPIPE, -EAGAIN: would wait. *wake: who is to be made ready after the unlock. */
GT_HOT int send_locked(struct gt_chan *c, const void *elem, struct gt_g **wake)
{
    if (gt_unlikely(gt_load_relaxed(&c->closed) != 0))
        return -EPIPE;
    struct gt_waiter *w = pop_waiter(&c->recvq);
    if (w) {
        give(c, w->elem, elem);
        *wake = served(w, true);
        return 0;
    }
    uint64_t n = gt_load_relaxed(&c->count);
    if (n == c->capacity)
        return -EAGAIN;
    copy_elem(c, slot(c, c->send_at), elem);
    c->send_at = after(c, c->send_at);
    set_count(c, n + 1);
    return 0;
}

/* The oldest element of the ring; a waiting sender's takes the slot, so order is kept. */
static inline void take_from_ring(struct gt_chan *c, void *elem, struct gt_g **wake)
{
    void *at = slot(c, c->recv_at);
    give(c, elem, at);
    c->recv_at = after(c, c->recv_at);
    struct gt_waiter *w = pop_waiter(&c->sendq);
    if (!w) {
        set_count(c, gt_load_relaxed(&c->count) - 1);
        return;
    }
    copy_elem(c, at, w->elem);
    c->send_at = c->recv_at; /* it was full: both ends meet */
    *wake = served(w, true);
}

GT_HOT int recv_locked(struct gt_chan *c, void *elem, struct gt_g **wake)
{
    if (gt_load_relaxed(&c->count) != 0) {
        take_from_ring(c, elem, wake);
        return 0;
    }
    struct gt_waiter *w = pop_waiter(&c->sendq);
    if (w) {
        give(c, elem, w->elem);
        *wake = served(w, true);
        return 0;
    }
    if (gt_likely(gt_load_relaxed(&c->closed) == 0))
        return -EAGAIN;
    give_zero(c, elem);
    return -EPIPE;
}

/* Gives the lock back, then wakes. */
GT_HOT int finish(struct gt_m *m, struct gt_chan *c, int r, struct gt_g *wake)
{
    gt_rspin_unlock_pinned(m, &c->lock);
    if (wake)
        gt_ready_inline(m, wake, true);
    gt_unpin(m);
    return r;
}

GT_HOT int finish_recv(struct gt_m *m, struct gt_chan *c, void *elem, int r, struct gt_g *wake)
{
    gt_rspin_unlock_pinned(m, &c->lock);
    if (gt_gc_marking(m->rt) && r == 0)
        shade_received(m, c, elem, wake);
    if (wake)
        gt_ready_inline(m, wake, true);
    gt_unpin(m);
    return r;
}

/* Lock held: queues the caller and parks; the lock and the pin go back in the park
 * function (I2 of sync.h). Returns whether a transfer woke it. */
static inline bool wait_on(struct gt_m *m, struct gt_chan *c, struct gt_waitq *q, void *elem,
                           enum gt_wait_reason reason)
{
    struct gt_g *g = gt_m_g(m);
    struct gt_waiter *w = &g->waiter;
    w->g = g;
    w->elem = elem;
    w->select = false;
    gt_waitq_push(q, w);
    gt_rspin_park(m, &c->lock, reason);
    return w->ok;
}

/* ---- the operations ------------------------------------------------------------------------ */
int gt_chan_send(struct gt_chan *c, const void *elem)
{
    struct gt_m *m = gt_enter_op();
    struct gt_g *wake = NULL;
    lock_to_send(m, c, elem);
    int r = send_locked(c, elem, &wake);
    if (r != -EAGAIN)
        return finish(m, c, r, wake);
    /* The receiver only reads it. */
    return wait_on(m, c, &c->sendq, (void *)(uintptr_t)elem, GT_WAIT_CHAN_SEND) ? 0 : -EPIPE;
}

bool gt_chan_recv(struct gt_chan *c, void *elem)
{
    struct gt_m *m = gt_enter_op();
    struct gt_g *wake = NULL;
    gt_rspin_lock(m, &c->lock);
    int r = recv_locked(c, elem, &wake);
    if (r != -EAGAIN)
        return finish_recv(m, c, elem, r, wake) == 0;
    return wait_on(m, c, &c->recvq, elem, GT_WAIT_CHAN_RECV);
}

int gt_chan_try_send(struct gt_chan *c, const void *elem)
{
    struct gt_m *m = gt_enter_op();
    struct gt_g *wake = NULL;
    if (blocked(c, looks_full(c)))
        return -EAGAIN;
    lock_to_send(m, c, elem);
    int r = send_locked(c, elem, &wake);
    return finish(m, c, r, wake);
}

int gt_chan_try_recv(struct gt_chan *c, void *elem)
{
    struct gt_m *m = gt_enter_op();
    struct gt_g *wake = NULL;
    if (blocked(c, looks_empty(c)))
        return -EAGAIN;
    gt_rspin_lock(m, &c->lock);
    int r = recv_locked(c, elem, &wake);
    return finish_recv(m, c, elem, r, wake);
}

/* Pops everyone of q as not served, onto the end of the list *last through next. */
static struct gt_waiter **release_all(struct gt_chan *c, struct gt_waitq *q, bool receivers,
                                      struct gt_waiter **last)
{
    struct gt_waiter *w;
    while ((w = pop_waiter(q)) != NULL) {
        if (receivers)
            give_zero(c, w->elem);
        served(w, false);
        w->next = NULL;
        *last = w;
        last = &w->next;
    }
    return last;
}

int gt_chan_close(struct gt_chan *c)
{
    struct gt_m *m = gt_enter_op();
    struct gt_waiter *list = NULL;
    gt_rspin_lock(m, &c->lock);
    if (gt_load_relaxed(&c->closed) != 0) {
        gt_rspin_unlock(m, &c->lock);
        return -EPIPE;
    }
    gt_store_relaxed(&c->closed, 1u); /* I3 */
    release_all(c, &c->sendq, false, release_all(c, &c->recvq, true, &list));
    gt_rspin_unlock(m, &c->lock);
    while (list) {
        struct gt_waiter *w = list;
        list = w->next; /* w is gone once its G is ready */
        gt_ready(w->g, false);
    }
    return 0;
}

/* ---- select -------------------------------------------------------------------------------- */
#define SELECT_INLINE 8u

/* A select in progress: on its G's stack, with the tables there too when they are small. */
struct select {
    struct gt_select_case *cases;
    uint32_t n;             /* cases */
    uint32_t n_locks;       /* different channels */
    uint32_t *poll;         /* cases with a channel, in random order */
    uint32_t n_poll;        /* of them */
    struct gt_chan **locks; /* the channels, ascending */
    struct gt_waiter *waiters;
    void *memory; /* of the tables, NULL: inline */
    size_t memory_size;
    uint32_t poll_inline[SELECT_INLINE];
    struct gt_chan *locks_inline[SELECT_INLINE];
    struct gt_waiter waiters_inline[SELECT_INLINE];
};

static void select_tables(struct gt_runtime *rt, struct select *s)
{
    s->poll = s->poll_inline;
    s->locks = s->locks_inline;
    s->waiters = s->waiters_inline;
    s->memory = NULL;
    if (s->n <= SELECT_INLINE)
        return;
    size_t each = sizeof *s->waiters + sizeof *s->locks + sizeof *s->poll;
    s->memory_size = each * s->n;
    struct gt_m *m = gt_pin();
    s->memory = gt_alloc(rt->arena, s->memory_size, -1);
    gt_unpin(m);
    if (!s->memory)
        gt_throw(rt, "out of memory: a select with %u cases", s->n);
    s->waiters = s->memory;
    s->locks = (struct gt_chan **)(void *)(s->waiters + s->n);
    s->poll = (uint32_t *)(void *)(s->locks + s->n);
}

static void select_done(struct gt_runtime *rt, struct select *s)
{
    if (!s->memory)
        return;
    struct gt_m *m = gt_pin();
    gt_free(rt->arena, s->memory, s->memory_size);
    gt_unpin(m);
}

static void sift_down(struct gt_chan **a, uint32_t i, uint32_t n)
{
    for (;;) {
        uint32_t big = i, l = 2 * i + 1;
        if (l < n && (uintptr_t)a[l] > (uintptr_t)a[big])
            big = l;
        if (l + 1 < n && (uintptr_t)a[l + 1] > (uintptr_t)a[big])
            big = l + 1;
        if (big == i)
            return;
        struct gt_chan *t = a[i];
        a[i] = a[big];
        a[big] = t;
        i = big;
    }
}

/* Heap sort: no recursion and no memory, on a G's stack. */
static void sort_by_address(struct gt_chan **a, uint32_t n)
{
    for (uint32_t i = n / 2; i-- > 0;)
        sift_down(a, i, n);
    for (uint32_t end = n; end-- > 1;) {
        struct gt_chan *t = a[0];
        a[0] = a[end];
        a[end] = t;
        sift_down(a, 0, end);
    }
}

static void select_orders(struct select *s)
{
    struct gt_m *m = gt_pin();
    uint64_t *rng = &gt_m_p(m)->rng;
    uint32_t k = 0;
    for (uint32_t i = 0; i < s->n; i++) {
        if (!s->cases[i].chan)
            continue;
        uint32_t j = (uint32_t)((gt_rand(rng) >> 32) * (k + 1) >> 32);
        s->poll[k] = s->poll[j];
        s->poll[j] = i;
        s->locks[k++] = s->cases[i].chan;
    }
    gt_unpin(m);
    s->n_poll = k;
    sort_by_address(s->locks, k);
    uint32_t n = 0;
    for (uint32_t i = 0; i < k; i++) {
        if (n == 0 || s->locks[n - 1] != s->locks[i])
            s->locks[n++] = s->locks[i];
    }
    s->n_locks = n;
}

static void select_lock(struct gt_m *m, struct select *s)
{
    for (uint32_t i = 0; i < s->n_locks; i++)
        gt_rspin_lock(m, &s->locks[i]->lock);
}

/*
 * Ascending, the last one last: a waker on an earlier channel may start the G, but the G
 * stays in its select until it has had the lock of every channel, the last one included.
 * So s lives until that unlock, and is not touched after it.
 */
static void select_unlock(struct gt_m *m, struct select *s)
{
    uint32_t n = s->n_locks;
    for (uint32_t i = 0; i < n; i++)
        gt_rspin_unlock(m, &s->locks[i]->lock);
}

/* G1, G3. All locked, before anything is done and after. */
static GT_NOINLINE void select_shade_sends(struct gt_m *m, struct select *s)
{
    m->locks++;
    select_unlock(m, s);
    for (uint32_t k = 0; k < s->n_poll; k++) {
        const struct gt_select_case *sc = &s->cases[s->poll[k]];
        if (sc->send)
            shade(m, sc->chan, sc->data);
    }
    select_lock(m, s);
    m->locks--;
}

static GT_NOINLINE void select_shade_received(struct gt_m *m, const struct gt_select_case *sc,
                                              const struct gt_g *wake)
{
    if (!sc->send)
        shade_received(m, sc->chan, sc->data, wake);
}

static bool select_parked(struct gt_g *g, void *arg)
{
    (void)g;
    select_unlock(gt_tls_m(), arg);
    return true;
}

/* All locked: the first case, in random order, that can go through; its index or -1. */
static int32_t select_poll(struct select *s, int *result, struct gt_g **wake)
{
    for (uint32_t k = 0; k < s->n_poll; k++) {
        uint32_t i = s->poll[k];
        struct gt_select_case *sc = &s->cases[i];
        int r = sc->send ? send_locked(sc->chan, sc->data, wake)
                         : recv_locked(sc->chan, sc->data, wake);
        if (r == -EAGAIN)
            continue;
        *result = r;
        return (int32_t)i;
    }
    return -1;
}

static void select_enqueue(struct gt_g *g, struct select *s)
{
    gt_store_relaxed(&g->select_done, 0u); /* I4: nothing of g is queued */
    for (uint32_t k = 0; k < s->n_poll; k++) {
        uint32_t i = s->poll[k];
        struct gt_select_case *sc = &s->cases[i];
        struct gt_waiter *w = &s->waiters[k];
        w->g = g;
        w->chan = sc->chan;
        w->elem = sc->data;
        w->index = i;
        w->select = true;
        w->ok = false;
        gt_waitq_push(sc->send ? &sc->chan->sendq : &sc->chan->recvq, w);
    }
}

/* Takes the waiters that did not win out of their queues; each lock once at least, the
 * winner's aside, which its waker gave back after popping it (see select_unlock). */
static void select_dequeue(struct select *s, const struct gt_waiter *won)
{
    struct gt_m *m = gt_tls_m();
    for (uint32_t k = 0; k < s->n_poll; k++) {
        struct gt_waiter *w = &s->waiters[k];
        if (w == won)
            continue;
        gt_rspin_lock(m, &w->chan->lock);
        if (w->queued)
            gt_waitq_remove(s->cases[w->index].send ? &w->chan->sendq : &w->chan->recvq, w);
        gt_rspin_unlock(m, &w->chan->lock);
    }
}

static int select_result(struct gt_select_case *sc, uint32_t i, int r)
{
    if (sc->send)
        return r == 0 ? (int)i : -EPIPE;
    sc->ok = r == 0;
    return (int)i;
}

static int select_wait(struct gt_m *m, struct select *s)
{
    struct gt_g *g = gt_m_g(m);
    select_enqueue(g, s);
    gt_park(select_parked, s, GT_WAIT_SELECT);
    struct gt_waiter *won = g->wake_waiter;
    select_dequeue(s, won);
    return select_result(&s->cases[won->index], won->index, won->ok ? 0 : -EPIPE);
}

static int select_many(struct gt_m *m, struct select *s, bool dflt)
{
    struct gt_g *wake = NULL;
    int r = 0;
    select_lock(m, s);
    if (gt_gc_marking(m->rt))
        select_shade_sends(m, s);
    int32_t i = select_poll(s, &r, &wake);
    if (i < 0 && !dflt)
        return select_wait(m, s);
    m->locks++; /* G2 */
    select_unlock(m, s);
    if (gt_gc_marking(m->rt) && i >= 0 && r == 0)
        select_shade_received(m, &s->cases[i], wake);
    gt_unpin(m);
    if (wake)
        gt_ready(wake, true);
    return i < 0 ? -EAGAIN : select_result(&s->cases[i], (uint32_t)i, r);
}

/* A select over one channel is that channel's operation. */
static int select_one(struct gt_select_case *sc, bool dflt)
{
    int r;
    if (sc->send)
        r = dflt ? gt_chan_try_send(sc->chan, sc->data) : gt_chan_send(sc->chan, sc->data);
    else if (dflt)
        r = gt_chan_try_recv(sc->chan, sc->data);
    else
        r = gt_chan_recv(sc->chan, sc->data) ? 0 : -EPIPE;
    return r == -EAGAIN ? r : select_result(sc, 0, r);
}

int gt_select(struct gt_select_case *cases, uint32_t n, bool dflt)
{
    if (n == 1 && cases[0].chan)
        return select_one(&cases[0], dflt);
    struct gt_runtime *rt = gt_enter_op()->rt;
    struct select s;
    s.cases = cases;
    s.n = n;
    select_tables(rt, &s);
    select_orders(&s);
    int r = -EAGAIN;
    if (s.n_poll != 0)
        r = select_many(gt_tls_m(), &s, dflt);
    else if (!dflt)
        gt_park(NULL, NULL, GT_WAIT_FOREVER);
    select_done(rt, &s);
    return r;
}
