/* SPDX-License-Identifier: Apache-2.0 */
#include "image/preprocess.h"

#include <stdlib.h>
#include <string.h>

#include <omp.h>

#include "image/filter.h"

/* ---- where the image lies ---- */

/* One direction: the image lies at @p offset on a canvas of @p canvas pixels, which is resized to @p resized pixels, of which
 * the result shows [begin, begin + count) from its place @p place on. */
typedef struct axis {
    uint32_t offset, canvas, count, place;
    uint64_t resized, begin; /* a line of pixels that is as long as it can be becomes 2^28 rows high */
} axis;

/* LLaVA's expand2square(): the middle of a square, rounded down. */
static axis padded(uint32_t length, uint32_t other, uint32_t size)
{
    const uint32_t canvas = length > other ? length : other;
    return (axis){.offset = (canvas - length) / 2, .canvas = canvas, .resized = size, .count = size};
}

/* CLIP's short side to spec->resize, the long one rounded down, and the middle of that, rounded down; black where that is smaller
 * than the result. */
static axis cropped(uint32_t length, uint32_t other, const image_spec *spec)
{
    const uint64_t target = spec->resize ? spec->resize : spec->size, shorter = length < other ? length : other;
    const uint64_t resized = target * length / shorter, size = spec->size;
    axis a = {.canvas = length, .resized = resized};
    if (resized >= size)
        a.begin = (resized - size) / 2;
    else
        a.place = (uint32_t)((size - resized + 1) / 2);
    a.count = (uint32_t)(resized >= size ? size : resized);
    return a;
}

/* ---- the two passes ---- */

typedef struct fitting {
    const ops_context *ops;
    const opa_image *image;
    axis across, down;
    ops_filter horizontal, vertical;
    uint8_t fill[3];
    size_t row;        /* bytes of a row that is resized horizontally */
    size_t first, end; /* rows of the canvas that the vertical filter asks for */
    uint8_t *rows;     /* those rows, resized horizontally */
    uint8_t *planes;   /* for each thread: three planes of a row of the canvas */
} fitting;

static size_t plane_size(const fitting *f)
{
    return (size_t)f->across.canvas + OPS_FILTER_UNIT;
}

static int prepare(fitting *f)
{
    const axis *x = &f->across, *y = &f->down;
    if (image_filter_init(&f->horizontal, x->canvas, x->resized, x->begin, x->count) ||
        image_filter_init(&f->vertical, y->canvas, y->resized, y->begin, y->count))
        return OPA_ENOMEM;
    f->row = (size_t)x->count * 3;
    f->first = f->vertical.first[0];
    f->end = f->vertical.first[y->count - 1] + f->vertical.count[y->count - 1];
    for (size_t i = 0; i < y->count; i++)
        f->vertical.first[i] -= (uint32_t)f->first;
    f->rows = malloc((f->end - f->first) * f->row);
    f->planes = calloc((size_t)ops_threads(f->ops), 3 * plane_size(f));
    return f->rows && f->planes ? OPA_OK : OPA_ENOMEM;
}

/* A row of the canvas, from its pixels to its place among the resized ones. Rows above and below the image are the fill colour,
 * which no filter changes: its coefficients' sum is 1 but for the last bits of 22. */
static void resize_row(const fitting *f, size_t y, uint8_t *const planes[3])
{
    const axis *x = &f->across;
    uint8_t *out = f->rows + (y - f->first) * f->row;
    if (y < f->down.offset || y - f->down.offset >= f->image->height) {
        for (size_t i = 0; i < f->row; i++)
            out[i] = f->fill[i % 3];
        return;
    }
    uint8_t *const inside[3] = {planes[0] + x->offset, planes[1] + x->offset, planes[2] + x->offset};
    ops_split_rgb(f->ops, inside, f->image->rgb + (y - f->down.offset) * f->image->width * 3, f->image->width);
    ops_filter_row(f->ops, out, (const uint8_t *const[]){planes[0], planes[1], planes[2]}, &f->horizontal);
}

static void resize_rows(const fitting *f)
{
#pragma omp parallel num_threads(ops_threads(f->ops))
    {
        uint8_t *mine = f->planes + (size_t)omp_get_thread_num() * 3 * plane_size(f);
        uint8_t *const planes[3] = {mine, mine + plane_size(f), mine + 2 * plane_size(f)};
        for (int c = 0; c < 3; c++)
            memset(planes[c], f->fill[c], f->across.canvas);
#pragma omp for schedule(static)
        for (size_t y = f->first; y < f->end; y++)
            resize_row(f, y, planes);
    }
}

/* Into an image whose rows lie @p stride bytes apart. */
static void resize_columns(const fitting *f, uint8_t *out, size_t stride)
{
#pragma omp parallel for schedule(static) num_threads(ops_threads(f->ops))
    for (size_t i = 0; i < f->down.count; i++)
        ops_filter_column(f->ops, out + (f->down.place + i) * stride + f->across.place * 3, f->rows, f->row,
                          &f->vertical, i);
}

/* Both passes; the filters and rows are gone afterwards. */
static int fit(fitting *f, uint8_t *out, size_t stride)
{
    const int status = prepare(f);
    if (status == OPA_OK) {
        resize_rows(f);
        resize_columns(f, out, stride);
    }
    image_filter_release(&f->horizontal);
    image_filter_release(&f->vertical);
    free(f->rows);
    free(f->planes);
    return status;
}

int image_resize(const ops_context *ops, uint8_t *out, size_t stride, const opa_image *image, uint32_t width,
                 uint32_t height)
{
    fitting f = {.ops = ops, .image = image};
    f.across = (axis){.canvas = image->width, .resized = width, .count = width};
    f.down = (axis){.canvas = image->height, .resized = height, .count = height};
    return fit(&f, out, stride);
}

int image_fit(const ops_context *ops, uint8_t *out, const opa_image *image, const image_spec *spec)
{
    const uint32_t w = image->width, h = image->height;
    fitting f = {.ops = ops, .image = image};
    for (int c = 0; c < 3; c++)
        f.fill[c] = (uint8_t)(spec->mean[c] * 255);
    f.across = spec->mode == IMAGE_PAD ? padded(w, h, spec->size) : cropped(w, h, spec);
    f.down = spec->mode == IMAGE_PAD ? padded(h, w, spec->size) : cropped(h, w, spec);
    if (f.across.count < spec->size || f.down.count < spec->size)
        memset(out, 0, (size_t)spec->size * spec->size * 3);
    return fit(&f, out, (size_t)spec->size * 3);
}

/* ---- numbers ---- */

void image_normalise(float *out, const uint8_t *pixels, const image_spec *spec)
{
    const size_t area = (size_t)spec->size * spec->size;
    for (size_t c = 0; c < 3; c++) {
        float table[256];
        for (int v = 0; v < 256; v++)
            table[v] = ((float)(v * spec->rescale) - (float)spec->mean[c]) / (float)spec->std[c];
        for (size_t i = 0; i < area; i++)
            out[c * area + i] = table[pixels[3 * i + c]];
    }
}

int image_preprocess(opa_context *ctx, const ops_context *ops, float *out, uint8_t *pixels, opa_text bytes,
                     const image_spec *spec, opa_findings *findings)
{
    opa_image image;
    int status = opa_image_decode(ctx, &image, bytes, 0, findings);
    if (status != OPA_OK)
        return status;
    uint8_t *own = pixels ? NULL : malloc((size_t)spec->size * spec->size * 3);
    uint8_t *to = pixels ? pixels : own;
    status = to ? image_fit(ops, to, &image, spec) : OPA_ENOMEM;
    if (status == OPA_OK)
        image_normalise(out, to, spec);
    free(own);
    opa_image_release(&image);
    return status;
}
