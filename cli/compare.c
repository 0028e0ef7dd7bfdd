/* SPDX-License-Identifier: Apache-2.0 */
#include "compare.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

const char *const FIELD_NAMES[FIELD_COUNT] = {"revised", "feedback",  "ground_truth", "image",
                                              "prompt",  "generated", "weights",      "excluded"};
const char *const KIND_LABELS[KIND_COUNT] = {"re-edited",    "re-scored",      "report reworded",    "other image",
                                             "other prompt", "other response", "other ground truth", "other weights",
                                             "excluded",     "included again"};

static bool same_tokenizer(const struct side sides[2])
{
    opa_text prints[2];
    const struct cJSON *eos[2];
    int64_t ids[2] = {-1, -1};
    for (int i = 0; i < 2; i++) {
        const opa_json *manifest = opa_pack_manifest(sides[i].source.pack);
        const struct cJSON *tokenizer = opa_json_get(opa_json_root(manifest), "tokenizer");
        if (!opa_json_text(manifest, opa_json_get(tokenizer, "fingerprint"), &prints[i]))
            return false;
        eos[i] = opa_json_get(opa_json_get(tokenizer, "eos"), "id");
        opa_json_integer(manifest, eos[i], &ids[i]);
    }
    return text_equal(prints[0], prints[1]) && ids[0] == ids[1];
}

int comparison_init(struct comparison *out, struct cli *cli, struct side *sides)
{
    *out = (struct comparison){.cli = cli, .sides = sides, .by_exclusion = true};
    if (sides != NULL) {
        sides_meet(sides);
        const opa_recipe *a = sides[0].own, *b = sides[1].own;
        out->by_exclusion = a == NULL && b == NULL;
        out->by_weights =
            a != NULL && b != NULL && text_equal(opa_recipe_json(a), opa_recipe_json(b)) && same_tokenizer(sides);
    }
    return opa_json_writer_new(cli->ctx, &out->scratch) == OPA_OK ? 0 : cli_error(cli, EXIT_IO, "out of memory");
}

void comparison_release(struct comparison *c)
{
    opa_json_writer_free(c->scratch);
    *c = (struct comparison){0};
}

/* ---- what packs hold ---- */

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

static int packed_weights_differ(struct comparison *c, bool *out)
{
    static const char *const ROLES[] = {"generated", "revised", "ground_truth"};
    opa_json *docs[2] = {NULL, NULL};
    int status = OPA_OK;
    for (int i = 0; i < 2 && status == OPA_OK; i++)
        status = opa_json_parse(c->cli->ctx, &docs[i], c->sides[i].source.members.json, NULL, NULL);
    *out = false;
    for (size_t r = 0; r < 3 && status == OPA_OK && !*out; r++) {
        const struct cJSON *weights[2];
        for (int i = 0; i < 2; i++) {
            const struct cJSON *responses = opa_json_get(opa_json_root(docs[i]), "responses");
            weights[i] = opa_json_get(opa_json_get(responses, ROLES[r]), "weights");
        }
        *out = !tree_equal(docs[0], weights[0], docs[1], weights[1]);
    }
    opa_json_free(docs[0]);
    opa_json_free(docs[1]);
    return status;
}

/* ---- reports ---- */

/* White space outside strings does not count. */
static int reports_differ(struct comparison *c, opa_text a, opa_text b, bool *out)
{
    *out = (a.data == NULL) != (b.data == NULL);
    if (*out || a.data == NULL || text_equal(a, b))
        return OPA_OK;
    opa_text minified;
    opa_json_writer_clear(c->scratch);
    opa_json_write_raw(c->scratch, a);
    int status = opa_json_writer_finish(c->scratch, &minified);
    char *copy = status == OPA_OK ? malloc(minified.size + 1) : NULL;
    if (copy == NULL)
        return OPA_ENOMEM;
    memcpy(copy, minified.data, minified.size);
    const opa_text first = {copy, minified.size};
    opa_json_writer_clear(c->scratch);
    opa_json_write_raw(c->scratch, b);
    status = opa_json_writer_finish(c->scratch, &minified);
    *out = status == OPA_OK && !text_equal(first, minified);
    free(copy);
    return status;
}

static int compare_reports(struct comparison *c, const struct face faces[2], unsigned *fields)
{
    bool feedback, weights = false;
    c->rescored = false;
    const opa_text old = faces[0].sample->report, new = faces[1].sample->report;
    int status = reports_differ(c, old, new, &feedback);
    if (status == OPA_OK && feedback) {
        struct report_changes changes;
        status = report_changes_make(&changes, c->cli->ctx, old, new);
        c->rescored = weights = changes.rescored;
        report_changes_release(&changes);
    }
    if (status == OPA_OK && c->by_weights)
        status = packed_weights_differ(c, &weights);
    *fields |= (unsigned)feedback << FIELD_FEEDBACK | (unsigned)weights << FIELD_WEIGHTS;
    return status;
}

/* ---- samples ---- */

static bool image_equal(const opa_sample *a, const opa_sample *b)
{
    return a->has_image == b->has_image &&
           (!a->has_image || memcmp(a->image_sha256, b->image_sha256, OPA_SHA256_SIZE) == 0);
}

/* Two packs: the bytes are the same, as the index says. They are read, and so verified, all the same. Two stores:
 * everything that the revised text in force follows from is the same. */
bool certainly_equal(const struct comparison *c)
{
    const struct side *s = c->sides;
    if (s[0].source.pack != NULL && s[1].source.pack != NULL)
        return memcmp(opa_pack_at(s[0].source.pack, s[0].source.next - 1)->sha256,
                      opa_pack_at(s[1].source.pack, s[1].source.next - 1)->sha256, OPA_SHA256_SIZE) == 0;
    if (!c->by_exclusion)
        return false;
    const opa_sample *a = &s[0].sample, *b = &s[1].sample;
    return text_equal(a->generated, b->generated) && text_equal(a->revised, b->revised) &&
           a->revised_by_hand == b->revised_by_hand && text_equal(a->report, b->report) &&
           a->report_expected == b->report_expected && text_equal(a->prompt, b->prompt) &&
           text_equal(a->ground_truth, b->ground_truth) && a->excluded == b->excluded && image_equal(a, b);
}

int compare_samples(struct comparison *c, unsigned *fields, struct face faces[2])
{
    const opa_sample *a = faces[0].sample, *b = faces[1].sample;
    *fields = 0;
    *fields |= (unsigned)!text_equal(faces[0].revised, faces[1].revised) << FIELD_REVISED;
    *fields |= (unsigned)!text_equal(faces[0].ground_truth, faces[1].ground_truth) << FIELD_GROUND_TRUTH;
    *fields |= (unsigned)!text_equal(a->prompt, b->prompt) << FIELD_PROMPT;
    *fields |= (unsigned)!text_equal(a->generated, b->generated) << FIELD_GENERATED;
    *fields |= (unsigned)!image_equal(a, b) << FIELD_IMAGE;
    if (c->by_exclusion)
        *fields |= (unsigned)(a->excluded != b->excluded) << FIELD_EXCLUDED;
    const int status = compare_reports(c, faces, fields);
    return status == OPA_OK ? 0 : cli_fail(c->cli, status, NULL);
}

unsigned compare_kinds(const struct comparison *c, unsigned fields, const struct face faces[2])
{
    const unsigned texts = 1u << FIELD_REVISED | 1u << FIELD_GROUND_TRUTH | 1u << FIELD_GENERATED;
    const bool feedback = fields >> FIELD_FEEDBACK & 1, weights = fields >> FIELD_WEIGHTS & 1;
    const bool excluded = fields >> FIELD_EXCLUDED & 1, now = faces[1].sample->excluded;
    return (fields >> FIELD_REVISED & 1) << KIND_EDITED | (unsigned)c->rescored << KIND_SCORED |
           (unsigned)(feedback && !c->rescored) << KIND_REPORT | (fields >> FIELD_IMAGE & 1) << KIND_IMAGE |
           (fields >> FIELD_PROMPT & 1) << KIND_PROMPT | (fields >> FIELD_GENERATED & 1) << KIND_RESPONSE |
           (fields >> FIELD_GROUND_TRUTH & 1) << KIND_TRUTH |
           (unsigned)(weights && !feedback && !(fields & texts)) << KIND_WEIGHTS |
           (unsigned)(excluded && now) << KIND_EXCLUDED | (unsigned)(excluded && !now) << KIND_INCLUDED;
}
