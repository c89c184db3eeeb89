/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Invariants:
 *   I1 The keeper lives as long as our end of its socket is open, which no other program inherits:
 *      it ends with this process, however that ends. A copy of us made by fork holds that end too,
 *      until it ends, becomes another program, or asks for a runtime with this tracer. The keeper
 *      is in a session of its own, so that a signal of the terminal does not end it before us.
 *   I2 liblttng-ust is loaded after the daemon listens, and LTTNG_UST_REGISTER_TIMEOUT makes its
 *      constructor wait until the daemon knows this process.
 *   I3 A reply belongs to the request before it: a request that was not sent or not answered to
 *      the end is the last one, and the keeper is done with.
 */
#include "session.h"

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REPLY_MOST = 512, PATH_MOST = 4096 };

static struct {
    pid_t owner;  /* who opened it; 0: nobody */
    pid_t keeper; /* 0: none that is to be waited for */
    int fd;       /* -1: none */
    int reply_ms; /* more than the keeper takes: five calls of LTTng's, each of 30 s at most */
} session = {.fd = -1, .reply_ms = 180000};

static int fail(int rc, char *err, size_t n, const char *what, const char *why)
{
    snprintf(err, n, "lttng: %s: %s", what, why);
    return rc;
}

/* A file beside this object. */
static int beside(const char *name, char path[PATH_MOST])
{
    Dl_info info;
    if (!dladdr((const void *)&session, &info) || !info.dli_fname)
        return -ENOENT;
    const char *slash = strrchr(info.dli_fname, '/');
    int dir = slash ? (int)(slash - info.dli_fname) + 1 : 0;
    int n = snprintf(path, PATH_MOST, "%.*s%s", dir, info.dli_fname, name);
    return n > 0 && n < PATH_MOST ? 0 : -ENAMETOOLONG;
}

/* ---- the keeper ---------------------------------------------------------------------------- */
/* `end` is its standard input and output, and no signal is blocked. 0 or a positive errno. */
static int describe_keeper(posix_spawn_file_actions_t *files, posix_spawnattr_t *attr, int end)
{
    sigset_t none;
    sigemptyset(&none);
    int rc = posix_spawn_file_actions_adddup2(files, end, 0);
    if (rc == 0)
        rc = posix_spawn_file_actions_adddup2(files, end, 1);
    if (rc == 0)
        rc = posix_spawnattr_setsigmask(attr, &none);
    if (rc == 0)
        rc = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK);
    return rc;
}

static int spawn_keeper(const char *path, int end)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    pid_t pid = 0;
    char *const argv[] = {(char *)(uintptr_t)path, NULL};
    int rc = posix_spawn_file_actions_init(&files);
    if (rc != 0)
        return -rc;
    rc = posix_spawnattr_init(&attr);
    if (rc == 0) {
        rc = describe_keeper(&files, &attr, end);
        if (rc == 0)
            rc = posix_spawn(&pid, path, &files, &attr, argv, environ);
        posix_spawnattr_destroy(&attr);
    }
    posix_spawn_file_actions_destroy(&files);
    session.keeper = rc == 0 ? pid : 0;
    return -rc;
}

/* It ends when it sees its socket closed, and has removed all that was its. */
static void drop_keeper(void)
{
    if (session.fd >= 0)
        close(session.fd);
    session.fd = -1;
    while (session.keeper != 0 && waitpid(session.keeper, NULL, 0) < 0 && errno == EINTR)
        ;
    session.keeper = 0;
}

/* One line of the keeper's; "ok REST" or "error REST". */
static int read_reply(char *reply, size_t size)
{
    struct pollfd p = {.fd = session.fd, .events = POLLIN};
    size_t at = 0;
    for (;;) {
        int rc = poll(&p, 1, session.reply_ms);
        if (rc < 0 && errno == EINTR)
            continue;
        if (rc <= 0)
            return rc < 0 ? -errno : -ETIMEDOUT;
        ssize_t got = read(session.fd, reply + at, 1);
        if (got <= 0)
            return -EPIPE;
        if (reply[at] == '\n')
            break;
        if (at + 2 < size)
            at++;
    }
    reply[at] = '\0';
    return 0;
}

/* I3 */
static int ask(const char *request, char *reply, size_t size, char *err, size_t n)
{
    size_t bytes = strlen(request);
    int rc = send(session.fd, request, bytes, MSG_NOSIGNAL) == (ssize_t)bytes ? 0 : -EPIPE;
    const char *why = "it has ended";
    if (rc == 0) {
        rc = read_reply(reply, size);
        why = strerror(-rc);
    }
    if (rc != 0) {
        drop_keeper();
        return fail(rc, err, n, "keeper", why);
    }
    if (strncmp(reply, "ok", 2) != 0)
        return fail(-EIO, err, n, "session daemon", reply);
    return 0;
}

/* Its first line: "ok DIRECTORY". */
static int start_keeper(char *home, size_t size, char *err, size_t n)
{
    char path[PATH_MOST];
    int ends[2];
    int rc = beside("lttng-keeper", path);
    if (rc != 0)
        return fail(rc, err, n, "keeper", strerror(-rc));
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return fail(-errno, err, n, "keeper", strerror(errno));
    rc = spawn_keeper(path, ends[1]);
    close(ends[1]);
    session.fd = ends[0];
    if (rc == 0)
        rc = read_reply(home, size);
    if (rc != 0)
        return fail(rc, err, n, path, strerror(-rc));
    if (strncmp(home, "ok ", 3) != 0)
        return fail(-ENOTSUP, err, n, "session daemon", home);
    memmove(home, home + 3, strlen(home + 3) + 1);
    return 0;
}

/* I2. What LTTng reads from the environment it reads while it is loaded. */
static int load_provider(const char *home, char *err, size_t n)
{
    char path[PATH_MOST];
    const char *had = getenv("LTTNG_HOME");
    char *before = had ? strdup(had) : NULL;
    if (beside("lttng-provider.so", path) != 0)
        return fail(-ENOENT, err, n, "probes", "no path");
    setenv("LTTNG_HOME", home, 1);
    setenv("LTTNG_UST_REGISTER_TIMEOUT", "20000", 0);
    void *so = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (before)
        setenv("LTTNG_HOME", before, 1);
    else
        unsetenv("LTTNG_HOME");
    free(before);
    return so ? 0 : fail(-ENOTSUP, err, n, "probes", dlerror());
}

int gt_lttng_open(char *err, size_t n)
{
    char home[REPLY_MOST], request[64], reply[REPLY_MOST];
    if (session.owner == getpid())
        return session.fd >= 0 ? 0 : fail(-EPIPE, err, n, "keeper", "it has ended");
    if (session.owner != 0) { /* I1 */
        session.keeper = 0;
        drop_keeper();
        return fail(-ENOTSUP, err, n, "this process was forked from one that traces",
                    "make the runtime in one process only");
    }
    int rc = start_keeper(home, sizeof home, err, n);
    if (rc == 0)
        rc = load_provider(home, err, n);
    snprintf(request, sizeof request, "register %d\n", (int)getpid());
    if (rc == 0)
        rc = ask(request, reply, sizeof reply, err, n);
    if (rc != 0)
        drop_keeper();
    else
        session.owner = getpid();
    return rc;
}

int gt_lttng_start(char *err, size_t n)
{
    char reply[REPLY_MOST];
    return ask("start\n", reply, sizeof reply, err, n);
}

int gt_lttng_stop(uint64_t *discarded, char *err, size_t n)
{
    char reply[REPLY_MOST];
    unsigned long long lost = 0;
    int rc = ask("stop\n", reply, sizeof reply, err, n);
    if (rc == 0 && sscanf(reply, "ok %llu", &lost) != 1)
        rc = fail(-EPROTO, err, n, "keeper", reply);
    *discarded = lost;
    return rc;
}
