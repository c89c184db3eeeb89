/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The port: the only place that names threads, atomics, futexes, clocks, epoll,
 * mmap, signals, TLS and blocking system calls. Everything above it is portable
 * C over these calls, so that the same runtime can later run on a hostile and on
 * a simulated kernel: such a back-end replaces native.h, native.c and atomic.h
 * and nothing else.
 *
 * Errors: a call that can fail returns a negative errno value. No call leaves
 * its result in `errno`: a G may wake on another thread, where errno is another
 * variable.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "port/atomic.h"
#include "port/clock.h"

enum gt_port_flavour {
    GT_PORT_NATIVE = 1,
    GT_PORT_CHAOS = 2,
    GT_PORT_EXPLORE = 3,
};
#define GT_PORT_FLAVOUR GT_PORT_NATIVE

#define GT_CACHE_LINE 64
#define GT_ALIGNED __attribute__((aligned(GT_CACHE_LINE)))
#define GT_NOINLINE __attribute__((noinline))
/* Reads what belongs to others, knowingly. */
#define GT_NO_SANITIZE __attribute__((no_sanitize("thread", "address")))
#define GT_NORETURN __attribute__((noreturn))
/* A function that never returns but runs all the time: without it the compiler takes it for one
 * that runs once, and places it away from what calls it. */
#define GT_OFTEN __attribute__((hot))
#define GT_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define gt_likely(x) __builtin_expect(!!(x), 1)
#define gt_unlikely(x) __builtin_expect(!!(x), 0)
#define gt_container(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#define GT_NS_PER_US 1000ll
#define GT_NS_PER_MS 1000000ll
#define GT_NS_PER_S 1000000000ll

/* ---- threads ---------------------------------------------------------- */
struct gt_thread {
    uint64_t handle; /* the port's own */
};
/* Starts fn(arg) on a new thread, all signals but the port's own left as they
 * are. 0, or -EAGAIN/-ENOMEM. */
int gt_thread_start(struct gt_thread *t, void (*fn)(void *), void *arg, size_t stack_size);
void gt_thread_join(struct gt_thread *t);
int gt_thread_try_join(struct gt_thread *t); /* 0 joined, -EBUSY it has not ended */
void gt_thread_detach(struct gt_thread *t);
int32_t gt_thread_id(void);      /* the kernel's thread id; comes back after exit */
uint64_t gt_thread_handle(void); /* the calling thread's handle for gt_thread_signal */
int gt_thread_signal(int32_t tid, int signo);
void gt_thread_name(const char *name); /* at most 15 characters */
/* The stack of the calling thread. */
void gt_thread_stack(void **lo, void **hi);
void gt_thread_yield(void); /* sched_yield */

/* ---- the M of this thread ---------------------------------------------- */
struct gt_m;
/* The M bound to the calling thread, or NULL. Never cached by the compiler
 * across a switch: a G may wake on another thread. */
static inline struct gt_m *gt_tls_m(void);
void gt_tls_set_m(struct gt_m *m);

/* ---- futex --------------------------------------------------------------- */
/* Sleeps while *a == expect, at most timeout_ns (< 0: for ever).
 * 0 woken (perhaps spuriously), -EAGAIN value differed, -ETIMEDOUT, -EINTR. */
int gt_futex_wait(gt_a32 *a, uint32_t expect, int64_t timeout_ns);
void gt_futex_wake(gt_a32 *a, int count);

/* ---- clocks -------------------------------------------------------------- */
static inline int64_t gt_nanotime(void); /* CLOCK_MONOTONIC, ns */
int64_t gt_walltime(void);               /* CLOCK_REALTIME, ns since 1970 */
int64_t gt_thread_cpu_time(void);        /* CPU time of the calling thread, ns */
int64_t gt_process_cpu_time(void);
/* Rate of gt_ticks() (port/clock.h) in Hz; 0 when the kernel does not trust it as a clock
 * that is the same on all CPUs. The first call measures for 10 ms. */
uint64_t gt_ticks_hz(void);
void gt_sleep_ns(int64_t ns);          /* sleeps the thread; for M-level code only */

/* ---- memory -------------------------------------------------------------- */
size_t gt_page_size(void);
/* Anonymous private mapping, or NULL. `reserve`: no access, no commit charge. */
void *gt_map(size_t size, bool reserve);
void gt_unmap(void *p, size_t size);
int gt_map_commit(void *p, size_t size); /* a reserved range becomes usable */
/* Makes [p, p+size) fault. Prefers a guard that costs no VMA; tells which in
 * *lightweight (may be NULL). 0 or -errno (-ENOMEM: the map count limit). */
int gt_guard_install(void *p, size_t size, bool *lightweight);
int gt_guard_remove(void *p, size_t size, bool lightweight);
bool gt_guard_is_lightweight(void); /* what the running kernel offers */
void gt_map_discard(void *p, size_t size); /* pages back to the kernel, zero on next touch */
void gt_map_no_huge(void *p, size_t size);
/* Bytes of whole pages in [p, p+size), both page-aligned, that memory stands behind; size when
 * the kernel does not say. */
size_t gt_map_resident(const void *p, size_t size);
/* Copies what may be unmapped or without access: false then, and where the kernel forbids to
 * look. Async-signal-safe. */
bool gt_mem_read(void *to, const void *from, size_t n);
/* NUMA nodes of pages: fills node[i] with a node or a negative errno. */
int gt_pages_nodes(size_t count, void **pages, int *node);

/* ---- signals -------------------------------------------------------------- */
struct gt_sigctx { /* what an interrupted thread was doing */
    int signo;
    int code;
    void *fault_addr;
    uintptr_t pc, sp, fp;
    const void *mark; /* a ticker's own; NULL for any other signal */
    void *raw;
};
typedef void (*gt_sighandler)(struct gt_sigctx *ctx, void *arg);
/* The signal that asks a thread to give up its P. */
int gt_signal_preempt(void);
/* The signal of tickers. */
int gt_signal_tick(void);
/* Process-wide handler for `signo`, on the alternate stack when the thread has
 * one. Counted: the first caller installs, the last release restores what was
 * there. The handler returns true when the signal was its own, and the thread then
 * goes on with the pc, sp and fp that ctx holds. Several handlers may claim a signal:
 * each is asked; when it was nobody's the previous action gets it.
 * 0; -EBUSY: as many handlers as there may be, 4, have claimed it; -EINVAL. Neither may be
 * called in a handler. */
int gt_signal_claim(int signo, bool (*handler)(struct gt_sigctx *ctx));
/* Of a handler that has claimed; of another: nothing. */
void gt_signal_release(int signo, bool (*handler)(struct gt_sigctx *ctx));
/* An alternate signal stack for the calling thread; `old` for restore. */
struct gt_altstack {
    void *base;
    size_t size;
    void *old_base;
    size_t old_size;
    int old_flags;
};
/* A guard page lies below. Remove it on its thread before that ends. 0 or -errno. */
int gt_altstack_install(struct gt_altstack *s, size_t size);
void gt_altstack_remove(struct gt_altstack *s);
/* All but the faults (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP). */
void gt_signal_block_all(uint64_t *saved);
void gt_signal_restore(const uint64_t *saved);
void gt_signal_allow(int signo, uint64_t *saved); /* to the calling thread */

/* ---- tickers: a signal each so much CPU time of one thread ---------------------- */
struct gt_ticker {
    int32_t id; /* the port's own */
    bool on;
};
/*
 * From now on `handler` is called on thread `tid` of this process each period_ns of CPU time
 * that it uses (the kernel's tick is the finest grain; what falls into one grain is one call), in
 * its signal handler, with ctx->mark == `mark`, an address. The handler is one for the
 * process and stays for good: a call may be under way, or its signal wait on a busy
 * thread, when gt_ticker_stop returns. It is async-signal-safe and ignores marks that it
 * does not know. Another's signals of that number go where they went before.
 * 0; -ENOTSUP: not on this port; -EBUSY: another handler; -EAGAIN: the kernel has no more
 * timers for this user (ulimit -i); -EINVAL, -ESRCH: no such thread.
 */
int gt_ticker_start(struct gt_ticker *t, int32_t tid, int64_t period_ns,
                    bool (*handler)(struct gt_sigctx *ctx), const void *mark);
/* Any thread; also after the ticker's own has ended. */
void gt_ticker_stop(struct gt_ticker *t);

/* ---- epoll, eventfd --------------------------------------------------------- */
struct gt_poll_event {
    uint64_t data;
    bool readable, writable; /* errors and hang-ups set both */
};
int gt_poll_create(void);
int gt_poll_add(int pollfd, int fd, uint64_t data); /* both directions, edge triggered */
int gt_poll_add_level(int pollfd, int fd, uint64_t data); /* readable, level triggered */
int gt_poll_del(int pollfd, int fd);
/* Up to n events; timeout_ns < 0 for ever, 0 at once. Count or -errno. */
int gt_poll_wait(int pollfd, struct gt_poll_event *ev, int n, int64_t timeout_ns);
int gt_eventfd(void);
void gt_eventfd_signal(int fd);
void gt_eventfd_drain(int fd);

/* ---- system calls that may block or fail -------------------------------------- */
int gt_os_close(int fd);
int64_t gt_os_read(int fd, void *buf, size_t n);        /* bytes or -errno */
int64_t gt_os_write(int fd, const void *buf, size_t n); /* bytes or -errno; SIGPIPE never */
int gt_os_pipe(int fds[2], bool nonblock);
int gt_os_socketpair(int fds[2], bool nonblock);
int gt_os_set_nonblock(int fd, bool on);
int gt_os_nanosleep(int64_t ns); /* 0, or -EINTR */
int gt_os_getpid(void);          /* really enters the kernel */
int gt_os_getrandom(void *buf, size_t n);
int gt_os_cpu(void);       /* the CPU the caller runs on */
int gt_os_cpu_count(void); /* CPUs the caller may run on */
uint64_t gt_os_memory(void); /* bytes that the machine has; UINT64_MAX: it does not say */
/* CPUs the calling thread may run on: bit c of mask[c / 64]. 0 or -errno (-EINVAL: the
 * machine may have more CPUs than words * 64). */
int gt_os_affinity(uint64_t *mask, size_t words);
/* All running threads of this process pass a full fence. 0 or -ENOSYS. */
int gt_os_membarrier(void);
/* Where the file of this program lies. false: the kernel does not say, or it needs more room. */
bool gt_self_path(char *path, size_t size);
/* A file in one of n folders, each named from the folder of this program: the first that is there
 * and may be read, or executed. false: in none of them; path is then of no use. */
bool gt_beside_program(const char *const *folders, size_t n, const char *file, bool executable,
                       char *path, size_t size);
/* For dumps: async-signal-safe, whole buffer, errors ignored. */
void gt_os_print(int fd, const char *s, size_t n);
GT_NORETURN void gt_os_abort(void);

/* ---- contexts (switch_<arch>.S, ctx.c; inline variants in native.h) --------------- */
/*
 * A suspended computation: where its stack pointer and frame pointer stand and where it
 * goes on. Whoever suspends has put every other callee-saved register on its own stack,
 * so all ways to suspend and all ways to resume fit each other. The 128 bytes below sp
 * may be live (red zone). Not switched, because the ABI lets nobody change them across a
 * call: the control words of the floating-point units (mxcsr, x87, fpcr), the signal mask.
 * Offsets are known to switch_<arch>.S and native.h.
 */
struct gt_ctx {
    void *sp;
    void *fp;
    void *pc;
};
/* Saves the caller in *save and calls fn(arg) on the stack whose top is `top` (rounded down
 * to 16). fn must not return. When somebody resumes *save, this returns. */
void gt_ctx_call(struct gt_ctx *save, void *top, void (*fn)(void *), void *arg);
/* Resumes `to`; the caller is not saved. */
GT_NORETURN void gt_ctx_jump(const struct gt_ctx *to);
/* Saves the caller in *save and resumes `to`, which is another one. */
void gt_ctx_switch(struct gt_ctx *save, const struct gt_ctx *to);
/* Prepares *ctx so that resuming it calls fn(arg) on a fresh stack; fn must not return. */
void gt_ctx_make(struct gt_ctx *ctx, void *top, void (*fn)(void *), void *arg);
/*
 * Where a frame-pointer walk of a suspended context starts: the program counter in the
 * function that suspended (for a context not yet resumed: its fn), and the frame pointer
 * that stood there, at which lie the caller's frame pointer and the return address; 0 ends
 * the walk. The stack must not change meanwhile.
 */
uintptr_t gt_ctx_fp(const struct gt_ctx *ctx);
uintptr_t gt_ctx_pc(const struct gt_ctx *ctx);

/* ---- fibers: what the sanitizers are told ------------------------------------------ */
#include "port/fiber.h"

#include "port/native.h"
