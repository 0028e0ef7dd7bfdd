/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "feedback/refusal.h"

static bool refuses(const char *s)
{
    return opa_text_refuses((opa_text){s, strlen(s)});
}

static void knows_refusals(void **state)
{
    (void)state;
    assert_true(refuses("I'm sorry, I cannot assist with this request."));
    assert_true(refuses("I'm sorry, but I can't help with identifying people in images."));
    assert_true(refuses("I\xE2\x80\x99m sorry, but I can\xE2\x80\x99t help with that."));
    assert_true(refuses("As an AI language model, I do not look at pictures of people."));
    assert_true(refuses("I CANNOT\nassist."));
    assert_true(refuses("Unable to assist: the image violates the content policy"));
}

static void knows_what_is_none(void **state)
{
    (void)state;
    assert_false(refuses(""));
    assert_false(refuses("Error 429: rate limit exceeded"));
    assert_false(refuses("The dog is sorry to see that nobody can play."));
    assert_false(refuses("Here is the report:"));
    /* Only the beginning counts. */
    static char late[5000];
    memset(late, 'x', sizeof late - 1);
    memcpy(late + 4000, "I'm sorry, ", 11);
    assert_false(refuses(late));
    memcpy(late + 1000, "I'm sorry, ", 11);
    assert_true(refuses(late));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_refusals),
        cmocka_unit_test(knows_what_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
