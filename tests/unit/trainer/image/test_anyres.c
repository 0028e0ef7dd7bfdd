/* SPDX-License-Identifier: Apache-2.0 */
/* OneVision's cuts: sizes against a table of transformers' (tests/data/trainer/anyres), rows against a plain twin. */
#include "helper.h"

#include "image/anyres.h"

static struct anyres_config resolutions(uint32_t view, uint32_t each, uint32_t most)
{
    struct anyres_config c = {.most = most};
    for (uint32_t i = 1; i <= each; i++) {
        for (uint32_t j = 1; j <= each; j++, c.count++) {
            c.height[c.count] = i * view;
            c.width[c.count] = j * view;
        }
    }
    return c;
}

static void plans_are_those_of_transformers(void **state)
{
    (void)state;
    const struct anyres_config real = resolutions(384, 6, 9), tiny = resolutions(60, 3, 4);
    char path[4096], line[512];
    snprintf(path, sizeof path, "%s/trainer/anyres/plans.tsv", getenv("OPA_TEST_DATA"));
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t lines = 0;
    while (fgets(line, sizeof line, f) != NULL) {
        char name[16];
        unsigned n[13];
        struct anyres_plan p;
        if (line[0] == '#')
            continue;
        assert_int_equal(sscanf(line, "%15s %u %u %u %u %u %u %u %u %u %u %u %u %u", name, &n[0], &n[1], &n[2], &n[3],
                                &n[4], &n[5], &n[6], &n[7], &n[8], &n[9], &n[10], &n[11], &n[12]),
                         14);
        const bool is_real = strcmp(name, "real") == 0;
        const struct anyres_config *c = is_real ? &real : &tiny;
        const uint32_t view = is_real ? 384 : 60;
        const size_t side = is_real ? 27 : 4;
        anyres_choose(&p, c, n[0], n[1], view, side);
        const size_t have[] = {p.width,     p.height, p.fit_width, p.fit_height,         p.top, p.left, p.grid_rows,
                               p.grid_cols, p.rows,   p.cols,      anyres_rows(&p, side)};
        for (size_t i = 0; i < sizeof have / sizeof have[0]; i++) {
            if (have[i] != n[2 + i])
                fail_msg("%ux%u of %s: number %zu is %zu, not %u", n[0], n[1], name, i, have[i], n[2 + i]);
        }
        assert_true(anyres_rows(&p, side) <= anyres_most_rows(c, view, side));
        assert_true(anyres_views(&p) <= anyres_most_views(c, view));
        lines++;
    }
    fclose(f);
    assert_true(lines > 100);
}

/* The large grid by index, then every number of the smaller one in double precision. */
static double twin(const float *views, const struct anyres_plan *p, size_t side, size_t width, double y, double x,
                   size_t i)
{
    const size_t row = (size_t)y + p->top, col = (size_t)x + p->left;
    const size_t tile = 1 + row / side * p->across + col / side;
    return (double)views[((tile * side + row % side) * side + col % side) * width + i];
}

static double blend(const float *views, const struct anyres_plan *p, size_t side, size_t width, size_t row, size_t col,
                    size_t i)
{
    double y = ((double)row + 0.5) * (double)p->grid_rows / (double)p->rows - 0.5;
    double x = ((double)col + 0.5) * (double)p->grid_cols / (double)p->cols - 0.5;
    y = y < 0 ? 0 : y;
    x = x < 0 ? 0 : x;
    const double y1 = fmin(floor(y) + 1, (double)p->grid_rows - 1), x1 = fmin(floor(x) + 1, (double)p->grid_cols - 1);
    const double down = y - floor(y), across = x - floor(x);
    return (1 - down) *
               ((1 - across) * twin(views, p, side, width, y, x, i) + across * twin(views, p, side, width, y, x1, i)) +
           down *
               ((1 - across) * twin(views, p, side, width, y1, x, i) + across * twin(views, p, side, width, y1, x1, i));
}

static void rows_are_those_of_the_plain_twin(void **state)
{
    (void)state;
    enum { SIDE = 5, WIDTH = 3, VIEW = 70 };
    const struct anyres_config c = resolutions(VIEW, 4, 3);
    size_t shrunk = 0;
    for (int round = 0; round < 40; round++) {
        struct anyres_plan p;
        anyres_choose(&p, &c, 1 + (uint32_t)rng_below(600), 1 + (uint32_t)rng_below(600), VIEW, SIDE);
        const size_t n = anyres_views(&p) * SIDE * SIDE * WIDTH, rows = anyres_rows(&p, SIDE);
        float *views = remember(n * sizeof *views), *out = remember(rows * WIDTH * sizeof *out);
        const float newline[WIDTH] = {7, 8, 9};
        for (size_t i = 0; i < n; i++)
            views[i] = rng_float(1);
        anyres_pack(out, views, newline, &p, SIDE, WIDTH);
        assert_memory_equal(out, views, SIDE * SIDE * WIDTH * sizeof *out);
        const float *at = out + SIDE * SIDE * WIDTH;
        for (size_t row = 0; row < p.rows; row++) {
            for (size_t col = 0; col < p.cols; col++, at += WIDTH) {
                for (size_t i = 0; i < WIDTH; i++)
                    assert_true(fabs((double)at[i] - blend(views, &p, SIDE, WIDTH, row, col, i)) < 1e-5);
            }
            assert_memory_equal(at, newline, sizeof newline);
            at += WIDTH;
        }
        assert_ptr_equal(at, out + rows * WIDTH);
        shrunk += p.rows < p.grid_rows;
        forget();
    }
    assert_true(shrunk > 0 && shrunk < 40);
}

static void the_image_lies_in_the_middle_of_black(void **state)
{
    (void)state;
    enum { SIZE = 8 };
    const struct anyres_config c = resolutions(SIZE, 2, 9);
    image_spec spec = {.size = SIZE, .mean = {0.5, 0.5, 0.5}, .std = {0.5, 0.5, 0.5}, .rescale = 0.00392156862745098};
    uint8_t rgb[16 * 4 * 3];
    memset(rgb, 255, sizeof rgb);
    const opa_image image = {.width = 16, .height = 4, .rgb = rgb};
    struct anyres_plan p;
    ops_context *ops;
    float views[3][3][SIZE][SIZE];
    assert_int_equal(ops_context_new(&ops, 1), 0);
    anyres_choose(&p, &c, image.width, image.height, SIZE, 2);
    assert_int_equal(anyres_views(&p), 3);
    assert_int_equal(anyres_cut(ops, &views[0][0][0][0], &image, &p, &spec), 0);
    for (int v = 0; v < 3; v++) {
        for (int i = 0; i < 3 * SIZE * SIZE; i++) {
            const int y = i / SIZE % SIZE;
            const bool inside = v == 0 || (y >= 2 && y < 6);
            assert_true((&views[v][0][0][0])[i] == (inside ? 1.0f : -1.0f));
        }
    }
    ops_context_free(ops);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plans_are_those_of_transformers),
        cmocka_unit_test(rows_are_those_of_the_plain_twin),
        cmocka_unit_test(the_image_lies_in_the_middle_of_black),
    };
    return cmocka_run_group_tests(tests, seed_setup, NULL);
}
