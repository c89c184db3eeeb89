/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A workload: a program on the runtime API that checks its own result.
 */
#pragma once
#include "gauntlet/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

struct gt_workload_params {
    const struct gt_runtime_ops *ops;
    struct gt_runtime *rt;
    uint64_t n;     /* operations wanted, at least; what one is, `unit` says */
    uint32_t gs;    /* Gs at most (0: the workload's choice), for sanitizers */
    int32_t procs;  /* as the runtime was made */
    uint64_t seed;  /* of every random choice; same seed, same choices */
    uint32_t param; /* a workload's own knob, 0 default */
};

struct gt_workload_result {
    uint64_t ops;      /* operations done, of `unit` */
    int64_t ns;        /* time of the measured part, set by the workload */
    bool ok;           /* its own check */
    char why[160];     /* what was wrong */
    double extra[4];   /* named by extra_name */
    const char *extra_name[4];
};

struct gt_workload_ops {
    struct gt_plugin_head head; /* GT_MAGIC_WORKLOAD */
    const char *unit;           /* what one operation is: "spawn+join" */
    const char *checks;         /* what it checks about its own result */
    uint64_t needs;             /* GT_RT_* flags of the runtime */
    uint64_t quick_n;           /* operations for a quick run */
    int32_t min_procs;          /* 0: any */
    int32_t op_ns;              /* CPU time that an operation is by definition; 0: as it goes */
    /* Runs on the first G. May leave nothing running. Return: 0 or negative errno;
     * a wrong result is not an errno but result->ok == false. */
    int (*run)(const struct gt_workload_params *p, struct gt_workload_result *r);
};

/* ---- a peer in another process (GT_RT_SUBPROCESS): one cell ----
 * When: op run_cell of gt_runtime_ops, and nothing else of such a peer. Context: a plain thread
 * that no runtime owns, one call at a time in a process; blocks until the peer has answered.
 * Owns: the caller both structs; the peer's process ends with the caller's at the latest.
 * Return: 0, result->result.ok says whether the peer's own check held; -ENOTSUP, this workload
 * or param is not the peer's; -ENOENT, the peer is not there; -ETIMEDOUT; -EINTR, a signal
 * came; another negative errno. Where it is not 0, result.why says what is wrong. */
struct gt_cell_spec {
    const char *workload; /* shown name, as in workloads.def */
    uint64_t n;           /* operations wanted, at least */
    uint32_t gs, param;   /* as in gt_workload_params */
    int32_t procs;
    enum gt_bind bind;
    uint64_t seed;
    bool tracing;       /* with the peer's own tracer */
    int64_t timeout_ns; /* for the whole cell, warm-up included; 0: a minute */
};

struct gt_cell_result {
    struct gt_workload_result result; /* extra_name: strings of static life */
    uint64_t events, trace_bytes;     /* of its own tracer; 0: off */
    char version[64];                 /* of the peer, "go1.26.8" */
};

/* Fails the result unless cond; keeps the first reason. */
#define gt_workload_check(r, cond, ...)                                                            \
    do {                                                                                           \
        if (!(cond) && (r)->ok) {                                                                  \
            (r)->ok = false;                                                                       \
            snprintf((r)->why, sizeof (r)->why, __VA_ARGS__);                                      \
        }                                                                                          \
    } while (0)

#ifdef __cplusplus
}
#endif
