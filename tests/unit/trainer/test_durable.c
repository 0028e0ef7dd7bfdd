/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "durable.h"
#include "mapped.h"

struct fixture {
    struct trainer t;
    const char *dir;
    char path[128], temporary[140];
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    start(&f->t, NULL);
    f->dir = fresh_folder();
    snprintf(f->path, sizeof f->path, "%s/file", f->dir);
    snprintf(f->temporary, sizeof f->temporary, "%s.new", f->path);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    stop(&f->t);
    free(f);
    return 0;
}

static void check_content(const struct fixture *f, const char *want)
{
    char have[64] = "";
    FILE *file = fopen(f->path, "rb");
    assert_non_null(file);
    have[fread(have, 1, sizeof have - 1, file)] = '\0';
    fclose(file);
    assert_string_equal(have, want);
    assert_false(path_exists(f->temporary));
}

static void the_old_file_lasts_until_the_new_one_is_whole(void **state)
{
    struct fixture *f = *state;
    struct durable d;
    assert_int_equal(durable_file(&f->t, f->path, "old", 3), OPA_OK);
    check_content(f, "old");
    assert_int_equal(durable_open(&f->t, &d, f->path), OPA_OK);
    durable_write(&d, "ne", 2);
    durable_write(&d, "", 0);
    durable_write(&d, "w", 1);
    fflush(d.file);
    assert_true(path_exists(f->temporary));
    assert_int_equal(durable_commit(&f->t, &d), OPA_OK);
    check_content(f, "new");
    durable_abandon(&d); /* does nothing behind a commit */
    assert_int_equal(durable_open(&f->t, &d, f->path), OPA_OK);
    durable_write(&d, "other", 5);
    durable_abandon(&d);
    check_content(f, "new");
}

/* What a killed writer left beside it is written over. */
static void a_left_over_is_no_obstacle(void **state)
{
    struct fixture *f = *state;
    write_bytes(f->dir, "file.new", "left over, and longer than the new one", 38);
    assert_int_equal(durable_file(&f->t, f->path, "new", 3), OPA_OK);
    check_content(f, "new");
}

/* The reason of the first write that failed is what is said, whatever happened since. */
static void a_full_disk_leaves_the_old_file_and_says_why(void **state)
{
    struct fixture *f = *state;
    struct rlimit before, small;
    struct durable d;
    char block[8192] = {0};
    assert_int_equal(durable_file(&f->t, f->path, "old", 3), OPA_OK);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_IGN);
    small = (struct rlimit){20000, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    for (int blocks = 2; blocks < 8; blocks++) { /* at the end, or long before it */
        assert_int_equal(durable_open(&f->t, &d, f->path), OPA_OK);
        for (int i = 0; i < blocks; i++) {
            durable_write(&d, block, sizeof block);
            errno = 0;
        }
        const int status = durable_commit(&f->t, &d);
        assert_int_equal(status, blocks == 2 ? OPA_OK : OPA_EIO);
        if (status == OPA_OK)
            assert_int_equal(durable_file(&f->t, f->path, "old", 3), OPA_OK);
        else
            assert_message(&f->t, strerror(EFBIG));
        check_content(f, "old");
    }
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
}

static void places_that_cannot_be_written_are_named(void **state)
{
    struct fixture *f = *state;
    struct durable d;
    char path[160];
    snprintf(path, sizeof path, "%s/no/such", f->dir);
    assert_int_equal(durable_open(&f->t, &d, path), OPA_ECREATE);
    assert_message(&f->t, path);
    /* Something else has got the name: the file cannot have it. */
    assert_int_equal(mkdir(f->path, 0777), 0);
    assert_int_equal(durable_file(&f->t, f->path, "x", 1), OPA_EIO);
    assert_message(&f->t, f->path);
    assert_false(path_exists(f->temporary));
    assert_int_equal(rmdir(f->path), 0);
    assert_int_equal(durable_rename(&f->t, "no-such-file", f->path), OPA_EIO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_old_file_lasts_until_the_new_one_is_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_left_over_is_no_obstacle, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_disk_leaves_the_old_file_and_says_why, set_up, tear_down),
        cmocka_unit_test_setup_teardown(places_that_cannot_be_written_are_named, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
