/* SPDX-License-Identifier: Apache-2.0 */
#include "moment.h"

#include <stdlib.h>
#include <string.h>

/* ---- keeping ---- */

static bool copy_texts(struct moment *m)
{
    opa_sample *s = &m->sample;
    opa_text *const texts[] = {&s->id,        &s->source_file, &s->image_id,     &s->prompt,
                               &s->generated, &s->revised,     &s->ground_truth, &s->report};
    size_t total = 1;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        total += texts[i]->size;
    char *to = m->memory = malloc(total);
    for (size_t i = 0; to != NULL && i < sizeof texts / sizeof *texts; i++) {
        if (texts[i]->data == NULL)
            continue;
        memcpy(to, texts[i]->data, texts[i]->size);
        texts[i]->data = to;
        to += texts[i]->size;
    }
    return to != NULL;
}

int moment_take(struct moment *out, opa_context *ctx, const opa_sample *sample)
{
    const opa_check_options options = OPA_CHECK_OPTIONS_INIT;
    opa_checker *checker = NULL;
    *out = (struct moment){.sample = *sample};
    out->sample.reviewed_by = out->sample.reviewed_at = (opa_text){0};
    int status = copy_texts(out) ? opa_checker_new(ctx, &checker, &options) : OPA_ENOMEM;
    if (status == OPA_OK)
        status = face_make(&out->face, ctx, &out->sample, (opa_align_options)OPA_ALIGN_OPTIONS_INIT);
    if (status == OPA_OK)
        status = face_check(&out->face, checker);
    opa_checker_free(checker);
    if (status != OPA_OK)
        moment_release(out);
    return status;
}

void moment_release(struct moment *m)
{
    face_release(&m->face);
    free(m->memory);
    *m = (struct moment){0};
}

int moment_of(struct moment *out, struct cli *cli, opa_store *store, opa_text id)
{
    opa_sample sample;
    *out = (struct moment){0};
    int status = opa_store_sample(store, &sample, id);
    if (status == OPA_ENOENT)
        return unknown_id(cli, cli->args[0], store, NULL, id);
    if (status == OPA_OK)
        status = moment_take(out, cli->ctx, &sample);
    return status == OPA_OK ? 0 : cli_fail(cli, status, cli->args[0]);
}

/* ---- what happened ---- */

int moments_compare(struct happened *out, struct cli *cli, const struct moment *before, const struct moment *after)
{
    struct comparison c;
    *out = (struct happened){.faces = {before->face, after->face}};
    int result = comparison_init(&c, cli, NULL);
    if (result == 0)
        result = compare_samples(&c, &out->fields, out->faces);
    if (result == 0)
        out->kinds = compare_kinds(&c, out->fields, out->faces);
    comparison_release(&c);
    return result;
}

static bool has_finding(const opa_findings *list, const opa_finding *f)
{
    for (size_t i = 0; i < list->count; i++) {
        const opa_finding *g = &list->items[i];
        if (g->code == f->code && text_equal(text_of(f->field), text_of(g->field)))
            return true;
    }
    return false;
}

/* Of a code the first one is told, and how many more there are. */
static void put_finding(struct sheet *out, const char *label, const opa_finding *f, size_t count)
{
    static const enum style STYLES[] = {
        [OPA_INFO] = STYLE_DIM, [OPA_WARNING] = STYLE_WARNING, [OPA_ERROR] = STYLE_ERROR};
    char code[16];
    struct wrap w = detail_field(out, label, term_columns());
    wrap_printf(&w, STYLES[code_severity(f->code)], "%s %s", code_text(code, f->code), code_name(f->code));
    wrap_string(&w, ": ", STYLE_PLAIN);
    if (f->field != NULL && count == 1) {
        wrap_string(&w, f->field, STYLE_PLAIN);
        wrap_string(&w, ": ", STYLE_PLAIN);
    }
    wrap_string(&w, f->message ? f->message : "", STYLE_PLAIN);
    if (count > 1)
        wrap_printf(&w, STYLE_PLAIN, " (%zu times)", count);
    wrap_end(&w);
}

/* Those of @p now that @p then does not have. */
static void put_findings(struct sheet *out, const char *label, const opa_findings *now, const opa_findings *then)
{
    struct code_counts counts = {0};
    for (size_t i = 0; i < now->count; i++) {
        const int code = now->items[i].code;
        if (code > 0 && code < 1000 && !has_finding(then, &now->items[i]))
            counts.of[code]++;
    }
    for (size_t i = 0; i < now->count; i++) {
        const opa_finding *f = &now->items[i];
        if (f->code <= 0 || f->code >= 1000 || counts.of[f->code] == 0 || has_finding(then, f))
            continue;
        put_finding(out, label, f, (size_t)counts.of[f->code]);
        counts.of[f->code] = 0;
    }
}

static void put_certificate(struct sheet *out, const struct face faces[2])
{
    const char *names[2];
    for (int i = 0; i < 2; i++) {
        names[i] = opa_certificate_name(faces[i].assessment.alignment.certificate);
        names[i] = names[i] ? names[i] : "none";
    }
    struct wrap w = detail_field(out, "certificate", term_columns());
    wrap_string(&w, names[0], STYLE_PLAIN);
    if (strcmp(names[0], names[1]) != 0)
        wrap_printf(&w, STYLE_PLAIN, " -> %s", names[1]);
    wrap_end(&w);
}

int moments_page(struct sheet *out, struct cli *cli, const struct happened *what)
{
    const size_t columns = term_columns();
    const struct difference d = {.fields = what->fields, .kinds = what->kinds, .faces = what->faces};
    const struct words_options words = words_options_for(cli, columns);
    const int status = diff_detail(out, &words, columns, &d);
    put_certificate(out, what->faces);
    put_findings(out, "finding", &what->faces[1].findings, &what->faces[0].findings);
    put_findings(out, "settled", &what->faces[0].findings, &what->faces[1].findings);
    return status == OPA_OK ? 0 : cli_fail(cli, status, NULL);
}
