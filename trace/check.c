/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the ordering engine over a trace, collects findings and figures. */
#include "trace/strict.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct gt_where gt_cursor_where(const struct gt_order *o, const struct gt_cursor *c)
{
    const struct gt_batch *b = &o->gen->batches[c->batch];
    return (struct gt_where){.gen = o->gen->gen,
                             .m = gt_om_at(o, c->m)->id,
                             .offset = b->offset + (uint64_t)(c->head - b->data),
                             .time_ns = c->time};
}

/* Go's reader knows tier 1 only, and so does a check by its rules. */
static bool counts(const struct gt_order *o, int tier)
{
    return tier == 1 || o->opt->rules == GT_RULES_STRICT;
}

static void note_first(struct gt_order *o, const struct gt_finding *f)
{
    struct gt_check_result *res = o->res;
    res->first_error = f->rule;
    res->first_at = f->at;
    res->accepted = false;
    snprintf(res->first_text, sizeof res->first_text, "%s%s%s%s%s",
             gt_rule_info(f->rule)->class_name, *f->event_text ? ": " : "", f->event_text,
             *f->states ? ": " : "", f->states);
}

static void hand_out(struct gt_order *o, struct gt_finding *f)
{
    struct gt_check_result *res = o->res;
    const struct gt_rule_info *info = gt_rule_info(f->rule);
    f->explain = info->explain;
    f->first_error = info->tier == 1 && res->first_error == GT_RULE_NONE;
    if (f->first_error) {
        note_first(o, f);
    }
    res->inconsistencies++;
    res->by_rule[f->rule]++;
    bool limit = o->opt->max_report != 0 && res->inconsistencies > o->opt->max_report;
    if (o->opt->finding && !limit) {
        o->opt->finding(o->opt->arg, f);
    }
    o->stop = o->stop || o->opt->first_only;
}

void gt_report(struct gt_order *o, const struct gt_cursor *c, int why)
{
    if (!counts(o, gt_rule_info((enum gt_rule)why)->tier)) {
        return;
    }
    char event[GT_TEXT_MAX] = "", states[GT_TEXT_MAX] = "";
    bool decoded = why != GT_RULE_O2_TYPE && why != GT_RULE_O2_UNTIMED && why != GT_RULE_O3_DELTA &&
                   why != GT_RULE_O3_ARG;
    if (decoded) {
        gt_text_event(event, sizeof event, &c->ev);
        gt_text_states(o, c, states, sizeof states);
    } else {
        snprintf(states, sizeof states, "byte 0x%02x; the rest of the batch is skipped", *c->head);
    }
    struct gt_finding f = {.rule = (enum gt_rule)why,
                           .at = gt_cursor_where(o, c),
                           .event = decoded ? (int)c->ev.type : -1,
                           .event_text = event,
                           .states = states};
    o->recovering = o->recovering || gt_rule_info(f.rule)->tier == 1;
    hand_out(o, &f);
}

void gt_report_at(struct gt_order *o, int rule, const struct gt_where *at, const char *text,
                  const char *states)
{
    if (!counts(o, gt_rule_info((enum gt_rule)rule)->tier)) {
        return;
    }
    struct gt_finding f = {
        .rule = (enum gt_rule)rule, .at = *at, .event = -1, .event_text = text, .states = states};
    hand_out(o, &f);
}

static void count_generation(struct gt_check_stats *s, const struct gt_generation *g)
{
    s->generations++;
    s->batches += g->n_all_batches;
    s->string_bytes += g->string_bytes;
    s->stack_bytes += g->stack_bytes;
    s->sample_bytes += g->sample_bytes;
    s->framing_bytes +=
        g->bytes - g->event_bytes - g->string_bytes - g->stack_bytes - g->sample_bytes;
    s->strings += g->n_strings;
    s->stacks += g->n_stacks;
    s->samples += g->n_samples;
}

static int check_generation(struct gt_order *o, const struct gt_generation *g)
{
    count_generation(&o->res->stats, g);
    o->gen = g;
    if (o->strict) {
        gt_strict_generation(o, g);
    }
    int err = gt_order_generation(o, g);
    if (err == 0 && o->strict && !o->stop) {
        gt_strict_generation_end(o);
    }
    return err;
}

/* What the reader could not read, as a finding. */
static void report_read_error(struct gt_order *o, const struct gt_read_error *e)
{
    if (e != NULL) {
        gt_report_at(o, e->rule, &e->at, "", e->text);
    }
}

static int check_all(struct gt_order *o, struct gt_reader *r)
{
    const struct gt_generation *g;
    int got;
    while (!o->stop && (got = gt_reader_next(r, &g)) == 1) {
        if (check_generation(o, g) != 0) {
            return -ENOMEM;
        }
        if (o->opt->progress) {
            o->opt->progress(o->opt->arg, gt_reader_bytes(r), o->res->stats.events);
        }
    }
    if (o->stop) {
        return 0;
    }
    if (got == -EBADMSG) {
        report_read_error(o, gt_reader_error(r));
        return 0;
    }
    if (got == 0 && o->strict && o->res->stats.generations == 0) {
        gt_strict_empty(o);
    }
    report_read_error(o, got == 0 ? gt_reader_unnoticed(r) : NULL);
    return got;
}

/* What still lives keeps its status until the last event. */
static void sum_states(struct gt_order *o, struct gt_res_table *t)
{
    for (size_t i = 0; t->slots && i <= t->mask; i++) {
        const struct gt_res *r = &t->slots[i];
        if (r->used) {
            int64_t *sum = &t->state_ns[r->status];
            *sum = gt_ns_sum(*sum, gt_ns_diff(o->last, r->since));
        }
    }
}

static void finish(struct gt_order *o, struct gt_reader *r)
{
    struct gt_check_stats *s = &o->res->stats;
    sum_states(o, &o->gs);
    sum_states(o, &o->ps);
    s->last_ns = o->last;
    s->bytes = gt_reader_bytes(r);
    s->peak_bytes = o->held.peak + gt_reader_peak_memory(r);
    o->res->truncated = gt_reader_truncated(r);
}

int gt_check(struct gt_reader *r, const struct gt_check_options *opt, struct gt_check_result *res)
{
    struct gt_order *o = calloc(1, sizeof *o);
    if (o == NULL) {
        return -ENOMEM;
    }
    *res = (struct gt_check_result){.accepted = true, .header = gt_reader_header(r)};
    o->opt = opt;
    o->res = res;
    o->header = res->header;
    gt_held_add(&o->held, sizeof *o);
    int err = -ENOMEM;
    if (gt_order_init(o) == 0 && (opt->rules != GT_RULES_STRICT || gt_strict_init(o) == 0)) {
        err = check_all(o, r);
        finish(o, r);
    }
    gt_strict_free(o);
    gt_order_free(o);
    free(o);
    return err;
}
