/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Floors: what the machine and the least code by hand take for the same work. One
 * scheduler thread, no atomics, no checks. Each returns ns per operation over n of them,
 * < 0 when this machine or build cannot (sanitizers: no stack switches by hand).
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

double gt_floor_switch(uint64_t n);   /* a stack switch through a call and a jump back */
double gt_floor_yield(uint64_t n);    /* run queue and switch, two coroutines */
double gt_floor_spawn(uint64_t n);    /* spawn, run, join */
double gt_floor_batch(uint64_t n);    /* spawn 1,000, run, join all; each */
double gt_floor_pingpong(uint64_t n); /* round trip over two rendezvous slots */
double gt_floor_cas(uint64_t n);      /* a lock-prefixed compare-and-swap, own cache */
double gt_floor_clock(uint64_t n);    /* a read of the monotonic clock */
double gt_floor_syscall(uint64_t n);  /* getpid */
double gt_floor_line(uint64_t n);     /* a cache line to another CPU and back, spinning */
double gt_floor_wake(uint64_t n);     /* one way: a futex wake to the woken thread's first step */
double gt_floor_event(uint64_t n);    /* read the CPU's counter, 6 bytes into a private buffer */
/* n stacks of `size` bytes in one mapping: a guard each, one page touched. */
double gt_floor_stacks(uint64_t n, uint64_t size);

/* Puts the calling thread on the first CPU it may use, and back where it was. Threads it
 * makes meanwhile choose their own. false: it stays where it was. */
struct gt_floor_place {
    uint64_t mask[16]; /* a set of CPUs, as the system keeps it */
};
bool gt_floor_hold(struct gt_floor_place *before);
void gt_floor_let_go(const struct gt_floor_place *before);
