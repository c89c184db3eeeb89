/* SPDX-License-Identifier: Apache-2.0 */
/* Files of the peer pthread: the kernel blocks the thread. */
#include <errno.h>
#include <stdlib.h>

#include "peers/pthread/peer.h"

struct io { /* on the stack of who is inside read or write */
    pthread_t thread;
    struct io *next;
};

struct gt_fd {
    int fd;
    pthread_mutex_t lock;
    /* Guarded by: lock. */
    struct io *inside;
    bool closed;
};

struct gt_fd *gt_pthread_fd_open(int fd, int *err)
{
    struct gt_fd *f = calloc(1, sizeof *f);
    int rc = f ? gt_os_set_nonblock(fd, false) : -ENOMEM;
    if (rc != 0) {
        free(f);
        f = NULL;
    } else {
        f->fd = fd;
        pthread_mutex_init(&f->lock, NULL);
    }
    if (err)
        *err = rc;
    return f;
}

static bool go_inside(struct gt_fd *f, struct io *io)
{
    pthread_mutex_lock(&f->lock);
    bool open = !f->closed;
    if (open) {
        io->thread = pthread_self();
        io->next = f->inside;
        f->inside = io;
    }
    pthread_mutex_unlock(&f->lock);
    return open;
}

/* true: it was not closed meanwhile. Else f is gone. */
static bool come_outside(struct gt_fd *f, const struct io *io)
{
    pthread_mutex_lock(&f->lock);
    struct io **at = &f->inside;
    while (*at != io)
        at = &(*at)->next;
    *at = io->next;
    bool open = !f->closed;
    pthread_mutex_unlock(&f->lock);
    return open;
}

/* One call of read (to) or write (from). Bytes, or negative errno. */
static int64_t transfer(struct gt_fd *f, void *to, const void *from, size_t n)
{
    struct io io;
    int64_t r = -EINTR;
    while (r == -EINTR) {
        struct gt_g *g = gt_pthread_entered();
        if (!go_inside(f, &io))
            return -EBADF;
        g->thread = io.thread;
        gt_pthread_away(g, IN_FILE);
        r = to ? gt_os_read(f->fd, to, n) : gt_os_write(f->fd, from, n);
        bool open = come_outside(f, &io);
        gt_pthread_back(g);
        if (!open)
            return -EBADF;
    }
    return r;
}

int64_t gt_pthread_fd_read(struct gt_fd *f, void *buf, size_t n)
{
    return transfer(f, buf, NULL, n);
}

int64_t gt_pthread_fd_write(struct gt_fd *f, const void *buf, size_t n)
{
    for (size_t done = 0; done < n;) {
        int64_t r = transfer(f, NULL, (const char *)buf + done, n - done);
        if (r < 0)
            return r;
        done += (size_t)r;
    }
    return (int64_t)n;
}

/*
 * Who is inside the kernel is sent a signal until it has come out: one that comes just before
 * it enters is lost, so one is not enough.
 */
void gt_pthread_fd_close(struct gt_fd *f)
{
    (void)gt_pthread_entered();
    pthread_mutex_lock(&f->lock);
    f->closed = true;
    while (f->inside) {
        for (struct io *io = f->inside; io; io = io->next)
            pthread_kill(io->thread, GT_PTHREAD_INTR);
        pthread_mutex_unlock(&f->lock);
        gt_sleep_ns(GT_PTHREAD_NAP_NS);
        pthread_mutex_lock(&f->lock);
    }
    pthread_mutex_unlock(&f->lock);
    (void)gt_os_close(f->fd);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

