/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include "mapped.h"
#include "outfile.h"

static const char settings[] = "model: abc\ncontext: sft\n";

static void add(struct trainer *t, struct outfile *out, const char *line)
{
    assert_int_equal(outfile_line(t, out, (opa_text){line, strlen(line)}), OPA_OK);
}

static void check_content(const char *path, const char *want)
{
    char have[256] = "";
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    have[fread(have, 1, sizeof have - 1, f)] = '\0';
    fclose(f);
    assert_string_equal(have, want);
}

static void a_killed_run_goes_on_behind_the_last_whole_line(void **state)
{
    (void)state;
    struct trainer t;
    struct outfile out;
    char path[128], resume[140];
    start(&t, NULL);
    snprintf(path, sizeof path, "%s/out.jsonl", fresh_folder());
    snprintf(resume, sizeof resume, "%s.resume", path);
    assert_int_equal(outfile_open(&t, &out, path, settings), OPA_OK);
    add(&t, &out, "{\"id\":\"a\"}");
    add(&t, &out, "{\"id\":\"b\"}");
    assert_int_equal(fputs("{\"id\":\"c", out.file) >= 0, 1);
    outfile_release(&out); /* as a kill leaves it */
    assert_int_equal(outfile_open(&t, &out, path, settings), OPA_OK);
    assert_int_equal(out.id_count, 2);
    assert_string_equal(out.ids[1], "b");
    add(&t, &out, "{\"id\":\"c\"}");
    assert_int_equal(outfile_finish(&t, &out), OPA_OK);
    outfile_release(&out);
    check_content(path, "{\"id\":\"a\"}\n{\"id\":\"b\"}\n{\"id\":\"c\"}\n");
    assert_false(path_exists(resume));
    /* Done: the next run begins anew. */
    assert_int_equal(outfile_open(&t, &out, path, settings), OPA_OK);
    assert_int_equal(out.id_count, 0);
    assert_int_equal(outfile_finish(&t, &out), OPA_OK);
    outfile_release(&out);
    stop(&t);
}

static void other_settings_are_refused_and_named(void **state)
{
    (void)state;
    static const struct {
        const char *settings, *says;
    } cases[] = {{"model: abd\ncontext: sft\n", "another model"},
                 {"model: abc\ncontext: release\n", "another context"},
                 {"model: abc\n", "another context"},
                 {"model: abc\ncontext: sft\nseed: 1\n", "another seed"}};
    struct trainer t;
    struct outfile out;
    char path[128];
    start(&t, NULL);
    snprintf(path, sizeof path, "%s/out.jsonl", fresh_folder());
    assert_int_equal(outfile_open(&t, &out, path, settings), OPA_OK);
    add(&t, &out, "{\"id\":\"a\"}");
    outfile_release(&out);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(outfile_open(&t, &out, path, cases[i].settings), OPA_ECREATE);
        assert_message(&t, cases[i].says);
        outfile_release(&out);
    }
    check_content(path, "{\"id\":\"a\"}\n");
    assert_int_equal(outfile_open(&t, &out, "/no/such/folder/x", settings), OPA_ECREATE);
    outfile_release(&out);
    stop(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_killed_run_goes_on_behind_the_last_whole_line),
        cmocka_unit_test(other_settings_are_refused_and_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
