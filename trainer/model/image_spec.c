/* SPDX-License-Identifier: Apache-2.0 */
#include "json_fields.h"
#include "model/config.h"

/* A size is a number, or an object with one of the keys. */
static uint32_t read_side(struct fields *f, const char *key, const char *const keys[2], uint32_t otherwise)
{
    const struct cJSON *value = opa_json_get(f->object, key);
    if (!json_is_object(value))
        return (uint32_t)fields_integer(f, key, otherwise, 1, 8192);
    struct fields inner = fields_object(f, key, f->where);
    int64_t first = fields_integer(&inner, keys[0], otherwise, 1, 8192);
    if (keys[1] != NULL && fields_integer(&inner, keys[1], first, 1, 8192) != first)
        fields_fail(&inner, OPA_EUNSUPPORTED, "%s is no square", key);
    f->status = inner.status;
    return (uint32_t)first;
}

static void read_channels(struct fields *f, const char *key, double out[3])
{
    double x[3];
    const size_t n = fields_numbers(f, key, x, 3, false);
    if (n != 0 && n != 3)
        fields_fail(f, OPA_EDATA, "%s has %zu numbers, not 3", key, n);
    for (size_t i = 0; i < 3 && n == 3; i++)
        out[i] = x[i];
}

static void read_spec(struct fields *f, image_spec *out)
{
    static const char *const both[2] = {"height", "width"}, *const shortest[2] = {"shortest_edge", NULL};
    enum { BICUBIC = 3 };
    if (!fields_has(f, "crop_size") && opa_json_get(opa_json_get(f->object, "size"), "height") != NULL) {
        out->size = read_side(f, "size", both, out->size); /* SigLIP's: nothing is cropped */
    } else {
        out->size = read_side(f, "crop_size", both, out->size);
        out->resize = read_side(f, "size", shortest, out->size);
    }
    read_channels(f, "image_mean", out->mean);
    read_channels(f, "image_std", out->std);
    out->rescale = fields_number(f, "rescale_factor", out->rescale);
    for (int i = 0; i < 3; i++) {
        if (!(out->std[i] > 0))
            fields_fail(f, OPA_EDATA, "image_std is not above 0");
    }
    if (fields_integer(f, "resample", BICUBIC, 0, 100) != BICUBIC)
        fields_fail(f, OPA_EUNSUPPORTED, "resample: 3 (bicubic) is built in");
    if (!fields_bool(f, "do_resize", true) || !fields_bool(f, "do_rescale", true) ||
        !fields_bool(f, "do_normalize", true))
        fields_fail(f, OPA_EUNSUPPORTED, "do_resize, do_rescale and do_normalize false are not built in");
}

/* Without them a tower sees other colours, and nothing would say so. */
static void want_channels(struct fields *f)
{
    static const char *const keys[] = {"image_mean", "image_std"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (!fields_has(f, keys[i]))
            fields_fail(f, OPA_EDATA, "no %s", keys[i]);
    }
}

int image_spec_parse(struct trainer *t, image_spec *out, opa_text bytes, const char *name)
{
    struct json_file file;
    const int status = json_file_parse(t, &file, bytes, name);
    if (status != OPA_OK)
        return status;
    struct fields f = json_file_fields(t, &file, name);
    image_spec spec = *out;
    if (json_is_object(opa_json_get(f.object, "image_processor")))
        f = fields_object(&f, "image_processor", name);
    read_spec(&f, &spec);
    want_channels(&f);
    if (f.status == OPA_OK)
        *out = spec;
    json_file_release(&file);
    return f.status;
}
