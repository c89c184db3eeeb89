/* SPDX-License-Identifier: Apache-2.0 */
/* The loads that several stress tests share. `param` and `what` are those of the crew's item. */
#pragma once
#include "common/crew.h"

/* ---- system calls (load_calls.c) -------------------------------------------------------------- */
extern const struct gt_load_kind gt_load_short_calls; /* getpid, at times several in a row */
/* Naps of 20 us to param us (200): long enough for the monitor to take the P. */
extern const struct gt_load_kind gt_load_naps;
/* Naps of 1 ms to param us (20000), over whole generations. */
extern const struct gt_load_kind gt_load_long_calls;
/* Short ones that give up the P at once, and come back without one. */
extern const struct gt_load_kind gt_load_blocking_calls;
/* A partner reads a pipe, blocked in the call; a byte comes every 0 to param us (500). */
extern const struct gt_load_kind gt_load_pipes;

/* ---- Gs among themselves (load_talk.c) ---------------------------------------------------------- */
extern const struct gt_load_kind gt_load_yields;
extern const struct gt_load_kind gt_load_locked_yields; /* the same, the G locked to its thread */
extern const struct gt_load_kind gt_load_talks;   /* question and answer over two channels */
/* Readies another, and works on for about as long as thieves leave that one alone. */
extern const struct gt_load_kind gt_load_handovers;
extern const struct gt_load_kind gt_load_selects; /* one receives from three with select */
extern const struct gt_load_kind gt_load_errands; /* spawns a G and waits for it */
extern const struct gt_load_kind gt_load_locks;   /* four Gs, one lock */
/* Computes for up to param us (5000), to be interrupted by a signal only. */
extern const struct gt_load_kind gt_load_spins;

/* ---- collected memory (load_memory.c) ------------------------------------------------------------ */
extern const struct gt_load_kind gt_load_garbage; /* small trees and blobs, looked at, dropped */
/* A list of param objects (50000), which a cycle can mark only one by one: it lasts. */
extern const struct gt_load_kind gt_load_lists;
extern const struct gt_load_kind gt_load_blocks;  /* blocks of param KiB (1024) */

/* ---- lists of Gs that become ready (load_inject.c) ------------------------------------------------ */
extern const struct gt_load_kind gt_load_sockets; /* 32 Gs wait for a socket each: all are fed at once */
extern const struct gt_load_kind gt_load_volleys; /* 32 Gs wake at every multiple of param us (500) */

/* ---- threads that the runtime did not make (load_foreign.c) --------------------------------------- */
extern const struct gt_load_kind gt_load_foreigners; /* a thread calls in up to param times (4), dies */

/* ---- who disturbs (load_disturb.c); a rest of 0 to param us (300) before each ----------------------- */
extern const struct gt_load_kind gt_load_looks;      /* stops the world: do all stand still? */
extern const struct gt_load_kind gt_load_cycles;     /* a cycle of the collector */
extern const struct gt_load_kind gt_load_same_procs; /* sets the number of Ps to what it is */
extern const struct gt_load_kind gt_load_churn;      /* sets it to 1 to 4 times the CPUs: one load at most */
extern const struct gt_load_kind gt_load_traces;     /* starts a trace, param is how long to keep it at most */

/* ---- all the rest ------------------------------------------------------------------------------- */
/* `what` is a workload, run again and again with param operations (its share). Not `timers` or
 * `profile`: those measure time. */
extern const struct gt_load_kind gt_load_workload;

/* Ps to churn up to: 4 times the CPUs. */
int32_t gt_churn_most(const struct gt_stress_params *p);
