/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int gt_write_all(int fd, const void *data, size_t n)
{
    for (const char *at = data; n > 0;) {
        ssize_t w = write(fd, at, n);
        if (w < 0 && errno == EINTR)
            continue;
        if (w <= 0)
            return w < 0 ? -errno : -EIO;
        at += w;
        n -= (size_t)w;
    }
    return 0;
}

/* Bytes of the folder's part of a path, the last '/' included. */
static size_t folder_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) + 1 : 0;
}

static int sync_folder(const char *path)
{
    size_t n = folder_length(path);
    char *folder = n ? strndup(path, n) : strdup(".");
    if (!folder)
        return -ENOMEM;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd >= 0 && fsync(fd) == 0 ? 0 : -errno;
    if (fd >= 0)
        close(fd);
    free(folder);
    return rc == -EINVAL || rc == -ENOTSUP ? 0 : rc; /* not every file system syncs folders */
}

static int done(struct gt_outfile *f, int rc)
{
    free(f->path);
    free(f->temp);
    *f = (struct gt_outfile){.fd = -1};
    return rc;
}

/* The hidden file beside `path`; NULL: no memory. */
static char *temp_name(const char *path, pid_t pid)
{
    char *name;
    size_t n = folder_length(path);
    return asprintf(&name, "%.*s.%s.%d", (int)n, path, path + n, (int)pid) < 0 ? NULL : name;
}

static int open_temp(struct gt_outfile *f)
{
    size_t n = folder_length(f->path);
    if (f->path[n] == '\0')
        return n ? -EISDIR : -ENOENT;
    f->temp = temp_name(f->path, getpid());
    if (!f->temp)
        return -ENOMEM;
    (void)unlink(f->temp); /* of a process that had our id and died */
    f->fd = open(f->temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    return f->fd < 0 ? -errno : 0;
}

/* A link stays a link: its file is replaced. */
static char *real_path(const char *path)
{
    char *real = realpath(path, NULL);
    return real ? real : strdup(path);
}

int gt_outfile_open(struct gt_outfile *f, const char *path)
{
    struct stat st;
    int rc;
    *f = (struct gt_outfile){.fd = -1};
    bool exists = stat(path, &st) == 0;
    if (exists && S_ISDIR(st.st_mode))
        return -EISDIR;
    f->direct = exists && !S_ISREG(st.st_mode);
    f->path = real_path(path);
    if (!f->path)
        return -ENOMEM;
    if (!f->direct) {
        rc = open_temp(f);
    } else {
        f->fd = open(path, O_WRONLY | O_CLOEXEC);
        rc = f->fd < 0 ? -errno : 0;
    }
    return rc == 0 ? 0 : done(f, rc);
}

int gt_outfile_write(struct gt_outfile *f, const void *data, size_t n)
{
    return gt_write_all(f->fd, data, n);
}

int gt_outfile_commit(struct gt_outfile *f)
{
    int rc = f->direct || fsync(f->fd) == 0 ? 0 : -errno;
    if (close(f->fd) != 0 && rc == 0)
        rc = -errno;
    if (f->direct)
        return done(f, rc);
    if (rc == 0 && rename(f->temp, f->path) != 0)
        rc = -errno;
    if (rc != 0)
        (void)unlink(f->temp);
    return done(f, rc ? rc : sync_folder(f->path));
}

void gt_outfile_abandon(struct gt_outfile *f)
{
    if (f->fd < 0)
        return;
    close(f->fd);
    if (f->temp)
        (void)unlink(f->temp);
    (void)done(f, 0);
}

void gt_outfile_clean(const char *path, pid_t pid)
{
    char *real = real_path(path), *temp = real ? temp_name(real, pid) : NULL;
    if (temp)
        (void)unlink(temp);
    free(temp);
    free(real);
}
