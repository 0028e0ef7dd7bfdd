/* SPDX-License-Identifier: Apache-2.0 */
#include "helper.h"

#include "../with_context.h"

#include <cjson/cJSON.h>

#include "base/sha256.h"

static bool has(const opa_findings *list, int code)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].code == code)
            return true;
    return false;
}

/* Checking says what decoding said. */
static void checks_as(int status, const opa_findings *want, opa_text bytes)
{
    opa_image_info info;
    opa_findings findings = {0};
    assert_int_equal(opa_image_check(ctx, &info, bytes, &findings), status);
    assert_int_equal(findings.count, want->count);
    for (size_t i = 0; i < want->count; i++) {
        assert_int_equal(findings.items[i].code, want->items[i].code);
        assert_string_equal(findings.items[i].message, want->items[i].message);
    }
    opa_findings_release(&findings);
}

/* SHA-256 of the decoded pixels, or "refused"; refusals must be said as a finding and nothing else. */
static void pixels(char out[65], opa_text bytes)
{
    opa_image image;
    opa_findings findings = {0};
    const int status = opa_image_decode(ctx, &image, bytes, 0, &findings);
    checks_as(status, &findings, bytes);
    if (status == OPA_OK) {
        uint8_t digest[32];
        assert_int_equal(findings.count, 0);
        opa_sha256_of(digest, image.rgb, (size_t)image.width * image.height * 3);
        opa_hex(out, digest, 32);
    } else {
        assert_int_equal(status, OPA_ERECORD);
        assert_int_equal(findings.count, 1);
        assert_null(image.rgb);
        strcpy(out, "refused");
    }
    opa_findings_release(&findings);
    opa_image_release(&image);
}

static void test_pixels(void **state)
{
    (void)state;
    char path[1024], name[200], want[70], got[65];
    snprintf(path, sizeof path, "%s/expected.tsv", test_data());
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    int count = 0;
    while (fscanf(f, "%199s %69s", name, want) == 2) {
        const opa_text bytes = read_file(test_data(), name);
        assert_non_null(bytes.data);
        pixels(got, bytes);
        if (strcmp(got, want) != 0)
            print_message("%s\n", name);
        assert_string_equal(got, want);
        drop(bytes);
        count++;
    }
    fclose(f);
    assert_int_equal(count, 22);
}

/* These three Pillow reads without a word, though data are missing or damaged in them: a wrong checksum of the pixel
 * data, a scan that ends early, a component without its DC scan. Here they are refused. */
static bool refused_on_purpose(const char *path)
{
    return strstr(path, "/xcsn0g01.png") || strstr(path, "/partial_progressive.jpg") ||
           strstr(path, "/progressive-missing-dc.jpg");
}

static void test_pixels_shared(void **state)
{
    (void)state;
    const char *shared = getenv("OPA_TEST_SHARED");
    const opa_text text = shared ? read_file(shared, "parity/preprocess/golden.json") : (opa_text){0};
    if (!text.data)
        skip();
    cJSON *doc = cJSON_ParseWithLength(text.data, text.size);
    assert_non_null(doc);
    int same = 0, refused = 0, differ = 0;
    const cJSON *entry;
    cJSON_ArrayForEach(entry, cJSON_GetObjectItemCaseSensitive(doc, "images"))
    {
        char path[1024], got[65];
        snprintf(path, sizeof path, "%s%s", strncmp(entry->string, "preprocess/", 11) == 0 ? "parity/" : "",
                 entry->string);
        const opa_text bytes = read_file(shared, path);
        const cJSON *want = cJSON_GetObjectItemCaseSensitive(entry, "decode_sha256");
        assert_non_null(bytes.data);
        pixels(got, bytes);
        drop(bytes);
        if (strcmp(got, want ? want->valuestring : "refused") == 0) {
            same += want != NULL;
            refused += want == NULL;
            continue;
        }
        differ++;
        if (!refused_on_purpose(path) || strcmp(got, "refused") != 0)
            fail_msg("%s", path);
    }
    print_message("%d the same, %d refused by both, %d refused here\n", same, refused, differ);
    assert_true(same >= 400 && differ == 3);
    cJSON_Delete(doc);
    drop(text);
}

/* Cut after @p size bytes: never usable. */
static void cut_at(opa_text whole, size_t size, size_t end)
{
    opa_image_info info;
    opa_image image;
    opa_findings findings = {0};
    const opa_text cut = part(whole, size);
    assert_true(size < end);
    assert_int_equal(opa_image_probe(ctx, &info, cut, &findings), OPA_ERECORD);
    assert_false(info.complete);
    assert_true(has(&findings, size < 4 ? findings.items[0].code : OPA_F_IMAGE_TRUNCATED));
    assert_int_equal(opa_image_decode(ctx, &image, cut, 0, NULL), OPA_ERECORD);
    opa_findings_release(&findings);
    drop(cut);
}

static void cut_everywhere(const char *folder, const char *name, size_t step)
{
    const opa_text whole = read_file(folder, name);
    opa_image_info info;
    assert_non_null(whole.data);
    assert_int_equal(opa_image_probe(ctx, &info, whole, NULL), OPA_OK);
    assert_true(info.complete);
    for (size_t n = 0; n < info.end; n += step)
        cut_at(whole, n, info.end);
    cut_at(whole, info.end - 1, info.end);
    drop(whole);
}

static void test_cut(void **state)
{
    (void)state;
    static const char *const names[] = {"basn3p02.png",     "tbwn3p08.png",          "basi2c08.png",
                                        "own_restarts.jpg", "own_orientation_6.jpg", "own_progressive_420.jpg"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        cut_everywhere(test_data(), names[i], 1);
}

static void test_cut_shared(void **state)
{
    (void)state;
    static const char *const names[] = {
        "data/image_formats/exif_samples/Canon_40D.jpg",
        "data/image_formats/pillow/hopper.jpg",
        "data/image_formats/image_rs/images/jpg/progressive/cat.jpg",
        "data/image_formats/jpeg_decoder_reftest/grayscale_long.jpg",
        "data/image_formats/pngsuite/basi6a16.png",
    };
    const char *shared = getenv("OPA_TEST_SHARED");
    const opa_text there = shared ? read_file(shared, names[0]) : (opa_text){0};
    if (!there.data)
        skip();
    drop(there);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        cut_everywhere(shared, names[i], 97);
}

/* Every bit of a PNG is under a checksum, but for those checksums' own chunk sizes and the signature, which are checked
 * too. */
static void test_png_flips(void **state)
{
    (void)state;
    const opa_text whole = read_file(test_data(), "basn3p02.png");
    for (size_t i = 0; i < whole.size * 8; i++) {
        opa_image_info info;
        char *copy = malloc(whole.size);
        assert_non_null(copy);
        memcpy(copy, whole.data, whole.size);
        copy[i / 8] = (char)(copy[i / 8] ^ 1 << i % 8);
        assert_int_equal(opa_image_probe(ctx, &info, (opa_text){copy, whole.size}, NULL), OPA_ERECORD);
        free(copy);
    }
    drop(whole);
}

static void expect(opa_text bytes, opa_image_format format, int code)
{
    opa_image_info info;
    opa_image image;
    opa_findings findings = {0};
    assert_int_equal(opa_image_probe(ctx, &info, bytes, &findings), OPA_ERECORD);
    assert_int_equal(info.format, format);
    assert_true(findings.count == 1 && findings.items[0].code == code);
    assert_string_not_equal(opa_context_message(ctx), "");
    assert_int_equal(opa_image_decode(ctx, &image, bytes, 0, NULL), OPA_ERECORD);
    opa_findings_release(&findings);
}

static void test_kinds(void **state)
{
    (void)state;
    expect(OPA_TEXT(""), OPA_IMAGE_NONE, OPA_F_IMAGE_KIND);
    expect(OPA_TEXT("<!DOCTYPE html><html>404</html>"), OPA_IMAGE_NONE, OPA_F_IMAGE_KIND);
    expect(OPA_TEXT("BMW is a maker of cars, not an image"), OPA_IMAGE_NONE, OPA_F_IMAGE_KIND);
    expect(OPA_TEXT("RIFF\x24\0\0\0WEBPVP8 "), OPA_IMAGE_WEBP, OPA_F_IMAGE_UNSUPPORTED);
    expect(OPA_TEXT("GIF89a\1\0\1\0"), OPA_IMAGE_GIF, OPA_F_IMAGE_UNSUPPORTED);
    expect(OPA_TEXT("BM\0\0\0\0\0\0\0\0\x1A\0\0\0\x0C\0\0\0\1\0\1\0\1\0\x18\0"), OPA_IMAGE_BMP,
           OPA_F_IMAGE_UNSUPPORTED);
    expect(OPA_TEXT("II*\0\x08\0\0\0"), OPA_IMAGE_TIFF, OPA_F_IMAGE_UNSUPPORTED);
    expect(OPA_TEXT("\0\0\0\x1C"
                    "ftypavif"),
           OPA_IMAGE_OTHER, OPA_F_IMAGE_UNSUPPORTED);
    expect(OPA_TEXT("\xFF\xD8\xFF\xE0\0\x10JFIF"), OPA_IMAGE_JPEG, OPA_F_IMAGE_TRUNCATED);
    expect(OPA_TEXT("\x89PNG\r\n"), OPA_IMAGE_PNG, OPA_F_IMAGE_TRUNCATED);
    expect(OPA_TEXT("\x89PNG\n\n\x1A\n"), OPA_IMAGE_PNG, OPA_F_IMAGE_CORRUPT);
    expect(OPA_TEXT("\xFF\xD8\xFF\xC0\0\x0B\x08\xFF\xFF\xFF\xFF\x01\x01\x11\0\xFF\xDA\0\x08\x01\x01\0\0\x3F\0\xFF\xD9"),
           OPA_IMAGE_JPEG, OPA_F_IMAGE_HUGE);
}

static void test_names(void **state)
{
    (void)state;
    assert_int_equal(opa_image_format_of_name("a/b.JPG"), OPA_IMAGE_JPEG);
    assert_int_equal(opa_image_format_of_name("x.jpeg"), OPA_IMAGE_JPEG);
    assert_int_equal(opa_image_format_of_name("x.tar.png"), OPA_IMAGE_PNG);
    assert_int_equal(opa_image_format_of_name("dir.png/x"), OPA_IMAGE_NONE);
    assert_int_equal(opa_image_format_of_name("png"), OPA_IMAGE_NONE);
    assert_int_equal(opa_image_format_of_name("x.heic"), OPA_IMAGE_OTHER);
    assert_int_equal(opa_image_format_of_name(NULL), OPA_IMAGE_NONE);
    assert_string_equal(opa_image_format_name(OPA_IMAGE_WEBP), "webp");
    assert_string_equal(opa_image_format_name((opa_image_format)99), "none");
}

static void informs(const char *name, int code, size_t trailing)
{
    opa_image_info info;
    opa_findings findings = {0};
    opa_text bytes = read_file(test_data(), name);
    if (trailing) {
        char *longer = calloc(1, bytes.size + trailing);
        assert_non_null(longer);
        memcpy(longer, bytes.data, bytes.size);
        drop(bytes);
        bytes = (opa_text){longer, bytes.size + trailing};
    }
    assert_int_equal(opa_image_probe(ctx, &info, bytes, &findings), OPA_OK);
    assert_true(info.complete);
    assert_int_equal(info.end, bytes.size - trailing);
    assert_int_equal(findings.count, code ? 1 : 0);
    assert_true(!code || has(&findings, code));
    opa_findings_release(&findings);
    drop(bytes);
}

static void test_information(void **state)
{
    (void)state;
    informs("own_orientation_6.jpg", OPA_F_IMAGE_ORIENTATION, 0);
    informs("own_cmyk.jpg", OPA_F_IMAGE_MODE, 0);
    informs("basn3p02.png", OPA_F_IMAGE_MODE, 0);
    informs("basn0g16.png", OPA_F_IMAGE_MODE, 0);
    informs("basi6a16.png", OPA_F_IMAGE_MODE, 0);
    informs("own_restarts.jpg", OPA_F_IMAGE_TRAILING, 5);
    informs("basi2c08.png", OPA_F_IMAGE_TRAILING, 1);
    informs("own_restarts.jpg", 0, 0);
    informs("own_tiny.jpg", OPA_F_IMAGE_TINY, 0);
}

/* A JPEG with any byte changed is checked as it is decoded. */
static void test_flips(void **state)
{
    (void)state;
    static const char *const names[] = {"own_restarts.jpg",         "own_cmyk.jpg",
                                        "own_progressive_420.jpg",  "grayscale_24x16_sampling2x2.jpg",
                                        "own_gray_progressive.jpg", "non-interleaved-mcu.jpg"};
    int refused = 0, read = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const opa_text whole = read_file(test_data(), names[i]);
        assert_non_null(whole.data);
        const size_t step = whole.size / 400 + 1;
        for (size_t at = 2; at < whole.size; at += step) {
            const opa_text bytes = part(whole, whole.size);
            char *changed = (char *)(uintptr_t)bytes.data, got[65];
            changed[at] = (char)(changed[at] ^ (at % 3 == 0 ? 0xFF : 1 << at % 8));
            pixels(got, bytes);
            *(strcmp(got, "refused") == 0 ? &refused : &read) += 1;
            drop(bytes);
        }
        drop(whole);
    }
    assert_true(refused > 200 && read > 200);
}

static void test_max_pixels(void **state)
{
    (void)state;
    const opa_text bytes = read_file(test_data(), "basn0g01.png"); /* 32 x 32 */
    opa_image image;
    opa_findings findings = {0};
    assert_int_equal(opa_image_decode(ctx, &image, bytes, 1023, &findings), OPA_ERECORD);
    assert_true(has(&findings, OPA_F_IMAGE_HUGE));
    assert_int_equal(opa_image_decode(ctx, &image, bytes, 1024, NULL), OPA_OK);
    assert_int_equal(image.width, 32);
    opa_image_release(&image);
    opa_findings_release(&findings);
    drop(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pixels),     cmocka_unit_test(test_pixels_shared), cmocka_unit_test(test_cut),
        cmocka_unit_test(test_cut_shared), cmocka_unit_test(test_png_flips),     cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_names),      cmocka_unit_test(test_information),   cmocka_unit_test(test_max_pixels),
        cmocka_unit_test(test_flips),
    };
    return cmocka_run_group_tests(tests, make_context, free_context);
}
