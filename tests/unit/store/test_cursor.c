/* SPDX-License-Identifier: Apache-2.0 */
#include "helper.h"

#include "base/utf8.h"

static void test_orders(void **state)
{
    fixture *f = *state;
    opa_cursor *cursor;
    opa_sample s;
    IMPORT(f,
           file_text(f, "f10.jsonl",
                     "{\"id\":\"b\",\"prompt\":\"p\",\"generated\":\"g\"}\n{\"id\":\"a\",\"prompt\":\"p\","
                     "\"generated\":\"g\"}\n"),
           file_text(f, "f9.jsonl",
                     "{\"id\":\"A\",\"prompt\":\"p\",\"generated\":\"g\"}\n{\"id\":\"\xC3\xA4 "
                     "x\",\"prompt\":\"p\",\"generated\":\"g\"}\n"));
    const char *const want[2][4] = {{"A", "\xC3\xA4 x", "b", "a"},
                                    {"A", "\xC3\xA4 x", "a", "b"}}; /* its key begins with "__" */
    for (int order = 0; order < 2; order++) {
        assert_int_equal(opa_store_samples(f->store, &cursor, order ? OPA_ORDER_KEY : OPA_ORDER_SOURCE), OPA_OK);
        for (int i = 0; i < 4; i++) {
            assert_int_equal(opa_cursor_next(cursor, &s), OPA_OK);
            assert_true(is(s.id, want[order][i]));
        }
        assert_int_equal(opa_cursor_next(cursor, &s), OPA_END);
        assert_int_equal(opa_cursor_next(cursor, &s), OPA_END);
        opa_cursor_free(cursor);
    }
    opa_cursor_free(NULL);
}

/* What is written while a cursor walks is not seen by it, and the cursor does not stand in the writer's way. */
static void test_snapshot(void **state)
{
    fixture *f = *state;
    opa_cursor *cursor;
    opa_sample s;
    IMPORT(f, file_text(f, "a.jsonl",
                        "{\"id\":\"a\",\"prompt\":\"p\",\"generated\":\"g\",\"revised\":\"r0\"}\n"
                        "{\"id\":\"b\",\"prompt\":\"p\",\"generated\":\"g\",\"revised\":\"r0\"}\n"));
    assert_int_equal(opa_store_samples(f->store, &cursor, OPA_ORDER_SOURCE), OPA_OK);
    assert_int_equal(opa_cursor_next(cursor, &s), OPA_OK);
    assert_int_equal(opa_store_set_revised(f->store, OPA_TEXT("b"), OPA_TEXT("r1"), NULL, NULL), OPA_OK);
    IMPORT(f, file_text(f, "c.jsonl", "{\"id\":\"c\",\"prompt\":\"p\",\"generated\":\"g\"}\n"));
    assert_true(is(s.id, "a"));
    assert_int_equal(opa_cursor_next(cursor, &s), OPA_OK);
    assert_true(is(s.id, "b") && is(s.revised, "r0"));
    assert_int_equal(opa_cursor_next(cursor, &s), OPA_END);
    opa_cursor_free(cursor);
    assert_true(is(sample_of(f, "b").revised, "r1"));
}

static void test_odd_texts(void **state)
{
    fixture *f = *state;
    IMPORT(f,
           file_text(f, "a.jsonl",
                     "{\"id\":\"x\\u0000y\",\"prompt\":\"p\\u0000q\",\"generated\":\"\\ud800\",\"revised\":\"\"}\n"));
    opa_sample s;
    assert_int_equal(opa_store_sample(f->store, &s, (opa_text){"x\0y", 3}), OPA_OK);
    assert_int_equal(s.prompt.size, 3);
    assert_memory_equal(s.prompt.data, "p\0q", 3);
    assert_true(is(s.generated, "\xED\xA0\x80") && is(s.revised, "") && is(s.ground_truth, NULL));
    assert_int_equal(opa_store_sample(f->store, &s, OPA_TEXT("x")), OPA_ENOENT);
}

/* The cursor is the twin: the same samples in the same order. */
static int see_outline(void *user, const opa_sample *outline)
{
    opa_cursor *cursor = user;
    opa_sample s;
    assert_int_equal(opa_cursor_next(cursor, &s), OPA_OK);
    assert_true(opa_text_equal(outline->id, s.id) && opa_text_equal(outline->image_id, s.image_id) &&
                opa_text_equal(outline->generated, s.generated));
    assert_int_equal(outline->has_image, s.has_image);
    assert_memory_equal(outline->image_sha256, s.image_sha256, OPA_SHA256_SIZE);
    return outline->id.data[0] == 'z';
}

static void test_outlines(void **state)
{
    fixture *f = *state;
    opa_cursor *cursor;
    opa_buffer line = {0};
    char image[256] = "";
    opa_base64_encode(image, png, sizeof png);
    opa_buffer_printf(&line,
                      "{\"id\":\"c\",\"prompt\":\"p\",\"generated\":\"\",\"image\":{\"bytes\":\"%s\"}}\n"
                      "{\"id\":\"b\\u0000\",\"prompt\":\"p\",\"generated\":\"\\ud800\"}\n",
                      image);
    IMPORT(f, file_text(f, "f10.jsonl", line.data),
           file_text(f, "f9.jsonl", "{\"id\":\"a\",\"prompt\":\"p\",\"generated\":\"g\"}\n"));
    for (int order = OPA_ORDER_SOURCE; order <= OPA_ORDER_KEY; order++) {
        opa_sample s;
        assert_int_equal(opa_store_samples(f->store, &cursor, (enum opa_order)order), OPA_OK);
        assert_int_equal(opa_store_outlines(f->store, (enum opa_order)order, see_outline, cursor), OPA_OK);
        assert_int_equal(opa_cursor_next(cursor, &s), OPA_END);
        opa_cursor_free(cursor);
    }
    IMPORT(f, file_text(f, "f1.jsonl", "{\"id\":\"z\",\"prompt\":\"p\",\"generated\":\"g\"}\n"));
    assert_int_equal(opa_store_samples(f->store, &cursor, OPA_ORDER_SOURCE), OPA_OK);
    assert_int_equal(opa_store_outlines(f->store, OPA_ORDER_SOURCE, see_outline, cursor), OPA_ECANCELLED);
    opa_cursor_free(cursor);
    opa_buffer_release(&line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_orders, setup, teardown),
        cmocka_unit_test_setup_teardown(test_snapshot, setup, teardown),
        cmocka_unit_test_setup_teardown(test_odd_texts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_outlines, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
