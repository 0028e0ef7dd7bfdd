/* SPDX-License-Identifier: Apache-2.0 */
#include "vision.h"

#include <stdlib.h>

static size_t pixel_count(const struct model *m)
{
    return 3 * (size_t)m->image.size * m->image.size;
}

static size_t feature_count(const struct model *m)
{
    return model_image_rows(m) * m->config.text.hidden;
}

static int allocate(struct trainer *t, float **list, size_t floats)
{
    if (*list == NULL)
        *list = malloc((1 + VISION_MAX_MASKS) * floats * sizeof **list);
    return *list ? OPA_OK : trainer_fail_memory(t);
}

static int read_pixels(struct session *s, float *out, opa_text image)
{
    opa_findings findings = {0};
    int status = image_preprocess(s->t->opa, s->t->ops, out, NULL, image, &s->model->image, &findings);
    if (status == OPA_ERECORD && findings.count > 0)
        status = trainer_fail(s->t, OPA_ERECORD, "its image: %s", findings.items[findings.count - 1].message);
    else if (status != OPA_OK)
        status = trainer_fail_library(s->t, status, "its image");
    opa_findings_release(&findings);
    return status;
}

int vision_look(struct session *s, struct vision *out, opa_text image, const struct mask *masks, size_t count)
{
    const struct model *m = s->model;
    const size_t n = pixel_count(m);
    int status = allocate(s->t, &out->pixels, n);
    if (status == OPA_OK)
        status = read_pixels(s, out->pixels, image);
    for (size_t i = 0; i < count && status == OPA_OK; i++)
        status = mask_apply(s->t, out->pixels + (1 + i) * n, out->pixels, m->image.size, m->config.vision.patch_size,
                            &masks[i]);
    out->versions = 1 + count;
    return status;
}

int vision_see(struct session *s, struct vision *out, opa_text image, const struct mask *masks, size_t count)
{
    int status = allocate(s->t, &out->features, feature_count(s->model));
    if (status == OPA_OK)
        status = vision_look(s, out, image, masks, count);
    if (status == OPA_OK)
        status = model_see(s->t, s->model, s->adapter, out->features, out->pixels, out->versions, &s->scratch);
    return status;
}

const float *vision_pixels(const struct session *s, const struct vision *v, size_t i)
{
    return v->pixels + i * pixel_count(s->model);
}

const float *vision_features(const struct session *s, const struct vision *v, size_t i)
{
    return v->features + i * feature_count(s->model);
}

void vision_release(struct vision *v)
{
    free(v->pixels);
    free(v->features);
    *v = (struct vision){0};
}
