/* SPDX-License-Identifier: Apache-2.0 */
/* The stored training runs: the adapter after each update, its loss, norm and rate. Order and grouping, ids and masks are the
 * goldens'; everything else is what sft and dpo run. */
#include "golden.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "json_fields.h"
#include "schedule.h"
#include "update.h"

enum { MOST_MICRO = 8 };

/* The goldens' roles, as packs have them. */
static const enum role roles[ROLES] = {
    [GROUND_TRUTH] = ROLE_GROUND_TRUTH, [GENERATED] = ROLE_GENERATED, [REVISED] = ROLE_REVISED};

struct training {
    struct golden *g;
    const char *what; /* "sft", "dpo_release", "dpo_paper" */
    struct adapter *start;
    struct params params;
    struct optimiser optimiser;
    struct train *pass;
    struct loss loss;
    struct update update;
    struct schedule schedule;
    float *images[MAX_SAMPLES][2]; /* projected; NULL where pixels are taken */
    struct example examples[MOST_MICRO];
};

static void *need(void *p)
{
    if (p == NULL)
        abort();
    return p;
}

static const struct cJSON *scalar(const struct golden *g, const char *name)
{
    return opa_json_get(opa_json_get(opa_json_root(g->json.doc), "scalars"), name);
}

static double f64_of(const struct golden *g, const char *what, int step, const char *field)
{
    char name[100];
    double x = NAN;
    snprintf(name, sizeof name, "train/%s/step%d/%s", what, step, field);
    opa_json_number(g->json.doc, opa_json_get(scalar(g, name), "f64"), &x);
    return x;
}

static void compare_relative(enum kind_id id, const char *what, double have, double want)
{
    const float distance = (float)(fabs(have - want) / (fabs(want) > 0 ? fabs(want) : 1)), zero = 0;
    compare_floats(id, what, &distance, &zero, 1);
}

/* ---- examples ---- */

static void copy_ids(struct golden *g, struct ids *out, const struct ids *from)
{
    out->count = 0;
    for (size_t i = 0; i < from->count; i++) {
        if (ids_add(&g->t, out, from->data[i]) != OPA_OK)
            die(&g->t, "ids");
    }
}

/* s and w of a response: the weights of language and of image pairs. */
static void read_weights(struct golden *g, struct example *e, size_t sample, int role)
{
    static const char *const names[PACKED_WEIGHTS] = {"s", "w"};
    char *path = path_join(g->dir, "samples.jsonl");
    opa_json_stream *stream;
    opa_json_record record;
    opa_json *doc = NULL;
    if (opa_json_stream_open(g->t.opa, &stream, path, NULL, NULL) != OPA_OK)
        die(&g->t, path);
    for (size_t i = 0; i <= sample; i++) {
        if (opa_json_stream_next(stream, &record) != OPA_OK)
            die(&g->t, path);
    }
    if (opa_json_parse(g->t.opa, &doc, record.bytes, NULL, NULL) != OPA_OK)
        die(&g->t, path);
    const struct cJSON *response = opa_json_get(opa_json_get(opa_json_root(doc), "responses"), role_names[role]);
    for (int k = 0; k < PACKED_WEIGHTS; k++) {
        size_t n = 0;
        double *out = e->weights[roles[role]][k] = need(calloc(e->ids[roles[role]].count + 1, sizeof *out));
        for (const struct cJSON *item = json_first(opa_json_get(response, names[k])); item != NULL;
             item = json_next(item))
            opa_json_number(doc, item, &out[n++]);
    }
    opa_json_free(doc);
    opa_json_stream_free(stream);
    free(path);
}

static void begin_example(struct training *x, struct example *e, size_t sample, enum context context)
{
    const struct sample *s = &x->g->samples[sample];
    example_release(e);
    e->place = sample;
    e->sample.image = OPA_TEXT("there");
    copy_ids(x->g, &e->prompt, &s->prompt[context]);
    for (int r = 0; r < ROLES; r++)
        copy_ids(x->g, &e->ids[roles[r]], &s->ids[context][r]);
    for (int v = 0; v < 2; v++)
        e->images[v] = x->images[sample][v] ? x->images[sample][v] : s->pixels[v];
}

static void sft_example(struct training *x, struct example *e, const struct cJSON *item)
{
    int64_t sample = 0;
    opa_text name;
    opa_json_integer(x->g->json.doc, json_first(item), &sample);
    opa_json_text(x->g->json.doc, json_next(json_first(item)), &name);
    begin_example(x, e, (size_t)sample, CONTEXT_SFT);
    e->views[view_of(text_is(name, "revised") ? ROLE_REVISED : ROLE_GROUND_TRUTH, false)].used = true;
    if (example_link(&x->g->t, e) != OPA_OK)
        die(&x->g->t, "link");
}

static void fill_reference(struct training *x, struct example *e, size_t sample)
{
    static const struct {
        const char *name;
        enum role role;
        bool masked;
    } vectors[] = {{"gt", ROLE_GROUND_TRUTH, false},
                   {"gen", ROLE_GENERATED, false},
                   {"rev", ROLE_REVISED, false},
                   {"gt_m", ROLE_GROUND_TRUTH, true},
                   {"rev_m", ROLE_REVISED, true}};
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        const struct tensor *t = golden_find(x->g, "dpo/reference/%s/%zu", vectors[i].name, sample);
        const struct view *view = &e->views[view_of(vectors[i].role, vectors[i].masked)];
        if (t == NULL || t->shape[0] != view->count)
            die(&x->g->t, "reference");
        for (size_t k = 0; k < view->count; k++)
            view->reference[k] = (double)((const float *)t->data)[k];
    }
}

static void dpo_example(struct training *x, struct example *e, const struct cJSON *item)
{
    static const struct packed_pair pairs[] = {
        {PAIR_LANGUAGE, ROLE_GROUND_TRUTH, ROLE_GENERATED, -1},  {PAIR_LANGUAGE, ROLE_REVISED, ROLE_GENERATED, 0},
        {PAIR_IMAGE, ROLE_GROUND_TRUTH, ROLE_GROUND_TRUTH, -1},  {PAIR_IMAGE, ROLE_REVISED, ROLE_REVISED, 1},
        {PAIR_ANCHOR, ROLE_GROUND_TRUTH, ROLE_GROUND_TRUTH, -1}, {PAIR_ANCHOR, ROLE_REVISED, ROLE_REVISED, -1}};
    int64_t sample = 0;
    opa_json_integer(x->g->json.doc, item, &sample);
    begin_example(x, e, (size_t)sample, CONTEXT_RELEASE);
    e->sample.pairs = need(malloc(sizeof pairs));
    memcpy(e->sample.pairs, pairs, sizeof pairs);
    e->sample.pair_count = sizeof pairs / sizeof pairs[0];
    if (example_choose_pairs(&x->g->t, e, x->loss.objective) != OPA_OK || example_link(&x->g->t, e) != OPA_OK)
        die(&x->g->t, "pairs");
    for (int r = 0; r < ROLES; r++)
        read_weights(x->g, e, (size_t)sample, r);
    fill_reference(x, e, (size_t)sample);
}

/* ---- updates ---- */

static size_t make_micro(struct training *x, const struct cJSON *micro)
{
    size_t n = 0;
    for (const struct cJSON *item = json_first(micro); item != NULL && n < MOST_MICRO; item = json_next(item), n++) {
        if (x->loss.objective == NULL)
            sft_example(x, &x->examples[n], item);
        else
            dpo_example(x, &x->examples[n], item);
    }
    return n;
}

static struct loss_counts count_update(struct training *x, const struct cJSON *order)
{
    struct loss_counts counts = {0};
    for (const struct cJSON *micro = json_first(order); micro != NULL; micro = json_next(micro)) {
        const size_t n = make_micro(x, micro);
        for (size_t i = 0; i < n; i++)
            loss_count(&x->loss, &counts, &x->examples[i]);
        counts.micro_batches++;
    }
    return counts;
}

static void compare_adapter(struct training *x, int step)
{
    for (size_t i = 0; i < x->params.list_count; i++) {
        const struct param *p = &x->params.list[i];
        const struct loader_module *module = &x->g->model->loader.modules[p->id];
        char path[256];
        name_spell(path, sizeof path, SPELLING_HF, module->part, module->rest);
        const struct tensor *want = golden_find(x->g, "train/%s/step%d/base_model.model.%s.lora_%c.weight", x->what,
                                                step, path, p->is_b ? 'B' : 'A');
        if (want != NULL)
            compare(TRAINED, want->name, x->params.value + p->offset, want, p->rows * p->cols);
    }
}

static void one_update(struct training *x, const struct cJSON *order, int step)
{
    const struct loss_counts counts = count_update(x, order);
    const double rate = schedule_rate(&x->schedule, step - 1);
    update_begin(&x->update, &counts);
    for (const struct cJSON *micro = json_first(order); micro != NULL; micro = json_next(micro)) {
        struct example *list[MOST_MICRO];
        const size_t n = make_micro(x, micro);
        for (size_t i = 0; i < n; i++)
            list[i] = &x->examples[i];
        if (update_add(&x->update, list, n) != OPA_OK)
            die(&x->g->t, x->what);
    }
    if (update_end(&x->update, rate) != OPA_OK)
        die(&x->g->t, x->what);
    compare_relative(TRAINING, "loss", x->update.report.terms.total, f64_of(x->g, x->what, step, "loss"));
    compare_relative(TRAINING, "gradient norm", x->update.norm, f64_of(x->g, x->what, step, "grad_norm"));
    compare_relative(TRAINING, "rate", rate, f64_of(x->g, x->what, step, "lr"));
    compare_adapter(x, step);
}

/* ---- runs ---- */

static void see(struct training *x)
{
    struct golden *g = x->g;
    struct scratch scratch = {0};
    for (size_t i = 0; i < g->sample_count && train_stage(&x->params) == IMAGE_PROJECTED; i++) {
        for (int v = 0; v < 2; v++) {
            x->images[i][v] = need(malloc(model_image_rows(g->model) * g->model->config.text.hidden * sizeof(float)));
            if (model_see(&g->t, g->model, &x->params.adapter, x->images[i][v], g->samples[i].pixels[v], 1, &scratch) !=
                OPA_OK)
                die(&g->t, "see");
        }
    }
    scratch_release(&scratch);
}

static void open_run(struct training *x, const char *adapter, enum targets targets, int64_t updates)
{
    static const struct optimiser_options adamw = {.9, .999, 1e-8, .01, 1, false};
    const struct train_size most = {8000, 4000, 16};
    struct trainer *t = &x->g->t;
    struct train_plan plan;
    char *dir = path_join(x->g->dir, adapter);
    if (adapter_open(t, &x->start, dir, x->g->model) != OPA_OK ||
        params_from(t, &x->params, x->g->model, targets, x->start) != OPA_OK ||
        optimiser_init(t, &x->optimiser, &adamw, x->params.count) != OPA_OK ||
        train_plan(t, &plan, x->g->model, &x->params, most, 0, 0) != OPA_OK ||
        train_open(t, &x->pass, x->g->model, &x->params, &plan) != OPA_OK)
        die(t, dir);
    x->update = (struct update){t, x->g->model, &x->params, x->pass, &x->optimiser, &x->loss};
    x->schedule = (struct schedule){SCHEDULE_COSINE, 1e-3, 1, updates};
    see(x);
    free(dir);
}

static void close_run(struct training *x)
{
    for (size_t i = 0; i < MOST_MICRO; i++)
        example_release(&x->examples[i]);
    for (size_t i = 0; i < MAX_SAMPLES; i++) {
        free(x->images[i][0]);
        free(x->images[i][1]);
    }
    train_free(x->pass);
    optimiser_release(&x->optimiser);
    params_release(&x->params);
    adapter_free(x->start);
}

static void check_run(struct golden *g, const char *what, const char *objective, const char *order, const char *adapter,
                      enum targets targets)
{
    const struct cJSON *updates = scalar(g, order);
    struct training x = {.g = g, .what = what};
    int step = 0;
    if (updates == NULL || isnan(f64_of(g, what, 1, "loss")))
        return;
    if (objective != NULL) {
        x.loss.objective = objective_find(objective);
        x.loss.c = x.loss.objective->defaults;
    }
    x.loss.micro_batch_mean = objective == NULL; /* Hugging Face's: the mean of the micro-batches' means */
    open_run(&x, adapter, targets, (int64_t)json_count(updates));
    for (const struct cJSON *update = json_first(updates); update != NULL; update = json_next(update))
        one_update(&x, update, ++step);
    close_run(&x);
}

void check_training(struct golden *g)
{
    check_run(g, "sft", NULL, "note/train/sft/order", "adapter_init", TARGETS_ALL);
    check_run(g, "dpo_release", "release", "note/train/dpo/order", "adapter_policy", TARGETS_LLM);
    check_run(g, "dpo_paper", "paper", "note/train/dpo/order", "adapter_policy", TARGETS_LLM);
}
