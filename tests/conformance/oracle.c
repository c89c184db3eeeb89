/* SPDX-License-Identifier: Apache-2.0 */
#include "conformance/oracle.h"

#include "trace/check.h"
#include "trace/reader.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

struct cf_oracle {
    pid_t pid;
    FILE *to, *from;
};

/* ---- Go's ---- */

static int spawn(const char *program, const int in[2], const int out[2], pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    int error = posix_spawn_file_actions_init(&actions);
    if (error)
        return error;
    posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    posix_spawn_file_actions_addclose(&actions, in[1]);
    posix_spawn_file_actions_addclose(&actions, out[0]);
    char *argv[] = {(char *)(uintptr_t)program, NULL};
    error = posix_spawn(pid, program, &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

struct cf_oracle *cf_oracle_start(const char *program)
{
    int in[2], out[2];
    struct cf_oracle *o = calloc(1, sizeof *o);
    if (!o || pipe(in) || pipe(out)) {
        perror("conformance: pipes to Go's reader");
        free(o);
        return NULL;
    }
    signal(SIGPIPE, SIG_IGN);
    int error = spawn(program, in, out, &o->pid);
    close(in[0]);
    close(out[1]);
    o->to = fdopen(in[1], "w");
    o->from = fdopen(out[0], "r");
    if (error || !o->to || !o->from) {
        fprintf(stderr, "conformance: cannot start %s: %s\n", program,
                strerror(error ? error : errno));
        free(o);
        return NULL;
    }
    return o;
}

void cf_oracle_stop(struct cf_oracle *o)
{
    fclose(o->to);
    fclose(o->from);
    waitpid(o->pid, NULL, 0);
    free(o);
}

bool cf_oracle_ask(struct cf_oracle *o, char command, const void *data, size_t size)
{
    unsigned char head[5] = {(unsigned char)command, (unsigned char)size,
                             (unsigned char)(size >> 8), (unsigned char)(size >> 16),
                             (unsigned char)(size >> 24)};
    if (fwrite(head, 1, sizeof head, o->to) == sizeof head &&
        fwrite(data, 1, size, o->to) == size && !fflush(o->to))
        return true;
    fprintf(stderr, "conformance: Go's reader has gone: %s\n", strerror(errno));
    return false;
}

/* The value behind "name": in a line of JSON; "" when there is none. */
static const char *member(const char *line, const char *name)
{
    char key[32];
    snprintf(key, sizeof key, "\"%s\":", name);
    const char *found = strstr(line, key);
    return found ? found + strlen(key) : "";
}

/* A JSON string; escapes other than of quotes and backslashes stay as they are. */
static void copy_string(char *to, size_t size, const char *from)
{
    size_t n = 0;
    if (*from == '"')
        from++;
    while (*from && *from != '"' && n + 1 < size) {
        if (*from == '\\' && (from[1] == '"' || from[1] == '\\'))
            from++;
        to[n++] = *from++;
    }
    to[n] = 0;
}

/* Of the ordering stage for certain: framing, tables and events that cannot be decoded may come before it. */
static bool rule_of_ordering(enum gt_rule rule)
{
    const char *id = gt_rule_info(rule)->id;
    return rule != GT_RULE_NONE &&
           (!strchr("FGETO", id[0]) || !strcmp(id, "O5") || !strcmp(id, "T6"));
}

static void finish(struct cf_verdict *v)
{
    v->ordered = v->events || rule_of_ordering(v->rule);
}

bool cf_oracle_answer(struct cf_oracle *o, struct cf_verdict *v)
{
    char line[4096], verdict[32];
    *v = (struct cf_verdict){0};
    if (!fgets(line, sizeof line, o->from)) {
        fprintf(stderr, "conformance: Go's reader gave no answer\n");
        return false;
    }
    copy_string(verdict, sizeof verdict, member(line, "verdict"));
    copy_string(v->text, sizeof v->text, member(line, "error"));
    v->accepted = !strcmp(verdict, "accepted");
    v->beside = !v->accepted && strcmp(verdict, "rejected") != 0;
    v->header = !strncmp(member(line, "header"), "true", 4);
    v->events = strtoull(member(line, "events"), NULL, 10);
    v->ns = strtoll(member(line, "ns"), NULL, 10);
    v->cpu_ns = strtoll(member(line, "cpu"), NULL, 10);
    if (!v->accepted && !v->beside)
        v->rule = gt_rule_of_go_text(v->text);
    finish(v);
    return strcmp(verdict, "memory") != 0;
}

bool cf_oracle_verdict(struct cf_oracle *o, const void *data, size_t size, struct cf_verdict *v)
{
    return cf_oracle_ask(o, 'v', data, size) && cf_oracle_answer(o, v);
}

/* ---- ours ---- */

struct memory {
    const unsigned char *at;
    size_t left;
};

static int64_t read_memory(void *arg, void *buffer, size_t n)
{
    struct memory *m = arg;
    if (n > m->left)
        n = m->left;
    memcpy(buffer, m->at, n);
    m->at += n;
    m->left -= n;
    return (int64_t)n;
}

void cf_our_verdict(const void *data, size_t size, struct cf_verdict *v)
{
    static struct gt_check_result result;
    struct memory memory = {.at = data, .left = size};
    const struct gt_source source = {.read = read_memory, .arg = &memory};
    const struct gt_check_options options = {.rules = GT_RULES_GO, .first_only = true};
    struct gt_reader *reader;
    struct gt_read_error error = {0};
    *v = (struct cf_verdict){0};
    int status = gt_reader_open(&source, &reader, &error);
    if (status) {
        v->rule = (enum gt_rule)error.rule;
        snprintf(v->text, sizeof v->text, "%s", error.text);
        return;
    }
    v->header = true;
    memset(&result, 0, sizeof result);
    status = gt_check(reader, &options, &result);
    gt_reader_close(reader);
    v->accepted = !status && result.accepted;
    v->rule = v->accepted ? GT_RULE_NONE : result.first_error;
    v->events = result.stats.events;
    v->beside = status != 0;
    snprintf(v->text, sizeof v->text, "%s", status ? strerror(-status) : result.first_text);
    finish(v);
    v->ordered |= v->accepted;
}

/* ---- both ---- */

bool cf_same(const struct cf_verdict *ours, const struct cf_verdict *go)
{
    if (ours->beside || go->beside || ours->accepted != go->accepted)
        return false;
    return ours->accepted || ours->rule == go->rule;
}

const char *cf_verdict_line(const struct cf_verdict *v)
{
    static char lines[2][512];
    static unsigned turn;
    char *line = lines[turn++ & 1];
    const char *class_name = v->beside ? "BESIDE"
                             : v->rule ? gt_rule_info(v->rule)->class_name
                                       : "UNKNOWN TEXT";
    if (v->accepted)
        return "accepted";
    snprintf(line, sizeof lines[0], "%s: %s", class_name, v->text);
    return line;
}
