/* SPDX-License-Identifier: Apache-2.0 */
/* Program counters as functions, files and lines. Private to core/; see symbols.c. */
#pragma once
#include "core/core.h"

/* See symbolise and symbolise_entry of struct gt_tracer_host. */
uint32_t gt_symbolise(struct gt_runtime *rt, uintptr_t pc, struct gt_symbol *out, uint32_t n);
uint32_t gt_symbolise_entry(struct gt_runtime *rt, uintptr_t pc, struct gt_symbol *out);
/* Only what is known already: no lock, no allocation, in a signal handler too. The innermost
 * frame. */
bool gt_symbols_known(struct gt_runtime *rt, uintptr_t pc, bool entry, struct gt_symbol *out);
/* Nobody symbolises any more. */
void gt_symbols_fini(struct gt_runtime *rt);
