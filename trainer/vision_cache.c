/* SPDX-License-Identifier: Apache-2.0 */
#include "vision_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "checksum.h"
#include "keyed.h"

/* A record: its head, then floats. In this machine's byte order: the file belongs to a run on a kind of processor. */
struct head {
    uint32_t place, version;
    uint64_t sum;
};

static const struct keyed_kind kind = {"opatrain vision features 2\n", "vision features", ""};

static uint64_t sum_of(const struct vision_cache *f, const struct head *head, const float *data)
{
    return checksum((uint64_t)head->version << 32 | head->place, data, f->floats * sizeof *data);
}

static uint64_t record_size(const struct vision_cache *f)
{
    return sizeof(struct head) + f->floats * sizeof(float);
}

static off_t offset_of(const struct vision_cache *f, uint32_t record)
{
    return (off_t)(f->begin + record * record_size(f));
}

static bool transfer(ssize_t (*one)(int, void *, size_t, off_t), int fd, void *bytes, size_t size, off_t at)
{
    char *p = bytes;
    while (size > 0) {
        const ssize_t n = one(fd, p, size, at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        p += n;
        at += n;
        size -= (size_t)n;
    }
    return true;
}

static ssize_t write_some(int fd, void *bytes, size_t size, off_t at)
{
    return pwrite(fd, bytes, size, at);
}

static ssize_t read_some(int fd, void *bytes, size_t size, off_t at)
{
    return pread(fd, bytes, size, at);
}

/* ---- opening ---- */

static uint32_t *place_of(const struct vision_cache *f, size_t place, size_t version)
{
    return &f->at[place * f->versions + version];
}

/* Whole records; one that was cut is overwritten by the next. */
static void find_records(struct vision_cache *f, uint64_t size)
{
    const uint64_t whole = size > f->begin ? (size - f->begin) / record_size(f) : 0;
    for (; f->count < whole && f->count < UINT32_MAX - 1; f->count++) {
        struct head head;
        if (!transfer(read_some, f->fd, &head, sizeof head, offset_of(f, f->count)) || head.place >= f->samples ||
            head.version >= f->versions)
            return;
        *place_of(f, head.place, head.version) = f->count + 1;
    }
}

/* Half of what is free stays free: checkpoints come after. */
static uint32_t room(const struct vision_cache *f)
{
    struct statvfs disk;
    const uint64_t all = (uint64_t)f->samples * f->versions;
    if (fstatvfs(f->fd, &disk) != 0)
        return f->count;
    const uint64_t more = (uint64_t)disk.f_bavail * disk.f_frsize / 2 / record_size(f);
    const uint64_t most = f->count + more < all ? f->count + more : all;
    return (uint32_t)(most < UINT32_MAX ? most : UINT32_MAX - 1);
}

static int open_file(struct trainer *t, struct vision_cache *f, const char *depends)
{
    struct mapped map;
    size_t end = 0;
    int status = path_exists(f->path) ? OPA_OK : keyed_begin(t, f->path, &kind, depends);
    if (status == OPA_OK)
        status = mapped_open(t, &map, f->path);
    if (status != OPA_OK)
        return status;
    const uint64_t size = map.size;
    status = keyed_compare(t, f->path, &map, &kind, depends, &end);
    mapped_release(&map);
    if (status != OPA_OK)
        return status;
    f->fd = open(f->path, O_RDWR | O_CLOEXEC);
    if (f->fd < 0)
        return trainer_fail(t, OPA_EIO, "%s: %s", f->path, strerror(errno));
    f->begin = end;
    find_records(f, size);
    f->most = room(f);
    return OPA_OK;
}

int vision_cache_open(struct trainer *t, struct vision_cache *out, const char *path, const char *depends,
                      size_t samples, size_t versions, size_t floats)
{
    *out = (struct vision_cache){.fd = -1,
                                 .path = strdup(path),
                                 .floats = floats,
                                 .samples = samples,
                                 .versions = versions,
                                 .at = calloc(samples * versions + 1, sizeof *out->at)};
    return out->path && out->at ? open_file(t, out, depends) : trainer_fail_memory(t);
}

void vision_cache_release(struct vision_cache *f)
{
    if (f->path != NULL && f->fd >= 0)
        close(f->fd);
    free(f->path);
    free(f->at);
    *f = (struct vision_cache){0};
}

void vision_cache_remove(struct vision_cache *f)
{
    if (f->path != NULL)
        unlink(f->path);
    vision_cache_release(f);
}

/* ---- records ---- */

bool vision_cache_full(const struct vision_cache *f)
{
    return f->path == NULL || (f->count >= f->most && f->count < f->samples * f->versions);
}

bool vision_cache_has(const struct vision_cache *f, size_t place, size_t version)
{
    return f->path != NULL && place < f->samples && version < f->versions && *place_of(f, place, version) != 0;
}

bool vision_cache_read(const struct vision_cache *f, size_t place, size_t version, float *out)
{
    struct head head;
    if (!vision_cache_has(f, place, version))
        return false;
    const off_t at = offset_of(f, *place_of(f, place, version) - 1);
    return transfer(read_some, f->fd, &head, sizeof head, at) && head.place == place && head.version == version &&
           transfer(read_some, f->fd, out, f->floats * sizeof *out, at + (off_t)sizeof head) &&
           head.sum == sum_of(f, &head, out);
}

void vision_cache_add(struct vision_cache *f, size_t place, size_t version, const float *data)
{
    const bool again = vision_cache_has(f, place, version);
    if (f->path == NULL || place >= f->samples || version >= f->versions || (!again && vision_cache_full(f)))
        return;
    const uint32_t record = again ? *place_of(f, place, version) - 1 : f->count;
    struct head head = {(uint32_t)place, (uint32_t)version, 0};
    head.sum = sum_of(f, &head, data);
    union {
        const float *from;
        void *to;
    } body = {data};
    /* In order: a kill leaves a file that ends within the record. */
    if (!transfer(write_some, f->fd, &head, sizeof head, offset_of(f, record)) ||
        !transfer(write_some, f->fd, body.to, f->floats * sizeof *data, offset_of(f, record) + (off_t)sizeof head)) {
        f->most = f->count; /* no more of this disk, and what was taken is given back */
        (void)!ftruncate(f->fd, offset_of(f, f->count));
        return;
    }
    *place_of(f, place, version) = record + 1;
    f->count += !again;
}
