/* SPDX-License-Identifier: Apache-2.0 */
#include <nettle/base64.h>
#include <png.h>

#include "glyphs.h"
#include "picture.h"
#include "world.h"

static void test_png(void **state)
{
    (void)state;
    struct scene s;
    uint8_t pixels[PICTURE_BYTES], back[PICTURE_BYTES];
    size_t size;
    scene_draw(&s, 1, 2);
    picture_draw(pixels, &s);
    uint8_t *png = picture_png(&size, pixels);
    assert_non_null(png);
    png_image image = {.version = PNG_IMAGE_VERSION};
    assert_true(png_image_begin_read_from_memory(&image, png, size));
    assert_int_equal(image.width, PICTURE_SIDE);
    assert_int_equal(image.height, PICTURE_SIDE);
    image.format = PNG_FORMAT_RGB;
    assert_true(png_image_finish_read(&image, NULL, back, 0, NULL));
    assert_memory_equal(back, pixels, sizeof back);

    char *text = picture_base64(&s);
    assert_non_null(text);
    assert_int_equal(strlen(text), BASE64_ENCODE_RAW_LENGTH(size));
    free(text);
    free(png);
}

/* Sums over the ink of an object, over many pictures: the noise goes, the colour stays. */
static void test_ink_has_its_colour(void **state)
{
    (void)state;
    enum { RED, WHITE = 5, N = 200 };
    for (int colour = RED; colour <= WHITE; colour += WHITE) {
        double sum[3] = {0};
        for (uint32_t n = 0; n < N; n++) {
            struct scene s = {.seed = 9, .number = n, .count = 1};
            uint8_t pixels[PICTURE_BYTES];
            int row, column;
            s.objects[0] = (struct object){.kind = 13, .colour = colour, .row = 1, .column = 1, .size = 15};
            picture_draw(pixels, &s);
            picture_centre(&row, &column, &s.objects[0]);
            for (int c = 0; c < 3; c++)
                sum[c] += pixels[(PICTURE_SIDE * (row - 2) + column) * 3 + c] / 255. / N;
        }
        assert_near(sum[0], colour == RED ? .85 : .92, .04);
        assert_near(sum[1], colour == RED ? .15 : .92, .04);
    }
}

/* All kinds look different in their largest size. */
static void test_glyphs_differ(void **state)
{
    (void)state;
    for (int a = 0; a < KINDS; a++) {
        for (int row = 0; row < GLYPH_SIDE; row++)
            assert_int_equal(strlen(glyphs[a][row]), GLYPH_SIDE);
        for (int b = 0; b < a; b++) {
            int other = 0;
            for (int i = 0; i < GLYPH_SIDE * GLYPH_SIDE; i++)
                other += glyphs[a][i / GLYPH_SIDE][i % GLYPH_SIDE] != glyphs[b][i / GLYPH_SIDE][i % GLYPH_SIDE];
            assert_true(other >= 6);
        }
    }
}

static void test_corners(void **state)
{
    (void)state;
    int row, column;
    picture_centre(&row, &column, &(struct object){.row = 0, .column = 2, .down = -2, .right = 2});
    assert_int_equal(row, 9 - 2);
    assert_int_equal(column, 46 + 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_png), cmocka_unit_test(test_ink_has_its_colour),
                                       cmocka_unit_test(test_glyphs_differ), cmocka_unit_test(test_corners)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
