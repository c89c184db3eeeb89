/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contexts: what needs no assembler. See port.h for the contract, switch_<arch>.S for
 * the layout.
 */
#include "port/port.h"

_Static_assert(offsetof(struct gt_ctx, sp) == 0 && offsetof(struct gt_ctx, fp) == 8 &&
                   offsetof(struct gt_ctx, pc) == 16,
               "as switch_<arch>.S and native.h have it");

/* Labels in switch_<arch>.S. */
__attribute__((visibility("hidden"))) extern const char gt_ctx_entry[];
__attribute__((visibility("hidden"))) extern const char gt_ctx_resumed[];

/* What gt_ctx_entry finds at sp. Its end is where the stack stands when fn begins: aligned
 * as after a call, above a return address of 0. */
struct start_frame {
    void (*fn)(void *);
    void *arg;
#if defined(__x86_64__)
    uintptr_t return_address;
#endif
};

struct frame_record {
    struct frame_record *caller;
    uintptr_t return_address;
};

void gt_ctx_make(struct gt_ctx *ctx, void *top, void (*fn)(void *), void *arg)
{
    struct start_frame *f = (struct start_frame *)((uintptr_t)top & ~(uintptr_t)15) - 1;
    *f = (struct start_frame){.fn = fn, .arg = arg};
    *ctx = (struct gt_ctx){.sp = f, .pc = (void *)(uintptr_t)gt_ctx_entry};
}

/* Suspended in gt_ctx_call or gt_ctx_switch: its frame is left out of walks. */
static const struct frame_record *own_frame(const struct gt_ctx *ctx)
{
    return ctx->pc == gt_ctx_resumed ? ctx->fp : NULL;
}

uintptr_t gt_ctx_fp(const struct gt_ctx *ctx)
{
    const struct frame_record *own = own_frame(ctx);
    return own ? (uintptr_t)own->caller : (uintptr_t)ctx->fp;
}

uintptr_t gt_ctx_pc(const struct gt_ctx *ctx)
{
    const struct frame_record *own = own_frame(ctx);
    if (own)
        return own->return_address;
    if (ctx->pc == gt_ctx_entry)
        return (uintptr_t)((const struct start_frame *)ctx->sp)->fn;
    return (uintptr_t)ctx->pc;
}
