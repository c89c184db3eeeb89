/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mutant i of seed s depends on s + i and the seed files alone, so that one number brings it back. Go's reader works
 * in its process on a window of mutants while ours reads the same ones here.
 */
#include "conformance/fuzz.h"

#include "conformance/minimise.h"
#include "conformance/mutate.h"
#include "conformance/synthetic.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define WINDOW 48
#define MAX_SEED_BYTES ((size_t)40 << 10) /* a longer seed is cut down to whole generations */
#define MAX_KEPT 12
#define MAX_DIFFERENCES 4096
#define ASK_AGAIN 500 /* a small Go map begins with its second entry once in eight times */

struct seed {
    struct cf_bytes bytes;
    struct cf_trace trace;
    char name[64];
};

struct difference {
    uint64_t mutant;
    bool ties;
};

struct pair { /* a kind of disagreement */
    enum gt_rule ours, go;
    bool ours_accepts, go_accepts, ties;
    uint64_t count, first;
};

struct run {
    const struct cf_fuzz *f;
    struct cf_oracle *oracle;
    struct seed *seeds;
    size_t n_seeds, left_out;
    struct cf_arena seed_arena, arena;
    struct cf_verdict ours[WINDOW];
    uint64_t mutant[WINDOW];
    bool ties[WINDOW];
    uint64_t made, judged, accepted, ordered, tied, differ, differ_tied, undecided, old_format;
    uint64_t by_rule[GT_RULE_COUNT];
    struct difference differences[MAX_DIFFERENCES];
    size_t n_differences;
    struct pair pairs[64];
    size_t n_pairs;
};

/* ---- a crash in our reader says which mutant it was ---- */

static struct {
    char line[200], path[4096];
    struct cf_bytes bytes;
} last;

static void crashed(int sig)
{
    ssize_t done = write(2, last.line, strlen(last.line));
    int fd = open(last.path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (fd >= 0)
        done += write(fd, last.bytes.data, last.bytes.size);
    (void)done;
    signal(sig, SIG_DFL);
    raise(sig);
}

static void catch_crashes(const struct cf_fuzz *f)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGABRT, SIGILL, SIGALRM};
    snprintf(last.path, sizeof last.path, "%s/crash.bin", f->keep);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        signal(signals[i], crashed);
}

/* ---- seeds and mutants ---- */

static void add_seed(struct run *r)
{
    struct seed *s = &r->seeds[r->n_seeds];
    if (cf_parse(&s->trace, &r->seed_arena, s->bytes.data, s->bytes.size) && s->trace.n &&
        cf_cut(&s->trace, MAX_SEED_BYTES) && cf_count_threads(&s->trace) <= r->f->max_threads) {
        r->n_seeds++;
        return;
    }
    r->left_out++; /* too large, too many threads, or broken */
    cf_bytes_free(&s->bytes);
}

static bool load_seed(struct run *r, const char *path)
{
    struct seed *s = &r->seeds[r->n_seeds];
    const char *name = strrchr(path, '/');
    if (cf_load(path, &s->bytes, NULL, 0))
        return false;
    snprintf(s->name, sizeof s->name, "%s", name ? name + 1 : path);
    add_seed(r);
    return true;
}

static bool load_seeds(struct run *r)
{
    r->seeds = calloc(r->f->n_seeds + CF_SYNTHETIC + 1, sizeof *r->seeds);
    if (!r->seeds)
        return false;
    for (unsigned i = 0; i < CF_SYNTHETIC; i++) {
        struct seed *s = &r->seeds[r->n_seeds];
        cf_synthetic_seed(i, &s->bytes, s->name, sizeof s->name);
        add_seed(r);
    }
    for (size_t i = 0; i < r->f->n_seeds; i++)
        if (!load_seed(r, r->f->seeds[i]))
            return false;
    return r->n_seeds > 0;
}

/* Mutant `index` in last.bytes. */
static void make_mutant(struct run *r, uint64_t index)
{
    struct cf_random random = {.state = r->f->seed + index * 0x632be59bd9b4e019u};
    char names[96];
    struct cf_trace mutant;
    cf_arena_reset(&r->arena);
    const struct seed *s = &r->seeds[cf_below(&random, r->n_seeds)];
    cf_copy(&mutant, &r->arena, &s->trace);
    last.bytes.size = 0;
    cf_mutate(&mutant, &random, r->f->max_threads, &last.bytes, names, sizeof names);
    snprintf(last.line, sizeof last.line, "crashed: --seed=%llu --only=%llu (%s of %s)\n",
             (unsigned long long)r->f->seed, (unsigned long long)index, names, s->name);
}

/* ---- ties ---- */

static size_t segment_end(const struct cf_trace *t, size_t from)
{
    size_t end = from;
    while (end < t->n && t->batches[end].kind != CF_END &&
           t->batches[end].gen == t->batches[from].gen)
        end++;
    return end > from ? end : from + 1;
}

/* Puts the event batches of one generation in another order of Ms; each M's own order stays. */
static bool turn_segment(struct cf_trace *t, size_t from, size_t end)
{
    size_t slots[512], n = 0, used = 0;
    struct cf_batch turned[512];
    for (size_t i = from; i < end; i++) {
        if (t->batches[i].kind != CF_EVENTS)
            continue;
        if (n == 512)
            return false;
        slots[n++] = i;
    }
    for (size_t i = n; i-- > 0;) { /* Ms by their last batch, from the end */
        uint64_t m = t->batches[slots[i]].m;
        bool done = false;
        for (size_t j = i + 1; j < n && !done; j++)
            done = t->batches[slots[j]].m == m;
        for (size_t j = 0; j < n && !done; j++)
            if (t->batches[slots[j]].m == m)
                turned[used++] = t->batches[slots[j]];
    }
    for (size_t i = 0; i < n; i++)
        t->batches[slots[i]] = turned[i];
    return true;
}

/* The same trace with the Ms of each generation in another order; false: it cannot be taken apart. */
static bool turn(struct run *r, struct cf_bytes *turned)
{
    struct cf_trace t;
    if (!cf_parse(&t, &r->arena, last.bytes.data, last.bytes.size))
        return false;
    for (size_t at = 0, end; at < t.n; at = end) {
        end = segment_end(&t, at);
        if (!turn_segment(&t, at, end))
            return false;
    }
    cf_serialise(&t, turned);
    return true;
}

/* The order in which Ms first appear in a generation decides nothing but ties of times. When the verdict changes with
 * it, the verdict hangs on ties: that is the proof. */
static bool hangs_on_ties(struct run *r, const struct cf_verdict *v)
{
    struct cf_bytes turned = {0};
    struct cf_verdict other = {0};
    if (v->ordered && turn(r, &turned))
        cf_our_verdict(turned.data, turned.size, &other);
    cf_bytes_free(&turned);
    return other.ordered && (other.accepted != v->accepted || other.rule != v->rule);
}

/* The same for Go's verdict. Nothing is open at Go's reader. */
static bool go_hangs_on_ties(struct run *r, const struct cf_verdict *v)
{
    struct cf_bytes turned = {0};
    struct cf_verdict other = {0};
    if (v->ordered && turn(r, &turned) &&
        !cf_oracle_verdict(r->oracle, turned.data, turned.size, &other))
        bail_out("Go's reader has gone");
    cf_bytes_free(&turned);
    return other.ordered && (other.accepted != v->accepted || other.rule != v->rule);
}

/* ---- judging ---- */

static void go_blind(const struct run *r, struct cf_verdict *v)
{
    if (v->rule && v->rule == r->f->blind) {
        v->accepted = true;
        v->rule = GT_RULE_NONE;
    }
}

static struct pair *pair_of(struct run *r, const struct cf_verdict *ours,
                            const struct cf_verdict *go)
{
    for (size_t i = 0; i < r->n_pairs; i++) {
        struct pair *p = &r->pairs[i];
        if (p->ours == ours->rule && p->go == go->rule && p->ours_accepts == ours->accepted &&
            p->go_accepts == go->accepted)
            return p;
    }
    if (r->n_pairs == sizeof r->pairs / sizeof r->pairs[0])
        return &r->pairs[r->n_pairs - 1];
    return &r->pairs[r->n_pairs++];
}

/* Go's reader looks at the stacks, where their ids are far apart, in the order of a Go map, which is another each
 * time: a trace with two errors there (rule T4) has no verdict of its own. The proof is that Go's
 * reader contradicts itself. */
static bool go_is_undecided(struct run *r, const struct cf_verdict *ours,
                            const struct cf_verdict *go)
{
    if (strcmp(gt_rule_info(ours->rule)->id, "T4") || strcmp(gt_rule_info(go->rule)->id, "T4"))
        return false;
    for (unsigned i = 0; i < ASK_AGAIN; i++) {
        struct cf_verdict again;
        if (cf_oracle_verdict(r->oracle, last.bytes.data, last.bytes.size, &again) &&
            cf_same(ours, &again))
            return true;
    }
    return false;
}

/* Nothing is open at Go's reader any more. */
static void settle_difference(struct run *r, const struct difference *d)
{
    struct cf_verdict ours, go;
    make_mutant(r, d->mutant);
    cf_our_verdict(last.bytes.data, last.bytes.size, &ours);
    go_blind(r, &ours);
    if (!cf_oracle_verdict(r->oracle, last.bytes.data, last.bytes.size, &go))
        bail_out("Go's reader has gone");
    if (cf_same(&ours, &go) || go_is_undecided(r, &ours, &go)) {
        r->undecided++;
        return;
    }
    bool ties = d->ties || go_hangs_on_ties(r, &go);
    struct pair *p = pair_of(r, &ours, &go);
    if (!p->count++) {
        *p = (struct pair){.ours = ours.rule,
                           .go = go.rule,
                           .ours_accepts = ours.accepted,
                           .go_accepts = go.accepted,
                           .ties = ties,
                           .count = 1,
                           .first = d->mutant};
        diag("mutant %llu%s: ours %s", (unsigned long long)d->mutant, ties ? " (ties)" : "",
             cf_verdict_line(&ours));
        diag("  Go %s", cf_verdict_line(&go));
    }
    if (ties)
        r->differ_tied++;
    else
        r->differ++;
}

static void settle_differences(struct run *r)
{
    for (size_t i = 0; i < r->n_differences && i < MAX_DIFFERENCES; i++)
        settle_difference(r, &r->differences[i]);
    if (r->n_differences > MAX_DIFFERENCES)
        r->differ += r->n_differences - MAX_DIFFERENCES; /* unseen */
}

static bool judge(struct run *r)
{
    size_t slot = r->judged % WINDOW;
    const struct cf_verdict *ours = &r->ours[slot];
    struct cf_verdict go;
    if (!cf_oracle_answer(r->oracle, &go))
        return false;
    r->judged++;
    if (ours->rule == GT_RULE_F1_V1) { /* Go reads the old format, we say its name */
        r->old_format++;
        return true;
    }
    r->accepted += go.accepted;
    r->ordered += go.ordered;
    r->tied += r->ties[slot];
    r->by_rule[go.rule]++;
    if (!cf_same(ours, &go)) {
        if (r->n_differences < MAX_DIFFERENCES)
            r->differences[r->n_differences] =
                (struct difference){.mutant = r->mutant[slot], .ties = r->ties[slot]};
        r->n_differences++;
    }
    return true;
}

static bool one_mutant(struct run *r, uint64_t index)
{
    size_t slot = r->made % WINDOW;
    make_mutant(r, index);
    if (!cf_oracle_ask(r->oracle, 'v', last.bytes.data, last.bytes.size))
        return false;
    alarm(60);
    r->mutant[slot] = index;
    cf_our_verdict(last.bytes.data, last.bytes.size, &r->ours[slot]);
    r->ties[slot] = hangs_on_ties(r, &r->ours[slot]);
    go_blind(r, &r->ours[slot]);
    alarm(0);
    r->made++;
    return r->made - r->judged < WINDOW || judge(r);
}

static bool all_mutants(struct run *r)
{
    time_t end = time(NULL) + (time_t)r->f->seconds;
    if (r->f->only != UINT64_MAX)
        return one_mutant(r, r->f->only) && judge(r);
    for (uint64_t i = 0; r->f->seconds ? time(NULL) < end : i < r->f->count; i++)
        if (!one_mutant(r, i))
            return false;
    while (r->judged < r->made)
        if (!judge(r))
            return false;
    return true;
}

/* ---- what differs ---- */

static void keep_pair(struct run *r, const struct pair *p)
{
    struct cf_verdict ours, go;
    struct cf_bytes small = {0};
    char name[160], path[4096];
    make_mutant(r, p->first);
    cf_bytes_add(&small, last.bytes.data, last.bytes.size);
    cf_our_verdict(small.data, small.size, &ours);
    if (!cf_oracle_verdict(r->oracle, small.data, small.size, &go) ||
        !cf_minimise(r->oracle, &small, &ours, &go))
        return;
    snprintf(name, sizeof name, "go-%s-ours-%s-%llu",
             p->go_accepts ? "accepts" : gt_rule_info(p->go)->class_name,
             p->ours_accepts ? "accepts" : gt_rule_info(p->ours)->class_name,
             (unsigned long long)p->first);
    int status = cf_keep(r->oracle, r->f->keep, name, &small, &ours, &go, path, sizeof path);
    diag("%llu of: go-%s, ours-%s%s: %s (%zu bytes)%s", (unsigned long long)p->count,
         p->go_accepts ? "accepts" : gt_rule_info(p->go)->class_name,
         p->ours_accepts ? "accepts" : gt_rule_info(p->ours)->class_name,
         p->ties ? ", hangs on ties" : "", path, small.size, status ? " could not be written" : "");
    diag("  again: --seed=%llu --only=%llu", (unsigned long long)r->f->seed,
         (unsigned long long)p->first);
    cf_bytes_free(&small);
}

static void report(const struct run *r)
{
    diag("seed %llu: %llu mutants of %zu traces (%zu left out: too large or too many threads)",
         (unsigned long long)r->f->seed, (unsigned long long)r->judged, r->n_seeds, r->left_out);
    diag("%8llu accepted", (unsigned long long)r->accepted);
    diag("%8llu reached the ordering stage", (unsigned long long)r->ordered);
    diag("%8llu hang on ties of times", (unsigned long long)r->tied);
    diag("%8llu on which Go's reader contradicts itself", (unsigned long long)r->undecided);
    diag("%8llu of the old format, left out", (unsigned long long)r->old_format);
    diag("rejected, by class:");
    for (int i = 1; i < GT_RULE_COUNT; i++)
        if (r->by_rule[i])
            diag("%8llu %s", (unsigned long long)r->by_rule[i],
                 gt_rule_info((enum gt_rule)i)->class_name);
}

static void verdict_points(const struct run *r)
{
    ok(r->differ == 0, "%llu mutants: the same verdict and class from both readers (%llu differ)",
       (unsigned long long)r->judged, (unsigned long long)r->differ);
    ok(r->differ_tied == 0 || r->f->max_threads > CF_MAX_THREADS,
       "%llu whose verdict hangs on ties: the same too (%llu differ)", (unsigned long long)r->tied,
       (unsigned long long)r->differ_tied);
    if (r->f->only != UINT64_MAX)
        return;
    ok(r->ordered * 2 >= r->judged, "at least half reach the ordering stage (%llu)",
       (unsigned long long)r->ordered);
    ok(r->accepted * 5 >= r->judged, "at least a fifth is accepted (%llu)",
       (unsigned long long)r->accepted);
}

int cf_fuzz_run(const struct cf_fuzz *f)
{
    static struct run run;
    struct run *r = &run;
    r->f = f;
    r->oracle = cf_oracle_start(f->oracle);
    bool kept = !mkdir(f->keep, 0755) || errno == EEXIST;
    if (!r->oracle || !kept || !load_seeds(r))
        bail_out("no seeds, or no Go reader");
    catch_crashes(f);
    if (!all_mutants(r))
        bail_out("Go's reader has gone after %llu mutants of seed %llu",
                 (unsigned long long)r->judged, (unsigned long long)f->seed);
    settle_differences(r);
    report(r);
    for (size_t i = 0; i < r->n_pairs && i < MAX_KEPT && !f->blind; i++)
        keep_pair(r, &r->pairs[i]);
    verdict_points(r);
    cf_oracle_stop(r->oracle);
    return done_testing();
}
