/* SPDX-License-Identifier: Apache-2.0 */
/* Each way through a group against the products written down in double precision. */
#include "ops/helper.h"

#include "model/linear_group.h"

enum { MOST = 3, IN = 24 };

static const size_t outs[MOST] = {17, 30, 9};

/* A group with random weights; its changes, and their gradients so far. */
struct fixture {
    struct linear layers[MOST];
    struct linear_group group;
    struct lora lora[MOST];
    struct adapter adapter;
    struct lora_slope slope[MOST], before[MOST];
    size_t total; /* ranks */
    const float *x, *dy[MOST], *y_before[MOST];
    float *y[MOST], *dx, *low, *dlow, *merged, *wide;
    size_t rows;
};

static float *copy(const float *x, size_t n)
{
    float *y = remember(n * sizeof *y);
    return memcpy(y, x, n * sizeof *y);
}

/* The A of all layers lie below each other. */
static void set_up(struct fixture *f, size_t count, size_t rank, size_t without, size_t rows, ops_dtype dtype)
{
    *f = (struct fixture){.adapter = {.of = f->lora, .count = MOST}, .rows = rows};
    const float *a = floats(MOST * rank * IN, 1);
    float *da = floats(MOST * rank * IN, 1);
    const float *da_before = copy(da, MOST * rank * IN);
    f->group.count = count;
    f->x = floats(rows * IN, 1);
    for (size_t i = 0; i < count; i++) {
        const size_t n = outs[i] * rank;
        f->layers[i] = (struct linear){matrix(dtype, outs[i], IN, 0), i == 1 ? floats(outs[i], 1) : NULL, i};
        f->group.of[i] = &f->layers[i];
        f->y[i] = floats(rows * outs[i], 1);
        f->y_before[i] = copy(f->y[i], rows * outs[i]);
        f->dy[i] = floats(rows * outs[i], 1);
        if (i == without)
            continue;
        float *db = floats(n, 1);
        f->lora[i] =
            (struct lora){ops_rows(a + f->total * IN, rank, IN), ops_rows(floats(n, 1), outs[i], rank), rank, 0.3f};
        f->slope[i] = (struct lora_slope){da + f->total * IN, db};
        f->before[i] = (struct lora_slope){(float *)(uintptr_t)(da_before + f->total * IN), copy(db, n)};
        f->total += rank;
    }
    f->dx = floats(rows * IN, 1);
    f->low = floats(rows * f->total, 1);
    f->dlow = floats(rows * f->total, 1);
}

/* Weight o, c of a layer with its change. */
static double weight(const struct fixture *f, size_t i, size_t o, size_t c)
{
    const struct lora *l = &f->lora[i];
    double w = element(&f->layers[i].w, o, c);
    for (size_t r = 0; r < l->rank; r++)
        w += (double)l->scale * element(&l->b, o, r) * element(&l->a, r, c);
    return w;
}

static void check_y(const struct fixture *f, bool residual, double tolerance)
{
    for (size_t i = 0; i < f->group.count; i++)
        for (size_t t = 0; t < f->rows; t++)
            for (size_t o = 0; o < outs[i]; o++) {
                const size_t at = t * outs[i] + o;
                double want = residual ? f->y_before[i][at] : 0;
                want += f->layers[i].bias ? f->layers[i].bias[o] : 0;
                for (size_t c = 0; c < IN; c++)
                    want += f->x[t * IN + c] * weight(f, i, o, c);
                ASSERT_NEAR(f->y[i][at], want, tolerance);
            }
}

static void check_dx(const struct fixture *f, double tolerance)
{
    for (size_t t = 0; t < f->rows; t++)
        for (size_t c = 0; c < IN; c++) {
            double want = 0;
            for (size_t i = 0; i < f->group.count; i++)
                for (size_t o = 0; o < outs[i]; o++)
                    want += f->dy[i][t * outs[i] + o] * weight(f, i, o, c);
            ASSERT_NEAR(f->dx[t * IN + c], want, tolerance);
        }
}

/* G = dy^T x; they are added to. */
static void check_slopes(const struct fixture *f, size_t i, double tolerance)
{
    const struct lora *l = &f->lora[i];
    double g[30][IN] = {{0}};
    for (size_t t = 0; t < f->rows; t++)
        for (size_t o = 0; o < outs[i]; o++)
            for (size_t c = 0; c < IN; c++)
                g[o][c] += (double)f->dy[i][t * outs[i] + o] * f->x[t * IN + c];
    for (size_t r = 0; r < l->rank; r++) {
        for (size_t c = 0; c < IN; c++) {
            double want = f->before[i].a[r * IN + c];
            for (size_t o = 0; o < outs[i]; o++)
                want += (double)l->scale * element(&l->b, o, r) * g[o][c];
            ASSERT_NEAR(f->slope[i].a[r * IN + c], want, tolerance);
        }
        for (size_t o = 0; o < outs[i]; o++) {
            double want = f->before[i].b[o * l->rank + r];
            for (size_t c = 0; c < IN; c++)
                want += (double)l->scale * g[o][c] * element(&l->a, r, c);
            ASSERT_NEAR(f->slope[i].b[o * l->rank + r], want, tolerance);
        }
    }
}

static void check(const ops_context *ctx, size_t count, size_t rank, size_t without, size_t rows, ops_dtype dtype,
                  enum linear_way way)
{
    struct fixture fixture, *f = &fixture;
    const bool residual = rng_below(2);
    set_up(f, count, rank, without, rows, dtype);
    assert_int_equal(linear_group_way(ctx, &f->group, &f->adapter, rows), way);
    assert_int_equal(linear_group_rank(&f->group, &f->adapter), f->total);
    f->merged = floats(linear_group_merged(ctx, &f->group, &f->adapter, rows), 1);
    f->wide = floats(linear_group_wide(ctx, &f->group, &f->adapter, rows), 1);
    linear_group_forward(ctx, &f->group, &f->adapter, f->y, f->x, rows, residual, f->low, f->merged);
    const float *low = copy(f->low, rows * f->total);
    for (size_t i = 0; i < rows * f->total; i++)
        f->low[i] = NAN;
    linear_group_again(ctx, &f->group, &f->adapter, f->x, rows, f->low, f->merged);
    if (way != LINEAR_WHOLE)
        assert_memory_equal(f->low, low, rows * f->total * sizeof *low);
    linear_group_backward(ctx, &f->group, &f->adapter, f->dy, rows, f->dlow);
    linear_group_backward_x(ctx, &f->group, &f->adapter, f->dx, f->dy, f->dlow, rows, f->merged);
    linear_group_backward_w(ctx, &f->group, &f->adapter, f->slope, f->dy, f->x, f->low, f->dlow, rows, f->wide);
    check_y(f, residual, 1e-4);
    check_dx(f, 2e-4);
    for (size_t i = 0; i < count; i++)
        check_slopes(f, i, 1e-5 * (double)rows * (double)rank);
    forget();
}

/* The sizes where each way takes the fewest operations: with these layers, changes and rows. */
static void ways(const ops_context *ctx)
{
    static const ops_dtype dtypes[] = {OPS_F32, OPS_BF16, OPS_F16};
    for (size_t d = 0; d < 3; d++)
        for (size_t count = 1; count <= MOST; count++) {
            const size_t without = count > 1 ? rng_below(4) : MOST; /* sometimes one has no change */
            check(ctx, count, 2, without, 1 + rng_below(8), dtypes[d], LINEAR_LOW_RANK);
            check(ctx, count, 4, without, 40 + rng_below(30), dtypes[d], LINEAR_MERGED);
            check(ctx, count, 9, without, 100 + rng_below(100), dtypes[d], LINEAR_WHOLE);
        }
    check(ctx, 1, 5, 0, 50, OPS_F32, LINEAR_LOW_RANK); /* no change at all */
}

static void test_ways(void **state)
{
    (void)state;
    each_context(ways);
}

/* Real sizes: no weight is looked at. */
static void test_which_way(void **state)
{
    static const struct {
        size_t width, inner, rank, rows;
        enum linear_way attention, mlp;
    } cases[] = {
        {384, 1024, 256, 1650, LINEAR_WHOLE, LINEAR_WHOLE},
        {768, 2048, 256, 1650, LINEAR_WHOLE, LINEAR_MERGED},
        {768, 2048, 16, 1650, LINEAR_LOW_RANK, LINEAR_LOW_RANK},
        {4096, 11008, 128, 1650, LINEAR_LOW_RANK, LINEAR_LOW_RANK},
        {4096, 11008, 256, 4096, LINEAR_LOW_RANK, LINEAR_LOW_RANK},
    };
    ops_context *ctx;
    (void)state;
    assert_int_equal(ops_context_new(&ctx, 1), 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const size_t h = cases[i].width, m = cases[i].inner;
        const struct linear o = {.w = {NULL, h, h, h, OPS_F32}, .id = 0}, up = {.w = {NULL, m, h, h, OPS_F32}, .id = 0};
        struct lora lora = {.rank = cases[i].rank};
        const struct adapter adapter = {.of = &lora, .count = 1};
        const struct linear_group attention = linear_alone(&o), mlp = linear_alone(&up);
        assert_int_equal(linear_group_way(ctx, &attention, &adapter, cases[i].rows), cases[i].attention);
        assert_int_equal(linear_group_way(ctx, &mlp, &adapter, cases[i].rows), cases[i].mlp);
    }
    ops_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup(test_ways, seed_setup), cmocka_unit_test(test_which_way)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
