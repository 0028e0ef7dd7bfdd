/* SPDX-License-Identifier: Apache-2.0 */
#include "session.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "ops/head.h"
#include "plan.h"

void session_release(struct session *s)
{
    scratch_release(&s->scratch);
    tree_release(&s->tree);
    free(s->h);
    free(s->selected);
    s->h = s->selected = NULL;
    s->h_capacity = s->selected_capacity = 0;
}

int reserve_floats(struct trainer *t, float **list, size_t *capacity, size_t need)
{
    if (need <= *capacity)
        return OPA_OK;
    free(*list);
    *list = NULL;
    *capacity = 0;
    if (posix_memalign((void **)list, 64, need * sizeof **list) != 0) {
        *list = NULL;
        return trainer_fail_memory(t);
    }
    *capacity = need;
    return OPA_OK;
}

int session_embed(struct session *s, const float *const *features)
{
    const struct llama *llama = &s->model->llama;
    const size_t hidden = llama->config.hidden;
    const int status = reserve_floats(s->t, &s->h, &s->h_capacity, s->tree.tokens * hidden);
    if (status != OPA_OK)
        return status;
    llama_embed(s->t->ops, llama, s->h, s->tree.ids, s->tree.tokens);
    for (size_t i = 0; i < s->tree.image_count; i++) {
        const struct tree_image *image = &s->tree.images[i];
        memcpy(s->h + image->begin * hidden, features[image->slot], image->count * hidden * sizeof *s->h);
    }
    return OPA_OK;
}

/* ---- scoring ---- */

/* Where the log-probs of one call come from. */
struct targets {
    int32_t *ids;
    size_t *rows; /* that predict them */
    float **out;
    float *logp;
    size_t count;
};

static int check_ids(const struct session *s, const int32_t *ids, size_t count)
{
    const size_t vocabulary = s->model->config.text.vocabulary;
    for (size_t i = 0; i < count; i++) {
        if (ids[i] != TREE_IMAGE && (ids[i] < 0 || (size_t)ids[i] >= vocabulary))
            return trainer_fail(s->t, OPA_ERECORD, "token %d is beyond the model's vocabulary of %zu", (int)ids[i],
                                vocabulary);
    }
    return OPA_OK;
}

static int allocate_targets(struct trainer *t, struct targets *out, const struct branch *branches, size_t count)
{
    size_t n = 1;
    for (size_t b = 0; b < count; b++) {
        for (size_t i = 0; i < branches[b].count; i++)
            n += branches[b].responses[i].count;
    }
    *out = (struct targets){malloc(n * sizeof *out->ids), malloc(n * sizeof *out->rows), malloc(n * sizeof *out->out),
                            malloc(n * sizeof *out->logp), 0};
    return out->ids && out->rows && out->out && out->logp ? OPA_OK : trainer_fail_memory(t);
}

static void free_targets(struct targets *targets)
{
    free(targets->ids);
    free(targets->rows);
    free(targets->out);
    free(targets->logp);
}

/* The response below @p parent; its tokens but the last predict, and what stands before it. */
static int add_response(struct session *s, struct targets *targets, int32_t parent, const struct scored *response)
{
    int32_t node;
    int status = check_ids(s, response->ids, response->count);
    if (status != OPA_OK || response->count == 0)
        return status;
    status = tree_add(s->t, &s->tree, &node, parent, response->ids, response->count - 1, 0);
    if (status != OPA_OK)
        return status;
    for (size_t i = 0; i < response->count; i++, targets->count++) {
        targets->ids[targets->count] = response->ids[i];
        targets->rows[targets->count] = i == 0 ? tree_before(&s->tree, node) : s->tree.nodes[node].begin + i - 1;
        targets->out[targets->count] = &response->logp[i];
    }
    return OPA_OK;
}

static size_t image_place(const struct ids *prompt)
{
    size_t i = 0;
    while (i < prompt->count && prompt->data[i] != TREE_IMAGE)
        i++;
    return i;
}

static int build_tree(struct session *s, struct targets *targets, const struct ids *prompt,
                      const struct branch *branches, size_t count)
{
    const size_t shared = image_place(prompt);
    int32_t root;
    tree_clear(&s->tree);
    int status = check_ids(s, prompt->data, prompt->count);
    if (status == OPA_OK)
        status = tree_add(s->t, &s->tree, &root, -1, prompt->data, shared, 0);
    for (size_t b = 0; b < count && status == OPA_OK; b++) {
        int32_t node = root;
        s->tree.image_tokens = branches[b].rows;
        if (shared < prompt->count)
            status = tree_add(s->t, &s->tree, &node, root, prompt->data + shared, prompt->count - shared, b);
        for (size_t i = 0; i < branches[b].count && status == OPA_OK; i++)
            status = add_response(s, targets, node, &branches[b].responses[i]);
    }
    return status;
}

static int check_memory(const struct session *s, size_t targets, size_t images)
{
    const struct plan plan = plan_score(s->model, s->adapter, s->tree.tokens, targets, images);
    if (s->memory_limit == 0 || plan.total <= s->memory_limit)
        return OPA_OK;
    return plan_fail(s->t, OPA_ERECORD, "it, with the weights,", plan.total, s->memory_limit);
}

static int check_length(const struct session *s)
{
    const size_t most = s->model->config.text.max_positions;
    for (size_t i = 0; i < s->tree.tokens; i++) {
        if ((size_t)s->tree.positions[i] >= most)
            return trainer_fail(
                s->t, OPA_ERECORD,
                "prompt and response take more than the model's %zu positions (max_position_embeddings)", most);
    }
    return OPA_OK;
}

static int project(struct session *s, struct targets *targets)
{
    const struct llama *llama = &s->model->llama;
    const size_t hidden = llama->config.hidden;
    const int status = reserve_floats(s->t, &s->selected, &s->selected_capacity, targets->count * hidden);
    if (status != OPA_OK || targets->count == 0)
        return status;
    llama_select(s->t->ops, llama, s->selected, s->h, targets->rows, targets->count);
    ops_head_logp_forward(s->t->ops, targets->logp, NULL, ops_rows(s->selected, targets->count, hidden), llama->head,
                          targets->ids);
    for (size_t i = 0; i < targets->count; i++)
        *targets->out[i] = targets->logp[i];
    return OPA_OK;
}

int session_score(struct session *s, const struct ids *prompt, const struct branch *branches, size_t count)
{
    const float *features[SESSION_MAX_BRANCHES] = {NULL};
    struct targets targets;
    assert(count > 0 && count <= SESSION_MAX_BRANCHES);
    int status = allocate_targets(s->t, &targets, branches, count);
    for (size_t b = 0; b < count; b++)
        features[b] = branches[b].features;
    if (status == OPA_OK)
        status = build_tree(s, &targets, prompt, branches, count);
    if (status == OPA_OK)
        status = check_length(s);
    if (status == OPA_OK)
        status = check_memory(s, targets.count, branches[0].features ? count : 0);
    if (status == OPA_OK)
        status = session_embed(s, features);
    const struct llama_view view = {.tree = &s->tree};
    if (status == OPA_OK)
        status = llama_forward(s->t, &s->model->llama, s->adapter, s->h, s->tree.positions, s->tree.tokens, &view,
                               &s->scratch);
    if (status == OPA_OK)
        status = project(s, &targets);
    free_targets(&targets);
    return status;
}
