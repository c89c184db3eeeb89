/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The events of the protocol (tracer.h) as LTTng-UST tracepoints, under the names of the wire
 * format. No #pragma once: LTTng's headers read this file several times over.
 *
 * Payload: what gen writes, and m, the thread: buffers belong to CPUs here, so an event says
 * itself what a batch says there. seq is the version of the G's or P's status word, stack the
 * number of a stack whose frames a Stack event gave before, on the same thread.
 */
#undef LTTNG_UST_TRACEPOINT_PROVIDER
#define LTTNG_UST_TRACEPOINT_PROVIDER gauntlet
#undef LTTNG_UST_TRACEPOINT_INCLUDE
#define LTTNG_UST_TRACEPOINT_INCLUDE "events.h"

#if !defined(GT_LTTNG_EVENTS_H) || defined(LTTNG_UST_TRACEPOINT_HEADER_MULTI_READ)
#define GT_LTTNG_EVENTS_H

#include <lttng/tracepoint.h>

#define GT_INT(type, name) lttng_ust_field_integer(type, name, name)
#define GT_HEX(name)       lttng_ust_field_integer_hex(uint64_t, name, name)
#define GT_STR(name)       lttng_ust_field_string(name, name)

#define GT_CLASS(name, args, fields)                                                               \
    LTTNG_UST_TRACEPOINT_EVENT_CLASS(gauntlet, name, LTTNG_UST_TP_ARGS args,                       \
                                     LTTNG_UST_TP_FIELDS(fields))
#define GT_EVENT(of, name, args)                                                                   \
    LTTNG_UST_TRACEPOINT_EVENT_INSTANCE(gauntlet, of, gauntlet, name, LTTNG_UST_TP_ARGS args)

#define GT_ARGS_PLAIN (int32_t, m)
GT_CLASS(plain, GT_ARGS_PLAIN, GT_INT(int32_t, m))
GT_EVENT(plain, ProcStop, GT_ARGS_PLAIN)
GT_EVENT(plain, GoDestroy, GT_ARGS_PLAIN)
GT_EVENT(plain, GoSyscallEnd, GT_ARGS_PLAIN)
GT_EVENT(plain, GoSyscallEndBlocked, GT_ARGS_PLAIN)
GT_EVENT(plain, GoDestroySyscall, GT_ARGS_PLAIN)
GT_EVENT(plain, STWEnd, GT_ARGS_PLAIN)
GT_EVENT(plain, GCActive, GT_ARGS_PLAIN)
GT_EVENT(plain, GCEnd, GT_ARGS_PLAIN)
GT_EVENT(plain, GCMarkAssistEnd, GT_ARGS_PLAIN)

#define GT_ARGS_AT (int32_t, m, uint64_t, stack)
GT_CLASS(at, GT_ARGS_AT, GT_INT(int32_t, m) GT_HEX(stack))
GT_EVENT(at, GCBegin, GT_ARGS_AT)
GT_EVENT(at, GCSweepBegin, GT_ARGS_AT)
GT_EVENT(at, GCMarkAssistBegin, GT_ARGS_AT)

/* Of a P or G: its number, and how often it has changed its status. */
#define GT_ARGS_WHO (int32_t, m, uint64_t, id, uint64_t, seq)
GT_CLASS(who, GT_ARGS_WHO, GT_INT(int32_t, m) GT_INT(uint64_t, id) GT_INT(uint64_t, seq))
GT_EVENT(who, ProcStart, GT_ARGS_WHO)
GT_EVENT(who, ProcSteal, GT_ARGS_WHO)
GT_EVENT(who, GoStart, GT_ARGS_WHO)
GT_EVENT(who, GoSwitch, GT_ARGS_WHO)
GT_EVENT(who, GoSwitchDestroy, GT_ARGS_WHO)
GT_EVENT(who, GoCreateSyscall, GT_ARGS_WHO)

#define GT_ARGS_WHO_AT (int32_t, m, uint64_t, id, uint64_t, seq, uint64_t, stack)
GT_CLASS(who_at, GT_ARGS_WHO_AT,
         GT_INT(int32_t, m) GT_INT(uint64_t, id) GT_INT(uint64_t, seq) GT_HEX(stack))
GT_EVENT(who_at, GoUnblock, GT_ARGS_WHO_AT)

#define GT_ARGS_CREATE (int32_t, m, uint64_t, id, uint64_t, start, uint64_t, stack)
GT_CLASS(create, GT_ARGS_CREATE,
         GT_INT(int32_t, m) GT_INT(uint64_t, id) GT_HEX(start) GT_HEX(stack))
GT_EVENT(create, GoCreate, GT_ARGS_CREATE)
GT_EVENT(create, GoCreateBlocked, GT_ARGS_CREATE)

#define GT_ARGS_WHY (int32_t, m, uint8_t, why, uint64_t, stack)
GT_CLASS(why, GT_ARGS_WHY, GT_INT(int32_t, m) GT_INT(uint8_t, why) GT_HEX(stack))
GT_EVENT(why, GoStop, GT_ARGS_WHY)
GT_EVENT(why, GoBlock, GT_ARGS_WHY)
GT_EVENT(why, STWBegin, GT_ARGS_WHY)

#define GT_ARGS_VALUE (int32_t, m, uint64_t, value)
GT_CLASS(value, GT_ARGS_VALUE, GT_INT(int32_t, m) GT_INT(uint64_t, value))
GT_EVENT(value, HeapAlloc, GT_ARGS_VALUE)
GT_EVENT(value, HeapGoal, GT_ARGS_VALUE)

#define GT_ARGS_VALUE_AT (int32_t, m, uint64_t, value, uint64_t, stack)
GT_CLASS(value_at, GT_ARGS_VALUE_AT, GT_INT(int32_t, m) GT_INT(uint64_t, value) GT_HEX(stack))
GT_EVENT(value_at, ProcsChange, GT_ARGS_VALUE_AT)
GT_EVENT(value_at, GoSyscallBegin, GT_ARGS_VALUE_AT)
GT_EVENT(value_at, UserTaskEnd, GT_ARGS_VALUE_AT)

#define GT_ARGS_SWEPT (int32_t, m, uint64_t, swept, uint64_t, reclaimed)
GT_CLASS(swept, GT_ARGS_SWEPT,
         GT_INT(int32_t, m) GT_INT(uint64_t, swept) GT_INT(uint64_t, reclaimed))
GT_EVENT(swept, GCSweepEnd, GT_ARGS_SWEPT)

#define GT_ARGS_TASK                                                                               \
    (int32_t, m, uint64_t, task, uint64_t, parent, const char *, name, uint64_t, stack)
GT_CLASS(task, GT_ARGS_TASK,
         GT_INT(int32_t, m) GT_INT(uint64_t, task) GT_INT(uint64_t, parent) GT_STR(name)
             GT_HEX(stack))
GT_EVENT(task, UserTaskBegin, GT_ARGS_TASK)

#define GT_ARGS_REGION (int32_t, m, uint64_t, task, const char *, name, uint64_t, stack)
GT_CLASS(region, GT_ARGS_REGION,
         GT_INT(int32_t, m) GT_INT(uint64_t, task) GT_STR(name) GT_HEX(stack))
GT_EVENT(region, UserRegionBegin, GT_ARGS_REGION)
GT_EVENT(region, UserRegionEnd, GT_ARGS_REGION)

#define GT_ARGS_LOG                                                                                \
    (int32_t, m, uint64_t, task, const char *, key, const char *, text, uint64_t, stack)
GT_CLASS(log, GT_ARGS_LOG,
         GT_INT(int32_t, m) GT_INT(uint64_t, task) GT_STR(key) GT_STR(text) GT_HEX(stack))
GT_EVENT(log, UserLog, GT_ARGS_LOG)

#define GT_ARGS_LABEL (int32_t, m, const char *, label)
GT_CLASS(label, GT_ARGS_LABEL, GT_INT(int32_t, m) GT_STR(label))
GT_EVENT(label, GoLabel, GT_ARGS_LABEL)

/* A stack that this thread has not written in this trace. */
#define GT_ARGS_STACK (int32_t, m, uint64_t, stack, const uint64_t *, pc, uint32_t, n)
GT_CLASS(frames, GT_ARGS_STACK,
         GT_INT(int32_t, m) GT_HEX(stack) lttng_ust_field_sequence_hex(uint64_t, pc, pc, uint32_t, n))
GT_EVENT(frames, Stack, GT_ARGS_STACK)

#endif

#include <lttng/tracepoint-event.h>
