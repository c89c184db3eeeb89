/* SPDX-License-Identifier: Apache-2.0 */
#include "common/foreign.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

_Static_assert(sizeof(pthread_t) <= sizeof(uint64_t), "a thread's handle fits");

struct start {
    void (*fn)(void *);
    void *arg;
};

static void *thread_main(void *arg)
{
    struct start s = *(struct start *)arg;
    free(arg);
    s.fn(s.arg);
    return NULL;
}

int gt_foreign_start(struct gt_foreign *t, void (*fn)(void *), void *arg)
{
    pthread_t id;
    struct start *s = malloc(sizeof *s);
    if (!s)
        return -ENOMEM;
    *s = (struct start){fn, arg};
    int rc = pthread_create(&id, NULL, thread_main, s);
    if (rc != 0) {
        free(s);
        return -rc;
    }
    t->handle = (uint64_t)id;
    return 0;
}

void gt_foreign_join(struct gt_foreign *t)
{
    (void)pthread_join((pthread_t)t->handle, NULL);
}

__attribute__((noinline)) uint64_t gt_foreign_self(void)
{
    __asm__ volatile("" ::: "memory"); /* has an effect: calls are not merged */
    return (uint64_t)pthread_self();
}

struct gt_alarm {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread;
    bool stopped; /* Guarded by: lock */
    struct timespec deadline;
    void (*fn)(void *);
    void *arg;
};

static void *alarm_main(void *arg)
{
    struct gt_alarm *a = arg;
    int rc = 0;
    pthread_mutex_lock(&a->lock);
    while (!a->stopped && rc != ETIMEDOUT)
        rc = pthread_cond_timedwait(&a->changed, &a->lock, &a->deadline);
    bool late = !a->stopped;
    pthread_mutex_unlock(&a->lock);
    if (late)
        a->fn(a->arg);
    return NULL;
}

static void init_clock(struct gt_alarm *a, int64_t ns)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&a->changed, &attr);
    pthread_condattr_destroy(&attr);
    clock_gettime(CLOCK_MONOTONIC, &a->deadline);
    a->deadline.tv_sec += ns / 1000000000;
    a->deadline.tv_nsec += ns % 1000000000;
    if (a->deadline.tv_nsec >= 1000000000) {
        a->deadline.tv_sec++;
        a->deadline.tv_nsec -= 1000000000;
    }
}

struct gt_alarm *gt_alarm_start(int64_t ns, void (*fn)(void *), void *arg)
{
    struct gt_alarm *a = calloc(1, sizeof *a);
    if (!a)
        return NULL;
    a->fn = fn;
    a->arg = arg;
    pthread_mutex_init(&a->lock, NULL);
    init_clock(a, ns);
    if (pthread_create(&a->thread, NULL, alarm_main, a) != 0) {
        free(a);
        return NULL;
    }
    return a;
}

void gt_alarm_stop(struct gt_alarm *a)
{
    if (!a)
        return;
    pthread_mutex_lock(&a->lock);
    a->stopped = true;
    pthread_cond_signal(&a->changed);
    pthread_mutex_unlock(&a->lock);
    pthread_join(a->thread, NULL);
    pthread_cond_destroy(&a->changed);
    pthread_mutex_destroy(&a->lock);
    free(a);
}
