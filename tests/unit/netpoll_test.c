/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: labels=quick,reduced timeout=120 */
/* Polled files: data, waiting, closing under a waiter, errors. */
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "in_runtime.h"

/* ---- data through a pipe and a socket ---------------------------------------------------- */
struct end {
    struct gt_fd *f;
    struct gt_wg *done;
    uint64_t n, sum, seed;
};

/* A byte stream that tells its position. */
static unsigned char byte_at(uint64_t i)
{
    return (unsigned char)((i * 2654435761u) >> 11);
}

static void writer(void *arg)
{
    struct end *e = arg;
    unsigned char *b = malloc(70000);
    for (uint64_t at = 0; at < e->n;) {
        uint64_t len = 1 + at * 7919 % 70000;
        len = len > e->n - at ? e->n - at : len;
        for (uint64_t i = 0; i < len; i++)
            b[i] = byte_at(at + i);
        expect(R->fd_write(e->f, b, len) == (int64_t)len);
        at += len;
    }
    free(b);
    R->fd_close(e->f);
    R->wg_done(e->done);
}

static void read_all(struct gt_fd *f, uint64_t n)
{
    unsigned char b[5000];
    uint64_t at = 0;
    int64_t r;
    while ((r = R->fd_read(f, b, sizeof b)) > 0) {
        for (int64_t i = 0; i < r; i++)
            expect(b[i] == byte_at(at + (uint64_t)i));
        at += (uint64_t)r;
    }
    expect(r == 0 && at == n);
}

static void stream_test(void *arg)
{
    bool socket = *(bool *)arg;
    int fds[2], err = 1;
    struct end e = {.n = (uint64_t)scale(3000000), .done = R->wg_new()};
    expect((socket ? gt_os_socketpair(fds, false) : gt_os_pipe(fds, false)) == 0);
    e.f = R->fd_open(fds[1], &err);
    struct gt_fd *in = R->fd_open(fds[0], &err);
    expect(e.f && in && err == 0);
    R->wg_add(e.done, 1);
    expect(R->go(writer, &e) == 0);
    read_all(in, e.n);
    R->wg_wait(e.done);
    R->fd_close(in);
    expect(gt_load_relaxed(&gt_tls_m()->rt->poll_waiters) == 0);
    R->wg_free(e.done);
}

/* ---- ping-pong over many pairs: no lost edge --------------------------------------------- */
static void echo(void *arg)
{
    struct end *e = arg;
    uint64_t v;
    while (R->fd_read(e->f, &v, sizeof v) == sizeof v) {
        v++;
        expect(R->fd_write(e->f, &v, sizeof v) == sizeof v);
    }
    R->fd_close(e->f);
    R->wg_done(e->done);
}

static void pinger(void *arg)
{
    struct end *e = arg;
    for (uint64_t i = 0; i < e->n; i++) {
        uint64_t v = i;
        expect(R->fd_write(e->f, &v, sizeof v) == sizeof v);
        expect(R->fd_read(e->f, &v, sizeof v) == sizeof v && v == i + 1);
    }
    R->fd_close(e->f);
    R->wg_done(e->done);
}

static void pingpong_test(void *arg)
{
    (void)arg;
    enum { PAIRS = 12 };
    struct end e[2 * PAIRS];
    struct gt_wg *done = R->wg_new();
    R->wg_add(done, 2 * PAIRS);
    for (int i = 0; i < PAIRS; i++) {
        int fds[2], err = 0;
        expect(gt_os_socketpair(fds, true) == 0);
        for (int k = 0; k < 2; k++)
            e[2 * i + k] = (struct end){
                .f = R->fd_open(fds[k], &err), .done = done, .n = (uint64_t)scale(300)};
        expect(R->go(pinger, &e[2 * i]) == 0 && R->go(echo, &e[2 * i + 1]) == 0);
    }
    R->wg_wait(done);
    R->wg_free(done);
}

/* ---- close wakes who waits --------------------------------------------------------------- */
struct stuck {
    struct gt_fd *f;
    struct gt_wg *ready, *done;
    bool write;
    int64_t r;
};

static void stuck_fn(void *arg)
{
    struct stuck *s = arg;
    static char big[1 << 20];
    R->wg_done(s->ready);
    s->r = s->write ? R->fd_write(s->f, big, sizeof big) : R->fd_read(s->f, big, 1);
    R->wg_done(s->done);
}

static void close_test(void *arg)
{
    (void)arg;
    struct gt_wg *ready = R->wg_new(), *done = R->wg_new();
    for (int round = 0; round < scale(60); round++) {
        int fds[2], err = 0;
        expect(gt_os_socketpair(fds, true) == 0);
        struct gt_fd *f = R->fd_open(fds[0], &err);
        struct stuck s[4];
        R->wg_add(ready, 4);
        R->wg_add(done, 4);
        for (int i = 0; i < 4; i++) { /* two each way: one waits, one queues behind it */
            s[i] = (struct stuck){.f = f, .ready = ready, .done = done, .write = i % 2 == 1};
            expect(R->go(stuck_fn, &s[i]) == 0);
        }
        R->wg_wait(ready);
        if (round % 2)
            R->sleep(GT_NS_PER_MS / 2);
        R->fd_close(f);
        R->wg_wait(done);
        for (int i = 0; i < 4; i++)
            expect(s[i].r == -EBADF);
        char b[4096];
        ssize_t n;
        while ((n = read(fds[1], b, sizeof b)) > 0) /* what the writers got through */
            ;
        expect(n == 0 || errno == ECONNRESET); /* the descriptor really is closed */
        close(fds[1]);
    }
    expect(gt_load_relaxed(&gt_tls_m()->rt->poll_waiters) == 0);
    R->wg_free(ready);
    R->wg_free(done);
}

/* The number of a closed file comes back at once, and its old readiness with it no more. */
static void reuse_test(void *arg)
{
    (void)arg;
    struct gt_wg *ready = R->wg_new(), *done = R->wg_new();
    for (int round = 0; round < scale(200); round++) {
        int fds[2], err = 0;
        uint64_t v = (uint64_t)round, got = 0;
        expect(gt_os_pipe(fds, true) == 0);
        struct gt_fd *in = R->fd_open(fds[0], &err), *out = R->fd_open(fds[1], &err);
        expect(R->fd_write(out, &v, sizeof v) == sizeof v);
        if (round % 2)
            expect(R->fd_read(in, &got, sizeof got) == sizeof got && got == v);
        R->fd_close(in);
        expect(R->fd_write(out, &v, sizeof v) == -EPIPE); /* and no SIGPIPE */
        R->fd_close(out);
        R->fd_close(NULL);
    }
    R->wg_free(ready);
    R->wg_free(done);
}

/* ---- other kinds, errors ----------------------------------------------------------------- */
static void kinds_test(void *arg)
{
    (void)arg;
    char path[] = "/tmp/gt_netpoll_XXXXXX", b[8] = "";
    int err = 0, fd = mkstemp(path);
    struct gt_fd *f = R->fd_open(fd, &err);
    expect(f && err == 0);
    unlink(path);
    expect(R->fd_write(f, "plain", 5) == 5 && lseek(fd, 0, SEEK_SET) == 0);
    expect(R->fd_read(f, b, 8) == 5 && memcmp(b, "plain", 5) == 0 && R->fd_read(f, b, 8) == 0);
    R->fd_close(f);
    expect(fcntl(fd, F_GETFD) == -1);
    uint64_t v = 3, got = 0;
    f = R->fd_open(gt_eventfd(), &err);
    expect(f && R->fd_write(f, &v, 8) == 8 && R->fd_read(f, &got, 8) == 8 && got == 3);
    R->fd_close(f);
    expect(!R->fd_open(-1, &err) && err == -EBADF);
    int fds[2];
    expect(gt_os_pipe(fds, true) == 0);
    f = R->fd_open(fds[0], &err);
    expect(f && !R->fd_open(fds[0], &err) && err == -EEXIST);
    R->fd_close(f);
    close(fds[1]);
}

static void no_files_left(void *arg)
{
    int err = 0, fd = *(int *)arg;
    expect(!R->fd_open(fd, &err) && err == -EMFILE);
}

/* The first file makes the poller, which needs descriptors of its own. */
static void test_emfile(void)
{
    struct gt_runtime *rt = runtime_new(1);
    struct rlimit old, few;
    int fds[2];
    gt_store_relaxed(&bad, 0u);
    if (gt_os_pipe(fds, true) != 0 || getrlimit(RLIMIT_NOFILE, &old) != 0)
        bail_out("no pipe");
    few = old;
    few.rlim_cur = (rlim_t)fds[1] + 1; /* every number below it that is free is filled */
    int filler[64], n = 0, fd;
    setrlimit(RLIMIT_NOFILE, &few);
    while (n < 64 && (fd = dup(fds[0])) >= 0)
        filler[n++] = fd;
    int rc = R->run(rt, no_files_left, &fds[0]);
    setrlimit(RLIMIT_NOFILE, &old);
    while (n > 0)
        close(filler[--n]);
    close(fds[0]);
    close(fds[1]);
    runtime_end(rt, 1, "no descriptors left", rc);
}

/* ---- a sleeper and a poller share one M's wait ------------------------------------------- */
static void block_on(void *arg)
{
    struct stuck *s = arg;
    char c;
    s->r = R->fd_read(s->f, &c, 1);
    R->wg_done(s->done);
}

/* The M that waits for the file without a limit must wake for the timers armed since. */
static void sleep_while_polling_test(void *arg)
{
    (void)arg;
    int fds[2], err = 0;
    expect(gt_os_pipe(fds, true) == 0);
    struct stuck s = {.f = R->fd_open(fds[0], &err), .done = R->wg_new()};
    R->wg_add(s.done, 1);
    expect(R->go(block_on, &s) == 0);
    for (int i = 0; i < 30; i++) {
        int64_t t0 = R->now();
        R->sleep(GT_NS_PER_MS);
        expect(R->now() - t0 < GT_NS_PER_S);
    }
    expect(write(fds[1], "x", 1) == 1);
    R->wg_wait(s.done);
    expect(s.r == 1);
    R->fd_close(s.f);
    close(fds[1]);
    R->wg_free(s.done);
}

int main(void)
{
    bool pipe_kind = false, socket_kind = true;
    plan(7 * N_PROC_COUNTS + 1);
    test_emfile();
    for (int i = 0; i < N_PROC_COUNTS; i++) {
        int32_t p = proc_counts[i];
        in_runtime(p, stream_test, &pipe_kind, "a stream through a pipe");
        in_runtime(p, stream_test, &socket_kind, "a stream through a socket");
        in_runtime(p, pingpong_test, NULL, "ping-pong over sockets");
        in_runtime(p, close_test, NULL, "close wakes who waits");
        in_runtime(p, reuse_test, NULL, "descriptors that come back");
        in_runtime(p, kinds_test, NULL, "regular file, eventfd, errors");
        in_runtime(p, sleep_while_polling_test, NULL, "sleeping while another polls");
    }
    return done_testing();
}
