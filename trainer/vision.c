/* SPDX-License-Identifier: Apache-2.0 */
#include "vision.h"

#include <stdlib.h>

/* Floats of one version. */
static size_t pixel_count(const struct model *m, const struct vision *v)
{
    return v->views * 3 * (size_t)m->image.size * m->image.size;
}

static size_t feature_count(const struct model *m, const struct vision *v)
{
    return v->rows * m->config.text.hidden;
}

static int fail_image(struct session *s, int status, opa_findings *findings)
{
    if (status == OPA_ERECORD && findings->count > 0)
        status = trainer_fail(s->t, OPA_ERECORD, "its image: %s", findings->items[findings->count - 1].message);
    else if (status != OPA_OK)
        status = trainer_fail_library(s->t, status, "its image");
    opa_findings_release(findings);
    return status;
}

static int read_pixels(struct session *s, struct vision *v, opa_text image)
{
    opa_findings findings = {0};
    v->views = 1;
    v->rows = model_image_rows(s->model);
    const int status = image_preprocess(s->t->opa, s->t->ops, v->pixels, NULL, image, &s->model->image, &findings);
    return fail_image(s, status, &findings);
}

/* OneVision: the image says how many views it takes. */
static int read_views(struct session *s, struct vision *v, opa_text image)
{
    const struct model *m = s->model;
    opa_findings findings = {0};
    opa_image decoded;
    int status = fail_image(s, opa_image_decode(s->t->opa, &decoded, image, 0, &findings), &findings);
    if (status != OPA_OK)
        return status;
    onevision_choose(&v->plan, m, decoded.width, decoded.height);
    v->views = anyres_views(&v->plan);
    v->rows = anyres_rows(&v->plan, m->config.vision.image_size / m->config.vision.patch_size);
    status = reserve_floats(s->t, &v->pixels, &v->pixel_capacity, pixel_count(m, v));
    if (status == OPA_OK && anyres_cut(s->t->ops, v->pixels, &decoded, &v->plan, &m->image) != 0)
        status = trainer_fail_memory(s->t);
    opa_image_release(&decoded);
    return status;
}

int vision_look(struct session *s, struct vision *out, opa_text image, const struct mask *masks, size_t count)
{
    const struct model *m = s->model;
    out->versions = 1 + count;
    if (m->config.family == FAMILY_ONEVISION)
        return count == 0 ? read_views(s, out, image)
                          : trainer_fail(s->t, OPA_EUNSUPPORTED,
                                         "OneVision sees tiles: masks over one square of pixels do not fit them");
    const size_t n = 3 * (size_t)m->image.size * m->image.size;
    int status = reserve_floats(s->t, &out->pixels, &out->pixel_capacity, (1 + count) * n);
    if (status == OPA_OK)
        status = read_pixels(s, out, image);
    for (size_t i = 0; i < count && status == OPA_OK; i++)
        status = mask_apply(s->t, out->pixels + (1 + i) * n, out->pixels, m->image.size, m->config.vision.patch_size,
                            &masks[i]);
    return status;
}

int vision_see(struct session *s, struct vision *out, opa_text image, const struct mask *masks, size_t count)
{
    int status = vision_look(s, out, image, masks, count);
    if (status == OPA_OK)
        status =
            reserve_floats(s->t, &out->features, &out->feature_capacity, out->versions * feature_count(s->model, out));
    if (status != OPA_OK)
        return status;
    if (s->model->config.family == FAMILY_ONEVISION)
        return onevision_see(s->t, s->model, s->adapter, out->features, out->pixels, &out->plan, &s->scratch);
    return model_see(s->t, s->model, s->adapter, out->features, out->pixels, out->versions, &s->scratch);
}

const float *vision_pixels(const struct session *s, const struct vision *v, size_t i)
{
    return v->pixels + i * pixel_count(s->model, v);
}

const float *vision_features(const struct session *s, const struct vision *v, size_t i)
{
    return v->features + i * feature_count(s->model, v);
}

void vision_release(struct vision *v)
{
    free(v->pixels);
    free(v->features);
    *v = (struct vision){0};
}
