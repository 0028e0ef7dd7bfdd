/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include <sys/stat.h>

#include "reference.h"
#include "sampling.h"

enum { SAMPLES = 5, MOST = 40 };

static const char depends[] = "model: abc\nprogram: 0.1.0\nsamples: 5\n";

/* Examples of different lengths, made of numbers that tell where they stand. */
struct fixture {
    struct trainer t;
    struct heard heard;
    char path[128];
    struct example e;
    double room[EXAMPLE_VIEWS][MOST];
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    start(&f->t, &f->heard);
    snprintf(f->path, sizeof f->path, "%s/reference.cache", fresh_folder());
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

static double value(size_t place, int view, size_t i)
{
    return -(double)(1 + place) - view / 8.0 - (double)i / 1024; /* a float32 holds it */
}

static struct example *example(struct fixture *f, size_t place)
{
    static char id[] = "s";
    f->e = (struct example){.place = place, .sample.id = id};
    for (int v = 0; v < EXAMPLE_VIEWS; v++) {
        struct view *view = &f->e.views[v];
        *view = (struct view){
            .used = v != 1 && (v < 4 || place % 2 == 0), .reference = f->room[v], .count = 3 + place + (size_t)v};
        for (size_t i = 0; i < view->count; i++)
            view->reference[i] = value(place, v, i);
    }
    return &f->e;
}

static int open_it(struct fixture *f, struct reference *out, const char *key)
{
    return reference_open(&f->t, out, f->path, key, SAMPLES);
}

static void check(struct fixture *f, const struct reference *r, size_t place, bool masked)
{
    struct example *e = example(f, place);
    assert_int_equal(reference_prove(&f->t, r, e, masked), OPA_OK);
    memset(f->room, 0, sizeof f->room);
    assert_int_equal(reference_fill(&f->t, r, e, masked), OPA_OK);
    for (int v = 0; v < EXAMPLE_VIEWS; v++) {
        const bool kept = e->views[v].used && (masked || v < ROLE_COUNT);
        for (size_t i = 0; i < e->views[v].count; i++)
            assert_true(f->room[v][i] == (kept ? value(place, v, i) : 0));
    }
}

static void make(struct fixture *f, bool masked)
{
    struct reference r;
    assert_int_equal(open_it(f, &r, depends), OPA_OK);
    for (size_t place = 0; place < SAMPLES; place++)
        assert_int_equal(reference_add(&f->t, &r, example(f, place), masked), OPA_OK);
    reference_release(&r);
}

static size_t size_of(const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return (size_t)st.st_size;
}

static void what_was_kept_is_there_again(void **state)
{
    struct fixture *f = *state;
    for (int masked = 0; masked < 2; masked++) {
        struct reference r;
        make(f, masked);
        assert_int_equal(open_it(f, &r, depends), OPA_OK);
        for (size_t place = 0; place < SAMPLES; place++) {
            assert_true(reference_has(&r, place));
            check(f, &r, place, masked);
        }
        /* Read with other views than it was made with. */
        assert_int_equal(reference_fill(&f->t, &r, example(f, 0), !masked), OPA_EDATA);
        assert_message(&f->t, "another number of tokens");
        reference_release(&r);
        unlink(f->path);
    }
    assert_int_equal(f->heard.count, 0);
}

static void another_key_refuses_and_says_which(void **state)
{
    static const struct {
        const char *key, *says;
    } cases[] = {
        {"model: abd\nprogram: 0.1.0\nsamples: 5\n", "another model (abc there, abd now)"},
        {"model: abc\nprogram: 0.2.0\nsamples: 5\n", "another program (0.1.0 there, 0.2.0 now)"},
        {"model: abc\nprogram: 0.1.0\n", "another samples"},
        {"model: abc\nprogram: 0.1.0\nsamples: 5\nmasks: fresh\n", "another masks"},
    };
    struct fixture *f = *state;
    make(f, true);
    const size_t size = size_of(f->path);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct reference r;
        assert_int_equal(open_it(f, &r, cases[i].key), OPA_EDATA);
        assert_message(&f->t, cases[i].says);
        assert_message(&f->t, "remove the file to make them anew");
        reference_release(&r);
    }
    assert_int_equal(size_of(f->path), size);
}

/* Sources that compute otherwise may bear the same version. */
static void another_build_is_found_out(void **state)
{
    struct fixture *f = *state;
    struct reference r;
    make(f, false);
    assert_int_equal(open_it(f, &r, depends), OPA_OK);
    struct example *e = example(f, 2);
    e->views[2].reference[4] += 4e-4; /* another order of summing */
    assert_int_equal(reference_prove(&f->t, &r, e, false), OPA_OK);
    e->views[2].reference[4] += 4e-3;
    assert_int_equal(reference_prove(&f->t, &r, e, false), OPA_EDATA);
    assert_message(&f->t, "another build of this program");
    e = example(f, 2);
    e->views[0].count--;
    assert_int_equal(reference_prove(&f->t, &r, e, false), OPA_EDATA);
    reference_release(&r);
}

/* Cut at every byte, as kills leave it: whole records are kept, the others are made anew, and the file is whole again. */
static void a_cut_file_goes_on_behind_its_last_whole_record(void **state)
{
    struct fixture *f = *state;
    make(f, true);
    const size_t size = size_of(f->path);
    char *whole = malloc(size), *again = malloc(size);
    FILE *file = fopen(f->path, "rb");
    assert_int_equal(fread(whole, 1, size, file), size);
    fclose(file);
    size_t before = 0;
    for (size_t cut = strlen("opatrain reference log-probs 1\n") + sizeof depends; cut <= size; cut++) {
        struct reference r;
        size_t kept = 0;
        assert_int_equal(truncate(f->path, (off_t)cut), 0);
        assert_int_equal(open_it(f, &r, depends), OPA_OK);
        while (kept < SAMPLES && reference_has(&r, kept))
            check(f, &r, kept++, true);
        assert_true(kept >= before);
        before = kept;
        for (size_t place = kept; place < SAMPLES; place++) {
            assert_false(reference_has(&r, place));
            assert_int_equal(reference_add(&f->t, &r, example(f, place), true), OPA_OK);
        }
        reference_release(&r);
        file = fopen(f->path, "rb");
        assert_int_equal(fread(again, 1, size, file), size);
        assert_int_equal(fgetc(file), EOF);
        fclose(file);
        assert_memory_equal(again, whole, size);
    }
    assert_true(before == SAMPLES);
    assert_true(f->heard.count > 0);
    assert_non_null(strstr(f->heard.last, "made anew"));
    free(whole);
    free(again);
}

/* A flipped bit anywhere: refused, or no record that holds it is used. */
static void flipped_bits_are_never_used(void **state)
{
    struct fixture *f = *state;
    uint64_t random = test_seed();
    make(f, true);
    const size_t size = size_of(f->path);
    char *whole = malloc(size);
    FILE *file = fopen(f->path, "rb");
    assert_int_equal(fread(whole, 1, size, file), size);
    fclose(file);
    size_t refused = 0, lost = 0;
    for (int round = 0; round < 400; round++) {
        struct reference found;
        const uint64_t r = random_next(&random);
        const size_t at = (r >> 20) % size;
        const char bit = (char)(1 << (r >> 60) % 8);
        whole[at] ^= bit;
        file = fopen(f->path, "wb");
        assert_int_equal(fwrite(whole, 1, size, file), size);
        fclose(file);
        whole[at] ^= bit;
        const int status = open_it(f, &found, depends);
        refused += status == OPA_EDATA;
        for (size_t place = 0; place < SAMPLES && status == OPA_OK; place++) {
            if (reference_has(&found, place))
                check(f, &found, place, true);
            else
                lost++;
        }
        reference_release(&found);
    }
    assert_true(refused > 0 && lost > 0);
    free(whole);
}

static void what_is_no_number_is_not_kept(void **state)
{
    struct fixture *f = *state;
    struct reference r;
    assert_int_equal(open_it(f, &r, depends), OPA_OK);
    struct example *e = example(f, 1);
    e->views[0].reference[2] = NAN;
    assert_int_equal(reference_add(&f->t, &r, e, true), OPA_EDATA);
    assert_message(&f->t, "sample s");
    assert_false(reference_has(&r, 1));
    reference_release(&r);
}

static void files_that_are_none_are_refused(void **state)
{
    static const char *const contents[] = {"", "x", "opatrain reference log-probs 1\n",
                                           "opatrain reference log-probs 2\nmodel: abc\n"};
    struct fixture *f = *state;
    struct reference r;
    for (size_t i = 0; i < sizeof contents / sizeof contents[0]; i++) {
        FILE *file = fopen(f->path, "wb");
        fputs(contents[i], file);
        fclose(file);
        assert_int_equal(open_it(f, &r, depends), OPA_EDATA);
        assert_message(&f->t, "no file of reference log-probs");
        reference_release(&r);
    }
    assert_int_equal(reference_open(&f->t, &r, "/no/such/folder/x", depends, 1), OPA_ECREATE);
    reference_release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_kept_is_there_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_key_refuses_and_says_which, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_build_is_found_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_cut_file_goes_on_behind_its_last_whole_record, set_up, tear_down),
        cmocka_unit_test_setup_teardown(flipped_bits_are_never_used, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_number_is_not_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(files_that_are_none_are_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
