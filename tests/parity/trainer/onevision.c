/* SPDX-License-Identifier: Apache-2.0 */
/* The goldens of LLaVA-OneVision: views, features, rows, log-probs, logits, greedy ids of samples with one image. Of the sample
 * with two images (a sample of ours has one) pixels and features are compared, image by image. */
#include "golden.h"

#include <stdlib.h>
#include <string.h>

#include "vision.h"

struct one {
    char *question, *images[2];
    size_t image_count;
    struct ids prompt, response;
};

static void read_one(struct golden *g, struct one *out, const opa_json *doc)
{
    const struct cJSON *root = opa_json_root(doc);
    *out = (struct one){.question = json_strdup_value(doc, opa_json_get(root, "question"))};
    for (const struct cJSON *image = json_first(opa_json_get(root, "images")); image != NULL; image = json_next(image))
        out->images[out->image_count++] = json_strdup_value(doc, image);
    ids_of(g, &out->prompt, doc, opa_json_get(root, "prompt_ids"));
    ids_of(g, &out->response, doc, opa_json_get(root, "response_ids"));
}

static void release_one(struct one *one)
{
    free(one->question);
    for (size_t i = 0; i < one->image_count; i++)
        free(one->images[i]);
    ids_release(&one->prompt);
    ids_release(&one->response);
}

/* The part of a golden that belongs to image @p at of @p parts. */
static void compare_part(enum kind_id id, const char *what, const float *have, const struct tensor *want, size_t at,
                         size_t parts, size_t count)
{
    if (strcmp(want->dtype, "F32") != 0 || want->size != parts * count * sizeof *have) {
        printf("%s: %zu times %zu numbers, the golden has %zu bytes of %s\n", what, parts, count, want->size,
               want->dtype);
        kinds[id].failed++;
        return;
    }
    compare_floats(id, what, have, (const float *)want->data + at * count, count);
}

/* Features and projections of all views, the base view first, of image @p at of @p parts. */
static void check_views(struct golden *g, struct session *s, const float *pixels, size_t views, size_t i, size_t at,
                        size_t parts)
{
    const struct model *m = g->model;
    const size_t rows = model_view_rows(&m->config), in = m->config.vision.hidden, out = m->config.text.hidden;
    const size_t area = 3 * (size_t)m->image.size * m->image.size;
    float *features = malloc(views * rows * in * sizeof *features),
          *projected = malloc(views * rows * out * sizeof *projected);
    if (features == NULL || projected == NULL)
        abort();
    compare_part(PIXELS, "pixel_values", pixels, golden_find(g, "pixel_values/%zu", i), at, parts, views * area);
    if (clip_forward(&g->t, &m->clip, NULL, features, pixels, views, &s->scratch) != OPA_OK ||
        projector_forward(&g->t, &m->projector, NULL, projected, features, views * rows, &s->scratch) != OPA_OK)
        die(&g->t, "features");
    compare_part(FEATURES, "vision_features", features, golden_find(g, "vision_features/%zu", i), at, parts,
                 views * rows * in);
    compare_part(PROJECTED, "projected", projected, golden_find(g, "projected/%zu", i), at, parts, views * rows * out);
    free(features);
    free(projected);
}

static void check_single(struct golden *g, struct session *s, struct prompter *prompter, const struct one *one,
                         opa_text image, size_t i)
{
    struct vision seen = {0};
    struct ids ids = {0};
    if (prompter_encode(&g->t, prompter, &ids, (opa_text){one->question, strlen(one->question)}, true, CONTEXT_SFT) !=
            OPA_OK ||
        vision_see(s, &seen, image, NULL, 0) != OPA_OK)
        die(&g->t, one->question);
    compare_ids(PROMPT_IDS, one->question, ids.data, ids.count, &one->prompt);
    check_views(g, s, seen.pixels, seen.views, i, 0, 1);
    compare(PROJECTED, "packed", seen.features, golden_find(g, "packed/%zu/0", i),
            seen.rows * g->model->config.text.hidden);
    float *logp = malloc(one->response.count * sizeof *logp);
    const struct scored response = {one->response.data, one->response.count, logp};
    const struct branch branch = {seen.features, &response, 1, seen.rows};
    if (session_score(s, &one->prompt, &branch, 1) != OPA_OK)
        die(s->t, "score");
    compare(LOGP, "logp", logp, golden_find(g, "logp/%zu", i), one->response.count);
    char name[64], note[64];
    snprintf(name, sizeof name, "logits/%zu", i);
    snprintf(note, sizeof note, "note/logits/positions/%zu", i);
    compare_logits(g, s, name, note);
    snprintf(name, sizeof name, "greedy/%zu", i);
    compare_greedy(g, s, name, &one->prompt, seen.features, seen.rows);
    free(logp);
    ids_release(&ids);
    vision_release(&seen);
}

/* Of several images each is one view, padded to a square of the mean colour. */
static void check_one_of_several(struct golden *g, struct session *s, opa_text image, size_t i, size_t at, size_t parts)
{
    image_spec spec = g->model->image;
    float *pixels = malloc(3 * (size_t)spec.size * spec.size * sizeof *pixels);
    spec.mode = IMAGE_PAD;
    if (pixels == NULL || image_preprocess(g->t.opa, g->t.ops, pixels, NULL, image, &spec, NULL) != OPA_OK)
        die(&g->t, "pixels");
    check_views(g, s, pixels, 1, i, at, parts);
    free(pixels);
}

static void check_one(struct golden *g, struct session *s, struct prompter *prompter, const struct one *one, size_t i)
{
    for (size_t k = 0; k < one->image_count; k++) {
        struct mapped file;
        char *path = path_join(g->dir, one->images[k]);
        if (mapped_open(&g->t, &file, path) != OPA_OK)
            die(&g->t, path);
        const opa_text image = {(const char *)file.data, file.size};
        if (one->image_count == 1)
            check_single(g, s, prompter, one, image, i);
        else
            check_one_of_several(g, s, image, i, k, one->image_count);
        mapped_release(&file);
        free(path);
    }
}

void check_onevision(struct golden *g)
{
    struct session session = {.t = &g->t, .model = g->model};
    struct prompter prompter = {0};
    struct conversation conversation = {0};
    char *path = path_join(g->dir, "samples.jsonl");
    opa_json_stream *stream = NULL;
    opa_json_record record;
    if (conversation_open(&g->t, &conversation, "onevision_hf") != OPA_OK ||
        prompter_init(&g->t, &prompter, &conversation, g->model->tokenizer) != OPA_OK ||
        opa_json_stream_open(g->t.opa, &stream, path, NULL, NULL) != OPA_OK)
        die(&g->t, path);
    size_t samples = 0;
    int status;
    for (; (status = opa_json_stream_next(stream, &record)) == OPA_OK; samples++) {
        struct one one;
        opa_json *doc;
        if (opa_json_parse(g->t.opa, &doc, record.bytes, NULL, NULL) != OPA_OK)
            die(&g->t, path);
        read_one(g, &one, doc);
        check_one(g, &session, &prompter, &one, samples);
        release_one(&one);
        opa_json_free(doc);
    }
    golden_check_end(g, path, status, samples);
    opa_json_stream_free(stream);
    prompter_release(&prompter);
    conversation_release(&conversation);
    session_release(&session);
    free(path);
}
