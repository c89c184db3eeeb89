/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Vacuity counters: how often each dangerous window was really entered, from the journal.
 *
 * Thread-safety: none; one round at a time.
 */
#pragma once
#include "gauntlet/journal.h"

enum gt_window {
#define GT_WINDOW(sym, name, text) GT_WINDOW_##sym,
#include "harness/windows.def"
#undef GT_WINDOW
    GT_WINDOWS
};

struct gt_windows {
    uint64_t n[GT_WINDOWS];
};

const char *gt_window_name(enum gt_window w);
const char *gt_window_text(enum gt_window w);
/* The windows that a fault needs (fault.h: "a,b|c": a, and b or c; "none: REASON"): *least of
 * their counts, UINT64_MAX where none is needed. 0, -EINVAL: no such window. */
int gt_windows_needed(const char *needed, const uint64_t n[GT_WINDOWS], uint64_t *least);
/* Memory that several counts share, one after the other; zeroed at first. */
struct gt_windows_space {
    void *keys, *entries;
    size_t keys_size, entries_size;
};
void gt_windows_space_free(struct gt_windows_space *s);
/* Adds the windows of a round's journal (entries in any order). space may be NULL. 0, -ENOMEM:
 * some may be counted. */
int gt_windows_count(struct gt_windows *w, const struct gt_jentry *e, size_t n,
                     struct gt_windows_space *space);
