/* SPDX-License-Identifier: Apache-2.0 */
/* The tables behind wire.h. */
#include "trace/wire_decode.h"

#define STACK_BIT(K, i)                                                                            \
    (GT_ARG_##K == GT_ARG_STACK || GT_ARG_##K == GT_ARG_NEW_STACK ? 1u << (i) : 0u)
#define STRING_BIT(K, i) (GT_ARG_##K == GT_ARG_STRING ? 1u << (i) : 0u)
#define BITS5(B, A, b, c, d, e) (uint8_t)(B(A, 0) | B(b, 1) | B(c, 2) | B(d, 3) | B(e, 4))
#define SPEC(nature_, no, N, since_, n, a, A, b, B, c, C, d, D, e, E)                              \
    [no] = {                                                                                       \
        .name = #N,                                                                                \
        .since = since_,                                                                           \
        .nature = GT_NATURE_##nature_,                                                             \
        .nargs = n,                                                                                \
        .stack_args = BITS5(STACK_BIT, A, B, C, D, E),                                             \
        .string_args = BITS5(STRING_BIT, A, B, C, D, E),                                           \
        .kind = {GT_ARG_##A, GT_ARG_##B, GT_ARG_##C, GT_ARG_##D, GT_ARG_##E},                      \
        .arg = {a, b, c, d, e},                                                                    \
    },

const struct gt_event_spec gt_ev_specs[256] = {
#define GT_EV0(nature, no, S, f, N, since)                                                         \
    SPEC(nature, no, N, since, 0, 0, NONE, 0, NONE, 0, NONE, 0, NONE, 0, NONE)
#define GT_EV1(nature, no, S, f, N, since, a, A)                                                   \
    SPEC(nature, no, N, since, 1, #a, A, 0, NONE, 0, NONE, 0, NONE, 0, NONE)
#define GT_EV2(nature, no, S, f, N, since, a, A, b, B)                                             \
    SPEC(nature, no, N, since, 2, #a, A, #b, B, 0, NONE, 0, NONE, 0, NONE)
#define GT_EV3(nature, no, S, f, N, since, a, A, b, B, c, C)                                       \
    SPEC(nature, no, N, since, 3, #a, A, #b, B, #c, C, 0, NONE, 0, NONE)
#define GT_EV4(nature, no, S, f, N, since, a, A, b, B, c, C, d, D)                                 \
    SPEC(nature, no, N, since, 4, #a, A, #b, B, #c, C, #d, D, 0, NONE)
#define GT_EV5(nature, no, S, f, N, since, a, A, b, B, c, C, d, D, e, E)                           \
    SPEC(nature, no, N, since, 5, #a, A, #b, B, #c, C, #d, D, #e, E)
#include "trace/events.def"
};

#define NUMBERS_STRUCTURAL(n) 0
#define NUMBERS_DATA(n) 0
#define NUMBERS_TIMED(n) (n) + 1
#define NUMBERS_EXPERIMENTAL(n) (n) + 1
const uint8_t gt_ev_numbers[256] = {
#define GT_EV0(nature, no, S, f, N, since) [no] = NUMBERS_##nature(0),
#define GT_EV1(nature, no, S, f, N, since, a, A) [no] = NUMBERS_##nature(1),
#define GT_EV2(nature, no, S, f, N, since, a, A, b, B) [no] = NUMBERS_##nature(2),
#define GT_EV3(nature, no, S, f, N, since, a, A, b, B, c, C) [no] = NUMBERS_##nature(3),
#define GT_EV4(nature, no, S, f, N, since, a, A, b, B, c, C, d, D) [no] = NUMBERS_##nature(4),
#define GT_EV5(nature, no, S, f, N, since, a, A, b, B, c, C, d, D, e, E) [no] = NUMBERS_##nature(5),
#include "trace/events.def"
};

enum gt_decode_error gt_decode_why(const uint8_t *p, const uint8_t *end)
{
    unsigned type = *p++;
    uint64_t value;
    if (type >= GT_EV_END) {
        return GT_DECODE_BAD_TYPE;
    }
    if (gt_ev_numbers[type] == 0) {
        return GT_DECODE_NOT_TIMED;
    }
    for (unsigned i = 0; i < gt_ev_numbers[type]; i++) {
        if (gt_get_uvarint(&p, end, &value) != GT_VARINT_OK) {
            return i == 0 ? GT_DECODE_BAD_TIME : GT_DECODE_BAD_ARG;
        }
    }
    return GT_DECODE_FINE;
}

const char *gt_ev_name(unsigned type)
{
    const char *name = type < GT_EV_END ? gt_ev_specs[type].name : NULL;
    return name ? name : "?";
}

unsigned gt_ev_by_name(const char *name, size_t len)
{
    for (unsigned i = 1; i < GT_EV_END; i++) {
        const char *known = gt_ev_specs[i].name;
        if (known && strlen(known) == len && memcmp(known, name, len) == 0) {
            return i;
        }
    }
    return 0;
}

const char *gt_wire_gstatus_name(uint64_t status)
{
    static const char *const names[GT_WIRE_G_COUNT] = {"Bad", "Runnable", "Running", "Syscall",
                                                       "Waiting"};
    return status < GT_WIRE_G_COUNT ? names[status] : "?";
}

const char *gt_wire_pstatus_name(uint64_t status)
{
    static const char *const names[GT_WIRE_P_COUNT] = {"Bad", "Running", "Idle", "Syscall",
                                                       "SyscallAbandoned"};
    return status < GT_WIRE_P_COUNT ? names[status] : "?";
}

const char *const gt_wire_block_names[GT_WIRE_BLOCK_COUNT] = {
    [GT_WIRE_BLOCK_UNSPECIFIED] = "unspecified",
    [GT_WIRE_BLOCK_FOREVER] = "forever",
    [GT_WIRE_BLOCK_NETWORK] = "network",
    [GT_WIRE_BLOCK_SELECT] = "select",
    [GT_WIRE_BLOCK_COND] = "sync.(*Cond).Wait",
    [GT_WIRE_BLOCK_SYNC] = "sync",
    [GT_WIRE_BLOCK_CHAN_SEND] = "chan send",
    [GT_WIRE_BLOCK_CHAN_RECEIVE] = "chan receive",
    [GT_WIRE_BLOCK_GC_ASSIST] = "GC mark assist wait for work",
    [GT_WIRE_BLOCK_GC_SWEEPER] = "GC background sweeper wait",
    [GT_WIRE_BLOCK_SYSTEM] = "system goroutine wait",
    [GT_WIRE_BLOCK_PREEMPTED] = "preempted",
    [GT_WIRE_BLOCK_DEBUG_CALL] = "wait for debug call",
    [GT_WIRE_BLOCK_GC_END] = "wait until GC ends",
    [GT_WIRE_BLOCK_SLEEP] = "sleep",
    [GT_WIRE_BLOCK_GC_WEAK] = "GC weak to strong wait",
    [GT_WIRE_BLOCK_SYNCTEST] = "synctest",
};

const char *const gt_wire_stop_names[GT_WIRE_STOP_COUNT] = {
    [GT_WIRE_STOP_UNSPECIFIED] = "unspecified",
    [GT_WIRE_STOP_GOSCHED] = "runtime.Gosched",
    [GT_WIRE_STOP_PREEMPTED] = "preempted",
};

const char *const gt_wire_stw_names[GT_WIRE_STW_COUNT] = {
    [GT_WIRE_STW_UNKNOWN] = "unknown",
    [GT_WIRE_STW_GC_MARK_TERM] = "GC mark termination",
    [GT_WIRE_STW_GC_SWEEP_TERM] = "GC sweep termination",
    [GT_WIRE_STW_HEAP_DUMP] = "write heap dump",
    [GT_WIRE_STW_G_PROFILE] = "goroutine profile",
    [GT_WIRE_STW_G_PROFILE_CLEANUP] = "goroutine profile cleanup",
    [GT_WIRE_STW_ALL_STACKS] = "all goroutines stack trace",
    [GT_WIRE_STW_MEM_STATS] = "read mem stats",
    [GT_WIRE_STW_ALL_THREADS_SYSCALL] = "AllThreadsSyscall",
    [GT_WIRE_STW_PROCS] = "GOMAXPROCS",
    [GT_WIRE_STW_START_TRACE] = "start trace",
    [GT_WIRE_STW_STOP_TRACE] = "stop trace",
};
