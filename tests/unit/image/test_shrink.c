/* SPDX-License-Identifier: Apache-2.0 */
#include "helper.h"

#include <time.h>

#include "image/shrink.h"

static unsigned seed;

static unsigned draw(unsigned most)
{
    seed = seed * 1103515245u + 12345u;
    return (seed >> 16) % (most + 1);
}

static opa_image noise(uint32_t width, uint32_t height)
{
    opa_image image = {width, height, malloc((size_t)width * height * 3)};
    assert_non_null(image.rgb);
    for (size_t i = 0; i < (size_t)width * height * 3; i++)
        image.rgb[i] = (uint8_t)draw(255);
    return image;
}

/* The mean of one pixel, as shrink.h says it. */
static int naive(const opa_image *image, uint32_t width, uint32_t height, uint32_t x, uint32_t y, int channel)
{
    uint64_t sum = 0, count = 0;
    for (uint64_t j = (uint64_t)y * image->height / height; j < ((uint64_t)y + 1) * image->height / height; j++)
        for (uint64_t i = (uint64_t)x * image->width / width; i < ((uint64_t)x + 1) * image->width / width;
             i++, count++)
            sum += image->rgb[(j * image->width + i) * 3 + (unsigned)channel];
    return (int)((sum + count / 2) / count);
}

static void test_means(void **state)
{
    (void)state;
    for (int round = 0; round < 60; round++) {
        opa_image image = noise(1 + draw(60), 1 + draw(60)), small;
        const uint32_t width = 1 + draw(image.width - 1), height = 1 + draw(image.height - 1);
        assert_int_equal(opa_image_shrink(&small, &image, width, height), OPA_OK);
        for (uint32_t y = 0; y < height; y++)
            for (uint32_t x = 0; x < width; x++)
                for (int k = 0; k < 3; k++)
                    assert_int_equal(small.rgb[(y * width + x) * 3 + (unsigned)k],
                                     naive(&image, width, height, x, y, k));
        opa_image_release(&small);
        opa_image_release(&image);
    }
}

static void assert_fit(uint32_t w, uint32_t h, uint32_t most_w, uint32_t most_h, uint32_t want_w, uint32_t want_h)
{
    uint32_t out[2];
    opa_image_fit(out, w, h, most_w, most_h);
    assert_int_equal(out[0], want_w);
    assert_int_equal(out[1], want_h);
}

static void test_fit(void **state)
{
    (void)state;
    assert_fit(640, 480, 40, 40, 40, 30);
    assert_fit(480, 640, 40, 40, 30, 40);
    assert_fit(640, 480, 40, 20, 27, 20);
    assert_fit(10, 8, 40, 40, 10, 8);
    assert_fit(100000, 1, 40, 40, 40, 1);
    assert_fit(1, 100000, 40, 40, 1, 40);
    assert_fit(1000000, 1000000, 3, 2, 2, 2);
}

/* Reduced decoding gives about the mean that the whole image has; nothing is larger than asked for. */
static void assert_thumbnail(opa_context *ctx, const char *name)
{
    const opa_text bytes = read_file(test_data(), name);
    opa_image whole, want, got;
    uint32_t size[2];
    assert_non_null(bytes.data);
    assert_int_equal(opa_image_decode(ctx, &whole, bytes, 0, NULL), OPA_OK);
    for (uint32_t most = 1; most < 20; most += 3) {
        opa_image_fit(size, whole.width, whole.height, most, most);
        assert_int_equal(opa_image_shrink(&want, &whole, size[0], size[1]), OPA_OK);
        assert_int_equal(opa_image_thumbnail(ctx, &got, bytes, most, most, NULL), OPA_OK);
        assert_int_equal(got.width, size[0]);
        assert_int_equal(got.height, size[1]);
        long difference = 0;
        const size_t count = (size_t)size[0] * size[1] * 3;
        for (size_t i = 0; i < count; i++)
            difference += labs((long)got.rgb[i] - want.rgb[i]);
        if (difference > 12 * (long)count)
            print_message("%s at %u: %ld over %zu\n", name, most, difference, count);
        assert_true(difference <= 12 * (long)count);
        opa_image_release(&got);
        opa_image_release(&want);
    }
    opa_image_release(&whole);
    drop(bytes);
}

static void test_thumbnails(void **state)
{
    (void)state;
    opa_context *ctx;
    assert_int_equal(opa_context_new(&ctx), OPA_OK);
    static const char *const names[] = {"basn3p02.png",     "basi6a16.png",          "own_gray_progressive.jpg",
                                        "own_restarts.jpg", "own_orientation_6.jpg", "own_progressive_420.jpg",
                                        "own_cmyk.jpg",     "own_tiny.jpg"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_thumbnail(ctx, names[i]);
    opa_context_free(ctx);
}

static void test_refused(void **state)
{
    (void)state;
    opa_context *ctx;
    opa_image image;
    opa_findings findings = {0};
    assert_int_equal(opa_context_new(&ctx), OPA_OK);
    const opa_text whole = read_file(test_data(), "own_restarts.jpg"), cut = part(whole, whole.size / 2);
    assert_int_equal(opa_image_thumbnail(ctx, &image, cut, 8, 8, &findings), OPA_ERECORD);
    assert_int_equal(findings.count, 1);
    assert_int_equal(findings.items[0].code, OPA_F_IMAGE_TRUNCATED);
    assert_null(image.rgb);
    assert_int_equal(opa_image_thumbnail(ctx, &image, whole, 0, 8, NULL), OPA_EINVAL);
    opa_findings_release(&findings);
    drop(cut);
    drop(whole);
    opa_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_means), cmocka_unit_test(test_fit),
                                       cmocka_unit_test(test_thumbnails), cmocka_unit_test(test_refused)};
    seed = (unsigned)time(NULL);
    print_message("seed %u\n", seed);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
