/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stack pool.
 *
 *    chunk (one mapping):  | guard | stack 0 | guard | stack 1 | ..
 *
 * I1  A chunk, once on the list of chunks, stays until destroy; its base, count and
 *     node do not change. So a signal handler may walk the list.
 * I2  Each stack is in exactly one place: not yet used (index >= chunk->used), on the
 *     free list of its node, or in somebody's hands.
 * I3  made: its guard stands (and its fiber exists, where sanitizers listen) until
 *     destroy.
 * I4  The guard of stack i is the page below it; whoever runs off stack i + 1 meets
 *     the guard, never stack i.
 * Ordering: O1 a chunk's fields are written before it is published (stack-chunks).
 * Progress: a free list is touched under its node's lock for a few instructions; the
 *     system calls for new stacks are made outside.
 * Limits: a frame larger than a page can step over the guard (compile with stack
 *     probes). Guards by page protection cost two map entries each.
 */
#include "core/stack.h"

#include <errno.h>
#include <stdio.h>

#include "core/alloc.h"
#include "core/lock.h"
#include "core/topology.h"

#define CHUNK_FIRST 64u /* stacks in a node's first mapping; doubles up to.. */
#define CHUNK_LAST 1024u
#define CHUNK_BYTES (256ull << 20) /* at most, whatever the size of a stack */
#define RED_ZONE 128u              /* below the stack pointer, in use by leaf functions */

/* All stacks begin at the same place of a page, and so would their hottest lines in a
 * cache that is indexed by the place in the page: they are moved apart. */
#define COLOURS 16u
#define COLOUR_STEP 128u

/* Where nobody listens a fiber is made anew at each get: it costs nothing, and keeping
 * it would triple a slot. */
#define KEEPS_FIBERS (GT_ASAN || GT_TSAN || GT_VALGRIND)

/* Owner: the free list (its lock) or the holder of the stack. */
struct slot {
    struct slot *next; /* on the free list */
    struct gt_stack_chunk *chunk;
    bool made; /* I3 */
    bool held; /* in somebody's hands, with the fiber */
    bool cold; /* its pages were given back since it was last used */
#if KEEPS_FIBERS
    struct gt_fiber fiber;
#endif
};
_Static_assert(KEEPS_FIBERS || sizeof(struct slot) <= 64,
               "the pool's tables are part of what a stack costs");

struct gt_stack_chunk {
    /* Constant once published. */
    struct gt_stack_chunk *next;
    char *base;
    uint32_t count;
    int32_t node;
    uint32_t used; /* Guarded by: the node's lock */
    struct slot slot[];
};

struct node_pool {
    GT_ALIGNED struct gt_lock lock;
    /* Guarded by: lock. */
    struct slot *free;
    struct gt_stack_chunk *fresh; /* the youngest chunk: it may have unused stacks */
    gt_a64 mapped, in_use;        /* Written by: holder of lock. */
    gt_a64 made;
};

struct gt_stacks {
    struct gt_arena *arena;
    const struct gt_topo *topo;
    size_t page, size, stride; /* stride: guard and usable bytes */
    bool lightweight;
    int32_t nodes;
    gt_a64 unbound;
    GT_APTR(struct gt_stack_chunk) chunks;
    struct node_pool node[];
};

/* ---- addresses -------------------------------------------------------------------- */

static char *guard_of(const struct gt_stacks *s, const struct gt_stack_chunk *c, uint32_t i)
{
    return c->base + (size_t)i * s->stride;
}

static void describe(const struct gt_stacks *s, struct gt_stack_chunk *c, uint32_t i,
                     struct gt_stack *out)
{
    out->lo = guard_of(s, c, i) + s->page;
    out->hi = out->lo + s->size - (size_t)(i % COLOURS) * COLOUR_STEP;
    out->chunk = c;
    out->index = i;
    out->node = c->node;
}

static uint32_t index_of(const struct slot *slot)
{
    return (uint32_t)(slot - slot->chunk->slot);
}

/* ---- fibers ------------------------------------------------------------------------- */

#if KEEPS_FIBERS
static void fiber_make(struct slot *slot, const struct gt_stack *st)
{
    gt_fiber_create(&slot->fiber, st->lo, (size_t)(st->hi - st->lo));
}

static void fiber_lend(const struct slot *slot, struct gt_stack *out)
{
    out->fiber = slot->fiber;
}

/* Whatever ran there does not come back. */
static void fiber_return(struct slot *slot, struct gt_stack *st)
{
    gt_fiber_reset(&st->fiber);
    slot->fiber = st->fiber;
}

/* A holder's fiber may have been replaced: it is his to destroy. */
static void fiber_unmake(struct slot *slot)
{
    if (slot->made && !slot->held)
        gt_fiber_destroy(&slot->fiber);
}
#else
static void fiber_make(struct slot *slot, const struct gt_stack *st)
{
    (void)slot;
    (void)st;
}

static void fiber_lend(const struct slot *slot, struct gt_stack *out)
{
    (void)slot;
    gt_fiber_create(&out->fiber, out->lo, (size_t)(out->hi - out->lo));
}

static void fiber_return(struct slot *slot, struct gt_stack *st)
{
    (void)slot;
    (void)st;
}

static void fiber_unmake(struct slot *slot)
{
    (void)slot;
}
#endif

/* ---- chunks ------------------------------------------------------------------------- */

static size_t table_size(uint32_t count)
{
    return sizeof(struct gt_stack_chunk) + (size_t)count * sizeof(struct slot);
}

static void chunk_free(struct gt_stacks *s, struct gt_stack_chunk *c)
{
    for (uint32_t i = 0; i < c->count; i++)
        fiber_unmake(&c->slot[i]);
    gt_unmap(c->base, c->count * s->stride);
    gt_free(s->arena, c, table_size(c->count));
}

/* Light guards are put into usable memory one by one; for the others all is without
 * access and the stacks are made usable one by one. */
static struct gt_stack_chunk *chunk_make(struct gt_stacks *s, int32_t node, uint32_t count)
{
    struct gt_stack_chunk *c = gt_alloc(s->arena, table_size(count), node);
    if (!c)
        return NULL;
    c->base = gt_map(count * s->stride, !s->lightweight);
    if (!c->base) {
        gt_free(s->arena, c, table_size(count));
        return NULL;
    }
    c->count = count;
    c->node = node;
    for (uint32_t i = 0; i < count; i++)
        c->slot[i].chunk = c;
    gt_map_no_huge(c->base, count * s->stride);
    if (s->topo && gt_topo_bind_memory(s->topo, c->base, count * s->stride, node) < 0)
        gt_add_relaxed(&s->unbound, 1u);
    return c;
}

static void chunk_publish(struct gt_stacks *s, struct gt_stack_chunk *c)
{
    struct gt_stack_chunk *head = gt_load_relaxed(&s->chunks);
    do
        c->next = head;
    while (!gt_cas_release(&s->chunks, &head, c)); /* pair: stack-chunks */
}

static uint32_t next_count(const struct gt_stacks *s, const struct node_pool *np)
{
    uint64_t count = np->fresh ? 2u * np->fresh->count : CHUNK_FIRST;
    if (count > CHUNK_LAST)
        count = CHUNK_LAST;
    if (count > CHUNK_BYTES / s->stride)
        count = CHUNK_BYTES / s->stride;
    return count ? (uint32_t)count : 1u;
}

static bool has_some(const struct node_pool *np)
{
    return np->free || (np->fresh && np->fresh->used < np->fresh->count);
}

/* One more chunk for the node, unless somebody else brought one meanwhile. */
static int grow(struct gt_stacks *s, int32_t node)
{
    struct node_pool *np = &s->node[node];
    gt_lock(&np->lock);
    uint32_t count = next_count(s, np);
    gt_unlock(&np->lock);
    struct gt_stack_chunk *c = chunk_make(s, node, count);
    if (!c)
        return -ENOMEM;
    gt_lock(&np->lock);
    bool late = has_some(np);
    if (!late) {
        np->fresh = c;
        gt_bump(&np->mapped, count);
        chunk_publish(s, c);
    }
    gt_unlock(&np->lock);
    if (late)
        chunk_free(s, c);
    return 0;
}

/* ---- one stack ------------------------------------------------------------------------ */

static struct slot *take(struct node_pool *np)
{
    gt_lock(&np->lock);
    struct slot *slot = np->free;
    if (slot)
        np->free = slot->next;
    else if (has_some(np))
        slot = &np->fresh->slot[np->fresh->used++];
    if (slot)
        gt_bump(&np->in_use, 1u);
    gt_unlock(&np->lock);
    return slot;
}

static void give(struct node_pool *np, struct slot *slot)
{
    gt_lock(&np->lock);
    slot->next = np->free;
    np->free = slot;
    gt_bump(&np->in_use, -1ull);
    gt_unlock(&np->lock);
}

static int make(struct gt_stacks *s, struct slot *slot)
{
    struct gt_stack st;
    describe(s, slot->chunk, index_of(slot), &st);
    bool light = false;
    int rc = s->lightweight ? gt_guard_install(st.lo - s->page, s->page, &light)
                            : gt_map_commit(st.lo, s->size);
    if (rc < 0)
        return rc == -ENOMEM && !light ? -ENOSPC : rc;
    fiber_make(slot, &st);
    slot->made = true;
    gt_add_relaxed(&s->node[slot->chunk->node].made, 1u);
    return 0;
}

int gt_stack_get(struct gt_stacks *s, int32_t node, struct gt_stack *out)
{
    *out = (struct gt_stack){0};
    if (node < 0 || node >= s->nodes)
        node = 0;
    struct node_pool *np = &s->node[node];
    struct slot *slot;
    while (!(slot = take(np))) {
        int rc = grow(s, node);
        if (rc < 0)
            return rc;
    }
    int rc = slot->made ? 0 : make(s, slot);
    if (rc < 0) {
        give(np, slot); /* to be made by the next who asks */
        return rc;
    }
    slot->cold = false;
    slot->held = true;
    describe(s, slot->chunk, index_of(slot), out);
    fiber_lend(slot, out);
    return 0;
}

void gt_stack_put(struct gt_stacks *s, struct gt_stack *st)
{
    struct slot *slot = &st->chunk->slot[st->index];
    fiber_return(slot, st);
    slot->held = false;
    *st = (struct gt_stack){0};
    give(&s->node[slot->chunk->node], slot);
}

const char *gt_stacks_error(int error)
{
    switch (error) {
    case -ENOMEM:
        return "no memory or address space for more stacks: fewer goroutines, a smaller stack "
               "size, or a higher limit (ulimit -v, vm.overcommit_memory)";
    case -ENOSPC:
        return "map count limit: this kernel's guard pages cost two map entries a stack; raise "
               "vm.max_map_count, or use Linux 6.13 or later";
    default:
        return "the kernel refuses a guard page";
    }
}

/* ---- giving pages back ------------------------------------------------------------------ */

size_t gt_stack_unused(const struct gt_stack *st, const void *sp)
{
    uintptr_t lo = (uintptr_t)st->lo;
    uintptr_t end = ((uintptr_t)sp - RED_ZONE) & ~(uintptr_t)(gt_page_size() - 1);
    return end > lo ? end - lo : 0;
}

size_t gt_stack_discard_unused(const struct gt_stack *st, const void *sp)
{
    size_t n = gt_stack_unused(st, sp);
    if (n > 0)
        gt_map_discard(st->lo, n);
    return n;
}

/* What lies below the `keep` hottest, unlinked. */
static struct slot *cut_below(struct node_pool *np, size_t keep)
{
    gt_lock(&np->lock);
    struct slot **link = &np->free;
    while (keep-- > 0 && *link)
        link = &(*link)->next;
    struct slot *rest = *link;
    *link = NULL;
    gt_unlock(&np->lock);
    return rest;
}

static void append(struct node_pool *np, struct slot *list)
{
    gt_lock(&np->lock);
    struct slot **link = &np->free;
    while (*link)
        link = &(*link)->next;
    *link = list;
    gt_unlock(&np->lock);
}

static size_t chill(const struct gt_stacks *s, struct slot *list)
{
    size_t n = 0;
    for (struct slot *slot = list; slot; slot = slot->next) {
        if (!slot->made || slot->cold)
            continue;
        gt_map_discard(guard_of(s, slot->chunk, index_of(slot)) + s->page, s->size);
        slot->cold = true;
        n++;
    }
    return n;
}

size_t gt_stacks_trim(struct gt_stacks *s, size_t keep)
{
    size_t n = 0;
    for (int32_t i = 0; i < s->nodes; i++) {
        struct slot *rest = cut_below(&s->node[i], keep);
        n += chill(s, rest);
        append(&s->node[i], rest);
    }
    return n;
}

/* ---- the pool ------------------------------------------------------------------------------ */

static size_t pool_size(int32_t nodes)
{
    return sizeof(struct gt_stacks) + (size_t)nodes * sizeof(struct node_pool);
}

int gt_stacks_create(struct gt_arena *arena, const struct gt_topo *topo,
                     const struct gt_stacks_options *o, struct gt_stacks **out, char *err,
                     size_t err_size)
{
    *out = NULL;
    size_t page = gt_page_size();
    size_t size = o->size ? o->size : GT_STACK_DEFAULT;
    if (size < page || size > CHUNK_BYTES) {
        snprintf(err, err_size, "stack size: %zu bytes; %zu to %llu are possible", size, page,
                 (unsigned long long)CHUNK_BYTES);
        return -EINVAL;
    }
    int32_t nodes = topo ? gt_topo_nodes(topo) : 1;
    struct gt_stacks *s = gt_alloc(arena, pool_size(nodes), -1);
    if (!s) {
        snprintf(err, err_size, "stacks: out of memory");
        return -ENOMEM;
    }
    s->arena = arena;
    s->topo = topo;
    s->page = page;
    s->size = (size + page - 1) & ~(page - 1);
    s->stride = s->size + page;
    s->lightweight = !o->page_protection && gt_guard_is_lightweight();
    s->nodes = nodes;
    for (int32_t i = 0; i < nodes; i++)
        gt_lock_init(&s->node[i].lock, GT_RANK_STACKS);
    *out = s;
    return 0;
}

void gt_stacks_destroy(struct gt_stacks *s)
{
    if (!s)
        return;
    struct gt_stack_chunk *c = gt_load_acquire(&s->chunks); /* pair: stack-chunks */
    while (c) {
        struct gt_stack_chunk *next = c->next;
        chunk_free(s, c);
        c = next;
    }
    gt_free(s->arena, s, pool_size(s->nodes));
}

bool gt_stacks_find(const struct gt_stacks *s, const void *addr, struct gt_stack *out)
{
    struct gt_stack_chunk *c = gt_load_acquire(&s->chunks); /* pair: stack-chunks */
    for (; c; c = c->next) {
        size_t at = (uintptr_t)addr - (uintptr_t)c->base; /* below base: wraps, too large */
        if (at >= c->count * s->stride || at % s->stride >= s->page)
            continue;
        *out = (struct gt_stack){0};
        describe(s, c, (uint32_t)(at / s->stride), out);
        return true;
    }
    return false;
}

bool gt_stacks_find_usable(const struct gt_stacks *s, const void *addr, struct gt_stack *out)
{
    struct gt_stack_chunk *c = gt_load_acquire(&s->chunks); /* pair: stack-chunks */
    for (; c; c = c->next) {
        size_t at = (uintptr_t)addr - (uintptr_t)c->base; /* below base: wraps, too large */
        if (at >= c->count * s->stride || at % s->stride < s->page)
            continue;
        const struct slot *slot = &c->slot[at / s->stride];
        if (!slot->made || !slot->held)
            return false;
        *out = (struct gt_stack){0};
        describe(s, c, (uint32_t)(at / s->stride), out);
        return true;
    }
    return false;
}

void gt_stacks_stats(const struct gt_stacks *s, struct gt_stacks_stats *out)
{
    *out = (struct gt_stacks_stats){
        .unbound = gt_load_relaxed(&s->unbound), .size = s->size, .lightweight = s->lightweight};
    for (int32_t i = 0; i < s->nodes; i++) {
        out->mapped += gt_load_relaxed(&s->node[i].mapped);
        out->made += gt_load_relaxed(&s->node[i].made);
        out->in_use += gt_load_relaxed(&s->node[i].in_use);
    }
}
