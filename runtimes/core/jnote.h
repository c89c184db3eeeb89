/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the journal holds besides transitions (oracle build), for who counts windows: notes, and
 * the reasons of changes that have none of their own. Included by core.h.
 */
#pragma once
#include "gauntlet/journal.h"

struct gt_g;
struct gt_m;

#ifndef GT_ORACLE
#define GT_ORACLE 0
#endif

#if GT_ORACLE
struct gt_jnote {      /* of an M. Its own */
    uint64_t last_tok; /* of its last change of a P, */
    uint8_t last_to;   /* and what that P became */
    uint8_t call;      /* GT_JR_IDLE_P: since its G's system call began */
};

/* m NULL: no M, no note. */
void gt_jnote(struct gt_m *m, enum gt_jkind kind, uint64_t id, uint64_t version, unsigned from,
              unsigned to);
/* The P of g, whose word is w, was detached: after the change of the P. */
void gt_jnote_lost(struct gt_m *m, struct gt_g *g, uint64_t w);
void gt_jnote_stored(struct gt_runtime *rt, uint64_t w); /* gt_tracer_host.stored */
unsigned gt_jnote_own(const struct gt_m *m, const struct gt_g *g); /* GT_JR_OWN, or 0 */
/* The reason that an entry gets. The journal is on; by m. */
unsigned gt_jnote_reason(struct gt_m *m, enum gt_jkind kind, uint64_t word, uint64_t tok,
                         unsigned from, unsigned to, unsigned reason);
#else
#define gt_jnote(m_, kind_, id_, version_, from_, to_) ((void)0)
#define gt_jnote_lost(m_, g_, w_) ((void)0)
#endif
