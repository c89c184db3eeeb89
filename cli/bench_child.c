/* SPDX-License-Identifier: Apache-2.0 */
/* A part in a process of its own: a crash costs that part, what was finished is kept. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "cli.h"
#include "common/child.h"

#define S 1000000000ll
#define TURN_TIMEOUT (GT_TSAN || GT_ASAN ? 600 * S : 150 * S)
/* `gauntlet run` gives us 3 s between TERM and KILL, in which what there is must be printed. */
#define STOP_TIMEOUT (GT_TSAN || GT_ASAN ? 10 * S : 2 * S)
#define MOST_BYTES (64u << 20)

struct header { /* of a message; an entry of `size` bytes follows */
    uint32_t cell, size; /* size 0: a sign of life */
};

/* ---- the child ------------------------------------------------------------------------ */
struct measuring {
    const struct gt_bench_job *j;
    struct gt_bench_part *p;
    int fd;
};

static void beat(void *arg)
{
    const struct measuring *m = arg;
    struct header h = {0, 0};
    (void)gt_child_send(m->fd, &h, sizeof h);
}

static void send_entry(const struct measuring *m, uint32_t i, const char *hardware)
{
    const struct gt_bench_group *g = &m->p->group;
    json_t *entry = gt_bench_entry(g, g->cells[i], hardware);
    char *text = json_dumps(entry, JSON_COMPACT);
    struct header h = {i, text ? (uint32_t)strlen(text) : 0};
    if (text && gt_child_send(m->fd, &h, sizeof h))
        (void)gt_child_send(m->fd, text, h.size);
    free(text);
    json_decref(entry);
}

static void measure(int fd, void *arg)
{
    struct measuring *m = arg;
    struct gt_hardware counters;
    m->fd = fd;
    gt_hardware_open(&counters); /* before the first thread */
    (void)gt_bench_group_run(&m->p->group, m->j->random_order, &counters, beat, m);
    for (uint32_t i = 0; i < m->p->group.n_cells; i++)
        send_entry(m, i, counters.why);
    gt_hardware_close(&counters);
    gt_bench_group_free(&m->p->group);
}

/* ---- the parent ------------------------------------------------------------------------- */
/* 1: took a message; else as gt_child_read. */
static int take_message(struct gt_bench_part *p, struct gt_child *child, int64_t deadline,
                        volatile sig_atomic_t *stop)
{
    struct header h;
    int rc = gt_child_read(child, &h, sizeof h, deadline, stop);
    if (rc != 1 || h.size == 0)
        return rc;
    if (h.cell >= p->group.n_cells || h.size > MOST_BYTES)
        return -EBADMSG;
    char *text = malloc(h.size);
    if (!text)
        return -ENOMEM;
    rc = gt_child_read(child, text, h.size, deadline, NULL);
    json_t *entry = rc == 1 ? json_loadb(text, h.size, 0, NULL) : NULL;
    if (entry)
        json_array_set_new(p->entries, h.cell, entry);
    free(text);
    return rc;
}

/* Reads until the child is done. When we are asked to stop, so is the child, and what it
 * has still to say is read. */
static void collect(struct gt_bench_part *p, struct gt_child *child)
{
    int64_t deadline = gt_child_clock() + TURN_TIMEOUT;
    int rc;
    while ((rc = take_message(p, child, deadline, &gt_stop_asked)) == 1)
        deadline = gt_child_clock() + TURN_TIMEOUT;
    if (rc == -EINTR) {
        kill(child->pid, SIGTERM);
        deadline = gt_child_clock() + STOP_TIMEOUT;
        while (take_message(p, child, deadline, NULL) == 1)
            ;
    }
    struct gt_child_end end = gt_child_finish(child, rc == -ETIMEDOUT ? 0 : deadline);
    if (end.how != GT_CHILD_EXITED || end.code != 0)
        gt_child_describe(end, p->why, sizeof p->why);
}

/* What came to nothing stands there too, and why. */
static void fill_in(struct gt_bench_part *p)
{
    for (uint32_t i = 0; i < p->group.n_cells; i++)
        if (json_is_null(json_array_get(p->entries, i)))
            json_array_set_new(p->entries, i,
                               gt_bench_entry_lost(p->group.cells[i], GT_VERDICT_INCOMPLETE,
                                                   p->why[0] ? p->why : "no word from its process"));
}

static void judge(struct gt_bench_part *p)
{
    size_t i;
    json_t *e;
    p->verdict = GT_VERDICT_SKIPPED;
    json_array_foreach(p->entries, i, e)
    {
        enum gt_verdict v = gt_record_verdict(e);
        int status = gt_verdict_status(v), so_far = gt_verdict_status(p->verdict);
        bool floor = p->group.cells[i]->role != GT_BENCH_RUNTIME;
        if (v == GT_VERDICT_SKIPPED || (floor && v == GT_VERDICT_OK))
            continue;
        if (p->verdict != GT_VERDICT_SKIPPED &&
            (status == so_far || gt_status_worse(status, so_far) != status))
            continue;
        p->verdict = v;
        snprintf(p->why, sizeof p->why, "%s", gt_bench_text(e, "why"));
    }
    if (p->verdict == GT_VERDICT_SKIPPED)
        snprintf(p->why, sizeof p->why, "%s", gt_bench_text(json_array_get(p->entries, 0), "why"));
}

void gt_bench_run_part(struct gt_bench_job *j, struct gt_bench_part *p)
{
    struct measuring m = {.j = j, .p = p};
    struct gt_child child;
    int64_t start = gt_child_clock();
    p->entries = json_array();
    for (uint32_t i = 0; i < p->group.n_cells; i++)
        json_array_append_new(p->entries, json_null());
    int rc = gt_child_start(&child, measure, &m);
    if (rc == 0)
        collect(p, &child);
    else
        snprintf(p->why, sizeof p->why, "no child process: %s", strerror(-rc));
    fill_in(p);
    judge(p);
    p->seconds = (double)(gt_child_clock() - start) / 1e9;
}
