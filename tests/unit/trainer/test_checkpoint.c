/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "checkpoint.h"

struct fixture {
    struct trainer t;
    struct heard heard;
    struct model *model;
    struct params params;
    struct optimiser optimiser;
    char path[128];
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    const struct optimiser_options options = {0.9, 0.999, 1e-8, 0, 1, false};
    start(&f->t, &f->heard);
    f->model = open_tiny_model(&f->t);
    assert_int_equal(params_new(&f->t, &f->params, f->model, TARGETS_ALL, 2, 4, 1), OPA_OK);
    assert_int_equal(optimiser_init(&f->t, &f->optimiser, &options, f->params.count), OPA_OK);
    snprintf(f->path, sizeof f->path, "%s/run", fresh_folder());
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    optimiser_release(&f->optimiser);
    params_release(&f->params);
    model_free(f->model);
    stop(&f->t);
    free(f);
    return 0;
}

/* Values that belong to a step: parameters, moments, sizes. */
static void fill(struct fixture *f, int64_t step)
{
    float *m = f->optimiser.m, *v = f->optimiser.v;
    for (size_t i = 0; i < f->params.total; i++)
        f->params.value[i] = (float)step + (float)i / 4096;
    for (size_t i = 0; i < f->params.count; i++) {
        m[i] = -(float)step - (float)i / 4096;
        v[i] = (float)step * 2 + (float)i / 4096;
    }
    f->optimiser.updates = step;
}

static bool holds(const struct fixture *f, int64_t step)
{
    const float *m = f->optimiser.m, *v = f->optimiser.v;
    bool same = f->optimiser.updates == step;
    for (size_t i = 0; i < f->params.total; i++)
        same = same && f->params.value[i] == (float)step + (float)i / 4096;
    for (size_t i = 0; i < f->params.count; i++)
        same = same && m[i] == -(float)step - (float)i / 4096 && v[i] == (float)step * 2 + (float)i / 4096;
    return same;
}

static int save(struct fixture *f, struct run_folder *folder, int64_t step)
{
    const struct adapter_out out = {&f->params.adapter, f->model, f->params.alpha, "base"};
    const struct run_sizes sizes = {(uint64_t)step * 10, (uint64_t)step};
    fill(f, step);
    return checkpoint_save(&f->t, folder, step, sizes, &out, &f->optimiser);
}

static int load(struct fixture *f, struct run_folder *folder)
{
    fill(f, 77);
    return checkpoint_load(&f->t, folder, f->model, &f->params, &f->optimiser);
}

static const char *inside(const struct fixture *f, const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", f->path, name);
    return path;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* "step-000001 step-000002" */
static void check_names(const struct fixture *f, const char *want)
{
    char have[512] = "", names[8][64];
    size_t count = 0;
    DIR *dir = opendir(inside(f, "checkpoints"));
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        assert_true(count < 8);
        if (e->d_name[0] != '.')
            snprintf(names[count++], sizeof names[0], "%.63s", e->d_name);
    }
    closedir(dir);
    qsort(names, count, sizeof names[0], by_name);
    for (size_t i = 0; i < count; i++)
        strcat(strcat(have, i ? " " : ""), names[i]);
    assert_string_equal(have, want);
}

static void cut(const struct fixture *f, const char *name, off_t left)
{
    assert_int_equal(truncate(inside(f, name), left), 0);
}

static void flip(const struct fixture *f, const char *name, size_t half)
{
    FILE *file = fopen(inside(f, name), "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    const long at = (ftell(file) - 1) * (long)half / 2;
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    const int byte = fgetc(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    assert_int_equal(fputc(byte ^ 4, file), byte ^ 4);
    assert_int_equal(fclose(file), 0);
}

static void all_of_it_comes_back(void **state)
{
    struct fixture *f = *state;
    struct run_folder folder;
    assert_int_equal(run_folder_open(&f->t, &folder, f->path, 2), OPA_OK);
    assert_int_equal(folder.step, -1);
    assert_false(folder.finished);
    assert_int_equal(save(f, &folder, 3), OPA_OK);
    run_folder_release(&folder);
    assert_int_equal(run_folder_open(&f->t, &folder, f->path, 2), OPA_OK);
    assert_int_equal(folder.step, 3);
    assert_int_equal(load(f, &folder), OPA_OK);
    assert_true(holds(f, 3));
    assert_int_equal(folder.sizes.log, 30);
    assert_int_equal(folder.sizes.eval, 3);
    const struct adapter_out out = {&f->params.adapter, f->model, f->params.alpha, "base"};
    assert_int_equal(run_folder_finish(&f->t, &folder, &out), OPA_OK);
    run_folder_release(&folder);
    assert_int_equal(run_folder_open(&f->t, &folder, f->path, 2), OPA_OK);
    assert_true(folder.finished);
    run_folder_release(&folder);
    assert_int_equal(f->heard.count, 0);
}

/* The newest stay, by their numbers, not by their names; what is no checkpoint is left alone. */
static void the_last_ones_stay(void **state)
{
    struct fixture *f = *state;
    struct run_folder folder;
    assert_int_equal(run_folder_open(&f->t, &folder, f->path, 3), OPA_OK);
    for (int64_t step = 1; step <= 4; step++)
        assert_int_equal(save(f, &folder, step), OPA_OK);
    check_names(f, "step-000002 step-000003 step-000004");
    assert_int_equal(mkdir(inside(f, "checkpoints/step-mine"), 0777), 0);
    assert_int_equal(mkdir(inside(f, "checkpoints/step-5b"), 0777), 0);
    assert_int_equal(save(f, &folder, 1000000), OPA_OK);
    check_names(f, "step-000003 step-000004 step-1000000 step-5b step-mine");
    run_folder_release(&folder);
    assert_int_equal(run_folder_open(&f->t, &folder, f->path, 1), OPA_OK);
    assert_int_equal(folder.step, 1000000);
    assert_int_equal(save(f, &folder, 1000001), OPA_OK);
    check_names(f, "step-1000001 step-5b step-mine");
    run_folder_release(&folder);
}

/* A kill in the middle of saving leaves "new", which nobody reads and the next one replaces. */
static void a_checkpoint_is_there_whole_or_not_at_all(void **state)
{
    struct fixture *f = *state;
    struct run_folder folder;
    assert_int_equal(run_folder_open(&f->t, &folder, f->path, 2), OPA_OK);
    assert_int_equal(save(f, &folder, 1), OPA_OK);
    assert_int_equal(mkdir(inside(f, "checkpoints/new"), 0777), 0);
    write_bytes(inside(f, "checkpoints/new"), "optimiser.safetensors", "half", 4);
    run_folder_release(&folder);
    assert_int_equal(run_folder_open(&f->t, &folder, f->path, 2), OPA_OK);
    assert_int_equal(folder.step, 1);
    assert_int_equal(load(f, &folder), OPA_OK);
    assert_true(holds(f, 1));
    assert_int_equal(save(f, &folder, 2), OPA_OK);
    check_names(f, "step-000001 step-000002");
    run_folder_release(&folder);
}

static void a_full_disk_leaves_the_older_ones(void **state)
{
    struct fixture *f = *state;
    struct run_folder folder;
    struct rlimit before, small;
    assert_int_equal(run_folder_open(&f->t, &folder, f->path, 1), OPA_OK);
    assert_int_equal(save(f, &folder, 1), OPA_OK);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_IGN);
    for (rlim_t limit = 10; limit < 5000; limit = limit * 5) {
        small = (struct rlimit){limit, before.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        const int status = save(f, &folder, 2);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        assert_int_equal(status, OPA_EIO);
        assert_message(&f->t, strerror(EFBIG));
        check_names(f, "step-000001");
        assert_int_equal(folder.step, 1);
    }
    assert_int_equal(load(f, &folder), OPA_OK);
    assert_true(holds(f, 1));
    run_folder_release(&folder);
}

static void a_damaged_one_is_put_aside_for_the_one_before(void **state)
{
    static const struct {
        const char *file;
        int left; /* -1: none of it */
        const char *says;
    } cases[] = {
        {"checkpoints/step-000002/optimiser.safetensors", 100, "optimiser.safetensors"},
        {"checkpoints/step-000002/optimiser.safetensors", -1, "optimiser.safetensors"},
        {"checkpoints/step-000002/adapter_model.safetensors", 4000, "adapter_model.safetensors"},
        {"checkpoints/step-000002/adapter_config.json", 7, "adapter_config.json"},
        {"checkpoints/step-000002/state.json", 0, "state.json"},
        {"checkpoints/step-000002/state.json", -1, "state.json"},
    };
    struct fixture *f = *state;
    struct run_folder folder;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(run_folder_open(&f->t, &folder, f->path, 2), OPA_OK);
        assert_int_equal(save(f, &folder, 1), OPA_OK);
        assert_int_equal(save(f, &folder, 2), OPA_OK);
        if (cases[i].left < 0)
            assert_int_equal(unlink(inside(f, cases[i].file)), 0);
        else
            cut(f, cases[i].file, cases[i].left);
        f->heard.count = 0;
        assert_int_equal(load(f, &folder), OPA_OK);
        assert_true(holds(f, 1));
        assert_int_equal(folder.step, 1);
        assert_int_equal(folder.sizes.log, 10);
        assert_int_equal(f->heard.count, 1);
        assert_non_null(strstr(f->heard.last, "update 2 is damaged"));
        assert_non_null(strstr(f->heard.last, cases[i].says));
        check_names(f, "step-000001 step-000002.damaged");
        assert_int_equal(save(f, &folder, 2), OPA_OK); /* its place is free */
        assert_int_equal(load(f, &folder), OPA_OK);
        assert_true(holds(f, 2));
        run_folder_release(&folder);
        remove_tree(f->path);
    }
}

/* One bit of the first, the middle or the last byte: what the formats do not notice, the sums do. */
static void a_bit_that_fell_over_is_noticed(void **state)
{
    static const char *const files[] = {"adapter_config.json", "adapter_model.safetensors", "optimiser.safetensors",
                                        "state.json"};
    struct fixture *f = *state;
    struct run_folder folder;
    assert_int_equal(run_folder_open(&f->t, &folder, f->path, 2), OPA_OK);
    assert_int_equal(save(f, &folder, 1), OPA_OK);
    for (size_t i = 0; i < 3 * sizeof files / sizeof *files; i++) {
        char name[80];
        assert_int_equal(save(f, &folder, 2), OPA_OK);
        snprintf(name, sizeof name, "checkpoints/step-000002/%s", files[i / 3]);
        flip(f, name, i % 3);
        f->heard.count = 0;
        assert_int_equal(load(f, &folder), OPA_OK);
        assert_int_equal(folder.step, 1);
        assert_true(holds(f, 1));
        assert_int_equal(f->heard.count, 1);
        assert_non_null(strstr(f->heard.last, files[i / 3]));
    }
    run_folder_release(&folder);
    remove_tree(f->path);
}

static void where_none_is_whole_the_reason_is_said(void **state)
{
    struct fixture *f = *state;
    struct run_folder folder;
    assert_int_equal(run_folder_open(&f->t, &folder, f->path, 2), OPA_OK);
    assert_int_equal(save(f, &folder, 1), OPA_OK);
    cut(f, "checkpoints/step-000001/optimiser.safetensors", 100);
    assert_int_equal(load(f, &folder), OPA_EDATA);
    assert_message(&f->t, "optimiser.safetensors");
    check_names(f, "step-000001");
    run_folder_release(&folder);
    remove_tree(f->path);
    /* A folder whose name says another update than its state. */
    assert_int_equal(run_folder_open(&f->t, &folder, f->path, 2), OPA_OK);
    assert_int_equal(save(f, &folder, 1), OPA_OK);
    char to[256];
    snprintf(to, sizeof to, "%s", inside(f, "checkpoints/step-000009"));
    assert_int_equal(rename(inside(f, "checkpoints/step-000001"), to), 0);
    folder.step = 9;
    assert_int_equal(load(f, &folder), OPA_EDATA);
    assert_message(&f->t, "it says update 1,");
    run_folder_release(&folder);
}

static void another_runs_checkpoint_is_refused(void **state)
{
    struct fixture *f = *state;
    struct run_folder folder;
    struct params other;
    assert_int_equal(run_folder_open(&f->t, &folder, f->path, 2), OPA_OK);
    assert_int_equal(save(f, &folder, 1), OPA_OK);
    assert_int_equal(params_new(&f->t, &other, f->model, TARGETS_ALL, 3, 6, 1), OPA_OK);
    assert_int_equal(checkpoint_load(&f->t, &folder, f->model, &other, &f->optimiser), OPA_EDATA);
    assert_message(&f->t, "an adapter of another run");
    params_release(&other);
    run_folder_release(&folder);
    assert_int_equal(run_folder_open(&f->t, &folder, "no/such/folder", 2), OPA_ECREATE);
    assert_message(&f->t, "make that first");
    run_folder_release(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_of_it_comes_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_last_ones_stay, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_checkpoint_is_there_whole_or_not_at_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_disk_leaves_the_older_ones, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_damaged_one_is_put_aside_for_the_one_before, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_bit_that_fell_over_is_noticed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(where_none_is_whole_the_reason_is_said, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_runs_checkpoint_is_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
