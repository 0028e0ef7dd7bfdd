/* SPDX-License-Identifier: Apache-2.0 */
#include "check/texts.h"

#include <stdlib.h>
#include <string.h>

#include <opapairs/pairs.h>

#include "base/findings.h"
#include "base/utf8.h"
#include "text/words.h"

#define PLACEHOLDER OPA_TEXT("<image>")
/* The released query (spec "DPO tokenisation"): the placeholder becomes a character of one token, which stands for the
 * image. */
#define QUERY_HEAD                                                                                                     \
    OPA_TEXT(                                                                                                          \
        "<s> A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, "    \
        "detailed, and polite answers to the user's questions. USER: ")
#define QUERY_IMAGE OPA_TEXT("\xE5\x9B\xBE ")
#define QUERY_TAIL OPA_TEXT(" ASSISTANT: ")
/* LLaMA's tokens of head and tail, and of the image beside its own character: a space before it, and when a line break
 * follows, that and the space behind it. "<image>\n" and the template are 46. */
#define QUERY_TOKENS 42
#define IMAGE_TOKENS 1
#define IMAGE_LINE_TOKENS 3
#define SHOWN_TEXT 80 /* bytes of a text in a message */

void opa_text_checker_release(opa_text_checker *checker)
{
    opa_encoder_free(checker->encoder);
    opa_tokens_release(&checker->tokens);
    opa_buffer_release(&checker->query);
    *checker = (opa_text_checker){0};
}

/* ---- what is there at all, and how the texts compare ---- */

static int check_presence(const opa_sample *sample, const opa_assessment *assessment, opa_findings *findings)
{
    const opa_text revised = assessment->alignment.revised;
    const opa_report_state report = assessment->report.state;
    const bool reported = report != OPA_REPORT_NONE && report != OPA_REPORT_MISSING;
    int status = OPA_OK;
    if (opa_text_blank(sample->prompt))
        status = opa_findings_add(findings, OPA_F_PROMPT_EMPTY, 0, "prompt", "the prompt is empty");
    if (status == OPA_OK && opa_text_blank(sample->generated))
        status = opa_findings_add(findings, OPA_F_GENERATED_EMPTY, 0, "generated", "the generated response is empty");
    if (status == OPA_OK && opa_text_blank(sample->ground_truth))
        status = opa_findings_add(findings, OPA_F_GROUND_TRUTH_MISSING, 0, "ground_truth", "%s",
                                  sample->ground_truth.data ? "the ground truth is empty" : "there is no ground truth");
    if (status == OPA_OK && opa_text_blank(revised) && (sample->revised.data || reported))
        status = opa_findings_add(findings, OPA_F_REVISED_EMPTY, 0, "revised", "%s",
                                  revised.data ? "the revised text is empty"
                                               : "the report cannot be applied, and no revised text is stored");
    return status;
}

static int check_relations(const opa_sample *sample, const opa_assessment *assessment, opa_findings *findings)
{
    const opa_text generated = sample->generated;
    int status = OPA_OK;
    if (assessment->alignment.swapped)
        status = opa_findings_add(findings, OPA_F_SWAPPED, 0, "generated",
                                  "the generated response holds the rewritten sentences, not the copied ones");
    if (opa_text_blank(generated))
        return status;
    if (status == OPA_OK && opa_text_equal(opa_text_trim(generated), opa_text_trim(sample->ground_truth)))
        status = opa_findings_add(findings, OPA_F_IDENTICAL, 0, "ground_truth",
                                  "the ground truth equals the generated response");
    if (status == OPA_OK && opa_text_equal(generated, assessment->alignment.revised))
        status =
            opa_findings_add(findings, OPA_F_UNEDITED, 0, "revised", "the revised response equals the generated one");
    if (status == OPA_OK && opa_text_loops(generated))
        status = opa_findings_add(findings, OPA_F_REPETITION, 0, "generated", "the generated response ends in a loop");
    else if (status == OPA_OK && opa_text_repeats_released(generated))
        status = opa_findings_add(findings, OPA_F_REPETITION_RELEASED, 0, "generated",
                                  "the released filter takes this response for a repetition and drops it");
    return status;
}

static int check_placeholder(const opa_sample *sample, opa_findings *findings)
{
    size_t count = 0;
    if (opa_text_blank(sample->prompt))
        return OPA_OK;
    for (size_t at = 0; (at = opa_text_find(sample->prompt, PLACEHOLDER, at)) != SIZE_MAX; at += PLACEHOLDER.size)
        count++;
    /* What has a place for an image in its format, too, import has looked for. */
    if (!sample->has_image && !sample->image_expected)
        return count == 0 ? OPA_OK
                          : opa_findings_add(findings, OPA_F_IMAGE_MISSING, 0, "prompt",
                                             "<image> stands in the prompt, but the sample has no image");
    /* A prompt without one has its image first; only the released rollouts always write it down. */
    if (count == 1 || (count == 0 && !sample->report_expected))
        return OPA_OK;
    return opa_findings_add(findings, OPA_F_IMAGE_PLACEHOLDER, 0, "prompt",
                            "<image> stands %zu times in the prompt, not once", count);
}

/* ---- lengths ---- */

/* A lower bound of the tokens: no piece of LLaMA's reaches over white space, nor over two words of letters or digits;
 * punctuation may be part of the piece beside it. */
static int count_words(size_t *out, opa_text text)
{
    opa_word *words;
    size_t n;
    *out = 0;
    const int status = opa_words_split(&words, &n, text);
    if (status != OPA_OK)
        return status;
    for (size_t i = 0, in_run = 0; i < n; i++) {
        const unsigned char c = (unsigned char)text.data[words[i].begin];
        const bool solid = c >= 0x80 || (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
        const bool run_ends = i + 1 == n || words[i + 1].begin > words[i].end;
        in_run += solid;
        if (run_ends) {
            *out += in_run ? in_run : 1;
            in_run = 0;
        }
    }
    free(words);
    return OPA_OK;
}

/* How many bytes of @p text to show: at most SHOWN_TEXT, whole characters. */
static int shown(opa_text text)
{
    size_t n = text.size;
    if (n > SHOWN_TEXT)
        for (n = SHOWN_TEXT; n > 0 && ((unsigned char)text.data[n] & 0xC0) == 0x80;)
            n--;
    return (int)n;
}

/* Say that @p text, in tokens, is over @p limit, and what of it lies behind. */
static int report_cut(const opa_text_checker *checker, int code, const char *field, opa_text text, size_t limit,
                      opa_findings *findings)
{
    const size_t from = checker->tokens.begin[limit];
    const opa_text cut = {text.data + from, text.size - from};
    const int n = shown(cut);
    return opa_findings_add(findings, code, 0, field,
                            "%zu tokens, the released code has room for %zu; beyond it: \"%.*s\"%s",
                            checker->tokens.count, limit, n, cut.data, (size_t)n < cut.size ? " ..." : "");
}

/* Put the query together. Returns a lower bound of the tokens that are not words of the prompt; *out is the prompt's
 * part. */
static size_t build_query(opa_buffer *query, opa_span *out, opa_text prompt)
{
    size_t at = 0, next, tokens = QUERY_TOKENS;
    opa_buffer_clear(query);
    opa_buffer_add_text(query, QUERY_HEAD);
    out->begin = query->size;
    while ((next = opa_text_find(prompt, PLACEHOLDER, at)) != SIZE_MAX) {
        opa_buffer_add(query, prompt.data + at, next - at);
        opa_buffer_add_text(query, QUERY_IMAGE);
        at = next + PLACEHOLDER.size;
        tokens += at < prompt.size && prompt.data[at] == '\n' ? IMAGE_LINE_TOKENS : IMAGE_TOKENS;
    }
    opa_buffer_add(query, prompt.data + at, prompt.size - at);
    out->end = query->size;
    opa_buffer_add_text(query, QUERY_TAIL);
    return tokens;
}

static int check_query(opa_text_checker *checker, opa_text prompt, opa_findings *findings)
{
    opa_buffer *query = &checker->query;
    opa_span part;
    size_t words = 0;
    size_t tokens = build_query(query, &part, prompt);
    if (query->failed)
        return OPA_ENOMEM;
    if (checker->encoder) {
        const int status =
            opa_encoder_encode(checker->encoder, &checker->tokens, opa_buffer_text(query), OPA_ENCODE_SPECIAL);
        if (status != OPA_OK || checker->tokens.count <= OPA_CHECK_QUERY_TOKENS)
            return status;
        return report_cut(checker, OPA_F_PROMPT_LONG, "prompt", opa_buffer_text(query), OPA_CHECK_QUERY_TOKENS,
                          findings);
    }
    const int status = count_words(&words, (opa_text){query->data + part.begin, part.end - part.begin});
    tokens += words;
    if (status != OPA_OK || tokens <= OPA_CHECK_QUERY_TOKENS)
        return status;
    return opa_findings_add(
        findings, OPA_F_PROMPT_LONG, 0, "prompt",
        "the released query has at least %zu tokens and room for %d: its end, with \"ASSISTANT:\", is cut", tokens,
        OPA_CHECK_QUERY_TOKENS);
}

static int check_response(opa_text_checker *checker, opa_text text, const char *field, opa_findings *findings)
{
    size_t words = 0;
    if (text.size + 8 < OPA_CHECK_RESPONSE_TOKENS) /* a token stands for a byte at least, BOS and a first space aside */
        return OPA_OK;
    if (checker->encoder) {
        const int status = opa_encoder_encode(checker->encoder, &checker->tokens, text, OPA_ENCODE_SPECIAL);
        if (status != OPA_OK || checker->tokens.count <= OPA_CHECK_RESPONSE_TOKENS)
            return status;
        return report_cut(checker, OPA_F_RESPONSE_LONG, field, text, OPA_CHECK_RESPONSE_TOKENS, findings);
    }
    const int status = count_words(&words, text);
    if (status != OPA_OK || words + 1 <= OPA_CHECK_RESPONSE_TOKENS)
        return status;
    return opa_findings_add(findings, OPA_F_RESPONSE_LONG, 0, field,
                            "at least %zu tokens, the released code has room for %d", words + 1,
                            OPA_CHECK_RESPONSE_TOKENS);
}

static int check_lengths(opa_text_checker *checker, const opa_sample *sample, const opa_assessment *assessment,
                         opa_findings *findings)
{
    const opa_text revised = assessment->alignment.revised;
    int status = OPA_OK;
    if (!opa_text_blank(sample->prompt))
        status = check_query(checker, sample->prompt, findings);
    if (status == OPA_OK)
        status = check_response(checker, sample->generated, "generated", findings);
    if (status == OPA_OK && !opa_text_equal(revised, sample->generated))
        status = check_response(checker, revised, "revised", findings);
    if (status == OPA_OK)
        status = check_response(checker, sample->ground_truth, "ground_truth", findings);
    return status;
}

int opa_text_checker_check(opa_text_checker *checker, const opa_sample *sample, const opa_assessment *assessment,
                           opa_findings *findings)
{
    int status = check_presence(sample, assessment, findings);
    if (status == OPA_OK)
        status = check_relations(sample, assessment, findings);
    if (status == OPA_OK)
        status = check_placeholder(sample, findings);
    if (status == OPA_OK)
        status = check_lengths(checker, sample, assessment, findings);
    return status;
}
