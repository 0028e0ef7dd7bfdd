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

/* A new file's path and that of what stands beside it until a run is done; -> its folder. */
static const char *begin(struct trainer *t, char path[128], char resume[140])
{
    const char *folder = fresh_folder();
    start(t, NULL);
    snprintf(path, 128, "%s/out.jsonl", folder);
    snprintf(resume, 140, "%s.resume", path);
    return folder;
}

static void a_killed_run_goes_on_behind_the_last_whole_line(void **state)
{
    (void)state;
    struct trainer t;
    struct outfile out;
    char path[128], resume[140];
    begin(&t, path, resume);
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
    char path[128], resume[140];
    begin(&t, path, resume);
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

/* One writer at a time; the second finds everything as it was. */
static void two_runs_do_not_write_one_file(void **state)
{
    (void)state;
    struct trainer t;
    struct outfile out, other;
    char path[128], resume[140];
    begin(&t, path, resume);
    assert_int_equal(outfile_open(&t, &out, path, settings), OPA_OK);
    add(&t, &out, "{\"id\":\"a\"}");
    assert_int_equal(outfile_open(&t, &other, path, settings), OPA_EBUSY);
    assert_message(&t, "another opatrain");
    outfile_release(&other);
    assert_true(path_exists(resume));
    add(&t, &out, "{\"id\":\"b\"}");
    assert_int_equal(outfile_finish(&t, &out), OPA_OK);
    outfile_release(&out);
    check_content(path, "{\"id\":\"a\"}\n{\"id\":\"b\"}\n");
    assert_int_equal(outfile_open(&t, &other, path, settings), OPA_OK);
    outfile_release(&other);
    stop(&t);
}

/* What would be lost is nothing: other settings begin anew, also behind a kill before the first line. */
static void a_run_without_a_line_is_in_nobodys_way(void **state)
{
    (void)state;
    struct trainer t;
    struct outfile out;
    char path[128], resume[140];
    const char *folder = begin(&t, path, resume);
    assert_int_equal(outfile_open(&t, &out, path, settings), OPA_OK);
    outfile_release(&out);
    assert_false(path_exists(resume));
    write_bytes(folder, "out.jsonl.resume", settings, strlen(settings)); /* as a kill leaves it */
    write_bytes(folder, "out.jsonl", "{\"id\":", 6);
    assert_int_equal(outfile_open(&t, &out, path, "model: other\n"), OPA_OK);
    add(&t, &out, "{\"id\":\"a\"}");
    assert_int_equal(outfile_finish(&t, &out), OPA_OK);
    outfile_release(&out);
    check_content(path, "{\"id\":\"a\"}\n");
    stop(&t);
}

static void beside_a_device_nothing_is_put(void **state)
{
    (void)state;
    struct trainer t;
    struct outfile out, other;
    start(&t, NULL);
    assert_int_equal(outfile_open(&t, &out, "/dev/null", settings), OPA_OK);
    assert_null(out.resume);
    add(&t, &out, "{\"id\":\"a\"}");
    assert_int_equal(outfile_open(&t, &other, "/dev/null", "model: other\n"), OPA_OK);
    assert_int_equal(outfile_finish(&t, &other), OPA_OK);
    outfile_release(&other);
    outfile_release(&out);
    stop(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_killed_run_goes_on_behind_the_last_whole_line),
        cmocka_unit_test(other_settings_are_refused_and_named),
        cmocka_unit_test(two_runs_do_not_write_one_file),
        cmocka_unit_test(a_run_without_a_line_is_in_nobodys_way),
        cmocka_unit_test(beside_a_device_nothing_is_put),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
