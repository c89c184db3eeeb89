/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stack and string tables of one generation. GT_C_ONLY
 *
 * Invariants:
 *   I1 The stack table only grows: a node is complete before its link is published
 *      (stack-node), and only its links change afterwards, once each. Two that add one stack
 *      at once both come to the same empty link; the swap decides, the loser goes on from
 *      the winner's node.
 *   I2 A string is in the string batch, whole, before anybody has its id.
 *   I3 Reset and dump: nobody else uses the table (the section fence of an advance).
 * Ids count from 1; 0 is "none", and what out-of-memory gives.
 */
#pragma once
#include <string.h>

#include "gauntlet/atomic.h"
#include "gauntlet/tracer.h"
#include "tracers/common/buf.h"

#define GT_STACK_BUCKETS 4096u
#define GT_STRING_BUCKETS 1024u
#define GT_STACK_FRAMES 128u

/* Memory that is given up as a whole. */
struct gt_region {
    const struct gt_os *os;
    struct gt_spin lock;
    struct gt_region_block *blocks; /* Guarded by: lock */
};
void *gt_region_alloc(struct gt_region *r, size_t size); /* not zeroed; NULL: no memory */
void gt_region_reset(struct gt_region *r);               /* keeps one block */
void gt_region_fini(struct gt_region *r);

/* Below each bucket a tree of four ways, two bits of the hash a level: a generation of ten
 * million stacks costs each new one some ten steps. */
struct gt_stack_link {
    GT_APTR(struct gt_stack_node) node;
};
struct gt_stack_node {
    struct gt_stack_link child[4];
    uint64_t hash;
    uint32_t id, n;
    uintptr_t pc[];
};
struct gt_stack_tab {
    struct gt_region mem;
    gt_a32 last_id;
    struct gt_stack_link bucket[GT_STACK_BUCKETS];
};
void gt_stack_tab_init(struct gt_stack_tab *t, const struct gt_os *os);
void gt_stack_tab_fini(struct gt_stack_tab *t);
/* pc: innermost first. NULL: n is 0, or no memory. Any context, also in sections. */
const struct gt_stack_node *gt_stack_tab_put(struct gt_stack_tab *t, const uintptr_t *pc, uint32_t n);

/*
 * Stacks an M has lately written, found by where the walk begins: the same place of the
 * program at the same depth has the same entry whichever G runs it. Most events come from a
 * few places, so most walks only compare. Several stacks may begin alike, where callers share a
 * function that blocks: an entry stands in one of a few places, which are tried from the walk's
 * own on. Deep stacks, and such as do not end as those of Gs do, are compared with their node.
 *
 * Invariants:
 *   I1 Written and read by its M, inside sections. Entries of other generations stay, and do
 *      not count: their nodes are gone.
 *   I2 A stack has one entry of a generation: who keeps it has not found it.
 */
#define GT_STACK_CACHE 32u
#define GT_STACK_WAYS 4u
#define GT_STACK_SEEN 14u
struct gt_stack_seen {
    uint64_t w; /* generation of the id */
    struct gt_stack_step step[GT_STACK_SEEN + 1]; /* the one behind the last: { id, 0 } */
    uint64_t unused; /* 256 bytes */
};
struct gt_stack_cache {
    struct gt_stack_seen seen[GT_STACK_CACHE];
    struct {
        uint64_t w;
        const struct gt_stack_node *node;
    } e[GT_STACK_CACHE];
    struct {
        uint64_t w, id;
        uintptr_t pc;
    } start[GT_STACK_CACHE]; /* of new Gs, by function */
    uint32_t turn;
};
/* Where stacks that begin so stand first; the others are this ^ 1, 2, ... below GT_STACK_WAYS. */
static inline __attribute__((always_inline)) uint32_t gt_stack_cache_home(struct gt_stack_step first)
{
    return (uint32_t)(first.depth ^ first.pc) * 0x9e3779b1u / (UINT32_MAX / GT_STACK_CACHE + 1);
}
/* Is the walk of G g from `first` there? *id is its. Context: gt_stack_same. */
static inline __attribute__((always_inline)) bool
gt_stack_cache_find(const struct gt_stack_cache *c, uint64_t w, const void *g,
                    struct gt_stack_step first, uint64_t *id)
{
    uint32_t home = gt_stack_cache_home(first);
    for (uint32_t way = 0; way < GT_STACK_WAYS; way++) {
        const struct gt_stack_seen *s = &c->seen[home ^ way];
        const struct gt_stack_step *end = s->w == w ? gt_stack_same(g, first, s->step) : NULL;
        if (end) {
            *id = end->depth;
            return true;
        }
    }
    return false;
}
/* Keeps the n steps of a walk, the one behind its last included: in place of one of another
 * generation, else of each in turn. */
static inline void gt_stack_cache_put(struct gt_stack_cache *c, uint64_t w,
                                      const struct gt_stack_step *step, uint32_t n)
{
    uint32_t home = gt_stack_cache_home(*step), way = 0;
    while (way < GT_STACK_WAYS && c->seen[home ^ way].w == w)
        way++;
    if (way == GT_STACK_WAYS)
        way = c->turn++ % GT_STACK_WAYS;
    struct gt_stack_seen *s = &c->seen[home ^ way];
    memcpy(s->step, step, n * sizeof *step);
    s->w = w;
}
static inline uint32_t gt_stack_cache_index(const struct gt_stack_iter *it)
{
    return (uint32_t)((it->fp >> 4 ^ it->pc >> 1 ^ it->pc >> 6) % GT_STACK_CACHE);
}

/* What a finished batch of the tables is handed to. What finds no memory is left out, and
 * `fail` is told: events that name it then stand in a trace that is known to be cut short. */
struct gt_table_out {
    struct gt_tpool *pool;
    struct gt_tclock *clock;
    uint64_t gen;
    void (*push)(void *arg, struct gt_tbuf *b);
    void (*fail)(void *arg, int error);
    void *arg;
};

/* Room for `bytes` more in *b, a batch that begins with the byte `kind`; a full one is pushed and
 * another begun. NULL: no memory. */
struct gt_tbuf *gt_table_room(const struct gt_table_out *o, struct gt_tbuf **b, uint32_t bytes,
                              uint8_t kind);
void gt_table_push(const struct gt_table_out *o, struct gt_tbuf **b); /* finished; *b NULL: nothing */

#define GT_WELL_KNOWN 64u /* reasons to block and to stop: wiremap.h numbers them */

struct gt_string_node;
struct gt_string_tab {
    gt_a32 well_known[GT_WELL_KNOWN]; /* their ids in this generation, 0: not written yet */
    struct gt_spin lock;
    /* Guarded by: lock */
    struct gt_region mem;
    uint64_t last_id;
    struct gt_string_node *bucket[GT_STRING_BUCKETS];
    struct gt_tbuf *buf;
    struct gt_table_out out;
};
void gt_string_tab_init(struct gt_string_tab *t, const struct gt_os *os);
void gt_string_tab_fini(struct gt_string_tab *t);
/* A generation begins: its strings go to out. I3. */
void gt_string_tab_begin(struct gt_string_tab *t, const struct gt_table_out *out);
/* Id of a string. Over GT_WIRE_MAX_STRING bytes: cut; `tail`: the end is kept. */
uint64_t gt_string_put(struct gt_string_tab *t, const char *s, bool tail);
/* The same for one of the few that every other event names; i < GT_WELL_KNOWN. */
uint64_t gt_string_well_known_slow(struct gt_string_tab *t, uint32_t i, const char *s);
static inline uint64_t gt_string_well_known(struct gt_string_tab *t, uint32_t i, const char *s)
{
    uint32_t id = gt_load_relaxed(&t->well_known[i]);
    return __builtin_expect(id != 0, 1) ? id : gt_string_well_known_slow(t, i, s);
}
/* Not looked up before: for texts that hardly repeat. */
uint64_t gt_string_put_new(struct gt_string_tab *t, const char *s);
/* The generation ends: what is left is pushed, the table is empty again. I3. */
void gt_string_tab_end(struct gt_string_tab *t);

/* Empty again, nothing written: a run has ended, buffers are being recalled. I3. */
void gt_stack_tab_forget(struct gt_stack_tab *t);
void gt_string_tab_forget(struct gt_string_tab *t);

/* Writes every stack of the table as batches to out, its addresses symbolised unless `raw`;
 * strings go to st. Then the table is empty again. I3. On a G, outside sections. */
void gt_stack_tab_dump(struct gt_stack_tab *t, struct gt_string_tab *st,
                       const struct gt_table_out *out, const struct gt_tracer_host *h, bool raw);
