/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include "mapped.h"
#include "tfevents.h"

/* What tensorboard 2.21's own RecordWriter and event_pb2 write for the events of the first test. */
static const char golden[] =
    "1800000000000000a37f4b220900002040fc54d9411a0d627261696e2e4576656e743a322b3531100f000000000000006d53"
    "2b090900002040fc54d94110073a0208019beb06a73700000000000000e7e8ca590900005040fc54d94110ac022a290a110a"
    "0a747261696e2f6c6f73731588f48d400a140a0d7265776172642f6d617267696e15000080be143afea1";

static const double wall_time = 1700000000.5;

static void write_one(struct trainer *t, const char *dir)
{
    struct tfevents e;
    assert_int_equal(tfevents_open(t, &e, dir, 7, wall_time), OPA_OK);
    tfevents_begin(&e, 300, wall_time + 0.75);
    tfevents_scalar(&e, "train/loss", 4.4361);
    tfevents_scalar(&e, "reward/margin", -0.25);
    assert_int_equal(tfevents_end(t, &e), OPA_OK);
    tfevents_release(&e);
}

static void assert_golden(struct trainer *t, const char *dir, const char *name)
{
    struct mapped map;
    char path[128], hex[3];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_int_equal(mapped_open(t, &map, path), OPA_OK);
    assert_int_equal(map.size, strlen(golden) / 2);
    for (size_t i = 0; i < map.size; i++) {
        snprintf(hex, sizeof hex, "%02x", map.data[i]);
        if (memcmp(hex, golden + 2 * i, 2) != 0)
            fail_msg("%s: byte %zu is %s", path, i, hex);
    }
    mapped_release(&map);
}

static void a_file_has_the_bytes_of_tensorboards_writer(void **state)
{
    (void)state;
    struct trainer t;
    const char *dir = fresh_folder();
    start(&t, NULL);
    write_one(&t, dir);
    assert_golden(&t, dir, "events.out.tfevents.1700000000.opatrain");
    stop(&t);
}

/* The clock may stand still between two runs, or go back. */
static void a_later_file_sorts_behind(void **state)
{
    (void)state;
    struct trainer t;
    const char *dir = fresh_folder();
    start(&t, NULL);
    write_bytes(dir, "events.out.tfevents.1700000041.host.0", "", 0);
    write_bytes(dir, "events.out.tfevents.none", "", 0);
    write_one(&t, dir);
    write_one(&t, dir);
    assert_golden(&t, dir, "events.out.tfevents.1700000042.opatrain");
    assert_golden(&t, dir, "events.out.tfevents.1700000043.opatrain");
    stop(&t);
}

static void a_folder_that_is_not_there_is_said(void **state)
{
    (void)state;
    struct trainer t;
    struct tfevents e;
    start(&t, NULL);
    assert_int_equal(tfevents_open(&t, &e, "no/such/folder", 0, wall_time), OPA_ECREATE);
    assert_message(&t, "no/such/folder");
    tfevents_release(&e);
    stop(&t);
}

static void a_full_disk_is_said(void **state)
{
    (void)state;
    struct trainer t;
    struct tfevents e = {.path = strdup("full"), .file = fopen("/dev/full", "wb")};
    if (e.file == NULL) {
        free(e.path);
        skip();
    }
    start(&t, NULL);
    tfevents_begin(&e, 1, wall_time);
    tfevents_scalar(&e, "train/loss", 1);
    assert_int_equal(tfevents_end(&t, &e), OPA_EIO);
    assert_message(&t, "No space left");
    tfevents_release(&e);
    stop(&t);
}

/* RFC 3720, B.4: 32 bytes of zeros have the CRC-32C 0x8A9136AA; "123456789" 0xE3069283. */
static uint32_t masked(uint32_t crc)
{
    return (crc >> 15 | crc << 17) + 0xA282EAD8u;
}

static void the_checksum_is_castagnolis(void **state)
{
    (void)state;
    static const char zeros[32] = {0};
    assert_int_equal(tfevents_masked_crc(zeros, 32), masked(0x8A9136AAu));
    assert_int_equal(tfevents_masked_crc("123456789", 9), masked(0xE3069283u));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_has_the_bytes_of_tensorboards_writer),
        cmocka_unit_test(a_later_file_sorts_behind),
        cmocka_unit_test(a_folder_that_is_not_there_is_said),
        cmocka_unit_test(a_full_disk_is_said),
        cmocka_unit_test(the_checksum_is_castagnolis),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
