/* SPDX-License-Identifier: Apache-2.0 */
#include "helper.h"

#include "base/sha256.h"
#include "store/naming.h"

static void sorts_before(const char *a, const char *b)
{
    opa_buffer ka = {0}, kb = {0};
    opa_file_sort_key(&ka, a);
    opa_file_sort_key(&kb, b);
    const size_t n = ka.size < kb.size ? ka.size : kb.size;
    const int order = memcmp(ka.data, kb.data, n);
    if (!(order < 0 || (order == 0 && ka.size < kb.size)))
        fail_msg("\"%s\" should sort before \"%s\"", a, b);
    opa_buffer_release(&ka);
    opa_buffer_release(&kb);
}

static void test_numbers_sort_as_numbers(void **state)
{
    (void)state;
    const char *const names[] = {"",
                                 "1",
                                 "2",
                                 "10",
                                 "a",
                                 "step0_rank0.json",
                                 "step0_rank1.json",
                                 "step0_rank10.json",
                                 "step1_rank0.json",
                                 "step2_rank0.json",
                                 "step10_rank0.json",
                                 "step99999999999999999999_rank0.json",
                                 "stepx"};
    for (size_t i = 0; i + 1 < sizeof names / sizeof *names; i++)
        sorts_before(names[i], names[i + 1]);
    sorts_before("step01", "step1"); /* equal as numbers, not the same file */
}

static void id_is(const char *name, bool number, const char *stem)
{
    char id[OPA_ROLLOUT_ID_SIZE], want[OPA_ROLLOUT_ID_SIZE];
    uint8_t nothing[32];
    opa_sha256_of(nothing, "", 0);
    opa_rollout_id(id, (opa_text){name, name ? strlen(name) : 0}, number, nothing, OPA_TEXT("p"), OPA_TEXT("g"));
    /* sha256(sha256(b"") + b"\0p\0g") */
    snprintf(want, sizeof want, "%s-%s", stem, "ee78c44a0bb5");
    assert_string_equal(id, want);
}

static void test_rollout_ids(void **state)
{
    (void)state;
    id_is("a/b/AMBER_1.jpg", false, "AMBER_1");
    id_is("photo.tar.gz", false, "photo_tar");
    id_is("\xC3\xA4 b.png", false, "___b");
    id_is(".hidden", false, "_hidden");
    id_is("0123456789012345678901234567890123456789xyz.jpg", false, "0123456789012345678901234567890123456789");
    id_is(NULL, false, "x");
    id_is("", false, "x");
    id_is("12", true, "12");
    id_is("1.5", true, "1_5");
}

static void test_base_names(void **state)
{
    (void)state;
    assert_string_equal(opa_base_name("/a/b.json"), "b.json");
    assert_string_equal(opa_base_name("b.json"), "b.json");
    assert_string_equal(opa_base_name("-"), "-");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_sort_as_numbers),
        cmocka_unit_test(test_rollout_ids),
        cmocka_unit_test(test_base_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
