/* SPDX-License-Identifier: Apache-2.0 */
/* A checked trace for people: the verdict, what was found, then the statistics. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"

/* ---- words ------------------------------------------------------------- */
const char *gt_header_name(uint32_t header, char buf[16])
{
    snprintf(buf, 16, "1.%02u", header % 100);
    return buf;
}

const char *gt_check_go_text(enum gt_rule rule, char *buf, size_t size)
{
    const char *glob = gt_rule_info(rule)->go_text;
    size_t at = 0;
    for (; glob && *glob && at + 4 < size; glob++) {
        const char *part = *glob == '*' ? "..." : glob;
        at += (size_t)snprintf(buf + at, size - at, "%.*s", *glob == '*' ? 3 : 1, part);
    }
    snprintf(buf + at, size - at, "%s", glob ? "" : "...");
    return buf;
}

struct text {
    char s[32];
};

/* 1234567 is "1,234,567". */
static struct text grouped(uint64_t v)
{
    struct text t;
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%" PRIu64, v), at = 0;
    for (int i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0)
            t.s[at++] = ',';
        t.s[at++] = digits[i];
    }
    t.s[at] = '\0';
    return t;
}

/* "1 event", "2,000 events", "2 batches" */
static const char *count(char buf[64], uint64_t n, const char *one)
{
    size_t len = strlen(one);
    const char *many = len > 2 && strcmp(one + len - 2, "ch") == 0 ? "es" : "s";
    snprintf(buf, 64, "%s %s%s", grouped(n).s, one, n == 1 ? "" : many);
    return buf;
}

static struct text span(int64_t ns)
{
    struct text t;
    double v = (double)ns;
    if (ns < 1000000)
        snprintf(t.s, sizeof t.s, "%.1f us", v / 1e3);
    else if (ns < 1000000000)
        snprintf(t.s, sizeof t.s, "%.2f ms", v / 1e6);
    else
        snprintf(t.s, sizeof t.s, "%.3f s", v / 1e9);
    return t;
}

static struct text memory(uint64_t bytes)
{
    struct text t;
    if (bytes < 10u * 1024 * 1024)
        snprintf(t.s, sizeof t.s, "%.0f KiB", (double)bytes / 1024);
    else
        snprintf(t.s, sizeof t.s, "%.0f MiB", (double)bytes / (1024 * 1024));
    return t;
}

/* A trace's own strings do not reach the terminal's controls. */
static void put_clean(FILE *f, const char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7f)
            fprintf(f, "\\x%02x", (unsigned)(unsigned char)*s);
        else
            fputc(*s, f);
}

/* `s` folded at blanks to 100 columns, each line indented. */
static void put_folded(FILE *f, int indent, const char *label, const char *s)
{
    enum { WIDTH = 100 };
    int at = fprintf(f, "%*s%s", indent, "", label), hang = at;
    while (*s) {
        int n = (int)strcspn(s, " ");
        if (at > hang && at + 1 + n > WIDTH) {
            fprintf(f, "\n%*s", hang, "");
            at = hang;
        } else if (at > hang) {
            fputc(' ', f);
            at++;
        }
        char word[256];
        snprintf(word, sizeof word, "%.*s", n, s);
        put_clean(f, word);
        at += n;
        s += n + (s[n] == ' ');
    }
    fputc('\n', f);
}

static bool coloured(FILE *f)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(fileno(f)) && !(no && *no) && term && strcmp(term, "dumb") != 0;
}

/* ---- verdict ----------------------------------------------------------- */
static void print_verdict_word(FILE *f, const struct gt_checked *c)
{
    const char *word = gt_check_verdict_name(c->verdict);
    if (!coloured(f))
        fputs(word, f);
    else
        fprintf(f, "\033[%sm%s\033[0m", c->verdict == GT_CHECK_CONSISTENT ? "32" : "31", word);
}

static uint64_t count_kinds(const struct gt_checked *c)
{
    uint64_t kinds = 0;
    for (int i = 0; i < GT_RULE_COUNT; i++)
        kinds += c->result.by_rule[i] != 0;
    return kinds;
}

static void print_verdict(FILE *f, const struct gt_checked *c)
{
    const struct gt_check_result *r = &c->result;
    char a[64], b[64];
    put_clean(f, c->name);
    fputs(": ", f);
    print_verdict_word(f, c);
    fprintf(f, " by the %s rules: ", c->rules == GT_RULES_GO ? "go" : "strict");
    if (r->inconsistencies == 0)
        fprintf(f, "%s, %s\n", count(a, r->stats.events, "event"),
                count(b, r->stats.generations, "generation"));
    else
        fprintf(f, "%s of %s; Go's reader %s it\n", count(a, r->inconsistencies, "finding"),
                count(b, count_kinds(c), "kind"), r->accepted ? "accepts" : "rejects");
}

/* ---- findings ---------------------------------------------------------- */
static void print_kind(FILE *f, const struct gt_rule_info *rule, uint64_t n)
{
    static const char *const who[] = {"", "Go's reader refuses it",
                                      "Go's own trace tests refuse it", "Go lets it pass"};
    fprintf(f, "  %7s  %-32s rule %-5s %s\n", grouped(n).s, rule->class_name, rule->id,
            who[rule->tier & 3]);
}

static void print_kinds(FILE *f, const struct gt_checked *c)
{
    fputs("\nfound:\n", f);
    for (int i = 0; i < GT_RULE_COUNT; i++)
        if (c->result.by_rule[i])
            print_kind(f, gt_rule_info((enum gt_rule)i), c->result.by_rule[i]);
}

static void print_where(FILE *f, const struct gt_checked *c, const struct gt_where *at)
{
    if (at->gen)
        fprintf(f, "generation %" PRIu64 ", ", at->gen);
    if (at->m != GT_NO_M)
        fprintf(f, "M %" PRIu64 ", ", at->m);
    fprintf(f, "byte %" PRIu64, at->offset);
    if (at->time_ns && at->time_ns >= c->result.stats.first_ns)
        fprintf(f, ", %s after the start", span(gt_ns_diff(at->time_ns, c->result.stats.first_ns)).s);
}

static void print_stuck(FILE *f, const struct gt_checked *c, const struct gt_kept_finding *k)
{
    char buf[64];
    if (k->n_stuck)
        fputs("   stuck:\n", f);
    for (size_t i = 0; i < k->n_stuck; i++) {
        fputs("     ", f);
        print_where(f, c, &k->stuck[i].at);
        fputc('\n', f);
        put_folded(f, 7, "event:    ", k->stuck[i].event);
        put_folded(f, 7, "waits for ", k->stuck[i].waits_for);
        put_folded(f, 7, "freed by  ", k->stuck[i].freed_by);
    }
    if (k->more_stuck)
        fprintf(f, "     and %s\n", count(buf, k->more_stuck, "more stuck M"));
}

static void print_finding(FILE *f, const struct gt_checked *c, size_t i)
{
    const struct gt_kept_finding *k = &c->findings[i];
    char go[160];
    fprintf(f, "\n%zu. %s at ", i + 1, gt_rule_info(k->rule)->class_name);
    print_where(f, c, &k->at);
    fputc('\n', f);
    if (k->first_error)
        fprintf(f, "   first error: Go's reader stops here, saying \"%s\"\n",
                gt_check_go_text(k->rule, go, sizeof go));
    if (k->event[0])
        put_folded(f, 3, "event:  ", k->event);
    if (k->states[0])
        put_folded(f, 3, "states: ", k->states);
    if (k->explain[0])
        put_folded(f, 3, "why:    ", k->explain);
    print_stuck(f, c, k);
}

static void print_findings(FILE *f, const struct gt_checked *c)
{
    char buf[64];
    if (c->result.inconsistencies == 0)
        return;
    print_kinds(f, c);
    for (size_t i = 0; i < c->n_findings; i++)
        print_finding(f, c, i);
    if (c->n_findings < c->result.inconsistencies)
        fprintf(f, "\n%s not shown: --max-report=N shows more\n",
                count(buf, c->result.inconsistencies - c->n_findings, "finding"));
}

/* ---- statistics -------------------------------------------------------- */
static void print_totals(FILE *f, const struct gt_checked *c)
{
    const struct gt_check_stats *s = &c->result.stats;
    char a[64], b[64], d[64], header[16];
    fprintf(f, "\nheader %s, %s, %s, %s\n", gt_header_name(c->result.header, header),
            count(a, s->generations, "generation"), count(b, s->batches, "batch"),
            count(d, s->bytes, "byte"));
    fprintf(f, "%s, %s, %s", count(a, s->gs, "G"), count(b, s->ps, "P"), count(d, s->ms, "M"));
    if (s->last_ns > s->first_ns)
        fprintf(f, "; %s from first to last event", span(gt_ns_diff(s->last_ns, s->first_ns)).s);
    fprintf(f, "\n%s, %s, %s\n", count(a, s->stacks, "stack"), count(b, s->strings, "string"),
            count(d, s->samples, "CPU sample"));
    if (c->result.truncated)
        fputs("the end of the last generation is not proven: the trace may be cut short\n", f);
}

static void print_states(FILE *f, const char *what, const int64_t *ns,
                         const char *(*name)(uint64_t))
{
    int64_t sum = 0;
    for (uint32_t i = 0; i < GT_STATES_MAX; i++)
        sum = gt_ns_sum(sum, ns[i]);
    if (sum <= 0)
        return;
    fprintf(f, "time of all %s:", what);
    const char *between = " ";
    for (uint32_t i = 0; i < GT_STATES_MAX; i++)
        if (ns[i] > 0) {
            fprintf(f, "%s%s %s (%.0f %%)", between, name(i), span(ns[i]).s,
                    100.0 * (double)ns[i] / (double)sum);
            between = ", ";
        }
    fputc('\n', f);
}

static void print_row(FILE *f, const char *name, uint64_t n, uint64_t bytes, uint64_t all)
{
    fprintf(f, "  %-20s", name);
    fprintf(f, " %14s", n ? grouped(n).s : "");
    fprintf(f, " %16s %5.1f %%", grouped(bytes).s, all ? 100.0 * (double)bytes / (double)all : 0);
    if (n)
        fprintf(f, " %12.1f", (double)bytes / (double)n);
    fputc('\n', f);
}

static void print_events(FILE *f, const struct gt_checked *c)
{
    const struct gt_check_stats *s = &c->result.stats;
    fprintf(f, "\n  %-20s %14s %16s %7s %12s\n", "event", "count", "bytes", "", "bytes each");
    for (int i = 0; i < 256; i++)
        if (s->by_event[i])
            print_row(f, gt_ev_name((unsigned)i), s->by_event[i], s->bytes_by_event[i], s->bytes);
    print_row(f, "(stacks)", s->stacks, s->stack_bytes, s->bytes);
    print_row(f, "(strings)", s->strings, s->string_bytes, s->bytes);
    if (s->samples)
        print_row(f, "(CPU samples)", s->samples, s->sample_bytes, s->bytes);
    print_row(f, "(framing)", 0, s->framing_bytes, s->bytes);
    print_row(f, "all", s->events, s->bytes, s->bytes);
}

static void print_statistics(FILE *f, const struct gt_checked *c)
{
    const struct gt_check_stats *s = &c->result.stats;
    char a[64];
    print_totals(f, c);
    print_states(f, "Gs", s->g_state_ns, gt_wire_gstatus_name);
    print_states(f, "Ps", s->p_state_ns, gt_wire_pstatus_name);
    print_events(f, c);
    fprintf(f, "\nchecked in %s", span((int64_t)(c->seconds * 1e9)).s);
    if (c->seconds > 1e-3 && s->events)
        fprintf(f, ", %s a second",
                count(a, (uint64_t)((double)s->events / c->seconds), "event"));
    fprintf(f, ", %s of memory at most\n", memory(s->peak_bytes).s);
}

void gt_check_print(FILE *f, const struct gt_checked *c)
{
    print_verdict(f, c);
    print_findings(f, c);
    print_statistics(f, c);
}
