/* SPDX-License-Identifier: Apache-2.0 */
#include "pack/folder.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static opa_context *ctx;
static char root[] = "/tmp/opa-folder-XXXXXX";

static const char *at(const char *name)
{
    static char paths[4][256];
    static int next;
    next = (next + 1) % 4;
    snprintf(paths[next], sizeof paths[next], "%s/%s", root, name);
    return paths[next];
}

static void put(const char *name, const char *text)
{
    FILE *f = fopen(at(name), "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static bool there(const char *name)
{
    return access(at(name), F_OK) == 0;
}

static size_t entries(void)
{
    size_t n = 0;
    DIR *dir = opendir(root);
    while (readdir(dir))
        n++;
    closedir(dir);
    return n - 2;
}

static int set_up(void **state)
{
    (void)state;
    strcpy(root + strlen(root) - 6, "XXXXXX");
    return opa_context_new(&ctx) || !mkdtemp(root);
}

static int tear_down(void **state)
{
    (void)state;
    char command[300];
    opa_context_free(ctx);
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    return system(command);
}

static void a_new_pack_takes_the_place_of_the_old(void **state)
{
    (void)state;
    for (int round = 0; round < 3; round++) {
        opa_folder f;
        assert_int_equal(opa_folder_begin(ctx, &f, at("p")), OPA_OK);
        assert_int_equal(there("p"), round > 0);
        assert_int_equal(opa_folder_add(&f, "manifest.json", OPA_TEXT("{}")), OPA_OK);
        assert_int_equal(opa_folder_add(&f, round == 1 ? "index.tsv" : "SHA256SUMS", OPA_TEXT("x")), OPA_OK);
        assert_int_equal(opa_folder_commit(&f), OPA_OK);
        opa_folder_release(&f);
        assert_true(there("p/manifest.json"));
        assert_int_equal(there("p/index.tsv"), round == 1);
        assert_int_equal(entries(), 1);
    }
}

static void what_is_not_committed_leaves_nothing(void **state)
{
    (void)state;
    opa_folder f;
    mkdir(at("p"), 0777); /* an empty folder may be used */
    assert_int_equal(opa_folder_begin(ctx, &f, at("p")), OPA_OK);
    assert_int_equal(opa_folder_add(&f, "manifest.json", OPA_TEXT("{}")), OPA_OK);
    opa_folder_release(&f);
    assert_int_equal(entries(), 1);
    assert_false(there("p/manifest.json"));
}

static void nothing_else_is_replaced(void **state)
{
    (void)state;
    opa_folder f;
    put("file", "mine");
    assert_int_equal(opa_folder_begin(ctx, &f, at("file")), OPA_ECREATE);
    mkdir(at("d"), 0777);
    put("d/notes.txt", "mine");
    assert_int_equal(opa_folder_begin(ctx, &f, at("d")), OPA_ECREATE);
    put("d/manifest.json", "{}");
    assert_int_equal(opa_folder_begin(ctx, &f, at("d/")), OPA_ECREATE);
    assert_non_null(strstr(opa_context_message(ctx), "notes.txt"));
    mkdir(at("e"), 0777);
    put("e/index.tsv", "");
    assert_int_equal(opa_folder_begin(ctx, &f, at("e")), OPA_ECREATE);
    assert_int_equal(opa_folder_begin(ctx, &f, at("no/such/place")), OPA_ECREATE);
    assert_int_equal(opa_folder_begin(ctx, &f, "/"), OPA_ECREATE);
    assert_int_equal(opa_folder_begin(ctx, &f, ""), OPA_ECREATE);
    assert_true(there("d/notes.txt"));
    assert_int_equal(entries(), 3);
}

static void leftovers_go_and_living_ones_stay(void **state)
{
    (void)state;
    mkdir(at(".p.new-0"), 0777);
    put(".p.new-0/manifest.json", "{");
    mkdir(at(".p.new-7"), 0777);
    put(".p.new-7/jpg-000000.tar", "{");
    opa_folder a, b;
    assert_int_equal(opa_folder_begin(ctx, &a, at("p")), OPA_OK);
    assert_false(there(".p.new-0/manifest.json"));
    assert_false(there(".p.new-7"));
    assert_int_equal(opa_folder_begin(ctx, &b, at("p/")), OPA_OK); /* beside the first, which is alive */
    assert_string_not_equal(a.temp, b.temp);
    assert_int_equal(opa_folder_add(&a, "manifest.json", OPA_TEXT("a")), OPA_OK);
    assert_int_equal(opa_folder_add(&b, "manifest.json", OPA_TEXT("b")), OPA_OK);
    assert_int_equal(opa_folder_commit(&a), OPA_OK);
    assert_int_equal(opa_folder_commit(&b), OPA_OK);
    opa_folder_release(&a);
    opa_folder_release(&b);
    assert_true(there("p/manifest.json"));
    assert_int_equal(entries(), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_new_pack_takes_the_place_of_the_old, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_committed_leaves_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_else_is_replaced, set_up, tear_down),
        cmocka_unit_test_setup_teardown(leftovers_go_and_living_ones_stay, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
