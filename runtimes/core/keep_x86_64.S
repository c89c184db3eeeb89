/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must know its caller's registers (S1 of gc_scan.c), System V x86-64: gt_g_pretend_wait,
 * gt_syscall_enter and gt_syscall_enter_blocking put sp and the registers that a callee keeps
 * into the G, where the collector finds them, and go on in C.
 */
#include "core/offsets.h"
        .text

/* The caller's sp, rbx, rbp, r12 to r15 to the G in rax. Changes rcx. */
        .macro  keep_registers
        leaq    8(%rsp), %rcx           /* above the return address */
        movq    %rcx, GT_OFFSET_G_GC_SP(%rax)
        movq    %rbx, GT_OFFSET_G_GC_SP + 8(%rax)
        movq    %rbp, GT_OFFSET_G_GC_SP + 16(%rax)
        movq    %r12, GT_OFFSET_G_GC_SP + 24(%rax)
        movq    %r13, GT_OFFSET_G_GC_SP + 32(%rax)
        movq    %r14, GT_OFFSET_G_GC_SP + 40(%rax)
        movq    %r15, GT_OFFSET_G_GC_SP + 48(%rax)
        .endm

        .macro  own_g                   /* to rax */
        movq    gt_tls_m_slot@gottpoff(%rip), %rax
        movq    %fs:(%rax), %rax
        movq    GT_OFFSET_M_G(%rax), %rax
        .endm

/* void gt_syscall_enter(void) */
        .globl  gt_syscall_enter
        .type   gt_syscall_enter, @function
        .hidden gt_syscall_enter_kept
        .p2align 5
gt_syscall_enter:
        .cfi_startproc
        own_g
        keep_registers
        jmp     gt_syscall_enter_kept
        .cfi_endproc
        .size   gt_syscall_enter, . - gt_syscall_enter

/* void gt_syscall_enter_blocking(void) */
        .globl  gt_syscall_enter_blocking
        .type   gt_syscall_enter_blocking, @function
        .hidden gt_syscall_enter_blocking_kept
        .p2align 5
gt_syscall_enter_blocking:
        .cfi_startproc
        own_g
        keep_registers
        jmp     gt_syscall_enter_blocking_kept
        .cfi_endproc
        .size   gt_syscall_enter_blocking, . - gt_syscall_enter_blocking

/* void gt_g_pretend_wait(struct gt_m *m, enum gt_wait_reason why) */
        .globl  gt_g_pretend_wait
        .type   gt_g_pretend_wait, @function
        .hidden gt_g_pretend_wait_kept
        .p2align 5
gt_g_pretend_wait:
        .cfi_startproc
        movq    GT_OFFSET_M_G(%rdi), %rax
        keep_registers
        jmp     gt_g_pretend_wait_kept
        .cfi_endproc
        .size   gt_g_pretend_wait, . - gt_g_pretend_wait

        .section .note.GNU-stack, "", @progbits
