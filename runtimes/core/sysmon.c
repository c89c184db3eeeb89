/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sysmon: a thread without a P that keeps the others honest.
 *
 * Each round it takes Ps out of long system calls, asks long runners to give way, polls
 * the network when nobody has for 10 ms, starts an M when work, a due timer or a failed
 * thread start left an idle P beside it, names Gs that make no runtime call, and rings the
 * alarm of a tracer.
 *
 * Invariants:
 *   I1 sysmon_lock is held over a round: a tracer that starts takes it to keep sysmon's
 *      events out (it writes them without a P).
 *   I2 A P taken from a system call is handed on after its section has ended (C5).
 *   I3 With every P idle or stopped sysmon sleeps without a timeout, unless a timer, a file
 *      that nobody polls, a reader, an alarm or a stop that drags on may need it;
 *      whoever takes an idle P wakes it.
 * Progress: sleeps 20 us while there is something to do; after 50 idle rounds twice as
 * long each time, up to 10 ms.
 */
#include "core/gc.h"
#include "core/sync.h"

#define SLEEP_MIN (20 * GT_NS_PER_US)
#define SLEEP_MAX (10 * GT_NS_PER_MS)
#define SLICE (10 * GT_NS_PER_MS)
#define POLL_EVERY (10 * GT_NS_PER_MS)

void gt_sysmon_wake(struct gt_runtime *rt)
{
    gt_assert_held(&rt->sched_lock);
    if (rt->sysmon_waits) {
        rt->sysmon_waits = false;
        gt_note_wake(&rt->sysmon_note);
    }
}

/* The thread on p, -1 none. The M may leave meanwhile and serve another thread, which writes
 * its id there under the lock. */
static int32_t thread_on(struct gt_runtime *rt, struct gt_p *p)
{
    gt_lock(&rt->sched_lock);
    struct gt_m *m = gt_load_acquire(&p->m); /* pair: p-owner */
    int32_t tid = m ? m->t.tid : -1;
    gt_unlock(&rt->sched_lock);
    return tid;
}

/* A G that has been running for very long without a runtime call is named once. */
static void name_long_runner(struct gt_runtime *rt, struct gt_p *p, int64_t ran)
{
    if (ran < rt->config.watchdog_ns || p->seen.warned)
        return;
    int32_t tid = thread_on(rt, p);
    if (tid < 0)
        return;
    p->seen.warned = true;
    gt_warn(rt, "P %d: the goroutine on thread %d has run for %lld ms without a runtime call; "
                "add gt checkpoint() to its loop or opt in to asynchronous preemption",
            p->t.id, tid, (long long)(ran / GT_NS_PER_MS));
}

/* Has p been on one G, in its slice or beyond, since longer than a slice? */
static bool slice_is_over(struct gt_p *p, int64_t now)
{
    uint32_t tick = gt_load_relaxed(&p->sched_tick);
    if (p->seen.sched_tick == tick && p->seen.sched_when != 0)
        return now - p->seen.sched_when >= SLICE;
    p->seen.sched_tick = tick;
    p->seen.sched_when = now;
    p->seen.warned = false;
    return false;
}

static bool preempt_long_runner(struct gt_runtime *rt, struct gt_p *p, int64_t now)
{
    if (!slice_is_over(p, now))
        return false;
    gt_preempt_p(rt, p);
    name_long_runner(rt, p, now - p->seen.sched_when);
    return true;
}

static bool in_syscall(struct gt_runtime *rt, struct gt_p *p)
{
    if (rt->syscalls == GT_SYSCALLS_STATUS)
        return gt_p_status(p) == GT_P_SYSCALL;
    struct gt_g *g = gt_load_acquire(&p->sysg); /* pair: sysg */
    return g && gt_g_status(g) == GT_G_SYSCALL && gt_load_relaxed(&g->m) != NULL &&
           gt_load_acquire(&p->m) == gt_load_relaxed(&g->m); /* pair: p-owner */
}

static bool others_can_work(struct gt_runtime *rt, struct gt_p *p)
{
    bool queued = gt_sched(rt)->p_has_work ? gt_sched(rt)->p_has_work(rt->sched_state, &p->t)
                                        : gt_sched(rt)->has_work(rt->sched_state, &p->t);
    return !queued && gt_load_relaxed(&rt->spinning) + gt_load_relaxed(&rt->idle_ps) > 0;
}

/*
 * The call that was seen a round ago goes on; or the G comes from one call and goes into the
 * next, none of them seen twice, and its slice is over:
 *
 *      G on P                  sysmon, asleep for 10 ms each time
 *      call 1, 3 ms
 *                              in a call: number 1
 *      calls 2, 3, 4
 *                              in a call: number 4, a new one; and so on
 *      other Gs of P wait
 */
static bool retake_from_syscall(struct gt_m *m, struct gt_p *p, int64_t now)
{
    struct gt_runtime *rt = m->rt;
    uint32_t tick = gt_load_relaxed(&p->syscall_tick);
    bool over = slice_is_over(p, now);
    if (p->seen.syscall_tick != tick || p->seen.syscall_when == 0) {
        p->seen.syscall_tick = tick;
        p->seen.syscall_when = now;
        if (!over)
            return false;
    }
    if (others_can_work(rt, p) && now - p->seen.syscall_when < SLICE)
        return false;
    GT_PERTURB(m, retake_seen);
    if (!gt_p_steal_syscall(m, p, GT_P_IDLE))
        return false;
    gt_add_relaxed(&rt->count.retaken, 1u);
    gt_p_handoff(m, p);
    return true;
}

static bool retake(struct gt_m *m, int64_t now)
{
    struct gt_runtime *rt = m->rt;
    bool did = false;
    int32_t n = gt_load_acquire(&rt->procs); /* pair: procs */ /* no P: the Ps came before it */
    for (int32_t i = 0; i < n; i++) {
        struct gt_p *p = gt_load_acquire(&rt->allp[i]); /* pair: allp */
        enum gt_pstatus s = gt_p_status(p);
        if (s != GT_P_RUNNING && s != GT_P_SYSCALL)
            continue;
        if (in_syscall(rt, p))
            did |= retake_from_syscall(m, p, now);
        else
            did |= preempt_long_runner(rt, p, now);
    }
    return did;
}

/*
 * While found Gs are in sysmon's hands, neither waiting nor queued, the rest may look like a
 * deadlock.
 *
 *      sysmon                              the last M
 *      takes the collector's G: a cycle
 *      is due
 *                                          marks the last object of another cycle: pokes, the
 *                                          collector does not sleep; goes idle. All others wait
 *                                          for the end of that cycle: a deadlock?
 *      readies the collector's G
 */
static void polls(struct gt_runtime *rt, bool on)
{
    gt_lock(&rt->sched_lock);
    rt->sysmon_polls = on;
    if (!on)
        gt_check_deadlock(rt);
    gt_unlock(&rt->sched_lock);
}

static void poll_if_nobody_does(struct gt_m *m, int64_t now)
{
    struct gt_runtime *rt = m->rt;
    int64_t last = gt_load_relaxed(&rt->last_poll);
    struct gt_tasks list = {0};
    if (gt_load_relaxed(&rt->poll_waiters) == 0 || last == 0 || last + POLL_EVERY > now ||
        !gt_cas_acq_rel(&rt->last_poll, &last, now)) /* pair: lastpoll */
        return;
    polls(rt, true);
    gt_netpoll(rt, 0, &list);
    gt_add_relaxed(&rt->count.netpolls, 1u);
    if (list.head) {
        GT_PERTURB(m, poll_found);
        gt_inject(m, &list);
    }
    polls(rt, false);
}

/* A timer is due, or work waits, and a P is idle with no M on its way. */
static void start_what_was_missed(struct gt_runtime *rt, int64_t now)
{
    if (gt_load_relaxed(&rt->idle_ps) == 0 || gt_load_relaxed(&rt->spinning) != 0)
        return;
    int64_t due = gt_load_relaxed(&rt->n_timers) > 0 ? gt_timers_next_all(rt) : 0;
    bool reader = gt_load_relaxed(&rt->reader) != NULL && gt_tracer(rt)->reader_wanted &&
                  gt_tracer(rt)->reader_wanted(rt->tracer_state);
    if ((due != 0 && due <= now) || reader ||
        (!GT_FAULT(wakeup_lost) && gt_sched(rt)->has_work(rt->sched_state, NULL)))
        gt_m_start(rt, NULL, false);
}

/* ---- the alarms of a tracer ----------------------------------------------------------- */
#define ALARMS (sizeof ((struct gt_runtime *)0)->alarm / sizeof *((struct gt_runtime *)0)->alarm)

static void ring(struct gt_runtime *rt, int64_t now)
{
    for (size_t i = 0; i < ALARMS; i++) {
        gt_ai64 *when = &rt->alarm[i].at;
        int64_t at = gt_load_acquire(when); /* pair: alarm */
        if (at == 0 || at > now || !gt_cas_acq_rel(when, &at, 0)) /* pair: alarm */
            continue;
        polls(rt, true);
        gt_sema_release(gt_load_relaxed(&rt->alarm[i].sema));
        polls(rt, false);
    }
}

static void collector_due(struct gt_runtime *rt, int64_t now)
{
    int64_t due = gt_gc_due(rt);
    if (due == 0 || now < due)
        return;
    polls(rt, true);
    gt_gc_tick(rt, now);
    polls(rt, false);
}

static int64_t next_alarm(struct gt_runtime *rt)
{
    int64_t next = gt_gc_due(rt);
    for (size_t i = 0; i < ALARMS; i++) {
        int64_t at = gt_load_relaxed(&rt->alarm[i].at);
        if (at != 0 && (next == 0 || at < next))
            next = at;
    }
    return next;
}

/* A slot is its semaphore's for ever. A store of the time last: whoever sees it sees the
 * semaphore. */
void gt_alarm(struct gt_runtime *rt, struct gt_sema *s, int64_t when)
{
    for (size_t i = 0; i < ALARMS; i++) {
        struct gt_sema *whose = NULL;
        if (!gt_cas_relaxed(&rt->alarm[i].sema, &whose, s) && whose != s)
            continue;
        gt_store_release(&rt->alarm[i].at, when); /* pair: alarm */
        gt_lock(&rt->sched_lock);
        gt_sysmon_wake(rt); /* it may sleep longer than that */
        gt_unlock(&rt->sched_lock);
        return;
    }
    gt_throw(rt, "a tracer asks for more alarms than there are");
}

/* Of a sleep of `ns`, < 0 for ever, what an alarm leaves. */
static int64_t until_alarm(struct gt_runtime *rt, int64_t ns)
{
    int64_t at = next_alarm(rt);
    if (at == 0)
        return ns;
    int64_t left = at - gt_nanotime();
    left = left > SLEEP_MIN ? left : SLEEP_MIN;
    return ns < 0 || left < ns ? left : ns;
}

static bool nothing_runs(struct gt_runtime *rt)
{
    return gt_load_relaxed(&rt->stopping) != 0 ||
           gt_load_relaxed(&rt->idle_ps) == gt_load_relaxed(&rt->procs);
}

/* I3. */
static void sleep_deeply(struct gt_runtime *rt)
{
    gt_lock(&rt->sched_lock);
    if (!nothing_runs(rt) || gt_load_relaxed(&rt->exiting) != 0) {
        gt_unlock(&rt->sched_lock);
        return;
    }
    rt->sysmon_waits = true;
    bool stop_going_on = gt_load_relaxed(&rt->stopping) != 0 && rt->stop_wait > 0;
    gt_unlock(&rt->sched_lock);
    int64_t next = gt_load_relaxed(&rt->n_timers) > 0 ? gt_timers_next_all(rt) : 0;
    int64_t now = gt_nanotime();
    /* The poller wakes for timers; this is for a machine that could not make one. */
    int64_t wait = next ? (next > now ? next - now : 0) + SLICE : -1;
    if (gt_sched(rt)->has_work(rt->sched_state, NULL))
        wait = GT_NS_PER_MS; /* no thread could be made for it, or it is being taken */
    bool polled_by_nobody =
        gt_load_relaxed(&rt->poll_waiters) != 0 && gt_load_relaxed(&rt->last_poll) != 0;
    bool reader = gt_load_relaxed(&rt->reader) != NULL;
    if (wait < 0 && (stop_going_on || polled_by_nobody || reader))
        wait = SLICE; /* to name who delays the stop; to poll in the place of an M */
    gt_note_sleep(&rt->sysmon_note, until_alarm(rt, wait));
    gt_lock(&rt->sched_lock);
    rt->sysmon_waits = false;
    gt_note_clear(&rt->sysmon_note);
    gt_unlock(&rt->sched_lock);
}

static void round_of(struct gt_m *m, uint32_t *idle)
{
    struct gt_runtime *rt = m->rt;
    gt_lock(&rt->sysmon_lock);
    int64_t now = gt_nanotime();
    poll_if_nobody_does(m, now);
    start_what_was_missed(rt, now);
    ring(rt, now);
    collector_due(rt, now);
    *idle = retake(m, now) ? 0 : *idle + 1;
    gt_unlock(&rt->sysmon_lock);
}

void gt_sysmon_main(void *arg)
{
    struct gt_m *m = arg;
    struct gt_runtime *rt = m->rt;
    gt_thread_name("gt-sysmon");
    gt_m_init_thread(m);
    uint32_t idle = 0;
    int64_t delay = SLEEP_MIN;
    while (gt_load_acquire(&rt->exiting) == 0) { /* pair: exiting */
        if (idle == 0)
            delay = SLEEP_MIN;
        else if (idle > 50 && delay < SLEEP_MAX)
            delay = delay * 2 < SLEEP_MAX ? delay * 2 : SLEEP_MAX;
        gt_sleep_ns(until_alarm(rt, delay));
        if (nothing_runs(rt)) {
            sleep_deeply(rt);
            idle = 0;
        }
        round_of(m, &idle);
    }
    gt_m_fini_thread(m);
}
