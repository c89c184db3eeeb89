/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: labels=quick,reduced timeout=30 */
/* The tracer lttng's talk with its keeper, whose end is played here: an answer that comes too late is nobody's, a
 * keeper that ends is waited for, a copy of the process lets go of it. */
#include <sys/wait.h>

#include "tracers/lttng/session.c" /* first: it has a fail of its own */

#include "tap.h"

static int their_end;

static void connect_keeper(void)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        bail_out("no socket pair");
    session.fd = ends[0];
    session.owner = getpid();
    their_end = ends[1];
}

static void answer(const char *text)
{
    if (write(their_end, text, strlen(text)) != (ssize_t)strlen(text))
        bail_out("no answer can be given");
}

static void test_answers(void)
{
    char err[200] = "";
    uint64_t lost = 7;
    connect_keeper();
    answer("ok\n");
    is_int(gt_lttng_start(err, sizeof err), 0, "a start is answered");
    answer("error no session\n");
    is_int(gt_lttng_start(err, sizeof err), -EIO, "one is refused: %s", err);
    answer("ok 12\n");
    ok(gt_lttng_stop(&lost, err, sizeof err) == 0 && lost == 12, "the next answer is the stop's");
    close(their_end);
    drop_keeper();
}

static void test_late_answer(void)
{
    char err[200] = "";
    uint64_t lost = 7;
    connect_keeper();
    session.reply_ms = 20;
    is_int(gt_lttng_start(err, sizeof err), -ETIMEDOUT, "no answer: %s", err);
    ok(send(their_end, "ok 5\n", 5, MSG_NOSIGNAL) < 0, "who answers late talks to nobody");
    is_int(gt_lttng_stop(&lost, err, sizeof err), -EPIPE, "the stop does not take it: %s", err);
    is_int(lost, 0, "nothing is known to be lost");
    is_int(gt_lttng_open(err, sizeof err), -EPIPE, "no further runtime gets this session: %s", err);
    close(their_end);
}

static void test_ended(void)
{
    char err[200] = "";
    connect_keeper();
    is_int(spawn_keeper("/bin/true", their_end), 0, "a keeper that ends at once");
    close(their_end);
    session.reply_ms = 20000;
    is_int(gt_lttng_start(err, sizeof err), -EPIPE, "it is gone: %s", err);
    ok(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD, "and waited for");
    is_int(spawn_keeper("/no/such/keeper", 0), -ENOENT, "one that is not there");
    is_int(session.keeper, 0, "is not waited for");
}

static void test_copy(void)
{
    char err[200] = "";
    connect_keeper();
    pid_t pid = fork();
    if (pid == 0)
        _exit(gt_lttng_open(err, sizeof err) == -ENOTSUP && session.fd < 0 ? 0 : 1);
    int status = -1;
    waitpid(pid, &status, 0);
    is_int(status, 0, "a copy is refused and lets go of the keeper");
    close(their_end);
    drop_keeper();
}

int main(void)
{
    test_answers();
    test_late_answer();
    test_ended();
    test_copy();
    return done_testing();
}
