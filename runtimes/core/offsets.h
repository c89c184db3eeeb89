/* SPDX-License-Identifier: Apache-2.0 */
/* What keep_<arch>.S knows of C's structs; state.h asserts that it is so. For both. */
#pragma once

#define GT_OFFSET_M_G 24      /* struct gt_m: t.g */
#define GT_OFFSET_G_GC_SP 320 /* struct gt_g: gc_sp, and right behind it gc_regs */

/* Registers that a callee keeps, but for the stack pointer. */
#if defined(__aarch64__)
#define GT_GC_REGS 19 /* x19 to x29, d8 to d15 */
#else
#define GT_GC_REGS 6 /* rbx, rbp, r12 to r15 */
#endif
