/* SPDX-License-Identifier: Apache-2.0 */
/* Compares a model against a case of goldens (a folder with checkpoint/, samples.jsonl, images/, golden.safetensors and
 * adapters, made by tests/parity/make_case.py or its like): prompt ids, pixels, features, logits, log-probs in all contexts
 * and images, adapters, greedy ids. Prints a line for each kind of number with its largest and mean distance and exits 1
 * when one is over its tolerance.
 *
 *     golden CASE_DIR [THREADS]
 */
#include "golden.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "generate.h"
#include "json_fields.h"
#include "ops/blas.h"
#include "ops/head.h"

/* ---- tolerances and what was found ---- */

struct kind kinds[KINDS] = {
    [PROMPT_IDS] = {.name = "prompt ids"},
    [PIXELS] = {.name = "pixels, u8"},
    [MASK_FILL] = {.name = "mask fill", .most = 1e-6},
    [FEATURES] = {.name = "vision features", .most = 5e-5},
    [PROJECTED] = {.name = "projected", .most = 5e-5},
    [LOGITS] = {.name = "logits", .most = 3e-4},
    [LOGP] = {.name = "log-probs", .most = 5e-4, .mean = 5e-5},
    [MERGED] = {.name = "merged against unmerged", .most = 1e-4},
    [GREEDY] = {.name = "greedy ids"},
    [INV_FREQ] = {.name = "inverse frequencies", .most = 1e-7},
    [TREE] = {.name = "tree against single", .most = 1e-4},
    /* shares of the largest number, or of the number */
    [SFT_LOSS] = {.name = "SFT loss", .most = 1e-5},
    [DPO_LOSS] = {.name = "DPO loss", .most = 1e-4},
    [GRADIENT] = {.name = "gradients", .most = 5e-4},
    [GRADIENT_NORM] = {.name = "gradient norms", .most = 3e-4},
    [GROUPING] = {.name = "gradients, regrouped", .most = 2e-5},
    [RECOMPUTED] = {.name = "gradients, run again"},
    [TRAINED] = {.name = "adapters after updates", .most = 3e-4, .mean = 1e-5},
    [TRAINING] = {.name = "losses, norms, rates", .most = 5e-4},
};

void compare(enum kind_id id, const char *what, const float *have, const struct tensor *want, size_t count)
{
    struct kind *kind = &kinds[id];
    const float *w = want->data;
    size_t n = 1;
    for (size_t i = 0; i < want->rank; i++)
        n *= want->shape[i];
    if (n != count || strcmp(want->dtype, "F32") != 0) {
        printf("%s: %zu numbers, the golden has %zu of %s\n", what, count, n, want->dtype);
        kind->failed++;
        return;
    }
    compare_floats(id, what, have, w, count);
}

void compare_floats(enum kind_id id, const char *what, const float *have, const float *want, size_t count)
{
    struct kind *kind = &kinds[id];
    double most = 0;
    for (size_t i = 0; i < count; i++) {
        const double d = fabs((double)have[i] - (double)want[i]);
        most = d > most || isnan(d) ? d : most;
        kind->sum += d;
    }
    kind->count += count;
    kind->largest = most > kind->largest || isnan(most) ? most : kind->largest;
    if (!(most <= kind->most)) {
        printf("%s: off by %.3g\n", what, most);
        kind->failed++;
    }
}

void compare_ids(enum kind_id id, const char *what, const int32_t *have, size_t have_count, const struct ids *want)
{
    struct kind *kind = &kinds[id];
    size_t same = 0;
    while (same < have_count && same < want->count && have[same] == want->data[same])
        same++;
    kind->count += want->count;
    if (same < have_count || same < want->count) {
        printf("%s: differs at place %zu of %zu (%zu here)\n", what, same, want->count, have_count);
        kind->failed++;
    }
}

/* Nothing compared is a failure, too. */
static int report(void)
{
    int failed = 0;
    size_t compared = 0;
    for (int i = 0; i < KINDS; i++) {
        const struct kind *k = &kinds[i];
        const double mean = k->count ? k->sum / (double)k->count : 0;
        const bool bad = k->failed > 0 || (k->mean > 0 && !(mean <= k->mean));
        if (k->count > 0 || k->failed > 0)
            printf("%-24s %9zu numbers, off by at most %.2g, on average %.2g%s\n", k->name, k->count, k->largest, mean,
                   bad ? "  FAILED" : "");
        failed += bad;
        compared += k->count;
    }
    if (compared == 0)
        printf("nothing was compared\n");
    return failed + (compared == 0);
}

void die(const struct trainer *t, const char *what)
{
    fprintf(stderr, "%s: %s\n", what, t->message);
    exit(2);
}

void golden_check_end(const struct golden *g, const char *path, int status, size_t samples)
{
    if (status == OPA_END && samples > 0)
        return;
    if (status == OPA_OK)
        fprintf(stderr, "%s: more samples than there is room for (%zu)\n", path, samples);
    else
        fprintf(stderr, "%s: %zu samples, and then status %d: %s\n", path, samples, status,
                opa_context_message(g->t.opa));
    exit(2);
}

/* ---- the case ---- */

struct tensor *golden_find(const struct golden *g, const char *format, ...)
{
    char name[256];
    va_list args;
    va_start(args, format);
    vsnprintf(name, sizeof name, format, args);
    va_end(args);
    return safetensors_find(g->golden, name);
}

/* Is there a tensor whose name begins so? The light case was not trained. */
bool golden_has(const struct golden *g, const char *prefix)
{
    for (size_t i = 0; i < g->golden->count; i++) {
        if (strncmp(g->golden->tensors[i].name, prefix, strlen(prefix)) == 0)
            return true;
    }
    return false;
}

void ids_of(struct golden *g, struct ids *out, const opa_json *doc, const struct cJSON *list)
{
    *out = (struct ids){0};
    for (const struct cJSON *item = json_first(list); item != NULL; item = json_next(item)) {
        int64_t n = 0;
        opa_json_integer(doc, item, &n);
        if (ids_add(&g->t, out, (int32_t)n) != OPA_OK)
            die(&g->t, "ids");
    }
}

static void read_sample(struct golden *g, struct sample *out, const opa_json *doc)
{
    const struct cJSON *root = opa_json_root(doc), *responses = opa_json_get(root, "responses");
    out->question = json_strdup_value(doc, opa_json_get(root, "question"));
    out->image = json_strdup_value(doc, opa_json_get(root, "image"));
    ids_of(g, &out->prompt[CONTEXT_SFT], doc, opa_json_get(root, "prompt_ids_sft"));
    ids_of(g, &out->prompt[CONTEXT_RELEASE], doc, opa_json_get(root, "prompt_ids_dpo"));
    for (int r = 0; r < ROLES; r++) {
        const struct cJSON *response = opa_json_get(responses, role_names[r]);
        ids_of(g, &out->ids[CONTEXT_SFT][r], doc, opa_json_get(response, "ids_sft"));
        ids_of(g, &out->ids[CONTEXT_RELEASE][r], doc, opa_json_get(response, "ids_dpo"));
    }
}

static void read_samples(struct golden *g)
{
    char *path = path_join(g->dir, "samples.jsonl");
    opa_json_stream *stream;
    opa_json_record record;
    if (opa_json_stream_open(g->t.opa, &stream, path, NULL, NULL) != OPA_OK)
        die(&g->t, path);
    int status;
    while ((status = opa_json_stream_next(stream, &record)) == OPA_OK && g->sample_count < MAX_SAMPLES) {
        opa_json *doc;
        if (opa_json_parse(g->t.opa, &doc, record.bytes, NULL, NULL) != OPA_OK)
            die(&g->t, path);
        read_sample(g, &g->samples[g->sample_count++], doc);
        opa_json_free(doc);
    }
    golden_check_end(g, path, status, g->sample_count);
    opa_json_stream_free(stream);
    free(path);
}

static void open_case(struct golden *g, const char *dir)
{
    const struct model_options options = {0};
    g->dir = dir;
    char *checkpoint = path_join(dir, "checkpoint"), *file = path_join(dir, "golden.safetensors");
    char *json = path_join(dir, "golden.json");
    if (opa_context_new(&g->t.opa) != OPA_OK || ops_context_new(&g->t.ops, g->threads) != 0)
        die(&g->t, "contexts");
    if (model_open(&g->t, &g->model, checkpoint, &options) != OPA_OK)
        die(&g->t, checkpoint);
    if (safetensors_open(&g->t, &g->golden, file, "") != OPA_OK || json_file_open(&g->t, &g->json, json) != OPA_OK ||
        conversation_open(&g->t, &g->conversation, "vicuna_v1") != OPA_OK)
        die(&g->t, dir);
    free(checkpoint);
    free(file);
    free(json);
}

static void close_case(struct golden *g)
{
    for (size_t i = 0; i < g->sample_count; i++) {
        struct sample *s = &g->samples[i];
        free(s->question);
        free(s->image);
        free(s->pixels[0]);
        free(s->pixels[1]);
        for (int c = 0; c < 2; c++) {
            ids_release(&s->prompt[c]);
            for (int r = 0; r < ROLES; r++)
                ids_release(&s->ids[c][r]);
        }
    }
    conversation_release(&g->conversation);
    json_file_release(&g->json);
    safetensors_free(g->golden);
    model_free(g->model);
    ops_context_free(g->t.ops);
    opa_context_free(g->t.opa);
}

static struct adapter *open_adapter(struct golden *g, const char *name)
{
    char *dir = path_join(g->dir, name);
    struct adapter *adapter;
    if (adapter_open(&g->t, &adapter, dir, g->model) != OPA_OK)
        die(&g->t, dir);
    free(dir);
    return adapter;
}

static void check_all(struct golden *g)
{
    read_samples(g);
    check_prompts(g);
    check_pixels(g);
    check_forward(g, "base", NULL);
    struct adapter *adapter = open_adapter(g, "adapter_init");
    check_forward(g, "init", adapter);
    check_dpo(g, "reference", adapter);
    adapter_free(adapter);
    adapter = open_adapter(g, "adapter_policy");
    check_dpo(g, "policy", adapter);
    adapter_free(adapter);
    if (golden_has(g, "sft/adapter_init/grad/"))
        check_gradients(g);
    check_training(g);
}

int main(int argc, char **argv)
{
    ops_blas_choose_core(argv);
    if (argc < 2) {
        fprintf(stderr, "usage: golden CASE_DIR [THREADS]\n");
        return 2;
    }
    struct golden g = {.threads = argc > 2 ? atoi(argv[2]) : 0};
    open_case(&g, argv[1]);
    if (g.model->config.family == FAMILY_ONEVISION)
        check_onevision(&g);
    else
        check_all(&g);
    close_case(&g);
    return report() > 0;
}
