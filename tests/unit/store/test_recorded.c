/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of every record come back exactly. */
#include "helper.h"

/* What a stream over the file gives, record for record. */
typedef struct expected {
    opa_json_stream *stream;
    size_t seen;
} expected;

static int same_bytes(void *user, const opa_record *record)
{
    expected *e = user;
    opa_json_record want;
    assert_int_equal(opa_json_stream_next(e->stream, &want), OPA_OK);
    assert_int_equal(record->record, want.index);
    assert_int_equal(record->line, want.line);
    assert_int_equal(record->bytes.size, want.bytes.size);
    assert_memory_equal(record->bytes.data, want.bytes.data, want.bytes.size);
    e->seen++;
    return 0;
}

static size_t compare(fixture *f, const char *path)
{
    expected e = {0};
    assert_int_equal(opa_json_stream_open(f->ctx, &e.stream, path, NULL, NULL), OPA_OK);
    assert_int_equal(opa_store_records(f->store, (opa_text){0}, same_bytes, &e), OPA_OK);
    opa_json_record more;
    assert_int_equal(opa_json_stream_next(e.stream, &more), OPA_END);
    opa_json_stream_free(e.stream);
    return e.seen;
}

static void test_made_up(void **state)
{
    fixture *f = *state;
    char *image = png_base64();
    opa_buffer b = {0};
    opa_buffer_add_string(&b, "\xEF\xBB\xBF[ ");
    add_rollout(&b, "\"a\"", image, "canonical: cut out", "");
    opa_buffer_add_string(&b, ",\r\n ");
    /* The same with one escaped slash or a line break in the base64: these are kept as they are. */
    for (const char *p = image + 1; *p; p++) {
        if (*p == '/') {
            opa_buffer odd = {0};
            opa_buffer_printf(&odd, "%.*s\\/%s", (int)(p - image), image, p + 1);
            add_rollout(&b, "\"b\"", odd.data, "escaped", "");
            opa_buffer_add_string(&b, ", ");
            opa_buffer_release(&odd);
            break;
        }
    }
    opa_buffer odd = {0};
    opa_buffer_printf(&odd, "%.12s\\n%s", image, image + 12);
    add_rollout(&b, "\"c\"", odd.data, "broken in two", "");
    opa_buffer_add_string(&b, ", ");
    opa_buffer_clear(&odd);
    opa_buffer_printf(&odd, "\"data:image/png;base64,%s", image + 1);
    add_rollout(&b, "\"d\"", odd.data, "data URL \\u0000 \\ud800 \\u00e4", ", \"n\": 12345678901234567890");
    opa_buffer_add_string(&b, ", ");
    add_rollout(&b, "\"e\"", "\"###\"", "no base64", "");
    opa_buffer_add_string(&b, ", {\"query\": NaN}, {\"query\": \"not closed]");
    const char *path = file_bytes(f, "r.json", b.data, b.size);
    IMPORT(f, path);
    assert_true(compare(f, path) >= 6);
    int64_t count;
    assert_int_equal(opa_db_integer(&f->store->db, &count, "SELECT count(*) FROM images"), OPA_OK);
    assert_int_equal(count, 1);
    assert_int_equal(opa_db_integer(&f->store->db, &count, "SELECT count(*) FROM raws WHERE cut_image IS NOT NULL"),
                     OPA_OK);
    assert_int_equal(count, 1);
    opa_findings list = all_findings(f, NULL);
    assert_true(list.count > 0);
    assert_int_equal(list.items[0].code, OPA_F_BYTE_ORDER_MARK);
    assert_int_equal(list.items[0].record, -1);
    opa_findings_release(&list);
    opa_buffer_release(&b);
    opa_buffer_release(&odd);
    free(image);
}

static void test_the_48(void **state)
{
    fixture *f = *state;
    const char *shared = getenv("OPA_TEST_SHARED");
    for (int i = 0; i < 6; i++) {
        char path[512];
        const char *one = path;
        snprintf(path, sizeof path, "%s/data/expert/rollouts/step%d_rank%d.json", shared ? shared : "", i / 2, i % 2);
        if (access(path, R_OK) != 0)
            skip();
        assert_int_equal(import_with(f, (opa_import_options){0}, &one, 1), OPA_OK);
        assert_int_equal(compare(f, path), 8);
        /* The next file gets a store of its own. */
        opa_store_free(f->store);
        snprintf(f->path, sizeof f->path, "%s/%d.store", f->folder, i);
        assert_int_equal(opa_store_create(f->ctx, f->path), OPA_OK);
        assert_int_equal(opa_store_open(f->ctx, &f->store, f->path), OPA_OK);
    }
}

static int count_records(void *user, const opa_record *record)
{
    (void)record;
    ++*(int *)user;
    return *(int *)user == 3;
}

static void test_limits(void **state)
{
    fixture *f = *state;
    int n = 0;
    IMPORT(
        f,
        file_text(
            f, "s.jsonl",
            "{\"id\":\"a\",\"prompt\":\"p\",\"generated\":\"g\"}\n{\"id\":\"b\",\"prompt\":\"p\",\"generated\":\"g\"}\n"
            "{\"id\":\"a\",\"prompt\":\"p\",\"generated\":\"g\"}\n"));
    assert_int_equal(opa_store_records(f->store, OPA_TEXT("a"), count_records, &n), OPA_OK);
    assert_int_equal(n, 2);
    n = 0;
    assert_int_equal(opa_store_records(f->store, (opa_text){0}, count_records, &n), OPA_ECANCELLED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_made_up, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_48, setup, teardown),
        cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
