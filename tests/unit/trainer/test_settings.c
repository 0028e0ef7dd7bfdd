/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include "sampling.h"
#include "settings.h"

static void differences_are_named_with_short_values(void **state)
{
    (void)state;
    static const char have[] = "model: 0123456789012345678901234567890123456789\nlr: 1e-05\nprogram: 0.0.9\npack: a\n";
    static const struct {
        const char *want, *name;
    } cases[] = {
        {have, ""},
        {"model: 012345678901234567890123456789012345678X\nlr: 1e-05\n", "model"},
        {"model: 0123456789012345678901234567890123456789\nlr: 1e-06\nprogram: 0.0.9\npack: a\n",
         "lr (1e-05 there, 1e-06 now)"},
        {"model: 0123456789012345678901234567890123456789\nlr: 1e-05\nprogram: 0.1.0\npack: a\n",
         "program (0.0.9 there, 0.1.0 now)"},
        {"model: 0123456789012345678901234567890123456789\nlr: 1e-05\nprogram: 0.0.9\n",
         "pack (given there, but not now)"},
        {"model: 0123456789012345678901234567890123456789\nlr: 1e-05\nprogram: 0.0.9\npack: a\nseed: 1\n",
         "seed (not given there, but now)"},
        {"model: 0123456789012345678901234567890123456789\nlr: 1e-05\neval: b\nprogram: 0.0.9\npack: a\n",
         "eval (not given there, but now)"},
        {"model: 0123456789012345678901234567890123456789\nlr: 1e-05\npack: a\n", "program (given there, but not now)"},
        {"model: 0123456789012345678901234567890123456789\nlr: 1e-05\nprogram: 0.0.9\npack: a\npack: b\n",
         "pack (not given there, but now)"},
        {"", "model (given there, but not now)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char name[SETTINGS_NAME];
        /* as in a file, without a NUL behind it */
        char *bytes = malloc(strlen(have));
        memcpy(bytes, have, strlen(have));
        settings_difference(name, bytes, strlen(have), cases[i].want);
        assert_string_equal(name, cases[i].name);
        free(bytes);
    }
}

/* Of a value that is many words, those that differ. */
static void the_word_that_differs_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *have, *want, *name;
    } cases[] = {
        {"c: beta 0.1 gamma1 0.2\n", "c: beta 0.1 gamma1 0.25\n", "c (gamma1 0.2 there, 0.25 now)"},
        {"c: beta 0.1 gamma1 0.2\n", "c: beta 0.5 gamma1 0.2\n", "c (beta 0.1 there, 0.5 now)"},
        {"rank: 8 alpha 16\n", "rank: 4 alpha 8\n", "rank (8 alpha 16 there, 4 alpha 8 now)"},
        {"pack: 0123456789012345678901234567890123456789 seed 1\n",
         "pack: 0123456789012345678901234567890123456789 seed 2\n", "pack (seed 1 there, 2 now)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char name[SETTINGS_NAME];
        settings_difference(name, cases[i].have, strlen(cases[i].have), cases[i].want);
        assert_string_equal(name, cases[i].name);
    }
}

/* Whatever stands in a file that is to be compared, the name has an end, and nothing is read behind the bytes. */
static void damaged_settings_differ(void **state)
{
    (void)state;
    static const char want[] = "model: abc\nlr: 1\n";
    uint64_t random = test_seed();
    for (int round = 0; round < 20000; round++) {
        char name[SETTINGS_NAME];
        const size_t size = random_next(&random) % sizeof want;
        char *bytes = malloc(size + 1);
        memcpy(bytes, want, size);
        for (int i = 0; i < 2 && size > 0; i++) {
            const uint64_t r = random_next(&random);
            bytes[(r >> 33) % size] = "\n:\0 x\xff"[(r >> 20) % 6];
        }
        bytes = realloc(bytes, size ? size : 1);
        settings_difference(name, bytes, size, want);
        assert_true(strlen(name) < sizeof name);
        assert_int_equal(name[0] == '\0' && size + 1 == sizeof want,
                         size + 1 == sizeof want && memcmp(bytes, want, size) == 0);
        free(bytes);
    }
}

static void lines_add_up(void **state)
{
    (void)state;
    struct settings s = {0}, more = {0};
    settings_append(&s, &more);
    settings_add(&more, "a", "%d", 1);
    settings_add(&s, "b", "%s", "two");
    settings_append(&s, &more);
    assert_string_equal(s.data, "b: two\na: 1\n");
    assert_int_equal(s.size, strlen(s.data));
    assert_false(s.failed);
    more.failed = true;
    settings_append(&s, &more);
    assert_true(s.failed);
    settings_release(&s);
    settings_release(&more);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(differences_are_named_with_short_values),
        cmocka_unit_test(the_word_that_differs_is_named),
        cmocka_unit_test(damaged_settings_differ),
        cmocka_unit_test(lines_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
