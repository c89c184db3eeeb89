/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An address becomes frames in three steps, each a fallback of the one before: the debug
 * data of its object (function, line, what was inlined), the object's symbol table, the
 * dynamic loader's table.
 *
 * Objects are made known to libdw one by one, as addresses in them come by: reading all
 * that a process maps would cost more than most traces need, and an object opened later
 * (a plugin) would be missed.
 */
#include "core/debugdata.h"

#include <dlfcn.h>
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <link.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define PATH_SIZE 4096
#define SELF "/proc/self/exe"
#define DEPTH 64 /* of blocks and inlined functions inside each other */

/* ---- which object ------------------------------------------------------------------ */
struct object {
    uintptr_t addr;
    uintptr_t bias;
    char path[PATH_SIZE];
};

static bool holds_code(const struct dl_phdr_info *info, uintptr_t addr)
{
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        uintptr_t start = info->dlpi_addr + p->p_vaddr;
        if (p->p_type == PT_LOAD && (p->p_flags & PF_X) && addr >= start &&
            addr - start < p->p_memsz)
            return true;
    }
    return false;
}

static int match_object(struct dl_phdr_info *info, size_t size, void *arg)
{
    struct object *o = arg;
    (void)size;
    if (!holds_code(info, o->addr))
        return 0;
    o->bias = info->dlpi_addr;
    const char *name = info->dlpi_name && info->dlpi_name[0] ? info->dlpi_name : SELF;
    snprintf(o->path, sizeof o->path, "%s", name);
    return 1;
}

/* Not called: each module is reported with its file. */
static int find_no_elf(Dwfl_Module *mod, void **data, const char *name, Dwarf_Addr base, char **path,
                       Elf **elf)
{
    (void)mod, (void)data, (void)name, (void)base, (void)path, (void)elf;
    return -1;
}

static const Dwfl_Callbacks callbacks = {
    .find_elf = find_no_elf,
    .find_debuginfo = dwfl_build_id_find_debuginfo, /* local files only */
};

struct Dwfl *gt_debug_open(void)
{
    return dwfl_begin(&callbacks);
}

void gt_debug_close(struct Dwfl *d)
{
    if (d)
        dwfl_end(d);
}

static Dwfl_Module *module_of(struct Dwfl *d, const struct object *o)
{
    Dwfl_Module *mod = d ? dwfl_addrmodule(d, o->addr) : NULL;
    if (mod || !d)
        return mod;
    dwfl_report_begin_add(d);
    (void)dwfl_report_elf(d, o->path, o->path, -1, o->bias, true);
    if (dwfl_report_end(d, NULL, NULL) != 0)
        return NULL;
    return dwfl_addrmodule(d, o->addr);
}

/* ---- debug data ---------------------------------------------------------------------- */
/* Not every compiler writes the table of address ranges: then each unit is asked. */
static Dwarf_Die *unit_of(Dwfl_Module *mod, uintptr_t addr, Dwarf_Addr *bias)
{
    Dwarf_Die *unit = dwfl_module_addrdie(mod, addr, bias);
    if (unit)
        return unit;
    while ((unit = dwfl_module_nextcu(mod, unit, bias)) != NULL)
        if (dwarf_haspc(unit, addr - *bias) == 1)
            break;
    return unit;
}

/* Where an inlined function was called. */
static void call_site(Dwarf_Die *die, struct gt_debug_frame *at)
{
    Dwarf_Die unit;
    Dwarf_Files *files = NULL;
    Dwarf_Attribute attr;
    Dwarf_Word file = 0, line = 0;
    size_t n = 0;
    at->file = NULL;
    at->line = 0;
    if (dwarf_formudata(dwarf_attr(die, DW_AT_call_line, &attr), &line) == 0)
        at->line = (uint32_t)line;
    if (dwarf_formudata(dwarf_attr(die, DW_AT_call_file, &attr), &file) == 0 &&
        dwarf_diecu(die, &unit, NULL, NULL) && dwarf_getsrcfiles(&unit, &files, &n) == 0 && file < n)
        at->file = dwarf_filesrc(files, file, NULL, NULL);
}

static void line_of(Dwarf_Die *unit, Dwarf_Addr at, struct gt_debug_frame *f)
{
    int line = 0;
    Dwarf_Line *l = dwarf_getsrc_die(unit, at);
    f->file = l ? dwarf_linesrc(l, NULL, NULL) : NULL;
    if (l && dwarf_lineno(l, &line) == 0 && line > 0)
        f->line = (uint32_t)line;
}

static uint32_t put(struct gt_debug_frame *out, uint32_t k, uint32_t n,
                    const struct gt_debug_frame *at, Dwarf_Die *die)
{
    const char *name = dwarf_diename(die);
    if (k == n)
        return k;
    out[k] = *at;
    out[k].func = name ? name : "?";
    return k + 1;
}

/* The function, block or inlined function directly inside `in` that holds the address. (The
 * library's own search for scopes looks at every entry of the unit, twice.) */
static bool holder_in(Dwarf_Die *in, Dwarf_Addr at, Dwarf_Die *out)
{
    Dwarf_Die inner;
    if (dwarf_child(in, out) != 0)
        return false;
    do {
        switch (dwarf_tag(out)) {
        case DW_TAG_subprogram:
        case DW_TAG_inlined_subroutine:
        case DW_TAG_lexical_block:
            if (dwarf_haspc(out, at) == 1)
                return true;
            break;
        case DW_TAG_namespace:
            if (holder_in(out, at, &inner)) {
                *out = inner;
                return true;
            }
            break;
        default:
            break;
        }
    } while (dwarf_siblingof(out, out) == 0);
    return false;
}

/* All that hold the address, outermost first. */
static int holders_at(Dwarf_Die *unit, Dwarf_Addr at, Dwarf_Die *path)
{
    int n = 0;
    for (Dwarf_Die *in = unit; n < DEPTH && holder_in(in, at, &path[n]); n++)
        in = &path[n];
    return n;
}

static uint32_t frames_at(Dwarf_Die *unit, Dwarf_Addr at, struct gt_debug_frame *out, uint32_t n)
{
    Dwarf_Die path[DEPTH];
    struct gt_debug_frame now = {0};
    uint32_t k = 0;
    bool whole = false;
    int depth = holders_at(unit, at, path);
    line_of(unit, at, &now);
    for (int i = depth - 1; i >= 0 && !whole; i--) {
        int tag = dwarf_tag(&path[i]);
        whole = tag == DW_TAG_subprogram;
        if (tag == DW_TAG_lexical_block)
            continue;
        k = put(out, k, n, &now, &path[i]);
        if (!whole)
            call_site(&path[i], &now);
    }
    return whole ? k : 0;
}

static uint32_t definition_at(Dwarf_Die *unit, Dwarf_Addr at, struct gt_debug_frame *out)
{
    Dwarf_Die path[DEPTH];
    struct gt_debug_frame f = {0};
    int line = 0, i = holders_at(unit, at, path) - 1;
    while (i >= 0 && dwarf_tag(&path[i]) != DW_TAG_subprogram)
        i--;
    if (i < 0)
        return 0;
    f.file = dwarf_decl_file(&path[i]);
    if (dwarf_decl_line(&path[i], &line) == 0 && line > 0)
        f.line = (uint32_t)line;
    return put(out, 0, 1, &f, &path[i]);
}

static uint32_t from_debug_data(Dwfl_Module *mod, uintptr_t addr, bool entry,
                                struct gt_debug_frame *out, uint32_t n)
{
    Dwarf_Addr bias = 0;
    Dwarf_Die *unit = unit_of(mod, addr, &bias);
    if (!unit)
        return 0;
    return entry ? definition_at(unit, addr - bias, out) : frames_at(unit, addr - bias, out, n);
}

/* ---- symbol tables ---------------------------------------------------------------------- */
static uint32_t from_symbols(Dwfl_Module *mod, uintptr_t addr, struct gt_debug_frame *out)
{
    GElf_Off offset = 0;
    GElf_Sym sym;
    const char *file = NULL;
    const char *name = dwfl_module_addrinfo(mod, addr, &offset, &sym, NULL, NULL, NULL);
    if (!name)
        return 0;
    (void)dwfl_module_info(mod, NULL, NULL, NULL, NULL, NULL, &file, NULL);
    *out = (struct gt_debug_frame){.func = name, .file = file, .symbol = true, .offset = offset};
    return 1;
}

static uint32_t from_loader(uintptr_t addr, struct gt_debug_frame *out)
{
    Dl_info info;
    if (dladdr((const void *)addr, &info) == 0 || !info.dli_sname)
        return 0;
    *out = (struct gt_debug_frame){.func = info.dli_sname,
                                   .file = info.dli_fname,
                                   .symbol = true,
                                   .offset = addr - (uintptr_t)info.dli_saddr};
    return 1;
}

uint32_t gt_debug_find(struct Dwfl *d, uintptr_t addr, bool entry, struct gt_debug_frame *out,
                       uint32_t n)
{
    struct object o = {.addr = addr};
    if (n == 0 || !dl_iterate_phdr(match_object, &o))
        return 0;
    uint32_t k = 0;
    Dwfl_Module *mod = module_of(d, &o);
    if (mod)
        k = from_debug_data(mod, addr, entry, out, n);
    if (mod && k == 0)
        k = from_symbols(mod, addr, out);
    return k ? k : from_loader(addr, out);
}
