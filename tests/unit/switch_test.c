/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: labels=quick,reduced timeout=30 */
/*
 * Contexts: every way to suspend against every way to resume, callee-saved registers,
 * alignment, where walks end. Cites I1, I2 of core/switch_<arch>.S.
 */
#include "port/port.h"

#include <stdlib.h>
#include <string.h>

#include "tap.h"

enum { STACK = 64 * 1024, STACKS = 4, ROUNDS = 20000 };

static char *stack[STACKS];
static struct gt_fiber fiber[STACKS];
static struct gt_fiber main_fiber;
static struct gt_ctx main_ctx, ctx[STACKS];

static void make_stacks(void)
{
    gt_fiber_create_thread(&main_fiber);
    for (int i = 0; i < STACKS; i++) {
        stack[i] = gt_map(STACK, false);
        if (!stack[i])
            bail_out("no memory for a stack");
        gt_fiber_create(&fiber[i], stack[i], STACK);
    }
}

static void *top(int i)
{
    return stack[i] + STACK;
}

/* Starts fn(arg) on stack i by way of a made context; back when it has left. */
static void start(int i, void (*fn)(void *), void *arg)
{
    gt_fiber_reset(&fiber[i]);
    gt_ctx_make(&ctx[i], top(i), fn, arg);
    gt_fiber_switch_begin(&main_fiber, &fiber[i], false);
    gt_ctx_switch(&main_ctx, &ctx[i]);
    gt_fiber_switch_end(&main_fiber);
}

/* Leaves stack i for main for ever. */
#define LEAVE(i)                                                                                   \
    do {                                                                                           \
        gt_fiber_switch_begin(&fiber[i], &main_fiber, true);                                       \
        gt_ctx_jump(&main_ctx);                                                                    \
    } while (0)

/* ---- make, switch, jump --------------------------------------------------------- */

static void *seen_arg;
static uintptr_t seen_fp0, seen_pc0, seen_misaligned;

typedef float vec __attribute__((vector_size(16)));

/* The compiler stores this with an instruction that faults when the stack is not aligned. */
GT_NOINLINE static void aligned_store(vec *out, float x)
{
    volatile vec v = {x, x, x, x};
    seen_misaligned = (uintptr_t)&v & 15;
    *out = v;
}

GT_NOINLINE static void check_start(void *arg)
{
    vec out;
    seen_arg = arg;
    aligned_store(&out, 1.5f);
    if (out[0] < 1.4f || out[3] > 1.6f)
        seen_misaligned |= 1;
}

/* Walks frame records from the caller's frame; what the outermost holds. */
GT_NOINLINE static int walk_here(void)
{
    const uintptr_t *fp = __builtin_frame_address(0);
    int depth = 0;
    while (fp[0] != 0 && depth < 100) {
        fp = (const uintptr_t *)fp[0];
        depth++;
    }
    seen_fp0 = fp[0];
    seen_pc0 = fp[1];
    return depth;
}

static int walked; /* 1, or 2 where the compiler merged two like functions */

static void made_fn(void *arg)
{
    gt_fiber_switch_end(&fiber[0]);
    check_start(arg);
    walked = walk_here();
    LEAVE(0);
}

static void test_make(void)
{
    int here;
    seen_misaligned = 99;
    seen_pc0 = 1;
    start(0, made_fn, &here);
    ok(seen_arg == &here, "make: the argument arrives");
    is_int(seen_misaligned, 0, "make: fn's stack is aligned to 16");
    ok(walked == 1 || walked == 2, "make: a walk inside fn sees its caller (I2)");
    ok(seen_fp0 == 0 && seen_pc0 == 0, "make: the outermost frame has no caller (I2)");
    /* A top that is not aligned is rounded down. */
    gt_fiber_reset(&fiber[0]);
    gt_ctx_make(&ctx[0], (char *)top(0) - 3, made_fn, NULL);
    seen_misaligned = 99;
    gt_fiber_switch_begin(&main_fiber, &fiber[0], false);
    gt_ctx_switch(&main_ctx, &ctx[0]);
    gt_fiber_switch_end(&main_fiber);
    ok(seen_misaligned == 0 && seen_arg == NULL, "make: an odd top is rounded down");
}

/* ---- call ----------------------------------------------------------------------- */

static void started_fn(void *arg)
{
    check_start(arg);
    walked = walk_here();
    LEAVE(1);
}

static void called_fn(void *arg)
{
    gt_fiber_switch_end(&fiber[1]);
    started_fn(arg);
}

/* Leaves its own frame for good and begins anew at the top. */
static void starting_fn(void *arg)
{
    gt_fiber_switch_end(&fiber[1]);
    gt_ctx_start_inline(top(1), started_fn, arg);
}

static void test_call(void)
{
    int here;
    seen_misaligned = 99;
    seen_pc0 = 1;
    for (int i = 0; i < 3; i++) {
        gt_fiber_reset(&fiber[1]);
        gt_fiber_switch_begin(&main_fiber, &fiber[1], false);
        if (i == 0)
            gt_ctx_call(&main_ctx, top(1), called_fn, &here);
        else
            gt_ctx_call_inline(&main_ctx, top(1), i == 1 ? called_fn : starting_fn, &here);
        gt_fiber_switch_end(&main_fiber);
        const char *how = i == 0 ? "call" : i == 1 ? "call_inline" : "start_inline";
        ok(seen_arg == &here && seen_misaligned == 0, "%s: argument and alignment", how);
        ok(walked >= 1 && walked <= 2 && seen_fp0 == 0 && seen_pc0 == 0,
           "%s: the walk ends in fn (I2)", how);
    }
}

/* ---- registers ------------------------------------------------------------------ */

/*
 * Fills every callee-saved register but the frame pointer from `seed`, switches, and says
 * whether each came back. The compiler knows of none of this, so the body is assembler.
 */
bool probe_registers(struct gt_ctx *save, const struct gt_ctx *to, uint64_t seed);
#if defined(__x86_64__)
__asm__(".text\n"
        ".type probe_registers, @function\n"
        "probe_registers:\n"
        "pushq %rbp\n movq %rsp, %rbp\n"
        "pushq %rbx\n pushq %r12\n pushq %r13\n pushq %r14\n pushq %r15\n pushq %rdx\n"
        "leaq 1(%rdx), %rbx\n leaq 2(%rdx), %r12\n leaq 3(%rdx), %r13\n"
        "leaq 4(%rdx), %r14\n leaq 5(%rdx), %r15\n"
        "call gt_ctx_switch\n"
        "movq (%rsp), %rdx\n"
        "xorl %eax, %eax\n"
        "subq %rdx, %rbx\n cmpq $1, %rbx\n jne 1f\n"
        "subq %rdx, %r12\n cmpq $2, %r12\n jne 1f\n"
        "subq %rdx, %r13\n cmpq $3, %r13\n jne 1f\n"
        "subq %rdx, %r14\n cmpq $4, %r14\n jne 1f\n"
        "subq %rdx, %r15\n cmpq $5, %r15\n jne 1f\n"
        "leaq -48(%rbp), %rdx\n cmpq %rsp, %rdx\n jne 1f\n"
        "movl $1, %eax\n"
        "1: leaq -48(%rbp), %rsp\n"
        "popq %rdx\n popq %r15\n popq %r14\n popq %r13\n popq %r12\n popq %rbx\n popq %rbp\n"
        "ret\n"
        ".size probe_registers, . - probe_registers\n");
#elif defined(__aarch64__)
#define FILL(n, i) "add x" #n ", x2, #" #i "\n"
#define FILL_D(n, i) "add x9, x2, #" #i "\n fmov d" #n ", x9\n"
#define TEST(n, i) "sub x" #n ", x" #n ", x2\n cmp x" #n ", #" #i "\n b.ne 1f\n"
#define TEST_D(n, i) "fmov x9, d" #n "\n sub x9, x9, x2\n cmp x9, #" #i "\n b.ne 1f\n"
__asm__(".text\n"
        ".type probe_registers, %function\n"
        "probe_registers:\n"
        "stp x29, x30, [sp, #-176]!\n mov x29, sp\n"
        "stp x19, x20, [sp, #16]\n stp x21, x22, [sp, #32]\n stp x23, x24, [sp, #48]\n"
        "stp x25, x26, [sp, #64]\n stp x27, x28, [sp, #80]\n stp d8, d9, [sp, #96]\n"
        "stp d10, d11, [sp, #112]\n stp d12, d13, [sp, #128]\n stp d14, d15, [sp, #144]\n"
        "str x2, [sp, #160]\n"
        FILL(19, 1) FILL(20, 2) FILL(21, 3) FILL(22, 4) FILL(23, 5) FILL(24, 6) FILL(25, 7)
        FILL(26, 8) FILL(27, 9) FILL(28, 10)
        FILL_D(8, 11) FILL_D(9, 12) FILL_D(10, 13) FILL_D(11, 14) FILL_D(12, 15) FILL_D(13, 16)
        FILL_D(14, 17) FILL_D(15, 18)
        "bl gt_ctx_switch\n"
        "ldr x2, [sp, #160]\n mov w0, #0\n"
        TEST(19, 1) TEST(20, 2) TEST(21, 3) TEST(22, 4) TEST(23, 5) TEST(24, 6) TEST(25, 7)
        TEST(26, 8) TEST(27, 9) TEST(28, 10)
        TEST_D(8, 11) TEST_D(9, 12) TEST_D(10, 13) TEST_D(11, 14) TEST_D(12, 15) TEST_D(13, 16)
        TEST_D(14, 17) TEST_D(15, 18)
        "mov x9, sp\n cmp x9, x29\n b.ne 1f\n"
        "mov w0, #1\n"
        "1: mov sp, x29\n"
        "ldp x19, x20, [sp, #16]\n ldp x21, x22, [sp, #32]\n ldp x23, x24, [sp, #48]\n"
        "ldp x25, x26, [sp, #64]\n ldp x27, x28, [sp, #80]\n ldp d8, d9, [sp, #96]\n"
        "ldp d10, d11, [sp, #112]\n ldp d12, d13, [sp, #128]\n ldp d14, d15, [sp, #144]\n"
        "ldp x29, x30, [sp], #176\n"
        "ret\n"
        ".size probe_registers, . - probe_registers\n");
#endif

static uint64_t bad_probes, probes;

/* Two contexts hand each other the CPU, each with its own values in the registers. */
static void prober(void *arg)
{
    (void)arg;
    gt_fiber_switch_end(&fiber[0]);
    for (uint64_t i = 0;; i++) {
        gt_fiber_switch_begin(&fiber[0], &main_fiber, false);
        bad_probes += !probe_registers(&ctx[0], &main_ctx, 0x1000000000 + i * 64);
        gt_fiber_switch_end(&fiber[0]);
    }
}

static void test_registers(void)
{
    start(0, prober, NULL);
    for (uint64_t i = 0; i < ROUNDS; i++) {
        gt_fiber_switch_begin(&main_fiber, &fiber[0], false);
        bad_probes += !probe_registers(&main_ctx, &ctx[0], 0x7000000000 + i * 64);
        gt_fiber_switch_end(&main_fiber);
        probes++;
    }
    is_int(bad_probes, 0, "callee-saved registers survive %d switches (I1)", 2 * ROUNDS);
    is_int(probes, ROUNDS, "and every round was run");
}

/* The inline variant must tell the compiler the truth about what it loses. */
static void clobberer(void *arg)
{
    (void)arg;
    gt_fiber_switch_end(&fiber[1]);
    for (uint64_t i = 0;; i++) {
        gt_fiber_switch_begin(&fiber[1], &main_fiber, false);
        bad_probes += !probe_registers(&ctx[1], &main_ctx, i * 1024);
        gt_fiber_switch_end(&fiber[1]);
    }
}

GT_NOINLINE static double mix_inline(uint64_t n, const volatile uint64_t *in, double x)
{
    uint64_t a = in[0], b = in[1], c = in[2], d = in[3], e = in[4], f = in[5], g = in[6];
    double y = x + 1, z = x + 2;
    for (uint64_t i = 0; i < n; i++) {
        gt_fiber_switch_begin(&main_fiber, &fiber[1], false);
        gt_ctx_switch_inline(&main_ctx, &ctx[1]);
        gt_fiber_switch_end(&main_fiber);
        a += b, b ^= c, c += d, d ^= e, e += f, f ^= g, g += a;
        y += 1, z += y;
    }
    return (double)((a ^ b ^ c ^ d ^ e ^ f ^ g) & 0xffffff) + x + y + z;
}

GT_NOINLINE static double mix_plain(uint64_t n, const volatile uint64_t *in, double x)
{
    uint64_t a = in[0], b = in[1], c = in[2], d = in[3], e = in[4], f = in[5], g = in[6];
    double y = x + 1, z = x + 2;
    for (uint64_t i = 0; i < n; i++) {
        a += b, b ^= c, c += d, d ^= e, e += f, f ^= g, g += a;
        y += 1, z += y;
    }
    return (double)((a ^ b ^ c ^ d ^ e ^ f ^ g) & 0xffffff) + x + y + z;
}

static void test_inline(void)
{
    static const volatile uint64_t in[] = {3, 5, 7, 11, 13, 17, 19};
    bad_probes = 0;
    start(1, clobberer, NULL);
    double got = mix_inline(ROUNDS, in, 0.5);
    double want = mix_plain(ROUNDS, in, 0.5);
    ok(memcmp(&got, &want, sizeof got) == 0, "switch_inline: the compiler's values survive");
    is_int(bad_probes, 0, "switch_inline resumes contexts of switch and back (I1)");
}

/* ---- nesting, chains ------------------------------------------------------------------ */

static int order[16], n_order;

static void note(int x)
{
    if (n_order < 16)
        order[n_order++] = x;
}

static void inner(void *arg)
{
    (void)arg;
    gt_fiber_switch_end(&fiber[2]);
    note(2);
    gt_fiber_switch_begin(&fiber[2], &fiber[1], false);
    gt_ctx_switch_inline(&ctx[2], &ctx[1]);
    gt_fiber_switch_end(&fiber[2]);
    note(4);
    gt_fiber_switch_begin(&fiber[2], &fiber[0], true);
    gt_ctx_jump_inline(&ctx[0]);
}

static void middle(void *arg)
{
    (void)arg;
    gt_fiber_switch_end(&fiber[1]);
    note(1);
    gt_fiber_reset(&fiber[2]);
    gt_fiber_switch_begin(&fiber[1], &fiber[2], false);
    gt_ctx_call(&ctx[1], top(2), inner, NULL);
    gt_fiber_switch_end(&fiber[1]);
    note(3);
    gt_fiber_switch_begin(&fiber[1], &fiber[2], true);
    gt_ctx_jump(&ctx[2]);
}

static void outer(void *arg)
{
    (void)arg;
    gt_fiber_switch_end(&fiber[0]);
    note(0);
    gt_fiber_reset(&fiber[1]);
    gt_ctx_make(&ctx[1], top(1), middle, NULL);
    gt_fiber_switch_begin(&fiber[0], &fiber[1], false);
    gt_ctx_switch(&ctx[0], &ctx[1]);
    gt_fiber_switch_end(&fiber[0]);
    note(5);
    LEAVE(0);
}

static void test_nested(void)
{
    n_order = 0;
    start(0, outer, NULL);
    bool right = n_order == 6;
    for (int i = 0; i < n_order; i++)
        right = right && order[i] == i;
    ok(right, "make, switch, call, inline switch and jump nest in order");
}

/* ---- walks of suspended contexts ----------------------------------------------------------- */

static bool inside(uintptr_t pc, void (*fn)(void *))
{
    return pc >= (uintptr_t)fn && pc < (uintptr_t)fn + 4096;
}

static void suspended_deeper(bool in_line)
{
    gt_fiber_switch_begin(&fiber[3], &main_fiber, false);
    if (in_line)
        gt_ctx_switch_inline(&ctx[3], &main_ctx);
    else
        gt_ctx_switch(&ctx[3], &main_ctx);
    gt_fiber_switch_end(&fiber[3]);
}

GT_NOINLINE static void suspended_deep(bool in_line)
{
    suspended_deeper(in_line);
    __asm__ volatile(""); /* no tail call */
}

static void suspended_fn(void *arg)
{
    gt_fiber_switch_end(&fiber[3]);
    suspended_deep(arg != NULL);
    LEAVE(3);
}

static bool on_stack(uintptr_t a, int i)
{
    return a >= (uintptr_t)stack[i] && a < (uintptr_t)top(i);
}

static void test_walk(bool in_line)
{
    int flag, depth = 0;
    bool rising = true, found = false;
    const char *how = in_line ? "switch_inline" : "switch";
    gt_fiber_reset(&fiber[3]);
    gt_ctx_make(&ctx[3], top(3), suspended_fn, NULL);
    if (!in_line) {
        ok(gt_ctx_pc(&ctx[3]) == (uintptr_t)suspended_fn, "a fresh context's pc is its fn");
        is_int(gt_ctx_fp(&ctx[3]), 0, "and it has no frame");
    }
    start(3, suspended_fn, in_line ? &flag : NULL);
    uintptr_t fp = gt_ctx_fp(&ctx[3]), pc = gt_ctx_pc(&ctx[3]);
    while (on_stack(fp, 3) && depth < 10) {
        const uintptr_t *record = (const uintptr_t *)fp;
        found = found || inside(pc, suspended_fn);
        pc = record[1];
        rising = rising && (record[0] == 0 || record[0] > fp);
        fp = record[0];
        depth++;
    }
    ok(fp == 0 && pc == 0 && rising, "%s: a suspended context's frames rise and end (I2)", how);
    ok(found && depth >= 2 && depth <= 4, "%s: its fn is among them, at depth %d", how, depth);
    gt_fiber_switch_begin(&main_fiber, &fiber[3], false);
    gt_ctx_switch(&main_ctx, &ctx[3]);
    gt_fiber_switch_end(&main_fiber);
    pass("%s: and it still runs", how);
}

/* ---- a stack started again and again --------------------------------------------- */

static uint64_t dispatched;
static volatile bool come_back; /* never; the compiler need not know */

GT_NOINLINE static void leave_deep(int depth, volatile char *outer_buf)
{
    volatile char buf[40];
    buf[0] = (char)depth;
    outer_buf[1] = buf[0];
    if (depth > 0) {
        leave_deep(depth - 1, buf);
        buf[1] = 0;
        return;
    }
    dispatched++;
    if (come_back)
        return;
    gt_fiber_switch_begin(&fiber[0], &main_fiber, true);
    gt_ctx_jump_inline(&main_ctx);
}

static void dispatch(void *arg)
{
    volatile char buf[40];
    (void)arg;
    gt_fiber_switch_end(&fiber[0]);
    leave_deep(4, buf);
}

/* Frames left behind at each round must neither poison the next nor pile up. */
static void test_abandon(void)
{
    for (int i = 0; i < ROUNDS; i++) {
        gt_fiber_switch_begin(&main_fiber, &fiber[0], false);
        gt_ctx_call_inline(&main_ctx, top(0), dispatch, NULL);
        gt_fiber_switch_end(&main_fiber);
    }
    is_int(dispatched, ROUNDS, "a stack can be left behind %d times", ROUNDS);
}

int main(void)
{
    plan(25);
    make_stacks();
    test_make();
    test_call();
    test_registers();
    test_inline();
    test_nested();
    test_walk(false);
    test_walk(true);
    test_abandon();
    for (int i = 0; i < STACKS; i++)
        gt_fiber_destroy(&fiber[i]);
    gt_fiber_destroy(&main_fiber);
    return done_testing();
}
