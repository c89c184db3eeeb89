/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * For each rule of the checker a trace that breaks it and one that nearly does. In text form, or
 * in bytes where the text form cannot say it. `@` before a line: the finding stands at it.
 */
#include "trace/rules.h"

#include <stddef.h>

struct text_case {
    enum gt_rule rule;
    const char *broken, *near;
};
struct raw_case {
    enum gt_rule rule;
    const char *broken;
    size_t n_broken;
    const char *near;
    size_t n_near;
};

#define V22 "Trace Go1.22\n"
#define V23 "Trace Go1.23\n"
#define V25 "Trace Go1.25\n"
#define V26 "Trace Go1.26\n"
#define END "EndOfGeneration\n"
#define NONE "18446744073709551615"
#define BATCH(gen, m) "EventBatch gen=" #gen " m=" #m " time=100 size=0\n"
#define TABLE(gen) "EventBatch gen=" #gen " m=" NONE " time=100 size=0\n"
#define FREQ(gen) TABLE(gen) "Frequency freq=15625000\n"
#define SYNC(gen, clock)                                                                           \
    "EventBatch gen=" #gen " m=" NONE " time=" #clock " size=0\nSync\nFrequency freq=1000000000\n"  \
    "ClockSnapshot dt=1 mono=" #clock " sec=1740755" #clock " nsec=1\n"
#define STRINGS(gen) TABLE(gen) "Strings\nString id=1\n\tdata=\"one\"\nString id=2\n\tdata=\"two\"\n"

#define P(p, status) "ProcStatus dt=1 p=" #p " pstatus=" #status "\n"
#define G(g, m, status) "GoStatus dt=1 g=" #g " m=" #m " gstatus=" #status "\n"
#define START(p, seq) "ProcStart dt=1 p=" #p " p_seq=" #seq "\n"
#define STEAL(p, seq, m) "ProcSteal dt=1 p=" #p " p_seq=" #seq " m=" #m "\n"
#define STOP "ProcStop dt=1\n"
#define GOSTART(g, seq) "GoStart dt=1 g=" #g " g_seq=" #seq "\n"
#define BLOCK "GoBlock dt=1 reason_string=0 stack=0\n"
#define YIELD "GoStop dt=1 reason_string=0 stack=0\n"
#define DESTROY "GoDestroy dt=1\n"
#define UNBLOCK(g, seq) "GoUnblock dt=1 g=" #g " g_seq=" #seq " stack=0\n"
#define CREATE(g) "GoCreate dt=1 new_g=" #g " new_stack=0 stack=0\n"
#define BEGIN(seq) "GoSyscallBegin dt=1 p_seq=" #seq " stack=0\n"
#define SEND "GoSyscallEnd dt=1\n"
#define SBLOCKED "GoSyscallEndBlocked dt=1\n"
#define HEAP "HeapAlloc dt=1 heapalloc_value=1\n"
#define LOG "UserLog dt=1 task=0 key_string=0 value_string=0 stack=0\n"
#define STW(kind) "STWBegin dt=1 kind_string=" #kind " stack=0\n"
#define STWEND "STWEnd dt=1\n"
#define ASSIST "GCMarkAssistBegin dt=1 stack=0\n"
#define ASSISTEND "GCMarkAssistEnd dt=1\n"
#define SWEEP "GCSweepBegin dt=1 stack=0\n"
#define GCBEGIN(seq) "GCBegin dt=1 gc_seq=" #seq " stack=0\n"
#define GCEND(seq) "GCEnd dt=1 gc_seq=" #seq "\n"
#define GCACTIVE(seq) "GCActive dt=1 gc_seq=" #seq "\n"
#define TASK(id, name) "UserTaskBegin dt=1 task=" #id " parent_task=0 name_string=" #name " stack=0\n"
#define REGION(name) "UserRegionBegin dt=1 task=0 name_string=" #name " stack=0\n"
#define REGIONEND(name) "UserRegionEnd dt=1 task=0 name_string=" #name " stack=0\n"
#define RUN P(0, 1) G(1, 1, 2) /* M 1 holds P 0 and runs G 1 */
#define M1 BATCH(1, 1)
#define M2 BATCH(1, 2)
#define MX TABLE(1)
#define LATE(m, time) "EventBatch gen=1 m=" #m " time=" #time " size=0\n"
#define TWO(first, second) V23 M1 first FREQ(1) BATCH(2, 1) second FREQ(2) /* generations */

#define CASE(rule, broken, near) {GT_RULE_##rule, broken, near}
#define IN1(events) V23 M1 events FREQ(1)

static const struct text_case text_cases[] = {
    /* generations and tables */
    CASE(G1_ZERO, V23 BATCH(0, 1) P(0, 1) FREQ(0), IN1(P(0, 1))),
    CASE(G2_ORDER, V23 BATCH(2, 1) P(0, 1) FREQ(2) FREQ(1), TWO(P(0, 1), P(0, 1))),
    CASE(G4_NO_FREQUENCY, V23 M1 P(0, 1), IN1(P(0, 1))),
    CASE(G4_TWO_FREQUENCIES, V23 M1 P(0, 1) FREQ(1) FREQ(1), IN1(P(0, 1))),
    CASE(G5_NO_SNAPSHOT, V25 TABLE(1) "Sync\nFrequency freq=1000000000\n" M1 P(0, 1),
         V25 SYNC(1, 100) M1 P(0, 1)),
    CASE(G5_TWO_SNAPSHOTS, V25 SYNC(1, 100) "ClockSnapshot dt=1 mono=1 sec=1 nsec=1\n",
         V25 SYNC(1, 100)),
    CASE(E2_INCOMPLETE, V26 SYNC(1, 100) M1 P(0, 1), V26 SYNC(1, 100) M1 P(0, 1) END),
    CASE(E4_INTERLEAVED, V26 SYNC(1, 100) M1 P(0, 1) SYNC(2, 200) END,
         V26 SYNC(1, 100) M1 P(0, 1) END SYNC(2, 200) END),
    CASE(T1_TWICE, V23 STRINGS(1) "String id=1\n\tdata=\"one\"\n" FREQ(1), V23 STRINGS(1) FREQ(1)),
    CASE(T2_TWICE, V23 TABLE(1) "Stacks\nStack id=1 nframes=0\nStack id=1 nframes=0\n" FREQ(1),
         V23 TABLE(1) "Stacks\nStack id=1 nframes=0\nStack id=2 nframes=0\n" FREQ(1)),
    CASE(T4_FUNC, V23 STRINGS(1) TABLE(1) "Stacks\nStack id=1 nframes=1\n\tpc=1 func=3 file=2 line=1\n" FREQ(1),
         V23 STRINGS(1) TABLE(1) "Stacks\nStack id=1 nframes=1\n\tpc=1 func=1 file=2 line=1\n" FREQ(1)),
    CASE(T4_FILE, V23 STRINGS(1) TABLE(1) "Stacks\nStack id=1 nframes=1\n\tpc=1 func=1 file=3 line=1\n" FREQ(1),
         V23 STRINGS(1) TABLE(1) "Stacks\nStack id=1 nframes=1\n\tpc=1 func=1 file=0 line=1\n" FREQ(1)),
    CASE(T6_STACK, IN1(RUN "@GoBlock dt=1 reason_string=0 stack=9\n"), IN1(RUN BLOCK)),
    CASE(T6_STRING, IN1(RUN "@GoBlock dt=1 reason_string=9 stack=0\n"), IN1(RUN BLOCK)),
    /* the engine and the context */
    CASE(O5_STUCK, V23 M1 P(0, 2) "@" START(0, 2) FREQ(1),
         V23 M1 P(0, 2) START(0, 1) FREQ(1)),
    CASE(CTX_NO_M, V23 MX "@GoDestroySyscall dt=1\n" FREQ(1),
         V23 MX G(1, 18446744073709551615, 4) UNBLOCK(1, 1) FREQ(1)),
    CASE(CTX_NO_P, IN1("@" HEAP), IN1(P(0, 1) HEAP)),
    CASE(CTX_NO_G, IN1(P(0, 1) "@" LOG), IN1(RUN LOG)),
    CASE(CTX_HAS_G, IN1(RUN G(2, 18446744073709551615, 1) "@" GOSTART(2, 1)),
         IN1(RUN G(2, 18446744073709551615, 1) BLOCK GOSTART(2, 1))),
    /* Ps */
    CASE(P_STATUS_VALUE, IN1("@" P(0, 5)), IN1(P(0, 4))),
    CASE(P_STATUS, TWO(P(0, 1), "@" P(0, 2)), TWO(P(0, 1), P(0, 1))),
    CASE(P_STATUS_HOLDER,
         V23 M1 P(0, 3) P(1, 1) FREQ(1) BATCH(2, 1) P(1, 1) BATCH(2, 2) "@" P(0, 4) FREQ(2),
         V23 M1 P(0, 3) M2 P(1, 1) FREQ(1) BATCH(2, 2) P(1, 1) P(0, 4) STEAL(0, 1, 1) FREQ(2)),
    CASE(P_STOP_UNKNOWN, IN1("@" STOP), IN1(P(0, 1) STOP)),
    CASE(P_STOP_STATE, V23 M1 P(0, 1) "@" STOP M2 P(0, 1) STOP FREQ(1), IN1(P(0, 3) STOP)),
    CASE(P_STEAL_SELF, V23 M1 P(0, 1) "@" STEAL(1, 1, 1) M2 P(1, 3) FREQ(1),
         V23 M1 P(0, 1) STEAL(1, 1, 2) M2 P(1, 3) FREQ(1)),
    CASE(P_STEAL_NO_M, V23 M1 P(0, 1) "@" STEAL(1, 1, 77) M2 P(1, 3) FREQ(1),
         V23 M1 P(0, 1) STEAL(1, 1, 2) M2 P(1, 3) FREQ(1)),
    CASE(P_STEAL_OTHER, V23 M1 P(0, 1) M2 P(1, 3) BATCH(1, 3) P(2, 1) "@" STEAL(1, 1, 1) FREQ(1),
         V23 M1 P(0, 1) M2 P(1, 3) BATCH(1, 3) P(2, 1) STEAL(1, 1, 2) FREQ(1)),
    /* Gs */
    CASE(G_STATUS_VALUE, IN1("@" G(1, 1, 5)), IN1(G(1, 1, 4))),
    CASE(G_STATUS, TWO(RUN, P(0, 1) "@" G(1, 1, 1)), TWO(RUN, RUN)),
    CASE(G_STATUS_NEW, TWO(P(0, 1), P(0, 1) "@" G(1, 1, 1)), TWO(P(0, 1), P(0, 1) CREATE(1))),
    CASE(G_STATUS_NO_M, IN1("@" G(1, 18446744073709551615, 3)), IN1(G(1, 1, 3))),
    CASE(G_STATUS_M, V23 M1 P(0, 1) LATE(3, 200) P(2, 1) LATE(2, 500) "@" G(1, 3, 3) FREQ(1),
         V23 M1 P(0, 1) LATE(3, 200) P(2, 1) LATE(2, 500) G(1, 4, 3) FREQ(1)),
    CASE(G_CREATE_TWICE, IN1(RUN "@" CREATE(1)), IN1(RUN CREATE(2))),
    CASE(G_UNKNOWN, V23 M1 RUN DESTROY M2 P(1, 1) LATE(2, 101) "GoStatus dt=0 g=1 m=2 gstatus=2\n" LATE(2, 300) "@" BLOCK FREQ(1),
         V23 M1 RUN DESTROY M2 P(1, 1) G(2, 2, 2) BLOCK FREQ(1)),
    CASE(G_STATE, IN1(P(0, 3) G(1, 1, 3) "@" BLOCK), IN1(P(0, 3) G(1, 1, 3) SEND BLOCK)),
    CASE(SYSCALL_SEQ, IN1(RUN "@" BEGIN(2)), IN1(RUN BEGIN(1))),
    CASE(SYSCALL_END_P, IN1(P(0, 1) G(1, 1, 3) "@" SEND), IN1(P(0, 3) G(1, 1, 3) SEND)),
    CASE(G_CREATE_SYSCALL_TWICE, IN1(G(1, 2, 4) "@GoCreateSyscall dt=1 new_g=1\n"),
         IN1(G(1, 2, 4) "GoCreateSyscall dt=1 new_g=2\n")),
    CASE(P_DESTROY_STATE, IN1(P(0, 1) G(1, 1, 3) "@GoDestroySyscall dt=1\n"),
         IN1(P(0, 3) G(1, 1, 3) "GoDestroySyscall dt=1\n")),
    /* collector and ranges */
    CASE(GC_ACTIVE_FIRST, IN1(RUN GCBEGIN(1) "@" GCACTIVE(2)), IN1(RUN GCACTIVE(1) GCEND(2))),
    CASE(GC_ACTIVE, TWO(RUN GCBEGIN(1) GCEND(2), RUN "@" GCACTIVE(3)),
         TWO(RUN GCBEGIN(1), RUN GCACTIVE(2))),
    CASE(GC_BEGIN, IN1(RUN GCBEGIN(1) "@" GCBEGIN(2)), IN1(RUN GCBEGIN(1) GCEND(2) GCBEGIN(3))),
    CASE(GC_END, IN1(RUN GCBEGIN(1) GCEND(2) "@" GCEND(3)), IN1(RUN GCBEGIN(1) GCEND(2))),
    CASE(GC_END_UNKNOWN, IN1(RUN "@" GCEND(1)), IN1(RUN GCACTIVE(1) GCEND(2))),
    CASE(RANGE_NO_G, V23 M1 RUN DESTROY M2 P(1, 1) LATE(2, 101) "GoStatus dt=0 g=1 m=2 gstatus=2\n" LATE(2, 300) "@" STWEND FREQ(1),
         V23 M1 RUN DESTROY M2 P(1, 1) G(2, 2, 2) ASSIST ASSISTEND FREQ(1)),
    CASE(RANGE_OPEN, IN1(RUN ASSIST "@" ASSIST), IN1(RUN ASSIST ASSISTEND ASSIST)),
    CASE(RANGE_NOT_OPEN, IN1(RUN "@" ASSISTEND), IN1(RUN "GCMarkAssistActive dt=1 g=1\n" ASSISTEND)),
    CASE(RANGE_ACTIVE_NO_P, IN1("@GCSweepActive dt=1 p=0\n"), IN1(P(0, 1) "GCSweepActive dt=1 p=0\n")),
    CASE(RANGE_ACTIVE_NO_G, IN1("@GCMarkAssistActive dt=1 g=1\n"), IN1(RUN "GCMarkAssistActive dt=1 g=1\n")),
    CASE(RANGE_ACTIVE_OPEN, IN1(P(0, 1) SWEEP "@GCSweepActive dt=1 p=0\n"),
         IN1(P(0, 1) "GCSweepActive dt=1 p=0\nGCSweepEnd dt=1 swept_value=1 reclaimed_value=1\n")),
    CASE(RANGE_ACTIVE_MISSING, TWO(P(0, 1), P(0, 1) "@GCSweepActive dt=1 p=0\n"),
         TWO(P(0, 1) SWEEP, P(0, 1) "GCSweepActive dt=1 p=0\n")),
    /* annotations */
    CASE(TASK_TWICE, IN1(RUN TASK(7, 0) "@" TASK(7, 0)),
         IN1(RUN TASK(7, 0) "UserTaskEnd dt=1 task=7 stack=0\n" TASK(7, 0))),
    CASE(NAME_STRING, IN1(RUN "@" TASK(7, 9)), IN1(RUN TASK(7, 0))),
    CASE(REGION_NO_G, V23 M1 RUN DESTROY M2 P(1, 1) LATE(2, 101) "GoStatus dt=0 g=1 m=2 gstatus=2\n" LATE(2, 300) "@" REGION(0) FREQ(1),
         V23 M1 RUN DESTROY M2 P(1, 1) G(2, 2, 2) REGION(0) FREQ(1)),
    CASE(REGION_NESTING, V23 STRINGS(1) M1 RUN REGION(1) "@" REGIONEND(2) FREQ(1),
         V23 STRINGS(1) M1 RUN REGIONEND(2) REGION(1) REGIONEND(1) FREQ(1)),
    /* tier 2 */
    CASE(V3_NO_SNAPSHOT, V26, V26 SYNC(1, 100) END),
    CASE(V3_ZERO_CLOCK, V25 TABLE(1) "Sync\nFrequency freq=1000000000\nClockSnapshot dt=1 mono=0 sec=5 nsec=1\n",
         V25 SYNC(1, 100)),
    CASE(V3_CLOCK_BACK, V25 SYNC(1, 200) SYNC(2, 100), V25 SYNC(1, 100) SYNC(2, 200)),
    CASE(V5_LABEL, IN1(RUN "@GoLabel dt=1 label_string=0\n"),
         V23 STRINGS(1) M1 RUN "GoLabel dt=1 label_string=1\n" FREQ(1)),
    CASE(V6_FRAME, V23 STRINGS(1) TABLE(1) "Stacks\nStack id=1 nframes=2\n\tpc=0 func=0 file=0 line=0\n\tpc=1 func=1 file=0 line=1\n" M1 RUN "@GoBlock dt=1 reason_string=0 stack=1\n" FREQ(1),
         V23 STRINGS(1) TABLE(1) "Stacks\nStack id=1 nframes=2\n\tpc=0 func=0 file=0 line=0\n\tpc=1 func=1 file=2 line=1\n" M1 RUN "GoBlock dt=1 reason_string=0 stack=1\n" FREQ(1)),
    CASE(V7_UNDETERMINED, V26 SYNC(1, 100) M1 P(0, 1) END SYNC(2, 200) END SYNC(1, 300) M1 P(0, 1) "@" P(1, 2) END,
         V26 SYNC(1, 100) M1 P(0, 1) P(1, 2) END SYNC(2, 200) BATCH(2, 1) P(0, 1) P(1, 2) END),
    CASE(V7_TO_UNDETERMINED, IN1("@" P(0, 0)), IN1(P(0, 2))),
    CASE(V7_OLD_STATE, IN1(RUN DESTROY "@" G(1, 1, 4)), IN1(RUN DESTROY CREATE(1))),
    CASE(V7_DEATH, IN1(RUN ASSIST "@" DESTROY), IN1(RUN ASSIST ASSISTEND DESTROY)),
    CASE(V8_NO_M, V23 MX "@" P(0, 1) FREQ(1), V23 MX P(0, 2) FREQ(1)),
    CASE(V8_TWO, IN1(P(0, 1) "@" P(1, 1)), IN1(P(0, 1) P(1, 2))),
    CASE(V8_STOP, V23 M1 RUN LATE(2, 200) P(1, 1) G(1, 2, 2) G(2, 2, 2) LATE(1, 500) "@" BLOCK FREQ(1),
         V23 M1 RUN LATE(2, 200) P(1, 1) G(2, 2, 2) LATE(1, 500) BLOCK FREQ(1)),
    CASE(V9_BEGIN, V23 TABLE(1) "Strings\nString id=1\n\tdata=\"one\"\nString id=2\n\tdata=\"one\"\n" M1 RUN STW(1) "@" STW(2) STWEND STWEND FREQ(1),
         V23 STRINGS(1) M1 RUN STW(1) STW(2) STWEND STWEND FREQ(1)),
    CASE(V9_END, V23 STRINGS(1) M1 RUN STW(1) FREQ(1) TABLE(2) "Strings\nString id=1\n\tdata=\"other\"\n" BATCH(2, 1) RUN "@" STWEND FREQ(2),
         V23 STRINGS(1) M1 RUN STW(1) STWEND FREQ(1) STRINGS(2) BATCH(2, 1) RUN STW(1) STWEND FREQ(2)),
    CASE(V10_TASK_ID, IN1(RUN "@" TASK(0, 0)), IN1(RUN TASK(1, 0))),
    /* tier 3 */
    CASE(L1_TWO_MS, V23 M1 P(0, 1) LATE(2, 200) "@" P(0, 1) FREQ(1), V23 M1 P(0, 1) LATE(2, 200) P(1, 1) FREQ(1)),
    CASE(L2_TWO_MS, V23 M1 RUN LATE(2, 200) P(1, 1) "@" G(1, 2, 2) FREQ(1), V23 M1 RUN LATE(2, 200) P(1, 1) G(2, 2, 2) FREQ(1)),
    CASE(L3_P_STATUS, IN1(P(0, 2) "@" P(0, 2)), TWO(P(0, 2), P(0, 2))),
    CASE(L3_G_STATUS, IN1(G(1, 1, 4) "@" G(1, 1, 4)), TWO(G(1, 1, 4), G(1, 1, 4))),
    CASE(L4_G_SILENT, TWO(RUN G(2, 1, 4), P(0, 1) G(1, 1, 2)), TWO(RUN G(2, 1, 4), RUN G(2, 1, 4))),
    CASE(L5_STW, V23 M1 RUN LATE(2, 200) P(1, 1) LATE(1, 1000) STW(0) LATE(1, 3000) STWEND LATE(2, 9000) STOP FREQ(1),
         V23 M1 RUN LATE(2, 200) P(1, 1) LATE(1, 1000) STW(0) LATE(1, 3000) STWEND LATE(2, 2000) STOP LATE(2, 9000) START(1, 1) STOP FREQ(1)),
    CASE(L6_PROCS, V23 M1 RUN "ProcsChange dt=1 procs_value=1 stack=0\n" LATE(2, 1000) P(1, 2) START(1, 1) LATE(2, 9000) STOP FREQ(1),
         V23 M1 RUN "ProcsChange dt=1 procs_value=2 stack=0\n" LATE(2, 1000) P(1, 2) START(1, 1) LATE(2, 9000) STOP FREQ(1)),
    CASE(L7_STOP, IN1(RUN "@" STOP), IN1(RUN BLOCK STOP)),
    CASE(L8_SYSCALL_M, TWO(P(0, 1) G(1, 1, 3), P(0, 1) "@" G(1, 9, 3)), TWO(P(0, 1) G(1, 1, 3), P(0, 1) G(1, 1, 3))),
    CASE(L9_STEAL_M, V23 M1 P(0, 3) G(1, 1, 3) "GoDestroySyscall dt=1\n" LATE(2, 900) P(1, 1) "@" STEAL(0, 1, 7) FREQ(1),
         V23 M1 P(0, 3) G(1, 1, 3) "GoDestroySyscall dt=1\n" LATE(2, 900) P(1, 1) STEAL(0, 1, 1) FREQ(1)),
    CASE(L10_FREQUENCY, V23 M1 P(0, 1) TABLE(1) "Frequency freq=0\n", IN1(P(0, 1))),
    CASE(L10_GENERATION, V26 SYNC(1, 100) END SYNC(3, 200) END, V26 SYNC(1, 100) END SYNC(2, 200) END),
    CASE(L10_TRUNCATED, V26 SYNC(1, 100), V26 SYNC(1, 100) END),
    CASE(L11_SAMPLE, V23 TABLE(1) "CPUSamples\nCPUSample time=1 m=1 p=0 g=1 stack=9\n" FREQ(1),
         V23 TABLE(1) "CPUSamples\nCPUSample time=1 m=1 p=0 g=1 stack=0\n" FREQ(1)),
    CASE(L12_STW_OPEN, TWO(RUN STW(0), RUN STWEND), TWO(RUN STW(0) STWEND, RUN)),
    CASE(L13_STATUS_0, IN1("@" G(1, 1, 0)), IN1(G(1, 1, 1))),
    CASE(L13_STATUS_WIDE, IN1("@" G(1, 1, 257)), IN1(G(1, 1, 1))),
};

#define HEAD "go 1.23 trace\0\0\0"
#define FREQ_BYTES "\x01\x01\x00\x00\x05\x08\xa8\xd6\xb9\x07"
#define RAW(rule, broken, near) {GT_RULE_##rule, broken, sizeof(broken) - 1, near, sizeof(near) - 1}
#define FINE HEAD FREQ_BYTES

static const struct raw_case raw_cases[] = {
    RAW(F1_HEADER, "no trace at all, is it?", FINE),
    RAW(F1_VERSION, "go 1.24 trace\0\0\0" FREQ_BYTES, FINE),
    RAW(F1_V1, "go 1.21 trace\0\0\0", FINE),
    RAW(F2_NOT_A_BATCH, HEAD "\x02" FREQ_BYTES, FINE),
    RAW(F3_BATCH_HEADER, HEAD "\x01\x01\x80", FINE),
    RAW(F3_BATCH_SIZE, HEAD "\x01\x01\x00\x00\x81\x80\x04", FINE),
    RAW(F3_BATCH_SHORT, HEAD "\x01\x01\x00\x00\x05\x08\xa8", FINE),
    RAW(F5_END_IN_BATCH, HEAD "\x01\x01\x00\x00\x01\x34" FREQ_BYTES, FINE),
    RAW(T1_NOT_A_STRING, HEAD "\x01\x01\x00\x00\x02\x04\x06" FREQ_BYTES,
        HEAD "\x01\x01\x00\x00\x01\x04" FREQ_BYTES),
    RAW(T1_STRING_SIZE, HEAD "\x01\x01\x00\x00\x05\x04\x05\x01\x81\x08" FREQ_BYTES,
        HEAD "\x01\x01\x00\x00\x04\x04\x05\x01\x00" FREQ_BYTES),
    RAW(T1_STRING_SHORT, HEAD "\x01\x01\x00\x00\x05\x04\x05\x01\x02" "a" FREQ_BYTES,
        HEAD "\x01\x01\x00\x00\x05\x04\x05\x01\x01" "a" FREQ_BYTES),
    RAW(T2_NOT_A_STACK, HEAD "\x01\x01\x00\x00\x02\x02\x05" FREQ_BYTES,
        HEAD "\x01\x01\x00\x00\x04\x02\x03\x01\x00" FREQ_BYTES),
    RAW(T2_STACK_SIZE, HEAD "\x01\x01\x00\x00\x05\x02\x03\x01\x81\x01" FREQ_BYTES,
        HEAD "\x01\x01\x00\x00\x04\x02\x03\x01\x00" FREQ_BYTES),
    RAW(T2_FRAME, HEAD "\x01\x01\x00\x00\x05\x02\x03\x01\x01\x80" FREQ_BYTES,
        HEAD "\x01\x01\x00\x00\x08\x02\x03\x01\x01\x01\x00\x00\x01" FREQ_BYTES),
    RAW(T5_SYNC, HEAD "\x01\x01\x00\x00\x03\x08\x01\x09", FINE),
    RAW(T5_NOT_A_SAMPLE, HEAD "\x01\x01\x00\x00\x02\x06\x05" FREQ_BYTES,
        HEAD "\x01\x01\x00\x00\x01\x06" FREQ_BYTES),
    RAW(T_SHORT, HEAD "\x01\x01\x00\x00\x03\x04\x05\x80" FREQ_BYTES, FINE),
    RAW(T_OVERFLOW,
        HEAD "\x01\x01\x00\x00\x0c\x04\x05\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02" FREQ_BYTES,
        HEAD "\x01\x01\x00\x00\x0d\x04\x05\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00" FREQ_BYTES),
    RAW(L10_TORN_TABLE, HEAD "\x01\x01\x00\x00\x02\x04\x05" FREQ_BYTES, FINE),
    RAW(O2_TYPE, HEAD "\x01\x01\x01\x00\x01\xc8" FREQ_BYTES, HEAD "\x01\x01\x01\x00\x00" FREQ_BYTES),
    RAW(O2_UNTIMED, HEAD "\x01\x01\x01\x00\x01\x35" FREQ_BYTES, HEAD "\x01\x01\x01\x00\x00" FREQ_BYTES),
    RAW(O2_UNORDERED, HEAD "\x01\x01\x01\x00\x05\x33\x01\x01\x01\x01" FREQ_BYTES,
        HEAD "\x01\x01\x01\x00\x00" FREQ_BYTES),
    RAW(O3_DELTA, HEAD "\x01\x01\x01\x00\x02\x0d\x80" FREQ_BYTES,
        HEAD "\x01\x01\x01\x00\x05\x0d\x80\x00\x00\x02" FREQ_BYTES),
    RAW(O3_ARG, HEAD "\x01\x01\x01\x00\x04\x0d\x01\x00\x80" FREQ_BYTES,
        HEAD "\x01\x01\x01\x00\x05\x0d\x01\x00\x82\x00" FREQ_BYTES),
    RAW(L10_NEWER_EVENT, "go 1.22 trace\0\0\0" "\x01\x01\x01\x00\x06\x30\x01\x01\x01\x04\x00" FREQ_BYTES,
        HEAD "\x01\x01\x01\x00\x06\x30\x01\x01\x01\x04\x00" FREQ_BYTES),
};
