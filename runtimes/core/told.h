/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What GT_EMIT journals of events that are no transition's (told.def): one function per op of
 * the tracer, empty for the others. Oracle build; included by core.h, used by GT_EMIT.
 */
#pragma once
#include <string.h>

#include "core/core.h"

static inline uint64_t gt_told_text(uint64_t h, const char *s)
{
    return gt_jhash(h, s, s ? strlen(s) : 0);
}

#define GT_TELL(sym, id, version) gt_journal_told(m, tok, GT_TOLD_##sym, (uint64_t)(id), version)

static inline void gt_told_procs_change(struct gt_m *m, gt_tok tok, int32_t procs)
{
    GT_TELL(PROCS_CHANGE, procs, 0);
}
static inline void gt_told_stw_begin(struct gt_m *m, gt_tok tok, enum gt_world_kind kind)
{
    GT_TELL(STW_BEGIN, kind, 0);
}
static inline void gt_told_stw_end(struct gt_m *m, gt_tok tok)
{
    GT_TELL(STW_END, 0, 0);
}
static inline void gt_told_gc_begin(struct gt_m *m, gt_tok tok)
{
    GT_TELL(GC_BEGIN, 0, 0);
}
static inline void gt_told_gc_end(struct gt_m *m, gt_tok tok)
{
    GT_TELL(GC_END, 0, 0);
}
static inline void gt_told_gc_sweep(struct gt_m *m, gt_tok tok, bool begin, uint64_t swept,
                                    uint64_t reclaimed)
{
    if (begin)
        GT_TELL(SWEEP_BEGIN, 0, 0);
    else
        GT_TELL(SWEEP_END, swept, reclaimed);
}
static inline void gt_told_gc_assist(struct gt_m *m, gt_tok tok, bool begin)
{
    gt_journal_told(m, tok, begin ? GT_TOLD_ASSIST_BEGIN : GT_TOLD_ASSIST_END, 0, 0);
}
static inline void gt_told_heap_alloc(struct gt_m *m, gt_tok tok, uint64_t bytes)
{
    GT_TELL(HEAP_ALLOC, bytes, 0);
}
static inline void gt_told_heap_goal(struct gt_m *m, gt_tok tok, uint64_t bytes)
{
    GT_TELL(HEAP_GOAL, bytes, 0);
}
static inline void gt_told_go_label(struct gt_m *m, gt_tok tok, const char *label)
{
    GT_TELL(LABEL, 0, gt_told_text(0, label));
}
static inline void gt_told_user_task_begin(struct gt_m *m, gt_tok tok, uint64_t id,
                                           uint64_t parent, const char *name)
{
    GT_TELL(TASK_BEGIN, id, gt_told_text(gt_jmix(0, parent), name));
}
static inline void gt_told_user_task_end(struct gt_m *m, gt_tok tok, uint64_t id)
{
    GT_TELL(TASK_END, id, 0);
}
static inline void gt_told_user_region(struct gt_m *m, gt_tok tok, uint64_t task, const char *name,
                                       bool begin)
{
    gt_journal_told(m, tok, begin ? GT_TOLD_REGION_BEGIN : GT_TOLD_REGION_END, task,
                    gt_told_text(0, name));
}
static inline void gt_told_user_log(struct gt_m *m, gt_tok tok, uint64_t task, const char *key,
                                    const char *value)
{
    GT_TELL(LOG, task, gt_told_text(gt_told_text(0, key), value));
}
#undef GT_TELL

/* The journal has them as transitions (and GT_TOLD_MOVE). */
#define gt_told_proc_start(...) ((void)0)
#define gt_told_proc_stop(...) ((void)0)
#define gt_told_proc_steal(...) ((void)0)
#define gt_told_go_create(...) ((void)0)
#define gt_told_go_start(...) ((void)0)
#define gt_told_go_destroy(...) ((void)0)
#define gt_told_go_stop(...) ((void)0)
#define gt_told_go_block(...) ((void)0)
#define gt_told_go_unblock(...) ((void)0)
#define gt_told_go_switch(...) ((void)0)
#define gt_told_go_syscall_begin(...) ((void)0)
#define gt_told_go_syscall_end(...) ((void)0)
#define gt_told_go_create_syscall(...) ((void)0)
#define gt_told_go_destroy_syscall(...) ((void)0)
