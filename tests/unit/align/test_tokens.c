/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

#include "support.h"

static void chars(void **state)
{
    (void)state;
    const opa_text t = text_of("a\xC3\xA9\xED\xA0\xBD\xF0\x9F\x98\x80z");
    assert_int_equal(opa_text_chars(t, 0), 0);
    assert_int_equal(opa_text_chars(t, 3), 2);
    assert_int_equal(opa_text_chars(t, 6), 3);
    assert_int_equal(opa_text_chars(t, t.size), 5);
    assert_int_equal(opa_text_chars(t, 999), 5);
}

/* Naive twin, straight from the rule: every byte is looked at. */
static size_t owner_of(const opa_hunk *h, size_t n, opa_text text, size_t begin, size_t end)
{
    for (size_t i = 0; i < n; i++)
        for (size_t b = begin; b < end; b++) {
            size_t c = b;
            while (c > 0 && ((unsigned char)text.data[c] & 0xC0) == 0x80)
                c--;
            uint32_t code;
            const bool space = opa_wtf8_decode(&code, text.data + c, text.size - c) && opa_is_space(code);
            if (h[i].op != OPA_KEEP && h[i].generated.begin <= b && b < h[i].generated.end && !space)
                return i;
        }
    for (size_t i = 0; i < n; i++)
        if (h[i].generated.begin <= begin && begin < h[i].generated.end)
            return i;
    return n - 1;
}

static void projects(void **state)
{
    (void)state;
    uint64_t seed = random_seed("projects");
    opa_context *ctx;
    assert_int_equal(opa_context_new(&ctx), OPA_OK);
    for (int round = 0; round < 1500; round++) {
        uint32_t begin[2000], end[2000];
        const opa_text a = random_text(&seed, 40), b = random_edit(&seed, a, random_below(&seed, 10));
        /* Tokens of any cut, empty ones too, as byte fallback makes them. */
        opa_tokens tokens = {.begin = begin, .end = end};
        for (size_t at = 0; at < a.size && tokens.count < 1999;) {
            const size_t size = random_below(&seed, 7);
            begin[tokens.count] = (uint32_t)at;
            at = at + size > a.size ? a.size : at + size;
            end[tokens.count++] = (uint32_t)at;
        }
        opa_hunk *hunks;
        size_t count, next = 0;
        assert_int_equal(opa_diff_words(ctx, &hunks, &count, a, b), OPA_OK);
        opa_span *spans = calloc(count + 1, sizeof *spans);
        opa_align_tokens(spans, hunks, count, false, a, &tokens);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(spans[i].begin, next);
            assert_true(spans[i].end >= next);
            for (size_t t = spans[i].begin; t < spans[i].end; t++)
                assert_int_equal(owner_of(hunks, count, a, begin[t], end[t]), i);
            next = spans[i].end;
        }
        assert_int_equal(next, count ? tokens.count : 0);
        free(spans);
        free(hunks);
        free((void *)(uintptr_t)a.data);
        free((void *)(uintptr_t)b.data);
    }
    opa_context_free(ctx);
}

/* LLaMA's token covers the space before its word. */
static void leading_space(void **state)
{
    (void)state;
    const opa_text g = text_of("A dog runs"), r = text_of("A cat runs");
    uint32_t begin[] = {0, 1, 5, 10}, end[] = {1, 5, 10, 10};
    const opa_tokens tokens = {.begin = begin, .end = end, .count = 4};
    opa_context *ctx;
    opa_hunk *hunks;
    opa_span spans[3];
    size_t count;
    assert_int_equal(opa_context_new(&ctx), OPA_OK);
    assert_int_equal(opa_diff_words(ctx, &hunks, &count, g, r), OPA_OK);
    assert_int_equal(count, 3);
    for (int side = 0; side < 2; side++) {
        opa_align_tokens(spans, hunks, count, side, side ? r : g, &tokens);
        assert_int_equal(spans[0].end, 1);
        assert_int_equal(spans[1].end, 2);
        assert_int_equal(spans[2].end, 4);
    }
    free(hunks);
    opa_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(chars), cmocka_unit_test(projects),
                                       cmocka_unit_test(leading_space)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
