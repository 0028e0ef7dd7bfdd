/* SPDX-License-Identifier: Apache-2.0 */
#include "picture.h"

#include <nettle/base64.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>

#include "glyphs.h"
#include "random.h"

/* Intensities are in 1/256 of a byte's step; LEVEL(85) is 85 % of white. */
enum { WHITE = 255 * 256 };
#define LEVEL(percent) ((percent) * (WHITE / 20) / 5)

typedef int32_t colour_levels[3];

static const int colours[COLOURS][3] = {{85, 15, 15}, {15, 65, 20}, {20, 30, 90},
                                        {90, 85, 15}, {60, 20, 70}, {95, 95, 95}};
/* Below and above. */
static const int backgrounds[CONTEXTS][2][3] = {{{55, 42, 30}, {70, 60, 48}},
                                                {{35, 55, 35}, {55, 72, 85}},
                                                {{38, 38, 42}, {60, 62, 68}},
                                                {{85, 76, 55}, {45, 70, 85}}};
static const int tint_noise = 5, pixel_noise = 10; /* standard deviations, per cent of white */

struct canvas {
    int32_t at[PICTURE_SIDE][PICTURE_SIDE][3];
};

static int32_t noise(struct random *r, int percent)
{
    return (int32_t)((int64_t)random_normal(r) * LEVEL(percent) / NORMAL_ONE);
}

static void tint(colour_levels out, const int percents[3], struct random *r)
{
    for (int c = 0; c < 3; c++)
        out[c] = LEVEL(percents[c]) + noise(r, tint_noise);
}

static void draw_background(struct canvas *canvas, const struct scene *scene, struct random *r)
{
    enum { LAST = PICTURE_SIDE - 1 };
    colour_levels below, above;
    tint(below, backgrounds[scene->context][0], r);
    tint(above, backgrounds[scene->context][1], r);
    for (int y = 0; y < PICTURE_SIDE; y++) {
        for (int x = 0; x < PICTURE_SIDE; x++) {
            for (int c = 0; c < 3; c++)
                canvas->at[y][x][c] = (above[c] * (LAST - y) + below[c] * y) / LAST;
        }
    }
}

/* Length that pixel @p p of a glyph drawn @p size pixels wide shares with its cell @p cell, in 1/8 of a pixel. */
static int shared_length(int p, int cell, int size)
{
    const int begin = GLYPH_SIDE * p > size * cell ? GLYPH_SIDE * p : size * cell;
    const int end = GLYPH_SIDE * (p + 1) < size * (cell + 1) ? GLYPH_SIDE * (p + 1) : size * (cell + 1);
    return end > begin ? end - begin : 0;
}

/* How much of a pixel the ink covers, in 1/64. */
static int coverage(const char *const glyph[GLYPH_SIDE], int y, int x, int size)
{
    int covered = 0;
    for (int row = GLYPH_SIDE * y / size; row < GLYPH_SIDE && size * row < GLYPH_SIDE * (y + 1); row++) {
        for (int column = GLYPH_SIDE * x / size; column < GLYPH_SIDE && size * column < GLYPH_SIDE * (x + 1);
             column++) {
            if (glyph[row][column] == '#')
                covered += shared_length(y, row, size) * shared_length(x, column, size);
        }
    }
    return covered;
}

void picture_centre(int *out_row, int *out_column, const struct object *object)
{
    *out_row = (PICTURE_SIDE * (2 * object->row + 1)) / (2 * COLUMNS) + object->down;
    *out_column = (PICTURE_SIDE * (2 * object->column + 1)) / (2 * COLUMNS) + object->right;
}

static int within(int value, int least, int most)
{
    return value < least ? least : value > most ? most : value;
}

static void draw_object(struct canvas *canvas, const struct object *o, struct random *r)
{
    int row, column;
    picture_centre(&row, &column, o);
    const int top = within(row - o->size / 2, 0, PICTURE_SIDE - o->size);
    const int left = within(column - o->size / 2, 0, PICTURE_SIDE - o->size);
    colour_levels ink;
    tint(ink, colours[o->colour], r);
    for (int y = 0; y < o->size; y++) {
        for (int x = 0; x < o->size; x++) {
            const int part = coverage(glyphs[o->kind], y, x, o->size);
            int32_t *pixel = canvas->at[top + y][left + x];
            for (int c = 0; c < 3; c++)
                pixel[c] = (pixel[c] * (64 - part) + ink[c] * part) / 64;
        }
    }
}

void picture_draw(uint8_t out[PICTURE_BYTES], const struct scene *scene)
{
    struct canvas canvas;
    struct random r = random_for(scene->seed, scene->number, STREAM_PICTURE, 0);
    draw_background(&canvas, scene, &r);
    for (int i = 0; i < scene->count; i++)
        draw_object(&canvas, &scene->objects[i], &r);
    const int32_t *level = &canvas.at[0][0][0];
    for (int i = 0; i < PICTURE_BYTES; i++)
        out[i] = (uint8_t)(within(level[i] + noise(&r, pixel_noise), 0, WHITE) / 256);
}

/* ---- PNG ---- */

uint8_t *picture_png(size_t *out_size, const uint8_t pixels[PICTURE_BYTES])
{
    png_image image = {
        .version = PNG_IMAGE_VERSION, .width = PICTURE_SIDE, .height = PICTURE_SIDE, .format = PNG_FORMAT_RGB};
    png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(image);
    uint8_t *png = malloc(size);
    if (png == NULL || !png_image_write_to_memory(&image, png, &size, 0, pixels, 0, NULL)) {
        free(png);
        return NULL;
    }
    *out_size = size;
    return png;
}

char *picture_base64(const struct scene *scene)
{
    uint8_t pixels[PICTURE_BYTES];
    size_t size;
    picture_draw(pixels, scene);
    uint8_t *png = picture_png(&size, pixels);
    char *text = png ? malloc(BASE64_ENCODE_RAW_LENGTH(size) + 1) : NULL;
    if (text != NULL) {
        base64_encode_raw(text, size, png);
        text[BASE64_ENCODE_RAW_LENGTH(size)] = '\0';
    }
    free(png);
    return text;
}
