/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keep_aarch64.S by itself: what a callee keeps is in the G when C goes on. Cross-compiled by
 * switch_aarch64.sh, with stand-ins for the C that it goes on in.
 */
#include <stdint.h>
#include <string.h>

#include "core/offsets.h"
#include "tap.h"

void gt_syscall_enter(void);
void gt_syscall_enter_blocking(void);
void gt_g_pretend_wait(void *m, int why);
void gt_syscall_enter_kept(void);
void gt_syscall_enter_blocking_kept(void);
void gt_g_pretend_wait_kept(void *m, int why);

static _Alignas(64) char g[1024];
static _Alignas(64) char m[64];
_Thread_local void *gt_tls_m_slot;
static int came_to, why_seen;

void gt_syscall_enter_kept(void)
{
    came_to = 1;
}
void gt_syscall_enter_blocking_kept(void)
{
    came_to = 2;
}
void gt_g_pretend_wait_kept(void *mv, int why)
{
    came_to = mv == m ? 3 : 0;
    why_seen = why;
}

#define LOST                                                                                       \
    "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13",       \
        "x14", "x15", "x16", "x17", "x30", "cc", "memory"
#define KEPT                                                                                       \
    "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28", "d8", "d9", "d10",      \
        "d11", "d12", "d13", "d14", "d15"
#define FILL                                                                                       \
    "mov x19, #19\n mov x20, #20\n mov x21, #21\n mov x22, #22\n mov x23, #23\n"              \
    "mov x24, #24\n mov x25, #25\n mov x26, #26\n mov x27, #27\n mov x28, #28\n"              \
    "fmov d8, x19\n fmov d9, x20\n fmov d10, x21\n fmov d11, x22\n"                           \
    "fmov d12, x23\n fmov d13, x24\n fmov d14, x25\n fmov d15, x26\n"

static void look(const char *what, int want)
{
    uint64_t word[1 + GT_GC_REGS];
    memcpy(word, g + GT_OFFSET_G_GC_SP, sizeof word);
    bool same = came_to == want;
    for (uint64_t i = 0; i < 10; i++)
        same = same && word[1 + i] == 19 + i;
    for (uint64_t i = 0; i < 8; i++)
        same = same && word[12 + i] == 19 + i;
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    ok(same, "%s keeps x19 to x28 and d8 to d15, and goes on", what);
    ok(word[0] > here && word[0] < here + 512 && word[11] >= word[0] && word[11] < here + 512,
       "%s keeps sp and x29", what);
    memset(g, 0, sizeof g);
    came_to = 0;
}

int main(void)
{
    void *at = g;
    memcpy(m + GT_OFFSET_M_G, &at, sizeof at);
    gt_tls_m_slot = m;
    plan(7);
    __asm__ volatile(FILL "bl gt_syscall_enter" ::: LOST, KEPT);
    look("gt_syscall_enter", 1);
    __asm__ volatile(FILL "bl gt_syscall_enter_blocking" ::: LOST, KEPT);
    look("gt_syscall_enter_blocking", 2);
    register void *arg0 __asm__("x0") = m;
    register int arg1 __asm__("x1") = 7;
    __asm__ volatile(FILL "bl gt_g_pretend_wait" : "+r"(arg0), "+r"(arg1)::"x2", "x3", "x4", "x5",
                     "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16",
                     "x17", "x30", "cc", "memory", KEPT);
    look("gt_g_pretend_wait", 3);
    ok(why_seen == 7, "the arguments of gt_g_pretend_wait arrive");
    return done_testing();
}
