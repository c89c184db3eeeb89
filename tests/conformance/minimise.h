/* SPDX-License-Identifier: Apache-2.0 */
/* Cuts a trace on which the readers differ down to what they differ about, and keeps it. */
#pragma once
#include "conformance/model.h"
#include "conformance/oracle.h"

/* Replaces *bytes by something smaller on which the two verdicts are still these. false: Go's reader has gone. */
bool cf_minimise(struct cf_oracle *o, struct cf_bytes *bytes, const struct cf_verdict *ours,
                 const struct cf_verdict *go);

/* Writes DIR/NAME.test, the text form with Go's verdict as what to expect, or DIR/NAME.bin where the text form
 * does not bring both verdicts back. path: what was written; 0 or a negative errno. */
int cf_keep(struct cf_oracle *o, const char *dir, const char *name, const struct cf_bytes *bytes,
            const struct cf_verdict *ours, const struct cf_verdict *go, char *path,
            size_t path_size);

/* Reads a file. A text form (.test) becomes binary; expect (may be NULL) gets its expectation: "" none, "SUCCESS",
 * or the pattern of a FAILURE. 0 or a negative errno, said on standard error. */
int cf_load(const char *path, struct cf_bytes *bytes, char *expect, size_t expect_size);
/* Writes a whole file. */
int cf_save(const char *path, const void *data, size_t size);
