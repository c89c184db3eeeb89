/* SPDX-License-Identifier: Apache-2.0 */
/* GT_PEER: program=go package=golang-go */
/*
 * go: the same workloads as a Go program (runtimes/peers/go/), in a process of its own.
 *
 * One child serves all cells of one setting, that is procs and binding, and stays until another
 * setting is asked for: Go's first rounds are slow, so a fresh process for each sample would
 * measure the warming up, or would have to warm up for longer than it measures. The child is
 * bound before it becomes Go: to the CPUs on which the Ps of gmp would be, one each for `pu`.
 * Go cannot bind its threads one by one; the set of CPUs is the same.
 *
 * Invariants:
 *   I1 There is at most one child, of the process that started it: after a fork the copy only
 *      forgets it. It is killed when the thread that started it ends (PR_SET_PDEATHSIG), and
 *      ends by itself when nobody can ask it any more.
 *   I2 A child that did not answer a request to the end is killed and waited for before
 *      run_cell returns. So there is no zombie, no descriptor is left, and the next call starts
 *      a new child.
 * Progress: run_cell returns when its time is over, or a signal has come, at the latest.
 */
#include <errno.h>
#include <fcntl.h>
#include <hwloc.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/topology.h"
#include "gauntlet/workload.h"
#include "port/port.h"

enum { LINE_MOST = 512, PATH_MOST = 4096, KEPT = 200 };
#define DEFAULT_TIMEOUT_NS (60 * GT_NS_PER_S)

/* ---- the child ----------------------------------------------------------------------------- */
struct lines { /* what comes out of one pipe, line by line */
    int fd;
    size_t n;
    char buf[LINE_MOST];
};

struct go_child {
    pid_t pid;    /* 0: none */
    pid_t owner;  /* I1 */
    int32_t procs;
    enum gt_bind bind;
    int in; /* its standard input */
    struct lines out, err;
    char said[KEPT]; /* what it said first on standard error: Go's reason comes before its stacks */
};
/* One call at a time (workload.h), and no op of a peer makes or ends one: so it stands here. */
static struct go_child go_child;

GT_PRINTF(2, 3) static void set_why(struct gt_cell_result *r, const char *fmt, ...)
{
    va_list ap;
    r->result.ok = false;
    va_start(ap, fmt);
    vsnprintf(r->result.why, sizeof r->result.why, fmt, ap);
    va_end(ap);
}

static void close_pipes(struct go_child *c)
{
    int *all[] = {&c->in, &c->out.fd, &c->err.fd};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (*all[i] >= 0)
            close(*all[i]);
        *all[i] = -1;
    }
}

/* I2. What it died of, or that we ended it, goes to why; NULL: nobody asks. */
static void end_child(struct go_child *c, struct gt_cell_result *r)
{
    int status = 0;
    kill(c->pid, SIGKILL);
    while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
        ;
    close_pipes(c);
    c->pid = 0;
    if (!r)
        return;
    char how[64];
    if (WIFEXITED(status))
        snprintf(how, sizeof how, "exit status %d", WEXITSTATUS(status));
    else
        snprintf(how, sizeof how, "signal %d", WTERMSIG(status));
    set_why(r, "the Go peer ended (%s)%s%s", how, c->said[0] ? ": " : "", c->said);
}

/* ---- starting it --------------------------------------------------------------------------- */
/* The program: $GAUNTLET_GO_PEER, else in the build folder or where it is installed, both seen
 * from this program. false: it is not there, and path says what to do. */
static bool find_program(char path[PATH_MOST])
{
    static const char *const places[] = {"peers", "../peers", "../libexec/gauntlet/peers", "../../libexec/gauntlet/peers"};
    const char *named = getenv("GAUNTLET_GO_PEER");
    if (named && named[0]) {
        snprintf(path, PATH_MOST, "%s", named);
        if (access(path, X_OK) == 0)
            return true;
        snprintf(path, PATH_MOST, "GAUNTLET_GO_PEER=%.200s: %s: name the program go-peer", named,
                 strerror(errno));
        return false;
    }
    if (gt_beside_program(places, sizeof places / sizeof *places, "go-peer", true, path, PATH_MOST))
        return true;
    snprintf(path, PATH_MOST,
             "the program go-peer is not beside this one: build it with Go on PATH, or set GAUNTLET_GO_PEER");
    return false;
}

static int add_cpus(const struct gt_place *p, cpu_set_t *set, char *err, size_t n)
{
    for (int i = hwloc_bitmap_first(p->cpuset); i >= 0; i = hwloc_bitmap_next(p->cpuset, i)) {
        if (i >= CPU_SETSIZE) {
            snprintf(err, n, "CPU %d: more than %d are not supported: use --bind=none", i, CPU_SETSIZE);
            return -ENOTSUP;
        }
        CPU_SET((size_t)i, set);
    }
    return 0;
}

/* The CPUs of the first `procs` places, as gmp has them. false in *bound: any CPU. */
static int choose_cpus(const struct gt_cell_spec *s, cpu_set_t *set, bool *bound, char *err, size_t n)
{
    struct gt_topo *t = NULL;
    struct gt_place *places = NULL;
    *bound = s->bind != GT_BIND_NONE;
    if (!*bound)
        return 0;
    int rc = gt_topo_create(NULL, &t, err, n);
    if (rc == 0 && !gt_topo_native(t)) {
        snprintf(err, n, "threads cannot be bound here: use --bind=none");
        rc = -ENOTSUP;
    }
    if (rc == 0 && !(places = calloc((size_t)s->procs, sizeof *places)))
        rc = -ENOMEM;
    if (rc == 0)
        rc = gt_topo_place(t, s->procs, s->bind, places, err, n);
    CPU_ZERO(set);
    for (int32_t i = 0; rc == 0 && i < s->procs; i++)
        rc = add_cpus(&places[i], set, err, n);
    free(places);
    gt_topo_destroy(t);
    return rc;
}

/* Settings of the user's that would change what is measured, and ours instead. Go 1.19's language
 * is asked for in go.mod, which must not bring that release's timers with it. */
static char **make_environment(char procs[32])
{
    static const char timers[] = "GODEBUG=asynctimerchan=0";
    static const char *const drop[] = {"GOMAXPROCS=", "GODEBUG=", "GOGC=", "GOMEMLIMIT=", "GOTRACEBACK="};
    size_t n = 0, kept = 0;
    while (environ[n])
        n++;
    char **all = calloc(n + 3, sizeof *all);
    for (size_t i = 0; all && i < n; i++) {
        bool ours = false;
        for (size_t k = 0; k < sizeof drop / sizeof *drop; k++)
            ours |= strncmp(environ[i], drop[k], strlen(drop[k])) == 0;
        if (!ours)
            all[kept++] = environ[i];
    }
    if (all) {
        all[kept++] = procs;
        all[kept] = (char *)(uintptr_t)timers;
    }
    return all;
}

struct launch {
    const char *path;
    char **environment;
    const cpu_set_t *cpus; /* NULL: as they are */
    pid_t parent;
    int fds[3]; /* becomes 0, 1, 2 */
};

static void GT_NORETURN fail_in_child(const char *what)
{
    dprintf(2, "%s: %s\n", what, strerror(errno));
    _exit(127);
}

/* Between fork and exec: async-signal-safe calls only, but for a line when all is over. */
static void GT_NORETURN become_go(const struct launch *l)
{
    sigset_t none;
    sigemptyset(&none);
    for (int i = 0; i < 3; i++)
        if (dup2(l->fds[i], i) < 0)
            _exit(127);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        fail_in_child("PR_SET_PDEATHSIG");
    if (getppid() != l->parent)
        _exit(127); /* it is gone already */
    if (l->cpus && sched_setaffinity(0, sizeof *l->cpus, l->cpus) != 0)
        fail_in_child("sched_setaffinity");
    sigprocmask(SIG_SETMASK, &none, NULL);
    char *const argv[] = {(char *)(uintptr_t)l->path, NULL};
    execve(l->path, argv, l->environment);
    fail_in_child(l->path);
}

/* Pipes for 0, 1, 2 of the child: theirs[i] is its end. None of theirs below 3, so that each dup2 makes a copy. */
static int open_pipes(int ours[3], int theirs[3])
{
    for (int i = 0; i < 3; i++) {
        int both[2];
        if (pipe2(both, O_CLOEXEC) != 0)
            return -errno;
        ours[i] = both[i == 0];
        theirs[i] = both[i != 0];
        if (theirs[i] < 3) {
            int up = fcntl(theirs[i], F_DUPFD_CLOEXEC, 3);
            int rc = up < 0 ? -errno : 0;
            close(theirs[i]);
            theirs[i] = up;
            if (rc != 0)
                return rc;
        }
    }
    return 0;
}

static int fork_go(struct go_child *c, struct launch *l)
{
    int ours[3] = {-1, -1, -1};
    for (int i = 0; i < 3; i++)
        l->fds[i] = -1;
    int rc = open_pipes(ours, l->fds);
    c->pid = rc == 0 ? fork() : 0;
    if (rc == 0 && c->pid == 0)
        become_go(l);
    if (rc == 0 && c->pid < 0)
        rc = -errno;
    for (int i = 0; i < 3; i++)
        if (l->fds[i] >= 0)
            close(l->fds[i]);
    c->in = ours[0];
    c->out = (struct lines){.fd = ours[1]};
    c->err = (struct lines){.fd = ours[2]};
    if (rc != 0) {
        c->pid = 0;
        close_pipes(c);
    }
    return rc;
}

static int start_child(struct go_child *c, const struct gt_cell_spec *s, struct gt_cell_result *r)
{
    char path[PATH_MOST], err[160] = "", procs[32];
    cpu_set_t set;
    bool bound;
    if (!find_program(path)) {
        set_why(r, "%s", path);
        return -ENOENT;
    }
    int rc = choose_cpus(s, &set, &bound, err, sizeof err);
    if (rc != 0) {
        set_why(r, "%s", err[0] ? err : strerror(-rc));
        return rc;
    }
    snprintf(procs, sizeof procs, "GOMAXPROCS=%d", s->procs);
    struct launch l = {path, make_environment(procs), bound ? &set : NULL, getpid(), {-1, -1, -1}};
    *c = (struct go_child){.owner = getpid(), .procs = s->procs, .bind = s->bind};
    rc = l.environment ? fork_go(c, &l) : -ENOMEM;
    free(l.environment);
    if (rc != 0)
        set_why(r, "%s cannot be started: %s", path, strerror(-rc));
    return rc;
}

/* A child of this setting that runs. A copy of us made by fork forgets the child of its parent. */
static int have_child(struct go_child *c, const struct gt_cell_spec *s, struct gt_cell_result *r)
{
    if (c->pid != 0 && c->owner != getpid()) {
        close_pipes(c);
        c->pid = 0;
    }
    if (c->pid != 0 && (c->procs != s->procs || c->bind != s->bind))
        end_child(c, NULL);
    if (c->pid != 0 && waitpid(c->pid, NULL, WNOHANG) != 0) { /* killed while it was idle */
        close_pipes(c);
        c->pid = 0;
    }
    return c->pid != 0 ? 0 : start_child(c, s, r);
}

/* ---- talking to it ------------------------------------------------------------------------- */
/* All of a request, which a pipe takes at once unless the child is gone. */
static int send_request(struct go_child *c, const struct gt_cell_spec *s)
{
    const char *file = getenv("GAUNTLET_GO_TRACE");
    char line[LINE_MOST + PATH_MOST];
    int n = snprintf(line, sizeof line,
                     "cell workload=%s n=%llu gs=%u param=%u procs=%d seed=%llu tracing=%d%s%s\n",
                     s->workload, (unsigned long long)s->n, s->gs, s->param, s->procs,
                     (unsigned long long)s->seed, s->tracing, file ? " file=" : "", file ? file : "");
    if (n < 0 || (size_t)n >= sizeof line)
        return -ENAMETOOLONG;
    ssize_t w;
    do {
        w = write(c->in, line, (size_t)n);
    } while (w < 0 && errno == EINTR);
    return w == n ? 0 : -EPIPE;
}

/* Writing to a child that has just died must not kill us: the signal of this thread's own write
 * is taken back. */
static int send_quietly(struct go_child *c, const struct gt_cell_spec *s)
{
    sigset_t pipe_only, old, pending;
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    sigpending(&pending);
    sigprocmask(SIG_BLOCK, &pipe_only, &old);
    int rc = send_request(c, s);
    if (rc == -EPIPE && !sigismember(&pending, SIGPIPE)) {
        struct timespec now = {0, 0};
        while (sigtimedwait(&pipe_only, NULL, &now) < 0 && errno == EINTR)
            ;
    }
    sigprocmask(SIG_SETMASK, &old, NULL);
    return rc;
}

/* Reads what there is; 0: the other end is closed. */
static ssize_t take_in(struct lines *l)
{
    if (l->n == sizeof l->buf - 1)
        l->n = 0; /* a line without end: what was read of it is dropped */
    ssize_t got = read(l->fd, l->buf + l->n, sizeof l->buf - 1 - l->n);
    if (got > 0)
        l->n += (size_t)got;
    return got;
}

/* The next whole line, without its end; false: there is none yet. */
static bool next_line(struct lines *l, char *line, size_t size)
{
    char *end = memchr(l->buf, '\n', l->n);
    if (!end)
        return false;
    size_t n = (size_t)(end - l->buf);
    snprintf(line, size, "%.*s", (int)n, l->buf);
    l->n -= n + 1;
    memmove(l->buf, end + 1, l->n);
    return true;
}

static void listen_to_errors(struct go_child *c)
{
    char line[KEPT];
    while (next_line(&c->err, line, sizeof line))
        if (!c->said[0])
            snprintf(c->said, sizeof c->said, "%s", line);
}

/* Extras have names of static life: those that a workload here may give. */
static const char *known_extra(const char *name)
{
    static const char *const names[] = {"crossed",         "changes",
                                        "cycles",          "stop_max_ns",
                                        "rss_bytes_per_g", "page_table_bytes_per_g",
                                        "park_ns_per_g"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], name) == 0)
            return names[i];
    return NULL;
}

static bool take_extra(const char *text, struct gt_workload_result *r)
{
    char name[64];
    double value;
    if (sscanf(text, "%63s %lf", name, &value) != 2 || !known_extra(name))
        return false;
    for (size_t i = 0; i < sizeof r->extra / sizeof *r->extra; i++)
        if (!r->extra_name[i]) {
            r->extra_name[i] = known_extra(name);
            r->extra[i] = value;
            return true;
        }
    return false;
}

static bool take_number(const char *text, uint64_t *out)
{
    char *end;
    errno = 0;
    unsigned long long v = strtoull(text, &end, 10);
    *out = v;
    return errno == 0 && end != text && *end == '\0';
}

struct answer {
    struct gt_cell_result *r;
    int rc;
    bool judged, counted, timed; /* ok, ops and ns were there */
};

static bool take_text(struct answer *a, const char *key, const char *text)
{
    struct gt_cell_result *r = a->r;
    if (strcmp(key, "why") == 0)
        snprintf(r->result.why, sizeof r->result.why, "%s", text);
    else if (strcmp(key, "version") == 0)
        snprintf(r->version, sizeof r->version, "%s", text);
    else if (strcmp(key, "extra") == 0)
        return take_extra(text, &r->result);
    else
        return false;
    return true;
}

static bool take_figure(struct answer *a, const char *key, uint64_t v)
{
    struct gt_cell_result *r = a->r;
    if (strcmp(key, "ok") == 0) {
        r->result.ok = v == 1;
        a->judged = true;
    } else if (strcmp(key, "ops") == 0) {
        r->result.ops = v;
        a->counted = true;
    } else if (strcmp(key, "ns") == 0) {
        r->result.ns = (int64_t)v;
        a->timed = true;
    } else if (strcmp(key, "events") == 0) {
        r->events = v;
    } else if (strcmp(key, "trace_bytes") == 0) {
        r->trace_bytes = v;
    } else {
        return false;
    }
    return true;
}

/* One fact. false: not one that we know. */
static bool take_fact(struct answer *a, const char *key, const char *text)
{
    uint64_t v;
    if (strcmp(key, "unsupported") == 0 || strcmp(key, "error") == 0) {
        a->rc = key[0] == 'u' ? -ENOTSUP : -EINVAL;
        set_why(a->r, "%s", text);
        return true;
    }
    return take_text(a, key, text) || (take_number(text, &v) && take_figure(a, key, v));
}

/* 1: the answer is complete, 0: more is to come, -EPROTO. */
static int take_lines(struct go_child *c, struct answer *a)
{
    char line[LINE_MOST];
    while (next_line(&c->out, line, sizeof line)) {
        if (strcmp(line, "end") == 0)
            return a->rc != 0 || (a->judged && a->counted && a->timed) ? 1 : -EPROTO;
        char *text = strchr(line, ' ');
        if (text)
            *text++ = '\0';
        if (!text || !take_fact(a, line, text)) {
            set_why(a->r, "the Go peer said '%.60s', which is no answer: built from other sources?", line);
            return -EPROTO;
        }
    }
    return 0;
}

/* Waits until something comes from one of the pipes and takes it. 1: the answer is complete. */
static int take_some(struct go_child *c, struct answer *a, int64_t deadline)
{
    struct pollfd p[2] = {{.fd = c->out.fd, .events = POLLIN}, {.fd = c->err.fd, .events = POLLIN}};
    int64_t left = deadline - gt_nanotime();
    if (left <= 0)
        return -ETIMEDOUT;
    int ms = left / GT_NS_PER_MS < 1000000 ? (int)(left / GT_NS_PER_MS) + 1 : 1000000;
    if (poll(p, 2, ms) < 0)
        return -errno;
    if (p[1].revents && take_in(&c->err) == 0) {
        close(c->err.fd);
        c->err.fd = -1;
    }
    listen_to_errors(c);
    if (!p[0].revents)
        return 0;
    ssize_t got = take_in(&c->out);
    if (got == 0)
        return -EPIPE;
    return got < 0 && errno != EINTR ? -errno : take_lines(c, a);
}

/* The rest of what a dying child says. It has closed its output, so it is about to end. */
static void hear_out(struct go_child *c)
{
    struct pollfd p = {.fd = c->err.fd, .events = POLLIN};
    while (p.fd >= 0 && poll(&p, 1, 1000) > 0 && take_in(&c->err) > 0)
        listen_to_errors(c);
}

static int run_cell(const struct gt_cell_spec *s, struct gt_cell_result *r)
{
    struct go_child *c = &go_child;
    int64_t deadline = gt_nanotime() + (s->timeout_ns > 0 ? s->timeout_ns : DEFAULT_TIMEOUT_NS);
    struct answer a = {.r = r};
    *r = (struct gt_cell_result){0};
    int rc = have_child(c, s, r);
    if (rc != 0)
        return rc;
    c->said[0] = '\0';
    rc = send_quietly(c, s);
    while (rc == 0)
        rc = take_some(c, &a, deadline);
    if (rc == 1)
        return a.rc;
    if (rc == -EPIPE) {
        hear_out(c);
        end_child(c, r);
        return rc;
    }
    if (rc == -ETIMEDOUT)
        set_why(r, "no answer of the Go peer within %lld ms",
                (long long)((s->timeout_ns > 0 ? s->timeout_ns : DEFAULT_TIMEOUT_NS) / GT_NS_PER_MS));
    else if (!r->result.why[0])
        set_why(r, "the Go peer: %s", strerror(-rc));
    r->result.ok = false;
    end_child(c, NULL);
    return rc;
}

const struct gt_runtime_ops gt_peer_go = {
    .head = GT_PLUGIN_HEAD(GT_MAGIC_RUNTIME, struct gt_runtime_ops, "go",
                           "Go itself: the same workloads as a Go program, in a process of its own",
                           GT_RT_SUBPROCESS | GT_RT_TRACE),
    .run_cell = run_cell,
};
