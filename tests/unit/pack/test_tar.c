/* SPDX-License-Identifier: Apache-2.0 */
#include "pack/tar.h"

#include <archive.h>
#include <archive_entry.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"

static void add_member(opa_buffer *b, const char *name, const char *body)
{
    uint8_t header[OPA_TAR_BLOCK];
    static const char zeros[OPA_TAR_BLOCK];
    assert_true(opa_tar_header(header, name, strlen(body)));
    opa_buffer_add(b, header, sizeof header);
    opa_buffer_add_string(b, body);
    opa_buffer_add(b, zeros, opa_tar_padding(strlen(body)));
}

static void libarchive_reads_the_headers(void **state)
{
    (void)state;
    static const char zeros[OPA_TAR_END];
    static const char *const names[] = {"a.jpg", "a.json",
                                        "0123456789012345678901234567890123456789012345678901234567890123456789.json"};
    static const char *const bodies[] = {"image", "", "{}"};
    opa_buffer b = {0};
    for (int i = 0; i < 3; i++)
        add_member(&b, names[i], bodies[i]);
    opa_buffer_add(&b, zeros, sizeof zeros);
    struct archive *a = archive_read_new();
    archive_read_support_format_tar(a);
    assert_int_equal(archive_read_open_memory(a, b.data, b.size), ARCHIVE_OK);
    struct archive_entry *e;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(archive_read_next_header(a, &e), ARCHIVE_OK);
        assert_string_equal(archive_entry_pathname(e), names[i]);
        assert_int_equal(archive_entry_size(e), strlen(bodies[i]));
        assert_int_equal(archive_entry_mode(e), AE_IFREG | 0444);
        assert_int_equal(archive_entry_uid(e), 0);
        assert_int_equal(archive_entry_mtime(e), 0);
        assert_int_equal(archive_format(a), ARCHIVE_FORMAT_TAR_USTAR);
    }
    assert_int_equal(archive_read_next_header(a, &e), ARCHIVE_EOF);
    archive_read_free(a);
    opa_buffer_release(&b);
}

static void names_and_sizes_have_limits(void **state)
{
    (void)state;
    uint8_t header[OPA_TAR_BLOCK];
    char name[101];
    memset(name, 'x', 100);
    name[100] = '\0';
    assert_false(opa_tar_header(header, name, 0));
    name[99] = '\0';
    assert_true(opa_tar_header(header, name, 0));
    assert_false(opa_tar_header(header, "", 0));
    assert_true(opa_tar_header(header, "a", 077777777777));
    assert_false(opa_tar_header(header, "a", 0100000000000));
}

static void shard_names_are_strict(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "jpg-000000",
                                      "jpg-00000.tar",
                                      "gif-000000.tar",
                                      "../jpg.tar",
                                      "jpg-0000000.tar",
                                      "jpg-00000a.tar",
                                      "/jpg-000000.tar",
                                      "jpg-+00001.tar",
                                      "text-000000.tar/",
                                      "png-99999999999.tar"};
    opa_shard_kind kind;
    uint32_t number;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(opa_shard_name_parse((opa_text){bad[i], strlen(bad[i])}, &kind, &number));
    assert_true(opa_shard_name_parse(OPA_TEXT("text-000017.tar"), &kind, &number));
    assert_int_equal(kind, OPA_SHARD_TEXT);
    assert_int_equal(number, 17);
    assert_true(opa_shard_name_parse(OPA_TEXT("jpg-1234567.tar"), &kind, &number));
}

/* Any single altered byte of headers and padding is noticed, wherever it is. */
static void ranges_are_cut_or_refused(void **state)
{
    (void)state;
    opa_buffer b = {0};
    opa_pack_members m;
    opa_range_defect defect;
    add_member(&b, "k.jpg", "image");
    add_member(&b, "k.json", "{}");
    assert_true(opa_range_cut(&m, &defect, opa_buffer_text(&b), OPA_TEXT("k"), OPA_SHARD_JPG));
    assert_int_equal(m.image.size, 5);
    assert_memory_equal(m.json.data, "{}", 2);
    assert_string_equal(m.extension, "jpg");
    assert_false(opa_range_cut(&m, &defect, opa_buffer_text(&b), OPA_TEXT("l"), OPA_SHARD_JPG));
    assert_false(opa_range_cut(&m, &defect, opa_buffer_text(&b), OPA_TEXT("k"), OPA_SHARD_PNG));
    assert_false(opa_range_cut(&m, &defect, opa_buffer_text(&b), OPA_TEXT("k"), OPA_SHARD_TEXT));
    for (size_t size = 0; size < b.size; size += 7)
        assert_false(opa_range_cut(&m, &defect, (opa_text){b.data, size}, OPA_TEXT("k"), OPA_SHARD_JPG));
    for (size_t i = 0; i < b.size; i++) {
        const bool body = (i >= 512 && i < 517) || (i >= 1536 && i < 1538);
        b.data[i] ^= 1;
        assert_true(opa_range_cut(&m, &defect, opa_buffer_text(&b), OPA_TEXT("k"), OPA_SHARD_JPG) == body);
        if (!body && !(i >= 124 && i < 136) && !(i >= 1148 && i < 1160))
            assert_int_equal(defect.at, i);
        b.data[i] ^= 1;
    }
    opa_buffer_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(libarchive_reads_the_headers),
        cmocka_unit_test(names_and_sizes_have_limits),
        cmocka_unit_test(shard_names_are_strict),
        cmocka_unit_test(ranges_are_cut_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
