/* SPDX-License-Identifier: Apache-2.0 */
#include "tfevents.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mapped.h"

/* ---- records ---- */

uint32_t tfevents_masked_crc(const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    uint32_t crc = 0xFFFFFFFFu;
    for (size_t i = 0; i < size; i++) {
        crc ^= at[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78u : 0);
    }
    crc = ~crc;
    return (crc >> 15 | crc << 17) + 0xA282EAD8u;
}

static void put_fixed(unsigned char *out, uint64_t n, size_t size)
{
    for (size_t i = 0; i < size; i++)
        out[i] = (unsigned char)(n >> 8 * i);
}

static int put_record(struct trainer *t, struct tfevents *e, const unsigned char *bytes, size_t size)
{
    unsigned char head[12], tail[4];
    put_fixed(head, size, 8);
    put_fixed(head + 8, tfevents_masked_crc(head, 8), 4);
    put_fixed(tail, tfevents_masked_crc(bytes, size), 4);
    const bool good = fwrite(head, 1, sizeof head, e->file) == sizeof head && fwrite(bytes, 1, size, e->file) == size &&
                      fwrite(tail, 1, sizeof tail, e->file) == sizeof tail && fflush(e->file) == 0;
    return good ? OPA_OK : trainer_fail(t, OPA_EIO, "%s: %s", e->path, strerror(errno));
}

/* ---- protobuf ---- */

enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };
enum { EVENT_WALL_TIME = 1, EVENT_STEP = 2, EVENT_FILE_VERSION = 3, EVENT_SUMMARY = 5, EVENT_SESSION_LOG = 7 };
enum { SUMMARY_VALUE = 1, VALUE_TAG = 1, VALUE_SIMPLE = 2, SESSION_STATUS = 1, SESSION_START = 1 };

static size_t put_varint(unsigned char *out, uint64_t n)
{
    size_t size = 0;
    for (; n >= 0x80; n >>= 7)
        out[size++] = (unsigned char)(n | 0x80);
    out[size++] = (unsigned char)n;
    return size;
}

/* All field numbers here are below 16: a key is one byte. */
static size_t put_key(unsigned char *out, int field, int wire)
{
    *out = (unsigned char)(field << 3 | wire);
    return 1;
}

static size_t put_bytes(unsigned char *out, int field, const void *bytes, size_t size)
{
    size_t n = put_key(out, field, WIRE_BYTES);
    n += put_varint(out + n, size);
    memcpy(out + n, bytes, size);
    return n + size;
}

/* An Event whose "what" is the field @p what. */
static int put_event(struct trainer *t, struct tfevents *e, int what, const void *bytes, size_t size)
{
    unsigned char event[sizeof e->values + 64];
    uint64_t wall_time;
    memcpy(&wall_time, &e->wall_time, sizeof wall_time);
    size_t n = put_key(event, EVENT_WALL_TIME, WIRE_64);
    put_fixed(event + n, wall_time, 8);
    n += 8;
    if (e->step != 0) { /* protobuf leaves zeros out */
        n += put_key(event + n, EVENT_STEP, WIRE_VARINT);
        n += put_varint(event + n, (uint64_t)e->step);
    }
    n += put_bytes(event + n, what, bytes, size);
    return put_record(t, e, event, n);
}

void tfevents_begin(struct tfevents *e, int64_t step, double wall_time)
{
    e->step = step;
    e->wall_time = wall_time;
    e->size = 0;
}

void tfevents_scalar(struct tfevents *e, const char *tag, double value)
{
    unsigned char message[TFEVENTS_TAG + 8];
    const float simple = (float)value;
    uint32_t bits;
    assert(strlen(tag) < TFEVENTS_TAG && e->size + sizeof message + 3 <= sizeof e->values);
    memcpy(&bits, &simple, sizeof bits);
    size_t n = put_bytes(message, VALUE_TAG, tag, strlen(tag));
    n += put_key(message + n, VALUE_SIMPLE, WIRE_32);
    put_fixed(message + n, bits, 4);
    e->size += put_bytes(e->values + e->size, SUMMARY_VALUE, message, n + 4);
}

int tfevents_end(struct trainer *t, struct tfevents *e)
{
    return put_event(t, e, EVENT_SUMMARY, e->values, e->size);
}

/* ---- the file ---- */

/* The seconds in the name of the last event file of a folder, or -1. */
static long long last_file(const char *path)
{
    long long last = -1;
    DIR *dir = opendir(path);
    if (dir == NULL)
        return -1;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        long long seconds;
        if (sscanf(entry->d_name, "events.out.tfevents.%lld.", &seconds) == 1 && seconds > last)
            last = seconds;
    }
    closedir(dir);
    return last;
}

static int begin_file(struct trainer *t, struct tfevents *e)
{
    static const char version[] = "brain.Event:2";
    const unsigned char start[] = {SESSION_STATUS << 3 | WIRE_VARINT, SESSION_START};
    const int64_t first = e->step;
    e->step = 0;
    const int status = put_event(t, e, EVENT_FILE_VERSION, version, strlen(version));
    e->step = first;
    return status == OPA_OK ? put_event(t, e, EVENT_SESSION_LOG, start, sizeof start) : status;
}

int tfevents_open(struct trainer *t, struct tfevents *out, const char *dir, int64_t first, double wall_time)
{
    char name[64];
    const long long last = last_file(dir), now = (long long)wall_time;
    out->file = NULL;
    tfevents_begin(out, first, wall_time);
    snprintf(name, sizeof name, "events.out.tfevents.%010lld.opatrain", now > last ? now : last + 1);
    out->path = path_join(dir, name);
    if (out->path == NULL)
        return trainer_fail_memory(t);
    out->file = fopen(out->path, "wbx");
    if (out->file == NULL)
        return trainer_fail(t, OPA_ECREATE, "%s: %s", out->path, strerror(errno));
    return begin_file(t, out);
}

void tfevents_release(struct tfevents *e)
{
    if (e->file != NULL)
        fclose(e->file);
    free(e->path);
    e->file = NULL;
    e->path = NULL;
}
