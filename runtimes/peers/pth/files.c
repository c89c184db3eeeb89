/* SPDX-License-Identifier: Apache-2.0 */
/* Files of the peer pth: Pth waits for them by select. */
#include <errno.h>
#include <stdlib.h>
#include <sys/select.h>
#include <sys/socket.h>

#include "peers/pth/peer.inc"

struct gt_fd {
    int fd;
    uint32_t inside; /* Gs in a call of Pth for it */
    bool closed;
    pth_msgport_t closing; /* has a message once it is closed: ends every wait */
    pth_message_t message;
};

struct gt_fd *gt_pth_fd_open(int fd, int *err)
{
    struct gt_fd *f = fd < FD_SETSIZE ? calloc(1, sizeof *f) : NULL;
    int rc = f ? gt_os_set_nonblock(fd, false) : fd < FD_SETSIZE ? -ENOMEM : -EMFILE;
    if (rc == 0) {
        f->fd = fd;
        f->closing = pth_msgport_create(NULL);
        rc = f->closing ? 0 : -ENOMEM;
    }
    if (rc != 0) {
        free(f);
        f = NULL;
    }
    if (err)
        *err = rc;
    return f;
}

/* The event that f was closed, for this G. NULL: no memory. */
static pth_event_t closed_event(struct gt_g *g, const struct gt_fd *f)
{
    g->closed = g->closed ? pth_event(PTH_EVENT_MSG | PTH_MODE_REUSE, g->closed, f->closing)
                          : pth_event(PTH_EVENT_MSG, f->closing);
    return g->closed;
}

/* One call of read (to) or send (from). Bytes, or negative errno. */
static int64_t transfer(struct gt_fd *f, void *to, const void *from, size_t n)
{
    struct gt_g *g = peer_self();
    pth_event_t closed = closed_event(g, f);
    if (f->closed)
        return -EBADF;
    if (!closed)
        return -ENOMEM;
    f->inside++;
    gt_pth_enter(g, IN_FILE);
    int64_t r = to ? pth_read_ev(f->fd, to, n, closed)
                   : pth_send_ev(f->fd, from, n, MSG_NOSIGNAL, closed);
    if (r < 0 && !to && errno == ENOTSOCK)
        r = pth_write_ev(f->fd, from, n, closed);
    r = r < 0 ? -errno : r;
    gt_pth_back(g);
    f->inside--;
    return f->closed ? -EBADF : r;
}

int64_t gt_pth_fd_read(struct gt_fd *f, void *buf, size_t n)
{
    int64_t r;
    while ((r = transfer(f, buf, NULL, n)) == -EINTR)
        ;
    return r;
}

int64_t gt_pth_fd_write(struct gt_fd *f, const void *buf, size_t n)
{
    for (size_t done = 0; done < n;) {
        int64_t r = transfer(f, NULL, (const char *)buf + done, n - done);
        if (r < 0 && r != -EINTR)
            return r;
        done += r > 0 ? (size_t)r : 0;
    }
    return (int64_t)n;
}

void gt_pth_fd_close(struct gt_fd *f)
{
    f->closed = true;
    pth_msgport_put(f->closing, &f->message);
    while (f->inside > 0)
        gt_pth_yield();
    (void)gt_os_close(f->fd);
    pth_msgport_destroy(f->closing);
    free(f);
}
