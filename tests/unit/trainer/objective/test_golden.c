/* SPDX-License-Identifier: Apache-2.0 */
/* The log-probs that real responses have under a real model, and the slopes that torch's autograd found for them
 * (dpo/release, dpo/paper of a parity case): the losses without the model, at weights and lengths as they occur. */
#include "opa.h"

#include "safetensors.h"

static struct safetensors *golden;
static const char *folder;

static const struct tensor *tensor_of(const char *format, const char *what, const char *view, size_t i)
{
    char name[128];
    snprintf(name, sizeof name, format, what, view, i);
    return safetensors_find(golden, name);
}

static bool read_tensor(struct vector *out, const char *format, const char *what, const char *view, size_t i)
{
    const struct tensor *t = tensor_of(format, what, view, i);
    if (t == NULL)
        return false;
    assert_string_equal(t->dtype, "F32");
    out->count = t->size / sizeof(float);
    assert_true(out->count <= MOST);
    for (size_t k = 0; k < out->count; k++)
        out->x[k] = (double)((const float *)t->data)[k];
    return true;
}

/* D of a view. false: there is no such sample. */
static bool read_ratios(struct vector *out, const char *view, size_t i)
{
    static struct vector reference;
    if (!read_tensor(out, "%s/%s/%zu", "dpo/policy", view, i))
        return false;
    assert_true(read_tensor(&reference, "%s/%s/%zu", "dpo/reference", view, i));
    assert_int_equal(reference.count, out->count);
    for (size_t k = 0; k < out->count; k++)
        out->x[k] -= reference.x[k];
    return true;
}

static void read_file(struct json_file *out, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (json_file_open(&trainer, out, path) != OPA_OK)
        fail_msg("%s", trainer.message);
}

/* s and w of the revised and generated responses: line @p i of samples.jsonl. */
static void read_weights(struct opa *s, size_t i)
{
    static char text[1 << 20];
    char path[4096];
    snprintf(path, sizeof path, "%s/samples.jsonl", folder);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    for (size_t line = 0; line <= i; line++)
        assert_non_null(fgets(text, sizeof text, f));
    fclose(f);
    opa_json_free(losses.doc); /* helper.h reads numbers of this document */
    assert_int_equal(opa_json_parse(trainer.opa, &losses.doc, (opa_text){text, strlen(text)}, NULL, NULL), OPA_OK);
    const struct cJSON *responses = opa_json_get(opa_json_root(losses.doc), "responses");
    s->s_rev = vector(opa_json_get(responses, "revised"), "s");
    s->w_rev = vector(opa_json_get(responses, "revised"), "w");
    s->s_gen = vector(opa_json_get(responses, "generated"), "s");
    assert_int_equal(s->s_rev.count, s->d[REV].count);
    assert_int_equal(s->s_gen.count, s->d[GEN].count);
}

/* Within what float32 costs torch itself, of the tensor's largest. */
static void check_slope(const char *what, const struct opa *s, int view, size_t i)
{
    static struct vector want;
    double largest = 0;
    assert_true(read_tensor(&want, "dpo/%s/dlogp/%s/%zu", what, views[view], i));
    assert_int_equal(want.count, s->d[view].count);
    for (size_t k = 0; k < want.count; k++)
        largest = fmax(largest, fabs(want.x[k]));
    assert_true(largest > 0);
    for (size_t k = 0; k < want.count; k++) {
        if (!(fabs(s->slope[view][k] - want.x[k]) <= 2e-4 * largest))
            fail_msg("%s, %s %zu [%zu]: %g, not %g", what, views[view], i, k, s->slope[view][k], want.x[k]);
    }
}

static double scalar(const struct json_file *file, const char *what, const char *name)
{
    char key[64];
    double x = NAN;
    snprintf(key, sizeof key, "dpo/%s/%s", what, name);
    const struct cJSON *value = opa_json_get(opa_json_get(opa_json_root(file->doc), "scalars"), key);
    assert_true(opa_json_number(file->doc, opa_json_get(value, "f64"), &x));
    return x;
}

static void check_terms(const char *what, const struct terms *terms)
{
    struct json_file file;
    read_file(&file, "golden.json");
    for (int t = TERM_LC1; t <= TERM_ANCHOR_REV; t++)
        assert_close(term_name(t), terms->value[t], scalar(&file, what, term_name(t)), 2e-5);
    assert_close("total", terms->total, scalar(&file, what, "total"), 2e-5);
    json_file_release(&file);
}

static void check_form(const char *what)
{
    static struct opa s[4];
    const struct objective *o = objective_find(what);
    struct terms terms = {0};
    size_t count = 0;
    memset(s, 0, sizeof s);
    for (; count < 4 && read_ratios(&s[count].d[GT], views[GT], count); count++) {
        for (int v = GEN; v < VIEWS; v++)
            assert_true(read_ratios(&s[count].d[v], views[v], count));
        read_weights(&s[count], count);
    }
    assert_true(count >= 2);
    const double scale = objective_scale(o, &o->defaults, (struct objective_counts){.samples = count});
    for (size_t i = 0; i < count; i++)
        opa_add(what, &o->defaults, scale, &s[i], &terms);
    check_terms(what, &terms);
    for (size_t i = 0; i < count; i++) {
        for (int v = 0; v < VIEWS; v++)
            check_slope(what, &s[i], v, i);
    }
}

static void test_slopes(void **state)
{
    (void)state;
    static const char *const more[] = {"llava15_small_geometry", "llava15_tiny"};
    char path[4096];
    for (int i = -1; i < 2; i++) {
        if (i < 0)
            snprintf(path, sizeof path, "%s/trainer/llava", getenv("OPA_TEST_DATA"));
        else
            snprintf(path, sizeof path, "%s/parity/%s", getenv("OPA_TEST_SHARED"), more[i]);
        char file[4200];
        snprintf(file, sizeof file, "%s/golden.safetensors", path);
        if (i >= 0 && !path_exists(file)) {
            print_message("%s is not there\n", path);
            continue;
        }
        folder = path;
        assert_int_equal(safetensors_open(&trainer, &golden, file, ""), OPA_OK);
        check_form("release");
        check_form("paper");
        safetensors_free(golden);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_slopes)};
    return cmocka_run_group_tests(tests, open_losses, close_losses);
}
