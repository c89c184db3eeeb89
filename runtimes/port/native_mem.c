/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Native port: mappings, guard pages, where pages lie.
 *
 * Guards: MADV_GUARD_INSTALL (Linux 6.13) marks page-table entries, so a guard
 * costs no mapping of its own and vm.max_map_count does not bound the number of
 * stacks. A kernel without it answers EINVAL, and so does a locked or huge-page
 * mapping; mprotect then does the work, range by range, and the caller is told,
 * because the two are removed differently. No outcome is remembered here: the
 * failed call costs a few hundred nanoseconds and only old kernels pay it.
 */
#include "port/port.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "port/native_result.h"

/* Values of the kernel's ABI; libc headers of today's distributions lack them. */
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif
#ifndef MADV_GUARD_REMOVE
#define MADV_GUARD_REMOVE 103
#endif

size_t gt_page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

void *gt_map(size_t size, bool reserve)
{
    int prot = reserve ? PROT_NONE : PROT_READ | PROT_WRITE;
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | (reserve ? MAP_NORESERVE : 0);
    void *p = mmap(NULL, size, prot, flags, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

void gt_unmap(void *p, size_t size)
{
    munmap(p, size);
}

int gt_map_commit(void *p, size_t size)
{
    return gt_result_int(mprotect(p, size, PROT_READ | PROT_WRITE));
}

int gt_guard_install(void *p, size_t size, bool *lightweight)
{
    int err = gt_result_int(madvise(p, size, MADV_GUARD_INSTALL));
    bool light = err != -EINVAL;
    if (!light)
        err = gt_result_int(mprotect(p, size, PROT_NONE));
    if (lightweight)
        *lightweight = light;
    return err;
}

int gt_guard_remove(void *p, size_t size, bool lightweight)
{
    if (lightweight)
        return gt_result_int(madvise(p, size, MADV_GUARD_REMOVE));
    return gt_map_commit(p, size);
}

/* Emulators answer 0 to any advice, so the guard is tried: a system call that
 * stores there must say EFAULT. */
bool gt_guard_is_lightweight(void)
{
    size_t size = gt_page_size();
    void *p = gt_map(size, false);
    if (!p)
        return false;
    bool works = madvise(p, size, MADV_GUARD_INSTALL) == 0 &&
                 gt_result_int(syscall(SYS_clock_getres, CLOCK_MONOTONIC, p)) == -EFAULT;
    gt_unmap(p, size);
    return works;
}

void gt_map_discard(void *p, size_t size)
{
    madvise(p, size, MADV_DONTNEED);
}

void gt_map_no_huge(void *p, size_t size)
{
    madvise(p, size, MADV_NOHUGEPAGE);
}

#define VEC 64u

size_t gt_map_resident(const void *p, size_t size)
{
    size_t page = gt_page_size(), found = 0;
    unsigned char vec[VEC];
    for (size_t at = 0; at < size; at += VEC * page) {
        size_t n = size - at < VEC * page ? size - at : VEC * page;
        if (mincore((char *)(uintptr_t)p + at, n, vec) != 0)
            return size;
        for (size_t i = 0; i < n / page; i++)
            found += (vec[i] & 1u) * page;
    }
    return found;
}

bool gt_mem_read(void *to, const void *from, size_t n)
{
    struct iovec local = {to, n}, remote = {(void *)(uintptr_t)from, n};
    return syscall(SYS_process_vm_readv, getpid(), &local, 1ul, &remote, 1ul, 0ul) == (long)n;
}

int gt_pages_nodes(size_t count, void **pages, int *node)
{
    return gt_result_int(syscall(SYS_move_pages, 0, count, pages, NULL, node, 0));
}
