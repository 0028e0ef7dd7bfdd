/* SPDX-License-Identifier: Apache-2.0 */
/* Gradients of the adapters: of the SFT loss for each set of targets, and of DPO, whose slopes by log-prob are goldens too. Each
 * in several ways that must agree: all samples in one forest, each response alone, activations kept or made again. */
#include "golden.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "train.h"

enum { VERSIONS = 2, MOST = MAX_SAMPLES * VERSIONS * ROLES };

/* What a loss reads: responses under images, with their log-probs and slopes. */
struct response_golden {
    size_t sample;
    int version, role; /* version 1: masked */
    double *logp, *slope;
};

struct gradients {
    struct golden *g;
    enum context context;
    struct params params;
    float *images[MAX_SAMPLES][VERSIONS]; /* as train_stage() says; owned unless pixels */
    struct response_golden responses[MOST];
    size_t count;
};

static void *need(void *p)
{
    if (p == NULL)
        abort();
    return p;
}

/* ---- images, responses ---- */

static void make_images(struct gradients *x)
{
    struct golden *g = x->g;
    const struct model *m = g->model;
    const enum image_stage stage = train_stage(&x->params);
    struct scratch scratch = {0};
    for (size_t i = 0; i < g->sample_count; i++) {
        for (int v = 0; v < VERSIONS && g->samples[i].pixels[v] != NULL; v++) {
            const float *pixels = g->samples[i].pixels[v];
            const size_t width = stage == IMAGE_PROJECTED ? m->config.text.hidden : m->config.vision.hidden;
            float *out = x->images[i][v] = g->samples[i].pixels[v];
            if (stage != IMAGE_PIXELS)
                out = x->images[i][v] = need(malloc(model_image_rows(m) * width * sizeof *out));
            if ((stage == IMAGE_PROJECTED &&
                 model_see(&g->t, m, &x->params.adapter, out, pixels, 1, &scratch) != OPA_OK) ||
                (stage == IMAGE_FEATURES &&
                 clip_forward(&g->t, &m->clip, &x->params.adapter, out, pixels, 1, &scratch) != OPA_OK))
                die(&g->t, "images");
        }
    }
    scratch_release(&scratch);
}

static size_t length(const struct gradients *x, const struct response_golden *r)
{
    return x->g->samples[r->sample].ids[x->context][r->role].count;
}

static struct response_golden *add(struct gradients *x, size_t sample, int version, int role)
{
    struct response_golden *r = &x->responses[x->count++];
    *r = (struct response_golden){.sample = sample, .version = version, .role = role};
    r->logp = need(calloc(length(x, r) + 1, sizeof *r->logp));
    r->slope = need(calloc(length(x, r) + 1, sizeof *r->slope));
    return r;
}

static void release(struct gradients *x)
{
    for (size_t i = 0; i < x->g->sample_count; i++) {
        for (int v = 0; v < VERSIONS; v++) {
            if (train_stage(&x->params) != IMAGE_PIXELS)
                free(x->images[i][v]);
        }
    }
    for (size_t i = 0; i < x->count; i++) {
        free(x->responses[i].logp);
        free(x->responses[i].slope);
    }
    params_release(&x->params);
}

/* ---- passes ---- */

static struct train_response as_response(const struct gradients *x, const struct response_golden *r)
{
    const struct ids *ids = &x->g->samples[r->sample].ids[x->context][r->role];
    return (struct train_response){ids->data, ids->count, r->logp, r->slope};
}

/* The samples as prefix trees: responses of a sample and a version below one image. */
struct forest {
    struct train_sample samples[MAX_SAMPLES];
    struct train_branch branches[MAX_SAMPLES][VERSIONS];
    struct train_response responses[MAX_SAMPLES][VERSIONS][ROLES];
};

static size_t plant(struct forest *f, const struct gradients *x)
{
    const struct golden *g = x->g;
    for (size_t i = 0; i < g->sample_count; i++) {
        size_t versions = 0;
        for (int v = 0; v < VERSIONS; v++) {
            size_t n = 0;
            for (size_t k = 0; k < x->count; k++) {
                if (x->responses[k].sample == i && x->responses[k].version == v)
                    f->responses[i][v][n++] = as_response(x, &x->responses[k]);
            }
            if (n > 0)
                f->branches[i][versions++] = (struct train_branch){x->images[i][v], f->responses[i][v], n};
        }
        f->samples[i] = (struct train_sample){&g->samples[i].prompt[x->context], f->branches[i], versions};
    }
    return g->sample_count;
}

static struct train *open_pass(struct gradients *x, size_t kept)
{
    struct golden *g = x->g;
    static struct forest f;
    struct train_plan plan;
    struct train_size most = {0};
    struct train *train;
    const size_t n = plant(&f, x);
    for (size_t i = 0; i < n; i++) {
        const struct train_size size = train_size(g->model, &f.samples[i]);
        most.tokens += size.tokens;
        most.targets += size.targets;
        most.images += size.images;
    }
    if (train_plan(&g->t, &plan, g->model, &x->params, most, 0, 0) != OPA_OK)
        die(&g->t, "plan");
    if (kept > 0) {
        plan.kept = kept;
        plan.kept_vision = plan.layers_vision > 0;
    }
    if (train_open(&g->t, &train, g->model, &x->params, &plan) != OPA_OK)
        die(&g->t, "open");
    return train;
}

static void one_forest(struct gradients *x, struct train *train, bool back)
{
    static struct forest f;
    const size_t n = plant(&f, x);
    if (train_forward(train, f.samples, n) != OPA_OK || (back && train_backward(train, f.samples, n) != OPA_OK))
        die(&x->g->t, "pass");
}

static void each_alone(struct gradients *x, struct train *train)
{
    for (size_t i = 0; i < x->count; i++) {
        const struct response_golden *r = &x->responses[i];
        const struct train_response response = as_response(x, r);
        const struct train_branch branch = {x->images[r->sample][r->version], &response, 1};
        const struct train_sample sample = {&x->g->samples[r->sample].prompt[x->context], &branch, 1};
        if (train_forward(train, &sample, 1) != OPA_OK || train_backward(train, &sample, 1) != OPA_OK)
            die(&x->g->t, "pass");
    }
}

/* ---- comparison ---- */

static const struct param *find_param(const struct gradients *x, const char *key)
{
    char path[256];
    struct name name;
    const char *lora = strstr(key, ".lora_");
    snprintf(path, sizeof path, "%.*s", (int)(lora - key), key);
    if (!name_parse(&name, path + strlen("base_model.model.")))
        return NULL;
    for (size_t i = 0; i < x->params.list_count; i++) {
        const struct param *p = &x->params.list[i];
        const struct loader_module *m = &x->g->model->loader.modules[p->id];
        if (m->part == name.part && strcmp(m->rest, name.rest) == 0 && p->is_b == (lora[6] == 'B') && !p->idle)
            return p;
    }
    return NULL;
}

/* Distances are counted in the tensor's largest number. */
static void compare_scaled(enum kind_id id, const char *what, const float *have, const float *want, size_t n)
{
    double largest = 0;
    float *h = need(malloc((n + 1) * sizeof *h)), *w = need(malloc((n + 1) * sizeof *w));
    for (size_t i = 0; i < n; i++)
        largest = fmax(largest, fabs((double)want[i]));
    for (size_t i = 0; i < n; i++) {
        h[i] = (float)(have[i] / largest);
        w[i] = (float)(want[i] / largest);
    }
    compare_floats(id, what, h, w, n);
    free(h);
    free(w);
}

static double f64_scalar(const struct golden *g, const char *format, const char *what)
{
    char name[200];
    double value = NAN;
    snprintf(name, sizeof name, format, what);
    const struct cJSON *scalar = opa_json_get(opa_json_get(opa_json_root(g->json.doc), "scalars"), name);
    opa_json_number(g->json.doc, opa_json_get(scalar, "f64"), &value);
    return value;
}

static void compare_scalar(enum kind_id id, const char *what, double have, double want)
{
    const float h = (float)(have / want), one = 1;
    compare_floats(id, what, &h, &one, 1);
}

/* Every gradient that the goldens have below "@p what/grad/", and the norm over all. */
static void compare_gradients(const struct gradients *x, const char *what)
{
    const struct golden *g = x->g;
    char prefix[100];
    size_t found = 0;
    double squares = 0;
    snprintf(prefix, sizeof prefix, "%s/grad/", what);
    for (size_t i = 0; i < g->golden->count; i++) {
        const struct tensor *want = &g->golden->tensors[i];
        if (strncmp(want->name, prefix, strlen(prefix)) != 0)
            continue;
        const struct param *p = find_param(x, want->name + strlen(prefix));
        found++;
        if (p == NULL || want->shape[0] != p->rows || want->shape[1] != p->cols) {
            printf("%s: no such parameter\n", want->name);
            kinds[GRADIENT].failed++;
            continue;
        }
        compare_scaled(GRADIENT, want->name, x->params.gradient + p->offset, want->data, p->rows * p->cols);
    }
    for (size_t i = 0; i < x->params.count; i++)
        squares += (double)x->params.gradient[i] * (double)x->params.gradient[i];
    compare_scalar(GRADIENT_NORM, what, sqrt(squares), f64_scalar(g, "%s/grad_norm", what));
    if (found == 0) {
        printf("%s: no gradients in the goldens\n", prefix);
        kinds[GRADIENT].failed++;
    }
}

/* In one forest; then with layers run again, which must give the same bits; then each response alone. */
static void compare_ways(struct gradients *x, const char *what)
{
    const size_t bytes = x->params.count * sizeof(float);
    float *first = need(malloc(bytes + 1));
    struct train *train = open_pass(x, 0), *again = open_pass(x, 1);
    params_zero_gradient(&x->params);
    one_forest(x, train, true);
    compare_gradients(x, what);
    memcpy(first, x->params.gradient, bytes);
    params_zero_gradient(&x->params);
    one_forest(x, again, true);
    kinds[RECOMPUTED].count += x->params.count;
    if (memcmp(first, x->params.gradient, bytes) != 0) {
        printf("%s: other bits when layers are run again\n", what);
        kinds[RECOMPUTED].failed++;
    }
    params_zero_gradient(&x->params);
    each_alone(x, train);
    compare_gradients(x, what);
    compare_scaled(GROUPING, what, x->params.gradient, first, x->params.count);
    train_free(train);
    train_free(again);
    free(first);
}

/* ---- SFT ---- */

static void check_sft(struct golden *g, const char *name, enum targets targets)
{
    struct adapter *start;
    struct gradients x = {.g = g, .context = CONTEXT_SFT};
    char *dir = path_join(g->dir, name), what[100];
    double loss = 0;
    size_t tokens = 0;
    snprintf(what, sizeof what, "sft/%s", name);
    if (adapter_open(&g->t, &start, dir, g->model) != OPA_OK ||
        params_from(&g->t, &x.params, g->model, targets, start) != OPA_OK)
        die(&g->t, dir);
    make_images(&x);
    for (size_t i = 0; i < g->sample_count; i++) {
        for (int role = GROUND_TRUTH; role < ROLES; role += REVISED - GROUND_TRUTH)
            tokens += length(&x, add(&x, i, 0, role));
    }
    for (size_t i = 0; i < x.count; i++) {
        for (size_t k = 0; k < length(&x, &x.responses[i]); k++)
            x.responses[i].slope[k] = -1 / (double)tokens;
    }
    compare_ways(&x, what);
    for (size_t i = 0; i < x.count; i++) {
        for (size_t k = 0; k < length(&x, &x.responses[i]); k++)
            loss -= x.responses[i].logp[k] / (double)tokens;
    }
    compare_scalar(SFT_LOSS, what, loss, f64_scalar(g, "%s/loss", what));
    release(&x);
    adapter_free(start);
    free(dir);
}

/* ---- DPO ---- */

static const struct {
    const char *name;
    int version, role;
} dpo_vectors[] = {{"gt", 0, GROUND_TRUTH},
                   {"gen", 0, GENERATED},
                   {"rev", 0, REVISED},
                   {"gt_m", 1, GROUND_TRUTH},
                   {"rev_m", 1, REVISED}};

static void open_policy(struct gradients *x, struct adapter **start)
{
    struct golden *g = x->g;
    char *dir = path_join(g->dir, "adapter_policy");
    if (adapter_open(&g->t, start, dir, g->model) != OPA_OK ||
        params_from(&g->t, &x->params, g->model, TARGETS_LLM, *start) != OPA_OK)
        die(&g->t, dir);
    make_images(x);
    free(dir);
}

/* The five responses of each sample, with the golden slopes of @p objective. */
static void check_opa_dpo(struct golden *g, const char *objective)
{
    struct adapter *start;
    struct gradients x = {.g = g, .context = CONTEXT_RELEASE};
    char what[100];
    snprintf(what, sizeof what, "dpo/%s", objective);
    open_policy(&x, &start);
    for (size_t i = 0; i < g->sample_count; i++) {
        for (size_t v = 0; v < sizeof dpo_vectors / sizeof dpo_vectors[0]; v++) {
            struct response_golden *r = add(&x, i, dpo_vectors[v].version, dpo_vectors[v].role);
            const struct tensor *slope = golden_find(g, "%s/dlogp/%s/%zu", what, dpo_vectors[v].name, i);
            if (slope == NULL || slope->shape[0] != length(&x, r))
                die(&g->t, "dlogp");
            for (size_t k = 0; k < length(&x, r); k++)
                r->slope[k] = ((const float *)slope->data)[k];
        }
    }
    compare_ways(&x, what);
    for (size_t k = 0; k < x.count; k++) {
        const struct response_golden *r = &x.responses[k];
        const struct tensor *want = golden_find(g, "dpo/policy/%s/%zu", dpo_vectors[k % 5].name, r->sample);
        float *logp = need(malloc((length(&x, r) + 1) * sizeof *logp));
        for (size_t i = 0; i < length(&x, r); i++)
            logp[i] = (float)r->logp[i];
        compare(LOGP, want->name, logp, want, length(&x, r));
        free(logp);
    }
    release(&x);
    adapter_free(start);
}

static double log_ratio(const struct gradients *x, size_t at, double *const reference[])
{
    double sum = 0;
    for (size_t k = 0; k < length(x, &x->responses[at]); k++)
        sum += x->responses[at].logp[k] - reference[at][k];
    return sum;
}

/* Log-probs of all responses under "adapter_init". */
static void make_reference(struct golden *g, const struct gradients *policy, double *reference[])
{
    struct gradients x = *policy;
    struct adapter *start;
    char *dir = path_join(g->dir, "adapter_init");
    for (size_t i = 0; i < x.count; i++)
        x.responses[i].logp = reference[i] = need(malloc((length(&x, &x.responses[i]) + 1) * sizeof(double)));
    if (adapter_open(&g->t, &start, dir, g->model) != OPA_OK ||
        params_from(&g->t, &x.params, g->model, TARGETS_LLM, start) != OPA_OK)
        die(&g->t, dir);
    struct train *train = open_pass(&x, 0);
    one_forest(&x, train, false);
    train_free(train);
    params_release(&x.params);
    adapter_free(start);
    free(dir);
}

/* Text: -log sigmoid(0.1 (D_GT - D_Gen)), the mean over samples, against "adapter_init". */
static void check_sigmoid(struct golden *g)
{
    struct adapter *start;
    struct gradients x = {.g = g, .context = CONTEXT_SFT};
    double *reference[MOST], loss = 0;
    const double beta = 0.1, n = (double)g->sample_count;
    open_policy(&x, &start);
    for (size_t i = 0; i < g->sample_count; i++) {
        add(&x, i, 0, GROUND_TRUTH);
        add(&x, i, 0, GENERATED);
    }
    make_reference(g, &x, reference);
    struct train *train = open_pass(&x, 0);
    one_forest(&x, train, false);
    train_free(train);
    for (size_t i = 0; i < x.count; i += 2) {
        const double z = beta * (log_ratio(&x, i, reference) - log_ratio(&x, i + 1, reference));
        loss += log1p(exp(-z)) / n;
        for (size_t k = 0; k < length(&x, &x.responses[i]); k++)
            x.responses[i].slope[k] = -beta / (1 + exp(z)) / n;
        for (size_t k = 0; k < length(&x, &x.responses[i + 1]); k++)
            x.responses[i + 1].slope[k] = beta / (1 + exp(z)) / n;
    }
    compare_scalar(DPO_LOSS, "dpo_sigmoid", loss, f64_scalar(g, "%s/loss", "dpo_sigmoid"));
    compare_ways(&x, "dpo_sigmoid");
    for (size_t i = 0; i < x.count; i++)
        free(reference[i]);
    release(&x);
    adapter_free(start);
}

/* A case may have the goldens of all layers only. */
static void check_sft_where_known(struct golden *g, const char *adapter, enum targets targets)
{
    char prefix[80];
    snprintf(prefix, sizeof prefix, "sft/%s/grad/", adapter);
    if (golden_has(g, prefix))
        check_sft(g, adapter, targets);
}

void check_gradients(struct golden *g)
{
    if (g->model->config.family == FAMILY_LLAVA) {
        check_sft_where_known(g, "adapter_init_llm", TARGETS_LLM);
        check_sft_where_known(g, "adapter_init_llm_projector", TARGETS_LLM_PROJECTOR);
        check_sft(g, "adapter_init", TARGETS_ALL);
        check_opa_dpo(g, "release");
        check_opa_dpo(g, "paper");
    } else {
        check_sft(g, "adapter_init", TARGETS_LLM);
        check_sigmoid(g);
    }
}
