/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* renameat2 */
#include "pack/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/context.h"
#include "pack/tar.h"

#define MANY_TEMPS 1000

bool opa_folder_knows(const char *name)
{
    opa_shard_kind kind;
    uint32_t number;
    return strcmp(name, "manifest.json") == 0 || strcmp(name, "index.tsv") == 0 || strcmp(name, "SHA256SUMS") == 0 ||
           opa_shard_name_parse((opa_text){name, strlen(name)}, &kind, &number);
}

static bool dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Empty a folder of ours: only files with a pack's names, so that nobody loses anything else. Takes no memory, which may
 * be what is short. */
static void empty_folder(DIR *dir)
{
    rewinddir(dir);
    for (struct dirent *e; (e = readdir(dir));)
        if (opa_folder_knows(e->d_name))
            unlinkat(dirfd(dir), e->d_name, 0);
}

static void remove_folder(const char *path)
{
    DIR *dir = opendir(path);
    if (!dir)
        return;
    empty_folder(dir);
    closedir(dir);
    rmdir(path);
}

/* Resolve @p path: symbolic links to an existing folder, trailing slashes. NULL: errno. */
static char *resolve(const char *path)
{
    char *real = realpath(path, NULL);
    if (real || errno != ENOENT)
        return real;
    size_t size = strlen(path);
    while (size > 1 && path[size - 1] == '/')
        size--;
    size_t slash = size;
    while (slash > 0 && path[slash - 1] != '/')
        slash--;
    char *parent = slash ? strndup(path, slash) : strdup(".");
    real = parent ? realpath(parent, NULL) : NULL;
    free(parent);
    if (!real)
        return NULL;
    char *out = NULL;
    const size_t room = strlen(real) + 1 + size - slash + 1;
    if (size == slash || dots(path + slash))
        errno = EEXIST;
    else if ((out = malloc(room)))
        snprintf(out, room, "%s/%.*s", strcmp(real, "/") == 0 ? "" : real, (int)(size - slash), path + slash);
    free(real);
    return out;
}

/* What stands at the place now: nothing, an empty folder, a pack, or something that must stay. It is kept open, so that
 * nothing is needed to empty it when the new one is there. */
static int look(opa_folder *f)
{
    struct stat st;
    f->replaces = false;
    if (lstat(f->path, &st) != 0)
        return errno == ENOENT ? OPA_OK : opa_fail_system(f->ctx, OPA_ECREATE, f->path);
    if (!S_ISDIR(st.st_mode))
        return opa_fail(f->ctx, OPA_ECREATE, "%s: exists and is not a pack; choose another place", f->path);
    if (f->old)
        closedir(f->old);
    DIR *dir = f->old = opendir(f->path);
    if (!dir)
        return opa_fail_system(f->ctx, OPA_ECREATE, f->path);
    int status = OPA_OK;
    bool manifest = false, any = false;
    for (struct dirent *e; status == OPA_OK && (e = readdir(dir));) {
        if (dots(e->d_name))
            continue;
        any = true;
        manifest |= strcmp(e->d_name, "manifest.json") == 0;
        if (!opa_folder_knows(e->d_name))
            status = opa_fail(f->ctx, OPA_ECREATE,
                              "%s: holds %s, which is no part of a pack; choose another place or move it", f->path,
                              e->d_name);
    }
    if (status == OPA_OK && any && !manifest)
        status = opa_fail(f->ctx, OPA_ECREATE, "%s: is neither empty nor a pack (no manifest.json)", f->path);
    f->replaces = any;
    return status;
}

/* Nobody holds the lock of a folder whose process was killed. */
static void remove_leftover(const char *path)
{
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        remove_folder(path);
    close(fd);
}

/* The folder that was just made, open and locked. False: errno; another pack may have taken it for a leftover between
 * mkdir and flock. */
static bool open_temp(opa_folder *f)
{
    struct stat st;
    f->dir = opendir(f->temp);
    if (!f->dir)
        return false;
    f->fd = dirfd(f->dir);
    if (flock(f->fd, LOCK_EX | LOCK_NB) == 0 && fstat(f->fd, &st) == 0 && st.st_nlink > 0 && access(f->temp, F_OK) == 0)
        return true;
    closedir(f->dir);
    f->dir = NULL;
    f->fd = -1;
    errno = ENOENT;
    return false;
}

static int make_temp(opa_folder *f)
{
    const char *slash = strrchr(f->path, '/');
    const size_t room = strlen(f->path) + 32;
    f->temp = malloc(room);
    if (!f->temp)
        return opa_fail_memory(f->ctx);
    errno = EEXIST;
    for (unsigned i = 0; i < MANY_TEMPS && errno == EEXIST; i++) {
        /* The base name is cut so that a name of 255 bytes still has room for the rest. */
        snprintf(f->temp, room, "%.*s.%.220s.new-%u", (int)(slash - f->path) + 1, f->path, slash + 1, i);
        remove_leftover(f->temp);
        if (mkdir(f->temp, 0777) != 0)
            continue;
        f->begun = open_temp(f);
        if (f->begun)
            return OPA_OK;
        if (errno == ENOENT)
            errno = EEXIST;
        else
            rmdir(f->temp);
    }
    const int reason = errno;
    return reason == ENOMEM ? opa_fail_memory(f->ctx)
                            : opa_fail(f->ctx, reason == ENOSPC || reason == EDQUOT ? OPA_EIO : OPA_ECREATE,
                                       "%s: cannot be made beside its place: %s", f->path, strerror(reason));
}

/* The other leftovers: a second process may have taken a higher number. */
static void remove_others(const opa_folder *f)
{
    const char *slash = strrchr(f->temp, '/');
    const char *dash = strrchr(f->temp, '-');
    const size_t prefix = (size_t)(dash - slash); /* ".name.new-" */
    char *parent = strndup(f->temp, (size_t)(slash - f->temp) + 1);
    DIR *dir = parent ? opendir(parent) : NULL;
    for (struct dirent *e; dir && (e = readdir(dir));) {
        if (strncmp(e->d_name, slash + 1, prefix) != 0 || strcmp(e->d_name, slash + 1) == 0)
            continue;
        opa_buffer other = {0};
        opa_buffer_add_string(&other, parent);
        opa_buffer_add_string(&other, e->d_name);
        if (!other.failed)
            remove_leftover(other.data);
        opa_buffer_release(&other);
    }
    if (dir)
        closedir(dir);
    free(parent);
}

int opa_folder_begin(opa_context *ctx, opa_folder *out, const char *path)
{
    *out = (opa_folder){.ctx = ctx, .fd = -1};
    out->path = resolve(path);
    int status = out->path ? look(out) : opa_fail_system(ctx, OPA_ECREATE, path);
    if (status == OPA_OK)
        status = make_temp(out);
    if (status == OPA_OK)
        remove_others(out);
    else
        opa_folder_release(out);
    return status;
}

int opa_folder_create(const opa_folder *f, const char *name)
{
    return openat(f->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
}

int opa_folder_failed(const opa_folder *f, const char *name)
{
    const int reason = errno;
    if (reason == ENOMEM)
        return opa_fail_memory(f->ctx);
    const bool full = reason == ENOSPC || reason == EDQUOT || reason == EFBIG;
    return opa_fail(f->ctx, OPA_EIO, "%s/%s: %s%s%s", f->path, name, strerror(reason),
                    full     ? "; make room there, then pack again"
                    : reason ? ""
                             : "nothing was written",
                    f->replaces ? " (the pack that is there was not touched)" : "");
}

int opa_folder_write(const opa_folder *f, int fd, const char *name, opa_text bytes)
{
    while (bytes.size > 0) {
        const ssize_t n = write(fd, bytes.data, bytes.size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return opa_folder_failed(f, name);
        bytes.data += n;
        bytes.size -= (size_t)n;
    }
    return OPA_OK;
}

int opa_folder_add(const opa_folder *f, const char *name, opa_text bytes)
{
    const int fd = opa_folder_create(f, name);
    if (fd < 0)
        return opa_folder_failed(f, name);
    const int status = opa_folder_write(f, fd, name, bytes);
    if (close(fd) != 0 && status == OPA_OK)
        return opa_folder_failed(f, name);
    return status;
}

static int sync_all(const opa_folder *f)
{
    int status = OPA_OK;
    rewinddir(f->dir);
    for (struct dirent *e; status == OPA_OK && (e = readdir(f->dir));) {
        const int fd = dots(e->d_name) ? -1 : openat(f->fd, e->d_name, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            continue;
        if (fsync(fd) != 0)
            status = opa_folder_failed(f, e->d_name);
        close(fd);
    }
    if (status == OPA_OK && fsync(f->fd) != 0 && errno != EINVAL)
        status = opa_folder_failed(f, "");
    return status;
}

/* A file system without RENAME_EXCHANGE: two steps; a kill between them leaves both packs, but neither in its place. */
static int swap_in_two_steps(opa_folder *f)
{
    const size_t room = strlen(f->temp) + 8;
    char *aside = malloc(room);
    if (!aside)
        return opa_fail_memory(f->ctx);
    snprintf(aside, room, "%s-old", f->temp);
    int status = OPA_OK;
    if (rename(f->path, aside) != 0 || (rename(f->temp, f->path) != 0 && (rename(aside, f->path), true)))
        status = opa_fail_system(f->ctx, OPA_EIO, f->path);
    else {
        empty_folder(f->old);
        rmdir(aside);
    }
    free(aside);
    return status;
}

static void sync_parent(const opa_folder *f)
{
    char *parent = strdup(f->path);
    if (!parent)
        return;
    strrchr(parent, '/')[1] = '\0';
    const int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    free(parent);
}

int opa_folder_commit(opa_folder *f)
{
    int status = sync_all(f);
    if (status || (status = look(f))) /* again: another process may have put a pack there meanwhile */
        return status;
    if (!f->replaces) {
        if (rename(f->temp, f->path) != 0)
            return opa_fail(f->ctx, OPA_ECREATE, "%s: %s", f->path, strerror(errno));
    } else if (renameat2(AT_FDCWD, f->temp, AT_FDCWD, f->path, RENAME_EXCHANGE) == 0) {
        empty_folder(f->old);
        rmdir(f->temp);
    } else if ((status = swap_in_two_steps(f))) {
        return status;
    }
    f->begun = false;
    sync_parent(f);
    return OPA_OK;
}

void opa_folder_release(opa_folder *f)
{
    if (f->begun) {
        empty_folder(f->dir);
        rmdir(f->temp);
    }
    if (f->old)
        closedir(f->old);
    if (f->dir)
        closedir(f->dir);
    free(f->path);
    free(f->temp);
    *f = (opa_folder){.fd = -1};
}
