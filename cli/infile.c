/* SPDX-License-Identifier: Apache-2.0 */
#include "infile.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

#define LOOK_MS 200 /* a signal may come between the look at gt_stop_asked and the read */

int gt_infile_open(struct gt_infile *in, const char *name)
{
    bool std = strcmp(name, "-") == 0;
    *in = (struct gt_infile){.name = std ? "standard input" : name};
    in->fd = std ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
    if (in->fd < 0 || fstat(in->fd, &in->at_open) != 0)
        return -errno;
    in->regular = S_ISREG(in->at_open.st_mode);
    return S_ISDIR(in->at_open.st_mode) ? -EISDIR : 0;
}

/* Sleeps until there is something to read, or we are asked to stop. */
static void wait_readable(const struct gt_infile *in)
{
    struct pollfd p = {.fd = in->fd, .events = POLLIN};
    while (!in->regular && !gt_stop_asked && poll(&p, 1, LOOK_MS) == 0)
        ;
}

int64_t gt_infile_read(struct gt_infile *in, void *buf, size_t n)
{
    for (;;) {
        wait_readable(in);
        if (gt_stop_asked)
            return -EINTR;
        ssize_t r = read(in->fd, buf, n);
        if (r >= 0) {
            in->taken += (uint64_t)r;
            return r;
        }
        if (errno != EINTR)
            return -errno;
    }
}

bool gt_infile_changed(const struct gt_infile *in)
{
    struct stat now;
    const struct stat *then = &in->at_open;
    if (!in->regular || fstat(in->fd, &now) != 0)
        return false;
    return now.st_size != then->st_size || now.st_mtim.tv_sec != then->st_mtim.tv_sec ||
           now.st_mtim.tv_nsec != then->st_mtim.tv_nsec;
}

void gt_infile_close(struct gt_infile *in)
{
    if (in->fd > STDIN_FILENO)
        close(in->fd);
    in->fd = -1;
}
