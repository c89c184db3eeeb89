/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real system calls for workloads. They block the thread: between syscall_enter and
 * syscall_exit only. Errors are negative errno. Thread-safe.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

int gt_call_getpid(void); /* really enters the kernel */
int gt_call_nap(int64_t ns);
int gt_call_pipe(int fds[2]);
int gt_call_socketpair(int fds[2]);
int64_t gt_call_read(int fd, void *buf, size_t n);
int64_t gt_call_write(int fd, const void *buf, size_t n);
int gt_call_close(int fd);
int64_t gt_call_thread_cpu(void); /* CPU time that the calling thread has used, ns. Does not block */
int32_t gt_call_cpus(void); /* that this process may use, at least 1 */

struct gt_memory {
    int64_t rss, page_tables; /* bytes; -1 unknown */
};
struct gt_memory gt_call_memory(void);
