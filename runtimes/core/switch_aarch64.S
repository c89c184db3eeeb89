/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stack switches, AAPCS64. struct gt_ctx: sp at 0, fp at 8, pc at 16.
 *
 * I1  Where a context is suspended, x19 to x28 and d8 to d15 lie on its own stack; its pc
 *     is gt_ctx_resumed, which takes them back, or a place in C whose compiler was told
 *     that they are lost (gt_ctx_switch_inline).
 * I2  A suspended context's fp is a frame record {caller's fp, return address}, and the
 *     outermost frame of each stack has fp 0 and return address 0: walks end there. Code
 *     built with pointer authentication signs the addresses in its records, the 0 too: a
 *     walk over it must strip them and go by fp.
 *
 * Frame: the record at the lowest address, the registers above it; sp is fp. So the
 * addresses that contexts go on at are reached by `br`, not `ret`, whose prediction would
 * miss; x16 and x17 carry them, which branch-target identification lets enter any
 * function (`bti c` at a function's start).
 * Not saved: fpcr, and the upper halves of v8 to v15 (as in the ABI), SVE and SME state.
 */
#define FRAME 160

        .text

/* The frame of gt_ctx_call and gt_ctx_switch, and *save (x0). Changes x9. */
        .macro  suspend
        hint    #34                     /* bti c */
        stp     x29, x30, [sp, #-FRAME]!
        .cfi_def_cfa_offset FRAME
        .cfi_offset x29, -FRAME
        .cfi_offset x30, -FRAME + 8
        mov     x29, sp
        .cfi_def_cfa_register x29
        stp     x19, x20, [sp, #16]
        .cfi_offset x19, -FRAME + 16
        .cfi_offset x20, -FRAME + 24
        stp     x21, x22, [sp, #32]
        .cfi_offset x21, -FRAME + 32
        .cfi_offset x22, -FRAME + 40
        stp     x23, x24, [sp, #48]
        .cfi_offset x23, -FRAME + 48
        .cfi_offset x24, -FRAME + 56
        stp     x25, x26, [sp, #64]
        .cfi_offset x25, -FRAME + 64
        .cfi_offset x26, -FRAME + 72
        stp     x27, x28, [sp, #80]
        .cfi_offset x27, -FRAME + 80
        .cfi_offset x28, -FRAME + 88
        stp     d8, d9, [sp, #96]
        .cfi_offset d8, -FRAME + 96
        .cfi_offset d9, -FRAME + 104
        stp     d10, d11, [sp, #112]
        .cfi_offset d10, -FRAME + 112
        .cfi_offset d11, -FRAME + 120
        stp     d12, d13, [sp, #128]
        .cfi_offset d12, -FRAME + 128
        .cfi_offset d13, -FRAME + 136
        stp     d14, d15, [sp, #144]
        .cfi_offset d14, -FRAME + 144
        .cfi_offset d15, -FRAME + 152
        adr     x9, gt_ctx_resumed
        stp     x29, x29, [x0]          /* sp, fp */
        str     x9, [x0, #16]
        .endm

/* void gt_ctx_call(struct gt_ctx *save, void *top, void (*fn)(void *), void *arg) */
        .globl  gt_ctx_call
        .type   gt_ctx_call, %function
        .p2align 5
gt_ctx_call:
        .cfi_startproc
        suspend
        .cfi_undefined x30
        and     x1, x1, #-16
        mov     sp, x1
        mov     x29, xzr
        mov     x30, xzr                /* fn's return address: I2 */
        mov     x0, x3
        mov     x16, x2
        br      x16
        .cfi_endproc
        .size   gt_ctx_call, . - gt_ctx_call

/* void gt_ctx_switch(struct gt_ctx *save, const struct gt_ctx *to) */
        .globl  gt_ctx_switch
        .type   gt_ctx_switch, %function
        .p2align 5
gt_ctx_switch:
        .cfi_startproc
        suspend
        ldp     x9, x29, [x1]
        ldr     x16, [x1, #16]
        mov     sp, x9
        br      x16

/* Where contexts suspended by the two functions above go on: the frame is theirs. */
        .globl  gt_ctx_resumed
        .hidden gt_ctx_resumed
gt_ctx_resumed:
        hint    #38                     /* bti jc */
        ldp     d14, d15, [sp, #144]
        ldp     d12, d13, [sp, #128]
        ldp     d10, d11, [sp, #112]
        ldp     d8, d9, [sp, #96]
        ldp     x27, x28, [sp, #80]
        ldp     x25, x26, [sp, #64]
        ldp     x23, x24, [sp, #48]
        ldp     x21, x22, [sp, #32]
        ldp     x19, x20, [sp, #16]
        ldp     x29, x30, [sp], #FRAME
        .cfi_def_cfa sp, 0
        .cfi_same_value x30
        .cfi_same_value x29
        br      x30
        .cfi_endproc
        .size   gt_ctx_switch, . - gt_ctx_switch

/* void gt_ctx_jump(const struct gt_ctx *to) */
        .globl  gt_ctx_jump
        .type   gt_ctx_jump, %function
        .p2align 5
gt_ctx_jump:
        .cfi_startproc
        hint    #34                     /* bti c */
        ldp     x9, x29, [x0]
        ldr     x16, [x0, #16]
        mov     sp, x9
        .cfi_undefined x30
        br      x16
        .cfi_endproc
        .size   gt_ctx_jump, . - gt_ctx_jump

/* A fresh context starts here: fn and arg lie at sp (ctx.c). */
        .globl  gt_ctx_entry
        .hidden gt_ctx_entry
        .type   gt_ctx_entry, %function
        .p2align 5
gt_ctx_entry:
        .cfi_startproc
        .cfi_undefined x30
        hint    #38                     /* bti jc */
        ldp     x16, x0, [sp], #16
        mov     x30, xzr
        br      x16
        .cfi_endproc
        .size   gt_ctx_entry, . - gt_ctx_entry

        .section .note.GNU-stack, "", %progbits
