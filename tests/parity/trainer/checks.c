/* SPDX-License-Identifier: Apache-2.0 */
#include "golden.h"

#include <stdlib.h>
#include <string.h>

#include "generate.h"
#include "masking.h"
#include "ops/head.h"

const char *const role_names[ROLES] = {"ground_truth", "generated", "revised"};
static const char *const context_names[2] = {"sft", "dpo"}, *const image_names[2] = {"clean", "masked"};

static void *need(void *p)
{
    if (p == NULL)
        abort();
    return p;
}

void check_prompts(struct golden *g)
{
    struct prompter prompter;
    struct ids ids = {0};
    if (prompter_init(&g->t, &prompter, &g->conversation, g->model->tokenizer) != OPA_OK)
        die(&g->t, "prompter");
    for (size_t i = 0; i < g->sample_count; i++) {
        const struct sample *s = &g->samples[i];
        for (int c = 0; c < 2; c++) {
            if (prompter_encode(&g->t, &prompter, &ids, (opa_text){s->question, strlen(s->question)}, s->image != NULL,
                                (enum context)c) != OPA_OK)
                die(&g->t, s->question);
            /* The released context under another tokenizer kind has another second token: README of the goldens. */
            compare_ids(PROMPT_IDS, context_names[c], ids.data, ids.count, &s->prompt[c]);
        }
    }
    ids_release(&ids);
    prompter_release(&prompter);
    const struct tensor *inv_freq = golden_find(g, "inv_freq");
    if (inv_freq != NULL)
        compare(INV_FREQ, "inv_freq", g->model->llama.inv_freq, inv_freq, g->model->config.text.head_dim / 2);
}

/* ---- pixels ---- */

static void mask_pixels(struct golden *g, struct sample *s, size_t i, size_t n)
{
    const struct tensor *mask = golden_find(g, "mask/%zu", i), *fill = golden_find(g, "mask_fill/%zu", i);
    if (mask == NULL || fill == NULL || mask->size != n) {
        printf("no mask/%zu\n", i);
        kinds[MASK_FILL].failed++;
        return;
    }
    const unsigned char *m = mask->data;
    const float mean = mask_fill(s->pixels[0], 3 * n);
    compare(MASK_FILL, "mask_fill", &mean, fill, 1);
    for (size_t k = 0; k < 3 * n; k++)
        s->pixels[1][k] = m[k % n] ? mean : s->pixels[0][k];
}

void check_pixels(struct golden *g)
{
    if (g->model->config.family != FAMILY_LLAVA)
        return;
    const size_t n = (size_t)g->model->image.size * g->model->image.size;
    for (size_t i = 0; i < g->sample_count; i++) {
        struct sample *s = &g->samples[i];
        struct mapped file;
        char *path = path_join(g->dir, s->image);
        unsigned char *u8 = need(malloc(3 * n));
        s->pixels[0] = need(malloc(3 * n * sizeof(float)));
        s->pixels[1] = need(malloc(3 * n * sizeof(float)));
        if (mapped_open(&g->t, &file, path) != OPA_OK ||
            image_preprocess(g->t.opa, g->t.ops, s->pixels[0], u8, (opa_text){(const char *)file.data, file.size},
                             &g->model->image, NULL) != OPA_OK)
            die(&g->t, path);
        const struct tensor *want = golden_find(g, "image_u8/%zu", i);
        kinds[PIXELS].count += 3 * n;
        if (want == NULL || want->size != 3 * n || memcmp(u8, want->data, 3 * n) != 0) {
            printf("%s: pixels differ\n", path);
            kinds[PIXELS].failed++;
        }
        mask_pixels(g, s, i, n);
        mapped_release(&file);
        free(path);
        free(u8);
    }
}

/* ---- forward ---- */

static void check_features(struct golden *g, const char *who, const struct adapter *adapter, size_t i)
{
    const struct model *m = g->model;
    struct scratch scratch = {0};
    const size_t rows = model_image_rows(m), in = m->config.vision.hidden, out = m->config.text.hidden;
    float *features = need(malloc(rows * in * sizeof *features)),
          *projected = need(malloc(rows * out * sizeof *features));
    const struct tensor *want = golden_find(g, "%s/vision_features/%zu", who, i);
    if (clip_forward(&g->t, &m->clip, adapter, features, g->samples[i].pixels[0], 1, &scratch) != OPA_OK ||
        projector_forward(&g->t, &m->projector, adapter, projected, features, rows, &scratch) != OPA_OK)
        die(&g->t, "features");
    if (want != NULL)
        compare(FEATURES, want->name, features, want, rows * in);
    if ((want = golden_find(g, "%s/projected/%zu", who, i)) != NULL)
        compare(PROJECTED, want->name, projected, want, rows * out);
    scratch_release(&scratch);
    free(features);
    free(projected);
}

/* One response alone: what the goldens are. */
static void score_alone(struct session *s, const struct golden *g, float *logp, const float *features, size_t i, int c,
                        int role)
{
    const struct ids *ids = &g->samples[i].ids[c][role];
    const struct scored response = {ids->data, ids->count, logp};
    const struct branch branch = {features, &response, 1, model_image_rows(g->model)};
    if (session_score(s, &g->samples[i].prompt[c], &branch, 1) != OPA_OK)
        die(s->t, "score");
}

void compare_logits(struct golden *g, const struct session *s, const char *name, const char *note)
{
    const struct tensor *want = golden_find(g, "%s", name);
    const struct cJSON *list = opa_json_get(opa_json_get(opa_json_root(g->json.doc), "scalars"), note);
    const struct llama *llama = &g->model->llama;
    const size_t hidden = llama->config.hidden, vocabulary = llama->config.vocabulary;
    const int32_t node = (int32_t)s->tree.node_count - 1;
    struct ids positions;
    if (want == NULL)
        return;
    ids_of(g, &positions, g->json.doc, list);
    float *rows = need(malloc(positions.count * hidden * sizeof *rows));
    float *logits = need(malloc(positions.count * vocabulary * sizeof *logits));
    for (size_t k = 0; k < positions.count; k++) {
        const size_t p = (size_t)positions.data[k];
        const size_t at = p == 0 ? tree_before(&s->tree, node) : s->tree.nodes[node].begin + p - 1;
        llama_select(g->t.ops, llama, rows + k * hidden, s->h, &at, 1);
    }
    ops_linear_forward(g->t.ops, logits, ops_rows(rows, positions.count, hidden), llama->head, NULL, 1, 0);
    compare(LOGITS, name, logits, want, positions.count * vocabulary);
    free(rows);
    free(logits);
    ids_release(&positions);
}

static void check_alone(struct golden *g, struct session *s, const char *who, const float *const features[2], size_t i)
{
    const bool text = features[0] == NULL;
    for (int c = 0; c < 2; c++) {
        for (int m = 0; m < (text ? 1 : 2); m++) {
            for (int r = 0; r < ROLES; r++) {
                char path[128];
                snprintf(path, sizeof path, text ? "%s%s" : "%s/%s", context_names[c], text ? "" : image_names[m]);
                const struct tensor *want = golden_find(g, "%s/logp/%s/%s/%zu", who, path, role_names[r], i);
                if (want == NULL)
                    continue;
                float *logp = need(malloc((g->samples[i].ids[c][r].count + 1) * sizeof *logp));
                score_alone(s, g, logp, features[m], i, c, r);
                compare(LOGP, want->name, logp, want, g->samples[i].ids[c][r].count);
                if (r == GENERATED && m == 0) {
                    char name[200], note[200];
                    snprintf(name, sizeof name, "%s/logits/%s/generated/%zu", who, path, i);
                    snprintf(note, sizeof note, "note/%s/logits/%s%spositions", who, text ? "" : context_names[c],
                             text ? "" : "/");
                    compare_logits(g, s, name, note);
                }
                if (strcmp(who, "init") == 0 &&
                    (want = golden_find(g, "merged/logp/%s/%s/%zu", path, role_names[r], i)) != NULL)
                    compare(MERGED, want->name, logp, want, g->samples[i].ids[c][r].count);
                free(logp);
            }
        }
    }
}

/* All responses of both images as one tree, against each alone. */
static void check_tree(struct golden *g, struct session *s, const float *const features[2], size_t i)
{
    const struct sample *sample = &g->samples[i];
    const int versions = features[0] ? 2 : 1;
    for (int c = 0; c < 2; c++) {
        struct scored responses[2][ROLES];
        struct branch branches[2];
        for (int m = 0; m < versions; m++) {
            for (int r = 0; r < ROLES; r++)
                responses[m][r] = (struct scored){sample->ids[c][r].data, sample->ids[c][r].count,
                                                  need(malloc(sample->ids[c][r].count * sizeof(float) + 1))};
            branches[m] = (struct branch){features[m], responses[m], ROLES, model_image_rows(g->model)};
        }
        if (session_score(s, &sample->prompt[c], branches, (size_t)versions) != OPA_OK)
            die(s->t, "tree");
        for (int m = 0; m < versions; m++) {
            for (int r = 0; r < ROLES; r++) {
                float *logp = need(malloc((sample->ids[c][r].count + 1) * sizeof *logp));
                score_alone(s, g, logp, features[m], i, c, r);
                compare_floats(TREE, role_names[r], responses[m][r].logp, logp, sample->ids[c][r].count);
                free(logp);
                free(responses[m][r].logp);
            }
        }
    }
}

void compare_greedy(struct golden *g, struct session *s, const char *name, const struct ids *prompt,
                    const float *features, size_t rows)
{
    const struct cJSON *list = opa_json_get(opa_json_get(opa_json_root(g->json.doc), "scalars"), name);
    struct ids want;
    if (list == NULL)
        return;
    ids_of(g, &want, g->json.doc, list);
    struct generate_job job = {.prompt = prompt, .features = features, .rows = rows};
    const struct generate_options options = {
        .max_new_tokens = 24, .eos = g->model->config.eos, .eos_count = g->model->config.eos_count};
    if (generate_batch(s, &job, 1, &options) != OPA_OK)
        die(s->t, name);
    compare_ids(GREEDY, name, job.ids.data, job.ids.count, &want);
    ids_release(&job.ids);
    ids_release(&want);
}

void check_forward(struct golden *g, const char *who, const struct adapter *adapter)
{
    struct session session = {.t = &g->t, .model = g->model, .adapter = adapter};
    for (size_t i = 0; i < g->sample_count; i++) {
        float *features[2] = {NULL, NULL};
        for (int m = 0; m < 2 && g->samples[i].pixels[0] != NULL; m++) {
            features[m] = need(malloc(model_image_rows(g->model) * g->model->config.text.hidden * sizeof(float)));
            if (model_see(&g->t, g->model, adapter, features[m], g->samples[i].pixels[m], 1, &session.scratch) !=
                OPA_OK)
                die(&g->t, "see");
        }
        if (features[0] != NULL)
            check_features(g, who, adapter, i);
        check_alone(g, &session, who, (const float *const *)features, i);
        check_tree(g, &session, (const float *const *)features, i);
        char name[100];
        snprintf(name, sizeof name, "%s/greedy/%zu", who, i);
        compare_greedy(g, &session, name, &g->samples[i].prompt[CONTEXT_SFT], features[0], model_image_rows(g->model));
        free(features[0]);
        free(features[1]);
    }
    session_release(&session);
}

/* The ten vectors of the DPO goldens that a model gives: those of policy and reference, in the released context. */
void check_dpo(struct golden *g, const char *who, const struct adapter *adapter)
{
    static const struct {
        const char *name;
        int role, image;
    } vectors[] = {{"gt", GROUND_TRUTH, 0},
                   {"gen", GENERATED, 0},
                   {"rev", REVISED, 0},
                   {"gt_m", GROUND_TRUTH, 1},
                   {"rev_m", REVISED, 1}};
    struct session session = {.t = &g->t, .model = g->model, .adapter = adapter};
    float *features = need(malloc((model_image_rows(g->model) * g->model->config.text.hidden + 1) * sizeof *features));
    for (size_t i = 0; i < g->sample_count && g->samples[i].pixels[0] != NULL; i++) {
        for (size_t v = 0; v < sizeof vectors / sizeof vectors[0]; v++) {
            const struct tensor *want = golden_find(g, "dpo/%s/%s/%zu", who, vectors[v].name, i);
            const size_t count = g->samples[i].ids[CONTEXT_RELEASE][vectors[v].role].count;
            float *logp = need(malloc((count + 1) * sizeof *logp));
            if (model_see(&g->t, g->model, adapter, features, g->samples[i].pixels[vectors[v].image], 1,
                          &session.scratch) != OPA_OK)
                die(&g->t, "see");
            score_alone(&session, g, logp, features, i, CONTEXT_RELEASE, vectors[v].role);
            if (want != NULL)
                compare(LOGP, want->name, logp, want, count);
            free(logp);
        }
    }
    free(features);
    session_release(&session);
}
