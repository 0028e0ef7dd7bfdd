/* SPDX-License-Identifier: Apache-2.0 */
/* Alignment of any texts under any report: the script tiles both, keeps equal bytes only, and its projection covers all
 * tokens. The input is cut at the byte 0x1E: generated, revised, then copied and rewritten text of each sentence; a
 * field that begins with 0x1F is absent. The first byte holds the report's state and options. */
#include <opapairs/align.h>

#include <stdlib.h>
#include <string.h>

enum { MOST = 64 };

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            abort();                                                                                                   \
    } while (0)

/* The next field; the rest of the input is moved behind it. */
static opa_text field(opa_text *rest)
{
    const char *end = rest->size ? memchr(rest->data, 0x1E, rest->size) : NULL;
    opa_text f = {rest->data, end ? (size_t)(end - rest->data) : rest->size};
    const size_t used = f.size + (end != NULL);
    rest->data += used;
    rest->size -= used;
    return f.size && f.data[0] == 0x1F ? (opa_text){0} : f;
}

static void check_hunks(const opa_hunk *hunks, size_t count, opa_text generated, opa_text revised)
{
    size_t g = 0, r = 0;
    for (size_t i = 0; i < count; i++) {
        const opa_hunk *h = &hunks[i];
        CHECK(h->generated.begin == g && h->revised.begin == r);
        CHECK(h->generated.end >= g && h->generated.end <= generated.size);
        CHECK(h->revised.end >= r && h->revised.end <= revised.size);
        const size_t left = h->generated.end - g, right = h->revised.end - r;
        const bool equal = left == right && memcmp(generated.data + g, revised.data + r, left) == 0;
        CHECK(left + right > 0 && equal == (h->op == OPA_KEEP));
        g += left;
        r += right;
    }
    CHECK(g == generated.size && r == revised.size);
}

/* Tokens of three bytes each. */
static void check_tokens(const opa_hunk *hunks, size_t count, bool side, opa_text text)
{
    opa_tokens t = {.count = text.size / 3 + 1};
    t.begin = calloc(t.count, sizeof *t.begin);
    t.end = calloc(t.count, sizeof *t.end);
    opa_span *spans = calloc(count + 1, sizeof *spans);
    CHECK(t.begin && t.end && spans);
    for (size_t i = 0; i < t.count; i++) {
        t.begin[i] = (uint32_t)(3 * i);
        t.end[i] = (uint32_t)(3 * i + 3 < text.size ? 3 * i + 3 : text.size);
    }
    opa_align_tokens(spans, hunks, count, side, text, &t);
    size_t next = 0;
    for (size_t i = 0; i < count; i++) {
        CHECK(spans[i].begin == next && spans[i].end >= next);
        next = spans[i].end;
    }
    CHECK(count == 0 || next == t.count);
    free(t.begin);
    free(t.end);
    free(spans);
}

static void check(const opa_alignment *a, opa_text generated)
{
    if (a->revised.data) {
        check_hunks(a->hunks, a->hunk_count, generated, a->revised);
        check_tokens(a->hunks, a->hunk_count, false, generated);
        check_tokens(a->hunks, a->hunk_count, true, a->revised);
    }
    CHECK(a->certificate != OPA_EXACT || (a->gap_count == 0 && a->overlap_count == 0));
    for (size_t i = 0; i < a->placed_count; i++) {
        CHECK(!a->placed[i].has_generated || a->placed[i].generated.end <= generated.size);
        CHECK(!a->placed[i].has_revised || a->placed[i].revised.end <= a->revised.size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    opa_sentence sentences[MOST] = {0};
    opa_report report = {.sentences = sentences};
    opa_context *ctx;
    if (size < 1 || size > 1 << 16 || opa_context_new(&ctx))
        return 0;
    report.state = (opa_report_state)(data[0] % (OPA_REPORT_UNREADABLE + 1));
    report.keys_ascending = !(data[0] & 8);
    const opa_align_options options = {.keep_revised = data[0] & 16};
    opa_text rest = {(const char *)data + 1, size - 1};
    opa_text generated = field(&rest);
    const opa_text revised = field(&rest);
    if (!generated.data)
        generated = OPA_TEXT("");
    while (rest.size && report.count < MOST) {
        opa_sentence *s = &sentences[report.count++];
        s->copied = field(&rest);
        s->rewritten = field(&rest);
        s->added = s->copied.size == 1 && s->copied.data[0] == '+';
        s->score = (int)(s->copied.size % 5);
        s->error_type = (opa_error_type)(s->rewritten.size % 4);
        s->key = OPA_TEXT("0");
    }
    opa_alignment a;
    opa_findings findings = {0};
    const int status = opa_align(ctx, &a, generated, revised, &report, &options, &findings);
    CHECK(status == OPA_OK);
    check(&a, generated);
    opa_alignment_release(&a);
    opa_findings_release(&findings);
    if (revised.data) {
        opa_hunk *hunks;
        size_t count;
        CHECK(opa_diff_words(ctx, &hunks, &count, generated, revised) == OPA_OK);
        check_hunks(hunks, count, generated, revised);
        free(hunks);
    }
    opa_context_free(ctx);
    return 0;
}
