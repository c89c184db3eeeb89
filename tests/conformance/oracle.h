/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two readers: Go's, in a process of its own (go/verdict), and ours, in this one.
 *
 * Verdicts compare by class: what Go's text says is looked up in trace/rules.def. Thread-safety: one thread.
 */
#pragma once
#include "trace/rules.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cf_verdict {
    bool accepted;
    bool header;       /* the header was good */
    bool ordered;      /* events were delivered, or the error is one of the ordering stage */
    bool beside;       /* panic, hang, memory: neither accepted nor rejected */
    enum gt_rule rule; /* GT_RULE_NONE: accepted, or a text that no rule has */
    uint64_t events;
    int64_t ns, cpu_ns; /* of a timing: wall clock, and processor time of the whole process */
    char text[320];
};

struct cf_oracle; /* Go's reader */

/* Starts it; NULL and a line on standard error when it cannot be. */
struct cf_oracle *cf_oracle_start(const char *program);
void cf_oracle_stop(struct cf_oracle *o);
/* Requests and answers: answers come in the order of the requests. At most CF_WINDOW may be open.
 * false: the process has gone; a line on standard error says so. */
#define CF_WINDOW 64
bool cf_oracle_ask(struct cf_oracle *o, char command, const void *data, size_t size);
bool cf_oracle_answer(struct cf_oracle *o, struct cf_verdict *v);
/* Both at once, for when nothing is open. */
bool cf_oracle_verdict(struct cf_oracle *o, const void *data, size_t size, struct cf_verdict *v);

/* Ours, by --rules=go up to the first error. */
void cf_our_verdict(const void *data, size_t size, struct cf_verdict *v);

/* Accepted by both, or rejected by both for the same class. */
bool cf_same(const struct cf_verdict *ours, const struct cf_verdict *go);
/* "accepted", or "class: text". Static buffers, two of them in turn. */
const char *cf_verdict_line(const struct cf_verdict *v);
