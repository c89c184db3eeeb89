/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every plugin table starts with, how it is checked and loaded.
 *
 * A plugin is a const table. Built-in ones are named in runtimes.def; an
 * out-of-tree one is a shared object that exports one getter:
 *
 *     GT_PLUGIN_EXPORT(scheduler, my_ops)
 *
 * and is opened by its path wherever a verb takes a name. It needs no symbol of
 * the host: what it may call comes in a host table.
 */
#pragma once
#include "gauntlet/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* An old plugin is one that was compiled with an earlier SDK: a member that comes in the middle of a
 * table or of a struct that plugins see, goes, or changes is a new major. tests/unit/plugin_test.c
 * holds the sizes. 2: since the first SDK the hosts, gt_mach and the tracer's table grew inside. */
#define GT_ABI_MAJOR 2 /* grows when an old plugin can no longer work */
#define GT_ABI_MINOR 0 /* grows when something is added at the end */

#define GT_MAGIC_SCHEDULER 0x47545343u /* "GTSC" */
#define GT_MAGIC_TRACER 0x47545452u    /* "GTTR" */
#define GT_MAGIC_WORKLOAD 0x4754574bu  /* "GTWK" */
#define GT_MAGIC_RUNTIME 0x47545254u   /* "GTRT" */
#define GT_MAGIC_HOST 0x4754484fu      /* "GTHO" */
#define GT_MAGIC_STRESS 0x47545354u    /* "GTST" */

/* The port a plugin was built for: one built for another is refused. */
#ifndef GT_PLUGIN_PORT
#define GT_PLUGIN_PORT 1u /* native */
#endif

struct gt_plugin_head {
    uint32_t magic;
    uint16_t abi_major, abi_minor;
    uint32_t struct_size; /* sizeof the whole ops table */
    uint32_t port;        /* GT_PLUGIN_PORT */
    const char *name;     /* lower case, as typed on the command line */
    const char *summary;  /* one line */
    uint64_t flags;       /* capabilities, per kind */
};
#define GT_PLUGIN_HEAD(kind_magic, type, name_, summary_, flags_)                                  \
    {                                                                                              \
        .magic = (kind_magic), .abi_major = GT_ABI_MAJOR, .abi_minor = GT_ABI_MINOR,               \
        .struct_size = (uint32_t)sizeof(type), .port = GT_PLUGIN_PORT, .name = (name_),            \
        .summary = (summary_), .flags = (flags_)                                                   \
    }

/* Symbols a shared object may export, by kind. */
#define GT_PLUGIN_SYMBOL_SCHEDULER "gt_plugin_scheduler"
#define GT_PLUGIN_SYMBOL_TRACER "gt_plugin_tracer"
#define GT_PLUGIN_SYMBOL_WORKLOAD "gt_plugin_workload"

typedef const struct gt_plugin_head *(*gt_plugin_getter)(uint16_t host_abi_major);
#define GT_PLUGIN_EXPORT(kind, ops)                                                                \
    __attribute__((visibility("default"))) const struct gt_plugin_head *gt_plugin_##kind(          \
        uint16_t host_abi_major);                                                                  \
    const struct gt_plugin_head *gt_plugin_##kind(uint16_t host_abi_major)                         \
    {                                                                                              \
        (void)host_abi_major;                                                                      \
        return &(ops).head;                                                                        \
    }

/*
 * Validates a table: magic, ABI, size, port, and that every op which its flags
 * require is there. 0, or -EINVAL with one line in err that names the plugin,
 * what is wrong and what to do. Thread-safe.
 */
int gt_plugin_check(const struct gt_plugin_head *head, uint32_t magic, char *err, size_t err_size);

/*
 * Finds a plugin by name, or opens it when `name` holds a '/'. The object stays
 * open until the process ends. NULL with one line in err; an unknown name lists
 * the known ones. Not for use inside a runtime (it allocates and may lock).
 */
const struct gt_plugin_head *gt_plugin_find(uint32_t magic, const char *name, char *err,
                                            size_t err_size);

/* The i-th built-in of a kind, or NULL past the end. */
const struct gt_plugin_head *gt_plugin_builtin(uint32_t magic, size_t i);

/* One that is listed but was not built here: runtimes and tracers have such. */
struct gt_plugin_absent {
    const char *name, *summary;
    const char *why; /* "not built: libpth-dev is missing" */
};
/* The i-th of a kind, or NULL past the end. */
const struct gt_plugin_absent *gt_plugin_absent(uint32_t magic, size_t i);
/* By name, or NULL: it is built, or unknown. */
const struct gt_plugin_absent *gt_plugin_absent_find(uint32_t magic, const char *name);

/* The i-th that gt_plugin_find opens when it is asked for by name, why NULL; only tracers have
 * such. To list one it is not opened. */
const struct gt_plugin_absent *gt_plugin_on_demand(uint32_t magic, size_t i);

/* Plugin side of gt_await: see gauntlet/atomic.h. */
#define GT_PLUGIN_AWAIT(host)                                                                      \
    void gt_await_pause(uint32_t *n);                                                              \
    void gt_await_pause(uint32_t *n)                                                               \
    {                                                                                              \
        (host)->os->await_pause(n);                                                                \
    }

#ifdef __cplusplus
}
#endif
