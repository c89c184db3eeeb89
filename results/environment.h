/* SPDX-License-Identifier: Apache-2.0 */
/* The machine and the programs that a result comes from. Thread-safety: none. */
#pragma once
#include <jansson.h>

/* CPU, kernel, topology, governor, mitigations, compiler, flags, revision, libraries. What
 * cannot be known is null. NULL: no memory. A new reference. */
json_t *gt_environment(void);
/* "2026-01-31T09:30:00Z" */
const char *gt_environment_date(char buf[32]);
