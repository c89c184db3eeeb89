/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/judge.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void keep_finding(void *arg, const struct gt_finding *f)
{
    struct gt_judgement *j = arg;
    if (j->n_findings == GT_JUDGE_FINDINGS)
        return;
    snprintf(j->findings[j->n_findings++], sizeof j->findings[0],
             "%s at generation %" PRIu64 ", M %" PRId64 ", byte %" PRIu64 ": %.160s: %.200s",
             gt_rule_info(f->rule)->class_name, f->at.gen, (int64_t)f->at.m, f->at.offset,
             f->event_text, f->states);
}

/* The first that waits says most. */
static void keep_stuck(void *arg, const struct gt_stuck *s)
{
    struct gt_judgement *j = arg;
    char *line = j->findings[j->n_findings ? j->n_findings - 1 : 0];
    size_t n = strlen(line);
    if (!strstr(line, "; M ") && n < sizeof j->findings[0])
        snprintf(line + n, sizeof j->findings[0] - n, "; M %" PRId64 " waits for %.160s",
                 (int64_t)s->at.m, s->waits_for);
}

int gt_judge(int fd, struct gt_judgement *j, char *err, size_t err_size)
{
    struct gt_reader *r;
    struct gt_read_error e = {0};
    const struct gt_check_options o = {
        .rules = GT_RULES_STRICT,
        .finding = keep_finding,
        .stuck = keep_stuck,
        .arg = j,
        .max_report = GT_JUDGE_FINDINGS,
    };
    memset(j, 0, sizeof *j);
    int rc = lseek(fd, 0, SEEK_SET) == 0 ? gt_reader_open_fd(fd, &r, &e) : -errno;
    if (rc == 0) {
        rc = gt_check(r, &o, &j->result);
        gt_reader_close(r);
    }
    if (rc != 0)
        snprintf(err, err_size, "%s", e.text[0] ? e.text : strerror(-rc));
    return rc;
}

const char *gt_judge_classes(const struct gt_judgement *j, char *buf, size_t size)
{
    size_t at = 0;
    buf[0] = '\0';
    for (int i = 0; i < GT_RULE_COUNT; i++) {
        if (j->result.by_rule[i] == 0 || at >= size)
            continue;
        int n = snprintf(buf + at, size - at, "%s%s=%" PRIu64, at ? ", " : "",
                         gt_rule_info((enum gt_rule)i)->class_name, j->result.by_rule[i]);
        at += n > 0 ? (size_t)n : 0;
    }
    return buf;
}
