/* SPDX-License-Identifier: Apache-2.0 */
/* The single changes, and what they pick from. Private to mutate*.c. */
#pragma once
#include "conformance/mutate.h"

struct cf_place {
    size_t batch, item;
};

bool cf_chance(struct cf_random *r, unsigned of_hundred);
/* 0, 1, the ends of the ranges. */
uint64_t cf_interesting(struct cf_random *r);
/* Each item of batches of this kind with the same probability; false: there is none. */
bool cf_pick_item(const struct cf_trace *t, struct cf_random *r, enum cf_kind kind,
                  struct cf_place *p);
bool cf_pick_batch(const struct cf_trace *t, struct cf_random *r, enum cf_kind kind, size_t *batch);
struct cf_item *cf_item_at(struct cf_trace *t, struct cf_place p);
/* An argument whose kind (cf_event_kinds) is one of `letters`, and which (found may be NULL); NULL when a few tries
 * found none. */
uint64_t *cf_pick_arg(struct cf_trace *t, struct cf_random *r, const char *letters, char *found);

/* X(name, weight, function). A function says whether it changed anything. */
#define CF_MUTATORS(X)                                                                             \
    X("id", 8, cf_change_id)                                                                       \
    X("table-id", 5, cf_change_table_id)                                                           \
    X("value", 5, cf_change_value)                                                                 \
    X("sequence", 6, cf_change_sequence)                                                           \
    X("status", 4, cf_change_status)                                                               \
    X("drop", 8, cf_drop_event)                                                                    \
    X("double", 6, cf_double_event)                                                                \
    X("swap", 8, cf_swap_events)                                                                   \
    X("move", 6, cf_move_event)                                                                    \
    X("insert", 8, cf_insert_event)                                                                \
    X("harmless", 6, cf_insert_harmless)                                                           \
    X("type", 5, cf_change_type)                                                                   \
    X("delta", 8, cf_change_delta)                                                                 \
    X("batch-time", 6, cf_change_batch_time)                                                       \
    X("ties", 5, cf_make_ties)                                                                     \
    X("shift", 2, cf_shift_time)                                                                   \
    X("rename", 5, cf_rename_ids)                                                                  \
    X("pad", 4, cf_pad_varints)                                                                    \
    X("header", 2, cf_change_header)                                                               \
    X("convert", 4, cf_convert_header)                                                             \
    X("again", 4, cf_double_generation)                                                            \
    X("split", 6, cf_split_batch)                                                                  \
    X("join", 3, cf_join_batches)                                                                  \
    X("empty", 3, cf_insert_empty)                                                                 \
    X("batch-drop", 3, cf_drop_batch)                                                              \
    X("batch-double", 2, cf_double_batch)                                                          \
    X("batch-swap", 5, cf_swap_batches)                                                            \
    X("batch-m", 3, cf_change_batch_m)                                                             \
    X("batch-gen", 2, cf_change_generation)                                                        \
    X("batch-size", 1, cf_change_size)                                                             \
    X("generations", 2, cf_renumber_generations)                                                   \
    X("entry", 4, cf_change_entry)                                                                 \
    X("frame", 2, cf_change_frame)                                                                 \
    X("end", 1, cf_change_end)                                                                     \
    X("sync", 2, cf_change_sync)                                                                   \
    X("samples", 3, cf_insert_samples)                                                             \
    X("experiment", 2, cf_insert_experimental)                                                     \
    X("tail", 1, cf_add_tail)

#define CF_DECLARE(name, weight, function) bool function(struct cf_trace *t, struct cf_random *r);
CF_MUTATORS(CF_DECLARE)
#undef CF_DECLARE
