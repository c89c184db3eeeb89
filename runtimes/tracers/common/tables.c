/* SPDX-License-Identifier: Apache-2.0 */
/* Stack and string tables of one generation: see tables.h. */
#include "tracers/common/tables.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define BLOCK_BYTES (256u * 1024u)
#define SYMBOLS_MOST 16u /* logical frames of one address */

/* ---- region --------------------------------------------------------------------------- */
struct gt_region_block {
    struct gt_region_block *next;
    size_t used, size;
};

static struct gt_region_block *new_block(struct gt_region *r)
{
    struct gt_region_block *b = r->os->map_pages(BLOCK_BYTES);
    if (b) {
        b->used = sizeof *b;
        b->size = BLOCK_BYTES;
    }
    return b;
}

void *gt_region_alloc(struct gt_region *r, size_t size)
{
    size = (size + 15u) & ~(size_t)15u;
    gt_spin_lock(&r->lock);
    struct gt_region_block *b = r->blocks;
    if (!b || b->size - b->used < size) {
        b = size <= BLOCK_BYTES - sizeof *b ? new_block(r) : NULL;
        if (b) {
            b->next = r->blocks;
            r->blocks = b;
        }
    }
    void *p = b ? (char *)b + b->used : NULL;
    if (b)
        b->used += size;
    gt_spin_unlock(&r->lock);
    return p;
}

void gt_region_reset(struct gt_region *r)
{
    while (r->blocks && r->blocks->next) {
        struct gt_region_block *b = r->blocks;
        r->blocks = b->next;
        r->os->unmap_pages(b, b->size);
    }
    if (r->blocks)
        r->blocks->used = sizeof *r->blocks;
}

void gt_region_fini(struct gt_region *r)
{
    gt_region_reset(r);
    if (r->blocks)
        r->os->unmap_pages(r->blocks, r->blocks->size);
    r->blocks = NULL;
}

/* ---- stacks ------------------------------------------------------------------------------ */
void gt_stack_tab_init(struct gt_stack_tab *t, const struct gt_os *os)
{
    t->mem.os = os;
}

void gt_stack_tab_fini(struct gt_stack_tab *t)
{
    gt_region_fini(&t->mem);
}

/* Two chains, so that the multiplications overlap. */
static inline uint64_t hash_pcs(const uintptr_t *pc, uint32_t n)
{
    uint64_t a = n, b = 0;
    uint32_t i = 0;
    for (; i + 2 <= n; i += 2) {
        a = (a + pc[i]) * 0x9e3779b97f4a7c15ull;
        b = (b + pc[i + 1]) * 0xc2b2ae3d27d4eb4full;
    }
    if (i < n)
        a = (a + pc[i]) * 0x9e3779b97f4a7c15ull;
    a ^= b >> 7;
    return a ^ a >> 32;
}

static inline bool same_pcs(const uintptr_t *a, const uintptr_t *b, uint32_t n)
{
    uintptr_t differ = 0;
    for (uint32_t i = 0; i < n; i++)
        differ |= a[i] ^ b[i];
    return differ == 0;
}

static struct gt_stack_node *new_node(struct gt_stack_tab *t, uint64_t hash, const uintptr_t *pc,
                                      uint32_t n)
{
    struct gt_stack_node *s = gt_region_alloc(&t->mem, sizeof *s + n * sizeof *pc);
    if (!s)
        return NULL;
    memset(s->child, 0, sizeof s->child);
    s->hash = hash;
    s->n = n;
    s->id = gt_add_relaxed(&t->last_id, 1u) + 1;
    memcpy(s->pc, pc, n * sizeof *pc);
    return s;
}

const struct gt_stack_node *gt_stack_tab_put(struct gt_stack_tab *t, const uintptr_t *pc, uint32_t n)
{
    if (n == 0)
        return NULL;
    uint64_t hash = hash_pcs(pc, n);
    struct gt_stack_link *at = &t->bucket[hash % GT_STACK_BUCKETS];
    struct gt_stack_node *made = NULL;
    for (uint64_t bits = hash / GT_STACK_BUCKETS;; bits /= 4) {
        struct gt_stack_node *s = gt_load_acquire(&at->node); /* pair: stack-node */
        if (!s) {
            if (!made && !(made = new_node(t, hash, pc, n)))
                return NULL;
            if (gt_cas_acq_rel(&at->node, &s, made)) /* pair: stack-node */
                return made; /* I1 */
        }
        if (s->hash == hash && s->n == n && same_pcs(s->pc, pc, n))
            return s;
        at = &s->child[bits % 4];
    }
}

/* ---- strings ------------------------------------------------------------------------------- */
struct gt_string_node {
    struct gt_string_node *child[4]; /* as of stacks */
    uint64_t id;
    uint32_t hash, len;
    char s[];
};

void gt_string_tab_init(struct gt_string_tab *t, const struct gt_os *os)
{
    t->mem.os = os;
}

void gt_string_tab_fini(struct gt_string_tab *t)
{
    gt_region_fini(&t->mem);
}

void gt_table_push(const struct gt_table_out *o, struct gt_tbuf **b)
{
    if (*b) {
        gt_tbuf_end(*b);
        o->push(o->arg, *b);
    }
    *b = NULL;
}

struct gt_tbuf *gt_table_room(const struct gt_table_out *o, struct gt_tbuf **b, uint32_t bytes,
                              uint8_t kind)
{
    if (*b && gt_tbuf_left(*b) >= bytes)
        return *b;
    gt_table_push(o, b);
    *b = gt_tpool_get(o->pool);
    if (*b) {
        gt_tbuf_begin(*b, o->gen, GT_WIRE_NO_M, gt_tclock_now(o->clock));
        (*b)->data[(*b)->pos++] = kind;
    } else {
        o->fail(o->arg, ENOMEM);
    }
    return *b;
}

void gt_string_tab_begin(struct gt_string_tab *t, const struct gt_table_out *out)
{
    t->out = *out;
}

/* Lock held. */
static uint64_t write_string(struct gt_string_tab *t, const char *s, size_t len)
{
    struct gt_tbuf *b = gt_table_room(&t->out, &t->buf, (uint32_t)len + 32u, GT_EV_STRINGS);
    if (!b)
        return 0;
    uint64_t id = ++t->last_id;
    uint8_t *p = b->data + b->pos;
    b->pos = (uint32_t)(gt_put_string(p, id, s, len) - b->data);
    return id;
}

static uint32_t hash_text(const char *s, size_t len)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < len; i++)
        h = (h ^ (uint8_t)s[i]) * 16777619u;
    return h;
}

/* Lock held. */
static uint64_t find_or_write(struct gt_string_tab *t, const char *s, size_t len, uint32_t hash)
{
    struct gt_string_node **at = &t->bucket[hash % GT_STRING_BUCKETS];
    for (uint32_t bits = hash / GT_STRING_BUCKETS; *at; bits /= 4) {
        struct gt_string_node *o = *at;
        if (o->hash == hash && o->len == len && memcmp(o->s, s, len) == 0)
            return o->id;
        at = &o->child[bits % 4];
    }
    struct gt_string_node *n = gt_region_alloc(&t->mem, sizeof *n + len);
    uint64_t id = write_string(t, s, len);
    if (n && id) {
        *n = (struct gt_string_node){.id = id, .hash = hash, .len = (uint32_t)len};
        memcpy(n->s, s, len);
        *at = n;
    }
    return id;
}

static size_t cut(const char **s, bool tail)
{
    size_t len = strlen(*s);
    if (len > GT_WIRE_MAX_STRING) {
        if (tail)
            *s += len - GT_WIRE_MAX_STRING;
        len = GT_WIRE_MAX_STRING;
    }
    return len;
}

uint64_t gt_string_put(struct gt_string_tab *t, const char *s, bool tail)
{
    if (!s || !*s)
        return 0;
    size_t len = cut(&s, tail);
    uint32_t hash = hash_text(s, len);
    gt_spin_lock(&t->lock);
    uint64_t id = find_or_write(t, s, len, hash);
    gt_spin_unlock(&t->lock);
    return id;
}

uint64_t gt_string_put_new(struct gt_string_tab *t, const char *s)
{
    if (!s || !*s)
        return 0;
    size_t len = cut(&s, false);
    gt_spin_lock(&t->lock);
    uint64_t id = write_string(t, s, len);
    gt_spin_unlock(&t->lock);
    return id;
}

static void clear(struct gt_string_tab *t)
{
    memset(t->bucket, 0, sizeof t->bucket);
    gt_region_reset(&t->mem);
    t->last_id = 0;
    for (uint32_t i = 0; i < GT_WELL_KNOWN; i++)
        gt_store_relaxed(&t->well_known[i], 0u);
}

uint64_t gt_string_well_known_slow(struct gt_string_tab *t, uint32_t i, const char *s)
{
    uint64_t id = gt_string_put(t, s, false);
    gt_store_relaxed(&t->well_known[i], (uint32_t)id);
    return id;
}

void gt_string_tab_end(struct gt_string_tab *t)
{
    gt_spin_lock(&t->lock);
    gt_table_push(&t->out, &t->buf);
    clear(t);
    gt_spin_unlock(&t->lock);
}

void gt_string_tab_forget(struct gt_string_tab *t)
{
    t->buf = NULL;
    clear(t);
}

/* ---- dump -------------------------------------------------------------------------------------- */
struct dump {
    struct gt_string_tab *st;
    const struct gt_table_out *out;
    const struct gt_tracer_host *h;
    bool raw;
    struct gt_tbuf *buf;
    struct gt_symbol frames[GT_STACK_FRAMES];
};

/* Logical frames of one address; one "0x..." where nothing is known. */
static uint32_t expand(struct dump *d, uintptr_t pc, struct gt_symbol *out, uint32_t n)
{
    uint32_t k = d->raw ? 0 : d->h->symbolise(d->h, pc, out, n);
    if (k == 0 && n > 0) {
        out[0] = (struct gt_symbol){.pc = pc};
        k = 1;
    }
    return k;
}

static uint8_t *put_frame(struct dump *d, uint8_t *p, const struct gt_symbol *f)
{
    char unknown[24];
    const char *func = f->func;
    if (!func) {
        snprintf(unknown, sizeof unknown, "0x%llx", (unsigned long long)f->pc);
        func = unknown;
    }
    uint64_t func_id = gt_string_put(d->st, func, true);
    uint64_t file_id = gt_string_put(d->st, f->file ? f->file : "?", true);
    return gt_put_frame(p, f->pc, func_id, file_id, f->line ? f->line : 1);
}

/* The frame that every G begins with says nothing; viewers name a G by its outermost one. */
static bool is_trampoline(const struct gt_symbol *f)
{
    return f->func && strcmp(f->func, "gt_g_start_entry") == 0;
}

static void dump_stack(struct dump *d, const struct gt_stack_node *s)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->n && n < GT_STACK_FRAMES; i++) {
        uint32_t most = GT_STACK_FRAMES - n < SYMBOLS_MOST ? GT_STACK_FRAMES - n : SYMBOLS_MOST;
        n += expand(d, s->pc[i], d->frames + n, most);
    }
    if (n > 1 && is_trampoline(&d->frames[n - 1]))
        n--;
    struct gt_tbuf *b = gt_table_room(d->out, &d->buf, 32u + n * GT_FRAME_MAX_BYTES, GT_EV_STACKS);
    if (!b)
        return;
    uint8_t *p = gt_put_stack(b->data + b->pos, s->id, n);
    for (uint32_t i = 0; i < n; i++)
        p = put_frame(d, p, &d->frames[i]);
    b->pos = (uint32_t)(p - b->data);
}

/* As deep as the hash has bits, at most. */
static void dump_tree(struct dump *d, const struct gt_stack_link *at)
{
    const struct gt_stack_node *s = gt_load_acquire(&at->node); /* pair: stack-node */
    if (!s)
        return;
    dump_stack(d, s);
    for (int i = 0; i < 4; i++)
        dump_tree(d, &s->child[i]);
}

void gt_stack_tab_forget(struct gt_stack_tab *t)
{
    for (uint32_t i = 0; i < GT_STACK_BUCKETS; i++)
        gt_store_relaxed(&t->bucket[i].node, NULL);
    gt_store_relaxed(&t->last_id, 0u);
    gt_region_reset(&t->mem);
}

void gt_stack_tab_dump(struct gt_stack_tab *t, struct gt_string_tab *st,
                       const struct gt_table_out *out, const struct gt_tracer_host *h, bool raw)
{
    struct dump *d = h->alloc(h, sizeof *d);
    if (!d)
        out->fail(out->arg, ENOMEM);
    for (uint32_t i = 0; d && i < GT_STACK_BUCKETS; i++) {
        d->st = st;
        d->out = out;
        d->h = h;
        d->raw = raw;
        dump_tree(d, &t->bucket[i]);
    }
    if (d) {
        gt_table_push(out, &d->buf);
        h->free(h, d, sizeof *d);
    }
    gt_stack_tab_forget(t);
}
