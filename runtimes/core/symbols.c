/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The symboliser: a cache in front of the debug data.
 *
 * A program has few distinct program counters and asks for them in every generation, so
 * each is looked up once for the life of the runtime.
 *
 * Invariants:
 *   I1 An answer, once in its bucket, never changes and is never given back; nor are the
 *      strings. So a known address is found without a lock, in any context.
 *   I2 The debug data are read, and answers added, with the lock held only.
 *   I3 They are read on a stack of their own: libdw keeps 300 KB and more there for an
 *      object with many lines, the stack of a G may have 10, that of an M 250. A G enters
 *      a system call first, so that others have its P meanwhile:
 *
 *        G's stack                    stack of the symboliser
 *        syscall_enter, lock
 *                             ---->   look
 *                             <----   back: nobody runs a G that is in a system call
 *        unlock, syscall_exit
 *
 *      A pinned M (the world is stopped by its G) keeps its P: nobody wants it.
 *   I4 An address that lies in no code is not kept: garbage cannot fill the cache.
 * Progress: whoever asks for an unknown address waits for those who asked before.
 */
#include "core/symbols.h"

#include <stdio.h>
#include <string.h>

#include "core/debugdata.h"

#define ANSWERS 4096u /* buckets */
#define TEXTS 1024u
#define BLOCK (16u * 1024u)
#define FRAMES_MAX 32u /* of one address: as deep as inlining is followed */
#define STACK (1024u * 1024u) /* touched pages count, not the size */

struct answer {
    struct answer *next;
    uintptr_t pc;
    bool entry;
    uint32_t n;
    struct gt_symbol frame[];
};

struct text {
    struct text *next;
    char s[];
};

struct gt_symbols {
    struct gt_lock lock;
    GT_APTR(struct answer) answers[ANSWERS]; /* Written by: holder of lock. */
    /* Guarded by: lock. */
    struct text *texts[TEXTS];
    struct Dwfl *debug;
    char *block; /* what is left of the youngest block */
    size_t left;
    char *stack; /* above its guard; NULL: not yet */
    struct gt_fiber fiber;
};

/* ---- memory: given back with the runtime's arena ------------------------------------- */
static void *take(struct gt_runtime *rt, struct gt_symbols *s, size_t size)
{
    size = (size + 15u) & ~(size_t)15u;
    if (size > BLOCK / 4)
        return gt_alloc(rt->arena, size, -1);
    if (size > s->left) {
        char *fresh = gt_alloc(rt->arena, BLOCK, -1);
        if (!fresh)
            return NULL;
        s->block = fresh;
        s->left = BLOCK;
    }
    void *p = s->block;
    s->block += size;
    s->left -= size;
    return p;
}

static uint32_t hash_text(const char *s)
{
    uint32_t h = 2166136261u;
    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * 16777619u;
    return h;
}

/* The one copy of a string; "" without memory. */
static const char *keep(struct gt_runtime *rt, struct gt_symbols *s, const char *str)
{
    size_t size = strlen(str) + 1;
    struct text **at = &s->texts[hash_text(str) % TEXTS];
    for (struct text *t = *at; t; t = t->next)
        if (strcmp(t->s, str) == 0)
            return t->s;
    struct text *t = take(rt, s, sizeof *t + size);
    if (!t)
        return "";
    memcpy(t->s, str, size);
    t->next = *at;
    *at = t;
    return t->s;
}

/* ---- the cache ------------------------------------------------------------------------- */
static uint32_t bucket_of(uintptr_t pc, bool entry)
{
    uint64_t h = ((uint64_t)pc << 1 | entry) * 0x9e3779b97f4a7c15ull;
    return (uint32_t)(h >> 40) % ANSWERS;
}

static const struct answer *find(struct gt_symbols *s, uintptr_t pc, bool entry)
{
    const struct answer *a = gt_load_acquire(&s->answers[bucket_of(pc, entry)]); /* pair: symbols */
    while (a && (a->pc != pc || a->entry != entry))
        a = a->next;
    return a;
}

static const char *name_of(struct gt_runtime *rt, struct gt_symbols *s,
                           const struct gt_debug_frame *f, uint64_t add, bool entry)
{
    char buf[512];
    if (!f->symbol || (entry && f->offset == 0))
        return keep(rt, s, f->func);
    snprintf(buf, sizeof buf, "%.480s+0x%llx", f->func, (unsigned long long)(f->offset + add));
    return keep(rt, s, buf);
}

/* Lock held. NULL: in no code, or no memory. */
static const struct answer *add(struct gt_runtime *rt, struct gt_symbols *s, uintptr_t pc, bool entry)
{
    struct gt_debug_frame f[FRAMES_MAX];
    uint32_t back = entry ? 0 : 1; /* the call is before the address it returns to */
    if (!s->debug)
        s->debug = gt_debug_open();
    uint32_t n = gt_debug_find(s->debug, pc - back, entry, f, FRAMES_MAX);
    struct answer *a = n ? take(rt, s, sizeof *a + n * sizeof a->frame[0]) : NULL;
    if (!a)
        return NULL;
    a->pc = pc;
    a->entry = entry;
    a->n = n;
    for (uint32_t i = 0; i < n; i++)
        a->frame[i] = (struct gt_symbol){.func = name_of(rt, s, &f[i], back, entry),
                                         .file = f[i].file ? keep(rt, s, f[i].file) : "",
                                         .line = f[i].line,
                                         .pc = pc};
    uint32_t b = bucket_of(pc, entry);
    a->next = gt_load_relaxed(&s->answers[b]);
    gt_store_release(&s->answers[b], a); /* pair: symbols */
    return a;
}

static struct gt_symbols *symbols_of(struct gt_runtime *rt)
{
    struct gt_symbols *s = gt_load_acquire(&rt->symbols); /* pair: symbols-made */
    if (s)
        return s;
    struct gt_symbols *fresh = gt_alloc(rt->arena, sizeof *fresh, -1);
    if (!fresh)
        return NULL;
    gt_lock_init(&fresh->lock, GT_RANK_SYMBOLS);
    if (gt_cas_acq_rel(&rt->symbols, &s, fresh)) /* pair: symbols-made */
        return fresh;
    gt_free(rt->arena, fresh, sizeof *fresh);
    return s;
}

void gt_symbols_fini(struct gt_runtime *rt)
{
    struct gt_symbols *s = gt_load_relaxed(&rt->symbols);
    if (!s)
        return;
    gt_debug_close(s->debug);
    if (!s->stack)
        return;
    gt_fiber_destroy(&s->fiber);
    gt_unmap(s->stack, STACK + gt_page_size());
}

/* ---- unknown addresses: I3 --------------------------------------------------------------- */
struct request {
    struct gt_runtime *rt;
    struct gt_symbols *s;
    uintptr_t pc;
    bool entry;
    const struct answer *answer;
    struct gt_fiber *from;
    struct gt_ctx ctx;
};

static void look_here(void *arg)
{
    struct request *q = arg;
    gt_fiber_switch_end(&q->s->fiber);
    q->answer = add(q->rt, q->s, q->pc, q->entry);
    gt_fiber_switch_begin(&q->s->fiber, q->from, true);
    gt_ctx_jump_inline(&q->ctx);
}

/* Lock held. false: no memory. */
static bool make_stack(struct gt_symbols *s)
{
    size_t guard = gt_page_size();
    if (s->stack)
        return true;
    char *p = gt_map(STACK + guard, false);
    if (!p)
        return false;
    if (gt_guard_install(p, guard, NULL) != 0) {
        gt_unmap(p, STACK + guard);
        return false;
    }
    s->stack = p;
    gt_fiber_create(&s->fiber, p + guard, STACK);
    return true;
}

/* from: the stack that the caller is on. */
static GT_NOINLINE void look(struct request *q, struct gt_fiber *from)
{
    struct gt_symbols *s = q->s;
    gt_lock(&s->lock);
    q->answer = find(s, q->pc, q->entry);
    if (!q->answer && make_stack(s)) {
        q->from = from;
        gt_fiber_switch_begin(from, &s->fiber, false);
        gt_ctx_call_inline(&q->ctx, s->stack + gt_page_size() + STACK, look_here, q);
        gt_fiber_switch_end(from);
    }
    gt_unlock(&s->lock);
}

static bool on_stack_of(const struct gt_g *g)
{
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    return here >= (uintptr_t)g->stack.lo && here < (uintptr_t)g->stack.hi;
}

static void look_from_g(struct request *q, bool first)
{
    struct gt_m *m = gt_tls_m();
    bool leave = m->locks == 0 && gt_g_status(gt_m_g(m)) == GT_G_RUNNING;
    struct gt_fiber *own = &gt_m_g(m)->stack.fiber;
    if (leave && first)
        gt_syscall_enter_blocking(); /* long */
    else if (leave)
        gt_syscall_enter();
    look(q, own);
    if (leave)
        gt_syscall_exit();
}

static void look_from_thread(struct request *q)
{
    struct gt_fiber own;
    gt_fiber_create_thread(&own);
    look(q, &own);
}

static const struct answer *answer_to(struct gt_runtime *rt, uintptr_t pc, bool entry)
{
    struct request q = {.rt = rt, .pc = pc, .entry = entry};
    q.s = gt_load_acquire(&rt->symbols); /* pair: symbols-made */
    bool first = !q.s;
    if (pc == 0 || (first && !(q.s = symbols_of(rt))))
        return NULL;
    if ((q.answer = find(q.s, pc, entry)) != NULL)
        return q.answer;
    struct gt_m *m = gt_tls_m();
    if (m && m->rt == rt && m->t.g && on_stack_of(gt_m_g(m)))
        look_from_g(&q, first);
    else
        look_from_thread(&q);
    return q.answer;
}

uint32_t gt_symbolise(struct gt_runtime *rt, uintptr_t pc, struct gt_symbol *out, uint32_t n)
{
    const struct answer *a = answer_to(rt, pc, false);
    uint32_t k = a && a->n < n ? a->n : n;
    if (!a)
        return 0;
    memcpy(out, a->frame, k * sizeof *out);
    return k;
}

uint32_t gt_symbolise_entry(struct gt_runtime *rt, uintptr_t pc, struct gt_symbol *out)
{
    const struct answer *a = answer_to(rt, pc, true);
    if (!a)
        return 0;
    *out = a->frame[0];
    return 1;
}

bool gt_symbols_known(struct gt_runtime *rt, uintptr_t pc, bool entry, struct gt_symbol *out)
{
    struct gt_symbols *s = gt_load_acquire(&rt->symbols); /* pair: symbols-made */
    const struct answer *a = s ? find(s, pc, entry) : NULL;
    if (a)
        *out = a->frame[0];
    return a != NULL;
}
