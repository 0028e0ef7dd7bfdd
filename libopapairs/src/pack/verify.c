/* SPDX-License-Identifier: Apache-2.0 */
/* Verification of a pack. Every byte of every file is covered by a hash in another file: shards by the manifest,
 * SHA256SUMS and (by sample) the index; index and manifest by SHA256SUMS. Where two disagree, the third one or the way
 * in which they differ tells which was altered. The shards are looked at by several threads; findings come in the order
 * of files and offsets all the same. */
#include <opapairs/pack.h>

#include <cjson/cJSON.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/context.h"
#include "base/findings.h"
#include "base/sha256.h"
#include "base/utf8.h"
#include "pack/file.h"
#include "pack/folder.h"
#include "pack/manifest.h"
#include "pack/shard.h"
#include "pack/sums.h"

#define MAX_DOCUMENT ((size_t)1 << 30)
#define MAX_THREADS 8

typedef struct verification {
    opa_context *ctx;
    int folder;
    const opa_verify_options *options;
    opa_findings findings; /* on the pack as a whole */
    opa_sums sums;
    bool sums_sound;
    opa_buffer manifest_bytes, index_bytes;
    opa_json *manifest; /* NULL: cannot be used */
    bool manifest_sound, index_sound;
    opa_index index;
    const opa_pack_entry **entries; /* by shard, offset */
    opa_shard_check *shards;        /* by name */
    size_t shard_count;
    /* for the threads */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t next, finished;
    int status;
    char message[256];
    _Atomic int64_t done;
} verification;

static int add(verification *v, int code, const char *file, const char *message)
{
    const size_t first = v->findings.count;
    if (opa_findings_add(&v->findings, code, 0, NULL, "%s", message) ||
        opa_findings_locate(&v->findings, first, file, -1, (opa_text){0}))
        return opa_fail_memory(v->ctx);
    return OPA_OK;
}

/* ---- the documents ---- */

/* Load a document and compare its hash. *sound: it is the one of SHA256SUMS, or nothing can be said. */
static int load_document(verification *v, const char *name, opa_buffer *bytes, bool *present, bool *sound)
{
    int status = opa_file_load(v->ctx, v->folder, name, MAX_DOCUMENT, bytes);
    *present = status == OPA_OK;
    *sound = false;
    if (status == OPA_ENOENT || status == OPA_EDATA)
        return add(v, OPA_F_MANIFEST_INVALID, name,
                   status == OPA_ENOENT ? "the file is missing" : opa_context_message(v->ctx));
    if (status)
        return status;
    uint8_t digest[OPA_SHA256_SIZE];
    opa_sum *sum = opa_sums_find(&v->sums, name);
    *sound = true;
    if (!sum)
        return v->sums_sound ? add(v, OPA_F_MANIFEST_INVALID, name, "SHA256SUMS has no line for it") : OPA_OK;
    sum->seen = true;
    opa_sha256_of(digest, bytes->data, bytes->size);
    const unsigned distance = opa_digest_distance(digest, sum->sha256);
    if (distance == 0)
        return OPA_OK;
    if (distance <= OPA_DIGEST_NEAR) {
        char message[128];
        snprintf(message, sizeof message, "the line of %s is altered", name);
        return add(v, OPA_F_MANIFEST_INVALID, "SHA256SUMS", message);
    }
    *sound = false;
    return add(v, OPA_F_MANIFEST_INVALID, name, "the file is altered: its hash is not that of SHA256SUMS");
}

static int load_sums(verification *v)
{
    opa_buffer bytes = {0};
    int status = opa_file_load(v->ctx, v->folder, "SHA256SUMS", MAX_DOCUMENT, &bytes);
    if (status == OPA_ENOENT || status == OPA_EDATA)
        status = add(v, OPA_F_MANIFEST_INVALID, "SHA256SUMS",
                     status == OPA_ENOENT ? "the file is missing" : opa_context_message(v->ctx));
    else if (status == OPA_OK) {
        status = opa_sums_parse(v->ctx, &v->sums, opa_buffer_text(&bytes));
        v->sums_sound = status == OPA_OK;
        if (status == OPA_EDATA)
            status = add(v, OPA_F_MANIFEST_INVALID, "SHA256SUMS", opa_context_message(v->ctx));
    }
    opa_buffer_release(&bytes);
    return status;
}

static int load_manifest(verification *v)
{
    bool present;
    int status = load_document(v, "manifest.json", &v->manifest_bytes, &present, &v->manifest_sound);
    if (status || !present)
        return status;
    opa_json_options options = OPA_JSON_OPTIONS_INIT;
    options.max_size = MAX_DOCUMENT;
    status = opa_json_parse(v->ctx, &v->manifest, opa_buffer_text(&v->manifest_bytes), &options, NULL);
    /* An altered manifest is one finding; what it says is then not looked at. */
    if (status == OPA_EDATA)
        return v->manifest_sound ? add(v, OPA_F_MANIFEST_INVALID, "manifest.json", opa_context_message(v->ctx))
                                 : OPA_OK;
    if (status)
        return status;
    if (!v->manifest_sound) {
        opa_json_free(v->manifest);
        v->manifest = NULL;
        return OPA_OK;
    }
    int64_t version;
    const cJSON *value = opa_json_get(opa_json_root(v->manifest), "schema_version");
    if (!value || !opa_json_integer(v->manifest, value, &version) || version < 1)
        return add(v, OPA_F_MANIFEST_INVALID, "manifest.json", "schema_version: a number from 1 on is expected");
    if (version > OPA_PACK_SCHEMA_VERSION)
        return opa_manifest_fail_newer(v->ctx, version);
    return OPA_OK;
}

static int load_index(verification *v)
{
    bool present, sound;
    int status = load_document(v, "index.tsv", &v->index_bytes, &present, &sound);
    if (status || !present)
        return status;
    status = opa_index_parse(v->ctx, &v->index, opa_buffer_text(&v->index_bytes));
    v->index_sound = sound && status == OPA_OK;
    if (status != OPA_EDATA)
        return status;
    return sound ? add(v, OPA_F_MANIFEST_INVALID, "index.tsv", opa_context_message(v->ctx)) : OPA_OK;
}

/* ---- which shards there should be ---- */

/* *out NULL: no shard has such a name. */
static int shard_named(verification *v, opa_shard_check **out, opa_text name)
{
    opa_shard_kind kind;
    uint32_t number;
    *out = NULL;
    if (!opa_shard_name_parse(name, &kind, &number))
        return OPA_OK;
    size_t i = 0;
    for (; i < v->shard_count; i++)
        if (strlen(v->shards[i].name) == name.size && memcmp(v->shards[i].name, name.data, name.size) == 0)
            break;
    if (i < v->shard_count) {
        *out = &v->shards[i];
        return OPA_OK;
    }
    opa_shard_check *more = realloc(v->shards, (v->shard_count + 1) * sizeof *more);
    if (!more)
        return opa_fail_memory(v->ctx);
    v->shards = more;
    *out = &more[v->shard_count++];
    **out = (opa_shard_check){.kind = kind};
    memcpy((*out)->name, name.data, name.size);
    return OPA_OK;
}

static int shards_of_manifest(verification *v)
{
    const opa_json *doc = v->manifest;
    const cJSON *list = doc ? opa_json_get(opa_json_root(doc), "shards") : NULL;
    if (!doc)
        return OPA_OK;
    if (!cJSON_IsArray(list))
        return add(v, OPA_F_MANIFEST_INVALID, "manifest.json", "shards: a list is expected");
    for (const cJSON *item = list->child; item; item = item->next) {
        opa_text name, hash;
        int64_t samples, bytes;
        int status = OPA_OK;
        opa_shard_check *c = NULL;
        char digits[2 * OPA_SHA256_SIZE + 1] = "";
        const cJSON *n = opa_json_get(item, "name"), *h = opa_json_get(item, "sha256"),
                    *s = opa_json_get(item, "samples"), *b = opa_json_get(item, "bytes");
        if (n && h && s && b && opa_json_text(doc, n, &name) && opa_json_text(doc, h, &hash) &&
            hash.size == sizeof digits - 1 && opa_json_integer(doc, s, &samples) && samples >= 0 &&
            opa_json_integer(doc, b, &bytes) && bytes >= 0)
            status = shard_named(v, &c, name);
        if (status)
            return status;
        if (c)
            memcpy(digits, hash.data, hash.size);
        if (!c || !opa_unhex(c->manifest_sha256, digits, OPA_SHA256_SIZE))
            return add(v, OPA_F_MANIFEST_INVALID, "manifest.json",
                       "shards: name, samples, bytes and sha256 are expected");
        if (c->in_manifest)
            return add(v, OPA_F_MANIFEST_INVALID, "manifest.json", "shards: a name stands there twice");
        c->in_manifest = true;
        c->samples = (uint64_t)samples;
        c->bytes = (uint64_t)bytes;
    }
    return OPA_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const opa_shard_check *)a)->name, ((const opa_shard_check *)b)->name);
}

static int by_place(const void *a, const void *b)
{
    const opa_pack_entry *x = *(const opa_pack_entry *const *)a, *y = *(const opa_pack_entry *const *)b;
    const size_t n = x->shard.size < y->shard.size ? x->shard.size : y->shard.size;
    const int order = memcmp(x->shard.data, y->shard.data, n);
    if (order || x->shard.size != y->shard.size)
        return order ? order : x->shard.size < y->shard.size ? -1 : 1;
    return (x->offset > y->offset) - (x->offset < y->offset);
}

/* Give each shard its entries of the index. */
static int distribute(verification *v)
{
    const size_t n = v->index.count;
    v->entries = malloc((n + 1) * sizeof *v->entries);
    if (!v->entries)
        return opa_fail_memory(v->ctx);
    for (size_t i = 0; i < n; i++)
        v->entries[i] = &v->index.entries[i];
    qsort(v->entries, n, sizeof *v->entries, by_place);
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && opa_text_equal(v->entries[end]->shard, v->entries[i]->shard); end++)
            ;
        opa_shard_check *c;
        const int status = shard_named(v, &c, v->entries[i]->shard);
        if (status || !c) /* an index that could be read names shards only */
            return status ? status : opa_fail(v->ctx, OPA_EDATA, "index.tsv: no name of a shard");
        c->entries = v->entries + i;
        c->entry_count = end - i;
    }
    return OPA_OK;
}

static int collect_shards(verification *v)
{
    int status = shards_of_manifest(v);
    for (size_t i = 0; i < v->sums.count && status == OPA_OK; i++) {
        const opa_sum *s = &v->sums.items[i];
        opa_shard_check *c;
        status = shard_named(v, &c, (opa_text){s->name, strlen(s->name)});
        if (status || !c)
            continue;
        c->in_sums = true;
        memcpy(c->sums_sha256, s->sha256, OPA_SHA256_SIZE);
    }
    if (status || (status = distribute(v)))
        return status;
    uint64_t seed = 0;
    int64_t number;
    const cJSON *value = v->manifest ? opa_json_get(opa_json_root(v->manifest), "seed") : NULL;
    const bool has_seed = value && opa_json_integer(v->manifest, value, &number) && number >= 0;
    if (has_seed)
        seed = (uint64_t)number;
    for (size_t i = 0; i < v->shard_count; i++) {
        v->shards[i].index_sound = v->index_sound;
        v->shards[i].manifest_sound = v->manifest_sound;
        v->shards[i].skip_images = v->options->skip_images;
        v->shards[i].has_seed = has_seed;
        v->shards[i].seed = seed;
    }
    if (v->shard_count)
        qsort(v->shards, v->shard_count, sizeof *v->shards, by_name);
    return OPA_OK;
}

/* Files that belong to no pack, or to another one. */
static int find_extra(verification *v)
{
    const int copy = openat(v->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy < 0 ? NULL : fdopendir(copy);
    if (!dir) {
        if (copy >= 0)
            close(copy);
        return opa_fail(v->ctx, OPA_EIO, "the folder cannot be read: %s", strerror(errno));
    }
    int status = OPA_OK;
    for (struct dirent *e; status == OPA_OK && (e = readdir(dir));) {
        opa_shard_check wanted = {0};
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        bool known = opa_folder_knows(e->d_name);
        if (known && strstr(e->d_name, ".tar")) {
            memcpy(wanted.name, e->d_name, strlen(e->d_name));
            known = v->shard_count && bsearch(&wanted, v->shards, v->shard_count, sizeof wanted, by_name);
        }
        if (!known)
            status = add(v, OPA_F_FILE_EXTRA, e->d_name, "this file does not belong to the pack");
    }
    closedir(dir);
    return status;
}

/* ---- the shards, on several threads ---- */

static void *work(void *user)
{
    verification *v = user;
    opa_context *ctx = NULL;
    int status = opa_context_new(&ctx);
    pthread_mutex_lock(&v->lock);
    while (status == OPA_OK && v->status == OPA_OK && v->next < v->shard_count) {
        opa_shard_check *c = &v->shards[v->next++];
        pthread_mutex_unlock(&v->lock);
        status = opa_shard_verify(ctx, c, v->folder, &v->done);
        pthread_mutex_lock(&v->lock);
        v->finished++;
        pthread_cond_signal(&v->changed);
    }
    if (status && v->status == OPA_OK) {
        v->status = status;
        snprintf(v->message, sizeof v->message, "%s", ctx ? opa_context_message(ctx) : "out of memory");
    }
    pthread_cond_signal(&v->changed);
    pthread_mutex_unlock(&v->lock);
    opa_context_free(ctx);
    return NULL;
}

static int report_progress(verification *v)
{
    if (!v->options->progress)
        return OPA_OK;
    const opa_progress progress = {.stage = "verify",
                                   .items = atomic_load(&v->done),
                                   .items_total = (int64_t)v->index.count,
                                   .bytes = -1,
                                   .bytes_total = -1};
    return v->options->progress(v->options->user, &progress) ? OPA_ECANCELLED : OPA_OK;
}

/* Wait for the threads, telling how far they are five times a second. */
static void wait_for_shards(verification *v)
{
    pthread_mutex_lock(&v->lock);
    while (v->status == OPA_OK && v->finished < v->shard_count) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += 200000000;
        if (until.tv_nsec >= 1000000000) {
            until.tv_nsec -= 1000000000;
            until.tv_sec++;
        }
        pthread_cond_timedwait(&v->changed, &v->lock, &until);
        pthread_mutex_unlock(&v->lock);
        const int status = report_progress(v);
        pthread_mutex_lock(&v->lock);
        if (status && v->status == OPA_OK) {
            v->status = status;
            snprintf(v->message, sizeof v->message, "stopped");
        }
    }
    pthread_mutex_unlock(&v->lock);
}

static int check_shards(verification *v)
{
    pthread_t threads[MAX_THREADS];
    long wanted = sysconf(_SC_NPROCESSORS_ONLN);
    size_t started = 0;
    wanted = wanted < 1 ? 1 : wanted > MAX_THREADS ? MAX_THREADS : wanted;
    while (started < (size_t)wanted && started < v->shard_count &&
           pthread_create(&threads[started], NULL, work, v) == 0)
        started++;
    if (started > 0)
        wait_for_shards(v);
    else if (v->shard_count > 0)
        work(v);
    for (size_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    return v->status ? opa_fail(v->ctx, v->status, "%s", v->message) : OPA_OK;
}

/* ---- what the manifest counts ---- */

static int check_count(verification *v, const cJSON *object, const char *key, uint64_t found)
{
    int64_t n;
    char message[160];
    const cJSON *value = opa_json_get(object, key);
    if (value && opa_json_integer(v->manifest, value, &n) && n >= 0 && (uint64_t)n == found)
        return OPA_OK;
    snprintf(message, sizeof message, "counts: %s is not the %" PRIu64 " that the pack holds", key, found);
    return add(v, OPA_F_MANIFEST_INVALID, "manifest.json", message);
}

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, OPA_SHA256_SIZE);
}

/* Distinct images of all shards; UINT64_MAX: out of memory. */
static uint64_t count_images(const verification *v)
{
    size_t n = 0;
    uint64_t distinct = 0;
    for (size_t i = 0; i < v->shard_count; i++)
        n += v->shards[i].image_count;
    uint8_t(*all)[OPA_SHA256_SIZE] = malloc((n + 1) * sizeof *all);
    if (!all)
        return UINT64_MAX;
    n = 0;
    for (size_t i = 0; i < v->shard_count; i++) {
        if (v->shards[i].image_count)
            memcpy(all + n, v->shards[i].images, v->shards[i].image_count * sizeof *all);
        n += v->shards[i].image_count;
    }
    qsort(all, n, sizeof *all, by_bytes);
    for (size_t i = 0; i < n; i++)
        distinct += i == 0 || memcmp(all[i - 1], all[i], sizeof *all) != 0;
    free(all);
    return distinct;
}

static int check_counts(verification *v)
{
    opa_pair_counts pairs = {0};
    uint64_t tokens[OPA_ROLES] = {0};
    for (size_t i = 0; i < v->shard_count; i++) {
        const opa_shard_check *c = &v->shards[i];
        pairs.language += c->pairs.language;
        pairs.image += c->pairs.image;
        pairs.anchor += c->pairs.anchor;
        for (int r = 0; r < OPA_ROLES; r++)
            tokens[r] += c->tokens[r];
    }
    const cJSON *root = opa_json_root(v->manifest), *counts = opa_json_get(root, "counts");
    const cJSON *by_type = opa_json_get(counts, "pairs"), *by_role = opa_json_get(counts, "tokens");
    const uint64_t images = count_images(v);
    if (images == UINT64_MAX)
        return opa_fail_memory(v->ctx);
    int status = check_count(v, counts, "samples", v->index.count);
    if (status || (status = check_count(v, counts, "images", images)) ||
        (status = check_count(v, by_type, "language", pairs.language)) ||
        (status = check_count(v, by_type, "image", pairs.image)) ||
        (status = check_count(v, by_type, "anchor", pairs.anchor)))
        return status;
    for (int r = 0; r < OPA_ROLES && status == OPA_OK; r++)
        status = check_count(v, by_role, opa_role_names[r], tokens[r]);
    const cJSON *left_out = opa_json_get(root, "left_out");
    return status ? status
                  : check_count(v, counts, "left_out",
                                cJSON_IsArray(left_out) ? (uint64_t)cJSON_GetArraySize(left_out) : 0);
}

static int check_recipe(verification *v)
{
    opa_json_place place;
    opa_recipe *recipe = NULL;
    int status = OPA_EDATA;
    if (opa_json_place_of(v->manifest, "recipe", &place))
        status = opa_recipe_parse(
            v->ctx, &recipe,
            (opa_text){v->manifest_bytes.data + place.value.begin, place.value.end - place.value.begin});
    else
        opa_fail(v->ctx, OPA_EDATA, "recipe: it is missing");
    opa_recipe_free(recipe);
    return status == OPA_EDATA ? add(v, OPA_F_MANIFEST_INVALID, "manifest.json", opa_context_message(v->ctx)) : status;
}

/* What only shows when the shards are known: disagreement between documents that are all as they were written. */
static int check_agreement(verification *v)
{
    bool whole = v->manifest != NULL && v->index_sound;
    int status = OPA_OK;
    for (size_t i = 0; i < v->shard_count && status == OPA_OK; i++) {
        const opa_shard_check *c = &v->shards[i];
        char message[128];
        whole = whole && c->findings.count == 0;
        if (c->sums_differ || (v->sums_sound && !c->in_sums)) {
            snprintf(message, sizeof message, "the line of %s is %s", c->name, c->in_sums ? "altered" : "missing");
            status = add(v, OPA_F_MANIFEST_INVALID, "SHA256SUMS", message);
        }
        if (status == OPA_OK && v->manifest &&
            (c->manifest_differs || !c->in_manifest || (v->index_sound && c->samples != c->entry_count))) {
            snprintf(message, sizeof message, "what it says of %s is not so", c->name);
            status = add(v, OPA_F_MANIFEST_INVALID, "manifest.json", message);
        }
    }
    if (status == OPA_OK && v->manifest)
        status = check_recipe(v);
    return status || !whole ? status : check_counts(v);
}

/* ---- all of it ---- */

static int emit(verification *v, const opa_findings *list, opa_finding_fn fn, void *user)
{
    for (size_t i = 0; i < list->count; i++)
        if (fn && fn(user, &list->items[i]))
            return opa_fail(v->ctx, OPA_ECANCELLED, "stopped");
    return OPA_OK;
}

static int run(verification *v)
{
    int status = load_sums(v);
    if (status || (status = load_manifest(v)) || (status = load_index(v)) || (status = collect_shards(v)) ||
        (status = find_extra(v)) || (status = check_shards(v)))
        return status;
    return check_agreement(v);
}

/* Is anything of a pack there? Its documents may be what is missing. */
static bool any_known(int folder)
{
    const int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy < 0 ? NULL : fdopendir(copy);
    bool found = false;
    for (struct dirent *e; dir && !found && (e = readdir(dir));)
        found = opa_folder_knows(e->d_name);
    if (dir)
        closedir(dir);
    else if (copy >= 0)
        close(copy);
    return found;
}

static void release(verification *v)
{
    for (size_t i = 0; i < v->shard_count; i++)
        opa_shard_check_release(&v->shards[i]);
    free(v->shards);
    free(v->entries);
    opa_index_release(&v->index);
    opa_json_free(v->manifest);
    opa_buffer_release(&v->manifest_bytes);
    opa_buffer_release(&v->index_bytes);
    opa_sums_release(&v->sums);
    opa_findings_release(&v->findings);
    pthread_cond_destroy(&v->changed);
    pthread_mutex_destroy(&v->lock);
    close(v->folder);
}

int opa_pack_verify(opa_context *ctx, const char *path, const opa_verify_options *options, opa_finding_fn fn,
                    void *user, int64_t *samples)
{
    static const opa_verify_options defaults = OPA_VERIFY_OPTIONS_INIT;
    if (samples)
        *samples = 0;
    const int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return opa_fail(ctx,
                        errno == ENOENT    ? OPA_ENOENT
                        : errno == ENOTDIR ? OPA_EDATA
                                           : OPA_EIO,
                        "%s: %s", path, errno == ENOTDIR ? "not a pack: not a folder" : strerror(errno));
    if (!any_known(folder)) {
        close(folder);
        return opa_fail(ctx, OPA_EDATA, "%s: not a pack: nothing of one is in this folder", path);
    }
    verification v = {.ctx = ctx, .folder = folder, .options = options ? options : &defaults};
    pthread_mutex_init(&v.lock, NULL);
    pthread_cond_init(&v.changed, NULL);
    int status = run(&v);
    if (status == OPA_OK)
        status = emit(&v, &v.findings, fn, user);
    for (size_t i = 0; i < v.shard_count && status == OPA_OK; i++)
        status = emit(&v, &v.shards[i].findings, fn, user);
    if (samples)
        *samples = (int64_t)v.index.count;
    release(&v);
    return status;
}
