/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that Gs wait on: one poller per runtime, one registration per file, edge
 * triggered for both directions.
 *
 * Invariants:
 *   I1 A slot (one direction of one file) is NIL, READY (an edge came that nobody has
 *      used), WAIT (its one G is about to park) or that G. A G waits on a slot only with
 *      the direction's mutex, so there is never a second one.
 *   I2 An edge puts READY into the slot by a swap and makes ready the G it finds there:
 *      the one swap that takes the G out is the one that wakes it. An edge that nobody
 *      waits for stays as READY; a stale READY costs one more attempt.
 *   I3 Who finds nothing to read looks at the slot only after the attempt, so an edge
 *      that came after the attempt is seen:
 *
 *        G on M1                              M2 polls
 *        read: EAGAIN
 *                                             edge: swap READY, finds NIL
 *        NIL -> WAIT fails: READY, reads again
 *        or
 *        NIL -> WAIT
 *                                             edge: swap READY, finds WAIT: no one to wake
 *        parked; WAIT -> G fails: the park is cancelled
 *        or
 *        WAIT -> G
 *                                             edge: swap READY, finds G: wakes it
 *   I4 A file has a reference for being open and one for each operation in flight. Close
 *      says CLOSING, wakes both directions, and drops its own; who drops the last one
 *      unregisters, closes and recycles. Nobody uses a closed descriptor number.
 *   I5 A struct gt_fd stays one for as long as the runtime lives. The event data names
 *      it by index and generation, and the generation changes before it is used again:
 *      an event of the file before it is dropped. If that event was looked up already,
 *      it is one stale READY (I2).
 *   I6 rt->poll_waiters counts the Gs that wait: up before the G is in the slot, down by
 *      the one that takes it out.
 * Ordering: O1 a slot's changes release and acquire: what the poller's M did before the
 *   edge is visible to the woken G. O2 see timer.c O2 for gt_wake_poller.
 * Progress: polling takes a bounded number of events at a time.
 * Limits: CHUNKS * PER_CHUNK files open at once. Files that cannot be polled (regular
 *   ones) block their M in a system call of the runtime.
 */
#include "core/sync.h"

#include <errno.h>
#include <string.h>

#define PER_CHUNK 256u
#define CHUNKS 4096u
#define EVENTS 128
#define BREAK_DATA UINT64_MAX

/* A slot's values below any pointer to a G. */
#define NIL ((uintptr_t)0)
#define READY ((uintptr_t)1)
#define WAIT ((uintptr_t)2)

#define CLOSING 0x80000000u

struct direction {
    gt_a64 slot;        /* I1 */
    struct gt_mutex mu; /* one operation at a time */
};

struct GT_ALIGNED gt_fd {
    struct direction in, out;
    gt_a32 refs; /* I4 */
    gt_a32 generation;
    struct gt_netpoll *np; /* constant, as index is */
    uint32_t index;
    int fd; /* constant while open */
    bool plain;
    struct gt_fd *free_next; /* Guarded by: np->lock */
};

struct chunk {
    struct gt_fd fd[PER_CHUNK];
};

struct gt_netpoll {
    struct gt_runtime *rt;
    int poll, event;
    GT_ALIGNED gt_a32 broken; /* the event descriptor was signalled and not yet drained */
    struct gt_lock lock;
    /* Guarded by: lock */
    struct gt_fd *free;
    uint32_t n_chunks;
    GT_APTR(struct chunk) chunk[CHUNKS]; /* set once; read by: anyone */
};

/* ---- the poller ------------------------------------------------------------------- */
static void pinned_free(struct gt_runtime *rt, void *p, size_t size)
{
    struct gt_m *m = gt_tls_m();
    if (m)
        m->locks++;
    gt_free(rt->arena, p, size);
    if (m)
        m->locks--;
}

static void *pinned_alloc(struct gt_runtime *rt, size_t size)
{
    struct gt_m *m = gt_tls_m();
    if (m)
        m->locks++;
    void *p = gt_alloc(rt->arena, size, -1);
    if (m)
        m->locks--;
    return p;
}

static void poller_free(struct gt_netpoll *np)
{
    if (np->event >= 0)
        gt_os_close(np->event);
    if (np->poll >= 0)
        gt_os_close(np->poll);
    pinned_free(np->rt, np, sizeof *np);
}

static int poller_new(struct gt_runtime *rt, struct gt_netpoll **out)
{
    struct gt_netpoll *np = pinned_alloc(rt, sizeof *np);
    int rc = -ENOMEM;
    if (!np)
        return rc;
    np->rt = rt;
    np->event = -1;
    gt_lock_init(&np->lock, GT_RANK_POLL);
    rc = np->poll = gt_poll_create();
    if (rc < 0)
        goto fail;
    rc = np->event = gt_eventfd();
    if (rc < 0)
        goto fail;
    rc = gt_poll_add_level(np->poll, np->event, BREAK_DATA);
    if (rc < 0)
        goto fail;
    *out = np;
    return 0;
fail:
    poller_free(np);
    return rc;
}

/* Several may make one; the first published stays. */
int gt_netpoll_init(struct gt_runtime *rt)
{
    struct gt_netpoll *np, *none = NULL;
    if (gt_load_acquire(&rt->netpoll)) /* pair: netpoll */
        return 0;
    int rc = poller_new(rt, &np);
    if (rc != 0)
        return gt_load_acquire(&rt->netpoll) ? 0 : rc; /* pair: netpoll */
    if (!gt_cas_acq_rel(&rt->netpoll, &none, np))      /* pair: netpoll */
        poller_free(np);
    return 0;
}

/* Async-signal-safe. The level of the event descriptor keeps the break until a poll that
 * may block has drained it. */
void gt_netpoll_break(struct gt_runtime *rt)
{
    struct gt_netpoll *np = gt_load_acquire(&rt->netpoll); /* pair: netpoll */
    if (np && gt_swap_acq_rel(&np->broken, 1u) == 0)       /* pair: netbreak */
        gt_eventfd_signal(np->event);
}

/*
 *   M1 arms a timer                    M2 polls
 *   earliest = when                    poll_until = next
 *   fence                              fence (gt_timers_next_all)
 *   reads poll_until                   reads earliest
 */
void gt_wake_poller(struct gt_runtime *rt, int64_t when)
{
    gt_fence_seqcst(); /* pair: polluntil */
    if (gt_load_relaxed(&rt->last_poll) != 0) {
        gt_wake_maybe(rt);
        return;
    }
    int64_t until = gt_load_relaxed(&rt->poll_until);
    if (until == 0 || until > when)
        gt_netpoll_break(rt);
}

/* ---- slots ------------------------------------------------------------------------- */
/* An edge, or the end: returns the G to be woken. */
static struct gt_g *slot_ready(struct gt_runtime *rt, struct direction *d)
{
    uintptr_t old = gt_swap_acq_rel(&d->slot, READY); /* pair: fdslot */
    if (old <= WAIT)
        return NULL;
    gt_sub_relaxed(&rt->poll_waiters, 1);
    return (struct gt_g *)old;
}

static bool slot_parked(struct gt_g *g, void *arg)
{
    struct direction *d = arg;
    struct gt_runtime *rt = g->rt;
    uint64_t e = WAIT;
    gt_add_relaxed(&rt->poll_waiters, 1);           /* I6: before g is in the slot */
    if (gt_cas_acq_rel(&d->slot, &e, (uintptr_t)g)) /* pair: fdslot */
        return true;
    gt_sub_relaxed(&rt->poll_waiters, 1);
    return false;
}

/* Waits for an edge, or uses up one that came. The direction's mutex held. */
static void slot_wait(struct direction *d)
{
    uint64_t e = NIL;
    if (gt_cas_acq_rel(&d->slot, &e, WAIT)) /* pair: fdslot */
        gt_park(slot_parked, d, GT_WAIT_NETWORK);
    gt_swap_acq_rel(&d->slot, NIL); /* pair: fdslot */
}

static uint64_t data_of(struct gt_fd *f)
{
    return (uint64_t)gt_load_relaxed(&f->generation) << 32 | f->index;
}

static struct gt_fd *fd_at(struct gt_netpoll *np, uint32_t index)
{
    struct chunk *c = index / PER_CHUNK < CHUNKS
                          ? gt_load_acquire(&np->chunk[index / PER_CHUNK]) /* pair: fdchunk */
                          : NULL;
    return c ? &c->fd[index % PER_CHUNK] : NULL;
}

static void take_edge(struct gt_netpoll *np, const struct gt_poll_event *ev, struct gt_tasks *list)
{
    struct gt_fd *f = fd_at(np, (uint32_t)ev->data);
    if (!f || data_of(f) != ev->data)
        return; /* I5 */
    struct gt_g *in = ev->readable ? slot_ready(np->rt, &f->in) : NULL;
    struct gt_g *out = ev->writable ? slot_ready(np->rt, &f->out) : NULL;
    if (in)
        gt_tasks_push(list, &in->t);
    if (out)
        gt_tasks_push(list, &out->t);
}

int gt_netpoll(struct gt_runtime *rt, int64_t timeout_ns, struct gt_tasks *list)
{
    struct gt_poll_event ev[EVENTS];
    struct gt_netpoll *np = gt_load_acquire(&rt->netpoll); /* pair: netpoll */
    if (!np)
        return 0;
    int n = gt_poll_wait(np->poll, ev, EVENTS, timeout_ns);
    for (int i = 0; i < n; i++) {
        if (ev[i].data != BREAK_DATA) {
            take_edge(np, &ev[i], list);
        } else if (timeout_ns != 0) { /* a poll that cannot block leaves it to the one that does */
            gt_eventfd_drain(np->event);
            gt_swap_acq_rel(&np->broken, 0u); /* pair: netbreak */
        }
    }
    return n == -EINTR ? 0 : n;
}

/* ---- files ------------------------------------------------------------------------- */
/* Lock held. More structs on the free list, lowest index first. */
static int add_chunk(struct gt_netpoll *np)
{
    if (np->n_chunks == CHUNKS)
        return -EMFILE;
    struct chunk *c = gt_alloc(np->rt->arena, sizeof *c, -1);
    if (!c)
        return -ENOMEM;
    for (uint32_t i = PER_CHUNK; i-- > 0;) {
        struct gt_fd *f = &c->fd[i];
        f->np = np;
        f->index = np->n_chunks * PER_CHUNK + i;
        f->fd = -1;
        f->free_next = np->free;
        np->free = f;
    }
    gt_store_release(&np->chunk[np->n_chunks++], c); /* pair: fdchunk */
    return 0;
}

static int fd_get(struct gt_netpoll *np, struct gt_fd **out)
{
    gt_lock(&np->lock);
    int rc = np->free ? 0 : add_chunk(np);
    struct gt_fd *f = np->free;
    if (rc == 0)
        np->free = f->free_next;
    gt_unlock(&np->lock);
    if (rc != 0)
        return rc;
    gt_store_relaxed(&f->in.slot, NIL);
    gt_store_relaxed(&f->out.slot, NIL);
    gt_mutex_init(&f->in.mu);
    gt_mutex_init(&f->out.mu);
    gt_store_relaxed(&f->refs, 1u);
    f->plain = false;
    *out = f;
    return 0;
}

static void fd_put(struct gt_fd *f)
{
    struct gt_netpoll *np = f->np;
    f->fd = -1;
    gt_store_relaxed(&f->generation, gt_load_relaxed(&f->generation) + 1u); /* I5 */
    gt_lock(&np->lock);
    f->free_next = np->free;
    np->free = f;
    gt_unlock(&np->lock);
}

/* Registers fd and makes it non-blocking; a file that cannot be polled stays blocking. */
static int fd_register(struct gt_fd *f, int fd)
{
    int rc = gt_poll_add(f->np->poll, fd, data_of(f));
    if (rc == -EPERM) {
        f->plain = true;
        return 0;
    }
    if (rc != 0)
        return rc;
    rc = gt_os_set_nonblock(fd, true);
    if (rc != 0)
        gt_poll_del(f->np->poll, fd);
    return rc;
}

struct gt_fd *gt_fd_open(struct gt_runtime *rt, int fd, int *err)
{
    struct gt_fd *f = NULL;
    int rc = gt_netpoll_init(rt);
    if (rc == 0)
        rc = fd_get(gt_load_acquire(&rt->netpoll), &f); /* pair: netpoll */
    if (rc == 0) {
        f->fd = fd;
        rc = fd_register(f, fd);
        if (rc != 0)
            fd_put(f);
    }
    if (err)
        *err = rc;
    return rc == 0 ? f : NULL;
}

/* false: closing. Else the caller has a reference. */
static bool fd_hold(struct gt_fd *f)
{
    uint32_t r = gt_load_relaxed(&f->refs);
    while (r != 0 && !(r & CLOSING)) {
        if (gt_cas_acquire(&f->refs, &r, r + 1)) /* pair: fdrefs */
            return true;
    }
    return false;
}

static void fd_drop(struct gt_fd *f)
{
    if (gt_sub_acq_rel(&f->refs, 1u) != (CLOSING | 1u)) /* pair: fdrefs */
        return;
    if (!f->plain)
        gt_poll_del(f->np->poll, f->fd);
    gt_os_close(f->fd);
    fd_put(f);
}

/* One attempt: bytes, or an error. */
static int64_t attempt(struct gt_fd *f, bool out, void *buf, size_t n)
{
    int64_t r;
    do {
        if (f->plain)
            gt_syscall_enter();
        r = out ? gt_os_write(f->fd, buf, n) : gt_os_read(f->fd, buf, n);
        if (f->plain)
            gt_syscall_exit();
    } while (r == -EINTR);
    return r;
}

/* Attempts until something moved. The direction's mutex held. */
static int64_t transfer(struct gt_fd *f, struct direction *d, void *buf, size_t n)
{
    for (;;) {
        if (gt_unlikely(gt_load_acquire(&f->refs) & CLOSING)) /* pair: fdrefs */
            return -EBADF;
        int64_t r = attempt(f, d == &f->out, buf, n);
        if (r != -EAGAIN || f->plain)
            return r;
        slot_wait(d); /* a close leaves READY there, after CLOSING */
    }
}

int64_t gt_fd_read(struct gt_fd *f, void *buf, size_t n)
{
    gt_enter_op();
    if (!fd_hold(f))
        return -EBADF;
    gt_mutex_lock_for(&f->in.mu, GT_WAIT_NETWORK);
    int64_t r = transfer(f, &f->in, buf, n);
    gt_mutex_unlock(&f->in.mu);
    fd_drop(f);
    return r;
}

int64_t gt_fd_write(struct gt_fd *f, const void *buf, size_t n)
{
    gt_enter_op();
    if (!fd_hold(f))
        return -EBADF;
    char *at = (char *)(uintptr_t)buf; /* only read */
    size_t done = 0;
    int64_t r = 0;
    gt_mutex_lock_for(&f->out.mu, GT_WAIT_NETWORK);
    do {
        r = transfer(f, &f->out, at + done, n - done);
        if (r > 0)
            done += (size_t)r;
    } while (r > 0 && done < n);
    gt_mutex_unlock(&f->out.mu);
    fd_drop(f);
    return r < 0 ? r : (int64_t)done;
}

void gt_fd_close(struct gt_fd *f)
{
    if (!f || gt_or_acq_rel(&f->refs, CLOSING) & CLOSING) /* pair: fdrefs */
        return;
    struct gt_runtime *rt = f->np->rt;
    struct gt_g *in = slot_ready(rt, &f->in), *out = slot_ready(rt, &f->out);
    if (in)
        gt_ready(in, false);
    if (out)
        gt_ready(out, false);
    fd_drop(f);
}

/* ---- between runs, and the end -------------------------------------------------------- */
void gt_netpoll_reset(struct gt_runtime *rt)
{
    struct gt_netpoll *np = gt_load_acquire(&rt->netpoll); /* pair: netpoll */
    gt_store_relaxed(&rt->poll_waiters, 0);
    for (uint32_t i = 0; np && i < np->n_chunks * PER_CHUNK; i++) {
        struct gt_fd *f = fd_at(np, i);
        if (f->fd < 0)
            continue;
        gt_store_relaxed(&f->refs, CLOSING | 1u); /* those of Gs that were dropped too */
        fd_drop(f);
    }
}

void gt_netpoll_fini(struct gt_runtime *rt)
{
    struct gt_netpoll *np = gt_load_acquire(&rt->netpoll); /* pair: netpoll */
    if (!np)
        return;
    gt_netpoll_reset(rt);
    for (uint32_t i = 0; i < np->n_chunks; i++) {
        struct chunk *c = gt_load_relaxed(&np->chunk[i]);
        pinned_free(rt, c, sizeof *c);
    }
    gt_store_relaxed(&rt->netpoll, NULL);
    poller_free(np);
}
