/* SPDX-License-Identifier: Apache-2.0 */
/* text: a trace from its binary form to text, and back. What the input is, its first bytes say. */
#include "trace/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "infile.h"
#include "options.h"
#include "harness/outfile.h"

/* ---- in ---------------------------------------------------------------- */
struct input {
    struct gt_infile file;
    char head[4096]; /* read ahead to see what it is */
    size_t in_head, given;
};

static int64_t read_input(void *arg, void *buf, size_t n)
{
    struct input *in = arg;
    size_t left = in->in_head - in->given;
    if (left == 0)
        return gt_infile_read(&in->file, buf, n);
    if (n > left)
        n = left;
    memcpy(buf, in->head + in->given, n);
    in->given += n;
    return (int64_t)n;
}

static int open_input(struct input *in, const char *name)
{
    int64_t r = 1;
    in->in_head = in->given = 0;
    int rc = gt_infile_open(&in->file, name);
    if (rc != 0)
        return rc;
    while (in->in_head < sizeof in->head && r > 0) {
        r = gt_infile_read(&in->file, in->head + in->in_head, sizeof in->head - in->in_head);
        in->in_head += r > 0 ? (size_t)r : 0;
    }
    return r < 0 ? (int)r : 0;
}

enum form { FORM_BINARY, FORM_TEXT, FORM_NEITHER };

static enum form form_of(const struct input *in)
{
    if (in->in_head >= 5 && memcmp(in->head, "go 1.", 5) == 0)
        return FORM_BINARY;
    if (memmem(in->head, in->in_head, "Trace Go1.", 10) &&
        !memchr(in->head, '\0', in->in_head))
        return FORM_TEXT;
    return FORM_NEITHER;
}

/* ---- out --------------------------------------------------------------- */
struct output {
    struct gt_outfile file;
    bool to_file;
    int error; /* of the output: the translation's own errors are the input's */
    char buf[65536];
    size_t used;
};

static int flush(struct output *o)
{
    size_t n = o->used;
    o->used = 0;
    if (o->error == 0 && n > 0)
        o->error = gt_write_all(o->to_file ? o->file.fd : STDOUT_FILENO, o->buf, n);
    return o->error;
}

static int write_output(void *arg, const void *data, size_t n)
{
    struct output *o = arg;
    int taken = (int)n;
    for (const char *at = data; n > 0;) {
        size_t room = sizeof o->buf - o->used, part = n < room ? n : room;
        memcpy(o->buf + o->used, at, part);
        o->used += part;
        at += part;
        n -= part;
        if (o->used == sizeof o->buf && flush(o) != 0)
            return o->error;
    }
    return taken;
}

static int close_output(struct output *o, bool keep)
{
    int rc = flush(o);
    if (!o->to_file)
        return rc;
    if (rc == 0 && keep)
        return gt_outfile_commit(&o->file);
    gt_outfile_abandon(&o->file);
    return rc;
}

/* ---- the verb ---------------------------------------------------------- */
static enum gt_exit say_input(const struct input *in, int rc, const struct gt_text_error *e)
{
    if (rc == -EINTR)
        gt_say("text", "interrupted");
    else if (e->text[0] && e->line)
        gt_say("text", "%s:%" PRIu64 ": %s", in->file.name, e->line, e->text);
    else if (e->text[0])
        gt_say("text", "%s: at byte %" PRIu64 ": %s", in->file.name, e->offset, e->text);
    else
        gt_say("text", "%s: %s", in->file.name, strerror(-rc));
    return rc == -EBADMSG || rc == -EINVAL ? GT_EXIT_BAD : GT_EXIT_BROKEN;
}

static enum gt_exit translate(struct input *in, struct output *o, enum form form, const char *out)
{
    struct gt_text_error e = {0};
    const struct gt_source source = {.read = read_input, .arg = in};
    const struct gt_text_out sink = {.write = write_output, .arg = o};
    int rc = form == FORM_BINARY ? gt_text_from_binary(&source, &sink, &e)
                                 : gt_text_to_binary(&source, &sink, &e);
    /* Of a broken binary all that can be read is worth keeping: it is how one mends it. */
    int closed = close_output(o, rc == 0 || (rc == -EBADMSG && form == FORM_BINARY));
    if (closed != 0) {
        gt_say("text", "%s cannot be written: %s", out ? out : "standard output",
               strerror(-closed));
        return GT_EXIT_BROKEN;
    }
    return rc == 0 ? GT_EXIT_OK : say_input(in, rc, &e);
}

static enum gt_exit open_and_translate(struct input *in, const struct gt_options *opt)
{
    enum form form = form_of(in);
    if (form == FORM_NEITHER) {
        gt_say("text",
               "%s: %s: a trace begins with \"go 1.NN trace\", its text with \"Trace Go1.NN\"",
               in->file.name, in->in_head ? "neither a trace nor the text of one" : "empty");
        return GT_EXIT_BROKEN;
    }
    if (form == FORM_TEXT && !opt->out && isatty(STDOUT_FILENO)) {
        gt_say("text", "a binary trace is not for a terminal: write --out=FILE, or redirect");
        return GT_EXIT_USAGE;
    }
    struct output *o = calloc(1, sizeof *o);
    int rc = o ? 0 : -ENOMEM;
    if (o && opt->out && strcmp(opt->out, "-") != 0) {
        o->to_file = true;
        rc = gt_outfile_open(&o->file, opt->out);
    }
    if (rc != 0)
        gt_say("text", "%s cannot be written: %s", opt->out, strerror(-rc));
    enum gt_exit status = rc == 0 ? translate(in, o, form, opt->out) : GT_EXIT_BROKEN;
    free(o);
    return status;
}

static int run(const struct gt_verb *v, int argc, char **argv)
{
    struct gt_options o;
    struct input in;
    char err[512];
    if (gt_options_parse(&o, v->name, v->options, argc, argv, err, sizeof err) != 0) {
        gt_say(v->name, "%s", err);
        return GT_EXIT_USAGE;
    }
    if (o.n_args != 1) {
        gt_say(v->name, "%s: write one FILE, or - for standard input",
               o.n_args ? "one at a time" : "nothing is named");
        return GT_EXIT_USAGE;
    }
    gt_stop_install();
    int rc = open_input(&in, o.args[0]);
    enum gt_exit status = GT_EXIT_BROKEN;
    if (rc == 0)
        status = open_and_translate(&in, &o);
    else
        gt_say(v->name, "%s cannot be read: %s", in.file.name,
               rc == -EINTR ? "interrupted" : strerror(-rc));
    gt_infile_close(&in.file);
    return (int)status;
}

const struct gt_verb gt_verb_text = {
    .name = "text",
    .args = "FILE [-o FILE]",
    .summary = "a trace as text, or the text of one as a trace",
    .text = "What FILE is, its first bytes say: a binary trace becomes text, the text of a trace\n"
            "becomes binary. - is standard input. The text is that of Go's own trace tests: one\n"
            "event a line, so a broken trace can be cut down by hand, translated back, checked\n"
            "again and put into a report.\n"
            "The result goes to standard output, or with -o to a file. Of a torn trace, all\n"
            "that can be read is translated (status 1). Text that is wrong says its line and\n"
            "leaves no file (status 1).\n",
    .options = GT_OPT_OUT_FILE,
    .run = run,
};
