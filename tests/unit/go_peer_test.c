/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: lean timeout=120 presets=release,asan */
/* The peer `go`: every workload with its tracer off and on; what it says of itself is judged, and what becomes of it
 * when it is killed, is late, lies or is not there. */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gauntlet/workload.h"
#include "tap.h"

#define MS 1000000ll
#define S (1000 * MS)

static const struct gt_runtime_ops *peer;
static bool trace_counted; /* of the Go that is installed: its traces are of the second format */

static struct gt_cell_spec cell(const char *workload, uint64_t n, bool tracing)
{
    return (struct gt_cell_spec){.workload = workload, .n = n, .procs = 2, .seed = 11, .tracing = tracing,
                                 .timeout_ns = 100 * S};
}

/* The one child that we have; 0: none. */
static pid_t child(void)
{
    char path[64];
    long pid = 0;
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *f = fopen(path, "r");
    if (!f || fscanf(f, "%ld", &pid) != 1)
        pid = 0;
    if (f)
        fclose(f);
    return (pid_t)pid;
}

static int open_files(void)
{
    int n = 0;
    DIR *d = opendir("/proc/self/fd");
    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n;
}

/* ---- the workloads ------------------------------------------------------------------------- */
static const struct {
    const char *name;
    uint64_t n;
    uint32_t param;
    bool traced; /* every operation has an event or more */
} workloads[] = {
    {"spawn-join", 2000, 0, true}, {"spawn-join", 2000, 1, true}, {"spawn-join", 2000, 2, true},
    {"yield", 2000, 0, true},      {"pingpong", 2000, 0, true},   {"pingpong", 500, 1, false},
    {"fanout", 2000, 0, false},    {"forkjoin", 2000, 0, true},   {"mutex", 2000, 0, false},
    {"syscall-storm", 2000, 0, true}, {"netpoll-echo", 500, 0, true}, {"timers", 500, 0, false},
    {"procs-churn", 500, 0, false},   {"million", 1000, 0, true},     {"gc-trees", 5000, 0, false},
};
enum { WORKLOADS = sizeof workloads / sizeof *workloads };

static void runs_each(void)
{
    for (int i = 0; i < WORKLOADS; i++)
        for (int tracing = 0; tracing < 2; tracing++) {
            struct gt_cell_spec s = cell(workloads[i].name, workloads[i].n, tracing);
            struct gt_cell_result r;
            s.param = workloads[i].param;
            int rc = peer->run_cell(&s, &r);
            bool right = rc == 0 && r.result.ok && r.result.ops >= s.n && r.result.ns > 0 &&
                         strncmp(r.version, "go", 2) == 0;
            ok(right, "%s:%u, tracing %s: %llu operations, %lld ns%s%s", s.workload, s.param,
               tracing ? "on" : "off", (unsigned long long)r.result.ops, (long long)r.result.ns,
               r.result.why[0] ? ": " : "", r.result.why);
            uint64_t least = tracing ? workloads[i].traced && trace_counted ? r.result.ops : trace_counted : 0;
            ok(tracing ? r.events >= least && r.trace_bytes > 100 : r.events == 0 && r.trace_bytes == 0,
               "%s:%u: %llu events, %llu bytes", s.workload, s.param, (unsigned long long)r.events,
               (unsigned long long)r.trace_bytes);
        }
}

static void refuses(const char *workload, uint32_t param)
{
    struct gt_cell_spec s = cell(workload, 100, false);
    struct gt_cell_result r;
    s.param = param;
    int rc = peer->run_cell(&s, &r);
    ok(rc == -ENOTSUP && !r.result.ok && r.result.why[0], "%s:%u is not the peer's: %s", workload, param,
       r.result.why);
}

/* ---- its traces ------------------------------------------------------------------------------ */
static uint64_t events_of(const char *json)
{
    unsigned long long n = 0;
    char line[512];
    FILE *f = fopen(json, "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, " \"events\": %llu", &n) == 1)
            break;
    if (f)
        fclose(f);
    return n;
}

/* Our checker judges Go: what the peer wrote is consistent, and has as many events as it says. */
static void is_checked(const char *workload)
{
    const char *build = getenv("GT_BUILD_DIR");
    char dir[] = "/tmp/gt-go-peer.XXXXXX", trace[64], json[64], command[512];
    struct gt_cell_spec s = cell(workload, 3000, true);
    struct gt_cell_result r;
    if (!build || !trace_counted) {
        skip(2, "%s", build ? "Go before 1.22 writes another format" : "GT_BUILD_DIR does not name a build");
        return;
    }
    if (!mkdtemp(dir))
        bail_out("no temporary directory");
    snprintf(trace, sizeof trace, "%s/go trace", dir); /* a space too */
    snprintf(json, sizeof json, "%s/json", dir);
    setenv("GAUNTLET_GO_TRACE", trace, 1);
    int rc = peer->run_cell(&s, &r);
    unsetenv("GAUNTLET_GO_TRACE");
    snprintf(command, sizeof command, "'%s/gauntlet' check --json '%s' >'%s'", build, trace, json);
    ok(rc == 0 && system(command) == 0, "%s: gauntlet check finds Go's trace consistent", workload);
    is_int(events_of(json), r.events, "%s: and its events as many", workload);
    unlink(trace);
    unlink(json);
    rmdir(dir);
}

/* ---- lies ------------------------------------------------------------------------------------ */
/* The twin of runs_each: a program that falsifies one value must be found out by each check. */
static void finds_lies(void)
{
    setenv("GAUNTLET_GO_LIE", "1", 1);
    for (int i = 0; i < WORKLOADS; i++) {
        struct gt_cell_spec s = cell(workloads[i].name, workloads[i].n, false);
        struct gt_cell_result r;
        s.procs = 1; /* another setting: another child, which sees the variable */
        s.param = workloads[i].param;
        int rc = peer->run_cell(&s, &r);
        ok(rc == 0 && !r.result.ok && r.result.why[0], "%s:%u: a falsified result is no result: %s", s.workload,
           s.param, r.result.why);
    }
    unsetenv("GAUNTLET_GO_LIE");
}

/* ---- a child that dies, hangs, is not there ------------------------------------------------------ */
static void works(const char *when)
{
    struct gt_cell_spec s = cell("yield", 1000, false);
    struct gt_cell_result r;
    int rc = peer->run_cell(&s, &r);
    ok(rc == 0 && r.result.ok, "%s: the next call works%s%s", when, r.result.why[0] ? ": " : "", r.result.why);
}

static void *kill_soon(void *arg)
{
    usleep(100000);
    kill(*(pid_t *)arg, SIGABRT); /* Go says why before it ends */
    return NULL;
}

static void survives_a_kill(void)
{
    struct gt_cell_spec s = cell("netpoll-echo", 100000000, false);
    struct gt_cell_result r;
    pthread_t killer;
    works("before it is killed");
    pid_t pid = child();
    if (pid == 0 || pthread_create(&killer, NULL, kill_soon, &pid) != 0)
        bail_out("no child, or no thread");
    int rc = peer->run_cell(&s, &r);
    pthread_join(killer, NULL);
    ok(rc == -EPIPE && !r.result.ok, "killed in the middle: %d", rc);
    ok(strstr(r.result.why, "SIGABRT") != NULL, "what it said is passed on: %s", r.result.why);
    is_int(child(), 0, "no zombie");
    works("killed in the middle");
    pid = child();
    kill(pid, SIGKILL);
    while (kill(pid, 0) == 0 && waitid(P_PID, (id_t)pid, &(siginfo_t){0}, WEXITED | WNOWAIT) != 0)
        ;
    works("killed while idle");
}

static void gives_up(void)
{
    struct gt_cell_spec s = cell("netpoll-echo", 100000000, false);
    struct gt_cell_result r;
    s.timeout_ns = 200 * MS;
    int rc = peer->run_cell(&s, &r);
    ok(rc == -ETIMEDOUT && strstr(r.result.why, "200 ms"), "no answer in time: %s", r.result.why);
    is_int(child(), 0, "the late child is gone");
    works("late");
}

static void on_alarm(int signo)
{
    (void)signo;
}

static void is_interrupted(void)
{
    struct gt_cell_spec s = cell("netpoll-echo", 100000000, false);
    struct gt_cell_result r;
    struct sigaction sa = {.sa_handler = on_alarm}, old;
    sigaction(SIGALRM, &sa, &old);
    ualarm(200000, 0);
    int rc = peer->run_cell(&s, &r);
    sigaction(SIGALRM, &old, NULL);
    is_int(rc, -EINTR, "a signal that has a handler ends the call");
    works("interrupted");
}

/* Our end, also by SIGKILL, is the end of the child. */
static void dies_with_us(void)
{
    int fds[2];
    pid_t grandchild = 0;
    char byte;
    if (pipe(fds) != 0)
        bail_out("no pipe");
    pid_t pid = fork();
    if (pid == 0) {
        struct gt_cell_spec s = cell("yield", 1000, false);
        struct gt_cell_result r;
        (void)peer->run_cell(&s, &r);
        grandchild = child();
        if (write(fds[1], &grandchild, sizeof grandchild) < 0)
            _exit(1);
        pause();
    }
    close(fds[1]);
    ok(read(fds[0], &grandchild, sizeof grandchild) == (ssize_t)sizeof grandchild && grandchild > 0 &&
           grandchild != child(),
       "after a fork it starts a child of its own");
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    ok(read(fds[0], &byte, 1) == 0, "nobody holds the pipe");
    close(fds[0]);
    bool gone = false;
    for (int i = 0; i < 500 && !gone; i++, usleep(10000))
        gone = kill(grandchild, 0) != 0;
    ok(gone, "the child of a killed process ends");
    works("beside a copy of us");
}

static void is_not_there(void)
{
    struct gt_cell_spec s = cell("yield", 1000, false);
    struct gt_cell_result r;
    s.procs = 3;
    setenv("GAUNTLET_GO_PEER", "/nonexistent/go-peer", 1);
    int rc = peer->run_cell(&s, &r);
    ok(rc == -ENOENT && strstr(r.result.why, "GAUNTLET_GO_PEER"), "not there: %s", r.result.why);
    setenv("GAUNTLET_GO_PEER", "/bin/true", 1);
    rc = peer->run_cell(&s, &r);
    ok(rc == -EPIPE && strstr(r.result.why, "exit status 0"), "another program: %s", r.result.why);
    unsetenv("GAUNTLET_GO_PEER");
}

static void is_bound(void)
{
    struct gt_cell_spec s = cell("yield", 1000, false);
    struct gt_cell_result r;
    cpu_set_t set;
    s.procs = 1;
    s.bind = GT_BIND_PU;
    int rc = peer->run_cell(&s, &r);
    CPU_ZERO(&set);
    (void)sched_getaffinity(child(), sizeof set, &set);
    ok(rc == 0 && CPU_COUNT(&set) == 1, "one P, bound to a CPU: the child has %d%s%s", CPU_COUNT(&set),
       r.result.why[0] ? ": " : "", r.result.why);
    s.procs = 1000;
    rc = peer->run_cell(&s, &r);
    ok(rc == -ENOSPC && r.result.why[0], "no 1,000 CPUs: %s", r.result.why);
}

int main(void)
{
    char err[256];
    const struct gt_plugin_head *head = gt_plugin_find(GT_MAGIC_RUNTIME, "go", err, sizeof err);
    if (!head)
        skip_all("%s", err);
    peer = (const struct gt_runtime_ops *)head;
    struct gt_cell_spec s = cell("yield", 1000, true);
    struct gt_cell_result r;
    if (peer->run_cell(&s, &r) != 0)
        bail_out("the first cell: %s", r.result.why);
    trace_counted = r.events > 0;
    diag("%s, its events %s", r.version, trace_counted ? "counted" : "not counted: another format");
    int before = open_files();
    runs_each();
    refuses("gc-stop", 0);
    refuses("callback", 0);
    refuses("pingpong", 2);
    refuses("nosuch", 0);
    is_checked("syscall-storm");
    is_checked("gc-trees");
    finds_lies();
    survives_a_kill();
    gives_up();
    is_interrupted();
    dies_with_us();
    works("at the end");
    is_int(open_files(), before, "no descriptor was left behind");
    is_not_there();
    is_bound();
    return done_testing();
}
