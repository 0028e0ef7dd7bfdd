/* SPDX-License-Identifier: Apache-2.0 */
#include "pack/index.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pack/sums.h"

#define HASH "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static int set_up(void **state)
{
    return opa_context_new((opa_context **)state);
}

static int tear_down(void **state)
{
    opa_context_free(*state);
    return 0;
}

static void lines_come_back_as_they_were_written(void **state)
{
    opa_context *ctx = *state;
    static const opa_text ids[] = {{"b", 1}, {"a\tb\n\"\\", 6}, {"x\0y", 3}, {"\xED\xA0\x80", 3}, {"zz", 2}};
    char keys[5][OPA_KEY_SIZE];
    opa_pack_entry entries[5];
    opa_buffer b = {0};
    for (size_t i = 0; i < 5; i++) {
        opa_sample_key(keys[i], ids[i]);
        entries[i] = (opa_pack_entry){.key = {keys[i], strlen(keys[i])},
                                      .id = ids[i],
                                      .shard = OPA_TEXT("text-000000.tar"),
                                      .offset = i * 1024,
                                      .size = 1024};
        memset(entries[i].sha256, (int)i + 1, OPA_SHA256_SIZE);
    }
    for (size_t i = 0; i < 5; i++) /* by key */
        for (size_t k = i + 1; k < 5; k++)
            if (strcmp(entries[i].key.data, entries[k].key.data) > 0) {
                const opa_pack_entry kept = entries[i];
                entries[i] = entries[k];
                entries[k] = kept;
            }
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(opa_index_add_line(ctx, &b, &entries[i]), OPA_OK);
    opa_index index;
    if (opa_index_parse(ctx, &index, opa_buffer_text(&b)))
        fail_msg("%s", opa_context_message(ctx));
    assert_int_equal(index.count, 5);
    for (size_t i = 0; i < 5; i++) {
        size_t at;
        assert_int_equal(index.entries[i].id.size, entries[i].id.size);
        assert_memory_equal(index.entries[i].id.data, entries[i].id.data, entries[i].id.size);
        assert_int_equal(index.entries[i].offset, entries[i].offset);
        assert_memory_equal(index.entries[i].sha256, entries[i].sha256, OPA_SHA256_SIZE);
        assert_true(opa_index_find(&index, &at, entries[i].id));
        assert_int_equal(at, i);
        assert_true(opa_index_find(&index, &at, entries[i].key));
        assert_int_equal(at, i);
    }
    size_t at;
    assert_false(opa_index_find(&index, &at, OPA_TEXT("")));
    assert_false(opa_index_find(&index, &at, OPA_TEXT("zzz")));
    opa_index_release(&index);
    opa_buffer_release(&b);
}

static void hostile_lines_are_refused(void **state)
{
    static const char *const bad[] = {
        "a\ta\ttext-000000.tar\t0\t1024\t" HASH, /* no end of line */
        "a\ta\ttext-000000.tar\t0\t1024\n",
        "a\tb\ttext-000000.tar\t0\t1024\t" HASH "\n", /* not the key of the id */
        "a\ta\t../text-000000.tar\t0\t1024\t" HASH "\n",
        "a\ta\t/etc/passwd\t0\t1024\t" HASH "\n",
        "a\ta\ttext-000000.tar\t1\t1024\t" HASH "\n",
        "a\ta\ttext-000000.tar\t0\t0\t" HASH "\n",
        "a\ta\ttext-000000.tar\t0\t-512\t" HASH "\n",
        "a\ta\ttext-000000.tar\t0\t99999999999999999999\t" HASH "\n",
        "a\ta\ttext-000000.tar\t0\t1099511627776\t" HASH "\n",
        "a\ta\ttext-000000.tar\t0\t01024\t" HASH "\n",
        "a\ta\ttext-000000.tar\t0\t1024\t" HASH "0\n",
        "a\ta\ttext-000000.tar\t0\t1024\tg" HASH "\n",
        "a\ta\ttext-000000.tar\t0\t1024\t" HASH "\t\n",
        "\n",
        "a\t\\u12\ttext-000000.tar\t0\t1024\t" HASH "\n",
        "b\tb\ttext-000000.tar\t0\t1024\t" HASH "\na\ta\ttext-000000.tar\t1024\t1024\t" HASH "\n",
        "a\ta\ttext-000000.tar\t0\t1024\t" HASH "\na\ta\ttext-000000.tar\t1024\t1024\t" HASH "\n",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        opa_index index;
        if (opa_index_parse(*state, &index, (opa_text){bad[i], strlen(bad[i])}) != OPA_EDATA)
            fail_msg("accepted: %s", bad[i]);
        assert_null(index.entries);
        assert_non_null(strstr(opa_context_message(*state), "index.tsv: line "));
    }
}

static void sums_are_strict(void **state)
{
    opa_sums sums;
    const opa_text good = OPA_TEXT(HASH "  index.tsv\n" HASH "  manifest.json\n" HASH "  text-000000.tar\n");
    assert_int_equal(opa_sums_parse(*state, &sums, good), OPA_OK);
    assert_int_equal(sums.count, 3);
    assert_non_null(opa_sums_find(&sums, "manifest.json"));
    assert_null(opa_sums_find(&sums, "jpg-000000.tar"));
    opa_sums_release(&sums);
    static const char *const bad[] = {
        HASH "  index.tsv",
        HASH " *index.tsv\n",
        HASH "  ../x\n",
        HASH "  manifest.json\n" HASH "  index.tsv\n",
        "x" HASH "  manifest.json\n",
        HASH "  manifest.json \n",
        "\n",
        HASH "  \n",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(opa_sums_parse(*state, &sums, (opa_text){bad[i], strlen(bad[i])}), OPA_EDATA);
        opa_sums_release(&sums);
    }
}

static void near_digests_are_told_from_others(void **state)
{
    (void)state;
    uint8_t a[OPA_SHA256_SIZE] = {0}, b[OPA_SHA256_SIZE] = {0};
    assert_int_equal(opa_digest_distance(a, b), 0);
    b[31] = 0x81;
    assert_int_equal(opa_digest_distance(a, b), 2);
    memset(b, 0xFF, sizeof b);
    assert_int_equal(opa_digest_distance(a, b), 256);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines_come_back_as_they_were_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(hostile_lines_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sums_are_strict, set_up, tear_down),
        cmocka_unit_test(near_digests_are_told_from_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
