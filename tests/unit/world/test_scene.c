/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

static void test_sound(void **state)
{
    (void)state;
    for (uint32_t n = 0; n < 2000; n++) {
        struct scene s;
        scene_draw(&s, 5, n);
        assert_true(2 <= s.count && s.count <= MOST_OBJECTS);
        for (int i = 0; i < s.count; i++) {
            const struct object *o = &s.objects[i];
            assert_true(o->far ? 6 <= o->size && o->size <= 8 : 11 <= o->size && o->size <= 15);
            assert_true(abs(o->down) <= 2 && abs(o->right) <= 2);
            assert_ptr_equal(scene_find(&s, o->kind), o);
            for (int j = 0; j < i; j++)
                assert_true(o->row != s.objects[j].row || o->column != s.objects[j].column);
        }
    }
}

/* The shares that the world's description gives, within about five standard errors. */
static void test_shares(void **state)
{
    (void)state;
    enum { N = 20000 };
    int count[MOST_OBJECTS + 1] = {0}, objects = 0, far = 0, home = 0, first = 0;
    for (uint32_t n = 0; n < N; n++) {
        struct scene s;
        scene_draw(&s, 6, n);
        count[s.count]++;
        objects += s.count;
        for (int i = 0; i < s.count; i++) {
            far += s.objects[i].far;
            home += s.objects[i].kind / KINDS_PER_CONTEXT == s.context;
        }
        first += s.objects[0].kind == KINDS_PER_CONTEXT * s.context;
    }
    assert_near(count[2] / (double)N, .25, .016);
    assert_near(count[5] / (double)N, .20, .015);
    assert_near(far / (double)objects, .35, .01);
    assert_near(first / (double)N, 100 / (320. + 15 * 6), .016);
    assert_true(home > objects / 2);
}

static void test_id(void **state)
{
    (void)state;
    struct scene s, again;
    char id[SCENE_ID_SIZE], longer[SCENE_ID_SIZE + 16];
    scene_draw(&s, UINT64_C(18446744073709551615), 123456);
    scene_id(id, &s);
    assert_string_equal(id, "scene-18446744073709551615-123456");
    assert_true(scene_of_id(&again, (opa_text){id, strlen(id)}));
    assert_memory_equal(&again, &s, sizeof s);
    snprintf(longer, sizeof longer, "%s-0123456789ab", id);
    assert_true(scene_of_id(&again, (opa_text){longer, strlen(longer)}));
    assert_memory_equal(&again, &s, sizeof s);
    assert_false(scene_of_id(&again, OPA_TEXT("scene-200")));
    assert_false(scene_of_id(&again, OPA_TEXT("COCO_000000123456")));
    assert_false(scene_of_id(&again, OPA_TEXT("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sound), cmocka_unit_test(test_shares),
                                       cmocka_unit_test(test_id)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
