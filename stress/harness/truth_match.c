/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The events of a generation, thread by thread, against those that must stand there.
 *
 * Both are sequences. Where they differ, every small change that could explain it (an event
 * left out, one too many, another in its place, two swapped) is tried by how far the two then
 * agree; the best is taken and said. What was left out here and is too much elsewhere was
 * moved: that is put together at the end (truth.c).
 */
#include <errno.h>

#include "harness/truth_internal.h"

#define REACH 4u  /* events left out, or too many, in a row, that are told apart */
#define AHEAD 24u /* events that an explanation is judged by */

void gt_truth_bad(struct gt_truth *t, uint32_t must, const struct gt_told_event *ev, uint64_t gen,
                  uint64_t tid)
{
    struct gt_finding_pair *v = gt_more(t, t->bad, t->n_bad, &t->cap_bad, sizeof *v);
    if (!v)
        return;
    t->bad = v;
    v += t->n_bad++;
    *v = (struct gt_finding_pair){
        .must = must, .has_event = ev != NULL, .generation = gen, .tid = tid};
    if (ev)
        v->ev = *ev;
}

/* ---- what an event says ------------------------------------------------------------------- */
static int32_t name_index(const char *s, size_t len, const char *const *names, int32_t n)
{
    for (int32_t i = 0; s && i < n; i++)
        if (strlen(names[i]) == len && memcmp(names[i], s, len) == 0)
            return i;
    return -1;
}

static const struct gt_reason_cache *reason(struct gt_truth *t, uint64_t id)
{
    struct gt_reason_cache *c = &t->reasons[id % (sizeof t->reasons / sizeof *t->reasons)];
    if (!c->known || c->id != id) {
        size_t len = 0;
        const char *s = gt_generation_string(t->g, id, &len);
        *c = (struct gt_reason_cache){
            .id = id,
            .known = true,
            .block = name_index(s, len, gt_wire_block_names, GT_WIRE_BLOCK_COUNT),
            .stop = name_index(s, len, gt_wire_stop_names, GT_WIRE_STOP_COUNT),
            .stw = name_index(s, len, gt_wire_stw_names, GT_WIRE_STW_COUNT)};
    }
    return c;
}

static uint64_t text(struct gt_truth *t, uint64_t h, uint64_t id)
{
    size_t len = 0;
    const char *s = gt_generation_string(t->g, id, &len);
    return gt_jhash(h, s, s ? len : 0);
}

static void say(struct gt_truth *t, const struct gt_event *ev, struct gt_said *s)
{
    const uint64_t *a = ev->args;
    *s = (struct gt_said){.type = (uint8_t)ev->type};
    switch (ev->type) {
    case GT_EV_GO_CREATE:
    case GT_EV_GO_CREATE_BLOCKED:
    case GT_EV_GO_CREATE_SYSCALL:
    case GT_EV_PROCS_CHANGE:
    case GT_EV_HEAP_ALLOC:
    case GT_EV_HEAP_GOAL:
    case GT_EV_USER_TASK_END:
        s->id = a[0];
        break;
    case GT_EV_GO_START:
    case GT_EV_GO_UNBLOCK:
    case GT_EV_GO_SWITCH:
    case GT_EV_GO_SWITCH_DESTROY:
    case GT_EV_PROC_START:
        s->id = a[0];
        s->seq = (uint32_t)a[1];
        break;
    case GT_EV_PROC_STEAL:
        s->id = a[0];
        s->seq = (uint32_t)a[1];
        s->aux = (int32_t)a[2];
        break;
    case GT_EV_GO_SYSCALL_BEGIN:
        s->seq = (uint32_t)a[0];
        break;
    case GT_EV_GO_STOP:
        s->aux = reason(t, a[0])->stop;
        break;
    case GT_EV_GO_BLOCK:
        s->aux = reason(t, a[0])->block;
        break;
    case GT_EV_STW_BEGIN:
        s->aux = reason(t, a[0])->stw;
        break;
    case GT_EV_GC_SWEEP_END:
        s->id = a[0];
        s->h = a[1];
        break;
    case GT_EV_GO_LABEL:
        s->h = text(t, 0, a[0]);
        break;
    case GT_EV_USER_TASK_BEGIN:
        s->id = a[0];
        s->h = text(t, gt_jmix(0, a[1]), a[2]);
        break;
    case GT_EV_USER_REGION_BEGIN:
    case GT_EV_USER_REGION_END:
        s->id = a[0];
        s->h = text(t, 0, a[1]);
        break;
    case GT_EV_USER_LOG:
        s->id = a[0];
        s->h = text(t, text(t, 0, a[1]), a[2]);
        break;
    default:
        break;
    }
}

static bool is_status(unsigned type)
{
    return type == GT_EV_PROC_STATUS || type == GT_EV_GO_STATUS || type == GT_EV_GO_STATUS_STACK ||
           type == GT_EV_GC_SWEEP_ACTIVE || type == GT_EV_GC_MARK_ASSIST_ACTIVE;
}

static bool keep(struct gt_truth *t, const struct gt_event *ev, uint64_t offset)
{
    struct gt_told_event *v = gt_more(t, t->ev, t->n_ev, &t->cap_ev, sizeof *v);
    if (!v)
        return false;
    t->ev = v;
    v += t->n_ev++;
    v->offset = offset;
    say(t, ev, &v->s);
    return true;
}

/* All timed events of a thread; statuses are judged at once. false: malformed or no memory. */
static bool read_thread(struct gt_truth *t, const struct gt_thread_batches *th)
{
    t->n_ev = 0;
    for (uint64_t i = th->first; i != UINT64_MAX; i = t->g->batches[i].next) {
        const struct gt_batch *b = &t->g->batches[i];
        const uint8_t *p = b->data, *end = p + b->size;
        while (p < end) {
            struct gt_event ev;
            uint64_t offset = b->offset + (uint64_t)(p - b->data);
            p = gt_decode_event(p, end, &ev);
            if (!p) {
                t->rc = -EBADMSG;
                return false;
            }
            if (is_status(ev.type))
                gt_truth_status(t, &ev, th->m, offset);
            else if (!keep(t, &ev, offset))
                return false;
        }
    }
    return true;
}

/* ---- two sequences -------------------------------------------------------------------------- */
enum same { DIFFER, ANOTHER_NUMBER, EQUAL };

static enum same compare(const struct gt_must *m, const struct gt_told_event *e)
{
    const struct gt_said *a = &m->s, *b = &e->s;
    if (a->type != b->type || a->id != b->id || a->aux != b->aux || a->h != b->h)
        return DIFFER;
    return a->seq == b->seq || m->any_seq ? EQUAL : ANOTHER_NUMBER;
}

/* The musts of a thread in a generation are those of its Ms, one after the other. */
struct pair {
    struct gt_truth *t;
    const uint32_t *must; /* their indices */
    size_t n, n_ev;
    uint64_t tid;
};

static enum same same_at(const struct pair *p, size_t i, size_t j)
{
    return compare(&p->t->must[p->must[i]], &p->t->ev[j]);
}

/* How far the two agree from here. */
static unsigned agree(const struct pair *p, size_t i, size_t j)
{
    unsigned score = 0;
    for (unsigned k = 0; k < AHEAD; k++, i++, j++) {
        if (i >= p->n || j >= p->n_ev) /* both at their ends: as good as can be */
            return i >= p->n && j >= p->n_ev ? score + 2 * (AHEAD - k) : score;
        enum same s = same_at(p, i, j);
        if (s == DIFFER)
            return score;
        score += s;
    }
    return score;
}

struct guess {
    unsigned score;
    size_t left_out, too_many; /* musts and events passed over */
    bool swapped, number;
};

static void consider(struct guess *best, struct guess g)
{
    if (g.score > best->score || (best->left_out == 0 && best->too_many == 0))
        *best = g;
}

static struct guess explain(const struct pair *p, size_t i, size_t j)
{
    struct guess best = {0};
    size_t musts = p->n - i, events = p->n_ev - j;
    bool number = musts && events && same_at(p, i, j) == ANOTHER_NUMBER;
    if (musts && events)
        consider(&best, (struct guess){agree(p, i + 1, j + 1) + number, 1, 1, false, number});
    if (musts > 1 && events > 1 && same_at(p, i, j + 1) != DIFFER && same_at(p, i + 1, j) != DIFFER)
        consider(&best, (struct guess){agree(p, i + 2, j + 2), 2, 2, true, false});
    for (size_t d = 1; d <= REACH && d <= musts; d++)
        consider(&best, (struct guess){agree(p, i + d, j), d, 0, false, false});
    for (size_t d = 1; d <= REACH && d <= events; d++)
        consider(&best, (struct guess){agree(p, i, j + d), 0, d, false, false});
    return best;
}

/* An event that the tracer writes by itself, once in a generation. */
static bool is_head(struct gt_truth *t, const struct gt_told_event *e)
{
    unsigned type = e->s.type;
    bool may = type == GT_EV_PROCS_CHANGE || type == GT_EV_GC_ACTIVE ||
               (t->first_of_trace && (type == GT_EV_HEAP_GOAL ||
                                      (type == GT_EV_STW_BEGIN && e->s.aux == GT_WIRE_STW_START_TRACE)));
    if (!may || t->heads[type] != 0)
        return false;
    t->heads[type]++;
    return true;
}

static void deviates(struct pair *p, size_t i, size_t j)
{
    struct gt_truth *t = p->t;
    struct gt_deviant *v = gt_more(t, t->deviants, t->n_deviants, &t->cap_deviants, sizeof *v);
    if (!v)
        return;
    t->deviants = v;
    v[t->n_deviants++] = (struct gt_deviant){
        .must = p->must[i],
        .by = (int64_t)t->ev[j].s.seq - (int64_t)t->must[p->must[i]].s.seq,
        .ev = t->ev[j],
        .tid = p->tid};
}

static void take(struct pair *p, size_t *i, size_t *j)
{
    struct gt_truth *t = p->t;
    struct guess g = explain(p, *i, *j);
    for (size_t k = 0; k < g.left_out || k < g.too_many; k++) {
        uint32_t must = k < g.left_out ? p->must[*i + k] : GT_NO_INDEX;
        struct gt_told_event *ev = k < g.too_many ? &t->ev[*j + k] : NULL;
        if (g.number)
            deviates(p, *i, *j);
        else if (ev || !t->must[must].optional)
            gt_truth_bad(t, must, ev, t->g->gen, p->tid);
    }
    *i += g.left_out;
    *j += g.too_many;
}

static void align(struct pair *p)
{
    struct gt_truth *t = p->t;
    size_t i = 0, j = 0;
    while ((i < p->n || j < p->n_ev) && t->rc == 0) {
        if (i < p->n && j < p->n_ev && same_at(p, i, j) == EQUAL)
            i++, j++;
        else if (j < p->n_ev && is_head(t, &t->ev[j]))
            j++;
        else if (i < p->n && t->must[p->must[i]].optional)
            i++;
        else
            take(p, &i, &j);
    }
    t->out->events += p->n;
}

static uint32_t *indices(const struct gt_run *r, size_t n_runs, size_t *n)
{
    *n = 0;
    for (size_t k = 0; k < n_runs; k++)
        *n += r[k].n;
    uint32_t *must = malloc((*n + 1) * sizeof *must);
    for (size_t i = 0, k = 0; must && k < n_runs; k++)
        for (uint32_t x = 0; x < r[k].n; x++)
            must[i++] = r[k].first + x;
    return must;
}

static void match_thread(struct gt_truth *t, const struct gt_run *r, size_t n_runs, uint64_t tid)
{
    struct pair p = {.t = t, .n_ev = t->n_ev, .tid = tid};
    uint32_t *must = indices(r, n_runs, &p.n);
    if (must) {
        p.must = must;
        align(&p);
    } else {
        t->rc = -ENOMEM;
    }
    free(must);
}

/* ---- numbers that differ -------------------------------------------------------------------- */
static int by_resource(const struct gt_truth *t, const struct gt_deviant *x,
                       const struct gt_deviant *y)
{
    const struct gt_must *a = &t->must[x->must], *b = &t->must[y->must];
    if (a->p != b->p)
        return a->p < b->p ? -1 : 1;
    if (a->p < 0 && a->s.id != b->s.id)
        return a->s.id < b->s.id ? -1 : 1;
    return a->s.seq < b->s.seq ? -1 : a->s.seq > b->s.seq;
}

static int compare_deviants(const void *x, const void *y, void *t)
{
    return by_resource(t, x, y);
}

/* One event with a wrong number is a lie; where all that follow are off by the same, only the
 * first is. */
static void judge_deviants(struct gt_truth *t)
{
    if (t->n_deviants == 0)
        return;
    qsort_r(t->deviants, t->n_deviants, sizeof *t->deviants, compare_deviants, t);
    for (size_t i = 0; i < t->n_deviants; i++) {
        const struct gt_deviant *d = &t->deviants[i], *b = i ? d - 1 : NULL;
        const struct gt_must *m = &t->must[d->must], *bm = b ? &t->must[b->must] : NULL;
        bool follows = b && bm->p == m->p && (m->p >= 0 || bm->s.id == m->s.id) &&
                       bm->s.seq + 1 == m->s.seq && b->by == d->by;
        char said[96];
        if (!follows)
            gt_truth_lie(t, &(struct gt_lie){.cls = GT_TRUTH_order,
                                             .was = &t->e[m->entry],
                                             .said = gt_said_text(&d->ev.s, said, sizeof said),
                                             .generation = t->g->gen,
                                             .m = d->tid,
                                             .offset = d->ev.offset,
                                             .explain = "its number in the order of the G or P is "
                                                        "not the one of the transition"});
    }
    t->n_deviants = 0;
}

/* ---- a generation --------------------------------------------------------------------------- */
/* Runs of the generation at hand: [*from, end) by thread. Those of generations before it have
 * no place in any trace. */
static size_t runs_of(struct gt_truth *t, size_t *from)
{
    while (t->run_at < t->n_runs && t->runs[t->run_at].generation < t->g->gen)
        t->run_at++; /* gt_truth_rest */
    *from = t->run_at;
    while (t->run_at < t->n_runs && t->runs[t->run_at].generation == t->g->gen)
        t->run_at++;
    return t->run_at;
}

static void all_missing(struct gt_truth *t, struct gt_run *r)
{
    r->seen = true;
    for (uint32_t i = 0; i < r->n; i++)
        if (!t->must[r->first + i].optional)
            gt_truth_bad(t, r->first + i, NULL, r->generation, (uint64_t)r->tid);
}

/* Runs of [from, end) whose thread is th; they are marked as seen. */
static size_t runs_of_thread(struct gt_truth *t, size_t from, size_t end, uint64_t m, size_t *first)
{
    size_t lo = from, hi = end;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if ((int64_t)t->runs[mid].tid < (int64_t)m)
            lo = mid + 1;
        else
            hi = mid;
    }
    *first = lo;
    while (lo < end && (uint64_t)t->runs[lo].tid == m)
        t->runs[lo++].seen = true;
    return lo - *first;
}

int gt_truth_match(struct gt_truth *t)
{
    size_t from, end = runs_of(t, &from);
    memset(t->heads, 0, sizeof t->heads);
    memset(t->reasons, 0, sizeof t->reasons);
    for (size_t i = 0; i < t->g->n_threads && t->rc == 0; i++) {
        const struct gt_thread_batches *th = &t->g->threads[i];
        size_t first = end, n = th->m == GT_NO_M ? 0 : runs_of_thread(t, from, end, th->m, &first);
        if (read_thread(t, th))
            match_thread(t, &t->runs[first], n, th->m);
    }
    for (size_t i = from; i < end; i++)
        if (!t->runs[i].seen)
            all_missing(t, &t->runs[i]);
    if (t->rc == 0 && t->heads[GT_EV_PROCS_CHANGE] == 0)
        gt_truth_lie(t, &(struct gt_lie){.cls = GT_TRUTH_missing,
                                         .said = "",
                                         .generation = t->g->gen,
                                         .m = GT_NO_M,
                                         .explain = "the generation does not say how many Ps there are"});
    judge_deviants(t);
    return t->rc;
}

void gt_truth_rest(struct gt_truth *t)
{
    for (size_t i = 0; i < t->n_runs; i++)
        if (!t->runs[i].seen)
            all_missing(t, &t->runs[i]);
}
