/* SPDX-License-Identifier: Apache-2.0 */
/* The file itself: making, opening, refusing; versions. */
#include "helper.h"

#include <zlib.h>

#include "store/schema.h"

static void sql(const char *path, const char *text)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void test_create_and_probe(void **state)
{
    fixture *f = *state;
    assert_true(opa_store_probe(f->path));
    assert_int_equal(opa_store_create(f->ctx, f->path), OPA_OK); /* empty: left as it is */
    IMPORT(f, file_text(f, "s.jsonl", "{\"id\":\"a\",\"prompt\":\"p\",\"generated\":\"g\"}\n"));
    assert_int_equal(opa_store_create(f->ctx, f->path), OPA_ECREATE);
    const char *other = file_text(f, "other.txt", "hello");
    assert_int_equal(opa_store_create(f->ctx, other), OPA_ECREATE);
    assert_false(opa_store_probe(other));
    assert_int_equal(opa_store_create(f->ctx, "/nonexistent/x.store"), OPA_ECREATE);
    int64_t samples, images;
    assert_int_equal(opa_store_counts(f->store, &samples, &images), OPA_OK);
    assert_int_equal(samples, 1);
    assert_int_equal(images, 0);
}

static void test_refused(void **state)
{
    fixture *f = *state;
    opa_store *store;
    char path[200];
    assert_int_equal(opa_store_open(f->ctx, &store, "/nonexistent/x.store"), OPA_ENOENT);
    assert_null(store);
    assert_int_equal(opa_store_open(f->ctx, &store, file_text(f, "text", "hello")), OPA_EDATA);
    assert_int_equal(opa_store_open(f->ctx, &store, file_text(f, "empty", "")), OPA_EDATA);
    assert_int_equal(opa_store_open(f->ctx, &store, f->folder), OPA_EDATA);
    snprintf(path, sizeof path, "%s/other.db", f->folder);
    sql(path, "CREATE TABLE t (x)");
    assert_int_equal(opa_store_open(f->ctx, &store, path), OPA_EDATA);
    assert_int_equal(opa_store_create(f->ctx, path), OPA_ECREATE);
}

static void test_versions(void **state)
{
    fixture *f = *state;
    opa_store *store;
    int64_t version, samples, images;
    char path[200];
    snprintf(path, sizeof path, "%s/old.store", f->folder);
    sql(path, "PRAGMA application_id = 1330659664; PRAGMA user_version = 0; CREATE TABLE x (y); DROP TABLE x");
    assert_int_equal(opa_store_open(f->ctx, &store, path), OPA_OK);
    assert_int_equal(opa_schema_version(&store->db, &version), OPA_OK);
    assert_int_equal(version, OPA_STORE_VERSION);
    assert_int_equal(opa_store_counts(store, &samples, &images), OPA_OK);
    opa_store_free(store);
    sql(path, "PRAGMA user_version = 99");
    assert_int_equal(opa_store_open(f->ctx, &store, path), OPA_EVERSION);
    assert_non_null(strstr(opa_context_message(f->ctx), "schema version 99"));
}

/* The store of that version in tests/data (SOURCE.md there says what is in it), as a file of its own. */
static const char *old_store(fixture *f, int version)
{
    enum { LARGEST = 1 << 20 };
    char packed[400], name[32];
    snprintf(packed, sizeof packed, "%s/store/version-%d.opa.gz", getenv("OPA_TEST_DATA"), version);
    snprintf(name, sizeof name, "version-%d.opa", version);
    gzFile file = gzopen(packed, "rb");
    assert_non_null(file);
    char *bytes = malloc(LARGEST);
    assert_non_null(bytes);
    const int size = gzread(file, bytes, LARGEST);
    assert_in_range(size, 1, LARGEST - 1);
    gzclose(file);
    const char *path = file_bytes(f, name, bytes, (size_t)size);
    free(bytes);
    return path;
}

/* Take the lines that begin with @p first, up to the next table, out of a dump. */
static void cut_table(opa_buffer *dump, const char *first)
{
    char *at = strstr(dump->data, first);
    assert_non_null(at);
    const char *next = strstr(at + 1, "-- SELECT");
    memmove(at, next ? next : "", next ? strlen(next) + 1 : 1);
}

static void test_migration_from_version_1(void **state)
{
    static const struct {
        const char *id;
        opa_review review;
        const char *revised;
    } want[] = {
        {"untouched", OPA_REVIEW_NONE, NULL},
        {"revised", OPA_REVIEW_CHANGED, "A fox sits."},
        {"reported", OPA_REVIEW_CHANGED, "A hen sits."},
        {"excluded", OPA_REVIEW_EXCLUDED, NULL},
        {"revised-excluded", OPA_REVIEW_EXCLUDED, "A fox sits."},
        {"undone", OPA_REVIEW_NONE, NULL},
        {"included", OPA_REVIEW_NONE, NULL},
        {"imported-anew", OPA_REVIEW_NONE, "A cow sits."},
    };
    fixture *f = *state;
    const char *path = old_store(f, 1);
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    opa_buffer before = dump_tables(db);
    sqlite3_close(db);
    opa_store_free(f->store);
    assert_int_equal(opa_store_open(f->ctx, &f->store, path), OPA_OK);
    opa_buffer after = dump(f);
    cut_table(&after, "-- SELECT * FROM image_faults\n");
    cut_table(&after, "-- SELECT * FROM quarantine\n");
    cut_table(&after, "-- SELECT * FROM seen\n");
    assert_string_equal(after.data, before.data);
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        const opa_sample s = sample_of(f, want[i].id);
        assert_int_equal(s.review, want[i].review);
        assert_true(is(s.revised, want[i].revised));
    }
    assert_int_equal(opa_store_undo(f->store, OPA_TEXT("imported-anew"), NULL), OPA_OK);
    assert_int_equal(sample_of(f, "imported-anew").review, OPA_REVIEW_CHANGED);
    opa_buffer_release(&before);
    opa_buffer_release(&after);
}

static size_t errors(fixture *f, int code)
{
    opa_findings list = all_findings(f, NULL);
    const size_t n = count_code(&list, code, NULL);
    opa_findings_release(&list);
    return n;
}

/* What version 2 held against good samples is no error any more, and what it refused is taken when it comes again. */
static void test_migration_from_version_2(void **state)
{
    fixture *f = *state;
    opa_store_verify_report r;
    const char *path = old_store(f, 2);
    opa_store_free(f->store);
    assert_int_equal(opa_store_open(f->ctx, &f->store, path), OPA_OK);
    assert_int_equal(opa_store_verify(f->ctx, path, NULL, NULL, NULL, &r), OPA_OK);
    assert_int_equal(r.findings, 0);
    assert_int_equal(errors(f, OPA_F_IMAGE_PASSED_OVER), 2);
    assert_int_equal(errors(f, OPA_F_IMAGE_BASE64) + errors(f, OPA_F_IMAGE_FILE), 0);
    assert_int_equal(errors(f, OPA_F_IMAGE_UNSUPPORTED), 2);
    assert_int_equal(errors(f, OPA_F_JSON_INVALID), 1);
    assert_int_equal(errors(f, OPA_F_FIELD_MISSING), 1);
    assert_int_equal(errors(f, OPA_F_ID_CONFLICT), 1);
    opa_buffer b = {0};
    char *image = png_base64();
    opa_buffer_printf(&b,
                      "{\"id\":\"%s\",\"prompt\":\"What?\",\"generated\":\"A dog sits.\",\"image\":{\"bytes\":%s}}\n",
                      "refused", image);
    opa_buffer_printf(&b,
                      "{\"id\":\"%s\",\"prompt\":\"What?\",\"generated\":\"A dog sits.\",\"image\":{\"bytes\":%s}}\n",
                      "broken", image);
    /* Its name is all that is known of where an old finding comes from. */
    IMPORT(f, file_text(f, "second.jsonl", b.data));
    assert_int_equal(f->report.attached, 2);
    assert_int_equal(errors(f, OPA_F_IMAGE_UNSUPPORTED) + errors(f, OPA_F_ID_CONFLICT), 0);
    IMPORT(f, file_text(f, "first.json", b.data));
    assert_int_equal(errors(f, OPA_F_JSON_INVALID) + errors(f, OPA_F_FIELD_MISSING), 0);
    opa_buffer_release(&b);
    free(image);
}

/* A store with its pages overwritten: an error, never a crash. */
static void test_damaged(void **state)
{
    fixture *f = *state;
    IMPORT(f, file_text(f, "s.jsonl", "{\"id\":\"a\",\"prompt\":\"p\",\"generated\":\"g\"}\n"));
    opa_store_free(f->store);
    f->store = NULL;
    FILE *file = fopen(f->path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    const long size = ftell(file);
    char junk[4096];
    memset(junk, 0xA5, sizeof junk);
    for (long at = 65536; at < size; at += (long)sizeof junk) {
        fseek(file, at, SEEK_SET);
        assert_int_equal(fwrite(junk, 1, sizeof junk, file), sizeof junk);
    }
    fclose(file);
    int status = opa_store_open(f->ctx, &f->store, f->path);
    int64_t samples, images;
    opa_sample sample;
    if (status == OPA_OK)
        status = opa_store_counts(f->store, &samples, &images);
    if (status == OPA_OK)
        status = opa_store_sample(f->store, &sample, OPA_TEXT("a"));
    assert_int_equal(status, OPA_EDATA);
}

static void test_edits_are_append_only(void **state)
{
    fixture *f = *state;
    IMPORT(f, file_text(f, "s.jsonl", "{\"id\":\"a\",\"prompt\":\"p\",\"generated\":\"g\"}\n"));
    assert_int_not_equal(sqlite3_exec(f->store->db.handle, "DELETE FROM edits", NULL, NULL, NULL), SQLITE_OK);
    assert_int_not_equal(sqlite3_exec(f->store->db.handle, "UPDATE edits SET by = 'x'", NULL, NULL, NULL), SQLITE_OK);
}

static int count_entry(void *user, const opa_edit *edit)
{
    (void)edit;
    ++*(int *)user;
    return 0;
}

/* A second look at the file, while it is open, must not take SQLite's locks away: another program that opens and closes
 * the store would take itself for the last one, remove the log, and what is committed to it then would be lost. */
static void test_a_second_look_keeps_the_locks(void **state)
{
    fixture *f = *state;
    char command[512], log[160];
    opa_store *second;
    int entries = 0;
    IMPORT(f, file_text(f, "s.jsonl", "{\"id\":\"a\",\"prompt\":\"p\",\"generated\":\"g\"}\n"));
    assert_int_equal(opa_store_set_revised(f->store, OPA_TEXT("a"), OPA_TEXT("q"), NULL, "tester"), OPA_OK);
    assert_int_equal(opa_store_open(f->ctx, &second, f->path), OPA_OK);
    opa_store_free(second);
    assert_true(opa_store_probe(f->path));
    snprintf(command, sizeof command,
             "python3 -c \"import sqlite3; c = sqlite3.connect('%s'); c.execute('SELECT count(*) FROM samples')"
             ".fetchall(); c.close()\"",
             f->path);
    snprintf(log, sizeof log, "%s-wal", f->path);
    assert_int_equal(access(log, F_OK), 0);
    assert_int_equal(system(command), 0);
    assert_int_equal(access(log, F_OK), 0);
    assert_int_equal(opa_store_set_revised(f->store, OPA_TEXT("a"), OPA_TEXT("r"), NULL, "tester"), OPA_OK);
    opa_store_free(f->store);
    f->store = NULL;
    assert_int_equal(opa_store_open(f->ctx, &f->store, f->path), OPA_OK);
    assert_int_equal(opa_store_log(f->store, OPA_TEXT("a"), count_entry, &entries), OPA_OK);
    assert_int_equal(entries, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_create_and_probe, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_versions, setup, teardown),
        cmocka_unit_test_setup_teardown(test_migration_from_version_1, setup, teardown),
        cmocka_unit_test_setup_teardown(test_migration_from_version_2, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damaged, setup, teardown),
        cmocka_unit_test_setup_teardown(test_edits_are_append_only, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_second_look_keeps_the_locks, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
