/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: labels=quick,reduced timeout=120 */
/* Stacks: a G in every status holds an object in one stack word, or in one register, and
 * nowhere else; a cycle keeps it. When the G has ended the next cycle does not. */
#include "gc_hand.h"
#include "gc_hold.h"

struct holder {
    hidden_t object, back;
    hold_fn how;
    gt_fn status; /* what it does while it holds */
    gt_a32 ready, go;
    GT_APTR(struct gt_g) g;
    struct gt_coro *coro;
    struct gt_chan *chan;
    struct gt_mutex *mutex;
    gt_a32 phases; /* pretences */
};

static gt_a64 cycles;
static uint32_t ended, in_vain; /* objects that nobody holds any more; kept all the same */

static bool goes(struct holder *h)
{
    return gt_load_acquire(&h->go) != 0; /* pair: test-go */
}

static void is_ready(struct holder *h)
{
    gt_store_release(&h->ready, 1u); /* pair: test-ready */
}

/* What lies below the caller's frame, and in registers, is another's now. */
/* Its frame, where the object's address then stands, is gone when it returns: trash() wipes it.
 * Inlined, the address would stay in a slot of the caller's that the next look does not write. */
static GT_NOINLINE bool marked(hidden_t h)
{
    return hand_marked(h);
}

static GT_NOINLINE void trash(void)
{
    volatile char junk[6000];
    for (size_t i = 0; i < sizeof junk; i++)
        junk[i] = (char)i;
}

/* ---- what a holder does ------------------------------------------------------------------ */
static void parked(void *arg)
{
    struct holder *h = arg;
    is_ready(h);
    while (!goes(h))
        R->park();
}

static void runnable(void *arg)
{
    struct holder *h = arg;
    is_ready(h);
    while (!goes(h))
        R->yield();
}

static void running(void *arg)
{
    struct holder *h = arg;
    is_ready(h);
    while (!goes(h))
        R->checkpoint();
}

static void sleeping(void *arg)
{
    struct holder *h = arg;
    is_ready(h);
    while (!goes(h))
        R->sleep(300 * GT_NS_PER_US);
}

static void receiving(void *arg)
{
    struct holder *h = arg;
    char c;
    is_ready(h);
    (void)R->chan_recv(h->chan, &c);
}

static void selecting(void *arg)
{
    struct holder *h = arg;
    char c;
    struct gt_select_case sc[2] = {{.chan = h->chan, .data = &c}, {.chan = NULL}};
    is_ready(h);
    (void)R->select(sc, 2, false);
}

static void locking(void *arg)
{
    struct holder *h = arg;
    is_ready(h);
    R->mutex_lock(h->mutex);
    R->mutex_unlock(h->mutex);
}

static void call_until_go(struct holder *h)
{
    trash();
    is_ready(h);
    while (!goes(h))
        gt_sleep_ns(50 * GT_NS_PER_US);
}

static void in_syscall(void *arg)
{
    R->syscall_enter();
    call_until_go(arg);
    R->syscall_exit();
}

static void in_blocking_syscall(void *arg)
{
    R->syscall_enter_blocking();
    call_until_go(arg);
    R->syscall_exit();
}

static void small_callback(void *arg)
{
    (void)arg;
    trash();
    R->yield();
    R->syscall_enter();
    trash();
    R->syscall_exit();
}

static void called_back_in_syscall(void *arg)
{
    R->syscall_enter();
    expect(R->callback(R->runtime(), small_callback, NULL) == 0);
    call_until_go(arg);
    R->syscall_exit();
}

static void thread_locked(void *arg)
{
    R->lock_thread();
    parked(arg);
    R->unlock_thread();
}

static void thread_locked_runnable(void *arg)
{
    R->lock_thread();
    runnable(arg);
    R->unlock_thread();
}

/* Waiting for form's sake from before its scan to after it: a stop of the world would wait for
 * its end, so it begins when marking has. */
static void pretend(struct holder *h, enum gt_wait_reason why)
{
    struct gt_m *m = gt_tls_m();
    struct gt_g *g = gt_m_g(m);
    gt_g_pretend_wait(m, why);
    trash();
    uint64_t seen = gt_load_relaxed(&cycles);
    gt_store_release(&h->phases, 1u); /* pair: test-ready */
    while (!goes(h) && gt_load_relaxed(&cycles) == seen)
        gt_sleep_ns(20 * GT_NS_PER_US);
    gt_g_pretend_end(m);
    (void)g;
}

static void for_form(void *arg)
{
    struct holder *h = arg;
    struct gt_runtime *rt = R->runtime();
    is_ready(h);
    while (!goes(h)) {
        if (gt_load_relaxed(&rt->gc_marking) != 0 && gt_load_relaxed(&h->phases) == 0)
            pretend(h, GT_WAIT_TRACE_START);
        R->checkpoint();
    }
}

/* The caller of gt_suspend_g has returned from what it called: not scanned, waited for. */
static struct gt_g *victim;
static GT_NOINLINE bool take(struct gt_g *g)
{
    struct gt_trace_g_view v;
    volatile uintptr_t frame[16];
    memset((void *)(uintptr_t)frame, 0, sizeof frame);
    return gt_suspend_g(R->runtime(), g, &v);
}

static void suspending(void *arg)
{
    struct holder *h = arg;
    struct gt_runtime *rt = R->runtime();
    is_ready(h);
    while (!goes(h)) {
        if (gt_load_relaxed(&rt->gc_marking) != 0 && gt_load_relaxed(&h->phases) == 0 &&
            take(victim)) {
            struct gt_g *g = gt_m_g(gt_tls_m());
            uint64_t was = g->gc_cycle;
            trash();
            gt_store_release(&h->phases, 1u); /* pair: test-ready */
            gt_sleep_ns(2 * GT_NS_PER_MS);
            expect(g->gc_cycle == was);
            gt_resume_g(rt, victim);
        }
        R->checkpoint();
    }
}

static void nothing_on_p(struct gt_p *p, void *arg)
{
    (void)p, (void)arg;
}

static void at_safe_points(void *arg)
{
    struct holder *h = arg;
    struct gt_runtime *rt = R->runtime();
    is_ready(h);
    while (!goes(h)) {
        gt_world_lock(rt);
        gt_each_p_safe(rt, GT_WAIT_GC_SAFE_POINT, nothing_on_p, NULL);
        gt_world_unlock(rt);
        R->checkpoint();
    }
}

static void stopping(void *arg)
{
    struct holder *h = arg;
    is_ready(h);
    while (!goes(h)) {
        R->stop_world(GT_WORLD_TEST);
        R->start_world();
    }
}

static void coro_other(void *arg)
{
    runnable(arg);
}

static void switched_away(void *arg)
{
    struct holder *h = arg;
    struct gt_coro *c = R->coro_new(coro_other, h);
    (void)R->coro_switch(c);
    R->coro_free(c);
}

static void switch_back(void *arg)
{
    struct holder *h = arg;
    (void)R->coro_switch(h->coro);
}

static void nothing(void *arg)
{
    (void)arg;
}

/* ---- holders --------------------------------------------------------------------------------- */
static void holder_main(void *arg)
{
    struct holder *h = arg;
    gt_store_release(&h->g, R->self()); /* pair: test-call */
    h->back = h->how(h->status, h, h->object);
}

static void coro_body(void *arg)
{
    struct holder *h = arg;
    h->back = h->how(switch_back, h, h->object);
}

/* The holder is the side of a coroutine that does not run; this G waits. */
static void coro_main(void *arg)
{
    struct holder *h = arg;
    gt_store_release(&h->g, R->self()); /* pair: test-call */
    h->coro = R->coro_new(coro_body, h);
    (void)R->coro_switch(h->coro);
    runnable(h);
    (void)R->coro_switch(h->coro);
    R->coro_free(h->coro);
}

static void spin_main(void *arg)
{
    struct holder *h = arg;
    gt_store_release(&h->g, R->self()); /* pair: test-call */
    is_ready(h);
    R->async_preempt(true);
    h->back = h->how(nothing, &h->go, h->object);
    R->async_preempt(false);
}

struct foreign {
    struct gt_runtime *rt;
    struct holder *h;
    gt_fn fn;
};

static void foreign_thread(void *arg)
{
    struct foreign *f = arg;
    expect(R->callback(f->rt, f->fn, f->h) == 0);
}

static void make_object(void *arg)
{
    struct holder *h = arg;
    /* Not where one of the last was, of which words may be left somewhere. */
    static gt_a32 nth;
    for (uint32_t i = gt_add_relaxed(&nth, 1u) * 7 % 101; i != 0; i--)
        (void)hand_alloc(48, NULL);
    h->object = hide(hand_alloc(48, NULL));
}

static void begin_marking(void)
{
    hand_begin(true);
}

static void end_marking(void)
{
    gt_add_relaxed(&cycles, 1u);
    hand_end();
}

static void release(struct holder *h)
{
    gt_store_release(&h->go, 1u); /* pair: test-go */
    struct gt_g *g = gt_load_acquire(&h->g); /* pair: test-call */
    while (gt_g_status(g) != GT_G_DEAD) {
        R->ready(g);
        R->yield();
    }
}

static void await_ready(gt_a32 *flag)
{
    while (gt_load_acquire(flag) == 0) /* pair: test-ready */
        R->yield();
}

/* The object is kept while h holds it, and not after. phased: h is in its status only while
 * marking is on. */
static void kept_while_held(struct holder *h, bool phased, const char *what, const char *where)
{
    begin_marking();
    if (phased)
        await_ready(&h->phases);
    hand_drain_some(NULL, -1);
    gt_add_relaxed(&cycles, 1u);
    hand_drain();
    bool kept = marked(h->object);
    if (!kept)
        fprintf(stderr, "# %s: lost what was held in %s\n", what, where);
    expect(kept);
    end_marking();
}

/* A word that some drain has left where another frame leaves a gap keeps it alive at times: that
 * is counted. */
static void dropped_after(struct holder *h)
{
    trash();
    begin_marking();
    hand_drain();
    ended++;
    in_vain += marked(h->object);
    expect(h->back == h->object);
    end_marking();
}

/* What the scenes show of holders they show only if the next cycle does not keep it anyway. */
static void mostly_dropped(void)
{
    if (in_vain * 4 > ended)
        fprintf(stderr, "# of %u objects %u were kept in vain\n", ended, in_vain);
    expect(in_vain * 4 <= ended);
    ended = in_vain = 0;
}

/* ---- scenes ---------------------------------------------------------------------------------------- */
static const struct scene {
    const char *name;
    gt_fn main, status;
    bool phased;
} scenes[] = {
    {"parked", holder_main, parked, false},
    {"runnable", holder_main, runnable, false},
    {"running", holder_main, running, false},
    {"asleep", holder_main, sleeping, false},
    {"receiving", holder_main, receiving, false},
    {"in a select", holder_main, selecting, false},
    {"waiting for a mutex", holder_main, locking, false},
    {"in a system call", holder_main, in_syscall, false},
    {"in a blocking system call", holder_main, in_blocking_syscall, false},
    {"in a system call, called back", holder_main, called_back_in_syscall, false},
    {"locked to its thread", holder_main, thread_locked, false},
    {"locked to its thread, runnable", holder_main, thread_locked_runnable, false},
    {"waiting for form's sake", holder_main, for_form, true},
    {"holding another G still", holder_main, suspending, true},
    {"at safe points", holder_main, at_safe_points, false},
    {"stopping the world", holder_main, stopping, false},
    {"the caller of a coroutine", holder_main, switched_away, false},
    {"inside a coroutine", coro_main, NULL, false},
};
#define N_SCENES (sizeof scenes / sizeof *scenes)

static void unblock(struct holder *h, const struct scene *s)
{
    if (s->status == receiving || s->status == selecting)
        expect(R->chan_close(h->chan) == 0);
    if (s->status == locking)
        R->mutex_unlock(h->mutex);
}

static void one_scene(const struct scene *s, hold_fn how, const char *where)
{
    struct holder h = {.how = how, .status = s->status};
    h.chan = R->chan_new(1, 0);
    h.mutex = R->mutex_new();
    R->mutex_lock(h.mutex);
    hand_elsewhere(make_object, &h);
    expect(R->go(s->main, &h) == 0);
    await_ready(&h.ready);
    kept_while_held(&h, s->phased, s->name, where);
    unblock(&h, s);
    if (s->status != locking)
        R->mutex_unlock(h.mutex);
    release(&h);
    dropped_after(&h);
    R->mutex_free(h.mutex);
    R->chan_free(h.chan);
}

static void victim_main(void *arg)
{
    struct holder *h = arg;
    gt_store_release(&h->g, R->self()); /* pair: test-call */
    parked(h); /* a second P is free for who drives */
}

static void all_scenes(void *arg)
{
    struct holder v = {.how = NULL};
    uint32_t each = arg ? N_HOLDS : 1; /* every n-th pair, or all of them */
    hand_shares();
    expect(R->go(victim_main, &v) == 0);
    await_ready(&v.ready);
    victim = gt_load_acquire(&v.g); /* pair: test-call */
    for (uint32_t i = 0; i < N_SCENES; i++)
        for (uint32_t k = i % each; k < N_HOLDS; k += each)
            one_scene(&scenes[i], holds[k].fn, holds[k].name);
    release(&v);
    mostly_dropped();
}

/* Stopped by signal between any two instructions. */
static void by_signal(void *arg)
{
    (void)arg;
    hand_shares();
    for (int round = 0; round < 5; round++)
        for (uint32_t k = 0; k < N_SPINS; k++) {
            struct holder h = {.how = spins[k].fn};
            hand_elsewhere(make_object, &h);
            expect(R->go(spin_main, &h) == 0);
            await_ready(&h.ready);
            kept_while_held(&h, false, "stopped by signal", spins[k].name);
            release(&h);
            dropped_after(&h);
        }
    mostly_dropped();
}

static void foreign_callback(void *arg)
{
    static const gt_fn does[] = {parked, runnable, running, in_syscall};
    (void)arg;
    hand_shares();
    for (uint32_t i = 0; i < sizeof does / sizeof *does; i++)
        for (uint32_t k = i; k < N_HOLDS; k += 3) {
            struct holder h = {.how = holds[k].fn, .status = does[i]};
            struct foreign f = {R->runtime(), &h, holder_main};
            struct gt_thread t;
            hand_elsewhere(make_object, &h);
            expect(gt_thread_start(&t, foreign_thread, &f, 256u << 10) == 0);
            await_ready(&h.ready);
            kept_while_held(&h, false, "in a callback", holds[k].name);
            release(&h);
            gt_thread_join(&t);
            dropped_after(&h);
        }
    mostly_dropped();
}

/* ---- arguments ------------------------------------------------------------------------------------- */
static gt_a32 arg_ready, arg_go;
static void ignores_its_argument(void *arg)
{
    (void)arg;
    gt_store_release(&arg_ready, 1u); /* pair: test-ready */
    while (gt_load_acquire(&arg_go) == 0) /* pair: test-go */
        R->yield();
}

static void spawn_with_object(void *arg)
{
    make_object(arg);
    expect(R->go(ignores_its_argument, unhide(((struct holder *)arg)->object)) == 0);
}

static void coro_with_object(void *arg)
{
    struct holder *h = arg;
    make_object(h);
    h->coro = R->coro_new(nothing, unhide(h->object));
}

static void drop_coro(void *arg)
{
    struct holder *h = arg;
    (void)R->coro_switch(h->coro);
    R->coro_free(h->coro);
}

static void arguments(void *arg)
{
    struct holder h = {.how = NULL};
    (void)arg;
    hand_shares();
    gt_store_relaxed(&arg_ready, 0u);
    gt_store_relaxed(&arg_go, 0u);
    hand_elsewhere(spawn_with_object, &h);
    await_ready(&arg_ready);
    kept_while_held(&h, false, "spawned", "its argument");
    gt_store_release(&arg_go, 1u); /* pair: test-go */
    hand_elsewhere(coro_with_object, &h);
    kept_while_held(&h, false, "a coroutine not begun", "its argument");
    hand_elsewhere(drop_coro, &h);
}

int main(void)
{
    static const int32_t procs[] = {2, 3};
    for (int i = 0; i < 2; i++) {
        in_runtime(procs[i], all_scenes, i == 0 ? NULL : &ended, "what a G holds is kept, whatever its status");
        in_runtime_status(procs[i], all_scenes, &ended, "the same, syscall model status");
        in_runtime(procs[i], foreign_callback, NULL, "callbacks of foreign threads");
        in_runtime(procs[i], arguments, NULL, "arguments");
    }
    in_runtime_status(2, foreign_callback, NULL, "callbacks, syscall model status");
    if (!GT_TSAN) /* it delays signals */
        in_runtime(2, by_signal, NULL, "stopped by signal: every register");
    return done_testing();
}
