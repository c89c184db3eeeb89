/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stack switches, System V x86-64. struct gt_ctx: sp at 0, fp at 8, pc at 16.
 *
 * I1  Where a context is suspended, rbx, r12 to r15 lie on its own stack; its pc is
 *     gt_ctx_resumed, which takes them back, or a place in C whose compiler was told
 *     that they are lost (gt_ctx_switch_inline).
 * I2  A suspended context's fp is a frame record {caller's fp, return address}, and the
 *     outermost frame of each stack has fp 0 and return address 0: walks end there.
 *
 * Jumps, not returns: `ret` would be predicted from the calls of the context that was
 * left, and miss. Still the call of gt_ctx_switch itself costs more than the rest; where
 * a switch is hot, the inline variants are three to ten times faster.
 * Not saved: mxcsr and the x87 control word. The ABI makes them callee-saved, so that
 * they hold across every call but one to a function meant to set them; a runtime whose
 * Gs set them for themselves alone would have to.
 * CET: nothing here is a landing pad (endbr64) and a shadow stack would not follow, so
 * this object carries no CET property note and the linker then asks for neither.
 */
        .text

/* void gt_ctx_call(struct gt_ctx *save, void *top, void (*fn)(void *), void *arg) */
        .globl  gt_ctx_call
        .type   gt_ctx_call, @function
        .p2align 5
gt_ctx_call:
        .cfi_startproc
        pushq   %rbp
        .cfi_def_cfa_offset 16
        .cfi_offset %rbp, -16
        movq    %rsp, %rbp
        .cfi_def_cfa_register %rbp
        pushq   %rbx
        pushq   %r12
        pushq   %r13
        pushq   %r14
        pushq   %r15
        leaq    gt_ctx_resumed(%rip), %rax
        movq    %rsp, (%rdi)
        movq    %rbp, 8(%rdi)
        movq    %rax, 16(%rdi)
        .cfi_undefined %rip
        andq    $-16, %rsi
        movq    %rsi, %rsp
        xorl    %ebp, %ebp
        pushq   $0                      /* fn's return address: I2, and its alignment */
        movq    %rcx, %rdi
        jmpq    *%rdx
        .cfi_endproc
        .size   gt_ctx_call, . - gt_ctx_call

/* void gt_ctx_switch(struct gt_ctx *save, const struct gt_ctx *to) */
        .globl  gt_ctx_switch
        .type   gt_ctx_switch, @function
        .p2align 5
gt_ctx_switch:
        .cfi_startproc
        pushq   %rbp
        .cfi_def_cfa_offset 16
        .cfi_offset %rbp, -16
        movq    %rsp, %rbp
        .cfi_def_cfa_register %rbp
        pushq   %rbx
        .cfi_offset %rbx, -24
        pushq   %r12
        .cfi_offset %r12, -32
        pushq   %r13
        .cfi_offset %r13, -40
        pushq   %r14
        .cfi_offset %r14, -48
        pushq   %r15
        .cfi_offset %r15, -56
        leaq    gt_ctx_resumed(%rip), %rax
        movq    %rsp, (%rdi)
        movq    %rbp, 8(%rdi)
        movq    %rax, 16(%rdi)
        movq    (%rsi), %rsp
        movq    8(%rsi), %rbp
        jmpq    *16(%rsi)

/* Where contexts suspended by the two functions above go on: the frame is theirs. */
        .globl  gt_ctx_resumed
        .hidden gt_ctx_resumed
gt_ctx_resumed:
        popq    %r15
        .cfi_restore %r15
        popq    %r14
        .cfi_restore %r14
        popq    %r13
        .cfi_restore %r13
        popq    %r12
        .cfi_restore %r12
        popq    %rbx
        .cfi_restore %rbx
        popq    %rbp
        .cfi_restore %rbp
        .cfi_def_cfa %rsp, 8
        popq    %rcx
        .cfi_def_cfa_offset 0
        .cfi_register %rip, %rcx
        jmpq    *%rcx
        .cfi_endproc
        .size   gt_ctx_switch, . - gt_ctx_switch

/* void gt_ctx_jump(const struct gt_ctx *to) */
        .globl  gt_ctx_jump
        .type   gt_ctx_jump, @function
        .p2align 5
gt_ctx_jump:
        .cfi_startproc
        movq    (%rdi), %rsp
        .cfi_undefined %rip
        movq    8(%rdi), %rbp
        jmpq    *16(%rdi)
        .cfi_endproc
        .size   gt_ctx_jump, . - gt_ctx_jump

/* A fresh context starts here: fn, arg and a return address of 0 lie at sp (ctx.c). */
        .globl  gt_ctx_entry
        .hidden gt_ctx_entry
        .type   gt_ctx_entry, @function
        .p2align 5
gt_ctx_entry:
        .cfi_startproc
        .cfi_undefined %rip
        popq    %rdx
        popq    %rdi
        jmpq    *%rdx
        .cfi_endproc
        .size   gt_ctx_entry, . - gt_ctx_entry

        .section .note.GNU-stack, "", @progbits
