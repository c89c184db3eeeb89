/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A journal as a file: a head, the entries as they are in memory, a sum over them. Of this
 * machine's byte order and this build's struct: a record of a failure, no exchange format.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "harness/truth.h"

static const char magic[8] = {'g', 't', 'j', 'o', 'u', 'r', '1', '\n'};

struct head {
    char magic[8];
    uint64_t size; /* of an entry */
    uint64_t n, lost, sum;
};

static uint64_t sum_of(const struct gt_jentry *e, size_t n)
{
    const unsigned char *p = (const void *)e;
    uint64_t h = n;
    for (size_t i = 0; i + 8 <= n * sizeof *e; i += 8) {
        uint64_t w;
        memcpy(&w, p + i, sizeof w);
        h = gt_jmix(h, w);
    }
    return h;
}

static int error_of(FILE *f)
{
    return ferror(f) && errno ? -errno : -EBADMSG;
}

int gt_journal_save(FILE *f, const struct gt_jentry *e, size_t n, uint64_t lost)
{
    struct head h = {.size = sizeof *e, .n = n, .lost = lost, .sum = sum_of(e, n)};
    memcpy(h.magic, magic, sizeof magic);
    errno = 0;
    if (fwrite(&h, sizeof h, 1, f) != 1 || fwrite(e, sizeof *e, n, f) != n || fflush(f) != 0)
        return errno ? -errno : -EIO;
    return 0;
}

/* Nothing is allocated for entries that the file does not hold. */
static struct gt_jentry *read_all(FILE *f, uint64_t n, int *rc)
{
    size_t cap = 0, have = 0;
    struct gt_jentry *e = NULL;
    *rc = 0;
    while (have < n && *rc == 0) {
        cap = cap ? 2 * cap : 65536;
        cap = cap < n ? cap : (size_t)n;
        struct gt_jentry *more = realloc(e, cap * sizeof *e);
        if (!more) {
            *rc = -ENOMEM;
            break;
        }
        e = more;
        size_t got = fread(e + have, sizeof *e, cap - have, f);
        if (got != cap - have)
            *rc = error_of(f);
        have += got;
    }
    if (*rc == 0)
        return e;
    free(e);
    return NULL;
}

int gt_journal_load(FILE *f, struct gt_jentry **e, size_t *n, uint64_t *lost)
{
    struct head h;
    *e = NULL;
    *n = 0;
    errno = 0;
    if (fread(&h, sizeof h, 1, f) != 1)
        return error_of(f);
    if (memcmp(h.magic, magic, sizeof magic) != 0 || h.size != sizeof **e ||
        h.n > SIZE_MAX / sizeof **e)
        return -EBADMSG;
    int rc;
    struct gt_jentry *all = read_all(f, h.n, &rc);
    if (rc == 0 && (sum_of(all, (size_t)h.n) != h.sum || fgetc(f) != EOF))
        rc = -EBADMSG;
    if (rc != 0) {
        free(all);
        return rc;
    }
    *e = all;
    *n = (size_t)h.n;
    *lost = h.lost;
    return 0;
}
