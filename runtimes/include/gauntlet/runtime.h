/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a workload runs on. `gmp` (core + one scheduler + one tracer) fills every
 * op; a peer fills what it can and the harness skips what it lacks, by the flags.
 *
 * Ops without a runtime argument act on the calling G and may be called from a G
 * only. "Switches" means: the caller may wake on another thread, so no pointer to
 * thread-local storage, errno included, survives the call.
 * Errors are negative errno values. Times are ns, monotonic.
 */
#pragma once
#include "gauntlet/gc.h"
#include "gauntlet/plugin.h"
#include "gauntlet/types.h"

#ifdef __cplusplus
extern "C" {
#endif

struct gt_scheduler_ops;
struct gt_tracer_ops;
struct gt_trace_options;
struct gt_chan;
struct gt_mutex;
struct gt_wg;
struct gt_timer;
struct gt_fd;
struct gt_coro;

typedef void (*gt_fn)(void *arg);

enum gt_bind { GT_BIND_NONE = 0, GT_BIND_PU, GT_BIND_CORE, GT_BIND_NODE };
const char *gt_bind_name(enum gt_bind b);

enum gt_alloc_kind { GT_ALLOC_JEMALLOC = 0, GT_ALLOC_BUMP };

#define GT_STACK_DEFAULT (64u * 1024u) /* usable bytes; touched pages count, not the size */
#define GT_MS_DEFAULT 10000

struct gt_config {
    const struct gt_scheduler_ops *scheduler;
    const struct gt_tracer_ops *tracer;
    int32_t procs;  /* 1..GT_PROCS_MAX */
    int32_t max_ms; /* threads at most, 0: GT_MS_DEFAULT */
    enum gt_syscall_model syscalls;
    enum gt_bind bind;
    enum gt_alloc_kind alloc;
    size_t stack_size;    /* 0: GT_STACK_DEFAULT */
    uint64_t seed;        /* of every random choice inside */
    const char *topology; /* NULL: this machine; else an hwloc synthetic string or XML file: placement only */
    int64_t watchdog_ns;  /* name a G that runs so long without a runtime call; 0: 10 s */
    uint32_t perturb;     /* enum gt_perturb_level (perturb.h), oracle build only */
    struct gt_gc_options gc;
    bool check_owner;     /* lean build: check who takes a stack, as the oracle build always does */
    const char *fault;    /* NULL; else a planted fault of faults.def, in a build that has them */
    uint64_t *broken; /* NULL; else GT_VIOLATIONS words, into which destroy adds all that were
                         counted in the runtime's life, by kind: its own among them */
};
/* All defaults; scheduler, tracer and procs are still to be set. */
void gt_config_init(struct gt_config *c);

/* What a broken protocol rule was about. */
enum gt_violation_kind {
    GT_VIOLATION_LOCK = 0, /* must-hold, or rank */
    GT_VIOLATION_STACK,    /* a stack taken or touched by who does not own it */
    GT_VIOLATION_STATUS,
    GT_VIOLATION_SECTION,
    GT_VIOLATION_JOURNAL,
    GT_VIOLATION_TRACE, /* the tracer's own rules */
    GT_VIOLATION_HEAP,
    GT_VIOLATIONS
};
const char *gt_violation_name(uint32_t kind);

/* A tracer's books over all traces that it has ended: what came in went out. 0 traces: it
 * keeps none. */
struct gt_trace_books {
    uint64_t traces;
    uint64_t queued, read;        /* bytes in buffers that were handed over, and taken up */
    uint64_t made, written, lost; /* bytes for the sink, of them taken by it, reported lost */
    uint64_t buffers_out;         /* taken and not given back when a trace had ended */
};

/* Totals since create. A snapshot; exact after run returned. */
struct gt_runtime_stats {
    uint64_t spawned, exited;
    uint64_t ms_started, ms_now;
    uint64_t switches; /* times a G began to run */
    uint64_t parks, readies;
    uint64_t syscalls, retaken; /* Ps taken from a system call */
    uint64_t preempted, preempted_async;
    uint64_t world_stops, procs_changes;
    uint64_t handoffs, wakeups;
    uint64_t netpolls, injected;
    uint64_t timers_run;
    uint64_t callbacks;
    uint64_t violations; /* broken protocol rules counted (oracle build, check_owner) */
    uint64_t unowned_stacks; /* of them: stacks taken or touched by who does not own them */
    uint64_t transitions; /* journaled (oracle build) */
    int64_t stop_ns_last, stop_ns_max; /* request to all stopped */
    uint64_t violations_by[GT_VIOLATIONS];
    uint64_t events; /* written by the tracer, all traces; 0 also where it does not count */
    struct gt_trace_books books;
};

struct gt_select_case {
    struct gt_chan *chan; /* NULL: never ready */
    void *data;           /* send: what; recv: where, may be NULL */
    bool send;
    bool ok; /* out, recv: false when closed and empty */
};

enum { /* flags of a runtime */
    GT_RT_CHAN = 1u << 0,
    GT_RT_SYSCALL = 1u << 1,
    GT_RT_NETPOLL = 1u << 2,
    GT_RT_TIMERS = 1u << 3,
    GT_RT_PROCS = 1u << 4,
    GT_RT_WORLD = 1u << 5,
    GT_RT_CALLBACK = 1u << 6,
    GT_RT_CORO = 1u << 7,
    GT_RT_TRACE = 1u << 8,
    GT_RT_GC = 1u << 9,
    GT_RT_PREEMPT = 1u << 10,
    GT_RT_PARK = 1u << 11,
    GT_RT_SUBPROCESS = 1u << 12, /* only run_cell */
    GT_RT_PLUGINS = 1u << 13,    /* takes the config's scheduler, tracer and syscall model */
};

struct gt_cell_spec;
struct gt_cell_result;

struct gt_runtime_ops {
    struct gt_plugin_head head; /* GT_MAGIC_RUNTIME */

    /* ---- the runtime itself; from a plain thread ---- */
    /* 0, or negative errno with one line in err. Nothing half-made is left. */
    int (*create)(const struct gt_config *c, struct gt_runtime **out, char *err, size_t err_size);
    /* Runs fn(arg) as the first G; returns when it has returned. Other Gs are then
     * dropped where they stand. 0; -EDEADLK: every G is parked for ever; -EINTR:
     * interrupt() was called. May be called again on the same runtime. */
    int (*run)(struct gt_runtime *rt, gt_fn fn, void *arg);
    /* Any thread, also a signal handler: makes run return -EINTR soon; outside a run, the
     * next one. */
    void (*interrupt)(struct gt_runtime *rt);
    void (*destroy)(struct gt_runtime *rt);
    void (*stats)(struct gt_runtime *rt, struct gt_runtime_stats *out);
    /* All Gs, Ms, Ps to a file descriptor, from any thread. */
    void (*dump)(struct gt_runtime *rt, int fd);

    /* ---- goroutines ---- */
    /* 0, -ENOMEM, -EAGAIN. */
    int (*go)(gt_fn fn, void *arg);
    void (*yield)(void);
    void (*exit)(void); /* the calling G ends here */
    uint64_t (*goid)(void);
    struct gt_g *(*self)(void); /* valid while that G lives */
    /* Waits for a ready(); one given earlier counts, several count once. Switches. */
    void (*park)(void);
    void (*ready)(struct gt_g *g); /* from a G or a timer function */
    void (*lock_thread)(void);     /* nests */
    void (*unlock_thread)(void);
    void (*checkpoint)(void);            /* gives up the P if asked to */
    /* This G may be preempted by signal between any two instructions. While it has opted
     * in it takes no lock that another thread may want, so no malloc and no stdio: its
     * thread sleeps with it. It resumes on the same thread. */
    void (*async_preempt)(bool on);
    struct gt_runtime *(*runtime)(void); /* of the calling G */

    /* ---- channels: elements are copied. Switch. ---- */
    struct gt_chan *(*chan_new)(size_t elem_size, size_t capacity); /* NULL: no memory */
    void (*chan_free)(struct gt_chan *c);                            /* nobody waits on it */
    int (*chan_send)(struct gt_chan *c, const void *elem);           /* 0, -EPIPE closed */
    bool (*chan_recv)(struct gt_chan *c, void *elem);                /* false: closed and empty */
    int (*chan_try_send)(struct gt_chan *c, const void *elem);       /* 0, -EAGAIN, -EPIPE */
    int (*chan_try_recv)(struct gt_chan *c, void *elem);             /* 0, -EAGAIN, -EPIPE */
    int (*chan_close)(struct gt_chan *c);                            /* 0, -EPIPE already */
    /* Index of the case that went through, -EAGAIN with `dflt` and none ready, -EPIPE
     * when a chosen send met a closed channel. A random one of the ready cases. */
    int (*select)(struct gt_select_case *cases, uint32_t n, bool dflt);

    /* ---- locks. Switch. ---- */
    struct gt_mutex *(*mutex_new)(void);
    void (*mutex_free)(struct gt_mutex *m);
    void (*mutex_lock)(struct gt_mutex *m);
    void (*mutex_unlock)(struct gt_mutex *m);
    struct gt_wg *(*wg_new)(void);
    void (*wg_free)(struct gt_wg *w);
    void (*wg_add)(struct gt_wg *w, int32_t n);
    void (*wg_done)(struct gt_wg *w);
    void (*wg_wait)(struct gt_wg *w);

    /* ---- time ---- */
    int64_t (*now)(void);
    void (*sleep)(int64_t ns); /* switches */
    /* fn runs on the system stack of an M: it must not block or switch; it may
     * ready, try_send, and start timers. */
    struct gt_timer *(*timer_new)(gt_fn fn, void *arg);
    void (*timer_start)(struct gt_timer *t, int64_t when, int64_t period);
    bool (*timer_stop)(struct gt_timer *t); /* true: it had not fired; fn is not running after */
    void (*timer_free)(struct gt_timer *t);

    /* ---- system calls and files ---- */
    void (*syscall_enter)(void); /* then a call that may be short */
    void (*syscall_enter_blocking)(void); /* hands the P off at once */
    void (*syscall_exit)(void);  /* may switch */
    struct gt_fd *(*fd_open)(int fd, int *err); /* non-blocking and polled from here on */
    int64_t (*fd_read)(struct gt_fd *f, void *buf, size_t n);        /* switches; 0 at end */
    int64_t (*fd_write)(struct gt_fd *f, const void *buf, size_t n); /* writes all or an error */
    void (*fd_close)(struct gt_fd *f); /* closes; who waits on it gets -EBADF */

    /* ---- the world ---- */
    void (*stop_world)(enum gt_world_kind kind); /* the caller goes on running alone */
    void (*start_world)(void);
    int (*set_procs)(int32_t n); /* 0, -EINVAL, -ENOSPC (bound: no more CPUs), -ENOMEM (as
                                    many as there was memory for) */
    int32_t (*procs)(void);

    /* ---- collected memory: rules and types in gc.h. From a G. ---- */
    /* A zeroed object of `size` bytes; layout NULL: no pointers in it. NULL: no memory, or
     * over the limit, a cycle having been tried; said once on standard error. May switch. */
    void *(*gc_alloc)(size_t size, const struct gt_gc_layout *layout);
    void (*gc_store)(void *slot, void *value); /* *(void **)slot = value, U1 */
    /* Every aligned word of the area keeps what it points to alive. 0, -EINVAL, -ENOMEM. */
    int (*gc_root_add)(void *area, size_t bytes);
    void (*gc_root_remove)(void *area);
    /* A whole cycle, swept too, that began after the call. Switches. 0; -EBUSY: the caller has
     * stopped the world; -EPERM: not on a G, or inside a system call. */
    int (*gc)(void);
    void (*gc_stats)(struct gt_runtime *rt, struct gt_gc_stats *out); /* any thread */

    /* ---- foreign threads ---- */
    /* From a thread the runtime did not make, or from a G inside syscall_enter: runs
     * fn(arg) on a G. 0, -EAGAIN, -ENOMEM; -ESHUTDOWN: no run goes on, or it ended
     * meanwhile and fn may not have finished. */
    int (*callback)(struct gt_runtime *rt, gt_fn fn, void *arg);
    /* While the sum of all deltas, over all runs, is > 0 foreign threads may still call in,
     * so parked Gs are no deadlock. Any thread. */
    void (*expect_callbacks)(struct gt_runtime *rt, int32_t delta);

    /* ---- direct switch ---- */
    /* A coroutine: fn(arg) runs when first switched to. Each switch exchanges the
     * caller with the G inside the coroutine; when fn returns the one that switched
     * last goes on and the coroutine is done. */
    struct gt_coro *(*coro_new)(gt_fn fn, void *arg);
    bool (*coro_switch)(struct gt_coro *c); /* false: it is done */
    void (*coro_free)(struct gt_coro *c);   /* done, or never switched to */

    /* ---- annotations: cost nothing but a branch when not traced ---- */
    uint64_t (*task_begin)(uint64_t parent, const char *name); /* task id, never 0 */
    void (*task_end)(uint64_t id);
    void (*region_begin)(uint64_t task, const char *name);
    void (*region_end)(uint64_t task, const char *name);
    void (*log)(uint64_t task, const char *key, const char *value);
    void (*label)(const char *label);

    /* ---- tracing; from a G ---- */
    int (*trace_start)(const struct gt_trace_options *o);
    int (*trace_stop)(void);

    /* ---- a peer in another process ---- */
    int (*run_cell)(const struct gt_cell_spec *spec, struct gt_cell_result *result);

    /* With GT_RT_PLUGINS: the names of the only ones that it takes, the null tracer aside; NULL:
     * any. create() refuses others: -ENOTSUP. */
    const char *scheduler, *tracer;
    /* Gs alive at once that it bears; a workload that leaves the number open keeps below.
     * 0: as many as there is memory for. */
    uint32_t gs_max;
};

/* Our runtime. */
extern const struct gt_runtime_ops gt_gmp;

#ifdef __cplusplus
}
#endif
