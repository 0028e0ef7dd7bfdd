/* SPDX-License-Identifier: Apache-2.0 */
#include "reference.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "identity.h"
#include "keyed.h"

/* A record: place, count, count floats, the first 8 bytes of their SHA-256. In this machine's byte order: the file belongs
 * to a run, and the head says the kind of processor. */
struct head {
    uint32_t place, count;
};
enum { CHECK_SIZE = 16 }; /* hexadecimal digits of it that are kept */

static const struct keyed_kind kind = {"opatrain reference log-probs 1\n", "reference log-probs",
                                       ", or choose another one with --reference-cache"};

static void digest(char out[CHECK_SIZE], const struct head *head, const float *data)
{
    char digits[IDENTITY_SIZE], both[2 * IDENTITY_SIZE];
    identity_of_bytes(digits, data, head->count * sizeof *data);
    const int n = snprintf(both, sizeof both, "%u %u %s", (unsigned)head->place, (unsigned)head->count, digits);
    identity_of_bytes(digits, both, (size_t)n);
    memcpy(out, digits, CHECK_SIZE);
}

/* ---- what is there ---- */

/* The record at @p at, checked: *next is where it ends, or @p at where there is no whole one. OPA_ENOMEM. */
static int read_record(struct trainer *t, struct reference *r, const struct mapped *map, size_t at, size_t *next)
{
    struct head head;
    char check[CHECK_SIZE];
    *next = at;
    if (map->size - at < sizeof head)
        return OPA_OK;
    memcpy(&head, map->data + at, sizeof head);
    const size_t bytes = (size_t)head.count * sizeof(float), left = map->size - at - sizeof head;
    if (head.place >= r->count || left < CHECK_SIZE || bytes > left - CHECK_SIZE || r->records[head.place] != NULL)
        return OPA_OK;
    float *data = malloc(bytes + 1);
    if (data == NULL)
        return trainer_fail_memory(t);
    memcpy(data, map->data + at + sizeof head, bytes);
    digest(check, &head, data);
    if (memcmp(check, map->data + at + sizeof head + bytes, CHECK_SIZE) != 0) {
        free(data);
        return OPA_OK;
    }
    r->records[head.place] = data;
    r->sizes[head.place] = head.count;
    *next = at + sizeof head + bytes + CHECK_SIZE;
    return OPA_OK;
}

/* Whole records behind the head; *at is where they end. */
static int read_records(struct trainer *t, struct reference *r, const struct mapped *map, size_t *at)
{
    size_t next;
    int status = read_record(t, r, map, *at, &next);
    for (; status == OPA_OK && next != *at; status = read_record(t, r, map, *at, &next))
        *at = next;
    if (status == OPA_OK && *at < map->size)
        trainer_note(t, "%s: its last %zu bytes are no whole records (a kill, or damage): they are made anew", r->path,
                     map->size - *at);
    return status;
}

static int go_on(struct trainer *t, struct reference *r, const char *depends)
{
    struct mapped map;
    size_t end = 0;
    int status = mapped_open(t, &map, r->path);
    if (status == OPA_OK)
        status = keyed_compare(t, r->path, &map, &kind, depends, &end);
    if (status == OPA_OK)
        status = read_records(t, r, &map, &end);
    mapped_release(&map);
    if (status != OPA_OK)
        return status;
    r->file = fopen(r->path, "r+b");
    if (r->file == NULL || ftruncate(fileno(r->file), (off_t)end) != 0 || fseek(r->file, 0, SEEK_END) != 0)
        return trainer_fail(t, OPA_EIO, "%s: %s", r->path, strerror(errno));
    return OPA_OK;
}

int reference_open(struct trainer *t, struct reference *out, const char *path, const char *depends, size_t count)
{
    *out = (struct reference){.path = path ? strdup(path) : NULL,
                              .records = calloc(count + 1, sizeof *out->records),
                              .sizes = calloc(count + 1, sizeof *out->sizes),
                              .count = count};
    if ((path != NULL && out->path == NULL) || out->records == NULL || out->sizes == NULL)
        return trainer_fail_memory(t);
    if (path == NULL)
        return OPA_OK;
    const int status = path_exists(path) ? OPA_OK : keyed_begin(t, path, &kind, depends);
    return status == OPA_OK ? go_on(t, out, depends) : status;
}

void reference_release(struct reference *r)
{
    if (r->file != NULL)
        fclose(r->file);
    for (size_t i = 0; i < r->count && r->records != NULL; i++)
        free(r->records[i]);
    free(r->records);
    free(r->sizes);
    free(r->path);
    *r = (struct reference){0};
}

/* ---- records ---- */

bool reference_has(const struct reference *r, size_t place)
{
    return r->records[place] != NULL;
}

static int views_of(bool masked)
{
    return masked ? EXAMPLE_VIEWS : ROLE_COUNT;
}

static size_t floats_of(const struct example *e, bool masked)
{
    size_t n = 0;
    for (int v = 0; v < views_of(masked); v++)
        n += e->views[v].used ? e->views[v].count : 0;
    return n;
}

static int write_record(struct trainer *t, struct reference *r, const struct head *head, const float *data)
{
    char check[CHECK_SIZE];
    if (r->file == NULL)
        return OPA_OK;
    digest(check, head, data);
    if (fwrite(head, sizeof *head, 1, r->file) != 1 ||
        fwrite(data, sizeof *data, head->count, r->file) != head->count ||
        fwrite(check, sizeof check, 1, r->file) != 1 || fflush(r->file) != 0)
        return trainer_fail(t, OPA_EIO, "%s: %s", r->path, strerror(errno));
    return OPA_OK;
}

/* Takes @p data, which malloc() made. */
static int keep(struct trainer *t, struct reference *r, const struct head *head, float *data)
{
    free(r->records[head->place]);
    r->records[head->place] = data;
    r->sizes[head->place] = head->count;
    return write_record(t, r, head, data);
}

const float *reference_get(const struct reference *r, size_t place, uint32_t *count)
{
    *count = r->sizes[place];
    return r->records[place];
}

int reference_put(struct trainer *t, struct reference *r, size_t place, const float *data, uint32_t count)
{
    const struct head head = {(uint32_t)place, count};
    float *copy = malloc((head.count + 1) * sizeof *copy);
    if (copy == NULL)
        return trainer_fail_memory(t);
    memcpy(copy, data, head.count * sizeof *copy);
    return keep(t, r, &head, copy);
}

int reference_add(struct trainer *t, struct reference *r, const struct example *e, bool masked)
{
    const struct head head = {(uint32_t)e->place, (uint32_t)floats_of(e, masked)};
    float *data = malloc((head.count + 1) * sizeof *data);
    size_t n = 0;
    if (data == NULL)
        return trainer_fail_memory(t);
    bool finite = true;
    for (int v = 0; v < views_of(masked); v++) {
        for (size_t i = 0; e->views[v].used && i < e->views[v].count; i++) {
            finite = finite && isfinite(e->views[v].reference[i]);
            data[n++] = (float)e->views[v].reference[i];
        }
    }
    if (!finite) {
        free(data);
        return trainer_fail(t, OPA_EDATA, "sample %.120s: the reference's log-probs are not finite numbers",
                            e->sample.id);
    }
    return keep(t, r, &head, data);
}

static int other_tokens(struct trainer *t, const struct reference *r, const struct example *e)
{
    return trainer_fail(t, OPA_EDATA, "%s: sample %.120s has another number of tokens there",
                        r->path ? r->path : "reference log-probs", e->sample.id);
}

int reference_prove(struct trainer *t, const struct reference *r, const struct example *e, bool masked)
{
    const double allowed = 1e-3; /* float32 in another order of summing stays below half of it */
    const float *data = r->records[e->place];
    double most = 0;
    size_t n = 0;
    if (data == NULL || r->sizes[e->place] != floats_of(e, masked))
        return other_tokens(t, r, e);
    for (int v = 0; v < views_of(masked); v++) {
        for (size_t i = 0; e->views[v].used && i < e->views[v].count; i++)
            most = fmax(most, fabs(e->views[v].reference[i] - (double)data[n++]));
    }
    if (most <= allowed)
        return OPA_OK;
    return trainer_fail(
        t, OPA_EDATA,
        "%s: another build of this program made these reference log-probs (those of sample %.120s are off "
        "by %.2g): remove the file to make them anew, or choose another one with --reference-cache",
        r->path, e->sample.id, most);
}

int reference_fill(struct trainer *t, const struct reference *r, struct example *e, bool masked)
{
    const float *data = r->records[e->place];
    size_t n = 0;
    if (data == NULL || r->sizes[e->place] != floats_of(e, masked))
        return other_tokens(t, r, e);
    for (int v = 0; v < views_of(masked); v++) {
        for (size_t i = 0; e->views[v].used && i < e->views[v].count; i++)
            e->views[v].reference[i] = (double)data[n++];
    }
    return OPA_OK;
}
