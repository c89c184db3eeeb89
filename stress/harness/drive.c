/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/drive.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/child.h"
#include "harness/cell.h"
#include "harness/outfile.h"
#include "harness/seer.h"

#define S 1000000000ll
#define SLACK_NS (GT_TSAN || GT_ASAN ? 1800 * S : 200 * S) /* for comparing, and for dumps */

/* ---- in the child ------------------------------------------------------ */
static int report_fd;

static void tell(void *arg, const struct gt_stress_result *r)
{
    (void)arg;
    (void)gt_child_send(report_fd, r, sizeof *r);
}

static void child_main(int fd, void *arg)
{
    static struct gt_stress_result r; /* large */
    const struct gt_stress_cell *c = arg;
    (void)signal(SIGPIPE, SIG_IGN);
    if (c->quiet && !freopen("/dev/null", "w", stderr))
        _exit(1);
    report_fd = fd;
    gt_stress_cell_run(c, &r, tell, NULL);
    r.whole = true;
    tell(NULL, &r);
}

/* ---- how it ended ------------------------------------------------------ */
static bool is_crash(int signo)
{
    return signo == SIGSEGV || signo == SIGBUS || signo == SIGABRT || signo == SIGFPE ||
           signo == SIGILL;
}

/* What the child's last words left. */
static void list_files(const struct gt_stress_cell *c, struct gt_stress_result *r)
{
    char path[300];
    for (int i = 0; i <= GT_LAST_TRACES; i++) {
        gt_cell_last_path(c, i, path, sizeof path);
        if (access(path, R_OK) == 0)
            gt_result_file(r, path);
    }
}

static bool spoke(const struct gt_stress_cell *c, uint32_t far)
{
    return gt_load_relaxed(c->words) >= far;
}

/* What its process came to, of which no round was compared. */
static void lost_life(const struct gt_stress_cell *c, struct gt_stress_result *r, const char *cls,
                      enum gt_stress_verdict v, const char *why)
{
    const struct gt_fault_info *hunted = gt_fault_hunted(c);
    bool first = r->inconsistencies == 0, others = hunted && !r->due.name[0];
    if (c->oracles >> GT_ORACLE_LIVENESS & 1u)
        gt_result_count(r, GT_ORACLE_LIVENESS, cls, 1);
    if (first) {
        r->first.ns = r->ns;
        r->first.events = r->events;
    }
    gt_fault_note(hunted, r, r->ns, NULL);
    gt_result_say(r, v, "%s", why);
    if (others)
        gt_cell_forget_files(c, r, !spoke(c, GT_WORDS_DUMPED)); /* of an earlier round */
}

static void judge_end(const struct gt_stress_cell *c, struct gt_stress_result *r,
                      struct gt_child_end end, bool *bailed)
{
    char why[160];
    gt_child_describe(end, why, sizeof why);
    bool crash = end.how == GT_CHILD_KILLED && is_crash(end.code);
    bool late = end.how == GT_CHILD_TIMED_OUT;
    if (crash)
        lost_life(c, r, "crash", GT_STRESS_FAILED, why);
    else if (late)
        lost_life(c, r, "no-progress", GT_STRESS_INCONSISTENT, why);
    else if (end.how == GT_CHILD_KILLED || c->config.fault) /* an exit status shows no fault */
        gt_result_say(r, GT_STRESS_INCOMPLETE, "%s", why);
    else
        lost_life(c, r, "exit", GT_STRESS_FAILED, why); /* a sanitizer's report, mostly */
    if (spoke(c, GT_WORDS_DUMPED))
        list_files(c, r);
    *bailed = c->bail_fd >= 0 && (crash || late || spoke(c, GT_WORDS_SAID));
    if (*bailed && !spoke(c, GT_WORDS_SAID)) { /* it had no handler, or no time for it */
        (void)gt_write_all(c->bail_fd, "Bail out! ", 10);
        (void)gt_write_all(c->bail_fd, why, strlen(why));
        (void)gt_write_all(c->bail_fd, "\n", 1);
    }
}

/* ---- the parent -------------------------------------------------------- */
/* Reads until the child has closed its end. 0, -EINTR, -ETIMEDOUT. */
static int listen_to(struct gt_child *child, const struct gt_stress_cell *c,
                     const struct gt_drive *d, struct gt_stress_result *r, int64_t deadline)
{
    static struct gt_stress_result next; /* a record that breaks off is none */
    for (;;) {
        int rc = gt_child_read(child, &next, sizeof next, deadline, d->stop);
        if (rc != 1)
            return rc;
        *r = next;
        if (d->beat)
            d->beat(d->arg, c, r);
    }
}

/* In a child process. 0, -EINTR. */
static int drive_child(struct gt_stress_cell *c, const struct gt_drive *d, struct gt_stress_result *r,
                       bool *bailed)
{
    struct gt_child child;
    int64_t start = gt_child_clock(), deadline = start + c->duration_ns + SLACK_NS;
    int rc = gt_child_start(&child, child_main, c);
    if (rc != 0) {
        gt_result_say(r, GT_STRESS_INCOMPLETE, "no child process: %s", strerror(-rc));
        return 0;
    }
    rc = listen_to(&child, c, d, r, deadline);
    struct gt_child_end end = gt_child_finish(&child, rc == -EINTR ? 0 : deadline);
    if (!r->whole && r->n_files == 0) /* it was at them when it ended */
        gt_cell_forget_files(c, r, !spoke(c, GT_WORDS_DUMPED));
    if (rc == -EINTR || (end.how == GT_CHILD_KILLED && d->stop && *d->stop)) {
        gt_result_say(r, GT_STRESS_INCOMPLETE, "interrupted");
        return -EINTR;
    }
    r->ns = end.how == GT_CHILD_EXITED && end.code == 0 ? r->ns : gt_child_clock() - start;
    if (end.how != GT_CHILD_EXITED || end.code != 0)
        judge_end(c, r, end, bailed);
    else if (!r->whole)
        gt_result_say(r, GT_STRESS_INCOMPLETE, "the process ended before its cell did");
    else if (r->rounds == 0 && r->verdict == GT_STRESS_OK)
        gt_result_say(r, GT_STRESS_INCOMPLETE, "no round was run");
    gt_fault_judge(c, r);
    return 0;
}

int gt_stress_drive(struct gt_stress_cell *c, const struct gt_drive *d, struct gt_stress_result *r,
                    bool *bailed)
{
    memset(r, 0, sizeof *r);
    r->seed = c->config.seed;
    c->owner = (int)getpid();
    *bailed = false;
    c->words = mmap(NULL, sizeof *c->words, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (c->words == MAP_FAILED) {
        c->words = NULL;
        gt_result_say(r, GT_STRESS_INCOMPLETE, "no memory for a cell");
        return 0;
    }
    gt_cell_forget_files(c, r, true); /* of a run that had the same folder */
    int rc = drive_child(c, d, r, bailed);
    munmap(c->words, sizeof *c->words);
    c->words = NULL;
    return rc;
}
