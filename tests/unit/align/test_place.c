/* SPDX-License-Identifier: Apache-2.0 */
#include "align/place.h"

#include "support.h"

enum { MOST = 16 };

static void place(opa_found *out, const char *hay, const char *const *sentences, size_t count)
{
    opa_text texts[MOST];
    for (size_t i = 0; i < count; i++)
        texts[i] = text_of(sentences[i]);
    opa_arena *arena = opa_arena_new();
    assert_true(opa_place(arena, out, text_of(hay), texts, count, true));
    opa_arena_free(arena);
}
#define PLACE(out, hay, ...)                                                                                           \
    place(out, hay, (const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static void in_order(void **state)
{
    (void)state;
    opa_found f[MOST];
    PLACE(f, "A dog. A cat. A dog.", "A dog.", "A cat.", "A dog.");
    assert_int_equal(f[0].span.begin, 0);
    assert_int_equal(f[1].span.begin, 7);
    assert_int_equal(f[2].span.begin, 14);
    assert_true(f[0].ambiguous && !f[1].ambiguous && f[2].ambiguous);
    assert_false(f[0].moved || f[1].moved || f[2].moved);
}

/* The first place of a short copy is inside another sentence; its own is where it tiles. */
static void a_short_copy(void **state)
{
    (void)state;
    opa_found f[MOST];
    PLACE(f, "Item 5: A dog runs. A dog runs. End.", "Item 5: A dog runs.", "A dog runs.", "End.");
    assert_int_equal(f[1].span.begin, 20);
    assert_false(f[0].ambiguous || f[1].ambiguous || f[2].ambiguous);
    PLACE(f, "See: A dog runs. A dog runs. End.", "A dog runs.", "End.");
    assert_int_equal(f[0].span.begin, 17);
    assert_true(f[0].ambiguous);
    /* Not in the middle of a word. */
    PLACE(f, "He cartwheels. The cart.", "The cart.", "cart");
    assert_true(f[1].found && f[1].overlap && f[1].span.begin == 19);
}

static void tolerance(void **state)
{
    (void)state;
    opa_found f[MOST];
    PLACE(f, "It\xE2\x80\x99s a  dog. B is near a caf\xC3\xA9.", "It's a  dog.", "b is near a cafe\xCC\x81.");
    assert_int_equal(f[0].tolerance, OPA_FOLD_QUOTES);
    assert_int_equal(f[0].span.end, 14);
    assert_int_equal(f[1].tolerance, OPA_FOLD_NORMALIZED | OPA_FOLD_CASE);
    assert_int_equal(f[1].span.begin, 15);
    assert_int_equal(f[1].span.end, 15 + 18);
    PLACE(f, "One thing.\n\nAnother thing. Three.", "One thing. Another thing.", "Three.");
    assert_int_equal(f[0].tolerance, OPA_FOLD_SPACE);
    assert_int_equal(f[0].span.end, 26);
}

static void near(void **state)
{
    (void)state;
    opa_found f[MOST];
    PLACE(f, "A man rides a horse on the beach. A dog follows him closely.", "A mann rides a hrse on the beach,",
          "A dog follows him closely.");
    assert_int_equal(f[0].tolerance, OPA_TOLERATE_NEAR);
    assert_int_equal(f[0].span.begin, 0);
    assert_int_equal(f[0].span.end, 33);
    assert_true(f[0].edits > 0 && f[0].edits <= 6);
    /* A paraphrase is not near, and neither is any short word. */
    PLACE(f, "A man rides a horse on the beach. Yes. End.", "It can be seen that on the beach a man rides.", "No.",
          "End.");
    assert_false(f[0].found || f[1].found);
    assert_true(f[2].found);
}

static void order_and_twins(void **state)
{
    (void)state;
    opa_found f[MOST];
    PLACE(f, "First one. Second one is longer. Third one.", "Second one is longer.", "First one.", "Third one.");
    assert_true(f[1].moved && !f[0].moved && !f[2].moved);
    assert_int_equal(f[1].span.begin, 0);
    PLACE(f, "First one. Second one. Third one.", "First one.", "Second one.", "Second one.", "Third one.");
    assert_true(f[2].overlap && !f[1].overlap && !f[3].overlap);
    assert_int_equal(f[2].span.begin, f[1].span.begin);
}

static void loops(void **state)
{
    (void)state;
    opa_text texts[1000];
    opa_found *f = calloc(1000, sizeof *f);
    char *hay = malloc(1000 * 8);
    for (size_t i = 0; i < 1000; i++) {
        texts[i] = text_of("So. On.");
        memcpy(hay + 8 * i, "So. On. ", 8);
    }
    opa_arena *arena = opa_arena_new();
    /* The first one is not reported, so that the quick way is barred. */
    assert_true(opa_place(arena, f, (opa_text){hay, 8000}, texts, 999, true));
    for (size_t i = 0; i < 999; i++)
        assert_true(f[i].found && f[i].ambiguous && !f[i].overlap && !f[i].moved);
    opa_arena_free(arena);
    free(f);
    free(hay);
}

/* A long text of which every sentence was copied with a slip: each is found where it stands. */
static void many_slips(void **state)
{
    (void)state;
    enum { N = 3000, SIZE = 46 };
    char *hay = malloc(N * SIZE + 1), *copies = malloc(N * SIZE + 1);
    opa_text *texts = calloc(N, sizeof *texts);
    opa_found *f = calloc(N, sizeof *f);
    if (!hay || !copies || !texts || !f)
        fail_msg("no memory");
    for (size_t i = 0; hay && i < N; i++) {
        sprintf(hay + i * SIZE, "On %05zu there is a brown horse in the %05zu. ", i * 7919 % 90001, i * 104729 % 90001);
        memcpy(copies + i * SIZE, hay + i * SIZE, SIZE);
        copies[i * SIZE + 20] = 'x';
        texts[i] = (opa_text){copies + i * SIZE, SIZE - 1};
        assert_int_equal(strlen(hay + i * SIZE), SIZE);
    }
    opa_arena *arena = opa_arena_new();
    assert_true(opa_place(arena, f, (opa_text){hay, N * SIZE}, texts, N, true));
    for (size_t i = 0; i < N; i++) {
        assert_int_equal(f[i].tolerance, OPA_TOLERATE_NEAR);
        assert_int_equal(f[i].span.begin, i * SIZE);
        assert_int_equal(f[i].span.end, i * SIZE + SIZE - 1);
        assert_false(f[i].moved);
    }
    opa_arena_free(arena);
    free(f);
    free(texts);
    free(copies);
    free(hay);
}

/* Random sentences in random order: each that is found exactly stands there, and no two share a byte without saying so.
 */
static void random_reports(void **state)
{
    (void)state;
    uint64_t seed = random_seed("random_reports");
    for (int round = 0; round < 2000; round++) {
        const opa_text hay = random_text(&seed, 60);
        opa_text texts[MOST], owned[MOST];
        opa_found f[MOST];
        const size_t n = random_below(&seed, MOST);
        for (size_t i = 0; i < n; i++) {
            const size_t b = random_below(&seed, hay.size + 1), e = b + random_below(&seed, hay.size - b + 1);
            owned[i] = random_edit(&seed, (opa_text){hay.data + b, e - b}, random_below(&seed, 3));
            texts[i] = owned[i];
            while (texts[i].size && strchr(" \n\t", texts[i].data[0]))
                texts[i].data++, texts[i].size--;
        }
        opa_arena *arena = opa_arena_new();
        assert_true(opa_place(arena, f, hay, texts, n, true));
        uint8_t *used = calloc(hay.size + 1, 1);
        for (size_t i = 0; i < n; i++) {
            if (!f[i].found)
                continue;
            const size_t size = f[i].span.end - f[i].span.begin;
            assert_true(f[i].span.begin < f[i].span.end && f[i].span.end <= hay.size);
            if (!f[i].tolerance) {
                assert_int_equal(size, texts[i].size);
                assert_memory_equal(hay.data + f[i].span.begin, texts[i].data, size);
            }
            if (!f[i].overlap) {
                assert_null(memchr(used + f[i].span.begin, 1, size));
                memset(used + f[i].span.begin, 1, size);
            }
        }
        free(used);
        opa_arena_free(arena);
        for (size_t i = 0; i < n; i++)
            free((void *)(uintptr_t)owned[i].data);
        free((void *)(uintptr_t)hay.data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(in_order),        cmocka_unit_test(a_short_copy),
                                       cmocka_unit_test(tolerance),       cmocka_unit_test(near),
                                       cmocka_unit_test(order_and_twins), cmocka_unit_test(loops),
                                       cmocka_unit_test(many_slips),      cmocka_unit_test(random_reports)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
