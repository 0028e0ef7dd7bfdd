/* SPDX-License-Identifier: Apache-2.0 */
#include "micro_batch.h"

#include <assert.h>
#include <stdlib.h>

/* ---- sizes ---- */

static size_t image_place(const struct ids *prompt)
{
    size_t i = 0;
    while (i < prompt->count && prompt->data[i] != TREE_IMAGE)
        i++;
    return i;
}

struct train_size train_size(const struct model *model, const struct train_sample *sample)
{
    const size_t count = sample->prompt->count, shared = image_place(sample->prompt);
    const bool image = shared < count;
    struct train_size size = {.tokens = shared, .images = image ? sample->count : 0};
    if (image)
        size.tokens += sample->count * (count - shared - 1 + model_image_rows(model));
    for (size_t b = 0; b < sample->count; b++) {
        for (size_t i = 0; i < sample->branches[b].count; i++) {
            const size_t n = sample->branches[b].responses[i].count;
            size.tokens += n > 0 ? n - 1 : 0;
            size.targets += n;
        }
    }
    return size;
}

/* ---- lifecycle ---- */

/* A response of several tokens is a node, so are an image version and a prompt. */
static size_t usual_nodes(struct train_size most)
{
    return 2 * most.targets + most.images + 2;
}

static bool reserve_queries(struct micro_batch *b)
{
    if (b->queries != NULL && b->query_capacity >= b->tree.node_capacity)
        return true;
    free(b->queries);
    b->query_capacity = b->tree.node_capacity;
    b->queries = malloc(b->query_capacity * sizeof *b->queries);
    return b->queries != NULL;
}

int micro_batch_init(struct trainer *t, struct micro_batch *out, const struct model *model, struct train_size most)
{
    *out = (struct micro_batch){.most = most, .tree = {.image_tokens = model_image_rows(model)}};
    out->rows = malloc((most.targets + 1) * sizeof *out->rows);
    out->ids = malloc((most.targets + 1) * sizeof *out->ids);
    out->images = malloc((most.images + 1) * sizeof *out->images);
    out->last = malloc((most.targets + 1) * sizeof *out->last);
    out->place = malloc((most.tokens + 1) * sizeof *out->place);
    if (out->rows != NULL && out->ids != NULL && out->images != NULL && out->last != NULL && out->place != NULL &&
        tree_reserve(&out->tree, usual_nodes(most), most.tokens, most.images) && reserve_queries(out))
        return OPA_OK;
    micro_batch_release(out);
    return trainer_fail_memory(t);
}

void micro_batch_release(struct micro_batch *batch)
{
    tree_release(&batch->tree);
    free(batch->rows);
    free(batch->ids);
    free(batch->images);
    free(batch->last);
    free(batch->place);
    free(batch->queries);
    *batch = (struct micro_batch){0};
}

/* ---- building ---- */

/* One building, passed to its steps. */
struct making {
    struct trainer *t;
    struct micro_batch *batch;
    const struct model *model;
};

static int check_ids(const struct making *r, const int32_t *ids, size_t count, size_t sample)
{
    const size_t vocabulary = r->model->config.text.vocabulary;
    for (size_t i = 0; i < count; i++) {
        if (ids[i] != TREE_IMAGE && (ids[i] < 0 || (size_t)ids[i] >= vocabulary))
            return trainer_fail(r->t, OPA_ERECORD, "sample %zu: token %d is beyond the model's vocabulary of %zu",
                                sample, (int)ids[i], vocabulary);
    }
    return OPA_OK;
}

/* The response below @p parent; its tokens but the last predict, and what stands before it. */
static int add_response(struct making *r, int32_t parent, const struct train_response *response, size_t sample)
{
    int32_t node;
    int status = check_ids(r, response->ids, response->count, sample);
    if (status != OPA_OK || response->count == 0)
        return status;
    status = tree_add(r->t, &r->batch->tree, &node, parent, response->ids, response->count - 1, 0);
    for (size_t i = 0; status == OPA_OK && i < response->count; i++, r->batch->size.targets++) {
        r->batch->ids[r->batch->size.targets] = response->ids[i];
        r->batch->rows[r->batch->size.targets] =
            i == 0 ? tree_before(&r->batch->tree, node) : r->batch->tree.nodes[node].begin + i - 1;
    }
    return status;
}

static int add_sample(struct making *r, const struct train_sample *s, size_t index)
{
    const size_t shared = image_place(s->prompt);
    int32_t root;
    int status = check_ids(r, s->prompt->data, s->prompt->count, index);
    if (status == OPA_OK)
        status = tree_add(r->t, &r->batch->tree, &root, -1, s->prompt->data, shared, 0);
    for (size_t b = 0; b < s->count && status == OPA_OK; b++) {
        int32_t node = root;
        if (shared < s->prompt->count) {
            r->batch->images[r->batch->size.images] = s->branches[b].image;
            status = tree_add(r->t, &r->batch->tree, &node, root, s->prompt->data + shared, s->prompt->count - shared,
                              r->batch->size.images++);
        }
        for (size_t i = 0; i < s->branches[b].count && status == OPA_OK; i++)
            status = add_response(r, node, &s->branches[b].responses[i], index);
    }
    return status;
}

static int check_size(const struct making *r, const struct train_sample *samples, size_t count)
{
    struct train_size sum = {0};
    for (size_t i = 0; i < count; i++) {
        const struct train_size one = train_size(r->model, &samples[i]);
        sum.tokens += one.tokens;
        sum.targets += one.targets;
        sum.images += one.images;
    }
    if (sum.tokens <= r->batch->most.tokens && sum.targets <= r->batch->most.targets &&
        sum.images <= r->batch->most.images)
        return OPA_OK;
    return trainer_fail(r->t, OPA_EINVAL,
                        "a micro-batch of %zu tokens, %zu of them scored, and %zu images is larger than planned for "
                        "(%zu, %zu, %zu)",
                        sum.tokens, sum.targets, sum.images, r->batch->most.tokens, r->batch->most.targets,
                        r->batch->most.images);
}

/* From tokens that predict to places among those that do. */
static void find_last(struct micro_batch *b)
{
    const size_t none = SIZE_MAX;
    b->last_count = 0;
    for (size_t i = 0; i < b->tree.tokens; i++)
        b->place[i] = none;
    for (size_t i = 0; i < b->size.targets; i++)
        b->place[b->rows[i]] = 0;
    for (size_t n = 0; n < b->tree.node_count; n++) {
        const ops_node *node = &b->tree.nodes[n];
        b->queries[n] = 0;
        for (size_t i = node->begin; i < node->begin + node->count; i++) {
            assert(b->queries[n] == 0 || b->place[i] != none);
            if (b->place[i] == none)
                continue;
            b->queries[n]++;
            b->place[i] = b->last_count;
            b->last[b->last_count++] = i;
        }
    }
    for (size_t i = 0; i < b->size.targets; i++)
        b->rows[i] = b->place[b->rows[i]];
}

int micro_batch_build(struct trainer *t, struct micro_batch *out, const struct model *model,
                      const struct train_sample *samples, size_t count)
{
    struct making making = {t, out, model}, *r = &making;
    int status = check_size(r, samples, count);
    const size_t most = r->model->config.text.max_positions;
    tree_clear(&r->batch->tree);
    r->batch->size = (struct train_size){0};
    for (size_t i = 0; i < count && status == OPA_OK; i++) {
        const size_t begin = r->batch->tree.tokens;
        status = add_sample(r, &samples[i], i);
        for (size_t k = begin; k < r->batch->tree.tokens && status == OPA_OK; k++) {
            if ((size_t)r->batch->tree.positions[k] >= most)
                status = trainer_fail(r->t, OPA_ERECORD,
                                      "sample %zu: prompt and response take more than the model's %zu positions "
                                      "(max_position_embeddings)",
                                      i, most);
        }
    }
    r->batch->size.tokens = r->batch->tree.tokens;
    if (status != OPA_OK)
        return status;
    if (!reserve_queries(r->batch))
        return trainer_fail_memory(t);
    find_last(r->batch);
    return OPA_OK;
}
