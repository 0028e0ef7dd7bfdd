/* SPDX-License-Identifier: Apache-2.0 */
#include "align/diff.h"

#include "support.h"

static opa_context *ctx;

/* The script as "[-gone-]{+new+}" marks. */
static void marks_are(const char *generated, const char *revised, const char *want)
{
    opa_hunk *hunks;
    size_t count;
    char out[1000] = "";
    assert_int_equal(opa_diff_words(ctx, &hunks, &count, text_of(generated), text_of(revised)), OPA_OK);
    check_hunks(hunks, count, text_of(generated), text_of(revised));
    for (size_t i = 0; i < count; i++) {
        const opa_span g = hunks[i].generated, r = hunks[i].revised;
        if (hunks[i].op == OPA_KEEP) {
            strncat(out, generated + g.begin, g.end - g.begin);
            continue;
        }
        if (g.end > g.begin) {
            strcat(out, "[-");
            strncat(out, generated + g.begin, g.end - g.begin);
            strcat(out, "-]");
        }
        if (r.end > r.begin) {
            strcat(out, "{+");
            strncat(out, revised + r.begin, r.end - r.begin);
            strcat(out, "+}");
        }
    }
    assert_string_equal(out, want);
    free(hunks);
}

static void words(void **state)
{
    (void)state;
    marks_are("", "", "");
    marks_are("a dog", "a dog", "a dog");
    marks_are("", "a dog", "{+a dog+}");
    marks_are("a dog", "", "[-a dog-]");
    marks_are("A dog runs.", "A cat runs.", "A [-dog-]{+cat+} runs.");
    marks_are("A dog runs.", "A red dog runs.", "A{+ red+} dog runs.");
    marks_are("A red dog runs.", "A dog runs.", "A[- red-] dog runs.");
    marks_are("one dog, two", "one dogs, two", "one [-dog-]{+dogs+}, two");
    marks_are("a\n\nb", "a b", "a[-\n\n-]{+ +}b");
    marks_are("a  b", "a b", "a[- -] b");
    marks_are("\xE6\xB6\x88\xE9\x98\xB2\xE5\xA3\xAB", "\xE6\xB6\x88\xE7\x81\xAB\xE5\xA3\xAB",
              "\xE6\xB6\x88[-\xE9\x98\xB2-]{+\xE7\x81\xAB+}\xE5\xA3\xAB");
    /* An emoji sequence is one word. */
    marks_are("a \xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x9A\x92 b", "a \xF0\x9F\x91\xA9 b",
              "a [-\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x9A\x92-]{+\xF0\x9F\x91\xA9+} b");
}

/* Of scripts of the same length the one that a person would have written. */
static void natural(void **state)
{
    (void)state;
    marks_are("It hangs to the right of it, and a man sits to the right of it.", "It hangs to the right of it.",
              "It hangs to the right of it[-, and a man sits to the right of it-].");
    marks_are("A cat. A dog.", "A cat. A cow. A dog.", "A cat.{+ A cow.+} A dog.");
    marks_are("A cat sits.", "A cat sits. A dog sits.", "A cat sits.{+ A dog sits.+}");
    marks_are("vanilla, and pink ice cream, and pink cream.", "vanilla, and pink cream.",
              "vanilla[-, and pink ice cream-], and pink cream.");
}

static void random_edits(void **state)
{
    (void)state;
    uint64_t seed = random_seed("random_edits");
    for (int round = 0; round < 3000; round++) {
        const opa_text a = random_text(&seed, 60);
        const opa_text b = random_edit(&seed, a, random_below(&seed, 12));
        opa_hunk *hunks;
        size_t count;
        assert_int_equal(opa_diff_words(ctx, &hunks, &count, a, b), OPA_OK);
        check_hunks(hunks, count, a, b);
        assert_true(opa_hunks_prove(hunks, count, a, b));
        if (count) { /* The proof can fail. */
            hunks[random_below(&seed, count)].generated.begin += 1;
            assert_false(opa_hunks_prove(hunks, count, a, b));
        }
        free(hunks);
        free((void *)(uintptr_t)a.data);
        free((void *)(uintptr_t)b.data);
    }
}

/* A sentence and its rewriting that share little is one substitution; without the flag it is a script. */
static void rewritten(void **state)
{
    (void)state;
    const opa_text a = text_of("To the left of the frame a glass jar adds a whimsical touch.");
    const opa_text b = text_of("The man wears a helmet, the color of which is not clear to a viewer.");
    for (int pair = 0; pair < 2; pair++) {
        opa_differ d = {.generated = a, .revised = b, .scratch = opa_arena_new()};
        const opa_block block = {.generated = {0, a.size}, .revised = {0, b.size}, .sentence = 3, .pair = pair};
        opa_diff_block(&d, &block);
        assert_false(d.failed);
        check_hunks(d.hunks, d.count, a, b);
        assert_true(pair ? d.count == 1 : d.count > 3);
        assert_int_equal(d.hunks[0].sentence, 3);
        free(d.hunks);
        opa_arena_free(d.scratch);
    }
}

static void refuses_absent(void **state)
{
    (void)state;
    opa_hunk *hunks;
    size_t count;
    assert_int_equal(opa_diff_words(ctx, &hunks, &count, (opa_text){0}, text_of("a")), OPA_EINVAL);
    assert_null(hunks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(words), cmocka_unit_test(natural),
                                       cmocka_unit_test(random_edits), cmocka_unit_test(rewritten),
                                       cmocka_unit_test(refuses_absent)};
    if (opa_context_new(&ctx))
        return 1;
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    opa_context_free(ctx);
    return failed;
}
