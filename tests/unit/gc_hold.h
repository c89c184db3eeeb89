/* SPDX-License-Identifier: Apache-2.0 */
/* Functions that hold a pointer in exactly one place while they call another, and give it back
 * when that returns. Whoever calls them knows the pointer by its complement only. */
#pragma once
#include <stdint.h>

typedef uintptr_t (*hold_fn)(void (*fn)(void *), void *arg, uintptr_t hidden);

#if defined(__x86_64__)
#define HOLD_REG(name, reg)                                                                        \
    uintptr_t name(void (*fn)(void *), void *arg, uintptr_t hidden);                               \
    __asm__(".text\n.p2align 4\n" #name ":\n\t"                                                    \
            "push %" reg "\n\tmov %rdx, %" reg "\n\tnot %" reg "\n\txor %edx, %edx\n\t"            \
            "mov %rdi, %rax\n\tmov %rsi, %rdi\n\tcall *%rax\n\t"                                   \
            "mov %" reg ", %rax\n\tnot %rax\n\tpop %" reg "\n\tret\n");
HOLD_REG(hold_in_rbx, "rbx")
HOLD_REG(hold_in_rbp, "rbp")
HOLD_REG(hold_in_r12, "r12")
HOLD_REG(hold_in_r13, "r13")
HOLD_REG(hold_in_r14, "r14")
HOLD_REG(hold_in_r15, "r15")
uintptr_t hold_on_stack(void (*fn)(void *), void *arg, uintptr_t hidden);
__asm__(".text\n.p2align 4\nhold_on_stack:\n\t"
        "not %rdx\n\tpush %rdx\n\txor %edx, %edx\n\tmov %rdi, %rax\n\tmov %rsi, %rdi\n\t"
        "call *%rax\n\tpop %rax\n\tnot %rax\n\tret\n");
/* Spin without a call until *flag is set, the pointer in a register that a callee may change. */
uintptr_t spin_in_r8(void (*fn)(void *), void *flag, uintptr_t hidden);
__asm__(".text\n.p2align 4\nspin_in_r8:\n\t"
        "mov %rdx, %r8\n\tnot %r8\n\txor %edx, %edx\n"
        "1:\tpause\n\tcmpl $0, (%rsi)\n\tje 1b\n\tmov %r8, %rax\n\tnot %rax\n\tret\n");
uintptr_t spin_in_xmm9(void (*fn)(void *), void *flag, uintptr_t hidden);
__asm__(".text\n.p2align 4\nspin_in_xmm9:\n\t"
        "not %rdx\n\tmovq %rdx, %xmm9\n\txor %edx, %edx\n"
        "1:\tpause\n\tcmpl $0, (%rsi)\n\tje 1b\n\tmovq %xmm9, %rax\n\tnot %rax\n\tret\n");
/* In the red zone. */
uintptr_t spin_below_sp(void (*fn)(void *), void *flag, uintptr_t hidden);
__asm__(".text\n.p2align 4\nspin_below_sp:\n\t"
        "not %rdx\n\tmov %rdx, -96(%rsp)\n\txor %edx, %edx\n"
        "1:\tpause\n\tcmpl $0, (%rsi)\n\tje 1b\n\tmov -96(%rsp), %rax\n\tnot %rax\n\tret\n");
static const struct {
    const char *name;
    hold_fn fn;
} holds[] = {{"a stack word", hold_on_stack}, {"rbx", hold_in_rbx}, {"rbp", hold_in_rbp},
             {"r12", hold_in_r12},            {"r13", hold_in_r13}, {"r14", hold_in_r14},
             {"r15", hold_in_r15}};
static const struct {
    const char *name;
    hold_fn fn;
} spins[] = {{"r8", spin_in_r8}, {"xmm9", spin_in_xmm9}, {"the red zone", spin_below_sp}};
#elif defined(__aarch64__)
#define HOLD_REG(name, reg)                                                                        \
    uintptr_t name(void (*fn)(void *), void *arg, uintptr_t hidden);                               \
    __asm__(".text\n.p2align 4\n" #name ":\n\t"                                                    \
            "hint #34\n\tstp x29, x30, [sp, #-32]!\n\tstr " reg ", [sp, #16]\n\tmov x29, sp\n\t"   \
            "mvn " reg ", x2\n\tmov x2, xzr\n\tmov x16, x0\n\tmov x0, x1\n\tblr x16\n\t"           \
            "mvn x0, " reg "\n\tldr " reg ", [sp, #16]\n\tldp x29, x30, [sp], #32\n\tret\n");
HOLD_REG(hold_in_x19, "x19")
HOLD_REG(hold_in_x21, "x21")
HOLD_REG(hold_in_x24, "x24")
HOLD_REG(hold_in_x28, "x28")
uintptr_t hold_in_d9(void (*fn)(void *), void *arg, uintptr_t hidden);
__asm__(".text\n.p2align 4\nhold_in_d9:\n\t"
        "hint #34\n\tstp x29, x30, [sp, #-32]!\n\tstr d9, [sp, #16]\n\tmov x29, sp\n\t"
        "mvn x2, x2\n\tfmov d9, x2\n\tmov x2, xzr\n\tmov x16, x0\n\tmov x0, x1\n\tblr x16\n\t"
        "fmov x0, d9\n\tmvn x0, x0\n\tldr d9, [sp, #16]\n\tldp x29, x30, [sp], #32\n\tret\n");
uintptr_t hold_on_stack(void (*fn)(void *), void *arg, uintptr_t hidden);
__asm__(".text\n.p2align 4\nhold_on_stack:\n\t"
        "hint #34\n\tstp x29, x30, [sp, #-32]!\n\tmov x29, sp\n\tmvn x2, x2\n\tstr x2, [sp, #16]\n\t"
        "mov x2, xzr\n\tmov x16, x0\n\tmov x0, x1\n\tblr x16\n\t"
        "ldr x0, [sp, #16]\n\tmvn x0, x0\n\tldp x29, x30, [sp], #32\n\tret\n");
uintptr_t spin_in_x10(void (*fn)(void *), void *flag, uintptr_t hidden);
__asm__(".text\n.p2align 4\nspin_in_x10:\n\t"
        "hint #34\n\tmvn x10, x2\n\tmov x2, xzr\n"
        "1:\tldr w11, [x1]\n\tcbz w11, 1b\n\tmvn x0, x10\n\tret\n");
static const struct {
    const char *name;
    hold_fn fn;
} holds[] = {{"a stack word", hold_on_stack}, {"x19", hold_in_x19}, {"x21", hold_in_x21},
             {"x24", hold_in_x24},            {"x28", hold_in_x28}, {"d9", hold_in_d9}};
static const struct {
    const char *name;
    hold_fn fn;
} spins[] = {{"x10", spin_in_x10}};
#endif
#define N_HOLDS (sizeof holds / sizeof *holds)
#define N_SPINS (sizeof spins / sizeof *spins)
