/* SPDX-License-Identifier: Apache-2.0 */
/* Floors between two CPUs. */
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "floor.h"
#include "gauntlet/atomic.h"

struct line {
    _Alignas(64) gt_a32 word;
};

struct duel {
    struct line there, back;
    uint32_t n;
    int cpu;
    void (*answer)(struct duel *d);
};

static int64_t clock_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* The first CPU from `from` that this thread may use; -1 none. */
static int next_cpu(int from)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return -1;
    for (int c = from; c < CPU_SETSIZE; c++)
        if (CPU_ISSET((size_t)c, &set))
            return c;
    return -1;
}

static void pin(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    (void)sched_setaffinity(0, sizeof set, &set);
}

_Static_assert(sizeof(cpu_set_t) <= sizeof(struct gt_floor_place), "a set of CPUs fits");

bool gt_floor_hold(struct gt_floor_place *before)
{
    int cpu = next_cpu(0);
    if (cpu < 0 || sched_getaffinity(0, sizeof(cpu_set_t), (cpu_set_t *)(void *)before) != 0)
        return false;
    pin(cpu);
    return true;
}

void gt_floor_let_go(const struct gt_floor_place *before)
{
    (void)sched_setaffinity(0, sizeof(cpu_set_t), (const cpu_set_t *)(const void *)before);
}

static void *second(void *arg)
{
    struct duel *d = arg;
    pin(d->cpu);
    d->answer(d);
    return NULL;
}

/* ns for all rounds with the second thread on another CPU, < 0 without one. */
static int64_t fight(struct duel *d, void (*call)(struct duel *d))
{
    pthread_t t;
    cpu_set_t before;
    int first = next_cpu(0);
    d->cpu = first < 0 ? -1 : next_cpu(first + 1);
    gt_init(&d->there.word, 0u);
    gt_init(&d->back.word, 0u);
    if (d->cpu < 0 || sched_getaffinity(0, sizeof before, &before) != 0 ||
        pthread_create(&t, NULL, second, d) != 0)
        return -1;
    pin(first);
    int64_t start = clock_ns();
    call(d);
    int64_t ns = clock_ns() - start;
    pthread_join(t, NULL);
    (void)sched_setaffinity(0, sizeof before, &before);
    return ns;
}

/* ---- a cache line, spinning -------------------------------------------- */
static void line_call(struct duel *d)
{
    for (uint32_t i = 1; i <= d->n; i++) {
        gt_store_release(&d->there.word, i);
        while (gt_load_acquire(&d->back.word) != i)
            gt_cpu_relax();
    }
}

static void line_answer(struct duel *d)
{
    for (uint32_t i = 1; i <= d->n; i++) {
        while (gt_load_acquire(&d->there.word) != i)
            gt_cpu_relax();
        gt_store_release(&d->back.word, i);
    }
}

double gt_floor_line(uint64_t n)
{
    struct duel d = {.n = (uint32_t)n, .answer = line_answer};
    int64_t ns = fight(&d, line_call);
    return ns < 0 ? -1 : (double)ns / (double)n;
}

/* ---- a futex wake ------------------------------------------------------ */
static void wait_for(gt_a32 *word, uint32_t value)
{
    for (uint32_t seen; (seen = gt_load_acquire(word)) != value;)
        (void)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

static void tell(gt_a32 *word, uint32_t value)
{
    gt_store_release(word, value);
    (void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void wake_call(struct duel *d)
{
    for (uint32_t i = 1; i <= d->n; i++) {
        tell(&d->there.word, i);
        wait_for(&d->back.word, i);
    }
}

static void wake_answer(struct duel *d)
{
    for (uint32_t i = 1; i <= d->n; i++) {
        wait_for(&d->there.word, i);
        tell(&d->back.word, i);
    }
}

double gt_floor_wake(uint64_t n)
{
    struct duel d = {.n = (uint32_t)n, .answer = wake_answer};
    int64_t ns = fight(&d, wake_call);
    return ns < 0 ? -1 : (double)ns / (double)(2 * n);
}
