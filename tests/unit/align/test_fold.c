/* SPDX-License-Identifier: Apache-2.0 */
#include "align/fold.h"

#include "support.h"

static void folds_to(const char *text, const char *want, unsigned flags)
{
    opa_arena *arena = opa_arena_new();
    opa_folded f;
    assert_true(opa_fold(arena, &f, text_of(text), flags));
    assert_int_equal(f.text.size, strlen(want));
    assert_memory_equal(f.text.data, want, f.text.size);
    opa_arena_free(arena);
}

static void each_flag(void **state)
{
    (void)state;
    folds_to("a \n b\xC2\xA0"
             "c",
             "a b c", OPA_FOLD_SPACE);
    folds_to("\xE2\x80\x9CIt\xE2\x80\x99s\xE2\x80\x9D \xE2\x80\x94 so\xE2\x80\xA6", "\"It's\" - so...",
             OPA_FOLD_QUOTES);
    folds_to("cafe\xCC\x81", "caf\xC3\xA9", OPA_FOLD_NORMALIZED);
    folds_to("\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB", "\xED\x95\x9C", OPA_FOLD_NORMALIZED); /* Hangul jamo */
    folds_to("\xC3\x84 STRASSE \xC3\x9F", "\xC3\xA4 strasse ss", OPA_FOLD_CASE);
    folds_to("\xED\xA0\xBD x\xFFy", "\xED\xA0\xBD x\xFFy", OPA_FOLD_ALL);
    folds_to("", "", OPA_FOLD_ALL);
}

static void needed(const char *a, const char *b, unsigned want)
{
    opa_arena *arena = opa_arena_new();
    assert_int_equal(opa_fold_needed(arena, text_of(a), text_of(b)), want);
    opa_arena_free(arena);
}

static void names_what_was_needed(void **state)
{
    (void)state;
    needed("a b", "a b", 0);
    needed("a  b", "a b", OPA_FOLD_SPACE);
    needed("It's", "it\xE2\x80\x99s", OPA_FOLD_QUOTES | OPA_FOLD_CASE);
    needed("caf\xC3\xA9", "cafe\xCC\x81", OPA_FOLD_NORMALIZED);
}

/* The map goes up, and each border's place is the begin of a character. */
static void maps_back(void **state)
{
    (void)state;
    uint64_t seed = random_seed("maps_back");
    for (int round = 0; round < 500; round++) {
        const opa_text text = random_text(&seed, 40);
        opa_arena *arena = opa_arena_new();
        opa_folded f;
        assert_true(opa_fold(arena, &f, text, OPA_FOLD_ALL));
        assert_int_equal(f.begin[f.text.size], text.size);
        for (size_t i = 0; i < f.text.size; i++)
            assert_true(f.begin[i] <= f.begin[i + 1]);
        /* Folding twice changes nothing more. */
        opa_folded again;
        assert_true(opa_fold(arena, &again, f.text, OPA_FOLD_ALL));
        assert_int_equal(again.text.size, f.text.size);
        assert_memory_equal(again.text.data, f.text.data, f.text.size);
        opa_arena_free(arena);
        free((void *)(uintptr_t)text.data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_flag), cmocka_unit_test(names_what_was_needed),
                                       cmocka_unit_test(maps_back)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
