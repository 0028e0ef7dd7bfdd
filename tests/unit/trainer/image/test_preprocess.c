/* SPDX-License-Identifier: Apache-2.0 */
/* Pixels against SHA-256 of what Pillow 9.4.0 makes, numbers against transformers' bits. */
#include "helper.h"

#include <cjson/cJSON.h>

#include "base/sha256.h"
#include "image/preprocess.h"

static opa_context *opa;
static ops_context *ops;

static int open_contexts(void **state)
{
    (void)state;
    return opa_context_new(&opa) || ops_context_new(&ops, 2);
}

static int close_contexts(void **state)
{
    (void)state;
    opa_context_free(opa);
    ops_context_free(ops);
    return 0;
}

static opa_text read_file(const char *folder, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "rb");
    if (!f)
        return (opa_text){0};
    fseek(f, 0, SEEK_END);
    const size_t size = (size_t)ftell(f);
    rewind(f);
    char *data = remember(size);
    assert_int_equal(fread(data, 1, size, f), size);
    fclose(f);
    return (opa_text){data, size};
}

static image_spec spec_of(const char *mode, uint32_t resize, uint32_t size)
{
    image_spec spec = IMAGE_SPEC_CLIP;
    spec.mode = strcmp(mode, "pad") == 0 ? IMAGE_PAD : IMAGE_CROP;
    spec.resize = resize;
    spec.size = size;
    return spec;
}

/* SHA-256 of the pixels, or "refused". */
static void fitted(char out[65], const ops_context *with, const opa_image *image, const image_spec *spec)
{
    uint8_t digest[32], *pixels = remember((size_t)spec->size * spec->size * 3);
    assert_int_equal(image_fit(with, pixels, image, spec), 0);
    opa_sha256_of(digest, pixels, (size_t)spec->size * spec->size * 3);
    opa_hex(out, digest, 32);
}

/* ---- the committed images ---- */

static void fixtures(const ops_context *with)
{
    char path[1024], line[512], name[200], mode[10], want[65], got[65];
    snprintf(path, sizeof path, "%s/image/preprocess.tsv", getenv("OPA_TEST_DATA"));
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    int count = 0;
    while (fgets(line, sizeof line, f)) {
        unsigned resize, size;
        if (line[0] == '#')
            continue;
        assert_int_equal(sscanf(line, "%199s %9s %u %u %64s", name, mode, &resize, &size, want), 5);
        snprintf(path, sizeof path, "%s/image", getenv("OPA_TEST_DATA"));
        opa_image image;
        assert_int_equal(opa_image_decode(opa, &image, read_file(path, name), 0, NULL), 0);
        const image_spec spec = spec_of(mode, resize, size);
        fitted(got, with, &image, &spec);
        if (strcmp(got, want) != 0)
            fail_msg("%s %s %u %u", name, mode, resize, size);
        opa_image_release(&image);
        forget();
        count++;
    }
    fclose(f);
    assert_int_equal(count, 95);
}

static void test_fixtures(void **state)
{
    (void)state;
    each_context(fixtures);
}

/* ---- the shared goldens ---- */

static cJSON *shared_json(const char *name)
{
    const char *shared = getenv("OPA_TEST_SHARED");
    const opa_text text = shared ? read_file(shared, name) : (opa_text){0};
    if (!text.data)
        skip();
    cJSON *doc = cJSON_ParseWithLength(text.data, text.size);
    assert_non_null(doc);
    forget();
    return doc;
}

/* Pillow reads these without a word, though data are missing or damaged in them; the library refuses them on purpose
 * (see tests/unit/image/test_probe.c). */
static bool refused_on_purpose(const char *path)
{
    return strstr(path, "/xcsn0g01.png") || strstr(path, "/partial_progressive.jpg") ||
           strstr(path, "/progressive-missing-dc.jpg");
}

static void check_golden(const cJSON *entry, const opa_image *image)
{
    static const char *const modes[] = {"pad", "square"};
    for (int m = 0; m < 2; m++)
        for (uint32_t size = 56; size <= 336; size += 280) {
            char key[40], got[65];
            snprintf(key, sizeof key, "%s%u_sha256", modes[m], size);
            const cJSON *want = cJSON_GetObjectItemCaseSensitive(entry, key);
            const image_spec spec = spec_of(modes[m], 0, size);
            assert_true(cJSON_IsString(want));
            fitted(got, ops, image, &spec);
            if (strcmp(got, want->valuestring) != 0)
                fail_msg("%s %s", entry->string, key);
        }
}

static void test_goldens(void **state)
{
    (void)state;
    cJSON *doc = shared_json("parity/preprocess/golden.json");
    const cJSON *entry;
    int same = 0, refused = 0, differ = 0;
    cJSON_ArrayForEach(entry, cJSON_GetObjectItemCaseSensitive(doc, "images"))
    {
        char path[1024];
        snprintf(path, sizeof path, "%s%s", strncmp(entry->string, "preprocess/", 11) == 0 ? "parity/" : "",
                 entry->string);
        opa_image image;
        const opa_text bytes = read_file(getenv("OPA_TEST_SHARED"), path);
        assert_non_null(bytes.data);
        const int status = opa_image_decode(opa, &image, bytes, 0, NULL);
        const bool here = status == OPA_ERECORD, there = cJSON_HasObjectItem(entry, "error");
        if (here != there && !(here && refused_on_purpose(path)))
            fail_msg("%s: %s", path, here ? opa_context_message(opa) : "is not refused");
        if (!here)
            check_golden(entry, &image);
        opa_image_release(&image);
        forget();
        same += !here;
        refused += here && there;
        differ += here && !there;
    }
    print_message("%d images the same, %d refused by both, %d refused here\n", same, refused, differ);
    assert_true(same == 417 && refused == 13 && differ == 3);
    cJSON_Delete(doc);
}

/* ---- numbers ---- */

/* The tensor of that name in a safetensors file, float32. */
static const float *tensor(opa_text file, const char *name, size_t count)
{
    uint64_t header;
    memcpy(&header, file.data, sizeof header);
    cJSON *doc = cJSON_ParseWithLength(file.data + 8, header);
    const cJSON *entry = cJSON_GetObjectItemCaseSensitive(doc, name);
    const cJSON *range = cJSON_GetObjectItemCaseSensitive(entry, "data_offsets");
    assert_non_null(range);
    const size_t begin = (size_t)cJSON_GetArrayItem(range, 0)->valuedouble;
    assert_int_equal((size_t)cJSON_GetArrayItem(range, 1)->valuedouble - begin, count * sizeof(float));
    float *out = remember(count * sizeof *out);
    memcpy(out, file.data + 8 + header + begin, count * sizeof *out);
    cJSON_Delete(doc);
    return out;
}

static void test_numbers_shared(void **state)
{
    (void)state;
    const char *shared = getenv("OPA_TEST_SHARED");
    const opa_text file = shared ? read_file(shared, "parity/preprocess/golden.safetensors") : (opa_text){0};
    if (!file.data)
        skip();
    image_spec spec = IMAGE_SPEC_CLIP;
    spec.size = 16;
    uint8_t *pixels = remember(256 * 3);
    float *got = remember(3 * 256 * sizeof *got);
    for (int i = 0; i < 256 * 3; i++)
        pixels[i] = (uint8_t)(i / 3);
    image_normalise(got, pixels, &spec);
    assert_memory_equal(got, tensor(file, "normalize_lut", 3 * 256), 3 * 256 * sizeof *got);
    static const char *const whole[][3] = {
        {"pad", "parity/preprocess/images/wide_700x23.png", "normalized/pad56/preprocess/images/wide_700x23.png"},
        {"square", "data/image_records/amber/images/AMBER_844.jpg",
         "normalized/square56/data/image_records/amber/images/AMBER_844.jpg"},
    };
    for (int i = 0; i < 2; i++) {
        spec = spec_of(whole[i][0], 0, 56);
        float *out = remember(3 * 56 * 56 * sizeof *out);
        assert_int_equal(image_preprocess(opa, ops, out, NULL, read_file(shared, whole[i][1]), &spec, NULL), 0);
        assert_memory_equal(out, tensor(file, whole[i][2], 3 * 56 * 56), 3 * 56 * 56 * sizeof *out);
    }
    forget();
}

/* A few values as transformers has them (numpy, float32), for where the shared folder is not. */
static void test_numbers(void **state)
{
    (void)state;
    image_spec spec = IMAGE_SPEC_CLIP;
    spec.size = 2;
    const uint8_t pixels[12] = {0, 0, 0, 1, 1, 1, 128, 128, 128, 255, 255, 255};
    static const float want[12] = {-0x1.cad1b80000000p+0f, -0x1.c714fe0000000p+0f, 0x1.38ac400000000p-4f,
                                   0x1.ee2a820000000p+0f,  -0x1.c089700000000p+0f, -0x1.bcb1e20000000p+0f,
                                   0x1.59e6d60000000p-3f,  0x1.0995ca0000000p+1f,  -0x1.7aefb00000000p+0f,
                                   -0x1.774bc20000000p+0f, 0x1.5c1b880000000p-2f,  0x1.12acc00000000p+1f};
    float got[12];
    image_normalise(got, pixels, &spec);
    assert_memory_equal(got, want, sizeof got);
}

static void test_damaged(void **state)
{
    (void)state;
    char folder[1024];
    snprintf(folder, sizeof folder, "%s/image", getenv("OPA_TEST_DATA"));
    const image_spec spec = spec_of("pad", 0, 8);
    float out[3 * 8 * 8];
    uint8_t pixels[3 * 8 * 8];
    opa_text whole = read_file(folder, "own_progressive_420.jpg");
    assert_int_equal(image_preprocess(opa, ops, out, pixels, whole, &spec, NULL), 0);
    opa_findings findings = {0};
    whole.size -= 40;
    assert_int_equal(image_preprocess(opa, ops, out, pixels, whole, &spec, &findings), OPA_ERECORD);
    assert_int_equal(findings.count, 1);
    assert_int_equal(findings.items[0].code, OPA_F_IMAGE_TRUNCATED);
    opa_findings_release(&findings);
    forget();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fixtures), cmocka_unit_test(test_goldens), cmocka_unit_test(test_numbers_shared),
        cmocka_unit_test(test_numbers),  cmocka_unit_test(test_damaged),
    };
    return cmocka_run_group_tests(tests, open_contexts, close_contexts);
}
