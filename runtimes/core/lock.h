/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Core locks: a futex mutex with a rank. Held for short times, never across a
 * switch: taking one pins the M.
 */
#pragma once
#include "port/port.h"

enum gt_rank {
    GT_RANK_NONE = 0,
#define GT_LOCKRANK(sym, text) GT_RANK_##sym,
#include "core/lockrank.def"
#undef GT_LOCKRANK
    GT_RANK_COUNT
};

/*
 * word: 0 free, 1 held, 2 held and somebody may sleep.
 * Guarded by: nothing; owner is for assertions only.
 */
struct gt_lock {
    gt_a32 word;
    uint32_t rank;
    GT_APTR(struct gt_m) owner; /* oracle and debug builds */
};

#ifndef GT_ORACLE
#define GT_ORACLE 0
#endif
#ifndef GT_DEBUG
#define GT_DEBUG 0
#endif
#define GT_CHECKS (GT_ORACLE || GT_DEBUG)

void gt_lock_init(struct gt_lock *l, enum gt_rank rank);
/* Any thread, M or not. Pins the M: no preemption until the unlock. */
void gt_lock(struct gt_lock *l);
bool gt_lock_try(struct gt_lock *l);
void gt_unlock(struct gt_lock *l);
/* A violation of class "lock" is counted unless the calling M holds l. */
#if GT_CHECKS
void gt_assert_held(struct gt_lock *l);
/* For locks of another make that keep the lock order too (gt_rspin): before taking,
 * after taking, before giving back. m NULL: not checked. */
void gt_lock_check_order(struct gt_m *m, struct gt_lock *l);
void gt_lock_check_taken(struct gt_m *m, struct gt_lock *l);
void gt_lock_check_given(struct gt_m *m, struct gt_lock *l);
#else
#define gt_assert_held(l) ((void)(l))
#endif

/* One-shot wake-up with memory: the futex analogue of a binary semaphore. */
struct gt_note {
    gt_a32 set;
};
void gt_note_clear(struct gt_note *n);
void gt_note_wake(struct gt_note *n);
/* true: woken. timeout_ns < 0: for ever. One waiter. */
bool gt_note_sleep(struct gt_note *n, int64_t timeout_ns);
