/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs share: exit statuses, the verb table, asked-to-stop, where output goes. */
#pragma once
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum gt_exit {
    GT_EXIT_OK = 0,
    GT_EXIT_BAD = 1,          /* an inconsistency, a failed check */
    GT_EXIT_USAGE = 2,        /* unknown name, bad value */
    GT_EXIT_INCONCLUSIVE = 3, /* too little was seen */
    GT_EXIT_VOID = 4,         /* the machine cannot give what was asked for */
    GT_EXIT_BROKEN = 5,       /* infrastructure, or incomplete */
};
/* When several apply: 5, 4, 1, 3, 0. Usage (2) comes before anything ran and wins. */
enum gt_exit gt_exit_worse(enum gt_exit a, enum gt_exit b);

struct gt_verb {
    const char *name;
    const char *args;    /* "[WORKLOAD...]" */
    const char *summary; /* one line */
    const char *text;    /* the rest of `help VERB`, NULL none */
    uint32_t options;    /* GT_OPT_* it takes */
    bool script;         /* in Python: it has its own help */
    int (*run)(const struct gt_verb *v, int argc, char **argv);
};
extern const struct gt_verb gt_verb_list, gt_verb_stress, gt_verb_bench, gt_verb_check, gt_verb_text,
    gt_verb_run, gt_verb_plan, gt_verb_collect, gt_verb_export, gt_verb_compare, gt_verb_gate,
    gt_verb_noise, gt_verb_report;

/* One line on standard error: "gauntlet VERB: ...". */
__attribute__((format(printf, 2, 3))) void gt_say(const char *verb, const char *fmt, ...);

/* INT and TERM set the flag; the next one ends the process as usual. */
void gt_stop_install(void);
extern volatile sig_atomic_t gt_stop_asked;

/* The path of this program. false: it cannot be known, or is longer; then it is "". */
bool gt_self(char *path, size_t size);

/* Standard output could be written. false: says so. */
bool gt_stdout_ok(const char *verb);
/* Can files be put into DIR? Makes it. 0, or -errno after one line. */
int gt_save_possible(const char *verb, const char *dir);
/* Writes DIR/name as a whole or not at all; makes DIR. 0, or -errno after one line. */
int gt_save(const char *verb, const char *dir, const char *name, const void *data, size_t n);

/* ---- progress: a line on standard error, on a terminal only ------------ */
struct gt_progress {
    bool shown;
    int done, total;
    int64_t start, next; /* next: not before, of gt_progress_bytes */
};
void gt_progress_start(struct gt_progress *p, int total);
void gt_progress_step(struct gt_progress *p, const char *what); /* `what` begins */
/* Of one long job; total 0: unknown. Shown now and then. */
void gt_progress_bytes(struct gt_progress *p, uint64_t done, uint64_t total, const char *what);
/* What the step that goes on has come to. */
void gt_progress_beat(struct gt_progress *p, const char *what);
void gt_progress_end(struct gt_progress *p);
