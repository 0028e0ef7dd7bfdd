/* SPDX-License-Identifier: Apache-2.0 */
/* store -> pack -> samples, and everything that can happen to a pack on the way. */
#define _DEFAULT_SOURCE
#include <opapairs/pack.h>

#include <dirent.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/sha256.h"
#include "base/utf8.h"

#define REPORT                                                                                                         \
    "{\"image_description\":\"a beach\",\"0\":{\"copied_content\":\"A dog runs.\",\"score\":2,\"error_type\":"         \
    "\"image_recognition_error\",\"object\":[\"dog -> cat\"],\"rewritten_content\":\"A cat "                           \
    "runs.\",\"reason\":\"cat\"},"                                                                                     \
    "\"1\":{\"copied_content\":\"The sun shines.\",\"score\":4,\"error_type\":\"correct\",\"object\":[],"              \
    "\"rewritten_content\":\"The sun shines.\",\"reason\":\"\"}}"
#define TEXTS                                                                                                          \
    "\"generated\":\"A dog runs. The sun shines.\","                                                                   \
    "\"revised\":\"A cat runs. The sun shines.\",\"ground_truth\":\"A cat at the sea.\",\"feedback\":" REPORT
#define ASKED "\"prompt\":\"<image>\\nWhat is it?\"," TEXTS
#define JPG "\"image\":\"grayscale_24x16_sampling2x2.jpg\","
#define PNG "\"image\":\"basn0g16.png\","

static const char samples[] =
    "{\"id\":\"s1\"," JPG ASKED "}\n"
    "{\"id\":\"s2\"," PNG ASKED "}\n"
    "{\"id\":\"s3\",\"prompt\":\"What is it?\"," TEXTS "}\n"
    "{\"id\":\"s/4\\t\\u0000\\ud800\"," JPG ASKED "}\n"
    "{\"id\":\"s5\"," JPG "\"prompt\":\"<image>\\nSay\",\"generated\":\"A tree.\",\"revised\":\"A bush.\"}\n"
    "{\"id\":\"s6\",\"prompt\":\"Say\",\"generated\":\"Alone.\"}\n"
    "{\"id\":\"s7\"," JPG ASKED "}\n"
    "{\"id\":\"s8\",\"prompt\":\"Say\",\"generated\":\"Yes, I do. Yes, I do. Yes, I do. Yes, I do. Yes, I "
    "do.\",\"revised\":\"No.\"}\n"
    "{\"id\":\"s9\"," PNG ASKED "}\n";

static opa_context *ctx;
static opa_store *store;
static opa_recipe *recipe;
static opa_tokenizer *tokenizer;
static char root[] = "/tmp/opa-pack-XXXXXX";

static const char *at(const char *name)
{
    static char paths[4][256];
    static int next;
    next = (next + 1) % 4;
    snprintf(paths[next], sizeof paths[next], "%s/%s", root, name);
    return paths[next];
}

static void put(const char *path, const void *data, size_t size)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, size, f), size);
    fclose(f);
}

static void get(opa_buffer *out, const char *path)
{
    opa_buffer_clear(out);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    char piece[4096];
    for (size_t n; (n = fread(piece, 1, sizeof piece, f)) > 0;)
        opa_buffer_add(out, piece, n);
    fclose(f);
}

static void ok(int status)
{
    if (status)
        fail_msg("%s: %s", opa_status_name(status), opa_context_message(ctx));
}

static int set_up(void **state)
{
    (void)state;
    strcpy(root + strlen(root) - 6, "XXXXXX");
    if (opa_context_new(&ctx) || !mkdtemp(root))
        return 1;
    char images[512];
    snprintf(images, sizeof images, "%s/image", getenv("OPA_TEST_DATA"));
    char file[256];
    snprintf(file, sizeof file, "%s/samples.jsonl", root);
    put(file, samples, sizeof samples - 1);
    const char *const files[] = {file};
    opa_import_report report;
    opa_import_options options = OPA_IMPORT_OPTIONS_INIT;
    options.images = images;
    ok(opa_store_create(ctx, at("store")));
    ok(opa_store_open(ctx, &store, at("store")));
    ok(opa_store_import(store, files, 1, &options, &report));
    assert_int_equal(report.samples_added, 9);
    ok(opa_store_set_excluded(store, OPA_TEXT("s7"), true, "no", NULL));
    ok(opa_recipe_open(ctx, &recipe, NULL));
    ok(opa_tokenizer_words(ctx, &tokenizer));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    char command[300];
    opa_store_free(store);
    opa_recipe_free(recipe);
    opa_tokenizer_free(tokenizer);
    opa_context_free(ctx);
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    return system(command);
}

static opa_pack_report write_pack(const char *path, int threads)
{
    opa_pack_options options = OPA_PACK_OPTIONS_INIT;
    opa_pack_report report;
    options.recipe = recipe;
    options.tokenizer = tokenizer;
    options.eos = 7;
    options.seed = 3;
    options.shard_samples = 2;
    options.threads = threads;
    ok(opa_pack_write(ctx, store, path, &options, &report));
    return report;
}

typedef struct seen {
    size_t count;
    char all[4096];
} seen;

static int note(void *user, const opa_finding *f)
{
    seen *s = user;
    const size_t used = strlen(s->all);
    snprintf(s->all + used, sizeof s->all - used, "%03d %s %s: %s\n", f->code, f->file ? f->file : "-",
             f->id ? f->id : "-", f->message);
    s->count++;
    return 0;
}

static seen verify(const char *path)
{
    seen s = {0};
    int64_t n;
    ok(opa_pack_verify(ctx, path, NULL, note, &s, &n));
    return s;
}

static void all_samples_come_back(void **state)
{
    (void)state;
    const opa_pack_report report = write_pack(at("p"), 1);
    assert_int_equal(report.samples, 7);
    assert_int_equal(report.left_out, 2); /* s7 is excluded, s8 is a loop; s6 is in without a pair */
    assert_int_equal(report.shards, 4);   /* 2 jpg (3 samples), 1 png, 1 text */
    assert_int_equal(report.pairs.language, 5 * 2 + 1);
    assert_int_equal(report.pairs.image, 4 * 2 + 1);
    assert_int_equal(report.pairs.anchor, 5 * 2 + 1);
    const seen s = verify(at("p"));
    assert_string_equal(s.all, "");
    opa_pack *pack;
    ok(opa_pack_open(ctx, &pack, at("p")));
    assert_true(opa_pack_probe(at("p")));
    assert_false(opa_pack_probe(root));
    assert_int_equal(opa_pack_count(pack), 7);
    for (size_t i = 0; i < 7; i++) {
        opa_pack_members m;
        opa_sample packed, stored;
        ok(opa_pack_read(pack, &m, i));
        ok(opa_pack_sample(pack, &packed, &m));
        assert_true(opa_text_equal(packed.id, opa_pack_at(pack, i)->id));
        ok(opa_store_sample(store, &stored, packed.id));
        assert_true(opa_text_equal(packed.generated, stored.generated));
        assert_true(opa_text_equal(packed.revised, stored.revised));
        assert_true(opa_text_equal(packed.ground_truth, stored.ground_truth));
        assert_true(opa_text_equal(packed.prompt, stored.prompt));
        assert_int_equal(packed.has_image, stored.has_image);
        assert_true(opa_text_equal(packed.report, stored.report));
        if (packed.has_image) {
            opa_text image;
            ok(opa_store_image(store, &image, packed.image_sha256));
            assert_true(opa_text_equal(image, m.image));
        }
    }
    opa_pack_free(pack);
}

static void members_are_as_specified(void **state)
{
    (void)state;
    write_pack(at("p"), 1);
    opa_pack *pack;
    opa_pack_members m;
    size_t i;
    ok(opa_pack_open(ctx, &pack, at("p")));
    assert_true(opa_pack_find(pack, &i, OPA_TEXT("s3")));
    ok(opa_pack_read(pack, &m, i));
    static const char *const parts[] = {
        "{\"schema_version\":1,\"id\":\"s3\",\"image\":null,\"prompt\":\"What is "
        "it?\",\"responses\":{\"generated\":{\"text\":"
        "\"A dog runs. The sun shines.\",\"ids\":[",
        "\"weights\":{\"language\":[2.0,2.0,2.0,2.0,1.0,1.0,1.0,1.0,0.0],\"image\":[3.0,3.0,3.0,3.0,1.0,1.0,1.0,1.0,0."
        "0]}},\"revised\":{\"text\":\"A cat "
        "runs.",
        "\"weights\":{\"language\":[2.0,2.0,2.0,2.0,1.0,1.0,1.0,1.0,1.0],\"image\":[3.0,3.0,3.0,3.0,1.0,1.0,1.0,1.0,1."
        "0]}},\"ground_truth\":{",
        "\"weights\":{\"language\":[1.0,1.0,1.0,1.0,1.0,1.0,1.0],\"image\":[1.0,1.0,1.0,1.0,1.0,1.0,1.0]}}},\"pairs\":["
        "{\"type\":\"language\",\"chosen\":\"ground_truth\",\"rejected\":\"generated\",\"weights\":null},"
        "{\"type\":\"language\",\"chosen\":\"revised\",\"rejected\":\"generated\",\"weights\":\"language\"},"
        "{\"type\":\"anchor\",\"response\":\"ground_truth\"},{\"type\":\"anchor\",\"response\":\"revised\"}],"
        "\"masks\":[{\"method\":\"pixels\",\"ratio\":0.3,\"seed\":\"",
        "\"certificate\":\"exact\",\"source\":{\"file\":\"samples.jsonl\",\"record\":2},",
        ",\"image_id\":null,\"feedback\":\"{\\\"image_description\\\":\\\"a beach\\\",\\\"0\\\":{",
    };
    for (size_t k = 0; k < sizeof parts / sizeof parts[0]; k++)
        if (opa_text_find(m.json, (opa_text){parts[k], strlen(parts[k])}, 0) == SIZE_MAX)
            fail_msg("%s\nis not in\n%.*s", parts[k], (int)m.json.size, m.json.data);
    opa_pack_free(pack);
}

/* The digest of all files with their names. */
static void fingerprint(uint8_t out[32], const char *path)
{
    struct dirent **names;
    opa_sha256 h;
    opa_buffer b = {0};
    const int n = scandir(path, &names, NULL, alphasort);
    assert_true(n > 0);
    opa_sha256_init(&h);
    for (int i = 0; i < n; i++) {
        if (names[i]->d_name[0] != '.') {
            char file[512];
            snprintf(file, sizeof file, "%s/%s", path, names[i]->d_name);
            get(&b, file);
            opa_sha256_add(&h, names[i]->d_name, strlen(names[i]->d_name) + 1);
            opa_sha256_add(&h, b.data ? b.data : "", b.size);
        }
        free(names[i]);
    }
    free(names);
    opa_sha256_done(out, &h);
    opa_buffer_release(&b);
}

static void bytes_depend_on_nothing_else(void **state)
{
    (void)state;
    uint8_t first[32], again[32];
    write_pack(at("p"), 1);
    fingerprint(first, at("p"));
    const mode_t old = umask(077);
    setenv("TZ", "Asia/Kathmandu", 1);
    tzset();
    setlocale(LC_ALL, "C.UTF-8");
    for (int threads = 0; threads <= 5; threads++) {
        write_pack(at("q"), threads);
        fingerprint(again, at("q"));
        assert_memory_equal(first, again, 32);
    }
    umask(old);
    unsetenv("TZ");
    setlocale(LC_ALL, "C");
}

/* Flips one bit of every byte in steps; each flip must be found, and named where it is. */
static void every_flip_is_found(void **state)
{
    (void)state;
    write_pack(at("p"), 1);
    struct dirent **names;
    opa_buffer b = {0};
    char folder[256];
    snprintf(folder, sizeof folder, "%s/p", root);
    const unsigned seed = (unsigned)time(NULL);
    print_message("seed %u\n", seed);
    srand(seed);
    const int n = scandir(folder, &names, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        char file[512];
        snprintf(file, sizeof file, "%s/%s", folder, names[i]->d_name);
        if (names[i]->d_name[0] != '.') {
            get(&b, file);
            for (size_t k = (size_t)rand() % 37; k < b.size; k += 1 + (size_t)rand() % 37) {
                const char kept = b.data[k];
                b.data[k] = (char)(kept ^ 1 << rand() % 8);
                put(file, b.data, b.size);
                const seen s = verify(folder);
                if (s.count == 0 || !strstr(s.all, names[i]->d_name))
                    fail_msg("byte %zu of %s: %s", k, names[i]->d_name, s.all);
                b.data[k] = kept;
            }
            put(file, b.data, b.size);
        }
        free(names[i]);
    }
    free(names);
    opa_buffer_release(&b);
    assert_string_equal(verify(folder).all, "");
}

static void flips_name_the_member(void **state)
{
    (void)state;
    write_pack(at("p"), 1);
    opa_pack *pack;
    opa_pack_members m;
    opa_buffer b = {0};
    size_t i;
    ok(opa_pack_open(ctx, &pack, at("p")));
    assert_true(opa_pack_find(pack, &i, OPA_TEXT("s2")));
    ok(opa_pack_read(pack, &m, i));
    const uint64_t offset = opa_pack_at(pack, i)->offset, size = opa_pack_at(pack, i)->size;
    const size_t json = m.json.size;
    get(&b, at("p/png-000000.tar"));
    const struct {
        uint64_t at;
        const char *says;
    } cases[] = {
        {offset + 3, "s2.json: the header is altered"},
        {offset + 512 + 100, "s2.json: its content is altered"},
        {offset + 512 + json, "s2.json: the padding is altered"},
        {offset + size - 600, "s2.png: "},
        {b.size - 1, "at the archive's end"},
        {b.size - 1024, "at the archive's end"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        b.data[cases[k].at] ^= 4;
        put(at("p/png-000000.tar"), b.data, b.size);
        const seen s = verify(at("p"));
        if (s.count != 1 || !strstr(s.all, cases[k].says))
            fail_msg("%s: %s", cases[k].says, s.all);
        if (k < 4) {
            assert_int_equal(opa_pack_read(pack, &m, i), OPA_ERECORD);
            assert_null(m.json.data);
        }
        b.data[cases[k].at] ^= 4;
    }
    opa_buffer_release(&b);
    opa_pack_free(pack);
}

static void what_is_missing_cut_or_extra_is_found(void **state)
{
    (void)state;
    opa_buffer b = {0};
    write_pack(at("p"), 1);
    get(&b, at("p/jpg-000000.tar"));
    for (size_t size = 0; size < b.size; size += b.size / 7) {
        put(at("p/jpg-000000.tar"), b.data, size);
        const seen s = verify(at("p"));
        assert_non_null(strstr(s.all, "806 jpg-000000.tar"));
    }
    opa_buffer_add_string(&b, "more");
    put(at("p/jpg-000000.tar"), b.data, b.size);
    assert_non_null(strstr(verify(at("p")).all, "804 jpg-000000.tar"));
    remove(at("p/jpg-000000.tar"));
    assert_non_null(strstr(verify(at("p")).all, "805 jpg-000000.tar"));
    b.size -= 4;
    put(at("p/jpg-000000.tar"), b.data, b.size);
    assert_string_equal(verify(at("p")).all, "");
    put(at("p/jpg-000099.tar"), b.data, b.size);
    put(at("p/notes"), "x", 1);
    const seen extra = verify(at("p"));
    assert_int_equal(extra.count, 2);
    assert_non_null(strstr(extra.all, "807 jpg-000099.tar"));
    assert_non_null(strstr(extra.all, "807 notes"));
    remove(at("p/jpg-000099.tar"));
    remove(at("p/notes"));
    static const char *const documents[] = {"manifest.json", "index.tsv", "SHA256SUMS"};
    for (size_t i = 0; i < 3; i++) {
        char file[64];
        snprintf(file, sizeof file, "p/%s", documents[i]);
        get(&b, at(file));
        remove(at(file));
        assert_non_null(strstr(verify(at("p")).all, documents[i]));
        put(at(file), b.data, b.size);
    }
    assert_string_equal(verify(at("p")).all, "");
    opa_buffer_release(&b);
}

static void what_is_no_pack_is_refused(void **state)
{
    (void)state;
    opa_pack *pack;
    assert_int_equal(opa_pack_open(ctx, &pack, at("none")), OPA_ENOENT);
    assert_int_equal(opa_pack_open(ctx, &pack, root), OPA_EDATA);
    assert_int_equal(opa_pack_open(ctx, &pack, at("store")), OPA_EDATA);
    assert_int_equal(opa_pack_verify(ctx, at("none"), NULL, NULL, NULL, NULL), OPA_ENOENT);
    assert_int_equal(opa_pack_verify(ctx, root, NULL, NULL, NULL, NULL), OPA_EDATA);
    write_pack(at("p"), 1);
    put(at("p/manifest.json"), "{\"schema_version\":2}", 20);
    assert_int_equal(opa_pack_open(ctx, &pack, at("p")), OPA_EVERSION);
    opa_pack_options options = OPA_PACK_OPTIONS_INIT;
    opa_pack_report report;
    options.recipe = recipe;
    options.tokenizer = tokenizer;
    assert_int_equal(opa_pack_write(ctx, store, at("store"), &options, &report), OPA_ECREATE);
    opa_pack_free(NULL);
}

static void standard_tools_read_it(void **state)
{
    (void)state;
    char command[512];
    write_pack(at("p"), 2);
    snprintf(command, sizeof command, "cd '%s/p' && sha256sum --strict --quiet -c SHA256SUMS", root);
    assert_int_equal(system(command), 0);
    snprintf(
        command, sizeof command,
        "cd '%s/p' && test \"$(tar tvf png-000000.tar --numeric-owner --utc | tr -s ' ' | cut -d ' ' -f 1,2,4-)\" = "
        "'-r--r--r-- 0/0 1970-01-01 00:00 s2.json\n-r--r--r-- 0/0 1970-01-01 00:00 s2.png\n"
        "-r--r--r-- 0/0 1970-01-01 00:00 s9.json\n-r--r--r-- 0/0 1970-01-01 00:00 s9.png'",
        root);
    assert_int_equal(system(command), 0);
}

/* Findings of what is left out come in order of key, and the manifest lists them. */
static void what_is_left_out_is_said(void **state)
{
    (void)state;
    opa_pack_options options = OPA_PACK_OPTIONS_INIT;
    opa_pack_report report;
    seen s = {0};
    options.recipe = recipe;
    options.tokenizer = tokenizer;
    options.finding = note;
    options.user = &s;
    ok(opa_pack_write(ctx, store, at("p"), &options, &report));
    assert_int_equal(s.count, 3);
    const char *six = strstr(s.all, "703 samples.jsonl s6"), *seven = strstr(s.all, "701 samples.jsonl s7"),
               *eight = strstr(s.all, "506 samples.jsonl s8");
    assert_true(six && seven && eight && six < seven && seven < eight);
    opa_buffer b = {0};
    get(&b, at("p/manifest.json"));
    assert_non_null(
        strstr(b.data, "\"left_out\":[{\"id\":\"s7\",\"code\":\"OP701\",\"name\":\"excluded\",\"reason\":\""));
    assert_non_null(strstr(b.data, "\"flagged\":[{\"id\":\"s6\",\"code\":\"OP703\",\"name\":\"no-pairs\""));
    opa_buffer_release(&b);
}

static void the_recipe_comes_back(void **state)
{
    (void)state;
    opa_pack_options options = OPA_PACK_OPTIONS_INIT;
    opa_pack_report report;
    opa_pack *pack;
    opa_recipe *back;
    options.recipe = recipe;
    options.tokenizer = tokenizer;
    ok(opa_pack_write(ctx, store, at("p"), &options, &report));
    ok(opa_pack_open(ctx, &pack, at("p")));
    ok(opa_pack_recipe(pack, &back));
    assert_int_equal(opa_recipe_json(back).size, opa_recipe_json(recipe).size);
    assert_memory_equal(opa_recipe_json(back).data, opa_recipe_json(recipe).data, opa_recipe_json(recipe).size);
    opa_recipe_free(back);
    opa_pack_free(pack);
    static const char broken[] = "{\"schema_version\":1,\"counts\":{\"samples\":0},\"recipe\":{}}";
    put(at("p/manifest.json"), broken, sizeof broken - 1);
    put(at("p/index.tsv"), "", 0);
    ok(opa_pack_open(ctx, &pack, at("p")));
    assert_int_equal(opa_pack_recipe(pack, &back), OPA_EDATA);
    assert_null(back);
    opa_pack_free(pack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_samples_come_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(members_are_as_specified, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bytes_depend_on_nothing_else, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_flip_is_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(flips_name_the_member, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_missing_cut_or_extra_is_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_pack_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(standard_tools_read_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_left_out_is_said, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_recipe_comes_back, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
