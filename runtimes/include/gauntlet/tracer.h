/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tracer vtable: turns state changes into a trace. GT_C_ONLY
 *
 * What the core promises (C) and a tracer promises (T). The ownership rules are the
 * seven of Go's tracer; numbers are cited by gt_violation and tests.
 *   C1 Between acquire and release the M is pinned: no switch, no preemption.
 *   C2 A change of a G out of Running, or between other states, happens inside the
 *      same section as its event; a change into Running comes before its event.
 *   C3 An event of a P or G is emitted by the M that owns the change: the owner of
 *      the P, of the running G, or the holder of the G's scan bit.
 *   C4 A P is never got (idle list, steal of an idle P) inside a section.
 *   C5 The compare-and-swap that takes a P out of a system call and its proc_steal
 *      stand in one section, which ends before the P is handed on.
 *   C6 An M leaves (m_dies) under the scheduler lock.
 *   T1 acquire and every event never block, allocate from the core, or call a
 *      function that may switch.
 *   T2 Sections nest; a nested one has the outer one's token.
 *   T3 After stop() returned, nothing is written.
 */
#pragma once
#include "gauntlet/objects.h"
#include "gauntlet/os.h"
#include "gauntlet/plugin.h"
#include "gauntlet/stackiter.h"

/* Flags */
#define GT_TRACER_GENERATIONS 1u   /* needs advance */
#define GT_TRACER_STOPS_WORLD 2u   /* stops the world to start and stop */
#define GT_TRACER_STACKS 4u        /* takes stacks */
#define GT_TRACER_FLIGHT 8u        /* can keep the last seconds only */
#define GT_TRACER_CHECKABLE 16u    /* what it hands to the sink is a trace `check` can read */
#define GT_TRACER_NULL 32u         /* never enabled: start is refused */
/* A section is gt_section_enter and _leave (section.h) on gt_mach.section and *host->generation,
 * the token that word. Where the fences can be the kernel's (gt_section_asym) the core does so
 * itself; else, and for who calls them, acquire and release do just the same. The word is never 1:
 * that token means no section (GT_TOK_NONE_V), so one entered with it would not be left. */
#define GT_TRACER_CORE_SECTIONS 64u

#define GT_CPU_SAMPLE_FRAMES 128u

/* Where events go. `write` returns bytes taken or negative errno; after an error the tracer
 * writes no more: it stops the trace, or drops what comes. The loss is reported at the stop. */
struct gt_trace_sink {
    /* On the tracer's reader, a G, inside a system call of the runtime's: it may block. */
    int64_t (*write)(void *arg, const void *data, size_t n);
    void *arg;
    /* Optional: the first `bytes` written are a whole trace by themselves. After a failed
     * write the sink can cut back to the last such mark. */
    void (*complete)(void *arg, uint64_t bytes);
};

struct gt_trace_options {
    const struct gt_trace_sink *sink; /* NULL: discard */
    int64_t period_ns;                /* generation: 0 continuously, < 0 tracer's default */
    uint32_t header;                  /* 122, 123, 125, 126; 0: default */
    /* Stacks hold addresses instead of functions, files and lines: no debug data is read, so
     * that a generation ends as soon as it can. For runs that want many generations. */
    bool raw_stacks;
    /* CPU samples for each second of CPU time that a thread uses; 0: none. The kernel may give
     * fewer: it looks at such timers at its own ticks (250 a second, often). */
    uint32_t profile_hz;
};

/* What a thread was doing at one moment of its CPU time. */
struct gt_profile_sample {
    uint64_t time; /* gt_ticks(), nanotime where os->ticks_hz() is 0 */
    uint64_t g;    /* id of its current G, 0: none */
    int32_t tid;   /* its M's thread */
    int32_t p;     /* id of its P, -1: none */
    uint32_t n;    /* frames, > 0 */
    uintptr_t pc[GT_CPU_SAMPLE_FRAMES]; /* innermost first, all as return addresses are */
};

#define GT_PROFILE_HZ_MAX 1000000u

/* Why a proc_steal is written. */
enum gt_steal_kind {
    GT_STEAL_BY_OTHER, /* thief is another M */
    GT_STEAL_BY_SELF,  /* the M in the system call takes its own P, or took it back */
};

struct gt_trace_g_view { /* a G held still by its scan bit */
    enum gt_gstatus status;
    enum gt_wait_reason reason;
    int32_t tid; /* its M's thread, -1 none */
    bool system; /* of the runtime itself */
    bool assisting; /* between the events of a mark assist */
};

struct gt_sema;
struct gt_trace_books;
/* One logical frame. The strings live as long as the runtime; equal ones are one string. */
struct gt_symbol {
    const char *func; /* name, or "name+0x12" where there is only a symbol table */
    const char *file; /* source file; the object file where there is no debug data */
    uint32_t line;    /* 0: unknown */
    uintptr_t pc;     /* as it was asked for */
};

struct gt_tracer_host {
    struct gt_plugin_head head; /* GT_MAGIC_HOST */
    const struct gt_os *os;
    struct gt_runtime *rt;

    void *(*alloc)(const struct gt_tracer_host *h, size_t size); /* zeroed, any context but a section */
    void (*free)(const struct gt_tracer_host *h, void *p, size_t size);

    /* The hint that acquire's fast path reads. True only with the world stopped. */
    void (*set_enabled)(const struct gt_tracer_host *h, bool on);
    struct gt_mach *(*self)(const struct gt_tracer_host *h);
    gt_tok (*acquire)(const struct gt_tracer_host *h);
    void (*release)(const struct gt_tracer_host *h, gt_tok t);

    /* Every M alive and every M leaving, under the scheduler lock; fn does not block. */
    void (*each_m)(const struct gt_tracer_host *h, void (*fn)(struct gt_mach *m, void *arg), void *arg);
    /* Every G ever made, dead ones included. New ones may or may not be seen. */
    void (*each_g)(const struct gt_tracer_host *h, void (*fn)(struct gt_task *g, void *arg), void *arg);
    /* Every P alive, then every dead one (alive == false). World stopped or world
     * semaphore held. */
    void (*each_p)(const struct gt_tracer_host *h, void (*fn)(struct gt_proc *p, bool alive, void *arg),
                   void *arg);
    /* Holds a G still through its scan bit: preempts it if it runs. Context: on a G,
     * which is modelled as waiting-but-running meanwhile. false: it is dead. One at a time,
     * and no host call but stack() until resume_g. */
    bool (*suspend_g)(const struct gt_tracer_host *h, struct gt_task *g, struct gt_trace_g_view *v);
    void (*resume_g)(const struct gt_tracer_host *h, struct gt_task *g);
    /* Runs fn for every P at a safe point: on its own M, or on the caller's when the
     * P is idle or in a system call. World semaphore held. Blocks the G. */
    void (*each_p_safe)(const struct gt_tracer_host *h, void (*fn)(struct gt_proc *p, void *arg), void *arg);

    void (*stop_world)(const struct gt_tracer_host *h, enum gt_world_kind kind);
    void (*start_world)(const struct gt_tracer_host *h);
    void (*world_lock)(const struct gt_tracer_host *h); /* no stop, no procs change while held */
    void (*world_unlock)(const struct gt_tracer_host *h);
    void (*sched_lock)(const struct gt_tracer_host *h);
    void (*sched_unlock)(const struct gt_tracer_host *h);
    void (*assert_sched_locked)(const struct gt_tracer_host *h); /* a violation is counted */
    void (*sysmon_lock)(const struct gt_tracer_host *h); /* sysmon writes events without a P */
    void (*sysmon_unlock)(const struct gt_tracer_host *h);
    /* Ms in the slow exit of a system call, without a P: await 0 after enabling. */
    const gt_a32 *(*exiting_syscall)(const struct gt_tracer_host *h);

    /* Frame-pointer stack of a G: return addresses, innermost first. Its owner only
     * (the running G itself, or the holder of the scan bit); checked in the oracle
     * build. skip: frames to leave out. Count. */
    uint32_t (*stack)(const struct gt_tracer_host *h, struct gt_task *g, uint32_t skip, uintptr_t *pc,
                      uint32_t n);
    /* The same as a walk to be done inline (stackiter.h), which a tracer that has seen most
     * stacks before can compare instead of copy. Called by the tracer's op itself, whose
     * frame is left out. false: not the owner (counted); *it is not set. */
    bool (*stack_begin)(const struct gt_tracer_host *h, struct gt_task *g, struct gt_stack_iter *it);
    /* Logical frames of a return address (of the call before it), innermost first, inlined
     * ones expanded. Frames given; 0: the address is in no code that is loaded. Known
     * addresses are answered at once, in any context; others read debug data, which at
     * first takes 100 ms and more: outside sections, no lock held; allocates. On a G it is
     * a system call (may switch), unless the world is stopped. Any thread. */
    uint32_t (*symbolise)(const struct gt_tracer_host *h, uintptr_t pc, struct gt_symbol *out,
                          uint32_t n);
    /* The function that begins at pc, where it is defined. 0 or 1 frame; else likewise. */
    uint32_t (*symbolise_entry)(const struct gt_tracer_host *h, uintptr_t pc, struct gt_symbol *out);
    /* Makes the reader runnable soon. Any context, also inside a section. */
    void (*wake_reader)(const struct gt_tracer_host *h);
    /* Makes the reader runnable now, if it is parked. From a G, outside sections. */
    void (*ready_reader)(const struct gt_tracer_host *h);
    /* Starts a G of the runtime's own (reader, advancer); not counted for deadlock. */
    int (*go_system)(const struct gt_tracer_host *h, void (*fn)(void *), void *arg);
    /* Parks the calling G until the tracer's reader_wanted says so, which every search for
     * work and every round of sysmon asks. */
    void (*park_reader)(const struct gt_tracer_host *h);

    /* Semaphores for the tracer's own Gs and for Gs in start and stop. A release hands its
     * unit to who waits longest. timeout_ns: < 0 for ever, 0 not at all. On a G; acquire
     * switches. sema_reset: as new, when a run has ended (run_ended). */
    struct gt_sema *(*sema_new)(const struct gt_tracer_host *h, uint32_t count);
    void (*sema_free)(const struct gt_tracer_host *h, struct gt_sema *s);
    bool (*sema_acquire)(const struct gt_tracer_host *h, struct gt_sema *s, int64_t timeout_ns);
    void (*sema_release)(const struct gt_tracer_host *h, struct gt_sema *s);
    void (*sema_reset)(const struct gt_tracer_host *h, struct gt_sema *s, uint32_t count);
    /* The runtime's monitor releases s at `when` (os->nanotime) or up to 10 ms later, once; 0:
     * never mind. One alarm a semaphore, two semaphores a runtime. Unlike a timeout it costs the Ps nothing: a timer
     * makes each search for the next G read the clock. From a G, outside sections. */
    void (*alarm)(const struct gt_tracer_host *h, struct gt_sema *s, int64_t when);
    /* Round a call that may block, as a G of user code would: its P may be taken. */
    void (*syscall_enter)(void);
    void (*syscall_exit)(void);
    /* One line for the user, on standard error. */
    void (*warn)(const struct gt_tracer_host *h, const char *line);
    /* A broken rule of the tracing protocol, by its number (the seven of Go's tracer): is
     * counted and reported, and returns. */
    void (*violation)(const struct gt_tracer_host *h, uint32_t rule, const char *what);
    /* What a status event of a P or G is followed by: is a range open on it? Of the caller's own
     * P and G, or of one that it may write the status of. Kept whether or not a trace runs. */
    bool (*sweeping)(const struct gt_tracer_host *h, struct gt_proc *p);   /* GCSweepActive */
    bool (*assisting)(const struct gt_tracer_host *h, struct gt_task *g); /* GCMarkAssistActive */
    /* Does the collector mark, that is, did it say gc_begin and not yet gc_end? World semaphore
     * held, or the world stopped: it does not change meanwhile. */
    bool (*gc_marking)(const struct gt_tracer_host *h);
    uint64_t (*heap_goal)(const struct gt_tracer_host *h); /* bytes; 0: there is none yet */
    /*
     * CPU samples of every M, from now on until the stop. `generation`: a word that lives as long
     * as the tracer; each sample bears the value that it had then (rising; 0: no sample is taken).
     * On a G, outside sections; one at a time. 0; -ENOTSUP, -EAGAIN, -EBUSY (another
     * user of the signal), -ENOMEM: none is taken.
     */
    int (*profile_start)(const struct gt_tracer_host *h, uint32_t hz, const gt_a64 *generation);
    void (*profile_stop)(const struct gt_tracer_host *h); /* not on: nothing */
    /*
     * Takes the samples that bear w, and drops older ones; fn may not block. ended: *generation is
     * no longer w, and gt_section_fence was called since: then all of them are there. On a G,
     * outside sections, one reader at a time.
     */
    void (*profile_read)(const struct gt_tracer_host *h, uint64_t w, bool ended,
                         void (*fn)(const struct gt_profile_sample *s, void *arg), void *arg);
    uint64_t (*profile_lost)(const struct gt_tracer_host *h); /* since the runtime was made */
    /* For gt_stack_first (stackiter.h), which asks nobody: bytes of a G's stack, at most, and how
     * far behind a gt_task the two words stand that say where it left its stack. checks_owner:
     * stack_begin is to be asked each time whether the caller owns the stack. */
    uintptr_t stack_bytes;
    uint32_t task_left;
    bool checks_owner;
    /* The word of GT_TRACER_CORE_SECTIONS, 0: no section begins. Written by: the tracer, who
     * calls gt_section_fence before it looks at marks. 0 when a run begins. */
    gt_a64 *generation;
    const gt_a32 *fault; /* for GT_FAULT_IN (fault.h) */
    /* The calling M passes a point of perturb.def (GT_PERTURB_HOST of perturb.h): it may sleep
     * there. NULL: not disturbed. */
    void (*perturb)(const struct gt_tracer_host *h, uint32_t point);
    /* The tracer has just stored generation w, 0: none any more. World stopped, or world
     * semaphore held. For the journal; NULL: there is none. */
    void (*stored)(const struct gt_tracer_host *h, uint64_t w);
};
static inline void gt_trace_stored(const struct gt_tracer_host *h, uint64_t w)
{
    if (h->stored)
        h->stored(h, w);
}

/*
 * One op per event. m is the calling M: its P (m->p) and current G (m->g) are the
 * event's context unless the op says otherwise. Every op but the ones of life and
 * control is called inside a section (tok is on), on the system stack or a G's.
 * Trace: the event of the same name in the format's table.
 */
struct gt_tracer_ops {
    struct gt_plugin_head head; /* GT_MAGIC_TRACER */
    uint32_t runtime_state, m_state, p_state, g_state; /* bytes, zeroed */

    /* ---- life and control (required: init, fini; others as flags say) ---- */
    int (*init)(void *t, const struct gt_tracer_host *host);
    void (*fini)(void *t);
    /* When: trace_start. Context: on a G, may block. Return: 0, -EBUSY, -ENOTSUP. */
    int (*start)(void *t, const struct gt_trace_options *o);
    int (*stop)(void *t);
    /* Optional. When: a run has ended, with the trace off, on, or in the middle of a start or
     * stop; no M runs, the Gs of the tracer's own are gone. It forgets the trace; the next
     * start begins anew. */
    void (*run_ended)(void *t);
    /* When: someone asks for a new generation. Required with GT_TRACER_GENERATIONS. */
    int (*advance)(void *t);

    /* Required unless GT_TRACER_NULL. Pins nothing: the core has pinned. Return: the
     * token, off when not tracing. */
    gt_tok (*acquire)(void *t, struct gt_mach *m);
    void (*release)(void *t, struct gt_mach *m, gt_tok tok);

    /* An M appears; it leaves. Scheduler lock held (C6). An M for foreign threads comes and
     * goes with each call, under a new serial, its state kept. */
    void (*m_born)(void *t, struct gt_mach *m);
    void (*m_dies)(void *t, struct gt_mach *m);
    void (*p_born)(void *t, struct gt_proc *p);
    void (*p_dies)(void *t, struct gt_proc *p); /* world stopped */
    void (*g_born)(void *t, struct gt_task *g); /* struct new or reused, before its GoCreate */
    void (*g_dies)(void *t, struct gt_task *g);

    /* ---- procs ---- */
    void (*procs_change)(void *t, struct gt_mach *m, gt_tok tok, int32_t procs);
    void (*proc_start)(void *t, struct gt_mach *m, gt_tok tok); /* P already wired */
    void (*proc_stop)(void *t, struct gt_mach *m, gt_tok tok, struct gt_proc *p);
    void (*proc_steal)(void *t, struct gt_mach *m, gt_tok tok, struct gt_proc *p, enum gt_steal_kind k);

    /* ---- goroutines ---- */
    void (*go_create)(void *t, struct gt_mach *m, gt_tok tok, struct gt_task *newg, uintptr_t start_pc,
                      bool blocked);
    void (*go_start)(void *t, struct gt_mach *m, gt_tok tok); /* m->g is Running already */
    void (*go_destroy)(void *t, struct gt_mach *m, gt_tok tok);
    void (*go_stop)(void *t, struct gt_mach *m, gt_tok tok, enum gt_stop_reason why);
    void (*go_block)(void *t, struct gt_mach *m, gt_tok tok, enum gt_wait_reason why);
    void (*go_unblock)(void *t, struct gt_mach *m, gt_tok tok, struct gt_task *g);
    void (*go_switch)(void *t, struct gt_mach *m, gt_tok tok, struct gt_task *to, bool destroy);

    /* ---- system calls, foreign threads ---- */
    void (*go_syscall_begin)(void *t, struct gt_mach *m, gt_tok tok);
    void (*go_syscall_end)(void *t, struct gt_mach *m, gt_tok tok, bool blocked);
    void (*go_create_syscall)(void *t, struct gt_mach *m, gt_tok tok, struct gt_task *g);
    void (*go_destroy_syscall)(void *t, struct gt_mach *m, gt_tok tok);

    /* ---- the world ---- */
    void (*stw_begin)(void *t, struct gt_mach *m, gt_tok tok, enum gt_world_kind kind);
    void (*stw_end)(void *t, struct gt_mach *m, gt_tok tok);

    /* ---- user annotations ---- */
    void (*user_task_begin)(void *t, struct gt_mach *m, gt_tok tok, uint64_t id, uint64_t parent,
                            const char *name);
    void (*user_task_end)(void *t, struct gt_mach *m, gt_tok tok, uint64_t id);
    void (*user_region)(void *t, struct gt_mach *m, gt_tok tok, uint64_t task, const char *name, bool begin);
    void (*user_log)(void *t, struct gt_mach *m, gt_tok tok, uint64_t task, const char *key,
                     const char *value);
    void (*go_label)(void *t, struct gt_mach *m, gt_tok tok, const char *label);

    /* ---- the collector ---- */
    /* gc_active: never by the core, which says by gc_marking that it is due. gc_begin, gc_end: the
     * world semaphore held. gc_sweep: of m's P, its M pinned from begin to end; begin, and end with
     * what was swept and of it found dead, bytes. gc_assist: of m's G, which may switch and
     * block in between; not nested. Each is over for `sweeping` and `assisting` after its end
     * event, and under way after its begin event, in one section. */
    void (*gc_active)(void *t, struct gt_mach *m, gt_tok tok);
    void (*gc_begin)(void *t, struct gt_mach *m, gt_tok tok);
    void (*gc_end)(void *t, struct gt_mach *m, gt_tok tok);
    void (*gc_sweep)(void *t, struct gt_mach *m, gt_tok tok, bool begin, uint64_t swept, uint64_t reclaimed);
    void (*gc_assist)(void *t, struct gt_mach *m, gt_tok tok, bool begin);
    void (*heap_alloc)(void *t, struct gt_mach *m, gt_tok tok, uint64_t bytes);
    void (*heap_goal)(void *t, struct gt_mach *m, gt_tok tok, uint64_t bytes);

    /* ---- reader side ---- */
    /* Should the reader run? Polled by the scheduler loop on every search for work. */
    bool (*reader_wanted)(void *t);
    /* Optional. The generation that a section's token belongs to, for oracles. */
    uint64_t (*generation)(void *t, gt_tok tok);
    /* Events written since init, for reports. */
    uint64_t (*count)(void *t);
    /* Optional. The i-th kind of event: its name, how many since init. false: no more. Both
     * from any thread, no core lock held; exact when no trace runs. */
    bool (*count_kind)(void *t, uint32_t i, const char **name, uint64_t *n);
    /* Optional. The books (runtime.h) over all traces that have ended. From any thread. */
    void (*books)(void *t, struct gt_trace_books *out);
};
