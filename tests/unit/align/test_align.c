/* SPDX-License-Identifier: Apache-2.0 */
#include "base/findings.h"

#include "support.h"

static opa_context *ctx;

enum { MOST = 24 };

/* A report built by hand: copied and rewritten text of each sentence; copied "+" is Added. */
typedef struct pair {
    const char *copied, *rewritten;
} pair;

static opa_sentence sentences[MOST];

static opa_report report_of(const pair *pairs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const bool added = pairs[i].copied && strcmp(pairs[i].copied, "+") == 0;
        sentences[i] = (opa_sentence){.added = added,
                                      .number = added ? -1 : (int64_t)i,
                                      .key = text_of(added ? "Added" : "7"),
                                      .copied = added ? (opa_text){0} : text_of(pairs[i].copied),
                                      .rewritten = text_of(pairs[i].rewritten)};
    }
    return (opa_report){.state = OPA_REPORT_READ, .sentences = sentences, .count = count, .keys_ascending = true};
}

static bool has_code(const opa_findings *f, int code)
{
    for (size_t i = 0; i < f->count; i++)
        if (f->items[i].code == code)
            return true;
    return false;
}

/* What one alignment gave: kept in static memory for the checks of a test. */
static opa_alignment out;
static opa_findings said;

static void align_report(const char *generated, const char *stored, const opa_report *report, bool keep)
{
    const opa_align_options options = {.keep_revised = keep};
    opa_alignment_release(&out);
    opa_findings_clear(&said);
    assert_int_equal(opa_align(ctx, &out, text_of(generated), text_of(stored), report, &options, &said), OPA_OK);
    if (out.revised.data)
        check_hunks(out.hunks, out.hunk_count, text_of(generated), out.revised);
    else
        assert_int_equal(out.hunk_count, 0);
}

#define ALIGN(generated, stored, ...)                                                                                  \
    do {                                                                                                               \
        const pair pairs_[] = {__VA_ARGS__};                                                                           \
        const opa_report report_ = report_of(pairs_, sizeof pairs_ / sizeof *pairs_);                                  \
        align_report(generated, stored, &report_, false);                                                              \
    } while (0)

static void revised_is(const char *want)
{
    assert_non_null(out.revised.data);
    assert_string_equal(out.revised.data, want);
    assert_int_equal(out.revised.size, strlen(want));
}

/* The script of the hunks, "op:sentence" with spaces between, keeps left out. */
static void edits_are(const char *want)
{
    char text[500] = "";
    for (size_t i = 0; i < out.hunk_count; i++)
        if (out.hunks[i].op != OPA_KEEP)
            sprintf(text + strlen(text), "%s%s:%d", *text ? " " : "", opa_op_name(out.hunks[i].op),
                    out.hunks[i].sentence);
    assert_string_equal(text, want);
}

static void names(void **state)
{
    (void)state;
    assert_string_equal(opa_op_name(OPA_SUBSTITUTE), "substitute");
    assert_string_equal(opa_placement_name(OPA_PLACED_MISSING), "missing");
    assert_null(opa_placement_name(OPA_PLACED_NONE));
    assert_string_equal(opa_certificate_name(OPA_BROKEN), "broken");
    assert_null(opa_certificate_name(OPA_CERTIFICATE_NONE));
}

static void splices(void **state)
{
    (void)state;
    ALIGN("A dog runs.\n\nA cat sits. End.\n", "A dog sleeps. A cat sits. End.", {"A dog runs.", "A dog sleeps."},
          {"A cat sits.", "A cat sits."}, {"End.", "End."});
    assert_int_equal(out.certificate, OPA_EXACT);
    assert_true(out.spliced);
    revised_is("A dog sleeps.\n\nA cat sits. End.\n");
    edits_are("substitute:0");
    assert_int_equal(said.count, 0);
    assert_int_equal(out.placed[1].revised.begin, 15);
    /* Rewriting absent: the copy stands. Added goes before the tail. */
    ALIGN("A dog. A cat. \n", NULL, {"A dog.", NULL}, {"+", "A cow."}, {"A cat.", "A cats."});
    revised_is("A dog. A cats. A cow. \n");
    edits_are("substitute:2 insert:1");
    assert_true(out.placed[1].has_revised && !out.placed[1].has_generated);
}

static void removes(void **state)
{
    (void)state;
    ALIGN("A. B. C.", "A.  C.", {"A.", "A."}, {"B.", ""}, {"C.", "C."});
    revised_is("A. C.");
    edits_are("delete:1");
    /* It takes the space before it along, so that the token " C" is not half removed. */
    assert_int_equal(out.hunks[1].op, OPA_DELETE);
    assert_int_equal(out.hunks[1].generated.begin, 2);
    assert_int_equal(out.hunks[1].generated.end, 5);
    assert_int_equal(said.count, 0);
    assert_true(out.placed[1].has_revised && out.placed[1].revised.begin == out.placed[1].revised.end);
    ALIGN("A. B.\n\nC.", NULL, {"A.", "A."}, {"B.", " "}, {"C.", "C."});
    revised_is("A.\n\nC.");
    ALIGN("A.\n\nB. C.", NULL, {"A.", "A."}, {"B.", ""}, {"C.", "C."});
    revised_is("A.\n\nC.");
    ALIGN(" A. B. C.\n", NULL, {"A.", ""}, {"B.", ""}, {"C.", "C."});
    revised_is(" C.\n");
    edits_are("delete:0 delete:1");
    ALIGN("A. B.\n\nC.\n", NULL, {"A.", "A."}, {"B.", ""}, {"C.", ""});
    revised_is("A.\n");
    ALIGN(" A. B.\n", "   ", {"A.", ""}, {"B.", ""});
    assert_int_equal(out.certificate, OPA_EXACT);
    revised_is("");
    ALIGN("A. B.", NULL, {"A.", ""}, {"B.", ""}, {"+", "New."});
    revised_is("New.");
}

static void inserts(void **state)
{
    (void)state;
    ALIGN("A. B.", "A. New one. B.", {"A.", "A."}, {NULL, "New one."}, {"B.", "B."});
    revised_is("A. New one. B.");
    assert_true(has_code(&said, OPA_F_SEGMENT_EMPTY));
    assert_false(has_code(&said, OPA_F_REVISED_DIFFERS));
    ALIGN("A. B.", NULL, {"", "New."}, {"A.", "A."}, {"B.", "B."});
    revised_is("New. A. B.");
    ALIGN("A. B.", NULL, {"", "New."}, {"A.", ""}, {"", "Two."}, {"B.", "B."});
    revised_is("New. Two. B.");
}

static void certificates(void **state)
{
    (void)state;
    ALIGN("A dog. A cat.", "x", {"a dog.", "A dog."}, {"A cat.", "A cat."});
    assert_int_equal(out.certificate, OPA_REPAIRED);
    assert_int_equal(out.placed[0].placement, OPA_PLACED_REPAIRED);
    assert_true(has_code(&said, OPA_F_SEGMENT_CASE) && has_code(&said, OPA_F_REVISED_DIFFERS));
    ALIGN("One dog. Two cats.", "Two cats. One cow.", {"Two cats.", "Two cats."}, {"One dog.", "One cow."});
    assert_int_equal(out.certificate, OPA_REPAIRED);
    assert_true(has_code(&said, OPA_F_SEGMENT_MOVED) && !has_code(&said, OPA_F_REVISED_DIFFERS));
    revised_is("One cow. Two cats.");
    ALIGN("So it is. So it is.", NULL, {"So it is.", "So it is."}, {"So it is.", ""});
    assert_int_equal(out.certificate, OPA_AMBIGUOUS);
    revised_is("So it is.");
    edits_are("delete:1");
    ALIGN("A dog. A cat. A cow.", "A dog. A cow.", {"A dog.", "A dog."}, {"A cow.", "A cow."});
    assert_int_equal(out.certificate, OPA_BROKEN);
    assert_true(has_code(&said, OPA_F_SEGMENT_GAP) && !out.spliced);
    assert_int_equal(out.gap_count, 1);
    assert_int_equal(out.gaps[0].begin, 7);
    assert_int_equal(out.gaps[0].end, 13);
    edits_are("delete:-1");
    ALIGN("A dog. A cat.", "A dog. A dog. A cat.", {"A dog.", "A dog."}, {"A dog.", "A dog."}, {"A cat.", "A cat."});
    assert_int_equal(out.certificate, OPA_BROKEN);
    assert_int_equal(out.overlap_count, 1);
    assert_true(has_code(&said, OPA_F_SEGMENT_OVERLAP));
    ALIGN("A dog. A cat. A cow.", "A dog. Some words. A cow.", {"A dog.", "A dog."},
          {"Nothing like it here.", "Some words."}, {"A cow.", "A cow."});
    assert_int_equal(out.placed[1].placement, OPA_PLACED_MISSING);
    assert_true(has_code(&said, OPA_F_SEGMENT_MISSING));
    edits_are("substitute:1");
}

static void states(void **state)
{
    (void)state;
    align_report("A dog.", "A cat.", NULL, false);
    assert_int_equal(out.certificate, OPA_CERTIFICATE_NONE);
    edits_are("substitute:-1");
    align_report("A dog.", NULL, NULL, false);
    assert_null(out.revised.data);
    for (int s = OPA_REPORT_CUT; s <= OPA_REPORT_UNREADABLE; s++) {
        const pair one[] = {{"A dog.", "A cow."}};
        opa_report report = report_of(one, s == OPA_REPORT_CUT);
        report.state = (opa_report_state)s;
        align_report("A dog. B.", "A cat. B.", &report, false);
        assert_int_equal(out.certificate, OPA_BROKEN);
        revised_is("A cat. B.");
    }
    opa_report none = {0};
    align_report("A dog.", "A cat.", &none, false);
    assert_int_equal(out.certificate, OPA_CERTIFICATE_NONE);
    const pair two[] = {{"A.", "A."}, {"B.", "B."}};
    opa_report report = report_of(two, 2);
    report.keys_ascending = false;
    align_report("A. B.", NULL, &report, false);
    assert_int_equal(out.certificate, OPA_REPAIRED);
    opa_alignment a;
    assert_int_equal(opa_align(ctx, &a, (opa_text){0}, (opa_text){0}, NULL, NULL, NULL), OPA_EINVAL);
    assert_null(a.memory);
}

/* Without a report: words that a replaced sentence happens to share with the old one are no matches. */
static void chance(void **state)
{
    (void)state;
    align_report("One dog runs here. To the left of the frame, a glass jar adds a whimsical touch. It rains.",
                 "One cat runs here. The man wears a helmet, the color of which is not clear to a viewer. It rains.",
                 NULL, false);
    edits_are("substitute:-1 substitute:-1");
}

/* The paragraph break of amber AMBER_33: the release joins by one space, the splice keeps it. */
static void keeps_revised(void **state)
{
    (void)state;
    const pair pairs[] = {{"One man.", "Two men."}, {"It rains.", "It rains."}, {"End.", ""}};
    const opa_report report = report_of(pairs, 3);
    align_report("One man.\n\nIt rains. End.", "Two men. It rains. ", &report, false);
    revised_is("Two men.\n\nIt rains.");
    assert_int_equal(said.count, 0);
    align_report("One man.\n\nIt rains. End.", "Two men. It rains. ", &report, true);
    revised_is("Two men. It rains. ");
    assert_int_equal(out.certificate, OPA_EXACT);
    assert_false(out.spliced);
    assert_int_equal(out.placed[1].revised.begin, 9);
    edits_are("substitute:0 substitute:-1 delete:2");
}

static void contradictions(void **state)
{
    (void)state;
    const pair pairs[] = {{"A dog.", "A cat."}, {"B.", "B."}, {"C.", "C."}, {"D\xE2\x80\x99s.", "D's."}};
    const opa_report report = report_of(pairs, 4);
    sentences[0].score = 4;
    sentences[1].score = 2;
    sentences[2].score = 4;
    sentences[2].error_type = OPA_ERROR_TYPE_IMAGE;
    sentences[3].score = 4; /* the copy differs, but the response does not */
    align_report("A dog. B. C. D's.", NULL, &report, false);
    assert_int_equal(said.count, 4);
    assert_true(has_code(&said, OPA_F_CHANGED_AT_4) && has_code(&said, OPA_F_UNCHANGED_BELOW_4) &&
                has_code(&said, OPA_F_TYPE_CONTRADICTS) && has_code(&said, OPA_F_SEGMENT_QUOTES));
    assert_string_equal(said.items[said.count - 1].field, "7.error_type");
}

static void swapped(void **state)
{
    (void)state;
    ALIGN("A white cat sleeps on a mat. End.", "A black dog sleeps on a mat. End.",
          {"A black dog sleeps on a mat.", "A white cat sleeps on a mat."}, {"End.", "End."});
    assert_true(out.swapped);
    assert_int_equal(out.certificate, OPA_BROKEN);
    ALIGN("A white cat. End.", "A black cat. End.", {"A white cat.", "A black cat."}, {"End.", "End."});
    assert_false(out.swapped);
}

static void odd_texts(void **state)
{
    (void)state;
    ALIGN("", "", {"A.", "B."});
    assert_int_equal(out.certificate, OPA_BROKEN);
    ALIGN(" \n ", "x", {"", ""});
    assert_int_equal(out.certificate, OPA_EXACT);
    revised_is(" \n ");
    ALIGN("\xED\xA0\xBD dog\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x9A\x92 (\xE6\xB6\x88\xE9\x98\xB2).", NULL,
          {"\xED\xA0\xBD dog\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x9A\x92 (\xE6\xB6\x88\xE9\x98\xB2).",
           "\xED\xA0\xBD cat\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x9A\x92 (\xE6\xB6\x88)."});
    assert_int_equal(out.certificate, OPA_EXACT);
    edits_are("substitute:0 delete:0");
    ALIGN("First.\n\nSecond one.", NULL, {"First. Second one.", "First. Second two."});
    assert_int_equal(out.certificate, OPA_REPAIRED);
    edits_are("substitute:0 substitute:0");
    const opa_text g = {"A\0dog.", 6}, r = {"A\0cat.", 6};
    opa_sentence one = {.copied = g, .rewritten = r};
    const opa_report report = {.state = OPA_REPORT_READ, .sentences = &one, .count = 1, .keys_ascending = true};
    opa_alignment a;
    assert_int_equal(opa_align(ctx, &a, g, r, &report, NULL, NULL), OPA_OK);
    assert_int_equal(a.certificate, OPA_EXACT);
    check_hunks(a.hunks, a.hunk_count, g, a.revised);
    assert_memory_equal(a.revised.data, r.data, 6);
    opa_alignment_release(&a);
}

/* Reports of all kinds of wrongness over texts of all kinds: the script is always right, and a certified report leads
 * to the spliced text. */
static void random_reports(void **state)
{
    (void)state;
    uint64_t seed = random_seed("random_reports");
    size_t certified = 0;
    for (int round = 0; round < 4000; round++) {
        opa_sentence s[MOST] = {0};
        opa_text owned[2 * MOST + 2];
        size_t n = random_below(&seed, MOST - 1), own = 0, size = 0;
        char *data = malloc(MOST * 300);
        for (size_t i = 0; i < n; i++) {
            const opa_text t = owned[own++] = random_text(&seed, 10);
            memcpy(data + size, t.data, t.size);
            s[i] = (opa_sentence){
                .copied = {data + size, t.size}, .key = text_of("1"), .score = (int)random_below(&seed, 5)};
            size += t.size;
            data[size++] = ' ';
            s[i].rewritten = owned[own++] = random_edit(&seed, t, random_below(&seed, 3));
            if (random_below(&seed, 12) == 0)
                s[i].rewritten.size = 0;
            if (random_below(&seed, 60) == 0)
                s[i].copied = owned[random_below(&seed, own)];
            s[i].added = random_below(&seed, 40) == 0;
        }
        if (n > 1 && random_below(&seed, 4) == 0) {
            const size_t at = random_below(&seed, n - 1);
            const opa_sentence swap = s[at];
            s[at] = s[at + 1];
            s[at + 1] = swap;
        }
        const opa_text g = {data, size};
        const opa_text r = owned[own++] = random_edit(&seed, g, random_below(&seed, 9));
        const opa_report report = {.state = OPA_REPORT_READ, .sentences = s, .count = n, .keys_ascending = true};
        const opa_align_options options = {.keep_revised = random_below(&seed, 4) == 0};
        opa_alignment a;
        opa_findings_clear(&said);
        assert_int_equal(opa_align(ctx, &a, g, random_below(&seed, 5) ? r : (opa_text){0}, &report, &options, &said),
                         OPA_OK);
        if (a.revised.data)
            check_hunks(a.hunks, a.hunk_count, g, a.revised);
        assert_true(a.certificate == OPA_BROKEN || a.spliced != options.keep_revised);
        assert_true(a.certificate != OPA_EXACT || (a.gap_count == 0 && a.overlap_count == 0));
        for (size_t i = 0; i < a.placed_count; i++) {
            const opa_placed *p = &a.placed[i];
            assert_true(!p->has_generated || (p->generated.begin < p->generated.end && p->generated.end <= g.size));
            assert_true(!p->has_revised || (p->revised.begin <= p->revised.end && p->revised.end <= a.revised.size));
        }
        certified += a.spliced;
        opa_alignment_release(&a);
        while (own > 0)
            free((void *)(uintptr_t)owned[--own].data);
        free(data);
    }
    assert_true(certified > 200);
}

static int finish(void **state)
{
    (void)state;
    opa_alignment_release(&out);
    opa_findings_release(&said);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),   cmocka_unit_test(splices),       cmocka_unit_test(removes),
        cmocka_unit_test(inserts), cmocka_unit_test(certificates),  cmocka_unit_test(states),
        cmocka_unit_test(chance),  cmocka_unit_test(keeps_revised), cmocka_unit_test(contradictions),
        cmocka_unit_test(swapped), cmocka_unit_test(odd_texts),     cmocka_unit_test(random_reports)};
    if (opa_context_new(&ctx))
        return 1;
    const int failed = cmocka_run_group_tests(tests, NULL, finish);
    opa_context_free(ctx);
    return failed;
}
