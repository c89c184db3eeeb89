/* SPDX-License-Identifier: Apache-2.0 */
/* The checker: every rule broken once and nearly broken once; what it counts; how it recovers. GT_TEST: lean */
#include "tap.h"
#include "trace/check.h"
#include "trace/text.h"
#include "trace_check_cases.h"
#include "trace_gen.h"

#include <errno.h>

struct seen {
    unsigned n, stuck;
    enum gt_rule rule[64];
    struct gt_where at[64];
    char text[256], freed[256];
};

static void on_finding(void *arg, const struct gt_finding *f)
{
    struct seen *s = arg;
    if (s->n < 64) {
        s->rule[s->n] = f->rule;
        s->at[s->n] = f->at;
    }
    s->n++;
    snprintf(s->text, sizeof s->text, "%s | %s", f->event_text, f->states);
}

static void on_stuck(void *arg, const struct gt_stuck *k)
{
    struct seen *s = arg;
    s->stuck++;
    snprintf(s->freed, sizeof s->freed, "%s | %s", k->waits_for, k->freed_by);
}

/* Checks bytes; what cannot even be opened is one finding. */
static struct gt_check_result check(const void *data, size_t n, enum gt_rules rules,
                                    struct seen *seen)
{
    struct gt_bytes bytes = {data, n, 0};
    struct gt_source source = {gt_read_bytes, &bytes};
    struct gt_read_error err;
    struct gt_reader *r;
    struct gt_check_result res = {0};
    memset(seen, 0, sizeof *seen);
    if (gt_reader_open(&source, &r, &err) != 0) {
        on_finding(seen, &(struct gt_finding){.rule = (enum gt_rule)err.rule,
                                              .at = err.at,
                                              .event_text = "",
                                              .states = err.text});
        return res;
    }
    struct gt_check_options o = {
        .rules = rules, .finding = on_finding, .stuck = on_stuck, .arg = seen};
    if (gt_check(r, &o, &res) != 0) {
        fail("the check did not end");
    }
    gt_reader_close(r);
    return res;
}

static int append(void *arg, const void *data, size_t n)
{
    tg_append(arg, data, n);
    return (int)n;
}

static struct tg_bytes encode(const char *text, size_t n)
{
    struct tg_bytes out = {0};
    struct gt_bytes in = {text, n, 0};
    struct gt_text_error err = {0};
    tg_grow(&out, 16);
    int status = gt_text_to_binary(&(struct gt_source){gt_read_bytes, &in},
                                   &(struct gt_text_out){append, &out}, &err);
    if (status != 0) {
        bail_out("case does not encode: line %llu: %s", (unsigned long long)err.line, err.text);
    }
    return out;
}

/* Takes the mark out; *before: text before the marked line, 0: no mark. */
static char *without_mark(const char *text, size_t *before)
{
    char *copy = strdup(text);
    char *mark = strstr(copy, "\n@");
    *before = mark ? (size_t)(mark + 1 - copy) : 0;
    if (mark) {
        memmove(mark + 1, mark + 2, strlen(mark + 2) + 1);
    }
    return copy;
}

/* The M of the batch that `text` (n bytes) ends in. */
static uint64_t last_m(const char *text, size_t n)
{
    const char *at = NULL;
    for (const char *p = strstr(text, " m="); p && p < text + n; p = strstr(p + 1, " m=")) {
        const char *line = p;
        while (line > text && line[-1] != '\n') {
            line--;
        }
        at = strncmp(line, "EventBatch", 10) == 0 ? p : at;
    }
    return at ? strtoull(at + 3, NULL, 10) : 0;
}

static const char *class_of(enum gt_rule rule)
{
    return gt_rule_info(rule)->class_name;
}

static bool has(const struct seen *s, enum gt_rule rule, unsigned *at)
{
    for (*at = 0; *at < s->n && *at < 64; ++*at) {
        if (s->rule[*at] == rule) {
            return true;
        }
    }
    return false;
}

static void check_place(const struct text_case *c, const char *text, size_t before,
                        const struct gt_where *at)
{
    struct tg_bytes prefix = encode(text, before);
    /* The size of a batch takes one byte in all of the cases. */
    is_int(at->offset, prefix.n, "%s: offset", class_of(c->rule));
    is_int(at->m, last_m(text, before), "%s: M", class_of(c->rule));
    free(prefix.data);
}

static void broken_is_found(const struct text_case *c)
{
    size_t before;
    unsigned i;
    struct seen seen;
    char *text = without_mark(c->broken, &before);
    struct tg_bytes trace = encode(text, strlen(text));
    struct gt_check_result res = check(trace.data, trace.n, GT_RULES_STRICT, &seen);
    bool tier1 = gt_rule_info(c->rule)->tier == 1;
    if (!ok(has(&seen, c->rule, &i), "%s: found", class_of(c->rule))) {
        diag("%u findings, the first %s: %s", seen.n, class_of(seen.rule[0]), seen.text);
    } else if (before) {
        check_place(c, text, before, &seen.at[i]);
    }
    if (tier1) {
        is_str(class_of(res.first_error), class_of(c->rule), "%s: is the first error",
               class_of(c->rule));
    }
    ok(res.accepted == !tier1, "%s: tier %d", class_of(c->rule), gt_rule_info(c->rule)->tier);
    free(trace.data);
    free(text);
}

static void near_is_fine(const char *near, enum gt_rule rule)
{
    struct seen seen;
    struct tg_bytes trace = encode(near, strlen(near));
    struct gt_check_result res = check(trace.data, trace.n, GT_RULES_STRICT, &seen);
    if (!ok(res.accepted && seen.n == 0, "%s: nearly broken is fine", class_of(rule))) {
        diag("%s: %s", class_of(seen.rule[0]), seen.text);
    }
    free(trace.data);
}

static void raw(const struct raw_case *c)
{
    struct seen seen;
    unsigned i;
    check(c->broken, c->n_broken, GT_RULES_STRICT, &seen);
    if (!ok(has(&seen, c->rule, &i), "%s: found", class_of(c->rule))) {
        diag("%u findings, the first %s: %s", seen.n, class_of(seen.rule[0]), seen.text);
    }
    struct gt_check_result res = check(c->near, c->n_near, GT_RULES_STRICT, &seen);
    if (!ok(res.accepted && seen.n == 0, "%s: nearly broken is fine", class_of(c->rule))) {
        diag("%s: %s", class_of(seen.rule[0]), seen.text);
    }
}

static void every_rule_has_a_case(void)
{
    bool covered[GT_RULE_COUNT] = {0};
    const size_t n_text = sizeof text_cases / sizeof *text_cases;
    const size_t n_raw = sizeof raw_cases / sizeof *raw_cases;
    for (size_t i = 0; i < n_text; i++) {
        covered[text_cases[i].rule] = true;
        broken_is_found(&text_cases[i]);
        near_is_fine(text_cases[i].near, text_cases[i].rule);
    }
    for (size_t i = 0; i < n_raw; i++) {
        covered[raw_cases[i].rule] = true;
        raw(&raw_cases[i]);
    }
    for (int rule = 1; rule < GT_RULE_COUNT; rule++) {
        if (!covered[rule]) {
            fail("%s has no case", class_of((enum gt_rule)rule));
        }
    }
}

/* ---- what it says ---- */

static void stuck_says_what_is_missing(void)
{
    struct seen seen;
    const char *text = V23 M1 P(0, 1) G(7, 18446744073709551615, 4) GOSTART(7, 2) FREQ(1);
    struct tg_bytes trace = encode(text, strlen(text));
    check(trace.data, trace.n, GT_RULES_GO, &seen);
    is_int(seen.stuck, 1, "one M is stuck");
    is_str(seen.freed,
           "G 7 to be Runnable with seq 1; G 7 is Waiting, seq 0 | the event of G 7 with seq 1: "
           "the rest of the generation does not hold it",
           "what for, and what is missing");
    free(trace.data);
}

static void go_texts_lead_to_rules(void)
{
    static const struct {
        const char *text;
        enum gt_rule rule;
    } texts[] = {
        {"broken trace: failed to advance: frontier:", GT_RULE_O5_STUCK},
        {"found invalid uvarint for timestamp", GT_RULE_O3_DELTA},
        {"found invalid uvarint", GT_RULE_O3_ARG},
        {"GoBlock event for goroutine that's not Running", GT_RULE_G_STATE},
        {"ProcStop event for proc that's not ProcRunning or ProcSyscall", GT_RULE_P_STOP_STATE},
        {"event GoStop for goroutine (7) that doesn't exist", GT_RULE_G_UNKNOWN},
        {"event ProcStop for proc (-1) that doesn't exist", GT_RULE_P_STOP_UNKNOWN},
        {"tried to create goroutine (7) that already exists", GT_RULE_G_CREATE_TWICE},
        {"tried to create goroutine (7) in syscall that already exists",
         GT_RULE_G_CREATE_SYSCALL_TWICE},
        {"nothing of the kind", GT_RULE_NONE},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        is_str(class_of(gt_rule_of_go_text(texts[i].text)), class_of(texts[i].rule), "%s",
               texts[i].text);
    }
}

static void first_only_stops(void)
{
    const char *text = IN1(HEAP HEAP) BATCH(2, 1) BLOCK FREQ(2);
    struct seen seen;
    struct tg_bytes trace = encode(text, strlen(text));
    struct gt_bytes bytes = {trace.data, trace.n, 0};
    struct gt_reader *r;
    struct gt_read_error err;
    gt_reader_open(&(struct gt_source){gt_read_bytes, &bytes}, &r, &err);
    memset(&seen, 0, sizeof seen);
    struct gt_check_options o = {.first_only = true, .finding = on_finding, .arg = &seen};
    struct gt_check_result res;
    gt_check(r, &o, &res);
    gt_reader_close(r);
    is_int(seen.n, 1, "first_only: one finding");
    is_int(res.stats.generations, 1, "first_only: nothing read after it");
    check(trace.data, trace.n, GT_RULES_GO, &seen);
    is_int(seen.n, 1, "else: what the thread holds is not known, and no more is said of that");
    free(trace.data);
}

/* ---- figures ---- */

static void figures(void)
{
    struct seen seen;
    const char *text = V23 LATE(1, 1000) RUN LATE(1, 2000) BEGIN(1) LATE(1, 3000) SEND LATE(1, 5000)
        BLOCK "EventBatch gen=1 m=" NONE " time=1000 size=0\nFrequency freq=1000000000\n";
    struct tg_bytes trace = encode(text, strlen(text));
    struct gt_check_result res = check(trace.data, trace.n, GT_RULES_STRICT, &seen);
    const struct gt_check_stats *s = &res.stats;
    is_int(s->events, 5, "events");
    is_int(s->by_event[GT_EV_GO_SYSCALL_BEGIN], 1, "by type");
    is_int(s->bytes_by_event[GT_EV_GO_BLOCK], 4, "bytes by type");
    is_int(s->bytes, trace.n, "all bytes");
    is_int(s->gs + s->ps + s->ms, 3, "one G, one P, one M");
    is_int(s->first_ns, 1001, "first event");
    is_int(s->last_ns, 5001, "last event");
    is_int(s->g_state_ns[GT_WIRE_G_SYSCALL], 1000, "the G was 1000 ns in a syscall");
    is_int(s->g_state_ns[GT_WIRE_G_RUNNING], 999 + 2000, "and ran before and after it");
    is_int(s->p_state_ns[GT_WIRE_P_SYSCALL], 1000, "so was the P");
    is_int(s->p_state_ns[GT_WIRE_P_RUNNING], 1000 + 2000, "and ran for the rest");
    ok(s->peak_bytes > 0, "memory is counted");
    free(trace.data);
}

/* ---- whole traces ---- */

static void valid_traces_are_clean(void)
{
    static const uint32_t headers[] = {122, 123, 125, 126};
    struct seen seen;
    for (unsigned i = 0; i < 24; i++) {
        struct tg_config c = {.seed = i + 1,
                              .header = headers[i % 4],
                              .threads = i % 3 == 2 ? 30 : 1 + i % 3 * 4,
                              .gs = 30,
                              .events = 4000,
                              .generations = 3,
                              .rich = i % 2 == 0,
                              .skew = i % 5 * 100};
        struct tg_bytes trace = tg_all(&c, NULL);
        struct gt_check_result res = check(trace.data, trace.n, GT_RULES_STRICT, &seen);
        if (!ok(res.accepted && seen.n == 0, "a valid trace of %u threads is clean", c.threads)) {
            diag("seed %u: %s: %s", i + 1, class_of(seen.rule[0]), seen.text);
        }
        ok(res.stats.events >= 12000, "all of its events were seen");
        free(trace.data);
    }
}

/* Each kind of event that the state machine needs, left out once at several places. */
static void recovery_does_not_cascade(void)
{
    static const unsigned kinds[] = {GT_EV_PROC_START,
                                     GT_EV_PROC_STOP,
                                     GT_EV_PROC_STEAL,
                                     GT_EV_PROC_STATUS,
                                     GT_EV_GO_CREATE,
                                     GT_EV_GO_CREATE_SYSCALL,
                                     GT_EV_GO_START,
                                     GT_EV_GO_DESTROY,
                                     GT_EV_GO_DESTROY_SYSCALL,
                                     GT_EV_GO_STOP,
                                     GT_EV_GO_BLOCK,
                                     GT_EV_GO_UNBLOCK,
                                     GT_EV_GO_SYSCALL_BEGIN,
                                     GT_EV_GO_SYSCALL_END,
                                     GT_EV_GO_SYSCALL_END_BLOCKED,
                                     GT_EV_GO_STATUS,
                                     GT_EV_STW_BEGIN,
                                     GT_EV_STW_END,
                                     GT_EV_GC_ACTIVE,
                                     GT_EV_GC_BEGIN,
                                     GT_EV_GC_END,
                                     GT_EV_GC_MARK_ASSIST_BEGIN,
                                     GT_EV_GO_SWITCH,
                                     GT_EV_GO_SWITCH_DESTROY,
                                     GT_EV_GO_CREATE_BLOCKED};
    struct seen seen;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        unsigned runs = 0, sum = 0, worst = 0;
        for (unsigned nth = 0; nth < 12; nth++) {
            struct tg_config c = {.seed = 7 + nth % 3,
                                  .header = 123,
                                  .threads = 5,
                                  .gs = 20,
                                  .events = 2000,
                                  .generations = 3,
                                  .rich = true,
                                  .skew = 50,
                                  .drop_type = kinds[k],
                                  .drop_nth = nth * nth};
            bool dropped;
            struct tg_bytes trace = tg_all(&c, &dropped);
            if (dropped) {
                check(trace.data, trace.n, GT_RULES_STRICT, &seen);
                runs++;
                sum += seen.n;
                worst = seen.n > worst ? seen.n : worst;
            }
            free(trace.data);
        }
        ok(runs > 0 && sum > 0, "%s left out: seen", gt_ev_name(kinds[k]));
        if (!ok(sum <= 5 * runs / 2, "%s left out: few findings", gt_ev_name(kinds[k]))) {
            diag("%u findings in %u traces, %u at worst", sum, runs, worst);
        }
    }
}

/* Whatever the bytes: an end, and no finding that is not one of the rules. */
static void mutants_end(void)
{
    struct seen seen;
    unsigned rejected = 0;
    for (unsigned i = 0; i < 400; i++) {
        struct tg_config c = {.seed = i,
                              .header = 123,
                              .threads = 1 + i % 20,
                              .gs = 20,
                              .events = 300,
                              .generations = 2,
                              .rich = i % 2 == 0};
        struct tg_bytes trace = tg_all(&c, NULL);
        for (unsigned k = 0; k <= i % 6; k++) {
            size_t at = 16 + (i * 7919 + k * 104729) % (trace.n - 16);
            trace.data[at] = (uint8_t)(trace.data[at] + 1 + i % 5);
        }
        rejected += !check(trace.data, trace.n, GT_RULES_STRICT, &seen).accepted;
        free(trace.data);
    }
    ok(rejected > 200 && rejected < 400, "%u of 400 mutants refused", rejected);
}

static void memory_is_constant(void)
{
    uint64_t peak[2];
    for (unsigned i = 0; i < 2; i++) {
        struct tg_stream s = {.t = tg_new(&(struct tg_config){.seed = 3,
                                                              .header = 123,
                                                              .threads = 4,
                                                              .gs = 50,
                                                              .events = 5000,
                                                              .rich = true,
                                                              .generations = i ? 300 : 60})};
        struct gt_reader *r;
        struct gt_read_error err;
        struct gt_check_result res;
        struct gt_check_options o = {.rules = GT_RULES_STRICT};
        gt_reader_open(&(struct gt_source){tg_read, &s}, &r, &err);
        gt_check(r, &o, &res);
        gt_reader_close(r);
        tg_free(s.t);
        peak[i] = res.stats.peak_bytes;
        ok(res.accepted && res.inconsistencies == 0, "%u generations, clean", i ? 300 : 60);
    }
    if (!ok(peak[1] <= peak[0] + peak[0] / 10, "five times the trace, the same memory")) {
        diag("%llu bytes, then %llu", (unsigned long long)peak[0], (unsigned long long)peak[1]);
    }
}

int main(void)
{
    every_rule_has_a_case();
    stuck_says_what_is_missing();
    go_texts_lead_to_rules();
    first_only_stops();
    figures();
    valid_traces_are_clean();
    recovery_does_not_cascade();
    mutants_end();
    memory_is_constant();
    return done_testing();
}
