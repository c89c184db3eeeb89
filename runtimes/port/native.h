/* SPDX-License-Identifier: Apache-2.0 */
/* The native port's inline half. Included by port.h alone. */
#pragma once
#include <time.h>

#include "port/port.h"

static inline int64_t gt_nanotime(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * GT_NS_PER_S + ts.tv_nsec;
}

/*
 * The thread's M. The compiler may keep the address of a thread-local variable
 * in a register across a call; after a switch that address belongs to another
 * thread. A volatile asm is never merged with an earlier one, so each use loads
 * anew relative to the thread register of the moment.
 */
extern __thread struct gt_m *gt_tls_m_slot __attribute__((tls_model("initial-exec")));

static inline struct gt_m *gt_tls_m(void)
{
    struct gt_m *m;
#if defined(__x86_64__)
    __asm__ volatile("movq gt_tls_m_slot@gottpoff(%%rip), %0\n\t"
                     "movq %%fs:(%0), %0"
                     : "=r"(m));
#elif defined(__aarch64__)
    uintptr_t base;
    __asm__ volatile("mrs %0, tpidr_el0\n\t"
                     "adrp %1, :gottprel:gt_tls_m_slot\n\t"
                     "ldr %1, [%1, #:gottprel_lo12:gt_tls_m_slot]\n\t"
                     "ldr %1, [%0, %1]"
                     : "=&r"(base), "=&r"(m));
#endif
    return m;
}

/* ---- contexts, inline ------------------------------------------------------------- */
/*
 * The same as the functions without the suffix, for the few hottest places: the compiler
 * saves those registers that are live (all but sp and fp are declared lost) and no call
 * disturbs the CPU's prediction of returns. Contexts of both kinds fit each other.
 * To be used where few values are live across the switch.
 */
#define GT_CTX_INLINE static inline __attribute__((always_inline))

#if defined(__x86_64__)
#if defined(__AVX512F__)
#define GT_CTX_LOST_AVX512                                                                         \
    "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25",      \
        "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31", "k0", "k1", "k2", "k3", "k4", "k5",  \
        "k6", "k7",
#else
#define GT_CTX_LOST_AVX512
#endif
/* Less rax, rdx, rsi, rdi, which the operands name. */
#define GT_CTX_LOST                                                                                \
    GT_CTX_LOST_AVX512 "rbx", "rcx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "xmm0", \
        "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",  \
        "xmm12", "xmm13", "xmm14", "xmm15", "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)",     \
        "st(6)", "st(7)", "cc", "memory"

GT_CTX_INLINE void gt_ctx_switch_inline(struct gt_ctx *save, const struct gt_ctx *to)
{
    void *from = save, *next = (void *)(uintptr_t)to, *pc = to->pc, *scratch;
    __asm__ volatile("leaq 1f(%%rip), %3\n\t"
                     "movq %%rsp, (%0)\n\t"
                     "movq %%rbp, 8(%0)\n\t"
                     "movq %3, 16(%0)\n\t"
                     "movq (%1), %%rsp\n\t"
                     "movq 8(%1), %%rbp\n\t"
                     "jmpq *%2\n"
                     "1:"
                     : "+D"(from), "+S"(next), "+d"(pc), "=&a"(scratch)
                     :
                     : GT_CTX_LOST);
}

GT_NORETURN GT_CTX_INLINE void gt_ctx_jump_inline(const struct gt_ctx *to)
{
    __asm__ volatile("movq (%0), %%rsp\n\t"
                     "movq 8(%0), %%rbp\n\t"
                     "jmpq *16(%0)"
                     :
                     : "a"(to)
                     : "memory");
    __builtin_unreachable();
}

/* gt_ctx_call_inline by who will not come back: nothing is saved. */
GT_NORETURN GT_CTX_INLINE void gt_ctx_start_inline(void *top, void (*fn)(void *), void *arg)
{
    void *sp = (void *)((uintptr_t)top & ~(uintptr_t)15);
    __asm__ volatile("movq %0, %%rsp\n\t"
                     "xorl %%ebp, %%ebp\n\t"
                     "pushq $0\n\t"
                     "jmpq *%1"
                     :
                     : "a"(sp), "d"(fn), "D"(arg)
                     : "memory");
    __builtin_unreachable();
}

GT_CTX_INLINE void gt_ctx_call_inline(struct gt_ctx *save, void *top, void (*fn)(void *), void *arg)
{
    void *from = save, *sp = (void *)((uintptr_t)top & ~(uintptr_t)15);
    void *pc = (void *)(uintptr_t)fn;
    __asm__ volatile("leaq 1f(%%rip), %%rcx\n\t"
                     "movq %%rsp, (%0)\n\t"
                     "movq %%rbp, 8(%0)\n\t"
                     "movq %%rcx, 16(%0)\n\t"
                     "movq %1, %%rsp\n\t"
                     "xorl %%ebp, %%ebp\n\t"
                     "pushq $0\n\t"
                     "jmpq *%2\n"
                     "1:"
                     : "+S"(from), "+a"(sp), "+d"(pc), "+D"(arg)
                     :
                     : GT_CTX_LOST);
}
#elif defined(__aarch64__)
#if defined(__ARM_FEATURE_SVE)
#define GT_CTX_LOST_SVE                                                                            \
    "p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9", "p10", "p11", "p12", "p13", "p14", \
        "p15",
#else
#define GT_CTX_LOST_SVE
#endif
/* Less x0 to x3, which the operands name. */
#define GT_CTX_LOST                                                                                \
    GT_CTX_LOST_SVE "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15",  \
        "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28", \
        "x30", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12",    \
        "v13", "v14", "v15", "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", \
        "v26", "v27", "v28", "v29", "v30", "v31", "cc", "memory"

GT_CTX_INLINE void gt_ctx_switch_inline(struct gt_ctx *save, const struct gt_ctx *to)
{
    register void *from __asm__("x0") = save;
    register void *next __asm__("x1") = (void *)(uintptr_t)to;
    __asm__ volatile("adr x17, 1f\n\t"
                     "mov x16, sp\n\t"
                     "stp x16, x29, [%0]\n\t"
                     "str x17, [%0, #16]\n\t"
                     "ldp x16, x29, [%1]\n\t"
                     "ldr x17, [%1, #16]\n\t"
                     "mov sp, x16\n\t"
                     "br x17\n"
                     "1: hint #36" /* bti j */
                     : "+r"(from), "+r"(next)
                     :
                     : "x2", "x3", GT_CTX_LOST);
}

GT_NORETURN GT_CTX_INLINE void gt_ctx_jump_inline(const struct gt_ctx *to)
{
    __asm__ volatile("ldr x17, [%0, #16]\n\t"
                     "ldp x16, x29, [%0]\n\t"
                     "mov sp, x16\n\t"
                     "br x17"
                     :
                     : "r"(to)
                     : "x16", "x17", "memory");
    __builtin_unreachable();
}

GT_NORETURN GT_CTX_INLINE void gt_ctx_start_inline(void *top, void (*fn)(void *), void *arg)
{
    register void *x0 __asm__("x0") = arg;
    register void *sp __asm__("x2") = (void *)((uintptr_t)top & ~(uintptr_t)15);
    register void *pc __asm__("x3") = (void *)(uintptr_t)fn;
    __asm__ volatile("mov sp, %1\n\t"
                     "mov x29, xzr\n\t"
                     "mov x30, xzr\n\t"
                     "mov x16, %2\n\t"
                     "br x16"
                     :
                     : "r"(x0), "r"(sp), "r"(pc)
                     : "x16", "memory");
    __builtin_unreachable();
}

GT_CTX_INLINE void gt_ctx_call_inline(struct gt_ctx *save, void *top, void (*fn)(void *), void *arg)
{
    register void *x0 __asm__("x0") = arg;
    register void *from __asm__("x1") = save;
    register void *sp __asm__("x2") = (void *)((uintptr_t)top & ~(uintptr_t)15);
    register void *pc __asm__("x3") = (void *)(uintptr_t)fn;
    __asm__ volatile("adr x17, 1f\n\t"
                     "mov x16, sp\n\t"
                     "stp x16, x29, [%1]\n\t"
                     "str x17, [%1, #16]\n\t"
                     "mov sp, %2\n\t"
                     "mov x29, xzr\n\t"
                     "mov x30, xzr\n\t"
                     "mov x16, %3\n\t"
                     "br x16\n"
                     "1: hint #36" /* bti j */
                     : "+r"(x0), "+r"(from), "+r"(sp), "+r"(pc)
                     :
                     : GT_CTX_LOST);
}
#endif
