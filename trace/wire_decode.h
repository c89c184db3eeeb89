/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decodes numbers and timed events. C and C++; inline, for loops that run once an event.
 *
 * Two ways to read a timed event:
 *   gt_decode_event          may look GT_DECODE_SLACK bytes past the end (the reader's batches allow it)
 *   gt_decode_event_checked  touches nothing past the end
 * Both accept the same bytes: over-long numbers are fine, more than 10 bytes or 64 bits are not.
 * Thread-safety: nothing here has state.
 */
#pragma once
#include "trace/wire.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes after a batch that must be readable, whatever they hold. */
#define GT_DECODE_SLACK 64u

struct gt_event {
    uint64_t dt;      /* raw clock units */
    uint64_t args[4]; /* past the spec's nargs: unspecified */
    unsigned type;    /* enum gt_ev */
};

/* Why a number could not be read. */
enum gt_varint_status {
    GT_VARINT_OK,
    GT_VARINT_NONE,     /* not even its first byte is there */
    GT_VARINT_SHORT,    /* ends inside it */
    GT_VARINT_OVERFLOW, /* more than 64 bits or 10 bytes */
};

/* Reads a number at *p and moves *p past it; *p stays on failure. */
static inline enum gt_varint_status gt_get_uvarint(const uint8_t **p, const uint8_t *end,
                                                   uint64_t *v)
{
    const uint8_t *at = *p;
    uint64_t value = 0;
    for (unsigned i = 0; i < GT_WIRE_MAX_VARINT; i++) {
        if (at == end) {
            return i == 0 ? GT_VARINT_NONE : GT_VARINT_SHORT;
        }
        uint8_t byte = *at++;
        if (byte < 0x80) {
            if (i == GT_WIRE_MAX_VARINT - 1 && byte > 1) {
                return GT_VARINT_OVERFLOW;
            }
            *v = value | (uint64_t)byte << (7 * i);
            *p = at;
            return GT_VARINT_OK;
        }
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
    }
    return GT_VARINT_OVERFLOW;
}

GT_WIRE_INLINE uint64_t gt_load_le64(const uint8_t *p)
{
    uint64_t w;
    memcpy(&w, p, sizeof w);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    w = __builtin_bswap64(w);
#endif
    return w;
}

/* Three bytes and more; NULL: too long. Reads up to 10 bytes. */
static __attribute__((noinline, unused)) const uint8_t *gt_get_uvarint_long(const uint8_t *p,
                                                                            uint64_t *v)
{
    uint64_t w = gt_load_le64(p);
    uint64_t stop = ~w & UINT64_C(0x8080808080808080);
    if (stop == 0) {
        const uint8_t *at = p;
        return gt_get_uvarint(&at, p + GT_WIRE_MAX_VARINT, v) == GT_VARINT_OK ? at : NULL;
    }
    unsigned bytes = ((unsigned)__builtin_ctzll(stop) >> 3) + 1;
    w &= stop ^ (stop - 1); /* bits up to the last byte's top one, which is 0 */
    w = (w & UINT64_C(0x007f007f007f007f)) | (w & UINT64_C(0x7f007f007f007f00)) >> 1;
    w = (w & UINT64_C(0x00003fff00003fff)) | (w & UINT64_C(0x3fff00003fff0000)) >> 2;
    *v = (w & UINT64_C(0x000000000fffffff)) | (w & UINT64_C(0x0fffffff00000000)) >> 4;
    return p + bytes;
}

/* A number with at least GT_WIRE_MAX_VARINT readable bytes; NULL: malformed. */
GT_WIRE_INLINE const uint8_t *gt_get_uvarint_fast(const uint8_t *p, uint64_t *v)
{
    if (__builtin_expect(p[0] < 0x80, 1)) {
        *v = p[0];
        return p + 1;
    }
    if (__builtin_expect(p[1] < 0x80, 1)) {
        *v = (uint64_t)(p[0] & 0x7f) | (uint64_t)p[1] << 7;
        return p + 2;
    }
    return gt_get_uvarint_long(p, v);
}

/* Numbers after the type byte of a timed event, dt included; 0: no timed event. */
extern const uint8_t gt_ev_numbers[256];

/* The arguments of which at least one has two bytes or more. */
static __attribute__((noinline, unused)) const uint8_t *
gt_decode_long_args(const uint8_t *p, unsigned nargs, uint64_t *args)
{
    for (unsigned i = 0; i < nargs; i++) {
        p = gt_get_uvarint_fast(p, &args[i]);
        if (p == NULL) {
            return NULL;
        }
    }
    return p;
}

/*
 * Reads the timed event at p < end into *e. Up to GT_DECODE_SLACK bytes from p must be readable.
 * Return: where the next one starts; NULL: malformed (gt_decode_why says how).
 */
GT_WIRE_INLINE const uint8_t *gt_decode_event(const uint8_t *p, const uint8_t *end,
                                              struct gt_event *e)
{
    unsigned numbers = gt_ev_numbers[p[0]];
    e->type = p[0];
    if (__builtin_expect(numbers == 0, 0)) {
        return NULL;
    }
    p++;
    /* One or two bytes of dt without a branch: which of them it is cannot be predicted. */
    uint64_t two = (uint64_t)p[0] >> 7;
    if (__builtin_expect((two & (uint64_t)p[1] >> 7) != 0, 0)) {
        p = gt_get_uvarint_long(p, &e->dt);
        if (p == NULL) {
            return NULL;
        }
    } else {
        e->dt = (uint64_t)(p[0] & 0x7f) | ((uint64_t)p[1] << 7 & (0 - two));
        p += 1 + two;
    }
    unsigned nargs = numbers - 1;
    uint64_t w = gt_load_le64(p);
    uint64_t tops = UINT64_C(0x80808080) & ~(~UINT64_C(0) << 8 * nargs);
    if (__builtin_expect((w & tops) == 0, 1)) {
        e->args[0] = w & 0xff;
        e->args[1] = w >> 8 & 0xff;
        e->args[2] = w >> 16 & 0xff;
        e->args[3] = w >> 24 & 0xff;
        p += nargs;
    } else {
        p = gt_decode_long_args(p, nargs, e->args);
    }
    return __builtin_expect(p <= end, 1) ? p : NULL; /* NULL stays NULL */
}

/* The same without slack. */
static inline const uint8_t *gt_decode_event_checked(const uint8_t *p, const uint8_t *end,
                                                     struct gt_event *e)
{
    size_t left = (size_t)(end - p);
    if (left >= GT_DECODE_SLACK) {
        return gt_decode_event(p, end, e);
    }
    uint8_t copy[2 * GT_DECODE_SLACK];
    memcpy(copy, p, left);
    memset(copy + left, 0xff, sizeof copy - left);
    const uint8_t *next = gt_decode_event(copy, copy + left, e);
    return next ? p + (next - copy) : NULL;
}

enum gt_decode_error {
    GT_DECODE_FINE,
    GT_DECODE_BAD_TYPE,  /* no event has this number */
    GT_DECODE_NOT_TIMED, /* an event of another kind */
    GT_DECODE_BAD_TIME,  /* its dt is cut short or too long */
    GT_DECODE_BAD_ARG,   /* the same of an argument */
};
/* What is wrong with the event at p < end. Touches nothing past the end. */
enum gt_decode_error gt_decode_why(const uint8_t *p, const uint8_t *end);

#ifdef __cplusplus
}
#endif
