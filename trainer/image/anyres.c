/* SPDX-License-Identifier: Apache-2.0 */
#include "image/anyres.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- the plan ---- */

/* The resolution that shows most of the image's pixels and, of those, wastes least (select_best_resolution()). */
static size_t best_resolution(const struct anyres_config *c, uint32_t width, uint32_t height)
{
    const double pixels = (double)width * height;
    double most = 0, least = INFINITY;
    size_t best = 0;
    for (size_t i = 0; i < c->count; i++) {
        const double across = (double)c->width[i] / width, down = (double)c->height[i] / height;
        const double scale = across < down ? across : down;
        const double shown = fmin(floor(width * scale) * floor(height * scale), pixels);
        const double wasted = (double)c->width[i] * c->height[i] - shown;
        if (shown > most || (shown == most && wasted < least)) {
            most = shown;
            least = wasted;
            best = i;
        }
    }
    return best;
}

/* The image's size inside the canvas, its aspect kept (get_patch_output_size()). */
static void fit_inside(struct anyres_plan *p, uint32_t width, uint32_t height)
{
    const double across = (double)p->width / width, down = (double)p->height / height;
    p->fit_width = p->width;
    p->fit_height = p->height;
    if (across < down)
        p->fit_height = (uint32_t)fmin(ceil(height * across), p->height);
    else
        p->fit_width = (uint32_t)fmin(ceil(width * down), p->width);
}

/* int(round(x, 7)) */
static size_t whole(double x)
{
    return (size_t)(x + 0.5e-7);
}

/* Lines of patches that hold nothing but padding (unpad_image(), which knows the grid and the image's size only). */
static void unpad(struct anyres_plan *p, uint32_t width, uint32_t height)
{
    const size_t rows = p->grid_rows, cols = p->grid_cols;
    if ((double)width / height > (double)cols / (double)rows)
        p->top = (rows - whole(height * ((double)cols / width))) / 2;
    else
        p->left = (cols - whole(width * ((double)rows / height))) / 2;
    p->grid_rows -= 2 * p->top;
    p->grid_cols -= 2 * p->left;
}

/* Python's x // y, whose result the quotient's rounding does not lift to the next whole number. */
static size_t floor_divide(size_t x, double y)
{
    return (size_t)round(((double)x - fmod((double)x, y)) / y);
}

void anyres_choose(struct anyres_plan *out, const struct anyres_config *c, uint32_t width, uint32_t height,
                   uint32_t view, size_t side)
{
    const size_t best = best_resolution(c, width, height);
    *out = (struct anyres_plan){.width = c->width[best],
                                .height = c->height[best],
                                .across = c->width[best] / view,
                                .down = c->height[best] / view};
    fit_inside(out, width, height);
    out->grid_rows = out->down * side;
    out->grid_cols = out->across * side;
    unpad(out, width, height);
    const double ratio = sqrt((double)(out->grid_rows * out->grid_cols) / ((double)c->most * (double)(side * side)));
    out->rows = ratio > 1.1 ? floor_divide(out->grid_rows, ratio) : out->grid_rows;
    out->cols = ratio > 1.1 ? floor_divide(out->grid_cols, ratio) : out->grid_cols;
}

size_t anyres_views(const struct anyres_plan *p)
{
    return 1 + p->across * p->down;
}

size_t anyres_rows(const struct anyres_plan *p, size_t side)
{
    return side * side + p->rows * (p->cols + 1);
}

size_t anyres_most_views(const struct anyres_config *c, uint32_t view)
{
    size_t most = 0;
    for (size_t i = 0; i < c->count; i++) {
        const size_t tiles = (size_t)(c->height[i] / view) * (c->width[i] / view);
        most = tiles > most ? tiles : most;
    }
    return 1 + most;
}

size_t anyres_most_rows(const struct anyres_config *c, uint32_t view, size_t side)
{
    const double allowed = 1.1 * 1.1 * (double)c->most * (double)(side * side);
    size_t most = 0;
    for (size_t i = 0; i < c->count; i++) {
        const size_t lines = c->height[i] / view * side, patches = lines * (c->width[i] / view * side);
        const size_t rows = lines + ((double)patches < allowed ? patches : (size_t)allowed);
        most = rows > most ? rows : most;
    }
    return side * side + most;
}

/* ---- views ---- */

int anyres_cut(const ops_context *ops, float *out, const opa_image *image, const struct anyres_plan *p,
               const image_spec *spec)
{
    const size_t size = spec->size, stride = (size_t)p->width * 3, view = 3 * size * size;
    uint8_t *canvas = calloc(p->height, stride), *tile = malloc(view);
    int status = canvas && tile ? OPA_OK : OPA_ENOMEM;
    if (status == OPA_OK)
        status = image_resize(ops, tile, size * 3, image, (uint32_t)size, (uint32_t)size);
    if (status == OPA_OK) {
        const size_t top = (p->height - p->fit_height) / 2, left = (p->width - p->fit_width) / 2;
        image_normalise(out, tile, spec);
        status = image_resize(ops, canvas + top * stride + left * 3, stride, image, p->fit_width, p->fit_height);
    }
    for (size_t i = 0; i < p->across * p->down && status == OPA_OK; i++) {
        const uint8_t *corner = canvas + i / p->across * size * stride + i % p->across * size * 3;
        for (size_t y = 0; y < size; y++)
            memcpy(tile + y * size * 3, corner + y * stride, size * 3);
        image_normalise(out + (1 + i) * view, tile, spec);
    }
    free(canvas);
    free(tile);
    return status;
}

/* ---- rows ---- */

struct grid {
    const float *tiles; /* [tiles, side * side, width] */
    const struct anyres_plan *plan;
    size_t side, width;
};

/* A patch of the grid that was cut of its padding. */
static const float *patch_at(const struct grid *g, size_t row, size_t col)
{
    const size_t y = row + g->plan->top, x = col + g->plan->left, side = g->side;
    const size_t tile = y / side * g->plan->across + x / side;
    return g->tiles + ((tile * side + y % side) * side + x % side) * g->width;
}

/* Where place @p i of @p out lies among @p in: two neighbours, and the second one's weight. */
struct between {
    size_t first, second;
    float weight;
};

static struct between between(size_t i, size_t in, size_t out)
{
    const float scale = (float)in / (float)out, middle = scale * ((float)i + 0.5f) - 0.5f;
    const float at = middle > 0 ? middle : 0;
    const size_t first = (size_t)at;
    return (struct between){first, first + 1 < in ? first + 1 : first, at - (float)first};
}

static void shrink(float *out, const struct grid *g, size_t row, size_t col)
{
    const struct between y = between(row, g->plan->grid_rows, g->plan->rows);
    const struct between x = between(col, g->plan->grid_cols, g->plan->cols);
    const float *a = patch_at(g, y.first, x.first), *b = patch_at(g, y.first, x.second);
    const float *c = patch_at(g, y.second, x.first), *d = patch_at(g, y.second, x.second);
    for (size_t i = 0; i < g->width; i++) {
        const float upper = (1 - x.weight) * a[i] + x.weight * b[i], lower = (1 - x.weight) * c[i] + x.weight * d[i];
        out[i] = (1 - y.weight) * upper + y.weight * lower;
    }
}

void anyres_pack(float *out, const float *views, const float *newline, const struct anyres_plan *p, size_t side,
                 size_t width)
{
    const size_t view = side * side * width, bytes = width * sizeof *out;
    const struct grid g = {views + view, p, side, width};
    const bool whole = p->rows == p->grid_rows && p->cols == p->grid_cols;
    memcpy(out, views, view * sizeof *out);
    out += view;
    for (size_t row = 0; row < p->rows; row++) {
        for (size_t col = 0; col < p->cols; col++, out += width) {
            if (whole)
                memcpy(out, patch_at(&g, row, col), bytes);
            else
                shrink(out, &g, row, col);
        }
        memcpy(out, newline, bytes);
        out += width;
    }
}
