/* SPDX-License-Identifier: Apache-2.0 */
/* The only place of libgttrace that reads a descriptor. A file is read, not mapped: one that is cut while it is
 * read then ends early instead of killing the process. */
#include "trace/reader.h"

#include <errno.h>
#include <unistd.h>

int64_t gt_read_fd(void *arg, void *buf, size_t n)
{
    const int *fd = arg;
    for (;;) {
        ssize_t got = read(*fd, buf, n);
        if (got >= 0) {
            return got;
        }
        if (errno != EINTR) {
            return -errno;
        }
    }
}
