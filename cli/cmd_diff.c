/* SPDX-License-Identifier: Apache-2.0 */
#include "source.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "term.h"

/* The fields that may differ, as bits of a mask. */
static const char *const FIELDS[] = {"revised", "feedback",  "ground_truth", "image",
                                     "prompt",  "generated", "weights",      "excluded"};
enum { REVISED, FEEDBACK, GROUND_TRUTH, IMAGE, PROMPT, GENERATED, WEIGHTS, EXCLUDED, FIELD_COUNT };

enum change { ADDED, REMOVED, CHANGED };
static const char *const CHANGES[] = {"added", "removed", "changed"};

/* One line of the result. */
struct difference {
    char *id;
    size_t id_size;
    enum change change;
    unsigned fields;
};

/* One of the two sides, walked in order of key. */
struct side {
    struct source source;
    opa_sample sample;
    char key[OPA_KEY_SIZE];
    bool ended;
};

struct diff {
    struct cli *cli;
    struct side sides[2];
    opa_json_writer *w;
    struct difference *list;
    size_t count, capacity;
    int64_t same;
};

/* ---- comparing ---- */

/* Equal trees; the guard limits how deep they are. Numbers are compared as they are written. */
static bool tree_equal(const opa_json *da, const cJSON *a, const opa_json *db, const cJSON *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    opa_text x, y;
    if (opa_json_lexeme(da, a, &x))
        return opa_json_lexeme(db, b, &y) && text_equal(x, y);
    if (opa_json_text(da, a, &x))
        return opa_json_text(db, b, &y) && text_equal(x, y);
    if ((a->type & 0xFF) != (b->type & 0xFF))
        return false;
    const cJSON *p = a->child, *q = b->child;
    for (; p != NULL && q != NULL; p = p->next, q = q->next) {
        if (cJSON_IsObject(a) && !text_equal(opa_json_key(da, p), opa_json_key(db, q)))
            return false;
        if (!tree_equal(da, p, db, q))
            return false;
    }
    return p == q;
}

static int packed_weights_differ(struct diff *d, bool *out)
{
    static const char *const ROLES[] = {"generated", "revised", "ground_truth"};
    opa_json *docs[2] = {NULL, NULL};
    int status = OPA_OK;
    for (int i = 0; i < 2 && status == OPA_OK; i++)
        status = opa_json_parse(d->cli->ctx, &docs[i], d->sides[i].source.members.json, NULL, NULL);
    for (size_t r = 0; r < 3 && status == OPA_OK && !*out; r++) {
        const struct cJSON *weights[2];
        for (int i = 0; i < 2; i++) {
            const struct cJSON *responses = opa_json_get(opa_json_root(docs[i]), "responses");
            const struct cJSON *response = responses ? opa_json_get(responses, ROLES[r]) : NULL;
            weights[i] = response ? opa_json_get(response, "weights") : NULL;
        }
        *out = !tree_equal(docs[0], weights[0], docs[1], weights[1]);
    }
    opa_json_free(docs[0]);
    opa_json_free(docs[1]);
    return status;
}

/* A store has no weights yet; they follow from the scores and error types. */
static bool scores_differ(const opa_report *a, const opa_report *b)
{
    bool differ = a->count != b->count;
    for (size_t i = 0; i < a->count && !differ; i++)
        differ = a->sentences[i].added != b->sentences[i].added || a->sentences[i].score != b->sentences[i].score ||
                 a->sentences[i].error_type != b->sentences[i].error_type;
    return differ;
}

/* White space outside strings does not count. */
static int reports_differ(struct diff *d, opa_text a, opa_text b, bool *out)
{
    *out = (a.data == NULL) != (b.data == NULL);
    if (*out || a.data == NULL || text_equal(a, b))
        return OPA_OK;
    opa_text minified;
    opa_json_write_raw(d->w, a);
    int status = opa_json_writer_finish(d->w, &minified);
    char *copy = status == OPA_OK ? malloc(minified.size + 1) : NULL;
    if (copy == NULL)
        return OPA_ENOMEM;
    memcpy(copy, minified.data, minified.size);
    const opa_text first = {copy, minified.size};
    opa_json_writer_clear(d->w);
    opa_json_write_raw(d->w, b);
    status = opa_json_writer_finish(d->w, &minified);
    *out = status == OPA_OK && !text_equal(first, minified);
    opa_json_writer_clear(d->w);
    free(copy);
    return status;
}

static int compare_reports(struct diff *d, const struct view v[2], unsigned *fields)
{
    const bool packs[2] = {d->sides[0].source.pack != NULL, d->sides[1].source.pack != NULL};
    bool feedback, weights = false;
    int status = reports_differ(d, v[0].sample.report, v[1].sample.report, &feedback);
    if (status == OPA_OK && packs[0] && packs[1])
        status = packed_weights_differ(d, &weights);
    else
        weights = scores_differ(&v[0].assessment.report, &v[1].assessment.report);
    *fields |= (unsigned)feedback << FEEDBACK | (unsigned)weights << WEIGHTS;
    if (!packs[0] && !packs[1])
        *fields |= (unsigned)(v[0].sample.excluded != v[1].sample.excluded) << EXCLUDED;
    return status;
}

/* A blank revised text makes no pairs, so a pack has none. */
static bool revised_equal(opa_text a, opa_text b)
{
    return text_equal(a, b) || (opa_text_blank(a) && opa_text_blank(b));
}

static int compare(struct diff *d, unsigned *fields)
{
    struct view v[2] = {0};
    *fields = 0;
    int result = 0;
    for (int i = 0; i < 2 && result == 0; i++)
        result = source_view(&d->sides[i].source, &v[i], &d->sides[i].sample);
    if (result == 0) {
        const opa_sample *a = &v[0].sample, *b = &v[1].sample;
        const opa_text x = v[0].assessment.alignment.revised, y = v[1].assessment.alignment.revised;
        *fields |= (unsigned)!revised_equal(x, y) << REVISED;
        *fields |= (unsigned)!text_equal(a->ground_truth, b->ground_truth) << GROUND_TRUTH;
        *fields |= (unsigned)!text_equal(a->prompt, b->prompt) << PROMPT;
        *fields |= (unsigned)!text_equal(a->generated, b->generated) << GENERATED;
        const bool image = a->has_image != b->has_image ||
                           (a->has_image && memcmp(a->image_sha256, b->image_sha256, OPA_SHA256_SIZE) != 0);
        *fields |= (unsigned)image << IMAGE;
        const int status = compare_reports(d, v, fields);
        if (status != OPA_OK)
            result = cli_fail(d->cli, status, d->sides[0].source.path);
    }
    view_release(&v[0]);
    view_release(&v[1]);
    return result;
}

/* ---- walking ---- */

static int step(struct side *side)
{
    struct source *s = &side->source;
    const int status = source_next(s, &side->sample);
    side->ended = status == OPA_END;
    if (status == OPA_OK)
        opa_sample_key(side->key, side->sample.id);
    return status == OPA_OK || status == OPA_END ? 0 : cli_fail(s->cli, status, s->path);
}

static int note(struct diff *d, opa_text id, enum change change, unsigned fields)
{
    if (d->count == d->capacity) {
        const size_t capacity = d->capacity ? d->capacity * 2 : 64;
        struct difference *more = realloc(d->list, capacity * sizeof *more);
        if (more == NULL)
            return cli_error(d->cli, EXIT_IO, "out of memory");
        d->list = more;
        d->capacity = capacity;
    }
    char *copy = malloc(id.size + 1);
    if (copy == NULL)
        return cli_error(d->cli, EXIT_IO, "out of memory");
    memcpy(copy, id.data, id.size);
    d->list[d->count++] = (struct difference){copy, id.size, change, fields};
    return 0;
}

static int walk(struct diff *d)
{
    struct side *a = &d->sides[0], *b = &d->sides[1];
    int result = step(a);
    if (result == 0)
        result = step(b);
    while (result == 0 && !(a->ended && b->ended)) {
        const int order = a->ended ? 1 : b->ended ? -1 : strcmp(a->key, b->key);
        if (order == 0) {
            unsigned fields;
            result = compare(d, &fields);
            d->same += result == 0 && fields == 0;
            if (result == 0 && fields != 0)
                result = note(d, a->sample.id, CHANGED, fields);
        } else {
            const struct side *only = order < 0 ? a : b;
            result = note(d, only->sample.id, order < 0 ? REMOVED : ADDED, 0);
        }
        if (result == 0 && order <= 0)
            result = step(a);
        if (result == 0 && order >= 0)
            result = step(b);
    }
    return result;
}

/* ---- printing ---- */

static int print_jsonl(struct diff *d)
{
    int result = 0;
    for (size_t i = 0; i < d->count && result == 0 && out_alive(d->cli); i++) {
        const struct difference *x = &d->list[i];
        opa_json_begin_object(d->w);
        opa_json_write_key(d->w, "id");
        opa_json_write_text(d->w, (opa_text){x->id, x->id_size});
        opa_json_write_key(d->w, "change");
        opa_json_write_string(d->w, CHANGES[x->change]);
        opa_json_write_key(d->w, "fields");
        opa_json_begin_array(d->w);
        for (int f = 0; f < FIELD_COUNT; f++) {
            if (x->fields >> f & 1)
                opa_json_write_string(d->w, FIELDS[f]);
        }
        opa_json_end_array(d->w);
        opa_json_end_object(d->w);
        result = out_json_line(d->cli, d->w);
    }
    return result;
}

static void print_plain(struct diff *d)
{
    static const enum style STYLE[] = {STYLE_INSERTED, STYLE_ERROR, STYLE_WARNING};
    struct cli *cli = d->cli;
    int64_t count[3] = {0};
    char a[32], r[32], c[32], s[32];
    for (size_t i = 0; i < d->count; i++)
        count[d->list[i].change]++;
    out_printf(cli, "%s added, %s removed, %s changed, %s the same\n", thousands(a, count[ADDED]),
               thousands(r, count[REMOVED]), thousands(c, count[CHANGED]), thousands(s, d->same));
    for (size_t i = 0; i < d->count && out_alive(cli); i++) {
        const struct difference *x = &d->list[i];
        out_printf(cli, "%s%-8s%s ", style_begin(cli, STYLE[x->change]), CHANGES[x->change],
                   style_end(cli, STYLE[x->change]));
        out_visible(cli, (opa_text){x->id, x->id_size}, 0);
        const char *before = "  ";
        for (int f = 0; f < FIELD_COUNT; f++) {
            if (x->fields >> f & 1) {
                out_printf(cli, "%s%s", before, FIELDS[f]);
                before = ", ";
            }
        }
        out_printf(cli, "\n");
    }
}

static int diff(struct diff *d, bool jsonl)
{
    if (opa_json_writer_new(d->cli->ctx, &d->w) != OPA_OK)
        return cli_error(d->cli, EXIT_IO, "out of memory");
    int result = 0;
    for (int i = 0; i < 2 && result == 0; i++) {
        d->sides[i].source.order = OPA_ORDER_KEY;
        result = source_rewind(&d->sides[i].source);
    }
    if (result == 0)
        result = walk(d);
    if (result == 0 && jsonl)
        result = print_jsonl(d);
    else if (result == 0)
        print_plain(d);
    return result != 0 ? result : d->count > 0 ? EXIT_FINDING : EXIT_DONE;
}

static int run(struct cli *cli, int argc, char **argv)
{
    struct diff d = {.cli = cli};
    bool jsonl = false;
    const struct flag flags[] = {{"jsonl", 0, FLAG_SWITCH, &jsonl}};
    int go = cli_options(cli, argc, argv, flags, 1);
    if (go != GO_ON || (go = cli_arguments(cli, 2, 2, "two stores or packs")) != GO_ON)
        return go;
    int result = source_open(&d.sides[0].source, cli, cli->args[0]);
    if (result != 0)
        return result;
    result = source_open(&d.sides[1].source, cli, cli->args[1]);
    if (result == 0)
        result = diff(&d, jsonl);
    for (size_t i = 0; i < d.count; i++)
        free(d.list[i].id);
    free(d.list);
    opa_json_writer_free(d.w);
    source_close(&d.sides[0].source);
    source_close(&d.sides[1].source);
    return result;
}

const struct command cmd_diff = {
    .name = "diff",
    .summary = "say which samples two stores or packs do not share",
    .help = "Example: opapairs diff packs/v1 packs/v2\n"
            "         opapairs diff before.opa after.opa --jsonl\n\n"
            "Usage: opapairs diff A B [--jsonl]\n\n"
            "A sample is added (only in B), removed (only in A) or changed, with the fields that differ: revised,\n"
            "feedback, ground_truth, image, prompt, generated, weights, excluded. Revised texts are those in\n"
            "force. Exclusion is compared between stores only; weights between packs, else the scores and error\n"
            "types that they follow from.\n\n"
            "  --jsonl  a JSON document per sample that differs\n\n"
            "Exit: 0 the same, 1 they differ.\n",
    .run = run,
};
