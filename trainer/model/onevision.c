/* SPDX-License-Identifier: Apache-2.0 */
#include "model/onevision.h"

#include <stdlib.h>

#include "model/model.h"

int onevision_load(struct loader *l, struct onevision *out, const struct model_config *config)
{
    loader_top(l, PART_NEWLINE);
    out->newline = loader_vector(l, "", config->text.hidden);
    return l->status;
}

static size_t view_side(const struct model *m)
{
    return m->config.vision.image_size / m->config.vision.patch_size;
}

void onevision_choose(struct anyres_plan *out, const struct model *m, uint32_t width, uint32_t height)
{
    anyres_choose(out, &m->config.anyres, width, height, m->image.size, view_side(m));
}

/* One view at a time: 729 patches are enough for the products, and 37 views would take a gigabyte. */
static int project_views(struct trainer *t, const struct model *m, const struct adapter *a, float *out, float *features,
                         const float *views, size_t count, struct scratch *s)
{
    const size_t pixels = 3 * (size_t)m->image.size * m->image.size, rows = model_view_rows(&m->config);
    int status = OPA_OK;
    for (size_t i = 0; i < count && status == OPA_OK; i++) {
        status = clip_forward(t, &m->clip, a, features, views + i * pixels, 1, s);
        if (status == OPA_OK)
            status = projector_forward(t, &m->projector, a, out + i * rows * m->config.text.hidden, features, rows, s);
    }
    return status;
}

int onevision_see(struct trainer *t, const struct model *m, const struct adapter *adapter, float *out,
                  const float *views, const struct anyres_plan *plan, struct scratch *scratch)
{
    const size_t rows = model_view_rows(&m->config), hidden = m->config.text.hidden, count = anyres_views(plan);
    float *features = malloc(rows * m->config.vision.hidden * sizeof *features);
    float *projected = malloc(count * rows * hidden * sizeof *projected);
    int status = features && projected ? OPA_OK : trainer_fail_memory(t);
    if (status == OPA_OK)
        status = project_views(t, m, adapter, projected, features, views, count, scratch);
    if (status == OPA_OK)
        anyres_pack(out, projected, m->onevision.newline, plan, view_side(m), hidden);
    free(features);
    free(projected);
    return status;
}
