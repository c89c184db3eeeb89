/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: labels=quick,reduced timeout=60 */
/* The native port: what port.h promises, call by call. */
#include "port/port.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

/* Reads one byte in a way that the sanitizers let pass: the point is to fault. */
static char touch(const char *p)
{
    char c;
#if defined(__x86_64__)
    __asm__ volatile("movb (%1), %0" : "=q"(c) : "r"(p) : "memory");
#elif defined(__aarch64__)
    __asm__ volatile("ldrb %w0, [%1]" : "=r"(c) : "r"(p) : "memory");
#endif
    return c;
}

/* ---- threads, TLS ------------------------------------------------------------------ */

struct seen {
    int32_t tid;
    struct gt_m *before, *after;
    void *lo, *hi, *local;
};

static void look(void *p)
{
    struct seen *s = p;
    int here;
    s->before = gt_tls_m();
    gt_tls_set_m((struct gt_m *)s);
    s->after = gt_tls_m();
    s->tid = gt_thread_id();
    s->local = &here;
    gt_thread_name("a name of more than fifteen");
    gt_thread_stack(&s->lo, &s->hi);
}

static void test_threads(void)
{
    struct gt_thread a, b;
    struct seen sa = {0}, sb = {0};
    gt_tls_set_m((struct gt_m *)&a);
    int err = gt_thread_start(&a, look, &sa, 256 * 1024);
    is_int(err, 0, "a thread starts");
    is_int(gt_thread_start(&b, look, &sb, 0), 0, "one with the default stack too");
    gt_thread_join(&a);
    gt_thread_join(&b);
    ok(!sa.before && !sb.before, "a new thread has no M");
    ok(sa.after == (struct gt_m *)&sa && sb.after == (struct gt_m *)&sb, "each has its own M");
    ok(gt_tls_m() == (struct gt_m *)&a, "and the starter kept its own");
    gt_tls_set_m(NULL);
    ok(gt_tls_m() == NULL, "the M can be unset");
    ok(sa.tid != sb.tid && sa.tid != gt_thread_id(), "thread ids differ");
    ok(sa.lo < sa.local && sa.local < sa.hi, "a thread knows its stack");
    void *lo, *hi;
    gt_thread_stack(&lo, &hi);
    ok(lo < (void *)&lo && (void *)&lo < hi, "so does the first thread");
    err = gt_thread_start(&a, look, &sa, (size_t)1 << 46);
    ok(err == -EAGAIN || err == -ENOMEM, "no room for the stack: -EAGAIN or -ENOMEM (%d)", err);
    is_int(gt_thread_signal(gt_thread_id(), 0), 0, "a live thread can be signalled");
    is_int(gt_thread_signal(0x3fffffff, 0), -ESRCH, "a dead one cannot");
}

/* ---- futex, await -------------------------------------------------------------------- */

static gt_a32 word, ready;

static void wait_for_word(void *p)
{
    (void)p;
    gt_store_release(&ready, 1u);
    while (gt_load_acquire(&word) == 7)
        gt_futex_wait(&word, 7, -1);
    gt_store_release(&ready, 2u);
}

static void test_futex(void)
{
    gt_a32 w;
    gt_init(&w, 1u);
    int64_t t = gt_nanotime();
    is_int(gt_futex_wait(&w, 1, 20 * GT_NS_PER_MS), -ETIMEDOUT, "futex: times out");
    t = gt_nanotime() - t;
    ok(t >= 20 * GT_NS_PER_MS && t < 5 * GT_NS_PER_S, "after its time (%lld ns)", (long long)t);
    is_int(gt_futex_wait(&w, 2, -1), -EAGAIN, "futex: another value is told at once");
    is_int(gt_futex_wait(&w, 1, 0), -ETIMEDOUT, "futex: no time at all");
    gt_store_relaxed(&word, 7u);
    gt_store_relaxed(&ready, 0u);
    struct gt_thread th;
    if (gt_thread_start(&th, wait_for_word, NULL, 0) != 0)
        bail_out("no thread");
    gt_await(&ready, gt_load_acquire(&ready) == 1);
    gt_sleep_ns(5 * GT_NS_PER_MS);
    gt_store_release(&word, 8u);
    gt_futex_wake(&word, 1);
    gt_await(&ready, gt_load_acquire(&ready) == 2);
    gt_thread_join(&th);
    pass("futex: a waiter is woken, and gt_await ends");
}

static void test_await_pause(void)
{
    uint32_t n = 0;
    int64_t t = gt_nanotime();
    for (int i = 0; i < 100; i++)
        gt_await_pause(&n);
    t = gt_nanotime() - t;
    ok(t >= GT_NS_PER_MS, "await_pause: a long wait sleeps");
    ok(n > 0 && n < 100, "and its counter stays bounded");
}

/* ---- clocks -------------------------------------------------------------------------- */

static void test_clocks(void)
{
    int64_t a = gt_nanotime(), cpu = gt_thread_cpu_time();
    uint64_t ticks = gt_ticks();
    gt_sleep_ns(10 * GT_NS_PER_MS);
    int64_t slept = gt_nanotime() - a;
    ok(slept >= 10 * GT_NS_PER_MS, "sleep_ns sleeps so long");
    ok(gt_ticks() > ticks, "ticks grow");
    ok(gt_thread_cpu_time() - cpu < slept, "a sleeping thread uses no CPU time");
    ok(gt_process_cpu_time() > 0 && gt_thread_cpu_time() > 0, "CPU clocks run");
    ok(gt_walltime() > 1600000000 * GT_NS_PER_S, "the wall clock is of this age");
    is_int(gt_os_nanosleep(GT_NS_PER_MS), 0, "nanosleep");
}

/* ---- memory, guards -------------------------------------------------------------------- */

static sigjmp_buf back;
static void *volatile faulted_at;
static volatile sig_atomic_t on_altstack;
static uintptr_t alt_lo, alt_hi;

static bool on_fault(struct gt_sigctx *c)
{
    int here;
    uintptr_t at = (uintptr_t)&here;
    faulted_at = c->fault_addr;
    on_altstack = at >= alt_lo && at < alt_hi;
    siglongjmp(back, 1);
}

/* The address of the fault that reading *p raises, or NULL. */
static void *fault_of(const char *p)
{
    faulted_at = NULL;
    if (sigsetjmp(back, 1) == 0)
        (void)touch(p);
    return faulted_at;
}

static void check_guard(char *p, size_t page, bool light, const char *how)
{
    ok(fault_of(p + page) == p + page, "%s: its first byte faults", how);
    ok(fault_of(p + 2 * page - 1) == p + 2 * page - 1, "%s: its last byte faults", how);
    ok(!fault_of(p + page - 1) && !fault_of(p + 2 * page), "%s: its neighbours do not", how);
    gt_map_discard(p, 4 * page);
    ok(fault_of(p + page) == p + page, "%s: it outlives a discard of the range", how);
    is_int(gt_guard_remove(p + page, page, light), 0, "%s: removed", how);
    ok(!fault_of(p + page), "%s: and no longer faults", how);
}

/* A locked mapping takes no light guard, as no mapping does on an older kernel. */
static void test_guard(bool locked)
{
    const char *how = locked ? "guard by protection" : "guard";
    size_t page = gt_page_size();
    bool light = false;
    char *p = gt_map(4 * page, false);
    if (!p)
        bail_out("no memory");
    memset(p, 1, 4 * page);
    /* Not mlock(3), which sanitizers turn off. */
    if (locked && syscall(SYS_mlock, p, 4 * page) != 0) {
        skip(8, "mlock: %s", strerror(errno));
        gt_unmap(p, 4 * page);
        return;
    }
    is_int(gt_guard_install(p + page, page, &light), 0, "%s: installed", how);
    is_int(light, !locked && gt_guard_is_lightweight(), "%s: says which kind it is", how);
    if (locked)
        munlock(p, 4 * page);
    check_guard(p, page, light, how);
    gt_unmap(p, 4 * page);
}

static void test_memory(void)
{
    size_t page = gt_page_size();
    char *p = gt_map(2 * page, true);
    ok(p && fault_of(p) == p, "a reserved range faults");
    is_int(gt_map_commit(p, page), 0, "part of it can be committed");
    ok(p[page - 1] == 0 && fault_of(p + page) == p + page, "that part, and no more");
    p[0] = 5;
    gt_map_discard(p, page);
    is_int(p[0], 0, "a discarded page comes back as zeros");
    p[0] = 5;
    gt_map_no_huge(p, page);
    void *pages[2] = {p, p + page};
    int node[2] = {-1, -1};
    int err = gt_pages_nodes(2, pages, node);
    if (err == -ENOSYS || err == -EPERM)
        skip(2, "move_pages: %s", strerror(-err));
    else {
        is_int(err, 0, "pages_nodes");
        ok(node[0] >= 0 && node[1] < 0, "a touched page has a node, an untouched one an error");
    }
    gt_unmap(p, 2 * page);
    ok(gt_guard_install(p + 1, page, NULL) < 0, "a guard on half a page is refused");
}

/* ---- signals ----------------------------------------------------------------------------- */

static volatile sig_atomic_t first_calls, second_calls, chained;
static volatile sig_atomic_t take_it;
static volatile sig_atomic_t chained_info;

static bool first_handler(struct gt_sigctx *c)
{
    first_calls += c->signo == SIGUSR1 && c->pc != 0 && c->sp != 0;
    errno = EDOM;
    return take_it;
}
static bool second_handler(struct gt_sigctx *c)
{
    (void)c;
    second_calls++;
    return true;
}
static void earlier_action(int signo, siginfo_t *info, void *raw)
{
    chained++;
    chained_info = info->si_signo == signo && raw != NULL;
}
static void plain_action(int signo)
{
    (void)signo;
    chained++;
}

/* Not gt_thread_signal: ThreadSanitizer holds signals back that it did not see sent. */
static void raise_usr1(void)
{
    raise(SIGUSR1);
}

static void install_earlier(bool with_info)
{
    struct sigaction a;
    memset(&a, 0, sizeof a);
    if (with_info) {
        a.sa_sigaction = earlier_action;
        a.sa_flags = SA_SIGINFO;
    } else {
        a.sa_handler = plain_action;
    }
    sigaction(SIGUSR1, &a, NULL);
}

static void test_claim(void)
{
    install_earlier(true);
    is_int(gt_signal_claim(SIGUSR1, first_handler), 0, "claim");
    is_int(gt_signal_claim(SIGUSR1, first_handler), 0, "the same claim again");
    take_it = 1;
    errno = ERANGE;
    raise_usr1();
    ok(first_calls == 1 && chained == 0, "a taken signal goes no further");
    is_int(errno, ERANGE, "errno is as it was");
    take_it = 0;
    raise_usr1();
    ok(first_calls == 2 && chained == 1 && chained_info,
       "one not taken goes to the earlier action");
    gt_signal_release(SIGUSR1, first_handler);
    raise_usr1();
    ok(first_calls == 3, "one release of two keeps the claim");
    gt_signal_release(SIGUSR1, first_handler);
    raise_usr1();
    ok(first_calls == 3 && chained == 3, "the last one restores the earlier action");
    install_earlier(false);
    is_int(gt_signal_claim(SIGUSR1, second_handler), 0, "then another handler may claim");
    raise_usr1();
    gt_signal_release(SIGUSR1, second_handler);
    raise_usr1();
    ok(second_calls == 1 && chained == 4, "and an action without siginfo comes back");
    is_int(gt_signal_claim(0, first_handler), -EINVAL, "signal 0 is none");
    is_int(gt_signal_claim(SIGKILL, first_handler), -EINVAL, "SIGKILL cannot be claimed");
}

static volatile sig_atomic_t others[4];
#define OTHER(i)                                                                                   \
    static bool other_##i(struct gt_sigctx *c)                                                     \
    {                                                                                              \
        (void)c;                                                                                   \
        others[i]++;                                                                               \
        return false;                                                                              \
    }
OTHER(0)
OTHER(1)
OTHER(2)
OTHER(3)

/* Two cores in one process, made and ended in turns: a signal that is nobody's leaves them. */
static void test_claim_together(void)
{
    chained = 0;
    signal(SIGUSR2, plain_action);
    is_int(gt_signal_claim(SIGUSR2, other_0), 0, "one handler");
    is_int(gt_signal_claim(SIGUSR2, other_1), 0, "and another");
    raise(SIGUSR2);
    ok(others[0] == 1 && others[1] == 1 && chained == 1, "both are asked, then the earlier action");
    gt_signal_release(SIGUSR2, other_0);
    is_int(gt_signal_claim(SIGUSR2, other_0), 0, "the first comes back over the second");
    raise(SIGUSR2);
    ok(others[0] == 2 && others[1] == 2 && chained == 2, "and nothing goes round");
    is_int(gt_signal_claim(SIGUSR2, other_2), 0, "a third");
    is_int(gt_signal_claim(SIGUSR2, other_3), 0, "a fourth");
    is_int(gt_signal_claim(SIGUSR2, second_handler), -EBUSY, "a fifth is refused");
    gt_signal_release(SIGUSR2, other_0);
    gt_signal_release(SIGUSR2, other_1);
    gt_signal_release(SIGUSR2, other_2);
    raise(SIGUSR2);
    ok(others[2] == 0 && others[3] == 1 && others[0] == 2 && chained == 3, "who is left is asked");
    gt_signal_release(SIGUSR2, other_3);
    raise(SIGUSR2);
    ok(others[3] == 1 && chained == 4, "after the last the earlier action is back");
    signal(SIGUSR2, SIG_DFL);
}

/* A slot is for good: who only releases must not get one. */
static void test_release_of_none(void)
{
    static bool (*const all[])(struct gt_sigctx *) = {other_0, other_1, other_2, other_3};
    for (int i = 0; i < 4; i++)
        gt_signal_release(SIGWINCH, all[i]);
    is_int(gt_signal_claim(SIGWINCH, second_handler), 0, "a release of what nobody claimed is nothing");
    gt_signal_release(SIGWINCH, second_handler);
    struct sigaction now;
    sigaction(SIGWINCH, NULL, &now);
    ok(now.sa_handler == SIG_DFL, "and the earlier action is back");
}

/* Somebody else's action on top of ours is not taken away by the release. */
static void test_claim_under(void)
{
    struct sigaction now;
    signal(SIGUSR1, SIG_IGN);
    is_int(gt_signal_claim(SIGUSR1, second_handler), 0, "claim over an ignored signal");
    install_earlier(true);
    gt_signal_release(SIGUSR1, second_handler);
    ok(sigaction(SIGUSR1, NULL, &now) == 0 && now.sa_sigaction == earlier_action,
       "release leaves a later action alone");
    signal(SIGUSR1, SIG_DFL);
}

/* A signal that nobody takes and that had no action before: the process dies of it. */
static bool refuse(struct gt_sigctx *c)
{
    (void)c;
    return false;
}

static int status_of_child(int signo)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        signal(signo, SIG_DFL);
        gt_signal_claim(signo, refuse);
        if (signo == SIGSEGV)
            (void)touch(gt_map(gt_page_size(), true));
        else
            raise(signo);
        raise(SIGURG);
        _exit(7);
    }
    return child > 0 && waitpid(child, &status, 0) == child ? status : -1;
}

static void test_default(void)
{
    int status = status_of_child(SIGTERM);
    ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM, "refused SIGTERM: death by SIGTERM");
    status = status_of_child(SIGSEGV);
    ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "refused fault: death by SIGSEGV");
    status = status_of_child(SIGURG);
    ok(WIFEXITED(status) && WEXITSTATUS(status) == 7, "refused SIGURG: nothing happens");
}

static gt_a32 spin_tid, spin_end;
static gt_a32 urged_tid;

static bool on_urge(struct gt_sigctx *c)
{
    (void)c;
    gt_store_release(&urged_tid, (uint32_t)gt_thread_id());
    return true;
}

static void spin(void *p)
{
    (void)p;
    gt_store_release(&spin_tid, (uint32_t)gt_thread_id());
    gt_await(&spin_end, gt_load_acquire(&spin_end) != 0);
}

/* The preemption signal reaches the thread that it is sent to. */
static void test_urge(void)
{
    struct gt_thread t;
    is_int(gt_signal_claim(gt_signal_preempt(), on_urge), 0, "the preemption signal is claimed");
    if (gt_thread_start(&t, spin, NULL, 0) != 0)
        bail_out("no thread");
    gt_await(&spin_tid, gt_load_acquire(&spin_tid) != 0);
    uint32_t tid = gt_load_relaxed(&spin_tid);
    is_int(gt_thread_signal((int32_t)tid, gt_signal_preempt()), 0, "sent to a spinning thread");
    gt_await(&urged_tid, gt_load_acquire(&urged_tid) != 0);
    ok(gt_load_relaxed(&urged_tid) == tid, "its handler runs on that thread");
    gt_store_release(&spin_end, 1u);
    gt_thread_join(&t);
    gt_signal_release(gt_signal_preempt(), on_urge);
}

static bool step_over(struct gt_sigctx *c)
{
    if (c->fault_addr == NULL)
        return false;
    faulted_at = c->fault_addr;
#if defined(__x86_64__)
    c->pc += 2; /* movb (%rdi), %al */
#else
    c->pc += 4;
#endif
    return true;
}

static char probe_byte(const char *p)
{
    char c;
#if defined(__x86_64__)
    __asm__ volatile("movb (%%rdi), %%al" : "=a"(c) : "D"(p) : "memory");
#else
    __asm__ volatile("ldrb %w0, [%1]" : "=r"(c) : "r"(p) : "memory");
#endif
    return c;
}

static void test_fault_resume(void)
{
    size_t page = gt_page_size();
    char *p = gt_map(page, true);
    faulted_at = NULL;
    is_int(gt_signal_claim(SIGSEGV, step_over), 0, "SIGSEGV can be claimed");
    (void)probe_byte(p + 3);
    gt_signal_release(SIGSEGV, step_over);
    ok(faulted_at == p + 3, "a handler may move the pc and the thread goes on there");
    gt_unmap(p, page);
}

static void test_altstack(void)
{
    struct gt_altstack s;
    stack_t before, now, after;
    char *hole = gt_map(gt_page_size(), true);
    sigaltstack(NULL, &before);
    is_int(gt_altstack_install(&s, 1), 0, "altstack: a size too small is enlarged");
    gt_altstack_remove(&s);
    is_int(gt_altstack_install(&s, 64 * 1024), 0, "altstack: installed");
    sigaltstack(NULL, &now);
    alt_lo = (uintptr_t)now.ss_sp;
    alt_hi = alt_lo + now.ss_size;
    on_altstack = 0;
    ok(fault_of(hole) == hole && on_altstack, "altstack: handlers run there");
    ok(fault_of((char *)alt_lo - 1) != NULL, "altstack: a guard lies below");
    gt_altstack_remove(&s);
    alt_lo = alt_hi = 0;
    sigaltstack(NULL, &after);
    ok(after.ss_sp == before.ss_sp && after.ss_flags == before.ss_flags,
       "altstack: removed, what was there is back");
    gt_unmap(hole, gt_page_size());
}

static void test_mask(void)
{
    uint64_t saved;
    sigset_t now;
    gt_signal_block_all(&saved);
    pthread_sigmask(SIG_BLOCK, NULL, &now);
    ok(sigismember(&now, SIGURG) && sigismember(&now, SIGTERM) && !sigismember(&now, SIGSEGV),
       "block_all blocks all but faults");
    gt_signal_restore(&saved);
    pthread_sigmask(SIG_BLOCK, NULL, &now);
    ok(!sigismember(&now, SIGURG) && !sigismember(&now, SIGTERM), "restore brings the mask back");
    is_int(gt_signal_preempt(), SIGURG, "the preemption signal is one that is ignored by default");
}

static void has_preempt_open(void *p)
{
    sigset_t now;
    pthread_sigmask(SIG_BLOCK, NULL, &now);
    *(bool *)p = !sigismember(&now, gt_signal_preempt()) && sigismember(&now, SIGTERM);
}

static void test_thread_mask(void)
{
    uint64_t saved;
    struct gt_thread t;
    bool open = false;
    gt_signal_block_all(&saved);
    int err = gt_thread_start(&t, has_preempt_open, &open, 0);
    if (!err)
        gt_thread_join(&t);
    gt_signal_restore(&saved);
    ok(!err && open, "a new thread takes the preemption signal and inherits the rest");
}

/* ---- epoll, eventfd ----------------------------------------------------------------------- */

static void test_poll(void)
{
    int fds[2], pfd = gt_poll_create(), efd = gt_eventfd();
    struct gt_poll_event ev[4];
    if (pfd < 0 || efd < 0 || gt_os_socketpair(fds, true) != 0)
        bail_out("no descriptors");
    is_int(gt_poll_add(pfd, fds[0], 11), 0, "poll: a socket is added");
    is_int(gt_poll_add(pfd, fds[0], 11), -EEXIST, "poll: not twice");
    is_int(gt_poll_wait(pfd, ev, 4, 0), 1, "poll: it is writable");
    ok(ev[0].data == 11 && ev[0].writable && !ev[0].readable, "poll: writable only");
    is_int(gt_poll_wait(pfd, ev, 4, 0), 0, "poll: an edge is told once");
    is_int(gt_os_write(fds[1], "x", 1), 1, "poll: the peer writes");
    is_int(gt_poll_wait(pfd, ev, 4, -1), 1, "poll: a new edge");
    ok(ev[0].readable, "poll: readable");
    int64_t t = gt_nanotime();
    is_int(gt_poll_wait(pfd, ev, 4, 1500 * GT_NS_PER_US), 0, "poll: times out");
    ok(gt_nanotime() - t >= 1500 * GT_NS_PER_US, "poll: not before its time");
    is_int(gt_poll_add_level(pfd, efd, 22), 0, "poll: an eventfd is added, level triggered");
    gt_eventfd_signal(efd);
    gt_eventfd_signal(efd);
    for (int i = 0; i < 2; i++)
        ok(gt_poll_wait(pfd, ev, 4, -1) == 1 && ev[0].data == 22 && ev[0].readable,
           "poll: a level is told again (%d)", i);
    gt_eventfd_drain(efd);
    is_int(gt_poll_wait(pfd, ev, 4, 0), 0, "poll: until it is drained");
    gt_os_close(fds[1]);
    ok(gt_poll_wait(pfd, ev, 4, -1) == 1 && ev[0].readable && ev[0].writable,
       "poll: a hang-up sets both");
    is_int(gt_poll_del(pfd, fds[0]), 0, "poll: removed");
    is_int(gt_poll_del(pfd, fds[0]), -ENOENT, "poll: only once");
    gt_os_close(fds[0]);
    gt_os_close(efd);
    gt_os_close(pfd);
    is_int(gt_poll_wait(pfd, ev, 4, 0), -EBADF, "poll: errors are negative errno");
}

/* ---- system calls --------------------------------------------------------------------------- */

static volatile sig_atomic_t sigpipes;

static void on_sigpipe(int signo)
{
    (void)signo;
    sigpipes++;
}

static bool pipe_is_pending(void)
{
    sigset_t pending;
    sigpending(&pending);
    return sigismember(&pending, SIGPIPE);
}

static void test_sigpipe(void)
{
    int fds[2];
    struct sigaction a, now;
    memset(&a, 0, sizeof a);
    a.sa_handler = on_sigpipe;
    sigaction(SIGPIPE, &a, NULL);
    for (int i = 0; i < 2; i++) {
        const char *what = i == 0 ? "pipe" : "socket";
        int err = i == 0 ? gt_os_pipe(fds, true) : gt_os_socketpair(fds, true);
        if (err)
            bail_out("no descriptors");
        gt_os_close(fds[0]);
        is_int(gt_os_write(fds[1], "x", 1), -EPIPE, "a %s without a reader: -EPIPE", what);
        gt_os_close(fds[1]);
    }
    ok(sigpipes == 0 && !pipe_is_pending(), "and no SIGPIPE, now or later");
    ok(sigaction(SIGPIPE, NULL, &now) == 0 && now.sa_handler == on_sigpipe,
       "the process's own action is untouched");
}

static void test_files(void)
{
    int fds[2];
    char buf[8];
    if (gt_os_pipe(fds, false) != 0)
        bail_out("no descriptors");
    is_int(gt_os_write(fds[1], "hello", 5), 5, "write");
    is_int(gt_os_read(fds[0], buf, sizeof buf), 5, "read");
    is_int(gt_os_set_nonblock(fds[0], true), 0, "set_nonblock");
    is_int(gt_os_read(fds[0], buf, sizeof buf), -EAGAIN, "an empty pipe then says -EAGAIN");
    is_int(gt_os_set_nonblock(fds[0], false), 0, "and back");
    gt_os_print(fds[1], "abc", 3);
    is_int(gt_os_read(fds[0], buf, sizeof buf), 3, "print");
    is_int(gt_os_close(fds[1]), 0, "close");
    is_int(gt_os_read(fds[0], buf, sizeof buf), 0, "end of file");
    gt_os_close(fds[0]);
    is_int(gt_os_close(fds[0]), -EBADF, "close of nothing");
    is_int(gt_os_write(fds[1], "x", 1), -EBADF, "write to nothing");
    is_int(gt_os_read(-1, buf, 1), -EBADF, "read from nothing");
}

static void test_rest(void)
{
    uint64_t a = 0, b = 0;
    ok(gt_os_getrandom(&a, sizeof a) == 0 && gt_os_getrandom(&b, sizeof b) == 0 && a != b,
       "getrandom gives something else each time");
    is_int(gt_os_getpid(), getpid(), "getpid");
    int n = gt_os_cpu_count();
    ok(n >= 1 && n <= sysconf(_SC_NPROCESSORS_CONF), "cpu_count: %d", n);
    ok(gt_os_cpu() >= 0, "cpu");
    for (int i = 0; i < 2; i++) {
        int err = gt_os_membarrier();
        ok(err == 0 || err == -ENOSYS, "membarrier (%d)", err);
    }
}

static void test_beside(void)
{
    static const char *const folders[] = {"no/such/folder", "../tests", "."};
    char self[4096], path[4096], tiny[8];
    ok(gt_self_path(self, sizeof self) && access(self, X_OK) == 0, "this program: %s", self);
    ok(!gt_self_path(tiny, sizeof tiny), "it needs more room than there is");
    const char *name = strrchr(self, '/') + 1;
    ok(gt_beside_program(folders, 3, name, true, path, sizeof path) && access(path, X_OK) == 0 &&
           strstr(path, "/../tests/") != NULL,
       "a file from the first folder that has it: %s", path);
    ok(!gt_beside_program(folders, 1, name, true, path, sizeof path), "none has it");
    ok(!gt_beside_program(folders, 3, name, true, tiny, sizeof tiny), "its path needs more room");
}

int main(void)
{
    plan(127 + 2 + 5);
    test_threads();
    test_futex();
    test_await_pause();
    test_clocks();
    test_claim();
    test_claim_under();
    test_claim_together();
    test_release_of_none();
    test_default();
    test_urge();
    test_fault_resume();
    if (gt_signal_claim(SIGSEGV, on_fault) != 0)
        bail_out("SIGSEGV cannot be claimed");
    test_guard(false);
    test_guard(true);
    test_memory();
    test_altstack();
    gt_signal_release(SIGSEGV, on_fault);
    test_mask();
    test_thread_mask();
    test_poll();
    test_sigpipe();
    test_files();
    test_rest();
    test_beside();
    return done_testing();
}
