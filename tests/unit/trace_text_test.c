/* SPDX-License-Identifier: Apache-2.0 */
/* The text form: there and back, quoting, and what is said about text that is wrong. GT_TEST: lean */
#include "tap.h"
#include "trace/text.h"
#include "trace/text_quote.h"
#include "trace/wire.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct sink {
    char *data;
    size_t n, cap, full_at; /* full_at: fails from there on; 0: never */
};

static int write_sink(void *arg, const void *data, size_t n)
{
    struct sink *s = arg;
    if (s->full_at && s->n + n > s->full_at) {
        return -ENOSPC;
    }
    if (s->n + n + 1 > s->cap) {
        s->cap = 2 * (s->n + n + 1);
        s->data = realloc(s->data, s->cap);
        if (s->data == NULL) {
            bail_out("out of memory");
        }
    }
    memcpy(s->data + s->n, data, n);
    s->n += n;
    s->data[s->n] = '\0';
    return (int)n;
}

typedef int convert(const struct gt_source *, const struct gt_text_out *, struct gt_text_error *);

/* The result's data is the caller's to free. */
static struct sink run(convert *f, const void *data, size_t n, int *status,
                       struct gt_text_error *err)
{
    struct gt_bytes bytes = {.data = data, .size = n};
    struct sink s = {0};
    write_sink(&s, "", 0);
    *status = f(&(struct gt_source){.read = gt_read_bytes, .arg = &bytes},
                &(struct gt_text_out){.write = write_sink, .arg = &s}, err);
    return s;
}

static bool same(const struct sink *a, const struct sink *b)
{
    return a->n == b->n && memcmp(a->data, b->data, a->n) == 0;
}

/* Text to binary to text to binary: both binaries equal, and the text that of the trace's section. */
static bool round_trip(const char *text, size_t n, const char *name)
{
    struct gt_text_error err;
    int status, torn;
    struct sink first = run(gt_text_to_binary, text, n, &status, &err);
    bool fine = status == 0;
    if (!fine) {
        diag("%s:%d: %s", name, (int)err.line, err.text);
    }
    struct sink back = run(gt_text_from_binary, first.data, first.n, &torn, &err);
    struct sink second = run(gt_text_to_binary, back.data, back.n, &status, &err);
    fine = fine && status == 0 && (torn == 0 || torn == -EBADMSG) && same(&first, &second);
    const char *section = strstr(text, "-- trace --\n");
    section = section ? section + strlen("-- trace --\n") : text;
    fine = fine && strcmp(section, back.data) == 0;
    free(first.data);
    free(back.data);
    free(second.data);
    return fine;
}

/* ---- a trace with every event ---- */

static void add_event_line(struct sink *s, unsigned type, uint64_t value)
{
    const struct gt_event_spec *spec = gt_ev_spec(type);
    char line[256];
    int n = snprintf(line, sizeof line, "%s%s", spec->name, gt_ev_is_timed(type) ? " dt=3" : "");
    for (unsigned i = 0; i < spec->nargs; i++) {
        value = type == GT_EV_STACK && i == 1 ? 2 : value * 3 + 1;
        n += snprintf(line + n, sizeof line - (size_t)n, " %s=%llu", spec->arg[i],
                      (unsigned long long)value);
    }
    write_sink(s, line, (size_t)n);
    if (type == GT_EV_STACK) {
        static const char frames[] =
            "\n\tpc=1 func=2 file=3 line=4\n\tpc=18446744073709551615 func=0 file=0 line=0";
        write_sink(s, frames, sizeof frames - 1);
    }
    if (spec->nature == GT_NATURE_DATA) {
        static const char data[] =
            "\n\tdata=\"a \\\"b\\\" \\\\ # \\x00\\xff \\n\\t \xc3\xa4\xe2\x82\xac \\u2028\\ufeff\"";
        write_sink(s, data, sizeof data - 1);
    }
    write_sink(s, "\n", 1);
}

static void test_every_event(void)
{
    struct sink text = {0};
    static const char head[] = "Trace Go1.26\nEventBatch gen=1 m=18446744073709551615 time=0 size=";
    write_sink(&text, head, sizeof head - 1);
    struct sink events = {0};
    unsigned n = 0;
    for (unsigned type = 2; type < GT_EV_END; type++) {
        if (gt_ev_spec(type)->name && type != GT_EV_EXPERIMENTAL_BATCH &&
            type != GT_EV_END_OF_GENERATION) {
            add_event_line(&events, type, type);
            n++;
        }
    }
    /* Its size is what it takes in binary. */
    struct sink probe = {0};
    write_sink(&probe, head, sizeof head - 1 - strlen(" size="));
    write_sink(&probe, "\n", 1);
    write_sink(&probe, events.data, events.n);
    int status;
    struct gt_text_error err;
    struct sink binary = run(gt_text_to_binary, probe.data, probe.n, &status, &err);
    char size[32];
    int len = snprintf(size, sizeof size, "%zu\n", binary.n - 16 - (1 + 1 + 10 + 1 + 2));
    write_sink(&text, size, (size_t)len);
    write_sink(&text, events.data, events.n);
    add_event_line(&text, GT_EV_EXPERIMENTAL_BATCH, 0);
    add_event_line(&text, GT_EV_END_OF_GENERATION, 0);
    ok(status == 0 && n == 58, "every event can stand in a batch (%u)", n);
    ok(round_trip(text.data, text.n, "every event"), "and goes there and back");
    free(text.data);
    free(events.data);
    free(probe.data);
    free(binary.data);
}

/* ---- Go's own ---- */

static char *read_file(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    char *data = f ? malloc(1 << 20) : NULL;
    if (data == NULL) {
        bail_out("cannot read %s", path);
    }
    *n = fread(data, 1, (1 << 20) - 1, f);
    data[*n] = '\0';
    fclose(f);
    return data;
}

static bool go_root(char *root, size_t n)
{
    FILE *f = popen("go env GOROOT 2>/dev/null", "r");
    bool got = f && fgets(root, (int)n, f) != NULL;
    if (f) {
        pclose(f);
    }
    root[got ? strcspn(root, "\n") : 0] = '\0';
    return got && root[0] != '\0';
}

static void test_go_files(void)
{
    char root[256], folder[512], path[1024];
    DIR *dir = NULL;
    if (go_root(root, sizeof root)) {
        snprintf(folder, sizeof folder, "%s/src/internal/trace/testdata/tests", root);
        dir = opendir(folder);
    }
    if (dir == NULL) {
        skip(1, "no Go toolchain with its trace tests");
        return;
    }
    unsigned tried = 0, fine = 0;
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        size_t n, len = strlen(e->d_name);
        if (len < 5 || strcmp(e->d_name + len - 5, ".test") != 0) {
            continue;
        }
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        char *text = read_file(path, &n);
        bool good = round_trip(text, n, e->d_name);
        if (!good) {
            diag("%s differs", e->d_name);
        }
        tried++;
        fine += good;
        free(text);
    }
    closedir(dir);
    ok(tried > 0 && fine == tried, "all %u of Go's text traces go there and back", tried);
}

/* ---- cutting down ---- */

static void test_sizes(void)
{
    static const char cut[] = "Trace Go1.23\nEventBatch gen=1 m=1 time=0 size=999\nGoDestroy dt=1\n"
                              "EventBatch gen=1 m=2 time=0 # none said\nProcStop dt=2\n";
    static const char want[] =
        "go 1.23 trace\0\0\0\x01\x01\x01\x00\x02\x11\x01\x01\x01\x02\x00\x02\x0b\x02";
    int status;
    struct gt_text_error err;
    struct sink s = run(gt_text_to_binary, cut, sizeof cut - 1, &status, &err);
    ok(status == 0 && s.n == sizeof want - 1 && memcmp(s.data, want, s.n) == 0,
       "sizes are counted, not believed");
    free(s.data);
    static const char torn[] = "Trace Go1.23\nEventBatch gen=1 m=1 time=0 size=9\nGoDestroy dt=1\n";
    s = run(gt_text_to_binary, torn, sizeof torn - 1, &status, &err);
    ok(status == 0 && s.n == 16 + 5 + 2 && s.data[16 + 4] == 9,
       "but a trace that was cut off stays one");
    struct sink back = run(gt_text_from_binary, s.data, s.n, &status, &err);
    is_int(status, -EBADMSG, "which is reported");
    is_str(back.data, torn, "after everything that is there");
    is_int(err.offset, 16 + 5 + 2, "with the place");
    free(s.data);
    free(back.data);
}

static void test_padding(void)
{
    static const char padded[] = "go 1.23 trace\0\0\0\x01\x81\x00\x01\x00\x83\x00\x11\x81\x00";
    int status;
    struct gt_text_error err;
    struct sink s = run(gt_text_from_binary, padded, sizeof padded - 1, &status, &err);
    is_int(status, 0, "a whole trace with padded numbers");
    is_str(s.data, "Trace Go1.23\nEventBatch gen=1 m=1 time=0 size=2\nGoDestroy dt=1\n",
           "is not taken for a torn one");
    ok(round_trip(s.data, s.n, "padding"), "on the way back either");
    free(s.data);
}

static void test_end_of_generation(void)
{
    static const char text[] =
        "Trace Go1.26\nEventBatch gen=1 m=1 time=0 size=1\nEndOfGeneration\n";
    int status;
    struct gt_text_error err;
    struct sink s = run(gt_text_to_binary, text, sizeof text - 1, &status, &err);
    ok(s.n == 16 + 5 + 1 && s.data[16 + 4] == 1, "an end of generation inside a batch of its own");
    free(s.data);
    static const char bare[] =
        "Trace Go1.26\nEventBatch gen=1 m=1 time=0 size=7\nEndOfGeneration\n";
    s = run(gt_text_to_binary, bare, sizeof bare - 1, &status, &err);
    ok(s.n == 16 + 5 + 1 && s.data[16 + 4] == 0, "and otherwise outside");
    free(s.data);
}

/* ---- quoting ---- */

static void test_quoting(void)
{
    static const struct {
        const char *text, *bytes;
        size_t n;
    } fine[] = {
        {"\"\"", "", 0},
        {"`raw \\n \"x\"`", "raw \\n \"x\"", 10},
        {"\"\\a\\b\\f\\n\\r\\t\\v\\\\\\\"\"", "\a\b\f\n\r\t\v\\\"", 9},
        {"\"\\x00\\377\\101\"",
         "\0\xff"
         "A",
         3},
        {"\"\\u00e4\\U0001F600\"", "\xc3\xa4\xf0\x9f\x98\x80", 6},
    };
    for (size_t i = 0; i < sizeof fine / sizeof *fine; i++) {
        uint8_t out[64];
        size_t n = 99;
        const char *wrong = gt_unquote(out, &n, fine[i].text, strlen(fine[i].text));
        ok(wrong == NULL && n == fine[i].n && memcmp(out, fine[i].bytes, n) == 0, "reads %s",
           fine[i].text);
    }
    static const char *const bad[] = {"",          "\"",          "\"a",       "a\"",
                                      "\"\\\"",    "\"a\"b\"",    "\"\\q\"",   "\"\\x1\"",
                                      "\"\\u12\"", "\"\\ud800\"", "\"\\400\"", "\"\\U00110000\"",
                                      "`a`b`",     "'a'"};
    unsigned refused = 0;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint8_t out[64];
        size_t n;
        refused += gt_unquote(out, &n, bad[i], strlen(bad[i])) != NULL;
    }
    is_int(refused, sizeof bad / sizeof *bad, "refuses literals that Go refuses");

    unsigned wrong = 0;
    uint32_t seed = 7;
    for (unsigned round = 0; round < 20000; round++) {
        uint8_t in[16], out[16];
        char text[2 + GT_QUOTE_MAX * sizeof in];
        size_t n = seed % 17, m = 0;
        for (size_t i = 0; i < n; i++) {
            seed = seed * 1664525 + 1013904223;
            in[i] = (uint8_t)(seed >> 24 | (round % 3 == 0 ? 0xc0 : 0));
        }
        seed = seed * 1664525 + 1013904223;
        size_t len = gt_quote(text, in, n);
        wrong += len > 2 + GT_QUOTE_MAX * n || memchr(text, '\n', len) != NULL ||
                 gt_unquote(out, &m, text, len) != NULL || m != n || memcmp(in, out, n) != 0;
    }
    is_int(wrong, 0, "any bytes survive quoting");
    char text[64];
    size_t n = gt_quote(text, (const uint8_t *)"\x7f\xc2\x85\xef\xbb\xbf\xed\xa0\x80\xc3\xa4", 11);
    text[n] = '\0';
    is_str(text, "\"\\x7f\\u0085\\ufeff\\xed\\xa0\\x80\xc3\xa4\"",
           "what cannot be seen is escaped");
}

/* ---- wrong text ---- */

static const struct {
    const char *text;
    unsigned line;
    const char *says;
} bad_texts[] = {
    {"", 0, "Trace Go1.NN"},
    {"\n# nothing\n", 2, "Trace Go1.NN"},
    {"Tracé Go1.22\n", 1, "expected a line `Trace Go1.NN`"},
    {"go 1.22 trace", 1, "binary"},
    {"Trace Go1.24\n", 1, "found \"Go1.24\""},
    {"Trace Go1.22 x\n", 1, "end of the line"},
    {"-- expect --\nSUCCESS\n", 2, "-- trace --"},
    {"Trace Go1.22\nGoDestroy dt=1\n", 2, "EventBatch line first"},
    {"Trace Go1.22\n\nEventBatch gen=1 m=1\n", 3, "expected time=NUMBER, found \"\""},
    {"Trace Go1.22\nEventBatch gen=1 m=1 time=0 size=x\n", 2, "size needs a number"},
    {"Trace Go1.22\nEventBatch gen=1 m=1 time=0 size=1 1\n", 2, "end of the line"},
    {"Trace Go1.22\nEventBatch gen=18446744073709551616 m=1 time=0\n", 2, "gen needs a number"},
    {"Trace Go1.22\nEventBatch gen=1 m=1 time=0\nGoFly dt=1\n", 3,
     "name of an event, found \"GoFly\""},
    {"Trace Go1.22\nEventBatch gen=1 m=1 time=0\nGoStart dt=1 g_seq=1 g=1\n", 3,
     "expected g=NUMBER"},
    {"Trace Go1.22\nEventBatch gen=1 m=1 time=0\nGoDestroy dt=-1\n", 3, "dt needs a number"},
    {"Trace Go1.22\nEventBatch gen=1 m=1 time=0\nString id=1\nString id=2\n", 4, "data="},
    {"Trace Go1.22\nEventBatch gen=1 m=1 time=0\nString id=1\n", 3, "data="},
    {"Trace Go1.22\nEventBatch gen=1 m=1 time=0\nString id=1\n\n\tdata=\"x\n", 5, "double quotes"},
    {"Trace Go1.22\nEventBatch gen=1 m=1 time=0\nStack id=1 nframes=2\n\tpc=1 func=1 file=1 "
     "line=1\n",
     4, "nframes=2"},
    {"Trace Go1.22\nEventBatch gen=1 m=1 time=0\nStack id=1 nframes=1\nStack id=2 nframes=0\n", 4,
     "expected pc="},
    {"Trace Go1.26\nExperimentalBatch exp=256 gen=1 m=1 time=0\n\tdata=\"\"\n", 2, "0 to 255"},
};

static void test_bad_texts(void)
{
    for (size_t i = 0; i < sizeof bad_texts / sizeof *bad_texts; i++) {
        struct gt_text_error err;
        int status;
        struct sink s =
            run(gt_text_to_binary, bad_texts[i].text, strlen(bad_texts[i].text), &status, &err);
        if (!ok(status == -EINVAL && err.line == bad_texts[i].line &&
                    strstr(err.text, bad_texts[i].says),
                "line %u: %s", bad_texts[i].line, bad_texts[i].says)) {
            diag("%d, line %d: %s", status, (int)err.line, err.text);
        }
        free(s.data);
    }
}

/* A batch that grows past what a batch may hold, a line without an end. */
static void test_long_texts(void)
{
    struct sink s = {0};
    struct gt_text_error err;
    int status;
    static const char head[] = "Trace Go1.22\nEventBatch gen=1 m=1 time=0\n",
                      line[] = "GoDestroy dt=1\n";
    write_sink(&s, head, sizeof head - 1);
    for (unsigned i = 0; i < GT_WIRE_MAX_BATCH / 2 + 1; i++) {
        write_sink(&s, line, sizeof line - 1);
    }
    struct sink out = run(gt_text_to_binary, s.data, s.n - sizeof line + 1, &status, &err);
    is_int(status, 0, "a batch of 65536 bytes");
    free(out.data);
    out = run(gt_text_to_binary, s.data, s.n, &status, &err);
    ok(status == -EINVAL && strstr(err.text, "batch of line 2 holds more"), "and not one more");
    free(out.data);
    memset(s.data, 'x', s.n);
    while (s.n < (2 << 20)) {
        write_sink(&s, line, sizeof line - 2);
    }
    out = run(gt_text_to_binary, s.data, s.n, &status, &err);
    ok(status == -EINVAL && strstr(err.text, "no trace in text form"), "a line without an end");
    free(out.data);
    free(s.data);
}

/* ---- broken binaries, failing sinks ---- */

static void test_broken_binaries(void)
{
    static const struct {
        const char *bytes;
        size_t n;
        uint64_t offset;
        const char *last, *says;
    } broken[] = {
        {"\x01\x01\x01\x00\x03\x11\x01\x35", 8, 23, "GoDestroy dt=1\n", "no event has this number"},
        {"\x01\x01\x01\x00\x03\x11\x01\x10", 8, 23, "GoDestroy dt=1\n", "cut short"},
        {"\x01\x01\x01\x00\x06\x11\x01\x05\x01\x05x", 11, 23, "GoDestroy dt=1\n", "cut short"},
        {"\x01\x01\x01\x00\x05\x03\x01\xff\xff\x7f", 10, 21, "size=5\n", "cut short"},
        {"\x01\x01\x01\x00\x01\x01", 6, 21, "size=1\n", "inside another"},
        {"\x01\x01\x01\x00\x02\x34\x34", 7, 21, "size=2\n", "ends inside a batch"},
        {"\x34\x07", 2, 17, "EndOfGeneration\n", "a batch should begin here"},
        {"\x34\x31", 2, 17, "EndOfGeneration\n", "cut off"},
        {"\x34\x01\x01", 3, 19, "EndOfGeneration\n", "cut off"},
    };
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        uint8_t bytes[64];
        struct gt_text_error err;
        int status;
        gt_put_header(bytes, 126);
        memcpy(bytes + 16, broken[i].bytes, broken[i].n);
        struct sink s = run(gt_text_from_binary, bytes, 16 + broken[i].n, &status, &err);
        size_t len = strlen(broken[i].last);
        if (!ok(status == -EBADMSG && err.offset == broken[i].offset &&
                    strstr(err.text, broken[i].says) && s.n > len &&
                    strcmp(s.data + s.n - len, broken[i].last) == 0,
                "broken binary: %s", broken[i].says)) {
            diag("%d at %d: %s\n%s", status, (int)err.offset, err.text, s.data);
        }
        free(s.data);
    }
    struct gt_text_error err;
    int status;
    struct sink s = run(gt_text_from_binary, "nothing", 7, &status, &err);
    ok(status == -EBADMSG && strstr(err.text, "no Go execution trace"), "no trace at all");
    free(s.data);
}

static void test_full_sink(void)
{
    static const char text[] = "Trace Go1.23\nEventBatch gen=1 m=1 time=0\nGoDestroy dt=1\n";
    struct gt_bytes bytes = {.data = text, .size = sizeof text - 1};
    struct gt_source src = {.read = gt_read_bytes, .arg = &bytes};
    struct gt_text_error err;
    struct sink s = {.full_at = 20};
    is_int(gt_text_to_binary(&src, &(struct gt_text_out){.write = write_sink, .arg = &s}, &err),
           -ENOSPC, "a full disk while writing a trace");
    ok(strstr(err.text, "cannot write") != NULL, "is said");
    struct sink none = {.full_at = 1};
    bytes = (struct gt_bytes){.data = "go 1.23 trace\0\0\0", .size = 16};
    is_int(
        gt_text_from_binary(&src, &(struct gt_text_out){.write = write_sink, .arg = &none}, &err),
        -ENOSPC, "and while writing text");
    free(s.data);
    free(none.data);
}

int main(void)
{
    test_every_event();
    test_go_files();
    test_sizes();
    test_padding();
    test_end_of_generation();
    test_quoting();
    test_bad_texts();
    test_long_texts();
    test_broken_binaries();
    test_full_sink();
    return done_testing();
}
