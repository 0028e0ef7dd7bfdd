/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void world_path(char out[WORLD_PATH_SIZE], const char *folder, const char *name)
{
    assert_true(snprintf(out, WORLD_PATH_SIZE, "%s/%s", folder, name) < WORLD_PATH_SIZE);
}

static opa_text read_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        fail_msg("%s: %s", path, strerror(errno));
    fseek(f, 0, SEEK_END);
    const size_t size = (size_t)ftell(f);
    rewind(f);
    char *data = malloc(size + 1);
    assert_non_null(data);
    assert_int_equal(fread(data, 1, size, f), size);
    fclose(f);
    data[size] = '\0';
    return (opa_text){data, size};
}

static void write_file(const char *path, opa_text bytes)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes.data, 1, bytes.size, f), bytes.size);
    assert_int_equal(fclose(f), 0);
}

static void free_text(opa_text text)
{
    union {
        const char *from;
        void *to;
    } u = {text.data};
    free(u.to);
}

void world_copy(const char *to, const char *from)
{
    const opa_text bytes = read_file(from);
    write_file(to, bytes);
    free_text(bytes);
}

void world_remove(const char *path)
{
    DIR *dir = opendir(path);
    for (const struct dirent *e; dir && (e = readdir(dir));) {
        char inner[WORLD_PATH_SIZE + 300];
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        snprintf(inner, sizeof inner, "%s/%s", path, e->d_name);
        world_remove(inner);
    }
    if (dir)
        closedir(dir);
    remove(path);
}

/* ---- what a part reads, as a number ---- */

void digest_bytes(world *w, const void *bytes, size_t size)
{
    const unsigned char *s = bytes;
    for (size_t i = 0; i < size; i++)
        w->digest = (w->digest ^ s[i]) * 0x100000001B3u; /* FNV-1a */
}

void digest_number(world *w, int64_t n)
{
    digest_bytes(w, &n, sizeof n);
}

void digest_text(world *w, opa_text text)
{
    digest_number(w, text.data ? (int64_t)text.size : -1);
    if (text.data)
        digest_bytes(w, text.data, text.size);
}

static void digest_string(world *w, const char *s)
{
    digest_text(w, (opa_text){s, s ? strlen(s) : 0});
}

int digest_finding(void *user, const opa_finding *f)
{
    world *w = user;
    digest_number(w, f->code);
    digest_number(w, f->record);
    digest_number(w, f->line);
    digest_string(w, f->file);
    digest_string(w, f->id);
    digest_string(w, f->field);
    digest_string(w, f->message);
    return 0;
}

void digest_findings(world *w, const opa_findings *list)
{
    for (size_t i = 0; i < list->count; i++)
        digest_finding(w, &list->items[i]);
}

int digest_edit(void *user, const opa_edit *e)
{
    world *w = user;
    digest_number(w, e->sequence);
    digest_text(w, e->id);
    digest_number(w, e->what);
    digest_text(w, e->by);
    digest_text(w, e->why);
    digest_number(w, e->undoes);
    digest_text(w, e->revised);
    digest_text(w, e->report);
    digest_number(w, e->excluded);
    return 0;
}

int digest_record(void *user, const opa_record *r)
{
    world *w = user;
    digest_text(w, r->file);
    digest_number(w, r->record);
    digest_number(w, r->line);
    digest_text(w, r->id);
    digest_text(w, r->bytes);
    return 0;
}

void digest_sample(world *w, const opa_sample *s)
{
    const opa_text texts[] = {s->id,        s->source_file, s->image_id,     s->prompt,
                              s->generated, s->revised,     s->ground_truth, s->report};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        digest_text(w, texts[i]);
    digest_number(w, s->source_record);
    digest_number(w, s->image_width);
    digest_bytes(w, s->image_sha256, OPA_SHA256_SIZE);
    digest_number(w, s->revised_by_hand);
    digest_number(w, s->excluded);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void digest_folder(world *w, const char *path)
{
    char *names[64];
    size_t count = 0;
    DIR *dir = opendir(path);
    for (const struct dirent *e; dir && (e = readdir(dir));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            names[count++] = strdup(e->d_name);
    if (dir)
        closedir(dir);
    qsort(names, count, sizeof *names, by_name);
    for (size_t i = 0; i < count; i++) {
        char inner[WORLD_PATH_SIZE];
        world_path(inner, path, names[i]);
        const opa_text bytes = read_file(inner);
        digest_string(w, names[i]);
        digest_text(w, bytes);
        free_text(bytes);
        free(names[i]);
    }
}

/* ---- keeping it clean ---- */

static bool is_among(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/* The next entry of the folder that is no file of world_init(). */
static struct dirent *next_other(DIR *dir)
{
    static const char *const made[] = {".",         "..",       "one.json",    "two.json", "edits.jsonl",
                                       "empty.opa", "full.opa", "recipe.json", "pack"};
    struct dirent *e;
    while ((e = readdir(dir)) && is_among(e->d_name, made, sizeof made / sizeof *made))
        ;
    return e;
}

void world_tidy(const world *w)
{
    DIR *dir = opendir(w->folder);
    assert_non_null(dir);
    for (const struct dirent *e; (e = next_other(dir));) {
        char path[WORLD_PATH_SIZE];
        world_path(path, w->folder, e->d_name);
        world_remove(path);
    }
    closedir(dir);
}

const char *world_leftover(const world *w)
{
    static const char *const known[] = {"work.opa", "work.opa-wal", "work.opa-shm", "out"};
    static char name[WORLD_PATH_SIZE];
    const struct dirent *e;
    DIR *dir = opendir(w->folder);
    assert_non_null(dir);
    while ((e = next_other(dir)) && is_among(e->d_name, known, sizeof known / sizeof *known))
        ;
    if (e)
        snprintf(name, sizeof name, "%s", e->d_name);
    closedir(dir);
    return e ? name : NULL;
}

/* ---- making it ---- */

/* The first two records of the demonstration's first file, in a file each. */
static void make_records(world *w, opa_context *ctx)
{
    char path[2 * WORLD_PATH_SIZE];
    const char *const to[2] = {w->one, w->two};
    opa_json_stream *stream;
    opa_json_record record;
    snprintf(path, sizeof path, "%s/../../demo/rollouts/step0_rank0.json", getenv("OPA_TEST_DATA"));
    assert_int_equal(opa_json_stream_open(ctx, &stream, path, NULL, NULL), OPA_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(opa_json_stream_next(stream, &record), OPA_OK);
        write_file(to[i], record.bytes);
    }
    opa_json_stream_free(stream);
}

static void make_stores(world *w, opa_context *ctx)
{
    opa_store *store;
    opa_cursor *cursor;
    opa_sample sample;
    const char *one = w->one;
    char line[256];
    assert_int_equal(opa_store_create(ctx, w->empty), OPA_OK);
    world_copy(w->full, w->empty);
    assert_int_equal(opa_store_open(ctx, &store, w->full), OPA_OK);
    assert_int_equal(opa_store_import(store, &one, 1, NULL, NULL), OPA_OK);
    assert_int_equal(opa_store_samples(store, &cursor, OPA_ORDER_SOURCE), OPA_OK);
    assert_int_equal(opa_cursor_next(cursor, &sample), OPA_OK);
    assert_true(snprintf(w->id, sizeof w->id, "%.*s", (int)sample.id.size, sample.id.data) < (int)sizeof w->id);
    opa_cursor_free(cursor);
    const opa_text id = {w->id, strlen(w->id)};
    assert_int_equal(opa_store_set_revised(store, id, OPA_TEXT("The first text by hand."), NULL, "maker"), OPA_OK);
    opa_store_free(store);
    snprintf(line, sizeof line, "{\"id\": \"%s\", \"revised\": \"From a file.\", \"by\": \"B\"}\n", w->id);
    write_file(w->edits, (opa_text){line, strlen(line)});
}

static void make_pack(world *w, opa_context *ctx)
{
    opa_store *store;
    opa_pack_options options = OPA_PACK_OPTIONS_INIT;
    opa_recipe *recipe;
    opa_tokenizer *tokenizer;
    opa_pack_report report;
    assert_int_equal(opa_store_open(ctx, &store, w->full), OPA_OK);
    assert_int_equal(opa_recipe_open(ctx, &recipe, NULL), OPA_OK);
    assert_int_equal(opa_tokenizer_parse(ctx, &tokenizer, w->tokenizer), OPA_OK);
    options.recipe = recipe;
    options.tokenizer = tokenizer;
    assert_int_equal(opa_pack_write(ctx, store, w->pack, &options, &report), OPA_OK);
    assert_int_equal(report.samples, 1);
    write_file(w->recipe, opa_recipe_json(recipe));
    opa_tokenizer_free(tokenizer);
    opa_recipe_free(recipe);
    opa_store_free(store);
}

/* In memory where there is such a folder: the sweep waits for the disk at every commit. */
static void make_folder(world *w)
{
    const char *base = getenv("TMPDIR");
    if (!base)
        base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    assert_true(snprintf(w->folder, sizeof w->folder - 32, "%s/opa-faults-XXXXXX", base) < WORLD_PATH_SIZE - 32);
    assert_non_null(mkdtemp(w->folder));
}

static opa_text read_data(const char *name)
{
    char path[2 * WORLD_PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s", getenv("OPA_TEST_DATA"), name);
    return read_file(path);
}

void world_init(world *out)
{
    opa_context *ctx;
    *out = (world){0};
    make_folder(out);
    char *const paths[] = {out->one,    out->two,  out->edits, out->empty, out->full,
                           out->recipe, out->pack, out->store, out->out};
    static const char *const names[] = {"one.json",    "two.json", "edits.jsonl", "empty.opa", "full.opa",
                                        "recipe.json", "pack",     "work.opa",    "out"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        world_path(paths[i], out->folder, names[i]);
    out->png = read_data("image/basi6a16.png");
    out->jpeg = read_data("image/own_progressive_420.jpg");
    out->tokenizer = read_data("../../demo/tokenizer.json");
    assert_int_equal(opa_context_new(&ctx), OPA_OK);
    make_records(out, ctx);
    make_stores(out, ctx);
    make_pack(out, ctx);
    opa_context_free(ctx);
}

void world_release(world *w)
{
    free_text(w->png);
    free_text(w->jpeg);
    free_text(w->tokenizer);
    world_remove(w->folder);
}
