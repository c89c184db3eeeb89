/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Debug data of the own process: libdw, wrapped once. Private to core/.
 *
 * Not thread-safe: one caller at a time for each handle. Reads files, allocates from the
 * C library, wants a stack of some 100 KB. It asks no server (debuginfod) for what is not
 * on this machine.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct Dwfl;

struct gt_debug_frame {
    const char *func; /* never NULL */
    const char *file; /* NULL: unknown */
    uint32_t line;    /* 0: unknown */
    bool symbol;      /* func is from the symbol table, `offset` before the address */
    uint64_t offset;
};

/* NULL: no memory. Opens no file yet. */
struct Dwfl *gt_debug_open(void);
void gt_debug_close(struct Dwfl *d);
/*
 * What stands at addr: logical frames, innermost first; entry: only the function itself,
 * at its definition. d may be NULL: then what the dynamic loader knows. Any address, any n.
 * 0: in no code that is loaded, or code without a name. Strings live until close.
 * Limit: an object opened where a closed one had been is taken for that one.
 */
uint32_t gt_debug_find(struct Dwfl *d, uintptr_t addr, bool entry, struct gt_debug_frame *out,
                       uint32_t n);
