/* SPDX-License-Identifier: Apache-2.0 */
#include "helper.h"

#include <stdio.h>

#include "check/identity.h"

/* Samples a, b, ...: one letter each for image, image_id and response; '-' is none. */
typedef struct spec {
    char image, name, text;
} spec;

static opa_sample make(const spec *s, const char *id, char buffers[2][2])
{
    opa_sample sample = sound(id);
    buffers[0][0] = s->name;
    buffers[1][0] = s->text;
    sample.has_image = s->image != '-';
    memset(sample.image_sha256, s->image, OPA_SHA256_SIZE);
    sample.image_id = s->name == '-' ? (opa_text){0} : (opa_text){buffers[0], 1};
    sample.generated = s->text == '-' ? OPA_TEXT(" ") : (opa_text){buffers[1], 1};
    return sample;
}

/* Note all, then check number @p which. */
static opa_findings check(const spec *specs, size_t count, size_t which)
{
    opa_identity identity = {0};
    opa_findings findings = {0};
    char buffers[2][2] = {{0}}, id[8];
    for (size_t i = 0; i < count; i++) {
        snprintf(id, sizeof id, "id-%c", (char)('a' + i));
        const opa_sample sample = make(&specs[i], id, buffers);
        assert_int_equal(opa_identity_note(&identity, &sample), OPA_OK);
    }
    snprintf(id, sizeof id, "id-%c", (char)('a' + which));
    const opa_sample sample = make(&specs[which], id, buffers);
    assert_int_equal(opa_identity_check(&identity, &sample, &findings), OPA_OK);
    opa_identity_release(&identity);
    return findings;
}

static void expect(const spec *specs, size_t count, size_t which, int code, const char *named)
{
    opa_findings findings = check(specs, count, which);
    assert_int_equal(findings.count, code ? 1 : 0);
    if (code) {
        assert_int_equal(findings.items[0].code, code);
        assert_non_null(strstr(findings.items[0].message, named));
    }
    opa_findings_release(&findings);
}

static void test_nothing_shared(void **state)
{
    (void)state;
    const spec s[] = {{'1', 'x', 'p'}, {'2', 'y', 'q'}, {'-', 'z', 'r'},
                      {'-', 'z', 's'}, {'3', '-', 't'}, {'4', '-', 'u'}};
    for (size_t i = 0; i < 6; i++)
        expect(s, 6, i, 0, NULL);
}

static void test_image_shared(void **state)
{
    (void)state;
    const spec s[] = {{'1', 'x', 'p'}, {'1', 'x', 'q'}, {'1', 'y', 'r'}, {'2', 'z', 's'}};
    expect(s, 4, 0, OPA_F_IMAGE_SHARED, "3 samples use this image; another is id-b");
    expect(s, 4, 1, OPA_F_IMAGE_SHARED, "id-a");
    expect(s, 4, 2, OPA_F_IMAGE_SHARED, "id-a");
    expect(s, 4, 3, 0, NULL);
}

static void test_image_id_reused(void **state)
{
    (void)state;
    const spec s[] = {{'1', 'x', 'p'}, {'2', 'x', 'q'}, {'3', 'x', 'r'}, {'-', 'x', 's'}};
    expect(s, 4, 0, 0, NULL);
    expect(s, 4, 1, OPA_F_IMAGE_ID_REUSED, "id-a");
    expect(s, 4, 2, OPA_F_IMAGE_ID_REUSED, "id-a");
    expect(s, 4, 3, 0, NULL);
}

static void test_text_shared(void **state)
{
    (void)state;
    const spec s[] = {{'1', 'x', 'p'}, {'2', 'y', 'p'}, {'3', 'z', '-'}, {'4', 'w', '-'}};
    expect(s, 4, 0, OPA_F_TEXT_SHARED, "2 samples have this response; another is id-b");
    expect(s, 4, 1, OPA_F_TEXT_SHARED, "id-a");
    expect(s, 4, 2, 0, NULL);
    expect(s, 4, 3, 0, NULL);
}

static void test_many(void **state)
{
    (void)state;
    opa_identity identity = {0};
    char id[20];
    for (int i = 0; i < 5000; i++) {
        snprintf(id, sizeof id, "id-%d", i);
        opa_sample sample = sound(id);
        memcpy(sample.image_sha256, &i, sizeof i);
        sample.image_id = text_of(id);
        sample.generated = text_of(id);
        assert_int_equal(opa_identity_note(&identity, &sample), OPA_OK);
    }
    for (int i = 0; i < 5000; i++) {
        opa_findings findings = {0};
        snprintf(id, sizeof id, "id-%d", i);
        opa_sample sample = sound("another");
        memcpy(sample.image_sha256, &i, sizeof i);
        sample.image_id = sample.generated = text_of(id);
        assert_int_equal(opa_identity_check(&identity, &sample, &findings), OPA_OK);
        assert_int_equal(findings.count, 0);
        opa_findings_release(&findings);
    }
    opa_identity_release(&identity);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_shared),
        cmocka_unit_test(test_image_shared),
        cmocka_unit_test(test_image_id_reused),
        cmocka_unit_test(test_text_shared),
        cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
