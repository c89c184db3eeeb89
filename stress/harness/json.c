/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/json.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

void gt_json_start(struct gt_json *j, FILE *f)
{
    memset(j, 0, sizeof *j);
    j->f = f;
}

static void new_line(struct gt_json *j)
{
    if (j->depth == 0)
        return;
    if (j->inside[j->depth]) {
        if (j->filled[j->depth])
            fputc(' ', j->f);
        return;
    }
    fprintf(j->f, "\n%*s", 2 * j->depth, "");
}

/* Before a value or a key. */
static void lead_in(struct gt_json *j)
{
    if (j->keyed) {
        j->keyed = false;
        return;
    }
    if (j->filled[j->depth])
        fputc(',', j->f);
    new_line(j);
    j->filled[j->depth] = true;
}

/* Bytes of the UTF-8 character at s; 0: none begins there. */
static size_t utf8_length(const unsigned char *s)
{
    static const struct {
        unsigned char first, last, low, high; /* of the first byte, of the second */
        size_t n;
    } forms[] = {{0x00, 0x7f, 0x00, 0xff, 1}, {0xc2, 0xdf, 0x80, 0xbf, 2},
                 {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
                 {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
                 {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4},
                 {0xf4, 0xf4, 0x80, 0x8f, 4}};
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (s[0] < forms[i].first || s[0] > forms[i].last)
            continue;
        for (size_t k = 1; k < forms[i].n; k++)
            if ((s[k] & 0xc0) != 0x80 || (k == 1 && (s[k] < forms[i].low || s[k] > forms[i].high)))
                return 0;
        return forms[i].n;
    }
    return 0;
}

/* What is no UTF-8 becomes U+FFFD: a document is valid whatever a trace's strings hold. */
static void put_string(struct gt_json *j, const char *s)
{
    fputc('"', j->f);
    for (const unsigned char *c = (const unsigned char *)s; *c;) {
        size_t n = utf8_length(c);
        if (*c == '"' || *c == '\\')
            fprintf(j->f, "\\%c", *c);
        else if (*c < 0x20 || *c == 0x7f)
            fprintf(j->f, "\\u%04x", *c);
        else if (n == 0)
            fputs("\xef\xbf\xbd", j->f);
        else
            fwrite(c, 1, n, j->f);
        c += n ? n : 1;
    }
    fputc('"', j->f);
}

void gt_json_key(struct gt_json *j, const char *key)
{
    lead_in(j);
    put_string(j, key);
    fputs(": ", j->f);
    j->keyed = true;
}

static void open_at(struct gt_json *j, char bracket, bool inside)
{
    lead_in(j);
    fputc(bracket, j->f);
    if (j->depth + 1 < GT_JSON_DEPTH)
        j->depth++;
    j->filled[j->depth] = false;
    j->inside[j->depth] = inside || j->inside[j->depth - 1];
}

void gt_json_open(struct gt_json *j, char bracket)
{
    open_at(j, bracket, false);
}

void gt_json_open_line(struct gt_json *j, char bracket)
{
    open_at(j, bracket, true);
}

void gt_json_close(struct gt_json *j, char bracket)
{
    bool filled = j->filled[j->depth], inside = j->inside[j->depth];
    j->depth--;
    if (filled && !inside)
        fprintf(j->f, "\n%*s", 2 * j->depth, "");
    fputc(bracket, j->f);
}

void gt_json_str(struct gt_json *j, const char *s)
{
    lead_in(j);
    if (s)
        put_string(j, s);
    else
        fputs("null", j->f);
}

void gt_json_uint(struct gt_json *j, uint64_t v)
{
    lead_in(j);
    fprintf(j->f, "%" PRIu64, v);
}

void gt_json_int(struct gt_json *j, int64_t v)
{
    lead_in(j);
    fprintf(j->f, "%" PRId64, v);
}

void gt_json_num(struct gt_json *j, double v)
{
    lead_in(j);
    if (isfinite(v))
        fprintf(j->f, "%.6g", v);
    else
        fputs("null", j->f);
}

void gt_json_bool(struct gt_json *j, bool v)
{
    lead_in(j);
    fputs(v ? "true" : "false", j->f);
}

void gt_json_end(struct gt_json *j)
{
    fputc('\n', j->f);
}
