/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: workloads labels=quick,reduced timeout=120 */
/*
 * The truth oracle, lied to: recorded traces of real runs, with one lie in each copy, which it
 * must find and name: the event's thread and generation, and the transition. The lies are drawn
 * from GT_SEED; GT_LIES: how many (1,000).
 */
#include "common/rng.h"
#include "truth_lies.h"

#include "trace_matrix_extra.h"

#if GT_TSAN || GT_ASAN
enum { LIES = 60 };
#else
enum { LIES = 1000 };
#endif

struct record {
    struct truth_run run;
    struct lie_trace t;
    uint64_t first_m; /* serial, where each thread has one */
};

static uint64_t rng;
static uint64_t below(uint64_t n)
{
    return n ? gt_rng_mix(rng++) % n : 0;
}

/* ---- the lies -------------------------------------------------------------------------- */
static struct lie_edit cut_out(const struct lie_event *e)
{
    return (struct lie_edit){.batch = e->batch, .at = e->at, .cut = e->len};
}

static size_t drop(const struct lie_trace *t, const struct lie_event *e, struct lie_edit *out)
{
    (void)t;
    out[0] = cut_out(e);
    return 1;
}

static size_t twice(const struct lie_trace *t, const struct lie_event *e, struct lie_edit *out)
{
    out[0] = (struct lie_edit){.batch = e->batch, .at = e->at, .n = e->len};
    memcpy(out[0].put, lie_bytes(t, e), e->len);
    return 1;
}

static bool says_the_same(const struct gt_event *a, const struct gt_event *b)
{
    unsigned n = lie_known_args(a->type);
    return a->type == b->type && memcmp(a->args, b->args, n * sizeof *a->args) == 0;
}

static size_t swap(const struct lie_trace *t, const struct lie_event *e, struct lie_edit *out)
{
    const struct lie_event *n = e + 1;
    if (n == t->events + t->n_events || n->batch != e->batch || !n->core ||
        lie_is_status(e->ev.type) || lie_is_status(n->ev.type) || says_the_same(&e->ev, &n->ev))
        return 0;
    out[0] = (struct lie_edit){.batch = e->batch, .at = e->at, .cut = e->len + n->len};
    memcpy(out[0].put, lie_bytes(t, n), n->len);
    memcpy(out[0].put + n->len, lie_bytes(t, e), e->len);
    out[0].n = e->len + n->len;
    return 1;
}

static size_t falsify_arg(const struct lie_trace *t, const struct lie_event *e,
                          struct lie_edit *out)
{
    struct gt_event ev = e->ev;
    unsigned n = lie_known_args(ev.type), i = (unsigned)below(n);
    (void)t;
    if (n == 0)
        return 0;
    uint64_t by = 1 + below(3);
    ev.args[i] = below(2) && ev.args[i] > by ? ev.args[i] - by : ev.args[i] + by;
    out[0] = cut_out(e);
    out[0].n = lie_encode(out[0].put, &ev);
    return 1;
}

static size_t falsify_kind(const struct lie_trace *t, const struct lie_event *e,
                           struct lie_edit *out)
{
    struct gt_event ev = e->ev;
    (void)t;
    ev.type = lie_other_kind(ev.type);
    if (ev.type == 0)
        return 0;
    out[0] = cut_out(e);
    out[0].n = lie_encode(out[0].put, &ev);
    return 1;
}

static size_t falsify_status(const struct lie_trace *t, const struct lie_event *e,
                             struct lie_edit *out)
{
    struct gt_event ev = e->ev;
    (void)t;
    if (!lie_is_status(ev.type))
        return 0;
    ev.args[2] = 1 + (ev.args[2] + below(3)) % 4;
    out[0] = cut_out(e);
    out[0].n = lie_encode(out[0].put, &ev);
    return ev.args[2] != e->ev.args[2];
}

/* To a batch of another generation of the thread, or of another thread of the generation. */
static size_t move_away(const struct lie_trace *t, const struct lie_event *e, bool generation,
                        struct lie_edit *out)
{
    const struct lie_batch *from = &t->batches[e->batch];
    for (unsigned tries = 0; tries < 64 && !lie_is_status(e->ev.type); tries++) {
        const struct lie_event *to = &t->events[t->core[below(t->n_core)]];
        const struct lie_batch *b = &t->batches[to->batch];
        bool fits = generation ? b->m == from->m && b->gen != from->gen
                               : b->m != from->m && b->gen == from->gen;
        if (!fits || b->m == GT_WIRE_NO_M || b->size + e->len > GT_WIRE_MAX_BATCH)
            continue;
        out[0] = cut_out(e);
        out[1] = (struct lie_edit){.batch = to->batch, .at = to->at, .n = e->len};
        memcpy(out[1].put, lie_bytes(t, e), e->len);
        return 2;
    }
    return 0;
}

static size_t other_generation(const struct lie_trace *t, const struct lie_event *e,
                               struct lie_edit *out)
{
    return move_away(t, e, true, out);
}

static size_t other_thread(const struct lie_trace *t, const struct lie_event *e,
                           struct lie_edit *out)
{
    return move_away(t, e, false, out);
}

static const struct {
    const char *name;
    size_t (*make)(const struct lie_trace *, const struct lie_event *, struct lie_edit *);
} kinds[] = {
    {"dropped", drop},
    {"told twice", twice},
    {"swapped", swap},
    {"another argument", falsify_arg},
    {"another kind", falsify_kind},
    {"another status", falsify_status},
    {"another generation", other_generation},
    {"another thread", other_thread},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* ---- the verdict ------------------------------------------------------------------------- */
struct heard {
    const struct lie_event *ev;
    const struct lie_batch *batch;
    uint64_t lies;
    bool place, transition; /* it was named */
    char first[256];
};

/* Is this the transition that left the event? */
static bool left(const struct gt_jentry *was, const struct lie_event *e)
{
    unsigned from = was->from, to = was->to;
    bool g = was->kind == GT_J_G, p = was->kind == GT_J_P, told = was->kind == GT_J_TOLD;
    switch (e->ev.type) {
    case GT_EV_GO_CREATE:
    case GT_EV_GO_CREATE_BLOCKED:
    case GT_EV_GO_CREATE_SYSCALL:
        return g && from == GT_G_DEAD && was->id == e->ev.args[0];
    case GT_EV_GO_START:
        return g && to == GT_G_RUNNING && was->id == e->ev.args[0];
    case GT_EV_GO_SWITCH:
    case GT_EV_GO_SWITCH_DESTROY:
        return g && from == GT_G_RUNNABLE && was->id == e->ev.args[0];
    case GT_EV_GO_UNBLOCK:
        return g && from == GT_G_WAITING && was->id == e->ev.args[0];
    case GT_EV_GO_STOP:
        return g && from == GT_G_RUNNING && to == GT_G_RUNNABLE;
    case GT_EV_GO_BLOCK:
        return g && from == GT_G_RUNNING && to == GT_G_WAITING;
    case GT_EV_GO_DESTROY:
    case GT_EV_GO_DESTROY_SYSCALL:
        return g && to == GT_G_DEAD;
    case GT_EV_GO_SYSCALL_BEGIN:
        return g && to == GT_G_SYSCALL;
    case GT_EV_GO_SYSCALL_END:
    case GT_EV_GO_SYSCALL_END_BLOCKED:
        return g && from == GT_G_SYSCALL;
    case GT_EV_PROC_START:
    case GT_EV_PROC_STEAL:
        return p && was->id == e->ev.args[0];
    case GT_EV_PROC_STOP:
        return p && from == GT_P_RUNNING;
    case GT_EV_GO_STATUS:
    case GT_EV_GO_STATUS_STACK:
        return g && was->id == e->ev.args[0];
    default:
        return told;
    }
}

static void hear(void *arg, const struct gt_lie *l)
{
    struct heard *h = arg;
    bool status = lie_is_status(h->ev->ev.type);
    if (h->lies++ == 0)
        snprintf(h->first, sizeof h->first, "%s: gen %" PRIu64 " m %" PRId64 " '%s': %s",
                 gt_truth_name(l->cls), l->generation, (int64_t)l->m, l->said, l->explain);
    h->place |= l->generation == h->batch->gen && (l->m == h->batch->m || status);
    if (!l->was)
        return;
    bool where = gt_jtok_on(l->was->tok) && gt_jtok_generation(l->was->tok) == h->batch->gen &&
                 (uint64_t)l->was->tid == h->batch->m;
    h->place |= where; /* where it should stand, when the lie is where it does */
    h->transition |= (where || status) && left(l->was, h->ev);
}

enum verdict { UNMADE, MISSED, FOUND };

/* An event that is told twice is one too many: there is no transition to name. */
static bool is_named(const struct heard *h, unsigned kind)
{
    return h->lies > 0 && h->place &&
           (h->transition || kinds[kind].make == twice ||
            (lie_is_status(h->ev->ev.type) && kinds[kind].make != falsify_status));
}

static enum verdict one_lie(struct record *r, unsigned kind)
{
    struct lie_edit edits[2];
    struct heard h = {0};
    size_t n = 0;
    for (unsigned tries = 0; tries < 1000 && n == 0; tries++) {
        h.ev = &r->t.events[r->t.core[below(r->t.n_core)]];
        n = kinds[kind].make(&r->t, h.ev, edits);
    }
    if (n == 0)
        return UNMADE; /* nothing in this trace that it could be done to */
    h.batch = &r->t.batches[h.ev->batch];
    int fd = lie_write(&r->t, edits, n);
    struct gt_truth_options o = {.syscalls = r->run.model, .lie = hear, .arg = &h};
    struct gt_truth_result res;
    int rc = gt_truth_compare(r->run.e, r->run.n, 0, &fd, 1, &o, &res);
    bool good = rc == 0 && is_named(&h, kind);
    if (!good)
        diag("seed %" PRIu64 ": %s %s gen %" PRIu64 " m %" PRId64 " args %" PRIu64 " %" PRIu64
             " %" PRIu64 ": rc %d, %" PRIu64 " lies, place %d, transition %d, first %s",
             rng, kinds[kind].name, gt_ev_spec(h.ev->ev.type)->name, h.batch->gen,
             (int64_t)h.batch->m, h.ev->ev.args[0], h.ev->ev.args[1], h.ev->ev.args[2], rc, h.lies,
             h.place, h.transition, h.first);
    close(fd);
    return good ? FOUND : MISSED;
}

static const struct truth_cell cells[] = {
    {NULL, &annotated_coroutines, "worksteal", "gen", GT_SYSCALLS_STATUS, 2, 300, 0, 0, 14},
    {"syscall-storm", NULL, "worksteal", "gen", GT_SYSCALLS_STATUS, 4, 400, 0, 0, 3},
    {"syscall-storm", NULL, "worksteal", "locked", GT_SYSCALLS_SCANBIT, 4, 400, 0, -1, 4},
    {"callback", NULL, "fifo", "gen", GT_SYSCALLS_SCANBIT, 2, 60, 0, 0, 5},
    {"gc-trees", NULL, "worksteal", "gen", GT_SYSCALLS_STATUS, 2, 200, 0, 1000000, 6},
    {"pingpong", NULL, "global", "gen", GT_SYSCALLS_SCANBIT, 2, 600, 0, 0, 7},
};
enum { RECORDS = sizeof cells / sizeof *cells };

static void record(struct record *r, const struct truth_cell *c)
{
    struct gt_truth_result res;
    struct gt_truth_options o = {.syscalls = c->model, .lie = truth_say, .max_report = 3};
    truth_run_cell(c, &r->run);
    int rc = gt_truth_compare(r->run.e, r->run.n, r->run.lost, &r->run.fd, 1, &o, &res);
    lie_read(&r->t, r->run.fd);
    ok(r->run.outcome.verdict == GT_CELL_OK && rc == 0 && res.lies == 0 && !res.void_round,
       "%s: recorded, %" PRIu64 " transitions, %zu events, no lie",
       c->own ? "coroutines" : c->workload, res.transitions, r->t.n_core);
}

int main(void)
{
    struct record r[RECORDS];
    const char *seed = getenv("GT_SEED"), *lies = getenv("GT_LIES");
    unsigned n = lies ? (unsigned)strtoul(lies, NULL, 10) : LIES, found = 0, of_kind[KINDS] = {0};
    rng = seed ? strtoull(seed, NULL, 10) : (uint64_t)getpid() << 20;
    memset(r, 0, sizeof r);
    for (size_t i = 0; i < RECORDS; i++)
        record(&r[i], &cells[i]);
    for (unsigned i = 0, made = 0; made < n && i < 4 * n; i++) {
        unsigned kind = (i / RECORDS) % KINDS;
        enum verdict v = one_lie(&r[i % RECORDS], kind);
        made += v != UNMADE;
        found += v == FOUND;
        of_kind[kind] += v != UNMADE;
    }
    ok(found == n, "%u of %u lies are found and named", found, n);
    for (unsigned k = 0; k < KINDS; k++)
        ok(of_kind[k] > 0, "%s: %u", kinds[k].name, of_kind[k]);
    for (size_t i = 0; i < RECORDS; i++) {
        lie_free(&r[i].t);
        truth_run_free(&r[i].run);
    }
    return done_testing();
}
