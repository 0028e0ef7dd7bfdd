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

static void time_is(const char *text, const char *want)
{
    char got[OPA_TIME_SIZE] = "";
    assert_int_equal(opa_time_read(got, (opa_text){text, strlen(text)}), want != NULL);
    assert_string_equal(got, want ? want : "");
}

static void test_times(void **state)
{
    (void)state;
    time_is("2025-01-02T03:04:05Z", "2025-01-02T03:04:05Z");
    time_is("2024-01-02T03:04:05+02:00", "2024-01-02T01:04:05Z");
    time_is("2024-03-01T00:30:00+01:00", "2024-02-29T23:30:00Z");
    time_is("2023-12-31T23:30:00-00:45", "2024-01-01T00:15:00Z");
    time_is("2024-01-02T03:04:05.987654Z", "2024-01-02T03:04:05Z");
    time_is("2024-01-02 03:04:05", "2024-01-02T03:04:05Z");
    time_is("2024-01-02T03:04", "2024-01-02T03:04:00Z");
    time_is("2024-01-02", "2024-01-02T00:00:00Z");
    time_is("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z");
    time_is("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z");
    static const char *const none[] = {
        "",
        "garbage",
        "2024",
        "2024-02-30T00:00:00Z",
        "2023-02-29",
        "2024-13-01",
        "2024-00-10",
        "2024-01-00",
        "0000-01-01",
        "2024-01-02T24:00:00Z",
        "2024-01-02T03:60:00Z",
        "2024-01-02T03:04:61Z",
        "2024-01-02T03:04:05.Z",
        "2024-01-02T03:04:05+2:00",
        "2024-01-02T03:04:05+24:00",
        "2024-01-02T03:04:05Zulu",
        "2024-01-02T",
        "2024-01-02 ",
        " 2024-01-02",
        "9999-12-31T23:59:59-01:00",
        "0001-01-01T00:00:00+00:01",
        "1704164645",
    };
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        time_is(none[i], NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_sort_as_numbers),
        cmocka_unit_test(test_rollout_ids),
        cmocka_unit_test(test_base_names),
        cmocka_unit_test(test_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
