/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A small TAP 13 emitter for C unit tests.
 *
 *    int main(void)
 *    {
 *        plan(2);
 *        ok(1 + 1 == 2, "sums");
 *        is_int(answer(), 42, "answer of %s", "everything");
 *        return done_testing();
 *    }
 *
 * Every function may be called from any thread; points are numbered in the order in which they arrive, one line each,
 * flushed. A failing point says where on standard error and as a diagnostic. bail_out() may be called from a signal
 * handler.
 */
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TAP_FORMAT(fmt, args) __attribute__((format(printf, fmt, args)))
#define TAP_NORETURN __attribute__((noreturn))

/* Announces `points` points. Call it first; without it, done_testing() prints the plan last. */
void plan(int points);
/* Prints the plan if none was, reports a count that differs from it; the value for main() to return: 0 or 1. */
int done_testing(void);
/* Skips the whole binary and exits: 77 under CTest (GT_CTEST set), else 0, since prove takes 77 for a failure. */
TAP_NORETURN void skip_all(const char *fmt, ...) TAP_FORMAT(1, 2);
/* `count` points that could not be tested here; each counts as passed and says why. */
void skip(int count, const char *fmt, ...) TAP_FORMAT(2, 3);
/* A comment line. */
void diag(const char *fmt, ...) TAP_FORMAT(1, 2);
/* Ends the run at once with exit status 1: nothing after it could be trusted. */
TAP_NORETURN void bail_out(const char *fmt, ...) TAP_FORMAT(1, 2);

/* Each returns whether the point passed. */
#define ok(condition, ...) tap_ok_at((condition) ? true : false, #condition, __FILE__, __LINE__, __VA_ARGS__)
#define is_int(got, want, ...) \
    tap_is_int_at((long long)(got), (long long)(want), __FILE__, __LINE__, __VA_ARGS__)
#define is_str(got, want, ...) tap_is_str_at((got), (want), __FILE__, __LINE__, __VA_ARGS__)
#define pass(...) tap_ok_at(true, "", __FILE__, __LINE__, __VA_ARGS__)
#define fail(...) tap_ok_at(false, "fail", __FILE__, __LINE__, __VA_ARGS__)

bool tap_ok_at(bool passed, const char *condition, const char *file, int line, const char *fmt, ...) TAP_FORMAT(5, 6);
bool tap_is_int_at(long long got, long long want, const char *file, int line, const char *fmt, ...) TAP_FORMAT(5, 6);
bool tap_is_str_at(const char *got, const char *want, const char *file, int line, const char *fmt, ...)
    TAP_FORMAT(5, 6);

#ifdef __cplusplus
}
#endif
