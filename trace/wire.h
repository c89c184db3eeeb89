/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wire format of a trace: names, limits and writers. C and C++; all a tracer needs is inline here.
 *
 * A trace is a header and batches. A batch belongs to one generation and one M (or none) and holds
 * timed events, or one kind of table. docs/format.md describes every byte.
 *
 * Writers append at `out` and return the new end. They check no space: the caller has
 *   GT_EV_MAX_BYTES for any timed event, GT_BATCH_HEADER_BYTES for a batch header, and for each
 *   structural writer what its comment says.
 * Thread-safety: nothing here has state.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GT_WIRE_INLINE static inline __attribute__((always_inline, unused))

/* Limits that Go's reader enforces. */
#define GT_WIRE_MAX_BATCH 65536u /* bytes of a batch without its header */
#define GT_WIRE_MAX_STRING 1024u /* bytes of a string */
#define GT_WIRE_MAX_FRAMES 128u  /* of a stack */
#define GT_WIRE_MAX_VARINT 10u   /* bytes of a number */
#define GT_WIRE_MAX_ARGS 5u      /* of any event, dt not counted; timed events have at most 4 */

#define GT_WIRE_HEADER_BYTES 16u
#define GT_EV_MAX_BYTES (1u + 5u * GT_WIRE_MAX_VARINT) /* of a timed event: type, dt, 4 arguments */
#define GT_BATCH_HEADER_BYTES (1u + 4u * GT_WIRE_MAX_VARINT) /* type, gen, m, ts, padded length */
#define GT_FRAME_MAX_BYTES (4u * GT_WIRE_MAX_VARINT)

#define GT_WIRE_NO_M UINT64_MAX /* m of a batch of no thread */
#define GT_WIRE_NO_P UINT64_MAX /* p of a CPU sample outside a P */

/* Events by number: GT_EV_GO_START is 16. */
enum gt_ev {
    GT_EV_NONE = 0,
#define GT_EV(nature, no, S, f, N, since) GT_EV_##S = no,
#include "trace/events.def"
    GT_EV_END = 137 /* one past the last */
};

enum gt_ev_nature {
    GT_NATURE_UNKNOWN,
    GT_NATURE_STRUCTURAL,
    GT_NATURE_DATA,
    GT_NATURE_TIMED,
    GT_NATURE_EXPERIMENTAL, /* timed too */
};

enum gt_arg_kind {
    GT_ARG_NONE,
    GT_ARG_GEN,
    GT_ARG_M,
    GT_ARG_P,
    GT_ARG_PSEQ,
    GT_ARG_G,
    GT_ARG_GSEQ,
    GT_ARG_NEW_G,
    GT_ARG_STACK,     /* of the G that the event is about to concern: the main one */
    GT_ARG_NEW_STACK, /* where the new G starts */
    GT_ARG_STRING,
    GT_ARG_PSTATUS, /* enum gt_wire_pstatus */
    GT_ARG_GSTATUS, /* enum gt_wire_gstatus */
    GT_ARG_GCSEQ,
    GT_ARG_TASK,
    GT_ARG_PARENT_TASK,
    GT_ARG_VALUE,
    GT_ARG_TIME, /* absolute, raw clock units */
    GT_ARG_ID,
    GT_ARG_SIZE,
    GT_ARG_COUNT,
};

/* What one event looks like. name NULL: no such event. */
struct gt_event_spec {
    const char *name;
    uint16_t since;                 /* 122: Go 1.22 */
    uint8_t nature;                 /* enum gt_ev_nature */
    uint8_t nargs;                  /* dt not counted */
    uint8_t stack_args;             /* bit i: argument i is a stack id */
    uint8_t string_args;            /* bit i: argument i is a string id */
    uint8_t kind[GT_WIRE_MAX_ARGS]; /* enum gt_arg_kind */
    const char *arg[GT_WIRE_MAX_ARGS];
};
extern const struct gt_event_spec gt_ev_specs[256];

/* Spec of any byte; never NULL. */
static inline const struct gt_event_spec *gt_ev_spec(unsigned type)
{
    return &gt_ev_specs[type & 255u];
}
/* Name of any byte; "?" for a number that is no event. */
const char *gt_ev_name(unsigned type);
/* The event of that name, 0: none. The name need not end in NUL. */
unsigned gt_ev_by_name(const char *name, size_t len);
static inline bool gt_ev_is_timed(unsigned type)
{
    return gt_ev_spec(type)->nature >= GT_NATURE_TIMED;
}

enum gt_wire_gstatus {
    GT_WIRE_G_BAD,
    GT_WIRE_G_RUNNABLE,
    GT_WIRE_G_RUNNING,
    GT_WIRE_G_SYSCALL,
    GT_WIRE_G_WAITING,
    GT_WIRE_G_COUNT
};
enum gt_wire_pstatus {
    GT_WIRE_P_BAD,
    GT_WIRE_P_RUNNING,
    GT_WIRE_P_IDLE,
    GT_WIRE_P_SYSCALL,
    GT_WIRE_P_SYSCALL_ABANDONED, /* first seen when stolen: no GoSyscallBegin in this generation */
    GT_WIRE_P_COUNT
};
const char *gt_wire_gstatus_name(uint64_t status); /* "Runnable"; "?" out of range */
const char *gt_wire_pstatus_name(uint64_t status);

/* Strings that Go's viewers know and group by. */
enum gt_wire_block {
    GT_WIRE_BLOCK_UNSPECIFIED,
    GT_WIRE_BLOCK_FOREVER,
    GT_WIRE_BLOCK_NETWORK,
    GT_WIRE_BLOCK_SELECT,
    GT_WIRE_BLOCK_COND,
    GT_WIRE_BLOCK_SYNC,
    GT_WIRE_BLOCK_CHAN_SEND,
    GT_WIRE_BLOCK_CHAN_RECEIVE,
    GT_WIRE_BLOCK_GC_ASSIST,
    GT_WIRE_BLOCK_GC_SWEEPER,
    GT_WIRE_BLOCK_SYSTEM,
    GT_WIRE_BLOCK_PREEMPTED,
    GT_WIRE_BLOCK_DEBUG_CALL,
    GT_WIRE_BLOCK_GC_END,
    GT_WIRE_BLOCK_SLEEP,
    GT_WIRE_BLOCK_GC_WEAK,
    GT_WIRE_BLOCK_SYNCTEST,
    GT_WIRE_BLOCK_COUNT
};
enum gt_wire_stop {
    GT_WIRE_STOP_UNSPECIFIED,
    GT_WIRE_STOP_GOSCHED,
    GT_WIRE_STOP_PREEMPTED,
    GT_WIRE_STOP_COUNT
};
enum gt_wire_stw {
    GT_WIRE_STW_UNKNOWN,
    GT_WIRE_STW_GC_MARK_TERM,
    GT_WIRE_STW_GC_SWEEP_TERM,
    GT_WIRE_STW_HEAP_DUMP,
    GT_WIRE_STW_G_PROFILE,
    GT_WIRE_STW_G_PROFILE_CLEANUP,
    GT_WIRE_STW_ALL_STACKS,
    GT_WIRE_STW_MEM_STATS,
    GT_WIRE_STW_ALL_THREADS_SYSCALL,
    GT_WIRE_STW_PROCS, /* "GOMAXPROCS" */
    GT_WIRE_STW_START_TRACE,
    GT_WIRE_STW_STOP_TRACE,
    GT_WIRE_STW_COUNT
};
extern const char *const gt_wire_block_names[GT_WIRE_BLOCK_COUNT];
extern const char *const gt_wire_stop_names[GT_WIRE_STOP_COUNT];
extern const char *const gt_wire_stw_names[GT_WIRE_STW_COUNT];

/* Numbers: little-endian groups of seven bits, all but the last with the top bit set. */

static __attribute__((noinline, unused)) uint8_t *gt_put_uvarint_long(uint8_t *out, uint64_t v)
{
    while (v >= 0x80) {
        *out++ = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    *out++ = (uint8_t)v;
    return out;
}

/* At most 10 bytes. */
GT_WIRE_INLINE uint8_t *gt_put_uvarint(uint8_t *out, uint64_t v)
{
    if (__builtin_expect(v < 0x80, 1)) {
        out[0] = (uint8_t)v;
        return out + 1;
    }
    if (__builtin_expect(v < 0x4000, 1)) {
        out[0] = (uint8_t)(v | 0x80);
        out[1] = (uint8_t)(v >> 7);
        return out + 2;
    }
    if (__builtin_expect(v < 0x200000, 1)) { /* a long generation's sequence numbers */
        out[0] = (uint8_t)(v | 0x80);
        out[1] = (uint8_t)(v >> 7 | 0x80);
        out[2] = (uint8_t)(v >> 14);
        return out + 3;
    }
    return gt_put_uvarint_long(out, v);
}

/* Always 10 bytes: a length that is filled in later. */
static inline void gt_put_uvarint_padded(uint8_t *at, uint64_t v)
{
    for (unsigned i = 0; i < GT_WIRE_MAX_VARINT - 1; i++) {
        at[i] = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    at[GT_WIRE_MAX_VARINT - 1] = (uint8_t)v;
}

/*
 * One encoder for each event, from events.def:
 *   timed:       gt_put_go_start(out, dt, g, g_seq); at most GT_EV_MAX_BYTES
 *   structural:  gt_put_frequency(out, freq), gt_put_stacks(out), gt_put_stack(out, id, nframes), ...
 * dt: raw clock units since the M's previous event, or since the batch's time stamp.
 */
#define GT_EV_PARAM_TIMED , uint64_t dt
#define GT_EV_PARAM_EXPERIMENTAL , uint64_t dt
#define GT_EV_PARAM_STRUCTURAL
#define GT_EV_PARAM_DATA
#define GT_EV_FN_TIMED(f) gt_put_##f
#define GT_EV_FN_EXPERIMENTAL(f) gt_put_##f
#define GT_EV_FN_STRUCTURAL(f) gt_put_##f
#define GT_EV_FN_DATA(f) gt_put_##f##_head
#define GT_EV_DT_TIMED gt_put_uvarint(out, dt)
#define GT_EV_DT_EXPERIMENTAL gt_put_uvarint(out, dt)
#define GT_EV_DT_STRUCTURAL out
#define GT_EV_DT_DATA out
#define GT_EV_BEGIN(nature, no)                                                                    \
    *out++ = no;                                                                                   \
    out = GT_EV_DT_##nature;

#define GT_EV0(nature, no, S, f, N, since)                                                         \
    GT_WIRE_INLINE uint8_t *GT_EV_FN_##nature(f)(uint8_t * out GT_EV_PARAM_##nature)               \
    {                                                                                              \
        GT_EV_BEGIN(nature, no)                                                                    \
        return out;                                                                                \
    }
#define GT_EV1(nature, no, S, f, N, since, a, A)                                                   \
    GT_WIRE_INLINE uint8_t *GT_EV_FN_##nature(f)(uint8_t * out GT_EV_PARAM_##nature, uint64_t a)   \
    {                                                                                              \
        GT_EV_BEGIN(nature, no)                                                                    \
        return gt_put_uvarint(out, a);                                                             \
    }
#define GT_EV2(nature, no, S, f, N, since, a, A, b, B)                                             \
    GT_WIRE_INLINE uint8_t *GT_EV_FN_##nature(f)(uint8_t * out GT_EV_PARAM_##nature, uint64_t a,   \
                                                 uint64_t b)                                       \
    {                                                                                              \
        GT_EV_BEGIN(nature, no)                                                                    \
        out = gt_put_uvarint(out, a);                                                              \
        return gt_put_uvarint(out, b);                                                             \
    }
#define GT_EV3(nature, no, S, f, N, since, a, A, b, B, c, C)                                       \
    GT_WIRE_INLINE uint8_t *GT_EV_FN_##nature(f)(uint8_t * out GT_EV_PARAM_##nature, uint64_t a,   \
                                                 uint64_t b, uint64_t c)                           \
    {                                                                                              \
        GT_EV_BEGIN(nature, no)                                                                    \
        out = gt_put_uvarint(out, a);                                                              \
        out = gt_put_uvarint(out, b);                                                              \
        return gt_put_uvarint(out, c);                                                             \
    }
#define GT_EV4(nature, no, S, f, N, since, a, A, b, B, c, C, d, D)                                 \
    GT_WIRE_INLINE uint8_t *GT_EV_FN_##nature(f)(uint8_t * out GT_EV_PARAM_##nature, uint64_t a,   \
                                                 uint64_t b, uint64_t c, uint64_t d)               \
    {                                                                                              \
        GT_EV_BEGIN(nature, no)                                                                    \
        out = gt_put_uvarint(out, a);                                                              \
        out = gt_put_uvarint(out, b);                                                              \
        out = gt_put_uvarint(out, c);                                                              \
        return gt_put_uvarint(out, d);                                                             \
    }
#define GT_EV5(nature, no, S, f, N, since, a, A, b, B, c, C, d, D, e, E)                           \
    GT_WIRE_INLINE uint8_t *GT_EV_FN_##nature(f)(uint8_t * out GT_EV_PARAM_##nature, uint64_t a,   \
                                                 uint64_t b, uint64_t c, uint64_t d, uint64_t e)   \
    {                                                                                              \
        GT_EV_BEGIN(nature, no)                                                                    \
        out = gt_put_uvarint(out, a);                                                              \
        out = gt_put_uvarint(out, b);                                                              \
        out = gt_put_uvarint(out, c);                                                              \
        out = gt_put_uvarint(out, d);                                                              \
        return gt_put_uvarint(out, e);                                                             \
    }
#include "trace/events.def"
#undef GT_EV_PARAM_TIMED
#undef GT_EV_FN_TIMED
#undef GT_EV_PARAM_EXPERIMENTAL
#undef GT_EV_FN_EXPERIMENTAL
#undef GT_EV_PARAM_STRUCTURAL
#undef GT_EV_FN_STRUCTURAL
#undef GT_EV_PARAM_DATA
#undef GT_EV_FN_DATA
#undef GT_EV_DT_TIMED
#undef GT_EV_DT_EXPERIMENTAL
#undef GT_EV_DT_STRUCTURAL
#undef GT_EV_DT_DATA
#undef GT_EV_BEGIN

static inline bool gt_wire_header_known(uint32_t header)
{
    return header == 122 || header == 123 || header == 125 || header == 126;
}

/* The 16 bytes a trace begins with. header: 122, 123, 125, 126. */
static inline uint8_t *gt_put_header(uint8_t *out, uint32_t header)
{
    memcpy(out, "go 1.00 trace\0\0\0", GT_WIRE_HEADER_BYTES);
    out[5] = (uint8_t)('0' + header / 10 % 10);
    out[6] = (uint8_t)('0' + header % 10);
    return out + GT_WIRE_HEADER_BYTES;
}

/*
 * A batch: open it, append at most GT_WIRE_MAX_BATCH bytes, close it.
 *   p = gt_put_batch_open(p, gen, m, ts, &length_at); ... gt_batch_close(length_at, p);
 * m: GT_WIRE_NO_M for none. ts: raw clock units; the first event's dt counts from it.
 * At most GT_BATCH_HEADER_BYTES.
 */
static inline uint8_t *gt_put_batch_open(uint8_t *out, uint64_t gen, uint64_t m, uint64_t ts,
                                         uint8_t **length_at)
{
    *out++ = GT_EV_EVENT_BATCH;
    out = gt_put_uvarint(out, gen);
    out = gt_put_uvarint(out, m);
    out = gt_put_uvarint(out, ts);
    *length_at = out;
    return out + GT_WIRE_MAX_VARINT;
}

/* `end`: one past the batch's last byte. */
static inline void gt_batch_close(uint8_t *length_at, const uint8_t *end)
{
    gt_put_uvarint_padded(length_at, (uint64_t)(end - length_at) - GT_WIRE_MAX_VARINT);
}

/*
 * An entry of a strings batch (which begins with gt_put_strings). id: not 0, once a generation.
 * Longer than GT_WIRE_MAX_STRING is cut. At most 21 bytes and the string.
 */
static inline uint8_t *gt_put_string(uint8_t *out, uint64_t id, const char *s, size_t len)
{
    if (len > GT_WIRE_MAX_STRING) {
        len = GT_WIRE_MAX_STRING;
    }
    out = gt_put_string_head(out, id);
    out = gt_put_uvarint(out, len);
    if (len != 0) {
        memcpy(out, s, len);
    }
    return out + len;
}

/*
 * One frame, after gt_put_stack(out, id, nframes), in a batch that begins with gt_put_stacks.
 * func, file: string ids of the same generation. At most GT_FRAME_MAX_BYTES.
 */
static inline uint8_t *gt_put_frame(uint8_t *out, uint64_t pc, uint64_t func, uint64_t file,
                                    uint64_t line)
{
    out = gt_put_uvarint(out, pc);
    out = gt_put_uvarint(out, func);
    out = gt_put_uvarint(out, file);
    return gt_put_uvarint(out, line);
}

#ifdef __cplusplus
}
#endif
