/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Invariants:
 *   I1 Progress is what the runtime counts: transitions, switches, system calls. A round in
 *      which none of them grows for stuck_ns is stuck, whatever it waits for.
 *   I2 A round that has not ended long after it was told to is stuck too, though it moves.
 *   I3 The alarm of a round is the net below both: it needs no lock of the runtime, the watch
 *      does.
 * Signals: the handler calls what is safe in one only: open, read, write, the runtime's dump.
 */
#include "harness/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cell.h"
#include "common/child.h"
#include "common/foreign.h"
#include "gauntlet/scheduler.h"
#include "harness/outfile.h"

#define MS 1000000ll
#define S 1000000000ll
#define LOOK_MS 5
#define STUCK_NS (GT_TSAN || GT_ASAN ? 120 * S : 15 * S)

struct gt_watch {
    struct gt_cell_life *life;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct gt_alarm *alarm;
    int64_t stuck_ns;
    /* Guarded by: lock */
    bool stop, in_round;
    uint64_t round;       /* its number: what was seen in one says nothing of the next */
    int64_t end;          /* of the round */
    uint64_t transitions; /* at its begin */
    uint64_t most;
    uint64_t progress;
    int64_t moved; /* when progress last grew */
};

/* Of the cell that runs: what the handler may touch. */
static struct gt_watch *watched;
static char bail_text[300], last_path[GT_LAST_TRACES + 1][300];
static struct sigaction before[NSIG];

/* ---- the end of a process that goes no further -------------------------- */
static void copy_out(int from, const char *path)
{
    char buf[4096];
    int to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    ssize_t n;
    for (off_t at = 0; to >= 0 && (n = pread(from, buf, sizeof buf, at)) > 0; at += n)
        if (gt_write_all(to, buf, (size_t)n) != 0)
            break;
    if (to >= 0)
        close(to);
}

static void leave_traces(struct gt_stress *s)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < GT_ROUND_TRACES && n < GT_LAST_TRACES; i++) {
        const struct gt_round_trace *t = &s->traces[i];
        if (t->started && t->fd >= 0 && t->order != 0)
            copy_out(t->fd, last_path[++n]);
    }
}

static void say(int fd, const char *text)
{
    if (fd >= 0)
        (void)gt_write_all(fd, text, strlen(text));
}

/* For who asked: the process may end before it has come to the rest. */
static void note_words(const struct gt_stress_cell *c, uint32_t far)
{
    if (c->words)
        gt_store_relaxed(c->words, far);
}

/* Any thread, a handler too. what: "signal 11" or "no progress for 15 s". */
static void last_words(const char *what)
{
    struct gt_watch *w = watched;
    if (!w)
        return;
    watched = NULL; /* one crash is enough */
    const struct gt_cell_life *l = w->life;
    int out[2] = {l->cell->bail_fd, l->cell->quiet ? -1 : 2};
    for (int i = 0; i < 2; i++) {
        say(out[i], i == 0 ? "Bail out! " : "");
        say(out[i], what);
        say(out[i], bail_text);
    }
    note_words(l->cell, GT_WORDS_SAID);
    if (!l->rt)
        return;
    if (!l->cell->quiet)
        l->cell->ops->dump(l->rt, 2);
    int fd = open(last_path[0], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    say(fd, what);
    say(fd, bail_text);
    if (fd >= 0) {
        note_words(l->cell, GT_WORDS_DUMPED);
        l->cell->ops->dump(l->rt, fd);
        close(fd);
    }
    leave_traces(l->round);
}

static void hang(const char *what)
{
    last_words(what);
    _exit(GT_CELL_LATE);
}

static void too_late(void *arg)
{
    (void)arg;
    hang("no end within its time");
}

/* ---- crash -------------------------------------------------------------- */
static const int crashes[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
#define N_CRASHES (sizeof crashes / sizeof crashes[0])

static void on_crash(int signo)
{
    char what[] = "signal 00";
    int saved = errno;
    what[7] = (char)('0' + signo / 10);
    what[8] = (char)('0' + signo % 10);
    last_words(what);
    errno = saved;
    sigaction(signo, &before[signo], NULL); /* and again, the usual way */
    raise(signo);
}

static void install_crash_handlers(void)
{
    struct sigaction sa = {.sa_handler = on_crash, .sa_flags = SA_ONSTACK | SA_NODEFER};
    sigemptyset(&sa.sa_mask);
    for (size_t i = 0; i < N_CRASHES && !GT_ASAN && !GT_TSAN; i++)
        sigaction(crashes[i], &sa, &before[crashes[i]]);
}

static void remove_crash_handlers(void)
{
    for (size_t i = 0; i < N_CRASHES && !GT_ASAN && !GT_TSAN; i++)
        sigaction(crashes[i], &before[crashes[i]], NULL);
}

/* ---- looking ------------------------------------------------------------ */
/* Lock held. What is wrong with the round, NULL: nothing. */
static const char *look(struct gt_watch *w, const struct gt_runtime_stats *s)
{
    int64_t now = gt_child_clock();
    uint64_t sum = s->transitions + s->switches + s->syscalls + s->readies + s->timers_run;
    if (!w->in_round)
        return NULL;
    if (now >= w->end || s->transitions - w->transitions >= w->most)
        gt_round_end(w->life->round);
    if (sum != w->progress) {
        w->progress = sum;
        w->moved = now;
    }
    if (now - w->moved > w->stuck_ns)
        return "no progress"; /* I1 */
    if (now - w->end > 4 * w->stuck_ns)
        return "no end of the round"; /* I2 */
    return NULL;
}

static void look_after(struct gt_watch *w)
{
    struct gt_runtime_stats s;
    const struct gt_cell_life *l = w->life;
    uint64_t round = w->round;
    pthread_mutex_unlock(&w->lock); /* stats waits for a lock of the runtime's */
    l->cell->ops->stats(l->rt, &s);
    pthread_mutex_lock(&w->lock);
    const char *wrong = w->round == round ? look(w, &s) : NULL;
    if (wrong)
        hang(wrong);
}

static void *watch_main(void *arg)
{
    struct gt_watch *w = arg;
    struct timespec t;
    pthread_mutex_lock(&w->lock);
    while (!w->stop) {
        if (!w->in_round) {
            pthread_cond_wait(&w->changed, &w->lock);
            continue;
        }
        clock_gettime(CLOCK_MONOTONIC, &t);
        t.tv_nsec += LOOK_MS * MS;
        if (t.tv_nsec >= S) {
            t.tv_nsec -= S;
            t.tv_sec++;
        }
        pthread_cond_timedwait(&w->changed, &w->lock, &t);
        if (w->in_round && !w->stop)
            look_after(w);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

/* ---- life ---------------------------------------------------------------- */
static void compose(const struct gt_cell_life *l)
{
    const struct gt_stress_cell *c = l->cell;
    for (int i = 0; i <= GT_LAST_TRACES; i++)
        gt_cell_last_path(c, i, last_path[i], sizeof last_path[i]);
    snprintf(bail_text, sizeof bail_text, ": %.40s, scheduler %.40s, tracer %.40s, seed %llu\n",
             c->test->head.name, c->config.scheduler->head.name, c->config.tracer->head.name,
             (unsigned long long)c->config.seed);
}

static void init_sync(struct gt_watch *w)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&w->changed, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&w->lock, NULL);
}

struct gt_watch *gt_watch_start(struct gt_cell_life *l)
{
    struct gt_watch *w = calloc(1, sizeof *w);
    if (!w)
        return NULL;
    w->life = l;
    w->stuck_ns = l->cell->stuck_ns ? l->cell->stuck_ns : STUCK_NS;
    init_sync(w);
    compose(l);
    if (pthread_create(&w->thread, NULL, watch_main, w) != 0) {
        free(w);
        return NULL;
    }
    watched = w;
    install_crash_handlers();
    return w;
}

void gt_watch_round(struct gt_watch *w, int64_t ns, uint64_t most_transitions)
{
    w->alarm = gt_alarm_start(ns + 5 * w->stuck_ns, too_late, w); /* I3 */
    pthread_mutex_lock(&w->lock);
    w->in_round = true;
    w->round++;
    w->moved = gt_child_clock();
    w->end = w->moved + ns;
    w->transitions = w->life->before.transitions;
    w->most = most_transitions;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

void gt_watch_rest(struct gt_watch *w)
{
    pthread_mutex_lock(&w->lock);
    w->in_round = false;
    pthread_mutex_unlock(&w->lock);
    gt_alarm_stop(w->alarm);
    w->alarm = NULL;
}

void gt_watch_stop(struct gt_watch *w)
{
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    remove_crash_handlers();
    watched = NULL;
    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->lock);
    free(w);
}
