/* SPDX-License-Identifier: Apache-2.0 */
/* A checked trace for programs. docs/broken-trace.md lists the fields. */
#include "check.h"

static void put_uint(struct gt_json *j, const char *key, uint64_t v)
{
    gt_json_key(j, key);
    gt_json_uint(j, v);
}
static void put_int(struct gt_json *j, const char *key, int64_t v)
{
    gt_json_key(j, key);
    gt_json_int(j, v);
}
static void put_str(struct gt_json *j, const char *key, const char *s)
{
    gt_json_key(j, key);
    gt_json_str(j, s);
}
static void put_bool(struct gt_json *j, const char *key, bool v)
{
    gt_json_key(j, key);
    gt_json_bool(j, v);
}

static void put_rule(struct gt_json *j, enum gt_rule rule)
{
    put_str(j, "class", gt_rule_info(rule)->class_name);
    put_str(j, "rule", gt_rule_info(rule)->id);
}

static void put_where(struct gt_json *j, const struct gt_where *at)
{
    put_uint(j, "generation", at->gen);
    gt_json_key(j, "m");
    if (at->m == GT_NO_M)
        gt_json_str(j, NULL);
    else
        gt_json_uint(j, at->m);
    put_uint(j, "offset", at->offset);
    gt_json_key(j, "time_ns");
    if (at->time_ns == 0)
        gt_json_str(j, NULL);
    else
        gt_json_int(j, at->time_ns);
}

static void put_by_rule(struct gt_json *j, const struct gt_checked *c)
{
    gt_json_key(j, "by_rule");
    gt_json_open(j, '[');
    for (int i = 0; i < GT_RULE_COUNT; i++) {
        if (c->result.by_rule[i] == 0)
            continue;
        gt_json_open_line(j, '{');
        put_rule(j, (enum gt_rule)i);
        put_uint(j, "tier", (uint64_t)gt_rule_info((enum gt_rule)i)->tier);
        put_uint(j, "count", c->result.by_rule[i]);
        gt_json_close(j, '}');
    }
    gt_json_close(j, ']');
}

static void put_first_error(struct gt_json *j, const struct gt_check_result *r)
{
    char go[160];
    gt_json_key(j, "first_error");
    if (r->first_error == GT_RULE_NONE) {
        gt_json_str(j, NULL);
        return;
    }
    gt_json_open(j, '{');
    put_rule(j, r->first_error);
    put_where(j, &r->first_at);
    put_str(j, "text", r->first_text);
    put_str(j, "go_says", gt_check_go_text(r->first_error, go, sizeof go));
    gt_json_close(j, '}');
}

static void put_stuck(struct gt_json *j, const struct gt_kept_finding *k)
{
    gt_json_key(j, "stuck");
    gt_json_open(j, '[');
    for (size_t i = 0; i < k->n_stuck; i++) {
        gt_json_open(j, '{');
        put_where(j, &k->stuck[i].at);
        put_str(j, "event", k->stuck[i].event);
        put_str(j, "waits_for", k->stuck[i].waits_for);
        put_str(j, "freed_by", k->stuck[i].freed_by);
        gt_json_close(j, '}');
    }
    gt_json_close(j, ']');
    put_uint(j, "stuck_left_out", k->more_stuck);
}

static void put_findings(struct gt_json *j, const struct gt_checked *c)
{
    gt_json_key(j, "findings");
    gt_json_open(j, '[');
    for (size_t i = 0; i < c->n_findings; i++) {
        const struct gt_kept_finding *k = &c->findings[i];
        gt_json_open(j, '{');
        put_rule(j, k->rule);
        put_where(j, &k->at);
        put_bool(j, "first_error", k->first_error);
        put_str(j, "event", k->event);
        put_str(j, "states", k->states);
        put_str(j, "explain", k->explain);
        if (k->n_stuck)
            put_stuck(j, k);
        gt_json_close(j, '}');
    }
    gt_json_close(j, ']');
    put_uint(j, "findings_left_out", c->result.inconsistencies - c->n_findings);
}

static void put_events(struct gt_json *j, const struct gt_check_stats *s)
{
    gt_json_key(j, "by_event");
    gt_json_open(j, '[');
    for (int i = 0; i < 256; i++) {
        if (s->by_event[i] == 0)
            continue;
        gt_json_open_line(j, '{');
        put_str(j, "event", gt_ev_name((unsigned)i));
        put_uint(j, "count", s->by_event[i]);
        put_uint(j, "bytes", s->bytes_by_event[i]);
        gt_json_close(j, '}');
    }
    gt_json_close(j, ']');
}

static void put_states(struct gt_json *j, const char *key, const int64_t *ns,
                       uint32_t states, const char *(*name)(uint64_t))
{
    gt_json_key(j, key);
    gt_json_open_line(j, '{');
    for (uint32_t i = 0; i < states; i++)
        put_int(j, name(i), ns[i]);
    gt_json_close(j, '}');
}

static void put_statistics(struct gt_json *j, const struct gt_checked *c)
{
    const struct gt_check_stats *s = &c->result.stats;
    gt_json_key(j, "statistics");
    gt_json_open(j, '{');
    put_uint(j, "events", s->events);
    put_uint(j, "bytes", s->bytes);
    put_uint(j, "generations", s->generations);
    put_uint(j, "batches", s->batches);
    put_uint(j, "gs", s->gs);
    put_uint(j, "ps", s->ps);
    put_uint(j, "ms", s->ms);
    put_int(j, "first_ns", s->first_ns);
    put_int(j, "last_ns", s->last_ns);
    put_int(j, "duration_ns", gt_ns_diff(s->last_ns, s->first_ns));
    put_uint(j, "stacks", s->stacks);
    put_uint(j, "strings", s->strings);
    put_uint(j, "samples", s->samples);
    put_uint(j, "stack_bytes", s->stack_bytes);
    put_uint(j, "string_bytes", s->string_bytes);
    put_uint(j, "sample_bytes", s->sample_bytes);
    put_uint(j, "framing_bytes", s->framing_bytes);
    put_states(j, "g_state_ns", s->g_state_ns, GT_WIRE_G_COUNT, gt_wire_gstatus_name);
    put_states(j, "p_state_ns", s->p_state_ns, GT_WIRE_P_COUNT, gt_wire_pstatus_name);
    put_events(j, s);
    put_uint(j, "peak_bytes", s->peak_bytes);
    gt_json_key(j, "seconds");
    gt_json_num(j, c->seconds);
    gt_json_key(j, "events_per_second");
    gt_json_num(j, c->seconds > 0 ? (double)s->events / c->seconds : 0);
    gt_json_close(j, '}');
}

void gt_check_json(struct gt_json *j, const struct gt_checked *c)
{
    const struct gt_check_result *r = &c->result;
    char header[16];
    gt_json_open(j, '{');
    put_str(j, "file", c->name);
    put_str(j, "rules", c->rules == GT_RULES_GO ? "go" : "strict");
    put_str(j, "verdict", gt_check_verdict_name(c->verdict));
    put_str(j, "error", c->error[0] ? c->error : NULL);
    if (c->has_result) {
        put_str(j, "header", gt_header_name(r->header, header));
        put_bool(j, "go_accepts", r->accepted);
        put_bool(j, "truncated", r->truncated);
        put_uint(j, "inconsistencies", r->inconsistencies);
        put_by_rule(j, c);
        put_first_error(j, r);
        put_findings(j, c);
        put_statistics(j, c);
    }
    gt_json_close(j, '}');
}
