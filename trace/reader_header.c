/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first bytes of an input. Go scans them with a format: where that format has a blank, any run of
 * blanks will do, and before the number too; so it is here.
 */
#include "trace/reader_internal.h"

#include <errno.h>
#include <stdio.h>

static int peek(struct gt_input *in)
{
    return gt_input_need(in, 1) != 0 ? in->at[0] : -1;
}

/* Bytes of the blank at p, of which n are there; 0: none. Go counts Unicode's blanks, too. */
static size_t blank_length(const uint8_t *p, size_t n)
{
    if (n >= 1 && (p[0] == ' ' || p[0] == '\t' || p[0] == '\v' || p[0] == '\f' || p[0] == '\r')) {
        return 1;
    }
    if (n >= 2 && p[0] == 0xc2) { /* next line, no-break space */
        return p[1] == 0x85 || p[1] == 0xa0 ? 2 : 0;
    }
    if (n < 3) {
        return 0;
    }
    unsigned c = (unsigned)p[0] << 16 | (unsigned)p[1] << 8 | p[2];
    bool wide = (c >= 0xe28080 && c <= 0xe2808a) || /* U+2000 to U+200A */
                c == 0xe19a80 || c == 0xe280a8 || c == 0xe280a9 || c == 0xe280af || c == 0xe2819f ||
                c == 0xe38080;
    return wide ? 3 : 0;
}

static unsigned take_blanks(struct gt_input *in)
{
    unsigned n = 0;
    for (;; n++) {
        size_t there = gt_input_need(in, 3); /* moves in->at */
        size_t length = blank_length(in->at, there);
        if (length == 0) {
            return n;
        }
        gt_input_take(in, length);
    }
}

static bool take_literal(struct gt_input *in, const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (peek(in) != (unsigned char)s[i]) {
            return false;
        }
        gt_input_take(in, 1);
    }
    return true;
}

static bool take_number(struct gt_input *in, uint64_t *v)
{
    bool some = false;
    *v = 0;
    for (int c; (c = peek(in)) >= '0' && c <= '9'; some = true) {
        *v = *v * 10 + (uint64_t)(c - '0');
        if (*v > UINT32_MAX) {
            return false;
        }
        gt_input_take(in, 1);
    }
    return some;
}

static bool take_header(struct gt_input *in, uint64_t *minor)
{
    if (!take_literal(in, "go", 2) || take_blanks(in) == 0 || !take_literal(in, "1.", 2)) {
        return false;
    }
    take_blanks(in);
    return take_number(in, minor) && take_blanks(in) != 0 && take_literal(in, "trace\0\0\0", 8);
}

/* What people hand over by mistake. */
static const char *guess(const uint8_t *start, size_t n)
{
    if (n == 0) {
        return "the input is empty";
    }
    if (n >= 2 && start[0] == 0x1f && start[1] == 0x8b) {
        return "the input is compressed with gzip: decompress it first";
    }
    if (n >= 4 && start[0] == 0x28 && start[1] == 0xb5 && start[2] == 0x2f && start[3] == 0xfd) {
        return "the input is compressed with zstd: decompress it first";
    }
    if ((n >= 9 && memcmp(start, "Trace Go1", 9) == 0) ||
        (n >= 9 && memcmp(start, "-- expect", 9) == 0)) {
        return "the input is a trace in text form: convert it with `gauntlet text` first";
    }
    if (n < GT_WIRE_HEADER_BYTES && memcmp(start, "go 1.", n < 5 ? n : 5) == 0) {
        return "the input ends inside the 16-byte header of a Go trace: it was cut off";
    }
    return "the input is no Go execution trace: it does not begin with \"go 1.NN trace\"";
}

static int refuse_version(uint64_t minor, struct gt_read_error *err)
{
    if (minor == 11 || minor == 19 || minor == 21) {
        err->rule = GT_RULE_F1_V1;
        snprintf(err->text, sizeof err->text,
                 "the trace has the old format v1 (header go 1.%u, Go 1.21 and older): it has no "
                 "generations and "
                 "is not read here; record it with Go 1.22 or newer",
                 (unsigned)minor);
        return -EINVAL;
    }
    err->rule = GT_RULE_F1_VERSION;
    snprintf(
        err->text, sizeof err->text, "header go 1.%u: %s", (unsigned)minor,
        minor == 24
            ? "there is no such trace version (Go 1.24 writes go 1.23), so another program wrote it"
            : "only versions go 1.22, 1.23, 1.25 and 1.26 are known");
    return -EINVAL;
}

static int refuse_source(int error, struct gt_read_error *err)
{
    if (error == -EISDIR) {
        snprintf(err->text, sizeof err->text, "the input is a directory: name a trace file in it");
    } else {
        snprintf(err->text, sizeof err->text, "cannot read the header: %s", strerror(-error));
    }
    return error;
}

int gt_reader_read_header(struct gt_reader *r, struct gt_read_error *err)
{
    struct gt_input *in = &r->input;
    uint8_t start[GT_WIRE_HEADER_BYTES];
    uint64_t minor;
    size_t n = gt_input_need(in, sizeof start);
    n = n < sizeof start ? n : sizeof start;
    if (n != 0) {
        memcpy(start, in->at, n);
    }
    bool fine = in->error == 0 && take_header(in, &minor);
    err->at = (struct gt_where){.m = GT_NO_M, .offset = in->offset};
    if (in->error != 0) {
        return refuse_source(in->error, err);
    }
    if (!fine) {
        err->rule = GT_RULE_F1_HEADER;
        snprintf(err->text, sizeof err->text, "%s", guess(start, n));
        return -EINVAL;
    }
    if (minor > 99 || !gt_wire_header_known(100 + (uint32_t)minor)) {
        return refuse_version(minor, err);
    }
    r->header = 100 + (uint32_t)minor;
    return 0;
}
