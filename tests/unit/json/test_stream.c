/* SPDX-License-Identifier: Apache-2.0 */
#include <opapairs/json.h>

#include <cjson/cJSON.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../with_context.h"

#include "base/buffer.h"

/* What a stream gives, in short: a line a record ("LINE BYTES", with ! for damaged, ~ for truncated, # for too large),
 * then a line a finding ("=CODE LINE"), or "*MESSAGE" where the stream fails. */
static void drain(opa_buffer *out, int status, opa_json_stream *s, opa_findings *findings)
{
    opa_json_record r;
    int64_t index = 0;
    while (status == OPA_OK || status == OPA_ERECORD) {
        status = opa_json_stream_next(s, &r);
        if (status == OPA_OK || status == OPA_ERECORD) {
            assert_int_equal(r.index, index++);
            opa_buffer_printf(out, "%lld %s%s%s", (long long)r.line, r.damaged ? "!" : "", r.truncated ? "~" : "",
                              status == OPA_ERECORD ? "#" : "");
            opa_buffer_add_text(out, r.bytes);
            opa_buffer_add_char(out, '\n');
        }
    }
    if (status != OPA_END)
        opa_buffer_printf(out, "*%s\n", opa_context_message(ctx));
    for (size_t i = 0; i < findings->count; i++)
        opa_buffer_printf(out, "=%d %lld\n", findings->items[i].code, (long long)findings->items[i].line);
    opa_json_stream_free(s);
    opa_findings_release(findings);
}

static void stream_memory(opa_buffer *out, const char *s, size_t size, const opa_json_options *options)
{
    char *copy = malloc(size + (size == 0));
    memcpy(copy, s, size);
    opa_findings findings = {0};
    opa_json_stream *stream;
    const int status = opa_json_stream_memory(ctx, &stream, (opa_text){copy, size}, options, &findings);
    drain(out, status, stream, &findings);
    free(copy);
}

/* The same bytes from a file. */
static void stream_file(opa_buffer *out, const char *s, size_t size, const opa_json_options *options)
{
    char path[] = "/tmp/opa-stream-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, s, size), size);
    close(fd);
    opa_findings findings = {0};
    opa_json_stream *stream;
    const int status = opa_json_stream_open(ctx, &stream, path, options, &findings);
    drain(out, status, stream, &findings);
    unlink(path);
}

static void gives(const char *s, size_t size, const char *expected)
{
    opa_buffer memory = {0}, file = {0};
    stream_memory(&memory, s, size, NULL);
    stream_file(&file, s, size, NULL);
    assert_string_equal(opa_buffer_text(&memory).data, expected);
    assert_string_equal(opa_buffer_text(&file).data, expected);
    opa_buffer_release(&memory);
    opa_buffer_release(&file);
}
#define GIVES(s, expected) gives(s, sizeof(s) - 1, expected)

static void test_forms(void **state)
{
    (void)state;
    GIVES("[{\"a\":1},{\"a\":2}]", "1 {\"a\":1}\n1 {\"a\":2}\n");
    GIVES("[\n  {\"a\":1},\n  {\"a\":2}\n]\n", "2 {\"a\":1}\n3 {\"a\":2}\n");
    GIVES("{\"a\":1}\n{\"a\":2}\r\n\n{\"a\":3}", "1 {\"a\":1}\n2 {\"a\":2}\n4 {\"a\":3}\n");
    GIVES("{\"a\":1}{\"a\":2} {\"a\":3}", "1 {\"a\":1}\n1 {\"a\":2}\n1 {\"a\":3}\n");
    GIVES("{\n  \"a\": {\n    \"b\": [\n    ]\n  }\n}\n{\n  \"a\": 1\n}\n",
          "1 {\n  \"a\": {\n    \"b\": [\n    ]\n  }\n}\n7 {\n  \"a\": 1\n}\n");
    GIVES("\"one\"\n\"two\"\n3\nnull\n", "1 \"one\"\n2 \"two\"\n3 3\n4 null\n");
    GIVES("[1, \"x]\", [2, {}], true , {}]", "1 1\n1 \"x]\"\n1 [2, {}]\n1 true\n1 {}\n");
    GIVES("[]", "");
    GIVES(" \n{\"a\":\"\\\"}{\"}\n", "2 {\"a\":\"\\\"}{\"}\n");
    GIVES("{\"a\":[1,\n2]}\n{\"a\":0}", "1 {\"a\":[1,\n2]}\n3 {\"a\":0}\n");
}

static void test_findings_on_the_file(void **state)
{
    (void)state;
    GIVES("", "=1 1\n");
    GIVES(" \n\n ", "=1 3\n");
    GIVES("\xEF\xBB\xBF{}", "1 {}\n=3 1\n");
    GIVES("\xEF\xBB\xBF[{}]", "1 {}\n=3 1\n");
    GIVES("[{},\n{}", "1 {}\n2 {}\n=2 2\n");
    GIVES("[{},", "1 {}\n=2 1\n");
    GIVES("[", "=2 1\n");
    GIVES("[{}]\nmore", "1 {}\n=1 2\n");
    GIVES("[{}]\n[{},{}]\n", "1 {}\n2 {}\n2 {}\n=15 2\n");
    GIVES("[{}],\n{}]", "1 {}\n2 {}\n=15 1\n");
    GIVES("[{} {}]", "1 {}\n1 {}\n=15 1\n");
    GIVES("[{},,{}]", "1 {}\n1 {}\n=15 1\n");
    GIVES("[,{}]", "1 {}\n=15 1\n");
    GIVES("[{},]", "1 {}\n=15 1\n");
    GIVES("[{}}:{}]", "1 {}\n1 {}\n=15 1\n=15 1\n");
    GIVES("{},\n{}", "1 {}\n2 {}\n=15 1\n");
    /* each kind of repair once, however often it comes */
    GIVES("{},\n{},\n{},\n", "1 {}\n2 {}\n3 {}\n=15 1\n");
    GIVES("[{} {} {},]", "1 {}\n1 {}\n1 {}\n=15 1\n=15 1\n");
}

static void test_damaged_lines(void **state)
{
    (void)state;
    GIVES("{\"a\":1}\n{\"a\":\"cut\n{\"a\":3}\n", "1 {\"a\":1}\n2 !{\"a\":\"cut\n3 {\"a\":3}\n");
    GIVES("{\"a\":[1,\n{\"a\":2}\n{\"a\":3}\n", "1 !{\"a\":[1\n2 {\"a\":2}\n3 {\"a\":3}\n");
    GIVES("{\"a\":1}\nnot json at all, {\n{\"a\":3}\n", "1 {\"a\":1}\n2 !not json at all, {\n3 {\"a\":3}\n");
    GIVES("{\"a\":1}\n{\"a\":[2}}\n]]\n{\"a\":4}", "1 {\"a\":1}\n2 !{\"a\":[2}}\n3 !]]\n4 {\"a\":4}\n");
    GIVES("{\"a\":\"one \" two\"}\n{\"a\":2}\n", "1 !{\"a\":\"one \" two\"}\n2 {\"a\":2}\n");
    GIVES("{\"a\":1}\r\n{\"a\":\"x\r\n{\"a\":3}\r\n", "1 {\"a\":1}\n2 !{\"a\":\"x\n3 {\"a\":3}\n");
    GIVES("\"a\n\"b\"\n", "1 !\"a\n2 \"b\"\n");
    /* behind a record of the same line: no byte is passed over */
    GIVES("{} stray {\n{}", "1 {}\n1 !stray {\n2 {}\n");
    GIVES("{\"a\":1} x {\"a\":2}\n{\"a\":3}\n", "1 {\"a\":1}\n1 !x {\"a\":2}\n2 {\"a\":3}\n");
    GIVES("{\"a\":1}, }{\"a\":2}\n{\"a\":3}", "1 {\"a\":1}\n1 !}{\"a\":2}\n2 {\"a\":3}\n=15 1\n");
    GIVES("{\"a\":1}\n{\"a\":2", "1 {\"a\":1}\n2 ~{\"a\":2\n");
    GIVES("{\"a\":\"\\", "1 ~{\"a\":\"\\\n");
}

static void test_damaged_indented(void **state)
{
    (void)state;
    /* a line break in a string; a bracket too few; one too many; a lost quote */
    GIVES("[\n    {\n        \"a\": \"x\ny\",\n        \"b\": [1]\n    },\n    {\n        \"a\": 2\n    }\n]\n",
          "2 !{\n        \"a\": \"x\ny\",\n        \"b\": [1]\n    }\n7 {\n        \"a\": 2\n    }\n");
    GIVES(
        "[\n    {\n        \"a\": 1\n    },\n    {\n        \"a\": [1, 2\n    },\n    {\n        \"a\": 2\n    }\n]\n",
        "2 {\n        \"a\": 1\n    }\n5 !{\n        \"a\": [1, 2\n    }\n8 {\n        \"a\": 2\n    }\n");
    GIVES("[\n    {\n        \"a\": {\n    },\n    {\n        \"a\": 2\n    }\n]\n",
          "2 !{\n        \"a\": {\n    }\n5 {\n        \"a\": 2\n    }\n");
    GIVES("[\n    {\n        \"a\": 1]\n    },\n    {\n        \"a\": 2\n    }\n]\n",
          "2 !{\n        \"a\": 1]\n    }\n5 {\n        \"a\": 2\n    }\n");
    GIVES("[\n    {\n        \"a: 1\n    },\n    {\n        \"a\": 2\n    }\n]\n",
          "2 !{\n        \"a: 1\n    }\n5 {\n        \"a\": 2\n    }\n");
    /* the last record is the damaged one */
    GIVES("[\n  {\"a\":1},\n  {\"a\":\"x}\n]\n", "2 {\"a\":1}\n3 !{\"a\":\"x}\n");
    GIVES("[\n  {\"a\":1},\n  {\"a\":[2}\n]\n", "2 {\"a\":1}\n3 !{\"a\":[2}\n");
    /* values that are printed over several lines, in no array */
    GIVES("{\n  \"a\": \"x\n}\n{\n  \"a\": 2\n}\n", "1 !{\n  \"a\": \"x\n}\n4 {\n  \"a\": 2\n}\n");
    GIVES("{\n  \"a\": [\n}\n{\n  \"a\": 2\n}\n", "1 !{\n  \"a\": [\n}\n4 {\n  \"a\": 2\n}\n");
}

static void test_damaged_compact(void **state)
{
    (void)state;
    GIVES("[{\"a\":\"x}, {\"a\":\"y\"}, {\"a\":3}]", "1 !{\"a\":\"x}\n1 {\"a\":\"y\"}\n1 {\"a\":3}\n");
    GIVES("[{\"a\":[1}, {\"a\":2}, {\"a\":3}]", "1 !{\"a\":[1}\n1 {\"a\":2}\n1 {\"a\":3}\n");
    GIVES("[{\"a\":1}, {\"a\":{\"b\":1}, {\"a\":2}]", "1 {\"a\":1}\n1 !{\"a\":{\"b\":1}\n1 {\"a\":2}\n");
    GIVES("[{\"a\":1},\n{\"a\":\"x\ny\"}\n,{\"a\":2}]", "1 {\"a\":1}\n2 !{\"a\":\"x\ny\"}\n4 {\"a\":2}\n");
    GIVES("[{\"a\":1}, {\"a\":[1}]", "1 {\"a\":1}\n1 !{\"a\":[1}\n");
}

static void fails(const char *s, size_t size, const char *part)
{
    opa_json_stream *stream;
    assert_int_equal(opa_json_stream_memory(ctx, &stream, (opa_text){s, size}, NULL, NULL), OPA_EDATA);
    assert_null(stream);
    assert_non_null(strstr(opa_context_message(ctx), part));
}
#define FAILS(s, part) fails(s, sizeof(s) - 1, part)

static void test_not_json(void **state)
{
    (void)state;
    FAILS("\x1F\x8B\x08\x00", "gzip");
    FAILS("\x28\xB5\x2F\xFD\x00", "zstd");
    FAILS("PK\x03\x04", "unzip");
    FAILS("\xFF\xFE{\x00", "UTF-16");
    FAILS("\x00[\x00]", "UTF-16");
    FAILS("<!DOCTYPE html>\n<p>", "\"<!DOCTYPE html>\"");
    FAILS("\x7F"
          "ELF\x02\x01",
          "7F 45 4C 46 02 01");
    FAILS("this is text", "\"this is text\"");
    FAILS("}", "\"}\"");
}

static void test_limits(void **state)
{
    (void)state;
    const opa_json_options small = {.max_depth = 128, .max_size = 10, .first_line = 1};
    opa_buffer out = {0};
    const char lines[] = "{\"a\":1}\n{\"a\":\"much too long\"}\n{\"a\":3}\n";
    stream_memory(&out, lines, sizeof lines - 1, &small);
    stream_file(&out, lines, sizeof lines - 1, &small);
    assert_string_equal(out.data, "1 {\"a\":1}\n2 #\n3 {\"a\":3}\n1 {\"a\":1}\n2 #\n3 {\"a\":3}\n");
    opa_buffer_release(&out);
}

/* A record of 6 MB under a limit of 1 MB is passed over, damaged or not, and the window stays small. */
static void test_huge_records(void **state)
{
    (void)state;
    const opa_json_options limit = {.max_depth = 128, .max_size = 1 << 20, .first_line = 1};
    static const char *const heads[] = {"[\n  {\"a\":0},\n  {\"a\":\"", "[{\"a\":0}, {\"a\":\"",
                                        "{\"a\":0}\n{\"a\":\""};
    static const char *const tails[] = {"\"},\n  {\"a\":2}\n]", "\"}, {\"a\":2}]", "\"}\n{\"a\":2}\n"};
    static const char *const broken[] = {"\n},\n  {\"a\":2}\n]", "\"]}, {\"a\":2}]", "\n{\"a\":2}\n"};
    for (size_t i = 0; i < 6; i++) {
        opa_buffer b = {0}, out = {0};
        opa_buffer_add_string(&b, heads[i / 2]);
        opa_buffer_reserve(&b, 6 << 20);
        memset(b.data + b.size, 'A', 6 << 20);
        b.size += 6 << 20;
        opa_buffer_add_string(&b, i % 2 ? broken[i / 2] : tails[i / 2]);
        stream_file(&out, b.data, b.size, &limit);
        assert_non_null(strstr(out.data, "{\"a\":0}\n"));
        assert_non_null(strstr(out.data, "#\n"));
        assert_non_null(strstr(out.data, "{\"a\":2}\n"));
        assert_null(strchr(out.data, '='));
        assert_true(out.size < 100);
        opa_buffer_release(&b);
        opa_buffer_release(&out);
    }
}

static void test_nesting(void **state)
{
    (void)state;
    static const char *const units[] = {"[", "[{\"\":", "{\"a\":["};
    for (size_t u = 0; u < 3; u++) {
        opa_buffer b = {0}, out = {0};
        for (int i = 0; i < 100000; i++)
            opa_buffer_add_string(&b, units[u]);
        stream_memory(&out, b.data, b.size, NULL);
        assert_non_null(strchr(out.data, '~'));
        opa_buffer_release(&b);
        opa_buffer_release(&out);
    }
}

/* Bytes that would be quadratic for a careless search. */
static void test_no_quadratic_search(void **state)
{
    (void)state;
    opa_buffer b = {0}, out = {0};
    opa_buffer_add_char(&b, '[');
    for (int i = 0; i < 300000; i++)
        opa_buffer_add_string(&b, "{\"a\":[{},");
    opa_buffer_add_char(&b, '}');
    stream_memory(&out, b.data, b.size, NULL);
    opa_buffer_clear(&b);
    opa_buffer_add_char(&b, '[');
    for (int i = 0; i < 200000; i++)
        opa_buffer_add_string(&b, "{\"a\":[1}, {\"a\":\"x}, ");
    stream_memory(&out, b.data, b.size, NULL);
    opa_buffer_release(&b);
    opa_buffer_release(&out);
}

/* Cut anywhere: every record that is complete before the cut comes out whole, and the cut is told. */
static void cut_everywhere(const char *s, size_t size, const size_t *ends, size_t count)
{
    for (size_t cut = 0; cut <= size; cut++) {
        char *copy = malloc(cut + 1);
        memcpy(copy, s, cut);
        opa_findings findings = {0};
        opa_json_stream *stream;
        opa_json_record r;
        size_t whole = 0, truncated = 0, want = 0;
        while (want < count && ends[want] <= cut)
            want++;
        assert_int_equal(opa_json_stream_memory(ctx, &stream, (opa_text){copy, cut}, NULL, &findings), OPA_OK);
        while (opa_json_stream_next(stream, &r) == OPA_OK) {
            assert_false(r.damaged);
            whole += !r.truncated;
            truncated += r.truncated;
            if (!r.truncated)
                assert_int_equal(r.offset + (int64_t)r.bytes.size, ends[whole - 1]);
        }
        assert_int_equal(whole, want);
        if (s[0] == '[' && cut < size - 1) /* the last byte is a line feed */
            assert_true(truncated == 1 || findings.count == 1);
        opa_json_stream_free(stream);
        opa_findings_release(&findings);
        free(copy);
    }
}

static void test_cut_everywhere(void **state)
{
    (void)state;
    static const char *const records[] = {"{\"a\":\"x\\\"}{\",\"b\":[1,{\"c\":null}]}", "{}",
                                          "{\"a\":\"\xC3\xA9\\u00e9\",\"n\":-1.5e3}"};
    for (int form = 0; form < 3; form++) {
        opa_buffer b = {0};
        size_t ends[3];
        opa_buffer_add_string(&b, form == 0 ? "[" : form == 1 ? "[\n  " : "");
        for (size_t i = 0; i < 3; i++) {
            opa_buffer_add_string(&b, i == 0 ? "" : form == 0 ? ", " : form == 1 ? ",\n  " : "\n");
            opa_buffer_add_string(&b, records[i]);
            ends[i] = b.size;
        }
        opa_buffer_add_string(&b, form == 0 ? "]\n" : form == 1 ? "\n]\n" : "\n");
        cut_everywhere(b.data, b.size, ends, 3);
        opa_buffer_release(&b);
    }
}

/* Any one byte of a file replaced by any of a few nasty ones: the records far from it all come out. */
static void test_one_bad_byte(void **state)
{
    (void)state;
    static const char nasty[] = "\"{}[],:\n\\x \xFF";
    static const char *const forms[][3] = {{"[\n", ",\n", "\n]\n"}, {"[", ", ", "]"}, {"", "\n", "\n"}};
    for (size_t form = 0; form < 3; form++) {
        opa_buffer b = {0};
        opa_buffer_add_string(&b, forms[form][0]);
        for (int i = 0; i < 6; i++)
            opa_buffer_printf(&b, "%s{\"id\":%d,\"t\":\"one, two\",\"r\":{\"s\":[\"a\",2]}}", i ? forms[form][1] : "",
                              i);
        opa_buffer_add_string(&b, forms[form][2]);
        const char *third = strstr(b.data, "{\"id\":2"), *fourth = strstr(b.data, "{\"id\":3");
        for (size_t at = (size_t)(third - b.data); at < (size_t)(fourth - b.data); at++) {
            for (size_t k = 0; k < sizeof nasty - 1; k++) {
                opa_buffer out = {0};
                const char was = b.data[at];
                if (form == 1 && nasty[k] == '[' && b.data + at + 2 >= fourth)
                    continue; /* sound brackets around all that follows */
                b.data[at] = nasty[k];
                stream_memory(&out, b.data, b.size, NULL);
                b.data[at] = was;
                for (int i = 0; i < 6; i++) {
                    char whole[64];
                    snprintf(whole, sizeof whole, " {\"id\":%d,\"t\":\"one, two\",\"r\":{\"s\":[\"a\",2]}}\n", i);
                    /* the record with the bad byte may be lost; so may its neighbour, when all is one line or the byte
                     * stands between the two */
                    const bool near = i == 2 || (i == 3 && (form > 0 || b.data + at + 2 >= fourth));
                    if (!near && !strstr(out.data, whole))
                        fail_msg("form %zu, byte %zu as %02x: record %d is hidden:\n%s", form, at,
                                 (unsigned char)nasty[k], i, out.data);
                }
                opa_buffer_release(&out);
            }
        }
        opa_buffer_release(&b);
    }
}

static void test_files(void **state)
{
    (void)state;
    opa_json_stream *s;
    assert_int_equal(opa_json_stream_open(ctx, &s, "/nonexistent/file", NULL, NULL), OPA_ENOENT);
    assert_null(s);
    assert_int_equal(opa_json_stream_open(ctx, &s, "/tmp", NULL, NULL), OPA_ENOENT);
    int64_t done, total;
    assert_int_equal(opa_json_stream_memory(ctx, &s, OPA_TEXT("[1,2]"), NULL, NULL), OPA_OK);
    assert_true(opa_json_stream_is_array(s));
    opa_json_record r;
    while (opa_json_stream_next(s, &r) == OPA_OK)
        continue;
    opa_json_stream_progress(s, &done, &total);
    assert_true(done == 5 && total == 5);
    assert_int_equal(opa_json_stream_next(s, &r), OPA_END);
    opa_json_stream_free(s);
}

/* The released rollouts, from a file and in memory; every record parses. */
static void test_rollouts(void **state)
{
    (void)state;
    const char *shared = getenv("OPA_TEST_SHARED");
    char path[4096];
    opa_json_stream *s;
    snprintf(path, sizeof path, "%s/data/expert/rollouts/step1_rank0.json", shared ? shared : "/nonexistent");
    if (opa_json_stream_open(ctx, &s, path, NULL, NULL) != OPA_OK)
        skip();
    opa_json_record r;
    int count = 0;
    for (; opa_json_stream_next(s, &r) == OPA_OK; count++) {
        opa_json *doc;
        opa_json_place place;
        assert_int_equal(opa_json_parse(ctx, &doc, r.bytes, NULL, NULL), OPA_OK);
        assert_non_null(opa_json_get(opa_json_root(doc), "AI_json_report"));
        assert_true(opa_json_place_of(doc, "image", &place) || opa_json_place_of(doc, "image_id", &place));
        opa_json_free(doc);
    }
    assert_true(count > 0);
    opa_json_stream_free(s);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_context, free_context)
    const struct CMUnitTest tests[] = {
        TEST(test_forms),           TEST(test_findings_on_the_file),
        TEST(test_damaged_lines),   TEST(test_damaged_indented),
        TEST(test_damaged_compact), TEST(test_not_json),
        TEST(test_limits),          TEST(test_huge_records),
        TEST(test_nesting),         TEST(test_no_quadratic_search),
        TEST(test_cut_everywhere),  TEST(test_one_bad_byte),
        TEST(test_files),           TEST(test_rollouts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
