/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the store share: a folder of their own, files in it, a store, and all of its content as one text.
 */
#ifndef OPA_TEST_STORE_HELPER_H
#define OPA_TEST_STORE_HELPER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <opapairs/store.h>

#include "base/base64.h"
#include "base/buffer.h"
#include "store/store.h"

/* A PNG of 16 x 16 black pixels. */
static const unsigned char png[] = {0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0x00, 0x00, 0x00, 0x0D, 0x49, 0x48,
                                    0x44, 0x52, 0x00, 0x00, 0x00, 0x10, 0x00, 0x00, 0x00, 0x10, 0x08, 0x00, 0x00, 0x00,
                                    0x00, 0x3A, 0x98, 0xA0, 0xBD, 0x00, 0x00, 0x00, 0x0D, 0x49, 0x44, 0x41, 0x54, 0x78,
                                    0xDA, 0x63, 0x60, 0x18, 0x05, 0xC8, 0x00, 0x00, 0x01, 0x10, 0x00, 0x01, 0x7F, 0xCD,
                                    0x03, 0xB5, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4E, 0x44, 0xAE, 0x42, 0x60, 0x82};

typedef struct fixture {
    char folder[64];
    char path[128]; /* of the store */
    opa_context *ctx;
    opa_store *store;
    opa_findings told; /* by import */
    opa_import_report report;
    char *names[64];
    size_t count;
} fixture;

static inline int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    strcpy(f->folder, "/tmp/opa_store_XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->path, sizeof f->path, "%s/a.store", f->folder);
    assert_int_equal(opa_context_new(&f->ctx), OPA_OK);
    assert_int_equal(opa_store_create(f->ctx, f->path), OPA_OK);
    assert_int_equal(opa_store_open(f->ctx, &f->store, f->path), OPA_OK);
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    fixture *f = *state;
    opa_store_free(f->store);
    opa_context_free(f->ctx);
    opa_findings_release(&f->told);
    for (size_t i = 0; i < f->count; i++)
        free(f->names[i]);
    DIR *folder = opendir(f->folder);
    assert_non_null(folder);
    for (const struct dirent *entry; (entry = readdir(folder));) {
        char path[400];
        snprintf(path, sizeof path, "%s/%s", f->folder, entry->d_name);
        if (entry->d_name[0] != '.')
            remove(path);
    }
    closedir(folder);
    remove(f->folder);
    free(f);
    return 0;
}

/* Write a file; its path lives as long as the fixture. */
static inline const char *file_bytes(fixture *f, const char *name, const void *bytes, size_t size)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", f->folder, name);
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(bytes, 1, size, out), size);
    assert_int_equal(fclose(out), 0);
    assert_true(f->count < 64);
    return f->names[f->count++] = strdup(path);
}

static inline const char *file_text(fixture *f, const char *name, const char *text)
{
    return file_bytes(f, name, text, strlen(text));
}

static inline int keep_finding(void *user, const opa_finding *finding)
{
    opa_findings *list = user;
    opa_finding *items = realloc(list->items, (list->count + 1) * sizeof *items);
    assert_non_null(items);
    list->items = items;
    opa_finding *to = &items[list->count++];
    *to = *finding;
    to->file = finding->file ? strdup(finding->file) : NULL;
    to->id = finding->id ? strdup(finding->id) : NULL;
    to->field = finding->field ? strdup(finding->field) : NULL;
    to->message = strdup(finding->message);
    list->capacity = list->count;
    return 0;
}

static inline int import_with(fixture *f, opa_import_options options, const char *const *paths, size_t count)
{
    opa_findings_release(&f->told);
    options.finding = keep_finding;
    options.user = &f->told;
    return opa_store_import(f->store, paths, count, &options, &f->report);
}

#define IMPORT(f, ...)                                                                                                 \
    assert_int_equal(import_with((f), (opa_import_options){.threads = 2}, (const char *const[]){__VA_ARGS__},          \
                                 sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *)),                         \
                     OPA_OK)

/* How many findings of the code; *last is one of them. */
static inline size_t count_code(const opa_findings *list, int code, const opa_finding **last)
{
    static const opa_finding none = {0};
    size_t n = 0;
    if (last)
        *last = &none;
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].code == code) {
            n++;
            if (last)
                *last = &list->items[i];
        }
    }
    return n;
}

static inline opa_findings all_findings(fixture *f, const char *id)
{
    opa_findings list = {0};
    const opa_text text = {id, id ? strlen(id) : 0};
    assert_int_equal(opa_store_findings(f->store, text, keep_finding, &list), OPA_OK);
    return list;
}

static inline opa_sample sample_of(fixture *f, const char *id)
{
    opa_sample sample;
    assert_int_equal(opa_store_sample(f->store, &sample, (opa_text){id, strlen(id)}), OPA_OK);
    return sample;
}

static inline bool is(opa_text text, const char *want)
{
    return want ? text.data && text.size == strlen(want) && memcmp(text.data, want, text.size) == 0 : !text.data;
}

/* All rows of all tables, as text. */
static inline opa_buffer dump_tables(sqlite3 *handle)
{
    opa_buffer out = {0};
    sqlite3_stmt *tables, *rows;
    assert_int_equal(
        sqlite3_prepare_v2(handle, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY 1", -1, &tables, NULL),
        SQLITE_OK);
    while (sqlite3_step(tables) == SQLITE_ROW) {
        char sql[200];
        snprintf(sql, sizeof sql, "SELECT * FROM %s", (const char *)sqlite3_column_text(tables, 0));
        opa_buffer_printf(&out, "-- %s\n", sql);
        assert_int_equal(sqlite3_prepare_v2(handle, sql, -1, &rows, NULL), SQLITE_OK);
        while (sqlite3_step(rows) == SQLITE_ROW) {
            for (int i = 0; i < sqlite3_column_count(rows); i++) {
                const opa_text cell = opa_db_blob(rows, i);
                const bool bytes = sqlite3_column_type(rows, i) == SQLITE_BLOB; /* a NUL would end the text */
                for (size_t k = 0; bytes && k < cell.size; k++)
                    opa_buffer_printf(&out, "%02x", (unsigned char)cell.data[k]);
                if (!bytes)
                    opa_buffer_add_text(&out, cell);
                opa_buffer_add_string(&out, sqlite3_column_type(rows, i) == SQLITE_NULL ? "NULL|" : "|");
            }
            opa_buffer_add_string(&out, "\n");
        }
        sqlite3_finalize(rows);
    }
    sqlite3_finalize(tables);
    assert_false(out.failed);
    return out;
}

static inline opa_buffer dump(fixture *f)
{
    return dump_tables(f->store->db.handle);
}

/* A rollout record with @p image (base64 or a JSON value), and what else is given as ", \"key\": value". */
static inline void add_rollout(opa_buffer *out, const char *image_id, const char *image, const char *generated,
                               const char *more)
{
    opa_buffer_printf(out,
                      "{\"query\": \"<image>\\nWhat?\", \"image_id\": %s, \"image_bytes\": %s, "
                      "\"original_generate_response\": \"%s\"%s}",
                      image_id, image, generated, more);
}

/* The PNG as a JSON text; free() it. */
static inline char *png_base64(void)
{
    char *out = malloc(OPA_BASE64_ENCODED(sizeof png) + 3);
    assert_non_null(out);
    out[0] = '"';
    opa_base64_encode(out + 1, png, sizeof png);
    strcpy(out + 1 + OPA_BASE64_ENCODED(sizeof png), "\"");
    return out;
}

#endif
