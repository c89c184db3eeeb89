/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a plan. libinih splits the lines; what it does not say (which line, an empty section,
 * a line cut for its length) is seen by the reader that hands it the lines.
 */
#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "results/plan_file.h"

/* libinih cuts what is longer. */
enum { LINE_MAX_BYTES = 190, ITEMS_MAX = 256, RUNS_MAX = 1000, FILE_MAX = 1 << 20 };

struct reading {
    struct gt_plan *p;
    const struct gt_plan_names *names;
    const char *at; /* what is left of the text */
    int line;       /* handed out last */
    int opened;     /* line of a [section] of which no key was seen yet, 0: none */
    bool goes_on;   /* the line continues the list above */
    char *err;
    size_t size;
    int rc;
};

int gt_plan_wrong(const struct gt_plan *p, char *err, size_t size, int line, const char *fmt, ...)
{
    va_list ap;
    if (size == 0 || err[0] != '\0')
        return -EINVAL;
    int n = snprintf(err, size, "%s:%d: ", p->path, line);
    if (n < 0 || (size_t)n >= size)
        return -EINVAL;
    va_start(ap, fmt);
    vsnprintf(err + n, size - (size_t)n, fmt, ap);
    va_end(ap);
    return -EINVAL;
}
#define WRONG(r, line, ...) gt_plan_wrong((r)->p, (r)->err, (r)->size, line, __VA_ARGS__)

static int fail(struct reading *r, int rc)
{
    if (r->rc == 0)
        r->rc = rc;
    return rc;
}

/* ---- lists ------------------------------------------------------------- */
static int append(struct gt_plan_list *l, const char *item)
{
    char **more = realloc(l->item, (l->n + 1) * sizeof *more);
    char *copy = strdup(item);
    if (more)
        l->item = more;
    if (!more || !copy) {
        free(copy);
        return -ENOMEM;
    }
    l->item[l->n++] = copy;
    return 0;
}

static int add_item(struct reading *r, struct gt_plan_list *l, enum gt_plan_key key,
                    const char *item)
{
    char why[2048] = "";
    for (uint32_t i = 0; i < l->n; i++)
        if (strcmp(l->item[i], item) == 0)
            return WRONG(r, r->line, "%s: '%s' stands here twice: its cells would be duplicates",
                         gt_plan_key_name(key), item);
    if (l->n == ITEMS_MAX)
        return WRONG(r, r->line, "%s: more than %d items", gt_plan_key_name(key), ITEMS_MAX);
    if (r->names->check(key, item, why, sizeof why) != 0)
        return WRONG(r, r->line, "%s: %s", gt_plan_key_name(key), why);
    return append(l, item);
}

static int add_group(struct reading *r, struct gt_plan_list *l, enum gt_plan_key key,
                     const char *group)
{
    const char *item;
    for (size_t i = 0; (item = r->names->at(key, group, i)) != NULL; i++) {
        int rc = add_item(r, l, key, item);
        if (rc != 0)
            return rc;
    }
    return l->n ? 0 : WRONG(r, r->line, "%s: there are none", gt_plan_key_name(key));
}

static char *trimmed(char *s)
{
    while (isspace((unsigned char)*s))
        s++;
    for (size_t n = strlen(s); n > 0 && isspace((unsigned char)s[n - 1]); n--)
        s[n - 1] = '\0';
    return s;
}

static int add_items(struct reading *r, struct gt_plan_list *l, enum gt_plan_key key,
                     const char *value)
{
    char *copy = strdup(value), *at = copy, *item;
    int rc = copy ? 0 : -ENOMEM;
    size_t n = copy ? strlen(trimmed(copy)) : 0;
    if (rc == 0 && n == 0)
        rc = WRONG(r, r->line, "%s: its value is missing", gt_plan_key_name(key));
    while (rc == 0 && (item = strsep(&at, ",")) != NULL) {
        item = trimmed(item);
        if (*item == '\0' && at == NULL)
            break; /* "a, b," goes on in the next line */
        if (*item == '\0')
            rc = WRONG(r, r->line, "%s: an item of the list is empty", gt_plan_key_name(key));
        else if (r->names->at(key, item, 0) != NULL)
            rc = add_group(r, l, key, item);
        else
            rc = add_item(r, l, key, item);
    }
    free(copy);
    return rc;
}

/* ---- one value --------------------------------------------------------- */
static int take_count(struct reading *r, enum gt_plan_key key, const char *value, uint32_t *out)
{
    char *end;
    unsigned long v = strtoul(value, &end, 10);
    if (!isdigit((unsigned char)value[0]) || *end != '\0' || v < 1 || v > RUNS_MAX)
        return WRONG(r, r->line, "%s: '%s' is no number from 1 to %d", gt_plan_key_name(key), value,
                     RUNS_MAX);
    *out = (uint32_t)v;
    return 0;
}

static int take_scalar(struct reading *r, struct gt_plan_section *s, enum gt_plan_key key,
                       const char *value)
{
    char why[256] = "";
    uint32_t count = 0;
    int rc;
    if (key == GT_PLAN_DURATION || key == GT_PLAN_TIMEOUT) {
        int64_t *ns = key == GT_PLAN_DURATION ? &s->duration_ns : &s->timeout_ns;
        rc = r->names->duration(value, ns, why, sizeof why);
        if (rc != 0)
            return WRONG(r, r->line, "%s: '%s': %s", gt_plan_key_name(key), value, why);
    } else {
        rc = take_count(r, key, value, &count);
    }
    if (key == GT_PLAN_RUNS)
        s->runs = count;
    return rc ? rc : append(&s->list[key], value);
}

/* ---- keys -------------------------------------------------------------- */
static int unknown_key(struct reading *r, const struct gt_plan_section *s, const char *name)
{
    char list[256] = "";
    size_t at = 0;
    for (int k = 0; k < GT_PLAN_KEYS; k++)
        if (gt_plan_key_fits((enum gt_plan_key)k, s->kind) && at < sizeof list)
            at += (size_t)snprintf(list + at, sizeof list - at, "%s%s", at ? ", " : "",
                                   gt_plan_key_name((enum gt_plan_key)k));
    return WRONG(r, r->line, "'%s' is no key of [%s]: use %s", name, s->title, list);
}

static int take_key(struct reading *r, struct gt_plan_section *s, const char *name,
                    const char *value)
{
    for (int k = 0; k < GT_PLAN_KEYS; k++) {
        enum gt_plan_key key = (enum gt_plan_key)k;
        struct gt_plan_list *l = &s->list[key];
        if (strcmp(gt_plan_key_name(key), name) != 0 || !gt_plan_key_fits(key, s->kind))
            continue;
        if (l->line && !(r->goes_on && !gt_plan_key_is_scalar(key)))
            return WRONG(r, r->line, "'%s' was given in line %d already", name, l->line);
        l->line = l->line ? l->line : r->line;
        return gt_plan_key_is_scalar(key) ? take_scalar(r, s, key, value)
                                          : add_items(r, l, key, value);
    }
    return unknown_key(r, s, name);
}

/* ---- sections ---------------------------------------------------------- */
static int new_section(struct reading *r, const char *title)
{
    struct gt_plan *p = r->p;
    size_t word = strcspn(title, " \t");
    for (uint32_t i = 0; i < p->n_sections; i++)
        if (strcmp(p->sections[i].title, title) == 0)
            return WRONG(r, r->opened, "[%s] stands in line %d already", title,
                         p->sections[i].line);
    for (int k = 0; k < GT_PLAN_KINDS; k++) {
        const char *name = gt_plan_kind_name((enum gt_plan_kind)k);
        if (strlen(name) != word || memcmp(name, title, word) != 0)
            continue;
        struct gt_plan_section *more = realloc(p->sections, (p->n_sections + 1) * sizeof *more);
        char *copy = strdup(title);
        if (more)
            p->sections = more;
        if (!more || !copy) {
            free(copy);
            return -ENOMEM;
        }
        p->sections[p->n_sections++] = (struct gt_plan_section){
            .kind = (enum gt_plan_kind)k, .title = copy, .line = r->opened, .runs = 1};
        return 0;
    }
    return WRONG(r, r->opened,
                 "[%s] is no section: use [stress NAME], [faults NAME], [overhead NAME]", title);
}

/* libinih: one key, or one more line of its value. 1: go on. */
static int on_key(void *arg, const char *section, const char *name, const char *value)
{
    struct reading *r = arg;
    int rc = 0;
    if (r->rc != 0)
        return 0;
    if (section[0] == '\0')
        rc = WRONG(r, r->line, "'%s' stands before the first [section]", name);
    else if (r->opened)
        rc = new_section(r, section);
    r->opened = 0;
    if (rc == 0)
        rc = take_key(r, &r->p->sections[r->p->n_sections - 1], name, value);
    return fail(r, rc) == 0;
}

/* ---- lines ------------------------------------------------------------- */
static void look_at(struct reading *r, const char *line, size_t n)
{
    size_t blank = strspn(line, " \t");
    r->goes_on = blank > 0 && !memchr(line, '=', n);
    if (n > LINE_MAX_BYTES)
        (void)fail(r,
                   WRONG(r, r->line, "longer than %d bytes: go on in the next line, after a blank",
                         LINE_MAX_BYTES));
    if (memchr(line, '\0', n))
        (void)fail(r, WRONG(r, r->line, "a zero byte: no plan"));
    if (blank < n && line[blank] == '[') {
        if (r->opened)
            (void)fail(r, WRONG(r, r->opened, "a section without keys"));
        if (!memchr(line, ']', n))
            (void)fail(r, WRONG(r, r->line, "the ] of the section is missing"));
        r->opened = r->line;
    }
}

/* libinih: the next line. A key that is indented is a key still, not part of the list above. */
static char *next_line(char *buf, int size, void *arg)
{
    struct reading *r = arg;
    size_t n = strcspn(r->at, "\n"), skip;
    if (*r->at == '\0' || r->rc != 0 || size < LINE_MAX_BYTES + 3)
        return NULL;
    r->line++;
    look_at(r, r->at, n);
    skip = r->goes_on ? 0 : strspn(r->at, " \t");
    if (r->rc != 0)
        return NULL;
    memcpy(buf, r->at + skip, n - skip);
    memcpy(buf + (n - skip), "\n", 2);
    r->at += n + (r->at[n] == '\n');
    return buf;
}

static int check_section(struct reading *r, const struct gt_plan_section *s)
{
    enum gt_plan_key needed[] = {gt_plan_subject(s->kind), GT_PLAN_DURATION};
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
        if (s->list[needed[i]].n == 0)
            return WRONG(r, s->line, "[%s] needs %s", s->title, gt_plan_key_name(needed[i]));
    return 0;
}

static int read_sections(struct reading *r)
{
    int line = ini_parse_stream(next_line, r, on_key, r);
    if (r->rc == 0 && line > 0)
        r->rc = WRONG(r, line, "neither [section] nor key = value");
    if (r->rc == 0 && r->opened)
        r->rc = WRONG(r, r->opened, "a section without keys");
    if (r->rc == 0 && r->p->n_sections == 0)
        r->rc = WRONG(r, r->line, "no section: nothing to run");
    for (uint32_t i = 0; i < r->p->n_sections && r->rc == 0; i++)
        r->rc = check_section(r, &r->p->sections[i]);
    return r->rc;
}

int gt_plan_read_text(struct gt_plan *p, const char *path, const char *text,
                      const struct gt_plan_names *names, char *err, size_t size)
{
    *p = (struct gt_plan){.path = strdup(path), .text = strdup(text)};
    struct reading r = {.p = p, .names = names, .at = text, .err = err, .size = size};
    err[0] = '\0';
    int rc = p->path && p->text ? read_sections(&r) : -ENOMEM;
    if (rc == 0)
        rc = gt_plan_expand(p, err, size);
    if (rc == -ENOMEM)
        snprintf(err, size, "%s: out of memory", path);
    if (rc != 0)
        gt_plan_free(p);
    return rc;
}

/* ---- the file ---------------------------------------------------------- */
static int read_file(const char *path, char **text)
{
    FILE *f = fopen(path, "re");
    if (!f)
        return -errno;
    char *buf = malloc(FILE_MAX + 1);
    size_t n = buf ? fread(buf, 1, FILE_MAX + 1, f) : 0;
    int rc = !buf ? -ENOMEM : ferror(f) ? -(errno ? errno : EIO) : n > FILE_MAX ? -EFBIG : 0;
    fclose(f);
    if (rc == 0 && memchr(buf, '\0', n))
        rc = -EINVAL;
    if (rc != 0) {
        free(buf);
        return rc;
    }
    buf[n] = '\0';
    *text = buf;
    return 0;
}

int gt_plan_read(struct gt_plan *p, const char *path, const struct gt_plan_names *names, char *err,
                 size_t size)
{
    char *text = NULL;
    if (!path)
        return gt_plan_read_text(p, "default.ini", gt_plan_default, names, err, size);
    int rc = read_file(path, &text);
    if (rc == -EINVAL)
        snprintf(err, size, "%s: a zero byte: no plan", path);
    else if (rc != 0)
        snprintf(err, size, "%s: %s", path, strerror(-rc));
    if (rc != 0)
        return rc;
    rc = gt_plan_read_text(p, path, text, names, err, size);
    free(text);
    return rc;
}

void gt_plan_free(struct gt_plan *p)
{
    for (uint32_t i = 0; i < p->n_sections; i++) {
        struct gt_plan_section *s = &p->sections[i];
        for (int k = 0; k < GT_PLAN_KEYS; k++) {
            for (uint32_t j = 0; j < s->list[k].n; j++)
                free(s->list[k].item[j]);
            free(s->list[k].item);
        }
        for (int k = 0; k < GT_PLAN_DURATION; k++)
            free(s->joined[k]);
        free(s->title);
    }
    for (uint32_t i = 0; i < p->n_cells; i++)
        free(p->cells[i].name);
    free(p->cells);
    free(p->sections);
    free(p->path);
    free(p->text);
    *p = (struct gt_plan){0};
}
