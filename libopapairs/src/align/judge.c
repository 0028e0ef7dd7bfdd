/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "align/aligning.h"
#include "align/borders.h"
#include "base/utf8.h"

/* Bytes of a text that a message quotes. */
enum { QUOTED = 60 };

static int quoted(opa_text t)
{
    return (int)opa_utf8_cut(t, QUOTED);
}

static void worsen(opa_aligning *a, opa_certificate c)
{
    if (a->out->certificate < c)
        a->out->certificate = c;
}

/* ---- placement ---- */

static void say_tolerance(opa_aligning *a, size_t i, const char *field)
{
    static const struct {
        unsigned flag;
        int code;
        const char *what;
    } kinds[] = {
        {OPA_FOLD_SPACE, OPA_F_SEGMENT_SPACE, "white space"},
        {OPA_FOLD_QUOTES, OPA_F_SEGMENT_QUOTES, "quotes or dashes"},
        {OPA_FOLD_NORMALIZED, OPA_F_SEGMENT_NORMALIZED, "its Unicode normalisation"},
        {OPA_FOLD_CASE, OPA_F_SEGMENT_CASE, "upper and lower case"},
    };
    const opa_found *f = &a->found[i];
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        if (f->tolerance & kinds[k].flag)
            opa_findings_add(a->findings, kinds[k].code, 0, field, "the copy differs from the response in %s",
                             kinds[k].what);
    if (f->tolerance & OPA_TOLERATE_NEAR)
        opa_findings_add(a->findings, OPA_F_SEGMENT_NEAR, 0, field, "the copy differs from the response in %zu byte%s",
                         f->edits, f->edits == 1 ? "" : "s");
}

static void judge_sentence(opa_aligning *a, size_t i)
{
    const opa_text copied = opa_aligning_copied(a, i);
    const opa_found *f = &a->found[i];
    opa_placed *p = &a->out->placed[i];
    char buffer[64];
    const char *field = opa_aligning_field(a, i, "copied_content", buffer);
    if (copied.size == 0) {
        if (opa_aligning_is_inserted(a, i))
            opa_findings_add(a->findings, OPA_F_SEGMENT_EMPTY, 0, field, "nothing is copied, but there is a rewriting");
        return;
    }
    if (!f->found) {
        p->placement = OPA_PLACED_MISSING;
        worsen(a, OPA_BROKEN);
        opa_findings_add(a->findings, OPA_F_SEGMENT_MISSING, 0, field, "\"%.*s\" stands nowhere in the response",
                         quoted(copied), copied.data);
        return;
    }
    p->has_generated = true;
    p->generated = f->span;
    p->moved = f->moved;
    p->placement = f->ambiguous ? OPA_PLACED_AMBIGUOUS : f->tolerance ? OPA_PLACED_REPAIRED : OPA_PLACED_EXACT;
    worsen(a, f->ambiguous ? OPA_AMBIGUOUS : f->tolerance || f->moved ? OPA_REPAIRED : OPA_EXACT);
    say_tolerance(a, i, field);
    if (f->moved)
        opa_findings_add(a->findings, OPA_F_SEGMENT_MOVED, 0, field,
                         "the sentence is reported in another order than it stands in the response");
    if (f->ambiguous)
        opa_findings_add(a->findings, OPA_F_SEGMENT_AMBIGUOUS, 0, field,
                         "the same words stand in the response more than once; order decides");
    if (f->overlap) {
        worsen(a, OPA_BROKEN);
        opa_findings_add(a->findings, OPA_F_SEGMENT_OVERLAP, 0, field,
                         "the place of this sentence belongs to another one already");
    }
}

static int by_begin(const void *x, const void *y)
{
    const opa_span *a = x, *b = y;
    return a->begin != b->begin ? (a->begin > b->begin ? 1 : -1) : (a->end > b->end) - (a->end < b->end);
}

static void add_gap(opa_aligning *a, size_t begin, size_t end)
{
    const opa_text t = opa_text_trim((opa_text){a->generated.data + begin, end - begin});
    if (t.size == 0)
        return;
    const size_t at = (size_t)(t.data - a->generated.data);
    a->out->gaps[a->out->gap_count++] = (opa_span){at, at + t.size};
    worsen(a, OPA_BROKEN);
    opa_findings_add(a->findings, OPA_F_SEGMENT_GAP, 0, NULL,
                     "\"%.*s\" (bytes %zu to %zu of the response) is in no sentence", quoted(t), t.data, at,
                     at + t.size);
}

/* What is covered never, and what more than once. */
static void judge_cover(opa_aligning *a)
{
    const size_t n = a->report->count;
    opa_span *spans = opa_arena_array(a->scratch, n, sizeof *spans);
    a->out->gaps = opa_arena_array(a->memory, n + 1, sizeof *a->out->gaps);
    a->out->overlaps = opa_arena_array(a->memory, n, sizeof *a->out->overlaps);
    if (!spans || !a->out->gaps || !a->out->overlaps) {
        a->failed = true;
        return;
    }
    size_t count = 0, covered = 0;
    for (size_t i = 0; i < n; i++)
        if (a->found[i].found)
            spans[count++] = a->found[i].span;
    qsort(spans, count, sizeof *spans, by_begin);
    for (size_t k = 0; k < count; k++) {
        const opa_span s = spans[k];
        if (s.begin > covered)
            add_gap(a, covered, s.begin);
        else if (s.begin < covered)
            a->out->overlaps[a->out->overlap_count++] = (opa_span){s.begin, s.end < covered ? s.end : covered};
        covered = s.end > covered ? s.end : covered;
    }
    if (covered < a->generated.size)
        add_gap(a, covered, a->generated.size);
}

void opa_judge_placement(opa_aligning *a)
{
    a->out->certificate = a->report->state == OPA_REPORT_READ ? OPA_EXACT : OPA_BROKEN;
    if (!a->report->keys_ascending)
        worsen(a, OPA_REPAIRED);
    for (size_t i = 0; i < a->report->count; i++)
        judge_sentence(a, i);
    /* Without a report all of the response is uncovered, which the finding on the report has said. */
    if (a->report->state == OPA_REPORT_READ || a->report->state == OPA_REPORT_CUT)
        judge_cover(a);
}

/* ---- scores ---- */

/* The next visible character's bytes; empty at the end. */
static opa_text next_visible(opa_text t, size_t *at)
{
    *at = opa_skip_space(t, *at);
    const size_t begin = *at;
    *at += begin < t.size;
    return (opa_text){t.data + begin, *at - begin};
}

/* Equal but for white space? */
static bool same_words(opa_text a, opa_text b)
{
    size_t i = 0, j = 0;
    if (opa_text_equal(a, b))
        return true;
    for (;;) {
        const opa_text x = next_visible(a, &i), y = next_visible(b, &j);
        if (x.size == 0 || y.size == 0)
            return x.size == y.size;
        if (x.data[0] != y.data[0])
            return false;
    }
}

static bool changed(const opa_aligning *a, size_t i)
{
    const opa_sentence *s = &a->report->sentences[i];
    const opa_span there = a->found[i].span;
    if (same_words(opa_aligning_copied(a, i), s->rewritten))
        return false;
    return !a->found[i].found ||
           !same_words((opa_text){a->generated.data + there.begin, there.end - there.begin}, s->rewritten);
}

void opa_judge_scores(opa_aligning *a)
{
    char buffer[64];
    for (size_t i = 0; i < a->report->count; i++) {
        const opa_sentence *s = &a->report->sentences[i];
        if (s->added || s->score == 0)
            continue;
        if (s->rewritten.data && !(opa_text_blank(s->rewritten) && opa_aligning_copied(a, i).size == 0)) {
            const bool edited = changed(a, i);
            /* Where the copy is not the response's, its rewriting may be the response itself. */
            if (s->score == 4 && edited && (a->found[i].found || opa_aligning_is_inserted(a, i)))
                opa_findings_add(a->findings, OPA_F_CHANGED_AT_4, 0, opa_aligning_field(a, i, "score", buffer),
                                 "the score is 4, but the sentence was changed");
            if (s->score < 4 && !edited)
                opa_findings_add(a->findings, OPA_F_UNCHANGED_BELOW_4, 0, opa_aligning_field(a, i, "score", buffer),
                                 "the score is %d, but the sentence is the same", s->score);
        }
        const bool wrong = s->error_type == OPA_ERROR_TYPE_IMAGE || s->error_type == OPA_ERROR_TYPE_LANGUAGE;
        if (s->score < 4 ? s->error_type == OPA_ERROR_TYPE_CORRECT : wrong)
            opa_findings_add(a->findings, OPA_F_TYPE_CONTRADICTS, 0, opa_aligning_field(a, i, "error_type", buffer),
                             "the error type is %s, but the score is %d", opa_error_type_name(s->error_type), s->score);
    }
}

/* ---- the stored revised text ---- */

/* Bytes of @p a until it differs from @p b in more than white space; SIZE_MAX when it does not. */
static size_t first_difference(opa_text a, opa_text b)
{
    a = opa_text_trim(a);
    b = opa_text_trim(b);
    for (size_t i = 0, j = 0; i < a.size || j < b.size;) {
        const size_t x = opa_skip_space(a, i), y = opa_skip_space(b, j);
        if ((x > i) != (y > j) || (x == a.size) != (y == b.size))
            return i;
        if (x < a.size && a.data[x] != b.data[y])
            return x;
        i = x + 1;
        j = y + 1;
    }
    return SIZE_MAX;
}

/* The rewritten sentences in the report's order, as the released code joins them. */
static void join(const opa_aligning *a, opa_buffer *out)
{
    for (size_t i = 0; i < a->report->count; i++) {
        const opa_sentence *s = &a->report->sentences[i];
        if (i)
            opa_buffer_add_char(out, ' ');
        opa_buffer_add_text(out, s->rewritten.data ? s->rewritten : s->copied);
    }
}

void opa_judge_revised(opa_aligning *a)
{
    if (!a->out->spliced || !a->stored.data)
        return;
    const size_t at = first_difference(a->stored, a->out->revised);
    if (at == SIZE_MAX)
        return;
    bool reordered = a->inserted;
    for (size_t i = 0; i < a->report->count; i++)
        reordered |= a->found[i].moved || (a->report->sentences[i].added && i + 1 < a->report->count);
    if (reordered) {
        opa_buffer joined = {0};
        join(a, &joined);
        const bool as_joined = !joined.failed && first_difference(a->stored, opa_buffer_text(&joined)) == SIZE_MAX;
        a->failed |= joined.failed;
        opa_buffer_release(&joined);
        if (as_joined)
            return;
    }
    const opa_text rest = {a->stored.data + at, a->stored.size - at};
    opa_findings_add(a->findings, OPA_F_REVISED_DIFFERS, 0, NULL,
                     "the stored revised text is not what the edits give, from byte %zu on: \"%.*s\"", at, quoted(rest),
                     rest.data);
}
