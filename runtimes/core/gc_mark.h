/* SPDX-License-Identifier: Apache-2.0 */
/* What gc_mark.c, gc_roots.c and gc_scan.c share. Pinned with a P, marking. */
#pragma once
#include "core/gc.h"

/* The next root job, whole, by m; bytes looked at, at least 1. 0: none left to take. */
size_t gt_gc_root_job(struct gt_m *m);
/* g's stack, once (gc_scan.c); false: it is dead. Not m's own G unless that waits for form's
 * sake. Bytes in *bytes. */
bool gt_gc_scan_g(struct gt_m *m, struct gt_g *g, uint64_t cycle, size_t *bytes);
/* Aligned words that mutators may be storing to: loads are atomic. */
void gt_gc_shade_slots(struct gt_m *m, uintptr_t at, size_t bytes);
