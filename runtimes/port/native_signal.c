/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Native port: signals.
 *
 * Signal actions belong to the process, so the table of claims is one of the two
 * globals of the port (the other is the M's thread-local slot). A process may have the
 * core more than once (gt_gmp_unhooked, gt_peer_gmp_fused), each with handlers of its own;
 * all of them claim here. With a table each, an action claimed again would lie above and
 * below the other's, and a signal that nobody takes would go round for ever:
 *
 *     A claims     previous of A: default     B claims      previous of B: A
 *     A releases   B's action stays           A claims      previous of A: B
 *
 * I1  A signal's `previous` is written only while nobody claims it and before the port's
 *     action is installed; a slot's handler once, before its first count. So a handler that
 *     runs never sees them half written.
 * I2  A slot's handler stays for ever: a signal that is already on its way may still read
 *     it. With all counts 0 it goes to the previous action.
 * I3  Every handler that claims a signal is asked, also when another took it: each knows
 *     its own threads only.
 * O1  claim publishes the count with release; on_signal reads it with acquire and
 *     then sees I1's fields.
 * Progress: on_signal takes no lock. claim and release spin on one lock whose
 * holders make two system calls at most; neither may be called in a handler.
 * Limits: the previous action's mask and its SA_RESETHAND, SA_NODEFER are not
 * honoured when a signal is passed on.
 */
#include "port/port.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "port/native_result.h"
#include "port/native_ticker.h"

#define SIGNALS 65
#define HANDLERS 4 /* of one signal */

typedef bool (*handler_fn)(struct gt_sigctx *ctx);

struct claimant {
    handler_fn handler;
    gt_a32 count;
};

struct claim {
    struct sigaction previous;
    struct claimant by[HANDLERS];
};

static struct {
    gt_a32 lock;
    struct claim of[SIGNALS]; /* Written by: under lock. Read by: on_signal */
} signal_claims;

int gt_signal_preempt(void)
{
    return SIGURG;
}

int gt_signal_tick(void)
{
    return SIGPROF;
}

/* ---- the handler ------------------------------------------------------------ */

#if defined(__x86_64__)
static void read_registers(struct gt_sigctx *c, const ucontext_t *uc)
{
    c->pc = (uintptr_t)uc->uc_mcontext.gregs[REG_RIP];
    c->sp = (uintptr_t)uc->uc_mcontext.gregs[REG_RSP];
    c->fp = (uintptr_t)uc->uc_mcontext.gregs[REG_RBP];
}
static void write_registers(const struct gt_sigctx *c, ucontext_t *uc)
{
    uc->uc_mcontext.gregs[REG_RIP] = (greg_t)c->pc;
    uc->uc_mcontext.gregs[REG_RSP] = (greg_t)c->sp;
    uc->uc_mcontext.gregs[REG_RBP] = (greg_t)c->fp;
}
#elif defined(__aarch64__)
static void read_registers(struct gt_sigctx *c, const ucontext_t *uc)
{
    c->pc = (uintptr_t)uc->uc_mcontext.pc;
    c->sp = (uintptr_t)uc->uc_mcontext.sp;
    c->fp = (uintptr_t)uc->uc_mcontext.regs[29];
}
static void write_registers(const struct gt_sigctx *c, ucontext_t *uc)
{
    uc->uc_mcontext.pc = c->pc;
    uc->uc_mcontext.sp = c->sp;
    uc->uc_mcontext.regs[29] = c->fp;
}
#endif

static bool ignored_by_default(int signo)
{
    return signo == SIGURG || signo == SIGCHLD || signo == SIGWINCH || signo == SIGCONT;
}

/* The default action ends the process: put it back and let the signal come again,
 * by repeating the instruction that faulted, or by sending it once more. */
static void die_by_default(int signo, const siginfo_t *info)
{
    struct sigaction dfl;
    memset(&dfl, 0, sizeof dfl);
    dfl.sa_handler = SIG_DFL;
    sigaction(signo, &dfl, NULL);
    if (info->si_code <= 0)
        syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), signo);
}

static void pass_on(const struct sigaction *previous, int signo, siginfo_t *info, void *raw)
{
    if (previous->sa_flags & SA_SIGINFO)
        previous->sa_sigaction(signo, info, raw);
    else if (previous->sa_handler == SIG_DFL && !ignored_by_default(signo))
        die_by_default(signo, info);
    else if (previous->sa_handler != SIG_DFL && previous->sa_handler != SIG_IGN)
        previous->sa_handler(signo);
}

/* I3. */
static bool ask(struct claim *c, struct gt_sigctx *ctx)
{
    bool taken = false;
    for (int i = 0; i < HANDLERS; i++)
        if (gt_load_acquire(&c->by[i].count) > 0) /* pair: signal-claim */
            taken |= c->by[i].handler(ctx);
    return taken;
}

/* Any thread, any point, on its alternate stack where it has one. */
static void on_signal(int signo, siginfo_t *info, void *raw)
{
    int saved_errno = errno;
    struct claim *c = &signal_claims.of[signo];
    struct gt_sigctx ctx = {
        .signo = signo, .code = info->si_code, .fault_addr = info->si_addr, .raw = raw};
    if (info->si_code == SI_TIMER)
        ctx.mark = gt_ticker_mark(info->si_value.sival_ptr);
    read_registers(&ctx, raw);
    if (ask(c, &ctx))
        write_registers(&ctx, raw);
    else
        pass_on(&c->previous, signo, info, raw);
    errno = saved_errno;
}

/* ---- claims ------------------------------------------------------------------- */

static bool try_lock(void)
{
    uint32_t expected = 0;
    return gt_cas_acquire(&signal_claims.lock, &expected, 1u); /* pair: signal-claims-lock */
}
static void lock_claims(void)
{
    gt_await(&signal_claims.lock, try_lock());
}
static void unlock_claims(void)
{
    gt_store_release(&signal_claims.lock, 0u); /* pair: signal-claims-lock */
}

static bool action_is_ours(const struct sigaction *a)
{
    return (a->sa_flags & SA_SIGINFO) && a->sa_sigaction == on_signal;
}

/* Needs the lock, nobody claims it. When the port's action is still there (see restore), the
 * previous one is already known. */
static int remember(int signo, struct claim *c)
{
    struct sigaction now;
    int err = gt_result_int(sigaction(signo, NULL, &now));
    if (!err && !action_is_ours(&now))
        c->previous = now;
    return err;
}

static int install(int signo)
{
    struct sigaction ours;
    memset(&ours, 0, sizeof ours);
    ours.sa_sigaction = on_signal;
    ours.sa_flags = SA_ONSTACK | SA_RESTART | SA_SIGINFO;
    sigemptyset(&ours.sa_mask);
    sigaddset(&ours.sa_mask, gt_signal_preempt());
    return gt_result_int(sigaction(signo, &ours, NULL));
}

/* Needs the lock. */
static bool is_claimed(struct claim *c)
{
    for (int i = 0; i < HANDLERS; i++)
        if (gt_load_relaxed(&c->by[i].count) > 0)
            return true;
    return false;
}

/* Needs the lock. The handler's slot; NULL: it has none. */
static struct claimant *slot_of(struct claim *c, handler_fn handler)
{
    for (int i = 0; i < HANDLERS; i++)
        if (c->by[i].handler == handler)
            return &c->by[i];
    return NULL;
}

/* Needs the lock. The handler's slot, else a free one, which becomes its own for good (I2); NULL:
 * none is free. */
static struct claimant *have_slot(struct claim *c, handler_fn handler)
{
    struct claimant *by = slot_of(c, handler);
    if (!by && (by = slot_of(c, NULL)) != NULL)
        by->handler = handler;
    return by;
}

/* Needs the lock. I1: what a handler needs, its count, the action. */
static int claim(int signo, struct claim *c, handler_fn handler)
{
    bool first = !is_claimed(c);
    struct claimant *by = have_slot(c, handler);
    if (!by)
        return -EBUSY;
    uint32_t count = gt_load_relaxed(&by->count);
    int err = first ? remember(signo, c) : 0;
    if (err)
        return err;
    gt_store_release(&by->count, count + 1); /* pair: signal-claim */
    err = first ? install(signo) : 0;
    if (err)
        gt_store_relaxed(&by->count, count);
    return err;
}

int gt_signal_claim(int signo, handler_fn handler)
{
    if (signo <= 0 || signo >= SIGNALS)
        return -EINVAL;
    lock_claims();
    int err = claim(signo, &signal_claims.of[signo], handler);
    unlock_claims();
    return err;
}

/* Needs the lock. Somebody who installed an action later keeps it, and passes the
 * signal to us: on_signal then goes straight to the previous action (I2). */
static void restore(int signo, struct claim *c)
{
    struct sigaction now;
    if (sigaction(signo, NULL, &now) == 0 && action_is_ours(&now))
        sigaction(signo, &c->previous, NULL);
}

void gt_signal_release(int signo, handler_fn handler)
{
    struct claim *c = &signal_claims.of[signo];
    lock_claims();
    struct claimant *by = slot_of(c, handler);
    uint32_t count = by ? gt_load_relaxed(&by->count) : 0;
    if (count > 0)
        gt_store_release(&by->count, count - 1); /* pair: signal-claim */
    if (count == 1 && !is_claimed(c))
        restore(signo, c);
    unlock_claims();
}

/* ---- alternate stack ------------------------------------------------------------ */

static size_t altstack_size(size_t asked)
{
    size_t page = gt_page_size();
    long least = sysconf(_SC_MINSIGSTKSZ); /* grows with the CPU's vector state */
    if (least > 0 && asked < (size_t)least)
        asked = (size_t)least;
    return (asked + page - 1) / page * page;
}

int gt_altstack_install(struct gt_altstack *s, size_t size)
{
    size_t page = gt_page_size();
    stack_t fresh = {0}, old;
    memset(s, 0, sizeof *s);
    size = altstack_size(size);
    char *base = gt_map(size + page, false);
    if (!base)
        return -ENOMEM;
    int err = gt_guard_install(base, page, NULL);
    fresh.ss_sp = base + page;
    fresh.ss_size = size;
    if (!err)
        err = gt_result_int(sigaltstack(&fresh, &old));
    if (err) {
        gt_unmap(base, size + page);
        return err;
    }
    *s = (struct gt_altstack){.base = base,
                              .size = size + page,
                              .old_base = old.ss_sp,
                              .old_size = old.ss_size,
                              .old_flags = old.ss_flags};
    return 0;
}

void gt_altstack_remove(struct gt_altstack *s)
{
    stack_t old = {.ss_sp = s->old_base, .ss_size = s->old_size, .ss_flags = s->old_flags};
    if (!s->base)
        return;
    if (sigaltstack(&old, NULL) == 0)
        gt_unmap(s->base, s->size);
    s->base = NULL;
}

/* ---- mask --------------------------------------------------------------------------- */

_Static_assert(sizeof(sigset_t) >= sizeof(uint64_t), "the mask fits");

void gt_signal_block_all(uint64_t *saved)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
    sigset_t all, old;
    sigfillset(&all);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        sigdelset(&all, faults[i]);
    sigemptyset(&old);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    memcpy(saved, &old, sizeof *saved);
}

void gt_signal_restore(const uint64_t *saved)
{
    sigset_t old;
    sigemptyset(&old);
    memcpy(&old, saved, sizeof *saved);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void gt_signal_allow(int signo, uint64_t *saved)
{
    sigset_t one, old;
    sigemptyset(&one);
    sigaddset(&one, signo);
    sigemptyset(&old);
    pthread_sigmask(SIG_UNBLOCK, &one, &old);
    memcpy(saved, &old, sizeof *saved);
}
