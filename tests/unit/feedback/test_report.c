/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "../with_context.h"

#include <opapairs/json.h>
#include <opapairs/report.h>

#include "base/buffer.h"
#include "base/findings.h"

/* @p text as a JSON string. */
static void encode(opa_buffer *out, opa_text text)
{
    opa_json_writer *w;
    opa_text json;
    assert_int_equal(opa_json_writer_new(ctx, &w), OPA_OK);
    opa_json_write_text(w, text);
    assert_int_equal(opa_json_writer_finish(w, &json), OPA_OK);
    opa_buffer_clear(out);
    opa_buffer_add_text(out, json);
    opa_json_writer_free(w);
}

static void describe_findings(opa_buffer *out, const opa_findings *list)
{
    opa_buffer_clear(out);
    for (size_t i = 0; i < list->count; i++)
        opa_buffer_printf(out, "%s%d%s%s", i ? " " : "", list->items[i].code, list->items[i].field ? ":" : "",
                          list->items[i].field ? list->items[i].field : "");
}

/* Everything that a report says, for comparing two of them. */
static void describe(opa_buffer *out, const opa_report *r)
{
    opa_buffer_clear(out);
    opa_buffer_add_text(out, r->image_description);
    for (size_t i = 0; i < r->count; i++) {
        const opa_sentence *s = &r->sentences[i];
        opa_buffer_printf(out, "\n%d %lld %d %d %s", s->added, (long long)s->number, s->score, s->error_type,
                          s->key.data);
        const opa_text texts[] = {s->copied, s->rewritten, s->error_type_raw, s->reason};
        for (size_t k = 0; k < 4; k++) {
            opa_buffer_printf(out, "|%d:", texts[k].data != NULL);
            opa_buffer_add_text(out, texts[k]);
        }
        for (size_t k = 0; k < s->object_count; k++) {
            opa_buffer_add_string(out, "|o:");
            opa_buffer_add_text(out, s->objects[k]);
        }
    }
}

/* Parse a report; state, number of sentences and findings ("code:field code ...") are compared. */
static void check(opa_text json, opa_report_state state, size_t count, const char *findings)
{
    opa_report report;
    opa_findings list = {0};
    opa_buffer said = {0};
    assert_int_equal(opa_report_parse(ctx, &report, json, &list), OPA_OK);
    describe_findings(&said, &list);
    if (report.state != state || report.count != count || strcmp(opa_buffer_text(&said).data, findings) != 0)
        print_message("%.*s\n", (int)json.size, json.data ? json.data : "");
    assert_string_equal(opa_buffer_text(&said).data, findings);
    assert_int_equal(report.state, state);
    assert_int_equal(report.count, count);
    opa_buffer_release(&said);
    opa_findings_release(&list);
    opa_report_release(&report);
    /* Findings are optional. */
    assert_int_equal(opa_report_parse(ctx, &report, json, NULL), OPA_OK);
    assert_int_equal(report.count, count);
    opa_report_release(&report);
}

/* The same for a report that stands as a text in the record. */
static void check_text(const char *text, opa_report_state state, size_t count, const char *findings)
{
    opa_buffer json = {0};
    encode(&json, (opa_text){text, strlen(text)});
    check(opa_buffer_text(&json), state, count, findings);
    opa_buffer_release(&json);
}

/* An object as it stands in the record. */
static void check_json(const char *json, opa_report_state state, size_t count, const char *findings)
{
    check((opa_text){json, strlen(json)}, state, count, findings);
}

#define FIELDS(text, score)                                                                                            \
    "\"copied_content\": \"" text "\", \"score\": " score                                                              \
    ", \"error_type\": \"correct\", \"object\": [\"a -> b\", \"c\"], "                                                 \
    "\"rewritten_content\": \"" text "!\", \"reason\": \"It is.\""
#define SENTENCE(n, text) "\"" n "\": {" FIELDS(text, "4") "}"
#define SOUND "{\"image_description\": \"A dog.\", " SENTENCE("0", "A dog sits.") ", " SENTENCE("1", "It is big.") "}"

/* Two reports, the second damaged: the content must be the same. */
static void check_same(const char *sound, const char *damaged, const char *findings)
{
    opa_report a, b;
    opa_findings list = {0};
    opa_buffer json = {0}, x = {0}, y = {0}, said = {0};
    assert_int_equal(opa_report_parse(ctx, &a, (opa_text){sound, strlen(sound)}, NULL), OPA_OK);
    assert_int_equal(a.state, OPA_REPORT_READ);
    encode(&json, (opa_text){damaged, strlen(damaged)});
    assert_int_equal(opa_report_parse(ctx, &b, opa_buffer_text(&json), &list), OPA_OK);
    describe(&x, &a);
    describe(&y, &b);
    describe_findings(&said, &list);
    if (b.state != OPA_REPORT_READ || strcmp(opa_buffer_text(&said).data, findings) != 0)
        print_message("%s\n", damaged);
    assert_string_equal(opa_buffer_text(&y).data, opa_buffer_text(&x).data);
    assert_string_equal(opa_buffer_text(&said).data, findings);
    assert_int_equal(b.state, OPA_REPORT_READ);
    opa_buffer_release(&json);
    opa_buffer_release(&x);
    opa_buffer_release(&y);
    opa_buffer_release(&said);
    opa_findings_release(&list);
    opa_report_release(&a);
    opa_report_release(&b);
}

static void reads_sound_reports(void **state)
{
    (void)state;
    check_json(SOUND, OPA_REPORT_READ, 2, "");
    opa_report report;
    assert_int_equal(opa_report_parse(ctx, &report, OPA_TEXT(SOUND), NULL), OPA_OK);
    assert_true(report.keys_ascending);
    assert_string_equal(report.image_description.data, "A dog.");
    assert_string_equal(report.sentences[1].copied.data, "It is big.");
    assert_string_equal(report.sentences[1].rewritten.data, "It is big.!");
    assert_int_equal(report.sentences[1].number, 1);
    assert_int_equal(report.sentences[1].object_count, 2);
    assert_string_equal(report.sentences[1].objects[0].data, "a -> b");
    opa_report_release(&report);
    opa_report_release(&report);
    opa_report_release(NULL);
}

static void knows_its_state(void **state)
{
    (void)state;
    check((opa_text){0}, OPA_REPORT_MISSING, 0, "201");
    check_json("", OPA_REPORT_MISSING, 0, "201");
    check_json("null", OPA_REPORT_MISSING, 0, "201");
    check_json("\"\"", OPA_REPORT_MISSING, 0, "201");
    check_json("\" \\n\"", OPA_REPORT_MISSING, 0, "201");
    check_json("NaN", OPA_REPORT_MISSING, 0, "201");
    check_text("null", OPA_REPORT_MISSING, 0, "201");
    check_text("I'm sorry, I cannot assist with this request.", OPA_REPORT_REFUSED, 0, "202");
    check_text("I'm sorry, but I can't help with identifying people in images.", OPA_REPORT_REFUSED, 0, "202");
    check_text("I\xE2\x80\x99m sorry, but I can\xE2\x80\x99t do {this}.", OPA_REPORT_REFUSED, 0, "202");
    check_text("```\nI'm sorry.\n```", OPA_REPORT_REFUSED, 0, "202");
    check_json("{\"error\": \"I'm sorry, but I can't help with that.\"}", OPA_REPORT_REFUSED, 0, "202");
    check_text("Error 429: rate limit", OPA_REPORT_UNREADABLE, 0, "204");
    check_text("{\"detail\": \"not found\"}", OPA_REPORT_UNREADABLE, 0, "204");
    check_json("{}", OPA_REPORT_UNREADABLE, 0, "204");
    check_json("[]", OPA_REPORT_UNREADABLE, 0, "204");
    check_json("7", OPA_REPORT_UNREADABLE, 0, "204");
    check_json("{\"0\": \"text\"}", OPA_REPORT_UNREADABLE, 0, "204");
    check_text("[]", OPA_REPORT_UNREADABLE, 0, "204");
    /* A report that apologises is a report. */
    check_text("I'm sorry for the delay: " SOUND, OPA_REPORT_READ, 2, "207 206");
    check_json("{" SENTENCE("0", "I'm sorry, I cannot.") "}", OPA_REPORT_READ, 1, "");
}

static void repairs_each_form(void **state)
{
    (void)state;
    check_same(SOUND, SOUND, "207");
    check_same(SOUND, "\n " SOUND " \n", "207");
    check_same(SOUND, "```json\n" SOUND "\n```", "205");
    check_same(SOUND, "Sure!\n```json\n" SOUND "\n```\nDone.", "205 206");
    check_same(SOUND, "Here is {my} report: " SOUND, "207 206");
    check_same(SOUND, "{\"example\": 1} and now: " SOUND, "207 206");
    check_same(
        SOUND,
        "{\"image_description\": \"A dog.\", " SENTENCE("0", "A dog sits.") ", " SENTENCE("1", "It is big.") ",}",
        "207 208");
    check_same(SOUND,
               "{\"image_description\": \"A dog.\" " SENTENCE("0", "A dog sits.") "\n" SENTENCE("1", "It is big.") "}",
               "207 208");
    check_same(SOUND,
               "/* mine */ {\"image_description\": \"A dog.\", // x\n" SENTENCE("0", "A dog sits.") ", " SENTENCE(
                   "1", "It is big.") "}",
               "207 206 208");
    check_same(
        SOUND,
        "{{\"image_description\": \"A dog.\", " SENTENCE("0", "A dog sits.") ", " SENTENCE("1", "It is big.") "}}",
        "207 208 208");
    check_same(SOUND,
               "\"image_description\": \"A dog.\", " SENTENCE("0", "A dog sits.") ", " SENTENCE("1", "It is big.") "}",
               "207 208");
    check_same(
        SOUND,
        "{\"image_description\": \"A dog.\"}, {" SENTENCE("0", "A dog sits.") "}\n{" SENTENCE("1", "It is big.") "}",
        "207 208 209");
    /* A line break inside a sentence, an inner quote. */
    check_same("{" SENTENCE("0", "A\\ndog") "}", "{" SENTENCE("0", "A\ndog") "}", "207 208");
    check_same("{" SENTENCE("0", "A \\\"big\\\", old dog.") "}", "{" SENTENCE("0", "A \"big\", old dog.") "}",
               "207 208");
    /* All together. */
    check_same(SOUND,
               "Sure!\n```json\n{image_description: 'A dog.',\n'0': {'copied_content': 'A dog sits.' 'score': 4, # "
               "fine\n'error_type': 'correct', "
               "'object': ['a -> b', 'c',], 'rewritten_content': 'A dog sits.!', 'reason': 'It is.',},\n" SENTENCE(
                   "1", "It is big.") "\n}\n```",
               "205 206 208 208 208 208 208");
}

static void reads_python_and_typographic_quotes(void **state)
{
    (void)state;
    check_same(
        "{\"0\": {\"copied_content\": \"It's a dog's life, isn't it\", \"score\": 4, \"error_type\": null, \"object\": "
        "null, "
        "\"rewritten_content\": \"He said \\\"no\\\".\"}}",
        "{'0': {'copied_content': \"It's a dog's life, isn't it\", 'score': 4, 'error_type': None, 'object': None, "
        "'rewritten_content': 'He said \"no\".'}}",
        "207 208 208 216:0.error_type");
    check_same(SOUND,
               "{\xE2\x80\x9Cimage_description\xE2\x80\x9D: \xE2\x80\x9C"
               "A dog.\xE2\x80\x9D, " SENTENCE("0", "A dog sits.") ", " SENTENCE("1", "It is big.") "}",
               "207 208");
}

static void reads_strings_in_strings(void **state)
{
    (void)state;
    opa_buffer once = {0}, twice = {0};
    encode(&once, OPA_TEXT(SOUND));
    encode(&twice, opa_buffer_text(&once));
    check(opa_buffer_text(&once), OPA_REPORT_READ, 2, "207");
    check(opa_buffer_text(&twice), OPA_REPORT_READ, 2, "207");
    /* The inner string is cut. */
    opa_buffer cut = {0};
    encode(&cut, (opa_text){once.data, once.size - 40});
    check(opa_buffer_text(&cut), OPA_REPORT_CUT, 1, "207 208 203");
    /* Backslashes without a string around them, and a string that is not closed. */
    check_json("{\\\"0\\\": {\\\"copied_content\\\": \\\"a\\\", \\\"score\\\": 4, \\\"error_type\\\": \\\"correct\\\", "
               "\\\"rewritten_content\\\": \\\"b\\\"}}",
               OPA_REPORT_READ, 1, "208");
    check((opa_text){once.data, once.size - 1}, OPA_REPORT_READ, 2, "207 208");
    /* Not endlessly. */
    opa_buffer deep = {0};
    for (int i = 0; i < 8; i++) {
        encode(&deep, opa_buffer_text(i ? &twice : &once));
        opa_buffer_clear(&twice);
        opa_buffer_add_text(&twice, opa_buffer_text(&deep));
    }
    check(opa_buffer_text(&deep), OPA_REPORT_UNREADABLE, 0, "204");
    opa_buffer_release(&once);
    opa_buffer_release(&twice);
    opa_buffer_release(&cut);
    opa_buffer_release(&deep);
}

static void passes_the_guards_findings_on_once(void **state)
{
    (void)state;
    opa_buffer json = {0};
    opa_report report;
    /* In the string they are the record's: said by its reader. In the JSON inside the string they are ours. */
    check_json("{" SENTENCE("0", "a\\u0000b\\ud83d") "}", OPA_REPORT_READ, 1, "");
    opa_findings list = {0};
    unsigned codes = 0;
    encode(&json, OPA_TEXT("{" SENTENCE("0", "a\\u0000b\\ud83d") "}"));
    assert_int_equal(opa_report_parse(ctx, &report, opa_buffer_text(&json), &list), OPA_OK);
    for (size_t i = 0; i < list.count; i++)
        codes |= list.items[i].code < 32 ? 1u << list.items[i].code : 0;
    assert_int_equal(codes, 1u << OPA_F_NUL_CHARACTER | 1u << OPA_F_LONE_SURROGATE);
    opa_findings_release(&list);
    opa_report_release(&report);
    encode(&json, OPA_TEXT("{" SENTENCE("0", "a\0b\xED\xA0\xBD") ",}"));
    check(opa_buffer_text(&json), OPA_REPORT_READ, 1, "207 208 208");
    assert_int_equal(opa_report_parse(ctx, &report, opa_buffer_text(&json), NULL), OPA_OK);
    assert_int_equal(report.sentences[0].copied.size, 6);
    assert_memory_equal(report.sentences[0].copied.data, "a\0b\xED\xA0\xBD", 6);
    opa_report_release(&report);
    opa_buffer_release(&json);
}

/* ---- cut reports ---- */

/* Sentences whose closing brace stands before byte @p end of a report as pretty() and the macros write it. */
static size_t whole_before(opa_text text, size_t end)
{
    size_t depth = 0, whole = 0;
    bool string = false;
    for (size_t i = 0; i < end; i++) {
        const char c = text.data[i];
        if (c == '\\')
            i++;
        else if (c == '"')
            string = !string;
        else if (!string && c == '{')
            depth++;
        else if (!string && c == '}' && --depth == 1)
            whole++;
    }
    return whole;
}

static void check_every_cut(const char *text, size_t head)
{
    opa_buffer json = {0}, all = {0}, some = {0}, said = {0};
    opa_report full;
    encode(&json, (opa_text){text, strlen(text)});
    assert_int_equal(opa_report_parse(ctx, &full, opa_buffer_text(&json), NULL), OPA_OK);
    assert_int_equal(full.state, OPA_REPORT_READ);
    const opa_text body = {text + head, strlen(text) - head};
    for (size_t end = head; end < head + body.size; end++) {
        opa_report report;
        opa_findings list = {0};
        const size_t whole = whole_before(body, end - head);
        encode(&json, (opa_text){text, end});
        assert_int_equal(opa_report_parse(ctx, &report, opa_buffer_text(&json), &list), OPA_OK);
        if (report.count != whole)
            print_message("cut at byte %zu: %.*s\n", end, (int)end, text);
        assert_int_equal(report.count, whole);
        if (end > head && text[end - 1] != '`' && whole_before(body, body.size) > 0 && strchr(text + end, '}'))
            assert_int_equal(report.state, OPA_REPORT_CUT);
        opa_report head_of_full = full;
        head_of_full.count = whole;
        head_of_full.image_description = report.image_description;
        describe(&all, &head_of_full);
        describe(&some, &report);
        assert_string_equal(opa_buffer_text(&some).data, opa_buffer_text(&all).data);
        for (size_t i = 0; i < list.count; i++)
            assert_true(list.items[i].code != OPA_F_REPORT_SYNTAX && list.items[i].code != OPA_F_REPORT_PROSE);
        opa_findings_release(&list);
        opa_report_release(&report);
    }
    opa_report_release(&full);
    opa_buffer_release(&json);
    opa_buffer_release(&all);
    opa_buffer_release(&some);
    opa_buffer_release(&said);
}

#define TRICKY                                                                                                         \
    "{\n  \"image_description\": \"A dog, \\\"big\\\".\",\n  " SENTENCE(                                               \
        "0", "A \\\"dog\\\", {sits}: [1].") ",\n  " SENTENCE("1",                                                      \
                                                             "It's \\\\ \\u00e9\\ud83d\\ude00.") ",\n  \"2\": "        \
                                                                                                 "{" FIELDS("",        \
                                                                                                            "1") "},"  \
                                                                                                                 "\n " \
                                                                                                                 " "   \
                                                                                                                 "\"A" \
                                                                                                                 "dde" \
                                                                                                                 "d\"" \
                                                                                                                 ": "  \
                                                                                                                 "{\"" \
                                                                                                                 "rew" \
                                                                                                                 "rit" \
                                                                                                                 "ten" \
                                                                                                                 "_co" \
                                                                                                                 "nte" \
                                                                                                                 "nt"  \
                                                                                                                 "\":" \
                                                                                                                 " \"" \
                                                                                                                 "New" \
                                                                                                                 ", "  \
                                                                                                                 "\\"  \
                                                                                                                 "\"s" \
                                                                                                                 "cor" \
                                                                                                                 "e\\" \
                                                                                                                 "\":" \
                                                                                                                 " 3." \
                                                                                                                 "\"," \
                                                                                                                 " \"" \
                                                                                                                 "rea" \
                                                                                                                 "son" \
                                                                                                                 "\":" \
                                                                                                                 " \"" \
                                                                                                                 "\"}" \
                                                                                                                 "\n}"

static void keeps_whole_sentences_of_cut_reports(void **state)
{
    (void)state;
    check_every_cut(SOUND, 0);
    check_every_cut(TRICKY, 0);
    check_every_cut("```json\n" TRICKY "\n```", 8);
    check_text("{" SENTENCE("0", "a") ", \"1\": {\"copied_content\": \"b", OPA_REPORT_CUT, 1, "207 203");
    check_text("{" SENTENCE("0", "a") ", \"Added\": \"x", OPA_REPORT_CUT, 1, "207 203");
    check_text("{" SENTENCE("0", "a") ", \"Added\": \"x\"", OPA_REPORT_CUT, 2, "207 203");
    check_text("{\"0\": {\"copied_content\": \"b", OPA_REPORT_CUT, 0, "203");
    check_text("[{" FIELDS("a", "4") "}, {" FIELDS("b", "4"), OPA_REPORT_CUT, 1, "207 203 209");
    check_text("{\"sentences\": [{" FIELDS("a", "4") "}, {" FIELDS("b", "4") "}", OPA_REPORT_CUT, 2, "207 203 209");
    check_text("```json\n", OPA_REPORT_CUT, 0, "203");
    /* The description is not invented either. */
    opa_report report;
    assert_int_equal(
        opa_report_parse(ctx, &report, OPA_TEXT("{" SENTENCE("0", "a") ", \"image_description\": \"A do"), NULL),
        OPA_OK);
    assert_int_equal(report.state, OPA_REPORT_CUT);
    assert_null(report.image_description.data);
    opa_report_release(&report);
}

/* Cuts of a report that is broken anyway: the whole sentences, and no more. */
static void keeps_whole_sentences_of_broken_cut_reports(void **state)
{
    (void)state;
    static const char text[] =
        "{'image_description': 'A \"dog\".', '0': {'copied_content': 'A dog, it sits.', 'score': 4, 'error_type': "
        "'correct', "
        "'object': ['a', 'b',], 'rewritten_content': 'It\\'s a cat.'}, // next\n'1': {'copied_content': 'x', 'score': "
        "3, "
        "'error_type': None, 'rewritten_content': ''} '2': {copied_content: 'y', 'rewritten_content': 'z'}}";
    const char *first = strstr(text, "}, //"), *second = strstr(text, "} '2'"), *third = strstr(text, "}}");
    opa_buffer json = {0};
    for (size_t end = 0; end < sizeof text - 1; end++) {
        opa_report report;
        const char *at = text + end;
        const size_t whole = (size_t)(at > first) + (at > second) + (at > third);
        encode(&json, (opa_text){text, end});
        assert_int_equal(opa_report_parse(ctx, &report, opa_buffer_text(&json), NULL), OPA_OK);
        if (report.count != whole)
            print_message("cut at byte %zu: %.*s\n", end, (int)end, text);
        assert_int_equal(report.count, whole);
        assert_int_equal(report.state, end ? OPA_REPORT_CUT : OPA_REPORT_MISSING);
        if (whole > 0) {
            assert_string_equal(report.sentences[0].copied.data, "A dog, it sits.");
            assert_string_equal(report.sentences[0].rewritten.data, "It's a cat.");
            assert_int_equal(report.sentences[0].object_count, 2);
        }
        opa_report_release(&report);
    }
    opa_buffer_release(&json);
}

/* ---- damage as it occurs: the kinds of the "report form" group of the benchmark set ---- */

#define A(score, type)                                                                                                 \
    "{\"copied_content\": \"A dog.\", \"score\": " score ", \"error_type\": " type                                     \
    ", \"object\": [], \"rewritten_content\": \"A cat.\", \"reason\": \"r\"}"

static void names_each_damage(void **state)
{
    (void)state;
    check_json("{\"0\": " A("\"2\"", "\"correct\"") ", \"1\": " A("\"4\"", "\"correct\"") "}", OPA_REPORT_READ, 2,
               "211:0.score 211:1.score");
    check_json("{\"0\": " A("2", "\"Image_recognition_error\"") "}", OPA_REPORT_READ, 1, "214:0.error_type");
    check_json("{\"image description\": \"x\", \"0\": {\"copied content\": \"a\", \"score\": 4, \"error type\": "
               "\"correct\", \"object\": [], "
               "\"rewritten content\": \"a\", \"reason\": \"r\"}}",
               OPA_REPORT_READ, 1,
               "210:image description 210:0.copied_content 210:0.error_type 210:0.rewritten_content");
    check_text("```json\n{\n  \"0\": " A("2", "\"correct\"") "\n}\n```", OPA_REPORT_READ, 1, "205");
    check_text("{\n  \"0\": " A("2", "\"correct\"") ",\n  \"1\": {\n    \"copied_content\": \"x\",\n    \"rewr",
               OPA_REPORT_CUT, 1, "207 203");
    check_json("\"\"", OPA_REPORT_MISSING, 0, "201");
    check_json("\"I'm sorry, I cannot assist with this request.\"", OPA_REPORT_REFUSED, 0, "202");
    check_json(
        "{\"0\": " A("0", "\"correct\"") ", \"1\": " A("5", "\"correct\"") ", \"2\": " A("3.5", "\"correct\"") "}",
        OPA_REPORT_READ, 3, "212:0.score 212:1.score 212:2.score");
    check_json("{\"0\": {\"copied_content\": \"a\", \"object\": [], \"rewritten_content\": \"a\", \"reason\": \"r\"}}",
               OPA_REPORT_READ, 1, "213:0.score 216:0.error_type");
    check_json("{\"0\": " A("4", "\"correct\"") ", \"2\": " A("4", "\"correct\"") ", \"1\": " A("4", "\"correct\"") "}",
               OPA_REPORT_READ, 3, "112:1");
    check_json("[" A("4", "\"correct\"") "]", OPA_REPORT_READ, 1, "209");
}

/* ---- random reports, damaged, come back equal ---- */

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static size_t below(uint64_t *state, size_t n)
{
    return (size_t)(next_random(state) % n);
}

/* How a report is written; sound when all is 0. */
typedef struct report_style {
    bool python;      /* single quotes, None, True */
    bool no_commas;   /* between members, at line breaks */
    bool more_commas; /* behind the last member */
    bool bare_keys;
    bool raw_breaks; /* line breaks in strings as they are */
    bool comments;
    bool typographic;
} report_style;

static void put_string(opa_buffer *b, const char *text, report_style style)
{
    const char *open = style.python ? "'" : style.typographic ? "\xE2\x80\x9C" : "\"";
    const char *close = style.python ? "'" : style.typographic ? "\xE2\x80\x9D" : "\"";
    opa_buffer_add_string(b, open);
    for (; *text; text++) {
        if (*text == '\n')
            opa_buffer_add_string(b, style.raw_breaks ? "\n" : "\\n");
        else if (*text == '\\' || (*text == '"' && !style.python) || (*text == '\'' && style.python))
            opa_buffer_printf(b, "\\%c", *text);
        else
            opa_buffer_add_char(b, *text);
    }
    opa_buffer_add_string(b, close);
}

static void put_key(opa_buffer *b, const char *key, bool first, report_style style)
{
    if (!first)
        opa_buffer_add_string(b, style.no_commas ? "\n" : style.comments ? ", // next\n" : ", ");
    if (style.bare_keys)
        opa_buffer_add_string(b, key);
    else
        put_string(b, key, style);
    opa_buffer_add_string(b, ": ");
}

static void random_text(char *out, size_t size, uint64_t *random)
{
    static const char *const pieces[] = {"A dog", " sits", "'s",    ", ",   ".",  " \"big\"", "\n",
                                         " \\",   "{",     "}",     "[1]",  ": ", "\xC3\xA9", " // x",
                                         "#",     "score", " None", " 4/4", "",   "/*"};
    size_t n = 0;
    out[0] = '\0';
    for (size_t i = below(random, 12); i > 0; i--) {
        const char *piece = pieces[below(random, sizeof pieces / sizeof *pieces)];
        if (n + strlen(piece) + 1 < size)
            n += (size_t)snprintf(out + n, size - n, "%s", piece);
    }
}

static void put_report(opa_buffer *b, uint64_t seed, report_style style)
{
    static const char *const types[] = {"correct", "image_recognition_error", "language_comprehension_error"};
    uint64_t random = seed;
    char text[160];
    opa_buffer_clear(b);
    opa_buffer_add_char(b, '{');
    put_key(b, "image_description", true, style);
    random_text(text, sizeof text, &random);
    put_string(b, text, style);
    const size_t count = 1 + below(&random, 4);
    for (size_t i = 0; i < count; i++) {
        const char key[2] = {(char)('0' + i), '\0'};
        put_key(b, key, false, style);
        opa_buffer_add_char(b, '{');
        put_key(b, "copied_content", true, style);
        random_text(text, sizeof text, &random);
        put_string(b, text, style);
        put_key(b, "score", false, style);
        opa_buffer_printf(b, "%zu", 1 + below(&random, 4));
        put_key(b, "error_type", false, style);
        const size_t type = below(&random, 4);
        if (type < 3)
            put_string(b, types[type], style);
        else
            opa_buffer_add_string(b, style.python ? "None" : "null");
        put_key(b, "object", false, style);
        opa_buffer_add_char(b, '[');
        const size_t objects = below(&random, 3);
        for (size_t k = 0; k < objects; k++) {
            opa_buffer_add_string(b, k ? ", " : "");
            put_string(b, k ? "x -> y" : "dog -> cat", style);
        }
        opa_buffer_add_string(b, style.more_commas && objects ? ",]" : "]");
        put_key(b, "rewritten_content", false, style);
        random_text(text, sizeof text, &random);
        put_string(b, text, style);
        opa_buffer_add_string(b, style.more_commas ? ",\n}" : "}");
    }
    opa_buffer_add_string(b, style.more_commas ? ",}" : "}");
}

static void gives_damaged_reports_back(void **state)
{
    (void)state;
    const char *given = getenv("OPA_TEST_SEED");
    const uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
    print_message("OPA_TEST_SEED=%llu\n", (unsigned long long)seed);
    opa_buffer sound = {0}, damaged = {0}, json = {0}, x = {0}, y = {0};
    uint64_t random = seed;
    for (int i = 0; i < 2000; i++) {
        const uint64_t content = next_random(&random), how = next_random(&random);
        const report_style damage = {.python = how & 1,
                                     .no_commas = how >> 1 & 1,
                                     .more_commas = how >> 2 & 1,
                                     .bare_keys = how >> 3 & 1,
                                     .raw_breaks = how >> 4 & 1,
                                     .comments = how >> 5 & 1,
                                     .typographic = how >> 6 & 1};
        opa_report a, b;
        put_report(&sound, content, (report_style){0});
        put_report(&damaged, content, damage);
        assert_int_equal(opa_report_parse(ctx, &a, opa_buffer_text(&sound), NULL), OPA_OK);
        assert_int_equal(a.state, OPA_REPORT_READ);
        encode(&json, opa_buffer_text(&damaged));
        assert_int_equal(opa_report_parse(ctx, &b, opa_buffer_text(&json), NULL), OPA_OK);
        describe(&x, &a);
        describe(&y, &b);
        if (b.state != OPA_REPORT_READ || strcmp(opa_buffer_text(&x).data, opa_buffer_text(&y).data) != 0)
            print_message("style %llx\n%s\n", (unsigned long long)how & 127, damaged.data);
        assert_string_equal(opa_buffer_text(&y).data, opa_buffer_text(&x).data);
        assert_int_equal(b.state, OPA_REPORT_READ);
        opa_report_release(&a);
        opa_report_release(&b);
    }
    opa_buffer_release(&sound);
    opa_buffer_release(&damaged);
    opa_buffer_release(&json);
    opa_buffer_release(&x);
    opa_buffer_release(&y);
}

/* ---- hostile sizes ---- */

static void stays_linear(void **state)
{
    (void)state;
    static const char *const units[] = {"\"",   "\",",  "'",   "{\"a\":",      "[",    "{",        "/*", "#",
                                        "\"/*", "\\\"", "```", "\n\"score\":", "\"\n", "{\"0\":{", ",",  "\"a\" "};
    opa_buffer text = {0};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        opa_report report;
        opa_buffer_clear(&text);
        opa_buffer_add_string(&text, "{");
        while (text.size < 200000)
            opa_buffer_add_string(&text, units[i]);
        const clock_t begin = clock();
        assert_int_equal(opa_report_parse(ctx, &report, opa_buffer_text(&text), NULL), OPA_OK);
        opa_report_release(&report);
        assert_true(clock() - begin < 2 * CLOCKS_PER_SEC);
    }
    opa_buffer_release(&text);
}

/* ---- real ones ---- */

static void read_rollouts(const char *path, size_t *count)
{
    opa_json_stream *stream;
    opa_json_record record;
    assert_int_equal(opa_json_stream_open(ctx, &stream, path, NULL, NULL), OPA_OK);
    while (opa_json_stream_next(stream, &record) == OPA_OK) {
        opa_json *doc;
        opa_json_place place;
        opa_report report;
        opa_findings list = {0};
        assert_int_equal(opa_json_parse(ctx, &doc, record.bytes, NULL, NULL), OPA_OK);
        assert_true(opa_json_place_of(doc, "AI_json_report", &place));
        const opa_text json = {record.bytes.data + place.value.begin, place.value.end - place.value.begin};
        assert_int_equal(opa_report_parse(ctx, &report, json, &list), OPA_OK);
        assert_int_equal(report.state, OPA_REPORT_READ);
        assert_int_equal(list.count, 0);
        assert_true(report.keys_ascending);
        assert_true(report.count > 0);
        for (size_t i = 0; i < report.count; i++) {
            assert_true(report.sentences[i].rewritten.data != NULL);
            assert_true(report.sentences[i].added || (report.sentences[i].score > 0 && report.sentences[i].error_type));
            assert_false(report.sentences[i].released_score_lost || report.sentences[i].released_type_lost);
        }
        opa_report_release(&report);
        opa_findings_release(&list);
        opa_json_free(doc);
        ++*count;
    }
    opa_json_stream_free(stream);
}

static void reads_real_reports(void **state)
{
    (void)state;
    const char *shared = getenv("OPA_TEST_SHARED");
    char folder[1024], path[2048];
    snprintf(folder, sizeof folder, "%s/data/expert/rollouts", shared ? shared : "");
    DIR *dir = shared ? opendir(folder) : NULL;
    size_t count = 0;
    if (!dir)
        skip();
    for (struct dirent *e; (e = readdir(dir));)
        if (strstr(e->d_name, ".json")) {
            snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
            read_rollouts(path, &count);
        }
    closedir(dir);
    assert_int_equal(count, 48);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_sound_reports),
        cmocka_unit_test(knows_its_state),
        cmocka_unit_test(repairs_each_form),
        cmocka_unit_test(reads_python_and_typographic_quotes),
        cmocka_unit_test(reads_strings_in_strings),
        cmocka_unit_test(passes_the_guards_findings_on_once),
        cmocka_unit_test(keeps_whole_sentences_of_cut_reports),
        cmocka_unit_test(keeps_whole_sentences_of_broken_cut_reports),
        cmocka_unit_test(names_each_damage),
        cmocka_unit_test(gives_damaged_reports_back),
        cmocka_unit_test(stays_linear),
        cmocka_unit_test(reads_real_reports),
    };
    return cmocka_run_group_tests(tests, make_context, free_context);
}
