/* SPDX-License-Identifier: Apache-2.0 */
#include "trace/text_quote.h"

#include <stdio.h>
#include <string.h>

static const char escapes[] = "\aa\bb\ff\nn\rr\tt\vv\\\\\"\"";

/* Length of the valid UTF-8 sequence at s, 0: none; *rune is what it says. */
static size_t decode_rune(const uint8_t *s, size_t n, uint32_t *rune)
{
    size_t len = s[0] < 0x80 ? 1 : s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if ((s[0] >= 0x80 && s[0] < 0xc2) || s[0] > 0xf4 || len > n) {
        return 0;
    }
    *rune = len == 1 ? s[0] : s[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            return 0;
        }
        *rune = *rune << 6 | (s[i] & 0x3fu);
    }
    return *rune < least[len] || *rune > 0x10ffff || (*rune >= 0xd800 && *rune < 0xe000) ? 0 : len;
}

static size_t encode_rune(uint8_t *out, uint32_t rune)
{
    if (rune < 0x80) {
        out[0] = (uint8_t)rune;
        return 1;
    }
    size_t len = rune < 0x800 ? 2 : rune < 0x10000 ? 3 : 4;
    for (size_t i = len; i-- > 1; rune >>= 6) {
        out[i] = (uint8_t)(0x80 | (rune & 0x3f));
    }
    out[0] = (uint8_t)(0xf00u >> len | rune);
    return len;
}

/* What an editor would not show, or show as something else. */
static bool is_hidden(uint32_t rune)
{
    return rune < 0x20 || (rune >= 0x7f && rune <= 0xa0) || rune == 0xad ||
           (rune >= 0x2000 && rune <= 0x200f) || (rune >= 0x2028 && rune <= 0x202f) ||
           (rune >= 0x205f && rune <= 0x206f) || rune == 0x3000 ||
           (rune >= 0xe000 && rune <= 0xf8ff) || rune == 0xfeff ||
           (rune >= 0xfff0 && rune <= 0xfffb) || (rune & 0xfffe) == 0xfffe || rune >= 0xe0000;
}

static size_t quote_rune(char *out, const uint8_t *s, size_t len, uint32_t rune)
{
    const char *found = rune != 0 && rune < 0x80 ? strchr(escapes, (int)rune) : NULL;
    while (found && (found - escapes) % 2 != 0) {
        found = strchr(found + 1, (int)rune);
    }
    if (found) {
        out[0] = '\\';
        out[1] = found[1];
        return 2;
    }
    if (!is_hidden(rune)) {
        memcpy(out, s, len);
        return len;
    }
    char text[16];
    int n = snprintf(text, sizeof text,
                     rune < 0x80      ? "\\x%02x"
                     : rune < 0x10000 ? "\\u%04x"
                                      : "\\U%08x",
                     rune);
    memcpy(out, text, (size_t)n);
    return (size_t)n;
}

size_t gt_quote(char *out, const uint8_t *s, size_t n)
{
    static const char hex[] = "0123456789abcdef";
    char *at = out;
    *at++ = '"';
    for (size_t i = 0; i < n;) {
        uint32_t rune;
        size_t len = decode_rune(s + i, n - i, &rune);
        if (len != 0) {
            at += quote_rune(at, s + i, len, rune);
            i += len;
        } else {
            *at++ = '\\';
            *at++ = 'x';
            *at++ = hex[s[i] >> 4];
            *at++ = hex[s[i] & 15];
            i++;
        }
    }
    *at++ = '"';
    return (size_t)(at - out);
}

/* count digits of that base; false: others. */
static bool digits(const char *s, const char *end, unsigned count, unsigned base, uint32_t *v)
{
    *v = 0;
    if ((size_t)(end - s) < count) {
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        char c = s[i];
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                         : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10
                                                : 99;
        if (digit >= base) {
            return false;
        }
        *v = *v * base + digit;
    }
    return true;
}

/* One escape after the backslash at *s. Return: NULL, or what is wrong. */
static const char *unescape(uint8_t **out, const char **s, const char *end)
{
    uint32_t v;
    char c = *(*s)++;
    for (const char *e = escapes; *e; e += 2) {
        if (e[1] == c) {
            *(*out)++ = (uint8_t)e[0];
            return NULL;
        }
    }
    if (c == 'x' && digits(*s, end, 2, 16, &v)) {
        *s += 2;
        *(*out)++ = (uint8_t)v;
        return NULL;
    }
    if (c >= '0' && c <= '7' && digits(*s - 1, end, 3, 8, &v) && v < 256) {
        *s += 2;
        *(*out)++ = (uint8_t)v;
        return NULL;
    }
    unsigned count = c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (count == 0 || !digits(*s, end, count, 16, &v) || v > 0x10ffff ||
        (v >= 0xd800 && v < 0xe000)) {
        return "an unknown or incomplete \\ escape";
    }
    *s += count;
    *out += encode_rune(*out, v);
    return NULL;
}

const char *gt_unquote(uint8_t *out, size_t *len, const char *s, size_t n)
{
    const char *end = s + n - 1; /* at the closing quote */
    uint8_t *at = out;
    if (n < 2 || (s[0] != '"' && s[0] != '`') || *end != s[0]) {
        return "no string in quotes";
    }
    char quote = *s++;
    while (s < end) {
        if (*s == quote) {
            return "a quote inside the string";
        }
        if (quote == '`' || *s != '\\') {
            *at++ = (uint8_t)*s++;
            continue;
        }
        s++;
        const char *wrong = s < end ? unescape(&at, &s, end) : "an unknown or incomplete \\ escape";
        if (wrong) {
            return wrong;
        }
    }
    *len = (size_t)(at - out);
    return NULL;
}
