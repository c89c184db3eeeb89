/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plugin tables: what is built in, what a table must hold, and opening one by path.
 *
 * Invariants:
 *   I1 Nothing here is mutable: an opened object stays open until the process ends, so
 *      no list of handles is kept.
 *   I2 A field of a table is read only after what stands before it made sense: the magic
 *      before the ABI, the ABI before the size, the size before any op.
 *   I3 Every peer of runtimes.def is among the runtimes or among the absent, never both: which
 *      is decided by CMake alone, in gt_peers.h.
 * Every error is one line: which plugin, what is wrong, what to do.
 */
#include <ctype.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "gauntlet/plugin.h"
#include "gauntlet/runtime.h"
#include "gauntlet/scheduler.h"
#include "gauntlet/tracer.h"
#include "gauntlet/workload.h"
#include "gt_peers.h"
#include "gt_tracer_plugins.h"
#include "port/port.h"

#define GT_SCHEDULER(symbol, summary) extern const struct gt_scheduler_ops gt_scheduler_##symbol;
#define GT_TRACER(symbol, summary) extern const struct gt_tracer_ops gt_tracer_##symbol;
#define GT_PEER(symbol, name, summary) extern const struct gt_runtime_ops gt_peer_##symbol;
#include "runtimes.def"

static const struct gt_plugin_head *const builtin_schedulers[] = {
#define GT_SCHEDULER(symbol, summary) &gt_scheduler_##symbol.head,
#include "runtimes.def"
};
static const struct gt_plugin_head *const builtin_tracers[] = {
#define GT_TRACER(symbol, summary) &gt_tracer_##symbol.head,
#include "runtimes.def"
};
/* NULL: a peer that was not built. */
static const struct gt_plugin_head *const builtin_runtimes[] = {
    &gt_gmp.head,
#define GT_PEER(symbol, name, summary) GT_PEER_HEAD_##symbol,
#include "runtimes.def"
};
/* why NULL: it was built. */
static const struct gt_plugin_absent peers[] = {
#define GT_PEER(symbol, name, summary) {name, summary, GT_PEER_WHY_##symbol},
#include "runtimes.def"
};

/* Shared objects that are opened by name. why NULL: it was built. */
static const struct gt_plugin_absent tracer_plugins[] = {
#define GT_TRACER_PLUGIN(symbol, summary) {#symbol, summary, GT_TRACER_PLUGIN_WHY_##symbol},
#include "runtimes.def"
};

/* An op that a table must hold: always (with == 0), or when one of the flags `with` is
 * set; never when one of `unless` is. */
struct required {
    const char *name;
    size_t offset;
    uint64_t with, unless;
};
#define ALWAYS(type, op)        {#op, offsetof(struct type, op), 0, 0}
#define WITH(type, op, flags)   {#op, offsetof(struct type, op), (flags), 0}
#define UNLESS(type, op, flags) {#op, offsetof(struct type, op), 0, (flags)}

static const struct required scheduler_ops[] = {
    ALWAYS(gt_scheduler_ops, init),         ALWAYS(gt_scheduler_ops, fini),
    ALWAYS(gt_scheduler_ops, enqueue),      ALWAYS(gt_scheduler_ops, enqueue_batch),
    ALWAYS(gt_scheduler_ops, pick),         ALWAYS(gt_scheduler_ops, has_work),
    ALWAYS(gt_scheduler_ops, drain),        ALWAYS(gt_scheduler_ops, drain_shared),
    ALWAYS(gt_scheduler_ops, fairness),
};
static const struct required tracer_ops[] = {
    ALWAYS(gt_tracer_ops, init),
    ALWAYS(gt_tracer_ops, fini),
    ALWAYS(gt_tracer_ops, start),
    ALWAYS(gt_tracer_ops, stop),
    WITH(gt_tracer_ops, advance, GT_TRACER_GENERATIONS),
    UNLESS(gt_tracer_ops, acquire, GT_TRACER_NULL),
    UNLESS(gt_tracer_ops, release, GT_TRACER_NULL),
};
static const struct required workload_ops[] = {
    ALWAYS(gt_workload_ops, run),
};
#define PEER GT_RT_SUBPROCESS
#define IN_PROCESS(op, flags) {#op, offsetof(struct gt_runtime_ops, op), (flags), PEER}
static const struct required runtime_ops[] = {
    UNLESS(gt_runtime_ops, create, PEER),
    UNLESS(gt_runtime_ops, run, PEER),
    UNLESS(gt_runtime_ops, interrupt, PEER),
    UNLESS(gt_runtime_ops, destroy, PEER),
    UNLESS(gt_runtime_ops, stats, PEER),
    UNLESS(gt_runtime_ops, go, PEER),
    UNLESS(gt_runtime_ops, yield, PEER),
    UNLESS(gt_runtime_ops, now, PEER),
    WITH(gt_runtime_ops, park, GT_RT_PARK),
    WITH(gt_runtime_ops, ready, GT_RT_PARK),
    WITH(gt_runtime_ops, chan_new, GT_RT_CHAN),
    WITH(gt_runtime_ops, chan_free, GT_RT_CHAN),
    WITH(gt_runtime_ops, chan_send, GT_RT_CHAN),
    WITH(gt_runtime_ops, chan_recv, GT_RT_CHAN),
    WITH(gt_runtime_ops, chan_close, GT_RT_CHAN),
    WITH(gt_runtime_ops, timer_new, GT_RT_TIMERS),
    WITH(gt_runtime_ops, timer_start, GT_RT_TIMERS),
    WITH(gt_runtime_ops, timer_stop, GT_RT_TIMERS),
    WITH(gt_runtime_ops, timer_free, GT_RT_TIMERS),
    WITH(gt_runtime_ops, syscall_enter, GT_RT_SYSCALL),
    WITH(gt_runtime_ops, syscall_exit, GT_RT_SYSCALL),
    WITH(gt_runtime_ops, fd_open, GT_RT_NETPOLL),
    WITH(gt_runtime_ops, fd_read, GT_RT_NETPOLL),
    WITH(gt_runtime_ops, fd_write, GT_RT_NETPOLL),
    WITH(gt_runtime_ops, fd_close, GT_RT_NETPOLL),
    WITH(gt_runtime_ops, stop_world, GT_RT_WORLD),
    WITH(gt_runtime_ops, start_world, GT_RT_WORLD),
    WITH(gt_runtime_ops, set_procs, GT_RT_PROCS),
    WITH(gt_runtime_ops, gc, GT_RT_GC),
    WITH(gt_runtime_ops, callback, GT_RT_CALLBACK),
    WITH(gt_runtime_ops, coro_new, GT_RT_CORO),
    WITH(gt_runtime_ops, coro_switch, GT_RT_CORO),
    WITH(gt_runtime_ops, coro_free, GT_RT_CORO),
    IN_PROCESS(trace_start, GT_RT_TRACE), /* a peer elsewhere traces when run_cell is asked to */
    IN_PROCESS(trace_stop, GT_RT_TRACE),
    WITH(gt_runtime_ops, run_cell, GT_RT_SUBPROCESS),
};

/* All that differs between kinds. */
struct kind {
    uint32_t magic;
    const char *name;    /* "scheduler" */
    const char *symbol;  /* of the getter, NULL: not to be loaded */
    size_t size;         /* of the table at ABI minor 0: what a host may read */
    const struct gt_plugin_head *const *builtin;
    size_t n_builtin;
    const struct required *required;
    size_t n_required;
};
#define COUNT(a) (sizeof(a) / sizeof(a)[0])
static const struct kind kinds[] = {
    {GT_MAGIC_SCHEDULER, "scheduler", GT_PLUGIN_SYMBOL_SCHEDULER, sizeof(struct gt_scheduler_ops),
     builtin_schedulers, COUNT(builtin_schedulers), scheduler_ops, COUNT(scheduler_ops)},
    {GT_MAGIC_TRACER, "tracer", GT_PLUGIN_SYMBOL_TRACER, sizeof(struct gt_tracer_ops),
     builtin_tracers, COUNT(builtin_tracers), tracer_ops, COUNT(tracer_ops)},
    {GT_MAGIC_WORKLOAD, "workload", GT_PLUGIN_SYMBOL_WORKLOAD, sizeof(struct gt_workload_ops),
     NULL, 0, workload_ops, COUNT(workload_ops)},
    {GT_MAGIC_RUNTIME, "runtime", NULL, sizeof(struct gt_runtime_ops),
     builtin_runtimes, COUNT(builtin_runtimes), runtime_ops, COUNT(runtime_ops)},
};

static const struct kind *kind_of(uint32_t magic)
{
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (kinds[i].magic == magic)
            return &kinds[i];
    return NULL;
}

/* ---- messages ------------------------------------------------------------------- */
GT_PRINTF(3, 4) static void say(char *err, size_t size, const char *fmt, ...)
{
    va_list ap;
    if (!err || size == 0)
        return;
    va_start(ap, fmt);
    vsnprintf(err, size, fmt, ap);
    va_end(ap);
}

/* The loader's reason: the first line of its text, without the path that we name anyway. */
static const char *loader_reason(char *buf, size_t size, const char *path)
{
    const char *text = dlerror();
    size_t n = strlen(path);
    if (!text)
        text = "no reason given";
    if (strncmp(text, path, n) == 0 && strncmp(text + n, ": ", 2) == 0)
        text += n + 2;
    snprintf(buf, size, "%s", text);
    buf[strcspn(buf, "\n")] = '\0';
    return buf;
}

/* ---- check --------------------------------------------------------------------------- */
/* `who` stands for the plugin until its name can be trusted. */
struct check {
    const struct gt_plugin_head *head;
    const struct kind *kind;
    const char *who;
    char *err;
    size_t err_size;
};
#define REFUSE(c, ...)                                                                             \
    do {                                                                                           \
        say((c)->err, (c)->err_size, __VA_ARGS__);                                                 \
        return -EINVAL;                                                                            \
    } while (0)

static int check_magic(const struct check *c)
{
    const struct kind *other = kind_of(c->head->magic);
    if (c->head->magic == c->kind->magic)
        return 0;
    if (other)
        REFUSE(c, "%s: it is a %s, not a %s: pass it as one", c->who, other->name, c->kind->name);
    REFUSE(c, "%s: magic 0x%08x instead of 0x%08x: not a %s table; start it with GT_PLUGIN_HEAD",
           c->who, c->head->magic, c->kind->magic, c->kind->name);
}

static int check_abi(const struct check *c)
{
    const struct gt_plugin_head *h = c->head;
    if (h->abi_major != GT_ABI_MAJOR)
        REFUSE(c, "%s: built for plugin ABI %u, this program has ABI %u: rebuild it with this SDK",
               c->who, h->abi_major, GT_ABI_MAJOR);
    if (h->abi_minor > GT_ABI_MINOR)
        REFUSE(c, "%s: built for plugin ABI %u.%u, this program has %u.%u: rebuild it with this "
                  "SDK or update this program",
               c->who, h->abi_major, h->abi_minor, GT_ABI_MAJOR, GT_ABI_MINOR);
    if (h->struct_size < c->kind->size)
        REFUSE(c, "%s: its table has %u bytes, a %s of ABI %u.%u has %zu: set struct_size with "
                  "GT_PLUGIN_HEAD",
               c->who, h->struct_size, c->kind->name, GT_ABI_MAJOR, GT_ABI_MINOR, c->kind->size);
    if (h->port != GT_PLUGIN_PORT)
        REFUSE(c, "%s: built for port %u, this program runs on port %u: rebuild it with "
                  "-DGT_PLUGIN_PORT=%uu",
               c->who, h->port, GT_PLUGIN_PORT, GT_PLUGIN_PORT);
    return 0;
}

static bool name_is_valid(const char *name)
{
    if (!*name)
        return false;
    for (; *name; name++)
        if (!islower((unsigned char)*name) && !isdigit((unsigned char)*name) && *name != '_' &&
            *name != '-')
            return false;
    return true;
}

static int check_texts(const struct check *c)
{
    if (!c->head->name)
        REFUSE(c, "%s: it has no name: set head.name", c->who);
    if (!name_is_valid(c->head->name))
        REFUSE(c, "%s: its name '%.32s' is not made of a-z, 0-9, '-', '_': rename it", c->who,
               c->head->name);
    if (!c->head->summary)
        REFUSE(c, "%s: it has no summary: set head.summary to one line", c->who);
    return 0;
}

static bool is_missing(const struct gt_plugin_head *h, const struct required *r)
{
    void (*op)(void);
    if (r->with && !(h->flags & r->with))
        return false;
    if (h->flags & r->unless)
        return false;
    memcpy(&op, (const char *)h + r->offset, sizeof op);
    return op == NULL;
}

static int check_ops(const struct check *c)
{
    for (size_t i = 0; i < c->kind->n_required; i++) {
        const struct required *r = &c->kind->required[i];
        if (!is_missing(c->head, r))
            continue;
        if (r->with)
            REFUSE(c, "%s: op '%s' is missing, which its flags 0x%llx require: fill it in or "
                      "clear the flag",
                   c->who, r->name, (unsigned long long)c->head->flags);
        REFUSE(c, "%s: op '%s' is missing: every %s needs it", c->who, r->name, c->kind->name);
    }
    return 0;
}

static int check_flags(const struct check *c)
{
    if (c->kind->magic == GT_MAGIC_SCHEDULER && (c->head->flags & GT_SCHED_NUMA)) {
        const struct gt_scheduler_ops *ops = (const void *)c->head;
        if (ops->node_state == 0)
            REFUSE(c, "%s: flag GT_SCHED_NUMA needs node_state > 0: set it or clear the flag",
                   c->who);
    }
    return 0;
}

/* The whole check; `who` NULL: the plugin's own name. */
static int check_table(const struct gt_plugin_head *head, const struct kind *kind, const char *who,
                       char *err, size_t err_size)
{
    struct check c = {head, kind, who ? who : kind->name, err, err_size};
    int rc = check_magic(&c);
    if (rc == 0 && !who && head->name)
        c.who = head->name;
    if (rc == 0)
        rc = check_abi(&c);
    if (rc == 0)
        rc = check_texts(&c);
    if (rc == 0)
        rc = check_ops(&c);
    return rc ? rc : check_flags(&c);
}

int gt_plugin_check(const struct gt_plugin_head *head, uint32_t magic, char *err, size_t err_size)
{
    const struct kind *kind = kind_of(magic);
    if (!kind) {
        say(err, err_size, "0x%08x is no kind of plugin: pass one of GT_MAGIC_*", magic);
        return -EINVAL;
    }
    if (!head) {
        say(err, err_size, "%s: no table at all (NULL)", kind->name);
        return -EINVAL;
    }
    return check_table(head, kind, NULL, err, err_size);
}

/* ---- find ------------------------------------------------------------------------------- */
const struct gt_plugin_head *gt_plugin_builtin(uint32_t magic, size_t i)
{
    const struct kind *kind = kind_of(magic);
    for (size_t at = 0; kind && at < kind->n_builtin; at++)
        if (kind->builtin[at] && i-- == 0)
            return kind->builtin[at];
    return NULL;
}

/* The i-th of a kind that is built, or that is not. */
static const struct gt_plugin_absent *listed(uint32_t magic, size_t i, bool built)
{
    bool tracers = magic == GT_MAGIC_TRACER;
    const struct gt_plugin_absent *all = tracers ? tracer_plugins : peers;
    size_t n = tracers ? COUNT(tracer_plugins) : magic == GT_MAGIC_RUNTIME ? COUNT(peers) : 0;
    for (size_t at = 0; at < n; at++)
        if (!all[at].why == built && i-- == 0)
            return &all[at];
    return NULL;
}

const struct gt_plugin_absent *gt_plugin_absent(uint32_t magic, size_t i)
{
    return listed(magic, i, false);
}

const struct gt_plugin_absent *gt_plugin_on_demand(uint32_t magic, size_t i)
{
    return magic == GT_MAGIC_TRACER ? listed(magic, i, true) : NULL;
}

const struct gt_plugin_absent *gt_plugin_absent_find(uint32_t magic, const char *name)
{
    const struct gt_plugin_absent *a = NULL;
    for (size_t i = 0; (a = gt_plugin_absent(magic, i)) != NULL; i++)
        if (strcmp(a->name, name) == 0)
            break;
    return a;
}

/* "scheduler 'x' is unknown: use a, b or a path ..." */
static void say_unknown(const struct kind *kind, const char *name, char *err, size_t size)
{
    char known[256] = "";
    size_t at = 0;
    for (size_t i = 0; i < kind->n_builtin && at < sizeof known; i++)
        if (kind->builtin[i])
            at += (size_t)snprintf(known + at, sizeof known - at, "%s%s", i ? ", " : "",
                                   kind->builtin[i]->name);
    const struct gt_plugin_absent *a = NULL;
    for (size_t i = 0; (a = gt_plugin_on_demand(kind->magic, i)) && at < sizeof known; i++)
        at += (size_t)snprintf(known + at, sizeof known - at, ", %s", a->name);
    const char *path = kind->symbol ? "the path of a shared object, with a '/' in it" : "";
    say(err, size, "%s '%s' is unknown: use %s%s%s", kind->name, name, known,
        kind->n_builtin && kind->symbol ? " or " : "", path);
}

static const struct gt_plugin_head *find_builtin(const struct kind *kind, const char *name)
{
    for (size_t i = 0; i < kind->n_builtin; i++)
        if (kind->builtin[i] && strcmp(kind->builtin[i]->name, name) == 0)
            return kind->builtin[i];
    return NULL;
}

/* What is wrong with the file itself, in words better than the loader's; else NULL. */
static const char *file_fault(const char *path)
{
    char magic[4] = {0};
    FILE *f = fopen(path, "rb");
    if (!f)
        return errno == ENOENT  ? "no such file: check the path"
               : errno == EACCES ? "not readable: check its permissions"
                                 : "cannot be opened: check the path";
    size_t n = fread(magic, 1, sizeof magic, f);
    bool unreadable = ferror(f) != 0;
    fclose(f);
    if (unreadable)
        return "cannot be read: is it a directory?";
    if (n != sizeof magic || memcmp(magic, "\177ELF", sizeof magic) != 0)
        return "not a shared object: build it with -shared -fPIC";
    return NULL;
}

static const struct gt_plugin_head *open_plugin(const struct kind *kind, const char *path,
                                                char *err, size_t size)
{
    char line[256];
    const char *fault = file_fault(path);
    gt_plugin_getter getter;
    if (fault) {
        say(err, size, "%s: %s", path, fault);
        return NULL;
    }
    void *so = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!so) {
        say(err, size, "%s: the loader refuses it: %s: build it as a shared object against the SDK",
            path, loader_reason(line, sizeof line, path));
        return NULL;
    }
    void *symbol = dlsym(so, kind->symbol);
    if (!symbol) {
        say(err, size, "%s: exports no '%s': is it a %s? Add GT_PLUGIN_EXPORT(%s, <table>)", path,
            kind->symbol, kind->name, kind->name);
        return NULL;
    }
    memcpy(&getter, &symbol, sizeof getter);
    const struct gt_plugin_head *head = getter(GT_ABI_MAJOR);
    if (!head) {
        say(err, size, "%s: it refuses plugin ABI %u of this program: rebuild it with this SDK",
            path, GT_ABI_MAJOR);
        return NULL;
    }
    return check_table(head, kind, path, err, size) == 0 ? head : NULL;
}

static bool is_on_demand(uint32_t magic, const char *name)
{
    const struct gt_plugin_absent *a = NULL;
    for (size_t i = 0; (a = gt_plugin_on_demand(magic, i)) != NULL; i++)
        if (strcmp(a->name, name) == 0)
            return true;
    return false;
}

/* NAME.so from where it is built or installed, seen from this program. */
static const struct gt_plugin_head *open_beside(const struct kind *kind, const char *name,
                                                char *err, size_t size)
{
    static const char *const places[] = {"plugins", "../plugins", "../lib/gauntlet/plugins",
                                         "../../../lib/gauntlet/plugins"};
    char file[256], path[4096];
    snprintf(file, sizeof file, "%s.so", name);
    if (gt_beside_program(places, COUNT(places), file, false, path, sizeof path))
        return open_plugin(kind, path, err, size);
    say(err, size, "%s '%s': no plugins/%s.so beside this program: build it, or pass its path",
        kind->name, name, name);
    return NULL;
}

const struct gt_plugin_head *gt_plugin_find(uint32_t magic, const char *name, char *err,
                                            size_t err_size)
{
    const struct kind *kind = kind_of(magic);
    if (!kind || !name) {
        say(err, err_size, "no kind or no name of a plugin given: pass a GT_MAGIC_* and a name");
        return NULL;
    }
    if (kind->symbol && strchr(name, '/'))
        return open_plugin(kind, name, err, err_size);
    const struct gt_plugin_head *head = find_builtin(kind, name);
    if (!head && is_on_demand(magic, name))
        return open_beside(kind, name, err, err_size);
    const struct gt_plugin_absent *absent = head ? NULL : gt_plugin_absent_find(magic, name);
    if (absent)
        say(err, err_size, "%s '%s' is %s", kind->name, name, absent->why);
    else if (!head)
        say_unknown(kind, name, err, err_size);
    return head;
}
