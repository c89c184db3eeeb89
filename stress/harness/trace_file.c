/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/trace_file.h"

#include <errno.h>
#include <unistd.h>

/* A chunk is in both files or, as far as it can be undone, in none. */
static int write_both(struct gt_trace_file *t, const void *data, size_t n)
{
    int rc = gt_outfile_write(&t->copy, data, n);
    if (rc == 0 && t->direct.fd >= 0)
        rc = gt_outfile_write(&t->direct, data, n);
    return rc;
}

static int64_t write_trace(void *arg, const void *data, size_t n)
{
    struct gt_trace_file *t = arg;
    if (t->error == 0)
        t->error = write_both(t, data, n);
    if (t->error == 0) {
        t->taken += n;
        return (int64_t)n;
    }
    t->refused += n;
    return t->error;
}

static void note_complete(void *arg, uint64_t bytes)
{
    struct gt_trace_file *t = arg;
    t->complete = bytes;
}

int gt_trace_file_open(struct gt_trace_file *t, const char *path, const char *spare)
{
    *t = (struct gt_trace_file){.copy.fd = -1, .direct.fd = -1};
    t->sink = (struct gt_trace_sink){.write = write_trace, .arg = t, .complete = note_complete};
    int rc = gt_outfile_open(&t->copy, path);
    if (rc != 0 || !t->copy.direct)
        return rc;
    t->direct = t->copy;
    rc = gt_outfile_open(&t->copy, spare);
    if (rc != 0)
        gt_outfile_abandon(&t->direct);
    return rc;
}

int gt_trace_file_mend(struct gt_trace_file *t, uint64_t *left)
{
    *left = t->error == 0 ? t->taken : t->complete;
    if (t->error == 0)
        return 0;
    return ftruncate(t->copy.fd, (off_t)*left) == 0 ? 0 : -errno;
}

int gt_trace_file_close(struct gt_trace_file *t, bool keep)
{
    int rc = 0;
    if (t->direct.fd >= 0)
        rc = gt_outfile_commit(&t->direct);
    if (keep)
        return gt_outfile_commit(&t->copy);
    gt_outfile_abandon(&t->copy);
    return t->error == 0 ? rc : 0;
}

void gt_trace_file_clean(const char *path, const char *spare, pid_t pid)
{
    gt_outfile_clean(path, pid);
    gt_outfile_clean(spare, pid);
}
