/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must know its caller's registers (S1 of gc_scan.c), AAPCS64: gt_g_pretend_wait,
 * gt_syscall_enter and gt_syscall_enter_blocking put sp and the registers that a callee keeps
 * into the G, where the collector finds them, and go on in C.
 * Landing pads (`bti c`) as in switch_aarch64.S.
 */
#include "core/offsets.h"
        .text

/* The caller's sp, x19 to x29, d8 to d15 to the G in x9. Changes x10. */
        .macro  keep_registers
        mov     x10, sp
        add     x9, x9, #GT_OFFSET_G_GC_SP
        stp     x10, x19, [x9]
        stp     x20, x21, [x9, #16]
        stp     x22, x23, [x9, #32]
        stp     x24, x25, [x9, #48]
        stp     x26, x27, [x9, #64]
        stp     x28, x29, [x9, #80]
        stp     d8, d9, [x9, #96]
        stp     d10, d11, [x9, #112]
        stp     d12, d13, [x9, #128]
        stp     d14, d15, [x9, #144]
        .endm

        .macro  own_g                   /* to x9. Changes x10 */
        mrs     x9, tpidr_el0
        adrp    x10, :gottprel:gt_tls_m_slot
        ldr     x10, [x10, #:gottprel_lo12:gt_tls_m_slot]
        ldr     x9, [x9, x10]
        ldr     x9, [x9, #GT_OFFSET_M_G]
        .endm

/* void gt_syscall_enter(void) */
        .globl  gt_syscall_enter
        .type   gt_syscall_enter, %function
        .hidden gt_syscall_enter_kept
        .p2align 5
gt_syscall_enter:
        .cfi_startproc
        hint    #34                     /* bti c */
        own_g
        keep_registers
        b       gt_syscall_enter_kept
        .cfi_endproc
        .size   gt_syscall_enter, . - gt_syscall_enter

/* void gt_syscall_enter_blocking(void) */
        .globl  gt_syscall_enter_blocking
        .type   gt_syscall_enter_blocking, %function
        .hidden gt_syscall_enter_blocking_kept
        .p2align 5
gt_syscall_enter_blocking:
        .cfi_startproc
        hint    #34                     /* bti c */
        own_g
        keep_registers
        b       gt_syscall_enter_blocking_kept
        .cfi_endproc
        .size   gt_syscall_enter_blocking, . - gt_syscall_enter_blocking

/* void gt_g_pretend_wait(struct gt_m *m, enum gt_wait_reason why) */
        .globl  gt_g_pretend_wait
        .type   gt_g_pretend_wait, %function
        .hidden gt_g_pretend_wait_kept
        .p2align 5
gt_g_pretend_wait:
        .cfi_startproc
        hint    #34                     /* bti c */
        ldr     x9, [x0, #GT_OFFSET_M_G]
        keep_registers
        b       gt_g_pretend_wait_kept
        .cfi_endproc
        .size   gt_g_pretend_wait, . - gt_g_pretend_wait

        .section .note.GNU-stack, "", %progbits
