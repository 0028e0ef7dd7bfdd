/* SPDX-License-Identifier: Apache-2.0 */
#include "helper.h"

#include "store/schema.h"

static opa_store_verify_report verify(fixture *f, opa_findings *found)
{
    opa_store_verify_report report;
    opa_findings_release(found);
    assert_int_equal(opa_store_verify(f->ctx, f->path, NULL, keep_finding, found, &report), OPA_OK);
    assert_int_equal(report.findings, (int64_t)found->count);
    return report;
}

static void damage(fixture *f, const char *sql)
{
    assert_int_equal(opa_db_exec(&f->store->db, "PRAGMA foreign_keys = OFF"), OPA_OK);
    if (opa_db_exec(&f->store->db, sql) != OPA_OK)
        fail_msg("%s: %s", sql, opa_context_message(f->ctx));
}

static void import_pictures(fixture *f)
{
    char *image = png_base64();
    opa_buffer text = {0};
    opa_buffer_add_char(&text, '[');
    add_rollout(&text, "\"a.png\"", image, "A dog.", "");
    opa_buffer_add_string(&text, ", ");
    add_rollout(&text, "\"b.png\"", image, "A cat.", ", \"standard_response\": \"A cow.\"");
    opa_buffer_add_string(&text, ", {\"query\": 3}]");
    IMPORT(f, file_text(f, "r.json", text.data),
           file_text(f, "s.jsonl", "{\"id\":\"a\",\"prompt\":\"p\",\"generated\":\"g\",\"revised\":\"r\"}\n"));
    opa_buffer_release(&text);
    free(image);
}

static void test_sound(void **state)
{
    fixture *f = *state;
    opa_findings found = {0};
    opa_store_verify_report r = verify(f, &found);
    assert_int_equal(r.samples + r.images + r.records + r.findings, 0);
    assert_int_equal(r.version, OPA_STORE_VERSION);
    import_pictures(f);
    r = verify(f, &found);
    assert_int_equal(r.samples, 3);
    assert_int_equal(r.images, 1);
    assert_int_equal(r.records, 4); /* one is in quarantine */
    assert_true(r.bytes > (int64_t)sizeof png);
    assert_int_equal(r.findings, 0);
    assert_int_equal(opa_store_verify(f->ctx, f->path, NULL, NULL, NULL, NULL), OPA_OK);
}

/* An image that two samples use is two findings, each with its record. */
static void test_who_is_touched(void **state)
{
    fixture *f = *state;
    opa_findings found = {0};
    import_pictures(f);
    damage(f, "UPDATE images SET bytes = CAST(x'00' || bytes AS BLOB)");
    verify(f, &found);
    assert_int_equal(found.count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(found.items[i].code, OPA_F_STORE_IMAGE);
        assert_string_equal(found.items[i].file, "r.json");
        assert_int_equal(found.items[i].record, (int64_t)i);
        assert_non_null(found.items[i].id);
    }
    /* A record without a sample has its place all the same. */
    damage(f, "UPDATE raws SET bytes = CAST(x'7B' || bytes AS BLOB) WHERE sample IS NULL");
    verify(f, &found);
    assert_int_equal(found.count, 3);
    assert_int_equal(found.items[2].code, OPA_F_STORE_RECORD);
    assert_int_equal(found.items[2].record, 2);
    assert_null(found.items[2].id);
    opa_findings_release(&found);
}

/* What an altered record says is not held against its sample. */
static void test_altered_record(void **state)
{
    fixture *f = *state;
    opa_findings found = {0};
    import_pictures(f);
    damage(f, "UPDATE raws SET bytes = CAST(replace(CAST(bytes AS TEXT), 'A dog.', 'A fox.') AS BLOB) WHERE key = 1");
    verify(f, &found);
    assert_int_equal(found.count, 1);
    assert_int_equal(found.items[0].code, OPA_F_STORE_RECORD);
    damage(f, "UPDATE samples SET prompt = 'q' WHERE id = 'a'");
    verify(f, &found);
    assert_int_equal(found.count, 2);
    assert_int_equal(found.items[1].code, OPA_F_STORE_SAMPLE);
    assert_string_equal(found.items[1].field, "prompt");
    assert_string_equal(found.items[1].id, "a");
    opa_findings_release(&found);
}

/* A record over the limit is known by its place; here one is made by hand. */
static void test_lost_record(void **state)
{
    fixture *f = *state;
    opa_findings found = {0};
    import_pictures(f);
    damage(f, "UPDATE raws SET bytes = x'' WHERE sample IS NULL");
    verify(f, &found);
    assert_int_equal(found.count, 1);
    /* SHA-256 of "r.json", NUL, and 2 as eight bytes. */
    damage(f, "UPDATE raws SET sha256 = x'A8A15E3F56FED441031C2AB420FAC339DF94A25A2E03AE6E65BF4CA4225B4841'"
              " WHERE sample IS NULL");
    verify(f, &found);
    assert_int_equal(found.count, 0);
    opa_findings_release(&found);
}

static int stop(void *user, const opa_finding *finding)
{
    (void)finding;
    ++*(int *)user;
    return 1;
}

static int stop_progress(void *user, const opa_progress *now)
{
    assert_string_equal(now->stage, "doctor");
    ++*(int *)user;
    return 1;
}

static void test_stopping(void **state)
{
    fixture *f = *state;
    int calls = 0;
    opa_buffer lines = {0};
    for (int i = 0; i < 40; i++)
        opa_buffer_printf(&lines, "{\"id\":\"s%d\",\"prompt\":\"p\",\"generated\":\"g%d\"}\n", i, i);
    IMPORT(f, file_text(f, "s.jsonl", lines.data));
    opa_buffer_release(&lines);
    const opa_store_verify_options options = {.progress = stop_progress, .user = &calls};
    assert_int_equal(opa_store_verify(f->ctx, f->path, &options, NULL, NULL, NULL), OPA_ECANCELLED);
    assert_int_equal(calls, 1);
    damage(f, "UPDATE samples SET prompt = 'q'");
    calls = 0;
    assert_int_equal(opa_store_verify(f->ctx, f->path, NULL, stop, &calls, NULL), OPA_ECANCELLED);
    assert_int_equal(calls, 1);
}

static void test_no_store(void **state)
{
    fixture *f = *state;
    opa_store_verify_report report;
    assert_int_equal(opa_store_verify(f->ctx, "/nowhere", NULL, NULL, NULL, &report), OPA_ENOENT);
    assert_int_equal(opa_store_verify(f->ctx, file_text(f, "x", "text"), NULL, NULL, NULL, &report), OPA_EDATA);
    damage(f, "PRAGMA user_version = 77");
    assert_int_equal(opa_store_verify(f->ctx, f->path, NULL, NULL, NULL, &report), OPA_EVERSION);
    assert_non_null(strstr(opa_context_message(f->ctx), "77"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sound, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_is_touched, setup, teardown),
        cmocka_unit_test_setup_teardown(test_altered_record, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lost_record, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stopping, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_store, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
