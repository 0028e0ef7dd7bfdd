/* SPDX-License-Identifier: Apache-2.0 */
#include <opapairs/pairs.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"

static bool loops(const char *text)
{
    return opa_text_loops((opa_text){text, strlen(text)});
}

static bool released(const char *text)
{
    return opa_text_repeats_released((opa_text){text, strlen(text)});
}

/* head, then unit n times, then tail */
static bool loops_with(const char *head, const char *unit, int n, const char *tail, bool by_release)
{
    opa_buffer b = {0};
    opa_buffer_add_string(&b, head);
    for (int i = 0; i < n; i++)
        opa_buffer_add_string(&b, unit);
    opa_buffer_add_string(&b, tail);
    const bool out = by_release ? opa_text_repeats_released(opa_buffer_text(&b)) : opa_text_loops(opa_buffer_text(&b));
    opa_buffer_release(&b);
    return out;
}

static void loops_are_found(void **state)
{
    (void)state;
    assert_true(loops_with("A beach. ", "The dog is running. ", 5, "", false));
    assert_true(loops_with("A beach. ", "The dog is running. ", 5, "The d", false));
    assert_true(loops_with("A beach. ", "The dog is running. ", 5, "The dog is", false));
    assert_true(loops_with("A beach.", "\n\nA cat sits. A bird sings!", 5, "", false));
    assert_true(loops_with("There is a", " tree", 35, "", false));
    assert_true(loops_with("There is a", " tree", 35, ".", false));
    assert_true(loops_with("We see", " a dog and", 8, "", false));
    assert_true(loops_with("", "\xE7\x8B\x97\xE5\x9C\xA8\xE8\xB7\x91\xE3\x80\x82", 5, "", false)); /* no spaces */
    assert_true(loops_with("", "x ", 100000, "", false));
}

static void sound_texts_are_no_loops(void **state)
{
    (void)state;
    assert_false(loops(""));
    assert_false(loops("."));
    assert_false(opa_text_loops((opa_text){0}));
    assert_false(loops("The dog runs. The dog runs. The dog runs."));
    assert_false(loops("About 6% of the total, 16.6% of the rest."));
    assert_false(loops("It waits... and waits... and waits..."));
    assert_false(loops("The image shows a dog.."));
    assert_false(loops("1. A dog\n2. A cat\n3. A dog\n4. A cat\n5. A dog"));
    assert_false(loops("| a | b |\n|---|---|\n| 1 | 2 |\n| 1 | 2 |\n| 1 | 2 |\n| 1 | 2 |"));
    assert_false(loops_with("Digits:", " 0", 200, "", false));
    assert_false(loops_with("Rule:", " -", 200, "", false));
    assert_false(loops_with("It is a very", " very", 20, " large dog.", false));
    assert_false(loops_with("", "The dog is running. ", 12, "Then it stops and looks back at the sea.", false));
}

/* Python: s = t.split("."); s[-2].strip() in ".".join(s[:-2]);  w = t.split(); w[:-2].count(w[-1]) > 30 */
static void the_released_filter_is_that_of_python(void **state)
{
    (void)state;
    assert_false(released(""));
    assert_false(released("no stop"));
    assert_false(released("one stop."));
    assert_true(released("."));
    assert_true(released("ends in two.."));
    assert_true(released(" . a"));
    assert_true(released("A dog. A dog."));
    assert_false(released("A dog. A cat."));
    assert_true(released("6% of the total is 16.6% of the total. A dog"));
    assert_true(released("A dog runs. dog . "));
    assert_false(released("A dog.\x1c A cat."));
    assert_true(released("A dog.\x1c\xC2\x85 A dog\xE3\x80\x80."));
    assert_true(loops_with("end", " tree", 31, " x tree", true));
    assert_false(loops_with("end", " tree", 30, " x tree", true));
    assert_false(loops_with("end", " tree", 32, "", true));
    assert_true(loops_with("end", " tree", 33, "", true));
    assert_true(loops_with("end", "\xC2\xA0tree\n", 33, "\x1f", true));
    assert_false(loops_with("end", "\xEF\xBB\xBFtree", 33, "", true)); /* U+FEFF is no space for Python */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loops_are_found),
        cmocka_unit_test(sound_texts_are_no_loops),
        cmocka_unit_test(the_released_filter_is_that_of_python),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
