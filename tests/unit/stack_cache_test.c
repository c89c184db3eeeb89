/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: labels=quick,reduced timeout=30 */
/*
 * The stacks that an M remembers (tables.h): found by the whole walk, whichever G's stack it is on.
 */
#include "tap.h"
#include "tracers/common/tables.h"

enum { WORDS = 4096, FRAME = 6, W1 = 5, W2 = 10 };

/* A G's stack: its struct stands at `top`. */
struct made {
    uintptr_t word[WORDS];
};
static struct made one, other;
static struct gt_stack_cache cache;

static uintptr_t *top(struct made *s)
{
    return s->word + WORDS - 8;
}

static uintptr_t *record(struct made *s, uint32_t i, uint32_t n)
{
    return top(s) - FRAME * (n - i);
}

/* A walk of n frames, pc[0] in the innermost. */
static struct gt_stack_step walk(struct made *s, const uintptr_t *pc, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        record(s, i, n)[0] = i + 1 < n ? (uintptr_t)record(s, i + 1, n) : 0;
        record(s, i, n)[1] = i + 1 < n ? pc[i + 1] : 0;
    }
    return (struct gt_stack_step){(uintptr_t)top(s) - (uintptr_t)record(s, 0, n), pc[0]};
}

static uint64_t find(struct made *s, uint64_t w, struct gt_stack_step first)
{
    uint64_t id;
    return gt_stack_cache_find(&cache, w, top(s), first, &id) ? id : 0;
}

static uint32_t keep(struct made *s, uint64_t w, struct gt_stack_step first, uint64_t id)
{
    struct gt_stack_step step[GT_STACK_SEEN + 1];
    uint32_t n = gt_stack_steps(top(s), sizeof *s, first, step, GT_STACK_SEEN);
    if (n != 0) {
        step[n] = (struct gt_stack_step){.depth = id};
        gt_stack_cache_put(&cache, w, step, n + 1);
    }
    return n;
}

static void found_by_the_whole(void)
{
    const uintptr_t a[] = {0x1001, 0x2002, 0x3003, 0x4004};
    struct gt_stack_step first = walk(&one, a, 4);
    is_int(find(&one, W1, first), 0, "nothing is there");
    is_int(keep(&one, W1, first, 7), 4, "a walk of four frames is kept");
    is_int(find(&one, W1, first), 7, "it is found");
    is_int(find(&other, W1, walk(&other, a, 4)), 7, "on the stack of another G too");
    is_int(find(&one, W2, first), 0, "in no other generation");
    record(&one, 2, 4)[1]++;
    is_int(find(&one, W1, first), 0, "not with another caller far up");
    record(&one, 2, 4)[1]--;
    record(&one, 1, 4)[0] += 16;
    is_int(find(&one, W1, first), 0, "not with a frame of another size");
    first = walk(&one, a, 4);
    record(&one, 3, 4)[1] = 0x5005;
    is_int(find(&one, W1, first), 0, "not where the walk goes on");
    record(&one, 3, 4)[1] = 0;
    record(&one, 2, 4)[0] = record(&one, 2, 4)[1] = 0;
    is_int(find(&one, W1, first), 0, "not where it ends earlier");
}

/* Two that meet in one function come in turns: a ping-pong over channels. */
static void begin_alike(void)
{
    enum { N = GT_STACK_WAYS };
    uintptr_t pc[] = {0x1111, 0x2222, 0, 0x4444};
    for (uint32_t i = 0; i <= N; i++) {
        pc[2] = 0x9000 + i;
        keep(&one, W2, walk(&one, pc, 4), 100 + i);
        is_int(find(&one, W2, walk(&one, pc, 4)), 100 + i, "the %u. that begins so is found", i + 1);
    }
    uint32_t there = 0;
    for (uint32_t i = 0; i <= N; i++) {
        pc[2] = 0x9000 + i;
        uint64_t id = find(&one, W2, walk(&one, pc, 4));
        ok(id == 0 || id == 100 + i, "with its own id, or not");
        there += id != 0;
    }
    is_int(there, N, "as many as there are places are kept");
}

static void not_kept(void)
{
    uintptr_t pc[GT_STACK_SEEN + 1];
    for (uint32_t i = 0; i <= GT_STACK_SEEN; i++)
        pc[i] = 0x100 + i;
    is_int(keep(&one, W1, walk(&one, pc, GT_STACK_SEEN), 200), GT_STACK_SEEN, "the deepest that is kept");
    is_int(find(&one, W1, walk(&one, pc, GT_STACK_SEEN)), 200, "and found");
    is_int(keep(&one, W1, walk(&one, pc, GT_STACK_SEEN + 1), 201), 0, "a deeper one is not");
    struct gt_stack_step askew = walk(&one, pc, 4);
    askew.depth++;
    is_int(keep(&one, W1, askew, 202), 0, "none that lies askew");
    is_int(find(&one, W1, askew), 0, "nor found, and nothing read");
    struct gt_stack_step outside = {.depth = sizeof one * 4, .pc = pc[0]};
    is_int(find(&one, W1, outside), 0, "nor one outside of the stack");
}

int main(void)
{
    found_by_the_whole();
    begin_alike();
    not_kept();
    return done_testing();
}
