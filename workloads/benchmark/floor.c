/* SPDX-License-Identifier: Apache-2.0 */
/* Floors on one thread. */
#include "floor.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "gauntlet/atomic.h"
#include "gauntlet/clock.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

static int64_t clock_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static double per(int64_t ns, uint64_t n)
{
    return (double)ns / (double)n;
}

/* ---- the switch -------------------------------------------------------- */
/* void floor_switch(void **save_sp, void *to_sp) */
void floor_switch(void **save_sp, void *to_sp);
#if defined(__x86_64__)
__asm__(".text\n.p2align 5\n.globl floor_switch\n.hidden floor_switch\n"
        ".type floor_switch, @function\nfloor_switch:\n"
        "pushq %rbp\n pushq %rbx\n pushq %r12\n pushq %r13\n pushq %r14\n pushq %r15\n"
        "movq %rsp, (%rdi)\n movq %rsi, %rsp\n"
        "popq %r15\n popq %r14\n popq %r13\n popq %r12\n popq %rbx\n popq %rbp\n"
        "popq %rcx\n jmpq *%rcx\n"
        ".size floor_switch, . - floor_switch\n");
enum { SAVED = 6, PC = 6, WORDS = 8 }; /* six registers, where to go on, alignment */
#elif defined(__aarch64__)
__asm__(".text\n.p2align 5\n.globl floor_switch\n.hidden floor_switch\n"
        ".type floor_switch, %function\nfloor_switch:\n"
        "sub sp, sp, #160\n"
        "stp x19, x20, [sp, #0]\n stp x21, x22, [sp, #16]\n stp x23, x24, [sp, #32]\n"
        "stp x25, x26, [sp, #48]\n stp x27, x28, [sp, #64]\n stp x29, x30, [sp, #80]\n"
        "stp d8, d9, [sp, #96]\n stp d10, d11, [sp, #112]\n stp d12, d13, [sp, #128]\n"
        "stp d14, d15, [sp, #144]\n"
        "mov x9, sp\n str x9, [x0]\n mov sp, x1\n"
        "ldp x19, x20, [sp, #0]\n ldp x21, x22, [sp, #16]\n ldp x23, x24, [sp, #32]\n"
        "ldp x25, x26, [sp, #48]\n ldp x27, x28, [sp, #64]\n ldp x29, x30, [sp, #80]\n"
        "ldp d8, d9, [sp, #96]\n ldp d10, d11, [sp, #112]\n ldp d12, d13, [sp, #128]\n"
        "ldp d14, d15, [sp, #144]\n"
        "add sp, sp, #160\n br x30\n"
        ".size floor_switch, . - floor_switch\n");
enum { SAVED = 20, PC = 11, WORDS = 20 };
#endif

/* ---- coroutines without a runtime -------------------------------------- */
enum { STACK = 4096, COROS = 1024, BATCH = 1000 };

struct world;
struct coro {
    void *sp;
    char *stack;
    struct coro *next; /* free list */
    struct coro *joiner;
    void (*fn)(struct world *w);
    bool done;
};

struct slot { /* a rendezvous: one side waits for the other */
    struct coro *waiter;
    uint64_t value;
};

struct world {
    struct coro main, *self, *free;
    struct coro *queue[2 * COROS]; /* a ring */
    uint32_t head, tail;
    struct coro coros[COROS];
    char *stacks;
    uint32_t left;
    uint64_t rounds;
    struct slot there, back;
};

/* A coroutine starts here without arguments: the world it belongs to. */
static struct world *started;

static void enqueue(struct world *w, struct coro *c)
{
    w->queue[w->tail++ & (2 * COROS - 1)] = c;
}

static struct coro *dequeue(struct world *w)
{
    return w->queue[w->head++ & (2 * COROS - 1)];
}

static void leave_for(struct world *w, struct coro *c)
{
    struct coro *from = w->self;
    w->self = c;
    floor_switch(&from->sp, c->sp);
}

static void coro_main(void)
{
    struct world *w = started;
    struct coro *self = w->self;
    self->fn(w);
    self->done = true;
    if (self->joiner)
        enqueue(w, self->joiner);
    self->next = w->free;
    w->free = self;
    leave_for(w, dequeue(w));
    __builtin_unreachable();
}

static struct coro *spawn(struct world *w, void (*fn)(struct world *w))
{
    struct coro *c = w->free;
    w->free = c->next;
    void **sp = (void **)(void *)(c->stack + STACK) - WORDS - 1;
    sp -= ((uintptr_t)sp / sizeof *sp) & 1u;
    sp[PC] = (void *)(uintptr_t)coro_main;
    c->sp = sp;
    c->fn = fn;
    c->joiner = NULL;
    c->done = false;
    enqueue(w, c);
    return c;
}

static void join(struct world *w, struct coro *c)
{
    if (c->done)
        return;
    c->joiner = w->self;
    leave_for(w, dequeue(w));
}

static void yield(struct world *w)
{
    enqueue(w, w->self);
    leave_for(w, dequeue(w));
}

static struct world *make_world(void)
{
    struct world *w = calloc(1, sizeof *w);
    if (!w || GT_ASAN || GT_TSAN)
        goto none;
    w->stacks = aligned_alloc(STACK, (size_t)COROS * STACK);
    if (!w->stacks)
        goto none;
    for (uint32_t i = 0; i < COROS; i++) {
        w->coros[i].stack = w->stacks + (size_t)i * STACK;
        w->coros[i].next = w->free;
        w->free = &w->coros[i];
    }
    w->self = &w->main;
    started = w;
    return w;
none:
    free(w);
    return NULL;
}

static double end_world(struct world *w, int64_t start, uint64_t n)
{
    double each = per(clock_ns() - start, n);
    free(w->stacks);
    free(w);
    return each;
}

/* ---- what they do ------------------------------------------------------ */
static void bounce(struct world *w)
{
    for (;;)
        leave_for(w, &w->main);
}

double gt_floor_switch(uint64_t n)
{
    struct world *w = make_world();
    if (!w)
        return -1;
    struct coro *c = spawn(w, bounce);
    (void)dequeue(w);
    int64_t start = clock_ns();
    for (uint64_t i = 0; i < n; i += 2)
        leave_for(w, c);
    return end_world(w, start, n);
}

static void yielder(struct world *w)
{
    for (uint64_t i = w->rounds; i > 0; i--)
        yield(w);
}

double gt_floor_yield(uint64_t n)
{
    struct world *w = make_world();
    if (!w)
        return -1;
    w->rounds = n / 2;
    struct coro *c = spawn(w, yielder);
    int64_t start = clock_ns();
    yielder(w);
    join(w, c);
    return end_world(w, start, n);
}

static void nothing(struct world *w)
{
    w->left--;
}

double gt_floor_spawn(uint64_t n)
{
    struct world *w = make_world();
    if (!w)
        return -1;
    int64_t start = clock_ns();
    for (uint64_t i = 0; i < n; i++)
        join(w, spawn(w, nothing));
    return end_world(w, start, n);
}

static void last_wakes_main(struct world *w)
{
    if (--w->left == 0)
        enqueue(w, &w->main);
}

double gt_floor_batch(uint64_t n)
{
    struct world *w = make_world();
    uint64_t done = 0;
    if (!w)
        return -1;
    int64_t start = clock_ns();
    for (; done < n; done += BATCH) {
        w->left = BATCH;
        for (uint32_t i = 0; i < BATCH; i++)
            spawn(w, last_wakes_main);
        leave_for(w, dequeue(w));
    }
    return end_world(w, start, done);
}

static void put(struct world *w, struct slot *s, uint64_t v)
{
    s->value = v;
    if (s->waiter) {
        enqueue(w, s->waiter);
        s->waiter = NULL;
    }
}

static uint64_t take(struct world *w, struct slot *s)
{
    while (s->value == 0) {
        s->waiter = w->self;
        leave_for(w, dequeue(w));
    }
    uint64_t v = s->value;
    s->value = 0;
    return v;
}

static void ponger(struct world *w)
{
    for (uint64_t i = w->rounds; i > 0; i--)
        put(w, &w->back, take(w, &w->there));
}

double gt_floor_pingpong(uint64_t n)
{
    struct world *w = make_world();
    if (!w)
        return -1;
    w->rounds = n;
    struct coro *c = spawn(w, ponger);
    int64_t start = clock_ns();
    for (uint64_t i = 1; i <= n; i++) {
        put(w, &w->there, i);
        if (take(w, &w->back) != i)
            abort();
    }
    join(w, c);
    return end_world(w, start, n);
}

/* ---- without coroutines ------------------------------------------------ */
double gt_floor_cas(uint64_t n)
{
    gt_a64 word;
    uint64_t seen = 0;
    gt_init(&word, 0u);
    int64_t start = clock_ns();
    for (uint64_t i = 0; i < n; i++)
        (void)gt_cas_acq_rel(&word, &seen, i);
    return per(clock_ns() - start, n);
}

double gt_floor_clock(uint64_t n)
{
    int64_t start = clock_ns();
    for (uint64_t i = 0; i < n; i++)
        (void)clock_ns();
    return per(clock_ns() - start, n);
}

double gt_floor_syscall(uint64_t n)
{
    int64_t start = clock_ns();
    for (uint64_t i = 0; i < n; i++)
        (void)syscall(SYS_getpid);
    return per(clock_ns() - start, n);
}

/* mprotect where the kernel has no lighter guard: its limit of mappings may come first. */
static int guard(char *p, size_t size)
{
    if (madvise(p, size, MADV_GUARD_INSTALL) == 0)
        return 0;
    return mprotect(p, size, PROT_NONE);
}

double gt_floor_stacks(uint64_t n, uint64_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), each = (size_t)size + page;
    double result = -1;
    int64_t start = clock_ns();
    char *m = mmap(NULL, n * each, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (m == MAP_FAILED)
        return -1;
    (void)madvise(m, n * each, MADV_NOHUGEPAGE);
    uint64_t i = 0;
    for (; i < n && guard(m + i * each, page) == 0; i++)
        *(volatile char *)(m + (i + 1) * each - 64) = 1;
    if (i == n)
        result = per(clock_ns() - start, n);
    munmap(m, n * each);
    return result;
}

/* What a tracer cannot do without: the time, a kind, an argument, a place in a buffer that
 * is this thread's own and is begun again when full. */
struct event_buffer {
    uint64_t last;
    uint32_t pos;
    unsigned char data[65536];
};

static __attribute__((noinline)) void put_event(struct event_buffer *b, unsigned kind, unsigned arg)
{
    uint64_t now = gt_ticks();
    uint32_t since = (uint32_t)(now - b->last);
    uint16_t what = (uint16_t)(kind | arg << 8);
    if (b->pos + 6 > sizeof b->data)
        b->pos = 0;
    memcpy(b->data + b->pos, &what, 2);
    memcpy(b->data + b->pos + 2, &since, 4);
    b->pos += 6;
    b->last = now;
}

double gt_floor_event(uint64_t n)
{
    struct event_buffer *b = calloc(1, sizeof *b);
    if (!b)
        return -1;
    int64_t start = clock_ns();
    for (uint64_t i = 0; i < n; i++)
        put_event(b, 1, (unsigned)i);
    double each = per(clock_ns() - start, n);
    free(b);
    return each;
}
