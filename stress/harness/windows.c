/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Windows, counted from the journal of a round.
 *
 * Two passes. In each M's order: what stands side by side on one M (an injected list, a direct
 * switch), and the marks, that is, when generations began and traces ended. In the order of
 * versions: what becomes of one G or P.
 *
 * Invariants:
 *   I1 Nothing of a tracer is looked at, and no token is taken for a number: it is the
 *      generation of the mark that bears it. What was done outside of any section is of the
 *      generation that had begun when it was journaled (jentry.marks).
 *   I2 A window that lies in two rounds is counted in none.
 *   I3 An entry that the window needs and that is not there (lost) makes it uncounted.
 */
#include "harness/windows.h"
#include "harness/windows_order.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name, *text;
} windows[GT_WINDOWS] = {
#define GT_WINDOW(sym, name_, text_) {name_, text_},
#include "harness/windows.def"
#undef GT_WINDOW
};

const char *gt_window_name(enum gt_window w)
{
    return w < GT_WINDOWS ? windows[w].name : "?";
}

const char *gt_window_text(enum gt_window w)
{
    return w < GT_WINDOWS ? windows[w].text : "?";
}

struct count {
    uint64_t *n;
    const struct gt_jentry *e;
    size_t n_e;
    struct gt_windows_space *space;
    struct gt_jentry *mark; /* by number */
    size_t n_marks;
    size_t g_begin, g_end; /* entries of Gs, in the second pass */
    struct {
        const struct gt_jentry *born; /* its last way out of dead; NULL: not of this round */
        bool stopped; /* a trace ended while it was dead, and it was in none since */
    } life;           /* of the P that is looked at */
};

#define HIT(c, sym) ((c)->n[GT_WINDOW_##sym]++)

/* ---- orders -------------------------------------------------------------------------- */
static int compare(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

/* A journal often comes in that order already. */
static bool is_by_m(const struct count *c)
{
    size_t i = 1;
    while (i < c->n_e && (c->e[i - 1].m != c->e[i].m ? c->e[i - 1].m < c->e[i].m
                                                     : c->e[i - 1].seq <= c->e[i].seq))
        i++;
    return i >= c->n_e;
}

/* From here on c's entries are a copy in that order. */
static int order(struct count *c, enum gt_journal_order by)
{
    const struct gt_jentry *e = gt_journal_ordered(c->e, c->n_e, by, c->space, &c->n_e);
    if (!e)
        return -ENOMEM;
    c->e = e;
    return 0;
}

/* ---- generations ----------------------------------------------------------------------- */
#define NO_TRACE (-1l)    /* no generation was on */
#define BEFORE (-2l)      /* one that began before the first mark */

static bool on(uint64_t tok)
{
    return tok > GT_TOK_NONE_V;
}

/* The last mark of those up to number `marks`: its place, -1 none. */
static long last_mark(const struct count *c, uint64_t marks)
{
    size_t lo = 0, hi = c->n_marks;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (c->mark[mid].version <= marks)
            lo = mid + 1;
        else
            hi = mid;
    }
    return (long)lo - 1;
}

/* Which generation e is of: the place of its mark, NO_TRACE or BEFORE. */
static long generation_of(const struct count *c, const struct gt_jentry *e)
{
    long i = last_mark(c, e->marks);
    if (e->tok == GT_TOK_OFF_V || (e->tok == GT_TOK_NONE_V && i < 0))
        return NO_TRACE;
    if (e->tok == GT_TOK_NONE_V)
        return on(c->mark[i].tok) ? i : NO_TRACE;
    /* The count may be one early or late; generations of a section may be as old as it is. */
    for (long k = i + 1 < (long)c->n_marks ? i + 1 : i; k >= 0; k--)
        if (c->mark[k].tok == e->tok)
            return k;
    return BEFORE;
}

static bool differ(long a, long b)
{
    return a != b && a != NO_TRACE && b != NO_TRACE;
}

static bool is_start(const struct count *c, long i)
{
    return on(c->mark[i].tok) && (i == 0 || !on(c->mark[i - 1].tok));
}

static bool is_advance(const struct count *c, long i)
{
    return on(c->mark[i].tok) && i > 0 && on(c->mark[i - 1].tok);
}

/* Of marks after number a, up to number b: is there one such? */
static bool between(const struct count *c, uint64_t a, uint64_t b,
                    bool (*is)(const struct count *, long))
{
    for (long i = last_mark(c, a) + 1; i <= last_mark(c, b); i++)
        if (is(c, i))
            return true;
    return false;
}

/* ---- first pass: side by side on one M ------------------------------------------------------ */
/* The entry k places after e on the same M, NULL if there is none. */
static const struct gt_jentry *after(const struct count *c, const struct gt_jentry *e, size_t k)
{
    size_t left = c->n_e - (size_t)(e - c->e) - 1;
    if (k > left || e[k].m != e->m || e[k].seq != e->seq + k)
        return NULL;
    return e + k;
}

static bool becomes(const struct gt_jentry *e, unsigned from, unsigned to)
{
    return e->kind == GT_J_G && e->from == from && e->to == to;
}

/*
 * The next generation began after the list was in hand and before its last G was runnable. What
 * stands in a section must be of a section older than that: else it was opened after.
 */
static void look_at_list(struct count *c, const struct gt_jentry *e)
{
    const struct gt_jentry *first = after(c, e, 1), *last = after(c, e, e->version);
    if (e->version == 0 || !first || !last || !becomes(first, GT_G_WAITING, GT_G_RUNNABLE) ||
        !becomes(last, GT_G_WAITING, GT_G_RUNNABLE))
        return;
    HIT(c, inject);
    long g = generation_of(c, first);
    for (long i = last_mark(c, e->marks) + 1; i <= last_mark(c, last->marks); i++) {
        if (!is_advance(c, i) || (first->tok != GT_TOK_NONE_V && (g == NO_TRACE || g >= i)))
            continue;
        HIT(c, inject_advance);
        return;
    }
}

/* One G leaves, another goes from Waiting to Running, all in a row. */
static void look_at_switch(struct count *c, const struct gt_jentry *e)
{
    const struct gt_jentry *next = after(c, e, 1), *then = after(c, e, 2);
    if (e->from != GT_G_RUNNING || (e->to != GT_G_WAITING && e->to != GT_G_DEAD) || !next || !then)
        return;
    if (becomes(next, GT_G_WAITING, GT_G_RUNNABLE) && becomes(then, GT_G_RUNNABLE, GT_G_RUNNING) &&
        next->id == then->id && next->id != e->id && next->tok == then->tok &&
        next->reason == GT_WAIT_CORO)
        HIT(c, switch_direct);
}

static int by_number(const void *a, const void *b)
{
    const struct gt_jentry *x = a, *y = b;
    return compare(x->version, y->version);
}

static int take_marks(struct count *c)
{
    size_t n = 0;
    for (size_t i = 0; i < c->n_e; i++)
        n += c->e[i].kind == GT_J_TRACE;
    c->mark = calloc(n + 1, sizeof *c->mark);
    if (!c->mark)
        return -ENOMEM;
    for (size_t i = 0; i < c->n_e; i++)
        if (c->e[i].kind == GT_J_TRACE)
            c->mark[c->n_marks++] = c->e[i];
    qsort(c->mark, c->n_marks, sizeof *c->mark, by_number);
    return 0;
}

static void look_at_marks(struct count *c)
{
    for (long i = 0; i < (long)c->n_marks; i++) {
        if (is_start(c, i))
            HIT(c, trace_start);
        else if (is_advance(c, i))
            HIT(c, advance);
        else if (i > 0 && on(c->mark[i - 1].tok))
            HIT(c, trace_stop);
    }
}

/* What counts by itself. */
static void look_at_note(struct count *c, const struct gt_jentry *e)
{
    if (e->kind == GT_J_WORLD)
        c->n[GT_WINDOW_world_stop] += e->to == 2;
    else if (e->kind == GT_J_SCAN)
        c->n[GT_WINDOW_scan_other] += !(e->reason & GT_JR_OWN);
    else if (e->kind == GT_J_GC)
        c->n[GT_WINDOW_gc_cycle] += e->to == 1;
    else if (e->kind == GT_J_STACK)
        HIT(c, stack_scan);
}

static int first_pass(struct count *c)
{
    int rc = is_by_m(c) ? 0 : order(c, GT_BY_M);
    if (rc != 0)
        return rc;
    look_at_marks(c);
    for (size_t i = 0; i < c->n_e; i++) {
        if (c->e[i].kind == GT_J_INJECT)
            look_at_list(c, &c->e[i]);
        else if (c->e[i].kind == GT_J_G)
            look_at_switch(c, &c->e[i]);
        else
            look_at_note(c, &c->e[i]);
    }
    return 0;
}

/* ---- second pass: what becomes of one G ----------------------------------------------------- */
/* The change before e of the same G or P, NULL if it is not of this round. */
static const struct gt_jentry *before(const struct count *c, const struct gt_jentry *e)
{
    if (e == c->e || e[-1].kind != e->kind || e[-1].id != e->id || e[-1].version + 1 != e->version)
        return NULL;
    return e - 1;
}

/* A call of a G's: begun at b, over at e. */
static void look_at_call(struct count *c, const struct gt_jentry *b, const struct gt_jentry *e)
{
    bool idle_p = e->to == GT_G_RUNNING && (e->reason & GT_JR_IDLE_P) != 0;
    long g = generation_of(c, b), h = generation_of(c, e);
    if (b->from == GT_G_RUNNING && !(b->reason & GT_JR_BLOCKING)) {
        if (e->to == GT_G_RUNNABLE || idle_p)
            HIT(c, syscall_lost);
        if (idle_p && b->p == e->p && b->p >= 0)
            HIT(c, syscall_reacquire);
    }
    /* What had begun before the call is none of its generations. */
    long first = b->tok == GT_TOK_OFF_V || g == NO_TRACE ? last_mark(c, b->marks) + 1
                                                         : (g == BEFORE ? 0 : g + 1);
    bool whole = false, start = false, stop = false;
    long end = h >= 0 ? h : last_mark(c, e->marks);
    for (long i = first; i <= end; i++) {
        whole |= on(c->mark[i].tok) && i < end;
        start |= is_start(c, i);
        stop |= i > 0 && !on(c->mark[i].tok) && on(c->mark[i - 1].tok);
    }
    if (whole)
        HIT(c, syscall_across);
    if (start)
        HIT(c, syscall_trace_start);
    if (stop)
        HIT(c, syscall_trace_stop);
}

/* Foreign threads: a G that is born in a system call and dies in one. */
static void look_at_foreign(struct count *c, const struct gt_jentry *e)
{
    if (e->from == GT_G_DEAD && e->to == GT_G_SYSCALL && (e->reason & GT_JR_FOREIGN)) {
        HIT(c, foreign_born);
        return;
    }
    if (e->from != GT_G_SYSCALL || e->to != GT_G_DEAD)
        return;
    HIT(c, foreign_left);
    const struct gt_jentry *b = e;
    for (const struct gt_jentry *p; (p = before(c, b)) != NULL; b = p)
        ;
    if (b->from == GT_G_DEAD && differ(generation_of(c, b), generation_of(c, e)))
        HIT(c, foreign_advance);
}

static void look_at_g(struct count *c, const struct gt_jentry *e)
{
    const struct gt_jentry *b = before(c, e);
    look_at_foreign(c, e);
    if (e->from == GT_G_SYSCALL && e->to != GT_G_DEAD && b && b->from == GT_G_RUNNING)
        look_at_call(c, b, e);
    if (becomes(e, GT_G_RUNNING, GT_G_RUNNABLE) && e->reason == GT_STOP_PREEMPTED)
        HIT(c, preempted);
    if (becomes(e, GT_G_WAITING, GT_G_RUNNABLE) && b && generation_of(c, e) != NO_TRACE &&
        generation_of(c, b) != generation_of(c, e))
        HIT(c, ready_across);
    if (!becomes(e, GT_G_RUNNING, GT_G_WAITING))
        return;
    if (gt_wait_is_running((enum gt_wait_reason)e->reason))
        HIT(c, pretend_wait);
    if (e->reason == GT_WAIT_PREEMPTED)
        HIT(c, suspended);
}

/* ---- second pass: of one P -------------------------------------------------------------------- */
/* The P of a call that had begun at b (NULL: in an earlier round) was taken; it became `to`. */
static void taken(struct count *c, const struct gt_jentry *b, const struct gt_jentry *e)
{
    HIT(c, syscall_steal);
    if (e->to == GT_P_STOPPED)
        HIT(c, syscall_steal_stop);
    else if (e->reason & GT_JR_SYSMON)
        HIT(c, syscall_steal_sysmon);
    else
        HIT(c, syscall_steal_safe);
    if (b && differ(generation_of(c, b), generation_of(c, e)))
        HIT(c, syscall_steal_advance);
}

/* Status model: e takes a P out of a call. */
static void out_of_syscall(struct count *c, const struct gt_jentry *e)
{
    const struct gt_jentry *b = before(c, e);
    bool others = b && b->m != e->m;
    if (e->to == GT_P_RUNNING) {
        if (others)
            HIT(c, syscall_reacquire);
    } else if (e->reason & GT_JR_GIVES) {
        if (others)
            HIT(c, syscall_gives_other);
        else
            HIT(c, syscall_gives);
    } else {
        taken(c, b, e);
    }
}

static bool is_stop(const struct count *c, long i)
{
    return !on(c->mark[i].tok) && (i == 0 || on(c->mark[i - 1].tok));
}

static bool in_a_trace(const struct count *c, uint64_t from, uint64_t to)
{
    long i = last_mark(c, from);
    return (i >= 0 && on(c->mark[i].tok)) || between(c, from, to, is_start);
}

static bool is_last(const struct count *c, const struct gt_jentry *e)
{
    return e + 1 == c->e + c->n_e || e[1].kind != e->kind || e[1].id != e->id;
}

/*
 * A trace ended while the P was dead, and it is there in another, which was on as it came back or began
 * before it died again: with what a tracer knew of it from the first, or from one before. A life
 * between two traces changes nothing of that.
 */
static void look_at_life(struct count *c, const struct gt_jentry *b, const struct gt_jentry *e)
{
    if (!b)
        memset(&c->life, 0, sizeof c->life);
    if (b && e->from == GT_P_DEAD) {
        c->life.born = e;
        c->life.stopped |= between(c, b->marks, e->marks, is_stop);
    }
    bool over = e->to == GT_P_DEAD;
    if (!c->life.stopped || !c->life.born || !(over || is_last(c, e)))
        return;
    if (in_a_trace(c, c->life.born->marks, over ? e->marks : UINT64_MAX)) {
        HIT(c, proc_reborn_trace);
        c->life.stopped = false;
    }
    c->life.born = NULL;
}

static void look_at_p(struct count *c, const struct gt_jentry *e)
{
    const struct gt_jentry *b = before(c, e);
    look_at_life(c, b, e);
    if (e->from == GT_P_SYSCALL)
        out_of_syscall(c, e);
    if (e->to == GT_P_DEAD && generation_of(c, e) != NO_TRACE)
        HIT(c, proc_died);
    if (e->from != GT_P_DEAD || !b)
        return;
    if (between(c, b->marks, e->marks, is_advance))
        HIT(c, proc_reborn);
}

/* Scanbit model. The call: the G's change with the very version. */
static void look_at_lost(struct count *c, const struct gt_jentry *e)
{
    if (e->reason & GT_JR_OWN) {
        HIT(c, syscall_gives);
        return;
    }
    struct gt_jentry key = {.kind = GT_J_G, .id = e->id, .version = e->version};
    const struct gt_jentry *b = NULL;
    for (size_t lo = c->g_begin, hi = c->g_end; lo < hi && !b;) {
        size_t mid = (lo + hi) / 2;
        const struct gt_jentry *x = &c->e[mid];
        int d = x->id != key.id ? compare(x->id, key.id) : compare(x->version, key.version);
        if (d == 0)
            b = x;
        else if (d < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    taken(c, b, e);
}

/* ---- second pass: notes ------------------------------------------------------------------------- */
static void look_at_thread(struct count *c, const struct gt_jentry *e)
{
    for (const struct gt_jentry *x = e; e->to == 1 && x > c->e; x--) {
        if (x[-1].kind != GT_J_THREAD || x[-1].id != e->id)
            return;
        if (x[-1].to == 1 && x[-1].version != e->version) {
            HIT(c, thread_reused);
            return;
        }
    }
}

static void look_at(struct count *c, const struct gt_jentry *e)
{
    switch ((enum gt_jkind)e->kind) {
    case GT_J_G:
        look_at_g(c, e);
        break;
    case GT_J_P:
        look_at_p(c, e);
        break;
    case GT_J_LOST:
        look_at_lost(c, e);
        break;
    case GT_J_THREAD:
        look_at_thread(c, e);
        c->n[GT_WINDOW_thread_left] += e->to == 0 && generation_of(c, e) != NO_TRACE;
        break;
    default: /* not of gt_journal_life */
        break;
    }
}

static int second_pass(struct count *c)
{
    int rc = order(c, GT_BY_VERSION);
    if (rc != 0)
        return rc;
    while (c->g_end < c->n_e && c->e[c->g_end].kind == GT_J_G)
        c->g_end++;
    for (size_t i = 0; i < c->n_e; i++)
        look_at(c, &c->e[i]);
    return 0;
}

/* ---- which are needed -------------------------------------------------------------------------- */
static bool window_of(const char *name, size_t n, enum gt_window *w)
{
    for (int i = 0; i < GT_WINDOWS; i++)
        if (strlen(windows[i].name) == n && memcmp(windows[i].name, name, n) == 0) {
            *w = (enum gt_window)i;
            return true;
        }
    return false;
}

/* One of those of "a|b"; *at is moved behind them. */
static int count_any(const char **at, const uint64_t n[GT_WINDOWS], uint64_t *sum)
{
    enum gt_window w;
    *sum = 0;
    for (;;) {
        size_t len = strcspn(*at, ",|");
        if (!window_of(*at, len, &w))
            return -EINVAL;
        *sum += n[w];
        *at += len;
        if (**at != '|')
            return 0;
        (*at)++;
    }
}

int gt_windows_needed(const char *needed, const uint64_t n[GT_WINDOWS], uint64_t *least)
{
    *least = UINT64_MAX;
    if (strncmp(needed, "none: ", 6) == 0)
        return needed[6] ? 0 : -EINVAL;
    for (const char *at = needed;; at++) {
        uint64_t sum;
        int rc = count_any(&at, n, &sum);
        if (rc != 0)
            return rc;
        *least = sum < *least ? sum : *least;
        if (*at == '\0')
            return 0;
    }
}

int gt_windows_count(struct gt_windows *w, const struct gt_jentry *e, size_t n,
                     struct gt_windows_space *space)
{
    struct gt_windows_space own = {0};
    struct count c = {.n = w->n, .e = e, .n_e = n, .space = space ? space : &own};
    int rc = take_marks(&c);
    if (rc == 0)
        rc = first_pass(&c);
    if (rc == 0)
        rc = second_pass(&c);
    gt_windows_space_free(&own);
    free(c.mark);
    return rc;
}
