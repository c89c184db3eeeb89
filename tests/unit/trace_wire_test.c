/* SPDX-License-Identifier: Apache-2.0 */
/* The event table, the encoders made from it, and both decoders. GT_TEST: lean */
#include "tap.h"
#include "trace/wire_decode.h"

#include <stdlib.h>

static uint64_t seed = 20240229;

static uint64_t next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

/* Numbers around every change of a varint's length. */
static uint64_t some_number(void)
{
    unsigned bits = (unsigned)(next_random() % 65);
    uint64_t edge = bits == 64 ? 0 : UINT64_C(1) << bits;
    return edge + next_random() % 3 - 1;
}

/* ---- another encoder, the plain way ---- */

static uint8_t *plain_number(uint8_t *p, uint64_t v)
{
    for (; v > 127; v /= 128) {
        *p++ = (uint8_t)(v % 128 + 128);
    }
    *p++ = (uint8_t)v;
    return p;
}

static uint8_t *plain_event(uint8_t *p, unsigned type, const uint64_t *v, unsigned n)
{
    *p++ = (uint8_t)type;
    for (unsigned i = 0; i < n; i++) {
        p = plain_number(p, v[i]);
    }
    return p;
}

/* Every encoder of events.def; v[0] is dt where there is one. */
static uint8_t *put_event(uint8_t *p, unsigned type, const uint64_t *v)
{
    switch (type) {
#define CALL_TIMED(f, ...) gt_put_##f(p, v[0] __VA_ARGS__)
#define CALL_EXPERIMENTAL(f, ...) gt_put_##f(p, v[0] __VA_ARGS__)
#define CALL_STRUCTURAL(f, ...) gt_put_##f(p __VA_ARGS__)
#define CALL_DATA(f, ...) gt_put_##f##_head(p __VA_ARGS__)
#define AT_TIMED 1
#define AT_EXPERIMENTAL 1
#define AT_STRUCTURAL 0
#define AT_DATA 0
#define V(nature, i) v[AT_##nature + i]
#define GT_EV0(nature, no, S, f, N, since)                                                         \
    case no:                                                                                       \
        return CALL_##nature(f, );
#define GT_EV1(nature, no, S, f, N, since, a, A)                                                   \
    case no:                                                                                       \
        return CALL_##nature(f, , V(nature, 0));
#define GT_EV2(nature, no, S, f, N, since, a, A, b, B)                                             \
    case no:                                                                                       \
        return CALL_##nature(f, , V(nature, 0), V(nature, 1));
#define GT_EV3(nature, no, S, f, N, since, a, A, b, B, c, C)                                       \
    case no:                                                                                       \
        return CALL_##nature(f, , V(nature, 0), V(nature, 1), V(nature, 2));
#define GT_EV4(nature, no, S, f, N, since, a, A, b, B, c, C, d, D)                                 \
    case no:                                                                                       \
        return CALL_##nature(f, , V(nature, 0), V(nature, 1), V(nature, 2), V(nature, 3));
#define GT_EV5(nature, no, S, f, N, since, a, A, b, B, c, C, d, D, e, E)                           \
    case no:                                                                                       \
        return CALL_##nature(f, , V(nature, 0), V(nature, 1), V(nature, 2), V(nature, 3),          \
                             V(nature, 4));
#include "trace/events.def"
    default:
        return p;
    }
}

static unsigned numbers_of(unsigned type)
{
    return gt_ev_spec(type)->nargs + (gt_ev_is_timed(type) ? 1u : 0u);
}

static void test_table(void)
{
    unsigned events = 0, found = 0, timed = 0, mismarked = 0;
    for (unsigned i = 0; i < 256; i++) {
        const struct gt_event_spec *s = gt_ev_spec(i);
        if (s->name == NULL) {
            continue;
        }
        events++;
        found += gt_ev_by_name(s->name, strlen(s->name)) == i;
        timed += gt_ev_is_timed(i);
        for (unsigned k = 0; k < s->nargs; k++) {
            bool stack = strstr(s->arg[k], "stack") != NULL,
                 string = strstr(s->arg[k], "_string") != NULL;
            mismarked += stack != ((s->stack_args >> k & 1) != 0);
            mismarked += string != ((s->string_args >> k & 1) != 0);
        }
    }
    is_int(events, 52 + 9, "as many events as the format has");
    is_int(found, events, "each is found by its name, so none is there twice");
    is_int(timed, 36 + 4 + 1 + 9, "timed ones");
    is_int(mismarked, 0, "arguments called stack or string are marked as such, and no others");
    is_int(gt_ev_by_name("GoStar", 6), 0, "a part of a name is no name");
    is_str(gt_ev_name(99), "?", "a number without an event has no name");
    is_str(gt_ev_name(300), "?", "nor has one past a byte");
}

/* Facts of the format, so that a slip in the list does not stay between encoder and decoder. */
static void test_facts(void)
{
    static const struct {
        unsigned no, since, nargs;
        const char *name, *last;
    } facts[] = {
        {7, 122, 5, "CPUSample", "stack"},
        {9, 122, 2, "ProcsChange", "stack"},
        {12, 122, 3, "ProcSteal", "m"},
        {14, 122, 3, "GoCreate", "stack"},
        {16, 122, 2, "GoStart", "g_seq"},
        {22, 122, 2, "GoSyscallBegin", "stack"},
        {25, 122, 3, "GoStatus", "gstatus"},
        {33, 122, 2, "GCSweepEnd", "reclaimed_value"},
        {40, 122, 4, "UserTaskBegin", "stack"},
        {44, 122, 4, "UserLog", "stack"},
        {45, 123, 2, "GoSwitch", "g_seq"},
        {48, 123, 4, "GoStatusStack", "stack"},
        {51, 125, 3, "ClockSnapshot", "nsec"},
        {128, 123, 3, "Span", "kindclass"},
        {136, 123, 1, "GoroutineStackFree", "id"},
    };
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++) {
        const struct gt_event_spec *s = gt_ev_spec(facts[i].no);
        ok(strcmp(s->name, facts[i].name) == 0 && s->since == facts[i].since &&
               s->nargs == facts[i].nargs && strcmp(s->arg[s->nargs - 1], facts[i].last) == 0,
           "event %u is %s", facts[i].no, facts[i].name);
    }
}

static void test_encoders(void)
{
    unsigned wrong = 0, tried = 0;
    for (unsigned type = 1; type < GT_EV_END; type++) {
        for (unsigned round = 0; gt_ev_spec(type)->name && round < 400; round++) {
            uint64_t v[6];
            uint8_t got[96], want[96];
            for (unsigned i = 0; i < 6; i++) {
                v[i] = round < 200 ? next_random() % 300 : some_number();
            }
            size_t n = (size_t)(put_event(got, type, v) - got);
            size_t m = (size_t)(plain_event(want, type, v, numbers_of(type)) - want);
            wrong += n != m || memcmp(got, want, n) != 0;
            tried++;
        }
    }
    is_int(wrong, 0, "encoders of every event write what the plain way writes (%u events)", tried);
}

/* A copy without a byte of room behind it, so that a sanitizer sees a look past the end. */
static const uint8_t *checked_alone(const uint8_t *p, size_t n, struct gt_event *e, size_t *taken)
{
    uint8_t *alone = malloc(n);
    if (alone == NULL) {
        bail_out("out of memory");
    }
    memcpy(alone, p, n);
    const uint8_t *next = gt_decode_event_checked(alone, alone + n, e);
    *taken = next ? (size_t)(next - alone) : 0;
    free(alone);
    return next;
}

static bool same_event(const struct gt_event *e, unsigned type, const uint64_t *v)
{
    return e->type == type && e->dt == v[0] &&
           memcmp(e->args, v + 1, gt_ev_spec(type)->nargs * sizeof *v) == 0;
}

static void test_decoder(void)
{
    unsigned wrong = 0, torn = 0, tried = 0;
    for (unsigned type = 1; type < GT_EV_END; type++) {
        for (unsigned round = 0; gt_ev_is_timed(type) && round < 300; round++) {
            uint64_t v[6];
            uint8_t bytes[64 + GT_DECODE_SLACK] = {0};
            struct gt_event e;
            size_t taken;
            for (unsigned i = 0; i < 6; i++) {
                v[i] = round < 150 ? next_random() % 300 : some_number();
            }
            size_t n = (size_t)(put_event(bytes, type, v) - bytes);
            wrong += gt_decode_event(bytes, bytes + n, &e) != bytes + n || !same_event(&e, type, v);
            wrong += checked_alone(bytes, n, &e, &taken) == NULL || taken != n ||
                     !same_event(&e, type, v);
            wrong += gt_decode_why(bytes, bytes + n) != GT_DECODE_FINE;
            for (size_t cut = 1; cut < n; cut++) {
                torn += gt_decode_event(bytes, bytes + cut, &e) == NULL &&
                        checked_alone(bytes, cut, &e, &taken) == NULL &&
                        gt_decode_why(bytes, bytes + cut) >= GT_DECODE_BAD_TIME;
                tried++;
            }
        }
    }
    is_int(wrong, 0, "what the encoders write is decoded");
    is_int(torn, tried, "an event cut short anywhere is refused (%u cuts)", tried);
}

/* Against the simple decoder of gt_decode_why and gt_get_uvarint, on bytes with many long numbers. */
static void test_random_bytes(void)
{
    unsigned differ = 0, fine = 0;
    for (unsigned round = 0; round < 300000; round++) {
        uint8_t bytes[64 + GT_DECODE_SLACK];
        struct gt_event e;
        unsigned longs = (unsigned)(next_random() % 8);
        for (size_t i = 0; i < sizeof bytes; i++) {
            uint64_t r = next_random();
            bytes[i] = (uint8_t)((r & 7) < longs ? (r >> 8 & 0xff) | 0x80 : r >> 8 & 0x7f);
        }
        bytes[0] = (uint8_t)(next_random() % 140);
        const uint8_t *end = bytes + 1 + next_random() % 63, *p = bytes + 1;
        bool good = gt_decode_why(bytes, end) == GT_DECODE_FINE;
        const uint8_t *next = gt_decode_event(bytes, end, &e);
        uint64_t v[6] = {0};
        for (unsigned i = 0; good && i < numbers_of(bytes[0]); i++) {
            gt_get_uvarint(&p, end, &v[i]);
        }
        differ += good ? next != p || !same_event(&e, bytes[0], v) : next != NULL;
        fine += good;
    }
    ok(fine > 30000, "enough of the random bytes are events (%u)", fine);
    is_int(differ, 0, "the fast decoder accepts and says what the simple one does");
}

static void test_varints(void)
{
    static const struct {
        const char *bytes, *what;
        size_t n;
        enum gt_varint_status status;
        uint64_t value;
    } cases[] = {
        {"", "no byte", 0, GT_VARINT_NONE, 0},
        {"\x80", "one byte of two", 1, GT_VARINT_SHORT, 0},
        {"\x85\x00", "padded", 2, GT_VARINT_OK, 5},
        {"\x85\x80\x80\x80\x80\x80\x80\x80\x80\x00", "padded to ten", 10, GT_VARINT_OK, 5},
        {"\x85\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", "padded to eleven", 11, GT_VARINT_OVERFLOW,
         0},
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "the greatest", 10, GT_VARINT_OK, UINT64_MAX},
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", "one bit more", 10, GT_VARINT_OVERFLOW, 0},
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff", "nine of ten", 9, GT_VARINT_SHORT, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t bytes[32] = {0};
        uint64_t v = 0, fast = 0;
        memcpy(bytes, cases[i].bytes, cases[i].n);
        const uint8_t *p = bytes;
        enum gt_varint_status status = gt_get_uvarint(&p, bytes + cases[i].n, &v);
        ok(status == cases[i].status && v == cases[i].value &&
               (size_t)(p - bytes) == (status ? 0 : cases[i].n),
           "number: %s", cases[i].what);
        const uint8_t *q = gt_get_uvarint_fast(bytes, &fast);
        if (status == GT_VARINT_OK) {
            ok(q == p && fast == v, "number, fast: %s", cases[i].what);
        } else if (status == GT_VARINT_OVERFLOW) {
            ok(q == NULL, "number, fast: %s", cases[i].what);
        }
    }
}

static void test_framing(void)
{
    uint8_t out[4096], *length_at;
    is_int(gt_put_header(out, 126) - out, 16, "a header has 16 bytes");
    ok(memcmp(out, "go 1.26 trace\0\0\0", 16) == 0, "and says its version");

    uint8_t *p = gt_put_batch_open(out, 7, GT_WIRE_NO_M, 300, &length_at);
    uint8_t *content = p;
    p = gt_put_go_destroy(p, 1);
    gt_batch_close(length_at, p);
    const uint8_t *q = out + 1;
    uint64_t v[4] = {0};
    for (unsigned i = 0; i < 4; i++) {
        gt_get_uvarint(&q, p, &v[i]);
    }
    ok(out[0] == 1 && v[0] == 7 && v[1] == UINT64_MAX && v[2] == 300 && v[3] == 2 && q == content,
       "a batch says generation, thread, time and its length of ten bytes");

    char s[2000];
    memset(s, 'x', sizeof s);
    uint8_t *end = gt_put_string(out, 3, s, sizeof s);
    is_int(end - out, 1 + 1 + 2 + 1024, "a string is cut at 1024 bytes");
    is_int(gt_put_string(out, 3, NULL, 0) - out, 3, "an empty string needs none");
    is_int(gt_put_frame(out, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX) - out,
           GT_FRAME_MAX_BYTES, "the longest frame");
    is_int(gt_put_user_log(out, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX) - out,
           GT_EV_MAX_BYTES, "the longest event");
}

static void test_names(void)
{
    is_str(gt_wire_gstatus_name(GT_WIRE_G_WAITING), "Waiting", "status of a goroutine");
    is_str(gt_wire_pstatus_name(GT_WIRE_P_SYSCALL_ABANDONED), "SyscallAbandoned", "status of a P");
    is_str(gt_wire_gstatus_name(5), "?", "no such status");
    is_str(gt_wire_pstatus_name(UINT64_MAX), "?", "no such status");
    unsigned missing = 0;
    for (unsigned i = 0; i < GT_WIRE_BLOCK_COUNT; i++) {
        missing += gt_wire_block_names[i] == NULL;
    }
    for (unsigned i = 0; i < GT_WIRE_STOP_COUNT; i++) {
        missing += gt_wire_stop_names[i] == NULL;
    }
    for (unsigned i = 0; i < GT_WIRE_STW_COUNT; i++) {
        missing += gt_wire_stw_names[i] == NULL;
    }
    is_int(missing, 0, "every reason has a name");
}

int main(void)
{
    test_table();
    test_facts();
    test_encoders();
    test_decoder();
    test_random_bytes();
    test_varints();
    test_framing();
    test_names();
    return done_testing();
}
