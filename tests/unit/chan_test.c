/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: labels=quick,reduced timeout=120 */
/* Channels and select: order, sums, closing, fairness. */
#include <errno.h>

#include "in_runtime.h"

/* ---- one to one: order ------------------------------------------------------------------- */
struct line {
    struct gt_chan *c;
    struct gt_wg *done;
    uint64_t n, base;
    gt_a64 *sum;
    gt_a8 *seen;
};

static void send_line(void *arg)
{
    struct line *l = arg;
    for (uint64_t i = 0; i < l->n; i++) {
        uint64_t v = l->base + i;
        expect(R->chan_send(l->c, &v) == 0);
    }
    R->wg_done(l->done);
}

static void order_test(void *arg)
{
    size_t cap = *(size_t *)arg;
    struct line l = {.c = R->chan_new(8, cap), .n = (uint64_t)scale(20000), .base = 1};
    uint64_t v = 0;
    l.done = R->wg_new();
    R->wg_add(l.done, 1);
    expect(R->go(send_line, &l) == 0);
    for (uint64_t i = 1; i <= l.n; i++)
        expect(R->chan_recv(l.c, &v) && v == i);
    R->wg_wait(l.done);
    R->chan_free(l.c);
    R->wg_free(l.done);
}

/* ---- many to many: each value once, each sender's in order ------------------------------- */
#define PEERS 4u

static void recv_lines(void *arg)
{
    struct line *l = arg;
    uint64_t v, last[PEERS] = {0}, per = l->n;
    while (R->chan_recv(l->c, &v)) {
        expect(v < PEERS * per && v % per + 1 > last[v / per % PEERS]);
        v %= PEERS * per; /* what it is not, when it is right */
        last[v / per] = v % per + 1;
        gt_add_relaxed(l->sum, v);
        uint8_t was = gt_load_relaxed(&l->seen[v]);
        gt_store_relaxed(&l->seen[v], (uint8_t)(was + 1));
    }
    expect(v == 0); /* zeroed by the close */
    R->wg_done(l->done);
}

static void many_test(void *arg)
{
    size_t cap = *(size_t *)arg;
    uint64_t per = (uint64_t)scale(4000), all = per * PEERS;
    static gt_a8 seen[4 * 4000 + 8];
    memset(seen, 0, sizeof seen);
    gt_a64 sum = {0};
    struct gt_chan *c = R->chan_new(8, cap);
    struct gt_wg *sent = R->wg_new(), *got = R->wg_new();
    struct line s[PEERS], r = {.c = c, .done = got, .n = per, .sum = &sum, .seen = seen};
    R->wg_add(sent, PEERS);
    R->wg_add(got, PEERS);
    for (uint64_t i = 0; i < PEERS; i++) {
        s[i] = (struct line){.c = c, .done = sent, .n = per, .base = i * per};
        expect(R->go(recv_lines, &r) == 0 && R->go(send_line, &s[i]) == 0);
    }
    R->wg_wait(sent);
    expect(R->chan_close(c) == 0);
    R->wg_wait(got);
    expect(gt_load_relaxed(&sum) == all * (all - 1) / 2);
    for (uint64_t i = 0; i < all; i++)
        expect(gt_load_relaxed(&seen[i]) == 1);
    R->chan_free(c);
    R->wg_free(sent);
    R->wg_free(got);
}

/* ---- close, try -------------------------------------------------------------------------- */
struct blocked {
    struct gt_chan *c;
    struct gt_wg *ready, *done;
    struct gt_g *g;
    int sent;
    bool got;
    uint64_t v;
};

static void blocked_sender(void *arg)
{
    struct blocked *b = arg;
    R->wg_done(b->ready);
    b->sent = R->chan_send(b->c, &b->v);
    R->wg_done(b->done);
}

static void blocked_receiver(void *arg)
{
    struct blocked *b = arg;
    b->g = R->self();
    R->wg_done(b->ready);
    b->got = R->chan_recv(b->c, &b->v);
    R->wg_done(b->done);
}

/* Whoever has said that it is about to block gets time to do so. */
static void settle(struct gt_wg *ready)
{
    R->wg_wait(ready);
    for (int i = 0; i < 20; i++)
        R->yield();
    R->sleep(GT_NS_PER_MS);
}

static void close_wakes(struct gt_wg *ready, struct gt_wg *done, gt_fn fn, size_t cap)
{
    struct blocked b[3];
    struct gt_chan *c = R->chan_new(8, cap);
    uint64_t v = 7;
    if (cap && fn == blocked_sender)
        expect(R->chan_send(c, &v) == 0);
    R->wg_add(ready, 3);
    R->wg_add(done, 3);
    for (int i = 0; i < 3; i++) {
        b[i] =
            (struct blocked){.c = c, .ready = ready, .done = done, .sent = 1, .got = true, .v = 9};
        expect(R->go(fn, &b[i]) == 0);
    }
    settle(ready);
    expect(R->chan_close(c) == 0);
    R->wg_wait(done);
    for (int i = 0; i < 3; i++)
        expect(fn == blocked_sender ? b[i].sent == -EPIPE : !b[i].got && b[i].v == 0);
    if (cap && fn == blocked_sender) { /* what was in the buffer is still there */
        expect(R->chan_recv(c, &v) && v == 7);
    }
    expect(!R->chan_recv(c, &v) && v == 0);
    R->chan_free(c);
}

static void close_test(void *arg)
{
    (void)arg;
    struct gt_wg *ready = R->wg_new(), *done = R->wg_new();
    uint64_t v = 1;
    struct gt_chan *c = R->chan_new(8, 2);
    expect(R->chan_try_recv(c, &v) == -EAGAIN);
    expect(R->chan_try_send(c, &v) == 0 && R->chan_send(c, &v) == 0);
    expect(R->chan_try_send(c, &v) == -EAGAIN);
    expect(R->chan_close(c) == 0 && R->chan_close(c) == -EPIPE);
    expect(R->chan_send(c, &v) == -EPIPE && R->chan_try_send(c, &v) == -EPIPE);
    expect(R->chan_recv(c, &v) && v == 1 && R->chan_try_recv(c, NULL) == 0);
    expect(!R->chan_recv(c, &v) && v == 0 && R->chan_try_recv(c, &v) == -EPIPE);
    R->chan_free(c);
    close_wakes(ready, done, blocked_sender, 0);
    close_wakes(ready, done, blocked_sender, 1);
    close_wakes(ready, done, blocked_receiver, 0);
    close_wakes(ready, done, blocked_receiver, 3);
    R->wg_free(ready);
    R->wg_free(done);
}

/* A G that waits on a channel stands in its queue. */
static void until_queued(struct gt_g *g)
{
    while (gt_g_status(g) != GT_G_WAITING ||
           gt_load_relaxed(&g->t.wait_reason) != GT_WAIT_CHAN_RECV)
        R->yield();
}

/* Waiters are served in the order in which they came. */
static void fifo_test(void *arg)
{
    (void)arg;
    struct gt_wg *ready = R->wg_new(), *done = R->wg_new();
    struct gt_chan *c = R->chan_new(8, 0);
    struct blocked b[5];
    R->wg_add(done, 5);
    for (uint64_t i = 0; i < 5; i++) {
        b[i] = (struct blocked){.c = c, .ready = ready, .done = done};
        R->wg_add(ready, 1);
        expect(R->go(blocked_receiver, &b[i]) == 0);
        R->wg_wait(ready);
        until_queued(b[i].g);
    }
    for (uint64_t i = 0; i < 5; i++)
        expect(R->chan_send(c, &i) == 0);
    R->wg_wait(done);
    for (uint64_t i = 0; i < 5; i++)
        expect(b[i].got && b[i].v == i);
    R->chan_free(c);
    R->wg_free(ready);
    R->wg_free(done);
}

/* ---- element sizes ----------------------------------------------------------------------- */
struct sized {
    struct gt_chan *c;
    struct gt_wg *done;
    size_t size;
};

static void sized_sender(void *arg)
{
    struct sized *s = arg;
    unsigned char b[512];
    for (int i = 0; i < 40; i++) {
        memset(b, i, sizeof b);
        expect(R->chan_send(s->c, b) == 0);
    }
    R->wg_done(s->done);
}

static void size_test(void *arg)
{
    (void)arg;
    const size_t sizes[] = {0, 1, 4, 8, 12, 24, 500};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        struct sized s = {.c = R->chan_new(sizes[k], k % 3), .done = R->wg_new(), .size = sizes[k]};
        unsigned char b[512];
        R->wg_add(s.done, 1);
        expect(R->go(sized_sender, &s) == 0);
        for (int i = 0; i < 40; i++) {
            memset(b, 0xee, sizeof b);
            expect(R->chan_recv(s.c, b));
            for (size_t j = 0; j < sizeof b; j++)
                expect(b[j] == (j < s.size ? i : 0xee));
        }
        R->wg_wait(s.done);
        R->chan_free(s.c);
        R->wg_free(s.done);
    }
}

/* ---- select ------------------------------------------------------------------------------ */
static void fairness_test(void *arg)
{
    (void)arg;
    enum { CASES = 3, PICKS = 3000 };
    struct gt_chan *c[CASES];
    struct gt_select_case sc[CASES + 1];
    uint64_t v = 0, picked[CASES] = {0};
    for (int i = 0; i < CASES; i++) {
        c[i] = R->chan_new(8, 1);
        expect(R->chan_send(c[i], &v) == 0);
        sc[i] = (struct gt_select_case){.chan = c[i], .data = &v};
    }
    sc[CASES] = (struct gt_select_case){.chan = NULL}; /* never */
    for (int k = 0; k < PICKS; k++) {
        int i = R->select(sc, CASES + 1, false);
        expect(i >= 0 && i < CASES && sc[i % CASES].ok);
        picked[i]++;
        expect(R->chan_send(c[i], &v) == 0);
    }
    for (int i = 0; i < CASES; i++) { /* 1000 expected, standard deviation 26 */
        expect(picked[i] > 800 && picked[i] < 1200);
        R->chan_free(c[i]);
    }
}

static void select_rules_test(void *arg)
{
    (void)arg;
    struct gt_chan *a = R->chan_new(8, 1), *b = R->chan_new(8, 0);
    uint64_t v = 5, w = 0;
    struct gt_select_case sc[4] = {
        {.chan = a, .data = &w},
        {.chan = b, .data = &v, .send = true},
        {.chan = b, .data = &w},
        {.chan = a, .data = &w},
    };
    expect(R->select(sc, 4, true) == -EAGAIN && R->select(sc, 0, true) == -EAGAIN);
    expect(R->chan_send(a, &v) == 0);
    int i = R->select(sc, 4, false);
    expect((i == 0 || i == 3) && w == 5 && sc[i].ok);
    expect(R->chan_close(a) == 0);
    i = R->select(sc, 4, true);
    expect((i == 0 || i == 3) && w == 0 && !sc[i].ok);
    expect(R->chan_close(b) == 0);
    expect(R->select(&sc[1], 1, true) == -EPIPE && R->select(&sc[1], 1, false) == -EPIPE);
    struct gt_select_case closed_sends[2] = {sc[1], sc[1]};
    expect(R->select(closed_sends, 2, false) == -EPIPE);
    expect(R->select(&sc[2], 1, true) == 0 && !sc[2].ok);
    R->chan_free(a);
    R->chan_free(b);
}

/* A closed channel ends a select that sleeps on it. */
struct sleeper {
    struct gt_chan *a, *b;
    struct gt_wg *ready, *done;
    bool send;
    int r;
};

static void select_sleeper(void *arg)
{
    struct sleeper *s = arg;
    uint64_t v = 3;
    struct gt_select_case sc[2] = {{.chan = s->a, .data = &v},
                                   {.chan = s->b, .data = &v, .send = s->send}};
    R->wg_done(s->ready);
    s->r = R->select(sc, 2, false);
    expect(s->send || (!sc[1].ok && v == 0));
    R->wg_done(s->done);
}

static void select_close_test(void *arg)
{
    (void)arg;
    uint64_t v = 1;
    for (int send = 0; send < 2; send++) {
        struct sleeper s = {.a = R->chan_new(8, 0),
                            .b = R->chan_new(8, 0),
                            .ready = R->wg_new(),
                            .done = R->wg_new(),
                            .send = send == 1};
        R->wg_add(s.ready, 1);
        R->wg_add(s.done, 1);
        expect(R->go(select_sleeper, &s) == 0);
        settle(s.ready);
        expect(R->chan_close(s.b) == 0);
        R->wg_wait(s.done);
        expect(s.r == (send ? -EPIPE : 1));
        expect(R->chan_try_send(s.a, &v) == -EAGAIN); /* it left no waiter behind */
        R->chan_free(s.a);
        R->chan_free(s.b);
        R->wg_free(s.ready);
        R->wg_free(s.done);
    }
}

/* Selects against selects over more channels than fit their inline tables: every value
 * sent is received once. */
#define WIDE 11u
struct wide {
    struct gt_chan *c[WIDE];
    struct gt_wg *senders, *receivers;
    gt_a64 sent, got, n_sent, n_got;
    uint64_t each;
    gt_a64 ids;
};

static void wide_cases(struct wide *w, struct gt_select_case *sc, uint64_t *v, bool send)
{
    for (uint32_t i = 0; i < WIDE; i++)
        sc[i] = (struct gt_select_case){.chan = w->c[i], .data = v, .send = send};
    sc[WIDE] = sc[0]; /* one twice */
}

static void wide_sender(void *arg)
{
    struct wide *w = arg;
    struct gt_select_case sc[WIDE + 1];
    for (uint64_t i = 0; i < w->each; i++) {
        uint64_t v = gt_add_relaxed(&w->ids, 1u) + 1;
        wide_cases(w, sc, &v, true);
        uint32_t from = (uint32_t)(v % 3);
        expect(R->select(sc + from, WIDE + 1 - from, false) >= 0);
        gt_add_relaxed(&w->sent, v);
        gt_add_relaxed(&w->n_sent, 1u);
    }
    R->wg_done(w->senders);
}

static void wide_receiver(void *arg)
{
    struct wide *w = arg;
    struct gt_select_case sc[WIDE + 1];
    for (;;) {
        uint64_t v = 0;
        wide_cases(w, sc, &v, false);
        int i = R->select(sc, WIDE + 1, false);
        expect(i >= 0 && i <= (int)WIDE);
        if (!sc[i].ok)
            break;
        gt_add_relaxed(&w->got, v);
        gt_add_relaxed(&w->n_got, 1u);
    }
    R->wg_done(w->receivers);
}

static void wide_test(void *arg)
{
    (void)arg;
    struct wide w = {
        .senders = R->wg_new(), .receivers = R->wg_new(), .each = (uint64_t)scale(1500)};
    for (uint32_t i = 0; i < WIDE; i++)
        w.c[i] = R->chan_new(8, i % 3);
    R->wg_add(w.senders, 4);
    R->wg_add(w.receivers, 4);
    for (int i = 0; i < 4; i++)
        expect(R->go(wide_receiver, &w) == 0 && R->go(wide_sender, &w) == 0);
    R->wg_wait(w.senders);
    while (gt_load_relaxed(&w.n_got) != 4 * w.each) /* let the buffers drain, then close all */
        R->yield();
    for (uint32_t i = 0; i < WIDE; i++)
        expect(R->chan_close(w.c[i]) == 0);
    R->wg_wait(w.receivers);
    expect(gt_load_relaxed(&w.got) == gt_load_relaxed(&w.sent));
    expect(gt_load_relaxed(&w.n_got) == gt_load_relaxed(&w.n_sent));
    for (uint32_t i = 0; i < WIDE; i++)
        R->chan_free(w.c[i]);
    R->wg_free(w.senders);
    R->wg_free(w.receivers);
}

static void forever(void *arg)
{
    (void)arg;
    R->select(NULL, 0, false);
}

int main(void)
{
    size_t none = 0, some = 7;
    plan(11 * N_PROC_COUNTS + 1);
    for (int i = 0; i < N_PROC_COUNTS; i++) {
        int32_t p = proc_counts[i];
        in_runtime(p, order_test, &none, "order, unbuffered");
        in_runtime(p, order_test, &some, "order, buffered");
        in_runtime(p, many_test, &none, "each value once, unbuffered");
        in_runtime(p, many_test, &some, "each value once, buffered");
        in_runtime(p, close_test, NULL, "closing and trying");
        in_runtime(p, fifo_test, NULL, "waiters in order");
        in_runtime(p, size_test, NULL, "element sizes");
        in_runtime(p, fairness_test, NULL, "select is fair");
        in_runtime(p, select_rules_test, NULL, "select's results");
        in_runtime(p, select_close_test, NULL, "close wakes a select");
        in_runtime(p, wide_test, NULL, "selects against selects");
    }
    struct gt_runtime *rt = runtime_new(2);
    is_int(R->run(rt, forever, NULL), -EDEADLK, "a select over nothing waits for ever");
    R->destroy(rt);
    return done_testing();
}
