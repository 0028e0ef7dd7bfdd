/* SPDX-License-Identifier: Apache-2.0 */
#include "side.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

/* ---- opening ---- */

static int by_id(const void *a, const void *b)
{
    return text_compare(((const struct left_out_line *)a)->id, ((const struct left_out_line *)b)->id);
}

/* "OP701" is 701; what is no code is 0. */
static int code_of(opa_text text)
{
    int code = 0;
    if (text.size != 5 || memcmp(text.data, "OP", 2) != 0)
        return 0;
    for (size_t i = 2; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return 0;
        code = code * 10 + (text.data[i] - '0');
    }
    return code;
}

static int read_left_out(struct side *side)
{
    const opa_json *manifest = opa_pack_manifest(side->source.pack);
    const struct cJSON *list = opa_json_get(opa_json_root(manifest), "left_out");
    const int count = cJSON_IsArray(list) ? cJSON_GetArraySize(list) : 0;
    side->left_out = calloc((size_t)count + 1, sizeof *side->left_out);
    if (side->left_out == NULL)
        return cli_error(side->source.cli, EXIT_IO, "out of memory");
    for (const cJSON *item = count > 0 ? list->child : NULL; item != NULL; item = item->next) {
        struct left_out_line *to = &side->left_out[side->left_out_count];
        opa_text code;
        if (!opa_json_text(manifest, opa_json_get(item, "id"), &to->id) ||
            !opa_json_text(manifest, opa_json_get(item, "code"), &code) || (to->why.code = code_of(code)) == 0)
            return cli_error(side->source.cli, EXIT_DATA, "%s: manifest.json: left_out: an id and a code are expected",
                             side->source.path);
        opa_json_text(manifest, opa_json_get(item, "reason"), &to->why.reason);
        side->left_out_count++;
    }
    qsort(side->left_out, side->left_out_count, sizeof *side->left_out, by_id);
    return 0;
}

int side_open(struct side *out, struct cli *cli, const char *path)
{
    *out = (struct side){0};
    int result = source_open(&out->source, cli, path);
    if (result != 0)
        return result;
    out->source.order = OPA_ORDER_KEY;
    if (out->source.pack == NULL)
        return 0;
    const int status = opa_pack_recipe(out->source.pack, &out->own);
    return status == OPA_OK ? read_left_out(out) : cli_fail(cli, status, path);
}

void side_close(struct side *side)
{
    free(side->left_out);
    opa_recipe_free(side->own);
    source_close(&side->source);
    *side = (struct side){0};
}

void sides_meet(struct side sides[2])
{
    for (int i = 0; i < 2; i++)
        sides[i].recipe = sides[i].source.store ? sides[!i].own : NULL;
}

/* ---- walking ---- */

int side_rewind(struct side *side)
{
    side->ended = side->lost = false;
    side->lost_count = 0;
    return source_rewind(&side->source);
}

/* A missing shard has a thousand samples: the first few of them say it. */
static void say_lost(struct side *side, int status)
{
    enum { SAID = 3 };
    struct cli *cli = side->source.cli;
    const char *path = side->source.path;
    if (++side->lost_count <= SAID)
        cli_fail(cli, status, path);
    if (side->lost_count == SAID)
        cli_note(cli, "%s: further samples that cannot be read are counted only; 'opapairs verify %s' lists them", path,
                 path);
}

/* A pack's sample is read and verified, not parsed yet. */
static int next_packed(struct side *side)
{
    struct source *s = &side->source;
    if (s->next == opa_pack_count(s->pack))
        return OPA_END;
    side->id = opa_pack_at(s->pack, s->next)->id;
    return opa_pack_read(s->pack, &s->members, s->next++);
}

int side_step(struct side *side)
{
    struct source *s = &side->source;
    const int status = s->pack ? next_packed(side) : source_next(s, &side->sample);
    side->ended = status == OPA_END;
    side->lost = source_is_lost(s, status);
    if (side->lost)
        say_lost(side, status);
    else if (status != OPA_OK && !side->ended)
        return cli_fail(s->cli, status, s->path);
    if (s->store != NULL && !side->ended)
        side->id = side->sample.id;
    if (!side->ended)
        opa_sample_key(side->key, side->id);
    return 0;
}

int side_read(struct side *side)
{
    struct source *s = &side->source;
    if (s->store != NULL || side->lost)
        return 0;
    const int status = opa_pack_sample(s->pack, &side->sample, &s->members);
    side->lost = source_is_lost(s, status);
    if (side->lost)
        say_lost(side, status);
    return status == OPA_OK || side->lost ? 0 : cli_fail(s->cli, status, s->path);
}

int side_find(struct side *side, opa_text id)
{
    return source_find(&side->source, &side->sample, id);
}

/* ---- what a side has of a sample ---- */

static opa_text visible(opa_text text)
{
    return opa_text_blank(text) ? (opa_text){0} : text;
}

int side_face(struct side *side, struct face *out, const opa_sample *sample)
{
    *out = (struct face){.sample = sample, .revised = sample->revised, .ground_truth = sample->ground_truth};
    if (side->source.pack != NULL)
        return 0;
    opa_align_options options = OPA_ALIGN_OPTIONS_INIT;
    if (side->recipe != NULL)
        options = opa_recipe_align_options(side->recipe);
    const int status = face_make(out, side->source.cli->ctx, sample, options);
    if (status != OPA_OK)
        return cli_fail(side->source.cli, status, side->source.path);
    if (side->recipe != NULL) {
        out->revised = visible(out->revised);
        out->ground_truth = visible(out->ground_truth);
    }
    return 0;
}

/* ---- what is left out ---- */

static const opa_finding *least_error(const opa_findings *list)
{
    const opa_finding *out = NULL;
    for (size_t i = 0; i < list->count; i++) {
        const opa_finding *f = &list->items[i];
        if (code_severity(f->code) == OPA_ERROR && (out == NULL || f->code < out->code))
            out = f;
    }
    return out;
}

static int check(struct side *side, struct face *face)
{
    struct source *s = &side->source;
    const opa_check_options options = OPA_CHECK_OPTIONS_INIT;
    int status = s->checker ? OPA_OK : opa_checker_new(s->cli->ctx, &s->checker, &options);
    if (status == OPA_OK)
        status = face_check(face, s->checker);
    if (status != OPA_OK)
        return cli_fail(s->cli, status, s->path);
    return source_add_stored(s, &face->findings, face->sample->id) ? 0 : cli_error(s->cli, EXIT_IO, "out of memory");
}

int side_leaves_out(struct side *side, struct left_out *out, struct face *face)
{
    *out = (struct left_out){0};
    if (face->sample->excluded) {
        *out = (struct left_out){OPA_F_EXCLUDED, OPA_TEXT("excluded by a person")};
        return 0;
    }
    const int result = check(side, face);
    if (result != 0)
        return result;
    const opa_finding *error = least_error(&face->findings);
    opa_pairs pairs;
    opa_recipe_apply(side->recipe, &pairs, face->sample, &face->assessment);
    if (error != NULL)
        *out = (struct left_out){error->code, text_of(error->message ? error->message : "")};
    else if (pairs.left_out != 0)
        *out = (struct left_out){pairs.left_out, text_of(pairs.reason)};
    return 0;
}

static int note_exclusion(void *user, const opa_edit *e)
{
    char *out = user;
    const opa_text by = e->by.data ? e->by : OPA_TEXT("somebody"), why = e->why.data ? e->why : OPA_TEXT("");
    if (e->what == OPA_EDIT_EXCLUDE)
        snprintf(out, EXCLUSION_SIZE, "by %.*s%s%.*s", (int)by.size, by.data, why.size > 0 ? ": " : "", (int)why.size,
                 why.data);
    return 0;
}

const char *side_exclusion(struct side *side, char out[EXCLUSION_SIZE], opa_text id)
{
    /* The last one is in force, or the sample would not be excluded. What cannot be read is only not said. */
    out[0] = '\0';
    opa_store_log(side->source.store, id, note_exclusion, out);
    return out;
}

bool side_has_error(const struct side *side, opa_text id)
{
    opa_findings stored = {0};
    const bool known = source_add_stored(&side->source, &stored, id);
    const bool has = !known || least_error(&stored) != NULL;
    opa_findings_release(&stored);
    return has;
}

struct left_out side_left_out(const struct side *side, opa_text id)
{
    const struct left_out_line wanted = {.id = id};
    const struct left_out_line *found =
        side->left_out_count > 0 ? bsearch(&wanted, side->left_out, side->left_out_count, sizeof *side->left_out, by_id)
                                 : NULL;
    return found ? found->why : (struct left_out){0};
}
