/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options that verbs share. `--name=value` or `--name value`; every error is one line
 * that says which option, what was given and what is allowed.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "gauntlet/runtime.h"

enum {
    GT_OPT_RUNTIME = 1u << 0,
    GT_OPT_SCHEDULER = 1u << 1,
    GT_OPT_TRACER = 1u << 2,
    GT_OPT_PROCS = 1u << 3,
    GT_OPT_BIND = 1u << 4,
    GT_OPT_DURATION = 1u << 5,
    GT_OPT_SEED = 1u << 6,
    GT_OPT_SYSCALLS = 1u << 7,
    GT_OPT_OUT = 1u << 8,
    GT_OPT_JSON = 1u << 9,
    GT_OPT_OPS = 1u << 10,
    GT_OPT_GS = 1u << 11,
    GT_OPT_MILLION = 1u << 12,
    GT_OPT_REPETITIONS = 1u << 13,
    GT_OPT_TRACE = 1u << 14,
    GT_OPT_GENERATION = 1u << 15,
    GT_OPT_HEADER = 1u << 16,
    GT_OPT_RULES = 1u << 17,
    GT_OPT_MAX_REPORT = 1u << 18,
    GT_OPT_OUT_FILE = 1u << 19, /* --out names a file; not with GT_OPT_OUT */
    GT_OPT_CHECK_OWNER = 1u << 20,
    GT_OPT_PROFILE = 1u << 21,
    GT_OPT_GC = 1u << 22, /* the collector's four */
    GT_OPT_FAULT = 1u << 23, /* --fault and --runs */
    GT_OPT_PERTURB = 1u << 24,
    GT_OPT_ORACLE = 1u << 25,
    GT_OPT_LEAN = 1u << 26,
    GT_OPT_BENCH = 1u << 27, /* --benchmark_*, and --bind as a list; not with GT_OPT_BIND */
    GT_OPT_PLAN = 1u << 28,
    GT_OPT_RESUME = 1u << 29,
    GT_OPT_PROGRAMS = 1u << 30, /* run's own: where its three programs are, its page and store */
};

#define GT_LIST_MAX 16
#define GT_FLAGS_MAX 32
struct gt_options {
    const struct gt_runtime_ops *runtime; /* the first of those given, or gmp */
    const struct gt_runtime_ops *runtimes[GT_LIST_MAX];
    const struct gt_scheduler_ops *schedulers[GT_LIST_MAX];
    const struct gt_tracer_ops *tracers[GT_LIST_MAX];
    enum gt_syscall_model syscalls[2];
    int32_t procs[GT_LIST_MAX];
    uint32_t n_runtimes, n_schedulers, n_tracers, n_syscalls, n_procs; /* 0: not given */
    enum gt_bind bind;
    enum gt_bind binds[4]; /* GT_OPT_BENCH */
    uint32_t n_binds;
    const char *flags[GT_FLAGS_MAX]; /* --benchmark_*, whole */
    int n_flags;
    struct gt_gc_options gc; /* 0: not given */
    int64_t duration_ns;  /* 0: not given */
    uint64_t seed;        /* drawn when not given */
    uint64_t ops;         /* 0: not given */
    uint32_t gs;          /* 0: not given */
    uint32_t repetitions; /* 0: not given */
    const char *out;      /* NULL: not given */
    const char *trace;    /* NULL: not given */
    const char *plan;     /* NULL: not given */
    const char *lean_program, *oracle_program, *faults_program; /* NULL: not given */
    const char *page, *store;                                   /* NULL: not given */
    bool no_report;
    int64_t generation_ns; /* 0 continuously, < 0: not given */
    uint32_t header;      /* 122, 123, 125, 126; 0: not given */
    uint32_t profile_hz;  /* 0: not given */
    uint64_t max_report;  /* UINT64_MAX: not given */
    const char *fault;    /* a name, "seeds" or "all"; NULL: not given */
    uint32_t runs;        /* of each fault; 0: not given */
    uint32_t perturb;
    uint32_t oracles;     /* bits; 0: not given */
    bool lean;
    bool bind_given, json, million, rules_go, check_owner, resume, seed_given, perturb_given;
    char **args; /* what is no option, in order; points into argv */
    int n_args;
};

/* `allowed`: GT_OPT_* bits. argv is reordered. 0, -EINVAL with one line in err, or -ENOTSUP with
 * one: what was asked for is known but not in this build. */
int gt_options_parse(struct gt_options *o, const char *verb, uint32_t allowed, int argc,
                     char **argv, char *err, size_t err_size);
/* The exit status that such an error means: usage, or the environment cannot. */
int gt_options_status(int rc);
/* One line for each allowed option. */
void gt_options_help(FILE *f, uint32_t allowed);

/* A number and a unit (ns, us, ms, s, m, h) to ns. 0, or -EINVAL with a line in err. */
int gt_parse_duration(const char *text, int64_t *ns, char *err, size_t err_size);
/* A number and a unit (B, KiB, MiB, GiB) to bytes, at least 1. 0, or -EINVAL with a line in err. */
int gt_parse_size(const char *text, uint64_t *bytes, char *err, size_t err_size);
/* Those options of the collector that were given, each with a blank before it. */
void gt_options_print_gc(FILE *f, const struct gt_gc_options *gc);
/* Decimal or 0x hexadecimal, lo..hi. 0 or -EINVAL, no message. */
int gt_parse_number(const char *text, uint64_t lo, uint64_t hi, uint64_t *out);
/* A plugin as one types it: its path where it was opened by one, else its name. */
const char *gt_plugin_typed(const struct gt_plugin_head *head);
const char *gt_syscalls_name(enum gt_syscall_model m);
