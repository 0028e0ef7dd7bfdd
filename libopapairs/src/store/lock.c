/* SPDX-License-Identifier: Apache-2.0 */
#include "store/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/context.h"
#include "store/naming.h"

#define POLL_MS 20

/* The file that was locked may have been removed, or removed and made again, by the one who had it before. */
static bool same_file(int fd, const char *path)
{
    struct stat mine, there;
    return fstat(fd, &mine) == 0 && stat(path, &there) == 0 && mine.st_dev == there.st_dev &&
           mine.st_ino == there.st_ino;
}

/* OPA_OK: it is ours; OPA_EBUSY; OPA_EIO with errno. */
static int try_once(opa_lock *lock)
{
    for (;;) {
        lock->fd = open(lock->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (lock->fd < 0)
            return OPA_EIO;
        if (flock(lock->fd, LOCK_EX | LOCK_NB) != 0) {
            const int reason = errno;
            if (reason == EWOULDBLOCK)
                return OPA_EBUSY;
            close(lock->fd);
            lock->fd = -1;
            errno = reason;
            return OPA_EIO;
        }
        if (same_file(lock->fd, lock->path))
            return OPA_OK;
        close(lock->fd);
        lock->fd = -1;
    }
}

static void write_holder(int fd, const char *doing)
{
    char line[512], host[256] = "?", now[OPA_TIME_SIZE];
    gethostname(host, sizeof host - 1);
    opa_time_now(now);
    const int size = snprintf(line, sizeof line, "%ld %s %s %s\n", (long)getpid(), host, now, doing);
    /* Only for the message that others see: a failure costs that and nothing else. */
    if (ftruncate(fd, 0) != 0 || pwrite(fd, line, (size_t)size, 0) != size)
        return;
}

static int busy(opa_context *ctx, int fd, const char *store)
{
    char line[512], host[256], since[64], doing[64];
    long pid;
    const ssize_t size = pread(fd, line, sizeof line - 1, 0);
    line[size > 0 ? size : 0] = '\0';
    if (sscanf(line, "%ld %255s %63s %63s", &pid, host, since, doing) != 4)
        return opa_fail(ctx, OPA_EBUSY, "%s: busy: another process is writing", store);
    return opa_fail(ctx, OPA_EBUSY, "%s: busy: process %ld is %s since %s (on %s); try again when it is done", store,
                    pid, doing, since, host);
}

int opa_lock_take(opa_context *ctx, opa_lock *out, const char *store, const char *doing, int wait_ms)
{
    opa_buffer path = {0};
    *out = (opa_lock){.fd = -1};
    opa_buffer_printf(&path, "%s-lock", store);
    if (path.failed)
        return opa_fail_memory(ctx);
    out->path = path.data;
    int status;
    for (int waited = 0; (status = try_once(out)) == OPA_EBUSY; waited += POLL_MS) {
        if (waited >= wait_ms) {
            busy(ctx, out->fd, store);
            break;
        }
        close(out->fd);
        out->fd = -1;
        nanosleep(&(struct timespec){.tv_nsec = POLL_MS * 1000000L}, NULL);
    }
    if (status == OPA_EIO)
        opa_fail(ctx, OPA_EIO, "%s: cannot write beside the store: %s", out->path, strerror(errno));
    if (status == OPA_OK) {
        write_holder(out->fd, doing);
        return OPA_OK;
    }
    if (out->fd >= 0)
        close(out->fd);
    free(out->path);
    *out = (opa_lock){.fd = -1};
    return status;
}

void opa_lock_release(opa_lock *lock)
{
    if (lock->fd >= 0) {
        /* Removed while it is still held: who opened it before sees that it is gone, and makes a new one. */
        unlink(lock->path);
        close(lock->fd);
    }
    free(lock->path);
    *lock = (opa_lock){.fd = -1};
}
