/* SPDX-License-Identifier: Apache-2.0 */
#include "parts.h"

#include <string.h>

static int with_store(world *w, opa_context *ctx, int (*fn)(world *, opa_context *, opa_store *))
{
    opa_store *store = NULL;
    int status = opa_store_open(ctx, &store, w->store);
    if (status == OPA_OK)
        status = fn(w, ctx, store);
    opa_store_free(store);
    return status;
}

static int create(world *w, opa_context *ctx)
{
    return opa_store_create(ctx, w->store);
}

static int import_path(world *w, opa_store *store, const char *path)
{
    const opa_import_options options = {.threads = 1, .finding = digest_finding, .user = w};
    opa_import_report report;
    const uint64_t before = w->digest;
    const int status = opa_store_import(store, &path, 1, &options, &report);
    w->digest = before; /* when it is done again, records are known already */
    return status == OPA_OK && report.files_failed ? OPA_EDATA : status;
}

static int import_one(world *w, opa_context *ctx, opa_store *store)
{
    (void)ctx;
    return import_path(w, store, w->one);
}

static int import_first(world *w, opa_context *ctx)
{
    return with_store(w, ctx, import_one);
}

static int import_two(world *w, opa_context *ctx, opa_store *store)
{
    (void)ctx;
    const int status = import_path(w, store, w->two);
    return status == OPA_OK ? import_path(w, store, w->edits) : status;
}

static opa_text id_of(const world *w)
{
    return (opa_text){w->id, strlen(w->id)};
}

static int edit_revised(world *w, opa_context *ctx, opa_store *store)
{
    (void)ctx;
    return opa_store_set_revised(store, id_of(w), OPA_TEXT("Written by hand."), NULL, "tester");
}

static int edit_report(world *w, opa_context *ctx, opa_store *store)
{
    (void)ctx;
    static const char report[] =
        "{\"0\": {\"copied_content\": \"A dog.\", \"score\": 2, \"error_type\": "
        "\"image_recognition_error\", \"object\": [\"dog\"], \"rewritten_content\": \"A cat.\","
        " \"reason\": \"It is one.\"}}";
    opa_findings findings = {0};
    const int status = opa_store_set_report(store, id_of(w), OPA_TEXT(report), NULL, "tester", &findings);
    if (status == OPA_OK)
        digest_findings(w, &findings);
    opa_findings_release(&findings);
    return status;
}

static int exclude(world *w, opa_context *ctx, opa_store *store)
{
    (void)ctx;
    return opa_store_set_excluded(store, id_of(w), true, "a test", "tester");
}

static int exclude_all(world *w, opa_context *ctx, opa_store *store)
{
    (void)ctx;
    const opa_text ids[] = {id_of(w)};
    return opa_store_set_all_excluded(store, ids, 1, true, "a test", "tester");
}

static int accept(world *w, opa_context *ctx, opa_store *store)
{
    (void)ctx;
    const int status = opa_store_mark_seen(store, id_of(w), "tester");
    return status == OPA_OK ? opa_store_accept(store, id_of(w), NULL, "tester") : status;
}

/* Only tries: the store stays as it is, whether memory is found or not. */
static int rehearse(world *w, opa_context *ctx, opa_store *store)
{
    const int status = opa_store_rehearse(store);
    return status == OPA_OK ? edit_revised(w, ctx, store) : status;
}

static int undo(world *w, opa_context *ctx, opa_store *store)
{
    (void)ctx;
    return opa_store_undo(store, id_of(w), "tester");
}

static int walk(world *w, opa_store *store, enum opa_order order)
{
    opa_cursor *cursor = NULL;
    opa_sample sample;
    int status = opa_store_samples(store, &cursor, order);
    while (status == OPA_OK && (status = opa_cursor_next(cursor, &sample)) == OPA_OK)
        digest_sample(w, &sample);
    opa_cursor_free(cursor);
    return status == OPA_END ? OPA_OK : status;
}

static int digest_outline(void *user, const opa_sample *sample)
{
    digest_text(user, sample->id);
    digest_text(user, sample->generated);
    return 0;
}

static int digest_review(void *user, const opa_reviewed *reviewed)
{
    digest_text(user, reviewed->id);
    digest_number(user, reviewed->review);
    return 0;
}

static int read_all(world *w, opa_context *ctx, opa_store *store)
{
    (void)ctx;
    opa_sample sample;
    opa_text image;
    int64_t samples, images;
    int status = opa_store_counts(store, &samples, &images);
    if (status == OPA_OK)
        status = walk(w, store, OPA_ORDER_SOURCE);
    if (status == OPA_OK)
        status = walk(w, store, OPA_ORDER_KEY);
    if (status == OPA_OK && samples > 0) {
        status = opa_store_sample(store, &sample, id_of(w));
        if (status == OPA_OK)
            digest_sample(w, &sample);
        if (status == OPA_OK && (status = opa_store_image(store, &image, sample.image_sha256)) == OPA_OK)
            digest_text(w, image);
    }
    if (status == OPA_OK)
        status = opa_store_findings(store, (opa_text){0}, digest_finding, w);
    if (status == OPA_OK)
        status = opa_store_records(store, (opa_text){0}, digest_record, w);
    if (status == OPA_OK)
        status = opa_store_log(store, (opa_text){0}, digest_edit, w);
    if (status == OPA_OK)
        status = opa_store_outlines(store, OPA_ORDER_KEY, digest_outline, w);
    if (status == OPA_OK)
        status = opa_store_reviews(store, digest_review, w);
    digest_number(w, samples);
    digest_number(w, images);
    return status;
}

int part_read_store(world *w, opa_context *ctx)
{
    return with_store(w, ctx, read_all);
}

static int check_one(world *w, opa_context *ctx, opa_store *store, opa_checker *checker, const opa_sample *sample)
{
    opa_findings findings = {0};
    opa_assessment assessment = {0};
    opa_image image = {0};
    opa_text bytes;
    int status = opa_assess(ctx, &assessment, sample, NULL, &findings);
    if (status == OPA_OK)
        status = opa_checker_sample(checker, sample, &assessment, &findings);
    if (status == OPA_OK)
        status = opa_store_image(store, &bytes, sample->image_sha256);
    if (status == OPA_OK)
        status = opa_image_decode(ctx, &image, bytes, 0, &findings);
    opa_image_release(&image);
    if (status == OPA_OK)
        status = opa_image_thumbnail(ctx, &image, bytes, 7, 5, &findings);
    if (status == OPA_OK) {
        digest_number(w, assessment.alignment.certificate);
        digest_text(w, assessment.alignment.revised);
        digest_number(w, (int64_t)assessment.alignment.hunk_count);
        digest_findings(w, &findings);
    }
    opa_image_release(&image);
    opa_assessment_release(&assessment);
    opa_findings_release(&findings);
    return status;
}

static int check_all(world *w, opa_context *ctx, opa_store *store)
{
    opa_checker *checker = NULL;
    opa_cursor *cursor = NULL;
    opa_sample sample;
    int status = opa_checker_new(ctx, &checker, NULL);
    for (int pass = 0; pass < 2 && status == OPA_OK; pass++) {
        status = opa_store_samples(store, &cursor, OPA_ORDER_SOURCE);
        while (status == OPA_OK && (status = opa_cursor_next(cursor, &sample)) == OPA_OK)
            status = pass ? check_one(w, ctx, store, checker, &sample) : opa_checker_note(checker, &sample);
        opa_cursor_free(cursor);
        status = status == OPA_END ? OPA_OK : status;
    }
    opa_checker_free(checker);
    return status;
}

static int check(world *w, opa_context *ctx)
{
    return with_store(w, ctx, check_all);
}

static int pack_store(world *w, opa_context *ctx, opa_store *store)
{
    opa_pack_options options = OPA_PACK_OPTIONS_INIT;
    opa_recipe *recipe = NULL;
    opa_tokenizer *tokenizer = NULL;
    opa_pack_report report;
    const uint64_t before = w->digest;
    int status = opa_recipe_open(ctx, &recipe, NULL);
    if (status == OPA_OK)
        status = opa_tokenizer_parse(ctx, &tokenizer, w->tokenizer);
    if (status == OPA_OK) {
        options.recipe = recipe;
        options.tokenizer = tokenizer;
        options.threads = 1;
        options.finding = digest_finding;
        options.user = w;
        status = opa_pack_write(ctx, store, w->out, &options, &report);
    }
    if (status != OPA_OK)
        w->digest = before;
    opa_tokenizer_free(tokenizer);
    opa_recipe_free(recipe);
    return status;
}

static int pack(world *w, opa_context *ctx)
{
    return with_store(w, ctx, pack_store);
}

static int read_pack(world *w, opa_context *ctx)
{
    opa_pack *p = NULL;
    opa_pack_members members;
    opa_sample sample;
    size_t at = 0;
    int status = opa_pack_open(ctx, &p, w->pack);
    if (status == OPA_OK && !opa_pack_find(p, &at, id_of(w)))
        status = OPA_ENOENT;
    if (status == OPA_OK)
        status = opa_pack_read(p, &members, at);
    if (status == OPA_OK) {
        digest_text(w, members.json);
        digest_text(w, members.image);
        status = opa_pack_sample(p, &sample, &members);
    }
    if (status == OPA_OK)
        digest_sample(w, &sample);
    opa_pack_free(p);
    return status;
}

static int verify_pack(world *w, opa_context *ctx)
{
    int64_t samples = 0;
    const int status = opa_pack_verify(ctx, w->pack, NULL, digest_finding, w, &samples);
    digest_number(w, samples);
    return status;
}

static int doctor(world *w, opa_context *ctx)
{
    opa_store_verify_report report;
    const int status = opa_store_verify(ctx, w->store, NULL, digest_finding, w, &report);
    digest_number(w, report.samples);
    digest_number(w, report.findings);
    return status;
}

/* The whole way in one run, as a program goes it. */
static int whole_round(world *w, opa_context *ctx)
{
    int64_t samples = 0;
    int status = opa_store_create(ctx, w->store);
    if (status == OPA_OK)
        status = import_first(w, ctx);
    if (status == OPA_OK)
        status = check(w, ctx);
    if (status == OPA_OK)
        status = pack(w, ctx);
    return status == OPA_OK ? opa_pack_verify(ctx, w->out, NULL, digest_finding, w, &samples) : status;
}

/* ---- the table ---- */

const part parts[] = {
    {"create", create, STORES, NOTHING, false},
    {"import into an empty store", import_first, STORES, EMPTY, false},
    {"import more", NULL, STORES, FULL, false, .on_store = import_two},
    {"read a store", part_read_store, READS, FULL, false},
    {"check", check, READS, FULL, false},
    {"set a revised text", NULL, STORES, FULL, false, .on_store = edit_revised},
    {"set a report", NULL, STORES, FULL, false, .on_store = edit_report},
    {"exclude", NULL, STORES, FULL, false, .on_store = exclude},
    {"exclude many", NULL, STORES, FULL, false, .on_store = exclude_all},
    {"accept", NULL, STORES, FULL, false, .on_store = accept},
    {"rehearse an edit", NULL, STORES, FULL, false, .on_store = rehearse},
    {"undo", NULL, STORES, FULL, false, .on_store = undo},
    {"doctor", doctor, READS, FULL, false},
    {"pack", pack, PACKS, FULL, false},
    {"pack over another", pack, PACKS, FULL, true},
    {"read a pack", read_pack, READS, NOTHING, false},
    {"verify", verify_pack, READS, NOTHING, false},
    {"tokenizer of words", part_tokenize_words, READS, NOTHING, false},
    {"tokenizer of llama", part_tokenize_llama, READS, NOTHING, false},
    {"tokenizer of qwen2", part_tokenize_qwen, READS, NOTHING, false},
    {"tokenizer of sentencepiece", part_tokenize_spm, READS, NOTHING, false},
    {"recipes", part_recipes, READS, NOTHING, false},
    {"reports", part_reports, READS, NOTHING, false},
    {"align", part_align, READS, NOTHING, false},
    {"images", part_images, READS, NOTHING, false},
    {"the whole round", whole_round, BOTH, NOTHING, false},
};

int part_run(const part *p, world *w, opa_context *ctx)
{
    return p->on_store ? with_store(w, ctx, p->on_store) : p->run(w, ctx);
}

const size_t part_count = sizeof parts / sizeof *parts;
