/* SPDX-License-Identifier: Apache-2.0 */
/* The walk over hand-made marker sequences; pixels are compared in test_probe.c. */
#include "helper.h"

#include "image/jpeg.h"

#define SOI "\xFF\xD8"
#define EOI "\xFF\xD9"
#define FRAME(sof, h, w, n, components) "\xFF" sof "\0" n "\x08" h w components
#define GRAY "\x01\x01\x11\0"
#define SOF_GRAY(h, w) FRAME("\xC0", h, w, "\x0B", GRAY)
#define SOS "\xFF\xDA\0\x08\x01\x01\0\0\x3F\0"
#define EXIF6                                                                                                          \
    "\xFF\xE1\0\x22"                                                                                                   \
    "Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"

#define CHECK(code_, literal) check(code_, literal, sizeof(literal) - 1)

static opa_image_walk check(int code, const char *s, size_t size)
{
    opa_image_walk walk = {.info = {.orientation = 1}};
    const opa_text exact = part((opa_text){s, size}, size);
    opa_jpeg_walk(&walk, exact);
    drop(exact);
    if (walk.code != code)
        print_message("%s\n", walk.message);
    assert_int_equal(walk.code, code);
    return walk;
}

static void test_sound(void **state)
{
    (void)state;
    opa_image_walk w = CHECK(0, SOI SOF_GRAY("\0\x20", "\x01\0") SOS "abc\xFF\0\xFF\xD0"
                                                                     "def\xFF\xD7x" EOI);
    assert_int_equal(w.info.width, 256);
    assert_int_equal(w.info.height, 32);
    assert_int_equal(w.info.components, 1);
    assert_true(w.info.complete);
    w = CHECK(0, SOI EXIF6 SOF_GRAY("\0\1", "\0\1") SOS "a" EOI "trailing" EOI);
    assert_int_equal(w.info.orientation, 6);
    assert_int_equal(w.info.end, 2 + 36 + 13 + 10 + 1 + 2);
    /* an end marker inside a segment ends nothing; fill bytes, several scans, garbage between segments */
    CHECK(0, SOI "\xFF\xE1\0\x06" SOI EOI SOF_GRAY("\0\1", "\0\1") "\xFF\xFF\xFF" SOS "a" SOS "b"
                                                                   "\xFF\xFE\0\x03x"
                                                                   "??" EOI);
    w = CHECK(0, SOI FRAME("\xC2", "\0\1", "\0\1", "\x14", "\x04\x01\x11\0\x02\x11\0\x03\x11\0\x04\x11\0") SOS EOI);
    assert_true(w.info.cmyk && w.info.interlaced);
}

static void test_cut(void **state)
{
    (void)state;
    static const char whole[] = SOI EXIF6 SOF_GRAY("\0\1", "\0\1") SOS "abc\xFF\0"
                                                                       "def\xFF\xD0"
                                                                       "ghi\xFF\xFF" EOI;
    for (size_t n = 2; n < sizeof whole - 1; n++)
        assert_false(check(OPA_F_IMAGE_TRUNCATED, whole, n).info.complete);
    CHECK(0, SOI EXIF6 SOF_GRAY("\0\1", "\0\1") SOS "abc\xFF\0"
                                                    "def\xFF\xD0"
                                                    "ghi\xFF\xFF" EOI);
    CHECK(OPA_F_IMAGE_TRUNCATED, SOI "\xFF\xE0\xFF\xFF" SOF_GRAY("\0\1", "\0\1") SOS EOI);
}

static void test_corrupt(void **state)
{
    (void)state;
    CHECK(OPA_F_IMAGE_CORRUPT, SOI EOI);
    CHECK(OPA_F_IMAGE_CORRUPT, SOI SOF_GRAY("\0\1", "\0\1") EOI);
    CHECK(OPA_F_IMAGE_CORRUPT, SOI SOS "a" SOF_GRAY("\0\1", "\0\1") EOI);
    CHECK(OPA_F_IMAGE_CORRUPT, SOI SOF_GRAY("\0\0", "\0\1") SOS EOI);
    CHECK(OPA_F_IMAGE_CORRUPT, SOI SOF_GRAY("\0\1", "\0\1") SOF_GRAY("\0\1", "\0\1") SOS EOI);
    CHECK(OPA_F_IMAGE_CORRUPT, SOI "\xFF\xE0\0\1" SOF_GRAY("\0\1", "\0\1") SOS EOI);
    CHECK(OPA_F_IMAGE_CORRUPT, SOI FRAME("\xC0", "\0\1", "\0\1", "\x0B", "\x02\x01\x11\0") SOS EOI);
    CHECK(OPA_F_IMAGE_CORRUPT, SOI SOI SOF_GRAY("\0\1", "\0\1") SOS EOI);
    CHECK(OPA_F_IMAGE_UNSUPPORTED, SOI FRAME("\xC3", "\0\1", "\0\1", "\x0B", GRAY) SOS EOI);
    CHECK(OPA_F_IMAGE_UNSUPPORTED, SOI FRAME("\xC0", "\0\1", "\0\1", "\x0E", "\x02\x01\x11\0\x02\x11\0") SOS EOI);
    CHECK(OPA_F_IMAGE_UNSUPPORTED, SOI "\xFF\xC1\0\x0B\x0C\0\1\0\1" GRAY SOS EOI);
}

/* A picture of one size with @p count empty scans. */
static void scans(const char *head, size_t head_size, size_t count, int code)
{
    static const char scan[] = SOS;
    char s[4096];
    size_t n = head_size;
    assert_true(head_size + count * sizeof scan + 2 <= sizeof s);
    memcpy(s, head, head_size);
    for (size_t i = 0; i < count; i++, n += sizeof scan - 1)
        memcpy(s + n, scan, sizeof scan - 1);
    memcpy(s + n, EOI, 2);
    check(code, s, n + 2);
}

static void test_many_scans(void **state)
{
    (void)state;
    static const char small[] = SOI SOF_GRAY("\0\1", "\0\1"), large[] = SOI SOF_GRAY("\x34\0", "\x34\0");
    for (size_t count = 250; count < 260; count++)
        scans(small, sizeof small - 1, count, count <= 256 ? 0 : OPA_F_IMAGE_CORRUPT);
    scans(large, sizeof large - 1, 24, 0); /* 177 million pixels */
    scans(large, sizeof large - 1, 25, OPA_F_IMAGE_HUGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sound),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_corrupt),
        cmocka_unit_test(test_many_scans),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
