/* SPDX-License-Identifier: Apache-2.0 */
#include "plan.h"

#include <math.h>

static uint64_t largest(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* The scratch of one pass at a time, the rows that go through it, and the images that wait. */
static uint64_t activation_floats(const struct model *m, const struct adapter *adapter, size_t tokens, size_t targets,
                                  size_t images)
{
    const struct llama_config *c = &m->config.text;
    uint64_t scratch = llama_scratch(c, adapter, tokens), kept = 0;
    if (model_sees(m) && images > 0) {
        const uint64_t rows = model_image_rows(m) * images, size = m->config.vision.image_size;
        scratch = largest(scratch, clip_scratch(&m->clip, adapter, images));
        kept = rows * (m->config.vision.hidden + c->hidden) + 3 * size * size * images;
        if (m->config.family == FAMILY_ONEVISION) /* all views, before and behind the projector */
            kept += anyres_most_views(&m->config.anyres, (uint32_t)size) *
                    (3 * size * size + model_view_rows(&m->config) * c->hidden);
    }
    return scratch + kept + (uint64_t)(tokens + targets) * c->hidden + (uint64_t)tokens * c->head_dim;
}

static struct plan begin(const struct model *m, const struct adapter *adapter)
{
    return (struct plan){.weights = model_bytes(m), .adapter = adapter_bytes(adapter)};
}

static struct plan finish(struct plan plan)
{
    plan.total = plan.weights + plan.adapter + plan.activations + plan.cache;
    return plan;
}

struct plan plan_score(const struct model *m, const struct adapter *adapter, size_t tokens, size_t targets,
                       size_t images)
{
    struct plan plan = begin(m, adapter);
    plan.activations = sizeof(float) * activation_floats(m, adapter, tokens, targets, images);
    return finish(plan);
}

struct plan plan_generate(const struct model *m, const struct adapter *adapter, size_t batch, size_t prompt,
                          size_t made)
{
    const struct llama_config *c = &m->config.text;
    struct plan plan = begin(m, adapter);
    const bool image = model_sees(m);
    const uint64_t waiting = image ? (uint64_t)batch * model_image_rows(m) * c->hidden : 0;
    plan.activations = sizeof(float) * (activation_floats(m, adapter, prompt, 1, image) + waiting +
                                        (uint64_t)batch * (c->hidden + c->vocabulary));
    plan.cache = sizeof(float) * 2 * (uint64_t)batch * c->layers * c->kv_heads * c->head_dim * (prompt + made);
    return finish(plan);
}

int plan_fail(struct trainer *t, int status, const char *what, uint64_t least, uint64_t memory)
{
    const double mib = 1 << 20;
    return trainer_fail(t, status, "%s takes %.1f MiB at least, --memory allows %.1f", what,
                        ceil(10 * (double)least / mib) / 10, (double)memory / mib); /* what is said is enough */
}

uint64_t plan_layer_parameters(const struct llama_config *c)
{
    const uint64_t q = c->heads * c->head_dim, kv = c->kv_heads * c->head_dim;
    return c->layers * c->hidden * (2 * q + 2 * kv + 3 * (uint64_t)c->intermediate);
}

uint64_t plan_head_parameters(const struct llama_config *c)
{
    return (uint64_t)c->vocabulary * c->hidden;
}
