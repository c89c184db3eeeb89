/* SPDX-License-Identifier: Apache-2.0 */
/* Quoted strings of the text form: Go's syntax of string literals. GT_C_ONLY */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that one byte of input can become, at most. */
#define GT_QUOTE_MAX 4u
/* Writes "..." to out, which has 2 + GT_QUOTE_MAX * n bytes. Return: bytes written. Nothing is lost. */
size_t gt_quote(char *out, const uint8_t *s, size_t n);
/*
 * Reads a whole literal, "..." or `...`. out has n bytes; it may be s itself. *len: bytes written.
 * Return: NULL, or what is wrong.
 */
const char *gt_unquote(uint8_t *out, size_t *len, const char *s, size_t n);
