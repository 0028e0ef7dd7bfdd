/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "vision_cache.h"

enum { SAMPLES = 5, VERSIONS = 2, FLOATS = 1001 };

static const char *const depends = "model: a\npack: b\n";

struct fixture {
    struct trainer t;
    char path[64];
    struct vision_cache cache;
    float out[FLOATS];
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    start(&f->t, NULL);
    snprintf(f->path, sizeof f->path, "%s/features.cache", fresh_folder());
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    vision_cache_release(&f->cache);
    stop(&f->t);
    free(f);
    return 0;
}

static int open_cache(struct fixture *f, const char *with)
{
    vision_cache_release(&f->cache);
    return vision_cache_open(&f->t, &f->cache, f->path, with, SAMPLES, VERSIONS, FLOATS);
}

static float value(size_t place, size_t version, size_t i)
{
    return (float)(place * 100 + version * 10) + (float)i / FLOATS;
}

static void add(struct fixture *f, size_t place, size_t version)
{
    float data[FLOATS];
    for (size_t i = 0; i < FLOATS; i++)
        data[i] = value(place, version, i);
    vision_cache_add(&f->cache, place, version, data);
}

static bool reads_back(struct fixture *f, size_t place, size_t version)
{
    if (!vision_cache_read(&f->cache, place, version, f->out))
        return false;
    for (size_t i = 0; i < FLOATS; i++)
        assert_float_equal(f->out[i], value(place, version, i), 0);
    return true;
}

static off_t size_of(const struct fixture *f)
{
    struct stat s;
    assert_int_equal(stat(f->path, &s), 0);
    return s.st_size;
}

static void flip(const struct fixture *f, off_t from_end)
{
    char byte;
    const int fd = open(f->path, O_RDWR);
    const off_t at = lseek(fd, -from_end, SEEK_END);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 4;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

static void records_are_kept(void **state)
{
    struct fixture *f = *state;
    assert_false(vision_cache_has(&f->cache, 0, 0)); /* not opened */
    assert_true(vision_cache_full(&f->cache));
    assert_int_equal(open_cache(f, depends), OPA_OK);
    assert_false(reads_back(f, 3, 1));
    add(f, 3, 1);
    add(f, 0, 0);
    assert_true(reads_back(f, 3, 1) && reads_back(f, 0, 0));
    add(f, SAMPLES, 0); /* beyond it: not kept */
    assert_int_equal(open_cache(f, depends), OPA_OK);
    assert_true(reads_back(f, 3, 1) && reads_back(f, 0, 0));
    assert_false(reads_back(f, 3, 0) || reads_back(f, 0, 1) || reads_back(f, SAMPLES, 0));
    assert_false(vision_cache_full(&f->cache));
    for (size_t place = 0; place < SAMPLES; place++)
        for (size_t version = 0; version < VERSIONS; version++)
            if (!vision_cache_has(&f->cache, place, version))
                add(f, place, version);
    assert_int_equal(open_cache(f, depends), OPA_OK);
    assert_int_equal(f->cache.count, SAMPLES * VERSIONS);
    assert_false(vision_cache_full(&f->cache)); /* nothing is wanting */
    for (size_t place = 0; place < SAMPLES; place++)
        assert_true(reads_back(f, place, 0) && reads_back(f, place, 1));
    vision_cache_remove(&f->cache);
    assert_int_equal(access(f->path, F_OK), -1);
}

static void cut_and_damaged_records_are_made_again(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(open_cache(f, depends), OPA_OK);
    add(f, 1, 0);
    add(f, 2, 0);
    const off_t whole = size_of(f);
    for (off_t cut = 1; cut < (off_t)(FLOATS * sizeof(float)); cut += 997) {
        assert_int_equal(truncate(f->path, whole - cut), 0);
        assert_int_equal(open_cache(f, depends), OPA_OK);
        assert_true(reads_back(f, 1, 0));
        assert_false(vision_cache_has(&f->cache, 2, 0));
        add(f, 2, 0);
        assert_int_equal(size_of(f), whole);
    }
    flip(f, 9);
    assert_int_equal(open_cache(f, depends), OPA_OK);
    assert_true(vision_cache_has(&f->cache, 2, 0));
    assert_false(reads_back(f, 2, 0));
    add(f, 2, 0); /* in its own place */
    assert_true(reads_back(f, 2, 0));
    assert_int_equal(size_of(f), whole);
}

static void what_belongs_to_something_else_is_refused(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(open_cache(f, depends), OPA_OK);
    assert_int_equal(open_cache(f, "model: a\npack: c\n"), OPA_EDATA);
    assert_message(&f->t, "these vision features were made with another pack (b there, c now): remove the file");
    FILE *other = fopen(f->path, "wb");
    fputs("something else", other);
    fclose(other);
    assert_int_equal(open_cache(f, depends), OPA_EDATA);
    assert_message(&f->t, "no file of vision features");
}

/* The limit of a file's size stands for the disk's. */
static void a_full_disk_ends_the_keeping(void **state)
{
    struct fixture *f = *state;
    struct rlimit before, small;
    assert_int_equal(open_cache(f, depends), OPA_OK);
    add(f, 0, 0);
    const off_t whole = size_of(f);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = (rlim_t)whole + 1500;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    add(f, 1, 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_true(vision_cache_full(&f->cache));
    assert_int_equal(size_of(f), whole); /* what was taken is given back */
    assert_false(vision_cache_has(&f->cache, 1, 0));
    assert_true(reads_back(f, 0, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(records_are_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cut_and_damaged_records_are_made_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_belongs_to_something_else_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_disk_ends_the_keeping, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
