/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include "safetensors.h"

/* A file of this header with @p data bytes behind it. */
static int parse(struct trainer *t, struct safetensors **out, const char *header, size_t data, unsigned char **bytes)
{
    const size_t n = strlen(header);
    *bytes = calloc(1, 8 + n + data + 1);
    for (int i = 0; i < 8; i++)
        (*bytes)[i] = (unsigned char)((uint64_t)n >> 8 * i);
    memcpy(*bytes + 8, header, n);
    for (size_t i = 0; i < data; i++)
        (*bytes)[8 + n + i] = (unsigned char)i;
    return safetensors_parse(t, out, *bytes, 8 + n + data, "test.safetensors");
}

static void tensors_are_found_with_shape_type_and_data(void **state)
{
    (void)state;
    struct trainer t;
    struct safetensors *st;
    unsigned char *bytes;
    ops_matrix m;
    start(&t, NULL);
    assert_int_equal(
        parse(
            &t, &st,
            "{\"__metadata__\":{\"format\":\"pt\"},\"b\":{\"dtype\":\"BF16\",\"shape\":[2,3],\"data_offsets\":[4,16]},"
            "\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]},"
            "\"e\":{\"dtype\":\"F32\",\"shape\":[0,7],\"data_offsets\":[16,16]}}     ",
            16, &bytes),
        OPA_OK);
    assert_int_equal(st->count, 3);
    const struct tensor *b = safetensors_find(st, "b");
    assert_non_null(b);
    assert_int_equal(b->size, 12);
    assert_int_equal(((const unsigned char *)b->data)[0], 4);
    assert_true(tensor_matrix(&m, b));
    assert_int_equal(m.rows, 2);
    assert_int_equal(m.cols, 3);
    assert_int_equal(m.dtype, OPS_BF16);
    assert_null(safetensors_find(st, "c"));
    safetensors_free(st);
    free(bytes);
    stop(&t);
}

static void odd_addresses_are_copied(void **state)
{
    (void)state;
    struct trainer t;
    struct safetensors *st;
    unsigned char *bytes;
    start(&t, NULL);
    for (int pad = 0; pad < 4; pad++) {
        char header[128];
        snprintf(header, sizeof header, "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}%*s", pad, "");
        assert_int_equal(parse(&t, &st, header, 8, &bytes), OPA_OK);
        assert_int_equal((uintptr_t)st->tensors[0].data % 4, 0);
        assert_int_equal(((const unsigned char *)st->tensors[0].data)[7], 7);
        safetensors_free(st);
        free(bytes);
    }
    stop(&t);
}

static void hostile_headers_are_refused_and_the_tensor_named(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        size_t data;
        const char *says;
    } cases[] = {
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\"b\":{\"dtype\":\"F32\",\"shape\":[2],"
         "\"data_offsets\":[4,12]}}",
         12, "'b' overlaps 'a'"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\"b\":{\"dtype\":\"F32\",\"shape\":[1],"
         "\"data_offsets\":[12,16]}}",
         16, "4 bytes before tensor 'b'"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 12, "4 bytes at the end"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 4,
         "tensor 'a': data end at byte 8, the file holds 4"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", 8, "tensor 'a': F32 [3] does not fit"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,0]}}", 0, "tensor 'a': F32"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,0]}}", 0, "tensor 'a': a dimension"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,0]}}", 0, "tensor 'a': a dimension"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", 4, "more than 8"},
        {"{\"a\":{\"dtype\":\"F33\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "unknown dtype 'F33'"},
        {"{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "tensor 'a': no dtype"},
        {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, "tensor 'a': no shape"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "tensor 'a': data_offsets"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 4, "tensor 'a': data_offsets"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,8]}}", 8, "tensor 'a': data_offsets"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"a\":{\"dtype\":\"F32\",\"shape\":[1],"
         "\"data_offsets\":[4,8]}}",
         8, "stands twice"},
        {"{\"a\\u0000b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, ""},
        {"{\"a\":7}", 0, "tensor 'a': no dtype"},
        {"[1,2]", 0, "not a safetensors file"},
        {"{\"a\":", 0, "header"},
    };
    struct trainer t;
    start(&t, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct safetensors *st;
        unsigned char *bytes;
        if (parse(&t, &st, cases[i].header, cases[i].data, &bytes) != OPA_EDATA)
            fail_msg("accepted: %s", cases[i].header);
        assert_null(st);
        assert_message(&t, cases[i].says);
        free(bytes);
    }
    stop(&t);
}

static void lengths_that_lie_are_refused(void **state)
{
    (void)state;
    struct trainer t;
    struct safetensors *st;
    start(&t, NULL);
    unsigned char bytes[16] = {2, 0, 0, 0, 0, 0, 0, 0, '{', '}'};
    assert_int_equal(safetensors_parse(&t, &st, bytes, 10, "x"), OPA_OK);
    safetensors_free(st);
    for (size_t size = 0; size < 10; size++)
        assert_int_equal(safetensors_parse(&t, &st, bytes, size, "x"), OPA_EDATA);
    memset(bytes, 0xFF, 8);
    assert_int_equal(safetensors_parse(&t, &st, bytes, 16, "x"), OPA_EDATA);
    stop(&t);
}

/* The committed checkpoint has two shards. */
static void shards_and_their_index_agree(void **state)
{
    (void)state;
    struct trainer t;
    struct safetensors *st;
    start(&t, NULL);
    assert_int_equal(safetensors_open(&t, &st, data("trainer/llava/checkpoint"), "model.safetensors"), OPA_OK);
    assert_int_equal(st->file_count, 2);
    safetensors_free(st);
    const char *dir = fresh_folder();
    const char index[] = "{\"weight_map\":{\"a\":\"one.safetensors\",\"b\":\"two.safetensors\"}}";
    const char header[] = "\x37\0\0\0\0\0\0\0{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}} abcd";
    assert_int_equal(safetensors_open(&t, &st, dir, "model.safetensors"), OPA_ENOENT);
    assert_message(&t, "no model.safetensors");
    write_bytes(dir, "model.safetensors.index.json", index, strlen(index));
    write_bytes(dir, "one.safetensors", header, sizeof header - 1);
    assert_int_equal(safetensors_open(&t, &st, dir, "model.safetensors"), OPA_ENOENT);
    assert_message(&t, "two.safetensors");
    write_bytes(dir, "two.safetensors", header, sizeof header - 1);
    assert_int_equal(safetensors_open(&t, &st, dir, "model.safetensors"), OPA_EDATA);
    assert_message(&t, "tensor 'a' is in both");
    const char outside[] = "{\"weight_map\":{\"a\":\"../one.safetensors\"}}";
    write_bytes(dir, "model.safetensors.index.json", outside, strlen(outside));
    assert_int_equal(safetensors_open(&t, &st, dir, "model.safetensors"), OPA_EDATA);
    const char wrong[] = "{\"weight_map\":{\"z\":\"one.safetensors\"}}";
    write_bytes(dir, "model.safetensors.index.json", wrong, strlen(wrong));
    assert_int_equal(safetensors_open(&t, &st, dir, "model.safetensors"), OPA_EDATA);
    assert_message(&t, "tensor 'z' is not in one.safetensors");
    stop(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tensors_are_found_with_shape_type_and_data),
        cmocka_unit_test(odd_addresses_are_copied),
        cmocka_unit_test(hostile_headers_are_refused_and_the_tensor_named),
        cmocka_unit_test(lengths_that_lie_are_refused),
        cmocka_unit_test(shards_and_their_index_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
