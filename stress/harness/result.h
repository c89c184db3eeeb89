/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a cell is, and what it came to: plain data that a child process sends to its parent.
 *
 * Thread-safety: none.
 */
#pragma once
#include "gauntlet/atomic.h"
#include "gauntlet/runtime.h"
#include "stress.h"

/* Who can say "inconsistent". `test`: the test's own checks, which are always on. */
enum gt_oracle {
    GT_ORACLE_ORDER = 0,
    GT_ORACLE_TRUTH,
    GT_ORACLE_OWNERSHIP,
    GT_ORACLE_LOCKS,
    GT_ORACLE_LIVENESS,
    GT_ORACLE_CONSERVATION,
    GT_ORACLE_TEST,
    GT_ORACLES
};
#define GT_ORACLES_ALL ((1u << GT_ORACLES) - 1u)
const char *gt_oracle_name(enum gt_oracle o);
/* "order,truth" to bits, that of `test` always. 0, or -EINVAL with a line that lists them. */
int gt_oracles_parse(const char *text, uint32_t *bits, char *err, size_t size);

enum gt_stress_verdict {
    GT_STRESS_OK = 0,
    GT_STRESS_INCONSISTENT,
    GT_STRESS_INCONCLUSIVE, /* too little was seen: windows, or a planted fault */
    GT_STRESS_SKIPPED,
    GT_STRESS_FAILED, /* it broke off by itself: a crash, an error of the run */
    GT_STRESS_VOID,   /* the machine or the build cannot give what was asked for */
    GT_STRESS_INCOMPLETE,
};
const char *gt_stress_verdict_name(enum gt_stress_verdict v);

/* Length of generations, beside times in ns. */
enum { GT_GENERATION_CONTINUOUS = 0, GT_GENERATION_MIXED = -1 /* drawn for each round */ };

struct gt_stress_cell {
    const struct gt_stress_ops *test;
    const struct gt_runtime_ops *ops;
    struct gt_config config; /* its seed too */
    int64_t duration_ns;     /* the rounds go on for so long; at least one */
    int64_t round_ns;        /* of one; 0: as the duration suggests */
    int64_t stuck_ns;        /* no progress for so long is a failure; 0: default */
    int64_t generation_ns;
    uint32_t header, profile_hz;
    uint32_t oracles;        /* bits */
    const char *trace;       /* keep a trace there, NULL: only of a failure */
    const char *out;         /* folder for files, NULL: the temporary one */
    const char *replay;      /* the command that repeats it but for --seed */
    uint32_t number;         /* of the run's cells, for the names of files */
    bool quiet;              /* dumps go to files only */
    int bail_fd;             /* where "Bail out!" is written, -1: nowhere */
    int owner;               /* process id of who asked, in the names of temporary files */
    gt_a32 *words;           /* how far its last words came: shared with its process; NULL: nobody asks */
};

enum {
    GT_WORDS_SAID = 1,   /* "Bail out!", where there is a bail_fd */
    GT_WORDS_DUMPED = 2, /* the dump was begun */
};

#define GT_STRESS_CLASSES 96
#define GT_STRESS_FINDINGS 4
#define GT_STRESS_FILES 6
struct gt_stress_class {
    char name[56]; /* "order/failed-to-advance" */
    uint64_t n;
};

/* What was seen first: "" nothing yet. */
struct gt_stress_sight {
    char name[56]; /* as a class's */
    int64_t ns;    /* since the cell began */
    uint64_t events;
    uint64_t window; /* how often its round had entered the windows that the fault needs, the least
                        of them; UINT64_MAX: none is needed, or it is not known (a void round, none).
                        Of `due` alone */
};

struct gt_stress_result {
    enum gt_stress_verdict verdict;
    char why[240];
    uint64_t seed; /* of the round that failed; of the first when none did */
    uint64_t rounds, void_rounds; /* void: the journal was too small */
    uint32_t blind; /* bits of the oracles that were asked for and had nothing to look at */
    bool whole; /* the cell came to its end, and this is its last record */
    int64_t ns;
    int64_t judging_ns; /* of it: comparing */
    uint64_t events; /* as order counts them; where it does not look, as the tracer does */
    uint64_t generations, transitions, traces, trace_bytes;
    uint64_t inconsistencies;
    struct gt_stress_class classes[GT_STRESS_CLASSES];
    uint32_t n_classes;
    uint64_t windows[GT_WINDOWS];
    uint64_t violations, switches, retaken, preempted, world_stops, procs_changes, callbacks,
        injected;
    int64_t stop_ns_max;
    /* The first inconsistency; of a planted fault also the first by the oracle and class that
     * must see it (faults.def). */
    struct gt_stress_sight first, due;
    char findings[GT_STRESS_FINDINGS][400];
    uint32_t n_findings;
    char says[8][96];
    uint32_t n_says;
    char files[GT_STRESS_FILES][256]; /* the first that are left */
    uint32_t n_files;
};

/* n more of a class. Past the last slot they are counted in the sum only. */
void gt_result_count(struct gt_stress_result *r, enum gt_oracle o, const char *cls, uint64_t n);
/* The verdict gets worse, never better; the first reason of the worst stands. */
__attribute__((format(printf, 3, 4))) void gt_result_say(struct gt_stress_result *r,
                                                         enum gt_stress_verdict v,
                                                         const char *fmt, ...);
__attribute__((format(printf, 2, 3))) void gt_result_finding(struct gt_stress_result *r,
                                                             const char *fmt, ...);
/* Which file is left behind, for the report. */
void gt_result_file(struct gt_stress_result *r, const char *path);
