/* SPDX-License-Identifier: Apache-2.0 */
/* One tensor through merge_weights_put(), beside a plain loop in double precision: sizes that are cut into blocks, all types. */
#include "support.h"

#include "model/merge_weights.h"
#include "sampling.h"

struct fixture {
    struct trainer t;
    uint64_t random;
    struct loader_module module;
    struct model model;
    struct lora lora;
    struct adapter adapter;
    struct tensor tensor;
    float *w, *a, *b;
};

static float draw(struct fixture *f)
{
    return (float)(int64_t)random_next(&f->random) * 0x1p-63f;
}

static float *floats(struct fixture *f, size_t n)
{
    float *x = malloc((n + 1) * sizeof *x);
    for (size_t i = 0; i < n; i++)
        x[i] = draw(f);
    return x;
}

static void make(struct fixture *f, size_t rows, size_t cols, size_t rank)
{
    start(&f->t, NULL);
    f->random = test_seed();
    f->w = floats(f, rows * cols);
    f->a = floats(f, rank * cols);
    f->b = floats(f, rows * rank);
    f->module = (struct loader_module){PART_TEXT, (char *)(uintptr_t) "layers.7.mlp.up_proj", rows, cols};
    f->model.loader.modules = &f->module;
    f->model.loader.module_count = 1;
    f->lora = (struct lora){ops_rows(f->a, rank, cols), ops_rows(f->b, rows, rank), rank, 0.25f};
    f->adapter = (struct adapter){.of = &f->lora, .count = 1, .max_rank = rank};
    f->tensor = (struct tensor){.name = (char *)(uintptr_t) "model.layers.7.mlp.up_proj.weight",
                                .dtype = "F32",
                                .rank = 2,
                                .shape = {rows, cols},
                                .data = f->w,
                                .size = rows * cols * sizeof *f->w};
}

static void forget(struct fixture *f)
{
    free(f->w);
    free(f->a);
    free(f->b);
    stop(&f->t);
}

/* The bytes that a put wrote. */
static unsigned char *put(struct fixture *f, struct merge_report *report, const char *dtype, size_t want)
{
    struct merge_weights m = {.t = &f->t, .model = &f->model, .adapter = &f->adapter};
    struct durable d;
    char path[64];
    snprintf(path, sizeof path, "%s/data", fresh_folder());
    assert_int_equal(durable_open(&f->t, &d, path), OPA_OK);
    assert_int_equal(merge_weights_put(&m, &d, &f->tensor, dtype), OPA_OK);
    assert_int_equal(durable_commit(&f->t, &d), OPA_OK);
    *report = m.report;
    merge_weights_release(&m);
    struct mapped map;
    assert_int_equal(mapped_open(&f->t, &map, path), OPA_OK);
    assert_int_equal(map.size, want);
    unsigned char *bytes = malloc(want + 1);
    memcpy(bytes, map.data, want);
    mapped_release(&map);
    return bytes;
}

static double plain(const struct fixture *f, size_t i, size_t j)
{
    const size_t cols = f->module.cols, rank = f->lora.rank;
    double sum = 0;
    for (size_t k = 0; k < rank; k++)
        sum += (double)f->b[i * rank + k] * (double)f->a[k * cols + j];
    return (double)f->w[i * cols + j] + (double)f->lora.scale * sum;
}

static void check(size_t rows, size_t cols, size_t rank, const char *dtype, ops_dtype type, double half_step)
{
    struct fixture f = {0};
    struct merge_report report;
    make(&f, rows, cols, rank);
    const size_t n = rows * cols;
    unsigned char *bytes = put(&f, &report, dtype, n * ops_dtype_size(type));
    float *got = malloc((n + 1) * sizeof *got);
    ops_expand(f.t.ops, got, (ops_matrix){bytes, 1, n, n, type}, 0, 1);
    double change = 0, lost = 0;
    for (size_t i = 0; i < n; i++) {
        const double want = plain(&f, i / cols, i % cols), w = (double)f.w[i];
        if (!(fabs((double)got[i] - want) <= half_step * fabs(want) + 1e-6))
            fail_msg("%s: [%zu, %zu] is %g, not %g", dtype, i / cols, i % cols, (double)got[i], want);
        change += (want - w) * (want - w);
        lost += ((double)got[i] - want) * ((double)got[i] - want);
    }
    assert_int_equal(report.layers, 1);
    assert_int_equal(report.weights, n);
    assert_true(fabs(report.change - change) <= 1e-4 * change);
    assert_true(type == OPS_F32 ? report.lost < 1e-9 * change : fabs(report.lost - lost) <= 1e-3 * lost);
    assert_true(report.changed <= n && report.changed > n / 2);
    free(got);
    free(bytes);
    forget(&f);
}

static void blocks_of_rows_are_the_plain_loops(void **state)
{
    (void)state;
    check(1, 1, 1, "F32", OPS_F32, 0);
    check(1201, 1031, 3, "F32", OPS_F32, 0); /* two blocks */
    check(1201, 1031, 5, "BF16", OPS_BF16, 0x1p-8);
    check(3, 700001, 2, "F16", OPS_F16, 0x1p-11);  /* a row a block */
    check(5000, 3, 300, "BF16", OPS_BF16, 0x1p-8); /* a rank wider than a row */
}

static void another_tensor_keeps_its_bytes(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct merge_report report;
    make(&f, 40, 30, 2);
    f.tensor.name = (char *)(uintptr_t) "model.layers.7.mlp.down_proj.weight";
    unsigned char *bytes = put(&f, &report, "F32", f.tensor.size);
    assert_memory_equal(bytes, f.w, f.tensor.size);
    assert_int_equal(report.layers, 0);
    free(bytes);
    static const int64_t places[3] = {7, 8, 9};
    f.tensor = (struct tensor){.name = (char *)(uintptr_t) "model.layers.7.mlp.up_proj.weight",
                               .dtype = "I64",
                               .rank = 1,
                               .shape = {3},
                               .data = places,
                               .size = sizeof places};
    bytes = put(&f, &report, "I64", sizeof places);
    assert_memory_equal(bytes, places, sizeof places);
    free(bytes);
    forget(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_of_rows_are_the_plain_loops),
        cmocka_unit_test(another_tensor_keeps_its_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
