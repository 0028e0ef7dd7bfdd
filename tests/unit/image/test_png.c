/* SPDX-License-Identifier: Apache-2.0 */
/* PNG files built here, chunk by chunk; files of others are in test_probe.c. */
#include "helper.h"

#include <zlib.h>

#include "base/buffer.h"
#include "image/png.h"

static void put32(opa_buffer *b, uint32_t v)
{
    for (int k = 24; k >= 0; k -= 8)
        opa_buffer_add_char(b, (char)(v >> k));
}

static void put_chunk(opa_buffer *b, const char *type, const void *data, size_t size)
{
    put32(b, (uint32_t)size);
    const size_t from = b->size;
    opa_buffer_add_string(b, type);
    opa_buffer_add(b, data, size);
    put32(b, (uint32_t)crc32(0, (const Bytef *)b->data + from, (uInt)(b->size - from)));
}

static void put_start(opa_buffer *b, uint32_t width, uint32_t height, int depth, int color, int interlace)
{
    opa_buffer head = {0};
    put32(&head, width);
    put32(&head, height);
    const char rest[5] = {(char)depth, (char)color, 0, 0, (char)interlace};
    opa_buffer_add(&head, rest, 5);
    opa_buffer_add(b, "\x89PNG\r\n\x1A\n", 8);
    put_chunk(b, "IHDR", head.data, head.size);
    opa_buffer_release(&head);
}

static void put_pixels(opa_buffer *b, const void *raw, size_t size)
{
    uint8_t packed[4096];
    uLongf n = sizeof packed;
    assert_int_equal(compress(packed, &n, raw, (uLong)size), Z_OK);
    put_chunk(b, "IDAT", packed, n);
}

/* Walk, and decode what the walk lets pass; frees @p b. */
static opa_image_walk check(opa_buffer *b, int code, opa_image *image)
{
    opa_image_walk walk = {.info = {.orientation = 1}};
    opa_image got = {0};
    assert_false(b->failed);
    const opa_text exact = part((opa_text){b->data, b->size}, b->size);
    opa_png_walk(&walk, exact);
    if (!walk.code) {
        const int status = opa_png_decode(&got, &walk, exact);
        assert_int_equal(status, walk.code ? OPA_ERECORD : OPA_OK);
    }
    if (walk.code != code)
        print_message("%s\n", walk.message);
    assert_int_equal(walk.code, code);
    if (image)
        *image = got;
    else
        opa_image_release(&got);
    drop(exact);
    opa_buffer_release(b);
    return walk;
}

static void test_gray16_saturates(void **state)
{
    (void)state;
    static const uint8_t raw[] = {0, 0, 0, 0, 254, 0, 255, 1, 0, 255, 255};
    static const uint8_t want[] = {0, 254, 255, 255, 255};
    opa_buffer b = {0};
    opa_image image;
    put_start(&b, 5, 1, 16, 0, 0);
    put_pixels(&b, raw, sizeof raw);
    put_chunk(&b, "IEND", NULL, 0);
    const opa_image_walk w = check(&b, 0, &image);
    assert_int_equal(w.info.bit_depth, 16);
    for (size_t i = 0; i < 15; i++)
        assert_int_equal(image.rgb[i], want[i / 3]);
    opa_image_release(&image);
}

static void test_structure(void **state)
{
    (void)state;
    static const uint8_t raw[] = {0, 0};
    opa_buffer b = {0};
    put_start(&b, 1, 1, 8, 0, 0);
    put_chunk(&b, "IEND", NULL, 0);
    check(&b, OPA_F_IMAGE_CORRUPT, NULL); /* no pixels */
    put_start(&b, 1, 1, 8, 3, 0);
    put_pixels(&b, raw, 2);
    put_chunk(&b, "IEND", NULL, 0);
    check(&b, OPA_F_IMAGE_CORRUPT, NULL); /* no palette */
    put_start(&b, 0, 1, 8, 0, 0);
    check(&b, OPA_F_IMAGE_CORRUPT, NULL);
    put_start(&b, 1, 1, 7, 0, 0);
    check(&b, OPA_F_IMAGE_CORRUPT, NULL);
    put_start(&b, 1, 1, 4, 2, 0);
    check(&b, OPA_F_IMAGE_CORRUPT, NULL);
    put_start(&b, 1, 1, 8, 0, 2);
    check(&b, OPA_F_IMAGE_CORRUPT, NULL);
    put_start(&b, 1, 2, 8, 0, 0);
    put_pixels(&b, raw, 2);
    put_chunk(&b, "IEND", NULL, 0);
    check(&b, OPA_F_IMAGE_CORRUPT, NULL); /* a row too few */
    opa_buffer_add(&b, "\x89PNG\r\n\x1A\n", 8);
    put_pixels(&b, raw, 2);
    put_chunk(&b, "IEND", NULL, 0);
    check(&b, OPA_F_IMAGE_CORRUPT, NULL); /* no IHDR */
}

static void test_bomb(void **state)
{
    (void)state;
    static const uint8_t raw[64] = {0};
    opa_buffer b = {0};
    put_start(&b, 10000, 10000, 16, 6, 0);
    put_pixels(&b, raw, sizeof raw);
    put_chunk(&b, "IEND", NULL, 0);
    const opa_image_walk w = check(&b, OPA_F_IMAGE_CORRUPT, NULL);
    assert_non_null(strstr(w.message, "too short"));
}

static void test_palette_and_orientation(void **state)
{
    (void)state;
    static const uint8_t raw[] = {0, 0x10, 0, 0x01}; /* 4 bits a pixel: rows "1 0" and "0 1" */
    static const uint8_t want[] = {4, 5, 6, 1, 2, 3, 1, 2, 3, 4, 5, 6};
    opa_buffer b = {0};
    opa_image image;
    put_start(&b, 2, 2, 4, 3, 0);
    put_chunk(&b, "eXIf", "MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x08\0\0\0\0\0\0", 26);
    put_chunk(&b, "PLTE", "\1\2\3\4\5\6", 6);
    put_chunk(&b, "tRNS", "\0", 1);
    put_pixels(&b, raw, sizeof raw);
    put_chunk(&b, "IEND", NULL, 0);
    const opa_image_walk w = check(&b, 0, &image);
    assert_true(w.info.palette && w.info.alpha);
    assert_int_equal(w.info.orientation, 8);
    assert_memory_equal(image.rgb, want, sizeof want);
    opa_image_release(&image);
    put_start(&b, 2, 2, 4, 3, 0);
    put_chunk(&b, "PLTE", "\1\2\3", 3);
    put_pixels(&b, raw, sizeof raw);
    put_chunk(&b, "IEND", NULL, 0);
    check(&b, OPA_F_IMAGE_CORRUPT, NULL); /* a colour that the palette lacks */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gray16_saturates),
        cmocka_unit_test(test_structure),
        cmocka_unit_test(test_bomb),
        cmocka_unit_test(test_palette_and_orientation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
