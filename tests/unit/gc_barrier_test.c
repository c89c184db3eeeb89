/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: labels=quick,reduced timeout=60 */
/*
 * The barrier's scenes, as drawn in gc_mark.c, gc_roots.c and chan.c: marking is on, nothing is
 * looked at but what the scene says, a pointer moves from a place that would still be looked at
 * to one that was already, and the object must be marked. Each scene also runs with the
 * barriers told that nobody marks: then it must lose the object, or it shows nothing.
 */
#include "gc_hand.h"
#include "core/sync.h"

struct move {
    hidden_t q; /* the object that moves */
    struct gt_chan *chan;
    void *field; /* an object with a pointer at its start, of a root that is not looked at */
    struct gt_coro *coro;
};

static const uint32_t at_0[] = {0};
static const struct gt_gc_layout box_layout = {"box", 16, 1, at_0};
#define ELEM 40 /* more words than are copied by the word */
struct elem {
    uintptr_t word[ELEM / 8];
};

static void make(void *arg)
{
    struct move *v = arg;
    v->q = hide(hand_alloc(64, NULL));
    v->field = hand_alloc(16, &box_layout);
}

static void send_q(void *arg)
{
    struct move *v = arg;
    struct elem e = {{0}};
    e.word[4] = ~v->q;
    expect(R->chan_send(v->chan, &e) == 0);
}

static void select_send_q(void *arg)
{
    struct move *v = arg;
    struct elem e = {{0}};
    struct gt_chan *none = R->chan_new(1, 0);
    e.word[3] = ~v->q;
    struct gt_select_case sc[2] = {{.chan = none, .data = &e}, {.chan = v->chan, .send = true, .data = &e}};
    expect(R->select(sc, 2, false) == 1);
    R->chan_free(none);
}

static void try_send_q(void *arg)
{
    struct move *v = arg;
    struct elem e = {{~v->q}};
    expect(R->chan_try_send(v->chan, &e) == 0);
}

static void recv_one(void *arg)
{
    struct move *v = arg;
    struct elem e;
    expect(R->chan_recv(v->chan, &e));
}

static void try_recv_one(void *arg)
{
    struct move *v = arg;
    struct elem e;
    expect(R->chan_try_recv(v->chan, &e) == 0);
}

static void select_recv_one(void *arg)
{
    struct move *v = arg;
    struct elem e;
    struct gt_chan *none = R->chan_new(1, 0);
    struct gt_select_case sc[2] = {{.chan = none, .data = &e}, {.chan = v->chan, .data = &e}};
    expect(R->select(sc, 2, false) == 1);
    R->chan_free(none);
}

static void send_nothing(struct move *v)
{
    struct elem e = {{0}};
    expect(R->chan_send(v->chan, &e) == 0);
}

/* Nobody else's stack is looked at; a G that has to be parked first says so by its wait. */
static void start_parked(gt_fn fn, struct move *v)
{
    expect(R->go(fn, v) == 0);
    for (int i = 0; i < 8; i++)
        R->yield();
}

/* ---- scenes: before marking, and while ----------------------------------------------------- */
static void no_setup(struct move *v)
{
    (void)v;
}
static void buffered(struct move *v)
{
    R->chan_free(v->chan);
    v->chan = R->chan_new(sizeof(struct elem), 2);
}
static void holds_q(struct move *v)
{
    buffered(v);
    hand_elsewhere(send_q, v);
}
static void sender_waits(struct move *v)
{
    start_parked(send_q, v);
}
static void selecter_waits(struct move *v)
{
    start_parked(select_send_q, v);
}
static void receiver_waits(struct move *v)
{
    start_parked(recv_one, v);
}
static void select_receiver_waits(struct move *v)
{
    start_parked(select_recv_one, v);
}
static void full_and_sender_waits(struct move *v)
{
    buffered(v);
    send_nothing(v);
    send_nothing(v);
    start_parked(send_q, v);
}
static void box_holds_q(struct move *v)
{
    gt_gc_store(v->field, unhide(v->q));
}

static void store_q(void *arg)
{
    struct move *v = arg;
    gt_gc_store(v->field, unhide(v->q));
}
static void overwrite_q(void *arg)
{
    struct move *v = arg;
    gt_gc_store(v->field, NULL);
}
static void gone(void *arg)
{
    (void)arg;
}
static void spawn_with_q(void *arg)
{
    struct move *v = arg;
    expect(R->go(gone, unhide(v->q)) == 0);
}
static void coro_with_q(void *arg)
{
    struct move *v = arg;
    v->coro = R->coro_new(gone, unhide(v->q));
}
static uintptr_t area[4];
static void add_area(void *arg)
{
    struct move *v = arg;
    area[3] = ~v->q;
    expect(gt_gc_root_add(R->runtime(), area, sizeof area) == 0);
}
static void area_with_q(struct move *v)
{
    add_area(v);
}
static void remove_area(void *arg)
{
    (void)arg;
    gt_gc_root_remove(R->runtime(), area);
}
static void take_area_away(struct move *v)
{
    (void)v;
    gt_gc_root_remove(R->runtime(), area);
    area[3] = 0;
}
static void end_coro(struct move *v)
{
    (void)R->coro_switch(v->coro);
    R->coro_free(v->coro);
}
static void drain_chan(struct move *v)
{
    struct elem e;
    while (R->chan_try_recv(v->chan, &e) == 0)
        R->yield();
}

static const struct scene {
    const char *name;
    void (*before)(struct move *);
    gt_fn moves; /* on a G that ends with it */
    void (*after)(struct move *);
} scenes[] = {
    {"sent to a buffer", buffered, send_q, drain_chan},
    {"sent to a buffer, by try", buffered, try_send_q, drain_chan},
    {"sent to a buffer, by select", buffered, select_send_q, drain_chan},
    {"received from a buffer", holds_q, recv_one, drain_chan},
    {"received from a buffer, by try", holds_q, try_recv_one, drain_chan},
    {"received from a buffer, by select", holds_q, select_recv_one, drain_chan},
    {"received from a parked sender", sender_waits, recv_one, no_setup},
    {"received from a parked select", selecter_waits, recv_one, no_setup},
    {"received from a parked sender, by select", sender_waits, select_recv_one, no_setup},
    {"received from a parked sender, by try", sender_waits, try_recv_one, no_setup},
    {"sent to a parked receiver", receiver_waits, send_q, no_setup},
    {"sent to a parked select", select_receiver_waits, send_q, no_setup},
    {"sent to a parked receiver, by select", receiver_waits, select_send_q, no_setup},
    {"sent to a parked receiver, by try", receiver_waits, try_send_q, no_setup},
    {"of a parked sender into a buffer", full_and_sender_waits, recv_one, drain_chan},
    {"of a parked sender into a buffer, by select", full_and_sender_waits, select_recv_one,
     drain_chan},
    {"stored", no_setup, store_q, no_setup},
    {"overwritten", box_holds_q, overwrite_q, no_setup},
    {"an argument", no_setup, spawn_with_q, no_setup},
    {"a coroutine's argument", no_setup, coro_with_q, end_coro},
    {"in an area that is added", no_setup, add_area, take_area_away},
    {"in an area that is taken away", area_with_q, remove_area, no_setup},
};
#define N_SCENES (sizeof scenes / sizeof *scenes)

/* deaf: the barriers are told that nobody marks. */
static bool keeps(const struct scene *s, bool deaf)
{
    struct gt_runtime *rt = R->runtime();
    struct move v = {.chan = R->chan_new(sizeof(struct elem), 0)};
    hand_elsewhere(make, &v);
    s->before(&v);
    hand_begin(false);
    if (deaf)
        gt_store_relaxed(&rt->gc_marking, 0u);
    hand_elsewhere(s->moves, &v);
    for (int i = 0; i < 4; i++)
        R->yield(); /* who was woken forgets */
    gt_store_relaxed(&rt->gc_marking, 1u);
    hand_drain();
    bool marked = hand_marked(v.q);
    hand_end();
    s->after(&v);
    R->chan_free(v.chan);
    return marked;
}

static void all_scenes(void *arg)
{
    (void)arg;
    hand_shares();
    for (uint32_t i = 0; i < N_SCENES; i++) {
        bool kept = keeps(&scenes[i], false), kept_deaf = keeps(&scenes[i], true);
        if (!kept || kept_deaf)
            fprintf(stderr, "# %s: %s\n", scenes[i].name,
                    kept ? "kept without the barrier too: the scene shows nothing" : "lost");
        expect(kept);
        expect(!kept_deaf);
    }
}

/* ---- channels' buffers ------------------------------------------------------------------------ */
#define MANY 300
struct full {
    struct gt_chan *chan;
    size_t elem, capacity, n;
    hidden_t *at;
};

static void fill(void *arg)
{
    struct full *f = arg;
    uintptr_t *e = calloc(1, f->elem + 8);
    for (size_t i = 0; i < f->n; i++) {
        void *p = hand_alloc(32, NULL);
        f->at[i] = hide(p);
        memcpy((char *)e + (f->elem / 8 - 1) * 8, &p, sizeof p);
        expect(R->chan_send(f->chan, e) == 0);
        memset(e, 0, f->elem);
    }
    free(e);
}

static void take_some(void *arg)
{
    struct full *f = arg;
    char *e = malloc(f->elem);
    for (size_t i = 0; i < f->n / 2; i++)
        expect(R->chan_recv(f->chan, e));
    memset(e, 0, f->elem);
    free(e);
}

/* Elements of any size, the ring turned; the last word of each is a pointer. */
static void rings(void *arg)
{
    static const size_t sizes[] = {8, 12, 24, 1000, 513 * 8};
    hidden_t at[MANY];
    (void)arg;
    hand_shares();
    for (uint32_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct full f = {R->chan_new(sizes[i], MANY), sizes[i], MANY, MANY, at};
        hand_elsewhere(fill, &f);
        hand_elsewhere(take_some, &f);
        f.n = MANY / 2;
        hand_elsewhere(fill, &f); /* turned: at[0..n) are the younger half */
        hand_begin(true);
        hand_drain();
        uint32_t lost = 0;
        for (size_t k = 0; k < MANY; k++)
            lost += !hand_marked(at[k]);
        expect(lost == 0);
        hand_end();
        R->chan_free(f.chan);
        hand_begin(true);
        hand_drain();
        uint32_t kept = 0;
        for (size_t k = 0; k < MANY; k++)
            kept += hand_marked(at[k]);
        expect(kept <= 2); /* what a free block of memory or a dead frame was left with */
        hand_end();
    }
}

/* Channels come and go, areas too, while others look at them. */
struct churn {
    struct gt_wg *wg;
    gt_a32 stop;
};
static void churner(void *arg)
{
    struct churn *c = arg;
    uintptr_t words[64] = {0};
    while (gt_load_relaxed(&c->stop) == 0) {
        struct gt_chan *ch = R->chan_new(sizeof(void *), 64);
        expect(gt_gc_root_add(R->runtime(), words, sizeof words) == 0);
        for (int i = 0; i < 40; i++) {
            void *p = hand_alloc(32, NULL);
            expect(R->chan_send(ch, &p) == 0);
            gt_gc_store(&words[i], p);
        }
        R->yield();
        for (int i = 0; i < 40; i++) {
            uintptr_t p = 0;
            expect(R->chan_recv(ch, &p) && p == words[i]);
            gt_gc_store(&words[i], NULL);
        }
        gt_gc_root_remove(R->runtime(), words);
        R->chan_free(ch);
        R->checkpoint();
    }
    R->wg_done(c->wg);
}

static void coming_and_going(void *arg)
{
    struct churn c = {.wg = R->wg_new()};
    (void)arg;
    hand_shares();
    R->wg_add(c.wg, 3);
    for (int i = 0; i < 3; i++)
        expect(R->go(churner, &c) == 0);
    for (int i = 0; i < scale(150); i++) {
        hand_begin(true);
        hand_drain();
        hand_end();
        R->yield();
    }
    gt_store_relaxed(&c.stop, 1u);
    R->wg_wait(c.wg);
    R->wg_free(c.wg);
}

int main(void)
{
    in_runtime(1, all_scenes, NULL, "a pointer that moves is shaded, and would be lost");
    in_runtime(1, rings, NULL, "elements in buffers are roots");
    in_runtime(2, coming_and_going, NULL, "channels and areas come and go while marking");
    in_runtime(4, coming_and_going, NULL, "channels and areas come and go while marking");
    return done_testing();
}
