/* SPDX-License-Identifier: Apache-2.0 */
#include "results/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "results/revision.h"

#define PLACE "results/local"

char *gt_folder_path(const struct gt_folder *f, const char *name)
{
    char *path;
    return asprintf(&path, "%s/%s", f->path, name) < 0 ? NULL : path;
}

const char *gt_folder_cell_name(uint32_t index, char buf[GT_FOLDER_NAME])
{
    snprintf(buf, GT_FOLDER_NAME, "cells/%04u.json", index);
    return buf;
}

const char *gt_folder_files_name(uint32_t index, char buf[GT_FOLDER_NAME])
{
    snprintf(buf, GT_FOLDER_NAME, "files/%04u", index);
    return buf;
}

/* ---- making it --------------------------------------------------------- */
static int make_folders(const char *path)
{
    char *copy = strdup(path);
    int rc = copy ? 0 : -ENOMEM;
    for (char *at = copy; rc == 0 && at;) {
        at = strchr(at + 1, '/');
        if (at)
            *at = '\0';
        if (mkdir(copy, 0777) != 0 && errno != EEXIST)
            rc = -errno;
        if (at)
            *at = '/';
    }
    free(copy);
    return rc;
}

static int make_inside(const struct gt_folder *f, const char *name)
{
    char *path = gt_folder_path(f, name);
    int rc = path ? make_folders(path) : -ENOMEM;
    free(path);
    return rc;
}

static bool holds_run(const struct gt_folder *f)
{
    char *path = gt_folder_path(f, "run.json");
    bool holds = path && access(path, F_OK) == 0;
    free(path);
    return holds;
}

static int lock_folder(struct gt_folder *f)
{
    f->lock = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (f->lock < 0)
        return -errno;
    if (flock(f->lock, LOCK_EX | LOCK_NB) == 0)
        return 0;
    return errno == EWOULDBLOCK ? -EBUSY : -errno;
}

/* A file is written and removed: what would fail later fails now. */
static int try_writing(const struct gt_folder *f)
{
    int rc = gt_folder_save_text(f, "cells/probe", "x", 1);
    char *path = gt_folder_path(f, "cells/probe");
    if (path)
        (void)unlink(path);
    free(path);
    return rc;
}

/* Hidden files are those of a run that was killed while it wrote. */
static void remove_remains(const struct gt_folder *f, const char *name)
{
    char *folder = gt_folder_path(f, name);
    DIR *d = folder ? opendir(folder) : NULL;
    struct dirent *e;
    while (d && (e = readdir(d)) != NULL)
        if (e->d_name[0] == '.' && strstr(e->d_name, ".new"))
            (void)unlinkat(dirfd(d), e->d_name, 0);
    if (d)
        closedir(d);
    free(folder);
}

static int open_locked(struct gt_folder *f, bool resume)
{
    int rc = lock_folder(f);
    if (rc == 0 && holds_run(f) != resume)
        rc = resume ? -ENOENT : -EEXIST;
    if (rc == 0)
        rc = make_inside(f, "cells");
    if (rc == 0)
        rc = make_inside(f, "files");
    if (rc == 0)
        rc = try_writing(f);
    if (rc == 0 && resume) {
        remove_remains(f, "cells");
        remove_remains(f, ".");
    }
    return rc;
}

int gt_folder_open(struct gt_folder *f, const char *path, bool resume)
{
    *f = (struct gt_folder){.path = strdup(path), .lock = -1};
    int rc = f->path ? 0 : -ENOMEM;
    if (rc == 0 && !resume)
        rc = make_folders(path);
    if (rc == 0)
        rc = open_locked(f, resume);
    if (rc != 0)
        gt_folder_close(f);
    return rc;
}

void gt_folder_close(struct gt_folder *f)
{
    if (f->lock >= 0)
        close(f->lock);
    free(f->path);
    *f = (struct gt_folder){.lock = -1};
}

/* ---- files ------------------------------------------------------------- */
static int write_all(int fd, const char *at, size_t n)
{
    while (n > 0) {
        ssize_t w = write(fd, at, n);
        if (w < 0 && errno == EINTR)
            continue;
        if (w <= 0)
            return w < 0 ? -errno : -EIO;
        at += w;
        n -= (size_t)w;
    }
    return fsync(fd) == 0 ? 0 : -errno;
}

/* The name is durable once its folder is. Not every file system syncs folders. */
static int sync_above(const char *path)
{
    char *folder = strndup(path, (size_t)(strrchr(path, '/') - path));
    int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int rc = fd >= 0 && fsync(fd) == 0 ? 0 : -errno;
    if (fd >= 0)
        close(fd);
    free(folder);
    return rc == -EINVAL || rc == -ENOTSUP ? 0 : rc;
}

static int save_as(const char *path, const char *temp, const char *text, size_t n)
{
    int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return -errno;
    int rc = write_all(fd, text, n);
    if (close(fd) != 0 && rc == 0)
        rc = -errno;
    if (rc == 0 && rename(temp, path) != 0)
        rc = -errno;
    if (rc != 0)
        (void)unlink(temp);
    return rc ? rc : sync_above(path);
}

int gt_folder_save_text(const struct gt_folder *f, const char *name, const char *text, size_t n)
{
    const char *slash = strrchr(name, '/');
    int folder = slash ? (int)(slash - name) + 1 : 0;
    char *path = gt_folder_path(f, name), *temp = NULL;
    if (asprintf(&temp, "%s/%.*s.%s.new", f->path, folder, name, name + folder) < 0)
        temp = NULL;
    int rc = path && temp ? save_as(path, temp, text, n) : -ENOMEM;
    free(temp);
    free(path);
    return rc;
}

json_t *gt_json_number(double v)
{
    return isfinite(v) ? json_real(v) : json_null();
}

int gt_folder_save_json(const struct gt_folder *f, const char *name, const json_t *value)
{
    char *text = json_dumps(value, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    size_t n = text ? strlen(text) : 0;
    int rc = -ENOMEM;
    if (text) {
        text[n] = '\n'; /* in the place of the zero byte */
        rc = gt_folder_save_text(f, name, text, n + 1);
    }
    free(text);
    return rc;
}

json_t *gt_folder_load(const struct gt_folder *f, const char *name, char *err, size_t size)
{
    json_error_t why;
    char *path = gt_folder_path(f, name);
    json_t *value = NULL;
    err[0] = '\0';
    if (path && access(path, F_OK) == 0) {
        value = json_load_file(path, 0, &why);
        if (!value)
            snprintf(err, size, "%s:%d: %s", path, why.line, why.text);
    }
    free(path);
    return value;
}

/* ---- names ------------------------------------------------------------- */
char *gt_folder_new_name(void)
{
    char stamp[32], *name;
    time_t now = time(NULL);
    struct tm tm;
    if (!gmtime_r(&now, &tm) || strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &tm) == 0)
        return NULL;
    return asprintf(&name, PLACE "/%s-%.12s", stamp, gt_revision()->commit) < 0 ? NULL : name;
}

char *gt_folder_newest(void)
{
    struct dirent **entries = NULL;
    char *newest = NULL;
    int n = scandir(PLACE, &entries, NULL, alphasort);
    for (int i = n - 1; i >= 0; i--) {
        struct gt_folder f = {.lock = -1};
        if (!newest && entries[i]->d_name[0] != '.' &&
            asprintf(&f.path, PLACE "/%s", entries[i]->d_name) >= 0) {
            if (holds_run(&f))
                newest = f.path;
            else
                free(f.path);
        }
        free(entries[i]);
    }
    free(entries);
    return newest;
}
