/* SPDX-License-Identifier: Apache-2.0 */
/* Traces made up by tests/unit/trace_gen.h: seeds of the fuzzer that are the same on every machine, and large ones. */
#pragma once
#include "conformance/model.h"

#define CF_SYNTHETIC 24 /* seeds there are; the last 8 have 40 threads */

/* Seed number `which`: all headers, few and many threads, plain and with everything in it. */
void cf_synthetic_seed(unsigned which, struct cf_bytes *out, char *name, size_t name_size);
/* A long one. */
void cf_synthetic(unsigned header, unsigned threads, unsigned events, unsigned generations,
                  struct cf_bytes *out);
