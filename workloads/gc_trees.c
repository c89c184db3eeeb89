/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gc-trees: Gs that live off collected memory. Each holds a ballast tree and changes it all
 * the time, grows trees and drops them, makes garbage of many sizes with and without
 * pointers, holds objects through system calls, hands them over: through channels, a table
 * that all share, and as the argument of a G. Every object is looked at before it is
 * dropped. param: Gs, 0 for 8. extra: cycles of the collector, its longest stop.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/calls.h"
#include "common/rng.h"
#include "common/team.h"
#include "common/things.h"
#include "gauntlet/atomic.h"
#include "gauntlet/workload.h"

enum { MUTATORS = 8, MUTATORS_MAX = 64, TAKERS = 2, LETTERS_MAX = 16 };
enum { SLOTS = 256, BANKS = 8, BOX = 16 };
enum { BALLAST_LEAST = 3, BALLAST_MOST = 12, TREE_MOST = 6, KEPT = 8 };
enum { BURST = 8, WORDS_MOST = 32, ARRAY_LEAST = 64, ARRAY_MOST = 4096, ARRAY_STEPS = 16 };

struct shared {
    const struct gt_runtime_ops *ops;
    struct gt_link *table;          /* SLOTS, a registered root */
    struct gt_mutex *banks[BANKS];  /* slot i is under banks[i % BANKS] */
    struct gt_chan *box, *hand;     /* links; buffered, and not */
    struct gt_wg *letters;
    gt_a32 n_letters, letters_bad;  /* under way; not what was sent */
};

struct tally { /* things handed over: how many, and the sum of who they are */
    uint64_t n, sum;
};

struct mutator {
    struct shared *s;
    struct gt_maker maker;
    struct gt_rng rng;
    uint64_t n; /* objects to make */
    struct tally sent, got;
    uint64_t lost; /* nodes that were not where they should be */
    uint32_t depth; /* of the ballast */
    int rc;
};

/* What a G holds; on its own stack, where the collector looks. */
struct hold {
    struct gt_link ballast;
    struct gt_link kept; /* a node of KEPT */
};

static void count_in(struct tally *t, struct gt_link l)
{
    t->n++;
    t->sum += l.id;
}

/* ---- trees, garbage, arrays ---------------------------------------------------------- */
static void expect_tree(struct mutator *u, struct gt_link l, uint32_t depth)
{
    if (u->maker.rc == 0 && gt_tree_count(&u->maker, l) != gt_tree_size(depth))
        u->lost++;
}

static void short_lived(struct mutator *u)
{
    uint32_t depth = gt_rng_between(&u->rng, 1, TREE_MOST);
    struct gt_link l = gt_tree_new(&u->maker, depth, gt_rng_below(&u->rng, 2));
    if (gt_rng_below(&u->rng, 4) == 0)
        u->s->ops->yield();
    expect_tree(u, l, depth);
}

/* Mostly small; one in 64 to 4 KiB, one in 1024 to 64 KiB, one in 16384 to 512 KiB. */
static uint32_t some_words(struct gt_rng *rng)
{
    uint32_t dice = gt_rng_below(rng, 16384), most = WORDS_MOST;
    if (dice == 0)
        most = 65536;
    else if (dice < 16)
        most = 8192;
    else if (dice < 256)
        most = 512;
    return gt_rng_between(rng, 0, most);
}

/* What is kept for a while takes the place of another, which is looked at and dropped. */
static void keep(struct mutator *u, struct hold *h, struct gt_link l)
{
    struct gt_link *slot = &h->kept.p->links[gt_rng_below(&u->rng, KEPT)], old = *slot;
    gt_link_put(&u->maker, slot, l);
    (void)gt_blob_look(&u->maker, old);
}

static void garbage(struct mutator *u, struct hold *h)
{
    uint32_t burst = gt_rng_between(&u->rng, 1, BURST);
    for (uint32_t i = 0; i < burst && u->maker.rc == 0; i++) {
        struct gt_link l = gt_blob_new(&u->maker, some_words(&u->rng));
        if (l.p && i == 0)
            keep(u, h, l);
        else
            (void)gt_blob_look(&u->maker, l);
    }
}

static void array(struct mutator *u, struct hold *h)
{
    uint32_t n = gt_rng_between(&u->rng, ARRAY_LEAST, ARRAY_MOST), step = n / ARRAY_STEPS;
    struct gt_link a = gt_array_new(&u->maker, n);
    for (uint32_t i = 0; a.p && i < n && u->maker.rc == 0; i += step)
        gt_link_put(&u->maker, gt_link_at(a.p, i), gt_node_new(&u->maker, 1u << (i / step % 4)));
    garbage(u, h);
    if (!a.p || u->maker.rc != 0 || !gt_thing_look(&u->maker, a))
        return;
    for (uint32_t i = 0; i < n; i++) {
        struct gt_link l = *gt_link_at(a.p, i);
        u->lost += (l.p != NULL) != (i % step == 0);
        (void)gt_thing_look(&u->maker, l);
    }
}

/* ---- the ballast ------------------------------------------------------------------------ */
/* The node that the bits of `path` lead to, `down` links below the top; NULL: it is lost. */
static struct gt_thing *walk(struct mutator *u, struct gt_link top, uint32_t down, uint32_t path)
{
    struct gt_link l = top;
    for (uint32_t i = 0; l.p && gt_thing_look(&u->maker, l); i++) {
        if (i == down)
            return l.p;
        l = l.p->links[path >> i & 1];
    }
    u->lost++;
    return NULL;
}

/* Two subtrees of one height change places. Each hangs by a stack only for a moment. */
static void swap_branches(struct mutator *u, const struct hold *h)
{
    uint32_t down = gt_rng_below(&u->rng, u->depth - 1);
    struct gt_thing *a = walk(u, h->ballast, down, (uint32_t)gt_rng_next(&u->rng));
    struct gt_thing *b = walk(u, h->ballast, down, (uint32_t)gt_rng_next(&u->rng));
    uint32_t i = gt_rng_below(&u->rng, 2), j = gt_rng_below(&u->rng, 2);
    if (!a || !b)
        return;
    struct gt_link left = a->links[i];
    gt_link_put(&u->maker, &a->links[i], b->links[j]);
    if (gt_rng_below(&u->rng, 8) == 0)
        u->s->ops->yield();
    gt_link_put(&u->maker, &b->links[j], left);
}

/* A leaf is replaced by one that was made just now. */
static void new_leaf(struct mutator *u, const struct hold *h)
{
    struct gt_link leaf = gt_node_new(&u->maker, 2);
    struct gt_thing *a = walk(u, h->ballast, u->depth - 2, (uint32_t)gt_rng_next(&u->rng));
    if (!a || !leaf.p)
        return;
    struct gt_link *slot = &a->links[gt_rng_below(&u->rng, 2)], old = *slot;
    gt_link_put(&u->maker, slot, leaf);
    (void)gt_thing_look(&u->maker, old);
}

/* ---- handing over ----------------------------------------------------------------------- */
static struct gt_link parcel(struct mutator *u)
{
    return gt_tree_new(&u->maker, 2, true);
}

static void open_parcel(struct gt_maker *m, struct tally *got, uint64_t *lost, struct gt_link l)
{
    count_in(got, l);
    *lost += gt_tree_count(m, l) != gt_tree_size(2);
}

/* Into a channel with room, or out of it when it is full. */
static void pass_box(struct mutator *u)
{
    struct gt_link l = parcel(u), in;
    if (u->maker.rc != 0)
        return;
    if (u->s->ops->chan_try_send(u->s->box, &l) == 0) {
        count_in(&u->sent, l);
        return;
    }
    if (u->s->ops->chan_try_recv(u->s->box, &in) == 0)
        open_parcel(&u->maker, &u->got, &u->lost, in);
}

/* From stack to stack: a taker waits, or we do. */
static void pass_hand(struct mutator *u)
{
    struct gt_link l = parcel(u);
    if (u->maker.rc != 0)
        return;
    if (u->s->ops->chan_send(u->s->hand, &l) == 0)
        count_in(&u->sent, l);
    else
        u->rc = -EPIPE;
}

static void exchange(struct mutator *u, struct hold *h)
{
    uint32_t i = gt_rng_below(&u->rng, SLOTS);
    struct gt_link l = parcel(u);
    if (u->maker.rc != 0)
        return;
    u->s->ops->mutex_lock(u->s->banks[i % BANKS]);
    struct gt_link old = u->s->table[i];
    gt_link_put(&u->maker, &u->s->table[i], l);
    u->s->ops->mutex_unlock(u->s->banks[i % BANKS]);
    garbage(u, h); /* only our stack holds the old one now */
    expect_tree(u, old, old.p ? 2 : 0);
}

/* A letter is known to nobody but the G that it is the argument of. */
struct letter {
    struct gt_link content;
    uint64_t sum; /* of the content's identity */
    struct shared *s;
};
static const uint32_t letter_offsets[] = {offsetof(struct letter, content.p)};
static const struct gt_gc_layout letter_layout = {"letter", sizeof(struct letter), 1,
                                                  letter_offsets};

static void read_letter(void *arg)
{
    struct letter *t = arg;
    struct shared *s = t->s;
    struct gt_maker m;
    gt_maker_init(&m, s->ops, 0); /* looks only */
    s->ops->yield();
    if (t->sum != gt_rng_mix(t->content.id) || gt_tree_count(&m, t->content) != gt_tree_size(2))
        gt_add_relaxed(&s->letters_bad, 1u);
    gt_add_relaxed(&s->n_letters, (uint32_t)-1);
    s->ops->wg_done(s->letters);
}

static struct letter *write_letter(struct mutator *u)
{
    struct gt_link l = parcel(u);
    struct letter *t = u->maker.rc ? NULL : u->s->ops->gc_alloc(sizeof *t, &letter_layout);
    if (!t) {
        u->maker.rc = -ENOMEM;
        return NULL;
    }
    u->maker.objects++;
    gt_link_put(&u->maker, &t->content, l);
    t->sum = gt_rng_mix(l.id);
    t->s = u->s;
    return t;
}

static void send_letter(struct mutator *u)
{
    struct shared *s = u->s;
    struct letter *t = NULL;
    if (gt_add_relaxed(&s->n_letters, 1u) < LETTERS_MAX)
        t = write_letter(u);
    if (!t) {
        gt_add_relaxed(&s->n_letters, (uint32_t)-1);
        return;
    }
    s->ops->wg_add(s->letters, 1);
    u->rc = s->ops->go(read_letter, t);
    if (u->rc != 0)
        s->ops->wg_done(s->letters);
}

/* ---- a system call -------------------------------------------------------------------- */
static void hold_through_call(struct mutator *u)
{
    struct gt_link l = parcel(u);
    if (gt_rng_below(&u->rng, 16) == 0) {
        u->s->ops->syscall_enter_blocking();
        (void)gt_call_nap(50000);
    } else {
        u->s->ops->syscall_enter();
        (void)gt_call_getpid();
    }
    u->s->ops->syscall_exit();
    expect_tree(u, l, 2);
}

/* ---- a mutator's life --------------------------------------------------------------------- */
static void act(struct mutator *u, struct hold *h)
{
    uint32_t dice = gt_rng_below(&u->rng, 256);
    if (dice < 96)
        garbage(u, h);
    else if (dice < 136)
        short_lived(u);
    else if (dice < 176)
        swap_branches(u, h);
    else if (dice < 200)
        new_leaf(u, h);
    else if (dice < 216)
        exchange(u, h);
    else if (dice < 232)
        pass_box(u);
    else if (dice < 244)
        pass_hand(u);
    else if (dice < 250)
        send_letter(u);
    else if (dice < 254)
        hold_through_call(u);
    else
        array(u, h);
}

static void begin(struct mutator *u, struct hold *h)
{
    h->kept = gt_node_new(&u->maker, KEPT);
    h->ballast = gt_tree_new(&u->maker, u->depth, false);
}

static void look_at_all(struct mutator *u, struct hold *h)
{
    expect_tree(u, h->ballast, u->depth);
    if (gt_thing_look(&u->maker, h->kept))
        for (uint32_t i = 0; i < KEPT; i++)
            (void)gt_blob_look(&u->maker, h->kept.p->links[i]);
}

static bool goes_on(const struct mutator *u)
{
    return u->rc == 0 && u->maker.rc == 0 && u->maker.wrong == 0 && u->lost == 0;
}

static void mutate(void *arg)
{
    struct mutator *u = arg;
    struct hold h;
    uint64_t middle = gt_rng_below(&u->rng, (uint32_t)(u->n < UINT32_MAX ? u->n : UINT32_MAX));
    bool asked = false;
    begin(u, &h);
    while (goes_on(u) && u->maker.objects < u->n) {
        act(u, &h);
        if (!asked && u->maker.objects > middle) {
            asked = true;
            u->rc = u->rc ? u->rc : u->s->ops->gc();
        }
    }
    if (goes_on(u))
        look_at_all(u, &h);
    u->rc = u->rc ? u->rc : u->maker.rc;
}

static void take(void *arg)
{
    struct mutator *u = arg;
    struct gt_link l;
    while (u->s->ops->chan_recv(u->s->hand, &l))
        open_parcel(&u->maker, &u->got, &u->lost, l);
}

/* ---- verdict -------------------------------------------------------------------------------- */
/* What is left in the box and the table, by the first G. */
static void clear_up(struct shared *s, struct mutator *last)
{
    struct gt_link l;
    while (s->ops->chan_try_recv(s->box, &l) == 0)
        open_parcel(&last->maker, &last->got, &last->lost, l);
    for (uint32_t i = 0; i < SLOTS; i++) {
        l = s->table[i];
        last->lost += l.p && gt_tree_count(&last->maker, l) != gt_tree_size(2);
        gt_link_put(&last->maker, &s->table[i], (struct gt_link){0});
    }
}

static void judge(const struct shared *s, const struct mutator *u, uint32_t n,
                  struct gt_workload_result *r)
{
    struct tally sent = {0}, got = {0};
    uint64_t lost = 0;
    for (uint32_t i = 0; i < n; i++) {
        r->ops += u[i].maker.objects;
        lost += u[i].lost;
        sent.n += u[i].sent.n;
        sent.sum += u[i].sent.sum;
        got.n += u[i].got.n;
        got.sum += u[i].got.sum;
        gt_workload_check(r, u[i].maker.wrong == 0, "%s", u[i].maker.why);
    }
    uint32_t bad = gt_load_relaxed(&s->letters_bad);
    gt_workload_check(r, lost == 0, "%llu objects are not where they were put",
                      (unsigned long long)lost);
    gt_workload_check(r, bad == 0, "%u letters are not what was written", bad);
    gt_workload_check(r, sent.n == got.n && sent.sum == got.sum,
                      "%llu parcels sent, %llu received, or others than those",
                      (unsigned long long)sent.n, (unsigned long long)got.n);
}

/* Everything is dropped: does the collector know how many there were, and find them dead? */
static int judge_collector(const struct gt_workload_params *p, const struct gt_gc_stats *before,
                           struct gt_workload_result *r)
{
    struct gt_gc_stats after;
    int rc = p->ops->gc();
    if (rc != 0)
        return rc;
    p->ops->gc_stats(p->rt, &after);
    uint64_t made = after.allocs - before->allocs;
    r->extra_name[0] = "cycles";
    r->extra[0] = (double)(after.cycles - before->cycles);
    r->extra_name[1] = "stop_max_ns";
    for (int i = 0; i < GT_GC_STOPS; i++)
        if ((double)after.asked[i].max > r->extra[1])
            r->extra[1] = (double)after.asked[i].max;
    gt_workload_check(r, !r->ok || made == r->ops, "%llu objects made, the collector counts %llu",
                      (unsigned long long)r->ops, (unsigned long long)made);
    return 0;
}

/* ---- all of it ------------------------------------------------------------------------------ */
static uint32_t depth_for(uint64_t share)
{
    uint32_t d = BALLAST_LEAST;
    while (d < BALLAST_MOST && gt_tree_size(d + 1) < share / 4)
        d++;
    return d;
}

static int open_shared(struct shared *s, const struct gt_runtime_ops *ops)
{
    *s = (struct shared){.ops = ops};
    gt_init(&s->n_letters, 0u);
    gt_init(&s->letters_bad, 0u);
    s->table = calloc(SLOTS, sizeof *s->table);
    s->box = ops->chan_new(sizeof(struct gt_link), BOX);
    s->hand = ops->chan_new(sizeof(struct gt_link), 0);
    s->letters = ops->wg_new();
    bool whole = s->table && s->box && s->hand && s->letters;
    for (uint32_t i = 0; i < BANKS; i++) {
        s->banks[i] = ops->mutex_new();
        whole = whole && s->banks[i];
    }
    return whole ? ops->gc_root_add(s->table, SLOTS * sizeof *s->table) : -ENOMEM;
}

static void close_shared(struct shared *s, bool rooted)
{
    if (rooted)
        s->ops->gc_root_remove(s->table);
    for (uint32_t i = 0; i < BANKS; i++)
        if (s->banks[i])
            s->ops->mutex_free(s->banks[i]);
    if (s->box)
        s->ops->chan_free(s->box);
    if (s->hand)
        s->ops->chan_free(s->hand);
    if (s->letters)
        s->ops->wg_free(s->letters);
    free(s->table);
}

static int go_on(const struct gt_workload_params *p, struct shared *s, struct mutator *u,
                 uint32_t n, struct gt_workload_result *r)
{
    struct gt_team takers;
    int64_t start = p->ops->now();
    int rc = gt_team_start(&takers, p, TAKERS, u + n, sizeof *u, take);
    if (rc == 0)
        rc = gt_team_run(p, n, u, sizeof *u, mutate);
    (void)p->ops->chan_close(s->hand);
    gt_team_wait(&takers);
    p->ops->wg_wait(s->letters);
    r->ns = p->ops->now() - start;
    for (uint32_t i = 0; i < n && rc == 0; i++)
        rc = u[i].rc;
    return rc;
}

static int run_with(const struct gt_workload_params *p, struct shared *s, struct mutator *u,
                    uint32_t n, struct gt_workload_result *r)
{
    struct gt_gc_stats before;
    int rc = p->ops->gc();
    if (rc != 0)
        return rc;
    p->ops->gc_stats(p->rt, &before);
    for (uint32_t i = 0; i < n + TAKERS + 1; i++) {
        u[i] = (struct mutator){
            .s = s, .rng = gt_rng_make(p->seed, i), .n = gt_team_share(p->n, n)};
        u[i].depth = depth_for(u[i].n);
        gt_maker_init(&u[i].maker, p->ops, i);
    }
    rc = go_on(p, s, u, n, r);
    clear_up(s, &u[n + TAKERS]);
    if (rc == 0) {
        judge(s, u, n + TAKERS + 1, r);
        rc = judge_collector(p, &before, r);
    }
    return rc;
}

static int run(const struct gt_workload_params *p, struct gt_workload_result *r)
{
    uint32_t want = p->param && p->param <= MUTATORS_MAX ? p->param : MUTATORS;
    uint32_t n = gt_team_size(p, want, 1, TAKERS + LETTERS_MAX + 1);
    struct mutator *u = calloc(n + TAKERS + 1, sizeof *u);
    struct shared s;
    int rc = open_shared(&s, p->ops);
    bool rooted = rc == 0;
    if (!u)
        rc = -ENOMEM;
    if (rc == 0)
        rc = run_with(p, &s, u, n, r);
    close_shared(&s, rooted);
    free(u);
    return rc;
}

const struct gt_workload_ops gt_workload_gc_trees = {
    .head = GT_PLUGIN_HEAD(GT_MAGIC_WORKLOAD, struct gt_workload_ops, "gc-trees",
                           "trees, arrays and garbage in collected memory, handed around", 0),
    .unit = "object",
    .checks = "each object's identity and content when it is used and before it is dropped, what "
              "was handed over, the collector's count",
    .needs = GT_RT_GC | GT_RT_CHAN | GT_RT_PARK | GT_RT_SYSCALL,
    .quick_n = 100000,
    .run = run,
};
