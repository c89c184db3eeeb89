/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Core locks and notes: futex mutexes with a rank, and one-shot wake-ups with memory.
 *
 * Invariants:
 *   I1 word: 0 free, 1 held, 2 held and somebody may sleep on it. Only the holder takes
 *      it to 0, so whoever finds 2 there on unlocking wakes one sleeper; a sleeper that
 *      takes the lock leaves 2, since others may still sleep.
 *   I2 An M that holds a lock is pinned: m->locks counts it, so no preemption and no
 *      switch comes between lock and unlock, and both happen on one M.
 *   I3 (GT_CHECKS) m->held[0..nheld) are the locks its M holds, in the order taken; a
 *      lock may be taken only when its rank is above all of theirs. Channels may be held
 *      together, in order of address; a select may hold more than the list has room for,
 *      and those past it are not in it. Threads without an M are not checked.
 *   I4 note.set: 0 clear, 1 woken, 2 somebody sleeps. Only a sleeper writes 2, only a
 *      waker writes 1, and 1 stays until it is cleared.
 * Ordering: O1 a lock's critical sections, and what came before a wake and after its
 *   sleep, are ordered by release and acquire on the word.
 * Progress: lock is not fair; a sleeper may be overtaken.
 */
#include "core/core.h"

#define SPINS 40

/* ---- checks ---------------------------------------------------------------------- */
#if GT_CHECKS
static const char *rank_name(uint32_t rank)
{
    static const char *const names[] = {
        "none",
#define GT_LOCKRANK(sym, text) #sym,
#include "core/lockrank.def"
#undef GT_LOCKRANK
    };
    return rank < GT_RANK_COUNT ? names[rank] : "?";
}

static bool may_follow(const struct gt_lock *held, const struct gt_lock *l)
{
    if (held->rank == GT_RANK_CHAN && l->rank == GT_RANK_CHAN)
        return (uintptr_t)held < (uintptr_t)l;
    return held->rank < l->rank;
}

void gt_lock_check_order(struct gt_m *m, struct gt_lock *l)
{
    if (!m)
        return;
    for (uint32_t i = 0; i < m->nheld; i++) {
        if (gt_unlikely(m->held[i] == l))
            gt_throw(m->rt, "M %llu takes a lock of rank %s that it holds already",
                     (unsigned long long)m->t.serial, rank_name(l->rank));
        if (gt_unlikely(!may_follow(m->held[i], l)))
            gt_violation(m->rt, GT_V_LOCK, "M %llu takes a lock of rank %s while it holds %s",
                         (unsigned long long)m->t.serial, rank_name(l->rank),
                         rank_name(m->held[i]->rank));
    }
}

void gt_lock_check_taken(struct gt_m *m, struct gt_lock *l)
{
    gt_store_relaxed(&l->owner, m);
    if (!m)
        return;
    if (gt_likely(m->nheld < GT_HELD_MAX))
        m->held[m->nheld++] = l;
    else if (l->rank != GT_RANK_CHAN)
        gt_throw(m->rt, "M %llu holds %u locks", (unsigned long long)m->t.serial, m->nheld);
}

void gt_lock_check_given(struct gt_m *m, struct gt_lock *l)
{
    bool mine = gt_load_relaxed(&l->owner) == m;
    gt_store_relaxed(&l->owner, NULL);
    if (!m)
        return;
    for (uint32_t i = m->nheld; i-- > 0;) {
        if (m->held[i] != l)
            continue;
        for (m->nheld--; i < m->nheld; i++)
            m->held[i] = m->held[i + 1];
        return;
    }
    if (mine && l->rank == GT_RANK_CHAN)
        return; /* one too many for the list */
    gt_violation(m->rt, GT_V_LOCK, "M %llu gives back a lock of rank %s that it does not hold",
                 (unsigned long long)m->t.serial, rank_name(l->rank));
}

void gt_assert_held(struct gt_lock *l)
{
    struct gt_m *m = gt_tls_m();
    if (m && gt_unlikely(gt_load_relaxed(&l->owner) != m))
        gt_violation(m->rt, GT_V_LOCK, "M %llu needs the lock of rank %s and does not hold it",
                     (unsigned long long)m->t.serial, rank_name(l->rank));
}
#else
static inline void gt_lock_check_order(struct gt_m *m, struct gt_lock *l)
{
    (void)m, (void)l;
}
static inline void gt_lock_check_taken(struct gt_m *m, struct gt_lock *l)
{
    (void)m, (void)l;
}
static inline void gt_lock_check_given(struct gt_m *m, struct gt_lock *l)
{
    (void)m, (void)l;
}
#endif

/* ---- lock ------------------------------------------------------------------------- */
void gt_lock_init(struct gt_lock *l, enum gt_rank rank)
{
    gt_init(&l->word, 0u);
    gt_init(&l->owner, NULL);
    l->rank = rank;
}

static bool take(struct gt_lock *l)
{
    uint32_t free = 0;
    return gt_cas_acquire(&l->word, &free, 1u); /* pair: lock */
}

/*
 *   M1 unlocks                     M2 locks
 *   word: 1 -> 0                   take fails (1)
 *   (it was 1: wakes nobody)       word: swap 2, finds 0: has the lock
 *   or: word: 2 -> 0, wake         word: swap 2, finds 1, sleeps while 2
 * A swap that finds 0 leaves 2 without sleepers: one needless wake later.
 */
static GT_NOINLINE void lock_slow(struct gt_lock *l)
{
    for (int i = 0; i < SPINS; i++) {
        gt_cpu_relax();
        if (gt_load_relaxed(&l->word) == 0 && take(l))
            return;
    }
    while (gt_swap_acquire(&l->word, 2u) != 0) /* pair: lock */
        gt_futex_wait(&l->word, 2u, -1);
}

void gt_lock(struct gt_lock *l)
{
    struct gt_m *m = gt_tls_m();
    if (gt_likely(m != NULL))
        m->locks++;
    gt_signal_fence();
    gt_lock_check_order(m, l);
    if (gt_unlikely(!take(l)))
        lock_slow(l);
    gt_lock_check_taken(m, l);
}

/* No check of the order: it does not wait. */
bool gt_lock_try(struct gt_lock *l)
{
    struct gt_m *m = gt_tls_m();
    if (m)
        m->locks++;
    gt_signal_fence();
    if (gt_load_relaxed(&l->word) == 0 && take(l)) {
        gt_lock_check_taken(m, l);
        return true;
    }
    if (m)
        m->locks--;
    return false;
}

void gt_unlock(struct gt_lock *l)
{
    struct gt_m *m = gt_tls_m();
    gt_lock_check_given(m, l);
    if (gt_unlikely(gt_swap_release(&l->word, 0u) == 2)) /* pair: lock */
        gt_futex_wake(&l->word, 1);
    gt_signal_fence();
    if (gt_likely(m != NULL))
        m->locks--;
}

/* ---- note ------------------------------------------------------------------------- */
void gt_note_clear(struct gt_note *n)
{
    /* A swap, not a store: what the caller reads next must not be older than a wake that
     * this clear took away. */
    (void)gt_swap_seqcst(&n->set, 0u); /* pair: note */
}

/* The sleeper may free what the note is in as soon as it sees 1; the wake after that
 * names an address and does not read it. */
void gt_note_wake(struct gt_note *n)
{
    if (gt_swap_release(&n->set, 1u) == 2) /* pair: note */
        gt_futex_wake(&n->set, 1);
}

static bool note_is_set(struct gt_note *n)
{
    return gt_load_acquire(&n->set) == 1; /* pair: note */
}

bool gt_note_sleep(struct gt_note *n, int64_t timeout_ns)
{
    int64_t deadline = timeout_ns < 0 ? -1 : gt_nanotime() + timeout_ns;
    uint32_t e = 0;
    if (!gt_cas_relaxed(&n->set, &e, 2u) && e == 1)
        return note_is_set(n);
    for (;;) {
        int64_t left = -1;
        if (deadline >= 0) {
            left = deadline - gt_nanotime();
            e = 2;
            if (left <= 0)
                return !gt_cas_relaxed(&n->set, &e, 0u) && note_is_set(n);
        }
        gt_futex_wait(&n->set, 2u, left);
        if (note_is_set(n))
            return true;
    }
}
