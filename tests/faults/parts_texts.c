/* SPDX-License-Identifier: Apache-2.0 */
/* The parts that need no store: tokenizers, recipes, reports, alignment, images. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parts.h"

static int tokenize(world *w, opa_context *ctx, const char *name)
{
    opa_tokenizer *tokenizer = NULL;
    opa_encoder *encoder = NULL;
    opa_tokens tokens = {0};
    char path[WORLD_PATH_SIZE * 2];
    snprintf(path, sizeof path, "%s/text/%s", getenv("OPA_TEST_DATA"), name);
    int status = name ? opa_tokenizer_open(ctx, &tokenizer, path) : opa_tokenizer_words(ctx, &tokenizer);
    if (status == OPA_OK)
        status = opa_encoder_new(ctx, &encoder, tokenizer);
    if (status == OPA_OK)
        status = opa_encoder_encode(encoder, &tokens,
                                    OPA_TEXT("Two dogs, caf\xC3\xA9s & \xE7\x8C\xAB\xF0\x9F\x90\xB1 on the beach.</s>"),
                                    OPA_ENCODE_SPECIAL);
    if (status == OPA_OK)
        digest_bytes(w, tokens.ids, tokens.count * sizeof *tokens.ids);
    opa_tokens_release(&tokens);
    opa_encoder_free(encoder);
    opa_tokenizer_free(tokenizer);
    return status;
}

int part_tokenize_words(world *w, opa_context *ctx)
{
    return tokenize(w, ctx, NULL);
}

int part_tokenize_llama(world *w, opa_context *ctx)
{
    return tokenize(w, ctx, "llama.json");
}

int part_tokenize_qwen(world *w, opa_context *ctx)
{
    return tokenize(w, ctx, "qwen2.json");
}

int part_tokenize_spm(world *w, opa_context *ctx)
{
    return tokenize(w, ctx, "spm_nfkc.model");
}

int part_recipes(world *w, opa_context *ctx)
{
    size_t count;
    const opa_recipe_builtin *all = opa_recipe_builtins(&count);
    int status = OPA_OK;
    for (size_t i = 0; i < count && status == OPA_OK; i++) {
        opa_recipe *recipe = NULL;
        status = opa_recipe_open(ctx, &recipe, all[i].name);
        if (status == OPA_OK)
            digest_text(w, opa_recipe_json(recipe));
        opa_recipe_free(recipe);
    }
    opa_recipe *from_file = NULL;
    if (status == OPA_OK)
        status = opa_recipe_open(ctx, &from_file, w->recipe);
    if (status == OPA_OK)
        digest_text(w, opa_recipe_json(from_file));
    opa_recipe_free(from_file);
    return status;
}

/* Whole, fenced, with faults of syntax, cut, refused. */
int part_reports(world *w, opa_context *ctx)
{
    static const char *const texts[] = {
        "{\"0\": {\"copied_content\": \"A dog.\", \"score\": \"2\", \"error_type\": \"Correct\", \"object\": "
        "[\"a\", 'b'], \"rewritten content\": \"A cat.\", \"reason\": \"x\"}, \"Added\": \"More.\"}",
        "\"```json\\n{'0': {'copied_content': 'A dog.', 'score': 2, 'rewritten_content': 'A \\\"cat\\\".',},}\\n```\"",
        "\"Here it is: {\\\"0\\\": {\\\"copied_content\\\": \\\"A dog.\\\", \\\"score\\\": 1, "
        "\\\"rewritten_content\\\": \\\"A cat.\\\"}, \\\"1\\\": {\\\"copied_con\"",
        "\"I'm sorry, but I cannot help with that.\"",
        "[{\"copied_content\": \"A dog.\", \"score\": 9}]",
    };
    int status = OPA_OK;
    for (size_t i = 0; i < sizeof texts / sizeof *texts && status == OPA_OK; i++) {
        opa_findings findings = {0};
        opa_report report = {0};
        status = opa_report_parse(ctx, &report, (opa_text){texts[i], strlen(texts[i])}, &findings);
        digest_number(w, report.state);
        for (size_t k = 0; k < report.count && status == OPA_OK; k++) {
            digest_text(w, report.sentences[k].copied);
            digest_text(w, report.sentences[k].rewritten);
        }
        digest_findings(w, &findings);
        opa_report_release(&report);
        opa_findings_release(&findings);
    }
    return status;
}

/* Sentences that are found exactly, nearly, moved, twice and not at all; words that change in the middle. */
int part_align(world *w, opa_context *ctx)
{
    static const char generated[] = "A dog runs on the beach. The sky is blue.  Two boats are at sea, far away. A dog "
                                    "runs on the beach. \xE7\x8C\xAB\xE5\x9C\xA8\xE6\xB2\x99\xE7\x99\xBC\xE4\xB8\x8A.";
    static const char json[] =
        "{\"0\": {\"copied_content\": \"The  sky is \xE2\x80\x98"
        "blue\xE2\x80\x99.\", \"score\": 3, \"rewritten_content\": \"The sky "
        "is grey.\"}, \"1\": {\"copied_content\": \"A dog runs on the beach.\", \"score\": 1, \"rewritten_content\": "
        "\"A cat walks on the sand.\"}, \"2\": {\"copied_content\": \"Two boats were at sea, far awy.\", \"score\": 4, "
        "\"rewritten_content\": \"Two boats were at sea.\"}, \"3\": {\"copied_content\": \"Nothing of that kind.\", "
        "\"score\": 2, \"rewritten_content\": \"x\"}}";
    const opa_sample sample = {.id = OPA_TEXT("x"),
                               .prompt = OPA_TEXT("What?"),
                               .generated = OPA_TEXT(generated),
                               .revised = OPA_TEXT("A cat walks on the sand. Everything else is new here, and long."),
                               .report_expected = true,
                               .report = OPA_TEXT(json)};
    opa_assessment assessment = {0};
    opa_findings findings = {0};
    const int status = opa_assess(ctx, &assessment, &sample, NULL, &findings);
    if (status == OPA_OK) {
        digest_number(w, assessment.alignment.certificate);
        digest_text(w, assessment.alignment.revised);
        for (size_t i = 0; i < assessment.alignment.hunk_count; i++)
            digest_number(w, assessment.alignment.hunks[i].op);
        digest_findings(w, &findings);
    }
    opa_assessment_release(&assessment);
    opa_findings_release(&findings);
    return status;
}

static int decode(world *w, opa_context *ctx, opa_text bytes)
{
    opa_image image = {0};
    opa_findings findings = {0};
    const int status = opa_image_decode(ctx, &image, bytes, 0, &findings);
    if (status == OPA_OK) {
        digest_number(w, image.width);
        digest_bytes(w, image.rgb, (size_t)image.width * image.height * 3);
        digest_findings(w, &findings);
    }
    opa_image_release(&image);
    opa_findings_release(&findings);
    return status;
}

int part_images(world *w, opa_context *ctx)
{
    const int status = decode(w, ctx, w->png);
    return status == OPA_OK ? decode(w, ctx, w->jpeg) : status;
}
