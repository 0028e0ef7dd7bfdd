/* SPDX-License-Identifier: Apache-2.0 */
/* JSONTestSuite (tests/data/json/SOURCE.md) through both doors: y_ files are accepted, n_ files refused, bar the
 * repairs that the guard makes and reports; i_ files may be either, but do no harm. */
#include <opapairs/json.h>

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../with_context.h"

#include "base/buffer.h"

/* n_ files that are repaired, each with a finding: NaN and Infinity, as Python writes them. */
static const char *const repaired[] = {"n_number_NaN.json", "n_number_infinity.json", "n_number_minus_infinity.json"};
/* n_ files that are no document, but are a stream of sound records. */
static const char *const streams[] = {"n_structure_object_with_trailing_garbage.json"};

static bool listed(const char *const *list, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i], name) == 0)
            return true;
    return false;
}
#define LISTED(list, name) listed(list, sizeof(list) / sizeof *(list), name)

static bool parses(opa_text bytes, bool strict, size_t *remarks)
{
    opa_findings findings = {0};
    opa_json *doc = NULL;
    opa_json_options options = OPA_JSON_OPTIONS_INIT;
    options.strict = strict;
    const int status = opa_json_parse(ctx, &doc, bytes, &options, &findings);
    assert_true(status == OPA_OK || status == OPA_EDATA);
    assert_int_equal(status == OPA_OK, doc != NULL);
    if (status != OPA_OK)
        assert_true(findings.count > 0);
    *remarks = findings.count;
    opa_findings_release(&findings);
    opa_json_free(doc);
    return status == OPA_OK;
}

/* True when nothing at all is wrong with the stream and every record parses. */
static bool streams_well(opa_text bytes)
{
    opa_findings findings = {0};
    opa_json_stream *s;
    opa_json_record r;
    size_t remarks;
    bool well = opa_json_stream_memory(ctx, &s, bytes, NULL, &findings) == OPA_OK;
    while (s && opa_json_stream_next(s, &r) == OPA_OK)
        well &= parses(r.bytes, false, &remarks) && !r.truncated && !r.damaged;
    well &= findings.count == 0;
    opa_json_stream_free(s);
    opa_findings_release(&findings);
    return well;
}

static void check(const char *name, opa_text bytes)
{
    size_t remarks, strict_remarks;
    const bool accepted = parses(bytes, false, &remarks), strictly = parses(bytes, true, &strict_remarks);
    const bool well = streams_well(bytes);
    if (name[0] == 'y' && !(accepted && strictly && well))
        fail_msg("%s: refused (%s)", name, opa_context_message(ctx));
    if (name[0] != 'n')
        return;
    if (strictly)
        fail_msg("%s: accepted, though strict", name);
    if (accepted && (!LISTED(repaired, name) || remarks == 0))
        fail_msg("%s: accepted", name);
    if (!accepted && LISTED(repaired, name))
        fail_msg("%s: refused, but should be repaired", name);
    if (well && !LISTED(repaired, name) && !LISTED(streams, name))
        fail_msg("%s: accepted as a stream", name);
}

static void test_suite(void **state)
{
    (void)state;
    char path[4096];
    const char *data = getenv("OPA_TEST_DATA");
    snprintf(path, sizeof path, "%s/json/JSONTestSuite", data ? data : "tests/data");
    DIR *dir = opendir(path);
    assert_non_null(dir);
    int counts[256] = {0};
    for (struct dirent *e; (e = readdir(dir));) {
        char file[4608];
        opa_buffer b = {0};
        if (!strstr(e->d_name, ".json"))
            continue;
        snprintf(file, sizeof file, "%s/%s", path, e->d_name);
        FILE *f = fopen(file, "rb");
        assert_non_null(f);
        for (int c; (c = getc(f)) != EOF;)
            opa_buffer_add_char(&b, (char)c);
        fclose(f);
        char *exact = malloc(b.size + (b.size == 0));
        memcpy(exact, opa_buffer_text(&b).data, b.size);
        check(e->d_name, (opa_text){exact, b.size});
        free(exact);
        opa_buffer_release(&b);
        counts[(unsigned char)e->d_name[0]]++;
    }
    closedir(dir);
    print_message("%d y_, %d n_, %d i_\n", counts['y'], counts['n'], counts['i']);
    assert_int_equal(counts['y'], 95);
    assert_int_equal(counts['n'], 186);
    assert_int_equal(counts['i'], 35);
}

/* The two files of the suite that are only size. */
static void test_giants(void **state)
{
    (void)state;
    opa_buffer open = {0}, object = {0};
    for (int i = 0; i < 100000; i++)
        opa_buffer_add_char(&open, '[');
    for (int i = 0; i < 50000; i++)
        opa_buffer_add_string(&object, "[{\"\":");
    check("n_structure_100000_opening_arrays.json", opa_buffer_text(&open));
    check("n_structure_open_array_object.json", opa_buffer_text(&object));
    opa_buffer_release(&open);
    opa_buffer_release(&object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_suite), cmocka_unit_test(test_giants)};
    return cmocka_run_group_tests(tests, make_context, free_context);
}
