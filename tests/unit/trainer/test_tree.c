/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include "tree.h"

static void positions_follow_the_path(void **state)
{
    (void)state;
    struct trainer t;
    struct tree tree = {.image_tokens = 3};
    const int32_t prompt[] = {1, 5}, branch[] = {6, TREE_IMAGE, 7}, answer[] = {8, 9};
    int32_t root, clean, masked, a, b, empty;
    start(&t, NULL);
    assert_int_equal(tree_add(&t, &tree, &root, -1, prompt, 2, 0), OPA_OK);
    assert_int_equal(tree_add(&t, &tree, &clean, root, branch, 3, 0), OPA_OK);
    assert_int_equal(tree_add(&t, &tree, &a, clean, answer, 2, 0), OPA_OK);
    assert_int_equal(tree_add(&t, &tree, &b, clean, answer, 2, 0), OPA_OK);
    assert_int_equal(tree_add(&t, &tree, &masked, root, branch, 3, 1), OPA_OK);
    assert_int_equal(tree_add(&t, &tree, &empty, masked, answer, 0, 0), OPA_OK);
    static const int32_t ids[] = {1, 5, 6, -200, -200, -200, 7, 8, 9, 8, 9, 6, -200, -200, -200, 7};
    static const int32_t positions[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 7, 8, 2, 3, 4, 5, 6};
    assert_int_equal(tree.tokens, 16);
    assert_memory_equal(tree.ids, ids, sizeof ids);
    assert_memory_equal(tree.positions, positions, sizeof positions);
    assert_int_equal(tree_before(&tree, a), 6);
    assert_int_equal(tree_before(&tree, b), 6);
    assert_int_equal(tree_before(&tree, empty), 15);
    assert_int_equal(tree.image_count, 2);
    assert_int_equal(tree.images[1].begin, 12);
    assert_int_equal(tree.images[1].slot, 1);
    tree_clear(&tree);
    assert_int_equal(tree_add(&t, &tree, &root, -1, NULL, 0, 0), OPA_OK);
    assert_int_equal(tree_add(&t, &tree, &a, root, answer, 2, 0), OPA_OK);
    assert_int_equal(tree.positions[0], 0);
    tree_release(&tree);
    stop(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(positions_follow_the_path)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
